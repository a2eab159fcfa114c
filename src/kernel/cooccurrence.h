/*-------------------------------------------------------------------------
 *
 * cooccurrence.h
 *	  Item neighbours from co-occurrence, one row of the sparse product at a
 *	  time.
 *
 * With m_i users of item i, N users in all, n_ij users of both, and
 * S_ij = the sum of the votes of the users of both:
 *
 *	  general		S_ij / (m_i^b m_j^c), the vote of u being |history(u)|^-a
 *	  cosine		a = 0, b = c = 1/2
 *	  conditional	a = 0, b = 1, c = 0: the share of i's users who have j
 *	  lift			N S_ij / (m_i m_j), a = 0: 1 where they are independent
 *	  p3alpha		a = b = alpha, c = 0: the walk from item to user to item,
 *					transition probabilities to the power alpha
 *	  rp3beta		the same, c = beta (Christoffel et al., RecSys 2015)
 *	  jaccard		n_ij / (m_i + m_j - n_ij)
 *	  llr			Dunning's log-likelihood ratio (1993) in the form of Mahout,
 *					2 (H(rows) + H(columns) - H(cells)), H(k) = sum k log (sum k)
 *					- sum of k log k, of the users with and without i and j;
 *					where n_ij is more than chance would give
 *
 * With shrinkage h each is multiplied by n_ij / (n_ij + h).  A vote may be
 * weighted by the product of the two interactions' weights; the counts m, n and
 * |history(u)| never are, so what has faded (time decay) falls back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_COOCCURRENCE_H
#define RS_COOCCURRENCE_H

#include <stdbool.h>

#include "csr.h"

/* how votes and counts become a similarity */
typedef enum RsMeasure
{
	RS_POWER,					/* by exponents; the first six names above */
	RS_POWER_N,					/* the same times N */
	RS_JACCARD,
	RS_LLR
} RsMeasure;

/* Without padding: equal settings are equal bytes. */
typedef struct RsCoocSettings
{
	double		activity;		/* a >= 0 */
	double		source_exponent;	/* b */
	double		target_exponent;	/* c */
	double		shrinkage;		/* h >= 0 */
	int32_t		measure;		/* RsMeasure */
	int32_t		by_weight;		/* votes: 0 one each, 1 products of weights */
	int32_t		neighbors;		/* how many to keep per item */
	int32_t		history_cap;	/* items of one user that count, > 0 */
} RsCoocSettings;

typedef struct RsNeighbor
{
	uint32_t	item;
	uint32_t	users_both;		/* n_ij, raw */
	float		similarity;
} RsNeighbor;

/*
 * Fills in what a similarity's name stands for.  The exponents of general are
 * the caller's and left alone; false for an unknown name.
 */
extern bool rs_cooc_by_name(const char *similarity, double alpha, double beta,
							RsCoocSettings *settings);

/* bytes of scratch for one caller */
extern size_t rs_cooc_workspace(uint32_t nitems, int neighbors);

/*
 * Must be called once on fresh scratch; every row with these settings leaves
 * it clean for the next.
 */
extern void rs_cooc_workspace_init(void *work, const RsCsr *item_users,
								   const RsCoocSettings *settings);

/*
 * The best neighbours of one item, best first, ties by item.  user_weight[u] =
 * |history(u)|^-a; item_users = users by item, user_items = items by user
 * (transposes of each other), of capped histories.  Returns how many were
 * written to out (<= neighbors).
 */
extern int	rs_cooc_row(const RsCsr *item_users, const RsCsr *user_items,
						const float *user_weight, const RsCoocSettings *settings,
						uint32_t item, void *work, RsNeighbor *out);

/* How many neighbours all items have at most, by the lengths of histories. */
extern uint64_t rs_cooc_most(const RsCsr *item_users, const RsCsr *user_items,
							 int neighbors);

/* |history(u)|^-a for every user */
extern void rs_cooc_user_weights(const RsCsr *user_items, double activity,
								 float *user_weight);

/*
 * How many users have more than cap items, and how many pairs remain when of
 * these cap items count.
 */
extern uint32_t rs_cooc_cut_users(const RsCsr *user_items, int cap,
								  uint64_t *pairs);

/*
 * Histories of at most cap items: of a longer one those with the smallest
 * hashes of user and item.  out is allocated by the caller, with room for the
 * pairs that remain.
 */
extern void rs_cooc_cut(const RsCsr *user_items, int cap, RsCsr *out);

#endif							/* RS_COOCCURRENCE_H */
