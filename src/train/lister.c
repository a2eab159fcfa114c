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

/* 32-bit words of a batch, unless one user needs more */
#define POOL_ROOM	(1024 * 1024)

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
};

/* ---- plan ---- */

static int
compare_popularity(const void *a, const void *b, void *arg)
{
	const float *popularity = arg;
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	if (popularity[x] != popularity[y])
		return popularity[x] > popularity[y] ? -1 : 1;
	return (x > y) - (x < y);
}

/* The place of a part in the list of parts; -1 for none. */
static int
place_of(List *list, const void *part)
{
	int			place = 0;
	ListCell   *cell;

	foreach(cell, list)
	{
		if (lfirst(cell) == part)
			return place;
		place++;
	}
	return -1;
}

static void
plan_neighbors(RsRun *run, MemoryContext context, const RsParts *parts, RsPlan *plan)
{
	RsPlanNeighbors *out;
	ListCell   *cell;

	plan->nneighbors = list_length(parts->neighbors);
	plan->neighbors = rs_share(run, context, plan->nneighbors * sizeof(RsPlanNeighbors), "lists");
	out = plan->neighbors.local;
	foreach(cell, parts->neighbors)
	{
		const RsNeighborPart *part = lfirst(cell);

		out->start = part->shared_start;
		(out++)->neighbor = part->shared_neighbor;
	}
}

static void
plan_factors(RsRun *run, MemoryContext context, const RsParts *parts, RsPlan *plan)
{
	RsPlanFactors *out;
	ListCell   *cell;

	plan->nfactors = list_length(parts->factors);
	plan->factors = rs_share(run, context, plan->nfactors * sizeof(RsPlanFactors), "lists");
	out = plan->factors.local;
	foreach(cell, parts->factors)
	{
		const RsFactorPart *part = lfirst(cell);

		out->fold.kind = part->kind;
		out->fold.factors = part->settings.factors;
		out->fold.width = rs_row_width(part->kind, part->settings.factors);
		out->fold.nitems = plan->nitems;
		out->fold.alpha0 = part->settings.alpha0;
		out->fold.lambda = part->settings.lambda;
		out->fold.nu = part->settings.nu;
		out->fold.rating = part->rating;
		out->row = part->shared_row;
		out->gram = part->shared_gram;
		out->longest = rs_longest_row(part->shared_row.local, plan->nitems, out->fold.width);
		(out++)->least_share = 1;
	}
}

RsPlan
rs_plan_make(RsRun *run, MemoryContext context, const RsParts *parts,
			 uint32 nitems, List *policies, int k, bool with_hidden)
{
	RsPlan		plan = {0};
	uint32	   *order;
	RsPlanPolicy *policy;
	RsPlanFactors *factors;
	ListCell   *cell;

	plan.nitems = nitems;
	plan.k = Min(k, (int) Max(Min(nitems, PG_INT32_MAX), 1));
	plan.with_hidden = with_hidden;
	plan.most_history = run->recommender->history_limit;
	plan.popularity = parts->shared_popularity;
	plan.order = rs_share(run, context, nitems * sizeof(uint32), "lists");
	order = plan.order.local;
	for (uint32 i = 0; i < nitems; i++)
		order[i] = i;
	qsort_arg(order, nitems, sizeof(uint32), compare_popularity, parts->popularity);
	plan_neighbors(run, context, parts, &plan);
	plan_factors(run, context, parts, &plan);
	plan.npolicies = list_length(policies);
	plan.policies = rs_share(run, context, plan.npolicies * sizeof(RsPlanPolicy), "lists");
	policy = plan.policies.local;
	factors = plan.factors.local;
	foreach(cell, policies)
	{
		const RsPolicy *p = lfirst(cell);

		policy->neighbors = place_of(parts->neighbors, rs_parts_neighbors(parts, p));
		policy->factors = place_of(parts->factors, rs_parts_factors(parts, p));
		policy->blend = p->blend;
		if (policy->neighbors >= 0 && policy->factors >= 0 && p->blend < 1)
			factors[policy->factors].least_share =
				Min(factors[policy->factors].least_share, 1 - p->blend);
		policy++;
	}
	return plan;
}

