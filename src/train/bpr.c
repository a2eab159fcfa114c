/*-------------------------------------------------------------------------
 *
 * bpr.c
 *	  Trains factors by Bayesian personalised ranking.
 *
 * A round visits each pair once, with a negative drawn afresh.  This backend
 * divides the items for it; the blocks of a stratum share no user and no item
 * and are done by any process, one stratum after the other: kernel/bpr.h.  So
 * the factors are the same bytes for any number of processes.
 *
 * The items' factors and biases are what is learned.  The users' vectors of
 * the descent only lead there: those stored are the fold-in of serving, solved
 * by the rows of iALS against the items.  Since they differ in length from the
 * vectors that the biases were learned with, the biases are scaled to keep
 * their share of the score.
 *
 * Reference: Rendle, Freudenthaler, Gantner, Schmidt-Thieme, UAI 2009; Gemulla,
 * Nijkamp, Haas, Sismanis, KDD 2011.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "als_job.h"
#include "progress.h"
#include "kernel/bpr.h"

/* ---- in each process ---- */

typedef struct BprArg
{
	RsBprSettings settings;
	RsSharedCsr users;
	RsShared	user;
	RsShared	item;
	RsShared	bias;
	RsShared	part;			/* the round's plan */
	RsShared	start;
	RsShared	place;
	RsShared	weight;
	RsShared	loss;			/* by stratum and part of the users */
	int			parts;
	int			round;
	int			stratum;
} BprArg;

static RsBprPlan
plan_of(const BprArg *a)
{
	RsBprPlan	plan;

	plan.parts = a->parts;
	plan.part = rs_shared(a->part);
	plan.start = rs_shared(a->start);
	plan.item = rs_shared(a->place);
	plan.weight = rs_shared(a->weight);
	return plan;
}

static void
out_of_range(const RsBprSettings *s)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("the factors have left the range of single precision"),
			 errdetail("The rate is %g, ridge is %g.", s->rate, s->ridge),
			 errhint("Lower the rate or initial_sd, or raise ridge.")));
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static void
bpr_block(const void *arg, void *scratch, uint32 block)
{
	const BprArg *a = arg;
	RsCsr		users = rs_shared_csr(&a->users);
	RsBprPlan	plan = plan_of(a);
	RsBprLoss  *loss = (RsBprLoss *) rs_shared(a->loss) + a->stratum * a->parts + block;
	RsBprModel	model;

	model.user = rs_shared(a->user);
	model.item = rs_shared(a->item);
	model.bias = rs_shared(a->bias);
	model.tick = check_interrupts;
	memset(loss, 0, sizeof(*loss));
	if (rs_bpr_block(&a->settings, &users, &plan, a->round, (int) block,
					 ((int) block + a->stratum) % a->parts, &model, loss) != 0)
		out_of_range(&a->settings);
}

const RsJob rs_job_bpr = {"pairs against negatives", NULL, bpr_block};

/* ---- in the backend that trains ---- */

typedef struct Trainer
{
	RsRun	   *run;
	RsTeam	   *team;
	const RsMatrix *m;
	RsFactorPart *part;
	BprArg		arg;
	RsShared	slice;			/* scratch of Gram matrices */
	float	   *user_gram;
	RsShared	loss;			/* by block of users */
	RsShared	ridge;
} Trainer;

/* One round; the mean loss of its triples. */
static void
do_round(Trainer *t, int number)
{
	RsFactorPart *p = t->part;
	BprArg	   *a = &t->arg;
	RsBprPlan	plan = plan_of(a);
	uint64		nusers = t->m->users.nrows;
	const RsBprLoss *loss = a->loss.local;
	double		sum = 0;
	uint64		triples = 0;
	instr_time	start;

	rs_part_sweep_begin(p, number, &start);
	a->round = number;
	rs_bpr_plan(&a->settings, &t->m->items, number, &plan);
	for (a->stratum = 0; a->stratum < a->parts; a->stratum++)
	{
		rs_progress_rows((uint64) a->stratum * nusers / a->parts, nusers);
		rs_team_run(t->team, &rs_job_bpr, a, sizeof(*a), a->parts);
	}
	for (int i = 0; i < a->parts * a->parts; i++)
	{
		sum += loss[i].sum;
		triples += loss[i].triples;
	}
	rs_part_sweep_end(t->run, p, "round", number, triples > 0 ? sum / triples : 0, &start);
}

static double
spread(Trainer *t)
{
	RsFactorPart *p = t->part;
	int			f = p->settings.factors;

	rs_gram_matrix(t->team, p->shared_user, t->m->users.nrows, f, t->slice, t->user_gram);
	return rs_bpr_spread(f, t->user_gram, p->gram);
}

