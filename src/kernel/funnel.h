/*-------------------------------------------------------------------------
 *
 * funnel.h
 *	  From a user's history to ranked candidates: the first two stages of a
 *	  list, by the same code in serving, evaluation, the training of the ranker
 *	  and replay.
 *
 *	  1. rs_funnel_open: the user's vector, the neighbours' evidence, and the
 *		 list of each source with positions;
 *	  2. rs_funnel_candidates: the sources' lists merged, less the hidden items;
 *	  3. rs_funnel_features, rs_ranker_score: of any item;
 *	  4. rs_funnel_close, before the next user.
 *
 * All of it depends on the model, the history and the instant alone: not on
 * what is hidden, filtered or in stock, so that it can be done again later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_FUNNEL_H
#define RS_FUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "cooccurrence.h"
#include "feature.h"
#include "fold_in.h"
#include "index.h"
#include "linear.h"

#define RS_NO_ITEM		UINT32_MAX
#define RS_NO_CATEGORY	UINT32_MAX
#define RS_NO_RELEASE	INT64_MIN

/* where candidates come from; an item's source is the first that has it */
typedef enum RsCandidateSource
{
	RS_SOURCE_NEIGHBOR,			/* neighbours of the history, by recency */
	RS_SOURCE_FACTOR,			/* nearest to the user's vector */
	RS_SOURCE_POPULARITY,		/* most popular */
	RS_SOURCE_CATEGORY,			/* most popular of the user's main categories */
	RS_SOURCE_HISTORY,			/* the history itself */
	RS_SOURCES
} RsCandidateSource;

/* What the catalog said of the items when the model was trained. */
typedef struct RsFacts
{
	uint32_t	ncategories;
	const uint32_t *category;	/* by item, or RS_NO_CATEGORY; NULL = none */
	const uint64_t *category_start; /* ncategories + 1 */
	const uint32_t *category_item;	/* most popular first, ties by item */
	const int64_t *released;	/* by item, or RS_NO_RELEASE; NULL = none */
	const float *price;			/* by item, or negative; NULL = none */
	int			nextra;
	const float *extra;			/* by item, nextra each; NULL = none */
} RsFacts;

/* The same of one item. */
typedef struct RsItemFacts
{
	uint32_t	category;
	int64_t		released;
	float		price;			/* negative = not known */
	const float *extra;			/* NULL = not known */
} RsItemFacts;

/* What the lists are made from; all by item as the model numbers them. */
typedef struct RsFunnel
{
	uint32_t	nitems;
	const float *popularity;
	const uint32_t *popular;	/* items, most popular first, ties by item */
	RsFoldIn	fold;			/* factors 0 = none; row is index.row, so columns
								 * have to be turned into places */
	RsIndex		index;
	const uint64_t *neighbor_start; /* nitems + 1; NULL = none */
	const RsNeighbor *neighbor; /* best first */
	uint32_t	most_neighbors; /* of one item; 0 = not known, which costs
								 * memory */
	RsFacts		facts;
	double		blend;
	double		recency_half_life;	/* days, 0 = votes do not fade */
	int			main_categories;	/* of a user, for the source category */
	int			quota[RS_SOURCES];	/* candidates of each source, 0 = none */
	RsRanker	ranker;			/* nfeatures 0 = none */
} RsFunnel;

/*
 * A user at an instant; history ordered by item, all known to the model, each
 * once.  The arrays are read until the user is closed.
 */
typedef struct RsFunnelUser
{
	int			n;
	const uint32_t *item;
	const float *weight;
	const int64_t *time;		/* microseconds; NULL = not known, as if now */
	int64_t		as_of;			/* what comes after it counts as now */
} RsFunnelUser;

typedef struct RsCandidate
{
	uint32_t	item;
	uint32_t	position[RS_SOURCES];	/* 1 = first, 0 = not in that list */
	RsCandidateSource source;	/* RS_SOURCES = in no list */
	uint32_t	because;		/* the history's item that votes most for it, or
								 * RS_NO_ITEM */
	double		score;			/* by rs_funnel_rank */
} RsCandidate;

typedef struct RsFunnelWork RsFunnelWork;

/*
 * Bytes of scratch for histories of at most so many items; the caller allocates
 * it at a cache line (RS_INDEX_ALIGN), hands it to rs_funnel_init once and keeps
 * it for many users.  Pages that no user needs are not touched.
 */
extern size_t rs_funnel_workspace(const RsFunnel *f, int most_history);
extern RsFunnelWork *rs_funnel_init(const RsFunnel *f, int most_history, void *memory);

extern void rs_funnel_open(const RsFunnel *f, const RsFunnelUser *u, RsFunnelWork *w);
extern void rs_funnel_close(const RsFunnel *f, RsFunnelWork *w);

/* at most so many candidates */
extern int	rs_funnel_most(const RsFunnel *f, int most_history);

/*
 * Candidates ordered by item, without the hidden ones (ascending).  A source's
 * list is as long as its quota and the history together, so that what the user
 * has had does not use up the quota.
 */
extern int	rs_funnel_candidates(const RsFunnel *f, RsFunnelWork *w,
								 const uint32_t *hidden, uint32_t nhidden,
								 RsCandidate *out);

/* the evidence for any one item, as a candidate of whatever position it has */
extern void rs_funnel_describe(const RsFunnel *f, const RsFunnelWork *w,
							   uint32_t item, RsCandidate *out);

/* what the catalog said of an item of the model */
extern RsItemFacts rs_funnel_facts(const RsFunnel *f, uint32_t item);

/*
 * The RS_FEATURES + nextra features of an item: of the model, or RS_NO_ITEM,
 * of which there is no evidence.  facts NULL are those of the model.  All
 * finite.
 */
extern void rs_funnel_features(const RsFunnel *f, const RsFunnelWork *w,
							   uint32_t item, const RsItemFacts *facts, float *out);

/*
 * Features, scores and order (score descending, ties by item) of candidates, at
 * most rs_funnel_most.  features has room for all, one row each in the order of
 * the result; may be NULL.  Without a ranker the score is that of score.c, its
 * scales taken over what is not in the history.
 */
extern void rs_funnel_rank(const RsFunnel *f, RsFunnelWork *w, RsCandidate *c,
						   int n, float *features);

#endif							/* RS_FUNNEL_H */
