/*-------------------------------------------------------------------------
 *
 * log.c
 *	  Writes what was asked and shown into SHOP.request and SHOP.exposure, and
 *	  reads it back.
 *
 * All by SQL as the caller, so that grants, row-level security and partitions
 * mean what they say: two prepared statements a request, whatever its length.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "array.h"
#include "log.h"
#include "plan.h"

/* ---- writing ---- */

static void
check_insert(const RsRecommender *r, const char *table)
{
	Oid			oid = get_relname_relid(table, r->schema_oid);

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table %s.%s does not exist", r->schema, table)));
	if (pg_class_aclcheck(oid, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to log to %s.%s", r->schema, table),
				 errhint("GRANT INSERT ON %s.request, %s.exposure TO %s; or use %s.recommend, which logs nothing.",
						 r->schema, r->schema, quote_identifier(GetUserNameFromId(GetUserId(), false)), r->schema)));
}

void
rs_log_check(const RsRecommender *r)
{
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot log a request in a read-only transaction"),
				 errhint("On a standby or in a read-only transaction use %s.recommend, which writes nothing.", r->schema)));
	check_insert(r, "request");
	check_insert(r, "exposure");
}

static Datum
float4_array(const float *x, int n)
{
	return PointerGetDatum(rs_vector_make(x, n));
}

static Datum
value_array(Datum *values, int n, Oid type)
{
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_array(values, n, type, length, by_value, align));
}

