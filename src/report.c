/*-------------------------------------------------------------------------
 *
 * report.c
 *	  SQL over a recommender's source and tables, run as its owner.
 *
 * What a tenant can attach to them (filters, triggers, policies) must run with
 * the tenant's rights, whoever calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "owner.h"

PG_FUNCTION_INFO_V1(recsys_query_as_owner);
PG_FUNCTION_INFO_V1(recsys_execute_as_owner);

/*
 * _query_as_owner(recommender, query): the rows of a query that only reads,
 * for callers with the owner's privileges.
 */
Datum
recsys_query_as_owner(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	RsOwnerState saved;
	int			rc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SPI_connect();
	rs_become_owner(rs_registry_get(NameStr(*PG_GETARG_NAME(0)), CurrentMemoryContext),
					&saved);
	rc = SPI_execute(query, true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not run the query: %s", SPI_result_code_string(rc));

	/* the expected columns must be what the query gives, type by type */
	if (SPI_tuptable->tupdesc->natts != rsinfo->setDesc->natts)
		elog(ERROR, "query gives %d columns, %d are expected",
			 SPI_tuptable->tupdesc->natts, rsinfo->setDesc->natts);
	for (int i = 0; i < rsinfo->setDesc->natts; i++)
		if (TupleDescAttr(SPI_tuptable->tupdesc, i)->atttypid !=
			TupleDescAttr(rsinfo->setDesc, i)->atttypid)
			elog(ERROR, "column %d of the query is not of the expected type", i + 1);
	for (uint64 row = 0; row < SPI_processed; row++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[row]);
	rs_become_caller(&saved);
	SPI_finish();
	return (Datum) 0;
}

/*
 * _execute_as_owner(recommender, command): rows processed.
 */
Datum
recsys_execute_as_owner(PG_FUNCTION_ARGS)
{
	char	   *command = text_to_cstring(PG_GETARG_TEXT_PP(1));
	RsOwnerState saved;
	int64		rows;
	int			rc;

	SPI_connect();
	rs_become_owner(rs_registry_get(NameStr(*PG_GETARG_NAME(0)), CurrentMemoryContext),
					&saved);
	rc = SPI_execute(command, false, 0);
	if (rc < 0)
		elog(ERROR, "could not run the command: %s", SPI_result_code_string(rc));
	rows = (int64) SPI_processed;
	rs_become_caller(&saved);
	SPI_finish();
	PG_RETURN_INT64(rows);
}
