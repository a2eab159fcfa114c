/*-------------------------------------------------------------------------
 *
 * merge.c
 *	  Rules on pairs of a user's events: what repeats become.
 *
 * Events are sorted by item, then in canonical order, so that one pass over
 * each item's events merges them.  Where an item has several, exact repeats
 * are dropped first: its events are sorted by kind and time, which makes
 * repeats neighbours, and sorted back.  All orders are total, hence the result
 * depends on the set of events only.
 *
 * A repeat that is dropped is as if it had never been: its time does not
 * become the newest one either.  The next repeat is measured from the last one
 * kept, so a steady stream is thinned, not swallowed.  Where there is no time
 * all exact repeats are 0 microseconds apart; a negative window lets them all
 * count.  Returns are states, not acts, and are never repeats.
 *
 * Limits: in memory, O(n log n); a sum of weights may reach infinity.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>

#include "merge.h"

#define RS_SORT			sort_canonical
#define RS_SORT_TYPE	RsEvent
#define RS_SORT_LESS(a, b)	rs_event_before(a, b)
#include "sort_template.h"

/* Item, then canonical. */
static inline bool
item_before(const RsEvent *x, const RsEvent *y)
{
	if (rs_event_item(x) != rs_event_item(y))
		return rs_event_item(x) < rs_event_item(y);
	return rs_event_before(x, y);
}

#define RS_SORT			sort_by_item
#define RS_SORT_TYPE	RsEvent
#define RS_SORT_LESS(a, b)	item_before(a, b)
#include "sort_template.h"

/* Among events of one item: kind, then time. */
static inline bool
kind_before(const RsEvent *x, const RsEvent *y)
{
	uint64_t	a = rs_event_kind(x);
	uint64_t	b = rs_event_kind(y);

	return a != b ? a < b : x->time < y->time;
}

#define RS_SORT			sort_by_kind
#define RS_SORT_TYPE	RsEvent
#define RS_SORT_LESS(a, b)	kind_before(a, b)
#include "sort_template.h"

/* See merge.h. */
void
rs_sort_events(RsEvent *events, size_t n)
{
	sort_canonical(events, n);
}

/*
 * Drops exact repeats among events of one item; returns how many are left, in
 * canonical order.  Differences of times are taken unsigned, where they cannot
 * overflow.
 */
static int
drop_repeats(RsEvent *events, int n, int64_t window)
{
	int			kept = 0;
	int			i;

	sort_by_kind(events, n);
	for (i = 0; i < n; i++)
	{
		if (kept > 0 && !(rs_event_flags(&events[i]) & RS_RETURNED) &&
			rs_event_kind(&events[i]) == rs_event_kind(&events[kept - 1]) &&
			(uint64_t) events[i].time - (uint64_t) events[kept - 1].time <=
			(uint64_t) window)
			continue;
		events[kept++] = events[i];
	}
	sort_canonical(events, kept);
	return kept;
}

/* One item's events, oldest first, none a return but the first, into one. */
static RsEvent
merge_item(const RsEvent *events, int n, RsMergeRule rule)
{
	float		merged = 0;
	double		sum = 0;
	bool		first = true;
	unsigned	flags = 0;
	unsigned	needed;
	int			i;

	for (i = 0; i < n; i++)
		flags |= rs_event_flags(&events[i]);
	flags &= RS_POSITIVE | RS_OWNED;

	needed = flags & RS_POSITIVE;
	for (i = 0; i < n; i++)
	{
		float		weight = events[i].weight;

		if ((rs_event_flags(&events[i]) & needed) != needed)
			continue;
		sum += weight;
		if (first || rule == RS_MERGE_LAST || weight > merged || isnan(merged))
			merged = weight;
		first = false;
	}
	if (rule == RS_MERGE_SUM)
		merged = (float) sum;
	return rs_event(events[n - 1].time, rs_event_item(&events[0]), merged, flags);
}

/*
 * Where an item's events begin to count: at its last return, or after it where
 * that left nothing.
 */
static int
first_standing(const RsEvent *events, int n)
{
	int			i = n;

	while (i > 0 && !(rs_event_flags(&events[i - 1]) & RS_RETURNED))
		i--;
	if (i == 0)
		return 0;
	return rs_event_flags(&events[i - 1]) == RS_RETURNED ? i : i - 1;
}

/* See merge.h. */
int
rs_merge_events(RsEvent *events, int n, int64_t as_of, RsMergeRule rule,
				int64_t window)
{
	int			merged = 0;
	int			i;
	int			end;

	while (n > 0 && events[n - 1].time > as_of)
		n--;
	if (n <= 0)
		return 0;

	sort_by_item(events, n);
	for (i = 0; i < n; i = end)
	{
		int			first;
		int			last;

		end = i + 1;
		while (end < n && rs_event_item(&events[end]) == rs_event_item(&events[i]))
			end++;
		last = end;
		if (window >= 0 && end - i > 1)
			last = i + drop_repeats(events + i, end - i, window);
		first = i + first_standing(events + i, last - i);
		if (first < last)
			events[merged++] = merge_item(events + first, last - first, rule);
	}
	return merged;
}
