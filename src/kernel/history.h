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

/* 0.5^(age / half_life), both in microseconds; 1 for what is not past */
extern double rs_decay(int64_t time, int64_t as_of, double half_life);

/*
 * Multiplies the weights of a merged history by rs_decay; by 1 where half_life
 * is 0.  Before rs_newest_positive, so that what has decayed to 0 takes no
 * place.
 */
extern void rs_decay_weights(RsEvent *history, int n, int64_t as_of,
							 double half_life);

#endif							/* RS_HISTORY_H */
