/*-------------------------------------------------------------------------
 *
 * skew.c
 *	  Whether lists are made from the same features that rankers learn from.
 *
 * Serving reads one user's newest events through an index; training and
 * evaluation read all events at once and divide them by users and instants
 * (loader.c, split.c).  Here the features of what was shown are computed from
 * the histories that the latter gives as of each request, by the request's
 * model, and compared with those that were logged: to the bit.
 *
 * What came into the source after a request, with an earlier time, is a true
 * difference and shows as one.
 *
 * Limits: requests of users from their own history, whose models are kept, and
 * items that their models know.  Of others no training has features.  Where
 * returns are netted, training cannot tell which events of a user with more
 * than rs_history_events of them serving would have read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "serve.h"
#include "stream.h"
#include "train.h"
#include "kernel/history.h"

PG_FUNCTION_INFO_V1(rs_train_skew);

/* One feature, over all exposures. */
typedef struct Skew
{
	char	   *name;
	int64		exposures;
	int64		differing;
	double		largest;
	pg_uuid_t	request;		/* where the largest one is */
	char	   *item;
} Skew;

typedef struct Report
{
	RsRun	   *run;
	RsSplit    *split;			/* as of the request at hand */
	RsIdMap    *bots;
	TimestampTz *bot_since;		/* by number in bots */
	RsEvent    *event;			/* of one user */
	RsRating   *rating;
	Oid			output;			/* of item ids */
	int			nfeatures;
	int			allocated;
	Skew	   *skew;

	/* of one model */
	RsModel    *m;
	uint32	   *column;			/* by item of the run, or RS_NO_ID */
	Skew	  **place;			/* by feature of the model */
	RsFunnelWork *work;
	uint32	   *history;
	float	   *weight;
	int64	   *time;
	bool		opened;
	pg_uuid_t	request;		/* the one that is open */
} Report;

/* columns of exposures_query */
enum
{
	COL_AT, COL_REQUEST, COL_USER, COL_UNTIL, COL_ITEM, COL_FEATURES, COLUMNS
};

/* ---- the history that training would see ---- */

/* Is a user left out as a bot at an instant? */
static bool
is_bot(const Report *s, Datum user, TimestampTz at)
{
	uint32		number = rs_idmap_find(s->bots, user);

	return number != RS_NO_ID && s->bot_since[number] <= at;
}

/* Adds an item of the history, if the model knows it. */
static int
add_item(Report *s, int n, uint32 item, float weight, int64 time)
{
	if (s->column[item] == RS_NO_ID)
		return n;
	s->history[n] = s->column[item];
	s->weight[n] = weight;
	s->time[n] = time;
	return n + 1;
}

/* The user's history as the split has it; returns its length. */
static int
bulk_history(Report *s, uint32 user)
{
	const RsRun *run = s->run;
	int64		since = rs_history_since(run, s->split, user);
	int			limit = run->recommender->history_limit;
	int			kept = 0;
	int			n;

	if (s->m->funnel.fold.kind == RS_KIND_RATING)
	{
		n = rs_user_ratings(run, s->split, user, false, since, s->rating);
		n = rs_recent_ratings(s->rating, n, limit);
		for (int i = 0; i < n; i++)
			kept = add_item(s, kept, s->rating[i].item, s->rating[i].value, s->rating[i].time);
		return kept;
	}
	n = rs_user_history(run, s->split, user, since, s->event);
	n = rs_newest_positive(s->event, n, limit);
	for (int i = 0; i < n; i++)
		kept = add_item(s, kept, rs_event_item(&s->event[i]), s->event[i].weight, s->event[i].time);
	return kept;
}

static void
close_request(Report *s)
{
	if (s->opened)
		rs_funnel_close(&s->m->funnel, s->work);
	s->opened = false;
}

/*
 * The user of a request at its instant.  Events of a clock that runs ahead were
 * known to the request up to the newest that it has logged.
 */
static void
open_request(Report *s, const Datum *values)
{
	RsFunnelUser u = {0};
	TimestampTz at = DatumGetTimestampTz(values[COL_AT]);
	uint32		user = rs_idmap_find(s->run->users, values[COL_USER]);

	close_request(s);
	s->request = *DatumGetUUIDP(values[COL_REQUEST]);
	s->split->cutoff = DatumGetTimestampTz(values[COL_UNTIL]) + 1;
	s->split->as_of = at;
	u.as_of = at;
	u.item = s->history;
	u.weight = s->weight;
	u.time = s->run->recommender->has_time ? s->time : NULL;
	if (user != RS_NO_ID && !is_bot(s, values[COL_USER], at))
		u.n = bulk_history(s, user);
	rs_funnel_open(&s->m->funnel, &u, s->work);
	s->opened = true;
}

/* ---- comparing ---- */

