/*-------------------------------------------------------------------------
 *
 * split.c
 *	  Train and test: the cutoff, and which events lie on which side of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "serve.h"
#include "train.h"
#include "kernel/hash.h"
#include "kernel/history.h"

#define TRAIN_SHARE		0.9
#define RANDOM_TENTHS	10		/* a random split holds out one in so many */
#define TIME_PARTS		1024

/* of the train side: as much as the default cutoff leaves for the test */
#define VALIDATION_PARTS	9

/*
 * The nth (from 0) in order of time of the events before an instant, without
 * sorting them: each pass counts those in equal parts of the span that holds
 * it, and takes the part.
 */
static TimestampTz
nth_time(const RsRun *run, TimestampTz before, uint64 nth, TimestampTz *first)
{
	uint64		count[TIME_PARTS];
	TimestampTz low = DT_NOEND;
	TimestampTz high = DT_NOBEGIN;

	for (uint64 i = 0; i < run->nevents; i++)
		if (run->event[i].time < before)
		{
			low = Min(low, run->event[i].time);
			high = Max(high, run->event[i].time);
		}
	*first = low;
	while (low < high)
	{
		/* unsigned, where a difference of times cannot overflow */
		uint64		width = ((uint64) high - (uint64) low) / TIME_PARTS + 1;
		int			part = 0;

		memset(count, 0, sizeof(count));
		for (uint64 i = 0; i < run->nevents; i++)
			if (run->event[i].time >= low && run->event[i].time <= high)
				count[((uint64) run->event[i].time - (uint64) low) / width]++;
		while (nth >= count[part])
			nth -= count[part++];
		low = (TimestampTz) ((uint64) low + part * width);
		high = Min(high, (TimestampTz) ((uint64) low + width - 1));
		CHECK_FOR_INTERRUPTS();
	}
	return low;
}

/* Midnight before an instant, in the recommender's time zone. */
static TimestampTz
day_of(RsRun *run, TimestampTz time)
{
	Oid			types[2] = {TIMESTAMPTZOID, NAMEOID};
	Datum		args[2];

	args[0] = TimestampTzGetDatum(time);
	args[1] = NameGetDatum(&run->recommender->name);
	if (SPI_execute_with_args("SELECT pg_catalog.date_trunc('day', $1, r.settings ->> 'time_zone')"
							  " FROM recsys.recommender r WHERE r.recommender = $2",
							  2, types, args, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not round the cutoff");
	return DatumGetTimestampTz(rs_spi_value(0, 1));
}

/*
 * The time below which a share of the events before an instant lie, rounded
 * down to a day where events before that day remain.
 */
static TimestampTz
share_of_time(RsRun *run, TimestampTz before, double share)
{
	TimestampTz result;
	TimestampTz first;
	TimestampTz day;
	uint64		n = 0;

	for (uint64 i = 0; i < run->nevents; i++)
		n += run->event[i].time < before;
	if (n == 0)
		return 0;
	result = nth_time(run, before, (uint64) (n * share), &first);
	day = day_of(run, result);
	return first < day ? day : result;
}

/*
 * The cutoff of a run: given, or the time below which 90 % of the events lie,
 * rounded down to a day where events before that day remain.
 */
void
rs_find_cutoff(RsRun *run)
{
	if (run->random_split || run->has_cutoff)
		return;
	if (!run->recommender->has_time)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("recommender \"%s\" has no time column to split by",
						NameStr(run->recommender->name)),
				 errdetail("A random split shows how well known interactions are filled in, not how well future ones are foreseen."),
				 errhint("Ask for it by random_split => true, or for no evaluation by evaluate => false.")));
	run->has_cutoff = true;
	run->cutoff = share_of_time(run, DT_NOEND, TRAIN_SHARE);
}

/* A split without a matrix yet. */
RsSplit *
rs_split_make(RsRun *run, bool random, TimestampTz cutoff, TimestampTz until)
{
	MemoryContext context = AllocSetContextCreate(run->context, "recsys split",
												  ALLOCSET_DEFAULT_SIZES);
	RsSplit    *split = MemoryContextAllocZero(context, sizeof(RsSplit));

	split->context = context;
	split->random = random;
	split->cutoff = cutoff;
	split->until = until;
	split->as_of = cutoff;
	if (cutoff == DT_NOEND)
	{
		split->as_of = DT_NOBEGIN;
		for (uint64 i = 0; i < run->nevents; i++)
			split->as_of = Max(split->as_of, run->event[i].time);
	}
	return split;
}

