/*-------------------------------------------------------------------------
 *
 * users.c
 *	  Users like a user, and users for an item.
 *
 * The users are those that the model was trained on, with their trained
 * vectors (image_users.c).  They are compared with what is known now: a user's
 * vector is solved from the history of this moment, and an item that the model
 * does not know is solved from its users of this moment, by the code that
 * solved the trained ones.  Who owns or dislikes an item is read now, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "answer.h"
#include "kernel/history.h"

PG_FUNCTION_INFO_V1(recsys_similar_users);
PG_FUNCTION_INFO_V1(recsys_users_for_item);

/* A question: which users, compared with what, and who is left out. */
typedef struct Question
{
	RsRecommender *r;
	RsModel    *m;
	RsModel    *users;			/* their side of m */
	bool		cosine;			/* else the inner product */
	float	   *x;				/* as wide as the users' rows */
	uint32	   *skip;			/* users left out, ascending */
	uint32		nskip;
	const char *source;			/* of users_for_item */
} Question;

/* Opens the recommender and its live model, which must have factors. */
static void
open_question(FunctionCallInfo fcinfo, Question *q)
{
	RsPolicyRow policy;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	q->r = rs_registry_get(NameStr(*PG_GETARG_NAME(0)), CurrentMemoryContext);
	q->m = rs_model_for_policy(q->r, NULL, &policy);
	if (q->m->funnel.fold.factors == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the live model of recommender \"%s\" has no factors", NameStr(q->r->name)),
				 errhint("Its method is %s: make a policy of method funnel or factors live.",
						 rs_method_name(q->m->method))));
	q->users = rs_model_users(q->r, q->m);
	q->x = palloc0(q->m->funnel.fold.width * sizeof(float));
}

/* ---- the answer ---- */

/* Which of the users do not stand in SHOP.excluded_user. */
static void
drop_excluded(const void *question, const Datum *users, int n, bool *pass)
{
	const Question *q = question;
	Oid			type = get_array_type(q->r->user_type);
	Oid			columns[] = {INT4OID};
	Datum		array;
	uint64		rows;

	memset(pass, !q->r->users_excluded, n * sizeof(bool));
	if (!q->r->users_excluded)
		return;
	array = rs_id_array(q->r->user_type, users, n);
	rows = rs_spi_select(psprintf("SELECT t.n::pg_catalog.int4 FROM pg_catalog.unnest($1) WITH ORDINALITY t (user_id, n)"
								  " WHERE NOT EXISTS (SELECT FROM %s.excluded_user x WHERE x.user_id = t.user_id)",
								  q->r->schema), 1, &type, &array, 1, columns);
	for (uint64 i = 0; i < rows; i++)
		pass[DatumGetInt32(rs_spi_value(i, 1)) - 1] = true;
	SPI_freetuptable(SPI_tuptable);
}

/* The n best users, those left out not among them. */
static int
search(const void *question, int n, RsScored *best)
{
	const Question *q = question;
	const RsIndex *index = &q->users->funnel.index;

	if (q->cosine)
		return rs_search_cosine(index, q->x, q->m->funnel.fold.factors, n,
								q->nskip > 0 ? q->skip[0] : RS_NO_ID, best);
	return rs_search_product(index, q->x, n, q->skip, q->nskip, best);
}

/* by what a user was found, in the rows that say it */
static Datum
source(const void *question, int i, bool *isnull)
{
	const Question *q = question;

	return q->source != NULL ? CStringGetTextDatum(q->source) : (Datum) 0;
}

/* Writes the k best users that are not excluded. */
static void
return_users(FunctionCallInfo fcinfo, const Question *q, int k)
{
	RsAnswer	answer = {q->users, q->users->funnel.index.nitems, search, drop_excluded, source, q};

	rs_answer_rows(fcinfo, &answer, k);
}

/* ---- users like a user ---- */

