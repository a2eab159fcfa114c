/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  What the trainings of this database's backends are at.
 *
 * Read from the server's table of backends, where train/progress.c writes.  A
 * caller sees the runs of recommenders whose schema it may use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "progress_slots.h"

PG_FUNCTION_INFO_V1(recsys_progress);

/* the one place where PostgreSQL 15 and later ones differ */
#if PG_VERSION_NUM >= 160000
#define fetch_backend(i)	pgstat_get_local_beentry_by_index(i)
#else
#define fetch_backend(i)	pgstat_fetch_stat_local_beentry(i)
#endif

#define PROGRESS_COLUMNS	11

static const char *const stage_names[RS_STAGES] = {RS_STAGE_NAMES};

static bool
may_use(Oid schema)
{
	return SearchSysCacheExists1(NAMESPACEOID, ObjectIdGetDatum(schema)) &&
		DatumGetBool(DirectFunctionCall2(has_schema_privilege_id,
										 ObjectIdGetDatum(schema),
										 CStringGetTextDatum("USAGE")));
}

/* Seconds since a stage began, and to its end if it goes on like that. */
static void
fill_times(const int64 *slot, Datum *values, bool *nulls)
{
	double		seconds = Max(GetCurrentTimestamp() - slot[RS_SLOT_STARTED], 0) / 1e6;
	double		share = slot[RS_SLOT_SHARE] / 1e6;

	values[7] = Float8GetDatum(share);
	nulls[7] = share < 0;
	values[8] = Float8GetDatum(seconds);
	nulls[9] = share <= 0;
	if (share > 0)
		values[9] = Float8GetDatum(seconds * (1 - share) / share);
}

/*
 * _progress() returns (pid, run_id, stage, sweep, sweeps, rows_done, rows_total,
 * share, seconds, seconds_left, schema)
 */
Datum
recsys_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			n = pgstat_fetch_stat_numbackends();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 1; i <= n; i++)
	{
		PgBackendStatus *backend = &fetch_backend(i)->backendStatus;
		const int64 *slot = backend->st_progress_param;
		Datum		values[PROGRESS_COLUMNS];
		bool		nulls[PROGRESS_COLUMNS] = {false};

		if (backend->st_procpid == 0 || backend->st_databaseid != MyDatabaseId ||
			backend->st_progress_command != RS_PROGRESS_COMMAND ||
			slot[RS_SLOT_STAGE] <= RS_STAGE_NONE || slot[RS_SLOT_STAGE] >= RS_STAGES ||
			!may_use(backend->st_progress_command_target))
			continue;
		values[0] = Int32GetDatum(backend->st_procpid);
		values[1] = Int64GetDatum(slot[RS_SLOT_RUN]);
		values[2] = CStringGetTextDatum(stage_names[slot[RS_SLOT_STAGE]]);
		values[3] = Int32GetDatum((int32) slot[RS_SLOT_SWEEP]);
		values[4] = Int32GetDatum((int32) slot[RS_SLOT_SWEEPS]);
		nulls[3] = nulls[4] = (slot[RS_SLOT_SWEEPS] == 0);
		values[5] = Int64GetDatum(slot[RS_SLOT_DONE]);
		values[6] = Int64GetDatum(slot[RS_SLOT_TOTAL]);
		nulls[5] = (slot[RS_SLOT_DONE] == 0 && slot[RS_SLOT_TOTAL] == 0);
		nulls[6] = (slot[RS_SLOT_TOTAL] == 0);
		fill_times(slot, values, nulls);
		values[10] = ObjectIdGetDatum(backend->st_progress_command_target);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
