/*-------------------------------------------------------------------------
 *
 * test_rank.c
 *	  Lists by blocks, against one user at a time: equal to the bit.
 *
 *-------------------------------------------------------------------------
 */
#include "rank.h"
#include "simd.h"
#include "test.h"

/* One catalog, its users and the working space. */
typedef struct World
{
	int			nitems;
	int			factors;
	int			nusers;
	int			k;
	float	   *popularity;
	float	   *item;
	float	   *x;
	float	   *evidence;		/* nusers x nitems */
	uint32_t   *hidden;			/* nusers x nitems, the first nhidden of each */
	RsRankUser *user;
	RsMarks    *marks;			/* nusers x 2: with evidence, hidden only */
	RsRankItems items;
	RsRankFactors f;
	RsRankWork	work;
	RsNear	   *space;
} World;

static const float *sort_key;

static int
compare_popular(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	if (sort_key[x] != sort_key[y])
		return sort_key[x] > sort_key[y] ? -1 : 1;
	return (x > y) - (x < y);
}

/* Sums backwards and in double: other last digits than those of serving. */
static void
backward_product(const float *x, int users, const float *y, int items,
				 int factors, float *out, int stride)
{
	int			u;
	int			i;
	int			j;

	for (u = 0; u < users; u++)
		for (i = 0; i < items; i++)
		{
			double		sum = 0;

			for (j = factors - 1; j >= 0; j--)
				sum += (double) x[u * factors + j] * y[(size_t) i * factors + j];
			out[(size_t) u * stride + i] = (float) sum;
		}
}

static void
make_catalog(World *w, bool barred)
{
	uint32_t   *order = make_room(w->nitems, sizeof(uint32_t));
	bool	   *bar = make_room(w->nitems, sizeof(bool));
	int			i;

	w->popularity = make_room(w->nitems, sizeof(float));
	for (i = 0; i < w->nitems; i++)
	{
		/* some ties, and some that are ties once scaled */
		w->popularity[i] = (float) (1 + random_below(40)) / 40;
		if (random_below(4) == 0)
			w->popularity[i] = nextafterf(w->popularity[i], (float) random_below(2));
		order[i] = i;
		bar[i] = random_below(3) == 0;
	}
	sort_key = w->popularity;
	qsort(order, w->nitems, sizeof(uint32_t), compare_popular);
	w->items.nitems = w->nitems;
	w->items.popularity = w->popularity;
	w->items.order = order;
	w->items.barred = bar;
	if (!barred)
	{
		free(bar);
		w->items.barred = NULL;
	}
	w->item = random_floats((size_t) w->nitems * w->factors);
	w->x = random_floats((size_t) w->nusers * w->factors);
}

static void
make_users(World *w)
{
	int			u;
	int			i;

	w->evidence = make_room((size_t) w->nusers * w->nitems, sizeof(float));
	w->hidden = make_room((size_t) w->nusers * w->nitems, sizeof(uint32_t));
	w->user = make_room(w->nusers, sizeof(RsRankUser));
	w->marks = make_room(w->nusers * 2, sizeof(RsMarks));
	for (u = 0; u < w->nusers; u++)
	{
		RsRankUser *user = &w->user[u];
		float	   *evidence = w->evidence + (size_t) u * w->nitems;
		uint32_t   *hidden = w->hidden + (size_t) u * w->nitems;
		int			density = random_below(4);

		memset(user, 0, sizeof(*user));
		user->hidden = hidden;
		user->marks = &w->marks[2 * u];
		user->nmarks = 2;
		for (i = 0; i < w->nitems; i++)
		{
			evidence[i] = density > 0 && random_below(density * density) == 0 ?
				(float) random_below(50) : 0;
			if (random_below(10) == 0)
				hidden[user->nhidden++] = i;
		}
	}
}

static void
make_work(World *w)
{
	int			room = rs_window_room(w->k, w->nitems);

	w->work.product = backward_product;
	w->work.panel = make_room(RS_RANK_USERS * RS_RANK_PANEL, sizeof(float));
	w->work.scratch = make_room(room, sizeof(float));
	w->work.near = make_room(room, sizeof(RsNear));
	w->work.row[0] = make_room(w->nitems, sizeof(float));
	w->work.row[1] = make_room(w->nitems, sizeof(float));
	w->work.flag = make_room(w->nitems, sizeof(bool));
	w->work.place = make_room(w->nitems + RS_SELECT_SLACK, sizeof(int));
	w->space = make_room((size_t) room * w->nusers, sizeof(RsNear));
	w->f.factors = w->factors;
	w->f.item = w->item;
	w->f.longest = rs_longest_row(w->item, w->nitems, w->factors);
}

