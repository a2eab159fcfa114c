/*-------------------------------------------------------------------------
 *
 * generate.c
 *	  Interactions of an invented shop, as fast as COPY can take them.
 *
 *	  generate USERS ITEMS ROWS > COPY's binary format
 *
 * Rows of (user_id int8, item_id int8, event text, quantity int4, happened_at
 * timestamptz) in the order of time, over 180 days.  Users' activity is
 * log-normal (sigma 1, at most 9 times the median), drawn by rejection; the
 * popularity of items falls with their rank as (rank + 8)^-0.9.  There are
 * TASTES kinds of items, spread over all ranks; each user has two favourites,
 * to which TASTE of the rows are moved, to an item of nearly the same rank.
 * One row in three is a purchase, the others are views.
 *
 * Deterministic, and nothing is kept but a number per user.  For a shop with
 * catalog, sessions, drift and dirt there is recsys.demo_shop, which takes
 * several times as long a row.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASTES 32
#define TASTE .6
#define MOST_ACTIVE 9			/* times the median */
#define MICROSECONDS 1e6
#define START (25L * 365 * 86400)	/* since 2000-01-01 */
#define SPAN (180L * 86400)
#define STEP 2654435761U		/* a prime: a permutation of fewer items */

static uint64_t state = 1;

/* splitmix64 */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* [0, 1) */
static double
uniform(void)
{
	state += UINT64_C(0x9e3779b97f4a7c15);
	return (double) (mix(state) >> 11) / 9007199254740992.0;
}

/* a number of the binary format: most significant byte first */
static char *
put(char *p, uint64_t value, int bytes)
{
	while (bytes-- > 0)
		*p++ = (char) (value >> 8 * bytes);
	return p;
}

/* a column: its length and its value */
static char *
column(char *p, uint64_t value, int bytes)
{
	return put(put(p, (uint64_t) bytes, 4), value, bytes);
}

/* Chance of each user to be taken when drawn. */
static float *
make_activity(uint64_t users)
{
	float	   *activity = malloc(users * sizeof(float));
	uint64_t	i;

	if (activity == NULL)
		exit(1);
	for (i = 0; i < users; i++)
	{
		double		normal = sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());

		activity[i] = (float) fmin(exp(normal) / MOST_ACTIVE, 1);
	}
	return activity;
}

/* An item's place by popularity, 0 the first. */
static uint64_t
draw_rank(uint64_t items, double low, double high)
{
	double		rank = pow(low + uniform() * (high - low), 10) - 8;

	return rank < 0 ? 0 : rank >= (double) items ? items - 1 : (uint64_t) rank;
}

int
main(int argc, char **argv)
{
	static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	uint64_t	users = argc == 4 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t	items = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
	uint64_t	rows = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	double		low = pow(8, .1);
	double		high = pow((double) items + 8, .1);
	float	   *activity;
	uint64_t	n;

	if (users == 0 || items < TASTES || rows == 0)
	{
		fprintf(stderr, "usage: generate USERS ITEMS ROWS\n");
		return 1;
	}
	activity = make_activity(users);
	fwrite(header, 1, sizeof(header), stdout);
	for (n = 0; n < rows; n++)
	{
		char		row[100];
		char	   *p = put(row, 5, 2);
		double		time = (n + uniform()) / (double) rows * SPAN + START;
		uint64_t	user;
		uint64_t	rank;

		do
			user = (uint64_t) (uniform() * (double) users);
		while (uniform() >= activity[user]);
		rank = draw_rank(items, low, high);
		if (uniform() < TASTE)
		{
			uint64_t	moved = rank - rank % TASTES +
				(mix(user) >> (uniform() < .7 ? 0 : 8)) % TASTES;

			rank = moved < items ? moved : rank;
		}
		p = column(p, user + 1, 8);
		p = column(p, rank * STEP % items + 1, 8);
		if (uniform() < 1 / 3.0)
			p = memcpy(put(p, 8, 4), "purchase", 8), p += 8;
		else
			p = memcpy(put(p, 4, 4), "view", 4), p += 4;
		p = column(p, 1, 4);
		p = column(p, (uint64_t) (time * MICROSECONDS), 8);
		fwrite(row, 1, (size_t) (p - row), stdout);
	}
	free(activity);
	fwrite("\377\377", 1, 2, stdout);
	return fflush(stdout) != 0 || ferror(stdout);
}
