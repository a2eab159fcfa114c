/*-------------------------------------------------------------------------
 *
 * stats.h
 *	  Means, intervals and tests over per-user values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_STATS_H
#define RS_STATS_H

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

extern double rs_normal_cdf(double z);
extern double rs_normal_quantile(double p);	/* Acklam or Wichura AS241 */

/* median by quickselect; reorders x */
extern double rs_median(double *x, size_t n);

#endif							/* RS_STATS_H */