static void
free_world(World *w)
{
	int			u;

	for (u = 0; u < 2 * w->nusers; u++)
		free(w->marks[u].mark);
	free((void *) w->items.order);
	free((void *) w->items.barred);
	free(w->popularity);
	free(w->item);
	free(w->x);
	free(w->evidence);
	free(w->hidden);
	free(w->user);
	free(w->marks);
	free(w->work.panel);
	free(w->work.scratch);
	free(w->work.near);
	free(w->work.row[0]);
	free(w->work.row[1]);
	free(w->work.flag);
	free(w->work.place);
	free(w->space);
}

/* The list of one user, as serving makes it. */
static int
plain_list(const World *w, int u, bool neighbors, bool factors, double blend,
		   bool with_hidden, RsScored *out)
{
	float	   *product = make_room(w->nitems, sizeof(float));
	float	   *score = make_room(w->nitems, sizeof(float));
	bool	   *hidden = make_room(w->nitems, sizeof(bool));
	const float *x = w->x + (size_t) u * w->factors;
	bool		known = w->f.longest > 0 && rs_simd->dot_wide(x, x, w->factors) > 0;
	uint32_t	i;
	int			n;

	memset(hidden, 0, w->nitems);
	for (i = 0; !with_hidden && i < w->user[u].nhidden; i++)
		hidden[w->user[u].hidden[i]] = true;
	rs_factor_scores(w->item, w->nitems, w->factors, x, product);
	rs_blend(neighbors ? w->evidence + (size_t) u * w->nitems : NULL,
			 factors ? product : NULL, w->popularity, hidden, w->nitems, blend,
			 score);
	for (i = 0; factors && w->f.is_score && known && i < (uint32_t) w->nitems; i++)
		score[i] = hidden[i] ? -INFINITY : product[i];
	for (i = 0; w->items.barred != NULL && i < (uint32_t) w->nitems; i++)
		if (w->items.barred[i])
			score[i] = -INFINITY;
	n = rs_topk_float(score, w->nitems, w->k, out);
	free(product);
	free(score);
	free(hidden);
	return n;
}

/* All kinds of lists of all users. */
static void
compare_lists(World *w, double blend)
{
	RsScored   *want = make_room(w->k, sizeof(RsScored));
	RsScored   *got = make_room(w->k, sizeof(RsScored));
	float	   *evidence = make_room(w->nitems, sizeof(float));
	int			room = rs_window_room(w->k, w->nitems);
	int			u;
	int			kind;

	w->f.least_share = blend < 1 ? 1 - blend : 1;
	for (u = 0; u < w->nusers; u++)
	{
		RsMarks    *m = w->user[u].marks;
		int			i;

		memcpy(evidence, w->evidence + (size_t) u * w->nitems, w->nitems * sizeof(float));
		m[0].mark = make_room(w->nitems, sizeof(RsMarked));
		m[0].n = rs_rank_mark(evidence, w->nitems, &w->user[u], &w->work, m[0].mark);
		m[1].mark = make_room(w->nitems, sizeof(RsMarked));
		m[1].n = rs_rank_mark(NULL, w->nitems, &w->user[u],
							  &w->work, m[1].mark);
		CHECK(m[1].n == w->user[u].nhidden);
		for (i = 0; i < w->nitems; i++)
			if (evidence[i] != 0)
				break;
		CHECK(i == w->nitems);
	}
	for (u = 0; u < w->nusers; u += RS_RANK_USERS)
		rs_rank_scan(&w->items, &w->f, w->user + u,
					 w->nusers - u < RS_RANK_USERS ? w->nusers - u : RS_RANK_USERS,
					 w->x + (size_t) u * w->factors, w->k,
					 w->space + (size_t) u * room, room, &w->work);
	for (u = 0; u < w->nusers; u++)
		for (kind = 0; kind < 8; kind++)
		{
			bool		neighbors = (kind & 1) != 0;
			bool		factors = (kind & 2) != 0;
			bool		with_hidden = (kind & 4) != 0;
			int			n = plain_list(w, u, neighbors, factors, blend, with_hidden, want);
			bool		same;
			int			i;

			same = rs_rank_list(&w->items, factors ? &w->f : NULL, &w->user[u],
								&w->user[u].marks[neighbors ? 0 : 1], blend,
								with_hidden, w->k, &w->work, got) == n;
			for (i = 0; same && i < n; i++)
				same = want[i].id == got[i].id && want[i].score == got[i].score;
			CHECK(same);
		}
	free(want);
	free(got);
	free(evidence);
}

