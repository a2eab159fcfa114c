/*-------------------------------------------------------------------------
 *
 * train.c
 *	  Entry points of the training library: open a run, run its stages.
 *
 * Each stage runs as the recommender's owner, in a security-restricted
 * operation with a fixed search path, so that a caller with more rights lends
 * none of them to the recommender's own SQL.  Errors restore both, with the
 * (sub)transaction that fails.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "learn.h"
#include "lists.h"
#include "progress.h"
#include "kernel/simd.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);
extern PGDLLEXPORT const char *rs_train_build(void);
extern PGDLLEXPORT Datum rs_train_open(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum rs_train_stage(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum rs_train_close(PG_FUNCTION_ARGS);

RsRun	   *rs_run = NULL;

/*
 * The subtransaction in which a stage works or worked last.  If it fails, the
 * run goes with it: what the stage left behind cannot be trusted.
 */
static SubTransactionId run_subid = InvalidSubTransactionId;

/* a stage is at work: what it runs must not open, close or run another */
static bool busy = false;

/* ---- the run that is open ---- */

static void
close_run(void)
{
	if (rs_run != NULL)
		MemoryContextDelete(rs_run->context);
	rs_run = NULL;
	busy = false;
	rs_progress_end();
}

static void
run_xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		close_run();
}

static void
run_subxact_callback(SubXactEvent event, SubTransactionId subid,
					 SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && subid <= run_subid)
		close_run();
}

void
_PG_init(void)
{
	rs_simd_init();
	RegisterXactCallback(run_xact_callback, NULL);
	RegisterSubXactCallback(run_subxact_callback, NULL);
}

const char *
rs_train_build(void)
{
	return RS_BUILD;
}

void
rs_check_idle(void)
{
	if (busy)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("a training is at work in this session already"),
				 errhint("A recommender's source must not train or look for bots.")));
}

RsRun *
rs_open_run(int64 run_id)
{
	rs_check_idle();
	if (rs_run == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no training is open in this session"),
				 errhint("Training starts with recsys.retrain, train or evaluate.")));
	if (run_id != rs_run->run_id)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("another run is open in this session")));
	return rs_run;
}

/*
 * What every door does with the run: it becomes its owner, in a context of the
 * call's, and the run is lost with an error.
 */
RsRun *
rs_enter(int64 run_id, RsFrame *frame)
{
	RsRun	   *run = rs_open_run(run_id);

	SPI_connect();
	rs_become_owner(run->recommender, &frame->saved);
	frame->old = MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext,
															 "recsys stage",
															 ALLOCSET_DEFAULT_SIZES));
	busy = true;
	run_subid = GetCurrentSubTransactionId();
	return run;
}

void
rs_leave(const RsFrame *frame)
{
	busy = false;
	MemoryContextSwitchTo(frame->old);
	rs_become_caller(&frame->saved);
	SPI_finish();
}

/* ---- opening one ---- */

/*
 * _train_open(run_id, recommender, policies, cutoff, random_split, ks, per_user,
 * seed, workers, memory, verbose)
 */
Datum
rs_train_open(PG_FUNCTION_ARGS)
{
	RsRun	   *run;
	RsOwnerState saved;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(4) ||
		PG_ARGISNULL(5) || PG_ARGISNULL(6) || PG_ARGISNULL(7) || PG_ARGISNULL(10))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender, random_split, k, per_user, seed and verbose must not be NULL")));
	rs_check_idle();
	close_run();
	SPI_connect();
	run = rs_run_make(NameStr(*PG_GETARG_NAME(1)));
	rs_become_owner(run->recommender, &saved);
	run->run_id = PG_GETARG_INT64(0);
	run->random_split = PG_GETARG_BOOL(4);
	if (!PG_ARGISNULL(3))
		rs_set_cutoff(run, PG_GETARG_TIMESTAMPTZ(3));
	rs_set_list_lengths(run, PG_GETARG_ARRAYTYPE_P(5));
	run->per_user = PG_GETARG_BOOL(6);
	run->seed = PG_GETARG_INT64(7);
	run->workers_asked = !PG_ARGISNULL(8);
	if (run->workers_asked && PG_GETARG_INT32(8) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("workers is %d, must not be negative", PG_GETARG_INT32(8))));
	run->workers = rs_team_limit(run->workers_asked ? PG_GETARG_INT32(8) : -1);
	run->memory_limit = rs_memory_limit(PG_ARGISNULL(9) ? NULL : PG_GETARG_TEXT_PP(9));
	run->verbose = PG_GETARG_BOOL(10);
	rs_set_policies(run, PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2));
	rs_become_caller(&saved);

	/* last, so that an error leaves nothing */
	MemoryContextSetParent(run->context, TopMemoryContext);
	rs_run = run;
	run_subid = GetCurrentSubTransactionId();
	SPI_finish();
	PG_RETURN_VOID();
}

/* ---- its stages ---- */

/* A stage needs what an earlier one has made. */
static void
need(bool made, const char *stage)
{
	if (!made)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stage \"%s\" has not run", stage)));
}

