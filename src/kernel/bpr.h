/*-------------------------------------------------------------------------
 *
 * bpr.h
 *	  Bayesian personalised ranking by matrix factorisation (BPR-MF).
 *
 * Loss (Rendle, Freudenthaler, Gantner, Schmidt-Thieme: "BPR: Bayesian
 * Personalized Ranking from Implicit Feedback", UAI 2009), over triples of a
 * user, an item that the user has and one that they have not:
 *
 *	  -ln sigma(d) + ridge / 2 * (|x_u|^2 + |y_i|^2 + |y_j|^2 + b_i^2 + b_j^2)
 *	  where d = x_u'(y_i - y_j) + b_i - b_j
 *
 * by stochastic gradient descent: a round visits each stored pair once, with a
 * negative drawn afresh.
 *
 * Rounds are cut as in Gemulla, Nijkamp, Haas, Sismanis: "Large-Scale Matrix
 * Factorization with Distributed Stochastic Gradient Descent", KDD 2011: users
 * and items are divided into parts, a stratum is one block of users and items
 * for each part of the users, and no two blocks of a stratum share a user or
 * an item.  A block's negatives are drawn from the block's own items.  Items
 * are divided at random anew in each round, so that over the rounds any two
 * items meet.  The blocks of a stratum may be done by any processes in any
 * order, with a barrier after each stratum; the number of parts depends on the
 * data alone, and a draw on nothing but seed, round, pair and try.
 *
 * Usage, for each round: rs_bpr_plan; then for stratum = 0 .. parts - 1, for
 * each part p of the users: rs_bpr_block(..., p, (p + stratum) % parts, ...).
 * After the last round: rs_bpr_normalize, the users' fold-in (rs_als_row
 * against the items' Gram matrix, which is also how a user is served), and
 * rs_bpr_spread before and after it to scale the biases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_BPR_H
#define RS_BPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "csr.h"

/* most parts, hence most processes that can share a stratum */
#define RS_BPR_PARTS	16

typedef struct RsBprSettings
{
	int			factors;
	int			rounds;
	bool		item_bias;
	double		rate;			/* of learning; falls to 0 over the rounds */
	double		ridge;			/* rate * ridge <= 1 */
	double		exponent;		/* negatives by count^exponent; 0 = uniformly */
	uint64_t	seed;
} RsBprSettings;

/* users x factors, items x factors, items */
typedef struct RsBprModel
{
	float	   *user;
	float	   *item;
	float	   *bias;			/* zeros where there is no item bias */
	void		(*tick) (void); /* called every few users, or NULL */
} RsBprModel;

/*
 * One round's division of the items.  The arrays are the caller's; that of
 * weights may be NULL where the exponent is 0.
 */
typedef struct RsBprPlan
{
	int			parts;
	uint8_t    *part;			/* of each item */
	uint32_t   *start;			/* parts + 1 offsets into item and weight */
	uint32_t   *item;			/* by part, ascending */
	double	   *weight;			/* their weights, summed up within the part */
} RsBprPlan;

typedef struct RsBprLoss
{
	double		sum;			/* of -ln sigma(d), before each step */
	uint64_t	triples;
} RsBprLoss;

/* how many parts users and items are divided into */
extern int	rs_bpr_parts(uint32_t nusers, uint32_t nitems);

/* first row of a part of the users, which all have about as many pairs */
extern uint32_t rs_bpr_first_user(const RsCsr *users, int parts, int part);

/* Divides the items for a round; items is the transpose of users. */
extern void rs_bpr_plan(const RsBprSettings *s, const RsCsr *items, int round,
						RsBprPlan *plan);

/*
 * Visits the pairs of a part of the users with a part of the items.  Adds to
 * *loss.  Returns 0, or -1 if the descent has left the finite numbers.
 */
extern int	rs_bpr_block(const RsBprSettings *s, const RsCsr *users,
						 const RsBprPlan *plan, int round, int user_part,
						 int item_part, RsBprModel *model, RsBprLoss *loss);

/*
 * Subtracts from the items' factors and biases their means and gives the
 * factors a mean square length of 1, the users' vectors taking the inverse.
 * No ranking changes.  Returns -1 if a number is not finite.
 */
extern int	rs_bpr_normalize(const RsBprSettings *s, uint32_t nusers,
							 uint32_t nitems, RsBprModel *model);

/*
 * Root of the sum of (x_u'y_i)^2 over all users and items, given the Gram
 * matrices of both.  A fold-in differs in scale from the vectors of training;
 * multiplied by (spread after) / (spread before), the biases keep their share
 * of the score.
 */
extern double rs_bpr_spread(int factors, const float *user_gram,
							const float *item_gram);

#endif							/* RS_BPR_H */
