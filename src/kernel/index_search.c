/*-------------------------------------------------------------------------
 *
 * index_search.c
 *	  The k rows of greatest inner product, from an index.
 *
 * Let x = s d + q and y = t c + r, with integers d and c as coded.  Then
 *
 *	  x'y = s t d'c + q'(t c) + x'r,	|q'(t c) + x'r| <= |q| (|y| + |r|) + |x| |r|
 *
 * and the product as rs_simd->dot computes it is off by (f + 2) u |x| |y| at
 * most (rank.c).  So codes alone say between which two numbers each product
 * lies.  Rows pass that may reach the bar, a number that k products are known
 * to reach; they are noted with both bounds, and now and then the bar rises to
 * the k-th largest lower bound of those noted and the rest are dropped.  In the
 * end what is left is scored: hardly more than k rows.
 *
 * The bounds are computed in single precision, from terms whose sizes add up to
 * less than 3 b N, with b = |x| + |q| and N the largest norm of the rows at
 * hand; some dozen roundings of u each are covered by SLACK, what underflows by
 * LEAST.  A row goes by its codes only while |x| N is far from overflow.
 *
 * Rows come by falling norm: once |x| N is below the bar, the rest are.
 *
 * Limits: where more rows are nearly equal than the workspace has room for,
 * they are scored on the way, and a search costs as much as scoring all rows;
 * so it does for a vector of zeros, or one that is not finite or huge.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "index_code.h"
#include "rank.h"
#include "simd.h"

/* rows that are looked at together, a multiple of RS_CODE_ROWS */
#define GROUP		256

/* what rounding and underflow of the bounds may add: see above */
#define SLACK		(64 * RS_UNIT_ROUNDOFF)
#define LEAST		1e-30

/* rows noted before the bar rises: as many as k, and not fewer than this */
#define LEAST_NOTED	128

/* of a histogram of lower bounds */
#define BUCKETS		512

/* A row that may be among the k best. */
typedef struct Noted
{
	float		upper;
	float		lower;
	uint32_t	place;
} Noted;

typedef struct Search
{
	const RsIndex *index;
	const float *x;
	int			k;
	double		length;			/* |x|, or a little more */
	float		scale;			/* s */
	float		rest;			/* |q|, or a little more */
	int8_t	   *code;			/* d */
	const uint64_t *skipped;	/* a bit for each place; NULL = none */
	RsTopK		best;			/* of the rows that are scored */
	float		bar;			/* a product below it is not among the k best */
	Noted	   *noted;
	int			nnoted;
	int			room;
	int			full;			/* rows noted that make the bar rise */
	float	   *scratch;		/* room + k, and one that is not counted */
	RsIndexCost cost;
} Search;

/* ---- memory ---- */

static int
capped(const RsIndex *index, int k)
{
	return k <= 0 ? 0 : (uint32_t) k < index->nitems ? k : (int) index->nitems;
}

/* how many more than are kept are noted */
static int
newcomers(int k)
{
	return k > LEAST_NOTED ? k : LEAST_NOTED;
}

/*
 * rows that can be noted: the best, as many that are near them, newcomers, and
 * a group that comes on top
 */
static size_t
noted_room(int k)
{
	return k + 2 * (size_t) newcomers(k) + GROUP;
}

static size_t
bitmap_words(const RsIndex *index)
{
	return ((size_t) index->nitems + 63) / 64;
}

size_t
rs_index_workspace(const RsIndex *index, int k)
{
	size_t		room;

	k = capped(index, k);
	room = noted_room(k);
	return bitmap_words(index) * sizeof(uint64_t) + room * sizeof(Noted) +
		(room + k + 1) * sizeof(float) + index->stride;
}

