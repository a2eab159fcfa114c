/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  Models in memory.
 *
 * A model's rows never change once it is ready, so its image (image.h), keyed
 * by the model's id and a random number, is never stale.  It is in a file that
 * all backends map; each keeps the models that it used last.  Every call
 * checks that the caller may read the tables that the image comes from; where
 * row-level security is on for one of them, or one is not a table, the image
 * is made for the call alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "image.h"
#include "plan.h"

#define KEPT_MODELS		4
#define OPTIONAL_TABLE	3		/* item_attribute: no facts without it */

/* advisory locks of our own: the server's functions use 1 and 2 here */
#define LOCK_IMAGE		3

typedef struct Kept
{
	RsModel    *m;
	bool		uncommitted;	/* of a transaction that had not committed */
} Kept;

/* most recently used first */
static Kept kept[KEPT_MODELS];

/* ---- rights ---- */

/*
 * Whether the caller sees all of the model's tables; errors if it may not read
 * them at all.
 */
static bool
sees_everything(const RsRecommender *r)
{
	static const char *const tables[] = {"popularity", "item_factor", "item_neighbor", "item_attribute"};
	bool		all = true;

	for (int i = 0; i < (int) lengthof(tables); i++)
	{
		Oid			table = get_relname_relid(tables[i], r->schema_oid);
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
		Form_pg_class form;

		if (!HeapTupleIsValid(tuple) && i == OPTIONAL_TABLE)
			continue;
		if (!HeapTupleIsValid(tuple))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("table %s.%s does not exist", r->schema, tables[i])));
		form = (Form_pg_class) GETSTRUCT(tuple);
		if (form->relrowsecurity || form->relkind != RELKIND_RELATION)
			all = false;
		ReleaseSysCache(tuple);
		if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied for table %s.%s", r->schema, tables[i]),
					 errhint("GRANT SELECT ON ALL TABLES IN SCHEMA %s TO %s;", r->schema,
							 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	}
	return all;
}

/* ---- images ---- */

typedef struct Mapping
{
	MemoryContextCallback callback;
	const void *memory;
	Size		length;
} Mapping;

static void
unmap(void *arg)
{
	Mapping    *mapping = arg;

	if (mapping->memory != NULL)
		rs_image_unmap(mapping->memory, mapping->length);
}

/* The model from the file that backends share, or NULL if there is none. */
static RsModel *
map_model(const RsImageKey *key)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "recsys model",
												  ALLOCSET_SMALL_SIZES);
	Mapping    *mapping = MemoryContextAllocZero(context, sizeof(Mapping));
	RsModel    *m;

	mapping->callback.func = unmap;
	mapping->callback.arg = mapping;
	MemoryContextRegisterResetCallback(context, &mapping->callback);
	mapping->memory = rs_image_map(key, &mapping->length);
	if (mapping->memory == NULL)
	{
		MemoryContextDelete(context);
		return NULL;
	}
	m = rs_image_attach(mapping->memory, context);
	m->shared = true;
	return m;
}

/* The model in memory of this backend's own. */
static RsModel *
copy_model(const RsImageParts *p, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "recsys model", ALLOCSET_SMALL_SIZES);
	char	   *memory = MemoryContextAllocHuge(context, p->header.length + RS_IMAGE_ALIGN);

	memory = (char *) TYPEALIGN(RS_IMAGE_ALIGN, memory);
	memcpy(memory, &p->header, sizeof(p->header));
	for (int i = 0; i < RS_IMAGE_PARTS; i++)
		memcpy(memory + p->header.offset[i], p->part[i], p->header.bytes[i]);
	return rs_image_attach(memory, context);
}

/*
 * Makes the image, for all backends where may_share and it can be had.  One
 * backend makes it, the others that need it wait.
 */
static RsModel *
make_model(RsRecommender *r, const RsImageKey *key, bool may_share)
{
	MemoryContext parent = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(parent, "recsys image", ALLOCSET_DEFAULT_SIZES);
	RsImageParts *p;
	RsModel    *m = NULL;
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, key->database, (uint32) (key->model_id >> 32), (uint32) key->model_id, LOCK_IMAGE);
	if (may_share)
	{
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
		m = map_model(key);
	}
	if (m == NULL)
	{
		MemoryContextSwitchTo(context);
		p = rs_image_build(r, key, false);
		if (may_share)
			rs_image_sweep(r, key);
		MemoryContextSwitchTo(parent);
		if (may_share && rs_image_share(key, p))
			m = map_model(key);
		if (m == NULL)
			m = copy_model(p, parent);
	}
	if (may_share)
		LockRelease(&tag, ExclusiveLock, false);
	MemoryContextDelete(context);
	return m;
}

/* The model as this caller sees it, until the given context goes. */
static RsModel *
read_partial(RsRecommender *r, const RsImageKey *key, MemoryContext until)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "recsys image", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RsModel    *m = copy_model(rs_image_build(r, key, true), until);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	m->partial = true;
	return m;
}

