/*-------------------------------------------------------------------------
 *
 * stop.c
 *	  Chooses numbers of sweeps on the validation slice (early_stop).
 *
 * The factors are trained on what lies before the validation slice, and NDCG
 * is measured on the slice after each sweep, over a bounded sample of users;
 * early_stop sweeps without a better value end it.  The number of the best
 * sweep then holds for the training before the cutoff and for that on
 * everything.  Nothing at or after the cutoff is looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "evaluate.h"
#include "progress.h"

#define SAMPLE_USERS	5000
#define LIST_LENGTH		10		/* or the longest asked for, if none is */

/* The value of factors as they are. */
static double
measure(RsRun *run, RsTeam *team, RsSplit *split, const RsPolicy *policy)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "recsys validation", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int			k = run->k[run->nk - 1];
	double		value;

	for (int i = 0; i < run->nk; i++)
		if (run->k[i] == LIST_LENGTH)
			k = LIST_LENGTH;
	value = rs_evaluation_metric(rs_evaluate_split(run, team, split, list_make1((void *) policy)), 0,
								 run->recommender->repeatable ? RS_PROTOCOL_ALL : RS_PROTOCOL_NEW,
								 "ndcg", k);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return value;
}

/* The best number of sweeps for a policy's factors; 0 where nobody is scored. */
static int
best_sweeps(RsRun *run, RsTeam *team, RsSplit *split, const RsPolicy *policy)
{
	RsSplit		piece = *split;
	RsPolicy	factors = *policy;
	RsFactorPart *part;
	double		best = -1;
	int			best_at = 0;

	/* the part goes with its own context */
	piece.context = AllocSetContextCreate(split->context, "recsys validation",
										  ALLOCSET_SMALL_SIZES);
	factors.method = RS_FACTORS;
	part = rs_factors_start(run, team, &piece, &policy->factors);
	split->parts->factors = list_make1(part);
	for (int n = 1; n <= policy->factors.sweeps; n++)
	{
		double		value;

		rs_factors_sweep(run, team, &piece, part, n, false);
		factors.factors.sweeps = n;
		value = measure(run, team, split, &factors);
		if (isnan(value))
			break;
		if (value > best)
		{
			best = value;
			best_at = n;
		}
		if (run->verbose)
			ereport(INFO,
					(errmsg("validation after %d sweeps: %.4f, best %.4f after %d", n, value, best, best_at)));
		if (n - best_at >= policy->factors.early_stop)
			break;
	}
	split->parts->factors = NIL;
	MemoryContextDelete(piece.context);
	return best_at;
}

/* Gives a number of sweeps to every policy of the same factors. */
static void
set_sweeps(RsRun *run, RsFactorSettings like, int sweeps)
{
	ListCell   *cell;

	foreach(cell, run->policies)
	{
		RsPolicy   *p = lfirst(cell);

		if (memcmp(&p->factors, &like, sizeof(like)) == 0)
			p->factors.sweeps = p->stopped_at = sweeps;
	}
}

/* For the policies of an evaluation that have the setting. */
void
rs_choose_sweeps(RsRun *run)
{
	RsSplit    *split = NULL;
	RsTeam	   *team = NULL;
	bool		asked = false;
	ListCell   *cell;

	foreach(cell, run->policies)
		asked |= ((RsPolicy *) lfirst(cell))->factors.early_stop > 0;
	if (!asked)
		return;
	rs_progress_stage(run, "validation");
	split = rs_split_validation(run);
	if (split != NULL)
	{
		rs_parts_make(run, split, NIL);
		split->bot = rs_split_sample(run, split, SAMPLE_USERS);
		team = rs_team_begin(run, split->matrix->shared_users.n);
	}
	foreach(cell, run->policies)
	{
		RsPolicy   *p = lfirst(cell);
		int			sweeps = 0;

		if (p->factors.early_stop <= 0 || p->stopped_at > 0)
			continue;
		if (split != NULL)
			sweeps = best_sweeps(run, team, split, p);
		if (sweeps > 0)
			set_sweeps(run, p->factors, sweeps);
		else
			ereport(NOTICE,
					(errmsg("policy \"%s\" takes all its %d sweeps: there is nothing to validate on before the cutoff",
							p->label, p->factors.sweeps)));
	}
	if (split != NULL)
	{
		rs_team_end(team);
		rs_split_free(split);
	}
}
