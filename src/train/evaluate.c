/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  Ranks all items for every user with a test interaction, and measures.
 *
 * Scores come from the code that serves: the user's vector is solved from the
 * history at the cutoff, the neighbours' evidence is gathered from the same
 * history, and the lists are those that serving makes of both (lister.h).
 * Full ranking over all items known in train, never a sample of them.
 *
 * This backend prepares users a batch at a time, in shared memory; the team
 * ranks and measures them by blocks, each user at a place of its own; this
 * backend then adds up in the order of the users.  So every figure is the same
 * for any number of processes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "evaluate.h"
#include "progress.h"
#include "targets.h"
#include "kernel/metric.h"

typedef struct EvaluateArg
{
	RsPlan		plan;
	RsBatch		batch;
	RsShared	lengths;		/* of lists: nk, ascending */
	int			nk;
	RsShared	result;			/* by target, policy, protocol */
	bool		with_ratings;
	RsShared	ratings;		/* see ratings.c */
	RsShared	errors;			/* by target, policy */
} EvaluateArg;

/*
 * One list and its metrics; value[nk x RS_USER_METRICS] and column[k] follow
 * each other.
 */
typedef struct ListResult
{
	int32		n;				/* -1 = not to be counted */
	float		value[FLEXIBLE_ARRAY_MEMBER];
} ListResult;

static Size
result_size(const EvaluateArg *a)
{
	return offsetof(ListResult, value) + sizeof(float) * a->nk * RS_USER_METRICS +
		sizeof(uint32) * a->plan.k;
}

static ListResult *
result_of(const EvaluateArg *a, void *results, uint32 target, int policy, int protocol)
{
	Size		place = ((Size) target * a->plan.npolicies + policy) * RS_PROTOCOLS + protocol;

	return (ListResult *) ((char *) results + place * result_size(a));
}

static uint32 *
result_columns(const EvaluateArg *a, ListResult *result)
{
	return (uint32 *) (result->value + a->nk * RS_USER_METRICS);
}

/* ---- in each process ---- */

typedef struct EvaluateScratch
{
	const EvaluateArg *arg;
	RsLister   *lister;
	const RsTarget *target;
	const uint32 *pool;
	const int  *lengths;
	void	   *results;
	bool	   *hit;
} EvaluateScratch;

static void *
evaluate_begin(const void *arg)
{
	const EvaluateArg *a = arg;
	EvaluateScratch *s = palloc(sizeof(EvaluateScratch));

	s->arg = a;
	s->lister = rs_lister_make(&a->plan, &a->batch);
	s->target = rs_shared(a->batch.target);
	s->pool = rs_shared(a->batch.pool);
	s->lengths = rs_shared(a->lengths);
	s->results = rs_shared(a->result);
	s->hit = palloc(sizeof(bool) * a->plan.k);
	return s;
}

/* Relevant items that the protocol "new" counts: those not owned. */
static int
count_new(const uint32 *relevant, uint32 nrelevant, const uint32 *owned, uint32 nowned)
{
	int			n = 0;

	for (uint32 i = 0; i < nrelevant; i++)
		n += !rs_among(owned, nowned, relevant[i]);
	return n;
}

/* A list has been made: measure it. */
static void
measure_list(void *arg, uint32 target, int policy, bool with_hidden,
			 const float *x, const RsScored *list, int n)
{
	EvaluateScratch *s = arg;
	const EvaluateArg *a = s->arg;
	const RsTarget *t = &s->target[target];
	const uint32 *relevant = s->pool + t->relevant;
	int			nrelevant = with_hidden ? (int) t->nrelevant :
		count_new(relevant, t->nrelevant, s->pool + t->hidden, t->nhidden);
	ListResult *result = result_of(a, s->results, target, policy,
								   with_hidden ? RS_PROTOCOL_ALL : RS_PROTOCOL_NEW);
	uint32	   *column = result_columns(a, result);

	if (a->with_ratings && with_hidden)
		rs_ratings_measure(&a->plan, a->ratings, policy, t, s->pool, x,
						   (RsErrors *) rs_shared(a->errors) +
						   (Size) target * a->plan.npolicies + policy);
	result->n = nrelevant > 0 ? n : -1;
	if (nrelevant == 0)
		return;
	for (int i = 0; i < n; i++)
	{
		column[i] = list[i].id;
		s->hit[i] = rs_among(relevant, t->nrelevant, list[i].id);
	}
	for (int j = 0; j < a->nk; j++)
	{
		float	   *v = result->value + j * RS_USER_METRICS;
		RsMetrics	m;

		rs_metrics(s->hit, n, nrelevant, s->lengths[j], &m);
		v[0] = (float) m.precision;
		v[1] = (float) m.recall;
		v[2] = (float) m.capped_recall;
		v[3] = (float) m.ndcg;
		v[4] = (float) m.average_precision;
		v[5] = (float) m.reciprocal_rank;
		v[6] = (float) m.hit;
	}
}

