/*-------------------------------------------------------------------------
 *
 * fresh.c
 *	  New items of the catalog as candidates of the funnel.
 *
 * The newest items by their release that the model does not know, ranked by
 * what the catalog says of them alone.  So many rows are read as the model's
 * setting fresh_candidates asks for, and a few more; an item that is older than
 * those comes at the end of a list.  They are read at each call, through an
 * index that serves their order where the catalog has one; where that would be
 * costly they are kept for some seconds (newest.c).
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
#include "plan.h"

#define KEPT_SETTINGS	4
#define FIXED_COLUMNS	4		/* item, category, price, released_at */

/* rows to read for each item wanted, since the model may know some */
#define ROWS_PER_ITEM	2
#define MORE_ROWS		10

/* What a model's settings say of new items; they never change. */
typedef struct Settings
{
	Oid			schema;
	int64		model_id;
	int			wanted;			/* 0 = no new items */
	char	   *query;			/* for the newest; NULL = none */
	char	   *item_query;		/* for one item */
} Settings;

static Settings kept[KEPT_SETTINGS];
static int	next_kept;

static const char *const settings_query =
"SELECT coalesce((m.parameters -> 'settings' ->> 'fresh_candidates')::int4, 0),"
" ARRAY(SELECT e.value #>> '{}' FROM pg_catalog.jsonb_each(coalesce(m.parameters -> 'settings' -> 'features', '{}')) e"
" ORDER BY e.key COLLATE \"C\")"
" FROM recsys.model m WHERE m.model_id = $1";

/* What a query selects of the catalog. */
static char *
fresh_columns(const RsRequest *q, const Datum *expression, int n)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT c.item_id, c.category, c.price, c.released_at");
	for (int i = 0; i < n; i++)
		appendStringInfo(&sql, ", (\n%s\n)::pg_catalog.float8", TextDatumGetCString(expression[i]));
	appendStringInfo(&sql, " FROM %s.catalog c WHERE", q->r->schema);
	return sql.data;
}

/* Keeps both queries in place of those that have been here longest. */
static Settings *
keep_settings(const RsRequest *q, int wanted, const char *columns)
{
	/* the planner must know how few are wanted: it would expect a tenth of all */
	char	   *query = psprintf("%s c.available AND c.item_id IS NOT NULL AND c.released_at <= $1"
								 " ORDER BY c.released_at DESC, c.item_id LIMIT " INT64_FORMAT,
								 columns, (int64) wanted * ROWS_PER_ITEM + MORE_ROWS);
	Settings   *s = &kept[next_kept];

	/* what may fail comes before anything is changed */
	query = MemoryContextStrdup(TopMemoryContext, query);
	columns = MemoryContextStrdup(TopMemoryContext, psprintf("%s c.item_id = $1 LIMIT 1", columns));
	next_kept = (next_kept + 1) % KEPT_SETTINGS;
	if (s->query != NULL)
	{
		pfree(s->query);
		pfree(s->item_query);
	}
	s->schema = q->r->schema_oid;
	s->model_id = q->m->model_id;
	s->wanted = wanted;
	s->query = query;
	s->item_query = unconstify(char *, columns);
	return s;
}

/* The settings of the request's model; NULL where they cannot be had. */
static const Settings *
get_settings(const RsRequest *q)
{
	Oid			type = INT8OID;
	Oid			types[] = {INT4OID, TEXTARRAYOID};
	Datum		arg = Int64GetDatum(q->m->model_id);
	const Settings *s = NULL;

	for (int i = 0; i < KEPT_SETTINGS; i++)
		if (kept[i].query != NULL && kept[i].model_id == q->m->model_id &&
			kept[i].schema == q->r->schema_oid)
			return &kept[i];
	if (rs_spi_select(settings_query, 1, &type, &arg, lengthof(types), types) == 1)
	{
		int			n;
		Datum	   *expression = rs_elements(DatumGetArrayTypeP(rs_spi_value(0, 2)), TEXTOID, &n);

		if (n == q->m->funnel.facts.nextra)
			s = keep_settings(q, DatumGetInt32(rs_spi_value(0, 1)), fresh_columns(q, expression, n));
	}
	SPI_freetuptable(SPI_tuptable);
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

/* What a row of either query says, in the current context but for the item. */
static void
read_item(const RsRequest *q, uint64 row, RsNewItem *n)
{
	Datum		values[FIXED_COLUMNS + RS_MOST_EXTRA];
	bool		isnull[FIXED_COLUMNS + RS_MOST_EXTRA];

	heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, values, isnull);
	n->item = values[0];
	read_facts(q, values, isnull, &n->facts);
}

