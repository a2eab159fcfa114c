/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  What the processes of a team make lists by, and whom for: the plan and
 *	  the batch of lister.h, in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "lister.h"

/* 32-bit words of a batch, unless one user needs more */
#define POOL_ROOM	(1024 * 1024)

/* ---- plan ---- */

/* The place of a part in the list of parts; -1 for none. */
static int
place_of(List *list, const void *part)
{
	int			place = 0;
	ListCell   *cell;

	foreach(cell, list)
	{
		if (lfirst(cell) == part)
			return place;
		place++;
	}
	return -1;
}

static void
plan_neighbors(RsRun *run, MemoryContext context, const RsParts *parts, RsPlan *plan)
{
	RsPlanNeighbors *out;
	ListCell   *cell;

	plan->nneighbors = list_length(parts->neighbors);
	plan->neighbors = rs_share(run, context, plan->nneighbors * sizeof(RsPlanNeighbors), "lists");
	out = plan->neighbors.local;
	foreach(cell, parts->neighbors)
	{
		const RsNeighborPart *part = lfirst(cell);

		out->start = part->shared_start;
		(out++)->neighbor = part->shared_neighbor;
	}
}

static void
plan_factors(RsRun *run, MemoryContext context, const RsParts *parts, RsPlan *plan)
{
	RsPlanFactors *out;
	ListCell   *cell;

	plan->nfactors = list_length(parts->factors);
	plan->factors = rs_share(run, context, plan->nfactors * sizeof(RsPlanFactors), "lists");
	out = plan->factors.local;
	foreach(cell, parts->factors)
	{
		const RsFactorPart *part = lfirst(cell);

		out->fold = rs_part_fold(part, plan->nitems);
		out->row = part->shared_row;
		out->gram = part->shared_gram;
		out->longest = rs_longest_row(part->shared_row.local, plan->nitems, out->fold.width);
		(out++)->least_share = 1;
	}
}

RsPlan
rs_plan_make(RsRun *run, MemoryContext context, const RsParts *parts,
			 uint32 nitems, List *policies, int k, bool with_hidden)
{
	RsPlan		plan = {0};
	uint32	   *order;
	RsPlanPolicy *policy;
	RsPlanFactors *factors;
	ListCell   *cell;

	plan.nitems = nitems;
	plan.k = Min(k, (int) Max(Min(nitems, PG_INT32_MAX), 1));
	plan.with_hidden = with_hidden;
	plan.most_history = run->recommender->history_limit;
	plan.popularity = parts->shared_popularity;
	plan.order = rs_share(run, context, nitems * sizeof(uint32), "lists");
	order = plan.order.local;
	rs_parts_popular(parts, nitems, order);
	plan_neighbors(run, context, parts, &plan);
	plan_factors(run, context, parts, &plan);
	plan.npolicies = list_length(policies);
	plan.policies = rs_share(run, context, plan.npolicies * sizeof(RsPlanPolicy), "lists");
	policy = plan.policies.local;
	factors = plan.factors.local;
	foreach(cell, policies)
	{
		const RsPolicy *p = lfirst(cell);

		policy->neighbors = place_of(parts->neighbors, rs_parts_neighbors(parts, p));
		policy->factors = place_of(parts->factors, rs_parts_factors(parts, p));
		policy->funnel = -1;
		policy->blend = p->blend;
		if (policy->factors >= 0)
			factors[policy->factors].scanned = true;
		if (policy->neighbors >= 0 && policy->factors >= 0 && p->blend < 1)
			factors[policy->factors].least_share =
				Min(factors[policy->factors].least_share, 1 - p->blend);
		policy++;
	}
	return plan;
}

/* Which factors all items are scanned by for all users. */
static void
plan_scans(RsPlan *plan)
{
	const RsPlanPolicy *policy = plan->policies.local;
	RsPlanFactors *factors = plan->factors.local;

	for (int i = 0; i < plan->nfactors; i++)
		factors[i].scanned = false;
	for (int i = 0; i < plan->npolicies; i++)
		if (policy[i].factors >= 0 && policy[i].funnel < 0)
			factors[policy[i].factors].scanned = true;
}

void
rs_plan_funnels(RsRun *run, MemoryContext context, RsPlan *plan,
				const RsSplit *split, List *policies)
{
	RsPlanPolicy *policy = plan->policies.local;
	RsPlanFunnel *funnel;
	ListCell   *cell;

	plan->has_time = run->recommender->has_time;
	plan->as_of = split->as_of;
	foreach(cell, policies)
		plan->nfunnels += rs_is_ranked(lfirst(cell));
	plan->funnels = rs_share(run, context, plan->nfunnels * sizeof(RsPlanFunnel), "lists");
	funnel = plan->funnels.local;
	plan->nfunnels = 0;
	foreach(cell, policies)
	{
		const RsPolicy *p = lfirst(cell);

		if (rs_is_ranked(p))
		{
			RsSharedFacts facts = rs_facts_share(run, context, split->matrix, p, plan->order.local);

			funnel[plan->nfunnels] = rs_view_share(run, context, split->parts, split->context,
												   plan->nitems, plan->order, p, &facts, p->learned);
			policy->funnel = plan->nfunnels++;
		}
		policy++;
	}
	plan_scans(plan);
}

/* ---- batch ---- */

RsBatch
rs_batch_make(RsRun *run, MemoryContext context, uint32 most, uint64 columns)
{
	RsBatch		batch = {{0}};

	batch.most = most;
	batch.room = Max(columns, POOL_ROOM);
	batch.target = rs_share(run, context, most * sizeof(RsTarget), "lists");
	batch.pool = rs_share(run, context, batch.room * sizeof(uint32), "lists");
	return batch;
}

void
rs_batch_clear(RsBatch *batch)
{
	batch->n = 0;
	batch->used = 0;
}

uint32 *
rs_batch_space(const RsBatch *batch, uint64 columns)
{
	if (batch->n == batch->most || batch->room - batch->used < columns)
		return NULL;
	return (uint32 *) batch->pool.local + batch->used;
}

void
rs_batch_add(RsBatch *batch, const RsTarget *target, uint64 columns)
{
	RsTarget   *t = (RsTarget *) batch->target.local + batch->n++;

	*t = *target;
	t->history += batch->used;
	t->weight += batch->used;
	t->time += batch->used;
	t->hidden += batch->used;
	t->rated += batch->used;
	t->rating += batch->used;
	t->relevant += batch->used;
	t->tested += batch->used;
	t->test_rating += batch->used;
	batch->used += columns;
}
