/*-------------------------------------------------------------------------
 *
 * lister.c
 *	  Lists for many users, by the processes of a team.
 *
 * A block's work is shared among its lists: the neighbours' evidence is
 * gathered once for each set of neighbours, the user vectors and their
 * products with all items once for each set of factors, and every policy's
 * lists are made from these by kernel/rank.h.
 *
 * Scores and ties are those of serving to the bit, whatever the BLAS.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "lister_memory.h"

static inline const float *
weights(const RsLister *r, const RsTarget *t)
{
	return (const float *) (r->pool + t->weight);
}

/* At most so many marked items has a user. */
static Size
marks_needed(const RsLister *r, const RsTarget *t)
{
	Size		needed = t->nhidden;

	for (int s = 0; s < r->plan->nneighbors; s++)
	{
		const uint64 *start = rs_shared(r->neighbors[s].start);
		Size		n = t->nhidden;

		for (uint32 i = 0; i < t->nhistory; i++)
		{
			uint32		column = r->pool[t->history + i];

			n += start[column + 1] - start[column];
		}
		needed += Min(n, r->plan->nitems);
	}
	return needed;
}

/* Gathers the evidence of the neighbours for one user. */
static void
mark_user(RsLister *r, int place)
{
	const RsTarget *t = &r->target[r->place[place]];
	RsRankUser *u = &r->user[place];

	memset(u, 0, sizeof(*u));
	u->hidden = r->pool + t->hidden;
	u->nhidden = t->nhidden;
	u->nmarks = r->plan->nneighbors + 1;
	u->marks = r->marks + (Size) place * u->nmarks;
	for (int s = 0; s < u->nmarks; s++)
	{
		bool		evidence = s > 0 && t->nhistory > 0;

		if (evidence)
			rs_neighbor_scores(rs_shared(r->neighbors[s - 1].start),
							   rs_shared(r->neighbors[s - 1].neighbor),
							   t->nhistory, r->pool + t->history, weights(r, t),
							   r->evidence);
		u->marks[s].mark = r->room + r->used;
		u->marks[s].n = rs_rank_mark(evidence ? r->evidence : NULL, r->plan->nitems,
									 u, &r->work, u->marks[s].mark);
		r->used += u->marks[s].n;
	}
}

/* Factors as the scan takes them. */
static RsRankFactors
rank_factors(const RsPlanFactors *p)
{
	RsRankFactors f;

	f.factors = p->fold.width;
	f.item = rs_shared(p->row);
	f.longest = p->longest;
	f.least_share = p->least_share;
	f.is_score = (p->fold.kind == RS_KIND_RATING);
	return f;
}

/* Solves the vectors of n users with a history, and scans the catalog. */
static void
scan_users(RsLister *r, const RsPlanFactors *p, const RsRankFactors *f, int first, int n)
{
	RsFoldIn	fold = p->fold;
	bool		ratings = f->is_score;

	fold.row = f->item;
	fold.gram = ratings ? NULL : rs_shared(p->gram);
	for (int i = 0; i < n; i++)
	{
		const RsTarget *t = &r->target[r->place[first + i]];

		(void) rs_fold_in(&fold, ratings ? t->nrated : t->nhistory,
						  r->pool + (ratings ? t->rated : t->history),
						  ratings ? (const float *) (r->pool + t->rating) : weights(r, t),
						  r->solve, r->x + (Size) i * fold.width);
		CHECK_FOR_INTERRUPTS();
	}
	rs_rank_scan(&r->items, f, r->user + first, n, r->x, r->plan->k, r->near,
				 r->near_room, &r->work);
}

/* The lists of all users by the policies with a part of the factors. */
static void
list_users(RsLister *r, int factors, const RsRankFactors *f, RsTakeList take, void *arg)
{
	for (int p = 0; p < r->plan->npolicies; p++)
	{
		const RsPlanPolicy *policy = &r->policy[p];

		if (policy->factors != factors || policy->funnel >= 0)
			continue;
		for (int i = 0; i < r->n; i++)
		{
			const RsRankUser *u = &r->user[i];

			for (int hidden = 0; hidden <= (int) r->plan->with_hidden; hidden++)
			{
				int			n = rs_rank_list(&r->items, f, u,
											 &u->marks[policy->neighbors + 1],
											 policy->blend, hidden != 0, r->plan->k,
											 &r->work, r->list);

				take(arg, r->place[i], p, hidden != 0, f ? u->x : NULL, r->list, n);
			}
			CHECK_FOR_INTERRUPTS();
		}
	}
}

/* ---- policies with a ranker ---- */

RsFunnelUser
rs_target_user(const RsTarget *t, const uint32 *pool, bool has_time, int64 as_of,
			   int64 *time)
{
	RsFunnelUser u = {0};

	u.n = (int) t->nhistory;
	u.item = pool + t->history;
	u.weight = (const float *) (pool + t->weight);
	u.as_of = as_of;
	if (has_time)
	{
		memcpy(time, pool + t->time, t->nhistory * sizeof(int64));
		u.time = time;
	}
	return u;
}

