/*-------------------------------------------------------------------------
 *
 * index.c
 *	  Building an index of rows, and looking at one in memory.
 *
 * The block of memory holds, each part aligned: items, norms, places, scales,
 * errors, rows, codes.  Norms, scales and errors are padded with zeros to whole
 * blocks of codes.
 *
 * A row is coded as scale * c + rest with integers |c| <= 127; the scale is
 * that of the row's largest element.  Norms and errors are upper bounds: they
 * are computed in double and rounded up.  A row without a finite norm has the
 * norm INFINITY, comes first, and is never judged by its codes.
 *
 * Limits: rows have at most 2^16 floats, or the integer products overflow.
 * Norms are sorted in the memory of the parts that are filled later.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "index_code.h"
#include "rank.h"
#include "simd.h"

/* rows with smaller elements are not coded: scales stay far from underflow */
#define LEAST_SCALE		1e-30f

#define LARGEST_CODE	127

/* floats that are coded together, a multiple of 4 */
#define PIECE			256

/* digits of the radix sort of norms: three of 11 bits */
#define DIGIT_BITS		11
#define DIGITS			(1 << DIGIT_BITS)
#define PASSES			3

/* Where each part begins. */
typedef struct Layout
{
	size_t		item;
	size_t		norm;
	size_t		place;
	size_t		scale;
	size_t		error;
	size_t		row;
	size_t		code;
	size_t		end;
	size_t		padded;			/* places, whole blocks */
	int			stride;
} Layout;

/* A norm and its item, while being sorted. */
typedef struct Entry
{
	uint32_t	key;			/* rises as the norm falls */
	uint32_t	item;
} Entry;

/* The next part's beginning. */
static size_t
after(size_t start, size_t bytes)
{
	return (start + bytes + RS_INDEX_ALIGN - 1) / RS_INDEX_ALIGN * RS_INDEX_ALIGN;
}

/* a part of the block of memory */
static const void *
part(const void *memory, size_t start)
{
	return (const char *) memory + start;
}

/* the same, to be filled */
static void *
own_part(void *memory, size_t start)
{
	return (char *) memory + start;
}

static void
clear(void *memory, size_t start, size_t end)
{
	memset((char *) memory + start, 0, end - start);
}

/* where the parts of so many rows stand */
static Layout
lay_out(uint32_t nitems, int width)
{
	Layout		l;
	size_t		n = nitems;

	l.padded = (n + RS_CODE_ROWS - 1) / RS_CODE_ROWS * RS_CODE_ROWS;
	l.stride = (width + 3) / 4 * 4;
	l.item = 0;
	l.norm = after(l.item, n * sizeof(uint32_t));
	l.place = after(l.norm, l.padded * sizeof(float));
	l.scale = after(l.place, n * sizeof(uint32_t));
	l.error = after(l.scale, l.padded * sizeof(float));
	l.row = after(l.error, l.padded * sizeof(float));
	l.code = after(l.row, n * width * sizeof(float));
	l.end = after(l.code, l.padded * l.stride);
	return l;
}

size_t
rs_index_bytes(uint32_t nitems, int width)
{
	return lay_out(nitems, width).end;
}

void
rs_index_attach(const void *memory, uint32_t nitems, int width, RsIndex *index)
{
	Layout		l = lay_out(nitems, width);

	index->nitems = nitems;
	index->width = width;
	index->stride = l.stride;
	index->item = part(memory, l.item);
	index->norm = part(memory, l.norm);
	index->place = part(memory, l.place);
	index->scale = part(memory, l.scale);
	index->error = part(memory, l.error);
	index->row = part(memory, l.row);
	index->code = part(memory, l.code);
}

/* The norm of a row, or a little more; INFINITY if there is none. */
static float
norm_bound(const float *row, int width)
{
	double		square = rs_simd->dot_wide(row, row, width);

	/* a float's square is no denormal double, and their sum not infinite */
	if (square == 0)
		return 0;
	return square <= DBL_MAX ? rs_rounded_up(sqrt(square)) : INFINITY;
}

/* Sorts by key, from digit to digit; the result stands in b. */
static void
sort_entries(Entry *a, Entry *b, uint32_t n)
{
	uint32_t	start[PASSES][DIGITS] = {{0}};
	uint32_t	i;
	int			pass;

	for (i = 0; i < n; i++)
		for (pass = 0; pass < PASSES; pass++)
			start[pass][a[i].key >> pass * DIGIT_BITS & (DIGITS - 1)]++;
	for (pass = 0; pass < PASSES; pass++)
	{
		Entry	   *swap = a;
		uint32_t	sum = 0;

		for (i = 0; i < DIGITS; i++)
		{
			uint32_t	count = start[pass][i];

			start[pass][i] = sum;
			sum += count;
		}
		for (i = 0; i < n; i++)
			b[start[pass][a[i].key >> pass * DIGIT_BITS & (DIGITS - 1)]++] = a[i];
		a = b;
		b = swap;
	}
}

