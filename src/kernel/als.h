/*-------------------------------------------------------------------------
 *
 * als.h
 *	  Rows of implicit alternating least squares (iALS).
 *
 * Loss (Rendle, Krichene, Zhang, Koren: "Revisiting the Performance of iALS on
 * Item Recommendation Benchmarks", arXiv 2110.14037):
 *
 *	  sum over observed (u,i) of w_ui (1 - x_u'y_i)^2
 *	  + alpha0 * sum over all (u,i) of (x_u'y_i)^2
 *	  + sum over u of lambda (n_u + alpha0 * items)^nu |x_u|^2
 *	  + sum over i of lambda (n_i + alpha0 * users)^nu |y_i|^2
 *
 * No BLAS: the same code solves rows in training, in evaluation and in
 * serving (fold-in).  Matrices are row-major float.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_ALS_H
#define RS_ALS_H

#include <stddef.h>
#include <stdint.h>

/* floats of scratch that one row solve needs */
extern size_t rs_als_workspace(int factors);

/* lambda * (observed + alpha0 * others)^nu */
extern double rs_als_ridge(double lambda, double nu, double alpha0,
						   double observed, double others);

/*
 * Solve one row: (sum_j w_j v_j v_j' + alpha0 * gram + ridge I) x = sum_j w_j v_j
 * where v_j = other[col[j]] (each factors long) and gram = other' other (full
 * factors x factors, symmetric).  n = 0 gives the zero vector.  Returns 0, or
 * -1 if the matrix is not positive definite or the result not finite (out is
 * then zero).
 */
extern int	rs_als_row(int factors, const float *gram, float alpha0, float ridge,
					   int n, const uint32_t *col, const float *weight,
					   const float *other, float *work, float *out);

/*
 * This row's share of the loss: sum_j w_j ((1 - x'v_j)^2) + alpha0 x'Gx
 * + ridge |x|^2, in double.
 */
extern double rs_als_row_loss(int factors, const float *gram, float alpha0,
							  float ridge, int n, const uint32_t *col,
							  const float *weight, const float *other,
							  const float *x);

/* Gram matrix rows' rows without BLAS, summed in double in row order. */
extern void rs_gram(const float *rows, size_t nrows, int factors, double *gram);

#endif							/* RS_ALS_H */
