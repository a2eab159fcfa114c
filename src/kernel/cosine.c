/*-------------------------------------------------------------------------
 *
 * cosine.c
 *	  The rows of greatest cosine with a vector.
 *
 * A first pass computes all cosines in single precision, one after the other
 * as the rows lie in memory.  Each is off by less than (n + 8) units of
 * roundoff, for |x'y| <= |x| |y|, so what lies more than twice that below the
 * k-th best is not among the k best; the rest, hardly more than k, are
 * computed in double.
 *
 * Limits: reads all rows, which for many is the speed of memory.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "cosine.h"
#include "rank.h"
#include "simd.h"

/* rows of the second pass are looked for in so many at once */
#define BLOCK		1024

/* squares of norms within which single precision neither over- nor underflows */
#define LEAST_SQUARE	1e-24f
#define MOST_SQUARE		1e24f

size_t
rs_cosine_workspace(const RsIndex *index)
{
	return index->nitems;
}

/* The cosine in double; NaN where there is none. */
static double
cosine(const float *x, double length, const float *y, int n)
{
	return rs_simd->dot_wide(x, y, n) / (length * sqrt(rs_simd->dot_wide(y, y, n)));
}

/* All cosines by place, in single precision where that is safe. */
static void
estimate(const RsIndex *index, const float *x, double length, int n, float *out)
{
	float		inverse = (float) (1 / length);
	bool		safe = length * length > LEAST_SQUARE && length * length < MOST_SQUARE;
	uint32_t	i;

	for (i = 0; i < index->nitems; i++)
	{
		const float *y = index->row + (size_t) i * index->width;
		float		square = rs_simd->dot(y, y, n);

		if (safe && square > LEAST_SQUARE && square < MOST_SQUARE)
			out[i] = rs_simd->dot(x, y, n) * inverse / sqrtf(square);
		else
			out[i] = (float) cosine(x, length, y, n);
		if (!(out[i] > -INFINITY))
			out[i] = -INFINITY;
	}
}

/* See cosine.h. */
int
rs_cosine_search(const RsIndex *index, const float *x, int n, int k,
				 uint32_t skip, float *work, RsScored *out)
{
	double		length = sqrt(rs_simd->dot_wide(x, x, n));
	float		bar;
	RsTopK		best;
	uint32_t	first;
	int			found;

	if (k <= 0 || !(length > 0) || !(length < INFINITY))
		return 0;
	if ((uint32_t) k > index->nitems)
		k = (int) index->nitems;
	estimate(index, x, length, n, work);
	if (skip < index->nitems)
		work[index->place[skip]] = -INFINITY;
	found = rs_topk_float(work, index->nitems, k, out);
	if (found == 0)
		return 0;
	bar = (float) (out[found - 1].score - 2 * (n + 8) * RS_UNIT_ROUNDOFF);
	rs_topk_init(&best, out, k);
	for (first = 0; first < index->nitems; first += BLOCK)
	{
		int			place[BLOCK + RS_SELECT_SLACK];
		uint32_t	rows = index->nitems - first;
		int			passed = rs_simd->select(work + first, rows < BLOCK ? (int) rows : BLOCK, bar, place);
		int			i;

		for (i = 0; i < passed; i++)
		{
			uint32_t	p = first + place[i];
			const float *y = index->row + (size_t) p * index->width;

			rs_topk_add(&best, (float) cosine(x, length, y, n), index->item[p]);
		}
	}
	return rs_topk_finish(&best);
}
