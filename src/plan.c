/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Prepared statements that a session keeps.
 *
 * To parse and plan a statement takes longer than to look a few items up, and
 * a list needs several.  rs_plan's are generic: what they are given (one user,
 * an array of items) does not change the way to look it up, and a custom plan
 * would cost its planning in every new session's first calls.  Where the values
 * decide (a condition that most of a catalog meets, or nothing does; an array
 * as long as the catalog) rs_plan_for_values keeps the parsed statement, and
 * plans it for the values of each execution.
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
	bool		custom;			/* planned for the values */
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
	plans = hash_create("recsys kept plans", KEPT_PLANS, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
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
prepare(const char *query, int nargs, const Oid *types, bool custom)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(query, nargs, unconstify(Oid *, types), custom ?
										  CURSOR_OPT_CUSTOM_PLAN | CURSOR_OPT_PARALLEL_OK :
										  CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* Whether it is the plan asked for, and not another one of that hash. */
static bool
is_same(const KeptPlan *p, const KeptPlan *asked)
{
	return p->role == asked->role && p->custom == asked->custom && p->nargs == asked->nargs &&
		strcmp(p->query, asked->query) == 0 &&
		memcmp(p->types, asked->types, asked->nargs * sizeof(Oid)) == 0;
}

/* Prepares a statement and keeps it. */
static KeptPlan *
keep_plan(const KeptPlan *asked)
{
	SPIPlanPtr	plan;
	KeptPlan   *p;
	char	   *query;
	Oid		   *types;
	bool		found;

	trim();
	plan = prepare(asked->query, asked->nargs, asked->types, asked->custom);
	query = MemoryContextStrdup(TopMemoryContext, asked->query);
	types = MemoryContextAlloc(TopMemoryContext, (asked->nargs + 1) * sizeof(Oid));
	memcpy(types, asked->types, asked->nargs * sizeof(Oid));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep a prepared statement");
	p = hash_search(plans, &asked->key, HASH_ENTER, &found);
	*p = *asked;
	p->query = query;
	p->types = types;
	p->plan = plan;
	dlist_push_head(&by_use, &p->place);
	return p;
}

static SPIPlanPtr
get_plan(const char *query, int nargs, const Oid *types, bool custom)
{
	KeptPlan	asked = {0};
	KeptPlan   *p;

	if (plans == NULL)
		create_table();
	asked.query = unconstify(char *, query);
	asked.types = unconstify(Oid *, types);
	asked.nargs = nargs;
	asked.role = GetUserId();
	asked.custom = custom;
	asked.key = hash_bytes_extended((const unsigned char *) query, (int) strlen(query), asked.role + custom);
	if (nargs > 0)
		asked.key = hash_bytes_extended((const unsigned char *) types, nargs * sizeof(Oid), asked.key);
	p = hash_search(plans, &asked.key, HASH_FIND, NULL);
	if (p != NULL && !is_same(p, &asked))
		return prepare(query, nargs, types, custom);
	if (p == NULL)
		p = keep_plan(&asked);
	else
		dlist_move_head(&by_use, &p->place);
	p->transaction = transaction;
	return p->plan;
}

SPIPlanPtr
rs_plan(const char *query, int nargs, const Oid *types)
{
	return get_plan(query, nargs, types, false);
}

SPIPlanPtr
rs_plan_for_values(const char *query, int nargs, const Oid *types)
{
	return get_plan(query, nargs, types, true);
}
