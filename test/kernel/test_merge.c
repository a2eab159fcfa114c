/*-------------------------------------------------------------------------
 *
 * test_merge.c
 *	  The rules on repeated events, by hand and on random histories.
 *
 *-------------------------------------------------------------------------
 */
#include "merge.h"
#include "test.h"

#define BOTH (RS_POSITIVE | RS_OWNED)

/* Sorts, then merges. */
static int
merge(RsEvent *events, int n, int64_t as_of, RsMergeRule rule, int64_t window)
{
	rs_sort_events(events, n);
	return rs_merge_events(events, n, as_of, rule, window);
}

/* Three events of one item and one of another, by every rule. */
static void
test_rules(void)
{
	static const RsEvent source[] = {
		E(30, 5, 2, RS_POSITIVE), E(10, 5, 4, RS_POSITIVE),
		E(20, 5, 1, RS_POSITIVE), E(15, 3, 9, 0)
	};
	static const float expected[] = {4, 7, 2};
	RsEvent		e[4];
	int			rule;

	for (rule = 0; rule < 3; rule++)
	{
		memcpy(e, source, sizeof(source));
		CHECK(merge(e, 4, 100, (RsMergeRule) rule, 0) == 2);
		CHECK(rs_event_item(&e[0]) == 3 && e[0].weight == 9 && e[0].time == 15);
		CHECK(rs_event_flags(&e[0]) == 0);
		CHECK(rs_event_item(&e[1]) == 5 && e[1].weight == expected[rule]);
		CHECK(e[1].time == 30 && rs_event_flags(&e[1]) == RS_POSITIVE);
	}

	/* as it was at 20, itself included */
	memcpy(e, source, sizeof(source));
	CHECK(merge(e, 4, 20, RS_MERGE_SUM, 0) == 2);
	CHECK(e[1].weight == 5 && e[1].time == 20);
	memcpy(e, source, sizeof(source));
	CHECK(merge(e, 4, 9, RS_MERGE_SUM, 0) == 0);
	CHECK(rs_merge_events(e, 0, 9, RS_MERGE_SUM, 0) == 0);
	CHECK(rs_merge_events(NULL, 0, 9, RS_MERGE_SUM, 0) == 0);
}

/* Weights of what is not positive count only where nothing is. */
static void
test_positive(void)
{
	RsEvent		e[] = {
		E(1, 1, 8, RS_OWNED), E(2, 1, 3, RS_POSITIVE), E(3, 1, 9, 0),
		E(1, 2, 8, RS_OWNED), E(2, 2, 9, 0)
	};

	CHECK(merge(e, 5, 10, RS_MERGE_MAX, 0) == 2);
	CHECK(e[0].weight == 3 && rs_event_flags(&e[0]) == BOTH && e[0].time == 3);
	CHECK(e[1].weight == 9 && rs_event_flags(&e[1]) == RS_OWNED && e[1].time == 2);
}

/* A stream of equal events is thinned to one per window. */
static void
test_repeats(void)
{
	static const RsEvent source[] = {
		E(0, 1, 1, 1), E(5, 1, 1, 1), E(10, 1, 1, 1), E(11, 1, 1, 1), E(21, 1, 1, 1),
		E(22, 1, 2, 1), E(23, 1, 1, 1)
	};
	RsEvent		e[7];
	RsEvent		ends[] = {E(INT64_MIN, 1, 1, 1), E(INT64_MAX, 1, 1, 1)};

	/* kept: 0, 11, 22 (another weight) and 23 */
	memcpy(e, source, sizeof(source));
	CHECK(merge(e, 7, 100, RS_MERGE_SUM, 10) == 1);
	CHECK(e[0].weight == 5 && e[0].time == 23);

	/* 21 is within 10 of 11, as 23 is not */
	memcpy(e, source, sizeof(source));
	CHECK(merge(e, 5, 100, RS_MERGE_SUM, 10) == 1);
	CHECK(e[0].weight == 2 && e[0].time == 11);

	memcpy(e, source, sizeof(source));
	CHECK(merge(e, 7, 100, RS_MERGE_SUM, 0) == 1 && e[0].weight == 8);

	/* without time all repeats coincide; a negative window keeps them */
	memset(e, 0, sizeof(e));
	CHECK(merge(e, 7, 0, RS_MERGE_SUM, 0) == 1 && e[0].weight == 0);
	e[0] = e[1] = e[2] = source[0];
	CHECK(merge(e, 3, 0, RS_MERGE_SUM, 0) == 1 && e[0].weight == 1);
	e[0] = e[1] = e[2] = source[0];
	CHECK(merge(e, 3, 0, RS_MERGE_SUM, -1) == 1 && e[0].weight == 3);

	/* no overflow at the ends of time */
	CHECK(merge(ends, 2, INT64_MAX, RS_MERGE_SUM, INT64_MAX) == 1);
	CHECK(ends[0].weight == 2 && ends[0].time == INT64_MAX);
}

