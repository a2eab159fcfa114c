/*-------------------------------------------------------------------------
 *
 * returns.c
 *	  Returns: what a user took back of an item, and what is left of it.
 *
 * A return takes back the newest purchases first: purchases of an item are a
 * stack, of which returns pop.  Each entry of the stack holds what the item
 * amounts to with all purchases up to it, so that what is left is at hand when
 * the entries above are gone; events that are no purchases (views) cannot be
 * taken back and are summed up beside the stack.  A return then becomes one
 * event with the merged weight and the flags of both, which any later merge
 * can begin from: quantities are needed here and nowhere else, and what
 * happens after an instant cannot show in the state before it.
 *
 * A purchase that is cut counts as if its quantity had been what is left.
 * What a return takes beyond the purchases that stand is lost on it: it was
 * bought where we have no record of it.  Returns of one instant come after its
 * purchases, and become one event.
 *
 * Limits: quantities are single precision, so one above 2^24 is rounded; what
 * is left of a purchase counts from the time of the return.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>

#include "returns.h"

/* shares of a quantity below this are rounding of single precision */
#define NEGLIGIBLE	1e-6

/* What some events of one item amount to, by a merge rule. */
typedef struct State
{
	unsigned	flags;
	double		weight[2];		/* of all events; of the positive ones */
	uint32_t	newest[2];		/* place of the event that gave it, for "last" */
	bool		any[2];
} State;

/* A purchase that stands. */
typedef struct Purchase
{
	State		below;			/* purchases under it */
	State		all;			/* and itself */
	double		quantity;		/* as bought */
	double		left;
	float		weight;			/* as bought */
	unsigned	flags;
	uint32_t	place;
} Purchase;

/* Item, time, returns last, kind, quantity. */
static inline bool
log_before(const RsQuantified *x, const RsQuantified *y)
{
	uint64_t	a;
	uint64_t	b;

	if (rs_event_item(&x->event) != rs_event_item(&y->event))
		return rs_event_item(&x->event) < rs_event_item(&y->event);
	if (x->event.time != y->event.time)
		return x->event.time < y->event.time;
	if ((x->quantity < 0) != (y->quantity < 0))
		return y->quantity < 0;
	a = rs_event_kind(&x->event);
	b = rs_event_kind(&y->event);
	return a != b ? a < b : rs_float_order(x->quantity) < rs_float_order(y->quantity);
}

#define RS_SORT			sort_log
#define RS_SORT_TYPE	RsQuantified
#define RS_SORT_LESS(a, b)	log_before(a, b)
#include "sort_template.h"

/* Among one item's: kind, quantity, time. */
static inline bool
same_kind(const RsQuantified *x, const RsQuantified *y)
{
	return rs_event_kind(&x->event) == rs_event_kind(&y->event) &&
		rs_float_order(x->quantity) == rs_float_order(y->quantity);
}

static inline bool
kind_before(const RsQuantified *x, const RsQuantified *y)
{
	uint64_t	a = rs_event_kind(&x->event);
	uint64_t	b = rs_event_kind(&y->event);

	if (a != b)
		return a < b;
	if (rs_float_order(x->quantity) != rs_float_order(y->quantity))
		return rs_float_order(x->quantity) < rs_float_order(y->quantity);
	return x->event.time < y->event.time;
}

#define RS_SORT			sort_by_kind
#define RS_SORT_TYPE	RsQuantified
#define RS_SORT_LESS(a, b)	kind_before(a, b)
#include "sort_template.h"

/* As rs_merge_events does: one item's exact repeats, of returns too. */
static int
drop_repeats(RsQuantified *log, int n, int64_t window)
{
	int			kept = 0;
	int			i;

	sort_by_kind(log, n);
	for (i = 0; i < n; i++)
	{
		if (kept > 0 && same_kind(&log[i], &log[kept - 1]) &&
			(uint64_t) log[i].event.time - (uint64_t) log[kept - 1].event.time <=
			(uint64_t) window)
			continue;
		log[kept++] = log[i];
	}
	sort_log(log, kept);
	return kept;
}

/* Adds one weight to a state's class: 0 all events, 1 the positive ones. */
static void
add_weight(State *s, int class, double weight, uint32_t place, RsMergeRule rule)
{
	if (!s->any[class])
		s->weight[class] = weight;
	else if (rule == RS_MERGE_SUM)
		s->weight[class] += weight;
	else if (rule == RS_MERGE_LAST ? place > s->newest[class] :
			 weight > s->weight[class])
		s->weight[class] = weight;
	if (!s->any[class] || place > s->newest[class])
		s->newest[class] = place;
	s->any[class] = true;
}

