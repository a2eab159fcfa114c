/*-------------------------------------------------------------------------
 *
 * stats.c
 *	  Means, normal intervals and tests over per-user values.
 *
 * Sums are in double and in the order given; the variance takes a second pass
 * around the mean, with the correction of Chan, Golub and LeVeque (1983) for
 * the rounding of the mean.  The normal quantile is Wichura's algorithm AS 241
 * (PPND16, 1988), good to about 1e-16 relative.
 *
 * Limits: intervals are normal ones, meant for hundreds of users and more.
 * NaN among the values gives NaN.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "stats.h"

/* x[i], or the difference to y[i] where there is a y */
static inline double
value_at(const double *x, const double *y, size_t i)
{
	return y != NULL ? x[i] - y[i] : x[i];
}

/* Do all values compare equal? */
static bool
all_equal(const double *x, const double *y, size_t n)
{
	double		first = value_at(x, y, 0);
	size_t		i;

	for (i = 1; i < n; i++)
		if (!(value_at(x, y, i) == first))
			return false;
	return true;
}

/* Both public intervals; y may be NULL. */
static void
interval(const double *x, const double *y, size_t n, double confidence,
		 RsInterval *out)
{
	double		sum = 0;
	double		squares = 0;
	double		deviations = 0;
	double		half;
	size_t		i;

	out->n = n;
	out->mean = 0;
	out->standard_error = 0;
	out->p_value = 1;
	if (n > 0 && all_equal(x, y, n))
	{
		out->mean = value_at(x, y, 0);
		if (n >= 2 && out->mean != 0)
			out->p_value = 0;
	}
	else if (n > 0)
	{
		for (i = 0; i < n; i++)
			sum += value_at(x, y, i);
		out->mean = sum / n;
		for (i = 0; i < n; i++)
		{
			double		d = value_at(x, y, i) - out->mean;

			squares += d * d;
			deviations += d;
		}
		squares -= deviations * deviations / n;
		if (squares < 0)
			squares = 0;
		if (n >= 2)
		{
			out->standard_error = sqrt(squares / (n - 1.0) / n);
			if (out->mean != 0)
				out->p_value = erfc(fabs(out->mean / out->standard_error) /
									M_SQRT2);
		}
	}

	half = out->standard_error == 0 ? 0 :
		rs_normal_quantile(0.5 + confidence / 2) * out->standard_error;
	out->lower = out->mean - half;
	out->upper = out->mean + half;
}

/* Interval of the mean of x and the test that it is 0. */
void
rs_mean_interval(const double *x, size_t n, double confidence, RsInterval *out)
{
	interval(x, NULL, n, confidence, out);
}

/* Interval of the mean of x - y and the paired test that it is 0. */
void
rs_paired_interval(const double *x, const double *y, size_t n,
				   double confidence, RsInterval *out)
{
	interval(x, y, n, confidence, out);
}

/*
 * An estimate's interval from the sum of squares of what each of n users adds
 * to its error.
 */
static void
linearised(double estimate, double squares, size_t n, double confidence,
		   RsInterval *out)
{
	double		half;

	out->n = n;
	out->mean = estimate;
	out->standard_error = n >= 2 ? sqrt(squares * n / (n - 1.0)) : 0;
	half = out->standard_error == 0 ? 0 :
		rs_normal_quantile(0.5 + confidence / 2) * out->standard_error;
	out->lower = estimate - half;
	out->upper = estimate + half;
	if (out->standard_error > 0)
		out->p_value = erfc(fabs(estimate / out->standard_error) / M_SQRT2);
	else
		out->p_value = n >= 2 && estimate != 0 ? 0 : 1;
}

/* Error per rating, or its root. */
static double
mean_error(const double *error, const double *count, size_t n, bool root,
		   double *slope)
{
	double		errors = 0;
	double		ratings = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		errors += error[i];
		ratings += count[i];
	}
	*slope = ratings > 0 ? 1 / ratings : 0;
	errors = ratings > 0 ? errors / ratings : 0;
	if (!root)
		return errors;
	errors = sqrt(errors);
	*slope = errors > 0 ? *slope / (2 * errors) : 0;
	return errors;
}

/* See stats.h: the slope of the root carries a user's deviation over to it. */
void
rs_error_interval(const double *error, const double *other, const double *count,
				  size_t n, bool root, double confidence, RsInterval *value,
				  RsInterval *difference)
{
	double		slope;
	double		other_slope = 0;
	double		mean = mean_error(error, count, n, root, &slope);
	double		other_mean = 0;
	double		squares = 0;
	double		paired = 0;
	size_t		i;

	if (other != NULL)
		other_mean = mean_error(other, count, n, root, &other_slope);
	for (i = 0; i < n; i++)
	{
		double		d = slope * (error[i] - count[i] * (root ? mean * mean : mean));

		squares += d * d;
		if (other == NULL)
			continue;
		d -= other_slope * (other[i] - count[i] *
							(root ? other_mean * other_mean : other_mean));
		paired += d * d;
	}
	linearised(mean, squares, n, confidence, value);
	if (difference != NULL)
		linearised(mean - other_mean, paired, n, confidence, difference);
}

