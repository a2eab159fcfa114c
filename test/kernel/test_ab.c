/*-------------------------------------------------------------------------
 *
 * test_ab.c
 *	  Statistics of A/B tests, against published examples and by simulation.
 *
 *-------------------------------------------------------------------------
 */
#include "ab.h"
#include "stats.h"
#include "test.h"

/* A standard normal number, by its quantile. */
static double
normal(void)
{
	return rs_normal_quantile((random_bits() >> 11) * 0x1p-53 + 0x1p-54);
}

/* Quantiles from tables of the distributions. */
static void
test_distributions(void)
{
	double		df;

	CHECK(near(rs_chi_square_upper(3.841458820694124, 1), .05, 1e-13));
	CHECK(near(rs_chi_square_upper(11.070497693516351, 5), .05, 1e-13));
	CHECK(near(rs_chi_square_upper(124.34211340400407, 100), .05, 1e-12));
	/* three degrees: erfc(sqrt(x/2)) + sqrt(2x/pi) exp(-x/2) */
	CHECK(near(rs_chi_square_upper(.1, 3), erfc(sqrt(.05)) + sqrt(.2 / M_PI) * exp(-.05), 1e-13));
	CHECK(rs_chi_square_upper(0, 3) == 1 && rs_chi_square_upper(INFINITY, 3) == 0);
	/* one degree is Cauchy's: 1 - 2 atan(t) / pi; two: 1 - t / sqrt(2 + t^2) */
	CHECK(near(rs_student_two_sided(tan(M_PI * .475), 1), .05, 1e-13));
	CHECK(near(rs_student_two_sided(3, 2), 1 - 3 / sqrt(11), 1e-13));
	CHECK(near(rs_student_two_sided(2.228139, 10), .05, 1e-6));
	CHECK(near(rs_student_two_sided(-1.9599639845400545, INFINITY), .05, 1e-13));
	CHECK(rs_student_two_sided(0, 4) == 1);
	CHECK(near(rs_student_quantile(.975, 1), tan(M_PI * .475), 1e-12));
	CHECK(near(rs_student_quantile(.025, 3), -3.1824463052842638, 1e-12));
	for (df = .3; df < 1e6; df *= 3.7)
		CHECK(near(rs_student_two_sided(rs_student_quantile(.9995, df), df), .001, 1e-12));
}

/* Kohavi, Tang, Xu, "Trustworthy Online Controlled Experiments", chapter 21. */
static void
test_sample_ratio(void)
{
	static const int64_t observed[] = {821588, 815482};
	static const int64_t three[] = {90, 60, 50};
	static const int64_t none[] = {0, 0};
	static const double even[] = {1, 1};
	static const double two_to_one[] = {2, 1, 1};

	CHECK(near(rs_sample_ratio(observed, even, 2), 1.8e-6, .05e-6));
	/* (90-100)^2/100 + (60-50)^2/50 + 0 = 3 with two degrees: exp(-3/2) */
	CHECK(near(rs_sample_ratio(three, two_to_one, 3), exp(-1.5), 1e-14));
	CHECK(rs_sample_ratio(none, even, 2) == 1);
}

/* What the units so far foretell of each next one, over what should be. */
static double
by_units(const int *arm, int n, const double *theta, double concentration)
{
	double		seen[3] = {0};
	double		factor = 1;
	int			i;

	for (i = 0; i < n; i++)
	{
		factor *= (concentration * theta[arm[i]] + seen[arm[i]]) / (concentration + i) / theta[arm[i]];
		seen[arm[i]]++;
	}
	return factor;
}

/*
 * The product unit by unit, in any order; and, its mean being 1 where units
 * fall as they should, 1 / factor is below alpha at any of many looks in no more
 * than a share alpha of sequences, where a test for one look is in most.
 */
