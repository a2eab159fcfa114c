/*-------------------------------------------------------------------------
 *
 * test_explicit.c
 *	  Rows of explicit ALS: against elimination in double, the gradient, and
 *	  ratings that nobody would give.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "explicit.h"
#include "simd.h"
#include "test.h"

#define OTHERS 200
#define MAX_FACTORS 130

/* One row's problem. */
typedef struct Problem
{
	RsExplicit	model;
	int			n;
	uint32_t   *col;
	float	   *rating;
	RsExplicitSide other;
	float	   *work;
	float	   *x;
	float		bias;
} Problem;

/* OTHERS random rows and n ratings of about mean */
static Problem
make_problem(int factors, int n, double lambda, double mean)
{
	Problem		p;
	int			i;

	p.model.factors = factors;
	p.model.lambda = lambda;
	p.model.nu = .5;
	p.model.bias_lambda = 2;
	p.model.mu = mean;
	p.model.scale = 1;
	p.n = n;
	p.other.factor = random_floats((size_t) OTHERS * factors);
	p.other.bias = random_floats(OTHERS);
	p.col = make_room(n, sizeof(uint32_t));
	p.rating = make_room(n, sizeof(float));
	p.work = make_room(rs_explicit_workspace(factors), sizeof(float));
	p.x = make_room(factors, sizeof(float));
	for (i = 0; i < n; i++)
	{
		p.col[i] = random_below(OTHERS);
		p.rating[i] = (float) (mean + 4 * random_uniform() - 2);
	}
	return p;
}

/* Gives the memory back. */
static void
free_problem(Problem *p)
{
	free(p->other.factor);
	free(p->other.bias);
	free(p->col);
	free(p->rating);
	free(p->work);
	free(p->x);
}

/* The kernel under test. */
static int
solve(Problem *p)
{
	return rs_explicit_row(&p->model, p->n, p->col, p->rating, &p->other,
						   p->work, p->x, &p->bias);
}

/* What is solved for: (y, 1), by position. */
static double
element(const Problem *p, int rating, int k)
{
	int			f = p->model.factors;

	return k < f ? p->other.factor[(size_t) p->col[rating] * f + k] : 1;
}

/* The weight of the square of element k in the loss. */
static double
penalty(const Problem *p, int k)
{
	return k < p->model.factors ?
		p->model.scale * p->model.lambda * pow(p->n, p->model.nu) :
		p->model.bias_lambda;
}

/* The same system by elimination in double; x has factors + 1 entries. */
static void
solve_naive(const Problem *p, double *x)
{
	static double a[MAX_FACTORS + 1][MAX_FACTORS + 1];
	int			n = p->model.factors + 1;
	int			i;
	int			j;
	int			k;

	memset(a, 0, sizeof(a));
	for (i = 0; i < n; i++)
	{
		x[i] = 0;
		a[i][i] = penalty(p, i);
		for (k = 0; k < p->n; k++)
		{
			x[i] += element(p, k, i) *
				(p->rating[k] - p->model.mu - p->other.bias[p->col[k]]);
			for (j = 0; j < n; j++)
				a[i][j] += element(p, k, i) * element(p, k, j);
		}
	}
	for (k = 0; k < n; k++)
		for (i = k + 1; i < n; i++)
		{
			double		q = a[i][k] / a[k][k];

			for (j = k; j < n; j++)
				a[i][j] -= q * a[k][j];
			x[i] -= q * x[k];
		}
	for (i = n - 1; i >= 0; i--)
	{
		for (j = i + 1; j < n; j++)
			x[i] -= a[i][j] * x[j];
		x[i] /= a[i][i];
	}
}

