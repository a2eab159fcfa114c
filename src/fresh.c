/*-------------------------------------------------------------------------
 *
 * fresh.c
 *	  New items of the catalog as candidates of the funnel.
 *
 * The newest items by their release that the model does not know, ranked by
 * what the catalog says of them alone.  So many rows are read as the model's
 * setting fresh_candidates asks for, and a few more, through an index on the
 * catalog's released_at where it has one; an item that is older than those
 * comes at the end of a list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "listing.h"

#define KEPT_SETTINGS	4
#define FIXED_COLUMNS	4		/* item, category, price, released_at */

/* rows to read for each item wanted, since the model may know some */
#define ROWS_PER_ITEM	4
#define MORE_ROWS		20

/* What a model's settings say of new items; they never change. */
typedef struct Settings
{
	Oid			schema;
	int64		model_id;
	int			wanted;
	char	   *query;			/* NULL = no new items */
} Settings;

static Settings kept[KEPT_SETTINGS];
static int	next_kept;

static const char *const settings_query =
"SELECT coalesce((m.parameters -> 'settings' ->> 'fresh_candidates')::int4, 0),"
" ARRAY(SELECT e.value #>> '{}' FROM pg_catalog.jsonb_each(coalesce(m.parameters -> 'settings' -> 'features', '{}')) e"
" ORDER BY e.key COLLATE \"C\")"
" FROM recsys.model m WHERE m.model_id = $1";

/* The query for the newest $2 rows up to the instant $1. */
static char *
fresh_query(const RsRequest *q, const Datum *expression, int n)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT c.item_id, c.category, c.price, c.released_at");
	for (int i = 0; i < n; i++)
		appendStringInfo(&sql, ", (\n%s\n)::pg_catalog.float8", TextDatumGetCString(expression[i]));
	appendStringInfo(&sql, " FROM %s.catalog c WHERE c.available AND c.item_id IS NOT NULL AND c.released_at <= $1"
					 " ORDER BY c.released_at DESC, c.item_id LIMIT $2", q->r->schema);
	return sql.data;
}

/* The settings of the request's model. */
static const Settings *
get_settings(const RsRequest *q)
{
	Settings   *s;
	Oid			type = INT8OID;
	Oid			types[] = {INT4OID, TEXTARRAYOID};
	Datum		arg = Int64GetDatum(q->m->model_id);
	char	   *query = NULL;
	int			wanted = 0;

	for (int i = 0; i < KEPT_SETTINGS; i++)
		if (kept[i].model_id == q->m->model_id && kept[i].schema == q->r->schema_oid)
			return &kept[i];
	if (rs_spi_select(settings_query, 1, &type, &arg, lengthof(types), types) == 1)
	{
		int			n;
		Datum	   *expression = rs_elements(DatumGetArrayTypeP(rs_spi_value(0, 2)), TEXTOID, &n);

		wanted = DatumGetInt32(rs_spi_value(0, 1));
		if (wanted > 0 && n == q->m->funnel.facts.nextra)
			query = MemoryContextStrdup(TopMemoryContext, fresh_query(q, expression, n));
	}
	SPI_freetuptable(SPI_tuptable);
	s = &kept[next_kept];
	next_kept = (next_kept + 1) % KEPT_SETTINGS;
	if (s->query != NULL)
		pfree(s->query);
	s->schema = q->r->schema_oid;
	s->model_id = q->m->model_id;
	s->wanted = wanted;
	s->query = query;
	return s;
}

/* a number that a float holds */
static bool
is_known(double x)
{
	return isfinite(x) && fabs(x) <= FLT_MAX;
}

/* What a row says; features of one's own that are not known are 0. */
static void
read_facts(const RsRequest *q, const Datum *values, const bool *isnull, RsItemFacts *facts)
{
	int			nextra = q->m->funnel.facts.nextra;
	float	   *extra = palloc0((nextra + 1) * sizeof(float));

	facts->category = isnull[1] ? RS_NO_CATEGORY : rs_model_category(q->m, TextDatumGetCString(values[1]));
	facts->price = !isnull[2] && DatumGetFloat8(values[2]) >= 0 && is_known(DatumGetFloat8(values[2])) ?
		(float) DatumGetFloat8(values[2]) : -1;
	facts->released = isnull[3] || TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(values[3])) ?
		RS_NO_RELEASE : DatumGetTimestampTz(values[3]);
	for (int i = 0; i < nextra; i++)
		if (!isnull[FIXED_COLUMNS + i] && is_known(DatumGetFloat8(values[FIXED_COLUMNS + i])))
			extra[i] = (float) DatumGetFloat8(values[FIXED_COLUMNS + i]);
	facts->extra = extra;
}

int
rs_fresh_candidates(RsRequest *q, RsEntry **entries)
{
	const Settings *s;
	int			nextra = q->m->funnel.facts.nextra;
	Oid			argtypes[] = {TIMESTAMPTZOID, INT8OID};
	Oid			types[FIXED_COLUMNS + RS_MOST_EXTRA] = {q->r->item_type, TEXTOID, FLOAT8OID, TIMESTAMPTZOID};
	Datum		args[2];
	RsIdMap    *items;
	uint64		rows;

	*entries = NULL;
	if (!q->r->has_catalog || (s = get_settings(q))->query == NULL)
		return 0;
	for (int i = 0; i < nextra; i++)
		types[FIXED_COLUMNS + i] = FLOAT8OID;
	args[0] = TimestampTzGetDatum(q->as_of);
	args[1] = Int64GetDatum((int64) s->wanted * ROWS_PER_ITEM + MORE_ROWS);
	rows = rs_spi_select(s->query, lengthof(argtypes), argtypes, args, FIXED_COLUMNS + nextra, types);
	*entries = palloc0((s->wanted + 1) * sizeof(RsEntry));
	items = rs_idmap_create(q->r->item_type, q->r->item_collation, CurrentMemoryContext);
	for (uint64 i = 0; i < rows && rs_idmap_count(items) < (uint32) s->wanted; i++)
	{
		Datum		values[FIXED_COLUMNS + RS_MOST_EXTRA];
		bool		isnull[FIXED_COLUMNS + RS_MOST_EXTRA];
		uint32		before = rs_idmap_count(items);
		RsEntry    *e = &(*entries)[before];
		RsItemFacts *facts;

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, isnull);
		if (rs_model_find(q->m, values[0]) != RS_NO_ID || rs_idmap_add(items, values[0]) != before)
			continue;
		facts = palloc(sizeof(RsItemFacts));
		read_facts(q, values, isnull, facts);
		e->item = rs_idmap_datum(items, before);
		e->column = RS_NO_ID;
		e->source = RS_FROM_FRESH;
		e->because = RS_NO_ID;
		e->facts = facts;
		e->says.released = RS_NO_RELEASE;
	}
	SPI_freetuptable(SPI_tuptable);
	return (int) rs_idmap_count(items);
}
