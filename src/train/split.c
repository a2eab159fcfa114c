/*-------------------------------------------------------------------------
 *
 * split.c
 *	  Train and test: the cutoff, and the matrix that a training sees.
 *
 * A matrix numbers its users and items by itself, in the order of the ids, and
 * holds only those that occur in it.  A training at a cutoff is therefore the
 * same whether or not the source has rows after the cutoff.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "train.h"
#include "kernel/hash.h"

#define TRAIN_SHARE		0.9
#define RANDOM_TENTHS	10		/* a random split holds out one in so many */

static int
compare_time(const void *a, const void *b, void *arg)
{
	TimestampTz x = *(const TimestampTz *) a;
	TimestampTz y = *(const TimestampTz *) b;

	return (x > y) - (x < y);
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
 * The cutoff of a run: given, or the time below which 90 % of the events lie,
 * rounded down to a day where events before that day remain.
 */
void
rs_find_cutoff(RsRun *run)
{
	TimestampTz *times;
	TimestampTz day;

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
	if (run->nevents == 0)
	{
		run->cutoff = 0;
		return;
	}
	rs_run_charge(run, run->nevents * sizeof(TimestampTz), "finding the cutoff");
	times = palloc_extended(run->nevents * sizeof(TimestampTz), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < run->nevents; i++)
		times[i] = run->event[i].time;
	qsort_interruptible(times, run->nevents, sizeof(TimestampTz), compare_time, NULL);
	run->cutoff = times[(uint64) (run->nevents * TRAIN_SHARE)];
	day = day_of(run, run->cutoff);
	if (times[0] < day)
		run->cutoff = day;
	pfree(times);
}

/* Users that are bots by what lies before an instant; all false if off. */
bool *
rs_find_bots(RsRun *run, TimestampTz before)
{
	uint32		nusers = rs_idmap_count(run->users);
	bool	   *bot = rs_run_alloc(run, nusers * sizeof(bool), "bots");
	ListCell   *cell;

	memset(bot, 0, nusers * sizeof(bool));
	if (run->recommender->bots_enabled)
		foreach(cell, rs_list_bots(run, before))
			bot[((RsBot *) lfirst(cell))->user] = true;
	return bot;
}

/* Whether an event lies on the train side; a pair is never split at random. */
bool
rs_in_train(const RsRun *run, uint32 user, const RsEvent *event)
{
	if (run->random_split)
		return rs_hash64(((uint64) user << 32 | event->item) ^
							rs_hash64((uint64) run->seed)) % RANDOM_TENTHS != 0;
	return event->time < run->cutoff;
}

uint64
rs_longest_history(const RsRun *run)
{
	uint64		longest = 0;

	for (uint32 u = 0; u < rs_idmap_count(run->users); u++)
		longest = Max(longest, run->user_start[u + 1] - run->user_start[u]);
	return longest;
}

/*
 * A user's events, one per item, of the train side or all; returns how many.
 * out has room for the longest history.
 */
int
rs_user_history(const RsRun *run, uint32 user, bool train_only, RsEvent *out)
{
	int			n = 0;

	for (uint64 i = run->user_start[user]; i < run->user_start[user + 1]; i++)
		if (!train_only || rs_in_train(run, user, &run->event[i]))
			out[n++] = run->event[i];
	return rs_merge_events(out, n, PG_INT64_MAX, run->recommender->merge,
						   run->recommender->repeat_window);
}

/* Keeps the positive ones. */
static int
keep_positive(RsEvent *events, int n)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if (events[i].flags & RS_POSITIVE && events[i].weight > 0)
			events[kept++] = events[i];
	return kept;
}

/* Numbers those that are marked; fills the way back; returns how many. */
static uint32
number_marked(uint32 *number, uint32 n, uint32 *back)
{
	uint32		count = 0;

	for (uint32 i = 0; i < n; i++)
		if (number[i] != RS_NO_ID)
		{
			back[count] = i;
			number[i] = count++;
		}
	return count;
}

