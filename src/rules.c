/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  The re-ranking rules of a policy, as lists are made by them.
 *
 * A policy's rules are the JSON text of its setting "rules" (see
 * sql/install/rules.sql, which has checked them).  They are parsed once in a
 * session for as long as the text stays the same: the text is the key, and not
 * the version, which a rolled back transaction may use again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "list.h"

#define KEPT_RULES		16

/* Rules of a recommender's policy. */
typedef struct Kept
{
	MemoryContext context;
	Oid			schema;
	char	   *text;
	int			users;			/* calls that use them now */
	bool		kept;			/* in the list below */
	RsRules		rules;
} Kept;

/* most recently used first */
static Kept *kept[KEPT_RULES];

static const RsRules no_rules = {0};

#define NUMBER(key) " (x.rule ->> '" key "')::float8"
#define SPAN(key) " (extract(epoch FROM (x.rule ->> '" key "')::interval) * 1000000)::float8"

static const char *const rules_query =
"SELECT x.rule ->> 'rule', x.rule ->> 'sql', x.rule ->> 'item',"
" ARRAY(SELECT pg_catalog.jsonb_array_elements_text(x.rule -> 'items')),"
NUMBER("position") "," NUMBER("n") "," NUMBER("share") "," NUMBER("amount") "," NUMBER("lambda") ","
SPAN("interval") "," SPAN("half_life")
" FROM pg_catalog.jsonb_array_elements($1::pg_catalog.jsonb) WITH ORDINALITY x (rule, n) ORDER BY x.n";

enum
{
	RULE = 1, SQL, ITEM, ITEMS, POSITION, N, SHARE, AMOUNT, LAMBDA, INTERVAL, HALF_LIFE, COLUMNS = HALF_LIFE
};

/* Appends to a list of texts. */
static void
add_text(char ***list, int *n, Datum value)
{
	*list = *n == 0 ? palloc(sizeof(char *)) : repalloc(*list, (*n + 1) * sizeof(char *));
	(*list)[(*n)++] = TextDatumGetCString(value);
}

/*
 * An id from its text.  A domain's own checks are somebody else's code, and not
 * run.
 */
static Datum
item_of_text(const RsRecommender *r, Datum id)
{
	Oid			type = getBaseType(r->item_type);
	Oid			input;
	Oid			param;

	getTypeInputInfo(type, &input, &param);
	return OidInputFunctionCall(input, TextDatumGetCString(id), param, -1);
}

static void
add_banned(RsRules *rules, const RsRecommender *r, Datum items)
{
	int			n;
	Datum	   *text = rs_elements(DatumGetArrayTypeP(items), TEXTOID, &n);

	if (rules->banned == NULL)
		rules->banned = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	for (int i = 0; i < n; i++)
		rs_idmap_add(rules->banned, item_of_text(r, text[i]));
}

/* Pins are kept in the order of their positions. */
static void
add_pin(RsRules *rules, const RsRecommender *r, int position, Datum item)
{
	int			i = rules->npins++;

	rules->pin = i == 0 ? palloc(sizeof(RsPin)) : repalloc(rules->pin, (i + 1) * sizeof(RsPin));
	for (; i > 0 && rules->pin[i - 1].position > position; i--)
		rules->pin[i] = rules->pin[i - 1];
	rules->pin[i].position = position;
	rules->pin[i].item = item_of_text(r, item);
}

/* A number of the row at hand, which the rule has. */
static double
number(uint64 row, int column)
{
	return DatumGetFloat8(rs_spi_value(row, column));
}

/* One rule; what is unknown was made by a later version of the extension. */
static void
add_rule(RsRules *rules, const RsRecommender *r, uint64 row)
{
	char	   *name = TextDatumGetCString(rs_spi_value(row, RULE));

	if (strcmp(name, "rebuy_after") == 0)
		rules->rebuy_after = (int64) number(row, INTERVAL);
	else if (strcmp(name, "ban") == 0)
		add_banned(rules, r, rs_spi_value(row, ITEMS));
	else if (strcmp(name, "predicate") == 0)
		add_text(&rules->predicate, &rules->npredicates, rs_spi_value(row, SQL));
	else if (strcmp(name, "boost") == 0)
		add_text(&rules->boost, &rules->nboosts, rs_spi_value(row, SQL));
	else if (strcmp(name, "freshness") == 0)
	{
		rules->half_life = number(row, HALF_LIFE);
		rules->amount = number(row, AMOUNT);
	}
	else if (strcmp(name, "pin") == 0)
		add_pin(rules, r, (int) number(row, POSITION), rs_spi_value(row, ITEM));
	else if (strcmp(name, "explore") == 0)
		rules->share = number(row, SHARE);
	else if (strcmp(name, "max_per_category") == 0)
		rules->per_category = (int) number(row, N);
	else if (strcmp(name, "diversity") == 0)
		rules->lambda = number(row, LAMBDA);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown rule \"%s\" in the policy", name),
				 errhint("Leave it out by recsys.alter_policy.")));
	pfree(name);
}

/* Parses rules, in a context below the current one. */
static Kept *
parse_rules(const RsRecommender *r, const char *text)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "recsys rules",
												  ALLOCSET_SMALL_SIZES);
	Oid			type = TEXTOID;
	Oid			types[COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, FLOAT8OID, FLOAT8OID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID};
	Datum		arg = CStringGetTextDatum(text);
	uint64		n = rs_spi_select(rules_query, 1, &type, &arg, COLUMNS, types);
	MemoryContext old = MemoryContextSwitchTo(context);
	Kept	   *k = palloc0(sizeof(Kept));

	k->context = context;
	k->schema = r->schema_oid;
	k->text = pstrdup(text);
	for (uint64 i = 0; i < n; i++)
		add_rule(&k->rules, r, i);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	return k;
}

/* Frees rules that are neither kept nor in use. */
static void
release_rules(Kept *k)
{
	if (k->users == 0 && !k->kept)
		MemoryContextDelete(k->context);
}

/* A call that used rules has ended, one way or another. */
static void
unuse_rules(void *arg)
{
	Kept	   *k = arg;

	k->users--;
	release_rules(k);
}

/* Marks rules as in use until the current context goes. */
static const RsRules *
use_rules(Kept *k)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	k->users++;
	callback->func = unuse_rules;
	callback->arg = k;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return &k->rules;
}

/* Puts rules first; those that fall off the end are let go. */
static void
keep_rules(Kept *k, int from)
{
	if (from == KEPT_RULES)
	{
		from--;
		if (kept[from] != NULL)
		{
			kept[from]->kept = false;
			release_rules(kept[from]);
		}
		MemoryContextSetParent(k->context, TopMemoryContext);
		k->kept = true;
	}
	memmove(&kept[1], &kept[0], from * sizeof(Kept *));
	kept[0] = k;
}

const RsRules *
rs_rules_get(const RsRecommender *r, const RsPolicyRow *policy)
{
	Kept	   *k;

	if (policy->rules == NULL || strcmp(policy->rules, "[]") == 0)
		return &no_rules;
	for (int i = 0; i < KEPT_RULES && kept[i] != NULL; i++)
		if (kept[i]->schema == r->schema_oid && strcmp(kept[i]->text, policy->rules) == 0)
		{
			k = kept[i];
			keep_rules(k, i);
			return use_rules(k);
		}
	/* below the caller's context until nothing can fail */
	k = parse_rules(r, policy->rules);
	keep_rules(k, KEPT_RULES);
	return use_rules(k);
}
