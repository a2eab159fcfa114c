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
 * (below RS_PIVOT_FLOOR of its diagonal entry) counts as not positive
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

/* observed rows per rank update */
#define RS_BLOCK	64

/* a squared pivot below this share of its diagonal entry is rounding */
#define RS_PIVOT_FLOOR	(4 * FLT_EPSILON)

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
static void
prefetch_rows(int factors, int n, const uint32_t *col, const float *other)
{
	int			j;
	int			i;

	for (j = 0; j < n; j++)
		for (i = 0; i < factors; i += RS_LINE)
			__builtin_prefetch(other + (size_t) col[j] * factors + i);
}

/* the matrix, its diagonal and one block's part of the right-hand side */
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
 * their weighted sum; part is scratch.
 */
static void
add_observed(int factors, int n, const uint32_t *col, const float *weight,
			 const float *other, float *a, float *b, float *part)
{
	const float *row[RS_BLOCK];
	int			done;
	int			j;

	for (done = 0; done < n; done += RS_BLOCK)
	{
		int			rows = n - done < RS_BLOCK ? n - done : RS_BLOCK;

		int			after = n - done - rows;

		prefetch_rows(factors, after < RS_BLOCK ? after : RS_BLOCK,
					  col + done + rows, other);
		memset(part, 0, factors * sizeof(float));
		for (j = 0; j < rows; j++)
		{
			row[j] = other + (size_t) col[done + j] * factors;
			rs_simd->axpy(weight[done + j], row[j], part, factors);
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
static void
solve_forward(int n, const float *l, const float *inverse, float *y)
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
static void
solve_backward(int n, const float *l, const float *inverse, float *x)
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
 * b := (L L')^-1 b; diagonal is the factored matrix's and is overwritten.
 * Returns -1 if a pivot is lost in rounding or the result not finite.
 */
static int
substitute(int factors, const float *l, float *diagonal, float *b)
{
	int			i;
	int			bad = 0;

	for (i = 0; i < factors; i++)
	{
		float		root = l[(size_t) i * factors + i];

		bad |= !(root * root > RS_PIVOT_FLOOR * diagonal[i]);
		diagonal[i] = 1 / root;
	}
	if (bad)
		return -1;

	solve_forward(factors, l, diagonal, b);
	solve_backward(factors, l, diagonal, b);
	for (i = 0; i < factors; i++)
		bad |= !isfinite(b[i]);
	return bad ? -1 : 0;
}

/* See als.h.  work has room for rs_als_workspace(factors) floats. */
int
rs_als_row(int factors, const float *gram, float alpha0, float ridge,
		   int n, const uint32_t *col, const float *weight,
		   const float *other, float *work, float *out)
{
	size_t		size = (size_t) factors * factors;
	float	   *diagonal = work + size;
	float	   *part = diagonal + factors;
	int			i;

	memset(out, 0, factors * sizeof(float));
	if (n <= 0)
		return 0;

	prefetch_rows(factors, n < RS_BLOCK ? n : RS_BLOCK, col, other);

	/* one run over the whole square is faster than a run per row */
	memset(work, 0, size * sizeof(float));
	rs_simd->axpy(alpha0, gram, work, (int) size);
	for (i = 0; i < factors; i++)
		work[(size_t) i * factors + i] += ridge;
	add_observed(factors, n, col, weight, other, work, out, part);
	for (i = 0; i < factors; i++)
		diagonal[i] = work[(size_t) i * factors + i];

	if (rs_simd->cholesky(work, factors) != 0 ||
		substitute(factors, work, diagonal, out) != 0)
	{
		memset(out, 0, factors * sizeof(float));
		return -1;
	}
	return 0;
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
