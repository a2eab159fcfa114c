/*-------------------------------------------------------------------------
 *
 * index.h
 *	  Exact search for the rows of greatest inner product with a vector.
 *
 * Rows are kept in the order of falling norm, so that a scan ends where
 * norm * |x| falls below the k-th best product; a first pass over 8-bit codes
 * with a bound on their error leaves out what cannot be among the k best, and
 * the rest are scored by rs_simd->dot over the row as it was given.  Scores are
 * therefore those of rs_factor_scores to the bit, and the recall is 1.
 *
 * An index is one block of memory without pointers, so that it may stand in a
 * file or in shared memory, as long as it is read on the kind of machine that
 * wrote it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_INDEX_H
#define RS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topk.h"

#define RS_INDEX_ALIGN	64		/* of the block of memory and of its parts */

/* A view of such a block, filled by rs_index_attach. */
typedef struct RsIndex
{
	uint32_t	nitems;			/* 0 = empty */
	int			width;			/* floats of a row */
	const float *row;			/* nitems x width, by place */
	const uint32_t *item;		/* the item at each place */
	const uint32_t *place;		/* the place of each item */
	const float *norm;			/* by place, falling (upper bounds); INFINITY
								 * where a row has no finite norm */
	const int8_t *code;			/* blocks of RS_CODE_ROWS places, see simd.h */
	const float *scale;			/* by place: row = scale * code + rest */
	const float *error;			/* by place: norm of the rest, upper bound */
	int			stride;			/* bytes of a row's codes */
} RsIndex;

/* What a search did. */
typedef struct RsIndexCost
{
	uint64_t	coded;			/* rows whose codes were read */
	uint64_t	scored;			/* rows scored exactly */
	uint64_t	bytes;			/* read of codes, rows and what goes with them */
} RsIndexCost;

extern size_t rs_index_bytes(uint32_t nitems, int width);

/* rows by item; memory is aligned and of rs_index_bytes; then attaches */
extern void rs_index_build(const float *row, uint32_t nitems, int width,
						   void *memory, RsIndex *index);
extern void rs_index_attach(const void *memory, uint32_t nitems, int width,
							RsIndex *index);

/* the row of an item */
static inline const float *
rs_index_row(const RsIndex *index, uint32_t item)
{
	return index->row + (size_t) index->place[item] * index->width;
}

/* bytes of work, at an address for floats and integers */
extern size_t rs_index_workspace(const RsIndex *index, int k);

/*
 * The k best items by x'row, best first, ties by item: what rs_factor_scores
 * and rs_topk_float would give, so that an item whose product is NaN or
 * -INFINITY is never among them.  skip: items to leave out, ascending, nskip of
 * them.  out has room for k, or for all items if there are fewer.  Returns how
 * many; cost may be NULL.
 */
extern int	rs_index_search(const RsIndex *index, const float *x, int k,
							const uint32_t *skip, uint32_t nskip, void *work,
							RsScored *out, RsIndexCost *cost);

#endif							/* RS_INDEX_H */
