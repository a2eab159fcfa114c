/*-------------------------------------------------------------------------
 *
 * simd_rotate.h
 *	  Product of some rows and a square matrix, written once for every width.
 *
 * Included by simd_loops.h once per level, with its macros and operations.
 * The matrix comes in panels of RS_CG_PANEL columns.  A tile of rows and
 * columns of the result stays in registers while going down a panel.
 *
 *-------------------------------------------------------------------------
 */

/* vectors of a tile; RS_ROTATE_ROWS are its rows */
#define RS_ROTATE_VECTORS (RS_WIDTH == 16 ? 4 : 2)

/*
 * One tile of rotate: RS_ROTATE_ROWS rows, of which m exist, times
 * RS_ROTATE_VECTORS vectors of columns of a panel.  Every element is summed by
 * itself in the order of k, so it does not depend on the other rows.
 */
RS_INLINE RS_TARGET void
RS_FN(rotate_tile) (const float *panel, const float *const *row, int n,
					float *out, int valid, int m)
{
	RS_VEC		sum[RS_ROTATE_ROWS][RS_ROTATE_VECTORS] = {{{0}}};
	int			i;
	int			j;
	int			k;

	for (k = 0; k < n; k++)
	{
		RS_VEC		q[RS_ROTATE_VECTORS];

#pragma GCC unroll 4
		for (j = 0; j < RS_ROTATE_VECTORS; j++)
			q[j] = RS_FN(load) (panel + k * RS_CG_PANEL + j * RS_WIDTH);
#pragma GCC unroll 6
		for (i = 0; i < RS_ROTATE_ROWS; i++)
#pragma GCC unroll 4
			for (j = 0; j < RS_ROTATE_VECTORS; j++)
				sum[i][j] += q[j] * row[i][k];
	}
#pragma GCC unroll 6
	for (i = 0; i < RS_ROTATE_ROWS; i++)
#pragma GCC unroll 4
		for (j = 0; j < RS_ROTATE_VECTORS; j++)
			if (i < m)
				RS_FN(store_upto) (out + (size_t) i * n + j * RS_WIDTH,
								   sum[i][j], valid - j * RS_WIDTH);
}

/* RsSimd.rotate */
static RS_TARGET void
RS_FN(rotate) (const float *panels, int n, const float *rows, int nrows,
			   float *out)
{
	int			first;
	int			sub;
	int			r;
	int			i;

	for (first = 0; first < n; first += RS_CG_PANEL, panels += RS_CG_PANEL * n)
		for (r = 0; r < nrows; r += RS_ROTATE_ROWS)
		{
			const float *row[RS_ROTATE_ROWS];
			int			m = nrows - r < RS_ROTATE_ROWS ? nrows - r :
				RS_ROTATE_ROWS;

			for (i = 0; i < RS_ROTATE_ROWS; i++)
				row[i] = rows + (size_t) (r + (i < m ? i : m - 1)) * n;
			for (sub = 0; sub < RS_CG_PANEL && first + sub < n;
				 sub += RS_ROTATE_VECTORS * RS_WIDTH)
				RS_FN(rotate_tile) (panels + sub, row, n,
									out + (size_t) r * n + first + sub,
									n - first - sub, m);
		}
}

#undef RS_ROTATE_VECTORS
