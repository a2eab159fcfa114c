/*-------------------------------------------------------------------------
 *
 * model.c
 *	  A stored model as parts that the team can rank by.
 *
 * Copies of what is in the model's image: the team works in shared memory, and
 * by items in their order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "lists.h"

/* A copy that the team can reach. */
static RsShared
share_copy(RsRun *run, MemoryContext context, const void *from, Size bytes, const char *what)
{
	RsShared	memory = rs_share(run, context, bytes, what);

	memcpy(memory.local, from, bytes);
	return memory;
}

/* All neighbours of the model, in shared memory. */
static RsNeighborPart *
copy_neighbors(RsRun *run, MemoryContext context, const RsFunnel *f)
{
	RsNeighborPart *part = palloc0(sizeof(RsNeighborPart));

	part->is_shared = true;
	part->shared_start = share_copy(run, context, f->neighbor_start, ((Size) f->nitems + 1) * sizeof(uint64), "item neighbours");
	part->shared_neighbor = share_copy(run, context, f->neighbor, f->neighbor_start[f->nitems] * sizeof(RsNeighbor), "item neighbours");
	part->start = part->shared_start.local;
	part->neighbor = part->shared_neighbor.local;
	return part;
}

static RsFactorPart *
copy_factors(RsRun *run, MemoryContext context, const RsModel *m)
{
	RsFactorPart *part = palloc0(sizeof(RsFactorPart));
	const RsFunnel *funnel = &m->funnel;
	const RsFoldIn *fold = &funnel->fold;
	Size		f = fold->factors;
	Size		width = fold->width;

	part->kind = fold->kind;
	part->settings.factors = fold->factors;
	part->settings.alpha0 = fold->alpha0;
	part->settings.lambda = fold->lambda;
	part->settings.nu = fold->nu;
	part->rating = fold->rating;
	part->asked = part->settings;
	part->shared_row = rs_share(run, context, funnel->nitems * width * sizeof(float), "item factors");
	for (uint32 i = 0; i < funnel->nitems; i++)
		memcpy((float *) part->shared_row.local + i * width, rs_index_row(&funnel->index, i), width * sizeof(float));
	if (fold->gram != NULL)
		part->shared_gram = share_copy(run, context, fold->gram, f * f * sizeof(float), "item factors");
	return part;
}

RsParts *
rs_model_parts(RsRun *run, MemoryContext context, RsModel *m, RsMethod method,
			   RsPolicy *policy)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	RsParts    *parts = palloc0(sizeof(RsParts));

	memset(policy, 0, sizeof(*policy));
	policy->method = method;
	policy->blend = m->funnel.blend;
	parts->shared_popularity = share_copy(run, context, m->funnel.popularity, m->funnel.nitems * sizeof(float), "popularity");
	parts->popularity = parts->shared_popularity.local;
	if (method == RS_ITEM_ITEM || method == RS_FUNNEL)
		parts->neighbors = list_make1(copy_neighbors(run, context, &m->funnel));
	if (rs_has_factors(method) && m->funnel.fold.factors > 0)
	{
		RsFactorPart *part = copy_factors(run, context, m);

		policy->factors = part->asked;
		parts->factors = list_make1(part);
	}
	MemoryContextSwitchTo(old);
	return parts;
}
