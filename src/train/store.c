/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Writes a trained model into the recommender's tables.
 *
 * Rows go through a tuplestore that SQL sees as a relation, and one INSERT ...
 * SELECT for each table: constraints, triggers and rights hold as for anybody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <inttypes.h>

#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/timestamp.h"

#include "array.h"
#include "parts.h"

#define ROWS_RELATION	"recsys_rows"
#define FEATURE_VERSION	1

/*
 * INSERT INTO target SELECT select FROM the rows; frees the tuplestore.
 */
void
rs_write_rows(const char *target, const char *select, TupleDesc desc,
			  Tuplestorestate *rows)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	int			rc;

	enr->md.name = ROWS_RELATION;
	enr->md.reliddesc = InvalidOid;
	enr->md.tupdesc = desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = (double) tuplestore_tuple_count(rows);
	enr->reldata = rows;
	rc = SPI_register_relation(enr);
	if (rc != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register the rows to write: %s",
			 SPI_result_code_string(rc));
	rc = SPI_execute(psprintf("INSERT INTO %s SELECT %s FROM " ROWS_RELATION,
							  target, select), false, 0);
	if (rc != SPI_OK_INSERT)
		elog(ERROR, "could not write to %s: %s", target,
			 SPI_result_code_string(rc));
	SPI_unregister_relation(ROWS_RELATION);
	tuplestore_end(rows);
}

/* A tuplestore and its descriptor, of named and typed columns. */
static TupleDesc
make_desc(int n, const char *const *names, const Oid *types)
{
	TupleDesc	desc = CreateTemplateTupleDesc(n);

	for (int i = 0; i < n; i++)
		TupleDescInitEntry(desc, i + 1, names[i], types[i], -1, 0);
	return desc;
}

/* By users, those of long ago counting less where they do; ties by item. */
static int
compare_users(const void *a, const void *b, void *arg)
{
	const RsMatrix *m = arg;
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;
	double		nx = rs_users_of(m, x);
	double		ny = rs_users_of(m, y);

	if (nx != ny)
		return nx > ny ? -1 : 1;
	return (x > y) - (x < y);
}

static int64
store_popularity(RsRun *run)
{
	static const char *const names[] = {"item_id", "users", "score", "rank"};
	Oid			types[] = {run->recommender->item_type, INT8OID, FLOAT8OID, INT4OID};
	TupleDesc	desc = make_desc(4, names, types);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	const RsMatrix *m = run->final->parts->matrix;
	uint32		nitems = m->items.nrows;
	uint32	   *order = palloc_extended(nitems * sizeof(uint32), MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i < nitems; i++)
		order[i] = i;
	qsort_interruptible(order, nitems, sizeof(uint32), compare_users, (void *) m);
	for (uint32 place = 0; place < nitems; place++)
	{
		uint32		i = order[place];
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = rs_idmap_datum(run->items, m->item[i]);
		values[1] = Int64GetDatum((int64) (m->items.start[i + 1] - m->items.start[i]));
		values[2] = Float8GetDatum(run->final->parts->popularity[i]);
		values[3] = Int32GetDatum(place + 1);
		tuplestore_putvalues(rows, desc, values, nulls);
	}
	pfree(order);
	rs_write_rows(psprintf("%s.popularity (model_id, item_id, users, score, rank)", run->recommender->schema),
				  psprintf(INT64_FORMAT ", item_id, users, score, rank", run->model_id),
				  desc, rows);
	return nitems;
}

static int64
store_neighbors(RsRun *run, const RsNeighborPart *part)
{
	static const char *const names[] = {"item_id", "neighbor_id", "rank", "users_both", "similarity"};
	Oid			item = run->recommender->item_type;
	Oid			types[] = {item, item, INT4OID, INT4OID, FLOAT8OID};
	TupleDesc	desc = make_desc(5, names, types);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	const RsMatrix *m = run->final->parts->matrix;

	for (uint32 i = 0; i < m->items.nrows; i++)
	{
		for (uint64 j = part->start[i]; j < part->start[i + 1]; j++)
		{
			Datum		values[5];
			bool		nulls[5] = {false};

			values[0] = rs_idmap_datum(run->items, m->item[i]);
			values[1] = rs_idmap_datum(run->items, m->item[part->neighbor[j].item]);
			values[2] = Int32GetDatum((int32) (j - part->start[i] + 1));
			values[3] = Int32GetDatum((int32) part->neighbor[j].users_both);
			values[4] = Float8GetDatum(part->neighbor[j].similarity);
			tuplestore_putvalues(rows, desc, values, nulls);
		}
		CHECK_FOR_INTERRUPTS();
	}
	rs_write_rows(psprintf("%s.item_neighbor (model_id, item_id, neighbor_id, rank, users_both, similarity)", run->recommender->schema),
				  psprintf(INT64_FORMAT ", item_id, neighbor_id, rank, users_both, similarity", run->model_id),
				  desc, rows);
	return part->start[m->items.nrows];
}

