/*-------------------------------------------------------------------------
 *
 * feature.h
 *	  What a ranker is told of an item for a user: the list of features.
 *
 * One list, computed by one function (rs_funnel_features, funnel.h) for the
 * training of the ranker, the evaluation, serving and replay.  A change of the
 * list or of a formula is a new RS_FEATURE_VERSION.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_FEATURE_H
#define RS_FEATURE_H

#define RS_FEATURE_VERSION	1
#define RS_MOST_EXTRA		32	/* features by SQL expression */

/*
 * ln is the natural logarithm; a value that is not known is 0.  history: the
 * user's items of the request, newest history_limit after merging.
 */
typedef enum RsFeature
{
	RS_F_FACTOR_SCORE,			/* x'y */
	RS_F_FACTOR_SHARE,			/* x'y / that of the best item not in history */
	RS_F_NEIGHBOR_SHARE,		/* sum of weight * similarity over the history's
								 * items / the largest sum of an item not in history */
	RS_F_RECENT_SHARE,			/* the same, votes fading by recency_half_life
								 * from the history's newest on */
	RS_F_NEIGHBOR_RANK,			/* 1 / best rank among the neighbours of an item
								 * of the history */
	RS_F_NEIGHBOR_VOTES,		/* ln(1 + items of the history that vote for it) */
	RS_F_BLEND,					/* blend * neighbor share + (1 - blend) * factor
								 * share, as rs_blend weighs them */
	RS_F_POPULARITY,			/* users / most users, 0 .. 1 */
	RS_F_POPULARITY_LOG,		/* ln(1 + 1000 * popularity) */
	RS_F_FACTOR_POSITION,		/* 1 / log2(1 + position in that source's list) */
	RS_F_NEIGHBOR_POSITION,
	RS_F_POPULARITY_POSITION,
	RS_F_CATEGORY_POSITION,
	RS_F_CATEGORY_SHARE,		/* share of the history's weight in its category */
	RS_F_CATEGORY_COUNT,		/* ln(1 + items of the history in its category) */
	RS_F_ITEM_AGE,				/* ln(1 + days since its release) */
	RS_F_PRICE,					/* ln(1 + price) */
	RS_F_PRICE_GAP,				/* |ln(1 + price) - mean of that over the history| */
	RS_F_SEEN_WEIGHT,			/* the item's own weight in the history */
	RS_F_SEEN_RECENCY,			/* 0.5^(days since then / 30) */
	RS_F_HISTORY_LENGTH,		/* ln(1 + items of the history) */
	RS_F_HISTORY_RECENCY,		/* 0.5^(days since its newest / 30) */
	RS_FEATURES
} RsFeature;

#define RS_MOST_FEATURES	(RS_FEATURES + RS_MOST_EXTRA)

/* snake_case names, in the order of the enum: "factor_score" .. */
extern const char *const rs_feature_names[RS_FEATURES];

#endif							/* RS_FEATURE_H */
