/*-------------------------------------------------------------------------
 *
 * demo_shop_event.c
 *	  The rows of the invented shop: visits of persons, bots, staff, and dirt.
 *
 * A person comes in sessions of a few picks.  Each pick is viewed, perhaps put
 * into the cart, perhaps bought, within minutes and with the same chances for
 * every product and person; so purchases follow the picks' distribution (see
 * demo_shop_world.c) and nothing but taste carries from one session to the
 * next.  Two exceptions, as in life: a durable product that the person owns is
 * viewed and not bought again, and a consumable one is bought again straight
 * from the cart.
 *
 * Sessions of a person are made in the order of time.  The rows of different
 * persons do not touch each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "demo_shop.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* persons */
#define SESSION_PICKS		4.0 /* mean */
#define SESSION_MAX			10
#define CART_CHANCE			0.35	/* of a view */
#define BUY_CHANCE			0.6 /* of a cart */
#define REPEAT_CHANCE		0.12	/* of a pick, where there is one to repeat */
#define REPEAT_AFTER		(5 * USECS_PER_DAY)
#define ROWS_PER_PICK		1.58	/* measured */

/* dirt, as shares of rows where dirt is 1 */
#define NO_USER_SHARE		0.01
#define NO_PRODUCT_SHARE	0.001
#define NO_TIME_SHARE		0.0005
#define FUTURE_SHARE		0.0002
#define DUPLICATE_SHARE		0.005
#define RETURN_SHARE		0.015	/* of purchases */
#define FUTURE_DAYS			14610	/* 40 years */

/* bots and staff */
#define BOT_SHARE			0.1 /* of all rows, within these limits: */
#define BOT_MIN				500
#define BOT_MAX				1500
#define BOT_MOST			0.25	/* of all rows */
#define BOT_RUN				600 /* rows of a fast bot's run */
#define SLOW_EVERY			8	/* every 8th bot is a slow one */
#define SLOW_RUN			500 /* rows of a slow bot's day */
#define STAFF_ROWS			90
#define STAFF_PRODUCTS		3

/* a consumable that a person has bought */
typedef struct Bought
{
	int			product;
	TimestampTz at;
} Bought;

typedef struct Session
{
	TimestampTz start;
	int			picks;
} Session;

typedef struct Visit
{
	const RsShop *shop;
	const RsShopSpec *spec;
	RsShopSink	sink;
	void	   *context;
	pg_prng_state rng;
	int64		user;
	int		   *owner;			/* by product: the last person to buy it */
	Bought	   *bought;
	int			nbought;
	Session    *session;		/* of the person's */
	int			room;			/* of bought and session */
} Visit;

static inline bool
chance(Visit *v, double share)
{
	return pg_prng_double(&v->rng) < share;
}

static inline TimestampTz
seconds(double s)
{
	return (TimestampTz) (s * USECS_PER_SEC);
}

static void
emit(Visit *v, int product, RsShopEvent event, int quantity, TimestampTz at)
{
	RsShopRow	row = {v->user, product, event, quantity, at};

	v->sink(&row, v->context);
}

/* A person's row, with its share of dirt. */
static void
emit_dirty(Visit *v, int product, RsShopEvent event, int quantity,
		   TimestampTz at)
{
	RsShopRow	row = {v->user, product, event, quantity, at};
	double		dirt = v->spec->dirt;

	if (dirt > 0)
	{
		if (chance(v, NO_USER_SHARE * dirt))
			row.user = 0;
		if (chance(v, NO_PRODUCT_SHARE * dirt))
			row.product = -1;
		if (chance(v, FUTURE_SHARE * dirt))
			row.at += FUTURE_DAYS * USECS_PER_DAY;
		if (chance(v, NO_TIME_SHARE * dirt))
			row.at = DT_NOBEGIN;
		if (chance(v, DUPLICATE_SHARE * dirt))
			v->sink(&row, v->context);
	}
	v->sink(&row, v->context);
}

/* Midnight (UTC) of a day of the shop's, uniform from a moment on. */
static TimestampTz
random_day(Visit *v, double from)
{
	const RsShopSpec *spec = v->spec;
	TimestampTz past = spec->since % USECS_PER_DAY;
	TimestampTz first = spec->since - past + (past > 0 ? USECS_PER_DAY : 0);
	int			days = (spec->until - first) / USECS_PER_DAY;
	int			skip = (int) (from * days);

	return first + (skip + rs_shop_below(&v->rng, days - skip)) * USECS_PER_DAY;
}

