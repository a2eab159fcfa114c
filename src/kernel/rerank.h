/*-------------------------------------------------------------------------
 *
 * rerank.h
 *	  The last stage of a list: which of the eligible items stands at which
 *	  place.
 *
 * Eligible items come in windows, each in the order of their scores.  Within a
 * window places are filled greedily, one after the other:
 *
 *	  1. a pinned item stands at its place, whatever its score;
 *	  2. a category that has had its share of the list is passed over; what is
 *		 passed over is deferred, and comes when the windows have ended;
 *	  3. of the others the one with the largest
 *			(1 - lambda) * score - lambda * similarity
 *		 is taken (maximal marginal relevance, Carbonell and Goldstein 1998),
 *		 where score is scaled to 0 .. 1 over the window, and similarity is the
 *		 largest to what has been placed from the window: the cosine of the
 *		 vectors, at least 0, or where one of them has none 1 for the same
 *		 category; ties to the first in the window;
 *	  4. with probability "share" one drawn uniformly from the same others is
 *		 taken instead.
 *
 * Nothing depends on how long the list is to be, so that a shorter list is the
 * beginning of a longer one, as long as the windows are the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_RERANK_H
#define RS_RERANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RS_UNGROUPED	UINT32_MAX	/* no category: never passed over */

typedef struct RsRerankItem
{
	double		score;			/* finite, falling */
	uint32_t	category;
	const float *vector;		/* width floats, NULL = none */
} RsRerankItem;

/* Pins are given in the order of their places, which are distinct. */
typedef struct RsRerankPin
{
	int64_t		place;			/* 1 = first */
	RsRerankItem item;
} RsRerankPin;

/* What stands at a place. */
typedef struct RsPlace
{
	uint32_t	item;			/* of the window, or of the pins */
	bool		pinned;
	bool		explored;		/* drawn, and not the one that rank would take */
	double		propensity;		/* of this item at this place, given those before */
} RsPlace;

/* A list as it is made; fields up to "taken" are the caller's to set. */
typedef struct RsRerank
{
	int			width;			/* of vectors */
	double		lambda;			/* 0 = the order of scores */
	double		share;			/* of places drawn, 0 = none */
	uint64_t	seed;			/* state of the generator */
	uint32_t	per_category;	/* most of a category, 0 = any number */
	uint32_t   *taken;			/* by category: how many are placed */
	const RsRerankPin *pin;
	int			npins;

	int64_t		filled;			/* places so far */
	int			next_pin;
} RsRerank;

/* score * factor, so that a factor above 1 is never a loss */
extern double rs_boosted(double score, double factor);

/* 0.5^(age / half_life), 1 for what is not past */
extern double rs_freshness(double age, double half_life);

/* how alike two items are, 0 .. 1 */
extern double rs_rerank_similarity(const RsRerankItem *a, const RsRerankItem *b, int width);

extern size_t rs_rerank_workspace(int n);

/*
 * Places of a window's n items, until "most" are filled in all or nothing is
 * left but what is passed over: rest[0 .. *nrest - 1], in order, has that, or
 * where the list is full all that has not been placed.  out has room for n
 * and the pins; returns how many it was given.
 */
extern int	rs_rerank_window(RsRerank *l, const RsRerankItem *item, int n,
							 int64_t most, void *work, RsPlace *out,
							 uint32_t *rest, int *nrest);

/* the pins that the list was too short for, up to "most" places in all */
extern int	rs_rerank_pins(RsRerank *l, int64_t most, RsPlace *out);

#endif							/* RS_RERANK_H */
