/*-------------------------------------------------------------------------
 *
 * test_bots.c
 *	  Activity of a user and the threshold of what is out of proportion.
 *
 *-------------------------------------------------------------------------
 */
#include "bots.h"
#include "test.h"

#define HOUR INT64_C(3600000000)
#define DAY INT64_C(86400000000)

/* One user's activity; the events are sorted first. */
static RsActivity
activity(RsEvent *e, int n)
{
	RsActivity	a;
	uint32_t   *scratch = make_room(n, sizeof(uint32_t));

	rs_sort_events(e, n);
	rs_activity(e, n, scratch, &a);
	free(scratch);
	return a;
}

/* Windows, days and their borders; before the epoch; no time at all. */
static void
test_hand(void)
{
	RsEvent		e[] = {
		E(0, 1, 1, 0), E(HOUR - 1, 2, 1, 0), E(HOUR, 3, 1, 0),
		E(DAY - 1, 1, 1, 0), E(DAY, 9, 1, 0)
	};
	RsEvent		before[] = {
		E(-1, 1, 1, 0), E(-DAY, 2, 1, 0), E(-DAY - 1, 3, 1, 0), E(0, 4, 1, 0),
		E(-DAY, 2, 1, 0)
	};
	RsEvent		untimed[] = {
		E(0, 4, 1, 0), E(0, 4, 1, 0), E(0, 2, 1, 0), E(0, 4, 2, 0)
	};
	RsEvent		ends[] = {E(INT64_MIN, 1, 1, 0), E(INT64_MAX, 2, 1, 0)};
	RsActivity	a;

	/* the hour excludes its end: 0 and HOUR - 1, or HOUR - 1 and HOUR */
	a = activity(e, 5);
	CHECK(a.rate == 2 && a.breadth == 3);
	a = activity(e, 1);
	CHECK(a.rate == 1 && a.breadth == 1);
	a = activity(e, 0);
	CHECK(a.rate == 0 && a.breadth == 0);
	a = activity(before, 5);
	CHECK(a.rate == 3 && a.breadth == 2);
	a = activity(untimed, 4);
	CHECK(a.rate == 4 && a.breadth == 2);
	a = activity(ends, 2);
	CHECK(a.rate == 1 && a.breadth == 1);
}

/* Against counting from every event. */
static void
test_random(void)
{
	int			round;

	for (round = 0; round < 500; round++)
	{
		RsEvent		e[80];
		int			n = random_below(80);
		int			span = 1 + random_below(100);
		int			rate = 0;
		int			breadth = 0;
		RsActivity	a;
		int			i;
		int			j;
		int			k;

		for (i = 0; i < n; i++)
		{
			int64_t		time = (random_below(2 * span) - span) * (HOUR / 4);

			e[i] = rs_event(time, random_below(20), 0, 0);
		}
		a = activity(e, n);
		for (i = 0; i < n; i++)
		{
			int			in_hour = 0;
			int			on_day = 0;
			int64_t		day = (int64_t) floor((double) e[i].time / DAY);

			for (j = 0; j < n; j++)
			{
				bool		first = true;

				in_hour += e[j].time >= e[i].time &&
					e[j].time - e[i].time < HOUR;
				if ((int64_t) floor((double) e[j].time / DAY) != day)
					continue;
				for (k = 0; k < j; k++)
					first &= rs_event_item(&e[k]) != rs_event_item(&e[j]) ||
						(int64_t) floor((double) e[k].time / DAY) != day;
				on_day += first;
			}
			rate = in_hour > rate ? in_hour : rate;
			breadth = on_day > breadth ? on_day : breadth;
		}
		CHECK(a.rate == rate && a.breadth == breadth);
	}
}

/* Few values, equal ones, a known spread, odd ones. */
static void
test_threshold(void)
{
	double		x[101];
	int			i;

	for (i = 0; i < 101; i++)
		x[i] = 8;
	CHECK(rs_outlier_threshold(x, 19, 3) == INFINITY);
	CHECK(rs_outlier_threshold(x, 0, 3) == INFINITY);
	/* equal users: 8 times 2 at z = 3 */
	CHECK(near(rs_outlier_threshold(x, 20, 3), 16, 1e-12));

	/* logarithms -50 .. 50: median 0, deviation 25 */
	for (i = 0; i < 101; i++)
		x[i] = exp(.1 * ((i * 37) % 101 - 50));
	CHECK(near(log(rs_outlier_threshold(x, 101, 2)), 2 * 1.4826 * 2.5, 1e-12));

	/* one robot among ordinary users is above, they are not */
	for (i = 0; i < 101; i++)
		x[i] = 1 + i % 10;
	x[50] = 1e6;
	CHECK(rs_outlier_threshold(x, 101, 4) < 1e6);
	for (i = 0; i < 101; i++)
		x[i] = 1 + i % 10;
	CHECK(rs_outlier_threshold(x, 101, 4) > 10);

	for (i = 0; i < 101; i++)
		x[i] = i % 3 == 0 ? 0 : (i % 3 == 1 ? INFINITY : NAN);
	CHECK(!isnan(rs_outlier_threshold(x, 101, 4)));
}

/* All of the above. */
int
main(void)
{
	test_hand();
	test_random();
	test_threshold();
	return finish("bots");
}
