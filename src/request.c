/*-------------------------------------------------------------------------
 *
 * request.c
 *	  One request for a list: the recommender, the model and the rules of a
 *	  policy, and what the user has done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "list.h"
#include "kernel/index.h"

void
rs_request_rules(RsRequest *q, Jsonb *filter)
{
	q->filter = rs_filter_make(q->r, filter);
	q->rules = rs_rules_get(q->r, &q->policy);
	rs_filter_rules(q->filter, q->rules);
	q->r->rebuy_after = q->rules->rebuy_after;
}

void
rs_request_open(RsRequest *q, const char *recommender, Jsonb *filter, Name policy)
{
	q->r = rs_registry_get(recommender, CurrentMemoryContext);
	q->m = rs_model_for_policy(q->r, policy, &q->policy);
	rs_request_rules(q, filter);
	q->as_of = GetCurrentTransactionStartTimestamp();
}

void
rs_request_user(RsRequest *q, Datum user, bool has_as_of)
{
	q->h = rs_history_of_user(q->r, q->m, user, has_as_of, q->as_of);
}

void
rs_request_nobody(RsRequest *q)
{
	q->h = palloc0(sizeof(RsHistory));
	q->h->hidden = rs_idmap_create(q->r->item_type, q->r->item_collation, CurrentMemoryContext);
}

RsFunnelWork *
rs_request_funnel(RsRequest *q)
{
	const RsFunnel *f = &q->m->funnel;
	RsFunnelUser user;
	char	   *memory;

	if (q->work != NULL)
		return q->work;
	memory = palloc_extended(rs_funnel_workspace(f, q->h->n) + RS_INDEX_ALIGN, MCXT_ALLOC_HUGE);
	q->work = rs_funnel_init(f, q->h->n, (void *) TYPEALIGN(RS_INDEX_ALIGN, memory));
	user.n = q->h->n;
	user.item = q->h->column;
	user.weight = q->h->weight;
	user.time = q->r->has_time ? q->h->time : NULL;
	user.as_of = q->as_of;
	rs_funnel_open(f, &user, q->work);
	return q->work;
}
