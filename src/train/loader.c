/*-------------------------------------------------------------------------
 *
 * loader.c
 *	  Streams the source's events into memory.
 *
 * The view SHOP.event is read once, in one snapshot.  Events are brought
 * together by user where they lie (group.c) and put into canonical order, so
 * that the order in which the scan delivered them cannot show in a result.
 *
 * Memory: 16 bytes an event and 4 for its user, 4 more for its value where
 * returns are netted or ratings are learned from, and an eighth of that for
 * growth, which the kernel's mremap makes without a copy; 16 bytes an event
 * once they are grouped, and 4 for its rating.
 *
 * Excluded users and items are left out here, whatever the rule but for bots:
 * they are left out later, since which users are bots depends on the instant
 * asked for.  An id is looked up among the excluded ones when it is first
 * met, where a join would do so for each row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "progress.h"
#include "stream.h"
#include "train.h"
#include "kernel/group.h"

#define FIRST_EVENTS	65536
#define ROWS_PER_CHARGE	256

/* ids by value wait for so many rows, while their slots are fetched */
#define MOST_BATCH		16

/* Ids of one side, as they come. */
typedef struct Side
{
	RsIdMap    *ids;
	RsIdMap    *excluded;
	uint32		known;			/* ids that skip has an entry for */
	uint32		allocated;
	bool	   *skip;			/* by number as added: excluded */
} Side;

/* One row of the source. */
typedef struct Row
{
	Datum		user;
	Datum		item;
	TimestampTz time;
	double		weight;
	double		value;
	unsigned	flags;
} Row;

typedef struct Loader
{
	RsRun	   *run;
	int			batch;			/* rows to take at a time */
	int			pending;
	Row			row[MOST_BATCH];
	Side		users;
	Side		items;
	uint64		n;
	uint64		allocated;
	RsEvent    *event;			/* item: number as added */
	uint32	   *user;			/* number as added, parallel to event */
	float	   *value;			/* parallel: quantities where returns are netted,
								 * or ratings; else NULL */
} Loader;

static void
resize(Loader *loader, uint64 allocated)
{
	loader->allocated = allocated;
	loader->event = repalloc_huge(loader->event, allocated * sizeof(RsEvent));
	loader->user = repalloc_huge(loader->user, allocated * sizeof(uint32));
	if (loader->value != NULL)
		loader->value = repalloc_huge(loader->value, allocated * sizeof(float));
}

static void
grow(Loader *loader)
{
	uint64		more = loader->allocated / 8;

	rs_run_charge(loader->run, more * (sizeof(RsEvent) + sizeof(uint32) +
									   (loader->value ? sizeof(float) : 0)),
				  "loading events");
	resize(loader, loader->allocated + more);
}

/* A value in single precision, or an error where that is not finite. */
static float
finite_value(double x, const char *what, const char *hint)
{
	if (!isfinite((float) x))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s %g of an interaction is not a finite real number", what, x),
				 errhint("%s", hint)));
	return (float) x;
}

/* Number of an id; RS_NO_ID if it is excluded. */
static inline uint32
add_id(Side *side, Datum id)
{
	uint32		number = rs_idmap_add(side->ids, id);

	if (number == side->known)
	{
		if (side->known == side->allocated)
		{
			side->allocated *= 2;
			side->skip = repalloc_huge(side->skip, side->allocated * sizeof(bool));
		}
		side->skip[side->known++] = rs_idmap_find(side->excluded, id) != RS_NO_ID;
	}
	return side->skip[number] ? RS_NO_ID : number;
}

/* One row of excluded_user or excluded_item. */
static void
receive_excluded(const Datum *values, const bool *isnull, void *arg)
{
	rs_idmap_add((RsIdMap *) arg, values[0]);
}

/* Prepares a side; query gives the ids to be left out, if any. */
static void
open_side(Side *side, RsIdMap *ids, Oid type, Oid collation, const char *query)
{
	side->ids = ids;
	side->excluded = rs_idmap_create(type, collation, CurrentMemoryContext);
	side->allocated = 1024;
	side->skip = palloc(side->allocated * sizeof(bool));
	if (query != NULL)
		rs_stream(query, 1, &type, 1, receive_excluded, side->excluded);
}

