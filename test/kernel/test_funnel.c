/*-------------------------------------------------------------------------
 *
 * test_funnel.c
 *	  Candidates and features against dense code that knows nothing of
 *	  sparseness: every list, every feature, of every item.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "funnel.h"
#include "history.h"
#include "score.h"
#include "simd.h"
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

/* A user, and what dense code finds. */
typedef struct Person
{
	RsFunnelUser u;
	uint32_t	item[MOST_HISTORY];
	float		weight[MOST_HISTORY];
	int64_t		time[MOST_HISTORY];
	bool		had[MOST_ITEMS];

	bool		has_vector;
	float		factor[MOST_ITEMS];
	float		sum[MOST_ITEMS];
	float		faded[MOST_ITEMS];
	uint32_t	because[MOST_ITEMS];
	int			votes[MOST_ITEMS];
	int			rank[MOST_ITEMS];
	float		best[3];		/* factor, sum, faded */
	uint32_t	position[RS_SOURCES][MOST_ITEMS];
} Person;

/* bytes at a cache line */
static void *
make_aligned(size_t bytes)
{
	void	   *p;

	if (posix_memalign(&p, RS_INDEX_ALIGN, bytes > 0 ? bytes : 1) != 0)
		exit(2);
	return p;
}

/* ---- the model ---- */

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

/* ---- dense code ---- */

/* Draws a history of at most n items. */
static void
make_person(const World *w, int n, int64_t now, Person *p)
{
	uint32_t	i;
	int			left = n < (int) w->f.nitems ? n : (int) w->f.nitems;

	memset(p, 0, sizeof(*p));
	p->u.item = p->item;
	p->u.weight = p->weight;
	p->u.time = random_below(4) ? p->time : NULL;
	p->u.as_of = now;
	for (i = 0; i < w->f.nitems && left > 0; i++)
		if (random_below((int) (w->f.nitems - i)) < left)
		{
			p->had[i] = true;
			p->item[p->u.n] = i;
			p->weight[p->u.n] = (float) (1 + random_below(5));
			/* ties, and some to come */
			p->time[p->u.n++] = now - random_below(60) * DAY + 5 * DAY;
			left--;
		}
}

static int64_t
time_of(const Person *p, int i)
{
	return p->u.time == NULL || p->u.time[i] > p->u.as_of ? p->u.as_of : p->u.time[i];
}

static void
find_votes(const World *w, Person *p)
{
	float		faded_weight[MOST_HISTORY];
	float		best[MOST_ITEMS] = {0};
	int64_t		newest = INT64_MIN;
	int			i;

	for (i = 0; i < p->u.n; i++)
		newest = time_of(p, i) > newest ? time_of(p, i) : newest;
	for (i = 0; i < p->u.n; i++)
		faded_weight[i] = w->f.recency_half_life > 0 ?
			(float) (p->weight[i] * exp2(-(double) (newest - time_of(p, i)) /
										 (w->f.recency_half_life * (double) DAY))) : p->weight[i];
	for (i = 0; i < (int) w->f.nitems; i++)
		p->because[i] = RS_NO_ITEM;
	if (w->f.neighbor_start == NULL)
		return;
	rs_neighbor_scores(w->start, w->neighbor, p->u.n, p->item, p->weight, p->sum);
	rs_neighbor_scores(w->start, w->neighbor, p->u.n, p->item, faded_weight, p->faded);
	for (i = 0; i < p->u.n; i++)
	{
		uint64_t	e;

		for (e = w->start[p->item[i]]; e < w->start[p->item[i] + 1]; e++)
		{
			uint32_t	item = w->neighbor[e].item;
			int			rank = (int) (e - w->start[p->item[i]]) + 1;
			float		vote = p->weight[i] * w->neighbor[e].similarity;

			if (vote > best[item])
			{
				best[item] = vote;
				p->because[item] = p->item[i];
			}
			if (p->rank[item] == 0 || rank < p->rank[item])
				p->rank[item] = rank;
			p->votes[item]++;
		}
	}
}

/* The largest value of an item that the user has not had. */
static float
best_of(const World *w, const Person *p, const float *value)
{
	float		best = 0;
	uint32_t	i;

	for (i = 0; i < w->f.nitems; i++)
		if (!p->had[i] && value[i] > best)
			best = value[i];
	return best;
}

static uint64_t
length_of(const World *w, const Person *p, int source)
{
	return w->f.quota[source] > 0 ? (uint64_t) w->f.quota[source] + p->u.n : 0;
}

