/*-------------------------------------------------------------------------
 *
 * simd.c
 *	  The table of vector kernels and how one is chosen.
 *
 * The loops themselves are in simd_loops.h, which is included once per level.
 * Here are, for each level, the vector type, the target attribute and the few
 * operations that the compilers' vector extensions cannot say portably
 * (partial loads and stores, lane permutations, square roots).
 *
 * Levels: "generic" has four lanes, which any compiler lowers to what the
 * platform's baseline offers (SSE2, NEON or scalar code); "avx2" needs FMA as
 * well; "avx512" needs only AVX512F.  Each function carries its own target
 * attribute, so the library is built without -march.  Products of 8-bit codes
 * (simd_code.h) are another matter: their results are the same at every level,
 * and "avx512" has two ways to them, by whether the processor has VNNI.
 *
 * Limits: the first level's functions are in use until rs_simd_init has run.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"

#if defined(__x86_64__) || defined(__i386__)
#define RS_X86 1
#define RS_TARGET_AVX2 __attribute__((target("avx2,fma")))
#define RS_TARGET_AVX512 __attribute__((target("avx512f,fma")))
#define RS_TARGET_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni,fma")))
#include <immintrin.h>
#endif

#define RS_INLINE static inline __attribute__((always_inline))

/*
 * Floats of one packed panel on the stack (two of them are needed), and how
 * many of them syrk_lower fills at a time, so that both stay in the first
 * level cache.
 */
#define RS_PANEL	16384
#define RS_PANEL_SYRK	4096

/* simd_observed.h: observed vectors summed in one run of floats */
#define RS_CG_RUN		1024

/* floats of observed vectors that stay in the first level cache */
#define RS_CG_CACHED	6144

/*
 * A squared residual below this share of what it was at the start, or could
 * have been without a start, is rounding; steps along it would raise the loss.
 */
#define RS_CG_DONE		1e-14f

/* the preconditioner's least diagonal element as a share of the largest */
#define RS_CG_FLOOR		1e-7f

/* rows of a register tile of rotate */
#define RS_ROTATE_ROWS	6

#include "simd_code.h"

/* ---- generic: four lanes, no target attribute ---- */

typedef float vec_generic __attribute__((vector_size(16)));
typedef vec_generic vecu_generic __attribute__((aligned(4), may_alias));

/* the first k < 4 floats, the other lanes zero */
RS_INLINE vec_generic
load_part_generic(const float *p, int k)
{
	vec_generic v = {0, 0, 0, 0};
	int			i;

	for (i = 0; i < k; i++)
		v[i] = p[i];
	return v;
}

/* stores the first k < 4 lanes */
RS_INLINE void
store_part_generic(float *p, vec_generic v, int k)
{
	int			i;

	for (i = 0; i < k; i++)
		p[i] = v[i];
}

/* lane k in every lane */
RS_INLINE vec_generic
lane_generic(vec_generic v, int k)
{
	vec_generic r = {v[k], v[k], v[k], v[k]};

	return r;
}

/* a0 b0 a1 b1 and a2 b2 a3 b3 */
RS_INLINE void
interleave_generic(vec_generic a, vec_generic b, vec_generic *low,
				   vec_generic *high)
{
	vec_generic l = {a[0], b[0], a[1], b[1]};
	vec_generic h = {a[2], b[2], a[3], b[3]};

	*low = l;
	*high = h;
}

/* the sum of the lanes, in a fixed order */
RS_INLINE float
sum_generic(vec_generic v)
{
	return (v[0] + v[2]) + (v[1] + v[3]);
}

/* square roots of the lanes */
RS_INLINE vec_generic
sqrt_generic(vec_generic v)
{
	vec_generic r = {sqrtf(v[0]), sqrtf(v[1]), sqrtf(v[2]), sqrtf(v[3])};

	return r;
}

