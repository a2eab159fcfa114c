/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  One recommender as the registry describes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_REGISTRY_H
#define RS_REGISTRY_H

#include "utils/jsonb.h"

#include "kernel/merge.h"

typedef struct RsRecommender
{
	NameData	name;
	char	   *schema;			/* the name, quoted where needed */
	Oid			schema_oid;
	Oid			owner;			/* of the schema */
	Oid			user_type;
	Oid			item_type;
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
	char	   *source_name;
	NameData	live_policy;
	int64		live_model_id;	/* 0 = none */
} RsRecommender;

typedef enum RsMethod
{
	RS_POPULARITY,
	RS_ITEM_ITEM,
	RS_FACTORS,
	RS_FUNNEL
} RsMethod;

/* Both need a connection to SPI; results live in the given context. */
extern RsRecommender *rs_registry_get(const char *name, MemoryContext context);
extern RsMethod rs_method(const char *name);
extern const char *rs_method_name(RsMethod method);

/* fixed search path for a function's own SQL; returns the level to close */
extern int	rs_search_path_push(void);

/* like SPI_getbinval; errors on NULL */
extern Datum rs_spi_value(int row, int column);

#endif							/* RS_REGISTRY_H */
