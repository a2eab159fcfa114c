/*-------------------------------------------------------------------------
 *
 * list.c
 *	  The list of a request: items by their scores (supply.c), less those that
 *	  may not be listed at this moment (eligible.c), put into places by the
 *	  rules of the policy (kernel/rerank.c).
 *
 * Rules that change scores or look at several items at a time (boosts, freshness,
 * diversity, exploration) work on windows: boosts and freshness on the funnel's
 * candidates together, all others on windows of fixed sizes, which double.
 * Rules that only leave items out make do with small batches.  Neither depends on how long the list is to be: a page goes
 * on where the page before it ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "listing.h"

/* items that are compared with each other for diversity, and drawn from */
#define MOST_COMPARED	1024

#define FIRST_CATEGORIES	16

/* ---- scores after boosts and freshness ---- */

static void
boost_entry(const RsRules *rules, RsEntry *e)
{
	e->score = e->raw;
	e->boost = 1;
	for (int i = 0; i < rules->nboosts && e->says.boost != NULL; i++)
	{
		if (!isfinite(e->says.boost[i]))
			continue;
		e->score = rs_boosted(e->score, e->says.boost[i]);
		e->boost *= e->says.boost[i];
	}
}

static void
freshen_entry(const RsListing *l, RsEntry *e)
{
	const RsRules *rules = l->q->rules;

	e->fresh = 0;
	if (rules->amount <= 0 || e->says.released == RS_NO_RELEASE)
		return;
	e->fresh = rules->amount * fabs(l->best) *
		rs_freshness((double) l->q->as_of - (double) e->says.released, rules->half_life);
	if (isfinite(e->score + e->fresh))
		e->score += e->fresh;
	else
		e->fresh = 0;
}

/* score descending, ties by id; what the model does not know as it came */
static int
compare_scores(const void *a, const void *b)
{
	const RsEntry *x = a;
	const RsEntry *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->column != y->column)
		return x->column > y->column ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

/* Scores of a window, and its order. */
static void
adjust_window(RsListing *l, RsEntries *w)
{
	const RsRules *rules = l->q->rules;

	for (int64 i = 0; i < w->n; i++)
	{
		w->entry[i].order = i;
		boost_entry(rules, &w->entry[i]);
	}
	if (!l->has_best && w->n > 0)
	{
		l->has_best = true;
		l->best = w->entry[0].score;
		for (int64 i = 1; i < w->n; i++)
			l->best = Max(l->best, w->entry[i].score);
	}
	for (int64 i = 0; i < w->n; i++)
		freshen_entry(l, &w->entry[i]);
	if (rules->nboosts > 0 || rules->amount > 0)
		qsort(w->entry, w->n, sizeof(RsEntry), compare_scores);
}

/* ---- categories ---- */

/*
 * Number of a category within the list: the model's, and after those what it
 * does not know.
 */
static uint32
number_category(RsListing *l, const char *name)
{
	uint32		known = l->q->m->funnel.facts.ncategories;
	uint32		code;

	if (name == NULL)
		return RS_UNGROUPED;
	code = rs_model_category(l->q->m, name);
	if (code != RS_NO_CATEGORY)
		return code;
	for (int i = 0; i < l->ncategories; i++)
		if (strcmp(l->category[i], name) == 0)
			return known + i;
	if (l->ncategories == l->most_categories)
	{
		int			before = l->most_categories;

		l->most_categories = before == 0 ? FIRST_CATEGORIES : 2 * before;
		l->category = before == 0 ? palloc(l->most_categories * sizeof(char *)) :
			repalloc(l->category, l->most_categories * sizeof(char *));
		if (l->rerank.taken != NULL)
		{
			l->rerank.taken = repalloc(l->rerank.taken, (known + l->most_categories) * sizeof(uint32));
			memset(l->rerank.taken + known + before, 0, (l->most_categories - before) * sizeof(uint32));
		}
	}
	l->category[l->ncategories] = unconstify(char *, name);
	return known + l->ncategories++;
}

/* ---- places ---- */

