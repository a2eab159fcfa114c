/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  A logged request done again, from what was logged: the features, scores
 *	  and order of the items shown.
 *
 * The functions are those that made the list; their inputs are the logged
 * history, the instant, the model and, of items that the model does not know,
 * the features that state what the catalog said of them.  So an answer
 * without rows means that nothing but these inputs went into what was shown,
 * and a row means that the code has changed what it makes of them.
 *
 * The final score is the model's score after boosts and freshness, which are
 * logged beside it.  Where a score was cut down, since its item came after the
 * funnel's candidates, only the model's score can be compared.
 *
 * Order is compared by scores: an item's place is to be that of the item with
 * its rank by score.  Where no rule moves items, that is the order itself.
 *
 * Who has the owner's privileges replays with the owner's rights and no more: a
 * superuser's audit must not run the SQL of a tenant's rules with its own.
 * Others do it as themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "listing.h"
#include "owner.h"
#include "replay.h"
#include "kernel/score.h"

PG_FUNCTION_INFO_V1(recsys_replay);

const char *const rs_cause_history = "history changed";
const char *const rs_cause_catalog = "catalog changed";
const char *const rs_cause_rule = "rule changed";
const char *const rs_cause_code = "code";

void
rs_replay_row(const RsReplay *p, Datum item, const char *feature,
			  const double *logged, const double *replayed, const char *cause)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(OidOutputFunctionCall(p->output, item));
	values[1] = CStringGetTextDatum(feature);
	nulls[2] = (logged == NULL);
	nulls[3] = (replayed == NULL);
	nulls[4] = nulls[2] || nulls[3];
	values[2] = Float8GetDatum(logged ? *logged : 0);
	values[3] = Float8GetDatum(replayed ? *replayed : 0);
	values[4] = Float8GetDatum(nulls[4] ? 0 : *replayed - *logged);
	values[5] = CStringGetTextDatum(cause);
	tuplestore_putvalues(p->result->setResult, p->result->setDesc, values, nulls);
}

/* The current version of the logged policy, or the last one it had. */
static int
last_version(const RsReplay *p)
{
	Oid			argtypes[] = {NAMEOID, NAMEOID};
	Oid			type = INT4OID;
	Datum		args[2];
	int			version;

	args[0] = NameGetDatum(&p->r->name);
	args[1] = NameGetDatum(&p->l->policy);
	rs_spi_select("SELECT max(p.version) FROM recsys.policy p WHERE p.recommender = $1 AND p.policy = $2",
				  lengthof(argtypes), argtypes, args, 1, &type);
	version = DatumGetInt32(rs_spi_value(0, 1));
	SPI_freetuptable(SPI_tuptable);
	return version;
}

void
rs_replay_request(const RsReplay *p, int version, RsRequest *q)
{
	RsLogged   *l = p->l;

	memset(q, 0, sizeof(*q));
	q->r = p->r;
	q->m = rs_model_logged(p->r, l->model_id, &l->policy, version ? version : last_version(p),
						   &q->policy, CurrentMemoryContext);
	rs_request_rules(q, l->filter);
	q->as_of = l->requested_at;
	q->k = l->k;
	q->want_features = true;
	q->explore = true;
	q->explore_seed = rs_request_id_seed(&l->id);
	q->h = rs_history_of_logged(q->r, q->m, l->item, l->weight, l->time, l->nitems);
}

/* ---- level shown ---- */

/* An item shown, and what is made of it now. */
typedef struct Again
{
	const RsShown *shown;
	uint32		column;
	double		base;
	double		score;
	int			rank;			/* by the score now */
} Again;

/* Is it a feature that is made from what the catalog says of an item? */
static bool
is_fact(int feature)
{
	switch (feature)
	{
		case RS_F_CATEGORY_SHARE:
		case RS_F_CATEGORY_COUNT:
		case RS_F_ITEM_AGE:
		case RS_F_PRICE:
		case RS_F_PRICE_GAP:
			return true;
		default:
			return feature >= RS_FEATURES;
	}
}

/* Compares features; those of facts of an unknown item are inputs. */
static void
replay_features(const RsReplay *p, RsRequest *q, const Again *a, float *features)
{
	static const RsItemFacts nothing = {RS_NO_CATEGORY, RS_NO_RELEASE, -1, NULL};
	bool		known = (a->column != RS_NO_ID);

	rs_funnel_features(&q->m->funnel, rs_request_funnel(q), known ? a->column : RS_NO_ITEM,
					   known ? NULL : &nothing, features);
	for (int i = 0; i < q->m->nfeatures; i++)
	{
		double		logged = a->shown->features[i];
		double		replayed;

		if (!known && is_fact(i))
			features[i] = a->shown->features[i];
		replayed = features[i];
		if (logged != replayed)
			rs_replay_row(p, a->shown->item, q->m->feature_name[i], &logged, &replayed, rs_cause_code);
	}
}

/* The model's score of an item. */
static double
replay_base(const RsReplay *p, const RsRequest *q, RsScoring scoring, const Again *a,
			const float *features)
{
	const RsFunnel *f = &q->m->funnel;
	RsBlend		blend;

	if (scoring == RS_BY_RANKER)
		return rs_ranker_score(&f->ranker, features);
	if (a->column == RS_NO_ID)
		return a->shown->base_score;	/* none has been made */
	if (scoring == RS_BY_POPULARITY)
		return f->popularity[a->column];
	if (q->factor != NULL && f->fold.kind == RS_KIND_RATING)
		return q->factor[a->column];
	blend = rs_blend_scales(p->l->neighbor_scale, p->l->factor_scale, f->blend);
	return rs_blend_one(&blend, q->neighbor ? q->neighbor[a->column] : 0,
						q->factor ? q->factor[a->column] : 0, f->popularity[a->column]);
}

