/*-------------------------------------------------------------------------
 *
 * linear_newton.c
 *	  The weights of a linear ranker: Newton's method.
 *
 * The loss is convex and has few parameters, so Newton's method with a
 * backtracking line search needs some ten passes over the lists (Boyd and
 * Vandenberghe, "Convex Optimization", algorithm 9.5).
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "linear_work.h"

/* so that a prior which separates the lists has a finite factor */
#define PRIOR_RIDGE		1e-6

/* Cholesky of the Hessian with a ridge; false if a pivot is not positive. */
static bool
factorise(RsTraining *t, double ridge)
{
	int			n = t->n;
	double	   *a = t->factored;
	int			i;
	int			j;
	int			k;

	for (i = 0; i < n; i++)
		for (j = 0; j <= i; j++)
		{
			double		sum = t->hessian[(size_t) i * n + j];

			if (i == j)
				sum = t->scale[i] > 0 ? sum + ridge : 1;
			for (k = 0; k < j; k++)
				sum -= a[(size_t) i * n + k] * a[(size_t) j * n + k];
			if (i == j)
			{
				if (!(sum > 1e-14 * t->hessian[(size_t) i * n + i]) || !(sum > 0))
					return false;
				a[(size_t) i * n + i] = sqrt(sum);
			}
			else
				a[(size_t) i * n + j] = sum / a[(size_t) j * n + j];
		}
	return true;
}

/*
 * The Newton step; returns the decrement squared, or NaN.  Where features
 * depend on each other and nothing draws them to a place, a ridge that is as
 * small as it can be does.
 */
static double
newton_step(RsTraining *t)
{
	int			n = t->n;
	double	   *s = t->step;
	double		most = 0;
	double		ridge;
	double		decrement = 0;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		if (!(t->hessian[(size_t) i * n + i] <= most))
			most = t->hessian[(size_t) i * n + i];
	if (!isfinite(most))
		return NAN;
	for (ridge = 0; !factorise(t, ridge); ridge = ridge > 0 ? 10 * ridge : 1e-12 * (most + 1e-12))
		if (ridge > 1e3 * (most + 1))
			return NAN;
	for (i = 0; i < n; i++)
	{
		s[i] = -t->gradient[i];
		for (j = 0; j < i; j++)
			s[i] -= t->factored[(size_t) i * n + j] * s[j];
		s[i] /= t->factored[(size_t) i * n + i];
	}
	for (i = n - 1; i >= 0; i--)
	{
		for (j = i + 1; j < n; j++)
			s[i] -= t->factored[(size_t) j * n + i] * s[j];
		s[i] /= t->factored[(size_t) i * n + i];
	}
	for (i = 0; i < n; i++)
		decrement -= t->gradient[i] * s[i];
	return decrement;
}

/* The weights of least loss, from w on; false if they are not finite. */
bool
rs_linear_minimise(RsTraining *t, double *w, int *steps)
{
	double		loss = rs_linear_mean_loss(t, w, true) + rs_linear_penalty(t, w, true);

	for (*steps = 0; *steps < RS_MOST_STEPS; (*steps)++)
	{
		double		decrement = newton_step(t);
		double		share = 1;
		double		next;
		int			halvings = 0;
		int			j;

		if (!isfinite(loss) || !isfinite(decrement))
			return false;
		if (decrement <= RS_CONVERGED)
		{
			/* so near, a full step is right and need not be looked at */
			for (j = 0; j < t->n; j++)
				w[j] += t->step[j];
			break;
		}
		for (;; share /= 2)
		{
			for (j = 0; j < t->n; j++)
				t->next[j] = w[j] + share * t->step[j];
			next = rs_linear_mean_loss(t, t->next, halvings == 0) +
				rs_linear_penalty(t, t->next, halvings == 0);
			if (next <= loss - RS_ARMIJO * share * decrement)
				break;
			/* what is left to gain is lost in rounding */
			if (decrement < RS_NEARLY || ++halvings > RS_MOST_HALVINGS)
				return true;
		}
		memcpy(w, t->next, t->n * sizeof(double));
		loss = next;
		if (halvings > 0)
			loss = rs_linear_mean_loss(t, w, true) + rs_linear_penalty(t, w, true);
	}
	return true;
}

/*
 * The factor >= 0 of the prior that fits best, by Newton's method in one
 * dimension within a bracket; origin holds the prior, and then the prior times
 * the factor.
 */
void
rs_linear_fit_prior(RsTraining *t)
{
	double		factor = 0;
	double		low = 0;
	double		high = INFINITY;
	double		norm = 0;
	int			step;
	int			j;

	for (j = 0; j < t->n; j++)
		norm += t->origin[j] * t->origin[j];
	for (step = 0; step < RS_MOST_STEPS && norm > 0; step++)
	{
		double		slope;
		double		curve;
		double		next;

		rs_linear_prior_loss(t, factor, &slope, &curve);
		slope += PRIOR_RIDGE * norm * factor;
		curve += PRIOR_RIDGE * norm;
		if (slope > 0)
			high = factor;
		else
			low = factor;
		/* at most twice as far, since a step from where it is flat is long */
		next = factor - slope / curve;
		if (!(next <= 2 * (factor + 1 / sqrt(norm))))
			next = 2 * (factor + 1 / sqrt(norm));
		if (!(next > low && next < high))
			next = high < INFINITY ? (low + high) / 2 : low;
		if (fabs(next - factor) <= 1e-10 * factor)
			break;
		factor = next;
	}
	for (j = 0; j < t->n; j++)
		t->origin[j] *= factor;
}
