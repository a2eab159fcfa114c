/*-------------------------------------------------------------------------
 *
 * cosine.h
 *	  Exact search for the rows of greatest cosine with a vector.
 *
 * The cosine of x and y is x'y / (|x| |y|), with products and norms summed in
 * double, rounded to float.  An index (index.h) orders its rows for inner
 * products, which says nothing here; but it holds the rows one after the other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_COSINE_H
#define RS_COSINE_H

#include "index.h"

/* floats of scratch */
extern size_t rs_cosine_workspace(const RsIndex *index);

/*
 * The k items whose first n numbers have the greatest cosine with x, best
 * first, ties by item; without skip (UINT32_MAX = none), and without those
 * that have no cosine: rows of zeros, or not finite.  None for such an x.  out
 * has room for k, or for all items if there are fewer.  Returns how many.
 */
extern int	rs_cosine_search(const RsIndex *index, const float *x, int n, int k,
							 uint32_t skip, float *work, RsScored *out);

#endif							/* RS_COSINE_H */
