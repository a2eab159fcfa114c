/*-------------------------------------------------------------------------
 *
 * questions.c
 *	  What a policy makes of given items for a user: their scores, and the
 *	  features that they come from.
 *
 * By the code of lists (supply.c), before the policy's rules and whether or not
 * the items may be listed.  What the model does not know is judged by what the
 * catalog says of it now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "listing.h"
#include "kernel/score.h"

PG_FUNCTION_INFO_V1(recsys_score);
PG_FUNCTION_INFO_V1(recsys_features);

/* what the features mean, see kernel/feature.h */
static const char *const descriptions[] = {
	[RS_F_FACTOR_SCORE] = "product of the user's vector and the item's factors",
	[RS_F_FACTOR_SHARE] = "the same / that of the best item not in the history",
	[RS_F_NEIGHBOR_SHARE] = "sum of weight * similarity over the history's items / the largest of an item not in the history",
	[RS_F_RECENT_SHARE] = "the same, with votes that fade by recency_half_life",
	[RS_F_NEIGHBOR_RANK] = "1 / its best rank among the neighbours of an item of the history",
	[RS_F_NEIGHBOR_VOTES] = "ln(1 + items of the history that have it as a neighbour)",
	[RS_F_BLEND] = "neighbor_share and factor_share, weighed by the setting blend",
	[RS_F_POPULARITY] = "users / users of the most popular item",
	[RS_F_POPULARITY_LOG] = "ln(1 + 1000 * popularity)",
	[RS_F_FACTOR_POSITION] = "1 / log2(1 + place among the candidates by factors)",
	[RS_F_NEIGHBOR_POSITION] = "1 / log2(1 + place among the candidates by neighbours)",
	[RS_F_POPULARITY_POSITION] = "1 / log2(1 + place among the popular candidates)",
	[RS_F_CATEGORY_POSITION] = "1 / log2(1 + place among the popular candidates of the user's categories)",
	[RS_F_CATEGORY_SHARE] = "share of the history's weight in the item's category",
	[RS_F_CATEGORY_COUNT] = "ln(1 + items of the history in its category)",
	[RS_F_ITEM_AGE] = "ln(1 + days since its release)",
	[RS_F_PRICE] = "ln(1 + price)",
	[RS_F_PRICE_GAP] = "distance of ln(1 + price) from its mean over the history",
	[RS_F_SEEN_WEIGHT] = "the item's own weight in the history",
	[RS_F_SEEN_RECENCY] = "0.5^(days since the user last had it / 30)",
	[RS_F_HISTORY_LENGTH] = "ln(1 + items of the history)",
	[RS_F_HISTORY_RECENCY] = "0.5^(days since the newest item of the history / 30)",
};

StaticAssertDecl(lengthof(descriptions) == RS_FEATURES, "every feature has a description");

/* Opens the request of a call by the given policy. */
static void
open_request(FunctionCallInfo fcinfo, RsRequest *q, int policy_arg)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	rs_request_open(q, NameStr(*PG_GETARG_NAME(0)), NULL,
					PG_ARGISNULL(policy_arg) ? NULL : PG_GETARG_NAME(policy_arg));
}

/* The user of argument 1. */
static void
open_user(FunctionCallInfo fcinfo, RsRequest *q, bool has_as_of)
{
	rs_check_id_argument(fcinfo, 1, q->r->user_type, "for_user");
	if (PG_ARGISNULL(1))
		rs_request_nobody(q);
	else
		rs_request_user(q, PG_GETARG_DATUM(1), has_as_of);
}

/* Entries of the items of a set, by its numbers; scored by s unless NULL. */
static RsEntry *
make_entries(RsRequest *q, RsSupply *s, RsIdMap *items)
{
	int			n = items == NULL ? 0 : (int) rs_idmap_count(items);
	RsEntry    *entry = palloc_extended(((Size) n + 1) * sizeof(RsEntry), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int i = 0; i < n; i++)
	{
		RsEntry    *e = &entry[i];

		e->item = rs_idmap_datum(items, i);
		e->column = rs_model_find(q->m, e->item);
		if (s != NULL)
			rs_supply_entry(s, e->item, e);
		if (e->column == RS_NO_ID)
			(void) rs_fresh_entry(q, e->item, e);
		CHECK_FOR_INTERRUPTS();
	}
	return entry;
}

/* ---- scores ---- */

/*
 * How evidence is scaled in this user's lists: score.c leaves hidden items
 * without a score, though not without evidence.
 */
static RsBlend
find_scales(const RsRequest *q)
{
	float		n_max = 0;
	float		f_max = 0;

	for (uint32 i = 0; i < q->m->funnel.nitems; i++)
	{
		if (q->score[i] == -INFINITY)
			continue;
		if (q->neighbor != NULL)
			n_max = Max(n_max, q->neighbor[i]);
		if (q->factor != NULL)
			f_max = Max(f_max, q->factor[i]);
	}
	return rs_blend_scales(n_max, f_max, q->m->funnel.blend);
}

