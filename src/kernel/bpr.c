/*-------------------------------------------------------------------------
 *
 * bpr.c
 *	  Bayesian personalised ranking by matrix factorisation (BPR-MF).
 *
 * A block walks the rows of its users and takes the pairs whose item is in the
 * block's part, so that a user's vector stays in the cache; each pair is
 * looked at once per stratum, which costs little beside a step.
 *
 * Random numbers come from a hash of what they are for (a counter-based
 * generator), so they do not depend on the order of the work.
 *
 * Reference: Rendle et al., UAI 2009, figure 4 (LearnBPR); Gemulla et al., KDD
 * 2011, algorithm 2 (DSGD).
 *
 * Limits: a negative is drawn RS_BPR_TRIES times at most; a user who has
 * (almost) all items of the block makes no step there.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "bpr.h"
#include "hash.h"
#include "simd.h"

/* how often a negative that the user has is drawn anew */
#define RS_BPR_TICK	256		/* users between two ticks */
#define RS_BPR_TRIES	20

/* items that a part should have, so that negatives are to be found in it */
#define RS_BPR_ITEMS	64

/* odd numbers that keep pairs and tries apart (golden ratio; SplitMix64) */
#define RS_MIX_PAIR		UINT64_C(0x9e3779b97f4a7c15)
#define RS_MIX_TRY		UINT64_C(0xbf58476d1ce4e5b9)

/* what the random numbers of a round are for */
enum
{
	RS_FOR_PARTS,
	RS_FOR_NEGATIVES
};

/* The key of one purpose in one round. */
static uint64_t
round_key(const RsBprSettings *s, int round, int purpose)
{
	return rs_hash64(rs_hash64(s->seed + RS_MIX_PAIR) +
					 2 * (uint64_t) round + purpose);
}

/* See bpr.h: a function of the data alone. */
int
rs_bpr_parts(uint32_t nusers, uint32_t nitems)
{
	uint32_t	parts = nitems / RS_BPR_ITEMS;

	if (parts > nusers)
		parts = nusers;
	if (parts > RS_BPR_PARTS)
		parts = RS_BPR_PARTS;
	return parts > 1 ? (int) parts : 1;
}

