/*-------------------------------------------------------------------------
 *
 * test_rating.c
 *	  Which of a user's ratings count, against naive code.
 *
 *-------------------------------------------------------------------------
 */
#include "rating.h"
#include "test.h"

/* Few items, times and values, so that there are ties of every kind. */
static int
make_ratings(RsRating *out, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		out[i].item = random_below(12);
		out[i].time = (int64_t) random_below(5) - 2;
		out[i].value = (float) random_below(5) - 1;
	}
	return n;
}

/* Whether another rating of the item comes after this one. */
static bool
replaced(const RsRating *all, int n, int i)
{
	int			j;

	for (j = 0; j < n; j++)
		if (all[j].item == all[i].item &&
			(all[j].time > all[i].time ||
			 (all[j].time == all[i].time && all[j].value > all[i].value)))
			return true;
	return false;
}

static void
test_newest(void)
{
	RsRating	all[40];
	RsRating	kept[40];
	int			round;

	for (round = 0; round < 500; round++)
	{
		int			n = make_ratings(all, random_below(40));
		int			limit = 1 + random_below(12);
		int			found;
		int			recent;
		int			i;
		int			j;
		bool		good = true;

		memcpy(kept, all, n * sizeof(RsRating));
		found = rs_newest_ratings(kept, n);
		for (i = 1; i < found; i++)
			good &= kept[i - 1].item < kept[i].item;
		for (i = 0; i < n; i++)
			for (j = 0; j < found && !replaced(all, n, i); j++)
				if (kept[j].item == all[i].item)
					good &= kept[j].value == all[i].value && kept[j].time == all[i].time;
		CHECK(good);

		memcpy(all, kept, found * sizeof(RsRating));
		recent = rs_recent_ratings(kept, found, limit);
		good = recent == (found < limit ? found : limit);
		for (i = 1; i < recent; i++)
			good &= kept[i - 1].item < kept[i].item;
		for (i = 0; i < recent; i++)
		{
			int			before = 0;

			for (j = 0; j < found; j++)
				before += all[j].time > kept[i].time ||
					(all[j].time == kept[i].time && all[j].item < kept[i].item);
			good &= before < limit;
		}
		CHECK(good);
	}
}

/* Values go with their events, in an order that the input's does not change. */
static void
test_sort(void)
{
	RsQuantified a[30];
	RsQuantified b[30];
	int			round;
	int			i;

	for (round = 0; round < 200; round++)
	{
		bool		good = true;

		for (i = 0; i < 30; i++)
		{
			a[i].event = rs_event(random_below(3), random_below(4), (float) random_below(2), RS_OWNED);
			a[i].quantity = (float) random_below(3);
			b[29 - i] = a[i];
		}
		rs_sort_rated(a, 30);
		rs_sort_rated(b, 30);
		for (i = 0; i < 30; i++)
		{
			good &= !rs_event_before(&a[i].event, &b[i].event) &&
				!rs_event_before(&b[i].event, &a[i].event) && a[i].quantity == b[i].quantity;
			good &= i == 0 || !rs_event_before(&a[i].event, &a[i - 1].event);
		}
		CHECK(good);
	}
}

int
main(void)
{
	test_newest();
	test_sort();
	return finish("rating");
}
