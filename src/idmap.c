/*-------------------------------------------------------------------------
 *
 * idmap.c
 *	  Ids of any hashable and sortable type to dense numbers and back.
 *
 * An open-addressing table of numbers, at most half full, over an array of
 * Datums.  A slot holds the number and 32 bits of the hash, so that other ids
 * are passed over, and the table grows, without looking at the ids.  The hash
 * of a whole number below 2^32 is as good as itself: while there are no
 * others, the ids are not looked at at all.
 *
 * Hashing and equality are those of id_type.h.  The order is always the type's:
 * after rs_idmap_sort the numbers follow it, so that neither the order of a
 * scan nor that of arrival can show in a result.
 *
 * Ids by reference lie one after the other in blocks of memory, texts with a
 * header of one byte where they are short.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"

#include "idmap.h"

struct RsIdMap
{
	MemoryContext context;
	RsIdType	type;
	uint32		count;
	uint32		allocated;
	Datum	   *id;
	uint32		mask;			/* slots - 1 */
	RsIdSlot   *slot;
	uint32		last;			/* found last, RS_NO_ID = none; by value only */
	Datum		last_id;
	bool		narrow;			/* by value, and all below 2^32 */
	char	   *block;			/* where the next id by reference goes */
	Size		free;			/* bytes left there */
	Size		block_size;
};

#define INITIAL_SLOTS	64
#define FIRST_BLOCK		1024
#define LAST_BLOCK		(1024 * 1024)

