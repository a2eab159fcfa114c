/*-------------------------------------------------------------------------
 *
 * batch_users.c
 *	  recommend_all: whom to list for, with their histories.
 *
 * Events come from SHOP.interaction sorted by user, through a cursor, so that
 * one user's are at hand at a time and the team may work in between.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/ruleutils.h"

#include "lists.h"

#define ROWS_PER_FETCH	10000

/*
 * The query for users, when it is one: a single SELECT of one column.  Only
 * such a one can stand in brackets, and nothing that does leaves them.
 */
static char *
check_users_query(const RsListsWanted *listing)
{
	char	   *query = pstrdup(listing->users);
	size_t		length = strlen(query);
	SPIPlanPtr	plan;
	List	   *sources;
	CachedPlanSource *source;

	while (length > 0 && strchr("; \t\r\n", query[length - 1]) != NULL)
		query[--length] = '\0';
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare the query for users: %s", SPI_result_code_string(SPI_result));
	sources = SPI_plan_get_plan_sources(plan);
	source = list_length(sources) == 1 ? linitial(sources) : NULL;
	if (source == NULL || source->commandTag != CMDTAG_SELECT ||
		source->resultDesc == NULL || source->resultDesc->natts != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("for_users must be one query of one column"),
				 errhint("For example 'SELECT customer_id FROM public.customer WHERE active'.")));
	SPI_freeplan(plan);
	return query;
}

const char *
rs_user_collate(const RsRecommender *r)
{
	return OidIsValid(r->user_collation) ?
		psprintf(" COLLATE %s", generate_collation_name(r->user_collation)) : "";
}

/*
 * Events by user, newest first, then dislikes: user, the columns of
 * rs_log_columns, disliked.  Users without events have one row of nothing.
 */
static char *
events_query(const RsLists *l)
{
	const RsRecommender *r = l->run->recommender;
	StringInfoData sql;

	initStringInfo(&sql);
	if (l->listing->users != NULL)
		appendStringInfo(&sql, "WITH u AS MATERIALIZED (SELECT DISTINCT q.user_id::%s%s AS user_id FROM (\n%s\n) q (user_id)"
						 " WHERE q.user_id IS NOT NULL)",
						 format_type_extended(r->user_type, -1, FORMAT_TYPE_FORCE_QUALIFY),
						 rs_user_collate(r), check_users_query(l->listing));
	else if (r->has_dislikes)
		appendStringInfo(&sql, "WITH u AS MATERIALIZED (SELECT DISTINCT i.user_id FROM %s.interaction i)", r->schema);
	appendStringInfo(&sql, " SELECT %s.user_id, %s, false", l->listing->users ? "u" : "i", rs_log_columns(r));
	if (l->listing->users != NULL)
		appendStringInfo(&sql, " FROM u LEFT JOIN %s.interaction i ON i.user_id = u.user_id", r->schema);
	else
		appendStringInfo(&sql, " FROM %s.interaction i", r->schema);
	if (r->has_dislikes)
		appendStringInfo(&sql, " UNION ALL SELECT u.user_id, d.item_id, 0, NULL, false, false, 0, true"
						 " FROM u JOIN %s.dislike d ON d.user_id = u.user_id", r->schema);
	appendStringInfoString(&sql, " ORDER BY 1, 8, 4 DESC");
	return sql.data;
}

static int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

/* Puts a user with this history into the batch. */
static void
add_target(RsLists *l, uint32 user, const RsHistory *h)
{
	uint32		nhidden = rs_idmap_count(h->hidden);
	uint32	   *space = rs_batch_space(&l->arg.batch, l->most_columns);
	const bool *barred = l->arg.plan.barred.local;
	int64		missing = l->listing->k - l->eligible;
	RsTarget	t = {0};

	t.user = user;
	t.nhistory = h->n;
	t.weight = h->n;
	if (l->m->funnel.fold.kind == RS_KIND_RATING)
	{
		/* what the history has are ratings */
		t.nrated = t.nhistory;
		t.rating = t.weight;
	}
	t.hidden = 2 * (uint64) h->n;
	memcpy(space, h->column, h->n * sizeof(uint32));
	memcpy(space + t.weight, h->weight, h->n * sizeof(float));
	for (uint32 i = 0; i < nhidden; i++)
	{
		uint32		item = rs_model_find(l->m, rs_idmap_datum(h->hidden, i));

		if (item == RS_NO_ID)
			continue;
		space[t.hidden + t.nhidden++] = item;
		missing += !barred[item];
	}
	qsort(space + t.hidden, t.nhidden, sizeof(uint32), compare_uint32);
	t.relevant = t.hidden + t.nhidden;
	for (int i = 0; i < l->nfresh && t.nrelevant < missing; i++)
		if (rs_idmap_find(h->hidden, l->fresh[i]) == RS_NO_ID)
			space[t.relevant + t.nrelevant++] = i;
	rs_batch_add(&l->arg.batch, &t, t.relevant + t.nrelevant);
}

