/*-------------------------------------------------------------------------
 *
 * test_simd.c
 *	  Every vector kernel at every level against naive code in double.
 *
 *-------------------------------------------------------------------------
 */
#include "simd.h"
#include "test.h"

/* Sizes around every width, the usual ones and those beyond the panels. */
static int
size_at(int i)
{
	static const int large[] = {255, 256, 257, 300, 511, 512, 513, 600};

	if (i < 131)
		return i;
	return i - 131 < 8 ? large[i - 131] : -1;
}

/* dot, dot_wide and axpy, from addresses of any alignment */
static void
test_vectors(void)
{
	int			which;
	int			n;

	for (which = 0; (n = size_at(which)) >= 0; which++)
	{
		int			shift = random_below(5);
		float	   *a = random_floats(n + shift);
		float	   *b = random_floats(n + shift);
		double		sum = 0;
		float		alpha = (float) random_uniform() * 3;
		bool		same = true;
		int			i;

		for (i = 0; i < n; i++)
			sum += (double) a[shift + i] * b[shift + i];
		CHECK(near(rs_simd->dot_wide(a + shift, b + shift, n), sum, 1e-13 * n));
		CHECK(near(rs_simd->dot(a + shift, b + shift, n), sum,
				   2e-7 * sqrt(n) + 1e-7 * fabs(sum)));

		for (i = 0; i < n; i++)
			b[shift + i] = a[shift + i] * .5f;
		rs_simd->axpy(alpha, a + shift, b + shift, n);
		for (i = 0; i < n; i++)
			same &= near(b[shift + i], a[shift + i] * (alpha + .5), 1e-6);
		CHECK(same);
		free(a);
		free(b);
	}
}

/* One rank update of m rows, the upper triangle being left alone. */
static void
check_syrk(int n, int m)
{
	float	   *rows = random_floats((size_t) m * n);
	float	   *weight = random_floats(m);
	float	   *a = random_floats((size_t) n * n);
	float	   *before = make_room((size_t) n * n, sizeof(float));
	const float **x = make_room(m, sizeof(*x));
	bool		lower = true;
	bool		upper = true;
	int			i;
	int			j;
	int			r;

	memcpy(before, a, sizeof(float) * n * n);
	for (r = 0; r < m; r++)
		x[r] = rows + (size_t) (m - 1 - r) * n;
	rs_simd->syrk_lower(x, weight, m, a, n);

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
		{
			size_t		at = (size_t) i * n + j;
			double		s = before[at];

			if (j > i)
			{
				upper &= memcmp(&a[at], &before[at], sizeof(float)) == 0;
				continue;
			}
			for (r = 0; r < m; r++)
				s += (double) weight[r] * x[r][i] * x[r][j];
			lower &= near(a[at], s, 3e-7 * (1 + sqrt(m)));
		}
	CHECK(lower);
	CHECK(upper);
	free(rows);
	free(weight);
	free(a);
	free(before);
	free(x);
}

/* Every size with few rows, some with many. */
static void
test_syrk(void)
{
	static const int many[] = {64, 65, 200, 1000};
	int			which;
	int			n;
	int			i;

	for (which = 1; (n = size_at(which)) >= 0; which++)
		check_syrk(n, n > 200 ? 2 : random_below(40));
	for (i = 0; i < 4; i++)
	{
		check_syrk(1, many[i]);
		check_syrk(13, many[i]);
		check_syrk(64, many[i]);
		check_syrk(100, many[i]);
	}
	check_syrk(64, 0);
	check_syrk(4100, 1);
}

/* A well-conditioned matrix, whose upper triangle is never to be read. */
static float *
definite_matrix(int n)
{
	float	   *a = random_floats((size_t) n * n);
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		a[(size_t) i * n + i] = (float) (n * (.5 + random_uniform()));
		for (j = i + 1; j < n; j++)
			a[(size_t) i * n + j] = NAN;
	}
	return a;
}