/* The final score that a model's score has with the logged boost and freshness. */
static double
final_score(const RsShown *s, double base)
{
	return rs_boosted(base, s->boost) + s->freshness;
}

/* score descending, ties by place */
static int
compare_again(const void *a, const void *b)
{
	const Again *x = *(Again *const *) a;
	const Again *y = *(Again *const *) b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->shown->position - y->shown->position;
}

static int
compare_shown(const void *a, const void *b)
{
	const Again *x = *(Again *const *) a;
	const Again *y = *(Again *const *) b;

	if (x->shown->score != y->shown->score)
		return x->shown->score > y->shown->score ? -1 : 1;
	return x->shown->position - y->shown->position;
}

/*
 * Where no rule moves items, places must follow the logged scores too; pinned
 * ones stand where they stand.
 */
static bool
moves_items(const RsRules *rules)
{
	return rules->npins > 0 || rules->share > 0 || rules->per_category > 0 || rules->lambda > 0;
}

/* Compares the order of the items shown. */
static void
replay_order(const RsReplay *p, const RsRequest *q, Again *again, int n)
{
	Again	  **now = palloc_extended((Size) (n + 1) * sizeof(Again *), MCXT_ALLOC_HUGE);
	Again	  **then = palloc_extended((Size) (n + 1) * sizeof(Again *), MCXT_ALLOC_HUGE);

	for (int i = 0; i < n; i++)
		now[i] = then[i] = &again[i];
	qsort(now, n, sizeof(Again *), compare_again);
	if (moves_items(q->rules))
		qsort(then, n, sizeof(Again *), compare_shown);
	for (int i = 0; i < n; i++)
	{
		double		logged = now[i]->shown->position;
		double		replayed = then[i]->shown->position;

		if (logged != replayed)
			rs_replay_row(p, now[i]->shown->item, "position", &logged, &replayed, rs_cause_code);
	}
}

/* Does the shown items' features, scores and order again. */
static void
replay_shown(const RsReplay *p)
{
	RsLogged   *l = p->l;
	RsRequest	q;
	RsSupply	supply;
	Again	   *again = palloc_extended((Size) (l->nshown + 1) * sizeof(Again), MCXT_ALLOC_HUGE);
	float		features[RS_MOST_FEATURES];

	rs_replay_request(p, l->policy_version, &q);
	if (l->feature_version != q.m->feature_version)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("features were logged by version %d of their list, and the model now has version %d",
						l->feature_version, q.m->feature_version)));
	rs_supply_open(&supply, &q, false);
	for (int i = 0; i < l->nshown; i++)
	{
		const RsShown *s = &l->shown[i];
		Again	   *a = &again[i];

		a->shown = s;
		a->column = rs_model_find(q.m, s->item);
		if (s->nfeatures != q.m->nfeatures)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("%d features are logged of position %d, the model has %d",
							s->nfeatures, s->position, q.m->nfeatures)));
		replay_features(p, &q, a, features);
		a->base = replay_base(p, &q, supply.scoring, a, features);
		if (a->base != s->base_score)
			rs_replay_row(p, s->item, "base_score", &s->base_score, &a->base, rs_cause_code);
		a->score = s->score;
		if (a->base != s->base_score || final_score(s, s->base_score) == s->score)
			a->score = final_score(s, a->base);
		if (a->score != s->score)
			rs_replay_row(p, s->item, "score", &s->score, &a->score, rs_cause_code);
	}
	replay_order(p, &q, again, l->nshown);
}

/* ---- the door ---- */

/*
 * replay(recommender, request_id, level)
 */
Datum
recsys_replay(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"item_id", "feature", "logged", "replayed", "difference", "cause"};
	static const Oid types[] = {TEXTOID, TEXTOID, FLOAT8OID, FLOAT8OID, FLOAT8OID, TEXTOID};
	RsReplay	p = {0};
	RsOwnerState saved;
	bool		owns;
	bool		varlena;
	char	   *rung;
	int			level;

	for (int i = 0; i < 3; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be NULL", i == 0 ? "recommender" : i == 1 ? "request_id" : "level")));
	rung = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (strcmp(rung, "shown") != 0 && strcmp(rung, "list") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("level is \"%s\", must be \"shown\" or \"list\"", rung)));
	SPI_connect();
	level = rs_search_path_push();
	rs_declare_result(fcinfo, lengthof(names), names, types);
	p.result = (ReturnSetInfo *) fcinfo->resultinfo;
	p.r = rs_registry_get(NameStr(*PG_GETARG_NAME(0)), CurrentMemoryContext);
	owns = has_privs_of_role(GetUserId(), p.r->owner);
	if (owns)
		rs_become_owner(p.r, &saved);
	p.l = rs_log_read(p.r, PG_GETARG_UUID_P(1));
	getTypeOutputInfo(p.r->item_type, &p.output, &varlena);
	replay_shown(&p);
	if (strcmp(rung, "list") == 0)
		rs_replay_list(&p);
	if (owns)
		rs_become_caller(&saved);
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
