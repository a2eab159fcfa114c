/*-------------------------------------------------------------------------
 *
 * experiment.h
 *	  Which arm of which experiment a unit is in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_EXPERIMENT_H
#define RS_EXPERIMENT_H

#include "registry.h"

typedef struct RsVariant
{
	char	   *name;
	NameData	policy;
	int			version;		/* 0 of policy external */
	double		weight;
} RsVariant;

typedef struct RsExperiment
{
	int64		id;
	char	   *salt;
	double		from;			/* units whose bucket lies in [from, from + */
	double		traffic;		/* traffic) are in it */
	double		weights;		/* sum over the arms */
	int			narms;
	RsVariant  *arm;			/* by name, in bytes */
} RsExperiment;

/* first 52 bits of sha256(salt || ':' || unit), in UTF-8, as a number in [0, 1) */
extern double rs_bucket(const char *salt, const char *unit, int unit_length);

/*
 * The experiments of a recommender that run: all, or the one of a name.  Needs
 * a connection to SPI; lives in the given context.
 */
extern RsExperiment *rs_experiments(const RsRecommender *r, const char *name, MemoryContext context, int *n);

/* the arm by the hashes alone; NULL = not in the experiment */
extern const RsVariant *rs_experiment_arm(const RsRecommender *r, const RsExperiment *e,
										  const char *unit, int unit_length);

/*
 * The arm that serve shows a unit, overrides first; NULL = no experiment.
 * *id is the experiment's.
 */
extern const RsVariant *rs_assignment(const RsRecommender *r, const char *unit, int64 *id);

/* is this the policy of the app's own lists? */
extern bool rs_is_external(const RsVariant *v);

#endif							/* RS_EXPERIMENT_H */
