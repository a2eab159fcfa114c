/*-------------------------------------------------------------------------
 *
 * factors.c
 *	  Trains factors of implicit feedback by alternating least squares.
 *
 * A sweep solves every item's row with the users fixed, then every user's with
 * the items fixed.  By default a row takes a few steps of conjugate gradients
 * from where it is; the last half sweep, which makes the stored user factors,
 * is exact, like the row solve of serving.
 *
 * The factors are the same bytes for any number of processes: als_job.h.
 *
 * Reference: Rendle, Krichene, Zhang, Koren, arXiv 2110.14037; Takacs,
 * Pilaszy, Tikk: "Applications of the conjugate gradient method for implicit
 * feedback collaborative filtering", RecSys 2011.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "als_job.h"
#include "progress.h"
#include "kernel/als_cg.h"

#define ALPHA0_DENSITY	20.0
#define MOST_ALPHA0		0.3

/* LAPACK: eigenvalues and eigenvectors of a symmetric matrix */
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a,
					const int *lda, double *w, double *work, const int *lwork,
					int *iwork, const int *liwork, int *info);

typedef struct Trainer
{
	RsRun	   *run;
	RsTeam	   *team;
	const RsMatrix *m;
	RsFactorPart *part;
	RsShared	slice;			/* scratch of the Gram matrix */
	RsShared	user_gram;
	RsShared	basis;
	double	   *eigen;			/* scratch */
	RsShared	loss;			/* by block */
	RsShared	ridge;
} Trainer;

/* ---- bases ---- */

/* RsEigen by LAPACK, whose columns are our rows */
static int
lapack_eigen(int n, double *a, double *value, double *work)
{
	int			lwork = 1 + 6 * n + 2 * n * n;
	int			liwork = 3 + 5 * n;
	double	   *lapack_work = palloc(sizeof(double) * lwork);
	int		   *iwork = palloc(sizeof(int) * liwork);
	int			info;

	dsyevd_("V", "L", &n, a, &n, value, lapack_work, &lwork, iwork, &liwork, &info);
	pfree(lapack_work);
	pfree(iwork);
	return info == 0 ? 0 : -1;
}

/* Turns one side's rows into the present basis. */
static void
rotate(Trainer *t, RsShared x, uint32 n)
{
	RsRotateArg arg = {{0}};

	arg.x = x;
	arg.basis = t->basis;
	arg.n = n;
	arg.f = t->part->settings.factors;
	rs_team_run(t->team, &rs_job_rotate, &arg, sizeof(arg), rs_row_blocks(n));
}

/*
 * The basis of a side's Gram matrix; turns that side into it, and leaves the
 * other to the solver.
 */
static void
change_basis(Trainer *t, RsShared other, uint32 n, const float *gram)
{
	int			f = t->part->settings.factors;
	float	   *work = palloc(sizeof(float) * rs_als_cg_workspace(f));

	if (rs_als_basis(f, gram, lapack_eigen, t->eigen,
					 t->basis.local) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the factors have left the range of single precision"),
				 errhint("Raise lambda or alpha0, or use weight_rule 'log' or 'one'.")));
	rotate(t, other, n);
	rs_als_rotate(f, t->basis.local, f, work, t->part->total);
	pfree(work);
}

/* Turns one side back to where it began. */
static void
turn_back(Trainer *t, RsShared x, uint32 n)
{
	rs_als_basis_back(t->part->settings.factors, t->part->total, t->basis.local);
	rotate(t, x, n);
}

/* ---- sweeps ---- */

/*
 * Solves every row of one side, the other fixed.  Returns the rows' loss or, of
 * items, the regularisation that is missing in the loss of the users' rows.
 */
static double
solve_side(Trainer *t, bool users, bool exact)
{
	RsFactorPart *p = t->part;
	uint32		nrows = users ? t->m->users.nrows : t->m->items.nrows;
	uint32		nother = users ? t->m->items.nrows : t->m->users.nrows;
	uint32		nblocks = rs_row_blocks(nrows);
	RsSolveArg	arg = {{0}};

	arg.settings = p->settings;
	arg.pairs = users ? t->m->shared_users : t->m->shared_items;
	arg.gram = users ? p->shared_gram : t->user_gram;
	arg.other = users ? p->shared_item : p->shared_user;
	arg.x = users ? p->shared_user : p->shared_item;
	arg.basis = t->basis;
	arg.loss = t->loss;
	arg.ridge = t->ridge;
	rs_gram_matrix(t->team, arg.other, nother, p->settings.factors, t->slice, arg.gram.local);
	if (!exact)
		change_basis(t, arg.other, nother, arg.gram.local);
	rs_team_progress(t->team, users ? nother : 0, RS_BLOCK_ROWS, (uint64) nrows + nother);
	rs_team_run(t->team, exact ? &rs_job_exact : &rs_job_cg, &arg, sizeof(arg), nblocks);
	return rs_sum_blocks(users ? t->loss : t->ridge, nblocks);
}

/*
 * One sweep: items, then users; the whole loss after it.  The last one of all
 * ends where it began, with exact users.
 */
