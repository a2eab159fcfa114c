/*-------------------------------------------------------------------------
 *
 * funnel_world.h
 *	  Random models for the tests of the funnel: few items, ties everywhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TEST_FUNNEL_WORLD_H
#define RS_TEST_FUNNEL_WORLD_H

#include "funnel.h"
#include "test.h"

#define MOST_ITEMS		90
#define MOST_HISTORY	25
#define MOST_WIDTH		12
#define CATEGORIES		6
#define EXTRA			3
#define DAY				INT64_C(86400000000)
#define NFEATURES		(RS_FEATURES + EXTRA)

/* A model. */
typedef struct World
{
	RsFunnel	f;
	float		popularity[MOST_ITEMS];
	uint32_t	popular[MOST_ITEMS];
	float		row[MOST_ITEMS * MOST_WIDTH];	/* by item */
	float		gram[MOST_WIDTH * MOST_WIDTH];
	void	   *index;
	uint64_t	start[MOST_ITEMS + 1];
	RsNeighbor	neighbor[MOST_ITEMS * 20];
	uint32_t	category[MOST_ITEMS];
	uint64_t	category_start[CATEGORIES + 1];
	uint32_t	category_item[MOST_ITEMS];
	int64_t		released[MOST_ITEMS];
	float		price[MOST_ITEMS];
	float		extra[MOST_ITEMS * EXTRA];
	double		mean[NFEATURES];
	double		scale[NFEATURES];
	double		weight[NFEATURES];
} World;

/* bytes at a cache line */
static inline void *
make_aligned(size_t bytes)
{
	void	   *p;

	if (posix_memalign(&p, RS_INDEX_ALIGN, bytes > 0 ? bytes : 1) != 0)
		exit(2);
	return p;
}

static const float *sort_value;

static int
compare_value(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	if (sort_value[x] != sort_value[y])
		return sort_value[x] > sort_value[y] ? -1 : 1;
	return (x > y) - (x < y);
}

/* Positions of the items of value > least, largest first, up to length. */
static void
place_by(const float *value, float least, uint32_t n, uint64_t length, uint32_t *position)
{
	uint32_t	order[MOST_ITEMS];
	uint32_t	i;

	for (i = 0; i < n; i++)
		order[i] = i;
	sort_value = value;
	qsort(order, n, sizeof(uint32_t), compare_value);
	for (i = 0; i < n; i++)
		position[order[i]] = i < length && value[order[i]] > least ? i + 1 : 0;
}

static void
make_factors(World *w, RsFactorKind kind, int factors)
{
	RsFoldIn   *m = &w->f.fold;
	uint32_t	n = w->f.nitems;
	float	   *factor = random_floats((size_t) n * factors);
	double		sums[MOST_WIDTH * MOST_WIDTH];
	uint32_t	i;

	m->kind = kind;
	m->factors = factors;
	m->width = rs_row_width(kind, factors);
	m->nitems = n;
	m->alpha0 = .1;
	m->lambda = .2;
	m->nu = .7;
	m->rating.factors = factors;
	m->rating.lambda = .2;
	m->rating.nu = .7;
	m->rating.bias_lambda = 3;
	m->rating.mu = 3.5;
	m->rating.scale = .9;
	for (i = 0; i < n; i++)
	{
		/* ties */
		if (i > 3 && random_below(6) == 0)
			memcpy(factor + i * factors, factor + (i - 3) * factors, factors * sizeof(float));
		rs_join_row(kind, factors, factor + i * factors, (float) random_uniform() - .5f,
					w->row + i * m->width);
	}
	rs_gram(factor, n, factors, sums);
	for (i = 0; i < (uint32_t) (factors * factors); i++)
		w->gram[i] = (float) sums[i];
	m->gram = kind == RS_KIND_RATING ? NULL : w->gram;
	w->index = make_aligned(rs_index_bytes(n, m->width));
	rs_index_build(w->row, n, m->width, w->index, &w->f.index);
	m->row = w->f.index.row;
	free(factor);
}

