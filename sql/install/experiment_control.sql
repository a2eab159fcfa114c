/* ---------------------------------------------------------------------------
 * The life of an experiment: draft, running, stopped, decided.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._experiment(recommender name, experiment name) RETURNS recsys.experiment
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment;
BEGIN
	SELECT x.* INTO e FROM recsys.experiment x WHERE (x.recommender, x.experiment) = (recommender, experiment);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'experiment "%" of recommender "%" does not exist', experiment, recommender
			USING ERRCODE = '42704', HINT = 'SELECT experiment FROM recsys.experiment lists those that there are.';
	END IF;
	RETURN e;
END $$;
COMMENT ON FUNCTION recsys._experiment(name, name) IS 'an experiment''s row, or a clear error';

CREATE FUNCTION recsys._serialize_experiments(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	-- a new version of the row: a lock alone would let a repeatable read go on with what it saw before
	UPDATE recsys.recommender r SET changed_at = r.changed_at WHERE r.recommender = recommender;
END $$;
COMMENT ON FUNCTION recsys._serialize_experiments(name) IS
'one change of a recommender''s experiments and their policies at a time, until the transaction ends: ranges of traffic must not overlap, and arms are frozen';

CREATE FUNCTION recsys._lock_experiment(recommender name, experiment name, states text[], act text) RETURNS recsys.experiment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment;
BEGIN
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._serialize_experiments(recommender);
	e := recsys._experiment(recommender, experiment);
	IF e.state <> ALL (states) THEN
		RAISE EXCEPTION 'experiment "%" is %: it cannot be %', experiment, e.state, act USING ERRCODE = '55000',
			HINT = CASE e.state
				WHEN 'draft' THEN format('SELECT recsys.start_experiment(%L, %L) starts it.', recommender, experiment)
				WHEN 'running' THEN format('SELECT recsys.stop_experiment(%L, %L) stops it.', recommender, experiment)
				WHEN 'stopped' THEN format('SELECT recsys.decide_experiment(%L, %L) makes its verdict final; to go on, create another one.', recommender, experiment)
				ELSE 'Its verdict is final; to go on, create another one.' END;
	END IF;
	RETURN e;
END $$;
COMMENT ON FUNCTION recsys._lock_experiment(name, name, text[], text) IS
'an experiment''s row, locked until the transaction ends; 55000 unless it is in one of these states';

CREATE FUNCTION recsys._check_not_tested(recommender name, policy name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e name;
BEGIN
	PERFORM recsys._serialize_experiments(recommender);
	SELECT x.experiment INTO e FROM recsys.experiment x JOIN recsys.variant v ON v.experiment_id = x.experiment_id
	WHERE (x.recommender, x.state, v.policy) = (recommender, 'running', policy) ORDER BY x.experiment LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'policy "%" is an arm of running experiment "%"', policy, e USING ERRCODE = '55006',
			HINT = format('Arms are frozen: SELECT recsys.stop_experiment(%L, %L) first, or create another policy.', recommender, e);
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_not_tested(name, name) IS '55006 while a policy is an arm of a running experiment; none is started until the transaction ends';

CREATE FUNCTION recsys._routine_policies(recommender name) RETURNS SETOF name
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT r.live_policy FROM recsys.recommender r WHERE r.recommender = $1
	UNION
	-- an arm without models of its own is a part of the live model, and as fresh as that
	SELECT v.policy FROM recsys.experiment e
	JOIN recsys.variant v ON v.experiment_id = e.experiment_id
	JOIN recsys.policy p ON (p.recommender, p.policy) = (e.recommender, v.policy) AND p.retired_at IS NULL
	WHERE e.recommender = $1 AND e.state = 'running'
	AND EXISTS (SELECT FROM recsys.model m WHERE (m.recommender, m.policy, m.method, m.status) = ($1, p.policy, p.method, 'ready'));
END;
COMMENT ON FUNCTION recsys._routine_policies(name) IS
'the policies that a routine retrain is of: the live one, and those with models of their own that running experiments test';

/* ---- definition ---- */

CREATE FUNCTION recsys._default_experiment_settings() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '{"metrics": {}, "lower_is_better": [], "sessions": [], "margins": {}, "retention": [[1, 7], [8, 14]], "cuped": true, "pre_days": 28, "winsorize": null}'::pg_catalog.jsonb;
END;
COMMENT ON FUNCTION recsys._default_experiment_settings() IS
'settings of an experiment: own metrics (name to query), those of them of which less is better, those that count sessions too, the share of the control''s mean that a guardrail may be worse by, day windows of retention, whether and from how many days before the exposure metrics are adjusted, the quantile of the values above 0 that they are cut down to';