/* The first row that begins at or after the part's share of the entries. */
uint32_t
rs_bpr_first_user(const RsCsr *users, int parts, int part)
{
	uint64_t	entries = users->start[users->nrows];
	uint64_t	goal = entries / parts * part + entries % parts * part / parts;
	uint32_t	low = 0;
	uint32_t	high = users->nrows;

	if (part >= parts)
		return users->nrows;
	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (users->start[middle] < goal)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A counting sort of the items by part; then the weights' running sums. */
void
rs_bpr_plan(const RsBprSettings *s, const RsCsr *items, int round,
			RsBprPlan *plan)
{
	uint64_t	key = round_key(s, round, RS_FOR_PARTS);
	uint32_t	next[RS_BPR_PARTS];
	uint32_t	i;
	int			p;

	memset(plan->start, 0, (plan->parts + 1) * sizeof(uint32_t));
	for (i = 0; i < items->nrows; i++)
	{
		uint64_t	h = rs_hash64(key + RS_MIX_PAIR * i);

		plan->part[i] = (uint8_t) ((h >> 32) * plan->parts >> 32);
		plan->start[plan->part[i] + 1]++;
	}
	for (p = 0; p < plan->parts; p++)
	{
		plan->start[p + 1] += plan->start[p];
		next[p] = plan->start[p];
	}
	for (i = 0; i < items->nrows; i++)
		plan->item[next[plan->part[i]]++] = i;

	for (p = 0; p < plan->parts && s->exponent != 0; p++)
	{
		double		sum = 0;

		for (i = plan->start[p]; i < plan->start[p + 1]; i++)
		{
			uint32_t	item = plan->item[i];
			uint64_t	count = items->start[(size_t) item + 1] -
				items->start[item];

			sum += pow((double) count, s->exponent);
			plan->weight[i] = sum;
		}
	}
}

/*
 * The item of the plan's entries first .. last - 1 that the number h means.
 * The halving has no branch to mispredict, as what is looked for is random.
 */
static uint32_t
draw_item(const RsBprSettings *s, const RsBprPlan *plan, uint32_t first,
		  uint32_t last, uint64_t h)
{
	const double *base;
	uint32_t	n = last - first;
	double		goal;

	if (s->exponent == 0)
		return plan->item[first + (uint32_t) ((h >> 32) * n >> 32)];

	base = plan->weight + first;
	goal = (h >> 11) * 0x1p-53 * plan->weight[last - 1];
	while (n > 1)
	{
		uint32_t	half = n / 2;

		base += base[half - 1] <= goal ? half : 0;
		n -= half;
	}
	return plan->item[base - plan->weight];
}

/* Whether a row has a column. */
static bool
row_has(const RsCsr *m, uint32_t row, uint32_t col)
{
	const uint32_t *base = m->col + m->start[row];
	uint64_t	n = m->start[(size_t) row + 1] - m->start[row];

	while (n > 1)
	{
		uint64_t	half = n / 2;

		base += base[half - 1] < col ? half : 0;
		n -= half;
	}
	return n == 1 && *base == col;
}

/*
 * The loss of many triples.  The sum of ln(1 + e) is gathered as a product, e
 * being at most 1, because a logarithm costs as much as the rest of a step.
 */
typedef struct Losses
{
	double		sum;
	double		product;
	uint64_t	triples;
} Losses;

/* a product that is far from overflow */
#define RS_LARGE_PRODUCT	1e200

/* Adds one triple's -ln sigma(d), given e = exp(-|d|). */
static inline void
add_loss(Losses *l, float d, float e)
{
	if (d < 0)
		l->sum -= d;
	l->product *= 1.0 + e;
	if (l->product > RS_LARGE_PRODUCT)
	{
		l->sum += log(l->product);
		l->product = 1;
	}
	l->triples++;
}

/*
 * One step down the gradient of a triple's loss; rate is the round's.  Adds
 * the triple's loss before the step.  Returns -1 if it is not finite.
 */
static inline int
step(const RsBprSettings *s, RsBprModel *model, uint32_t user,
	 uint32_t positive, uint32_t negative, float rate, Losses *loss)
{
	int			f = s->factors;
	float	   *restrict x = model->user + (size_t) user * f;
	float	   *restrict y = model->item + (size_t) positive * f;
	float	   *restrict z = model->item + (size_t) negative * f;
	float	   *b = model->bias;
	float		keep = 1 - rate * (float) s->ridge;
	float		d = rs_simd->dot(x, y, f) - rs_simd->dot(x, z, f) +
		b[positive] - b[negative];
	float		e = expf(-fabsf(d));
	float		move = rate * (d > 0 ? e : 1) / (1 + e);
	int			k;

	if (!isfinite(d))
		return -1;
	add_loss(loss, d, e);
	for (k = 0; k < f; k++)
	{
		float		xk = x[k];
		float		yk = y[k];
		float		zk = z[k];

		x[k] = keep * xk + move * (yk - zk);
		y[k] = keep * yk + move * xk;
		z[k] = keep * zk - move * xk;
	}
	if (s->item_bias)
	{
		b[positive] = keep * b[positive] + move;
		b[negative] = keep * b[negative] - move;
	}
	return 0;
}

/* See bpr.h: one block of a stratum. */
int
rs_bpr_block(const RsBprSettings *s, const RsCsr *users,
			 const RsBprPlan *plan, int round, int user_part, int item_part,
			 RsBprModel *model, RsBprLoss *loss)
{
	uint64_t	key = round_key(s, round, RS_FOR_NEGATIVES);
	float		rate = (float) (s->rate * (s->rounds - round) / s->rounds);
	uint32_t	first = plan->start[item_part];
	uint32_t	last = plan->start[item_part + 1];
	uint32_t	end = rs_bpr_first_user(users, plan->parts, user_part + 1);
	uint32_t	user = rs_bpr_first_user(users, plan->parts, user_part);
	Losses		losses = {0, 1, 0};
	uint64_t	e;

	for (; user < end; user++)
	{
		if (model->tick != NULL && user % RS_BPR_TICK == 0)
			model->tick();
		for (e = users->start[user]; e < users->start[(size_t) user + 1]; e++)
		{
			uint32_t	negative = 0;
			int			try;

			if (plan->part[users->col[e]] != item_part)
				continue;
			for (try = 0; try < RS_BPR_TRIES; try++)
			{
				negative = draw_item(s, plan, first, last,
									 rs_hash64(key + RS_MIX_PAIR * e +
											   RS_MIX_TRY * try));
				if (!row_has(users, user, negative))
					break;
			}
			if (try < RS_BPR_TRIES &&
				step(s, model, user, users->col[e], negative, rate, &losses) != 0)
				return -1;
		}
	}
	loss->sum += losses.sum + log(losses.product);
	loss->triples += losses.triples;
	return 0;
}

/* Subtracts the mean of a column from each of n rows. */
static void
centre_column(float *x, uint32_t n, int stride)
{
	double		sum = 0;
	uint32_t	i;

	for (i = 0; i < n; i++)
		sum += x[(size_t) i * stride];
	for (i = 0; i < n; i++)
		x[(size_t) i * stride] -= (float) (sum / n);
}

/* Whether all of n numbers are finite. */
static bool
all_finite(const float *x, size_t n)
{
	bool		finite = true;
	size_t		i;

	for (i = 0; i < n; i++)
		finite &= isfinite(x[i]) != 0;
	return finite;
}

/* See bpr.h: subtracting the same from all items' scores ranks none higher. */
int
rs_bpr_normalize(const RsBprSettings *s, uint32_t nusers, uint32_t nitems,
				 RsBprModel *model)
{
	size_t		nu = (size_t) nusers * s->factors;
	size_t		ni = (size_t) nitems * s->factors;
	double		squares = 0;
	double		length;
	size_t		i;
	int			k;

	for (k = 0; k < s->factors; k++)
		centre_column(model->item + k, nitems, s->factors);
	centre_column(model->bias, nitems, 1);
	for (i = 0; i < ni; i++)
		squares += (double) model->item[i] * model->item[i];
	length = nitems > 0 ? sqrt(squares / nitems) : 0;
	if (length > 0 && isfinite(length))
	{
		for (i = 0; i < ni; i++)
			model->item[i] = (float) (model->item[i] / length);
		for (i = 0; i < nu; i++)
			model->user[i] = (float) (model->user[i] * length);
	}
	return all_finite(model->user, nu) && all_finite(model->item, ni) &&
		all_finite(model->bias, nitems) ? 0 : -1;
}

/* The trace of the product of both matrices. */
double
rs_bpr_spread(int factors, const float *user_gram, const float *item_gram)
{
	double		sum = 0;
	size_t		i;

	for (i = 0; i < (size_t) factors * factors; i++)
		sum += (double) user_gram[i] * item_gram[i];
	return sum > 0 ? sqrt(sum) : 0;
}
