/*-------------------------------------------------------------------------
 *
 * cooccurrence_cap.c
 *	  Bounds for item neighbours: histories no longer than a cap, and how many
 *	  neighbours there can be.
 *
 * See cooccurrence.h.
 *
 *-------------------------------------------------------------------------
 */
#include "cooccurrence.h"
#include "hash.h"

/*
 * No item has more neighbours than its users have other items, than there are
 * other items, or than are asked for.
 */
uint64_t
rs_cooc_most(const RsCsr *item_users, const RsCsr *user_items, int neighbors)
{
	uint64_t	most = 0;
	uint32_t	item;

	for (item = 0; item < item_users->nrows; item++)
	{
		uint64_t	end = item_users->start[(size_t) item + 1];
		uint64_t	kept = item_users->nrows - 1;
		uint64_t	others = 0;
		uint64_t	e;

		kept = kept < (uint64_t) neighbors ? kept : (uint64_t) neighbors;
		for (e = item_users->start[item]; e < end && others < kept; e++)
			others += rs_csr_length(user_items, item_users->col[e]) - 1;
		most += others < kept ? others : kept;
	}
	return most;
}

/* See cooccurrence.h. */
uint32_t
rs_cooc_cut_users(const RsCsr *user_items, int cap, uint64_t *pairs)
{
	uint32_t	cut = 0;
	uint32_t	u;

	*pairs = 0;
	for (u = 0; u < user_items->nrows; u++)
	{
		uint64_t	n = rs_csr_length(user_items, u);

		cut += n > (uint64_t) cap;
		*pairs += n > (uint64_t) cap ? (uint64_t) cap : n;
	}
	return cut;
}

/* Of one user, no two items have the same: the mixing function is one to one. */
static inline uint64_t
pair_hash(uint32_t user, uint32_t item)
{
	return rs_hash64((uint64_t) user << 32 | item);
}

/*
 * The hash that cap of n items, n > cap > 0, have or stay below, by bisection,
 * so that it needs no memory.
 */
static uint64_t
find_threshold(uint32_t user, const uint32_t *item, uint64_t n, uint64_t cap)
{
	uint64_t	low = 0;
	uint64_t	high = UINT64_MAX;

	while (low < high)
	{
		uint64_t	middle = low + (high - low) / 2;
		uint64_t	below = 0;
		uint64_t	i;

		for (i = 0; i < n; i++)
			below += pair_hash(user, item[i]) <= middle;
		if (below == cap)
			return middle;
		if (below > cap)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return low;
}

/* See cooccurrence.h. */
void
rs_cooc_cut(const RsCsr *user_items, int cap, RsCsr *out)
{
	uint64_t	n = 0;
	uint32_t	u;

	out->nrows = user_items->nrows;
	out->ncols = user_items->ncols;
	out->start[0] = 0;
	for (u = 0; u < user_items->nrows; u++)
	{
		uint64_t	first = user_items->start[u];
		uint64_t	length = rs_csr_length(user_items, u);
		uint64_t	most = UINT64_MAX;
		uint64_t	i;

		if (length > (uint64_t) cap)
			most = find_threshold(u, user_items->col + first, length, cap);
		for (i = first; i < first + length; i++)
			if (most == UINT64_MAX ||
				pair_hash(u, user_items->col[i]) <= most)
			{
				out->col[n] = user_items->col[i];
				out->value[n++] = user_items->value[i];
			}
		out->start[(size_t) u + 1] = n;
	}
}