/* Solution against the naive one, relative to its length; then the gradient. */
static void
check_row(int factors, int n, double mean, double tolerance)
{
	Problem		p = make_problem(factors, n, .5, mean);
	double		x[MAX_FACTORS + 1];
	double		norm = 0;
	double		error = 0;
	double		steepest = 0;
	double		forces = 0;
	int			i;
	int			k;

	CHECK(solve(&p) == 0);
	solve_naive(&p, x);
	for (i = 0; i <= factors; i++)
	{
		double		got = i < factors ? p.x[i] : p.bias;
		double		slope = 2 * penalty(&p, i) * got;

		norm += x[i] * x[i];
		error += (x[i] - got) * (x[i] - got);
		for (k = 0; k < n; k++)
		{
			double		pull = 2 * element(&p, k, i) *
				(p.rating[k] -
				 rs_explicit_predict(&p.model, p.x, p.bias, &p.other, p.col[k]));

			slope -= pull;
			forces += fabs(pull);
		}
		steepest = fmax(steepest, fabs(slope));
	}
	CHECK(error <= tolerance * tolerance * norm);
	CHECK(steepest <= tolerance * forces);
	free_problem(&p);
}

/* All numbers of factors, few to many ratings, small and large ones. */
static void
test_rows(void)
{
	int			factors;

	for (factors = 0; factors <= MAX_FACTORS; factors++)
		check_row(factors, 1 + random_below(60), 3, 1e-4);
	check_row(48, 63, 3, 1e-4);
	check_row(48, 64, 3, 1e-4);
	check_row(48, 65, 3, 1e-4);
	check_row(48, 5000, 3, 1e-4);
	check_row(16, 100, 1e4, 1e-4);
}

/* By hand: one factor, two ratings. */
static void
test_hand(void)
{
	static const uint32_t col[] = {0, 2};
	static const float rating[] = {5, 3};
	float		factor[] = {1, 9, -1};
	float		other_bias[] = {.5f, 9, -.5f};
	RsExplicit	model = {1, 1, .5, 1, 3, 2};
	RsExplicitSide other = {factor, other_bias};
	float		work[4];
	float		x;
	float		bias;

	/* ridge 2 * 1 * sqrt(2); targets 1.5 and .5; s = 0 */
	CHECK(rs_explicit_workspace(1) == 4);
	CHECK(rs_explicit_row(&model, 2, col, rating, &other, work, &x, &bias) == 0);
	CHECK(near(x, 1 / (2 + 2 * sqrt(2)), 1e-7));
	CHECK(near(bias, 2 / 3.0, 1e-7));

	x = .5f;
	bias = 1;
	CHECK(rs_explicit_predict(&model, &x, bias, &other, 2) == 3);
	/* misses 0 and 0; .25 * ridge + 1 */
	CHECK(near(rs_explicit_row_loss(&model, 2, col, rating, &other, &x, bias),
			   .25 * 2 * sqrt(2) + 1, 1e-12));
	CHECK(rs_explicit_row(&model, 0, col, rating, &other, work, &x, &bias) == 0);
	CHECK(x == 0 && bias == 0);
}

/* The solution has the least loss. */
static void
test_loss(void)
{
	Problem		p = make_problem(20, 40, .3, 3);
	float		x[20];
	double		least;
	int			round;
	int			i;

	CHECK(solve(&p) == 0);
	least = rs_explicit_row_loss(&p.model, p.n, p.col, p.rating, &p.other, p.x,
								 p.bias);
	for (round = 0; round < 50; round++)
	{
		float		bias = p.bias + (float) (.02 * random_uniform() - .01);

		for (i = 0; i < 20; i++)
			x[i] = p.x[i] + (float) (.02 * random_uniform() - .01);
		CHECK(rs_explicit_row_loss(&p.model, p.n, p.col, p.rating, &p.other, x,
								   bias) > least);
	}
	free_problem(&p);
}

/* ---- whole matrices ---- */

/* A random matrix, its transpose and the parameters of both sides. */
typedef struct World
{
	RsExplicit	model;
	RsCsr		users;
	RsCsr		items;
	RsExplicitSide user;
	RsExplicitSide item;
	float	   *work;
} World;

/* Room for a matrix. */
static RsCsr
make_csr(uint32_t nrows, uint32_t ncols, size_t entries)
{
	RsCsr		m = {nrows, ncols, NULL, NULL, NULL};

	m.start = make_room(nrows + 1, sizeof(uint64_t));
	m.col = make_room(entries, sizeof(uint32_t));
	m.value = make_room(entries, sizeof(float));
	return m;
}

