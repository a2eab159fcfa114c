/*-------------------------------------------------------------------------
 *
 * image.c
 *	  The form of a model's image, and what is looked up in it.
 *
 * What a header says is believed only if its checksum is right and it is of
 * the very model asked for; then every part lies within the image.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "image.h"

#define LANES	4				/* of the checksum, so that it runs at speed */

static inline uint64
mix(uint64 h, uint64 word)
{
	h = (h ^ word) * UINT64CONST(0x9e3779b97f4a7c15);
	return h ^ (h >> 32);
}

/* A checksum of bytes, going on from another one. */
static uint64
checksum(uint64 h, const void *memory, Size n)
{
	const char *p = memory;
	uint64		lane[LANES] = {h, h + 1, h + 2, h + 3};
	uint64		word[LANES];

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word))
	{
		memcpy(word, p, sizeof(word));
		for (int i = 0; i < LANES; i++)
			lane[i] = mix(lane[i], word[i]);
	}
	memset(word, 0, sizeof(word));
	memcpy(word, p, n);
	h = n;
	for (int i = 0; i < LANES; i++)
		h = rs_hash64(h ^ mix(lane[i], word[i]));
	return h;
}

/* Of everything that makes another build's image unreadable. */
static uint64
build_word(void)
{
	Size		sizes[] = {RS_IMAGE_FORMAT, sizeof(RsImageHeader), RS_IMAGE_PARTS, sizeof(RsNeighbor),
	rs_index_bytes(1000, 64)};

	return checksum(checksum(0, RS_BUILD, strlen(RS_BUILD)), sizes, sizeof(sizes));
}

static uint64
header_checksum(const RsImageHeader *h)
{
	return checksum(0, h, offsetof(RsImageHeader, checksum));
}

void
rs_image_put(RsImageParts *p, RsImagePart part, const void *memory, Size bytes)
{
	p->part[part] = memory;
	p->header.bytes[part] = bytes;
}

/* Lays out the parts and completes the header. */
void
rs_image_close(RsImageParts *p)
{
	RsImageHeader *h = &p->header;
	Size		at = rs_image_padded(sizeof(RsImageHeader));
	uint64		content = 0;

	memcpy(h->magic, RS_IMAGE_MAGIC, sizeof(h->magic));
	h->build = build_word();
	for (int i = 0; i < RS_IMAGE_PARTS; i++)
	{
		h->offset[i] = at;
		at += rs_image_padded(h->bytes[i]);
		content = checksum(content, p->part[i], h->bytes[i]);
	}
	h->length = at;
	h->content = content;
	h->checksum = header_checksum(h);
}

bool
rs_image_check(const void *memory, Size length, const RsImageKey *key)
{
	const RsImageHeader *h = memory;

	if (length < sizeof(RsImageHeader) ||
		memcmp(h->magic, RS_IMAGE_MAGIC, sizeof(h->magic)) != 0 ||
		h->build != build_word() || h->length != length ||
		memcmp(&h->key, key, sizeof(*key)) != 0 ||
		h->checksum != header_checksum(h))
		return false;
	for (int i = 0; i < RS_IMAGE_PARTS; i++)
		if (h->offset[i] % RS_IMAGE_ALIGN != 0 || h->offset[i] > length ||
			h->bytes[i] > length - h->offset[i])
			return false;
	return true;
}

bool
rs_image_check_content(const void *memory)
{
	const RsImageHeader *h = memory;
	uint64		content = 0;

	for (int i = 0; i < RS_IMAGE_PARTS; i++)
		content = checksum(content, (const char *) memory + h->offset[i], h->bytes[i]);
	return content == h->content;
}

/* A part, or NULL where the model has none. */
static const void *
get_part(const RsImageHeader *h, RsImagePart part)
{
	return h->bytes[part] == 0 ? NULL : (const char *) h + h->offset[part];
}

static void
attach_factors(const RsImageHeader *h, RsFunnel *f)
{
	f->fold.kind = h->kind;
	f->fold.factors = h->factors;
	f->fold.width = h->width;
	f->fold.nitems = h->nitems;
	f->fold.alpha0 = h->alpha0;
	f->fold.lambda = h->lambda;
	f->fold.nu = h->nu;
	f->fold.rating = h->rating;
	f->fold.gram = get_part(h, RS_IMAGE_GRAM);
	if (h->factors == 0)
		return;
	rs_index_attach(get_part(h, RS_IMAGE_INDEX), h->nitems, h->width, &f->index);
	f->fold.row = f->index.row;
}

