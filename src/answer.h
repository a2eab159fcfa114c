/*-------------------------------------------------------------------------
 *
 * answer.h
 *	  Questions to a whole model: its best items or users, less those that may
 *	  not be told, as rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_ANSWER_H
#define RS_ANSWER_H

#include "serve.h"

/* What is asked; the functions take the question that they are of. */
typedef struct RsAnswer
{
	const RsModel *m;			/* the items or users that are found */
	int64		most;			/* so many there are at most */

	/* the n best, or all if they are fewer; says how many */
	int			(*search) (const void *question, int n, RsScored *best);

	/* which of n may be told */
	void		(*allow) (const void *question, const Datum *ids, int n, bool *pass);

	/* what stands after rank, id and score in the row of the i-th best */
	Datum		(*extra) (const void *question, int i, bool *isnull);
	const void *question;
} RsAnswer;

/* the k best as rows of the function's result: rank, id, score and the extra */
extern void rs_answer_rows(FunctionCallInfo fcinfo, const RsAnswer *a, int k);

/* the n best rows of an index by their cosine with x, self not among them */
extern int	rs_search_cosine(const RsIndex *index, const float *x, int factors, int n,
							 uint32 self, RsScored *best);

/* the same by their product with x, those to skip not among them */
extern int	rs_search_product(const RsIndex *index, const float *x, int n,
							  const uint32 *skip, uint32 nskip, RsScored *best);

#endif							/* RS_ANSWER_H */
