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
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan.h"
#include "registry.h"

/*
 * Which version of the row the caller sees, and what of it changes often or is
 * not in it.
 */
static const char *const identity_query =
"SELECT n.oid, n.nspowner, r.ctid, r.xmin, r.live_policy, coalesce(r.live_model_id, 0)"
" FROM recsys.recommender r JOIN pg_catalog.pg_namespace n ON n.nspname = r.recommender"
" WHERE r.recommender = $1";

static const char *const settings_query =
"SELECT r.user_type::oid, r.item_type::oid, r.repeatable,"
" r.feedback = 'explicit', r.settings ->> 'time_column' IS NOT NULL, r.catalog IS NOT NULL,"
" (r.settings ->> 'require_catalog')::boolean, coalesce(r.settings ->> 'relevant', 'owned') = 'owned',"
" coalesce((r.settings -> 'rules' ->> 'bots')::boolean, true), (r.settings ->> 'bot_z')::float8,"
" (r.settings ->> 'history_limit')::int4, r.settings ->> 'merge',"
" (extract(epoch FROM (r.settings ->> 'repeat_window')::interval) * 1000000)::int8,"
" r.source_name,"
" coalesce((r.settings -> 'rules' ->> 'excluded_user')::boolean, true),"
" coalesce((r.settings -> 'rules' ->> 'excluded_item')::boolean, true),"
" r.settings ->> 'dislike_max_value' IS NOT NULL OR coalesce(r.settings ->> 'positives', '') LIKE '%\"weight\": -%',"
" coalesce(r.settings ->> 'returns', 'drop') = 'net', r.settings ->> 'weight_rule',"
" coalesce((r.settings ->> 'min_value')::float8, '-Infinity'),"
" coalesce((r.settings ->> 'min_user_interactions')::int4, 1),"
" coalesce((r.settings ->> 'min_item_interactions')::int4, 1),"
" coalesce(extract(epoch FROM (r.settings ->> 'popularity_half_life')::interval), 0)::float8 * 1000000,"
" coalesce(extract(epoch FROM (r.settings ->> 'weight_half_life')::interval), 0)::float8 * 1000000"
" FROM recsys.recommender r WHERE r.recommender = $1";

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
	int			rc = SPI_execute_plan(rs_plan(query, nargs, argtypes), (Datum *) args,
									  NULL, true, 0);

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

