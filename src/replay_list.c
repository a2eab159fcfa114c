/*-------------------------------------------------------------------------
 *
 * replay_list.c
 *	  The whole list of a logged request as of its instant, and why it differs
 *	  from the one that was shown.
 *
 * What was logged is taken in for what is there now, one input after the other:
 *
 *	  0. the list as it was shown;
 *	  1. made from the logged history by the logged version's rules, but over
 *		 the catalog, exclusions and availability of this moment;
 *	  2. from the history that the source has now of that instant;
 *	  3. by the rules that the policy has now.
 *
 * A row that differs between 0 and 3 has the cause of the first step that
 * changed it: 2 is the history's, 3 the rules'.  Step 1 is the catalog's if
 * there is evidence of a change: an item shown that may not be listed now, one
 * that may be now although it was not shown, another boost or freshness.  It is
 * the history's where items that were hidden are not, or the reverse.  What is
 * left is the code's, and so is another score by the model of an item that the
 * model knows.  The model is the logged one throughout.
 *
 * Limits: a source without a time has no past, so its whole present is taken
 * for it.  A session of more items than history_limit has had some hidden that
 * are not logged; they come up as if the catalog had changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"

#include "replay.h"

#define STEPS	4				/* lists, the one that was shown among them */

/* An item of any of the lists: its places and scores; 0 = not there. */
typedef struct Row
{
	Datum		item;
	int			position[STEPS];
	double		score[STEPS];
	const RsShown *shown;		/* NULL = it was not */
	bool		code;			/* the model's score is another */
} Row;

typedef struct Lists
{
	const RsReplay *p;
	RsIdMap    *items;
	Row		   *row;			/* by number of the item */
	int			allocated;
	bool		hidden_changed;
	bool		catalog_changed;	/* for sure */
	bool		appeared;		/* an item that could not be listed, or that the
								 * history hid */
} Lists;

static Row *
find_row(Lists *l, Datum item)
{
	uint32		number = rs_idmap_add(l->items, item);

	if (number >= (uint32) l->allocated)
	{
		l->row = repalloc_huge(l->row, (Size) 2 * l->allocated * sizeof(Row));
		memset(l->row + l->allocated, 0, l->allocated * sizeof(Row));
		l->allocated *= 2;
	}
	l->row[number].item = rs_idmap_datum(l->items, number);
	return &l->row[number];
}

/* Makes the list of a step. */
static RsListed *
make_list(Lists *l, int step, RsRequest *q, int *n)
{
	RsListed   *listed = rs_list_make(q, n);

	for (int i = 0; i < *n; i++)
	{
		Row		   *row = find_row(l, listed[i].item);

		row->position[step] = i + 1;
		row->score[step] = listed[i].score;
	}
	return listed;
}

static void
take_shown(Lists *l)
{
	for (int i = 0; i < l->p->l->nshown; i++)
	{
		const RsShown *s = &l->p->l->shown[i];
		Row		   *row = find_row(l, s->item);

		row->position[0] = s->position;
		row->score[0] = s->score;
		row->shown = s;
	}
}

/* The history that the source has of the instant, as serve would read it. */
static void
read_history(const RsReplay *p, RsRequest *q)
{
	const RsLogged *l = p->l;
	RsHistory  *h = q->h;

	if (l->has_user)
		q->h = rs_history_until(q->r, q->m, l->user, q->r->has_time, rs_logged_until(l), l->requested_at);
	if (!l->session)
		return;
	/* what the items given hide, as in rs_history_of_items */
	if (!q->r->repeatable)
		for (int i = 0; i < l->nitems; i++)
			rs_idmap_add(h->hidden, l->item[i]);
	if (q->h != h)
		for (uint32 i = 0; i < rs_idmap_count(q->h->hidden); i++)
			rs_idmap_add(h->hidden, rs_idmap_datum(q->h->hidden, i));
	q->h = h;
}

/*
 * What was hidden is not logged: it is what is hidden as of the instant, but
 * for what was shown, and what the logged history has and the present one has
 * not.
 */
static void
guess_hidden(Lists *l, RsRequest *logged, const RsHistory *present)
{
	const RsRecommender *r = logged->r;
	RsIdMap    *shown = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	RsIdMap    *had = rs_idmap_create(r->item_type, r->item_collation, CurrentMemoryContext);
	RsHistory  *h = logged->h;

	for (int i = 0; i < l->p->l->nshown; i++)
		rs_idmap_add(shown, l->p->l->shown[i].item);
	for (int i = 0; i < present->nitems; i++)
		rs_idmap_add(had, present->item[i]);
	for (uint32 i = 0; i < rs_idmap_count(present->hidden); i++)
	{
		Datum		item = rs_idmap_datum(present->hidden, i);

		if (rs_idmap_find(shown, item) == RS_NO_ID)
			rs_idmap_add(h->hidden, item);
		else
			l->hidden_changed = true;
	}
	for (int i = 0; i < h->nitems && !r->repeatable; i++)
		if (rs_idmap_find(had, h->item[i]) == RS_NO_ID && rs_idmap_find(shown, h->item[i]) == RS_NO_ID)
		{
			rs_idmap_add(h->hidden, h->item[i]);
			l->hidden_changed = true;
		}
}

