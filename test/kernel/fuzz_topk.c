/*-------------------------------------------------------------------------
 *
 * fuzz_topk.c
 *	  libFuzzer target: selection from arbitrary floats.
 *
 * Aborts where the result is not sorted, misses something better or is not as
 * long as it must be.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "topk.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* First k, then the scores. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	float	   *score;
	RsScored   *out;
	uint32_t	n;
	uint32_t	i;
	uint32_t	candidates = 0;
	uint32_t	better = 0;
	int			k;
	int			kept;

	if (size < 1)
		return 0;
	k = data[0];
	n = (uint32_t) ((size - 1) / sizeof(float));
	score = malloc(n * sizeof(float) + 1);
	out = malloc(k * sizeof(RsScored) + 1);
	memcpy(score, data + 1, n * sizeof(float));

	kept = rs_topk_float(score, n, k, out);
	for (i = 0; i < n; i++)
		candidates += score[i] > -INFINITY;
	if (kept != (candidates < (uint32_t) k ? (int) candidates : k))
		abort();
	for (i = 1; i < (uint32_t) kept; i++)
		if (out[i].score > out[i - 1].score ||
			(out[i].score == out[i - 1].score && out[i].id <= out[i - 1].id))
			abort();
	for (i = 0; kept > 0 && i < n; i++)
		better += score[i] > out[kept - 1].score ||
			(score[i] == out[kept - 1].score && i < out[kept - 1].id);
	if (kept > 0 && better != (uint32_t) kept - 1)
		abort();
	free(score);
	free(out);
	return 0;
}
