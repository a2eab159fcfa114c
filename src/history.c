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

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "serve.h"
#include "kernel/history.h"
#include "kernel/rating.h"

#define EVENTS_PER_ITEM		5	/* read so many events per item of the limit */

/* Owned items are hidden if they were owned after this instant. */
static TimestampTz
owned_since(const RsRecommender *r, TimestampTz as_of)
{
	if (r->rebuy_after <= 0 || as_of < MIN_TIMESTAMP + r->rebuy_after)
		return DT_NOBEGIN;
	return as_of - r->rebuy_after;
}

/* Does a user have items that are hidden because they are owned? */
static bool
hides_owned(const RsRecommender *r)
{
	return !r->repeatable || r->rebuy_after > 0;
}

bool
rs_owned_hides(const RsRecommender *r, TimestampTz owned_at, TimestampTz as_of)
{
	return r->rebuy_after > 0 ? owned_at > owned_since(r, as_of) : !r->repeatable;
}

/* Rows of a query about a user up to an instant, $2; $3 is as long before it. */
static uint64
select_rows(const RsRecommender *r, const char *query, Datum user,
			bool has_as_of, TimestampTz as_of, int n, const Oid *types)
{
	Oid			argtypes[3] = {r->user_type, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		args[3];

	args[0] = user;
	args[1] = TimestampTzGetDatum(as_of);
	args[2] = TimestampTzGetDatum(owned_since(r, as_of));
	return rs_spi_select(query, r->rebuy_after > 0 ? 3 : has_as_of ? 2 : 1, argtypes, args, n, types);
}

/* Condition on a relation's rows: up to the instant asked for. */
static const char *
until(const char *relation, bool has_as_of)
{
	return has_as_of ? psprintf(" AND %s.interacted_at <= $2", relation) : "";
}

int
rs_history_events(const RsRecommender *r)
{
	return r->history_limit * EVENTS_PER_ITEM;
}

char *
rs_log_measures(const RsRecommender *r)
{
	return psprintf("i.weight, i.interacted_at, i.positive, i.owned, %s",
					r->returns_netted || r->explicit_feedback ? "i.value" : "1::pg_catalog.float8");
}

char *
rs_log_columns(const RsRecommender *r)
{
	return psprintf("i.item_id, %s", rs_log_measures(r));
}

RsQuantified
rs_log_row(RsIdMap *items, const Datum *values, const bool *isnull)
{
	RsQuantified q;
	float		weight;
	unsigned	flags = (!isnull[3] && DatumGetBool(values[3]) ? RS_POSITIVE : 0) |
		(!isnull[4] && DatumGetBool(values[4]) ? RS_OWNED : 0);

	if (isnull[0] || isnull[1])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("unexpected NULL in column \"%s\"", isnull[0] ? "item_id" : "weight")));
	weight = (float) DatumGetFloat8(values[1]);

	/* training would refuse it; here the others still count */
	if (!isfinite(weight))
	{
		weight = 0;
		flags &= ~RS_POSITIVE;
	}
	q.event = rs_event(isnull[2] ? 0 : DatumGetTimestampTz(values[2]),
					   rs_idmap_add(items, values[0]), weight, flags);
	q.quantity = isnull[5] ? 0 : (float) DatumGetFloat8(values[5]);
	return q;
}

