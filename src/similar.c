/*-------------------------------------------------------------------------
 *
 * similar.c
 *	  Items like an item, and items near a vector.
 *
 * Neighbours by co-occurrence stand in the model, best first.  By factors they
 * are searched for among all items.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "answer.h"
#include "array.h"

PG_FUNCTION_INFO_V1(recsys_similar_items);
PG_FUNCTION_INFO_V1(recsys_nearest_items);

/* A question: items of the live model, by what. */
typedef struct Question
{
	RsRecommender *r;
	RsModel    *m;
	RsFilter   *filter;
	enum
	{
		BY_COOCCURRENCE,
		BY_COSINE,
		BY_PRODUCT
	}			by;
	uint32		self;			/* the item asked for, or RS_NO_ID */
	const float *x;				/* as wide as a row */
	int			width;			/* of the answer's rows: users_both or not */
} Question;

/* Opens the recommender and its filter; the columns' names and types follow. */
static void
open_question(FunctionCallInfo fcinfo, Question *q, int filter_arg)
{
	static const char *const names[] = {"rank", "item_id", "similarity", "users_both"};
	static const char *const nearest_names[] = {"rank", "item_id", "score"};
	Oid			types[] = {INT4OID, InvalidOid, FLOAT8OID, INT4OID};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	q->r = rs_registry_get(NameStr(*PG_GETARG_NAME(0)), CurrentMemoryContext);
	types[1] = q->r->item_type;
	q->width = q->by == BY_PRODUCT ? lengthof(nearest_names) : lengthof(names);
	rs_declare_result(fcinfo, q->width, q->by == BY_PRODUCT ? nearest_names : names, types);
	q->filter = rs_filter_make(q->r, PG_ARGISNULL(filter_arg) ? NULL : PG_GETARG_JSONB_P(filter_arg));
}

/* The live model, which must have what the question goes by. */
static void
open_model(Question *q)
{
	RsPolicyRow policy;
	const char *name = NameStr(q->r->name);

	q->m = rs_model_for_policy(q->r, NULL, &policy);
	if (q->by == BY_COOCCURRENCE && !rs_has_neighbors(q->m->method))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the live model of recommender \"%s\" has no item neighbours", name),
				 errhint("Its method is %s: ask for method => 'factors', or make a policy of method funnel or item_item live.",
						 rs_method_name(q->m->method))));
	if (q->by != BY_COOCCURRENCE && q->m->funnel.fold.factors == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the live model of recommender \"%s\" has no factors", name),
				 errhint(q->by == BY_COSINE ?
						 "Its method is %s: ask for method => 'item_item', or make a policy of method funnel or factors live." :
						 "Its method is %s: make a policy of method funnel or factors live.",
						 rs_method_name(q->m->method))));
}

/* ---- the answer ---- */

static int
search(const void *question, int n, RsScored *best)
{
	const Question *q = question;
	const RsFunnel *f = &q->m->funnel;
	uint64		first;

	if (q->by == BY_COSINE)
		return rs_search_cosine(&f->index, q->x, f->fold.factors, n, q->self, best);
	if (q->by == BY_PRODUCT)
		return rs_search_product(&f->index, q->x, n, NULL, 0, best);
	first = f->neighbor_start[q->self];
	n = (int) Min((uint64) n, f->neighbor_start[q->self + 1] - first);
	for (int i = 0; i < n; i++)
	{
		best[i].id = f->neighbor[first + i].item;
		best[i].score = f->neighbor[first + i].similarity;
	}
	return n;
}

static void
filter(const void *question, const Datum *ids, int n, bool *pass)
{
	const Question *q = question;

	rs_filter_items(q->filter, ids, n, pass);
}

/* users_both, where there are such counts */
static Datum
users_both(const void *question, int i, bool *isnull)
{
	const Question *q = question;
	const RsFunnel *f = &q->m->funnel;

	*isnull = q->by != BY_COOCCURRENCE;
	return *isnull ? (Datum) 0 :
		Int32GetDatum((int32) f->neighbor[f->neighbor_start[q->self] + i].users_both);
}

/* Writes the k best items that pass the filter. */
static void
return_items(FunctionCallInfo fcinfo, const Question *q, int k)
{
	RsAnswer	answer = {q->m, q->m->funnel.nitems, search, filter, users_both, q};

	rs_answer_rows(fcinfo, &answer, k);
}

/* _similar_items(recommender, for_item, k, method, filter) */
Datum
recsys_similar_items(PG_FUNCTION_ARGS)
{
	Question	q = {0};
	const char *how;
	int			k;
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	how = PG_ARGISNULL(3) ? "item_item" : text_to_cstring(PG_GETARG_TEXT_PP(3));
	q.by = strcmp(how, "factors") == 0 ? BY_COSINE : BY_COOCCURRENCE;
	open_question(fcinfo, &q, 4);
	rs_check_id_argument(fcinfo, 1, q.r->item_type, "for_item");
	rs_check_k(fcinfo, 2, "k", &k);
	if (strcmp(how, "item_item") != 0 && strcmp(how, "factors") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method is \"%s\", must be item_item or factors", how)));
	open_model(&q);
	q.self = PG_ARGISNULL(1) ? RS_NO_ID : rs_model_find(q.m, PG_GETARG_DATUM(1));
	if (q.self != RS_NO_ID && k > 0)
	{
		if (q.by == BY_COSINE)
			q.x = rs_index_row(&q.m->funnel.index, q.self);
		return_items(fcinfo, &q, k);
	}
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}

/* A vector as wide as the model's rows, of which it has the factors' part. */
static const float *
widen(const Question *q, ArrayType *vector)
{
	const RsFoldIn *fold = &q->m->funnel.fold;
	int			length;
	float	   *given = rs_vector(vector, &length);
	float	   *x = palloc0(fold->width * sizeof(float));

	if (length != fold->factors)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("vector has %d elements, the live model of recommender \"%s\" has %d factors",
						length, NameStr(q->r->name), fold->factors)));
	for (int i = 0; i < length; i++)
		if (!isfinite(given[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("element %d of vector is not finite", i + 1)));
	memcpy(x, given, length * sizeof(float));
	return x;
}

/* _nearest_items(recommender, vector, k, filter) */
Datum
recsys_nearest_items(PG_FUNCTION_ARGS)
{
	Question	q = {0};
	int			k;
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	q.by = BY_PRODUCT;
	q.self = RS_NO_ID;
	open_question(fcinfo, &q, 3);
	rs_check_k(fcinfo, 2, "k", &k);
	open_model(&q);
	if (!PG_ARGISNULL(1))
	{
		q.x = widen(&q, PG_GETARG_ARRAYTYPE_P(1));
		return_items(fcinfo, &q, k);
	}
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
