/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  Policies to train and evaluate, with their settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "train.h"

#define MAX_SWEEPS		1000
#define MAX_CG_STEPS	100
#define MAX_NEIGHBORS	100000

#define POLICY_COLUMNS \
"p.policy, p.version, p.method, p.settings::text," \
" (p.settings ->> 'neighbors')::int4, (p.settings ->> 'activity')::float8," \
" (p.settings ->> 'source_exponent')::float8, (p.settings ->> 'target_exponent')::float8," \
" (p.settings ->> 'shrinkage')::float8, (p.settings ->> 'factors')::int4," \
" (p.settings ->> 'sweeps')::int4, (p.settings ->> 'alpha0')::float8," \
" (p.settings ->> 'lambda')::float8, (p.settings ->> 'nu')::float8," \
" (p.settings ->> 'initial_sd')::float8, (p.settings ->> 'blend')::float8," \
" coalesce(p.settings ->> 'solver', 'cg'), coalesce((p.settings ->> 'cg_steps')::int4, 3)," \
" coalesce((p.settings ->> 'early_stop')::int4, 0)," \
" coalesce((p.settings ->> 'warm_start')::boolean, false)"

RsPolicy *
rs_policy_read(RsRun *run, const char *name, const char *method, const char *changes)
{
	Oid			types[4] = {NAMEOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		args[4];
	char		nulls[] = "  nn";
	RsPolicy   *p = MemoryContextAllocZero(run->context, sizeof(RsPolicy));
	HeapTuple	row;
	TupleDesc	desc;
	bool		isnull;

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
	if (p->method == RS_ITEM_ITEM || p->method == RS_FUNNEL)
	{
		p->neighbors.neighbors = DatumGetInt32(rs_spi_value(0, 5));
		p->neighbors.activity = DatumGetFloat8(rs_spi_value(0, 6));
		p->neighbors.source_exponent = DatumGetFloat8(rs_spi_value(0, 7));
		p->neighbors.target_exponent = DatumGetFloat8(rs_spi_value(0, 8));
		p->neighbors.shrinkage = DatumGetFloat8(rs_spi_value(0, 9));
	}
	if (p->method == RS_FACTORS || p->method == RS_FUNNEL)
	{
		Datum		sd;

		p->factors.factors = DatumGetInt32(rs_spi_value(0, 10));
		p->factors.sweeps = DatumGetInt32(rs_spi_value(0, 11));
		p->factors.alpha0 = DatumGetFloat8(rs_spi_value(0, 12));
		p->factors.lambda = DatumGetFloat8(rs_spi_value(0, 13));
		p->factors.nu = DatumGetFloat8(rs_spi_value(0, 14));
		p->factors.solver = strcmp(SPI_getvalue(row, desc, 17), "exact") == 0 ?
			RS_SOLVER_EXACT : RS_SOLVER_CG;
		p->factors.cg_steps = DatumGetInt32(rs_spi_value(0, 18));
		p->factors.early_stop = DatumGetInt32(rs_spi_value(0, 19));
		p->factors.warm_start = DatumGetBool(rs_spi_value(0, 20));
		sd = SPI_getbinval(row, desc, 15, &isnull);
		p->factors.initial_sd = isnull ? 0.1 / sqrt(p->factors.factors)
			: DatumGetFloat8(sd);
	}
	if (p->factors.factors < 0 || p->factors.factors > RS_MAX_FACTORS ||
		p->factors.sweeps < 0 || p->factors.sweeps > MAX_SWEEPS ||
		p->factors.cg_steps < 0 || p->factors.cg_steps > MAX_CG_STEPS ||
		p->neighbors.neighbors < 0 || p->neighbors.neighbors > MAX_NEIGHBORS ||
		(p->factors.factors == 0) != (p->factors.sweeps == 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("settings of policy \"%s\" are out of bounds", name),
				 errhint("Change them by recsys.alter_policy, which checks them.")));
	if (p->method == RS_FUNNEL)
		p->blend = DatumGetFloat8(rs_spi_value(0, 16));
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

/* Lists popularity, the policy's parts, and the policy itself, in this order. */
void
rs_policies_of(RsRun *run, const char *name)
{
	RsPolicy   *p = rs_policy_read(run, name, NULL, NULL);

	add_policy(run, rs_policy_read(run, "popularity", NULL, NULL));
	if (p->method == RS_FUNNEL)
	{
		add_part(run, p, "item_item", RS_ITEM_ITEM);
		add_part(run, p, "factors", RS_FACTORS);
	}
	add_policy(run, p);
}
