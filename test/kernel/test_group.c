/*-------------------------------------------------------------------------
 *
 * test_group.c
 *	  Grouping by user: nothing lost, users ascend, whatever the numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "group.h"
#include "test.h"

/* Groups n random elements of nusers users and checks what came out. */
static void
check_group(size_t n, uint32_t nusers, bool with_quantity)
{
	RsEvent    *event = make_room(n, sizeof(RsEvent));
	uint32_t   *user = make_room(n, sizeof(uint32_t));
	float	   *quantity = make_room(n, sizeof(float));
	uint64_t   *start = make_room((size_t) nusers + 1, sizeof(uint64_t));
	bool	   *seen = make_room(n, sizeof(bool));
	bool		sorted = true;
	bool		whole = true;
	size_t		i;
	uint32_t	u;

	/* each element carries its number in time, and its user in the weight */
	for (i = 0; i < n; i++)
	{
		user[i] = (uint32_t) (random_bits() % nusers);
		event[i] = rs_event((int64_t) i, user[i] % RS_MOST_ITEMS, (float) (user[i] % 1000), 0);
		quantity[i] = (float) (i % 1000);
		seen[i] = false;
	}
	rs_group_by_user(event, user, with_quantity ? quantity : NULL, n, nusers);
	for (i = 0; i < n; i++)
	{
		sorted &= i == 0 || user[i - 1] <= user[i];
		whole &= !seen[event[i].time] && rs_event_item(&event[i]) == user[i] % RS_MOST_ITEMS &&
			event[i].weight == (float) (user[i] % 1000) &&
			quantity[i] == (float) ((with_quantity ? (size_t) event[i].time : i) % 1000);
		seen[event[i].time] = true;
	}
	CHECK(sorted);
	CHECK(whole);

	rs_group_starts(user, n, nusers, start);
	whole = start[0] == 0 && start[nusers] == n;
	for (u = 0; u < nusers; u++)
		for (i = start[u]; i < start[u + 1]; i++)
			whole &= user[i] == u;
	CHECK(whole);
	free(event);
	free(user);
	free(quantity);
	free(start);
	free(seen);
}

/* Sizes and numbers of users around the borders of a byte. */
static void
test_sizes(void)
{
	static const uint32_t users[] = {1, 2, 255, 256, 257, 1000, 65536, 65537, 200000};
	static const size_t sizes[] = {0, 1, 2, 24, 25, 300, 5000, 100000};
	int			i;
	int			j;

	for (i = 0; i < (int) (sizeof(users) / sizeof(users[0])); i++)
		for (j = 0; j < (int) (sizeof(sizes) / sizeof(sizes[0])); j++)
			check_group(sizes[j], users[i], (i + j) % 2 == 0);
}

/* All of the above. */
int
main(void)
{
	test_sizes();
	return finish("group");
}
