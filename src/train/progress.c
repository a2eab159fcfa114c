/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  What a run is at, for recsys.progress.
 *
 * A few numbers in this backend's entry of the server's table of backends:
 * nothing is allocated, locked or waited for, so a report a block costs
 * nothing.  The server itself clears them with an error or the end of the
 * session.
 *
 * An entry shows one command.  Where a stage runs COPY, ANALYZE or CREATE INDEX
 * the server shows that instead, and then nothing; so every report looks
 * whether the entry is still ours, and puts all back where it is not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "progress.h"
#include "progress_slots.h"

extern PGDLLEXPORT Datum rs_train_show(PG_FUNCTION_ARGS);

static const char *const stage_names[RS_STAGES] = {RS_STAGE_NAMES};

/* as the entry should be */
static struct
{
	Oid			schema;			/* InvalidOid = nothing to show */
	int64		slot[RS_SLOTS];
	double		from;			/* shares of the stage */
	double		to;
} progress;

/* Shows slots from first to last, or all where the entry is another's. */
static void
show(int first, int last)
{
	if (progress.schema == InvalidOid || MyBEEntry == NULL)
		return;
	if (MyBEEntry->st_progress_command != RS_PROGRESS_COMMAND)
	{
		pgstat_progress_start_command(RS_PROGRESS_COMMAND, progress.schema);
		first = 0;
		last = RS_SLOTS - 1;
	}
	for (int i = first; i <= last; i++)
		pgstat_progress_update_param(i, progress.slot[i]);
}

void
rs_progress_stage(const RsRun *run, const char *stage)
{
	TimestampTz started = GetCurrentTimestamp();

	/* the trials of a search are one stage */
	if (progress.schema == run->recommender->schema_oid &&
		progress.slot[RS_SLOT_RUN] == run->run_id &&
		progress.slot[RS_SLOT_STAGE] > RS_STAGE_NONE &&
		strcmp(stage, stage_names[progress.slot[RS_SLOT_STAGE]]) == 0)
		started = progress.slot[RS_SLOT_STARTED];
	memset(&progress, 0, sizeof(progress));
	for (int i = RS_STAGE_NONE + 1; i < RS_STAGES; i++)
		if (strcmp(stage, stage_names[i]) == 0)
		{
			progress.schema = run->recommender->schema_oid;
			progress.slot[RS_SLOT_STAGE] = i;
		}
	progress.to = 1;
	progress.slot[RS_SLOT_RUN] = run->run_id;
	progress.slot[RS_SLOT_STARTED] = started;
	progress.slot[RS_SLOT_SHARE] = -1;
	show(0, RS_SLOTS - 1);
}

void
rs_progress_piece(double from, double to)
{
	progress.from = from;
	progress.to = to;
	rs_progress_sweep(0, 0);
}

void
rs_progress_sweep(int sweep, int sweeps)
{
	progress.slot[RS_SLOT_SWEEP] = sweep;
	progress.slot[RS_SLOT_SWEEPS] = sweeps;
	/* one sweep has as many rows as the one before */
	rs_progress_rows(0, sweeps > 0 ? progress.slot[RS_SLOT_TOTAL] : 0);
}

void
rs_progress_rows(uint64 done, uint64 total)
{
	int			sweeps = Max((int) progress.slot[RS_SLOT_SWEEPS], 1);
	int			before = Max((int) progress.slot[RS_SLOT_SWEEP], 1) - 1;
	double		part = (before + (total > 0 ? (double) Min(done, total) / total : 0)) / sweeps;

	progress.slot[RS_SLOT_DONE] = done;
	progress.slot[RS_SLOT_TOTAL] = total;
	/* of rows without an end nobody knows the share */
	progress.slot[RS_SLOT_SHARE] = (done > 0 && total == 0) ? -1
		: (int64) (1e6 * (progress.from + (progress.to - progress.from) * part));
	show(RS_SLOT_SWEEP, RS_SLOT_SHARE);
}

void
rs_progress_end(void)
{
	progress.schema = InvalidOid;
	if (MyBEEntry != NULL && MyBEEntry->st_progress_command == RS_PROGRESS_COMMAND)
		pgstat_progress_end_command();
}

/* _train_show(run_id, stage): of a stage that is not the library's */
Datum
rs_train_show(PG_FUNCTION_ARGS)
{
	RsFrame		frame;
	RsRun	   *run = rs_enter(PG_GETARG_INT64(0), &frame);

	rs_progress_stage(run, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	rs_leave(&frame);
	PG_RETURN_VOID();
}
