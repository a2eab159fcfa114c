/*-------------------------------------------------------------------------
 *
 * rating.h
 *	  One user's ratings, one per item.
 *
 * Used by training, evaluation and serving, so that they agree on which rating
 * of an item counts and on which ratings a user's vector is solved from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_RATING_H
#define RS_RATING_H

#include "returns.h"

typedef struct RsRating
{
	int64_t		time;
	uint32_t	item;
	float		value;
} RsRating;

/*
 * Leaves the newest rating of each item; of several at one time the highest.
 * Takes them in any order; the result is sorted by item.  Returns its length.
 */
extern int	rs_newest_ratings(RsRating *ratings, int n);

/*
 * The newest limit of n ratings of different items, ties to the smaller item;
 * sorted by item.
 */
extern int	rs_recent_ratings(RsRating *ratings, int n, int limit);

/* Puts events and their values into canonical order, then by value. */
extern void rs_sort_rated(RsQuantified *log, size_t n);

#endif							/* RS_RATING_H */
