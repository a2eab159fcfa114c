/*-------------------------------------------------------------------------
 *
 * owner.h
 *	  Running a recommender's SQL with its owner's rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_OWNER_H
#define RS_OWNER_H

#include "registry.h"

typedef struct RsOwnerState
{
	Oid			user;
	int			context;
	int			guc_level;
} RsOwnerState;

/*
 * From here on the current role is the recommender's owner, in a security-
 * restricted operation with a fixed search path; 42501 unless the caller has
 * the owner's privileges.  An error restores all with its (sub)transaction.
 */
extern void rs_become_owner(const RsRecommender *r, RsOwnerState *saved);
extern void rs_become_caller(const RsOwnerState *saved);

#endif							/* RS_OWNER_H */
