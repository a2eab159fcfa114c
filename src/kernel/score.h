/*-------------------------------------------------------------------------
 *
 * score.h
 *	  One user's scores for every item, from the parts of a model: the same
 *	  code for evaluation and serving.
 *
 * Evidence of the neighbours: n_i = sum over the history's items j of
 * weight_j * S_ji.  Evidence of the factors: f_i = x'y_i.  Each is divided by
 * its largest value over the items that may be shown, then
 *
 *	  score_i = (1 - s) * (blend * n_i + (1 - blend) * f_i) + s * p_i
 *
 * where p_i is popularity divided by its largest value and s is
 * RS_POPULARITY_SHARE.  Without any evidence
 * (an unknown user) score_i = p_i.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_SCORE_H
#define RS_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "cooccurrence.h"

/* orders what has no evidence of its own, and breaks ties */
#define RS_POPULARITY_SHARE 1e-6f

/*
 * out[neighbor] += weight * similarity for every stored neighbour of the
 * history's items.  start/neighbor: CSR by item.  out has been zeroed.
 */
extern void rs_neighbor_scores(const uint64_t *start, const RsNeighbor *neighbor,
							   int n, const uint32_t *item, const float *weight,
							   float *out);

/* out[i] = dot(x, y_i) for every item; y is nitems x factors, row-major */
extern void rs_factor_scores(const float *y, uint32_t nitems, int factors,
							 const float *x, float *out);

/* How the parts of one user's score are scaled. */
typedef struct RsBlend
{
	double		neighbor;		/* factors of the parts; 0 = says nothing */
	double		factor;
	double		popularity;
	bool		evidence;		/* else the score is popularity */
} RsBlend;

/* n_max and f_max: each part's largest value over what may be shown, or 0 */
extern RsBlend rs_blend_scales(float n_max, float f_max, double blend);

/* products of factors that are the scores as they are: ratings */
extern RsBlend rs_blend_nothing(void);

/* the score of one item, to the bit as rs_blend has it */
extern float rs_blend_one(const RsBlend *b, float neighbor, float factor,
						  float popularity);

/*
 * Combines the evidence in place: on return score[i] is the final score, and
 * -INFINITY where hidden[i].  neighbor or factor may be NULL (that part is
 * absent, the other one then has the whole weight); popularity may not.
 * hidden may be NULL.  The result is finite for every item that is not hidden.
 */
extern void rs_blend(const float *neighbor, const float *factor,
					 const float *popularity, const bool *hidden,
					 uint32_t nitems, double blend, float *score);

#endif							/* RS_SCORE_H */
