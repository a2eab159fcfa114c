/* ---------------------------------------------------------------------------
 * Runs: one training per recommender at a time, stage by stage.
 *
 * The stages keep their data in this backend's memory from one to the next;
 * each runs the recommender's SQL as its owner.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._lock_run(recommender name, session boolean) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_lock_run';
COMMENT ON FUNCTION recsys._lock_run(name, boolean) IS
'takes the lock that lets one training of a recommender run, for the session or the transaction; 55006 when it is held';

CREATE FUNCTION recsys._unlock_run(recommender name) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_unlock_run';
COMMENT ON FUNCTION recsys._unlock_run(name) IS 'releases the session''s lock of a recommender';

CREATE PROCEDURE recsys._check_nonatomic(what text)
LANGUAGE c AS 'MODULE_PATHNAME', 'recsys_check_nonatomic';
COMMENT ON PROCEDURE recsys._check_nonatomic(text) IS
'raises 25001 where the caller cannot commit: inside a transaction block or a function';

CREATE FUNCTION recsys._open_run(recommender name, session boolean, resume int8 DEFAULT NULL) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int8;
BEGIN
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._lock_run(recommender, session);
	-- the lock is ours, so no other run can be alive
	UPDATE recsys.training_run t SET state = 'lost', finished_at = clock_timestamp(),
		message = 'the server or the session went away'
	WHERE t.recommender = _open_run.recommender AND t.state = 'running';
	IF resume IS NOT NULL THEN
		UPDATE recsys.training_run t SET state = 'running', stage = 'load', pid = pg_backend_pid(),
			backend_start = coalesce((SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a), now()),
			finished_at = NULL, sqlstate = NULL, message = NULL, detail = NULL, hint = NULL
		WHERE t.run_id = resume;
		RETURN resume;
	END IF;
	INSERT INTO recsys.training_run AS t (recommender, state, stage, pid, backend_start)
	SELECT recommender, 'running', 'load', pg_backend_pid(), coalesce(a.backend_start, now())
	FROM (SELECT) one LEFT JOIN pg_stat_get_activity(pg_backend_pid()) a ON true
	RETURNING t.run_id INTO id;
	RETURN id;
END $$;
COMMENT ON FUNCTION recsys._open_run(name, boolean, int8) IS
'takes the lock of a recommender, marks runs that died, and registers a new run, or one to resume; returns its run_id';

CREATE FUNCTION recsys._train_open(run_id int8, recommender name, policies name[], cutoff timestamptz,
	random_split boolean, ks int4[], per_user boolean, seed int8, workers int4, memory text, verbose boolean) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_train_open';
COMMENT ON FUNCTION recsys._train_open(int8, name, name[], timestamptz, boolean, int4[], boolean, int8, int4, text, boolean) IS
'prepares this backend for the stages of a run over policies (NULL: the live one), of which the last is the one to train for good';

CREATE FUNCTION recsys._train_stage(run_id int8, stage text, OUT rows_in int8, OUT rows_out int8, OUT bytes int8, OUT model_id int8)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_train_stage';
COMMENT ON FUNCTION recsys._train_stage(int8, text) IS
'runs one stage: load, split, train, evaluate, ranker, train_all, train_before (the cutoff), write or recommend; model_id once there is one';

CREATE FUNCTION recsys._train_show(run_id int8, stage text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_train_show';
COMMENT ON FUNCTION recsys._train_show(int8, text) IS 'shows a stage that is not run by _train_stage in recsys.progress';

CREATE FUNCTION recsys._train_policies(run_id int8, policies name[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_train_policies';
COMMENT ON FUNCTION recsys._train_policies(int8, name[]) IS 'the policies that the next stages of an open run are about';

CREATE FUNCTION recsys._train_close() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_train_close';
COMMENT ON FUNCTION recsys._train_close() IS 'frees what the stages hold in this backend';

CREATE FUNCTION recsys._delete_old_models(recommender name) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender;
	old int8[];
	t name;
BEGIN
	-- nobody may make live what is being deleted; where somebody switches just now it
	-- is left to the next time, for who switches may wait for what this transaction has locked
	SELECT d.* INTO r FROM recsys.recommender d WHERE d.recommender = _delete_old_models.recommender FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	SELECT array_agg(m.model_id) INTO old
	FROM (SELECT m.model_id, row_number() OVER (PARTITION BY m.policy ORDER BY m.model_id DESC) AS age
		FROM recsys.model m WHERE m.recommender = _delete_old_models.recommender AND m.status = 'ready') m
	WHERE m.age > (r.settings ->> 'keep_models')::int AND m.model_id IS DISTINCT FROM r.live_model_id
	-- models held back must not push out the one to go back to
	AND ((r.settings ->> 'keep_models')::int = 1 OR m.model_id IS DISTINCT FROM recsys._before(recommender));
	FOREACH t IN ARRAY ARRAY['popularity', 'item_neighbor', 'item_factor', 'user_factor', 'item_attribute'] LOOP
		IF old IS NOT NULL THEN
			PERFORM recsys._execute_as_owner(recommender, format('DELETE FROM %I.%I WHERE model_id = ANY (%L::int8[])', recommender, t, old));
		END IF;
		PERFORM recsys._execute_as_owner(recommender, format('ANALYZE %I.%I', recommender, t));
	END LOOP;
	UPDATE recsys.model m SET status = 'deleted' WHERE m.model_id = ANY (old);
	DELETE FROM recsys.model_gram g WHERE g.model_id = ANY (old);
	DELETE FROM recsys.ranker_weight w WHERE w.model_id = ANY (old);
	-- of earlier ones too: an old snapshot may have read one after it was deleted
	PERFORM recsys._forget_images(recommender, ARRAY(SELECT m.model_id FROM recsys.model m
		WHERE m.recommender = _delete_old_models.recommender AND m.status = 'deleted'));
	RETURN coalesce(cardinality(old), 0);
END $$;
COMMENT ON FUNCTION recsys._delete_old_models(name) IS
'deletes the parts of all but the newest keep_models models of each policy, never the live one or (if more than one is kept) the one that a rollback would go to, and analyzes the tables; nothing while another session switches models or changes policies; returns how many';

CREATE FUNCTION recsys._delete_old_runs(recommender name, days float8) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	old int8[];
BEGIN
	SELECT array_agg(t.run_id) INTO old FROM recsys.training_run t
	WHERE t.recommender = recommender AND t.state <> 'running' AND t.started_at < now() - days * interval '1 day'
	AND NOT EXISTS (SELECT FROM recsys.model m WHERE m.model_id = t.model_id AND m.status = 'ready')
	-- the leaderboard's, and what the next model is measured by
	AND t.run_id NOT IN (SELECT max(e.run_id) FROM recsys.evaluation e WHERE e.recommender = recommender AND e.metric = 'ndcg' AND e.k = 10 HAVING count(*) > 0
		UNION ALL
		SELECT x.run_id FROM (SELECT l.run_id, row_number() OVER (PARTITION BY p.policy ORDER BY l.run_id DESC) AS age
			FROM (SELECT DISTINCT q.policy FROM recsys.policy q WHERE q.recommender = recommender AND q.retired_at IS NULL) p, recsys._lifts(recommender, p.policy) l
			WHERE EXISTS (SELECT FROM recsys.promotion s WHERE (s.recommender, s.to_model_id) = (recommender, l.model_id))) x
		WHERE x.age <= 3);
	IF old IS NOT NULL THEN
		PERFORM recsys._execute_as_owner(recommender, format('DELETE FROM %I.user_evaluation WHERE run_id = ANY (%L::int8[])', recommender, old));
		DELETE FROM recsys.training_run t WHERE t.run_id = ANY (old);
	END IF;
	RETURN coalesce(cardinality(old), 0);
END $$;
COMMENT ON FUNCTION recsys._delete_old_runs(name, float8) IS
'deletes runs that began so many days ago, with their stages, evaluations and trials; not those of models that are kept, the one on the leaderboard, and the last three of each policy that went live; returns how many';

CREATE FUNCTION recsys._run_stages(run_id int8, stages text[]) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	stage text;
	made record;
	started timestamptz;
	model int8;
BEGIN
	FOREACH stage IN ARRAY stages LOOP
		started := clock_timestamp();
		SELECT * INTO made FROM recsys._train_stage(run_id, stage);
		INSERT INTO recsys.training_stage VALUES (run_id, stage, started,
			extract(epoch FROM clock_timestamp() - started), made.rows_in, made.rows_out, made.bytes);
		model := coalesce(made.model_id, model);
	END LOOP;
	PERFORM recsys._train_close();
	UPDATE recsys.training_run t SET state = 'succeeded', stage = _run_stages.stages[cardinality(stages)],
		finished_at = clock_timestamp(), model_id = model
	WHERE t.run_id = _run_stages.run_id;
	RETURN model;
END $$;
COMMENT ON FUNCTION recsys._run_stages(int8, text[]) IS
'runs stages within the caller''s transaction; returns the model_id, if one was made';

CREATE FUNCTION recsys._learns_ranker(recommender name, policy name) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM recsys.recommender r JOIN recsys.policy p
		ON (p.recommender, p.policy) = (r.recommender, coalesce($2, r.live_policy)) AND p.retired_at IS NULL
		WHERE r.recommender = $1 AND p.method = 'funnel' AND coalesce(p.settings ->> 'ranker', 'none') <> 'none');
END;
COMMENT ON FUNCTION recsys._learns_ranker(name, name) IS 'whether a policy (NULL: the live one) has a ranker to be learned';

CREATE FUNCTION recsys.train(recommender name, policy name DEFAULT NULL, cutoff timestamptz DEFAULT NULL,
	seed int8 DEFAULT 1, memory text DEFAULT NULL) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	run int8 := recsys._open_run(train.recommender, false);
BEGIN
	PERFORM recsys._train_open(run, train.recommender, nullif(ARRAY[train.policy], ARRAY[NULL::name]), train.cutoff, false, '{10}', false, train.seed, NULL, train.memory, false);
	RETURN recsys._run_stages(run, ARRAY['load'] || CASE WHEN recsys._learns_ranker(train.recommender, train.policy) THEN ARRAY['ranker'] ELSE '{}' END
		|| ARRAY[CASE WHEN train.cutoff IS NULL THEN 'train_all' ELSE 'train_before' END, 'write']);
END $$;
COMMENT ON FUNCTION recsys.train(name, name, timestamptz, int8, text) IS
'trains one policy (NULL: the live one) on all interactions, or on those before the cutoff, and stores the model without publishing it; returns model_id';
