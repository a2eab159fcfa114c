/*-------------------------------------------------------------------------
 *
 * ratings.c
 *	  How far predicted ratings are off, on the test side of a split.
 *
 * A rating is predicted by the user's fold-in from the ratings of the train
 * side, as serving would, and by the baseline mu + b_u + b_i, the user's bias
 * being solved from the same ratings.  Predictions are taken into the range of
 * the ratings trained on.  Test ratings count whose user and item have ratings
 * on the train side.
 *
 * Intervals are over users, whose ratings depend on each other: kernel/stats.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "evaluate.h"
#include "kernel/simd.h"

#define FIRST_USERS		1024

/* One policy's prediction; others than of ratings have no baseline. */
typedef struct RatingPlan
{
	bool		predicts;
	RsExplicit	baseline;
	RsShared	base_bias;
	float		lowest;
	float		highest;
} RatingPlan;

RsShared
rs_ratings_plan(RsRun *run, MemoryContext context, const RsParts *parts, List *policies)
{
	RsShared	ratings = rs_share(run, context, list_length(policies) * sizeof(RatingPlan), "evaluation");
	RatingPlan *out = ratings.local;
	ListCell   *cell;

	foreach(cell, policies)
	{
		const RsFactorPart *part = rs_parts_factors(parts, lfirst(cell));

		out->predicts = part != NULL && part->kind == RS_KIND_RATING;
		if (out->predicts)
		{
			out->baseline = part->rating;
			out->baseline.factors = 0;
			out->base_bias = part->base_bias;
			out->lowest = part->lowest;
			out->highest = part->highest;
		}
		out++;
	}
	return ratings;
}

/* ---- in each process ---- */

/* How far a prediction is off, once it is a possible rating. */
static double
miss(const RatingPlan *r, double predicted, float rating)
{
	return Max(Min(predicted, r->highest), r->lowest) - rating;
}

/* x is NULL where the fold-in has no solution: then nothing is known of them */
void
rs_ratings_measure(const RsPlan *plan, RsShared ratings, int policy,
				   const RsTarget *target, const uint32 *pool, const float *x,
				   RsErrors *out)
{
	const RatingPlan *r = (const RatingPlan *) rs_shared(ratings) + policy;
	const RsPlanPolicy *p = (const RsPlanPolicy *) rs_shared(plan->policies) + policy;
	const RsPlanFactors *f;
	const float *rows;
	float		none = 0;		/* an address, where there are no factors */
	RsExplicitSide items = {&none, NULL};
	float		bias;

	memset(out, 0, sizeof(*out));
	if (!r->predicts || target->nrated == 0)
		return;
	f = (const RsPlanFactors *) rs_shared(plan->factors) + p->factors;
	rows = rs_shared(f->row);
	items.bias = rs_shared(r->base_bias);
	(void) rs_explicit_row(&r->baseline, (int) target->nrated, pool + target->rated,
						   (const float *) (pool + target->rating), &items, &none, &none, &bias);
	for (uint32 i = 0; i < target->ntested; i++)
	{
		uint32		column = pool[target->tested + i];
		float		rating = ((const float *) (pool + target->test_rating))[i];
		const float *row = rows + (Size) column * f->fold.width;
		double		error = miss(r, x != NULL ? rs_simd->dot(x, row, f->fold.width) :
								 f->fold.rating.mu + row[f->fold.factors], rating);
		double		base = miss(r, r->baseline.mu + bias + items.bias[column], rating);

		out->squared += error * error;
		out->absolute += fabs(error);
		out->base_squared += base * base;
		out->base_absolute += fabs(base);
	}
	out->ratings = target->ntested;
}

/* ---- in the backend that trains ---- */

void
rs_ratings_add(RsEvaluation *ev, int policy, const RsErrors *errors)
{
	RsErrorList *list = &ev->errors[policy];

	if (errors->ratings == 0)
		return;
	if (list->n == list->allocated)
	{
		uint32		more = Max(list->allocated, FIRST_USERS);

		rs_run_charge(ev->run, more * sizeof(RsErrors), "evaluation");
		list->allocated += more;
		list->user = list->user == NULL ? palloc(list->allocated * sizeof(RsErrors)) :
			repalloc_huge(list->user, list->allocated * sizeof(RsErrors));
	}
	list->user[list->n++] = *errors;
}

/* Both figures of one policy, and of its baseline under a name of its own. */
static void
policy_rows(const RsErrorList *list, const RsPolicy *policy, double confidence,
			RsRatingRow row, void *arg)
{
	static const char *const metrics[] = {"rmse", "mae"};
	double	   *count = palloc_extended(3 * list->n * sizeof(double), MCXT_ALLOC_HUGE);
	double	   *error = count + list->n;
	double	   *base = error + list->n;
	RsPolicy	baseline = *policy;

	baseline.label = psprintf("%s.bias", policy->label);
	for (int metric = 0; metric < (int) lengthof(metrics); metric++)
	{
		bool		root = (metric == 0);
		RsInterval	value;
		RsInterval	difference;

		for (uint32 i = 0; i < list->n; i++)
		{
			const RsErrors *e = &list->user[i];

			count[i] = e->ratings;
			error[i] = root ? e->squared : e->absolute;
			base[i] = root ? e->base_squared : e->base_absolute;
		}
		rs_error_interval(error, base, count, list->n, root, confidence, &value, &difference);
		row(arg, policy, metrics[metric], &value, &difference);
		rs_error_interval(base, NULL, count, list->n, root, confidence, &value, NULL);
		row(arg, &baseline, metrics[metric], &value, NULL);
	}
	pfree(count);
}

void
rs_ratings_rows(const RsEvaluation *ev, double confidence, RsRatingRow row, void *arg)
{
	for (int i = 0; i < ev->npolicies && ev->errors != NULL; i++)
		if (ev->errors[i].n > 0)
			policy_rows(&ev->errors[i], list_nth(ev->policies, i), confidence, row, arg);
}
