/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  Ranks all items for every user with a test interaction, and measures.
 *
 * Scores come from the code that serves: the user's vector is solved from the
 * history at the cutoff, the neighbours' evidence is gathered from the same
 * history, and both are blended by rs_blend.  Only the products of user
 * vectors with item factors are taken a block of users at a time, by BLAS.
 *
 * Full ranking over all items known in train, never a sample of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <cblas.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "evaluate.h"
#include "progress.h"
#include "kernel/als.h"
#include "kernel/history.h"
#include "kernel/score.h"

#define BLOCK_USERS		32
#define PRODUCT_COLUMNS	16384	/* keeps a BLAS call within milliseconds */

/* One user to be scored. */
typedef struct TestUser
{
	uint32		user;
	bool		warm;
	int			nhistory;		/* positive items, by item */
	uint32	   *column;			/* their columns */
	float	   *weight;
	int			nrelevant;		/* columns, ascending */
	uint32	   *relevant;
	int			nowned;
	uint32	   *owned;			/* columns that serving would hide */
} TestUser;

typedef struct Work
{
	MemoryContext block;		/* test users of the block */
	RsEvent    *history;
	RsEvent    *test;
	bool	   *hidden;			/* by column */
	float	   *neighbor;		/* evidence by column */
	float	   *score;			/* by column */
	float	   *vector;			/* BLOCK_USERS x factors */
	float	   *product;		/* BLOCK_USERS x columns */
	float	   *als;
	RsScored   *top;
	bool	   *hit;
} Work;

static bool
is_relevant(const RsRun *run, const RsEvent *e)
{
	return (e->flags & RS_POSITIVE) &&
		(!run->recommender->relevant_owned || (e->flags & RS_OWNED));
}

/* The user's items on the test side; counts pairs, and those of unknown items. */
static void
collect_relevant(RsRun *run, RsEvaluation *ev, Work *w, TestUser *t)
{
	const RsMatrix *m = ev->split->matrix;
	int			n = 0;

	for (uint64 i = run->user_start[t->user]; i < run->user_start[t->user + 1]; i++)
		if (rs_in_test(run, ev->split, t->user, &run->event[i]) &&
			is_relevant(run, &run->event[i]))
			w->test[n++] = run->event[i];
	n = rs_merge_events(w->test, n, PG_INT64_MAX, run->recommender->merge,
						run->recommender->repeat_window);
	t->relevant = palloc((n + 1) * sizeof(uint32));
	for (int i = 0; i < n; i++)
	{
		ev->test_pairs++;
		if (m->column[w->test[i].item] == RS_NO_ID)
		{
			ev->cold_pairs++;
			ev->cold[w->test[i].item] = true;
		}
		else
			t->relevant[t->nrelevant++] = m->column[w->test[i].item];
	}
}

/*
 * Fills a test user; false if there is nothing to score.  Columns follow the
 * order of the ids, so what is sorted by item is sorted by column.
 */
static bool
prepare_user(RsRun *run, RsEvaluation *ev, Work *w, uint32 user, TestUser *t)
{
	const RsMatrix *m = ev->split->matrix;
	int			n;

	memset(t, 0, sizeof(*t));
	t->user = user;
	collect_relevant(run, ev, w, t);
	if (t->nrelevant == 0)
		return false;
	n = rs_user_history(run, ev->split, user, w->history);
	t->owned = palloc((n + 1) * sizeof(uint32));
	for (int i = 0; i < n; i++)
		if ((w->history[i].flags & RS_OWNED) &&
			m->column[w->history[i].item] != RS_NO_ID)
			t->owned[t->nowned++] = m->column[w->history[i].item];
	n = rs_newest_positive(w->history, n, run->recommender->history_limit);
	t->warm = n > 0;
	t->nhistory = n;
	t->column = palloc((n + 1) * sizeof(uint32));
	t->weight = palloc((n + 1) * sizeof(float));
	for (int i = 0; i < n; i++)
	{
		t->column[i] = m->column[w->history[i].item];
		t->weight[i] = w->history[i].weight;
	}
	return true;
}

