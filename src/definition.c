/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  Checks of a recommender's definition that SQL cannot make.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "kernel/feature.h"

PG_FUNCTION_INFO_V1(recsys_check_id_type);
PG_FUNCTION_INFO_V1(recsys_check_condition);
PG_FUNCTION_INFO_V1(recsys_built_in_features);

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

/*
 * Whether a statement is SELECT with one expression, without a name, and
 * nothing else.
 */
static bool
is_bare_expression(List *statements)
{
	SelectStmt *select;
	ResTarget  *target;

	if (list_length(statements) != 1)
		return false;
	select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	if (!IsA(select, SelectStmt) || list_length(select->targetList) != 1)
		return false;
	target = linitial_node(ResTarget, select->targetList);
	return target->name == NULL && target->indirection == NIL &&
		select->op == SETOP_NONE && select->distinctClause == NIL &&
		select->intoClause == NULL && select->fromClause == NIL &&
		select->whereClause == NULL && select->groupClause == NIL &&
		select->havingClause == NULL && select->windowClause == NIL &&
		select->valuesLists == NIL && select->sortClause == NIL &&
		select->limitOffset == NULL && select->limitCount == NULL &&
		select->lockingClause == NIL && select->withClause == NULL;
}

/*
 * The parser's statements, or NIL with its message where the syntax is wrong.
 * Its own error would point into the caller's query.
 */
static List *
parse(const char *sql, char **message)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *statements = NIL;

	PG_TRY();
	{
		statements = raw_parser(sql, RAW_PARSE_DEFAULT);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_SYNTAX_ERROR)
			PG_RE_THROW();
		FlushErrorState();
		*message = error->message;
	}
	PG_END_TRY();
	return statements;
}

/*
 * _check_condition(text): a filter is put into the text of views, which a
 * superuser may build for somebody else, so it must not be able to end the
 * statement and begin another one.  42601 unless it is one expression, both as
 * it will stand there, in brackets on lines of its own, and by itself: else it
 * could close those brackets and open others.
 */
Datum
recsys_check_condition(PG_FUNCTION_ARGS)
{
	char	   *condition = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *message = NULL;
	List	   *statements = parse(psprintf("SELECT (\n%s\n)", condition), &message);

	if (is_bare_expression(statements))
		statements = parse(psprintf("SELECT\n%s\n", condition), &message);
	if (!is_bare_expression(statements))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("filter is not a condition: %s", condition),
				 message ? errdetail("In brackets, it gives: %s.", message) : 0,
				 errhint("A filter is what stands after WHERE, for example \"country = 'FR' AND quantity < 1000\".")));
	PG_RETURN_VOID();
}

/* _built_in_features(): names of the features that every model has, in order */
Datum
recsys_built_in_features(PG_FUNCTION_ARGS)
{
	Datum		name[RS_FEATURES];

	for (int i = 0; i < RS_FEATURES; i++)
		name[i] = CStringGetTextDatum(rs_feature_names[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(name, RS_FEATURES, TEXTOID, -1, false, TYPALIGN_INT));
}
