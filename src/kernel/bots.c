/*-------------------------------------------------------------------------
 *
 * bots.c
 *	  Users whose activity is out of all proportion to the others'.
 *
 * Activity is measured at its busiest, so that a robot that ran for one night
 * is not diluted by a quiet year.  The threshold is robust: the median and the
 * median absolute deviation of the logarithms (activity is skewed, and its
 * logarithm is roughly normal), scaled by 1.4826 to be a standard deviation on
 * normal data (Hampel 1974), so the robots themselves hardly move it.
 *
 * Limits: an hour is any 3600 s, the end excluded, a day is a UTC day.  Where
 * all events have one time (as where there is none), the busiest hour and day
 * hold everything.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "bots.h"
#include "stats.h"

#define RS_HOUR	INT64_C(3600000000)
#define RS_DAY	INT64_C(86400000000)

/* fewer values than this have no threshold */
#define RS_MIN_POPULATION 20

/* for qsort */
static int
compare_item(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

/* The day of a time, rounded down also before the epoch. */
static inline int64_t
day_of(int64_t time)
{
	return time / RS_DAY - (time % RS_DAY < 0);
}

/* How many distinct items n events have; scratch is overwritten. */
static int
distinct_items(const RsEvent *events, int n, uint32_t *scratch)
{
	int			distinct = 0;
	int			i;

	for (i = 0; i < n; i++)
		scratch[i] = rs_event_item(&events[i]);
	qsort(scratch, n, sizeof(uint32_t), compare_item);
	for (i = 0; i < n; i++)
		distinct += i == 0 || scratch[i] != scratch[i - 1];
	return distinct;
}

/*
 * Two pointers for the hour; day by day for the items.  Differences of times
 * are taken unsigned, where they cannot overflow.
 */
void
rs_activity(const RsEvent *events, int n, uint32_t *scratch, RsActivity *out)
{
	int			first = 0;
	int			busiest = 0;
	int			broadest = 0;
	int			i;
	int			end;

	for (i = 0; i < n; i++)
	{
		while ((uint64_t) events[i].time - (uint64_t) events[first].time >=
			   (uint64_t) RS_HOUR)
			first++;
		if (i - first + 1 > busiest)
			busiest = i - first + 1;
	}

	for (i = 0; i < n; i = end)
	{
		int64_t		day = day_of(events[i].time);
		int			distinct;

		for (end = i + 1; end < n && day_of(events[end].time) == day;)
			end++;
		if (end - i <= broadest)
			continue;
		distinct = distinct_items(events + i, end - i, scratch);
		if (distinct > broadest)
			broadest = distinct;
	}
	out->rate = busiest;
	out->breadth = broadest;
}

/* See bots.h.  Values that are not positive count as tiny ones. */
double
rs_outlier_threshold(double *x, size_t n, double z)
{
	double		median;
	double		spread;
	size_t		i;

	if (n < RS_MIN_POPULATION)
		return INFINITY;

	for (i = 0; i < n; i++)
	{
		if (!(x[i] > DBL_MIN))
			x[i] = DBL_MIN;
		x[i] = log(x[i] < DBL_MAX ? x[i] : DBL_MAX);
	}
	median = rs_median(x, n);
	for (i = 0; i < n; i++)
		x[i] = fabs(x[i] - median);
	spread = 1.4826 * rs_median(x, n);
	if (spread < M_LN2 / 3)
		spread = M_LN2 / 3;
	return exp(median + z * spread);
}
