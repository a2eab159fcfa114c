/*-------------------------------------------------------------------------
 *
 * ab.c
 *	  Statistics of A/B tests, as functions of any numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "kernel/ab.h"

PG_FUNCTION_INFO_V1(recsys_sample_ratio_p);
PG_FUNCTION_INFO_V1(recsys_sequential_sample_ratio_p);
PG_FUNCTION_INFO_V1(recsys_two_proportions);
PG_FUNCTION_INFO_V1(recsys_welch);
PG_FUNCTION_INFO_V1(recsys_ratio_difference);
PG_FUNCTION_INFO_V1(recsys_cuped);
PG_FUNCTION_INFO_V1(recsys_sequential_interval);

#define MOST_CONCENTRATION	1e9

/* A finite number. */
static double
finite_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	double		value = PG_GETARG_FLOAT8(arg);

	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %g, must be finite", name, value)));
	return value;
}

/* A variance or a standard error. */
static double
not_negative_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	double		value = finite_arg(fcinfo, arg, name);

	if (value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %g, must not be negative", name, value)));
	return value;
}

/* A number of units. */
static int64
units_arg(FunctionCallInfo fcinfo, int arg, const char *name, int64 least)
{
	int64		value = PG_GETARG_INT64(arg);

	if (value < least)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is " INT64_FORMAT ", must be at least " INT64_FORMAT, name, value, least)));
	return value;
}

static double
alpha_arg(FunctionCallInfo fcinfo, int arg)
{
	double		alpha = PG_GETARG_FLOAT8(arg);

	if (!(alpha > 0 && alpha < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("alpha is %g, must be between 0 and 1", alpha),
				 errhint("It is 1 less the confidence: .05 for an interval of 95 %%.")));
	return alpha;
}

/* The result row; NULL for what is not finite. */
static Datum
row_of(FunctionCallInfo fcinfo, int n, const double *value)
{
	TupleDesc	desc;
	Datum		values[8];
	bool		nulls[8];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int i = 0; i < n; i++)
	{
		values[i] = Float8GetDatum(value[i]);
		nulls[i] = !isfinite(value[i]);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* The elements of an array of one dimension without NULLs. */
static Datum *
elements(ArrayType *array, Oid type, const char *name, int *n)
{
	Datum	   *values;

	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have one dimension and no NULL", name)));
	deconstruct_array(array, type, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, NULL, n);
	return values;
}

/* Units of the arms, and the ratio that they should have: the first two arguments. */
static int
count_args(FunctionCallInfo fcinfo, int64 **observed, double **expected)
{
	int			n;
	int			nexpected;
	Datum	   *given = elements(PG_GETARG_ARRAYTYPE_P(0), INT8OID, "observed", &n);
	Datum	   *ratio = elements(PG_GETARG_ARRAYTYPE_P(1), FLOAT8OID, "expected", &nexpected);

	if (n != nexpected || n < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("observed has %d elements and expected %d", n, nexpected),
				 errhint("Give both for each of at least two arms.")));
	*observed = palloc(n * sizeof(int64));
	*expected = palloc(n * sizeof(double));
	for (int i = 0; i < n; i++)
	{
		int64		units = DatumGetInt64(given[i]);
		double		weight = DatumGetFloat8(ratio[i]);

		if (units < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("observed has " INT64_FORMAT ", must not be negative", units)));
		if (!(weight > 0) || isinf(weight))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("expected has %g, must be positive and finite", weight)));
		(*observed)[i] = units;
		(*expected)[i] = weight;
	}
	return n;
}

/* sample_ratio_p(observed, expected) */
Datum
recsys_sample_ratio_p(PG_FUNCTION_ARGS)
{
	int64	   *observed;
	double	   *expected;
	int			n = count_args(fcinfo, &observed, &expected);

	PG_RETURN_FLOAT8(rs_sample_ratio(observed, expected, n));
}

/* sequential_sample_ratio_p(observed, expected, concentration) */
Datum
recsys_sequential_sample_ratio_p(PG_FUNCTION_ARGS)
{
	int64	   *observed;
	double	   *expected;
	int			n = count_args(fcinfo, &observed, &expected);
	double		concentration = finite_arg(fcinfo, 2, "concentration");

	/* beyond, differences of gamma functions are rounding */
	if (concentration <= 0 || concentration > MOST_CONCENTRATION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("concentration is %g, must be above 0 and at most %g", concentration, MOST_CONCENTRATION)));
	PG_RETURN_FLOAT8(rs_sequential_sample_ratio(observed, expected, n, concentration));
}

/* two_proportions(successes_a, n_a, successes_b, n_b, alpha) */
Datum
recsys_two_proportions(PG_FUNCTION_ARGS)
{
	int64		na = units_arg(fcinfo, 1, "n_a", 1);
	int64		nb = units_arg(fcinfo, 3, "n_b", 1);
	int64		a = units_arg(fcinfo, 0, "successes_a", 0);
	int64		b = units_arg(fcinfo, 2, "successes_b", 0);
	double		alpha = alpha_arg(fcinfo, 4);
	RsComparison c;
	double		row[5];

	if (a > na || b > nb)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("more successes than units: " INT64_FORMAT " of " INT64_FORMAT,
						a > na ? a : b, a > na ? na : nb)));
	rs_two_proportions(a, na, b, nb, alpha, &c);
	row[0] = c.difference;
	row[1] = c.statistic;
	row[2] = c.p_value;
	row[3] = c.lower;
	row[4] = c.upper;
	PG_RETURN_DATUM(row_of(fcinfo, 5, row));
}

