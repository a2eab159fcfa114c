/*-------------------------------------------------------------------------
 *
 * filter.h
 *	  The conditions of a request on its items, as filter.c writes them and
 *	  eligible.c asks for them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_FILTER_H
#define RS_FILTER_H

#include "lib/stringinfo.h"

#include "list.h"

/* $1 is the query's own, $2 the model */
#define RS_FIRST_PARAMETER 3

struct RsFilter
{
	RsRecommender *r;
	Oid			array_type;
	StringInfoData condition;	/* on the catalog, aliased c */
	int			nparams;		/* the first two included */
	int			allocated;
	Oid		   *types;			/* of parameters: text or text[] from the third */
	Datum	   *values;
	bool		filtered;		/* the call or a rule has a condition */
	const RsRules *rules;		/* NULL = none */
	bool		asks;			/* the rules ask for the catalog's values */
	char	   *rows_query;		/* once made */
};

#endif							/* RS_FILTER_H */
