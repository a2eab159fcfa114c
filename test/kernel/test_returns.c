/*-------------------------------------------------------------------------
 *
 * test_returns.c
 *	  Returns, by hand and against netting anew at every instant.
 *
 *-------------------------------------------------------------------------
 */
#include "returns.h"
#include "test.h"

#define BOTH (RS_POSITIVE | RS_OWNED)
#define MOST 40

static uint64_t work[MOST * 32];

static RsQuantified
act(int64_t time, uint32_t item, float weight, unsigned flags, float quantity)
{
	RsQuantified q = {rs_event(time, item, weight, flags), quantity};

	return q;
}

/* Nets and merges a copy as of an instant; one item is looked at. */
static int
state_at(const RsQuantified *source, int n, RsReturns how, int64_t as_of,
		 RsEvent *out)
{
	RsQuantified acts[MOST];

	memcpy(acts, source, sizeof(RsQuantified) * n);
	n = rs_net_returns(acts, n, &how, work, out, NULL);
	return rs_merge_events(out, n, as_of, how.merge, how.window);
}

/* Bought 2, then 3; 1, 2 and 5 taken back; bought again. */
static void
test_hand(void)
{
	RsReturns	how = {RS_MERGE_SUM, RS_WEIGHT_VALUE, 0, -INFINITY};
	RsQuantified acts[] = {
		act(1, 7, 4, BOTH, 2), act(2, 7, 6, BOTH, 3), act(3, 7, 0, 0, -1),
		act(4, 7, 0, 0, -2), act(5, 7, 0, 0, -5), act(6, 7, 2, BOTH, 1),
		act(1, 8, 1, BOTH, 1)
	};
	static const float sum[] = {0, 4, 10, 8, 4, 0, 2};
	static const float max[] = {0, 4, 6, 4, 4, 0, 2};
	RsEvent		e[MOST];
	RsReturnCounts counts = {0};
	int			t;

	for (t = 1; t <= 6; t++)
	{
		int			n = state_at(acts, 7, how, t, e);

		CHECK(n == (t == 5 ? 1 : 2));
		CHECK(t == 5 ? rs_event_item(e) == 8 : e[0].weight == sum[t] &&
			  rs_event_flags(e) == BOTH && e[0].time == t);
	}
	how.merge = RS_MERGE_MAX;
	for (t = 1; t <= 6; t++)
		CHECK(state_at(acts, 7, how, t, e) == 1 + (t != 5) &&
			  (t == 5 || e[0].weight == max[t]));

	/* the second purchase falls first: 3 - 1, then none, then the first one */
	how.merge = RS_MERGE_LAST;
	CHECK(state_at(acts, 7, how, 3, e) == 2 && e[0].weight == 4);
	/* 2 of 3 by the logarithm */
	how.weight = RS_WEIGHT_LOG;
	CHECK(state_at(acts, 7, how, 3, e) == 2 &&
		  near(e[0].weight, 6 * (1 + log(3.0)) / (1 + log(4.0)), 1e-6));
	how.weight = RS_WEIGHT_ONE;
	CHECK(state_at(acts, 7, how, 3, e) == 2 && e[0].weight == 6);
	/* what is left is below the minimum, and owned all the same */
	how.minimum = 2.5;
	CHECK(state_at(acts, 7, how, 3, e) == 2 && rs_event_flags(e) == BOTH && e[0].weight == 4);
	CHECK(state_at(acts + 1, 2, how, 3, e) == 1 && rs_event_flags(e) == RS_OWNED);

	CHECK(rs_net_returns(acts, 7, &how, work, e, &counts) == 7);
	CHECK(counts.returns == 3 && counts.whole == 2 && counts.partly == 0 && counts.vain == 0);
	CHECK(rs_net_returns(acts, 0, &how, work, e, &counts) == 0);
}