/* Divides the workspace. */
static void
lay_out(Search *s, const RsIndex *index, int k, const uint32_t *skip,
		uint32_t nskip, void *work)
{
	uint64_t   *bitmap = work;
	void	   *rest = bitmap + bitmap_words(index);
	uint32_t	i;

	s->skipped = NULL;
	if (nskip > 0)
	{
		memset(bitmap, 0, bitmap_words(index) * sizeof(uint64_t));
		for (i = 0; i < nskip; i++)
		{
			uint32_t	p = index->place[skip[i]];

			bitmap[p / 64] |= UINT64_C(1) << p % 64;
		}
		s->skipped = bitmap;
	}
	s->room = (int) noted_room(k);
	s->noted = rest;
	rest = s->noted + s->room;
	s->scratch = rest;
	rest = s->scratch + s->room + k + 1;
	s->code = rest;
}

static inline bool
is_skipped(const Search *s, uint32_t place)
{
	return s->skipped != NULL && (s->skipped[place / 64] >> place % 64 & 1) != 0;
}

/* ---- scoring ---- */

/* The bar is at least the k-th best score. */
static inline void
raise_to_best(Search *s)
{
	if (s->best.n == s->best.k && (float) s->best.heap[0].score > s->bar)
		s->bar = (float) s->best.heap[0].score;
}

static inline void
score(Search *s, uint32_t place)
{
	int			width = s->index->width;
	float		product = rs_simd->dot(s->x, s->index->row + (size_t) place * width, width);

	s->cost.scored++;
	if (product >= s->bar && product > -INFINITY)
	{
		rs_topk_add(&s->best, product, s->index->item[place]);
		raise_to_best(s);
	}
}

/* Scores rows first .. end - 1, whatever their codes say. */
static void
score_range(Search *s, uint32_t first, uint32_t end)
{
	for (; first < end; first++)
		if (!is_skipped(s, first))
			score(s, first);
}

/*
 * Scores the rows noted and forgets them.  Those that are known to reach the
 * bar come first: they raise it to where most of the others end.
 */
static void
score_noted(Search *s)
{
	float		sure = s->bar;
	int			i;

	for (i = 0; i < s->nnoted; i++)
		if (s->noted[i].lower >= sure)
			score(s, s->noted[i].place);
	for (i = 0; i < s->nnoted; i++)
		if (!(s->noted[i].lower >= sure) && s->noted[i].upper >= s->bar)
			score(s, s->noted[i].place);
	s->nnoted = 0;
}

/* ---- the scan ---- */

/* A number that is just below the k-th largest of n. */
static float
below_kth(const float *v, int n, int k)
{
	int			count[BUCKETS] = {0};
	float		low = INFINITY;
	float		high = -INFINITY;
	double		scale;
	int			b;
	int			i;

	for (i = 0; i < n; i++)
	{
		low = v[i] < low ? v[i] : low;
		high = v[i] > high ? v[i] : high;
	}
	if (!(low < high) || low == -INFINITY)
		return low;
	scale = (BUCKETS - 1) / ((double) high - low);
	if (!(scale > 0 && scale <= DBL_MAX))
		return low;
	for (i = 0; i < n; i++)
		count[(int) ((v[i] - (double) low) * scale)]++;
	for (b = BUCKETS - 1; b > 0 && (k -= count[b]) > 0; b--)
		;

	/* a hundredth of a bucket is far more than rounding may be off */
	return (float) (low + (b - .01) / scale);
}

/* Raises the bar and drops the rows noted that do not reach it. */
static void
raise_bar(Search *s)
{
	int			n = 0;
	int			kept = 0;
	int			i;

	/* what is known to reach the old bar decides */
	for (i = 0; i < s->best.n; i++)
		s->scratch[n++] = (float) s->best.heap[i].score;
	for (i = 0; i < s->nnoted; i++)
	{
		s->scratch[n] = s->noted[i].lower;
		n += s->noted[i].lower >= s->bar;
	}
	if (n >= s->k)
	{
		float		bar = below_kth(s->scratch, n, s->k);

		if (bar > s->bar)
			s->bar = bar;
	}
	for (i = 0; i < s->nnoted; i++)
	{
		Noted		one = s->noted[i];

		s->noted[kept] = one;
		kept += one.upper >= s->bar;
	}
	s->nnoted = kept;
}

