/*-------------------------------------------------------------------------
 *
 * explicit.c
 *	  Explicit alternating least squares with biases, for ratings.
 *
 * With v_j = other[col[j]] and t_j = rating_j - mu - other_bias[col[j]], a row
 * has the least loss where
 *
 *	  | A   s | | x    |   | sum_j t_j v_j |      A = sum_j v_j v_j' + ridge I
 *	  | s'  d | | bias | = | sum_j t_j     |      s = sum_j v_j
 *												  d = n + bias_lambda
 *
 * A is factored as in iALS; the last row of the bordered matrix's Cholesky
 * factor is (L^-1 s, sqrt(d - |L^-1 s|^2)), so the bias costs one forward
 * substitution more, and the width of A stays a multiple of the vectors' lanes
 * where the number of factors is.
 *
 * Reference: Zhou, Wilkinson, Schreiber, Pan, AAIM 2008, section 3; Koren,
 * Bell, Volinsky, IEEE Computer 42(8), 2009.
 *
 * Limits: as als.c.  Matrix and vectors are float, sums of targets double.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "als.h"
#include "explicit.h"
#include "simd.h"

/* alternating ends when no bias moves by more than this share of the largest */
#define RS_BIAS_TOLERANCE	1e-5

/* ratings that deviate by less than this share of their mean are all equal */
#define RS_FLAT		1e-7

/*
 * In order of the entries, hence the same for any number of processes.  Two
 * passes; a deviation that is only rounding of the mean counts as none.
 */
void
rs_explicit_moments(const RsCsr *ratings, RsExplicit *model)
{
	uint64_t	n = ratings->start[ratings->nrows];
	double		sum = 0;
	double		squares = 0;
	uint64_t	e;

	for (e = 0; e < n; e++)
		sum += ratings->value[e];
	model->mu = n > 0 ? sum / n : 0;
	for (e = 0; e < n; e++)
	{
		double		d = ratings->value[e] - model->mu;

		squares += d * d;
	}
	model->scale = n > 0 ? sqrt(squares / n) : 0;
	if (!(model->scale > RS_FLAT * fabs(model->mu)))
		model->scale = 1;
}

/* The weight of |x|^2 in the loss, for a row of n ratings. */
static double
row_ridge(const RsExplicit *model, int n)
{
	return model->scale * rs_als_ridge(model->lambda, model->nu, 0, n, 0);
}

/* the matrix, its inverse diagonal, s, and one block's part of a sum */
size_t
rs_explicit_workspace(int factors)
{
	return (size_t) factors * factors + 3 * (size_t) factors;
}

/*
 * Adds the ratings to the matrix a, to b (sum_j t_j v_j) and to s; part is
 * scratch.  Returns sum_j t_j.
 */
static double
add_ratings(const RsExplicit *model, int n, const uint32_t *col,
			const float *rating, const RsExplicitSide *other,
			float *a, float *b, float *s, float *part)
{
	int			f = model->factors;
	float		one[RS_ALS_BLOCK];
	float		target[RS_ALS_BLOCK];
	double		sum = 0;
	int			done;
	int			j;

	for (j = 0; j < RS_ALS_BLOCK; j++)
		one[j] = 1;
	for (done = 0; done < n; done += RS_ALS_BLOCK)
	{
		int			rows = n - done < RS_ALS_BLOCK ? n - done : RS_ALS_BLOCK;
		int			after = n - done - rows;

		rs_als_prefetch(f, after < RS_ALS_BLOCK ? after : RS_ALS_BLOCK,
						col + done + rows, other->factor);
		for (j = 0; j < rows; j++)
		{
			double		t = rating[done + j] - model->mu -
				other->bias[col[done + j]];

			target[j] = (float) t;
			sum += t;
		}
		if (f == 0)
			continue;
		rs_als_add_observed(f, rows, col + done, one, target, other->factor,
							a, b, part);
		memset(part, 0, f * sizeof(float));
		for (j = 0; j < rows; j++)
			rs_simd->axpy(1, other->factor + (size_t) col[done + j] * f, part,
						  f);
		rs_simd->axpy(1, part, s, f);
	}
	return sum;
}

/*
 * Solves the bordered system.  a, b and s are as added, sum_j t_j = sum; b
 * becomes x.  Returns -1 if a pivot is lost in rounding.
 */