/*
 * Leaves in the log what makes the history, which is the newest events and all
 * of items of which some were taken back; owned items of the others are hidden.
 */
static void
cut_log(RsLists *l)
{
	const RsRecommender *r = l->run->recommender;
	RsLog	   *log = &l->log;
	int			limit = rs_history_events(r);
	bool	   *returned;
	int64		since;
	int			kept = 0;

	if (log->n <= limit)
		return;
	since = r->has_time ? log->row[limit - 1].event.time : PG_INT64_MAX;
	returned = palloc0(rs_idmap_count(log->items));
	for (int i = 0; i < log->n; i++)
		if (log->row[i].quantity < 0)
			returned[rs_event_item(&log->row[i].event)] = true;
	for (int i = 0; i < log->n; i++)
	{
		uint32		item = rs_event_item(&log->row[i].event);

		if (i < limit || log->row[i].event.time >= since || returned[item])
			log->row[kept++] = log->row[i];
		else if ((rs_event_flags(&log->row[i].event) & RS_OWNED) &&
				 rs_owned_hides(r, log->row[i].event.time, GetCurrentTransactionStartTimestamp()))
			rs_idmap_add(l->hidden, rs_idmap_datum(log->items, item));
	}
	log->n = kept;
}

/* A user has been read; runs the batch if the next one might not fit. */
static void
finish_user(RsLists *l)
{
	MemoryContext old = MemoryContextSwitchTo(l->user_context);
	uint32		user = rs_idmap_count(l->users) - 1;
	RsHistory  *h;

	cut_log(l);
	h = rs_history_of_log(l->run->recommender, l->m, &l->log, l->hidden,
						  GetCurrentTransactionStartTimestamp());
	if (l->single)
		rs_lists_make_single(l, rs_idmap_datum(l->users, user), h);
	else
		add_target(l, user, h);
	MemoryContextSwitchTo(old);
	MemoryContextReset(l->user_context);
	if (!l->single && rs_batch_space(&l->arg.batch, l->most_columns) == NULL)
		rs_lists_run(l);
}

/* Starts the log of a user. */
static void
start_user(RsLists *l)
{
	const RsRecommender *r = l->run->recommender;

	l->log.n = 0;
	l->log.items = rs_idmap_create(r->item_type, r->item_collation, l->user_context);
	l->hidden = rs_idmap_create(r->item_type, r->item_collation, l->user_context);
}

/* Adds an event to the log. */
static void
add_event(RsLists *l, const Datum *values, const bool *isnull)
{
	if ((uint64) l->log.n == l->allocated)
	{
		rs_run_charge(l->run, l->allocated * sizeof(RsQuantified), "the events of one user");
		l->allocated *= 2;
		l->log.row = repalloc_huge(l->log.row, l->allocated * sizeof(RsQuantified));
	}
	l->log.row[l->log.n++] = rs_log_row(l->log.items, values, isnull);
}

/* Takes in one row of events_query. */
static void
receive_event(RsLists *l, const Datum *values, const bool *isnull)
{
	uint32		before = rs_idmap_count(l->users);

	if (before == 0 || rs_idmap_find(l->users, values[0]) != before - 1)
	{
		if (before > 0)
			finish_user(l);
		(void) rs_idmap_add(l->users, values[0]);
		start_user(l);
	}
	if (isnull[1])
		return;
	if (DatumGetBool(values[7]))
		rs_idmap_add(l->hidden, values[1]);
	else
		add_event(l, values + 1, isnull + 1);
}

void
rs_lists_read(RsLists *l)
{
	const RsRecommender *r = l->run->recommender;
	Oid			types[] = {r->user_type, r->item_type, FLOAT8OID, TIMESTAMPTZOID, BOOLOID, BOOLOID, FLOAT8OID, BOOLOID};
	SPIPlanPtr	plan = SPI_prepare_cursor(events_query(l), 0, NULL, CURSOR_OPT_NO_SCROLL);
	Portal		portal;

	if (plan == NULL)
		elog(ERROR, "could not prepare the query for events: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	rs_check_columns(portal->tupDesc, lengthof(types), types);
	for (;;)
	{
		SPITupleTable *table;
		uint64		n;

		SPI_cursor_fetch(portal, true, ROWS_PER_FETCH);
		table = SPI_tuptable;
		n = SPI_processed;
		if (n == 0)
			break;
		for (uint64 i = 0; i < n; i++)
		{
			Datum		values[lengthof(types)];
			bool		isnull[lengthof(types)];

			heap_deform_tuple(table->vals[i], table->tupdesc, values, isnull);
			receive_event(l, values, isnull);
		}
		SPI_freetuptable(table);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	if (rs_idmap_count(l->users) > 0)
		finish_user(l);
	rs_lists_run(l);
}
