/*-------------------------------------------------------------------------
 *
 * filter.c
 *	  What a call and a policy ask of the items that they list.
 *
 * A call's filter and the rules of a policy as conditions on the catalog.
 * Values of a filter are bound as parameters, never pasted; the SQL of rules is
 * the owner's, and has been found to be one expression each when it was stored.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "filter.h"

/* Binds a value; returns its parameter number. */
static int
bind(RsFilter *f, Oid type, Datum value)
{
	if (f->nparams == f->allocated)
	{
		f->allocated *= 2;
		f->types = repalloc(f->types, f->allocated * sizeof(Oid));
		f->values = repalloc(f->values, f->allocated * sizeof(Datum));
	}
	f->types[f->nparams] = type;
	f->values[f->nparams] = value;
	return ++f->nparams;
}

/* A JSON scalar as text; errors on null, which the caller has dealt with. */
static Datum
scalar_text(const char *key, JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return PointerGetDatum(cstring_to_text_with_len(v->val.string.val, v->val.string.len));
		case jbvNumeric:
			return CStringGetTextDatum(DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric))));
		case jbvBool:
			return CStringGetTextDatum(v->val.boolean ? "true" : "false");
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("filter on \"%s\" must be a value, a list of values, or {\"min\": .., \"max\": ..}", key)));
	}
}

/* column = ANY (list) */
static void
add_list(RsFilter *f, const char *key, const char *column, const char *type,
		 JsonbContainer *list)
{
	JsonbIterator *it = JsonbIteratorInit(list);
	JsonbValue	v;
	JsonbIteratorToken token;
	Datum	   *values = palloc(sizeof(Datum) * (JsonContainerSize(list) + 1));
	int			n = 0;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			values[n++] = scalar_text(key, &v);
	appendStringInfo(&f->condition, " AND c.%s = ANY ($%d::%s[])", column,
					 bind(f, TEXTARRAYOID, PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT))),
					 type);
}

/* column between min and max, either may be left out */
static void
add_range(RsFilter *f, const char *key, const char *column, const char *type,
		  JsonbContainer *range)
{
	JsonbIterator *it = JsonbIteratorInit(range);
	JsonbValue	v;
	JsonbIteratorToken token;
	bool		is_min = false;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			is_min = (v.val.string.len == 3 && memcmp(v.val.string.val, "min", 3) == 0);
			if (!is_min && !(v.val.string.len == 3 && memcmp(v.val.string.val, "max", 3) == 0))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("filter on \"%s\" has a key \"%s\"", key,
								pnstrdup(v.val.string.val, v.val.string.len)),
						 errhint("A range has the keys min and max.")));
		}
		else if (token == WJB_VALUE)
			appendStringInfo(&f->condition, " AND c.%s %s $%d::%s", column,
							 is_min ? ">=" : "<=", bind(f, TEXTOID, scalar_text(key, &v)), type);
	}
}

/* The type of a column of SHOP.catalog; 42703 where there is none. */
static char *
column_type(const RsFilter *f, const char *key)
{
	Oid			view = get_relname_relid("catalog", f->r->schema_oid);
	AttrNumber	number = get_attnum(view, key);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("filter names \"%s\", which is no column of %s.catalog", key, f->r->schema),
				 errhint("SELECT * FROM %s.catalog LIMIT 0 shows its columns.", f->r->schema)));
	return format_type_extended(get_atttype(view, number), -1,
								FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/* One key of the filter. */
static void
add_condition(RsFilter *f, const char *key, JsonbValue *v)
{
	char	   *type = column_type(f, key);
	const char *column = quote_identifier(key);

	if (v->type == jbvNull)
		appendStringInfo(&f->condition, " AND c.%s IS NULL", column);
	else if (v->type != jbvBinary)
		appendStringInfo(&f->condition, " AND c.%s = $%d::%s", column,
						 bind(f, TEXTOID, scalar_text(key, v)), type);
	else if (JsonContainerIsArray(v->val.binary.data))
		add_list(f, key, column, type, v->val.binary.data);
	else
		add_range(f, key, column, type, v->val.binary.data);
}

RsFilter *
rs_filter_make(RsRecommender *r, Jsonb *filter)
{
	RsFilter   *f = palloc0(sizeof(RsFilter));

	/* the view goes with the relation it is over */
	if (r->has_catalog && !OidIsValid(get_relname_relid("catalog", r->schema_oid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the catalog of recommender \"%s\" no longer exists",
						NameStr(r->name)),
				 errhint("SELECT recsys.alter_recommender('%s', catalog => ...) names another.",
						 NameStr(r->name))));
	f->r = r;
	f->array_type = get_array_type(r->item_type);
	f->allocated = 8;
	f->types = palloc(f->allocated * sizeof(Oid));
	f->values = palloc(f->allocated * sizeof(Datum));
	f->nparams = RS_FIRST_PARAMETER - 1;
	initStringInfo(&f->condition);
	if (filter != NULL)
	{
		JsonbIterator *it = JsonbIteratorInit(&filter->root);
		JsonbValue	v;
		JsonbIteratorToken token;
		char	   *key = NULL;

		if (!JB_ROOT_IS_OBJECT(filter))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("filter must be a JSON object"),
					 errhint("For example {\"category\": [\"tea\", \"mugs\"], \"price\": {\"max\": 20}}.")));
		if (!r->has_catalog)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("recommender \"%s\" has no catalog to filter by", NameStr(r->name)),
					 errhint("SELECT recsys.alter_recommender(%s, catalog => ...) names one.",
							 quote_literal_cstr(NameStr(r->name)))));
		f->filtered = JB_ROOT_COUNT(filter) > 0;
		while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		{
			if (token == WJB_KEY)
				key = pnstrdup(v.val.string.val, v.val.string.len);
			else if (token == WJB_VALUE)
				add_condition(f, key, &v);
		}
	}
	return f;
}

void
rs_filter_rules(RsFilter *f, const RsRules *rules)
{
	f->rules = rules;
	for (int i = 0; i < rules->npredicates; i++)
		appendStringInfo(&f->condition, " AND (\n%s\n)", rules->predicate[i]);
	if (rules->npredicates > 0)
		f->filtered = true;
	f->asks = f->r->has_catalog &&
		(rules->nboosts > 0 || rules->amount > 0 || rules->per_category > 0 || rules->lambda > 0);
}

bool
rs_filter_is_filtered(const RsFilter *f)
{
	return f->filtered;
}
