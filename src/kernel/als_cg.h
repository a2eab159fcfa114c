/*-------------------------------------------------------------------------
 *
 * als_cg.h
 *	  Rows of iALS by conjugate gradients, for training.
 *
 * The loss and each row's equation are those of als.h:
 *
 *	  (sum_j w_j v_j v_j' + alpha0 * gram + ridge I) x = sum_j w_j v_j
 *
 * They do not change when both sides' rows are turned by one orthogonal
 * matrix.  So a half sweep begins by turning both into the basis of gram's
 * eigenvectors.  There the dense part of the matrix is a diagonal, a row is
 * solved by itself while its observed vectors stay in the first level cache,
 * and the preconditioner costs nothing.  A half sweep, other being fixed:
 *
 *	  rs_als_basis(factors, gram of other, ..., basis);
 *	  rs_als_rotate(basis, rows of other, ...);		any blocks, in parallel
 *	  rs_als_rotate(basis, factors, total, ...);	see below
 *	  rs_als_cg(...);								any blocks, in parallel
 *
 * rs_als_cg turns the rows of x itself.  total, factors x factors, begins as
 * the unit matrix; rs_als_basis_back makes of it the basis that turns both
 * sides back to where they began, after which als.h may be used.
 *
 * A row's bytes depend on its own start, weights, observed vectors, the basis
 * and the SIMD level, and on nothing else: not on the block it is in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_ALS_CG_H
#define RS_ALS_CG_H

#include <stddef.h>
#include <stdint.h>

/*
 * Eigenvalues and eigenvectors, by LAPACK: a is symmetric, n x n, row-major,
 * both triangles given.  Row i of it becomes the unit eigenvector of value[i];
 * the order is any.  work has room for 3 * n doubles.  Returns 0, or -1 if a is
 * not finite.
 */
typedef int (*RsEigen) (int n, double *a, double *value, double *work);

/* What the rows of a side have in common. */
typedef struct RsAlsSide
{
	int			factors;		/* 1 or more */
	int			steps;			/* of conjugate gradients, 2 or 3 */
	double		alpha0;
	double		lambda;			/* see rs_als_ridge */
	double		nu;
	size_t		others;			/* rows of other */
	const float *other;			/* in the basis */
	const float *basis;
} RsAlsSide;

/* floats of a basis */
extern size_t rs_als_basis_size(int factors);

/* floats of scratch for rs_als_rotate and rs_als_cg */
extern size_t rs_als_cg_workspace(int factors);

/*
 * The basis of the eigenvectors of gram (factors x factors, symmetric, both
 * triangles).  work has room for factors * factors + 4 * factors doubles.
 * Returns 0, or -1 if there is none because gram is not finite.
 */
extern int	rs_als_basis(int factors, const float *gram, RsEigen eigen,
						 double *work, float *basis);

/* The basis that undoes all turns that total has seen; see above. */
extern void rs_als_basis_back(int factors, const float *total, float *basis);

/* Turns rows into the basis. */
extern void rs_als_rotate(int factors, const float *basis, size_t nrows,
						  float *work, float *rows);

/*
 * Improves nrows rows of x by steps of conjugate gradients.  Row i is observed
 * at col[start[i]] to col[start[i + 1] - 1] with the weights at the same
 * places.  x comes in the basis before (any start will do, zero too) and
 * leaves in the new one.  A row without observations becomes zero.
 *
 * loss receives the sum over the rows of sum_j w_j (1 - x'v_j)^2 + alpha0 x'Gx
 * + ridge |x|^2 at the end.  It is exact to about 1e-6 of the rows' weights,
 * and never above the loss at the start, computed in the same way.
 *
 * Returns -1, or the number of the first row that has no finite result, such
 * rows being zero; the others are solved all the same.
 */
extern int64_t rs_als_cg(const RsAlsSide *side, size_t nrows,
						 const uint64_t *start, const uint32_t *col,
						 const float *value, float *work, float *x,
						 double *loss);

#endif							/* RS_ALS_CG_H */
