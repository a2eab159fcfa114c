/*-------------------------------------------------------------------------
 *
 * estimate.c
 *	  Bytes and seconds of a training, before it begins.
 *
 * Bytes are what the stages allocate, added up as they do it, with as many
 * pairs as there are rows and as many neighbours as are asked for: an upper
 * bound for the counts given.  The hint of a training that was allowed too
 * little memory is computed here too.
 *
 * Seconds are by the rates below, of one process on a 2-core AVX-512 machine:
 * good for an order of magnitude.  The SQL function prefers those of the last
 * run where there is one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "als_job.h"
#include "evaluate.h"
#include "learn.h"
#include "lister.h"
#include "kernel/als.h"
#include "kernel/als_cg.h"

extern PGDLLEXPORT Datum rs_train_estimate(PG_FUNCTION_ARGS);

/* of the evaluation: users to be ranked for, and their marks */
#define MOST_ROWS		1e12	/* that an estimate is asked for */

#define POOL_BYTES		((double) (4 << 20))
#define MARKS_BYTES		((double) (8 << 20))

/* contexts, settings, lists */
#define SMALL_BYTES		((double) (1 << 20))

/* rates, each second */
#define LOAD_ROWS		1.5e6
#define SPLIT_ROWS		6e6
#define FACTOR_FLOP		10e9
#define BPR_STEP		400		/* of a step: what it takes besides its products */
#define NEIGHBOR_PAIRS	60e6	/* of items of one user */
#define RANKED_ITEMS	0.15e9	/* by one policy under one protocol */
#define FUNNELS_OPENED	4e3
#define CANDIDATES		4e6		/* described by their features */
#define LEARNED			1e9		/* products of two features */
#define NEIGHBORS_WRITTEN 0.7e6
#define ROWS_WRITTEN	0.35e6

/* what one stage takes */
typedef struct StageCost
{
	double		bytes;
	double		seconds;
} StageCost;

/* ---- one part ---- */

static StageCost
neighbors_cost(const RsRun *run, const RsCounts *c, const RsCoocSettings *s)
{
	double		kept = Min(s->neighbors, c->items);
	StageCost		cost;

	cost.bytes = 8 * c->items + kept * c->items * sizeof(RsNeighbor) +
		4 * c->users + 2.0 * rs_neighbor_batch((uint32) c->items, s->neighbors) * (s->neighbors * sizeof(RsNeighbor) + 4) +
		(run->workers + 1) * (double) rs_cooc_workspace((uint32) c->items, s->neighbors);
	/* histories are skewed: three times what equal ones would give */
	cost.seconds = 3 * c->rows * c->rows / Max(c->users, 1) / NEIGHBOR_PAIRS;
	return cost;
}

static StageCost
factors_cost(const RsCounts *c, const RsFactorSettings *s)
{
	double		f = s->factors;
	StageCost		cost;

	cost.bytes = 4 * f * (c->users + c->items) + 16 * s->sweeps +
		4 * f * f * (RS_GRAM_SLICES + 5) + 32 * f + 4.0 * rs_als_basis_size(s->factors) +
		(c->users + c->items);
	/* biases, and rows that hold them; of BPR the division of the items too */
	if (s->method == RS_EXPLICIT)
		cost.bytes += 4 * (c->users + 2 * c->items) + 4 * (f + 2) * c->items;
	else if (s->method == RS_BPR)
		cost.bytes += 4 * c->items + 4 * (f + 1) * c->items + 13 * c->items;
	/* a row by conjugate gradients, or by its normal equations */
	cost.seconds = s->sweeps * (c->rows * (s->cg_steps > 0 ? 16 * f * s->cg_steps / 3 : 4 * f * f) +
								(c->users + c->items) * 12 * f * f) / FACTOR_FLOP;
	if (s->method == RS_BPR)
		cost.seconds = s->sweeps * c->rows * (BPR_STEP + 12 * f) / FACTOR_FLOP;
	return cost;
}

/* A funnel of a policy's settings, for its sizes alone. */
static RsFunnel
sized_funnel(const RsCounts *c, const RsPolicy *p)
{
	static const uint64 start = 0;
	RsFunnel	f = {0};

	f.nitems = (uint32) c->items;
	f.neighbor_start = &start;
	f.most_neighbors = p->neighbors.neighbors;
	f.facts.nextra = p->funnel.nextra;
	f.fold.factors = f.fold.width = f.index.width = p->factors.factors;
	f.index.nitems = f.nitems;
	memcpy(f.quota, p->funnel.quota, sizeof(f.quota));
	return f;
}

