/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  Why an item stands where it does in a user's list, or why it does not.
 *
 * The list is made as recommend makes it, so long that most items that could
 * matter are in it, and what it knows of the item is told stage by stage: the
 * history, what each source of candidates said, the features, the score, what
 * each rule did, the place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "explain.h"

PG_FUNCTION_INFO_V1(recsys_explain);

#define PLACES		1000		/* length of the list that is looked at */

/* ---- rows ---- */

void
rs_explain_row(RsExplanation *x, const char *stage, const char *name, double value, const char *note)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Int32GetDatum(++x->step);
	values[1] = CStringGetTextDatum(stage);
	values[2] = CStringGetTextDatum(name);
	values[3] = Float8GetDatum(value);
	nulls[3] = !isfinite(value);
	values[4] = note == NULL ? (Datum) 0 : CStringGetTextDatum(note);
	nulls[4] = note == NULL;
	tuplestore_putvalues(x->rsinfo->setResult, x->rsinfo->setDesc, values, nulls);
}

/* ---- what happened to the item ---- */

/* Finds the item among entries; -1 = not there. */
static int64
find_entry(const RsExplanation *x, const RsEntries *e)
{
	for (int64 i = 0; i < e->n; i++)
		if (x->column != RS_NO_ID ? e->entry[i].column == x->column :
			e->entry[i].column == RS_NO_ID && rs_idmap_find(x->one, e->entry[i].item) != RS_NO_ID)
			return i;
	return -1;
}

/* Makes the list and finds the item in it, or reads it by itself. */
static void
make_list(RsExplanation *x)
{
	RsRequest  *q = &x->q;
	Datum		item = rs_idmap_datum(x->one, 0);
	int64		found;

	q->k = PLACES;
	x->l.keep_rest = true;
	rs_listing_run(&x->l, q);
	x->column = rs_model_find(q->m, item);
	found = find_entry(x, &x->l.listed);
	if (found >= 0)
	{
		x->e = x->l.listed.entry[found];
		x->place = found + 1;
		return;
	}
	found = find_entry(x, &x->l.deferred);
	if (found >= 0)
	{
		x->e = x->l.deferred.entry[found];
		x->deferred = true;
		return;
	}
	rs_supply_entry(&x->l.supply, item, &x->e);
	rs_filter_rows(q->filter, &item, 1, &x->e.says);
	x->e.score = x->e.raw;
}

/* ---- the stages before the rules ---- */

static void
explain_history(RsExplanation *x)
{
	const RsHistory *h = x->q.h;

	rs_explain_row(x, "history", "items", h->nitems,
			h->nitems > 0 ? "items that the user has shown interest in, newest history_limit" :
			"nothing is known of the user: items are ranked by popularity");
	rs_explain_row(x, "history", "known", h->n, "of them known to the model");
	for (int i = 0; i < h->nitems; i++)
		if (rs_idmap_find(x->one, h->item[i]) != RS_NO_ID)
			rs_explain_row(x, "history", "weight", h->item_weight[i],
					x->q.r->has_time ? psprintf("the item itself, last at %s", timestamptz_to_str(h->item_time[i])) :
					"the item itself");
}

/* Where the item came from, or what each source would have said of it. */
static void
explain_candidate(RsExplanation *x)
{
	static const char *const names[RS_SOURCES] = {"neighbor", "factor", "popularity", "category", "history"};
	static const char *const notes[RS_SOURCES] = {
		"position among the neighbours of the history",
		"position among the items nearest to the user's vector",
		"position among the most popular items",
		"position among the most popular of the user's main categories",
		"position in the history, newest first"
	};
	RsRequest  *q = &x->q;
	RsCandidate c;

	if (x->column == RS_NO_ID)
	{
		rs_explain_row(x, "candidate", "fresh", x->fresh ? 1 : 0,
				x->fresh ? "unknown to the model, and among the newest items of the catalog" :
				"unknown to the model, and not among the newest items of the catalog that are ranked with the candidates");
		return;
	}
	if (x->l.supply.scoring == RS_BY_POPULARITY)
	{
		rs_explain_row(x, "candidate", "popularity", q->m->funnel.popularity[x->column],
				"share of the most popular item's: all that a list for this user goes by");
		return;
	}
	rs_funnel_describe(&q->m->funnel, rs_request_funnel(q), x->column, &c);
	for (int s = 0; s < RS_SOURCES; s++)
		rs_explain_row(x, "candidate", names[s], c.position[s] > 0 ? c.position[s] : NAN,
				c.position[s] > 0 ? notes[s] : "not in that source's list");
	if (c.because != RS_NO_ITEM)
		rs_explain_row(x, "candidate", "because", NAN,
				psprintf("goes with \"%s\" above all", rs_item_label(q, c.because)));
}

