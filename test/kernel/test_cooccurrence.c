/*-------------------------------------------------------------------------
 *
 * test_cooccurrence.c
 *	  Item neighbours by hand and against dense sums.
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
				user_value[n] = 1;
				user_col[n++] = i;
			}
		user_start[u + 1] = n;
	}
	rs_csr_transpose(&user_items, &item_users);
	CHECK(rs_csr_check(&user_items) == NULL);
	CHECK(rs_csr_check(&item_users) == NULL);
}

/* The kernel under test, on the two matrices. */
static int
row(const float *weight, const RsCoocSettings *settings, uint32_t item,
	void *work, RsNeighbor *out)
{
	return rs_cooc_row(&item_users, &user_items, weight, settings, item, work,
					   out);
}

/* users {0,1}, {0,1,2}, {0}, {3}: the cosine of 0 and 1 is 2 / sqrt(3 * 2) */
static void
test_hand(void)
{
	RsCoocSettings cosine = {0, .5, .5, 0, 5};
	RsCoocSettings shrunk = {1, 1, 0, 3, 1};
	float		weight[4];
	RsNeighbor	out[5];
	void	   *work = make_room(rs_cooc_workspace(4, 5), 1);

	memset(seen, 0, sizeof(seen));
	seen[0][0] = seen[0][1] = true;
	seen[1][0] = seen[1][1] = seen[1][2] = true;
	seen[2][0] = true;
	seen[3][3] = true;
	build(4, 4);
	rs_cooc_workspace_init(work, 4);

	rs_cooc_user_weights(&user_items, 0, weight);
	CHECK(weight[0] == 1 && weight[1] == 1 && weight[3] == 1);
	CHECK(row(weight, &cosine, 0, work, out) == 2);
	CHECK(out[0].item == 1 && out[0].users_both == 2);
	CHECK(near(out[0].similarity, 2 / sqrt(6), 1e-7));
	CHECK(out[1].item == 2 && out[1].users_both == 1);
	CHECK(near(out[1].similarity, 1 / sqrt(3), 1e-7));
	CHECK(row(weight, &cosine, 3, work, out) == 0);

	/* (1/2 + 1/3) / 3 users of item 0, times 2 / (2 + 3) */
	rs_cooc_user_weights(&user_items, 1, weight);
	CHECK(weight[0] == .5 && near(weight[1], 1 / 3.0, 1e-7));
	CHECK(row(weight, &shrunk, 0, work, out) == 1);
	CHECK(out[0].item == 1 && out[0].users_both == 2);
	CHECK(near(out[0].similarity, 5 / 6.0 / 3 * 2 / 5, 1e-7));

	/* ties by item: 2 has 0 and 1 alike */
	cosine.source_exponent = cosine.target_exponent = 0;
	rs_cooc_user_weights(&user_items, 0, weight);
	CHECK(row(weight, &cosine, 2, work, out) == 2);
	CHECK(out[0].item == 0 && out[1].item == 1);
	cosine.neighbors = 0;
	CHECK(row(weight, &cosine, 2, work, out) == 0);
	free(work);
}

/* Every neighbour of every item against the definition. */
static void
check_settings(const RsCoocSettings *settings, const float *weight, void *work)
{
	RsNeighbor	out[ITEMS];
	uint32_t	i;
	uint32_t	u;

	for (i = 0; i < ITEMS; i++)
	{
		int			n = row(weight, settings, i, work, out);
		double		mi = (double) (item_start[i + 1] - item_start[i]);
		int			candidates = 0;
		bool		listed[ITEMS] = {false};
		bool		good = true;
		uint32_t	j;
		int			r;

		for (r = 0; r < n; r++)
		{
			listed[out[r].item] = true;
			good &= r == 0 || out[r].similarity < out[r - 1].similarity ||
				(out[r].similarity == out[r - 1].similarity &&
				 out[r].item > out[r - 1].item);
		}
		for (j = 0; j < ITEMS; j++)
		{
			double		mj = (double) (item_start[j + 1] - item_start[j]);
			double		sum = 0;
			uint32_t	both = 0;

			for (u = 0; u < USERS; u++)
				if (seen[u][i] && seen[u][j])
				{
					sum += weight[u];
					both++;
				}
			if (j == i || both == 0)
			{
				good &= !listed[j];
				continue;
			}
			candidates++;
			sum *= pow(mi, -settings->source_exponent) *
				pow(mj, -settings->target_exponent) *
				both / (both + settings->shrinkage);
			if (!listed[j])
				good &= n == settings->neighbors &&
					sum <= out[n - 1].similarity * (1 + 1e-6);
			for (r = 0; r < n; r++)
				if (out[r].item == j)
					good &= out[r].users_both == both &&
						near(out[r].similarity, sum, 1e-6 * sum);
		}
		CHECK(good);
		CHECK(n == (candidates < settings->neighbors ? candidates :
					settings->neighbors));
	}
}

/* One workspace through different settings, which must leave it clean. */
static void
test_random(void)
{
	static const RsCoocSettings settings[] = {
		{0, .5, .5, 0, ITEMS}, {1, .7, .3, 10, 7}, {.5, 0, 1, 0, 1},
		{2, 1, 0, .5, 20}
	};
	void	   *work = make_room(rs_cooc_workspace(ITEMS, ITEMS), 1);
	float		weight[USERS];
	uint32_t	u;
	uint32_t	i;
	int			s;

	memset(seen, 0, sizeof(seen));
	for (u = 2; u < USERS; u++)
		for (i = 1; i < ITEMS; i++)
			seen[u][i] = random_below(ITEMS) < 12 - (int) i / 4;
	build(USERS, ITEMS);
	rs_cooc_workspace_init(work, ITEMS);
	for (s = 0; s < 4; s++)
	{
		rs_cooc_user_weights(&user_items, settings[s].activity, weight);
		CHECK(weight[0] == 0);
		check_settings(&settings[s], weight, work);
	}
	free(work);
}

/* All of the above. */
int
main(void)
{
	test_hand();
	test_random();
	return finish("cooccurrence");
}
