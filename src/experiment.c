/*-------------------------------------------------------------------------
 *
 * experiment.c
 *	  Assignment of units to the arms of experiments.
 *
 * An arm is a pure function of the experiment's definition and the unit's
 * name: nothing is read from the log and nothing is written, so that every
 * server, every replica and any program that can hash finds the same one.
 *
 *	  bucket(salt, unit) = first 52 bits of sha256(salt || ':' || unit) / 2^52
 *
 * One bucket, salted with the recommender's name, says whether the unit is in
 * the experiment's traffic; another one, salted with the experiment's own
 * salt, picks the arm: the first, by name, at which the sum of the weights
 * exceeds bucket * all weights.  52 bits are what a double holds exactly, in
 * every language.
 *
 * SHOP.experiment_override beats both; it is meant for the people who try an
 * arm out, and the report leaves them out.  One that names no arm is passed
 * over, so that a slip in that table is never an error in front of people; the
 * report tells.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "experiment.h"

PG_FUNCTION_INFO_V1(recsys_bucket);
PG_FUNCTION_INFO_V1(recsys_assign);

/* so many overrides are read at once; of more, one by one */
#define MOST_OVERRIDES	10000

/* ---- hashing ---- */

static void
hash_text(pg_cryptohash_ctx *ctx, const char *text, int length)
{
	char	   *utf8 = pg_server_to_any(text, length, PG_UTF8);

	if (utf8 != text)
		length = (int) strlen(utf8);
	if (pg_cryptohash_update(ctx, (const uint8 *) utf8, length) < 0)
		elog(ERROR, "could not update a SHA-256 hash");
}

double
rs_bucket(const char *salt, const char *unit, int unit_length)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	uint64		word;

	if (ctx == NULL || pg_cryptohash_init(ctx) < 0)
		elog(ERROR, "could not start a SHA-256 hash");
	hash_text(ctx, salt, (int) strlen(salt));
	if (pg_cryptohash_update(ctx, (const uint8 *) ":", 1) < 0)
		elog(ERROR, "could not update a SHA-256 hash");
	hash_text(ctx, unit, unit_length);
	if (pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not finish a SHA-256 hash");
	pg_cryptohash_free(ctx);
	memcpy(&word, digest, sizeof(word));
	return (double) (pg_ntoh64(word) >> 12) / (double) (UINT64CONST(1) << 52);
}

/* bucket(salt, unit) */
Datum
recsys_bucket(PG_FUNCTION_ARGS)
{
	text	   *unit = PG_GETARG_TEXT_PP(1);

	PG_RETURN_FLOAT8(rs_bucket(text_to_cstring(PG_GETARG_TEXT_PP(0)),
							   VARDATA_ANY(unit), (int) VARSIZE_ANY_EXHDR(unit)));
}

/* ---- definitions ---- */

static const char *const experiments_query =
"SELECT e.experiment_id, e.salt, e.traffic_from, e.traffic, v.variant, v.policy, v.policy_version, v.weight"
" FROM recsys.experiment e JOIN recsys.variant v ON v.experiment_id = e.experiment_id"
" WHERE e.recommender = $1 AND e.state = 'running' AND ($2 = '' OR e.experiment = $2)"
" ORDER BY e.experiment_id, v.variant COLLATE \"C\"";

RsExperiment *
rs_experiments(const RsRecommender *r, const char *name, MemoryContext context, int *n)
{
	MemoryContext old;
	Oid			argtypes[] = {NAMEOID, NAMEOID};
	Oid			types[] = {INT8OID, TEXTOID, FLOAT8OID, FLOAT8OID, TEXTOID, NAMEOID, INT4OID, FLOAT8OID};
	NameData	experiment;
	Datum		args[2];
	int			rows;
	RsExperiment *all;

	namestrcpy(&experiment, name ? name : "");
	args[0] = NameGetDatum(&r->name);
	args[1] = NameGetDatum(&experiment);
	rows = (int) rs_spi_select(experiments_query, lengthof(argtypes), argtypes, args, lengthof(types), types);
	old = MemoryContextSwitchTo(context);
	all = palloc0((rows + 1) * sizeof(RsExperiment));
	*n = 0;
	for (int i = 0; i < rows; i++)
	{
		int64		id = DatumGetInt64(rs_spi_value(i, 1));
		RsExperiment *e = *n > 0 ? &all[*n - 1] : NULL;
		RsVariant  *v;

		if (e == NULL || e->id != id)
		{
			e = &all[(*n)++];
			e->id = id;
			e->salt = TextDatumGetCString(rs_spi_value(i, 2));
			e->from = DatumGetFloat8(rs_spi_value(i, 3));
			e->traffic = DatumGetFloat8(rs_spi_value(i, 4));
			e->arm = palloc(rows * sizeof(RsVariant));
		}
		v = &e->arm[e->narms++];
		v->name = TextDatumGetCString(rs_spi_value(i, 5));
		v->policy = *DatumGetName(rs_spi_value(i, 6));
		v->version = DatumGetInt32(rs_spi_value(i, 7));
		v->weight = DatumGetFloat8(rs_spi_value(i, 8));
		e->weights += v->weight;
	}
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	return all;
}

