/*-------------------------------------------------------------------------
 *
 * parts.h
 *	  The trained parts of models: popularity, item neighbours, factors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_PARTS_H
#define RS_PARTS_H

#include "portability/instr_time.h"

#include "train.h"
#include "kernel/fold_in.h"

typedef struct RsNeighborPart
{
	RsCoocSettings settings;
	uint32		users_cut;		/* users whose history was capped */
	uint64	   *start;			/* by column, ncolumns + 1 */
	RsNeighbor *neighbor;
	bool		is_shared;		/* rs_parts_share has moved it: */
	RsShared	shared_start;
	RsShared	shared_neighbor;
} RsNeighborPart;

/* Factors of whichever method. */
typedef struct RsFactorPart
{
	RsFactorSettings asked;		/* as the policy has them */
	RsFactorSettings settings;	/* as they were used */
	RsFactorKind kind;
	float	   *item;			/* columns x factors */
	float	   *user;			/* rows x factors */
	float	   *item_bias;		/* NULL = none */
	float	   *user_bias;
	float	   *gram;			/* factors x factors, of item; not of ratings */
	RsShared	shared_item;	/* the same, for the workers */
	RsShared	shared_user;
	RsShared	shared_item_bias;
	RsShared	shared_user_bias;
	RsShared	shared_gram;
	RsShared	shared_row;		/* rs_parts_share: item and bias, see fold_in.h */
	RsShared	shared_index;	/* rs_part_index */
	int			done;			/* sweeps so far */
	int			most;			/* sweeps that there is room for */
	float	   *total;			/* how far its rows have been turned */
	double	   *loss;			/* after each sweep */
	double	   *seconds;		/* of each sweep */

	/* of ratings only */
	RsExplicit	rating;
	float		lowest;			/* range of the ratings */
	float		highest;
	RsShared	base_bias;		/* items' in the model without factors */
} RsFactorPart;

/* Everything trained on one matrix; equal settings share a part. */
typedef struct RsParts
{
	RsMatrix   *matrix;
	float	   *popularity;		/* users / most users, by column */
	RsShared	shared_popularity;
	List	   *neighbors;		/* of RsNeighborPart */
	List	   *factors;		/* of RsFactorPart */
	double		seconds;
} RsParts;

/* parts.c */
extern void rs_parts_make(RsRun *run, RsSplit *split, List *policies);

/* the users of a column; those of long ago count less where that is asked for */
extern double rs_users_of(const RsMatrix *m, uint32 column);

/* the n columns by falling popularity, ties by id */
extern void rs_parts_popular(const RsParts *parts, uint32 n, uint32 *order);
extern RsNeighborPart *rs_parts_neighbors(const RsParts *parts, const RsPolicy *policy);
extern RsFactorPart *rs_parts_factors(const RsParts *parts, const RsPolicy *policy);

/*
 * Memory of a part that stays, by its settings: shared rows, Gram matrix and
 * biases, and room for what its sweeps tell.
 */
extern void rs_part_allocate(RsRun *run, MemoryContext context, const RsMatrix *m,
							 RsFactorPart *part);

/* A sweep or round begins, from 0; at its end its loss is known. */
extern void rs_part_sweep_begin(const RsFactorPart *part, int number, instr_time *start);
extern void rs_part_sweep_end(const RsRun *run, RsFactorPart *part, const char *what, int number,
							  double loss, const instr_time *start);

/* what a fold-in needs of factors but memory, which is each process's own */
extern RsFoldIn rs_part_fold(const RsFactorPart *part, uint32 nitems);

/* Moves to shared memory what training has left in this backend's own. */
extern void rs_parts_share(RsRun *run, RsSplit *split);

/* factors.c, explicit.c, bpr.c: by the settings' method */
extern RsFactorPart *rs_train_factors(RsRun *run, RsTeam *team, RsSplit *split,
									  const RsFactorSettings *settings);
extern RsFactorPart *rs_train_explicit(RsRun *run, RsTeam *team, RsSplit *split,
									   const RsFactorSettings *settings);
extern RsFactorPart *rs_train_bpr(RsRun *run, RsTeam *team, RsSplit *split,
								  const RsFactorSettings *settings);
extern const RsJob rs_job_explicit;
extern const RsJob rs_job_bpr;

/* what the data decide of a fold-in's alpha0 */
extern double rs_settle_alpha0(double asked, const RsMatrix *m);

/*
 * The same in pieces: the start, with room for settings->sweeps, and sweeps up
 * to a number in all.  The item factors and their Gram matrix after n sweeps
 * are the same bytes however they were reached; the user factors are those of
 * rs_train_factors if the last piece finishes, which makes them exact.
 */
extern RsFactorPart *rs_factors_start(RsRun *run, RsTeam *team, RsSplit *split,
									  const RsFactorSettings *settings);
extern void rs_factors_sweep(RsRun *run, RsTeam *team, RsSplit *split,
							 RsFactorPart *part, int sweeps, bool finish);

/* neighbors.c */
#define RS_NEIGHBOR_STAGING	(8 << 20)	/* bytes of a batch of rows; there are two */
#define RS_NEIGHBOR_BLOCK	16	/* rows of a block */

/* rows of a batch: at least a block, at most half of all */
static inline uint32
rs_neighbor_batch(uint32 nitems, int neighbors)
{
	Size		rows = RS_NEIGHBOR_STAGING / (neighbors * sizeof(RsNeighbor));

	return Min(Max(rows, RS_NEIGHBOR_BLOCK), nitems / 2 + 1);
}

extern RsNeighborPart *rs_train_neighbors(RsRun *run, RsTeam *team, RsSplit *split,
										  const RsCoocSettings *settings);
extern const RsJob rs_job_neighbors;

/* warm.c: item factors of an earlier model */
extern RsWarm *rs_warm_read(RsRun *run, const RsSplit *split);
extern void rs_warm_items(const RsWarm *warm, const RsMatrix *m,
						  const RsFactorSettings *settings, float *item);

/* stop.c: numbers of sweeps chosen on the validation slice */
extern void rs_choose_sweeps(RsRun *run);

#endif							/* RS_PARTS_H */