static void
add_event(State *s, unsigned flags, double weight, uint32_t place,
		  RsMergeRule rule)
{
	s->flags |= flags;
	add_weight(s, 0, weight, place, rule);
	if (flags & RS_POSITIVE)
		add_weight(s, 1, weight, place, rule);
}

/* Adds what other events of the item amount to. */
static void
add_state(State *s, const State *other, RsMergeRule rule)
{
	int			class;

	s->flags |= other->flags;
	for (class = 0; class < 2; class++)
		if (other->any[class])
			add_weight(s, class, other->weight[class], other->newest[class], rule);
}

/* The share of the weight as bought that a part of the quantity has. */
static double
part_of_weight(RsWeightRule rule, double left, double quantity)
{
	if (rule == RS_WEIGHT_VALUE)
		return left / quantity;
	if (rule == RS_WEIGHT_LOG)
		return (1 + log1p(left)) / (1 + log1p(quantity));
	return 1;
}

/* Puts a purchase, or what is left of it, upon those below. */
static void
stand(Purchase *p, const RsReturns *how)
{
	unsigned	flags = p->flags;
	double		weight = p->weight;

	if (p->left < p->quantity)
	{
		weight *= part_of_weight(how->weight, p->left, p->quantity);
		if (p->left < how->minimum)
			flags &= ~(unsigned) RS_POSITIVE;
	}
	p->all = p->below;
	add_event(&p->all, flags, weight, p->place, how->merge);
}

/* Takes a quantity back; returns how many purchases stand. */
static int
take_back(Purchase *stack, int depth, double quantity, const RsReturns *how,
		  RsReturnCounts *counts)
{
	double		nothing = NEGLIGIBLE * quantity;

	counts->returns++;
	if (depth == 0)
		counts->vain++;
	while (depth > 0 && quantity > nothing)
	{
		Purchase   *top = &stack[depth - 1];

		if (quantity < top->left - NEGLIGIBLE * top->quantity)
		{
			counts->partly += top->left == top->quantity;
			top->left -= quantity;
			stand(top, how);
			break;
		}
		counts->partly -= top->left < top->quantity;
		counts->whole++;
		quantity -= top->left;
		depth--;
	}
	return depth;
}

/* One item's log into out; returns the number of events. */
static int
net_item(const RsQuantified *log, int n, const RsReturns *how,
		 Purchase *stack, RsEvent *out, RsReturnCounts *counts)
{
	static const State nothing = {0};
	State		others = nothing;
	int			depth = 0;
	int			made = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		const RsEvent *e = &log[i].event;
		State		left;
		bool		positive;

		if (!(log[i].quantity < 0))
		{
			unsigned	flags = rs_event_flags(e);

			out[made++] = *e;
			if (!(flags & RS_OWNED) || !(log[i].quantity > 0))
			{
				add_event(&others, flags, e->weight, i, how->merge);
				continue;
			}
			stack[depth].below = depth > 0 ? stack[depth - 1].all : nothing;
			stack[depth].quantity = stack[depth].left = log[i].quantity;
			stack[depth].weight = e->weight;
			stack[depth].flags = flags;
			stack[depth].place = i;
			stand(&stack[depth++], how);
			continue;
		}

		depth = take_back(stack, depth, -(double) log[i].quantity, how, counts);
		if (i + 1 < n && log[i + 1].event.time == e->time)
			continue;			/* a return too: one event for them all */
		left = others;
		if (depth > 0)
			add_state(&left, &stack[depth - 1].all, how->merge);
		positive = (left.flags & RS_POSITIVE) != 0;
		out[made++] = rs_event(e->time, rs_event_item(e),
							   (float) left.weight[positive],
							   left.flags | RS_RETURNED);
	}
	return made;
}

size_t
rs_net_workspace(size_t n)
{
	return n * sizeof(Purchase);
}

/* See returns.h. */
int
rs_net_returns(RsQuantified *log, int n, const RsReturns *how, void *work,
			   RsEvent *out, RsReturnCounts *counts)
{
	RsReturnCounts ignored = {0};
	int			made = 0;
	int			i;
	int			end;

	sort_log(log, n);
	for (i = 0; i < n; i = end)
	{
		bool		returned = false;
		int			kept;
		int			j;

		for (end = i; end < n &&
			 rs_event_item(&log[end].event) == rs_event_item(&log[i].event); end++)
			returned |= log[end].quantity < 0;
		kept = end - i;
		if (returned)
		{
			if (how->window >= 0)
				kept = drop_repeats(log + i, kept, how->window);
			made += net_item(log + i, kept, how, work, out + made,
							 counts ? counts : &ignored);
		}
		else
			for (j = i; j < end; j++)
				out[made++] = log[j].event;
	}
	rs_sort_events(out, made);
	return made;
}
