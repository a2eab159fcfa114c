/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  What a run is at, for recsys.progress.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_PROGRESS_H
#define RS_PROGRESS_H

#include "train.h"

/* A stage begins; its name is one of RS_STAGE_NAMES, or nothing is shown. */
extern void rs_progress_stage(const RsRun *run, const char *stage);

/*
 * What follows is the piece from one share of the stage to another; without
 * it, what follows is the whole stage.
 */
extern void rs_progress_piece(double from, double to);

/* The piece is made of sweeps, and this one (from 1) begins; 0, 0: no longer. */
extern void rs_progress_sweep(int sweep, int sweeps);

/* Rows of the piece, or of its sweep; total 0 = not known. */
extern void rs_progress_rows(uint64 done, uint64 total);

/* Nothing is shown any more. */
extern void rs_progress_end(void);

#endif							/* RS_PROGRESS_H */