/* Items of the categories that weigh most, by popularity. */
static void
find_main(const World *w, Person *p)
{
	double		weight[CATEGORIES] = {0};
	bool		has[CATEGORIES] = {false};
	bool		main_one[CATEGORIES] = {false};
	float		value[MOST_ITEMS];
	uint32_t	i;
	int			round;

	if (w->f.facts.category == NULL)
		return;
	for (i = 0; i < (uint32_t) p->u.n; i++)
		if (w->category[p->item[i]] != RS_NO_CATEGORY)
		{
			weight[w->category[p->item[i]]] += p->weight[i];
			has[w->category[p->item[i]]] = true;
		}
	for (round = 0; round < w->f.main_categories; round++)
	{
		int			most = -1;
		int			c;

		for (c = 0; c < CATEGORIES; c++)
			if (has[c] && !main_one[c] && (most < 0 || weight[c] > weight[most]))
				most = c;
		if (most >= 0)
			main_one[most] = true;
	}
	for (i = 0; i < w->f.nitems; i++)
		value[i] = w->category[i] != RS_NO_CATEGORY && main_one[w->category[i]] ?
			w->popularity[i] : 0;
	place_by(value, 0, w->f.nitems, length_of(w, p, RS_SOURCE_CATEGORY),
			 p->position[RS_SOURCE_CATEGORY]);
}

static void
find_all(const World *w, Person *p)
{
	uint32_t	n = w->f.nitems;
	float		x[MOST_WIDTH];
	float		recency[MOST_ITEMS];
	int			i;
	int			j;

	find_votes(w, p);
	if (w->f.index.nitems > 0)
	{
		RsFoldIn	m = w->f.fold;
		void	   *work = make_room(rs_fold_in_workspace(m.factors, p->u.n), 1);

		m.row = w->row;
		p->has_vector = rs_fold_in(&m, p->u.n, p->item, p->weight, work, x);
		if (p->has_vector)
			rs_factor_scores(w->row, n, m.width, x, p->factor);
		free(work);
	}
	p->best[0] = best_of(w, p, p->factor);
	p->best[1] = best_of(w, p, p->sum);
	p->best[2] = best_of(w, p, p->faded);
	place_by(p->faded, 0, n, length_of(w, p, RS_SOURCE_NEIGHBOR), p->position[RS_SOURCE_NEIGHBOR]);
	if (p->has_vector)
		place_by(p->factor, -INFINITY, n, length_of(w, p, RS_SOURCE_FACTOR),
				 p->position[RS_SOURCE_FACTOR]);
	place_by(w->popularity, 0, n, length_of(w, p, RS_SOURCE_POPULARITY),
			 p->position[RS_SOURCE_POPULARITY]);
	find_main(w, p);

	/* newer than how many, as a number that is exact in a float */
	memset(recency, 0, sizeof(recency));
	for (i = 0; i < p->u.n; i++)
	{
		recency[p->item[i]] = 1;
		for (j = 0; j < p->u.n; j++)
			recency[p->item[i]] += time_of(p, i) > time_of(p, j);
	}
	place_by(recency, 0, n, length_of(w, p, RS_SOURCE_HISTORY), p->position[RS_SOURCE_HISTORY]);
}

/* 1 / log2 (1 + position) */
static double
discount(uint32_t position)
{
	return position == 0 ? 0 : log(2) / log(1 + (double) position);
}

static double
share(double value, float best)
{
	return best > 0 ? value / best : 0;
}