/* adds i .. i + 3 to the places found, where v is at least bar */
RS_INLINE int
select_from_generic(vec_generic v, float bar, int i, int *place, int found)
{
	int			j;

	for (j = 0; j < 4; j++)
	{
		place[found] = i + j;
		found += v[j] >= bar;
	}
	return found;
}

#define RS_LEVEL generic
#define RS_TARGET
#define RS_WIDTH 4
#define RS_TILE_ROWS 4
#include "simd_loops.h"

#ifdef RS_X86

/* ---- avx2: eight lanes ---- */

typedef float vec_avx2 __attribute__((vector_size(32)));
typedef vec_avx2 vecu_avx2 __attribute__((aligned(4), may_alias));

/* all ones in the first k lanes */
RS_INLINE RS_TARGET_AVX2 __m256i
mask_avx2(int k)
{
	const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

	return _mm256_cmpgt_epi32(_mm256_set1_epi32(k), lanes);
}

/* the first k < 8 floats, the other lanes zero */
RS_INLINE RS_TARGET_AVX2 vec_avx2
load_part_avx2(const float *p, int k)
{
	return (vec_avx2) _mm256_maskload_ps(p, mask_avx2(k));
}

/* stores the first k < 8 lanes */
RS_INLINE RS_TARGET_AVX2 void
store_part_avx2(float *p, vec_avx2 v, int k)
{
	_mm256_maskstore_ps(p, mask_avx2(k), (__m256) v);
}

/* lane k in every lane */
RS_INLINE RS_TARGET_AVX2 vec_avx2
lane_avx2(vec_avx2 v, int k)
{
	return (vec_avx2) _mm256_permutevar8x32_ps((__m256) v,
											   _mm256_set1_epi32(k));
}

/* a0 b0 .. a3 b3 and a4 b4 .. a7 b7 */
RS_INLINE RS_TARGET_AVX2 void
interleave_avx2(vec_avx2 a, vec_avx2 b, vec_avx2 *low, vec_avx2 *high)
{
	__m256		l = _mm256_unpacklo_ps((__m256) a, (__m256) b);
	__m256		h = _mm256_unpackhi_ps((__m256) a, (__m256) b);

	*low = (vec_avx2) _mm256_permute2f128_ps(l, h, 0x20);
	*high = (vec_avx2) _mm256_permute2f128_ps(l, h, 0x31);
}

