/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *	  What the functions of an aggregate with an internal state share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"	/* for varatt.h, where there is one */
#include "libpq/pqformat.h"

#include "aggregate.h"

MemoryContext
rs_aggregate_context(FunctionCallInfo fcinfo, const char *function)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "%s called outside an aggregate", function);
	return context;
}

Datum
rs_aggregate_unchanged(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

void
rs_aggregate_read(FunctionCallInfo fcinfo, const char *aggregate, int version, StringInfo buf)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	initStringInfo(buf);
	appendBinaryStringInfo(buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	if (pq_getmsgbyte(buf) != version)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("state of %s has an unknown version", aggregate)));
}
