/*-------------------------------------------------------------------------
 *
 * idmap.h
 *	  Ids of any hashable and sortable type to dense numbers and back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_IDMAP_H
#define RS_IDMAP_H

typedef struct RsIdMap RsIdMap;

#define RS_NO_ID	PG_UINT32_MAX

extern RsIdMap *rs_idmap_create(Oid type, MemoryContext context);
extern uint32 rs_idmap_count(const RsIdMap *map);
extern Datum rs_idmap_datum(const RsIdMap *map, uint32 number);

/* number of an id, added if new */
extern uint32 rs_idmap_add(RsIdMap *map, Datum id);

/* number of an id, or RS_NO_ID */
extern uint32 rs_idmap_find(RsIdMap *map, Datum id);

/*
 * Renumbers the ids in their type's order; place[old number] = new number, in
 * an array of rs_idmap_count entries.
 */
extern void rs_idmap_sort(RsIdMap *map, uint32 *place);

/* 64-bit hash of an id's value, for checksums */
extern uint64 rs_idmap_checksum(RsIdMap *map, uint32 number);

#endif							/* RS_IDMAP_H */
