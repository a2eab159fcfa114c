/*-------------------------------------------------------------------------
 *
 * loader.c
 *	  Streams the source's events into memory.
 *
 * The view SHOP.event is read once, in one snapshot.  Events are then put into canonical order (user, time, item, weight, flags), so that
 * the order in which the scan delivered them cannot show in a result.
 *
 * Excluded users and items are left out here, whatever the rule but for bots:
 * they are left out later, since which users are bots depends on the instant asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "progress.h"
#include "stream.h"

#define FIRST_EVENTS	65536
#define ROWS_PER_CHARGE	256

typedef struct Loader
{
	RsRun	   *run;
	uint64		n;
	uint64		allocated;
	RsEvent    *event;			/* item: number as added */
	uint32	   *user;			/* number as added, parallel to event */
} Loader;

static void
grow(Loader *loader)
{
	Size		extra = loader->allocated * (sizeof(RsEvent) + sizeof(uint32));

	rs_run_charge(loader->run, extra, "loading events");
	loader->allocated *= 2;
	loader->event = repalloc_huge(loader->event,
								  loader->allocated * sizeof(RsEvent));
	loader->user = repalloc_huge(loader->user,
								 loader->allocated * sizeof(uint32));
}

/* One row: user, item, weight, time, positive, owned. */
static void
receive(const Datum *values, const bool *isnull, void *arg)
{
	Loader	   *loader = arg;
	RsEvent    *e;
	double		weight;

	if (loader->n == loader->allocated)
		grow(loader);
	e = &loader->event[loader->n];
	/* ids take memory too */
	if (loader->n % ROWS_PER_CHARGE == 0)
	{
		rs_run_charge(loader->run, 0, "loading ids");
		rs_progress_rows(loader->n, 0);
	}
	weight = isnull[2] ? 0 : DatumGetFloat8(values[2]);
	if (!isfinite((float) weight))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weight %g of an interaction is not a finite real number",
						weight),
				 errhint("Use weight_rule => 'log' or 'one', or a filter.")));
	loader->user[loader->n] = rs_idmap_add(loader->run->users, values[0]);
	e->item = rs_idmap_add(loader->run->items, values[1]);
	e->weight = (float) weight;
	e->time = isnull[3] ? 0 : DatumGetTimestampTz(values[3]);
	e->flags = (!isnull[4] && DatumGetBool(values[4]) ? RS_POSITIVE : 0) |
		(!isnull[5] && DatumGetBool(values[5]) ? RS_OWNED : 0);
	loader->n++;
}

/* The query over SHOP.event; exclusions as far as their rules are on. */
static char *
source_query(const RsRecommender *r)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT e.user_id, e.item_id, e.weight, e.interacted_at, e.positive, e.owned"
					 " FROM %s.event e WHERE true", r->schema);
	if (r->users_excluded)
		appendStringInfo(&sql, " AND NOT EXISTS (SELECT FROM %s.excluded_user x"
						 " WHERE x.user_id = e.user_id"
						 " AND x.rule NOT IN ('bot_rate', 'bot_breadth'))", r->schema);
	if (r->items_excluded)
		appendStringInfo(&sql, " AND NOT EXISTS (SELECT FROM %s.excluded_item x"
						 " WHERE x.item_id = e.item_id)", r->schema);
	return sql.data;
}

/*
 * Clear words for a view that went with its source.
 */
static void
check_view(const RsRecommender *r)
{
	Datum		arg = CStringGetTextDatum(psprintf("%s.event", r->schema));
	Oid			type = TEXTOID;
	bool		isnull;

	if (SPI_execute_with_args("SELECT pg_catalog.to_regclass($1)", 1, &type,
							  &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up the view of events");
	(void) SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("source %s of recommender \"%s\" no longer exists",
						r->source_name, NameStr(r->name)),
				 errhint("SELECT recsys.alter_recommender(%s, source => ...) names another.",
						 quote_literal_cstr(NameStr(r->name)))));
}

/* Distributes the events to their users, in canonical order. */
static void
sort_events(RsRun *run, Loader *loader)
{
	uint32		nusers = rs_idmap_count(run->users);
	uint32		nitems = rs_idmap_count(run->items);
	uint32	   *user_place = palloc_extended(Max(nusers, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32	   *item_place = palloc_extended(Max(nitems, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint64	   *next;

	rs_idmap_sort(run->users, user_place);
	rs_idmap_sort(run->items, item_place);
	run->nevents = loader->n;
	run->event = rs_run_alloc(run, loader->n * sizeof(RsEvent), "sorting events");
	run->user_start = rs_run_alloc(run, ((Size) nusers + 1) * sizeof(uint64), "users");
	memset(run->user_start, 0, ((Size) nusers + 1) * sizeof(uint64));
	for (uint64 i = 0; i < loader->n; i++)
		run->user_start[user_place[loader->user[i]] + 1]++;
	for (uint32 u = 0; u < nusers; u++)
		run->user_start[u + 1] += run->user_start[u];
	next = palloc_extended(Max(nusers, 1) * sizeof(uint64), MCXT_ALLOC_HUGE);
	memcpy(next, run->user_start, nusers * sizeof(uint64));
	for (uint64 i = 0; i < loader->n; i++)
	{
		RsEvent    *e = &run->event[next[user_place[loader->user[i]]]++];

		*e = loader->event[i];
		e->item = item_place[e->item];
		if ((i & 0xfffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	for (uint32 u = 0; u < nusers; u++)
	{
		qsort(run->event + run->user_start[u],
			  run->user_start[u + 1] - run->user_start[u], sizeof(RsEvent),
			  rs_event_compare);
		if ((u & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(next);
	pfree(user_place);
	pfree(item_place);
}

void
rs_load(RsRun *run, RsStageResult *result)
{
	RsRecommender *r = run->recommender;
	Loader		loader = {0};
	Oid			types[] = {InvalidOid, InvalidOid, FLOAT8OID, TIMESTAMPTZOID, BOOLOID, BOOLOID};

	check_view(r);
	run->users = rs_idmap_create(r->user_type, run->context);
	run->items = rs_idmap_create(r->item_type, run->context);
	loader.run = run;
	loader.allocated = FIRST_EVENTS;
	loader.event = rs_run_alloc(run, loader.allocated * sizeof(RsEvent), "loading events");
	loader.user = rs_run_alloc(run, loader.allocated * sizeof(uint32), "loading events");

	types[0] = r->user_type;
	types[1] = r->item_type;
	rs_stream(source_query(r), lengthof(types), types, 2, receive, &loader);
	sort_events(run, &loader);
	pfree(loader.event);
	pfree(loader.user);
	run->loaded = true;
	result->rows_in = run->nevents;
	result->rows_out = run->nevents;
}
