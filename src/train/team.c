/*-------------------------------------------------------------------------
 *
 * team.c
 *	  The processes of a training, and the memory that they share.
 *
 * Workers are launched once for a stage and wait at a barrier between jobs.
 * Odd phases of the barrier are work, even ones are waiting; a worker that
 * comes up late joins whatever phase there is.  Blocks are handed out by an
 * atomic counter, so that a slow process takes fewer of them.
 *
 * Shared memory is one dynamic segment an array.  Where there is none to be had
 * (a container's small /dev/shm), or no worker, the backend does the blocks by
 * itself, in its own memory.
 *
 * An error in a worker is raised in the backend at its next check for
 * interrupts, be it at work or at the barrier; an error there, a cancel or a
 * termination ends the workers with the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "storage/barrier.h"
#include "storage/dsm_impl.h"
#include "storage/shm_toc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "als_job.h"
#include "evaluate.h"
#include "learn.h"
#include "lists.h"
#include "parts.h"
#include "progress.h"
#include "train.h"

#define TEAM_KEY		UINT64CONST(0x7265637379730001)
#define MOST_ARGUMENT	1024

/* work on fewer pairs is done before a worker has come up */
#define LEAST_PAIRS		50000

/* left free in /dev/shm, for the server's own parallel queries */
#define SPARE_BYTES		(UINT64CONST(8) << 20)

extern PGDLLEXPORT void rs_train_worker(dsm_segment *seg, shm_toc *toc);

/* every job there is; workers know it by its place here */
static const RsJob *const jobs[] = {
	&rs_job_gram, &rs_job_rotate, &rs_job_exact, &rs_job_cg, &rs_job_neighbors,
	&rs_job_evaluate, &rs_job_lists, &rs_job_explicit, &rs_job_bpr, &rs_job_learn
};

#define NO_MORE_JOBS	(-1)

typedef struct TeamState
{
	char		build[64];
	Barrier		barrier;
	int			job;			/* place in jobs, or NO_MORE_JOBS */
	uint32		nblocks;
	pg_atomic_uint32 next;		/* block to be taken */
	union
	{
		uint64		align;
		char		bytes[MOST_ARGUMENT];
	}			arg;
} TeamState;

struct RsTeam
{
	RsRun	   *run;
	ParallelContext *pcxt;		/* NULL = this backend alone */
	TeamState  *state;
	TeamState	own;			/* the state where there are no workers */
	uint64		rows_done;		/* what to show of the next job */
	uint32		rows_block;		/* 0 = nothing */
	uint64		rows_total;
};

/* ---- memory ---- */

typedef struct Segment
{
	MemoryContextCallback callback;
	RsRun	   *run;
	dsm_segment *segment;
	Size		bytes;
} Segment;

/* The context that a segment belongs to goes. */
static void
free_segment(void *arg)
{
	Segment    *s = arg;

	s->run->shared_bytes -= s->bytes;
	dsm_detach(s->segment);
}

/* Whether so much can be had now; a segment that fits nowhere is an error. */
static bool
fits(Size bytes)
{
	struct statvfs fs;

	if (dynamic_shared_memory_type != DSM_IMPL_POSIX || statvfs("/dev/shm", &fs) != 0)
		return true;
	return (uint64) fs.f_bavail * fs.f_frsize >= bytes + SPARE_BYTES;
}

/* Says once that the run goes on in one process, and why. */
static void
work_alone(RsRun *run, Size bytes)
{
	run->workers = 0;
	if (bytes > 0)
		ereport(NOTICE,
				(errmsg("training in one process: there are no %zu MB of shared memory to be had",
						(bytes >> 20) + 1),
				 errhint("Give the server a larger /dev/shm (in a container: --shm-size), or pass workers => 0.")));
	else
		ereport(NOTICE,
				(errmsg("training in one process: there is no worker process to be had"),
				 errhint("Raise max_worker_processes or max_parallel_workers, or pass workers => 0.")));
}

