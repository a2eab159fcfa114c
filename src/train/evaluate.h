/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *	  What an evaluation gathers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_EVALUATE_H
#define RS_EVALUATE_H

#include "lister.h"
#include "kernel/stats.h"

#define RS_PROTOCOL_NEW	0
#define RS_PROTOCOL_ALL	1
#define RS_PROTOCOLS	2

#define RS_USER_METRICS	7

/* of one batch of lists */
#define RS_RESULT_BYTES	(16 * 1024 * 1024)
#define RS_RESULT_USERS	8192

/* per-user values and list counts of one policy under one protocol */
typedef struct RsOutcome
{
	uint32		n;				/* users scored */
	uint32		allocated;
	uint32	   *user;
	bool	   *warm;
	float	   *value;			/* n x lengths x RS_USER_METRICS */
	bool	   *shown[2];		/* by population: lengths x columns, in a list */
	double	   *novelty[2];		/* by population: sum over places, by length */
	uint64	   *popular[2];		/* places held by the most popular tenth */
	uint64	   *places[2];
} RsOutcome;

/* How far predicted ratings of one user are off, summed up. */
typedef struct RsErrors
{
	double		ratings;		/* how many */
	double		squared;
	double		absolute;
	double		base_squared;	/* of the model without factors */
	double		base_absolute;
} RsErrors;

/* The same of all users, by policies that predict ratings. */
typedef struct RsErrorList
{
	uint32		n;
	uint32		allocated;
	RsErrors   *user;
} RsErrorList;

/* What policies do on the test side of a split. */
typedef struct RsEvaluation
{
	RsRun	   *run;
	RsSplit    *split;
	List	   *policies;		/* of RsPolicy; the first is popularity */
	int			npolicies;
	int			kmax;
	RsOutcome  *outcome;		/* npolicies x RS_PROTOCOLS */
	RsErrorList *errors;		/* npolicies, where ratings are learned from */
	uint64		test_pairs;
	uint64		cold_pairs;		/* of items unknown in train */
	bool	   *cold;			/* by item of the run: such an item */
	bool	   *popular;		/* by column: in the most popular tenth */
	double	   *novelty;		/* by column: -log2(users of it / users) */
} RsEvaluation;

/*
 * Ranks and measures policies, whose parts have been trained on the split, on
 * its test side, for the run's list lengths; by the team, or where there is
 * none (NULL) by one of its own.  The result lives in the current context and
 * nothing is written.
 */
extern RsEvaluation *rs_evaluate_split(RsRun *run, RsTeam *team, RsSplit *split,
									   List *policies);

/*
 * The mean over the users known in train of a metric by its name at k, one of
 * the run's list lengths; NaN where no user was scored.
 */
extern double rs_evaluation_metric(const RsEvaluation *ev, int policy, int protocol,
								   const char *metric, int k);

/* whether there is a metric of that name */
extern bool rs_metric_known(const char *metric);

/* Writes recsys.evaluation, and the users' values if asked for; returns rows. */
extern int64 rs_evaluation_store(const RsEvaluation *ev);

/* outcome.c, for evaluate.c */
extern RsEvaluation *rs_evaluation_make(RsRun *run, RsSplit *split, List *policies);
extern void rs_evaluation_add(RsEvaluation *ev, int policy, int protocol,
							  uint32 user, bool warm, const uint32 *list, int n,
							  const float *value);

/*
 * ratings.c, for evaluate.c and outcome.c: what a process needs to predict
 * with each policy, in shared memory; a user's errors; and the rows of the
 * table evaluation that they become.
 */
extern RsShared rs_ratings_plan(RsRun *run, MemoryContext context,
								const RsParts *parts, List *policies);
extern void rs_ratings_measure(const RsPlan *plan, RsShared ratings, int policy,
							   const RsTarget *target, const uint32 *pool,
							   const float *x, RsErrors *out);
extern void rs_ratings_add(RsEvaluation *ev, int policy, const RsErrors *errors);

typedef void (*RsRatingRow) (void *arg, const RsPolicy *policy, const char *metric,
							 const RsInterval *value, const RsInterval *difference);
extern void rs_ratings_rows(const RsEvaluation *ev, double confidence,
							RsRatingRow row, void *arg);

/* evaluate.c, for team.c */
extern const RsJob rs_job_evaluate;

#endif							/* RS_EVALUATE_H */
