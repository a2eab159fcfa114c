/*-------------------------------------------------------------------------
 *
 * fuzz_merge.c
 *	  libFuzzer target: the merge of events built from arbitrary bytes.
 *
 * Aborts where a promise of merge.h does not hold of the result.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bots.h"
#include "merge.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* First the settings, then events of 14 bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RsEvent		events[300];
	uint32_t	scratch[300];
	RsActivity	activity;
	int64_t		as_of;
	int64_t		window;
	RsMergeRule rule;
	int			n = 0;
	int			merged;
	int			i;

	if (size < 17)
		return 0;
	memcpy(&as_of, data, 8);
	memcpy(&window, data + 8, 8);
	rule = (RsMergeRule) (data[16] % 3);
	data += 17;
	size -= 17;

	for (; size >= 14 && n < 300; data += 14, size -= 14, n++)
	{
		memset(&events[n], 0, sizeof(RsEvent));
		memcpy(&events[n].time, data, 8);
		events[n].item = data[8] % 16;
		memcpy(&events[n].weight, data + 9, 4);
		events[n].flags = data[13] & (RS_POSITIVE | RS_OWNED);
	}
	qsort(events, n, sizeof(RsEvent), rs_event_compare);

	rs_activity(events, n, scratch, &activity);
	if (activity.rate > n || activity.breadth > n ||
		(n > 0 && (activity.rate < 1 || activity.breadth < 1)))
		abort();

	merged = rs_merge_events(events, n, as_of, rule, window);
	if (merged < 0 || merged > n)
		abort();
	for (i = 0; i < merged; i++)
		if (events[i].time > as_of ||
			(i > 0 && events[i].item <= events[i - 1].item))
			abort();
	return 0;
}
