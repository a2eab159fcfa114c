/*-------------------------------------------------------------------------
 *
 * id_type.c
 *	  How ids of a type are hashed and compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "id_type.h"

/* Whether equality of a type is that of the bytes, and of which. */
static RsIdKind
kind_of(Oid type, Oid collation)
{
	switch (getBaseType(type))
	{
		case INT2OID:
		case INT4OID:
			return RS_ID_VALUE;
		case INT8OID:
			return FLOAT8PASSBYVAL ? RS_ID_VALUE : RS_ID_FIXED;
		case UUIDOID:
			return RS_ID_FIXED;
		case TEXTOID:
		case VARCHAROID:
			return get_collation_isdeterministic(collation) ? RS_ID_TEXT : RS_ID_OTHER;
		default:
			return RS_ID_OTHER;
	}
}

void
rs_id_type(RsIdType *t, Oid type, Oid collation, MemoryContext context)
{
	TypeCacheEntry *entry;

	entry = lookup_type_cache(type, TYPECACHE_HASH_PROC_FINFO |
							  TYPECACHE_HASH_EXTENDED_PROC_FINFO |
							  TYPECACHE_EQ_OPR_FINFO | TYPECACHE_LT_OPR);
	memset(t, 0, sizeof(*t));
	t->type = type;
	t->collation = OidIsValid(collation) ? collation : entry->typcollation;
	t->kind = kind_of(type, t->collation);
	t->typlen = entry->typlen;
	t->byval = entry->typbyval;
	fmgr_info_copy(&t->hash, &entry->hash_proc_finfo, context);
	if (OidIsValid(entry->hash_extended_proc))
		fmgr_info_copy(&t->extended, &entry->hash_extended_proc_finfo, context);
	fmgr_info_copy(&t->equal, &entry->eq_opr_finfo, context);
	t->order = entry->lt_opr;
}
