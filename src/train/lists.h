/*-------------------------------------------------------------------------
 *
 * lists.h
 *	  Lists for all users, from a stored model.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LISTS_H
#define RS_LISTS_H

#include "parts.h"
#include "serve.h"

/* What recommend_all has been asked for. */
typedef struct RsListing
{
	int			k;
	char	   *users;			/* query for their ids; NULL = all */
	bool		has_policy;
	NameData	policy;
} RsListing;

/* batch.c: stage recommend */
extern void rs_recommend_all(RsRun *run, RsStageResult *result);
extern const RsJob rs_job_lists;

/*
 * model.c: what a method needs of a model, and the policy that belongs to it,
 * in a context below the run's.
 */
extern RsParts *rs_model_parts(RsRun *run, MemoryContext context, RsModel *m,
							   RsMethod method, RsPolicy *policy);

#endif							/* RS_LISTS_H */
