/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  Rows of a query, one at a time, as the executor makes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_STREAM_H
#define RS_STREAM_H

/* values are valid during the call only; memory allocated in it is freed soon */
typedef void (*RsRowCallback) (const Datum *values, const bool *isnull, void *arg);

/*
 * Runs a reading query through SPI (connected by the caller) in the active
 * snapshot and hands each row to the callback; parallel plans are allowed.
 * The query must give n columns of these types; the first required of them
 * must not be NULL.
 */
extern void rs_stream(const char *query, int n, const Oid *types, int required,
					  RsRowCallback callback, void *arg);

#endif							/* RS_STREAM_H */
