/*-------------------------------------------------------------------------
 *
 * funnel_open.c
 *	  First stage of the funnel: one user's evidence, and the list of each
 *	  source of candidates.
 *
 * Votes of the neighbours are summed as rs_neighbor_scores sums them, in the
 * order of the history and of the ranks, so that the sums are the same to the
 * bit; they stop at FLT_MAX.  Votes fade from the history's newest item on and
 * not from the instant: only their proportions matter, and those of a user who
 * has been away for years would be lost in rounding to 0.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "funnel_work.h"
#include "history.h"
#include "select.h"

#define RS_SORT			sort_by_category
#define RS_SORT_TYPE	RsCategoryShare
#define RS_SORT_LESS(a, b) \
	((a)->category != (b)->category ? (a)->category < (b)->category : \
	 (a)->items < (b)->items)
#include "sort_template.h"

#define RS_SORT			sort_by_weight
#define RS_SORT_TYPE	RsCategoryShare
#define RS_SORT_LESS(a, b) \
	((a)->weight != (b)->weight ? (a)->weight > (b)->weight : \
	 (a)->category < (b)->category)
#include "sort_template.h"

#define RS_SORT			sort_by_time
#define RS_SORT_TYPE	RsOrdered
#define RS_SORT_LESS(a, b) \
	((a)->time != (b)->time ? (a)->time > (b)->time : (a)->item < (b)->item)
#include "sort_template.h"

/* ---- the user ---- */

/* When an item of the history was had; what comes after the instant is now. */
static inline int64_t
time_of(const RsFunnelUser *u, int i)
{
	return u->time == NULL || u->time[i] > u->as_of ? u->as_of : u->time[i];
}

/* What features say of the history's age, and what its votes count for. */
static void
read_times(const RsFunnel *f, RsFunnelWork *w)
{
	const RsFunnelUser *u = &w->user;
	int64_t		newest = INT64_MIN;
	int			i;

	for (i = 0; i < u->n; i++)
		if (time_of(u, i) > newest)
			newest = time_of(u, i);
	for (i = 0; i < u->n; i++)
	{
		double		fade = f->recency_half_life > 0 ?
			rs_decay(time_of(u, i), newest, f->recency_half_life * RS_DAY) : 1;

		w->seen_recency[i] = (float) rs_decay(time_of(u, i), u->as_of, RS_FRESH_FOR);
		w->faded_weight[i] = (float) (u->weight[i] * fade);
	}
	w->history_length = (float) log(1 + (double) u->n);
	w->history_recency = u->n > 0 ?
		(float) rs_decay(newest, u->as_of, RS_FRESH_FOR) : 0;
}

/* The categories of the history, by code, and what it paid. */
static void
read_facts(const RsFunnel *f, RsFunnelWork *w)
{
	const RsFunnelUser *u = &w->user;
	RsCategoryShare *c = w->category;
	double		paid = 0;
	int			prices = 0;
	int			n = 0;
	int			last = -1;
	int			i;

	w->weight = 0;
	for (i = 0; i < u->n; i++)
	{
		RsItemFacts facts = rs_funnel_facts(f, u->item[i]);
		double		weight = u->weight[i] > 0 ? u->weight[i] : 0;

		w->weight += weight;
		if (facts.price >= 0)
		{
			paid += log(1 + (double) facts.price);
			prices++;
		}
		if (facts.category == RS_NO_CATEGORY)
			continue;
		c[n].category = facts.category;
		c[n].items = i;			/* its number, so that the order of sums is fixed */
		c[n++].weight = weight;
	}
	w->has_price = prices > 0;
	w->price = prices > 0 ? paid / prices : 0;

	sort_by_category(c, n);
	for (i = 0; i < n; i++)
		if (last >= 0 && c[last].category == c[i].category)
		{
			c[last].items++;
			c[last].weight += c[i].weight;
		}
		else
		{
			c[++last] = c[i];
			c[last].items = 1;
		}
	w->ncategories = last + 1;
}

/* ---- the evidence ---- */

/* Makes room for what this user touches at most. */
static void
start_table(RsFunnelWork *w, uint32_t touched)
{
	int			bits = 4;

	while (bits < 32 && (UINT64_C(1) << bits) < 2 * (uint64_t) touched)
		bits++;
	w->shift = 32 - bits;
	memset(w->slot, 0xff, sizeof(RsSlot) << bits);
	w->n = 0;
	w->nlisted = 0;
}