/* Numbers a row's ids and keeps it. */
static void
add_row(Loader *loader, const Row *row)
{
	uint64		i = loader->n;
	uint32		user = add_id(&loader->users, row->user);
	uint32		item = add_id(&loader->items, row->item);

	if (user == RS_NO_ID || item == RS_NO_ID)
		return;
	if (item >= RS_MOST_ITEMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("recommender \"%s\" has more than %u items",
						NameStr(loader->run->recommender->name), RS_MOST_ITEMS),
				 errhint("Leave out rare items by a filter.")));
	if (i == loader->allocated)
		grow(loader);
	/* ids take memory too */
	if (i % ROWS_PER_CHARGE == 0)
	{
		rs_run_charge(loader->run, 0, "loading ids");
		rs_progress_rows(i, 0);
	}
	loader->user[i] = user;
	loader->event[i] = rs_event(row->time, item,
								finite_value(row->weight, "weight", "Use weight_rule => 'log' or 'one', or a filter."),
								row->flags);
	if (loader->value != NULL)
		loader->value[i] = finite_value(row->value, "value", "Leave such rows out by a filter.");
	loader->n++;
}

static void
add_pending(Loader *loader)
{
	for (int i = 0; i < loader->pending; i++)
		add_row(loader, &loader->row[i]);
	loader->pending = 0;
}

