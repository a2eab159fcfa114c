/*-------------------------------------------------------------------------
 *
 * idmap.c
 *	  Ids of any hashable and sortable type to dense numbers and back.
 *
 * An open-addressing table of numbers, at most half full, over an array of
 * Datums; hashing, equality and order are the id type's own, with its default
 * collation.  After rs_idmap_sort the numbers follow the type's order, so that
 * neither the order of a scan nor that of arrival can show in a result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "fmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

#include "idmap.h"
#include "kernel/hash.h"

struct RsIdMap
{
	MemoryContext context;
	Oid			type;
	Oid			collation;
	int16		typlen;
	bool		byval;
	bool		plain;			/* by value, equal when the Datums are */
	FmgrInfo	hash;
	FmgrInfo	extended;		/* hash with a seed; fn_oid invalid if none */
	FmgrInfo	equal;
	Oid			order;			/* the type's < operator */
	uint32		count;
	uint32		allocated;
	Datum	   *id;
	uint32		mask;			/* slots - 1 */
	uint32	   *slot;			/* numbers, RS_NO_ID = empty */
};

#define INITIAL_SLOTS	1024

RsIdMap *
rs_idmap_create(Oid type, MemoryContext context)
{
	RsIdMap    *map = MemoryContextAllocZero(context, sizeof(RsIdMap));
	TypeCacheEntry *entry;

	entry = lookup_type_cache(type, TYPECACHE_HASH_PROC_FINFO |
							  TYPECACHE_HASH_EXTENDED_PROC_FINFO |
							  TYPECACHE_EQ_OPR_FINFO | TYPECACHE_LT_OPR);
	map->context = context;
	map->type = type;
	map->collation = entry->typcollation;
	map->typlen = entry->typlen;
	map->byval = entry->typbyval;
	map->plain = entry->typbyval &&
		(getBaseType(type) == INT4OID || getBaseType(type) == INT8OID ||
		 getBaseType(type) == INT2OID);
	fmgr_info_copy(&map->hash, &entry->hash_proc_finfo, context);
	if (OidIsValid(entry->hash_extended_proc))
		fmgr_info_copy(&map->extended, &entry->hash_extended_proc_finfo, context);
	fmgr_info_copy(&map->equal, &entry->eq_opr_finfo, context);
	map->order = entry->lt_opr;
	map->allocated = INITIAL_SLOTS / 2;
	map->id = MemoryContextAlloc(context, map->allocated * sizeof(Datum));
	map->mask = INITIAL_SLOTS - 1;
	map->slot = MemoryContextAlloc(context, INITIAL_SLOTS * sizeof(uint32));
	memset(map->slot, 0xff, INITIAL_SLOTS * sizeof(uint32));
	return map;
}

uint32
rs_idmap_count(const RsIdMap *map)
{
	return map->count;
}

Datum
rs_idmap_datum(const RsIdMap *map, uint32 number)
{
	Assert(number < map->count);
	return map->id[number];
}

static uint32
hash_id(RsIdMap *map, Datum id)
{
	if (map->plain)
		return (uint32) rs_hash64((uint64) id);
	return DatumGetUInt32(FunctionCall1Coll(&map->hash, map->collation, id));
}

static bool
same_id(RsIdMap *map, Datum a, Datum b)
{
	if (map->plain)
		return a == b;
	return DatumGetBool(FunctionCall2Coll(&map->equal, map->collation, a, b));
}

/* The slot of an id, or the empty one where it belongs. */
static uint32
find_slot(RsIdMap *map, Datum id)
{
	uint32		i = hash_id(map, id) & map->mask;

	while (map->slot[i] != RS_NO_ID && !same_id(map, map->id[map->slot[i]], id))
		i = (i + 1) & map->mask;
	return i;
}

/* Puts every number into its slot again. */
static void
fill_slots(RsIdMap *map)
{
	memset(map->slot, 0xff, ((Size) map->mask + 1) * sizeof(uint32));
	for (uint32 n = 0; n < map->count; n++)
	{
		uint32		i = hash_id(map, map->id[n]) & map->mask;

		while (map->slot[i] != RS_NO_ID)
			i = (i + 1) & map->mask;
		map->slot[i] = n;
	}
}

static void
grow(RsIdMap *map)
{
	if (map->count >= PG_UINT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u distinct ids", map->count)));
	map->allocated *= 2;
	map->id = repalloc_huge(map->id, (Size) map->allocated * sizeof(Datum));
	map->mask = map->mask * 2 + 1;
	pfree(map->slot);
	map->slot = MemoryContextAllocHuge(map->context,
									   ((Size) map->mask + 1) * sizeof(uint32));
	fill_slots(map);
}

uint32
rs_idmap_add(RsIdMap *map, Datum id)
{
	uint32		i;
	MemoryContext old;

	i = find_slot(map, id);
	if (map->slot[i] != RS_NO_ID)
		return map->slot[i];
	if (map->count == map->allocated)
	{
		grow(map);
		i = find_slot(map, id);
	}
	old = MemoryContextSwitchTo(map->context);
	if (map->typlen == -1)
		map->id[map->count] = PointerGetDatum(PG_DETOAST_DATUM_COPY(id));
	else
		map->id[map->count] = datumCopy(id, map->byval, map->typlen);
	MemoryContextSwitchTo(old);
	map->slot[i] = map->count;
	return map->count++;
}

uint32
rs_idmap_find(RsIdMap *map, Datum id)
{
	return map->slot[find_slot(map, id)];
}

typedef struct Numbered
{
	Datum		id;
	uint32		number;
} Numbered;

static int
compare_ids(const void *a, const void *b, void *support)
{
	const Numbered *x = a;
	const Numbered *y = b;
	int			c = ApplySortComparator(x->id, false, y->id, false, support);

	/* equal ids cannot occur; a total order all the same */
	if (c == 0)
		c = (x->number > y->number) - (x->number < y->number);
	return c;
}

void
rs_idmap_sort(RsIdMap *map, uint32 *place)
{
	SortSupportData support = {0};
	Numbered   *sorted;

	if (map->count == 0)
		return;
	support.ssup_cxt = CurrentMemoryContext;
	support.ssup_collation = map->collation;
	PrepareSortSupportFromOrderingOp(map->order, &support);
	sorted = MemoryContextAllocHuge(CurrentMemoryContext,
									(Size) map->count * sizeof(Numbered));
	for (uint32 n = 0; n < map->count; n++)
	{
		sorted[n].id = map->id[n];
		sorted[n].number = n;
	}
	qsort_interruptible(sorted, map->count, sizeof(Numbered), compare_ids, &support);
	for (uint32 n = 0; n < map->count; n++)
	{
		map->id[n] = sorted[n].id;
		place[sorted[n].number] = n;
	}
	pfree(sorted);
	fill_slots(map);
}

uint64
rs_idmap_checksum(RsIdMap *map, uint32 number)
{
	if (!OidIsValid(map->extended.fn_oid))
		return rs_hash64(hash_id(map, map->id[number]));
	return DatumGetUInt64(FunctionCall2Coll(&map->extended, map->collation,
											map->id[number], Int64GetDatum(0)));
}
