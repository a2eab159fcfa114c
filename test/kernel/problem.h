/*-------------------------------------------------------------------------
 *
 * problem.h
 *	  One side of a random iALS problem, for the tests of als_cg.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TEST_PROBLEM_H
#define RS_TEST_PROBLEM_H

#include "als.h"
#include "als_cg.h"
#include "eigen.h"
#include "simd.h"
#include "test.h"

/* A side's problem, as given and in the basis. */
typedef struct Problem
{
	RsAlsSide	side;
	size_t		nrows;
	float	   *plain;			/* other as given */
	float	   *turned;			/* other in the basis */
	float	   *gram;			/* of plain */
	float	   *basis;
	float	   *diagonal;		/* the Gram matrix in the basis */
	uint64_t   *start;
	uint32_t   *col;
	float	   *weight;
	float	   *work;
	float	   *x;
} Problem;

/* nrows rows of 0 to 2 * mean observed ones of others, weights to largest */
static inline Problem
make_problem(int factors, size_t nrows, int others, int mean, double largest)
{
	Problem		p;
	size_t		square = (size_t) factors * factors;
	double	   *gram = make_room(square + 4 * (size_t) factors, sizeof(double));
	size_t		size = (size_t) others * factors;
	size_t		n = 0;
	size_t		i;

	p.nrows = nrows;
	p.plain = random_floats(size);
	p.turned = make_room(size, sizeof(float));
	p.gram = make_room(square, sizeof(float));
	p.diagonal = make_room(square, sizeof(float));
	p.basis = make_room(rs_als_basis_size(factors), sizeof(float));
	p.work = make_room(rs_als_cg_workspace(factors) +
					   rs_als_workspace(factors), sizeof(float));
	p.start = make_room(nrows + 1, sizeof(uint64_t));
	p.start[0] = 0;
	for (i = 0; i < nrows; i++)
		p.start[i + 1] = n += random_below(2 * mean + 1);
	p.col = make_room(n, sizeof(uint32_t));
	p.weight = make_room(n, sizeof(float));
	for (i = 0; i < n; i++)
	{
		p.col[i] = random_below(others);
		p.weight[i] = (float) (random_uniform() * largest);
	}
	p.x = random_floats(nrows * factors);
	for (i = 0; i < nrows * factors; i++)
		p.x[i] *= .1f;

	rs_gram(p.plain, others, factors, gram);
	for (i = 0; i < square; i++)
		p.gram[i] = (float) gram[i];
	CHECK(rs_als_basis(factors, p.gram, rs_eigen, gram, p.basis) == 0);
	memcpy(p.turned, p.plain, size * sizeof(float));
	rs_als_rotate(factors, p.basis, others, p.work, p.turned);
	memset(p.diagonal, 0, square * sizeof(float));
	for (i = 0; i < (size_t) factors; i++)
		p.diagonal[i * factors + i] = p.basis[i];
	p.side = (RsAlsSide) {factors, 3, .1, .01, 1, others, p.turned, p.basis};
	free(gram);
	return p;
}

/* Gives the memory back. */
static inline void
free_problem(Problem *p)
{
	free(p->plain);
	free(p->turned);
	free(p->gram);
	free(p->diagonal);
	free(p->basis);
	free(p->work);
	free(p->start);
	free(p->col);
	free(p->weight);
	free(p->x);
}

/* The kernel under test, on x. */
static inline int64_t
solve(Problem *p, int steps, float *x, double *loss)
{
	p->side.steps = steps;
	return rs_als_cg(&p->side, p->nrows, p->start, p->col, p->weight, p->work,
					 x, loss);
}

/* A copy of the starting rows. */
static inline float *
starting(const Problem *p)
{
	size_t		size = p->nrows * p->side.factors * sizeof(float);
	float	   *x = make_room(size, 1);

	memcpy(x, p->x, size);
	return x;
}

/* ridge of row i */
static inline double
ridge_of(const Problem *p, size_t i)
{
	return rs_als_ridge(p->side.lambda, p->side.nu, p->side.alpha0,
						(double) (p->start[i + 1] - p->start[i]),
						(double) p->side.others);
}

/* The loss of rows in the basis, by als.h. */
static inline double
loss_of(const Problem *p, const float *x)
{
	double		loss = 0;
	size_t		i;

	for (i = 0; i < p->nrows; i++)
		loss += rs_als_row_loss(p->side.factors, p->diagonal,
								(float) p->side.alpha0, (float) ridge_of(p, i),
								(int) (p->start[i + 1] - p->start[i]),
								p->col + p->start[i], p->weight + p->start[i],
								p->turned, x + i * p->side.factors);
	return loss;
}

/* The sum of the weights: the loss of zero rows. */
static inline double
weights_of(const Problem *p)
{
	double		sum = 0;
	size_t		i;

	for (i = 0; i < p->start[p->nrows]; i++)
		sum += p->weight[i];
	return sum;
}

/* Is x within tolerance of y, relative to y's length? */
static inline bool
close_to(const float *x, const float *y, size_t n, double tolerance)
{
	double		norm = 0;
	double		error = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		norm += (double) y[i] * y[i];
		error += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
	}
	return error <= tolerance * tolerance * norm;
}

#endif							/* RS_TEST_PROBLEM_H */
