/*-------------------------------------------------------------------------
 *
 * recommend.c
 *	  The k best items for a user or a session.
 *
 * Score every item that the model knows (score.c), then take items in
 * the order of their scores through the filter, in doubling batches, until k
 * pass or the catalog ends; what is still missing is filled from the catalog's
 * items without interactions, newest first.
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

#include "serve.h"
#include "kernel/topk.h"

PG_FUNCTION_INFO_V1(recsys_recommend);
PG_FUNCTION_INFO_V1(recsys_recommend_for_items);

#define FIRST_BATCH		64

/* one row of the answer */
typedef struct Listed
{
	Datum		item;
	double		score;
	RsSource	source;
	char	   *reason;
	bool		has_because;
	Datum		because;
} Listed;

/* ---- the list ---- */

/*
 * The best items that pass the filter, up to the page's end; returns how many.
 */
static int
rank_items(RsRequest *q, int wanted, uint32 *columns)
{
	int			found = 0;
	uint32		seen = 0;
	uint32		batch = Max(FIRST_BATCH, 2 * (uint32) wanted);

	while (found < wanted && seen < q->m->funnel.nitems)
	{
		uint32		top = Min(seen + batch, q->m->funnel.nitems);
		RsScored   *best = palloc_extended(top * sizeof(RsScored), MCXT_ALLOC_HUGE);
		uint32		n = rs_topk_float(q->score, q->m->funnel.nitems, top, best);
		Datum	   *items;
		bool	   *pass;

		if (n <= seen)
			break;
		items = palloc_extended((n - seen) * sizeof(Datum), MCXT_ALLOC_HUGE);
		pass = palloc_extended((n - seen) * sizeof(bool), MCXT_ALLOC_HUGE);
		for (uint32 i = seen; i < n; i++)
			items[i - seen] = rs_model_item(q->m, best[i].id);
		rs_filter_items(q->filter, items, n - seen, pass);
		for (uint32 i = seen; i < n && found < wanted; i++)
			if (pass[i - seen])
				columns[found++] = best[i].id;
		pfree(best);
		pfree(items);
		pfree(pass);
		seen = n;
		batch *= 2;
		CHECK_FOR_INTERRUPTS();
	}
	return found;
}

/*
 * Labels of the items that speak for those of the page: their titles in the
 * catalog, or their ids as text.
 */
