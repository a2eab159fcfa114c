/*-------------------------------------------------------------------------
 *
 * write.c
 *	  Rows into a table, by SQL.
 *
 * The counterpart of stream.c.  Rows gather in a tuplestore that SQL sees as a
 * relation, and one prepared INSERT ... SELECT moves each batch of them into
 * the table: constraints, triggers, rules and rights hold as for anybody.  A
 * batch stays in the processor's cache, where the whole would go through a
 * temporary file.
 *
 * Rows should come in the order of the primary key: then each index entry is
 * the last, which the B-tree finds without descending, and its pages are left
 * full rather than split in halves.
 *
 * One writer at a time in an SPI connection, which the caller has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/itup.h"
#include "access/nbtree.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "train.h"

#define ROWS_RELATION	"recsys_rows"
#define BATCH_ROWS		4096
#define SAMPLED_ROWS	64		/* one row in so many is measured */

struct RsWriter
{
	const char *target;
	TupleDesc	desc;
	TupleDesc	key;			/* its leading columns; NULL if not measured */
	EphemeralNamedRelation relation;
	Tuplestorestate *batch;
	SPIPlanPtr	insert;
	int64		rows;
	int64		sampled_bytes;
};

static TupleDesc
make_desc(int n, const RsColumn *columns)
{
	TupleDesc	desc = CreateTemplateTupleDesc(n);

	for (int i = 0; i < n; i++)
		TupleDescInitEntry(desc, i + 1, columns[i].name, columns[i].type, -1, 0);
	return desc;
}

/*
 * A writer of rows of n columns by INSERT INTO target SELECT select.  The
 * first nkeys columns after a model's id are the primary key; 0 where
 * rs_writer_end need not know the rows' size.
 */
RsWriter *
rs_writer_begin(const char *target, const char *select, int n,
				const RsColumn *columns, int nkeys)
{
	RsWriter   *w = palloc0(sizeof(RsWriter));
	int			rc;

	w->target = target;
	w->desc = make_desc(n, columns);
	w->key = nkeys > 0 ? make_desc(nkeys, columns) : NULL;
	w->batch = tuplestore_begin_heap(false, false, work_mem);
	w->relation = palloc0(sizeof(EphemeralNamedRelationData));
	w->relation->md.name = ROWS_RELATION;
	w->relation->md.reliddesc = InvalidOid;
	w->relation->md.tupdesc = w->desc;
	w->relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	w->relation->md.enrtuples = BATCH_ROWS;
	w->relation->reldata = w->batch;
	rc = SPI_register_relation(w->relation);
	if (rc != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register the rows to write: %s",
			 SPI_result_code_string(rc));
	w->insert = SPI_prepare(psprintf("INSERT INTO %s SELECT %s FROM " ROWS_RELATION,
									 target, select), 0, NULL);
	if (w->insert == NULL)
		elog(ERROR, "could not prepare to write to %s: %s", target,
			 SPI_result_code_string(SPI_result));
	return w;
}

/* Moves the batch into the table. */
static void
flush(RsWriter *w)
{
	int			rc;

	CHECK_FOR_INTERRUPTS();
	rc = SPI_execute_plan(w->insert, NULL, NULL, false, 0);
	if (rc != SPI_OK_INSERT)
		elog(ERROR, "could not write to %s: %s", w->target,
			 SPI_result_code_string(rc));

	/* a new one, since each scan leaves a read pointer behind in the old */
	tuplestore_end(w->batch);
	w->batch = tuplestore_begin_heap(false, false, work_mem);
	w->relation->reldata = w->batch;
}

/*
 * Bytes of a row and of its entry in the primary key, which holds the model's
 * id besides.
 */
static int64
row_bytes(const RsWriter *w, Datum *values, bool *nulls)
{
	Size		row = MAXALIGN(SizeofHeapTupleHeader) + sizeof(int64) +
	heap_compute_data_size(w->desc, values, nulls);
	Size		entry = sizeof(IndexTupleData) + sizeof(int64) +
	heap_compute_data_size(w->key, values, nulls);

	return MAXALIGN(row) + sizeof(ItemIdData) +
		(MAXALIGN(entry) + sizeof(ItemIdData)) * 100 / BTREE_DEFAULT_FILLFACTOR;
}

void
rs_writer_add(RsWriter *w, Datum *values, bool *nulls)
{
	if (w->key && w->rows % SAMPLED_ROWS == 0)
		w->sampled_bytes += row_bytes(w, values, nulls);
	tuplestore_putvalues(w->batch, w->desc, values, nulls);
	if (++w->rows % BATCH_ROWS == 0)
		flush(w);
}

/* Writes what is left; returns how many rows there were. */
int64
rs_writer_end(RsWriter *w, int64 *bytes)
{
	int64		rows = w->rows;

	if (rows % BATCH_ROWS != 0)
		flush(w);
	SPI_freeplan(w->insert);
	SPI_unregister_relation(ROWS_RELATION);
	tuplestore_end(w->batch);
	if (bytes && rows > 0)
		*bytes += (int64) ((double) w->sampled_bytes * rows /
						   ((rows + SAMPLED_ROWS - 1) / SAMPLED_ROWS));
	pfree(w);
	return rows;
}
