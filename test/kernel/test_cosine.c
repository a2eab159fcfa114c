/*-------------------------------------------------------------------------
 *
 * test_cosine.c
 *	  Searches by cosine against all cosines in double: the same items in the
 *	  same order, and the same values to the bit.
 *
 *-------------------------------------------------------------------------
 */
#include "cosine.h"
#include "simd.h"
#include "test.h"

#define NONE UINT32_MAX

typedef struct Problem
{
	uint32_t	n;
	int			width;
	int			factors;		/* numbers of a row that count */
	float	   *row;
	void	   *memory;
	RsIndex		index;
} Problem;

static Problem
make_problem(uint32_t n, int width, int factors)
{
	Problem		p = {n, width, factors, random_floats((size_t) n * width), NULL, {0}};

	if (posix_memalign(&p.memory, RS_INDEX_ALIGN, rs_index_bytes(n, width) + RS_INDEX_ALIGN) != 0)
		exit(2);
	return p;
}

static void
build(Problem *p)
{
	rs_index_build(p->row, p->n, p->width, p->memory, &p->index);
}

static void
free_problem(Problem *p)
{
	free(p->row);
	free(p->memory);
}

/* One search against a full sort by insertion into the result. */
static void
check_search(const Problem *p, const float *x, int k, uint32_t skip)
{
	uint32_t	most = k < 0 ? 0 : (uint32_t) k < p->n ? (uint32_t) k : p->n;
	RsScored   *expected = make_room(most, sizeof(RsScored));
	RsScored   *found = make_room(most, sizeof(RsScored));
	float	   *work = make_room(rs_cosine_workspace(&p->index), sizeof(float));
	double		xx = rs_simd->dot_wide(x, x, p->factors);
	bool		same = true;
	RsTopK		best;
	uint32_t	i;
	int			n;

	rs_topk_init(&best, expected, (int) most);
	for (i = 0; i < p->n && xx > 0 && xx < INFINITY; i++)
	{
		const float *y = p->row + (size_t) i * p->width;
		double		length = sqrt(xx) * sqrt(rs_simd->dot_wide(y, y, p->factors));

		if (i != skip)
			rs_topk_add(&best, (float) (rs_simd->dot_wide(x, y, p->factors) / length), i);
	}
	n = rs_topk_finish(&best);
	memset(work, 0xff, rs_cosine_workspace(&p->index) * sizeof(float));
	CHECK(rs_cosine_search(&p->index, x, p->factors, k, skip, work, found) == n);
	for (i = 0; i < (uint32_t) n; i++)
		same &= found[i].id == expected[i].id && found[i].score == expected[i].score;
	CHECK(same);
	free(expected);
	free(found);
	free(work);
}

static void
check_all(Problem *p, const float *x)
{
	static const int ks[] = {-1, 0, 1, 2, 10, 300, 1 << 30};
	int			i;

	build(p);
	for (i = 0; i < 7; i++)
	{
		check_search(p, x, ks[i], NONE);
		check_search(p, x, ks[i], p->n / 2);
	}
}

/* shapes, rows with more than factors, rows of all lengths */
static void
test_shapes(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 15, 1000, 1024, 3001};
	static const int widths[] = {1, 3, 16, 64, 65};
	size_t		i;
	size_t		j;

	for (i = 0; i < 7; i++)
		for (j = 0; j < 5; j++)
		{
			int			extra = (int) (i % 3);
			Problem		p = make_problem(sizes[i], widths[j] + extra, widths[j]);
			float	   *x = random_floats(p.width);
			uint32_t	r;
			int			f;

			for (r = 0; r < p.n; r++)
				for (f = 0; f < p.width; f++)
					p.row[(size_t) r * p.width + f] *= powf(10, (float) random_below(5) - 2);
			check_all(&p, x);
			free(x);
			free_problem(&p);
		}
}

/* equal rows and rows that differ in the last digit only: ties by item */
static void
test_ties(void)
{
	Problem		p = make_problem(2000, 8, 8);
	float	   *x = random_floats(8);
	uint32_t	r;

	for (r = 0; r < p.n; r++)
	{
		memcpy(p.row + (size_t) r * 8, p.row, 8 * sizeof(float));
		if (r % 3 == 1)
			p.row[(size_t) r * 8 + r % 8] = nextafterf(p.row[r % 8], r % 2 ? 9 : -9);
		if (r % 7 == 2)
			for (int f = 0; f < 8; f++)
				p.row[(size_t) r * 8 + f] *= 2;
	}
	check_all(&p, x);
	free(x);
	free_problem(&p);
}

/* what single precision cannot hold, and what has no cosine */
static void
test_extremes(void)
{
	static const float scales[] = {0, 1e-30f, 1e-20f, 1e-12f, 1, 1e12f, 1e25f, 1e37f, INFINITY, NAN};
	Problem		p = make_problem(1500, 5, 5);
	float	   *x = random_floats(5);
	float		scaled[5];
	uint32_t	r;
	int			s;
	int			f;

	for (r = 0; r < p.n; r++)
		for (f = 0; f < 5; f++)
			p.row[(size_t) r * 5 + f] *= scales[r % 10];
	for (s = 0; s < 10; s++)
	{
		for (f = 0; f < 5; f++)
			scaled[f] = x[f] * scales[s];
		check_all(&p, scaled);
	}
	free(x);
	free_problem(&p);
}

static void
test_all(void)
{
	test_shapes();
	test_ties();
	test_extremes();
}

int
main(void)
{
	at_every_level(test_all);
	return finish("cosine");
}
