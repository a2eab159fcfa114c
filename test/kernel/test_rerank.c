/*-------------------------------------------------------------------------
 *
 * test_rerank.c
 *	  Places of a list against brute force, and what holds whatever the list.
 *
 *-------------------------------------------------------------------------
 */
#include "rerank.h"
#include "simd.h"
#include "test.h"

#define WIDTH		8
#define CATEGORIES	5
#define MOST		64

/* A window, its list and the state that made it. */
typedef struct Case
{
	int			n;
	RsRerankItem item[MOST];
	float		vector[MOST + 4][WIDTH];
	RsRerankPin pin[4];
	uint32_t	taken[CATEGORIES];
	RsRerank	l;
	RsPlace		out[MOST + 4];
	int			nout;
	uint32_t	rest[MOST];
	int			nrest;
} Case;

/* A random window with falling scores, some without category or vector. */
static void
make_case(Case *c, int n)
{
	double		score = 10;
	int			i;

	memset(c, 0, sizeof(*c));
	c->n = n;
	for (i = 0; i < n; i++)
	{
		int			j;

		for (j = 0; j < WIDTH; j++)
			c->vector[i][j] = (float) (2 * random_uniform() - 1);
		score -= random_below(3) * random_uniform();
		c->item[i].score = score;
		c->item[i].category = random_below(8) == 0 ? RS_UNGROUPED : (uint32_t) random_below(CATEGORIES);
		c->item[i].vector = random_below(6) == 0 ? NULL : c->vector[i];
	}
	c->l.width = WIDTH;
	c->l.taken = c->taken;
	c->l.pin = c->pin;
}

/* So many pins at rising places. */
static void
add_pins(Case *c, int npins)
{
	int64_t		place = 0;
	int			i;

	for (i = 0; i < npins; i++)
	{
		int			j;

		for (j = 0; j < WIDTH; j++)
			c->vector[MOST + i][j] = (float) (2 * random_uniform() - 1);
		place += 1 + random_below(6);
		c->pin[i].place = place;
		c->pin[i].item.score = random_uniform();
		c->pin[i].item.category = random_below(CATEGORIES);
		c->pin[i].item.vector = c->vector[MOST + i];
	}
	c->l.npins = npins;
}

/* The whole window at once. */
static void
run(Case *c, int64_t most)
{
	void	   *work = make_room(rs_rerank_workspace(c->n), 1);

	c->nout = rs_rerank_window(&c->l, c->item, c->n, most, work, c->out,
							   c->rest, &c->nrest);
	free(work);
}

/* ---- brute force ---- */

/* Cosine, or the category's word. */
static double
similarity(const RsRerankItem *a, const RsRerankItem *b)
{
	double		ab = 0,
				aa = 0,
				bb = 0;
	int			i;

	if (a->vector == NULL || b->vector == NULL)
		return a->category != RS_UNGROUPED && a->category == b->category;
	for (i = 0; i < WIDTH; i++)
	{
		ab += (double) a->vector[i] * b->vector[i];
		aa += (double) a->vector[i] * a->vector[i];
		bb += (double) b->vector[i] * b->vector[i];
	}
	return fmax(0, ab / sqrt(aa * bb));
}

/* The value by which an item that waits is chosen, all anew. */
static double
value_of(const Case *c, int i, const RsRerankItem *const *placed, int nplaced)
{
	double		range = c->item[0].score - c->item[c->n - 1].score;
	double		most = 0;
	int			j;

	for (j = 0; j < nplaced; j++)
		most = fmax(most, similarity(&c->item[i], placed[j]));
	return (1 - c->l.lambda) * (range > 0 ? (c->item[i].score - c->item[c->n - 1].score) / range : 0)
		- c->l.lambda * most;
}

/* Is every place one that brute force could have filled so? */
static void
check_places(const Case *c)
{
	const RsRerankItem *placed[MOST + 4];
	bool		gone[MOST] = {false};
	int			count[CATEGORIES] = {0};
	int			i;

	for (i = 0; i < c->nout; i++)
	{
		const RsPlace *p = &c->out[i];
		const RsRerankItem *item = p->pinned ? &c->pin[p->item].item : &c->item[p->item];
		double		most = -INFINITY;
		int			first = -1;
		int			j;

		for (j = 0; j < c->n && !p->pinned; j++)
		{
			bool		full = c->l.per_category > 0 && c->item[j].category != RS_UNGROUPED &&
				count[c->item[j].category] >= (int) c->l.per_category;

			if (gone[j] || full)
				continue;
			if (c->l.lambda <= 0)
			{
				first = first < 0 ? j : first;
				continue;
			}
			most = fmax(most, value_of(c, j, placed, i));
		}
		if (!p->pinned && c->l.lambda > 0)
			CHECK(near(value_of(c, p->item, placed, i), most, 1e-5));
		else if (!p->pinned)
			CHECK((int) p->item == first);
		else
			CHECK(c->pin[p->item].place == i + 1 || c->pin[p->item].place <= i);
		if (!p->pinned)
		{
			CHECK(!gone[p->item]);
			gone[p->item] = true;
		}
		CHECK(p->propensity == 1 && !p->explored);
		if (item->category != RS_UNGROUPED)
			count[item->category]++;
		placed[i] = item;
	}
	/* what is left is in order, and nothing is lost */
	for (i = 0; i < c->nrest; i++)
	{
		CHECK(!gone[c->rest[i]]);
		CHECK(i == 0 || c->rest[i] > c->rest[i - 1]);
		gone[c->rest[i]] = true;
	}
	for (i = 0; i < c->n; i++)
		CHECK(gone[i]);
}

