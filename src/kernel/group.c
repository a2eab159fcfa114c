/*-------------------------------------------------------------------------
 *
 * group.c
 *	  Brings the events of each user together, in place.
 *
 * American flag sort (McIlroy, Bostic, McIlroy 1993), most significant byte
 * of the user's number first: count the bucket of each element, then follow
 * the cycles of the permutation.  256 buckets at a time keep their fronts in
 * the cache whatever the number of users, where a permutation straight to
 * each user's place would miss it at every step.  Few elements are sorted by
 * insertion.
 *
 * Limits: O(n log nusers) and no memory but 4 kB of stack for each byte of a
 * user's number; not stable.
 *
 *-------------------------------------------------------------------------
 */
#include "group.h"

#define BUCKETS		256
#define FEW			24

/* One element of the parallel arrays. */
typedef struct Element
{
	RsEvent		event;
	uint32_t	user;
	float		quantity;
} Element;

/* The parallel arrays. */
typedef struct Arrays
{
	RsEvent    *event;
	uint32_t   *user;
	float	   *quantity;
} Arrays;

static inline Element
get(const Arrays *a, size_t i)
{
	Element		e;

	e.event = a->event[i];
	e.user = a->user[i];
	e.quantity = a->quantity ? a->quantity[i] : 0;
	return e;
}

static inline void
put(Arrays *a, size_t i, Element e)
{
	a->event[i] = e.event;
	a->user[i] = e.user;
	if (a->quantity)
		a->quantity[i] = e.quantity;
}

static void
insertion_sort(Arrays *a, size_t first, size_t end)
{
	size_t		i;
	size_t		j;

	for (i = first + 1; i < end; i++)
	{
		Element		e = get(a, i);

		for (j = i; j > first && a->user[j - 1] > e.user; j--)
			put(a, j, get(a, j - 1));
		if (j < i)
			put(a, j, e);
	}
}

/* Sorts [first, end) by the byte at shift and those below it. */
static void
sort_byte(Arrays *a, size_t first, size_t end, int shift)
{
	size_t		next[BUCKETS];
	size_t		stop[BUCKETS];
	size_t		count[BUCKETS] = {0};
	size_t		at = first;
	size_t		i;
	int			b;

	if (end - first <= FEW)
	{
		insertion_sort(a, first, end);
		return;
	}
	for (i = first; i < end; i++)
		count[a->user[i] >> shift & (BUCKETS - 1)]++;
	for (b = 0; b < BUCKETS; b++)
	{
		next[b] = at;
		at += count[b];
		stop[b] = at;
	}

	for (b = 0; b < BUCKETS; b++)
	{
		while (next[b] < stop[b])
		{
			Element		e = get(a, next[b]);
			int			to = e.user >> shift & (BUCKETS - 1);

			while (to != b)
			{
				Element		other = get(a, next[to]);

				put(a, next[to]++, e);
				e = other;
				to = e.user >> shift & (BUCKETS - 1);
			}
			put(a, next[b]++, e);
		}
	}

	if (shift > 0)
		for (b = 0; b < BUCKETS; b++)
			if (count[b] > 1)
				sort_byte(a, stop[b] - count[b], stop[b], shift - 8);
}

/* See group.h. */
void
rs_group_by_user(RsEvent *event, uint32_t *user, float *quantity, size_t n,
				 uint32_t nusers)
{
	Arrays		a = {event, user, quantity};
	int			shift = 0;

	while (shift < 24 && nusers > UINT32_C(1) << (shift + 8))
		shift += 8;
	sort_byte(&a, 0, n, shift);
}

/* See group.h. */
void
rs_group_starts(const uint32_t *user, size_t n, uint32_t nusers,
				uint64_t *start)
{
	uint32_t	u = 0;
	size_t		i;

	for (i = 0; i < n; i++)
		while (u <= user[i])
			start[u++] = i;
	while (u < nusers)
		start[u++] = n;
	start[nusers] = n;
}
