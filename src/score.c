/*-------------------------------------------------------------------------
 *
 * score.c
 *	  Scores of all items for one request.
 *
 * Gathers the evidence of the neighbours and of the factors from the history
 * and blends them, in the same order and by the same code (kernel/score.h) as
 * the evaluation does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/array.h"
#include "utils/lsyscache.h"

#include "list.h"
#include "kernel/score.h"

/* The history's item that speaks most for each neighbour; ties to the first. */
static void
find_strongest(RsRequest *q)
{
	const RsFunnel *f = &q->m->funnel;
	Size		nitems = Max(f->nitems, 1);
	float	   *most = palloc_extended(nitems * sizeof(float), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	q->because = palloc_extended(nitems * sizeof(uint32), MCXT_ALLOC_HUGE);
	memset(q->because, 0xff, nitems * sizeof(uint32));
	for (int i = 0; i < q->h->n; i++)
	{
		uint32		item = q->h->column[i];

		for (uint64 j = f->neighbor_start[item]; j < f->neighbor_start[item + 1]; j++)
		{
			uint32		column = f->neighbor[j].item;
			float		share = q->h->weight[i] * f->neighbor[j].similarity;

			if (share > most[column])
			{
				most[column] = share;
				q->because[column] = item;
			}
		}
	}
	pfree(most);
}

/*
 * Evidence of the neighbours, in the order in which the evaluation sums it.
 */
static void
score_neighbors(RsRequest *q)
{
	const RsFunnel *f = &q->m->funnel;

	q->neighbor = palloc_extended(Max(f->nitems, 1) * sizeof(float), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	rs_neighbor_scores(f->neighbor_start, f->neighbor, q->h->n, q->h->column, q->h->weight, q->neighbor);
	find_strongest(q);
}

/*
 * Evidence of the factors: the user's vector solved from the history; none
 * where it has no solution.
 */
static void
score_factors(RsRequest *q)
{
	const RsFunnel *f = &q->m->funnel;
	void	   *work = palloc_extended(rs_fold_in_workspace(f->fold.factors, q->h->n), MCXT_ALLOC_HUGE);
	float	   *x = palloc(f->fold.width * sizeof(float));
	uint32	   *place = palloc((q->h->n + 1) * sizeof(uint32));

	for (int i = 0; i < q->h->n; i++)
		place[i] = f->index.place[q->h->column[i]];
	if (rs_fold_in(&f->fold, q->h->n, place, q->h->weight, work, x))
	{
		float	   *score = palloc_extended(Max(f->nitems, 1) * sizeof(float), MCXT_ALLOC_HUGE);

		q->factor = palloc_extended(Max(f->nitems, 1) * sizeof(float), MCXT_ALLOC_HUGE);
		rs_factor_scores(f->index.row, f->nitems, f->fold.width, x, score);
		for (uint32 i = 0; i < f->nitems; i++)
			q->factor[f->index.item[i]] = score[i];
		pfree(score);
	}
	pfree(work);
	pfree(x);
	pfree(place);
}

/* Final scores; -infinity for what this user must not see. */
void
rs_score_items(RsRequest *q)
{
	const RsModel *m = q->m;
	bool	   *hidden = palloc_extended(Max(m->funnel.nitems, 1) * sizeof(bool), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint32 i = 0; i < rs_idmap_count(q->h->hidden); i++)
	{
		uint32		column = rs_model_find(m, rs_idmap_datum(q->h->hidden, i));

		if (column != RS_NO_ID)
			hidden[column] = true;
	}
	if (q->h->n > 0 && rs_has_neighbors(q->policy.method) && m->funnel.neighbor_start != NULL)
		score_neighbors(q);
	if (q->h->n > 0 && rs_has_factors(q->policy.method) && m->funnel.fold.factors > 0)
		score_factors(q);
	q->score = palloc_extended(Max(m->funnel.nitems, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	if (q->factor != NULL && m->funnel.fold.kind == RS_KIND_RATING)
		for (uint32 i = 0; i < m->funnel.nitems; i++)
			q->score[i] = hidden[i] ? -INFINITY : q->factor[i];
	else
		rs_blend(q->neighbor, q->factor, m->funnel.popularity, hidden, m->funnel.nitems, m->funnel.blend, q->score);
	pfree(hidden);
}
