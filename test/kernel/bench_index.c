/*-------------------------------------------------------------------------
 *
 * bench_index.c
 *	  Exact nearest rows of a million by the index, against a product with all
 *	  of them, as a table.
 *
 * Three sets of rows, 64 floats each:
 *
 *	  equal		directions at random, all of norm 1; vectors at random
 *	  shop		item factors trained by sweeps of iALS over a generated shop of a
 *				million items, most of which sell little; vectors are those of
 *				its users
 *	  small		the first 40,000 rows of "shop" of any rank
 *
 * What is compared with: one sgemv over all rows where BLAS=1, else a dot
 * product a row by the kernels, which is as fast where memory is the limit;
 * neither selects anything.  Bytes are those of the floats.  Times are medians over
 * vectors, each searched in turn after the product with it, so that both meet
 * the same machine and neither finds its data in a cache.
 *
 * Limits: one thread; a processor cache of 256 MB would hold all rows.
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
#include "index.h"
#include "random.h"
#include "score.h"
#include "shop.h"
#include "simd.h"

#define WIDTH 64
#define MANY 1000000
#define SMALL 40000
#define USERS 200000
#define PAIRS 6000000			/* drawn; repeats fall together */
#define GROUPS 100
#define SWEEPS 4
#define VECTORS 31
#define RUNS 5					/* of a small search, which is short */

/* Memory or nothing. */
static void *
room(size_t count, size_t size)
{
	void	   *p;

	if (posix_memalign(&p, RS_INDEX_ALIGN, (count * size + 1023) / 1024 * 1024) != 0)
		exit(2);
	memset(p, 0, count * size);
	return p;
}

static int
compare_double(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
	qsort(v, n, sizeof(double), compare_double);
	return v[n / 2];
}

/* about normal */
static float
random_normal(void)
{
	double		s = -6;
	int			i;

	for (i = 0; i < 12; i++)
		s += random_uniform();
	return (float) s;
}

/* ---- rows ---- */

/* n rows of norm 1 */
static void
draw_equal(float *row, uint32_t n)
{
	uint32_t	i;
	int			j;

	for (i = 0; i < n; i++, row += WIDTH)
	{
		double		norm;

		for (j = 0; j < WIDTH; j++)
			row[j] = random_normal();
		norm = sqrt(rs_simd->dot_wide(row, row, WIDTH));
		for (j = 0; j < WIDTH; j++)
			row[j] = (float) (row[j] / norm);
	}
}

/* One side's rows from the other's. */
static void
solve(const RsCsr *m, const float *other, uint32_t nother, float *x, double alpha0)
{
	double	   *square = room(WIDTH * WIDTH + 4 * WIDTH, sizeof(double));
	float	   *gram = room(WIDTH * WIDTH, sizeof(float));
	float	   *work = room(rs_als_workspace(WIDTH), sizeof(float));
	uint32_t	i;

	rs_gram(other, nother, WIDTH, square);
	for (i = 0; i < WIDTH * WIDTH; i++)
		gram[i] = (float) square[i];
	for (i = 0; i < m->nrows; i++)
	{
		uint64_t	first = m->start[i];
		int			n = (int) (m->start[i + 1] - first);
		float		ridge = (float) rs_als_ridge(.01, 1, alpha0, n, nother);

		if (rs_als_row(WIDTH, gram, (float) alpha0, ridge, n, m->col + first,
					   m->value + first, other, work, x + (size_t) i * WIDTH) != 0)
			exit(1);
	}
	free(square);
	free(gram);
	free(work);
}

/* Item factors into row, some users' into x. */
static void
train_shop(float *row, float *x)
{
	static RsCsr m;
	static RsCsr t;
	float	   *user = room((size_t) USERS * WIDTH, sizeof(float));
	double		alpha0;
	size_t		i;

	draw_shop(&m, &t, USERS, MANY, PAIRS, GROUPS, .3);
	alpha0 = 20.0 * m.start[USERS] / USERS / MANY;
	for (i = 0; i < (size_t) MANY * WIDTH; i++)
		row[i] = random_normal() * .0125f;
	for (i = 0; i < SWEEPS; i++)
	{
		solve(&m, row, MANY, user, alpha0);
		solve(&t, user, USERS, row, alpha0);
	}
	solve(&m, row, MANY, user, alpha0);
	for (i = 0; i < VECTORS; i++)
	{
		uint32_t	u = random_below(USERS);

		/* a random user with a history of some length */
		while (m.start[u + 1] - m.start[u] < 5)
			u = random_below(USERS);
		memcpy(x + i * WIDTH, user + (size_t) u * WIDTH, WIDTH * sizeof(float));
	}
	free(user);
}

