/*-------------------------------------------------------------------------
 *
 * filter.c
 *	  Which items may be listed at this very moment.
 *
 * Excluded items, items that the catalog calls unavailable (or does not know,
 * where a catalog is required), and items that a call's filter does not pass
 * are found by one query over the items in question.  Values of a filter are
 * bound as parameters, never pasted.
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

#include "plan.h"
#include "serve.h"

#define FIRST_PARAMETER 2		/* $1 is the array of items */

struct RsFilter
{
	RsRecommender *r;
	Oid			array_type;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	StringInfoData condition;	/* on the catalog, aliased c */
	int			nparams;
	Oid		   *types;			/* of parameters after $1: text or text[] */
	Datum	   *values;
	bool		filtered;		/* the call has a filter */
	SPIPlanPtr	plan;
};

/* Binds a value; returns its parameter number. */
static int
bind(RsFilter *f, Oid type, Datum value)
{
	f->types = f->types ? repalloc(f->types, (f->nparams + 1) * sizeof(Oid)) : palloc(sizeof(Oid));
	f->values = f->values ? repalloc(f->values, (f->nparams + 1) * sizeof(Datum)) : palloc(sizeof(Datum));
	f->types[f->nparams] = type;
	f->values[f->nparams] = value;
	return FIRST_PARAMETER + f->nparams++;
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
	get_typlenbyvalalign(r->item_type, &f->typlen, &f->typbyval, &f->typalign);
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

/* Condition on an item t.item_id: not excluded, and so in the catalog. */
static char *
eligible(const RsFilter *f)
{
	const RsRecommender *r = f->r;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "NOT EXISTS (SELECT FROM %s.excluded_item x WHERE x.item_id = t.item_id)", r->schema);
	if (r->has_catalog && (r->require_catalog || f->filtered))
		appendStringInfo(&sql, " AND EXISTS (SELECT FROM %s.catalog c WHERE c.item_id = t.item_id AND c.available%s)",
						 r->schema, f->condition.data);
	else if (r->has_catalog)
		appendStringInfo(&sql, " AND NOT EXISTS (SELECT FROM %s.catalog c WHERE c.item_id = t.item_id AND NOT c.available)",
						 r->schema);
	return sql.data;
}

/* Runs a query with $1 = array of items and the filter's values. */
static void
execute(RsFilter *f, SPIPlanPtr plan, const Datum *items, int n)
{
	Datum	   *args = palloc((f->nparams + 1) * sizeof(Datum));

	args[0] = PointerGetDatum(construct_array((Datum *) items, n, f->r->item_type,
											  f->typlen, f->typbyval, f->typalign));
	memcpy(args + 1, f->values, f->nparams * sizeof(Datum));
	if (SPI_execute_plan(plan, args, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not filter the items");
	pfree(args);
}

static SPIPlanPtr
prepare(RsFilter *f, const char *query)
{
	Oid		   *types = palloc((f->nparams + 1) * sizeof(Oid));

	types[0] = f->array_type;
	memcpy(types + 1, f->types, f->nparams * sizeof(Oid));
	return rs_plan(query, f->nparams + 1, types);
}

void
rs_filter_items(RsFilter *f, const Datum *items, int n, bool *pass)
{
	if (f->plan == NULL)
		f->plan = prepare(f, psprintf("SELECT t.n::pg_catalog.int4 FROM pg_catalog.unnest($1)"
									  " WITH ORDINALITY t (item_id, n) WHERE %s", eligible(f)));
	memset(pass, 0, n * sizeof(bool));
	execute(f, f->plan, items, n);
	for (uint64 i = 0; i < SPI_processed; i++)
		pass[DatumGetInt32(rs_spi_value(i, 1)) - 1] = true;
	SPI_freetuptable(SPI_tuptable);
}

int
rs_filter_fresh(RsFilter *f, const RsModel *m, RsIdMap *hidden, RsIdMap *only,
				int64 limit, Datum **items)
{
	int			nhidden = rs_idmap_count(hidden);
	Datum	   *values = palloc((nhidden + 1) * sizeof(Datum));
	uint64		rows;
	int			n = 0;
	int			model;

	if (!f->r->has_catalog || limit <= 0)
		return 0;
	for (int i = 0; i < nhidden; i++)
		values[i] = rs_idmap_datum(hidden, i);
	model = bind(f, INT8OID, Int64GetDatum(m->model_id));
	execute(f, prepare(f, psprintf("SELECT t.item_id FROM %s.catalog t WHERE %s AND t.item_id <> ALL ($1)"
								   " AND NOT EXISTS (SELECT FROM %s.popularity p"
								   "  WHERE p.model_id = $%d AND p.item_id = t.item_id)"
								   " GROUP BY t.item_id ORDER BY max(t.released_at) DESC NULLS LAST, t.item_id%s",
								   f->r->schema, eligible(f), f->r->schema, model,
								   only == NULL ? psprintf(" LIMIT " INT64_FORMAT, limit) : "")),
			values, nhidden);
	rs_check_columns(SPI_tuptable->tupdesc, 1, &f->r->item_type);
	rows = SPI_processed;
	*items = palloc_extended((rows + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < rows && n < limit; i++)
	{
		Datum		item = rs_spi_value(i, 1);

		if (only == NULL || rs_idmap_find(only, item) != RS_NO_ID)
			(*items)[n++] = item;
	}
	return n;
}