RsRerankItem
rs_rerank_item(RsListing *l, RsEntry *e)
{
	const RsFunnel *f = &l->q->m->funnel;
	RsRerankItem item;

	e->category = l->filed ? number_category(l, e->says.category) : RS_UNGROUPED;
	item.score = e->score;
	item.category = e->category;
	item.vector = l->rerank.lambda > 0 && e->column != RS_NO_ID && f->index.nitems > 0 ?
		rs_index_row(&f->index, e->column) : NULL;
	return item;
}

/* Moves what has been placed into the list. */
static void
take_places(RsListing *l, const RsPlace *place, int n, const RsEntry *window)
{
	RsEntry    *to = rs_entries_grow(&l->listed, n);

	for (int i = 0; i < n; i++)
	{
		const RsEntry *from = place[i].pinned ? l->pin : window;

		to[i] = from[place[i].item];
		to[i].window = l->window;
		to[i].pinned = place[i].pinned;
		to[i].explored = place[i].explored;
		to[i].propensity = place[i].propensity;
		if (to[i].pinned)
		{
			boost_entry(l->q->rules, &to[i]);
			freshen_entry(l, &to[i]);
		}
	}
	l->listed.n += n;
}

/* Places of so many entries; those that are passed over are deferred. */
static void
place_entries(RsListing *l, RsEntry *entry, int n)
{
	RsRerankItem *item = palloc_extended((Size) (n + 1) * sizeof(RsRerankItem), MCXT_ALLOC_HUGE);
	RsPlace    *place = palloc_extended((Size) (n + l->rerank.npins + 1) * sizeof(RsPlace), MCXT_ALLOC_HUGE);
	uint32	   *rest = palloc_extended((Size) (n + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	void	   *work = palloc_extended(rs_rerank_workspace(n) + 1, MCXT_ALLOC_HUGE);
	int			nrest;
	int			placed;

	for (int i = 0; i < n; i++)
		item[i] = rs_rerank_item(l, &entry[i]);
	placed = rs_rerank_window(&l->rerank, item, n, l->most, work, place, rest, &nrest);
	take_places(l, place, placed, entry);
	l->window++;
	if (l->rerank.filled < l->most || l->keep_rest)
	{
		RsEntry    *to = rs_entries_grow(&l->deferred, nrest);

		for (int i = 0; i < nrest; i++)
			to[i] = entry[rest[i]];
		l->deferred.n += nrest;
	}
	pfree(item);
	pfree(place);
	pfree(rest);
	pfree(work);
}

/* Places of a window, in parts that can be compared. */
static void
place_window(RsListing *l, RsEntry *entry, int64 n)
{
	int64		part = l->rerank.lambda > 0 || l->rerank.share > 0 ? MOST_COMPARED : PG_INT32_MAX / 2;

	for (int64 i = 0; i < n && l->rerank.filled < l->most; i += part)
	{
		place_entries(l, entry + i, (int) Min(part, n - i));
		CHECK_FOR_INTERRUPTS();
	}
}

/* Keeps of a batch what may be listed. */
static void
keep_eligible(RsListing *l, RsEntries *batch)
{
	int64		kept = 0;

	if (!l->supply.checked)
	{
		Datum	   *items = palloc_extended((batch->n + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
		RsEligible *says = palloc_extended((batch->n + 1) * sizeof(RsEligible), MCXT_ALLOC_HUGE);

		for (int64 i = 0; i < batch->n; i++)
			items[i] = batch->entry[i].item;
		rs_filter_rows(l->q->filter, items, (int) batch->n, says);
		for (int64 i = 0; i < batch->n; i++)
			batch->entry[i].says = says[i];
		pfree(items);
		pfree(says);
	}
	for (int64 i = 0; i < batch->n; i++)
		if (batch->entry[i].says.pass)
			batch->entry[kept++] = batch->entry[i];
	batch->n = kept;
	l->supply.passed += kept;
	if (kept > 0)
		l->supply.last_passed = batch->entry[kept - 1].raw;
}

/* ---- pins ---- */

/* Adds the pin's entry and place. */
static void
add_pin(RsListing *l, RsRerankPin *place, const RsPin *pin, const RsEligible *says)
{
	RsEntry    *e = &l->pin[l->rerank.npins];

	rs_supply_entry(&l->supply, pin->item, e);
	if (e->column != RS_NO_ID)
		e->item = rs_model_item(l->q->m, e->column);	/* as in other lists */
	e->source = RS_FROM_PIN;
	e->because = RS_NO_ID;
	e->says = *says;
	e->score = e->raw;
	place[l->rerank.npins].place = pin->position;
	place[l->rerank.npins].item = rs_rerank_item(l, e);
	l->rerank.npins++;
}

/*
 * Pins that may be listed: they have to be as eligible as other items.  None
 * of the policy's pins stands anywhere but at its place.
 */
static void
ready_pins(RsListing *l)
{
	RsRequest  *q = l->q;
	int			n = q->rules->npins;
	Datum	   *items = palloc((n + 1) * sizeof(Datum));
	RsEligible *says = palloc((n + 1) * sizeof(RsEligible));
	RsRerankPin *place = palloc((n + 1) * sizeof(RsRerankPin));

	l->pin = palloc((n + 1) * sizeof(RsEntry));
	l->rerank.pin = place;
	for (int i = 0; i < n; i++)
		items[i] = q->rules->pin[i].item;
	rs_filter_rows(q->filter, items, n, says);
	for (int i = 0; i < n; i++)
	{
		uint32		column = rs_model_find(q->m, items[i]);
		bool		possible = says[i].pass && !rs_supply_left_out(&l->supply, items[i], column) &&
			(q->only == NULL || rs_idmap_find(q->only, items[i]) != RS_NO_ID);

		if (possible && column == RS_NO_ID)
		{
			RsIdMap    *one = rs_idmap_create(q->r->item_type, q->r->item_collation, CurrentMemoryContext);
			RsFound    *found;

			/* whatever the catalog does not require, it has to have it */
			rs_idmap_add(one, items[i]);
			possible = rs_filter_unknown(q->filter, q->m, one, 1, &found) == 1;
		}
		if (possible)
			add_pin(l, place, &q->rules->pin[i], &says[i]);
	}
	for (int i = 0; i < n; i++)
		rs_supply_skip(&l->supply, items[i]);
}

/* ---- the list ---- */

/* What the rules ask of the kernel. */
static void
start_listing(RsListing *l, RsRequest *q)
{
	const RsRules *rules = q->rules;
	bool		explores = q->explore && rules->share > 0;

	l->q = q;
	l->most = (int64) q->k + q->after;
	l->filed = rules->per_category > 0 || rules->lambda > 0;
	l->rerank.width = q->m->funnel.fold.factors;
	l->rerank.lambda = rules->lambda;
	l->rerank.share = explores ? rules->share : 0;
	l->rerank.seed = q->explore_seed;
	l->rerank.per_category = rules->per_category;
	if (rules->per_category > 0)
		l->rerank.taken = palloc0((q->m->funnel.facts.ncategories + 1) * sizeof(uint32));
	rs_supply_open(&l->supply, q, rules->nboosts > 0 || rules->amount > 0 ||
				   rules->lambda > 0 || explores);
	if (rules->npins > 0)
		ready_pins(l);
}

/*
 * Fills the places up to "most".  The fields before q of l are the caller's.
 */
void
rs_listing_run(RsListing *l, RsRequest *q)
{
	RsEntries	batch = {0};

	start_listing(l, q);
	while (l->rerank.filled < l->most &&
		   rs_supply_next(&l->supply, l->most - l->rerank.filled, &batch))
	{
		keep_eligible(l, &batch);
		adjust_window(l, &batch);
		place_window(l, batch.entry, batch.n);
		batch.n = 0;
	}
	if (l->rerank.filled < l->most && l->deferred.n > 0)
	{
		RsEntries	last = l->deferred;

		/* rather more of a category than fewer items than there are */
		memset(&l->deferred, 0, sizeof(l->deferred));
		l->rerank.per_category = 0;
		l->rerank.lambda = 0;
		l->before_deferred = l->listed.n;
		place_window(l, last.entry, last.n);
	}
	if (l->rerank.npins > 0)
	{
		RsPlace    *place = palloc(l->rerank.npins * sizeof(RsPlace));

		take_places(l, place, rs_rerank_pins(&l->rerank, l->most, place), l->pin);
	}
}
