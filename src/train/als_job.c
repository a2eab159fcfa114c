/*-------------------------------------------------------------------------
 *
 * als_job.c
 *	  What the processes of a team do in a half sweep of ALS.
 *
 * The Gram matrix is summed by slices of rows, whose number does not depend
 * on that of the processes; rows are turned and solved in fixed blocks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <cblas.h>
#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"

#include "als_job.h"
#include "kernel/als.h"
#include "kernel/als_cg.h"

#define CG_PRODUCTS		1e7		/* observations times factors between interrupts */
#define GRAM_FLOP		1e9		/* keeps a BLAS call within milliseconds */

uint32
rs_row_blocks(uint32 n)
{
	return n / RS_BLOCK_ROWS + (n % RS_BLOCK_ROWS != 0);
}

/* Rows of a block. */
uint32
rs_block_rows(uint32 n, uint32 block)
{
	return Min(RS_BLOCK_ROWS, n - block * RS_BLOCK_ROWS);
}

/* ---- for all ---- */

/* Gaussian starting values, one generator in the order of the ids. */
void
rs_random_start(float *x, Size n, double sd, uint64 seed)
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

double
rs_sum_blocks(RsShared by_block, uint32 nblocks)
{
	const double *value = by_block.local;
	double		sum = 0;

	for (uint32 b = 0; b < nblocks; b++)
		sum += value[b];
	return sum;
}

/* ---- Gram matrix ---- */

