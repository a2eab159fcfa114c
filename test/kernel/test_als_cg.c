/*-------------------------------------------------------------------------
 *
 * test_als_cg.c
 *	  Rows of iALS by conjugate gradients: against the exact solve, against
 *	  plain conjugate gradients in double, and their loss.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "als.h"
#include "als_cg.h"
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
static Problem
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
	CHECK(rs_als_basis(factors, p.gram, NULL, gram, p.basis) == 0);
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
static void
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
static int64_t
solve(Problem *p, int steps, float *x, double *loss)
{
	p->side.steps = steps;
	return rs_als_cg(&p->side, p->nrows, p->start, p->col, p->weight, p->work,
					 x, loss);
}

/* A copy of the starting rows. */
static float *
starting(const Problem *p)
{
	size_t		size = p->nrows * p->side.factors * sizeof(float);
	float	   *x = make_room(size, 1);

	memcpy(x, p->x, size);
	return x;
}

/* ridge of row i */
static double
ridge_of(const Problem *p, size_t i)
{
	return rs_als_ridge(p->side.lambda, p->side.nu, p->side.alpha0,
						(double) (p->start[i + 1] - p->start[i]),
						(double) p->side.others);
}

/* The loss of rows in the basis, by als.h. */
static double
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
static double
weights_of(const Problem *p)
{
	double		sum = 0;
	size_t		i;

	for (i = 0; i < p->start[p->nrows]; i++)
		sum += p->weight[i];
	return sum;
}

/* Is x within tolerance of y, relative to y's length? */
static bool
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

/* Many steps and the way back end at the exact solution. */
static void
check_exact(int factors, size_t nrows, int mean)
{
	Problem		p = make_problem(factors, nrows, 300, mean, 3);
	size_t		f = factors;
	float	   *total = make_room(f * f, sizeof(float));
	float	   *back = make_room(rs_als_basis_size(factors), sizeof(float));
	float	   *exact = make_room(f, sizeof(float));
	float	   *other = make_room(300 * f, sizeof(float));
	double		loss;
	bool		agree = true;
	size_t		i;

	for (i = 0; i < f * f; i++)
		total[i] = i % (f + 1) == 0;
	rs_als_rotate(factors, p.basis, f, p.work, total);
	rs_als_basis_back(factors, total, back);
	memcpy(other, p.turned, 300 * f * sizeof(float));
	rs_als_rotate(factors, back, 300, p.work, other);
	CHECK(close_to(other, p.plain, 300 * f, 1e-5));

	CHECK(solve(&p, 100, p.x, &loss) == -1);
	rs_als_rotate(factors, back, nrows, p.work, p.x);
	for (i = 0; i < nrows; i++)
	{
		CHECK(rs_als_row(factors, p.gram, (float) p.side.alpha0,
						 (float) ridge_of(&p, i),
						 (int) (p.start[i + 1] - p.start[i]),
						 p.col + p.start[i], p.weight + p.start[i], p.plain,
						 p.work, exact) == 0);
		agree &= close_to(p.x + i * f, exact, f, factors > 256 ? 1e-3 : 1e-4);
	}
	CHECK(agree);
	free(total);
	free(back);
	free(exact);
	free(other);
	free_problem(&p);
}

/* Factors of every kind, and rows of many lengths. */
static void
test_exact(void)
{
	static const int large[] = {96, 100, 127, 128, 129, 200, 256};
	int			i;

	for (i = 1; i <= 70; i++)
		check_exact(i, 5, 20);
	for (i = 0; i < 7; i++)
		check_exact(large[i], 3, 40);
	check_exact(64, 60, 20);
	check_exact(48, 100, 5);
	check_exact(17, 3, 3000);
	check_exact(600, 1, 30);
}

/* out = the row's matrix times p */
static void
multiply(const Problem *q, size_t i, const double *p, double *out)
{
	int			f = q->side.factors;
	double		ridge = ridge_of(q, i);
	uint64_t	j;
	int			k;

	for (k = 0; k < f; k++)
		out[k] = (q->side.alpha0 * q->basis[k] + ridge) * p[k];
	for (j = q->start[i]; j < q->start[i + 1]; j++)
	{
		const float *v = q->turned + (size_t) q->col[j] * f;
		double		dot = 0;

		for (k = 0; k < f; k++)
			dot += v[k] * p[k];
		for (k = 0; k < f; k++)
			out[k] += q->weight[j] * dot * v[k];
	}
}

