/*-------------------------------------------------------------------------
 *
 * answer.c
 *	  Questions to a whole model: its best items or users, less those that may
 *	  not be told, as rows.
 *
 * The best few are searched for, and four times as many only as long as too
 * many of them may not be told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "answer.h"
#include "kernel/cosine.h"

#define FIRST_BATCH		64

int
rs_search_cosine(const RsIndex *index, const float *x, int factors, int n, uint32 self,
				 RsScored *best)
{
	void	   *work = palloc_extended((rs_cosine_workspace(index) + 1) * sizeof(float), MCXT_ALLOC_HUGE);
	int			found = rs_cosine_search(index, x, factors, n, self, work, best);

	pfree(work);
	return found;
}

int
rs_search_product(const RsIndex *index, const float *x, int n, const uint32 *skip,
				  uint32 nskip, RsScored *best)
{
	void	   *work = palloc_extended(rs_index_workspace(index, n) + 1, MCXT_ALLOC_HUGE);
	int			found = rs_index_search(index, x, n, skip, nskip, work, best, NULL);

	pfree(work);
	return found;
}

/* Writes those of the best from first on that may be told, up to rank k. */
static void
put_rows(ReturnSetInfo *rsinfo, const RsAnswer *a, const RsScored *best, int first, int found,
		 int k, int *rank)
{
	int			n = found - first;
	Datum	   *ids = palloc_extended((n + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	bool	   *pass = palloc_extended(n + 1, MCXT_ALLOC_HUGE);

	for (int i = 0; i < n; i++)
		ids[i] = rs_model_item(a->m, best[first + i].id);
	if (n > 0)
		a->allow(a->question, ids, n, pass);
	for (int i = 0; i < n && *rank < k; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		if (!pass[i])
			continue;
		values[0] = Int32GetDatum(++*rank);
		values[1] = ids[i];
		values[2] = Float8GetDatum(best[first + i].score);
		values[3] = a->extra(a->question, first + i, &nulls[3]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	pfree(ids);
	pfree(pass);
}

void
rs_answer_rows(FunctionCallInfo fcinfo, const RsAnswer *a, int k)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		want = Max((int64) FIRST_BATCH, 2 * (int64) k);
	int			seen = 0;
	int			rank = 0;

	while (rank < k && seen < a->most)
	{
		int			n = (int) Min(want, a->most);
		RsScored   *best = palloc_extended(n * sizeof(RsScored), MCXT_ALLOC_HUGE);
		int			found = a->search(a->question, n, best);

		put_rows(rsinfo, a, best, seen, found, k, &rank);
		pfree(best);
		if (found < n)
			break;
		seen = found;
		want *= 4;
		CHECK_FOR_INTERRUPTS();
	}
}
