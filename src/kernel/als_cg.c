/*-------------------------------------------------------------------------
 *
 * als_cg.c
 *	  Rows of iALS by conjugate gradients, for training.
 *
 * In the basis of the eigenvectors of other's Gram matrix (als_cg.h) a row's
 * matrix is D + sum_j w_j v_j v_j' with D = alpha0 * eigenvalues + ridge.  The
 * preconditioner is the diagonal of what that matrix would be if the observed
 * vectors were spread like all of other's rows, (alpha0 + sum_j w_j / others)
 * * eigenvalues + ridge.  Steps begin at the row's present value.
 *
 * The vector work is in simd_cg.h and simd_observed.h.
 *
 * Reference: Golub, Van Loan: Matrix Computations, 4th edition, algorithm
 * 11.5.1 (preconditioned conjugate gradients).
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "als.h"
#include "als_cg.h"
#include "simd.h"

/* rows turned at once: a multiple of the tiles' rows */
#define RS_TURNED	48

/* vectors of scratch of RsSimd.cg_row, and by how much they may be padded */
#define RS_VECTORS	7
#define RS_PADDING	15

/* floats of the panels of one matrix */
static size_t
panels_size(int factors)
{
	return (size_t) ((factors + RS_CG_PANEL - 1) / RS_CG_PANEL) * RS_CG_PANEL *
		factors;
}

/* the eigenvalues, the largest of them, the panels */
size_t
rs_als_basis_size(int factors)
{
	return factors + 1 + panels_size(factors);
}

/* turned rows, and the vectors of one row */
size_t
rs_als_cg_workspace(int factors)
{
	return (size_t) RS_TURNED * factors +
		(size_t) RS_VECTORS * (factors + RS_PADDING);
}

/* See als_cg.h. */
int
rs_als_basis(int factors, const float *gram, RsEigen eigen, double *work,
			 float *basis)
{
	size_t		size = (size_t) factors * factors;
	double	   *value = work + size;
	float	   *panels = basis + factors + 1;
	float		largest = 0;
	size_t		i;
	int			j;
	int			k;

	for (i = 0; i < size; i++)
	{
		if (!isfinite(gram[i]))
			return -1;
		work[i] = gram[i];
	}
	if (eigen(factors, work, value,
											value + factors) != 0)
		return -1;

	memset(panels, 0, panels_size(factors) * sizeof(float));
	for (j = 0; j < factors; j++)
	{
		float	   *column = panels + j % RS_CG_PANEL +
			(size_t) (j / RS_CG_PANEL) * RS_CG_PANEL * factors;

		for (k = 0; k < factors; k++)
			column[(size_t) k * RS_CG_PANEL] =
				(float) work[(size_t) j * factors + k];
		/* a Gram matrix has no negative ones but by rounding */
		basis[j] = value[j] > 0 ? (float) value[j] : 0;
		if (basis[j] > largest)
			largest = basis[j];
	}
	basis[factors] = largest;
	return 0;
}

/* See als_cg.h: the inverse of an orthogonal matrix is its transpose. */
void
rs_als_basis_back(int factors, const float *total, float *basis)
{
	float	   *panels = basis + factors + 1;
	int			j;
	int			k;

	memset(basis, 0, rs_als_basis_size(factors) * sizeof(float));
	for (j = 0; j < factors; j++)
		for (k = 0; k < factors; k++)
			panels[(size_t) (j / RS_CG_PANEL) * RS_CG_PANEL * factors +
				   (size_t) k * RS_CG_PANEL + j % RS_CG_PANEL] =
				total[(size_t) j * factors + k];
}

/* See als_cg.h. */
void
rs_als_rotate(int factors, const float *basis, size_t nrows, float *work,
			  float *rows)
{
	size_t		done;

	for (done = 0; done < nrows; done += RS_TURNED)
	{
		int			some = nrows - done < RS_TURNED ? (int) (nrows - done) :
			RS_TURNED;
		float	   *at = rows + done * factors;

		rs_simd->rotate(basis + factors + 1, factors, at, some, work);
		memcpy(at, work, sizeof(float) * some * factors);
	}
}

/* Solves one row that has observations; total is the number of all of them. */
static int
solve_row(const RsAlsSide *side, const uint32_t *col, const float *weight,
		  size_t n, size_t known, float *work, float *x, double *loss)
{
	RsCgRow		row;

	row.factors = side->factors;
	row.steps = side->steps;
	row.alpha0 = (float) side->alpha0;
	row.ridge = (float) rs_als_ridge(side->lambda, side->nu, side->alpha0,
									 (double) n, (double) side->others);
	row.share = (float) (1.0 / (double) side->others);
	row.largest = side->basis[side->factors];
	row.eigen = side->basis;
	row.other = side->other;
	row.col = col;
	row.weight = weight;
	row.n = n;
	row.known = known;
	return rs_simd->cg_row(&row, work, x, loss);
}

/* See als_cg.h. */
int64_t
rs_als_cg(const RsAlsSide *side, size_t nrows, const uint64_t *start,
		  const uint32_t *col, const float *value, float *work, float *x,
		  double *loss)
{
	float	   *vectors = work + (size_t) RS_TURNED * side->factors;
	int64_t		bad = -1;
	size_t		i;

	*loss = 0;
	for (i = 0; i < nrows; i++)
	{
		float	   *row = x + i * side->factors;
		uint64_t	first = start[i];
		double		share = 0;

		/* a few rows at a time, so that they are still in the cache */
		if (i % RS_TURNED == 0)
			rs_als_rotate(side->factors, side->basis,
						  nrows - i < RS_TURNED ? nrows - i : RS_TURNED, work,
						  row);
		if (start[i + 1] > first &&
			solve_row(side, col + first, value + first,
					  (size_t) (start[i + 1] - first),
					  (size_t) (start[nrows] - first), vectors, row,
					  &share) == 0)
		{
			*loss += share;
			continue;
		}
		memset(row, 0, sizeof(float) * side->factors);
		if (start[i + 1] > first && bad < 0)
			bad = (int64_t) i;
	}
	return bad;
}