/* ---- searches ---- */

/* The product of all rows with x. */
static void
all_products(const float *row, uint32_t n, const float *x, float *out)
{
#ifdef RS_BLAS
	cblas_sgemv(CblasRowMajor, CblasNoTrans, (int) n, WIDTH, 1, row, WIDTH, x, 1, 0, out, 1);
#else
	rs_factor_scores(row, n, WIDTH, x, out);
#endif
}

/* One line of the table: medians over the vectors. */
static void
bench(const char *what, const float *row, uint32_t n, const float *x, int k)
{
	void	   *memory = room(rs_index_bytes(n, WIDTH), 1);
	float	   *out = room(n, sizeof(float));
	RsScored   *best = room(k, sizeof(RsScored));
	RsScored   *expected = room(k, sizeof(RsScored));
	double		product[VECTORS];
	double		search[VECTORS];
	double		share[VECTORS];
	double		scored[VECTORS];
	double		coded[VECTORS];
	RsIndex		index;
	void	   *work;
	double		start = now();
	double		built;
	double		p;
	double		s;
	int			i;
	int			r;

	rs_index_build(row, n, WIDTH, memory, &index);
	built = now() - start;
	work = room(rs_index_workspace(&index, k), 1);
	for (i = 0; i < VECTORS; i++, x += WIDTH)
	{
		RsIndexCost cost;

		product[i] = INFINITY;
		search[i] = INFINITY;
		for (r = 0; r < (n > SMALL ? 1 : RUNS); r++)
		{
			start = now();
			all_products(row, n, x, out);
			product[i] = fmin(product[i], now() - start);
			start = now();
			rs_index_search(&index, x, k, NULL, 0, work, best, &cost);
			search[i] = fmin(search[i], now() - start);
		}
		share[i] = cost.bytes / (4.0 * WIDTH * n);
		scored[i] = (double) cost.scored;
		coded[i] = (double) cost.coded;
		rs_factor_scores(row, n, WIDTH, x, out);
		rs_topk_float(out, n, k, expected);
		if (memcmp(best, expected, k * sizeof(RsScored)) != 0)
		{
			printf("%s: not the rows with the best scores\n", what);
			exit(1);
		}
	}
	p = median(product, VECTORS);
	s = median(search, VECTORS);
	printf("%-8s %-8s %8u %4d %9.0f %9.0f %8.0f %10.3f %10.3f %6.3f %6.3f\n", rs_simd->name, what,
		   n, k, built * 1e3, median(coded, VECTORS), median(scored, VECTORS), p * 1e3, s * 1e3,
		   median(share, VECTORS), s / p);
	fflush(stdout);
	free(memory);
	free(work);
	free(out);
	free(best);
	free(expected);
}

/* The table, at every level the processor has. */
int
main(void)
{
	static const char *const level[] = {"generic", "avx2", "avx512"};
	float	   *equal = room((size_t) MANY * WIDTH, sizeof(float));
	float	   *shop = room((size_t) MANY * WIDTH, sizeof(float));
	float	   *small = room((size_t) SMALL * WIDTH, sizeof(float));
	float	   *x = room((size_t) VECTORS * WIDTH, sizeof(float));
	float	   *user = room((size_t) VECTORS * WIDTH, sizeof(float));
	uint32_t	i;

	rs_simd_init();
	random_seed(1);
	draw_equal(equal, MANY);
	draw_equal(x, VECTORS);
	train_shop(shop, user);
	for (i = 0; i < SMALL; i++)
		memcpy(small + (size_t) i * WIDTH, shop + (size_t) (MANY / SMALL) * i * WIDTH, WIDTH * sizeof(float));

#ifdef RS_BLAS
	printf("against sgemv; milliseconds\n");
#else
	printf("against a dot product a row, without BLAS; milliseconds\n");
#endif
	printf("level    rows            n    k     build     coded   scored   products     search  bytes   time\n");
	for (i = 0; i < 3; i++)
	{
		setenv("RS_SIMD", level[i], 1);
		rs_simd_init();
		if (strcmp(rs_simd->name, level[i]) != 0)
			continue;
		bench("equal", equal, MANY, x, 100);
		bench("shop", shop, MANY, user, 100);
		bench("small", small, SMALL, user, 300);
		bench("small eq", equal, SMALL, x, 300);
	}
	return 0;
}
