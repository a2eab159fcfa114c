/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  recommend_all: the lists of many users, written to SHOP.recommendation.
 *
 * Events come from SHOP.interaction sorted by user, through a cursor, so that
 * one user's are at hand at a time; the code that serves makes the history of
 * them.  When a batch of users is full, the team makes their lists, and this
 * backend replaces their rows.  So memory does not grow with the users, and
 * each row is what SHOP.recommend would have said: same history, same hidden
 * items, same scores to the bit, same words.
 *
 * Where a policy has a ranker or rules, the code that serves makes the lists,
 * one after the other, in this backend (batch_single.c).
 *
 * Which items may be listed is asked once for the whole catalog, as are the
 * catalog's items without interactions, which fill lists that are too short.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "lists.h"
#include "progress.h"
#include "stream.h"

extern PGDLLEXPORT Datum rs_train_lists(PG_FUNCTION_ARGS);

#define RESULT_BYTES	(16 * 1024 * 1024)
#define FIRST_EVENTS	1024
#define MOST_USERS		16384
#define MOST_K			10000

/* Which items are never listed now, and which fill short lists. */
static void
read_catalog(RsLists *l)
{
	RsModel    *m = l->m;
	RsFilter   *filter = rs_filter_make(l->run->recommender, NULL);
	Datum	   *items = palloc_extended((Size) (m->funnel.nitems + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	bool	   *barred;
	RsIdMap    *none = rs_idmap_create(l->run->recommender->item_type, l->run->recommender->item_collation, l->context);

	l->arg.plan.barred = rs_share(l->run, l->context, m->funnel.nitems, "the catalog");
	l->arg.plan.has_barred = true;
	barred = l->arg.plan.barred.local;
	for (uint32 i = 0; i < m->funnel.nitems; i++)
		items[i] = rs_model_item(m, i);
	rs_filter_items(filter, items, m->funnel.nitems, barred);
	for (uint32 i = 0; i < m->funnel.nitems; i++)
	{
		l->eligible += barred[i];
		barred[i] = !barred[i];
	}
	l->nfresh = rs_filter_fresh(filter, m, none, NULL, PG_INT32_MAX, &l->fresh);
}

/* One row of titles. */
static void
receive_title(const Datum *values, const bool *isnull, void *arg)
{
	RsLists	   *l = arg;
	uint32		item = rs_model_find(l->m, values[0]);

	if (item != RS_NO_ID)
	{
		MemoryContext old = MemoryContextSwitchTo(l->context);

		l->label[item] = TextDatumGetCString(values[1]);
		MemoryContextSwitchTo(old);
	}
}

/* Titles in the catalog, or ids as text. */
static void
read_labels(RsLists *l)
{
	RsRecommender *r = l->run->recommender;
	Oid			types[] = {r->item_type, TEXTOID};
	Oid			output;
	bool		varlena;

	l->label = MemoryContextAllocExtended(l->context, (Size) (l->m->funnel.nitems + 1) * sizeof(char *),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (r->has_catalog)
		rs_stream(psprintf("SELECT c.item_id, min(c.title) FROM %s.catalog c"
						   " WHERE c.item_id IS NOT NULL AND c.title IS NOT NULL GROUP BY c.item_id",
						   r->schema), lengthof(types), types, 2, receive_title, l);
	getTypeOutputInfo(r->item_type, &output, &varlena);
	for (uint32 i = 0; i < l->m->funnel.nitems; i++)
		if (l->label[i] == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(l->context);

			l->label[i] = OidOutputFunctionCall(output, rs_model_item(l->m, i));
			MemoryContextSwitchTo(old);
		}
	rs_run_charge(l->run, 0, "titles");
}

/* Room for one user's events and for the ids of the batch's users. */
static void
allocate(RsLists *l)
{
	RsRun	   *run = l->run;

	l->batch_context = AllocSetContextCreate(l->context, "recsys batch", ALLOCSET_DEFAULT_SIZES);
	l->users = rs_idmap_create(run->recommender->user_type, run->recommender->user_collation, l->batch_context);
	l->user_context = AllocSetContextCreate(l->context, "recsys user", ALLOCSET_DEFAULT_SIZES);
	l->allocated = FIRST_EVENTS;
	l->log.row = MemoryContextAlloc(l->context, l->allocated * sizeof(RsQuantified));
}

/* What the team needs to make lists of the policy's scores. */
static void
allocate_team(RsLists *l, RsMethod method)
{
	RsRun	   *run = l->run;
	RsPolicy	policy;
	RsParts    *parts = rs_model_parts(run, l->context, l->m, method, &policy);
	RsListsArg   *a = &l->arg;
	uint32		most;

	a->plan = rs_plan_make(run, l->context, parts, l->m->funnel.nitems, list_make1(&policy),
						   l->listing->k, false);
	read_catalog(l);
	if (parts->neighbors != NIL)
		read_labels(l);
	most = Min(Max(RESULT_BYTES / (sizeof(RsListedItem) * a->plan.k), RS_RANK_USERS), MOST_USERS);
	l->most_columns = 2 * (uint64) run->recommender->history_limit + l->m->funnel.nitems + l->listing->k;
	a->batch = rs_batch_make(run, l->context, most, 4 * l->most_columns);
	a->count = rs_share(run, l->context, most * sizeof(int32), "lists");
	a->listed = rs_share(run, l->context, (Size) most * a->plan.k * sizeof(RsListedItem), "lists");
	rs_run_charge(run, (rs_lister_bytes(&a->plan) + l->m->funnel.nitems * sizeof(uint32)) * (run->workers + 1), "lists");
}

/* Removes the rows of the batch's users. */
static void
delete_lists(RsLists *l)
{
	uint32		n = l->arg.batch.n;
	Datum	   *users = palloc_extended((n + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	const RsTarget *target = l->arg.batch.target.local;

	for (uint32 i = 0; i < n; i++)
		users[i] = rs_idmap_datum(l->users, target[i].user);
	rs_lists_delete(l, users, n);
	pfree(users);
}

/* Makes and writes the lists of the batch, which is empty then. */
void
rs_lists_run(RsLists *l)
{
	RsTeam	   *team;
	instr_time	start;
	instr_time	end;

	if (l->arg.batch.n == 0)
		return;
	INSTR_TIME_SET_CURRENT(start);
	team = rs_team_begin(l->run, (uint64) l->arg.batch.n * l->arg.plan.k);
	rs_team_run(team, &rs_job_lists, &l->arg, sizeof(l->arg), rs_lister_blocks(&l->arg.batch));
	rs_team_end(team);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	l->rank_seconds += INSTR_TIME_GET_DOUBLE(end);
	if (l->listing->users != NULL)
		delete_lists(l);
	rs_lists_write(l);
	l->nusers += l->arg.batch.n;
	rs_progress_rows(l->nusers, 0);
	rs_batch_clear(&l->arg.batch);
	MemoryContextReset(l->batch_context);
	l->users = rs_idmap_create(l->run->recommender->user_type, l->run->recommender->user_collation, l->batch_context);
}

/* The ranking as a stage of its own within the stage recommend. */
static void
record_ranking(const RsLists *l, TimestampTz started)
{
	Oid			types[] = {INT8OID, TIMESTAMPTZOID, FLOAT8OID, INT8OID, INT8OID};
	Datum		args[lengthof(types)];

	args[0] = Int64GetDatum(l->run->run_id);
	args[1] = TimestampTzGetDatum(started);
	args[2] = Float8GetDatum(l->rank_seconds);
	args[3] = Int64GetDatum(l->nusers);
	args[4] = Int64GetDatum(l->nrows);
	if (SPI_execute_with_args("INSERT INTO recsys.training_stage (run_id, stage, started_at, seconds, rows_in, rows_out, bytes)"
							  " VALUES ($1, 'rank', $2, $3, $4, $5, 0)",
							  lengthof(types), types, args, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not record the ranking");
}

/* Stage recommend. */
void
rs_recommend_all(RsRun *run, RsStageResult *result)
{
	RsRecommender *r = run->recommender;
	RsLists		l = {0};
	MemoryContext old;
	TimestampTz started = GetCurrentTimestamp();

	l.run = run;
	l.listing = run->listing;
	l.context = AllocSetContextCreate(run->context, "recsys lists", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(l.context);
	rs_check_source(r);
	l.m = rs_model_read(r, l.listing->has_policy ? &l.listing->policy : NULL, &l.request.policy, l.context);
	rs_run_charge(run, 0, "the model");
	allocate(&l);
	rs_lists_open_single(&l);
	if (!l.single)
		allocate_team(&l, l.request.policy.method);
	if (l.listing->users == NULL &&
		SPI_execute(psprintf("DELETE FROM %s.recommendation", r->schema), false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not delete old lists");
	rs_lists_read(&l);
	rs_lists_close_single(&l);
	MemoryContextSwitchTo(old);
	record_ranking(&l, started);
	result->rows_in = l.nusers;
	result->rows_out = l.nrows;
	run->model_id = l.m->model_id;
	MemoryContextDelete(l.context);
}

/* _lists_open(run_id, policy, k, for_users): what stage recommend is to do */
Datum
rs_train_lists(PG_FUNCTION_ARGS)
{
	RsRun	   *run = rs_open_run(PG_GETARG_INT64(0));
	RsListsWanted  *listing = MemoryContextAllocZero(run->context, sizeof(RsListsWanted));

	if (PG_ARGISNULL(2) || PG_GETARG_INT32(2) < 1 || PG_GETARG_INT32(2) > MOST_K)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 PG_ARGISNULL(2) ? errmsg("k must not be NULL") :
				 errmsg("k is %d, must be from 1 to %d", PG_GETARG_INT32(2), MOST_K)));
	listing->k = PG_GETARG_INT32(2);
	listing->has_policy = !PG_ARGISNULL(1);
	if (listing->has_policy)
		listing->policy = *PG_GETARG_NAME(1);
	if (!PG_ARGISNULL(3))
		listing->users = MemoryContextStrdup(run->context, text_to_cstring(PG_GETARG_TEXT_PP(3)));
	run->listing = listing;
	PG_RETURN_VOID();
}
