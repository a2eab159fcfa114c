/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  Models in memory.
 *
 * A model's rows never change once it is ready, so a copy keyed by the model's
 * id is never stale.  Each backend keeps the models that it used last.  Every
 * call checks that the caller may read the tables the copy came from; where
 * row-level security is on for one of them, the copy is made for the call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "array.h"
#include "serve.h"
#include "stream.h"

#define KEPT_MODELS		4

/* most recently used first */
static RsModel *kept[KEPT_MODELS];

/* ---- reading ---- */

typedef struct Reader
{
	RsModel    *model;
	uint32		allocated;
	uint32		filled;
} Reader;

static void
read_popularity(const Datum *values, const bool *isnull, void *arg)
{
	Reader	   *reader = arg;
	RsModel    *m = reader->model;
	uint32		n = rs_idmap_add(m->items, values[0]);

	if (n == reader->allocated)
	{
		reader->allocated *= 2;
		m->popularity = repalloc_huge(m->popularity, reader->allocated * sizeof(float));
	}
	m->popularity[n] = (float) DatumGetFloat8(values[1]);
}

static void
read_factor(const Datum *values, const bool *isnull, void *arg)
{
	Reader	   *reader = arg;
	RsModel    *m = reader->model;
	uint32		n = rs_idmap_find(m->items, values[0]);
	int			length;
	float	   *factor = rs_vector(DatumGetArrayTypeP(values[1]), &length);

	if (n == RS_NO_ID && m->partial)
		return;
	if (n == RS_NO_ID || length != m->fold.factors)
		elog(ERROR, "item factors of model " INT64_FORMAT " do not fit together", m->model_id);
	rs_join_row(m->fold.kind, length, factor, isnull[2] ? 0 : DatumGetFloat4(values[2]),
				m->row + (Size) n * m->fold.width);
	reader->filled++;
}

/* Numbers the items in the order of their ids, and popularity with them. */
static void
sort_items(RsModel *m)
{
	uint32	   *place = palloc_extended((m->nitems + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	float	   *sorted = MemoryContextAllocHuge(m->context, (m->nitems + 1) * sizeof(float));

	rs_idmap_sort(m->items, place);
	for (uint32 i = 0; i < m->nitems; i++)
		sorted[place[i]] = m->popularity[i];
	pfree(m->popularity);
	pfree(place);
	m->popularity = sorted;
}

/* The Gram matrix, and how many factors there are. */
static void
read_gram(const RsRecommender *r, RsModel *m)
{
	Oid			argtypes[] = {INT8OID, NAMEOID};
	Oid			types[] = {INT4OID, FLOAT4ARRAYOID};
	Datum		args[2];
	float	   *gram;
	float	   *copy;
	int			length;

	args[0] = Int64GetDatum(m->model_id);
	args[1] = NameGetDatum(&r->name);
	if (rs_spi_select("SELECT g.factors, g.gram FROM recsys.model_gram g"
					  " WHERE g.model_id = $1 AND g.recommender = $2",
					  2, argtypes, args, 2, types) == 0)
		return;
	m->fold.factors = DatumGetInt32(rs_spi_value(0, 1));
	gram = rs_vector(DatumGetArrayTypeP(rs_spi_value(0, 2)), &length);
	if (m->fold.factors < 1 || m->fold.factors > RS_MAX_FACTORS ||
		length != m->fold.factors * m->fold.factors)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("Gram matrix of model " INT64_FORMAT " has %d elements and %d factors",
						m->model_id, length, m->fold.factors)));
	copy = MemoryContextAlloc(m->context, length * sizeof(float));
	memcpy(copy, gram, length * sizeof(float));
	m->fold.gram = copy;
}

#define NUMBER(of, key) " coalesce((m.parameters " of " ->> '" key "')::float8, 0)"

