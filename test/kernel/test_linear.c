/*-------------------------------------------------------------------------
 *
 * test_linear.c
 *	  The linear ranker against finite differences, gradient descent and
 *	  planted weights.
 *
 *-------------------------------------------------------------------------
 */
#include "linear.h"
#include "test.h"

#define MOST	12				/* features */

/* Lists, and what is trained from them. */
typedef struct World
{
	RsLinearData d;
	uint64_t   *start;
	float	   *feature;
	uint8_t    *relevant;
	double		mean[MOST];
	double		scale[MOST];
	double		weight[MOST];
	RsRanker	r;
	RsLinearFit fit;
} World;

/* a normal variable, nearly: twelve uniform ones (Irwin and Hall) */
static double
random_normal(void)
{
	double		sum = -6;
	int			i;

	for (i = 0; i < 12; i++)
		sum += random_uniform();
	return sum;
}

/* Lists of random length whose relevant items are drawn by softmax of w'x. */
static World
make_world(int nfeatures, int nlists, const double *w)
{
	World		world = {0};
	uint64_t	rows;
	uint64_t	i;
	int			u;
	int			j;

	world.start = make_room(nlists + 1, sizeof(uint64_t));
	world.start[0] = 0;
	for (u = 0; u < nlists; u++)
		world.start[u + 1] = world.start[u] + 2 + random_below(30);
	rows = world.start[nlists];
	world.feature = make_room(rows * nfeatures, sizeof(float));
	world.relevant = make_room(rows, 1);
	memset(world.relevant, 0, rows);
	for (i = 0; i < rows; i++)
		for (j = 0; j < nfeatures; j++)
			world.feature[i * nfeatures + j] = (float) ((j + 1) * random_normal() + j);
	for (u = 0; u < nlists; u++)
	{
		int			draw;

		for (draw = random_below(3); draw >= 0; draw--)
		{
			double		sum = 0;
			double		at;

			for (i = world.start[u]; i < world.start[u + 1]; i++)
			{
				double		s = 0;

				for (j = 0; j < nfeatures; j++)
					s += w[j] * world.feature[i * nfeatures + j];
				sum += exp(s);
			}
			at = sum * random_uniform();
			for (i = world.start[u]; i + 1 < world.start[u + 1]; i++)
			{
				double		s = 0;

				for (j = 0; j < nfeatures; j++)
					s += w[j] * world.feature[i * nfeatures + j];
				at -= exp(s);
				if (at < 0)
					break;
			}
			world.relevant[i] = 1;
		}
	}
	world.d.nfeatures = nfeatures;
	world.d.nlists = nlists;
	world.d.start = world.start;
	world.d.feature = world.feature;
	world.d.relevant = world.relevant;
	return world;
}

/* Makes values of very different sizes, so that full steps go too far. */
static void
roughen(World *world, double how)
{
	uint64_t	n = world->start[world->d.nlists] * world->d.nfeatures;
	uint64_t	i;

	for (i = 0; i < n; i++)
		world->feature[i] *= (float) exp(how * random_normal());
}

static void
free_world(World *world)
{
	free(world->start);
	free(world->feature);
	free(world->relevant);
}

static int	interrupts = 0;

static void
count_interrupt(void)
{
	interrupts++;
}

static bool
train(World *world, const double *prior, double lambda, uint32_t least)
{
	void	   *work = make_room(rs_linear_workspace(world->d.nfeatures), 1);
	bool		good = rs_linear_train(&world->d, prior, lambda, least, work,
									   count_interrupt, world->mean, world->scale,
									   world->weight, &world->r, &world->fit);

	free(work);
	return good;
}

/*
 * The objective as the head of linear.h has it, for weights of standardised
 * features; gradient may be NULL.
 */
static double
objective(const World *world, const double *w, const double *w0, double lambda,
		  double *gradient)
{
	const RsLinearData *d = &world->d;
	int			n = d->nfeatures;
	int			lists = 0;
	double		loss = 0;
	double		z[64][MOST];
	double		p[64];
	uint32_t	u;
	int			i;
	int			j;

	if (gradient != NULL)
		memset(gradient, 0, n * sizeof(double));
	for (u = 0; u < d->nlists; u++)
	{
		int			m = (int) (d->start[u + 1] - d->start[u]);
		int			relevant = 0;
		double		sum = 0;

		for (i = 0; i < m; i++)
		{
			double		s = 0;

			for (j = 0; j < n; j++)
			{
				z[i][j] = world->scale[j] == 0 ? 0 :
					(d->feature[(d->start[u] + i) * n + j] - world->mean[j]) / world->scale[j];
				s += w[j] * z[i][j];
			}
			p[i] = exp(s);
			sum += p[i];
			relevant += d->relevant[d->start[u] + i] != 0;
		}
		if (relevant == 0 || relevant == m)
			continue;
		lists++;
		for (i = 0; i < m; i++)
		{
			bool		is = d->relevant[d->start[u] + i] != 0;

			if (is)
				loss -= log(p[i] / sum) / relevant;
			for (j = 0; gradient != NULL && j < n; j++)
				gradient[j] += z[i][j] * (p[i] / sum - (is ? 1.0 / relevant : 0));
		}
	}
	loss /= lists;
	for (j = 0; j < n; j++)
	{
		loss += lambda / 2 * (w[j] - w0[j]) * (w[j] - w0[j]);
		if (gradient != NULL)
			gradient[j] = gradient[j] / lists + lambda * (w[j] - w0[j]);
	}
	return loss;
}

