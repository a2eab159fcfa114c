/*-------------------------------------------------------------------------
 *
 * rank.c
 *	  Lists of the k best items of the whole catalog, a block of users at a
 *	  time: marks and scan.
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
 * to nothing, a user's items are scored one by one (plain).
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "rank.h"
#include "simd.h"

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
	u->error = 1.01 * (n + 2) * RS_UNIT_ROUNDOFF * u->bound + n * SMALLEST_FLOAT;
	rs_window_init(&u->near, space, room, k,
				   (float) (1.01 * (4 * u->error + 8 * RS_UNIT_ROUNDOFF * u->bound +
									(RS_POPULARITY_SHARE + 8 * RS_UNIT_ROUNDOFF) *
									u->bound / f->least_share)),
				   (float) (4.01 * u->error));
	u->plain = !(u->bound < RS_LARGEST_PRODUCT) || !(u->near.margin < RS_LARGEST_PRODUCT);
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