/* Each pair is rated with probability density; level is the mean rating. */
static World
make_world(uint32_t nusers, uint32_t nitems, double density, double level,
		   double spread)
{
	World		w;
	uint64_t	n = 0;
	uint32_t	u;
	uint32_t	i;

	w.model.factors = 8;
	w.model.lambda = .2;
	w.model.nu = .5;
	w.model.bias_lambda = 3;
	w.users = make_csr(nusers, nitems, (size_t) nusers * nitems);
	w.items = make_csr(nitems, nusers, (size_t) nusers * nitems);
	w.users.start[0] = 0;
	for (u = 0; u < nusers; u++)
	{
		for (i = 0; i < nitems; i++)
			if (random_uniform() < density)
			{
				w.users.col[n] = i;
				w.users.value[n++] = (float) (level + spread *
											  (2 * random_uniform() - 1 +
											   (u % 3 == i % 3)));
			}
		w.users.start[u + 1] = n;
	}
	rs_csr_transpose(&w.users, &w.items);
	rs_explicit_moments(&w.users, &w.model);
	w.user.factor = random_floats((size_t) nusers * 8);
	w.user.bias = random_floats(nusers);
	w.item.factor = random_floats((size_t) nitems * 8);
	w.item.bias = random_floats(nitems);
	w.work = make_room(rs_explicit_workspace(8), sizeof(float));
	return w;
}

/* Gives the memory back. */
static void
free_world(World *w)
{
	free(w->users.start);
	free(w->users.col);
	free(w->users.value);
	free(w->items.start);
	free(w->items.col);
	free(w->items.value);
	free(w->user.factor);
	free(w->user.bias);
	free(w->item.factor);
	free(w->item.bias);
	free(w->work);
}

/* The whole loss. */
static double
whole_loss(const World *w)
{
	double		loss = 0;
	uint32_t	r;

	for (r = 0; r < w->users.nrows; r++)
	{
		uint64_t	start = w->users.start[r];

		loss += rs_explicit_row_loss(&w->model,
									 (int) (w->users.start[r + 1] - start),
									 w->users.col + start,
									 w->users.value + start, &w->item,
									 w->user.factor + r * 8, w->user.bias[r]);
	}
	for (r = 0; r < w->items.nrows; r++)
		loss += rs_explicit_penalty(&w->model,
									(int) (w->items.start[r + 1] -
										   w->items.start[r]),
									w->item.factor + r * 8, w->item.bias[r]);
	return loss;
}

/* One side, in blocks of rows from the first or from the last. */
static int
sweep_side(World *w, bool of_users, bool backwards)
{
	const RsCsr *m = of_users ? &w->users : &w->items;
	uint32_t	nblocks = (m->nrows + 9) / 10;
	double		change = 0;
	uint32_t	b;
	int			result = 0;

	for (b = 0; b < nblocks; b++)
	{
		uint32_t	first = (backwards ? nblocks - 1 - b : b) * 10;
		uint32_t	last = first + 10 < m->nrows ? first + 10 : m->nrows;

		if (rs_explicit_rows(&w->model, m, first, last,
							 of_users ? &w->item : &w->user, w->work,
							 of_users ? &w->user : &w->item, &change) != 0)
			result = -1;
	}
	return result;
}

