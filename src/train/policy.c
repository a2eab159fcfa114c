/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  Policies to train and evaluate, with their settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "train.h"

#define MAX_SWEEPS		1000
#define MAX_CG_STEPS	100
#define MAX_NEIGHBORS	100000
#define MAX_CANDIDATES	10000	/* of one source */

#define POLICY_COLUMNS \
"p.policy, p.version, p.method, p.settings::text," \
" (p.settings ->> 'neighbors')::int4, (p.settings ->> 'activity')::float8," \
" (p.settings ->> 'source_exponent')::float8, (p.settings ->> 'target_exponent')::float8," \
" (p.settings ->> 'shrinkage')::float8, (p.settings ->> 'factors')::int4," \
" (p.settings ->> 'sweeps')::int4, (p.settings ->> 'alpha0')::float8," \
" (p.settings ->> 'lambda')::float8, (p.settings ->> 'nu')::float8," \
" (p.settings ->> 'initial_sd')::float8, (p.settings ->> 'blend')::float8," \
" coalesce(p.settings ->> 'solver', 'cg'), coalesce((p.settings ->> 'cg_steps')::int4, 3)," \
" coalesce(p.settings ->> 'similarity', 'general'), coalesce(p.settings ->> 'votes', 'one')," \
" (p.settings ->> 'history_cap')::int4, (p.settings ->> 'alpha')::float8," \
" (p.settings ->> 'beta')::float8," \
" coalesce((p.settings ->> 'early_stop')::int4, 0)," \
" coalesce((p.settings ->> 'warm_start')::boolean, false)," \
" (p.settings ->> 'rounds')::int4, (p.settings ->> 'bias_lambda')::float8," \
" (p.settings ->> 'item_bias')::boolean, (p.settings ->> 'rate')::float8," \
" (p.settings ->> 'ridge')::float8, (p.settings ->> 'exponent')::float8," \
" coalesce(p.settings ->> 'ranker', 'none') <> 'none'," \
" (p.settings ->> 'ranker_lambda')::float8, (p.settings ->> 'neighbor_candidates')::int4," \
" (p.settings ->> 'factor_candidates')::int4, (p.settings ->> 'popularity_candidates')::int4," \
" (p.settings ->> 'category_candidates')::int4, (p.settings ->> 'history_candidates')::int4," \
" (p.settings ->> 'main_categories')::int4, (p.settings ->> 'recency_half_life')::float8"

/* for policies older than the setting */
#define DEFAULT_HISTORY_CAP	10000

/* A number among the settings; absent is for those that do not hold. */
static double
number(int column, double absent)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? absent : DatumGetFloat8(value);
}

/* Settings of the neighbours, from columns 5 to 9 and 19 to 23. */
static void
read_neighbors(RsCoocSettings *s)
{
	HeapTuple	row = SPI_tuptable->vals[0];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	const char *similarity = SPI_getvalue(row, desc, 19);
	bool		isnull;
	Datum		cap = SPI_getbinval(row, desc, 21, &isnull);

	s->neighbors = DatumGetInt32(rs_spi_value(0, 5));
	s->activity = number(6, 0);
	s->source_exponent = number(7, 0);
	s->target_exponent = number(8, 0);
	s->shrinkage = number(9, 0);
	if (!rs_cooc_by_name(similarity, number(22, 0), number(23, 0), s))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("similarity \"%s\" is unknown", similarity)));
	s->by_weight = strcmp(SPI_getvalue(row, desc, 20), "weight") == 0;
	s->history_cap = isnull ? DEFAULT_HISTORY_CAP : DatumGetInt32(cap);
}

/* Settings of factors, of whichever method. */
static void
read_factors(RsMethod method, RsFactorSettings *s)
{
	const char *solver = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 17);

	s->method = method;
	s->factors = DatumGetInt32(rs_spi_value(0, 10));
	s->sweeps = DatumGetInt32(rs_spi_value(0, method == RS_BPR ? 26 : 11));
	s->alpha0 = method == RS_EXPLICIT ? 0 : number(12, RS_AUTO);
	s->lambda = DatumGetFloat8(rs_spi_value(0, 13));
	s->nu = DatumGetFloat8(rs_spi_value(0, 14));
	s->initial_sd = number(15, RS_AUTO);
	switch (method)
	{
		case RS_EXPLICIT:
			s->bias_lambda = DatumGetFloat8(rs_spi_value(0, 27));
			break;
		case RS_BPR:
			s->item_bias = DatumGetBool(rs_spi_value(0, 28));
			s->rate = DatumGetFloat8(rs_spi_value(0, 29));
			s->ridge = DatumGetFloat8(rs_spi_value(0, 30));
			s->exponent = DatumGetFloat8(rs_spi_value(0, 31));
			break;
		default:
			s->solver = strcmp(solver, "exact") == 0 ? RS_SOLVER_EXACT : RS_SOLVER_CG;
			s->cg_steps = DatumGetInt32(rs_spi_value(0, 18));
			s->early_stop = DatumGetInt32(rs_spi_value(0, 24));
			s->warm_start = DatumGetBool(rs_spi_value(0, 25));
	}
}

