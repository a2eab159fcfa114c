/*-------------------------------------------------------------------------
 *
 * lister_memory.h
 *	  What one process makes lists in: the plan's arrays as it sees them, the
 *	  users at hand, and scratch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LISTER_MEMORY_H
#define RS_LISTER_MEMORY_H

#include "lister.h"

struct RsLister
{
	const RsPlan *plan;
	const RsBatch *batch;
	RsRankItems items;
	const RsPlanPolicy *policy;
	const RsPlanNeighbors *neighbors;
	const RsPlanFactors *factors;
	const RsTarget *target;
	const uint32 *pool;

	/* users taken together: those with a history or ratings come first */
	int			n;
	int			warm;
	uint32		place[RS_RANK_USERS];	/* targets */
	RsRankUser	user[RS_RANK_USERS];
	RsMarks    *marks;			/* by user: hidden only, then by neighbours */
	RsMarked   *room;
	Size		marks_room;
	Size		used;

	float	   *evidence;		/* nitems, zero between users */
	float	   *x;				/* vectors */
	void	   *solve;			/* scratch of a fold-in */
	RsNear	   *near;
	int			near_room;		/* of each user */
	RsRankWork	work;
	RsScored   *list;

	/* of policies with a ranker, by funnel */
	RsFunnel   *funnel;
	RsFunnelWork **funnel_work;
	RsCandidate **candidate;
	int64	   *time;			/* of the history */
	bool	   *listed;			/* by item, false between lists */
	RsScored   *ranked;
};

#endif							/* RS_LISTER_MEMORY_H */
