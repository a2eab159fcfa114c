/*-------------------------------------------------------------------------
 *
 * fold_in.c
 *	  A user's vector from what the user has done now.
 *
 * The row solves are those of training (als.c, explicit.c), which take factors
 * without anything between them: where rows hold more, those of the history
 * are brought together first.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "fold_in.h"

int
rs_row_width(RsFactorKind kind, int factors)
{
	return factors + (int) kind;
}

void
rs_join_row(RsFactorKind kind, int factors, const float *factor, float bias,
			float *row)
{
	memcpy(row, factor, factors * sizeof(float));
	if (kind != RS_KIND_IMPLICIT)
		row[factors] = bias;
	if (kind == RS_KIND_RATING)
		row[factors + 1] = 1;
}

/* Floats that either row solve needs. */
static size_t
solve_workspace(int factors)
{
	size_t		implicit = rs_als_workspace(factors);
	size_t		rating = rs_explicit_workspace(factors);

	return implicit > rating ? implicit : rating;
}

/* the solve's, and factors, bias and number of each item */
size_t
rs_fold_in_workspace(int factors, int n)
{
	return solve_workspace(factors) * sizeof(float) +
		(size_t) n * (factors * sizeof(float) + sizeof(float) + sizeof(uint32_t));
}

/* See fold_in.h. */
bool
rs_fold_in(const RsFoldIn *m, int n, const uint32_t *col, const float *value,
		   void *work, float *x)
{
	int			f = m->factors;
	float	   *solve = work;
	float	   *factor = solve + solve_workspace(f);
	float	   *bias = factor + (size_t) n * f;
	uint32_t   *place = (void *) (bias + n);
	RsExplicitSide items = {factor, bias};
	float		own = 0;
	int			bad;
	int			i;

	memset(x, 0, m->width * sizeof(float));
	if (n <= 0)
		return false;
	if (m->kind == RS_KIND_IMPLICIT)
		return rs_als_row(f, m->gram, (float) m->alpha0,
						  (float) rs_als_ridge(m->lambda, m->nu, m->alpha0, n,
											   m->nitems),
						  n, col, value, m->row, solve, x) == 0;

	for (i = 0; i < n; i++)
	{
		const float *row = m->row + (size_t) col[i] * m->width;

		memcpy(factor + (size_t) i * f, row, f * sizeof(float));
		bias[i] = row[f];
		place[i] = i;
	}
	if (m->kind == RS_KIND_RATING)
		bad = rs_explicit_row(&m->rating, n, place, value, &items, solve, x, &own);
	else
		bad = rs_als_row(f, m->gram, (float) m->alpha0,
						 (float) rs_als_ridge(m->lambda, m->nu, m->alpha0, n,
											  m->nitems),
						 n, place, value, factor, solve, x);
	if (bad != 0)
		return false;
	x[f] = 1;
	if (m->kind == RS_KIND_RATING)
		x[f + 1] = (float) (m->rating.mu + own);
	return true;
}
