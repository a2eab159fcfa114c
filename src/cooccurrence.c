/*-------------------------------------------------------------------------
 *
 * cooccurrence.c
 *	  Item neighbours by SQL: the aggregates cooccurrence_top(items, self, k)
 *	  and cooccurrence_counts, of the same arguments.
 *
 * Grouped by item, they are fed the list of items of each user of that item,
 * and give the k items that are in most of the lists, and in how many.  That
 * is one row of the sparse product of kernel/cooccurrence.c for users whose
 * data lie on many servers: the lists (capped, if histories are long) travel,
 * the pairs of items do not.
 *
 * The state counts every item in a hash table by the bytes in which its type
 * is sent, without a type, and is cut to k only at the end: so it can be
 * combined exactly, whatever the parts.  Both aggregates have the same
 * transition function, so a query with both keeps one state.
 *
 * Limits: 2^31 - 1 lists in a group, 1 GB of distinct items.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"

#include "aggregate.h"
#include "item.h"
#include "kernel/hash.h"

PG_FUNCTION_INFO_V1(recsys_cooccurrence_top_add);
PG_FUNCTION_INFO_V1(recsys_cooccurrence_top_combine);
PG_FUNCTION_INFO_V1(recsys_cooccurrence_top_serialize);
PG_FUNCTION_INFO_V1(recsys_cooccurrence_top_deserialize);
PG_FUNCTION_INFO_V1(recsys_cooccurrence_top_final);
PG_FUNCTION_INFO_V1(recsys_cooccurrence_counts_final);

#define STATE_VERSION	1
#define FIRST_ENTRIES	16
#define WORD_BYTES		((int) sizeof(uint64))

typedef struct Entry
{
	uint64		hash;
	uint32		offset;			/* of its bytes in the state's */
	int32		length;
	int32		users;			/* lists that hold it */
	int32		last;			/* the latest of them */
} Entry;

typedef struct TopState
{
	int			k;
	int32		lists;
	int			n;
	int			allocated;
	Entry	   *entry;			/* as they came; the first is self */
	uint32	   *slot;			/* 2 * allocated: number of the entry + 1, or 0 */
	StringInfoData bytes;		/* of all items, one after the other */
} TopState;

static inline char *
entry_bytes(const TopState *state, const Entry *e)
{
	return state->bytes.data + e->offset;
}

/* Puts an entry's number into the first free slot of its hash. */
static void
enter_slot(TopState *state, int i)
{
	uint32		mask = 2 * state->allocated - 1;
	uint32		s = (uint32) state->entry[i].hash & mask;

	while (state->slot[s] != 0)
		s = (s + 1) & mask;
	state->slot[s] = i + 1;
}

static void
grow(TopState *state)
{
	state->allocated *= 2;
	state->entry = repalloc_huge(state->entry, state->allocated * sizeof(Entry));
	state->slot = repalloc_huge(state->slot, 2 * state->allocated * sizeof(uint32));
	memset(state->slot, 0, 2 * state->allocated * sizeof(uint32));
	for (int i = 0; i < state->n; i++)
		enter_slot(state, i);
}

/* Up to 8 bytes one to one, so that they need not be compared. */
static inline uint64
hash_item(const char *bytes, int length)
{
	uint64		word = 0;
	uint32		half;

	if (length == (int) sizeof(half))
	{
		memcpy(&half, bytes, sizeof(half));
		return rs_hash64(half);
	}
	if (length > WORD_BYTES)
		return hash_bytes_extended((const unsigned char *) bytes, length, 0);
	memcpy(&word, bytes, length);
	return rs_hash64(word);
}

/*
 * The entry of the item whose bytes are the last in the state's; a known
 * item's are taken off again.
 */
static Entry *
find_entry(TopState *state, int length)
{
	const char *bytes = state->bytes.data + state->bytes.len - length;
	uint64		hash = hash_item(bytes, length);
	uint32		mask = 2 * state->allocated - 1;
	uint32		s = (uint32) hash & mask;
	Entry	   *e;

	for (; state->slot[s] != 0; s = (s + 1) & mask)
	{
		e = &state->entry[state->slot[s] - 1];
		if (e->hash == hash && e->length == length &&
			(length <= WORD_BYTES || memcmp(entry_bytes(state, e), bytes, length) == 0))
		{
			state->bytes.len -= length;
			return e;
		}
	}
	if (state->n == state->allocated)
		grow(state);
	e = &state->entry[state->n];
	e->hash = hash;
	e->offset = state->bytes.len - length;
	e->length = length;
	e->users = 0;
	e->last = 0;
	enter_slot(state, state->n++);
	return e;
}

