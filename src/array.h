/*-------------------------------------------------------------------------
 *
 * array.h
 *	  Vectors: float4 arrays of one dimension without NULLs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_ARRAY_H
#define RS_ARRAY_H

#include "utils/array.h"

/* the elements of a vector; errors 2202E, 22004 */
extern float *rs_vector(ArrayType *array, int *length);

/* a float4[] of the given elements */
extern ArrayType *rs_vector_make(const float *x, int length);

#endif							/* RS_ARRAY_H */