/* Row i by textbook steps in double, x being its start in the basis. */
static void
solve_naive(const Problem *q, size_t i, int steps, double *x)
{
	enum
	{
		MOST = 80
	};
	int			f = q->side.factors;
	double		r[MOST] = {0};
	double		p[MOST] = {0};
	double		y[MOST];
	double		m[MOST];
	double		weights = 0;
	double		rz = 0;
	uint64_t	j;
	int			k;

	multiply(q, i, x, y);
	for (j = q->start[i]; j < q->start[i + 1]; j++)
	{
		weights += q->weight[j];
		for (k = 0; k < f; k++)
			r[k] += q->weight[j] * q->turned[(size_t) q->col[j] * f + k];
	}
	for (k = 0; k < f; k++)
	{
		m[k] = q->basis[k] * (q->side.alpha0 + weights / q->side.others) +
			ridge_of(q, i);
		r[k] -= y[k];
		p[k] = r[k] / m[k];
		rz += r[k] * p[k];
	}
	for (; steps > 0; steps--)
	{
		double		curve = 0;
		double		before = rz;

		multiply(q, i, p, y);
		for (k = 0; k < f; k++)
			curve += p[k] * y[k];
		for (rz = 0, k = 0; k < f; k++)
		{
			x[k] += before / curve * p[k];
			r[k] -= before / curve * y[k];
			rz += r[k] * r[k] / m[k];
		}
		for (k = 0; k < f; k++)
			p[k] = r[k] / m[k] + rz / before * p[k];
	}
}

/* Few steps are those of the textbook. */
static void
test_steps(void)
{
	static const int number[] = {5, 16, 48, 50, 64, 80};
	int			which;

	for (which = 0; which < 6; which++)
	{
		int			f = number[which];
		Problem		p = make_problem(f, 20, 200, 15, 2);
		float	   *start = starting(&p);
		double		loss;
		int			steps;

		rs_als_rotate(f, p.basis, p.nrows, p.work, start);
		for (steps = 0; steps <= 4; steps++)
		{
			float	   *x = starting(&p);
			bool		agree = true;
			size_t		i;
			int			k;

			CHECK(solve(&p, steps, x, &loss) == -1);
			for (i = 0; i < p.nrows; i++)
			{
				double		naive[80];
				float		same[80];

				if (p.start[i + 1] == p.start[i])
					continue;
				for (k = 0; k < f; k++)
					naive[k] = start[i * f + k];
				solve_naive(&p, i, steps, naive);
				for (k = 0; k < f; k++)
					same[k] = (float) naive[k];
				agree &= close_to(x + i * f, same, f, 1e-4);
			}
			CHECK(agree);
			free(x);
		}
		free(start);
		free_problem(&p);
	}
}

/* The loss is als.h's, falls with every step and rises with no sweep. */
static void
test_loss(void)
{
	static const int number[] = {3, 48, 64, 100, 128};
	int			which;

	for (which = 0; which < 5; which++)
	{
		Problem		p = make_problem(number[which], 40, 250, 20, 4);
		double		scale = weights_of(&p);
		double		before = INFINITY;
		double		loss;
		int			steps;
		int			sweep;

		for (steps = 0; steps <= 20; steps++)
		{
			float	   *x = starting(&p);
			double		exact;

			CHECK(solve(&p, steps, x, &loss) == -1);
			exact = loss_of(&p, x);
			CHECK(loss <= before);
			CHECK(near(loss, exact, 2e-6 * (scale + loss_of(&p, p.x))));
			before = loss;
			free(x);
		}

		/* the basis turns x every time, so let it be the unit matrix */
		CHECK(solve(&p, 3, p.x, &before) == -1);
		memset(p.basis + number[which] + 1, 0,
			   sizeof(float) * (rs_als_basis_size(number[which]) -
								number[which] - 1));
		for (steps = 0; steps < number[which]; steps++)
			p.basis[number[which] + 1 + steps / RS_CG_PANEL * RS_CG_PANEL *
					number[which] + steps * RS_CG_PANEL +
					steps % RS_CG_PANEL] = 1;
		for (sweep = 0; sweep < 30; sweep++)
		{
			double		exact = loss_of(&p, p.x);

			CHECK(solve(&p, 3, p.x, &loss) == -1);
			CHECK(loss <= before + 1e-7 * scale);
			CHECK(loss_of(&p, p.x) <= exact + 1e-9 * scale);
			CHECK(near(loss, loss_of(&p, p.x), 1e-6 * scale));
			before = loss;
		}
		free_problem(&p);
	}
}

/* One row among many, rows by themselves: the same bytes. */
static void
test_blocks(void)
{
	static const int number[] = {7, 48, 64, 130};
	int			which;

	for (which = 0; which < 4; which++)
	{
		size_t		f = number[which];
		Problem		p = make_problem((int) f, 101, 300, 20, 2);
		float	   *x = starting(&p);
		float	   *y = starting(&p);
		double		loss;
		double		part;
		double		sum = 0;
		size_t		i;

		CHECK(solve(&p, 3, x, &loss) == -1);
		for (i = 0; i < p.nrows; i++)
		{
			CHECK(rs_als_cg(&p.side, 1, p.start + i, p.col, p.weight, p.work,
							y + i * f, &part) == -1);
			sum += part;
		}
		CHECK(memcmp(x, y, sizeof(float) * f * p.nrows) == 0);
		CHECK(near(sum, loss, 1e-9 * loss));
		free(x);
		free(y);
		free_problem(&p);
	}
}

