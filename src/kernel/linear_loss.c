/*-------------------------------------------------------------------------
 *
 * linear_loss.c
 *	  The loss of a linear ranker, with its derivatives.
 *
 * Features are standardised as they are read.  A list takes one pass: its
 * softmax is relative to the largest w'z so far, and what has been summed is
 * brought down where that rises.  Everything is summed in double in the order
 * of the lists, so the same lists give the same bytes.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "linear_work.h"

/*
 * Mean and standard deviation of each feature, by two passes.  Sums of equal
 * floats are exact, for fewer than 2^29 rows: the scale of a constant is 0.
 */
void
rs_linear_standardise(RsTraining *t, double *mean, double *scale)
{
	uint64_t	rows = t->data->start[t->data->nlists];
	const float *x = t->data->feature;
	uint64_t	i;
	int			j;

	memset(mean, 0, t->n * sizeof(double));
	memset(scale, 0, t->n * sizeof(double));
	for (i = 0; i < rows; i++, x += t->n, rs_tick(t))
		for (j = 0; j < t->n; j++)
			mean[j] += x[j];
	for (j = 0; j < t->n; j++)
		mean[j] /= (double) rows;
	for (i = 0, x = t->data->feature; i < rows; i++, x += t->n, rs_tick(t))
		for (j = 0; j < t->n; j++)
			scale[j] += (x[j] - mean[j]) * (x[j] - mean[j]);
	for (j = 0; j < t->n; j++)
	{
		scale[j] = sqrt(scale[j] / (double) rows);
		t->inverse[j] = scale[j] > 0 ? 1 / scale[j] : 0;
	}
}

/* ---- the loss ---- */

/* How many of a list are relevant, or 0 where there is nothing to learn. */
uint64_t
rs_linear_relevant(const RsLinearData *d, uint32_t list)
{
	uint64_t	n = 0;
	uint64_t	i;

	for (i = d->start[list]; i < d->start[list + 1]; i++)
		n += d->relevant[i] != 0;
	return n < d->start[list + 1] - d->start[list] ? n : 0;
}

/*
 * Sums of one list, each candidate counting exp(w'z - most): most is the largest
 * w'z so far, and what has been summed is brought down where it rises.
 */
typedef struct Softmax
{
	double		most;
	double		sum;
	double		relevant;		/* sum of w'z over what is relevant */
} Softmax;

/* Takes one candidate's w'z in; returns what it counts, and what others fall to. */
static inline double
soften(Softmax *m, double s, double *down)
{
	double		count;

	*down = 1;
	if (s > m->most)
	{
		*down = exp(m->most - s);
		m->sum *= *down;
		m->most = s;
	}
	count = exp(s - m->most);
	m->sum += count;
	return count;
}

/* Sums of one list, of its derivatives too where they are wanted. */
static Softmax
sum_list(RsTraining *t, uint32_t list, const double *w, bool derivatives)
{
	const RsLinearData *d = t->data;
	Softmax		m = {-INFINITY, 0, 0};
	size_t		n = t->n;
	uint64_t	i;
	size_t		j;
	size_t		k;

	memset(t->average, 0, n * sizeof(double));
	memset(t->relevant, 0, n * sizeof(double));
	memset(t->list_hessian, 0, n * n * sizeof(double));
	for (i = d->start[list]; i < d->start[list + 1]; i++)
	{
		double		s = rs_read_row(t, i, w);
		double		down;
		double		count = soften(&m, s, &down);

		m.relevant += d->relevant[i] ? s : 0;
		if (!derivatives)
			continue;
		if (down != 1)
		{
			for (j = 0; j < n; j++)
				t->average[j] *= down;
			for (j = 0; j < n * n; j++)
				t->list_hessian[j] *= down;
		}
		for (j = 0; j < n; j++)
		{
			double		z = count * t->z[j];
			double	   *h = t->list_hessian + j * n;

			t->average[j] += z;
			for (k = 0; k <= j; k++)
				h[k] += z * t->z[k];
		}
		for (j = 0; d->relevant[i] && j < n; j++)
			t->relevant[j] += t->z[j];
	}
	return m;
}

/* Adds one list's gradient, and its covariance by softmax to the Hessian. */
static void
add_derivatives(RsTraining *t, const Softmax *m, uint64_t nrelevant)
{
	size_t		n = t->n;
	size_t		j;
	size_t		k;

	for (j = 0; j < n; j++)
		t->average[j] /= m->sum;
	for (j = 0; j < n; j++)
	{
		t->gradient[j] += t->average[j] - t->relevant[j] / (double) nrelevant;
		for (k = 0; k <= j; k++)
			t->hessian[j * n + k] += t->list_hessian[j * n + k] / m->sum -
				t->average[j] * t->average[k];
	}
}

/*
 * The mean loss of a list; with derivatives, those of it, too.  Without the
 * penalty.
 */
double
rs_linear_mean_loss(RsTraining *t, const double *w, bool derivatives)
{
	size_t		n = t->n;
	double		loss = 0;
	uint32_t	list;
	size_t		j;

	if (derivatives)
	{
		memset(t->gradient, 0, n * sizeof(double));
		memset(t->hessian, 0, n * n * sizeof(double));
	}
	for (list = 0; list < t->data->nlists; list++)
	{
		uint64_t	nrelevant = rs_linear_relevant(t->data, list);
		Softmax		m;

		if (nrelevant == 0)
			continue;
		m = sum_list(t, list, w, derivatives);
		loss += m.most + log(m.sum) - m.relevant / (double) nrelevant;
		if (derivatives)
			add_derivatives(t, &m, nrelevant);
	}
	for (j = 0; derivatives && j < n; j++)
		t->gradient[j] /= t->lists;
	for (j = 0; derivatives && j < n * n; j++)
		t->hessian[j] /= t->lists;
	return loss / t->lists;
}

/* lambda / 2 |w - w0|^2, added to the derivatives too */
double
rs_linear_penalty(RsTraining *t, const double *w, bool derivatives)
{
	double		sum = 0;
	int			j;

	for (j = 0; j < t->n; j++)
	{
		double		away = w[j] - t->origin[j];

		sum += away * away;
		if (derivatives)
		{
			t->gradient[j] += t->lambda * away;
			t->hessian[(size_t) j * t->n + j] += t->lambda;
		}
	}
	return t->lambda / 2 * sum;
}

/*
 * Derivatives of the mean loss along the prior, at a factor of it: the mean and
 * the variance of w'z by softmax.
 */
void
rs_linear_prior_loss(RsTraining *t, double factor, double *slope, double *curve)
{
	const RsLinearData *d = t->data;
	uint32_t	list;

	*slope = 0;
	*curve = 0;
	for (list = 0; list < d->nlists; list++)
	{
		uint64_t	nrelevant = rs_linear_relevant(d, list);
		Softmax		m = {-INFINITY, 0, 0};
		double		mean = 0;
		double		square = 0;
		uint64_t	i;

		for (i = d->start[list]; nrelevant > 0 && i < d->start[list + 1]; i++)
		{
			double		s = rs_read_row(t, i, t->origin);
			double		down;
			double		count = soften(&m, factor * s, &down);

			mean = mean * down + count * s;
			square = square * down + count * s * s;
			m.relevant += d->relevant[i] ? s : 0;
		}
		if (nrelevant == 0)
			continue;
		mean /= m.sum;
		*slope += mean - m.relevant / (double) nrelevant;
		*curve += square / m.sum - mean * mean;
	}
	*slope /= t->lists;
	*curve /= t->lists;
}
