/*-------------------------------------------------------------------------
 *
 * learn.h
 *	  The rankers of funnels, learned from what users went on to do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LEARN_H
#define RS_LEARN_H

#include "view.h"

/* to learn from at most, of one ranker */
#define RS_LEARN_USERS	4000
#define RS_LEARN_BYTES	(24 * 1024 * 1024)

/* candidates of each source to learn from: what comes first is what matters */
#define RS_LEARN_QUOTA	50

/* of the candidates of one batch of users */
#define RS_LEARN_BATCH	(4 * 1024 * 1024)

/* with fewer lists there is no ranker */
#define RS_LEAST_LISTS	100

/*
 * A policy's ranker, learned on the test side of a split that its parts are
 * trained on; in the run's context.
 */
extern RsLearned *rs_learn(RsRun *run, RsSplit *split, const RsPolicy *policy);

/*
 * The rankers of all policies of an evaluation, each learned on the validation
 * slice with parts trained on what lies before it.
 */
extern void rs_learn_before(RsRun *run);

/*
 * Stage ranker: that of the model to be stored, learned on the test side of
 * the evaluation, with its parts, or without an evaluation on the newest
 * slice of what there is.
 */
extern void rs_learn_final(RsRun *run, RsStageResult *result);

/* learn.c, for team.c */
extern const RsJob rs_job_learn;

#endif							/* RS_LEARN_H */
