/*-------------------------------------------------------------------------
 *
 * neighbors.c
 *	  Trains item neighbours: rows of the sparse product, shared out.
 *
 * Processes fill a staging area of fixed places, a batch of rows at a time;
 * this backend packs a batch behind those before it, so that rows follow the
 * items whatever process has made them.  There are two such areas, so that it
 * packs one while the workers have begun to fill the other.
 *
 * The result is in this backend's own memory, not in shared memory, of which
 * there may be little.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "parts.h"

/* Rows of consecutive items, each in its own place. */
typedef struct Batch
{
	RsShared	staging;		/* most rows of a batch x neighbors */
	RsShared	count;			/* found, by row of the batch */
	uint32		first;			/* the first row's item */
	uint32		rows;
} Batch;

typedef struct NeighborArg
{
	RsSharedCsr users;
	RsSharedCsr items;
	RsShared	user_weight;
	RsCoocSettings settings;
	Batch		batch;			/* to be filled */
	Batch		before;			/* to be packed meanwhile, if it has rows, */
	RsNeighborPart *part;		/* into this; of the backend that trains */
} NeighborArg;

/* A process's view of the job. */
typedef struct NeighborScratch
{
	RsCsr		users;
	RsCsr		items;
	void	   *work;
} NeighborScratch;

/* Puts the rows of a batch behind those already there. */
static void
pack_batch(RsNeighborPart *part, const Batch *batch)
{
	const RsNeighbor *staging = batch->staging.local;
	const int32 *count = batch->count.local;

	for (uint32 row = 0; row < batch->rows; row++)
	{
		uint64		n = part->start[batch->first + row];

		memcpy(part->neighbor + n, staging + (Size) row * part->settings.neighbors,
			   count[row] * sizeof(RsNeighbor));
		part->start[batch->first + row + 1] = n + count[row];
		if (row % RS_NEIGHBOR_BLOCK == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

static void *
neighbors_begin(const void *arg)
{
	const NeighborArg *a = arg;
	NeighborScratch *s = palloc(sizeof(NeighborScratch));

	if (!IsParallelWorker())
		pack_batch(a->part, &a->before);
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
	const Batch *batch = &a->batch;
	RsNeighbor *staging = rs_shared(batch->staging);
	int32	   *count = rs_shared(batch->count);
	uint32		end = Min((block + 1) * RS_NEIGHBOR_BLOCK, batch->rows);

	for (uint32 row = block * RS_NEIGHBOR_BLOCK; row < end; row++)
	{
		count[row] = rs_cooc_row(&s->items, &s->users, user_weight, &a->settings,
								 batch->first + row, s->work,
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

/* All rows, by batches: one is packed while the next is filled. */
static void
fill_rows(RsRun *run, RsTeam *team, MemoryContext context, NeighborArg *arg, uint32 nitems)
{
	Size		row_bytes = arg->settings.neighbors * sizeof(RsNeighbor);
	uint32		most = rs_neighbor_batch(nitems, arg->settings.neighbors);
	Batch		batch[2] = {{{0}}};

	for (int i = 0; i < 2; i++)
	{
		batch[i].staging = rs_share(run, context, most * row_bytes, "item neighbours");
		batch[i].count = rs_share(run, context, most * sizeof(int32), "item neighbours");
	}
	for (uint32 first = 0, n = 0; first < nitems; first += most, n++)
	{
		arg->batch = batch[n % 2];
		arg->batch.first = first;
		arg->batch.rows = Min(most, nitems - first);
		rs_team_progress(team, first, RS_NEIGHBOR_BLOCK, nitems);
		rs_team_run(team, &rs_job_neighbors, arg, sizeof(*arg),
					(arg->batch.rows + RS_NEIGHBOR_BLOCK - 1) / RS_NEIGHBOR_BLOCK);
		arg->before = arg->batch;
	}
	pack_batch(arg->part, &arg->before);
}

RsNeighborPart *
rs_train_neighbors(RsRun *run, RsTeam *team, RsSplit *split, const RsCoocSettings *settings)
{
	const RsMatrix *m = split->matrix;
	MemoryContext context = AllocSetContextCreate(split->context, "recsys neighbours",
												  ALLOCSET_SMALL_SIZES);
	RsNeighborPart *part = MemoryContextAllocZero(split->context, sizeof(RsNeighborPart));
	uint32		nitems = m->items.nrows;
	NeighborArg arg = {{{0}}};
	RsCsr		users;
	RsCsr		items;
	uint64		most;

	part->settings = *settings;
	part->users_cut = cap_histories(run, context, m, settings, &arg.users, &arg.items);
	users = rs_shared_csr(&arg.users);
	items = rs_shared_csr(&arg.items);
	most = rs_cooc_most(&items, &users, settings->neighbors);
	part->start = rs_run_alloc_in(run, split->context, ((Size) nitems + 1) * sizeof(uint64), "item neighbours");
	part->neighbor = rs_run_alloc_in(run, split->context, most * sizeof(RsNeighbor), "item neighbours");
	part->start[0] = 0;
	rs_run_charge(run, rs_cooc_workspace(nitems, settings->neighbors) * (run->workers + 1), "item neighbours");

	arg.part = part;
	arg.settings = *settings;
	arg.user_weight = rs_share(run, context, m->users.nrows * sizeof(float), "item neighbours");
	rs_cooc_user_weights(&users, settings->activity, arg.user_weight.local);
	fill_rows(run, team, context, &arg, nitems);
	/* what overlapping histories have left of it */
	if (part->start[nitems] < most)
		part->neighbor = repalloc_huge(part->neighbor, Max(part->start[nitems], 1) * sizeof(RsNeighbor));
	MemoryContextDelete(context);
	return part;
}