/* A whole number among the settings; policies older than it have none. */
static int
count(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

/* Settings of the funnel, from columns 32 to 40; the features come later. */
static void
read_funnel(RsPolicy *p)
{
	RsFunnelSettings *s = &p->funnel;

	p->blend = DatumGetFloat8(rs_spi_value(0, 16));
	s->ranked = DatumGetBool(rs_spi_value(0, 32));
	s->ranker_lambda = number(33, 0);
	s->quota[RS_SOURCE_NEIGHBOR] = count(34);
	s->quota[RS_SOURCE_FACTOR] = count(35);
	s->quota[RS_SOURCE_POPULARITY] = count(36);
	s->quota[RS_SOURCE_CATEGORY] = count(37);
	s->quota[RS_SOURCE_HISTORY] = count(38);
	s->main_categories = count(39);
	s->recency_half_life = number(40, 0);
	for (int i = 0; i < RS_SOURCES; i++)
		s->quota[i] = Max(Min(s->quota[i], MAX_CANDIDATES), 0);
}

/* A policy's own features, ordered by the bytes of their names. */
static void
read_features(RsRun *run, RsPolicy *p)
{
	RsFunnelSettings *s = &p->funnel;
	Oid			argtype = TEXTOID;
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		settings = CStringGetTextDatum(p->settings);
	uint64		n = rs_spi_select("SELECT f.key, f.value FROM pg_catalog.jsonb_each_text($1::pg_catalog.jsonb -> 'features') f"
								  " ORDER BY f.key COLLATE \"C\"",
								  1, &argtype, &settings, lengthof(types), types);

	s->nextra = (int) Min(n, RS_MOST_EXTRA);
	s->name = MemoryContextAlloc(run->context, (s->nextra + 1) * sizeof(char *));
	s->expression = MemoryContextAlloc(run->context, (s->nextra + 1) * sizeof(char *));
	for (int i = 0; i < s->nextra; i++)
	{
		s->name[i] = MemoryContextStrdup(run->context, TextDatumGetCString(rs_spi_value(i, 1)));
		s->expression[i] = MemoryContextStrdup(run->context, TextDatumGetCString(rs_spi_value(i, 2)));
	}
}

RsPolicy *
rs_policy_read(RsRun *run, const char *name, const char *method, const char *changes)
{
	Oid			types[4] = {NAMEOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		args[4];
	char		nulls[] = "  nn";
	RsPolicy   *p = MemoryContextAllocZero(run->context, sizeof(RsPolicy));
	HeapTuple	row;
	TupleDesc	desc;

	args[0] = NameGetDatum(&run->recommender->name);
	args[1] = CStringGetTextDatum(name);
	if (method != NULL)
	{
		args[2] = CStringGetTextDatum(method);
		nulls[2] = ' ';
	}
	if (changes != NULL)
	{
		args[3] = CStringGetTextDatum(changes);
		nulls[3] = ' ';
	}
	if (SPI_execute_with_args("SELECT " POLICY_COLUMNS " FROM (SELECT q.policy, q.version,"
							  " coalesce($3, q.method) AS method,"
							  " q.settings || coalesce($4::pg_catalog.jsonb, '{}') AS settings"
							  " FROM recsys.policy q WHERE q.recommender = $1"
							  " AND q.policy = $2 AND q.retired_at IS NULL) p",
							  4, types, args, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the policies");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("policy \"%s\" of recommender \"%s\" does not exist",
						name, NameStr(run->recommender->name)),
				 errhint("SELECT policy FROM recsys.policy WHERE recommender = %s lists them.",
						 quote_literal_cstr(NameStr(run->recommender->name)))));
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	p->name = *DatumGetName(rs_spi_value(0, 1));
	p->label = MemoryContextStrdup(run->context, NameStr(p->name));
	p->version = DatumGetInt32(rs_spi_value(0, 2));
	p->method = rs_method(SPI_getvalue(row, desc, 3));
	p->settings = MemoryContextStrdup(run->context, SPI_getvalue(row, desc, 4));
	if (p->method == RS_EXPLICIT && !run->recommender->explicit_feedback)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("policy \"%s\" has method explicit, and recommender \"%s\" has implicit feedback",
						name, NameStr(run->recommender->name)),
				 errhint("Method explicit learns from ratings: feedback => 'explicit'.")));
	if (rs_has_neighbors(p->method))
		read_neighbors(&p->neighbors);
	if (rs_has_factors(p->method))
		read_factors(p->method == RS_FUNNEL ? RS_FACTORS : p->method, &p->factors);
	if (p->factors.factors < 0 || p->factors.factors > RS_MAX_FACTORS ||
		p->factors.sweeps < 0 || p->factors.sweeps > MAX_SWEEPS ||
		p->factors.cg_steps < 0 || p->factors.cg_steps > MAX_CG_STEPS ||
		p->neighbors.neighbors < 0 || p->neighbors.neighbors > MAX_NEIGHBORS ||
		p->neighbors.history_cap < 0 ||
		(p->neighbors.neighbors == 0) != (p->neighbors.history_cap == 0) ||
		(p->factors.factors == 0) != (p->factors.sweeps == 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("settings of policy \"%s\" are out of bounds", name),
				 errhint("Change them by recsys.alter_policy, which checks them.")));
	if (p->method == RS_FUNNEL)
	{
		read_funnel(p);
		read_features(run, p);
	}
	return p;
}

