/*-------------------------------------------------------------------------
 *
 * learn.c
 *	  Learns the ranker of a funnel: how its features are to be weighed so that
 *	  what users went on to do stands first among its candidates.
 *
 *	  1. A split has parts trained on what lies before an instant, and users
 *		 who did something after it.
 *	  2. For a sample of these, by a hash of the id, the funnel makes its
 *		 candidates at that instant, as serving would have: the headline
 *		 protocol says whether what is owned is among them.
 *	  3. kernel/linear.h fits weights to the features, drawn towards the blend.
 *
 * The features are computed by the processes of a team, each user at a place
 * of its own; this backend gathers them in the order of the users.  So the
 * ranker is the same for any number of processes.
 *
 * Memory: RS_LEARN_BYTES for the lists and RS_LEARN_BATCH on their way.  When
 * that is full the half of the users with the greater hashes is left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "learn.h"
#include "progress.h"
#include "targets.h"
#include "kernel/hash.h"

#define TARGETS_PER_BLOCK	8

typedef struct LearnArg
{
	RsPlanFunnel funnel;
	RsBatch		batch;
	bool		with_hidden;	/* what is owned is a candidate too */
	bool		has_time;
	int64		as_of;
	int			most_history;
	uint32		most;			/* candidates of a user */
	int			nfeatures;
	RsShared	count;			/* uint32 by target */
	RsShared	relevant;		/* uint8, most by target */
	RsShared	feature;		/* most x nfeatures by target */
} LearnArg;

/* ---- in each process ---- */

typedef struct LearnScratch
{
	RsFunnel	funnel;
	RsFunnelWork *work;
	RsCandidate *candidate;
	int64	   *time;
	const RsTarget *target;
	const uint32 *pool;
	uint32	   *count;
	uint8	   *relevant;
	float	   *feature;
} LearnScratch;

static void *
learn_begin(const void *arg)
{
	const LearnArg *a = arg;
	LearnScratch *s = palloc(sizeof(LearnScratch));

	s->funnel = rs_view(&a->funnel);
	s->work = rs_view_work(&s->funnel, a->most_history);
	s->candidate = palloc_extended(Max(a->most, 1) * sizeof(RsCandidate), MCXT_ALLOC_HUGE);
	s->time = palloc_extended(a->most_history * sizeof(int64), MCXT_ALLOC_HUGE);
	s->target = rs_shared(a->batch.target);
	s->pool = rs_shared(a->batch.pool);
	s->count = rs_shared(a->count);
	s->relevant = rs_shared(a->relevant);
	s->feature = rs_shared(a->feature);
	return s;
}

/* The candidates of one user, which of them are relevant, and their features. */
static void
describe_target(const LearnArg *a, LearnScratch *s, uint32 target)
{
	const RsTarget *t = &s->target[target];
	RsFunnelUser u = rs_target_user(t, s->pool, a->has_time, a->as_of, s->time);
	uint8	   *relevant = s->relevant + (Size) target * a->most;
	float	   *feature = s->feature + (Size) target * a->most * a->nfeatures;
	int			n;

	/* an unknown user's list is that of popularity, whatever the weights */
	s->count[target] = 0;
	if (t->nhistory == 0)
		return;
	rs_funnel_open(&s->funnel, &u, s->work);
	n = rs_funnel_candidates(&s->funnel, s->work, s->pool + t->hidden,
							 a->with_hidden ? 0 : t->nhidden, s->candidate);
	for (int i = 0; i < n; i++)
	{
		rs_funnel_features(&s->funnel, s->work, s->candidate[i].item, NULL,
						   feature + (Size) i * a->nfeatures);
		relevant[i] = rs_among(s->pool + t->relevant, t->nrelevant, s->candidate[i].item);
	}
	rs_funnel_close(&s->funnel, s->work);
	s->count[target] = n;
}

static void
learn_block(const void *arg, void *scratch, uint32 block)
{
	const LearnArg *a = arg;
	uint32		end = Min((block + 1) * TARGETS_PER_BLOCK, a->batch.n);

	for (uint32 i = block * TARGETS_PER_BLOCK; i < end; i++)
	{
		describe_target(a, scratch, i);
		CHECK_FOR_INTERRUPTS();
	}
}

const RsJob rs_job_learn = {"candidates to learn from", learn_begin, learn_block};

/* ---- in the backend that trains ---- */

/* The lists so far. */
typedef struct Learner
{
	RsRun	   *run;
	RsTeam	   *team;
	RsTargets	targets;
	LearnArg	arg;
	uint64		most_room;		/* candidates */
	uint64		room;			/* of them so far */
	uint64		limit;			/* users of greater hashes are left out */
	uint32		nlists;
	uint64	   *hash;			/* by list */
	uint64	   *start;			/* by list, and the end */
	uint8	   *relevant;
	float	   *feature;
} Learner;