/* Best first, of random other items. */
static void
make_neighbors(World *w)
{
	uint32_t	n = w->f.nitems;
	uint64_t	e = 0;
	uint32_t	most = 0;
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		int			left = random_below(16);
		float		similarity = 1;
		bool		taken[MOST_ITEMS] = {false};

		w->start[i] = e;
		taken[i] = true;
		while (left-- > 0)
		{
			uint32_t	other = random_below(n);

			if (taken[other])
				continue;
			taken[other] = true;
			similarity *= .5f + .5f * (float) random_below(2);
			w->neighbor[e].item = other;
			w->neighbor[e].users_both = 1;
			w->neighbor[e++].similarity = similarity;
		}
		if (e - w->start[i] > most)
			most = (uint32_t) (e - w->start[i]);
	}
	w->start[n] = e;
	w->f.neighbor_start = w->start;
	w->f.neighbor = w->neighbor;
	w->f.most_neighbors = random_below(2) ? most : 0;
}

static void
make_facts(World *w, int64_t now)
{
	RsFacts    *all = &w->f.facts;
	uint64_t	n = 0;
	uint32_t	i;
	int			c;

	for (i = 0; i < w->f.nitems; i++)
	{
		int			j;

		w->category[i] = random_below(5) == 0 ? RS_NO_CATEGORY : (uint32_t) random_below(CATEGORIES - 1);
		w->released[i] = random_below(5) == 0 ? RS_NO_RELEASE :
			now - (int64_t) (random_uniform() * 1000 * DAY) + 100 * DAY;
		w->price[i] = random_below(5) == 0 ? -1 : (float) random_below(1000) / 10;
		for (j = 0; j < EXTRA; j++)
			w->extra[i * EXTRA + j] = random_below(9) == 0 ? NAN : (float) random_uniform();
	}
	for (c = 0; c < CATEGORIES; c++)
	{
		w->category_start[c] = n;
		for (i = 0; i < w->f.nitems; i++)
			if (w->category[w->popular[i]] == (uint32_t) c)
				w->category_item[n++] = w->popular[i];
	}
	w->category_start[CATEGORIES] = n;
	all->ncategories = CATEGORIES;
	all->category = w->category;
	all->category_start = w->category_start;
	all->category_item = w->category_item;
	all->released = random_below(4) ? w->released : NULL;
	all->price = random_below(4) ? w->price : NULL;
	all->nextra = EXTRA;
	all->extra = random_below(4) ? w->extra : NULL;
}

/* kind -1 = no factors */
static World *
make_world(uint32_t nitems, int kind, bool neighbors, bool facts, int64_t now)
{
	World	   *w = make_room(1, sizeof(World));
	uint32_t	i;
	int			s;

	memset(w, 0, sizeof(*w));
	w->f.nitems = nitems;
	for (i = 0; i < nitems; i++)
	{
		w->popularity[i] = (float) (1 + random_below(20)) / 20;
		w->popular[i] = i;
	}
	sort_value = w->popularity;
	qsort(w->popular, nitems, sizeof(uint32_t), compare_value);
	w->f.popularity = w->popularity;
	w->f.popular = w->popular;
	if (kind >= 0)
		make_factors(w, (RsFactorKind) kind, 3 + random_below(MOST_WIDTH - 5));
	if (neighbors)
		make_neighbors(w);
	if (facts)
		make_facts(w, now);
	w->f.blend = random_uniform();
	w->f.recency_half_life = random_below(3) * 20;
	w->f.main_categories = random_below(4);
	for (s = 0; s < RS_SOURCES; s++)
		w->f.quota[s] = random_below(4) == 0 ? 0 : random_below(30);
	for (i = 0; i < NFEATURES; i++)
	{
		w->mean[i] = random_uniform();
		w->scale[i] = random_below(6) == 0 ? 0 : .1 + random_uniform();
		w->weight[i] = random_uniform() - .3;
	}
	w->f.ranker.nfeatures = random_below(3) == 0 ? 0 : RS_FEATURES + w->f.facts.nextra;
	w->f.ranker.mean = w->mean;
	w->f.ranker.scale = w->scale;
	w->f.ranker.weight = w->weight;
	w->f.ranker.slope = .7;
	w->f.ranker.intercept = -2;
	return w;
}

static void
free_world(World *w)
{
	free(w->index);
	free(w);
}

#endif							/* RS_TEST_FUNNEL_WORLD_H */
