/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Writes a trained model into the recommender's tables.
 *
 * Each table is filled in the order of its primary key (see write.c); a model
 * is the newest one, so that its rows come after all others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <inttypes.h>

#include "catalog/pg_type.h"
#include "executor/instrument.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "array.h"
#include "progress.h"
#include "view.h"

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
store_popularity(RsRun *run, int64 *bytes)
{
	const RsColumn columns[] = {
		{"item_id", run->recommender->item_type}, {"users", INT8OID},
		{"score", FLOAT8OID}, {"rank", INT4OID}
	};
	RsWriter   *w = rs_writer_begin(psprintf("%s.popularity (model_id, item_id, users, score, rank)",
											 run->recommender->schema),
									psprintf(INT64_FORMAT ", item_id, users, score, rank", run->model_id),
									lengthof(columns), columns, 1);
	const RsMatrix *m = run->final->parts->matrix;
	uint32		nitems = m->items.nrows;
	uint32	   *order = palloc_extended(nitems * sizeof(uint32), MCXT_ALLOC_HUGE);
	int32	   *rank = palloc_extended(nitems * sizeof(int32), MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i < nitems; i++)
		order[i] = i;
	qsort_interruptible(order, nitems, sizeof(uint32), compare_users, (void *) m);
	for (uint32 place = 0; place < nitems; place++)
		rank[order[place]] = (int32) place + 1;
	for (uint32 i = 0; i < nitems; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = rs_idmap_datum(run->items, m->item[i]);
		values[1] = Int64GetDatum((int64) (m->items.start[i + 1] - m->items.start[i]));
		values[2] = Float8GetDatum(run->final->parts->popularity[i]);
		values[3] = Int32GetDatum(rank[i]);
		rs_writer_add(w, values, nulls);
	}
	pfree(rank);
	pfree(order);
	return rs_writer_end(w, bytes);
}

/*
 * Neighbours of an item are trained in the order of their ranks and written in
 * that of their ids.  A place in that order is the neighbour's number, which
 * follows its id, above its rank less one.
 */
typedef uint64 Place;

#define PLACE(item, rank)	((Place) (item) << 32 | (rank))
#define PLACE_RANK(place)	((uint32) (place))

#define ST_SORT sort_places
#define ST_ELEMENT_TYPE Place
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static int64
store_neighbors(RsRun *run, const RsNeighborPart *part, int64 *bytes)
{
	Oid			item = run->recommender->item_type;
	const RsColumn columns[] = {
		{"item_id", item}, {"neighbor_id", item}, {"rank", INT4OID},
		{"users_both", INT4OID}, {"similarity", FLOAT8OID}
	};
	RsWriter   *w = rs_writer_begin(psprintf("%s.item_neighbor (model_id, item_id, neighbor_id, rank, users_both, similarity)",
											 run->recommender->schema),
									psprintf(INT64_FORMAT ", item_id, neighbor_id, rank, users_both, similarity", run->model_id),
									lengthof(columns), columns, 2);
	const RsMatrix *m = run->final->parts->matrix;
	Place	   *place = palloc_extended((Size) part->settings.neighbors * sizeof(Place), MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i < m->items.nrows; i++)
	{
		const RsNeighbor *row = part->neighbor + part->start[i];
		uint32		n = (uint32) (part->start[i + 1] - part->start[i]);

		for (uint32 j = 0; j < n; j++)
			place[j] = PLACE(row[j].item, j);
		sort_places(place, n);
		for (uint32 j = 0; j < n; j++)
		{
			uint32		rank = PLACE_RANK(place[j]);
			Datum		values[5];
			bool		nulls[5] = {false};

			values[0] = rs_idmap_datum(run->items, m->item[i]);
			values[1] = rs_idmap_datum(run->items, m->item[row[rank].item]);
			values[2] = Int32GetDatum((int32) rank + 1);
			values[3] = Int32GetDatum((int32) row[rank].users_both);
			values[4] = Float8GetDatum(row[rank].similarity);
			rs_writer_add(w, values, nulls);
		}
	}
	pfree(place);
	return rs_writer_end(w, bytes);
}