static void
test_sequential_sample_ratio(void)
{
	enum {SEQUENCES = 2000, UNITS = 2000};
	static const int arm[] = {0, 0, 2, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0};
	static const int64_t counts[] = {16, 1, 3};
	static const double weights[] = {3, 6, 3};
	static const double theta[] = {.25, .5, .25};
	static const int64_t none[] = {0, 0, 0};
	static const int64_t many[] = {1010000000, 1990000000, 1000000000};
	static const double thirds[] = {1, 2};
	double		mean = 0;
	double		choose = 1;
	int			found = 0;
	int			single = 0;
	int			broken = 0;
	int			s;

	CHECK(near(rs_sequential_sample_ratio(counts, weights, 3, 7), 1 / by_units(arm, 20, theta, 7), 1e-12));
	CHECK(rs_sequential_sample_ratio(none, weights, 3, 7) == 1);
	CHECK(rs_sequential_sample_ratio(many, weights, 3, 100) < 1e-9);

	/* its mean over all sequences of 12 units, where it is above 1 and where not */
	for (s = 0; s <= 12; s++)
	{
		int			sequence[12];
		double		factor;
		int64_t		split[2] = {s, 12 - s};
		double		p = rs_sequential_sample_ratio(split, thirds, 2, .5);
		int			i;

		for (i = 0; i < 12; i++)
			sequence[i] = i >= s;
		factor = by_units(sequence, 12, (const double[]) {1 / 3., 2 / 3.}, .5);
		CHECK(near(p, factor > 1 ? 1 / factor : 1, 1e-12));
		mean += choose * pow(1 / 3., s) * pow(2 / 3., 12 - s) * factor;
		choose = choose * (12 - s) / (s + 1);
	}
	CHECK(near(mean, 1, 1e-12));

	for (s = 0; s < SEQUENCES; s++)
	{
		int64_t		split[2] = {0, 0};
		int64_t		lossy[2] = {0, 0};
		double		least = 1;
		double		least_single = 1;
		int			n;

		for (n = 0; n < UNITS; n++)
		{
			uint64_t	bits = random_bits();
			int			which = (bits >> 40) % 3 > 0;

			split[which]++;
			if (which == 0 || bits % 8 > 0)
				lossy[which]++;
			least = fmin(least, rs_sequential_sample_ratio(split, thirds, 2, 100));
			least_single = fmin(least_single, rs_sample_ratio(split, thirds, 2));
		}
		found += least < .05;
		single += least_single < .05;
		broken += rs_sequential_sample_ratio(lossy, thirds, 2, 100) < .001;
	}
	CHECK(found <= .05 * SEQUENCES + 2 * sqrt(.05 * .95 * SEQUENCES));
	CHECK(found > 0 && single > SEQUENCES / 3);
	CHECK(broken > 0);
}

/* Newcombe, Statistics in Medicine 17 (1998), table II, a and h. */
static void
test_two_proportions(void)
{
	RsComparison c;

	rs_two_proportions(48, 80, 56, 70, .05, &c);
	CHECK(near(c.difference, .2, 1e-15));
	CHECK(near(c.lower, .0524, .00005) && near(c.upper, .3339, .00005));
	/* pooled: 104/150; z = .2 / sqrt(.6933 * .3067 * (1/80 + 1/70)) */
	CHECK(near(c.statistic, .2 / sqrt(104 / 150. * 46 / 150. * (1 / 80. + 1 / 70.)), 1e-13));
	CHECK(near(c.p_value, erfc(c.statistic / sqrt(2)), 1e-15));
	rs_two_proportions(0, 10, 10, 10, .05, &c);
	CHECK(near(c.lower, .6075, .00005) && c.upper == 1);
	rs_two_proportions(0, 10, 0, 20, .05, &c);
	CHECK(c.difference == 0 && c.p_value == 1 && c.lower < 0 && c.upper > 0);
}

/* Student's sleep data (1908), as R's t.test(extra ~ group) has it. */
static void
test_welch(void)
{
	RsArm		a = {10, 0.75, 3.200555555555556, 0, 0, 0};
	RsArm		b = {10, 2.33, 4.009, 0, 0, 0};
	RsArm		still = {5, 1, 0, 0, 0, 0};
	RsComparison c;

	rs_welch(&b, &a, .05, &c);
	CHECK(near(c.statistic, -1.8608, .00005) && near(c.df, 17.776, .0005));
	CHECK(near(c.p_value, .07939, .000005));
	CHECK(near(c.lower, -3.3654832, 5e-8) && near(c.upper, 0.2054832, 5e-8));
	rs_welch(&still, &still, .05, &c);
	CHECK(c.p_value == 1 && c.lower == 0 && c.upper == 0);
	a.mean = 1;
	b.variance = a.variance = 1e-200;
	rs_welch(&a, &b, .05, &c);
	CHECK(isfinite(c.df) && c.p_value >= 0 && c.p_value <= 1);
}

