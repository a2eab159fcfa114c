/*-------------------------------------------------------------------------
 *
 * matrix.c
 *	  The matrix that a training sees: the pairs of a split's train side.
 *
 * A matrix numbers its users and items by itself, in the order of the ids, and
 * holds only those that occur in it.  A training at a cutoff is therefore the
 * same whether or not the source has rows after the cutoff.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "train.h"
#include "kernel/hash.h"

/* Keeps the positive ones. */
static int
keep_positive(RsEvent *events, int n)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if (events[i].flags & RS_POSITIVE && events[i].weight > 0)
			events[kept++] = events[i];
	return kept;
}

/* Numbers those that are marked; fills the way back; returns how many. */
static uint32
number_marked(uint32 *number, uint32 n, uint32 *back)
{
	uint32		count = 0;

	for (uint32 i = 0; i < n; i++)
		if (number[i] != RS_NO_ID)
		{
			back[count] = i;
			number[i] = count++;
		}
	return count;
}

/* First pass: which users and items occur, and how often each user. */
static uint64
mark_pairs(RsRun *run, const RsSplit *split, RsMatrix *m, RsEvent *history)
{
	uint32		nusers = rs_idmap_count(run->users);
	uint64		pairs = 0;

	memset(m->row, 0xff, nusers * sizeof(uint32));
	memset(m->column, 0xff, rs_idmap_count(run->items) * sizeof(uint32));
	for (uint32 u = 0; u < nusers; u++)
	{
		int			n;

		if (split->bot[u])
			continue;
		n = keep_positive(history, rs_user_history(run, split, u, history));
		if (n > 0)
			m->row[u] = 0;
		for (int i = 0; i < n; i++)
			m->column[history[i].item] = 0;
		pairs += n;
		if ((u & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return pairs;
}

/* Where in its memory a matrix has what. */
RsCsr
rs_shared_csr(const RsSharedCsr *m)
{
	RsCsr		csr;

	csr.nrows = m->nrows;
	csr.ncols = m->ncols;
	csr.start = rs_shared(m->memory);
	csr.col = (uint32 *) (csr.start + m->nrows + 1);
	csr.value = (float *) (csr.col + m->n);
	return csr;
}

static RsSharedCsr
alloc_csr(RsRun *run, const RsSplit *split, uint32 nrows, uint32 ncols, uint64 pairs)
{
	RsSharedCsr m = {{0}};

	m.memory = rs_share(run, split->context, ((Size) nrows + 1) * sizeof(uint64) +
						pairs * (sizeof(uint32) + sizeof(float)), "the matrix");
	m.nrows = nrows;
	m.ncols = ncols;
	m.n = pairs;
	return m;
}

/* Second pass: the rows, their checksum and the times they span. */
static void
fill_rows(RsRun *run, const RsSplit *split, RsMatrix *m, RsEvent *history)
{
	uint64		pair = 0;
	uint64		sum = 0;

	m->from = DT_NOEND;
	m->until = DT_NOBEGIN;
	for (uint32 row = 0; row < m->users.nrows; row++)
	{
		uint32		u = m->user[row];
		int			n = keep_positive(history, rs_user_history(run, split, u, history));

		sum = rs_hash64(sum ^ rs_idmap_checksum(run->users, u));
		for (int i = 0; i < n; i++)
		{
			uint32		bits;

			memcpy(&bits, &history[i].weight, sizeof(bits));
			m->users.col[pair] = m->column[history[i].item];
			m->users.value[pair++] = history[i].weight;
			sum = rs_hash64(sum ^ rs_idmap_checksum(run->items, history[i].item));
			sum = rs_hash64(sum ^ bits);
			m->from = Min(m->from, history[i].time);
			m->until = Max(m->until, history[i].time);
		}
		m->users.start[row + 1] = pair;
		if ((row & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	m->checksum = sum;
}

/* The distinct positive pairs of the train side, without bots. */
RsMatrix *
rs_matrix_make(RsRun *run, const RsSplit *split)
{
	uint32		nusers = rs_idmap_count(run->users);
	uint32		nitems = rs_idmap_count(run->items);
	MemoryContext context = split->context;
	RsMatrix   *m = MemoryContextAllocZero(context, sizeof(RsMatrix));
	RsEvent    *history = palloc_extended((rs_longest_history(run) + 1) * sizeof(RsEvent), MCXT_ALLOC_HUGE);
	uint64		pairs;
	uint32		nrows;
	uint32		ncols;

	m->row = rs_run_alloc_in(run, context, nusers * sizeof(uint32), "the matrix");
	m->column = rs_run_alloc_in(run, context, nitems * sizeof(uint32), "the matrix");
	m->user = rs_run_alloc_in(run, context, nusers * sizeof(uint32), "the matrix");
	m->item = rs_run_alloc_in(run, context, nitems * sizeof(uint32), "the matrix");
	pairs = mark_pairs(run, split, m, history);
	nrows = number_marked(m->row, nusers, m->user);
	ncols = number_marked(m->column, nitems, m->item);
	m->shared_users = alloc_csr(run, split, nrows, ncols, pairs);
	m->users = rs_shared_csr(&m->shared_users);
	fill_rows(run, split, m, history);
	m->shared_items = alloc_csr(run, split, ncols, nrows, pairs);
	m->items = rs_shared_csr(&m->shared_items);
	rs_csr_transpose(&m->users, &m->items);
	pfree(history);
	return m;
}
