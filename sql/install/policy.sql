/* ---------------------------------------------------------------------------
 * Policies: a method with settings, in numbered versions.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._default_policy_settings(method text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE method
		WHEN 'popularity' THEN '{}'
		WHEN 'item_item' THEN '{"neighbors": 100, "similarity": "general", "activity": 1, "source_exponent": 0.5, "target_exponent": 0.5,
			"shrinkage": 0, "votes": "one", "history_cap": 10000}'
		WHEN 'factors' THEN '{"factors": 48, "alpha0": null, "lambda": 0.01, "nu": 1, "sweeps": 15, "solver": "cg", "cg_steps": 3, "initial_sd": null,
			"early_stop": 0, "warm_start": false}'
		WHEN 'funnel' THEN '{"neighbors": 100, "similarity": "general", "activity": 1, "source_exponent": 0.5, "target_exponent": 0.5,
			"shrinkage": 0, "votes": "one", "history_cap": 10000,
			"factors": 48, "alpha0": null, "lambda": 0.01, "nu": 1, "sweeps": 15, "solver": "cg", "cg_steps": 3, "initial_sd": null,
			"early_stop": 0, "warm_start": false, "blend": 0.2,
			"ranker": "linear", "ranker_lambda": 0.03, "neighbor_candidates": 100, "factor_candidates": 100, "popularity_candidates": 25,
			"category_candidates": 50, "history_candidates": 200, "fresh_candidates": 20, "main_categories": 3, "recency_half_life": 60,
			"features": {}}'
		WHEN 'explicit' THEN '{"factors": 48, "lambda": 1.2, "nu": 0.5, "bias_lambda": 3, "sweeps": 15, "initial_sd": null}'
		WHEN 'bpr' THEN '{"factors": 48, "rounds": 50, "rate": 0.05, "ridge": 0.01, "exponent": 0, "item_bias": true, "initial_sd": null,
			"alpha0": null, "lambda": 0.01, "nu": 1}'
		END::pg_catalog.jsonb || '{"rules": []}';
END;
COMMENT ON FUNCTION recsys._default_policy_settings(text) IS
'settings of a method with their defaults; NULL for an unknown method';

CREATE FUNCTION recsys._unused_settings(similarity text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE
		WHEN similarity = 'general' THEN '{alpha,beta}'
		WHEN similarity IN ('cosine', 'conditional', 'lift') THEN '{activity,source_exponent,target_exponent,alpha,beta}'
		WHEN similarity IN ('jaccard', 'llr') THEN '{activity,source_exponent,target_exponent,alpha,beta,votes}'
		WHEN similarity = 'p3alpha' THEN '{activity,source_exponent,target_exponent,beta}'
		WHEN similarity = 'rp3beta' THEN '{activity,source_exponent,target_exponent}'
		END::pg_catalog.text[];
END;
COMMENT ON FUNCTION recsys._unused_settings(text) IS
'settings of item neighbours that do not hold for a similarity; NULL for an unknown one';

CREATE FUNCTION recsys._check_similarity(settings jsonb, known jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	similarity text := coalesce(settings ->> 'similarity', known ->> 'similarity');
	unused text[] := recsys._unused_settings(similarity);
	k text;
BEGIN
	IF unused IS NULL THEN
		RAISE EXCEPTION 'setting "similarity" is "%", which is unknown', similarity
			USING ERRCODE = '22023',
			HINT = 'Similarities are general, cosine, conditional, lift, jaccard, llr, p3alpha and rp3beta.';
	END IF;
	SELECT s INTO k FROM jsonb_object_keys(settings) s WHERE s = ANY (unused) ORDER BY s LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'setting "%" does not hold for similarity "%"', k, similarity
			USING ERRCODE = '22023',
			HINT = CASE k
				WHEN 'alpha' THEN 'It holds for p3alpha and rp3beta.'
				WHEN 'beta' THEN 'It holds for rp3beta.'
				WHEN 'votes' THEN 'jaccard and llr count users.'
				ELSE 'It holds for general.' END;
	END IF;
	IF coalesce(settings ->> 'votes', 'one') NOT IN ('one', 'weight') THEN
		RAISE EXCEPTION 'setting "votes" is "%", must be "one" or "weight"', settings ->> 'votes' USING ERRCODE = '22023';
	END IF;
	RETURN unused;
END $$;
COMMENT ON FUNCTION recsys._check_similarity(jsonb, jsonb) IS
'raises 22023 for an unknown similarity and for settings that do not hold for it; returns the names of these';

CREATE FUNCTION recsys._check_funnel_settings(settings jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	key text;
	f record;
BEGIN
	PERFORM recsys._check_choice(settings, 'ranker', ARRAY['linear', 'none']);
	PERFORM recsys._check_number(settings, 'ranker_lambda', 0, 1000, false);
	FOREACH key IN ARRAY ARRAY['neighbor', 'factor', 'popularity', 'category', 'history', 'fresh'] LOOP
		PERFORM recsys._check_number(settings, key || '_candidates', 0, 10000, true);
	END LOOP;
	PERFORM recsys._check_number(settings, 'main_categories', 0, 100, true);
	PERFORM recsys._check_number(settings, 'recency_half_life', 0, 100000, false);
	IF jsonb_typeof(coalesce(settings -> 'features', '{}')) <> 'object' THEN
		RAISE EXCEPTION 'setting "features" is %, must be an object of SQL expressions by name', settings -> 'features'
			USING ERRCODE = '22023', HINT = 'For example {"margin": "c.price - c.cost"}: c is the row of the catalog.';
	ELSIF (SELECT count(*) FROM jsonb_object_keys(settings -> 'features')) > 32 THEN
		RAISE EXCEPTION 'setting "features" has % features, 32 is the most', (SELECT count(*) FROM jsonb_object_keys(settings -> 'features'))
			USING ERRCODE = '22023';
	END IF;
	FOR f IN SELECT e.key, e.value FROM jsonb_each(coalesce(settings -> 'features', '{}')) e ORDER BY e.key COLLATE "C" LOOP
		IF f.key !~ '^[a-z_][a-z0-9_]*$' OR length(f.key) > 63 THEN
			RAISE EXCEPTION 'feature name "%" is not allowed', f.key
				USING ERRCODE = '22023', HINT = 'Names are made of a-z, 0-9 and _, do not begin with a digit, and have 63 characters at most.';
		ELSIF f.key = ANY (recsys._built_in_features()) THEN
			RAISE EXCEPTION 'feature "%" is built in', f.key
				USING ERRCODE = '22023', HINT = 'Give the expression another name.';
		ELSIF jsonb_typeof(f.value) <> 'string' THEN
			RAISE EXCEPTION 'feature "%" is %, must be an SQL expression in a string', f.key, f.value
				USING ERRCODE = '22023', HINT = 'For example {"margin": "c.price - c.cost"}: c is the row of the catalog.';
		END IF;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._check_funnel_settings(jsonb) IS
'raises 22023 for settings of candidates, ranker and features that cannot be; whether expressions are valid is for _check_features to say';

CREATE FUNCTION recsys._check_policy_settings(method text, settings jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known jsonb := recsys._default_policy_settings(method);
	unused text[] := ARRAY[]::text[];
BEGIN
	IF known IS NULL THEN
		RAISE EXCEPTION 'unknown method "%"', method
			USING ERRCODE = '22023', HINT = 'Methods are popularity, item_item, factors, funnel, explicit and bpr.';
	END IF;
	IF known ? 'similarity' THEN
		known := known || '{"alpha": 1, "beta": 0.5}'::jsonb;	-- of similarities that are not the default
	END IF;
	PERFORM recsys._check_keys(settings, known, format('settings of method %s', method));
	IF EXISTS (SELECT FROM jsonb_each(settings) s WHERE s.value = 'null' AND s.key NOT IN ('alpha0', 'initial_sd')) THEN
		RAISE EXCEPTION 'setting "%" must not be null',
			(SELECT s.key FROM jsonb_each(settings) s WHERE s.value = 'null' AND s.key NOT IN ('alpha0', 'initial_sd') ORDER BY s.key LIMIT 1)
			USING ERRCODE = '22023';
	END IF;
	IF known ? 'similarity' THEN
		unused := recsys._check_similarity(settings, known);
	END IF;
	PERFORM recsys._check_number(settings, 'neighbors', 1, 100000, true);
	PERFORM recsys._check_number(settings, 'activity', 0, 10, false);
	PERFORM recsys._check_number(settings, 'source_exponent', 0, 10, false);
	PERFORM recsys._check_number(settings, 'target_exponent', 0, 10, false);
	PERFORM recsys._check_number(settings, 'alpha', 0, 10, false);
	PERFORM recsys._check_number(settings, 'beta', 0, 10, false);
	PERFORM recsys._check_number(settings, 'shrinkage', 0, 1e9, false);
	PERFORM recsys._check_number(settings, 'history_cap', 1, 1000000000, true);
	PERFORM recsys._check_number(settings, 'factors', 1, 1024, true);
	PERFORM recsys._check_number(settings, 'alpha0', 0, 1e6, false);
	PERFORM recsys._check_number(settings, 'lambda', 0, 1e6, false);
	PERFORM recsys._check_number(settings, 'nu', 0, 2, false);
	PERFORM recsys._check_number(settings, 'sweeps', 1, 1000, true);
	PERFORM recsys._check_number(settings, 'cg_steps', 1, 100, true);
	PERFORM recsys._check_choice(settings, 'solver', ARRAY['cg', 'exact']);
	PERFORM recsys._check_number(settings, 'initial_sd', 1e-9, 1e3, false);
	PERFORM recsys._check_number(settings, 'bias_lambda', 0, 1e6, false);
	PERFORM recsys._check_number(settings, 'rounds', 1, 1000, true);
	PERFORM recsys._check_number(settings, 'rate', 1e-9, 1, false);
	PERFORM recsys._check_number(settings, 'ridge', 0, 1, false);
	PERFORM recsys._check_number(settings, 'exponent', 0, 2, false);
	IF jsonb_typeof(settings -> 'item_bias') <> 'boolean' THEN
		RAISE EXCEPTION 'setting "item_bias" is %, must be true or false', settings -> 'item_bias' USING ERRCODE = '22023';
	END IF;
	PERFORM recsys._check_number(settings, 'early_stop', 0, 1000, true);
	IF jsonb_typeof(settings -> 'warm_start') <> 'boolean' THEN
		RAISE EXCEPTION 'setting "warm_start" is %, must be true or false', settings -> 'warm_start' USING ERRCODE = '22023';
	END IF;
	PERFORM recsys._check_number(settings, 'blend', 0, 1, false);
	PERFORM recsys._check_funnel_settings(settings);
	RETURN known - unused || settings;
END $$;
COMMENT ON FUNCTION recsys._check_policy_settings(text, jsonb) IS
'the settings of a policy with the defaults of those that hold filled in; raises 22023 for what is unknown or out of bounds';

CREATE FUNCTION recsys._check_features(recommender name, settings jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	f record;
BEGIN
	FOR f IN SELECT e.key, e.value #>> '{}' AS expression
		FROM jsonb_each(coalesce(settings -> 'features', '{}')) e ORDER BY e.key COLLATE "C" LOOP
		IF r.catalog IS NULL THEN
			RAISE EXCEPTION 'feature "%" needs a catalog, and recommender "%" has none', f.key, recommender
				USING ERRCODE = '22023', HINT = format('SELECT recsys.alter_recommender(%L, catalog => ...) names it.', recommender);
		END IF;
		PERFORM recsys._check_catalog_number(recommender, format('feature "%s"', f.key), f.expression);
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._check_features(name, jsonb) IS
'raises 22023 unless each of the settings'' features is a number for a row of the catalog';

CREATE FUNCTION recsys.create_policy(recommender name, policy name, method text, settings jsonb DEFAULT '{}') RETURNS int4
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	full_settings jsonb;
	v int4;
BEGIN
	PERFORM recsys._check_owner(recommender);
	IF policy IS NULL OR policy = '' THEN
		RAISE EXCEPTION 'the name of a policy must not be NULL or empty' USING ERRCODE = '22023';
	END IF;
	IF policy = 'external' THEN
		RAISE EXCEPTION 'policy name "%" is not allowed', policy
			USING ERRCODE = '22023', HINT = '"external" stands for the list that the app makes by itself.';
	END IF;
	full_settings := recsys._check_policy_settings(method, coalesce(settings, '{}'));
	PERFORM recsys._check_rules(recommender, full_settings -> 'rules');
	PERFORM recsys._check_features(recommender, full_settings);
	IF method = 'explicit' AND (recsys._recommender(recommender)).feedback <> 'explicit' THEN
		RAISE EXCEPTION 'method explicit learns from ratings, and recommender "%" has implicit feedback', recommender
			USING ERRCODE = '22023',
			HINT = 'alter_recommender with feedback => ''explicit'', value_column and min_value makes its values ratings.';
	END IF;
	PERFORM recsys._serialize_experiments(recommender);
	IF EXISTS (SELECT FROM recsys.policy p WHERE (p.recommender, p.policy) = (recommender, policy) AND p.retired_at IS NULL) THEN
		RAISE EXCEPTION 'policy "%" already exists', policy
			USING ERRCODE = '42710', HINT = 'alter_policy makes a new version of it.';
	END IF;
	SELECT coalesce(max(p.version), 0) + 1 INTO v FROM recsys.policy p WHERE (p.recommender, p.policy) = (recommender, policy);
	INSERT INTO recsys.policy VALUES (recommender, policy, v, method, full_settings);
	RETURN v;
END $$;
COMMENT ON FUNCTION recsys.create_policy(name, name, text, jsonb) IS
'names a method with settings; returns the version; settings not given have the method''s defaults';

CREATE FUNCTION recsys._renew_policy(old recsys.policy, method text, settings jsonb) RETURNS int4
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM recsys._check_rules(old.recommender, settings -> 'rules');
	PERFORM recsys._check_features(old.recommender, settings);
	UPDATE recsys.policy p SET retired_at = now() WHERE (p.recommender, p.policy, p.version) = (old.recommender, old.policy, old.version);
	INSERT INTO recsys.policy VALUES (old.recommender, old.policy, old.version + 1, method, settings);
	RETURN old.version + 1;
END $$;
COMMENT ON FUNCTION recsys._renew_policy(recsys.policy, text, jsonb) IS
'retires the current version of a policy, of which it is given the row, and makes the next one; returns its number';

CREATE FUNCTION recsys._restore_policy(v recsys.policy) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	old recsys.policy;
BEGIN
	SELECT p.* INTO old FROM recsys.policy p WHERE (p.recommender, p.policy) = (v.recommender, v.policy) AND p.retired_at IS NULL;
	IF (old.method, old.settings) IS DISTINCT FROM (v.method, v.settings) THEN
		PERFORM recsys._check_not_tested(v.recommender, v.policy);
		PERFORM recsys._renew_policy(old, v.method, v.settings);
	END IF;
END $$;
COMMENT ON FUNCTION recsys._restore_policy(recsys.policy) IS
'makes the settings of an earlier version of a policy, of which it is given the row, those of a new one, unless it has them';

CREATE FUNCTION recsys.alter_policy(recommender name, policy name, settings jsonb) RETURNS int4
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender;
	old recsys.policy;
	version int4;
BEGIN
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._check_not_tested(recommender, policy);
	r := recsys._lock_live(recommender);
	SELECT p.* INTO old FROM recsys.policy p WHERE (p.recommender, p.policy) = (recommender, policy) AND p.retired_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'policy "%" of recommender "%" does not exist', policy, recommender USING ERRCODE = '42704';
	END IF;
	version := recsys._renew_policy(old, old.method, recsys._check_policy_settings(old.method,
		old.settings - coalesce(recsys._unused_settings(settings ->> 'similarity'), '{}') || coalesce(settings, '{}')));
	PERFORM recsys._record_alter(r, old);
	RETURN version;
END $$;
COMMENT ON FUNCTION recsys.alter_policy(name, name, jsonb) IS
'makes a new version of a policy with some settings changed; returns the version; models of the old one stay, and are served with the new one''s rules, which recsys.promotion records where that is live; settings that do not hold for a new similarity are dropped';

CREATE FUNCTION recsys.drop_policy(recommender name, policy name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._check_not_tested(recommender, policy);
	IF policy IN ('popularity', 'item_item', 'factors', 'default')
		OR policy = 'ratings' AND (recsys._recommender(recommender)).feedback = 'explicit'
		OR policy = (SELECT r.live_policy FROM recsys.recommender r WHERE r.recommender = recommender) THEN
		RAISE EXCEPTION 'policy "%" cannot be dropped', policy
			USING ERRCODE = '2BP01', HINT = 'popularity, item_item, factors, default, ratings of explicit feedback and the live policy stay.';
	END IF;
	UPDATE recsys.policy p SET retired_at = now()
	WHERE (p.recommender, p.policy) = (recommender, policy) AND p.retired_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'policy "%" of recommender "%" does not exist', policy, recommender USING ERRCODE = '42704';
	END IF;
END $$;
COMMENT ON FUNCTION recsys.drop_policy(name, name) IS
'retires a policy; its versions and models stay in the registry';
