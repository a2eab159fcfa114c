/*-------------------------------------------------------------------------
 *
 * topk.c
 *	  The k best of many scored entries, by a bounded binary heap.
 *
 * The heap's root is the worst entry kept, so a newcomer is compared with it
 * first and most are turned away there.  Order is total (score descending,
 * then id ascending), so the result does not depend on the order of arrival.
 *
 * Limits: O(n log k) at worst, close to O(n) on unsorted input.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "topk.h"

/* How many scores the threshold test looks at together. */
#define RS_TOPK_BLOCK 32

/* Does a come after b in the result? */
static inline bool
is_worse(const RsScored *a, const RsScored *b)
{
	if (a->score != b->score)
		return a->score < b->score;
	return a->id > b->id;
}

/*
 * Puts entry at the root of a heap of n places whose root is free, moving it
 * down below whatever is worse.
 */
static void
sift_down(RsScored *heap, int n, RsScored entry)
{
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && is_worse(&heap[child + 1], &heap[child]))
			child++;
		if (!is_worse(&heap[child], &entry))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = entry;
}

/* space has room for k entries; k <= 0 keeps nothing */
void
rs_topk_init(RsTopK *t, RsScored *space, int k)
{
	t->k = k > 0 ? k : 0;
	t->n = 0;
	t->heap = space;
}

/* Offers one entry. */
void
rs_topk_add(RsTopK *t, double score, uint32_t id)
{
	RsScored	entry;

	if (isnan(score))
		return;
	entry.score = score;
	entry.id = id;

	if (t->n < t->k)
	{
		int			i = t->n++;

		while (i > 0 && is_worse(&entry, &t->heap[(i - 1) / 2]))
		{
			t->heap[i] = t->heap[(i - 1) / 2];
			i = (i - 1) / 2;
		}
		t->heap[i] = entry;
	}
	else if (t->k > 0 && is_worse(&t->heap[0], &entry))
		sift_down(t->heap, t->n, entry);
}

/* Heap sort: the worst goes to the end. The heap is used up. */
int
rs_topk_finish(RsTopK *t)
{
	int			i;

	for (i = t->n - 1; i > 0; i--)
	{
		RsScored	last = t->heap[i];

		t->heap[i] = t->heap[0];
		sift_down(t->heap, i, last);
	}
	return t->n;
}

/*
 * Once k are kept, a later position needs a strictly better score, so a block
 * without any is skipped by comparisons that the compiler vectorises.
 */
int
rs_topk_float(const float *score, uint32_t n, int k, RsScored *out)
{
	RsTopK		t;
	uint32_t	i = 0;

	rs_topk_init(&t, out, k);
	if (t.k == 0)
		return 0;

	for (; i < n && t.n < t.k; i++)
		if (score[i] > -INFINITY)
			rs_topk_add(&t, score[i], i);

	while (i < n)
	{
		uint32_t	end = n - i < RS_TOPK_BLOCK ? n : i + RS_TOPK_BLOCK;
		float		worst = (float) t.heap[0].score;

		if (end - i == RS_TOPK_BLOCK)
		{
			const float *block = score + i;
			int			any = 0;
			int			j;

			for (j = 0; j < RS_TOPK_BLOCK; j++)
				any |= block[j] > worst;
			if (!any)
			{
				i = end;
				continue;
			}
		}
		for (; i < end; i++)
			if (score[i] > worst)
			{
				rs_topk_add(&t, score[i], i);
				worst = (float) t.heap[0].score;
			}
	}
	return rs_topk_finish(&t);
}
