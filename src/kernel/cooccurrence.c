/*-------------------------------------------------------------------------
 *
 * cooccurrence.c
 *	  Item neighbours from co-occurrence, one row of the sparse product at a
 *	  time.
 *
 * Gustavson's row-by-row sparse product (1978) with dense accumulators.  The
 * first pass goes through the users of the item and through their items, and
 * adds to each item's accumulator; the second goes through the items touched
 * and scores them; the best are selected and the accumulators wiped.
 *
 * An accumulator is a double sum with a count, side by side in one cache line.
 * It receives the users in ascending order, so a row is the same whatever was
 * computed before it and whoever computes it.  Candidates are compared by
 * the float that is stored, so that ties are ties to the reader too.
 *
 * What depends on the other item alone is computed once in the workspace:
 * m^-exponent by item, or k log k of small counts.
 *
 * Limits: fewer than 2^32 - 1 items; work per row is the sum of the histories
 * of the item's users, which the caller bounds by capping histories.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "cooccurrence.h"
#include "hash.h"
#include "select.h"

/* counts whose power or k log k is remembered */
#define RS_COUNTS 4096

/* What one item has collected for the row at hand. */
typedef struct Accumulator
{
	double		sum;			/* of the votes of the users of both items */
	uint32_t	users_both;
	uint32_t	unused;
} Accumulator;

/* The head of the memory that the caller gives. */
typedef struct Workspace
{
	Accumulator *sum;			/* nitems, all zero between rows */
	double	   *target;			/* nitems: m^-c, for the measures by power */
	double	   *klogk;			/* RS_COUNTS: in the same place, for RS_LLR */
	uint64_t   *key;			/* nitems: candidates */
	uint64_t   *scratch;		/* neighbors, for their selection */
	uint32_t   *touched;		/* nitems + 1 */
} Workspace;

/* The name of each similarity, and what it stands for. */
bool
rs_cooc_by_name(const char *similarity, double alpha, double beta,
				RsCoocSettings *settings)
{
	const struct
	{
		const char *name;
		RsMeasure	measure;
		double		activity;
		double		source_exponent;
		double		target_exponent;
	}			known[] = {
		{"cosine", RS_POWER, 0, .5, .5},
		{"conditional", RS_POWER, 0, 1, 0},
		{"lift", RS_POWER_N, 0, 1, 1},
		{"p3alpha", RS_POWER, alpha, alpha, 0},
		{"rp3beta", RS_POWER, alpha, alpha, beta},
		{"jaccard", RS_JACCARD, 0, 0, 0},
		{"llr", RS_LLR, 0, 0, 0}
	};
	size_t		i;

	if (strcmp(similarity, "general") == 0)
	{
		settings->measure = RS_POWER;
		return true;
	}
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(similarity, known[i].name) == 0)
		{
			settings->measure = known[i].measure;
			settings->activity = known[i].activity;
			settings->source_exponent = known[i].source_exponent;
			settings->target_exponent = known[i].target_exponent;
			return true;
		}
	return false;
}

/* The numbers by item, or by count, whichever are more. */
static inline size_t
target_length(uint32_t nitems)
{
	return nitems > RS_COUNTS ? nitems : RS_COUNTS;
}

static inline size_t
scratch_length(int neighbors)
{
	return neighbors > 0 ? neighbors : 0;
}

/* The head and its arrays follow one another, by falling alignment. */
size_t
rs_cooc_workspace(uint32_t nitems, int neighbors)
{
	return sizeof(Workspace) +
		nitems * sizeof(Accumulator) +
		target_length(nitems) * sizeof(double) +
		nitems * sizeof(uint64_t) +
		scratch_length(neighbors) * sizeof(uint64_t) +
		((size_t) nitems + 1) * sizeof(uint32_t);
}

static inline uint64_t
row_length(const RsCsr *m, uint32_t row)
{
	return m->start[(size_t) row + 1] - m->start[row];
}

/* k log k, continued by 0 */
static inline double
klogk(const Workspace *w, uint64_t k)
{
	return k < RS_COUNTS ? w->klogk[k] : (double) k * log((double) k);
}

/* work is aligned as for double. */
void
rs_cooc_workspace_init(void *work, const RsCsr *item_users,
					   const RsCoocSettings *settings)
{
	Workspace  *w = work;
	uint32_t	nitems = item_users->nrows;
	uint32_t	i;

	w->sum = (Accumulator *) (w + 1);
	w->target = (double *) (w->sum + nitems);
	w->klogk = w->target;
	w->key = (uint64_t *) (void *) (w->target + target_length(nitems));
	w->scratch = w->key + nitems;
	w->touched = (uint32_t *) (w->scratch + scratch_length(settings->neighbors));
	memset(w->sum, 0, nitems * sizeof(Accumulator));

	if (settings->measure == RS_LLR)
	{
		w->klogk[0] = 0;
		for (i = 1; i < RS_COUNTS; i++)
			w->klogk[i] = i * log(i);
	}
	else
		for (i = 0; i < nitems; i++)
			w->target[i] = pow((double) row_length(item_users, i),
							   -settings->target_exponent);
}

/*
 * First pass: adds the vote of each of the item's users to all items of that
 * user.  Returns how many items were touched.
 */
static uint32_t
accumulate(const RsCsr *item_users, const RsCsr *user_items,
		   const float *user_weight, bool by_weight, uint32_t item,
		   Workspace *w)
{
	uint64_t	end = item_users->start[(size_t) item + 1];
	uint64_t	e;
	uint32_t	ntouched = 0;

	for (e = item_users->start[item]; e < end; e++)
	{
		uint32_t	user = item_users->col[e];
		double		vote = user_weight[user];
		uint64_t	last = user_items->start[(size_t) user + 1];
		uint64_t	i;

		if (by_weight)
			vote *= item_users->value[e];
		for (i = user_items->start[user]; i < last; i++)
		{
			uint32_t	other = user_items->col[i];
			Accumulator *a = &w->sum[other];

			/* always written, kept only if new: no branch to miss */
			w->touched[ntouched] = other;
			ntouched += a->users_both == 0;
			a->users_both++;
			a->sum += by_weight ? vote * user_items->value[i] : vote;
		}
	}
	return ntouched;
}

