/*-------------------------------------------------------------------------
 *
 * nearest.c
 *	  The search of src/kernel/index.c over a model's own factors, beside one
 *	  sgemv of the same rows.
 *
 *	  nearest ITEMS USERS
 *
 * The arguments are files of COPY (SELECT factor ...) WITH (FORMAT binary).
 * Prints lines "name value": the median microseconds of the best 300 and of the
 * best 100 for the users, of one sgemv, and the share of the sgemv's bytes that
 * the best 100 touched; then the same of the rows scaled to equal norm, where
 * the order of the norms is of no use.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "index.h"
#include "simd.h"

#define MOST_USERS 400
#define MOST_K 300

typedef struct Rows
{
	size_t		n;
	int			width;
	float	   *row;
} Rows;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e6 + 1e-3 * (double) t.tv_nsec;
}

static void
fail(const char *what, const char *of)
{
	fprintf(stderr, "nearest: %s: %s\n", of, what);
	exit(1);
}

static void *
need(size_t bytes)
{
	void	   *p = aligned_alloc(RS_INDEX_ALIGN, (bytes / RS_INDEX_ALIGN + 1) * RS_INDEX_ALIGN);

	if (p == NULL)
		fail("out of memory", "memory");
	return p;
}

/* a big-endian number of the file; false at its end */
static bool
number(FILE *f, int bytes, uint32_t *value)
{
	*value = 0;
	while (bytes-- > 0)
	{
		int			c = fgetc_unlocked(f);

		if (c == EOF)
			return false;
		*value = *value << 8 | (uint32_t) c;
	}
	return true;
}

/* Rows of one float4[] each: field count, length, and the array as it is sent. */
static Rows
read_rows(const char *name, size_t most)
{
	Rows		r = {0, 0, NULL};
	FILE	   *f = fopen(name, "rb");
	size_t		room = 0;
	uint32_t	v;

	if (f == NULL || fseek(f, 19, SEEK_SET) != 0)
		fail("could not read", name);
	while (r.n < most && number(f, 2, &v) && v != 0xffff)
	{
		uint32_t	head[6];	/* length, dimensions, flags, type, size, first */
		int			i;

		for (i = 0; i < 6; i++)
			if (!number(f, 4, &head[i]))
				fail("ends too early", name);
		if (v != 1 || head[1] != 1 || (r.n > 0 && (int) head[4] != r.width))
			fail("holds no vectors of one length", name);
		r.width = (int) head[4];
		if (r.n == room)
		{
			room = room ? room * 2 : 1024;
			r.row = realloc(r.row, room * r.width * sizeof(float));
			if (r.row == NULL)
				fail("out of memory", name);
		}
		for (i = 0; i < r.width; i++)
		{
			uint32_t	length;

			if (!number(f, 4, &length) || !number(f, 4, &v))
				fail("ends too early", name);
			memcpy(&r.row[r.n * r.width + i], &v, sizeof(v));
		}
		r.n++;
	}
	fclose(f);
	if (r.n == 0)
		fail("holds no rows", name);
	return r;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median(double *x, int n)
{
	qsort(x, n, sizeof(double), compare);
	return x[n / 2];
}

/* Median time of the k best of every user, and mean bytes. */
static double
search(const RsIndex *index, const Rows *users, int k, double *bytes)
{
	void	   *work = need(rs_index_workspace(index, k));
	RsScored	best[MOST_K];
	double		us[MOST_USERS];
	size_t		u;

	*bytes = 0;
	for (u = 0; u < users->n; u++)
	{
		RsIndexCost cost = {0};
		double		began = now();

		rs_index_search(index, users->row + u * users->width, k, NULL, 0, work, best, &cost);
		us[u] = now() - began;
		*bytes += (double) cost.bytes / (double) users->n;
	}
	free(work);
	return median(us, (int) users->n);
}

static void
measure(const Rows *items, const Rows *users, const char *name)
{
	RsIndex		index;
	void	   *memory = need(rs_index_bytes((uint32_t) items->n, items->width));
	float	   *score = need(items->n * sizeof(float));
	double		all = (double) items->n * items->width * sizeof(float);
	double		us[21];
	double		bytes;
	int			i;

	rs_index_build(items->row, (uint32_t) items->n, items->width, memory, &index);
	printf("%s_300 %.1f\n", name, search(&index, users, MOST_K, &bytes));
	printf("%s_100 %.1f\n", name, search(&index, users, 100, &bytes));
	printf("%s_share %.5f\n", name, bytes / all);
	for (i = 0; i < 21; i++)
	{
		double		began = now();

		cblas_sgemv(CblasRowMajor, CblasNoTrans, (int) items->n, items->width, 1, items->row,
					items->width, users->row + (size_t) (i % users->n) * users->width, 1, 0, score, 1);
		us[i] = now() - began;
	}
	printf("%s_sgemv %.1f\n", name, median(us, 21));
	free(score);
	free(memory);
}

int
main(int argc, char **argv)
{
	Rows		items;
	Rows		users;
	size_t		i;

	if (argc != 3)
		fail("nearest ITEMS USERS", "usage");
	items = read_rows(argv[1], SIZE_MAX);
	users = read_rows(argv[2], MOST_USERS);
	if (items.width != users.width)
		fail("other width than the items'", argv[2]);
	rs_simd_init();
	measure(&items, &users, "factors");
	for (i = 0; i < items.n; i++)
	{
		float	   *row = items.row + i * items.width;
		float		norm = sqrtf(rs_simd->dot(row, row, items.width));
		int			j;

		for (j = 0; j < items.width && norm > 0; j++)
			row[j] /= norm;
	}
	measure(&items, &users, "equal");
	return 0;
}
