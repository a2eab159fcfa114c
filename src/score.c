/*-------------------------------------------------------------------------
 *
 * score.c
 *	  Scores of all items for one request.
 *
 * Gathers the evidence of the neighbours and of the factors from the history
 * and blends them, in the same order and by the same code (kernel/score.h) as
 * the evaluation does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "serve.h"
#include "kernel/score.h"

typedef struct NeighborRow
{
	int			place;			/* in the history */
	int			rank;
	RsNeighbor	neighbor;
} NeighborRow;

static int
compare_neighbor_rows(const void *a, const void *b)
{
	const NeighborRow *x = a;
	const NeighborRow *y = b;

	if (x->place != y->place)
		return x->place - y->place;
	return x->rank - y->rank;
}

/* Items as an array of the recommender's item type. */
Datum
rs_item_array(const RsRecommender *r, Datum *items, int n)
{
	int16		typlen;
	bool		typbyval;
	char		typalign;

	get_typlenbyvalalign(r->item_type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_array(items, n, r->item_type,
										   typlen, typbyval, typalign));
}

/* The history's items as an array. */
static Datum
history_items(const RsRequest *q)
{
	Datum	   *values = palloc((q->h->n + 1) * sizeof(Datum));

	for (int i = 0; i < q->h->n; i++)
		values[i] = rs_idmap_datum(q->m->items, q->h->column[i]);
	return rs_item_array(q->r, values, q->h->n);
}

/* The history's item that speaks most for each neighbour; ties to the first. */
static void
find_strongest(RsRequest *q, const NeighborRow *rows, uint64 n)
{
	Size		nitems = Max(q->m->nitems, 1);
	float	   *most = palloc_extended(nitems * sizeof(float), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	q->because = palloc_extended(nitems * sizeof(uint32), MCXT_ALLOC_HUGE);
	memset(q->because, 0xff, nitems * sizeof(uint32));
	for (uint64 i = 0; i < n; i++)
	{
		uint32		column = rows[i].neighbor.item;
		float		share = q->h->weight[rows[i].place] * rows[i].neighbor.similarity;

		if (share > most[column])
		{
			most[column] = share;
			q->because[column] = q->h->column[rows[i].place];
		}
	}
	pfree(most);
}

/* The neighbours of the history's items, by item, then by rank. */
static NeighborRow *
read_neighbors(const RsRequest *q, uint64 *n)
{
	Oid			type = get_array_type(q->r->item_type);
	Oid			types[] = {INT4OID, q->r->item_type, INT4OID, INT4OID, FLOAT8OID};
	Datum		items = history_items(q);
	NeighborRow *rows;
	uint64		found;

	found = rs_spi_select(psprintf("SELECT h.place::pg_catalog.int4 - 1, n.neighbor_id, n.rank, n.users_both, n.similarity"
								   " FROM pg_catalog.unnest($1) WITH ORDINALITY h (item_id, place)"
								   " JOIN %s.item_neighbor n ON n.model_id = " INT64_FORMAT " AND n.item_id = h.item_id",
								   q->r->schema, q->m->model_id),
						  1, &type, &items, lengthof(types), types);
	rows = palloc_extended((found + 1) * sizeof(NeighborRow), MCXT_ALLOC_HUGE);
	*n = 0;
	for (uint64 i = 0; i < found; i++)
	{
		NeighborRow *row = &rows[*n];

		row->neighbor.item = rs_idmap_find(q->m->items, rs_spi_value(i, 2));
		if (row->neighbor.item == RS_NO_ID && q->m->partial)
			continue;
		if (row->neighbor.item == RS_NO_ID)
			elog(ERROR, "a neighbour is no item of model " INT64_FORMAT, q->m->model_id);
		row->place = DatumGetInt32(rs_spi_value(i, 1));
		row->rank = DatumGetInt32(rs_spi_value(i, 3));
		row->neighbor.users_both = DatumGetInt32(rs_spi_value(i, 4));
		row->neighbor.similarity = (float) DatumGetFloat8(rs_spi_value(i, 5));
		(*n)++;
	}
	SPI_freetuptable(SPI_tuptable);
	qsort(rows, *n, sizeof(NeighborRow), compare_neighbor_rows);
	return rows;
}

/*
 * Evidence of the neighbours, in the order in which the evaluation sums it.
 */
static void
score_neighbors(RsRequest *q)
{
	uint64		n;
	NeighborRow *rows = read_neighbors(q, &n);
	uint64	   *start = palloc0((q->h->n + 1) * sizeof(uint64));
	uint32	   *place = palloc((q->h->n + 1) * sizeof(uint32));
	RsNeighbor *neighbors;

	neighbors = palloc_extended((n + 1) * sizeof(RsNeighbor), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < n; i++)
	{
		neighbors[i] = rows[i].neighbor;
		start[rows[i].place + 1]++;
	}
	for (int i = 0; i < q->h->n; i++)
	{
		start[i + 1] += start[i];
		place[i] = i;
	}
	q->neighbor = palloc_extended(Max(q->m->nitems, 1) * sizeof(float), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	rs_neighbor_scores(start, neighbors, q->h->n, place, q->h->weight, q->neighbor);
	find_strongest(q, rows, n);
	pfree(rows);
	pfree(neighbors);
}

/*
 * Evidence of the factors: the user's vector solved from the history; none
 * where it has no solution.
 */
static void
score_factors(RsRequest *q)
{
	const RsModel *m = q->m;
	void	   *work = palloc_extended(rs_fold_in_workspace(m->fold.factors, q->h->n), MCXT_ALLOC_HUGE);
	float	   *x = palloc(m->fold.width * sizeof(float));

	if (rs_fold_in(&m->fold, q->h->n, q->h->column, q->h->weight, work, x))
	{
		q->factor = palloc_extended(Max(m->nitems, 1) * sizeof(float), MCXT_ALLOC_HUGE);
		rs_factor_scores(m->row, m->nitems, m->fold.width, x, q->factor);
	}
	pfree(work);
	pfree(x);
}

/* Final scores; -infinity for what this user or call must not see. */
void
rs_score_items(RsRequest *q)
{
	const RsModel *m = q->m;
	bool	   *hidden = palloc_extended(Max(m->nitems, 1) * sizeof(bool), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint32 i = 0; i < rs_idmap_count(q->h->hidden); i++)
	{
		uint32		column = rs_idmap_find(m->items, rs_idmap_datum(q->h->hidden, i));

		if (column != RS_NO_ID)
			hidden[column] = true;
	}
	if (q->h->n > 0 && rs_has_neighbors(q->method))
		score_neighbors(q);
	if (q->h->n > 0 && rs_has_factors(q->method) && m->fold.factors > 0)
		score_factors(q);
	q->score = palloc_extended(Max(m->nitems, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	if (q->factor != NULL && m->fold.kind == RS_KIND_RATING)
		for (uint32 i = 0; i < m->nitems; i++)
			q->score[i] = hidden[i] ? -INFINITY : q->factor[i];
	else
		rs_blend(q->neighbor, q->factor, m->popularity, hidden, m->nitems, m->blend, q->score);
	if (q->only != NULL)
		for (uint32 i = 0; i < m->nitems; i++)
			if (rs_idmap_find(q->only, rs_idmap_datum(m->items, i)) == RS_NO_ID)
				q->score[i] = -INFINITY;
	pfree(hidden);
}
