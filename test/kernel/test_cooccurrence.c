/*-------------------------------------------------------------------------
 *
 * test_cooccurrence.c
 *	  Item neighbours by hand and against dense sums, for every measure.
 *
 *-------------------------------------------------------------------------
 */
#include "cooccurrence.h"
#include "csr.h"
#include "test.h"

#define USERS 60
#define ITEMS 40

static uint64_t user_start[USERS + 1];
static uint32_t user_col[USERS * ITEMS];
static float user_value[USERS * ITEMS];
static uint64_t item_start[ITEMS + 1];
static uint32_t item_col[USERS * ITEMS];
static float item_value[USERS * ITEMS];
static bool seen[USERS][ITEMS];

static RsCsr user_items = {USERS, ITEMS, user_start, user_col, user_value};
static RsCsr item_users = {ITEMS, USERS, item_start, item_col, item_value};

/* what a pair weighs */
static float
pair_value(uint32_t u, uint32_t i)
{
	return (float) (1 + (u * 7 + i * 3) % 5) / 4;
}

/* Both matrices from seen, the first nusers users counting. */
static void
build(uint32_t nusers, uint32_t nitems)
{
	uint64_t	n = 0;
	uint32_t	u;
	uint32_t	i;

	user_items.nrows = nusers;
	user_items.ncols = nitems;
	for (u = 0; u < nusers; u++)
	{
		for (i = 0; i < nitems; i++)
			if (seen[u][i])
			{
				user_value[n] = pair_value(u, i);
				user_col[n++] = i;
			}
		user_start[u + 1] = n;
	}
	rs_csr_transpose(&user_items, &item_users);
	CHECK(rs_csr_check(&user_items) == NULL);
	CHECK(rs_csr_check(&item_users) == NULL);
}

/* settings by name, for votes of one each and without a cap */
static RsCoocSettings
named(const char *similarity, double alpha, double beta, double shrinkage,
	  int neighbors)
{
	RsCoocSettings s = {1, .7, .3, 0, 0, 0, 0, ITEMS};

	CHECK(rs_cooc_by_name(similarity, alpha, beta, &s));
	s.shrinkage = shrinkage;
	s.neighbors = neighbors;
	return s;
}

/* The kernel under test, on the two matrices, with a fresh workspace. */
static int
row(const RsCoocSettings *settings, uint32_t item, RsNeighbor *out)
{
	void	   *work = make_room(rs_cooc_workspace(item_users.nrows,
												   settings->neighbors), 1);
	float		weight[USERS];
	int			n;

	rs_cooc_user_weights(&user_items, settings->activity, weight);
	rs_cooc_workspace_init(work, &item_users, settings);
	n = rs_cooc_row(&item_users, &user_items, weight, settings, item, work,
					out);
	free(work);
	return n;
}

