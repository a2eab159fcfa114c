/*-------------------------------------------------------------------------
 *
 * progress_slots.h
 *	  How a training shows its progress in the server's table of backends.
 *
 * The writer is train/progress.c, the reader progress.c.  Each backend has one
 * place for the progress of a command, with numbered slots; the server's own
 * views look for commands that they know and pass over this one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_PROGRESS_SLOTS_H
#define RS_PROGRESS_SLOTS_H

#include "utils/backend_progress.h"

/* "rs": far above the numbers that PostgreSQL gives out; the target is a schema */
#define RS_PROGRESS_COMMAND		((ProgressCommandType) 0x7273)

typedef enum RsProgressSlot
{
	RS_SLOT_RUN,				/* run_id */
	RS_SLOT_STAGE,				/* RsProgressStage */
	RS_SLOT_STARTED,			/* of the stage: TimestampTz */
	RS_SLOT_SWEEP,				/* 1, 2, ...; 0 = none */
	RS_SLOT_SWEEPS,
	RS_SLOT_DONE,				/* rows */
	RS_SLOT_TOTAL,				/* rows; 0 = not known */
	RS_SLOT_SHARE,				/* of the stage, in millionths; -1 = not known */
	RS_SLOTS
} RsProgressSlot;

typedef enum RsProgressStage
{
	RS_STAGE_NONE,
	RS_STAGE_LOAD,
	RS_STAGE_SPLIT,
	RS_STAGE_TRAIN,
	RS_STAGE_EVALUATE,
	RS_STAGE_RANKER,
	RS_STAGE_BOTS,
	RS_STAGE_TRAIN_ALL,
	RS_STAGE_TRAIN_BEFORE,
	RS_STAGE_WRITE,
	RS_STAGE_PUBLISH,
	RS_STAGE_MAINTAIN,
	RS_STAGE_VALIDATION,
	RS_STAGE_TRIAL,
	RS_STAGE_RECOMMEND,
	RS_STAGES
} RsProgressStage;

/* their names, in that order */
#define RS_STAGE_NAMES \
	NULL, "load", "split", "train", "evaluate", "ranker", "bots", "train_all", \
	"train_before", "write", "publish", "maintain", "validation", "trial", \
	"recommend"

#endif							/* RS_PROGRESS_SLOTS_H */
