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
#include "select.h"

/* counts whose k log k is remembered */
#define RS_COUNTS 4096

/* and whose power is, while the items' are set */
#define RS_FEW_USERS 1024

/*
 * What one item has collected for the row at hand: the sum of the votes of the
 * users of both items and their number, added to by one vector operation.
 */
typedef double Accumulator __attribute__((vector_size(16)));

#define SUM		0
#define BOTH	1

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

/*
 * The head and its arrays follow one another, by falling alignment once the
 * accumulators have theirs.
 */
size_t
rs_cooc_workspace(uint32_t nitems, int neighbors)
{
	return sizeof(Workspace) + sizeof(Accumulator) +
		nitems * sizeof(Accumulator) +
		target_length(nitems) * sizeof(double) +
		nitems * sizeof(uint64_t) +
		scratch_length(neighbors) * sizeof(uint64_t) +
		((size_t) nitems + 1) * sizeof(uint32_t);
}

/* k log k, continued by 0 */
static inline double
klogk(const Workspace *w, uint64_t k)
{
	return k < RS_COUNTS ? w->klogk[k] : (double) k * log((double) k);
}

/* m^-exponent of each item; items with equal counts are many. */
static void
set_targets(Workspace *w, const RsCsr *item_users, double exponent)
{
	double		known[RS_FEW_USERS] = {0};
	uint32_t	i;

	for (i = 0; i < item_users->nrows; i++)
	{
		uint64_t	m = rs_csr_length(item_users, i);
		double		power = m < RS_FEW_USERS ? known[m] : 0;

		if (power == 0)
			power = pow((double) m, -exponent);
		if (m < RS_FEW_USERS)
			known[m] = power;
		w->target[i] = power;
	}
}

/* work is aligned as for double. */
void
rs_cooc_workspace_init(void *work, const RsCsr *item_users,
					   const RsCoocSettings *settings)
{
	Workspace  *w = work;
	uint32_t	nitems = item_users->nrows;
	uint32_t	i;

	w->sum = (Accumulator *) (((uintptr_t) (w + 1) + sizeof(Accumulator) - 1) &
							  ~(uintptr_t) (sizeof(Accumulator) - 1));
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
		set_targets(w, item_users, settings->target_exponent);
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
	Accumulator *sum = w->sum;
	uint32_t   *touched = w->touched;
	uint64_t	end = item_users->start[(size_t) item + 1];
	uint64_t	e;
	uint32_t	ntouched = 0;

	for (e = item_users->start[item]; e < end; e++)
	{
		uint32_t	user = item_users->col[e];
		double		vote = user_weight[user];
		uint64_t	i = user_items->start[user];
		uint64_t	last = user_items->start[(size_t) user + 1];

		if (e + 1 < end)
		{
			const uint32_t *next = user_items->col +
				user_items->start[item_users->col[e + 1]];

			__builtin_prefetch(next);
			__builtin_prefetch(next + 16);
			__builtin_prefetch(next + 32);
			__builtin_prefetch(next + 48);
		}
		if (by_weight)
			vote *= item_users->value[e];
		for (; i < last; i++)
		{
			uint32_t	other = user_items->col[i];
			Accumulator *a = &sum[other];
			Accumulator one = {by_weight ? vote * user_items->value[i] : vote, 1};

			/* always written, kept only if new: no branch to miss */
			touched[ntouched] = other;
			ntouched += (*a)[BOTH] == 0;
			*a += one;
		}
	}
	return ntouched;
}

/*
 * Shrinks, rounds and packs a candidate; one that is not positive is 0.  The
 * bounds are those of one instruction each.
 */
static inline uint64_t
candidate(double similarity, double both, double shrinkage, uint32_t item)
{
	if (shrinkage > 0)
		similarity *= both / (both + shrinkage);
	similarity = similarity > 0 ? similarity : 0;
	return rs_key((float) (similarity < FLT_MAX ? similarity : FLT_MAX), item);
}

/* A similarity that rounds to 0 is none. */
static inline uint32_t
keep(uint64_t *key, uint32_t n, uint64_t candidate_key)
{
	key[n] = candidate_key;
	return n + (candidate_key >> 32 != 0);
}

/* Second pass, measures by power: sum m_i^-b m_j^-c. */
static inline uint32_t
score_power(double shrinkage, double source, Workspace *w, uint32_t ntouched)
{
	const Accumulator *sum = w->sum;
	const uint32_t *touched = w->touched;
	const double *target = w->target;
	uint64_t   *key = w->key;
	uint32_t	n = 0;
	uint32_t	i;

	for (i = 0; i < ntouched; i++)
	{
		uint32_t	other = touched[i];
		Accumulator a = sum[other];

		n = keep(key, n, candidate(a[SUM] * source * target[other], a[BOTH],
								   shrinkage, other));
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
		double		both = w->sum[other][BOTH];
		double		any = (double) (users + rs_csr_length(item_users, other)) - both;

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
		uint64_t	both = (uint64_t) w->sum[other][BOTH];
		uint64_t	m = rs_csr_length(item_users, other);
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

static inline void
wipe(Accumulator *sum, const uint32_t *touched, uint32_t ntouched)
{
	const Accumulator nothing = {0, 0};
	uint32_t	i;

	for (i = 0; i < ntouched; i++)
		sum[touched[i]] = nothing;
}

/* See cooccurrence.h.  Similarities that are not positive are left out. */
int
rs_cooc_row(const RsCsr *item_users, const RsCsr *user_items,
			const float *user_weight, const RsCoocSettings *settings,
			uint32_t item, void *work, RsNeighbor *out)
{
	Workspace  *w = work;
	uint64_t	users = rs_csr_length(item_users, item);
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
		/* by itself without shrinkage, which has the division */
		if (settings->shrinkage > 0)
			n = score_power(settings->shrinkage, source, w, ntouched);
		else
			n = score_power(0, source, w, ntouched);
	}

	n = rs_select(w->key, n, settings->neighbors, w->scratch);
	for (i = 0; i < n; i++)
	{
		out[i].item = rs_key_id(w->key[i]);
		out[i].users_both = (uint32_t) w->sum[out[i].item][BOTH];
		out[i].similarity = rs_key_score(w->key[i]);
	}
	wipe(w->sum, w->touched, ntouched);
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
		uint64_t	n = rs_csr_length(user_items, u);

		user_weight[u] = n > 0 ? (float) pow((double) n, -activity) : 0;
	}
}
