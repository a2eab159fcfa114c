/*-------------------------------------------------------------------------
 *
 * lister.h
 *	  Lists for many users, by the processes of a team.
 *
 * The backend that trains makes a plan (what to rank by) and fills a batch
 * (whom to rank for) in shared memory; each process then takes blocks of the
 * batch's users through a lister of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LISTER_H
#define RS_LISTER_H

#include "view.h"
#include "kernel/rank.h"

/* What to rank by. */
typedef struct RsPlan
{
	uint32		nitems;
	int			k;
	bool		with_hidden;	/* lists with the hidden items too, as well */
	bool		has_barred;
	int			most_history;	/* items of a fold-in */
	RsShared	popularity;
	RsShared	order;			/* items by popularity */
	RsShared	barred;			/* bool by item, if has_barred */
	int			nneighbors;
	int			nfactors;
	int			npolicies;
	int			nfunnels;
	bool		has_time;		/* targets have times */
	int64		as_of;			/* of the funnels */
	RsShared	neighbors;		/* of RsPlanNeighbors */
	RsShared	factors;		/* of RsPlanFactors */
	RsShared	policies;		/* of RsPlanPolicy */
	RsShared	funnels;		/* of RsPlanFunnel */
} RsPlan;

typedef struct RsPlanNeighbors
{
	RsShared	start;
	RsShared	neighbor;
} RsPlanNeighbors;

typedef struct RsPlanFactors
{
	RsFoldIn	fold;			/* its pointers are each process's own */
	RsShared	row;
	RsShared	gram;
	double		longest;
	double		least_share;	/* see RsRankFactors */
	bool		scanned;		/* for all users: some policy ranks all items by it */
} RsPlanFactors;

typedef struct RsPlanPolicy
{
	int			neighbors;		/* places in the plan, or -1 */
	int			factors;
	int			funnel;			/* the one that ranks its candidates */
	double		blend;
} RsPlanPolicy;

/* One user to rank for; lists of columns, ascending, are places in the pool. */
typedef struct RsTarget
{
	uint32		user;
	bool		warm;			/* known in train */
	uint32		nhistory;
	uint32		nhidden;
	uint32		nrelevant;
	uint32		nrated;
	uint32		ntested;
	uint64		history;		/* columns */
	uint64		weight;			/* and their weights, floats */
	uint64		time;			/* and their times, of 64 bits each */
	uint64		hidden;
	uint64		rated;			/* columns, where ratings are learned from */
	uint64		rating;			/* and their ratings, floats */
	uint64		relevant;		/* for the caller's use */
	uint64		tested;			/* the same: columns rated on the test side */
	uint64		test_rating;	/* and their ratings */
} RsTarget;

/* Whom to rank for. */
typedef struct RsBatch
{
	RsShared	target;
	RsShared	pool;			/* of 32 bits each */
	uint32		n;
	uint32		most;
	uint64		used;
	uint64		room;
} RsBatch;

typedef struct RsLister RsLister;

/*
 * Receives a list; target counts from the batch's first.  x is the user's
 * vector, NULL where the list is made without factors or by a ranker.
 */
typedef void (*RsTakeList) (void *arg, uint32 target, int policy, bool with_hidden,
						  const float *x, const RsScored *list, int n);

/* Parts as they are trained or read, for policies that they belong to. */
extern RsPlan rs_plan_make(RsRun *run, MemoryContext context, const RsParts *parts,
						   uint32 nitems, List *policies, int k, bool with_hidden);

/*
 * Adds the funnels of those of the policies that have a ranker, which has been
 * learned for the evaluation of a split.
 */
extern void rs_plan_funnels(RsRun *run, MemoryContext context, RsPlan *plan,
							const RsSplit *split, List *policies);

/* Users at most, and columns at least: what the largest one needs. */
extern RsBatch rs_batch_make(RsRun *run, MemoryContext context, uint32 most, uint64 columns);
extern void rs_batch_clear(RsBatch *batch);

/* room for so many columns of the next target's, or NULL if it is full */
extern uint32 *rs_batch_space(const RsBatch *batch, uint64 columns);

/* takes the target in; all its columns lie in the space */
extern void rs_batch_add(RsBatch *batch, const RsTarget *target, uint64 columns);

/* what a process needs besides shared memory */
extern Size rs_lister_bytes(const RsPlan *plan);

extern RsLister *rs_lister_make(const RsPlan *plan, const RsBatch *batch);
extern void rs_lister_block(RsLister *lister, uint32 block, RsTakeList take, void *arg);
extern uint32 rs_lister_blocks(const RsBatch *batch);

/* a target's history as the funnel takes it; time has room for the longest */
extern RsFunnelUser rs_target_user(const RsTarget *t, const uint32 *pool, bool has_time,
								   int64 as_of, int64 *time);

#endif							/* RS_LISTER_H */