/* One side's factors: SHOP.user_factor or SHOP.item_factor. */
static int64
store_factors(RsRun *run, const char *side, RsIdMap *ids, Oid type,
			  const uint32 *number, const RsCsr *pairs, const float *x,
			  const float *bias, int f)
{
	const char *id = psprintf("%s_id", side);
	const char *const names[] = {id, "factor", "bias", "interactions"};
	Oid			types[] = {type, FLOAT4ARRAYOID, FLOAT4OID, INT4OID};
	TupleDesc	desc = make_desc(4, names, types);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);

	for (uint32 i = 0; i < pairs->nrows; i++)
	{
		ArrayType  *factor = rs_vector_make(x + (Size) i * f, f);
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = rs_idmap_datum(ids, number[i]);
		values[1] = PointerGetDatum(factor);
		values[2] = Float4GetDatum(bias != NULL ? bias[i] : 0);
		nulls[2] = (bias == NULL);
		values[3] = Int32GetDatum((int32) (pairs->start[i + 1] - pairs->start[i]));
		tuplestore_putvalues(rows, desc, values, nulls);
		pfree(factor);
		CHECK_FOR_INTERRUPTS();
	}
	rs_write_rows(psprintf("%s.%s_factor (model_id, %s, factor, bias, interactions)", run->recommender->schema, side, id),
				  psprintf(INT64_FORMAT ", %s, factor, bias, interactions", run->model_id, id),
				  desc, rows);
	return pairs->nrows;
}

