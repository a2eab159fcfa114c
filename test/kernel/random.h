/*-------------------------------------------------------------------------
 *
 * random.h
 *	  A small generator with a fixed sequence, for tests and benchmarks.
 *
 * SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TEST_RANDOM_H
#define RS_TEST_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 1;

/* Starts the sequence anew. */
static inline void
random_seed(uint64_t seed)
{
	random_state = seed;
}

/* 64 random bits */
static inline uint64_t
random_bits(void)
{
	uint64_t	z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* in [0, 1) */
static inline double
random_uniform(void)
{
	return (random_bits() >> 11) * 0x1p-53;
}

/* in 0 .. n-1 */
static inline int
random_below(int n)
{
	return (int) (random_uniform() * n);
}

#endif							/* RS_TEST_RANDOM_H */
