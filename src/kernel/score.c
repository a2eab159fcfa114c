/*-------------------------------------------------------------------------
 *
 * score.c
 *	  One user's scores for every item, from the parts of a model.
 *
 * Each part's evidence is divided by its largest value over the items that
 * may be shown, so that the parts are comparable whatever their units, and
 * added with the blend's weights.  A part without a positive value has nothing
 * to say, and its weight goes to the other part.
 *
 * The blend is in double and clamped to what a float holds: a factor score far
 * below a tiny largest one would overflow otherwise.
 *
 * Limits: a NaN among the inputs is a NaN in that item's score, which no list
 * ever selects.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "score.h"
#include "simd.h"

/* Scatters the neighbours of the history's items. */
void
rs_neighbor_scores(const uint64_t *start, const RsNeighbor *neighbor,
				   int n, const uint32_t *item, const float *weight,
				   float *out)
{
	int			h;

	for (h = 0; h < n; h++)
	{
		uint64_t	end = start[(size_t) item[h] + 1];
		uint64_t	e;

		for (e = start[item[h]]; e < end; e++)
			out[neighbor[e].item] += weight[h] * neighbor[e].similarity;
	}
}

/* One product per item. */
void
rs_factor_scores(const float *y, uint32_t nitems, int factors,
				 const float *x, float *out)
{
	float		(*dot) (const float *, const float *, int) = rs_simd->dot;
	uint32_t	i;

	for (i = 0; i < nitems; i++)
		out[i] = dot(x, y + (size_t) i * factors, factors);
}

/* The largest value over the items not hidden; 0 if none is positive */
static float
largest(const float *value, const bool *hidden, uint32_t nitems)
{
	float		max = 0;
	uint32_t	i;

	if (value == NULL)
		return 0;
	for (i = 0; i < nitems; i++)
		if (value[i] > max && !(hidden != NULL && hidden[i]))
			max = value[i];
	return max;
}

/* The nearest number that a float holds; NaN stays */
static inline float
clamp(double v)
{
	if (v > FLT_MAX)
		return FLT_MAX;
	return v < -FLT_MAX ? -FLT_MAX : (float) v;
}

/* A part that says nothing leaves its weight to the other. */
RsBlend
rs_blend_scales(float n_max, float f_max, double blend)
{
	const double own = 1 - (double) RS_POPULARITY_SHARE;
	RsBlend		b;

	b.neighbor = n_max > 0 ? own * (f_max > 0 ? blend : 1) / n_max : 0;
	b.factor = f_max > 0 ? own * (n_max > 0 ? 1 - blend : 1) / f_max : 0;
	b.popularity = (double) RS_POPULARITY_SHARE;
	b.evidence = n_max > 0 || f_max > 0;
	return b;
}

RsBlend
rs_blend_nothing(void)
{
	RsBlend		b = {0, 1, 0, true};

	return b;
}

/* Score of an item that both parts speak for. */
static inline float
both(const RsBlend *b, float neighbor, float factor, float popularity)
{
	return clamp(b->neighbor * neighbor + b->factor * factor +
				 b->popularity * popularity);
}

/*
 * See score.h.  Each element is read before it is written, so score may be
 * neighbor or factor.
 */
void
rs_blend(const float *neighbor, const float *factor, const float *popularity,
		 const bool *hidden, uint32_t nitems, double blend, float *score)
{
	float		n_max = largest(neighbor, hidden, nitems);
	float		f_max = largest(factor, hidden, nitems);
	RsBlend		b = rs_blend_scales(n_max, f_max, blend);
	uint32_t	i;

	if (n_max > 0 && f_max > 0)
		for (i = 0; i < nitems; i++)
			score[i] = both(&b, neighbor[i], factor[i], popularity[i]);
	else if (b.evidence)
	{
		const float *only = n_max > 0 ? neighbor : factor;
		double		scale = n_max > 0 ? b.neighbor : b.factor;

		for (i = 0; i < nitems; i++)
			score[i] = clamp(scale * only[i] + b.popularity * popularity[i]);
	}
	else
		for (i = 0; i < nitems; i++)
			score[i] = popularity[i];

	if (hidden != NULL)
		for (i = 0; i < nitems; i++)
			if (hidden[i])
				score[i] = -INFINITY;
}

/* A part that says nothing may be anything, and is not looked at. */
float
rs_blend_one(const RsBlend *b, float neighbor, float factor, float popularity)
{
	if (!b->evidence)
		return popularity;
	return both(b, b->neighbor != 0 ? neighbor : 0, b->factor != 0 ? factor : 0,
				popularity);
}
