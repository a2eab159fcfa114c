/*-------------------------------------------------------------------------
 *
 * parts.c
 *	  Trains the parts of models: popularity, item neighbours, factors.
 *
 * Parts with equal settings are trained once.  Rows are independent of each
 * other within a sweep and within the neighbours, which is where several
 * processes can share the work.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <cblas.h>
#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "train.h"
#include "kernel/als.h"

#define GRAM_ROWS		16384	/* keeps a BLAS call within milliseconds */

/* Distinct users of each item, divided by the most popular item's. */
static float *
train_popularity(RsRun *run, const RsMatrix *m)
{
	float	   *popularity = rs_run_alloc(run, m->items.nrows * sizeof(float), "popularity");
	uint64		most = 1;

	for (uint32 i = 0; i < m->items.nrows; i++)
		most = Max(most, m->items.start[i + 1] - m->items.start[i]);
	for (uint32 i = 0; i < m->items.nrows; i++)
		popularity[i] = (float) ((double) (m->items.start[i + 1] - m->items.start[i]) / most);
	return popularity;
}

static RsNeighborPart *
train_neighbors(RsRun *run, const RsMatrix *m, const RsCoocSettings *settings)
{
	RsNeighborPart *part = MemoryContextAllocZero(run->context, sizeof(RsNeighborPart));
	uint32		nitems = m->items.nrows;
	float	   *user_weight = palloc_extended(Max(m->users.nrows, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	void	   *work;
	RsNeighbor *row = palloc_extended((Size) settings->neighbors * sizeof(RsNeighbor), MCXT_ALLOC_HUGE);
	uint64		allocated = Max((uint64) nitems * 8, 1024);
	uint64		n = 0;
	RsCapped	capped;

	part->settings = *settings;
	rs_cap_histories(run, m, settings->history_cap, &capped);
	part->users_cut = capped.users_cut;
	rs_run_charge(run, rs_cooc_workspace(nitems, settings->neighbors), "item neighbours");
	work = palloc_extended(rs_cooc_workspace(nitems, settings->neighbors), MCXT_ALLOC_HUGE);
	part->start = rs_run_alloc(run, ((Size) nitems + 1) * sizeof(uint64), "item neighbours");
	part->neighbor = rs_run_alloc(run, allocated * sizeof(RsNeighbor), "item neighbours");
	part->start[0] = 0;
	rs_cooc_user_weights(&capped.users, settings->activity, user_weight);
	rs_cooc_workspace_init(work, &capped.items, settings);
	for (uint32 i = 0; i < nitems; i++)
	{
		int			found = rs_cooc_row(&capped.items, &capped.users, user_weight, settings,
										i, work, row);

		while (n + found > allocated)
		{
			rs_run_charge(run, allocated * sizeof(RsNeighbor), "item neighbours");
			allocated *= 2;
			part->neighbor = repalloc_huge(part->neighbor, allocated * sizeof(RsNeighbor));
		}
		memcpy(part->neighbor + n, row, found * sizeof(RsNeighbor));
		n += found;
		part->start[i + 1] = n;
		CHECK_FOR_INTERRUPTS();
	}
	rs_cap_free(&capped);
	pfree(row);
	pfree(work);
	pfree(user_weight);
	return part;
}

/* Gaussian starting values, one generator in the order of the ids. */
static void
random_start(float *x, Size n, double sd, uint64 seed)
{
	pg_prng_state state;

	pg_prng_seed(&state, seed);
	for (Size i = 0; i < n; i += 2)
	{
		/* Box and Muller */
		double		radius = sqrt(-2 * log(1 - pg_prng_double(&state)));
		double		angle = 2 * M_PI * pg_prng_double(&state);

		x[i] = (float) (sd * radius * cos(angle));
		if (i + 1 < n)
			x[i + 1] = (float) (sd * radius * sin(angle));
	}
}

/* gram = x'x, both triangles; row-major x, n x f. */
static void
gram_matrix(const float *x, uint32 n, int f, float *gram)
{
	memset(gram, 0, sizeof(float) * f * f);
	for (uint32 first = 0; first < n; first += GRAM_ROWS)
	{
		cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, f,
					Min(GRAM_ROWS, n - first), 1, x + (Size) first * f, f,
					1, gram, f);
		CHECK_FOR_INTERRUPTS();
	}
	for (int i = 0; i < f; i++)
		for (int j = i + 1; j < f; j++)
			gram[i * f + j] = gram[j * f + i];
}

/* Solves every row of one side, the other side fixed. */
static void
solve_side(const RsCsr *m, const RsFactorSettings *s, const float *gram,
		   const float *other, float *work, float *out)
{
	for (uint32 row = 0; row < m->nrows; row++)
	{
		uint64		first = m->start[row];
		int			n = (int) (m->start[row + 1] - first);
		double		ridge = rs_als_ridge(s->lambda, s->nu, s->alpha0, n, m->ncols);

		if (rs_als_row(s->factors, gram, (float) s->alpha0, (float) ridge, n,
					   m->col + first, m->value + first, other, work,
					   out + (Size) row * s->factors) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the factors of a row have no finite solution"),
					 errdetail("With %d factors, alpha0 %g and lambda %g its equations are singular in single precision.",
							   s->factors, s->alpha0, s->lambda),
					 errhint("Raise lambda or alpha0, or use weight_rule 'log' or 'one'.")));
		CHECK_FOR_INTERRUPTS();
	}
}

