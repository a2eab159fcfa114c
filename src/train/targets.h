/*-------------------------------------------------------------------------
 *
 * targets.h
 *	  Users of a split with something on its test side, as the targets of a
 *	  batch (lister.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TARGETS_H
#define RS_TARGETS_H

#include "lister.h"

typedef struct RsTargets
{
	RsRun	   *run;
	RsSplit    *split;
	RsEvent    *history;		/* room for the longest */
	RsEvent    *test;
	RsRating   *rating;			/* the same, where ratings are learned from */
	uint64		most_words;		/* of a batch, for the user with most events */
	bool	   *cold;			/* by item of the run: unknown in train but
								 * tested; may be NULL */
	uint64		test_pairs;
	uint64		cold_pairs;		/* of items unknown in train */
} RsTargets;

/* room in the context */
extern void rs_targets_make(RsTargets *s, RsRun *run, RsSplit *split,
							MemoryContext context);

/*
 * Puts a user with something to find or to predict into the batch.  False if
 * the batch is too full for it.
 */
extern bool rs_targets_add(RsTargets *s, RsBatch *batch, uint32 user);

/* Whether a column is among n ascending ones. */
static inline bool
rs_among(const uint32 *column, uint32 n, uint32 wanted)
{
	uint32		low = 0;
	uint32		high = n;

	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (column[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && column[low] == wanted;
}

#endif							/* RS_TARGETS_H */