/* The user's vector of now; false where nothing is known of the user. */
static bool
solve_user(Question *q, Datum user)
{
	const RsFunnel *f = &q->m->funnel;
	RsHistory  *h = rs_history_of_user(q->r, q->m, user, false, 0);
	uint32	   *place = palloc((h->n + 1) * sizeof(uint32));
	void	   *work = palloc_extended(rs_fold_in_workspace(f->fold.factors, h->n), MCXT_ALLOC_HUGE);

	for (int i = 0; i < h->n; i++)
		place[i] = f->index.place[h->column[i]];
	return rs_fold_in(&f->fold, h->n, place, h->weight, work, q->x);
}

/* _similar_users(recommender, for_user, k) */
Datum
recsys_similar_users(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"rank", "user_id", "similarity"};
	Oid			types[] = {INT4OID, InvalidOid, FLOAT8OID};
	Question	q = {0};
	uint32		self;
	int			k;
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	open_question(fcinfo, &q);
	types[1] = q.r->user_type;
	rs_declare_result(fcinfo, lengthof(names), names, types);
	rs_check_id_argument(fcinfo, 1, q.r->user_type, "for_user");
	rs_check_k(fcinfo, 2, "k", &k);
	q.cosine = true;
	if (!PG_ARGISNULL(1) && k > 0 && solve_user(&q, PG_GETARG_DATUM(1)))
	{
		self = rs_model_find(q.users, PG_GETARG_DATUM(1));
		q.skip = &self;
		q.nskip = self != RS_NO_ID;
		return_users(fcinfo, &q, k);
	}
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}

/* ---- users for an item ---- */

/*
 * All that was done with an item, merged as training merges it, with users in
 * the place of the items of one user's log; returns how many events are left.
 */
static int
read_item(const Question *q, Datum item, RsLog *log)
{
	RsRecommender *r = q->r;
	Oid			types[] = {r->user_type, FLOAT8OID, TIMESTAMPTZOID, BOOLOID, BOOLOID, FLOAT8OID};
	uint64		rows;

	rs_check_source(r);
	log->items = rs_idmap_create(r->user_type, r->user_collation, CurrentMemoryContext);
	rows = rs_spi_select(psprintf("SELECT i.user_id, %s FROM %s.interaction i WHERE i.item_id = $1",
								  rs_log_measures(r), r->schema),
						 1, &r->item_type, &item, lengthof(types), types);
	log->row = palloc_extended((rows + 1) * sizeof(RsQuantified), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < rows; i++)
	{
		Datum		values[lengthof(types)];
		bool		isnull[lengthof(types)];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, isnull);
		log->row[log->n++] = rs_log_row(log->items, values, isnull);
	}
	SPI_freetuptable(SPI_tuptable);
	return rs_merge_log(r, log, r->merge, r->repeat_window);
}

/* Marks a user as left out, where the model knows them. */
static void
skip_user(const Question *q, bool *skipped, Datum user)
{
	uint32		column = rs_model_find(q->users, user);

	if (column != RS_NO_ID)
		skipped[column] = true;
}

