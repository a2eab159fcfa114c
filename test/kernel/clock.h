/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The time, for benchmarks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TEST_CLOCK_H
#define RS_TEST_CLOCK_H

#include <time.h>

/* seconds */
static inline double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

#endif							/* RS_TEST_CLOCK_H */