CREATE FUNCTION recsys._check_experiment_settings(settings jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	m record;
BEGIN
	PERFORM recsys._check_keys(settings, recsys._default_experiment_settings(), 'settings of an experiment');
	PERFORM recsys._check_number(settings, 'pre_days', 1, 3650, false);
	PERFORM recsys._check_number(settings, 'winsorize', 0.5, 1, false);
	IF jsonb_typeof(settings -> 'pre_days') = 'null' THEN
		RAISE EXCEPTION 'setting "pre_days" must not be null' USING ERRCODE = '22023',
			HINT = '{"cuped": false} leaves the time before the exposure out.';
	ELSIF jsonb_typeof(settings -> 'cuped') <> 'boolean' THEN
		RAISE EXCEPTION 'setting "cuped" is %, must be true or false', settings -> 'cuped' USING ERRCODE = '22023';
	END IF;
	IF jsonb_typeof(settings -> 'retention') <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(settings -> 'retention') w
		WHERE w::text !~ '^\[\d{1,3}, \d{1,3}\]$' OR (w ->> 0)::int > (w ->> 1)::int) THEN
		RAISE EXCEPTION 'setting "retention" is %, must be an array of [first day, last day]', settings -> 'retention'
			USING ERRCODE = '22023', HINT = 'For example [[1, 7], [8, 14]]: days are counted from the first exposure.';
	ELSIF (SELECT count(*) <> count(DISTINCT w) FROM jsonb_array_elements(settings -> 'retention') w) THEN
		RAISE EXCEPTION 'setting "retention" is %, has a window twice', settings -> 'retention' USING ERRCODE = '22023';
	END IF;
	IF jsonb_typeof(settings -> 'metrics') <> 'object' THEN
		RAISE EXCEPTION 'setting "metrics" is %, must be an object of queries by name', settings -> 'metrics' USING ERRCODE = '22023';
	END IF;
	FOR m IN SELECT * FROM jsonb_each(settings -> 'metrics') ORDER BY 1 LOOP
		IF m.key !~ '^[a-z_][a-z0-9_]*$' OR length(m.key) > 59 OR m.key ~ '^retention_'
			OR m.key IN ('conversion', 'items', 'revenue', 'click_through', 'coverage', 'novelty', 'latency', 'fallback_share') THEN
			RAISE EXCEPTION 'metric name "%" is not allowed', m.key
				USING ERRCODE = '22023', HINT = 'Names are made of at most 59 of a-z, 0-9 and _, do not begin with a digit, and are not those of built-in metrics.';
		ELSIF jsonb_typeof(m.value) <> 'string' THEN
			RAISE EXCEPTION 'metric "%" is %, must be a query in a string', m.key, m.value USING ERRCODE = '22023';
		END IF;
	END LOOP;
	FOR m IN SELECT * FROM unnest('{lower_is_better,sessions}'::text[]) l (key) LOOP
		IF jsonb_typeof(settings -> m.key) <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements_text(settings -> m.key) l WHERE NOT settings -> 'metrics' ? l) THEN
			RAISE EXCEPTION 'setting "%" is %, must be an array of names of "metrics"', m.key, settings -> m.key USING ERRCODE = '22023';
		END IF;
	END LOOP;
	IF jsonb_typeof(settings -> 'margins') <> 'object' THEN
		RAISE EXCEPTION 'setting "margins" is %, must be an object of numbers by guardrail', settings -> 'margins' USING ERRCODE = '22023';
	END IF;
	FOR m IN SELECT * FROM jsonb_object_keys(settings -> 'margins') k (key) ORDER BY 1 LOOP
		PERFORM recsys._check_number(settings -> 'margins', m.key, 1e-6, 1, false);
		IF jsonb_typeof(settings -> 'margins' -> m.key) = 'null' THEN
			RAISE EXCEPTION 'the margin of "%" must not be null', m.key USING ERRCODE = '22023', HINT = 'A guardrail without a margin must not be surely worse.';
		END IF;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._check_experiment_settings(jsonb) IS 'raises 22023 for settings of an experiment that cannot be';

CREATE FUNCTION recsys._check_experiment(recommender name, e recsys.experiment) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m text;
	known text[];
	timeless boolean := (recsys._recommender(recommender)).settings ->> 'time_column' IS NULL;
