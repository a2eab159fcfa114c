/*-------------------------------------------------------------------------
 *
 * simd_loops.h
 *	  The vector kernels, written once for every width.
 *
 * Included by simd.c once per level, with
 *
 *	  RS_LEVEL		suffix of the level's type and operations
 *	  RS_TARGET		attribute that its functions carry
 *	  RS_WIDTH		floats in a vector
 *	  RS_TILE_ROWS	rows of a register tile, a divisor of RS_WIDTH
 *
 * Method: sums run in vectors by the compilers' vector extensions, so they
 * need no -ffast-math.  Here are the elementary operations and the kernels over
 * whole vectors; those over matrices are in the files included below.
 *
 *-------------------------------------------------------------------------
 */
#define RS_PASTE2(a, b) a##_##b
#define RS_PASTE(a, b) RS_PASTE2(a, b)
#define RS_FN(name) RS_PASTE(name, RS_LEVEL)
#define RS_NAME2(level) #level
#define RS_NAME(level) RS_NAME2(level)
#define RS_VEC RS_FN(vec)

/* as many integers, from anywhere */
typedef int32_t RS_FN(vecu_int) __attribute__((vector_size(RS_WIDTH * 4), aligned(4), may_alias));

/* half a vector of floats, and as many doubles */
typedef float RS_FN(half) __attribute__((vector_size(RS_WIDTH * 2)));
typedef RS_FN(half) RS_FN(halfu) __attribute__((aligned(4), may_alias));
typedef double RS_FN(wide) __attribute__((vector_size(RS_WIDTH * 4)));

/* a whole vector from anywhere */
RS_INLINE RS_TARGET RS_VEC
RS_FN(load) (const float *p)
{
	return *(const RS_FN(vecu) *) p;
}

/* a whole vector to anywhere */
RS_INLINE RS_TARGET void
RS_FN(store) (float *p, RS_VEC v)
{
	*(RS_FN(vecu) *) p = v;
}

/* the first k floats, k <= 0 meaning none and k >= RS_WIDTH all */
RS_INLINE RS_TARGET RS_VEC
RS_FN(load_upto) (const float *p, int k)
{
	const RS_VEC zero = {0};

	if (k >= RS_WIDTH)
		return RS_FN(load) (p);
	return k > 0 ? RS_FN(load_part) (p, k) : zero;
}

/* stores the first k lanes, k <= 0 meaning none and k >= RS_WIDTH all */
RS_INLINE RS_TARGET void
RS_FN(store_upto) (float *p, RS_VEC v, int k)
{
	if (k >= RS_WIDTH)
		RS_FN(store) (p, v);
	else if (k > 0)
		RS_FN(store_part) (p, v, k);
}

/* RsSimd.dot_wide: products of floats are exact in double */
static RS_TARGET double
RS_FN(dot_wide) (const float *a, const float *b, int n)
{
	RS_FN(wide) s = {0};
	RS_FN(wide) t = {0};
	double		sum = 0;
	int			i;

	for (i = 0; i + RS_WIDTH <= n; i += RS_WIDTH)
	{
		RS_FN(half) a0 = *(const RS_FN(halfu) *) (a + i);
		RS_FN(half) b0 = *(const RS_FN(halfu) *) (b + i);
		RS_FN(half) a1 = *(const RS_FN(halfu) *) (a + i + RS_WIDTH / 2);
		RS_FN(half) b1 = *(const RS_FN(halfu) *) (b + i + RS_WIDTH / 2);

		s += __builtin_convertvector(a0, RS_FN(wide)) *
			__builtin_convertvector(b0, RS_FN(wide));
		t += __builtin_convertvector(a1, RS_FN(wide)) *
			__builtin_convertvector(b1, RS_FN(wide));
	}
	s += t;
	for (; i < n; i++)
		sum += (double) a[i] * b[i];
	for (i = 0; i < RS_WIDTH / 2; i++)
		sum += s[i];
	return sum;
}

