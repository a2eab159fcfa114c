/* ---------------------------------------------------------------------------
 * Which model is served by which rules: every switch of the live policy, its
 * settings or its model, its gate, and the way back.
 *
 * A switch is one transaction: the registry's row and a row of
 * recsys.promotion.  The promotions are a stack: before_id points to the one
 * below, to which a rollback goes.  The promotion that a rollback makes takes
 * over the before_id of the one it went to, so that rolling back again goes
 * further back instead of to and fro.
 * --------------------------------------------------------------------------- */

CREATE TABLE recsys.promotion (
	promotion_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	recommender name NOT NULL REFERENCES recsys.recommender ON DELETE CASCADE,
	kind text NOT NULL CHECK (kind IN ('retrain', 'promote', 'rollback', 'alter')),
	from_policy name,
	from_version int4,
	from_model_id int8,
	to_policy name NOT NULL,
	to_version int4 NOT NULL,
	to_model_id int8 NOT NULL,
	experiment_id int8,
	forced boolean NOT NULL,
	reason text NOT NULL CHECK (reason <> ''),
	by_role name NOT NULL DEFAULT current_user,
	promoted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	-- no foreign key: who prunes the history shortens the way back and loses nothing else,
	-- and pg_dump warns of tables that refer to themselves
	before_id int8
);
CREATE INDEX ON recsys.promotion (recommender, promotion_id);
COMMENT ON TABLE recsys.promotion IS 'every switch of the model or policy that a recommender serves, by a retrain, promote, rollback or alter_policy';
COMMENT ON COLUMN recsys.promotion.promotion_id IS 'identity';
COMMENT ON COLUMN recsys.promotion.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.promotion.kind IS 'retrain (of the live policy, published by itself), promote, rollback, or alter (of the live policy''s settings, whose rules hold at once)';
COMMENT ON COLUMN recsys.promotion.from_policy IS 'the policy that was live; NULL of the first model';
COMMENT ON COLUMN recsys.promotion.from_version IS 'the version of it whose rules were served';
COMMENT ON COLUMN recsys.promotion.from_model_id IS 'the model that was live';
COMMENT ON COLUMN recsys.promotion.to_policy IS 'the policy that went live';
COMMENT ON COLUMN recsys.promotion.to_version IS 'the version of it whose rules are served since; recsys.model has the one that the model was trained by';
COMMENT ON COLUMN recsys.promotion.to_model_id IS 'the model that went live';
COMMENT ON COLUMN recsys.promotion.experiment_id IS 'the experiment named to promote, which that decides; NULL without one';
COMMENT ON COLUMN recsys.promotion.forced IS 'whether it went live without an experiment''s verdict, or against one';
COMMENT ON COLUMN recsys.promotion.reason IS 'why, in words';
COMMENT ON COLUMN recsys.promotion.by_role IS 'the role that did it';
COMMENT ON COLUMN recsys.promotion.promoted_at IS 'when';
COMMENT ON COLUMN recsys.promotion.before_id IS 'the promotion that a rollback goes back to; NULL where there is none';

DO $$ BEGIN
	ALTER TABLE recsys.promotion ENABLE ROW LEVEL SECURITY;
	CREATE POLICY read ON recsys.promotion FOR SELECT USING (recsys._may_read(recommender));
	CREATE POLICY write ON recsys.promotion USING (recsys._may_write(recommender));
	GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.promotion TO PUBLIC;
	PERFORM pg_catalog.pg_extension_config_dump('recsys.promotion', '');
	PERFORM pg_catalog.pg_extension_config_dump('recsys.promotion_promotion_id_seq', '');
END $$;

CREATE FUNCTION recsys._lock_live(recommender name) RETURNS recsys.recommender
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender;
BEGIN
	PERFORM recsys._check_owner(recommender);
	-- a lock on the key too would wait for every run that is writing a model, by its foreign key
	SELECT d.* INTO r FROM recsys.recommender d WHERE d.recommender = recommender FOR NO KEY UPDATE;
	RETURN r;
END $$;
COMMENT ON FUNCTION recsys._lock_live(name) IS
'the registry row of a recommender, so locked that nobody else switches its model';

