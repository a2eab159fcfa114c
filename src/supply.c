/*-------------------------------------------------------------------------
 *
 * supply.c
 *	  Items in the order of their scores, as many as a list needs.
 *
 * With a ranker the funnel's candidates come first, new items of the catalog
 * among them, in the order of the ranker's scores.  When they have run out all
 * other items of the model follow in the order of the blend (score.c), their
 * scores by the ranker, but never above those before them.  Without a ranker
 * all items come in the order of score.c, and where nothing is known of the
 * user in that of popularity.  What the model does not know comes last, newest
 * first.
 *
 * A list of given items, or one whose conditions few items meet, is made from
 * those items alone (supply_set.c).
 *
 * Limits: items of STAGE_ALL are selected anew for each batch, from twice as
 * many; batches double.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "listing.h"
#include "kernel/topk.h"

#define FIRST_BATCH		32		/* where batches may depend on k */
#define FIRST_COMPARED	128		/* where they must not: for diversity and lots */
#define FIRST_WINDOW	512		/* and where scores change */
#define UNKNOWN_WINDOW	1024

/* ---- the stages ---- */

/* Readies the funnel's candidates, and beside them the catalog's new items. */
static void
ready_candidates(RsSupply *s)
{
	RsRequest  *q = s->q;
	const RsFunnel *f = &q->m->funnel;
	RsFunnelWork *work = rs_request_funnel(q);
	RsEntry    *fresh;
	int			nfresh;

	s->ranked = palloc_extended(((Size) rs_funnel_most(f, q->h->n) + 1) * sizeof(RsCandidate), MCXT_ALLOC_HUGE);
	s->ncandidates = rs_funnel_candidates(f, work, s->hidden, s->nhidden, s->ranked);
	s->candidate = palloc((s->ncandidates + 1) * sizeof(uint32));
	for (uint32 i = 0; i < s->ncandidates; i++)
		s->candidate[i] = s->ranked[i].item;
	rs_funnel_rank(f, work, s->ranked, (int) s->ncandidates, NULL);
	nfresh = rs_fresh_candidates(q, &fresh);
	rs_entries_grow(&s->ready, nfresh);
	for (int i = 0; i < nfresh; i++)
	{
		RsEntry    *e = &s->ready.entry[s->ready.n];

		if (rs_supply_left_out(s, fresh[i].item, RS_NO_ID))
			continue;
		*e = fresh[i];
		e->raw = rs_entry_rank(q, e);
		e->order = i;
		s->ready.n++;
	}
	for (int64 i = 0; i < s->ready.n; i++)
		rs_supply_skip(s, s->ready.entry[i].item);
	rs_entries_sort(&s->ready);
}

/* Hands out candidates and new items, by their scores. */
static void
next_candidates(RsSupply *s, int64 wanted, RsEntries *out)
{
	RsRequest  *q = s->q;

	wanted = Min(wanted, (int64) (s->ncandidates - s->next_ranked) + s->ready.n - s->next);
	rs_entries_grow(out, wanted);
	for (; wanted > 0; wanted--)
	{
		const RsCandidate *c = s->next_ranked < s->ncandidates ? &s->ranked[s->next_ranked] : NULL;
		RsEntry    *e = &out->entry[out->n];
		Datum		item;

		if (c == NULL || (s->next < s->ready.n && s->ready.entry[s->next].raw > c->score))
		{
			*e = s->ready.entry[s->next++];
			out->n++;
			continue;
		}
		s->next_ranked++;
		item = rs_model_item(q->m, c->item);
		if (rs_supply_left_out(s, item, c->item))
			continue;
		rs_entry_start(e, item, c->item);
		rs_entry_candidate(q, c, e);
		e->raw = c->score;
		out->n++;
	}
}

/* Hands out what is ready. */
static void
next_ready(RsSupply *s, int64 wanted, RsEntries *out)
{
	int64		n = Min(wanted, s->ready.n - s->next);

	memcpy(rs_entries_grow(out, n), s->ready.entry + s->next, n * sizeof(RsEntry));
	out->n += n;
	s->next += n;
}

