/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  What the catalog says of the items, as a training has read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_FACTS_H
#define RS_FACTS_H

#include "train.h"

/* Of a run; by item of the run. */
typedef struct RsCatalogFacts
{
	int			nexpressions;
	char	  **expression;		/* of all policies, each once */
	bool	   *known;			/* the catalog has the item */
	RsIdMap    *categories;		/* text, in the order of its bytes */
	uint32	   *category;		/* number there, or RS_NO_ID */
	double	   *price;			/* negative = not known */
	int64	   *released;		/* RS_NO_RELEASE = not known */
	float	  **extra;			/* by expression; 0 = not known */
} RsCatalogFacts;

/* The facts of a matrix's items in shared memory; see RsFacts. */
typedef struct RsSharedFacts
{
	bool		there;			/* else there is no catalog */
	uint32		ncategories;
	int			nextra;
	RsShared	category;
	RsShared	category_start;
	RsShared	category_item;
	RsShared	released;
	RsShared	price;
	RsShared	extra;
} RsSharedFacts;

/*
 * Reads the catalog, unless the run has all that these policies ask of it.
 * run->facts stays NULL where there is no catalog.
 */
extern void rs_facts_read(RsRun *run, List *policies);

/*
 * A policy's own features of an item: nextra numbers into out; false if the
 * catalog does not have the item.
 */
extern bool rs_facts_extra(const RsRun *run, const RsPolicy *policy, uint32 item,
						   float *out);

/* order: columns of the matrix, most popular first */
extern RsSharedFacts rs_facts_share(RsRun *run, MemoryContext context,
									const RsMatrix *m, const RsPolicy *policy,
									const uint32 *order);

/* the same as this process sees it */
extern RsFacts rs_facts_view(const RsSharedFacts *shared);

#endif							/* RS_FACTS_H */
