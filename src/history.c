/*-------------------------------------------------------------------------
 *
 * history.c
 *	  What a user has done, as the model understands it.
 *
 * A user's events are read newest first through the (user, time) index and
 * with a limit, so that a user with 100,000 events costs no more than one with
 * a thousand.  They are merged by the code that merged them for training.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "serve.h"
#include "kernel/history.h"

#define EVENTS_PER_ITEM		5	/* read so many events per item of the limit */

/* The events read, with their items numbered in the order of the ids. */
typedef struct Events
{
	int			n;
	RsEvent    *event;
	RsIdMap    *items;
} Events;

/* Rows of a query about a user up to an instant. */
static uint64
select_rows(const RsRecommender *r, const char *query, Datum user,
			bool has_as_of, TimestampTz as_of, int n, const Oid *types)
{
	Oid			argtypes[2] = {r->user_type, TIMESTAMPTZOID};
	Datum		args[2];

	args[0] = user;
	args[1] = TimestampTzGetDatum(as_of);
	return rs_spi_select(query, has_as_of ? 2 : 1, argtypes, args, n, types);
}

/* Renumbers the items of events in the order of the ids. */
static void
sort_items(Events *e)
{
	uint32	   *place = palloc((rs_idmap_count(e->items) + 1) * sizeof(uint32));

	rs_idmap_sort(e->items, place);
	for (int i = 0; i < e->n; i++)
		e->event[i].item = place[e->event[i].item];
	pfree(place);
}

/* Whether a boolean is true, and not NULL. */
static bool
spi_true(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

/* The newest events of a user. */
static void
read_events(RsRecommender *r, Datum user, bool has_as_of, TimestampTz as_of,
			int limit, Events *e)
{
	Oid			types[] = {r->item_type, FLOAT8OID, TIMESTAMPTZOID, BOOLOID, BOOLOID};
	uint64		n;

	n = select_rows(r, psprintf("SELECT i.item_id, i.weight, i.interacted_at, i.positive, i.owned"
								" FROM %s.interaction i WHERE i.user_id = $1 %s"
								" ORDER BY i.interacted_at DESC LIMIT %d",
								r->schema, has_as_of ? "AND i.interacted_at <= $2" : "", limit),
					user, has_as_of, as_of, lengthof(types), types);
	e->n = 0;
	e->event = palloc((n + 1) * sizeof(RsEvent));
	e->items = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	for (uint64 i = 0; i < n; i++)
	{
		RsEvent    *event = &e->event[e->n];
		bool		isnull;
		Datum		time = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3, &isnull);

		event->item = rs_idmap_add(e->items, rs_spi_value(i, 1));
		event->weight = (float) DatumGetFloat8(rs_spi_value(i, 2));
		event->time = isnull ? 0 : DatumGetTimestampTz(time);
		event->flags = (spi_true(i, 4) ? RS_POSITIVE : 0) | (spi_true(i, 5) ? RS_OWNED : 0);
		/* training would refuse it; here the others still count */
		if (!isfinite(event->weight))
		{
			event->weight = 0;
			event->flags &= ~RS_POSITIVE;
		}
		e->n++;
	}
	SPI_freetuptable(SPI_tuptable);
	sort_items(e);
}

/* Adds the items of a query's rows to a set. */
static void
hide_rows(const RsRecommender *r, const char *query, Datum user,
		  bool has_as_of, TimestampTz as_of, RsIdMap *hidden)
{
	uint64		n = select_rows(r, query, user, has_as_of, as_of, 1, &r->item_type);

	for (uint64 i = 0; i < n; i++)
		rs_idmap_add(hidden, rs_spi_value(i, 1));
	SPI_freetuptable(SPI_tuptable);
}

/* Keeps of merged events what the model can score from. */
static void
take_known(const RsModel *m, const RsRecommender *r, Events *e, int merged,
		   RsHistory *h)
{
	int			n = rs_newest_positive(e->event, merged, r->history_limit);

	h->column = palloc((n + 1) * sizeof(uint32));
	h->weight = palloc((n + 1) * sizeof(float));
	for (int i = 0; i < n; i++)
	{
		uint32		column = rs_idmap_find(m->items, rs_idmap_datum(e->items, e->event[i].item));

		if (column == RS_NO_ID)
			continue;
		h->column[h->n] = column;
		h->weight[h->n++] = e->event[i].weight;
	}
}

/* Clear words for a view that went with its source. */
static void
check_source(const RsRecommender *r)
{
	if (!OidIsValid(get_relname_relid("interaction", r->schema_oid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("source %s of recommender \"%s\" no longer exists",
						r->source_name, NameStr(r->name)),
				 errhint("SELECT recsys.alter_recommender('%s', source => ...) names another.",
						 NameStr(r->name))));
}

/*
 * History and hidden items of a user: owned ones (unless items are repeatable)
 * and disliked ones.
 */
RsHistory *
rs_history_of_user(RsRecommender *r, const RsModel *m, Datum user,
				   bool has_as_of, TimestampTz as_of)
{
	RsHistory  *h = palloc0(sizeof(RsHistory));
	int			limit = r->history_limit * EVENTS_PER_ITEM;
	Events		e;
	int			merged;
	bool		truncated;

	check_source(r);
	h->hidden = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	read_events(r, user, has_as_of, as_of, limit, &e);
	truncated = (e.n >= limit);
	qsort(e.event, e.n, sizeof(RsEvent), rs_event_compare);
	merged = rs_merge_events(e.event, e.n, PG_INT64_MAX, r->merge, r->repeat_window);
	if (!r->repeatable && !truncated)
		for (int i = 0; i < merged; i++)
			if (e.event[i].flags & RS_OWNED)
				rs_idmap_add(h->hidden, rs_idmap_datum(e.items, e.event[i].item));
	if (!r->repeatable && truncated)
		hide_rows(r, psprintf("SELECT DISTINCT i.item_id FROM %s.interaction i WHERE i.user_id = $1 AND i.owned%s",
						   r->schema, has_as_of ? " AND i.interacted_at <= $2" : ""),
				  user, has_as_of, as_of, h->hidden);
	if (r->has_dislikes)
		hide_rows(r, psprintf("SELECT DISTINCT d.item_id FROM %s.dislike d WHERE d.user_id = $1%s",
						   r->schema, has_as_of ? " AND d.interacted_at <= $2" : ""),
				  user, has_as_of, as_of, h->hidden);
	take_known(m, r, &e, merged, h);
	return h;
}

/* History of a session: these items, the latest last, each once, weight 1. */
RsHistory *
rs_history_of_items(RsRecommender *r, const RsModel *m, Datum items)
{
	RsHistory  *h = palloc0(sizeof(RsHistory));
	int			n;
	Datum	   *values = rs_elements(DatumGetArrayTypeP(items), r->item_type, &n);
	Events		e;

	h->hidden = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	e.items = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	e.event = palloc0((n + 1) * sizeof(RsEvent));
	e.n = 0;
	for (int i = 0; i < n; i++)
	{
		e.event[e.n].item = rs_idmap_add(e.items, values[i]);
		e.event[e.n].weight = 1;
		e.event[e.n].time = i + 1;
		e.event[e.n++].flags = RS_POSITIVE | RS_OWNED;
		if (!r->repeatable)
			rs_idmap_add(h->hidden, values[i]);
	}
	sort_items(&e);
	qsort(e.event, e.n, sizeof(RsEvent), rs_event_compare);
	take_known(m, r, &e, rs_merge_events(e.event, e.n, PG_INT64_MAX, RS_MERGE_LAST, 0), h);
	return h;
}
