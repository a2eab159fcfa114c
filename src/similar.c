/*-------------------------------------------------------------------------
 *
 * similar.c
 *	  Items like an item.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "serve.h"
#include "kernel/simd.h"
#include "kernel/topk.h"

PG_FUNCTION_INFO_V1(recsys_similar_items);

typedef struct Similar
{
	int			n;
	Datum	   *item;
	double	   *similarity;
	int		   *users_both;		/* -1 = not known */
} Similar;

static Similar *
make_similar(int n)
{
	Similar    *s = palloc(sizeof(Similar));

	s->n = n;
	s->item = palloc_extended((n + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	s->similarity = palloc_extended((n + 1) * sizeof(double), MCXT_ALLOC_HUGE);
	s->users_both = palloc_extended((n + 1) * sizeof(int), MCXT_ALLOC_HUGE);
	return s;
}

/* The stored neighbours, best first. */
static Similar *
by_cooccurrence(RsRecommender *r, const RsModel *m, Datum item)
{
	uint32		column = rs_model_find(m, item);
	uint64		first;
	Similar    *s;

	if (!rs_has_neighbors(m->method))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the live model of recommender \"%s\" has no item neighbours", NameStr(r->name)),
				 errhint("Its method is %s: ask for method => 'factors', or make a policy of method funnel or item_item live.",
						 rs_method_name(m->method))));
	if (column == RS_NO_ID)
		return make_similar(0);
	first = m->funnel.neighbor_start[column];
	s = make_similar((int) (m->funnel.neighbor_start[column + 1] - first));
	for (int i = 0; i < s->n; i++)
	{
		const RsNeighbor *n = &m->funnel.neighbor[first + i];

		s->item[i] = rs_model_item(m, n->item);
		s->similarity[i] = n->similarity;
		s->users_both[i] = (int) n->users_both;
	}
	return s;
}

/* All items by the cosine of their factors with the item's. */
static Similar *
by_factors(RsRecommender *r, const RsModel *m, Datum item)
{
	uint32		column = rs_model_find(m, item);
	float	   *score;
	RsScored   *best;
	int			f = m->funnel.fold.factors;
	const float *x;
	double		norm;
	Similar    *s;

	if (f == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the live model of recommender \"%s\" has no factors", NameStr(r->name)),
				 errhint("Its method is %s: ask for method => 'item_item', or make a policy of method funnel or factors live.",
						 rs_method_name(m->method))));
	if (column == RS_NO_ID)
		return make_similar(0);
	score = palloc_extended(m->funnel.nitems * sizeof(float), MCXT_ALLOC_HUGE);
	best = palloc_extended(m->funnel.nitems * sizeof(RsScored), MCXT_ALLOC_HUGE);
	x = rs_index_row(&m->funnel.index, column);
	norm = sqrt(rs_simd->dot_wide(x, x, f));
	for (uint32 i = 0; i < m->funnel.nitems; i++)
	{
		const float *y = rs_index_row(&m->funnel.index, i);
		double		lengths = norm * sqrt(rs_simd->dot_wide(y, y, f));

		score[i] = (i == column || lengths == 0) ? -INFINITY
			: (float) (rs_simd->dot_wide(x, y, f) / lengths);
	}
	s = make_similar(rs_topk_float(score, m->funnel.nitems, m->funnel.nitems, best));
	for (int i = 0; i < s->n; i++)
	{
		s->item[i] = rs_model_item(m, best[i].id);
		s->similarity[i] = best[i].score;
		s->users_both[i] = -1;
	}
	return s;
}

/* Writes the first k that pass the filter. */
static void
return_similar(FunctionCallInfo fcinfo, const Similar *s, RsFilter *f, int k)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			rank = 0;
	int			batch = Max(64, Min(k, s->n) * 2);

	for (int first = 0; first < s->n && rank < k; first += batch, batch *= 2)
	{
		int			n = Min(batch, s->n - first);
		bool	   *pass = palloc_extended(n * sizeof(bool), MCXT_ALLOC_HUGE);

		rs_filter_items(f, s->item + first, n, pass);
		for (int i = 0; i < n && rank < k; i++)
		{
			Datum		values[4];
			bool		nulls[4] = {false};

			if (!pass[i])
				continue;
			values[0] = Int32GetDatum(++rank);
			values[1] = s->item[first + i];
			values[2] = Float8GetDatum(s->similarity[first + i]);
			values[3] = Int32GetDatum(s->users_both[first + i]);
			nulls[3] = s->users_both[first + i] < 0;
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
		if (first + n == s->n)
			break;
	}
}

/* _similar_items(recommender, for_item, k, method, filter) */
Datum
recsys_similar_items(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"rank", "item_id", "similarity", "users_both"};
	Oid			types[] = {INT4OID, InvalidOid, FLOAT8OID, INT4OID};
	RsRecommender *r;
	RsModel    *m;
	RsPolicyRow policy;
	RsFilter   *f;
	const char *how;
	int			k;
	int			level;

	SPI_connect();
	level = rs_search_path_push();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	r = rs_registry_get(NameStr(*PG_GETARG_NAME(0)), CurrentMemoryContext);
	types[1] = r->item_type;
	rs_declare_result(fcinfo, lengthof(names), names, types);
	rs_check_id_argument(fcinfo, 1, r->item_type, "for_item");
	rs_check_k(fcinfo, 2, "k", &k);
	how = PG_ARGISNULL(3) ? "item_item" : text_to_cstring(PG_GETARG_TEXT_PP(3));
	if (strcmp(how, "item_item") != 0 && strcmp(how, "factors") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method is \"%s\", must be item_item or factors", how)));
	f = rs_filter_make(r, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4));
	m = rs_model_for_policy(r, NULL, &policy);
	if (!PG_ARGISNULL(1) && k > 0)
		return_similar(fcinfo, strcmp(how, "item_item") == 0 ?
					   by_cooccurrence(r, m, PG_GETARG_DATUM(1)) :
					   by_factors(r, m, PG_GETARG_DATUM(1)), f, k);
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
