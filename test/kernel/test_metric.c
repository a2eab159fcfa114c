/*-------------------------------------------------------------------------
 *
 * test_metric.c
 *	  Ranking metrics by hand and their bounds on random lists.
 *
 *-------------------------------------------------------------------------
 */
#include "metric.h"
#include "test.h"

#define NEAR(a, b) CHECK(near(a, b, 1e-12))

/* Hits at places 1 and 3 of 4, three relevant, at several k. */
static void
test_hand(void)
{
	static const bool hit[] = {true, false, true, false};
	double		third = 1 / log2(4);
	RsMetrics	m;

	rs_metrics(hit, 4, 3, 4, &m);
	NEAR(m.precision, .5);
	NEAR(m.recall, 2 / 3.0);
	NEAR(m.capped_recall, 2 / 3.0);
	NEAR(m.ndcg, (1 + third) / (1 + 1 / log2(3) + third));
	NEAR(m.average_precision, (1 + 2 / 3.0) / 3);
	NEAR(m.reciprocal_rank, 1);
	NEAR(m.hit, 1);

	rs_metrics(hit, 4, 3, 2, &m);
	NEAR(m.precision, .5);
	NEAR(m.recall, 1 / 3.0);
	NEAR(m.capped_recall, .5);
	NEAR(m.ndcg, 1 / (1 + 1 / log2(3)));
	NEAR(m.average_precision, .5);

	/* the list is shorter than k */
	rs_metrics(hit, 4, 3, 10, &m);
	NEAR(m.precision, .2);
	NEAR(m.recall, 2 / 3.0);

	rs_metrics(hit + 1, 2, 5, 2, &m);
	NEAR(m.reciprocal_rank, .5);
	NEAR(m.recall, .2);
	NEAR(m.capped_recall, .5);
	NEAR(m.average_precision, .25);
}

/* Nothing found, nothing shown, nothing asked. */
static void
test_edges(void)
{
	static const bool hit[] = {false, true};
	RsMetrics	m;

	rs_metrics(hit, 1, 1, 1, &m);
	CHECK(m.precision == 0 && m.recall == 0 && m.ndcg == 0 && m.hit == 0);
	CHECK(m.reciprocal_rank == 0 && m.average_precision == 0);
	rs_metrics(hit, 0, 1, 5, &m);
	CHECK(m.precision == 0 && m.recall == 0 && m.ndcg == 0 && m.hit == 0);
	rs_metrics(hit, 2, 0, 5, &m);
	CHECK(m.precision == 0 && m.recall == 0 && m.ndcg == 0);
	rs_metrics(hit, 2, 1, 0, &m);
	CHECK(m.precision == 0 && m.recall == 0 && m.ndcg == 0);
	rs_metrics(hit + 1, 1, 1, 1, &m);
	CHECK(m.precision == 1 && m.recall == 1 && m.capped_recall == 1);
	CHECK(m.ndcg == 1 && m.average_precision == 1 && m.reciprocal_rank == 1);
}

/* Everything lies in [0, 1], and a perfect list has 1. */
static void
test_random(void)
{
	int			round;

	for (round = 0; round < 500; round++)
	{
		bool		hit[60];
		int			n = random_below(60);
		int			k = 1 + random_below(60);
		int			relevant = 1 + random_below(10);
		int			hits = 0;
		RsMetrics	m;
		int			i;

		for (i = 0; i < n; i++)
		{
			hit[i] = hits < relevant && random_below(4) == 0;
			hits += hit[i];
		}
		rs_metrics(hit, n, relevant, k, &m);
		CHECK(m.precision >= 0 && m.precision <= 1);
		CHECK(m.recall >= 0 && m.recall <= m.capped_recall);
		CHECK(m.capped_recall <= 1 && m.ndcg >= 0 && m.ndcg <= 1 + 1e-12);
		CHECK(m.average_precision <= m.capped_recall + 1e-12);
		CHECK((m.hit == 1) == (m.reciprocal_rank > 0));

		for (i = 0; i < 60; i++)
			hit[i] = i < relevant;
		rs_metrics(hit, 60, relevant, k, &m);
		NEAR(m.ndcg, 1);
		NEAR(m.average_precision, 1);
		NEAR(m.capped_recall, 1);
	}
}

/* All of the above. */
int
main(void)
{
	test_hand();
	test_edges();
	test_random();
	return finish("metric");
}
