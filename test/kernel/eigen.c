/*-------------------------------------------------------------------------
 *
 * eigen.c
 *	  Eigenvalues and eigenvectors of a symmetric matrix, for tests that do
 *	  without LAPACK.
 *
 * Householder reflections make the matrix tridiagonal, implicit QL steps make
 * it diagonal.  Vectors are rows throughout, so that every inner loop runs
 * over neighbouring doubles.
 *
 * Reference: Golub, Van Loan: Matrix Computations, 4th edition, algorithms
 * 5.1.1, 8.3.1 and (QL instead of QR) 8.3.2.
 *
 * Limits: about 10 n^3 operations, nothing is blocked; the square of the
 * largest element must be a double; matrices whose eigenvalues spread over many
 * magnitudes may not converge, so training takes LAPACK's.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "eigen.h"

/* QL steps per eigenvalue; two are usual */
#define RS_QL_STEPS 60

/* sum of a[i] * b[i]; four running sums, which vectorise */
static double
dot(int n, const double *a, const double *b)
{
	double		s[4] = {0, 0, 0, 0};
	int			i;
	int			j;

	for (i = 0; i + 4 <= n; i += 4)
		for (j = 0; j < 4; j++)
			s[j] += a[i + j] * b[i + j];
	for (; i < n; i++)
		s[0] += a[i] * b[i];
	return (s[0] + s[2]) + (s[1] + s[3]);
}

/*
 * Makes v, n long, the vector with v[0] = 1 of the reflection I - beta v v'
 * that turns it into *length times the first unit vector.  Returns beta.
 */
static double
reflect(int n, double *v, double *length)
{
	double		rest = dot(n - 1, v + 1, v + 1);
	double		first = v[0];
	double		mu;
	int			i;

	*length = first;
	v[0] = 1;
	if (rest == 0)
		return 0;
	mu = sqrt(first * first + rest);
	*length = mu;
	first = first <= 0 ? first - mu : -rest / (first + mu);
	for (i = 1; i < n; i++)
		v[i] /= first;
	return 2 * first * first / (rest + first * first);
}

/*
 * Leaves the diagonal in value, what stands beside it in beside, the
 * reflections' vectors right of a's diagonal and their betas in beta.  w is
 * scratch.
 */
static void
tridiagonal(int n, double *a, double *value, double *beside, double *beta,
			double *w)
{
	int			k;
	int			i;
	int			j;

	for (k = 0; k < n - 1; k++)
	{
		double	   *v = a + (size_t) k * n + k + 1;
		double	   *rest = v + n;
		int			m = n - k - 1;
		double		half;

		value[k] = v[-1];
		beta[k] = reflect(m, v, &beside[k]);
		if (beta[k] == 0)
			continue;
		for (i = 0; i < m; i++)
			w[i] = beta[k] * dot(m, rest + (size_t) i * n, v);
		half = beta[k] / 2 * dot(m, w, v);
		for (i = 0; i < m; i++)
			w[i] -= half * v[i];
		for (i = 0; i < m; i++)
		{
			double	   *row = rest + (size_t) i * n;
			double		vi = v[i];
			double		wi = w[i];

			for (j = 0; j < m; j++)
				row[j] -= vi * w[j] + wi * v[j];
		}
	}
	value[n - 1] = a[(size_t) n * n - 1];
}

/*
 * Replaces the reflections in a by the transpose of their product, from the
 * last, so that each acts only on what is not yet the unit matrix.
 */
static void
accumulate(int n, double *a, const double *beta, double *v)
{
	int			k;
	int			i;
	int			j;

	a[(size_t) n * n - 1] = 1;
	for (k = n - 2; k >= 0; k--)
	{
		double	   *corner = a + (size_t) k * n + k;
		int			m = n - k - 1;

		memcpy(v, corner + 1, m * sizeof(double));
		memset(corner + 1, 0, m * sizeof(double));
		corner[0] = 1;
		for (i = 1; i <= m; i++)
		{
			double	   *row = corner + (size_t) i * n + 1;
			double		s = beta[k] * dot(m, row, v);

			row[-1] = 0;
			for (j = 0; j < m; j++)
				row[j] -= s * v[j];
		}
	}
}

/* (a, b) := (c a - s b, s a + c b), both n long */
static void
rotate(int n, double c, double s, double *restrict a, double *restrict b)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		double		t = s * a[i] + c * b[i];

		a[i] = c * a[i] - s * b[i];
		b[i] = t;
	}
}

/* One implicit QL step on first..last, with Wilkinson's shift. */
static void
ql_step(int n, int first, int last, double *value, double *beside, double *a)
{
	double		g = (value[first + 1] - value[first]) / (2 * beside[first]);
	double		r = hypot(g, 1);
	double		s = 1;
	double		c = 1;
	double		p = 0;
	int			i;

	g = value[last] - value[first] + beside[first] / (g + copysign(r, g));
	for (i = last - 1; i >= first; i--)
	{
		double		f = s * beside[i];
		double		b = c * beside[i];

		r = hypot(f, g);
		beside[i + 1] = r;
		if (r == 0)
		{
			/* the matrix has come apart here */
			value[i + 1] -= p;
			beside[last] = 0;
			return;
		}
		s = f / r;
		c = g / r;
		g = value[i + 1] - p;
		r = (value[i] - g) * s + 2 * c * b;
		p = s * r;
		value[i + 1] = g + p;
		g = c * r - b;
		rotate(n, c, s, a + (size_t) i * n, a + (size_t) (i + 1) * n);
	}
	value[first] -= p;
	beside[first] = g;
	beside[last] = 0;
}

/* See eigen.h. */
int
rs_eigen(int n, double *a, double *value, double *work)
{
	double	   *beside = work;
	double	   *beta = beside + n;
	double	   *scratch = beta + n;
	int			first;
	int			last;

	tridiagonal(n, a, value, beside, beta, scratch);
	accumulate(n, a, beta, scratch);
	beside[n - 1] = 0;
	for (first = 0; first < n; first++)
	{
		int			steps;

		for (steps = 0; steps < RS_QL_STEPS; steps++)
		{
			for (last = first; last < n - 1; last++)
				if (fabs(beside[last]) <= DBL_EPSILON *
					(fabs(value[last]) + fabs(value[last + 1])))
					break;
			if (last == first)
				break;
			ql_step(n, first, last, value, beside, a);
		}
		if (steps == RS_QL_STEPS || !isfinite(value[first]))
			return -1;
	}
	return 0;
}
