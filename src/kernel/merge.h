/*-------------------------------------------------------------------------
 *
 * merge.h
 *	  Rules on pairs of a user's events: what repeats become.
 *
 * Used by the loader, the evaluation, the history reader of serving and the
 * replay, so that one history means one thing everywhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_MERGE_H
#define RS_MERGE_H

#include <stdint.h>

typedef enum RsMergeRule
{
	RS_MERGE_MAX,				/* the largest weight */
	RS_MERGE_SUM,				/* the sum of the weights */
	RS_MERGE_LAST				/* the weight of the newest event */
} RsMergeRule;

#define RS_POSITIVE	1			/* trained on */
#define RS_OWNED	2			/* leaves the lists */

typedef struct RsEvent
{
	int64_t		time;			/* microseconds; 0 where there is no time */
	uint32_t	item;
	float		weight;
	uint32_t	flags;			/* RS_POSITIVE | RS_OWNED */
} RsEvent;

/* Order by time, then item, weight and flags: total, so merges are stable. */
extern int	rs_event_compare(const void *a, const void *b);

/*
 * Merges one user's events, sorted by rs_event_compare, in place into one event
 * per item: weight by the rule, newest time, flags or-ed.  Events later than
 * as_of are left out; exact repeats (same item, weight and flags at most
 * window microseconds after the last one kept) count once.  A positive
 * flag's weight counts only from positive events where there are any.  The result
 * is sorted by item.  Returns its length.
 */
extern int	rs_merge_events(RsEvent *events, int n, int64_t as_of,
							RsMergeRule rule, int64_t window);

#endif							/* RS_MERGE_H */
