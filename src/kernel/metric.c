/*-------------------------------------------------------------------------
 *
 * metric.c
 *	  Ranking metrics of one list, with binary relevance.
 *
 * One pass over the first k places.  Discounts are 1 / log2(place + 1), after
 * Jarvelin and Kekalainen, "Cumulated gain-based evaluation of IR techniques"
 * (2002), in the form with the first place undiscounted.
 *
 * Limits: k <= 0 or an empty relevant set gives zeros; what such a list means
 * is for the caller to say.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "metric.h"

/* See metric.h for the definitions. */
void
rs_metrics(const bool *hit, int n, int relevant, int k, RsMetrics *out)
{
	int			best = relevant < k ? relevant : k;
	int			hits = 0;
	int			i;
	double		dcg = 0;
	double		ideal = 0;
	double		precisions = 0;

	memset(out, 0, sizeof(*out));
	if (best <= 0)
		return;

	for (i = 0; i < n && i < k; i++)
	{
		if (!hit[i])
			continue;
		if (hits == 0)
			out->reciprocal_rank = 1.0 / (i + 1);
		hits++;
		dcg += 1 / log2(i + 2.0);
		precisions += (double) hits / (i + 1);
	}
	for (i = 0; i < best; i++)
		ideal += 1 / log2(i + 2.0);

	out->precision = (double) hits / k;
	out->recall = (double) hits / relevant;
	out->capped_recall = (double) hits / best;
	out->ndcg = dcg / ideal;
	out->average_precision = precisions / best;
	out->hit = hits > 0;
}
