/*-------------------------------------------------------------------------
 *
 * recsys.c
 *	  Module initialisation of the serving library.
 *
 * This library links no BLAS: OpenBLAS starts a pool of threads when it is
 * loaded, which no backend that only serves should pay for.  The variable that
 * keeps the pool at one thread is set here, before recsys_train can be loaded,
 * and so also in parallel workers, which restore libraries in load order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "fmgr.h"

#include "kernel/simd.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	rs_simd_init();
}