static void
compare_feature(Report *s, int feature, float logged, float bulk, Datum item)
{
	Skew	   *skew = s->place[feature];
	double		difference = fabs((double) logged - (double) bulk);

	skew->exposures++;
	if (logged == bulk)
		return;
	skew->differing++;
	if (!(difference > skew->largest))
		return;
	skew->largest = difference;
	skew->request = s->request;
	/* below the report's context, where names live */
	if (skew->item != NULL)
		pfree(skew->item);
	skew->item = MemoryContextStrdup(GetMemoryChunkContext(skew->name), OidOutputFunctionCall(s->output, item));
}

/* One row of exposures_query; those of a request come one after the other. */
static void
receive_exposure(const Datum *values, const bool *isnull, void *arg)
{
	Report	   *s = arg;
	ArrayType  *array = DatumGetArrayTypeP(values[COL_FEATURES]);
	const float *logged = (float *) ARR_DATA_PTR(array);
	uint32		column = rs_model_find(s->m, values[COL_ITEM]);
	float		bulk[RS_MOST_FEATURES];

	if (!s->opened || memcmp(&s->request, DatumGetUUIDP(values[COL_REQUEST]), sizeof(s->request)) != 0)
	{
		open_request(s, values);
		CHECK_FOR_INTERRUPTS();
	}
	if (column == RS_NO_ID)
		return;
	if (ARR_HASNULL(array) || ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != s->m->nfeatures)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a logged exposure has %d features, its model has %d",
						ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)), s->m->nfeatures)));
	rs_funnel_features(&s->m->funnel, s->work, column, NULL, bulk);
	for (int i = 0; i < s->m->nfeatures; i++)
		compare_feature(s, i, logged[i], bulk[i], values[COL_ITEM]);
}

static char *
exposures_query(const Report *s, const char *since)
{
	return psprintf("SELECT q.requested_at, q.request_id, q.user_id,"
					" greatest(q.requested_at, (SELECT max(h.t) FROM pg_catalog.unnest(q.history_at) h (t))),"
					" e.item_id, e.features FROM %s.request q JOIN %s.exposure e"
					" ON e.requested_at = q.requested_at AND e.request_id = q.request_id AND e.unit = q.unit"
					" WHERE q.model_id = " INT64_FORMAT " AND q.feature_version = %d AND q.requested_at >= %s"
					" AND e.requested_at >= %s AND q.user_id IS NOT NULL AND NOT q.session"
					" ORDER BY q.requested_at, q.request_id, e.position",
					s->run->recommender->schema, s->run->recommender->schema, s->m->model_id,
					s->m->feature_version, since, since);
}

/* The report's row of a feature. */
static Skew *
find_skew(Report *s, const char *name)
{
	for (int i = 0; i < s->nfeatures; i++)
		if (strcmp(s->skew[i].name, name) == 0)
			return &s->skew[i];
	if (s->nfeatures == s->allocated)
		elog(ERROR, "too many features");
	memset(&s->skew[s->nfeatures], 0, sizeof(Skew));
	s->skew[s->nfeatures].name = pstrdup(name);
	return &s->skew[s->nfeatures++];
}

