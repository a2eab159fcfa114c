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

#include "idmap.h"
#include "registry.h"
#include "kernel/cooccurrence.h"
#include "kernel/csr.h"
#include "kernel/merge.h"
#include "kernel/topk.h"

/* settings of the parts, as a policy has them */
typedef struct RsFactorSettings
{
	int			factors;
	int			sweeps;
	double		alpha0;
	double		lambda;
	double		nu;
	double		initial_sd;
} RsFactorSettings;

typedef struct RsPolicy
{
	char	   *label;			/* as in the table evaluation */
	NameData	name;
	int			version;
	RsMethod	method;
	double		blend;
	RsCoocSettings neighbors;
	RsFactorSettings factors;
	char	   *settings;		/* JSON text */
} RsPolicy;

/*
 * The distinct positive pairs that one training sees.  Rows and columns are
 * numbered within the matrix, in the order of the ids.
 */
typedef struct RsMatrix
{
	uint32	   *user;			/* number in the run of each row */
	uint32	   *item;			/* number in the run of each column */
	uint32	   *row;			/* row of a user of the run, or RS_NO_ID */
	uint32	   *column;			/* column of an item of the run, or RS_NO_ID */
	RsCsr		users;			/* weights by user */
	RsCsr		items;			/* and by item */
	uint64		checksum;
	TimestampTz from;
	TimestampTz until;
} RsMatrix;

typedef struct RsNeighborPart
{
	RsCoocSettings settings;
	uint64	   *start;			/* by column, ncolumns + 1 */
	RsNeighbor *neighbor;
} RsNeighborPart;

typedef struct RsFactorPart
{
	RsFactorSettings settings;
	float	   *item;			/* columns x factors */
	float	   *user;			/* rows x factors */
	float	   *gram;			/* factors x factors, of item */
	double	   *loss;			/* after each sweep */
} RsFactorPart;

/* Everything trained on one matrix; equal settings share a part. */
typedef struct RsParts
{
	RsMatrix   *matrix;
	float	   *popularity;		/* users / most users, by column */
	List	   *neighbors;		/* of RsNeighborPart */
	List	   *factors;		/* of RsFactorPart */
	double		seconds;
} RsParts;

typedef struct RsRun
{
	MemoryContext context;
	int64		run_id;
	RsRecommender *recommender;
	RsPolicy   *policy;			/* the one to train for good */
	List	   *policies;		/* of RsPolicy: those to evaluate */
	bool		random_split;
	bool		per_user;
	bool		verbose;
	int			nk;
	int		   *k;				/* ascending */
	int64		seed;
	int64		memory_limit;	/* bytes */
	int64		peak_bytes;

	/* the source, as loaded */
	bool		loaded;
	RsIdMap    *users;
	RsIdMap    *items;
	uint64		nevents;
	RsEvent    *event;			/* by user, then in rs_event_compare's order */
	uint64	   *user_start;		/* users + 1 offsets into event */

	/* the split */
	bool		has_cutoff;
	TimestampTz cutoff;
	RsMatrix   *train;			/* before the cutoff */
	bool	   *bot;			/* users left out at the cutoff */

	RsParts    *parts;			/* trained on train */
	RsParts    *final_parts;	/* trained for good */
	bool	   *final_bot;
	int64		model_id;
} RsRun;

/* what a stage did */
typedef struct RsStageResult
{
	int64		rows_in;
	int64		rows_out;
} RsStageResult;

extern RsRun *rs_run;

/* a run below the current context, not yet open */
extern RsRun *rs_run_make(const char *recommender);

/* errors while a stage is at work in this session */
extern void rs_check_idle(void);

/* Allocation in the run's context, checked against its memory limit. */
extern void *rs_run_alloc(RsRun *run, Size bytes, const char *what);
extern void rs_run_charge(RsRun *run, Size bytes, const char *what);

/* loader.c */
extern void rs_load(RsRun *run, RsStageResult *result);

/* split.c */
extern void rs_find_cutoff(RsRun *run);
extern bool *rs_find_bots(RsRun *run, TimestampTz before);
extern RsMatrix *rs_matrix_make(RsRun *run, const bool *bot, bool train_only);
extern bool rs_in_train(const RsRun *run, uint32 user, const RsEvent *event);
extern int	rs_user_history(const RsRun *run, uint32 user, bool train_only,
							RsEvent *out);
extern uint64 rs_longest_history(const RsRun *run);

/* bots.c */
typedef struct RsBot
{
	uint32		user;
	bool		by_rate;		/* else by breadth */
	double		measure;
	double		threshold;
} RsBot;
extern List *rs_list_bots(RsRun *run, TimestampTz before);

/* parts.c */
extern RsParts *rs_parts_make(RsRun *run, RsMatrix *matrix, List *policies);
extern RsNeighborPart *rs_parts_neighbors(const RsParts *parts, const RsPolicy *policy);
extern RsFactorPart *rs_parts_factors(const RsParts *parts, const RsPolicy *policy);

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

#endif							/* RS_TRAIN_H */
