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
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "listing.h"

PG_FUNCTION_INFO_V1(recsys_explain);

#define PLACES		1000		/* length of the list that is looked at */

/* One explanation. */
typedef struct Explanation
{
	ReturnSetInfo *rsinfo;
	RsRequest	q;
	RsListing	l;
	bool		has_user;
	bool		has_as_of;
	Datum		user;
	RsIdMap    *one;			/* the item */
	uint32		column;
	RsEntry		e;				/* as listed, deferred, or by itself */
	int64		place;			/* 1 = first; 0 = not listed */
	bool		deferred;
	bool		fresh;			/* it came as a new item among the candidates */
	int			step;
	const char *why_not;		/* the first thing that keeps it off */
} Explanation;

/* ---- rows ---- */

/* One row; a value that is not finite is none. */
static void
add_row(Explanation *x, const char *stage, const char *name, double value, const char *note)
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

/* A rule that keeps the item off the list, or not. */
static void
add_check(Explanation *x, const char *name, bool keeps_off, const char *note)
{
	add_row(x, "rule", name, keeps_off ? 0 : 1, note);
	if (keeps_off && x->why_not == NULL)
		x->why_not = note;
}

/* ---- what happened to the item ---- */

/* Finds the item among entries; -1 = not there. */
static int64
find_entry(const Explanation *x, const RsEntries *e)
{
	for (int64 i = 0; i < e->n; i++)
		if (x->column != RS_NO_ID ? e->entry[i].column == x->column :
			e->entry[i].column == RS_NO_ID && rs_idmap_find(x->one, e->entry[i].item) != RS_NO_ID)
			return i;
	return -1;
}

/* Makes the list and finds the item in it, or reads it by itself. */
static void
make_list(Explanation *x)
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
explain_history(Explanation *x)
{
	const RsHistory *h = x->q.h;

	add_row(x, "history", "items", h->nitems,
			h->nitems > 0 ? "items that the user has shown interest in, newest history_limit" :
			"nothing is known of the user: items are ranked by popularity");
	add_row(x, "history", "known", h->n, "of them known to the model");
	for (int i = 0; i < h->nitems; i++)
		if (rs_idmap_find(x->one, h->item[i]) != RS_NO_ID)
			add_row(x, "history", "weight", h->item_weight[i],
					x->q.r->has_time ? psprintf("the item itself, last at %s", timestamptz_to_str(h->item_time[i])) :
					"the item itself");
}

/* Where the item came from, or what each source would have said of it. */
static void
explain_candidate(Explanation *x)
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
		add_row(x, "candidate", "fresh", x->fresh ? 1 : 0,
				x->fresh ? "unknown to the model, and among the newest items of the catalog" :
				"unknown to the model, and not among the newest items of the catalog that are ranked with the candidates");
		return;
	}
	if (x->l.supply.scoring == RS_BY_POPULARITY)
	{
		add_row(x, "candidate", "popularity", q->m->funnel.popularity[x->column],
				"share of the most popular item's: all that a list for this user goes by");
		return;
	}
	rs_funnel_describe(&q->m->funnel, rs_request_funnel(q), x->column, &c);
	for (int s = 0; s < RS_SOURCES; s++)
		add_row(x, "candidate", names[s], c.position[s] > 0 ? c.position[s] : NAN,
				c.position[s] > 0 ? notes[s] : "not in that source's list");
	if (c.because != RS_NO_ITEM)
		add_row(x, "candidate", "because", NAN,
				psprintf("goes with \"%s\" above all", rs_item_label(q, c.because)));
}

static void
explain_features(Explanation *x)
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
		add_row(x, "feature", q->m->feature_name[i], features[i],
				ranked ? psprintf("adds %.4f to the ranker's sum", part) : NULL);
	}
	if (ranked)
	{
		add_row(x, "rank", "sum", rs_ranker_raw(ranker, features), "weighted sum of the standardised features");
		add_row(x, "rank", "ranker", rs_ranker_score(ranker, features), "the ranker's calibrated score");
	}
}

static void
explain_rank(Explanation *x)
{
	static const char *const notes[] = {
		"by the ranker, never above what ranks before",
		"by the evidence of neighbours and factors",
		"by popularity"
	};
	const char *source = rs_source_name(x->e.pinned ? RS_FROM_PIN : x->e.source);

	add_row(x, "rank", "score", x->e.raw,
			psprintf("%s; source %s", x->column == RS_NO_ID && !x->fresh ?
					 "below all that has interactions" : notes[x->l.supply.scoring], source));
}

