/*-------------------------------------------------------------------------
 *
 * rank.h
 *	  Lists of the k best items of the whole catalog, a block of users at a
 *	  time: the same lists as rs_factor_scores, rs_blend and rs_topk_float make
 *	  one user at a time, to the bit.
 *
 *	  1. rs_rank_mark: per user, the items whose score is wanted in any case
 *		 (those the neighbours speak for, and the hidden ones);
 *	  2. rs_rank_scan: products of the block's vectors with all items; keeps for
 *		 each user those near the k best, and those of the marked items;
 *	  3. rs_rank_list: a list from what the two have left, for any blend, with
 *		 or without the hidden items.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_RANK_H
#define RS_RANK_H

#include "score.h"
#include "topk.h"
#include "window.h"

/*
 * out[u * stride + i] = x_u'y_i for users rows of x and items rows of y, each
 * factors long.
 */
typedef void (*RsProduct) (const float *x, int users, const float *y, int items,
						   int factors, float *out, int stride);

/* The catalog, the same for all users. */
typedef struct RsRankItems
{
	uint32_t	nitems;			/* fewer than RS_NEAR_ASIDE */
	const float *popularity;
	const uint32_t *order;		/* of items: popularity falling, ties by id */
	const bool *barred;			/* not to be listed, but in the scaling; or NULL */
} RsRankItems;

/* Factors of all items. */
typedef struct RsRankFactors
{
	int			factors;
	const float *item;			/* nitems x factors */
	double		longest;		/* rs_longest_row */
	double		least_share;	/* smallest weight > 0 of factors in a blend */
	bool		is_score;		/* a product is the score, as of ratings */
} RsRankFactors;

/* An item of one user's whose score is wanted. */
typedef struct RsMarked
{
	uint32_t	item;
	float		neighbor;		/* the neighbours' evidence */
	float		factor;			/* the product, once scanned */
	bool		hidden;
} RsMarked;

typedef struct RsMarks
{
	RsMarked   *mark;			/* ascending by item */
	uint32_t	n;
	uint32_t	next;			/* of the scan */
} RsMarks;

typedef struct RsRankUser
{
	const uint32_t *hidden;		/* ascending */
	uint32_t	nhidden;
	RsMarks    *marks;			/* nmarks sets, each with all that is hidden */
	int			nmarks;
	/* of the scan */
	const float *x;				/* the user's vector; NULL = no such evidence */
	uint32_t	next_hidden;
	double		error;			/* of a product, at most */
	double		bound;			/* of a product's size */
	bool		plain;			/* the products have to be taken one by one */
	RsWindow	near;
} RsRankUser;

/* What a process works with. */
typedef struct RsRankWork
{
	RsProduct	product;
	float	   *panel;			/* RS_RANK_USERS x RS_RANK_PANEL */
	float	   *scratch;		/* window's room + the room of a list's window */
	RsNear	   *near;			/* room of a list's window */
	float	   *row[2];			/* nitems each */
	bool	   *flag;			/* nitems */
	int		   *place;			/* nitems + RS_SELECT_SLACK */
} RsRankWork;

/* of single precision */
#define RS_UNIT_ROUNDOFF	0x1p-24
#define RS_LARGEST_PRODUCT	1e30	/* beyond it a sum might overflow */

#define RS_RANK_USERS	128		/* of a block, at most */
#define RS_RANK_PANEL	512		/* items whose products are taken together */

/* row by row, without BLAS */
extern void rs_plain_product(const float *x, int users, const float *y, int items,
							 int factors, float *out, int stride);

/* the largest norm of n rows */
extern double rs_longest_row(const float *row, uint32_t n, int factors);

/*
 * Marks the items with evidence (by item, not negative), which is cleared
 * again, and the hidden ones; evidence may be NULL.  Returns how many.
 */
extern uint32_t rs_rank_mark(float *evidence, uint32_t nitems, const RsRankUser *u,
							 RsRankWork *work, RsMarked *out);

/*
 * Scans the catalog for users whose vectors are the rows of x.  space has room
 * entries (rs_window_room) for each.
 */
extern void rs_rank_scan(const RsRankItems *items, const RsRankFactors *f,
						 RsRankUser *users, int nusers, const float *x, int k,
						 RsNear *space, int room, RsRankWork *work);

/*
 * The best k (that of the scan, or less) into out; returns how many.  marks is
 * one of the user's sets, f NULL for a list without factors.
 */
extern int	rs_rank_list(const RsRankItems *items, const RsRankFactors *f,
						 const RsRankUser *u, const RsMarks *marks, double blend,
						 bool with_hidden, int k, RsRankWork *work,
						 RsScored *out);

#endif							/* RS_RANK_H */
