/*-------------------------------------------------------------------------
 *
 * ab.c
 *	  Statistics of A/B tests.
 *
 * The gamma and beta functions are summed by Lentz's continued fractions and
 * the series beside them (Press et al., "Numerical Recipes", 3rd ed., 6.2 and
 * 6.4), good to about 1e-14 relative.
 *
 * Limits: an arm without variance gives a standard error of 0, and then a
 * p-value of 1 for no difference and of 0 for one.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>

#include "ab.h"
#include "stats.h"

#define TINY		1e-300
#define MOST_TERMS	100000

/* ---- distributions ---- */

/* Q(a, x), the upper regularised incomplete gamma function. */
static double
gamma_upper(double a, double x)
{
	double		front = exp(-x + a * log(x) - lgamma(a));
	int			i;

	if (x < a + 1)
	{
		double		term = 1 / a;
		double		sum = term;

		for (i = 1; i < MOST_TERMS && term > sum * DBL_EPSILON; i++)
			sum += term *= x / (a + i);
		return 1 - front * sum;
	}
	else
	{
		double		b = x + 1 - a;
		double		c = 1 / TINY;
		double		d = 1 / b;
		double		h = d;

		for (i = 1; i < MOST_TERMS; i++)
		{
			double		an = -i * (i - a);
			double		step;

			b += 2;
			d = an * d + b;
			c = b + an / c;
			d = 1 / (fabs(d) < TINY ? TINY : d);
			c = fabs(c) < TINY ? TINY : c;
			step = d * c;
			h *= step;
			if (fabs(step - 1) <= DBL_EPSILON)
				break;
		}
		return front * h;
	}
}

double
rs_chi_square_upper(double x, double df)
{
	if (!(x > 0))
		return 1;
	return isinf(x) ? 0 : gamma_upper(df / 2, x / 2);
}

/* The continued fraction of the incomplete beta function. */
static double
beta_fraction(double a, double b, double x)
{
	double		c = 1;
	double		d = 1 - (a + b) * x / (a + 1);
	double		h;
	int			m;

	d = 1 / (fabs(d) < TINY ? TINY : d);
	h = d;
	for (m = 1; m < MOST_TERMS; m++)
	{
		double		even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double		odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double		step;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = fabs(c) < TINY ? TINY : c;
		h *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = fabs(c) < TINY ? TINY : c;
		step = d * c;
		h *= step;
		if (fabs(step - 1) <= DBL_EPSILON)
			break;
	}
	return h;
}

/* I_x(a, b), regularised; y = 1 - x, given since it may be far more exact. */
static double
beta_lower(double a, double b, double x, double y)
{
	double		front;

	if (x <= 0 || y <= 0)
		return x <= 0 ? 0 : 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, y) / b;
}

double
rs_student_two_sided(double t, double df)
{
	double		square = t * t;

	if (isinf(df) || df > 1e7)
		return erfc(fabs(t) / M_SQRT2);
	if (isinf(square))
		return 0;
	return beta_lower(df / 2, .5, df / (df + square), square / (df + square));
}

/* By bisection: the distribution function is exact, and this is not hot. */
double
rs_student_quantile(double p, double df)
{
	double		tail = 2 * (p < .5 ? p : 1 - p);
	double		low = 0;
	double		high = 1;
	int			i;

	if (isinf(df) || df > 1e7)
		return rs_normal_quantile(p);
	while (rs_student_two_sided(high, df) > tail && high < DBL_MAX / 4)
		high *= 2;
	for (i = 0; i < 200 && high - low > low * DBL_EPSILON; i++)
	{
		double		middle = low + (high - low) / 2;

		if (rs_student_two_sided(middle, df) > tail)
			low = middle;
		else
			high = middle;
	}
	return p < .5 ? -high : high;
}

/* ---- tests ---- */

double
rs_sample_ratio(const int64_t *observed, const double *expected, int n)
{
	double		units = 0;
	double		weights = 0;
	double		x = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		units += observed[i];
		weights += expected[i];
	}
	if (units == 0)
		return 1;
	for (i = 0; i < n; i++)
	{
		double		e = units * (expected[i] / weights);

		x += (observed[i] - e) * (observed[i] - e) / e;
	}
	return rs_chi_square_upper(x, n - 1);
}

/*
 * With alpha_i = concentration * theta_i, of a sequence with counts x_i:
 *
 *	  BF = G(sum alpha) / G(sum alpha + sum x) *
 *		   product of G(alpha_i + x_i) / (G(alpha_i) theta_i^x_i)
 *
 * which is the product, unit by unit, of what the units so far foretold of it,
 * (alpha_i + x_i) / (sum alpha + sum x), over theta_i: a martingale under theta.
 */
double
rs_sequential_sample_ratio(const int64_t *observed, const double *expected, int n,
						   double concentration)
{
	double		units = 0;
	double		weights = 0;
	double		log_factor;
	int			i;

	for (i = 0; i < n; i++)
	{
		units += observed[i];
		weights += expected[i];
	}
	log_factor = lgamma(concentration) - lgamma(concentration + units);
	for (i = 0; i < n; i++)
	{
		double		theta = expected[i] / weights;
		double		prior = concentration * theta;

		if (observed[i] > 0)
			log_factor += lgamma(prior + observed[i]) - lgamma(prior) - observed[i] * log(theta);
	}
	return log_factor > 0 ? exp(-log_factor) : 1;
}