/* Makes room for a group's rows, and for newcomers. */
static void
make_room(Search *s)
{
	if (s->nnoted >= s->full)
	{
		raise_bar(s);
		if (s->nnoted + newcomers(s->k) + GROUP > s->room)
			score_noted(s);
		s->full = s->nnoted + newcomers(s->k);
	}
}

/*
 * Notes the rows from first on, at most GROUP, that may reach the bar; norm is
 * that of the first.
 */
static void
scan_group(Search *s, uint32_t first, int n, double norm)
{
	const RsIndex *index = s->index;
	int32_t		product[GROUP];
	float		upper[GROUP];
	int			passed[GROUP + RS_SELECT_SLACK];
	double		width = index->width;
	double		b = s->length + s->rest;
	double		c = norm * (s->rest + 1.01 * (width + 2) * RS_UNIT_ROUNDOFF * s->length + SLACK * b) + LEAST;
	float		slope = rs_rounded_up(b);
	float		constant = rs_rounded_up(c);
	int			npassed;
	int			i;

	rs_simd->code_products(index->code + (size_t) first * index->stride, s->code,
						   index->stride, (n + RS_CODE_ROWS - 1) / RS_CODE_ROWS,
						   product);
	rs_simd->code_bounds(product, index->scale + first, index->error + first, n,
						 s->scale, slope, constant, upper);
	npassed = rs_simd->select(upper, n, s->bar, passed);
	for (i = 0; i < npassed; i++)
	{
		uint32_t	place = first + passed[i];
		Noted	   *one = &s->noted[s->nnoted];

		one->place = place;
		one->upper = upper[passed[i]];
		one->lower = one->upper - 2 * (index->error[place] * slope + constant);
		s->nnoted += !is_skipped(s, place);
	}
	s->cost.coded += n;
}

/* Looks at all rows that the bar does not rule out by their norms. */
static void
scan(Search *s)
{
	const RsIndex *index = s->index;
	uint32_t	first;

	for (first = 0; first < index->nitems; first += GROUP)
	{
		uint32_t	n = index->nitems - first;
		double		norm = index->norm[first];
		double		bound = s->length * norm;

		if (n > GROUP)
			n = GROUP;
		if (!(bound < RS_LARGEST_PRODUCT))
		{
			score_range(s, first, first + n);
			continue;
		}
		bound *= 1 + 1.01 * (index->width + 2) * RS_UNIT_ROUNDOFF;
		if (bound + LEAST < s->bar)
			break;
		make_room(s);
		scan_group(s, first, (int) n, norm);
	}
	raise_bar(s);
	score_noted(s);
}

int
rs_index_search(const RsIndex *index, const float *x, int k,
				const uint32_t *skip, uint32_t nskip, void *work,
				RsScored *out, RsIndexCost *cost)
{
	Search		s = {0};
	double		square = rs_simd->dot_wide(x, x, index->width);
	size_t		row = index->width * sizeof(float) + sizeof(uint32_t);

	k = capped(index, k);
	s.index = index;
	s.x = x;
	s.k = k;
	s.length = sqrt(square) * (1 + 1e-9);
	s.bar = -INFINITY;
	s.full = k + newcomers(k);
	rs_topk_init(&s.best, out, k);
	if (k > 0)
	{
		lay_out(&s, index, k, skip, nskip, work);

		/* zeros say nothing, and what is not finite has no codes */
		if (s.length > 0 && s.length < RS_LARGEST_PRODUCT)
		{
			s.rest = rs_index_encode(x, index->width, s.length, s.code, 4,
									 &s.scale);
			scan(&s);
		}
		else
			score_range(&s, 0, index->nitems);
	}
	s.cost.bytes = s.cost.coded * (index->stride + 2 * sizeof(float)) +
		s.cost.scored * row;
	if (cost != NULL)
		*cost = s.cost;
	return rs_topk_finish(&s.best);
}