/* Solves the block's user vectors and multiplies them with all items. */
static void
block_products(const RsMatrix *m, Work *w, const RsFactorPart *p,
			   const TestUser *users, int n)
{
	const RsFactorSettings *s = &p->settings;
	uint32		ncols = m->users.ncols;

	for (int i = 0; i < n; i++)
		rs_als_row(s->factors, p->gram, (float) s->alpha0,
				   (float) rs_als_ridge(s->lambda, s->nu, s->alpha0,
										users[i].nhistory, ncols),
				   users[i].nhistory, users[i].column, users[i].weight,
				   p->item, w->als, w->vector + (Size) i * s->factors);
	for (uint32 first = 0; first < ncols; first += PRODUCT_COLUMNS)
	{
		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n,
					Min(PRODUCT_COLUMNS, ncols - first), s->factors,
					1, w->vector, s->factors,
					p->item + (Size) first * s->factors, s->factors,
					0, w->product + first, ncols);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Marks the places of the list that are relevant (both sorted sets of columns). */
static void
mark_hits(const TestUser *t, const RsScored *list, int n, bool *hit)
{
	for (int i = 0; i < n; i++)
	{
		int			low = 0;
		int			high = t->nrelevant;

		while (low < high)
		{
			int			middle = (low + high) / 2;

			if (t->relevant[middle] < list[i].id)
				low = middle + 1;
			else
				high = middle;
		}
		hit[i] = low < t->nrelevant && t->relevant[low] == list[i].id;
	}
}

/* Relevant items that the protocol "new" counts: those not owned. */
static int
count_new(const TestUser *t)
{
	int			n = 0;

	for (int i = 0, j = 0; i < t->nrelevant; i++)
	{
		while (j < t->nowned && t->owned[j] < t->relevant[i])
			j++;
		if (j == t->nowned || t->owned[j] != t->relevant[i])
			n++;
	}
	return n;
}

/* One user, one policy, one protocol: rank and record. */
static void
score_user(RsRun *run, RsEvaluation *ev, Work *w, const TestUser *t,
		   int policy, int protocol, const float *neighbor, const float *product)
{
	const RsPolicy *p = list_nth(ev->policies, policy);
	bool		is_new = (protocol == RS_PROTOCOL_NEW);
	int			nrelevant = is_new ? count_new(t) : t->nrelevant;
	int			n;

	if (nrelevant == 0)
		return;
	for (int i = 0; is_new && i < t->nowned; i++)
		w->hidden[t->owned[i]] = true;
	rs_blend(neighbor, product, ev->split->parts->popularity,
			 is_new ? w->hidden : NULL, ev->split->matrix->users.ncols, p->blend, w->score);
	n = rs_topk_float(w->score, ev->split->matrix->users.ncols, ev->kmax, w->top);
	for (int i = 0; is_new && i < t->nowned; i++)
		w->hidden[t->owned[i]] = false;
	mark_hits(t, w->top, n, w->hit);
	rs_evaluation_add(ev, policy, protocol, t->user, t->warm, w->top, n, w->hit,
					  nrelevant);
}

/* Scores a block of users with every policy under both protocols. */
static void
score_block(RsRun *run, RsEvaluation *ev, Work *w, const TestUser *users, int n)
{
	uint32		ncols = ev->split->matrix->users.ncols;

	for (int policy = 0; policy < ev->npolicies; policy++)
	{
		RsPolicy   *p = list_nth(ev->policies, policy);
		RsNeighborPart *neighbors = rs_parts_neighbors(ev->split->parts, p);
		RsFactorPart *factors = rs_parts_factors(ev->split->parts, p);

		if (factors)
			block_products(ev->split->matrix, w, factors, users, n);
		for (int i = 0; i < n; i++)
		{
			const TestUser *t = &users[i];
			bool		evidence = t->nhistory > 0;

			if (neighbors && evidence)
			{
				memset(w->neighbor, 0, ncols * sizeof(float));
				rs_neighbor_scores(neighbors->start, neighbors->neighbor,
								   t->nhistory, t->column, t->weight, w->neighbor);
			}
			for (int protocol = 0; protocol < RS_PROTOCOLS; protocol++)
				score_user(run, ev, w, t, policy, protocol,
						   neighbors && evidence ? w->neighbor : NULL,
						   factors && evidence ? w->product + (Size) i * ncols : NULL);
		}
		CHECK_FOR_INTERRUPTS();
	}
}

static Work *
make_work(RsRun *run, const RsEvaluation *ev)
{
	Work	   *w = palloc0(sizeof(Work));
	Size		ncols = Max(ev->split->matrix->users.ncols, 1);
	int			factors = 1;
	ListCell   *cell;

	foreach(cell, ev->policies)
		factors = Max(factors, ((RsPolicy *) lfirst(cell))->factors.factors);
	rs_run_charge(run, (BLOCK_USERS + 3) * ncols * sizeof(float), "evaluation");
	w->block = AllocSetContextCreate(CurrentMemoryContext, "recsys test users",
									 ALLOCSET_DEFAULT_SIZES);
	w->history = palloc_extended((rs_longest_history(run) + 1) * sizeof(RsEvent), MCXT_ALLOC_HUGE);
	w->test = palloc_extended((rs_longest_history(run) + 1) * sizeof(RsEvent), MCXT_ALLOC_HUGE);
	w->hidden = palloc_extended(ncols * sizeof(bool), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	w->neighbor = palloc_extended(ncols * sizeof(float), MCXT_ALLOC_HUGE);
	w->score = palloc_extended(ncols * sizeof(float), MCXT_ALLOC_HUGE);
	w->vector = palloc(sizeof(float) * BLOCK_USERS * factors);
	w->product = palloc_extended(sizeof(float) * BLOCK_USERS * ncols, MCXT_ALLOC_HUGE);
	w->als = palloc(sizeof(float) * rs_als_workspace(factors));
	w->top = palloc(sizeof(RsScored) * ev->kmax);
	w->hit = palloc(sizeof(bool) * ev->kmax);
	return w;
}

RsEvaluation *
rs_evaluate_split(RsRun *run, RsTeam *team, RsSplit *split, List *policies)
{
	RsEvaluation *ev = rs_evaluation_make(run, split, policies);
	Work	   *w = make_work(run, ev);
	TestUser	users[BLOCK_USERS];
	int			n = 0;
	uint32		nusers = rs_idmap_count(run->users);

	for (uint32 u = 0; u < nusers; u++)
	{
		MemoryContext old = MemoryContextSwitchTo(w->block);

		if (!split->bot[u] && prepare_user(run, ev, w, u, &users[n]))
			n++;
		MemoryContextSwitchTo(old);
		if (n == BLOCK_USERS || (u == nusers - 1 && n > 0))
		{
			score_block(run, ev, w, users, n);
			n = 0;
		}
		if (n == 0)
			MemoryContextReset(w->block);
		if (u % 256 == 0)
		{
			rs_progress_rows(u, nusers);
			CHECK_FOR_INTERRUPTS();
		}
	}
	return ev;
}

/* Stage evaluate. */
void
rs_evaluate(RsRun *run, RsStageResult *result)
{
	RsEvaluation *ev = rs_evaluate_split(run, NULL, run->split, run->policies);

	result->rows_in = ev->test_pairs;
	result->rows_out = rs_evaluation_store(ev);
	if (result->rows_out == 0)
		ereport(NOTICE,
				(errmsg("nothing to evaluate: no user has an interaction on the test side with an item known in train"),
				 errhint("Give a cutoff that leaves interactions on both sides.")));
}