void
rs_split_free(RsSplit *split)
{
	MemoryContextDelete(split->context);
}

/* The matrix of a split; frees it, and returns NULL, where a side is empty. */
static RsSplit *
complete(RsRun *run, RsSplit *split)
{
	split->bot = rs_find_bots(run, split->context, split->cutoff);
	split->matrix = rs_matrix_make(run, split);
	if (split->matrix->users.nrows > 0 && rs_split_test_users(run, split) > 0)
		return split;
	rs_split_free(split);
	return NULL;
}

/* A split within the train side: see train.h. */
RsSplit *
rs_split_validation(RsRun *run)
{
	RsSplit    *split;

	if (!run->random_split)
		return rs_split_recent(run, run->cutoff);
	split = rs_split_make(run, true, DT_NOEND, DT_NOEND);
	split->validation = true;
	return complete(run, split);
}

RsSplit *
rs_split_recent(RsRun *run, TimestampTz until)
{
	bool		random = !run->recommender->has_time || run->random_split;

	return complete(run, rs_split_make(run, random, random ? DT_NOEND :
									   share_of_time(run, until, 1 - 1.0 / VALIDATION_PARTS),
									   random ? DT_NOEND : until));
}

/*
 * Whether a pair is held out by a random split, or from its train side; a pair
 * is never divided.
 */
static bool
held_out(const RsRun *run, uint32 user, const RsEvent *event, int salt, int parts)
{
	return rs_hash64(((uint64) user << 32 | rs_event_item(event)) ^
					 rs_hash64((uint64) run->seed + salt)) % parts == 0;
}

/* The side of a pair in a random split: 0 = train, 1 = test, -1 = neither. */
static int
random_side(const RsRun *run, const RsSplit *split, uint32 user, const RsEvent *event)
{
	bool		test = held_out(run, user, event, 0, RANDOM_TENTHS);

	if (!split->validation)
		return test;
	if (test)
		return -1;
	return held_out(run, user, event, 1, VALIDATION_PARTS);
}

bool
rs_in_train(const RsRun *run, const RsSplit *split, uint32 user, const RsEvent *event)
{
	if (split->random)
		return random_side(run, split, user, event) == 0;
	return event->time < split->cutoff;
}

bool
rs_in_test(const RsRun *run, const RsSplit *split, uint32 user, const RsEvent *event)
{
	if (split->random)
		return random_side(run, split, user, event) == 1;
	return event->time >= split->cutoff && event->time < split->until;
}

static bool
has_test(const RsRun *run, const RsSplit *split, uint32 user)
{
	for (uint64 i = run->user_start[user]; i < run->user_start[user + 1]; i++)
		if (rs_in_test(run, split, user, &run->event[i]))
			return true;
	return false;
}

uint64
rs_split_test_users(const RsRun *run, const RsSplit *split)
{
	uint64		n = 0;

	for (uint32 u = 0; u < rs_idmap_count(run->users); u++)
		n += !split->bot[u] && has_test(run, split, u);
	return n;
}

bool *
rs_split_sample(RsRun *run, const RsSplit *split, uint64 users)
{
	uint32		nusers = rs_idmap_count(run->users);
	bool	   *out = palloc_extended(nusers + 1, MCXT_ALLOC_HUGE);
	double		share = (double) users / Max(rs_split_test_users(run, split), 1);

	for (uint32 u = 0; u < nusers; u++)
		out[u] = split->bot[u] ||
			(share < 1 && rs_hash64(rs_idmap_checksum(run->users, u)) >= share * 0x1p64);
	return out;
}

uint64
rs_longest_history(const RsRun *run)
{
	uint64		longest = 0;

	for (uint32 u = 0; u < rs_idmap_count(run->users); u++)
		longest = Max(longest, run->user_start[u + 1] - run->user_start[u]);
	return longest;
}

