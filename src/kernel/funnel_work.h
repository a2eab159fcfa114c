/*-------------------------------------------------------------------------
 *
 * funnel_work.h
 *	  What the parts of the funnel know of the user at hand.
 *
 * Evidence stands in the order in which items were met, those of the history
 * first, and a hash table leads to it.  So a user costs what the user touches,
 * however large the catalog, and stays in the second level cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_FUNNEL_WORK_H
#define RS_FUNNEL_WORK_H

#include <float.h>
#include <math.h>

#include "funnel.h"
#include "score.h"

#define RS_DAY	86400e6			/* microseconds */
#define RS_FRESH_FOR	(30 * RS_DAY)	/* half-life of the recency features */

/* What was found about one item. */
typedef struct RsEvidence
{
	uint32_t	item;
	float		sum;			/* of the votes */
	float		faded;			/* the same, by recency */
	float		vote;			/* the largest */
	uint32_t	because;		/* whose it is, or RS_NO_ITEM */
	uint32_t	rank;			/* the best among the neighbours, 0 = none */
	uint32_t	votes;
	float		factor;			/* x'y, or NaN where not taken yet */
} RsEvidence;

/* A place of the hash table: item RS_NO_ITEM = free. */
typedef struct RsSlot
{
	uint32_t	item;
	uint32_t	evidence;
} RsSlot;

/* A category of the history. */
typedef struct RsCategoryShare
{
	uint32_t	category;
	uint32_t	items;
	double		weight;
} RsCategoryShare;

/* The list of a category, from where it has not been merged. */
typedef struct RsCategoryHead
{
	uint64_t	next;
	uint64_t	end;
} RsCategoryHead;

/* An item to be sorted, largest first, by one of two. */
typedef struct RsOrdered
{
	union
	{
		double		score;
		int64_t		time;
	};
	uint32_t	item;
	uint32_t	place;
} RsOrdered;

typedef uint32_t RsPositions[RS_SOURCES];

struct RsFunnelWork
{
	RsFunnelUser user;
	int			most_history;
	int			most;			/* candidates */
	int			longest;		/* list */

	/* the user */
	bool		has_vector;
	float	   *x;
	float	   *faded_weight;	/* by item of the history */
	float	   *seen_recency;	/* the same */
	float		history_recency;
	float		history_length;
	double		price;			/* mean of the logarithms */
	bool		has_price;
	int			ncategories;
	RsCategoryShare *category;	/* by code */
	double		weight;			/* of the history, all that is positive */

	/* the evidence */
	uint32_t	n;
	RsEvidence *evidence;
	RsPositions *position;		/* by evidence */
	RsSlot	   *slot;
	uint32_t	nlisted;
	uint32_t   *listed;			/* evidence of what is in a list */
	int			shift;			/* of the hash; 32 - log2 of the slots */
	float		neighbor_best;	/* largest values of what is not in the history,
								 * 0 = none is positive */
	float		faded_best;
	float		factor_best;
	RsBlend		blend;

	/* scratch */
	float	   *position_value; /* by position, up to longest */
	float	   *count_value;	/* ln (1 + n), up to most_history */
	float	   *row;			/* features of one item */
	float	   *swap;
	uint64_t   *key;			/* by evidence */
	uint64_t   *key_scratch;	/* longest */
	RsOrdered  *ordered;		/* candidates, or the history */
	RsCategoryShare *share;		/* most_history */
	RsCategoryHead *head;		/* the same */
	uint32_t   *place;			/* the same */
	RsScored   *scored;			/* longest */
	void	   *solve;			/* of the fold-in, then of the search */
};

/* the nearest number that a float holds; what is none becomes 0 */
static inline float
rs_finite(double v)
{
	if (v > FLT_MAX)
		return FLT_MAX;
	if (v < -FLT_MAX)
		return -FLT_MAX;
	return v == v ? (float) v : 0;
}

/* where an item's place in the hash table is looked for first */
static inline uint32_t
rs_slot_of(const RsFunnelWork *w, uint32_t item)
{
	return (item * UINT32_C(2654435769)) >> w->shift;
}

/* the evidence of an item, or NULL */
static inline RsEvidence *
rs_find_evidence(const RsFunnelWork *w, uint32_t item)
{
	uint32_t	mask = UINT32_MAX >> w->shift;
	uint32_t	s;

	if (item == RS_NO_ITEM)
		return NULL;
	for (s = rs_slot_of(w, item); w->slot[s].item != RS_NO_ITEM; s = (s + 1) & mask)
		if (w->slot[s].item == item)
			return &w->evidence[w->slot[s].evidence];
	return NULL;
}

/* entries of a source's list for n items of history, at most */
extern uint32_t rs_funnel_length(const RsFunnel *f, int n, int source);

/* how many items to search for by the user's vector; 0 = no factors */
extern uint32_t rs_funnel_nearest(const RsFunnel *f, int n);

/* items that a user with so many neighbours can touch */
extern uint32_t rs_funnel_touched(const RsFunnel *f, int n, uint64_t neighbors);

#endif							/* RS_FUNNEL_WORK_H */
