/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  Reads a recommender's definition for the C code.
 *
 * The registry is read as the current role, so row-level security decides
 * whether the recommender exists for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "registry.h"

static SPIPlanPtr registry_plan = NULL;

static const char *const registry_query =
"SELECT n.oid, n.nspowner, r.user_type::oid, r.item_type::oid, r.repeatable,"
" r.feedback = 'explicit', r.settings ->> 'time_column' IS NOT NULL, r.catalog IS NOT NULL,"
" (r.settings ->> 'require_catalog')::boolean, coalesce(r.settings ->> 'relevant', 'owned') = 'owned',"
" coalesce((r.settings -> 'rules' ->> 'bots')::boolean, true), (r.settings ->> 'bot_z')::float8,"
" (r.settings ->> 'history_limit')::int4, r.settings ->> 'merge',"
" (extract(epoch FROM (r.settings ->> 'repeat_window')::interval) * 1000000)::int8,"
" r.source_name, r.live_policy, coalesce(r.live_model_id, 0),"
" coalesce((r.settings -> 'rules' ->> 'excluded_user')::boolean, true),"
" coalesce((r.settings -> 'rules' ->> 'excluded_item')::boolean, true),"
" r.settings ->> 'dislike_max_value' IS NOT NULL OR coalesce(r.settings ->> 'positives', '') LIKE '%\"weight\": -%',"
" coalesce(r.settings ->> 'returns', 'drop') = 'net', r.settings ->> 'weight_rule',"
" coalesce((r.settings ->> 'min_value')::float8, '-Infinity'),"
" coalesce((r.settings ->> 'min_user_interactions')::int4, 1),"
" coalesce((r.settings ->> 'min_item_interactions')::int4, 1),"
" coalesce(extract(epoch FROM (r.settings ->> 'popularity_half_life')::interval), 0)::float8 * 1000000,"
" coalesce(extract(epoch FROM (r.settings ->> 'weight_half_life')::interval), 0)::float8 * 1000000"
" FROM recsys.recommender r JOIN pg_catalog.pg_namespace n ON n.nspname = r.recommender"
" WHERE r.recommender = $1";

void
rs_check_columns(TupleDesc desc, int n, const Oid *types)
{
	if (desc->natts != n)
		elog(ERROR, "%d columns found, %d expected", desc->natts, n);
	for (int i = 0; i < n; i++)
		if (TupleDescAttr(desc, i)->atttypid != types[i])
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" has type %s, must be %s",
							NameStr(TupleDescAttr(desc, i)->attname),
							format_type_be(TupleDescAttr(desc, i)->atttypid),
							format_type_be(types[i])),
					 errdetail("The recommender's relations are not as it made them."),
					 errhint("Drop the recommender and create it anew.")));
}

uint64
rs_spi_select(const char *query, int nargs, const Oid *argtypes,
			  const Datum *args, int n, const Oid *types)
{
	int			rc = SPI_execute_with_args(query, nargs, (Oid *) argtypes,
										   (Datum *) args, NULL, true, 0);

	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not read rows: %s", SPI_result_code_string(rc));
	rs_check_columns(SPI_tuptable->tupdesc, n, types);
	return SPI_processed;
}

/* Values that must not be NULL. */
Datum
rs_spi_value(uint64 row, int column)
{
	bool		isnull;
	Datum		value;

	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						  column, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("unexpected NULL in column \"%s\"",
						SPI_fname(SPI_tuptable->tupdesc, column))));
	return value;
}

/* Text value of a row, in a context of the caller's. */
static char *
spi_text(int row, int column, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	char	   *s = TextDatumGetCString(rs_spi_value(row, column));

	MemoryContextSwitchTo(old);
	return s;
}

static RsMergeRule
merge_rule(const char *name)
{
	if (strcmp(name, "sum") == 0)
		return RS_MERGE_SUM;
	if (strcmp(name, "last") == 0)
		return RS_MERGE_LAST;
	return RS_MERGE_MAX;
}

static RsWeightRule
weight_rule(const char *name)
{
	if (strcmp(name, "value") == 0)
		return RS_WEIGHT_VALUE;
	if (strcmp(name, "log") == 0)
		return RS_WEIGHT_LOG;
	return RS_WEIGHT_ONE;
}

/* Collation of a column of SHOP.event, which is that of the source's. */
static Oid
view_collation(const RsRecommender *r, const char *column)
{
	Oid			view = get_relname_relid("event", r->schema_oid);
	AttrNumber	number = OidIsValid(view) ? get_attnum(view, column) : InvalidAttrNumber;
	Oid			type;
	int32		typmod;
	Oid			collation = InvalidOid;

	if (number != InvalidAttrNumber)
		get_atttypetypmodcoll(view, number, &type, &typmod, &collation);
	return collation;
}

