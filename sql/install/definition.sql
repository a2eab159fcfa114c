/* ---------------------------------------------------------------------------
 * Definition of a recommender: its schema, its views over the source, its
 * policies.  The cleaning rules are written once, in _rules and _expressions;
 * the views and the quality report are generated from them.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._query_as_owner(recommender name, query text) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'recsys_query_as_owner';
COMMENT ON FUNCTION recsys._query_as_owner(name, text) IS
'rows of a reading query, run as the recommender''s owner; for callers with the owner''s privileges';

CREATE FUNCTION recsys._execute_as_owner(recommender name, command text) RETURNS int8
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_execute_as_owner';
COMMENT ON FUNCTION recsys._execute_as_owner(name, text) IS
'runs a command as the recommender''s owner; for callers with the owner''s privileges; returns the rows processed';

CREATE FUNCTION recsys._default_settings() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '{"rules": {}, "future_tolerance": "1 hour", "repeat_window": "0 seconds",
		"relevant": "owned", "dislike_max_value": null, "require_catalog": true,
		"bot_z": 6, "never_bots": [], "history_limit": 200,
		"keep_models": 3}'::pg_catalog.jsonb;
END;
COMMENT ON FUNCTION recsys._default_settings() IS
'settings of a recommender that are not arguments of create_recommender, with their defaults';

CREATE FUNCTION recsys._default_policy_settings(method text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE method
		WHEN 'popularity' THEN '{}'
		WHEN 'item_item' THEN '{"neighbors": 200, "activity": 1, "source_exponent": 0.5, "target_exponent": 0.5, "shrinkage": 0}'
		WHEN 'factors' THEN '{"factors": 48, "alpha0": 0.3, "lambda": 0.01, "nu": 1, "sweeps": 15, "initial_sd": null}'
		WHEN 'funnel' THEN '{"neighbors": 200, "activity": 1, "source_exponent": 0.5, "target_exponent": 0.5, "shrinkage": 0,
			"factors": 48, "alpha0": 0.3, "lambda": 0.01, "nu": 1, "sweeps": 15, "initial_sd": null, "blend": 0.2}'
		END::pg_catalog.jsonb;
END;
COMMENT ON FUNCTION recsys._default_policy_settings(text) IS
'settings of a method with their defaults; NULL for an unknown method';

CREATE FUNCTION recsys._check_keys(given jsonb, known jsonb, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	k text;
BEGIN
	IF given IS NULL OR jsonb_typeof(given) <> 'object' THEN
		RAISE EXCEPTION '% must be a JSON object', what USING ERRCODE = '22023';
	END IF;
	SELECT g INTO k FROM jsonb_object_keys(given) g WHERE NOT known ? g ORDER BY g LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'unknown key "%" in %', k, what
			USING ERRCODE = '22023',
			HINT = coalesce('Known keys are ' || (SELECT string_agg(n, ', ' ORDER BY n) FROM jsonb_object_keys(known) n) || '.',
				'There are no keys.');
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_keys(jsonb, jsonb, text) IS
'raises 22023 for a key that is not known, naming the known ones';

CREATE FUNCTION recsys._check_number(settings jsonb, key text, low float8, high float8, whole boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v jsonb := settings -> key;
BEGIN
	IF v IS NULL OR v = 'null' THEN
		RETURN;
	END IF;
	IF jsonb_typeof(v) <> 'number' OR (v #>> '{}')::float8 NOT BETWEEN low AND high
		OR whole AND (v #>> '{}')::float8 <> trunc((v #>> '{}')::float8) THEN
		RAISE EXCEPTION 'setting "%" is %, must be a % from % to %', key, v,
			CASE WHEN whole THEN 'whole number' ELSE 'number' END, low, high
			USING ERRCODE = '22023';
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_number(jsonb, text, float8, float8, boolean) IS
'raises 22023 unless the setting is absent, null or a number within its bounds';

CREATE FUNCTION recsys._check_settings(settings jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	k text;
BEGIN
	PERFORM recsys._check_keys(settings, recsys._default_settings(), 'settings');
	SELECT e.key INTO k FROM jsonb_each(settings) e
	WHERE e.value = 'null' AND e.key <> 'dislike_max_value' ORDER BY e.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'setting "%" must not be null', k
			USING ERRCODE = '22023', HINT = format('Its default is %s.', recsys._default_settings() -> k);
	END IF;
	PERFORM recsys._check_keys(coalesce(settings -> 'rules', '{}'),
		'{"filter": 1, "value_not_finite": 1, "value_not_positive": 1, "future": 1, "excluded_user": 1, "excluded_item": 1, "bots": 1}',
		'settings.rules');
	IF EXISTS (SELECT FROM jsonb_each(coalesce(settings -> 'rules', '{}')) r WHERE jsonb_typeof(r.value) <> 'boolean') THEN
		RAISE EXCEPTION 'settings.rules must map rules to true or false' USING ERRCODE = '22023';
	END IF;
	PERFORM recsys._check_number(settings, 'history_limit', 1, 10000, true);
	PERFORM recsys._check_number(settings, 'keep_models', 1, 1000, true);
	PERFORM recsys._check_number(settings, 'bot_z', 0.1, 1000, false);
	PERFORM recsys._check_number(settings, 'dislike_max_value', -1e300, 1e300, false);
	IF coalesce(settings ->> 'relevant', 'owned') NOT IN ('owned', 'positive') THEN
		RAISE EXCEPTION 'setting "relevant" is "%", must be "owned" or "positive"', settings ->> 'relevant'
			USING ERRCODE = '22023';
	END IF;
	IF coalesce(settings ->> 'require_catalog', 'true') NOT IN ('true', 'false') THEN
		RAISE EXCEPTION 'setting "require_catalog" is %, must be true or false', settings -> 'require_catalog'
			USING ERRCODE = '22023';
	END IF;
	IF jsonb_typeof(coalesce(settings -> 'never_bots', '[]')) <> 'array' THEN
		RAISE EXCEPTION 'setting "never_bots" must be an array of user ids' USING ERRCODE = '22023';
	END IF;
	FOREACH k IN ARRAY ARRAY['future_tolerance', 'repeat_window'] LOOP
		BEGIN
			IF (settings ->> k)::interval NOT BETWEEN interval '0' AND interval '10 years' AND k = 'repeat_window' THEN
				RAISE EXCEPTION 'setting "%" is "%", must be from 0 to 10 years', k, settings ->> k USING ERRCODE = '22023';
			END IF;
		EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
			RAISE EXCEPTION 'setting "%" is "%", must be an interval', k, settings ->> k
				USING ERRCODE = '22023', HINT = 'For example "90 minutes".';
		END;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._check_settings(jsonb) IS
'raises 22023 for an unknown setting or a value out of its bounds';

CREATE FUNCTION recsys._check_policy_settings(method text, settings jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known jsonb := recsys._default_policy_settings(method);
BEGIN
	IF known IS NULL THEN
		RAISE EXCEPTION 'unknown method "%"', method
			USING ERRCODE = '22023', HINT = 'Methods are popularity, item_item, factors and funnel.';
	END IF;
	PERFORM recsys._check_keys(settings, known, format('settings of method %s', method));
	IF EXISTS (SELECT FROM jsonb_each(settings) s WHERE s.value = 'null' AND s.key <> 'initial_sd') THEN
		RAISE EXCEPTION 'setting "%" must not be null',
			(SELECT s.key FROM jsonb_each(settings) s WHERE s.value = 'null' AND s.key <> 'initial_sd' ORDER BY s.key LIMIT 1)
			USING ERRCODE = '22023';
	END IF;
	PERFORM recsys._check_number(settings, 'neighbors', 1, 100000, true);
	PERFORM recsys._check_number(settings, 'activity', 0, 10, false);
	PERFORM recsys._check_number(settings, 'source_exponent', 0, 10, false);
	PERFORM recsys._check_number(settings, 'target_exponent', 0, 10, false);
	PERFORM recsys._check_number(settings, 'shrinkage', 0, 1e9, false);
	PERFORM recsys._check_number(settings, 'factors', 1, 1024, true);
	PERFORM recsys._check_number(settings, 'alpha0', 0, 1e6, false);
	PERFORM recsys._check_number(settings, 'lambda', 0, 1e6, false);
	PERFORM recsys._check_number(settings, 'nu', 0, 2, false);
	PERFORM recsys._check_number(settings, 'sweeps', 1, 1000, true);
	PERFORM recsys._check_number(settings, 'initial_sd', 1e-9, 1e3, false);
	PERFORM recsys._check_number(settings, 'blend', 0, 1, false);
	RETURN known || settings;
END $$;
COMMENT ON FUNCTION recsys._check_policy_settings(text, jsonb) IS
'the settings of a policy with defaults filled in; raises 22023 for what is unknown or out of bounds';

CREATE FUNCTION recsys._column_type(relation regclass, column_name name, what text) RETURNS regtype
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	t regtype;
BEGIN
	SELECT a.atttypid::regtype INTO t
	FROM pg_attribute a
	WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'column "%" of relation % does not exist (%)', column_name, relation, what
			USING ERRCODE = '42703',
			HINT = 'Its columns are ' || coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
				FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped), 'none') || '.';
	END IF;
	RETURN t;
END $$;
COMMENT ON FUNCTION recsys._column_type(regclass, name, text) IS
'type of a column; raises 42703 naming the columns there are';

CREATE FUNCTION recsys._check_condition(condition text) RETURNS void
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_check_condition';
COMMENT ON FUNCTION recsys._check_condition(text) IS
'raises 42601 unless the text is one expression that cannot end the statement it is put into';

CREATE FUNCTION recsys._is_number(type regtype) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(nullif(t.typbasetype, 0), t.oid) IN ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype,
		'int8'::pg_catalog.regtype, 'float4'::pg_catalog.regtype, 'float8'::pg_catalog.regtype, 'numeric'::pg_catalog.regtype)
	FROM pg_catalog.pg_type t WHERE t.oid = $1;
END;
COMMENT ON FUNCTION recsys._is_number(regtype) IS
'whether the type, or the type that a domain is over, is a number that casts to float8';

CREATE FUNCTION recsys._check_id_type(id_type regtype, column_name name) RETURNS void
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_check_id_type';
COMMENT ON FUNCTION recsys._check_id_type(regtype, name) IS
'raises 42804 unless the type can be hashed and sorted, as an id must';

CREATE FUNCTION recsys._recommender(recommender name) RETURNS recsys.recommender
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender;
BEGIN
	SELECT d.* INTO r FROM recsys.recommender d WHERE d.recommender = _recommender.recommender;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'recommender "%" does not exist', recommender
			USING ERRCODE = '42704',
			HINT = 'SELECT recommender FROM recsys.recommender lists those whose schema you may use.';
	END IF;
	RETURN r;
END $$;
COMMENT ON FUNCTION recsys._recommender(name) IS
'the registry row of a recommender; raises 42704 where there is none that the caller may see';

CREATE FUNCTION recsys._check_owner(recommender name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM recsys._recommender(recommender);
	-- only those whom row-level security lets through can see this row
	IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = recommender) THEN
		RAISE EXCEPTION 'schema "%" of the recommender no longer exists', recommender
			USING ERRCODE = '3F000',
			HINT = format('SELECT recsys.drop_recommender(%L) forgets it, create_recommender makes it anew.', recommender);
	END IF;
	IF NOT recsys._may_write(recommender) THEN
		RAISE EXCEPTION 'must have the privileges of the owner of recommender "%"', recommender
			USING ERRCODE = '42501',
			HINT = format('Its owner is %s.', (SELECT n.nspowner::regrole FROM pg_namespace n WHERE n.nspname = recommender));
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_owner(name) IS
'raises 42501 unless the current role has the privileges of the recommender''s owner, 3F000 where its schema is gone';

/* ---- the cleaning rules and the columns of the views ---- */

