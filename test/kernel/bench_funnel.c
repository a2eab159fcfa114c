/*-------------------------------------------------------------------------
 *
 * bench_funnel.c
 *	  Speed of the funnel: from a history to ranked candidates.
 *
 * A catalog like a shop's: popularity by Zipf's law, rows of factors that are
 * longer the more popular their item, neighbours drawn by popularity within
 * groups of items.  Times are each user's shortest of several runs, on average,
 * by stage: a stage's time is what it adds.
 *
 * Limits: one thread; numbers of one machine compare only with each other.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "funnel.h"
#include "random.h"
#include "simd.h"

#define ITEMS		40000
#define FACTORS		64
#define NEIGHBORS	100
#define GROUPS		50
#define HISTORY		27
#define USERS		500
#define RUNS		15
#define DAY			INT64_C(86400000000)
#define NFEATURES	(RS_FEATURES + 2)

static RsFunnel f;
static float popularity[ITEMS];
static uint32_t popular[ITEMS];
static float row[ITEMS * FACTORS];
static float gram[FACTORS * FACTORS];
static uint64_t start[ITEMS + 1];
static RsNeighbor neighbor[ITEMS * NEIGHBORS];
static uint32_t category[ITEMS];
static uint64_t category_start[GROUPS + 1];
static uint32_t category_item[ITEMS];
static int64_t released[ITEMS];
static float price[ITEMS];
static float extra[ITEMS * 2];
static double mean[NFEATURES];
static double scale[NFEATURES];
static double weight[NFEATURES];
static uint32_t history[USERS][HISTORY];
static float history_weight[HISTORY];
static int64_t history_time[HISTORY];

/* keeps the compiler from dropping what is measured */
static volatile double sink;

/* of the last user */
static int candidates;

static void *
make_aligned(size_t bytes)
{
	void	   *p;

	if (posix_memalign(&p, RS_INDEX_ALIGN, bytes) != 0)
		exit(2);
	return p;
}

/* an item by popularity: of a group, or of all */
static uint32_t
draw(int group)
{
	uint32_t	rank = (uint32_t) (ITEMS * pow(random_uniform(), 3));

	if (group >= 0)
		rank = rank / GROUPS * GROUPS + group;
	return popular[rank < ITEMS ? rank : ITEMS - 1];
}

