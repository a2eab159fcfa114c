/*-------------------------------------------------------------------------
 *
 * test_index.c
 *	  Searches of the index against the scores of all rows: the same items in
 *	  the same order, and the same scores to the bit.
 *
 *-------------------------------------------------------------------------
 */
#include "index.h"
#include "score.h"
#include "simd.h"
#include "test.h"

/* Rows, an index of them, and what a search works with. */
typedef struct Problem
{
	uint32_t	n;
	int			width;
	float	   *row;
	void	   *memory;
	RsIndex		index;
	float	   *score;
	uint32_t   *skip;
	uint32_t	nskip;
} Problem;

/* n x width floats, all 0 */
static Problem
make_problem(uint32_t n, int width)
{
	Problem		p = {n, width, calloc((size_t) n * width + 1, sizeof(float)), NULL, {0}, NULL, NULL, 0};

	p.score = make_room(n, sizeof(float));
	p.skip = make_room(n, sizeof(uint32_t));
	return p;
}

static float *
row_of(const Problem *p, uint32_t i)
{
	return p->row + (size_t) i * p->width;
}

/* Builds the index, from scratch. */
static void
build(Problem *p)
{
	size_t		bytes = rs_index_bytes(p->n, p->width);

	free(p->memory);
	CHECK(bytes % RS_INDEX_ALIGN == 0);
	if (posix_memalign(&p->memory, RS_INDEX_ALIGN, bytes + RS_INDEX_ALIGN) != 0)
		exit(2);
	memset(p->memory, 0xa5, bytes + RS_INDEX_ALIGN);
	rs_index_build(p->row, p->n, p->width, p->memory, &p->index);
	CHECK(((unsigned char *) p->memory)[bytes] == 0xa5);
}

static void
free_problem(Problem *p)
{
	free(p->row);
	free(p->memory);
	free(p->score);
	free(p->skip);
}

/* Leaves out each item with the given chance. */
static void
draw_skip(Problem *p, double chance)
{
	uint32_t	i;

	p->nskip = 0;
	for (i = 0; i < p->n; i++)
		if (random_uniform() < chance)
			p->skip[p->nskip++] = i;
}

/* One search against all scores. */
static RsIndexCost
check_search(const Problem *p, const float *x, int k)
{
	uint32_t	most = k < 0 ? 0 : (uint32_t) k < p->n ? (uint32_t) k : p->n;
	RsScored   *expected = make_room(most, sizeof(RsScored));
	RsScored   *found = make_room(most, sizeof(RsScored));
	void	   *work = make_room(rs_index_workspace(&p->index, k), 1);
	RsIndexCost cost;
	bool		same = true;
	uint32_t	s;
	int			n;
	int			i;

	rs_factor_scores(p->row, p->n, p->width, x, p->score);
	for (s = 0; s < p->nskip; s++)
		p->score[p->skip[s]] = -INFINITY;
	n = rs_topk_float(p->score, p->n, (int) most, expected);

	/* whatever stands in the workspace */
	memset(work, 0xff, rs_index_workspace(&p->index, k));
	CHECK(rs_index_search(&p->index, x, k, p->skip, p->nskip, work, found, &cost) == n);
	for (i = 0; i < n; i++)
		same &= found[i].id == expected[i].id &&
			memcmp(&found[i].score, &expected[i].score, sizeof(double)) == 0;
	CHECK(same);
	CHECK(cost.scored >= (uint64_t) n && cost.scored <= p->n && cost.coded <= p->n);
	free(expected);
	free(found);
	free(work);
	return cost;
}

/* Several k, with and without items left out. */
static void
check_searches(Problem *p, const float *x)
{
	static const int ks[] = {0, 1, 2, 10, 100, 300, 1000, 1 << 30};
	int			i;

	for (i = 0; i < 8; i++)
	{
		p->nskip = 0;
		check_search(p, x, ks[i]);
		draw_skip(p, i % 2 ? .01 : .5);
		check_search(p, x, ks[i]);
	}
	draw_skip(p, 2);
	check_search(p, x, 10);
	p->nskip = 0;
}

