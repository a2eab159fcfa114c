/*-------------------------------------------------------------------------
 *
 * lister_memory.c
 *	  The memory in which one process makes lists, and the product that it
 *	  ranks by.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <cblas.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "lister_memory.h"
#include "kernel/simd.h"

/* marked items of the users taken together, unless one user has more */
#define MARKS_ROOM	(512 * 1024)

/* cblas_sgemm; a cancel ends it between panels */
static void
blas_product(const float *x, int users, const float *y, int items, int factors,
			 float *out, int stride)
{
	CHECK_FOR_INTERRUPTS();
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, users, items, factors,
				1, x, factors, y, factors, 0, out, stride);
}

/* The widest row of any factors. */
static int
most_width(const RsPlan *plan)
{
	const RsPlanFactors *factors = rs_shared(plan->factors);
	int			most = 1;

	for (int i = 0; i < plan->nfactors; i++)
		most = Max(most, factors[i].fold.width);
	return most;
}

static Size
marks_room(const RsPlan *plan)
{
	Size		most = (Size) plan->nitems * (plan->nneighbors + 1);

	return Max(most, Min(MARKS_ROOM, most * RS_RANK_USERS));
}

Size
rs_lister_bytes(const RsPlan *plan)
{
	const RsPlanFunnel *funnel = rs_shared(plan->funnels);
	Size		room = rs_window_room(plan->k, plan->nitems);
	Size		f = most_width(plan);
	Size		funnels = 0;

	for (int i = 0; i < plan->nfunnels; i++)
		funnels += rs_view_bytes(&funnel[i], plan->most_history);
	if (plan->nfunnels > 0)
		funnels += plan->nitems + plan->k * sizeof(RsScored) + plan->most_history * sizeof(int64);
	return sizeof(RsLister) + funnels + plan->nitems * (3 * sizeof(float) + 1 + sizeof(int)) +
		marks_room(plan) * sizeof(RsMarked) +
		room * (RS_RANK_USERS + 1) * sizeof(RsNear) + room * sizeof(float) +
		(RS_RANK_PANEL + f) * RS_RANK_USERS * sizeof(float) +
		rs_fold_in_workspace(f, plan->most_history) + plan->k * sizeof(RsScored);
}

static void *
huge_alloc(Size bytes)
{
	return palloc_extended(Max(bytes, 1), MCXT_ALLOC_HUGE);
}

/* What policies with a ranker need. */
static void
make_funnels(RsLister *r)
{
	const RsPlan *plan = r->plan;
	const RsPlanFunnel *funnel;

	if (plan->nfunnels == 0)
		return;
	funnel = rs_shared(plan->funnels);
	r->funnel = palloc(plan->nfunnels * sizeof(RsFunnel));
	r->funnel_work = palloc(plan->nfunnels * sizeof(RsFunnelWork *));
	r->candidate = palloc(plan->nfunnels * sizeof(RsCandidate *));
	for (int i = 0; i < plan->nfunnels; i++)
	{
		r->funnel[i] = rs_view(&funnel[i]);
		r->funnel_work[i] = rs_view_work(&r->funnel[i], plan->most_history);
		r->candidate[i] = huge_alloc(rs_funnel_most(&r->funnel[i], plan->most_history) * sizeof(RsCandidate));
	}
	r->time = huge_alloc(plan->most_history * sizeof(int64));
	r->listed = huge_alloc(plan->nitems);
	memset(r->listed, 0, plan->nitems);
	r->ranked = huge_alloc(plan->k * sizeof(RsScored));
}

RsLister *
rs_lister_make(const RsPlan *plan, const RsBatch *batch)
{
	RsLister   *r = palloc0(sizeof(RsLister));
	Size		nitems = plan->nitems;
	Size		f = most_width(plan);

	r->plan = plan;
	r->batch = batch;
	r->items.nitems = plan->nitems;
	r->items.popularity = rs_shared(plan->popularity);
	r->items.order = rs_shared(plan->order);
	r->items.barred = plan->has_barred ? rs_shared(plan->barred) : NULL;
	r->policy = rs_shared(plan->policies);
	r->neighbors = rs_shared(plan->neighbors);
	r->factors = rs_shared(plan->factors);
	r->target = rs_shared(batch->target);
	r->pool = rs_shared(batch->pool);
	r->marks = palloc0(sizeof(RsMarks) * RS_RANK_USERS * (plan->nneighbors + 1));
	r->marks_room = marks_room(plan);
	r->room = huge_alloc(r->marks_room * sizeof(RsMarked));
	r->evidence = huge_alloc(nitems * sizeof(float));
	memset(r->evidence, 0, nitems * sizeof(float));
	r->x = huge_alloc(RS_RANK_USERS * f * sizeof(float));
	r->solve = huge_alloc(rs_fold_in_workspace(f, plan->most_history));
	r->near_room = rs_window_room(plan->k, plan->nitems);
	r->near = huge_alloc(r->near_room * RS_RANK_USERS * sizeof(RsNear));
	r->work.product = blas_product;
	r->work.panel = palloc(RS_RANK_USERS * RS_RANK_PANEL * sizeof(float));
	r->work.scratch = huge_alloc(r->near_room * sizeof(float));
	r->work.near = huge_alloc(r->near_room * sizeof(RsNear));
	r->work.row[0] = huge_alloc(nitems * sizeof(float));
	r->work.row[1] = huge_alloc(nitems * sizeof(float));
	r->work.flag = huge_alloc(nitems * sizeof(bool));
	r->work.place = huge_alloc((nitems + RS_SELECT_SLACK) * sizeof(int));
	r->list = huge_alloc(plan->k * sizeof(RsScored));
	make_funnels(r);
	return r;
}
