/*-------------------------------------------------------------------------
 *
 * history.c
 *	  The part of a user's merged history that a user's vector is solved from.
 *
 * Evaluation and serving both cut histories here, so that they score alike.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>

#include "history.h"

/* newest first */
static inline bool
newest_before(const RsEvent *x, const RsEvent *y)
{
	if (x->time != y->time)
		return x->time > y->time;
	return rs_event_item(x) < rs_event_item(y);
}

#define RS_SORT			sort_newest
#define RS_SORT_TYPE	RsEvent
#define RS_SORT_LESS(a, b)	newest_before(a, b)
#include "sort_template.h"

#define RS_SORT			sort_by_item
#define RS_SORT_TYPE	RsEvent
#define RS_SORT_LESS(a, b)	(rs_event_item(a) < rs_event_item(b))
#include "sort_template.h"

int
rs_newest_positive(RsEvent *history, int n, int limit)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if ((rs_event_flags(&history[i]) & RS_POSITIVE) && history[i].weight > 0)
		{
			history[kept] = history[i];
			if (history[kept].weight > RS_MOST_WEIGHT)
				history[kept].weight = RS_MOST_WEIGHT;
			kept++;
		}
	if (kept > limit)
	{
		sort_newest(history, kept);
		kept = limit;
		sort_by_item(history, kept);
	}
	return kept;
}

double
rs_decay(int64_t time, int64_t as_of, double half_life)
{
	if (time >= as_of)
		return 1;
	return exp2(-(double) ((uint64_t) as_of - (uint64_t) time) / half_life);
}

void
rs_decay_weights(RsEvent *history, int n, int64_t as_of, double half_life)
{
	int			i;

	if (!(half_life > 0))
		return;
	for (i = 0; i < n; i++)
	{
		double		weight = history[i].weight;

		history[i].weight = (float) (weight * rs_decay(history[i].time, as_of, half_life));
	}
}
