/*-------------------------------------------------------------------------
 *
 * model.c
 *	  A stored model as parts that the team can rank by.
 *
 * Popularity, factors and the Gram matrix come by the reader of serving
 * (cache.c); the neighbours, which serving looks up item by item, are read
 * whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "lists.h"
#include "stream.h"

#define ROWS_PER_CHARGE	4096

typedef struct NeighborRow
{
	uint32		item;
	int32		rank;
	RsNeighbor	neighbor;
} NeighborRow;

typedef struct Reader
{
	RsRun	   *run;
	RsModel    *m;
	uint64		n;
	uint64		allocated;
	NeighborRow *row;
} Reader;

/* One row of SHOP.item_neighbor: item, neighbour, rank, users of both, similarity. */
static void
receive_neighbor(const Datum *values, const bool *isnull, void *arg)
{
	Reader	   *reader = arg;
	NeighborRow *row;

	if (reader->n == reader->allocated)
	{
		rs_run_charge(reader->run, reader->allocated * sizeof(NeighborRow), "item neighbours");
		reader->allocated *= 2;
		reader->row = repalloc_huge(reader->row, reader->allocated * sizeof(NeighborRow));
	}
	row = &reader->row[reader->n];
	row->item = rs_idmap_find(reader->m->items, values[0]);
	row->neighbor.item = rs_idmap_find(reader->m->items, values[1]);
	row->rank = DatumGetInt32(values[2]);
	row->neighbor.users_both = DatumGetInt32(values[3]);
	row->neighbor.similarity = (float) DatumGetFloat8(values[4]);
	if (row->item == RS_NO_ID || row->neighbor.item == RS_NO_ID)
	{
		if (reader->m->partial)
			return;
		elog(ERROR, "a neighbour is no item of model " INT64_FORMAT, reader->m->model_id);
	}
	if (!(row->neighbor.similarity >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("similarity %g of model " INT64_FORMAT " is negative",
						row->neighbor.similarity, reader->m->model_id)));
	reader->n++;
}

static int
compare_rank(const void *a, const void *b)
{
	const NeighborRow *x = a;
	const NeighborRow *y = b;

	return (x->rank > y->rank) - (x->rank < y->rank);
}

/* The rows by item, then by rank, into the part. */
static void
sort_neighbors(const Reader *reader, RsNeighborPart *part)
{
	uint32		nitems = reader->m->nitems;
	NeighborRow *sorted = palloc_extended((reader->n + 1) * sizeof(NeighborRow), MCXT_ALLOC_HUGE);
	uint64	   *next = palloc_extended((nitems + 1) * sizeof(uint64), MCXT_ALLOC_HUGE);

	memset(part->start, 0, (nitems + 1) * sizeof(uint64));
	for (uint64 i = 0; i < reader->n; i++)
		part->start[reader->row[i].item + 1]++;
	for (uint32 i = 0; i < nitems; i++)
		part->start[i + 1] += part->start[i];
	memcpy(next, part->start, nitems * sizeof(uint64));
	for (uint64 i = 0; i < reader->n; i++)
		sorted[next[reader->row[i].item]++] = reader->row[i];
	for (uint32 i = 0; i < nitems; i++)
	{
		qsort(sorted + part->start[i], part->start[i + 1] - part->start[i],
			  sizeof(NeighborRow), compare_rank);
		if (i % 256 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	for (uint64 i = 0; i < reader->n; i++)
		part->neighbor[i] = sorted[i].neighbor;
	pfree(next);
	pfree(sorted);
}

/* All neighbours of the model, in shared memory. */
static RsNeighborPart *
read_neighbors(RsRun *run, MemoryContext context, RsModel *m)
{
	RsNeighborPart *part = palloc0(sizeof(RsNeighborPart));
	Oid			item = run->recommender->item_type;
	Oid			types[] = {item, item, INT4OID, INT4OID, FLOAT8OID};
	Reader		reader = {0};

	reader.run = run;
	reader.m = m;
	reader.allocated = ROWS_PER_CHARGE;
	reader.row = rs_run_alloc_in(run, context, reader.allocated * sizeof(NeighborRow), "item neighbours");
	rs_stream(psprintf("SELECT n.item_id, n.neighbor_id, n.rank, n.users_both, n.similarity"
					   " FROM %s.item_neighbor n WHERE n.model_id = " INT64_FORMAT,
					   run->recommender->schema, m->model_id),
			  lengthof(types), types, lengthof(types), receive_neighbor, &reader);
	part->is_shared = true;
	part->shared_start = rs_share(run, context, ((Size) m->nitems + 1) * sizeof(uint64), "item neighbours");
	part->shared_neighbor = rs_share(run, context, reader.n * sizeof(RsNeighbor), "item neighbours");
	part->start = part->shared_start.local;
	part->neighbor = part->shared_neighbor.local;
	rs_run_charge(run, reader.n * sizeof(NeighborRow), "item neighbours");
	sort_neighbors(&reader, part);
	pfree(reader.row);
	return part;
}

/* A copy that the team can reach. */
static RsShared
share_copy(RsRun *run, MemoryContext context, const void *from, Size bytes, const char *what)
{
	RsShared	memory = rs_share(run, context, bytes, what);

	memcpy(memory.local, from, bytes);
	return memory;
}

static RsFactorPart *
copy_factors(RsRun *run, MemoryContext context, const RsModel *m)
{
	RsFactorPart *part = palloc0(sizeof(RsFactorPart));
	const RsFoldIn *fold = &m->fold;
	Size		f = fold->factors;

	part->kind = fold->kind;
	part->settings.factors = fold->factors;
	part->settings.alpha0 = fold->alpha0;
	part->settings.lambda = fold->lambda;
	part->settings.nu = fold->nu;
	part->rating = fold->rating;
	part->asked = part->settings;
	part->shared_row = share_copy(run, context, m->row, (Size) m->nitems * fold->width * sizeof(float), "item factors");
	if (fold->gram != NULL)
		part->shared_gram = share_copy(run, context, fold->gram, f * f * sizeof(float), "item factors");
	return part;
}

RsParts *
rs_model_parts(RsRun *run, MemoryContext context, RsModel *m, RsMethod method,
			   RsPolicy *policy)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	RsParts    *parts = palloc0(sizeof(RsParts));

	memset(policy, 0, sizeof(*policy));
	policy->method = method;
	policy->blend = m->blend;
	parts->shared_popularity = share_copy(run, context, m->popularity, m->nitems * sizeof(float), "popularity");
	parts->popularity = parts->shared_popularity.local;
	if (method == RS_ITEM_ITEM || method == RS_FUNNEL)
		parts->neighbors = list_make1(read_neighbors(run, context, m));
	if (rs_has_factors(method) && m->fold.factors > 0)
	{
		RsFactorPart *part = copy_factors(run, context, m);

		policy->factors = part->asked;
		parts->factors = list_make1(part);
	}
	MemoryContextSwitchTo(old);
	return parts;
}
