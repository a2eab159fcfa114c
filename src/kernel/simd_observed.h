/*-------------------------------------------------------------------------
 *
 * simd_observed.h
 *	  Product of a row's observed vectors with a direction, written once for
 *	  every width.
 *
 * Included by simd_loops.h once per level, with its macros and operations.
 *
 * Method: a row's observed vectors are taken RS_WIDTH at a time.  Their dots
 * with the direction are summed four vectors at a time down to one vector that
 * holds all of them (a tree of interleave and add), and the same vectors, by
 * now in the first level cache, are added up with the weights that follow.
 * The usual numbers of factors are compiled as constants, which keeps the
 * direction and the sums in registers.
 *
 *-------------------------------------------------------------------------
 */

/* One step of the tree that sums lanes: lane 2i of a's sums, 2i + 1 of b's. */
RS_INLINE RS_TARGET RS_VEC
RS_FN(fold) (RS_VEC a, RS_VEC b)
{
	RS_VEC		low;
	RS_VEC		high;

	RS_FN(interleave) (a, b, &low, &high);
	return low + high;
}

/*
 * Dots of the padded x with row[i], in lane i.  The rows come in fours, i, i +
 * RS_WIDTH / 4 and so on, for i below quads.
 */
RS_INLINE RS_TARGET RS_VEC
RS_FN(dots) (const float *const *row, int quads, const float *x, const int n)
{
	RS_VEC		quad[4] = {{0}};
	int			q;
	int			i;

#pragma GCC unroll 4
	for (q = 0; q < RS_WIDTH / 4; q++)
	{
		const float *a = row[q];
		const float *b = row[q + RS_WIDTH / 4];
		const float *c = row[q + RS_WIDTH / 2];
		const float *d = row[q + 3 * RS_WIDTH / 4];
		RS_VEC		sum[4] = {{0}};

		if (q >= quads)
			break;
#pragma GCC unroll 8
		for (i = 0; i + RS_WIDTH <= n; i += RS_WIDTH)
		{
			RS_VEC		v = RS_FN(load) (x + i);

			sum[0] += v * RS_FN(load) (a + i);
			sum[1] += v * RS_FN(load) (b + i);
			sum[2] += v * RS_FN(load) (c + i);
			sum[3] += v * RS_FN(load) (d + i);
		}
		if (i < n)
		{
			RS_VEC		v = RS_FN(load) (x + i);

			sum[0] += v * RS_FN(load_part) (a + i, n - i);
			sum[1] += v * RS_FN(load_part) (b + i, n - i);
			sum[2] += v * RS_FN(load_part) (c + i, n - i);
			sum[3] += v * RS_FN(load_part) (d + i, n - i);
		}
		quad[q] = RS_FN(fold) (RS_FN(fold) (sum[0], sum[2]),
							   RS_FN(fold) (sum[1], sum[3]));
	}
	if (RS_WIDTH == 4)
		return quad[0];
	if (RS_WIDTH == 8)
		return RS_FN(fold) (quad[0], quad[1]);
	return RS_FN(fold) (RS_FN(fold) (quad[0], quad[2]),
						RS_FN(fold) (quad[1], quad[3]));
}

/* The padded out += sum over j < m of c[j] * row[j], vectors from float i. */
RS_INLINE RS_TARGET void
RS_FN(add_columns) (const float *const *row, const float *c, int m,
					float *out, int i, const int vectors)
{
	RS_VEC		sum[4];
	int			j;
	int			k;

#pragma GCC unroll 4
	for (k = 0; k < vectors; k++)
		sum[k] = RS_FN(load) (out + i + k * RS_WIDTH);
	for (j = 0; j < m; j++)
	{
		const float *v = row[j] + i;

#pragma GCC unroll 4
		for (k = 0; k < vectors; k++)
			sum[k] += RS_FN(load) (v + k * RS_WIDTH) * c[j];
	}
#pragma GCC unroll 4
	for (k = 0; k < vectors; k++)
		RS_FN(store) (out + i + k * RS_WIDTH, sum[k]);
}

/* The same for all columns. */
RS_INLINE RS_TARGET void
RS_FN(add_rows) (const float *const *row, const float *c, int m, float *out,
				 const int n)
{
	int			i;
	int			j;

	for (i = 0; i + 4 * RS_WIDTH <= n; i += 4 * RS_WIDTH)
		RS_FN(add_columns) (row, c, m, out, i, 4);
	if (i + 3 * RS_WIDTH <= n)
	{
		RS_FN(add_columns) (row, c, m, out, i, 3);
		i += 3 * RS_WIDTH;
	}
	for (; i + RS_WIDTH <= n; i += RS_WIDTH)
		RS_FN(add_columns) (row, c, m, out, i, 1);
	if (i < n)
	{
		RS_VEC		sum = RS_FN(load) (out + i);

		for (j = 0; j < m; j++)
			sum += RS_FN(load_part) (row[j] + i, n - i) * c[j];
		RS_FN(store) (out + i, sum);
	}
}

/* Asks for the m vectors that col names. */
RS_INLINE RS_TARGET void
RS_FN(ask) (const RsCgRow *row, const uint32_t *col, size_t m, const int n)
{
	size_t		j;
	int			i;

	for (j = 0; j < m; j++)
	{
		const float *v = row->other + (size_t) col[j] * n;

#pragma GCC unroll 8
		for (i = 0; i < n; i += 16)
			__builtin_prefetch(v + i);
	}
}