/* The loss never rises, and the order of the blocks shows nowhere. */
static void
test_sweeps(void)
{
	World		w;
	World		v;
	double		before;
	int			sweep;

	random_seed(7);
	w = make_world(95, 43, .3, 3, 1);
	random_seed(7);
	v = make_world(95, 43, .3, 3, 1);
	before = whole_loss(&w);
	for (sweep = 0; sweep < 8; sweep++)
	{
		double		after;

		CHECK(sweep_side(&w, true, false) == 0);
		after = whole_loss(&w);
		CHECK(after <= before * (1 + 1e-6));
		before = after;
		CHECK(sweep_side(&w, false, false) == 0);
		after = whole_loss(&w);
		CHECK(after <= before * (1 + 1e-6));
		before = after;
		CHECK(sweep_side(&v, true, true) == 0);
		CHECK(sweep_side(&v, false, true) == 0);
	}
	CHECK(memcmp(w.user.factor, v.user.factor, 95 * 8 * sizeof(float)) == 0);
	CHECK(memcmp(w.item.factor, v.item.factor, 43 * 8 * sizeof(float)) == 0);
	CHECK(memcmp(w.user.bias, v.user.bias, 95 * sizeof(float)) == 0);
	CHECK(memcmp(w.item.bias, v.item.bias, 43 * sizeof(float)) == 0);
	free_world(&w);
	free_world(&v);
}

/* The baseline's sweeps; returns how many, or -1 without a solution. */
static int
find_biases(World *w)
{
	RsExplicit	plain = w->model;
	float		none = 0;
	RsExplicitSide user = {&none, w->user.bias};
	RsExplicitSide item = {&none, w->item.bias};
	int			sweep;

	plain.factors = 0;
	memset(user.bias, 0, w->users.nrows * sizeof(float));
	memset(item.bias, 0, w->items.nrows * sizeof(float));
	for (sweep = 1; sweep < RS_BIAS_SWEEPS; sweep++)
	{
		double		change = 0;

		if (rs_explicit_rows(&plain, &w->items, 0, w->items.nrows, &user, &none,
							 &item, &change) != 0 ||
			rs_explicit_rows(&plain, &w->users, 0, w->users.nrows, &item, &none,
							 &user, &change) != 0)
			return -1;
		if (rs_explicit_settled(change, user.bias, w->users.nrows, item.bias,
								w->items.nrows))
			break;
	}
	return sweep;
}

/* Where alternating ends, the gradient of the baseline's loss is 0. */
static void
test_biases(void)
{
	World		w = make_world(95, 43, .3, 3, 1);
	double		steepest = 0;
	uint32_t	r;
	uint64_t	e;

	CHECK(find_biases(&w) > 1);
	for (r = 0; r < w.items.nrows; r++)
	{
		double		slope = w.model.bias_lambda * w.item.bias[r];

		for (e = w.items.start[r]; e < w.items.start[r + 1]; e++)
			slope -= w.items.value[e] - w.model.mu - w.item.bias[r] -
				w.user.bias[w.items.col[e]];
		steepest = fmax(steepest, fabs(slope));
	}
	for (r = 0; r < w.users.nrows; r++)
	{
		double		slope = w.model.bias_lambda * w.user.bias[r];

		for (e = w.users.start[r]; e < w.users.start[r + 1]; e++)
			slope -= w.users.value[e] - w.model.mu - w.user.bias[r] -
				w.item.bias[w.users.col[e]];
		steepest = fmax(steepest, fabs(slope));
	}
	CHECK(steepest < 1e-3);
	free_world(&w);
}

/* Mean and spread; equal ratings have none, which counts as 1. */
static void
test_moments(void)
{
	uint64_t	start[] = {0, 0, 4};
	uint32_t	col[] = {0, 1, 2, 3};
	float		value[] = {1, 3, 1, 3};
	RsCsr		m = {2, 4, start, col, value};
	RsExplicit	model;
	int			i;

	rs_explicit_moments(&m, &model);
	CHECK(model.mu == 2 && model.scale == 1);
	for (i = 0; i < 4; i++)
		value[i] *= 1e30f;
	rs_explicit_moments(&m, &model);
	CHECK(near(model.mu, 2e30, 1e24) && near(model.scale, 1e30, 1e24));
	for (i = 0; i < 4; i++)
		value[i] = 4.1f;
	rs_explicit_moments(&m, &model);
	CHECK(near(model.mu, 4.1f, 1e-6) && model.scale == 1);
	start[2] = 0;
	rs_explicit_moments(&m, &model);
	CHECK(model.mu == 0 && model.scale == 1);
}

