/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  Prepared statements that a session keeps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_PLAN_H
#define RS_PLAN_H

#include "executor/spi.h"

/*
 * The plan of a statement with these parameters, prepared at most once for the
 * current role; valid until the transaction ends.  Needs a connection to SPI.
 */
extern SPIPlanPtr rs_plan(const char *query, int nargs, const Oid *types);

/* the same, planned at each execution for the values that it is given */
extern SPIPlanPtr rs_plan_for_values(const char *query, int nargs, const Oid *types);

#endif							/* RS_PLAN_H */
