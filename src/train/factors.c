/*-------------------------------------------------------------------------
 *
 * factors.c
 *	  Trains factors of implicit feedback by alternating least squares.
 *
 * A sweep solves every item's row with the users fixed, then every user's with
 * the items fixed.  Rows of a side are independent, and a job solves them in
 * fixed blocks.  The Gram matrix of the fixed side is summed from a fixed
 * number of slices in their order, so the factors are the same bytes for any
 * number of processes.
 *
 * By default a row takes a few steps of conjugate gradients from where it is;
 * the last half sweep, which makes the stored user factors, is exact, like the
 * row solve of serving.
 *
 * Reference: Rendle, Krichene, Zhang, Koren, arXiv 2110.14037; Takacs,
 * Pilaszy, Tikk: "Applications of the conjugate gradient method for implicit
 * feedback collaborative filtering", RecSys 2011.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <cblas.h>
#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "parts.h"
#include "progress.h"
#include "kernel/als.h"

#define GRAM_SLICES		16		/* whatever the number of processes */
#define GRAM_FLOP		1e9		/* keeps a BLAS call within milliseconds */
#define EXACT_ROWS		64		/* of a block */

/* ---- the Gram matrix ---- */

typedef struct GramArg
{
	RsShared	x;				/* n x f */
	RsShared	slice;			/* GRAM_SLICES x f x f */
	uint32		n;
	int			f;
} GramArg;

/* slice = x'x over its rows, lower triangle; row-major */
static void
gram_block(const void *arg, void *scratch, uint32 block)
{
	const GramArg *a = arg;
	const float *x = rs_shared(a->x);
	Size		f = a->f;
	float	   *gram = (float *) rs_shared(a->slice) + block * f * f;
	uint32		first = (uint32) ((uint64) a->n * block / GRAM_SLICES);
	uint32		end = (uint32) ((uint64) a->n * (block + 1) / GRAM_SLICES);
	uint32		step = (uint32) Max(GRAM_FLOP / (f * f), 64);

	memset(gram, 0, sizeof(float) * f * f);
	for (; first < end; first += step)
	{
		cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, f,
					Min(step, end - first), 1, x + first * f, f, 1, gram, f);
		CHECK_FOR_INTERRUPTS();
	}
}

const RsJob rs_job_gram = {"gram", NULL, gram_block};

/* gram = x'x, both triangles: the slices in their order */
static void
gram_matrix(RsTeam *team, RsShared x, uint32 n, int f, RsShared slice, float *gram)
{
	GramArg		arg = {{0}};

	arg.x = x;
	arg.slice = slice;
	arg.n = n;
	arg.f = f;
	rs_team_run(team, &rs_job_gram, &arg, sizeof(arg), GRAM_SLICES);
	for (Size i = 0; i < f; i++)
		for (Size j = 0; j <= i; j++)
		{
			double		sum = 0;

			for (int k = 0; k < GRAM_SLICES; k++)
				sum += ((float *) slice.local)[((Size) k * f + i) * f + j];
			gram[i * f + j] = gram[j * f + i] = (float) sum;
		}
}

/* ---- rows ---- */

typedef struct SolveArg
{
	RsFactorSettings settings;
	RsSharedCsr pairs;			/* rows to solve */
	RsShared	gram;			/* of other */
	RsShared	other;
	RsShared	x;				/* rows x factors */
	RsShared	loss;			/* by block; its rows' share of the loss */
	bool		exact;
} SolveArg;

typedef struct SolveScratch
{
	RsCsr		pairs;
	float	   *work;
} SolveScratch;

static void *
solve_begin(const void *arg)
{
	const SolveArg *a = arg;
	SolveScratch *s = palloc(sizeof(SolveScratch));

	s->pairs = rs_shared_csr(&a->pairs);
	s->work = palloc_extended(sizeof(float) * rs_als_workspace(a->settings.factors), MCXT_ALLOC_HUGE);
	return s;
}

static void
no_solution(const RsFactorSettings *s)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("the factors of a row have no finite solution"),
			 errdetail("With %d factors, alpha0 %g and lambda %g its equations are singular in single precision.",
					   s->factors, s->alpha0, s->lambda),
			 errhint("Raise lambda or alpha0, or use weight_rule 'log' or 'one'.")));
}