static const double planted[MOST] = {.8, -.5, .3, 0, .1, -.2, .15, .02, -.1, 0, .05, -.04};
static const double zero[MOST] = {0};

/* Where the objective is least, no difference quotient shows a slope. */
static void
test_optimum(void)
{
	int			round;

	for (round = 0; round < 20; round++)
	{
		int			n = 1 + random_below(MOST);
		double		lambda = pow(10, -random_below(round < 10 ? 5 : 9));
		World		world = make_world(n, 20 + random_below(100), planted);
		double		w[MOST];
		int			j;

		if (round >= 10)
			roughen(&world, 2);
		CHECK(train(&world, NULL, lambda, 1));
		memcpy(w, world.weight, sizeof(w));
		for (j = 0; j < n; j++)
		{
			const double h = 1e-5;
			double		above;
			double		below;

			w[j] = world.weight[j] + h;
			above = objective(&world, w, zero, lambda, NULL);
			w[j] = world.weight[j] - h;
			below = objective(&world, w, zero, lambda, NULL);
			w[j] = world.weight[j];
			CHECK(fabs(above - below) / (2 * h) < 1e-6);
		}
		CHECK(near(world.fit.loss, objective(&world, w, zero, 0, NULL), 1e-9));
		free_world(&world);
	}
}

/* Plain gradient descent ends at the same place. */
static void
test_descent(void)
{
	World		world = make_world(5, 60, planted);
	double		w[MOST] = {0};
	double		gradient[MOST];
	int			step;
	int			j;

	CHECK(train(&world, NULL, .01, 1));
	for (step = 0; step < 20000; step++)
	{
		objective(&world, w, zero, .01, gradient);
		for (j = 0; j < 5; j++)
			w[j] -= .5 * gradient[j];
	}
	for (j = 0; j < 5; j++)
		CHECK(near(w[j], world.weight[j], 1e-6));
	free_world(&world);
}

/* Weights by which the relevant items were drawn are found again. */
static void
test_planted(void)
{
	World		world = make_world(5, 20000, planted);
	int			j;

	interrupts = 0;
	CHECK(train(&world, NULL, 0, 1));
	CHECK(interrupts > 10);
	CHECK(world.fit.iterations > 1 && world.fit.iterations < 20);
	for (j = 0; j < 5; j++)
	{
		CHECK(near(world.weight[j] / world.scale[j], planted[j], .03));
		CHECK(near(world.mean[j], j, .05 * (j + 1)));
		CHECK(near(world.scale[j], j + 1, .05 * (j + 1)));
	}
	free_world(&world);
}

/* What the penalty draws towards: the prior's proportions, at a fitted size. */
static void
test_prior(void)
{
	World		world = make_world(5, 3000, planted);
	double		prior[5];
	double		factor;
	int			j;

	for (j = 0; j < 5; j++)
		prior[j] = 7 * planted[j] + (j == 3 ? 1 : 0);
	CHECK(train(&world, prior, 1e9, 1));
	factor = world.weight[0] / world.scale[0] / prior[0];
	CHECK(factor > .02 && factor < .2);
	for (j = 0; j < 5; j++)
		CHECK(near(world.weight[j] / world.scale[j], factor * prior[j], 1e-5));
	CHECK(near(world.fit.loss, world.fit.prior_loss, 1e-6));

	/* the factor is the one that fits best */
	for (j = 0; j < 2; j++)
	{
		double		w[MOST] = {0};
		int			i;

		for (i = 0; i < 5; i++)
			w[i] = world.weight[i] * (j == 0 ? 1.02 : .98);
		CHECK(objective(&world, w, zero, 0, NULL) > world.fit.loss);
	}

	/* without a penalty it does not matter */
	CHECK(train(&world, prior, 0, 1));
	CHECK(near(world.weight[3], 0, .1));
	CHECK(world.fit.loss < world.fit.prior_loss - 1e-4);

	/* one that is the wrong way around is as good as none */
	for (j = 0; j < 5; j++)
		prior[j] = -planted[j];
	CHECK(train(&world, prior, 1e9, 1));
	for (j = 0; j < 5; j++)
		CHECK(near(world.weight[j], 0, 1e-6));
	free_world(&world);
}