static void
attach_facts(const RsImageHeader *h, RsFacts *f)
{
	f->ncategories = h->ncategories;
	f->category = get_part(h, RS_IMAGE_CATEGORY);
	f->category_start = get_part(h, RS_IMAGE_CATEGORY_START);
	f->category_item = get_part(h, RS_IMAGE_CATEGORY_ITEM);
	f->released = get_part(h, RS_IMAGE_RELEASED);
	f->price = get_part(h, RS_IMAGE_PRICE);
	f->nextra = h->nextra;
	f->extra = get_part(h, RS_IMAGE_EXTRA);
}

static void
attach_ranker(const RsImageHeader *h, RsRanker *r)
{
	const double *numbers = get_part(h, RS_IMAGE_RANKER);

	r->nfeatures = h->ranker_features;
	r->mean = numbers;
	r->scale = numbers + r->nfeatures;
	r->weight = numbers + 2 * (Size) r->nfeatures;
	r->slope = h->ranker_slope;
	r->intercept = h->ranker_intercept;
}

/* Names of the features: those of every model, then the model's own. */
static void
attach_names(const RsImageHeader *h, RsModel *m)
{
	const char *name = get_part(h, RS_IMAGE_FEATURE);

	m->nfeatures = RS_FEATURES + h->nextra;
	m->feature_name = MemoryContextAlloc(m->context, m->nfeatures * sizeof(char *));
	for (int i = 0; i < RS_FEATURES; i++)
		m->feature_name[i] = rs_feature_names[i];
	for (int i = RS_FEATURES; i < m->nfeatures; i++)
	{
		m->feature_name[i] = name;
		name += strlen(name) + 1;
	}
}

/* The model whose image is there; the memory must outlive the context. */
RsModel *
rs_image_attach(const void *memory, MemoryContext context)
{
	const RsImageHeader *h = memory;
	RsModel    *m = MemoryContextAllocZero(context, sizeof(RsModel));
	RsFunnel   *f = &m->funnel;

	m->context = context;
	m->image = h;
	m->schema = h->key.schema;
	m->model_id = h->key.model_id;
	m->method = h->method;
	m->highest = h->highest;
	m->feature_version = h->feature_version;
	rs_id_type(&m->id, h->key.item_type, h->key.item_collation, context);
	f->nitems = h->nitems;
	f->popularity = get_part(h, RS_IMAGE_POPULARITY);
	f->popular = get_part(h, RS_IMAGE_POPULAR);
	f->neighbor_start = get_part(h, RS_IMAGE_NEIGHBOR_START);
	f->neighbor = get_part(h, RS_IMAGE_NEIGHBOR);
	f->most_neighbors = h->most_neighbors;
	f->blend = h->blend;
	f->recency_half_life = h->recency_half_life;
	f->main_categories = h->main_categories;
	memcpy(f->quota, h->quota, sizeof(f->quota));
	attach_factors(h, f);
	attach_facts(h, &f->facts);
	attach_ranker(h, &f->ranker);
	attach_names(h, m);
	return m;
}

/* ---- looking up ---- */

Datum
rs_model_item(const RsModel *m, uint32 column)
{
	const RsImageHeader *h = m->image;
	const char *items = (const char *) h + h->offset[RS_IMAGE_ITEM];

	Assert(column < h->nitems);
	if (m->id.byval)
		return ((const Datum *) items)[column];
	if (h->item_stride > 0)
		return PointerGetDatum(items + (Size) column * h->item_stride);
	return PointerGetDatum((const char *) h + h->offset[RS_IMAGE_ITEM_BYTES] +
						   ((const uint64 *) items)[column]);
}

uint32
rs_model_find(const RsModel *m, Datum item)
{
	RsIdType   *t = unconstify(RsIdType *, &m->id);
	const RsIdSlot *slot = get_part(m->image, RS_IMAGE_SLOT);
	uint32		mask = m->image->nslots - 1;
	uint32		hash;
	uint32		i;

	item = rs_id_untoast(t, item);
	hash = rs_id_hash(t, item);
	for (i = hash & mask; slot[i].number != RS_NO_ID; i = (i + 1) & mask)
		if (slot[i].hash == hash && rs_id_same(t, rs_model_item(m, slot[i].number), item))
			break;
	return slot[i].number;
}

const char *
rs_model_category_name(const RsModel *m, uint32 code)
{
	const RsImageHeader *h = m->image;
	const uint64 *offset = get_part(h, RS_IMAGE_CATEGORY_NAME);

	Assert(code < h->ncategories);
	return (const char *) get_part(h, RS_IMAGE_CATEGORY_BYTES) + offset[code];
}

uint32
rs_model_category(const RsModel *m, const char *category)
{
	uint32		low = 0;
	uint32		high = m->image->ncategories;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		int			c = strcmp(category, rs_model_category_name(m, middle));

		if (c == 0)
			return middle;
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return RS_NO_CATEGORY;
}
