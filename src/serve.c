/*-------------------------------------------------------------------------
 *
 * serve.c
 *	  SHOP.serve: a list that is logged with all that it was made from.
 *
 * The list is the one that SHOP.recommend makes, but for the policy's share of
 * exploration, which is drawn by a generator seeded with the request's id: so
 * the probability of each item at its place is known exactly, and the same
 * draws can be made again.
 *
 * The policy is the live one, unless the unit is in an experiment: then it is
 * that of its arm.  An arm with policy external shows the app's own list: one
 * row says so, and the app reports what it has shown by SHOP.log_exposure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "experiment.h"
#include "log.h"

PG_FUNCTION_INFO_V1(recsys_serve);

#define LONGEST_UNIT	1024	/* bytes: it is part of a key */

/* arguments of _serve */
enum
{
	ARG_RECOMMENDER, ARG_USER, ARG_SESSION, ARG_ITEMS, ARG_K, ARG_PLACEMENT, ARG_FILTER
};

/* Who asks, as experiments see it. */
static void
take_unit(FunctionCallInfo fcinfo, const RsRecommender *r, RsAsked *a)
{
	Oid			output;
	bool		varlena;

	rs_check_id_argument(fcinfo, ARG_USER, r->user_type, "for_user");
	a->has_user = !PG_ARGISNULL(ARG_USER);
	if (a->has_user == !PG_ARGISNULL(ARG_SESSION))
		ereport(ERROR,
				(errcode(a->has_user ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg(a->has_user ? "for_user and session_id exclude each other" :
						"for_user or session_id must be given"),
				 errhint("A known user has for_user; a visitor has session_id, and for_items with what they have looked at.")));
	if (!a->has_user)
		a->unit = psprintf("session:%s", text_to_cstring(PG_GETARG_TEXT_PP(ARG_SESSION)));
	else
	{
		a->user = PG_GETARG_DATUM(ARG_USER);
		getTypeOutputInfo(r->user_type, &output, &varlena);
		a->unit = OidOutputFunctionCall(output, a->user);
	}
	if (strlen(a->unit) > LONGEST_UNIT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the id of the %s has %zu bytes, at most %d can be logged",
						a->has_user ? "user" : "session",
						strlen(a->unit) - (a->has_user ? 0 : strlen("session:")),
						LONGEST_UNIT - (a->has_user ? 0 : (int) strlen("session:")))));
}

/*
 * The history: of the items given, else the user's own.  A user whose list is
 * made from items is still not shown what is hidden from them.
 */
static void
take_history(FunctionCallInfo fcinfo, RsRequest *q, const RsAsked *a)
{
	RsHistory  *h;

	if (a->has_user)
		rs_request_user(q, a->user, false);
	else
		rs_request_nobody(q);
	if (!a->session)
		return;
	h = rs_history_of_items(q->r, q->m, PG_GETARG_DATUM(ARG_ITEMS));
	for (uint32 i = 0; i < rs_idmap_count(q->h->hidden); i++)
		rs_idmap_add(h->hidden, rs_idmap_datum(q->h->hidden, i));
	q->h = h;
}

