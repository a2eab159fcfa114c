/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  Rows of a query, one at a time, as the executor makes them.
 *
 * A DestReceiver given to SPI: no tuple table and no cursor, so memory stays
 * flat and the planner may use parallel workers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "executor/tuptable.h"
#include "tcop/dest.h"
#include "utils/memutils.h"

#include "registry.h"
#include "stream.h"

#define ROWS_PER_RESET	4096

typedef struct StreamReceiver
{
	DestReceiver pub;
	int			n;
	const Oid  *types;
	int			required;
	RsRowCallback callback;
	void	   *arg;
	MemoryContext context;		/* what callbacks allocate */
	uint64		rows;
} StreamReceiver;

static void
stream_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	StreamReceiver *s = (StreamReceiver *) self;

	rs_check_columns(desc, s->n, s->types);
}

static void
stream_shutdown(DestReceiver *self)
{
}

static bool
stream_receive(TupleTableSlot *slot, DestReceiver *self)
{
	StreamReceiver *s = (StreamReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(s->context);

	slot_getallattrs(slot);
	for (int i = 0; i < s->required; i++)
		if (slot->tts_isnull[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("unexpected NULL in column \"%s\"",
							NameStr(TupleDescAttr(slot->tts_tupleDescriptor, i)->attname))));
	s->callback(slot->tts_values, slot->tts_isnull, s->arg);
	MemoryContextSwitchTo(old);
	if (++s->rows % ROWS_PER_RESET == 0)
		MemoryContextReset(s->context);
	return true;
}

void
rs_stream(const char *query, int n, const Oid *types, int required,
		  RsRowCallback callback, void *arg)
{
	StreamReceiver s = {{stream_receive, stream_startup, stream_shutdown,
	stream_shutdown, DestTuplestore}};
	SPIExecuteOptions options = {0};
	int			rc;

	s.n = n;
	s.types = types;
	s.required = required;
	s.callback = callback;
	s.arg = arg;
	s.context = AllocSetContextCreate(CurrentMemoryContext, "recsys stream row",
									  ALLOCSET_SMALL_SIZES);
	options.read_only = true;
	options.dest = &s.pub;
	rc = SPI_execute_extended(query, &options);
	if (rc < 0)
		elog(ERROR, "could not read rows: %s", SPI_result_code_string(rc));
	MemoryContextDelete(s.context);
}
