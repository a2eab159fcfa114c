/*-------------------------------------------------------------------------
 *
 * serve.h
 *	  What the rooms of serving hand to each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_SERVE_H
#define RS_SERVE_H

#include "fmgr.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "idmap.h"
#include "registry.h"
#include "kernel/funnel.h"
#include "kernel/merge.h"

/* ---- cache.c: a model in memory ---- */

/*
 * What lists are made from.  Items are numbered in the order of their ids; a
 * number is called a column.  All but this struct is one image (image.h), as a
 * rule mapped from a file that all backends share.
 */
typedef struct RsModel
{
	MemoryContext context;
	int			users;			/* calls that use it now */
	bool		kept;			/* in the backend's list */
	Oid			schema;
	int64		model_id;
	bool		shared;			/* with other backends, by a file */
	bool		uncommitted;	/* of a transaction that had not committed */
	bool		partial;		/* row-level security may hide rows of it */
	RsMethod	method;
	RsFunnel	funnel;			/* fold.row and index.row are the same: rows by
								 * place, of an item rs_index_row; index.nitems
								 * is 0 where the model has no factors */
	float		highest;		/* rating trained on, of method explicit */
	int			feature_version;
	int			nfeatures;		/* RS_FEATURES and the extra ones */
	const char **feature_name;

	/* the image and its ids */
	const struct RsImageHeader *image;
	RsIdType	id;
} RsModel;

/* A policy as it is now, and how it scores with the model at hand. */
typedef struct RsPolicyRow
{
	NameData	name;
	int			version;
	RsMethod	method;
	char	   *rules;			/* setting "rules" as JSON text, or NULL */
} RsPolicyRow;

/* the model by which a policy (NULL: the live one) scores */
extern RsModel *rs_model_for_policy(RsRecommender *r, Name policy, RsPolicyRow *row);

/* the same, to be used until the given context goes */
extern RsModel *rs_model_read(RsRecommender *r, Name policy, RsPolicyRow *row,
							  MemoryContext until);

/*
 * The users that a model was trained on, as a model whose items they are: their
 * ids, index and fold-in stand in the places of the items', and there is
 * nothing else.  Only of a model with factors.
 */
extern RsModel *rs_model_users(RsRecommender *r, const RsModel *m);

/*
 * A model by its id, for lists that a version of a policy has made; 55000
 * where its parts have been deleted.
 */
extern RsModel *rs_model_logged(RsRecommender *r, int64 model_id, Name policy, int version,
								RsPolicyRow *row, MemoryContext until);

/* ---- image.c: what a model knows by id and by name ---- */

/* column of an item, or RS_NO_ID */
extern uint32 rs_model_find(const RsModel *m, Datum item);

/* id of a column; valid while the model is used */
extern Datum rs_model_item(const RsModel *m, uint32 column);

/* code of a category, or RS_NO_CATEGORY; codes follow the names' bytes */
extern uint32 rs_model_category(const RsModel *m, const char *category);
extern const char *rs_model_category_name(const RsModel *m, uint32 code);

/* ---- history.c: what the user has done ---- */

typedef struct RsHistory
{
	int			n;				/* positive items that the model knows, or where
								 * it is one of ratings those rated; by column */
	uint32	   *column;
	float	   *weight;			/* or rating */
	int64	   *time;			/* of the newest event, as timestamptz */
	int			nitems;			/* the same of all items, known or not, newest
								 * history_limit, by id */
	Datum	   *item;
	float	   *item_weight;
	int64	   *item_time;
	RsIdMap    *hidden;			/* items never to be listed to this user */
} RsHistory;

/* clear words for a view that went with its source */
extern void rs_check_source(const RsRecommender *r);

/* A user's events. */
typedef struct RsLog
{
	int			n;
	RsQuantified *row;			/* item: number as added */
	RsEvent    *event;			/* merged, by item; numbers follow the ids */
	int64	   *owned;			/* by item: when it was owned last */
	RsIdMap    *items;
} RsLog;

/* Is an item hidden that the user came to own at an instant? */
extern bool rs_owned_hides(const RsRecommender *r, TimestampTz owned_at, TimestampTz as_of);

