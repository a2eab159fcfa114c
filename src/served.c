/*-------------------------------------------------------------------------
 *
 * served.c
 *	  Which model a policy is served by.
 *
 * Read at each call, in the caller's snapshot: a model goes live with one row,
 * and an older snapshot has the older one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "image.h"

/* The live model, and the live policy as it is now. */
static const char *const live_query =
"SELECT m.model_id, m.nonce, m.xmin, m.method, p.version, (p.settings -> 'rules')::text"
" FROM recsys.model m LEFT JOIN recsys.policy p"
" ON p.recommender = m.recommender AND p.policy = $3 AND p.retired_at IS NULL"
" WHERE m.model_id = $1 AND m.recommender = $2";

/*
 * The live model, if it is the policy's (its newest one may be held back); else
 * the policy's newest, by the method that it has now; else the live one, if it
 * has been trained with the policy's settings, rules aside, as one of its parts.
 */
static const char *const policy_query =
"SELECT m.model_id, m.nonce, m.xmin, CASE WHEN m.policy = p.policy THEN m.method ELSE p.method END,"
" p.version, (p.settings -> 'rules')::text"
" FROM recsys.policy p LEFT JOIN LATERAL ("
"  SELECT m.model_id, m.nonce, m.xmin, m.policy, m.method FROM recsys.model m"
"  WHERE m.recommender = p.recommender AND m.status = 'ready'"
"  AND (m.policy = p.policy AND (m.method = p.method OR m.model_id = $1)"
"   OR m.model_id = $1 AND m.parameters -> 'settings' @> (p.settings - 'rules'))"
"  ORDER BY m.policy = p.policy DESC, m.model_id = $1 DESC, m.model_id DESC LIMIT 1) m ON true"
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

/* The rest of a key. */
static void
complete_key(const RsRecommender *r, RsImageKey *key)
{
	key->database = MyDatabaseId;
	key->schema = r->schema_oid;
	key->item_type = r->item_type;
	key->item_collation = r->item_collation;
}

/* The model of a key whose model and nonce have been found. */
static RsModel *
open_model(RsRecommender *r, RsImageKey *key, bool uncommitted, MemoryContext until)
{
	complete_key(r, key);
	return rs_model_get(r, key, uncommitted, until);
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

/*
 * Makes the image of a model before anybody needs it, so that the first calls
 * after it has gone live do not wait.  Nothing where it cannot be shared.
 */
void
rs_model_share(RsRecommender *r, int64 model_id)
{
	Oid			argtypes[] = {INT8OID, NAMEOID};
	Oid			types[] = {INT8OID, XIDOID};
	Datum		args[2];
	RsImageKey	key = {0};

	args[0] = Int64GetDatum(model_id);
	args[1] = NameGetDatum(&r->name);
	if (rs_spi_select("SELECT m.nonce, m.xmin FROM recsys.model m WHERE m.model_id = $1 AND m.recommender = $2"
					  " AND m.status = 'ready'", lengthof(argtypes), argtypes, args, lengthof(types), types) != 1 ||
		TransactionIdIsCurrentTransactionId(DatumGetTransactionId(rs_spi_value(0, 2))))
		return;
	key.model_id = model_id;
	key.nonce = DatumGetInt64(rs_spi_value(0, 1));
	complete_key(r, &key);
	rs_model_make(r, &key);
}

RsModel *
rs_model_for_policy(RsRecommender *r, Name policy, RsPolicyRow *row)
{
	return rs_model_read(r, policy, row, CurrentMemoryContext);
}
