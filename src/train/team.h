/*-------------------------------------------------------------------------
 *
 * team.h
 *	  The processes of a training, and the memory that they share.
 *
 * A team is the backend that trains and the parallel workers that help it.
 * Work is a job: a function called for each block of it, whatever process
 * comes first to a block.  A block's result must depend on nothing but the
 * job's argument and the block's number, so that it is the same for any
 * number of processes, and blocks must not write to the same place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_TEAM_H
#define RS_TEAM_H

#include "storage/dsm.h"

struct RsRun;
typedef struct RsTeam RsTeam;

/* memory that all processes of a team can reach */
typedef struct RsShared
{
	void	   *local;			/* address in the backend that trains */
	dsm_handle	handle;			/* how workers find it */
	bool		shared;			/* else only that backend has it */
} RsShared;

typedef struct RsJob
{
	const char *name;
	/* what a process needs for its blocks, in a context of the job; or NULL */
	void	   *(*begin) (const void *arg);
	void		(*block) (const void *arg, void *scratch, uint32 block);
} RsJob;

/*
 * Memory that lives as long as a context of the run's, charged to the run;
 * zeroed.
 */
extern RsShared rs_share(struct RsRun *run, MemoryContext context, Size bytes,
						 const char *what);

/* its address in this process, whichever of the team it is */
extern void *rs_shared(RsShared memory);

/*
 * Starts workers for work on so many pairs.  Until rs_team_end this backend
 * may not write to the database.
 */
extern RsTeam *rs_team_begin(struct RsRun *run, uint64 pairs);

/* Does all blocks of a job; arg is copied to the workers as it is. */
extern void rs_team_run(RsTeam *team, const RsJob *job, const void *arg,
						Size size, uint32 nblocks);
extern void rs_team_end(RsTeam *team);

/*
 * The blocks of the next job, in rows for the view of the progress: done rows
 * lie before them, each block has per_block, and there are total in all.
 */
extern void rs_team_progress(RsTeam *team, uint64 done, uint32 per_block,
							 uint64 total);

/* How many workers a run may have at most: asked for, or by the machine. */
extern int	rs_team_limit(int asked);

#endif							/* RS_TEAM_H */
