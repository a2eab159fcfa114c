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

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum RsMergeRule
{
	RS_MERGE_MAX,				/* the largest weight */
	RS_MERGE_SUM,				/* the sum of the weights */
	RS_MERGE_LAST				/* the weight of the newest event */
} RsMergeRule;

#define RS_POSITIVE	1			/* trained on */
#define RS_OWNED	2			/* leaves the lists */
#define RS_RETURNED	4			/* a return: weight and flags are those of what
								 * is left of the item, whatever came before */

/* items are numbered below this */
#define RS_MOST_ITEMS	(UINT32_C(1) << 29)

/* 16 bytes, since a training holds one for each interaction */
typedef struct RsEvent
{
	int64_t		time;			/* microseconds; 0 where there is no time */
	uint32_t	packed;			/* flags in the 3 highest bits, then the item */
	float		weight;
} RsEvent;

static inline RsEvent
rs_event(int64_t time, uint32_t item, float weight, unsigned flags)
{
	RsEvent		e;

	e.time = time;
	e.packed = flags << 29 | item;
	e.weight = weight;
	return e;
}

static inline uint32_t
rs_event_item(const RsEvent *e)
{
	return e->packed & (RS_MOST_ITEMS - 1);
}

static inline unsigned
rs_event_flags(const RsEvent *e)
{
	return e->packed >> 29;
}

/* the item of an event that has flags already */
static inline void
rs_event_set_item(RsEvent *e, uint32_t item)
{
	e->packed = (e->packed & ~(RS_MOST_ITEMS - 1)) | item;
}

static inline void
rs_event_set_flags(RsEvent *e, unsigned flags)
{
	e->packed = flags << 29 | rs_event_item(e);
}

/*
 * A float as an unsigned number of the same order, which is total: the
 * negative zero before the positive one, NaN at the ends.
 */
static inline uint32_t
rs_float_order(float x)
{
	uint32_t	bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits ^ ((bits >> 31) ? UINT32_MAX : UINT32_C(0x80000000));
}

/*
 * Order of one item's events at one time: returns last, since they take back
 * what was bought at the same time, then by weight and flags.
 */
static inline uint64_t
rs_event_kind(const RsEvent *e)
{
	unsigned	flags = rs_event_flags(e);

	return (uint64_t) (flags & RS_RETURNED) << 32 |
		(uint64_t) rs_float_order(e->weight) << 2 | (flags & (RS_POSITIVE | RS_OWNED));
}

/*
 * The canonical order: by time, item, then rs_event_kind.  Total, so merges
 * are stable.
 */
static inline int
rs_event_before(const RsEvent *x, const RsEvent *y)
{
	if (x->time != y->time)
		return x->time < y->time;
	if (rs_event_item(x) != rs_event_item(y))
		return rs_event_item(x) < rs_event_item(y);
	return rs_event_kind(x) < rs_event_kind(y);
}

/* Puts events into canonical order. */
extern void rs_sort_events(RsEvent *events, size_t n);

/*
 * Merges one user's events, in canonical order, in place into one event per
 * item: weight by the rule, newest time, flags or-ed.  Events later than
 * as_of are left out; exact repeats (same item, weight and flags at most
 * window microseconds after the last one kept) count once.  A positive
 * flag's weight counts only from positive events where there are any.  An
 * item begins anew with its last return: with what that left, if anything.
 * The result is sorted by item and has no RS_RETURNED.  Returns its length.
 */
extern int	rs_merge_events(RsEvent *events, int n, int64_t as_of,
							RsMergeRule rule, int64_t window);

#endif							/* RS_MERGE_H */
