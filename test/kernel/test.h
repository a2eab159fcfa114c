/*-------------------------------------------------------------------------
 *
 * test.h
 *	  The harness of the kernel tests: counted checks, nothing else.
 *
 * Included once by each test_X.c.  CHECK counts and, where it fails, prints
 * the place and the expression; finish() prints the count and is main's
 * result.  Comparisons are against naive code in double, within a tolerance
 * relative to the size of what was summed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TEST_H
#define RS_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

static int	checks_passed = 0;
static int	checks_failed = 0;

/* A macro because it needs the place and the text. */
#define CHECK(condition) check_at((condition), #condition, __FILE__, __LINE__)

/* Counts one check; prints at most 20 failures. */
static inline void
check_at(bool ok, const char *text, const char *file, int line)
{
	if (ok)
		checks_passed++;
	else if (++checks_failed <= 20)
		printf("%s:%d: failed: %s\n", file, line, text);
}

/* Is a within tolerance of b? False for NaN. */
static inline bool
near(double a, double b, double tolerance)
{
	return a == b || fabs(a - b) <= tolerance;
}

/* An allocation of exactly this size, so that sanitizers see overruns. */
static inline void *
make_room(size_t count, size_t size)
{
	void	   *p = malloc(count * size > 0 ? count * size : 1);

	if (p == NULL)
		exit(2);
	return p;
}

/* count floats in [-1, 1) */
static inline float *
random_floats(size_t count)
{
	float	   *x = make_room(count, sizeof(float));
	size_t		i;

	for (i = 0; i < count; i++)
		x[i] = (float) (2 * random_uniform() - 1);
	return x;
}

/* Prints the count; returns the exit status. */
static inline int
finish(const char *name)
{
	printf("%s: %d passed, %d failed\n", name, checks_passed, checks_failed);
	return checks_failed > 0;
}

#ifdef RS_MERGE_H

/* An event as a constant: time, item, weight, flags. */
#define E(time, item, weight, flags) \
	{(time), (uint32_t) (flags) << 29 | (item), (weight)}

#endif

#ifdef RS_SIMD_H

/* Runs a test at every SIMD level that the processor has. */
static inline void
at_every_level(void (*test) (void))
{
	static const char *const level[] = {"generic", "avx2", "avx512"};
	int			i;

	for (i = 0; i < 3; i++)
	{
		setenv("RS_SIMD", level[i], 1);
		rs_simd_init();
		if (strcmp(rs_simd->name, level[i]) == 0)
			test();
	}
	unsetenv("RS_SIMD");
	rs_simd_init();
}

#endif

#endif							/* RS_TEST_H */
