/*-------------------------------------------------------------------------
 *
 * image_build.c
 *	  Reads a model's tables into the parts of an image.
 *
 * Everything is read through SPI as the caller, in its snapshot.  The parts
 * are made in the current context and not yet put together: an image that is
 * to be shared goes from here into its file (image_file.c), and never needs
 * its memory twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "array.h"
#include "image.h"
#include "stream.h"

/* ---- the model's row ---- */

#define NUMBER(of, key) " coalesce((m.parameters " of " ->> '" key "')::float8, 0)"
#define SETTING(key) NUMBER("-> 'settings'", key)

static const char *const settings_query =
"SELECT m.method, m.feature_version,"
NUMBER("", "alpha0") "," SETTING("lambda") "," SETTING("nu") "," SETTING("blend") ","
SETTING("factors") "," SETTING("bias_lambda") ","
NUMBER("", "mu") "," NUMBER("", "scale") "," NUMBER("", "highest_rating") ","
" coalesce((m.parameters -> 'settings' ->> 'item_bias')::boolean, false),"
SETTING("recency_half_life") "," SETTING("main_categories") ","
SETTING("neighbor_candidates") "," SETTING("factor_candidates") "," SETTING("popularity_candidates") ","
SETTING("category_candidates") "," SETTING("history_candidates") ","
NUMBER("-> 'ranker'", "slope") "," NUMBER("-> 'ranker'", "intercept")
" FROM recsys.model m WHERE m.model_id = $1 AND m.recommender = $2";

#define SETTINGS_COLUMNS	21

/* A number of the row just read. */
static double
number(int column)
{
	return DatumGetFloat8(rs_spi_value(0, column));
}

/* What the model's row says. */
static void
read_settings(const RsRecommender *r, RsImageHeader *h)
{
	Oid			types[SETTINGS_COLUMNS];
	Oid			argtypes[] = {INT8OID, NAMEOID};
	Datum		args[2];

	for (int i = 0; i < SETTINGS_COLUMNS; i++)
		types[i] = FLOAT8OID;
	types[0] = TEXTOID;
	types[1] = INT4OID;
	types[11] = BOOLOID;
	args[0] = Int64GetDatum(h->key.model_id);
	args[1] = NameGetDatum(&r->name);
	if (rs_spi_select(settings_query, 2, argtypes, args, lengthof(types), types) != 1)
		elog(ERROR, "could not read model " INT64_FORMAT, h->key.model_id);
	h->method = rs_method(TextDatumGetCString(rs_spi_value(0, 1)));
	h->feature_version = DatumGetInt32(rs_spi_value(0, 2));
	h->alpha0 = number(3);
	h->lambda = number(4);
	h->nu = number(5);
	h->blend = number(6);
	h->kind = h->method == RS_BPR && DatumGetBool(rs_spi_value(0, 12)) ?
		RS_KIND_BIASED : RS_KIND_IMPLICIT;
	h->recency_half_life = number(13);
	h->main_categories = (int) number(14);
	h->quota[RS_SOURCE_NEIGHBOR] = (int) number(15);
	h->quota[RS_SOURCE_FACTOR] = (int) number(16);
	h->quota[RS_SOURCE_POPULARITY] = (int) number(17);
	h->quota[RS_SOURCE_CATEGORY] = (int) number(18);
	h->quota[RS_SOURCE_HISTORY] = (int) number(19);
	h->ranker_slope = number(20);
	h->ranker_intercept = number(21);
	if (h->method == RS_EXPLICIT)
	{
		h->kind = RS_KIND_RATING;
		h->factors = (int) number(7);
		if (h->factors < 1 || h->factors > RS_MAX_FACTORS)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("model " INT64_FORMAT " has %d factors", h->key.model_id, h->factors)));
		h->rating.factors = h->factors;
		h->rating.lambda = h->lambda;
		h->rating.nu = h->nu;
		h->rating.bias_lambda = number(8);
		h->rating.mu = number(9);
		h->rating.scale = number(10);
		h->highest = (float) number(11);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* ---- items and their popularity ---- */

typedef struct Popularity
{
	RsIdMap    *items;
	uint32		allocated;
	float	   *score;
} Popularity;

static void
read_popularity(const Datum *values, const bool *isnull, void *arg)
{
	Popularity *p = arg;
	uint32		n = rs_idmap_add(p->items, values[0]);

	if (n == p->allocated)
	{
		p->allocated *= 2;
		p->score = repalloc_huge(p->score, p->allocated * sizeof(float));
	}
	p->score[n] = (float) DatumGetFloat8(values[1]);
}

typedef struct Popular
{
	float		score;
	uint32		item;
} Popular;

#define RS_SORT			sort_popular
#define RS_SORT_TYPE	Popular
#define RS_SORT_LESS(a, b)	((a)->score > (b)->score || \
							 ((a)->score == (b)->score && (a)->item < (b)->item))