static TopState *
make_state(MemoryContext context, int k)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	TopState   *state = palloc(sizeof(TopState));

	if (k <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k is %d, must be positive", k)));
	state->k = k;
	state->lists = 0;
	state->n = 0;
	state->allocated = FIRST_ENTRIES;
	state->entry = palloc(FIRST_ENTRIES * sizeof(Entry));
	state->slot = palloc0(2 * FIRST_ENTRIES * sizeof(uint32));
	initStringInfo(&state->bytes);
	MemoryContextSwitchTo(old);
	return state;
}

/* Counts more lists. */
static void
add_lists(TopState *state, int32 lists)
{
	if (lists > PG_INT32_MAX - state->lists)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a group has more than %d lists of items", PG_INT32_MAX)));
	state->lists += lists;
}

static void
check_k(const TopState *state, int k)
{
	if (k != state->k)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k varies, from %d to %d", state->k, k)));
}

/* Self, whose bytes are the last in the state's: the first entry or nothing. */
static void
check_self(TopState *state, int length)
{
	Entry	   *e = find_entry(state, length);

	if (e != state->entry)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("self varies within a group"),
				 errhint("GROUP BY the item that is passed as self.")));
}

/* Counts the items of one user's list, each of which it may hold once. */
static void
add_list(TopState *state, ArrayType *items, RsItemType *type)
{
	char	   *p = ARR_DATA_PTR(items);
	int			n = ArrayGetNItems(ARR_NDIM(items), ARR_DIMS(items));

	if (ARR_NDIM(items) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("items has %d dimensions, must have one", ARR_NDIM(items))));
	if (array_contains_nulls(items))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("items must not contain NULL")));
	add_lists(state, 1);
	for (int i = 0; i < n; i++)
	{
		Entry	   *e = find_entry(state, rs_item_send(type, fetch_att(p, type->by_value, type->length),
													   &state->bytes));

		if (e->last == state->lists)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("element %d of items repeats an earlier one", i + 1)));
		e->last = state->lists;
		e->users++;
		p = att_addlength_pointer(p, type->length, p);
		p = (char *) att_align_nominal(p, type->align);
	}
}

/* Transition: rows without a list or self are left out. */
Datum
recsys_cooccurrence_top_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = rs_aggregate_context(fcinfo, "_cooccurrence_top_add");
	TopState   *state = PG_ARGISNULL(0) ? NULL : (TopState *) PG_GETARG_POINTER(0);
	RsItemType *type;

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("k must not be NULL")));
	if (state == NULL)
		state = make_state(context, PG_GETARG_INT32(3));
	check_k(state, PG_GETARG_INT32(3));
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);
	type = rs_item_type(fcinfo, 2);
	check_self(state, rs_item_send(type, PG_GETARG_DATUM(2), &state->bytes));
	add_list(state, PG_GETARG_ARRAYTYPE_P(1), type);
	PG_RETURN_POINTER(state);
}

Datum
recsys_cooccurrence_top_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rs_aggregate_context(fcinfo, "_cooccurrence_top_combine");
	TopState   *a = PG_ARGISNULL(0) ? NULL : (TopState *) PG_GETARG_POINTER(0);
	TopState   *b;

	if (PG_ARGISNULL(1))
		return rs_aggregate_unchanged(fcinfo);
	b = (TopState *) PG_GETARG_POINTER(1);
	if (a == NULL)
		a = make_state(context, b->k);
	check_k(a, b->k);
	for (int i = 0; i < b->n; i++)
	{
		Entry	   *e = &b->entry[i];

		appendBinaryStringInfo(&a->bytes, entry_bytes(b, e), e->length);
		if (i == 0)
			check_self(a, e->length);
		else
			find_entry(a, e->length)->users += e->users;
	}
	if (b->n > 0)
		a->entry[0].users += b->entry[0].users;
	add_lists(a, b->lists);
	PG_RETURN_POINTER(a);
}