const RsVariant *
rs_experiment_arm(const RsRecommender *r, const RsExperiment *e, const char *unit, int unit_length)
{
	double		place = rs_bucket(NameStr(r->name), unit, unit_length);
	double		target;
	double		sum = 0;

	if (place < e->from || place >= e->from + e->traffic)
		return NULL;
	target = rs_bucket(e->salt, unit, unit_length) * e->weights;
	for (int i = 0; i < e->narms; i++)
	{
		sum += e->arm[i].weight;
		if (target < sum)
			return &e->arm[i];
	}
	return &e->arm[e->narms - 1];	/* what rounding leaves */
}

bool
rs_is_external(const RsVariant *v)
{
	return strcmp(NameStr(v->policy), "external") == 0;
}

/* ---- overrides ---- */

/* Rows (experiment_id, unit, variant) of SHOP.experiment_override; stays in SPI_tuptable. */
static int
select_overrides(const RsRecommender *r, const char *condition, const char *order, Oid type, Datum arg)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID};

	return (int) rs_spi_select(psprintf("SELECT o.experiment_id, o.unit, o.variant FROM %s.experiment_override o"
										" WHERE %s ORDER BY %s LIMIT %d", r->schema, condition, order, MOST_OVERRIDES + 1),
							   1, &type, &arg, lengthof(types), types);
}

/* The arm of a name; NULL if the experiment does not have it. */
static const RsVariant *
find_arm(const RsExperiment *e, const char *name)
{
	for (int i = 0; i < e->narms; i++)
		if (strcmp(e->arm[i].name, name) == 0)
			return &e->arm[i];
	return NULL;
}

/* The override of a unit in one of these experiments. */
static const RsVariant *
read_override(const RsRecommender *r, const RsExperiment *all, int n, const char *unit, int unit_length, int64 *id)
{
	int			rows = select_overrides(r, "o.unit = $1", "o.experiment_id", TEXTOID,
										PointerGetDatum(cstring_to_text_with_len(unit, unit_length)));
	const RsVariant *found = NULL;

	for (int row = 0; row < rows && found == NULL; row++)
		for (int i = 0; i < n && found == NULL; i++)
			if (all[i].id == DatumGetInt64(rs_spi_value(row, 1)))
			{
				found = find_arm(&all[i], TextDatumGetCString(rs_spi_value(row, 3)));
				*id = all[i].id;
			}
	SPI_freetuptable(SPI_tuptable);
	return found;
}

const RsVariant *
rs_assignment(const RsRecommender *r, const char *unit, int64 *id)
{
	int			n;
	int			length = (int) strlen(unit);
	RsExperiment *all = rs_experiments(r, NULL, CurrentMemoryContext, &n);
	const RsVariant *v = n > 0 ? read_override(r, all, n, unit, length, id) : NULL;

	for (int i = 0; i < n && v == NULL; i++)
	{
		v = rs_experiment_arm(r, &all[i], unit, length);
		*id = all[i].id;
	}
	return v;
}

/* ---- assign ---- */

typedef struct Override
{
	text	   *unit;
	text	   *variant;
} Override;

/*
 * What a call of assign keeps for the next one of its statement.  It holds as
 * long as the same role looks at the same state of the database: any end of a
 * transaction changes a snapshot's xmax or what it counts as running, and
 * the transaction's own commands its command number.
 */
typedef struct Assigner
{
	MemoryContext context;
	NameData	recommender;
	NameData	experiment;
	Oid			role;
	TransactionId xmin;
	TransactionId xmax;
	uint32		running;
	int32		running_sub;
	CommandId	command;

	RsRecommender *r;
	int			n;				/* 0 or 1 */
	RsExperiment *e;
	int			noverrides;		/* -1 = too many to keep */
	Override   *override;		/* by unit, in bytes */
} Assigner;

static int
compare_units(const void *a, const void *b)
{
	const text *x = ((const Override *) a)->unit;
	const text *y = ((const Override *) b)->unit;
	Size		nx = VARSIZE_ANY_EXHDR(x);
	Size		ny = VARSIZE_ANY_EXHDR(y);
	int			order = memcmp(VARDATA_ANY(x), VARDATA_ANY(y), Min(nx, ny));

	return order != 0 ? order : (nx > ny) - (nx < ny);
}

static text *
copy_text(Datum value)
{
	return cstring_to_text(TextDatumGetCString(value));
}

