/*-------------------------------------------------------------------------
 *
 * metric.c
 *	  Ranking metrics over arrays, for lists of any type that can be hashed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "idmap.h"
#include "kernel/metric.h"

PG_FUNCTION_INFO_V1(recsys_precision_at_k);
PG_FUNCTION_INFO_V1(recsys_recall_at_k);
PG_FUNCTION_INFO_V1(recsys_capped_recall_at_k);
PG_FUNCTION_INFO_V1(recsys_ndcg_at_k);
PG_FUNCTION_INFO_V1(recsys_average_precision_at_k);
PG_FUNCTION_INFO_V1(recsys_reciprocal_rank);
PG_FUNCTION_INFO_V1(recsys_hit_at_k);

/* The elements of a list or set of items: one dimension, no NULLs. */
static Datum *
items_of(ArrayType *array, const char *what, int *n)
{
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *items;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must have one dimension, not %d", what,
						ARR_NDIM(array))));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not contain NULL", what)));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign,
					  &items, NULL, n);
	return items;
}

/* Ids are hashed; 42883 for a type that cannot be. */
static RsIdMap *
make_map(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_HASH_PROC |
											  TYPECACHE_EQ_OPR);

	if (!OidIsValid(entry->hash_proc) || !OidIsValid(entry->eq_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("items of type %s cannot be compared by hashing",
						format_type_be(type))));
	return rs_idmap_create(type, InvalidOid, CurrentMemoryContext);
}

/*
 * Metrics of (ranked, relevant, k); false where nothing is relevant.
 */
static bool
measure(FunctionCallInfo fcinfo, bool whole_list, RsMetrics *out)
{
	ArrayType  *ranked_array = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *relevant_array = PG_GETARG_ARRAYTYPE_P(1);
	int			nranked;
	int			nrelevant;
	Datum	   *ranked = items_of(ranked_array, "ranked", &nranked);
	Datum	   *relevant = items_of(relevant_array, "relevant", &nrelevant);
	int			k = whole_list ? Max(nranked, 1) : PG_GETARG_INT32(2);
	RsIdMap    *map;
	bool	   *hit;

	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k is %d, must be at least 1", k)));
	map = make_map(ARR_ELEMTYPE(relevant_array));
	for (int i = 0; i < nrelevant; i++)
		rs_idmap_add(map, relevant[i]);
	nrelevant = rs_idmap_count(map);

	hit = palloc(Max(nranked, 1) * sizeof(bool));
	for (int i = 0; i < nranked; i++)
		hit[i] = rs_idmap_find(map, ranked[i]) != RS_NO_ID;
	map = make_map(ARR_ELEMTYPE(ranked_array));
	for (int i = 0; i < nranked; i++)
		rs_idmap_add(map, ranked[i]);
	if (rs_idmap_count(map) != (uint32) nranked)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ranked has %d items, but only %u distinct",
						nranked, rs_idmap_count(map)),
				 errhint("A list shows each item once.")));
	if (nrelevant == 0)
		return false;
	rs_metrics(hit, nranked, nrelevant, k, out);
	return true;
}

/* The SQL functions: one member each of the metrics of a list. */
#define METRIC_FUNCTION(name, member) \
Datum \
recsys_##name(PG_FUNCTION_ARGS) \
{ \
	RsMetrics	m; \
\
	if (!measure(fcinfo, false, &m)) \
		PG_RETURN_NULL(); \
	PG_RETURN_FLOAT8(m.member); \
}

METRIC_FUNCTION(precision_at_k, precision)
METRIC_FUNCTION(recall_at_k, recall)
METRIC_FUNCTION(capped_recall_at_k, capped_recall)
METRIC_FUNCTION(ndcg_at_k, ndcg)
METRIC_FUNCTION(average_precision_at_k, average_precision)
METRIC_FUNCTION(hit_at_k, hit)

/* reciprocal_rank(ranked, relevant, k): k may be NULL, for the whole list. */
Datum
recsys_reciprocal_rank(PG_FUNCTION_ARGS)
{
	RsMetrics	m;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) ||
		!measure(fcinfo, PG_ARGISNULL(2), &m))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(m.reciprocal_rank);
}
