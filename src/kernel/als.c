/*-------------------------------------------------------------------------
 *
 * als.c
 *	  Rows of implicit alternating least squares (iALS).
 *
 * A row is solved exactly: the normal matrix is the scaled Gram matrix plus
 * the ridge plus a rank update by the observed rows, factored by Cholesky and
 * solved by two substitutions, everything in float.  The observed rows are
 * handed to the rank update in blocks of row pointers, each block being summed
 * before it is added, which keeps rounding small for rows with many entries.
 *
 * Reference: Rendle, Krichene, Zhang, Koren, arXiv 2110.14037, section 2 for
 * the loss and 3.2 for the frequency-scaled ridge.
 *
 * Limits: factors^2 must fit an int.  A matrix whose pivot is lost in rounding
 * (below RS_ALS_PIVOT_FLOOR of its diagonal entry) counts as not positive
 * definite.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "als.h"
#include "simd.h"

/* rows of a block of the substitutions, a multiple of the lanes */
#define RS_SOLVE	8

/* floats of a cache line */
#define RS_LINE		16

/* what the baseline of any platform has; the substitutions need no more */
#define RS_LANES	4
typedef float Lanes __attribute__((vector_size(16), aligned(4), may_alias));

/*
 * Asks for observed rows ahead of their use: they are anywhere in a matrix
 * that is larger than the cache.
 */
void
rs_als_prefetch(int factors, int n, const uint32_t *col, const float *other)
{
	int			j;
	int			i;

	for (j = 0; j < n; j++)
		for (i = 0; i < factors; i += RS_LINE)
			__builtin_prefetch(other + (size_t) col[j] * factors + i);
}

/* the matrix, its inverse diagonal and one block's part of the right-hand side */
size_t
rs_als_workspace(int factors)
{
	return (size_t) factors * factors + 2 * (size_t) factors;
}

/* lambda * (observed + alpha0 * others)^nu; 0^0 is 1, and pow is slow */
double
rs_als_ridge(double lambda, double nu, double alpha0, double observed,
			 double others)
{
	double		base = observed + alpha0 * others;

	return lambda * (nu == 1 ? base : pow(base, nu));
}

/*
 * Adds the observed rows: to the matrix a their weighted outer products, to b
 * their sum weighted by side; part is scratch.
 */
void
rs_als_add_observed(int factors, int n, const uint32_t *col,
					const float *weight, const float *side,
					const float *other, float *a, float *b, float *part)
{
	const float *row[RS_ALS_BLOCK];
	int			done;
	int			j;

	for (done = 0; done < n; done += RS_ALS_BLOCK)
	{
		int			rows = n - done < RS_ALS_BLOCK ? n - done : RS_ALS_BLOCK;
		int			after = n - done - rows;

		rs_als_prefetch(factors, after < RS_ALS_BLOCK ? after : RS_ALS_BLOCK,
						col + done + rows, other);
		memset(part, 0, factors * sizeof(float));
		for (j = 0; j < rows; j++)
		{
			row[j] = other + (size_t) col[done + j] * factors;
			rs_simd->axpy(side[done + j], row[j], part, factors);
		}
		rs_simd->axpy(1, part, b, factors);
		rs_simd->syrk_lower(row, weight + done, rows, a, factors);
	}
}

/*
 * The rows of a block, first and following; a short block repeats its last
 * row.  Returns how many are the block's own.
 */
static inline int
block_rows(int n, const float *l, int first, const float **row)
{
	int			rows = n - first < RS_SOLVE ? n - first : RS_SOLVE;
	int			p;

	for (p = 0; p < RS_SOLVE; p++)
		row[p] = l + (size_t) (first + (p < rows ? p : rows - 1)) * n;
	return rows;
}

/*
 * t := T^-1 t (or T'^-1 t) for the triangle of rows rows that begins at
 * column first.  Inlined twice, once with rows constant, so that t stays in
 * registers.
 */
static inline __attribute__((always_inline)) void
solve_triangle(const float *const *row, int first, const int rows,
			   const float *inverse, bool transposed, float *t)
{
	int			i;
	int			j;

#pragma GCC unroll 8
	for (i = 0; i < rows; i++)
	{
		int			p = transposed ? rows - 1 - i : i;

		t[p] *= inverse[first + p];
#pragma GCC unroll 8
		for (j = i + 1; j < rows; j++)
		{
			int			q = transposed ? rows - 1 - j : j;

			t[q] -= t[p] * (transposed ? row[p][first + q] : row[q][first + p]);
		}
	}
}

/*
 * y := L^-1 y by blocks of rows: first what the elements before the block take
 * from all of its rows at once, then the block's own triangle.  inverse holds
 * the inverses of the diagonal, so that no division is in the chain.
 */
void
rs_als_forward(int n, const float *l, const float *inverse, float *y)
{
	int			first;
	int			j;
	int			p;

	for (first = 0; first < n; first += RS_SOLVE)
	{
		const float *row[RS_SOLVE];
		int			rows = block_rows(n, l, first, row);
		Lanes		sum[RS_SOLVE] = {{0}};
		float		t[RS_SOLVE];

		for (j = 0; j < first; j += RS_LANES)
		{
			Lanes		v = *(const Lanes *) (y + j);

#pragma GCC unroll 8
			for (p = 0; p < RS_SOLVE; p++)
				sum[p] += v * *(const Lanes *) (row[p] + j);
		}
#pragma GCC unroll 8
		for (p = 0; p < RS_SOLVE; p++)
			t[p] = y[first + (p < rows ? p : rows - 1)] -
				((sum[p][0] + sum[p][2]) + (sum[p][1] + sum[p][3]));

		if (rows == RS_SOLVE)
			solve_triangle(row, first, RS_SOLVE, inverse, false, t);
		else
			solve_triangle(row, first, rows, inverse, false, t);
		memcpy(y + first, t, rows * sizeof(float));
	}
}

