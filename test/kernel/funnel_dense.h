/*-------------------------------------------------------------------------
 *
 * funnel_dense.h
 *	  The funnel once more, item by item and from the definitions: every list,
 *	  all evidence, every feature.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TEST_FUNNEL_DENSE_H
#define RS_TEST_FUNNEL_DENSE_H

#include "funnel_world.h"
#include "score.h"

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

#endif							/* RS_TEST_FUNNEL_DENSE_H */
