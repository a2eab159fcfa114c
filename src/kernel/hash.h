/*-------------------------------------------------------------------------
 *
 * hash.h
 *	  A 64-bit mixing function: the finaliser of MurmurHash3, by Appleby.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_HASH_H
#define RS_HASH_H

#include <stdint.h>

static inline uint64_t
rs_hash64(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

#endif							/* RS_HASH_H */