/* A row with more observations than there are others, and its loss. */
static void
test_long(void)
{
	Problem		p = make_problem(64, 3, 3000, 1, 1);
	size_t		n = 30000;
	float	   *x;
	double		loss;
	size_t		i;

	free(p.col);
	free(p.weight);
	p.col = make_room(n + 2, sizeof(uint32_t));
	p.weight = make_room(n + 2, sizeof(float));
	for (i = 0; i < n + 2; i++)
	{
		p.col[i] = random_below(3000);
		p.weight[i] = (float) random_uniform();
	}
	p.start[1] = 1;
	p.start[2] = n + 1;
	p.start[3] = n + 2;
	x = starting(&p);
	CHECK(solve(&p, 40, x, &loss) == -1);
	CHECK(near(loss, loss_of(&p, x), 2e-6 * (n + loss_of(&p, p.x))));
	for (i = 0; i < 3; i++)
	{
		float		exact[64];
		int			rows = (int) (p.start[i + 1] - p.start[i]);

		CHECK(rs_als_row(64, p.diagonal, (float) p.side.alpha0,
						 (float) ridge_of(&p, i), rows, p.col + p.start[i],
						 p.weight + p.start[i], p.turned, p.work, exact) == 0);
		CHECK(close_to(x + i * 64, exact, 64, 1e-4));
	}
	free(x);
	free_problem(&p);
}

/* Are all of n floats numbers? */
static bool
all_finite(const float *x, size_t n)
{
	bool		finite = true;
	size_t		i;

	for (i = 0; i < n; i++)
		finite &= isfinite(x[i]) != 0;
	return finite;
}

/* No ridge, no weight on the unseen, huge weights, none, not a number. */
static void
test_hostile(void)
{
	static const float bad[] = {NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX};
	static const float large[] = {1e10f, 1e20f, 1e30f};
	Problem		p = make_problem(24, 10, 50, 10, 1);
	float	   *x;
	double		loss;
	int			i;

	for (i = 0; i < 4; i++)
	{
		p.side.lambda = i % 2 ? .01 : 0;
		p.side.alpha0 = i / 2 ? .1 : 0;
		x = starting(&p);
		CHECK(solve(&p, 50, x, &loss) == -1);
		CHECK(all_finite(x, 240) && isfinite(loss) && loss >= 0);
		free(x);
	}

	/* a huge weight is met at once */
	p.start[4] = p.start[3] + 5;
	for (i = 5; i <= 10; i++)
		p.start[i] = p.start[4];
	for (i = 0; i < 3; i++)
	{
		const float *v = p.turned + (size_t) p.col[p.start[3]] * 24;

		p.weight[p.start[3]] = large[i];
		x = starting(&p);
		CHECK(solve(&p, 3, x, &loss) == -1);
		CHECK(all_finite(x, 240) && isfinite(loss));
		CHECK(near(rs_simd->dot(x + 3 * 24, v, 24), 1, 1e-2));
		free(x);
	}
	for (i = 0; i < 5; i++)
	{
		int64_t		which;

		p.weight[p.start[3]] = bad[i];
		x = starting(&p);
		which = solve(&p, 3, x, &loss);
		CHECK(which == 3 || which == -1);
		CHECK(which == 3 || isfinite(bad[i]));
		CHECK(all_finite(x, 240) && isfinite(loss));
		if (which == 3)
			CHECK(x[3 * 24] == 0 && x[3 * 24 + 23] == 0);
		/* its neighbours are solved, rows without observations zero */
		CHECK(x[2 * 24] != 0 || p.start[3] == p.start[2]);
		CHECK(x[9 * 24] == 0 && x[9 * 24 + 23] == 0);
		free(x);
	}

	/* a start that is no number, and no weight at all */
	for (i = 0; i < 5; i++)
		p.weight[p.start[3] + i] = 0;
	x = starting(&p);
	CHECK(solve(&p, 30, x, &loss) == -1 && all_finite(x, 240));
	x[3 * 24] = NAN;
	CHECK(solve(&p, 3, x, &loss) == 3 && x[3 * 24] == 0);
	free(x);
	p.gram[0] = INFINITY;
	CHECK(rs_als_basis(24, p.gram, NULL, NULL, p.basis) == -1);
	free_problem(&p);
}

/* The levels agree. */
static void
test_levels(void)
{
	Problem		p = make_problem(52, 30, 300, 20, 3);
	float	   *x = starting(&p);
	float	   *y = starting(&p);
	double		first;
	double		second;

	CHECK(solve(&p, 3, x, &first) == -1);
	setenv("RS_SIMD", "generic", 1);
	rs_simd_init();
	CHECK(solve(&p, 3, y, &second) == -1);
	CHECK(close_to(x, y, p.nrows * 52, 1e-5));
	CHECK(near(first, second, 1e-6 * (weights_of(&p) + loss_of(&p, p.x))));
	free(x);
	free(y);
	free_problem(&p);
}

/* All of the above. */
int
main(void)
{
	at_every_level(test_exact);
	at_every_level(test_steps);
	at_every_level(test_loss);
	at_every_level(test_blocks);
	at_every_level(test_long);
	at_every_level(test_hostile);
	at_every_level(test_levels);
	return finish("als_cg");
}
