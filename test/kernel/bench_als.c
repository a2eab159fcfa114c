/*-------------------------------------------------------------------------
 *
 * bench_als.c
 *	  Sweeps of iALS over both sides of a synthetic matrix, as a table.
 *
 * The matrix has 30,000 users, 41,000 items and about 0.8 million pairs, both
 * sides skewed, users in groups of taste.  One thread.  A line is the best of
 * some sweeps: what each part took, and GFLOP/s by the count of plain
 * conjugate gradients with 3 steps, pairs * 16 f + rows * 8 f^2 for both
 * sides.  That is what the same result costs without a basis (als_cg.h), hence
 * a measure of time, not of instructions.
 *
 * With BLAS=1 the Gram matrices and eigenvectors are OpenBLAS's, and the peak
 * of sgemm is measured in the same run.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef RS_BLAS
#include <cblas.h>
#endif

#include "als.h"
#include "als_cg.h"
#include "clock.h"
#include "eigen.h"
#include "random.h"
#include "shop.h"
#include "simd.h"

#define USERS 30000
#define ITEMS 41000
#define PAIRS 900000			/* drawn; repeats fall together */
#define GROUPS 50
#define SIZE 1024				/* of the product that measures the peak */
#define ALPHA0 .1
#define LAMBDA .003

/* One side: what is observed, and the rows. */
typedef struct Side
{
	RsCsr		m;
	float	   *x;
} Side;

/* Everything that a sweep needs. */
typedef struct Bench
{
	Side		user;
	Side		item;
	int			factors;
	int			steps;
	float	   *gram;
	double	   *square;
	float	   *basis;
	float	   *work;
	double		loss;			/* of the last sweep */
	double		took[4];		/* gram, basis, turn, solve */
} Bench;

/* Adds the seconds since *since to *to, and begins anew. */
static void
lap(double *since, double *to)
{
	double		t = now();

	*to += t - *since;
	*since = t;
}

/* Memory or nothing. */
static void *
room(size_t count, size_t size)
{
	void	   *p = calloc(count + 16, size);

	if (p == NULL)
		exit(2);
	return p;
}

/* gram of the rows of a side */
static void
make_gram(Bench *b, const Side *s)
{
	int			f = b->factors;
	int			i;

#ifdef RS_BLAS
	int			j;

	cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, f, s->m.nrows, 1, s->x,
				f, 0, b->gram, f);
	for (i = 0; i < f; i++)
		for (j = i + 1; j < f; j++)
			b->gram[i * f + j] = b->gram[j * f + i];
#else
	rs_gram(s->x, s->m.nrows, f, b->square);
	for (i = 0; i < f * f; i++)
		b->gram[i] = (float) b->square[i];
#endif
}

#ifdef RS_BLAS

extern void dsyevd_(const char *, const char *, const int *, double *,
					const int *, double *, double *, const int *, int *,
					const int *, int *, size_t, size_t);

/* RsEigen by LAPACK */
static int
lapack_eigen(int n, double *a, double *value, double *work)
{
	int			size = 1 + 6 * n + 2 * n * n;
	int			isize = 3 + 5 * n;
	double	   *scratch = room(size, sizeof(double));
	int		   *iscratch = room(isize, sizeof(int));
	int			info;

	(void) work;
	dsyevd_("V", "L", &n, a, &n, value, scratch, &size, iscratch, &isize,
			&info, 1, 1);
	free(scratch);
	free(iscratch);
	return info == 0 ? 0 : -1;
}

/* GFLOP/s of a product of two square matrices */
static double
peak(void)
{
	float	   *a = room(3 * SIZE * SIZE, sizeof(float));
	double		best = INFINITY;
	int			i;

	for (i = 0; i < 3 * SIZE * SIZE; i++)
		a[i] = (float) random_uniform();
	for (i = 0; i < 20; i++)
	{
		double		start = now();
		double		took;

		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE,
					1, a, SIZE, a + SIZE * SIZE, SIZE, 0, a + 2 * SIZE * SIZE,
					SIZE);
		took = now() - start;
		if (took < best)
			best = took;
	}
	free(a);
	return 2e-9 * SIZE * SIZE * SIZE / best;
}

#define EIGEN lapack_eigen

#else

/* not known without BLAS */
static double
peak(void)
{
	return 0;
}

#define EIGEN rs_eigen

#endif

/* Solves the rows of s by conjugate gradients. */
static void
half_cg(Bench *b, Side *s, const Side *other)
{
	RsAlsSide	side = {b->factors, b->steps, ALPHA0, LAMBDA, 1,
	other->m.nrows, other->x, b->basis};
	double		t = now();

	make_gram(b, other);
	lap(&t, &b->took[0]);
	if (rs_als_basis(b->factors, b->gram, EIGEN, b->square, b->basis) != 0)
		exit(1);
	lap(&t, &b->took[1]);
	rs_als_rotate(b->factors, b->basis, other->m.nrows, b->work, other->x);
	lap(&t, &b->took[2]);
	if (rs_als_cg(&side, s->m.nrows, s->m.start, s->m.col, s->m.value,
				  b->work, s->x, &b->loss) >= 0)
		exit(1);
	lap(&t, &b->took[3]);
}

