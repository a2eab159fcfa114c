/*-------------------------------------------------------------------------
 *
 * cap.c
 *	  The matrix that item neighbours are trained on: histories no longer than
 *	  a policy's cap.
 *
 * The work of the neighbours is the sum of the squares of the histories'
 * lengths, so one user with 100,000 items would cost as much as a hundred
 * thousand with 300.  Which items of a long history count is drawn by hash
 * (kernel/cooccurrence.h), the same for any number of processes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "train.h"

static void
alloc_like(RsRun *run, RsCsr *out, uint32 nrows, uint32 ncols, uint64 pairs)
{
	out->nrows = nrows;
	out->ncols = ncols;
	out->start = rs_run_alloc(run, ((Size) nrows + 1) * sizeof(uint64), "the capped histories");
	out->col = rs_run_alloc(run, pairs * sizeof(uint32), "the capped histories");
	out->value = rs_run_alloc(run, pairs * sizeof(float), "the capped histories");
}

/*
 * The rows and columns of a matrix with at most cap items a user.  Where nobody
 * has more it is the matrix itself, without a copy.
 */
void
rs_cap_histories(RsRun *run, const RsMatrix *m, int cap, RsCapped *out)
{
	uint64		pairs;

	out->users = m->users;
	out->items = m->items;
	out->users_cut = rs_cooc_cut_users(&m->users, cap, &pairs);
	if (out->users_cut == 0)
		return;
	alloc_like(run, &out->users, m->users.nrows, m->users.ncols, pairs);
	alloc_like(run, &out->items, m->items.nrows, m->items.ncols, pairs);
	rs_cooc_cut(&m->users, cap, &out->users);
	rs_csr_transpose(&out->users, &out->items);
}

/* Frees what rs_cap_histories copied. */
void
rs_cap_free(RsCapped *capped)
{
	if (capped->users_cut == 0)
		return;
	pfree(capped->users.start);
	pfree(capped->users.col);
	pfree(capped->users.value);
	pfree(capped->items.start);
	pfree(capped->items.col);
	pfree(capped->items.value);
}