/* users {0,1}, {0,1,2}, {0}, {3}: the cosine of 0 and 1 is 2 / sqrt(3 * 2) */
static void
test_hand(void)
{
	RsCoocSettings s = named("cosine", 0, 0, 0, 5);
	RsNeighbor	out[5];

	memset(seen, 0, sizeof(seen));
	seen[0][0] = seen[0][1] = true;
	seen[1][0] = seen[1][1] = seen[1][2] = true;
	seen[2][0] = true;
	seen[3][3] = true;
	build(4, 4);

	CHECK(row(&s, 0, out) == 2);
	CHECK(out[0].item == 1 && out[0].users_both == 2);
	CHECK(near(out[0].similarity, 2 / sqrt(6), 1e-7));
	CHECK(out[1].item == 2 && out[1].users_both == 1);
	CHECK(near(out[1].similarity, 1 / sqrt(3), 1e-7));
	CHECK(row(&s, 3, out) == 0);
	s.neighbors = 0;
	CHECK(row(&s, 2, out) == 0);

	/* (1/2 + 1/3) / 3 users of item 0, times 2 / (2 + 3) */
	s = (RsCoocSettings) {1, 1, 0, 3, RS_POWER, 0, 1, 10};
	CHECK(row(&s, 0, out) == 1);
	CHECK(out[0].item == 1 && out[0].users_both == 2);
	CHECK(near(out[0].similarity, 5 / 6.0 / 3 * 2 / 5, 1e-7));

	/* ties by item: 2 has 0 and 1 alike */
	s = (RsCoocSettings) {0, 0, 0, 0, RS_POWER, 0, 5, 10};
	CHECK(row(&s, 2, out) == 2);
	CHECK(out[0].item == 0 && out[1].item == 1);

	/* of 0: 2 of 3 users have 1; 4 * 2 / (3 * 2); 2 of 3 have either */
	s = named("conditional", 0, 0, 0, 5);
	CHECK(row(&s, 0, out) == 2 && near(out[0].similarity, 2 / 3.0, 1e-7));
	s = named("lift", 0, 0, 0, 5);
	CHECK(row(&s, 0, out) == 2 && near(out[0].similarity, 4 / 3.0, 1e-7));
	s = named("jaccard", 0, 0, 0, 5);
	CHECK(row(&s, 0, out) == 2 && near(out[0].similarity, 2 / 3.0, 1e-7));

	/* walks 0 -> 1: (1/3) (1/2 + 1/3); to the power 2; over 2 users of 1 */
	s = named("p3alpha", 1, .5, 0, 5);
	CHECK(row(&s, 0, out) == 2 && near(out[0].similarity, 5 / 18.0, 1e-7));
	s = named("p3alpha", 2, .5, 0, 5);
	CHECK(row(&s, 0, out) == 2 &&
		  near(out[0].similarity, (1 / 4.0 + 1 / 9.0) / 9, 1e-7));
	s = named("rp3beta", 1, 1, 0, 5);
	CHECK(row(&s, 0, out) == 2 && near(out[0].similarity, 5 / 36.0, 1e-7));

	/* cells of 0 and 1: 2, 1, 0, 1 of 4 */
	s = named("llr", 0, 0, 0, 5);
	CHECK(row(&s, 0, out) == 2);
	CHECK(near(out[0].similarity,
			   2 * (2 * log(2) + 4 * log(4) - 3 * log(3) - 2 * 2 * log(2)),
			   1e-6));

	CHECK(!rs_cooc_by_name("pearson", 0, 0, &s) && !rs_cooc_by_name("", 0, 0, &s));
}

/* k log k */
static double
klogk(double k)
{
	return k > 0 ? k * log(k) : 0;
}

/* One similarity by its formula. */
static double
by_formula(const char *similarity, double alpha, double beta,
		   const RsCoocSettings *s, uint32_t i, uint32_t j, uint32_t *both)
{
	double		all = user_items.nrows;
	double		mi = 0;
	double		mj = 0;
	double		votes = 0;
	double		walks = 0;
	double		n = 0;
	double		result = 0;
	uint32_t	u;
	uint32_t	k;

	for (u = 0; u < user_items.nrows; u++)
	{
		double		history = 0;
		double		vote;

		for (k = 0; k < ITEMS; k++)
			history += seen[u][k];
		mi += seen[u][i];
		mj += seen[u][j];
		if (!seen[u][i] || !seen[u][j])
			continue;
		vote = s->by_weight ? pair_value(u, i) * pair_value(u, j) : 1;
		n++;
		votes += vote * (strcmp(similarity, "general") == 0 ?
						 pow(history, -s->activity) : 1);
		walks += vote * pow(history, -alpha);
	}
	if (strcmp(similarity, "general") == 0)
		result = votes / pow(mi, s->source_exponent) / pow(mj, s->target_exponent);
	else if (strcmp(similarity, "cosine") == 0)
		result = votes / sqrt(mi * mj);
	else if (strcmp(similarity, "conditional") == 0)
		result = votes / mi;
	else if (strcmp(similarity, "lift") == 0)
		result = votes * all / (mi * mj);
	else if (strcmp(similarity, "jaccard") == 0)
		result = n / (mi + mj - n);
	else if (strcmp(similarity, "p3alpha") == 0)
		result = walks / pow(mi, alpha);
	else if (strcmp(similarity, "rp3beta") == 0)
		result = walks / pow(mi, alpha) / pow(mj, beta);
	else if (n * all > mi * mj)
		result = 2 * (klogk(n) + klogk(mi - n) + klogk(mj - n) +
					  klogk(all - mi - mj + n) + klogk(all) - klogk(mi) -
					  klogk(all - mi) - klogk(mj) - klogk(all - mj));
	*both = (uint32_t) n;
	return n > 0 ? result * n / (n + s->shrinkage) : 0;
}

