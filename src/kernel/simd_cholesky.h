/*-------------------------------------------------------------------------
 *
 * simd_cholesky.h
 *	  Rank updates and Cholesky factors, written once for every width.
 *
 * Included by simd_loops.h once per level, with its macros and operations.
 *
 * Method: rank updates pack the rows into a zero-padded panel and keep a tile
 * of RS_TILE_ROWS x 2 or x 1 vectors of the result in registers while going
 * down the panel; the tile is added to the matrix once.  Cholesky is
 * right-looking by blocks of RS_WIDTH columns.  A block of columns is
 * transposed in registers, so that its elimination and the solve for the rows
 * below it run over whole vectors, and the transposed block is the panel of the
 * trailing rank update.
 *
 * Limits: Cholesky of more than RS_PANEL / RS_WIDTH columns, and rank updates
 * of more than RS_PANEL_SYRK columns, use plain loops.
 *
 *-------------------------------------------------------------------------
 */

/*
 * One tile of a rank update: RS_TILE_ROWS rows of a from row i, vectors
 * (1 or 2) vectors of columns from column j; what lies above the diagonal or
 * below row n - 1 is computed but not stored.
 */
RS_INLINE RS_TARGET void
RS_FN(tile) (const float *scaled, const float *plain, int m, int stride,
			 float *a, int lda, int n, int i, int j, const int vectors)
{
	RS_VEC		acc[RS_TILE_ROWS][2] = {{{0}}};
	int			r;
	int			p;
	int			v;

	scaled += i;
	plain += j;
	for (r = 0; r < m; r++, scaled += stride, plain += stride)
	{
		RS_VEC		x0 = RS_FN(load) (plain);
		RS_VEC		x1 = vectors > 1 ? RS_FN(load) (plain + RS_WIDTH) : x0;

#pragma GCC unroll 8
		for (p = 0; p < RS_TILE_ROWS; p++)
		{
			acc[p][0] += x0 * scaled[p];
			if (vectors > 1)
				acc[p][1] += x1 * scaled[p];
		}
	}

#pragma GCC unroll 8
	for (p = 0; p < RS_TILE_ROWS; p++)
	{
		if (i + p >= n)
			break;
		for (v = 0; v < vectors; v++)
		{
			float	   *out = a + (size_t) (i + p) * lda + j + v * RS_WIDTH;
			int			valid = i + p + 1 - (j + v * RS_WIDTH);

			RS_FN(store_upto) (out, RS_FN(load_upto) (out, valid) + acc[p][v],
							   valid);
		}
	}
}

/*
 * Adds sum over r < m of scaled[r] plain[r]' to the lower triangle of a, n
 * rows of leading dimension lda.  The panels have stride floats a row, a
 * multiple of RS_WIDTH that is at least n, and finite padding.
 */
static RS_TARGET void
RS_FN(rank_update) (const float *scaled, const float *plain, int m, int stride,
					float *a, int lda, int n)
{
	int			i;
	int			j;

	for (i = 0; i < n; i += RS_TILE_ROWS)
	{
		int			last = i + RS_TILE_ROWS - 1;

		for (j = 0; j + RS_WIDTH <= last; j += 2 * RS_WIDTH)
			RS_FN(tile) (scaled, plain, m, stride, a, lda, n, i, j, 2);
		if (j <= last)
			RS_FN(tile) (scaled, plain, m, stride, a, lda, n, i, j, 1);
	}
}

/* RsSimd.syrk_lower */
static RS_TARGET void
RS_FN(syrk_lower) (const float *const *x, const float *weight, int m,
				   float *a, int n)
{
	float		scaled[RS_PANEL_SYRK] __attribute__((aligned(64)));
	float		plain[RS_PANEL_SYRK] __attribute__((aligned(64)));
	int			stride = (n + RS_WIDTH - 1) / RS_WIDTH * RS_WIDTH;
	int			block;
	int			r;
	int			i;

	if (stride > RS_PANEL_SYRK)
	{
		for (r = 0; r < m; r++)
			for (i = 0; i < n; i++)
				RS_FN(axpy) (weight[r] * x[r][i], x[r], a + (size_t) i * n,
							 i + 1);
		return;
	}

	block = RS_PANEL_SYRK / stride;
	while (m > 0)
	{
		int			rows = m < block ? m : block;

		for (r = 0; r < rows; r++)
			for (i = 0; i < n; i += RS_WIDTH)
			{
				RS_VEC		v = RS_FN(load_upto) (x[r] + i, n - i);

				RS_FN(store) (plain + r * stride + i, v);
				RS_FN(store) (scaled + r * stride + i, v * weight[r]);
			}
		RS_FN(rank_update) (scaled, plain, rows, stride, a, n, n);
		x += rows;
		weight += rows;
		m -= rows;
	}
}

/*
 * Transposes RS_WIDTH vectors: a perfect shuffle rotates the bits of (row,
 * column) by one, so as many as the width has bits swap the two.
 */
RS_INLINE RS_TARGET void
RS_FN(transpose) (RS_VEC *x)
{
	RS_VEC		t[RS_WIDTH];
	int			bit;
	int			i;

#pragma GCC unroll 4
	for (bit = 1; bit < RS_WIDTH; bit *= 2)
	{
#pragma GCC unroll 16
		for (i = 0; i < RS_WIDTH / 2; i++)
			RS_FN(interleave) (x[i], x[i + RS_WIDTH / 2], &t[2 * i],
							   &t[2 * i + 1]);
#pragma GCC unroll 16
		for (i = 0; i < RS_WIDTH; i++)
			x[i] = t[i];
	}
}