#include "kernel/sort_template.h"

/* Items in the order of falling popularity, ties by column. */
static uint32 *
order_popular(const float *score, uint32 n)
{
	Popular    *sorted = palloc_extended(((Size) n + 1) * sizeof(Popular), MCXT_ALLOC_HUGE);
	uint32	   *popular = palloc_extended(((Size) n + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i < n; i++)
	{
		sorted[i].score = score[i];
		sorted[i].item = i;
	}
	sort_popular(sorted, n);
	for (uint32 i = 0; i < n; i++)
		popular[i] = sorted[i].item;
	pfree(sorted);
	return popular;
}

/* Numbers the items in the order of their ids, and popularity with them. */
static void
read_items(RsImageReader *reader)
{
	const RsRecommender *r = reader->r;
	RsImageHeader *h = &reader->p->header;
	Oid			types[] = {r->item_type, FLOAT8OID};
	Popularity	p = {reader->items, 1024};
	uint32	   *place;
	float	   *sorted;

	p.score = palloc(p.allocated * sizeof(float));
	rs_stream(psprintf("SELECT p.item_id, p.score FROM %s.popularity p WHERE p.model_id = " INT64_FORMAT,
					   r->schema, h->key.model_id), 2, types, 2, read_popularity, &p);
	h->nitems = rs_idmap_count(reader->items);
	place = palloc_extended(((Size) h->nitems + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	sorted = palloc_extended(((Size) h->nitems + 1) * sizeof(float), MCXT_ALLOC_HUGE);
	rs_idmap_sort(reader->items, place);
	for (uint32 i = 0; i < h->nitems; i++)
		sorted[place[i]] = p.score[i];
	pfree(p.score);
	pfree(place);
	reader->popularity = sorted;
	reader->popular = order_popular(sorted, h->nitems);
	rs_image_put(reader->p, RS_IMAGE_POPULARITY, sorted, h->nitems * sizeof(float));
	rs_image_put(reader->p, RS_IMAGE_POPULAR, reader->popular, h->nitems * sizeof(uint32));
}

/* Ids of a length of their own: one after the other, with their offsets. */
static void
put_varying_ids(RsImageReader *reader)
{
	uint32		n = reader->p->header.nitems;
	const RsIdType *t = rs_idmap_type(reader->items);
	Size		align = t->kind == RS_ID_TEXT ? 1 : MAXIMUM_ALIGNOF;
	uint64	   *offset = palloc_extended(((Size) n + 1) * sizeof(uint64), MCXT_ALLOC_HUGE);
	Size		at = 0;
	char	   *bytes;

	for (uint32 i = 0; i < n; i++)
	{
		Datum		id = rs_idmap_datum(reader->items, i);

		/* a header of four bytes has to be aligned */
		if (t->typlen == -1 && !VARATT_IS_1B(DatumGetPointer(id)))
			at = MAXALIGN(at);
		at = (at + align - 1) / align * align;
		offset[i] = at;
		at += datumGetSize(id, false, t->typlen);
	}
	bytes = palloc_extended(at + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < n; i++)
	{
		Datum		id = rs_idmap_datum(reader->items, i);

		memcpy(bytes + offset[i], DatumGetPointer(id), datumGetSize(id, false, t->typlen));
	}
	rs_image_put(reader->p, RS_IMAGE_ITEM, offset, n * sizeof(uint64));
	rs_image_put(reader->p, RS_IMAGE_ITEM_BYTES, bytes, at);
}

/* The ids, as their type keeps them, and the table that finds them. */
void
rs_image_ids(RsImageReader *reader)
{
	RsImageHeader *h = &reader->p->header;
	const RsIdType *t = rs_idmap_type(reader->items);
	const RsIdSlot *slot = rs_idmap_slots(reader->items, &h->nslots);

	rs_image_put(reader->p, RS_IMAGE_SLOT, slot, (Size) h->nslots * sizeof(RsIdSlot));
	if (t->byval)
	{
		Datum	   *ids = palloc_extended(((Size) h->nitems + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);

		for (uint32 i = 0; i < h->nitems; i++)
			ids[i] = rs_idmap_datum(reader->items, i);
		h->item_stride = sizeof(Datum);
		rs_image_put(reader->p, RS_IMAGE_ITEM, ids, h->nitems * sizeof(Datum));
	}
	else if (t->typlen > 0)
	{
		char	   *ids;

		h->item_stride = (int32) (t->kind == RS_ID_FIXED ? (Size) t->typlen : MAXALIGN(t->typlen));
		ids = palloc_extended((Size) h->nitems * h->item_stride + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (uint32 i = 0; i < h->nitems; i++)
			memcpy(ids + (Size) i * h->item_stride, DatumGetPointer(rs_idmap_datum(reader->items, i)), t->typlen);
		rs_image_put(reader->p, RS_IMAGE_ITEM, ids, (Size) h->nitems * h->item_stride);
	}
	else
		put_varying_ids(reader);
}

/* ---- factors ---- */

typedef struct Factors
{
	RsImageReader *reader;
	float	   *row;
	uint32		filled;
} Factors;

static void
read_factor(const Datum *values, const bool *isnull, void *arg)
{
	Factors    *f = arg;
	const RsImageHeader *h = &f->reader->p->header;
	uint32		n = rs_idmap_find(f->reader->items, values[0]);
	int			length;
	float	   *factor = rs_vector(DatumGetArrayTypeP(values[1]), &length);

	if (n == RS_NO_ID && f->reader->partial)
		return;
	if (n == RS_NO_ID || length != h->factors)
		elog(ERROR, "item factors of model " INT64_FORMAT " do not fit together", h->key.model_id);
	rs_join_row(h->kind, length, factor, isnull[2] ? 0 : DatumGetFloat4(values[2]),
				f->row + (Size) n * h->width);
	f->filled++;
}

/* The Gram matrix, and how many factors there are. */
static void
read_gram(RsImageReader *reader)
{
	RsImageHeader *h = &reader->p->header;
	Oid			argtypes[] = {INT8OID, NAMEOID};
	Oid			types[] = {INT4OID, FLOAT4ARRAYOID};
	Datum		args[2];
	float	   *gram;
	float	   *copy;
	int			length;

	args[0] = Int64GetDatum(h->key.model_id);
	args[1] = NameGetDatum(&reader->r->name);
	if (rs_spi_select("SELECT g.factors, g.gram FROM recsys.model_gram g"
					  " WHERE g.model_id = $1 AND g.recommender = $2",
					  2, argtypes, args, 2, types) == 0)
		return;
	h->factors = DatumGetInt32(rs_spi_value(0, 1));
	gram = rs_vector(DatumGetArrayTypeP(rs_spi_value(0, 2)), &length);
	if (h->factors < 1 || h->factors > RS_MAX_FACTORS ||
		length != h->factors * h->factors)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("Gram matrix of model " INT64_FORMAT " has %d elements and %d factors",
						h->key.model_id, length, h->factors)));
	copy = palloc(length * sizeof(float));
	memcpy(copy, gram, length * sizeof(float));
	rs_image_put(reader->p, RS_IMAGE_GRAM, copy, length * sizeof(float));
	SPI_freetuptable(SPI_tuptable);
}

void
rs_image_index(RsImageReader *reader, float *row, RsIndex *index)
{
	const RsImageHeader *h = &reader->p->header;
	Size		bytes = rs_index_bytes(h->nitems, h->width);
	char	   *memory = palloc_extended(bytes + RS_INDEX_ALIGN, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	memory = (char *) TYPEALIGN(RS_INDEX_ALIGN, memory);
	rs_index_build(row, h->nitems, h->width, memory, index);
	pfree(row);
	rs_image_put(reader->p, RS_IMAGE_INDEX, memory, bytes);
}

/*
 * The index over the rows of the items' factors; of those that row-level
 * security hides they are zero.
 */
static void
read_rows(RsImageReader *reader)
{
	RsImageHeader *h = &reader->p->header;
	Factors		f = {reader};
	Oid			types[] = {reader->r->item_type, FLOAT4ARRAYOID, FLOAT4OID};
	RsIndex		index;

	h->width = rs_row_width(h->kind, h->factors);
	f.row = palloc_extended((Size) Max(h->nitems, 1) * h->width * sizeof(float), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	rs_stream(psprintf("SELECT f.item_id, f.factor, f.bias FROM %s.item_factor f WHERE f.model_id = " INT64_FORMAT,
					   reader->r->schema, h->key.model_id), 3, types, 2, read_factor, &f);
	if (f.filled != h->nitems && !reader->partial)
		elog(ERROR, "model " INT64_FORMAT " has %u items and %u item factors",
			 h->key.model_id, h->nitems, f.filled);
	rs_image_index(reader, f.row, &index);
}

/*
 * partial: row-level security may hide items from the caller, in one table and
 * not in the other; an item without factors fits nobody's taste.
 */
RsImageParts *
rs_image_build(const RsRecommender *r, const RsImageKey *key, bool partial)
{
	RsImageReader reader = {0};
	RsImageHeader *h;

	reader.r = r;
	reader.partial = partial;
	reader.items = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	reader.p = palloc0(sizeof(RsImageParts));
	h = &reader.p->header;
	h->key = *key;
	read_settings(r, h);
	read_items(&reader);
	rs_image_ids(&reader);
	if (rs_has_factors(h->method) && h->method != RS_EXPLICIT)
		read_gram(&reader);
	if (h->factors > 0)
		read_rows(&reader);
	if (rs_has_neighbors(h->method))
		rs_image_neighbors(&reader);
	rs_image_facts(&reader);
	rs_image_ranker(&reader);
	rs_image_close(reader.p);
	return reader.p;
}