/* Moments of two columns. */
static RsArm
arm_of(const double *x, const double *y, int n)
{
	RsArm		arm = {0};
	int			i;

	arm.n = n;
	for (i = 0; i < n; i++)
	{
		arm.mean += x[i] / n;
		arm.covariate += y[i] / n;
	}
	for (i = 0; i < n; i++)
	{
		arm.variance += (x[i] - arm.mean) * (x[i] - arm.mean) / (n - 1);
		arm.covariate_variance += (y[i] - arm.covariate) * (y[i] - arm.covariate) / (n - 1);
		arm.covariance += (x[i] - arm.mean) * (y[i] - arm.covariate) / (n - 1);
	}
	return arm;
}

/* The variance of linearised values is the delta method's, by definition. */
static void
test_ratio(void)
{
	static const double clicks[] = {1, 0, 3, 2, 5, 0, 1, 4};
	static const double views[] = {4, 2, 9, 5, 11, 3, 2, 12};
	double		linear[8];
	double		ratio;
	double		variance;
	RsArm		arm = arm_of(clicks, views, 8);
	RsArm		check;
	int			i;

	rs_ratio(&arm, &ratio, &variance);
	CHECK(near(ratio, 16 / 48., 1e-15));
	for (i = 0; i < 8; i++)
		linear[i] = (clicks[i] - ratio * views[i]) / 6;
	check = arm_of(linear, linear, 8);
	CHECK(near(variance, check.variance / 8, 1e-15));
}

/*
 * A covariate that explains all but the effect leaves the effect without
 * error; one that explains nothing changes nothing.
 */
static void
test_cuped(void)
{
	double		before[2][50];
	double		after[2][50];
	RsArm		a;
	RsArm		b;
	RsComparison c;
	RsComparison plain;
	double		theta;
	double		reduction;
	int			i;

	for (i = 0; i < 100; i++)
	{
		before[i / 50][i % 50] = normal();
		after[i / 50][i % 50] = 3 * before[i / 50][i % 50] + (i / 50) * .25;
	}
	a = arm_of(after[0], before[0], 50);
	b = arm_of(after[1], before[1], 50);
	rs_cuped(&a, &b, .05, &theta, &reduction, &c);
	CHECK(near(theta, 3, 1e-12) && near(c.difference, .25, 1e-12));
	CHECK(near(reduction, 1, 1e-12));
	a.covariance = b.covariance = 0;
	rs_cuped(&a, &b, .05, &theta, &reduction, &c);
	rs_welch(&a, &b, .05, &plain);
	CHECK(theta == 0 && reduction == 0);
	CHECK(c.difference == plain.difference && c.p_value == plain.p_value);
}

/*
 * Looked at after every unit, an interval of 90 % excludes the truth in no more
 * than a tenth of all sequences, at least not after the first few units; the
 * fixed one does in most.  And the p-value is below alpha exactly where 0 is
 * outside.
 */
static void
test_sequential(void)
{
	enum {SEQUENCES = 2000, UNITS = 1000};
	int			missed = 0;
	int			fixed = 0;
	int			s;
	RsComparison c;

	for (s = 0; s < SEQUENCES; s++)
	{
		double		sum = 0;
		bool		out = false;
		bool		out_fixed = false;
		int			n;

		for (n = 1; n <= UNITS; n++)
		{
			sum += normal();
			rs_sequential(sum / n, 1 / sqrt(n), n, 200, .1, &c);
			CHECK((c.p_value < .1) == (c.lower > 0 || c.upper < 0));
			out |= c.lower > 0 || c.upper < 0;
			out_fixed |= fabs(sum / n) > 1.6448536269514722 / sqrt(n);
		}
		missed += out;
		fixed += out_fixed;
	}
	CHECK(missed <= .1 * SEQUENCES + 2 * sqrt(.1 * .9 * SEQUENCES));
	CHECK(missed > 0 && fixed > SEQUENCES / 2);

	/* tightest at the planned number: no other mixing does better there */
	rs_sequential(0, 1, 200, 200, .05, &c);
	CHECK(c.upper < 3.2 && c.upper > 1.96);
	rs_sequential(1, 0, 10, 200, .05, &c);
	CHECK(c.p_value == 0 && c.lower == 1 && c.upper == 1);
}

int
main(void)
{
	test_distributions();
	test_sample_ratio();
	test_sequential_sample_ratio();
	test_two_proportions();
	test_welch();
	test_ratio();
	test_cuped();
	test_sequential();
	return finish("ab");
}