CREATE FUNCTION recsys._expressions(recommender name,
	OUT source text, OUT user_id text, OUT item_id text, OUT event text, OUT event_weight text,
	OUT value text, OUT weight text, OUT interacted_at text, OUT positive text, OUT owned text,
	OUT disliked text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	s jsonb := r.settings;
	positives jsonb := nullif(s -> 'positives', 'null');
	time_type regtype;
	value_type regtype;
	top float8;
	minimum text;
	names text;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) THEN
		RAISE EXCEPTION 'source % of recommender "%" no longer exists', r.source_name, recommender
			USING ERRCODE = '42P01',
			HINT = format('SELECT recsys.alter_recommender(%L, source => ...) names another.', recommender);
	END IF;
	source := r.source::text;
	PERFORM recsys._column_type(r.source, s ->> 'user_column', 'user_column');
	PERFORM recsys._column_type(r.source, s ->> 'item_column', 'item_column');
	user_id := format('s.%I', s ->> 'user_column');
	item_id := format('s.%I', s ->> 'item_column');

	interacted_at := 'NULL::timestamptz';
	IF s ->> 'time_column' IS NOT NULL THEN
		time_type := recsys._column_type(r.source, s ->> 'time_column', 'time_column');
		interacted_at := CASE time_type
			WHEN 'timestamptz'::regtype THEN format('s.%I', s ->> 'time_column')
			WHEN 'timestamp'::regtype THEN format('(s.%I AT TIME ZONE %L)', s ->> 'time_column', s ->> 'time_zone')
			WHEN 'date'::regtype THEN format('(s.%I::timestamp AT TIME ZONE %L)', s ->> 'time_column', s ->> 'time_zone')
			END;
		IF interacted_at IS NULL THEN
			RAISE EXCEPTION 'time column "%" has type %, must be timestamptz, timestamp or date', s ->> 'time_column', time_type
				USING ERRCODE = '42804',
				HINT = 'For seconds since 1970, make a view over the source with to_timestamp(...).';
		END IF;
	END IF;

	event := quote_literal('interaction') || '::text';
	IF s ->> 'event_column' IS NOT NULL THEN
		PERFORM recsys._column_type(r.source, s ->> 'event_column', 'event_column');
		event := format('s.%I::text', s ->> 'event_column');
	END IF;

	value := '1::float8';
	IF s ->> 'value_column' IS NOT NULL THEN
		value_type := recsys._column_type(r.source, s ->> 'value_column', 'value_column');
		IF NOT recsys._is_number(value_type) THEN
			RAISE EXCEPTION 'value column "%" has type %, must be a number', s ->> 'value_column', value_type
				USING ERRCODE = '42804', HINT = 'Cast it in a view over the source, and make that the source.';
		END IF;
		value := format('s.%I::float8', s ->> 'value_column');
		IF s ->> 'event_column' IS NOT NULL THEN
			value := format('coalesce(%s, 1)', value);	-- a view has no quantity
		END IF;
	END IF;

	minimum := CASE WHEN s ->> 'min_value' IS NULL THEN 'true' ELSE format('%s >= %L::float8', value, s ->> 'min_value') END;
	event_weight := '1::float8';
	owned := 'true';
	IF positives IS NOT NULL THEN
		event_weight := format('CASE %s %s END', event,
			(SELECT string_agg(format('WHEN %L THEN %L::float8', p.key, coalesce(p.value ->> 'weight', '1')), ' ' ORDER BY p.key)
			 FROM jsonb_each(positives) p));
		minimum := format('CASE %s %s ELSE %s END', event,
			(SELECT string_agg(format('WHEN %L THEN %s', p.key,
				CASE WHEN p.value ->> 'min_value' IS NULL THEN minimum
					ELSE format('%s >= %L::float8', value, p.value ->> 'min_value') END), ' ' ORDER BY p.key)
			 FROM jsonb_each(positives) p), minimum);
		top := (SELECT max(coalesce(p.value ->> 'weight', '1')::float8) FROM jsonb_each(positives) p);
		names := (SELECT string_agg(quote_literal(p.key), ', ' ORDER BY p.key) FROM jsonb_each(positives) p
			WHERE coalesce((p.value ->> 'owned')::boolean,
				NOT EXISTS (SELECT FROM jsonb_each(positives) o WHERE o.value -> 'owned' = 'true')
				AND coalesce(p.value ->> 'weight', '1')::float8 = top AND top > 0));
		owned := CASE WHEN names IS NULL THEN 'false' ELSE format('%s IN (%s)', event, names) END;
	END IF;
	positive := CASE WHEN positives IS NULL THEN minimum ELSE format('(%s > 0 AND %s)', event_weight, minimum) END;
	disliked := CASE WHEN positives IS NULL THEN 'false' ELSE format('%s < 0', event_weight) END;
	IF s ->> 'dislike_max_value' IS NOT NULL THEN
		-- a row without a value says nothing, though it counts as 1
		disliked := format('(%s OR %s <= %L::float8)', disliked,
			CASE WHEN s ->> 'value_column' IS NULL THEN 'NULL' ELSE format('s.%I::float8', s ->> 'value_column') END,
			s ->> 'dislike_max_value');
	END IF;
	-- greatest(): the planner may compute this before the rules have dropped the row
	weight := CASE s ->> 'weight_rule'
		WHEN 'value' THEN format('(%s * greatest(%s, 0))', event_weight, value)
		WHEN 'log' THEN format('(%s * (1 + ln(1 + greatest(%s, 0))))', event_weight, value)
		ELSE event_weight END;
