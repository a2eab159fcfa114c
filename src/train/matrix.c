/*-------------------------------------------------------------------------
 *
 * matrix.c
 *	  The matrix that a training sees: the pairs of a split's train side.
 *
 * A matrix numbers its users and items by itself, in the order of the ids, and
 * holds only those that occur in it.  A training at a cutoff is therefore the
 * same whether or not the source has rows after the cutoff.
 *
 * Histories are merged once, into a draft of 8 bytes a pair by the run's own
 * numbers, from which rare users and items are left out; then the matrix has
 * its size, and the draft goes before the other orientation is made.
 *
 * With explicit feedback a pair is a rating, and those that are not positive
 * have weight 0 in the draft: they number users and items, and are left out of
 * the positive pairs.  So all policies of a recommender know the same items,
 * whichever are trained together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "train.h"
#include "kernel/hash.h"
#include "kernel/history.h"

typedef struct Pair
{
	uint32		item;			/* number in the run */
	float		weight;			/* 0 = not positive */
} Pair;

/* Pairs by user, before the matrix knows its rows and columns. */
typedef struct Draft
{
	RsRun	   *run;
	const RsSplit *split;
	uint64		allocated;
	uint64		n;
	Pair	   *pair;
	float	   *rating;			/* parallel to pair, or NULL */
	RsRating   *user_ratings;	/* scratch, one user's */
	uint32	   *pairs;			/* of each user of the run */
	uint32	   *users;			/* of each item of the run */
} Draft;

/* ---- the draft ---- */

/* Room for so many more pairs, an eighth at least. */
static void
grow(Draft *d, int more)
{
	uint64		allocated = Max(d->n + more, d->allocated + d->allocated / 8);

	if (d->n + more <= d->allocated)
		return;
	rs_run_charge(d->run, (allocated - d->allocated) *
				  (sizeof(Pair) + (d->rating ? sizeof(float) : 0)), "the matrix");
	d->pair = repalloc_huge(d->pair, allocated * sizeof(Pair));
	if (d->rating != NULL)
		d->rating = repalloc_huge(d->rating, allocated * sizeof(float));
	d->allocated = allocated;
}

/* One user's pairs; the times that they span go to the matrix. */
static void
draft_user(Draft *d, uint32 user, RsEvent *history, RsMatrix *m)
{
	int			n = rs_user_history(d->run, d->split, user, PG_INT64_MIN, history);

	grow(d, n);
	if (d->rating != NULL && rs_user_ratings(d->run, d->split, user, false, PG_INT64_MIN, d->user_ratings) != n)
		elog(ERROR, "a user's ratings and events do not fit together");
	for (int i = 0; i < n; i++)
	{
		const RsEvent *e = &history[i];
		bool		positive = (rs_event_flags(e) & RS_POSITIVE) && e->weight > 0;

		if (!positive && !d->run->recommender->explicit_feedback)
			continue;
		if (d->rating != NULL)
			d->rating[d->n] = d->user_ratings[i].value;
		d->pair[d->n].item = rs_event_item(e);
		d->pair[d->n++].weight = positive ? e->weight : 0;
		d->pairs[user]++;
		d->users[rs_event_item(e)]++;
		m->from = Min(m->from, e->time);
		m->until = Max(m->until, e->time);
	}
}

