/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  Checks of a recommender's definition that SQL cannot make.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(recsys_check_id_type);

/*
 * _check_id_type(regtype, column name): an id is hashed by the loader and the
 * caches, and sorted by primary keys.  42804 for a type that cannot be either.
 */
Datum
recsys_check_id_type(PG_FUNCTION_ARGS)
{
	Oid			type = PG_GETARG_OID(0);
	Name		column = PG_GETARG_NAME(1);
	TypeCacheEntry *entry;

	entry = lookup_type_cache(type, TYPECACHE_HASH_PROC | TYPECACHE_EQ_OPR |
							  TYPECACHE_CMP_PROC | TYPECACHE_LT_OPR);
	if (!OidIsValid(entry->hash_proc) || !OidIsValid(entry->eq_opr) ||
		!OidIsValid(entry->cmp_proc) || !OidIsValid(entry->lt_opr) ||
		!OidIsValid(get_array_type(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, which cannot be an id",
						NameStr(*column), format_type_be(type)),
				 errdetail("An id must be of a type that can be hashed and sorted."),
				 errhint("Cast it to text, uuid or an integer in a view, and make that the source.")));
	PG_RETURN_VOID();
}
