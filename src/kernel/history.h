/*-------------------------------------------------------------------------
 *
 * history.h
 *	  The part of a user's merged history that a user's vector is solved from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_HISTORY_H
#define RS_HISTORY_H

#include "merge.h"

/* what a weight counts for at most, so that sums of weights stay finite */
#define RS_MOST_WEIGHT	1e30f

/*
 * Keeps, in place, the newest limit positive events of a merged history,
 * ordered by item; ties in time by item.  Weights are capped at
 * RS_MOST_WEIGHT.  Returns how many.
 */
extern int	rs_newest_positive(RsEvent *history, int n, int limit);

#endif							/* RS_HISTORY_H */