static void
return_rows(FunctionCallInfo fcinfo, const RsAsked *a, const RsListed *row, int n)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		variant = a->variant ? CStringGetTextDatum(a->variant) : (Datum) 0;

	for (int i = 0; i < n; i++)
	{
		Datum		values[8];
		bool		nulls[8] = {false};

		values[0] = UUIDPGetDatum(&a->id);
		values[1] = variant;
		nulls[1] = a->variant == NULL;
		values[2] = Int32GetDatum(i + 1);
		values[3] = row[i].item;
		values[4] = Float8GetDatum(row[i].score);
		values[5] = CStringGetTextDatum(rs_source_name(row[i].source));
		values[6] = CStringGetTextDatum(row[i].reason);
		values[7] = row[i].because;
		nulls[7] = !row[i].has_because;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* The one row of an external arm: the request and the arm. */
static void
return_external(FunctionCallInfo fcinfo, const RsAsked *a)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[8] = {0};
	bool		nulls[8];

	memset(nulls, true, sizeof(nulls));
	values[0] = UUIDPGetDatum(&a->id);
	values[1] = CStringGetTextDatum(a->variant);
	nulls[0] = nulls[1] = false;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * Reads the arguments and finds the arm, NULL of a unit in no experiment; the
 * types of the result's columns are the recommender's.
 */
static const RsVariant *
open_request(FunctionCallInfo fcinfo, RsRequest *q, RsAsked *a)
{
	static const char *const names[] = {"request_id", "variant", "rank", "item_id", "score", "source", "reason", "because_item_id"};
	Oid			types[] = {UUIDOID, TEXTOID, INT4OID, InvalidOid, FLOAT8OID, TEXTOID, TEXTOID, InvalidOid};
	const RsVariant *arm;

	if (PG_ARGISNULL(ARG_RECOMMENDER) || PG_ARGISNULL(ARG_PLACEMENT))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL", PG_ARGISNULL(ARG_RECOMMENDER) ? "recommender" : "placement")));
	a->placement = text_to_cstring(PG_GETARG_TEXT_PP(ARG_PLACEMENT));
	a->filter = PG_ARGISNULL(ARG_FILTER) ? NULL : PG_GETARG_JSONB_P(ARG_FILTER);

	q->r = rs_registry_get(NameStr(*PG_GETARG_NAME(ARG_RECOMMENDER)), CurrentMemoryContext);
	types[3] = types[7] = q->r->item_type;
	rs_declare_result(fcinfo, lengthof(names), names, types);
	rs_check_id_argument(fcinfo, ARG_ITEMS, get_array_type(q->r->item_type), "for_items");
	a->session = !PG_ARGISNULL(ARG_ITEMS);
	rs_log_check(q->r);
	take_unit(fcinfo, q->r, a);
	rs_check_k(fcinfo, ARG_K, "k", &q->k);
	arm = rs_assignment(q->r, a->unit, &a->experiment_id);
	a->variant = arm ? arm->name : NULL;
	return arm;
}

static double
milliseconds_since(instr_time start)
{
	instr_time	end;

	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	return INSTR_TIME_GET_MILLISEC(end);
}

/* The list of a policy (NULL: the live one), logged and returned. */
static void
serve_list(FunctionCallInfo fcinfo, RsRequest *q, RsAsked *a, Name policy, instr_time start)
{
	RsListed   *row;
	int			n;

	rs_request_open(q, NameStr(*PG_GETARG_NAME(ARG_RECOMMENDER)), a->filter, policy);
	q->want_features = true;
	q->explore = true;
	q->explore_seed = rs_request_id_seed(&a->id);
	take_history(fcinfo, q, a);
	row = rs_list_make(q, &n);
	a->milliseconds = milliseconds_since(start);
	rs_log_write(q, a, row, n);
	return_rows(fcinfo, a, row, n);
}

/*
 * _serve(recommender, for_user, session_id, for_items, k, placement, filter)
 */
Datum
recsys_serve(PG_FUNCTION_ARGS)
{
	RsRequest	q = {0};
	RsAsked		asked = {0};
	const RsVariant *arm;
	instr_time	start;
	int			level;

	INSTR_TIME_SET_CURRENT(start);
	SPI_connect();
	level = rs_search_path_push();
	arm = open_request(fcinfo, &q, &asked);
	q.as_of = GetCurrentTransactionStartTimestamp();
	rs_request_id(q.as_of, &asked.id);
	if (arm != NULL && rs_is_external(arm))
	{
		asked.milliseconds = milliseconds_since(start);
		rs_log_write_external(&q, &asked);
		return_external(fcinfo, &asked);
	}
	else
	{
		NameData	policy;

		if (arm != NULL)
			policy = arm->policy;
		serve_list(fcinfo, &q, &asked, arm ? &policy : NULL, start);
	}
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
