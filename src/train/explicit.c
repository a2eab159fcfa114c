/*-------------------------------------------------------------------------
 *
 * explicit.c
 *	  Trains biases and factors of ratings by alternating least squares.
 *
 * First the baseline mu + b_u + b_i: without factors, items and users by turns
 * until no bias moves.  Then, from its item biases and small random item
 * factors, the users; each sweep solves all items with the users fixed, and all
 * users with the items fixed, vector and bias together, so the loss never
 * rises.  Every row is solved exactly: kernel/explicit.h.
 *
 * Rows are solved in fixed blocks by any process of the team, so the model is
 * the same bytes for any number of them.
 *
 * Reference: Koren, Bell, Volinsky: "Matrix Factorization Techniques for
 * Recommender Systems", IEEE Computer 42(8), 2009.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "als_job.h"
#include "progress.h"
#include "kernel/explicit.h"

/* ---- in each process ---- */

typedef struct ExplicitArg
{
	RsExplicit	model;
	RsSharedCsr ratings;		/* rows to solve */
	RsShared	other;
	RsShared	other_bias;
	RsShared	own;
	RsShared	own_bias;
	RsShared	loss;			/* by block */
	RsShared	change;			/* by block: the largest of a bias */
	bool		errors;			/* whether the loss has the ratings' errors, else
								 * the rows' penalties only */
} ExplicitArg;

typedef struct ExplicitScratch
{
	RsCsr		ratings;
	RsExplicitSide other;
	RsExplicitSide own;
	float	   *work;
} ExplicitScratch;

static void *
explicit_begin(const void *arg)
{
	const ExplicitArg *a = arg;
	ExplicitScratch *s = palloc(sizeof(ExplicitScratch));

	s->ratings = rs_shared_csr(&a->ratings);
	s->other.factor = rs_shared(a->other);
	s->other.bias = rs_shared(a->other_bias);
	s->own.factor = rs_shared(a->own);
	s->own.bias = rs_shared(a->own_bias);
	s->work = palloc(Max(rs_explicit_workspace(a->model.factors), 1) * sizeof(float));
	return s;
}

static void
no_solution(const RsExplicit *model)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("the factors of a row have no finite solution"),
			 errdetail("With %d factors, lambda %g and bias_lambda %g its equations are singular in single precision.",
					   model->factors, model->lambda, model->bias_lambda),
			 errhint("Raise lambda and bias_lambda, or leave ratings far from the others out by a filter.")));
}

static double
row_loss(const ExplicitArg *a, const ExplicitScratch *s, uint32 row)
{
	uint64		first = s->ratings.start[row];
	int			n = (int) (s->ratings.start[row + 1] - first);
	const float *x = s->own.factor + (Size) row * a->model.factors;

	if (!a->errors)
		return rs_explicit_penalty(&a->model, n, x, s->own.bias[row]);
	return rs_explicit_row_loss(&a->model, n, s->ratings.col + first, s->ratings.value + first,
								&s->other, x, s->own.bias[row]);
}

static void
explicit_block(const void *arg, void *scratch, uint32 block)
{
	const ExplicitArg *a = arg;
	ExplicitScratch *s = scratch;
	uint32		first = block * RS_BLOCK_ROWS;
	uint32		end = first + rs_block_rows(s->ratings.nrows, block);
	double		change = 0;
	double		loss = 0;

	for (uint32 row = first; row < end; row++)
	{
		if (rs_explicit_rows(&a->model, &s->ratings, row, row + 1, &s->other,
							 s->work, &s->own, &change) != 0)
			no_solution(&a->model);
		loss += row_loss(a, s, row);
		CHECK_FOR_INTERRUPTS();
	}
	((double *) rs_shared(a->loss))[block] = loss;
	((double *) rs_shared(a->change))[block] = change;
}

const RsJob rs_job_explicit = {"rows of ratings", explicit_begin, explicit_block};

/* ---- in the backend that trains ---- */

typedef struct Trainer
{
	RsRun	   *run;
	RsTeam	   *team;
	const RsMatrix *m;
	RsFactorPart *part;
	RsShared	loss;			/* by block */
	RsShared	change;
} Trainer;

/*
 * Solves every row of one side, with so many factors.  Returns the loss: of
 * items their penalties, which the users' rows lack, else the rest.
 */
