/*-------------------------------------------------------------------------
 *
 * parts.c
 *	  Trains what policies need: parts with equal settings once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "parts.h"
#include "progress.h"

double
rs_users_of(const RsMatrix *m, uint32 column)
{
	if (m->recency != NULL)
		return m->recency[column];
	return m->items.start[column + 1] - m->items.start[column];
}

/* Distinct users of each item, divided by the most popular item's. */
static void
train_popularity(RsRun *run, RsSplit *split)
{
	const RsMatrix *m = split->matrix;
	uint32		nitems = m->items.nrows;
	RsParts    *parts = split->parts;
	double		most = 0;

	parts->shared_popularity = rs_share(run, split->context, nitems * sizeof(float), "popularity");
	parts->popularity = parts->shared_popularity.local;
	for (uint32 i = 0; i < nitems; i++)
		most = Max(most, rs_users_of(m, i));
	/* all may be so old that nothing is left of them */
	for (uint32 i = 0; i < nitems; i++)
		parts->popularity[i] = most > 0 ? (float) (rs_users_of(m, i) / most) : 0;
}

RsNeighborPart *
rs_parts_neighbors(const RsParts *parts, const RsPolicy *policy)
{
	ListCell   *cell;

	if (!rs_has_neighbors(policy->method))
		return NULL;
	foreach(cell, parts->neighbors)
	{
		RsNeighborPart *part = lfirst(cell);

		if (memcmp(&part->settings, &policy->neighbors, sizeof(RsCoocSettings)) == 0)
			return part;
	}
	return NULL;
}

RsFactorPart *
rs_parts_factors(const RsParts *parts, const RsPolicy *policy)
{
	ListCell   *cell;

	if (!rs_has_factors(policy->method))
		return NULL;
	foreach(cell, parts->factors)
	{
		RsFactorPart *part = lfirst(cell);

		if (memcmp(&part->asked, &policy->factors, sizeof(RsFactorSettings)) == 0)
			return part;
	}
	return NULL;
}

static RsFactorPart *
train_factors(RsRun *run, RsTeam *team, RsSplit *split, const RsFactorSettings *settings)
{
	switch (settings->method)
	{
		case RS_EXPLICIT:
			return rs_train_explicit(run, team, split, settings);
		case RS_BPR:
			return rs_train_bpr(run, team, split, settings);
		default:
			return rs_train_factors(run, team, split, settings);
	}
}

/*
 * The parts of a policy that are not trained yet, in the split's context; for
 * who watches, from and to are the policy's shares of the stage.
 */
static void
train_missing(RsRun *run, RsTeam *team, RsSplit *split, RsPolicy *policy,
			  double from, double to)
{
	RsParts    *parts = split->parts;
	bool		neighbors = rs_has_neighbors(policy->method) &&
		rs_parts_neighbors(parts, policy) == NULL;
	bool		factors = rs_has_factors(policy->method) &&
		rs_parts_factors(parts, policy) == NULL;
	double		middle = neighbors ? (factors ? (from + to) / 2 : to) : from;
	MemoryContext old;

	old = MemoryContextSwitchTo(split->context);
	if (neighbors)
	{
		rs_progress_piece(from, middle);
		parts->neighbors = lappend(parts->neighbors,
								   rs_train_neighbors(run, team, split, &policy->neighbors));
	}
	if (factors)
	{
		rs_progress_piece(middle, to);
		parts->factors = lappend(parts->factors,
								 train_factors(run, team, split, &policy->factors));
	}
	MemoryContextSwitchTo(old);
}

RsFoldIn
rs_part_fold(const RsFactorPart *part, uint32 nitems)
{
	RsFoldIn	fold = {0};

	fold.kind = part->kind;
	fold.factors = part->settings.factors;
	fold.width = rs_row_width(part->kind, part->settings.factors);
	fold.nitems = nitems;
	fold.alpha0 = part->settings.alpha0;
	fold.lambda = part->settings.lambda;
	fold.nu = part->settings.nu;
	fold.rating = part->rating;
	return fold;
}

/* Rows that a fold-in and a scan of the catalog read. */
static void
share_rows(RsRun *run, RsSplit *split, RsFactorPart *part)
{
	uint32		nitems = split->matrix->items.nrows;
	int			f = part->settings.factors;
	Size		width = rs_row_width(part->kind, f);

	if (part->kind == RS_KIND_IMPLICIT)
		part->shared_row = part->shared_item;
	if (part->shared_row.local != NULL)
		return;
	part->shared_row = rs_share(run, split->context, nitems * width * sizeof(float), "item factors");
	for (uint32 i = 0; i < nitems; i++)
		rs_join_row(part->kind, f, part->item + (Size) i * f, part->item_bias[i],
					(float *) part->shared_row.local + i * width);
}

void
rs_parts_share(RsRun *run, RsSplit *split)
{
	uint32		nitems = split->matrix->items.nrows;
	ListCell   *cell;

	foreach(cell, split->parts->factors)
		share_rows(run, split, lfirst(cell));

	foreach(cell, split->parts->neighbors)
	{
		RsNeighborPart *part = lfirst(cell);
		Size		start = ((Size) nitems + 1) * sizeof(uint64);
		Size		neighbor = part->start[nitems] * sizeof(RsNeighbor);

		if (part->is_shared)
			continue;
		part->shared_start = rs_share(run, split->context, start, "item neighbours");
		part->shared_neighbor = rs_share(run, split->context, neighbor, "item neighbours");
		memcpy(part->shared_start.local, part->start, start);
		memcpy(part->shared_neighbor.local, part->neighbor, neighbor);
		pfree(part->start);
		pfree(part->neighbor);
		part->start = part->shared_start.local;
		part->neighbor = part->shared_neighbor.local;
		part->is_shared = true;
	}
}

/* Trains what the policies need on the split's matrix. */
void
rs_parts_make(RsRun *run, RsSplit *split, List *policies)
{
	RsMatrix   *m = split->matrix;
	RsTeam	   *team;
	ListCell   *cell;
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	split->parts = MemoryContextAllocZero(split->context, sizeof(RsParts));
	split->parts->matrix = m;
	train_popularity(run, split);
	team = rs_team_begin(run, m->users.start[m->users.nrows]);
	foreach(cell, policies)
		train_missing(run, team, split, lfirst(cell),
					  (double) foreach_current_index(cell) / list_length(policies),
					  (double) (foreach_current_index(cell) + 1) / list_length(policies));
	rs_team_end(team);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	split->parts->seconds = INSTR_TIME_GET_DOUBLE(end);
}
