/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What the catalog says of the items: category, price, release, and the
 *	  policies' own features.
 *
 * SHOP.catalog is read once in a run, in one snapshot, as the owner; the
 * ranker's training, the evaluation and the stored model all use what was read
 * then.  A catalog keeps no past, so category, price and the policies' own
 * features are taken as they are now, even for what lies before a cutoff; a
 * release later than the instant of a list counts as none.
 *
 * Where the catalog has an item more than once, each fact is the smallest of
 * those it gives, so that the order of its rows cannot show.  What is not
 * finite, and a price below 0, is not known.
 *
 * Categories are numbered in the order of their bytes among the items of a
 * model, as they are where the model is served.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "facts.h"
#include "stream.h"

#define FIXED_COLUMNS	4		/* item, category, price, released_at */

typedef struct Reader
{
	RsRun	   *run;
	RsCatalogFacts *facts;
} Reader;

/* The place of an expression among those of the run; -1 = not there. */
static int
place_of(const RsCatalogFacts *facts, const char *expression)
{
	for (int i = 0; i < facts->nexpressions; i++)
		if (strcmp(facts->expression[i], expression) == 0)
			return i;
	return -1;
}

/* Whether the run has read all that a policy asks for. */
static bool
has_all(const RsCatalogFacts *facts, const RsPolicy *p)
{
	for (int i = 0; i < p->funnel.nextra; i++)
		if (place_of(facts, p->funnel.expression[i]) < 0)
			return false;
	return true;
}

/* Adds the expressions of policies that are not there yet. */
static void
add_expressions(RsCatalogFacts *facts, List *policies)
{
	ListCell   *cell;
	int			most = 0;

	foreach(cell, policies)
		most += ((RsPolicy *) lfirst(cell))->funnel.nextra;
	facts->expression = palloc((most + 1) * sizeof(char *));
	foreach(cell, policies)
	{
		const RsPolicy *p = lfirst(cell);

		for (int i = 0; i < p->funnel.nextra; i++)
			if (place_of(facts, p->funnel.expression[i]) < 0)
				facts->expression[facts->nexpressions++] = p->funnel.expression[i];
	}
}

/* Room for all items of the run, with nothing known. */
static void
make_room(RsRun *run, RsCatalogFacts *facts)
{
	Size		n = rs_idmap_count(run->items);

	facts->known = rs_run_alloc(run, n * sizeof(bool), "the catalog");
	facts->category = rs_run_alloc(run, n * sizeof(uint32), "the catalog");
	facts->price = rs_run_alloc(run, n * sizeof(double), "the catalog");
	facts->released = rs_run_alloc(run, n * sizeof(int64), "the catalog");
	memset(facts->known, 0, n * sizeof(bool));
	for (Size i = 0; i < n; i++)
	{
		facts->category[i] = RS_NO_ID;
		facts->price[i] = -1;
		facts->released[i] = RS_NO_RELEASE;
	}
	facts->extra = palloc((facts->nexpressions + 1) * sizeof(float *));
	for (int i = 0; i < facts->nexpressions; i++)
	{
		facts->extra[i] = rs_run_alloc(run, n * sizeof(float), "the catalog");
		memset(facts->extra[i], 0, n * sizeof(float));
	}
	facts->categories = rs_idmap_create(TEXTOID, C_COLLATION_OID, run->context);
}

/* Whether a number is one that a float holds. */
static inline bool
is_known(double x)
{
	return isfinite(x) && fabs(x) <= FLT_MAX;
}