/* The factor fits best wherever the search for it has to go. */
static void
test_rough_prior(void)
{
	int			round;

	for (round = 0; round < 30; round++)
	{
		World		world = make_world(2, 2 + random_below(20), planted);
		double		prior[2] = {random_normal(), random_normal()};
		double		w[MOST] = {0};
		double		best = INFINITY;
		double		factor;

		roughen(&world, round % 3 * 2);
		CHECK(train(&world, prior, 1e9, 1));
		for (factor = 1e-6; factor < 1e6; factor *= 1.01)
		{
			w[0] = factor * prior[0] * world.scale[0];
			w[1] = factor * prior[1] * world.scale[1];
			best = fmin(best, objective(&world, w, zero, 1e-6, NULL));
		}
		CHECK(world.fit.prior_loss < best + 1e-6 * (1 + best));
		free_world(&world);
	}
}

/* The first feature alone tells what is relevant. */
static void
test_separable(void)
{
	World		world = make_world(4, 50, planted);
	double		prior[4] = {1, 0, 0, 0};
	double		lambda;
	uint64_t	i;
	int			j;

	for (i = 0; i < world.start[50]; i++)
		world.feature[i * 4] = world.relevant[i];
	for (lambda = 0; lambda < 1; lambda = 10 * lambda + 1e-5)
	{
		CHECK(train(&world, prior, lambda, 1));
		for (j = 0; j < 4; j++)
			CHECK(isfinite(world.weight[j]));
		CHECK(world.weight[0] > 1 && world.weight[0] < 1000);
		CHECK(isfinite(world.r.slope) && world.r.slope > 0 && isfinite(world.r.intercept));
		for (i = 0; i < world.start[50]; i++)
		{
			double		score = rs_ranker_score(&world.r, world.feature + i * 4);

			CHECK(world.relevant[i] ? score > .9 : score < .1);
		}
	}
	free_world(&world);
}

/* Probabilities are right on average, and rise with w'z. */
static void
test_calibration(double how)
{
	World		world = make_world(6, 2000, planted);
	uint64_t	rows = world.start[2000];
	double		predicted = 0;
	double		moment = 0;
	double		relevant = 0;
	double		high;
	double		low;
	uint64_t	i;

	roughen(&world, how);
	CHECK(train(&world, NULL, how > 0 ? 1e-9 : .001, 1));
	CHECK(world.r.slope > 0);
	for (i = 0; i < rows; i++)
		relevant += world.relevant[i];
	high = (relevant + 1) / (relevant + 2);
	low = 1 / (rows - relevant + 2);
	for (i = 0; i < rows; i++)
	{
		const float *x = world.feature + i * 6;
		double		score = rs_ranker_score(&world.r, x);
		double		raw = 0;
		int			j;

		for (j = 0; j < 6; j++)
			raw += world.weight[j] * (x[j] - world.mean[j]) / world.scale[j];
		CHECK(near(rs_ranker_raw(&world.r, x), raw, 1e-12));
		CHECK(near(score, 1 / (1 + exp(-(world.r.slope * raw + world.r.intercept))), 1e-12));
		predicted += score;
		moment += raw * (score - (world.relevant[i] ? high : low));
	}

	/* both derivatives of the likelihood are 0 */
	CHECK(near(predicted, relevant * high + (rows - relevant) * low, 1e-4 * rows));
	CHECK(near(predicted / rows, relevant / rows, 1e-3));
	CHECK(fabs(moment) / rows < 1e-6);
	free_world(&world);
}

/* Scores fall with w'z where its weights are the wrong ones: the order stays. */
static void
test_slope(void)
{
	World		world = make_world(1, 300, planted);
	double		share = 0;
	uint64_t	relevant = 0;
	uint64_t	i;
	int			u;

	/*
	 * Within lists the relevant item has the largest value; between lists, those
	 * of small values have most relevant items.
	 */
	for (u = 0; u < 300; u++)
	{
		int			many = u % 2;

		for (i = world.start[u]; i < world.start[u + 1]; i++)
		{
			world.relevant[i] = i == world.start[u] || (many && i + 1 < world.start[u + 1]);
			world.feature[i] = (float) (world.relevant[i] + .1 * random_normal() - 20 * many);
			relevant += world.relevant[i];
		}
	}
	CHECK(train(&world, NULL, .001, 1));
	CHECK(world.weight[0] > 0);
	CHECK(world.r.slope > 0 && world.r.slope <= 1e-3);
	for (i = 0; i < world.start[300]; i++)
		share += rs_ranker_score(&world.r, world.feature + i);
	CHECK(near(share, relevant, 1e-3 * world.start[300]));
	free_world(&world);
}

