/*-------------------------------------------------------------------------
 *
 * targets.c
 *	  Users of a split with something on its test side, as the targets of a
 *	  batch: their history before it, what is hidden from them, and what they
 *	  went on to do.
 *
 * Columns follow the order of the ids, so what is sorted by item is sorted by
 * column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "targets.h"
#include "kernel/history.h"

/* Words of a batch that a user with so many events needs at most. */
static uint64
words(const RsRun *run, uint64 events)
{
	return (run->with_ratings ? 10 : 6) * events;
}

void
rs_targets_make(RsTargets *s, RsRun *run, RsSplit *split, MemoryContext context)
{
	uint64		longest = rs_longest_history(run);

	memset(s, 0, sizeof(*s));
	s->run = run;
	s->split = split;
	s->history = rs_run_alloc_in(run, context, (longest + 1) * sizeof(RsEvent), "evaluation");
	s->test = rs_run_alloc_in(run, context, (longest + 1) * sizeof(RsEvent), "evaluation");
	if (run->with_ratings)
		s->rating = rs_run_alloc_in(run, context, (longest + 1) * sizeof(RsRating), "evaluation");
	s->most_words = words(run, longest);
}

/* The user's items on the test side, as columns; counts pairs, and cold ones. */
static uint32
collect_relevant(RsTargets *s, uint32 user, uint32 *relevant)
{
	const RsMatrix *m = s->split->matrix;
	uint32		nrelevant = 0;
	int			n = rs_user_future(s->run, s->split, user, s->history, s->test);

	for (int i = 0; i < n; i++)
	{
		uint32		item = rs_event_item(&s->test[i]);

		s->test_pairs++;
		if (m->column[item] != RS_NO_ID)
			relevant[nrelevant++] = m->column[item];
		else
		{
			s->cold_pairs++;
			if (s->cold != NULL)
				s->cold[item] = true;
		}
	}
	return nrelevant;
}

/*
 * The user's ratings of one side, the newest limit of them, as columns; each
 * is followed by so many ratings.  Returns how many.
 */
static uint32
collect_ratings(RsTargets *s, uint32 user, bool test, int64 since, int limit, uint32 *space)
{
	const RsMatrix *m = s->split->matrix;
	int			n = rs_user_ratings(s->run, s->split, user, test, since, s->rating);
	uint32		kept = 0;

	n = rs_recent_ratings(s->rating, n, limit);
	for (int i = 0; i < n; i++)
		if (m->column[s->rating[i].item] != RS_NO_ID)
			s->rating[kept++] = s->rating[i];
	for (uint32 i = 0; i < kept; i++)
	{
		space[i] = m->column[s->rating[i].item];
		((float *) space)[kept + i] = s->rating[i].value;
	}
	return kept;
}

/* Both sides' ratings; returns what they use of the space. */
static uint64
add_ratings(RsTargets *s, RsTarget *t, uint32 *space, uint64 used)
{
	t->tested = used;
	t->ntested = collect_ratings(s, t->user, true, PG_INT64_MIN, PG_INT32_MAX, space + used);
	t->test_rating = used + t->ntested;
	used += 2 * (uint64) t->ntested;
	t->rated = used;
	t->nrated = collect_ratings(s, t->user, false, rs_history_since(s->run, s->split, t->user),
								s->run->recommender->history_limit, space + used);
	t->rating = used + t->nrated;
	return used + 2 * (uint64) t->nrated;
}

/* What is hidden, and the newest of the history; returns what they use. */
static uint64
add_history(RsTargets *s, RsTarget *t, uint32 *space, uint64 used)
{
	const RsRecommender *r = s->run->recommender;
	const RsMatrix *m = s->split->matrix;
	int64		since = rs_history_since(s->run, s->split, t->user);
	int			n = rs_user_history(s->run, s->split, t->user, PG_INT64_MIN, s->history);

	t->hidden = used;
	for (int i = 0; i < n; i++)
	{
		uint32		column = m->column[rs_event_item(&s->history[i])];

		if ((rs_event_flags(&s->history[i]) & RS_OWNED) && column != RS_NO_ID)
			space[used++] = column;
		t->warm |= r->explicit_feedback && column != RS_NO_ID;
	}
	t->nhidden = (uint32) (used - t->hidden);
	if (since > PG_INT64_MIN)
		n = rs_user_history(s->run, s->split, t->user, since, s->history);
	n = rs_newest_positive(s->history, n, r->history_limit);
	/* items of too few users are in no column */
	for (int i = 0; i < n; i++)
		if (m->column[rs_event_item(&s->history[i])] != RS_NO_ID)
			s->history[t->nhistory++] = s->history[i];
	t->warm |= t->nhistory > 0;
	t->history = used;
	t->weight = used + t->nhistory;
	t->time = used + 2 * (uint64) t->nhistory;
	for (uint32 i = 0; i < t->nhistory; i++)
	{
		int64		time = s->history[i].time;

		space[t->history + i] = m->column[rs_event_item(&s->history[i])];
		((float *) space)[t->weight + i] = s->history[i].weight;
		memcpy(space + t->time + 2 * i, &time, sizeof(time));
	}
	return used + 4 * (uint64) t->nhistory;
}

bool
rs_targets_add(RsTargets *s, RsBatch *batch, uint32 user)
{
	uint64		events = s->run->user_start[user + 1] - s->run->user_start[user];
	uint32	   *space = rs_batch_space(batch, words(s->run, events));
	RsTarget	t = {0};
	uint64		used;

	if (space == NULL)
		return false;
	t.user = user;
	used = t.nrelevant = collect_relevant(s, user, space);
	if (s->run->with_ratings)
		used = add_ratings(s, &t, space, used);
	if (t.nrelevant == 0 && (t.ntested == 0 || t.nrated == 0))
		return true;
	rs_batch_add(batch, &t, add_history(s, &t, space, used));
	return true;
}
