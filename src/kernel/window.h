/*-------------------------------------------------------------------------
 *
 * window.h
 *	  The k largest of many approximate values, and all that come so close to
 *	  the last of them that exact values could put them in its place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_WINDOW_H
#define RS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct RsNear
{
	float		value;
	uint32_t	id;				/* with RS_NEAR_ASIDE: is none of the k */
} RsNear;

/* an entry that is kept for being near the largest value, not for a place */
#define RS_NEAR_ASIDE	UINT32_C(0x80000000)

typedef struct RsWindow
{
	int			k;
	int			n;				/* kept so far, in the order of arrival */
	int			room;
	RsNear	   *entry;
	float		margin;			/* how near to the k-th is near */
	float		top_margin;		/* and how near to the largest, for those aside */
	float		largest;		/* value seen, those aside included */
	float		bar;			/* what lies below is not needed any more */
	bool		overflow;		/* too many near ones: the entries are no use */
} RsWindow;

/* entries that a window needs, over at most n values */
extern int	rs_window_room(int k, uint32_t n);

extern void rs_window_init(RsWindow *w, RsNear *space, int room, int k,
						   float margin, float top_margin);

/*
 * Offers a value; id is below RS_NEAR_ASIDE.  scratch has the window's room of
 * floats.
 */
extern void rs_window_add(RsWindow *w, float value, uint32_t id, bool aside,
						  float *scratch);

/* Drops what is no longer near, at the end of the values. */
extern void rs_window_finish(RsWindow *w, float *scratch);

#endif							/* RS_WINDOW_H */