/* One side's factors: SHOP.user_factor or SHOP.item_factor. */
static int64
store_factors(RsRun *run, const char *side, RsIdMap *ids, Oid type,
			  const uint32 *number, const RsCsr *pairs, const float *x,
			  const float *bias, int f, int64 *bytes)
{
	const char *id = psprintf("%s_id", side);
	const RsColumn columns[] = {
		{id, type}, {"factor", FLOAT4ARRAYOID}, {"bias", FLOAT4OID}, {"interactions", INT4OID}
	};
	RsWriter   *w = rs_writer_begin(psprintf("%s.%s_factor (model_id, %s, factor, bias, interactions)",
											 run->recommender->schema, side, id),
									psprintf(INT64_FORMAT ", %s, factor, bias, interactions", run->model_id, id),
									lengthof(columns), columns, 1);

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
		rs_writer_add(w, values, nulls);
		pfree(factor);
	}
	return rs_writer_end(w, bytes);
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

/* What the catalog says of the model's items. */
static int64
store_attributes(RsRun *run, int64 *bytes)
{
	const RsColumn columns[] = {
		{"item_id", run->recommender->item_type}, {"category", TEXTOID},
		{"price", FLOAT8OID}, {"released_at", TIMESTAMPTZOID}, {"extra", FLOAT4ARRAYOID}
	};
	RsWriter   *w = rs_writer_begin(psprintf("%s.item_attribute (model_id, item_id, category, price, released_at, extra)",
											 run->recommender->schema),
									psprintf(INT64_FORMAT ", item_id, category, price, released_at, extra", run->model_id),
									lengthof(columns), columns, 1);
	const RsMatrix *m = run->final->parts->matrix;
	const RsCatalogFacts *facts = run->facts;
	int			nextra = run->policy->funnel.nextra;
	float		extra[RS_MOST_EXTRA];

	for (uint32 i = 0; i < m->items.nrows; i++)
	{
		uint32		item = m->item[i];
		Datum		values[5] = {0};
		bool		nulls[5];

		values[0] = rs_idmap_datum(run->items, item);
		nulls[0] = false;
		nulls[1] = facts->category[item] == RS_NO_ID;
		if (!nulls[1])
			values[1] = rs_idmap_datum(facts->categories, facts->category[item]);
		nulls[2] = !(facts->price[item] >= 0);
		values[2] = Float8GetDatum(facts->price[item]);
		nulls[3] = facts->released[item] == RS_NO_RELEASE;
		values[3] = TimestampTzGetDatum(facts->released[item]);
		nulls[4] = nextra == 0 || !rs_facts_extra(run, run->policy, item, extra);
		if (!nulls[4])
			values[4] = PointerGetDatum(rs_vector_make(extra, nextra));
		rs_writer_add(w, values, nulls);
		if (!nulls[4])
			pfree(DatumGetPointer(values[4]));
	}
	return rs_writer_end(w, bytes);
}

/* Name of a feature of the run's policy; built-in ones come first. */
static const char *
feature_name(const RsRun *run, int feature)
{
	return feature < RS_FEATURES ? rs_feature_names[feature] :
		run->policy->funnel.name[feature - RS_FEATURES];
}

/* The ranker's weights; the calibration is among the parameters. */
static void
store_ranker(RsRun *run)
{
	const RsColumn columns[] = {
		{"position", INT4OID}, {"feature", TEXTOID}, {"mean", FLOAT8OID},
		{"scale", FLOAT8OID}, {"weight", FLOAT8OID}
	};
	const RsRanker *r = &run->learned->ranker;
	RsWriter   *w = rs_writer_begin("recsys.ranker_weight (model_id, recommender, position, feature, mean, scale, weight)",
									psprintf(INT64_FORMAT ", %s, position, feature, mean, scale, weight", run->model_id,
											 quote_literal_cstr(NameStr(run->recommender->name))),
									lengthof(columns), columns, 0);

	for (int i = 0; i < r->nfeatures; i++)
	{
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(feature_name(run, i));
		values[2] = Float8GetDatum(r->mean[i]);
		values[3] = Float8GetDatum(r->scale[i]);
		values[4] = Float8GetDatum(r->weight[i]);
		rs_writer_add(w, values, nulls);
	}
	rs_writer_end(w, NULL);
}

