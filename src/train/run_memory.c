/*-------------------------------------------------------------------------
 *
 * run_memory.c
 *	  The memory of a run: its context, its limit, and what is charged against
 *	  it.
 *
 * What is held is asked of the run's context, which counts by blocks, and of
 * the run's shared memory; an array is charged before it is allocated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "train.h"

int64
rs_memory_limit(text *memory)
{
	int			kilobytes = maintenance_work_mem;
	const char *hint = NULL;

	if (memory != NULL &&
		(!parse_int(text_to_cstring(memory), &kilobytes, GUC_UNIT_KB, &hint) ||
		 kilobytes < 1024))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("memory is \"%s\", must be a size of at least 1 MB",
						text_to_cstring(memory)),
				 errhint("For example '2 GB'.")));
	return (int64) kilobytes * 1024;
}

/* For a recommender read through SPI; the run is gone with an error. */
RsRun *
rs_run_make(const char *recommender)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "recsys run",
												  ALLOCSET_DEFAULT_SIZES);
	RsRun	   *run = MemoryContextAllocZero(context, sizeof(RsRun));

	run->context = context;
	run->memory_limit = rs_memory_limit(NULL);
	run->recommender = rs_registry_get(recommender, context);
	return run;
}

/* Keeps the peak. */
int64
rs_run_bytes(RsRun *run)
{
	int64		bytes = MemoryContextMemAllocated(run->context, true) + run->shared_bytes;

	run->peak_bytes = Max(run->peak_bytes, bytes);
	return bytes;
}

void
rs_run_charge(RsRun *run, Size bytes, const char *what)
{
	int64		held = rs_run_bytes(run);
	Size		wanted;

	if (held + (int64) bytes <= run->memory_limit)
	{
		run->peak_bytes = Max(run->peak_bytes, held + (int64) bytes);
		return;
	}
	wanted = Max(rs_estimate_megabytes(run), (Size) ((held + bytes) >> 20) + 1);
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("training of recommender \"%s\" needs more memory than the " INT64_FORMAT " MB allowed",
					NameStr(run->recommender->name), run->memory_limit >> 20),
			 errdetail(INT64_FORMAT " MB are held and %s would take %zu MB more.",
					   held >> 20, what, (bytes >> 20) + 1),
			 errhint("Pass memory => '%zu MB', or raise maintenance_work_mem.", wanted)));
}

void *
rs_run_alloc_in(RsRun *run, MemoryContext context, Size bytes, const char *what)
{
	rs_run_charge(run, bytes, what);
	return MemoryContextAllocHuge(context, Max(bytes, 1));
}

void *
rs_run_alloc(RsRun *run, Size bytes, const char *what)
{
	return rs_run_alloc_in(run, run->context, bytes, what);
}
