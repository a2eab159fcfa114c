/*-------------------------------------------------------------------------
 *
 * test_stats.c
 *	  Intervals, the normal distribution and medians.
 *
 *-------------------------------------------------------------------------
 */
#include "stats.h"
#include "test.h"

/* 1 2 3 4: mean 2.5, variance 5/3, standard error sqrt(5/12) */
static void
test_interval(void)
{
	static const double x[] = {1, 2, 3, 4};
	static const double y[] = {0, 2, 1, 5};
	double		error = sqrt(5 / 12.0);
	RsInterval	r;
	double		far[1000];
	int			i;

	rs_mean_interval(x, 4, .95, &r);
	CHECK(r.n == 4 && r.mean == 2.5);
	CHECK(near(r.standard_error, error, 1e-15));
	CHECK(near(r.lower, 2.5 - 1.959963984540054 * error, 1e-13));
	CHECK(near(r.upper, 2.5 + 1.959963984540054 * error, 1e-13));
	CHECK(near(r.p_value, erfc(2.5 / error / sqrt(2)), 1e-15));

	/* differences 1 0 2 -1: mean .5, variance 5/3 */
	rs_paired_interval(x, y, 4, .9, &r);
	CHECK(r.mean == .5 && near(r.standard_error, error, 1e-15));
	CHECK(near(r.upper - r.mean, 1.6448536269514722 * error, 1e-13));

	/* a large mean does not spoil the variance */
	for (i = 0; i < 1000; i++)
		far[i] = 1e9 + i % 2;
	rs_mean_interval(far, 1000, .95, &r);
	CHECK(near(r.standard_error, sqrt(.25 / 999), 1e-12));
}

/* Few values, equal values, values around 0. */
static void
test_interval_edges(void)
{
	static const double zero[] = {0, 0, 0};
	static const double equal[] = {.1, .1, .1, .1, .1, .1, .1};
	static const double around[] = {-1, 1};
	RsInterval	r;

	rs_mean_interval(NULL, 0, .95, &r);
	CHECK(r.n == 0 && r.mean == 0 && r.standard_error == 0 && r.p_value == 1);
	CHECK(r.lower == 0 && r.upper == 0);
	rs_mean_interval(equal, 1, .95, &r);
	CHECK(r.mean == .1 && r.standard_error == 0 && r.p_value == 1);
	CHECK(r.lower == .1 && r.upper == .1);
	rs_mean_interval(zero, 3, .95, &r);
	CHECK(r.mean == 0 && r.standard_error == 0 && r.p_value == 1);
	rs_mean_interval(equal, 7, .95, &r);
	CHECK(r.mean == .1 && r.standard_error == 0 && r.p_value == 0);
	CHECK(r.lower == .1 && r.upper == .1);
	rs_mean_interval(around, 2, .95, &r);
	CHECK(r.mean == 0 && r.standard_error == 1 && r.p_value == 1);
	rs_paired_interval(equal, equal, 7, .95, &r);
	CHECK(r.mean == 0 && r.p_value == 1);
}

/* Known quantiles, the inverse of one another, the ends. */
static void
test_normal(void)
{
	double		p;

	CHECK(near(rs_normal_quantile(.975), 1.959963984540054, 1e-14));
	CHECK(near(rs_normal_quantile(.995), 2.5758293035489004, 1e-14));
	CHECK(near(rs_normal_quantile(.25), -0.6744897501960817, 1e-15));
	CHECK(near(rs_normal_quantile(1e-20), -9.262340089798408, 1e-12));
	CHECK(near(rs_normal_quantile(1e-300), -37.0471, 1e-4));
	CHECK(rs_normal_quantile(.5) == 0);
	CHECK(rs_normal_quantile(0) == -INFINITY);
	CHECK(rs_normal_quantile(1) == INFINITY);
	CHECK(isnan(rs_normal_quantile(-.1)) && isnan(rs_normal_quantile(1.1)));
	CHECK(isnan(rs_normal_quantile(NAN)));
	CHECK(rs_normal_cdf(0) == .5);
	CHECK(near(rs_normal_cdf(-10), 7.619853024160527e-24, 1e-36));
	CHECK(rs_normal_cdf(INFINITY) == 1 && rs_normal_cdf(-INFINITY) == 0);
	for (p = .0005; p < 1; p += .0005)
		CHECK(near(rs_normal_cdf(rs_normal_quantile(p)), p, 1e-14));
}

