/* ---------------------------------------------------------------------------
 * tune: searches a policy's settings on a validation slice before the cutoff.
 *
 * Successive halving (Jamieson, Talwalkar: "Non-stochastic best arm
 * identification and hyperparameter optimization", AISTATS 2016): many settings
 * are tried on a few sweeps and users, the better half goes on with twice as
 * many.  The parts of a funnel are searched one after the other, each measured
 * by itself, and then blends of the best of both.
 *
 * Which trial comes next is a function of the rows of the trials so far, so a
 * search goes on after whatever has stopped it.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._tune_split(run_id int8, OUT cutoff timestamptz, OUT validation_cutoff timestamptz, OUT data_checksum text,
	OUT pairs int8, OUT users int8, OUT mean_weight float8)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_tune_split';
COMMENT ON FUNCTION recsys._tune_split(int8) IS
'makes the validation slice of an open run: the last ninth of the interactions before the cutoff, by whole days';

CREATE FUNCTION recsys._tune_trial(run_id int8, method text, parameters text, sweeps int4, users int8, metric text, k int4,
	share_from float8, share_until float8, OUT value float8, OUT scored int8)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_tune_trial';
COMMENT ON FUNCTION recsys._tune_trial(int8, text, text, int4, int8, text, int4, float8, float8) IS
'trains the run''s policy, or a part of it as a method of its own, with other parameters before the validation slice, and measures it on about so many users';

CREATE FUNCTION recsys._three_digits(x float8) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN $1 = 0 THEN 0
		ELSE pg_catalog.trim_scale(pg_catalog.round($1::numeric, 2 - pg_catalog.floor(pg_catalog.log(pg_catalog.abs($1)))::int)) END;
END;
COMMENT ON FUNCTION recsys._three_digits(float8) IS 'a number rounded to three digits';

CREATE FUNCTION recsys._tune_ranges(method text, own jsonb, given jsonb, weight float8) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- weights of 100 want an alpha0 and a lambda of 100 times the size
	usual jsonb := jsonb_build_object('factors', '[16, 128]'::jsonb,
		'alpha0', jsonb_build_array(recsys._three_digits(0.003 * weight), recsys._three_digits(weight)),
		'lambda', jsonb_build_array(recsys._three_digits(0.001 * weight), recsys._three_digits(0.1 * weight)),
		'neighbors', '[50, 500]'::jsonb, 'activity', '[0, 1.5]'::jsonb, 'source_exponent', '[0.2, 0.8]'::jsonb,
		'target_exponent', '[0.2, 0.8]'::jsonb, 'shrinkage', '[0, 50]'::jsonb, 'blend', '[0, 0.8]'::jsonb,
		'rate', '[0.01, 0.2]'::jsonb, 'ridge', '[0.001, 0.1]'::jsonb);
	may jsonb;
	x record;
BEGIN
	SELECT coalesce(jsonb_object_agg(o.key, 1), '{}') INTO may FROM jsonb_each(own) o
	WHERE (jsonb_typeof(o.value) = 'number' OR o.key = 'alpha0') AND o.key NOT IN ('sweeps', 'rounds', 'early_stop', 'cg_steps', 'history_cap')
	-- trials are ranked by the blend
	AND o.key NOT IN ('ranker_lambda', 'main_categories', 'recency_half_life') AND o.key !~ '_candidates$';
	PERFORM recsys._check_keys(given, may, 'ranges');
	FOR x IN SELECT * FROM jsonb_each(given) LOOP
		IF jsonb_typeof(x.value) <> 'array' OR jsonb_array_length(x.value) <> 2
			OR jsonb_typeof(x.value -> 0) <> 'number' OR jsonb_typeof(x.value -> 1) <> 'number'
			OR (x.value ->> 0)::float8 > (x.value ->> 1)::float8 THEN
			RAISE EXCEPTION 'range of "%" is %, must be the lowest and the highest value', x.key, x.value
				USING ERRCODE = '22023', HINT = 'For example ''{"factors": [32, 64]}''.';
		END IF;
		PERFORM recsys._check_policy_settings(method, jsonb_build_object(x.key, x.value -> 0)),
			recsys._check_policy_settings(method, jsonb_build_object(x.key, x.value -> 1));
	END LOOP;
	RETURN (SELECT jsonb_object_agg(u.key, u.value) FROM jsonb_each(usual || given) u WHERE may ? u.key);
END $$;
COMMENT ON FUNCTION recsys._tune_ranges(text, jsonb, jsonb, float8) IS
'the ranges to search of a policy''s settings: those given, and for others of its numbers the usual ones; weight is the mean weight of an interaction';

CREATE FUNCTION recsys._tune_value(key text, low float8, high float8, seed int8, n int4) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- a step and a start for each setting of one part; both are the same wherever the search runs
	step float8 := sqrt(CASE key WHEN 'alpha0' THEN 2 WHEN 'lambda' THEN 3 WHEN 'factors' THEN 5 WHEN 'nu' THEN 7 WHEN 'initial_sd' THEN 11
		WHEN 'rate' THEN 13 WHEN 'ridge' THEN 17 WHEN 'exponent' THEN 19
		WHEN 'activity' THEN 2 WHEN 'source_exponent' THEN 3 WHEN 'target_exponent' THEN 5 WHEN 'shrinkage' THEN 7 WHEN 'neighbors' THEN 11
		WHEN 'alpha' THEN 13 WHEN 'beta' THEN 17 ELSE 19 END);
	start float8 := ('x' || encode(substr(sha256(convert_to(seed || ' ' || key, 'UTF8')), 1, 4), 'hex'))::bit(32)::int8 / 4294967296.0;
	u float8 := start + step * n - floor(start + step * n);
	x float8;
BEGIN
	x := CASE WHEN key IN ('factors', 'alpha0', 'lambda', 'neighbors', 'initial_sd', 'rate', 'ridge') AND low > 0 THEN low * (high / low) ^ u
		WHEN key = 'shrinkage' THEN low + (high - low) * u * u
		ELSE low + (high - low) * u END;
	IF key IN ('factors', 'neighbors') THEN
		RETURN round(x::numeric);
	END IF;
	RETURN greatest(low, least(high, recsys._three_digits(x)::float8))::numeric;
END $$;
COMMENT ON FUNCTION recsys._tune_value(text, float8, float8, int8, int4) IS
'the n-th value of a setting to try: Richtmyer''s sequence, which covers the ranges more evenly than independent draws, shifted by the seed; by the logarithm where sizes matter';

CREATE FUNCTION recsys._tune_part(part text, own jsonb, ranges jsonb, seed int8, n int4) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(pg_catalog.jsonb_object_agg(r.key, CASE WHEN $5 = 1 THEN $2 -> r.key
		ELSE pg_catalog.to_jsonb(recsys._tune_value(r.key, (r.value ->> 0)::float8, (r.value ->> 1)::float8, $4, $5)) END), '{}')
	FROM pg_catalog.jsonb_each($3) r
	WHERE recsys._default_policy_settings($1) ? r.key OR $1 = 'item_item' AND r.key IN ('alpha', 'beta');
END;
COMMENT ON FUNCTION recsys._tune_part(text, jsonb, jsonb, int8, int4) IS
'the n-th settings to try of one part, factors or item_item; the first are the policy''s own';

CREATE FUNCTION recsys._tune_blend(run recsys.tuning, own jsonb, n int4, blends int4) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- the policy as it is; the best parts, blended as in the policy; then blends from end to end of the range
	WITH best AS (
		SELECT DISTINCT ON (t.method) t.parameters FROM recsys.trial t
		WHERE t.run_id = ($1).run_id AND t.method IN ('factors', 'item_item') AND t.value IS NOT NULL
		ORDER BY t.method, t.rung DESC, t.value DESC, t.trial_id
	), parts AS (
		SELECT pg_catalog.jsonb_object_agg(p.key, p.value) AS parameters FROM best b, LATERAL pg_catalog.jsonb_each(b.parameters) p
	)
	SELECT CASE WHEN $3 = 1 THEN (SELECT pg_catalog.jsonb_object_agg(r.key, $2 -> r.key) FROM pg_catalog.jsonb_each(($1).ranges) r)
		ELSE coalesce(p.parameters, '{}') || pg_catalog.jsonb_build_object('blend', CASE WHEN $3 = 2 THEN $2 -> 'blend'
			ELSE pg_catalog.to_jsonb(recsys._three_digits(b.low + (b.high - b.low) * ($3 - 3) / greatest($4 - 3, 1))) END) END
	FROM parts p, (SELECT (($1).ranges -> 'blend' ->> 0)::float8 AS low, (($1).ranges -> 'blend' ->> 1)::float8 AS high) b;
END;
COMMENT ON FUNCTION recsys._tune_blend(recsys.tuning, jsonb, int4, int4) IS
'the n-th settings to try of a funnel, from the best trials of its parts';

CREATE FUNCTION recsys._tune_phases(method text, trials int4, users int8)
	RETURNS TABLE (phase int4, part text, before int4, tries int4, rungs int4, share_from float8, share float8)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 3
BEGIN ATOMIC
	-- neighbours and bpr are trained whole: only users can be saved on the way, where there are many
	SELECT v.phase, v.part, v.before, v.tries, v.rungs, v.share_from, v.share
	FROM (SELECT greatest(2, $2 / 6) AS blends, greatest(1, $2 / 4) AS neighbors, CASE WHEN $3 > 10000 THEN 2 ELSE 1 END AS user_rungs) n,
	LATERAL (VALUES
		('funnel', 1, 'factors', 0, $2 - n.neighbors - n.blends, 3, 0::float8, 0.6::float8),
		('funnel', 2, 'item_item', $2 - n.neighbors - n.blends, n.neighbors, n.user_rungs, 0.6, 0.25),
		('funnel', 3, 'funnel', $2 - n.blends, n.blends, 1, 0.85, 0.15),
		('factors', 1, 'factors', 0, $2, 3, 0, 1),
		('item_item', 1, 'item_item', 0, $2, n.user_rungs, 0, 1),
		('bpr', 1, 'bpr', 0, $2, n.user_rungs, 0, 1)
	) v (of_method, phase, part, before, tries, rungs, share_from, share)
	WHERE v.of_method = $1
	ORDER BY v.phase;
END;
COMMENT ON FUNCTION recsys._tune_phases(text, int4, int8) IS
'what is searched in turn, how many settings of it are tried in how many rungs, and its share of the time';

CREATE FUNCTION recsys._tune_next(run int8, seconds float8, OUT trial_id int4, OUT rung int4, OUT part text, OUT parameters jsonb,
	OUT sweeps int4, OUT users int8, OUT done int4, OUT steps int4)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	t recsys.tuning;
	p recsys.policy;
	f record;
	members int4[];
	seen float8;
	n int4;
BEGIN
	SELECT u.* INTO STRICT t FROM recsys.tuning u WHERE u.run_id = run;
	SELECT q.* INTO STRICT p FROM recsys.policy q WHERE (q.recommender, q.policy, q.version) = (t.recommender, t.policy, t.policy_version);
	SELECT count(*), coalesce(sum(x.seconds), 0) INTO done, seen FROM recsys.trial x WHERE x.run_id = run;
	SELECT sum(ceil(h.tries / 2.0 ^ r)) INTO steps FROM recsys._tune_phases(p.method, t.trials, t.users) h, generate_series(0, h.rungs - 1) r;
	FOR f IN SELECT * FROM recsys._tune_phases(p.method, t.trials, t.users) LOOP
		members := ARRAY(SELECT generate_series(f.before + 1, f.before + f.tries));
		FOR r IN 0 .. f.rungs - 1 LOOP
			FOREACH n IN ARRAY members LOOP
				CONTINUE WHEN EXISTS (SELECT FROM recsys.trial x WHERE (x.run_id, x.trial_id, x.rung) = (run, n, r));
				-- out of time: on to the next rung, with at least one trial done in this one
				EXIT WHEN seen >= seconds * (f.share_from + f.share * (r + 1) / f.rungs)
					AND EXISTS (SELECT FROM recsys.trial x WHERE x.run_id = run AND x.rung = r AND x.trial_id = ANY (members) AND x.value IS NOT NULL);
				trial_id := n;
				rung := r;
				part := f.part;
				sweeps := CASE WHEN f.part IN ('factors', 'funnel') THEN greatest((p.settings ->> 'sweeps')::int4 >> (f.rungs - 1 - r), 1) END;
				users := 20000 >> (f.rungs - 1 - r);
				parameters := CASE WHEN f.part = 'funnel' THEN recsys._tune_blend(t, p.settings, n - f.before, f.tries)
					ELSE recsys._tune_part(f.part, p.settings, t.ranges, t.seed, n - f.before) END;
				RETURN;
			END LOOP;
			members := ARRAY(SELECT x.trial_id FROM recsys.trial x
				WHERE x.run_id = run AND x.rung = r AND x.trial_id = ANY (members) AND x.value IS NOT NULL
				ORDER BY x.value DESC, x.trial_id LIMIT ceil(cardinality(members) / 2.0));
		END LOOP;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._tune_next(int8, float8) IS
'the trial that a search has to run next, by the trials that it has run; trial_id is NULL at its end';

CREATE FUNCTION recsys._tune_try(run int8, step record, verbose boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	t recsys.tuning;
	started timestamptz := clock_timestamp();
	made record;
BEGIN
	SELECT u.* INTO STRICT t FROM recsys.tuning u WHERE u.run_id = run;
	SELECT * INTO made FROM recsys._tune_trial(run, step.part, step.parameters::text, coalesce(step.sweeps, 0), step.users, t.metric, t.k,
		step.done::float8 / step.steps, least((step.done + 1)::float8 / step.steps, 1));
	INSERT INTO recsys.trial (run_id, trial_id, rung, recommender, policy, method, parameters, sweeps, users, metric, k, value, seconds, state)
	VALUES (run, step.trial_id, step.rung, t.recommender, t.policy, step.part, step.parameters, step.sweeps, made.scored, t.metric, t.k,
		made.value, extract(epoch FROM clock_timestamp() - started), 'succeeded');
	IF _tune_try.verbose THEN
		RAISE INFO 'trial % of "%", rung %: % % is %', step.trial_id, t.recommender, step.rung, step.part, step.parameters,
			coalesce(round(made.value::numeric, 4)::text, 'not measured');
	END IF;
END $$;
COMMENT ON FUNCTION recsys._tune_try(int8, record, boolean) IS 'runs one trial and writes it down';

CREATE FUNCTION recsys._tune_fail(run int8, step record) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO recsys.trial (run_id, trial_id, rung, recommender, policy, method, parameters, sweeps, users, metric, k, value, seconds, state)
	SELECT t.run_id, step.trial_id, step.rung, t.recommender, t.policy, step.part, step.parameters, step.sweeps, 0, t.metric, t.k, NULL, 0, 'failed'
	FROM recsys.tuning t
	WHERE t.run_id = run;
END $$;
COMMENT ON FUNCTION recsys._tune_fail(int8, record) IS 'writes down a trial whose settings have no solution';

CREATE FUNCTION recsys._tune_open(recommender name, policy name, store_as name, trials int4, metric text, k int4, seed int8, resume boolean,
	cutoff timestamptz, random_split boolean, ranges jsonb) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p recsys.policy;
	fewest int4;
	old int8;
	run int8;
BEGIN
	PERFORM recsys._check_owner(recommender);
	SELECT q.* INTO p FROM recsys.policy q WHERE (q.recommender, q.policy) = (recommender, policy) AND q.retired_at IS NULL;
	fewest := CASE p.method WHEN 'funnel' THEN 4 ELSE 1 END;
	IF p.policy IS NULL THEN
		RAISE EXCEPTION 'policy "%" of recommender "%" does not exist', policy, recommender
			USING ERRCODE = '42704', HINT = format('SELECT policy FROM recsys.policy WHERE recommender = %L lists them.', recommender);
	ELSIF p.method = 'popularity' THEN
		RAISE EXCEPTION 'policy "%" has no settings to tune', policy USING ERRCODE = '22023';
	ELSIF p.method = 'explicit' THEN
		RAISE EXCEPTION 'policy "%" has method explicit, which tune does not search', policy
			USING ERRCODE = '22023', HINT = 'tune compares lists. Compare the errors of policies with other settings by evaluate: metric rmse.';
	ELSIF trials NOT BETWEEN fewest AND 1000 THEN
		RAISE EXCEPTION 'trials is %, must be from % to 1000', trials, fewest USING ERRCODE = '22023';
	ELSIF metric NOT IN ('precision', 'recall', 'capped_recall', 'ndcg', 'map', 'mrr', 'hit_rate') THEN
		RAISE EXCEPTION 'unknown metric "%"', metric
			USING ERRCODE = '22023', HINT = 'Metrics are precision, recall, capped_recall, ndcg, map, mrr and hit_rate.';
	ELSIF store_as IN (policy, 'external', '') OR EXISTS (SELECT FROM recsys.policy q
		WHERE (q.recommender, q.policy) = (recommender, store_as) AND q.retired_at IS NULL AND q.method <> p.method) THEN
		RAISE EXCEPTION 'the best settings cannot be stored as policy "%"', store_as
			USING ERRCODE = '22023', HINT = format('Name a new policy, or one of method %s other than "%s", by store_as.', p.method, policy);
	END IF;
	PERFORM recsys._tune_ranges(p.method, p.settings, ranges, 1);
	IF resume THEN
		SELECT max(t.run_id) INTO old FROM recsys.tuning t JOIN recsys.training_run r USING (run_id)
		WHERE (t.recommender, t.policy, t.policy_version, t.store_as, t.metric, t.k, t.seed, t.split)
			= (recommender, policy, p.version, store_as, metric, k, seed, CASE WHEN random_split THEN 'random' ELSE 'time' END)
		AND r.state <> 'succeeded';
		IF old IS NULL THEN
			RAISE NOTICE 'there is no unfinished search of these arguments to resume: a new one begins';
		END IF;
	END IF;
	run := recsys._open_run(recommender, true, old);
	IF old IS NULL THEN
		INSERT INTO recsys.tuning (run_id, recommender, policy, policy_version, store_as, trials, metric, k, seed, split, cutoff, ranges)
		VALUES (run, recommender, policy, p.version, store_as, trials, metric, k, seed, CASE WHEN random_split THEN 'random' ELSE 'time' END, cutoff, ranges);
	END IF;
	RETURN run;
END $$;
COMMENT ON FUNCTION recsys._tune_open(name, name, name, int4, text, int4, int8, boolean, timestamptz, boolean, jsonb) IS
'checks the arguments of tune and registers its run, or finds the one to resume; returns run_id';

CREATE FUNCTION recsys._tune_ready(run int8, random_split boolean, workers int4, memory text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT recsys._train_open(t.run_id, t.recommender, ARRAY[t.policy], t.cutoff, $2, ARRAY[5, 10, 20, 50, t.k], false, t.seed, $3, $4, false)
	FROM recsys.tuning t WHERE t.run_id = $1;
END;
COMMENT ON FUNCTION recsys._tune_ready(int8, boolean, int4, text) IS 'prepares this backend for the stages of a search';

CREATE FUNCTION recsys._tune_begin(run int8) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	started timestamptz := clock_timestamp();
	t recsys.tuning;
	made record;
BEGIN
	SELECT u.* INTO STRICT t FROM recsys.tuning u WHERE u.run_id = run;
	SELECT * INTO made FROM recsys._tune_split(run);
	IF t.data_checksum <> made.data_checksum THEN
		RAISE EXCEPTION 'the interactions of recommender "%" before the cutoff are not those that the search began with', t.recommender
			USING ERRCODE = '55000', HINT = 'Begin a new search: resume => false.';
	ELSIF t.data_checksum IS NULL THEN
		UPDATE recsys.tuning u SET cutoff = made.cutoff, validation_cutoff = made.validation_cutoff, data_checksum = made.data_checksum,
			users = made.users, ranges = recsys._tune_ranges(p.method, p.settings, u.ranges, made.mean_weight)
		FROM recsys.policy p
		WHERE u.run_id = run AND (p.recommender, p.policy, p.version) = (t.recommender, t.policy, t.policy_version);
	END IF;
	INSERT INTO recsys.training_stage AS s VALUES (run, 'validation', started, extract(epoch FROM clock_timestamp() - started), made.pairs, made.users, 0)
	ON CONFLICT ON CONSTRAINT training_stage_pkey DO UPDATE SET (started_at, seconds) = (EXCLUDED.started_at, EXCLUDED.seconds);
END $$;
COMMENT ON FUNCTION recsys._tune_begin(int8) IS 'makes the validation slice and completes the row of the search';

CREATE FUNCTION recsys._tune_store(run int8) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	t recsys.tuning;
	p recsys.policy;
	best recsys.trial;
	full_settings jsonb;
	v int4;
BEGIN
	SELECT u.* INTO STRICT t FROM recsys.tuning u WHERE u.run_id = run;
	SELECT q.* INTO STRICT p FROM recsys.policy q WHERE (q.recommender, q.policy, q.version) = (t.recommender, t.policy, t.policy_version);
	INSERT INTO recsys.training_stage AS s
	SELECT run, 'trial', min(x.tried_at), sum(x.seconds), count(*), count(x.value), 0 FROM recsys.trial x WHERE x.run_id = run
	ON CONFLICT ON CONSTRAINT training_stage_pkey DO UPDATE
	SET (started_at, seconds, rows_in, rows_out) = (EXCLUDED.started_at, EXCLUDED.seconds, EXCLUDED.rows_in, EXCLUDED.rows_out);
	IF t.stored_version IS NOT NULL THEN
		RETURN;
	END IF;
	SELECT x.* INTO best FROM recsys.trial x WHERE x.run_id = run AND x.method = p.method AND x.value IS NOT NULL
	ORDER BY x.rung DESC, x.value DESC, x.trial_id LIMIT 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no trial could be measured' USING ERRCODE = '55000',
			HINT = 'The validation slice needs users known before it; a later cutoff may leave some.';
	END IF;
	full_settings := p.settings || best.parameters;
	IF EXISTS (SELECT FROM recsys.policy q WHERE (q.recommender, q.policy) = (t.recommender, t.store_as) AND q.retired_at IS NULL) THEN
		v := recsys.alter_policy(t.recommender, t.store_as, full_settings);
	ELSE
		v := recsys.create_policy(t.recommender, t.store_as, p.method, full_settings);
	END IF;
	UPDATE recsys.tuning u SET best_trial = best.trial_id, best_value = best.value, stored_version = v WHERE u.run_id = run;
END $$;
COMMENT ON FUNCTION recsys._tune_store(int8) IS 'stores the best settings as a policy, once';

CREATE FUNCTION recsys._tune_judge(run int8) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT recsys._train_policies(t.run_id, ARRAY[t.policy, t.store_as]) FROM recsys.tuning t WHERE t.run_id = $1;
END;
COMMENT ON FUNCTION recsys._tune_judge(int8) IS 'turns from the trials to the policies to be judged on the test slice';

CREATE FUNCTION recsys._tune_summary(run int8) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT pg_catalog.format('tune of "%s": policy %s stored as %s version %s, %s trials, %s@%s on validation %s, %s s, %s', t.recommender, t.policy, t.store_as,
		t.stored_version, (SELECT count(*) FROM recsys.trial x WHERE x.run_id = t.run_id), t.metric, t.k,
		pg_catalog.round(t.best_value::numeric, 4), pg_catalog.round(EXTRACT(epoch FROM r.finished_at - r.started_at), 1),
		coalesce((SELECT l.verdict FROM recsys.leaderboard l WHERE l.recommender = t.recommender AND l.policy = t.store_as), 'not evaluated'))
	FROM recsys.tuning t JOIN recsys.training_run r USING (run_id)
	WHERE t.run_id = $1;
END;
COMMENT ON FUNCTION recsys._tune_summary(int8) IS 'a finished search in one line, for the log of the server';

CREATE PROCEDURE recsys.tune(recommender name, policy name DEFAULT 'default', store_as name DEFAULT 'tuned', trials int4 DEFAULT 30,
	minutes float8 DEFAULT NULL, metric text DEFAULT 'ndcg', k int4 DEFAULT 10, seed int8 DEFAULT 1,
	resume boolean DEFAULT false, memory text DEFAULT NULL, cutoff timestamptz DEFAULT NULL, random_split boolean DEFAULT false,
	ranges jsonb DEFAULT '{}', workers int4 DEFAULT NULL, verbose boolean DEFAULT false)
LANGUAGE plpgsql AS $$
DECLARE
	run int8;
	stages constant text[] := ARRAY['load', 'validation', 'trial', 'split', 'train', 'evaluate'];
	next_stage text := stages[1];
	step record;
	trial int4;
	failed boolean := false;
	code text;
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	CALL recsys._check_nonatomic('tune');
	IF num_nulls(recommender, policy, store_as, trials, metric, k, seed, resume, random_split, ranges, tune.verbose) > 0 THEN
		RAISE EXCEPTION 'only minutes, memory, cutoff and workers may be NULL' USING ERRCODE = '22004';
	ELSIF minutes <= 0 THEN
		RAISE EXCEPTION 'minutes is %, must be positive', minutes USING ERRCODE = '22023';
	END IF;
	run := recsys._tune_open(recommender, policy, store_as, trials, metric, k, seed, resume, cutoff, random_split, ranges);
	PERFORM recsys._tune_ready(run, random_split, workers, memory);
	COMMIT;
	WHILE next_stage IS NOT NULL LOOP
		-- the first transaction shows the stage, the second one is the stage, or one trial of it
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		UPDATE recsys.training_run t SET stage = next_stage WHERE t.run_id = run AND t.stage <> next_stage;
		COMMIT;
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		BEGIN
			IF next_stage = 'validation' THEN
				PERFORM recsys._tune_begin(run);
			ELSIF next_stage = 'trial' THEN
				trial := NULL;
				SELECT * INTO step FROM recsys._tune_next(run, coalesce(minutes * 60, 'Infinity'));
				trial := step.trial_id;
				IF trial IS NOT NULL THEN
					PERFORM recsys._tune_try(run, step, tune.verbose);
				ELSE
					PERFORM recsys._tune_store(run), recsys._tune_judge(run);
				END IF;
			ELSE
				PERFORM recsys._retrain_stage(run, recommender, next_stage, tune.verbose);
			END IF;
		EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
				detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			failed := true;
		END;
		IF failed AND trial IS NOT NULL AND code = '22003' THEN
			-- settings without a solution: written down, and on without them, from where the data is read
			PERFORM recsys._tune_fail(run, step);
			PERFORM recsys._tune_ready(run, random_split, workers, memory);
			failed := false;
			trial := NULL;
			next_stage := stages[1];
			COMMIT;
			CONTINUE;
		ELSIF failed THEN
			PERFORM recsys._fail_run(run, code, message, detail, hint);
			PERFORM recsys._train_close();
			COMMIT;
			PERFORM recsys._raise(code, message, detail, hint);
		END IF;
		COMMIT;
		IF trial IS NULL THEN
			next_stage := stages[array_position(stages, next_stage) + 1];
		END IF;
	END LOOP;
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	UPDATE recsys.training_run t SET state = 'succeeded', finished_at = clock_timestamp() WHERE t.run_id = run;
	PERFORM recsys._log(recsys._tune_summary(run));
	PERFORM recsys._train_close();
	PERFORM recsys._unlock_run(recommender);
	COMMIT;
END $$;
COMMENT ON PROCEDURE recsys.tune(name, name, name, int4, float8, text, int4, int8, boolean, text, timestamptz, boolean, jsonb, int4, boolean) IS
'searches the settings of a policy on the interactions just before the cutoff, under a budget of trials or minutes, stores the best as policy store_as, and evaluates it once on what follows the cutoff, beside the policy and popularity; commits trial by trial, so not inside a transaction block; resume goes on with the last search of the same policy, store_as, metric, k and seed that did not finish, with the trials, cutoff and ranges that it began with';