/* The rows of a query for events. */
static void
read_events(const RsRecommender *r, const char *query, Datum user,
			bool has_as_of, TimestampTz as_of, RsLog *e)
{
	Oid			types[] = {r->item_type, FLOAT8OID, TIMESTAMPTZOID, BOOLOID, BOOLOID, FLOAT8OID};
	uint64		rows = select_rows(r, query, user, has_as_of, as_of, lengthof(types), types);

	e->row = palloc_extended((rows + 1) * sizeof(RsQuantified), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < rows; i++)
	{
		Datum		values[lengthof(types)];
		bool		isnull[lengthof(types)];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, isnull);
		e->row[e->n++] = rs_log_row(e->items, values, isnull);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Whatever the user did with items of which some were taken back, in the place
 * of those of its events that are among the newest: what a return leaves hangs
 * on purchases that may lie long before.
 */
static void
read_returned(const RsRecommender *r, Datum user, bool has_as_of,
			  TimestampTz as_of, RsLog *e)
{
	RsLog		whole = {0};
	int			kept = 0;

	whole.items = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	read_events(r, psprintf("SELECT %s FROM %s.interaction i WHERE i.user_id = $1%s AND i.item_id IN"
							" (SELECT b.item_id FROM %s.interaction b WHERE b.user_id = $1 AND b.value < 0%s)",
							rs_log_columns(r), r->schema, until("i", has_as_of),
							r->schema, until("b", has_as_of)),
				user, has_as_of, as_of, &whole);
	for (int i = 0; i < e->n; i++)
		if (rs_idmap_find(whole.items, rs_idmap_datum(e->items, rs_event_item(&e->row[i].event))) == RS_NO_ID)
			e->row[kept++] = e->row[i];
	e->row = repalloc_huge(e->row, (kept + whole.n + 1) * sizeof(RsQuantified));
	for (int i = 0; i < whole.n; i++)
	{
		RsQuantified q = whole.row[i];

		rs_event_set_item(&q.event, rs_idmap_add(e->items, rs_idmap_datum(whole.items, rs_event_item(&q.event))));
		e->row[kept++] = q;
	}
	e->n = kept;
}

/*
 * Merges the log, as training does: items by the order of the ids, returns
 * netted where they are.  Returns how many events are left.
 */
int
rs_merge_log(const RsRecommender *r, RsLog *e, RsMergeRule rule, int64 window)
{
	uint32		nitems = rs_idmap_count(e->items);
	uint32	   *place = palloc((nitems + 1) * sizeof(uint32));
	int			n = e->n;

	rs_idmap_sort(e->items, place);
	e->event = palloc_extended((n + 1) * sizeof(RsEvent), MCXT_ALLOC_HUGE);
	e->owned = palloc_extended((nitems + 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < nitems; i++)
		e->owned[i] = DT_NOBEGIN;
	for (int i = 0; i < n; i++)
	{
		RsEvent    *event = &e->row[i].event;
		uint32		item = place[rs_event_item(event)];

		rs_event_set_item(event, item);
		e->event[i] = *event;
		if (rs_event_flags(event) & RS_OWNED)
			e->owned[item] = Max(e->owned[item], event->time);
	}
	if (r->returns_netted)
		n = rs_net_returns(e->row, n, &r->returns,
						   palloc_extended(rs_net_workspace(n) + 1, MCXT_ALLOC_HUGE), e->event, NULL);
	else
		rs_sort_events(e->event, n);
	pfree(place);
	return rs_merge_events(e->event, n, PG_INT64_MAX, rule, window);
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

/* Room for a history of so many items. */
static void
make_room(RsHistory *h, int n)
{
	h->column = palloc((n + 1) * sizeof(uint32));
	h->weight = palloc((n + 1) * sizeof(float));
	h->time = palloc((n + 1) * sizeof(int64));
	h->item = palloc((n + 1) * sizeof(Datum));
	h->item_weight = palloc((n + 1) * sizeof(float));
	h->item_time = palloc((n + 1) * sizeof(int64));
}

/*
 * Adds an item, known to the model or not; items come by their ids, and so do
 * the columns.
 */
static void
add_item(const RsModel *m, RsHistory *h, Datum item, float weight, int64 time)
{
	uint32		column = rs_model_find(m, item);

	h->item[h->nitems] = item;
	h->item_weight[h->nitems] = weight;
	h->item_time[h->nitems++] = time;
	if (column == RS_NO_ID)
		return;
	h->column[h->n] = column;
	h->weight[h->n] = weight;
	h->time[h->n++] = time;
}

/* Keeps of merged events what lists are made from. */
static void
take_positive(const RsModel *m, const RsRecommender *r, RsLog *e, int merged,
			  RsHistory *h)
{
	int			n = rs_newest_positive(e->event, merged, r->history_limit);

	make_room(h, n);
	for (int i = 0; i < n; i++)
		add_item(m, h, rs_idmap_datum(e->items, rs_event_item(&e->event[i])),
				 e->event[i].weight, e->event[i].time);
}

/*
 * Keeps of the events read the ratings that lists are made from; their items
 * are numbered in the order of the ids.
 */
static void
take_rated(const RsModel *m, const RsRecommender *r, const RsLog *e, RsHistory *h)
{
	RsRating   *ratings = palloc_extended((e->n + 1) * sizeof(RsRating), MCXT_ALLOC_HUGE);
	int			n = 0;

	for (int i = 0; i < e->n; i++)
	{
		const RsQuantified *q = &e->row[i];

		if (!isfinite(q->quantity))
			continue;
		ratings[n].time = q->event.time;
		ratings[n].item = rs_event_item(&q->event);
		ratings[n++].value = q->quantity;
	}
	n = rs_recent_ratings(ratings, rs_newest_ratings(ratings, n), r->history_limit);
	make_room(h, n);
	for (int i = 0; i < n; i++)
		add_item(m, h, rs_idmap_datum(e->items, ratings[i].item), ratings[i].value, ratings[i].time);
	pfree(ratings);
}

RsHistory *
rs_history_of_log(const RsRecommender *r, const RsModel *m, RsLog *log,
				  RsIdMap *hidden, TimestampTz as_of)
{
	RsHistory  *h = palloc0(sizeof(RsHistory));
	int			merged = rs_merge_log(r, log, r->merge, r->repeat_window);

	h->hidden = hidden;
	rs_decay_weights(log->event, merged, as_of, r->weight_half_life);
	for (int i = 0; i < merged && hides_owned(r); i++)
	{
		uint32		item = rs_event_item(&log->event[i]);

		if ((rs_event_flags(&log->event[i]) & RS_OWNED) &&
			(r->rebuy_after <= 0 || log->owned[item] > owned_since(r, as_of)))
			rs_idmap_add(hidden, rs_idmap_datum(log->items, item));
	}
	if (m->funnel.fold.kind == RS_KIND_RATING)
		take_rated(m, r, log, h);
	else
		take_positive(m, r, log, merged, h);
	return h;
}

void
rs_check_source(const RsRecommender *r)
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
 * History and hidden items of a user: owned ones (unless items are repeatable,
 * and where a rule says how long for, those owned since) and disliked ones.
 * Events up to a time, if there is one; ages count from as_of.
 */
RsHistory *
rs_history_until(RsRecommender *r, const RsModel *m, Datum user,
				 bool has_until, TimestampTz time, TimestampTz as_of)
{
	RsIdMap    *hidden = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	int			limit = rs_history_events(r);
	RsLog		log = {0};
	bool		truncated;

	if (!has_until)
		time = as_of;
	rs_check_source(r);
	log.items = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	/* with ties, so that which events are read is no matter of their order */
	read_events(r, psprintf("SELECT %s FROM %s.interaction i WHERE i.user_id = $1%s"
							" ORDER BY i.interacted_at DESC FETCH FIRST %d ROWS %s",
							rs_log_columns(r), r->schema, until("i", has_until), limit,
							r->has_time ? "WITH TIES" : "ONLY"),
				user, has_until, time, &log);
	truncated = (log.n >= limit);
	if (truncated && r->returns_netted)
		read_returned(r, user, has_until, time, &log);
	if (hides_owned(r) && truncated)
		hide_rows(r, psprintf("SELECT DISTINCT i.item_id FROM %s.interaction i WHERE i.user_id = $1 AND i.owned%s%s%s",
							  r->schema, until("i", has_until),
							  r->rebuy_after > 0 ? " AND i.interacted_at > $3" : "", r->returns_netted ?
							  psprintf(" AND NOT EXISTS (SELECT FROM %s.interaction b WHERE b.user_id = $1"
									   " AND b.item_id = i.item_id AND b.value < 0%s)",
									   r->schema, until("b", has_until)) : ""),
				  user, has_until, time, hidden);
	if (r->has_dislikes)
		hide_rows(r, psprintf("SELECT DISTINCT d.item_id FROM %s.dislike d WHERE d.user_id = $1%s",
							  r->schema, until("d", has_until)),
				  user, has_until, time, hidden);
	return rs_history_of_log(r, m, &log, hidden, as_of);
}

RsHistory *
rs_history_of_user(RsRecommender *r, const RsModel *m, Datum user,
				   bool has_as_of, TimestampTz as_of)
{
	return rs_history_until(r, m, user, has_as_of, as_of,
							has_as_of ? as_of : GetCurrentTransactionStartTimestamp());
}

/*
 * History of a session: these items, the latest last, each once, weight 1; to
 * a model of ratings they are the user's best.
 */
RsHistory *
rs_history_of_items(RsRecommender *r, const RsModel *m, Datum items)
{
	RsHistory  *h = palloc0(sizeof(RsHistory));
	int			n;
	Datum	   *values = rs_elements(DatumGetArrayTypeP(items), r->item_type, &n);
	RsLog		e = {0};
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	h->hidden = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	e.items = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	e.row = palloc0((n + 1) * sizeof(RsQuantified));
	for (int i = 0; i < n; i++)
	{
		e.row[e.n].event = rs_event(i + 1, rs_idmap_add(e.items, values[i]), 1, RS_POSITIVE | RS_OWNED);
		e.row[e.n++].quantity = 1;
		if (hides_owned(r))
			rs_idmap_add(h->hidden, values[i]);
	}
	take_positive(m, r, &e, rs_merge_log(r, &e, RS_MERGE_LAST, 0), h);
	for (int i = 0; i < h->nitems; i++)
	{
		h->item_time[i] = now;
		if (m->funnel.fold.kind == RS_KIND_RATING)
			h->item_weight[i] = m->highest;
	}
	for (int i = 0; i < h->n; i++)
	{
		h->time[i] = now;
		if (m->funnel.fold.kind == RS_KIND_RATING)
			h->weight[i] = m->highest;
	}
	return h;
}

/*
 * History as a request has logged it, ordered by id; nothing is hidden.
 */
RsHistory *
rs_history_of_logged(const RsRecommender *r, const RsModel *m, const Datum *items,
					 const float *weights, const int64 *times, int n)
{
	RsHistory  *h = palloc0(sizeof(RsHistory));

	h->hidden = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	make_room(h, n);
	for (int i = 0; i < n; i++)
		add_item(m, h, items[i], weights[i], times[i]);
	return h;
}