/* The evidence of an item, new where there is none. */
static inline RsEvidence *
touch(RsFunnelWork *w, uint32_t item)
{
	uint32_t	mask = UINT32_MAX >> w->shift;
	uint32_t	s;
	RsEvidence *e;

	for (s = rs_slot_of(w, item); w->slot[s].item != RS_NO_ITEM; s = (s + 1) & mask)
		if (w->slot[s].item == item)
			return &w->evidence[w->slot[s].evidence];
	w->slot[s].item = item;
	w->slot[s].evidence = w->n;
	e = &w->evidence[w->n];
	memset(e, 0, sizeof(*e));
	e->item = item;
	e->because = RS_NO_ITEM;
	e->factor = NAN;
	memset(w->position[w->n++], 0, sizeof(RsPositions));
	return e;
}

/* a sum of finite numbers that stays finite */
static inline float
add(float sum, float vote)
{
	float		s = sum + vote;

	s = s > FLT_MAX ? FLT_MAX : s;
	return s < -FLT_MAX ? -FLT_MAX : s;
}

/* The votes of one item of the history, number h. */
static void
count_votes(const RsFunnel *f, RsFunnelWork *w, int h)
{
	uint32_t	item = w->user.item[h];
	float		weight = w->user.weight[h];
	float		faded_weight = w->faded_weight[h];
	const RsNeighbor *neighbor = f->neighbor + f->neighbor_start[item];
	uint32_t	n = (uint32_t) (f->neighbor_start[(size_t) item + 1] - f->neighbor_start[item]);
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		float		vote = weight * neighbor[i].similarity;
		RsEvidence *e = touch(w, neighbor[i].item);

		e->sum = add(e->sum, vote);
		e->faded = add(e->faded, faded_weight * neighbor[i].similarity);
		if (e->votes == 0 || vote > e->vote)
		{
			e->vote = vote;
			e->because = item;
		}
		if (e->votes == 0 || i + 1 < e->rank)
			e->rank = i + 1;
		e->votes++;
	}
}

/* The history's own items come first, so that their numbers are those. */
static void
read_neighbors(const RsFunnel *f, RsFunnelWork *w)
{
	int			i;
	uint32_t	e;

	for (i = 0; i < w->user.n; i++)
		touch(w, w->user.item[i]);
	w->neighbor_best = 0;
	w->faded_best = 0;
	if (f->neighbor_start == NULL)
		return;
	for (i = 0; i < w->user.n; i++)
		count_votes(f, w, i);
	for (e = w->user.n; e < w->n; e++)
	{
		if (w->evidence[e].sum > w->neighbor_best)
			w->neighbor_best = w->evidence[e].sum;
		if (w->evidence[e].faded > w->faded_best)
			w->faded_best = w->evidence[e].faded;
	}
}

/* ---- the lists ---- */

/* Puts an item at a place, 1 = first, of a source's list. */
static inline void
put(RsFunnelWork *w, RsEvidence *e, RsCandidateSource source, uint32_t position)
{
	uint32_t	number = (uint32_t) (e - w->evidence);
	uint32_t   *p = w->position[number];
	uint32_t	any = 0;
	int			s;

	for (s = 0; s < RS_SOURCES; s++)
		any |= p[s];
	if (any == 0)
		w->listed[w->nlisted++] = number;
	p[source] = position;
}

static void
list_neighbors(const RsFunnel *f, RsFunnelWork *w)
{
	uint32_t	length = rs_funnel_length(f, w->user.n, RS_SOURCE_NEIGHBOR);
	uint32_t	n = 0;
	uint32_t	i;

	if (length == 0)
		return;
	for (i = 0; i < w->n; i++)
		if (w->evidence[i].faded > 0)
			w->key[n++] = rs_key(w->evidence[i].faded, w->evidence[i].item);
	n = rs_select(w->key, n, length, w->key_scratch);
	for (i = 0; i < n; i++)
		put(w, rs_find_evidence(w, rs_key_id(w->key[i])), RS_SOURCE_NEIGHBOR, i + 1);
}

/*
 * The user's vector, and what is nearest to it: at least one more than the
 * history has, since the largest product of another item is wanted too.
 */
static void
list_factors(const RsFunnel *f, RsFunnelWork *w)
{
	uint32_t	length = rs_funnel_length(f, w->user.n, RS_SOURCE_FACTOR);
	uint32_t	k = rs_funnel_nearest(f, w->user.n);
	uint32_t	n;
	uint32_t	i;

	w->has_vector = false;
	w->factor_best = 0;
	if (k == 0)
		return;
	for (i = 0; i < (uint32_t) w->user.n; i++)
		w->place[i] = f->index.place[w->user.item[i]];
	w->has_vector = rs_fold_in(&f->fold, w->user.n, w->place, w->user.weight,
							   w->solve, w->x);
	if (!w->has_vector)
		return;
	n = (uint32_t) rs_index_search(&f->index, w->x, (int) k, NULL, 0, w->solve,
								   w->scored, NULL);
	for (i = 0; i < n; i++)
	{
		RsEvidence *e = rs_find_evidence(w, w->scored[i].id);

		/* those of the history are the first */
		if (e == NULL || e >= w->evidence + w->user.n)
		{
			w->factor_best = w->scored[i].score > 0 ? rs_finite(w->scored[i].score) : 0;
			break;
		}
	}
	for (i = 0; i < n && i < length; i++)
	{
		RsEvidence *e = touch(w, w->scored[i].id);

		e->factor = (float) w->scored[i].score;
		put(w, e, RS_SOURCE_FACTOR, i + 1);
	}
}

