/*-------------------------------------------------------------------------
 *
 * rank.c
 *	  Lists of the k best items of the whole catalog, a block of users at a
 *	  time.
 *
 * Products are taken of all the block's users with a panel of items, whose
 * rows and products stay in the second level cache, and are looked through at
 * once: almost all lie below what is needed and cost a comparison.
 *
 * How a matrix product sums differs from how one item is scored, in the last
 * digits.  So the scan keeps every item that could be among the k best if each
 * product were off by its largest possible error (window.h), and a list is
 * made from products taken again by the code that serves.  The same margin
 * covers what the scan does not know yet: the largest product, by which scores
 * are divided, and the share of popularity.  An item with evidence of the
 * neighbours can rise from anywhere, hence those are marked beforehand.
 *
 * Error of a sum of f products in any order, with unit roundoff u: at most
 * f u / (1 - f u) |x| |y| (Higham, "Accuracy and Stability of Numerical
 * Algorithms", 3.5), and what underflows.
 *
 * Limits: evidence of the neighbours is not negative; where more items than a window holds are nearly equal, where
 * products could overflow, and where the factors' share in the blend is next
 * to nothing, a user's items are scored one by one (plain).  Items differ in
 * popularity by more than a float's rounding, as do counts below 4 million.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "rank.h"
#include "simd.h"

#define UNIT_ROUNDOFF	(FLT_EPSILON / 2.0)
#define LARGEST_PRODUCT	1e30	/* beyond it a sum might overflow */
#define SMALLEST_FLOAT	1.5e-45 /* what underflow loses, at most */

/* values that are compared with the bar before it may rise */
#define GROUP	256

void
rs_plain_product(const float *x, int users, const float *y, int items,
				 int factors, float *out, int stride)
{
	int			u;

	for (u = 0; u < users; u++)
		rs_factor_scores(y, items, factors, x + (size_t) u * factors,
						 out + (size_t) u * stride);
}

double
rs_longest_row(const float *row, uint32_t n, int factors)
{
	double		longest = 0;
	uint32_t	i;

	for (i = 0; i < n; i++, row += factors)
	{
		double		square = rs_simd->dot_wide(row, row, factors);

		if (!(square <= longest))
			longest = square;
	}
	return sqrt(longest);
}

/* ---- marks ---- */

static inline RsMarked
mark(uint32_t item, float neighbor, bool hidden)
{
	RsMarked	m;

	m.item = item;
	m.neighbor = neighbor;
	m.factor = 0;
	m.hidden = hidden;
	return m;
}

/* Two ascending lists become one. */
uint32_t
rs_rank_mark(float *evidence, uint32_t nitems, const RsRankUser *u,
			 RsRankWork *work, RsMarked *out)
{
	int			found = evidence == NULL ? 0 :
		rs_simd->select(evidence, (int) nitems, SMALLEST_FLOAT, work->place);
	uint32_t	hidden = 0;
	uint32_t	n = 0;
	int			i;

	for (i = 0; i < found; i++)
	{
		uint32_t	item = work->place[i];

		for (; hidden < u->nhidden && u->hidden[hidden] < item; hidden++)
			out[n++] = mark(u->hidden[hidden], 0, true);
		out[n] = mark(item, evidence[item],
					  hidden < u->nhidden && u->hidden[hidden] == item);
		hidden += out[n++].hidden;
		evidence[item] = 0;
	}
	for (; hidden < u->nhidden; hidden++)
		out[n++] = mark(u->hidden[hidden], 0, true);
	return n;
}

/* ---- the scan ---- */

/*
 * Margins of one user's scan; a vector of zeros says nothing.  Item a is worth less than b for sure if its
 * product is smaller by twice the errors of both, by the share of popularity,
 * and by the rounding of both scores.
 */
static void
start_scan(const RsRankFactors *f, RsRankUser *u, const float *x, int k,
		   RsNear *space, int room)
{
	double		n = f->factors;
	int			s;

	u->x = x;
	u->next_hidden = 0;
	for (s = 0; s < u->nmarks; s++)
		u->marks[s].next = 0;
	u->bound = sqrt(rs_simd->dot_wide(x, x, f->factors)) * f->longest * 1.001;
	u->error = 1.01 * (n + 2) * UNIT_ROUNDOFF * u->bound + n * SMALLEST_FLOAT;
	rs_window_init(&u->near, space, room, k,
				   (float) (1.01 * (4 * u->error + 8 * UNIT_ROUNDOFF * u->bound +
									(RS_POPULARITY_SHARE + 8 * UNIT_ROUNDOFF) *
									u->bound / f->least_share)),
				   (float) (4.01 * u->error));
	u->plain = !(u->bound < LARGEST_PRODUCT) || !(u->near.margin < LARGEST_PRODUCT);
	if (u->bound == 0)
		u->x = NULL;
}

