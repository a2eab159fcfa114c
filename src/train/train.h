/*-------------------------------------------------------------------------
 *
 * train.h
 *	  One run: what the stages of a training hand on to each other.
 *
 * A run lives in one backend, in a memory context of its own below
 * TopMemoryContext, across the transactions of its stages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TRAIN_H
#define RS_TRAIN_H

#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/array.h"

#include "idmap.h"
#include "owner.h"
#include "registry.h"
#include "team.h"
#include "kernel/cooccurrence.h"
#include "kernel/csr.h"
#include "kernel/funnel.h"
#include "kernel/merge.h"
#include "kernel/rating.h"
#include "kernel/topk.h"

typedef enum RsSolver
{
	RS_SOLVER_CG,				/* a few steps of conjugate gradients */
	RS_SOLVER_EXACT				/* Cholesky */
} RsSolver;

/* the data decide */
#define RS_AUTO		(-1.0)

/*
 * Settings of the parts, as a policy has them; compared as bytes, so there must
 * be no hole.  What a method does not have is 0.
 */
typedef struct RsFactorSettings
{
	int			method;			/* RS_FACTORS, RS_EXPLICIT or RS_BPR */
	int			factors;
	int			sweeps;			/* of RS_BPR its rounds */
	int			solver;			/* RsSolver; RS_FACTORS, as the next three */
	int			cg_steps;
	int			early_stop;		/* sweeps without a better metric; 0 = off */
	int			warm_start;		/* from the live model: 0 or 1 */
	int			item_bias;		/* whether items have one; RS_BPR */
	double		alpha0;			/* or RS_AUTO; not RS_EXPLICIT */
	double		lambda;
	double		nu;
	double		initial_sd;		/* or RS_AUTO */
	double		bias_lambda;	/* RS_EXPLICIT */
	double		rate;			/* RS_BPR, as the next two */
	double		ridge;
	double		exponent;
} RsFactorSettings;

/* How a funnel finds and ranks its candidates; of other methods all 0. */
typedef struct RsFunnelSettings
{
	bool		ranked;			/* by a learned ranker, else by the blend */
	double		ranker_lambda;
	int			quota[RS_SOURCES];
	int			main_categories;
	double		recency_half_life;	/* days */
	int			nextra;			/* features by expressions over the catalog: */
	char	  **name;			/* ordered by bytes */
	char	  **expression;
} RsFunnelSettings;

typedef struct RsPolicy
{
	char	   *label;			/* as in the table evaluation */
	NameData	name;
	int			version;
	RsMethod	method;
	double		blend;
	RsCoocSettings neighbors;
	RsFactorSettings factors;
	RsFunnelSettings funnel;
	struct RsLearned *learned;	/* the ranker of the evaluation; NULL = none, or
								 * not yet */
	int			stopped_at;		/* sweeps that early_stop has chosen; 0 = none */
	char	   *settings;		/* JSON text */
} RsPolicy;

/* A matrix of pairs that all processes of the run can reach. */
typedef struct RsSharedCsr
{
	RsShared	memory;			/* start, then col, then value */
	uint32		nrows;
	uint32		ncols;
	uint64		n;				/* pairs */
} RsSharedCsr;

/*
 * The distinct positive pairs that one training sees.  Rows and columns are
 * numbered within the matrix, in the order of the ids.  With explicit feedback
 * they are all users and items with ratings; some may have no positive one.
 */
typedef struct RsMatrix
{
	uint32	   *user;			/* number in the run of each row */
	uint32	   *item;			/* number in the run of each column */
	uint32	   *row;			/* row of a user of the run, or RS_NO_ID */
	uint32	   *column;			/* column of an item of the run, or RS_NO_ID */
	RsCsr		users;			/* weights by user */
	RsCsr		items;			/* and by item */
	RsSharedCsr shared_users;	/* the same, for the workers */
	RsSharedCsr shared_items;
	RsCsr		user_ratings;	/* every rating, by user, where the run has them */
	RsCsr		item_ratings;
	RsSharedCsr shared_user_ratings;
	RsSharedCsr shared_item_ratings;
	double	   *recency;		/* by column, sum over its users, each counting
								 * less by age; NULL = all count 1 */
	uint64		checksum;
	uint64		ratings_checksum;
	TimestampTz from;			/* newest times of pairs, first and last */
	TimestampTz until;
} RsMatrix;

struct RsParts;

/* Item factors of an earlier model, to start from. */
typedef struct RsWarm
{
	int64		model_id;
	int			factors;
	bool	   *known;			/* by column */
	float	   *item;			/* columns x factors */
} RsWarm;