/* about normal */
static float
random_normal(void)
{
	double		s = -6;
	int			i;

	for (i = 0; i < 12; i++)
		s += random_uniform();
	return (float) s;
}

/* A vector whose later elements are smaller, as decay says. */
static void
draw_vector(float *v, int width, double size, double decay)
{
	int			i;

	for (i = 0; i < width; i++)
		v[i] = (float) (size * pow(i + 1, -decay)) * random_normal();
}

/* The same norm for all rows but for rounding. */
static void
normalise(Problem *p)
{
	uint32_t	i;
	int			j;

	for (i = 0; i < p->n; i++)
	{
		float	   *y = row_of(p, i);
		double		norm = sqrt(rs_simd->dot_wide(y, y, p->width));

		for (j = 0; j < p->width; j++)
			y[j] = norm > 0 ? (float) (y[j] / norm) : 0;
	}
}

/* What build promises. */
static void
check_structure(const Problem *p)
{
	bool		order = true;
	bool		rows = true;
	bool		codes = true;
	uint32_t	i;
	int			j;

	for (i = 0; i < p->n; i++)
	{
		const RsIndex *x = &p->index;
		const float *y = row_of(p, x->item[i]);
		double		norm = sqrt(rs_simd->dot_wide(y, y, p->width));
		double		rest = 0;

		order &= i == 0 || x->norm[i - 1] > x->norm[i] ||
			(x->norm[i - 1] == x->norm[i] && x->item[i - 1] < x->item[i]);
		rows &= x->place[x->item[i]] == i && rs_index_row(x, x->item[i]) == x->row + (size_t) i * p->width &&
			memcmp(rs_index_row(x, x->item[i]), y, sizeof(float) * p->width) == 0;
		if (!(norm < 3.4e38))
		{
			codes &= x->norm[i] == INFINITY;
			continue;
		}
		for (j = 0; j < p->width; j++)
		{
			int			c = x->code[(size_t) (i / RS_CODE_ROWS) * RS_CODE_ROWS * x->stride +
									j / 4 * 4 * RS_CODE_ROWS + i % RS_CODE_ROWS * 4 + j % 4];

			codes &= c >= -127 && c <= 127;
			rest += ((double) y[j] - (double) x->scale[i] * c) * ((double) y[j] - (double) x->scale[i] * c);
		}
		codes &= x->norm[i] >= norm && x->norm[i] <= norm * (1 + 3e-7) + 3e-45;
		codes &= x->error[i] >= sqrt(rest) && x->error[i] <= sqrt(rest) * 1.001 + 1e-6 * norm + 3e-45;
	}
	CHECK(order);
	CHECK(rows);
	CHECK(codes);
}

/* Widths about every vector's, rows as they come and of equal norm. */
static void
test_widths(void)
{
	static const int width[] = {
		1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 127,
		128, 200, 255, 256, 257, 300, 511, 512, 513, 1000, 1023, 1024
	};
	static const uint32_t size[] = {0, 1, 2, 15, 16, 17, 255, 256, 257, 700, 2000};
	int			w;

	for (w = 0; w < 30; w++)
	{
		Problem		p = make_problem(size[random_below(width[w] > 200 ? 10 : 11)], width[w]);
		float	   *x = make_room(width[w], sizeof(float));
		uint32_t	i;

		for (i = 0; i < p.n; i++)
			draw_vector(row_of(&p, i), p.width, exp(random_normal()), .5);
		build(&p);
		check_structure(&p);
		draw_vector(x, p.width, 1, .5);
		check_searches(&p, x);
		normalise(&p);
		build(&p);
		check_structure(&p);
		draw_vector(x, p.width, 1, 0);
		check_searches(&p, x);
		free(x);
		free_problem(&p);
	}
}

/* Every number of rows, so that every remainder of a group and a block is met. */
static void
test_sizes(void)
{
	uint32_t	n;

	for (n = 0; n < 600; n += n < 40 || (n > 250 && n < 275) ? 1 : 13)
	{
		Problem		p = make_problem(n, 12);
		float		x[12];
		uint32_t	i;

		for (i = 0; i < n; i++)
			draw_vector(row_of(&p, i), 12, 1, 0);
		draw_vector(x, 12, 1, 0);
		build(&p);
		check_search(&p, x, 7);
		check_search(&p, x, (int) n);
		draw_skip(&p, .3);
		check_search(&p, x, 7);
		free_problem(&p);
	}
}

