/*-------------------------------------------------------------------------
 *
 * replay.h
 *	  A logged request that is done again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_REPLAY_H
#define RS_REPLAY_H

#include "log.h"

typedef struct RsReplay
{
	ReturnSetInfo *result;
	RsRecommender *r;
	RsLogged   *l;
	Oid			output;			/* of item ids */
} RsReplay;

extern const char *const rs_cause_history;
extern const char *const rs_cause_catalog;
extern const char *const rs_cause_rule;
extern const char *const rs_cause_code;

/* a row of the answer; NULL for a value that there is not */
extern void rs_replay_row(const RsReplay *p, Datum item, const char *feature,
						  const double *logged, const double *replayed, const char *cause);

/*
 * The request by the logged model, the rules of a version of its policy (0: of
 * the current one) and the logged history, nothing hidden.
 */
extern void rs_replay_request(const RsReplay *p, int version, RsRequest *q);

/* replay_list.c: the rows of level list */
extern void rs_replay_list(const RsReplay *p);

#endif							/* RS_REPLAY_H */
