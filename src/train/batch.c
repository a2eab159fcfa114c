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
 * Which items may be listed is asked once for the whole catalog, as are the
 * catalog's items without interactions, which fill lists that are too short.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"

#include "lists.h"
#include "ranker.h"
#include "stream.h"
#include "kernel/simd.h"

extern PGDLLEXPORT Datum rs_train_lists(PG_FUNCTION_ARGS);

#define RESULT_BYTES	(16 * 1024 * 1024)
#define MOST_USERS		16384
#define ROWS_PER_FETCH	10000
#define MOST_K			10000

/* ---- in each process ---- */

/* A row of a list. */
typedef struct ListedItem
{
	uint32		item;
	uint32		because;		/* or RS_NO_ID */
	float		score;
	RsSource	source;
} ListedItem;

typedef struct ListsArg
{
	RsPlan		plan;
	RsBatch		batch;
	RsShared	count;			/* int32 by target */
	RsShared	listed;			/* k by target */
} ListsArg;

typedef struct ListsScratch
{
	const ListsArg *arg;
	RsRanker   *ranker;
	const RsTarget *target;
	const uint32 *pool;
	const uint64 *start;		/* neighbours, or NULL */
	const RsNeighbor *neighbor;
	const RsPlanFactors *factors;	/* or NULL */
	uint32	   *place;			/* in the list, by item; else RS_NO_ID */
	float	   *most;			/* by place: the largest share of an item */
} ListsScratch;

static void *
lists_begin(const void *arg)
{
	const ListsArg *a = arg;
	ListsScratch *s = palloc0(sizeof(ListsScratch));
	const RsPlanPolicy *policy = rs_shared(a->plan.policies);

	s->arg = a;
	s->ranker = rs_ranker_make(&a->plan, &a->batch);
	s->target = rs_shared(a->batch.target);
	s->pool = rs_shared(a->batch.pool);
	if (policy->neighbors >= 0)
	{
		const RsPlanNeighbors *n = (RsPlanNeighbors *) rs_shared(a->plan.neighbors) + policy->neighbors;

		s->start = rs_shared(n->start);
		s->neighbor = rs_shared(n->neighbor);
	}
	if (policy->factors >= 0)
		s->factors = (RsPlanFactors *) rs_shared(a->plan.factors) + policy->factors;
	s->place = palloc_extended((Size) a->plan.nitems * sizeof(uint32) + 1, MCXT_ALLOC_HUGE);
	memset(s->place, 0xff, (Size) a->plan.nitems * sizeof(uint32));
	s->most = palloc(a->plan.k * sizeof(float));
	return s;
}

/* The history's item that speaks most for each of the list; ties to the first. */
static void
find_strongest(ListsScratch *s, const RsTarget *t, ListedItem *row, int n)
{
	const float *weight = (const float *) (s->pool + t->weight);

	for (int i = 0; i < n; i++)
	{
		s->place[row[i].item] = i;
		s->most[i] = 0;
	}
	for (uint32 h = 0; h < t->nhistory; h++)
	{
		uint32		item = s->pool[t->history + h];

		for (uint64 e = s->start[item]; e < s->start[item + 1]; e++)
		{
			uint32		place = s->place[s->neighbor[e].item];
			float		share = weight[h] * s->neighbor[e].similarity;

			if (place != RS_NO_ID && share > s->most[place])
			{
				s->most[place] = share;
				row[place].because = item;
			}
		}
	}
	for (int i = 0; i < n; i++)
		s->place[row[i].item] = RS_NO_ID;
}

/* A list has been made: say where its items come from. */
static void
keep_list(void *arg, uint32 target, int policy, bool with_hidden,
		  const float *x, const RsScored *list, int n)
{
	ListsScratch *s = arg;
	ListedItem *row = (ListedItem *) rs_shared(s->arg->listed) + (Size) target * s->arg->plan.k;

	((int32 *) rs_shared(s->arg->count))[target] = n;
	for (int i = 0; i < n; i++)
	{
		row[i].item = list[i].id;
		row[i].because = RS_NO_ID;
		row[i].score = (float) list[i].score;
	}
	if (s->start != NULL)
		find_strongest(s, &s->target[target], row, n);
	for (int i = 0; i < n; i++)
	{
		int			f = s->factors ? s->factors->settings.factors : 0;
		const float *y = f > 0 ? (float *) rs_shared(s->factors->item) + (Size) row[i].item * f : NULL;

		row[i].source = row[i].because != RS_NO_ID ? RS_FROM_NEIGHBOR :
			x != NULL && rs_simd->dot(x, y, f) > 0 ? RS_FROM_FACTOR : RS_FROM_POPULARITY;
	}
}