/*
 * Factors the block of nb <= RS_WIDTH rows and columns at a.  lt receives the
 * transpose of its Cholesky factor and inverse the inverses of its diagonal.
 * Returns 0 or the number of the bad pivot within the block.
 *
 * Elimination goes by the square-root-free form, which has one division in
 * the chain from pivot to pivot; the roots are taken together at the end.
 */
static RS_TARGET int
RS_FN(factor_block) (float *a, int lda, int nb, float *lt, float *inverse)
{
	RS_VEC		u[RS_WIDTH];
	RS_VEC		scale;
	float		pivot[RS_WIDTH] __attribute__((aligned(64)));
	int			i;
	int			k;

	/* a short block is completed by the unit matrix */
	for (i = 0; i < RS_WIDTH; i++)
	{
		const RS_VEC zero = {0};

		u[i] = zero;
		if (i < nb)
			u[i] = RS_FN(load_upto) (a + (size_t) i * lda, i + 1);
		else
			u[i][i] = 1;
	}
	RS_FN(transpose) (u);

#pragma GCC unroll 16
	for (i = 0; i < RS_WIDTH; i++)
	{
		RS_VEC		d = RS_FN(lane) (u[i], i);
		RS_VEC		s = u[i] / d;

		pivot[i] = d[0];
#pragma GCC unroll 16
		for (k = i + 1; k < RS_WIDTH; k++)
			u[k] -= RS_FN(lane) (s, k) * u[i];
	}

	for (i = 0; i < nb; i++)
		if (!(pivot[i] > 0 && pivot[i] <= FLT_MAX))
			return i + 1;

	scale = 1.0f / RS_FN(sqrt) (RS_FN(load) (pivot));
	RS_FN(store) (inverse, scale);
#pragma GCC unroll 16
	for (i = 0; i < RS_WIDTH; i++)
	{
		u[i] *= RS_FN(lane) (scale, i);
		RS_FN(store) (lt + i * RS_WIDTH, u[i]);
	}
	RS_FN(transpose) (u);
	for (i = 0; i < nb; i++)
		RS_FN(store_upto) (a + (size_t) i * lda, u[i], i + 1);
	return 0;
}

/*
 * Solves for up to RS_WIDTH rows below a factored block (rows of them exist)
 * and puts their transpose into the panels, plain and negated.
 */
static RS_TARGET void
RS_FN(solve_rows) (float *a, int lda, int rows, const float *lt,
				   const float *inverse, float *plain, float *negated,
				   int stride)
{
	RS_VEC		x[RS_WIDTH];
	const RS_VEC zero = {0};
	int			i;
	int			k;

	for (i = 0; i < RS_WIDTH; i++)
		x[i] = i < rows ? RS_FN(load) (a + (size_t) i * lda) : zero;
	RS_FN(transpose) (x);
#pragma GCC unroll 16
	for (i = 0; i < RS_WIDTH; i++)
	{
		x[i] *= inverse[i];
#pragma GCC unroll 16
		for (k = i + 1; k < RS_WIDTH; k++)
			x[k] -= x[i] * lt[i * RS_WIDTH + k];
		RS_FN(store) (plain + i * stride, x[i]);
		RS_FN(store) (negated + i * stride, -x[i]);
	}
	RS_FN(transpose) (x);
	for (i = 0; i < rows && i < RS_WIDTH; i++)
		RS_FN(store) (a + (size_t) i * lda, x[i]);
}

/* Cholesky row by row, for matrices too large for the panels. */
static RS_TARGET int
RS_FN(cholesky_large) (float *a, int n)
{
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		float	   *row = a + (size_t) i * n;
		float		pivot;

		for (j = 0; j < i; j++)
		{
			const float *other = a + (size_t) j * n;

			row[j] = (row[j] - RS_FN(dot) (row, other, j)) / other[j];
		}
		pivot = row[i] - RS_FN(dot) (row, row, i);
		if (!(pivot > 0 && pivot <= FLT_MAX))
			return i + 1;
		row[i] = sqrtf(pivot);
	}
	return 0;
}

/* RsSimd.cholesky */
static RS_TARGET int
RS_FN(cholesky) (float *a, int n)
{
	float		plain[RS_PANEL] __attribute__((aligned(64)));
	float		negated[RS_PANEL] __attribute__((aligned(64)));
	float		lt[RS_WIDTH * RS_WIDTH] __attribute__((aligned(64)));
	float		inverse[RS_WIDTH] __attribute__((aligned(64)));
	int			k;

	if (n > RS_PANEL / RS_WIDTH)
		return RS_FN(cholesky_large) (a, n);

	for (k = 0; k < n; k += RS_WIDTH)
	{
		int			below = n - k - RS_WIDTH;
		int			stride = (below + RS_WIDTH - 1) / RS_WIDTH * RS_WIDTH;
		float	   *corner = a + (size_t) k * n + k;
		float	   *next = corner + (size_t) RS_WIDTH * n;
		int			bad;
		int			i;

		bad = RS_FN(factor_block) (corner, n, below < 0 ? n - k : RS_WIDTH, lt,
								   inverse);
		if (bad != 0)
			return k + bad;
		if (below <= 0)
			break;
		for (i = 0; i < below; i += RS_WIDTH)
			RS_FN(solve_rows) (next + (size_t) i * n, n, below - i, lt, inverse,
							   plain + i, negated + i, stride);
		RS_FN(rank_update) (negated, plain, RS_WIDTH, stride, next + RS_WIDTH,
							n, below);
	}
	return 0;
}
