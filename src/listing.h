/*-------------------------------------------------------------------------
 *
 * listing.h
 *	  A list in the making, as the rooms that make and explain it see it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LISTING_H
#define RS_LISTING_H

#include "executor/spi.h"

#include "list.h"

/* An item on its way into the list. */
typedef struct RsEntry
{
	Datum		item;
	uint32		column;			/* RS_NO_ID = not of the model */
	RsSource	source;
	uint32		because;		/* column, or RS_NO_ID */
	const RsItemFacts *facts;	/* of what the model does not know, or NULL */
	double		raw;			/* score before the rules */
	double		score;			/* after boosts and freshness */
	double		boost;			/* product of the boosts */
	double		fresh;			/* what freshness added */
	int64		order;			/* within its window */
	uint32		category;		/* number within this list, or RS_UNGROUPED */
	RsEligible	says;

	/* once placed */
	int			window;			/* within which it was compared */
	bool		pinned;
	bool		explored;
	double		propensity;
} RsEntry;

/* Entries that grow. */
typedef struct RsEntries
{
	int64		n;
	int64		allocated;
	RsEntry    *entry;
} RsEntries;

/* How items are scored for this user. */
typedef enum RsScoring
{
	RS_BY_RANKER,				/* candidates by their features, then the rest */
	RS_BY_EVIDENCE,				/* all items, score.c */
	RS_BY_POPULARITY			/* nothing is known of the user */
} RsScoring;

/* Where the next items come from, in this order. */
typedef enum RsStage
{
	RS_STAGE_CANDIDATES,		/* of the funnel */
	RS_STAGE_SET,				/* of a set of items, by their scores */
	RS_STAGE_ALL,				/* of all items, by their scores */
	RS_STAGE_UNKNOWN,			/* of the catalog's items that the model does not
								 * know, newest first */
	RS_STAGE_END
} RsStage;

/* Items in the order of their scores, none twice. */
typedef struct RsSupply
{
	RsRequest  *q;
	RsScoring	scoring;
	bool		windowed;		/* batches must not depend on k */
	RsStage		stage;
	bool		started;
	uint32	   *hidden;			/* columns, ascending */
	uint32		nhidden;
	RsIdMap    *skipped;		/* items that a pin or a stage has taken: NULL =
								 * none */
	uint32	   *candidate;		/* columns of the funnel's, ascending */
	uint32		ncandidates;
	RsCandidate *ranked;		/* the same, by their scores */
	uint32		next_ranked;
	RsEntries	ready;			/* of the stage, in order */
	int64		next;			/* of them, or of the most popular items */
	bool		checked;		/* those ready are known to be eligible */
	int64		unknown;		/* limit of the last query for unknown ones */
	int			batch;			/* items of the last one */
	int64		seen;			/* items handed out, and how many of them */
	int64		passed;			/* were eligible, and the raw score of the last */
	double		last_passed;	/* of those: the caller says so */
	bool		tried;			/* to drive by the catalog */
	bool		any;			/* items have been handed out of STAGE_ALL */
	double		last_score;		/* raw score of the last one */
	uint32		last_column;
} RsSupply;

/* ---- entry.c ---- */

/* room for so many more */
extern RsEntry *rs_entries_grow(RsEntries *e, int64 more);

/* by the scores before the rules, best first */
extern void rs_entries_sort(RsEntries *e);

/* an entry about which nothing is known but the item */
extern void rs_entry_start(RsEntry *e, Datum item, uint32 column);

/* source and evidence of a candidate, or of what could have been one */
extern void rs_entry_candidate(const RsRequest *q, const RsCandidate *c, RsEntry *e);

/* features of an entry, in the order of the model's, and the ranker's score */
extern void rs_entry_features(RsRequest *q, const RsEntry *e, float *out);
extern double rs_entry_rank(RsRequest *q, const RsEntry *e);

/* score, source and evidence of an item of the model, by whatever scores */
extern void rs_entry_score(RsRequest *q, RsScoring scoring, RsEntry *e);

/* ---- left_out.c ---- */

/* is a column among those, which ascend? */
extern bool rs_is_among(uint32 column, const uint32 *columns, uint32 n);

/* reads the columns of the hidden items */
extern void rs_supply_hide(RsSupply *s);

/* leaves an item out from now on */
extern void rs_supply_skip(RsSupply *s, Datum item);

/* is an item one that this list must not have, or has had? */
extern bool rs_supply_left_out(const RsSupply *s, Datum item, uint32 column);

/* ---- supply_set.c ---- */

/* makes the items of the call the set */
extern void rs_supply_set_given(RsSupply *s);

/*
 * Makes those items the set that the catalog finds to meet the conditions, where
 * they are few; false where it has not tried, or they are too many.
 */
extern bool rs_supply_set_by_catalog(RsSupply *s);

/* ---- supply.c ---- */

extern void rs_supply_open(RsSupply *s, RsRequest *q, bool windowed);

/* the entry of an item whatever the stage: for pins, and to explain it */
extern void rs_supply_entry(RsSupply *s, Datum item, RsEntry *out);

/*
 * The next items, best first; wanted is how many the list still needs.
 * Returns false at the end; a batch may be empty before.
 */
extern bool rs_supply_next(RsSupply *s, int64 wanted, RsEntries *out);

/* A list in the making. */
typedef struct RsListing
{
	bool		keep_rest;		/* the caller's: what is not placed is deferred
								 * even where the list is full */
	RsRequest  *q;
	RsSupply	supply;
	int64		most;			/* places wanted */
	RsRerank	rerank;
	RsEntry    *pin;			/* those that may be listed, by position */
	int			window;			/* number of the one at hand */
	RsEntries	listed;
	RsEntries	deferred;		/* passed over by max_per_category */
	int64		before_deferred;	/* places filled before them, 0 = none of them
									 * is placed */
	bool		filed;			/* some rule looks at categories */
	bool		has_best;
	double		best;			/* score, boosted, of the first window */
	int			ncategories;
	int			most_categories;
	char	  **category;		/* by number */
} RsListing;

/* ---- list.c ---- */

extern void rs_listing_run(RsListing *l, RsRequest *q);

/* what the kernel wants to know of an entry */
extern RsRerankItem rs_rerank_item(RsListing *l, RsEntry *e);

/* ---- list_row.c ---- */

/* what is said of entries */
extern RsListed *rs_list_describe(RsRequest *q, RsScoring scoring,
								  const RsEntry *entry, int n);

/* the label of an item of the model: its title in the catalog, or its id */
extern char *rs_item_label(const RsRequest *q, uint32 column);

/* ---- fresh.c ---- */

/* new items of the catalog, to be ranked among the candidates */
extern int	rs_fresh_candidates(RsRequest *q, RsEntry **entries);

/*
 * The same of any item that the model does not know, or false where the catalog
 * does not know it either.
 */
extern bool rs_fresh_entry(RsRequest *q, Datum item, RsEntry *e);

/* ---- newest.c: the newest items of a catalog ---- */

/* An item and what its row of the catalog says. */
typedef struct RsNewItem
{
	Datum		item;
	RsItemFacts facts;
} RsNewItem;

/* Is the plan that reads them so costly that they are kept for some seconds? */
extern bool rs_newest_keeps(const RsRequest *q, SPIPlanPtr plan);

/* a copy of those kept for this model and role, or -1 where none are */
extern int	rs_newest_kept(const RsRequest *q, RsNewItem **item);

/* keeps what has just been read */
extern void rs_newest_keep(const RsRequest *q, const RsNewItem *item, int n);

#endif							/* RS_LISTING_H */