/* The features as feature.h has them; item may be RS_NO_ITEM. */
static void
find_features(const World *w, const Person *p, uint32_t item, const RsItemFacts *facts,
			  double *out)
{
	bool		known = item != RS_NO_ITEM;
	double		weight = 0;
	double		own = 0;
	double		prices = 0;
	int			nprices = 0;
	int			count = 0;
	int64_t		newest = INT64_MIN;
	int			i;

	for (i = 0; i < NFEATURES; i++)
		out[i] = 0;
	for (i = 0; i < p->u.n; i++)
	{
		RsItemFacts its = rs_funnel_facts(&w->f, p->item[i]);
		double		age = (double) (p->u.as_of - time_of(p, i)) / DAY;

		weight += p->weight[i];
		newest = time_of(p, i) > newest ? time_of(p, i) : newest;
		if (its.price >= 0)
		{
			prices += log1p(its.price);
			nprices++;
		}
		if (facts->category != RS_NO_CATEGORY && its.category == facts->category)
		{
			own += p->weight[i];
			count++;
		}
		if (p->item[i] == item)
		{
			out[RS_F_SEEN_WEIGHT] = p->weight[i];
			out[RS_F_SEEN_RECENCY] = pow(.5, age / 30);
		}
	}
	if (known)
	{
		double		factor_share = share(p->factor[item], p->best[0]);
		double		neighbor_share = share(p->sum[item], p->best[1]);

		out[RS_F_FACTOR_SCORE] = p->factor[item];
		out[RS_F_FACTOR_SHARE] = factor_share;
		out[RS_F_NEIGHBOR_SHARE] = neighbor_share;
		out[RS_F_RECENT_SHARE] = share(p->faded[item], p->best[2]);
		out[RS_F_NEIGHBOR_RANK] = p->rank[item] > 0 ? 1.0 / p->rank[item] : 0;
		out[RS_F_NEIGHBOR_VOTES] = log1p(p->votes[item]);
		out[RS_F_BLEND] = p->best[0] > 0 && p->best[1] > 0 ?
			w->f.blend * neighbor_share + (1 - w->f.blend) * factor_share :
			factor_share + neighbor_share;
		out[RS_F_POPULARITY] = w->popularity[item];
		out[RS_F_POPULARITY_LOG] = log1p(1000 * w->popularity[item]);
		out[RS_F_FACTOR_POSITION] = discount(p->position[RS_SOURCE_FACTOR][item]);
		out[RS_F_NEIGHBOR_POSITION] = discount(p->position[RS_SOURCE_NEIGHBOR][item]);
		out[RS_F_POPULARITY_POSITION] = discount(p->position[RS_SOURCE_POPULARITY][item]);
		out[RS_F_CATEGORY_POSITION] = discount(p->position[RS_SOURCE_CATEGORY][item]);
	}
	out[RS_F_CATEGORY_SHARE] = weight > 0 ? own / weight : 0;
	out[RS_F_CATEGORY_COUNT] = log1p(count);
	if (facts->released != RS_NO_RELEASE && facts->released < p->u.as_of)
		out[RS_F_ITEM_AGE] = log1p((double) (p->u.as_of - facts->released) / DAY);
	if (facts->price >= 0)
		out[RS_F_PRICE] = log1p(facts->price);
	if (facts->price >= 0 && nprices > 0)
		out[RS_F_PRICE_GAP] = fabs(log1p(facts->price) - prices / nprices);
	out[RS_F_HISTORY_LENGTH] = log1p(p->u.n);
	if (p->u.n > 0)
		out[RS_F_HISTORY_RECENCY] = pow(.5, (double) (p->u.as_of - newest) / DAY / 30);
	for (i = 0; i < w->f.facts.nextra; i++)
		out[RS_FEATURES + i] = facts->extra == NULL || isnan(facts->extra[i]) ? 0 : facts->extra[i];
}

/* ---- comparisons ---- */

/* Scratch of exactly the size asked for, with rubbish in it. */
static RsFunnelWork *
make_work(const World *w, int most_history)
{
	size_t		bytes = rs_funnel_workspace(&w->f, most_history);
	void	   *memory;

	CHECK(bytes % RS_INDEX_ALIGN == 0);
	memory = make_aligned(bytes);
	memset(memory, 0xab, bytes);
	return rs_funnel_init(&w->f, most_history, memory);
}

static void
compare_features(const World *w, const Person *p, const RsFunnelWork *work,
				 uint32_t item, const RsItemFacts *facts)
{
	float	   *got = make_room(RS_FEATURES + w->f.facts.nextra, sizeof(float));
	RsItemFacts own = facts != NULL ? *facts : rs_funnel_facts(&w->f, item);
	double		want[NFEATURES];
	int			i;

	rs_funnel_features(&w->f, work, item, facts, got);
	find_features(w, p, item, &own, want);
	for (i = 0; i < RS_FEATURES + w->f.facts.nextra; i++)
		if (!near(got[i], want[i], 2e-6 * (1 + fabs(want[i]))))
		{
			printf("item %d: feature %s is %g, not %g\n", (int) item,
				   i < RS_FEATURES ? rs_feature_names[i] : "extra", got[i], want[i]);
			CHECK(false);
		}
	CHECK(i == RS_FEATURES + w->f.facts.nextra);
	free(got);
}