static Datum
time_array(const int64 *time, int n)
{
	Datum	   *values = palloc((n + 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		values[i] = TimestampTzGetDatum(time[i]);
	return value_array(values, n, TIMESTAMPTZOID);
}

static void
run_insert(const char *query, int n, const Oid *types, Datum *values, const char *nulls)
{
	int			rc = SPI_execute_plan(rs_plan(query, n, types), values, nulls, false, 0);

	if (rc != SPI_OK_INSERT)
		elog(ERROR, "could not log a request: %s", SPI_result_code_string(rc));
}

/* What is hidden has the score -infinity. */
static double
largest(const float *evidence, const float *score, uint32 n)
{
	float		most = 0;

	if (evidence != NULL)
		for (uint32 i = 0; i < n; i++)
			if (evidence[i] > most && score[i] > -INFINITY)
				most = evidence[i];
	return most;
}

/* Are the scores those of a learned ranker? */
static bool
is_ranked(const RsRequest *q)
{
	return q->policy.method == RS_FUNNEL && q->m->funnel.ranker.nfeatures > 0;
}

void
rs_log_scales(const RsRequest *q, double *neighbor, double *factor)
{
	bool		scaled = q->score != NULL && !is_ranked(q);

	*neighbor = scaled ? largest(q->neighbor, q->score, q->m->funnel.nitems) : 0;
	*factor = scaled ? largest(q->factor, q->score, q->m->funnel.nitems) : 0;
}

/* What was asked: the first values of a row of request, of n in all. */
static void
take_asked(const RsRequest *q, const RsAsked *a, int n, Datum *v, char *nulls)
{
	memset(nulls, ' ', n);
	nulls[n] = '\0';
	v[0] = TimestampTzGetDatum(q->as_of);
	v[1] = UUIDPGetDatum(&a->id);
	v[2] = CStringGetTextDatum(a->unit);
	v[3] = a->user;
	nulls[3] = a->has_user ? ' ' : 'n';
	v[4] = BoolGetDatum(a->session);
	v[5] = CStringGetTextDatum(a->placement);
	v[6] = Int32GetDatum(q->k);
	v[7] = a->filter ? JsonbPGetDatum(a->filter) : (Datum) 0;
	nulls[7] = a->filter ? ' ' : 'n';
}

static void
write_request(const RsRequest *q, const RsAsked *a, int rows)
{
	const RsRecommender *r = q->r;
	const RsHistory *h = q->h;
	Oid			types[] = {TIMESTAMPTZOID, UUIDOID, TEXTOID, r->user_type, BOOLOID, TEXTOID, INT4OID, JSONBOID,
		NAMEOID, INT4OID, INT8OID, INT4OID, TEXTOID, get_array_type(r->item_type), FLOAT4ARRAYOID,
	TIMESTAMPTZARRAYOID, INT4OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, INT8OID, TEXTOID};
	double		scales[2];
	Datum		v[lengthof(types)];
	char		nulls[lengthof(types) + 1];

	take_asked(q, a, lengthof(types), v, nulls);
	v[8] = NameGetDatum(&q->policy.name);
	v[9] = Int32GetDatum(q->policy.version);
	v[10] = Int64GetDatum(q->m->model_id);
	v[11] = Int32GetDatum(q->m->feature_version);
	v[12] = CStringGetTextDatum(is_ranked(q) ? "linear" : "none");
	v[13] = rs_id_array(r->item_type, h->item, h->nitems);
	v[14] = float4_array(h->item_weight, h->nitems);
	v[15] = time_array(h->item_time, h->nitems);
	v[16] = Int32GetDatum(rows);
	v[17] = Float8GetDatum(a->milliseconds);
	rs_log_scales(q, &scales[0], &scales[1]);
	v[18] = Float8GetDatum(scales[0]);
	v[19] = Float8GetDatum(scales[1]);
	v[20] = Int64GetDatum(a->experiment_id);
	v[21] = a->variant ? CStringGetTextDatum(a->variant) : (Datum) 0;
	nulls[20] = nulls[21] = a->variant ? ' ' : 'n';
	run_insert(psprintf("INSERT INTO %s.request (requested_at, request_id, unit, user_id, session, placement, k, filter,"
						" policy, policy_version, model_id, feature_version, ranker,"
						" history_item, history_weight, history_at, rows, milliseconds,"
						" neighbor_scale, factor_scale, experiment_id, variant)"
						" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
						r->schema), lengthof(types), types, v, nulls);
}

void
rs_log_write_external(const RsRequest *q, const RsAsked *a)
{
	const RsRecommender *r = q->r;
	Oid			types[] = {TIMESTAMPTZOID, UUIDOID, TEXTOID, r->user_type, BOOLOID, TEXTOID, INT4OID, JSONBOID,
	FLOAT8OID, INT8OID, TEXTOID};
	Datum		v[lengthof(types)];
	char		nulls[lengthof(types) + 1];

	take_asked(q, a, lengthof(types), v, nulls);
	v[8] = Float8GetDatum(a->milliseconds);
	v[9] = Int64GetDatum(a->experiment_id);
	v[10] = CStringGetTextDatum(a->variant);
	run_insert(psprintf("INSERT INTO %s.request (requested_at, request_id, unit, user_id, session, placement, k, filter,"
						" policy, policy_version, model_id, feature_version, ranker,"
						" history_item, history_weight, history_at, rows, milliseconds,"
						" neighbor_scale, factor_scale, experiment_id, variant)"
						" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'external', 0, 0, 0, 'none', '{}', '{}', '{}', 0, $9, 0, 0, $10, $11)",
						r->schema), lengthof(types), types, v, nulls);
}

/* All rows by one statement; their features travel as one array. */
static void
write_exposures(const RsRequest *q, const RsAsked *a, const RsListed *row, int n)
{
	const RsRecommender *r = q->r;
	int			f = q->m->nfeatures;
	Oid			types[] = {TIMESTAMPTZOID, UUIDOID, TEXTOID, r->user_type, get_array_type(r->item_type),
		FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, TEXTARRAYOID, FLOAT8ARRAYOID,
	FLOAT4ARRAYOID, INT4OID};
	Datum		v[lengthof(types)];
	char		nulls[lengthof(types) + 1];
	Datum	   *items = palloc_extended(n * sizeof(Datum), MCXT_ALLOC_HUGE);
	Datum	   *sources = palloc_extended(n * sizeof(Datum), MCXT_ALLOC_HUGE);
	Datum	   *number = palloc_extended((Size) n * 5 * sizeof(Datum), MCXT_ALLOC_HUGE);
	float	   *features = palloc_extended((Size) n * f * sizeof(float), MCXT_ALLOC_HUGE);

	for (int i = 0; i < n; i++)
	{
		items[i] = row[i].item;
		sources[i] = CStringGetTextDatum(rs_source_name(row[i].source));
		number[i] = Float8GetDatum(row[i].score);
		number[n + i] = Float8GetDatum(row[i].base_score);
		number[2 * n + i] = Float8GetDatum(row[i].boost);
		number[3 * n + i] = Float8GetDatum(row[i].freshness);
		number[4 * n + i] = Float8GetDatum(row[i].propensity);
		memcpy(features + (Size) i * f, row[i].features, f * sizeof(float));
	}
	memset(nulls, ' ', lengthof(types));
	nulls[lengthof(types)] = '\0';
	v[0] = TimestampTzGetDatum(q->as_of);
	v[1] = UUIDPGetDatum(&a->id);
	v[2] = CStringGetTextDatum(a->unit);
	v[3] = a->user;
	nulls[3] = a->has_user ? ' ' : 'n';
	v[4] = rs_id_array(r->item_type, items, n);
	for (int i = 0; i < 4; i++)
		v[5 + i] = value_array(number + (Size) i * n, n, FLOAT8OID);
	v[9] = value_array(sources, n, TEXTOID);
	v[10] = value_array(number + (Size) 4 * n, n, FLOAT8OID);
	v[11] = float4_array(features, n * f);
	v[12] = Int32GetDatum(f);
	run_insert(psprintf("INSERT INTO %s.exposure (requested_at, request_id, unit, user_id, position, item_id,"
						" score, base_score, boost, freshness, source, propensity, features)"
						" SELECT $1, $2, $3, $4, e.n::pg_catalog.int4, e.item, e.score, e.base, e.boost, e.fresh, e.source,"
						" e.propensity, $12[(e.n - 1) * $13 + 1 : e.n * $13]"
						" FROM unnest($5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY e (item, score, base, boost, fresh, source, propensity, n)",
						r->schema), lengthof(types), types, v, nulls);
}

void
rs_log_write(const RsRequest *q, const RsAsked *asked, const RsListed *row, int n)
{
	write_request(q, asked, n);
	if (n > 0)
		write_exposures(q, asked, row, n);
}

/* ---- reading ---- */

/* A copy that outlives the tuple table; NULL where the column is. */
static Datum
copy_value(int row, int column, int16 length, bool by_value, bool *isnull)
{
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);

	return *isnull ? value : datumCopy(value, by_value, length);
}

/* Floats of an array column. */
static float *
copy_floats(int row, int column, int *n)
{
	ArrayType  *a = DatumGetArrayTypePCopy(rs_spi_value(row, column));

	*n = ArrayGetNItems(ARR_NDIM(a), ARR_DIMS(a));
	if (ARR_HASNULL(a))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("unexpected NULL in column \"%s\"", SPI_fname(SPI_tuptable->tupdesc, column))));
	return (float *) ARR_DATA_PTR(a);
}

