/*-------------------------------------------------------------------------
 *
 * funnel.c
 *	  The funnel's scratch, and its second stage: candidates of all sources,
 *	  their features, scores and order.
 *
 * Limits: histories of at most as many items as the scratch was made for; an
 * item's neighbours are other items of the model.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "funnel_work.h"
#include "select.h"

#define RS_SORT			sort_by_score
#define RS_SORT_TYPE	RsOrdered
#define RS_SORT_LESS(a, b) \
	((a)->score != (b)->score ? (a)->score > (b)->score : (a)->item < (b)->item)
#include "sort_template.h"

/* candidates whose rows are asked for ahead of their use */
#define RS_AHEAD	8

/* ---- the scratch ---- */

uint32_t
rs_funnel_length(const RsFunnel *f, int n, int source)
{
	uint64_t	length = (uint64_t) f->quota[source] + n;

	if (f->quota[source] <= 0)
		return 0;
	if (source == RS_SOURCE_HISTORY)
		return n;
	return length < f->nitems ? length : f->nitems;
}

uint32_t
rs_funnel_nearest(const RsFunnel *f, int n)
{
	uint32_t	length = rs_funnel_length(f, n, RS_SOURCE_FACTOR);

	if (f->fold.factors == 0 || f->index.nitems == 0)
		return 0;
	if (length < (uint32_t) n + 1)
		length = (uint32_t) n + 1;
	return length < f->index.nitems ? length : f->index.nitems;
}

/* See funnel.h. */
int
rs_funnel_most(const RsFunnel *f, int most_history)
{
	uint64_t	most = 0;
	int			s;

	for (s = 0; s < RS_SOURCES; s++)
		most += rs_funnel_length(f, most_history, s);
	return most < f->nitems ? (int) most : (int) f->nitems;
}

uint32_t
rs_funnel_touched(const RsFunnel *f, int n, uint64_t neighbors)
{
	uint64_t	touched = (uint64_t) rs_funnel_most(f, n) + n + neighbors;

	return touched < f->nitems ? touched : f->nitems;
}

/* Takes a part of the memory; with NULL only its size counts. */
static void *
take(char *memory, size_t *used, uint64_t count, size_t size)
{
	void	   *part = memory == NULL ? NULL : memory + *used;

	*used += (size_t) count * size;
	*used = (*used + RS_INDEX_ALIGN - 1) & ~(size_t) (RS_INDEX_ALIGN - 1);
	return part;
}

/* the larger of what the fold-in and the search need, one after the other */
static size_t
solve_bytes(const RsFunnel *f, int n)
{
	uint32_t	nearest = rs_funnel_nearest(f, n);
	size_t		solve;
	size_t		search;

	if (nearest == 0)
		return 0;
	solve = rs_fold_in_workspace(f->fold.factors, n);
	search = rs_index_workspace(&f->index, (int) nearest);
	return solve > search ? solve : search;
}

/* Divides the memory; returns how much it takes. */
static size_t
lay_out(const RsFunnel *f, int n, char *memory, RsFunnelWork *w)
{
	uint64_t	neighbors = f->neighbor_start == NULL ? 0 :
		f->most_neighbors > 0 ? (uint64_t) n * f->most_neighbors : f->nitems;
	uint32_t	touched = rs_funnel_touched(f, n, neighbors);
	int			width = f->fold.width > f->index.width ? f->fold.width : f->index.width;
	int			nfeatures = RS_FEATURES + f->facts.nextra;
	size_t		used = 0;
	uint64_t	slots = 16;
	int			s;

	while (slots < 2 * (uint64_t) touched)
		slots *= 2;
	take(memory, &used, 1, sizeof(RsFunnelWork));
	w->most_history = n;
	w->most = rs_funnel_most(f, n);
	w->longest = (int) rs_funnel_nearest(f, n);
	for (s = 0; s < RS_SOURCES; s++)
		if ((int) rs_funnel_length(f, n, s) > w->longest)
			w->longest = (int) rs_funnel_length(f, n, s);
	w->x = take(memory, &used, width, sizeof(float));
	w->faded_weight = take(memory, &used, n, sizeof(float));
	w->seen_recency = take(memory, &used, n, sizeof(float));
	w->category = take(memory, &used, n, sizeof(RsCategoryShare));
	w->share = take(memory, &used, n, sizeof(RsCategoryShare));
	w->head = take(memory, &used, n, sizeof(RsCategoryHead));
	w->place = take(memory, &used, n, sizeof(uint32_t));
	w->position_value = take(memory, &used, (uint64_t) w->longest + 1, sizeof(float));
	w->count_value = take(memory, &used, (uint64_t) n + 1, sizeof(float));
	w->row = take(memory, &used, nfeatures, sizeof(float));
	w->swap = take(memory, &used, nfeatures, sizeof(float));
	w->scored = take(memory, &used, w->longest, sizeof(RsScored));
	w->ordered = take(memory, &used, (uint64_t) w->most + n, sizeof(RsOrdered));
	w->listed = take(memory, &used, w->most, sizeof(uint32_t));
	w->key_scratch = take(memory, &used, (uint64_t) w->most + w->longest, sizeof(uint64_t));
	w->solve = take(memory, &used, solve_bytes(f, n), 1);
	w->slot = take(memory, &used, slots, sizeof(RsSlot));
	w->evidence = take(memory, &used, touched, sizeof(RsEvidence));
	w->position = take(memory, &used, touched, sizeof(RsPositions));
	w->key = take(memory, &used, touched, sizeof(uint64_t));
	return used;
}

