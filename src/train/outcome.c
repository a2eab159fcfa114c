/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  Gathers the metrics of an evaluation and writes them down.
 *
 * Means over users carry a 95 % interval by the normal approximation over
 * per-user values, and a paired difference to popularity over the same users;
 * figures about ratings one to their baseline (ratings.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "evaluate.h"

#define WARM		0
#define EVERYONE	1
#define CONFIDENCE	0.95
#define FIRST_USERS	1024

static const char *const metric_names[RS_USER_METRICS] = {
	"precision", "recall", "capped_recall", "ndcg", "map", "mrr", "hit_rate"
};
static const char *const protocol_names[] = {"new", "all"};
static const char *const population_names[] = {"warm", "everyone"};

/* Marks the most popular tenth of items (at least one), ties by id. */
static void
mark_popular(RsEvaluation *ev, uint32 ncols)
{
	uint32	   *order = palloc_extended(Max(ncols, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);

	rs_parts_popular(ev->split->parts, ncols, order);
	for (uint32 i = 0; i < (ncols + 9) / 10; i++)
		ev->popular[order[i]] = true;
	pfree(order);
}

RsEvaluation *
rs_evaluation_make(RsRun *run, RsSplit *split, List *policies)
{
	RsEvaluation *ev = palloc0(sizeof(RsEvaluation));
	const RsMatrix *m = split->matrix;
	uint32		ncols = m->items.nrows;
	Size		shown = (Size) run->nk * ncols;

	ev->run = run;
	ev->split = split;
	ev->policies = policies;
	ev->npolicies = list_length(policies);
	ev->kmax = run->k[run->nk - 1];
	ev->outcome = palloc0(sizeof(RsOutcome) * ev->npolicies * RS_PROTOCOLS);
	if (run->with_ratings)
		ev->errors = palloc0(sizeof(RsErrorList) * ev->npolicies);
	ev->popular = palloc_extended(ncols + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ev->novelty = palloc_extended((ncols + 1) * sizeof(double), MCXT_ALLOC_HUGE);
	ev->cold = palloc_extended(rs_idmap_count(run->items) + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	mark_popular(ev, ncols);
	for (uint32 i = 0; i < ncols; i++)
		ev->novelty[i] = -log2((double) Max(m->items.start[i + 1] - m->items.start[i], 1) /
							   m->users.nrows);
	rs_run_charge(run, (shown * 2 + FIRST_USERS * sizeof(float) * run->nk * RS_USER_METRICS) *
				  ev->npolicies * RS_PROTOCOLS, "evaluation");
	for (int i = 0; i < ev->npolicies * RS_PROTOCOLS; i++)
	{
		RsOutcome  *o = &ev->outcome[i];

		o->allocated = FIRST_USERS;
		o->user = palloc(o->allocated * sizeof(uint32));
		o->warm = palloc(o->allocated * sizeof(bool));
		o->value = palloc(o->allocated * sizeof(float) * run->nk * RS_USER_METRICS);
		for (int p = WARM; p <= EVERYONE; p++)
		{
			o->shown[p] = palloc_extended(shown + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
			o->novelty[p] = palloc0(sizeof(double) * run->nk);
			o->popular[p] = palloc0(sizeof(uint64) * run->nk);
			o->places[p] = palloc0(sizeof(uint64) * run->nk);
		}
	}
	return ev;
}

/* Counts a list's items for coverage, novelty and popularity share. */
static void
count_list(RsEvaluation *ev, RsOutcome *o, int population, const uint32 *list, int n)
{
	uint32		ncols = ev->split->matrix->items.nrows;

	for (int j = 0; j < ev->run->nk; j++)
		for (int i = 0; i < Min(n, ev->run->k[j]); i++)
		{
			o->shown[population][(Size) j * ncols + list[i]] = true;
			o->novelty[population][j] += ev->novelty[list[i]];
			o->popular[population][j] += ev->popular[list[i]];
			o->places[population][j]++;
		}
}

/* Records one list and its metrics. */
void
rs_evaluation_add(RsEvaluation *ev, int policy, int protocol, uint32 user,
				  bool warm, const uint32 *list, int n, const float *value)
{
	RsOutcome  *o = &ev->outcome[policy * RS_PROTOCOLS + protocol];
	Size		width = (Size) ev->run->nk * RS_USER_METRICS;

	if (o->n == o->allocated)
	{
		rs_run_charge(ev->run, o->allocated * (width * sizeof(float) + 5), "evaluation");
		o->allocated *= 2;
		o->user = repalloc_huge(o->user, o->allocated * sizeof(uint32));
		o->warm = repalloc_huge(o->warm, o->allocated * sizeof(bool));
		o->value = repalloc_huge(o->value, o->allocated * sizeof(float) * width);
	}
	o->user[o->n] = user;
	o->warm[o->n] = warm;
	memcpy(o->value + o->n * width, value, width * sizeof(float));
	o->n++;
	if (warm)
		count_list(ev, o, WARM, list, n);
	count_list(ev, o, EVERYONE, list, n);
}

/* ---- writing ---- */

static const RsColumn evaluation_columns[] = {
	{"policy", TEXTOID}, {"method", TEXTOID}, {"protocol", TEXTOID},
	{"population", TEXTOID}, {"metric", TEXTOID}, {"k", INT4OID},
	{"users", INT8OID}, {"value", FLOAT8OID}, {"lower", FLOAT8OID},
	{"upper", FLOAT8OID}, {"difference", FLOAT8OID},
	{"difference_lower", FLOAT8OID}, {"difference_upper", FLOAT8OID},
	{"p_value", FLOAT8OID}
};

#define EVALUATION_COLUMNS	lengthof(evaluation_columns)

/* One row; difference may be NULL. */
static void
write_row(RsWriter *w, const RsPolicy *p, int protocol, int population,
		  const char *metric, int k, const RsInterval *value,
		  const RsInterval *difference)
{
	Datum		values[EVALUATION_COLUMNS];
	bool		nulls[EVALUATION_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(p->label);
	values[1] = CStringGetTextDatum(rs_method_name(p->method));
	values[2] = CStringGetTextDatum(protocol_names[protocol]);
	values[3] = CStringGetTextDatum(population_names[population]);
	values[4] = CStringGetTextDatum(metric);
	values[5] = Int32GetDatum(k);
	values[6] = Int64GetDatum((int64) value->n);
	values[7] = Float8GetDatum(value->mean);
	values[8] = Float8GetDatum(value->lower);
	values[9] = Float8GetDatum(value->upper);
	for (Size i = 10; i < EVALUATION_COLUMNS; i++)
		nulls[i] = (difference == NULL);
	if (difference)
	{
		values[10] = Float8GetDatum(difference->mean);
		values[11] = Float8GetDatum(difference->lower);
		values[12] = Float8GetDatum(difference->upper);
		values[13] = Float8GetDatum(difference->p_value);
	}
	rs_writer_add(w, values, nulls);
}

/* A measure that no user varies in. */
static void
write_measure(RsWriter *w, const RsPolicy *p, int protocol, int population,
			  const char *metric, int k, uint32 users, double value)
{
	RsInterval	i = {users, value, 0, value, value, 1};

	write_row(w, p, protocol, population, metric, k, &i, NULL);
}

/* Column of one metric at one length over a population's users; returns n. */
static Size
gather(const RsEvaluation *ev, const RsOutcome *o, int population, int offset,
	   double *out)
{
	Size		width = (Size) ev->run->nk * RS_USER_METRICS;
	Size		n = 0;

	for (uint32 u = 0; u < o->n; u++)
		if (population == EVERYONE || o->warm[u])
			out[n++] = o->value[u * width + offset];
	return n;
}

static int
metric_number(const char *name)
{
	for (int m = 0; m < RS_USER_METRICS; m++)
		if (strcmp(metric_names[m], name) == 0)
			return m;
	return -1;
}

bool
rs_metric_known(const char *metric)
{
	return metric_number(metric) >= 0;
}

double
rs_evaluation_metric(const RsEvaluation *ev, int policy, int protocol,
					 const char *metric, int k)
{
	const RsOutcome *o = &ev->outcome[policy * RS_PROTOCOLS + protocol];
	Size		width = (Size) ev->run->nk * RS_USER_METRICS;
	int			offset = metric_number(metric);
	double		sum = 0;
	uint32		n = 0;
	int			j = 0;

	while (j < ev->run->nk && ev->run->k[j] != k)
		j++;
	if (offset < 0 || j == ev->run->nk)
		elog(ERROR, "metric \"%s\" at %d was not measured", metric, k);
	offset += j * RS_USER_METRICS;
	for (uint32 u = 0; u < o->n; u++)
		if (o->warm[u])
		{
			sum += o->value[u * width + offset];
			n++;
		}
	return n > 0 ? sum / n : get_float8_nan();
}

static uint32
count_true(const bool *flags, uint32 n)
{
	uint32		count = 0;

	for (uint32 i = 0; i < n; i++)
		count += flags[i];
	return count;
}

/* All rows of one policy, protocol and population. */
static void
write_outcome(RsWriter *w, const RsEvaluation *ev, int policy, int protocol,
			  int population, double *x, double *y)
{
	RsRun	   *run = ev->run;
	const RsPolicy *p = list_nth(ev->policies, policy);
	const RsOutcome *o = &ev->outcome[policy * RS_PROTOCOLS + protocol];
	uint32		ncols = ev->split->matrix->items.nrows;
	Size		n = 0;

	for (int j = 0; j < run->nk; j++)
		for (int m = 0; m < RS_USER_METRICS; m++)
		{
			RsInterval	value;
			RsInterval	difference;

			n = gather(ev, o, population, j * RS_USER_METRICS + m, x);
			if (n == 0)
				return;
			/* popularity is the first policy, over the same users */
			gather(ev, &ev->outcome[protocol], population, j * RS_USER_METRICS + m, y);
			rs_mean_interval(x, n, CONFIDENCE, &value);
			rs_paired_interval(x, y, n, CONFIDENCE, &difference);
			write_row(w, p, protocol, population, metric_names[m], run->k[j],
					  &value, policy == 0 ? NULL : &difference);
		}
	for (int j = 0; j < run->nk; j++)
	{
		uint32		covered = count_true(o->shown[population] + (Size) j * ncols, ncols);
		double		places = (double) Max(o->places[population][j], 1);

		write_measure(w, p, protocol, population, "coverage", run->k[j], n,
					  (double) covered / Max(ncols, 1));
		write_measure(w, p, protocol, population, "novelty", run->k[j], n,
					  o->novelty[population][j] / places);
		write_measure(w, p, protocol, population, "popularity_share", run->k[j], n,
					  o->popular[population][j] / places);
	}
	write_measure(w, p, protocol, population, "cold_share", 0, n,
				  ev->test_pairs == 0 ? 0 : (double) ev->cold_pairs / ev->test_pairs);
	write_measure(w, p, protocol, population, "cold_items", 0, n,
				  count_true(ev->cold, rs_idmap_count(run->items)));
	write_measure(w, p, protocol, population, "cold_users", 0, n,
				  population == WARM ? 0 : o->n - count_true(o->warm, o->n));
}

/* A figure about ratings, which no list is made for. */
static void
write_rating(void *arg, const RsPolicy *policy, const char *metric,
			 const RsInterval *value, const RsInterval *difference)
{
	write_row(arg, policy, RS_PROTOCOL_ALL, WARM, metric, 0, value, difference);
}

/* SHOP.user_evaluation, when asked for. */
static void
store_users(RsRun *run, const RsEvaluation *ev)
{
	const RsColumn columns[] = {
		{"policy", TEXTOID}, {"protocol", TEXTOID},
		{"user_id", run->recommender->user_type}, {"metric", TEXTOID},
		{"k", INT4OID}, {"value", FLOAT8OID}
	};
	RsWriter   *w = rs_writer_begin(psprintf("%s.user_evaluation (run_id, policy, protocol, user_id, metric, k, value)",
											 run->recommender->schema),
									psprintf(INT64_FORMAT ", policy, protocol, user_id, metric, k, value", run->run_id),
									lengthof(columns), columns, 0);
	Size		width = (Size) run->nk * RS_USER_METRICS;
	Datum		metric[RS_USER_METRICS];

	for (int m = 0; m < RS_USER_METRICS; m++)
		metric[m] = CStringGetTextDatum(metric_names[m]);
	for (int i = 0; i < ev->npolicies * RS_PROTOCOLS; i++)
	{
		const RsOutcome *o = &ev->outcome[i];
		RsPolicy   *p = list_nth(ev->policies, i / RS_PROTOCOLS);
		Datum		label = CStringGetTextDatum(p->label);
		Datum		protocol = CStringGetTextDatum(protocol_names[i % RS_PROTOCOLS]);

		for (Size v = 0; v < o->n * width; v++)
		{
			Datum		values[6];
			bool		nulls[6] = {false};

			values[0] = label;
			values[1] = protocol;
			values[2] = rs_idmap_datum(run->users, o->user[v / width]);
			values[3] = metric[v % RS_USER_METRICS];
			values[4] = Int32GetDatum(run->k[v % width / RS_USER_METRICS]);
			values[5] = Float8GetDatum(o->value[v]);
			rs_writer_add(w, values, nulls);
			CHECK_FOR_INTERRUPTS();
		}
	}
	rs_writer_end(w, NULL);
}

int64
rs_evaluation_store(const RsEvaluation *ev)
{
	RsRun	   *run = ev->run;
	RsWriter   *w;
	int64		rows;
	Size		most = 1;
	double	   *x;
	double	   *y;

	for (int i = 0; i < ev->npolicies * RS_PROTOCOLS; i++)
		most = Max(most, ev->outcome[i].n);
	x = palloc_extended(most * sizeof(double), MCXT_ALLOC_HUGE);
	y = palloc_extended(most * sizeof(double), MCXT_ALLOC_HUGE);
	w = rs_writer_begin("recsys.evaluation (run_id, recommender, split, cutoff, policy, method, protocol, population,"
						" metric, k, users, value, lower, upper, difference, difference_lower, difference_upper, p_value)",
						psprintf(INT64_FORMAT ", %s, '%s', %s, policy, method, protocol, population,"
						   " metric, k, users, value, lower, upper, difference, difference_lower, difference_upper, p_value",
						   run->run_id, quote_literal_cstr(NameStr(run->recommender->name)),
						   run->random_split ? "random" : "time",
						   run->has_cutoff ? psprintf("'%s'::pg_catalog.timestamptz", timestamptz_to_str(run->cutoff)) : "NULL"),
						EVALUATION_COLUMNS, evaluation_columns, 0);
	for (int policy = 0; policy < ev->npolicies; policy++)
		for (int protocol = 0; protocol < RS_PROTOCOLS; protocol++)
			for (int population = WARM; population <= EVERYONE; population++)
				write_outcome(w, ev, policy, protocol, population, x, y);
	rs_ratings_rows(ev, CONFIDENCE, write_rating, w);
	rows = rs_writer_end(w, NULL);
	if (run->per_user)
		store_users(run, ev);
	return rows;
}
