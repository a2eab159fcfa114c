/*-------------------------------------------------------------------------
 *
 * demo_shop_world.c
 *	  What is planted in the invented shop: products, persons, and how a
 *	  person picks a product.
 *
 * Every product i has a taste vector q_i of unit length near its category's
 * centre, and a log popularity a_i(t) = appeal + slope * (2 t - 1), t running
 * from 0 to 1 over the shop's time.  Appeals follow a Zipf-Mandelbrot law over
 * a random order.  A person u has a vector p_u(t) that moves in a straight
 * line from start to end.  Each pick is a draw of one product with
 *
 *	  P(i | u, t)  ~  exp(p_u(t) . q_i + a_i(t))    among those sold at t,
 *
 * independent of everything picked before, so an oracle that knows p, q and a
 * ranks by the best possible score.  With taste 0 all p are zero and nothing
 * personal is left to learn.
 *
 * The draw is exact and quick: propose by popularity from an alias table
 * (Walker 1977; Vose's linear set-up, IEEE TSE 17(9), 1991), accept with
 * probability exp(p . q_i - |p|), and after many refusals compute the whole
 * distribution instead.  a_i(t) is held constant within each of 16 periods,
 * each with its own table.
 *
 * Every product, person and bot has a random stream of its own, seeded from
 * the shop's seed and its number, so nothing depends on the order of work.
 *
 * Memory: about 230 bytes per product, in the caller's context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "demo_shop.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* the shop's shape, told to users in the comment on recsys.demo_shop */
#define POPULARITY_EXPONENT	0.9 /* of Zipf-Mandelbrot */
#define POPULARITY_SHIFT	8.0
#define SLOPE_SD			0.15
#define ACTIVITY_SD			1.0 /* of the log of a person's activity */
#define ACTIVITY_CLIP		2.2 /* in standard deviations */
#define TASTE_LENGTH		4.0 /* mean of |p| at taste 1 */
#define NEW_SHARE			0.15
#define GONE_SHARE			0.02
#define LATE_SHARE			0.3 /* persons who join midway */

/* one column of an alias table: keep it, or take the other product */
typedef struct Column
{
	float		keep;
	int			other;
} Column;

struct RsShop
{
	RsShopSpec	spec;
	float		centre[RS_SHOP_CATEGORIES][RS_SHOP_DIM];
	RsShopProduct *product;
	Column	   *alias;			/* RS_SHOP_PERIODS tables of items columns */
	double	   *weight;			/* scratch, items long */
};

