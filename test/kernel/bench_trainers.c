/*-------------------------------------------------------------------------
 *
 * bench_trainers.c
 *	  Speeds of explicit ALS and BPR on this machine, as a table.
 *
 * 20,000 users with 27 of 41,000 items each, by a long-tailed popularity.
 * Every line is the best of several timed runs, for each SIMD level that the
 * processor has.
 *
 * Limits: one thread; numbers of one machine compare only with each other.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpr.h"
#include "clock.h"
#include "explicit.h"
#include "random.h"
#include "simd.h"

#define USERS 20000
#define ITEMS 41000
#define OBSERVED 27
#define PAIRS ((size_t) USERS * OBSERVED)
#define FACTORS 128
#define RUNS 5

/* What the runs work on. */
typedef struct Bench
{
	RsCsr		users;
	RsCsr		items;
	RsExplicit	model;
	RsBprSettings bpr;
	RsExplicitSide user;
	RsExplicitSide item;
	RsBprPlan	plan;
	float	   *work;
} Bench;

/* keeps the compiler from dropping what is measured */
static volatile double sink;

/* Room for a matrix. */
static RsCsr
make_csr(uint32_t nrows, uint32_t ncols)
{
	RsCsr		m = {nrows, ncols, NULL, NULL, NULL};

	m.start = malloc(sizeof(uint64_t) * (nrows + 1));
	m.col = malloc(sizeof(uint32_t) * PAIRS);
	m.value = malloc(sizeof(float) * PAIRS);
	return m;
}

/* Items of a user lie in as many equal ranges, which skew to the front. */
static void
make_matrix(Bench *b)
{
	uint64_t	e = 0;
	uint32_t	u;
	int			j;

	b->users = make_csr(USERS, ITEMS);
	b->items = make_csr(ITEMS, USERS);
	b->users.start[0] = 0;
	for (u = 0; u < USERS; u++)
	{
		for (j = 0; j < OBSERVED; j++)
		{
			double		x = (j + random_uniform()) / OBSERVED;
			uint32_t	item = (uint32_t) (x * x * x * (ITEMS - OBSERVED)) + j;

			b->users.col[e] = item;
			b->users.value[e++] = (float) (1 + random_below(5));
		}
		b->users.start[u + 1] = e;
	}
	rs_csr_transpose(&b->users, &b->items);
	rs_explicit_moments(&b->users, &b->model);
}

/* Small random factors, no biases. */
static void
start_anew(Bench *b)
{
	size_t		i;

	for (i = 0; i < (size_t) USERS * FACTORS; i++)
		b->user.factor[i] = (float) (.1 * random_uniform() - .05);
	for (i = 0; i < (size_t) ITEMS * FACTORS; i++)
		b->item.factor[i] = (float) (.1 * random_uniform() - .05);
	memset(b->user.bias, 0, sizeof(float) * USERS);
	memset(b->item.bias, 0, sizeof(float) * ITEMS);
}

/* The users' half of a sweep. */
static void
run_explicit(Bench *b)
{
	double		change = 0;

	sink = rs_explicit_rows(&b->model, &b->users, 0, USERS, &b->item, b->work,
							&b->user, &change);
}

/* A round. */
static void
run_bpr(Bench *b)
{
	RsBprModel	model = {b->user.factor, b->item.factor, b->item.bias, NULL};
	RsBprLoss	loss = {0, 0};
	int			parts = b->plan.parts;
	int			stratum;
	int			p;

	rs_bpr_plan(&b->bpr, &b->items, 0, &b->plan);
	for (stratum = 0; stratum < parts; stratum++)
		for (p = 0; p < parts; p++)
			rs_bpr_block(&b->bpr, &b->users, &b->plan, 0, p,
						 (p + stratum) % parts, &model, &loss);
	sink = loss.sum;
}

/* The shortest of RUNS runs; one line of the table. */
static void
line(Bench *b, const char *what, int n, void (*run) (Bench *), double work,
	 const char *unit)
{
	double		best = INFINITY;
	int			i;

	start_anew(b);
	for (i = 0; i < RUNS; i++)
	{
		double		start = now();
		double		took;

		run(b);
		took = now() - start;
		if (took < best)
			best = took;
	}
	printf("%-8s %-20s %4d %10.3f ms %10.2f %s\n", rs_simd->name, what, n,
		   best * 1e3, work / best, unit);
}

/* Both trainers with one number of factors at the present level. */
static void
bench_factors(Bench *b, int n)
{
	double		update = PAIRS * ((double) n * (n + 1) + 3.0 * n);
	double		solve = USERS * (n / 3.0 * n * n + 3.0 * n * n);

	b->model.factors = n;
	b->bpr.factors = n;
	line(b, "explicit, user rows", n, run_explicit, (update + solve) * 1e-9,
		 "GFLOP/s");
	b->bpr.exponent = 0;
	line(b, "bpr, uniform", n, run_bpr, PAIRS * 1e-6, "M triples/s");
	b->bpr.exponent = .75;
	line(b, "bpr, by popularity", n, run_bpr, PAIRS * 1e-6, "M triples/s");
}

/* Every level the processor has. */
int
main(void)
{
	static const char *const level[] = {"generic", "avx2", "avx512"};
	static Bench bench;
	Bench	   *b = &bench;
	int			i;

	random_seed(1);
	make_matrix(b);
	b->model.lambda = 1;
	b->model.nu = .5;
	b->model.bias_lambda = 3;
	b->bpr.rounds = 10;
	b->bpr.item_bias = true;
	b->bpr.rate = .05;
	b->bpr.ridge = .01;
	b->user.factor = malloc(sizeof(float) * USERS * FACTORS);
	b->item.factor = malloc(sizeof(float) * ITEMS * FACTORS);
	b->user.bias = malloc(sizeof(float) * USERS);
	b->item.bias = malloc(sizeof(float) * ITEMS);
	b->work = malloc(sizeof(float) * rs_explicit_workspace(FACTORS));
	b->plan.parts = rs_bpr_parts(USERS, ITEMS);
	b->plan.part = malloc(ITEMS);
	b->plan.start = malloc(sizeof(uint32_t) * (b->plan.parts + 1));
	b->plan.item = malloc(sizeof(uint32_t) * ITEMS);
	b->plan.weight = malloc(sizeof(double) * ITEMS);

	for (i = 0; i < 3; i++)
	{
		setenv("RS_SIMD", level[i], 1);
		rs_simd_init();
		if (strcmp(rs_simd->name, level[i]) != 0)
			continue;
		bench_factors(b, 48);
		bench_factors(b, 64);
		bench_factors(b, 128);
	}
	return 0;
}