/* One purchase, remembered; a few come back. */
static void
purchase(Visit *v, int product, bool consumable, TimestampTz at)
{
	int			quantity = 1;

	if (consumable)
		quantity += rs_shop_below(&v->rng, 4);
	else if (chance(v, 0.1))
		quantity = 2;
	emit_dirty(v, product, RS_SHOP_PURCHASE, quantity, at);
	v->owner[product] = (int) v->user;

	if (v->spec->dirt > 0 && chance(v, RETURN_SHARE * v->spec->dirt))
	{
		at += seconds(SECS_PER_DAY * (1 + 13 * pg_prng_double(&v->rng)));
		if (at < v->spec->until)
			emit(v, product, RS_SHOP_PURCHASE, -quantity, at);
	}
}

/* A consumable bought before and due again, or NULL. */
static Bought *
due(Visit *v, TimestampTz at)
{
	Bought	   *b;

	if (v->nbought == 0 || !chance(v, REPEAT_CHANCE))
		return NULL;
	b = &v->bought[rs_shop_below(&v->rng, v->nbought)];
	return b->at + REPEAT_AFTER <= at &&
		rs_shop_sold(v->shop, b->product, at) ? b : NULL;
}

/* One pick and what follows from it; returns when it was over. */
static TimestampTz
follow_pick(Visit *v, const float *taste, TimestampTz at)
{
	Bought	   *again = due(v, at);
	int			product;
	bool		consumable;

	if (again)
		product = again->product;
	else
	{
		product = rs_shop_pick(v->shop, taste, at, &v->rng);
		emit_dirty(v, product, RS_SHOP_VIEW, 1, at);
	}
	consumable = rs_shop_consumable(rs_shop_product(v->shop, product)->category);

	if (!again)
	{
		if (!chance(v, CART_CHANCE))
			return at;
		if (!consumable && v->owner[product] == v->user)
			return at;
		at += seconds(10 + 40 * pg_prng_double(&v->rng));
	}
	emit_dirty(v, product, RS_SHOP_CART, 1, at);
	if (!again && !chance(v, BUY_CHANCE))
		return at;

	at += seconds(30 + 100 * pg_prng_double(&v->rng));
	if (again)
		again->at = at;
	else if (consumable)
	{
		v->bought[v->nbought].product = product;
		v->bought[v->nbought++].at = at;
	}
	purchase(v, product, consumable, at);
	return at;
}

static int
compare_sessions(const void *a, const void *b)
{
	TimestampTz x = ((const Session *) a)->start;
	TimestampTz y = ((const Session *) b)->start;

	return (x > y) - (x < y);
}

/* Start of a session: mostly in the evening, over within its day. */
static TimestampTz
session_start(Visit *v, double joined)
{
	double		hour = chance(v, 0.8) ?
	18.5 + 2.5 * rs_shop_normal(&v->rng) : -1;

	if (hour < 0.5 || hour > 22.5)
		hour = 0.5 + 22 * pg_prng_double(&v->rng);
	return random_day(v, joined) + seconds(hour * SECS_PER_HOUR);
}

/* Deal a person's picks to sessions, in the order of time: how many. */
static int
make_sessions(Visit *v, int picks, double joined)
{
	int			n = 0;

	while (picks > 0)
	{
		Session    *s = &v->session[n++];

		s->picks = 1 + (int) (rs_shop_exponential(&v->rng) *
							  (SESSION_PICKS - 1) + 0.5);
		s->picks = Min(Min(s->picks, SESSION_MAX), picks);
		s->start = session_start(v, joined);
		picks -= s->picks;
	}
	qsort(v->session, n, sizeof(Session), compare_sessions);
	return n;
}

/* All of a person, who makes this many picks. */
static void
visit_person(Visit *v, int person, int picks)
{
	RsShopPerson who;
	double		span = (double) (v->spec->until - v->spec->since);
	int			sessions;

	if (picks > v->room)
	{
		v->room = Max(picks, 2 * v->room);
		v->bought = repalloc_huge(v->bought, v->room * sizeof(Bought));
		v->session = repalloc_huge(v->session, v->room * sizeof(Session));
	}
	rs_shop_person(v->shop, person, &who);
	v->user = person;
	v->nbought = 0;
	sessions = make_sessions(v, picks, who.joined);
	for (int s = 0; s < sessions; s++)
	{
		TimestampTz at = v->session[s].start;
		float		taste[RS_SHOP_DIM];

		CHECK_FOR_INTERRUPTS();
		rs_shop_taste(&who, (at - v->spec->since) / span, taste);
		for (int k = 0; k < v->session[s].picks; k++)
			at = follow_pick(v, taste, at) +
				seconds(15 + 60 * rs_shop_exponential(&v->rng));
	}
}

/*
 * Persons share the rows in proportion to their activity, rounded at random.
 */