/* Solves one row by Cholesky; returns its share of the loss. */
static double
solve_exact(const SolveArg *a, const SolveScratch *s, const float *gram,
			const float *other, uint32 row, float *x)
{
	const RsFactorSettings *t = &a->settings;
	uint64		first = s->pairs.start[row];
	int			n = (int) (s->pairs.start[row + 1] - first);
	float		ridge = (float) rs_als_ridge(t->lambda, t->nu, t->alpha0, n, s->pairs.ncols);

	if (rs_als_row(t->factors, gram, (float) t->alpha0, ridge, n,
				   s->pairs.col + first, s->pairs.value + first, other, s->work, x) != 0)
		no_solution(t);
	return rs_als_row_loss(t->factors, gram, (float) t->alpha0, ridge, n,
						   s->pairs.col + first, s->pairs.value + first, other, x);
}

static void
solve_block(const void *arg, void *scratch, uint32 block)
{
	const SolveArg *a = arg;
	const SolveScratch *s = scratch;
	const float *gram = rs_shared(a->gram);
	const float *other = rs_shared(a->other);
	float	   *x = rs_shared(a->x);
	double	   *loss = rs_shared(a->loss);
	uint32		end = Min((block + 1) * EXACT_ROWS, s->pairs.nrows);

	loss[block] = 0;
	for (uint32 row = block * EXACT_ROWS; row < end; row++)
	{
		loss[block] += solve_exact(a, s, gram, other, row, x + (Size) row * a->settings.factors);
		CHECK_FOR_INTERRUPTS();
	}
}

const RsJob rs_job_solve = {"solve", solve_begin, solve_block};

/* ---- sweeps ---- */

typedef struct Trainer
{
	RsRun	   *run;
	RsTeam	   *team;
	const RsMatrix *m;
	RsFactorPart *part;
	RsShared	slice;			/* scratch of the Gram matrix */
	RsShared	user_gram;
	RsShared	loss;			/* by block */
} Trainer;

/* Gaussian starting values, one generator in the order of the ids. */
static void
random_start(float *x, Size n, double sd, uint64 seed)
{
	pg_prng_state state;

	pg_prng_seed(&state, seed);
	for (Size i = 0; i < n; i += 2)
	{
		/* Box and Muller */
		double		radius = sqrt(-2 * log(1 - pg_prng_double(&state)));
		double		angle = 2 * M_PI * pg_prng_double(&state);

		x[i] = (float) (sd * radius * cos(angle));
		if (i + 1 < n)
			x[i + 1] = (float) (sd * radius * sin(angle));
	}
}

/* Solves every row of one side, the other fixed; returns the rows' loss. */
static double
solve_side(Trainer *t, bool users, bool exact)
{
	RsFactorPart *p = t->part;
	const RsFactorSettings *s = &p->settings;
	uint32		nrows = users ? t->m->users.nrows : t->m->items.nrows;
	uint32		nother = users ? t->m->items.nrows : t->m->users.nrows;
	uint32		nblocks = (nrows + EXACT_ROWS - 1) / EXACT_ROWS;
	SolveArg	arg = {{0}};
	double		loss = 0;

	arg.settings = *s;
	arg.pairs = users ? t->m->shared_users : t->m->shared_items;
	arg.gram = users ? p->shared_gram : t->user_gram;
	arg.other = users ? p->shared_item : p->shared_user;
	arg.x = users ? p->shared_user : p->shared_item;
	arg.loss = t->loss;
	arg.exact = exact;
	gram_matrix(t->team, arg.other, nother, s->factors, t->slice, arg.gram.local);
	rs_team_progress(t->team, users ? nother : 0, EXACT_ROWS, (uint64) nrows + nother);
	rs_team_run(t->team, &rs_job_solve, &arg, sizeof(arg), nblocks);
	for (uint32 b = 0; b < nblocks; b++)
		loss += ((double *) t->loss.local)[b];
	return loss;
}