/* ---- batch ---- */

RsBatch
rs_batch_make(RsRun *run, MemoryContext context, uint32 most, uint64 columns)
{
	RsBatch		batch = {{0}};

	batch.most = most;
	batch.room = Max(columns, POOL_ROOM);
	batch.target = rs_share(run, context, most * sizeof(RsTarget), "lists");
	batch.pool = rs_share(run, context, batch.room * sizeof(uint32), "lists");
	return batch;
}

void
rs_batch_clear(RsBatch *batch)
{
	batch->n = 0;
	batch->used = 0;
}

uint32 *
rs_batch_space(const RsBatch *batch, uint64 columns)
{
	if (batch->n == batch->most || batch->room - batch->used < columns)
		return NULL;
	return (uint32 *) batch->pool.local + batch->used;
}

void
rs_batch_add(RsBatch *batch, const RsTarget *target, uint64 columns)
{
	RsTarget   *t = (RsTarget *) batch->target.local + batch->n++;

	*t = *target;
	t->history += batch->used;
	t->weight += batch->used;
	t->hidden += batch->used;
	t->rated += batch->used;
	t->rating += batch->used;
	t->relevant += batch->used;
	t->tested += batch->used;
	t->test_rating += batch->used;
	batch->used += columns;
}

/* ---- a process ---- */

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
	Size		room = rs_window_room(plan->k, plan->nitems);
	Size		f = most_width(plan);

	return sizeof(RsLister) + plan->nitems * (3 * sizeof(float) + 1 + sizeof(int)) +
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

/* Solves the vectors of those with a history, and scans the catalog. */
static void
scan_users(RsLister *r, const RsPlanFactors *p, RsRankFactors *f)
{
	RsFoldIn	fold = p->fold;
	bool		ratings = (fold.kind == RS_KIND_RATING);

	fold.row = rs_shared(p->row);
	fold.gram = ratings ? NULL : rs_shared(p->gram);
	f->factors = fold.width;
	f->item = fold.row;
	f->longest = p->longest;
	f->least_share = p->least_share;
	f->is_score = ratings;
	for (int i = 0; i < r->warm; i++)
	{
		const RsTarget *t = &r->target[r->place[i]];

		(void) rs_fold_in(&fold, ratings ? t->nrated : t->nhistory,
						  r->pool + (ratings ? t->rated : t->history),
						  ratings ? (const float *) (r->pool + t->rating) : weights(r, t),
						  r->solve, r->x + (Size) i * fold.width);
		CHECK_FOR_INTERRUPTS();
	}
	rs_rank_scan(&r->items, f, r->user, r->warm, r->x, r->plan->k, r->near,
				 r->near_room, &r->work);
}

/* The lists of all users by the policies with a part of the factors. */
static void
list_users(RsLister *r, int factors, const RsRankFactors *f, RsListed listed, void *arg)
{
	for (int p = 0; p < r->plan->npolicies; p++)
	{
		const RsPlanPolicy *policy = &r->policy[p];

		if (policy->factors != factors)
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

				listed(arg, r->place[i], p, hidden != 0, f ? u->x : NULL, r->list, n);
			}
			CHECK_FOR_INTERRUPTS();
		}
	}
}

/* All lists of the users taken together. */
static void
rank_users(RsLister *r, RsListed listed, void *arg)
{
	r->used = 0;
	for (int i = 0; i < r->n; i++)
	{
		mark_user(r, i);
		CHECK_FOR_INTERRUPTS();
	}
	list_users(r, -1, NULL, listed, arg);
	for (int i = 0; i < r->plan->nfactors; i++)
	{
		RsRankFactors f;

		scan_users(r, &r->factors[i], &f);
		list_users(r, i, &f, listed, arg);
	}
}

uint32
rs_lister_blocks(const RsBatch *batch)
{
	return (batch->n + RS_RANK_USERS - 1) / RS_RANK_USERS;
}

/* Takes as many users together as there is room for their marks. */
void
rs_lister_block(RsLister *r, uint32 block, RsListed listed, void *arg)
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
		rank_users(r, listed, arg);
	}
}
