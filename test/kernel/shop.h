/*-------------------------------------------------------------------------
 *
 * shop.h
 *	  Who bought what in a generated shop, for benchmarks.
 *
 * Both sides are skewed: users by rank^-1/2, the items of a group about by
 * 1/rank.  Users are in groups of taste, from which seven in ten of their
 * items come.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TEST_SHOP_H
#define RS_TEST_SHOP_H

#include <math.h>
#include <stdlib.h>

#include "csr.h"
#include "random.h"

/* Zeros, or nothing. */
static inline void *
shop_room(size_t count, size_t size)
{
	void	   *p = calloc(count, size);

	if (p == NULL)
		exit(2);
	return p;
}

static inline int
shop_compare(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return (x > y) - (x < y);
}

/* A pair, user before item; even is the share of those whatever the rank. */
static inline uint64_t
shop_pair(uint32_t users, uint32_t items, int groups, double even)
{
	double		u = random_uniform();
	uint64_t	user = (uint64_t) (u * u * users);
	double		v = pow(items / groups, random_uniform()) - 1;
	int			group = random_uniform() < .7 ? (int) (user % groups) :
		random_below(groups);

	if (random_uniform() < even)
		v = random_uniform() * (items / groups - 1);
	return user << 32 | ((uint64_t) v * groups + group);
}

/* So many pairs are drawn, repeats fall together; m by user, t by item. */
static inline void
draw_shop(RsCsr *m, RsCsr *t, uint32_t users, uint32_t items, size_t pairs, int groups,
		  double even)
{
	uint64_t   *pair = shop_room(pairs, sizeof(uint64_t));
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < pairs; i++)
		pair[i] = shop_pair(users, items, groups, even);
	qsort(pair, pairs, sizeof(uint64_t), shop_compare);

	m->nrows = t->ncols = users;
	m->ncols = t->nrows = items;
	m->start = shop_room(users + 1, sizeof(uint64_t));
	m->col = shop_room(pairs, sizeof(uint32_t));
	m->value = shop_room(pairs, sizeof(float));
	t->start = shop_room(items + 1, sizeof(uint64_t));
	t->col = shop_room(pairs, sizeof(uint32_t));
	t->value = shop_room(pairs, sizeof(float));
	for (i = 0; i < pairs; i++)
	{
		if (i > 0 && pair[i] == pair[i - 1])
			continue;
		m->col[n] = (uint32_t) pair[i];
		m->value[n++] = 1;
		m->start[(pair[i] >> 32) + 1] = n;
	}
	for (i = 1; i <= users; i++)
		if (m->start[i] < m->start[i - 1])
			m->start[i] = m->start[i - 1];
	rs_csr_transpose(m, t);
	free(pair);
}

#endif							/* RS_TEST_SHOP_H */