/* What the model's row says. */
static void
read_settings(RsModel *m)
{
	Oid			types[] = {TEXTOID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
		FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, BOOLOID};
	Oid			type = INT8OID;
	Datum		arg = Int64GetDatum(m->model_id);
	RsFoldIn   *f = &m->fold;

	if (rs_spi_select("SELECT m.method," NUMBER("", "alpha0") "," NUMBER("-> 'settings'", "lambda")
					  "," NUMBER("-> 'settings'", "nu") "," NUMBER("-> 'settings'", "blend")
					  "," NUMBER("-> 'settings'", "factors") "," NUMBER("-> 'settings'", "bias_lambda")
					  "," NUMBER("", "mu") "," NUMBER("", "scale") "," NUMBER("", "highest_rating")
					  ", coalesce((m.parameters -> 'settings' ->> 'item_bias')::boolean, false)"
					  " FROM recsys.model m WHERE m.model_id = $1",
					  1, &type, &arg, lengthof(types), types) != 1)
		elog(ERROR, "could not read model " INT64_FORMAT, m->model_id);
	m->method = rs_method(TextDatumGetCString(rs_spi_value(0, 1)));
	f->alpha0 = DatumGetFloat8(rs_spi_value(0, 2));
	f->lambda = DatumGetFloat8(rs_spi_value(0, 3));
	f->nu = DatumGetFloat8(rs_spi_value(0, 4));
	m->blend = DatumGetFloat8(rs_spi_value(0, 5));
	f->kind = m->method == RS_BPR && DatumGetBool(rs_spi_value(0, 11)) ?
		RS_KIND_BIASED : RS_KIND_IMPLICIT;
	if (m->method != RS_EXPLICIT)
		return;
	f->kind = RS_KIND_RATING;
	f->factors = (int) DatumGetFloat8(rs_spi_value(0, 6));
	if (f->factors < 1 || f->factors > RS_MAX_FACTORS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("model " INT64_FORMAT " has %d factors", m->model_id, f->factors)));
	f->rating.factors = f->factors;
	f->rating.lambda = f->lambda;
	f->rating.nu = f->nu;
	f->rating.bias_lambda = DatumGetFloat8(rs_spi_value(0, 7));
	f->rating.mu = DatumGetFloat8(rs_spi_value(0, 8));
	f->rating.scale = DatumGetFloat8(rs_spi_value(0, 9));
	m->highest = (float) DatumGetFloat8(rs_spi_value(0, 10));
}

/*
 * The rows of the items' factors; of those that row-level security hides they
 * are zero.
 */
static void
read_rows(const RsRecommender *r, RsModel *m)
{
	RsFoldIn   *f = &m->fold;
	Reader		reader = {m};
	Oid			types[] = {r->item_type, FLOAT4ARRAYOID, FLOAT4OID};
	Size		bytes;

	f->width = rs_row_width(f->kind, f->factors);
	f->nitems = m->nitems;
	bytes = (Size) Max(m->nitems, 1) * f->width * sizeof(float);
	m->row = MemoryContextAllocHuge(m->context, bytes);
	f->row = m->row;
	if (m->partial)
		memset(m->row, 0, bytes);
	rs_stream(psprintf("SELECT f.item_id, f.factor, f.bias FROM %s.item_factor f WHERE f.model_id = " INT64_FORMAT,
					   r->schema, m->model_id), 3, types, 2, read_factor, &reader);
	if (reader.filled != m->nitems && !m->partial)
		elog(ERROR, "model " INT64_FORMAT " has %u items and %u item factors",
			 m->model_id, m->nitems, reader.filled);
}

/*
 * partial: row-level security may hide items from the caller, in one table and
 * not in the other; an item without factors fits nobody's taste.
 */
static RsModel *
read_model(RsRecommender *r, int64 model_id, bool partial, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "recsys model",
												  ALLOCSET_DEFAULT_SIZES);
	RsModel    *m = MemoryContextAllocZero(context, sizeof(RsModel));
	Reader		reader = {0};
	Oid			popularity_types[] = {r->item_type, FLOAT8OID};

	m->context = context;
	m->schema = r->schema_oid;
	m->model_id = model_id;
	m->partial = partial;
	m->items = rs_idmap_create(r->item_type, r->item_collation, context);
	read_settings(m);
	reader.model = m;
	reader.allocated = 1024;
	m->popularity = MemoryContextAlloc(context, reader.allocated * sizeof(float));
	rs_stream(psprintf("SELECT p.item_id, p.score FROM %s.popularity p WHERE p.model_id = " INT64_FORMAT,
					   r->schema, model_id), 2, popularity_types, 2, read_popularity, &reader);
	m->nitems = rs_idmap_count(m->items);
	sort_items(m);
	if (rs_has_factors(m->method) && m->method != RS_EXPLICIT)
		read_gram(r, m);
	if (m->fold.factors > 0)
		read_rows(r, m);
	return m;
}

/* ---- keeping ---- */

/*
 * Whether the caller sees all of the model's tables; errors if it may not read
 * them at all.
 */
