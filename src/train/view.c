/*-------------------------------------------------------------------------
 *
 * view.c
 *	  The funnel of a policy over parts as a training holds them.
 *
 * Serving has a model in one piece of memory; here its parts lie where training
 * has left them, and some are shared by several policies.  Both are shown to
 * the same kernel, so that the ranker learns from, and an evaluation measures,
 * what is served.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "view.h"

/* Shared memory need not begin at a cache line where no worker has it. */
static void *
aligned(RsShared memory)
{
	return (void *) TYPEALIGN(RS_INDEX_ALIGN, rs_shared(memory));
}

RsShared
rs_part_index(RsRun *run, MemoryContext context, RsFactorPart *part, uint32 nitems)
{
	int			width = rs_row_width(part->kind, part->settings.factors);
	RsIndex		index;

	if (part->shared_index.local == NULL)
	{
		part->shared_index = rs_share(run, context, rs_index_bytes(nitems, width) + RS_INDEX_ALIGN,
									  "the index of item factors");
		rs_index_build(part->shared_row.local, nitems, width,
					   (void *) TYPEALIGN(RS_INDEX_ALIGN, part->shared_index.local), &index);
		CHECK_FOR_INTERRUPTS();
	}
	return part->shared_index;
}

/* The ranker's numbers, one array after the other. */
static RsShared
share_ranker(RsRun *run, MemoryContext context, const RsRanker *r)
{
	RsShared	memory = rs_share(run, context, 3 * r->nfeatures * sizeof(double), "the ranker");
	double	   *number = memory.local;
	Size		bytes = r->nfeatures * sizeof(double);

	memcpy(number, r->mean, bytes);
	memcpy(number + r->nfeatures, r->scale, bytes);
	memcpy(number + 2 * r->nfeatures, r->weight, bytes);
	return memory;
}

RsPlanFunnel
rs_view_share(RsRun *run, MemoryContext context, const RsParts *parts,
			  MemoryContext parts_context, uint32 nitems, RsShared order,
			  const RsPolicy *policy, const RsSharedFacts *facts,
			  const RsLearned *learned)
{
	RsPlanFunnel plan = {0};
	RsFunnel   *f = &plan.funnel;
	RsNeighborPart *neighbors = rs_parts_neighbors(parts, policy);
	RsFactorPart *factors = rs_parts_factors(parts, policy);

	f->nitems = nitems;
	f->blend = policy->blend;
	f->recency_half_life = policy->funnel.recency_half_life;
	f->main_categories = policy->funnel.main_categories;
	memcpy(f->quota, policy->funnel.quota, sizeof(f->quota));
	plan.popularity = parts->shared_popularity;
	plan.popular = order;
	plan.facts = *facts;
	if (neighbors != NULL)
	{
		plan.neighbor_start = neighbors->shared_start;
		plan.neighbor = neighbors->shared_neighbor;
		f->most_neighbors = neighbors->settings.neighbors;
	}
	if (factors != NULL && nitems > 0)
	{
		f->fold = rs_part_fold(factors, nitems);
		plan.gram = factors->shared_gram;
		plan.index = rs_part_index(run, parts_context, factors, nitems);
	}
	if (learned != NULL)
	{
		f->ranker = learned->ranker;
		plan.ranker = share_ranker(run, context, &learned->ranker);
	}
	return plan;
}

RsFunnel
rs_view(const RsPlanFunnel *plan)
{
	RsFunnel	f = plan->funnel;

	f.popularity = rs_shared(plan->popularity);
	f.popular = rs_shared(plan->popular);
	f.facts = rs_facts_view(&plan->facts);
	if (f.most_neighbors > 0)
	{
		f.neighbor_start = rs_shared(plan->neighbor_start);
		f.neighbor = rs_shared(plan->neighbor);
	}
	if (f.fold.factors > 0)
	{
		rs_index_attach(aligned(plan->index), f.nitems, f.fold.width, &f.index);
		f.fold.row = f.index.row;
		f.fold.gram = f.fold.kind == RS_KIND_RATING ? NULL : rs_shared(plan->gram);
	}
	if (f.ranker.nfeatures > 0)
	{
		const double *number = rs_shared(plan->ranker);

		f.ranker.mean = number;
		f.ranker.scale = number + f.ranker.nfeatures;
		f.ranker.weight = number + 2 * f.ranker.nfeatures;
	}
	return f;
}

RsFunnelWork *
rs_view_work(const RsFunnel *funnel, int most_history)
{
	char	   *memory = palloc_extended(rs_funnel_workspace(funnel, most_history) + RS_INDEX_ALIGN,
										 MCXT_ALLOC_HUGE);

	return rs_funnel_init(funnel, most_history, (void *) TYPEALIGN(RS_INDEX_ALIGN, memory));
}

Size
rs_view_bytes(const RsPlanFunnel *plan, int most_history)
{
	RsFunnel	f = rs_view(plan);

	return rs_funnel_workspace(&f, most_history) + RS_INDEX_ALIGN +
		rs_funnel_most(&f, most_history) * sizeof(RsCandidate);
}
