/*-------------------------------------------------------------------------
 *
 * explicit.h
 *	  Explicit alternating least squares with biases, for ratings.
 *
 * A rating r_ui is predicted as mu + b_u + b_i + x_u'y_i (Koren, Bell,
 * Volinsky: "Matrix Factorization Techniques for Recommender Systems", IEEE
 * Computer 42(8), 2009).  mu is the mean rating; the rest has the least loss
 *
 *	  sum over ratings of (r_ui - mu - b_u - b_i - x_u'y_i)^2
 *	  + sum over u of (lambda s n_u^nu |x_u|^2 + bias_lambda b_u^2)
 *	  + sum over i of (lambda s n_i^nu |y_i|^2 + bias_lambda b_i^2)
 *
 * where n counts a row's ratings and s is the standard deviation of all
 * ratings, which makes lambda mean the same on any scale of ratings (if they
 * are multiplied by c, x and y are by the root of c).  nu = 1 is the
 * weighted-lambda regularisation of Zhou, Wilkinson, Schreiber, Pan:
 * "Large-Scale Parallel Collaborative Filtering for the Netflix Prize", AAIM
 * 2008.  A bias's penalty does not grow with n, so that the bias of few
 * ratings shrinks towards 0 and that of many does not.
 *
 * Ratings are any finite numbers; no row depends on another row of its side,
 * so blocks of rows may be solved by any process in any order.  A user's
 * fold-in is the row solve of training.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_EXPLICIT_H
#define RS_EXPLICIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "csr.h"

/* what all rows of a model have in common */
typedef struct RsExplicit
{
	int			factors;		/* 0 = biases only */
	double		lambda;
	double		nu;
	double		bias_lambda;
	double		mu;				/* these two by rs_explicit_moments */
	double		scale;
} RsExplicit;

/* one side's parameters: nrows x factors, and nrows */
typedef struct RsExplicitSide
{
	float	   *factor;
	float	   *bias;
} RsExplicitSide;

/*
 * Sets mu and scale: mean and standard deviation of all ratings, summed in
 * order.  Without ratings mu is 0; where they are all equal scale is 1.
 */
extern void rs_explicit_moments(const RsCsr *ratings, RsExplicit *model);

/* floats of scratch that one row solve needs */
extern size_t rs_explicit_workspace(int factors);

/*
 * Solve one row, vector and bias jointly, given the other side.  n = 0 gives
 * zeros.  Returns 0, or -1 if the equations are singular or the result is not
 * finite (vector and bias are then zero).
 */
extern int	rs_explicit_row(const RsExplicit *model, int n,
							const uint32_t *col, const float *rating,
							const RsExplicitSide *other, float *work,
							float *out, float *bias);

/*
 * Solve rows first .. last - 1 of m into own.  Returns 0, or -1 if one of
 * them has no solution.  *change is raised to the largest change of a bias.
 */
extern int	rs_explicit_rows(const RsExplicit *model, const RsCsr *m,
							 uint32_t first, uint32_t last,
							 const RsExplicitSide *other, float *work,
							 RsExplicitSide *own, double *change);

/* lambda s n^nu |x|^2 + bias_lambda bias^2 */
extern double rs_explicit_penalty(const RsExplicit *model, int n,
								  const float *x, float bias);

/* squared errors of a row's ratings, and the row's penalty */
extern double rs_explicit_row_loss(const RsExplicit *model, int n,
								   const uint32_t *col, const float *rating,
								   const RsExplicitSide *other,
								   const float *x, float bias);

/* the rating that is expected of x, bias for item number item */
extern double rs_explicit_predict(const RsExplicit *model, const float *x,
								  float bias, const RsExplicitSide *items,
								  uint32_t item);

/*
 * The baseline mu + b_u + b_i: with factors 0 and biases of 0 to begin with,
 * sweeps of all items and all users bring the loss to its least.  Whether they
 * may end: change is the largest of the sweep's.
 */
#define RS_BIAS_SWEEPS		100
extern bool rs_explicit_settled(double change, const float *user_bias,
								uint32_t nusers, const float *item_bias,
								uint32_t nitems);

#endif							/* RS_EXPLICIT_H */
