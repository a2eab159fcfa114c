/*-------------------------------------------------------------------------
 *
 * entry.c
 *	  One item on its way into a list: where it comes from, its features and
 *	  its score, by whatever scores for the user.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "listing.h"

RsEntry *
rs_entries_grow(RsEntries *e, int64 more)
{
	if (e->n + more > e->allocated)
	{
		Size		size;

		e->allocated = Max(2 * e->allocated, e->n + more);
		size = (Size) e->allocated * sizeof(RsEntry);
		e->entry = e->entry == NULL ? palloc_extended(size, MCXT_ALLOC_HUGE) :
			repalloc_huge(e->entry, size);
	}
	return e->entry + e->n;
}

/* score descending, ties by id; what the model does not know as it came, after */
static int
compare_raw(const void *a, const void *b)
{
	const RsEntry *x = a;
	const RsEntry *y = b;

	if (x->raw != y->raw)
		return x->raw > y->raw ? -1 : 1;
	if (x->column != y->column)
		return x->column > y->column ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

void
rs_entries_sort(RsEntries *e)
{
	qsort(e->entry, e->n, sizeof(RsEntry), compare_raw);
}

/* An entry about which nothing is known but the item. */
void
rs_entry_start(RsEntry *e, Datum item, uint32 column)
{
	memset(e, 0, sizeof(*e));
	e->item = item;
	e->column = column;
	e->source = RS_FROM_FRESH;
	e->because = RS_NO_ID;
	e->says.released = RS_NO_RELEASE;
}

/* Source and evidence of a candidate, or of what could have been one. */
void
rs_entry_candidate(const RsRequest *q, const RsCandidate *c, RsEntry *e)
{
	static const RsSource sources[RS_SOURCES] = {
		RS_FROM_NEIGHBOR, RS_FROM_FACTOR, RS_FROM_POPULARITY, RS_FROM_CATEGORY, RS_FROM_HISTORY
	};

	if (c->source < RS_SOURCES)
		e->source = sources[c->source];
	else if (c->because != RS_NO_ITEM)
		e->source = RS_FROM_NEIGHBOR;
	else if (q->m->funnel.fold.factors > 0)
		e->source = RS_FROM_FACTOR;
	else
		e->source = RS_FROM_POPULARITY;
	if (e->source == RS_FROM_NEIGHBOR)
		e->because = c->because;
}

/* The same by the evidence of all items. */
static void
describe_scored(const RsRequest *q, RsEntry *e)
{
	if (q->neighbor != NULL && q->neighbor[e->column] > 0)
	{
		e->source = RS_FROM_NEIGHBOR;
		e->because = q->because[e->column];
	}
	else if (q->factor != NULL && q->m->funnel.fold.kind == RS_KIND_RATING)
		e->source = RS_FROM_RATING;
	else
		e->source = q->factor != NULL && q->factor[e->column] > 0 ? RS_FROM_FACTOR : RS_FROM_POPULARITY;
}

void
rs_entry_features(RsRequest *q, const RsEntry *e, float *out)
{
	static const RsItemFacts nothing = {RS_NO_CATEGORY, RS_NO_RELEASE, -1, NULL};

	rs_funnel_features(&q->m->funnel, rs_request_funnel(q),
					   e->column == RS_NO_ID ? RS_NO_ITEM : e->column,
					   e->column == RS_NO_ID && e->facts == NULL ? &nothing : e->facts, out);
}

/* The ranker's score of an entry. */
double
rs_entry_rank(RsRequest *q, const RsEntry *e)
{
	float		features[RS_MOST_FEATURES];

	rs_entry_features(q, e, features);
	return rs_ranker_score(&q->m->funnel.ranker, features);
}

/* Score, source and evidence of an item of the model, by whatever scores. */
void
rs_entry_score(RsRequest *q, RsScoring scoring, RsEntry *e)
{
	switch (scoring)
	{
		case RS_BY_RANKER:
			{
				RsCandidate c;

				rs_funnel_describe(&q->m->funnel, rs_request_funnel(q), e->column, &c);
				rs_entry_candidate(q, &c, e);
				e->raw = rs_entry_rank(q, e);
				break;
			}
		case RS_BY_EVIDENCE:
			e->raw = q->score[e->column];
			describe_scored(q, e);
			break;
		case RS_BY_POPULARITY:
			e->raw = q->m->funnel.popularity[e->column];
			e->source = RS_FROM_POPULARITY;
			break;
	}
}
