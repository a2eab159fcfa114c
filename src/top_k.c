/*-------------------------------------------------------------------------
 *
 * top_k.c
 *	  The aggregates top_k(item, score, k) and nearest(item, vector, query, k).
 *
 * The second is the first over dot(vector, query), and shares all but the
 * transition function.
 *
 * The state holds items in their binary send form and no type, so that a state
 * made on one server can be combined and finished on another.  It is a heap
 * whose root is the worst item kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "libpq/pqformat.h"

#include "aggregate.h"
#include "array.h"
#include "item.h"
#include "kernel/simd.h"

PG_FUNCTION_INFO_V1(recsys_top_k_add);
PG_FUNCTION_INFO_V1(recsys_top_k_combine);
PG_FUNCTION_INFO_V1(recsys_top_k_serialize);
PG_FUNCTION_INFO_V1(recsys_top_k_deserialize);
PG_FUNCTION_INFO_V1(recsys_top_k_final);
PG_FUNCTION_INFO_V1(recsys_nearest_add);

#define STATE_VERSION	1

typedef struct Entry
{
	double		score;
	bytea	   *item;			/* in binary send form */
} Entry;

typedef struct TopKState
{
	MemoryContext context;
	int			k;
	int			n;
	int			allocated;
	Entry	   *heap;
} TopKState;

static TopKState *
make_state(MemoryContext context, int k)
{
	TopKState  *state = MemoryContextAllocZero(context, sizeof(TopKState));

	if (k < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k is %d, must not be negative", k)));
	state->context = context;
	state->k = k;
	state->allocated = Min(Max(k, 1), 64);
	state->heap = MemoryContextAlloc(context, state->allocated * sizeof(Entry));
	return state;
}

/* Whether a belongs before b: higher score first, then smaller bytes. */
static bool
before(double score_a, bytea *a, double score_b, bytea *b)
{
	if (score_a != score_b)
		return score_a > score_b;
	return rs_item_compare(VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a),
						   VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b)) < 0;
}

static bool
entry_before(const Entry *a, const Entry *b)
{
	return before(a->score, a->item, b->score, b->item);
}

/* Lets the entry at i sink until no child is worse than its parent. */
static void
sift_down(Entry *heap, int n, int i)
{
	for (;;)
	{
		int			worst = i;
		Entry		swap;

		for (int child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
			if (entry_before(&heap[worst], &heap[child]))
				worst = child;
		if (worst == i)
			return;
		swap = heap[i];
		heap[i] = heap[worst];
		heap[worst] = swap;
		i = worst;
	}
}

/* Adds an item unless k better ones are kept; copies it. */
static void
add_item(TopKState *state, double score, bytea *item)
{
	MemoryContext old;
	int			i;

	if (state->k == 0)
		return;
	if (state->n == state->k)
	{
		if (!before(score, item, state->heap[0].score, state->heap[0].item))
			return;
		pfree(state->heap[0].item);
		old = MemoryContextSwitchTo(state->context);
		state->heap[0].item = DatumGetByteaPCopy(PointerGetDatum(item));
		MemoryContextSwitchTo(old);
		state->heap[0].score = score;
		sift_down(state->heap, state->n, 0);
		return;
	}
	if (state->n == state->allocated)
	{
		state->allocated = Min((int64) state->allocated * 2, state->k);
		state->heap = repalloc_huge(state->heap,
									state->allocated * sizeof(Entry));
	}
	old = MemoryContextSwitchTo(state->context);
	item = DatumGetByteaPCopy(PointerGetDatum(item));
	MemoryContextSwitchTo(old);
	for (i = state->n++; i > 0; i = (i - 1) / 2)
	{
		Entry	   *parent = &state->heap[(i - 1) / 2];

		if (!before(parent->score, parent->item, score, item))
			break;
		state->heap[i] = *parent;
	}
	state->heap[i].score = score;
	state->heap[i].item = item;
}

/* The state of a transition, made by the first; checks k, argument number. */
static TopKState *
state_to_add(FunctionCallInfo fcinfo, int argument)
{
	MemoryContext context = rs_aggregate_context(fcinfo, "transition function of top_k");
	TopKState  *state;
	int			k;

	state = PG_ARGISNULL(0) ? NULL : (TopKState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("k must not be NULL")));
	k = PG_GETARG_INT32(argument);
	if (state == NULL)
		state = make_state(context, k);
	else if (state->k != k)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k varies, from %d to %d", state->k, k)));
	return state;
}

/* Adds the item of a transition's arguments, unless it is NULL or too low. */
static void
add_argument(FunctionCallInfo fcinfo, TopKState *state, double score)
{
	StringInfoData buf;

	if (PG_ARGISNULL(1) || isnan(score) || state->k == 0 ||
		(state->n == state->k && score < state->heap[0].score))
		return;
	pq_begintypsend(&buf);
	rs_item_send(rs_item_type(fcinfo, 1), PG_GETARG_DATUM(1), &buf);
	add_item(state, score, pq_endtypsend(&buf));
}

