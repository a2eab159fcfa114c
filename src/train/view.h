/*-------------------------------------------------------------------------
 *
 * view.h
 *	  The funnel of a policy (kernel/funnel.h) over parts as a training holds
 *	  them, for all processes of a team.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_VIEW_H
#define RS_VIEW_H

#include "facts.h"
#include "parts.h"

/* A ranker that has been learned, and what from. */
typedef struct RsLearned
{
	RsRanker	ranker;			/* nfeatures 0: there was too little to learn from */
	RsLinearFit fit;
	bool		random;			/* the slice is of pairs at random */
	TimestampTz from;			/* or from this instant on */
	TimestampTz until;			/* to its newest event */
} RsLearned;

/* whether a policy's candidates are ranked, in an evaluation, by a ranker */
static inline bool
rs_is_ranked(const RsPolicy *p)
{
	return p->learned != NULL && p->learned->ranker.nfeatures > 0;
}

/* What a process makes its RsFunnel from. */
typedef struct RsPlanFunnel
{
	RsFunnel	funnel;			/* its pointers are each process's own */
	RsShared	popularity;
	RsShared	popular;
	RsShared	index;
	RsShared	gram;
	RsShared	neighbor_start;
	RsShared	neighbor;
	RsSharedFacts facts;
	RsShared	ranker;			/* mean, scale, weight by feature, doubles */
} RsPlanFunnel;

/* The index of a part's rows, made once, in the part's own context. */
extern RsShared rs_part_index(RsRun *run, MemoryContext context, RsFactorPart *part,
							  uint32 nitems);

/*
 * The funnel of a policy over parts that it belongs to, in shared memory; order
 * has the items, most popular first.  learned may be NULL.  What other funnels
 * of the parts need too lives as long as they do, in their context.
 */
extern RsPlanFunnel rs_view_share(RsRun *run, MemoryContext context, const RsParts *parts,
								  MemoryContext parts_context, uint32 nitems, RsShared order, const RsPolicy *policy,
								  const RsSharedFacts *facts, const RsLearned *learned);

/* as this process sees it */
extern RsFunnel rs_view(const RsPlanFunnel *plan);

/* bytes that a process needs besides, for histories of so many items */
extern Size rs_view_bytes(const RsPlanFunnel *plan, int most_history);

/* scratch of a view, in the current context */
extern RsFunnelWork *rs_view_work(const RsFunnel *funnel, int most_history);

#endif							/* RS_VIEW_H */
