/*-------------------------------------------------------------------------
 *
 * test_als_loss.c
 *	  Rows of iALS by conjugate gradients: their loss, long rows, hostile
 *	  input.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "problem.h"

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
	CHECK(rs_als_basis(24, p.gram, rs_eigen, NULL, p.basis) == -1);
	free_problem(&p);
}

/* All of the above. */
int
main(void)
{
	at_every_level(test_loss);
	at_every_level(test_long);
	at_every_level(test_hostile);
	return finish("als_loss");
}
