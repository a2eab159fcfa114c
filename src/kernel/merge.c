/*-------------------------------------------------------------------------
 *
 * merge.c
 *	  Rules on pairs of a user's events: what repeats become.
 *
 * Events are sorted by item, weight, flags and time, so that exact repeats
 * are neighbours and one pass drops them; then by item and time, so that one
 * pass over each item's events merges them.  Both orders are total, hence the
 * result depends on the set of events only.
 *
 * A repeat that is dropped is as if it had never been: its time does not
 * become the newest one either.  The next repeat is measured from the last one
 * kept, so a steady stream is thinned, not swallowed.  Where there is no time
 * all exact repeats are 0 microseconds apart; a negative window lets them all
 * count.
 *
 * Limits: in memory, O(n log n); a sum of weights may reach infinity.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "merge.h"

/* -1, 0 or 1 */
static inline int
compare_unsigned(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

/*
 * Order of floats that is total: by value, the negative zero before the
 * positive one and NaN at the ends.
 */
static int
compare_weight(float a, float b)
{
	uint32_t	x;
	uint32_t	y;

	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	x ^= (x >> 31) ? UINT32_MAX : UINT32_C(0x80000000);
	y ^= (y >> 31) ? UINT32_MAX : UINT32_C(0x80000000);
	return compare_unsigned(x, y);
}

/* Time, item, weight, flags. */
int
rs_event_compare(const void *a, const void *b)
{
	const RsEvent *x = a;
	const RsEvent *y = b;
	int			order;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->item != y->item)
		return compare_unsigned(x->item, y->item);
	order = compare_weight(x->weight, y->weight);
	return order != 0 ? order : compare_unsigned(x->flags, y->flags);
}

/* Item, weight and flags: exact repeats but for the time compare equal. */
static int
compare_kind(const RsEvent *x, const RsEvent *y)
{
	int			order;

	if (x->item != y->item)
		return compare_unsigned(x->item, y->item);
	order = compare_weight(x->weight, y->weight);
	return order != 0 ? order : compare_unsigned(x->flags, y->flags);
}

/* Kind, then time. */
static int
compare_kind_time(const void *a, const void *b)
{
	const RsEvent *x = a;
	const RsEvent *y = b;
	int			order = compare_kind(x, y);

	return order != 0 ? order : (x->time > y->time) - (x->time < y->time);
}

/* Item, then rs_event_compare. */
static int
compare_item_time(const void *a, const void *b)
{
	const RsEvent *x = a;
	const RsEvent *y = b;

	if (x->item != y->item)
		return compare_unsigned(x->item, y->item);
	return rs_event_compare(a, b);
}

/*
 * Drops exact repeats; returns how many events are left.  Differences of times
 * are taken unsigned, where they cannot overflow.
 */
static int
drop_repeats(RsEvent *events, int n, int64_t window)
{
	int			kept = 0;
	int			i;

	qsort(events, n, sizeof(RsEvent), compare_kind_time);
	for (i = 0; i < n; i++)
	{
		if (kept > 0 && compare_kind(&events[i], &events[kept - 1]) == 0 &&
			(uint64_t) events[i].time - (uint64_t) events[kept - 1].time <=
			(uint64_t) window)
			continue;
		events[kept++] = events[i];
	}
	return kept;
}

/* One item's events, oldest first, into one. */
static RsEvent
merge_item(const RsEvent *events, int n, RsMergeRule rule)
{
	RsEvent		merged = events[n - 1];
	double		sum = 0;
	bool		first = true;
	uint32_t	needed;
	int			i;

	merged.flags = 0;
	for (i = 0; i < n; i++)
		merged.flags |= events[i].flags;

	needed = merged.flags & RS_POSITIVE;
	for (i = 0; i < n; i++)
	{
		float		weight = events[i].weight;

		if ((events[i].flags & needed) != needed)
			continue;
		sum += weight;
		if (first || rule == RS_MERGE_LAST || weight > merged.weight ||
			isnan(merged.weight))
			merged.weight = weight;
		first = false;
	}
	if (rule == RS_MERGE_SUM)
		merged.weight = (float) sum;
	return merged;
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

	if (window >= 0)
		n = drop_repeats(events, n, window);
	qsort(events, n, sizeof(RsEvent), compare_item_time);

	for (i = 0; i < n; i = end)
	{
		end = i + 1;
		while (end < n && events[end].item == events[i].item)
			end++;
		events[merged++] = merge_item(events + i, end - i, rule);
	}
	return merged;
}
