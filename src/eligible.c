/*-------------------------------------------------------------------------
 *
 * eligible.c
 *	  Which items may be listed at this very moment.
 *
 * Excluded items, items that the catalog calls unavailable (or does not know,
 * where a catalog is required), and items that do not meet the conditions of
 * the call and of the policy's rules are found by one query over the items in
 * question, which also fetches what the rules need to know of the others.
 *
 * The rules' SQL stands in a subquery over the catalog alone, so that a column
 * means there what it meant when the rule was checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "filter.h"
#include "plan.h"

/* ---- the text of the queries ---- */

/* Condition on an item of a relation: nobody has excluded it. */
static char *
not_excluded(const RsFilter *f, const char *relation)
{
	return psprintf("NOT EXISTS (SELECT FROM %s.excluded_item x WHERE x.item_id = %s.item_id)",
					f->r->schema, relation);
}

/* What the rules ask of the catalog, as a list of columns after others. */
static char *
asked(const RsFilter *f, bool grouped)
{
	StringInfoData sql;

	initStringInfo(&sql);
	if (!f->asks)
		return sql.data;
	appendStringInfoString(&sql, grouped ? ", min(c.category COLLATE \"C\") AS category, min(c.released_at) AS released_at" :
						   ", c.category, c.released_at");
	for (int i = 0; i < f->rules->nboosts; i++)
		appendStringInfo(&sql, grouped ? ", min(pg_catalog.float8mul((\n%s\n), 1)) AS boost%d" :
						 ", pg_catalog.float8mul((\n%s\n), 1) AS boost%d", f->rules->boost[i], i);
	return sql.data;
}

/* Must an item stand in the catalog? */
static bool
needs_catalog(const RsFilter *f)
{
	return f->r->has_catalog && (f->r->require_catalog || f->filtered);
}

/* The query over the items $1; numbers count from 1. */
static char *
rows_query(const RsFilter *f)
{
	const char *schema = f->r->schema;
	StringInfoData sql;
	const char *found = psprintf("FROM %s.catalog c WHERE c.item_id = t.item_id AND c.available%s",
								 schema, f->condition.data);

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT t.n::pg_catalog.int4");
	if (f->asks)
		appendStringInfoString(&sql, ", v.*");
	appendStringInfoString(&sql, " FROM pg_catalog.unnest($1) WITH ORDINALITY t (item_id, n)");
	if (f->asks && needs_catalog(f))
		appendStringInfo(&sql, " CROSS JOIN LATERAL (SELECT %s %s) v", asked(f, false) + 2, found);
	else if (f->asks)
		appendStringInfo(&sql, " LEFT JOIN LATERAL (SELECT %s %s) v ON true", asked(f, false) + 2, found);
	appendStringInfo(&sql, " WHERE %s", not_excluded(f, "t"));
	if (needs_catalog(f) && !f->asks)
		appendStringInfo(&sql, " AND EXISTS (SELECT %s)", found);
	else if (f->r->has_catalog && !needs_catalog(f))
		appendStringInfo(&sql, " AND NOT EXISTS (SELECT FROM %s.catalog c WHERE c.item_id = t.item_id AND NOT c.available)",
						 schema);
	return sql.data;
}

/* ---- running them ---- */

/* Executes a query with the filter's values; $1 of the type given. */
static uint64
execute(RsFilter *f, const char *query, Oid type, Datum first, int64 model_id)
{
	SPIPlanPtr	plan;
	int			rc;

	f->types[0] = type;
	f->values[0] = first;
	f->types[1] = INT8OID;
	f->values[1] = Int64GetDatum(model_id);
	plan = rs_plan(query, f->nparams, f->types);
	rc = SPI_execute_plan(plan, f->values, NULL, true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not ask for the items that may be listed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

/* The columns that come back: first the given one, then what the rules ask. */
static void
check_columns(const RsFilter *f, Oid first)
{
	int			nboosts = f->asks ? f->rules->nboosts : 0;
	Oid		   *types = palloc((3 + nboosts) * sizeof(Oid));

	types[0] = first;
	types[1] = TEXTOID;
	types[2] = TIMESTAMPTZOID;
	for (int i = 0; i < nboosts; i++)
		types[3 + i] = FLOAT8OID;
	rs_check_columns(SPI_tuptable->tupdesc, f->asks ? 3 + nboosts : 1, types);
	pfree(types);
}

/*
 * What a row says of an item.  Where the catalog has an item twice, the smallest
 * of each value holds, as in training and as when they are grouped.
 */
static void
read_says(const RsFilter *f, uint64 row, RsEligible *e)
{
	HeapTuple	tuple = SPI_tuptable->vals[row];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	bool		isnull;
	Datum		value;

	e->pass = true;
	if (!f->asks)
		return;
	value = SPI_getbinval(tuple, desc, 2, &isnull);
	if (!isnull)
	{
		char	   *category = TextDatumGetCString(value);

		if (e->category == NULL || strcmp(category, e->category) < 0)
			e->category = category;
	}
	value = SPI_getbinval(tuple, desc, 3, &isnull);
	if (!isnull && !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)) &&
		(e->released == RS_NO_RELEASE || DatumGetTimestampTz(value) < e->released))
		e->released = DatumGetTimestampTz(value);
	for (int i = 0; i < f->rules->nboosts; i++)
	{
		value = SPI_getbinval(tuple, desc, 4 + i, &isnull);
		if (!isnull && !isnan(DatumGetFloat8(value)) &&
			(isnan(e->boost[i]) || DatumGetFloat8(value) < e->boost[i]))
			e->boost[i] = DatumGetFloat8(value);
	}
}