/* Features that say nothing, and features that say the same. */
static void
test_degenerate(void)
{
	World		world = make_world(5, 200, planted);
	World		one = make_world(3, 200, planted);
	double		prior[5] = {1, 1, 1, 1, 1};
	uint64_t	i;
	int			u;
	float		huge[5] = {3e38f, -3e38f, 3e38f, 1e30f, 0};

	/* a constant, a copy, and one that is constant within each list */
	for (u = 0; u < 200; u++)
		for (i = world.start[u]; i < world.start[u + 1]; i++)
		{
			world.feature[i * 5 + 1] = .1f;
			world.feature[i * 5 + 2] = world.feature[i * 5];
			world.feature[i * 5 + 3] = (float) u;
		}
	for (u = 0; u < 2; u++)
	{
		double		w[MOST] = {0};
		double		gradient[MOST];

		CHECK(train(&world, u == 0 ? NULL : prior, u == 0 ? 0 : .01, 1));
		CHECK(world.scale[1] == 0 && world.weight[1] == 0);
		memcpy(w, world.weight, sizeof(w));
		objective(&world, w, zero, 0, gradient);
		CHECK(u == 1 || fabs(gradient[0]) + fabs(gradient[2]) + fabs(gradient[4]) < 1e-5);
		CHECK(isfinite(rs_ranker_score(&world.r, huge)));
		CHECK(u == 0 || near(world.weight[0], world.weight[2], 1e-6));
	}

	/* lists with nothing to learn from do not count */
	for (i = one.start[0]; i < one.start[100]; i++)
		one.relevant[i] = i < one.start[50];
	CHECK(train(&one, NULL, .01, 1));
	u = (int) one.fit.lists;
	CHECK(u > 90 && u <= 100);
	CHECK(!train(&one, NULL, .01, u + 1));
	CHECK(one.r.nfeatures == 0);
	CHECK(train(&one, NULL, .01, u));
	CHECK(one.r.nfeatures == 3);
	memset(one.relevant, 0, one.start[200]);
	CHECK(!train(&one, NULL, .01, 0));
	memset(one.relevant, 1, one.start[200]);
	CHECK(!train(&one, NULL, .01, 0));
	one.d.nlists = 0;
	CHECK(!train(&one, NULL, .01, 0));

	free_world(&world);
	free_world(&one);
}

/* Values of any size that a float holds. */
static void
test_huge(void)
{
	World		world = make_world(3, 100, planted);
	uint64_t	i;

	for (i = 0; i < world.start[100]; i++)
	{
		world.feature[i * 3] *= 1e37f;
		world.feature[i * 3 + 1] *= 1e-37f;
	}
	world.feature[5] = 3e38f;
	CHECK(train(&world, NULL, .01, 1));
	for (i = 0; i < world.start[100]; i++)
	{
		double		score = rs_ranker_score(&world.r, world.feature + i * 3);

		CHECK(score >= 0 && score <= 1);
	}
	free_world(&world);
}

/* A score is a number, whatever the weights. */
static void
test_overflow(void)
{
	static const double mean[2] = {0, 0};
	static const double scale[2] = {1e-30, 1e-30};
	static const double weight[2] = {1e300, -1e300};
	RsRanker	r = {2, mean, scale, weight, 1, 0};
	float		x[2] = {3e38f, 3e38f};

	CHECK(rs_ranker_raw(&r, x) == 0 && rs_ranker_score(&r, x) == .5);
	x[1] = 0;
	CHECK(rs_ranker_score(&r, x) == 1);
	x[0] = -3e38f;
	CHECK(rs_ranker_score(&r, x) == 0);
}

/* The same lists give the same bytes. */
static void
test_repeats(void)
{
	World		world = make_world(6, 300, planted);
	World		other = world;

	CHECK(train(&world, planted, .003, 1));
	CHECK(train(&other, planted, .003, 1));
	CHECK(memcmp(world.weight, other.weight, sizeof(world.weight)) == 0);
	CHECK(world.r.slope == other.r.slope && world.r.intercept == other.r.intercept);
	free_world(&world);
}

int
main(void)
{
	test_optimum();
	test_descent();
	test_planted();
	test_prior();
	test_rough_prior();
	test_separable();
	test_calibration(0);
	test_calibration(3);
	test_slope();
	test_degenerate();
	test_huge();
	test_overflow();
	test_repeats();
	return finish("linear");
}