static void
sweep(Trainer *t, int number, bool last)
{
	RsFactorPart *p = t->part;
	bool		exact = (p->settings.solver == RS_SOLVER_EXACT);
	double		loss;
	instr_time	start;

	rs_part_sweep_begin(p, number, &start);
	loss = solve_side(t, false, exact);
	if (last && !exact)
		turn_back(t, p->shared_item, t->m->items.nrows);
	loss += solve_side(t, true, exact || last);
	rs_part_sweep_end(t->run, p, "sweep", number, loss, &start);
}

/*
 * What the data decide.  The published choices of alpha0 give all unseen pairs
 * together about 20 times the weight of those seen; at 0.3 the regularisation
 * of a large, sparse matrix would leave nothing of the factors.
 */
double
rs_settle_alpha0(double asked, const RsMatrix *m)
{
	double		density = (double) m->shared_users.n / Max(m->users.nrows, 1) / Max(m->users.ncols, 1);

	return asked == RS_AUTO ? Min(MOST_ALPHA0, ALPHA0_DENSITY * density) : asked;
}

static RsFactorSettings
settle(const RsFactorSettings *asked, const RsMatrix *m)
{
	RsFactorSettings s = *asked;

	s.alpha0 = rs_settle_alpha0(asked->alpha0, m);
	if (s.initial_sd == RS_AUTO)
		s.initial_sd = 0.1 / sqrt(s.factors);
	return s;
}

/* A trainer, with memory of its training, which does not stay. */
static void
make_trainer(Trainer *t, RsRun *run, RsTeam *team, RsSplit *split, RsFactorPart *part,
			 MemoryContext scratch)
{
	Size		f = part->settings.factors;
	uint32		most = rs_row_blocks(Max(split->matrix->users.nrows, split->matrix->items.nrows));

	memset(t, 0, sizeof(*t));
	t->run = run;
	t->team = team;
	t->m = split->matrix;
	t->part = part;
	t->slice = rs_share(run, scratch, sizeof(float) * RS_GRAM_SLICES * f * f, "Gram matrices");
	t->user_gram = rs_share(run, scratch, sizeof(float) * f * f, "Gram matrices");
	t->basis = rs_share(run, scratch, sizeof(float) * rs_als_basis_size((int) f), "Gram matrices");
	t->eigen = rs_run_alloc_in(run, scratch, sizeof(double) * (f * f + 4 * f), "Gram matrices");
	t->loss = rs_share(run, scratch, sizeof(double) * most, "losses");
	t->ridge = rs_share(run, scratch, sizeof(double) * most, "losses");
}

RsFactorPart *
rs_factors_start(RsRun *run, RsTeam *team, RsSplit *split, const RsFactorSettings *settings)
{
	MemoryContext scratch = AllocSetContextCreate(split->context, "recsys factors",
												  ALLOCSET_SMALL_SIZES);
	RsFactorPart *p = MemoryContextAllocZero(split->context, sizeof(RsFactorPart));
	const RsMatrix *m = split->matrix;
	Size		f = settings->factors;
	Trainer		t;

	p->asked = *settings;
	p->kind = RS_KIND_IMPLICIT;
	p->settings = settle(settings, m);
	rs_part_allocate(run, split->context, m, p);
	p->total = rs_run_alloc_in(run, split->context, sizeof(float) * f * f, "Gram matrices");
	make_trainer(&t, run, team, split, p, scratch);
	memset(p->total, 0, sizeof(float) * f * f);
	for (Size i = 0; i < f; i++)
		p->total[i * f + i] = 1;
	rs_random_start(p->item, m->items.nrows * f, p->settings.initial_sd, run->seed);
	if (split->warm != NULL)
		rs_warm_items(split->warm, m, settings, p->item);
	rs_progress_sweep(1, p->most);
	solve_side(&t, true, settings->solver == RS_SOLVER_EXACT);
	MemoryContextDelete(scratch);
	return p;
}

void
rs_factors_sweep(RsRun *run, RsTeam *team, RsSplit *split, RsFactorPart *p,
				 int sweeps, bool finish)
{
	MemoryContext scratch = AllocSetContextCreate(split->context, "recsys factors",
												  ALLOCSET_SMALL_SIZES);
	Trainer		t;

	make_trainer(&t, run, team, split, p, scratch);
	for (; p->done < sweeps; p->done++)
		sweep(&t, p->done, finish && p->done == sweeps - 1);
	/* the items may have been turned since their Gram matrix was taken */
	if (!finish)
		rs_gram_matrix(team, p->shared_item, t.m->items.nrows, p->settings.factors, t.slice, p->gram);
	p->asked.sweeps = p->settings.sweeps = sweeps;
	MemoryContextDelete(scratch);
}

RsFactorPart *
rs_train_factors(RsRun *run, RsTeam *team, RsSplit *split, const RsFactorSettings *settings)
{
	RsFactorPart *p = rs_factors_start(run, team, split, settings);

	rs_factors_sweep(run, team, split, p, settings->sweeps, true);
	return p;
}