/* An entry of an item; what it says must live as long. */
static void
make_entry(const RsNewItem *n, Datum item, RsEntry *e)
{
	memset(e, 0, sizeof(*e));
	e->item = item;
	e->column = RS_NO_ID;
	e->source = RS_FROM_FRESH;
	e->because = RS_NO_ID;
	e->facts = &n->facts;
	e->says.released = RS_NO_RELEASE;
}

/* The rows of a query of these parameters. */
static uint64
select_facts(const RsRequest *q, const char *query, int nargs, const Oid *argtypes, const Datum *args)
{
	int			nextra = q->m->funnel.facts.nextra;
	Oid			types[FIXED_COLUMNS + RS_MOST_EXTRA] = {q->r->item_type, TEXTOID, FLOAT8OID, TIMESTAMPTZOID};

	for (int i = 0; i < nextra; i++)
		types[FIXED_COLUMNS + i] = FLOAT8OID;
	return rs_spi_select(query, nargs, argtypes, args, FIXED_COLUMNS + nextra, types);
}

/* Reads the newest items, or takes those that are kept. */
static int
get_newest(const RsRequest *q, const Settings *s, RsNewItem **item)
{
	Oid			type = TIMESTAMPTZOID;
	Datum		as_of = TimestampTzGetDatum(q->as_of);
	bool		keeps = rs_newest_keeps(q, rs_plan(s->query, 1, &type));
	int			n = keeps ? rs_newest_kept(q, item) : -1;

	if (n >= 0)
		return n;
	n = (int) select_facts(q, s->query, 1, &type, &as_of);
	*item = palloc((n + 1) * sizeof(RsNewItem));
	for (int i = 0; i < n; i++)
		read_item(q, i, &(*item)[i]);
	/* the rows stay until the call ends: the items are in them */
	if (keeps)
		rs_newest_keep(q, *item, n);
	return n;
}

int
rs_fresh_candidates(RsRequest *q, RsEntry **entries)
{
	const Settings *s = q->r->has_catalog ? get_settings(q) : NULL;
	RsNewItem  *newest;
	RsIdMap    *items;
	int			wanted;
	int			n;

	*entries = NULL;
	if (s == NULL || s->wanted <= 0)
		return 0;
	wanted = s->wanted;
	n = get_newest(q, s, &newest);
	*entries = palloc((wanted + 1) * sizeof(RsEntry));
	items = rs_idmap_create(q->r->item_type, q->r->item_collation, CurrentMemoryContext);
	for (int i = 0; i < n && rs_idmap_count(items) < (uint32) wanted; i++)
	{
		uint32		before = rs_idmap_count(items);

		if (rs_model_find(q->m, newest[i].item) == RS_NO_ID && rs_idmap_add(items, newest[i].item) == before)
			make_entry(&newest[i], rs_idmap_datum(items, before), &(*entries)[before]);
	}
	return (int) rs_idmap_count(items);
}

bool
rs_fresh_entry(RsRequest *q, Datum item, RsEntry *e)
{
	const Settings *s = q->r->has_catalog ? get_settings(q) : NULL;
	RsNewItem  *n;
	bool		found;

	if (s == NULL)
		return false;
	found = select_facts(q, s->item_query, 1, &q->r->item_type, &item) > 0;
	if (found)
	{
		n = palloc(sizeof(RsNewItem));
		read_item(q, 0, n);
		make_entry(n, item, e);
	}
	SPI_freetuptable(SPI_tuptable);
	return found;
}