/* Hands out most popular items. */
static void
next_popular(RsSupply *s, int64 wanted, RsEntries *out)
{
	const RsFunnel *f = &s->q->m->funnel;

	rs_entries_grow(out, wanted);
	for (; wanted > 0 && s->next < f->nitems; s->next++)
	{
		uint32		column = f->popular[s->next];
		Datum		item = rs_model_item(s->q->m, column);
		RsEntry    *e = &out->entry[out->n];

		s->any = true;
		s->last_score = f->popularity[column];
		s->last_column = column;
		if (rs_supply_left_out(s, item, column))
			continue;
		rs_entry_start(e, item, column);
		rs_entry_score(s->q, s->scoring, e);
		out->n++;
		wanted--;
	}
}

/* Scores all items; those that must not come, or have come, get -infinity. */
static void
score_all(RsSupply *s)
{
	RsRequest  *q = s->q;

	rs_score_items(q);
	for (uint32 i = 0; i < s->ncandidates; i++)
		q->score[s->candidate[i]] = -INFINITY;
}

/* Hands out the best of all items after those handed out before. */
static void
next_scored(RsSupply *s, int64 wanted, RsEntries *out)
{
	RsRequest  *q = s->q;
	uint32		nitems = q->m->funnel.nitems;
	uint32		top = (uint32) Min(s->next + wanted, nitems);
	RsScored   *best = palloc_extended((top + 1) * sizeof(RsScored), MCXT_ALLOC_HUGE);
	int64		n = rs_topk_float(q->score, nitems, top, best);

	rs_entries_grow(out, Max(n - s->next, 0));
	for (; s->next < n; s->next++)
	{
		uint32		column = best[s->next].id;
		Datum		item = rs_model_item(q->m, column);
		RsEntry    *e = &out->entry[out->n];

		s->any = true;
		s->last_column = column;
		if (s->scoring == RS_BY_EVIDENCE)
			s->last_score = best[s->next].score;
		if (rs_supply_left_out(s, item, column))
			continue;
		rs_entry_start(e, item, column);
		rs_entry_score(s->q, s->scoring, e);
		if (s->scoring == RS_BY_RANKER)
			e->raw = s->last_score = Min(e->raw, s->last_score);
		out->n++;
	}
	if (n < top)
		s->next = nitems;
	pfree(best);
}

/* Readies more of what the model does not know; nothing where that is all. */
static void
ready_unknown(RsSupply *s, int64 wanted)
{
	RsRequest  *q = s->q;
	RsFound    *found;
	int64		had = s->unknown;
	int			n;

	if (s->windowed)
		wanted = had + Max(had, UNKNOWN_WINDOW);
	else
		wanted += had + rs_idmap_count(q->h->hidden);
	s->ready.n = 0;
	s->next = 0;
	s->unknown = PG_INT32_MAX;
	n = rs_filter_unknown(q->filter, q->m, q->only,
						  q->only == NULL ? Min(wanted, PG_INT32_MAX) : PG_INT32_MAX, &found);
	if (n == wanted && q->only == NULL)
		s->unknown = n;
	for (int64 i = had; i < n; i++)
	{
		RsEntry    *e;

		if (rs_supply_left_out(s, found[i].item, RS_NO_ID))
			continue;
		e = rs_entries_grow(&s->ready, 1);
		rs_entry_start(e, found[i].item, RS_NO_ID);
		e->says = found[i].says;
		e->raw = rs_fresh_score(s->passed > 0, s->last_passed);
		s->ready.n++;
	}
}

/* The stage has ended: starts the next one. */
static void
next_stage(RsSupply *s)
{
	if (s->stage == RS_STAGE_CANDIDATES && rs_supply_set_by_catalog(s))
		return;
	s->ready.n = 0;
	s->next = 0;
	s->batch = 0;
	s->checked = false;
	switch (s->stage)
	{
		case RS_STAGE_CANDIDATES:
			score_all(s);
			s->stage = RS_STAGE_ALL;
			break;
		case RS_STAGE_SET:
		case RS_STAGE_ALL:
			s->stage = RS_STAGE_UNKNOWN;
			s->checked = true;
			break;
		case RS_STAGE_UNKNOWN:
		case RS_STAGE_END:
			s->stage = RS_STAGE_END;
			break;
	}
}