/* P(Z <= z); erfc keeps the lower tail exact. */
double
rs_normal_cdf(double z)
{
	return erfc(-z / M_SQRT2) / 2;
}

/* c[0] + c[1] r + ... + c[7] r^7 */
static double
polynomial(const double *c, double r)
{
	double		s = c[7];
	int			i;

	for (i = 6; i >= 0; i--)
		s = s * r + c[i];
	return s;
}

/*
 * The z with P(Z <= z) = p; infinite at 0 and 1, NaN outside.  AS 241: one
 * rational function near the middle and two for the tails.
 */
double
rs_normal_quantile(double p)
{
	static const double a[8] = {3.3871328727963666080e0,
		1.3314166789178437745e+2, 1.9715909503065514427e+3,
		1.3731693765509461125e+4, 4.5921953931549871457e+4,
		6.7265770927008700853e+4, 3.3430575583588128105e+4,
	2.5090809287301226727e+3};
	static const double b[8] = {1, 4.2313330701600911252e+1,
		6.8718700749205790830e+2, 5.3941960214247511077e+3,
		2.1213794301586595867e+4, 3.9307895800092710610e+4,
	2.8729085735721942674e+4, 5.2264952788528545610e+3};
	static const double c[8] = {1.42343711074968357734e0,
		4.63033784615654529590e0, 5.76949722146069140550e0,
		3.64784832476320460504e0, 1.27045825245236838258e0,
		2.41780725177450611770e-1, 2.27238449892691845833e-2,
	7.74545014278341407640e-4};
	static const double d[8] = {1, 2.05319162663775882187e0,
		1.67638483018380384940e0, 6.89767334985100004550e-1,
		1.48103976427480074590e-1, 1.51986665636164571966e-2,
	5.47593808499534494600e-4, 1.05075007164441684324e-9};
	static const double e[8] = {6.65790464350110377720e0,
		5.46378491116411436990e0, 1.78482653991729133580e0,
		2.96560571828504891230e-1, 2.65321895265761230930e-2,
		1.24266094738807843860e-3, 2.71155556874348757815e-5,
	2.01033439929228813265e-7};
	static const double f[8] = {1, 5.99832206555887937690e-1,
		1.36929880922735805310e-1, 1.48753612908506148525e-2,
		7.86869131145613259100e-4, 1.84631831751005468180e-5,
	1.42151175831644588870e-7, 2.04426310338993978564e-15};
	double		q = p - 0.5;
	double		r;
	double		z;

	if (!(p >= 0 && p <= 1))
		return NAN;
	if (p == 0 || p == 1)
		return p == 0 ? -INFINITY : INFINITY;

	if (fabs(q) <= 0.425)
	{
		r = 0.180625 - q * q;
		return q * polynomial(a, r) / polynomial(b, r);
	}
	r = sqrt(-log(q < 0 ? p : 1 - p));
	if (r <= 5)
		z = polynomial(c, r - 1.6) / polynomial(d, r - 1.6);
	else
		z = polynomial(e, r - 5) / polynomial(f, r - 5);
	return q < 0 ? -z : z;
}

/*
 * Moves the k-th smallest to x[k], nothing larger before it and nothing
 * smaller after it: Hoare's quickselect around the median of three.  A NaN
 * stops both scans, so it cannot lead them out of the array.
 */
static void
select_kth(double *x, size_t n, size_t k)
{
	size_t		low = 0;
	size_t		high = n - 1;

	while (low < high)
	{
		double		a = x[low];
		double		b = x[low + (high - low) / 2];
		double		c = x[high];
		double		pivot;
		size_t		i = low;
		size_t		j = high;

		if (a < b)
			pivot = b < c ? b : (a < c ? c : a);
		else
			pivot = a < c ? a : (b < c ? c : b);

		for (;;)
		{
			double		t;

			while (x[i] < pivot)
				i++;
			while (pivot < x[j])
				j--;
			if (i >= j)
				break;
			t = x[i];
			x[i++] = x[j];
			x[j--] = t;
		}
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
}

/* The mean of the two middle ones where n is even; NaN where n is 0. */
double
rs_median(double *x, size_t n)
{
	size_t		middle = n / 2;
	double		below;
	size_t		i;

	if (n == 0)
		return NAN;
	select_kth(x, n, middle);
	if (n % 2 == 1)
		return x[middle];

	below = x[0];
	for (i = 1; i < middle; i++)
		if (x[i] > below)
			below = x[i];
	return 0.5 * below + 0.5 * x[middle];
}
