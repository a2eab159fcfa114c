/*-------------------------------------------------------------------------
 *
 * linear.c
 *	  A linear ranker: scores, and the steps of its training.
 *
 * Limits: one process; nfeatures squared in scratch.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "linear_work.h"

/* (value - mean) / scale, 0 of a constant feature */
static inline double
standardised(double value, double mean, double scale)
{
	return scale > 0 ? (value - mean) / scale : 0;
}

/* See linear.h.  Four sums, so that they need not wait for each other. */
double
rs_ranker_raw(const RsRanker *r, const float *features)
{
	double		sum[4] = {0, 0, 0, 0};
	double		all;
	int			j;

	for (j = 0; j + 4 <= r->nfeatures; j += 4)
	{
		int			i;

		for (i = 0; i < 4; i++)
			sum[i] += r->weight[j + i] *
				standardised(features[j + i], r->mean[j + i], r->scale[j + i]);
	}
	for (; j < r->nfeatures; j++)
		sum[0] += r->weight[j] * standardised(features[j], r->mean[j], r->scale[j]);
	all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
	return all == all ? all : 0;
}

/* See linear.h. */
double
rs_ranker_score(const RsRanker *r, const float *features)
{
	return 1 / (1 + exp(-(r->slope * rs_ranker_raw(r, features) + r->intercept)));
}

/* ---- the whole ---- */

/* doubles: eight rows and three matrices */
size_t
rs_linear_workspace(int nfeatures)
{
	size_t		n = nfeatures;

	return (8 * n + 3 * n * n) * sizeof(double);
}

/* Divides the scratch. */
static void
lay_out(RsTraining *t, double *work)
{
	size_t		n = t->n;

	t->origin = work;
	t->z = work + n;
	t->average = work + 2 * n;
	t->relevant = work + 3 * n;
	t->gradient = work + 4 * n;
	t->step = work + 5 * n;
	t->next = work + 6 * n;
	t->inverse = work + 7 * n;
	t->hessian = work + 8 * n;
	t->list_hessian = t->hessian + n * n;
	t->factored = t->list_hessian + n * n;
}

/* See linear.h. */
bool
rs_linear_train(const RsLinearData *d, const double *prior, double lambda,
				uint32_t least, void *work, void (*interrupt) (void),
				double *mean, double *scale, double *weight, RsRanker *out,
				RsLinearFit *fit)
{
	RsTraining	t = {.data = d, .n = d->nfeatures, .mean = mean, .scale = scale,
	.lambda = lambda, .interrupt = interrupt};
	uint32_t	list;
	int			j;

	memset(out, 0, sizeof(*out));
	memset(fit, 0, sizeof(*fit));
	lay_out(&t, work);
	for (list = 0; list < d->nlists; list++)
		t.lists += rs_linear_relevant(d, list) > 0;
	fit->lists = t.lists;
	if (t.n <= 0 || t.lists == 0 || t.lists < least)
		return false;

	rs_linear_standardise(&t, mean, scale);
	for (j = 0; j < t.n; j++)
		t.origin[j] = prior != NULL && scale[j] > 0 ? prior[j] * scale[j] : 0;
	rs_linear_fit_prior(&t);
	memcpy(weight, t.origin, t.n * sizeof(double));
	fit->prior_loss = rs_linear_mean_loss(&t, weight, false);
	if (!rs_linear_minimise(&t, weight, &fit->iterations))
		return false;
	fit->loss = rs_linear_mean_loss(&t, weight, false);
	for (j = 0; j < t.n; j++)
		if (!isfinite(weight[j]))
			return false;
	rs_linear_calibrate(&t, weight, out);
	if (!isfinite(out->slope) || !isfinite(out->intercept) || !isfinite(fit->loss))
		return false;
	out->nfeatures = t.n;
	out->mean = mean;
	out->scale = scale;
	out->weight = weight;
	return true;
}