/* Looks in the list of step 1 for what only the catalog can have changed. */
static void
find_evidence(Lists *l, RsRequest *q, const RsListed *listed, int n)
{
	const RsLogged *log = l->p->l;
	Datum	   *items = palloc_extended((Size) (log->nshown + 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	RsEligible *says = palloc_extended((Size) (log->nshown + 1) * sizeof(RsEligible), MCXT_ALLOC_HUGE);
	double		scales[2];

	for (int i = 0; i < log->nshown; i++)
		items[i] = log->shown[i].item;
	rs_filter_rows(q->filter, items, log->nshown, says);
	for (int i = 0; i < log->nshown; i++)
		l->catalog_changed |= !says[i].pass;
	rs_log_scales(q, &scales[0], &scales[1]);
	l->hidden_changed |= scales[0] != log->neighbor_scale || scales[1] != log->factor_scale;
	for (int i = 0; i < n; i++)
	{
		Row		   *row = find_row(l, listed[i].item);
		const RsShown *s = row->shown;

		if (s == NULL)
		{
			/* it stands before one that was shown, or at a place left empty */
			l->appeared |= log->nshown < log->k || n < log->nshown ||
				q->rules->lambda > 0 || q->rules->share > 0 || q->rules->per_category > 0;
			for (int j = i + 1; j < n; j++)
				l->appeared |= find_row(l, listed[j].item)->position[0] > 0;
			l->appeared |= i == n - 1 && log->nshown > 0 &&
				listed[i].score > log->shown[log->nshown - 1].score;
			continue;
		}
		l->catalog_changed |= s->boost != listed[i].boost || s->freshness != listed[i].freshness ||
			(listed[i].column == RS_NO_ID && s->base_score != listed[i].base_score);
		row->code = listed[i].column != RS_NO_ID && s->base_score != listed[i].base_score &&
			!l->hidden_changed;
	}
}

static bool
differs(const Row *row, int a, int b)
{
	return row->position[a] != row->position[b] ||
		(row->position[a] > 0 && row->score[a] != row->score[b]);
}

static const char *
cause_of(const Lists *l, const Row *row)
{
	if (!differs(row, 0, 1))
		return differs(row, 1, 2) ? rs_cause_history : rs_cause_rule;
	if (row->code)
		return rs_cause_code;
	if (l->catalog_changed)
		return rs_cause_catalog;
	if (l->hidden_changed)
		return rs_cause_history;
	return l->appeared ? rs_cause_catalog : rs_cause_code;
}

static void
return_rows(const Lists *l)
{
	for (uint32 i = 0; i < rs_idmap_count(l->items); i++)
	{
		const Row  *row = &l->row[i];
		bool		moved = row->position[0] != row->position[STEPS - 1];
		double		logged = moved ? row->position[0] : row->score[0];
		double		replayed = moved ? row->position[STEPS - 1] : row->score[STEPS - 1];

		if (differs(row, 0, STEPS - 1))
			rs_replay_row(l->p, row->item, moved ? "position" : "score",
						  row->position[0] > 0 ? &logged : NULL,
						  row->position[STEPS - 1] > 0 ? &replayed : NULL, cause_of(l, row));
	}
}

void
rs_replay_list(const RsReplay *p)
{
	Lists		l = {0};
	RsRequest	logged;
	RsRequest	present;
	RsRequest	current;
	RsListed   *listed;
	int			n;

	l.p = p;
	l.items = rs_idmap_create(p->r->item_type, p->r->item_collation, CurrentMemoryContext);
	l.allocated = 64;
	l.row = palloc0(l.allocated * sizeof(Row));
	take_shown(&l);

	rs_replay_request(p, p->l->policy_version, &present);
	read_history(p, &present);
	rs_replay_request(p, p->l->policy_version, &logged);
	guess_hidden(&l, &logged, present.h);
	listed = make_list(&l, 1, &logged, &n);
	find_evidence(&l, &logged, listed, n);
	(void) make_list(&l, 2, &present, &n);

	rs_replay_request(p, 0, &current);
	read_history(p, &current);
	(void) make_list(&l, 3, &current, &n);
	return_rows(&l);
}