/* First pass: which users and items occur, and how often each user. */
static uint64
mark_pairs(RsRun *run, const bool *bot, bool train_only, RsMatrix *m,
		   RsEvent *history)
{
	uint32		nusers = rs_idmap_count(run->users);
	uint64		pairs = 0;

	memset(m->row, 0xff, nusers * sizeof(uint32));
	memset(m->column, 0xff, rs_idmap_count(run->items) * sizeof(uint32));
	for (uint32 u = 0; u < nusers; u++)
	{
		int			n;

		if (bot[u])
			continue;
		n = keep_positive(history, rs_user_history(run, u, train_only, history));
		if (n > 0)
			m->row[u] = 0;
		for (int i = 0; i < n; i++)
			m->column[history[i].item] = 0;
		pairs += n;
		if ((u & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return pairs;
}

static void
alloc_csr(RsRun *run, RsCsr *m, uint32 nrows, uint32 ncols, uint64 pairs)
{
	m->nrows = nrows;
	m->ncols = ncols;
	m->start = rs_run_alloc(run, ((Size) nrows + 1) * sizeof(uint64), "the matrix");
	m->col = rs_run_alloc(run, pairs * sizeof(uint32), "the matrix");
	m->value = rs_run_alloc(run, pairs * sizeof(float), "the matrix");
	m->start[0] = 0;
}

/* Second pass: the rows, their checksum and the times they span. */
static void
fill_rows(RsRun *run, bool train_only, RsMatrix *m, RsEvent *history)
{
	uint64		pair = 0;
	uint64		sum = 0;

	m->from = DT_NOEND;
	m->until = DT_NOBEGIN;
	for (uint32 row = 0; row < m->users.nrows; row++)
	{
		uint32		u = m->user[row];
		int			n = keep_positive(history, rs_user_history(run, u, train_only, history));

		sum = rs_hash64(sum ^ rs_idmap_checksum(run->users, u));
		for (int i = 0; i < n; i++)
		{
			uint32		bits;

			memcpy(&bits, &history[i].weight, sizeof(bits));
			m->users.col[pair] = m->column[history[i].item];
			m->users.value[pair++] = history[i].weight;
			sum = rs_hash64(sum ^ rs_idmap_checksum(run->items, history[i].item));
			sum = rs_hash64(sum ^ bits);
			m->from = Min(m->from, history[i].time);
			m->until = Max(m->until, history[i].time);
		}
		m->users.start[row + 1] = pair;
		if ((row & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	m->checksum = sum;
}

/*
 * The distinct positive pairs, of the train side or all, without bots.
 */
RsMatrix *
rs_matrix_make(RsRun *run, const bool *bot, bool train_only)
{
	uint32		nusers = rs_idmap_count(run->users);
	uint32		nitems = rs_idmap_count(run->items);
	RsMatrix   *m = MemoryContextAllocZero(run->context, sizeof(RsMatrix));
	RsEvent    *history = palloc_extended((rs_longest_history(run) + 1) * sizeof(RsEvent), MCXT_ALLOC_HUGE);
	uint64		pairs;
	uint32		nrows;
	uint32		ncols;

	m->row = rs_run_alloc(run, nusers * sizeof(uint32), "the matrix");
	m->column = rs_run_alloc(run, nitems * sizeof(uint32), "the matrix");
	m->user = rs_run_alloc(run, nusers * sizeof(uint32), "the matrix");
	m->item = rs_run_alloc(run, nitems * sizeof(uint32), "the matrix");
	pairs = mark_pairs(run, bot, train_only, m, history);
	nrows = number_marked(m->row, nusers, m->user);
	ncols = number_marked(m->column, nitems, m->item);
	alloc_csr(run, &m->users, nrows, ncols, pairs);
	fill_rows(run, train_only, m, history);
	alloc_csr(run, &m->items, ncols, nrows, pairs);
	rs_csr_transpose(&m->users, &m->items);
	pfree(history);
	return m;
}