/* What dense code knows of an item as a candidate. */
static bool
same_candidate(const Person *p, uint32_t item, const RsCandidate *c)
{
	int			source = RS_SOURCES;
	int			s;

	for (s = RS_SOURCES - 1; s >= 0; s--)
	{
		if (c->position[s] != p->position[s][item])
			return false;
		if (p->position[s][item] > 0)
			source = s;
	}
	return c->item == item && (int) c->source == source && c->because == p->because[item];
}

static void
compare_items(const World *w, const Person *p, const RsFunnelWork *work)
{
	RsItemFacts nothing = {RS_NO_CATEGORY, RS_NO_RELEASE, -1, NULL};
	float		extra[EXTRA] = {1, 2, NAN};
	RsItemFacts other = {2, p->u.as_of - DAY, 3.5f, extra};
	RsCandidate c;
	uint32_t	i;

	for (i = 0; i < w->f.nitems; i++)
	{
		rs_funnel_describe(&w->f, work, i, &c);
		CHECK(same_candidate(p, i, &c));
		compare_features(w, p, work, i, NULL);
	}
	rs_funnel_describe(&w->f, work, RS_NO_ITEM, &c);
	CHECK(c.item == RS_NO_ITEM && c.source == RS_SOURCES && c.because == RS_NO_ITEM);
	CHECK(rs_funnel_facts(&w->f, RS_NO_ITEM).category == RS_NO_CATEGORY);
	compare_features(w, p, work, RS_NO_ITEM, NULL);
	compare_features(w, p, work, RS_NO_ITEM, &nothing);
	compare_features(w, p, work, RS_NO_ITEM, &other);
	compare_features(w, p, work, 0, &other);
}

/* Candidates are what is in a list and not hidden, by item. */
static int
compare_candidates(const World *w, const Person *p, RsFunnelWork *work, RsCandidate *out)
{
	uint32_t	hidden[MOST_ITEMS];
	bool		is_hidden[MOST_ITEMS] = {false};
	uint32_t	nhidden = 0;
	uint32_t	i;
	int			some = random_below(3);
	int			n;
	int			want = 0;
	bool		same = true;

	for (i = 0; i < w->f.nitems; i++)
		if ((some > 0 && p->had[i]) || (some > 1 && random_below(4) == 0))
		{
			hidden[nhidden++] = i;
			is_hidden[i] = true;
		}
	n = rs_funnel_candidates(&w->f, work, hidden, nhidden, out);
	CHECK(n <= rs_funnel_most(&w->f, MOST_HISTORY));
	for (i = 0; i < w->f.nitems; i++)
	{
		bool		listed = false;
		int			s;

		for (s = 0; s < RS_SOURCES; s++)
			listed |= p->position[s][i] > 0;
		if (!listed || is_hidden[i])
			continue;
		same &= want < n && same_candidate(p, i, &out[want]);
		want++;
	}
	CHECK(same && want == n);
	return n;
}

/* The score without a ranker. */
static double
blended(const World *w, const Person *p, uint32_t item)
{
	float		sum[MOST_ITEMS];
	float		factor[MOST_ITEMS];
	RsBlend		b = rs_blend_scales(p->best[1], p->best[0], w->f.blend);

	memcpy(sum, p->sum, sizeof(sum));
	memcpy(factor, p->factor, sizeof(factor));
	return rs_blend_one(&b, sum[item], factor[item], w->popularity[item]);
}

static void
compare_ranks(const World *w, const Person *p, RsFunnelWork *work, RsCandidate *c, int n)
{
	int			width = RS_FEATURES + w->f.facts.nextra;
	float	   *features = make_room((size_t) n * width, sizeof(float));
	RsCandidate *other = make_room(n, sizeof(RsCandidate));
	bool		seen[MOST_ITEMS] = {false};
	int			i;

	memcpy(other, c, n * sizeof(RsCandidate));
	rs_funnel_rank(&w->f, work, c, n, features);
	for (i = 0; i < n; i++)
	{
		float		row[NFEATURES];

		CHECK(!seen[c[i].item] && same_candidate(p, c[i].item, &c[i]));
		seen[c[i].item] = true;
		rs_funnel_features(&w->f, work, c[i].item, NULL, row);
		CHECK(memcmp(row, features + (size_t) i * width, width * sizeof(float)) == 0);
		CHECK(c[i].score == (w->f.ranker.nfeatures > 0 ? rs_ranker_score(&w->f.ranker, row) :
							 blended(w, p, c[i].item)));
		CHECK(i == 0 || c[i - 1].score > c[i].score ||
			  (c[i - 1].score == c[i].score && c[i - 1].item < c[i].item));
	}
	rs_funnel_rank(&w->f, work, other, n, NULL);
	for (i = 0; i < n; i++)
		CHECK(other[i].item == c[i].item && other[i].score == c[i].score);
	free(features);
	free(other);
}

