/*-------------------------------------------------------------------------
 *
 * simd_cg.h
 *	  Conjugate gradients for one row of als_cg.c, written once for every
 *	  width.
 *
 * Included by simd_loops.h once per level, with its macros and operations and
 * the product of simd_observed.h.
 *
 *-------------------------------------------------------------------------
 */

/* the sum of n weights */
RS_INLINE RS_TARGET float
RS_FN(sum_weights) (const float *weight, size_t n)
{
	RS_VEC		sum = {0};
	size_t		i;

	for (i = 0; i + RS_WIDTH <= n; i += RS_WIDTH)
		sum += RS_FN(load) (weight + i);
	if (i < n)
		sum += RS_FN(load_part) (weight + i, (int) (n - i));
	return RS_FN(sum) (sum);
}

/* The sum of a[i] * b[i] over n floats, both padded. */
RS_INLINE RS_TARGET float
RS_FN(dot_padded) (const float *a, const float *b, const int n)
{
	RS_VEC		sum = {0};
	int			i;

#pragma GCC unroll 8
	for (i = 0; i < n; i += RS_WIDTH)
		sum += RS_FN(load) (a + i) * RS_FN(load) (b + i);
	return RS_FN(sum) (sum);
}

/*
 * Fills dense, what multiplies a coordinate apart from the observed vectors,
 * and inverse, the preconditioner, with zeros where there is no coordinate.
 */
RS_INLINE RS_TARGET void
RS_FN(diagonals) (const RsCgRow *row, float observed, float *dense,
				  float *inverse, const int n)
{
	float		common = row->alpha0 + observed * row->share;
	float		least = RS_CG_FLOOR * (row->largest * common + row->ridge) +
		FLT_MIN;
	int			i;

	for (i = 0; i < n; i += RS_WIDTH)
	{
		RS_VEC		e = RS_FN(load_upto) (row->eigen + i, n - i);

		RS_FN(store) (dense + i, (RS_VEC) {0});
		RS_FN(store) (inverse + i, (RS_VEC) {0});
		RS_FN(store_upto) (dense + i, e * row->alpha0 + row->ridge, n - i);
		RS_FN(store_upto) (inverse + i, 1 / (e * common + (row->ridge + least)),
						   n - i);
	}
}

/*
 * RsSimd.cg_row
 *
 * The loss at the start is a sum of squares that the first residual needs
 * anyway.  Each step lowers it by step * r'z, exactly so in exact arithmetic,
 * hence the loss at the end costs nothing, and the last step needs neither a
 * residual nor the second half of its product.
 */
static RS_TARGET int
RS_FN(cg_row) (const RsCgRow *row, float *work, float *x_out, double *loss)
{
	const int	n = row->factors;
	const int	padded = (n + RS_WIDTH - 1) / RS_WIDTH * RS_WIDTH;
	float	   *x = work;
	float	   *r = x + padded;
	float	   *p = r + padded;
	float	   *y = p + padded;
	float	   *dense = y + padded;
	float	   *inverse = dense + padded;
	float	   *part = inverse + padded;
	RS_VEC		sum = {0};
	RS_VEC		rest;
	const float observed = RS_FN(sum_weights) (row->weight, row->n);
	float		rz;
	float		done;
	double		value;
	int			step;
	int			i;

	RS_FN(diagonals) (row, observed, dense, inverse, n);
	for (i = 0; i < n; i += RS_WIDTH)
		RS_FN(store) (x + i, RS_FN(load_upto) (x_out + i, n - i));

	rest = RS_FN(apply) (row, x, 1, y, part, RS_WIDTH);
	for (i = 0; i < n; i += RS_WIDTH)
	{
		RS_VEC		dx = RS_FN(load) (dense + i) * RS_FN(load) (x + i);
		RS_VEC		ri = RS_FN(load) (y + i) - dx;
		RS_VEC		z = RS_FN(load) (inverse + i) * ri;

		rest += dx * RS_FN(load) (x + i);
		sum += ri * z;
		RS_FN(store) (r + i, ri);
		RS_FN(store) (p + i, z);
	}
	value = RS_FN(sum) (rest);
	rz = RS_FN(sum) (sum);
	done = RS_CG_DONE * (rz + n * observed);

	for (step = 1; step <= row->steps; step++)
	{
		bool		last = step == row->steps;
		float		curve;
		float		length;
		float		before = rz;
		size_t		ahead = 0;

		if (!(rz > done && rz <= FLT_MAX))
			break;

		/* long rows do not stay in the cache; the next row is asked for */
		if (last)
			ahead = row->n;
		else if (row->n * n > RS_CG_CACHED)
			ahead = RS_WIDTH;
		sum = RS_FN(apply) (row, p, 0, last ? NULL : y, part, ahead);
		for (i = 0; i < n; i += RS_WIDTH)
			sum += RS_FN(load) (p + i) * RS_FN(load) (p + i) *
				RS_FN(load) (dense + i);
		curve = RS_FN(sum) (sum);
		length = rz / curve;
		if (!(curve > 0 && curve <= FLT_MAX && length <= FLT_MAX))
			break;

		value -= (double) length * rz;
		for (i = 0; i < n; i += RS_WIDTH)
			RS_FN(store) (x + i, RS_FN(load) (x + i) +
						  RS_FN(load) (p + i) * length);
		if (last)
			break;

		sum = (RS_VEC) {0};
		for (i = 0; i < n; i += RS_WIDTH)
		{
			RS_VEC		ri = RS_FN(load) (r + i) + length *
				(RS_FN(load) (y + i) - RS_FN(load) (dense + i) *
				 RS_FN(load) (p + i));
			RS_VEC		z = RS_FN(load) (inverse + i) * ri;

			sum += ri * z;
			RS_FN(store) (r + i, ri);
			RS_FN(store) (y + i, z);
		}
		rz = RS_FN(sum) (sum);
		for (i = 0; i < n; i += RS_WIDTH)
			RS_FN(store) (p + i, RS_FN(load) (y + i) +
						  RS_FN(load) (p + i) * (rz / before));
	}

	for (i = 0; i < n; i += RS_WIDTH)
		RS_FN(store_upto) (x_out + i, RS_FN(load) (x + i), n - i);
	/* what rounding has left of a loss of nothing may be negative */
	*loss = value > 0 ? value : 0;
	/* one sum finds whatever is not finite */
	return isfinite(RS_FN(dot_padded) (x, inverse, n)) && isfinite(value) ?
		0 : -1;
}