static void
load_overrides(Assigner *a, const RsRecommender *r)
{
	int			rows = select_overrides(r, "o.experiment_id = $1", "o.unit", INT8OID, Int64GetDatum(a->e->id));
	MemoryContext old = MemoryContextSwitchTo(a->context);

	a->noverrides = rows <= MOST_OVERRIDES ? rows : -1;
	a->override = palloc((rows + 1) * sizeof(Override));
	for (int i = 0; i < a->noverrides; i++)
	{
		a->override[i].unit = copy_text(rs_spi_value(i, 2));
		a->override[i].variant = copy_text(rs_spi_value(i, 3));
	}
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	if (a->noverrides > 1)
		qsort(a->override, a->noverrides, sizeof(Override), compare_units);
}

/* 42704 unless the experiment exists, whatever its state. */
static void
check_experiment(const Assigner *a)
{
	Oid			argtypes[] = {NAMEOID, NAMEOID};
	Oid			types[] = {INT8OID};
	Datum		args[2];

	args[0] = NameGetDatum(&a->recommender);
	args[1] = NameGetDatum(&a->experiment);
	if (rs_spi_select("SELECT e.experiment_id FROM recsys.experiment e WHERE e.recommender = $1 AND e.experiment = $2",
					  lengthof(argtypes), argtypes, args, lengthof(types), types) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("experiment \"%s\" of recommender \"%s\" does not exist", NameStr(a->experiment), NameStr(a->recommender)),
				 errhint("SELECT experiment FROM recsys.experiment lists those that there are.")));
	SPI_freetuptable(SPI_tuptable);
}

/* Reads the definition; the caller is connected to SPI. */
static void
load(Assigner *a, Name recommender, Name experiment)
{
	Snapshot	s = GetActiveSnapshot();
	RsRecommender *r;

	a->r = NULL;				/* until all is read */
	MemoryContextReset(a->context);
	a->recommender = *recommender;
	a->experiment = *experiment;
	a->role = GetUserId();
	a->xmin = s->xmin;
	a->xmax = s->xmax;
	a->running = s->xcnt;
	a->running_sub = s->subxcnt;
	a->command = s->curcid;
	a->noverrides = 0;
	r = rs_registry_get(NameStr(*recommender), a->context);
	a->n = 0;
	if (NameStr(*experiment)[0] != '\0')	/* which stands for all of them */
		a->e = rs_experiments(r, NameStr(*experiment), a->context, &a->n);
	if (a->n == 0)
		check_experiment(a);
	if (a->n > 0)
		load_overrides(a, r);
	a->r = r;
}

static bool
is_current(const Assigner *a, Name recommender, Name experiment)
{
	Snapshot	s = GetActiveSnapshot();

	return a->r != NULL && a->role == GetUserId() &&
		a->xmax == s->xmax && a->xmin == s->xmin && a->running == s->xcnt &&
		a->running_sub == s->subxcnt && a->command == s->curcid &&
		strcmp(NameStr(a->recommender), NameStr(*recommender)) == 0 &&
		strcmp(NameStr(a->experiment), NameStr(*experiment)) == 0;
}

/* The override of a unit: by what is kept, or by a look at the table. */
static text *
overridden(Assigner *a, text *unit)
{
	Override	key = {unit, NULL};
	Override   *found;
	MemoryContext context = CurrentMemoryContext;
	text	   *variant = NULL;
	const RsVariant *v;
	int			level;
	int64		id;

	if (a->noverrides >= 0)
	{
		found = a->noverrides == 0 ? NULL :
			bsearch(&key, a->override, a->noverrides, sizeof(Override), compare_units);
		if (found == NULL || find_arm(a->e, text_to_cstring(found->variant)) == NULL)
			return NULL;
		return found->variant;
	}
	SPI_connect();
	level = rs_search_path_push();
	v = read_override(a->r, a->e, a->n, VARDATA_ANY(unit), (int) VARSIZE_ANY_EXHDR(unit), &id);
	if (v != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		variant = cstring_to_text(v->name);
		MemoryContextSwitchTo(old);
	}
	AtEOXact_GUC(false, level);
	SPI_finish();
	return variant;
}

/* assign(recommender, experiment, unit) */
Datum
recsys_assign(PG_FUNCTION_ARGS)
{
	Name		recommender = PG_GETARG_NAME(0);
	Name		experiment = PG_GETARG_NAME(1);
	text	   *unit = PG_GETARG_TEXT_PP(2);
	Assigner   *a = fcinfo->flinfo->fn_extra;
	text	   *variant;
	const RsVariant *v;

	if (a == NULL)
	{
		a = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Assigner));
		a->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "recsys assign", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = a;
	}
	if (!is_current(a, recommender, experiment))
	{
		int			level;

		SPI_connect();
		level = rs_search_path_push();
		load(a, recommender, experiment);
		AtEOXact_GUC(false, level);
		SPI_finish();
	}
	if (a->n == 0)
		PG_RETURN_NULL();
	variant = overridden(a, unit);
	if (variant != NULL)
		PG_RETURN_TEXT_P(variant);
	v = rs_experiment_arm(a->r, a->e, VARDATA_ANY(unit), (int) VARSIZE_ANY_EXHDR(unit));
	if (v == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(v->name));
}