/* welch(mean_a, variance_a, n_a, mean_b, variance_b, n_b, alpha) */
Datum
recsys_welch(PG_FUNCTION_ARGS)
{
	RsArm		arm[2] = {{0}};
	double		alpha = alpha_arg(fcinfo, 6);
	RsComparison c;
	double		row[6];

	arm[0].mean = finite_arg(fcinfo, 0, "mean_a");
	arm[0].variance = not_negative_arg(fcinfo, 1, "variance_a");
	arm[0].n = units_arg(fcinfo, 2, "n_a", 2);
	arm[1].mean = finite_arg(fcinfo, 3, "mean_b");
	arm[1].variance = not_negative_arg(fcinfo, 4, "variance_b");
	arm[1].n = units_arg(fcinfo, 5, "n_b", 2);
	rs_welch(&arm[0], &arm[1], alpha, &c);
	row[0] = c.difference;
	row[1] = c.statistic;
	row[2] = c.df;
	row[3] = c.p_value;
	row[4] = c.lower;
	row[5] = c.upper;
	PG_RETURN_DATUM(row_of(fcinfo, 6, row));
}

/* Six moments of an arm from an argument on. */
static RsArm
arm_args(FunctionCallInfo fcinfo, int first, char which)
{
	RsArm		arm;

	arm.n = units_arg(fcinfo, first, psprintf("n_%c", which), 2);
	arm.mean = finite_arg(fcinfo, first + 1, psprintf("mean_%c", which));
	arm.variance = not_negative_arg(fcinfo, first + 2, psprintf("variance_%c", which));
	arm.covariate = finite_arg(fcinfo, first + 3, psprintf("other_mean_%c", which));
	arm.covariate_variance = not_negative_arg(fcinfo, first + 4, psprintf("other_variance_%c", which));
	arm.covariance = finite_arg(fcinfo, first + 5, psprintf("covariance_%c", which));

	/* a little more than the bound is what rounding may leave */
	if (fabs(arm.covariance) > sqrt(arm.variance) * sqrt(arm.covariate_variance) * (1 + 1e-6) + 1e-300)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("covariance_%c is %g, more than the variances %g and %g allow", which,
						arm.covariance, arm.variance, arm.covariate_variance)));
	return arm;
}

/* What two arms' moments say, and after it what only one of the tests does. */
static Datum
moments_row(FunctionCallInfo fcinfo, const RsComparison *c, int nmore, const double *more)
{
	double		row[8] = {c->difference, c->standard_error, c->p_value, c->lower, c->upper};

	for (int i = 0; i < nmore; i++)
		row[5 + i] = more[i];
	return row_of(fcinfo, 5 + nmore, row);
}

/* ratio_difference(n_a, ..., covariance_a, n_b, ..., covariance_b, alpha) */
Datum
recsys_ratio_difference(PG_FUNCTION_ARGS)
{
	RsArm		a = arm_args(fcinfo, 0, 'a');
	RsArm		b = arm_args(fcinfo, 6, 'b');
	double		alpha = alpha_arg(fcinfo, 12);
	RsComparison c;

	if (a.covariate == 0 || b.covariate == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DIVISION_BY_ZERO),
				 errmsg("the mean of the denominator is 0")));
	rs_ratio_difference(&a, &b, alpha, &c);
	PG_RETURN_DATUM(moments_row(fcinfo, &c, 0, NULL));
}

/* cuped(n_a, ..., covariance_a, n_b, ..., covariance_b, alpha) */
Datum
recsys_cuped(PG_FUNCTION_ARGS)
{
	RsArm		a = arm_args(fcinfo, 0, 'a');
	RsArm		b = arm_args(fcinfo, 6, 'b');
	double		alpha = alpha_arg(fcinfo, 12);
	RsComparison c;
	double		more[2];

	rs_cuped(&a, &b, alpha, &more[0], &more[1], &c);
	PG_RETURN_DATUM(moments_row(fcinfo, &c, 2, more));
}

/* sequential_interval(difference, standard_error, n, alpha, planned_n) */
Datum
recsys_sequential_interval(PG_FUNCTION_ARGS)
{
	double		difference = finite_arg(fcinfo, 0, "difference");
	double		error = not_negative_arg(fcinfo, 1, "standard_error");
	int64		n = units_arg(fcinfo, 2, "n", 1);
	double		alpha = alpha_arg(fcinfo, 3);
	int64		planned = units_arg(fcinfo, 4, "planned_n", 1);
	RsComparison c;
	double		row[3];

	rs_sequential(difference, error, n, planned, alpha, &c);
	row[0] = c.lower;
	row[1] = c.upper;
	row[2] = c.p_value;
	PG_RETURN_DATUM(row_of(fcinfo, 3, row));
}
