/* ---------------------------------------------------------------------------
 * The whole loop.  A procedure that commits can have no SET clause, so the
 * search path is set anew after each commit.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._fail_run(run_id int8, code text, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE recsys.training_run t
	SET state = CASE WHEN code IN ('57014', '57P01') THEN 'cancelled' ELSE 'failed' END, finished_at = clock_timestamp(),
		sqlstate = code, message = _fail_run.message, detail = nullif(_fail_run.detail, ''), hint = nullif(_fail_run.hint, '')
	WHERE t.run_id = _fail_run.run_id;
END $$;
COMMENT ON FUNCTION recsys._fail_run(int8, text, text, text, text) IS 'writes down why a run failed';

CREATE FUNCTION recsys._raise(code text, message text, detail text, hint text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_raise';
COMMENT ON FUNCTION recsys._raise(text, text, text, text) IS 'raises an error that has been written down; empty detail and hint are left out';

CREATE FUNCTION recsys._log(message text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_log';
COMMENT ON FUNCTION recsys._log(text) IS 'writes one line of level LOG, without context and statement';

CREATE FUNCTION recsys._retrain_stage(run int8, recommender name, stage text, verbose boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	started timestamptz := clock_timestamp();
	made record;
	seconds float8;
BEGIN
	IF stage IN ('bots', 'publish', 'maintain') THEN
		PERFORM recsys._train_show(run, stage);
	END IF;
	IF stage = 'bots' THEN
		SELECT count(*) AS rows_in, count(*) AS rows_out, 0::int8 AS bytes, NULL::int8 AS model_id INTO made
		FROM recsys.detect_bots(recommender);
	ELSIF stage = 'publish' THEN
		PERFORM recsys._share_model(recommender, (SELECT t.model_id FROM recsys.training_run t WHERE t.run_id = run));
		SELECT 1::int8 AS rows_in, recsys._publish(run) AS rows_out, 0::int8 AS bytes, NULL::int8 AS model_id INTO made;
	ELSIF stage = 'maintain' THEN
		PERFORM recsys.maintain(recommender);
		SELECT 1::int8 AS rows_in, recsys._delete_old_models(recommender) AS rows_out, 0::int8 AS bytes, NULL::int8 AS model_id INTO made;
	ELSE
		SELECT * INTO made FROM recsys._train_stage(run, stage);
	END IF;
	seconds := extract(epoch FROM clock_timestamp() - started);
	-- a run that is resumed has been there before
	INSERT INTO recsys.training_stage AS s VALUES (run, stage, started, seconds, made.rows_in, made.rows_out, made.bytes)
	ON CONFLICT ON CONSTRAINT training_stage_pkey DO UPDATE
	SET (started_at, seconds, rows_in, rows_out, bytes) = (EXCLUDED.started_at, EXCLUDED.seconds, EXCLUDED.rows_in, EXCLUDED.rows_out, EXCLUDED.bytes);
	IF made.model_id IS NOT NULL THEN
		UPDATE recsys.training_run t SET model_id = made.model_id WHERE t.run_id = run;
	END IF;
	IF _retrain_stage.verbose THEN
		RAISE INFO '% of "%": % rows in, % out, % s', stage, recommender, made.rows_in, made.rows_out, round(seconds::numeric, 2);
	END IF;
END $$;
COMMENT ON FUNCTION recsys._retrain_stage(int8, name, text, boolean) IS 'runs one stage of retrain and records it';

CREATE FUNCTION recsys._retrain_summary(run int8, tried name) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT pg_catalog.format('retrain of "%s": policy %s, %s, %s events, %s pairs, %s s, %s', t.recommender,
		coalesce(tried, r.live_policy),
		CASE WHEN t.model_id IS NULL THEN 'no model' ELSE pg_catalog.format('model %s%s', t.model_id,
			CASE WHEN t.model_id = r.live_model_id THEN ' live' WHEN t.state = 'held_back' THEN ' held back' END) END,
		(SELECT s.rows_out FROM recsys.training_stage s WHERE s.run_id = t.run_id AND s.stage = 'load'),
		coalesce(m.interactions, 0),
		pg_catalog.round(EXTRACT(epoch FROM t.finished_at - t.started_at), 1),
		coalesce((SELECT l.verdict FROM recsys.leaderboard l
			WHERE l.recommender = t.recommender AND l.policy = coalesce(tried, r.live_policy)
			AND EXISTS (SELECT FROM recsys.evaluation e WHERE e.run_id = t.run_id)), 'not evaluated'))
	FROM recsys.training_run t
	JOIN recsys.recommender r ON r.recommender = t.recommender
	LEFT JOIN recsys.model m ON m.model_id = t.model_id
	WHERE t.run_id = run;
END;
COMMENT ON FUNCTION recsys._retrain_summary(int8, name) IS 'a finished retrain in one line, for the log of the server';

CREATE PROCEDURE recsys._retrain(recommender name, policy name, cutoff timestamptz, evaluate boolean, publish boolean,
	random_split boolean, seed int8, workers int4, memory text, verbose boolean, INOUT failure text[])
LANGUAGE plpgsql AS $$
DECLARE
	run int8;
	stages text[];
	next_stage text;
	code text;
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	run := recsys._open_run(recommender, true);
	PERFORM recsys._train_open(run, recommender, nullif(ARRAY[policy], ARRAY[NULL::name]), cutoff, random_split, '{5,10,20,50}', false, seed, workers, memory, _retrain.verbose);
	stages := CASE WHEN evaluate THEN ARRAY['load', 'split', 'train', 'evaluate'] ELSE ARRAY['load'] END
		|| CASE WHEN recsys._learns_ranker(recommender, policy) THEN ARRAY['ranker'] ELSE '{}' END
		|| ARRAY['bots', 'train_all', 'write']
		|| CASE WHEN publish THEN ARRAY['publish', 'maintain'] ELSE ARRAY['maintain'] END;
	COMMIT;
	FOREACH next_stage IN ARRAY stages LOOP
		-- the first transaction shows the stage, the second one is the stage
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		UPDATE recsys.training_run t SET stage = next_stage WHERE t.run_id = run;
		COMMIT;
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		BEGIN
			PERFORM recsys._retrain_stage(run, recommender, next_stage, _retrain.verbose);
		EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
				detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			failure := ARRAY[code, message, detail, hint];
		END;
		IF failure IS NOT NULL THEN
			PERFORM recsys._fail_run(run, code, message, detail, hint);
			EXIT;
		END IF;
		COMMIT;
	END LOOP;
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	IF failure IS NULL THEN
		-- a run that has not failed has a message only where its model is held back
		UPDATE recsys.training_run t SET state = CASE WHEN t.message IS NULL THEN 'succeeded' ELSE 'held_back' END, finished_at = clock_timestamp()
		WHERE t.run_id = run;
		PERFORM recsys._log(recsys._retrain_summary(run, policy));
	END IF;
	PERFORM recsys._train_close();
	PERFORM recsys._unlock_run(recommender);
	COMMIT;
END $$;
COMMENT ON PROCEDURE recsys._retrain(name, name, timestamptz, boolean, boolean, boolean, int8, int4, text, boolean, text[]) IS
'one run of retrain; failure is NULL, or has SQLSTATE, message, detail and hint of a run that failed and has been written down';

CREATE PROCEDURE recsys.retrain(recommender name, policy name DEFAULT NULL, cutoff timestamptz DEFAULT NULL,
	evaluate boolean DEFAULT true, publish boolean DEFAULT true, random_split boolean DEFAULT false,
	seed int8 DEFAULT 1, workers int4 DEFAULT NULL, memory text DEFAULT NULL, verbose boolean DEFAULT false)
LANGUAGE plpgsql AS $$
DECLARE
	next_policy name := policy;
	done name[] := ARRAY[]::name[];
	failure text[];
	first_failure text[];
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	CALL recsys._check_nonatomic('retrain');
	IF recommender IS NULL OR evaluate IS NULL OR publish IS NULL OR random_split IS NULL OR seed IS NULL OR retrain.verbose IS NULL THEN
		RAISE EXCEPTION '% must not be NULL', CASE WHEN recommender IS NULL THEN 'recommender' WHEN evaluate IS NULL THEN 'evaluate'
			WHEN publish IS NULL THEN 'publish' WHEN random_split IS NULL THEN 'random_split' WHEN seed IS NULL THEN 'seed' ELSE 'verbose' END
			USING ERRCODE = '22004';
	END IF;
	PERFORM recsys._check_owner(recommender);
	-- once more than each run takes it, so that nobody comes in between two of them
	PERFORM recsys._lock_run(recommender, true);
	LOOP
		IF policy IS NULL AND publish THEN
			-- asked anew each time, for hours may have gone by; the live one is the last, for the leaderboard shows the last run
			SELECT p.policy INTO next_policy FROM recsys._routine_policies(retrain.recommender) p (policy)
			JOIN recsys.recommender r ON r.recommender = retrain.recommender
			WHERE p.policy <> ALL (done) ORDER BY p.policy = r.live_policy, p.policy LIMIT 1;
			EXIT WHEN NOT FOUND;
			done := done || next_policy;
		END IF;
		failure := NULL;
		CALL recsys._retrain(recommender, next_policy, cutoff, evaluate, publish, random_split, seed, workers, memory, retrain.verbose, failure);
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		first_failure := coalesce(first_failure, failure);
		-- a run that fails does not keep the others from theirs, one that is cancelled does
		EXIT WHEN policy IS NOT NULL OR NOT publish OR failure[1] IN ('57014', '57P01');
	END LOOP;
	IF first_failure IS NOT NULL THEN
		-- the error lets go of the lock
		PERFORM recsys._raise(first_failure[1], first_failure[2], first_failure[3], first_failure[4]);
	END IF;
	PERFORM recsys._unlock_run(recommender);
	COMMIT;
END $$;
COMMENT ON PROCEDURE recsys.retrain(name, name, timestamptz, boolean, boolean, boolean, int8, int4, text, boolean) IS
'the whole loop in one call: load, split at the cutoff (NULL: the time below which 90 % of interactions lie, at midnight), train and evaluate policy (NULL: the live one, and before it those that running experiments test, each in a run of its own) beside popularity and its parts, learn its ranker, train on everything, store and publish, unless it is of another policy than the live one or worse than what is live (state held_back; see recsys.promote); commits stage by stage, so not inside a transaction block';
