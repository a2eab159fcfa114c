/*-------------------------------------------------------------------------
 *
 * fold_in.h
 *	  A user's vector from what the user has done now, whatever kind of
 *	  factors a model has: the same code for evaluation and serving.
 *
 * Scores are products of two rows of equal width: a user's vector and an
 * item's row, which holds the item's factors and what is added to a product.
 *
 *	  kind				vector				row			width
 *	  RS_KIND_IMPLICIT	x					y			factors
 *	  RS_KIND_BIASED	x, 1				y, b_i		factors + 1
 *	  RS_KIND_RATING	x, 1, mu + b_u		y, b_i, 1	factors + 2
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_FOLD_IN_H
#define RS_FOLD_IN_H

#include <stdbool.h>

#include "als.h"
#include "explicit.h"

typedef enum RsFactorKind
{
	RS_KIND_IMPLICIT,			/* iALS */
	RS_KIND_BIASED,				/* BPR with item biases */
	RS_KIND_RATING				/* explicit ALS: the score is a rating */
} RsFactorKind;

/* Item factors, and what a fold-in needs besides. */
typedef struct RsFoldIn
{
	RsFactorKind kind;
	int			factors;
	int			width;
	uint32_t	nitems;
	const float *row;			/* nitems x width */
	const float *gram;			/* factors x factors, of the factors; of ratings
								 * NULL */
	double		alpha0;
	double		lambda;
	double		nu;
	RsExplicit	rating;			/* RS_KIND_RATING only */
} RsFoldIn;

extern int	rs_row_width(RsFactorKind kind, int factors);

/* an item's row */
extern void rs_join_row(RsFactorKind kind, int factors, const float *factor,
						float bias, float *row);

/* bytes of scratch for a history of n items */
extern size_t rs_fold_in_workspace(int factors, int n);

/*
 * The vector of a user with these items, weighted or rated.  Without any, or
 * where there is no solution, it is zero, and the user as good as unknown;
 * then returns false.
 */
extern bool rs_fold_in(const RsFoldIn *m, int n, const uint32_t *col,
					   const float *value, void *work, float *x);

#endif							/* RS_FOLD_IN_H */
