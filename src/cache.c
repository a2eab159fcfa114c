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

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "image.h"

#define KEPT_MODELS		8		/* items and users of each count as two */
#define OPTIONAL_TABLE	3		/* item_attribute: no facts without it */

/* advisory locks of our own: the server's functions use 1 and 2 here */
#define LOCK_IMAGE		3

/* most recently used first */
static RsModel *kept[KEPT_MODELS];

/* ---- rights ---- */

/*
 * Whether the caller sees all of the tables that an image is made from; errors
 * if it may not read them at all.
 */
static bool
sees_everything(const RsRecommender *r, const RsImageKey *key)
{
	static const char *const of_items[] = {"popularity", "item_factor", "item_neighbor", "item_attribute"};
	static const char *const of_users[] = {"user_factor"};
	const char *const *tables = key->side == RS_IMAGE_USERS ? of_users : of_items;
	int			n = key->side == RS_IMAGE_USERS ? lengthof(of_users) : lengthof(of_items);
	bool		all = true;

	for (int i = 0; i < n; i++)
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

static RsImageParts *
build_image(RsRecommender *r, const RsImageKey *key, const RsModel *of, bool partial)
{
	if (key->side == RS_IMAGE_USERS)
		return rs_image_build_users(r, key, of, partial);
	return rs_image_build(r, key, partial);
}

/*
 * Makes the image, for all backends where may_share and it can be had.  One
 * backend makes it, the others that need it wait.
 */
static RsModel *
make_model(RsRecommender *r, const RsImageKey *key, const RsModel *of, bool may_share)
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
		p = build_image(r, key, of, false);
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
read_partial(RsRecommender *r, const RsImageKey *key, const RsModel *of, MemoryContext until)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "recsys image", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RsModel    *m = copy_model(build_image(r, key, of, true), until);

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
	RsModel    *m = kept[place];

	memmove(&kept[place], &kept[place + 1], (KEPT_MODELS - 1 - place) * sizeof(RsModel *));
	kept[KEPT_MODELS - 1] = NULL;
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
		if (kept[i] != NULL && kept[i]->shared && !rs_image_exists(&kept[i]->image->key))
			drop_kept(i);
}

/* Puts a new model first; the one that falls off the end is let go. */
static void
keep_model(RsModel *m)
{
	drop_kept(KEPT_MODELS - 1);
	memmove(&kept[1], &kept[0], (KEPT_MODELS - 1) * sizeof(RsModel *));
	MemoryContextSetParent(m->context, TopMemoryContext);
	m->kept = true;
	kept[0] = m;
}

/*
 * uncommitted: the present transaction has made the model.  Should it roll
 * back, nobody would remove the image that others shared.  of: where the image
 * is one of users, their model.
 */
static RsModel *
get_model(RsRecommender *r, const RsImageKey *key, const RsModel *of,
		  bool uncommitted, MemoryContext until)
{
	RsModel    *m;

	if (!sees_everything(r, key))
	{
		m = read_partial(r, key, of, until);
		m->uncommitted = uncommitted;
		return m;
	}
	for (int i = 0; i < KEPT_MODELS && kept[i] != NULL; i++)
	{
		m = kept[i];
		if (memcmp(&m->image->key, key, sizeof(*key)) != 0)
			continue;
		if (m->uncommitted && !uncommitted)
		{
			drop_kept(i);
			break;
		}
		memmove(&kept[1], &kept[0], i * sizeof(RsModel *));
		kept[0] = m;
		return use_model(m, until);
	}
	drop_removed();
	/* below the caller's context, so that an error leaves nothing */
	m = uncommitted ? NULL : map_model(key);
	if (m == NULL)
		m = make_model(r, key, of, !uncommitted);
	m->uncommitted = uncommitted;
	keep_model(m);
	return use_model(m, until);
}

RsModel *
rs_model_get(RsRecommender *r, const RsImageKey *key, bool uncommitted, MemoryContext until)
{
	return get_model(r, key, NULL, uncommitted, until);
}

/*
 * Makes the image of a committed model, for others to find.  Nothing where it
 * is there, or cannot be shared.
 */
void
rs_model_make(RsRecommender *r, const RsImageKey *key)
{
	if (sees_everything(r, key) && !rs_image_exists(key))
		MemoryContextDelete(make_model(r, key, NULL, true)->context);
}

RsModel *
rs_model_users(RsRecommender *r, const RsModel *m)
{
	RsImageKey	key = m->image->key;

	key.side = RS_IMAGE_USERS;
	key.item_type = r->user_type;
	key.item_collation = r->user_collation;
	return get_model(r, &key, m, m->uncommitted, CurrentMemoryContext);
}
