/* ---- lists for all users ---- */

CREATE FUNCTION recsys._lists_open(run_id int8, policy name, k int4, for_users text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_lists_open';
COMMENT ON FUNCTION recsys._lists_open(int8, name, int4, text) IS
'says what the stage recommend of a run is to list';

CREATE FUNCTION recsys.recommend_all(recommender name, k int4 DEFAULT 10, for_users text DEFAULT NULL,
	policy name DEFAULT NULL, workers int4 DEFAULT NULL, memory text DEFAULT NULL) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	run int8 := recsys._open_run(recommend_all.recommender, false);
BEGIN
	UPDATE recsys.training_run t SET stage = 'recommend' WHERE t.run_id = run;
	PERFORM recsys._train_open(run, recommend_all.recommender, NULL, NULL, false, '{10}', false, 1,
		recommend_all.workers, recommend_all.memory, false);
	PERFORM recsys._lists_open(run, recommend_all.policy, recommend_all.k, recommend_all.for_users);
	PERFORM recsys._run_stages(run, ARRAY['recommend']);
	RETURN (SELECT s.rows_out FROM recsys.training_stage s WHERE s.run_id = run AND s.stage = 'recommend');
END $$;
COMMENT ON FUNCTION recsys.recommend_all(name, int4, text, name, int4, text) IS
'writes what SHOP.recommend(user, k, policy) says now into SHOP.recommendation, for the users that a query of one column gives (run as the recommender''s owner) or, without one, for all users with an interaction; replaces their rows, or all rows, in the caller''s transaction; returns how many rows';