static void
store_gram(RsRun *run, const RsFactorPart *p)
{
	int			f = p->settings.factors;
	Oid			types[] = {INT8OID, NAMEOID, INT4OID, FLOAT4ARRAYOID};
	Datum		args[4];

	args[0] = Int64GetDatum(run->model_id);
	args[1] = NameGetDatum(&run->recommender->name);
	args[2] = Int32GetDatum(f);
	args[3] = PointerGetDatum(rs_vector_make(p->gram, f * f));
	if (SPI_execute_with_args("INSERT INTO recsys.model_gram (model_id, recommender, factors, gram)"
							  " VALUES ($1, $2, $3, $4)", 4, types, args, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write the Gram matrix");
}

/* Total size of the part tables with their indexes. */
static int64
table_bytes(const RsRun *run)
{
	Oid			type = OIDOID;
	Oid			result = INT8OID;
	Datum		schema = ObjectIdGetDatum(run->recommender->schema_oid);

	rs_spi_select("SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::pg_catalog.int8"
				  " FROM pg_catalog.pg_class c WHERE c.relnamespace = $1"
				  " AND c.relname IN ('popularity', 'item_neighbor', 'item_factor', 'user_factor')",
				  1, &type, &schema, 1, &result);
	return DatumGetInt64(rs_spi_value(0, 1));
}

/* The policy's settings, with what the training found, as JSON. */
static char *
parameters(const RsRun *run, const RsNeighborPart *neighbors,
		   const RsFactorPart *factors)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"settings\": %s, \"history_limit\": %d",
					 run->policy->settings, run->recommender->history_limit);
	if (neighbors)
		appendStringInfo(&json, ", \"history_cap\": %d, \"users_cut\": %u",
						 neighbors->settings.history_cap, neighbors->users_cut);
	if (factors)
	{
		if (factors->kind == RS_KIND_RATING)
			appendStringInfo(&json, ", \"mu\": %.17g, \"scale\": %.17g, \"lowest_rating\": %.9g, \"highest_rating\": %.9g",
							 factors->rating.mu, factors->rating.scale, factors->least, factors->most);
		else
			appendStringInfo(&json, ", \"alpha0\": %.9g", factors->settings.alpha0);
		appendStringInfo(&json, ", \"initial_sd\": %g, \"loss\": [", factors->settings.initial_sd);
		for (int i = 0; i < factors->settings.sweeps; i++)
			appendStringInfo(&json, "%s%.9g", i ? ", " : "", factors->loss[i]);
		appendStringInfoString(&json, "], \"sweep_seconds\": [");
		for (int i = 0; i < factors->settings.sweeps; i++)
			appendStringInfo(&json, "%s%.4f", i ? ", " : "", factors->seconds[i]);
		appendStringInfoChar(&json, ']');
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* Adds the model's row, status building. */
static void
insert_model(RsRun *run, const RsNeighborPart *neighbors,
			 const RsFactorPart *factors)
{
	const RsMatrix *m = run->final->parts->matrix;
	bool		ratings = (run->policy->method == RS_EXPLICIT);
	bool		has_time = run->recommender->has_time;
	Oid			types[] = {NAMEOID, NAMEOID, INT4OID, TEXTOID, TEXTOID, INT8OID, INT4OID,
		TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, TEXTOID, FLOAT8OID, INT8OID, TEXTOID};
	Datum		args[lengthof(types)];
	char		nulls[lengthof(types) + 1];

	memset(nulls, ' ', lengthof(types));
	nulls[lengthof(types)] = '\0';
	args[0] = NameGetDatum(&run->recommender->name);
	args[1] = NameGetDatum(&run->policy->name);
	args[2] = Int32GetDatum(run->policy->version);
	args[3] = CStringGetTextDatum(rs_method_name(run->policy->method));
	args[4] = CStringGetTextDatum(parameters(run, neighbors, factors));
	args[5] = Int64GetDatum(run->seed);
	args[6] = Int32GetDatum(FEATURE_VERSION);
	args[7] = TimestampTzGetDatum(m->from);
	args[8] = TimestampTzGetDatum(m->until);
	nulls[7] = nulls[8] = has_time ? ' ' : 'n';
	args[9] = Int64GetDatum(m->users.nrows);
	args[10] = Int64GetDatum(m->users.ncols);
	args[11] = Int64GetDatum((int64) (ratings ? m->shared_user_ratings.n : m->shared_users.n));
	args[12] = CStringGetTextDatum(psprintf("%016" PRIx64, ratings ? m->ratings_checksum : m->checksum));
	args[13] = Float8GetDatum(run->final->parts->seconds);
	args[14] = Int64GetDatum(run->peak_bytes);
	args[15] = CStringGetTextDatum(RS_BUILD);
	if (SPI_execute_with_args("INSERT INTO recsys.model (recommender, policy, policy_version, method, status,"
							  " parameters, seed, feature_version, data_from, data_until, users, items, interactions,"
							  " data_checksum, train_seconds, peak_bytes, table_bytes, wal_bytes, library_version)"
							  " VALUES ($1, $2, $3, $4, 'building', $5::pg_catalog.jsonb, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, 0, $16)"
							  " RETURNING model_id", lengthof(types), types, args, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not register the model");
	run->model_id = DatumGetInt64(rs_spi_value(0, 1));
}

static void
finish_model(const RsRun *run, int64 bytes, int64 wal)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID};
	Datum		args[3];

	args[0] = Int64GetDatum(run->model_id);
	args[1] = Int64GetDatum(bytes);
	args[2] = Int64GetDatum(wal);
	if (SPI_execute_with_args("UPDATE recsys.model SET status = 'ready', table_bytes = $2, wal_bytes = $3"
							  " WHERE model_id = $1", 3, types, args, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not finish the model");
}

/* Stage write. */
void
rs_store(RsRun *run, RsStageResult *result)
{
	RsParts    *parts = run->final->parts;
	RsNeighborPart *neighbors = rs_parts_neighbors(parts, run->policy);
	RsFactorPart *factors = rs_parts_factors(parts, run->policy);
	RsRecommender *r = run->recommender;
	const RsMatrix *m = parts->matrix;
	int64		bytes = table_bytes(run);
	XLogRecPtr	wal = GetXLogInsertRecPtr();
	int64		rows;

	insert_model(run, neighbors, factors);
	rows = store_popularity(run);
	if (neighbors)
		rows += store_neighbors(run, neighbors);
	if (factors)
	{
		bool		ratings = (factors->kind == RS_KIND_RATING);

		rows += store_factors(run, "item", run->items, r->item_type, m->item,
							  ratings ? &m->item_ratings : &m->items,
							  factors->item, factors->item_bias, factors->settings.factors);
		rows += store_factors(run, "user", run->users, r->user_type, m->user,
							  ratings ? &m->user_ratings : &m->users,
							  factors->user, factors->user_bias, factors->settings.factors);
		if (!ratings)
			store_gram(run, factors);
	}
	finish_model(run, table_bytes(run) - bytes, (int64) (GetXLogInsertRecPtr() - wal));
	result->rows_in = m->users.start[m->users.nrows];
	result->rows_out = rows;
}