/* What a process needs for the funnel of one policy, and all need together. */
static double
funnel_bytes(const RsRun *run, const RsCounts *c, const RsPolicy *p)
{
	RsFunnel	f = sized_funnel(c, p);
	int			history = run->recommender->history_limit;

	return (run->workers + 1) * ((double) rs_funnel_workspace(&f, history) +
								 rs_funnel_most(&f, history) * sizeof(RsCandidate) + 8.0 * history) +
		rs_index_bytes((uint32) c->items, p->factors.factors) +
		(run->recommender->has_catalog ? (24.0 + 4 * p->funnel.nextra) * c->items : 0);
}

/* Learning the ranker of one policy, once its parts are there. */
static StageCost
learn_cost(const RsRun *run, const RsCounts *c, const RsPolicy *p)
{
	RsFunnel	f = sized_funnel(c, p);
	double		most;
	double		features = RS_FEATURES + p->funnel.nextra;
	double		users = Min(c->users, 2 * RS_LEARN_USERS);
	double		row = 4 * features + 1;
	StageCost	cost = {0, 0};

	for (int i = 0; i < RS_SOURCES; i++)
		f.quota[i] = Min(f.quota[i], RS_LEARN_QUOTA);
	most = Max(rs_funnel_most(&f, run->recommender->history_limit), 1);
	if (!p->funnel.ranked)
		return cost;
	cost.bytes = funnel_bytes(run, c, p) + 4 * c->items +
		Max(Min(RS_LEARN_BYTES, users * most * row), most * row) +
		Max(Min(RS_LEARN_BATCH, users * most * row), most * row) +
		POOL_BYTES + 32.0 * RS_LEARN_USERS + rs_linear_workspace((int) features) + c->users;
	cost.seconds = (users / FUNNELS_OPENED + users * most / CANDIDATES) / (run->workers + 1) +
		10 * Min(users * most, RS_LEARN_BYTES / row) * features * features / LEARNED;
	return cost;
}

/* Parts of policies, those with equal settings once, as rs_parts_make. */
static StageCost
parts_cost(const RsRun *run, const RsCounts *c, List *policies)
{
	StageCost		cost = {4 * c->items, 0};
	RsParts		parts = {0};
	ListCell   *cell;

	foreach(cell, policies)
	{
		RsPolicy   *p = lfirst(cell);
		StageCost		part;

		if (rs_has_neighbors(p->method) && rs_parts_neighbors(&parts, p) == NULL)
		{
			RsNeighborPart *made = palloc0(sizeof(RsNeighborPart));

			made->settings = p->neighbors;
			parts.neighbors = lappend(parts.neighbors, made);
			part = neighbors_cost(run, c, &p->neighbors);
			cost.bytes += part.bytes;
			cost.seconds += part.seconds;
		}
		if (rs_has_factors(p->method) && rs_parts_factors(&parts, p) == NULL)
		{
			RsFactorPart *made = palloc0(sizeof(RsFactorPart));

			made->settings = p->factors;
			parts.factors = lappend(parts.factors, made);
			part = factors_cost(c, &p->factors);
			cost.bytes += part.bytes;
			cost.seconds += part.seconds;
		}
	}
	cost.seconds /= run->workers + 1;
	return cost;
}

/* ---- the stages ---- */

static double
id_bytes(const RsRecommender *r, const RsCounts *c)
{
	return (double) rs_idmap_bytes(r->user_type, (uint64) c->users, c->user_width) +
		(double) rs_idmap_bytes(r->item_type, (uint64) c->items, c->item_width) +
		8 * c->users;
}

/* Events as they come, with growth. */
static double
load_bytes(const RsRun *run, const RsCounts *c)
{
	double		row = sizeof(RsEvent) + sizeof(uint32) +
		(run->recommender->returns_netted || run->with_ratings ? sizeof(float) : 0);

	return Max(c->rows, 65536) * row * 9 / 8 + id_bytes(run->recommender, c) + SMALL_BYTES;
}

/* Events by user, and a matrix of them in both orientations. */
static double
matrix_bytes(const RsRun *run, const RsCounts *c)
{
	double		matrix = 2 * (sizeof(uint32) + sizeof(float));
	double		ratings = run->with_ratings ? sizeof(float) + matrix : 0;

	return c->rows * (sizeof(RsEvent) + matrix + ratings) +
		id_bytes(run->recommender, c) + 21 * c->users + 28 * c->items + SMALL_BYTES;
}

