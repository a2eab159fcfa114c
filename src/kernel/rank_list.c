/*-------------------------------------------------------------------------
 *
 * rank_list.c
 *	  Lists of the k best items of the whole catalog: one list from what a scan
 *	  has left.
 *
 * Approximate scores of the marked items and of those that the scan has kept
 * go through a window (window.h); what stays is scored with products taken
 * again by the code that serves.  The largest product, by which scores are
 * divided, is found in the same way.  Where the factors have no say, the
 * marked items and the most popular of the others make the list.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "rank.h"
#include "simd.h"

/* One list in the making. */
typedef struct Lister
{
	const RsRankItems *items;
	const RsRankFactors *f;
	const RsRankUser *u;
	const RsMarks *marks;
	bool		with_hidden;
	int			k;
	RsBlend		blend;
	RsRankWork *work;
	RsTopK		top;
} Lister;

/* What popularity adds to a score at most. */
static inline double
most_popularity(const RsRankItems *items)
{
	return items->nitems == 0 ? 0 :
		(double) RS_POPULARITY_SHARE * items->popularity[items->order[0]];
}

static inline bool
is_barred(const RsRankItems *items, uint32_t item)
{
	return items->barred != NULL && items->barred[item];
}

/* Whether the list is without a marked item, and its scaling too. */
static inline bool
is_left_out(const Lister *l, const RsMarked *m)
{
	return m->hidden && !l->with_hidden;
}

/* The product as serving takes it. */
static inline float
exact_product(const Lister *l, uint32_t item)
{
	return rs_simd->dot(l->u->x, l->f->item + (size_t) item * l->f->factors,
						l->f->factors);
}

static float
largest_neighbor(const Lister *l)
{
	float		max = 0;
	uint32_t	i;

	for (i = 0; i < l->marks->n; i++)
	{
		const RsMarked *m = &l->marks->mark[i];

		if (m->neighbor > max && !is_left_out(l, m))
			max = m->neighbor;
	}
	return max;
}

/*
 * The largest product: the exact one is among those whose approximate value is
 * near the largest of these.
 */
static float
largest_factor(const Lister *l)
{
	const RsWindow *near = &l->u->near;
	float		top = -INFINITY;
	float		max = 0;
	uint32_t	i;
	int			j;

	for (j = 0; j < near->n; j++)
		if (near->entry[j].value > top)
			top = near->entry[j].value;
	for (i = 0; i < l->marks->n; i++)
		if (l->marks->mark[i].factor > top && !is_left_out(l, &l->marks->mark[i]))
			top = l->marks->mark[i].factor;
	top -= near->top_margin;
	for (j = 0; j < near->n; j++)
		if (near->entry[j].value >= top)
			max = fmaxf(max, exact_product(l, near->entry[j].id & ~RS_NEAR_ASIDE));
	for (i = 0; i < l->marks->n; i++)
		if (l->marks->mark[i].factor >= top && !is_left_out(l, &l->marks->mark[i]))
			max = fmaxf(max, exact_product(l, l->marks->mark[i].item));
	return max;
}

/* Enters an item with its exact score. */
static void
enter(Lister *l, uint32_t item, float neighbor)
{
	rs_topk_add(&l->top, rs_blend_one(&l->blend, neighbor, exact_product(l, item),
									  l->items->popularity[item]), item);
}

/* Past the items of the same popularity as the one at place i of the order. */
static uint32_t
next_popularity(const RsRankItems *items, uint32_t i)
{
	float		popularity = items->popularity[items->order[i]];
	uint32_t	low = i + 1;
	uint32_t	high = items->nitems;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (items->popularity[items->order[middle]] < popularity)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * Without a say of the factors: what is not marked differs by popularity only,
 * so the best of them come first in its order.  Of equally popular ones the
 * first by id are the best; popularities that differ may still be the same
 * score.
 */
static void
list_by_popularity(Lister *l)
{
	const RsMarked *mark = l->marks->mark;
	uint32_t	n = l->marks->n;
	double		most = most_popularity(l->items);
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		float		score;

		/* most are turned away before their popularity is looked up */
		if (l->blend.evidence && l->top.n == l->top.k &&
			(float) (l->blend.neighbor * mark[i].neighbor + most) < l->top.heap[0].score)
			continue;
		score = rs_blend_one(&l->blend, mark[i].neighbor, 0,
										 l->items->popularity[mark[i].item]);

		if ((l->top.n < l->top.k || score >= l->top.heap[0].score) &&
			!is_left_out(l, &mark[i]) && !is_barred(l->items, mark[i].item))
			rs_topk_add(&l->top, score, mark[i].item);
	}
	for (i = 0; i < l->items->nitems; i++)
	{
		uint32_t	item = l->items->order[i];
		uint32_t	low = 0;
		uint32_t	high = n;
		float		score = rs_blend_one(&l->blend, 0, 0, l->items->popularity[item]);

		if (l->top.n == l->top.k && score < l->top.heap[0].score)
			break;
		if (l->top.n == l->top.k && score == l->top.heap[0].score &&
			item > l->top.heap[0].id)
		{
			i = next_popularity(l->items, i) - 1;
			continue;
		}
		if (is_barred(l->items, item))
			continue;
		while (low < high)
		{
			uint32_t	middle = (low + high) / 2;

			if (mark[middle].item < item)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == n || mark[low].item != item)
			rs_topk_add(&l->top, score, item);
	}
}

