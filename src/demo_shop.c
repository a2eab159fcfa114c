/*-------------------------------------------------------------------------
 *
 * demo_shop.c
 *	  Doors of recsys.demo_shop: the rows of an invented shop.
 *
 * Three set-returning functions of the same nine arguments give the shop's
 * accounts, products and events; the SQL function puts them into tables.  Each
 * makes the products anew (0.03 s for 40,000) rather than keep state between
 * calls.  All are pure functions of their arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "demo_shop.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#define MAX_USERS	10000000
#define MAX_ITEMS	1000000
#define MIN_DAYS	7
#define MAX_DAYS	3650
#define MAX_TASTE	5.0
#define MAX_DIRT	20.0
#define FAR_DAYS	15000		/* future clocks reach nearly so far */
#define USERS_PER_STAFF 1000

/* where rows go */
typedef struct RowSink
{
	ReturnSetInfo *rsinfo;
	Datum	   *price;			/* by product */
	Datum		event[3];
} RowSink;

static void
CheckCount(const char *name, int value, int least, int most)
{
	if (value < least || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid number of %s for a demo shop: %d", name, value),
				 errhint("Give a number between %d and %d.", least, most)));
}

static void
CheckStrength(const char *name, double value, double most)
{
	/* written so that NaN fails */
	if (!(value >= 0 && value <= most))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid %s for a demo shop: %g", name, value),
				 errhint("Give a number between 0 (none) and %g; 1 is usual.",
						 most)));
}

static void
CheckUntil(TimestampTz until, int days)
{
	if (TIMESTAMP_NOT_FINITE(until) ||
		!IS_VALID_TIMESTAMP(until - (TimestampTz) 5 * days * USECS_PER_DAY) ||
		!IS_VALID_TIMESTAMP(until + FAR_DAYS * USECS_PER_DAY))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid end of a demo shop's time: %s",
						timestamptz_to_str(until)),
				 errhint("Give a point in time some years from the limits of the type.")));
}

/* The arguments that all three functions share, checked. */
static RsShopSpec
get_spec(FunctionCallInfo fcinfo)
{
	RsShopSpec	spec;
	int			days = PG_GETARG_INT32(5);

	spec.users = PG_GETARG_INT32(0);
	spec.items = PG_GETARG_INT32(1);
	spec.interactions = PG_GETARG_INT32(2);
	spec.seed = (uint64) PG_GETARG_INT64(3);
	spec.taste = PG_GETARG_FLOAT8(4);
	spec.until = PG_GETARG_TIMESTAMPTZ(6);
	spec.dirt = PG_GETARG_FLOAT8(7);
	spec.bots = PG_GETARG_INT32(8);

	CheckCount("users", spec.users, 1, MAX_USERS);
	CheckCount("items", spec.items, 2, MAX_ITEMS);
	CheckCount("interactions", spec.interactions, 1, PG_INT32_MAX);
	CheckCount("days", days, MIN_DAYS, MAX_DAYS);
	CheckCount("bots", spec.bots, 0, MAX_USERS);
	CheckStrength("taste", spec.taste, MAX_TASTE);
	CheckStrength("dirt", spec.dirt, MAX_DIRT);
	CheckUntil(spec.until, days);

	spec.since = spec.until - days * USECS_PER_DAY;
	spec.staff = spec.dirt > 0 ?
		(spec.users + USERS_PER_STAFF - 1) / USERS_PER_STAFF : 0;
	return spec;
}

static Datum
taste_array(const float *taste)
{
	Datum		element[RS_SHOP_DIM];

	for (int k = 0; k < RS_SHOP_DIM; k++)
		element[k] = Float4GetDatum(taste[k]);
	return PointerGetDatum(construct_array(element, RS_SHOP_DIM, FLOAT4OID,
										   sizeof(float4), true, TYPALIGN_INT));
}

static Datum
price_numeric(int cents)
{
	return NumericGetDatum(int64_div_fast_to_numeric(cents, 2));
}

/*
 * _demo_products(...) -> product_id, title, category, price, released_at,
 * available, vector (8 float4, unit length), appeal (log popularity in the
 * last sixteenth of the time)
 */