/* Takes one item into the window, unless it is hidden. */
static inline void
offer(const RsRankItems *items, RsRankUser *u, uint32_t item, float value,
	  float *scratch)
{
	while (u->next_hidden < u->nhidden && u->hidden[u->next_hidden] < item)
		u->next_hidden++;
	if (u->next_hidden < u->nhidden && u->hidden[u->next_hidden] == item)
		return;
	rs_window_add(&u->near, value, item,
				  items->barred != NULL && items->barred[item], scratch);
}

/* Looks through one user's products with items first .. first + n - 1. */
static void
scan_panel(const RsRankItems *items, RsRankUser *u, const float *value,
		   uint32_t first, int n, float *scratch)
{
	int			i;
	int			s;

	for (s = 0; s < u->nmarks; s++)
	{
		RsMarks    *m = &u->marks[s];

		for (; m->next < m->n && m->mark[m->next].item < first + n; m->next++)
			m->mark[m->next].factor = value[m->mark[m->next].item - first];
	}
	for (i = 0; i < n; i += GROUP)
	{
		int			place[GROUP + RS_SELECT_SLACK];
		int			passed = rs_simd->select(value + i, n - i < GROUP ? n - i : GROUP,
											 u->near.bar, place);
		int			j;

		for (j = 0; j < passed; j++)
			offer(items, u, first + i + place[j], value[i + place[j]], scratch);
	}
}

void
rs_rank_scan(const RsRankItems *items, const RsRankFactors *f, RsRankUser *users,
			 int nusers, const float *x, int k, RsNear *space, int room,
			 RsRankWork *work)
{
	uint32_t	first;
	int			u;

	for (u = 0; u < nusers; u++)
		start_scan(f, &users[u], x + (size_t) u * f->factors, k,
				   space + (size_t) u * room, room);
	for (first = 0; first < items->nitems; first += RS_RANK_PANEL)
	{
		int			n = items->nitems - first < RS_RANK_PANEL ?
			items->nitems - first : RS_RANK_PANEL;

		work->product(x, nusers, f->item + (size_t) first * f->factors, n,
					  f->factors, work->panel, RS_RANK_PANEL);
		for (u = 0; u < nusers; u++)
			if (users[u].x != NULL && !users[u].plain)
				scan_panel(items, &users[u], work->panel + (size_t) u * RS_RANK_PANEL,
						   first, n, work->scratch);
	}
	for (u = 0; u < nusers; u++)
	{
		rs_window_finish(&users[u].near, work->scratch);
		users[u].plain |= users[u].near.overflow;
	}
}

/* ---- lists ---- */

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

/*
 * Without a say of the factors: what is not marked differs by popularity only,
 * so the best of them come first in its order.
 */
static void
list_by_popularity(Lister *l)
{
	const RsMarked *mark = l->marks->mark;
	uint32_t	n = l->marks->n;
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		float		score = rs_blend_one(&l->blend, mark[i].neighbor, 0,
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
		float		score;

		if (is_barred(l->items, item))
			continue;
		score = rs_blend_one(&l->blend, 0, 0, l->items->popularity[item]);
		if (l->top.n == l->top.k &&
			(score < l->top.heap[0].score ||
			 (score == l->top.heap[0].score && item > l->top.heap[0].id)))
			break;
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
	RsWindow	w;
	uint32_t	i;
	int			j;

	rs_window_init(&w, l->work->near, rs_window_room(l->k, l->items->nitems), l->k,
				   (float) (1.01 * (4 * l->u->error * scale +
									16 * UNIT_ROUNDOFF * (1 + scale * l->u->bound))), 0);
	for (i = 0; i < l->marks->n; i++)
	{
		double		value = l->blend.neighbor * mark[i].neighbor +
			scale * mark[i].factor +
			l->blend.popularity * popularity[mark[i].item];

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
									   l->blend.popularity * popularity[item]),
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
	Lister		l = {NULL};
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
	else if (l.blend.factor * u->bound > LARGEST_PRODUCT || !list_by_factors(&l))
		return list_plainly(&l, blend, out);
	return rs_topk_finish(&l.top);
}
