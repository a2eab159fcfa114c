/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  One recommender as the registry describes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_REGISTRY_H
#define RS_REGISTRY_H

#include "access/tupdesc.h"
#include "utils/jsonb.h"

#include "kernel/returns.h"

typedef struct RsRecommender
{
	NameData	name;
	char	   *schema;			/* the name, quoted where needed */
	Oid			schema_oid;
	Oid			owner;			/* of the schema */
	Oid			user_type;
	Oid			item_type;
	Oid			user_collation; /* of the columns in the views */
	Oid			item_collation;
	bool		repeatable;
	bool		explicit_feedback;
	bool		has_time;
	bool		has_catalog;
	bool		require_catalog;
	bool		relevant_owned; /* relevant = positive and owned, else positive */
	bool		has_dislikes;
	bool		bots_enabled;
	bool		users_excluded; /* the rule excluded_user is on */
	bool		items_excluded;
	double		bot_z;
	int			history_limit;
	RsMergeRule merge;
	int64		repeat_window;	/* microseconds */
	bool		returns_netted; /* the views hold returns: value < 0 */
	RsReturns	returns;		/* how they are netted */
	int			min_user_interactions;	/* distinct pairs, for training */
	int			min_item_interactions;
	double		popularity_half_life;	/* microseconds, 0 = none */
	double		weight_half_life;
	char	   *source_name;
	NameData	live_policy;
	int64		live_model_id;	/* 0 = none */
	int64		rebuy_after;	/* of a policy's rules: microseconds that owned
								 * items are hidden; 0 = for ever, or as
								 * repeatable says; set by rs_request_open */
} RsRecommender;

#define RS_MAX_FACTORS	1024

typedef enum RsMethod
{
	RS_POPULARITY,
	RS_ITEM_ITEM,
	RS_FACTORS,
	RS_FUNNEL,
	RS_EXPLICIT,
	RS_BPR
} RsMethod;

/* what a method's models hold besides popularity */
static inline bool
rs_has_neighbors(RsMethod method)
{
	return method == RS_ITEM_ITEM || method == RS_FUNNEL;
}

static inline bool
rs_has_factors(RsMethod method)
{
	return method == RS_FACTORS || method == RS_FUNNEL ||
		method == RS_EXPLICIT || method == RS_BPR;
}

/* Both need a connection to SPI; results live in the given context. */
extern RsRecommender *rs_registry_get(const char *name, MemoryContext context);
extern RsMethod rs_method(const char *name);
extern const char *rs_method_name(RsMethod method);

/* fixed search path for a function's own SQL; returns the level to close */
extern int	rs_search_path_push(void);

/*
 * The relations of a recommender are its owner's: whoever reads them must
 * check that the columns are of the types it takes them for.  42804.
 */
extern void rs_check_columns(TupleDesc desc, int n, const Oid *types);

/* SPI_execute_with_args of a SELECT, its columns checked; returns the rows */
extern uint64 rs_spi_select(const char *query, int nargs, const Oid *argtypes,
							const Datum *args, int n, const Oid *types);

/* like SPI_getbinval; errors on NULL */
extern Datum rs_spi_value(uint64 row, int column);

#endif							/* RS_REGISTRY_H */
