/*-------------------------------------------------------------------------
 *
 * rerank.c
 *	  The last stage of a list; see rerank.h.
 *
 * The largest similarity of each waiting item to what has been placed is kept
 * and raised by each placed item, so a place costs one pass over what waits.
 *
 *-------------------------------------------------------------------------
 */
#include "rerank.h"

#include <math.h>

#include "hash.h"
#include "simd.h"

/* golden ratio: the step of SplitMix64 (Steele, Lea, Flood 2014) */
#define STEP	UINT64_C(0x9e3779b97f4a7c15)

/* What is known of a waiting item. */
typedef struct Waiting
{
	uint32_t	item;			/* of the window */
	float		inverse;		/* 1 / norm of its vector, 0 = has none */
	double		scaled;			/* its score within the window, 0 .. 1 */
	double		similarity;		/* to what has been placed */
} Waiting;

double
rs_boosted(double score, double factor)
{
	double		result;

	if (!isfinite(factor))
		return score;
	if (factor < 0)
		factor = 0;
	if (score >= 0)
		result = score * factor;
	else
		result = score / fmax(factor, 1e-6);
	return isfinite(result) ? result : score;
}

double
rs_freshness(double age, double half_life)
{
	return age <= 0 ? 1 : exp2(-age / half_life);
}

size_t
rs_rerank_workspace(int n)
{
	return (size_t) n * sizeof(Waiting);
}

/* the next 64 random bits */
static uint64_t
bits(RsRerank *l)
{
	return rs_hash64(l->seed += STEP);
}

/* in [0, 1) */
static double
uniform(RsRerank *l)
{
	return (double) (bits(l) >> 11) * 0x1p-53;
}

/* uniform in 0 .. n - 1: what would favour the first numbers is drawn again */
static uint32_t
below(RsRerank *l, uint32_t n)
{
	uint64_t	limit = UINT64_MAX - UINT64_MAX % n;
	uint64_t	x;

	do
		x = bits(l);
	while (x >= limit);
	return (uint32_t) (x % n);
}

/* 1 / norm, 0 for what has no direction */
static float
inverse_norm(const float *v, int width)
{
	float		square = v == NULL ? 0 : rs_simd->dot(v, v, width);

	return square > 0 && isfinite(square) ? 1 / sqrtf(square) : 0;
}

/* The same of two items whose norms have been taken. */
static inline double
similarity_of(const RsRerankItem *a, float inverse_a, const RsRerankItem *b,
			  float inverse_b, int width)
{
	double		cosine;

	if (inverse_a <= 0 || inverse_b <= 0)
		return a->category != RS_UNGROUPED && a->category == b->category;
	cosine = (double) rs_simd->dot(a->vector, b->vector, width) * inverse_a * inverse_b;
	return cosine < 0 ? 0 : cosine < 1 ? cosine : 1;
}

double
rs_rerank_similarity(const RsRerankItem *a, const RsRerankItem *b, int width)
{
	return similarity_of(a, inverse_norm(a->vector, width), b, inverse_norm(b->vector, width), width);
}

/* Fills the array of what waits. */
static void
start_window(const RsRerank *l, const RsRerankItem *item, int n, Waiting *w)
{
	double		highest = n > 0 ? item[0].score : 0;
	double		range = n > 0 ? highest - item[n - 1].score : 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		w[i].item = i;
		w[i].similarity = 0;
		w[i].scaled = range > 0 && isfinite(range) ?
			1 - (highest - item[i].score) / range : 0;
		w[i].inverse = l->lambda > 0 ? inverse_norm(item[i].vector, l->width) : 0;
	}
}

/* May the category take another place? */
static bool
has_room(const RsRerank *l, uint32_t category)
{
	return l->per_category == 0 || category == RS_UNGROUPED ||
		l->taken[category] < l->per_category;
}

/* An item has been placed: its category and what is like it know. */
static void
count_placed(RsRerank *l, const RsRerankItem *placed, const RsRerankItem *item,
			 Waiting *w, int n)
{
	float		inverse;
	int			i;

	l->filled++;
	if (l->per_category > 0 && placed->category != RS_UNGROUPED)
		l->taken[placed->category]++;
	if (l->lambda <= 0 || n == 0)
		return;
	inverse = inverse_norm(placed->vector, l->width);
	for (i = 0; i < n; i++)
	{
		double		similarity = similarity_of(placed, inverse, &item[w[i].item], w[i].inverse, l->width);

		if (similarity > w[i].similarity)
			w[i].similarity = similarity;
	}
}

