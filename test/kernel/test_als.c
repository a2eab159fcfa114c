/*-------------------------------------------------------------------------
 *
 * test_als.c
 *	  Rows of iALS: against Gaussian elimination in double, and the loss.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "als.h"
#include "simd.h"
#include "test.h"

#define OTHERS 300

/* One row's problem. */
typedef struct Problem
{
	int			factors;
	int			n;
	float		alpha0;
	float		ridge;
	float	   *other;
	float	   *gram;
	uint32_t   *col;
	float	   *weight;
	float	   *work;
	float	   *out;
} Problem;

/* OTHERS random rows and n observed ones of weight up to largest */
static Problem
make_problem(int factors, int n, float alpha0, float ridge, double largest)
{
	Problem		p;
	double	   *gram = make_room((size_t) factors * factors, sizeof(double));
	int			i;

	p.factors = factors;
	p.n = n;
	p.alpha0 = alpha0;
	p.ridge = ridge;
	p.other = random_floats((size_t) OTHERS * factors);
	p.gram = make_room((size_t) factors * factors, sizeof(float));
	p.col = make_room(n, sizeof(uint32_t));
	p.weight = make_room(n, sizeof(float));
	p.work = make_room(rs_als_workspace(factors), sizeof(float));
	p.out = make_room(factors, sizeof(float));
	for (i = 0; i < n; i++)
	{
		p.col[i] = random_below(OTHERS);
		p.weight[i] = (float) (random_uniform() * largest);
	}
	rs_gram(p.other, OTHERS, factors, gram);
	for (i = 0; i < factors * factors; i++)
		p.gram[i] = (float) gram[i];
	free(gram);
	return p;
}

/* Gives the memory back. */
static void
free_problem(Problem *p)
{
	free(p->other);
	free(p->gram);
	free(p->col);
	free(p->weight);
	free(p->work);
	free(p->out);
}

/* The kernel under test. */
static int
solve(Problem *p)
{
	return rs_als_row(p->factors, p->gram, p->alpha0, p->ridge, p->n, p->col,
					  p->weight, p->other, p->work, p->out);
}

/* The loss at x. */
static double
loss(const Problem *p, const float *x)
{
	return rs_als_row_loss(p->factors, p->gram, p->alpha0, p->ridge, p->n,
						   p->col, p->weight, p->other, x);
}

/* The same system by elimination in double; x has factors entries. */
static void
solve_naive(const Problem *p, double *x)
{
	int			f = p->factors;
	double	   *a = make_room((size_t) f * f, sizeof(double));
	int			i;
	int			j;
	int			k;

	for (i = 0; i < f; i++)
	{
		x[i] = 0;
		for (j = 0; j < f; j++)
			a[i * f + j] = (double) p->alpha0 * p->gram[i * f + j] +
				(i == j ? p->ridge : 0);
	}
	for (k = 0; k < p->n; k++)
	{
		const float *v = p->other + (size_t) p->col[k] * f;

		for (i = 0; i < f; i++)
		{
			x[i] += (double) p->weight[k] * v[i];
			for (j = 0; j < f; j++)
				a[i * f + j] += (double) p->weight[k] * v[i] * v[j];
		}
	}
	for (k = 0; k < f; k++)
		for (i = k + 1; i < f; i++)
		{
			double		q = a[i * f + k] / a[k * f + k];

			for (j = k; j < f; j++)
				a[i * f + j] -= q * a[k * f + j];
			x[i] -= q * x[k];
		}
	for (i = f - 1; i >= 0; i--)
	{
		for (j = i + 1; j < f; j++)
			x[i] -= a[i * f + j] * x[j];
		x[i] /= a[i * f + i];
	}
	free(a);
}

/* Solution against the naive one, relative to its length. */
static void
check_row(int factors, int n, double largest, double tolerance)
{
	Problem		p = make_problem(factors, n, .3f, 2.5f, largest);
	double	   *x = make_room(factors, sizeof(double));
	double		norm = 0;
	double		error = 0;
	int			i;

	CHECK(solve(&p) == 0);
	solve_naive(&p, x);
	for (i = 0; i < factors; i++)
	{
		norm += x[i] * x[i];
		error += (x[i] - p.out[i]) * (x[i] - p.out[i]);
	}
	CHECK(error <= tolerance * tolerance * norm);
	free(x);
	free_problem(&p);
}

/* All numbers of factors up to 130, few to many observations. */
static void
test_rows(void)
{
	int			factors;

	for (factors = 1; factors <= 130; factors++)
		check_row(factors, 1 + random_below(50), 3, 1e-4);
	check_row(256, 100, 3, 1e-3);
	check_row(64, 64, 3, 1e-4);
	check_row(64, 65, 3, 1e-4);
	check_row(64, 5000, 3, 1e-4);
	check_row(48, 27, 1e4, 1e-2);
	check_row(16, 27, 1e30, 1e-1);
}