/* The whole loss: the users' rows, and the items' regularisation. */
static double
total_loss(const RsMatrix *m, const RsFactorPart *p)
{
	const RsFactorSettings *s = &p->settings;
	double		loss = 0;

	for (uint32 row = 0; row < m->users.nrows; row++)
	{
		uint64		first = m->users.start[row];
		int			n = (int) (m->users.start[row + 1] - first);

		loss += rs_als_row_loss(s->factors, p->gram, (float) s->alpha0,
								(float) rs_als_ridge(s->lambda, s->nu, s->alpha0, n, m->users.ncols),
								n, m->users.col + first, m->users.value + first,
								p->item, p->user + (Size) row * s->factors);
		CHECK_FOR_INTERRUPTS();
	}
	for (uint32 row = 0; row < m->items.nrows; row++)
	{
		const float *y = p->item + (Size) row * s->factors;
		double		norm = 0;

		for (int i = 0; i < s->factors; i++)
			norm += (double) y[i] * y[i];
		loss += norm * rs_als_ridge(s->lambda, s->nu, s->alpha0,
									m->items.start[row + 1] - m->items.start[row],
									m->items.ncols);
	}
	return loss;
}

static RsFactorPart *
train_factors(RsRun *run, const RsMatrix *m, const RsFactorSettings *settings)
{
	RsFactorPart *p = MemoryContextAllocZero(run->context, sizeof(RsFactorPart));
	int			f = settings->factors;
	float	   *user_gram = palloc(sizeof(float) * f * f);
	float	   *work = palloc(sizeof(float) * rs_als_workspace(f));

	p->settings = *settings;
	p->item = rs_run_alloc(run, sizeof(float) * m->items.nrows * f, "item factors");
	p->user = rs_run_alloc(run, sizeof(float) * m->users.nrows * f, "user factors");
	p->gram = rs_run_alloc(run, sizeof(float) * f * f, "item factors");
	p->loss = rs_run_alloc(run, sizeof(double) * settings->sweeps, "losses");
	random_start(p->item, (Size) m->items.nrows * f, settings->initial_sd, run->seed);
	gram_matrix(p->item, m->items.nrows, f, p->gram);
	solve_side(&m->users, settings, p->gram, p->item, work, p->user);
	for (int sweep = 0; sweep < settings->sweeps; sweep++)
	{
		gram_matrix(p->user, m->users.nrows, f, user_gram);
		solve_side(&m->items, settings, user_gram, p->user, work, p->item);
		gram_matrix(p->item, m->items.nrows, f, p->gram);
		solve_side(&m->users, settings, p->gram, p->item, work, p->user);
		p->loss[sweep] = total_loss(m, p);
		if (run->verbose)
			ereport(INFO,
					(errmsg("sweep %d of %d: loss %.6g", sweep + 1,
							settings->sweeps, p->loss[sweep])));
	}
	pfree(work);
	pfree(user_gram);
	return p;
}

RsNeighborPart *
rs_parts_neighbors(const RsParts *parts, const RsPolicy *policy)
{
	ListCell   *cell;

	if (policy->method != RS_ITEM_ITEM && policy->method != RS_FUNNEL)
		return NULL;
	foreach(cell, parts->neighbors)
	{
		RsNeighborPart *part = lfirst(cell);

		if (memcmp(&part->settings, &policy->neighbors, sizeof(RsCoocSettings)) == 0)
			return part;
	}
	return NULL;
}

RsFactorPart *
rs_parts_factors(const RsParts *parts, const RsPolicy *policy)
{
	ListCell   *cell;

	if (policy->method != RS_FACTORS && policy->method != RS_FUNNEL)
		return NULL;
	foreach(cell, parts->factors)
	{
		RsFactorPart *part = lfirst(cell);

		if (memcmp(&part->settings, &policy->factors, sizeof(RsFactorSettings)) == 0)
			return part;
	}
	return NULL;
}

/* Trains what the policies need, each part once. */
RsParts *
rs_parts_make(RsRun *run, RsMatrix *matrix, List *policies)
{
	MemoryContext old;
	RsParts    *parts = MemoryContextAllocZero(run->context, sizeof(RsParts));
	ListCell   *cell;
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	parts->matrix = matrix;
	parts->popularity = train_popularity(run, matrix);
	foreach(cell, policies)
	{
		RsPolicy   *policy = lfirst(cell);
		RsNeighborPart *neighbors = NULL;
		RsFactorPart *factors = NULL;

		if ((policy->method == RS_ITEM_ITEM || policy->method == RS_FUNNEL) &&
			rs_parts_neighbors(parts, policy) == NULL)
			neighbors = train_neighbors(run, matrix, &policy->neighbors);
		if ((policy->method == RS_FACTORS || policy->method == RS_FUNNEL) &&
			rs_parts_factors(parts, policy) == NULL)
			factors = train_factors(run, matrix, &policy->factors);
		old = MemoryContextSwitchTo(run->context);
		if (neighbors)
			parts->neighbors = lappend(parts->neighbors, neighbors);
		if (factors)
			parts->factors = lappend(parts->factors, factors);
		MemoryContextSwitchTo(old);
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	parts->seconds = INSTR_TIME_GET_DOUBLE(end);
	return parts;
}