static int
compare_items(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

static void
make_items(void)
{
	uint32_t	i;
	int			j;

	for (i = 0; i < ITEMS; i++)
		popular[i] = i;
	for (i = ITEMS - 1; i > 0; i--)
	{
		uint32_t	other = random_below((int) i + 1);
		uint32_t	swap = popular[i];

		popular[i] = popular[other];
		popular[other] = swap;
	}
	for (i = 0; i < ITEMS; i++)
	{
		uint32_t	item = popular[i];
		double		length = .1 + 1 / sqrt(1 + i / 100.0);

		popularity[item] = 1 / (1 + i / 20.0f);
		category[item] = i % GROUPS;
		released[item] = random_below(3000) * DAY;
		price[item] = (float) random_below(100);
		for (j = 0; j < FACTORS; j++)
			row[(size_t) item * FACTORS + j] = (float)
				(length * (random_uniform() - (j % GROUPS == (int) (i % GROUPS) ? 0 : .5)));
	}
	for (j = 0; j < GROUPS; j++)
	{
		category_start[j] = j == 0 ? 0 : category_start[j - 1] + ITEMS / GROUPS;
		for (i = 0; i < ITEMS / GROUPS; i++)
			category_item[category_start[j] + i] = popular[i * GROUPS + j];
	}
	category_start[GROUPS] = ITEMS;
	for (i = 0; i < ITEMS; i++)
	{
		start[i + 1] = start[i] + NEIGHBORS;
		for (j = 0; j < NEIGHBORS; j++)
		{
			neighbor[start[i] + j].item = draw(random_below(3) ? (int) category[i] : -1);
			neighbor[start[i] + j].similarity = 1.0f / (10 + j);
		}
	}
}

static void
make_model(void)
{
	static const int quotas[RS_SOURCES] = {200, 200, 50, 50, 200};
	void	   *memory = make_aligned(rs_index_bytes(ITEMS, FACTORS));
	double		sums[FACTORS * FACTORS];
	int			i;

	rs_gram(row, ITEMS, FACTORS, sums);
	for (i = 0; i < FACTORS * FACTORS; i++)
		gram[i] = (float) sums[i];
	rs_index_build(row, ITEMS, FACTORS, memory, &f.index);
	f.nitems = ITEMS;
	f.popularity = popularity;
	f.popular = popular;
	f.fold.factors = FACTORS;
	f.fold.width = FACTORS;
	f.fold.nitems = ITEMS;
	f.fold.row = f.index.row;
	f.fold.gram = gram;
	f.fold.alpha0 = .01;
	f.fold.lambda = .01;
	f.fold.nu = 1;
	f.neighbor_start = start;
	f.neighbor = neighbor;
	f.most_neighbors = NEIGHBORS;
	f.facts.ncategories = GROUPS;
	f.facts.category = category;
	f.facts.category_start = category_start;
	f.facts.category_item = category_item;
	f.facts.released = released;
	f.facts.price = price;
	f.facts.nextra = 2;
	f.facts.extra = extra;
	f.blend = .5;
	f.recency_half_life = 30;
	f.main_categories = 3;
	memcpy(f.quota, quotas, sizeof(quotas));
	for (i = 0; i < NFEATURES; i++)
	{
		scale[i] = 1;
		weight[i] = .1;
	}
	f.ranker.nfeatures = NFEATURES;
	f.ranker.mean = mean;
	f.ranker.scale = scale;
	f.ranker.weight = weight;
	f.ranker.slope = 1;
}

static void
make_users(void)
{
	int			u;
	int			i;

	for (u = 0; u < USERS; u++)
	{
		int			group = random_below(GROUPS);
		int			j;

		for (i = 0; i < HISTORY; i++)
		{
			uint32_t	item = draw(random_below(2) ? group : -1);

			for (j = 0; j < i && history[u][j] != item; j++)
				;
			if (j < i)
				i--;
			else
				history[u][i] = item;
		}
		qsort(history[u], HISTORY, sizeof(uint32_t), compare_items);
	}
	for (i = 0; i < HISTORY; i++)
	{
		history_weight[i] = 1;
		history_time[i] = (3000 - 7 * i) * DAY;
	}
}

/* So many stages for every user; keeps each user's shortest time. */
static void
run(int stages, RsFunnelWork *work, RsCandidate *c, float *features, double *best)
{
	int			u;

	for (u = 0; u < USERS; u++)
	{
		RsFunnelUser user = {HISTORY, history[u], history_weight, history_time, 3000 * DAY};
		double		begin = now();
		int			n = 0;

		rs_funnel_open(&f, &user, work);
		if (stages > 1)
			n = rs_funnel_candidates(&f, work, history[u], HISTORY, c);
		if (stages > 2)
			rs_funnel_rank(&f, work, c, n, stages > 3 ? features : NULL);
		rs_funnel_close(&f, work);
		best[u] = fmin(best[u], now() - begin);
		candidates = n;
	}
	sink = c[0].score;
}

/* Microseconds of a user. */
static double
best_run(int stages, RsFunnelWork *work, RsCandidate *c, float *features)
{
	double		best[USERS];
	double		sum = 0;
	int			i;

	for (i = 0; i < USERS; i++)
		best[i] = INFINITY;
	for (i = 0; i < RUNS; i++)
		run(stages, work, c, features, best);
	for (i = 0; i < USERS; i++)
		sum += best[i];
	return sum / USERS * 1e6;
}

int
main(void)
{
	RsFunnelWork *work;
	RsCandidate *c;
	float	   *features;
	double		took[5];
	int			i;

	rs_simd_init();
	random_seed(1);
	make_items();
	make_model();
	make_users();
	work = rs_funnel_init(&f, 200, make_aligned(rs_funnel_workspace(&f, 200)));
	c = malloc(rs_funnel_most(&f, 200) * sizeof(RsCandidate));
	features = malloc((size_t) rs_funnel_most(&f, 200) * NFEATURES * sizeof(float));
	f.index.nitems = 0;
	took[0] = best_run(1, work, c, features);
	f.index.nitems = ITEMS;
	for (i = 1; i <= 4; i++)
		took[i] = best_run(i, work, c, features);
	printf("%-8s funnel, %d items x %d, %d of history x %d neighbors, %zu kB of scratch\n",
		   rs_simd->name, ITEMS, FACTORS, HISTORY, NEIGHBORS,
		   rs_funnel_workspace(&f, 200) / 1024);
	printf("%-8s evidence and lists %8.1f us\n", rs_simd->name, took[0]);
	printf("%-8s vector and search  %8.1f us\n", rs_simd->name, took[1] - took[0]);
	printf("%-8s candidates         %8.1f us, %d of them\n", rs_simd->name,
		   took[2] - took[1], candidates);
	printf("%-8s features and order %8.1f us\n", rs_simd->name, took[3] - took[2]);
	printf("%-8s features kept      %8.1f us\n", rs_simd->name, took[4] - took[3]);
	printf("%-8s all                %8.1f us\n", rs_simd->name, took[4]);
	return 0;
}