/* Leaves out the lists whose hash is above the limit. */
static void
thin_out(Learner *l)
{
	Size		width = l->arg.nfeatures;
	uint32		kept = 0;

	for (uint32 i = 0; i < l->nlists; i++)
	{
		uint64		from = l->start[i];
		uint64		n = l->start[i + 1] - from;

		if (l->hash[i] > l->limit)
			continue;
		memmove(l->feature + l->start[kept] * width, l->feature + from * width,
				n * width * sizeof(float));
		memmove(l->relevant + l->start[kept], l->relevant + from, n);
		l->hash[kept] = l->hash[i];
		l->start[kept + 1] = l->start[kept] + n;
		kept++;
	}
	l->nlists = kept;
}

/* Makes room for so many candidates. */
static void
grow(Learner *l, uint64 least)
{
	Size		row = l->arg.nfeatures * sizeof(float);
	uint64		room = Min(Max(l->room + l->room / 2, least), l->most_room);

	rs_run_charge(l->run, (room - l->room) * (row + 1), "the ranker");
	l->relevant = repalloc_huge(l->relevant, room);
	l->feature = repalloc_huge(l->feature, room * row);
	l->room = room;
}

/* Takes in the list of one target, if there is something to learn from it. */
static void
add_list(Learner *l, uint32 target)
{
	const LearnArg *a = &l->arg;
	const RsTarget *t = (RsTarget *) a->batch.target.local + target;
	const uint8 *relevant = (uint8 *) a->relevant.local + (Size) target * a->most;
	uint32		n = ((uint32 *) a->count.local)[target];
	uint64		hash = rs_hash64(rs_idmap_checksum(l->run->users, t->user));
	uint32		hits = 0;

	for (uint32 i = 0; i < n; i++)
		hits += relevant[i];
	if (hits == 0 || hits == n)
		return;
	while (hash <= l->limit && l->nlists > 0 &&
		   (l->start[l->nlists] + n > l->most_room || l->nlists == RS_LEARN_USERS * 2))
	{
		l->limit /= 2;
		thin_out(l);
	}
	if (hash > l->limit)
		return;
	if (l->start[l->nlists] + n > l->room)
		grow(l, l->start[l->nlists] + n);
	memcpy(l->relevant + l->start[l->nlists], relevant, n);
	memcpy(l->feature + l->start[l->nlists] * a->nfeatures,
		   (float *) a->feature.local + (Size) target * a->most * a->nfeatures,
		   (Size) n * a->nfeatures * sizeof(float));
	l->hash[l->nlists] = hash;
	l->start[l->nlists + 1] = l->start[l->nlists] + n;
	l->nlists++;
}

/* Has the team describe the batch, and takes in its lists in their order. */
static void
run_batch(Learner *l)
{
	RsBatch    *batch = &l->arg.batch;

	rs_team_run(l->team, &rs_job_learn, &l->arg, sizeof(l->arg),
				(batch->n + TARGETS_PER_BLOCK - 1) / TARGETS_PER_BLOCK);
	for (uint32 i = 0; i < batch->n; i++)
		add_list(l, i);
	rs_batch_clear(batch);
}

/* Memory for the lists and for what is on its way; all in the context. */
static void
allocate(Learner *l, RsSplit *split, const RsPolicy *policy, MemoryContext context,
		 uint64 users)
{
	RsRun	   *run = l->run;
	LearnArg   *a = &l->arg;
	RsPlan		plan = rs_plan_make(run, context, split->parts, split->matrix->items.nrows,
									list_make1((void *) policy), 1, false);
	RsSharedFacts facts = rs_facts_share(run, context, split->matrix, policy, plan.order.local);
	RsFunnel	f;
	Size		bytes;
	uint32		most;

	a->funnel = rs_view_share(run, context, split->parts, split->context,
							  plan.nitems, plan.order, policy, &facts, NULL);
	for (int i = 0; i < RS_SOURCES; i++)
		a->funnel.funnel.quota[i] = Min(a->funnel.funnel.quota[i], RS_LEARN_QUOTA);
	f = rs_view(&a->funnel);
	a->with_hidden = run->recommender->repeatable;
	a->has_time = run->recommender->has_time;
	a->as_of = split->as_of;
	a->most_history = plan.most_history;
	a->most = rs_funnel_most(&f, plan.most_history);
	a->nfeatures = RS_FEATURES + policy->funnel.nextra;
	bytes = a->most * (a->nfeatures * sizeof(float) + 1) + sizeof(uint32);
	most = Min(Max(RS_LEARN_BATCH / bytes, 1), Max(users, 1));
	rs_targets_make(&l->targets, run, split, context);
	a->batch = rs_batch_make(run, context, most, l->targets.most_words);
	a->count = rs_share(run, context, most * sizeof(uint32), "the ranker");
	a->relevant = rs_share(run, context, (Size) most * a->most, "the ranker");
	a->feature = rs_share(run, context, (Size) most * a->most * a->nfeatures * sizeof(float), "the ranker");
	rs_run_charge(run, rs_view_bytes(&a->funnel, a->most_history) * (run->workers + 1), "the ranker");
	/* one list fits in any case */
	l->most_room = Max(Min(users * a->most, RS_LEARN_BYTES / (a->nfeatures * sizeof(float) + 1)), a->most);
	l->room = a->most;
	l->limit = PG_UINT64_MAX;
	l->hash = rs_run_alloc_in(run, context, RS_LEARN_USERS * 2 * sizeof(uint64), "the ranker");
	l->start = rs_run_alloc_in(run, context, (RS_LEARN_USERS * 2 + 1) * sizeof(uint64), "the ranker");
	l->start[0] = 0;
	l->relevant = rs_run_alloc_in(run, context, l->room, "the ranker");
	l->feature = rs_run_alloc_in(run, context, l->room * a->nfeatures * sizeof(float), "the ranker");
}