/*
 * So many of the newest events make the history, and those of the same time as
 * the last of them; with those that lie before them of items of which some were
 * taken back, where returns are netted.
 */
extern int	rs_history_events(const RsRecommender *r);

/*
 * What to select of SHOP.interaction i: item, weight, time, positive, owned and
 * quantity; and the event of such a row.
 */
extern char *rs_log_columns(const RsRecommender *r);
extern char *rs_log_measures(const RsRecommender *r);	/* all but the item */
extern RsQuantified rs_log_row(RsIdMap *items, const Datum *values, const bool *isnull);

/*
 * Merges the log, as training does: items by the order of the ids, returns
 * netted where they are.  Returns how many events are left.
 */
extern int	rs_merge_log(const RsRecommender *r, RsLog *e, RsMergeRule rule, int64 window);

/*
 * History from these events, with their ages at an instant; owned items join
 * the hidden ones, unless items are repeatable.  Uses up the log.
 */
extern RsHistory *rs_history_of_log(const RsRecommender *r, const RsModel *m,
									RsLog *log, RsIdMap *hidden, TimestampTz as_of);

extern RsHistory *rs_history_of_user(RsRecommender *r, const RsModel *m, Datum user,
									 bool has_as_of, TimestampTz as_of);

/* the same with events up to a time, and ages as of another */
extern RsHistory *rs_history_until(RsRecommender *r, const RsModel *m, Datum user,
								   bool has_until, TimestampTz time, TimestampTz as_of);
extern RsHistory *rs_history_of_items(RsRecommender *r, const RsModel *m, Datum items);
extern RsHistory *rs_history_of_logged(const RsRecommender *r, const RsModel *m, const Datum *items,
									   const float *weights, const int64 *times, int n);

/* ---- filter.c, eligible.c: which items may be listed at this moment ---- */

typedef struct RsFilter RsFilter;

extern RsFilter *rs_filter_make(RsRecommender *r, Jsonb *filter);

/* pass[i] = whether item i of the n may be listed */
extern void rs_filter_items(RsFilter *f, const Datum *items, int n, bool *pass);

/* up to limit items of the catalog that the model does not know, newest first */
extern int	rs_filter_fresh(RsFilter *f, const RsModel *m, RsIdMap *hidden,
							RsIdMap *only, int64 limit, Datum **items);

/* ---- reason.c: what a list says of an item ---- */

typedef enum RsSource
{
	RS_FROM_NEIGHBOR,
	RS_FROM_FACTOR,
	RS_FROM_RATING,				/* factors whose score is a rating */
	RS_FROM_POPULARITY,
	RS_FROM_CATEGORY,			/* popular in one of the user's categories */
	RS_FROM_HISTORY,			/* the user has had it before */
	RS_FROM_FRESH,
	RS_FROM_PIN,
	RS_FROM_EXPLORATION
} RsSource;

extern const char *rs_source_name(RsSource source);

/*
 * a sentence; because is the label of the item that a neighbor goes with, or
 * the name of a category
 */
extern char *rs_reason(RsSource source, double score, const char *because);

/* score of what nothing speaks for: none above those ranked before it */
extern double rs_fresh_score(int ranked, double last_score);

/* ---- argument.c: what callers pass, and what they get ---- */

extern void rs_check_k(FunctionCallInfo fcinfo, int arg, const char *name, int *value);
extern void rs_check_id_argument(FunctionCallInfo fcinfo, int arg, Oid type, const char *name);

/* the elements of an array that are not NULL */
extern Datum *rs_elements(ArrayType *array, Oid type, int *n);

/* an array argument's items as a set; NULL if the argument is */
extern RsIdMap *rs_item_set(FunctionCallInfo fcinfo, int arg, const RsRecommender *r, const char *name);

/* ids as an array of their type */
extern Datum rs_id_array(Oid type, const Datum *ids, int n);

/* a tuplestore of these columns as the function's result, whatever is expected */
extern void rs_declare_result(FunctionCallInfo fcinfo, int n, const char *const *names, const Oid *types);

#endif							/* RS_SERVE_H */