/* One item: its id, category, price, release, then the expressions. */
static void
receive_item(const Datum *values, const bool *isnull, void *arg)
{
	Reader	   *reader = arg;
	RsCatalogFacts *facts = reader->facts;
	uint32		item = rs_idmap_find(reader->run->items, values[0]);

	if (item == RS_NO_ID)
		return;
	facts->known[item] = true;
	if (!isnull[1])
		facts->category[item] = rs_idmap_add(facts->categories, values[1]);
	if (!isnull[2] && is_known(DatumGetFloat8(values[2])) && DatumGetFloat8(values[2]) >= 0)
		facts->price[item] = DatumGetFloat8(values[2]);
	if (!isnull[3] && !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(values[3])))
		facts->released[item] = DatumGetTimestampTz(values[3]);
	for (int i = 0; i < facts->nexpressions; i++)
		if (!isnull[FIXED_COLUMNS + i] && is_known(DatumGetFloat8(values[FIXED_COLUMNS + i])))
			facts->extra[i][item] = (float) DatumGetFloat8(values[FIXED_COLUMNS + i]);
}

/* Each item once, each fact the smallest. */
static char *
facts_query(const RsRun *run, const RsCatalogFacts *facts)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT c.item_id, min(c.category COLLATE \"C\"), min(c.price), min(c.released_at)");
	for (int i = 0; i < facts->nexpressions; i++)
		appendStringInfo(&sql, ", min((\n%s\n)::pg_catalog.float8)", facts->expression[i]);
	appendStringInfo(&sql, " FROM %s.catalog c WHERE c.item_id IS NOT NULL GROUP BY c.item_id",
					 run->recommender->schema);
	return sql.data;
}