/* latest first */
static int
compare_times(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x < y) - (x > y);
}

/*
 * A list is made from so many of a user's newest events, and from those that
 * tie with the last of them (history.c).  Where returns are netted the events
 * that serving counts are no longer there.
 */
int64
rs_history_since(const RsRun *run, const RsSplit *split, uint32 user)
{
	const RsRecommender *r = run->recommender;
	uint64		limit = rs_history_events(r);
	uint64		events = run->user_start[user + 1] - run->user_start[user];
	uint64		n = 0;
	int64		since = PG_INT64_MIN;
	int64	   *time;

	if (!r->has_time || r->returns_netted || events <= limit)
		return since;
	time = palloc_extended(events * sizeof(int64), MCXT_ALLOC_HUGE);
	for (uint64 i = run->user_start[user]; i < run->user_start[user + 1]; i++)
		if (rs_in_train(run, split, user, &run->event[i]))
			time[n++] = run->event[i].time;
	if (n > limit)
	{
		qsort(time, n, sizeof(int64), compare_times);
		since = time[limit - 1];
	}
	pfree(time);
	return since;
}

int
rs_user_history(const RsRun *run, const RsSplit *split, uint32 user, int64 since, RsEvent *out)
{
	const RsRecommender *r = run->recommender;
	int			n = 0;

	for (uint64 i = run->user_start[user]; i < run->user_start[user + 1]; i++)
		if (run->event[i].time >= since && rs_in_train(run, split, user, &run->event[i]))
			out[n++] = run->event[i];
	n = rs_merge_events(out, n, PG_INT64_MAX, r->merge, r->repeat_window);
	rs_decay_weights(out, n, split->as_of, r->weight_half_life);
	return n;
}

int
rs_user_ratings(const RsRun *run, const RsSplit *split, uint32 user, bool test,
				int64 since, RsRating *out)
{
	int			n = 0;

	for (uint64 i = run->user_start[user]; i < run->user_start[user + 1]; i++)
	{
		const RsEvent *e = &run->event[i];

		if (e->time < since || !(test ? rs_in_test : rs_in_train) (run, split, user, e))
			continue;
		out[n].time = e->time;
		out[n].item = rs_event_item(e);
		out[n++].value = run->rating[i];
	}
	return rs_newest_ratings(out, n);
}

/* What counts as a hit in an evaluation. */
bool
rs_is_relevant(const RsRun *run, const RsEvent *event)
{
	unsigned	flags = rs_event_flags(event);

	return (flags & RS_POSITIVE) &&
		(!run->recommender->relevant_owned || (flags & RS_OWNED));
}

/* Whether an item is owned in a merged history. */
static bool
owns(const RsEvent *history, int n, uint32 item)
{
	int			low = 0;
	int			high = n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (rs_event_item(&history[middle]) < item)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && rs_event_item(&history[low]) == item &&
		(rs_event_flags(&history[low]) & RS_OWNED);
}

/*
 * Purchases are taken back newest first, so what a return leaves was bought on
 * the test side wherever nothing was owned before; where something was, it is
 * taken for that.
 */
int
rs_user_future(const RsRun *run, const RsSplit *split, uint32 user,
			   RsEvent *history, RsEvent *out)
{
	const RsRecommender *r = run->recommender;
	int			before = -1;
	int			merged;
	int			n = 0;

	for (uint64 i = run->user_start[user]; i < run->user_start[user + 1]; i++)
	{
		RsEvent		e = run->event[i];
		bool		returned = (rs_event_flags(&e) & RS_RETURNED) != 0;

		if (!rs_in_test(run, split, user, &e) ||
			!(returned || rs_is_relevant(run, &e)))
			continue;
		if (returned && before < 0)
			before = rs_user_history(run, split, user, PG_INT64_MIN, history);
		if (returned && owns(history, before, rs_event_item(&e)))
			rs_event_set_flags(&e, RS_RETURNED);
		out[n++] = e;
	}
	merged = rs_merge_events(out, n, PG_INT64_MAX, r->merge, r->repeat_window);
	n = 0;
	for (int i = 0; i < merged; i++)
		if (rs_is_relevant(run, &out[i]))
			out[n++] = out[i];
	return n;
}
