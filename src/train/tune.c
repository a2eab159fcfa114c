/*-------------------------------------------------------------------------
 *
 * tune.c
 *	  Trials of settings on the validation slice.
 *
 * The search itself is SQL over the rows of its trials (sql/install/tune.sql);
 * here one trial is trained and measured.  Trained parts are kept between
 * trials, as far as half of the run's memory goes: factors go on from the
 * sweeps that they have, and a blend of two known parts only needs to be
 * measured.  Whether a part was kept shows in the time that a trial takes but
 * not in its value: factors after n sweeps are the same bytes however they
 * came about.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <inttypes.h>
#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "evaluate.h"
#include "progress.h"

extern PGDLLEXPORT Datum rs_train_tune_split(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum rs_train_tune_trial(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum rs_train_policies(PG_FUNCTION_ARGS);

/* a part, in a context of its own; one of the two is NULL */
typedef struct Kept
{
	MemoryContext context;
	RsFactorPart *factors;
	RsNeighborPart *neighbors;
} Kept;

static void
drop(RsRun *run, Kept *kept)
{
	run->kept = list_delete_ptr(run->kept, kept);
	MemoryContextDelete(kept->context);
}

/*
 * A place for a part of so many bytes; the parts used longest ago make room, but
 * not the newest ones, of which so many are in use.
 */
static Kept *
make_room(RsRun *run, Size bytes, int in_use)
{
	MemoryContext context;
	MemoryContext old;
	Kept	   *kept;

	while (list_length(run->kept) > in_use && rs_run_bytes(run) + (int64) bytes > run->memory_limit / 2)
		drop(run, linitial(run->kept));
	context = AllocSetContextCreate(run->validation->context, "recsys trial",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	kept = palloc0(sizeof(Kept));
	kept->context = context;
	MemoryContextSwitchTo(run->validation->context);
	run->kept = lappend(run->kept, kept);
	MemoryContextSwitchTo(old);
	return kept;
}

/* Makes a part the one used last. */
static void
touch(RsRun *run, Kept *kept)
{
	MemoryContext old = MemoryContextSwitchTo(run->validation->context);

	run->kept = lappend(list_delete_ptr(run->kept, kept), kept);
	MemoryContextSwitchTo(old);
}

/* Factors with the settings, from those kept or anew. */
static RsFactorPart *
get_factors(RsRun *run, RsTeam *team, const RsFactorSettings *settings)
{
	const RsMatrix *m = run->validation->matrix;
	RsSplit		piece = *run->validation;
	Kept	   *found = NULL;
	ListCell   *cell;

	foreach(cell, run->kept)
	{
		Kept	   *kept = lfirst(cell);
		RsFactorSettings have;

		if (kept->factors == NULL)
			continue;
		have = kept->factors->asked;
		if (kept->factors->done > settings->sweeps)
			continue;
		have.sweeps = settings->sweeps;
		if (memcmp(&have, settings, sizeof(have)) == 0)
			found = kept;
	}
	if (found)
		touch(run, found);
	else
	{
		RsFactorSettings room = *settings;

		room.sweeps = run->policy->factors.sweeps;
		found = make_room(run, sizeof(float) * settings->factors *
						  ((Size) m->users.nrows + m->items.nrows), 0);
		piece.context = found->context;
		found->factors = rs_factors_start(run, team, &piece, &room);
	}
	piece.context = found->context;
	rs_factors_sweep(run, team, &piece, found->factors, settings->sweeps, false);
	return found->factors;
}

/* Shares a part with the workers here, so that it goes with its own context. */
static void
share_kept(RsRun *run, RsSplit piece, const Kept *kept)
{
	RsParts		one = {0};

	if (kept->factors)
		one.factors = list_make1(kept->factors);
	if (kept->neighbors)
		one.neighbors = list_make1(kept->neighbors);
	piece.parts = &one;
	rs_parts_share(run, &piece);
}

/* Factors that cannot be trained in pieces, from those kept or anew. */
static RsFactorPart *
get_whole_factors(RsRun *run, RsTeam *team, const RsFactorSettings *settings)
{
	RsSplit		piece = *run->validation;
	Kept	   *found;
	ListCell   *cell;

	foreach(cell, run->kept)
	{
		found = lfirst(cell);
		if (found->factors != NULL &&
			memcmp(&found->factors->asked, settings, sizeof(*settings)) == 0)
		{
			touch(run, found);
			return found->factors;
		}
	}
	found = make_room(run, sizeof(float) * settings->factors *
					  ((Size) piece.matrix->users.nrows + piece.matrix->items.nrows), 0);
	piece.context = found->context;
	found->factors = rs_train_bpr(run, team, &piece, settings);
	share_kept(run, piece, found);
	return found->factors;
}

static RsNeighborPart *
get_neighbors(RsRun *run, RsTeam *team, const RsCoocSettings *settings, int in_use)
{
	RsSplit		piece = *run->validation;
	Kept	   *found;
	ListCell   *cell;

	foreach(cell, run->kept)
	{
		found = lfirst(cell);
		if (found->neighbors != NULL &&
			memcmp(&found->neighbors->settings, settings, sizeof(*settings)) == 0)
		{
			touch(run, found);
			return found->neighbors;
		}
	}
	found = make_room(run, (Size) piece.matrix->items.nrows * settings->neighbors *
					  sizeof(RsNeighbor), in_use);
	piece.context = found->context;
	found->neighbors = rs_train_neighbors(run, team, &piece, settings);
	share_kept(run, piece, found);
	return found->neighbors;
}

/*
 * _tune_split(run_id) returns (cutoff, validation_cutoff, checksum, pairs,
 * users, mean_weight): makes the validation slice, and describes it.
 */
Datum
rs_train_tune_split(PG_FUNCTION_ARGS)
{
	RsFrame		frame;
	RsRun	   *run = rs_enter(PG_GETARG_INT64(0), &frame);
	RsSplit    *split;
	double		weight = 0;
	uint64		n;
	TupleDesc	desc;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (!run->loaded)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stage \"%s\" has not run", "load")));
	rs_progress_stage(run, "validation");
	rs_find_cutoff(run);
	run->validation = rs_split_validation(run);
	if (run->validation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recommender \"%s\" has too few interactions before the cutoff to tune on",
						NameStr(run->recommender->name)),
				 errhint("Give a later cutoff.")));
	split = run->validation;
	rs_parts_make(run, split, NIL);
	n = split->matrix->shared_users.n;
	for (uint64 i = 0; i < n; i++)
		weight += split->matrix->users.value[i];
	values[0] = TimestampTzGetDatum(run->cutoff);
	values[1] = TimestampTzGetDatum(split->cutoff);
	nulls[0] = nulls[1] = run->random_split;
	values[3] = Int64GetDatum((int64) n);
	values[4] = Int64GetDatum((int64) rs_split_test_users(run, split));
	values[5] = Float8GetDatum(weight / Max(n, 1));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rs_leave(&frame);
	values[2] = CStringGetTextDatum(psprintf("%016" PRIx64, split->matrix->checksum));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* Trains what a policy needs and measures it on a sample of users. */