static void
make_draft(Draft *d, RsMatrix *m)
{
	RsRun	   *run = d->run;
	uint32		nusers = rs_idmap_count(run->users);
	uint32		nitems = rs_idmap_count(run->items);
	MemoryContext context = d->split->context;
	RsEvent    *history = palloc_extended((rs_longest_history(run) + 1) * sizeof(RsEvent), MCXT_ALLOC_HUGE);

	d->allocated = 1024;
	d->pair = rs_run_alloc_in(run, context, d->allocated * sizeof(Pair), "the matrix");
	if (run->with_ratings)
	{
		d->rating = rs_run_alloc_in(run, context, d->allocated * sizeof(float), "the matrix");
		d->user_ratings = palloc_extended((rs_longest_history(run) + 1) * sizeof(RsRating), MCXT_ALLOC_HUGE);
	}
	d->pairs = rs_run_alloc_in(run, context, nusers * sizeof(uint32), "the matrix");
	d->users = rs_run_alloc_in(run, context, nitems * sizeof(uint32), "the matrix");
	memset(d->pairs, 0, nusers * sizeof(uint32));
	memset(d->users, 0, nitems * sizeof(uint32));
	m->from = DT_NOEND;
	m->until = DT_NOBEGIN;
	for (uint32 u = 0; u < nusers; u++)
	{
		if (!d->split->bot[u])
			draft_user(d, u, history, m);
		if ((u & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(history);
}

/*
 * One round of leaving out: items with too few users, then users with too few
 * items.  Returns whether that left out any.
 */
static bool
leave_out(Draft *d, uint32 least_items, uint32 least_users)
{
	uint32		nusers = rs_idmap_count(d->run->users);
	uint64		from = 0;
	uint64		to = 0;
	bool		any = false;

	for (uint32 u = 0; u < nusers; u++)
	{
		uint64		end = from + d->pairs[u];
		uint64		first = to;

		for (; from < end; from++)
		{
			if (d->users[d->pair[from].item] >= least_users)
			{
				if (d->rating != NULL)
					d->rating[to] = d->rating[from];
				d->pair[to++] = d->pair[from];
			}
			else
				any = true;
		}
		if (to - first < least_items && to > first)
		{
			any = true;
			while (to > first)
				d->users[d->pair[--to].item]--;
		}
		d->pairs[u] = (uint32) (to - first);
	}
	d->n = to;
	return any;
}

/*
 * Leaves out users and items with too few pairs until none is left: what
 * remains (a core of the graph) does not depend on the order of doing so.
 */
static void
leave_out_rare(Draft *d)
{
	uint32		least_items = d->run->recommender->min_user_interactions;
	uint32		least_users = d->run->recommender->min_item_interactions;

	if (least_items <= 1 && least_users <= 1)
		return;
	while (leave_out(d, least_items, least_users))
		CHECK_FOR_INTERRUPTS();
	for (uint32 i = 0; i < rs_idmap_count(d->run->items); i++)
		if (d->users[i] < least_users)
			d->users[i] = 0;
}

/* ---- the matrix ---- */

/* Where in its memory a matrix has what. */
RsCsr
rs_shared_csr(const RsSharedCsr *m)
{
	RsCsr		csr;

	csr.nrows = m->nrows;
	csr.ncols = m->ncols;
	csr.start = rs_shared(m->memory);
	csr.col = (uint32 *) (csr.start + m->nrows + 1);
	csr.value = (float *) (csr.col + m->n);
	return csr;
}

RsSharedCsr
rs_share_csr(RsRun *run, MemoryContext context, uint32 nrows, uint32 ncols, uint64 pairs)
{
	RsSharedCsr m = {{0}};

	m.memory = rs_share(run, context, ((Size) nrows + 1) * sizeof(uint64) +
						pairs * (sizeof(uint32) + sizeof(float)), "the matrix");
	m.nrows = nrows;
	m.ncols = ncols;
	m.n = pairs;
	return m;
}

/* Numbers those that have pairs; fills the way back; returns how many. */
static uint32
number_used(const uint32 *pairs, uint32 n, uint32 *number, uint32 *back)
{
	uint32		count = 0;

	for (uint32 i = 0; i < n; i++)
	{
		number[i] = pairs[i] > 0 ? count : RS_NO_ID;
		if (pairs[i] > 0)
			back[count++] = i;
	}
	return count;
}

/*
 * The rows of the positive pairs, or of all ratings; returns their checksum.
 * A user without any is not in it.
 */
static uint64
fill_rows(const Draft *d, const RsMatrix *m, bool ratings, RsCsr *out)
{
	RsRun	   *run = d->run;
	uint64	   *item_sum = palloc_extended(Max(out->ncols, 1) * sizeof(uint64), MCXT_ALLOC_HUGE);
	uint64		pair = 0;
	uint64		n = 0;
	uint64		sum = 0;

	for (uint32 c = 0; c < out->ncols; c++)
		item_sum[c] = rs_idmap_checksum(run->items, m->item[c]);
	for (uint32 row = 0; row < out->nrows; row++)
	{
		uint64		end = pair + d->pairs[m->user[row]];

		out->start[row] = n;
		for (; pair < end; pair++)
		{
			float		value = ratings ? d->rating[pair] : d->pair[pair].weight;
			uint32		column = m->column[d->pair[pair].item];
			uint32		bits;

			if (!ratings && !(value > 0))
				continue;
			if (n == out->start[row])
				sum = rs_hash64(sum ^ rs_idmap_checksum(run->users, m->user[row]));
			memcpy(&bits, &value, sizeof(bits));
			out->col[n] = column;
			out->value[n++] = value;
			sum = rs_hash64(sum ^ item_sum[column]);
			sum = rs_hash64(sum ^ bits);
		}
		if ((row & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	out->start[out->nrows] = n;
	pfree(item_sum);
	return sum;
}

/* Pairs of the draft that are positive. */
static uint64
count_positive(const Draft *d)
{
	uint64		n = 0;

	for (uint64 i = 0; i < d->n; i++)
		n += d->pair[i].weight > 0;
	return n;
}

/*
 * What each item's users amount to when those of long ago count less: the sum
 * of 0.5^(age / half-life), users in the order of the ids.
 */
static void
sum_recency(RsRun *run, const RsSplit *split, RsMatrix *m)
{
	double		half_life = run->recommender->popularity_half_life;
	RsEvent    *history;

	if (!(half_life > 0))
		return;
	history = palloc_extended((rs_longest_history(run) + 1) * sizeof(RsEvent), MCXT_ALLOC_HUGE);
	m->recency = rs_run_alloc_in(run, split->context, m->users.ncols * sizeof(double), "popularity");
	memset(m->recency, 0, m->users.ncols * sizeof(double));
	for (uint32 row = 0; row < m->users.nrows; row++)
	{
		int			n = rs_user_history(run, split, m->user[row], PG_INT64_MIN, history);

		for (int i = 0; i < n; i++)
		{
			uint32		column = m->column[rs_event_item(&history[i])];

			if (column != RS_NO_ID && (rs_event_flags(&history[i]) & RS_POSITIVE) &&
				history[i].weight > 0)
				m->recency[column] += rs_decay(history[i].time, split->as_of, half_life);
		}
		if ((row & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(history);
}

/* The distinct pairs of the train side, without bots. */
RsMatrix *
rs_matrix_make(RsRun *run, const RsSplit *split)
{
	uint32		nusers = rs_idmap_count(run->users);
	uint32		nitems = rs_idmap_count(run->items);
	MemoryContext context = split->context;
	RsMatrix   *m = MemoryContextAllocZero(context, sizeof(RsMatrix));
	Draft		d = {run, split};
	uint32		nrows;
	uint32		ncols;

	m->row = rs_run_alloc_in(run, context, nusers * sizeof(uint32), "the matrix");
	m->column = rs_run_alloc_in(run, context, nitems * sizeof(uint32), "the matrix");
	m->user = rs_run_alloc_in(run, context, nusers * sizeof(uint32), "the matrix");
	m->item = rs_run_alloc_in(run, context, nitems * sizeof(uint32), "the matrix");
	make_draft(&d, m);
	leave_out_rare(&d);
	nrows = number_used(d.pairs, nusers, m->row, m->user);
	ncols = number_used(d.users, nitems, m->column, m->item);
	d.pair = repalloc_huge(d.pair, Max(d.n, 1) * sizeof(Pair));
	m->shared_users = rs_share_csr(run, context, nrows, ncols, count_positive(&d));
	m->users = rs_shared_csr(&m->shared_users);
	m->checksum = fill_rows(&d, m, false, &m->users);
	if (d.rating != NULL)
	{
		m->shared_user_ratings = rs_share_csr(run, context, nrows, ncols, d.n);
		m->user_ratings = rs_shared_csr(&m->shared_user_ratings);
		m->ratings_checksum = fill_rows(&d, m, true, &m->user_ratings);
		pfree(d.rating);
		pfree(d.user_ratings);
	}
	pfree(d.pair);
	pfree(d.pairs);
	pfree(d.users);
	m->shared_items = rs_share_csr(run, context, ncols, nrows, m->shared_users.n);
	m->items = rs_shared_csr(&m->shared_items);
	rs_csr_transpose(&m->users, &m->items);
	if (run->with_ratings)
	{
		m->shared_item_ratings = rs_share_csr(run, context, ncols, nrows, m->shared_user_ratings.n);
		m->item_ratings = rs_shared_csr(&m->shared_item_ratings);
		rs_csr_transpose(&m->user_ratings, &m->item_ratings);
	}
	sum_recency(run, split, m);
	return m;
}