/* for qsort */
static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Against sorting; all orders of a few values, many ties, NaN. */
static void
test_median(void)
{
	double		one[] = {7};
	double		two[] = {9, 1};
	double		huge[] = {1.7e308, 1.7e308};
	int			round;

	CHECK(isnan(rs_median(NULL, 0)));
	CHECK(rs_median(one, 1) == 7);
	CHECK(rs_median(two, 2) == 5);
	CHECK(rs_median(huge, 2) == 1.7e308);
	for (round = 0; round < 3000; round++)
	{
		size_t		n = 1 + random_below(round < 2000 ? 8 : 400);
		int			distinct = 1 + random_below(round % 3 == 0 ? 3 : 1000);
		double	   *x = make_room(n, sizeof(double));
		double	   *y = make_room(n, sizeof(double));
		size_t		i;

		for (i = 0; i < n; i++)
			y[i] = x[i] = random_below(distinct);
		qsort(y, n, sizeof(double), compare);
		CHECK(rs_median(x, n) == (y[(n - 1) / 2] + y[n / 2]) / 2);
		qsort(x, n, sizeof(double), compare);
		CHECK(memcmp(x, y, n * sizeof(double)) == 0);

		/* any result will do, but it ends and stays inside */
		for (i = 0; i < n; i++)
			if (random_below(3) == 0)
				x[i] = NAN;
		rs_median(x, n);
		free(x);
		free(y);
	}
}

/* With one rating each a mean over users; its root by the slope of the root. */
static void
test_error_interval(void)
{
	double		error[50];
	double		other[50];
	double		count[50];
	RsInterval	value;
	RsInterval	difference;
	RsInterval	want;
	double		squares = 0;
	double		errors = 0;
	double		ratings = 0;
	double		root;
	int			i;

	for (i = 0; i < 50; i++)
	{
		error[i] = random_uniform() * 4;
		other[i] = error[i] + random_uniform();
		count[i] = 1;
	}
	rs_error_interval(error, other, count, 50, false, .95, &value, &difference);
	rs_mean_interval(error, 50, .95, &want);
	CHECK(value.n == 50 && near(value.mean, want.mean, 1e-12));
	CHECK(near(value.lower, want.lower, 1e-12) && near(value.upper, want.upper, 1e-12));
	rs_paired_interval(error, other, 50, .95, &want);
	CHECK(near(difference.mean, want.mean, 1e-12) && near(difference.p_value, want.p_value, 1e-12));
	CHECK(near(difference.lower, want.lower, 1e-12) && near(difference.upper, want.upper, 1e-12));

	for (i = 0; i < 50; i++)
	{
		count[i] = 1 + random_below(9);
		errors += error[i];
		ratings += count[i];
	}
	root = sqrt(errors / ratings);
	for (i = 0; i < 50; i++)
		squares += pow(error[i] - root * root * count[i], 2);
	rs_error_interval(error, NULL, count, 50, true, .95, &value, NULL);
	CHECK(near(value.mean, root, 1e-12));
	CHECK(near(value.standard_error, sqrt(squares * 50 / 49) / ratings / (2 * root), 1e-12));

	/* the same model twice; no error at all; one user; nobody */
	rs_error_interval(error, error, count, 50, true, .95, &value, &difference);
	CHECK(difference.mean == 0 && difference.standard_error == 0 && difference.p_value == 1);
	memset(other, 0, sizeof(other));
	rs_error_interval(other, error, count, 50, true, .95, &value, &difference);
	CHECK(value.mean == 0 && value.standard_error == 0 && difference.mean < 0);
	rs_error_interval(error, NULL, count, 1, true, .95, &value, NULL);
	CHECK(value.lower == value.mean && value.p_value == 1);
	rs_error_interval(error, NULL, count, 0, false, .95, &value, NULL);
	CHECK(value.n == 0 && value.mean == 0);
}

/* All of the above. */
int
main(void)
{
	test_interval();
	test_interval_edges();
	test_normal();
	test_median();
	test_error_interval();
	return finish("stats");
}
