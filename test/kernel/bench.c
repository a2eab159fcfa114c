/*-------------------------------------------------------------------------
 *
 * bench.c
 *	  Speeds of the kernels on this machine, as a table.
 *
 * Every line is the best of several timed runs, for each SIMD level that the
 * processor has.  Flop counts: a rank update m n (n + 1), Cholesky n^3 / 3, a
 * row both plus the two substitutions (2 n^2) and the right-hand side (2 m n).
 *
 * Limits: one thread; numbers of one machine compare only with each other.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "als.h"
#include "clock.h"
#include "random.h"
#include "simd.h"
#include "topk.h"

#define ITEMS 41000
#define OBSERVED 27
#define RUNS 7

/* What the runs work on. */
typedef struct Bench
{
	int			n;				/* factors */
	float	   *item;			/* ITEMS x n */
	float	   *gram;			/* n x n */
	float	   *a;				/* n x n */
	float	   *b;				/* n x n */
	float	   *work;
	float	   *score;			/* ITEMS */
	uint32_t	col[1000][OBSERVED];
	float		weight[OBSERVED];
} Bench;

/* keeps the compiler from dropping what is measured */
static volatile double sink;

/* One rank update per repetition. */
static void
run_syrk(Bench *b, int times)
{
	const float *row[OBSERVED];
	int			t;
	int			j;

	for (t = 0; t < times; t++)
	{
		for (j = 0; j < OBSERVED; j++)
			row[j] = b->item + (size_t) b->col[t % 1000][j] * b->n;
		rs_simd->syrk_lower(row, b->weight, OBSERVED, b->a, b->n);
	}
	sink = b->a[0];
}

/* A copy and a factorisation per repetition. */
static void
run_cholesky(Bench *b, int times)
{
	int			t;

	for (t = 0; t < times; t++)
	{
		memcpy(b->b, b->gram, sizeof(float) * b->n * b->n);
		sink = rs_simd->cholesky(b->b, b->n);
	}
}

/* One whole row per repetition. */
static void
run_row(Bench *b, int times)
{
	float		out[512];
	int			t;

	for (t = 0; t < times; t++)
		sink = rs_als_row(b->n, b->gram, .3f, 1, OBSERVED, b->col[t % 1000],
						  b->weight, b->item, b->work, out);
}

/* All items per repetition. */
static void
run_dot(Bench *b, int times)
{
	int			t;
	int			i;

	for (t = 0; t < times; t++)
		for (i = 0; i < ITEMS; i++)
			b->score[i] = rs_simd->dot(b->item, b->item + (size_t) i * b->n,
									   b->n);
	sink = b->score[ITEMS - 1];
}

/* One selection per repetition. */
static void
run_topk(Bench *b, int times)
{
	RsScored	best[100];
	int			t;

	for (t = 0; t < times; t++)
		sink = rs_topk_float(b->score, ITEMS, 100, best);
}

/* The shortest of RUNS runs of times repetitions, per repetition. */
static double
best_time(void (*run) (Bench *, int), Bench *b, int times)
{
	double		best = INFINITY;
	int			i;

	for (i = 0; i < RUNS; i++)
	{
		double		start = now();
		double		took;

		run(b, times);
		took = (now() - start) / times;
		if (took < best)
			best = took;
	}
	return best;
}

/* One line of the table. */
static void
line(const char *what, int n, double seconds, double work, const char *unit)
{
	printf("%-8s %-14s %4d %12.3f us %10.1f %s\n", rs_simd->name, what, n,
		   seconds * 1e6, work / seconds, unit);
}

/* Everything for one number of factors at the present level. */
static void
bench_factors(Bench *b, int n)
{
	double		update = OBSERVED * (double) n * (n + 1) * 1e-9;
	double		factor = n / 3.0 * n * n * 1e-9;
	double		rest = (2.0 * n * n + 2.0 * OBSERVED * n) * 1e-9;
	int			i;

	b->n = n;
	for (i = 0; i < ITEMS * n; i++)
		b->item[i] = (float) (random_uniform() - .5);
	for (i = 0; i < n * n; i++)
		b->gram[i] = i % (n + 1) == 0 ? ITEMS / 12.0f :
			(float) random_uniform();
	memset(b->a, 0, sizeof(float) * n * n);

	line("syrk_lower", n, best_time(run_syrk, b, 4000), update, "GFLOP/s");
	line("cholesky", n, best_time(run_cholesky, b, 4000), factor, "GFLOP/s");
	line("als_row", n, best_time(run_row, b, 4000), update + factor + rest,
		 "GFLOP/s");
}

/* Every level the processor has. */
int
main(void)
{
	static const char *const level[] = {"generic", "avx2", "avx512"};
	static Bench bench;
	Bench	   *b = &bench;
	int			i;
	int			j;

	random_seed(1);
	b->item = malloc(sizeof(float) * ITEMS * 128);
	b->gram = malloc(sizeof(float) * 128 * 128);
	b->a = malloc(sizeof(float) * 128 * 128);
	b->b = malloc(sizeof(float) * 128 * 128);
	b->work = malloc(sizeof(float) * rs_als_workspace(128));
	b->score = malloc(sizeof(float) * ITEMS);
	for (i = 0; i < 1000; i++)
		for (j = 0; j < OBSERVED; j++)
			b->col[i][j] = (uint32_t) (random_uniform() * ITEMS);
	for (j = 0; j < OBSERVED; j++)
		b->weight[j] = 1 + j % 3;

	for (i = 0; i < 3; i++)
	{
		setenv("RS_SIMD", level[i], 1);
		rs_simd_init();
		if (strcmp(rs_simd->name, level[i]) != 0)
			continue;
		bench_factors(b, 48);
		bench_factors(b, 128);
		bench_factors(b, 64);
		line("dot, 41k items", 64, best_time(run_dot, b, 20), ITEMS * 1e-6,
			 "M items/s");
		line("topk 100 of 41k", 64, best_time(run_topk, b, 200), ITEMS * 1e-6,
			 "M items/s");
	}
	return 0;
}