Datum
recsys_cooccurrence_top_serialize(PG_FUNCTION_ARGS)
{
	TopState   *state = (TopState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, STATE_VERSION);
	pq_sendint32(&buf, state->k);
	pq_sendint32(&buf, state->lists);
	pq_sendint32(&buf, state->n);
	for (int i = 0; i < state->n; i++)
	{
		Entry	   *e = &state->entry[i];

		pq_sendint32(&buf, e->users);
		pq_sendint32(&buf, e->length);
		pq_sendbytes(&buf, entry_bytes(state, e), e->length);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
recsys_cooccurrence_top_deserialize(PG_FUNCTION_ARGS)
{
	TopState   *state;
	StringInfoData buf;
	int			k;
	int32		lists;
	int			n;

	(void) rs_aggregate_context(fcinfo, "_cooccurrence_top_deserialize");
	rs_aggregate_read(fcinfo, "cooccurrence_top", STATE_VERSION, &buf);
	k = pq_getmsgint(&buf, 4);
	lists = pq_getmsgint(&buf, 4);
	n = pq_getmsgint(&buf, 4);
	state = make_state(CurrentMemoryContext, k);
	add_lists(state, lists);
	for (int i = 0; i < n; i++)
	{
		int32		users = pq_getmsgint(&buf, 4);
		int			length = pq_getmsgint(&buf, 4);

		/* pq_getmsgbytes checks the length against what is left */
		appendBinaryStringInfo(&state->bytes, pq_getmsgbytes(&buf, length), length);
		find_entry(state, length)->users = users;
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* a candidate of the result */
typedef struct Candidate
{
	int32		users;
	int32		length;
	uint64		first;			/* bytes, as a number that sorts like them */
	const char *bytes;
} Candidate;

static inline uint64
first_bytes(const char *bytes, int length)
{
	uint64		word = 0;

	memcpy(&word, bytes, Min(length, WORD_BYTES));
	return pg_ntoh64(word);
}

/* in more lists first, then by bytes */
static inline int
compare_candidates(const Candidate *a, const Candidate *b)
{
	if (a->users != b->users)
		return a->users > b->users ? -1 : 1;
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return rs_item_compare(a->bytes, a->length, b->bytes, b->length);
}

#define ST_SORT sort_candidates
#define ST_ELEMENT_TYPE Candidate
#define ST_COMPARE(a, b) compare_candidates(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* The k best, in order; leaves the state as it is. */
static Candidate *
best_candidates(const TopState *state, int *n)
{
	Candidate  *c = palloc_extended(Max(state->n, 1) * sizeof(Candidate), MCXT_ALLOC_HUGE);

	*n = 0;
	for (int i = 1; i < state->n; i++)
	{
		const Entry *e = &state->entry[i];

		c[*n].users = e->users;
		c[*n].length = e->length;
		c[*n].bytes = entry_bytes(state, e);
		c[*n].first = first_bytes(c[*n].bytes, e->length);
		(*n)++;
	}
	sort_candidates(c, *n);
	*n = Min(*n, state->k);
	return c;
}

/* Final of cooccurrence_top: the items, best first. */
Datum
recsys_cooccurrence_top_final(PG_FUNCTION_ARGS)
{
	RsItemType *type = rs_item_type(fcinfo, 2);
	Candidate  *c;
	Datum	   *items;
	int			n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	c = best_candidates((TopState *) PG_GETARG_POINTER(0), &n);
	items = palloc(Max(n, 1) * sizeof(Datum));
	for (int i = 0; i < n; i++)
		items[i] = rs_item_receive(type, c[i].bytes, c[i].length);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, n, type->type, type->length,
										  type->by_value, type->align));
}

/* Final of cooccurrence_counts: how many lists each of them is in. */
Datum
recsys_cooccurrence_counts_final(PG_FUNCTION_ARGS)
{
	Candidate  *c;
	Datum	   *counts;
	int			n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	c = best_candidates((TopState *) PG_GETARG_POINTER(0), &n);
	counts = palloc(Max(n, 1) * sizeof(Datum));
	for (int i = 0; i < n; i++)
		counts[i] = Int32GetDatum(c[i].users);
	PG_RETURN_ARRAYTYPE_P(construct_array(counts, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}