/* Those who dislike the item, and of these events those who own it. */
static void
find_skipped(Question *q, Datum item, const RsLog *log, int merged)
{
	uint32		n = q->users->funnel.index.nitems;
	bool	   *skipped = palloc_extended((Size) n + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int i = 0; i < merged; i++)
		if (rs_event_flags(&log->event[i]) & RS_OWNED)
			skip_user(q, skipped, rs_idmap_datum(log->items, rs_event_item(&log->event[i])));
	if (q->r->has_dislikes)
	{
		uint64		rows = rs_spi_select(psprintf("SELECT d.user_id FROM %s.dislike d WHERE d.item_id = $1", q->r->schema),
										 1, &q->r->item_type, &item, 1, &q->r->user_type);

		for (uint64 i = 0; i < rows; i++)
			skip_user(q, skipped, rs_spi_value(i, 1));
		SPI_freetuptable(SPI_tuptable);
	}
	q->skip = palloc_extended(((Size) n + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < n; i++)
		if (skipped[i])
			q->skip[q->nskip++] = i;
	pfree(skipped);
}

/*
 * The vector of an item that the model does not know, from its users whom it
 * knows; false where that has no solution.  BPR and ratings have other losses.
 */
static bool
solve_item(Question *q, RsLog *log, int merged)
{
	const RsFunnel *u = &q->users->funnel;
	uint32	   *place = palloc_extended(((Size) merged + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	float	   *weight = palloc_extended(((Size) merged + 1) * sizeof(float), MCXT_ALLOC_HUGE);
	int			n = 0;

	if (u->fold.kind != RS_KIND_IMPLICIT || q->m->method == RS_BPR)
		return false;
	rs_decay_weights(log->event, merged, GetCurrentTransactionStartTimestamp(), q->r->weight_half_life);
	for (int i = 0; i < merged; i++)
	{
		const RsEvent *e = &log->event[i];
		uint32		column;

		if ((rs_event_flags(e) & RS_POSITIVE) == 0 || !(e->weight > 0))
			continue;
		column = rs_model_find(q->users, rs_idmap_datum(log->items, rs_event_item(e)));
		if (column == RS_NO_ID)
			continue;
		place[n] = u->index.place[column];
		weight[n++] = e->weight;
	}
	return rs_fold_in(&u->fold, n, place, weight,
					  palloc_extended(rs_fold_in_workspace(u->fold.factors, n), MCXT_ALLOC_HUGE), q->x);
}

/*
 * The mean row of the model's items in the item's category, by which a user's
 * score is the mean of the scores of these; false where there is none.
 */
static bool
average_category(Question *q, Datum item)
{
	const RsFunnel *f = &q->m->funnel;
	Oid			type = TEXTOID;
	uint32		code = RS_NO_CATEGORY;
	double	   *sum;
	uint64		n;

	if (!q->r->has_catalog || f->facts.ncategories == 0)
		return false;
	if (rs_spi_select(psprintf("SELECT c.category FROM %s.catalog c WHERE c.item_id = $1 AND c.category IS NOT NULL"
							   " ORDER BY c.category COLLATE \"C\" LIMIT 1", q->r->schema),
					  1, &q->r->item_type, &item, 1, &type) == 1)
		code = rs_model_category(q->m, TextDatumGetCString(rs_spi_value(0, 1)));
	SPI_freetuptable(SPI_tuptable);
	if (code == RS_NO_CATEGORY)
		return false;
	sum = palloc0(f->fold.width * sizeof(double));
	n = f->facts.category_start[code + 1] - f->facts.category_start[code];
	for (uint64 i = 0; i < n; i++)
	{
		const float *row = rs_index_row(&f->index, f->facts.category_item[f->facts.category_start[code] + i]);

		for (int j = 0; j < f->fold.width; j++)
			sum[j] += row[j];
	}
	for (int j = 0; j < f->fold.width; j++)
		q->x[j] = (float) (sum[j] / n);
	return true;
}

/* Who is left out, and the item's row by the best that is known of it. */
static bool
find_item(Question *q, Datum item, bool exclude_owners)
{
	uint32		column = rs_model_find(q->m, item);
	RsLog		log = {0};
	int			merged = 0;

	if (exclude_owners || column == RS_NO_ID)
		merged = read_item(q, item, &log);
	find_skipped(q, item, &log, exclude_owners ? merged : 0);
	if (column != RS_NO_ID)
	{
		q->source = "factor";
		memcpy(q->x, rs_index_row(&q->m->funnel.index, column), q->m->funnel.fold.width * sizeof(float));
		return true;
	}
	q->source = "fold_in";
	if (solve_item(q, &log, merged))
		return true;
	q->source = "category";
	return average_category(q, item);
}

/* _users_for_item(recommender, for_item, k, exclude_owners) */
Datum
recsys_users_for_item(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"rank", "user_id", "score", "source"};
	Oid			types[] = {INT4OID, InvalidOid, FLOAT8OID, TEXTOID};
	Question	q = {0};
	int			k;
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	open_question(fcinfo, &q);
	types[1] = q.r->user_type;
	rs_declare_result(fcinfo, lengthof(names), names, types);
	rs_check_id_argument(fcinfo, 1, q.r->item_type, "for_item");
	rs_check_k(fcinfo, 2, "k", &k);
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("exclude_owners must not be NULL")));
	if (!PG_ARGISNULL(1) && k > 0 && find_item(&q, PG_GETARG_DATUM(1), PG_GETARG_BOOL(3)))
		return_users(fcinfo, &q, k);
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
