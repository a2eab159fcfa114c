/*-------------------------------------------------------------------------
 *
 * bots.c
 *	  Users out of proportion, among the loaded events before an instant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "owner.h"
#include "train.h"
#include "kernel/bots.h"

extern PGDLLEXPORT Datum rs_detect_bots(PG_FUNCTION_ARGS);

/* Marks the users that the definition says are no bots. */
static void
mark_never_bots(RsRun *run, bool *never)
{
	Datum		arg = NameGetDatum(&run->recommender->name);
	Oid			type = NAMEOID;
	char	   *sql;
	uint64		rows;

	sql = psprintf("SELECT n::%s FROM recsys.recommender r,"
				   " pg_catalog.jsonb_array_elements_text(r.settings -> 'never_bots') n"
				   " WHERE r.recommender = $1",
				   format_type_extended(run->recommender->user_type, -1,
										FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	rows = rs_spi_select(sql, 1, &type, &arg, 1, &run->recommender->user_type);
	for (uint64 i = 0; i < rows; i++)
	{
		uint32		user = rs_idmap_find(run->users, rs_spi_value(i, 1));

		if (user != RS_NO_ID)
			never[user] = true;
	}
}

/* How many of a user's events, sorted by time, lie before an instant. */
static int
events_before(const RsRun *run, uint32 user, TimestampTz before)
{
	uint64		end = run->user_start[user + 1];

	while (end > run->user_start[user] && run->event[end - 1].time >= before)
		end--;
	return (int) (end - run->user_start[user]);
}

/*
 * Users whose busiest hour or busiest day lies above the threshold; by rate
 * where both do.  In the order of the ids.
 */
List *
rs_list_bots(RsRun *run, TimestampTz before)
{
	uint32		nusers = rs_idmap_count(run->users);
	RsActivity *activity = palloc_extended(Max(nusers, 1) * sizeof(RsActivity), MCXT_ALLOC_HUGE);
	double	   *values = palloc_extended(Max(nusers, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	uint32	   *scratch = palloc_extended((rs_longest_history(run) + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	bool	   *never = palloc0(Max(nusers, 1) * sizeof(bool));
	uint32		active = 0;
	double		rate_threshold;
	double		breadth_threshold;
	List	   *bots = NIL;

	mark_never_bots(run, never);
	for (uint32 u = 0; u < nusers; u++)
	{
		int			n = events_before(run, u, before);

		memset(&activity[u], 0, sizeof(RsActivity));
		if (n > 0)
			rs_activity(run->event + run->user_start[u], n, scratch, &activity[u]);
		if ((u & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	for (uint32 u = 0; u < nusers; u++)
		if (activity[u].rate > 0)
			values[active++] = activity[u].rate;
	rate_threshold = rs_outlier_threshold(values, active, run->recommender->bot_z);
	active = 0;
	for (uint32 u = 0; u < nusers; u++)
		if (activity[u].rate > 0)
			values[active++] = activity[u].breadth;
	breadth_threshold = rs_outlier_threshold(values, active, run->recommender->bot_z);

	for (uint32 u = 0; u < nusers; u++)
	{
		bool		by_rate = activity[u].rate > rate_threshold;

		if ((by_rate || activity[u].breadth > breadth_threshold) && !never[u])
		{
			RsBot	   *bot = palloc(sizeof(RsBot));

			bot->user = u;
			bot->by_rate = by_rate;
			bot->measure = by_rate ? activity[u].rate : activity[u].breadth;
			bot->threshold = by_rate ? rate_threshold : breadth_threshold;
			bots = lappend(bots, bot);
		}
	}
	pfree(activity);
	pfree(values);
	pfree(scratch);
	pfree(never);
	return bots;
}

/* Users that are bots by what lies before an instant; all false if off. */
bool *
rs_find_bots(RsRun *run, MemoryContext context, TimestampTz before)
{
	uint32		nusers = rs_idmap_count(run->users);
	bool	   *bot = rs_run_alloc_in(run, context, nusers * sizeof(bool), "bots");
	ListCell   *cell;

	memset(bot, 0, nusers * sizeof(bool));
	if (run->recommender->bots_enabled)
		foreach(cell, rs_list_bots(run, before))
			bot[((RsBot *) lfirst(cell))->user] = true;
	return bot;
}

/* _detect_bots(recommender, before): loads, unless an open run has loaded. */
Datum
rs_detect_bots(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz before = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	Name		name = PG_GETARG_NAME(0);
	RsRun	   *run = rs_run;
	RsRun	   *fresh;
	bool		borrowed;
	RsOwnerState saved;
	ListCell   *cell;
	Oid			output;
	bool		varlena;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	rs_check_idle();
	fresh = rs_run_make(NameStr(*name));
	borrowed = (run != NULL && run->loaded &&
				run->recommender->schema_oid == fresh->recommender->schema_oid &&
				run->recommender->owner == fresh->recommender->owner);
	if (!borrowed)
		run = fresh;
	rs_become_owner(run->recommender, &saved);
	if (!borrowed)
	{
		RsStageResult result;

		/* no user asked for a training: the work is bounded by the source */
		run->memory_limit = PG_INT64_MAX;
		rs_load(run, &result);
	}
	getTypeOutputInfo(run->recommender->user_type, &output, &varlena);
	foreach(cell, rs_list_bots(run, before))
	{
		RsBot	   *bot = lfirst(cell);
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = CStringGetTextDatum(OidOutputFunctionCall(output, rs_idmap_datum(run->users, bot->user)));
		values[1] = CStringGetTextDatum(bot->by_rate ? "bot_rate" : "bot_breadth");
		values[2] = Float8GetDatum(bot->measure);
		values[3] = Float8GetDatum(bot->threshold);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	rs_become_caller(&saved);
	SPI_finish();
	return (Datum) 0;
}
