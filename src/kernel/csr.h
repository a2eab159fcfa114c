/*-------------------------------------------------------------------------
 *
 * csr.h
 *	  Compressed sparse rows over memory that the caller provides.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_CSR_H
#define RS_CSR_H

#include <stddef.h>
#include <stdint.h>

typedef struct RsCsr
{
	uint32_t	nrows;
	uint32_t	ncols;
	uint64_t   *start;			/* nrows + 1 offsets; start[0] = 0 */
	uint32_t   *col;			/* start[nrows] columns, ascending in a row */
	float	   *value;			/* as many values */
} RsCsr;

/* entries of a row */
static inline uint64_t
rs_csr_length(const RsCsr *m, uint32_t row)
{
	return m->start[(size_t) row + 1] - m->start[row];
}

/*
 * Fill out (arrays allocated by the caller, out->nrows = in->ncols, ...) with
 * the transpose of in.  Columns come out ascending: the order is canonical.
 */
extern void rs_csr_transpose(const RsCsr *in, RsCsr *out);

/* NULL if the invariants hold, else what is wrong: for tests and asserts */
extern const char *rs_csr_check(const RsCsr *m);

#endif							/* RS_CSR_H */