/*
 * x := L'^-1 x by blocks of rows from the last: the block's own triangle, then
 * what all of its rows take from the elements before the block.
 */
void
rs_als_backward(int n, const float *l, const float *inverse, float *x)
{
	int			first;
	int			j;
	int			p;

	for (first = (n - 1) / RS_SOLVE * RS_SOLVE; first >= 0; first -= RS_SOLVE)
	{
		const float *row[RS_SOLVE];
		int			rows = block_rows(n, l, first, row);
		float		t[RS_SOLVE] = {0};

		memcpy(t, x + first, rows * sizeof(float));
		if (rows == RS_SOLVE)
			solve_triangle(row, first, RS_SOLVE, inverse, true, t);
		else
			solve_triangle(row, first, rows, inverse, true, t);
		memcpy(x + first, t, rows * sizeof(float));

		for (j = 0; j < first; j += RS_LANES)
		{
			Lanes		v = *(const Lanes *) (x + j);

#pragma GCC unroll 8
			for (p = 0; p < RS_SOLVE; p++)
				v -= *(const Lanes *) (row[p] + j) * t[p];
			*(Lanes *) (x + j) = v;
		}
	}
}

/*
 * Factors the lower triangle of a in place and leaves the inverses of the
 * factor's diagonal in inverse.  Returns -1 if a is not positive definite or a
 * pivot is lost in rounding.
 */
int
rs_als_factor(int factors, float *a, float *inverse)
{
	int			i;
	int			bad = 0;

	for (i = 0; i < factors; i++)
		inverse[i] = a[(size_t) i * factors + i];
	if (rs_simd->cholesky(a, factors) != 0)
		return -1;
	for (i = 0; i < factors; i++)
	{
		float		root = a[(size_t) i * factors + i];

		bad |= !(root * root > RS_ALS_PIVOT_FLOOR * inverse[i]);
		inverse[i] = 1 / root;
	}
	return bad ? -1 : 0;
}

/* See als.h.  work has room for rs_als_workspace(factors) floats. */
int
rs_als_row(int factors, const float *gram, float alpha0, float ridge,
		   int n, const uint32_t *col, const float *weight,
		   const float *other, float *work, float *out)
{
	size_t		size = (size_t) factors * factors;
	float	   *inverse = work + size;
	float	   *part = inverse + factors;
	int			i;
	int			bad = 0;

	memset(out, 0, factors * sizeof(float));
	if (n <= 0)
		return 0;

	rs_als_prefetch(factors, n < RS_ALS_BLOCK ? n : RS_ALS_BLOCK, col, other);

	/* one run over the whole square is faster than a run per row */
	memset(work, 0, size * sizeof(float));
	rs_simd->axpy(alpha0, gram, work, (int) size);
	for (i = 0; i < factors; i++)
		work[(size_t) i * factors + i] += ridge;
	rs_als_add_observed(factors, n, col, weight, weight, other, work, out, part);

	bad = rs_als_factor(factors, work, inverse);
	if (bad == 0)
	{
		rs_als_forward(factors, work, inverse, out);
		rs_als_backward(factors, work, inverse, out);
		for (i = 0; i < factors; i++)
			bad |= !isfinite(out[i]);
	}
	if (bad == 0)
		return 0;
	memset(out, 0, factors * sizeof(float));
	return -1;
}

/* See als.h: this row's share of the loss. */
double
rs_als_row_loss(int factors, const float *gram, float alpha0, float ridge,
				int n, const uint32_t *col, const float *weight,
				const float *other, const float *x)
{
	double		observed = 0;
	double		everything = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		const float *v = other + (size_t) col[i] * factors;
		double		miss = 1 - rs_simd->dot_wide(x, v, factors);

		observed += weight[i] * miss * miss;
	}
	for (i = 0; i < factors; i++)
		everything += x[i] *
			rs_simd->dot_wide(gram + (size_t) i * factors, x, factors);
	return observed + alpha0 * everything +
		ridge * rs_simd->dot_wide(x, x, factors);
}

/*
 * Adds rows a..d (four of them, to save passes over gram) in that order to the
 * lower triangle.
 */
static void
gram_add_four(const float *rows, int factors, double *gram)
{
	const float *a = rows;
	const float *b = a + factors;
	const float *c = b + factors;
	const float *d = c + factors;
	int			i;
	int			j;

	for (i = 0; i < factors; i++)
	{
		double	   *out = gram + (size_t) i * factors;
		double		ai = a[i];
		double		bi = b[i];
		double		ci = c[i];
		double		di = d[i];

		for (j = 0; j <= i; j++)
		{
			double		s = out[j];

			s += ai * a[j];
			s += bi * b[j];
			s += ci * c[j];
			s += di * d[j];
			out[j] = s;
		}
	}
}

/*
 * Products of floats are exact in double and every element is summed in row
 * order, so the result is the same on every processor.
 */
void
rs_gram(const float *rows, size_t nrows, int factors, double *gram)
{
	size_t		r;
	int			i;
	int			j;

	memset(gram, 0, (size_t) factors * factors * sizeof(double));
	for (r = 0; r + 4 <= nrows; r += 4)
		gram_add_four(rows + r * factors, factors, gram);
	for (; r < nrows; r++)
	{
		const float *x = rows + r * factors;

		for (i = 0; i < factors; i++)
			for (j = 0; j <= i; j++)
				gram[(size_t) i * factors + j] += (double) x[i] * x[j];
	}
	for (i = 0; i < factors; i++)
		for (j = i + 1; j < factors; j++)
			gram[(size_t) i * factors + j] = gram[(size_t) j * factors + i];
}
