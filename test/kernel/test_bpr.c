/*-------------------------------------------------------------------------
 *
 * test_bpr.c
 *	  BPR: steps against finite differences, draws against their
 *	  probabilities, the order of blocks against itself.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "bpr.h"
#include "simd.h"
#include "test.h"

#define USERS 150
#define ITEMS 400
#define FACTORS 8

/* A matrix, its transpose, a model and room for a plan. */
typedef struct World
{
	RsBprSettings s;
	RsCsr		users;
	RsCsr		items;
	RsBprModel	model;
	RsBprPlan	plan;
} World;

/* Room for a matrix. */
static RsCsr
make_csr(uint32_t nrows, uint32_t ncols)
{
	RsCsr		m = {nrows, ncols, NULL, NULL, NULL};

	m.start = make_room(nrows + 1, sizeof(uint64_t));
	m.col = make_room((size_t) nrows * ncols, sizeof(uint32_t));
	m.value = make_room((size_t) nrows * ncols, sizeof(float));
	return m;
}

/* Each user has each item with the probability that has() gives. */
static World
make_world(uint32_t nusers, uint32_t nitems, int factors,
		   double (*has) (uint32_t user, uint32_t item))
{
	World		w;
	uint64_t	n = 0;
	uint32_t	u;
	uint32_t	i;

	w.s.factors = factors;
	w.s.rounds = 20;
	w.s.item_bias = true;
	w.s.rate = .1;
	w.s.ridge = .01;
	w.s.exponent = 0;
	w.s.seed = 5;
	w.users = make_csr(nusers, nitems);
	w.items = make_csr(nitems, nusers);
	w.users.start[0] = 0;
	for (u = 0; u < nusers; u++)
	{
		for (i = 0; i < nitems; i++)
			if (random_uniform() < has(u, i))
			{
				w.users.col[n] = i;
				w.users.value[n++] = 1;
			}
		w.users.start[u + 1] = n;
	}
	rs_csr_transpose(&w.users, &w.items);
	w.model.user = random_floats((size_t) nusers * factors);
	w.model.item = random_floats((size_t) nitems * factors);
	w.model.bias = make_room(nitems, sizeof(float));
	memset(w.model.bias, 0, nitems * sizeof(float));
	w.model.tick = NULL;
	w.plan.parts = rs_bpr_parts(nusers, nitems);
	w.plan.part = make_room(nitems, sizeof(uint8_t));
	w.plan.start = make_room(w.plan.parts + 1, sizeof(uint32_t));
	w.plan.item = make_room(nitems, sizeof(uint32_t));
	w.plan.weight = make_room(nitems, sizeof(double));
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
	free(w->model.user);
	free(w->model.item);
	free(w->model.bias);
	free(w->plan.part);
	free(w->plan.start);
	free(w->plan.item);
	free(w->plan.weight);
}

/* A round; the blocks of a stratum from the first or from the last. */
static int
do_round(World *w, int round, bool backwards, RsBprLoss *loss)
{
	int			parts = w->plan.parts;
	int			stratum;
	int			k;

	rs_bpr_plan(&w->s, &w->items, round, &w->plan);
	for (stratum = 0; stratum < parts; stratum++)
		for (k = 0; k < parts; k++)
		{
			int			p = backwards ? parts - 1 - k : k;

			if (rs_bpr_block(&w->s, &w->users, &w->plan, round, p,
							 (p + stratum) % parts, &w->model, loss) != 0)
				return -1;
		}
	return 0;
}

static double
always(uint32_t user, uint32_t item)
{
	(void) user;
	(void) item;
	return 1;
}

static double
first_only(uint32_t user, uint32_t item)
{
	(void) user;
	return item == 0;
}

static double
all_but_seventh(uint32_t user, uint32_t item)
{
	(void) user;
	return item != 7;
}

/* every user has the first item, the first user many, the last user none */
static double
steps_down(uint32_t user, uint32_t item)
{
	return user + 1 < USERS && item <= (USERS - user) * 2;
}

/* taste: three kinds of users and items, and some noise */
static double
by_kind(uint32_t user, uint32_t item)
{
	return user % 3 == item % 3 ? .3 : .01;
}

/* The loss of the triple (user 0, item 0, item 1), at p = user, items, biases. */
static double
triple_loss(const World *w, const double *p)
{
	int			f = w->s.factors;
	const double *b = p + 3 * f;
	double		d = b[0] - b[1];
	double		squares = b[0] * b[0] + b[1] * b[1];
	int			k;

	for (k = 0; k < f; k++)
	{
		d += p[k] * (p[f + k] - p[2 * f + k]);
		squares += p[k] * p[k] + p[f + k] * p[f + k] +
			p[2 * f + k] * p[2 * f + k];
	}
	return log1p(exp(-d)) + w->s.ridge / 2 * squares;
}

