/* ---------------------------------------------------------------------------
 * Progress of the trainings that run now, for any session to watch.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._progress()
	RETURNS TABLE (pid int4, run_id int8, stage text, sweep int4, sweeps int4, rows_done int8, rows_total int8,
		share float8, seconds float8, seconds_left float8, schema oid)
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1 AS 'MODULE_PATHNAME', 'recsys_progress';
COMMENT ON FUNCTION recsys._progress() IS
'what the trainings of this database are at, of recommenders whose schema the caller may use; read from the server''s table of backends, so track_activities must be on';

CREATE VIEW recsys.progress WITH (security_invoker = true) AS
SELECT r.recommender, p.run_id, p.pid, p.stage, p.sweep, p.sweeps, p.rows_done, p.rows_total, p.share, p.seconds, p.seconds_left
FROM recsys._progress() p
JOIN pg_catalog.pg_namespace n ON n.oid = p.schema
JOIN recsys.recommender r ON r.recommender = n.nspname;
GRANT SELECT ON recsys.progress TO PUBLIC;
COMMENT ON VIEW recsys.progress IS
'runs at work now, one row each, as \watch would have it; a row is absent while its run executes ANALYZE, COPY or CREATE INDEX, which have views of their own, and gone with an error or the end';
COMMENT ON COLUMN recsys.progress.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.progress.run_id IS 'the run; its row in recsys.training_run may not be visible yet';
COMMENT ON COLUMN recsys.progress.pid IS 'process that runs it';
COMMENT ON COLUMN recsys.progress.stage IS 'load, split, train, evaluate, ranker, bots, train_all, train_before, write, publish or maintain; validation and trial while settings are searched; recommend while lists are written';
COMMENT ON COLUMN recsys.progress.sweep IS 'sweep of the factors being trained, from 1';
COMMENT ON COLUMN recsys.progress.sweeps IS 'how many there are to be';
COMMENT ON COLUMN recsys.progress.rows_done IS 'rows done of the stage or of its sweep: events loaded, users and items solved, users scored, rows written';
COMMENT ON COLUMN recsys.progress.rows_total IS 'how many there are; NULL where that is not known before the end';
COMMENT ON COLUMN recsys.progress.share IS 'share of the stage that is done; parts to be trained count alike';
COMMENT ON COLUMN recsys.progress.seconds IS 'since the stage began';
COMMENT ON COLUMN recsys.progress.seconds_left IS 'to the end of the stage, if it goes on as it did so far';