RsShared
rs_share(RsRun *run, MemoryContext context, Size bytes, const char *what)
{
	RsShared	memory = {0};
	Segment    *s;

	bytes = Max(bytes, 1);
	rs_run_charge(run, bytes, what);
	if (run->workers > 0 && !fits(bytes))
		work_alone(run, bytes);
	if (run->workers > 0)
	{
		s = MemoryContextAllocZero(context, sizeof(Segment));
		s->run = run;
		s->bytes = bytes;
		s->segment = dsm_create(bytes, DSM_CREATE_NULL_IF_MAXSEGMENTS);
		if (s->segment != NULL)
		{
			dsm_pin_mapping(s->segment);
			run->shared_bytes += bytes;
			s->callback.func = free_segment;
			s->callback.arg = s;
			MemoryContextRegisterResetCallback(context, &s->callback);
			memory.local = dsm_segment_address(s->segment);
			/* what comes of the server's own reserve has been used before */
			if (min_dynamic_shared_memory > 0)
				memset(memory.local, 0, bytes);
			memory.handle = dsm_segment_handle(s->segment);
			memory.shared = true;
			return memory;
		}
		work_alone(run, bytes);
	}
	memory.local = MemoryContextAllocExtended(context, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return memory;
}

/*
 * What a worker has mapped, and in which of its jobs it last used it.  Memory
 * that the training has freed is gone only when the workers let go of it too;
 * mapping it anew for each job would cost its page faults again.
 */
typedef struct Mapping
{
	dsm_segment *segment;
	dsm_handle	handle;
	uint64		job;
} Mapping;

#define MOST_MAPPINGS	64
#define JOBS_MAPPED		16		/* more than a sweep of ALS has */

static Mapping mappings[MOST_MAPPINGS];
static int	nmappings = 0;
static uint64 jobs_done = 0;

/* A job has ended. */
static void
unmap_unused(void)
{
	int			kept = 0;

	jobs_done++;
	for (int i = 0; i < nmappings; i++)
		if (mappings[i].job + JOBS_MAPPED >= jobs_done)
			mappings[kept++] = mappings[i];
		else
			dsm_detach(mappings[i].segment);
	nmappings = kept;
}

void *
rs_shared(RsShared memory)
{
	dsm_segment *segment;

	if (!IsParallelWorker())
		return memory.local;
	Assert(memory.shared);
	for (int i = 0; i < nmappings; i++)
		if (mappings[i].handle == memory.handle)
		{
			mappings[i].job = jobs_done;
			return dsm_segment_address(mappings[i].segment);
		}
	if (nmappings == MOST_MAPPINGS)
		elog(ERROR, "a job of a training uses more than %d segments", MOST_MAPPINGS);
	segment = dsm_attach(memory.handle);
	if (segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not map the shared memory of a training")));
	dsm_pin_mapping(segment);
	mappings[nmappings].segment = segment;
	mappings[nmappings].handle = memory.handle;
	mappings[nmappings++].job = jobs_done;
	return dsm_segment_address(segment);
}

/* ---- processes ---- */

int
rs_team_limit(int asked)
{
	long		processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (asked >= 0)
		return Min(asked, max_parallel_maintenance_workers);
	return Min(Max((int) processors, 1) - 1, max_parallel_maintenance_workers);
}

RsTeam *
rs_team_begin(RsRun *run, uint64 pairs)
{
	RsTeam	   *team = palloc0(sizeof(RsTeam));
	shm_toc_estimator *e;

	team->run = run;
	team->state = &team->own;
	if (run->workers == 0 || (!run->workers_asked && pairs < LEAST_PAIRS))
		return team;

	EnterParallelMode();
	team->pcxt = CreateParallelContext("recsys_train", "rs_train_worker", run->workers);
	e = &team->pcxt->estimator;
	shm_toc_estimate_chunk(e, sizeof(TeamState));
	shm_toc_estimate_keys(e, 1);
	InitializeParallelDSM(team->pcxt);
	team->state = shm_toc_allocate(team->pcxt->toc, sizeof(TeamState));
	memset(team->state, 0, sizeof(TeamState));
	strlcpy(team->state->build, RS_BUILD, sizeof(team->state->build));
	BarrierInit(&team->state->barrier, 0);
	BarrierAttach(&team->state->barrier);
	pg_atomic_init_u32(&team->state->next, 0);
	shm_toc_insert(team->pcxt->toc, TEAM_KEY, team->state);
	LaunchParallelWorkers(team->pcxt);
	if (team->pcxt->nworkers_launched == 0)
		work_alone(run, 0);
	return team;
}

/*
 * Takes blocks of the present job until there are none; a backend that trains
 * (a worker has no team) shows how many have been taken by all.
 */
static void
do_blocks(TeamState *state, const RsJob *job, const RsTeam *team)
{
	pg_atomic_uint32 *next = &state->next;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "recsys job",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	void	   *scratch = job->begin ? job->begin(state->arg.bytes) : NULL;
	uint32		block;

	while ((block = pg_atomic_fetch_add_u32(next, 1)) < state->nblocks)
	{
		job->block(state->arg.bytes, scratch, block);
		if (team != NULL && team->rows_block > 0)
			rs_progress_rows(Min(team->rows_done + (block + 1) * (uint64) team->rows_block,
								 team->rows_total), team->rows_total);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static int
job_number(const RsJob *job)
{
	for (int i = 0; i < (int) lengthof(jobs); i++)
		if (jobs[i] == job)
			return i;
	elog(ERROR, "job \"%s\" is not known to the workers", job->name);
}

void
rs_team_run(RsTeam *team, const RsJob *job, const void *arg, Size size,
			uint32 nblocks)
{
	/* without workers, or once memory could not be shared */
	bool		alone = (team->pcxt == NULL || team->run->workers == 0);
	TeamState  *state = alone ? &team->own : team->state;

	if (size > MOST_ARGUMENT)
		elog(ERROR, "the argument of job \"%s\" is too long", job->name);
	memcpy(state->arg.bytes, arg, size);
	state->nblocks = nblocks;
	if (alone)
	{
		pg_atomic_init_u32(&state->next, 0);
		do_blocks(state, job, team);
		team->rows_block = 0;
		return;
	}
	state->job = job_number(job);
	pg_atomic_write_u32(&state->next, 0);
	BarrierArriveAndWait(&state->barrier, PG_WAIT_EXTENSION);
	do_blocks(state, job, team);
	team->rows_block = 0;
	BarrierArriveAndWait(&state->barrier, PG_WAIT_EXTENSION);
}

void
rs_team_progress(RsTeam *team, uint64 done, uint32 per_block, uint64 total)
{
	team->rows_done = done;
	team->rows_block = per_block;
	team->rows_total = total;
}

void
rs_team_end(RsTeam *team)
{
	if (team->pcxt != NULL)
	{
		team->state->job = NO_MORE_JOBS;
		BarrierArriveAndWait(&team->state->barrier, PG_WAIT_EXTENSION);
		BarrierDetach(&team->state->barrier);
		WaitForParallelWorkersToFinish(team->pcxt);
		DestroyParallelContext(team->pcxt);
		ExitParallelMode();
	}
	pfree(team);
}

/* A worker's life: wait, work, wait. */
void
rs_train_worker(dsm_segment *seg, shm_toc *toc)
{
	TeamState  *state = shm_toc_lookup(toc, TEAM_KEY, false);
	int			phase;

	if (strcmp(state->build, RS_BUILD) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recsys_train was replaced while a training runs"),
				 errhint("Start it again.")));
	phase = BarrierAttach(&state->barrier);
	for (;;)
	{
		if (phase % 2 == 0)
		{
			BarrierArriveAndWait(&state->barrier, PG_WAIT_EXTENSION);
			phase++;
		}
		if (state->job == NO_MORE_JOBS)
			break;
		do_blocks(state, jobs[state->job], NULL);
		unmap_unused();
		BarrierArriveAndWait(&state->barrier, PG_WAIT_EXTENSION);
		phase++;
	}
	BarrierDetach(&state->barrier);
}
