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
 * Whole numbers, uuids and texts are hashed and compared here, inline, for
 * their equality is that of the bytes: of texts under deterministic
 * collations only.  For other types hashing and equality are the type's own,
 * with the ids' collation.  The order is always the type's: after
 * rs_idmap_sort the numbers follow it, so that neither the order of a scan nor
 * that of arrival can show in a result.
 *
 * Ids by reference lie one after the other in blocks of memory, texts with a
 * header of one byte where they are short.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"	/* for varatt.h, where there is one */
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

#include "idmap.h"
#include "kernel/hash.h"

/* How ids are hashed and compared. */
typedef enum IdKind
{
	ID_VALUE,					/* by value: equal when the Datums are */
	ID_FIXED,					/* of a fixed length: when the bytes are */
	ID_TEXT,					/* varlena: when the payloads are */
	ID_OTHER					/* by the type's own functions */
} IdKind;

typedef struct Slot
{
	uint32		number;			/* RS_NO_ID = empty */
	uint32		hash;
} Slot;

struct RsIdMap
{
	MemoryContext context;
	IdKind		kind;
	Oid			type;
	Oid			collation;
	int16		typlen;
	bool		byval;
	FmgrInfo	hash;
	FmgrInfo	extended;		/* hash with a seed; fn_oid invalid if none */
	FmgrInfo	equal;
	Oid			order;			/* the type's < operator */
	uint32		count;
	uint32		allocated;
	Datum	   *id;
	uint32		mask;			/* slots - 1 */
	Slot	   *slot;
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

/* Whether equality of a type is that of the bytes, and of which. */
static IdKind
kind_of(Oid type, Oid collation)
{
	switch (getBaseType(type))
	{
		case INT2OID:
		case INT4OID:
			return ID_VALUE;
		case INT8OID:
			return FLOAT8PASSBYVAL ? ID_VALUE : ID_FIXED;
		case UUIDOID:
			return ID_FIXED;
		case TEXTOID:
		case VARCHAROID:
			return get_collation_isdeterministic(collation) ? ID_TEXT : ID_OTHER;
		default:
			return ID_OTHER;
	}
}

RsIdMap *
rs_idmap_create(Oid type, Oid collation, MemoryContext context)
{
	RsIdMap    *map = MemoryContextAllocZero(context, sizeof(RsIdMap));
	TypeCacheEntry *entry;

	entry = lookup_type_cache(type, TYPECACHE_HASH_PROC_FINFO |
							  TYPECACHE_HASH_EXTENDED_PROC_FINFO |
							  TYPECACHE_EQ_OPR_FINFO | TYPECACHE_LT_OPR);
	map->context = context;
	map->type = type;
	map->collation = OidIsValid(collation) ? collation : entry->typcollation;
	map->kind = kind_of(type, map->collation);
	map->typlen = entry->typlen;
	map->byval = entry->typbyval;
	map->narrow = (map->kind == ID_VALUE);
	fmgr_info_copy(&map->hash, &entry->hash_proc_finfo, context);
	if (OidIsValid(entry->hash_extended_proc))
		fmgr_info_copy(&map->extended, &entry->hash_extended_proc_finfo, context);
	fmgr_info_copy(&map->equal, &entry->eq_opr_finfo, context);
	map->order = entry->lt_opr;
	map->allocated = INITIAL_SLOTS / 2;
	map->id = MemoryContextAlloc(context, map->allocated * sizeof(Datum));
	map->mask = INITIAL_SLOTS - 1;
	map->slot = MemoryContextAlloc(context, INITIAL_SLOTS * sizeof(Slot));
	memset(map->slot, 0xff, INITIAL_SLOTS * sizeof(Slot));
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

/* ---- hashing and equality ---- */

/* A hash of bytes: eight at a time through the mixing function. */
static inline uint32
hash_bytes_inline(const char *p, Size n)
{
	uint64		h = n;
	uint64		word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word))
	{
		memcpy(&word, p, sizeof(word));
		h = rs_hash64(h ^ word);
	}
	if (n > 0)
	{
		word = 0;
		memcpy(&word, p, n);
		h = rs_hash64(h ^ word);
	}
	return (uint32) h;
}

/* A bijection of 32 bits: the finaliser of MurmurHash3. */
static inline uint32
hash32(uint32 h)
{
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	h *= 0xc2b2ae35;
	h ^= h >> 16;
	return h;
}

static inline uint32
hash_value(Datum id)
{
	return hash32((uint32) id ^ (uint32) rs_hash64((uint64) id >> 32));
}

