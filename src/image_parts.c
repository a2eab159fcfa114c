/*-------------------------------------------------------------------------
 *
 * image_parts.c
 *	  What only some models have: neighbours, facts of the catalog, a ranker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "array.h"
#include "image.h"
#include "stream.h"

/* Zeroed memory that may be large. */
static void *
allocate(Size count, Size size)
{
	return palloc_extended((count + 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* ---- neighbours ---- */

typedef struct NeighborRow
{
	uint32		item;
	int32		rank;
	RsNeighbor	neighbor;
} NeighborRow;

/*
 * Ids by value wait a little before they are looked up, so that the memory of
 * their slots is there by then.
 */
#define WAITING	32

typedef struct Neighbors
{
	RsImageReader *reader;
	uint64		n;
	uint64		allocated;
	NeighborRow *row;
	uint32		last;			/* item of the row before, or RS_NO_ID */
	uint64		received;
	uint64		resolved;
	NeighborRow waiting_row[WAITING];
	Datum		waiting_id[WAITING];
} Neighbors;

/* A row whose neighbour is found now. */
static void
add_neighbor(Neighbors *n, NeighborRow *row, Datum id)
{
	row->neighbor.item = rs_idmap_find(n->reader->items, id);
	if (row->item == RS_NO_ID || row->neighbor.item == RS_NO_ID)
	{
		if (n->reader->partial)
			return;
		elog(ERROR, "a neighbour is no item of model " INT64_FORMAT, n->reader->p->header.key.model_id);
	}
	if (n->n == n->allocated)
	{
		n->allocated *= 2;
		n->row = repalloc_huge(n->row, n->allocated * sizeof(NeighborRow));
	}
	n->row[n->n++] = *row;
}

/* Finds the neighbours of all rows but the latest few. */
static void
resolve_waiting(Neighbors *n, uint64 most_waiting)
{
	for (; n->received - n->resolved > most_waiting; n->resolved++)
		add_neighbor(n, &n->waiting_row[n->resolved % WAITING], n->waiting_id[n->resolved % WAITING]);
}

/* The item of a row: often that of the row before. */
static uint32
find_item(Neighbors *n, Datum id)
{
	RsIdMap    *items = n->reader->items;

	if (n->last == RS_NO_ID || !rs_idmap_by_value(items) || rs_idmap_datum(items, n->last) != id)
		n->last = rs_idmap_find(items, id);
	return n->last;
}

/* One row of SHOP.item_neighbor: item, neighbour, rank, users of both, similarity. */
static void
receive_neighbor(const Datum *values, const bool *isnull, void *arg)
{
	Neighbors  *n = arg;
	NeighborRow row;

	row.item = find_item(n, values[0]);
	row.rank = DatumGetInt32(values[2]);
	row.neighbor.users_both = DatumGetInt32(values[3]);
	row.neighbor.similarity = (float) DatumGetFloat8(values[4]);
	if (!(row.neighbor.similarity >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("similarity %g of model " INT64_FORMAT " is negative",
						row.neighbor.similarity, n->reader->p->header.key.model_id)));
	if (!rs_idmap_by_value(n->reader->items))
	{
		add_neighbor(n, &row, values[1]);
		return;
	}
	rs_idmap_announce(n->reader->items, values[1]);
	n->waiting_row[n->received % WAITING] = row;
	n->waiting_id[n->received++ % WAITING] = values[1];
	resolve_waiting(n, WAITING - 1);
}

#define RS_SORT			sort_by_rank
#define RS_SORT_TYPE	NeighborRow
#define RS_SORT_LESS(a, b)	((a)->rank < (b)->rank || \
							 ((a)->rank == (b)->rank && (a)->neighbor.item < (b)->neighbor.item))
#include "kernel/sort_template.h"

/* The rows by item, then by rank, into the image. */
static void
sort_neighbors(const Neighbors *n)
{
	uint32		nitems = n->reader->p->header.nitems;
	NeighborRow *sorted = allocate(n->n, sizeof(NeighborRow));
	RsNeighbor *neighbor;
	uint64	   *start = allocate(nitems + 1, sizeof(uint64));
	uint64	   *next = allocate(nitems + 1, sizeof(uint64));
	uint64		most = 1;

	for (uint64 i = 0; i < n->n; i++)
		start[n->row[i].item + 1]++;
	for (uint32 i = 0; i < nitems; i++)
		start[i + 1] += start[i];
	memcpy(next, start, nitems * sizeof(uint64));
	for (uint64 i = 0; i < n->n; i++)
		sorted[next[n->row[i].item]++] = n->row[i];
	pfree(n->row);
	pfree(next);
	neighbor = allocate(n->n, sizeof(RsNeighbor));
	for (uint32 i = 0; i < nitems; i++)
	{
		most = Max(most, start[i + 1] - start[i]);
		sort_by_rank(sorted + start[i], start[i + 1] - start[i]);
		if (i % 256 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	for (uint64 i = 0; i < n->n; i++)
		neighbor[i] = sorted[i].neighbor;
	pfree(sorted);
	n->reader->p->header.most_neighbors = (uint32) Min(most, PG_UINT32_MAX);
	rs_image_put(n->reader->p, RS_IMAGE_NEIGHBOR_START, start, ((Size) nitems + 1) * sizeof(uint64));
	rs_image_put(n->reader->p, RS_IMAGE_NEIGHBOR, neighbor, n->n * sizeof(RsNeighbor));
}

/* All neighbours of the model. */
void
rs_image_neighbors(RsImageReader *reader)
{
	Oid			item = reader->r->item_type;
	Oid			types[] = {item, item, INT4OID, INT4OID, FLOAT8OID};
	Neighbors	n = {reader, 0, 4096};

	n.last = RS_NO_ID;
	n.row = palloc(n.allocated * sizeof(NeighborRow));
	rs_stream(psprintf("SELECT n.item_id, n.neighbor_id, n.rank, n.users_both, n.similarity"
					   " FROM %s.item_neighbor n WHERE n.model_id = " INT64_FORMAT,
					   reader->r->schema, reader->p->header.key.model_id),
			  lengthof(types), types, lengthof(types), receive_neighbor, &n);
	resolve_waiting(&n, 0);
	sort_neighbors(&n);
}

/* ---- facts of the catalog ---- */

typedef struct Facts
{
	RsImageReader *reader;
	RsIdMap    *names;			/* of categories */
	bool		any_category;
	bool		any_release;
	bool		any_price;
	uint32	   *category;
	int64	   *released;
	float	   *price;
	float	   *extra;
} Facts;

/* An item's own features; what is not a number counts as not known. */
static void
receive_extra(Facts *f, uint32 item, Datum value)
{
	RsImageHeader *h = &f->reader->p->header;
	int			length;
	float	   *extra = rs_vector(DatumGetArrayTypeP(value), &length);

	if (length != h->nextra)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("an item of model " INT64_FORMAT " has %d features of its own instead of %d",
						h->key.model_id, length, h->nextra)));
	for (int i = 0; i < length; i++)
		f->extra[(Size) item * length + i] = isfinite(extra[i]) ? extra[i] : 0;
}

/* One row of SHOP.item_attribute: item, category, price, released_at, extra. */
static void
receive_facts(const Datum *values, const bool *isnull, void *arg)
{
	Facts	   *f = arg;
	uint32		item = rs_idmap_find(f->reader->items, values[0]);

	/* the catalog may know items that nobody has had */
	if (item == RS_NO_ID)
		return;
	if (!isnull[1])
	{
		f->category[item] = rs_idmap_add(f->names, values[1]);
		f->any_category = true;
	}
	if (!isnull[2] && DatumGetFloat8(values[2]) >= 0 && isfinite((float) DatumGetFloat8(values[2])))
	{
		f->price[item] = (float) DatumGetFloat8(values[2]);
		f->any_price = true;
	}
	if (!isnull[3] && !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(values[3])))
	{
		f->released[item] = DatumGetTimestampTz(values[3]);
		f->any_release = true;
	}
	if (!isnull[4])
		receive_extra(f, item, values[4]);
}

/* Categories by the bytes of their names, each with its items by popularity. */
static void
put_categories(Facts *f)
{
	RsImageParts *p = f->reader->p;
	RsImageHeader *h = &p->header;
	uint32		n = rs_idmap_count(f->names);
	uint32	   *place = allocate(n, sizeof(uint32));
	uint64	   *start = allocate(n + 1, sizeof(uint64));
	uint64	   *next = allocate(n + 1, sizeof(uint64));
	uint32	   *list;
	uint64	   *offset = allocate(n, sizeof(uint64));
	StringInfoData bytes;

	rs_idmap_sort(f->names, place);
	for (uint32 i = 0; i < h->nitems; i++)
		if (f->category[i] != RS_NO_CATEGORY)
		{
			f->category[i] = place[f->category[i]];
			start[f->category[i] + 1]++;
		}
	for (uint32 c = 0; c < n; c++)
		start[c + 1] += start[c];
	memcpy(next, start, n * sizeof(uint64));
	list = allocate(start[n], sizeof(uint32));
	for (uint32 i = 0; i < h->nitems; i++)
	{
		uint32		item = f->reader->popular[i];

		if (f->category[item] != RS_NO_CATEGORY)
			list[next[f->category[item]]++] = item;
	}
	initStringInfo(&bytes);
	for (uint32 c = 0; c < n; c++)
	{
		char	   *name = TextDatumGetCString(rs_idmap_datum(f->names, c));

		offset[c] = bytes.len;
		appendBinaryStringInfo(&bytes, name, strlen(name) + 1);
		pfree(name);
	}
	h->ncategories = n;
	rs_image_put(p, RS_IMAGE_CATEGORY, f->category, h->nitems * sizeof(uint32));
	rs_image_put(p, RS_IMAGE_CATEGORY_START, start, ((Size) n + 1) * sizeof(uint64));
	rs_image_put(p, RS_IMAGE_CATEGORY_ITEM, list, start[n] * sizeof(uint32));
	rs_image_put(p, RS_IMAGE_CATEGORY_NAME, offset, n * sizeof(uint64));
	rs_image_put(p, RS_IMAGE_CATEGORY_BYTES, bytes.data, bytes.len);
}

/* Names of the model's own features, in the order of their bytes. */
static void
read_names(RsImageReader *reader)
{
	RsImageHeader *h = &reader->p->header;
	Oid			type = INT8OID;
	Oid			column = TEXTOID;
	Datum		model = Int64GetDatum(h->key.model_id);
	StringInfoData bytes;

	h->nextra = (int) rs_spi_select("SELECT f.name FROM recsys.model m, pg_catalog.jsonb_object_keys(CASE"
									" pg_catalog.jsonb_typeof(m.parameters -> 'settings' -> 'features')"
									" WHEN 'object' THEN m.parameters -> 'settings' -> 'features' ELSE '{}' END) f (name)"
									" WHERE m.model_id = $1 ORDER BY f.name COLLATE \"C\"",
									1, &type, &model, 1, &column);
	if (h->nextra > RS_MOST_EXTRA)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("model " INT64_FORMAT " has %d features of its own, at most %d are possible",
						h->key.model_id, h->nextra, RS_MOST_EXTRA)));
	initStringInfo(&bytes);
	for (int i = 0; i < h->nextra; i++)
	{
		char	   *name = TextDatumGetCString(rs_spi_value(i, 1));

		appendBinaryStringInfo(&bytes, name, strlen(name) + 1);
	}
	SPI_freetuptable(SPI_tuptable);
	rs_image_put(reader->p, RS_IMAGE_FEATURE, bytes.data, bytes.len);
}