static bool
same_settings(const RsPolicy *a, const RsPolicy *b)
{
	return a->method == b->method && a->blend == b->blend &&
		memcmp(&a->neighbors, &b->neighbors, sizeof(a->neighbors)) == 0 &&
		memcmp(&a->factors, &b->factors, sizeof(a->factors)) == 0;
}

/* Adds a policy unless one of that label is listed. */
static void
add_policy(RsRun *run, RsPolicy *p)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);
	ListCell   *cell;

	foreach(cell, run->policies)
		if (strcmp(((RsPolicy *) lfirst(cell))->label, p->label) == 0)
			break;
	if (cell == NULL)
		run->policies = lappend(run->policies, p);
	run->with_ratings |= p->method == RS_EXPLICIT;
	MemoryContextSwitchTo(old);
}

/*
 * A part of a blend as a policy: under the name of the built-in policy where
 * that one has the same settings, else as blend.part.
 */
static void
add_part(RsRun *run, const RsPolicy *whole, const char *part, RsMethod method)
{
	RsPolicy   *builtin = rs_policy_read(run, part, NULL, NULL);
	RsPolicy   *p = MemoryContextAllocZero(run->context, sizeof(RsPolicy));

	p->name = whole->name;
	p->version = whole->version;
	p->settings = whole->settings;
	p->method = method;
	if (method == RS_ITEM_ITEM)
		p->neighbors = whole->neighbors;
	else
		p->factors = whole->factors;
	if (same_settings(p, builtin))
		p = builtin;
	else
	{
		MemoryContext old = MemoryContextSwitchTo(run->context);

		p->label = psprintf("%s.%s", NameStr(whole->name), part);
		MemoryContextSwitchTo(old);
	}
	add_policy(run, p);
}

/* A funnel without its ranker, to see what that is worth. */
static void
add_blend(RsRun *run, const RsPolicy *whole)
{
	RsPolicy   *p = MemoryContextAlloc(run->context, sizeof(RsPolicy));
	MemoryContext old = MemoryContextSwitchTo(run->context);

	*p = *whole;
	p->funnel.ranked = false;
	p->label = psprintf("%s.blend", NameStr(whole->name));
	MemoryContextSwitchTo(old);
	add_policy(run, p);
}

/*
 * Lists popularity, the policy's parts, its blend where it has a ranker, and
 * the policy itself, in this order.
 */
void
rs_policies_of(RsRun *run, const char *name)
{
	RsPolicy   *p = rs_policy_read(run, name, NULL, NULL);

	add_policy(run, rs_policy_read(run, "popularity", NULL, NULL));
	if (p->method == RS_FUNNEL)
	{
		add_part(run, p, "item_item", RS_ITEM_ITEM);
		add_part(run, p, "factors", RS_FACTORS);
		if (p->funnel.ranked)
			add_blend(run, p);
	}
	add_policy(run, p);
}
