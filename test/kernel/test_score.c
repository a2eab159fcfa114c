/*-------------------------------------------------------------------------
 *
 * test_score.c
 *	  Evidence of the parts and their blend.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "score.h"
#include "simd.h"
#include "test.h"

#define SHARE ((double) RS_POPULARITY_SHARE)
#define OWN (1 - SHARE)

/* Items 0 and 2 in the history; item 1 is a neighbour of both. */
static void
test_neighbors(void)
{
	static const uint64_t start[] = {0, 2, 2, 3};
	static const RsNeighbor neighbor[] = {
		{1, 3, .5f}, {2, 1, .25f}, {1, 2, .125f}
	};
	static const uint32_t item[] = {0, 2};
	static const float weight[] = {2, 4};
	float		out[3] = {0};

	rs_neighbor_scores(start, neighbor, 2, item, weight, out);
	CHECK(out[0] == 0 && out[1] == 1.5 && out[2] == .5);
	rs_neighbor_scores(start, neighbor, 0, item, weight, out);
	CHECK(out[0] == 0 && out[1] == 1.5 && out[2] == .5);
}

/* Products with every number of factors. */
static void
test_factors(void)
{
	int			factors;

	for (factors = 1; factors <= 130; factors++)
	{
		float	   *y = random_floats((size_t) 9 * factors);
		float	   *x = random_floats(factors);
		float		out[9];
		bool		same = true;
		int			i;
		int			k;

		rs_factor_scores(y, 9, factors, x, out);
		for (i = 0; i < 9; i++)
		{
			double		s = 0;

			for (k = 0; k < factors; k++)
				s += (double) x[k] * y[i * factors + k];
			same &= near(out[i], s, 1e-5);
		}
		CHECK(same);
		free(x);
		free(y);
	}
	rs_factor_scores(NULL, 0, 5, NULL, NULL);
}

/* Both parts, one part, none; hidden items; a part without evidence. */
static void
test_blend(void)
{
	static const float n[] = {2, 1, 0, 8};
	static const float f[] = {-1, 4, 2, 9};
	static const float p[] = {.5f, 1, .25f, 0};
	static const float none[] = {0, -3, 0, -1};
	static const bool hidden[] = {false, false, false, true};
	float		s[4];
	int			i;

	rs_blend(n, f, p, hidden, 4, .75, s);
	CHECK(near(s[0], OWN * (.75 - .25 / 4) + SHARE / 2, 1e-7));
	CHECK(near(s[1], OWN * (.75 / 2 + .25) + SHARE, 1e-7));
	CHECK(near(s[2], OWN * (.25 / 2) + SHARE / 4, 1e-7));
	CHECK(s[3] == -INFINITY);
	rs_blend(n, f, p, NULL, 4, .75, s);
	CHECK(near(s[3], OWN, 1e-7));

	rs_blend(n, NULL, p, hidden, 4, .1, s);
	CHECK(near(s[0], OWN * (1) + SHARE / 2, 1e-7) && near(s[1], OWN * (.5) + SHARE, 1e-7));
	rs_blend(NULL, f, p, hidden, 4, .9, s);
	CHECK(near(s[0], OWN * (-.25) + SHARE / 2, 1e-7) && near(s[1], OWN * (1) + SHARE, 1e-7));
	rs_blend(none, f, p, hidden, 4, 1, s);
	CHECK(near(s[0], OWN * (-.25) + SHARE / 2, 1e-7) && near(s[1], OWN * (1) + SHARE, 1e-7));
	rs_blend(n, none, p, hidden, 4, 0, s);
	CHECK(near(s[0], OWN * (1) + SHARE / 2, 1e-7) && near(s[1], OWN * (.5) + SHARE, 1e-7));

	for (i = 0; i < 2; i++)
	{
		rs_blend(i ? none : NULL, i ? none : NULL, p, hidden, 4, .5, s);
		CHECK(s[0] == .5 && s[1] == 1 && s[2] == .25 && s[3] == -INFINITY);
	}

	/* the only positive evidence is hidden */
	rs_blend((const float[]) {0, 0, 0, 5}, NULL, p, hidden, 4, .5, s);
	CHECK(s[0] == .5 && s[1] == 1 && s[2] == .25 && s[3] == -INFINITY);
	rs_blend(n, f, p, hidden, 0, .5, s);
}

/* The result may replace either part. */
static void
test_alias(void)
{
	float	   *n = random_floats(100);
	float	   *f = random_floats(100);
	float	   *p = random_floats(100);
	float		s[100];
	float		t[100];

	rs_blend(n, f, p, NULL, 100, .3, s);
	memcpy(t, f, sizeof(t));
	rs_blend(n, t, p, NULL, 100, .3, t);
	CHECK(memcmp(s, t, sizeof(s)) == 0);
	memcpy(t, n, sizeof(t));
	rs_blend(t, f, p, NULL, 100, .3, t);
	CHECK(memcmp(s, t, sizeof(s)) == 0);
	rs_blend(NULL, f, p, NULL, 100, .3, s);
	memcpy(t, f, sizeof(t));
	rs_blend(NULL, t, p, NULL, 100, .3, t);
	CHECK(memcmp(s, t, sizeof(s)) == 0);
	free(n);
	free(f);
	free(p);
}

/* Finite for whatever is finite. */
static void
test_extremes(void)
{
	static const float v[] = {
		FLT_MAX, -FLT_MAX, 1e-45f, -1e-45f, FLT_MIN, 0, 1
	};
	float		p[2] = {1, 0};
	int			i;

	for (i = 0; i < 7 * 7 * 7 * 7; i++)
	{
		float		n[2] = {v[i % 7], v[i / 7 % 7]};
		float		f[2] = {v[i / 49 % 7], v[i / 343]};
		float		s[2];

		rs_blend(n, f, p, NULL, 2, .5, s);
		CHECK(isfinite(s[0]) && isfinite(s[1]));
	}
}

/* All of the above. */
int
main(void)
{
	test_neighbors();
	at_every_level(test_factors);
	test_blend();
	test_alias();
	test_extremes();
	return finish("score");
}