static void
test_against_brute_force(void)
{
	int			i;

	random_seed(11);
	for (i = 0; i < 300; i++)
	{
		Case		c;

		make_case(&c, random_below(40));
		add_pins(&c, random_below(4));
		if (i % 2 == 0)
			c.l.lambda = random_uniform();
		if (i % 3 == 0)
			c.l.per_category = 1 + random_below(3);
		run(&c, 1 + random_below(50));
		check_places(&c);
	}
}

/* ---- properties ---- */

/* A shorter list is the beginning of a longer one, by lot or not. */
static void
test_prefix(void)
{
	int			i;

	random_seed(12);
	for (i = 0; i < 200; i++)
	{
		Case		longer;
		Case		shorter;
		int			k;
		int			j;

		make_case(&longer, 1 + random_below(40));
		add_pins(&longer, random_below(4));
		longer.l.lambda = random_below(2) * random_uniform();
		longer.l.per_category = random_below(4);
		longer.l.share = random_below(2) * random_uniform();
		longer.l.seed = random_bits();
		memcpy(&shorter, &longer, sizeof(longer));
		shorter.l.taken = shorter.taken;
		shorter.l.pin = shorter.pin;
		run(&longer, 100);
		k = random_below(longer.nout + 1);
		run(&shorter, k);
		CHECK(shorter.nout == k && shorter.l.filled == k);
		for (j = 0; j < k; j++)
			CHECK(shorter.out[j].item == longer.out[j].item &&
				  shorter.out[j].pinned == longer.out[j].pinned &&
				  shorter.out[j].explored == longer.out[j].explored &&
				  shorter.out[j].propensity == longer.out[j].propensity);
	}
}

/* Two windows: what is counted goes on, what is passed over is left. */
static void
test_windows(void)
{
	RsRerankItem first[] = {{9, 0, NULL}, {8, 0, NULL}, {7, 1, NULL}};
	RsRerankItem second[] = {{6, 1, NULL}, {5, 0, NULL}, {4, RS_UNGROUPED, NULL}};
	uint32_t	taken[2] = {0, 0};
	RsRerankPin pin[] = {{3, {0, 1, NULL}}, {9, {0, 0, NULL}}};
	RsRerank	l = {.taken = taken,.per_category = 1,.pin = pin,.npins = 2};
	RsPlace		out[5];
	uint32_t	rest[3];
	int			nrest;
	double		work[1];

	CHECK(rs_rerank_window(&l, first, 3, 10, work, out, rest, &nrest) == 2);
	CHECK(out[0].item == 0 && out[1].item == 2);
	CHECK(nrest == 1 && rest[0] == 1);
	CHECK(rs_rerank_window(&l, second, 3, 10, work, out, rest, &nrest) == 2);
	CHECK(out[0].pinned && out[0].item == 0);
	CHECK(!out[1].pinned && out[1].item == 2);
	CHECK(nrest == 2 && rest[0] == 0 && rest[1] == 1);
	CHECK(rs_rerank_pins(&l, 4, out) == 0);
	CHECK(rs_rerank_pins(&l, 10, out) == 1);
	CHECK(out[0].pinned && out[0].item == 1 && l.filled == 5);
	CHECK(rs_rerank_window(&l, second, 0, 10, work, out, rest, &nrest) == 0 && nrest == 0);
}

/* By hand: the twin of the first comes last. */
static void
test_by_hand(void)
{
	float		x[] = {1, 0};
	float		y[] = {0, 2};
	float		z[] = {3, 0};
	RsRerankItem item[] = {{1, RS_UNGROUPED, x}, {.9, RS_UNGROUPED, z}, {.5, RS_UNGROUPED, y}, {0, RS_UNGROUPED, NULL}};
	RsRerank	l = {.width = 2,.lambda = .5};
	RsPlace		out[4];
	uint32_t	rest[4];
	int			nrest;
	void	   *work = make_room(rs_rerank_workspace(4), 1);

	CHECK(rs_rerank_window(&l, item, 4, 4, work, out, rest, &nrest) == 4);
	/* .5 * .9 - .5 * 1 < 0 = the last one's */
	CHECK(out[0].item == 0 && out[1].item == 2 && out[2].item == 3 && out[3].item == 1);
	/* without diversity nothing moves */
	l.lambda = 0;
	l.filled = 0;
	CHECK(rs_rerank_window(&l, item, 4, 4, work, out, rest, &nrest) == 4);
	CHECK(out[0].item == 0 && out[1].item == 1 && out[2].item == 2 && out[3].item == 3);
	/* equal scores, no likeness: their order */
	item[0].score = item[1].score = item[2].score = item[3].score = 2;
	item[1].vector = y;
	item[2].vector = NULL;
	l.lambda = 1e-9;
	l.filled = 0;
	CHECK(rs_rerank_window(&l, item, 3, 3, work, out, rest, &nrest) == 3);
	CHECK(out[0].item == 0 && out[1].item == 1 && out[2].item == 2);
	free(work);
}