/* A step goes down the gradient as finite differences see it. */
static void
test_step(void)
{
	World		w = make_world(1, 2, 21, first_only);
	RsBprLoss	loss = {0, 0};
	double		p[3 * 21 + 2];
	double		before;
	bool		same = true;
	int			n = 3 * 21 + 2;
	int			k;

	w.model.bias[0] = .25f;
	w.model.bias[1] = -.5f;
	for (k = 0; k < 21; k++)
	{
		p[k] = w.model.user[k];
		p[21 + k] = w.model.item[k];
		p[42 + k] = w.model.item[21 + k];
	}
	p[63] = w.model.bias[0];
	p[64] = w.model.bias[1];
	before = triple_loss(&w, p);
	CHECK(do_round(&w, 10, false, &loss) == 0);
	CHECK(loss.triples == 1);
	for (k = 0; k < n; k++)
	{
		double		old = p[k];
		double		up;
		double		down;
		double		got;

		p[k] = old + 1e-4;
		up = triple_loss(&w, p);
		p[k] = old - 1e-4;
		down = triple_loss(&w, p);
		p[k] = old;
		got = k < 21 ? w.model.user[k] :
			k < 63 ? w.model.item[k - 21] : w.model.bias[k - 63];
		/* halfway through, the rate has halved */
		same &= near(got, old - .05 * (up - down) / 2e-4, 1e-6);
	}
	CHECK(same);
	w.s.ridge = 0;
	CHECK(near(loss.sum, triple_loss(&w, p), 1e-5) && loss.sum < before);
	free_world(&w);
}

/* How often each of the items 1 .. 4 is drawn against item 0. */
static void
check_draws(double exponent, const double *expected)
{
	/* item i is had by 4^i users, but for the first user, who has item 0 */
	static const int had[] = {1, 1, 4, 16, 64};
	World		w = make_world(1, 5, 1, first_only);
	int			drawn[5] = {0};
	double		x2 = 0;
	int			round;
	int			i;

	w.items.start[0] = 0;
	for (i = 0; i < 5; i++)
		w.items.start[i + 1] = w.items.start[i] + had[i];
	w.s.exponent = exponent;
	w.s.rounds = 20001;
	for (round = 0; round < 20000; round++)
	{
		RsBprLoss	loss = {0, 0};

		memset(w.model.bias, 0, 5 * sizeof(float));
		CHECK(do_round(&w, round, false, &loss) == 0);
		for (i = 1; i < 5; i++)
			drawn[i] += w.model.bias[i] < 0;
	}
	CHECK(drawn[1] + drawn[2] + drawn[3] + drawn[4] == 20000);
	for (i = 1; i < 5; i++)
	{
		double		goal = 20000 * expected[i - 1];

		x2 += (drawn[i] - goal) * (drawn[i] - goal) / goal;
	}
	/* three degrees of freedom: beyond this once in 10,000 */
	CHECK(x2 < 21.1);
	free_world(&w);
}

/* Uniformly, by the root of the count, by the count. */
static void
test_draws(void)
{
	static const double uniform[] = {.25, .25, .25, .25};
	static const double root[] = {1 / 15.0, 2 / 15.0, 4 / 15.0, 8 / 15.0};
	static const double count[] = {1 / 85.0, 4 / 85.0, 16 / 85.0, 64 / 85.0};

	check_draws(0, uniform);
	check_draws(.5, root);
	check_draws(1, count);
}

/* What a user has is never their negative. */
static void
test_owned(void)
{
	World		w = make_world(30, 9, 2, always);
	RsBprLoss	loss = {0, 0};
	bool		risen = true;
	int			i;

	CHECK(do_round(&w, 0, false, &loss) == 0);
	CHECK(loss.triples == 0 && loss.sum == 0);
	free_world(&w);

	w = make_world(30, 9, 2, all_but_seventh);
	w.s.ridge = 0;
	CHECK(do_round(&w, 0, false, &loss) == 0);
	CHECK(loss.triples > 100 && loss.triples <= 240);
	for (i = 0; i < 9; i++)
		risen &= i == 7 ? w.model.bias[i] < 0 : w.model.bias[i] > 0;
	CHECK(risen);
	free_world(&w);

	/* nothing at all */
	w = make_world(1, 1, 2, always);
	CHECK(do_round(&w, 0, false, &loss) == 0);
	CHECK(rs_bpr_normalize(&w.s, 1, 1, &w.model) == 0);
	free_world(&w);
}

