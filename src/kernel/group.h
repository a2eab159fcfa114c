/*-------------------------------------------------------------------------
 *
 * group.h
 *	  Brings the events of each user together, in place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_GROUP_H
#define RS_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "merge.h"

/*
 * Permutes the parallel arrays event, user and, unless NULL, quantity so that
 * users ascend; those of one user come out in any order.  Users are below
 * nusers.
 */
extern void rs_group_by_user(RsEvent *event, uint32_t *user, float *quantity,
							 size_t n, uint32_t nusers);

/* start[u] = where user u begins in an array grouped so; nusers + 1 entries */
extern void rs_group_starts(const uint32_t *user, size_t n, uint32_t nusers,
							uint64_t *start);

#endif							/* RS_GROUP_H */