/*
 * The place among what waits of the one to take, or -1; *allowed is how many
 * are not passed over.  Without lambda it is the first of them.
 */
static int
best_waiting(const RsRerank *l, const RsRerankItem *item, const Waiting *w,
			 int n, uint32_t *allowed)
{
	double		most = 0;
	int			best = -1;
	int			i;

	*allowed = 0;
	for (i = 0; i < n; i++)
	{
		double		value;

		if (!has_room(l, item[w[i].item].category))
			continue;
		(*allowed)++;
		value = l->lambda > 0 ?
			(1 - l->lambda) * w[i].scaled - l->lambda * w[i].similarity : -i;
		if (best < 0 || value > most)
		{
			best = i;
			most = value;
		}
	}
	return best;
}

/* The place of the number'th that is not passed over. */
static int
nth_allowed(const RsRerank *l, const RsRerankItem *item, const Waiting *w,
			uint32_t number)
{
	int			i = 0;

	for (;; i++)
		if (has_room(l, item[w[i].item].category) && number-- == 0)
			return i;
}

/* Chooses for one place: by rank, or by lot. */
static int
choose(RsRerank *l, const RsRerankItem *item, const Waiting *w, int n,
	   RsPlace *place)
{
	uint32_t	allowed;
	int			best = best_waiting(l, item, w, n, &allowed);
	int			taken = best;

	if (best < 0)
		return -1;
	place->pinned = false;
	place->propensity = 1;
	place->explored = false;
	if (l->share > 0)
	{
		if (uniform(l) < l->share)
			taken = nth_allowed(l, item, w, below(l, allowed));
		place->explored = taken != best;
		place->propensity = l->share / allowed + (taken == best ? 1 - l->share : 0);
	}
	place->item = w[taken].item;
	return taken;
}

/* The pin of the next place, if there is one. */
static bool
take_pin(RsRerank *l, RsPlace *place)
{
	if (l->next_pin == l->npins || l->pin[l->next_pin].place > l->filled + 1)
		return false;
	place->item = l->next_pin++;
	place->pinned = true;
	place->explored = false;
	place->propensity = 1;
	return true;
}

/*
 * The window in the order of its scores, where nothing else decides: what has
 * been passed over once is so for ever, so one pass does it.
 */
static int
place_in_order(RsRerank *l, const RsRerankItem *item, int n, int64_t most,
			   RsPlace *out, uint32_t *rest, int *nrest)
{
	int			placed = 0;
	int			i;

	*nrest = 0;
	for (i = 0; i < n; i++)
	{
		while (l->filled < most && take_pin(l, &out[placed]))
			count_placed(l, &l->pin[out[placed++].item].item, NULL, NULL, 0);
		if (l->filled >= most || !has_room(l, item[i].category))
		{
			rest[(*nrest)++] = i;
			continue;
		}
		out[placed].item = i;
		out[placed].pinned = false;
		out[placed].explored = false;
		out[placed++].propensity = 1;
		count_placed(l, &item[i], NULL, NULL, 0);
	}
	return placed;
}

int
rs_rerank_window(RsRerank *l, const RsRerankItem *item, int n, int64_t most,
				 void *work, RsPlace *out, uint32_t *rest, int *nrest)
{
	Waiting    *w = work;
	int			placed = 0;
	int			i;

	if (l->lambda <= 0 && l->share <= 0)
		return place_in_order(l, item, n, most, out, rest, nrest);
	start_window(l, item, n, w);
	while (l->filled < most)
	{
		RsPlace    *place = &out[placed];
		int			taken;

		if (take_pin(l, place))
		{
			count_placed(l, &l->pin[place->item].item, item, w, n);
			placed++;
			continue;
		}
		taken = choose(l, item, w, n, place);
		if (taken < 0)
			break;
		placed++;
		n--;
		for (i = taken; i < n; i++)
			w[i] = w[i + 1];
		count_placed(l, &item[place->item], item, w, n);
	}
	for (i = 0; i < n; i++)
		rest[i] = w[i].item;
	*nrest = n;
	return placed;
}

int
rs_rerank_pins(RsRerank *l, int64_t most, RsPlace *out)
{
	int			placed = 0;

	while (l->filled < most && l->next_pin < l->npins)
	{
		out[placed].item = l->next_pin++;
		out[placed].pinned = true;
		out[placed].explored = false;
		out[placed++].propensity = 1;
		l->filled++;
	}
	return placed;
}
