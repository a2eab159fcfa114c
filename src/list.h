/*-------------------------------------------------------------------------
 *
 * list.h
 *	  One request for a list: its rules, which items may be listed, and the
 *	  list itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LIST_H
#define RS_LIST_H

#include "serve.h"
#include "kernel/rerank.h"

/* ---- rules.c: the rules of a policy ---- */

typedef struct RsPin
{
	int			position;		/* 1 = first */
	Datum		item;
} RsPin;

typedef struct RsRules
{
	int64		rebuy_after;	/* microseconds that an owned item is hidden; 0 =
								 * as the recommender says */
	RsIdMap    *banned;			/* NULL = none */
	int			npredicates;
	char	  **predicate;		/* conditions over the catalog c */
	int			nboosts;
	char	  **boost;			/* numbers over the catalog c */
	double		half_life;		/* of freshness, microseconds */
	double		amount;			/* 0 = no freshness */
	int			npins;
	RsPin	   *pin;			/* by position */
	double		share;			/* of places explored */
	int			per_category;	/* 0 = any number */
	double		lambda;			/* of diversity, 0 = none */
} RsRules;

/* valid until the current context goes */
extern const RsRules *rs_rules_get(const RsRecommender *r, const RsPolicyRow *policy);

/* ---- eligible.c: which items may be listed at this moment ---- */

/* What the catalog says of an item. */
typedef struct RsEligible
{
	bool		pass;			/* the item may be listed; else nothing is said */
	char	   *category;		/* NULL = none, or no rule asks for it */
	TimestampTz released;		/* RS_NO_RELEASE = not known, or no rule asks */
	double	   *boost;			/* of each boost; NULL = no rule asks */
} RsEligible;

/* an item found in the catalog */
typedef struct RsFound
{
	Datum		item;
	RsEligible	says;
} RsFound;

/* rules join the conditions, and say what is read of the catalog */
extern void rs_filter_rules(RsFilter *f, const RsRules *rules);

/* is there a condition that items outside the catalog cannot meet? */
extern bool rs_filter_is_filtered(const RsFilter *f);

extern void rs_filter_rows(RsFilter *f, const Datum *items, int n, RsEligible *row);

/* all items of the catalog that pass, or -1 if they are more than limit */
extern int	rs_filter_catalog(RsFilter *f, int limit, RsFound **found);

/*
 * Up to limit items of the catalog that the model does not know and that pass,
 * newest first, ties by id; of these only if given.
 */
extern int	rs_filter_unknown(RsFilter *f, const RsModel *m, RsIdMap *only,
							  int64 limit, RsFound **found);

/* ---- one request ---- */

typedef struct RsRequest
{
	/* of rs_request_open */
	RsRecommender *r;
	RsPolicyRow policy;			/* its method scores */
	RsModel    *m;
	const RsRules *rules;
	RsFilter   *filter;

	/* of the caller */
	RsHistory  *h;
	TimestampTz as_of;			/* the instant of the request */
	RsIdMap    *only;			/* NULL = no restriction */
	int			k;
	int			after;
	bool		want_features;
	bool		explore;		/* the rule holds */
	uint64		explore_seed;

	/* scores of all items, once rs_score_items has been called */
	float	   *score;			/* by column, final */
	float	   *neighbor;		/* evidence by column, or NULL */
	float	   *factor;			/* evidence by column, or NULL */
	uint32	   *because;		/* by column: that of the history's item that
								 * speaks most for it, or RS_NO_ID */

	RsFunnelWork *work;			/* the user, once rs_request_funnel was called */
} RsRequest;

/* registry, model, filter and rules of a policy (NULL: the live one) */
extern void rs_request_open(RsRequest *q, const char *recommender, Jsonb *filter,
							Name policy);

/* filter and rules of the policy that the request has */
extern void rs_request_rules(RsRequest *q, Jsonb *filter);

/* the user's history, hidden items among it; as_of is set before */
extern void rs_request_user(RsRequest *q, Datum user, bool has_as_of);
extern void rs_request_nobody(RsRequest *q);

/* opens the funnel for the user at hand, once; returns its scratch */
extern RsFunnelWork *rs_request_funnel(RsRequest *q);

/* fills the scores; -infinity for what must not be listed */
extern void rs_score_items(RsRequest *q);

/* ---- list.c: the list ---- */

typedef struct RsListed
{
	Datum		item;
	uint32		column;			/* RS_NO_ID = not of the model */
	double		score;
	double		base_score;		/* by the model, before rules and whatever cuts
								 * it down: made from the features by a ranker;
								 * set if features are wanted, as the next two */
	double		boost;			/* product of the boosts */
	double		freshness;		/* what freshness added */
	RsSource	source;
	char	   *reason;
	bool		has_because;
	Datum		because;
	float	   *features;		/* m->nfeatures of them, if they are wanted */
	double		propensity;		/* 1 unless there is exploration */
} RsListed;

/* the rows after .. after + k of the request's list */
extern RsListed *rs_list_make(RsRequest *q, int *n);

#endif							/* RS_LIST_H */