/* a generator of its own for one thing of the shop */
void
rs_shop_stream(const RsShopSpec *spec, RsShopStream stream, uint64 number,
			   pg_prng_state *rng)
{
	uint64		h = spec->seed * UINT64CONST(0x9E3779B97F4A7C15) +
	((uint64) stream << 48) + number;

	/* the finalizer of splitmix64, so that near seeds have far streams */
	h = (h ^ (h >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	h = (h ^ (h >> 27)) * UINT64CONST(0x94D049BB133111EB);
	pg_prng_seed(rng, h ^ (h >> 31));
}

/* Standard normal, by Box and Muller (PostgreSQL has its own from 16 on). */
double
rs_shop_normal(pg_prng_state *rng)
{
	double		radius = sqrt(-2.0 * log(1.0 - pg_prng_double(rng)));

	return radius * cos(2.0 * M_PI * pg_prng_double(rng));
}

/* exponential with mean 1 */
double
rs_shop_exponential(pg_prng_state *rng)
{
	return -log(1.0 - pg_prng_double(rng));
}

/* uniform among 0 .. n - 1 */
int
rs_shop_below(pg_prng_state *rng, int n)
{
	return (int) (((pg_prng_uint64(rng) >> 32) * (uint64) n) >> 32);
}

static double
length(const float *v)
{
	double		sum = 0;

	for (int k = 0; k < RS_SHOP_DIM; k++)
		sum += (double) v[k] * v[k];
	return sqrt(sum);
}

static void
rescale(float *v, double to)
{
	double		by = to / Max(length(v), 1e-9);

	for (int k = 0; k < RS_SHOP_DIM; k++)
		v[k] *= by;
}

/* a random vector whose expected squared length is by^2 */
static void
random_vector(pg_prng_state *rng, double by, float *v)
{
	for (int k = 0; k < RS_SHOP_DIM; k++)
		v[k] = by / sqrt(RS_SHOP_DIM) * rs_shop_normal(rng);
}

static TimestampTz
moment_to_time(const RsShopSpec *spec, double moment)
{
	return spec->since +
		(TimestampTz) (moment * (double) (spec->until - spec->since));
}

static double
time_to_moment(const RsShopSpec *spec, TimestampTz at)
{
	double		moment = (double) (at - spec->since) /
	(double) (spec->until - spec->since);

	return Min(Max(moment, 0.0), 1.0);
}

/* log popularity of a product in a period */
static inline double
appeal(const RsShopProduct *p, int period)
{
	return p->appeal + p->slope * ((2 * period + 1.0) / RS_SHOP_PERIODS - 1);
}

/* One product, but for its popularity, which depends on its place. */
static void
make_product(RsShop *shop, int number, RsShopProduct *p)
{
	const RsShopSpec *spec = &shop->spec;
	pg_prng_state rng;
	double		price;
	double		release;

	rs_shop_stream(spec, RS_STREAM_PRODUCT, number, &rng);
	p->category = rs_shop_below(&rng, RS_SHOP_CATEGORIES);
	random_vector(&rng, 0.65, p->taste);
	for (int k = 0; k < RS_SHOP_DIM; k++)
		p->taste[k] += shop->centre[p->category][k];
	rescale(p->taste, 1.0);

	/* log-normal prices that end in .49 or .99 */
	price = rs_shop_category_cents(p->category) *
		exp(0.5 * rs_shop_normal(&rng));
	p->cents = Max((int) (price / 50.0 + 0.5), 1) * 50 - 1;

	p->slope = SLOPE_SD * rs_shop_normal(&rng);
	release = pg_prng_double(&rng) < NEW_SHARE ?
		0.05 + 0.9 * pg_prng_double(&rng) : -4.0 * pg_prng_double(&rng);
	p->gone_at = pg_prng_double(&rng) < GONE_SHARE ?
		moment_to_time(spec, 0.5 + 0.4 * pg_prng_double(&rng)) : DT_NOEND;

	/* the first is always there, so that there is always something to pick */
	if (number == 0)
	{
		release = -1.0;
		p->gone_at = DT_NOEND;
	}

	p->released_at = moment_to_time(spec, release);
	if (p->gone_at < p->released_at)
		p->gone_at = DT_NOEND;
}

/*
 * Vose's alias table for one period's popularity.  small and large are
 * scratch, items long each.
 */
static void
make_alias(RsShop *shop, int period, int *small, int *large)
{
	int			n = shop->spec.items;
	Column	   *table = shop->alias + (Size) period * n;
	double	   *w = shop->weight;
	double		sum = 0;
	int			smalls = 0;
	int			larges = 0;

	for (int i = 0; i < n; i++)
		sum += w[i] = exp(appeal(&shop->product[i], period));
	for (int i = 0; i < n; i++)
	{
		w[i] *= n / sum;
		table[i].keep = 1;
		table[i].other = i;
		if (w[i] < 1)
			small[smalls++] = i;
		else
			large[larges++] = i;
	}
	while (smalls > 0 && larges > 0)
	{
		int			s = small[--smalls];
		int			l = large[larges - 1];

		table[s].keep = w[s];
		table[s].other = l;
		w[l] -= 1 - w[s];
		if (w[l] < 1)
		{
			larges--;
			small[smalls++] = l;
		}
	}
}

/* Give the products their popularity: places in a random order. */
static void
make_popularity(RsShop *shop, pg_prng_state *rng, int *place)
{
	int			n = shop->spec.items;
	double		sum = 0;

	for (int i = 0; i < n; i++)
	{
		int			j = rs_shop_below(rng, i + 1);

		place[i] = place[j];
		place[j] = i;
	}
	for (int i = 0; i < n; i++)
		sum += pow(place[i] + POPULARITY_SHIFT, -POPULARITY_EXPONENT);
	for (int i = 0; i < n; i++)
		shop->product[i].appeal = -log(sum) -
			POPULARITY_EXPONENT * log(place[i] + POPULARITY_SHIFT);
}

RsShop *
rs_shop_make(const RsShopSpec *spec)
{
	RsShop	   *shop = palloc0(sizeof(RsShop));
	MemoryContext context = CurrentMemoryContext;
	Size		items = spec->items;
	int			numbers[RS_SHOP_CATEGORIES] = {0};
	int		   *small = palloc(items * sizeof(int));
	int		   *large = palloc(items * sizeof(int));
	pg_prng_state rng;

	shop->spec = *spec;
	shop->product = MemoryContextAllocHuge(context,
										   items * sizeof(RsShopProduct));
	shop->alias = MemoryContextAllocHuge(context, items * RS_SHOP_PERIODS *
										 sizeof(Column));
	shop->weight = MemoryContextAllocHuge(context, items * sizeof(double));

	rs_shop_stream(spec, RS_STREAM_CENTRE, 0, &rng);
	for (int c = 0; c < RS_SHOP_CATEGORIES; c++)
	{
		random_vector(&rng, 1.0, shop->centre[c]);
		rescale(shop->centre[c], 1.0);
	}
	for (int i = 0; i < spec->items; i++)
	{
		RsShopProduct *p = &shop->product[i];

		make_product(shop, i, p);
		p->number = numbers[p->category]++;
	}
	make_popularity(shop, &rng, small);
	for (int period = 0; period < RS_SHOP_PERIODS; period++)
	{
		CHECK_FOR_INTERRUPTS();
		make_alias(shop, period, small, large);
	}
	pfree(small);
	pfree(large);
	return shop;
}

const RsShopSpec *
rs_shop_spec(const RsShop *shop)
{
	return &shop->spec;
}

const RsShopProduct *
rs_shop_product(const RsShop *shop, int product)
{
	return &shop->product[product];
}

bool
rs_shop_sold(const RsShop *shop, int product, TimestampTz at)
{
	const RsShopProduct *p = &shop->product[product];

	return p->released_at <= at && at < p->gone_at;
}

/* log popularity in the last period */
double
rs_shop_last_appeal(const RsShop *shop, int product)
{
	return appeal(&shop->product[product], RS_SHOP_PERIODS - 1);
}

/* How active a person (from 1) is, unitless, in proportion to the others. */
double
rs_shop_activity(const RsShopSpec *spec, int person)
{
	pg_prng_state rng;
	double		z;

	rs_shop_stream(spec, RS_STREAM_ACTIVITY, person, &rng);
	z = rs_shop_normal(&rng);
	return exp(ACTIVITY_SD * Min(Max(z, -ACTIVITY_CLIP), ACTIVITY_CLIP));
}

/*
 * Person number 1 and up: a liking for one category, less for a second, and
 * something of their own; drifting by about a quarter of its length.
 */
void
rs_shop_person(const RsShop *shop, int person, RsShopPerson *result)
{
	pg_prng_state rng;
	float		own[RS_SHOP_DIM];
	float		drift[RS_SHOP_DIM];
	const float *first;
	const float *second;
	double		strength;

	rs_shop_stream(&shop->spec, RS_STREAM_PERSON, person, &rng);
	result->segment = rs_shop_below(&rng, RS_SHOP_CATEGORIES);
	first = shop->centre[result->segment];
	second = shop->centre[rs_shop_below(&rng, RS_SHOP_CATEGORIES)];
	random_vector(&rng, 0.35, own);
	random_vector(&rng, 0.33, drift);
	strength = shop->spec.taste * TASTE_LENGTH *
		(0.7 + 0.6 * pg_prng_double(&rng));
	for (int k = 0; k < RS_SHOP_DIM; k++)
	{
		result->start[k] = first[k] + 0.5 * second[k] + own[k];
		result->end[k] = result->start[k] + drift[k];
	}
	rescale(result->start, strength);
	rescale(result->end, strength);
	result->joined = pg_prng_double(&rng) < LATE_SHARE ?
		0.8 * pg_prng_double(&rng) : 0.0;
}

/* a person's taste at a moment between 0 and 1 */
void
rs_shop_taste(const RsShopPerson *person, double moment, float *taste)
{
	for (int k = 0; k < RS_SHOP_DIM; k++)
		taste[k] = (1 - moment) * person->start[k] + moment * person->end[k];
}

static inline double
dot(const float *a, const float *b)
{
	float		sum = 0;

	for (int k = 0; k < RS_SHOP_DIM; k++)
		sum += a[k] * b[k];
	return sum;
}

/* Draw from the whole distribution, for tastes that refuse nearly all. */
static int
pick_slowly(const RsShop *shop, const float *taste, double norm, int period,
			TimestampTz at, pg_prng_state *rng)
{
	double		sum = 0;
	double		point;
	int			last = 0;

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < shop->spec.items; i++)
	{
		const RsShopProduct *p = &shop->product[i];

		shop->weight[i] = 0;
		if (!rs_shop_sold(shop, i, at))
			continue;
		sum += shop->weight[i] = exp(dot(taste, p->taste) - norm +
									 appeal(p, period));
		last = i;
	}
	point = pg_prng_double(rng) * sum;
	for (int i = 0; i < last; i++)
	{
		point -= shop->weight[i];
		if (point < 0)
			return i;
	}
	return last;
}

/* One pick at an instant by somebody of this taste: a product's number. */
int
rs_shop_pick(const RsShop *shop, const float *taste, TimestampTz at,
			 pg_prng_state *rng)
{
	int			n = shop->spec.items;
	int			period = Min((int) (time_to_moment(&shop->spec, at) *
									RS_SHOP_PERIODS), RS_SHOP_PERIODS - 1);
	const Column *table = shop->alias + (Size) period * n;
	double		norm = length(taste);

	/* a refusal costs as much as two products of the slow way */
	for (int tries = 0; tries < 64 + n / 2; tries++)
	{
		uint64		r = pg_prng_uint64(rng);
		int			i = (int) (((r >> 32) * (uint64) n) >> 32);

		if ((r & 0xFFFFFFFF) * 0x1p-32 >= table[i].keep)
			i = table[i].other;
		if (rs_shop_sold(shop, i, at) &&
			pg_prng_double(rng) < exp(dot(taste, shop->product[i].taste) - norm))
			return i;
	}
	return pick_slowly(shop, taste, norm, period, at, rng);
}
