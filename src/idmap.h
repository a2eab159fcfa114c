/*-------------------------------------------------------------------------
 *
 * idmap.h
 *	  Ids of any hashable and sortable type to dense numbers and back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_IDMAP_H
#define RS_IDMAP_H

#include "id_type.h"

typedef struct RsIdMap RsIdMap;

/* collation of the ids: InvalidOid stands for their type's own */
extern RsIdMap *rs_idmap_create(Oid type, Oid collation, MemoryContext context);
extern uint32 rs_idmap_count(const RsIdMap *map);
extern Datum rs_idmap_datum(const RsIdMap *map, uint32 number);

/*
 * Number of an id, added if new.  Of ids that are equal though not the same
 * (1.0 and 1.00), the one kept is the first in the order of their bytes,
 * whatever the order of arrival.
 */
extern uint32 rs_idmap_add(RsIdMap *map, Datum id);

/*
 * Whether ids stay valid by themselves, and may be announced so that a later
 * rs_idmap_add does not wait for memory.
 */
extern bool rs_idmap_by_value(const RsIdMap *map);
extern void rs_idmap_announce(const RsIdMap *map, Datum id);

/* number of an id, or RS_NO_ID */
extern uint32 rs_idmap_find(RsIdMap *map, Datum id);

/* what the map consists of: the type, and the table of the numbers */
extern const RsIdType *rs_idmap_type(const RsIdMap *map);
extern const RsIdSlot *rs_idmap_slots(const RsIdMap *map, uint32 *n);

/*
 * Renumbers the ids in their type's order; place[old number] = new number, in
 * an array of rs_idmap_count entries.
 */
extern void rs_idmap_sort(RsIdMap *map, uint32 *place);

/* 64-bit hash of an id's value, for checksums */
extern uint64 rs_idmap_checksum(RsIdMap *map, uint32 number);

/* bytes for so many ids of so many bytes each, while they are sorted */
extern Size rs_idmap_bytes(Oid type, uint64 count, double width);

#endif							/* RS_IDMAP_H */
