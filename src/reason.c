/*-------------------------------------------------------------------------
 *
 * reason.c
 *	  What a list says of an item: where it comes from, and why it is there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "serve.h"

static const char *const source_names[] = {
	"neighbor", "factor", "factor", "popularity", "category", "history", "fresh", "pinned", "explore"
};

const char *
rs_source_name(RsSource source)
{
	return source_names[source];
}

char *
rs_reason(RsSource source, double score, const char *because)
{
	switch (source)
	{
		case RS_FROM_NEIGHBOR:
			return psprintf("goes with \"%s\"", because);
		case RS_FROM_FACTOR:
			return pstrdup("fits the user's taste");
		case RS_FROM_RATING:
			return psprintf("would be rated about %.1f", score);
		case RS_FROM_POPULARITY:
			return pstrdup("popular with other users");
		case RS_FROM_CATEGORY:
			return because == NULL ? pstrdup("popular in a category of the user's") :
				psprintf("popular in \"%s\"", because);
		case RS_FROM_HISTORY:
			return pstrdup("the user has had it before");
		case RS_FROM_PIN:
			return pstrdup("pinned to this place");
		case RS_FROM_EXPLORATION:
			return pstrdup("drawn to learn how it is received");
		case RS_FROM_FRESH:
			return pstrdup("new in the catalog");
	}
	elog(ERROR, "unknown source %d", (int) source);
}

double
rs_fresh_score(int ranked, double last_score)
{
	return ranked > 0 ? Min(last_score, 0) : 0;
}
