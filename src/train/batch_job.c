/*-------------------------------------------------------------------------
 *
 * batch_job.c
 *	  recommend_all in each process: lists of a block of users, and where their
 *	  items come from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "lists.h"
#include "kernel/simd.h"

typedef struct ListsScratch
{
	const RsListsArg *arg;
	RsLister   *lister;
	const RsTarget *target;
	const uint32 *pool;
	const uint64 *start;		/* neighbours, or NULL */
	const RsNeighbor *neighbor;
	const RsPlanFactors *factors;	/* or NULL */
	uint32	   *place;			/* in the list, by item; else RS_NO_ID */
	float	   *most;			/* by place: the largest share of an item */
} ListsScratch;

static void *
lists_begin(const void *arg)
{
	const RsListsArg *a = arg;
	ListsScratch *s = palloc0(sizeof(ListsScratch));
	const RsPlanPolicy *policy = rs_shared(a->plan.policies);

	s->arg = a;
	s->lister = rs_lister_make(&a->plan, &a->batch);
	s->target = rs_shared(a->batch.target);
	s->pool = rs_shared(a->batch.pool);
	if (policy->neighbors >= 0)
	{
		const RsPlanNeighbors *n = (RsPlanNeighbors *) rs_shared(a->plan.neighbors) + policy->neighbors;

		s->start = rs_shared(n->start);
		s->neighbor = rs_shared(n->neighbor);
	}
	if (policy->factors >= 0)
		s->factors = (RsPlanFactors *) rs_shared(a->plan.factors) + policy->factors;
	s->place = palloc_extended((Size) a->plan.nitems * sizeof(uint32) + 1, MCXT_ALLOC_HUGE);
	memset(s->place, 0xff, (Size) a->plan.nitems * sizeof(uint32));
	s->most = palloc(a->plan.k * sizeof(float));
	return s;
}

/* The history's item that speaks most for each of the list; ties to the first. */
static void
find_strongest(ListsScratch *s, const RsTarget *t, RsListedItem *row, int n)
{
	const float *weight = (const float *) (s->pool + t->weight);

	for (int i = 0; i < n; i++)
	{
		s->place[row[i].item] = i;
		s->most[i] = 0;
	}
	for (uint32 h = 0; h < t->nhistory; h++)
	{
		uint32		item = s->pool[t->history + h];

		for (uint64 e = s->start[item]; e < s->start[item + 1]; e++)
		{
			uint32		place = s->place[s->neighbor[e].item];
			float		share = weight[h] * s->neighbor[e].similarity;

			if (place != RS_NO_ID && share > s->most[place])
			{
				s->most[place] = share;
				row[place].because = item;
			}
		}
	}
	for (int i = 0; i < n; i++)
		s->place[row[i].item] = RS_NO_ID;
}

/* A list has been made: say where its items come from. */
static void
keep_list(void *arg, uint32 target, int policy, bool with_hidden,
		  const float *x, const RsScored *list, int n)
{
	ListsScratch *s = arg;
	RsListedItem *row = (RsListedItem *) rs_shared(s->arg->listed) + (Size) target * s->arg->plan.k;

	((int32 *) rs_shared(s->arg->count))[target] = n;
	for (int i = 0; i < n; i++)
	{
		row[i].item = list[i].id;
		row[i].because = RS_NO_ID;
		row[i].score = (float) list[i].score;
	}
	if (s->start != NULL)
		find_strongest(s, &s->target[target], row, n);
	for (int i = 0; i < n; i++)
	{
		const RsFoldIn *f = s->factors ? &s->factors->fold : NULL;

		row[i].source = RS_FROM_POPULARITY;
		if (row[i].because != RS_NO_ID)
			row[i].source = RS_FROM_NEIGHBOR;
		else if (x != NULL && f->kind == RS_KIND_RATING)
			row[i].source = RS_FROM_RATING;
		else if (x != NULL && rs_simd->dot(x, (float *) rs_shared(s->factors->row) +
										   (Size) row[i].item * f->width, f->width) > 0)
			row[i].source = RS_FROM_FACTOR;
	}
}

static void
lists_block(const void *arg, void *scratch, uint32 block)
{
	ListsScratch *s = scratch;

	rs_lister_block(s->lister, block, keep_list, s);
}

const RsJob rs_job_lists = {"lists", lists_begin, lists_block};
