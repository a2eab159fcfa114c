/*-------------------------------------------------------------------------
 *
 * simd_code.h
 *	  RsSimd.code_products of each level.
 *
 * Included by simd.c alone.  Codes stand as simd.h says, so that the four
 * products that an instruction adds up are of one row, and each lane is a row:
 * no sum across lanes is needed.  Sums of integers are exact, hence the same
 * whatever their order.
 *
 *-------------------------------------------------------------------------
 */

/* 16 bytes as integers; shifts tell the halves of an element apart */
typedef int16_t shorts_generic __attribute__((vector_size(16)));
typedef int32_t ints_generic __attribute__((vector_size(16)));

/* Adds the products of 16 codes to the sums of 4 rows, without overflow. */
RS_INLINE ints_generic
add_codes_generic(ints_generic sum, const int8_t *code, shorts_generic x_low,
				  shorts_generic x_high)
{
	shorts_generic c;
	ints_generic pairs;

	memcpy(&c, code, sizeof(c));
	pairs = (ints_generic) ((c << 8 >> 8) * x_low + (c >> 8) * x_high);
	return sum + (pairs << 16 >> 16) + (pairs >> 16);
}

/* RsSimd.code_products */
static void
code_products_generic(const int8_t *code, const int8_t *x, int stride,
					  int blocks, int32_t *product)
{
	for (; blocks > 0; blocks--, product += RS_CODE_ROWS)
	{
		ints_generic sum[4] = {{0}};
		int			i;

		for (i = 0; i < stride; i += 4, code += 4 * RS_CODE_ROWS)
		{
			ints_generic four;
			shorts_generic v;
			int32_t		bytes;

			memcpy(&bytes, x + i, sizeof(bytes));
			four = (ints_generic) {bytes, bytes, bytes, bytes};
			v = (shorts_generic) four;
			sum[0] = add_codes_generic(sum[0], code, v << 8 >> 8, v >> 8);
			sum[1] = add_codes_generic(sum[1], code + 16, v << 8 >> 8, v >> 8);
			sum[2] = add_codes_generic(sum[2], code + 32, v << 8 >> 8, v >> 8);
			sum[3] = add_codes_generic(sum[3], code + 48, v << 8 >> 8, v >> 8);
		}
		memcpy(product, sum, sizeof(sum));
	}
}

#ifdef RS_X86

/* the same four bytes in every lane */
RS_INLINE RS_TARGET_AVX2 __m256i
four_avx2(const int8_t *p)
{
	int32_t		four;

	memcpy(&four, p, sizeof(four));
	return _mm256_set1_epi32(four);
}

/*
 * Adds the products of 32 codes to the sums of 8 rows.  The sign of the code
 * goes over to x, as one factor of the products of bytes is unsigned; two of
 * them are 2 * 127^2 at most, which 16 bits hold.
 */
RS_INLINE RS_TARGET_AVX2 __m256i
add_codes_avx2(__m256i sum, const int8_t *code, __m256i x)
{
	__m256i		c = _mm256_loadu_si256((const __m256i *) code);
	__m256i		pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(c),
											 _mm256_sign_epi8(x, c));

	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* RsSimd.code_products */
static RS_TARGET_AVX2 void
code_products_avx2(const int8_t *code, const int8_t *x, int stride,
				   int blocks, int32_t *product)
{
	for (; blocks > 0; blocks--, product += RS_CODE_ROWS)
	{
		__m256i		low = _mm256_setzero_si256();
		__m256i		high = low;
		int			i;

		for (i = 0; i < stride; i += 4, code += 4 * RS_CODE_ROWS)
		{
			__m256i		v = four_avx2(x + i);

			low = add_codes_avx2(low, code, v);
			high = add_codes_avx2(high, code + 32, v);
		}
		_mm256_storeu_si256((__m256i *) product, low);
		_mm256_storeu_si256((__m256i *) (product + 8), high);
	}
}

/* AVX512F has no products of bytes */
#define code_products_avx512 code_products_avx2

/*
 * Adds the products of 64 codes with the four bytes at x to the sums of 16
 * rows.  128 is added to the codes, as one factor is unsigned.
 */
RS_INLINE RS_TARGET_VNNI __m512i
add_codes_vnni(__m512i sum, const int8_t *code, const int8_t *x)
{
	int32_t		four;

	memcpy(&four, x, sizeof(four));
	return _mm512_dpbusd_epi32(sum,
							   _mm512_xor_si512(_mm512_loadu_si512(code),
												_mm512_set1_epi8((char) 0x80)),
							   _mm512_set1_epi32(four));
}

/*
 * RsSimd.code_products.  What the 128 add is taken off in advance.  Two sums
 * hide the latency; several blocks at a time would be as many streams of
 * memory, and were half as fast.
 */
static RS_TARGET_VNNI void
code_products_vnni(const int8_t *code, const int8_t *x, int stride,
				   int blocks, int32_t *product)
{
	int32_t		start = 0;
	int			i;

	for (i = 0; i < stride; i++)
		start -= 128 * x[i];
	for (; blocks > 0; blocks--, product += RS_CODE_ROWS)
	{
		__m512i		sum = _mm512_set1_epi32(start);
		__m512i		other = _mm512_setzero_si512();

		for (i = 0; i + 8 <= stride; i += 8, code += 8 * RS_CODE_ROWS)
		{
			sum = add_codes_vnni(sum, code, x + i);
			other = add_codes_vnni(other, code + 4 * RS_CODE_ROWS, x + i + 4);
		}
		if (i < stride)
		{
			sum = add_codes_vnni(sum, code, x + i);
			code += 4 * RS_CODE_ROWS;
		}
		_mm512_storeu_si512(product, _mm512_add_epi32(sum, other));
	}
}

#endif							/* RS_X86 */
