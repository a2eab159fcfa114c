/* ---------------------------------------------------------------------------
 * Views for dashboards: of each history its latest rows.
 * --------------------------------------------------------------------------- */

CREATE VIEW recsys.evaluation_latest WITH (security_invoker = true) AS
SELECT e.*
FROM recsys.evaluation e
WHERE e.run_id = (SELECT max(l.run_id) FROM recsys.evaluation l WHERE l.recommender = e.recommender);
GRANT SELECT ON recsys.evaluation_latest TO PUBLIC;
COMMENT ON VIEW recsys.evaluation_latest IS 'rows of recsys.evaluation of each recommender''s latest evaluation';

CREATE VIEW recsys.training_run_latest WITH (security_invoker = true) AS
SELECT t.*, extract(epoch FROM coalesce(t.finished_at, now()) - t.started_at)::float8 AS seconds
FROM recsys.training_run t
WHERE t.run_id = (SELECT max(l.run_id) FROM recsys.training_run l WHERE l.recommender = t.recommender);
GRANT SELECT ON recsys.training_run_latest TO PUBLIC;
COMMENT ON VIEW recsys.training_run_latest IS 'row of recsys.training_run of each recommender''s latest run';

CREATE VIEW recsys.experiment_result_latest WITH (security_invoker = true) AS
SELECT x.experiment, x.state, x.verdict, x.reason, r.*
FROM recsys.experiment_result r
JOIN recsys.experiment x ON (x.experiment_id, x.recommender) = (r.experiment_id, r.recommender)
WHERE r.computed_at = (SELECT max(l.computed_at) FROM recsys.experiment_result l WHERE l.experiment_id = r.experiment_id);
GRANT SELECT ON recsys.experiment_result_latest TO PUBLIC;
COMMENT ON VIEW recsys.experiment_result_latest IS 'rows of recsys.experiment_result of each experiment''s latest report, with the experiment''s state and verdict';

-- the columns bear the comments of the tables that they come from
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT v.relname, a.attname, coalesce((
			SELECT pg_catalog.col_description(t.oid, b.attnum)
			FROM pg_catalog.pg_class t JOIN pg_catalog.pg_attribute b ON b.attrelid = t.oid
			WHERE t.relnamespace = v.relnamespace AND b.attname = a.attname
			AND t.relname IN (pg_catalog.replace(v.relname, '_latest', ''), CASE v.relname WHEN 'experiment_result_latest' THEN 'experiment' END)
			ORDER BY t.relname <> pg_catalog.replace(v.relname, '_latest', '') LIMIT 1), 'duration so far, or of the run') AS comment
		FROM pg_catalog.pg_class v JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0
		WHERE v.relnamespace = 'recsys'::regnamespace AND v.relname IN ('evaluation_latest', 'training_run_latest', 'experiment_result_latest') LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN recsys.%I.%I IS %L', c.relname, c.attname, c.comment);
	END LOOP;
END $$;