static void
test_world(uint32_t nitems, int kind, bool neighbors, bool facts)
{
	static const int lengths[] = {0, 1, 4, MOST_HISTORY, 0, 12};
	int64_t		now = INT64_C(7500) * DAY + 12345;
	World	   *w = make_world(nitems, kind, neighbors, facts, now);
	RsFunnelWork *work = make_work(w, MOST_HISTORY);
	RsCandidate *c = make_room(rs_funnel_most(&w->f, MOST_HISTORY), sizeof(RsCandidate));
	int			i;

	for (i = 0; i < 6; i++)
	{
		Person	   *p = make_room(1, sizeof(Person));
		int			n;

		make_person(w, lengths[i], now, p);
		find_all(w, p);
		rs_funnel_open(&w->f, &p->u, work);
		compare_items(w, p, work);
		n = compare_candidates(w, p, work, c);
		compare_ranks(w, p, work, c, n);
		rs_funnel_close(&w->f, work);
		CHECK(rs_funnel_candidates(&w->f, work, NULL, 0, c) == 0);
		free(p);
	}
	free(c);
	free(work);
	free_world(w);
}

static void
test_worlds(void)
{
	int			round;

	for (round = 0; round < 8; round++)
	{
		int			kind;

		for (kind = -1; kind <= RS_KIND_RATING; kind++)
		{
			test_world(MOST_ITEMS, kind, true, true);
			test_world(1 + random_below(40), kind, round % 2 == 0, true);
			test_world(1 + random_below(40), kind, true, false);
			test_world(1, kind, true, true);
		}
	}
}

/* A second user is as if there had been no first one. */
static void
test_clean(void)
{
	int64_t		now = 7500 * DAY;
	World	   *w = make_world(MOST_ITEMS, RS_KIND_IMPLICIT, true, true, now);
	RsFunnelWork *used = make_work(w, MOST_HISTORY);
	int			most = rs_funnel_most(&w->f, MOST_HISTORY);
	int			width = RS_FEATURES + w->f.facts.nextra;
	RsCandidate *c[2];
	float	   *features[2];
	int			round;
	int			i;

	for (i = 0; i < 2; i++)
	{
		c[i] = make_room(most, sizeof(RsCandidate));
		features[i] = make_room((size_t) most * width, sizeof(float));
	}
	for (round = 0; round < 30; round++)
	{
		RsFunnelWork *fresh = make_work(w, MOST_HISTORY);
		Person		p;
		int			n[2];

		make_person(w, random_below(MOST_HISTORY), now, &p);
		for (i = 0; i < 2; i++)
		{
			RsFunnelWork *work = i == 0 ? used : fresh;

			rs_funnel_open(&w->f, &p.u, work);
			n[i] = rs_funnel_candidates(&w->f, work, NULL, 0, c[i]);
			rs_funnel_rank(&w->f, work, c[i], n[i], features[i]);
			rs_funnel_close(&w->f, work);
		}
		CHECK(n[0] == n[1]);
		for (i = 0; i < n[0] && i < n[1]; i++)
			CHECK(c[0][i].item == c[1][i].item && c[0][i].score == c[1][i].score &&
				  c[0][i].source == c[1][i].source && c[0][i].because == c[1][i].because);
		CHECK(memcmp(features[0], features[1], (size_t) n[0] * width * sizeof(float)) == 0);
		free(fresh);
	}
	for (i = 0; i < 2; i++)
	{
		free(c[i]);
		free(features[i]);
	}
	free(used);
	free_world(w);
}

/* The largest share of the votes that an item has which the user has not had. */
static float
best_share(const World *w, const Person *p, const RsFunnelWork *work)
{
	float		best = 0;
	uint32_t	i;

	for (i = 0; i < w->f.nitems; i++)
	{
		float		row[NFEATURES];

		rs_funnel_features(&w->f, work, i, NULL, row);
		if (!p->had[i] && row[RS_F_NEIGHBOR_SHARE] > best)
			best = row[RS_F_NEIGHBOR_SHARE];
	}
	return best;
}