/* Solves the rows of s exactly. */
static void
half_exact(Bench *b, Side *s, const Side *other)
{
	uint32_t	i;

	make_gram(b, other);
	b->loss = 0;
	for (i = 0; i < s->m.nrows; i++)
	{
		uint64_t	first = s->m.start[i];
		int			n = (int) (s->m.start[i + 1] - first);
		float		ridge = (float) rs_als_ridge(LAMBDA, 1, ALPHA0, n,
												 other->m.nrows);
		float	   *x = s->x + (size_t) i * b->factors;

		if (rs_als_row(b->factors, b->gram, ALPHA0, ridge, n,
					   s->m.col + first, s->m.value + first, other->x, b->work,
					   x) != 0)
			exit(1);
		b->loss += rs_als_row_loss(b->factors, b->gram, ALPHA0, ridge, n,
								   s->m.col + first, s->m.value + first,
								   other->x, x);
	}
}

/* Both halves; b->loss becomes the whole loss. */
static void
sweep(Bench *b, void (*half) (Bench *, Side *, const Side *))
{
	uint32_t	i;

	half(b, &b->user, &b->item);
	half(b, &b->item, &b->user);
	for (i = 0; i < USERS; i++)
	{
		const float *x = b->user.x + (size_t) i * b->factors;

		b->loss += rs_simd->dot_wide(x, x, b->factors) *
			rs_als_ridge(LAMBDA, 1, ALPHA0, b->user.m.start[i + 1] -
						 b->user.m.start[i], ITEMS);
	}
}

/* Random items, no users. */
static void
begin(Bench *b, int factors)
{
	size_t		i;

	b->factors = factors;
	random_seed(7);
	memset(b->user.x, 0, sizeof(float) * USERS * factors);
	for (i = 0; i < (size_t) ITEMS * factors; i++)
		b->item.x[i] = (float) ((random_uniform() - .5) * .3 / sqrt(factors));
}

/* One line: the best of some sweeps; *top is the best peak so far. */
static void
bench_factors(Bench *b, int factors, int sweeps, double *top)
{
	double		f = factors;
	double		pairs = 2.0 * b->user.m.start[USERS];
	double		work = 1e-9 * (pairs * 16 * f +
							   (USERS + ITEMS) * 8.0 * f * f);
	double		best = INFINITY;
	double		part[4] = {0};
	int			i;

	*top = fmax(*top, peak());
	begin(b, factors);
	for (i = 0; i < sweeps; i++)
	{
		double		start = now();
		double		took;

		memset(b->took, 0, sizeof(b->took));
		sweep(b, half_cg);
		took = now() - start;
		if (took < best)
		{
			best = took;
			memcpy(part, b->took, sizeof(part));
		}
	}
	printf("%-8s %7d %5d %8.1f %8.1f %8.1f %8.1f %8.1f %9.1f %5.0f %%\n",
		   rs_simd->name, factors, b->steps, best * 1e3, part[0] * 1e3,
		   part[1] * 1e3, part[2] * 1e3, part[3] * 1e3, work / best,
		   *top > 0 ? 100 * work / best / *top : NAN);
	fflush(stdout);
}

/* How close some sweeps come to as many exact ones. */
static void
compare_exact(Bench *b, int factors, int sweeps)
{
	double		exact;
	int			i;

	begin(b, factors);
	for (i = 0; i < sweeps; i++)
		sweep(b, half_exact);
	exact = b->loss;
	for (b->steps = 1; b->steps <= 4; b->steps++)
	{
		begin(b, factors);
		for (i = 0; i < sweeps; i++)
			sweep(b, half_cg);
		printf("%d factors, %d sweeps, %d steps: loss %.6g, %+.4f %% against exact sweeps\n",
			   factors, sweeps, b->steps, b->loss, 100 * (b->loss / exact - 1));
	}
}

/* The table, then the comparison. */
int
main(void)
{
	static const int size[] = {48, 64, 100, 128, 256};
	static Bench bench;
	Bench	   *b = &bench;
	double		top = 0;
	int			i;

	rs_simd_init();
	random_seed(1);
	draw_shop(&b->user.m, &b->item.m, USERS, ITEMS, PAIRS, GROUPS, .5);
	b->user.x = room(USERS * 256, sizeof(float));
	b->item.x = room(ITEMS * 256, sizeof(float));
	b->gram = room(256 * 256, sizeof(float));
	b->square = room(256 * 256 + 4 * 256, sizeof(double));
	b->basis = room(rs_als_basis_size(256), sizeof(float));
	b->work = room(rs_als_workspace(256) + rs_als_cg_workspace(256),
				   sizeof(float));
	printf("%zu pairs; milliseconds\n", (size_t) b->user.m.start[USERS]);
	printf("level    factors steps    sweep     gram    basis     turn    solve   GFLOP/s of peak\n");
	for (b->steps = 2; b->steps <= 3; b->steps++)
		for (i = 0; i < 5; i++)
			bench_factors(b, size[i], size[i] < 256 ? 8 : 4, &top);
	printf("peak: sgemm at %.1f GFLOP/s\n", top);
	compare_exact(b, 64, 8);
	return 0;
}
