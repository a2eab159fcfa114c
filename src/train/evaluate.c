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
#include "kernel/history.h"
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

/* Whether a column is among n ascending ones. */
static bool
contains(const uint32 *column, uint32 n, uint32 wanted)
{
	uint32		low = 0;
	uint32		high = n;

	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (column[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && column[low] == wanted;
}

/* Relevant items that the protocol "new" counts: those not owned. */
static int
count_new(const uint32 *relevant, uint32 nrelevant, const uint32 *owned, uint32 nowned)
{
	int			n = 0;

	for (uint32 i = 0; i < nrelevant; i++)
		n += !contains(owned, nowned, relevant[i]);
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
		s->hit[i] = contains(relevant, t->nrelevant, list[i].id);
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
	RsEvent    *history;		/* room for the longest */
	RsEvent    *test;
	RsRating   *rating;			/* the same, where ratings are learned from */
	EvaluateArg arg;
} Evaluator;

/*
 * The user's items on the test side, as columns; counts pairs, and those of
 * unknown items.  Columns follow the order of the ids, so what is sorted by
 * item is sorted by column.
 */
static uint32
collect_relevant(Evaluator *e, uint32 user, uint32 *relevant)
{
	RsRun	   *run = e->run;
	RsEvaluation *ev = e->ev;
	const RsMatrix *m = ev->split->matrix;
	uint32		nrelevant = 0;
	int			n = rs_user_future(run, ev->split, user, e->history, e->test);

	for (int i = 0; i < n; i++)
	{
		uint32		item = rs_event_item(&e->test[i]);

		ev->test_pairs++;
		if (m->column[item] == RS_NO_ID)
		{
			ev->cold_pairs++;
			ev->cold[item] = true;
		}
		else
			relevant[nrelevant++] = m->column[item];
	}
	return nrelevant;
}

/*
 * The user's ratings of one side, the newest limit of them, as columns; each
 * is followed by so many ratings.  Returns how many.
 */
static uint32
collect_ratings(Evaluator *e, uint32 user, bool test, int limit, uint32 *space)
{
	const RsMatrix *m = e->ev->split->matrix;
	int			n = rs_user_ratings(e->run, e->ev->split, user, test, e->rating);
	uint32		kept = 0;

	n = rs_recent_ratings(e->rating, n, limit);
	for (int i = 0; i < n; i++)
		if (m->column[e->rating[i].item] != RS_NO_ID)
			e->rating[kept++] = e->rating[i];
	for (uint32 i = 0; i < kept; i++)
	{
		space[i] = m->column[e->rating[i].item];
		((float *) space)[kept + i] = e->rating[i].value;
	}
	return kept;
}

/* Both sides' ratings; returns what they use of the space. */
static uint64
add_ratings(Evaluator *e, RsTarget *t, uint32 *space, uint64 used)
{
	t->tested = used;
	t->ntested = collect_ratings(e, t->user, true, PG_INT32_MAX, space + used);
	t->test_rating = used + t->ntested;
	used += 2 * (uint64) t->ntested;
	t->rated = used;
	t->nrated = collect_ratings(e, t->user, false, e->run->recommender->history_limit, space + used);
	t->rating = used + t->nrated;
	return used + 2 * (uint64) t->nrated;
}

/* Words of a batch that a user with so many events needs at most. */
static uint64
words(const Evaluator *e, uint64 events)
{
	return (e->run->with_ratings ? 8 : 4) * events;
}

/*
 * Puts a user with something to find or to predict into the batch.  False if
 * the batch is too full for it.
 */
static bool
add_user(Evaluator *e, uint32 user)
{
	RsRun	   *run = e->run;
	const RsMatrix *m = e->ev->split->matrix;
	uint64		events = run->user_start[user + 1] - run->user_start[user];
	uint32	   *space = rs_batch_space(&e->arg.batch, words(e, events));
	RsTarget	t = {0};
	uint64		used;
	int			n;

	if (space == NULL)
		return false;
	t.user = user;
	used = t.nrelevant = collect_relevant(e, user, space);
	if (run->with_ratings)
		used = add_ratings(e, &t, space, used);
	if (t.nrelevant == 0 && (t.ntested == 0 || t.nrated == 0))
		return true;
	n = rs_user_history(run, e->ev->split, user, e->history);
	t.hidden = used;
	for (int i = 0; i < n; i++)
	{
		uint32		column = m->column[rs_event_item(&e->history[i])];

		if ((rs_event_flags(&e->history[i]) & RS_OWNED) && column != RS_NO_ID)
			space[used++] = column;
		t.warm |= run->recommender->explicit_feedback && column != RS_NO_ID;
	}
	t.nhidden = (uint32) (used - t.hidden);
	n = rs_newest_positive(e->history, n, run->recommender->history_limit);
	/* items of too few users are in no column */
	for (int i = 0; i < n; i++)
		if (m->column[rs_event_item(&e->history[i])] != RS_NO_ID)
			e->history[t.nhistory++] = e->history[i];
	t.warm |= t.nhistory > 0;
	t.history = used;
	t.weight = used + t.nhistory;
	for (uint32 i = 0; i < t.nhistory; i++)
	{
		space[t.history + i] = m->column[rs_event_item(&e->history[i])];
		((float *) space)[t.weight + i] = e->history[i].weight;
	}
	rs_batch_add(&e->arg.batch, &t, used + 2 * (uint64) t.nhistory);
	return true;
}

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
	uint64		longest = rs_longest_history(run);
	Size		bytes;
	uint32		most;

	rs_parts_share(run, split);
	a->plan = rs_plan_make(run, context, split->parts, split->matrix->items.nrows,
						   e->ev->policies, e->ev->kmax, true);
	a->nk = run->nk;
	a->lengths = rs_share(run, context, run->nk * sizeof(int), "evaluation");
	memcpy(a->lengths.local, run->k, run->nk * sizeof(int));
	bytes = result_size(a) * a->plan.npolicies * RS_PROTOCOLS;
	most = Min(Max(RS_RESULT_BYTES / bytes, RS_RANK_USERS), RS_RESULT_USERS);
	a->batch = rs_batch_make(run, context, most, words(e, longest));
	a->result = rs_share(run, context, bytes * most, "evaluation");
	e->history = rs_run_alloc_in(run, context, (longest + 1) * sizeof(RsEvent), "evaluation");
	e->test = rs_run_alloc_in(run, context, (longest + 1) * sizeof(RsEvent), "evaluation");
	if (run->with_ratings)
	{
		a->with_ratings = true;
		a->ratings = rs_ratings_plan(run, context, split->parts, e->ev->policies);
		a->errors = rs_share(run, context, sizeof(RsErrors) * a->plan.npolicies * most, "evaluation");
		e->rating = rs_run_alloc_in(run, context, (longest + 1) * sizeof(RsRating), "evaluation");
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
		if (!split->bot[u] && !add_user(&e, u))
		{
			run_batch(&e);
			(void) add_user(&e, u);
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
