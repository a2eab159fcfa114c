/*-------------------------------------------------------------------------
 *
 * returns.h
 *	  Returns: what a user took back of an item, and what is left of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_RETURNS_H
#define RS_RETURNS_H

#include "merge.h"

/* How a weight depends on the quantity. */
typedef enum RsWeightRule
{
	RS_WEIGHT_ONE,				/* not */
	RS_WEIGHT_VALUE,			/* weight * quantity */
	RS_WEIGHT_LOG				/* weight * (1 + ln(1 + quantity)) */
} RsWeightRule;

/* An event with its quantity: below 0 is a return of so many. */
typedef struct RsQuantified
{
	RsEvent		event;
	float		quantity;
} RsQuantified;

/* How returns are netted. */
typedef struct RsReturns
{
	RsMergeRule merge;
	RsWeightRule weight;
	int64_t		window;			/* of repeats, as in rs_merge_events */
	double		minimum;		/* what is positive has at least this quantity;
								 * -INFINITY if there is no minimum */
} RsReturns;

/* What netting did, for reports. */
typedef struct RsReturnCounts
{
	uint64_t	returns;		/* rows; repeats not counted */
	uint64_t	whole;			/* purchases taken back wholly */
	uint64_t	partly;			/* purchases cut, and not wholly taken back later */
	uint64_t	vain;			/* returns that found nothing to take back */
} RsReturnCounts;

/* bytes of scratch that n events need */
extern size_t rs_net_workspace(size_t n);

/*
 * Nets one user's events, in any order, with their quantities: fills out with
 * at most n events in canonical order, in which returns have become
 * RS_RETURNED events that hold what is left of the item just after them, for
 * rs_merge_events at any instant.  A return takes back the newest purchases
 * (RS_OWNED) that still stand.  Reorders log.  counts may be NULL; else it is
 * added to.  Returns the number of events.
 */
extern int	rs_net_returns(RsQuantified *log, int n, const RsReturns *how,
						   void *work, RsEvent *out, RsReturnCounts *counts);

#endif							/* RS_RETURNS_H */