/*
 * What lies before an instant, to train on, and what lies from then on, to
 * test on; with what is made of it, in a context of its own.
 */
typedef struct RsSplit
{
	MemoryContext context;
	bool		random;			/* by a hash of the pair, not by time */
	TimestampTz cutoff;			/* DT_NOEND: all is for training */
	TimestampTz until;			/* end of the test side, exclusive */
	TimestampTz as_of;			/* from when ages count: the cutoff, or the
								 * newest event where all is for training */
	bool		validation;		/* random: divides the train side once more */
	bool	   *bot;			/* users left out at the cutoff */
	RsMatrix   *matrix;
	RsWarm	   *warm;			/* NULL = factors start at random */
	struct RsParts *parts;		/* trained on the matrix */
} RsSplit;

/* What a source holds, counted or as expected. */
typedef struct RsCounts
{
	double		rows;
	double		users;
	double		items;
	double		user_width;		/* bytes of an id */
	double		item_width;
} RsCounts;

typedef struct RsRun
{
	MemoryContext context;
	int64		run_id;
	RsRecommender *recommender;
	RsPolicy   *policy;			/* the one to train for good */
	List	   *policies;		/* of RsPolicy: those to evaluate */
	bool		random_split;	/* as asked for */
	bool		has_cutoff;
	TimestampTz cutoff;			/* as asked for, or as found */
	bool		per_user;
	bool		verbose;
	int			nk;
	int		   *k;				/* ascending */
	int64		seed;
	int			workers;		/* at most, besides this backend */
	bool		workers_asked;	/* by the caller, however small the work */
	bool		with_ratings;	/* a policy learns from them */
	int64		memory_limit;	/* bytes */
	int64		shared_bytes;	/* held in shared memory */
	int64		peak_bytes;

	RsCounts	expected;		/* of the source, by the planner */

	/* the source, as loaded */
	bool		loaded;
	RsIdMap    *users;
	RsIdMap    *items;
	uint64		nevents;
	RsEvent    *event;			/* by user, in canonical order */
	float	   *rating;			/* parallel to event, if with_ratings */
	uint64	   *user_start;		/* users + 1 offsets into event */

	struct RsCatalogFacts *facts;	/* NULL = not read, or no catalog */

	RsSplit    *split;			/* for the evaluation */
	RsSplit    *validation;		/* within its train side, for tune */
	List	   *kept;			/* parts trained on it, by tune.c */
	RsSplit    *final;			/* for good: what is stored */
	struct RsLearned *learned;	/* the ranker of the model to be stored */
	int64		model_id;

	struct RsListsWanted *listing;	/* what recommend_all is to list */
} RsRun;

/* what a stage did */
typedef struct RsStageResult
{
	int64		rows_in;
	int64		rows_out;
} RsStageResult;

extern RsRun *rs_run;

/* train.c: the run that is open in this backend, as the caller believes */
extern RsRun *rs_open_run(int64 run_id);

/* errors while a stage is at work in this session */
extern void rs_check_idle(void);

/* run_memory.c: a run in a context of its own below the current one, not yet open */
extern RsRun *rs_run_make(const char *recommender);

/* bytes of '2 GB'; NULL stands for maintenance_work_mem */
extern int64 rs_memory_limit(text *memory);

/*
 * Allocation in the run's context, or in one below it, checked against its
 * memory limit.
 */
extern void *rs_run_alloc(RsRun *run, Size bytes, const char *what);
extern void *rs_run_alloc_in(RsRun *run, MemoryContext context, Size bytes,
							 const char *what);
extern void rs_run_charge(RsRun *run, Size bytes, const char *what);
extern int64 rs_run_bytes(RsRun *run);	/* held now */

/* run_options.c */
extern void rs_set_cutoff(RsRun *run, TimestampTz cutoff);

/* from 1 to 10000 each; they are kept ascending and different */
extern void rs_set_list_lengths(RsRun *run, ArrayType *array);

/* what to evaluate, NULL: the live policy with its parts */
extern void rs_set_policies(RsRun *run, ArrayType *names);

/* loader.c */
extern void rs_load(RsRun *run, RsStageResult *result);

/* split.c */
extern RsSplit *rs_split_make(RsRun *run, bool random, TimestampTz cutoff,
							  TimestampTz until);
extern void rs_split_free(RsSplit *split);
extern void rs_find_cutoff(RsRun *run);

