/*-------------------------------------------------------------------------
 *
 * batch_rows.c
 *	  recommend_all: rows of SHOP.recommendation, old ones and new.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "lists.h"

/*
 * Removes the rows of users.  Which ids are equal is for the source's collation
 * to say; deterministic ones agree with the table's own, which its index has.
 */
void
rs_lists_delete(RsLists *l, const Datum *users, uint32 n)
{
	RsRecommender *r = l->run->recommender;
	Oid			type = get_array_type(r->user_type);
	const char *collate = OidIsValid(r->user_collation) &&
		!get_collation_isdeterministic(r->user_collation) ? rs_user_collate(r) : "";
	Datum		array;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	get_typlenbyvalalign(r->user_type, &typlen, &typbyval, &typalign);
	array = PointerGetDatum(construct_array(unconstify(Datum *, users), n, r->user_type, typlen, typbyval, typalign));
	if (SPI_execute_with_args(psprintf("DELETE FROM %s.recommendation r WHERE r.user_id%s = ANY ($1)", r->schema, collate),
							  1, &type, &array, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not delete old lists");
	pfree(DatumGetPointer(array));
}

/* One row of a list. */
static void
put_row(RsLists *l, RsWriter *w, Datum user, int rank, Datum item, double score,
		RsSource source, uint32 because)
{
	bool		has_because = (because != RS_NO_ID);
	Datum		values[7];
	bool		nulls[7] = {false};
	MemoryContext old = MemoryContextSwitchTo(l->user_context);

	values[0] = user;
	values[1] = Int32GetDatum(rank);
	values[2] = item;
	values[3] = Float8GetDatum(score);
	values[4] = CStringGetTextDatum(rs_source_name(source));
	values[5] = CStringGetTextDatum(rs_reason(source, score, has_because ? l->label[because] : NULL));
	values[6] = has_because ? rs_model_item(l->m, because) : (Datum) 0;
	nulls[6] = !has_because;
	MemoryContextSwitchTo(old);
	rs_writer_add(w, values, nulls);
	l->nrows++;
}

/* A writer of rows of SHOP.recommendation. */
RsWriter *
rs_lists_writer(const RsLists *l)
{
	RsRecommender *r = l->run->recommender;
	const RsColumn columns[] = {
		{"user_id", r->user_type}, {"rank", INT4OID}, {"item_id", r->item_type},
		{"score", FLOAT8OID}, {"source", TEXTOID}, {"reason", TEXTOID},
		{"because_item_id", r->item_type}
	};

	return rs_writer_begin(psprintf("%s.recommendation (user_id, rank, item_id, score, source, reason, because_item_id, model_id, computed_at)",
									r->schema),
						   psprintf("user_id, rank, item_id, score, source, reason, because_item_id, " INT64_FORMAT ", pg_catalog.now()",
									l->m->model_id),
						   lengthof(columns), columns, 0);
}

/*
 * The lists that the team has made, to SHOP.recommendation: users come in their
 * order, so these are rows in the order of the primary key.
 */
void
rs_lists_write(RsLists *l)
{
	RsWriter   *w = rs_lists_writer(l);
	const RsTarget *target = l->arg.batch.target.local;
	const uint32 *pool = l->arg.batch.pool.local;

	for (uint32 i = 0; i < l->arg.batch.n; i++)
	{
		const RsTarget *t = &target[i];
		const RsListedItem *row = (RsListedItem *) l->arg.listed.local + (Size) i * l->arg.plan.k;
		int			n = Min(((int32 *) l->arg.count.local)[i], l->listing->k);
		Datum		user = rs_idmap_datum(l->users, t->user);

		for (int j = 0; j < n; j++)
			put_row(l, w, user, j + 1, rs_model_item(l->m, row[j].item),
					row[j].score, row[j].source, row[j].because);
		for (uint32 j = 0; j < t->nrelevant; j++)
			put_row(l, w, user, n + j + 1, l->fresh[pool[t->relevant + j]],
					rs_fresh_score(n, n > 0 ? row[n - 1].score : 0), RS_FROM_FRESH, RS_NO_ID);
		MemoryContextReset(l->user_context);
		CHECK_FOR_INTERRUPTS();
	}
	rs_writer_end(w, NULL);
}
