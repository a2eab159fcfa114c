/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Prepared statements that a session keeps.
 *
 * To parse and plan a statement takes longer than to look a few items up, and
 * a list needs several.  Plans are generic: what they are given (one user, an
 * array of items) does not change the way to look it up, and a custom plan
 * would cost its planning in every new session's first calls.
 *
 * The server notices itself when what a plan depends on has changed, the
 * search path and row-level security among it; the role is part of the key, so
 * that a session which changes roles does not plan anew each time.
 *
 * At most KEPT_PLANS are kept: the one that was used longest ago is freed,
 * but none that was used in the present transaction, since it may be running:
 * a view's function may ask for a list while a list is being made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "plan.h"

#define KEPT_PLANS	256

typedef struct KeptPlan
{
	uint64		key;			/* hash of all that follows */
	char	   *query;
	Oid		   *types;
	int			nargs;
	Oid			role;
	SPIPlanPtr	plan;
	uint64		transaction;	/* in which it was used last */
	dlist_node	place;
} KeptPlan;

static HTAB *plans = NULL;
static dlist_head by_use = DLIST_STATIC_INIT(by_use);	/* latest first */
static uint64 transaction = 1;

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	transaction++;
}

static void
create_table(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(KeptPlan);
	control.hcxt = TopMemoryContext;
	plans = hash_create("recsys plans", KEPT_PLANS, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	RegisterXactCallback(at_end_of_transaction, NULL);
}

static void
forget(KeptPlan *p)
{
	SPIPlanPtr	plan = p->plan;

	dlist_delete(&p->place);
	pfree(p->query);
	pfree(p->types);
	hash_search(plans, &p->key, HASH_REMOVE, NULL);
	SPI_freeplan(plan);
}

/* Makes room for one more. */
static void
trim(void)
{
	while (hash_get_num_entries(plans) >= KEPT_PLANS)
	{
		KeptPlan	   *oldest = dlist_tail_element(KeptPlan, place, &by_use);

		if (oldest->transaction == transaction)
			break;
		forget(oldest);
	}
}

static SPIPlanPtr
prepare(const char *query, int nargs, const Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(query, nargs, unconstify(Oid *, types),
										  CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
	return plan;
}

SPIPlanPtr
rs_plan(const char *query, int nargs, const Oid *types)
{
	Size		length = strlen(query);
	Oid			role = GetUserId();
	uint64		key;
	KeptPlan	   *p;
	SPIPlanPtr	plan;
	bool		found;

	if (plans == NULL)
		create_table();
	key = hash_bytes_extended((const unsigned char *) query, (int) length, role);
	if (nargs > 0)
		key = hash_bytes_extended((const unsigned char *) types, nargs * sizeof(Oid), key);
	p = hash_search(plans, &key, HASH_FIND, NULL);
	if (p != NULL && (p->role != role || p->nargs != nargs || strcmp(p->query, query) != 0 ||
					  memcmp(p->types, types, nargs * sizeof(Oid)) != 0))
		return prepare(query, nargs, types);	/* another one of that hash */
	if (p == NULL)
	{
		char	   *copy;
		Oid		   *copied;

		trim();
		plan = prepare(query, nargs, types);
		copy = MemoryContextStrdup(TopMemoryContext, query);
		copied = MemoryContextAlloc(TopMemoryContext, (nargs + 1) * sizeof(Oid));
		memcpy(copied, types, nargs * sizeof(Oid));
		if (SPI_keepplan(plan) != 0)
			elog(ERROR, "could not keep a prepared statement");
		p = hash_search(plans, &key, HASH_ENTER, &found);
		p->query = copy;
		p->types = copied;
		p->nargs = nargs;
		p->role = role;
		p->plan = plan;
		dlist_push_head(&by_use, &p->place);
	}
	else
		dlist_move_head(&by_use, &p->place);
	p->transaction = transaction;
	return p->plan;
}