/*
 * Fills a list that has n candidates up to the plan's length: the items that
 * are no candidates, in the order of the blend.  Returns its length.
 */
static int
fill_up(RsLister *r, const RsPlanPolicy *policy, int user, bool with_hidden, int n)
{
	RsRankUser *u = &r->user[user];
	RsRankFactors f = rank_factors(&r->factors[policy->factors]);
	int			candidates = n;
	int			most;

	if (user < r->warm)
		scan_users(r, &r->factors[policy->factors], &f, user, 1);
	most = rs_rank_list(&r->items, &f, u, &u->marks[policy->neighbors + 1], policy->blend,
						with_hidden, r->plan->k, &r->work, r->list);
	for (int i = 0; i < candidates; i++)
		r->listed[r->ranked[i].id] = true;
	for (int i = 0; i < most && n < r->plan->k; i++)
		if (!r->listed[r->list[i].id])
			r->ranked[n++] = r->list[i];
	for (int i = 0; i < candidates; i++)
		r->listed[r->ranked[i].id] = false;
	return n;
}

/*
 * One user's list: the best candidates, then what the blend says of the rest;
 * of an unknown user all is by popularity, which is what the blend says then.
 */
static void
list_ranked(RsLister *r, int p, int user, bool with_hidden, RsTakeList take, void *arg)
{
	const RsPlanPolicy *policy = &r->policy[p];
	const RsRankUser *u = &r->user[user];
	RsFunnel   *f = &r->funnel[policy->funnel];
	RsFunnelWork *w = r->funnel_work[policy->funnel];
	RsCandidate *c = r->candidate[policy->funnel];
	int			candidates = 0;
	int			n = 0;

	if (r->target[r->place[user]].nhistory > 0)
	{
		candidates = rs_funnel_candidates(f, w, u->hidden, with_hidden ? 0 : u->nhidden, c);
		rs_funnel_rank(f, w, c, candidates, NULL);
	}
	for (; n < candidates && n < r->plan->k; n++)
	{
		r->ranked[n].id = c[n].item;
		r->ranked[n].score = c[n].score;
	}
	if (n < r->plan->k)
		n = fill_up(r, policy, user, with_hidden, n);
	take(arg, r->place[user], p, with_hidden, NULL, r->ranked, n);
}

/* The lists of all users by the policies with a ranker. */
static void
list_funnels(RsLister *r, RsTakeList take, void *arg)
{
	for (int p = 0; p < r->plan->npolicies; p++)
	{
		int			funnel = r->policy[p].funnel;

		if (funnel < 0)
			continue;
		for (int i = 0; i < r->n; i++)
		{
			RsFunnelUser u = rs_target_user(&r->target[r->place[i]], r->pool,
											r->plan->has_time, r->plan->as_of, r->time);

			rs_funnel_open(&r->funnel[funnel], &u, r->funnel_work[funnel]);
			for (int hidden = 0; hidden <= (int) r->plan->with_hidden; hidden++)
				list_ranked(r, p, i, hidden != 0, take, arg);
			rs_funnel_close(&r->funnel[funnel], r->funnel_work[funnel]);
			CHECK_FOR_INTERRUPTS();
		}
	}
}

/* All lists of the users taken together. */
static void
rank_users(RsLister *r, RsTakeList take, void *arg)
{
	r->used = 0;
	for (int i = 0; i < r->n; i++)
	{
		mark_user(r, i);
		CHECK_FOR_INTERRUPTS();
	}
	list_users(r, -1, NULL, take, arg);
	for (int i = 0; i < r->plan->nfactors; i++)
	{
		RsRankFactors f;

		if (!r->factors[i].scanned)
			continue;
		f = rank_factors(&r->factors[i]);
		scan_users(r, &r->factors[i], &f, 0, r->warm);
		list_users(r, i, &f, take, arg);
	}
	list_funnels(r, take, arg);
}

uint32
rs_lister_blocks(const RsBatch *batch)
{
	return (batch->n + RS_RANK_USERS - 1) / RS_RANK_USERS;
}

/* Takes as many users together as there is room for their marks. */
void
rs_lister_block(RsLister *r, uint32 block, RsTakeList take, void *arg)
{
	uint32		end = Min((block + 1) * RS_RANK_USERS, r->batch->n);
	uint32		next = block * RS_RANK_USERS;

	while (next < end)
	{
		Size		needed = 0;
		uint32		cold[RS_RANK_USERS];
		int			ncold = 0;

		r->n = 0;
		for (; next < end; next++)
		{
			needed += marks_needed(r, &r->target[next]);
			if (needed > r->marks_room && r->n + ncold > 0)
				break;
			if (r->target[next].nhistory > 0 || r->target[next].nrated > 0)
				r->place[r->n++] = next;
			else
				cold[ncold++] = next;
		}
		r->warm = r->n;
		for (int i = 0; i < ncold; i++)
			r->place[r->n++] = cold[i];
		rank_users(r, take, arg);
	}
}
