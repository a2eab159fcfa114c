/*-------------------------------------------------------------------------
 *
 * log.h
 *	  Requests and what was shown for them, written by serve and read by replay.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_LOG_H
#define RS_LOG_H

#include "utils/uuid.h"

#include "list.h"

/* ---- request_id.c: UUIDs of version 7 ---- */

/* of a request at this instant */
extern void rs_request_id(TimestampTz requested_at, pg_uuid_t *id);

/* requested_at lies in [*from, *until) */
extern void rs_request_id_span(const pg_uuid_t *id, TimestampTz *from, TimestampTz *until);

/* seed of the generator that explores */
extern uint64 rs_request_id_seed(const pg_uuid_t *id);

/* ---- log.c ---- */

/* What a request's row has besides its RsRequest. */
typedef struct RsAsked
{
	pg_uuid_t	id;
	char	   *unit;
	bool		has_user;
	Datum		user;
	bool		session;		/* the list is made from for_items */
	char	   *placement;
	Jsonb	   *filter;			/* NULL = none */
	int64		experiment_id;	/* of the variant */
	char	   *variant;		/* NULL = in no experiment */
	double		milliseconds;
} RsAsked;

/* 25006 where nothing can be written, 42501 where the caller may not */
extern void rs_log_check(const RsRecommender *r);

/*
 * The largest evidence of the neighbours and of the factors over what could be
 * shown, by which scores without a ranker are scaled; 0 where there is none.
 */
extern void rs_log_scales(const RsRequest *q, double *neighbor, double *factor);

/* writes a request and the n items shown, in the caller's transaction */
extern void rs_log_write(const RsRequest *q, const RsAsked *asked,
						 const RsListed *row, int n);

/*
 * writes a request whose list is the app's own: q has the recommender, the
 * instant and k, and there is no model
 */
extern void rs_log_write_external(const RsRequest *q, const RsAsked *asked);

/* A row of SHOP.exposure. */
typedef struct RsShown
{
	int			position;
	Datum		item;
	double		score;
	double		base_score;
	double		boost;
	double		freshness;
	char	   *source;
	double		propensity;
	int			nfeatures;
	float	   *features;
} RsShown;

/* A request as it was logged. */
typedef struct RsLogged
{
	TimestampTz requested_at;
	pg_uuid_t	id;
	bool		has_user;
	Datum		user;
	bool		session;
	int			k;
	Jsonb	   *filter;
	NameData	policy;
	int			policy_version;
	int64		model_id;
	int			feature_version;
	double		neighbor_scale;
	double		factor_scale;
	int			nitems;			/* of the history */
	Datum	   *item;
	float	   *weight;
	int64	   *time;
	int			nshown;
	RsShown    *shown;			/* by position */
} RsLogged;

/* 42704 where there is no such request; lives in the current context */
extern RsLogged *rs_log_read(const RsRecommender *r, const pg_uuid_t *id);

/*
 * Up to where the user's events were known to a request: its instant, or later
 * where the history has events of a clock that runs ahead.
 */
extern TimestampTz rs_logged_until(const RsLogged *l);

#endif							/* RS_LOG_H */