/* The order is total, also with NaN and the zeros. */
static void
test_order(void)
{
	static const float weight[] = {-INFINITY, -1, -0.0f, 0, 1, INFINITY, NAN};
	RsEvent		e[7] = {{0}};
	int			i;
	int			j;

	for (i = 0; i < 7; i++)
		e[i].weight = weight[i];
	for (i = 0; i < 7; i++)
		for (j = 0; j < 7; j++)
			CHECK(rs_event_before(&e[i], &e[j]) == (i < j));
	CHECK(merge(e, 7, 0, RS_MERGE_MAX, 0) == 1 && e[0].weight == INFINITY);
	e[0].weight = NAN;
	e[1].weight = -3;
	e[1].time = 1;
	CHECK(merge(e, 2, 1, RS_MERGE_MAX, 0) == 1 && e[0].weight == -3);
}

/* One item of a random history by the definitions; false if it is absent. */
static bool
expect(const RsEvent *events, int n, uint32_t item, int64_t as_of,
	   RsMergeRule rule, int64_t window, RsEvent *out)
{
	bool		kept[60] = {false};
	bool		positive = false;
	bool		any = false;
	int			i;
	int			j;

	memset(out, 0, sizeof(*out));
	rs_event_set_item(out, item);
	for (i = 0; i < n && events[i].time <= as_of; i++)
	{
		bool		repeat = false;

		if (rs_event_item(&events[i]) != item)
			continue;
		for (j = 0; j < i; j++)
			repeat |= kept[j] && events[j].weight == events[i].weight &&
				rs_event_flags(&events[j]) == rs_event_flags(&events[i]) &&
				events[i].time - events[j].time <= window;
		if (repeat)
			continue;
		kept[i] = true;
		out->time = events[i].time;
		rs_event_set_flags(out, rs_event_flags(out) | rs_event_flags(&events[i]));
		positive |= (rs_event_flags(&events[i]) & RS_POSITIVE) != 0;
	}
	for (i = 0; i < n; i++)
	{
		if (!kept[i] || (positive && !(rs_event_flags(&events[i]) & RS_POSITIVE)))
			continue;
		if (rule == RS_MERGE_SUM)
			out->weight += events[i].weight;
		else if (!any || rule == RS_MERGE_LAST ||
				 events[i].weight > out->weight)
			out->weight = events[i].weight;
		any = true;
	}
	return any;
}

/* Every rule, instant and window on crowded histories. */
static void
test_random(void)
{
	int			round;

	for (round = 0; round < 3000; round++)
	{
		RsEvent		source[60];
		RsEvent		e[60];
		int			n = random_below(60);
		int64_t		as_of = random_below(50) - 5;
		int64_t		window = random_below(12) - 1;
		RsMergeRule rule = (RsMergeRule) random_below(3);
		int			merged;
		int			at = 0;
		bool		same = true;
		uint32_t	item;
		int			i;

		for (i = 0; i < n; i++)
		{
			int64_t		time = random_below(40) - 3;
			uint32_t	which = random_below(5);
			float		weight = (float) random_below(4);

			source[i] = rs_event(time, which, weight, random_below(4));
		}
		memcpy(e, source, sizeof(RsEvent) * n);
		rs_sort_events(source, n);
		merged = merge(e, n, as_of, rule, window);
		for (item = 0; item < 5; item++)
		{
			RsEvent		wanted;

			if (!expect(source, n, item, as_of, rule, window, &wanted))
				continue;
			same &= at < merged && rs_event_item(&e[at]) == item &&
				e[at].weight == wanted.weight && e[at].time == wanted.time &&
				rs_event_flags(&e[at]) == rs_event_flags(&wanted);
			at++;
		}
		CHECK(same && at == merged);
	}
}

/* All of the above. */
int
main(void)
{
	test_rules();
	test_positive();
	test_repeats();
	test_order();
	test_random();
	return finish("merge");
}
