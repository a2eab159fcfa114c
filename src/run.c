/*-------------------------------------------------------------------------
 *
 * run.c
 *	  What lets one training of a recommender run at a time.
 *
 * The lock is a heavyweight lock on the recommender's schema, in a mode that
 * conflicts with itself and with DROP SCHEMA but with nothing else that the
 * schema's users do.  Held for the session it survives the commits between
 * stages; the server drops it on error, cancel and terminate.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_namespace.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "registry.h"

PG_FUNCTION_INFO_V1(recsys_lock_run);
PG_FUNCTION_INFO_V1(recsys_unlock_run);
PG_FUNCTION_INFO_V1(recsys_check_nonatomic);
PG_FUNCTION_INFO_V1(recsys_raise);
PG_FUNCTION_INFO_V1(recsys_log);

#define RUN_LOCK	ShareUpdateExclusiveLock

/* The lock's tag, for those with the privileges of the recommender's owner. */
static void
set_tag(LOCKTAG *tag, Name recommender)
{
	RsRecommender *r;

	SPI_connect();
	r = rs_registry_get(NameStr(*recommender), CurrentMemoryContext);
	if (!has_privs_of_role(GetUserId(), r->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must have the privileges of the owner of recommender \"%s\"",
						NameStr(*recommender))));
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, NamespaceRelationId, r->schema_oid, 0);
	SPI_finish();
}

/*
 * _lock_run(recommender, session): 55006 where another session holds it.
 */
Datum
recsys_lock_run(PG_FUNCTION_ARGS)
{
	Name		recommender = PG_GETARG_NAME(0);
	bool		session = PG_GETARG_BOOL(1);
	LOCKTAG		tag;

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot train or drop recommender \"%s\" on a standby",
						NameStr(*recommender)),
				 errhint("Do it on the primary; a standby serves.")));
	set_tag(&tag, recommender);
	if (LockAcquire(&tag, RUN_LOCK, session, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("a training of recommender \"%s\" is running already",
						NameStr(*recommender)),
				 errhint("SELECT pid, stage, started_at FROM recsys.training_run WHERE state = 'running' shows it.")));
	PG_RETURN_VOID();
}

/* _unlock_run(recommender): of the lock held for the session. */
Datum
recsys_unlock_run(PG_FUNCTION_ARGS)
{
	LOCKTAG		tag;

	set_tag(&tag, PG_GETARG_NAME(0));
	LockRelease(&tag, RUN_LOCK, true);
	PG_RETURN_VOID();
}

/*
 * _check_nonatomic(what): a procedure, because only CALL tells the callee
 * whether its caller may commit.
 */
Datum
recsys_check_nonatomic(PG_FUNCTION_ARGS)
{
	CallContext *context = (CallContext *) fcinfo->context;

	if (context == NULL || !IsA(context, CallContext) || context->atomic ||
		IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block or a function",
						PG_ARGISNULL(0) ? "it" : text_to_cstring(PG_GETARG_TEXT_PP(0))),
				 errdetail("It commits after each stage."),
				 errhint("Make the CALL the only statement, outside BEGIN.")));
	PG_RETURN_VOID();
}

/*
 * _raise(sqlstate, message, detail, hint): throws on an error that a run has
 * caught to write it down.
 */
Datum
recsys_raise(PG_FUNCTION_ARGS)
{
	char	   *code = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *message = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *detail = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char	   *hint = text_to_cstring(PG_GETARG_TEXT_PP(3));

	if (strlen(code) != 5)
		elog(ERROR, "\"%s\" is no SQLSTATE", code);
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])),
			 errmsg_internal("%s", message),
			 detail[0] ? errdetail_internal("%s", detail) : 0,
			 hint[0] ? errhint("%s", hint) : 0));
	PG_RETURN_VOID();
}

/* _log(message): a line for the server's log, and for no client by default. */
Datum
recsys_log(PG_FUNCTION_ARGS)
{
	ereport(LOG,
			(errmsg_internal("%s", text_to_cstring(PG_GETARG_TEXT_PP(0))),
			 errhidestmt(true), errhidecontext(true)));
	PG_RETURN_VOID();
}
