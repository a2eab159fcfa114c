/*-------------------------------------------------------------------------
 *
 * simd.h
 *	  Vector kernels behind one table of function pointers.
 *
 * The table is chosen once by the processor's features; the environment
 * variable RS_SIMD (generic, avx2, avx512) can only lower the choice, for
 * tests.  Each level sums in its own fixed order, so results are the same
 * from run to run on one processor and agree within rounding across levels.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_SIMD_H
#define RS_SIMD_H

#include <stddef.h>
#include <stdint.h>

/* columns of a panel of RsSimd.rotate */
#define RS_CG_PANEL 64

/* One row's equation in the basis of als_cg.h. */
typedef struct RsCgRow
{
	int			factors;
	int			steps;			/* at most this many */
	float		alpha0;
	float		ridge;
	float		share;			/* 1 / rows of other */
	float		largest;		/* of the eigenvalues */
	const float *eigen;			/* one eigenvalue a factor */
	const float *other;			/* rows of factors floats */
	const uint32_t *col;		/* n observed rows of other, at least one */
	const float *weight;		/* as many weights */
	size_t		n;
	size_t		known;			/* col has so many, the next rows' included */
} RsCgRow;

/* select writes so many places more than it returns */
#define RS_SELECT_SLACK 16

/* rows of a block of 8-bit codes */
#define RS_CODE_ROWS 16

typedef struct RsSimd
{
	const char *name;			/* "generic", "avx2" or "avx512" */

	/* sum of a[i] * b[i], accumulated in double */
	double		(*dot_wide) (const float *a, const float *b, int n);

	/* the same, accumulated in float: for scoring many items */
	float		(*dot) (const float *a, const float *b, int n);

	/* y += alpha * x */
	void		(*axpy) (float alpha, const float *x, float *y, int n);

	/*
	 * Where v[0 .. n-1] is at least bar, ascending; returns how many.  place
	 * has room for n + RS_SELECT_SLACK.
	 */
	int			(*select) (const float *v, int n, float bar, int *place);

	/*
	 * Products of blocks of RS_CODE_ROWS rows of codes with x, exactly and so
	 * the same at every level.  A block holds bytes 0 .. 3 of each of its rows,
	 * then bytes 4 .. 7 of each, and so on; stride, a multiple of 4, is how
	 * many bytes a row has.  No code is -128.
	 */
	void		(*code_products) (const int8_t *code, const int8_t *x,
								  int stride, int blocks, int32_t *product);

	/* out[i] = product[i] * (scale[i] * a) + (error[i] * b + c) */
	void		(*code_bounds) (const int32_t *product, const float *scale,
								const float *error, int n, float a, float b,
								float c, float *out);

	/*
	 * Lower triangle of the row-major n x n matrix a += sum over the m rows
	 * x[r] (each n long) of weight[r] * x[r] x[r]'.
	 */
	void		(*syrk_lower) (const float *const *x, const float *weight,
							   int m, float *a, int n);

	/*
	 * In-place Cholesky factorisation of the lower triangle of the row-major
	 * n x n matrix a.  Returns 0, or the 1-based number of the first pivot
	 * that is not positive and finite.
	 */
	int			(*cholesky) (float *a, int n);

	/*
	 * Improves x by conjugate gradients and gives its share of the loss; work
	 * has room for 7 * (factors + 15) floats.  Returns -1 if anything is not
	 * finite.
	 */
	int			(*cg_row) (const RsCgRow *row, float *work, float *x,
						   double *loss);

	/*
	 * out = rows (nrows x n) times the n x n matrix whose columns stand in
	 * panels of RS_CG_PANEL, row after row, the last one padded.
	 */
	void		(*rotate) (const float *panels, int n, const float *rows,
						   int nrows, float *out);
} RsSimd;

extern const RsSimd *rs_simd;

extern void rs_simd_init(void);

#endif							/* RS_SIMD_H */