RsIdMap *
rs_idmap_create(Oid type, Oid collation, MemoryContext context)
{
	RsIdMap    *map = MemoryContextAllocZero(context, sizeof(RsIdMap));

	map->context = context;
	rs_id_type(&map->type, type, collation, context);
	map->narrow = (map->type.kind == RS_ID_VALUE);
	map->allocated = INITIAL_SLOTS / 2;
	map->id = MemoryContextAlloc(context, map->allocated * sizeof(Datum));
	map->mask = INITIAL_SLOTS - 1;
	map->slot = MemoryContextAlloc(context, INITIAL_SLOTS * sizeof(RsIdSlot));
	memset(map->slot, 0xff, INITIAL_SLOTS * sizeof(RsIdSlot));
	map->last = RS_NO_ID;
	map->block_size = FIRST_BLOCK;
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

/* ---- the ids' own memory ---- */

/* Room for an id, aligned as asked. */
static char *
make_room(RsIdMap *map, Size size, Size align)
{
	Size		skip = (align - (uintptr_t) map->block % align) % align;
	char	   *room;

	if (map->block == NULL || skip + size > map->free)
	{
		map->free = Max(map->block_size, size);
		map->block = MemoryContextAllocHuge(map->context, map->free);
		map->block_size = Min(map->block_size * 2, LAST_BLOCK);
		skip = 0;
	}
	room = map->block + skip;
	map->block = room + size;
	map->free -= skip + size;
	return room;
}

/* A copy of an id: texts with the shortest header, others as they are. */
static Datum
copy_id(RsIdMap *map, Datum id)
{
	Size		size;
	char	   *copy;

	if (map->type.byval)
		return id;
	if (map->type.kind == RS_ID_TEXT &&
		VARSIZE_ANY_EXHDR(DatumGetPointer(id)) + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		size = VARSIZE_ANY_EXHDR(DatumGetPointer(id));
		copy = make_room(map, size + VARHDRSZ_SHORT, 1);
		SET_VARSIZE_SHORT(copy, size + VARHDRSZ_SHORT);
		memcpy(copy + VARHDRSZ_SHORT, VARDATA_ANY(DatumGetPointer(id)), size);
		return PointerGetDatum(copy);
	}
	/* functions of the type may take what is aligned only */
	if (map->type.typlen == -1)
		id = PointerGetDatum(PG_DETOAST_DATUM(id));
	size = datumGetSize(id, false, map->type.typlen);
	copy = make_room(map, size, MAXIMUM_ALIGNOF);
	memcpy(copy, DatumGetPointer(id), size);
	return PointerGetDatum(copy);
}

/*
 * Of equal ids with other bytes the first in their order is kept, so that the
 * order of arrival does not matter.
 */
static void
keep_first(RsIdMap *map, uint32 number, Datum id)
{
	Datum		kept = map->id[number];
	Size		size;
	Size		kept_size;
	int			order;

	if (map->type.byval)
	{
		map->id[number] = Min(kept, id);
		return;
	}
	if (map->type.typlen == -1)
		id = PointerGetDatum(PG_DETOAST_DATUM(id));
	size = datumGetSize(id, false, map->type.typlen);
	kept_size = datumGetSize(kept, false, map->type.typlen);
	order = memcmp(DatumGetPointer(id), DatumGetPointer(kept), Min(size, kept_size));
	if (order < 0 || (order == 0 && size < kept_size))
		map->id[number] = copy_id(map, id);
}

/* ---- the table ---- */

/* The slot of an id, or the empty one where it belongs. */
static inline uint32
find_slot(RsIdMap *map, Datum id, uint32 hash)
{
	uint32		i = hash & map->mask;
	bool		known = map->narrow && (uint64) id >> 32 == 0;

	while (map->slot[i].number != RS_NO_ID &&
		   (map->slot[i].hash != hash ||
			!(known || rs_id_same(&map->type, map->id[map->slot[i].number], id))))
		i = (i + 1) & map->mask;
	return i;
}

/* Twice as many slots, filled from the old ones. */
static void
grow(RsIdMap *map)
{
	RsIdSlot   *old = map->slot;
	uint32		old_mask = map->mask;

	if (map->count >= PG_UINT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u distinct ids", map->count)));
	map->allocated *= 2;
	map->id = repalloc_huge(map->id, (Size) map->allocated * sizeof(Datum));
	map->mask = map->mask * 2 + 1;
	map->slot = MemoryContextAllocHuge(map->context,
									   ((Size) map->mask + 1) * sizeof(RsIdSlot));
	memset(map->slot, 0xff, ((Size) map->mask + 1) * sizeof(RsIdSlot));
	for (uint32 n = 0; n <= old_mask; n++)
	{
		uint32		i = old[n].hash & map->mask;

		if (old[n].number == RS_NO_ID)
			continue;
		while (map->slot[i].number != RS_NO_ID)
			i = (i + 1) & map->mask;
		map->slot[i] = old[n];
	}
	pfree(old);
}

bool
rs_idmap_by_value(const RsIdMap *map)
{
	return map->type.kind == RS_ID_VALUE;
}

void
rs_idmap_announce(const RsIdMap *map, Datum id)
{
	__builtin_prefetch(&map->slot[rs_id_hash_value(id) & map->mask]);
}

uint32
rs_idmap_add(RsIdMap *map, Datum id)
{
	uint32		number;
	uint32		hash;
	uint32		i;

	/* a log often has one user's rows together */
	if (map->last != RS_NO_ID && map->last_id == id)
		return map->last;
	id = rs_id_untoast(&map->type, id);
	hash = rs_id_hash(&map->type, id);
	i = find_slot(map, id, hash);
	number = map->slot[i].number;
	if (number == RS_NO_ID)
	{
		if (map->count == map->allocated)
		{
			grow(map);
			i = find_slot(map, id, hash);
		}
		number = map->count++;
		map->id[number] = copy_id(map, id);
		map->narrow &= (uint64) id >> 32 == 0;
		map->slot[i].number = number;
		map->slot[i].hash = hash;
	}
	else if (map->type.kind == RS_ID_OTHER)
		keep_first(map, number, id);
	if (map->type.kind == RS_ID_VALUE)
	{
		map->last = number;
		map->last_id = id;
	}
	return number;
}

uint32
rs_idmap_find(RsIdMap *map, Datum id)
{
	id = rs_id_untoast(&map->type, id);
	return map->slot[find_slot(map, id, rs_id_hash(&map->type, id))].number;
}

const RsIdType *
rs_idmap_type(const RsIdMap *map)
{
	return &map->type;
}

const RsIdSlot *
rs_idmap_slots(const RsIdMap *map, uint32 *n)
{
	*n = map->mask + 1;
	return map->slot;
}

/* ---- order ---- */

typedef struct Numbered
{
	Datum		key;			/* the id, or its abbreviation */
	uint32		number;
} Numbered;

typedef struct Sorting
{
	RsIdMap    *map;
	SortSupportData support;
	bool		abbreviated;
} Sorting;

static int
compare_ids(const void *a, const void *b, void *arg)
{
	Sorting    *s = arg;
	const Numbered *x = a;
	const Numbered *y = b;
	int			c = ApplySortComparator(x->key, false, y->key, false, &s->support);

	if (c == 0 && s->abbreviated)
		c = ApplySortAbbrevFullComparator(s->map->id[x->number], false,
										  s->map->id[y->number], false, &s->support);
	/* equal ids cannot occur; a total order all the same */
	if (c == 0)
		c = (x->number > y->number) - (x->number < y->number);
	return c;
}

/* Puts the old numbers in the slots through place. */
static void
renumber_slots(RsIdMap *map, const uint32 *place)
{
	for (uint32 i = 0; i <= map->mask; i++)
		if (map->slot[i].number != RS_NO_ID)
			map->slot[i].number = place[map->slot[i].number];
}

void
rs_idmap_sort(RsIdMap *map, uint32 *place)
{
	Sorting		s = {map};
	Numbered   *sorted;
	Datum	   *id;

	map->last = RS_NO_ID;
	if (map->count == 0)
		return;
	s.support.ssup_cxt = CurrentMemoryContext;
	s.support.ssup_collation = map->type.collation;
	s.support.abbreviate = true;
	PrepareSortSupportFromOrderingOp(map->type.order, &s.support);
	s.abbreviated = (s.support.abbrev_converter != NULL);
	sorted = MemoryContextAllocHuge(CurrentMemoryContext,
									(Size) map->count * sizeof(Numbered));
	for (uint32 n = 0; n < map->count; n++)
	{
		sorted[n].key = s.abbreviated ?
			s.support.abbrev_converter(map->id[n], &s.support) : map->id[n];
		sorted[n].number = n;
	}
	qsort_interruptible(sorted, map->count, sizeof(Numbered), compare_ids, &s);
	id = MemoryContextAllocHuge(map->context, (Size) map->allocated * sizeof(Datum));
	for (uint32 n = 0; n < map->count; n++)
	{
		id[n] = map->id[sorted[n].number];
		place[sorted[n].number] = n;
	}
	pfree(map->id);
	map->id = id;
	pfree(sorted);
	renumber_slots(map, place);
}

uint64
rs_idmap_checksum(RsIdMap *map, uint32 number)
{
	if (!OidIsValid(map->type.extended.fn_oid))
		return rs_hash64(DatumGetUInt32(FunctionCall1Coll(&map->type.hash, map->type.collation,
														  map->id[number])));
	return DatumGetUInt64(FunctionCall2Coll(&map->type.extended, map->type.collation,
											map->id[number], Int64GetDatum(0)));
}

Size
rs_idmap_bytes(Oid type, uint64 count, double width)
{
	Size		slots = INITIAL_SLOTS;
	bool		byval = get_typbyval(type);

	while (slots / 2 < count)
		slots *= 2;
	return slots * sizeof(RsIdSlot) + slots / 2 * sizeof(Datum) * 2 +
		count * (sizeof(Numbered) + sizeof(uint32)) +
		(byval ? 0 : (Size) (count * width) + LAST_BLOCK);
}
