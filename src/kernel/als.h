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

/*
 * The steps of a row solve, for other models' rows (explicit.c).
 */

/* observed rows per rank update */
#define RS_ALS_BLOCK	64

/* a squared pivot below this share of its diagonal entry is rounding */
#define RS_ALS_PIVOT_FLOOR	(4 * FLT_EPSILON)

/* asks for other[col[j]] ahead of its use */
extern void rs_als_prefetch(int factors, int n, const uint32_t *col,
							const float *other);

/*
 * Lower triangle of a += sum_j weight_j v_j v_j' and b += sum_j side_j v_j;
 * part is scratch of factors floats.
 */
extern void rs_als_add_observed(int factors, int n, const uint32_t *col,
								const float *weight, const float *side,
								const float *other, float *a, float *b,
								float *part);

/*
 * a = L L' in place; inverse[i] = 1 / L_ii.  Returns -1 if a is not positive
 * definite beyond rounding.
 */
extern int	rs_als_factor(int factors, float *a, float *inverse);

/* b := L^-1 b and b := L'^-1 b */
extern void rs_als_forward(int factors, const float *l, const float *inverse,
						   float *b);
extern void rs_als_backward(int factors, const float *l, const float *inverse,
							float *b);

#endif							/* RS_ALS_H */
