/*-------------------------------------------------------------------------
 *
 * test_csr.c
 *	  Transposes and the checker of invariants.
 *
 *-------------------------------------------------------------------------
 */
#include "csr.h"
#include "test.h"

/* A matrix with room for entries. */
static RsCsr
make_csr(uint32_t nrows, uint32_t ncols, size_t entries)
{
	RsCsr		m;

	m.nrows = nrows;
	m.ncols = ncols;
	m.start = make_room((size_t) nrows + 1, sizeof(uint64_t));
	m.col = make_room(entries, sizeof(uint32_t));
	m.value = make_room(entries, sizeof(float));
	m.start[0] = 0;
	return m;
}

/* Gives the memory back. */
static void
free_csr(RsCsr *m)
{
	free(m->start);
	free(m->col);
	free(m->value);
}

/* rows (0: 1, 3), (1: none), (2: 0, 1) of 4 columns */
static void
test_hand(void)
{
	static const uint64_t start[] = {0, 2, 2, 4};
	static const uint32_t col[] = {1, 3, 0, 1};
	static const uint64_t tstart[] = {0, 1, 3, 3, 4};
	static const uint32_t tcol[] = {2, 0, 2, 0};
	static const float tvalue[] = {12, 10, 13, 11};
	RsCsr		m = make_csr(3, 4, 4);
	RsCsr		t = make_csr(4, 3, 4);
	int			i;

	memcpy(m.start, start, sizeof(start));
	memcpy(m.col, col, sizeof(col));
	for (i = 0; i < 4; i++)
		m.value[i] = 10 + i;
	CHECK(rs_csr_check(&m) == NULL);

	rs_csr_transpose(&m, &t);
	CHECK(t.nrows == 4 && t.ncols == 3);
	CHECK(memcmp(t.start, tstart, sizeof(tstart)) == 0);
	CHECK(memcmp(t.col, tcol, sizeof(tcol)) == 0);
	CHECK(memcmp(t.value, tvalue, sizeof(tvalue)) == 0);
	CHECK(rs_csr_check(&t) == NULL);

	m.start[0] = 1;
	CHECK(rs_csr_check(&m) != NULL);
	m.start[0] = 0;
	m.start[1] = 3;
	CHECK(rs_csr_check(&m) != NULL);
	m.start[1] = 2;
	m.col[1] = 4;
	CHECK(rs_csr_check(&m) != NULL);
	m.col[1] = 1;
	CHECK(rs_csr_check(&m) != NULL);
	m.col[1] = 0;
	CHECK(rs_csr_check(&m) != NULL);
	free_csr(&m);
	free_csr(&t);
}

/* Twice transposed is what it was. */
static void
check_random(uint32_t nrows, uint32_t ncols, double density)
{
	RsCsr		m = make_csr(nrows, ncols, (size_t) nrows * ncols);
	RsCsr		t;
	RsCsr		back;
	uint64_t	entries = 0;
	uint32_t	i;
	uint32_t	j;

	for (i = 0; i < nrows; i++)
	{
		for (j = 0; j < ncols; j++)
			if (random_uniform() < density)
			{
				m.col[entries] = j;
				m.value[entries++] = (float) random_uniform();
			}
		m.start[i + 1] = entries;
	}
	t = make_csr(ncols, nrows, entries);
	back = make_csr(nrows, ncols, entries);
	rs_csr_transpose(&m, &t);
	CHECK(rs_csr_check(&t) == NULL);
	rs_csr_transpose(&t, &back);
	CHECK(back.nrows == nrows && back.ncols == ncols);
	CHECK(memcmp(back.start, m.start, (nrows + 1) * sizeof(uint64_t)) == 0);
	CHECK(memcmp(back.col, m.col, entries * sizeof(uint32_t)) == 0);
	CHECK(memcmp(back.value, m.value, entries * sizeof(float)) == 0);
	free_csr(&m);
	free_csr(&t);
	free_csr(&back);
}

/* All of the above. */
int
main(void)
{
	test_hand();
	check_random(0, 0, 1);
	check_random(0, 5, 1);
	check_random(5, 0, 1);
	check_random(1, 1, 1);
	check_random(7, 3, 1);
	check_random(40, 60, .1);
	check_random(300, 20, .02);
	return finish("csr");
}