/* What the catalog said when the model was trained, if there was one. */
void
rs_image_facts(RsImageReader *reader)
{
	RsImageHeader *h = &reader->p->header;
	Oid			types[] = {reader->r->item_type, TEXTOID, FLOAT8OID, TIMESTAMPTZOID, FLOAT4ARRAYOID};
	Facts		f = {reader};

	read_names(reader);
	if (!OidIsValid(get_relname_relid("item_attribute", reader->r->schema_oid)))
		return;
	f.names = rs_idmap_create(TEXTOID, C_COLLATION_OID, CurrentMemoryContext);
	f.category = allocate(h->nitems, sizeof(uint32));
	f.released = allocate(h->nitems, sizeof(int64));
	f.price = allocate(h->nitems, sizeof(float));
	f.extra = allocate((Size) h->nitems * h->nextra, sizeof(float));
	memset(f.category, 0xff, h->nitems * sizeof(uint32));
	for (uint32 i = 0; i < h->nitems; i++)
	{
		f.released[i] = RS_NO_RELEASE;
		f.price[i] = -1;
	}
	rs_stream(psprintf("SELECT a.item_id, a.category, a.price, a.released_at, a.extra"
					   " FROM %s.item_attribute a WHERE a.model_id = " INT64_FORMAT,
					   reader->r->schema, h->key.model_id),
			  lengthof(types), types, 1, receive_facts, &f);
	if (f.any_category)
		put_categories(&f);
	if (f.any_release)
		rs_image_put(reader->p, RS_IMAGE_RELEASED, f.released, h->nitems * sizeof(int64));
	if (f.any_price)
		rs_image_put(reader->p, RS_IMAGE_PRICE, f.price, h->nitems * sizeof(float));
	if (h->nextra > 0)
		rs_image_put(reader->p, RS_IMAGE_EXTRA, f.extra, (Size) h->nitems * h->nextra * sizeof(float));
}