/* Items and norms in the order of falling norm, ties by item. */
static void
order_rows(const float *row, uint32_t nitems, int width, void *scratch,
		   uint32_t *item, float *norm)
{
	Entry	   *entry = scratch;
	Entry	   *sorted = entry + nitems;
	uint32_t	i;

	for (i = 0; i < nitems; i++)
	{
		float		bound = norm_bound(row + (size_t) i * width, width);

		/* the bits of a float that is not negative rise with it */
		memcpy(&entry[i].key, &bound, sizeof(float));
		entry[i].key = ~entry[i].key;
		entry[i].item = i;
	}
	sort_entries(entry, sorted, nitems);
	for (i = 0; i < nitems; i++)
	{
		uint32_t	bits = ~sorted[i].key;

		memcpy(&norm[i], &bits, sizeof(float));
		item[i] = sorted[i].item;
	}
}

/* The scale that the largest of n finite floats asks for. */
static float
scale_of(const float *v, int n)
{
	float		largest = 0;
	float		scale;
	int			i;

	for (i = 0; i < n; i++)
		largest = fabsf(v[i]) > largest ? fabsf(v[i]) : largest;
	scale = largest / LARGEST_CODE;
	return scale >= LEAST_SCALE ? scale : 0;
}

/*
 * Errors of the rest as it is computed are 3 unit roundoffs of the norm at
 * most.
 */
float
rs_index_encode(const float *v, int n, double norm, int8_t *code, int step,
				float *scale)
{
	float		s = scale_of(v, n);
	float		inverse = s > 0 ? 1 / s : 0;
	double		square = 0;
	int			first;

	for (first = 0; first < n; first += PIECE)
	{
		int			some = n - first < PIECE ? n - first : PIECE;
		float		rest[PIECE];
		int8_t		c[PIECE] = {0};
		int			i;

		for (i = 0; i < some; i++)
		{
			/* adding 1.5 * 2^23 rounds to an integer */
			float		r = (v[first + i] * inverse + 12582912.0f) - 12582912.0f;

			r = r > LARGEST_CODE ? LARGEST_CODE : r;
			r = r < -LARGEST_CODE ? -LARGEST_CODE : r;
			c[i] = (int8_t) (int) r;
			rest[i] = v[first + i] - s * r;
		}
		for (i = 0; i < some; i += 4, code += step)
			memcpy(code, c + i, 4);
		square += rs_simd->dot_wide(rest, rest, some);
	}
	*scale = s;
	return rs_rounded_up(sqrt(square) + 4 * RS_UNIT_ROUNDOFF * norm);
}

/* Writes down the rows and their codes in the order of items. */
static void
pack_rows(const float *from, const RsIndex *index, float *row, int8_t *code,
		  float *scale, float *error)
{
	int			width = index->width;
	size_t		block = (size_t) RS_CODE_ROWS * index->stride;
	uint32_t	p;

	for (p = 0; p < index->nitems; p++)
	{
		float	   *y = row + (size_t) p * width;
		int8_t	   *c = code + p / RS_CODE_ROWS * block + p % RS_CODE_ROWS * 4;

		memcpy(y, from + (size_t) index->item[p] * width, width * sizeof(float));
		if (index->norm[p] < INFINITY)
			error[p] = rs_index_encode(y, width, index->norm[p], c,
									   4 * RS_CODE_ROWS, &scale[p]);
	}
}

void
rs_index_build(const float *row, uint32_t nitems, int width, void *memory,
			   RsIndex *index)
{
	Layout		l = lay_out(nitems, width);
	uint32_t   *item = own_part(memory, l.item);
	uint32_t   *place = own_part(memory, l.place);
	float	   *norm = own_part(memory, l.norm);
	uint32_t	p;

	rs_index_attach(memory, nitems, width, index);
	order_rows(row, nitems, width, own_part(memory, l.place), item, norm);

	/* what is not filled below is zeros, between the parts as well */
	clear(memory, l.item + nitems * sizeof(uint32_t), l.norm);
	clear(memory, l.norm + nitems * sizeof(float), l.place);
	clear(memory, l.place + nitems * sizeof(uint32_t), l.row);
	clear(memory, l.row + (size_t) nitems * width * sizeof(float), l.end);
	for (p = 0; p < nitems; p++)
		place[item[p]] = p;
	pack_rows(row, index, own_part(memory, l.row), own_part(memory, l.code),
			  own_part(memory, l.scale), own_part(memory, l.error));
}