PG_FUNCTION_INFO_V1(recsys_demo_products);
PGDLLEXPORT Datum
recsys_demo_products(PG_FUNCTION_ARGS)
{
	RsShopSpec	spec = get_spec(fcinfo);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext row;
	RsShop	   *shop;

	InitMaterializedSRF(fcinfo, 0);
	shop = rs_shop_make(&spec);
	row = AllocSetContextCreate(CurrentMemoryContext, "demo shop row",
								ALLOCSET_SMALL_SIZES);
	for (int i = 0; i < spec.items; i++)
	{
		const RsShopProduct *p = rs_shop_product(shop, i);
		MemoryContext old = MemoryContextSwitchTo(row);
		char		title[RS_SHOP_TITLE_LEN];
		bool		isnull[8] = {false};
		Datum		value[8];

		CHECK_FOR_INTERRUPTS();
		rs_shop_title(p->category, p->number, title);
		value[0] = Int32GetDatum(i + 1);
		value[1] = CStringGetTextDatum(title);
		value[2] = CStringGetTextDatum(rs_shop_category(p->category));
		value[3] = price_numeric(p->cents);
		value[4] = TimestampTzGetDatum(p->released_at);
		value[5] = BoolGetDatum(p->gone_at == DT_NOEND);
		value[6] = taste_array(p->taste);
		value[7] = Float8GetDatum(rs_shop_last_appeal(shop, i));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, value, isnull);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	return (Datum) 0;
}

/*
 * _demo_customers(...) -> user_id, kind, segment, vector at the end, vector at
 * the start (8 float4 each); the last three NULL for bots and staff
 */
PG_FUNCTION_INFO_V1(recsys_demo_customers);
PGDLLEXPORT Datum
recsys_demo_customers(PG_FUNCTION_ARGS)
{
	RsShopSpec	spec = get_spec(fcinfo);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		accounts = (int64) spec.users + spec.bots + spec.staff;
	MemoryContext row;
	RsShop	   *shop;

	InitMaterializedSRF(fcinfo, 0);
	shop = rs_shop_make(&spec);
	row = AllocSetContextCreate(CurrentMemoryContext, "demo shop row",
								ALLOCSET_SMALL_SIZES);
	for (int64 u = 1; u <= accounts; u++)
	{
		MemoryContext old = MemoryContextSwitchTo(row);
		bool		is_person = u <= spec.users;
		bool		is_bot = !is_person && u <= (int64) spec.users + spec.bots;
		bool		isnull[5] = {false, false, !is_person, !is_person, !is_person};
		Datum		value[5] = {0};

		CHECK_FOR_INTERRUPTS();
		value[0] = Int64GetDatum(u);
		value[1] = CStringGetTextDatum(is_person ? "person" :
									   is_bot ? "bot" : "staff");
		if (is_person)
		{
			RsShopPerson person;

			rs_shop_person(shop, u, &person);
			value[2] = CStringGetTextDatum(rs_shop_category(person.segment));
			value[3] = taste_array(person.end);
			value[4] = taste_array(person.start);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, value, isnull);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	return (Datum) 0;
}

/* One event into the tuplestore. */
static void
put_event(const RsShopRow *row, void *context)
{
	RowSink    *sink = context;
	bool		isnull[6] = {false};
	Datum		value[6] = {0};

	isnull[0] = row->user == 0;
	isnull[1] = row->product < 0;
	isnull[4] = isnull[1];
	isnull[5] = row->at == DT_NOBEGIN;
	value[0] = Int64GetDatum(row->user);
	value[1] = Int32GetDatum(row->product + 1);
	value[2] = sink->event[row->event];
	value[3] = Int32GetDatum(row->quantity);
	if (!isnull[4])
		value[4] = sink->price[row->product];
	value[5] = TimestampTzGetDatum(row->at);
	tuplestore_putvalues(sink->rsinfo->setResult, sink->rsinfo->setDesc, value,
						 isnull);
}

/*
 * _demo_events(...) -> user_id, product_id, event, quantity, price,
 * happened_at, account by account
 */
PG_FUNCTION_INFO_V1(recsys_demo_events);
PGDLLEXPORT Datum
recsys_demo_events(PG_FUNCTION_ARGS)
{
	RsShopSpec	spec = get_spec(fcinfo);
	RowSink		sink;
	RsShop	   *shop;

	InitMaterializedSRF(fcinfo, 0);
	sink.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	shop = rs_shop_make(&spec);
	sink.price = palloc(spec.items * sizeof(Datum));
	for (int i = 0; i < spec.items; i++)
		sink.price[i] = price_numeric(rs_shop_product(shop, i)->cents);
	sink.event[RS_SHOP_VIEW] = CStringGetTextDatum("view");
	sink.event[RS_SHOP_CART] = CStringGetTextDatum("cart");
	sink.event[RS_SHOP_PURCHASE] = CStringGetTextDatum("purchase");
	rs_shop_events(shop, put_event, &sink);
	return (Datum) 0;
}