static double
solve_side(Trainer *t, bool users, int factors)
{
	RsFactorPart *p = t->part;
	ExplicitArg arg = {{0}};
	uint32		nblocks = rs_row_blocks(users ? t->m->users.nrows : t->m->items.nrows);

	arg.model = p->rating;
	arg.model.factors = factors;
	arg.ratings = users ? t->m->shared_user_ratings : t->m->shared_item_ratings;
	arg.own = users ? p->shared_user : p->shared_item;
	arg.own_bias = users ? p->shared_user_bias : p->shared_item_bias;
	arg.other = users ? p->shared_item : p->shared_user;
	arg.other_bias = users ? p->shared_item_bias : p->shared_user_bias;
	arg.loss = t->loss;
	arg.change = t->change;
	arg.errors = users;
	rs_team_progress(t->team, users ? t->m->items.nrows : 0, RS_BLOCK_ROWS,
					 (uint64) t->m->users.nrows + t->m->items.nrows);
	rs_team_run(t->team, &rs_job_explicit, &arg, sizeof(arg), nblocks);
	return rs_sum_blocks(t->loss, nblocks);
}

static double
largest_change(const Trainer *t, uint32 nblocks)
{
	const double *change = t->change.local;
	double		largest = 0;

	for (uint32 b = 0; b < nblocks; b++)
		largest = Max(largest, change[b]);
	return largest;
}

/* The baseline; leaves the items' biases for the sweeps to begin with. */
static void
find_baseline(Trainer *t)
{
	RsFactorPart *p = t->part;
	uint32		nusers = t->m->users.nrows;
	uint32		nitems = t->m->items.nrows;

	for (int sweep = 1; sweep <= RS_BIAS_SWEEPS; sweep++)
	{
		double		change;

		solve_side(t, false, 0);
		change = largest_change(t, rs_row_blocks(nitems));
		solve_side(t, true, 0);
		change = Max(change, largest_change(t, rs_row_blocks(nusers)));
		if (rs_explicit_settled(change, p->user_bias, nusers, p->item_bias, nitems))
			break;
	}
	memcpy(p->base_bias.local, p->item_bias, nitems * sizeof(float));
}

static void
find_range(const RsCsr *ratings, RsFactorPart *p)
{
	uint64		n = ratings->start[ratings->nrows];

	p->lowest = p->highest = n > 0 ? ratings->value[0] : 0;
	for (uint64 i = 1; i < n; i++)
	{
		p->lowest = Min(p->lowest, ratings->value[i]);
		p->highest = Max(p->highest, ratings->value[i]);
	}
}

static void
allocate(Trainer *t, MemoryContext context, MemoryContext scratch)
{
	RsFactorPart *p = t->part;
	RsRun	   *run = t->run;
	Size		nusers = t->m->users.nrows;
	Size		nitems = t->m->items.nrows;
	Size		blocks = rs_row_blocks(Max(nusers, nitems)) * sizeof(double);

	rs_part_allocate(run, context, t->m, p);
	p->base_bias = rs_share(run, context, sizeof(float) * nitems, "item factors");
	t->loss = rs_share(run, scratch, blocks, "losses");
	t->change = rs_share(run, scratch, blocks, "losses");
}

/* One sweep: items, then users; the whole loss after it. */
static void
sweep(Trainer *t, int number)
{
	RsFactorPart *p = t->part;
	int			f = p->settings.factors;
	double		loss;
	instr_time	start;

	rs_part_sweep_begin(p, number, &start);
	loss = solve_side(t, false, f);
	loss += solve_side(t, true, f);
	rs_part_sweep_end(t->run, p, "sweep", number, loss, &start);
}

RsFactorPart *
rs_train_explicit(RsRun *run, RsTeam *team, RsSplit *split, const RsFactorSettings *settings)
{
	MemoryContext scratch = AllocSetContextCreate(split->context, "recsys ratings",
												  ALLOCSET_SMALL_SIZES);
	RsFactorPart *p = MemoryContextAllocZero(split->context, sizeof(RsFactorPart));
	int			f = settings->factors;
	Trainer		t = {0};

	p->asked = p->settings = *settings;
	p->kind = RS_KIND_RATING;
	t.run = run;
	t.team = team;
	t.m = split->matrix;
	t.part = p;
	p->rating.factors = f;
	p->rating.lambda = settings->lambda;
	p->rating.nu = settings->nu;
	p->rating.bias_lambda = settings->bias_lambda;
	rs_explicit_moments(&t.m->user_ratings, &p->rating);
	find_range(&t.m->user_ratings, p);
	if (settings->initial_sd == RS_AUTO)
		p->settings.initial_sd = 0.1 / sqrt(f) * sqrt(p->rating.scale);
	allocate(&t, split->context, scratch);
	find_baseline(&t);
	rs_random_start(p->item, (Size) t.m->items.nrows * f, p->settings.initial_sd, run->seed);
	solve_side(&t, true, f);
	for (int i = 0; i < settings->sweeps; i++)
		sweep(&t, i);
	p->done = settings->sweeps;
	rs_progress_sweep(0, 0);
	MemoryContextDelete(scratch);
	return p;
}