/*
 * out (unless NULL) += sum of w (bias - v'x) v over the m observed vectors
 * from number j; returns w (bias - v'x)^2 by lanes.  A short chunk is spread
 * so that it fills as few fours as it can.
 */
RS_INLINE RS_TARGET RS_VEC
RS_FN(apply_chunk) (const RsCgRow *row, size_t j, const int m, const float *x,
					float bias, float *out, const int n)
{
	const float *v[RS_WIDTH];
	const float *lane[RS_WIDTH];
	float		w[RS_WIDTH] __attribute__((aligned(64)));
	float		c[RS_WIDTH] __attribute__((aligned(64)));
	const int	fours = RS_WIDTH / 4;
	const int	quads = (m + 3) / 4;
	RS_VEC		miss;
	RS_VEC		scaled;
	int			i;
	int			k;
	int			q;

	v[0] = row->other;			/* m is at least 1 */
#pragma GCC unroll 16
	for (i = 0; i < RS_WIDTH; i++)
		v[i] = row->other + (size_t) row->col[j + (i < m ? i : m - 1)] * n;
	if (m == RS_WIDTH)
	{
		miss = bias - RS_FN(dots) (v, fours, x, n);
		scaled = RS_FN(load) (row->weight + j) * miss;
		if (out != NULL)
			RS_FN(store) (c, scaled);
	}
	else
	{
		RS_FN(store) (w, (RS_VEC) {0});
		for (i = 0, k = 0; k < 4; k++)
			for (q = 0; q < quads; q++, i++)
			{
				lane[k * fours + q] = v[i];
				w[k * fours + q] = i < m ? row->weight[j + i] : 0;
			}
		miss = bias - RS_FN(dots) (lane, quads, x, n);
		scaled = RS_FN(load) (w) * miss;
		RS_FN(store) (w, scaled);
		for (i = 0, k = 0; k < 4; k++)
			for (q = 0; q < quads; q++, i++)
				c[i] = w[k * fours + q];
	}
	if (out != NULL)
		RS_FN(add_rows) (v, c, m, out, n);
	return scaled * miss;
}

/*
 * The same over the observed vectors from first to last.  ahead is how
 * far ahead of the vectors in use others are asked for, 0 for not.
 */
RS_INLINE RS_TARGET RS_VEC
RS_FN(apply_run) (const RsCgRow *row, size_t first, size_t last,
				  const float *x, float bias, float *out, size_t ahead,
				  const int n)
{
	RS_VEC		sum = {0};
	size_t		j;

	for (j = first; j < last; j += RS_WIDTH)
	{
		if (ahead > 0 && j + ahead < row->known)
		{
			size_t		left = row->known - j - ahead;

			RS_FN(ask) (row, row->col + j + ahead,
						left < RS_WIDTH ? left : RS_WIDTH, n);
		}
		if (j + RS_WIDTH <= last)
			sum += RS_FN(apply_chunk) (row, j, RS_WIDTH, x, bias, out, n);
		else
			sum += RS_FN(apply_chunk) (row, j, (int) (last - j), x, bias, out,
									   n);
	}
	return sum;
}

/*
 * The same over all observed vectors, out being set.  Long rows are summed in
 * runs, which keeps rounding small.  part is scratch.
 */
RS_INLINE RS_TARGET RS_VEC
RS_FN(apply_n) (const RsCgRow *row, const float *x, float bias, float *out,
				float *part, size_t ahead, const int n)
{
	const RS_VEC zero = {0};
	RS_VEC		sum = zero;
	size_t		done;
	int			i;

	if (out != NULL)
		for (i = 0; i < n; i += RS_WIDTH)
			RS_FN(store) (out + i, zero);
	for (done = 0; done < row->n; done += RS_CG_RUN)
	{
		size_t		last = row->n - done < RS_CG_RUN ? row->n : done + RS_CG_RUN;

		for (i = 0; i < n; i += RS_WIDTH)
			RS_FN(store) (part + i, zero);
		sum += RS_FN(apply_run) (row, done, last, x, bias,
								 out != NULL ? part : NULL, ahead, n);
		if (out != NULL)
			for (i = 0; i < n; i += RS_WIDTH)
				RS_FN(store) (out + i, RS_FN(load) (out + i) +
							  RS_FN(load) (part + i));
	}
	return sum;
}

/*
 * The same for the usual numbers of factors and for any.  One copy of each,
 * called from three places: more would not stay in the instruction cache.
 */
#define RS_APPLY(name, number) \
static RS_TARGET __attribute__((noinline)) RS_VEC \
RS_FN(name) (const RsCgRow *row, const float *x, float bias, float *out, \
			 float *part, size_t ahead) \
{ \
	return RS_FN(apply_n) (row, x, bias, out, part, ahead, number); \
}

RS_APPLY(apply_48, 48)
RS_APPLY(apply_64, 64)
RS_APPLY(apply_128, 128)
RS_APPLY(apply_any, row->factors)
#undef RS_APPLY

/* Chooses among them. */
RS_INLINE RS_TARGET RS_VEC
RS_FN(apply) (const RsCgRow *row, const float *x, float bias, float *out,
			  float *part, size_t ahead)
{
	switch (row->factors)
	{
		case 48:
			return RS_FN(apply_48) (row, x, bias, out, part, ahead);
		case 64:
			return RS_FN(apply_64) (row, x, bias, out, part, ahead);
		case 128:
			return RS_FN(apply_128) (row, x, bias, out, part, ahead);
		default:
			return RS_FN(apply_any) (row, x, bias, out, part, ahead);
	}
}