/* What the factors look like. */
typedef enum Shape
{
	RANDOM,
	TIED,						/* few different items */
	ZERO,						/* and users of whom nothing is known */
	NEGATIVE,					/* no product is positive */
	CLOSE,						/* differ in the last digits only */
	HUGE_ONES,
	TINY
} Shape;

static void
shape_factors(World *w, Shape shape)
{
	size_t		n = (size_t) w->nitems * w->factors;
	size_t		m = (size_t) w->nusers * w->factors;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (shape == TIED && i >= (size_t) 7 * w->factors)
			w->item[i] = w->item[i % (7 * w->factors)];
		else if (shape == ZERO && i / w->factors % 2 == 0)
			w->item[i] = 0;
		else if (shape == NEGATIVE)
			w->item[i] = -fabsf(w->item[i]);
		else if (shape == CLOSE)
			w->item[i] = 1 + 1e-6f * w->item[i];
		else if (shape == HUGE_ONES)
			w->item[i] *= 1e18f;
		else if (shape == TINY)
			w->item[i] *= 1e-30f;
	}
	for (i = 0; i < m; i++)
	{
		if (shape == ZERO && i / w->factors % 3 == 0)
			w->x[i] = 0;
		else if (shape == NEGATIVE)
			w->x[i] = fabsf(w->x[i]);
		else if (shape == HUGE_ONES)
			w->x[i] *= 1e18f;
		else if (shape == TINY)
			w->x[i] *= 1e-10f;
	}
}

static void
test_shape(Shape shape, int nitems, int factors, int k, double blend, bool barred,
		   bool ratings)
{
	World		w = {0};

	w.nitems = nitems;
	w.factors = factors;
	w.nusers = 70;
	w.k = k;
	make_catalog(&w, barred);
	shape_factors(&w, shape);
	make_users(&w);
	make_work(&w);
	w.f.is_score = ratings;
	compare_lists(&w, blend);
	free_world(&w);
}

static void
test_lists(void)
{
	static const double blends[] = {0, 0.2, 0.9, 0.999999, 1};
	int			shape;
	int			b;

	for (shape = RANDOM; shape <= TINY; shape++)
		for (b = 0; b < 5; b++)
		{
			test_shape(shape, 1, 3, 1, blends[b], false, false);
			test_shape(shape, 33, 5, 40, blends[b], b % 2 == 1, false);
			test_shape(shape, 1300, 16, 1 + random_below(30), blends[b], b % 2 == 0, false);
			test_shape(shape, 700, 9, 200, blends[b], b % 2 == 1, false);
			test_shape(shape, 700, 9, 20, blends[b], b % 2 == 1, true);
		}
	test_shape(RANDOM, 5000, 48, 50, 0.2, false, false);
	test_shape(RANDOM, 1, 3, 1, 0, false, true);
	test_shape(RANDOM, 5000, 50, 50, 0, false, true);
}

/* The window against a sort: nothing near is lost, the order of arrival stays. */
static void
test_window(void)
{
	static float value[3000];
	static RsNear space[3000];
	static float scratch[3000];
	int			round;

	for (round = 0; round < 200; round++)
	{
		int			n = 1 + random_below(3000);
		int			k = 1 + random_below(60);
		RsWindow	w;
		int			i;
		bool		good = true;

		rs_window_init(&w, space, rs_window_room(k, n), k, 0.01f, 0.01f);
		for (i = 0; i < n; i++)
		{
			value[i] = (float) random_uniform();
			rs_window_add(&w, value[i], i, false, scratch);
		}
		rs_window_finish(&w, scratch);
		CHECK(!w.overflow);
		for (i = 1; i < w.n; i++)
			good &= w.entry[i - 1].id < w.entry[i].id;
		CHECK(good);
		CHECK(w.n >= (k < n ? k : n));
		for (i = 0; i < n; i++)
		{
			int			better = 0;
			int			j;
			bool		kept = false;

			for (j = 0; j < n; j++)
				better += value[j] - 0.01f > value[i];
			for (j = 0; j < w.n; j++)
				kept |= w.entry[j].id == (uint32_t) i;
			good &= kept || better >= k;
			if (n > 500)
				i += 50;
		}
		CHECK(good);
	}
}

int
main(void)
{
	test_window();
	at_every_level(test_lists);
	return finish("rank");
}
