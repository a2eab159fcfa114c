/*-------------------------------------------------------------------------
 *
 * array.c
 *	  Vectors as SQL sees them: dot, norm.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"

#include "array.h"
#include "kernel/simd.h"

PG_FUNCTION_INFO_V1(recsys_dot);
PG_FUNCTION_INFO_V1(recsys_norm);

float *
rs_vector(ArrayType *array, int *length)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("a vector must have one dimension, not %d",
						ARR_NDIM(array))));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a vector must not contain NULL")));
	*length = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
	return (float *) ARR_DATA_PTR(array);
}

ArrayType *
rs_vector_make(const float *x, int length)
{
	Size		bytes = ARR_OVERHEAD_NONULLS(1) + sizeof(float) * length;
	ArrayType  *array = palloc(bytes);

	SET_VARSIZE(array, bytes);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = FLOAT4OID;
	ARR_DIMS(array)[0] = length;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), x, sizeof(float) * length);
	return array;
}

/* dot(float4[], float4[]) float8: 22000 where the lengths differ. */
Datum
recsys_dot(PG_FUNCTION_ARGS)
{
	int			na;
	int			nb;
	float	   *a = rs_vector(PG_GETARG_ARRAYTYPE_P(0), &na);
	float	   *b = rs_vector(PG_GETARG_ARRAYTYPE_P(1), &nb);

	if (na != nb)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("vectors have different lengths, %d and %d", na, nb)));
	PG_RETURN_FLOAT8(rs_simd->dot_wide(a, b, na));
}

/* norm(float4[]) float8 */
Datum
recsys_norm(PG_FUNCTION_ARGS)
{
	int			n;
	float	   *a = rs_vector(PG_GETARG_ARRAYTYPE_P(0), &n);

	PG_RETURN_FLOAT8(sqrt(rs_simd->dot_wide(a, a, n)));
}