CREATE FUNCTION recsys._current_version(recommender name, policy name) RETURNS int4
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	version int4;
BEGIN
	SELECT p.version INTO version FROM recsys.policy p
	WHERE (p.recommender, p.policy) = (recommender, policy) AND p.retired_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'policy "%" of recommender "%" does not exist', policy, recommender USING ERRCODE = '42704';
	END IF;
	RETURN version;
END $$;
COMMENT ON FUNCTION recsys._current_version(name, name) IS 'the version of a policy that is not retired; raises 42704 where there is none';

CREATE FUNCTION recsys._switch(r recsys.recommender, from_version int4, m recsys.model, kind text, reason text,
	forced boolean DEFAULT false, experiment_id int8 DEFAULT NULL, before_id int8 DEFAULT NULL) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int8;
BEGIN
	UPDATE recsys.recommender d SET live_policy = m.policy, live_model_id = m.model_id WHERE d.recommender = r.recommender;
	INSERT INTO recsys.promotion AS p (recommender, kind, from_policy, from_version, from_model_id,
		to_policy, to_version, to_model_id, experiment_id, forced, reason, before_id)
	SELECT r.recommender, kind, o.policy, CASE WHEN o.policy IS NOT NULL THEN from_version END, o.model_id,
		m.policy, recsys._current_version(r.recommender, m.policy), m.model_id, experiment_id, forced, reason,
		CASE WHEN kind = 'rollback' THEN before_id
			ELSE (SELECT max(b.promotion_id) FROM recsys.promotion b WHERE b.recommender = r.recommender) END
	FROM (SELECT) one LEFT JOIN recsys.model o ON (o.model_id, o.recommender) = (r.live_model_id, r.recommender)
	RETURNING p.promotion_id INTO id;
	RETURN id;
END $$;
COMMENT ON FUNCTION recsys._switch(recsys.recommender, int4, recsys.model, text, text, boolean, int8, int8) IS
'makes a model and its policy live, and writes the promotion; from_version is what the live policy had before; before_id is for a rollback, others go on top of the last one';

CREATE FUNCTION recsys._record_alter(r recsys.recommender, old recsys.policy) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m recsys.model;
	changed text;
BEGIN
	SELECT d.* INTO m FROM recsys.model d WHERE (d.recommender, d.model_id, d.policy) = (r.recommender, r.live_model_id, old.policy);
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT string_agg(k.key, ', ' ORDER BY k.key COLLATE "C") INTO changed FROM recsys.policy p, jsonb_object_keys(old.settings || p.settings) k (key)
	WHERE (p.recommender, p.policy) = (r.recommender, old.policy) AND p.retired_at IS NULL
	AND old.settings -> k.key IS DISTINCT FROM p.settings -> k.key;
	PERFORM recsys._switch(r, old.version, m, 'alter', coalesce('changed: ' || changed, 'nothing changed'));
END $$;
COMMENT ON FUNCTION recsys._record_alter(recsys.recommender, recsys.policy) IS
'writes the promotion of a policy that has been altered, given as it was, if its model is live';

/* ---- the gate of a routine retrain ---- */

