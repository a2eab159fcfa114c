/*-------------------------------------------------------------------------
 *
 * test_select.c
 *	  The largest keys against a full sort.
 *
 *-------------------------------------------------------------------------
 */
#include "select.h"
#include "test.h"
#include "topk.h"

/* larger first */
static int
compare(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return x > y ? -1 : x < y;
}

/* n keys, which are lost, for several k. */
static void
check_keys(const uint64_t *key, uint32_t n)
{
	const uint32_t ks[] = {0, 1, 2, 10, 25, 200, n / 2, n > 0 ? n - 1 : 0, n, n + 7};
	uint64_t   *sorted = make_room(n, sizeof(uint64_t));
	size_t		i;

	memcpy(sorted, key, n * sizeof(uint64_t));
	qsort(sorted, n, sizeof(uint64_t), compare);
	for (i = 0; i < sizeof(ks) / sizeof(ks[0]); i++)
	{
		uint32_t	expected = ks[i] < n ? ks[i] : n;
		uint64_t   *mine = make_room(n, sizeof(uint64_t));
		uint64_t   *scratch = make_room(expected, sizeof(uint64_t));

		memcpy(mine, key, n * sizeof(uint64_t));
		CHECK(rs_select(mine, n, ks[i], scratch) == expected);
		CHECK(memcmp(mine, sorted, expected * sizeof(uint64_t)) == 0);
		free(scratch);
		free(mine);
	}
	free(sorted);
}

/* Keys of every shape: spread, in clusters, scores with many ties, extremes. */
static void
test_random(void)
{
	static const uint32_t lengths[] = {0, 1, 2, 24, 25, 100, 5000};
	uint64_t	key[5000];
	size_t		l;
	uint32_t	i;

	for (l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
	{
		uint32_t	n = lengths[l];

		for (i = 0; i < n; i++)
			key[i] = random_bits() << 13 | i;
		check_keys(key, n);
		for (i = 0; i < n; i++)
			key[i] = rs_key((float) random_below(4), (i * 7919) % 5003);
		check_keys(key, n);
		for (i = 0; i < n; i++)
			key[i] = rs_key(1 / (float) (1 + random_below(300)), i);
		check_keys(key, n);
		for (i = 0; i < n; i++)
			key[i] = i % 2 ? UINT64_MAX - i : i;
		check_keys(key, n);
		for (i = 0; i < n; i++)
			key[i] = i < 60 ? (uint64_t) 1 << i : UINT64_MAX - i;
		check_keys(key, n);
	}
}

/* A key's order is that of topk.h, and it gives back what went in. */
static void
test_key(void)
{
	RsScored	best[100];
	uint64_t	key[1000];
	uint64_t	scratch[100];
	RsTopK		top;
	uint32_t	i;
	bool		same = true;

	rs_topk_init(&top, best, 100);
	for (i = 0; i < 1000; i++)
	{
		float		score = (float) random_below(50) / 7;

		key[i] = rs_key(score, i);
		rs_topk_add(&top, score, i);
		same &= rs_key_score(key[i]) == score && rs_key_id(key[i]) == i;
	}
	CHECK(same);
	CHECK(rs_topk_finish(&top) == 100 && rs_select(key, 1000, 100, scratch) == 100);
	for (i = 0; i < 100; i++)
		same &= rs_key_score(key[i]) == best[i].score && rs_key_id(key[i]) == best[i].id;
	CHECK(same);
	CHECK(rs_key(0, 5) < rs_key(0, 4) && rs_key(0, 0) < rs_key(1e-44f, UINT32_MAX));
	CHECK(rs_key(INFINITY, 0) > rs_key(3e38f, 0));
}

/* All of the above. */
int
main(void)
{
	test_random();
	test_key();
	return finish("select");
}
