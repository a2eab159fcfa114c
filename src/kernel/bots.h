/*-------------------------------------------------------------------------
 *
 * bots.h
 *	  Users whose activity is out of all proportion to the others'.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_BOTS_H
#define RS_BOTS_H

#include <stddef.h>
#include <stdint.h>

#include "merge.h"

typedef struct RsActivity
{
	double		rate;			/* events in the busiest hour (all events where
								 * there is no time) */
	double		breadth;		/* distinct items per active day, the busiest */
} RsActivity;

/* of one user's events, sorted by rs_event_compare; scratch: n uint32_t */
extern void rs_activity(const RsEvent *events, int n, uint32_t *scratch,
						RsActivity *out);

/*
 * exp(median + z * 1.4826 * MAD) of the logarithms of values, with a floor on
 * the spread of log(2)/3 so that a population of equal users has a threshold
 * above them.  Reorders x (scratch).  INFINITY for fewer than 20 values.
 */
extern double rs_outlier_threshold(double *x, size_t n, double z);

#endif							/* RS_BOTS_H */