/* Split: the train side of the cutoff, without the bots seen before it. */
static void
stage_split(RsRun *run, RsStageResult *result)
{
	need(run->loaded, "load");
	rs_facts_read(run, run->policies);
	rs_find_cutoff(run);
	run->split = rs_split_make(run, run->random_split,
							   run->has_cutoff ? run->cutoff : DT_NOEND, DT_NOEND);
	run->split->bot = rs_find_bots(run, run->split->context, run->split->cutoff);
	run->split->matrix = rs_matrix_make(run, run->split);
	result->rows_in = run->nevents;
	result->rows_out = run->split->matrix->shared_users.n;
}

/* Train what the evaluation needs: rankers first, which look further back. */
static void
stage_train(RsRun *run, RsStageResult *result)
{
	const RsMatrix *m;

	need(run->split != NULL, "split");
	rs_choose_sweeps(run);
	rs_progress_stage(run, "train");
	rs_learn_before(run);
	rs_parts_make(run, run->split, run->policies);
	m = run->split->matrix;
	result->rows_in = m->shared_users.n;
	result->rows_out = m->users.nrows + m->users.ncols;
}

/* What was trained for an evaluation makes room for the training on everything. */
static void
free_split(RsRun *run)
{
	if (run->split != NULL)
		rs_split_free(run->split);
	run->split = NULL;
}

/* Evaluate.  What was trained for it is of use afterwards to a ranker only. */
static void
stage_evaluate(RsRun *run, RsStageResult *result)
{
	need(run->split != NULL && run->split->parts != NULL, "train");
	rs_evaluate(run, result);
	if (!run->policy->funnel.ranked)
		free_split(run);
}

/* The ranker of the model that is to be stored. */
static void
stage_ranker(RsRun *run, RsStageResult *result)
{
	need(run->loaded, "load");
	rs_facts_read(run, run->policies);
	if (run->policy->funnel.ranked)
		rs_learn_final(run, result);
}

/* Train for good: on everything, or on what lies before the cutoff. */
static void
stage_train_all(RsRun *run, bool before_cutoff, RsStageResult *result)
{
	RsMatrix   *m;

	need(run->loaded, "load");
	need(!before_cutoff || run->has_cutoff, "split");
	free_split(run);
	rs_facts_read(run, run->policies);
	if (run->policy->factors.early_stop > 0 && run->policy->stopped_at == 0)
		ereport(NOTICE,
				(errmsg("policy \"%s\" is trained for all of its %d sweeps: nothing was held out to stop early by",
						NameStr(run->policy->name), run->policy->factors.sweeps),
				 errhint("CALL recsys.retrain with evaluate => true.")));
	run->final = rs_split_make(run, false, before_cutoff ? run->cutoff : DT_NOEND, DT_NOEND);
	run->final->bot = rs_find_bots(run, run->final->context, run->final->cutoff);
	m = run->final->matrix = rs_matrix_make(run, run->final);
	if ((run->policy->method == RS_EXPLICIT ? m->shared_user_ratings.n : m->shared_users.n) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recommender \"%s\" has no interactions to train on",
						NameStr(run->recommender->name)),
				 errhint("SELECT * FROM recsys.quality_report(%s) shows which rule drops the rows.",
						 quote_literal_cstr(NameStr(run->recommender->name)))));
	if (!before_cutoff)
		run->final->warm = rs_warm_read(run, run->final);
	rs_parts_make(run, run->final, list_make1(run->policy));
	result->rows_in = m->shared_users.n;
	result->rows_out = m->users.nrows + m->users.ncols;
}

static void
run_stage(RsRun *run, const char *stage, RsStageResult *result)
{
	if (strcmp(stage, "load") == 0)
	{
		rs_load(run, result);
		rs_facts_read(run, run->policies);
	}
	else if (strcmp(stage, "split") == 0)
		stage_split(run, result);
	else if (strcmp(stage, "train") == 0)
		stage_train(run, result);
	else if (strcmp(stage, "evaluate") == 0)
		stage_evaluate(run, result);
	else if (strcmp(stage, "ranker") == 0)
		stage_ranker(run, result);
	else if (strcmp(stage, "train_all") == 0)
		stage_train_all(run, false, result);
	else if (strcmp(stage, "train_before") == 0)
		stage_train_all(run, true, result);
	else if (strcmp(stage, "recommend") == 0)
	{
		need(run->listing != NULL, "open");
		rs_recommend_all(run, result);
	}
	else if (strcmp(stage, "write") == 0)
	{
		need(run->final != NULL, "train_all");
		rs_store(run, result);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown stage \"%s\"", stage)));
}

/* _train_stage(run_id, stage) returns (rows_in, rows_out, bytes, model_id) */
Datum
rs_train_stage(PG_FUNCTION_ARGS)
{
	RsFrame		frame;
	RsRun	   *run = rs_enter(PG_GETARG_INT64(0), &frame);
	RsStageResult result = {0, 0};
	char	   *stage = text_to_cstring(PG_GETARG_TEXT_PP(1));
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	rs_progress_stage(run, stage);
	run_stage(run, stage, &result);
	rs_leave(&frame);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(result.rows_in);
	values[1] = Int64GetDatum(result.rows_out);
	values[2] = Int64GetDatum(rs_run_bytes(run));
	values[3] = Int64GetDatum(run->model_id);
	nulls[3] = (run->model_id == 0);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

Datum
rs_train_close(PG_FUNCTION_ARGS)
{
	rs_check_idle();
	close_run();
	PG_RETURN_VOID();
}
