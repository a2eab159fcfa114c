/*-------------------------------------------------------------------------
 *
 * csr.c
 *	  Transpose and invariants of compressed sparse rows.
 *
 * The transpose is a counting sort by column, linear in rows, columns and
 * entries.  Rows are visited in order, so the columns of the result ascend
 * whatever the order within the rows of the input, and equal matrices have
 * equal bytes.
 *
 * Limits: fewer than 2^32 rows and columns; entries are counted in 64 bits.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "csr.h"

/*
 * The transpose needs no scratch: start[c + 1] first counts column c, then is
 * where column c begins, and ends as the end of column c, which is where
 * column c + 1 begins.
 */
void
rs_csr_transpose(const RsCsr *in, RsCsr *out)
{
	uint64_t	entries = in->start[in->nrows];
	uint64_t	total = 0;
	uint64_t	e;
	uint32_t	row;
	uint32_t	c;

	out->nrows = in->ncols;
	out->ncols = in->nrows;
	memset(out->start, 0, ((size_t) out->nrows + 1) * sizeof(uint64_t));

	for (e = 0; e < entries; e++)
		out->start[(size_t) in->col[e] + 1]++;
	for (c = 0; c < out->nrows; c++)
	{
		uint64_t	count = out->start[(size_t) c + 1];

		out->start[(size_t) c + 1] = total;
		total += count;
	}

	for (row = 0; row < in->nrows; row++)
	{
		for (e = in->start[row]; e < in->start[(size_t) row + 1]; e++)
		{
			uint64_t	place = out->start[(size_t) in->col[e] + 1]++;

			out->col[place] = row;
			out->value[place] = in->value[e];
		}
	}
}

/*
 * Offsets start at 0 and never fall; the columns of a row are in range and
 * strictly ascending.
 */
const char *
rs_csr_check(const RsCsr *m)
{
	uint64_t	e;
	uint32_t	row;

	if (m->start[0] != 0)
		return "the first offset is not 0";
	for (row = 0; row < m->nrows; row++)
		if (m->start[(size_t) row + 1] < m->start[row])
			return "the offsets are not ascending";

	for (row = 0; row < m->nrows; row++)
	{
		for (e = m->start[row]; e < m->start[(size_t) row + 1]; e++)
		{
			if (m->col[e] >= m->ncols)
				return "a column is out of range";
			if (e > m->start[row] && m->col[e] <= m->col[e - 1])
				return "the columns of a row are not ascending";
		}
	}
	return NULL;
}
