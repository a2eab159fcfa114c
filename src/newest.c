/*-------------------------------------------------------------------------
 *
 * newest.c
 *	  The newest items of a catalog, kept for some seconds.
 *
 * Without an index that serves their order the newest items are found by
 * sorting the whole catalog, which takes longer than all else that a list
 * needs.  Where the planner expects that, the session keeps what it has found
 * for KEPT_SECONDS; where reading is cheap each call reads, and sees what is
 * new at once.
 *
 * A list of items that is kept only proposes them.  Whether the model knows an
 * item, and whether it is available, not excluded, and to be seen by the caller
 * at all, is asked at each call: so an item that has left the catalog is not
 * listed, as long as items must stand in the catalog (require_catalog), and
 * without that nothing is kept.  What may be old by those seconds is that an
 * item is new, and its category, price, release and features.
 *
 * Kept lists are found by what they were made from: the view over the catalog
 * (made anew with each change of the definition), the model, whose settings
 * never change, and the role.  None is kept where row-level security took part,
 * nor of a model that it cuts, nor in a transaction that has written, which may
 * roll back.  Time is that of the transaction's start, so that within one
 * transaction lists agree.  A list as of another instant never uses them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"

#include "listing.h"

#define KEPT_LISTS		4
#define KEPT_SECONDS	30

/*
 * Total cost above which reading is called costly.  With an index it is about
 * 10, in a catalog of 1,000 items without one 50, of 40,000 items 1,500; and
 * 100 take about .5 ms, the time of a list itself.
 */
#define COSTLY			100.0

typedef struct Kept
{
	MemoryContext context;		/* of the items; NULL = a free place */
	Oid			catalog;		/* the view */
	int64		model_id;
	Oid			role;
	TimestampTz read_at;
	int			n;
	RsNewItem  *item;
} Kept;

static Kept kept[KEPT_LISTS];
static int	next_kept;

/* Copies items into the current context, with what their ids point to. */
static RsNewItem *
copy_items(const RsRequest *q, const RsNewItem *item, int n)
{
	Size		extra = q->m->funnel.facts.nextra * sizeof(float);
	RsNewItem  *copy = palloc((n + 1) * sizeof(RsNewItem));
	int16		length;
	bool		by_value;

	get_typlenbyval(q->r->item_type, &length, &by_value);
	for (int i = 0; i < n; i++)
	{
		float	   *values = palloc(extra + 1);

		memcpy(values, item[i].facts.extra, extra);
		copy[i] = item[i];
		copy[i].item = length == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(item[i].item)) :
			datumCopy(item[i].item, by_value, length);
		copy[i].facts.extra = values;
	}
	return copy;
}

static Oid
catalog_view(const RsRequest *q)
{
	return get_relname_relid("catalog", q->r->schema_oid);
}

bool
rs_newest_keeps(const RsRequest *q, SPIPlanPtr plan)
{
	CachedPlanSource *source;
	CachedPlan *cached;
	bool		costly;

	if (!q->r->require_catalog || q->m->partial || q->as_of != GetCurrentTransactionStartTimestamp())
		return false;
	cached = SPI_plan_get_cached_plan(plan);
	if (cached == NULL)
		return false;
	source = linitial(SPI_plan_get_plan_sources(plan));
	costly = !source->dependsOnRLS &&
		linitial_node(PlannedStmt, cached->stmt_list)->planTree->total_cost > COSTLY;
	ReleaseCachedPlan(cached, source->is_saved ? CurrentResourceOwner : NULL);
	return costly;
}

int
rs_newest_kept(const RsRequest *q, RsNewItem **item)
{
	Oid			catalog = catalog_view(q);

	for (int i = 0; i < KEPT_LISTS; i++)
	{
		const Kept *k = &kept[i];

		if (k->context == NULL || k->catalog != catalog || k->model_id != q->m->model_id ||
			k->role != GetUserId() || q->as_of < k->read_at ||
			q->as_of - k->read_at > KEPT_SECONDS * USECS_PER_SEC)
			continue;
		*item = copy_items(q, k->item, k->n);
		return k->n;
	}
	return -1;
}

/* The place of the same list, if there is one, else each in its turn. */
static Kept *
place_for(Oid catalog, int64 model_id, Oid role)
{
	for (int i = 0; i < KEPT_LISTS; i++)
		if (kept[i].catalog == catalog && kept[i].model_id == model_id && kept[i].role == role)
			return &kept[i];
	next_kept = (next_kept + 1) % KEPT_LISTS;
	return &kept[next_kept];
}

void
rs_newest_keep(const RsRequest *q, const RsNewItem *item, int n)
{
	MemoryContext context;
	MemoryContext old;
	RsNewItem  *copy;
	Oid			catalog = catalog_view(q);
	Kept	   *k;

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	/* what may fail comes before anything is changed */
	context = AllocSetContextCreate(CurrentMemoryContext, "recsys kept newest items", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	copy = copy_items(q, item, n);
	MemoryContextSwitchTo(old);
	k = place_for(catalog, q->m->model_id, GetUserId());
	if (k->context != NULL)
		MemoryContextDelete(k->context);
	MemoryContextSetParent(context, TopMemoryContext);
	k->context = context;
	k->catalog = catalog;
	k->model_id = q->m->model_id;
	k->role = GetUserId();
	k->read_at = q->as_of;
	k->n = n;
	k->item = copy;
}