/* Values at the ends of what they may be: everything stays finite. */
static void
test_extremes(void)
{
	static const float weights[] = {1e30f, 1e-30f, FLT_MAX, -1e30f, -1, 0};
	static const float similarities[] = {1e30f, 1e-30f, FLT_MAX, 1, -1e30f};
	static const float prices[] = {NAN, INFINITY, -INFINITY, FLT_MAX, 0, -1};
	static const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, 0, -1, 1};
	int			round;

	for (round = 0; round < 60; round++)
	{
		int64_t		now = times[random_below(6)];
		World	   *w = make_world(40, round % 5 - 1 < 3 ? round % 5 - 1 : -1, true, true, 0);
		RsFunnelWork *work;
		RsCandidate c[MOST_ITEMS];
		float		features[MOST_ITEMS * NFEATURES];
		Person		p;
		bool		finite = true;
		int			n;
		int			i;

		for (i = 0; i < (int) w->start[40]; i++)
			w->neighbor[i].similarity = similarities[random_below(round % 2 ? 5 : 1)];
		for (i = 0; i < 40; i++)
		{
			w->price[i] = prices[random_below(6)];
			w->released[i] = times[random_below(6)];
			w->extra[i] = i % 2 == 0 ? INFINITY : -FLT_MAX;
		}
		if (round % 3 == 0)
			for (i = 0; i < 40 * w->f.fold.width; i++)
				((float *) w->f.index.row)[i] *= 1e18f;
		w->f.recency_half_life = round % 4 == 0 ? 1e-300 : 1e300;
		w->f.quota[RS_SOURCE_NEIGHBOR] = INT32_MAX;
		w->f.quota[RS_SOURCE_FACTOR] = INT32_MAX;
		work = make_work(w, MOST_HISTORY);
		make_person(w, 20, 0, &p);
		p.u.time = p.time;
		p.u.as_of = now;
		for (i = 0; i < p.u.n; i++)
		{
			p.weight[i] = weights[random_below(round % 2 ? 6 : 3)];
			p.time[i] = times[random_below(6)];
		}
		rs_funnel_open(&w->f, &p.u, work);
		n = rs_funnel_candidates(&w->f, work, NULL, 0, c);
		rs_funnel_rank(&w->f, work, c, n, features);
		for (i = 0; i < n * (RS_FEATURES + w->f.facts.nextra); i++)
			finite &= isfinite(features[i]) != 0;
		for (i = 0; i < n; i++)
			finite &= isfinite(c[i].score) != 0;
		CHECK(finite && n > 0);
		if (round % 2 == 0)
			CHECK(best_share(w, &p, work) == 1);
		rs_funnel_close(&w->f, work);
		free(work);
		free_world(w);
	}
}

/* Votes of a user who has been away for decades count as before. */
static void
test_away(void)
{
	int64_t		now = 7500 * DAY;
	World	   *w = make_world(MOST_ITEMS, -1, true, false, now);
	RsFunnelWork *work;
	float		features[2][NFEATURES];
	Person		p;
	int			i;
	int			j;

	w->f.recency_half_life = 3;
	work = make_work(w, MOST_HISTORY);
	make_person(w, 10, now, &p);
	p.u.time = p.time;
	for (i = 0; i < p.u.n; i++)
		p.time[i] = now - (i + 1) * DAY;
	for (j = 0; j < MOST_ITEMS; j++)
	{
		for (i = 0; i < 2; i++)
		{
			p.u.as_of = now + i * 20000 * DAY;
			rs_funnel_open(&w->f, &p.u, work);
			rs_funnel_features(&w->f, work, j, NULL, features[i]);
			rs_funnel_close(&w->f, work);
		}
		CHECK(features[0][RS_F_RECENT_SHARE] == features[1][RS_F_RECENT_SHARE]);
	}
	free(work);
	free_world(w);
}

static void
test_names(void)
{
	int			i;
	int			j;

	for (i = 0; i < RS_FEATURES; i++)
	{
		CHECK(rs_feature_names[i] != NULL && rs_feature_names[i][0] != '\0');
		for (j = 0; j < i; j++)
			CHECK(strcmp(rs_feature_names[i], rs_feature_names[j]) != 0);
	}
	CHECK(strcmp(rs_feature_names[RS_F_FACTOR_SCORE], "factor_score") == 0);
	CHECK(strcmp(rs_feature_names[RS_F_HISTORY_RECENCY], "history_recency") == 0);
}

static void
test_all(void)
{
	test_worlds();
	test_clean();
	test_extremes();
	test_away();
}

int
main(void)
{
	test_names();
	at_every_level(test_all);
	return finish("funnel");
}
