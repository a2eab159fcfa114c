/*-------------------------------------------------------------------------
 *
 * train_door.c
 *	  SQL functions that recsys_train.so implements.
 *
 * The training library is loaded when one of them is first called, and only
 * after it has said that it was built with this one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#define TRAIN_LIBRARY	"$libdir/recsys_train"

typedef const char *(*BuildFunction) (void);

static PGFunction
train_function(const char *name)
{
	static bool checked = false;

	if (!checked)
	{
		BuildFunction build = (BuildFunction) (void (*) (void))
			load_external_function(TRAIN_LIBRARY, "rs_train_build", true, NULL);

		if (strcmp(build(), RS_BUILD) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("recsys and recsys_train are of different builds, %s and %s",
							RS_BUILD, build()),
					 errhint("Install both libraries of one build and start a new session.")));
		checked = true;
	}
	return load_external_function(TRAIN_LIBRARY, name, true, NULL);
}

/* Each door calls the function of the same name behind it. */
#define TRAIN_DOOR(door, behind) \
PG_FUNCTION_INFO_V1(door); \
Datum \
door(PG_FUNCTION_ARGS) \
{ \
	static PGFunction function = NULL; \
\
	if (function == NULL) \
		function = train_function(behind); \
	return function(fcinfo); \
}

TRAIN_DOOR(recsys_train_open, "rs_train_open")
TRAIN_DOOR(recsys_train_stage, "rs_train_stage")
TRAIN_DOOR(recsys_train_show, "rs_train_show")
TRAIN_DOOR(recsys_train_policies, "rs_train_policies")
TRAIN_DOOR(recsys_train_close, "rs_train_close")
TRAIN_DOOR(recsys_tune_split, "rs_train_tune_split")
TRAIN_DOOR(recsys_tune_trial, "rs_train_tune_trial")
TRAIN_DOOR(recsys_lists_open, "rs_train_lists")
TRAIN_DOOR(recsys_detect_bots, "rs_detect_bots")
TRAIN_DOOR(recsys_train_estimate, "rs_train_estimate")
TRAIN_DOOR(recsys_skew_report, "rs_train_skew")