/* One row: user, item, weight, time, positive, owned, and the value. */
static void
receive(const Datum *values, const bool *isnull, void *arg)
{
	Loader	   *loader = arg;
	Row		   *row = &loader->row[loader->pending++];

	row->user = values[0];
	row->item = values[1];
	row->weight = isnull[2] ? 0 : DatumGetFloat8(values[2]);
	row->time = isnull[3] ? 0 : DatumGetTimestampTz(values[3]);
	row->flags = (!isnull[4] && DatumGetBool(values[4]) ? RS_POSITIVE : 0) |
		(!isnull[5] && DatumGetBool(values[5]) ? RS_OWNED : 0);
	if (loader->value != NULL)
		row->value = isnull[6] ? 0 : DatumGetFloat8(values[6]);
	if (loader->batch > 1)
	{
		rs_idmap_announce(loader->users.ids, row->user);
		rs_idmap_announce(loader->items.ids, row->item);
	}
	if (loader->pending == loader->batch)
		add_pending(loader);
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

/* Numbers users and items in the order of their ids. */
static void
renumber(Loader *loader)
{
	RsRun	   *run = loader->run;
	uint32		nusers = rs_idmap_count(run->users);
	uint32		nitems = rs_idmap_count(run->items);
	uint32	   *place = palloc_extended(Max(Max(nusers, nitems), 1) * sizeof(uint32), MCXT_ALLOC_HUGE);

	rs_idmap_sort(run->users, place);
	for (uint64 i = 0; i < loader->n; i++)
		loader->user[i] = place[loader->user[i]];
	CHECK_FOR_INTERRUPTS();
	rs_idmap_sort(run->items, place);
	for (uint64 i = 0; i < loader->n; i++)
		rs_event_set_item(&loader->event[i], place[rs_event_item(&loader->event[i])]);
	CHECK_FOR_INTERRUPTS();
	pfree(place);
}

/* Nets each user's returns; what netting drops moves the users after it up. */
static void
net_returns(RsRun *run, const float *quantity)
{
	uint32		nusers = rs_idmap_count(run->users);
	uint64		longest = rs_longest_history(run);
	RsQuantified *log;
	void	   *work;
	uint64		first = 0;
	uint64		made = 0;

	rs_run_charge(run, longest * sizeof(RsQuantified) + rs_net_workspace(longest), "netting returns");
	log = palloc_extended((longest + 1) * sizeof(RsQuantified), MCXT_ALLOC_HUGE);
	work = palloc_extended(rs_net_workspace(longest) + 1, MCXT_ALLOC_HUGE);
	for (uint32 u = 0; u < nusers; u++)
	{
		uint64		end = run->user_start[u + 1];
		int			n = (int) (end - first);

		for (int i = 0; i < n; i++)
		{
			log[i].event = run->event[first + i];
			log[i].quantity = quantity[first + i];
		}
		run->user_start[u] = made;
		made += rs_net_returns(log, n, &run->recommender->returns, work, run->event + made, NULL);
		first = end;
		if ((u & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	run->user_start[nusers] = made;
	run->nevents = made;
	pfree(log);
	pfree(work);
}

/* Puts each user's events into canonical order, and their ratings with them. */
static void
sort_rated_events(RsRun *run, float *rating)
{
	uint64		longest = rs_longest_history(run);
	RsQuantified *log;

	rs_run_charge(run, longest * sizeof(RsQuantified), "ratings");
	log = palloc_extended((longest + 1) * sizeof(RsQuantified), MCXT_ALLOC_HUGE);
	for (uint32 u = 0; u < rs_idmap_count(run->users); u++)
	{
		uint64		first = run->user_start[u];
		uint64		n = run->user_start[u + 1] - first;

		for (uint64 i = 0; i < n; i++)
		{
			log[i].event = run->event[first + i];
			log[i].quantity = rating[first + i];
		}
		rs_sort_rated(log, n);
		for (uint64 i = 0; i < n; i++)
		{
			run->event[first + i] = log[i].event;
			rating[first + i] = log[i].quantity;
		}
		if ((u & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(log);
	run->rating = repalloc_huge(rating, Max(run->nevents, 1) * sizeof(float));
}

/* Distributes the events to their users, in canonical order. */
static void
sort_events(RsRun *run, Loader *loader)
{
	uint32		nusers = rs_idmap_count(run->users);

	renumber(loader);
	run->user_start = rs_run_alloc(run, ((Size) nusers + 1) * sizeof(uint64), "users");
	rs_group_by_user(loader->event, loader->user, loader->value, loader->n, nusers);
	CHECK_FOR_INTERRUPTS();
	rs_group_starts(loader->user, loader->n, nusers, run->user_start);
	pfree(loader->user);
	run->nevents = loader->n;
	run->event = loader->event;
	if (run->with_ratings)
		sort_rated_events(run, loader->value);
	else if (loader->value != NULL)
	{
		net_returns(run, loader->value);
		pfree(loader->value);
	}
	else
		for (uint32 u = 0; u < nusers; u++)
		{
			rs_sort_events(run->event + run->user_start[u],
						   run->user_start[u + 1] - run->user_start[u]);
			if ((u & 0xff) == 0)
				CHECK_FOR_INTERRUPTS();
		}
	run->event = repalloc_huge(run->event, Max(run->nevents, 1) * sizeof(RsEvent));
}

void
rs_load(RsRun *run, RsStageResult *result)
{
	RsRecommender *r = run->recommender;
	Loader		loader = {0};
	Oid			types[] = {InvalidOid, InvalidOid, FLOAT8OID, TIMESTAMPTZOID, BOOLOID, BOOLOID, FLOAT8OID};

	check_view(r);
	rs_expect(run);
	run->users = rs_idmap_create(r->user_type, r->user_collation, run->context);
	run->items = rs_idmap_create(r->item_type, r->item_collation, run->context);
	loader.run = run;
	loader.allocated = FIRST_EVENTS;
	loader.event = rs_run_alloc(run, loader.allocated * sizeof(RsEvent), "loading events");
	loader.user = rs_run_alloc(run, loader.allocated * sizeof(uint32), "loading events");
	if (r->returns_netted || run->with_ratings)
		loader.value = rs_run_alloc(run, loader.allocated * sizeof(float), "loading events");

	types[0] = r->user_type;
	types[1] = r->item_type;
	loader.batch = rs_idmap_by_value(run->users) && rs_idmap_by_value(run->items) ? MOST_BATCH : 1;
	open_side(&loader.users, run->users, r->user_type, r->user_collation, r->users_excluded ?
			  psprintf("SELECT x.user_id FROM %s.excluded_user x"
					   " WHERE x.rule NOT IN ('bot_rate', 'bot_breadth')", r->schema) : NULL);
	open_side(&loader.items, run->items, r->item_type, r->item_collation, r->items_excluded ?
			  psprintf("SELECT x.item_id FROM %s.excluded_item x", r->schema) : NULL);
	rs_stream(psprintf("SELECT e.user_id, e.item_id, e.weight, e.interacted_at, e.positive, e.owned%s"
					   " FROM %s.event e", loader.value ? ", e.value" : "", r->schema),
			  loader.value ? 7 : 6, types, 2, receive, &loader);
	add_pending(&loader);
	result->rows_in = loader.n;
	sort_events(run, &loader);
	run->loaded = true;
	result->rows_out = run->nevents;
}
