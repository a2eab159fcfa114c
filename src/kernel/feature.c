/*-------------------------------------------------------------------------
 *
 * feature.c
 *	  Names of the features.
 *
 *-------------------------------------------------------------------------
 */
#include "feature.h"

const char *const rs_feature_names[RS_FEATURES] = {
	[RS_F_FACTOR_SCORE] = "factor_score",
	[RS_F_FACTOR_SHARE] = "factor_share",
	[RS_F_NEIGHBOR_SHARE] = "neighbor_share",
	[RS_F_RECENT_SHARE] = "recent_share",
	[RS_F_NEIGHBOR_RANK] = "neighbor_rank",
	[RS_F_NEIGHBOR_VOTES] = "neighbor_votes",
	[RS_F_BLEND] = "blend",
	[RS_F_POPULARITY] = "popularity",
	[RS_F_POPULARITY_LOG] = "popularity_log",
	[RS_F_FACTOR_POSITION] = "factor_position",
	[RS_F_NEIGHBOR_POSITION] = "neighbor_position",
	[RS_F_POPULARITY_POSITION] = "popularity_position",
	[RS_F_CATEGORY_POSITION] = "category_position",
	[RS_F_CATEGORY_SHARE] = "category_share",
	[RS_F_CATEGORY_COUNT] = "category_count",
	[RS_F_ITEM_AGE] = "item_age",
	[RS_F_PRICE] = "price",
	[RS_F_PRICE_GAP] = "price_gap",
	[RS_F_SEEN_WEIGHT] = "seen_weight",
	[RS_F_SEEN_RECENCY] = "seen_recency",
	[RS_F_HISTORY_LENGTH] = "history_length",
	[RS_F_HISTORY_RECENCY] = "history_recency"
};
