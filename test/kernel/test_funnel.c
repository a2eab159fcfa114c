/*-------------------------------------------------------------------------
 *
 * test_funnel.c
 *	  Candidates and features against dense code that knows nothing of
 *	  sparseness: every list, every feature, of every item.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "simd.h"
#include "funnel_dense.h"

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