static double
try_policy(RsRun *run, RsPolicy *policy, int64 users, const char *metric, int k,
		   int64 *scored)
{
	RsSplit		sample = *run->validation;
	RsParts		parts = *run->validation->parts;
	RsTeam	   *team = rs_team_begin(run, sample.matrix->shared_users.n);
	int			protocol = run->recommender->repeatable ? RS_PROTOCOL_ALL : RS_PROTOCOL_NEW;
	RsEvaluation *ev;

	if (policy->method == RS_BPR)
		parts.factors = list_make1(get_whole_factors(run, team, &policy->factors));
	else if (rs_has_factors(policy->method))
		parts.factors = list_make1(get_factors(run, team, &policy->factors));
	if (rs_has_neighbors(policy->method))
		parts.neighbors = list_make1(get_neighbors(run, team, &policy->neighbors,
													 rs_has_factors(policy->method)));
	sample.parts = &parts;
	sample.bot = rs_split_sample(run, &sample, users);
	ev = rs_evaluate_split(run, team, &sample, list_make1(policy));
	rs_team_end(team);
	*scored = 0;
	for (uint32 u = 0; u < ev->outcome[protocol].n; u++)
		*scored += ev->outcome[protocol].warm[u];
	return rs_evaluation_metric(ev, 0, protocol, metric, k);
}

/*
 * _tune_trial(run_id, method, parameters, sweeps, users, metric, k, from, until)
 * returns (value, users): the run's policy with other parameters and sweeps, as
 * another method where one part of it is to be tried; from and until are shares
 * of the search, for who watches.
 */
Datum
rs_train_tune_trial(PG_FUNCTION_ARGS)
{
	RsFrame		frame;
	RsRun	   *run = rs_enter(PG_GETARG_INT64(0), &frame);
	RsPolicy   *policy;
	TupleDesc	desc;
	double		value;
	int64		scored;
	Datum		values[2];
	bool		nulls[2] = {false};

	if (run->validation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stage \"%s\" has not run", "validation")));
	if (!rs_metric_known(text_to_cstring(PG_GETARG_TEXT_PP(5))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown metric \"%s\"", text_to_cstring(PG_GETARG_TEXT_PP(5)))));
	policy = rs_policy_read(run, NameStr(run->policy->name),
							text_to_cstring(PG_GETARG_TEXT_PP(1)),
							text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (policy->method == RS_FACTORS || policy->method == RS_FUNNEL)
		policy->factors.sweeps = Max(Min(PG_GETARG_INT32(3), run->policy->factors.sweeps), 1);
	rs_progress_stage(run, "trial");
	rs_progress_piece(PG_GETARG_FLOAT8(7), PG_GETARG_FLOAT8(8));
	value = try_policy(run, policy, PG_GETARG_INT64(4),
					   text_to_cstring(PG_GETARG_TEXT_PP(5)), PG_GETARG_INT32(6), &scored);
	rs_leave(&frame);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Float8GetDatum(value);
	nulls[0] = isnan(value);
	values[1] = Int64GetDatum(scored);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/*
 * _train_policies(run_id, policies): other ones to evaluate than those that the
 * run was opened with; what tune holds makes room.
 */
Datum
rs_train_policies(PG_FUNCTION_ARGS)
{
	RsFrame		frame;
	RsRun	   *run = rs_enter(PG_GETARG_INT64(0), &frame);

	run->policies = NIL;
	rs_set_policies(run, PG_GETARG_ARRAYTYPE_P(1));
	if (run->validation != NULL)
		rs_split_free(run->validation);
	run->validation = NULL;
	run->kept = NIL;
	rs_leave(&frame);
	PG_RETURN_VOID();
}