END $$;
COMMENT ON FUNCTION recsys._expressions(name) IS
'SQL expressions over the source, aliased s, for the columns of the views';

CREATE FUNCTION recsys._rules(recommender name)
	RETURNS TABLE (step int, rule text, enabled boolean, parameter text, predicate text, note text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	s jsonb := r.settings;
	x record;
	has_value boolean := r.settings ->> 'value_column' IS NOT NULL;
	has_time boolean := r.settings ->> 'time_column' IS NOT NULL;
	has_events boolean := nullif(r.settings -> 'positives', 'null') IS NOT NULL;
BEGIN
	SELECT * INTO x FROM recsys._expressions(recommender);
	PERFORM recsys._check_condition(s ->> 'filter');
	RETURN QUERY
	SELECT row_number() OVER ()::int, v.rule,
		v.possible AND coalesce((s -> 'rules' ->> v.rule)::boolean, v.usual), v.parameter, v.predicate, v.note
	FROM (VALUES
		('null_user', true, true, s ->> 'user_column', x.user_id || ' IS NOT NULL', 'user id is NULL'),
		('null_item', true, true, s ->> 'item_column', x.item_id || ' IS NOT NULL', 'item id is NULL'),
		('null_time', has_time, true, s ->> 'time_column', format('isfinite(%s)', x.interacted_at), 'time is NULL or infinite'),
		('filter', s ->> 'filter' IS NOT NULL, true, s ->> 'filter', format(E'(\n%s\n)', s ->> 'filter'), 'not passed by the filter'),
		('event', has_events, true, (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(nullif(s -> 'positives', 'null')) k),
			format('%s > 0', x.event_weight), 'not a positive: an event type without a positive weight'),
		('value_not_finite', has_value, true, s ->> 'value_column',
			format('%1$s > ''-Infinity'' AND %1$s < ''Infinity''', x.value), 'value is NULL, NaN or infinite'),
		('value_not_positive', has_value, r.feedback = 'implicit', s ->> 'value_column', format('%s > 0', x.value), 'value is zero or negative'),
		('below_minimum', r.feedback = 'implicit', true, coalesce(s ->> 'min_value', ''),
			format('(%s OR %s)', x.positive, x.owned), 'not a positive: below the minimum value, and not owned'),
		('future', has_time, true, s ->> 'future_tolerance',
			format('%s <= now() + %L::interval', x.interacted_at, s ->> 'future_tolerance'), 'later than the present'),
		('excluded_user', true, true, '',
			format('NOT EXISTS (SELECT FROM %I.excluded_user x WHERE x.user_id = %s AND x.rule NOT IN (''bot_rate'', ''bot_breadth''))', recommender, x.user_id),
			'user stands in excluded_user'),
		('excluded_item', true, true, '',
			format('NOT EXISTS (SELECT FROM %I.excluded_item x WHERE x.item_id = %s)', recommender, x.item_id),
			'item stands in excluded_item'),
		('bots', true, true, s ->> 'bot_z',
			format('NOT EXISTS (SELECT FROM %I.excluded_user x WHERE x.user_id = %s AND x.rule IN (''bot_rate'', ''bot_breadth''))', recommender, x.user_id),
			'user was found by detect_bots')
	) v (rule, possible, usual, parameter, predicate, note);
END $$;
COMMENT ON FUNCTION recsys._rules(name) IS
'the cleaning rules in order: a row of the source, aliased s, is kept while every enabled predicate is true';

CREATE FUNCTION recsys._build_views(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	x record;
	kept text;
	known text;
	all_users boolean;
BEGIN
	SELECT * INTO x FROM recsys._expressions(recommender);
	SELECT coalesce(string_agg(u.predicate, E'\n\tAND ' ORDER BY u.step), 'true'),
		coalesce(string_agg(u.predicate, E'\n\tAND ' ORDER BY u.step)
			FILTER (WHERE u.rule NOT IN ('event', 'below_minimum', 'value_not_positive')), 'true')
	INTO kept, known
	FROM recsys._rules(recommender) u
	WHERE u.enabled AND u.rule NOT IN ('excluded_user', 'excluded_item', 'bots');

	BEGIN
		EXECUTE format($v$CREATE OR REPLACE VIEW %I.event WITH (security_invoker = true) AS
		SELECT %s AS user_id, %s AS item_id, %s AS event, %s AS value, (%s)::float8 AS weight,
			%s AS interacted_at, (%s) AS positive, (%s) AS owned
		FROM %s s
		WHERE %s$v$, recommender, x.user_id, x.item_id, x.event, x.value, x.weight, x.interacted_at,
			x.positive, x.owned, x.source, kept);
	EXCEPTION WHEN syntax_error_or_access_rule_violation THEN
		IF r.settings ->> 'filter' IS NULL THEN
			RAISE;
		END IF;
		RAISE EXCEPTION '%', SQLERRM USING ERRCODE = SQLSTATE,
			DETAIL = format('The filter is: %s', r.settings ->> 'filter'),
			HINT = format('It is a condition on one row of %s; subqueries may stand in it.', x.source);
	END;

	-- one anti-join for each of the two tables of exclusions
	SELECT bool_and(u.enabled) INTO all_users FROM recsys._rules(recommender) u WHERE u.rule IN ('excluded_user', 'bots');
	EXECUTE format($v$CREATE OR REPLACE VIEW %1$I.interaction WITH (security_invoker = true) AS
	SELECT e.user_id, e.item_id, e.event, e.value, e.weight, e.interacted_at, e.positive, e.owned
	FROM %1$I.event e
	WHERE %2$s
	AND %3$s$v$, recommender,
		(SELECT CASE WHEN bool_or(u.enabled) THEN
				format('NOT EXISTS (SELECT FROM %I.excluded_user x WHERE x.user_id = e.user_id%s)', recommender,
					CASE WHEN all_users THEN '' WHEN bool_or(u.enabled AND u.rule = 'bots') THEN ' AND x.rule IN (''bot_rate'', ''bot_breadth'')'
						ELSE ' AND x.rule NOT IN (''bot_rate'', ''bot_breadth'')' END) ELSE 'true' END
		 FROM recsys._rules(recommender) u WHERE u.rule IN ('excluded_user', 'bots')),
		(SELECT CASE WHEN u.enabled THEN
				format('NOT EXISTS (SELECT FROM %I.excluded_item x WHERE x.item_id = e.item_id)', recommender) ELSE 'true' END
		 FROM recsys._rules(recommender) u WHERE u.rule = 'excluded_item'));

	EXECUTE format($v$CREATE OR REPLACE VIEW %I.dislike WITH (security_invoker = true) AS
	SELECT %s AS user_id, %s AS item_id, %s AS interacted_at
	FROM %s s
	WHERE %s
	AND %s$v$, recommender, x.user_id, x.item_id, x.interacted_at, x.source, known, x.disliked);

	EXECUTE format('COMMENT ON VIEW %I.event IS %L', recommender, format('rows of %s that pass the row rules; excluded users and items are still in', x.source));
	EXECUTE format('COMMENT ON VIEW %I.interaction IS %L', recommender, format('clean interactions: rows of %s that pass every rule; repeats are merged by those who read it', x.source));
	EXECUTE format('COMMENT ON VIEW %I.dislike IS %L', recommender, 'what users said they do not want: never trained on, never listed to them');
	EXECUTE (SELECT string_agg(format('COMMENT ON COLUMN %I.%s.%s IS %L', recommender, v.rel, c.name, c.comment), ';')
		FROM (VALUES ('user_id', 'user'), ('item_id', 'item'), ('event', 'event type'), ('value', 'value in the source; 1 where there is none'),
			('weight', 'weight of the event, by its type and the weight rule'), ('interacted_at', 'time of the event'),
			('positive', 'whether it is trained on'), ('owned', 'whether the item leaves the user''s lists')) c (name, comment),
			(VALUES ('event'), ('interaction'), ('dislike')) v (rel)
		WHERE v.rel <> 'dislike' OR c.name IN ('user_id', 'item_id', 'interacted_at'));
END $$;
COMMENT ON FUNCTION recsys._build_views(name) IS
'(re)creates the views event, interaction and dislike of a recommender from its definition';

CREATE FUNCTION recsys._build_catalog(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	given jsonb := coalesce(nullif(r.settings -> 'catalog_columns', 'null'), '{}');
	c record;
	col name;
	t regtype;
	used name[] := ARRAY[]::name[];
	list text := '';
	old_acl aclitem[];
	owner regrole;
BEGIN
	PERFORM recsys._check_keys(given, '{"item": 1, "title": 1, "category": 1, "price": 1, "released_at": 1, "available": 1}', 'catalog_columns');
	IF r.catalog IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class p WHERE p.oid = r.catalog) THEN
		RAISE EXCEPTION 'catalog % of recommender "%" no longer exists', r.catalog_name, recommender
			USING ERRCODE = '42P01',
			HINT = format('SELECT recsys.alter_recommender(%L, catalog => ...) names another.', recommender);
	END IF;
	FOR c IN SELECT * FROM (VALUES (1, 'item', 'item_id', format_type(r.item_type, -1)), (2, 'title', 'title', 'text'),
			(3, 'category', 'category', 'text'), (4, 'price', 'price', 'float8'), (5, 'released_at', 'released_at', 'timestamptz'),
			(6, 'available', 'available', 'boolean')) v (n, key, name, type) ORDER BY n LOOP
		col := NULL;
		IF r.catalog IS NOT NULL AND given ? c.key THEN
			col := given ->> c.key;		-- null: none, whatever the names
			IF col IS NOT NULL THEN
				PERFORM recsys._column_type(r.catalog, col, format('catalog_columns.%s', c.key));
			END IF;
		ELSIF r.catalog IS NOT NULL THEN
			SELECT a.attname INTO col
			FROM pg_attribute a
			WHERE a.attrelid = r.catalog AND a.attnum > 0 AND NOT a.attisdropped
			AND a.attname = ANY (CASE c.key WHEN 'item' THEN ARRAY[r.settings ->> 'item_column', 'item_id', 'id'] ELSE ARRAY[c.key] END)
			ORDER BY array_position(ARRAY[r.settings ->> 'item_column', 'item_id', 'id'], a.attname::text) LIMIT 1;
		END IF;
		IF col IS NOT NULL THEN
			t := recsys._column_type(r.catalog, col, 'catalog');
			used := used || col;
		END IF;
		IF c.key = 'item' AND r.catalog IS NOT NULL THEN
			IF col IS NULL THEN
				RAISE EXCEPTION 'catalog % has no item column', r.catalog
					USING ERRCODE = '42703', HINT = 'Name it: catalog_columns => ''{"item": "..."}''.';
			ELSIF t <> r.item_type THEN
				RAISE EXCEPTION 'item column "%" of the catalog has type %, the items of the source have type %', col, t, r.item_type
					USING ERRCODE = '42804', HINT = format('Cast it to %s in a view, and make that the catalog.', r.item_type);
			END IF;
		ELSIF col IS NOT NULL AND NOT (CASE c.key WHEN 'price' THEN recsys._is_number(t)
			WHEN 'released_at' THEN t IN ('timestamptz', 'timestamp', 'date')
			WHEN 'available' THEN t = 'boolean'::regtype
			ELSE true END) THEN
			RAISE EXCEPTION 'column "%" of the catalog has type %, % must be %', col, t, c.key,
				CASE c.key WHEN 'price' THEN 'a number' WHEN 'available' THEN 'boolean' ELSE 'timestamptz, timestamp or date' END
				USING ERRCODE = '42804',
				HINT = format('Name another column, or null for none: catalog_columns => ''{"%s": null}''.', c.key);
		END IF;
		list := list || CASE WHEN list = '' THEN '' ELSE ', ' END || CASE
			WHEN col IS NULL AND c.key = 'available' THEN 'true AS available'
			WHEN col IS NULL THEN format('NULL::%s AS %I', c.type, c.name)
			WHEN c.key = 'item' THEN format('c.%I AS item_id', col)
			WHEN c.key = 'available' THEN format('coalesce(c.%I, false) AS available', col)
			WHEN c.key = 'released_at' AND t <> 'timestamptz'::regtype
				THEN format('(c.%I::timestamp AT TIME ZONE %L) AS released_at', col, r.settings ->> 'time_zone')
			ELSE format('c.%I::%s AS %I', col, c.type, c.name) END;
	END LOOP;
	-- the catalog's other columns, for filters
	IF r.catalog IS NOT NULL THEN
		list := list || coalesce((SELECT string_agg(format(', c.%I', a.attname), '' ORDER BY a.attnum)
			FROM pg_attribute a
			WHERE a.attrelid = r.catalog AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (used)
			AND a.attname NOT IN ('item_id', 'title', 'category', 'price', 'released_at', 'available')), '');
	END IF;
	-- its columns may change, so it is made anew; owner and privileges stay
	SELECT v.relacl INTO old_acl FROM pg_class v WHERE v.oid = to_regclass(format('%I.catalog', recommender));
	IF FOUND THEN
		EXECUTE format('DROP VIEW %I.catalog', recommender);
	END IF;
	EXECUTE format('CREATE VIEW %I.catalog WITH (security_invoker = true) AS SELECT %s %s', recommender, list,
		CASE WHEN r.catalog IS NULL THEN 'WHERE false' ELSE format('FROM %s c WHERE c.%I IS NOT NULL', r.catalog, used[1]) END);
	SELECT n.nspowner::regrole INTO owner FROM pg_namespace n WHERE n.nspname = recommender;
	EXECUTE format('ALTER VIEW %I.catalog OWNER TO %s', recommender, owner);
	FOR c IN SELECT a.privilege_type, a.is_grantable, a.grantee FROM aclexplode(old_acl) a WHERE a.grantee <> owner LOOP
		EXECUTE format('GRANT %s ON %I.catalog TO %s%s', c.privilege_type, recommender,
			CASE c.grantee WHEN 0 THEN 'PUBLIC' ELSE c.grantee::regrole::text END,
			CASE WHEN c.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
	END LOOP;
	EXECUTE format('COMMENT ON VIEW %I.catalog IS %L', recommender, CASE WHEN r.catalog IS NULL THEN 'no catalog was given' ELSE format('items as described by %s', r.catalog) END);
	EXECUTE (SELECT string_agg(format('COMMENT ON COLUMN %I.catalog.%I IS %L', recommender, v.name, v.comment), ';')
		FROM (VALUES ('item_id', 'item'), ('title', 'title'), ('category', 'category'), ('price', 'price'),
			('released_at', 'when the item was released'), ('available', 'whether it may be listed now')) v (name, comment));
END $$;
COMMENT ON FUNCTION recsys._build_catalog(name) IS
'(re)creates the view catalog of a recommender from its definition';

CREATE FUNCTION recsys._missing_indexes(recommender name) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	time_column name := r.settings ->> 'time_column';
	col name;
BEGIN
	IF (SELECT c.relkind FROM pg_class c WHERE c.oid = r.source) NOT IN ('r', 'p', 'm') THEN
		RETURN;
	END IF;
	FOREACH col IN ARRAY ARRAY[r.settings ->> 'user_column', r.settings ->> 'item_column'] LOOP
		IF NOT EXISTS (
			SELECT FROM pg_index i
			WHERE i.indrelid = r.source AND i.indisvalid AND i.indpred IS NULL
			AND i.indkey[0] = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = r.source AND a.attname = col)
			AND (time_column IS NULL
				OR i.indkey[1] = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = r.source AND a.attname = time_column))) THEN
			RETURN NEXT CASE WHEN time_column IS NULL THEN format('CREATE INDEX ON %s (%I);', r.source, col)
				ELSE format('CREATE INDEX ON %s (%I, %I);', r.source, col, time_column) END;
		END IF;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._missing_indexes(name) IS
'CREATE INDEX commands for the indexes on the source that serving needs and that do not exist';

CREATE FUNCTION recsys._notice_indexes(recommender name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	missing text := (SELECT string_agg(i, E'\n' ORDER BY i) FROM recsys._missing_indexes(recommender) i);
BEGIN
	IF missing IS NOT NULL THEN
		RAISE NOTICE 'serving will read all of % for each list: it has no index for one user or one item',
			(recsys._recommender(recommender)).source USING HINT = missing;
	END IF;
END $$;
COMMENT ON FUNCTION recsys._notice_indexes(name) IS 'a NOTICE with the indexes that serving misses, if any';

CREATE FUNCTION recsys._check_definition(r recsys.recommender) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s jsonb := r.settings;
	p record;
BEGIN
	IF (SELECT c.relkind FROM pg_class c WHERE c.oid = r.source) NOT IN ('r', 'p', 'v', 'm', 'f') THEN
		RAISE EXCEPTION 'source % is not a table, view, materialized view or foreign table', r.source USING ERRCODE = '42809';
	END IF;
	IF 't' IN (SELECT c.relpersistence FROM pg_class c WHERE c.oid IN (r.source, r.catalog)) THEN
		RAISE EXCEPTION 'source and catalog must not be temporary' USING ERRCODE = '42809',
			HINT = 'A recommender reads them in every session: CREATE TABLE, or CREATE UNLOGGED TABLE.';
	END IF;
	IF NOT has_any_column_privilege(r.source, 'SELECT') THEN
		RAISE EXCEPTION 'permission denied for source %', r.source
			USING ERRCODE = '42501', HINT = format('GRANT SELECT ON %s TO %I;', r.source, current_user);
	END IF;
	FOR p IN SELECT k AS key, s ->> k AS col FROM unnest(ARRAY['user_column', 'item_column', 'time_column', 'value_column', 'event_column']) k
		WHERE s ->> k IS NOT NULL LOOP
		PERFORM recsys._column_type(r.source, p.col, p.key);
		IF NOT has_column_privilege(r.source, p.col, 'SELECT') THEN
			RAISE EXCEPTION 'permission denied for column "%" of source %', p.col, r.source
				USING ERRCODE = '42501', HINT = format('GRANT SELECT ON %s TO %I;', r.source, current_user);
		END IF;
	END LOOP;
	IF r.catalog IS NOT NULL AND NOT has_any_column_privilege(r.catalog, 'SELECT') THEN
		RAISE EXCEPTION 'permission denied for catalog %', r.catalog
			USING ERRCODE = '42501', HINT = format('GRANT SELECT ON %s TO %I;', r.catalog, current_user);
	END IF;
	IF coalesce(r.feedback, '') NOT IN ('implicit', 'explicit') THEN
		RAISE EXCEPTION 'feedback is "%", must be implicit or explicit', r.feedback USING ERRCODE = '22023';
	END IF;
	IF r.feedback = 'explicit' AND (s ->> 'value_column' IS NULL OR s ->> 'min_value' IS NULL) THEN
		RAISE EXCEPTION 'explicit feedback needs value_column and min_value' USING ERRCODE = '22023',
			HINT = 'value_column holds the rating; a rating of at least min_value is a positive, for example 4 of 5.';
	END IF;
	IF coalesce(s ->> 'weight_rule', '') NOT IN ('one', 'value', 'log') THEN
		RAISE EXCEPTION 'weight_rule is "%", must be one, value or log', s ->> 'weight_rule' USING ERRCODE = '22023';
	END IF;
	IF coalesce(s ->> 'merge', '') NOT IN ('max', 'sum', 'last') THEN
		RAISE EXCEPTION 'merge is "%", must be max, sum or last', s ->> 'merge' USING ERRCODE = '22023';
	END IF;
	IF (s ->> 'min_value')::float8 IN ('NaN', 'Infinity', '-Infinity') THEN
		RAISE EXCEPTION 'min_value is %, must be finite', s ->> 'min_value' USING ERRCODE = '22023';
	END IF;
	IF s ->> 'min_value' IS NOT NULL AND s ->> 'value_column' IS NULL THEN
		RAISE EXCEPTION 'min_value needs a value_column' USING ERRCODE = '22023';
	END IF;
	IF s ->> 'weight_rule' <> 'one' AND s ->> 'value_column' IS NULL THEN
		RAISE EXCEPTION 'weight_rule "%" needs a value_column', s ->> 'weight_rule' USING ERRCODE = '22023';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE lower(z.name) = lower(s ->> 'time_zone')) THEN
		RAISE EXCEPTION 'time zone "%" is not known', s ->> 'time_zone'
			USING ERRCODE = '22023', HINT = 'SELECT name FROM pg_timezone_names lists them.';
	END IF;
	IF nullif(s -> 'positives', 'null') IS NOT NULL THEN
		IF s ->> 'event_column' IS NULL THEN
			RAISE EXCEPTION 'positives needs an event_column'
				USING ERRCODE = '22023', HINT = 'Without event types, min_value says what is positive.';
		END IF;
		IF jsonb_typeof(s -> 'positives') <> 'object' OR s -> 'positives' = '{}' THEN
			RAISE EXCEPTION 'positives must be a JSON object of event types'
				USING ERRCODE = '22023', HINT = 'For example {"purchase": {"weight": 1, "owned": true}, "view": {"weight": 0.1}}.';
		END IF;
		FOR p IN SELECT * FROM jsonb_each(s -> 'positives') LOOP
			PERFORM recsys._check_keys(p.value, '{"weight": 1, "min_value": 1, "owned": 1}', format('positives of event "%s"', p.key));
			PERFORM recsys._check_number(p.value, 'weight', -1e6, 1e6, false);
			PERFORM recsys._check_number(p.value, 'min_value', -1e300, 1e300, false);
			IF coalesce(p.value ->> 'weight', '1')::float8 = 0 THEN
				RAISE EXCEPTION 'weight of event "%" is 0', p.key
					USING ERRCODE = '22023', HINT = 'Leave the event out, or give a negative weight to a dislike.';
			END IF;
			IF jsonb_typeof(coalesce(p.value -> 'owned', 'false')) <> 'boolean' THEN
				RAISE EXCEPTION 'owned of event "%" is %, must be true or false', p.key, p.value -> 'owned' USING ERRCODE = '22023';
			END IF;
		END LOOP;
		IF NOT EXISTS (SELECT FROM jsonb_each(s -> 'positives') e WHERE coalesce(e.value ->> 'weight', '1')::float8 > 0) THEN
			RAISE EXCEPTION 'positives has no event with a positive weight' USING ERRCODE = '22023';
		END IF;
	END IF;
	PERFORM recsys._check_settings((SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
		FROM jsonb_each(s) e WHERE recsys._default_settings() ? e.key));
	FOR p IN SELECT n AS id FROM jsonb_array_elements_text(s -> 'never_bots') n LOOP
		BEGIN
			-- not a domain's own type: its checks are somebody else's code
			EXECUTE format('SELECT %L::%s', p.id, (SELECT format_type(coalesce(nullif(t.typbasetype, 0), t.oid), -1)
				FROM pg_type t WHERE t.oid = r.user_type));
		EXCEPTION WHEN data_exception THEN
			RAISE EXCEPTION 'setting "never_bots" holds "%", which is no % as the user ids are', p.id, r.user_type
				USING ERRCODE = '22023';
		END;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._check_definition(recsys.recommender) IS
'raises a clear error for a definition that cannot work';

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
	m text;
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
	DELETE FROM recsys.recommender d WHERE d.recommender = r.recommender;
	INSERT INTO recsys.recommender SELECT r.*;
	FOREACH m IN ARRAY ARRAY['popularity', 'item_item', 'factors', 'funnel'] LOOP
		INSERT INTO recsys.policy (recommender, policy, version, method, settings)
		VALUES (r.recommender, CASE m WHEN 'funnel' THEN 'default' ELSE m END, 1, m, recsys._default_policy_settings(m));
	END LOOP;
	PERFORM recsys._build_tables(recommender);
	PERFORM recsys._build_views(recommender);
	PERFORM recsys._build_catalog(recommender);
	PERFORM recsys.refresh_functions(recommender);

	PERFORM recsys._notice_indexes(recommender);
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
			'{"model_id": "the model", "item_id": "the item", "factor": "factors, one dimension", "bias": "bias, explicit feedback only", "interactions": "users trained on"}'),
		('user_factor', format('model_id int8, user_id %s, factor float4[] NOT NULL, bias float4, interactions int4 NOT NULL, PRIMARY KEY (model_id, user_id)', u),
			'part of a model: user factors as trained, for batch work and analysis; serving solves them anew from the current history',
			'{"model_id": "the model", "user_id": "the user", "factor": "factors, one dimension", "bias": "bias, explicit feedback only", "interactions": "items trained on"}'),
		('user_evaluation', format('run_id int8, policy text, protocol text, user_id %s, metric text, k int4, value float8 NOT NULL, PRIMARY KEY (run_id, policy, protocol, user_id, metric, k)', u),
			'metrics of each user, kept when an evaluation is asked for per_user',
			'{"run_id": "the run", "policy": "the policy", "protocol": "new or all", "user_id": "the user", "metric": "the metric", "k": "length of the list", "value": "the metric of this user"}')
		) v (name, columns, comment, column_comments) LOOP
		EXECUTE format('CREATE TABLE %I.%I (%s)', recommender, t.name, t.columns);
		EXECUTE format('COMMENT ON TABLE %I.%I IS %L', recommender, t.name, t.comment);
		FOR c IN SELECT * FROM jsonb_each_text(t.column_comments) LOOP
			EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', recommender, t.name, c.key, c.value);
		END LOOP;
	END LOOP;
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
		'event_column', event_column, 'catalog_columns', catalog_columns, 'positives', positives, 'min_value', min_value,
		'weight_rule', weight_rule, 'merge', merge, 'filter', nullif(filter, ''), 'time_zone', time_zone));
	r.settings := r.settings || coalesce((SELECT jsonb_object_agg(n, NULL) FROM unnest(unset) n WHERE n <> 'catalog'), '{}');
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
	-- what the schema holds stays its owner's
	PERFORM recsys._execute_as_owner(recommender, format(
		'SELECT recsys._build_views(%1$L), recsys._build_catalog(%1$L), recsys.refresh_functions(%1$L)', recommender));
	IF source IS NOT NULL OR user_column IS NOT NULL OR item_column IS NOT NULL OR time_column IS NOT NULL THEN
		PERFORM recsys._notice_indexes(recommender);
	END IF;
	RETURN recommender;