/* ---- keeping ---- */

/* Frees a model that is neither kept nor in use. */
static void
release_model(RsModel *m)
{
	if (m->users == 0 && !m->kept)
		MemoryContextDelete(m->context);
}

/* A call that used a model has ended, one way or another. */
static void
unuse_model(void *arg)
{
	RsModel    *m = arg;

	m->users--;
	release_model(m);
}

/*
 * Marks a model as in use until a context goes: a call may lead to other
 * calls, by way of a view's functions, and those to other models.
 */
static RsModel *
use_model(RsModel *m, MemoryContext until)
{
	MemoryContextCallback *callback = MemoryContextAllocZero(until, sizeof(MemoryContextCallback));

	m->users++;
	callback->func = unuse_model;
	callback->arg = m;
	MemoryContextRegisterResetCallback(until, callback);
	return m;
}

/* Lets go of the model at a place, and closes the gap. */
static void
drop_kept(int place)
{
	RsModel    *m = kept[place].m;

	memmove(&kept[place], &kept[place + 1], (KEPT_MODELS - 1 - place) * sizeof(Kept));
	kept[KEPT_MODELS - 1].m = NULL;
	if (m != NULL)
	{
		m->kept = false;
		release_model(m);
	}
}

/*
 * A new model has come, so others may be gone: their names are, and what this
 * backend maps of them would not be freed before it ends.
 */
static void
drop_removed(void)
{
	for (int i = KEPT_MODELS - 1; i >= 0; i--)
		if (kept[i].m != NULL && kept[i].m->shared && !rs_image_exists(&kept[i].m->image->key))
			drop_kept(i);
}

/* Puts a new model first; the one that falls off the end is let go. */
static void
keep_model(RsModel *m, bool uncommitted)
{
	drop_kept(KEPT_MODELS - 1);
	memmove(&kept[1], &kept[0], (KEPT_MODELS - 1) * sizeof(Kept));
	MemoryContextSetParent(m->context, TopMemoryContext);
	m->kept = true;
	kept[0].m = m;
	kept[0].uncommitted = uncommitted;
}

/*
 * uncommitted: the present transaction has made the model.  Should it roll
 * back, nobody would remove the image that others shared.
 */
static RsModel *
get_model(RsRecommender *r, const RsImageKey *key, bool uncommitted, MemoryContext until)
{
	RsModel    *m;

	if (!sees_everything(r))
		return read_partial(r, key, until);
	for (int i = 0; i < KEPT_MODELS && kept[i].m != NULL; i++)
	{
		Kept		found = kept[i];

		if (memcmp(&found.m->image->key, key, sizeof(*key)) != 0)
			continue;
		if (found.uncommitted && !uncommitted)
		{
			drop_kept(i);
			break;
		}
		memmove(&kept[1], &kept[0], i * sizeof(Kept));
		kept[0] = found;
		return use_model(found.m, until);
	}
	drop_removed();
	/* below the caller's context, so that an error leaves nothing */
	m = uncommitted ? NULL : map_model(key);
	if (m == NULL)
		m = make_model(r, key, !uncommitted);
	keep_model(m, uncommitted);
	return use_model(m, until);
}

/* ---- which model ---- */

/* The live model, and the live policy as it is now. */
static const char *const live_query =
"SELECT m.model_id, m.nonce, m.xmin, m.method, p.version, (p.settings -> 'rules')::text"
" FROM recsys.model m LEFT JOIN recsys.policy p"
" ON p.recommender = m.recommender AND p.policy = $3 AND p.retired_at IS NULL"
" WHERE m.model_id = $1 AND m.recommender = $2";

/*
 * The newest model of a policy; else the live one, if it has been trained with
 * the policy's settings, rules aside, as one of its parts.
 */
static const char *const policy_query =
"SELECT m.model_id, m.nonce, m.xmin, CASE WHEN m.policy = p.policy THEN m.method ELSE p.method END,"
" p.version, (p.settings -> 'rules')::text"
" FROM recsys.policy p LEFT JOIN LATERAL ("
"  SELECT m.model_id, m.nonce, m.xmin, m.policy, m.method FROM recsys.model m"
"  WHERE m.recommender = p.recommender AND m.status = 'ready'"
"  AND (m.policy = p.policy"
"   OR m.model_id = $1 AND m.parameters -> 'settings' @> (p.settings - 'rules'))"
"  ORDER BY m.policy = p.policy DESC, m.model_id DESC LIMIT 1) m ON true"
" WHERE p.recommender = $2 AND p.policy = $3 AND p.retired_at IS NULL";

