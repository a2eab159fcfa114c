/*-------------------------------------------------------------------------
 *
 * als.c
 *	  Alternating least squares by SQL: the aggregates gram and als_normal, and
 *	  the scalar als_solve.
 *
 * For users who keep their interactions on many servers, or want to see what a
 * sweep is: als_normal gathers one row's normal equations from the other
 * side's factors, gram the part that all rows share, als_solve solves.  The
 * Gram matrix travels with no row: it is an argument of the scalar only.
 *
 * Sums are kept as pairs of doubles (two-sum, Knuth), so that they do not
 * depend on the order of the rows or on how many workers shared them; a
 * finished state holds them rounded to one double each.
 *
 * Model and loss: kernel/als.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"

#include "aggregate.h"
#include "array.h"
#include "registry.h"
#include "kernel/als.h"

PG_FUNCTION_INFO_V1(recsys_gram_add);
PG_FUNCTION_INFO_V1(recsys_als_normal_add);
PG_FUNCTION_INFO_V1(recsys_als_combine);
PG_FUNCTION_INFO_V1(recsys_als_serialize);
PG_FUNCTION_INFO_V1(recsys_als_deserialize);
PG_FUNCTION_INFO_V1(recsys_als_final);
PG_FUNCTION_INFO_V1(recsys_als_solve);

#define STATE_VERSION	1
#define GRAM			'g'		/* sum of v v' */
#define NORMAL			'n'		/* sum of w v v', then sum of w v */

typedef struct AlsState
{
	char		kind;
	int			factors;
	int64		rows;
	int			n;				/* sums: lower triangle, then for NORMAL b */
	double	   *high;			/* n sums, and what rounding took off them */
	double	   *low;
} AlsState;

static int
count_sums(char kind, int factors)
{
	return factors * (factors + 1) / 2 + (kind == NORMAL ? factors : 0);
}

static AlsState *
make_state(MemoryContext context, char kind, int factors)
{
	AlsState   *state;
	MemoryContext old = MemoryContextSwitchTo(context);

	state = palloc0(sizeof(AlsState));
	state->kind = kind;
	state->factors = factors;
	state->n = count_sums(kind, factors);
	state->high = palloc0(sizeof(double) * state->n);
	state->low = palloc0(sizeof(double) * state->n);
	MemoryContextSwitchTo(old);
	return state;
}

/* high + low += x, without loss */
static inline void
add_exactly(double *high, double *low, double x)
{
	double		sum = *high + x;
	double		part = sum - *high;

	*low += (*high - (sum - part)) + (x - part);
	*high = sum;
}

/* A factor vector of the caller's: 1 to RS_MAX_FACTORS finite numbers. */
static float *
factor_argument(ArrayType *array, int *length)
{
	float	   *v = rs_vector(array, length);

	if (*length < 1 || *length > RS_MAX_FACTORS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a factor has %d elements, must have from 1 to %d",
						*length, RS_MAX_FACTORS)));
	for (int i = 0; i < *length; i++)
		if (!isfinite(v[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("element %d of a factor is %g, must be finite", i + 1, v[i])));
	return v;
}

/* Adds one vector to a state, made if this is the first. */
static AlsState *
add_vector(MemoryContext context, AlsState *state, char kind,
		   ArrayType *array, double weight)
{
	int			f;
	float	   *v = factor_argument(array, &f);
	int			k = 0;

	if (state == NULL)
		state = make_state(context, kind, f);
	if (f != state->factors)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("factors have different lengths, %d and %d", state->factors, f)));
	for (int i = 0; i < f; i++)
	{
		double		wv = weight * v[i];

		for (int j = 0; j <= i; j++, k++)
			add_exactly(&state->high[k], &state->low[k], wv * v[j]);
	}
	for (int i = 0; kind == NORMAL && i < f; i++, k++)
		add_exactly(&state->high[k], &state->low[k], weight * v[i]);
	state->rows++;
	return state;
}

/* Transition of gram(factor): rows without a factor are left out. */
Datum
recsys_gram_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = rs_aggregate_context(fcinfo, "_gram_add");
	AlsState   *state = PG_ARGISNULL(0) ? NULL : (AlsState *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
		state = add_vector(context, state, GRAM, PG_GETARG_ARRAYTYPE_P(1), 1);
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Transition of als_normal(factor, weight): rows with a NULL are left out. */
Datum
recsys_als_normal_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = rs_aggregate_context(fcinfo, "_als_normal_add");
	AlsState   *state = PG_ARGISNULL(0) ? NULL : (AlsState *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		double		weight = PG_GETARG_FLOAT8(2);

		if (!isfinite(weight) || weight < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight is %g, must be finite and not negative", weight)));
		state = add_vector(context, state, NORMAL, PG_GETARG_ARRAYTYPE_P(1), weight);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
recsys_als_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rs_aggregate_context(fcinfo, "_als_combine");
	AlsState   *a = PG_ARGISNULL(0) ? NULL : (AlsState *) PG_GETARG_POINTER(0);
	AlsState   *b;

	if (PG_ARGISNULL(1))
		return rs_aggregate_unchanged(fcinfo);
	b = (AlsState *) PG_GETARG_POINTER(1);
	if (a == NULL)
		a = make_state(context, b->kind, b->factors);
	if (a->kind != b->kind || a->factors != b->factors)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("factors have different lengths, %d and %d", a->factors, b->factors)));
	for (int k = 0; k < a->n; k++)
	{
		add_exactly(&a->high[k], &a->low[k], b->high[k]);
		a->low[k] += b->low[k];
	}
	a->rows += b->rows;
	PG_RETURN_POINTER(a);
}

