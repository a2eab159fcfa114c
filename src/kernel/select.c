/*-------------------------------------------------------------------------
 *
 * select.c
 *	  The largest of many distinct 64-bit keys, in descending order.
 *
 * Keys are counted by their leading bits within the range that they span, which
 * tells the bucket that the k-th largest falls into.  Those of the buckets above
 * go to their bucket's place in the result; from that bucket's own the rest is
 * selected in the same way.  So are buckets of many keys put in order; the
 * others hold so few that one insertion sort of the whole result does it, in
 * which no key leaves its bucket.  No pass over all keys has a branch that
 * depends on a comparison of two of them, which is what a heap spends its time
 * on where k is a fair part of n.
 *
 * Limits: time linear in n and in k; each round narrows the range of the keys
 * by 2^BUCKET_BITS, so rounds are at most seven deep, with 4 kB of stack each.
 *
 *-------------------------------------------------------------------------
 */
#include <stdbool.h>

#include "select.h"

#define BUCKET_BITS		10
#define BUCKETS			(1 << BUCKET_BITS)
#define FEW				24		/* keys that are sorted by insertion */

/* The keys of a round by bucket; bucket 0 has the smallest. */
typedef struct Round
{
	uint64_t	low;			/* the smallest key */
	int			shift;			/* from the difference to it to a bucket */
	uint32_t	top;			/* the bucket of the largest key */
	uint32_t	last;			/* that of the k-th largest */
	uint32_t	above;			/* keys in the buckets above the last */
	bool		crowded;		/* one of these has more than a few */
	uint32_t	place[BUCKETS]; /* of these: where the next key goes */
} Round;

/* The largest and the smallest of n >= 1 keys. */
static void
find_range(const uint64_t *key, uint32_t n, uint64_t *low, uint64_t *high)
{
	uint64_t	min = key[0];
	uint64_t	max = key[0];
	uint32_t	i;

	for (i = 1; i < n; i++)
	{
		min = key[i] < min ? key[i] : min;
		max = key[i] > max ? key[i] : max;
	}
	*low = min;
	*high = max;
}

/* How far to shift a difference of keys so that it numbers a bucket. */
static int
bucket_shift(uint64_t range)
{
	int			bits = 0;

	while (bits < 64 && range >> bits != 0)
		bits++;
	return bits > BUCKET_BITS ? bits - BUCKET_BITS : 0;
}

static inline uint32_t
bucket_of(const Round *r, uint64_t key)
{
	return (uint32_t) ((key - r->low) >> r->shift);
}

/* Counts the keys by bucket, and gives the buckets their places in the result. */
static void
begin_round(Round *r, const uint64_t *key, uint32_t n, uint32_t k)
{
	uint64_t	high;
	uint32_t	i;
	uint32_t	b;

	find_range(key, n, &r->low, &high);
	r->shift = bucket_shift(high - r->low);
	r->top = bucket_of(r, high);
	r->above = 0;
	r->crowded = false;
	memset(r->place, 0, sizeof(r->place));
	for (i = 0; i < n; i++)
		r->place[bucket_of(r, key[i])]++;
	for (b = r->top; r->above + r->place[b] < k; b--)
	{
		uint32_t	count = r->place[b];

		r->crowded |= count > FEW;
		r->place[b] = r->above;
		r->above += count;
	}
	r->last = b;
}

/* Largest first, of a few keys or of many that are nearly so. */
static void
sort_few(uint64_t *key, uint32_t n)
{
	uint32_t	i;

	for (i = 1; i < n; i++)
	{
		uint64_t	k = key[i];
		uint32_t	j = i;

		for (; j > 0 && key[j - 1] < k; j--)
			key[j] = key[j - 1];
		key[j] = k;
	}
}

static void select_into(uint64_t *key, uint32_t n, uint32_t k, uint64_t *out);

/* The buckets of many keys among those above the last, by way of key. */
static void
sort_crowded(const Round *r, uint64_t *key, uint64_t *out)
{
	uint32_t	first = 0;
	uint32_t	b;

	for (b = r->top; b > r->last; b--)
	{
		uint32_t	count = r->place[b] - first;

		if (count > FEW)
		{
			memcpy(key, out + first, count * sizeof(uint64_t));
			select_into(key, count, count, out + first);
		}
		first = r->place[b];
	}
}

/* The k largest of n >= k > 0 keys, to another place; the keys are used up. */
static void
select_into(uint64_t *key, uint32_t n, uint32_t k, uint64_t *out)
{
	Round		r;
	uint32_t	within = 0;
	uint32_t	rest = 0;
	uint32_t	i;

	if (n <= FEW)
	{
		sort_few(key, n);
		memcpy(out, key, k * sizeof(uint64_t));
		return;
	}
	begin_round(&r, key, n, k);

	/* not below the last bucket, and of these to their places those above it */
	for (i = 0; i < n; i++)
	{
		uint64_t	one = key[i];

		key[within] = one;
		within += bucket_of(&r, one) >= r.last;
	}
	for (i = 0; i < within; i++)
	{
		uint64_t	one = key[i];
		uint32_t	b = bucket_of(&r, one);

		if (b > r.last)
			out[r.place[b]++] = one;
		else
			key[rest++] = one;
	}
	select_into(key, rest, k - r.above, out + r.above);
	if (r.crowded)
		sort_crowded(&r, key, out);
	sort_few(out, r.above);
}

/* See select.h. */
uint32_t
rs_select(uint64_t *key, uint32_t n, uint32_t k, uint64_t *scratch)
{
	k = k < n ? k : n;
	if (k == 0)
		return 0;
	select_into(key, n, k, scratch);
	memcpy(key, scratch, k * sizeof(uint64_t));
	return k;
}
