/*-------------------------------------------------------------------------
 *
 * parts.c
 *	  Trains what policies need: parts with equal settings once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

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

static int
compare_popularity(const void *a, const void *b, void *arg)
{
	const float *popularity = arg;
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	if (popularity[x] != popularity[y])
		return popularity[x] > popularity[y] ? -1 : 1;
	return (x > y) - (x < y);
}

void
rs_parts_popular(const RsParts *parts, uint32 n, uint32 *order)
{
	for (uint32 i = 0; i < n; i++)
		order[i] = i;
	qsort_arg(order, n, sizeof(uint32), compare_popularity, parts->popularity);
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

void
rs_part_allocate(RsRun *run, MemoryContext context, const RsMatrix *m, RsFactorPart *p)
{
	Size		f = p->settings.factors;
	Size		nusers = m->users.nrows;
	Size		nitems = m->items.nrows;
	Size		sweeps = p->settings.sweeps;

	p->shared_item = rs_share(run, context, sizeof(float) * nitems * f, "item factors");
	p->shared_user = rs_share(run, context, sizeof(float) * nusers * f, "user factors");
	p->item = p->shared_item.local;
	p->user = p->shared_user.local;
	if (p->settings.method != RS_FACTORS)
	{
		p->shared_item_bias = rs_share(run, context, sizeof(float) * nitems, "item factors");
		p->item_bias = p->shared_item_bias.local;
	}
	if (p->settings.method == RS_EXPLICIT)
	{
		p->shared_user_bias = rs_share(run, context, sizeof(float) * nusers, "user factors");
		p->user_bias = p->shared_user_bias.local;
	}
	else
	{
		p->shared_gram = rs_share(run, context, sizeof(float) * f * f, "item factors");
		p->gram = p->shared_gram.local;
	}
	p->most = p->settings.sweeps;
	p->loss = rs_run_alloc_in(run, context, sizeof(double) * sweeps, "losses");
	p->seconds = rs_run_alloc_in(run, context, sizeof(double) * sweeps, "losses");
}

void
rs_part_sweep_begin(const RsFactorPart *p, int number, instr_time *start)
{
	rs_progress_sweep(number + 1, p->most);
	INSTR_TIME_SET_CURRENT(*start);
}

void
rs_part_sweep_end(const RsRun *run, RsFactorPart *p, const char *what, int number, double loss,
				  const instr_time *start)
{
	instr_time	end;

	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, *start);
	p->loss[number] = loss;
	p->seconds[number] = INSTR_TIME_GET_DOUBLE(end);
	if (run->verbose)
		ereport(INFO,
				(errmsg("%s %d of %d: loss %.6g, %.2f s", what, number + 1, p->most,
						p->loss[number], p->seconds[number])));
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
