/*-------------------------------------------------------------------------
 *
 * cooccurrence.c
 *	  Item neighbours from co-occurrence, one row of the sparse product at a
 *	  time.
 *
 * Gustavson's row-by-row sparse product (1978) with dense accumulators.  The
 * first pass goes through the users of the item and through their items, and
 * adds to each item's accumulator; the second goes through the items touched,
 * scores them, keeps the best in a heap and wipes the accumulators.
 *
 * An accumulator is a double sum with a count, side by side in one cache line.
 * It receives the users in ascending order, so a row is the same whatever was
 * computed before it and whoever computes it.  Candidates are compared by
 * the float that is stored, so that ties are ties to the reader too.
 *
 * Powers of small user counts are remembered in the workspace, since pow would
 * otherwise be most of the time where the exponent is not 0, 1/2 or 1.
 *
 * Limits: fewer than 2^32 - 1 items; work per row is the sum of the histories
 * of the item's users, which the caller bounds by capping histories.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "cooccurrence.h"
#include "topk.h"

/* user counts whose power is remembered */
#define RS_POWERS 4096

/* What one item has collected for the row at hand. */
typedef struct Accumulator
{
	double		sum;			/* of the weights of the users of both items */
	uint32_t	users_both;
	uint32_t	unused;
} Accumulator;

/* The head of the memory that the caller gives. */
typedef struct Workspace
{
	double		exponent;		/* of the powers, NaN if there are none */
	double		power[RS_POWERS];	/* m^-exponent */
	Accumulator *sum;			/* nitems, all zero between rows */
	uint32_t   *touched;		/* nitems + 1 or one more */
	RsScored   *heap;			/* as many as neighbors */
} Workspace;

/* Room for every item and one more, even so that the heap is aligned. */
static inline size_t
touched_length(uint32_t nitems)
{
	return ((size_t) nitems + 2) / 2 * 2;
}

/* The head, the accumulators, the list and the heap follow one another. */
size_t
rs_cooc_workspace(uint32_t nitems, int neighbors)
{
	return sizeof(Workspace) +
		nitems * sizeof(Accumulator) +
		touched_length(nitems) * sizeof(uint32_t) +
		(neighbors > 0 ? neighbors : 0) * sizeof(RsScored);
}

/* work is aligned as for double. */
void
rs_cooc_workspace_init(void *work, uint32_t nitems)
{
	Workspace  *w = work;

	w->exponent = NAN;
	w->sum = (Accumulator *) (w + 1);
	w->touched = (uint32_t *) (w->sum + nitems);
	w->heap = (RsScored *) (w->touched + touched_length(nitems));
	memset(w->sum, 0, nitems * sizeof(Accumulator));
}

/* m^-exponent for m >= 1 */
static inline double
power(Workspace *w, double exponent, uint64_t m)
{
	int			i;

	if (w->exponent != exponent)
	{
		for (i = 1; i < RS_POWERS; i++)
			w->power[i] = pow(i, -exponent);
		w->exponent = exponent;
	}
	return m < RS_POWERS ? w->power[m] : pow((double) m, -exponent);
}

/*
 * First pass: adds the weight of each of the item's users to all items of
 * that user.  Returns how many items were touched.
 */
static uint32_t
accumulate(const RsCsr *item_users, const RsCsr *user_items,
		   const float *user_weight, uint32_t item, Workspace *w)
{
	uint64_t	end = item_users->start[(size_t) item + 1];
	uint64_t	e;
	uint32_t	ntouched = 0;

	for (e = item_users->start[item]; e < end; e++)
	{
		uint32_t	user = item_users->col[e];
		double		weight = user_weight[user];
		uint64_t	last = user_items->start[(size_t) user + 1];
		uint64_t	i;

		for (i = user_items->start[user]; i < last; i++)
		{
			uint32_t	other = user_items->col[i];
			Accumulator *a = &w->sum[other];

			/* always written, kept only if new: no branch to miss */
			w->touched[ntouched] = other;
			ntouched += a->users_both == 0;
			a->users_both++;
			a->sum += weight;
		}
	}
	return ntouched;
}

/* See cooccurrence.h.  Similarities that are not positive are left out. */
int
rs_cooc_row(const RsCsr *item_users, const RsCsr *user_items,
			const float *user_weight, const RsCoocSettings *settings,
			uint32_t item, void *work, RsNeighbor *out)
{
	Workspace  *w = work;
	uint64_t	users = item_users->start[(size_t) item + 1] -
		item_users->start[item];
	uint32_t	ntouched;
	uint32_t	i;
	double		source;
	RsTopK		best;
	int			n;

	if (users == 0 || settings->neighbors <= 0)
		return 0;
	ntouched = accumulate(item_users, user_items, user_weight, item, w);
	source = pow((double) users, -settings->source_exponent);

	rs_topk_init(&best, w->heap, settings->neighbors);
	for (i = 0; i < ntouched; i++)
	{
		uint32_t	other = w->touched[i];
		const Accumulator *a = &w->sum[other];
		uint64_t	m = item_users->start[(size_t) other + 1] -
			item_users->start[other];
		double		both = a->users_both;
		float		similarity;

		if (other == item)
			continue;
		similarity = (float) (a->sum * source *
							  power(w, settings->target_exponent, m) *
							  (both / (both + settings->shrinkage)));
		if (similarity > 0)
			rs_topk_add(&best, similarity, other);
	}

	n = rs_topk_finish(&best);
	for (i = 0; i < (uint32_t) n; i++)
	{
		out[i].item = w->heap[i].id;
		out[i].users_both = w->sum[w->heap[i].id].users_both;
		out[i].similarity = (float) w->heap[i].score;
	}
	for (i = 0; i < ntouched; i++)
		memset(&w->sum[w->touched[i]], 0, sizeof(Accumulator));
	return n;
}

/* A user without history weighs nothing. */
void
rs_cooc_user_weights(const RsCsr *user_items, double activity,
					 float *user_weight)
{
	uint32_t	u;

	for (u = 0; u < user_items->nrows; u++)
	{
		uint64_t	n = user_items->start[(size_t) u + 1] -
			user_items->start[u];

		user_weight[u] = n > 0 ? (float) pow((double) n, -activity) : 0;
	}
}
