/*-------------------------------------------------------------------------
 *
 * select.c
 *	  The largest of many distinct 64-bit keys, in descending order.
 *
 * Keys are counted by their leading bits within the range that they span, the
 * buckets that belong to the result are moved to the front, and the one bucket
 * that the k-th largest falls into is treated again in the same way.  What is
 * kept is sorted by a radix sort from the lowest byte up.  Neither has a branch
 * that depends on a comparison of two keys, which is what a heap spends its
 * time on where k is a fair part of n.
 *
 * Limits: time linear in n and in k; a round of selection that does not split
 * its keys narrows their range by 2^BUCKET_BITS, so there are at most seven.
 *
 *-------------------------------------------------------------------------
 */
#include "select.h"

#define BUCKET_BITS		10
#define BUCKETS			(1 << BUCKET_BITS)
#define DIGITS			256
#define FEW				24		/* keys that are sorted by insertion */

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

/* Moves the need largest of n keys to the front, in no order. */
static void
partition(uint64_t *key, uint32_t n, uint32_t need)
{
	while (need > 0 && need < n)
	{
		uint32_t	count[BUCKETS];
		uint64_t	low;
		uint64_t	high;
		uint32_t	above = 0;
		uint32_t	within = 0;
		uint32_t	i;
		uint32_t	b;
		int			shift;

		find_range(key, n, &low, &high);
		shift = bucket_shift(high - low);
		memset(count, 0, sizeof(count));
		for (i = 0; i < n; i++)
			count[(key[i] - low) >> shift]++;
		for (b = BUCKETS - 1; above + count[b] < need; b--)
			above += count[b];

		/* not below the bucket, and of these first those above it */
		for (i = 0; i < n; i++)
		{
			uint64_t	k = key[i];

			key[i] = key[within];
			key[within] = k;
			within += (k - low) >> shift >= b;
		}
		n = within;
		for (i = 0, within = 0; i < n; i++)
		{
			uint64_t	k = key[i];

			key[i] = key[within];
			key[within] = k;
			within += (k - low) >> shift > b;
		}
		key += above;
		n -= above;
		need -= above;
	}
}

/* A few keys, largest first. */
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

/* Largest first, digit by digit; a digit that all keys share is passed over. */
static void
sort_by_radix(uint64_t *key, uint32_t n, uint64_t *scratch)
{
	uint64_t   *from = key;
	uint64_t   *to = scratch;
	uint64_t	differ = 0;
	uint32_t	i;
	int			shift;

	for (i = 1; i < n; i++)
		differ |= key[i] ^ key[0];
	for (shift = 0; shift < 64; shift += 8)
	{
		uint32_t	place[DIGITS];
		uint32_t	sum = 0;
		uint64_t   *swap;
		int			d;

		if ((differ >> shift & (DIGITS - 1)) == 0)
			continue;
		memset(place, 0, sizeof(place));
		for (i = 0; i < n; i++)
			place[from[i] >> shift & (DIGITS - 1)]++;
		for (d = DIGITS - 1; d >= 0; d--)
		{
			uint32_t	count = place[d];

			place[d] = sum;
			sum += count;
		}
		for (i = 0; i < n; i++)
			to[place[from[i] >> shift & (DIGITS - 1)]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != key)
		memcpy(key, from, n * sizeof(uint64_t));
}

/* See select.h. */
uint32_t
rs_select(uint64_t *key, uint32_t n, uint32_t k, uint64_t *scratch)
{
	if (k < n)
	{
		partition(key, n, k);
		n = k;
	}
	if (n <= FEW)
		sort_few(key, n);
	else
		sort_by_radix(key, n, scratch);
	return n;
}