/* What one process needs to rank a block of users. */
static double
lister_bytes(const RsRun *run, const RsCounts *c, int factors)
{
	double		lists = list_length(run->policies) + 1;
	double		near = Min(2 * run->k[run->nk - 1] + 512, c->items);

	return (17 + sizeof(RsMarked) * lists) * c->items + MARKS_BYTES +
		8 * near * (RS_RANK_USERS + 1) +
		4.0 * (RS_RANK_PANEL + factors) * RS_RANK_USERS + rs_fold_in_workspace(factors, run->recommender->history_limit);
}

/* On top of what training has left. */
static StageCost
evaluate_cost(const RsRun *run, const RsCounts *c)
{
	double		lists = list_length(run->policies) * RS_PROTOCOLS;
	double		values = 4.0 * run->nk * RS_USER_METRICS;
	double		list = lists * (16 + values + 4 * run->k[run->nk - 1]);
	int			factors = 1;
	int			neighbors = 0;
	StageCost	cost;
	ListCell   *cell;

	foreach(cell, run->policies)
	{
		RsPolicy   *p = lfirst(cell);

		factors = Max(factors, p->factors.factors + 2);
		if (rs_has_neighbors(p->method))
			neighbors = Max(neighbors, p->neighbors.neighbors);
	}
	/* neighbours on their way into shared memory; lists on theirs back */
	cost.bytes = Min(neighbors, c->items) * c->items * sizeof(RsNeighbor) +
		Max(Min(RS_RESULT_BYTES, RS_RESULT_USERS * list), RS_RANK_USERS * list) +
		POOL_BYTES +
		(run->workers + 1) * lister_bytes(run, c, factors) +
		2.0 * run->nk * lists * c->items + 1024 * values * lists + (values + 5) * c->users;
	if (run->with_ratings)
		cost.bytes += list_length(run->policies) * sizeof(RsErrors) * (c->users + RS_RESULT_USERS);
	cost.seconds = c->users / 2 * c->items * lists / RANKED_ITEMS / (run->workers + 1);
	foreach(cell, run->policies)
	{
		RsPolicy   *p = lfirst(cell);

		if (!p->funnel.ranked)
			continue;
		cost.bytes += funnel_bytes(run, c, p) + (run->workers + 1) * c->items;
		cost.seconds += c->users / 2 / FUNNELS_OPENED / (run->workers + 1);
	}
	return cost;
}

static StageCost
write_cost(const RsCounts *c, const RsPolicy *p)
{
	StageCost		cost = {0, (3 * c->items + c->users) / ROWS_WRITTEN};

	if (rs_has_neighbors(p->method))
		cost.seconds += c->items * Min(p->neighbors.neighbors, c->items) / NEIGHBORS_WRITTEN;
	return cost;
}

typedef enum EstimatedStage
{
	STAGE_LOAD,
	STAGE_SPLIT,
	STAGE_TRAIN,
	STAGE_EVALUATE,
	STAGE_RANKER,				/* of a policy that has one */
	STAGE_TRAIN_ALL,
	STAGE_WRITE,
	ESTIMATED_STAGES
} EstimatedStage;

static const char *const stage_names[ESTIMATED_STAGES] = {
	"load", "split", "train", "evaluate", "ranker", "train_all", "write"
};

static void
estimate(const RsRun *run, const RsCounts *c, StageCost *stage)
{
	double		matrix = matrix_bytes(run, c);
	StageCost		all = parts_cost(run, c, run->policies);
	StageCost		final = parts_cost(run, c, list_make1(run->policy));
	StageCost		evaluate = evaluate_cost(run, c);
	StageCost		write = write_cost(c, run->policy);

	StageCost		learn = learn_cost(run, c, run->policy);
	double		events = c->rows * sizeof(RsEvent);

	if (run->recommender->has_catalog)
		matrix += (21.0 + 4 * run->policy->funnel.nextra) * c->items + SMALL_BYTES;
	stage[STAGE_LOAD].bytes = load_bytes(run, c);
	stage[STAGE_LOAD].seconds = c->rows / LOAD_ROWS;
	/* the draft of the matrix goes before its second orientation comes */
	stage[STAGE_SPLIT].bytes = matrix;
	stage[STAGE_SPLIT].seconds = c->rows / SPLIT_ROWS;
	/* a ranker is learned by a matrix and parts of its own, before the others */
	stage[STAGE_TRAIN].bytes = matrix +
		Max(all.bytes, learn.bytes > 0 ? matrix - events + final.bytes + learn.bytes : 0);
	stage[STAGE_TRAIN].seconds = all.seconds +
		(learn.bytes > 0 ? final.seconds + learn.seconds : 0);
	stage[STAGE_EVALUATE].bytes = matrix + all.bytes + evaluate.bytes;
	stage[STAGE_EVALUATE].seconds = evaluate.seconds;
	stage[STAGE_RANKER].bytes = matrix + all.bytes + learn.bytes;
	stage[STAGE_RANKER].seconds = learn.seconds;
	stage[STAGE_TRAIN_ALL].bytes = matrix + final.bytes;
	stage[STAGE_TRAIN_ALL].seconds = final.seconds + c->rows / SPLIT_ROWS;
	stage[STAGE_WRITE].bytes = matrix + final.bytes;
	stage[STAGE_WRITE].seconds = write.seconds;
}