BEGIN
	IF e.traffic IS NULL OR e.traffic NOT BETWEEN 1e-6 AND 1 THEN
		RAISE EXCEPTION 'traffic is %, must be from 0.000001 to 1', e.traffic USING ERRCODE = '22023';
	ELSIF e.alpha IS NULL OR e.alpha NOT BETWEEN 1e-6 AND 0.5 THEN
		RAISE EXCEPTION 'alpha is %, must be from 0.000001 to 0.5', e.alpha USING ERRCODE = '22023',
			HINT = 'It is 1 less the confidence: 0.05 for 95 %.';
	ELSIF e.minimum_effect NOT BETWEEN 1e-6 AND 100 THEN
		RAISE EXCEPTION 'minimum_effect is %, must be from 0.000001 to 100', e.minimum_effect USING ERRCODE = '22023',
			HINT = 'It is a relative lift: 0.02 for 2 %.';
	ELSIF e.minimum_days IS NULL OR e.minimum_days NOT BETWEEN 0 AND 365 THEN
		RAISE EXCEPTION 'minimum_days is %, must be from 0 to 365', e.minimum_days USING ERRCODE = '22023';
	ELSIF e.attribution_seconds IS NULL OR e.attribution_seconds NOT BETWEEN 1 AND 86400.0 * 365 THEN
		RAISE EXCEPTION 'attribution is % seconds, must be from a second to 365 days', e.attribution_seconds USING ERRCODE = '22023';
	END IF;
	PERFORM recsys._check_experiment_settings(e.settings);
	SELECT array_agg(k.metric) INTO known FROM recsys._experiment_metrics(e) k;
	FOREACH m IN ARRAY ARRAY[e.primary_metric] || e.guardrails LOOP
		IF m IS NULL OR m <> ALL (known) THEN
			RAISE EXCEPTION 'unknown metric "%"', m USING ERRCODE = '22023',
				HINT = 'Metrics are ' || array_to_string(known, ', ') || '; the settings metrics and retention add more.';
		ELSIF m IN ('coverage', 'novelty') AND m = e.primary_metric OR m = 'coverage' THEN
			RAISE EXCEPTION 'metric "%" cannot be % %', m, CASE WHEN m = e.primary_metric THEN 'the primary' ELSE 'a guardrail' END, 'metric'
				USING ERRCODE = '22023', HINT = 'It says what lists are like, not how people take them.';
		END IF;
	END LOOP;
	SELECT min(k) INTO m FROM jsonb_object_keys(e.settings -> 'margins') k WHERE k <> ALL (e.guardrails);
	IF m IS NOT NULL THEN
		RAISE EXCEPTION 'a margin is given for "%", which is no guardrail', m USING ERRCODE = '22023',
			HINT = format('guardrails => ''{%s}'' makes it one.', array_to_string(e.guardrails || m, ','));
	END IF;
	IF timeless THEN
		RAISE EXCEPTION 'recommender "%" has no time_column: what came after an exposure cannot be told', recommender
			USING ERRCODE = '55000', HINT = format('SELECT recsys.alter_recommender(%L, time_column => ...) names one.', recommender);
	END IF;
	FOR m IN SELECT jsonb_object_keys(e.settings -> 'metrics') ORDER BY 1 LOOP
		PERFORM recsys._check_metric_query(recommender, m, e.settings -> 'metrics' ->> m);
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._check_experiment(name, recsys.experiment) IS 'raises a clear error for an experiment that cannot be';