static void
visit_persons(Visit *v, double rows)
{
	double		sum = 0;
	double		picks;

	for (int u = 1; u <= v->spec->users; u++)
		sum += rs_shop_activity(v->spec, u);
	picks = rows / (ROWS_PER_PICK * (1 + DUPLICATE_SHARE * v->spec->dirt));
	for (int u = 1; u <= v->spec->users; u++)
	{
		CHECK_FOR_INTERRUPTS();
		rs_shop_stream(v->spec, RS_STREAM_VISIT, u, &v->rng);
		visit_person(v, u, (int) (picks * rs_shop_activity(v->spec, u) / sum +
								  pg_prng_double(&v->rng)));
	}
}

/*
 * A bot's views: it walks the catalog by a fixed step, so that it meets all
 * products before one comes again.  A fast bot starts on the hour, like any
 * cron job, and reads a page every 4 to 6 seconds; a slow one spreads over the
 * day, no busier in any hour than a person.
 */
static void
visit_bot(Visit *v, int number, int rows)
{
	int			items = v->spec->items;
	bool		slow = number % SLOW_EVERY == 0;
	int			product;

	rs_shop_stream(v->spec, RS_STREAM_BOT, number, &v->rng);
	v->user = (int64) v->spec->users + number;
	product = rs_shop_below(&v->rng, items);
	while (rows > 0)
	{
		int			run = Min(slow ? SLOW_RUN : BOT_RUN, rows);
		TimestampTz at = random_day(v, 0);
		double		pause = slow ? 19.0 * SECS_PER_HOUR / run : 5;

		at += seconds(SECS_PER_HOUR *
					  (slow ? 2 : rs_shop_below(&v->rng, 23)));
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < run; k++)
		{
			at += seconds(pause * (0.8 + 0.4 * pg_prng_double(&v->rng)));
			do
				product = (product + 1) % items;
			while (!rs_shop_sold(v->shop, product, at));
			emit(v, product, RS_SHOP_VIEW, 1, at);
		}
		rows -= run;
	}
}

/* A test account: the same few products bought over and over, by day. */
static void
visit_staff(Visit *v, int number, int rows)
{
	int			product[STAFF_PRODUCTS];

	rs_shop_stream(v->spec, RS_STREAM_STAFF, number, &v->rng);
	v->user = (int64) v->spec->users + v->spec->bots + number;
	for (int k = 0; k < STAFF_PRODUCTS; k++)
		product[k] = rs_shop_below(&v->rng, v->spec->items);
	for (; rows >= 3; rows -= 3)
	{
		TimestampTz at = random_day(v, 0) +
		seconds(SECS_PER_HOUR * (9 + 8 * pg_prng_double(&v->rng)));
		int			p = product[rs_shop_below(&v->rng, STAFF_PRODUCTS)];

		CHECK_FOR_INTERRUPTS();
		if (!rs_shop_sold(v->shop, p, at))
			p = 0;				/* the one that is always there */
		emit(v, p, RS_SHOP_VIEW, 1, at);
		emit(v, p, RS_SHOP_CART, 1, at + seconds(2));
		emit(v, p, RS_SHOP_PURCHASE, 1, at + seconds(5));
	}
}

/* how many rows each bot makes */
static int
bot_rows(const RsShopSpec *spec)
{
	double		each;

	if (spec->bots == 0)
		return 0;
	each = BOT_SHARE * spec->interactions / spec->bots;
	each = Min(Max(each, BOT_MIN), BOT_MAX);
	return (int) Min(each, BOT_MOST * spec->interactions / spec->bots);
}

/* how many rows each staff account makes: a hundredth in all at most */
static int
staff_rows(const RsShopSpec *spec)
{
	if (spec->staff == 0)
		return 0;
	return Min(STAFF_ROWS, spec->interactions / 100 / spec->staff);
}

/*
 * Hand every row of the shop to the sink, account by account: about
 * spec->interactions rows.
 */
void
rs_shop_events(const RsShop *shop, RsShopSink sink, void *context)
{
	const RsShopSpec *spec = rs_shop_spec(shop);
	Visit		v = {.shop = shop,.spec = spec,.sink = sink,.context = context};
	int			per_bot = bot_rows(spec);
	int			per_staff = staff_rows(spec);

	v.room = 1024;
	v.owner = palloc0(spec->items * sizeof(int));
	v.bought = palloc(v.room * sizeof(Bought));
	v.session = palloc(v.room * sizeof(Session));

	visit_persons(&v, (double) spec->interactions -
				  (double) per_bot * spec->bots -
				  (double) per_staff * spec->staff);
	for (int b = 1; b <= spec->bots; b++)
		visit_bot(&v, b, per_bot);
	for (int s = 1; s <= spec->staff; s++)
		visit_staff(&v, s, per_staff);

	pfree(v.owner);
	pfree(v.bought);
	pfree(v.session);
}
