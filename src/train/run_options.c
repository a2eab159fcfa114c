/*-------------------------------------------------------------------------
 *
 * run_options.c
 *	  What is asked of a run: its cutoff, list lengths and policies.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "train.h"

#define MOST_LENGTHS	100

/* An instant between train and test; random_split is set before. */
void
rs_set_cutoff(RsRun *run, TimestampTz cutoff)
{
	run->has_cutoff = true;
	run->cutoff = cutoff;
	if (!run->recommender->has_time)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a cutoff needs a time column, and recommender \"%s\" has none",
						NameStr(run->recommender->name))));
	if (run->random_split)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cutoff and random_split exclude each other")));
	if (TIMESTAMP_NOT_FINITE(run->cutoff))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the cutoff must be finite")));
}

static int
compare_int(const void *a, const void *b)
{
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	return (x > y) - (x < y);
}

void
rs_set_list_lengths(RsRun *run, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, INT4OID, 4, true, TYPALIGN_INT, &values, &nulls, &n);
	if (n < 1 || n > MOST_LENGTHS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must hold from 1 to %d list lengths", MOST_LENGTHS)));
	run->k = MemoryContextAlloc(run->context, n * sizeof(int));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i] || DatumGetInt32(values[i]) < 1 || DatumGetInt32(values[i]) > 10000)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("each k must be from 1 to 10000")));
		run->k[i] = DatumGetInt32(values[i]);
	}
	qsort(run->k, n, sizeof(int), compare_int);
	for (int i = 0; i < n; i++)
		if (i == 0 || run->k[i] != run->k[run->nk - 1])
			run->k[run->nk++] = run->k[i];
}

/*
 * The policies to evaluate, with popularity and their parts (NULL: those of
 * the live one); the last of them is the one to train for good.
 */
void
rs_set_policies(RsRun *run, ArrayType *names)
{
	Datum	   *values = NULL;
	bool	   *nulls = NULL;
	int			n = 0;

	if (names == NULL)
		rs_policies_of(run, NameStr(run->recommender->live_policy));
	else
		deconstruct_array(names, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
						  &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			rs_policies_of(run, NameStr(*DatumGetName(values[i])));
	if (run->policies == NIL)
		rs_policies_of(run, "popularity");
	run->policy = llast(run->policies);
}