/* the sum of the lanes, in a fixed order */
RS_INLINE RS_TARGET_AVX2 float
sum_avx2(vec_avx2 v)
{
	__m128		s = _mm_add_ps(_mm256_castps256_ps128((__m256) v),
							   _mm256_extractf128_ps((__m256) v, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_movehdup_ps(s));
	return _mm_cvtss_f32(s);
}

/* square roots of the lanes */
RS_INLINE RS_TARGET_AVX2 vec_avx2
sqrt_avx2(vec_avx2 v)
{
	return (vec_avx2) _mm256_sqrt_ps((__m256) v);
}

/* adds i .. i + 7 to the places found, where v is at least bar */
RS_INLINE RS_TARGET_AVX2 int
select_from_avx2(vec_avx2 v, float bar, int i, int *place, int found)
{
	unsigned int mask = _mm256_movemask_ps(_mm256_cmp_ps((__m256) v,
														 _mm256_set1_ps(bar),
														 _CMP_GE_OQ));

	for (; mask != 0; mask &= mask - 1)
		place[found++] = i + __builtin_ctz(mask);
	return found;
}

#define RS_LEVEL avx2
#define RS_TARGET RS_TARGET_AVX2
#define RS_WIDTH 8
#define RS_TILE_ROWS 4
#include "simd_loops.h"

/* ---- avx512: sixteen lanes ---- */

typedef float vec_avx512 __attribute__((vector_size(64)));
typedef vec_avx512 vecu_avx512 __attribute__((aligned(4), may_alias));

/* ones for the first k lanes */
RS_INLINE RS_TARGET_AVX512 __mmask16
mask_avx512(int k)
{
	return (__mmask16) ((1u << k) - 1);
}

/* the first k < 16 floats, the other lanes zero */
RS_INLINE RS_TARGET_AVX512 vec_avx512
load_part_avx512(const float *p, int k)
{
	return (vec_avx512) _mm512_maskz_loadu_ps(mask_avx512(k), p);
}

/* stores the first k < 16 lanes */
RS_INLINE RS_TARGET_AVX512 void
store_part_avx512(float *p, vec_avx512 v, int k)
{
	_mm512_mask_storeu_ps(p, mask_avx512(k), (__m512) v);
}

/* lane k in every lane */
RS_INLINE RS_TARGET_AVX512 vec_avx512
lane_avx512(vec_avx512 v, int k)
{
	return (vec_avx512) _mm512_permutexvar_ps(_mm512_set1_epi32(k),
											  (__m512) v);
}

/* a0 b0 .. a7 b7 and a8 b8 .. a15 b15 */
RS_INLINE RS_TARGET_AVX512 void
interleave_avx512(vec_avx512 a, vec_avx512 b, vec_avx512 *low,
				  vec_avx512 *high)
{
	const __m512i l = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19,
										4, 20, 5, 21, 6, 22, 7, 23);
	const __m512i h = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27,
										12, 28, 13, 29, 14, 30, 15, 31);

	*low = (vec_avx512) _mm512_permutex2var_ps((__m512) a, l, (__m512) b);
	*high = (vec_avx512) _mm512_permutex2var_ps((__m512) a, h, (__m512) b);
}

/* the sum of the lanes, in a fixed order */
RS_INLINE RS_TARGET_AVX512 float
sum_avx512(vec_avx512 v)
{
	return _mm512_reduce_add_ps((__m512) v);
}

/* square roots of the lanes */
RS_INLINE RS_TARGET_AVX512 vec_avx512
sqrt_avx512(vec_avx512 v)
{
	return (vec_avx512) _mm512_sqrt_ps((__m512) v);
}

/* adds i .. i + 15 to the places found, where v is at least bar */
RS_INLINE RS_TARGET_AVX512 int
select_from_avx512(vec_avx512 v, float bar, int i, int *place, int found)
{
	const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7,
											8, 9, 10, 11, 12, 13, 14, 15);
	__mmask16	mask = _mm512_cmp_ps_mask((__m512) v, _mm512_set1_ps(bar),
										  _CMP_GE_OQ);

	if (mask == 0)
		return found;
	_mm512_storeu_si512(place + found,
						_mm512_maskz_compress_epi32(mask, _mm512_add_epi32(lanes, _mm512_set1_epi32(i))));
	return found + __builtin_popcount(mask);
}

#define RS_LEVEL avx512
#define RS_TARGET RS_TARGET_AVX512
#define RS_WIDTH 16
#define RS_TILE_ROWS 8
#include "simd_loops.h"

/* avx512 with its products of bytes, on processors that have them */
static RsSimd table_vnni;

#endif							/* RS_X86 */

const RsSimd *rs_simd = &table_generic;

/*
 * Chooses the best level of this processor that RS_SIMD allows.  A value that
 * names no level is ignored.  May be called again, for tests.
 */
void
rs_simd_init(void)
{
	const char *wish = getenv("RS_SIMD");

	rs_simd = &table_generic;
	if (wish != NULL && strcmp(wish, "generic") == 0)
		return;

#ifdef RS_X86
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		rs_simd = &table_avx2;
	if (wish != NULL && strcmp(wish, "avx2") == 0)
		return;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma"))
		rs_simd = &table_avx512;
	if (rs_simd == &table_avx512 && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vnni"))
	{
		table_vnni = table_avx512;
		table_vnni.code_products = code_products_vnni;
		rs_simd = &table_vnni;
	}
#endif
}
