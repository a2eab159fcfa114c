/*-------------------------------------------------------------------------
 *
 * image.h
 *	  A model as one piece of memory without pointers.
 *
 * A header, then parts that begin at multiples of 64 bytes.  The same image may
 * stand in a backend's own memory or in a file that all backends map, at
 * whatever address.
 *
 * It holds whatever serving needs to know of a model: ids of items with a hash
 * table of them, popularity, factors with their index, neighbours, facts of
 * the catalog, the ranker, and the numbers of its settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_IMAGE_H
#define RS_IMAGE_H

#include "serve.h"

#define RS_IMAGE_MAGIC	"recsysim"
#define RS_IMAGE_FORMAT	1		/* of this struct and of the parts */
#define RS_IMAGE_ALIGN	64

typedef enum RsImagePart
{
	RS_IMAGE_ITEM,				/* ids: Datums by value, or of a fixed length,
								 * or offsets in the next part (uint64) */
	RS_IMAGE_ITEM_BYTES,
	RS_IMAGE_SLOT,				/* RsIdSlot, a power of two of them */
	RS_IMAGE_POPULARITY,		/* float */
	RS_IMAGE_POPULAR,			/* uint32 */
	RS_IMAGE_INDEX,				/* kernel/index.h */
	RS_IMAGE_GRAM,				/* float */
	RS_IMAGE_NEIGHBOR_START,	/* uint64 */
	RS_IMAGE_NEIGHBOR,			/* RsNeighbor */
	RS_IMAGE_CATEGORY,			/* uint32, by column */
	RS_IMAGE_CATEGORY_START,	/* uint64 */
	RS_IMAGE_CATEGORY_ITEM,		/* uint32 */
	RS_IMAGE_CATEGORY_NAME,		/* uint64, offsets in the next part */
	RS_IMAGE_CATEGORY_BYTES,	/* each name ends with a NUL */
	RS_IMAGE_RELEASED,			/* int64 */
	RS_IMAGE_PRICE,				/* float */
	RS_IMAGE_EXTRA,				/* float */
	RS_IMAGE_RANKER,			/* double: mean, scale, weight, by feature */
	RS_IMAGE_FEATURE,			/* names of the extra features, each with NUL */
	RS_IMAGE_PARTS
} RsImagePart;

/*
 * What the rows of an image are.  One of the users has their ids, the index of
 * their vectors and the Gram matrix of these in the places of the items', and
 * nothing else: what is written here and elsewhere of items holds for it.
 */
typedef enum RsImageSide
{
	RS_IMAGE_ITEMS,
	RS_IMAGE_USERS
} RsImageSide;

/*
 * Which model an image is of: all of it must be as it should.  Compared as
 * bytes, so there are no gaps.
 */
typedef struct RsImageKey
{
	Oid			database;
	Oid			schema;
	Oid			item_type;
	Oid			item_collation;
	int64		model_id;
	int64		nonce;
	int64		side;			/* RsImageSide */
} RsImageKey;

typedef struct RsImageHeader
{
	char		magic[8];
	uint64		build;			/* hash of RS_BUILD, of the format and of sizes */
	uint64		length;			/* of the image, in bytes */
	RsImageKey	key;
	uint32		nitems;
	int32		method;			/* RsMethod */
	int32		kind;			/* RsFactorKind */
	int32		factors;		/* 0 = none */
	int32		width;
	int32		item_stride;	/* bytes of an id in RS_IMAGE_ITEM; 0 = offsets */
	uint32		nslots;
	uint32		most_neighbors; /* of one item */
	uint32		ncategories;
	int32		nextra;
	int32		ranker_features;	/* 0 = no ranker */
	int32		feature_version;
	int32		main_categories;
	int32		quota[RS_SOURCES];
	float		highest;
	double		alpha0;
	double		lambda;
	double		nu;
	double		blend;
	double		recency_half_life;
	double		ranker_slope;
	double		ranker_intercept;
	RsExplicit	rating;
	uint64		offset[RS_IMAGE_PARTS]; /* from the image's beginning */
	uint64		bytes[RS_IMAGE_PARTS];	/* 0 = the model has no such part */
	uint64		content;		/* checksum of what follows the header */
	uint64		checksum;		/* of the header before this field */
} RsImageHeader;

/* A model's parts before they are put together; see image_build.c. */
typedef struct RsImageParts
{
	RsImageHeader header;
	const void *part[RS_IMAGE_PARTS];
} RsImageParts;

/* image.c */
extern void rs_image_close(RsImageParts *p);
extern bool rs_image_check(const void *memory, Size length, const RsImageKey *key);
extern bool rs_image_check_content(const void *memory);
extern RsModel *rs_image_attach(const void *memory, MemoryContext context);

/* bytes that follow the part before the next one begins */
static inline Size
rs_image_padded(Size bytes)
{
	return (bytes + RS_IMAGE_ALIGN - 1) / RS_IMAGE_ALIGN * RS_IMAGE_ALIGN;
}

/* image_build.c: reads a model as the caller, below the current context */
extern RsImageParts *rs_image_build(const RsRecommender *r, const RsImageKey *key, bool partial);

/* image_users.c: the same of the users that a model was trained on */
extern RsImageParts *rs_image_build_users(const RsRecommender *r, const RsImageKey *key,
										  const RsModel *m, bool partial);

/* image_parts.c: what only some models have */
typedef struct RsImageReader
{
	const RsRecommender *r;
	bool		partial;		/* rows may be missing */
	RsIdMap    *items;			/* numbered by column */
	RsImageParts *p;
	const float *popularity;
	const uint32 *popular;
} RsImageReader;

/* image_build.c: the ids of reader->items, sorted before */
extern void rs_image_ids(RsImageReader *reader);

/* image_build.c: the index of nitems rows, which are freed */
extern void rs_image_index(RsImageReader *reader, float *row, RsIndex *index);

/* hands a part's memory to the image */
extern void rs_image_put(RsImageParts *p, RsImagePart part, const void *memory, Size bytes);
extern void rs_image_neighbors(RsImageReader *reader);
extern void rs_image_facts(RsImageReader *reader);
extern void rs_image_ranker(RsImageReader *reader);

/*
 * cache.c: the model of a key, to be used until a context goes; uncommitted:
 * the present transaction has made it.
 */
extern RsModel *rs_model_get(RsRecommender *r, const RsImageKey *key, bool uncommitted,
							 MemoryContext until);
extern void rs_model_make(RsRecommender *r, const RsImageKey *key);

/* served.c */
extern void rs_model_share(RsRecommender *r, int64 model_id);

/* image_file.c: images that all backends share */
extern const void *rs_image_map(const RsImageKey *key, Size *length);
extern bool rs_image_share(const RsImageKey *key, const RsImageParts *p);
extern void rs_image_unmap(const void *memory, Size length);
extern bool rs_image_exists(const RsImageKey *key);
extern void rs_image_sweep(const RsRecommender *r, const RsImageKey *key);

/* removes the images of a model when the transaction commits */
extern void rs_image_doom(int64 model_id);

#endif							/* RS_IMAGE_H */
