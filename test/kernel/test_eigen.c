/*-------------------------------------------------------------------------
 *
 * test_eigen.c
 *	  Eigenvectors: of their matrix, of length 1, perpendicular.
 *
 *-------------------------------------------------------------------------
 */
#include "eigen.h"
#include "test.h"

/* sum of a[i] * b[i] */
static double
dot(int n, const double *a, const double *b)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* Decomposes the symmetric matrix and checks the definition. */
static void
check(int n, const double *matrix)
{
	double	   *a = make_room((size_t) n * n, sizeof(double));
	double	   *value = make_room(n, sizeof(double));
	double	   *work = make_room(3 * (size_t) n, sizeof(double));
	double		size = 0;
	bool		pairs = true;
	bool		unit = true;
	int			i;
	int			j;

	memcpy(a, matrix, sizeof(double) * n * n);
	for (i = 0; i < n * n; i++)
		size = fmax(size, fabs(a[i]));
	CHECK(rs_eigen(n, a, value, work) == 0);
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
		{
			pairs &= near(dot(n, matrix + j * n, a + i * n),
						  value[i] * a[i * n + j], 1e-13 * n * size);
			unit &= near(dot(n, a + i * n, a + j * n), i == j, 1e-13 * n);
		}
	CHECK(pairs);
	CHECK(unit);
	free(a);
	free(value);
	free(work);
}

/* Random matrices of every small size and some large ones. */
static void
test_random(void)
{
	int			n;

	for (n = 1; n <= 150; n += n < 40 ? 1 : 37)
	{
		double	   *m = make_room((size_t) n * n, sizeof(double));
		int			i;
		int			j;

		for (i = 0; i < n; i++)
			for (j = 0; j <= i; j++)
				m[i * n + j] = m[j * n + i] = random_uniform() - .5;
		check(n, m);
		free(m);
	}
}

/* Zero, unit, diagonal, of rank one, graded, tiny, huge. */
static void
test_special(void)
{
	double		m[64];
	int			kind;
	int			i;
	int			j;

	for (kind = 0; kind < 7; kind++)
	{
		for (i = 0; i < 8; i++)
			for (j = 0; j < 8; j++)
			{
				double		unit = i == j;
				double		ones[7] = {0, unit, i * unit, (i + 1) * (j + 1),
				pow(10, -i - j), 1e-70 * (i + j), 1e76 / (i + j + 1)};

				m[i * 8 + j] = ones[kind];
			}
		check(8, m);
	}
}

/* A matrix without eigenvalues. */
static void
test_refusals(void)
{
	double		a[4] = {1, 0, 0, NAN};
	double		b[9] = {1, NAN, 1, NAN, 1, 1, 1, 1, 1};
	double		value[3];
	double		work[9];

	CHECK(rs_eigen(2, a, value, work) == -1);
	CHECK(rs_eigen(3, b, value, work) == -1);
}

/* All of the above. */
int
main(void)
{
	test_random();
	test_special();
	test_refusals();
	return finish("eigen");
}