/*
 * With the factors: approximate scores of the marked items and of those that
 * the scan has kept, then exact ones of what comes near.  False if too many do.
 */
static bool
list_by_factors(Lister *l)
{
	const RsMarked *mark = l->marks->mark;
	const RsWindow *found = &l->u->near;
	const float *popularity = l->items->popularity;
	float	   *scratch = l->work->scratch;
	uint32_t	next = 0;
	double		scale = l->blend.factor;
	double		most = most_popularity(l->items);
	RsWindow	w;
	uint32_t	i;
	int			j;

	rs_window_init(&w, l->work->near, rs_window_room(l->k, l->items->nitems), l->k,
				   (float) (1.01 * (4 * l->u->error * scale +
									16 * RS_UNIT_ROUNDOFF * (1 + scale * l->u->bound))), 0);
	for (i = 0; i < l->marks->n; i++)
	{
		double		value = l->blend.neighbor * mark[i].neighbor +
			scale * mark[i].factor;

		if (value + most < w.bar)
			continue;
		value += (double) RS_POPULARITY_SHARE * popularity[mark[i].item];
		if (value >= w.bar && !is_left_out(l, &mark[i]) &&
			!is_barred(l->items, mark[i].item))
			rs_window_add(&w, (float) value, i, false, scratch);
	}
	for (j = 0; j < found->n; j++)
	{
		uint32_t	item = found->entry[j].id;

		if (item & RS_NEAR_ASIDE)
			continue;
		while (next < l->marks->n && mark[next].item < item)
			next++;
		if (next == l->marks->n || mark[next].item != item)
			rs_window_add(&w, (float) (scale * found->entry[j].value +
									   (double) RS_POPULARITY_SHARE * popularity[item]),
						  l->marks->n + j, false, scratch);
	}
	rs_window_finish(&w, scratch);
	if (w.overflow)
		return false;
	for (j = 0; j < w.n; j++)
	{
		uint32_t	id = w.entry[j].id;

		if (id < l->marks->n)
			enter(l, mark[id].item, mark[id].neighbor);
		else
			enter(l, found->entry[id - l->marks->n].id, 0);
	}
	return true;
}

/* Item by item, as one request is served. */
static int
list_plainly(Lister *l, double blend, RsScored *out)
{
	uint32_t	nitems = l->items->nitems;
	float	   *neighbor = l->work->row[0];
	float	   *factor = l->work->row[1];
	bool	   *hidden = l->work->flag;
	uint32_t	i;

	memset(neighbor, 0, nitems * sizeof(float));
	memset(hidden, 0, nitems * sizeof(bool));
	for (i = 0; i < l->marks->n; i++)
	{
		neighbor[l->marks->mark[i].item] = l->marks->mark[i].neighbor;
		hidden[l->marks->mark[i].item] = is_left_out(l, &l->marks->mark[i]);
	}
	rs_factor_scores(l->f->item, nitems, l->f->factors, l->u->x, factor);
	if (!l->f->is_score)
		rs_blend(neighbor, factor, l->items->popularity, hidden, nitems, blend, factor);
	for (i = 0; i < nitems; i++)
		if (hidden[i] || is_barred(l->items, i))
			factor[i] = -INFINITY;
	return rs_topk_float(factor, nitems, l->k, out);
}

int
rs_rank_list(const RsRankItems *items, const RsRankFactors *f, const RsRankUser *u,
			 const RsMarks *marks, double blend, bool with_hidden, int k,
			 RsRankWork *work, RsScored *out)
{
	Lister		l = {0};
	bool		factors = f != NULL && u->x != NULL;

	l.items = items;
	l.f = f;
	l.u = u;
	l.marks = marks;
	l.with_hidden = with_hidden;
	l.k = k;
	l.work = work;
	if (factors && u->plain)
		return list_plainly(&l, blend, out);
	if (factors && f->is_score)
		l.blend = rs_blend_nothing();
	else
		l.blend = rs_blend_scales(largest_neighbor(&l),
								  factors ? largest_factor(&l) : 0, blend);
	rs_topk_init(&l.top, out, k);
	if (l.blend.factor == 0)
		list_by_popularity(&l);
	else if (l.blend.factor * u->bound > RS_LARGEST_PRODUCT || !list_by_factors(&l))
		return list_plainly(&l, blend, out);
	return rs_topk_finish(&l.top);
}