/* Megabytes that a run needs by what is known of its source now; 0 = nothing. */
Size
rs_estimate_megabytes(const RsRun *run)
{
	RsCounts	counts = run->expected;
	StageCost		stage[ESTIMATED_STAGES];
	double		bytes = 0;

	if (run->loaded)
	{
		counts.rows = run->nevents;
		counts.users = rs_idmap_count(run->users);
		counts.items = rs_idmap_count(run->items);
	}
	if (counts.rows <= 0 || run->policy == NULL)
		return 0;
	estimate(run, &counts, stage);
	for (int i = 0; i < ESTIMATED_STAGES; i++)
		bytes = Max(bytes, stage[i].bytes);
	return (Size) (bytes / (1 << 20)) + 1;
}

/* What the planner expects of a recommender's source. */
void
rs_expect(RsRun *run)
{
	Oid			argtypes[] = {NAMEOID, BOOLOID};
	Oid			types[] = {FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID};
	Datum		args[2];

	args[0] = NameGetDatum(&run->recommender->name);
	args[1] = BoolGetDatum(false);
	if (rs_spi_select("SELECT c.rows, c.users, c.items, c.user_width, c.item_width"
					  " FROM recsys._expected_counts($1, $2) c",
					  2, argtypes, args, lengthof(types), types) != 1)
		elog(ERROR, "could not estimate the source");
	run->expected.rows = DatumGetFloat8(rs_spi_value(0, 1));
	run->expected.users = DatumGetFloat8(rs_spi_value(0, 2));
	run->expected.items = DatumGetFloat8(rs_spi_value(0, 3));
	run->expected.user_width = DatumGetFloat8(rs_spi_value(0, 4));
	run->expected.item_width = DatumGetFloat8(rs_spi_value(0, 5));
	SPI_freetuptable(SPI_tuptable);
}

/* A count given by the caller. */
static double
given_count(FunctionCallInfo fcinfo, int arg, double most)
{
	double		count = PG_ARGISNULL(arg) ? -1 : PG_GETARG_FLOAT8(arg);

	if (!(count >= 0 && count <= most))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("counts and widths must be from 0 to %g", most)));
	return count;
}

/*
 * _train_estimate(recommender, policy, workers, rows, users, items, user_width,
 * item_width) returns (stage, bytes, seconds)
 */
Datum
rs_train_estimate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	static int	lengths[] = {5, 10, 20, 50};
	StageCost		stage[ESTIMATED_STAGES];
	RsCounts	counts;
	RsRun	   *run;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("recommender must not be NULL")));
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	run = rs_run_make(NameStr(*PG_GETARG_NAME(0)));
	rs_policies_of(run, PG_ARGISNULL(1) ? NameStr(run->recommender->live_policy) : NameStr(*PG_GETARG_NAME(1)));
	run->policy = llast(run->policies);
	run->nk = lengthof(lengths);
	run->k = lengths;
	run->workers = rs_team_limit(PG_ARGISNULL(2) ? -1 : PG_GETARG_INT32(2));
	counts.rows = given_count(fcinfo, 3, MOST_ROWS);
	counts.users = given_count(fcinfo, 4, PG_UINT32_MAX / 4);
	counts.items = given_count(fcinfo, 5, PG_UINT32_MAX / 4);
	counts.user_width = given_count(fcinfo, 6, MaxAllocSize);
	counts.item_width = given_count(fcinfo, 7, MaxAllocSize);
	estimate(run, &counts, stage);
	for (int i = 0; i < ESTIMATED_STAGES; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		if (i == STAGE_RANKER && !run->policy->funnel.ranked)
			continue;
		values[0] = CStringGetTextDatum(stage_names[i]);
		values[1] = Int64GetDatum((int64) stage[i].bytes);
		values[2] = Float8GetDatum(stage[i].seconds);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
