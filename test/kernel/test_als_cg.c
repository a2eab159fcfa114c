/*-------------------------------------------------------------------------
 *
 * test_als_cg.c
 *	  Rows of iALS by conjugate gradients: against the exact solve, against
 *	  textbook steps in double, alone and among others.
 *
 *-------------------------------------------------------------------------
 */
#include "problem.h"

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
	at_every_level(test_blocks);
	at_every_level(test_levels);
	return finish("als_cg");
}