/* ---- the rules ---- */

/* Does a query of the item as $1 (and the user as $2) give a row? */
static bool
any_row(Explanation *x, const char *query, int nargs, char **said)
{
	Oid			argtypes[3] = {x->q.r->item_type, x->q.r->user_type, TIMESTAMPTZOID};
	Oid			type = TEXTOID;
	Datum		args[3];
	bool		found;

	args[0] = rs_idmap_datum(x->one, 0);
	args[1] = x->user;
	args[2] = TimestampTzGetDatum(x->q.as_of);
	found = rs_spi_select(query, nargs, argtypes, args, 1, &type) > 0;
	if (found && said != NULL)
		*said = TextDatumGetCString(rs_spi_value(0, 1));
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/* What the user's own past keeps off the list. */
static void
explain_hidden(Explanation *x)
{
	const RsRecommender *r = x->q.r;
	bool		hidden = rs_idmap_find(x->q.h->hidden, rs_idmap_datum(x->one, 0)) != RS_NO_ID;
	bool		disliked = hidden && x->has_user && r->has_dislikes &&
		any_row(x, psprintf("SELECT 'disliked'::text FROM %s.dislike d WHERE d.item_id = $1 AND d.user_id = $2%s LIMIT 1",
							r->schema, x->has_as_of ? " AND d.interacted_at <= $3" : ""),
				x->has_as_of ? 3 : 2, NULL);

	add_check(x, r->rebuy_after > 0 ? "rebuy_after" : "owned", hidden && !disliked,
			  hidden && !disliked ? "the user owns it" :
			  r->rebuy_after > 0 ? "the user has not owned it since" :
			  r->repeatable ? "items may be bought again" : "the user does not own it");
	if (r->has_dislikes)
		add_check(x, "disliked", disliked, disliked ? "the user dislikes it" : "the user does not dislike it");
}

static void
explain_banned(Explanation *x)
{
	const RsRecommender *r = x->q.r;
	const RsRules *rules = x->q.rules;
	char	   *reason = NULL;
	bool		banned = rules->banned != NULL &&
		rs_idmap_find(rules->banned, rs_idmap_datum(x->one, 0)) != RS_NO_ID;
	bool		excluded;

	if (rules->banned != NULL)
		add_check(x, "ban", banned, banned ? "banned by the policy" : "not banned");
	excluded = any_row(x, psprintf("SELECT coalesce(e.reason, '') FROM %s.excluded_item e WHERE e.item_id = $1", r->schema),
					   1, &reason);
	add_check(x, "excluded_item", excluded, excluded ? psprintf("excluded: %s", reason) : "not excluded");
}

/*
 * One condition or number of the rules, for the item's row of the catalog.  Of
 * several rows one that meets a condition is enough, and the smallest number
 * holds.
 */
static double
catalog_value(Explanation *x, const char *expression, bool is_condition)
{
	Oid			type = FLOAT8OID;
	Datum		item = rs_idmap_datum(x->one, 0);
	double		value = NAN;

	if (rs_spi_select(psprintf(is_condition ?
							   "SELECT max(CASE WHEN (\n%s\n) THEN 1 ELSE 0 END::float8) FROM %s.catalog c WHERE c.item_id = $1" :
							   "SELECT min(pg_catalog.float8mul((\n%s\n), 1)) FROM %s.catalog c WHERE c.item_id = $1",
							   expression, x->q.r->schema),
					  1, &x->q.r->item_type, &item, 1, &type) > 0)
	{
		bool		isnull;
		Datum		datum = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			value = DatumGetFloat8(datum);
	}
	SPI_freetuptable(SPI_tuptable);
	return value;
}

/* What the catalog keeps off, and the policy's conditions on it. */
static void
explain_catalog(Explanation *x)
{
	const RsRecommender *r = x->q.r;
	const RsRules *rules = x->q.rules;
	bool		known;
	bool		off;

	if (!r->has_catalog)
	{
		if (x->column == RS_NO_ID)
			add_check(x, "known", true, "neither the model nor a catalog knows the item");
		return;
	}
	known = !isnan(catalog_value(x, "true", true));
	off = !known && (r->require_catalog || rules->npredicates > 0 || x->column == RS_NO_ID);
	add_check(x, "in_catalog", off, known ? "in the catalog" : off ? "not in the catalog" :
			  "not in the catalog, which is not required");
	if (known)
	{
		bool		available = catalog_value(x, "c.available", true) == 1;

		add_check(x, "available", !available, available ? "available" : "not available");
	}
	for (int i = 0; i < rules->npredicates && known; i++)
	{
		bool		met = catalog_value(x, rules->predicate[i], true) == 1;

		add_check(x, "predicate", !met, psprintf(met ? "meets %s" : "does not meet %s", rules->predicate[i]));
	}
}

static void
explain_scores(Explanation *x)
{
	const RsRules *rules = x->q.rules;

	for (int i = 0; i < rules->nboosts; i++)
		add_row(x, "rule", "boost", catalog_value(x, rules->boost[i], false), rules->boost[i]);
	if (rules->amount > 0)
		add_row(x, "rule", "freshness", x->e.fresh,
				x->e.says.released == RS_NO_RELEASE ? "added to the score: nothing, its release is not known" :
				psprintf("added to the score: released at %s", timestamptz_to_str(x->e.says.released)));
}

/* How alike the item is to what stands before it in its window. */
static void
explain_diversity(Explanation *x)
{
	RsListing  *l = &x->l;
	RsRerankItem self = rs_rerank_item(l, &x->e);
	double		most = 0;
	int64		like = -1;

	for (int64 i = 0; i < x->place - 1; i++)
	{
		RsRerankItem other;
		double		similarity;

		if (l->listed.entry[i].window != x->e.window)
			continue;
		other = rs_rerank_item(l, &l->listed.entry[i]);
		similarity = rs_rerank_similarity(&other, &self, l->rerank.width);
		if (similarity > most)
		{
			most = similarity;
			like = i;
		}
	}
	add_row(x, "rule", "diversity", x->q.rules->lambda * most,
			like < 0 ? "taken off the scaled score: nothing before it is like it" :
			psprintf("taken off the scaled score for its likeness of %.3f to place " INT64_FORMAT, most, like + 1));
}

/* Rules that place items. */
static void
explain_places(Explanation *x)
{
	const RsRules *rules = x->q.rules;

	for (int i = 0; i < rules->npins; i++)
		if (rs_idmap_find(x->one, rules->pin[i].item) != RS_NO_ID)
			add_row(x, "rule", "pin", rules->pin[i].position, "pinned to this place, if it may be listed");
	if (rules->share > 0)
		add_row(x, "rule", "explore", rules->share, "share of the places that serve draws; none here");
	if (rules->per_category > 0)
		add_row(x, "rule", "max_per_category", rules->per_category,
				x->e.says.category == NULL ? "it has no category" :
				psprintf("most of category \"%s\"%s", x->e.says.category,
						 x->deferred ? ": passed over" :
						 x->l.before_deferred > 0 && x->place > x->l.before_deferred ?
						 ": passed over until nothing else was left" : ""));
	if (rules->lambda > 0 && x->place > 0 && !x->e.pinned)
	{
		/* the list's end was placed without it */
		if (x->l.before_deferred == 0 || x->place <= x->l.before_deferred)
		{
			x->l.rerank.lambda = rules->lambda;
			explain_diversity(x);
		}
	}
}

static void
explain_verdict(Explanation *x)
{
	add_row(x, "verdict", "score", x->place > 0 ? x->e.score : NAN,
			x->place > 0 ? "after the rules, as listed" : NULL);
	if (x->place > 0)
		add_row(x, "verdict", "place", x->place, psprintf("listed at place " INT64_FORMAT, x->place));
	else
		add_row(x, "verdict", "place", NAN,
				psprintf("not listed: %s", x->why_not != NULL ? x->why_not :
						 psprintf("not among the first %d", PLACES)));
}

/* ---- the door ---- */

/* Declares the result and opens the request. */
static void
open_explanation(FunctionCallInfo fcinfo, Explanation *x)
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
	Explanation x = {0};
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
	explain_hidden(&x);
	explain_banned(&x);
	explain_catalog(&x);
	explain_scores(&x);
	explain_places(&x);
	explain_verdict(&x);
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