/*
 * The definition of a recommender that the current role may use; undefined
 * object where there is none.
 */
RsRecommender *
rs_registry_get(const char *name, MemoryContext context)
{
	Datum		arg;
	RsRecommender *r;
	NameData	namedata;
	int			level = rs_search_path_push();

	namestrcpy(&namedata, name);
	arg = NameGetDatum(&namedata);
	if (registry_plan == NULL)
	{
		Oid			type = NAMEOID;
		SPIPlanPtr	plan = SPI_prepare(registry_query, 1, &type);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the query of the registry");
		registry_plan = plan;
	}
	if (SPI_execute_plan(registry_plan, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the registry");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("recommender \"%s\" does not exist", name),
				 errhint("SELECT recommender FROM recsys.recommender lists those whose schema you may use.")));

	r = MemoryContextAllocZero(context, sizeof(RsRecommender));
	r->name = namedata;
	r->schema = MemoryContextStrdup(context, quote_identifier(name));
	r->schema_oid = DatumGetObjectId(rs_spi_value(0, 1));
	r->owner = DatumGetObjectId(rs_spi_value(0, 2));
	r->user_type = DatumGetObjectId(rs_spi_value(0, 3));
	r->item_type = DatumGetObjectId(rs_spi_value(0, 4));
	r->repeatable = DatumGetBool(rs_spi_value(0, 5));
	r->explicit_feedback = DatumGetBool(rs_spi_value(0, 6));
	r->has_time = DatumGetBool(rs_spi_value(0, 7));
	r->has_catalog = DatumGetBool(rs_spi_value(0, 8));
	r->require_catalog = DatumGetBool(rs_spi_value(0, 9));
	r->relevant_owned = DatumGetBool(rs_spi_value(0, 10));
	r->bots_enabled = DatumGetBool(rs_spi_value(0, 11));
	r->bot_z = DatumGetFloat8(rs_spi_value(0, 12));
	r->history_limit = DatumGetInt32(rs_spi_value(0, 13));
	r->merge = merge_rule(spi_text(0, 14, CurrentMemoryContext));
	/* without times repeats cannot be told from separate acts: keep them */
	r->repeat_window = r->has_time ? DatumGetInt64(rs_spi_value(0, 15)) : -1;
	r->source_name = spi_text(0, 16, context);
	r->live_policy = *DatumGetName(rs_spi_value(0, 17));
	r->live_model_id = DatumGetInt64(rs_spi_value(0, 18));
	r->users_excluded = DatumGetBool(rs_spi_value(0, 19));
	r->items_excluded = DatumGetBool(rs_spi_value(0, 20));
	r->has_dislikes = DatumGetBool(rs_spi_value(0, 21));
	r->returns_netted = DatumGetBool(rs_spi_value(0, 22));
	r->returns.merge = r->merge;
	r->returns.weight = weight_rule(spi_text(0, 23, CurrentMemoryContext));
	r->returns.window = r->repeat_window;
	r->returns.minimum = DatumGetFloat8(rs_spi_value(0, 24));
	r->min_user_interactions = DatumGetInt32(rs_spi_value(0, 25));
	r->min_item_interactions = DatumGetInt32(rs_spi_value(0, 26));
	r->popularity_half_life = DatumGetFloat8(rs_spi_value(0, 27));
	r->weight_half_life = DatumGetFloat8(rs_spi_value(0, 28));
	SPI_freetuptable(SPI_tuptable);
	AtEOXact_GUC(false, level);
	r->user_collation = view_collation(r, "user_id");
	r->item_collation = view_collation(r, "item_id");
	return r;
}

static const char *const method_names[] = {
	"popularity", "item_item", "factors", "funnel", "explicit", "bpr"
};

RsMethod
rs_method(const char *name)
{
	for (int i = 0; i < (int) lengthof(method_names); i++)
		if (strcmp(name, method_names[i]) == 0)
			return (RsMethod) i;
	elog(ERROR, "unknown method \"%s\"", name);
}

const char *
rs_method_name(RsMethod method)
{
	return method_names[method];
}

/*
 * Fixes the search path until AtEOXact_GUC(false, level), so that names in our
 * own SQL mean what they say whatever the caller's path is.
 */
int
rs_search_path_push(void)
{
	int			level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return level;
}