/* Every item is in one part, every user in one, every pair visited once. */
static void
test_plan(void)
{
	World		w = make_world(USERS, ITEMS, 2, steps_down);
	uint64_t	pairs = w.users.start[USERS];
	RsBprLoss	loss = {0, 0};
	uint8_t		before[ITEMS];
	bool		sorted = true;
	bool		same = true;
	int			moved = 0;
	int			p;
	uint32_t	i;

	CHECK(rs_bpr_parts(0, 0) == 1);
	CHECK(rs_bpr_parts(1000, 63) == 1 && rs_bpr_parts(1000, 128) == 2);
	CHECK(rs_bpr_parts(3, 100000) == 3);
	CHECK(rs_bpr_parts(4000000000u, 4000000000u) == RS_BPR_PARTS);
	CHECK(w.plan.parts == 6);

	w.s.exponent = .5;
	rs_bpr_plan(&w.s, &w.items, 3, &w.plan);
	CHECK(w.plan.start[0] == 0 && w.plan.start[6] == ITEMS);
	CHECK(rs_bpr_first_user(&w.users, 6, 0) == 0);
	CHECK(rs_bpr_first_user(&w.users, 6, 6) == USERS);
	for (p = 0; p < 6; p++)
	{
		uint32_t	first = rs_bpr_first_user(&w.users, 6, p);
		uint32_t	end = rs_bpr_first_user(&w.users, 6, p + 1);

		CHECK(first <= end);
		CHECK(fabs((double) (w.users.start[end] - w.users.start[first]) -
				   pairs / 6.0) <= 2 * USERS + 2);
		CHECK(w.plan.start[p + 1] - w.plan.start[p] > ITEMS / 12);
		for (i = w.plan.start[p]; i < w.plan.start[p + 1]; i++)
		{
			same &= w.plan.part[w.plan.item[i]] == p;
			if (i > w.plan.start[p])
				sorted &= w.plan.item[i] > w.plan.item[i - 1] &&
					w.plan.weight[i] >= w.plan.weight[i - 1];
		}
	}
	CHECK(same && sorted);

	/* another round divides them otherwise */
	memcpy(before, w.plan.part, sizeof(before));
	rs_bpr_plan(&w.s, &w.items, 4, &w.plan);
	for (i = 0; i < ITEMS; i++)
		moved += before[i] != w.plan.part[i];
	CHECK(moved > ITEMS / 2);
	w.s.exponent = 0;
	CHECK(do_round(&w, 0, false, &loss) == 0);
	CHECK(loss.triples > pairs * 9 / 10 && loss.triples <= pairs);
	free_world(&w);
}

/* The order of a stratum's blocks shows nowhere; a seed does. */
static void
test_order(void)
{
	World		w[3];
	int			round;
	int			k;

	for (k = 0; k < 3; k++)
	{
		RsBprLoss	loss = {0, 0};

		random_seed(3);
		w[k] = make_world(USERS, ITEMS, FACTORS, by_kind);
		w[k].s.exponent = .75;
		if (k == 2)
			w[k].s.seed++;
		for (round = 0; round < 5; round++)
			CHECK(do_round(&w[k], round, k == 1, &loss) == 0);
	}
#define SAME(member, n) \
	(memcmp(w[0].model.member, w[1].model.member, (n) * sizeof(float)) == 0)
	CHECK(SAME(user, USERS * FACTORS));
	CHECK(SAME(item, ITEMS * FACTORS));
	CHECK(SAME(bias, ITEMS));
#undef SAME
	CHECK(memcmp(w[0].model.user, w[2].model.user,
				 USERS * FACTORS * sizeof(float)) != 0);
	for (k = 0; k < 3; k++)
		free_world(&w[k]);
}

/* The score of an item for a user. */
static double
score(const World *w, uint32_t user, uint32_t item)
{
	return rs_simd->dot_wide(w->model.user + user * FACTORS,
							 w->model.item + item * FACTORS, FACTORS) +
		w->model.bias[item];
}

/* Share of the items of the user's kind among the best third. */
static double
quality(const World *w)
{
	double		right = 0;
	uint32_t	u;
	uint32_t	i;
	uint32_t	j;

	for (u = 0; u < USERS; u++)
		for (i = u % 3; i < ITEMS; i += 3)
		{
			j = (i + 1 + random_below(2)) % ITEMS;
			right += score(w, u, i) > score(w, u, j);
		}
	return right / USERS / (ITEMS / 3.0);
}