/* Rows that are equal, or nearly: more ties than there is room to note. */
static void
test_ties(void)
{
	Problem		p = make_problem(5000, 16);
	float		x[16];
	uint32_t	i;
	int			j;
	int			kinds;

	for (kinds = 1; kinds <= 1000; kinds *= 10)
	{
		for (i = 0; i < p.n; i++)
			if (i < (uint32_t) kinds)
				draw_vector(row_of(&p, i), 16, 1, 0);
			else
				memcpy(row_of(&p, i), row_of(&p, random_below(kinds)), 16 * sizeof(float));
		draw_vector(x, 16, 1, 0);
		build(&p);
		check_searches(&p, x);

		/* apart in the last digits only, better ones last */
		for (i = 0; i < p.n; i++)
			for (j = 0; j < 16; j++)
				row_of(&p, i)[j] = x[j] * (1 + 6e-8f * (float) (i / 7 % 40));
		build(&p);
		check_searches(&p, x);
	}
	free_problem(&p);
}

/* Zero, denormal, huge and infinite rows among others, and vectors as well. */
static void
test_extremes(void)
{
	static const float value[] = {
		0, -0.f, 1e-45f, -1e-45f, 1e-38f, 1e-30f, 1e-20f, 1e-10f, 1, -1, 1e10f,
		1e20f, -1e20f, 1e30f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN
	};
	int			values = sizeof(value) / sizeof(value[0]);
	int			round;

	for (round = 0; round < 40; round++)
	{
		Problem		p = make_problem(1500, 1 + random_below(20));
		float		x[20];
		int			most = round % 2 ? values : values - 3;
		double		share = round % 3 ? .02 : .5;
		uint32_t	i;
		int			j;

		for (i = 0; i < p.n; i++)
		{
			float		size = value[random_below(most)];

			draw_vector(row_of(&p, i), p.width, 1, 0);
			if (random_uniform() < share)
				for (j = 0; j < p.width; j++)
					row_of(&p, i)[j] *= size;
			if (random_uniform() < share)
				row_of(&p, i)[random_below(p.width)] = value[random_below(most)];
		}
		build(&p);
		check_structure(&p);
		for (i = 0; i < (uint32_t) values + 2; i++)
		{
			draw_vector(x, p.width, 1, 0);
			for (j = 0; j < p.width; j++)
				x[j] *= i < (uint32_t) values ? value[i] : 1;
			if (i % 2)
				x[random_below(p.width)] = value[random_below(values)];
			check_searches(&p, x);
		}
		free_problem(&p);
	}
}

/* A vector of zeros: the smallest ids. */
static void
test_zero(void)
{
	Problem		p = make_problem(1000, 8);
	const float x[8] = {0};
	uint32_t	i;

	for (i = 0; i < p.n; i++)
		draw_vector(row_of(&p, i), 8, 1, 0);
	row_of(&p, 3)[2] = NAN;
	row_of(&p, 4)[2] = INFINITY;
	build(&p);
	check_searches(&p, x);
	free_problem(&p);
}

/*
 * Rows whose norms fall, as of a trained model, and rows of equal norm: right,
 * and few rows are scored.
 */
static void
test_cost(void)
{
	Problem		p = make_problem(20000, 64);
	float		x[64];
	RsIndexCost falling;
	RsIndexCost equal;
	uint32_t	i;

	for (i = 0; i < p.n; i++)
	{
		draw_vector(row_of(&p, i), 64, pow(i + 1, -.4), .3);
		row_of(&p, i)[0] = 3 * fabsf(row_of(&p, i)[0]);
	}
	draw_vector(x, 64, 1, .3);
	x[0] = 3;
	build(&p);
	falling = check_search(&p, x, 100);
	CHECK(falling.scored < 200 && falling.coded < p.n / 2);
	CHECK(falling.bytes == falling.coded * 72 + falling.scored * 260);
	for (i = 0; i < p.n; i++)
		draw_vector(row_of(&p, i), 64, 1, 0);
	draw_vector(x, 64, 1, 0);
	normalise(&p);
	build(&p);
	equal = check_search(&p, x, 100);
	CHECK(equal.scored < 300 && equal.coded == p.n);
	check_searches(&p, x);
	free_problem(&p);
}

