/*-------------------------------------------------------------------------
 *
 * als_job.h
 *	  What the processes of a team do in a half sweep of ALS.
 *
 * One side's rows are solved, the other's are fixed.  By conjugate gradients
 * both are turned into the basis of the eigenvectors of the other's Gram
 * matrix first; see kernel/als_cg.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_ALS_JOB_H
#define RS_ALS_JOB_H

#include "parts.h"

#define RS_GRAM_SLICES	16		/* whatever the number of processes */

typedef struct RsGramArg
{
	RsShared	x;				/* n x f */
	RsShared	slice;			/* RS_GRAM_SLICES x f x f */
	uint32		n;
	int			f;
} RsGramArg;

extern const RsJob rs_job_gram;

typedef struct RsRotateArg
{
	RsShared	x;				/* n x f */
	RsShared	basis;
	uint32		n;
	int			f;
} RsRotateArg;

extern const RsJob rs_job_rotate;

typedef struct RsSolveArg
{
	RsFactorSettings settings;
	RsSharedCsr pairs;			/* rows to solve */
	RsShared	other;
	RsShared	gram;			/* of other: for exact rows */
	RsShared	basis;			/* of other: for conjugate gradients */
	RsShared	x;				/* rows x factors */
	RsShared	loss;			/* by block; its rows' share of the loss */
	RsShared	ridge;			/* by block; sum of the rows' ridge |x|^2 */
} RsSolveArg;

extern const RsJob rs_job_exact;
extern const RsJob rs_job_cg;

/* how many blocks a job over n rows has, and rows one of them */
#define RS_BLOCK_ROWS	96		/* a multiple of what the kernel turns at once */
extern uint32 rs_row_blocks(uint32 n);
extern uint32 rs_block_rows(uint32 n, uint32 block);

/*
 * What the trainings of all factors share.  gram = x'x, both triangles, by the
 * team; slice is scratch of RS_GRAM_SLICES x f x f.
 */
extern void rs_gram_matrix(RsTeam *team, RsShared x, uint32 n, int f,
						   RsShared slice, float *gram);
extern double rs_sum_blocks(RsShared by_block, uint32 nblocks);
extern void rs_random_start(float *x, Size n, double sd, uint64 seed);

#endif							/* RS_ALS_JOB_H */
