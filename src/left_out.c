/*-------------------------------------------------------------------------
 *
 * left_out.c
 *	  What a list must not have, whatever the catalog says: the user's hidden
 *	  items, the policy's banned ones, and those that the list has elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "listing.h"

static int
compare_columns(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

bool
rs_is_among(uint32 column, const uint32 *columns, uint32 n)
{
	return n > 0 && bsearch(&column, columns, n, sizeof(uint32), compare_columns) != NULL;
}

void
rs_supply_hide(RsSupply *s)
{
	const RsModel *m = s->q->m;
	RsIdMap    *hidden = s->q->h->hidden;
	uint32		n = rs_idmap_count(hidden);

	s->hidden = palloc_extended(((Size) n + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		column = rs_model_find(m, rs_idmap_datum(hidden, i));

		if (column != RS_NO_ID)
			s->hidden[s->nhidden++] = column;
	}
	qsort(s->hidden, s->nhidden, sizeof(uint32), compare_columns);
}

void
rs_supply_skip(RsSupply *s, Datum item)
{
	if (s->skipped == NULL)
		s->skipped = rs_idmap_create(s->q->r->item_type, s->q->r->item_collation, CurrentMemoryContext);
	rs_idmap_add(s->skipped, item);
}

bool
rs_supply_left_out(const RsSupply *s, Datum item, uint32 column)
{
	const RsRules *rules = s->q->rules;

	if (column == RS_NO_ID ? rs_idmap_find(s->q->h->hidden, item) != RS_NO_ID :
		rs_is_among(column, s->hidden, s->nhidden))
		return true;
	return (rules->banned != NULL && rs_idmap_find(rules->banned, item) != RS_NO_ID) ||
		(s->skipped != NULL && rs_idmap_find(s->skipped, item) != RS_NO_ID);
}