/* Shrinks, rounds and packs a candidate; one that is not positive is 0. */
static inline uint64_t
candidate(double similarity, double both, double shrinkage, uint32_t item)
{
	if (shrinkage > 0)
		similarity *= both / (both + shrinkage);
	if (!(similarity > 0))
		return 0;
	return rs_key(similarity < FLT_MAX ? (float) similarity : FLT_MAX, item);
}

/* A similarity that rounds to 0 is none. */
static inline uint32_t
keep(uint64_t *key, uint32_t n, uint64_t candidate_key)
{
	key[n] = candidate_key;
	return n + (candidate_key >> 32 != 0);
}

/* Second pass, measures by power: sum m_i^-b m_j^-c. */
static uint32_t
score_power(const RsCoocSettings *settings, double source, Workspace *w,
			uint32_t ntouched)
{
	uint32_t	n = 0;
	uint32_t	i;

	for (i = 0; i < ntouched; i++)
	{
		uint32_t	other = w->touched[i];
		const Accumulator *a = &w->sum[other];

		n = keep(w->key, n, candidate(a->sum * source * w->target[other],
									  a->users_both, settings->shrinkage,
									  other));
	}
	return n;
}

/* Second pass, Jaccard. */
static uint32_t
score_jaccard(const RsCsr *item_users, const RsCoocSettings *settings,
			  uint64_t users, Workspace *w, uint32_t ntouched)
{
	uint32_t	n = 0;
	uint32_t	i;

	for (i = 0; i < ntouched; i++)
	{
		uint32_t	other = w->touched[i];
		double		both = w->sum[other].users_both;
		double		any = (double) (users + row_length(item_users, other)) - both;

		n = keep(w->key, n, candidate(both / any, both, settings->shrinkage,
									  other));
	}
	return n;
}

/*
 * Second pass, log-likelihood ratio.  The marginal sums' k log k stand in two
 * of the three entropies with opposite signs, the total's in all.
 */
static uint32_t
score_llr(const RsCsr *item_users, const RsCoocSettings *settings,
		  uint64_t users, Workspace *w, uint32_t ntouched)
{
	uint64_t	all = item_users->ncols;
	double		source = klogk(w, all) - klogk(w, users) - klogk(w, all - users);
	uint32_t	n = 0;
	uint32_t	i;

	for (i = 0; i < ntouched; i++)
	{
		uint32_t	other = w->touched[i];
		uint64_t	both = w->sum[other].users_both;
		uint64_t	m = row_length(item_users, other);
		double		llr = 0;

		if ((double) both * all > (double) users * m)
			llr = 2 * (source - klogk(w, m) - klogk(w, all - m) +
					   klogk(w, both) + klogk(w, users - both) +
					   klogk(w, m - both) +
					   klogk(w, all - users - m + both));
		n = keep(w->key, n, candidate(llr, both, settings->shrinkage, other));
	}
	return n;
}

/* See cooccurrence.h.  Similarities that are not positive are left out. */
int
rs_cooc_row(const RsCsr *item_users, const RsCsr *user_items,
			const float *user_weight, const RsCoocSettings *settings,
			uint32_t item, void *work, RsNeighbor *out)
{
	Workspace  *w = work;
	uint64_t	users = row_length(item_users, item);
	uint32_t	ntouched;
	uint32_t	n;
	uint32_t	i;
	double		source;

	if (users == 0 || settings->neighbors <= 0)
		return 0;

	/* two calls, so that each loop is compiled for its kind of vote */
	if (settings->by_weight)
		ntouched = accumulate(item_users, user_items, user_weight, true,
							  item, w);
	else
		ntouched = accumulate(item_users, user_items, user_weight, false,
							  item, w);

	/* the item has touched itself; without users it can be no candidate */
	for (i = 0; w->touched[i] != item; i++)
		;
	w->touched[i] = w->touched[--ntouched];
	memset(&w->sum[item], 0, sizeof(Accumulator));

	if (settings->measure == RS_LLR)
		n = score_llr(item_users, settings, users, w, ntouched);
	else if (settings->measure == RS_JACCARD)
		n = score_jaccard(item_users, settings, users, w, ntouched);
	else
	{
		source = pow((double) users, -settings->source_exponent);
		if (settings->measure == RS_POWER_N)
			source *= item_users->ncols;
		n = score_power(settings, source, w, ntouched);
	}

	n = rs_select(w->key, n, settings->neighbors, w->scratch);
	for (i = 0; i < n; i++)
	{
		out[i].item = rs_key_id(w->key[i]);
		out[i].users_both = w->sum[out[i].item].users_both;
		out[i].similarity = rs_key_score(w->key[i]);
	}
	for (i = 0; i < ntouched; i++)
		memset(&w->sum[w->touched[i]], 0, sizeof(Accumulator));
	return (int) n;
}

/* A user without history weighs nothing. */
void
rs_cooc_user_weights(const RsCsr *user_items, double activity,
					 float *user_weight)
{
	uint32_t	u;

	for (u = 0; u < user_items->nrows; u++)
	{
		uint64_t	n = row_length(user_items, u);

		user_weight[u] = n > 0 ? (float) pow((double) n, -activity) : 0;
	}
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
		uint64_t	n = row_length(user_items, u);

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
		uint64_t	length = row_length(user_items, u);
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
