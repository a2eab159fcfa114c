/*-------------------------------------------------------------------------
 *
 * explain_rules.c
 *	  What each rule did to an item that is explained: whether it keeps the
 *	  item off the list, what it adds to the score, where it places the item.
 *
 * What the list knows of the item is told as it is; what keeps an item off is
 * asked of the tables anew, one condition at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "explain.h"

/* A rule that keeps the item off the list, or not. */
static void
add_check(RsExplanation *x, const char *name, bool keeps_off, const char *note)
{
	rs_explain_row(x, "rule", name, keeps_off ? 0 : 1, note);
	if (keeps_off && x->why_not == NULL)
		x->why_not = note;
}

/* ---- what keeps it off ---- */

/* Does a query of the item as $1 (and the user as $2) give a row? */
static bool
any_row(RsExplanation *x, const char *query, int nargs, char **said)
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
explain_hidden(RsExplanation *x)
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
explain_banned(RsExplanation *x)
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
catalog_value(RsExplanation *x, const char *expression, bool is_condition)
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
explain_catalog(RsExplanation *x)
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

/* ---- scores and places ---- */

static void
explain_scores(RsExplanation *x)
{
	const RsRules *rules = x->q.rules;

	for (int i = 0; i < rules->nboosts; i++)
		rs_explain_row(x, "rule", "boost", catalog_value(x, rules->boost[i], false), rules->boost[i]);
	if (rules->amount > 0)
		rs_explain_row(x, "rule", "freshness", x->e.fresh,
				x->place == 0 && !x->deferred ? "added to the score: nothing, it is not listed" :
				x->e.says.released == RS_NO_RELEASE ? "added to the score: nothing, its release is not known" :
				psprintf("added to the score: released at %s", timestamptz_to_str(x->e.says.released)));
}

/* How alike the item is to what stands before it in its window. */
static void
explain_diversity(RsExplanation *x)
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
	rs_explain_row(x, "rule", "diversity", x->q.rules->lambda * most,
			like < 0 ? "taken off the scaled score: nothing before it is like it" :
			psprintf("taken off the scaled score for its likeness of %.3f to place " INT64_FORMAT, most, like + 1));
}

/* Rules that place items. */
static void
explain_places(RsExplanation *x)
{
	const RsRules *rules = x->q.rules;

	for (int i = 0; i < rules->npins; i++)
		if (rs_idmap_find(x->one, rules->pin[i].item) != RS_NO_ID)
			rs_explain_row(x, "rule", "pin", rules->pin[i].position, "pinned to this place, if it may be listed");
	if (rules->share > 0)
		rs_explain_row(x, "rule", "explore", rules->share, "share of the places that serve draws; none here");
	if (rules->per_category > 0)
		rs_explain_row(x, "rule", "max_per_category", rules->per_category,
				!x->e.says.pass ? "its category is not looked up: it may not be listed" :
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

void
rs_explain_rules(RsExplanation *x)
{
	explain_hidden(x);
	explain_banned(x);
	explain_catalog(x);
	explain_scores(x);
	explain_places(x);
}
