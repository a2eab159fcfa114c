/*-------------------------------------------------------------------------
 *
 * topk.h
 *	  The k best of many (score, id) pairs: score descending, ties by
 *	  ascending id.  NaN is never selected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TOPK_H
#define RS_TOPK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct RsScored
{
	double		score;
	uint32_t	id;
} RsScored;

typedef struct RsTopK
{
	int			k;				/* capacity */
	int			n;				/* kept so far */
	RsScored   *heap;			/* k entries, given by the caller; the root is
								 * the worst kept */
} RsTopK;

extern void rs_topk_init(RsTopK *t, RsScored *space, int k);
extern void rs_topk_add(RsTopK *t, double score, uint32_t id);

/* Sorts the kept entries best first, in place; returns how many there are. */
extern int	rs_topk_finish(RsTopK *t);

/*
 * Selects the k best of score[0 .. n-1], ids being the positions, entries of
 * -INFINITY and NaN left out.  A threshold test runs ahead of the heap so that
 * the usual element costs one comparison.
 */
extern int	rs_topk_float(const float *score, uint32_t n, int k, RsScored *out);

#endif							/* RS_TOPK_H */