static void
read_labels(RsRequest *q, const uint32 *columns, int n)
{
	uint32	   *known = palloc_extended((n + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	Datum	   *items = palloc_extended((n + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	int			nknown = 0;
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(q->r->item_type, &output, &varlena);
	q->label = palloc_extended(Max(q->m->funnel.nitems, 1) * sizeof(char *), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
	{
		uint32		because = q->because == NULL ? RS_NO_ID : q->because[columns[i]];

		if (because == RS_NO_ID || q->label[because] != NULL)
			continue;
		items[nknown] = rs_model_item(q->m, because);
		q->label[because] = OidOutputFunctionCall(output, items[nknown]);
		known[nknown++] = because;
	}
	if (q->r->has_catalog && nknown > 0)
	{
		Oid			type = get_array_type(q->r->item_type);
		Oid			types[] = {INT4OID, TEXTOID};
		Datum		array = rs_item_array(q->r, items, nknown);
		uint64		rows;

		rows = rs_spi_select(psprintf("SELECT t.n::pg_catalog.int4, min(c.title) FROM pg_catalog.unnest($1)"
									  " WITH ORDINALITY t (item_id, n) JOIN %s.catalog c ON c.item_id = t.item_id"
									  " WHERE c.title IS NOT NULL GROUP BY t.n", q->r->schema),
							 1, &type, &array, lengthof(types), types);
		for (uint64 i = 0; i < rows; i++)
			q->label[known[DatumGetInt32(rs_spi_value(i, 1)) - 1]] = TextDatumGetCString(rs_spi_value(i, 2));
		SPI_freetuptable(SPI_tuptable);
	}
	pfree(known);
	pfree(items);
}

/* Source and reason of an item that the model scored. */
static void
describe(const RsRequest *q, uint32 column, Listed *row)
{
	row->item = rs_model_item(q->m, column);
	row->score = q->score[column];
	if (q->neighbor != NULL && q->neighbor[column] > 0)
	{
		uint32		because = q->because[column];

		row->source = RS_FROM_NEIGHBOR;
		row->has_because = true;
		row->because = rs_model_item(q->m, because);
		row->reason = rs_reason(row->source, row->score, q->label[because]);
		return;
	}
	if (q->factor != NULL && q->m->funnel.fold.kind == RS_KIND_RATING)
		row->source = RS_FROM_RATING;
	else
		row->source = q->factor != NULL && q->factor[column] > 0 ? RS_FROM_FACTOR : RS_FROM_POPULARITY;
	row->reason = rs_reason(row->source, row->score, NULL);
}

/* Writes the rows of the page into the caller's tuplestore. */
static void
return_list(FunctionCallInfo fcinfo, RsRequest *q)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		most = (int64) q->k + q->after;
	uint32	   *columns = palloc_extended((Min(most, q->m->funnel.nitems) + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	Datum	   *fresh = NULL;
	int			found = 0;
	int			nfresh = 0;

	rs_score_items(q);
	if (q->k > 0)
	{
		found = rank_items(q, (int) Min(most, q->m->funnel.nitems), columns);
		nfresh = rs_filter_fresh(q->filter, q->m, q->h->hidden, q->only, most - found, &fresh);
		if (found > q->after)
			read_labels(q, columns + q->after, found - q->after);
	}
	for (int rank = q->after; rank < found + nfresh; rank++)
	{
		Listed		row = {0};
		Datum		values[6];
		bool		nulls[6] = {false};

		if (rank < found)
			describe(q, columns[rank], &row);
		else
		{
			row.item = fresh[rank - found];
			row.score = rs_fresh_score(found, found > 0 ? q->score[columns[found - 1]] : 0);
			row.source = RS_FROM_FRESH;
			row.reason = rs_reason(row.source, row.score, NULL);
		}
		values[0] = Int32GetDatum(rank + 1);
		values[1] = row.item;
		values[2] = Float8GetDatum(row.score);
		values[3] = CStringGetTextDatum(rs_source_name(row.source));
		values[4] = CStringGetTextDatum(row.reason);
		values[5] = row.because;
		nulls[5] = !row.has_because;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* Opens a request: registry, policy, model. */
static void
open_request(FunctionCallInfo fcinfo, RsRequest *q, int filter_arg, int policy_arg)
{
	static const char *const names[] = {"rank", "item_id", "score", "source", "reason", "because_item_id"};
	Oid			types[] = {INT4OID, InvalidOid, FLOAT8OID, TEXTOID, TEXTOID, InvalidOid};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	q->r = rs_registry_get(NameStr(*PG_GETARG_NAME(0)), CurrentMemoryContext);
	types[1] = types[5] = q->r->item_type;
	rs_declare_result(fcinfo, lengthof(names), names, types);
	q->filter = rs_filter_make(q->r, PG_ARGISNULL(filter_arg) ? NULL : PG_GETARG_JSONB_P(filter_arg));
	q->m = rs_model_for_policy(q->r, PG_ARGISNULL(policy_arg) ? NULL : PG_GETARG_NAME(policy_arg),
							   &q->policy);
	q->method = q->policy.method;
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
	if (PG_ARGISNULL(1))
	{
		q.h = palloc0(sizeof(RsHistory));
		q.h->hidden = rs_idmap_create(q.r->item_type, q.r->item_collation, CurrentMemoryContext);
	}
	else
		q.h = rs_history_of_user(q.r, q.m, PG_GETARG_DATUM(1), !PG_ARGISNULL(8),
								 PG_ARGISNULL(8) ? 0 : PG_GETARG_TIMESTAMPTZ(8));
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
