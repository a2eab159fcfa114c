/*-------------------------------------------------------------------------
 *
 * feature_name.c
 *	  What the features of a model's lists are called.
 *
 * By the registry alone, so that features stay readable once the model's parts
 * have been deleted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "registry.h"
#include "kernel/feature.h"

PG_FUNCTION_INFO_V1(recsys_feature_names);

/*
 * _feature_names(recommender, model_id): those of the list that this library
 * has, then the policy's own, by the bytes of their names.
 */
Datum
recsys_feature_names(PG_FUNCTION_ARGS)
{
	Oid			argtypes[] = {NAMEOID, INT8OID};
	Oid			type = TEXTOID;
	Datum		args[2];
	Datum	   *names;
	int			n;
	MemoryContext old = CurrentMemoryContext;
	ArrayType  *result;
	int			level;

	args[0] = PG_GETARG_DATUM(0);
	args[1] = PG_GETARG_DATUM(1);
	SPI_connect();
	level = rs_search_path_push();
	n = (int) rs_spi_select("SELECT f.name FROM recsys.model m, pg_catalog.jsonb_object_keys("
							"CASE WHEN pg_catalog.jsonb_typeof(m.parameters -> 'settings' -> 'features') = 'object'"
							" THEN m.parameters -> 'settings' -> 'features' ELSE '{}' END) f (name)"
							" WHERE m.recommender = $1 AND m.model_id = $2 ORDER BY f.name COLLATE \"C\"",
							lengthof(argtypes), argtypes, args, 1, &type);
	names = palloc((RS_FEATURES + n) * sizeof(Datum));
	for (int i = 0; i < RS_FEATURES; i++)
		names[i] = CStringGetTextDatum(rs_feature_names[i]);
	for (int i = 0; i < n; i++)
		names[RS_FEATURES + i] = rs_spi_value(i, 1);
	old = MemoryContextSwitchTo(old);
	result = construct_array(names, RS_FEATURES + n, TEXTOID, -1, false, TYPALIGN_INT);
	MemoryContextSwitchTo(old);
	AtEOXact_GUC(false, level);
	SPI_finish();
	PG_RETURN_ARRAYTYPE_P(result);
}