/* See funnel.h. */
size_t
rs_funnel_workspace(const RsFunnel *f, int most_history)
{
	RsFunnelWork w;

	return lay_out(f, most_history, NULL, &w);
}

/* Also the values of positions and counts, which logarithms would cost. */
RsFunnelWork *
rs_funnel_init(const RsFunnel *f, int most_history, void *memory)
{
	RsFunnelWork *w = memory;
	int			i;

	memset(w, 0, sizeof(*w));
	lay_out(f, most_history, memory, w);
	w->position_value[0] = 0;
	for (i = 1; i <= w->longest; i++)
		w->position_value[i] = (float) (1 / log2(1 + (double) i));
	for (i = 0; i <= most_history; i++)
		w->count_value[i] = (float) log(1 + (double) i);
	rs_funnel_close(f, w);
	return w;
}

/* ---- candidates ---- */

/* See funnel.h. */
void
rs_funnel_describe(const RsFunnel *f, const RsFunnelWork *w, uint32_t item,
				   RsCandidate *out)
{
	const RsEvidence *e = rs_find_evidence(w, item);
	int			s;

	(void) f;
	memset(out, 0, sizeof(*out));
	out->item = item;
	out->source = RS_SOURCES;
	out->because = RS_NO_ITEM;
	if (e == NULL)
		return;
	out->because = e->because;
	memcpy(out->position, w->position[e - w->evidence], sizeof(RsPositions));
	for (s = RS_SOURCES - 1; s >= 0; s--)
		if (out->position[s] > 0)
			out->source = (RsCandidateSource) s;
}

/* See funnel.h. */
int
rs_funnel_candidates(const RsFunnel *f, RsFunnelWork *w, const uint32_t *hidden,
					 uint32_t nhidden, RsCandidate *out)
{
	uint32_t	h = 0;
	uint32_t	i;
	int			n = 0;

	/* keys fall as items rise */
	for (i = 0; i < w->nlisted; i++)
		w->key[i] = rs_key(0, w->evidence[w->listed[i]].item);
	rs_select(w->key, w->nlisted, w->nlisted, w->key_scratch);
	for (i = 0; i < w->nlisted; i++)
	{
		uint32_t	item = rs_key_id(w->key[i]);

		while (h < nhidden && hidden[h] < item)
			h++;
		if (h < nhidden && hidden[h] == item)
			continue;
		rs_funnel_describe(f, w, item, &out[n++]);
	}
	return n;
}

/* ---- scores ---- */

/* The score of an item whose features are these. */
static double
score_of(const RsFunnel *f, const RsFunnelWork *w, uint32_t item,
		 const float *features)
{
	const RsEvidence *e;

	if (f->ranker.nfeatures > 0)
		return rs_ranker_score(&f->ranker, features);
	e = rs_find_evidence(w, item);
	return rs_blend_one(&w->blend, e != NULL ? e->sum : 0,
						features[RS_F_FACTOR_SCORE], f->popularity[item]);
}

/* What a candidate's features are read from, if it is not in a cache. */
static inline void
fetch_ahead(const RsFunnel *f, const RsFunnelWork *w, uint32_t item)
{
	const float *row;
	int			i;

	__builtin_prefetch(&f->popularity[item]);
	if (f->facts.category != NULL)
		__builtin_prefetch(&f->facts.category[item]);
	if (f->facts.released != NULL)
		__builtin_prefetch(&f->facts.released[item]);
	if (f->facts.price != NULL)
		__builtin_prefetch(&f->facts.price[item]);
	if (!w->has_vector)
		return;
	row = rs_index_row(&f->index, item);
	for (i = 0; i < f->index.width; i += RS_INDEX_ALIGN / (int) sizeof(float))
		__builtin_prefetch(&row[i]);
}

/* Moves candidates, and rows of features, to where the order wants them. */
static void
put_in_order(RsFunnelWork *w, RsCandidate *c, int n, float *features, int width)
{
	size_t		bytes = width * sizeof(float);
	int			i;

	for (i = 0; i < n; i++)
	{
		RsCandidate first = c[i];
		int			to = i;
		int			from;

		if ((int) w->ordered[i].place == i)
			continue;
		if (features != NULL)
			memcpy(w->swap, features + (size_t) i * width, bytes);
		for (; (from = (int) w->ordered[to].place) != i; to = from)
		{
			c[to] = c[from];
			if (features != NULL)
				memcpy(features + (size_t) to * width, features + (size_t) from * width, bytes);
			w->ordered[to].place = to;
		}
		c[to] = first;
		if (features != NULL)
			memcpy(features + (size_t) to * width, w->swap, bytes);
		w->ordered[to].place = to;
	}
}

/* See funnel.h. */
void
rs_funnel_rank(const RsFunnel *f, RsFunnelWork *w, RsCandidate *c, int n,
			   float *features)
{
	int			width = RS_FEATURES + f->facts.nextra;
	int			i;

	for (i = 0; i < n && i < RS_AHEAD; i++)
		fetch_ahead(f, w, c[i].item);
	for (i = 0; i < n; i++)
	{
		float	   *row = features != NULL ? features + (size_t) i * width : w->row;

		if (i + RS_AHEAD < n)
			fetch_ahead(f, w, c[i + RS_AHEAD].item);
		rs_funnel_features(f, w, c[i].item, NULL, row);
		c[i].score = score_of(f, w, c[i].item, row);
		w->ordered[i].score = c[i].score;
		w->ordered[i].item = c[i].item;
		w->ordered[i].place = i;
	}
	sort_by_score(w->ordered, n);
	put_in_order(w, c, n, features, width);
}