/* The lists of a sample of the users. */
static void
gather(Learner *l, const bool *skip)
{
	uint32		nusers = rs_idmap_count(l->run->users);

	for (uint32 u = 0; u < nusers; u++)
	{
		if (!skip[u] && !rs_targets_add(&l->targets, &l->arg.batch, u))
		{
			run_batch(l);
			(void) rs_targets_add(&l->targets, &l->arg.batch, u);
		}
		if (u % 256 == 0)
		{
			rs_progress_rows(u, nusers);
			CHECK_FOR_INTERRUPTS();
		}
	}
	run_batch(l);
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Fits the ranker; nfeatures stays 0 where there is too little. */
static void
fit(Learner *l, const RsPolicy *policy, RsLearned *out)
{
	int			n = l->arg.nfeatures;
	RsLinearData data = {0};
	double	   *prior = palloc0(n * sizeof(double));
	double	   *number = MemoryContextAllocZero(l->run->context, 3 * n * sizeof(double));
	void	   *work = rs_run_alloc_in(l->run, CurrentMemoryContext, rs_linear_workspace(n), "the ranker");

	data.nfeatures = n;
	data.nlists = l->nlists;
	data.start = l->start;
	data.feature = l->feature;
	data.relevant = l->relevant;
	prior[RS_F_BLEND] = 1;
	out->fit.lists = l->nlists;
	if (!rs_linear_train(&data, prior, policy->funnel.ranker_lambda, RS_LEAST_LISTS, work,
						 check_interrupts, number, number + n, number + 2 * n,
						 &out->ranker, &out->fit))
		out->ranker.nfeatures = 0;
}

/* The time of the newest event before an instant. */
static TimestampTz
newest_before(const RsRun *run, TimestampTz until)
{
	TimestampTz newest = DT_NOBEGIN;

	for (uint64 i = 0; i < run->nevents; i++)
		if (run->event[i].time < until)
			newest = Max(newest, run->event[i].time);
	return newest;
}

RsLearned *
rs_learn(RsRun *run, RsSplit *split, const RsPolicy *policy)
{
	MemoryContext context = AllocSetContextCreate(split->context, "recsys ranker",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RsLearned  *out = MemoryContextAllocZero(run->context, sizeof(RsLearned));
	uint64		users = Min(rs_split_test_users(run, split), RS_LEARN_USERS * 2);
	bool	   *skip = rs_split_sample(run, split, RS_LEARN_USERS);
	Learner		l = {0};

	out->random = split->random;
	out->from = split->cutoff;
	out->until = newest_before(run, split->until);
	l.run = run;
	rs_parts_share(run, split);
	allocate(&l, split, policy, context, users);
	l.team = rs_team_begin(run, split->matrix->shared_users.n);
	gather(&l, skip);
	rs_team_end(l.team);
	fit(&l, policy, out);
	if (run->verbose)
		ereport(INFO,
				(errmsg("ranker of policy \"%s\": %u lists, loss %.4f, of the blend %.4f",
						policy->label, out->fit.lists, out->fit.loss, out->fit.prior_loss)));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return out;
}

/* Those of the policies that have a ranker still to be learned. */
static List *
unlearned(const RsRun *run)
{
	List	   *policies = NIL;
	ListCell   *cell;

	foreach(cell, run->policies)
	{
		RsPolicy   *p = lfirst(cell);

		if (p->funnel.ranked && p->learned == NULL)
			policies = lappend(policies, p);
	}
	return policies;
}

void
rs_learn_before(RsRun *run)
{
	List	   *policies = unlearned(run);
	RsSplit    *split;
	ListCell   *cell;

	if (policies == NIL)
		return;
	split = rs_split_validation(run);
	if (split == NULL)
		return;
	rs_parts_make(run, split, policies);
	foreach(cell, policies)
	{
		RsPolicy   *p = lfirst(cell);

		p->learned = rs_learn(run, split, p);
	}
	rs_split_free(split);
}

void
rs_learn_final(RsRun *run, RsStageResult *result)
{
	RsSplit    *split = run->split;

	run->split = NULL;
	if (split == NULL || split->parts == NULL)
	{
		if (split != NULL)
			rs_split_free(split);
		split = rs_split_recent(run, run->has_cutoff ? run->cutoff : DT_NOEND);
		if (split == NULL)
			return;
		rs_parts_make(run, split, list_make1(run->policy));
	}
	run->learned = rs_learn(run, split, run->policy);
	result->rows_in = rs_split_test_users(run, split);
	result->rows_out = run->learned->fit.lists;
	rs_split_free(split);
}
