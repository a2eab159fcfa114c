/*-------------------------------------------------------------------------
 *
 * lists.h
 *	  Lists for all users, from a stored model.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LISTS_H
#define RS_LISTS_H

#include "list.h"
#include "lister.h"

/* What recommend_all has been asked for. */
typedef struct RsListsWanted
{
	int			k;
	char	   *users;			/* query for their ids; NULL = all */
	bool		has_policy;
	NameData	policy;
} RsListsWanted;

/* A row of a list. */
typedef struct RsListedItem
{
	uint32		item;
	uint32		because;		/* or RS_NO_ID */
	float		score;
	RsSource	source;
} RsListedItem;

typedef struct RsListsArg
{
	RsPlan		plan;
	RsBatch		batch;
	RsShared	count;			/* int32 by target */
	RsShared	listed;			/* k by target */
} RsListsArg;

/* The stage at work. */
typedef struct RsLists
{
	RsRun	   *run;
	RsListsWanted *listing;
	RsModel    *m;
	RsRequest	request;		/* of whoever is listed for */
	bool		single;			/* for one after the other, by the code that serves */
	RsWriter   *writer;			/* the rows of such lists */
	MemoryContext context;		/* of the whole stage */
	MemoryContext batch_context;	/* ids of the batch's users */
	MemoryContext user_context; /* of one user */
	Datum	   *fresh;			/* items without interactions, in their order */
	int			nfresh;
	int64		eligible;		/* items that are not barred */
	char	  **label;			/* by item, where anything can be because of it */
	uint64		most_columns;	/* that a user may need */
	RsIdMap    *users;			/* of the batch; the one that is read comes last */
	RsLog		log;			/* of the user that is read */
	uint64		allocated;		/* rows that its log has room for */
	RsIdMap    *hidden;
	RsListsArg	arg;
	int64		nusers;
	int64		nrows;
	double		rank_seconds;	/* of them all, without reading and writing */
} RsLists;

/* batch.c: stage recommend; and what it has at hand for a user or a batch */
extern void rs_recommend_all(RsRun *run, RsStageResult *result);
extern void rs_lists_run(RsLists *l);

/* batch_rows.c: old rows go, new ones come */
extern void rs_lists_delete(RsLists *l, const Datum *users, uint32 n);
extern void rs_lists_write(RsLists *l);

extern RsWriter *rs_lists_writer(const RsLists *l);

/*
 * batch_single.c: whether lists are made one at a time, and if so what belongs
 * to it
 */
extern void rs_lists_open_single(RsLists *l);
extern void rs_lists_make_single(RsLists *l, Datum user, RsHistory *h);
extern void rs_lists_close_single(RsLists *l);

/* batch_users.c: reads all users, runs the batch whenever it is full */
extern void rs_lists_read(RsLists *l);

/* COLLATE of the source's user ids, or nothing */
extern const char *rs_user_collate(const RsRecommender *r);

/* batch_job.c */
extern const RsJob rs_job_lists;

/*
 * model.c: what a method needs of a model, and the policy that belongs to it,
 * in a context below the run's.
 */
extern RsParts *rs_model_parts(RsRun *run, MemoryContext context, RsModel *m,
							   RsMethod method, RsPolicy *policy);

#endif							/* RS_LISTS_H */