/* Parses the row, when it is not the one that was parsed before. */
static void
read_settings(RsRecommender *r, MemoryContext context)
{
	Oid			type = NAMEOID;
	Datum		arg = NameGetDatum(&r->name);

	if (SPI_execute_plan(rs_plan(settings_query, 1, &type), &arg, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read the registry");
	r->user_type = DatumGetObjectId(rs_spi_value(0, 1));
	r->item_type = DatumGetObjectId(rs_spi_value(0, 2));
	r->repeatable = DatumGetBool(rs_spi_value(0, 3));
	r->explicit_feedback = DatumGetBool(rs_spi_value(0, 4));
	r->has_time = DatumGetBool(rs_spi_value(0, 5));
	r->has_catalog = DatumGetBool(rs_spi_value(0, 6));
	r->require_catalog = DatumGetBool(rs_spi_value(0, 7));
	r->relevant_owned = DatumGetBool(rs_spi_value(0, 8));
	r->bots_enabled = DatumGetBool(rs_spi_value(0, 9));
	r->bot_z = DatumGetFloat8(rs_spi_value(0, 10));
	r->history_limit = DatumGetInt32(rs_spi_value(0, 11));
	r->merge = merge_rule(spi_text(0, 12, CurrentMemoryContext));
	/* without times repeats cannot be told from separate acts: keep them */
	r->repeat_window = r->has_time ? DatumGetInt64(rs_spi_value(0, 13)) : -1;
	r->source_name = spi_text(0, 14, context);
	r->users_excluded = DatumGetBool(rs_spi_value(0, 15));
	r->items_excluded = DatumGetBool(rs_spi_value(0, 16));
	r->has_dislikes = DatumGetBool(rs_spi_value(0, 17));
	r->returns_netted = DatumGetBool(rs_spi_value(0, 18));
	r->returns.merge = r->merge;
	r->returns.weight = weight_rule(spi_text(0, 19, CurrentMemoryContext));
	r->returns.window = r->repeat_window;
	r->returns.minimum = DatumGetFloat8(rs_spi_value(0, 20));
	r->min_user_interactions = DatumGetInt32(rs_spi_value(0, 21));
	r->min_item_interactions = DatumGetInt32(rs_spi_value(0, 22));
	r->popularity_half_life = DatumGetFloat8(rs_spi_value(0, 23));
	r->weight_half_life = DatumGetFloat8(rs_spi_value(0, 24));
	SPI_freetuptable(SPI_tuptable);
	r->schema = MemoryContextStrdup(context, quote_identifier(NameStr(r->name)));
	r->user_collation = view_collation(r, "user_id");
	r->item_collation = view_collation(r, "item_id");
}

/* ---- what was parsed before ---- */

#define MOST_KNOWN	256

typedef struct Known
{
	NameData	name;			/* hash key */
	MemoryContext context;		/* of what r points to */
	ItemPointerData place;		/* which version of the row */
	TransactionId xmin;
	RsRecommender r;
} Known;

static HTAB *known = NULL;

/*
 * Room for a recommender; when there are many, all that is known is forgotten,
 * since calls take copies.
 */
static Known *
remember(const NameData *name)
{
	Known	   *k;
	bool		found;

	if (known != NULL && hash_get_num_entries(known) >= MOST_KNOWN)
	{
		HASH_SEQ_STATUS all;

		hash_seq_init(&all, known);
		while ((k = hash_seq_search(&all)) != NULL)
		{
			MemoryContextDelete(k->context);
			hash_search(known, &k->name, HASH_REMOVE, NULL);
		}
	}
	if (known == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(NameData);
		control.entrysize = sizeof(Known);
		control.hcxt = TopMemoryContext;
		known = hash_create("recsys kept recommenders", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	k = hash_search(known, name, HASH_ENTER, &found);
	if (found)
		MemoryContextDelete(k->context);
	return k;
}

/*
 * The row's settings, parsed again only when it is another version of the row
 * that the caller's snapshot shows.
 */
static void
get_settings(RsRecommender *r, ItemPointer place, TransactionId xmin)
{
	Known	   *k = known == NULL ? NULL : hash_search(known, &r->name, HASH_FIND, NULL);
	RsRecommender row = *r;
	MemoryContext context;

	if (k == NULL || k->xmin != xmin || !ItemPointerEquals(&k->place, place) ||
		k->r.schema_oid != r->schema_oid)
	{
		/* what cannot be parsed leaves nothing behind */
		context = AllocSetContextCreate(CurrentMemoryContext, "recsys kept recommender", ALLOCSET_SMALL_SIZES);
		read_settings(&row, context);
		k = remember(&r->name);
		MemoryContextSetParent(context, TopMemoryContext);
		k->context = context;
		k->place = *place;
		k->xmin = xmin;
		k->r = row;
	}
	row = k->r;
	row.schema_oid = r->schema_oid;
	row.owner = r->owner;
	row.live_policy = r->live_policy;
	row.live_model_id = r->live_model_id;
	*r = row;
}

/*
 * The definition of a recommender that the current role may use; undefined
 * object where there is none.  Row-level security and the snapshot decide at
 * every call.
 */
RsRecommender *
rs_registry_get(const char *name, MemoryContext context)
{
	Oid			type = NAMEOID;
	Datum		arg;
	RsRecommender *r = MemoryContextAllocZero(context, sizeof(RsRecommender));
	ItemPointerData place;
	TransactionId xmin;
	int			level = rs_search_path_push();

	namestrcpy(&r->name, name);
	arg = NameGetDatum(&r->name);
	if (SPI_execute_plan(rs_plan(identity_query, 1, &type), &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the registry");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("recommender \"%s\" does not exist", name),
				 errhint("SELECT recommender FROM recsys.recommender lists those whose schema you may use.")));
	r->schema_oid = DatumGetObjectId(rs_spi_value(0, 1));
	r->owner = DatumGetObjectId(rs_spi_value(0, 2));
	place = *(ItemPointer) DatumGetPointer(rs_spi_value(0, 3));
	xmin = DatumGetTransactionId(rs_spi_value(0, 4));
	r->live_policy = *DatumGetName(rs_spi_value(0, 5));
	r->live_model_id = DatumGetInt64(rs_spi_value(0, 6));
	SPI_freetuptable(SPI_tuptable);
	get_settings(r, &place, xmin);
	AtEOXact_GUC(false, level);
	r->schema = MemoryContextStrdup(context, r->schema);
	r->source_name = MemoryContextStrdup(context, r->source_name);
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