static bool
sees_everything(const RsRecommender *r)
{
	static const char *const tables[] = {"popularity", "item_factor"};
	bool		all = true;

	for (int i = 0; i < (int) lengthof(tables); i++)
	{
		Oid			table = get_relname_relid(tables[i], r->schema_oid);
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));

		if (!HeapTupleIsValid(tuple))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("table %s.%s does not exist", r->schema, tables[i])));
		if (((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity)
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
 * Marks a model as in use until the current context goes: a call may lead to
 * other calls, by way of a view's functions, and those to other models.
 */
static RsModel *
use_model(RsModel *m)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	m->users++;
	callback->func = unuse_model;
	callback->arg = m;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return m;
}

/* Puts a model first; the one that falls off the end is let go. */
static void
keep_model(RsModel *m, int from)
{
	if (from == KEPT_MODELS)
	{
		from--;
		if (kept[from] != NULL)
		{
			kept[from]->kept = false;
			release_model(kept[from]);
		}
		MemoryContextSetParent(m->context, TopMemoryContext);
		m->kept = true;
	}
	memmove(&kept[1], &kept[0], from * sizeof(RsModel *));
	kept[0] = m;
}

static RsModel *
get_model(RsRecommender *r, int64 model_id)
{
	RsModel    *m;

	if (!sees_everything(r))
		return read_model(r, model_id, true, CurrentMemoryContext);
	for (int i = 0; i < KEPT_MODELS; i++)
		if (kept[i] != NULL && kept[i]->model_id == model_id &&
			kept[i]->schema == r->schema_oid)
		{
			m = kept[i];
			keep_model(m, i);
			return use_model(m);
		}
	/* read below the caller's context, so that an error leaves nothing */
	m = read_model(r, model_id, false, CurrentMemoryContext);
	keep_model(m, KEPT_MODELS);
	return use_model(m);
}

/*
 * The newest model of a policy; else the live one, if it has been trained with
 * the policy's settings as one of its parts.
 */
static const char *const policy_query =
"SELECT m.model_id, CASE WHEN m.policy = p.policy THEN m.method ELSE p.method END"
" FROM recsys.policy p LEFT JOIN LATERAL ("
"  SELECT m.model_id, m.policy, m.method FROM recsys.model m"
"  WHERE m.recommender = p.recommender AND m.status = 'ready'"
"  AND (m.policy = p.policy"
"   OR m.model_id = $3 AND m.parameters -> 'settings' @> p.settings)"
"  ORDER BY m.policy = p.policy DESC, m.model_id DESC LIMIT 1) m ON true"
" WHERE p.recommender = $1 AND p.policy = $2 AND p.retired_at IS NULL";

/* Sets the method if a policy was given: the model's own applies otherwise. */
static int64
find_model(RsRecommender *r, Name policy, RsMethod *method)
{
	int64		model_id = r->live_model_id;

	if (policy != NULL)
	{
		Oid			types[3] = {NAMEOID, NAMEOID, INT8OID};
		Datum		args[3];
		bool		isnull;

		args[0] = NameGetDatum(&r->name);
		args[1] = NameGetDatum(policy);
		args[2] = Int64GetDatum(r->live_model_id);
		if (SPI_execute_with_args(policy_query, 3, types, args, NULL, true, 1) != SPI_OK_SELECT)
			elog(ERROR, "could not read the policy");
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("policy \"%s\" of recommender \"%s\" does not exist",
							NameStr(*policy), NameStr(r->name)),
					 errhint("SELECT policy FROM recsys.policy WHERE recommender = %s lists them.",
							 quote_literal_cstr(NameStr(r->name)))));
		model_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("policy \"%s\" of recommender \"%s\" has no model yet",
							NameStr(*policy), NameStr(r->name)),
					 errhint("CALL recsys.retrain(%s, policy => %s);",
							 quote_literal_cstr(NameStr(r->name)), quote_literal_cstr(NameStr(*policy)))));
		*method = rs_method(TextDatumGetCString(rs_spi_value(0, 2)));
	}
	if (model_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recommender \"%s\" has no published model", NameStr(r->name)),
				 errhint("CALL recsys.retrain(%s);", quote_literal_cstr(NameStr(r->name)))));
	return model_id;
}

RsModel *
rs_model_for_policy(RsRecommender *r, Name policy, RsMethod *method)
{
	RsModel    *m = get_model(r, find_model(r, policy, method));

	if (policy == NULL)
		*method = m->method;
	return m;
}

RsModel *
rs_model_read(RsRecommender *r, Name policy, RsMethod *method, MemoryContext parent)
{
	int64		model_id = find_model(r, policy, method);
	RsModel    *m = read_model(r, model_id, !sees_everything(r), parent);

	if (policy == NULL)
		*method = m->method;
	return m;
}