/* The factor against the textbook's, in double. */
static void
check_cholesky(int n)
{
	float	   *a = definite_matrix(n);
	double	   *l = make_room((size_t) n * n, sizeof(double));
	bool		lower = true;
	bool		upper = true;
	int			i;
	int			j;
	int			k;

	for (i = 0; i < n; i++)
		for (j = 0; j <= i; j++)
		{
			double		s = a[(size_t) i * n + j];

			for (k = 0; k < j; k++)
				s -= l[(size_t) i * n + k] * l[(size_t) j * n + k];
			l[(size_t) i * n + j] = i == j ? sqrt(s) :
				s / l[(size_t) j * n + j];
		}
	CHECK(rs_simd->cholesky(a, n) == 0);
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
		{
			float		v = a[(size_t) i * n + j];

			if (j <= i)
				lower &= near(v, l[(size_t) i * n + j], 2e-6 * sqrt(n));
			else
				upper &= isnan(v);
		}
	CHECK(lower);
	CHECK(upper);
	free(a);
	free(l);
}

/* The number of the first bad pivot is returned. */
static void
check_bad_pivot(int n, int pivot, float value)
{
	float	   *a = make_room((size_t) n * n, sizeof(float));
	int			i;

	memset(a, 0, sizeof(float) * n * n);
	for (i = 0; i < n; i++)
		a[(size_t) i * n + i] = 4;
	a[(size_t) (pivot - 1) * n + pivot - 1] = value;
	if (pivot < n)
		a[(size_t) n * n - 1] = -1;
	CHECK(rs_simd->cholesky(a, n) == pivot);
	free(a);
}

/* Every size; bad pivots at every place; a case by hand. */
static void
test_cholesky(void)
{
	float		hand[9] = {4, -7, -7, 12, 37, -7, -16, -43, 98};
	int			which;
	int			n;

	CHECK(rs_simd->cholesky(hand, 3) == 0);
	CHECK(near(hand[0], 2, 1e-6) && near(hand[3], 6, 1e-6));
	CHECK(near(hand[4], 1, 1e-5) && near(hand[6], -8, 1e-6));
	CHECK(near(hand[7], 5, 1e-4) && near(hand[8], 3, 1e-3));
	CHECK(hand[1] == -7 && hand[2] == -7 && hand[5] == -7);

	for (which = 1; (n = size_at(which)) >= 0; which++)
	{
		check_cholesky(n);
		check_bad_pivot(n, 1 + random_below(n), 0);
		check_bad_pivot(n, 1 + random_below(n), -1);
		check_bad_pivot(n, 1 + random_below(n), NAN);
		check_bad_pivot(n, 1 + random_below(n), INFINITY);
		check_bad_pivot(n, n, 0);
	}

	/* beyond the panels of the widest level */
	check_cholesky(1030);
	check_bad_pivot(1030, 1000, 0);
}

/* The first level before the choice; the environment only lowers it. */
static void
test_choice(void)
{
	const RsSimd *best;

	CHECK(strcmp(rs_simd->name, "generic") == 0);
	unsetenv("RS_SIMD");
	rs_simd_init();
	best = rs_simd;
	setenv("RS_SIMD", "avx512", 1);
	rs_simd_init();
	CHECK(rs_simd == best);
	setenv("RS_SIMD", "nonsense", 1);
	rs_simd_init();
	CHECK(rs_simd == best);
	setenv("RS_SIMD", "generic", 1);
	rs_simd_init();
	CHECK(strcmp(rs_simd->name, "generic") == 0);
	setenv("RS_SIMD", "avx2", 1);
	rs_simd_init();
	CHECK(strcmp(rs_simd->name, "avx512") != 0);
}

/* All of the above. */
int
main(void)
{
	test_choice();
	at_every_level(test_vectors);
	at_every_level(test_syrk);
	at_every_level(test_cholesky);
	return finish("simd");
}