/* The items' regularisation, which the users' rows know nothing of. */
static double
item_ridge(const Trainer *t)
{
	const RsFactorSettings *s = &t->part->settings;
	const RsCsr *items = &t->m->items;
	double		loss = 0;

	for (uint32 row = 0; row < items->nrows; row++)
	{
		const float *y = t->part->item + (Size) row * s->factors;
		double		norm = 0;

		for (int i = 0; i < s->factors; i++)
			norm += (double) y[i] * y[i];
		loss += norm * rs_als_ridge(s->lambda, s->nu, s->alpha0,
									items->start[row + 1] - items->start[row],
									items->ncols);
	}
	return loss;
}

/* One sweep: items, then users; the whole loss after it. */
static void
sweep(Trainer *t, int number, int sweeps, bool finish)
{
	RsFactorPart *p = t->part;
	bool		exact = (p->settings.solver == RS_SOLVER_EXACT);
	instr_time	start;
	instr_time	end;

	rs_progress_sweep(number + 1, p->most);
	INSTR_TIME_SET_CURRENT(start);
	solve_side(t, false, exact);
	p->loss[number] = solve_side(t, true, exact || (finish && number == sweeps - 1)) +
		item_ridge(t);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	p->seconds[number] = INSTR_TIME_GET_DOUBLE(end);
	if (t->run->verbose)
		ereport(INFO,
				(errmsg("sweep %d of %d: loss %.6g, %.2f s", number + 1,
						p->most, p->loss[number], p->seconds[number])));
}

/* Memory of the part, which stays. */
static void
allocate_part(RsRun *run, const RsMatrix *m, RsFactorPart *p, MemoryContext context)
{
	Size		f = p->settings.factors;

	p->shared_item = rs_share(run, context, sizeof(float) * m->items.nrows * f, "item factors");
	p->shared_user = rs_share(run, context, sizeof(float) * m->users.nrows * f, "user factors");
	p->shared_gram = rs_share(run, context, sizeof(float) * f * f, "item factors");
	p->item = p->shared_item.local;
	p->user = p->shared_user.local;
	p->gram = p->shared_gram.local;
	p->loss = rs_run_alloc_in(run, context, sizeof(double) * p->settings.sweeps, "losses");
	p->seconds = rs_run_alloc_in(run, context, sizeof(double) * p->settings.sweeps, "losses");
}

/* A trainer, with memory of its training, which does not stay. */
static void
make_trainer(Trainer *t, RsRun *run, RsTeam *team, RsSplit *split, RsFactorPart *part,
			 MemoryContext scratch)
{
	Size		f = part->settings.factors;
	uint32		most = Max(split->matrix->users.nrows, split->matrix->items.nrows);

	memset(t, 0, sizeof(*t));
	t->run = run;
	t->team = team;
	t->m = split->matrix;
	t->part = part;
	t->slice = rs_share(run, scratch, sizeof(float) * GRAM_SLICES * f * f, "Gram matrices");
	t->user_gram = rs_share(run, scratch, sizeof(float) * f * f, "Gram matrices");
	t->loss = rs_share(run, scratch, sizeof(double) * (most / EXACT_ROWS + 1), "losses");
}

RsFactorPart *
rs_factors_start(RsRun *run, RsTeam *team, RsSplit *split, const RsFactorSettings *settings)
{
	MemoryContext scratch = AllocSetContextCreate(split->context, "recsys factors",
												  ALLOCSET_SMALL_SIZES);
	RsFactorPart *p = MemoryContextAllocZero(split->context, sizeof(RsFactorPart));
	const RsMatrix *m = split->matrix;
	Trainer		t;

	p->settings = *settings;
	p->most = settings->sweeps;
	allocate_part(run, m, p, split->context);
	make_trainer(&t, run, team, split, p, scratch);
	random_start(p->item, (Size) m->items.nrows * settings->factors,
				 settings->initial_sd, run->seed);
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
		sweep(&t, p->done, sweeps, finish);
	p->settings.sweeps = sweeps;
	MemoryContextDelete(scratch);
}

RsFactorPart *
rs_train_factors(RsRun *run, RsTeam *team, RsSplit *split, const RsFactorSettings *settings)
{
	RsFactorPart *p = rs_factors_start(run, team, split, settings);

	rs_factors_sweep(run, team, split, p, settings->sweeps, true);
	return p;
}