END $$;
COMMENT ON FUNCTION recsys.alter_recommender(name, regclass, name, name, name, name, name, regclass, jsonb, text, jsonb, float8, text, text, boolean, text, text, jsonb, text[]) IS
'changes a definition: NULL keeps what there is, unset names what becomes NULL; models and their rows stay';

CREATE FUNCTION recsys.drop_recommender(recommender name, cascade boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	tables constant name[] := ARRAY['excluded_user', 'excluded_item', 'popularity', 'item_neighbor', 'item_factor', 'user_factor', 'user_evaluation'];
	views constant name[] := ARRAY['interaction', 'event', 'dislike', 'catalog'];
	foreign_objects text;
	o record;
BEGIN
	PERFORM recsys._recommender(recommender);
	IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = recommender) THEN
		DELETE FROM recsys.recommender d WHERE d.recommender = drop_recommender.recommender;
		RETURN;
	END IF;
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._lock_run(recommender, false);
	IF NOT cascade THEN
		SELECT string_agg(f.what, ', ' ORDER BY f.what) INTO foreign_objects FROM (
			SELECT format('relation %I', c.relname) AS what FROM pg_class c
			WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = recommender)
			AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relname <> ALL (tables || views)
			UNION ALL
			SELECT format('function %I', p.proname) FROM pg_proc p
			WHERE p.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = recommender)
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