/* Nothing is said yet; a boost that is not known is NaN. */
static void
say_nothing(const RsFilter *f, RsEligible *e)
{
	memset(e, 0, sizeof(*e));
	e->released = RS_NO_RELEASE;
	if (!f->asks || f->rules->nboosts == 0)
		return;
	e->boost = palloc(f->rules->nboosts * sizeof(double));
	for (int i = 0; i < f->rules->nboosts; i++)
		e->boost[i] = NAN;
}

void
rs_filter_rows(RsFilter *f, const Datum *items, int n, RsEligible *row)
{
	Datum		array;
	uint64		rows;

	for (int i = 0; i < n; i++)
		say_nothing(f, &row[i]);
	if (n == 0)
		return;
	if (f->rows_query == NULL)
		f->rows_query = MemoryContextStrdup(GetMemoryChunkContext(f), rows_query(f));
	array = rs_id_array(f->r->item_type, items, n);
	rows = execute(f, f->rows_query, f->array_type, array, 0);
	check_columns(f, INT4OID);
	for (uint64 i = 0; i < rows; i++)
		read_says(f, i, &row[DatumGetInt32(rs_spi_value(i, 1)) - 1]);
	SPI_freetuptable(SPI_tuptable);
	pfree(DatumGetPointer(array));
}

void
rs_filter_items(RsFilter *f, const Datum *items, int n, bool *pass)
{
	RsEligible *row = palloc_extended((Size) (n + 1) * sizeof(RsEligible), MCXT_ALLOC_HUGE);

	rs_filter_rows(f, items, n, row);
	for (int i = 0; i < n; i++)
		pass[i] = row[i].pass;
	pfree(row);
}

/* The rows at hand as items found, each once; their ids are copied. */
static int
read_found(const RsFilter *f, uint64 rows, RsFound **found)
{
	RsIdMap    *items = rs_idmap_create(f->r->item_type, f->r->item_collation, CurrentMemoryContext);

	*found = palloc_extended((rows + 1) * sizeof(RsFound), MCXT_ALLOC_HUGE);
	check_columns(f, f->r->item_type);
	for (uint64 i = 0; i < rows; i++)
	{
		uint32		before = rs_idmap_count(items);
		uint32		number = rs_idmap_add(items, rs_spi_value(i, 1));

		if (number == before)
		{
			(*found)[number].item = rs_idmap_datum(items, number);
			say_nothing(f, &(*found)[number].says);
		}
		read_says(f, i, &(*found)[number].says);
	}
	return (int) rs_idmap_count(items);
}

int
rs_filter_catalog(RsFilter *f, int limit, RsFound **found)
{
	char	   *query = psprintf("SELECT c.item_id%s FROM %s.catalog c WHERE c.available%s AND %s LIMIT $1",
								 asked(f, false), f->r->schema, f->condition.data, not_excluded(f, "c"));
	uint64		rows = execute(f, query, INT8OID, Int64GetDatum((int64) limit + 1), 0);
	int			n = -1;

	if (rows <= (uint64) limit)
		n = read_found(f, rows, found);
	SPI_freetuptable(SPI_tuptable);
	pfree(query);
	return n;
}

int
rs_filter_unknown(RsFilter *f, const RsModel *m, RsIdMap *only, int64 limit,
				  RsFound **found)
{
	StringInfoData sql;
	uint64		rows;
	int			n;

	*found = NULL;
	if (!f->r->has_catalog || limit <= 0)
		return 0;
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT c.item_id%s FROM %s.catalog c WHERE c.available%s AND %s"
					 " AND NOT EXISTS (SELECT FROM %s.popularity p WHERE p.model_id = $2 AND p.item_id = c.item_id)%s"
					 " GROUP BY c.item_id ORDER BY max(c.released_at) DESC NULLS LAST, c.item_id%s",
					 asked(f, true), f->r->schema, f->condition.data, not_excluded(f, "c"), f->r->schema,
					 only != NULL ? " AND c.item_id = ANY ($1)" : "", only == NULL ? " LIMIT $1" : "");
	if (only != NULL)
	{
		Datum	   *items;

		n = rs_idmap_count(only);
		items = palloc_extended((n + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
		for (int i = 0; i < n; i++)
			items[i] = rs_idmap_datum(only, i);
		rows = execute(f, sql.data, f->array_type, rs_id_array(f->r->item_type, items, n), m->model_id);
	}
	else
		rows = execute(f, sql.data, INT8OID, Int64GetDatum(limit), m->model_id);
	n = read_found(f, Min(rows, (uint64) limit), found);
	SPI_freetuptable(SPI_tuptable);
	return n;
}

/* What batch lists need: ids alone, without those hidden. */
int
rs_filter_fresh(RsFilter *f, const RsModel *m, RsIdMap *hidden, RsIdMap *only,
				int64 limit, Datum **items)
{
	RsFound    *found;
	int			n = 0;
	int			rows = rs_filter_unknown(f, m, only, limit > PG_INT32_MAX - rs_idmap_count(hidden) ?
										 PG_INT32_MAX : limit + rs_idmap_count(hidden), &found);

	*items = palloc_extended(((Size) rows + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (int i = 0; i < rows && n < limit; i++)
		if (rs_idmap_find(hidden, found[i].item) == RS_NO_ID)
			(*items)[n++] = found[i].item;
	return n;
}