/* RsSimd.dot: four running sums hide the latency of the multiply-add */
static RS_TARGET float
RS_FN(dot) (const float *a, const float *b, int n)
{
	RS_VEC		s0 = {0};
	RS_VEC		s1 = {0};
	RS_VEC		s2 = {0};
	RS_VEC		s3 = {0};
	int			i;

	for (i = 0; i + 4 * RS_WIDTH <= n; i += 4 * RS_WIDTH)
	{
		s0 += RS_FN(load) (a + i) * RS_FN(load) (b + i);
		s1 += RS_FN(load) (a + i + RS_WIDTH) * RS_FN(load) (b + i + RS_WIDTH);
		s2 += RS_FN(load) (a + i + 2 * RS_WIDTH) *
			RS_FN(load) (b + i + 2 * RS_WIDTH);
		s3 += RS_FN(load) (a + i + 3 * RS_WIDTH) *
			RS_FN(load) (b + i + 3 * RS_WIDTH);
	}
	for (; i + RS_WIDTH <= n; i += RS_WIDTH)
		s0 += RS_FN(load) (a + i) * RS_FN(load) (b + i);
	if (i < n)
		s1 += RS_FN(load_part) (a + i, n - i) * RS_FN(load_part) (b + i, n - i);
	return RS_FN(sum) ((s0 + s1) + (s2 + s3));
}

/* RsSimd.axpy */
static RS_TARGET void
RS_FN(axpy) (float alpha, const float *x, float *y, int n)
{
	int			i;

	for (i = 0; i + RS_WIDTH <= n; i += RS_WIDTH)
		RS_FN(store) (y + i, RS_FN(load) (y + i) + RS_FN(load) (x + i) * alpha);
	if (i < n)
		RS_FN(store_part) (y + i, RS_FN(load_part) (y + i, n - i) +
						   RS_FN(load_part) (x + i, n - i) * alpha, n - i);
}

/* RsSimd.select: always written, kept only where it passes */
static RS_TARGET int
RS_FN(select) (const float *v, int n, float bar, int *place)
{
	int			found = 0;
	int			i;

	for (i = 0; i + RS_WIDTH <= n; i += RS_WIDTH)
		found = RS_FN(select_from) (RS_FN(load) (v + i), bar, i, place, found);
	for (; i < n; i++)
	{
		place[found] = i;
		found += v[i] >= bar;
	}
	return found;
}

/* RsSimd.code_bounds */
static RS_TARGET void
RS_FN(code_bounds) (const int32_t *product, const float *scale,
					const float *error, int n, float a, float b, float c,
					float *out)
{
	int			i;

	for (i = 0; i + RS_WIDTH <= n; i += RS_WIDTH)
	{
		RS_VEC		p = __builtin_convertvector(*(const RS_FN(vecu_int) *) (product + i),
												RS_VEC);

		RS_FN(store) (out + i, p * (RS_FN(load) (scale + i) * a) +
					  (RS_FN(load) (error + i) * b + c));
	}
	for (; i < n; i++)
		out[i] = (float) product[i] * (scale[i] * a) + (error[i] * b + c);
}

#include "simd_cholesky.h"
#include "simd_observed.h"
#include "simd_cg.h"
#include "simd_rotate.h"

static const RsSimd RS_FN(table) = {
	RS_NAME(RS_LEVEL),
	RS_FN(dot_wide),
	RS_FN(dot),
	RS_FN(axpy),
	RS_FN(select),
	RS_FN(code_products),
	RS_FN(code_bounds),
	RS_FN(syrk_lower),
	RS_FN(cholesky),
	RS_FN(cg_row),
	RS_FN(rotate)
};

#undef RS_PASTE2
#undef RS_PASTE
#undef RS_FN
#undef RS_NAME2
#undef RS_NAME
#undef RS_VEC
#undef RS_LEVEL
#undef RS_TARGET
#undef RS_WIDTH
#undef RS_TILE_ROWS
