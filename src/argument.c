/*-------------------------------------------------------------------------
 *
 * argument.c
 *	  What callers of the serving functions pass, and what they get.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "serve.h"

/* A number of rows: 22023 for NULL and negative. */
void
rs_check_k(FunctionCallInfo fcinfo, int arg, const char *name, int *value)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be NULL", name)));
	*value = PG_GETARG_INT32(arg);
	if (*value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %d, must not be negative", name, *value)));
}

/* An id must come in the recommender's own type. */
void
rs_check_id_argument(FunctionCallInfo fcinfo, int arg, Oid type, const char *name)
{
	Oid			given = get_fn_expr_argtype(fcinfo->flinfo, arg);

	if (given != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s has type %s, must be %s", name,
						OidIsValid(given) ? format_type_be(given) : "unknown",
						format_type_be(type)),
				 errhint("Call the function of the recommender's own schema, or recsys.refresh_functions.")));
}

/* In the order of the array; NULLs are left out. */
Datum *
rs_elements(ArrayType *array, Oid type, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	int			all;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &values, &nulls, &all);
	*n = 0;
	for (int i = 0; i < all; i++)
		if (!nulls[i])
			values[(*n)++] = values[i];
	return values;
}

RsIdMap *
rs_item_set(FunctionCallInfo fcinfo, int arg, const RsRecommender *r, const char *name)
{
	Oid			type = r->item_type;
	RsIdMap    *set;
	Datum	   *values;
	int			n;

	rs_check_id_argument(fcinfo, arg, get_array_type(type), name);
	if (PG_ARGISNULL(arg))
		return NULL;
	set = rs_idmap_create(type, r->item_collation, CurrentMemoryContext);
	values = rs_elements(PG_GETARG_ARRAYTYPE_P(arg), type, &n);
	for (int i = 0; i < n; i++)
		rs_idmap_add(set, values[i]);
	return set;
}

Datum
rs_id_array(Oid type, const Datum *ids, int n)
{
	int16		typlen;
	bool		typbyval;
	char		typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_array(unconstify(Datum *, ids), n, type,
										   typlen, typbyval, typalign));
}

/*
 * The executor compares this with the column list of the call and refuses what
 * does not match; taking the caller's list for granted would let a lying one
 * turn a pointer into a number.
 */
void
rs_declare_result(FunctionCallInfo fcinfo, int n, const char *const *names, const Oid *types)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		!(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setDesc = CreateTemplateTupleDesc(n);
	for (int i = 0; i < n; i++)
		TupleDescInitEntry(rsinfo->setDesc, i + 1, names[i], types[i], -1, 0);
	rsinfo->setResult = tuplestore_begin_heap(rsinfo->allowedModes & SFRM_Materialize_Random,
											  false, work_mem);
	MemoryContextSwitchTo(old);
}
