/*-------------------------------------------------------------------------
 *
 * fuzz_merge.c
 *	  libFuzzer target: events built from arbitrary bytes, netted and merged.
 *
 * Aborts where a promise of merge.h or returns.h does not hold of the result.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bots.h"
#include "merge.h"
#include "returns.h"

#define MOST	300

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A merge's result: by item, not after as_of, at most as many. */
static void
check_merge(RsEvent *events, int n, int64_t as_of, RsMergeRule rule,
			int64_t window)
{
	int			merged = rs_merge_events(events, n, as_of, rule, window);
	int			i;

	if (merged < 0 || merged > n)
		abort();
	for (i = 0; i < merged; i++)
		if (events[i].time > as_of ||
			(rs_event_flags(&events[i]) & RS_RETURNED) ||
			(i > 0 && rs_event_item(&events[i]) <= rs_event_item(&events[i - 1])))
			abort();
}

/* First the settings, then events of 15 bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t work[MOST * 32];
	RsEvent		events[MOST];
	RsQuantified log[MOST];
	uint32_t	scratch[MOST];
	RsActivity	activity;
	RsReturns	how;
	RsReturnCounts counts = {0};
	int64_t		as_of;
	int			n = 0;
	int			netted;
	int			i;

	if (size < 17 || rs_net_workspace(MOST) > sizeof(work))
		return 0;
	memcpy(&as_of, data, 8);
	memcpy(&how.window, data + 8, 8);
	how.merge = (RsMergeRule) (data[16] % 3);
	how.weight = (RsWeightRule) (data[16] / 3 % 3);
	how.minimum = data[16] & 128 ? 2 : -INFINITY;
	data += 17;
	size -= 17;

	for (; size >= 15 && n < MOST; data += 15, size -= 15, n++)
	{
		int64_t		time;
		float		weight;

		memcpy(&time, data, 8);
		memcpy(&weight, data + 9, 4);
		events[n] = rs_event(time, data[8] % 16, weight, data[13] & (RS_POSITIVE | RS_OWNED));
		log[n].event = events[n];
		log[n].quantity = (float) (int8_t) data[14] / 4;
	}
	rs_sort_events(events, n);
	for (i = 1; i < n; i++)
		if (rs_event_before(&events[i], &events[i - 1]))
			abort();

	rs_activity(events, n, scratch, &activity);
	if (activity.rate > n || activity.breadth > n ||
		(n > 0 && (activity.rate < 1 || activity.breadth < 1)))
		abort();
	check_merge(events, n, as_of, how.merge, how.window);

	netted = rs_net_returns(log, n, &how, work, events, &counts);
	if (netted < 0 || netted > n || counts.vain > counts.returns ||
		counts.whole + counts.partly > (uint64_t) n)
		abort();
	for (i = 1; i < netted; i++)
		if (rs_event_before(&events[i], &events[i - 1]))
			abort();
	check_merge(events, netted, as_of, how.merge, how.window);
	return 0;
}