/* version, kind, factors, rows, sums; with what rounding took off, or without */
static bytea *
write_state(const AlsState *state, bool exact)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, STATE_VERSION);
	pq_sendbyte(&buf, state->kind);
	pq_sendint32(&buf, state->factors);
	pq_sendint64(&buf, state->rows);
	for (int k = 0; k < state->n; k++)
	{
		if (exact)
		{
			pq_sendfloat8(&buf, state->high[k]);
			pq_sendfloat8(&buf, state->low[k]);
		}
		else
			pq_sendfloat8(&buf, state->high[k] + state->low[k]);
	}
	return pq_endtypsend(&buf);
}

/* The reverse; kind 0 takes any.  22023 for bytes that are no such state. */
static AlsState *
read_state(bytea *bytes, bool exact, char kind, const char *what)
{
	const char *maker = kind == GRAM ? "gram" : "als_normal";
	StringInfoData buf;
	AlsState   *state;
	char		version;
	char		found;
	int			factors;
	int64		rows;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	if (buf.len < 14)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is no result of %s", what, maker)));
	version = pq_getmsgbyte(&buf);
	found = pq_getmsgbyte(&buf);
	factors = pq_getmsgint(&buf, 4);
	rows = pq_getmsgint64(&buf);
	if (version != STATE_VERSION || (found != GRAM && found != NORMAL) ||
		(kind != 0 && found != kind) ||
		factors < 1 || factors > RS_MAX_FACTORS || rows < 0 ||
		buf.len - buf.cursor != count_sums(found, factors) * (exact ? 16 : 8))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is no result of %s", what, maker)));
	state = make_state(CurrentMemoryContext, found, factors);
	state->rows = rows;
	for (int k = 0; k < state->n; k++)
	{
		state->high[k] = pq_getmsgfloat8(&buf);
		if (exact)
			state->low[k] = pq_getmsgfloat8(&buf);
		if (!isfinite(state->high[k]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("%s holds a sum that is not finite", what)));
	}
	return state;
}

Datum
recsys_als_serialize(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(write_state((AlsState *) PG_GETARG_POINTER(0), true));
}

Datum
recsys_als_deserialize(PG_FUNCTION_ARGS)
{
	(void) rs_aggregate_context(fcinfo, "_als_deserialize");
	PG_RETURN_POINTER(read_state(PG_GETARG_BYTEA_PP(0), true, 0, "state"));
}

Datum
recsys_als_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(write_state((AlsState *) PG_GETARG_POINTER(0), false));
}

/*
 * Solves a x = b in place, a given by its lower triangle packed by rows;
 * false if it is not positive definite or the solution not finite.
 */
static bool
solve_packed(double *a, double *b, int n)
{
	for (int i = 0; i < n; i++)
	{
		double	   *row = a + (Size) i * (i + 1) / 2;

		for (int j = 0; j <= i; j++)
		{
			double	   *other = a + (Size) j * (j + 1) / 2;
			double		sum = row[j];

			for (int k = 0; k < j; k++)
				sum -= row[k] * other[k];
			if (j < i)
				row[j] = sum / other[j];
			else if (sum > 0 && isfinite(sum))
				row[i] = sqrt(sum);
			else
				return false;
		}
		CHECK_FOR_INTERRUPTS();
	}
	for (int i = 0; i < n; i++)
	{
		double	   *row = a + (Size) i * (i + 1) / 2;

		for (int k = 0; k < i; k++)
			b[i] -= row[k] * b[k];
		b[i] /= row[i];
	}
	for (int i = n - 1; i >= 0; i--)
	{
		for (int k = i + 1; k < n; k++)
			b[i] -= a[(Size) k * (k + 1) / 2 + i] * b[k];
		b[i] /= a[(Size) i * (i + 1) / 2 + i];
		if (!isfinite((float) b[i]))
			return false;
	}
	return true;
}

/* A hyper-parameter: finite and not negative. */
static double
parameter(FunctionCallInfo fcinfo, int arg, const char *name)
{
	double		value = PG_GETARG_FLOAT8(arg);

	if (!isfinite(value) || value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %g, must be finite and not negative", name, value)));
	return value;
}

/*
 * als_solve(state, gram, alpha0, lambda, nu): one row of a sweep, from the
 * row's als_normal and the gram of all factors of the other side.
 */
Datum
recsys_als_solve(PG_FUNCTION_ARGS)
{
	AlsState   *state = read_state(PG_GETARG_BYTEA_PP(0), false, NORMAL, "state");
	AlsState   *gram = read_state(PG_GETARG_BYTEA_PP(1), false, GRAM, "gram");
	double		alpha0 = parameter(fcinfo, 2, "alpha0");
	double		lambda = parameter(fcinfo, 3, "lambda");
	double		nu = parameter(fcinfo, 4, "nu");
	int			f = state->factors;
	int			triangle = f * (f + 1) / 2;
	double		ridge = rs_als_ridge(lambda, nu, alpha0, state->rows, gram->rows);
	double	   *b = state->high + triangle;
	float	   *x = palloc(sizeof(float) * f);

	if (gram->factors != f)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("state has %d factors and gram %d", f, gram->factors)));
	for (int k = 0; k < triangle; k++)
		state->high[k] += alpha0 * gram->high[k];
	for (int i = 0; i < f; i++)
		state->high[i * (i + 1) / 2 + i] += ridge;
	if (!solve_packed(state->high, b, f))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the normal equations have no finite solution"),
				 errhint("Raise lambda or alpha0.")));
	for (int i = 0; i < f; i++)
		x[i] = (float) b[i];
	PG_RETURN_ARRAYTYPE_P(rs_vector_make(x, f));
}
