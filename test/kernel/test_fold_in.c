/*-------------------------------------------------------------------------
 *
 * test_fold_in.c
 *	  Vectors of users by every kind of factors, against the row solves.
 *
 *-------------------------------------------------------------------------
 */
#include "fold_in.h"
#include "score.h"
#include "simd.h"
#include "test.h"

#define FACTORS	9
#define ITEMS	40

static float factor[ITEMS * FACTORS];
static float bias[ITEMS];
static float row[ITEMS * (FACTORS + 2)];
static float gram[FACTORS * FACTORS];

static RsFoldIn
make_fold(RsFactorKind kind)
{
	RsFoldIn	m = {0};
	double		sums[FACTORS * FACTORS];
	int			i;

	m.kind = kind;
	m.factors = FACTORS;
	m.width = rs_row_width(kind, FACTORS);
	m.nitems = ITEMS;
	m.alpha0 = .1;
	m.lambda = .2;
	m.nu = .7;
	m.rating.factors = FACTORS;
	m.rating.lambda = .2;
	m.rating.nu = .7;
	m.rating.bias_lambda = 3;
	m.rating.mu = 3.5;
	m.rating.scale = .9;
	for (i = 0; i < ITEMS * FACTORS; i++)
		factor[i] = (float) random_uniform() - .5f;
	for (i = 0; i < ITEMS; i++)
	{
		bias[i] = (float) random_uniform() - .5f;
		rs_join_row(kind, FACTORS, factor + i * FACTORS, bias[i], row + i * m.width);
	}
	rs_gram(factor, ITEMS, FACTORS, sums);
	for (i = 0; i < FACTORS * FACTORS; i++)
		gram[i] = (float) sums[i];
	m.row = row;
	m.gram = kind == RS_KIND_RATING ? NULL : gram;
	return m;
}

/* The row solve itself, and its score of an item. */
static double
expected(const RsFoldIn *m, int n, const uint32_t *col, const float *value,
		 uint32_t item)
{
	float	   *work = make_room(rs_als_workspace(FACTORS) +
								 rs_explicit_workspace(FACTORS), sizeof(float));
	RsExplicitSide items = {factor, bias};
	float		x[FACTORS];
	float		own;
	double		score;

	if (m->kind == RS_KIND_RATING)
	{
		CHECK(rs_explicit_row(&m->rating, n, col, value, &items, work, x, &own) == 0);
		score = rs_explicit_predict(&m->rating, x, own, &items, item);
	}
	else
	{
		CHECK(rs_als_row(FACTORS, gram, (float) m->alpha0,
						 (float) rs_als_ridge(m->lambda, m->nu, m->alpha0, n, ITEMS),
						 n, col, value, factor, work, x) == 0);
		score = rs_simd->dot_wide(x, factor + item * FACTORS, FACTORS) +
			(m->kind == RS_KIND_BIASED ? bias[item] : 0);
	}
	free(work);
	return score;
}

static void
test_kinds(void)
{
	int			kind;
	int			round;

	for (kind = RS_KIND_IMPLICIT; kind <= RS_KIND_RATING; kind++)
		for (round = 0; round < 50; round++)
		{
			RsFoldIn	m = make_fold((RsFactorKind) kind);
			int			n = random_below(20);
			void	   *work = make_room(rs_fold_in_workspace(FACTORS, n), 1);
			float		x[FACTORS + 2];
			float		score[ITEMS];
			uint32_t	col[20];
			float		value[20];
			int			i;

			for (i = 0; i < n; i++)
			{
				col[i] = 2 * i + random_below(2);
				value[i] = 1 + (float) random_below(5);
			}
			CHECK(rs_fold_in(&m, n, col, value, work, x) == (n > 0));
			rs_factor_scores(row, ITEMS, m.width, x, score);
			for (i = 0; i < ITEMS; i++)
				CHECK(near(score[i], n > 0 ? expected(&m, n, col, value, i) : 0, 1e-5));
			free(work);
		}
}

/* Where there is no solution the user is as good as unknown. */
static void
test_singular(void)
{
	RsFoldIn	m = make_fold(RS_KIND_RATING);
	void	   *work = make_room(rs_fold_in_workspace(FACTORS, 2), 1);
	float		x[FACTORS + 2];
	uint32_t	col[] = {3, 5};
	float		value[] = {1, 5};
	bool		zero = true;
	int			i;

	m.rating.lambda = 0;
	CHECK(!rs_fold_in(&m, 2, col, value, work, x));
	for (i = 0; i < FACTORS + 2; i++)
		zero &= x[i] == 0;
	CHECK(zero);
	free(work);
}

static void
test_all(void)
{
	test_kinds();
	test_singular();
}

int
main(void)
{
	at_every_level(test_all);
	return finish("fold_in");
}