/* A value of the row just read; whether it is NULL where that may be. */
static Datum
get_value(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

/*
 * What the row just read says of a policy and its model; whether the
 * transaction has made the model itself.
 */
static bool
take_model(RsPolicyRow *row, RsImageKey *key)
{
	bool		isnull;
	Datum		value;
	bool		uncommitted;

	key->model_id = DatumGetInt64(rs_spi_value(0, 1));
	key->nonce = DatumGetInt64(rs_spi_value(0, 2));
	uncommitted = TransactionIdIsCurrentTransactionId(DatumGetTransactionId(rs_spi_value(0, 3)));
	row->method = rs_method(TextDatumGetCString(rs_spi_value(0, 4)));
	value = get_value(5, &isnull);
	row->version = isnull ? 0 : DatumGetInt32(value);
	value = get_value(6, &isnull);
	row->rules = isnull ? NULL : TextDatumGetCString(value);
	SPI_freetuptable(SPI_tuptable);
	return uncommitted;
}

/*
 * The model that a policy scores with now, and whether the transaction has
 * made it itself.
 */
static bool
find_model(RsRecommender *r, Name policy, RsPolicyRow *row, RsImageKey *key)
{
	Oid			argtypes[] = {INT8OID, NAMEOID, NAMEOID};
	Oid			types[] = {INT8OID, INT8OID, XIDOID, TEXTOID, INT4OID, TEXTOID};
	Datum		args[3];
	bool		isnull;

	if (policy == NULL && r->live_model_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recommender \"%s\" has no published model", NameStr(r->name)),
				 errhint("CALL recsys.retrain(%s);", quote_literal_cstr(NameStr(r->name)))));
	memset(row, 0, sizeof(*row));
	row->name = policy == NULL ? r->live_policy : *policy;
	args[0] = Int64GetDatum(r->live_model_id);
	args[1] = NameGetDatum(&r->name);
	args[2] = NameGetDatum(&row->name);
	if (rs_spi_select(policy == NULL ? live_query : policy_query, lengthof(argtypes), argtypes, args, lengthof(types), types) == 0)
	{
		if (policy == NULL)
			elog(ERROR, "could not read model " INT64_FORMAT, r->live_model_id);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("policy \"%s\" of recommender \"%s\" does not exist",
						NameStr(*policy), NameStr(r->name)),
				 errhint("SELECT policy FROM recsys.policy WHERE recommender = %s lists them.",
						 quote_literal_cstr(NameStr(r->name)))));
	}
	(void) get_value(1, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("policy \"%s\" of recommender \"%s\" has no model yet",
						NameStr(row->name), NameStr(r->name)),
				 errhint("CALL recsys.retrain(%s, policy => %s);",
						 quote_literal_cstr(NameStr(r->name)), quote_literal_cstr(NameStr(row->name)))));
	return take_model(row, key);
}

/* The model of a key whose model and nonce have been found. */
static RsModel *
open_model(RsRecommender *r, RsImageKey *key, bool uncommitted, MemoryContext until)
{
	key->database = MyDatabaseId;
	key->schema = r->schema_oid;
	key->item_type = r->item_type;
	key->item_collation = r->item_collation;
	return get_model(r, key, uncommitted, until);
}

RsModel *
rs_model_read(RsRecommender *r, Name policy, RsPolicyRow *row, MemoryContext until)
{
	RsImageKey	key = {0};
	bool		uncommitted = find_model(r, policy, row, &key);

	return open_model(r, &key, uncommitted, until);
}

/* A version of a policy, with a model that may be of another version. */
static const char *const logged_query =
"SELECT m.model_id, m.nonce, m.xmin, CASE WHEN m.policy = p.policy THEN m.method ELSE p.method END,"
" p.version, (p.settings -> 'rules')::text"
" FROM recsys.policy p, recsys.model m"
" WHERE m.model_id = $1 AND m.recommender = $2 AND m.status = 'ready'"
" AND p.recommender = $2 AND p.policy = $3 AND p.version = $4";

RsModel *
rs_model_logged(RsRecommender *r, int64 model_id, Name policy, int version,
				RsPolicyRow *row, MemoryContext until)
{
	Oid			argtypes[] = {INT8OID, NAMEOID, NAMEOID, INT4OID};
	Oid			types[] = {INT8OID, INT8OID, XIDOID, TEXTOID, INT4OID, TEXTOID};
	Datum		args[4];
	RsImageKey	key = {0};
	bool		uncommitted;

	memset(row, 0, sizeof(*row));
	row->name = *policy;
	args[0] = Int64GetDatum(model_id);
	args[1] = NameGetDatum(&r->name);
	args[2] = NameGetDatum(&row->name);
	args[3] = Int32GetDatum(version);
	if (rs_spi_select(logged_query, lengthof(argtypes), argtypes, args, lengthof(types), types) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model " INT64_FORMAT " of recommender \"%s\" is no longer kept", model_id, NameStr(r->name)),
				 errhint("The setting \"keep_models\" says how many models of a policy are kept.")));
	uncommitted = take_model(row, &key);
	return open_model(r, &key, uncommitted, until);
}

RsModel *
rs_model_for_policy(RsRecommender *r, Name policy, RsPolicyRow *row)
{
	return rs_model_read(r, policy, row, CurrentMemoryContext);
}