/* What follows from a difference and its standard error. */
static void
conclude(double difference, double standard_error, double df, double alpha,
		 RsComparison *out)
{
	double		half;

	out->difference = difference;
	out->standard_error = standard_error;
	out->df = df;
	if (standard_error > 0)
	{
		out->statistic = difference / standard_error;
		out->p_value = rs_student_two_sided(out->statistic, df);
	}
	else
	{
		out->statistic = 0;
		out->p_value = difference == 0 ? 1 : 0;
	}
	half = standard_error > 0 ? rs_student_quantile(1 - alpha / 2, df) * standard_error : 0;
	out->lower = difference - half;
	out->upper = difference + half;
}

/* Wilson's score interval of a proportion. */
static void
wilson(double p, double n, double z, double *lower, double *upper)
{
	double		middle = p + z * z / (2 * n);
	double		half = z * sqrt((p * (1 - p) + z * z / (4 * n)) / n);
	double		all = 1 + z * z / n;

	*lower = (middle - half) / all;
	*upper = (middle + half) / all;
}

void
rs_two_proportions(int64_t successes_a, int64_t na, int64_t successes_b,
				   int64_t nb, double alpha, RsComparison *out)
{
	double		pa = (double) successes_a / na;
	double		pb = (double) successes_b / nb;
	double		pooled = ((double) successes_a + successes_b) / ((double) na + nb);
	double		z = rs_normal_quantile(1 - alpha / 2);
	double		la;
	double		ua;
	double		lb;
	double		ub;

	conclude(pb - pa, sqrt(pooled * (1 - pooled) * (1.0 / na + 1.0 / nb)),
			 INFINITY, alpha, out);
	wilson(pa, na, z, &la, &ua);
	wilson(pb, nb, z, &lb, &ub);
	out->lower = out->difference - sqrt((pb - lb) * (pb - lb) + (ua - pa) * (ua - pa));
	out->upper = out->difference + sqrt((ub - pb) * (ub - pb) + (pa - la) * (pa - la));
}

void
rs_welch(const RsArm *a, const RsArm *b, double alpha, RsComparison *out)
{
	double		va = a->variance / a->n;
	double		vb = b->variance / b->n;
	double		v = va + vb;
	double		df = INFINITY;

	if (v > 0)
	{
		/* shares first, so that squares of tiny variances do not vanish */
		double		sa = va / v;
		double		sb = vb / v;

		df = 1 / (sa * sa / (a->n - 1) + sb * sb / (b->n - 1));
	}
	conclude(b->mean - a->mean, sqrt(v), df, alpha, out);
}

void
rs_ratio(const RsArm *arm, double *ratio, double *variance)
{
	double		r = arm->mean / arm->covariate;
	double		v = arm->variance - 2 * r * arm->covariance + r * r * arm->covariate_variance;

	*ratio = r;
	*variance = (v > 0 ? v : 0) / (arm->n * arm->covariate * arm->covariate);
}

void
rs_ratio_difference(const RsArm *a, const RsArm *b, double alpha, RsComparison *out)
{
	double		ra;
	double		rb;
	double		va;
	double		vb;

	rs_ratio(a, &ra, &va);
	rs_ratio(b, &rb, &vb);
	conclude(rb - ra, sqrt(va + vb), INFINITY, alpha, out);
}

void
rs_cuped(const RsArm *a, const RsArm *b, double alpha, double *theta,
		 double *reduction, RsComparison *out)
{
	double		within = (a->n - 1) * a->covariate_variance + (b->n - 1) * b->covariate_variance;
	double		joint = (a->n - 1) * a->covariance + (b->n - 1) * b->covariance;
	const RsArm *arms[2];
	RsArm		adjusted[2];
	double		before = a->variance / a->n + b->variance / b->n;
	double		after;
	int			i;

	arms[0] = a;
	arms[1] = b;
	*theta = within > 0 ? joint / within : 0;
	for (i = 0; i < 2; i++)
	{
		double		v = arms[i]->variance - 2 * *theta * arms[i]->covariance +
			*theta * *theta * arms[i]->covariate_variance;

		adjusted[i] = *arms[i];
		adjusted[i].mean -= *theta * arms[i]->covariate;
		adjusted[i].variance = v > 0 ? v : 0;
	}
	after = adjusted[0].variance / a->n + adjusted[1].variance / b->n;
	*reduction = before > 0 ? 1 - after / before : 0;
	rs_welch(&adjusted[0], &adjusted[1], alpha, out);
}

/*
 * With sigma^2 = n se^2 and a normal mixture of variance rho^2 sigma^2,
 *
 *	  |difference - theta| <= se sqrt((n rho^2 + 1) / (n rho^2) *
 *								(ln(n rho^2 + 1) - 2 ln alpha))
 *
 * for all n at once with probability 1 - alpha; the p-value is the alpha at
 * which 0 leaves the interval.  rho^2 = (-2 ln alpha + ln(1 - 2 ln alpha)) /
 * planned.
 */
void
rs_sequential(double difference, double standard_error, double n,
			  double planned, double alpha, RsComparison *out)
{
	double		mixing = n * (-2 * log(alpha) + log1p(-2 * log(alpha))) / planned;
	double		spread = (mixing + 1) / mixing;
	double		half = standard_error * sqrt(spread * (log1p(mixing) - 2 * log(alpha)));

	out->difference = difference;
	out->standard_error = standard_error;
	out->df = INFINITY;
	out->lower = difference - half;
	out->upper = difference + half;
	if (standard_error > 0)
	{
		double		p = exp((log1p(mixing) - out->difference / standard_error *
							 (difference / standard_error) / spread) / 2);

		out->statistic = difference / standard_error;
		out->p_value = p < 1 ? p : 1;
	}
	else
	{
		out->statistic = 0;
		out->p_value = difference == 0 ? 1 : 0;
	}
}
