/*-------------------------------------------------------------------------
 *
 * image_door.c
 *	  Making the image of a model that is about to go live, and removing those
 *	  of models that are deleted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "image.h"
#include "owner.h"

PG_FUNCTION_INFO_V1(recsys_share_model);
PG_FUNCTION_INFO_V1(recsys_forget_images);

/*
 * _share_model(recommender name, model_id int8): as the recommender's owner,
 * for callers with the owner's privileges.
 */
Datum
recsys_share_model(PG_FUNCTION_ARGS)
{
	RsRecommender *r;
	RsOwnerState saved;

	SPI_connect();
	r = rs_registry_get(NameStr(*PG_GETARG_NAME(0)), CurrentMemoryContext);
	rs_become_owner(r, &saved);
	rs_model_share(r, PG_GETARG_INT64(1));
	rs_become_caller(&saved);
	SPI_finish();
	PG_RETURN_VOID();
}

/* Whether the caller has the privileges of the owner of a recommender's schema. */
static bool
is_owner(Name name)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACENAME, NameGetDatum(name));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = has_privs_of_role(GetUserId(), ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner);
	ReleaseSysCache(tuple);
	return result;
}

/*
 * _forget_images(recommender name, models int8[]): of these models, or NULL: of
 * all of the recommender's.  42501 unless the caller has the privileges of its
 * owner; models of others are passed over.
 */
Datum
recsys_forget_images(PG_FUNCTION_ARGS)
{
	static const char *const query =
		"SELECT m.model_id FROM recsys.model m WHERE m.recommender = $1 AND (m.model_id = ANY ($2) OR $3)";
	Oid			argtypes[] = {NAMEOID, INT8ARRAYOID, BOOLOID};
	Oid			column = INT8OID;
	Datum		args[3];
	uint64		n;
	int			level;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	if (!is_owner(PG_GETARG_NAME(0)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must have the privileges of the owner of recommender \"%s\"",
						NameStr(*PG_GETARG_NAME(0)))));
	SPI_connect();
	level = rs_search_path_push();
	args[0] = PG_GETARG_DATUM(0);
	args[1] = PG_ARGISNULL(1) ? PointerGetDatum(construct_empty_array(INT8OID)) : PG_GETARG_DATUM(1);
	args[2] = BoolGetDatum(PG_ARGISNULL(1));
	n = rs_spi_select(query, lengthof(argtypes), argtypes, args, 1, &column);
	for (uint64 i = 0; i < n; i++)
		rs_image_doom(DatumGetInt64(rs_spi_value(i, 1)));
	AtEOXact_GUC(false, level);
	SPI_finish();
	PG_RETURN_VOID();
}
