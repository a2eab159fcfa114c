/*-------------------------------------------------------------------------
 *
 * explain.h
 *	  One explanation: an item, the list that it could be in, and its rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_EXPLAIN_H
#define RS_EXPLAIN_H

#include "funcapi.h"

#include "listing.h"

typedef struct RsExplanation
{
	ReturnSetInfo *rsinfo;
	RsRequest	q;
	RsListing	l;
	bool		has_user;
	bool		has_as_of;
	Datum		user;
	RsIdMap    *one;			/* the item */
	uint32		column;
	RsEntry		e;				/* as listed, deferred, or by itself */
	int64		place;			/* 1 = first; 0 = not listed */
	bool		deferred;
	bool		fresh;			/* it came as a new item among the candidates */
	int			step;
	const char *why_not;		/* the first thing that keeps it off */
} RsExplanation;

/* One row; a value that is not finite is none. */
extern void rs_explain_row(RsExplanation *x, const char *stage, const char *name,
						   double value, const char *note);

/* explain_rules.c: a row for each rule, and why_not by those that keep it off */
extern void rs_explain_rules(RsExplanation *x);

#endif							/* RS_EXPLAIN_H */