/* A few sweeps and the baseline; refused or finite. */
static void
check_world(uint32_t nusers, uint32_t nitems, double level, double spread,
			double lambda, double bias_lambda, bool must_do)
{
	World		w = make_world(nusers, nitems, 1, level, spread);
	double		sum = 0;
	int			bad = 0;
	uint32_t	i;
	int			sweep;

	w.model.lambda = lambda;
	w.model.bias_lambda = bias_lambda;
	for (sweep = 0; sweep < 5; sweep++)
		bad |= sweep_side(&w, true, false) | sweep_side(&w, false, false);
	for (i = 0; i < nusers * 8; i++)
		sum += w.user.factor[i];
	for (i = 0; i < nitems * 8; i++)
		sum += w.item.factor[i];
	for (i = 0; i < nitems; i++)
		sum += w.item.bias[i];
	for (i = 0; i < nusers; i++)
		sum += w.user.bias[i];
	CHECK(isfinite(sum));
	CHECK(bad == 0 || !must_do);
	if (bad == 0)
		CHECK(isfinite(whole_loss(&w)));
	CHECK(find_biases(&w) > 0);
	free_world(&w);
}

/* Ratings and settings that nobody would give. */
static void
test_hostile(void)
{
	Problem		p = make_problem(24, 10, 0, 3);
	bool		zero = true;
	int			i;

	check_world(1, 1, 3, 1, .2, 3, true);
	check_world(1, 1, 3, 1, 0, 0, false);
	check_world(20, 30, 3, 1, 0, 0, false);
	check_world(20, 30, 4.1, 0, .2, 3, true);
	check_world(20, 30, 0, 0, .2, 3, true);
	check_world(20, 30, 0, 1e20, .2, 3, true);
	check_world(20, 30, 0, 1e30, .2, 3, false);
	check_world(20, 30, 1e30, 1e25, .2, 3, false);
	check_world(20, 30, 0, 1e-30, .2, 3, false);
	check_world(20, 30, 3, 1, 1e30, 1e30, true);

	/* ten ratings cannot determine 24 factors without a ridge */
	CHECK(solve(&p) == -1);
	for (i = 0; i < 24; i++)
		zero &= p.x[i] == 0;
	CHECK(zero && p.bias == 0);
	p.model.lambda = 1;
	CHECK(solve(&p) == 0);
	p.rating[4] = NAN;
	CHECK(solve(&p) == -1 && p.x[0] == 0 && p.bias == 0);
	p.rating[4] = INFINITY;
	CHECK(solve(&p) == -1 && p.x[0] == 0 && p.bias == 0);
	p.rating[4] = FLT_MAX;
	p.model.mu = -FLT_MAX;
	CHECK(solve(&p) == -1 && p.x[0] == 0 && p.bias == 0);
	p.model.mu = 3;
	p.rating[4] = 3;
	p.model.scale = NAN;
	CHECK(solve(&p) == -1 && p.x[0] == 0 && p.bias == 0);
	free_problem(&p);
}

/* The levels agree, and one level with itself to the bit. */
static void
test_levels(void)
{
	Problem		p = make_problem(48, 27, .5, 3);
	float		first[48];
	float		bias;
	bool		agree = true;
	int			i;

	CHECK(solve(&p) == 0);
	memcpy(first, p.x, sizeof(first));
	bias = p.bias;
	CHECK(solve(&p) == 0);
	CHECK(memcmp(first, p.x, sizeof(first)) == 0 && bias == p.bias);
	setenv("RS_SIMD", "generic", 1);
	rs_simd_init();
	CHECK(solve(&p) == 0);
	for (i = 0; i < 48; i++)
		agree &= near(first[i], p.x[i], 1e-5);
	CHECK(agree && near(bias, p.bias, 1e-5));
	free_problem(&p);
}

/* All of the above. */
int
main(void)
{
	test_moments();
	test_hand();
	at_every_level(test_rows);
	at_every_level(test_loss);
	at_every_level(test_sweeps);
	at_every_level(test_biases);
	at_every_level(test_hostile);
	at_every_level(test_levels);
	return finish("explicit");
}
