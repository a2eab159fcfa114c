/*-------------------------------------------------------------------------
 *
 * metric.h
 *	  Ranking metrics of one list, with binary relevance.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_METRIC_H
#define RS_METRIC_H

#include <stdbool.h>

typedef struct RsMetrics
{
	double		precision;		/* hits / k (k even where the list is shorter) */
	double		recall;			/* hits / relevant */
	double		capped_recall;	/* hits / min(k, relevant) */
	double		ndcg;			/* DCG / DCG of min(k, relevant) hits on top */
	double		average_precision;	/* sum of precision at hits / min(k, relevant) */
	double		reciprocal_rank;	/* 1 / place of the first hit, or 0 */
	double		hit;			/* 1 if any hit */
} RsMetrics;

/*
 * hit[0 .. n-1] says whether the item at that place is relevant; relevant > 0
 * is the size of the relevant set; the first k places count.
 */
extern void rs_metrics(const bool *hit, int n, int relevant, int k,
					   RsMetrics *out);

#endif							/* RS_METRIC_H */