/* Ids of kind ID_TEXT are not toasted here: see untoast. */
static inline uint32
hash_id(RsIdMap *map, Datum id)
{
	switch (map->kind)
	{
		case ID_VALUE:
			return hash_value(id);
		case ID_FIXED:
			return hash_bytes_inline(DatumGetPointer(id), map->typlen);
		case ID_TEXT:
			return hash_bytes_inline(VARDATA_ANY(DatumGetPointer(id)),
									 VARSIZE_ANY_EXHDR(DatumGetPointer(id)));
		default:
			return DatumGetUInt32(FunctionCall1Coll(&map->hash, map->collation, id));
	}
}

static inline bool
same_id(RsIdMap *map, Datum a, Datum b)
{
	Size		n;

	switch (map->kind)
	{
		case ID_VALUE:
			return a == b;
		case ID_FIXED:
			return memcmp(DatumGetPointer(a), DatumGetPointer(b), map->typlen) == 0;
		case ID_TEXT:
			n = VARSIZE_ANY_EXHDR(DatumGetPointer(a));
			return n == VARSIZE_ANY_EXHDR(DatumGetPointer(b)) &&
				memcmp(VARDATA_ANY(DatumGetPointer(a)), VARDATA_ANY(DatumGetPointer(b)), n) == 0;
		default:
			return DatumGetBool(FunctionCall2Coll(&map->equal, map->collation, a, b));
	}
}

/* A varlena in memory and uncompressed; what is allocated is the caller's. */
static inline Datum
untoast(const RsIdMap *map, Datum id)
{
	return map->typlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(id)) : id;
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

	if (map->byval)
		return id;
	if (map->kind == ID_TEXT &&
		VARSIZE_ANY_EXHDR(DatumGetPointer(id)) + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		size = VARSIZE_ANY_EXHDR(DatumGetPointer(id));
		copy = make_room(map, size + VARHDRSZ_SHORT, 1);
		SET_VARSIZE_SHORT(copy, size + VARHDRSZ_SHORT);
		memcpy(copy + VARHDRSZ_SHORT, VARDATA_ANY(DatumGetPointer(id)), size);
		return PointerGetDatum(copy);
	}
	/* functions of the type may take what is aligned only */
	if (map->typlen == -1)
		id = PointerGetDatum(PG_DETOAST_DATUM(id));
	size = datumGetSize(id, false, map->typlen);
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

	if (map->byval)
	{
		map->id[number] = Min(kept, id);
		return;
	}
	if (map->typlen == -1)
		id = PointerGetDatum(PG_DETOAST_DATUM(id));
	size = datumGetSize(id, false, map->typlen);
	kept_size = datumGetSize(kept, false, map->typlen);
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
			!(known || same_id(map, map->id[map->slot[i].number], id))))
		i = (i + 1) & map->mask;
	return i;
}

/* Twice as many slots, filled from the old ones. */
static void
grow(RsIdMap *map)
{
	Slot	   *old = map->slot;
	uint32		old_mask = map->mask;

	if (map->count >= PG_UINT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u distinct ids", map->count)));
	map->allocated *= 2;
	map->id = repalloc_huge(map->id, (Size) map->allocated * sizeof(Datum));
	map->mask = map->mask * 2 + 1;
	map->slot = MemoryContextAllocHuge(map->context,
									   ((Size) map->mask + 1) * sizeof(Slot));
	memset(map->slot, 0xff, ((Size) map->mask + 1) * sizeof(Slot));
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
	return map->kind == ID_VALUE;
}

void
rs_idmap_announce(const RsIdMap *map, Datum id)
{
	__builtin_prefetch(&map->slot[hash_value(id) & map->mask]);
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
	id = untoast(map, id);
	hash = hash_id(map, id);
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
	else if (map->kind == ID_OTHER)
		keep_first(map, number, id);
	if (map->kind == ID_VALUE)
	{
		map->last = number;
		map->last_id = id;
	}
	return number;
}

uint32
rs_idmap_find(RsIdMap *map, Datum id)
{
	id = untoast(map, id);
	return map->slot[find_slot(map, id, hash_id(map, id))].number;
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
	s.support.ssup_collation = map->collation;
	s.support.abbreviate = true;
	PrepareSortSupportFromOrderingOp(map->order, &s.support);
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
	if (!OidIsValid(map->extended.fn_oid))
		return rs_hash64(DatumGetUInt32(FunctionCall1Coll(&map->hash, map->collation,
														  map->id[number])));
	return DatumGetUInt64(FunctionCall2Coll(&map->extended, map->collation,
											map->id[number], Int64GetDatum(0)));
}

Size
rs_idmap_bytes(Oid type, uint64 count, double width)
{
	Size		slots = INITIAL_SLOTS;
	bool		byval = get_typbyval(type);

	while (slots / 2 < count)
		slots *= 2;
	return slots * sizeof(Slot) + slots / 2 * sizeof(Datum) * 2 +
		count * (sizeof(Numbered) + sizeof(uint32)) +
		(byval ? 0 : (Size) (count * width) + LAST_BLOCK);
}