CREATE FUNCTION recsys._add_variants(recommender name, id int8, variants jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	v jsonb;
	p int4;
BEGIN
	IF jsonb_typeof(variants) IS DISTINCT FROM 'array' OR jsonb_array_length(variants) NOT BETWEEN 2 AND 20 THEN
		RAISE EXCEPTION 'variants must be an array of 2 to 20 arms' USING ERRCODE = '22023',
			HINT = 'For example [{"variant": "control", "policy": "popularity", "control": true}, {"variant": "treatment", "policy": "default"}].';
	END IF;
	FOR v IN SELECT * FROM jsonb_array_elements(variants) LOOP
		PERFORM recsys._check_keys(v, '{"variant": 1, "policy": 1, "weight": 1, "control": 1}', 'an arm');
		PERFORM recsys._check_number(v, 'weight', 1e-6, 1e6, false);
		IF coalesce(jsonb_typeof(v -> 'variant'), '') <> 'string' OR coalesce(jsonb_typeof(v -> 'policy'), '') <> 'string'
			OR v ->> 'variant' = '' OR jsonb_typeof(v -> 'control') <> 'boolean' THEN
			RAISE EXCEPTION 'arm % must have names of variant and policy, and control true or false', v USING ERRCODE = '22023';
		END IF;
		SELECT x.version INTO p FROM recsys.policy x
		WHERE (x.recommender, x.policy) = (recommender, (v ->> 'policy')::name) AND x.retired_at IS NULL;
		IF NOT FOUND AND v ->> 'policy' <> 'external' THEN
			RAISE EXCEPTION 'policy "%" of recommender "%" does not exist', v ->> 'policy', recommender USING ERRCODE = '42704';
		END IF;
		IF EXISTS (SELECT FROM recsys.variant x WHERE (x.experiment_id, x.variant) = (id, v ->> 'variant')) THEN
			RAISE EXCEPTION 'variant "%" is named twice', v ->> 'variant' USING ERRCODE = '22023';
		END IF;
		IF coalesce((v -> 'control')::boolean, false) AND EXISTS (SELECT FROM recsys.variant x WHERE x.experiment_id = id AND x.control) THEN
			RAISE EXCEPTION 'more than one arm is the control' USING ERRCODE = '22023';
		END IF;
		INSERT INTO recsys.variant VALUES (id, v ->> 'variant', recommender, v ->> 'policy', coalesce(p, 0),
			coalesce((v ->> 'weight')::float8, 1), coalesce((v -> 'control')::boolean, false));
	END LOOP;
	IF NOT EXISTS (SELECT FROM recsys.variant x WHERE x.experiment_id = id AND x.control) THEN
		RAISE EXCEPTION 'no arm is the control' USING ERRCODE = '22023', HINT = 'Give one of them "control": true.';
	END IF;
END $$;
COMMENT ON FUNCTION recsys._add_variants(name, int8, jsonb) IS 'stores the arms of an experiment; raises 22023 for what cannot be';

CREATE FUNCTION recsys.create_experiment(recommender name, experiment name, variants jsonb, traffic float8 DEFAULT 0.1,
	primary_metric text DEFAULT 'conversion', guardrails text[] DEFAULT '{}', attribution interval DEFAULT '7 days',
	alpha float8 DEFAULT 0.05, minimum_effect float8 DEFAULT NULL, minimum_days int DEFAULT 14,
	settings jsonb DEFAULT '{}') RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment;
	m text;
BEGIN
	PERFORM recsys._check_owner(recommender);
	IF experiment IS NULL OR experiment = '' THEN
		RAISE EXCEPTION 'the name of an experiment must not be NULL or empty' USING ERRCODE = '22023';
	END IF;
	IF EXISTS (SELECT FROM recsys.experiment x WHERE (x.recommender, x.experiment) = (recommender, experiment)) THEN
		RAISE EXCEPTION 'experiment "%" already exists', experiment
			USING ERRCODE = '42710', HINT = 'Experiments are history: choose another name, or drop_experiment while it is a draft.';
	END IF;
	PERFORM recsys._check_keys(coalesce(settings, '{}'), recsys._default_experiment_settings(), 'settings of an experiment');
	e.traffic := traffic;
	e.primary_metric := primary_metric;
	e.guardrails := coalesce(guardrails, '{}');
	e.attribution_seconds := extract(epoch FROM attribution);
	e.alpha := alpha;
	e.minimum_effect := minimum_effect;
	e.minimum_days := minimum_days;
	e.settings := recsys._default_experiment_settings() || coalesce(settings, '{}');
	PERFORM recsys._check_experiment(recommender, e);
	INSERT INTO recsys.experiment (recommender, experiment, state, salt, traffic, primary_metric, guardrails,
		attribution_seconds, alpha, minimum_effect, minimum_days, settings)
	VALUES (recommender, experiment, 'draft', '', e.traffic, e.primary_metric, e.guardrails,
		e.attribution_seconds, e.alpha, e.minimum_effect, e.minimum_days, e.settings)
	RETURNING experiment_id INTO e.experiment_id;
	-- unlike that of any other experiment, so that arms of two of them are independent
	UPDATE recsys.experiment x SET salt = format('%s/%s/%s', recommender, experiment, x.experiment_id) WHERE x.experiment_id = e.experiment_id;
	PERFORM recsys._add_variants(recommender, e.experiment_id, variants);
	IF EXISTS (SELECT FROM recsys.variant x WHERE (x.experiment_id, x.policy) = (e.experiment_id, 'external')) THEN
		FOREACH m IN ARRAY ARRAY[e.primary_metric] || e.guardrails LOOP
			IF m IN ('latency', 'fallback_share') THEN
				RAISE EXCEPTION 'metric "%" cannot decide about an arm whose policy is external', m USING ERRCODE = '22023',
					HINT = 'Its lists are made by the app: what they cost and where they are from is not known.';
			END IF;
		END LOOP;
	END IF;
	RETURN e.experiment_id;
END $$;
COMMENT ON FUNCTION recsys.create_experiment(name, name, jsonb, float8, text, text[], interval, float8, float8, int, jsonb) IS
'drafts an A/B test between policies and returns its id; variants: [{"variant": "control", "policy": "popularity", "weight": 1, "control": true}, ...], policy external is the list that the app makes by itself; traffic: share of units; attribution: so long after the first exposure what a unit does counts; minimum_effect: smallest relative lift that matters; settings: metrics of one''s own, margins of guardrails, retention, cuped, winsorize';

CREATE FUNCTION recsys.drop_experiment(recommender name, experiment name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	e recsys.experiment := recsys._lock_experiment(recommender, experiment, '{draft}', 'dropped');
BEGIN
	DELETE FROM recsys.experiment x WHERE x.experiment_id = e.experiment_id;
END $$;
COMMENT ON FUNCTION recsys.drop_experiment(name, name) IS 'forgets an experiment that has not been started';

/* ---- transitions ---- */

CREATE FUNCTION recsys._free_traffic(recommender name, id int8, share float8) RETURNS float8
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- the lowest of 0 and the ends of the running experiments from which the share is free
	WITH taken AS (
		SELECT x.traffic_from AS low, x.traffic_from + x.traffic AS high FROM recsys.experiment x
		WHERE x.recommender = $1 AND x.state = 'running' AND x.experiment_id <> $2
	)
	SELECT min(s.low) FROM (SELECT 0::float8 AS low UNION ALL SELECT t.high FROM taken t) s
	WHERE s.low + $3 <= 1 + 1e-9
	AND NOT EXISTS (SELECT FROM taken t WHERE t.low < s.low + $3 - 1e-9 AND t.high > s.low + 1e-9);
END;
COMMENT ON FUNCTION recsys._free_traffic(name, int8, float8) IS
'where the lowest free range of traffic of this length begins, other running experiments aside; NULL where there is none';

CREATE FUNCTION recsys._no_traffic(recommender name, share float8) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	RAISE EXCEPTION 'no range of % of the traffic is free', share USING ERRCODE = '55000',
		DETAIL = 'Running are ' || (SELECT string_agg(format('%s [%s, %s)', x.experiment, x.traffic_from, x.traffic_from + x.traffic), ', ' ORDER BY x.traffic_from)
			FROM recsys.experiment x WHERE (x.recommender, x.state) = (recommender, 'running')) || '.',
		HINT = 'Running experiments do not overlap: take less traffic, or stop one.';
END $$;
COMMENT ON FUNCTION recsys._no_traffic(name, float8) IS 'says that running experiments leave no room';

CREATE FUNCTION recsys.start_experiment(recommender name, experiment name) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment := recsys._lock_experiment(recommender, experiment, '{draft}', 'started');
	v recsys.variant;
	low float8;
	planned int8;
BEGIN
	FOR v IN SELECT x.* FROM recsys.variant x WHERE x.experiment_id = e.experiment_id AND x.policy <> 'external' ORDER BY x.variant COLLATE "C" LOOP
		UPDATE recsys.variant x SET policy_version = p.version FROM recsys.policy p
		WHERE (x.experiment_id, x.variant) = (e.experiment_id, v.variant)
		AND (p.recommender, p.policy) = (recommender, v.policy) AND p.retired_at IS NULL;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'policy "%" of recommender "%" does not exist', v.policy, recommender USING ERRCODE = '42704';
		END IF;
		-- an arm without a model is an error now, not in front of people
		PERFORM recsys._execute_as_owner(recommender, format('SELECT FROM %I.recommend(NULL, 1, policy => %L)', recommender, v.policy));
	END LOOP;
	low := recsys._free_traffic(recommender, e.experiment_id, e.traffic);
	IF low IS NULL THEN
		PERFORM recsys._no_traffic(recommender, e.traffic);
	END IF;
	SELECT least(greatest(coalesce(p.units_needed, nullif(p.units_per_day, 0) * greatest(e.minimum_days, 1), 10000), 200), 1e12)
	INTO planned FROM recsys.experiment_power(recommender, experiment) p;
	UPDATE recsys.experiment x SET state = 'running', traffic_from = low, planned_units = planned, started_at = clock_timestamp()
	WHERE x.experiment_id = e.experiment_id;
	RETURN planned;
END $$;
COMMENT ON FUNCTION recsys.start_experiment(name, name) IS
'starts a draft: freezes its arms, gives it the lowest free range of traffic and from then on SHOP.serve assigns units; returns the units that it is planned for, as experiment_power says';

CREATE FUNCTION recsys.alter_experiment(recommender name, experiment name, traffic float8) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment := recsys._lock_experiment(recommender, experiment, '{draft,running}', 'altered');
BEGIN
	IF traffic IS NULL OR traffic NOT BETWEEN 1e-6 AND 1 THEN
		RAISE EXCEPTION 'traffic is %, must be from 0.000001 to 1', traffic USING ERRCODE = '22023';
	END IF;
	IF e.state = 'running' THEN
		IF traffic < e.traffic THEN
			RAISE EXCEPTION 'traffic cannot shrink from % to % while the experiment runs', e.traffic, traffic
				USING ERRCODE = '55000', HINT = 'Units that have been in it would change to another list.';
		END IF;
		IF e.traffic_from + traffic > 1 + 1e-9 OR EXISTS (SELECT FROM recsys.experiment x
			WHERE (x.recommender, x.state) = (recommender, 'running') AND x.traffic_from > e.traffic_from
			AND x.traffic_from < e.traffic_from + traffic - 1e-9) THEN
			RAISE EXCEPTION 'traffic cannot grow from % to %: the range from % is not free', e.traffic, traffic, e.traffic_from
				USING ERRCODE = '55000', HINT = 'Running experiments do not overlap, and a range stays where it began.';
		END IF;
	END IF;
	UPDATE recsys.experiment x SET traffic = traffic WHERE x.experiment_id = e.experiment_id;
	RETURN traffic;
END $$;
COMMENT ON FUNCTION recsys.alter_experiment(name, name, float8) IS
'changes an experiment''s share of traffic; while it runs the share may only grow, so that no unit leaves it';

CREATE FUNCTION recsys.stop_experiment(recommender name, experiment name) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment := recsys._lock_experiment(recommender, experiment, '{running}', 'stopped');
BEGIN
	UPDATE recsys.experiment x SET state = 'stopped', stopped_at = clock_timestamp()
	WHERE x.experiment_id = e.experiment_id RETURNING x.stopped_at INTO e.stopped_at;
	RETURN e.stopped_at;
END $$;
COMMENT ON FUNCTION recsys.stop_experiment(name, name) IS
'ends the assignment of units, and frees the traffic; what they do goes on to be counted until their attribution ends';

CREATE FUNCTION recsys._decide(e recsys.experiment, verdict text, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	-- the instant of the report that was made now, by which its rows are found
	at timestamptz := greatest(now(), e.started_at, e.stopped_at);
BEGIN
	UPDATE recsys.experiment x SET state = 'decided', stopped_at = coalesce(x.stopped_at, at), decided_at = at, verdict = verdict, reason = reason
	WHERE x.experiment_id = e.experiment_id;
END $$;
COMMENT ON FUNCTION recsys._decide(recsys.experiment, text, text) IS
'makes the verdict that a report has given in this transaction final; an experiment that runs ends with it';

CREATE FUNCTION recsys.decide_experiment(recommender name, experiment name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment := recsys._lock_experiment(recommender, experiment, '{stopped}', 'decided');
BEGIN
	SELECT r.verdict, r.reason INTO e.verdict, e.reason FROM recsys.experiment_report(recommender, experiment) r LIMIT 1;
	IF e.verdict = 'keep waiting' THEN
		RAISE EXCEPTION 'experiment "%" cannot be decided yet: windows are open', experiment USING ERRCODE = '55000',
			DETAIL = e.reason, HINT = 'What these units do may decide it; a stopped experiment can wait, and takes no traffic.';
	END IF;
	PERFORM recsys._decide(e, e.verdict, e.reason);
	RETURN e.verdict;
END $$;
COMMENT ON FUNCTION recsys.decide_experiment(name, name) IS
'makes the verdict of a stopped experiment final, and returns it; 55000 while it is keep waiting';