/* Numbers the categories in the order of their bytes. */
static void
sort_categories(RsRun *run, RsCatalogFacts *facts)
{
	uint32	   *place = palloc_extended((rs_idmap_count(facts->categories) + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32		nitems = rs_idmap_count(run->items);

	rs_idmap_sort(facts->categories, place);
	for (uint32 i = 0; i < nitems; i++)
		if (facts->category[i] != RS_NO_ID)
			facts->category[i] = place[facts->category[i]];
	pfree(place);
}

/*
 * Whether the view of the catalog is there.  It goes with its source, and then
 * training goes on without, unless a policy asks for what only it knows.
 */
static bool
has_view(const RsRecommender *r, List *policies)
{
	ListCell   *cell;
	bool		needed = false;

	if (OidIsValid(get_relname_relid("catalog", r->schema_oid)))
		return true;
	foreach(cell, policies)
		needed |= ((RsPolicy *) lfirst(cell))->funnel.nextra > 0;
	ereport(needed ? ERROR : NOTICE,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("the catalog of recommender \"%s\" no longer exists", NameStr(r->name)),
			 errhint("SELECT recsys.alter_recommender(%s, catalog => ...) names another.",
					 quote_literal_cstr(NameStr(r->name)))));
	return false;
}

void
rs_facts_read(RsRun *run, List *policies)
{
	MemoryContext old;
	RsCatalogFacts *facts;
	Reader		reader;
	Oid		   *types;
	int			n;
	bool		complete = run->facts != NULL;
	ListCell   *cell;

	if (!run->recommender->has_catalog)
		return;
	foreach(cell, policies)
		complete &= run->facts != NULL && has_all(run->facts, lfirst(cell));
	if (complete)
		return;
	if (!has_view(run->recommender, policies))
		return;
	/* what an earlier reading left goes with the run */
	old = MemoryContextSwitchTo(run->context);
	facts = palloc0(sizeof(RsCatalogFacts));
	add_expressions(facts, policies);
	make_room(run, facts);
	MemoryContextSwitchTo(old);
	n = FIXED_COLUMNS + facts->nexpressions;
	types = palloc(n * sizeof(Oid));
	types[0] = run->recommender->item_type;
	types[1] = TEXTOID;
	types[2] = FLOAT8OID;
	types[3] = TIMESTAMPTZOID;
	for (int i = FIXED_COLUMNS; i < n; i++)
		types[i] = FLOAT8OID;
	reader.run = run;
	reader.facts = facts;
	rs_stream(facts_query(run, facts), n, types, 1, receive_item, &reader);
	sort_categories(run, facts);
	rs_run_charge(run, 0, "the catalog");
	run->facts = facts;
}

bool
rs_facts_extra(const RsRun *run, const RsPolicy *policy, uint32 item, float *out)
{
	const RsCatalogFacts *facts = run->facts;

	if (facts == NULL || !facts->known[item])
		return false;
	for (int i = 0; i < policy->funnel.nextra; i++)
		out[i] = facts->extra[place_of(facts, policy->funnel.expression[i])][item];
	return true;
}

/* ---- of a matrix ---- */

/*
 * Categories among the matrix's items, in their order, and the items of each,
 * most popular first.
 */
static void
share_categories(RsRun *run, MemoryContext context, const RsMatrix *m,
				 const uint32 *order, RsSharedFacts *out)
{
	const RsCatalogFacts *facts = run->facts;
	uint32		nitems = m->items.nrows;
	uint32		ncategories = rs_idmap_count(facts->categories);
	uint64	   *count = palloc_extended((ncategories + 1) * sizeof(uint64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint32	   *category;
	uint64	   *start;
	uint32	   *item;
	uint64		n = 0;

	out->category = rs_share(run, context, nitems * sizeof(uint32), "the catalog");
	category = out->category.local;
	for (uint32 i = 0; i < nitems; i++)
	{
		category[i] = facts->category[m->item[i]];
		if (category[i] != RS_NO_ID)
			count[category[i]]++;
	}
	/* a category's number among those that occur, in the place of its count */
	for (uint32 c = 0; c < ncategories; c++)
		count[c] = count[c] > 0 ? out->ncategories++ : 0;
	out->category_start = rs_share(run, context, ((Size) out->ncategories + 1) * sizeof(uint64), "the catalog");
	start = out->category_start.local;
	for (uint32 i = 0; i < nitems; i++)
	{
		if (category[i] == RS_NO_ID)
			category[i] = RS_NO_CATEGORY;
		else
		{
			category[i] = (uint32) count[category[i]];
			start[category[i] + 1]++;
			n++;
		}
	}
	for (uint32 c = 0; c < out->ncategories; c++)
		start[c + 1] += start[c];
	out->category_item = rs_share(run, context, n * sizeof(uint32), "the catalog");
	item = out->category_item.local;
	memset(count, 0, (ncategories + 1) * sizeof(uint64));
	for (uint32 i = 0; i < nitems; i++)
		if (category[order[i]] != RS_NO_CATEGORY)
			item[start[category[order[i]]] + count[category[order[i]]]++] = order[i];
	pfree(count);
}

RsSharedFacts
rs_facts_share(RsRun *run, MemoryContext context, const RsMatrix *m,
			   const RsPolicy *policy, const uint32 *order)
{
	const RsCatalogFacts *facts = run->facts;
	RsSharedFacts out = {0};
	uint32		nitems = m->items.nrows;
	int64	   *released;
	float	   *price;
	float	   *extra;

	out.nextra = policy->funnel.nextra;
	if (facts == NULL)
		return out;
	out.there = true;
	share_categories(run, context, m, order, &out);
	out.released = rs_share(run, context, nitems * sizeof(int64), "the catalog");
	out.price = rs_share(run, context, nitems * sizeof(float), "the catalog");
	out.extra = rs_share(run, context, (Size) nitems * out.nextra * sizeof(float), "the catalog");
	released = out.released.local;
	price = out.price.local;
	extra = out.extra.local;
	for (uint32 i = 0; i < nitems; i++)
	{
		released[i] = facts->released[m->item[i]];
		price[i] = (float) facts->price[m->item[i]];
		(void) rs_facts_extra(run, policy, m->item[i], extra + (Size) i * out.nextra);
	}
	return out;
}

RsFacts
rs_facts_view(const RsSharedFacts *shared)
{
	RsFacts		facts = {0};

	facts.nextra = shared->nextra;
	if (!shared->there)
		return facts;
	facts.ncategories = shared->ncategories;
	facts.category = rs_shared(shared->category);
	facts.category_start = rs_shared(shared->category_start);
	facts.category_item = rs_shared(shared->category_item);
	facts.released = rs_shared(shared->released);
	facts.price = rs_shared(shared->price);
	facts.extra = shared->nextra > 0 ? rs_shared(shared->extra) : NULL;
	return facts;
}
