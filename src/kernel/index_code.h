/*-------------------------------------------------------------------------
 *
 * index_code.h
 *	  Vectors as 8-bit codes with a bound on what they leave out: what
 *	  building an index and searching it share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_INDEX_CODE_H
#define RS_INDEX_CODE_H

#include <float.h>
#include <math.h>

#include "index.h"

/* A float that is at least v >= 0, which may be short by a little rounding. */
static inline float
rs_rounded_up(double v)
{
	v *= 1 + 1e-9;
	return v < (double) FLT_MAX ? nextafterf((float) v, INFINITY) : INFINITY;
}

/*
 * v = scale * code + rest, for n finite floats of a norm of at most norm; four
 * codes to every step bytes, zeros at the end.  Returns a bound on the norm of
 * the rest.
 */
extern float rs_index_encode(const float *v, int n, double norm, int8_t *code,
							 int step, float *scale);

#endif							/* RS_INDEX_CODE_H */