/* An index is found again where it stands, without looking at it. */
static void
test_attach(void)
{
	Problem		p = make_problem(100, 5);
	float		x[5] = {1, 2, 3, 4, 5};
	RsIndex		again;
	void	   *copy;
	uint32_t	i;

	for (i = 0; i < p.n; i++)
		draw_vector(row_of(&p, i), 5, 1, 0);
	build(&p);
	if (posix_memalign(&copy, RS_INDEX_ALIGN, rs_index_bytes(100, 5)) != 0)
		exit(2);
	memcpy(copy, p.memory, rs_index_bytes(100, 5));

	/* no byte is what stood there before */
	memset(p.memory, 0x3c, rs_index_bytes(100, 5));
	rs_index_build(p.row, 100, 5, p.memory, &again);
	CHECK(memcmp(copy, p.memory, rs_index_bytes(100, 5)) == 0);
	rs_index_attach(copy, 100, 5, &again);
	p.index = again;
	check_structure(&p);
	check_searches(&p, x);
	free(copy);
	free_problem(&p);
}

/* Products of codes against plain sums; the same at every level. */
static void
test_products(void)
{
	int			stride;

	for (stride = 4; stride <= 1024; stride += stride < 140 ? 4 : 68)
	{
		int			blocks = 1 + random_below(11);
		int8_t	   *code = make_room((size_t) blocks * RS_CODE_ROWS * stride, 1);
		int8_t	   *x = make_room(stride, 1);
		int32_t    *product = make_room((size_t) blocks * RS_CODE_ROWS, sizeof(int32_t));
		bool		same = true;
		int			i;
		int			j;

		/* often the largest there are, of one sign */
		for (i = 0; i < blocks * RS_CODE_ROWS * stride; i++)
			code[i] = (int8_t) (stride % 8 ? random_below(255) - 127 : random_below(3) ? 127 : -127);
		for (j = 0; j < stride; j++)
			x[j] = (int8_t) (stride % 16 ? 127 : random_below(255) - 127);
		rs_simd->code_products(code, x, stride, blocks, product);
		for (i = 0; i < blocks * RS_CODE_ROWS; i++)
		{
			int32_t		sum = 0;

			for (j = 0; j < stride; j++)
				sum += x[j] * code[(size_t) (i / RS_CODE_ROWS) * RS_CODE_ROWS * stride +
								   j / 4 * 4 * RS_CODE_ROWS + i % RS_CODE_ROWS * 4 + j % 4];
			same &= sum == product[i];
		}
		CHECK(same);
		free(code);
		free(x);
		free(product);
	}
}

/* Bounds against double, every length. */
static void
test_bounds(void)
{
	int			n;

	for (n = 0; n <= 70; n++)
	{
		int32_t    *product = make_room(n, sizeof(int32_t));
		float	   *scale = random_floats(n);
		float	   *error = random_floats(n);
		float	   *out = make_room(n, sizeof(float));
		bool		same = true;
		int			i;

		for (i = 0; i < n; i++)
			product[i] = random_below(100000) - 50000;
		rs_simd->code_bounds(product, scale, error, n, .25f, 3, 7, out);
		for (i = 0; i < n; i++)
			same &= near(out[i], product[i] * (scale[i] * .25) + (error[i] * 3.0 + 7), 1e-2);
		CHECK(same);
		free(product);
		free(scale);
		free(error);
		free(out);
	}
}

/* All of the above. */
int
main(void)
{
	at_every_level(test_products);
	at_every_level(test_bounds);
	at_every_level(test_widths);
	at_every_level(test_sizes);
	at_every_level(test_ties);
	at_every_level(test_extremes);
	at_every_level(test_zero);
	at_every_level(test_cost);
	at_every_level(test_attach);
	return finish("index");
}