static void
lists_block(const void *arg, void *scratch, uint32 block)
{
	ListsScratch *s = scratch;

	rs_ranker_block(s->ranker, block, keep_list, s);
}

const RsJob rs_job_lists = {"lists", lists_begin, lists_block};

/* ---- in the backend that trains ---- */

typedef struct Lists
{
	RsRun	   *run;
	RsListing  *listing;
	RsModel    *m;
	MemoryContext context;		/* of the whole stage */
	MemoryContext batch_context;	/* ids of the batch's users */
	MemoryContext user_context; /* of one user */
	Datum	   *fresh;			/* items without interactions, in their order */
	int			nfresh;
	int64		eligible;		/* items that are not barred */
	char	  **label;			/* by item, where anything can be because of it */
	uint64		most_columns;	/* that a user may need */
	RsIdMap    *users;			/* of the batch; the one that is read comes last */
	RsEvent    *event;			/* room for a user's newest */
	RsLog		log;			/* of the user that is read */
	RsIdMap    *hidden;
	ListsArg	arg;
	int64		nusers;
	int64		nrows;
} Lists;

/* Which items are never listed now, and which fill short lists. */
static void
read_catalog(Lists *l)
{
	RsModel    *m = l->m;
	RsFilter   *filter = rs_filter_make(l->run->recommender, NULL);
	Datum	   *items = palloc_extended((Size) (m->nitems + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	bool	   *barred;
	RsIdMap    *none = rs_idmap_create(l->run->recommender->item_type, l->context);

	l->arg.plan.barred = rs_share(l->run, l->context, m->nitems, "the catalog");
	l->arg.plan.has_barred = true;
	barred = l->arg.plan.barred.local;
	for (uint32 i = 0; i < m->nitems; i++)
		items[i] = rs_idmap_datum(m->items, i);
	rs_filter_items(filter, items, m->nitems, barred);
	for (uint32 i = 0; i < m->nitems; i++)
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
	Lists	   *l = arg;
	uint32		item = rs_idmap_find(l->m->items, values[0]);

	if (item != RS_NO_ID)
	{
		MemoryContext old = MemoryContextSwitchTo(l->context);

		l->label[item] = TextDatumGetCString(values[1]);
		MemoryContextSwitchTo(old);
	}
}

/* Titles in the catalog, or ids as text. */
static void
read_labels(Lists *l)
{
	RsRecommender *r = l->run->recommender;
	Oid			types[] = {r->item_type, TEXTOID};
	Oid			output;
	bool		varlena;

	l->label = MemoryContextAllocExtended(l->context, (Size) (l->m->nitems + 1) * sizeof(char *),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (r->has_catalog)
		rs_stream(psprintf("SELECT c.item_id, min(c.title) FROM %s.catalog c"
						   " WHERE c.item_id IS NOT NULL AND c.title IS NOT NULL GROUP BY c.item_id",
						   r->schema), lengthof(types), types, 2, receive_title, l);
	getTypeOutputInfo(r->item_type, &output, &varlena);
	for (uint32 i = 0; i < l->m->nitems; i++)
		if (l->label[i] == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(l->context);

			l->label[i] = OidOutputFunctionCall(output, rs_idmap_datum(l->m->items, i));
			MemoryContextSwitchTo(old);
		}
	rs_run_charge(l->run, 0, "titles");
}

/*
 * The query for users, when it is one: a single SELECT of one column.  Only
 * such a one can stand in brackets, and nothing that does leaves them.
 */
static char *
check_users_query(const RsListing *listing)
{
	char	   *query = pstrdup(listing->users);
	size_t		length = strlen(query);
	SPIPlanPtr	plan;
	List	   *sources;
	CachedPlanSource *source;

	while (length > 0 && strchr("; \t\r\n", query[length - 1]) != NULL)
		query[--length] = '\0';
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare the query for users: %s", SPI_result_code_string(SPI_result));
	sources = SPI_plan_get_plan_sources(plan);
	source = list_length(sources) == 1 ? linitial(sources) : NULL;
	if (source == NULL || source->commandTag != CMDTAG_SELECT ||
		source->resultDesc == NULL || source->resultDesc->natts != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("for_users must be one query of one column"),
				 errhint("For example 'SELECT customer_id FROM customer WHERE active'.")));
	SPI_freeplan(plan);
	return query;
}

/*
 * Events by user, newest first, then dislikes: user, item, weight, time,
 * positive, owned, disliked.  Users without events have one row of nothing.
 */
static char *
events_query(const Lists *l)
{
	const RsRecommender *r = l->run->recommender;
	StringInfoData sql;

	initStringInfo(&sql);
	if (l->listing->users != NULL)
		appendStringInfo(&sql, "WITH u AS MATERIALIZED (SELECT DISTINCT q.user_id::%s AS user_id FROM (\n%s\n) q (user_id)"
						 " WHERE q.user_id IS NOT NULL)",
						 format_type_extended(r->user_type, -1, FORMAT_TYPE_FORCE_QUALIFY),
						 check_users_query(l->listing));
	else if (r->has_dislikes)
		appendStringInfo(&sql, "WITH u AS MATERIALIZED (SELECT DISTINCT i.user_id FROM %s.interaction i)", r->schema);
	appendStringInfo(&sql, " SELECT %s.user_id, i.item_id, i.weight, i.interacted_at, i.positive, i.owned, false",
					 l->listing->users ? "u" : "i");
	if (l->listing->users != NULL)
		appendStringInfo(&sql, " FROM u LEFT JOIN %s.interaction i ON i.user_id = u.user_id", r->schema);
	else
		appendStringInfo(&sql, " FROM %s.interaction i", r->schema);
	if (r->has_dislikes)
		appendStringInfo(&sql, " UNION ALL SELECT u.user_id, d.item_id, 0, NULL, false, false, true"
						 " FROM u JOIN %s.dislike d ON d.user_id = u.user_id", r->schema);
	appendStringInfoString(&sql, " ORDER BY 1, 7, 4 DESC");
	return sql.data;
}

/* Memory that the stage needs from its first user on. */
static void
allocate(Lists *l, RsMethod method)
{
	RsRun	   *run = l->run;
	RsPolicy	policy;
	RsParts    *parts = rs_model_parts(run, l->context, l->m, method, &policy);
	ListsArg   *a = &l->arg;
	uint32		most;

	a->plan = rs_plan_make(run, l->context, parts, l->m->nitems, list_make1(&policy),
						   l->listing->k, false);
	read_catalog(l);
	if (parts->neighbors != NIL)
		read_labels(l);
	most = Min(Max(RESULT_BYTES / (sizeof(ListedItem) * a->plan.k), RS_RANK_USERS), MOST_USERS);
	l->most_columns = 2 * (uint64) run->recommender->history_limit + l->m->nitems + l->listing->k;
	a->batch = rs_batch_make(run, l->context, most, 4 * l->most_columns);
	a->count = rs_share(run, l->context, most * sizeof(int32), "lists");
	a->listed = rs_share(run, l->context, (Size) most * a->plan.k * sizeof(ListedItem), "lists");
	rs_run_charge(run, (rs_ranker_bytes(&a->plan) + l->m->nitems * sizeof(uint32)) * (run->workers + 1), "lists");
	l->batch_context = AllocSetContextCreate(l->context, "recsys batch", ALLOCSET_DEFAULT_SIZES);
	l->users = rs_idmap_create(run->recommender->user_type, l->batch_context);
	l->user_context = AllocSetContextCreate(l->context, "recsys user", ALLOCSET_DEFAULT_SIZES);
	l->event = MemoryContextAlloc(l->context, rs_history_events(run->recommender) * sizeof(RsEvent));
}

/* ---- rows ---- */

/* Removes the rows of the batch's users. */
static void
delete_rows(Lists *l)
{
	RsRecommender *r = l->run->recommender;
	Oid			type = get_array_type(r->user_type);
	uint32		n = l->arg.batch.n;
	Datum	   *users = palloc_extended((n + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	const RsTarget *target = l->arg.batch.target.local;
	Datum		array;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	for (uint32 i = 0; i < n; i++)
		users[i] = rs_idmap_datum(l->users, target[i].user);
	get_typlenbyvalalign(r->user_type, &typlen, &typbyval, &typalign);
	array = PointerGetDatum(construct_array(users, n, r->user_type, typlen, typbyval, typalign));
	if (SPI_execute_with_args(psprintf("DELETE FROM %s.recommendation r WHERE r.user_id = ANY ($1)", r->schema),
							  1, &type, &array, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not delete old lists");
}

/* One row of a list into the tuplestore; row NULL = a fresh item. */
static void
put_row(Lists *l, Tuplestorestate *rows, TupleDesc desc, Datum user, int rank,
		Datum item, double score, const ListedItem *row)
{
	RsSource	source = row != NULL ? row->source : RS_FROM_FRESH;
	bool		has_because = (source == RS_FROM_NEIGHBOR);
	Datum		values[7];
	bool		nulls[7] = {false};

	values[0] = user;
	values[1] = Int32GetDatum(rank);
	values[2] = item;
	values[3] = Float8GetDatum(score);
	values[4] = CStringGetTextDatum(rs_source_name(source));
	values[5] = CStringGetTextDatum(rs_reason(source, has_because ? l->label[row->because] : NULL));
	values[6] = has_because ? rs_idmap_datum(l->m->items, row->because) : (Datum) 0;
	nulls[6] = !has_because;
	tuplestore_putvalues(rows, desc, values, nulls);
	l->nrows++;
}

/* The lists that the team has made, to SHOP.recommendation. */
static void
write_rows(Lists *l)
{
	static const char *const names[] = {"user_id", "rank", "item_id", "score", "source", "reason", "because_item_id"};
	RsRecommender *r = l->run->recommender;
	Oid			types[] = {r->user_type, INT4OID, r->item_type, FLOAT8OID, TEXTOID, TEXTOID, r->item_type};
	TupleDesc	desc = CreateTemplateTupleDesc(lengthof(names));
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	const RsTarget *target = l->arg.batch.target.local;
	const uint32 *pool = l->arg.batch.pool.local;
	MemoryContext old = MemoryContextSwitchTo(l->user_context);

	for (int i = 0; i < (int) lengthof(names); i++)
		TupleDescInitEntry(desc, i + 1, names[i], types[i], -1, 0);
	for (uint32 i = 0; i < l->arg.batch.n; i++)
	{
		const RsTarget *t = &target[i];
		const ListedItem *row = (ListedItem *) l->arg.listed.local + (Size) i * l->arg.plan.k;
		int			n = Min(((int32 *) l->arg.count.local)[i], l->listing->k);
		Datum		user = rs_idmap_datum(l->users, t->user);

		for (int j = 0; j < n; j++)
			put_row(l, rows, desc, user, j + 1, rs_idmap_datum(l->m->items, row[j].item), row[j].score, &row[j]);
		for (uint32 j = 0; j < t->nrelevant; j++)
			put_row(l, rows, desc, user, n + j + 1, l->fresh[pool[t->relevant + j]],
					rs_fresh_score(n, n > 0 ? row[n - 1].score : 0), NULL);
		MemoryContextReset(l->user_context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	rs_write_rows(psprintf("%s.recommendation (user_id, rank, item_id, score, source, reason, because_item_id, model_id, computed_at)", r->schema),
				  psprintf("user_id, rank, item_id, score, source, reason, because_item_id, " INT64_FORMAT ", pg_catalog.now()", l->m->model_id),
				  desc, rows);
}

/* Lists of the batch, which is empty then. */
static void
run_batch(Lists *l)
{
	RsTeam	   *team;

	if (l->arg.batch.n == 0)
		return;
	team = rs_team_begin(l->run, (uint64) l->arg.batch.n * l->arg.plan.k);
	rs_team_run(team, &rs_job_lists, &l->arg, sizeof(l->arg), rs_ranker_blocks(&l->arg.batch));
	rs_team_end(team);
	if (l->listing->users != NULL)
		delete_rows(l);
	write_rows(l);
	l->nusers += l->arg.batch.n;
	rs_batch_clear(&l->arg.batch);
	MemoryContextReset(l->batch_context);
	l->users = rs_idmap_create(l->run->recommender->user_type, l->batch_context);
}

/* ---- users ---- */

static int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

/* Puts a user with this history into the batch. */
static void
add_target(Lists *l, uint32 user, const RsHistory *h)
{
	uint32		nhidden = rs_idmap_count(h->hidden);
	uint32	   *space = rs_batch_space(&l->arg.batch, l->most_columns);
	const bool *barred = l->arg.plan.barred.local;
	int64		missing = l->listing->k - l->eligible;
	RsTarget	t = {0};

	t.user = user;
	t.nhistory = h->n;
	t.weight = h->n;
	t.hidden = 2 * (uint64) h->n;
	memcpy(space, h->column, h->n * sizeof(uint32));
	memcpy(space + t.weight, h->weight, h->n * sizeof(float));
	for (uint32 i = 0; i < nhidden; i++)
	{
		uint32		item = rs_idmap_find(l->m->items, rs_idmap_datum(h->hidden, i));

		if (item == RS_NO_ID)
			continue;
		space[t.hidden + t.nhidden++] = item;
		missing += !barred[item];
	}
	qsort(space + t.hidden, t.nhidden, sizeof(uint32), compare_uint32);
	t.relevant = t.hidden + t.nhidden;
	for (int i = 0; i < l->nfresh && t.nrelevant < missing; i++)
		if (rs_idmap_find(h->hidden, l->fresh[i]) == RS_NO_ID)
			space[t.relevant + t.nrelevant++] = i;
	rs_batch_add(&l->arg.batch, &t, t.relevant + t.nrelevant);
}

/* A user has been read; runs the batch if the next one might not fit. */
static void
finish_user(Lists *l)
{
	MemoryContext old = MemoryContextSwitchTo(l->user_context);

	add_target(l, rs_idmap_count(l->users) - 1,
			   rs_history_of_log(l->run->recommender, l->m, &l->log, l->hidden));
	MemoryContextSwitchTo(old);
	MemoryContextReset(l->user_context);
	if (rs_batch_space(&l->arg.batch, l->most_columns) == NULL)
		run_batch(l);
}

/* Starts the log of a user. */
static void
start_user(Lists *l)
{
	Oid			type = l->run->recommender->item_type;

	l->log.n = 0;
	l->log.event = l->event;
	l->log.items = rs_idmap_create(type, l->user_context);
	l->hidden = rs_idmap_create(type, l->user_context);
}

/* Takes in one row of events_query. */
static void
receive_event(Lists *l, const Datum *values, const bool *isnull)
{
	const RsRecommender *r = l->run->recommender;
	uint32		before = rs_idmap_count(l->users);
	RsEvent    *e;

	if (before == 0 || rs_idmap_find(l->users, values[0]) != before - 1)
	{
		if (before > 0)
			finish_user(l);
		(void) rs_idmap_add(l->users, values[0]);
		start_user(l);
	}
	if (isnull[1])
		return;
	if (DatumGetBool(values[6]))
		rs_idmap_add(l->hidden, values[1]);
	else if (l->log.n < rs_history_events(r))
	{
		e = &l->log.event[l->log.n++];
		e->item = rs_idmap_add(l->log.items, values[1]);
		e->weight = isnull[2] ? 0 : (float) DatumGetFloat8(values[2]);
		e->time = isnull[3] ? 0 : DatumGetTimestampTz(values[3]);
		e->flags = (!isnull[4] && DatumGetBool(values[4]) ? RS_POSITIVE : 0) |
			(!isnull[5] && DatumGetBool(values[5]) ? RS_OWNED : 0);
	}
	else if (!r->repeatable && !isnull[5] && DatumGetBool(values[5]))
		rs_idmap_add(l->hidden, values[1]);
}

/* Reads all events, a user after the other. */
static void
read_users(Lists *l)
{
	const RsRecommender *r = l->run->recommender;
	Oid			types[] = {r->user_type, r->item_type, FLOAT8OID, TIMESTAMPTZOID, BOOLOID, BOOLOID, BOOLOID};
	SPIPlanPtr	plan = SPI_prepare_cursor(events_query(l), 0, NULL, CURSOR_OPT_NO_SCROLL);
	Portal		portal;

	if (plan == NULL)
		elog(ERROR, "could not prepare the query for events: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	rs_check_columns(portal->tupDesc, lengthof(types), types);
	for (;;)
	{
		SPITupleTable *table;
		uint64		n;

		SPI_cursor_fetch(portal, true, ROWS_PER_FETCH);
		table = SPI_tuptable;
		n = SPI_processed;
		if (n == 0)
			break;
		for (uint64 i = 0; i < n; i++)
		{
			Datum		values[lengthof(types)];
			bool		isnull[lengthof(types)];

			heap_deform_tuple(table->vals[i], table->tupdesc, values, isnull);
			receive_event(l, values, isnull);
		}
		SPI_freetuptable(table);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	if (rs_idmap_count(l->users) > 0)
		finish_user(l);
	run_batch(l);
}

/* Stage recommend. */
void
rs_recommend_all(RsRun *run, RsStageResult *result)
{
	RsRecommender *r = run->recommender;
	Lists		l = {0};
	RsMethod	method;
	MemoryContext old;

	l.run = run;
	l.listing = run->listing;
	l.context = AllocSetContextCreate(run->context, "recsys lists", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(l.context);
	rs_check_source(r);
	l.m = rs_model_read(r, l.listing->has_policy ? &l.listing->policy : NULL, &method, l.context);
	rs_run_charge(run, 0, "the model");
	allocate(&l, method);
	if (l.listing->users == NULL &&
		SPI_execute(psprintf("DELETE FROM %s.recommendation", r->schema), false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not delete old lists");
	read_users(&l);
	MemoryContextSwitchTo(old);
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
	RsListing  *listing = MemoryContextAllocZero(run->context, sizeof(RsListing));

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
