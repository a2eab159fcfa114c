/*-------------------------------------------------------------------------
 *
 * ab.h
 *	  Statistics of A/B tests: two arms compared from their sums, and the
 *	  sample-ratio checks.
 *
 * A difference is always b minus a; a is the control.  alpha: 1 - confidence of
 * the interval, in (0,1).
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_AB_H
#define RS_AB_H

#include <stdbool.h>
#include <stdint.h>

typedef struct RsComparison
{
	double		difference;
	double		standard_error;
	double		statistic;		/* z or t; 0 where there is no error */
	double		df;				/* of t; infinity for z */
	double		p_value;		/* two-sided */
	double		lower;
	double		upper;
} RsComparison;

/* One arm's metric, from sums over its units. */
typedef struct RsArm
{
	double		n;
	double		mean;
	double		variance;		/* with n - 1 */
	double		covariate;		/* mean of what was known before, or of the
								 * denominator */
	double		covariate_variance;
	double		covariance;
} RsArm;

/* upper tail of chi-square; df > 0, x >= 0 */
extern double rs_chi_square_upper(double x, double df);

/* P(|T| >= |t|) of Student's t, and the p-quantile; df > 0 */
extern double rs_student_two_sided(double t, double df);
extern double rs_student_quantile(double p, double df);

/*
 * p-value of Pearson's chi-square that units fell into n >= 2 arms in the ratio
 * of expected (any scale, all > 0).  1 where nothing was observed.
 * Fabijan et al., KDD 2019.
 */
extern double rs_sample_ratio(const int64_t *observed, const double *expected, int n);

/*
 * The same question, asked as often as one likes: 1 / Bayes factor, at most 1,
 * of a Dirichlet prior with mean expected and this concentration (> 0, far below
 * 1e15, where it is rounding) against expected itself.  The probability that it is ever at most alpha is at most
 * alpha, and so it is of its smallest value so far.  Lindon & Malek,
 * "Anytime-valid inference for multinomial count data", NeurIPS 2022.
 */
extern double rs_sequential_sample_ratio(const int64_t *observed, const double *expected,
										 int n, double concentration);

/*
 * Two proportions of na, nb > 0 units: the test by the pooled variance, the
 * interval by Newcombe's hybrid of Wilson scores (1998, method 10).
 */
extern void rs_two_proportions(int64_t successes_a, int64_t na, int64_t successes_b,
							   int64_t nb, double alpha, RsComparison *out);

/* Welch's t test (1947) of two means, n >= 2 each */
extern void rs_welch(const RsArm *a, const RsArm *b, double alpha, RsComparison *out);

/*
 * A ratio of means, such as clicks per view where units are users:
 * linearised, Var = (Var x - 2 R Cov + R^2 Var y) / (n ybar^2).  Deng, Knoblich,
 * Lu, KDD 2018.  Here mean is of the numerator and covariate of the denominator,
 * which must not be 0.
 */
extern void rs_ratio(const RsArm *arm, double *ratio, double *variance);
extern void rs_ratio_difference(const RsArm *a, const RsArm *b, double alpha,
								RsComparison *out);

/*
 * Difference of means less theta times that of the covariates, theta by the
 * covariance within the arms.  Deng, Xu, Kohavi, Walker, WSDM 2013.
 */
extern void rs_cuped(const RsArm *a, const RsArm *b, double alpha, double *theta,
					 double *reduction, RsComparison *out);

/*
 * Always-valid interval and p-value of a difference of which the standard error
 * is known after n units, by the normal-mixture martingale with a mixing
 * variance that makes it tightest at planned units: valid however often one
 * looks.  Robbins 1970; Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021
 * (arXiv 2103.06476), eq. 10 and B.
 */
extern void rs_sequential(double difference, double standard_error, double n,
						  double planned, double alpha, RsComparison *out);

#endif							/* RS_AB_H */
