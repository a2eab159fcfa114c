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

#include <cblas.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "lister.h"
#include "kernel/simd.h"

/* marked items of the users taken together, unless one user has more */
#define MARKS_ROOM	(512 * 1024)

struct RsLister
{
	const RsPlan *plan;
	const RsBatch *batch;
	RsRankItems items;
	const RsPlanPolicy *policy;
	const RsPlanNeighbors *neighbors;
	const RsPlanFactors *factors;
	const RsTarget *target;
	const uint32 *pool;

	/* users taken together: those with a history or ratings come first */
	int			n;
	int			warm;
	uint32		place[RS_RANK_USERS];	/* targets */
	RsRankUser	user[RS_RANK_USERS];
	RsMarks    *marks;			/* by user: hidden only, then by neighbours */
	RsMarked   *room;
	Size		marks_room;
	Size		used;

	float	   *evidence;		/* nitems, zero between users */
	float	   *x;				/* vectors */
	void	   *solve;			/* scratch of a fold-in */
	RsNear	   *near;
	int			near_room;		/* of each user */
	RsRankWork	work;
	RsScored   *list;

	/* of policies with a ranker, by funnel */
	RsFunnel   *funnel;
	RsFunnelWork **funnel_work;
	RsCandidate **candidate;
	int64	   *time;			/* of the history */
	bool	   *listed;			/* by item, false between lists */
	RsScored   *ranked;
};

/* cblas_sgemm; a cancel ends it between panels */
static void
blas_product(const float *x, int users, const float *y, int items, int factors,
			 float *out, int stride)
{
	CHECK_FOR_INTERRUPTS();
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, users, items, factors,
				1, x, factors, y, factors, 0, out, stride);
}

/* The widest row of any factors. */
static int
most_width(const RsPlan *plan)
{
	const RsPlanFactors *factors = rs_shared(plan->factors);
	int			most = 1;

	for (int i = 0; i < plan->nfactors; i++)
		most = Max(most, factors[i].fold.width);
	return most;
}

static Size
marks_room(const RsPlan *plan)
{
	Size		most = (Size) plan->nitems * (plan->nneighbors + 1);

	return Max(most, Min(MARKS_ROOM, most * RS_RANK_USERS));
}

Size
rs_lister_bytes(const RsPlan *plan)
{
	const RsPlanFunnel *funnel = rs_shared(plan->funnels);
	Size		room = rs_window_room(plan->k, plan->nitems);
	Size		f = most_width(plan);
	Size		funnels = 0;

	for (int i = 0; i < plan->nfunnels; i++)
		funnels += rs_view_bytes(&funnel[i], plan->most_history);
	if (plan->nfunnels > 0)
		funnels += plan->nitems + plan->k * sizeof(RsScored) + plan->most_history * sizeof(int64);
	return sizeof(RsLister) + funnels + plan->nitems * (3 * sizeof(float) + 1 + sizeof(int)) +
		marks_room(plan) * sizeof(RsMarked) +
		room * (RS_RANK_USERS + 1) * sizeof(RsNear) + room * sizeof(float) +
		(RS_RANK_PANEL + f) * RS_RANK_USERS * sizeof(float) +
		rs_fold_in_workspace(f, plan->most_history) + plan->k * sizeof(RsScored);
}

static void *
huge_alloc(Size bytes)
{
	return palloc_extended(Max(bytes, 1), MCXT_ALLOC_HUGE);
}

/* What policies with a ranker need. */
static void
make_funnels(RsLister *r)
{
	const RsPlan *plan = r->plan;
	const RsPlanFunnel *funnel;

	if (plan->nfunnels == 0)
		return;
	funnel = rs_shared(plan->funnels);
	r->funnel = palloc(plan->nfunnels * sizeof(RsFunnel));
	r->funnel_work = palloc(plan->nfunnels * sizeof(RsFunnelWork *));
	r->candidate = palloc(plan->nfunnels * sizeof(RsCandidate *));
	for (int i = 0; i < plan->nfunnels; i++)
	{
		r->funnel[i] = rs_view(&funnel[i]);
		r->funnel_work[i] = rs_view_work(&r->funnel[i], plan->most_history);
		r->candidate[i] = huge_alloc(rs_funnel_most(&r->funnel[i], plan->most_history) * sizeof(RsCandidate));
	}
	r->time = huge_alloc(plan->most_history * sizeof(int64));
	r->listed = huge_alloc(plan->nitems);
	memset(r->listed, 0, plan->nitems);
	r->ranked = huge_alloc(plan->k * sizeof(RsScored));
}

RsLister *
rs_lister_make(const RsPlan *plan, const RsBatch *batch)
{
	RsLister   *r = palloc0(sizeof(RsLister));
	Size		nitems = plan->nitems;
	Size		f = most_width(plan);

	r->plan = plan;
	r->batch = batch;
	r->items.nitems = plan->nitems;
	r->items.popularity = rs_shared(plan->popularity);
	r->items.order = rs_shared(plan->order);
	r->items.barred = plan->has_barred ? rs_shared(plan->barred) : NULL;
	r->policy = rs_shared(plan->policies);
	r->neighbors = rs_shared(plan->neighbors);
	r->factors = rs_shared(plan->factors);
	r->target = rs_shared(batch->target);
	r->pool = rs_shared(batch->pool);
	r->marks = palloc0(sizeof(RsMarks) * RS_RANK_USERS * (plan->nneighbors + 1));
	r->marks_room = marks_room(plan);
	r->room = huge_alloc(r->marks_room * sizeof(RsMarked));
	r->evidence = huge_alloc(nitems * sizeof(float));
	memset(r->evidence, 0, nitems * sizeof(float));
	r->x = huge_alloc(RS_RANK_USERS * f * sizeof(float));
	r->solve = huge_alloc(rs_fold_in_workspace(f, plan->most_history));
	r->near_room = rs_window_room(plan->k, plan->nitems);
	r->near = huge_alloc(r->near_room * RS_RANK_USERS * sizeof(RsNear));
	r->work.product = blas_product;
	r->work.panel = palloc(RS_RANK_USERS * RS_RANK_PANEL * sizeof(float));
	r->work.scratch = huge_alloc(r->near_room * sizeof(float));
	r->work.near = huge_alloc(r->near_room * sizeof(RsNear));
	r->work.row[0] = huge_alloc(nitems * sizeof(float));
	r->work.row[1] = huge_alloc(nitems * sizeof(float));
	r->work.flag = huge_alloc(nitems * sizeof(bool));
	r->work.place = huge_alloc((nitems + RS_SELECT_SLACK) * sizeof(int));
	r->list = huge_alloc(plan->k * sizeof(RsScored));
	make_funnels(r);
	return r;
}

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
