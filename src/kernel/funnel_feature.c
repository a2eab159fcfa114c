/*-------------------------------------------------------------------------
 *
 * funnel_feature.c
 *	  The features of an item for the user at hand: the one place where they
 *	  are computed.
 *
 * feature.h has the list.  What is not known is 0, and so is what is not
 * finite in facts; quotients stop at what a float holds.  What depends on the
 * user alone has been computed by rs_funnel_open, the values of positions and
 * counts once for all users.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "funnel_work.h"
#include "simd.h"

static const RsItemFacts nothing = {RS_NO_CATEGORY, RS_NO_RELEASE, -1, NULL};

/* See funnel.h. */
RsItemFacts
rs_funnel_facts(const RsFunnel *f, uint32_t item)
{
	const RsFacts *all = &f->facts;
	RsItemFacts one = nothing;

	if (item >= f->nitems)
		return one;
	if (all->category != NULL && all->category[item] < all->ncategories)
		one.category = all->category[item];
	if (all->released != NULL)
		one.released = all->released[item];
	if (all->price != NULL && all->price[item] >= 0 && all->price[item] <= FLT_MAX)
		one.price = all->price[item];
	if (all->extra != NULL)
		one.extra = all->extra + (size_t) item * all->nextra;
	return one;
}

/* x'y, taken by the search already or by the same code; 0 without a vector */
static inline float
factor_score(const RsFunnel *f, const RsFunnelWork *w, uint32_t item,
			 const RsEvidence *e)
{
	if (!w->has_vector || item == RS_NO_ITEM)
		return 0;
	if (e != NULL && e->factor == e->factor)
		return rs_finite(e->factor);
	return rs_finite(rs_simd->dot(w->x, rs_index_row(&f->index, item), f->index.width));
}

/* value / best, 0 where nothing is positive */
static inline float
share(float value, float best)
{
	return best > 0 ? rs_finite((double) value / best) : 0;
}

/* Features of what the sources say. */
static inline void
evidence_features(const RsFunnel *f, const RsFunnelWork *w, uint32_t item,
				  const RsEvidence *e, float *out)
{
	static const RsEvidence none = {.item = RS_NO_ITEM};
	static const RsPositions nowhere = {0};
	const uint32_t *position = e != NULL ? w->position[e - w->evidence] : nowhere;
	float		factor = factor_score(f, w, item, e);

	if (e == NULL)
		e = &none;
	out[RS_F_FACTOR_SCORE] = factor;
	out[RS_F_FACTOR_SHARE] = share(factor, w->factor_best);
	out[RS_F_NEIGHBOR_SHARE] = share(e->sum, w->neighbor_best);
	out[RS_F_RECENT_SHARE] = share(e->faded, w->faded_best);
	out[RS_F_NEIGHBOR_RANK] = e->rank > 0 ? 1.0f / e->rank : 0;
	out[RS_F_NEIGHBOR_VOTES] = w->count_value[e->votes];
	if (w->neighbor_best > 0 && w->factor_best > 0)
		out[RS_F_BLEND] = rs_finite(f->blend * out[RS_F_NEIGHBOR_SHARE] +
									(1 - f->blend) * out[RS_F_FACTOR_SHARE]);
	else
		out[RS_F_BLEND] = w->neighbor_best > 0 ? out[RS_F_NEIGHBOR_SHARE] :
			out[RS_F_FACTOR_SHARE];
	out[RS_F_FACTOR_POSITION] = w->position_value[position[RS_SOURCE_FACTOR]];
	out[RS_F_NEIGHBOR_POSITION] = w->position_value[position[RS_SOURCE_NEIGHBOR]];
	out[RS_F_POPULARITY_POSITION] = w->position_value[position[RS_SOURCE_POPULARITY]];
	out[RS_F_CATEGORY_POSITION] = w->position_value[position[RS_SOURCE_CATEGORY]];
}

/* The history's part in a category, or NULL. */
static inline const RsCategoryShare *
find_category(const RsFunnelWork *w, uint32_t category)
{
	int			low = 0;
	int			high = w->ncategories;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (w->category[middle].category < category)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->ncategories && w->category[low].category == category ?
		&w->category[low] : NULL;
}

/* Features of what the catalog says. */
static inline void
fact_features(const RsFunnel *f, const RsFunnelWork *w, const RsItemFacts *facts,
			  float *out)
{
	const RsCategoryShare *c = facts->category == RS_NO_CATEGORY ? NULL :
		find_category(w, facts->category);
	int64_t		as_of = w->user.as_of;
	int			i;

	out[RS_F_CATEGORY_SHARE] = c != NULL && w->weight > 0 ?
		(float) (c->weight / w->weight) : 0;
	out[RS_F_CATEGORY_COUNT] = c != NULL ? w->count_value[c->items] : 0;
	out[RS_F_ITEM_AGE] = 0;
	if (facts->released != RS_NO_RELEASE && facts->released < as_of)
		out[RS_F_ITEM_AGE] = (float)
			log(1 + ((uint64_t) as_of - (uint64_t) facts->released) / RS_DAY);
	out[RS_F_PRICE] = 0;
	out[RS_F_PRICE_GAP] = 0;
	if (facts->price >= 0 && facts->price <= FLT_MAX)
	{
		double		price = log(1 + (double) facts->price);

		out[RS_F_PRICE] = (float) price;
		if (w->has_price)
			out[RS_F_PRICE_GAP] = (float) fabs(price - w->price);
	}
	for (i = 0; i < f->facts.nextra; i++)
	{
		float		value = facts->extra != NULL ? facts->extra[i] : 0;

		out[RS_FEATURES + i] = fabsf(value) <= FLT_MAX ? value : 0;
	}
}

/* See funnel.h. */
void
rs_funnel_features(const RsFunnel *f, const RsFunnelWork *w, uint32_t item,
				   const RsItemFacts *facts, float *out)
{
	const RsEvidence *e = rs_find_evidence(w, item);
	bool		seen = e != NULL && e < w->evidence + w->user.n;
	double		popularity = item == RS_NO_ITEM ? 0 : f->popularity[item];
	RsItemFacts own;

	if (facts == NULL)
	{
		own = rs_funnel_facts(f, item);
		facts = &own;
	}
	evidence_features(f, w, item, e, out);
	out[RS_F_POPULARITY] = (float) popularity;
	out[RS_F_POPULARITY_LOG] = (float) log(1 + 1000 * popularity);
	fact_features(f, w, facts, out);
	out[RS_F_SEEN_WEIGHT] = seen ? w->user.weight[e - w->evidence] : 0;
	out[RS_F_SEEN_RECENCY] = seen ? w->seen_recency[e - w->evidence] : 0;
	out[RS_F_HISTORY_LENGTH] = w->history_length;
	out[RS_F_HISTORY_RECENCY] = w->history_recency;
}