/* Compares what was shown by one model, in a context of its own. */
static void
compare_model(Report *s, int64 model_id, Name policy, int version, const char *since)
{
	RsRecommender *r = s->run->recommender;
	uint32		nitems = rs_idmap_count(s->run->items);
	Oid			types[COLUMNS] = {TIMESTAMPTZOID, UUIDOID, r->user_type, TIMESTAMPTZOID, r->item_type, FLOAT4ARRAYOID};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "recsys skew", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	RsPolicyRow row;
	char	   *memory;

	s->m = rs_model_logged(r, model_id, policy, version, &row, context);
	s->place = MemoryContextAlloc(context, s->m->nfeatures * sizeof(Skew *));
	for (int i = 0; i < s->m->nfeatures; i++)
		s->place[i] = find_skew(s, s->m->feature_name[i]);
	old = MemoryContextSwitchTo(context);
	s->column = palloc_extended((Size) (nitems + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < nitems; i++)
		s->column[i] = rs_model_find(s->m, rs_idmap_datum(s->run->items, i));
	s->history = palloc(r->history_limit * sizeof(uint32));
	s->weight = palloc(r->history_limit * sizeof(float));
	s->time = palloc(r->history_limit * sizeof(int64));
	memory = palloc_extended(rs_funnel_workspace(&s->m->funnel, r->history_limit) + RS_INDEX_ALIGN, MCXT_ALLOC_HUGE);
	s->work = rs_funnel_init(&s->m->funnel, r->history_limit, (void *) TYPEALIGN(RS_INDEX_ALIGN, memory));
	rs_stream(exposures_query(s, since), COLUMNS, types, COLUMNS, receive_exposure, s);
	close_request(s);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---- what there is to compare ---- */

/* A model with requests. */
typedef struct Used
{
	int64		model_id;
	NameData	policy;
	int			version;
} Used;

/* Models that are kept and have been shown something by since then. */
static Used *
used_models(const RsRun *run, const char *since, int *n)
{
	Oid			types[] = {INT8OID, NAMEOID, INT4OID};
	Used	   *used;

	*n = (int) rs_spi_select(psprintf("SELECT m.model_id, m.policy, m.policy_version FROM recsys.model m"
									  " WHERE m.recommender = %s AND m.status = 'ready' AND m.model_id IN"
									  " (SELECT q.model_id FROM %s.request q WHERE q.requested_at >= %s) ORDER BY m.model_id",
									  quote_literal_cstr(NameStr(run->recommender->name)), run->recommender->schema, since),
							 0, NULL, NULL, lengthof(types), types);
	used = palloc((*n + 1) * sizeof(Used));
	for (int i = 0; i < *n; i++)
	{
		used[i].model_id = DatumGetInt64(rs_spi_value(i, 1));
		used[i].policy = *DatumGetName(rs_spi_value(i, 2));
		used[i].version = DatumGetInt32(rs_spi_value(i, 3));
	}
	SPI_freetuptable(SPI_tuptable);
	return used;
}

/* Users that serving leaves out as bots, each since when. */
static void
read_bots(Report *s)
{
	const RsRecommender *r = s->run->recommender;
	Oid			types[] = {r->user_type, TIMESTAMPTZOID};
	uint64		n;

	s->bots = rs_idmap_create(r->user_type, r->user_collation, CurrentMemoryContext);
	if (!r->bots_enabled)
		return;
	n = rs_spi_select(psprintf("SELECT x.user_id, x.added_at FROM %s.excluded_user x"
							   " WHERE x.rule IN ('bot_rate', 'bot_breadth')", r->schema),
					  0, NULL, NULL, lengthof(types), types);
	s->bot_since = palloc_extended((n + 1) * sizeof(TimestampTz), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < n; i++)
		s->bot_since[rs_idmap_add(s->bots, rs_spi_value(i, 1))] = DatumGetTimestampTz(rs_spi_value(i, 2));
	SPI_freetuptable(SPI_tuptable);
}

/* Loads the source, and makes room for the longest history. */
static void
load(Report *s)
{
	RsRun	   *run = s->run;
	RsStageResult result;
	uint64		longest;
	bool		varlena;

	run->with_ratings = run->recommender->explicit_feedback;
	/* as in detect_bots: the work is bounded by the source */
	run->memory_limit = PG_INT64_MAX;
	rs_load(run, &result);
	s->split = rs_split_make(run, false, 0, DT_NOEND);
	longest = rs_longest_history(run);
	s->event = palloc_extended((longest + 1) * sizeof(RsEvent), MCXT_ALLOC_HUGE);
	s->rating = palloc_extended((longest + 1) * sizeof(RsRating), MCXT_ALLOC_HUGE);
	getTypeOutputInfo(run->recommender->item_type, &s->output, &varlena);
	read_bots(s);
}

static void
return_rows(const Report *s, ReturnSetInfo *rsinfo)
{
	for (int i = 0; i < s->nfeatures; i++)
	{
		const Skew *skew = &s->skew[i];
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = CStringGetTextDatum(skew->name);
		values[1] = Int64GetDatum(skew->exposures);
		values[2] = Int64GetDatum(skew->differing);
		values[3] = Float8GetDatum(skew->largest);
		values[4] = UUIDPGetDatum(&skew->request);
		values[5] = skew->item ? CStringGetTextDatum(skew->item) : (Datum) 0;
		nulls[4] = nulls[5] = (skew->item == NULL);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/*
 * skew_report(recommender, since)
 */
Datum
rs_train_skew(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Report		s = {0};
	RsOwnerState saved;
	const char *since;
	Used	   *used;
	int			n;

	for (int i = 0; i < 2; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be NULL", i == 0 ? "recommender" : "since")));
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	rs_check_idle();
	s.run = rs_run_make(NameStr(*PG_GETARG_NAME(0)));
	rs_become_owner(s.run->recommender, &saved);
	since = psprintf("%s::pg_catalog.timestamptz", quote_literal_cstr(DatumGetCString(DirectFunctionCall1(timestamptz_out, PG_GETARG_DATUM(1)))));
	used = used_models(s.run, since, &n);
	/* the models' own features may have other names in each */
	s.allocated = RS_FEATURES + n * RS_MOST_EXTRA;
	s.skew = palloc_extended((Size) s.allocated * sizeof(Skew), MCXT_ALLOC_HUGE);
	if (n > 0)
		load(&s);
	for (int i = 0; i < n; i++)
		compare_model(&s, used[i].model_id, &used[i].policy, used[i].version, since);
	return_rows(&s, rsinfo);
	rs_become_caller(&saved);
	SPI_finish();
	return (Datum) 0;
}