/* The scores of entries, as their user's lists have them. */
static void
finish_scores(RsRequest *q, const RsSupply *s, RsEntry *entry, int n)
{
	bool		scaled = false;
	RsBlend		scales;

	for (int i = 0; i < n; i++)
	{
		RsEntry    *e = &entry[i];

		if (e->column == RS_NO_ID && s->scoring == RS_BY_RANKER)
		{
			float		features[RS_MOST_FEATURES];

			rs_entry_features(q, e, features);
			e->raw = rs_ranker_score(&q->m->funnel.ranker, features);
		}
		else if (e->raw == -INFINITY && q->factor != NULL && q->m->funnel.fold.kind == RS_KIND_RATING)
			e->raw = q->factor[e->column];
		else if (e->raw == -INFINITY)
		{
			if (!scaled)
				scales = find_scales(q);
			scaled = true;
			e->raw = rs_blend_one(&scales, q->neighbor == NULL ? 0 : q->neighbor[e->column],
								  q->factor == NULL ? 0 : q->factor[e->column],
								  q->m->funnel.popularity[e->column]);
		}
		e->score = e->raw;
		e->propensity = 1;
		e->order = i;
	}
}

/* score descending, ties by id */
static int
compare_entries(const void *a, const void *b)
{
	const RsEntry *x = a;
	const RsEntry *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* _score(recommender, for_user, items, policy) */
Datum
recsys_score(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"rank", "item_id", "score", "source", "reason"};
	Oid			types[] = {INT4OID, InvalidOid, FLOAT8OID, TEXTOID, TEXTOID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	RsRequest	q = {0};
	RsSupply	s = {0};
	RsIdMap    *items;
	RsEntry    *entry;
	RsListed   *row;
	int			n;
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	open_request(fcinfo, &q, 3);
	types[1] = q.r->item_type;
	rs_declare_result(fcinfo, lengthof(names), names, types);
	open_user(fcinfo, &q, false);
	items = rs_item_set(fcinfo, 2, q.r, "items");
	n = items == NULL ? 0 : (int) rs_idmap_count(items);
	if (n > 0)
	{
		rs_idmap_sort(items, palloc_extended((Size) n * sizeof(uint32), MCXT_ALLOC_HUGE));
		q.only = items;
		rs_supply_open(&s, &q, false);
		entry = make_entries(&q, &s, items);
		finish_scores(&q, &s, entry, n);
		qsort(entry, n, sizeof(RsEntry), compare_entries);
		row = rs_list_describe(&q, s.scoring, entry, n);
		for (int i = 0; i < n; i++)
		{
			Datum		values[lengthof(names)];
			bool		nulls[lengthof(names)] = {false};

			values[0] = Int32GetDatum(i + 1);
			values[1] = row[i].item;
			values[2] = Float8GetDatum(row[i].score);
			values[3] = CStringGetTextDatum(rs_source_name(row[i].source));
			values[4] = CStringGetTextDatum(row[i].reason);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}

/* ---- features ---- */

/* What the features are, by their numbers: of those of one's own, the SQL. */
static const char **
describe_features(const RsRequest *q)
{
	const RsModel *m = q->m;
	Oid			argtypes[] = {INT8OID, NAMEOID};
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		args[2];
	const char **said = palloc0(m->nfeatures * sizeof(char *));
	uint64		rows;

	memcpy(said, descriptions, RS_FEATURES * sizeof(char *));
	if (m->nfeatures == RS_FEATURES)
		return said;
	args[0] = Int64GetDatum(m->model_id);
	args[1] = NameGetDatum(&q->r->name);
	rows = rs_spi_select("SELECT e.key, e.value FROM recsys.model m,"
						 " pg_catalog.jsonb_each_text(m.parameters -> 'settings' -> 'features') e"
						 " WHERE m.model_id = $1 AND m.recommender = $2 AND e.value IS NOT NULL",
						 2, argtypes, args, lengthof(types), types);
	for (uint64 i = 0; i < rows; i++)
		for (int j = RS_FEATURES; j < m->nfeatures; j++)
			if (strcmp(m->feature_name[j], TextDatumGetCString(rs_spi_value(i, 1))) == 0)
				said[j] = TextDatumGetCString(rs_spi_value(i, 2));
	SPI_freetuptable(SPI_tuptable);
	return said;
}

/* _features(recommender, for_user, items, as_of, policy) */
Datum
recsys_features(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"item_id", "feature", "value", "description"};
	Oid			types[] = {InvalidOid, TEXTOID, FLOAT8OID, TEXTOID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	RsRequest	q = {0};
	RsIdMap    *items;
	RsEntry    *entry;
	const char **said;
	int			n;
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	open_request(fcinfo, &q, 4);
	types[0] = q.r->item_type;
	rs_declare_result(fcinfo, lengthof(names), names, types);
	if (!PG_ARGISNULL(3))
		q.as_of = PG_GETARG_TIMESTAMPTZ(3);
	open_user(fcinfo, &q, !PG_ARGISNULL(3));
	items = rs_item_set(fcinfo, 2, q.r, "items");
	n = items == NULL ? 0 : (int) rs_idmap_count(items);
	entry = make_entries(&q, NULL, items);
	said = describe_features(&q);
	for (int i = 0; i < n; i++)
	{
		float		features[RS_MOST_FEATURES];

		rs_entry_features(&q, &entry[i], features);
		for (int j = 0; j < q.m->nfeatures; j++)
		{
			Datum		values[lengthof(names)];
			bool		nulls[lengthof(names)] = {false};

			values[0] = entry[i].item;
			values[1] = CStringGetTextDatum(q.m->feature_name[j]);
			values[2] = Float8GetDatum(features[j]);
			nulls[3] = said[j] == NULL;
			values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(said[j]);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
		CHECK_FOR_INTERRUPTS();
	}
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