/* slice = x'x over its rows, lower triangle; row-major */
static void
gram_block(const void *arg, void *scratch, uint32 block)
{
	const RsGramArg *a = arg;
	const float *x = rs_shared(a->x);
	Size		f = a->f;
	float	   *gram = (float *) rs_shared(a->slice) + block * f * f;
	uint32		first = (uint32) ((uint64) a->n * block / RS_GRAM_SLICES);
	uint32		end = (uint32) ((uint64) a->n * (block + 1) / RS_GRAM_SLICES);
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

/* The slices in their order. */
void
rs_gram_matrix(RsTeam *team, RsShared x, uint32 n, int factors, RsShared slices,
			   float *gram)
{
	Size		f = factors;
	const float *slice = slices.local;
	RsGramArg	arg = {{0}};

	arg.x = x;
	arg.slice = slices;
	arg.n = n;
	arg.f = factors;
	rs_team_run(team, &rs_job_gram, &arg, sizeof(arg), RS_GRAM_SLICES);
	for (Size i = 0; i < f; i++)
		for (Size j = 0; j <= i; j++)
		{
			double		sum = 0;

			for (Size k = 0; k < RS_GRAM_SLICES; k++)
				sum += slice[(k * f + i) * f + j];
			gram[i * f + j] = gram[j * f + i] = (float) sum;
		}
}

/* ---- turning ---- */

static void *
rotate_begin(const void *arg)
{
	const RsRotateArg *a = arg;

	return palloc(sizeof(float) * rs_als_cg_workspace(a->f));
}

static void
rotate_block(const void *arg, void *scratch, uint32 block)
{
	const RsRotateArg *a = arg;
	float	   *x = rs_shared(a->x);

	rs_als_rotate(a->f, rs_shared(a->basis), rs_block_rows(a->n, block), scratch,
				  x + (Size) block * RS_BLOCK_ROWS * a->f);
}

const RsJob rs_job_rotate = {"rotate", rotate_begin, rotate_block};

/* ---- rows ---- */

typedef struct SolveScratch
{
	RsCsr		pairs;
	float	   *work;
} SolveScratch;

static SolveScratch *
solve_scratch(const RsSolveArg *a, Size floats)
{
	SolveScratch *s = palloc(sizeof(SolveScratch));

	s->pairs = rs_shared_csr(&a->pairs);
	s->work = palloc(sizeof(float) * floats);
	return s;
}

static double
row_ridge(const RsFactorSettings *s, const RsCsr *pairs, uint32 row)
{
	return rs_als_ridge(s->lambda, s->nu, s->alpha0,
						(double) (pairs->start[row + 1] - pairs->start[row]),
						pairs->ncols);
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

/* The block's ridge |x|^2. */
static void
sum_ridge(const RsSolveArg *a, const RsCsr *pairs, const float *x, uint32 block)
{
	double	   *ridge = rs_shared(a->ridge);
	uint32		first = block * RS_BLOCK_ROWS;
	int			f = a->settings.factors;

	ridge[block] = 0;
	for (uint32 i = 0; i < rs_block_rows(pairs->nrows, block); i++)
	{
		double		norm = 0;

		for (int j = 0; j < f; j++)
			norm += (double) x[(Size) i * f + j] * x[(Size) i * f + j];
		ridge[block] += norm * row_ridge(&a->settings, pairs, first + i);
	}
}

static void *
exact_begin(const void *arg)
{
	const RsSolveArg *a = arg;

	return solve_scratch(a, rs_als_workspace(a->settings.factors));
}

/* Solves a block's rows by Cholesky. */
static void
exact_block(const void *arg, void *scratch, uint32 block)
{
	const RsSolveArg *a = arg;
	const RsFactorSettings *t = &a->settings;
	const SolveScratch *s = scratch;
	const RsCsr *pairs = &s->pairs;
	const float *gram = rs_shared(a->gram);
	const float *other = rs_shared(a->other);
	float	   *x = (float *) rs_shared(a->x) + (Size) block * RS_BLOCK_ROWS * t->factors;
	double		loss = 0;

	for (uint32 i = 0; i < rs_block_rows(pairs->nrows, block); i++)
	{
		uint32		row = block * RS_BLOCK_ROWS + i;
		uint64		first = pairs->start[row];
		int			n = (int) (pairs->start[row + 1] - first);
		float		ridge = (float) row_ridge(t, pairs, row);
		float	   *out = x + (Size) i * t->factors;

		if (rs_als_row(t->factors, gram, (float) t->alpha0, ridge, n,
					   pairs->col + first, pairs->value + first, other, s->work, out) != 0)
			no_solution(t);
		loss += rs_als_row_loss(t->factors, gram, (float) t->alpha0, ridge, n,
								pairs->col + first, pairs->value + first, other, out);
		CHECK_FOR_INTERRUPTS();
	}
	((double *) rs_shared(a->loss))[block] = loss;
	sum_ridge(a, pairs, x, block);
}

const RsJob rs_job_exact = {"exact rows", exact_begin, exact_block};

static void *
cg_begin(const void *arg)
{
	const RsSolveArg *a = arg;

	return solve_scratch(a, rs_als_cg_workspace(a->settings.factors));
}

/*
 * Improves a block's rows by conjugate gradients, so many at a time that a
 * cancel is answered soon.
 */
static void
cg_block(const void *arg, void *scratch, uint32 block)
{
	const RsSolveArg *a = arg;
	const SolveScratch *s = scratch;
	const RsCsr *pairs = &s->pairs;
	float	   *x = (float *) rs_shared(a->x) + (Size) block * RS_BLOCK_ROWS * a->settings.factors;
	const uint64 *start = pairs->start + (Size) block * RS_BLOCK_ROWS;
	uint32		nrows = rs_block_rows(pairs->nrows, block);
	double	   *loss = (double *) rs_shared(a->loss) + block;
	RsAlsSide	side;

	side.factors = a->settings.factors;
	side.steps = a->settings.cg_steps;
	side.alpha0 = a->settings.alpha0;
	side.lambda = a->settings.lambda;
	side.nu = a->settings.nu;
	side.others = pairs->ncols;
	side.other = rs_shared(a->other);
	side.basis = rs_shared(a->basis);
	*loss = 0;
	for (uint32 first = 0, next; first < nrows; first = next)
	{
		double		share;

		next = first + 1;
		while (next < nrows &&
			   (double) (start[next + 1] - start[first]) * side.factors < CG_PRODUCTS)
			next++;
		if (rs_als_cg(&side, next - first, start + first, pairs->col, pairs->value,
					  s->work, x + (Size) first * side.factors, &share) >= 0)
			no_solution(&a->settings);
		*loss += share;
		CHECK_FOR_INTERRUPTS();
	}
	sum_ridge(a, pairs, x, block);
}

const RsJob rs_job_cg = {"rows by conjugate gradients", cg_begin, cg_block};