/* ---- the doors ---- */

void
rs_supply_open(RsSupply *s, RsRequest *q, bool windowed)
{
	const RsFunnel *f = &q->m->funnel;
	RsMethod	method = q->policy.method;

	memset(s, 0, sizeof(*s));
	s->q = q;
	s->windowed = windowed;
	s->last_score = INFINITY;
	rs_supply_hide(s);
	if (q->h->n == 0 || method == RS_POPULARITY)
		s->scoring = RS_BY_POPULARITY;
	else if (method == RS_FUNNEL && f->ranker.nfeatures > 0)
		s->scoring = RS_BY_RANKER;
	else
		s->scoring = RS_BY_EVIDENCE;
	if (s->scoring == RS_BY_EVIDENCE)
		score_all(s);
	s->stage = s->scoring == RS_BY_RANKER ? RS_STAGE_CANDIDATES : RS_STAGE_ALL;
}

void
rs_supply_entry(RsSupply *s, Datum item, RsEntry *out)
{
	uint32		column = rs_model_find(s->q->m, item);

	rs_entry_start(out, item, column);
	if (column != RS_NO_ID)
		rs_entry_score(s->q, s->scoring, out);
}

/* How many to hand out next. */
static int64
batch_size(RsSupply *s, int64 wanted)
{
	const RsRules *rules = s->q->rules;
	bool		adjusted = rules->nboosts > 0 || rules->amount > 0;

	if (s->windowed && adjusted && s->stage != RS_STAGE_ALL)
		return PG_INT64_MAX;
	if (s->batch > 0)
		s->batch = Min(2 * (int64) s->batch, PG_INT32_MAX / 4);
	else if (s->windowed)
		s->batch = adjusted ? FIRST_WINDOW : FIRST_COMPARED;
	else
		s->batch = (int) Min(Max(FIRST_BATCH, 2 * wanted), PG_INT32_MAX / 4);
	return Min((int64) s->batch, s->q->m->funnel.nitems + (int64) s->ready.n);
}

/* A batch of the stage; false where the stage has ended. */
static bool
next_of_stage(RsSupply *s, int64 wanted, RsEntries *out)
{
	switch (s->stage)
	{
		case RS_STAGE_CANDIDATES:
			if (s->next == s->ready.n && s->next_ranked == s->ncandidates)
				return false;
			next_candidates(s, batch_size(s, wanted), out);
			return true;
		case RS_STAGE_SET:
			if (s->next == s->ready.n)
				return false;
			next_ready(s, batch_size(s, wanted), out);
			return true;
		case RS_STAGE_ALL:
			if (s->scoring != RS_BY_RANKER && rs_supply_set_by_catalog(s))
				return true;
			if (s->next >= s->q->m->funnel.nitems)
				return false;
			if (s->scoring == RS_BY_POPULARITY)
				next_popular(s, batch_size(s, wanted), out);
			else
				next_scored(s, batch_size(s, wanted), out);
			return true;
		case RS_STAGE_UNKNOWN:
			if (s->unknown == PG_INT32_MAX)
				return false;
			ready_unknown(s, wanted);
			next_ready(s, s->ready.n, out);
			return true;
		case RS_STAGE_END:
			break;
	}
	return false;
}

/* Readies the first stage; what is pinned has been skipped before. */
static void
start(RsSupply *s)
{
	s->started = true;
	if (s->q->only != NULL)
		rs_supply_set_given(s);
	else if (s->stage == RS_STAGE_CANDIDATES)
		ready_candidates(s);
}

bool
rs_supply_next(RsSupply *s, int64 wanted, RsEntries *out)
{
	CHECK_FOR_INTERRUPTS();
	if (!s->started)
		start(s);
	while (!next_of_stage(s, wanted, out))
	{
		if (s->stage == RS_STAGE_END)
			return false;
		next_stage(s);
	}
	if (out->n > 0 && s->stage != RS_STAGE_ALL)
		s->last_score = Min(s->last_score, out->entry[out->n - 1].raw);
	s->seen += out->n;
	return true;
}
