/*-------------------------------------------------------------------------
 *
 * stats.h
 *	  Means, intervals and tests over per-user values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_STATS_H
#define RS_STATS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct RsInterval
{
	size_t		n;
	double		mean;
	double		standard_error; /* of the mean; 0 when n < 2 */
	double		lower;			/* mean -/+ z * standard error */
	double		upper;
	double		p_value;		/* two-sided, mean = 0; 1 when n < 2 or the
								 * values are all 0; 0 when they are all equal
								 * and not 0 */
} RsInterval;

/* confidence in (0,1), e.g. .95; two passes, so that the variance is exact */
extern void rs_mean_interval(const double *x, size_t n, double confidence,
							 RsInterval *out);

/* of the pairwise differences x[i] - y[i] */
extern void rs_paired_interval(const double *x, const double *y, size_t n,
							   double confidence, RsInterval *out);

/*
 * Error per rating, sum of error[i] / sum of count[i], or its root, over users
 * with count[i] ratings each; and its difference to that of other (NULL =
 * none), of the same ratings.  A user's ratings depend on each other, so users
 * are what is drawn: linearised, the ratio and its root are means over users.
 * Reference: Cochran, "Sampling Techniques", 3rd ed., 1977, chapters 6 and 9.
 */
extern void rs_error_interval(const double *error, const double *other,
							  const double *count, size_t n, bool root,
							  double confidence, RsInterval *value,
							  RsInterval *difference);

extern double rs_normal_cdf(double z);
extern double rs_normal_quantile(double p);	/* Acklam or Wichura AS241 */

/* median by quickselect; reorders x */
extern double rs_median(double *x, size_t n);

#endif							/* RS_STATS_H */
