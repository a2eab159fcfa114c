/*-------------------------------------------------------------------------
 *
 * linear_work.h
 *	  What the parts of a linear ranker's training share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LINEAR_WORK_H
#define RS_LINEAR_WORK_H

#include "linear.h"

/* Newton's method: here and in the calibration */
#define RS_MOST_STEPS		100
#define RS_MOST_HALVINGS	30
#define RS_ARMIJO			1e-4	/* share of the predicted decrease */
#define RS_CONVERGED		1e-12	/* Newton decrement squared */
#define RS_NEARLY			1e-9	/* the same: a step that gains nothing is the last */

#define RS_INTERRUPT_ROWS	4096

/* What one training works with. */
typedef struct RsTraining
{
	const RsLinearData *data;
	int			n;				/* features */
	const double *mean;
	const double *scale;
	double		lambda;
	double	   *inverse;		/* of scale, 0 of a constant feature */
	double	   *origin;			/* what the penalty draws towards */
	double	   *z;				/* standardised features of one candidate */
	double	   *average;		/* of z, by softmax */
	double	   *relevant;		/* of z, over what is relevant */
	double	   *gradient;
	double	   *hessian;		/* n x n, lower triangle */
	double	   *list_hessian;	/* the same of one list */
	double	   *factored;		/* the same, for Cholesky */
	double	   *step;
	double	   *next;
	uint32_t	lists;			/* to learn from */
	uint64_t	rows;			/* since the last interrupt */
	void		(*interrupt) (void);
} RsTraining;

/* Called for each candidate. */
static inline void
rs_tick(RsTraining *t)
{
	if (t->interrupt != NULL && ++t->rows % RS_INTERRUPT_ROWS == 0)
		t->interrupt();
}

/* t->z becomes a candidate's standardised features; returns w'z. */
static inline double
rs_read_row(RsTraining *t, uint64_t row, const double *w)
{
	const float *x = t->data->feature + row * t->n;
	double		sum = 0;
	int			j;

	rs_tick(t);
	for (j = 0; j < t->n; j++)
	{
		t->z[j] = (x[j] - t->mean[j]) * t->inverse[j];
		sum += w[j] * t->z[j];
	}
	return sum;
}

/* mean, scale and its inverse of each feature */
extern void rs_linear_standardise(RsTraining *t, double *mean, double *scale);

/* how many of a list are relevant, or 0 where there is nothing to learn */
extern uint64_t rs_linear_relevant(const RsLinearData *d, uint32_t list);

/*
 * The mean loss of a list, without the penalty; with derivatives, gradient and
 * Hessian are that of it.
 */
extern double rs_linear_mean_loss(RsTraining *t, const double *w, bool derivatives);

/* lambda / 2 |w - w0|^2, added to the derivatives too */
extern double rs_linear_penalty(RsTraining *t, const double *w, bool derivatives);

/* derivatives of the mean loss along the origin, at a factor of it */
extern void rs_linear_prior_loss(RsTraining *t, double factor, double *slope,
								 double *curve);

/* origin times the factor >= 0 that fits best */
extern void rs_linear_fit_prior(RsTraining *t);

/* the weights of least loss, from w on; false if they are not finite */
extern bool rs_linear_minimise(RsTraining *t, double *w, int *steps);

/* slope and intercept */
extern void rs_linear_calibrate(RsTraining *t, const double *w, RsRanker *out);

#endif							/* RS_LINEAR_WORK_H */
