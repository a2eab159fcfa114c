/*-------------------------------------------------------------------------
 *
 * test_topk.c
 *	  The k best against a full sort.
 *
 *-------------------------------------------------------------------------
 */
#include "topk.h"
#include "test.h"

/* score descending, id ascending */
static int
compare(const void *a, const void *b)
{
	const RsScored *x = a;
	const RsScored *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Both ways of selecting against sorting everything. */
static void
check_random(uint32_t n, int k, int distinct)
{
	float	   *score = make_room(n, sizeof(float));
	RsScored   *all = make_room(n, sizeof(RsScored));
	RsScored   *out = make_room(k, sizeof(RsScored));
	RsScored   *heap = make_room(k, sizeof(RsScored));
	RsTopK		t;
	int			expected = 0;
	int			i;
	bool		same = true;

	for (i = 0; i < (int) n; i++)
	{
		int			what = random_below(20);

		score[i] = (float) (random_below(distinct) - distinct / 2);
		if (what == 0)
			score[i] = NAN;
		else if (what == 1)
			score[i] = -INFINITY;
		else if (what == 2)
			score[i] = INFINITY;
		if (score[i] > -INFINITY)
		{
			all[expected].score = score[i];
			all[expected++].id = i;
		}
	}
	qsort(all, expected, sizeof(RsScored), compare);

	rs_topk_init(&t, heap, k);
	for (i = (int) n - 1; i >= 0; i--)
		if (!(score[i] == -INFINITY))
			rs_topk_add(&t, score[i], i);
	if (expected > k)
		expected = k;
	CHECK(rs_topk_float(score, n, k, out) == expected);
	CHECK(rs_topk_finish(&t) == expected);
	for (i = 0; i < expected; i++)
	{
		same &= out[i].id == all[i].id && out[i].score == all[i].score;
		same &= heap[i].id == all[i].id && heap[i].score == all[i].score;
	}
	CHECK(same);
	free(score);
	free(all);
	free(out);
	free(heap);
}

/* Ties by id, whatever the order of arrival; NaN and -infinity. */
static void
test_hand(void)
{
	static const float score[] = {1, NAN, 3, 3, -INFINITY, 2};
	RsScored	out[6];
	RsTopK		t;

	CHECK(rs_topk_float(score, 6, 3, out) == 3);
	CHECK(out[0].id == 2 && out[1].id == 3 && out[2].id == 5);
	CHECK(rs_topk_float(score, 6, 6, out) == 4);
	CHECK(out[3].id == 0 && out[3].score == 1);
	CHECK(rs_topk_float(score, 0, 6, out) == 0);
	CHECK(rs_topk_float(score, 6, 0, out) == 0);
	CHECK(rs_topk_float(score, 6, -1, out) == 0);
	CHECK(rs_topk_float(score + 1, 1, 1, out) == 0);

	rs_topk_init(&t, out, 2);
	rs_topk_add(&t, 5, 9);
	rs_topk_add(&t, 5, 7);
	rs_topk_add(&t, 5, 8);
	rs_topk_add(&t, NAN, 1);
	rs_topk_add(&t, -INFINITY, 2);
	CHECK(rs_topk_finish(&t) == 2);
	CHECK(out[0].id == 7 && out[1].id == 8);

	rs_topk_init(&t, out, 2);
	rs_topk_add(&t, -INFINITY, 2);
	CHECK(rs_topk_finish(&t) == 1 && out[0].id == 2);
	rs_topk_init(&t, out, 0);
	rs_topk_add(&t, 1, 2);
	CHECK(rs_topk_finish(&t) == 0);
}

/* All of the above. */
int
main(void)
{
	static const int size[] = {1, 2, 31, 32, 33, 64, 100, 1000, 5000};
	static const int keep[] = {1, 2, 3, 10, 50, 200, 6000};
	int			i;
	int			j;

	test_hand();
	for (i = 0; i < 9; i++)
		for (j = 0; j < 7; j++)
		{
			check_random(size[i], keep[j], 3);
			check_random(size[i], keep[j], 100000);
		}
	return finish("topk");
}