/* ---- the ranker ---- */

/*
 * Weights of the features in their order.  A ranker of another list of
 * features than this library's says nothing here.
 */
void
rs_image_ranker(RsImageReader *reader)
{
	RsImageHeader *h = &reader->p->header;
	int			n = RS_FEATURES + h->nextra;
	Oid			types[] = {INT4OID, FLOAT8OID, FLOAT8OID, FLOAT8OID};
	Oid			argtypes[] = {INT8OID, NAMEOID};
	Datum		args[2];
	double	   *numbers;
	uint64		found;

	if (!OidIsValid(get_relname_relid("ranker_weight", get_namespace_oid("recsys", false))))
		return;
	args[0] = Int64GetDatum(h->key.model_id);
	args[1] = NameGetDatum(&reader->r->name);
	found = rs_spi_select("SELECT w.position, w.mean, w.scale, w.weight FROM recsys.ranker_weight w"
						  " WHERE w.model_id = $1 AND w.recommender = $2 ORDER BY w.position",
						  2, argtypes, args, lengthof(types), types);
	if (found > 0 && (found != (uint64) n || h->feature_version != RS_FEATURE_VERSION))
		ereport(LOG,
				(errmsg("the ranker of model " INT64_FORMAT " is of other features, and is not used",
						h->key.model_id)));
	else if (found > 0)
	{
		numbers = allocate(3 * n, sizeof(double));
		for (int i = 0; i < n; i++)
			for (int j = 0; j < 3; j++)
			{
				double		x = DatumGetFloat8(rs_spi_value(i, j + 2));

				if (DatumGetInt32(rs_spi_value(i, 1)) != i + 1 || !isfinite(x))
					ereport(ERROR,
							(errcode(ERRCODE_DATA_CORRUPTED),
							 errmsg("the ranker of model " INT64_FORMAT " is not whole", h->key.model_id)));
				numbers[j * n + i] = x;
			}
		h->ranker_features = n;
		rs_image_put(reader->p, RS_IMAGE_RANKER, numbers, 3 * n * sizeof(double));
	}
	SPI_freetuptable(SPI_tuptable);
}
