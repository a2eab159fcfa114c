/*-------------------------------------------------------------------------
 *
 * cooccurrence.h
 *	  Item neighbours from co-occurrence, one row of the sparse product at a
 *	  time.
 *
 *	  S_ij = sum over users u with both i and j of w_u / (m_i^b * m_j^c),
 *	  w_u = |history(u)|^-a
 *
 * m_i is the number of users of item i (cosine: a = 0, b = c = 1/2).  With
 * shrinkage h the sum is multiplied by users_both / (users_both + h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_COOCCURRENCE_H
#define RS_COOCCURRENCE_H

#include "csr.h"

typedef struct RsCoocSettings
{
	double		activity;		/* a >= 0 */
	double		source_exponent;	/* b */
	double		target_exponent;	/* c */
	double		shrinkage;		/* h >= 0 */
	int			neighbors;		/* how many to keep per item */
} RsCoocSettings;

typedef struct RsNeighbor
{
	uint32_t	item;
	uint32_t	users_both;		/* raw co-occurrence count */
	float		similarity;
} RsNeighbor;

/* bytes of scratch for one caller */
extern size_t rs_cooc_workspace(uint32_t nitems, int neighbors);

/* must be called once on fresh scratch; every row leaves it clean again */
extern void rs_cooc_workspace_init(void *work, uint32_t nitems);

/*
 * The best neighbours of one item, best first, ties by item.  user_weight[u] =
 * w_u; item_users = users by item, user_items = items by user (transposes of
 * each other).  Returns how many were written to out (<= neighbors).
 */
extern int	rs_cooc_row(const RsCsr *item_users, const RsCsr *user_items,
						const float *user_weight, const RsCoocSettings *settings,
						uint32_t item, void *work, RsNeighbor *out);

/* w_u for every user */
extern void rs_cooc_user_weights(const RsCsr *user_items, double activity,
								 float *user_weight);

#endif							/* RS_COOCCURRENCE_H */