/* Rounds teach the users' taste; normalising ranks no item otherwise. */
static void
test_learning(void)
{
	World		w = make_world(USERS, ITEMS, FACTORS, by_kind);
	RsBprLoss	first = {0, 0};
	RsBprLoss	last;
	double		before[ITEMS];
	double		mean[FACTORS] = {0};
	double		bias = 0;
	double		squares = 0;
	bool		same = true;
	int			round;
	int			i;
	int			k;

	w.s.ridge = .001;
	CHECK(do_round(&w, 0, false, &first) == 0);
	for (round = 1; round < w.s.rounds; round++)
	{
		last.sum = last.triples = 0;
		CHECK(do_round(&w, round, false, &last) == 0);
	}
	CHECK(last.sum / last.triples < .6 * first.sum / first.triples);
	CHECK(quality(&w) > .9);

	for (i = 0; i < ITEMS; i++)
		before[i] = score(&w, 4, i) - score(&w, 4, 0);
	CHECK(rs_bpr_normalize(&w.s, USERS, ITEMS, &w.model) == 0);
	for (i = 0; i < ITEMS; i++)
	{
		same &= near(score(&w, 4, i) - score(&w, 4, 0), before[i], 1e-4);
		bias += w.model.bias[i];
		for (k = 0; k < FACTORS; k++)
		{
			double		y = w.model.item[i * FACTORS + k];

			mean[k] += y;
			squares += y * y;
		}
	}
	CHECK(same);
	CHECK(near(bias, 0, 1e-4) && near(mean[0], 0, 1e-4) && near(mean[7], 0, 1e-4));
	CHECK(near(squares / ITEMS, 1, 1e-5));
	free_world(&w);
}

/* The spread, score by score. */
static void
test_spread(void)
{
	float	   *x = random_floats(9 * 3);
	float	   *y = random_floats(11 * 3);
	float		gx[9] = {0};
	float		gy[9] = {0};
	double		sum = 0;
	int			u;
	int			i;
	int			k;

	for (k = 0; k < 9; k++)
	{
		for (u = 0; u < 9; u++)
			gx[k] += x[u * 3 + k / 3] * x[u * 3 + k % 3];
		for (i = 0; i < 11; i++)
			gy[k] += y[i * 3 + k / 3] * y[i * 3 + k % 3];
	}
	for (u = 0; u < 9; u++)
		for (i = 0; i < 11; i++)
			sum += pow(rs_simd->dot_wide(x + u * 3, y + i * 3, 3), 2);
	CHECK(near(rs_bpr_spread(3, gx, gy), sqrt(sum), 1e-5));
	memset(gx, 0, sizeof(gx));
	CHECK(rs_bpr_spread(3, gx, gy) == 0);
	free(x);
	free(y);
}

/* A descent that leaps away says so; so does a model that is not finite. */
static void
test_hostile(void)
{
	World		w = make_world(USERS, ITEMS, FACTORS, by_kind);
	RsBprLoss	loss = {0, 0};
	int			bad = 0;
	int			round;

	w.s.rate = 1e30;
	w.s.ridge = 0;
	for (round = 0; round < w.s.rounds; round++)
		bad |= do_round(&w, round, false, &loss);
	CHECK(bad == -1);
	CHECK(rs_bpr_normalize(&w.s, USERS, ITEMS, &w.model) == -1);
	free_world(&w);

	/* the strongest ridge takes everything */
	w = make_world(USERS, ITEMS, FACTORS, by_kind);
	w.s.rate = 1;
	w.s.ridge = 1;
	bad = 0;
	for (round = 0; round < w.s.rounds; round++)
		bad |= do_round(&w, round, false, &loss);
	CHECK(bad == 0);
	CHECK(rs_bpr_normalize(&w.s, USERS, ITEMS, &w.model) == 0);
	w.model.user[3] = NAN;
	CHECK(rs_bpr_normalize(&w.s, USERS, ITEMS, &w.model) == -1);
	free_world(&w);
}

/* All of the above. */
int
main(void)
{
	test_plan();
	test_draws();
	at_every_level(test_step);
	at_every_level(test_owned);
	at_every_level(test_order);
	at_every_level(test_learning);
	at_every_level(test_spread);
	at_every_level(test_hostile);
	return finish("bpr");
}
