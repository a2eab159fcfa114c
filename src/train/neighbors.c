/*-------------------------------------------------------------------------
 *
 * neighbors.c
 *	  Trains item neighbours: rows of the sparse product, shared out.
 *
 * Processes fill a staging area of fixed places, a batch of rows at a time;
 * this backend then packs the batch behind those before it, so that rows
 * follow the items whatever process has made them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "parts.h"

#define BLOCK_ITEMS		16

typedef struct NeighborArg
{
	RsSharedCsr users;
	RsSharedCsr items;
	RsShared	user_weight;
	RsShared	staging;		/* batch x neighbors */
	RsShared	count;			/* found, by row of the batch */
	RsCoocSettings settings;
	uint32		first;			/* row of the batch */
	uint32		rows;
} NeighborArg;

/* A process's view of the job. */
typedef struct NeighborScratch
{
	RsCsr		users;
	RsCsr		items;
	void	   *work;
} NeighborScratch;

static void *
neighbors_begin(const void *arg)
{
	const NeighborArg *a = arg;
	NeighborScratch *s = palloc(sizeof(NeighborScratch));

	s->users = rs_shared_csr(&a->users);
	s->items = rs_shared_csr(&a->items);
	s->work = palloc_extended(rs_cooc_workspace(s->items.nrows, a->settings.neighbors),
							  MCXT_ALLOC_HUGE);
	rs_cooc_workspace_init(s->work, &s->items, &a->settings);
	return s;
}

static void
neighbors_block(const void *arg, void *scratch, uint32 block)
{
	const NeighborArg *a = arg;
	NeighborScratch *s = scratch;
	const float *user_weight = rs_shared(a->user_weight);
	RsNeighbor *staging = rs_shared(a->staging);
	int32	   *count = rs_shared(a->count);
	uint32		end = Min((block + 1) * BLOCK_ITEMS, a->rows);

	for (uint32 row = block * BLOCK_ITEMS; row < end; row++)
	{
		count[row] = rs_cooc_row(&s->items, &s->users, user_weight, &a->settings,
								 a->first + row, s->work,
								 staging + (Size) row * a->settings.neighbors);
		CHECK_FOR_INTERRUPTS();
	}
}

const RsJob rs_job_neighbors = {"neighbors", neighbors_begin, neighbors_block};

/*
 * The matrix with histories no longer than the policy's cap; returns how many
 * users were cut.  The work is the sum of the squares of the histories'
 * lengths, so one user with 100,000 items would cost as much as a hundred
 * thousand with 300.  Which items of a long history count is drawn by hash.
 */
static uint32
cap_histories(RsRun *run, MemoryContext context, const RsMatrix *m,
			  const RsCoocSettings *settings, RsSharedCsr *users, RsSharedCsr *items)
{
	uint64		pairs;
	uint32		cut = rs_cooc_cut_users(&m->users, settings->history_cap, &pairs);
	RsCsr		capped;
	RsCsr		transposed;

	*users = m->shared_users;
	*items = m->shared_items;
	if (cut == 0)
		return 0;
	*users = rs_share_csr(run, context, m->users.nrows, m->users.ncols, pairs);
	*items = rs_share_csr(run, context, m->items.nrows, m->items.ncols, pairs);
	capped = rs_shared_csr(users);
	transposed = rs_shared_csr(items);
	rs_cooc_cut(&m->users, settings->history_cap, &capped);
	rs_csr_transpose(&capped, &transposed);
	return cut;
}

/* Puts the rows of a batch behind those already there. */
static void
pack_batch(RsRun *run, RsNeighborPart *part, const NeighborArg *arg, uint64 *allocated)
{
	const RsNeighbor *staging = arg->staging.local;
	const int32 *count = arg->count.local;

	for (uint32 row = 0; row < arg->rows; row++)
	{
		uint64		n = part->start[arg->first + row];

		while (n + count[row] > *allocated)
		{
			uint64		more = *allocated / 4;

			rs_run_charge(run, more * sizeof(RsNeighbor), "item neighbours");
			*allocated += more;
			part->neighbor = repalloc_huge(part->neighbor, *allocated * sizeof(RsNeighbor));
		}
		memcpy(part->neighbor + n, staging + (Size) row * arg->settings.neighbors,
			   count[row] * sizeof(RsNeighbor));
		part->start[arg->first + row + 1] = n + count[row];
	}
}

RsNeighborPart *
rs_train_neighbors(RsRun *run, RsTeam *team, RsSplit *split, const RsCoocSettings *settings)
{
	const RsMatrix *m = split->matrix;
	MemoryContext context = AllocSetContextCreate(split->context, "recsys neighbours",
												  ALLOCSET_SMALL_SIZES);
	RsNeighborPart *part = MemoryContextAllocZero(split->context, sizeof(RsNeighborPart));
	uint32		nitems = m->items.nrows;
	Size		row_bytes = settings->neighbors * sizeof(RsNeighbor);
	uint32		batch = Max((uint32) (RS_NEIGHBOR_STAGING / row_bytes), BLOCK_ITEMS);
	uint64		allocated = Max((uint64) nitems * 8, 1024);
	NeighborArg arg = {{{0}}};
	RsCsr		users;

	batch = Min(batch, Max(nitems, 1));
	part->settings = *settings;
	part->start = rs_run_alloc_in(run, split->context, ((Size) nitems + 1) * sizeof(uint64), "item neighbours");
	part->neighbor = rs_run_alloc_in(run, split->context, allocated * sizeof(RsNeighbor), "item neighbours");
	part->start[0] = 0;
	rs_run_charge(run, rs_cooc_workspace(nitems, settings->neighbors) * (run->workers + 1), "item neighbours");

	part->users_cut = cap_histories(run, context, m, settings, &arg.users, &arg.items);
	users = rs_shared_csr(&arg.users);
	arg.settings = *settings;
	arg.user_weight = rs_share(run, context, m->users.nrows * sizeof(float), "item neighbours");
	arg.staging = rs_share(run, context, batch * row_bytes, "item neighbours");
	arg.count = rs_share(run, context, batch * sizeof(int32), "item neighbours");
	rs_cooc_user_weights(&users, settings->activity, arg.user_weight.local);
	for (arg.first = 0; arg.first < nitems; arg.first += arg.rows)
	{
		arg.rows = Min(batch, nitems - arg.first);
		rs_team_progress(team, arg.first, BLOCK_ITEMS, nitems);
		rs_team_run(team, &rs_job_neighbors, &arg, sizeof(arg),
					(arg.rows + BLOCK_ITEMS - 1) / BLOCK_ITEMS);
		pack_batch(run, part, &arg, &allocated);
	}
	MemoryContextDelete(context);
	return part;
}
