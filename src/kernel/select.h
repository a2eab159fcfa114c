/*-------------------------------------------------------------------------
 *
 * select.h
 *	  The largest of many distinct 64-bit keys, in descending order.
 *
 * For a batch of entries that is at hand as a whole; topk.h is for entries that
 * arrive one by one, or of which nearly all lose against a threshold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_SELECT_H
#define RS_SELECT_H

#include <stdint.h>
#include <string.h>

/*
 * Orders as rs_topk does: by score, then by ascending id.  The score is +0 or
 * positive, where the bits of a float rise with its value.
 */
static inline uint64_t
rs_key(float score, uint32_t id)
{
	uint32_t	bits;

	memcpy(&bits, &score, sizeof(bits));
	return (uint64_t) bits << 32 | (uint32_t) ~id;
}

static inline float
rs_key_score(uint64_t key)
{
	uint32_t	bits = (uint32_t) (key >> 32);
	float		score;

	memcpy(&score, &bits, sizeof(score));
	return score;
}

static inline uint32_t
rs_key_id(uint64_t key)
{
	return ~(uint32_t) key;
}

/*
 * Moves the k largest of n distinct keys to the front, largest first; returns
 * how many there are.  The others are lost.  scratch holds min(n, k) keys.
 */
extern uint32_t rs_select(uint64_t *key, uint32_t n, uint32_t k,
						  uint64_t *scratch);

#endif							/* RS_SELECT_H */
