/*-------------------------------------------------------------------------
 *
 * history.c
 *	  The part of a user's merged history that a user's vector is solved from.
 *
 * Evaluation and serving both cut histories here, so that they score alike.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "history.h"

/* newest first */
static int
compare_newest(const void *a, const void *b)
{
	const RsEvent *x = a;
	const RsEvent *y = b;

	if (x->time != y->time)
		return x->time > y->time ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

static int
compare_item(const void *a, const void *b)
{
	const RsEvent *x = a;
	const RsEvent *y = b;

	return (x->item > y->item) - (x->item < y->item);
}

int
rs_newest_positive(RsEvent *history, int n, int limit)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if ((history[i].flags & RS_POSITIVE) && history[i].weight > 0)
		{
			history[kept] = history[i];
			if (history[kept].weight > RS_MOST_WEIGHT)
				history[kept].weight = RS_MOST_WEIGHT;
			kept++;
		}
	if (kept > limit)
	{
		qsort(history, kept, sizeof(RsEvent), compare_newest);
		kept = limit;
		qsort(history, kept, sizeof(RsEvent), compare_item);
	}
	return kept;
}