/* ---- exploration ---- */

/* How often each item stands at a place is its propensity there. */
static void
test_propensity(void)
{
	int			shown[4] = {0};
	double		said[4] = {0};
	int			drawn = 0;
	int			again = 0;
	const int	tries = 40000;
	int			i;

	for (i = 0; i < tries; i++)
	{
		RsRerankItem item[] = {{3, 0, NULL}, {2, 0, NULL}, {1, 1, NULL}, {0, 1, NULL}};
		uint32_t	taken[2] = {0, 0};
		RsRerank	l = {.taken = taken,.per_category = 2,.share = .4,.seed = i};
		RsRerank	m = l;
		RsPlace		out[4];
		RsPlace		out2[4];
		uint32_t	rest[4];
		int			nrest;
		double		work[4 * 8];

		CHECK(rs_rerank_workspace(4) <= sizeof(work));
		if (rs_rerank_window(&l, item, 4, 1, work, out, rest, &nrest) != 1)
			CHECK(false);
		shown[out[0].item]++;
		drawn += out[0].explored;
		said[out[0].item] = out[0].propensity;
		rs_rerank_window(&m, item, 4, 1, work, out2, rest, &nrest);
		again += out2[0].item == out[0].item && out2[0].propensity == out[0].propensity;
	}
	CHECK(again == tries);
	CHECK(near(said[0], .7, 1e-12));
	for (i = 0; i < 4; i++)
	{
		CHECK(i == 0 || near(said[i], .1, 1e-12));
		CHECK(near(shown[i] / (double) tries, said[i], .01));
	}
	CHECK(drawn == tries - shown[0]);
}

/* Given the places before, the propensities of all that could stand there are 1. */
static void
test_propensity_of_lists(void)
{
	int			i;

	random_seed(13);
	for (i = 0; i < 200; i++)
	{
		Case		c;
		int			j;

		make_case(&c, 2 + random_below(20));
		add_pins(&c, random_below(3));
		c.l.share = random_uniform();
		c.l.lambda = random_below(2) * .5;
		c.l.per_category = random_below(3);
		c.l.seed = i;
		run(&c, 100);
		for (j = 0; j < c.nout; j++)
		{
			const RsPlace *p = &c.out[j];

			CHECK(p->propensity > 0 && p->propensity <= 1 + 1e-12);
			CHECK(!p->pinned || (p->propensity == 1 && !p->explored));
			/* the drawn ones are the less likely */
			CHECK(!p->explored || p->propensity <= c.l.share / 2 + 1e-12);
			CHECK(p->pinned || p->explored || p->propensity >= 1 - c.l.share);
		}
	}
}

/* ---- boosts and freshness ---- */

static void
test_adjustments(void)
{
	CHECK(rs_boosted(2, 1.5) == 3 && rs_boosted(-2, 2) == -1 && rs_boosted(2, 0) == 0);
	CHECK(rs_boosted(2, -1) == 0 && rs_boosted(-2, -1) < -1e5);
	CHECK(rs_boosted(2, NAN) == 2 && rs_boosted(2, INFINITY) == 2 && rs_boosted(1e308, 1e308) == 1e308);
	CHECK(near(rs_freshness(14, 14), .5, 1e-15) && near(rs_freshness(28, 14), .25, 1e-15));
	{
		float		x[] = {1, 0};
		float		y[] = {3, 3};
		float		z[] = {-1, 0};
		RsRerankItem a = {0, 1, x};
		RsRerankItem b = {0, 2, y};
		RsRerankItem c = {0, 1, z};
		RsRerankItem d = {0, 1, NULL};
		RsRerankItem e = {0, RS_UNGROUPED, NULL};

		CHECK(near(rs_rerank_similarity(&a, &b, 2), sqrt(.5), 1e-6));
		CHECK(rs_rerank_similarity(&a, &a, 2) == 1 && rs_rerank_similarity(&a, &c, 2) == 0);
		CHECK(rs_rerank_similarity(&a, &d, 2) == 1 && rs_rerank_similarity(&d, &b, 2) == 0);
		CHECK(rs_rerank_similarity(&e, &e, 2) == 0);
	}
	CHECK(rs_freshness(-1, 14) == 1 && rs_freshness(0, 14) == 1 && rs_freshness(1e300, 14) == 0);
}

int
main(void)
{
	rs_simd_init();
	test_by_hand();
	test_windows();
	at_every_level(test_against_brute_force);
	test_prefix();
	test_propensity();
	test_propensity_of_lists();
	test_adjustments();
	return finish("rerank");
}