static int
solve_bordered(int f, float *a, float *inverse, float *s, double d, double sum,
			   float *b, float *bias)
{
	double		pivot;

	if (rs_als_factor(f, a, inverse) != 0)
		return -1;
	rs_als_forward(f, a, inverse, s);
	rs_als_forward(f, a, inverse, b);
	pivot = d - rs_simd->dot_wide(s, s, f);
	if (!(pivot > RS_ALS_PIVOT_FLOOR * d))
		return -1;
	*bias = (float) ((sum - rs_simd->dot_wide(s, b, f)) / pivot);
	rs_simd->axpy(-*bias, s, b, f);
	rs_als_backward(f, a, inverse, b);
	return 0;
}

/* See explicit.h.  work has room for rs_explicit_workspace(factors) floats. */
int
rs_explicit_row(const RsExplicit *model, int n, const uint32_t *col,
				const float *rating, const RsExplicitSide *other, float *work,
				float *out, float *bias)
{
	int			f = model->factors;
	size_t		size = (size_t) f * f;
	float	   *inverse = work + size;
	float	   *s = inverse + f;
	float	   *part = s + f;
	float		ridge;
	double		sum;
	int			i;
	int			bad;

	*bias = 0;
	memset(out, 0, f * sizeof(float));
	if (n <= 0)
		return 0;

	rs_als_prefetch(f, n < RS_ALS_BLOCK ? n : RS_ALS_BLOCK, col,
					other->factor);
	memset(work, 0, size * sizeof(float));
	memset(s, 0, f * sizeof(float));
	ridge = (float) row_ridge(model, n);
	for (i = 0; i < f; i++)
		work[(size_t) i * f + i] = ridge;
	sum = add_ratings(model, n, col, rating, other, work, out, s, part);

	bad = solve_bordered(f, work, inverse, s, n + model->bias_lambda, sum, out,
						 bias);
	bad |= !isfinite(*bias);
	for (i = 0; i < f; i++)
		bad |= !isfinite(out[i]);
	if (bad == 0)
		return 0;
	*bias = 0;
	memset(out, 0, f * sizeof(float));
	return -1;
}

/* See explicit.h: a block of rows, for any process. */
int
rs_explicit_rows(const RsExplicit *model, const RsCsr *m, uint32_t first,
				 uint32_t last, const RsExplicitSide *other, float *work,
				 RsExplicitSide *own, double *change)
{
	uint32_t	row;
	int			result = 0;

	for (row = first; row < last; row++)
	{
		uint64_t	start = m->start[row];
		int			n = (int) (m->start[(size_t) row + 1] - start);
		float		old = own->bias[row];
		double		moved;

		if (rs_explicit_row(model, n, m->col + start, m->value + start, other,
							work, own->factor + (size_t) row * model->factors,
							&own->bias[row]) != 0)
			result = -1;
		moved = fabs((double) own->bias[row] - old);
		if (moved > *change)
			*change = moved;
	}
	return result;
}

/* See explicit.h: one row's regularisation. */
double
rs_explicit_penalty(const RsExplicit *model, int n, const float *x, float bias)
{
	return row_ridge(model, n) *
		rs_simd->dot_wide(x, x, model->factors) +
		model->bias_lambda * bias * bias;
}

/* See explicit.h: one row's share of the loss. */
double
rs_explicit_row_loss(const RsExplicit *model, int n, const uint32_t *col,
					 const float *rating, const RsExplicitSide *other,
					 const float *x, float bias)
{
	double		loss = rs_explicit_penalty(model, n, x, bias);
	int			j;

	for (j = 0; j < n; j++)
	{
		double		miss = rating[j] -
			rs_explicit_predict(model, x, bias, other, col[j]);

		loss += miss * miss;
	}
	return loss;
}

/* mu + b_u + b_i + x'y_i */
double
rs_explicit_predict(const RsExplicit *model, const float *x, float bias,
					const RsExplicitSide *items, uint32_t item)
{
	return model->mu + bias + items->bias[item] +
		rs_simd->dot_wide(x, items->factor + (size_t) item * model->factors,
						  model->factors);
}

/* The largest magnitude among n biases. */
static double
largest_bias(const float *bias, uint32_t n)
{
	double		largest = 0;
	uint32_t	i;

	for (i = 0; i < n; i++)
		if (fabs(bias[i]) > largest)
			largest = fabs(bias[i]);
	return largest;
}

/* See explicit.h. */
bool
rs_explicit_settled(double change, const float *user_bias, uint32_t nusers,
					const float *item_bias, uint32_t nitems)
{
	return change <= RS_BIAS_TOLERANCE * (largest_bias(user_bias, nusers) +
										  largest_bias(item_bias, nitems));
}
