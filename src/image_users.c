/*-------------------------------------------------------------------------
 *
 * image_users.c
 *	  The users that a model was trained on, as an image like that of its items.
 *
 * Rows are the users' vectors, so that their product with an item's row is the
 * score.  Of models of implicit feedback the Gram matrix of the vectors comes
 * with them: by it a new item is solved from its users, as a new user is from
 * the items.  It is summed here, for training keeps that of the items alone.
 *
 * Made at the first call that asks for users; lists never need it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "array.h"
#include "image.h"
#include "stream.h"
#include "kernel/simd.h"

#define GRAM_ROWS	64			/* summed in single precision */

typedef struct Vectors
{
	RsImageReader *reader;
	float	   *row;
	uint32		filled;
} Vectors;

static void
read_user(const Datum *values, const bool *isnull, void *arg)
{
	RsImageReader *reader = arg;

	rs_idmap_add(reader->items, values[0]);
}

/* One user's vector: see kernel/fold_in.h. */
static void
read_vector(const Datum *values, const bool *isnull, void *arg)
{
	Vectors    *v = arg;
	const RsImageHeader *h = &v->reader->p->header;
	uint32		n = rs_idmap_find(v->reader->items, values[0]);
	int			length;
	float	   *factor = rs_vector(DatumGetArrayTypeP(values[1]), &length);
	float	   *row;

	if (n == RS_NO_ID || length != h->factors)
		elog(ERROR, "user factors of model " INT64_FORMAT " do not fit together", h->key.model_id);
	row = v->row + (Size) n * h->width;
	memcpy(row, factor, length * sizeof(float));
	if (h->kind != RS_KIND_IMPLICIT)
		row[length] = 1;
	if (h->kind == RS_KIND_RATING)
		row[length + 1] = (float) h->rating.mu + (isnull[2] ? 0 : DatumGetFloat4(values[2]));
	v->filled++;
}

/* The Gram matrix of the rows, by place. */
static void
put_gram(RsImageReader *reader, const RsIndex *index)
{
	int			f = index->width;
	Size		size = (Size) f * f;
	float	   *part = palloc(size * sizeof(float));
	double	   *sum = palloc0(size * sizeof(double));
	float	   *gram = palloc(size * sizeof(float));
	const float *row[GRAM_ROWS];
	float		one[GRAM_ROWS];

	for (uint32 first = 0; first < index->nitems; first += GRAM_ROWS)
	{
		int			n = Min(GRAM_ROWS, index->nitems - first);

		for (int i = 0; i < n; i++)
		{
			row[i] = index->row + ((Size) first + i) * f;
			one[i] = 1;
		}
		memset(part, 0, size * sizeof(float));
		rs_simd->syrk_lower(row, one, n, part, f);
		for (Size i = 0; i < size; i++)
			sum[i] += part[i];
		CHECK_FOR_INTERRUPTS();
	}
	for (int i = 0; i < f; i++)
		for (int j = 0; j <= i; j++)
			gram[i * f + j] = gram[j * f + i] = (float) sum[i * f + j];
	rs_image_put(reader->p, RS_IMAGE_GRAM, gram, size * sizeof(float));
}

/* m: the model, for what its kind of factors is. */
RsImageParts *
rs_image_build_users(const RsRecommender *r, const RsImageKey *key,
					 const RsModel *m, bool partial)
{
	RsImageReader reader = {0};
	const RsFoldIn *fold = &m->funnel.fold;
	Oid			types[] = {r->user_type, FLOAT4ARRAYOID, FLOAT4OID};
	const char *from = psprintf("FROM %s.user_factor f WHERE f.model_id = " INT64_FORMAT,
								r->schema, key->model_id);
	Vectors		v = {&reader};
	uint32	   *place;
	RsImageHeader *h;
	RsIndex		index;

	reader.r = r;
	reader.partial = partial;
	reader.items = rs_idmap_create(r->user_type, r->user_collation, CurrentMemoryContext);
	reader.p = palloc0(sizeof(RsImageParts));
	h = &reader.p->header;
	h->key = *key;
	h->method = m->method;
	h->kind = fold->kind;
	h->factors = fold->factors;
	h->width = fold->width;
	h->alpha0 = fold->alpha0;
	h->lambda = fold->lambda;
	h->nu = fold->nu;
	h->rating = fold->rating;
	rs_stream(psprintf("SELECT f.user_id %s", from), 1, types, 1, read_user, &reader);
	h->nitems = rs_idmap_count(reader.items);
	place = palloc_extended(((Size) h->nitems + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	rs_idmap_sort(reader.items, place);
	pfree(place);
	rs_image_ids(&reader);
	v.row = palloc_extended(((Size) h->nitems + 1) * h->width * sizeof(float), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	rs_stream(psprintf("SELECT f.user_id, f.factor, f.bias %s", from), lengthof(types), types, 2, read_vector, &v);
	if (v.filled != h->nitems)
		elog(ERROR, "model " INT64_FORMAT " has %u users and %u user factors", key->model_id, h->nitems, v.filled);
	rs_image_index(&reader, v.row, &index);
	if (h->kind == RS_KIND_IMPLICIT)
		put_gram(&reader, &index);
	rs_image_close(reader.p);
	return reader.p;
}
