/*-------------------------------------------------------------------------
 *
 * window.c
 *	  The k largest of many approximate values, and those near the last.
 *
 * Values that pass the bar are appended; when the room is full, quickselect
 * finds the k-th of them, the bar rises to the margin below it, and what lies
 * below the bar is dropped.  The bar only rises, so what was turned away would
 * be turned away at the end.  That costs a few operations a value where a heap
 * costs a dozen cache lines and branches.
 *
 * Limits: gives up (overflow) where more than RS_NEAR_SLACK values lie within
 * the margin of the k-th; the caller must then look at everything.  NaN is
 * never kept.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "window.h"

#define RS_NEAR_SLACK 384

int
rs_window_room(int k, uint32_t n)
{
	uint64_t	room = 2 * (uint64_t) k + RS_NEAR_SLACK + 128;

	return (int) (room < n ? room : n);
}

void
rs_window_init(RsWindow *w, RsNear *space, int room, int k, float margin,
			   float top_margin)
{
	w->k = k;
	w->n = 0;
	w->room = room;
	w->entry = space;
	w->margin = margin;
	w->top_margin = top_margin;
	w->largest = -INFINITY;
	w->bar = -INFINITY;
	w->overflow = false;
}

/* The k-th largest of n values, k <= n (Hoare's algorithm); reorders them. */
static float
kth_largest(float *v, int n, int k)
{
	int			low = 0;
	int			high = n - 1;

	while (low < high)
	{
		float		a = v[low];
		float		b = v[(low + high) / 2];
		float		c = v[high];
		float		pivot = a < b ? (b < c ? b : (a < c ? c : a))
			: (a < c ? a : (b < c ? c : b));
		int			i = low;
		int			j = high;

		while (i <= j)
		{
			while (v[i] > pivot)
				i++;
			while (v[j] < pivot)
				j--;
			if (i <= j)
			{
				float		swap = v[i];

				v[i++] = v[j];
				v[j--] = swap;
			}
		}
		if (k - 1 <= j)
			high = j;
		else if (k - 1 >= i)
			low = i;
		else
			break;
	}
	return v[k - 1];
}

/* Raises the bar and keeps what passes it, in its order. */
static void
compact(RsWindow *w, float *scratch)
{
	float		top = w->largest - w->top_margin;
	int			values = 0;
	int			kept = 0;
	int			i;

	for (i = 0; i < w->n; i++)
	{
		scratch[values] = w->entry[i].value;
		values += (w->entry[i].id & RS_NEAR_ASIDE) == 0;
	}
	if (values >= w->k)
	{
		float		bar = kth_largest(scratch, values, w->k) - w->margin;

		if (bar > w->bar)
			w->bar = bar;
	}
	for (i = 0; i < w->n; i++)
	{
		RsNear		e = w->entry[i];

		w->entry[kept] = e;
		kept += e.value >= ((e.id & RS_NEAR_ASIDE) ? top : w->bar);
	}
	w->n = kept;
}

void
rs_window_add(RsWindow *w, float value, uint32_t id, bool aside, float *scratch)
{
	if (!(value >= w->bar) || w->overflow)
		return;
	if (aside && !(value >= w->largest - w->top_margin))
		return;
	if (value > w->largest)
		w->largest = value;
	if (w->n == w->room)
	{
		compact(w, scratch);
		/* room for as many again, else every newcomer would cost a pass */
		if (w->n > w->k + RS_NEAR_SLACK || w->n == w->room)
		{
			w->overflow = true;
			return;
		}
	}
	w->entry[w->n].value = value;
	w->entry[w->n++].id = aside ? id | RS_NEAR_ASIDE : id;
}

void
rs_window_finish(RsWindow *w, float *scratch)
{
	if (!w->overflow)
		compact(w, scratch);
}