static void
explain_features(RsExplanation *x)
{
	RsRequest  *q = &x->q;
	float	   *features = palloc((RS_MOST_FEATURES) * sizeof(float));
	const RsRanker *ranker = &q->m->funnel.ranker;
	bool		ranked = x->l.supply.scoring == RS_BY_RANKER;

	rs_entry_features(q, &x->e, features);
	for (int i = 0; i < q->m->nfeatures; i++)
	{
		double		part = 0;

		if (ranked && ranker->scale[i] > 0)
			part = ranker->weight[i] * (features[i] - ranker->mean[i]) / ranker->scale[i];
		rs_explain_row(x, "feature", q->m->feature_name[i], features[i],
				ranked ? psprintf("adds %.4f to the ranker's sum", part) : NULL);
	}
	if (ranked)
	{
		rs_explain_row(x, "rank", "sum", rs_ranker_raw(ranker, features), "weighted sum of the standardised features");
		rs_explain_row(x, "rank", "ranker", rs_ranker_score(ranker, features), "the ranker's calibrated score");
	}
}

static void
explain_rank(RsExplanation *x)
{
	static const char *const notes[] = {
		"by the ranker, never above what ranks before",
		"by the evidence of neighbours and factors",
		"by popularity"
	};
	const char *source = rs_source_name(x->e.pinned ? RS_FROM_PIN : x->e.source);

	rs_explain_row(x, "rank", "score", x->e.raw,
			psprintf("%s; source %s", x->column == RS_NO_ID && !x->fresh ?
					 "below all that has interactions" : notes[x->l.supply.scoring], source));
}

static void
explain_verdict(RsExplanation *x)
{
	rs_explain_row(x, "verdict", "score", x->place > 0 ? x->e.score : NAN,
			x->place > 0 ? "after the rules, as listed" : NULL);
	if (x->place > 0)
		rs_explain_row(x, "verdict", "place", x->place, psprintf("listed at place " INT64_FORMAT, x->place));
	else
		rs_explain_row(x, "verdict", "place", NAN,
				psprintf("not listed: %s", x->why_not != NULL ? x->why_not :
						 psprintf("not among the first %d", PLACES)));
}

/* ---- the door ---- */

/* Declares the result and opens the request. */
static void
open_explanation(FunctionCallInfo fcinfo, RsExplanation *x)
{
	static const char *const names[] = {"step", "stage", "name", "value", "note"};
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, FLOAT8OID, TEXTOID};
	RsRequest  *q = &x->q;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL", PG_ARGISNULL(0) ? "recommender" : "for_item")));
	rs_declare_result(fcinfo, lengthof(names), names, types);
	x->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	rs_request_open(q, NameStr(*PG_GETARG_NAME(0)), NULL, PG_ARGISNULL(4) ? NULL : PG_GETARG_NAME(4));
	rs_check_id_argument(fcinfo, 1, q->r->user_type, "for_user");
	rs_check_id_argument(fcinfo, 2, q->r->item_type, "for_item");
	x->has_user = !PG_ARGISNULL(1);
	x->user = x->has_user ? PG_GETARG_DATUM(1) : (Datum) 0;
	x->has_as_of = !PG_ARGISNULL(3);
	if (x->has_as_of)
		q->as_of = PG_GETARG_TIMESTAMPTZ(3);
	x->one = rs_idmap_create(q->r->item_type, q->r->item_collation, CurrentMemoryContext);
	rs_idmap_add(x->one, PG_GETARG_DATUM(2));
	if (x->has_user)
		rs_request_user(q, x->user, x->has_as_of);
	else
		rs_request_nobody(q);
}

/*
 * _explain(recommender, for_user, for_item, as_of, policy)
 */
Datum
recsys_explain(PG_FUNCTION_ARGS)
{
	RsExplanation x = {0};
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	open_explanation(fcinfo, &x);
	make_list(&x);
	x.fresh = x.column == RS_NO_ID && x.e.facts != NULL;
	if (x.column == RS_NO_ID && !x.fresh)
	{
		RsEntry		known;

		/* of what stands at the list's end: what its features are */
		if (rs_fresh_entry(&x.q, rs_idmap_datum(x.one, 0), &known))
			x.e.facts = known.facts;
	}
	explain_history(&x);
	explain_candidate(&x);
	explain_features(&x);
	explain_rank(&x);
	rs_explain_rules(&x);
	explain_verdict(&x);
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