/* Users by their fold-in; biases keep their share of the score. */
static void
fold_users(Trainer *t)
{
	RsFactorPart *p = t->part;
	RsSolveArg	solve = {{0}};
	double		before;
	double		after;

	rs_gram_matrix(t->team, p->shared_item, t->m->items.nrows, p->settings.factors,
				   t->slice, p->gram);
	before = spread(t);
	solve.settings = p->settings;
	solve.pairs = t->m->shared_users;
	solve.other = p->shared_item;
	solve.gram = p->shared_gram;
	solve.x = p->shared_user;
	solve.loss = t->loss;
	solve.ridge = t->ridge;
	rs_team_run(t->team, &rs_job_exact, &solve, sizeof(solve), rs_row_blocks(t->m->users.nrows));
	after = spread(t);
	if (before > 0)
		for (uint32 i = 0; i < t->m->items.nrows; i++)
			p->item_bias[i] = (float) (p->item_bias[i] * (after / before));
}

static void
allocate(Trainer *t, MemoryContext context, MemoryContext scratch)
{
	RsFactorPart *p = t->part;
	RsRun	   *run = t->run;
	BprArg	   *a = &t->arg;
	Size		f = p->settings.factors;
	Size		nusers = t->m->users.nrows;
	Size		nitems = t->m->items.nrows;
	Size		blocks = rs_row_blocks(nusers) * sizeof(double);

	rs_part_allocate(run, context, t->m, p);
	a->item = p->shared_item;
	a->user = p->shared_user;
	a->bias = p->shared_item_bias;
	a->part = rs_share(run, scratch, nitems, "negatives");
	a->start = rs_share(run, scratch, sizeof(uint32) * (RS_BPR_PARTS + 1), "negatives");
	a->place = rs_share(run, scratch, sizeof(uint32) * nitems, "negatives");
	a->weight = rs_share(run, scratch, sizeof(double) * nitems, "negatives");
	a->loss = rs_share(run, scratch, sizeof(RsBprLoss) * a->parts * a->parts, "losses");
	t->slice = rs_share(run, scratch, sizeof(float) * RS_GRAM_SLICES * f * f, "Gram matrices");
	t->user_gram = rs_run_alloc_in(run, scratch, sizeof(float) * f * f, "Gram matrices");
	t->loss = rs_share(run, scratch, blocks, "losses");
	t->ridge = rs_share(run, scratch, blocks, "losses");
}

RsFactorPart *
rs_train_bpr(RsRun *run, RsTeam *team, RsSplit *split, const RsFactorSettings *settings)
{
	MemoryContext scratch = AllocSetContextCreate(split->context, "recsys pairwise",
												  ALLOCSET_SMALL_SIZES);
	RsFactorPart *p = MemoryContextAllocZero(split->context, sizeof(RsFactorPart));
	int			f = settings->factors;
	Trainer		t = {0};
	RsBprSettings *s = &t.arg.settings;
	RsBprModel	model = {0};

	t.run = run;
	t.team = team;
	t.m = split->matrix;
	t.part = p;
	p->asked = p->settings = *settings;
	p->settings.alpha0 = rs_settle_alpha0(settings->alpha0, t.m);
	if (settings->initial_sd == RS_AUTO)
		p->settings.initial_sd = 0.1 / sqrt(f);
	s->factors = f;
	s->rounds = settings->sweeps;
	s->item_bias = settings->item_bias;
	s->rate = settings->rate;
	s->ridge = settings->ridge;
	s->exponent = settings->exponent;
	s->seed = (uint64) run->seed;
	t.arg.users = t.m->shared_users;
	t.arg.parts = rs_bpr_parts(t.m->users.nrows, t.m->items.nrows);
	allocate(&t, split->context, scratch);
	rs_random_start(p->item, (Size) t.m->items.nrows * f, p->settings.initial_sd, run->seed);
	for (int i = 0; i < settings->sweeps; i++)
		do_round(&t, i);
	model.user = p->user;
	model.item = p->item;
	model.bias = p->item_bias;
	if (rs_bpr_normalize(s, t.m->users.nrows, t.m->items.nrows, &model) != 0)
		out_of_range(s);
	rs_progress_sweep(0, 0);
	fold_users(&t);
	p->done = settings->sweeps;
	p->kind = settings->item_bias ? RS_KIND_BIASED : RS_KIND_IMPLICIT;
	if (!settings->item_bias)
		p->item_bias = NULL;
	MemoryContextDelete(scratch);
	return p;
}
