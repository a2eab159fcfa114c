/*-------------------------------------------------------------------------
 *
 * demo_shop.h
 *	  The invented shop behind recsys.demo_shop.
 *
 * demo_shop_title.c holds the words, demo_shop_world.c what is planted
 * (products, tastes), demo_shop_event.c the rows that follow from it, and
 * demo_shop.c the doors to SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_DEMO_SHOP_H
#define RS_DEMO_SHOP_H

#include "common/pg_prng.h"
#include "datatype/timestamp.h"

#define RS_SHOP_DIM			8	/* length of a taste vector */
#define RS_SHOP_CATEGORIES	12
#define RS_SHOP_PERIODS		16	/* popularity is constant within one */
#define RS_SHOP_TITLE_LEN	80

/* what to make */
typedef struct RsShopSpec
{
	int			users;
	int			items;
	int			interactions;
	uint64		seed;
	double		taste;
	double		dirt;
	int			bots;
	int			staff;			/* follows from users and dirt */
	TimestampTz since;			/* until - days */
	TimestampTz until;
} RsShopSpec;

typedef struct RsShopProduct
{
	float		taste[RS_SHOP_DIM]; /* unit length */
	double		appeal;			/* log popularity halfway through the shop */
	double		slope;			/* and what it gains from there to the end */
	TimestampTz released_at;
	TimestampTz gone_at;		/* no more sold; infinity = available */
	int			category;
	int			number;			/* counts within the category */
	int			cents;			/* price */
} RsShopProduct;

typedef struct RsShopPerson
{
	int			segment;		/* the favourite category */
	double		joined;			/* share of the time gone before the first
								 * visit */
	float		start[RS_SHOP_DIM];
	float		end[RS_SHOP_DIM];
} RsShopPerson;

typedef struct RsShop RsShop;

/* demo_shop_title.c */
extern const char *rs_shop_category(int category);
extern int	rs_shop_category_cents(int category);
extern bool rs_shop_consumable(int category);
extern void rs_shop_title(int category, int number, char *title);

/* demo_shop_world.c: random streams */
typedef enum RsShopStream
{
	RS_STREAM_CENTRE, RS_STREAM_PRODUCT, RS_STREAM_ACTIVITY, RS_STREAM_PERSON,
	RS_STREAM_VISIT, RS_STREAM_BOT, RS_STREAM_STAFF
} RsShopStream;

extern void rs_shop_stream(const RsShopSpec *spec, RsShopStream stream,
						   uint64 number, pg_prng_state *rng);
extern double rs_shop_normal(pg_prng_state *rng);
extern double rs_shop_exponential(pg_prng_state *rng);
extern int	rs_shop_below(pg_prng_state *rng, int n);

/* demo_shop_world.c: the planted truth */
extern RsShop *rs_shop_make(const RsShopSpec *spec);
extern const RsShopSpec *rs_shop_spec(const RsShop *shop);
extern const RsShopProduct *rs_shop_product(const RsShop *shop, int product);
extern bool rs_shop_sold(const RsShop *shop, int product, TimestampTz at);
extern double rs_shop_last_appeal(const RsShop *shop, int product);
extern void rs_shop_person(const RsShop *shop, int person, RsShopPerson *result);
extern double rs_shop_activity(const RsShopSpec *spec, int person);
extern void rs_shop_taste(const RsShopPerson *person, double moment,
						  float *taste);
extern int	rs_shop_pick(const RsShop *shop, const float *taste,
						 TimestampTz at, pg_prng_state *rng);

/* demo_shop_event.c */
typedef enum RsShopEvent
{
	RS_SHOP_VIEW, RS_SHOP_CART, RS_SHOP_PURCHASE
} RsShopEvent;

typedef struct RsShopRow
{
	int64		user;			/* 0 = NULL */
	int			product;		/* counts from 0; -1 = NULL */
	RsShopEvent event;
	int			quantity;
	TimestampTz at;				/* DT_NOBEGIN = NULL */
} RsShopRow;

typedef void (*RsShopSink) (const RsShopRow *row, void *context);

extern void rs_shop_events(const RsShop *shop, RsShopSink sink, void *context);

#endif							/* RS_DEMO_SHOP_H */
