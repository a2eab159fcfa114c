/* ---------------------------------------------------------------------------
 * Definition of a recommender: its registry row, its schema and its tables.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._add_policies(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	INSERT INTO recsys.policy (recommender, policy, version, method, settings)
	SELECT recommender, p.policy, 1 + coalesce((SELECT max(o.version) FROM recsys.policy o
			WHERE (o.recommender, o.policy) = (_add_policies.recommender, p.policy)), 0),
		p.method, recsys._default_policy_settings(p.method)
	FROM (VALUES ('popularity', 'popularity'), ('item_item', 'item_item'), ('factors', 'factors'), ('default', 'funnel'),
		('ratings', 'explicit')) p (policy, method)
	WHERE (p.method <> 'explicit' OR (recsys._recommender(recommender)).feedback = 'explicit')
	AND NOT EXISTS (SELECT FROM recsys.policy o
		WHERE (o.recommender, o.policy) = (_add_policies.recommender, p.policy) AND o.retired_at IS NULL);
END $$;
COMMENT ON FUNCTION recsys._add_policies(name) IS
'adds the built-in policies that are not there: popularity, item_item, factors, default and, of explicit feedback, ratings';

CREATE FUNCTION recsys.create_recommender(recommender name, source regclass, user_column name, item_column name,
	time_column name DEFAULT NULL, value_column name DEFAULT NULL, event_column name DEFAULT NULL,
	catalog regclass DEFAULT NULL, catalog_columns jsonb DEFAULT NULL,
	feedback text DEFAULT 'implicit', positives jsonb DEFAULT NULL,
	min_value float8 DEFAULT NULL, weight_rule text DEFAULT 'one', merge text DEFAULT 'max',
	repeatable boolean DEFAULT false, filter text DEFAULT NULL, time_zone text DEFAULT 'UTC',
	settings jsonb DEFAULT '{}') RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender;
BEGIN
	IF recommender IS NULL OR source IS NULL OR user_column IS NULL OR item_column IS NULL THEN
		RAISE EXCEPTION 'recommender, source, user_column and item_column must not be NULL' USING ERRCODE = '22004';
	END IF;
	IF recommender = '' THEN
		RAISE EXCEPTION 'the name of a recommender must not be empty' USING ERRCODE = '42602';
	END IF;
	IF EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = recommender) THEN
		RAISE EXCEPTION 'schema "%" already exists', recommender
			USING ERRCODE = '42P06', HINT = 'A recommender owns a schema of its own name: choose another name, or drop_recommender first.';
	END IF;
	PERFORM recsys._check_settings(coalesce(settings, '{}'));
	r.recommender := recommender;
	r.source := source;
	r.source_name := source::text;
	r.catalog := catalog;
	r.catalog_name := catalog::text;
	r.feedback := feedback;
	r.repeatable := coalesce(repeatable, false);
	r.settings := recsys._default_settings() || coalesce(settings, '{}') || jsonb_build_object(
		'user_column', user_column, 'item_column', item_column, 'time_column', time_column, 'value_column', value_column,
		'event_column', event_column, 'catalog_columns', catalog_columns, 'positives', positives, 'min_value', min_value,
		'weight_rule', weight_rule, 'merge', merge, 'filter', nullif(filter, ''), 'time_zone', time_zone);
	r.user_type := recsys._column_type(source, user_column, 'user_column');
	r.item_type := recsys._column_type(source, item_column, 'item_column');
	PERFORM recsys._check_id_type(r.user_type, user_column);
	PERFORM recsys._check_id_type(r.item_type, item_column);
	r.live_policy := 'default';
	r.created_at := now();
	r.changed_at := now();
	PERFORM recsys._check_definition(r);

	EXECUTE format('CREATE SCHEMA %I', recommender);
	EXECUTE format('COMMENT ON SCHEMA %I IS %L', recommender, format('recommender over %s', source));
	-- what a schema dropped by hand has left behind
	PERFORM recsys._forget_images(recommender, NULL);
	DELETE FROM recsys.recommender d WHERE d.recommender = r.recommender;
	INSERT INTO recsys.recommender SELECT r.*;
	PERFORM recsys._add_policies(recommender);
	PERFORM recsys._build_tables(recommender);
	PERFORM recsys._build_views(recommender);
	PERFORM recsys._build_catalog(recommender);
	PERFORM recsys.refresh_functions(recommender);

	PERFORM recsys._notice_indexes(recommender);
	PERFORM recsys._notice_order(recommender);
	RETURN recommender;
END $$;
COMMENT ON FUNCTION recsys.create_recommender(name, regclass, name, name, name, name, name, regclass, jsonb, text, jsonb, float8, text, text, boolean, text, text, jsonb) IS
'defines a recommender over a relation of interactions and makes the schema of its name; nothing is copied or trained';

CREATE FUNCTION recsys._build_tables(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	t record;
	c record;
	u text := format_type(r.user_type, -1);
	i text := format_type(r.item_type, -1);
	finite constant text := 'CHECK (%1$s > ''-Infinity'' AND %1$s < ''Infinity'')';
BEGIN
	FOR t IN SELECT * FROM (VALUES
		('excluded_user', format('user_id %s PRIMARY KEY, reason text NOT NULL DEFAULT ''by hand'', rule text NOT NULL DEFAULT ''manual'', added_at timestamptz NOT NULL DEFAULT now()', u),
			'users whose interactions do not count; rows may be written by hand',
			'{"user_id": "the user", "reason": "why, in words", "rule": "manual, or what found it; detect_bots writes and removes bot_rate and bot_breadth only", "added_at": "when"}'::jsonb),
		('excluded_item', format('item_id %s PRIMARY KEY, reason text NOT NULL DEFAULT ''by hand'', rule text NOT NULL DEFAULT ''manual'', added_at timestamptz NOT NULL DEFAULT now()', i),
			'items whose interactions do not count and that are never listed; rows may be written by hand',
			'{"item_id": "the item", "reason": "why, in words", "rule": "manual, or what found it", "added_at": "when"}'),
		('popularity', format('model_id int8, item_id %s, users int8 NOT NULL, score float8 NOT NULL %s, rank int4 NOT NULL, PRIMARY KEY (model_id, item_id)', i, format(finite, 'score')),
			'part of a model: how many users each item has',
			'{"model_id": "the model", "item_id": "the item", "users": "distinct users with a positive interaction", "score": "users divided by the most popular item''s", "rank": "place, ties by item"}'),
		('item_neighbor', format('model_id int8, item_id %1$s, neighbor_id %1$s, rank int4 NOT NULL, users_both int4 NOT NULL, similarity float8 NOT NULL %2$s, PRIMARY KEY (model_id, item_id, neighbor_id)', i, format(finite, 'similarity')),
			'part of a model: the most similar items of each item, by co-occurrence',
			'{"model_id": "the model", "item_id": "the item", "neighbor_id": "an item that its users also have", "rank": "place among the item''s neighbours", "users_both": "users with both items", "similarity": "similarity, unitless"}'),
		('item_factor', format('model_id int8, item_id %s, factor float4[] NOT NULL, bias float4, interactions int4 NOT NULL, PRIMARY KEY (model_id, item_id)', i),
			'part of a model: item factors',
			'{"model_id": "the model", "item_id": "the item", "factor": "factors, one dimension", "bias": "what is added to the product of the factors; NULL where the method has no bias", "interactions": "users trained on"}'),
		('user_factor', format('model_id int8, user_id %s, factor float4[] NOT NULL, bias float4, interactions int4 NOT NULL, PRIMARY KEY (model_id, user_id)', u),
			'part of a model: user factors as trained, for batch work and analysis; serving solves them anew from the current history',
			'{"model_id": "the model", "user_id": "the user", "factor": "factors, one dimension", "bias": "what is added to the product of the factors; NULL where the method has no bias", "interactions": "items trained on"}'),
		('item_attribute', format('model_id int8, item_id %s, category text, price float8 %s, released_at timestamptz, extra float4[], PRIMARY KEY (model_id, item_id)', i,
				'CHECK (price >= 0 AND price < ''Infinity'')'),
			'part of a model: what the catalog said of its items when it was trained, which the features of the ranker are made from',
			'{"model_id": "the model", "item_id": "the item", "category": "category; NULL where the catalog has none", "price": "price; NULL where the catalog has none, or one below 0", "released_at": "when the item was released; NULL where the catalog does not say", "extra": "the policy''s own features, ordered by name in bytes; 0 where the expression gave NULL; NULL where the policy has none or the catalog not the item"}'),
		('recommendation', format('user_id %1$s, rank int4, item_id %2$s NOT NULL, score float8 NOT NULL, source text NOT NULL, reason text NOT NULL, because_item_id %2$s, model_id int8 NOT NULL, computed_at timestamptz NOT NULL, PRIMARY KEY (user_id, rank)', u, i),
			'lists that recommend_all has written, for bulk mail, caches and BI',
			'{"user_id": "the user", "rank": "place in the list", "item_id": "the item", "score": "as SHOP.recommend has it", "source": "neighbor, factor, popularity, category, history, fresh or pinned; explore is drawn by SHOP.serve alone", "reason": "a sentence for people", "because_item_id": "the item that a neighbor goes with", "model_id": "the model", "computed_at": "when the list was made"}'),
		('user_evaluation', format('run_id int8, policy text, protocol text, user_id %s, metric text, k int4, value float8 NOT NULL, PRIMARY KEY (run_id, policy, protocol, user_id, metric, k)', u),
			'metrics of each user, kept when an evaluation is asked for per_user',
			'{"run_id": "the run", "policy": "the policy", "protocol": "new or all", "user_id": "the user", "metric": "the metric", "k": "length of the list", "value": "the metric of this user"}')
		) v (name, columns, comment, column_comments) LOOP
		EXECUTE format('CREATE TABLE %I.%I (%s)', recommender, t.name, t.columns);
		EXECUTE format('COMMENT ON TABLE %I.%I IS %L', recommender, t.name, t.comment);
		-- nobody asks for an element, and ANALYZE would count them all, for most of its time
		IF t.name IN ('item_factor', 'user_factor') THEN
			EXECUTE format('ALTER TABLE %I.%I ALTER factor SET STATISTICS 0', recommender, t.name);
		END IF;
		FOR c IN SELECT * FROM jsonb_each_text(t.column_comments) LOOP
			EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', recommender, t.name, c.key, c.value);
		END LOOP;
	END LOOP;
	PERFORM recsys._build_log(recommender);
	PERFORM recsys._build_experiment(recommender);
END $$;
COMMENT ON FUNCTION recsys._build_tables(name) IS 'creates the tables of a recommender in its own id types';

CREATE FUNCTION recsys.alter_recommender(recommender name, source regclass DEFAULT NULL, user_column name DEFAULT NULL, item_column name DEFAULT NULL,
	time_column name DEFAULT NULL, value_column name DEFAULT NULL, event_column name DEFAULT NULL,
	catalog regclass DEFAULT NULL, catalog_columns jsonb DEFAULT NULL,
	feedback text DEFAULT NULL, positives jsonb DEFAULT NULL,
	min_value float8 DEFAULT NULL, weight_rule text DEFAULT NULL, merge text DEFAULT NULL,
	repeatable boolean DEFAULT NULL, filter text DEFAULT NULL, time_zone text DEFAULT NULL,
	settings jsonb DEFAULT '{}', unset text[] DEFAULT '{}') RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	u regtype;
	i regtype;
	bad text;
BEGIN
	PERFORM recsys._check_owner(recommender);
	-- a run must end by the definition it began with
	PERFORM recsys._lock_run(recommender, false);
	PERFORM recsys._check_settings(coalesce(settings, '{}'));
	SELECT n INTO bad FROM unnest(unset) n
	WHERE n NOT IN ('time_column', 'value_column', 'event_column', 'catalog', 'catalog_columns', 'positives', 'min_value', 'filter') LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION '"%" cannot be unset', bad USING ERRCODE = '22023',
			HINT = 'time_column, value_column, event_column, catalog, catalog_columns, positives, min_value and filter can.';
	END IF;
	r.source := coalesce(source, r.source);
	r.source_name := coalesce(source::text, r.source_name);
	r.catalog := CASE WHEN 'catalog' = ANY (unset) THEN NULL ELSE coalesce(catalog, r.catalog) END;
	r.catalog_name := CASE WHEN 'catalog' = ANY (unset) THEN NULL ELSE coalesce(catalog::text, r.catalog_name) END;
	r.feedback := coalesce(feedback, r.feedback);
	r.repeatable := coalesce(repeatable, r.repeatable);
	r.settings := r.settings || coalesce(settings, '{}')
		|| jsonb_build_object('rules', (r.settings -> 'rules') || coalesce(settings -> 'rules', '{}')) || jsonb_strip_nulls(jsonb_build_object(
		'user_column', user_column, 'item_column', item_column, 'time_column', time_column, 'value_column', value_column,
		'event_column', event_column, 'positives', positives, 'min_value', min_value,
		'weight_rule', weight_rule, 'merge', merge, 'filter', nullif(filter, ''), 'time_zone', time_zone));
	-- a column named null is one to do without
	r.settings := r.settings || CASE WHEN catalog_columns IS NULL THEN '{}' ELSE jsonb_build_object('catalog_columns', catalog_columns) END
		|| coalesce((SELECT jsonb_object_agg(n, NULL) FROM unnest(unset) n WHERE n <> 'catalog'), '{}');
	IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) THEN
		RAISE EXCEPTION 'source % of recommender "%" no longer exists', r.source_name, recommender
			USING ERRCODE = '42P01', HINT = format('SELECT recsys.alter_recommender(%L, source => ...) names another.', recommender);
	END IF;
	u := recsys._column_type(r.source, r.settings ->> 'user_column', 'user_column');
	i := recsys._column_type(r.source, r.settings ->> 'item_column', 'item_column');
	IF u <> r.user_type OR i <> r.item_type THEN
		RAISE EXCEPTION 'ids would change from (%, %) to (%, %)', r.user_type, r.item_type, u, i
			USING ERRCODE = '42804', HINT = 'The models are stored in the ids'' own types: drop_recommender and create it anew.';
	END IF;
	PERFORM recsys._check_definition(r);
	UPDATE recsys.recommender d
	SET source = r.source, source_name = r.source_name, catalog = r.catalog, catalog_name = r.catalog_name,
		feedback = r.feedback, repeatable = r.repeatable, settings = r.settings, changed_at = now()
	WHERE d.recommender = r.recommender;
	PERFORM recsys._add_policies(recommender);
	-- what the schema holds stays its owner's
	PERFORM recsys._execute_as_owner(recommender, format(
		'SELECT recsys._build_views(%1$L), recsys._build_catalog(%1$L), recsys.refresh_functions(%1$L)', recommender));
	IF source IS NOT NULL OR user_column IS NOT NULL OR item_column IS NOT NULL OR time_column IS NOT NULL THEN
		PERFORM recsys._notice_indexes(recommender);
	END IF;
	IF catalog IS NOT NULL OR catalog_columns IS NOT NULL OR time_zone IS NOT NULL THEN
		PERFORM recsys._notice_order(recommender);
	END IF;
	RETURN recommender;
END $$;
COMMENT ON FUNCTION recsys.alter_recommender(name, regclass, name, name, name, name, name, regclass, jsonb, text, jsonb, float8, text, text, boolean, text, text, jsonb, text[]) IS
'changes a definition: NULL keeps what there is, unset names what becomes NULL; models and their rows stay';

CREATE FUNCTION recsys.drop_recommender(recommender name, cascade boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	tables constant name[] := ARRAY['excluded_user', 'excluded_item', 'popularity', 'item_neighbor', 'item_factor', 'user_factor', 'item_attribute', 'recommendation', 'user_evaluation', 'request', 'exposure', 'experiment_override'];
	views constant name[] := ARRAY['exposure_feature', 'request_history', 'interaction', 'event', 'dislike', 'catalog'];
	foreign_objects text;
	o record;
	r recsys.recommender := recsys._recommender(recommender);
BEGIN
	IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = recommender) THEN
		PERFORM recsys._drop_jobs(recommender);
		DELETE FROM recsys.recommender d WHERE d.recommender = drop_recommender.recommender;
		RETURN;
	END IF;
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._lock_run(recommender, false);
	IF NOT cascade THEN
		SELECT string_agg(f.what, ', ' ORDER BY f.what) INTO foreign_objects FROM (
			SELECT format('relation %I', c.relname) AS what FROM pg_class c
			WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = recommender)
			AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND NOT c.relispartition AND c.relname <> ALL (tables || views)
			UNION ALL
			SELECT format('function %I', p.proname) FROM pg_proc p
			WHERE p.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = recommender)
			-- serve's body is text, which depends on nothing
			AND p.oid IS DISTINCT FROM to_regprocedure(format('%I.serve(%s, text, %s[], int, text, jsonb)', recommender,
				format_type(r.user_type, -1), format_type(r.item_type, -1)))
			AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_proc door ON door.oid = d.refobjid
				WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_proc'::regclass
				AND door.pronamespace = 'recsys'::regnamespace)
			UNION ALL
			SELECT format('type %I', t.typname) FROM pg_type t
			WHERE t.typnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = recommender)
			AND t.typrelid = 0 AND t.typcategory <> 'A') f;
		IF foreign_objects IS NOT NULL THEN
			RAISE EXCEPTION 'schema "%" holds objects that the recommender did not make', recommender
				USING ERRCODE = '2BP01', DETAIL = 'They are ' || foreign_objects || '.',
				HINT = format('SELECT recsys.drop_recommender(%L, cascade => true) drops them too.', recommender);
		END IF;
	END IF;
	PERFORM recsys._forget_images(recommender, NULL);
	PERFORM recsys._drop_jobs(recommender);
	-- only while the schema is there may its owner write the registry
	DELETE FROM recsys.recommender d WHERE d.recommender = drop_recommender.recommender;
	IF cascade THEN
		EXECUTE format('DROP SCHEMA %I CASCADE', recommender);
		RETURN;
	END IF;
	FOR o IN SELECT p.oid::regprocedure AS name FROM pg_proc p
		WHERE p.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = recommender) LOOP
		EXECUTE format('DROP FUNCTION %s', o.name);
	END LOOP;
	EXECUTE (SELECT string_agg(format('DROP VIEW IF EXISTS %I.%I', recommender, v), ';') FROM unnest(views) v);
	EXECUTE (SELECT string_agg(format('DROP TABLE IF EXISTS %I.%I', recommender, t), ';') FROM unnest(tables) t);
	EXECUTE format('DROP SCHEMA %I', recommender);
END $$;
COMMENT ON FUNCTION recsys.drop_recommender(name, boolean) IS
'drops a recommender, its schema and its history; refuses when the schema holds objects it did not make, unless cascade';
