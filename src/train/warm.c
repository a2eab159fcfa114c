/*-------------------------------------------------------------------------
 *
 * warm.c
 *	  Starts factors from those of the model that is live.
 *
 * For the training on everything only: the live model has seen what lies after
 * a cutoff, so one that is measured on that must not start from it.  Items that
 * the model does not know start at random, like all of them do otherwise, and
 * the users follow from the items.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "array.h"
#include "parts.h"
#include "stream.h"

typedef struct Reader
{
	RsRun	   *run;
	const RsMatrix *m;
	RsWarm	   *warm;
} Reader;

/* One row: item, factor.  The table is its owner's, so the values may be too. */
static void
receive(const Datum *values, const bool *isnull, void *arg)
{
	Reader	   *reader = arg;
	RsWarm	   *warm = reader->warm;
	uint32		item = rs_idmap_find(reader->run->items, values[0]);
	uint32		column = item == RS_NO_ID ? RS_NO_ID : reader->m->column[item];
	float	   *x;
	int			n;

	if (column == RS_NO_ID)
		return;
	x = rs_vector(DatumGetArrayTypeP(values[1]), &n);
	if (n != warm->factors)
		return;
	for (int i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return;
	memcpy(warm->item + (Size) column * n, x, n * sizeof(float));
	warm->known[column] = true;
}

/* The newest model of the run's policy and number of factors; 0 = none. */
static int64
earlier_model(const RsRun *run)
{
	Oid			types[] = {NAMEOID, NAMEOID, INT4OID};
	Oid			result = INT8OID;
	Datum		args[3];

	args[0] = NameGetDatum(&run->recommender->name);
	args[1] = NameGetDatum(&run->policy->name);
	args[2] = Int32GetDatum(run->policy->factors.factors);
	if (rs_spi_select("SELECT m.model_id FROM recsys.model m JOIN recsys.model_gram g USING (model_id)"
					  " WHERE m.recommender = $1 AND m.policy = $2 AND m.status = 'ready' AND g.factors = $3"
					  " ORDER BY m.model_id DESC LIMIT 1", 3, types, args, 1, &result) == 0)
		return 0;
	return DatumGetInt64(rs_spi_value(0, 1));
}

/* NULL where the policy does not ask for it, or no earlier model fits. */
RsWarm *
rs_warm_read(RsRun *run, const RsSplit *split)
{
	uint32		nitems = split->matrix->items.nrows;
	Oid			types[] = {run->recommender->item_type, FLOAT4ARRAYOID};
	int			factors = run->policy->factors.factors;
	Reader		reader;
	RsWarm	   *warm;
	int64		model_id;

	if (!run->policy->factors.warm_start || (model_id = earlier_model(run)) == 0)
		return NULL;
	warm = MemoryContextAllocZero(split->context, sizeof(RsWarm));
	warm->model_id = model_id;
	warm->factors = factors;
	warm->known = rs_run_alloc_in(run, split->context, nitems, "factors to start from");
	memset(warm->known, 0, nitems);
	warm->item = rs_run_alloc_in(run, split->context, sizeof(float) * nitems * factors,
								 "factors to start from");
	reader.run = run;
	reader.m = split->matrix;
	reader.warm = warm;
	rs_stream(psprintf("SELECT f.item_id, f.factor FROM %s.item_factor f WHERE f.model_id = " INT64_FORMAT,
					   run->recommender->schema, warm->model_id),
			  lengthof(types), types, lengthof(types), receive, &reader);
	return warm;
}

void
rs_warm_items(const RsWarm *warm, const RsMatrix *m,
			  const RsFactorSettings *settings, float *item)
{
	Size		f = settings->factors;

	if (!settings->warm_start || warm->factors != settings->factors)
		return;
	for (uint32 i = 0; i < m->items.nrows; i++)
		if (warm->known[i])
			memcpy(item + i * f, warm->item + i * f, f * sizeof(float));
}
