/*-------------------------------------------------------------------------
 *
 * recommend.c
 *	  The k best items for a user or a session.
 *
 * The request is made by request.c, its list by list.c.
 *
 * Everything runs as the caller, in its snapshot, and writes nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "list.h"

PG_FUNCTION_INFO_V1(recsys_recommend);
PG_FUNCTION_INFO_V1(recsys_recommend_for_items);

/* Writes the rows of the page into the caller's tuplestore. */
static void
return_list(FunctionCallInfo fcinfo, RsRequest *q)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			n;
	RsListed   *row = rs_list_make(q, &n);

	for (int i = 0; i < n; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = Int32GetDatum(q->after + i + 1);
		values[1] = row[i].item;
		values[2] = Float8GetDatum(row[i].score);
		values[3] = CStringGetTextDatum(rs_source_name(row[i].source));
		values[4] = CStringGetTextDatum(row[i].reason);
		values[5] = row[i].because;
		nulls[5] = !row[i].has_because;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* Opens the request of a call, and declares what it gives. */
static void
open_request(FunctionCallInfo fcinfo, RsRequest *q, int filter_arg, int policy_arg)
{
	static const char *const names[] = {"rank", "item_id", "score", "source", "reason", "because_item_id"};
	Oid			types[] = {INT4OID, InvalidOid, FLOAT8OID, TEXTOID, TEXTOID, InvalidOid};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	rs_request_open(q, NameStr(*PG_GETARG_NAME(0)),
					PG_ARGISNULL(filter_arg) ? NULL : PG_GETARG_JSONB_P(filter_arg),
					PG_ARGISNULL(policy_arg) ? NULL : PG_GETARG_NAME(policy_arg));
	types[1] = types[5] = q->r->item_type;
	rs_declare_result(fcinfo, lengthof(names), names, types);
}

/* Items that the call leaves out join those hidden from the user. */
static void
hide_set(RsHistory *h, RsIdMap *set)
{
	if (set != NULL)
		for (uint32 i = 0; i < rs_idmap_count(set); i++)
			rs_idmap_add(h->hidden, rs_idmap_datum(set, i));
}

/*
 * _recommend(recommender, for_user, k, after, only_items, except_items, filter,
 * policy, as_of)
 */
Datum
recsys_recommend(PG_FUNCTION_ARGS)
{
	RsRequest		q = {0};
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	open_request(fcinfo, &q, 6, 7);
	rs_check_id_argument(fcinfo, 1, q.r->user_type, "for_user");
	rs_check_k(fcinfo, 2, "k", &q.k);
	rs_check_k(fcinfo, 3, "after", &q.after);
	q.only = rs_item_set(fcinfo, 4, q.r, "only_items");
	if (!PG_ARGISNULL(8))
		q.as_of = PG_GETARG_TIMESTAMPTZ(8);
	if (PG_ARGISNULL(1))
		rs_request_nobody(&q);
	else
		rs_request_user(&q, PG_GETARG_DATUM(1), !PG_ARGISNULL(8));
	hide_set(q.h, rs_item_set(fcinfo, 5, q.r, "except_items"));
	return_list(fcinfo, &q);
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}

/*
 * _recommend_for_items(recommender, for_items, k, except_items, filter, policy)
 */
Datum
recsys_recommend_for_items(PG_FUNCTION_ARGS)
{
	RsRequest		q = {0};
	int			level;
	Oid			array_type;

	SPI_connect();
	level = rs_search_path_push();
	open_request(fcinfo, &q, 4, 5);
	array_type = get_array_type(q.r->item_type);
	rs_check_id_argument(fcinfo, 1, array_type, "for_items");
	rs_check_k(fcinfo, 2, "k", &q.k);
	q.h = rs_history_of_items(q.r, q.m, PG_ARGISNULL(1) ?
							  PointerGetDatum(construct_empty_array(q.r->item_type)) :
							  PG_GETARG_DATUM(1));
	hide_set(q.h, rs_item_set(fcinfo, 3, q.r, "except_items"));
	return_list(fcinfo, &q);
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
