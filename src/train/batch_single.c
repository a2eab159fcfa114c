/*-------------------------------------------------------------------------
 *
 * batch_single.c
 *	  recommend_all: lists of a policy with a ranker or with rules.
 *
 * They are made by the code that serves (list.c), one user at a time, and are
 * therefore what it would have said at this moment: rules look into the catalog
 * and at the list as it grows, which a block of users has no part in.
 *
 * Limits: by one process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "lists.h"
#include "progress.h"

/* users whose ids are remembered together */
#define USERS_KEPT	4096

/* Is there a rule that recommend goes by? */
static bool
has_rules(const RsRules *rules)
{
	return rules->rebuy_after > 0 || rules->banned != NULL || rules->npredicates > 0 ||
		rules->nboosts > 0 || rules->amount > 0 || rules->npins > 0 ||
		rules->per_category > 0 || rules->lambda > 0;
}

/* The request that all users' lists are made from, if they are made so. */
void
rs_lists_open_single(RsLists *l)
{
	RsRequest  *q = &l->request;

	q->r = l->run->recommender;
	q->m = l->m;
	rs_request_rules(q, NULL);
	l->single = has_rules(q->rules) ||
		(q->policy.method == RS_FUNNEL && l->m->funnel.ranker.nfeatures > 0);
	if (!l->single)
		return;
	q->as_of = GetCurrentTransactionStartTimestamp();
	q->k = l->listing->k;
	l->writer = rs_lists_writer(l);
}

/* One user's list, in the user's context. */
void
rs_lists_make_single(RsLists *l, Datum user, RsHistory *h)
{
	RsRequest	q = l->request;
	RsListed   *row;
	instr_time	start;
	instr_time	end;
	int			n;

	q.h = h;
	INSTR_TIME_SET_CURRENT(start);
	row = rs_list_make(&q, &n);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	l->rank_seconds += INSTR_TIME_GET_DOUBLE(end);
	if (l->listing->users != NULL)
		rs_lists_delete(l, &user, 1);
	for (int i = 0; i < n; i++)
	{
		Datum		values[7];
		bool		nulls[7] = {false};

		values[0] = user;
		values[1] = Int32GetDatum(i + 1);
		values[2] = row[i].item;
		values[3] = Float8GetDatum(row[i].score);
		values[4] = CStringGetTextDatum(rs_source_name(row[i].source));
		values[5] = CStringGetTextDatum(row[i].reason);
		values[6] = row[i].because;
		nulls[6] = !row[i].has_because;
		rs_writer_add(l->writer, values, nulls);
	}
	l->nrows += n;
	if (++l->nusers % 64 == 0)
		rs_progress_rows(l->nusers, 0);
	CHECK_FOR_INTERRUPTS();
	if (rs_idmap_count(l->users) >= USERS_KEPT)
	{
		MemoryContextReset(l->batch_context);
		l->users = rs_idmap_create(q.r->user_type, q.r->user_collation, l->batch_context);
	}
}

void
rs_lists_close_single(RsLists *l)
{
	if (l->single)
		rs_writer_end(l->writer, NULL);
}