/* Views stay; a return alone does nothing; one instant; repeats; rounding. */
static void
test_edges(void)
{
	RsReturns	how = {RS_MERGE_MAX, RS_WEIGHT_ONE, 0, -INFINITY};
	RsQuantified view[] = {
		act(1, 3, .1f, RS_POSITIVE, 1), act(2, 3, 1, BOTH, 1),
		act(3, 3, .1f, RS_POSITIVE, 1), act(4, 3, 0, 0, -1)
	};
	RsQuantified alone[] = {act(1, 3, 0, 0, -1), act(2, 3, 1, BOTH, 1)};
	RsQuantified instant[] = {
		act(1, 3, 0, 0, -1), act(1, 3, 0, 0, -2), act(1, 3, 1, BOTH, 4), act(1, 2, 1, BOTH, 1)
	};
	RsQuantified repeat[] = {
		act(1, 3, 1, BOTH, 2), act(5, 3, 0, 0, -1), act(5, 3, 0, 0, -1)
	};
	RsQuantified tenth[] = {
		act(1, 3, 1, BOTH, .3f), act(2, 3, 0, 0, -.1f), act(3, 3, 0, 0, -.1f), act(4, 3, 0, 0, -.1f)
	};
	RsEvent		e[MOST];
	RsReturnCounts counts = {0};

	CHECK(state_at(view, 4, how, 4, e) == 1 && e[0].weight == .1f && rs_event_flags(e) == RS_POSITIVE);
	CHECK(state_at(view, 4, how, 3, e) == 1 && e[0].weight == 1 && rs_event_flags(e) == BOTH);
	CHECK(state_at(alone, 2, how, 1, e) == 0);
	CHECK(state_at(alone, 2, how, 2, e) == 1 && rs_event_flags(e) == BOTH);
	/* both returns of one instant come after its purchase, as one */
	CHECK(rs_net_returns(instant, 4, &how, work, e, &counts) == 3);
	CHECK(rs_event_flags(&e[2]) == (BOTH | RS_RETURNED));
	CHECK(counts.returns == 2 && counts.whole == 0 && counts.partly == 1);
	/* the same return twice is once, unless repeats count */
	CHECK(state_at(repeat, 3, how, 9, e) == 1);
	how.window = -1;
	CHECK(state_at(repeat, 3, how, 9, e) == 0);
	CHECK(state_at(tenth, 4, how, 9, e) == 0);
}

/*
 * What one item amounts to at an instant, from its purchases one by one; its
 * log is in order of time, returns last.  Quantities are whole.
 */
static bool
expect(const RsQuantified *acts, int n, uint32_t item, int64_t as_of,
	   const RsReturns *how, float *weight, unsigned *flags)
{
	double		left[MOST];
	bool		positive = false;
	bool		any = false;
	double		merged = 0;
	int			i;
	int			j;

	for (i = 0; i < n && acts[i].event.time <= as_of; i++)
	{
		double		back = -acts[i].quantity;

		left[i] = acts[i].quantity;
		if (rs_event_item(&acts[i].event) != item)
			left[i] = 0;
		else
			for (j = i - 1; j >= 0 && back > 0; j--)
				if (left[j] > 0 && (rs_event_flags(&acts[j].event) & RS_OWNED))
				{
					double		taken = fmin(left[j], back);

					left[j] -= taken;
					back -= taken;
				}
	}
	*flags = 0;
	for (j = 0; j < 2; j++)
	{
		any = false;
		for (i = 0; i < n && acts[i].event.time <= as_of; i++)
		{
			unsigned	f = rs_event_flags(&acts[i].event);
			double		w = acts[i].event.weight;

			if (!(left[i] > 0))
				continue;
			if (left[i] < acts[i].quantity)
			{
				w *= how->weight == RS_WEIGHT_VALUE ? left[i] / acts[i].quantity : 1;
				if (left[i] < how->minimum)
					f &= ~(unsigned) RS_POSITIVE;
			}
			*flags |= f;
			if (positive && !(f & RS_POSITIVE))
				continue;
			if (how->merge == RS_MERGE_SUM)
				merged = any ? merged + w : w;
			else if (!any || how->merge == RS_MERGE_LAST || w > merged)
				merged = w;
			any = true;
		}
		positive = (*flags & RS_POSITIVE) != 0;
	}
	*weight = (float) merged;
	return any;
}

static int
compare_time(const void *a, const void *b)
{
	const RsQuantified *x = a;
	const RsQuantified *y = b;

	return (x->event.time > y->event.time) - (x->event.time < y->event.time);
}

/* Different times, so that the order is known; every rule and instant. */
static void
test_random(void)
{
	int			round;

	for (round = 0; round < 3000; round++)
	{
		RsReturns	how = {(RsMergeRule) random_below(3), (RsWeightRule) random_below(2), -1,
		random_below(2) ? 2 : -INFINITY};
		RsQuantified acts[MOST];
		int			n = random_below(MOST);
		int64_t		as_of = random_below(2 * MOST);
		RsEvent		e[MOST];
		int			merged;
		int			at = 0;
		bool		same = true;
		uint32_t	item;
		int			i;

		for (i = 0; i < n; i++)
		{
			bool		back = random_below(3) == 0;
			unsigned	flags = back ? 0 : 1 + random_below(3);
			float		quantity = (float) (1 + random_below(4));

			acts[i] = act(2 * i + random_below(2), random_below(3), back ? 0 : quantity * 2, flags,
						 back ? -quantity : quantity);
		}
		qsort(acts, n, sizeof(RsQuantified), compare_time);
		merged = state_at(acts, n, how, as_of, e);
		for (item = 0; item < 3; item++)
		{
			float		weight;
			unsigned	flags;

			if (!expect(acts, n, item, as_of, &how, &weight, &flags))
				continue;
			same &= at < merged && rs_event_item(&e[at]) == item &&
				near(e[at].weight, weight, 1e-4) && rs_event_flags(&e[at]) == flags;
			at++;
		}
		CHECK(same && at == merged);
	}
}

/* All of the above. */
int
main(void)
{
	test_hand();
	test_edges();
	test_random();
	return finish("returns");
}
