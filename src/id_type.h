/*-------------------------------------------------------------------------
 *
 * id_type.h
 *	  How ids of a type are hashed and compared: the same in a map of this
 *	  backend's (idmap.c) and in the image of a model (image.c).
 *
 * Whole numbers, uuids and texts are hashed and compared here, inline, for
 * their equality is that of the bytes: of texts under deterministic
 * collations only.  For other types hashing and equality are the type's own,
 * with the ids' collation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_ID_TYPE_H
#define RS_ID_TYPE_H

#include "access/htup_details.h"	/* for varatt.h, where there is one */
#include "fmgr.h"

#include "kernel/hash.h"

/* How ids are hashed and compared. */
typedef enum RsIdKind
{
	RS_ID_VALUE,				/* by value: equal when the Datums are */
	RS_ID_FIXED,				/* of a fixed length: when the bytes are */
	RS_ID_TEXT,					/* varlena: when the payloads are */
	RS_ID_OTHER					/* by the type's own functions */
} RsIdKind;

typedef struct RsIdType
{
	RsIdKind	kind;
	Oid			type;
	Oid			collation;
	int16		typlen;
	bool		byval;
	FmgrInfo	hash;
	FmgrInfo	extended;		/* hash with a seed; fn_oid invalid if none */
	FmgrInfo	equal;
	Oid			order;			/* the type's < operator */
} RsIdType;

/* A slot of an open-addressing table of ids, which is at most half full. */
typedef struct RsIdSlot
{
	uint32		number;			/* RS_NO_ID = empty */
	uint32		hash;
} RsIdSlot;

#define RS_NO_ID	PG_UINT32_MAX

/* collation: InvalidOid stands for the type's own */
extern void rs_id_type(RsIdType *t, Oid type, Oid collation, MemoryContext context);

/* A hash of bytes: eight at a time through the mixing function. */
static inline uint32
rs_hash_bytes(const char *p, Size n)
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
rs_hash32(uint32 h)
{
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	h *= 0xc2b2ae35;
	h ^= h >> 16;
	return h;
}

static inline uint32
rs_id_hash_value(Datum id)
{
	return rs_hash32((uint32) id ^ (uint32) rs_hash64((uint64) id >> 32));
}

/* A varlena in memory and uncompressed; what is allocated is the caller's. */
static inline Datum
rs_id_untoast(const RsIdType *t, Datum id)
{
	return t->typlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(id)) : id;
}

/* Of an id that is not toasted. */
static inline uint32
rs_id_hash(RsIdType *t, Datum id)
{
	switch (t->kind)
	{
		case RS_ID_VALUE:
			return rs_id_hash_value(id);
		case RS_ID_FIXED:
			return rs_hash_bytes(DatumGetPointer(id), t->typlen);
		case RS_ID_TEXT:
			return rs_hash_bytes(VARDATA_ANY(DatumGetPointer(id)),
								 VARSIZE_ANY_EXHDR(DatumGetPointer(id)));
		default:
			return DatumGetUInt32(FunctionCall1Coll(&t->hash, t->collation, id));
	}
}

/* Whether two ids that are not toasted are equal. */
static inline bool
rs_id_same(RsIdType *t, Datum a, Datum b)
{
	Size		n;

	switch (t->kind)
	{
		case RS_ID_VALUE:
			return a == b;
		case RS_ID_FIXED:
			return memcmp(DatumGetPointer(a), DatumGetPointer(b), t->typlen) == 0;
		case RS_ID_TEXT:
			n = VARSIZE_ANY_EXHDR(DatumGetPointer(a));
			return n == VARSIZE_ANY_EXHDR(DatumGetPointer(b)) &&
				memcmp(VARDATA_ANY(DatumGetPointer(a)), VARDATA_ANY(DatumGetPointer(b)), n) == 0;
		default:
			return DatumGetBool(FunctionCall2Coll(&t->equal, t->collation, a, b));
	}
}

#endif							/* RS_ID_TYPE_H */
