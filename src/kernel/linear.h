/*-------------------------------------------------------------------------
 *
 * linear.h
 *	  A linear ranker: listwise softmax regression over standardised features,
 *	  drawn towards a prior, with calibrated scores.
 *
 * For lists u with candidates i, features z_ui (standardised) and relevant
 * ones R_u, w minimises
 *
 *	  - sum_u 1/|R_u| sum_{i in R_u} log (exp(w'z_ui) / sum_j exp(w'z_uj))
 *		+ lambda * lists / 2 * |w - w0|^2
 *
 * (ListNet's top-one loss, Cao et al. 2007), convex, by Newton's method; then
 * the probability of a candidate being relevant is 1 / (1 + exp(-(a w'z + b))),
 * a > 0, fitted by maximum likelihood (Platt 1999).
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LINEAR_H
#define RS_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A trained ranker; what is not needed (scale 0) has weight 0. */
typedef struct RsRanker
{
	int			nfeatures;		/* 0 = none */
	const double *mean;			/* by feature */
	const double *scale;		/* standard deviation, 0 = constant: left out */
	const double *weight;		/* of the standardised feature */
	double		slope;			/* a */
	double		intercept;		/* b */
} RsRanker;

/* the calibrated score of finite features, 0 .. 1; never NaN */
extern double rs_ranker_score(const RsRanker *r, const float *features);

/* w'z, of which the score is a rising function */
extern double rs_ranker_raw(const RsRanker *r, const float *features);

/* Lists to learn from. */
typedef struct RsLinearData
{
	int			nfeatures;
	uint32_t	nlists;
	const uint64_t *start;		/* nlists + 1 */
	const float *feature;		/* start[nlists] x nfeatures */
	const uint8_t *relevant;	/* start[nlists] */
} RsLinearData;

typedef struct RsLinearFit
{
	double		loss;			/* a list, without the penalty */
	double		prior_loss;		/* the same with the prior's weights */
	int			iterations;
	uint32_t	lists;			/* with something relevant and something not */
} RsLinearFit;

extern size_t rs_linear_workspace(int nfeatures);

/*
 * prior: raw (not standardised) weight of each feature, which the penalty draws
 * towards, times a factor >= 0 that is fitted first; NULL = 0.  mean, scale and
 * weight are the caller's arrays, filled here; then the calibration, over all
 * candidates of all lists.  Returns false if there are fewer than least lists
 * to learn from, or none, or no finite solution.  interrupt, if not NULL, is
 * called now and then.  work is aligned as doubles are.
 */
extern bool rs_linear_train(const RsLinearData *d, const double *prior,
							double lambda, uint32_t least, void *work,
							void (*interrupt) (void),
							double *mean, double *scale, double *weight,
							RsRanker *out, RsLinearFit *fit);

#endif							/* RS_LINEAR_H */