CREATE FUNCTION recsys._lifts(recommender name, policy name)
	RETURNS TABLE (run_id int8, model_id int8, cutoff timestamptz, split text, users int8, ndcg float8, lift float8, lift_upper float8, verdict text, evaluated_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT e.run_id, t.model_id, e.cutoff, e.split, e.users, e.value,
		e.difference / nullif(b.value, 0), e.difference_upper / nullif(b.value, 0),
		recsys._verdict(e.method, e.users, e.difference_lower, e.difference_upper, e.split), e.evaluated_at
	FROM recsys.recommender r
	JOIN recsys.evaluation e ON e.recommender = r.recommender
	JOIN recsys.training_run t ON t.run_id = e.run_id
	JOIN recsys.evaluation b ON (b.run_id, b.policy, b.protocol, b.population, b.metric, b.k) = (e.run_id, 'popularity', e.protocol, e.population, e.metric, e.k)
	WHERE r.recommender = $1 AND e.policy = $2
	AND (e.protocol, e.population, e.metric, e.k) = (CASE WHEN r.repeatable THEN 'all' ELSE 'new' END, 'warm', 'ndcg', 10);
END;
COMMENT ON FUNCTION recsys._lifts(name, name) IS
'how much the NDCG@10 of a policy exceeded that of popularity in each run that measured it, as a share of the latter, with the upper end of its 95 % interval, and the verdict';

CREATE FUNCTION recsys._judge(run_id int8, m recsys.model, OUT holds boolean, OUT reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	l record;
	usual float8;
BEGIN
	holds := false;
	IF (SELECT r.live_model_id FROM recsys.recommender r WHERE r.recommender = m.recommender) IS NULL THEN
		reason := 'the first model';
	ELSIF m.method = 'popularity' THEN
		reason := 'popularity is what others are judged by';
	ELSIF NOT EXISTS (SELECT FROM recsys.training_stage s WHERE (s.run_id, s.stage) = (run_id, 'evaluate')) THEN
		reason := 'not evaluated';
	ELSE
		SELECT v.* INTO l FROM recsys._lifts(m.recommender, m.policy) v WHERE v.run_id = run_id;
		-- their exams were other cutoffs, so what is compared is how far each was above popularity;
		-- a random split is another kind of exam
		SELECT avg(v.lift) INTO usual FROM (SELECT o.lift FROM recsys._lifts(m.recommender, m.policy) o
			WHERE o.run_id < run_id AND o.split = l.split AND o.lift IS NOT NULL
			AND EXISTS (SELECT FROM recsys.promotion p WHERE (p.recommender, p.to_model_id) = (m.recommender, o.model_id))
			ORDER BY o.run_id DESC LIMIT 3) v;
		IF l.verdict IS NULL THEN
			holds := true;
			reason := 'no user could be scored';
		ELSIF l.verdict NOT LIKE 'beats popularity%' THEN
			holds := true;
			reason := format('its verdict is "%s"', l.verdict);
		ELSIF l.lift_upper < 0.9 * usual THEN
			holds := true;
			reason := format('its NDCG@10 is at most %s %% above popularity, that of the last ones published was %s %% on average',
				round(100 * l.lift_upper::numeric, 1), round(100 * usual::numeric, 1));
		ELSE
			reason := format('its verdict is "%s"', l.verdict);
		END IF;
	END IF;
END $$;
COMMENT ON FUNCTION recsys._judge(int8, recsys.model) IS
'whether the model that a run has trained of the live policy is held back, and why or why not: there is a live model, and the verdict of this one is not "beats popularity", or the upper end of its lift over popularity is below .9 of the mean lift of the last three that went live and had the same kind of split';

CREATE FUNCTION recsys._publish(run_id int8) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m recsys.model;
	r recsys.recommender;
	judged record;
BEGIN
	SELECT d.* INTO m FROM recsys.training_run t JOIN recsys.model d ON d.model_id = t.model_id
	WHERE t.run_id = run_id AND d.status = 'ready';
	r := recsys._lock_live(m.recommender);
	-- a model of another policy than the live one is ready to be asked for by name, not live
	IF m.policy <> r.live_policy THEN
		RETURN 0;
	END IF;
	judged := recsys._judge(run_id, m);
	IF NOT judged.holds THEN
		PERFORM recsys._switch(r, recsys._current_version(r.recommender, r.live_policy), m, 'retrain', judged.reason);
		RETURN 1;
	END IF;
	UPDATE recsys.training_run t SET message = judged.reason,
		hint = format('SELECT recsys.promote(%L, %L, force => true, reason => ...) publishes it all the same.', r.recommender, r.live_policy)
	WHERE t.run_id = run_id;
	RAISE WARNING 'model % of policy "%" is held back: %', m.model_id, m.policy, judged.reason
		USING DETAIL = format('Model %s is served as before.', r.live_model_id),
			HINT = format('SELECT recsys.promote(%L, %L, force => true, reason => ...) publishes it all the same.', r.recommender, r.live_policy);
	RETURN 0;
END $$;
COMMENT ON FUNCTION recsys._publish(int8) IS
'makes the model of a run the one that is served, unless it is of another policy than the live one or is held back, which the run''s message then tells; returns how many recommenders changed';

/* ---- by hand ---- */

CREATE FUNCTION recsys._check_promotion(recommender name, policy name, experiment name, OUT experiment_id int8, OUT version int4, OUT reason text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	v record;
	force text := format('SELECT recsys.promote(%L, %L, force => true, reason => ...) does it without, and records why.', recommender, policy);
BEGIN
	IF experiment IS NULL THEN
		RAISE EXCEPTION 'policy "%" goes live by an experiment''s verdict or by force', policy
			USING ERRCODE = '55000', HINT = force;
	END IF;
	SELECT e.* INTO v FROM recsys._experiment_verdict(recommender, experiment) e;
	IF v.verdict IS DISTINCT FROM 'ship' THEN
		RAISE EXCEPTION 'the verdict of experiment "%" is "%", not "ship"', experiment, coalesce(v.verdict, 'unknown')
			USING ERRCODE = '55000', DETAIL = coalesce(v.reason, ''), HINT = force;
	END IF;
	IF v.policy IS DISTINCT FROM policy THEN
		RAISE EXCEPTION 'experiment "%" was won by policy "%", not by "%"', experiment, v.policy, policy
			USING ERRCODE = '55000', HINT = force;
	END IF;
	experiment_id := v.experiment_id;
	reason := v.reason;
	SELECT a.policy_version INTO version FROM recsys.variant a
	WHERE (a.experiment_id, a.policy) = (experiment_id, policy) ORDER BY a.policy_version DESC LIMIT 1;
END $$;
COMMENT ON FUNCTION recsys._check_promotion(name, name, name) IS
'raises 55000 unless the experiment''s verdict is ship, for this policy; returns what the promotion records, and the version that was tested';

CREATE FUNCTION recsys.promote(recommender name, policy name, experiment name DEFAULT NULL, force boolean DEFAULT false,
	reason text DEFAULT NULL) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender;
	m recsys.model;
	why text := nullif(btrim(reason), '');
	tested record;
	e recsys.experiment;
	decided recsys.experiment;
	id int8;
	version int4;
	hint text := format('SELECT recsys.promote(%L, %L, force => true, reason => ...) does it all the same, and records why.', recommender, policy);
BEGIN
	IF recommender IS NULL OR policy IS NULL OR force IS NULL THEN
		RAISE EXCEPTION 'recommender, policy and force must not be NULL' USING ERRCODE = '22004';
	END IF;
	PERFORM recsys._check_owner(recommender);
	IF force AND why IS NULL THEN
		RAISE EXCEPTION 'force needs a reason' USING ERRCODE = '22004',
			HINT = 'recsys.promotion keeps it: reason => ''the old list sold out''.';
	END IF;
	PERFORM recsys._current_version(recommender, policy);
	IF experiment IS NOT NULL THEN
		e := recsys._experiment(recommender, experiment);
	END IF;
	-- a verdict reads the log, which may take long: before the lock, and so without one on the experiment, which comes after it
	IF NOT force THEN
		SELECT c.experiment_id, c.version, 'ship' AS verdict, c.reason INTO tested FROM recsys._check_promotion(recommender, policy, experiment) c;
	ELSE
		SELECT v.experiment_id, NULL::int4 AS version, v.verdict, format('%s; "%s" was promoted by force: %s', v.reason, policy, why) AS reason INTO tested
		FROM (SELECT WHERE experiment IS NOT NULL) one, recsys._experiment_verdict(recommender, experiment) v;
	END IF;
	r := recsys._lock_live(recommender);
	-- it may have been altered or dropped meanwhile
	version := recsys._current_version(recommender, policy);
	IF tested.version <> version THEN
		RAISE EXCEPTION 'experiment "%" was about version % of policy "%", which has been altered since', experiment, tested.version, policy
			USING ERRCODE = '55000', HINT = hint;
	END IF;
	-- a policy that was dropped and made anew by another method has models of the old one
	SELECT d.* INTO m FROM recsys.model d JOIN recsys.policy p ON (p.recommender, p.policy, p.version, p.method) = (d.recommender, d.policy, version, d.method)
	WHERE (d.recommender, d.policy, d.status) = (recommender, policy, 'ready') ORDER BY d.model_id DESC LIMIT 1;
	IF m.model_id IS NULL THEN
		RAISE EXCEPTION 'policy "%" of recommender "%" has no model yet', policy, recommender
			USING ERRCODE = '55000', HINT = format('CALL recsys.retrain(%L, policy => %L);', recommender, policy);
	ELSIF (m.policy, m.model_id) IS NOT DISTINCT FROM (r.live_policy, r.live_model_id) THEN
		RAISE EXCEPTION 'model % of policy "%" is live already', m.model_id, policy USING ERRCODE = '55000';
	ELSIF NOT force AND policy = r.live_policy AND r.live_model_id IS NOT NULL THEN
		-- what a retrain has held back is not what an experiment was won by
		RAISE EXCEPTION 'policy "%" is live already, and retrain has not published its newest model %', policy, m.model_id
			USING ERRCODE = '55000', HINT = hint;
	END IF;
	PERFORM recsys._share_model(recommender, m.model_id);
	id := recsys._switch(r, recsys._current_version(recommender, r.live_policy), m, 'promote', coalesce(why, tested.reason), force, tested.experiment_id);
	IF experiment IS NOT NULL THEN
		decided := recsys._experiment(recommender, experiment);
		IF decided.state <> 'decided' THEN
			PERFORM recsys._decide(e, tested.verdict, tested.reason);
		ELSIF NOT force AND decided.verdict <> 'ship' THEN
			RAISE EXCEPTION 'the verdict of experiment "%" is "%", not "ship"', experiment, decided.verdict
				USING ERRCODE = '55000', DETAIL = decided.reason, HINT = hint;
		END IF;
	END IF;
	RETURN id;
END $$;
COMMENT ON FUNCTION recsys.promote(name, name, name, boolean, text) IS
'makes the newest model of a policy live, and the policy the one that retrain trains: by the verdict ship of an experiment for it, or by force with a reason; by force also a model of the live policy that was held back; ends the experiment that it names, with the verdict that it has; returns promotion_id';

CREATE FUNCTION recsys._way_back(recommender name) RETURNS TABLE (step int4, promotion_id int8, before_id int8, policy name, version int4, model_id int8, altered boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH RECURSIVE back (step, promotion_id, before_id, policy, version, model_id) AS (
		SELECT 0, p.promotion_id, p.before_id, p.to_policy, p.to_version, p.to_model_id
		FROM recsys.promotion p
		WHERE p.recommender = $1 AND p.promotion_id = (SELECT max(l.promotion_id) FROM recsys.promotion l WHERE l.recommender = $1)
		UNION ALL
		SELECT b.step + 1, p.promotion_id, p.before_id, p.to_policy, p.to_version, p.to_model_id
		FROM back b JOIN recsys.promotion p ON p.promotion_id = b.before_id AND p.recommender = $1
	)
	SELECT b.step, b.promotion_id, b.before_id, b.policy, b.version, b.model_id, (v.method, v.settings) IS DISTINCT FROM (p.method, p.settings)
	FROM back b JOIN recsys.model m ON (m.model_id, m.recommender) = (b.model_id, $1) AND m.status = 'ready'
	JOIN recsys.policy p ON (p.recommender, p.policy) = ($1, b.policy) AND p.retired_at IS NULL
	JOIN recsys.policy v ON (v.recommender, v.policy, v.version) = ($1, b.policy, b.version);
END;
COMMENT ON FUNCTION recsys._way_back(name) IS
'the models that have been live and can be so again, from the last promotion back, with the version of the policy whose rules were served, and whether the policy has other settings now';

CREATE FUNCTION recsys._before(recommender name) RETURNS int8
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT b.model_id FROM recsys._way_back($1) b JOIN recsys.recommender r ON r.recommender = $1
	WHERE (b.policy, b.model_id) IS DISTINCT FROM (r.live_policy, r.live_model_id) ORDER BY b.step LIMIT 1;
END;
COMMENT ON FUNCTION recsys._before(name) IS 'the first model other than the live one that rollbacks come to; NULL where there is none';

CREATE FUNCTION recsys._check_way_back(r recsys.recommender, to_model int8) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m recsys.model;
BEGIN
	SELECT d.* INTO m FROM recsys.model d WHERE (d.recommender, d.model_id) = (r.recommender, to_model);
	IF m.model_id IS NULL THEN
		RAISE EXCEPTION 'model % of recommender "%" does not exist', to_model, r.recommender USING ERRCODE = '42704',
			HINT = format('SELECT model_id FROM recsys.model WHERE recommender = %L AND status = ''ready'' lists those there are.', r.recommender);
	ELSIF m.model_id = r.live_model_id AND m.policy = r.live_policy THEN
		RAISE EXCEPTION 'model % is live already', to_model USING ERRCODE = '55000';
	ELSIF m.status <> 'ready' THEN
		RAISE EXCEPTION 'model % of recommender "%" is no longer kept', to_model, r.recommender USING ERRCODE = '55000',
			HINT = format('SELECT model_id FROM recsys.model WHERE recommender = %L AND status = ''ready'' lists those that are.', r.recommender);
	ELSIF NOT EXISTS (SELECT FROM recsys.promotion p WHERE (p.recommender, p.to_model_id) = (r.recommender, to_model)) THEN
		RAISE EXCEPTION 'model % has never been live', to_model USING ERRCODE = '55000',
			HINT = format('SELECT recsys.promote(%L, %L, ...) makes the newest model of its policy live.', r.recommender, m.policy);
	ELSIF NOT EXISTS (SELECT FROM recsys.policy p WHERE (p.recommender, p.policy) = (r.recommender, m.policy) AND p.retired_at IS NULL) THEN
		RAISE EXCEPTION 'policy "%" of model % has been dropped', m.policy, to_model USING ERRCODE = '55000',
			HINT = format('SELECT recsys.create_policy(%L, %L, ...) makes it anew.', r.recommender, m.policy);
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_way_back(recsys.recommender, int8) IS
'raises an error that says why a recommender cannot go back to a model, where it cannot';

CREATE FUNCTION recsys.rollback(recommender name, to_model int8 DEFAULT NULL, reason text DEFAULT NULL) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._lock_live(recommender);
	from_version int4 := recsys._current_version(recommender, r.live_policy);
	b record;
	m recsys.model;
	v recsys.policy;
BEGIN
	IF to_model IS NULL THEN
		SELECT w.* INTO b FROM recsys._way_back(recommender) w
		WHERE w.altered OR (w.policy, w.model_id) IS DISTINCT FROM (r.live_policy, r.live_model_id) ORDER BY w.step LIMIT 1;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'recommender "%" has no earlier model to go back to', recommender USING ERRCODE = '55000',
				HINT = format('Setting keep_models keeps %s of each policy.', r.settings ->> 'keep_models');
		END IF;
	ELSE
		PERFORM recsys._check_way_back(r, to_model);
		-- back on the way: what lies above is gone; else on top of what is live
		SELECT w.* INTO b FROM recsys._way_back(recommender) w WHERE w.model_id = to_model ORDER BY w.step LIMIT 1;
		IF NOT FOUND THEN
			SELECT p.to_policy AS policy, p.to_version AS version, p.to_model_id AS model_id,
				(SELECT max(l.promotion_id) FROM recsys.promotion l WHERE l.recommender = recommender) AS before_id INTO b
			FROM recsys.promotion p WHERE (p.recommender, p.to_model_id) = (recommender, to_model) ORDER BY p.promotion_id DESC LIMIT 1;
		END IF;
	END IF;
	SELECT d.* INTO m FROM recsys.model d WHERE (d.recommender, d.model_id) = (recommender, b.model_id);
	SELECT p.* INTO v FROM recsys.policy p WHERE (p.recommender, p.policy, p.version) = (recommender, b.policy, b.version);
	PERFORM recsys._restore_policy(v);
	PERFORM recsys._share_model(recommender, m.model_id);
	RETURN recsys._switch(r, from_version, m, 'rollback', coalesce(nullif(btrim(reason), ''),
		CASE WHEN m.model_id = r.live_model_id THEN format('back from version %s', from_version) ELSE format('back from model %s', r.live_model_id) END),
		false, NULL, b.before_id);
END $$;
COMMENT ON FUNCTION recsys.rollback(name, int8, text) IS
'goes back to what was served before the last switch, and further back when called again; or to a model that has been live before, to_model; with its policy, and the settings that this had when the model was last served so, as a new version where it has others now; returns promotion_id';
