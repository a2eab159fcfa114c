/*-------------------------------------------------------------------------
 *
 * supply_set.c
 *	  A set of items by their scores: those of the call, or where few items
 *	  meet the conditions, those that the catalog finds.
 *
 * The items are scored one by one, and what has been handed out before is not
 * among them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "listing.h"

/*
 * Conditions that fewer than one in so many items meet, of at least so many
 * asked for, are looked for in the catalog, if it has at most so many of them.
 */
#define FEW				64
#define FEW_SEEN		256
#define MOST_DRIVEN		2000

/* Does an item come after the last one handed out of all items? */
static bool
comes_after(const RsSupply *s, double score, uint32 column)
{
	return !s->any || score < s->last_score ||
		(score == s->last_score && column > s->last_column);
}

/*
 * Readies an item of a set, if the model knows it and it has not been handed
 * out.
 */
static void
ready_item(RsSupply *s, Datum item, const RsEligible *says)
{
	uint32		column = rs_model_find(s->q->m, item);
	RsEntry    *e;

	if (column == RS_NO_ID || rs_supply_left_out(s, item, column) ||
		rs_is_among(column, s->candidate, s->ncandidates))
		return;
	e = rs_entries_grow(&s->ready, 1);
	rs_entry_start(e, rs_model_item(s->q->m, column), column);
	rs_entry_score(s->q, s->scoring, e);
	if (e->raw == -INFINITY || (s->stage == RS_STAGE_ALL && !comes_after(s, e->raw, column)))
		return;
	if (says != NULL)
		e->says = *says;
	s->ready.n++;
}

/* The set is what has been readied. */
static void
start_set(RsSupply *s, bool checked)
{
	rs_entries_sort(&s->ready);
	for (int64 i = 0; i < s->ready.n; i++)
		s->ready.entry[i].raw = Min(s->ready.entry[i].raw, s->last_score);
	s->stage = RS_STAGE_SET;
	s->checked = checked;
	s->next = 0;
}

void
rs_supply_set_given(RsSupply *s)
{
	for (uint32 i = 0; i < rs_idmap_count(s->q->only); i++)
		ready_item(s, rs_idmap_datum(s->q->only, i), NULL);
	start_set(s, false);
}

/*
 * Few items meet the conditions: asks the catalog for them, and makes them the
 * set.  Only where the answer is no matter of k.
 */
bool
rs_supply_set_by_catalog(RsSupply *s)
{
	RsFound    *found;
	int			n;

	if (s->tried || !rs_filter_is_filtered(s->q->filter) || s->seen < FEW_SEEN ||
		s->passed * FEW > s->seen)
		return false;
	s->tried = true;
	n = rs_filter_catalog(s->q->filter, MOST_DRIVEN, &found);
	if (n < 0)
		return false;
	s->ready.n = 0;
	for (int i = 0; i < n; i++)
		ready_item(s, found[i].item, &found[i].says);
	start_set(s, true);
	return true;
}