/* Every neighbour of every item against the formula; one workspace for all. */
static void
check_settings(const char *similarity, double alpha, double beta,
			   const RsCoocSettings *s)
{
	void	   *work = make_room(rs_cooc_workspace(ITEMS, s->neighbors), 1);
	float		weight[USERS];
	RsNeighbor	out[ITEMS];
	uint64_t	found = 0;
	uint32_t	i;

	rs_cooc_user_weights(&user_items, s->activity, weight);
	rs_cooc_workspace_init(work, &item_users, s);
	for (i = 0; i < ITEMS; i++)
	{
		int			n = rs_cooc_row(&item_users, &user_items, weight, s, i,
									work, out);
		int			candidates = 0;
		bool		listed[ITEMS] = {false};
		bool		good = true;
		uint32_t	j;
		int			r;

		found += n;
		for (r = 0; r < n; r++)
		{
			listed[out[r].item] = true;
			good &= r == 0 || out[r].similarity < out[r - 1].similarity ||
				(out[r].similarity == out[r - 1].similarity &&
				 out[r].item > out[r - 1].item);
		}
		for (j = 0; j < ITEMS; j++)
		{
			uint32_t	both;
			double		expected = by_formula(similarity, alpha, beta, s, i, j,
											  &both);

			if (j == i || !(expected > 0))
			{
				good &= !listed[j];
				continue;
			}
			candidates++;
			if (!listed[j])
				good &= n == s->neighbors &&
					expected <= out[n - 1].similarity * (1 + 1e-6) + 1e-9;
			for (r = 0; r < n; r++)
				if (out[r].item == j)
					good &= out[r].users_both == both &&
						near(out[r].similarity, expected,
							 1e-6 * expected + 1e-9);
		}
		CHECK(good);
		CHECK(n == (candidates < s->neighbors ? candidates : s->neighbors));
	}
	CHECK(found <= rs_cooc_most(&item_users, &user_items, s->neighbors));
	free(work);
}

/* Every measure, with shrinkage, with weighted votes, with few neighbours. */
static void
test_random(void)
{
	static const char *const names[] = {
		"general", "cosine", "conditional", "lift", "jaccard", "llr",
		"p3alpha", "rp3beta"
	};
	RsCoocSettings s;
	uint32_t	u;
	uint32_t	i;
	int			k;

	memset(seen, 0, sizeof(seen));
	for (u = 2; u < USERS; u++)
		for (i = 1; i < ITEMS; i++)
			seen[u][i] = random_below(ITEMS) < 12 - (int) i / 4;
	build(USERS, ITEMS);
	for (k = 0; k < 8; k++)
	{
		s = named(names[k], 1.8, .6, 0, ITEMS);
		check_settings(names[k], 1.8, .6, &s);
		s = named(names[k], .7, .3, 10, ITEMS);
		check_settings(names[k], .7, .3, &s);
		s = named(names[k], 1, 1, .5, 7);
		check_settings(names[k], 1, 1, &s);
		s.by_weight = 1;
		check_settings(names[k], 1, 1, &s);
	}
	s = (RsCoocSettings) {2, 0, 1, 0, RS_POWER, 0, 1, ITEMS};
	check_settings("general", 0, 0, &s);
}

/* Votes beyond what a float holds stay finite; votes of no weight are none. */
static void
test_extremes(void)
{
	RsCoocSettings s = named("general", 0, 0, 0, 5);
	RsNeighbor	out[5];
	uint64_t	e;

	memset(seen, 0, sizeof(seen));
	seen[0][0] = seen[0][1] = seen[1][0] = seen[1][2] = true;
	build(2, 3);
	s.by_weight = 1;
	for (e = item_start[0]; e < item_start[3]; e++)
		item_value[e] = user_value[e] = 3e38f;
	CHECK(row(&s, 0, out) == 2 && isfinite(out[0].similarity));
	CHECK(out[0].item == 1 && out[1].item == 2);
	for (e = item_start[0]; e < item_start[3]; e++)
		item_value[e] = user_value[e] = 0;
	CHECK(row(&s, 0, out) == 0);
}