/* ---- policies ---- */

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

CREATE FUNCTION recsys.alter_policy(recommender name, policy name, settings jsonb) RETURNS int4
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	old recsys.policy;
BEGIN
	PERFORM recsys._check_owner(recommender);
	UPDATE recsys.policy p SET retired_at = now()
	WHERE (p.recommender, p.policy) = (recommender, policy) AND p.retired_at IS NULL
	RETURNING p.* INTO old;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'policy "%" of recommender "%" does not exist', policy, recommender USING ERRCODE = '42704';
	END IF;
	INSERT INTO recsys.policy VALUES (recommender, policy, old.version + 1, old.method,
		recsys._check_policy_settings(old.method, old.settings || coalesce(settings, '{}')));
	RETURN old.version + 1;
END $$;
COMMENT ON FUNCTION recsys.alter_policy(name, name, jsonb) IS
'makes a new version of a policy with some settings changed; returns the version; models of the old one stay';

CREATE FUNCTION recsys.drop_policy(recommender name, policy name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM recsys._check_owner(recommender);
	IF policy IN ('popularity', 'item_item', 'factors', 'default')
		OR policy = (SELECT r.live_policy FROM recsys.recommender r WHERE r.recommender = recommender) THEN
		RAISE EXCEPTION 'policy "%" cannot be dropped', policy
			USING ERRCODE = '2BP01', HINT = 'popularity, item_item, factors, default and the live policy stay.';
	END IF;
	UPDATE recsys.policy p SET retired_at = now()
	WHERE (p.recommender, p.policy) = (recommender, policy) AND p.retired_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'policy "%" of recommender "%" does not exist', policy, recommender USING ERRCODE = '42704';
	END IF;
END $$;
COMMENT ON FUNCTION recsys.drop_policy(name, name) IS
'retires a policy; its versions and models stay in the registry';