static void
read_history(const RsRecommender *r, RsLogged *l, int column)
{
	Datum	   *times;
	int			nweights;
	int			ntimes;

	l->item = rs_elements(DatumGetArrayTypePCopy(rs_spi_value(0, column)), r->item_type, &l->nitems);
	l->weight = copy_floats(0, column + 1, &nweights);
	times = rs_elements(DatumGetArrayTypePCopy(rs_spi_value(0, column + 2)), TIMESTAMPTZOID, &ntimes);
	if (nweights != l->nitems || ntimes != l->nitems)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the logged history has %d items, %d weights and %d times", l->nitems, nweights, ntimes)));
	l->time = palloc((ntimes + 1) * sizeof(int64));
	for (int i = 0; i < ntimes; i++)
		l->time[i] = DatumGetTimestampTz(times[i]);
}

static void
read_shown(const RsRecommender *r, RsLogged *l)
{
	Oid			argtypes[] = {TIMESTAMPTZOID, UUIDOID};
	Oid			types[] = {INT4OID, r->item_type, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, TEXTOID, FLOAT8OID, FLOAT4ARRAYOID};
	Datum		args[2];
	int16		length;
	bool		by_value;

	args[0] = TimestampTzGetDatum(l->requested_at);
	args[1] = UUIDPGetDatum(&l->id);
	l->nshown = (int) rs_spi_select(psprintf("SELECT e.position, e.item_id, e.score, e.base_score, e.boost, e.freshness,"
											 " e.source, e.propensity, e.features FROM %s.exposure e"
											 " WHERE e.requested_at = $1 AND e.request_id = $2 ORDER BY e.position", r->schema),
									lengthof(argtypes), argtypes, args, lengthof(types), types);
	l->shown = palloc_extended((l->nshown + 1) * sizeof(RsShown), MCXT_ALLOC_HUGE);
	get_typlenbyval(r->item_type, &length, &by_value);
	for (int i = 0; i < l->nshown; i++)
	{
		RsShown    *s = &l->shown[i];

		s->position = DatumGetInt32(rs_spi_value(i, 1));
		s->item = datumCopy(rs_spi_value(i, 2), by_value, length);
		s->score = DatumGetFloat8(rs_spi_value(i, 3));
		s->base_score = DatumGetFloat8(rs_spi_value(i, 4));
		s->boost = DatumGetFloat8(rs_spi_value(i, 5));
		s->freshness = DatumGetFloat8(rs_spi_value(i, 6));
		s->source = TextDatumGetCString(rs_spi_value(i, 7));
		s->propensity = DatumGetFloat8(rs_spi_value(i, 8));
		s->features = copy_floats(i, 9, &s->nfeatures);
	}
	SPI_freetuptable(SPI_tuptable);
}

