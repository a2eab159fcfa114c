/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *	  What an evaluation gathers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_EVALUATE_H
#define RS_EVALUATE_H

#include "parts.h"

#define RS_PROTOCOL_NEW	0
#define RS_PROTOCOL_ALL	1
#define RS_PROTOCOLS	2

#define RS_USER_METRICS	7

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

typedef struct RsEvaluation
{
	RsRun	   *run;
	int			npolicies;
	int			kmax;
	RsOutcome  *outcome;		/* npolicies x RS_PROTOCOLS */
	uint64		test_pairs;
	uint64		cold_pairs;		/* of items unknown in train */
	bool	   *cold;			/* by item of the run: such an item */
	bool	   *popular;		/* by column: in the most popular tenth */
	double	   *novelty;		/* by column: -log2(users of it / users) */
} RsEvaluation;

extern RsEvaluation *rs_evaluation_make(RsRun *run);
extern void rs_evaluation_add(RsEvaluation *ev, int policy, int protocol,
							  uint32 user, bool warm, const RsScored *list,
							  int n, const bool *hit, int relevant);
extern int64 rs_evaluation_store(RsRun *run, RsEvaluation *ev);

#endif							/* RS_EVALUATE_H */
