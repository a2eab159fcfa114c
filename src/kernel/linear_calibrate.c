/*-------------------------------------------------------------------------
 *
 * linear_calibrate.c
 *	  The probability that a candidate is relevant, from its linear score.
 *
 * By Platt's method with his smoothed targets, with the algorithm of Lin, Lin
 * and Weng ("A note on Platt's probabilistic outputs", 2007).
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "linear_work.h"

/* a score may not fall where w'z rises, nor stay as it is */
#define LEAST_SLOPE		1e-3

/* The mean logistic loss of a candidate, and its derivatives. */
typedef struct Logistic
{
	double		loss;
	double		by_slope;
	double		by_intercept;
	double		slope_slope;
	double		slope_intercept;
	double		intercept_intercept;
} Logistic;

/* Takes a pass over all candidates. */
static Logistic
logistic_loss(RsTraining *t, const double *w, double slope, double intercept,
			  double high, double low)
{
	const RsLinearData *d = t->data;
	uint64_t	rows = d->start[d->nlists];
	double		one = 1 / (double) rows;	/* candidate's share */
	Logistic	l = {0, 0, 0, 0, 0, 0};
	uint64_t	i;

	for (i = 0; i < rows; i++)
	{
		double		s = rs_read_row(t, i, w);
		double		v = slope * s + intercept;
		double		target = d->relevant[i] ? high : low;
		double		p = 1 / (1 + exp(-v));
		double		q = one * p * (1 - p);

		l.loss += one * ((v > 0 ? v : 0) + log1p(exp(-fabs(v))) - target * v);
		l.by_slope += one * (p - target) * s;
		l.by_intercept += one * (p - target);
		l.slope_slope += q * s * s;
		l.slope_intercept += q * s;
		l.intercept_intercept += q;
	}
	return l;
}

/* One Newton step, of the intercept alone where the slope is fixed. */
static void
logistic_step(const Logistic *l, bool fixed, double *slope, double *intercept)
{
	const double ridge = 1e-15;
	double		aa = l->slope_slope + ridge;
	double		bb = l->intercept_intercept + ridge;
	double		det = aa * bb - l->slope_intercept * l->slope_intercept;

	*slope = 0;
	*intercept = -l->by_intercept / bb;
	if (fixed || !(det > 1e-14 * aa * bb))
		return;
	*slope = -(bb * l->by_slope - l->slope_intercept * l->by_intercept) / det;
	*intercept = -(aa * l->by_intercept - l->slope_intercept * l->by_slope) / det;
}

/* Fits the calibration from where it stands. */
static void
fit_logistic(RsTraining *t, const double *w, bool fixed, double high, double low,
			 RsRanker *out)
{
	Logistic	l = logistic_loss(t, w, out->slope, out->intercept, high, low);
	int			step;

	for (step = 0; step < RS_MOST_STEPS; step++)
	{
		double		a;
		double		b;
		double		decrement;
		double		share = 1;
		int			halvings;
		Logistic	next;

		logistic_step(&l, fixed, &a, &b);
		decrement = -(l.by_slope * a + l.by_intercept * b);
		if (!(decrement > RS_CONVERGED))
			return;
		for (halvings = 0;; share /= 2)
		{
			next = logistic_loss(t, w, out->slope + share * a,
								 out->intercept + share * b, high, low);
			if (next.loss <= l.loss - RS_ARMIJO * share * decrement)
				break;
			if (decrement < RS_NEARLY || ++halvings > RS_MOST_HALVINGS)
				return;
		}
		out->slope += share * a;
		out->intercept += share * b;
		l = next;
	}
}

/*
 * Platt's targets keep probabilities away from 0 and 1.  A slope that is not
 * positive would turn the order around: then it is the least there is.
 */
void
rs_linear_calibrate(RsTraining *t, const double *w, RsRanker *out)
{
	const RsLinearData *d = t->data;
	uint64_t	rows = d->start[d->nlists];
	double		relevant = 0;
	double		other;
	double		high;
	double		low;
	uint64_t	i;

	for (i = 0; i < rows; i++)
		relevant += d->relevant[i] != 0;
	other = (double) rows - relevant;
	high = (relevant + 1) / (relevant + 2);
	low = 1 / (other + 2);
	out->slope = 0;
	out->intercept = log((relevant + 1) / (other + 1));
	fit_logistic(t, w, false, high, low, out);
	if (out->slope >= LEAST_SLOPE)
		return;
	out->slope = LEAST_SLOPE;
	fit_logistic(t, w, true, high, low, out);
}