/*
 * A cut history is part of the whole one, of the right length, the same for
 * every order of asking, and every item has the same chance.
 */
static void
test_cap(void)
{
	uint64_t	start[USERS + 1];
	uint32_t	col[USERS * ITEMS];
	float		value[USERS * ITEMS];
	RsCsr		cut = {0, 0, start, col, value};
	uint64_t	pairs;
	int			times[ITEMS] = {0};
	uint32_t	u;
	uint32_t	i;
	int			cap;

	for (u = 0; u < USERS; u++)
		for (i = 0; i < ITEMS; i++)
			seen[u][i] = u == 0 ? false : u == 1 ? i < 10 : true;
	build(USERS, ITEMS);
	CHECK(rs_cooc_most(&item_users, &user_items, ITEMS) == ITEMS * (ITEMS - 1));
	CHECK(rs_cooc_most(&item_users, &user_items, 3) == ITEMS * 3);
	CHECK(rs_cooc_cut_users(&user_items, ITEMS, &pairs) == 0);
	CHECK(pairs == 58 * ITEMS + 10);
	CHECK(rs_cooc_cut_users(&user_items, 10, &pairs) == 58 && pairs == 590);
	CHECK(rs_cooc_cut_users(&user_items, 9, &pairs) == 59 && pairs == 59 * 9);

	rs_cooc_cut(&user_items, ITEMS, &cut);
	CHECK(memcmp(start, user_start, sizeof(start)) == 0);
	CHECK(memcmp(col, user_col, pairs * sizeof(uint32_t)) == 0);
	CHECK(memcmp(value, user_value, pairs * sizeof(float)) == 0);

	for (cap = 1; cap < ITEMS; cap++)
	{
		bool		good = true;

		rs_cooc_cut_users(&user_items, cap, &pairs);
		rs_cooc_cut(&user_items, cap, &cut);
		CHECK(rs_csr_check(&cut) == NULL && start[USERS] == pairs);
		for (u = 0; u < USERS; u++)
		{
			uint64_t	whole = user_start[u + 1] - user_start[u];
			uint64_t	e;

			good &= start[u + 1] - start[u] ==
				(whole > (uint64_t) cap ? (uint64_t) cap : whole);
			for (e = start[u]; e < start[u + 1]; e++)
			{
				good &= seen[u][col[e]] && value[e] == pair_value(u, col[e]);
				times[col[e]] += cap == 20 && u > 1;
			}
		}
		CHECK(good);
	}
	/* 29 of 58 expected, standard deviation 3.8 */
	for (i = 0; i < ITEMS; i++)
		CHECK(times[i] > 13 && times[i] < 45);
}

/* Rows over cut histories count what is left of them. */
static void
test_capped_rows(void)
{
	uint64_t	start[USERS + 1];
	uint32_t	col[USERS * ITEMS];
	float		value[USERS * ITEMS];
	RsCsr		cut = {0, 0, start, col, value};
	RsCoocSettings s = named("jaccard", 0, 0, 0, ITEMS);
	uint64_t	pairs;
	uint32_t	u;
	uint64_t	e;

	CHECK(rs_cooc_cut_users(&user_items, 15, &pairs) > 0);
	rs_cooc_cut(&user_items, 15, &cut);
	memset(seen, 0, sizeof(seen));
	for (u = 0; u < USERS; u++)
		for (e = start[u]; e < start[u + 1]; e++)
			seen[u][col[e]] = true;
	build(USERS, ITEMS);
	CHECK(user_start[USERS] == pairs);
	check_settings("jaccard", 0, 0, &s);
	s = named("llr", 0, 0, 1, ITEMS);
	check_settings("llr", 0, 0, &s);
}

/* All of the above. */
int
main(void)
{
	test_hand();
	test_random();
	test_extremes();
	test_cap();
	test_capped_rows();
	return finish("cooccurrence");
}
