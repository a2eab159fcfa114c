/*-------------------------------------------------------------------------
 *
 * rating.c
 *	  One user's ratings, one per item.
 *
 * A rating replaces an earlier one: weights of repeats may be summed up,
 * ratings may not.  Where there is no time the highest of an item's ratings
 * counts, so that the order of the rows does not.
 *
 *-------------------------------------------------------------------------
 */
#include <stdbool.h>

#include "rating.h"

/* Item, then time, then value. */
static inline bool
rating_before(const RsRating *x, const RsRating *y)
{
	if (x->item != y->item)
		return x->item < y->item;
	if (x->time != y->time)
		return x->time < y->time;
	return rs_float_order(x->value) < rs_float_order(y->value);
}

#define RS_SORT			sort_ratings
#define RS_SORT_TYPE	RsRating
#define RS_SORT_LESS(a, b)	rating_before(a, b)
#include "sort_template.h"

/* Newest first; of different items. */
static inline bool
newer(const RsRating *x, const RsRating *y)
{
	if (x->time != y->time)
		return x->time > y->time;
	return x->item < y->item;
}

#define RS_SORT			sort_newest
#define RS_SORT_TYPE	RsRating
#define RS_SORT_LESS(a, b)	newer(a, b)
#include "sort_template.h"

static inline bool
rated_before(const RsQuantified *x, const RsQuantified *y)
{
	if (rs_event_before(&x->event, &y->event))
		return true;
	if (rs_event_before(&y->event, &x->event))
		return false;
	return rs_float_order(x->quantity) < rs_float_order(y->quantity);
}

#define RS_SORT			sort_rated
#define RS_SORT_TYPE	RsQuantified
#define RS_SORT_LESS(a, b)	rated_before(a, b)
#include "sort_template.h"

/* See rating.h: the last of each item's. */
int
rs_newest_ratings(RsRating *ratings, int n)
{
	int			kept = 0;
	int			i;

	sort_ratings(ratings, n);
	for (i = 0; i < n; i++)
		if (i + 1 == n || ratings[i + 1].item != ratings[i].item)
			ratings[kept++] = ratings[i];
	return kept;
}

int
rs_recent_ratings(RsRating *ratings, int n, int limit)
{
	if (n <= limit)
		return n;
	sort_newest(ratings, n);
	sort_ratings(ratings, limit);
	return limit;
}

void
rs_sort_rated(RsQuantified *log, size_t n)
{
	sort_rated(log, n);
}