static void
evaluate_block(const void *arg, void *scratch, uint32 block)
{
	EvaluateScratch *s = scratch;

	rs_lister_block(s->lister, block, measure_list, s);
}

const RsJob rs_job_evaluate = {"evaluate", evaluate_begin, evaluate_block};

/* ---- in the backend that trains ---- */

typedef struct Evaluator
{
	RsRun	   *run;
	RsTeam	   *team;
	RsEvaluation *ev;
	RsTargets	targets;
	EvaluateArg arg;
} Evaluator;

/* Has the team rank the batch, and adds what it found in the users' order. */
static void
run_batch(Evaluator *e)
{
	RsBatch    *batch = &e->arg.batch;
	const RsTarget *target = batch->target.local;
	const RsErrors *errors = e->arg.errors.local;

	rs_team_run(e->team, &rs_job_evaluate, &e->arg, sizeof(e->arg), rs_lister_blocks(batch));
	for (uint32 i = 0; i < batch->n; i++)
		for (int policy = 0; policy < e->ev->npolicies; policy++)
		{
			if (e->arg.with_ratings)
				rs_ratings_add(e->ev, policy, errors++);
			for (int protocol = 0; protocol < RS_PROTOCOLS; protocol++)
			{
				ListResult *r = result_of(&e->arg, e->arg.result.local, i, policy, protocol);

				if (r->n >= 0)
					rs_evaluation_add(e->ev, policy, protocol, target[i].user,
									  target[i].warm,
									  result_columns(&e->arg, r), r->n, r->value);
			}
		}
	rs_batch_clear(batch);
}

/* Shared and private memory, in a context that goes with the evaluation. */
static void
allocate(Evaluator *e, MemoryContext context)
{
	RsRun	   *run = e->run;
	RsSplit    *split = e->ev->split;
	EvaluateArg *a = &e->arg;
	Size		bytes;
	uint32		most;

	rs_parts_share(run, split);
	a->plan = rs_plan_make(run, context, split->parts, split->matrix->items.nrows,
						   e->ev->policies, e->ev->kmax, true);
	rs_plan_funnels(run, context, &a->plan, split, e->ev->policies);
	a->nk = run->nk;
	a->lengths = rs_share(run, context, run->nk * sizeof(int), "evaluation");
	memcpy(a->lengths.local, run->k, run->nk * sizeof(int));
	bytes = result_size(a) * a->plan.npolicies * RS_PROTOCOLS;
	most = Min(Max(RS_RESULT_BYTES / bytes, RS_RANK_USERS), RS_RESULT_USERS);
	rs_targets_make(&e->targets, run, split, context);
	e->targets.cold = e->ev->cold;
	a->batch = rs_batch_make(run, context, most, e->targets.most_words);
	a->result = rs_share(run, context, bytes * most, "evaluation");
	if (run->with_ratings)
	{
		a->with_ratings = true;
		a->ratings = rs_ratings_plan(run, context, split->parts, e->ev->policies);
		a->errors = rs_share(run, context, sizeof(RsErrors) * a->plan.npolicies * most, "evaluation");
	}
	rs_run_charge(run, rs_lister_bytes(&a->plan) * (run->workers + 1), "evaluation");
}

RsEvaluation *
rs_evaluate_split(RsRun *run, RsTeam *team, RsSplit *split, List *policies)
{
	MemoryContext context = AllocSetContextCreate(split->context, "recsys evaluation",
												  ALLOCSET_DEFAULT_SIZES);
	uint32		nusers = rs_idmap_count(run->users);
	Evaluator	e = {0};

	e.run = run;
	e.ev = rs_evaluation_make(run, split, policies);
	allocate(&e, context);
	e.team = team != NULL ? team : rs_team_begin(run, run->nevents);
	for (uint32 u = 0; u < nusers; u++)
	{
		if (!split->bot[u] && !rs_targets_add(&e.targets, &e.arg.batch, u))
		{
			run_batch(&e);
			(void) rs_targets_add(&e.targets, &e.arg.batch, u);
		}
		if (u % 256 == 0)
		{
			rs_progress_rows(u, nusers);
			CHECK_FOR_INTERRUPTS();
		}
	}
	run_batch(&e);
	if (team == NULL)
		rs_team_end(e.team);
	e.ev->test_pairs = e.targets.test_pairs;
	e.ev->cold_pairs = e.targets.cold_pairs;
	MemoryContextDelete(context);
	return e.ev;
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
