/*-------------------------------------------------------------------------
 *
 * owner.c
 *	  Running a recommender's SQL with its owner's rights.
 *
 * A recommender's filter and views are its owner's SQL.  When a superuser's
 * scheduled job runs them, they must not run with a superuser's rights: the
 * same care that REFRESH MATERIALIZED VIEW takes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "owner.h"

void
rs_become_owner(const RsRecommender *r, RsOwnerState *saved)
{
	if (!has_privs_of_role(GetUserId(), r->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must have the privileges of the owner of recommender \"%s\"",
						NameStr(r->name)),
				 errhint("Its owner is %s.", GetUserNameFromId(r->owner, false))));
	GetUserIdAndSecContext(&saved->user, &saved->context);
	SetUserIdAndSecContext(r->owner, saved->context |
						   SECURITY_RESTRICTED_OPERATION |
						   SECURITY_LOCAL_USERID_CHANGE);
	saved->guc_level = rs_search_path_push();
}

void
rs_become_caller(const RsOwnerState *saved)
{
	AtEOXact_GUC(false, saved->guc_level);
	SetUserIdAndSecContext(saved->user, saved->context);
}