static void
list_popular(const RsFunnel *f, RsFunnelWork *w)
{
	uint32_t	length = rs_funnel_length(f, w->user.n, RS_SOURCE_POPULARITY);
	uint32_t	i;

	for (i = 0; i < length; i++)
		put(w, touch(w, f->popular[i]), RS_SOURCE_POPULARITY, i + 1);
}

/* Starts the lists of the user's main categories; returns how many. */
static int
start_categories(const RsFunnel *f, RsFunnelWork *w)
{
	int			n = w->ncategories;
	int			i;

	memcpy(w->share, w->category, n * sizeof(RsCategoryShare));
	sort_by_weight(w->share, n);
	if (n > f->main_categories)
		n = f->main_categories > 0 ? f->main_categories : 0;
	for (i = 0; i < n; i++)
	{
		w->head[i].next = f->facts.category_start[w->share[i].category];
		w->head[i].end = f->facts.category_start[w->share[i].category + 1];
	}
	return n;
}

/* Whether an item comes before another by popularity, ties by item. */
static inline bool
more_popular(const RsFunnel *f, uint32_t item, uint32_t other)
{
	float		difference = f->popularity[item] - f->popularity[other];

	return difference > 0 || (difference == 0 && item < other);
}

/* One list of several, by popularity. */
static void
list_categories(const RsFunnel *f, RsFunnelWork *w)
{
	uint32_t	length = rs_funnel_length(f, w->user.n, RS_SOURCE_CATEGORY);
	int			n = length > 0 ? start_categories(f, w) : 0;
	uint32_t	i;
	int			c;

	for (i = 0; i < length; i++)
	{
		RsCategoryHead *best = NULL;
		uint32_t	item = RS_NO_ITEM;

		for (c = 0; c < n; c++)
			if (w->head[c].next < w->head[c].end)
			{
				uint32_t	other = f->facts.category_item[w->head[c].next];

				if (best == NULL || more_popular(f, other, item))
				{
					best = &w->head[c];
					item = other;
				}
			}
		if (best == NULL)
			break;
		best->next++;
		put(w, touch(w, item), RS_SOURCE_CATEGORY, i + 1);
	}
}

/* Newest first. */
static void
list_history(const RsFunnel *f, RsFunnelWork *w)
{
	uint32_t	length = rs_funnel_length(f, w->user.n, RS_SOURCE_HISTORY);
	uint32_t	i;

	for (i = 0; i < length; i++)
	{
		w->ordered[i].time = time_of(&w->user, (int) i);
		w->ordered[i].item = w->user.item[i];
		w->ordered[i].place = i;
	}
	sort_by_time(w->ordered, length);
	for (i = 0; i < length; i++)
		put(w, &w->evidence[w->ordered[i].place], RS_SOURCE_HISTORY, i + 1);
}

/* See funnel.h. */
void
rs_funnel_open(const RsFunnel *f, const RsFunnelUser *u, RsFunnelWork *w)
{
	uint64_t	neighbors = 0;
	int			i;

	w->user = *u;
	for (i = 0; f->neighbor_start != NULL && i < u->n; i++)
	{
		const uint64_t *start = &f->neighbor_start[u->item[i]];

		neighbors += start[1] - start[0];
		__builtin_prefetch(&f->neighbor[start[0]]);
	}
	start_table(w, rs_funnel_touched(f, u->n, neighbors));
	read_times(f, w);
	read_facts(f, w);
	read_neighbors(f, w);
	list_neighbors(f, w);
	list_factors(f, w);
	list_popular(f, w);
	list_categories(f, w);
	list_history(f, w);
	w->blend = rs_blend_scales(w->neighbor_best, w->factor_best, f->blend);
}

/* What is kept of a user is in the arrays that the next one starts anew. */
void
rs_funnel_close(const RsFunnel *f, RsFunnelWork *w)
{
	(void) f;
	memset(&w->user, 0, sizeof(w->user));
	start_table(w, 0);
}