/* An instant as JSON, in UTC; null where there is none. */
static const char *
json_time(TimestampTz time)
{
	char		string[MAXDATELEN + 1];
	int			utc = 0;

	if (TIMESTAMP_NOT_FINITE(time))
		return "null";
	JsonEncodeDateTime(string, TimestampTzGetDatum(time), TIMESTAMPTZOID, &utc);
	return psprintf("\"%s\"", string);
}

/* What there is to say of the ranker. */
static void
append_ranker(StringInfo json, const RsLearned *l)
{
	appendStringInfo(json, ", \"ranker\": {\"lists\": %u, \"slice\": \"%s\", \"slice_from\": %s, \"slice_until\": %s",
					 l->fit.lists, l->random ? "random" : "time",
					 l->random ? "null" : json_time(l->from), l->random ? "null" : json_time(l->until));
	if (l->ranker.nfeatures == 0)
		appendStringInfoString(json, ", \"note\": \"too few lists to learn from: ranked by the blend\"}");
	else
		appendStringInfo(json, ", \"slope\": %.17g, \"intercept\": %.17g, \"loss\": %.9g, \"prior_loss\": %.9g, \"iterations\": %d}",
						 l->ranker.slope, l->ranker.intercept, l->fit.loss, l->fit.prior_loss, l->fit.iterations);
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
							 factors->rating.mu, factors->rating.scale, factors->lowest, factors->highest);
		else
			appendStringInfo(&json, ", \"alpha0\": %.9g", factors->settings.alpha0);
		appendStringInfo(&json, ", \"initial_sd\": %g, \"loss\": [", factors->settings.initial_sd);
		for (int i = 0; i < factors->settings.sweeps; i++)
			appendStringInfo(&json, "%s%.9g", i ? ", " : "", factors->loss[i]);
		appendStringInfoString(&json, "], \"sweep_seconds\": [");
		for (int i = 0; i < factors->settings.sweeps; i++)
			appendStringInfo(&json, "%s%.4f", i ? ", " : "", factors->seconds[i]);
		appendStringInfoChar(&json, ']');
		if (run->policy->stopped_at > 0)
			appendStringInfo(&json, ", \"stopped_at\": %d", run->policy->stopped_at);
		if (run->final->warm != NULL)
			appendStringInfo(&json, ", \"warm_start_model\": " INT64_FORMAT,
							 run->final->warm->model_id);
	}
	if (run->learned != NULL)
		append_ranker(&json, run->learned);
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
	args[6] = Int32GetDatum(RS_FEATURE_VERSION);
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
	WalUsage	before = pgWalUsage;
	WalUsage	wal = {0};
	int64		bytes = 0;
	int64		total;
	int64		rows;

	total = m->users.ncols + (neighbors ? neighbors->start[m->items.nrows] : 0) +
		(factors ? (int64) m->users.ncols + m->users.nrows : 0) +
		(run->facts ? m->users.ncols : 0);
	insert_model(run, neighbors, factors);
	rows = store_popularity(run, &bytes);
	rs_progress_rows(rows, total);
	if (neighbors)
		rows += store_neighbors(run, neighbors, &bytes);
	rs_progress_rows(rows, total);
	if (factors)
	{
		bool		ratings = (factors->kind == RS_KIND_RATING);

		rows += store_factors(run, "item", run->items, r->item_type, m->item,
							  ratings ? &m->item_ratings : &m->items, factors->item,
							  factors->item_bias, factors->settings.factors, &bytes);
		rs_progress_rows(rows, total);
		rows += store_factors(run, "user", run->users, r->user_type, m->user,
							  ratings ? &m->user_ratings : &m->users, factors->user,
							  factors->user_bias, factors->settings.factors, &bytes);
		if (!ratings)
			store_gram(run, factors);
	}
	if (run->facts)
	{
		rs_progress_rows(rows, total);
		rows += store_attributes(run, &bytes);
	}
	if (run->learned != NULL && run->learned->ranker.nfeatures > 0)
		store_ranker(run);
	WalUsageAccumDiff(&wal, &pgWalUsage, &before);
	finish_model(run, bytes, (int64) wal.wal_bytes);
	result->rows_in = run->policy->method == RS_EXPLICIT ? m->shared_user_ratings.n : m->shared_users.n;
	result->rows_out = rows;
}