/* Transition: rows without item or score, and NaN scores, are left out. */
Datum
recsys_top_k_add(PG_FUNCTION_ARGS)
{
	TopKState  *state = state_to_add(fcinfo, 3);

	if (!PG_ARGISNULL(2))
		add_argument(fcinfo, state, PG_GETARG_FLOAT8(2));
	PG_RETURN_POINTER(state);
}

/*
 * Transition of nearest: 22023 where vector and query differ in length; rows
 * without an item, a vector or a query, and NaN products, are left out.
 */
Datum
recsys_nearest_add(PG_FUNCTION_ARGS)
{
	TopKState  *state = state_to_add(fcinfo, 4);
	float	   *vector;
	float	   *query;
	int			nvector;
	int			nquery;

	if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_POINTER(state);
	vector = rs_vector(PG_GETARG_ARRAYTYPE_P(2), &nvector);
	query = rs_vector(PG_GETARG_ARRAYTYPE_P(3), &nquery);
	if (nvector != nquery)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a vector has %d elements, the query %d", nvector, nquery),
				 errhint("Compare vectors of one model, which all have as many factors.")));
	add_argument(fcinfo, state, rs_simd->dot_wide(vector, query, nvector));
	PG_RETURN_POINTER(state);
}

Datum
recsys_top_k_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rs_aggregate_context(fcinfo, "_top_k_combine");
	TopKState  *a = PG_ARGISNULL(0) ? NULL : (TopKState *) PG_GETARG_POINTER(0);
	TopKState  *b;

	if (PG_ARGISNULL(1))
		return rs_aggregate_unchanged(fcinfo);
	b = (TopKState *) PG_GETARG_POINTER(1);
	if (a == NULL)
		a = make_state(context, b->k);
	else if (a->k != b->k)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k varies, from %d to %d", a->k, b->k)));
	for (int i = 0; i < b->n; i++)
		add_item(a, b->heap[i].score, b->heap[i].item);
	PG_RETURN_POINTER(a);
}

Datum
recsys_top_k_serialize(PG_FUNCTION_ARGS)
{
	TopKState  *state = (TopKState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, STATE_VERSION);
	pq_sendint32(&buf, state->k);
	pq_sendint32(&buf, state->n);
	for (int i = 0; i < state->n; i++)
	{
		pq_sendfloat8(&buf, state->heap[i].score);
		pq_sendint32(&buf, VARSIZE_ANY_EXHDR(state->heap[i].item));
		pq_sendbytes(&buf, VARDATA_ANY(state->heap[i].item),
					 VARSIZE_ANY_EXHDR(state->heap[i].item));
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
recsys_top_k_deserialize(PG_FUNCTION_ARGS)
{
	TopKState  *state;
	StringInfoData buf;
	int			k;
	int			n;

	(void) rs_aggregate_context(fcinfo, "_top_k_deserialize");
	rs_aggregate_read(fcinfo, "top_k", STATE_VERSION, &buf);
	k = pq_getmsgint(&buf, 4);
	n = pq_getmsgint(&buf, 4);
	state = make_state(CurrentMemoryContext, k);
	for (int i = 0; i < n; i++)
	{
		double		score = pq_getmsgfloat8(&buf);
		int			length = pq_getmsgint(&buf, 4);
		bytea	   *item;

		/* pq_getmsgbytes checks the length against what is left */
		const char *data = pq_getmsgbytes(&buf, length);

		item = palloc(VARHDRSZ + length);
		SET_VARSIZE(item, VARHDRSZ + length);
		memcpy(VARDATA(item), data, length);
		add_item(state, score, item);
		pfree(item);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* Final: an array, best first.  Leaves the state as it is. */
Datum
recsys_top_k_final(PG_FUNCTION_ARGS)
{
	TopKState  *state;
	Entry	   *sorted;
	Datum	   *items;
	RsItemType *type = rs_item_type(fcinfo, 1);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (TopKState *) PG_GETARG_POINTER(0);
	sorted = palloc(Max(state->n, 1) * sizeof(Entry));
	memcpy(sorted, state->heap, state->n * sizeof(Entry));
	for (int n = state->n - 1; n > 0; n--)
	{
		Entry		worst = sorted[0];

		sorted[0] = sorted[n];
		sorted[n] = worst;
		sift_down(sorted, n, 0);
	}
	items = palloc(Max(state->n, 1) * sizeof(Datum));
	for (int i = 0; i < state->n; i++)
		items[i] = rs_item_receive(type, VARDATA_ANY(sorted[i].item),
								   VARSIZE_ANY_EXHDR(sorted[i].item));
	PG_RETURN_ARRAYTYPE_P(construct_array(items, state->n, type->type, type->length,
										  type->by_value, type->align));
}
