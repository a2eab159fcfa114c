/*-------------------------------------------------------------------------
 *
 * aggregate.h
 *	  What the functions of an aggregate with an internal state share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_AGGREGATE_H
#define RS_AGGREGATE_H

#include "fmgr.h"
#include "lib/stringinfo.h"

/* the context in which the state lives; an error outside an aggregate */
extern MemoryContext rs_aggregate_context(FunctionCallInfo fcinfo, const char *function);

/* the first argument, a state or NULL, as the result */
extern Datum rs_aggregate_unchanged(FunctionCallInfo fcinfo);

/*
 * The bytes of the serialized state that is the first argument, after the
 * version, which they begin with; XX001 where it is another.
 */
extern void rs_aggregate_read(FunctionCallInfo fcinfo, const char *aggregate, int version,
							  StringInfo buf);

#endif							/* RS_AGGREGATE_H */
