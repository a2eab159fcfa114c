/*-------------------------------------------------------------------------
 *
 * test_history.c
 *	  The newest positives of a history, by hand and on random histories.
 *
 *-------------------------------------------------------------------------
 */
#include "history.h"
#include "test.h"

#define BOTH (RS_POSITIVE | RS_OWNED)

/* Are these the items of the first n events? */
static bool
items_are(const RsEvent *events, int n, const uint32_t *items)
{
	int			i;

	for (i = 0; i < n; i++)
		if (rs_event_item(&events[i]) != items[i])
			return false;
	return true;
}

/* What is not positive, or has no weight, is left out; the rest as it was. */
static void
test_positive(void)
{
	static const RsEvent source[] = {
		E(40, 1, 1, RS_POSITIVE), E(50, 2, 1, RS_OWNED), E(10, 3, .5, BOTH),
		E(60, 4, 1, 0), E(70, 5, 0, RS_POSITIVE), E(80, 6, -1, RS_POSITIVE),
		E(90, 7, NAN, RS_POSITIVE), E(-5, 9, 2, RS_POSITIVE)
	};
	static const uint32_t kept[] = {1, 3, 9};
	RsEvent		e[8];

	memcpy(e, source, sizeof(source));
	CHECK(rs_newest_positive(e, 8, 100) == 3);
	CHECK(items_are(e, 3, kept));
	CHECK(e[1].time == 10 && e[1].weight == .5f && rs_event_flags(&e[1]) == BOTH);
	memcpy(e, source, sizeof(source));
	CHECK(rs_newest_positive(e, 8, 3) == 3 && items_are(e, 3, kept));

	/* none is left, or none was there */
	memcpy(e, source + 3, 4 * sizeof(RsEvent));
	CHECK(rs_newest_positive(e, 4, 10) == 0);
	CHECK(rs_newest_positive(e, 0, 10) == 0);
	CHECK(rs_newest_positive(NULL, 0, 10) == 0);
}

/* The limit takes the newest, and what is not positive takes no place. */
static void
test_limit(void)
{
	static const RsEvent source[] = {
		E(30, 1, 1, RS_POSITIVE), E(99, 2, 1, RS_OWNED), E(50, 3, 1, RS_POSITIVE),
		E(10, 4, 1, RS_POSITIVE), E(40, 5, 1, BOTH)
	};
	static const uint32_t three[] = {1, 3, 5};
	static const uint32_t two[] = {3, 5};
	RsEvent		e[5];

	memcpy(e, source, sizeof(source));
	CHECK(rs_newest_positive(e, 5, 3) == 3 && items_are(e, 3, three));
	memcpy(e, source, sizeof(source));
	CHECK(rs_newest_positive(e, 5, 2) == 2 && items_are(e, 2, two));
	memcpy(e, source, sizeof(source));
	CHECK(rs_newest_positive(e, 5, 1) == 1 && rs_event_item(&e[0]) == 3);
	memcpy(e, source, sizeof(source));
	CHECK(rs_newest_positive(e, 5, 0) == 0);
}

/* Ties in time go to the smaller item; there may be no time at all. */
static void
test_ties(void)
{
	static const uint32_t first[] = {2, 3, 8};
	RsEvent		e[] = {
		E(7, 2, 1, 1), E(7, 3, 1, 1), E(7, 4, 1, 1), E(7, 5, 1, 1), E(9, 8, 1, 1)
	};
	RsEvent		timeless[] = {E(0, 2, 1, 1), E(0, 3, 1, 1), E(0, 8, 1, 1), E(0, 9, 1, 1)};
	RsEvent		ends[] = {E(INT64_MIN, 1, 1, 1), E(INT64_MAX, 2, 1, 1), E(0, 3, 1, 1)};

	CHECK(rs_newest_positive(e, 5, 3) == 3 && items_are(e, 3, first));
	CHECK(rs_newest_positive(timeless, 4, 3) == 3 && items_are(timeless, 3, first));
	CHECK(rs_newest_positive(ends, 3, 2) == 2 && items_are(ends, 2, first));
}

/* Is one of this history's events kept, by the definition? */
static bool
wanted(const RsEvent *events, int n, int at, int limit)
{
	int			newer = 0;
	int			i;

	if (!(rs_event_flags(&events[at]) & RS_POSITIVE) || events[at].weight <= 0)
		return false;
	for (i = 0; i < n; i++)
		newer += (rs_event_flags(&events[i]) & RS_POSITIVE) && events[i].weight > 0 &&
			(events[i].time > events[at].time ||
			 (events[i].time == events[at].time && i < at));
	return newer < limit;
}

/* Histories with many ties, at every limit. */
static void
test_random(void)
{
	int			round;

	for (round = 0; round < 3000; round++)
	{
		RsEvent		source[40];
		int			n = random_below(41);
		int			limit = random_below(45);
		RsEvent    *e = make_room(n, sizeof(RsEvent));
		int			kept;
		int			at = 0;
		bool		same = true;
		int			i;

		for (i = 0; i < n; i++)
		{
			int64_t		time = random_below(12) - 3;
			uint32_t	item = 3 * i + random_below(3);
			float		weight = (float) random_below(4) - 1;

			source[i] = rs_event(time, item, weight, random_below(4));
		}
		memcpy(e, source, sizeof(RsEvent) * n);
		kept = rs_newest_positive(e, n, limit);
		for (i = 0; i < n; i++)
		{
			if (!wanted(source, n, i, limit))
				continue;
			same &= at < kept && memcmp(&e[at], &source[i], sizeof(RsEvent)) == 0;
			at++;
		}
		CHECK(same && at == kept);
		free(e);
	}
}

/* A sum of weights may be infinite; what is scored from may not. */
static void
test_cap(void)
{
	RsEvent		e[3] = {{0}};
	int			i;

	for (i = 0; i < 3; i++)
		e[i] = rs_event(0, i, 0, RS_POSITIVE);
	e[0].weight = INFINITY;
	e[1].weight = 3e38f;
	e[2].weight = 2;
	CHECK(rs_newest_positive(e, 3, 10) == 3);
	CHECK(e[0].weight == RS_MOST_WEIGHT && e[1].weight == RS_MOST_WEIGHT &&
		  e[2].weight == 2);
}

/* All of the above. */
int
main(void)
{
	test_positive();
	test_limit();
	test_ties();
	test_random();
	test_cap();
	return finish("history");
}