RsLogged *
rs_log_read(const RsRecommender *r, const pg_uuid_t *id)
{
	RsLogged   *l = palloc0(sizeof(RsLogged));
	Oid			argtypes[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID};
	Oid			types[] = {TIMESTAMPTZOID, r->user_type, BOOLOID, INT4OID, JSONBOID, NAMEOID, INT4OID, INT8OID, INT4OID,
	get_array_type(r->item_type), FLOAT4ARRAYOID, TIMESTAMPTZARRAYOID, FLOAT8OID, FLOAT8OID};
	TimestampTz from;
	TimestampTz until;
	Datum		args[3];
	Datum		value;
	int16		length;
	bool		by_value;
	bool		isnull;

	rs_request_id_span(id, &from, &until);
	args[0] = TimestampTzGetDatum(from);
	args[1] = TimestampTzGetDatum(until);
	args[2] = UUIDPGetDatum(id);
	if (rs_spi_select(psprintf("SELECT q.requested_at, q.user_id, q.session, q.k, q.filter, q.policy, q.policy_version, q.model_id,"
							   " q.feature_version, q.history_item, q.history_weight, q.history_at,"
							   " q.neighbor_scale, q.factor_scale FROM %s.request q"
							   " WHERE q.requested_at >= $1 AND q.requested_at < $2 AND q.request_id = $3", r->schema),
					  lengthof(argtypes), argtypes, args, lengthof(types), types) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("request %s of recommender \"%s\" is not logged",
						DatumGetCString(DirectFunctionCall1(uuid_out, args[2])), NameStr(r->name)),
				 errhint("SELECT request_id FROM %s.request lists those that are, for the days of the setting \"request_days\".", r->schema)));
	l->id = *id;
	l->requested_at = DatumGetTimestampTz(rs_spi_value(0, 1));
	get_typlenbyval(r->user_type, &length, &by_value);
	l->user = copy_value(0, 2, length, by_value, &isnull);
	l->has_user = !isnull;
	l->session = DatumGetBool(rs_spi_value(0, 3));
	l->k = DatumGetInt32(rs_spi_value(0, 4));
	value = copy_value(0, 5, -1, false, &isnull);
	l->filter = isnull ? NULL : DatumGetJsonbP(value);
	l->policy = *DatumGetName(rs_spi_value(0, 6));
	if (strcmp(NameStr(l->policy), "external") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("request %s has shown the app's own list", DatumGetCString(DirectFunctionCall1(uuid_out, args[2]))),
				 errhint("Lists of policy \"external\" are made outside of the database and cannot be made again.")));
	l->policy_version = DatumGetInt32(rs_spi_value(0, 7));
	l->model_id = DatumGetInt64(rs_spi_value(0, 8));
	l->feature_version = DatumGetInt32(rs_spi_value(0, 9));
	read_history(r, l, 10);
	l->neighbor_scale = DatumGetFloat8(rs_spi_value(0, 13));
	l->factor_scale = DatumGetFloat8(rs_spi_value(0, 14));
	SPI_freetuptable(SPI_tuptable);
	read_shown(r, l);
	return l;
}

TimestampTz
rs_logged_until(const RsLogged *l)
{
	TimestampTz until = l->requested_at;

	for (int i = 0; i < l->nitems; i++)
		until = Max(until, l->time[i]);
	return until;
}