/*
 * A split within the train side of the run's own one, with its matrix: the
 * validation slice is its test side.  It depends on nothing of the run's test
 * side.  NULL where there is nothing on one of its sides.
 */
extern RsSplit *rs_split_validation(RsRun *run);

/*
 * What a ranker learns from that is not to see what comes at or after an
 * instant (DT_NOEND: it may see all): as rs_split_validation, but of what lies
 * before it, or without a time a tenth of the pairs at random.
 */
extern RsSplit *rs_split_recent(RsRun *run, TimestampTz until);

/* users with something on the test side */
extern uint64 rs_split_test_users(const RsRun *run, const RsSplit *split);

/*
 * Which users to leave out, bots among them, so that about so many of these
 * remain; by a hash of the id.
 */
extern bool *rs_split_sample(RsRun *run, const RsSplit *split, uint64 users);
extern bool rs_in_train(const RsRun *run, const RsSplit *split, uint32 user,
						const RsEvent *event);
extern bool rs_in_test(const RsRun *run, const RsSplit *split, uint32 user,
					   const RsEvent *event);

/*
 * The time of the oldest of the user's events of the train side that a list
 * would be made from; PG_INT64_MIN where it is all of them.
 */
extern int64 rs_history_since(const RsRun *run, const RsSplit *split, uint32 user);

/*
 * A user's events of the train side since then (PG_INT64_MIN: all), one per
 * item, ordered by item; returns how many.  out has room for the longest
 * history.
 */
extern int	rs_user_history(const RsRun *run, const RsSplit *split, uint32 user,
							int64 since, RsEvent *out);

/*
 * The same of the test side, with what returns on it have left: nothing where
 * the user owned the item before.  history has room like out, and is
 * overwritten.
 */
extern int	rs_user_future(const RsRun *run, const RsSplit *split, uint32 user,
						   RsEvent *history, RsEvent *out);
/*
 * A user's ratings of the train or the test side since then, the newest of each
 * item, ordered by item; returns how many.  out has room for the longest
 * history.
 */
extern int	rs_user_ratings(const RsRun *run, const RsSplit *split, uint32 user,
							bool test, int64 since, RsRating *out);
extern bool rs_is_relevant(const RsRun *run, const RsEvent *event);
extern uint64 rs_longest_history(const RsRun *run);

/* matrix.c: the pairs of a split's train side */
extern RsMatrix *rs_matrix_make(RsRun *run, const RsSplit *split);

/* room for a matrix of so many pairs; its place in whatever process */
extern RsSharedCsr rs_share_csr(RsRun *run, MemoryContext context, uint32 nrows,
								uint32 ncols, uint64 pairs);
extern RsCsr rs_shared_csr(const RsSharedCsr *m);

/* bots.c */
typedef struct RsBot
{
	uint32		user;
	bool		by_rate;		/* else by breadth */
	double		measure;
	double		threshold;
} RsBot;
extern List *rs_list_bots(RsRun *run, TimestampTz before);
extern bool *rs_find_bots(RsRun *run, MemoryContext context, TimestampTz before);

/* estimate.c */
extern void rs_expect(RsRun *run);
extern Size rs_estimate_megabytes(const RsRun *run);

/* evaluate.c */
extern void rs_evaluate(RsRun *run, RsStageResult *result);

/* store.c */
extern void rs_store(RsRun *run, RsStageResult *result);

/* write.c */
typedef struct RsColumn
{
	const char *name;
	Oid			type;
} RsColumn;

typedef struct RsWriter RsWriter;

extern RsWriter *rs_writer_begin(const char *target, const char *select, int n,
								 const RsColumn *columns, int nkeys);
extern void rs_writer_add(RsWriter *w, Datum *values, bool *nulls);

/* adds the size of the rows to *bytes, unless that is NULL */
extern int64 rs_writer_end(RsWriter *w, int64 *bytes);

/* policy.c */
extern void rs_policies_of(RsRun *run, const char *name);

/*
 * The current version of a policy, in the run's context; with another method
 * and with some settings changed by a JSON object, where these are not NULL.
 */
extern RsPolicy *rs_policy_read(RsRun *run, const char *name, const char *method,
								const char *changes);

/* train.c: the frame of a door; the current context is the stage's between them */
typedef struct RsFrame
{
	RsOwnerState saved;
	MemoryContext old;
} RsFrame;
extern RsRun *rs_enter(int64 run_id, RsFrame *frame);
extern void rs_leave(const RsFrame *frame);

#endif							/* RS_TRAIN_H */