/* Nothing observed, no matrix, no finite result. */
static void
test_refusals(void)
{
	Problem		p = make_problem(24, 10, 0, 0, 1);
	bool		zero = true;
	int			i;

	/* ten rows cannot determine 24 factors without gram and ridge */
	p.out[5] = 7;
	CHECK(solve(&p) == -1);
	for (i = 0; i < 24; i++)
		zero &= p.out[i] == 0;
	CHECK(zero);

	/* one row has a singular matrix in any two factors, whatever its weight */
	p.factors = 2;
	p.n = 1;
	for (i = 0; i < 200; i++)
	{
		p.weight[0] = (float) exp(20 * random_uniform() - 10);
		p.other[0] = (float) random_uniform();
		p.other[1] = (float) random_uniform();
		p.col[0] = 0;
		CHECK(solve(&p) == -1);
	}

	p.factors = 24;
	p.n = 10;
	p.ridge = 1;
	CHECK(solve(&p) == 0);
	p.weight[3] = NAN;
	CHECK(solve(&p) == -1 && p.out[0] == 0);
	p.weight[3] = INFINITY;
	CHECK(solve(&p) == -1 && p.out[0] == 0);
	p.weight[3] = -FLT_MAX;
	CHECK(solve(&p) == -1 && p.out[0] == 0);
	p.weight[3] = 1;
	p.ridge = NAN;
	CHECK(solve(&p) == -1 && p.out[0] == 0);
	p.n = 0;
	p.out[0] = 7;
	CHECK(solve(&p) == 0 && p.out[0] == 0);
	free_problem(&p);
}

/* The solution has the least loss; without x it is the sum of weights. */
static void
test_loss(void)
{
	Problem		p = make_problem(20, 30, .1f, 1, 2);
	float		x[20] = {0};
	double		weights = 0;
	double		least;
	int			round;
	int			i;

	for (i = 0; i < p.n; i++)
		weights += p.weight[i];
	CHECK(near(loss(&p, x), weights, 1e-12));

	CHECK(solve(&p) == 0);
	least = loss(&p, p.out);
	CHECK(least < weights);
	for (round = 0; round < 50; round++)
	{
		for (i = 0; i < 20; i++)
			x[i] = p.out[i] + (float) (.02 * random_uniform() - .01);
		CHECK(loss(&p, x) > least);
	}
	free_problem(&p);
}

/* The least-loss property by hand: one factor, two observed. */
static void
test_hand(void)
{
	static const float other[] = {1, 2, 3};
	static const float gram[] = {14};
	static const uint32_t col[] = {0, 2};
	static const float weight[] = {1, 2};
	float		work[8];
	float		x;

	/* (1 + 2*9 + .5*14 + 4) x = 1 + 2*3 */
	CHECK(rs_als_workspace(1) <= 8);
	CHECK(rs_als_row(1, gram, .5f, 4, 2, col, weight, other, work, &x) == 0);
	CHECK(near(x, 7 / 30.0, 1e-7));
	x = 1;
	/* 0 + 2*4 + 7 + 4 */
	CHECK(rs_als_row_loss(1, gram, .5f, 4, 2, col, weight, other, &x) == 19);
	CHECK(rs_als_ridge(.01, 1, .5, 10, 20) == .2);
	CHECK(near(rs_als_ridge(2, .5, 1, 6, 10), 8, 1e-15));
	CHECK(rs_als_ridge(3, 0, .5, 10, 20) == 3);
	CHECK(rs_als_ridge(3, 0, 0, 0, 20) == 3);
}

/* Gram matrices are exact sums in row order, symmetric, at any size. */
static void
test_gram(void)
{
	int			factors;

	for (factors = 1; factors <= 130; factors += factors < 20 ? 1 : 37)
	{
		int			nrows = random_below(12);
		float	   *x = random_floats((size_t) nrows * factors);
		double	   *g = make_room((size_t) factors * factors, sizeof(double));
		bool		same = true;
		int			i;
		int			j;
		int			r;

		rs_gram(x, nrows, factors, g);
		for (i = 0; i < factors; i++)
			for (j = 0; j < factors; j++)
			{
				double		s = 0;

				for (r = 0; r < nrows; r++)
					s += (double) x[r * factors + i] * x[r * factors + j];
				same &= s == g[i * factors + j];
			}
		CHECK(same);
		free(x);
		free(g);
	}
}

/* The levels agree, and one level with itself to the bit. */
static void
test_levels(void)
{
	Problem		p = make_problem(48, 27, .3f, 2, 3);
	float		first[48];
	float		again[48];
	bool		agree = true;
	int			i;

	CHECK(solve(&p) == 0);
	memcpy(first, p.out, sizeof(first));
	CHECK(solve(&p) == 0);
	CHECK(memcmp(first, p.out, sizeof(first)) == 0);
	setenv("RS_SIMD", "generic", 1);
	rs_simd_init();
	CHECK(solve(&p) == 0);
	memcpy(again, p.out, sizeof(again));
	for (i = 0; i < 48; i++)
		agree &= near(first[i], again[i], 1e-5);
	CHECK(agree);
	free_problem(&p);
}

/* All of the above. */
int
main(void)
{
	test_hand();
	test_gram();
	at_every_level(test_rows);
	at_every_level(test_refusals);
	at_every_level(test_loss);
	at_every_level(test_levels);
	return finish("als");
}
