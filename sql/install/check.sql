/* ---------------------------------------------------------------------------
 * Checks that the rooms below share: settings, columns, who may do what.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._query_as_owner(recommender name, query text) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'recsys_query_as_owner';
COMMENT ON FUNCTION recsys._query_as_owner(name, text) IS
'rows of a reading query, run as the recommender''s owner; for callers with the owner''s privileges';

CREATE FUNCTION recsys._execute_as_owner(recommender name, command text) RETURNS int8
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_execute_as_owner';
COMMENT ON FUNCTION recsys._execute_as_owner(name, text) IS
'runs a command as the recommender''s owner; for callers with the owner''s privileges; returns the rows processed';

CREATE FUNCTION recsys._base_type(type regtype) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH RECURSIVE b (type, base) AS (
		SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = $1
		UNION ALL
		SELECT t.oid, t.typbasetype FROM b JOIN pg_catalog.pg_type t ON t.oid = b.base)
	SELECT pg_catalog.format_type(b.type, -1) FROM b WHERE b.base = 0;
END;
COMMENT ON FUNCTION recsys._base_type(regtype) IS
'the name of the type beneath a domain, or beneath domains of domains: their checks are somebody else''s code';

CREATE FUNCTION recsys._default_settings() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '{"rules": {}, "future_tolerance": "1 hour", "repeat_window": "0 seconds",
		"relevant": "owned", "dislike_max_value": null, "require_catalog": true,
		"bot_z": 6, "never_bots": [], "history_limit": 200,
		"keep_models": 3, "returns": "drop", "min_user_interactions": 1, "min_item_interactions": 1,
		"popularity_half_life": null, "weight_half_life": null,
		"request_days": 400, "exposure_days": 400, "run_days": 400}'::pg_catalog.jsonb;
END;
COMMENT ON FUNCTION recsys._default_settings() IS
'settings of a recommender that are not arguments of create_recommender, with their defaults';

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

CREATE FUNCTION recsys._check_choice(settings jsonb, key text, choices text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF settings -> key IS NOT NULL AND (jsonb_typeof(settings -> key) <> 'string' OR settings ->> key <> ALL (choices)) THEN
		RAISE EXCEPTION 'setting "%" is %, must be one of %', key, settings -> key, array_to_string(choices, ', ')
			USING ERRCODE = '22023';
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_choice(jsonb, text, text[]) IS
'raises 22023 unless the setting is absent or one of the choices';

CREATE FUNCTION recsys._check_settings(settings jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	k text;
BEGIN
	PERFORM recsys._check_keys(settings, recsys._default_settings(), 'settings');
	SELECT e.key INTO k FROM jsonb_each(settings) e
	WHERE e.value = 'null' AND recsys._default_settings() -> e.key <> 'null'
	AND e.key NOT IN ('request_days', 'exposure_days', 'run_days') ORDER BY e.key LIMIT 1;
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
	PERFORM recsys._check_number(settings, 'min_user_interactions', 1, 1000000, true);
	PERFORM recsys._check_number(settings, 'min_item_interactions', 1, 1000000, true);
	PERFORM recsys._check_number(settings, 'request_days', 1, 36500, true);
	PERFORM recsys._check_number(settings, 'exposure_days', 1, 36500, true);
	PERFORM recsys._check_number(settings, 'run_days', 1, 36500, true);
	PERFORM recsys._check_number(settings, 'bot_z', 0.1, 1000, false);
	PERFORM recsys._check_number(settings, 'dislike_max_value', -1e300, 1e300, false);
	IF coalesce(settings ->> 'relevant', 'owned') NOT IN ('owned', 'positive') THEN
		RAISE EXCEPTION 'setting "relevant" is "%", must be "owned" or "positive"', settings ->> 'relevant'
			USING ERRCODE = '22023';
	END IF;
	IF coalesce(settings ->> 'returns', 'drop') NOT IN ('drop', 'net') THEN
		RAISE EXCEPTION 'setting "returns" is "%", must be "drop" or "net"', settings ->> 'returns'
			USING ERRCODE = '22023';
	END IF;
	IF coalesce(settings ->> 'require_catalog', 'true') NOT IN ('true', 'false') THEN
		RAISE EXCEPTION 'setting "require_catalog" is %, must be true or false', settings -> 'require_catalog'
			USING ERRCODE = '22023';
	END IF;
	IF jsonb_typeof(coalesce(settings -> 'never_bots', '[]')) <> 'array' THEN
		RAISE EXCEPTION 'setting "never_bots" must be an array of user ids' USING ERRCODE = '22023';
	END IF;
	FOREACH k IN ARRAY ARRAY['future_tolerance', 'repeat_window', 'popularity_half_life', 'weight_half_life'] LOOP
		IF jsonb_typeof(settings -> k) NOT IN ('string', 'null') THEN
			RAISE EXCEPTION 'setting "%" is %, must be an interval', k, settings -> k
				USING ERRCODE = '22023', HINT = 'With its unit, for example "90 days".';
		END IF;
		BEGIN
			IF k LIKE '%half_life' AND (settings ->> k)::interval NOT BETWEEN interval '1 second' AND interval '1000 years' THEN
				RAISE EXCEPTION 'setting "%" is "%", must be from 1 second to 1000 years', k, settings ->> k USING ERRCODE = '22023';
			END IF;
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

CREATE FUNCTION recsys._built_in_features() RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_built_in_features';
COMMENT ON FUNCTION recsys._built_in_features() IS
'names of the features that every model has, in order; a policy''s own come after them';

CREATE FUNCTION recsys._check_catalog_number(recommender name, what text, expression text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found regtype;
BEGIN
	BEGIN
		PERFORM recsys._check_condition(expression);
	EXCEPTION WHEN syntax_error THEN
		RAISE EXCEPTION '% is not one expression: %', what, expression
			USING ERRCODE = '22023', HINT = format('It is a number for one row of %I.catalog, which it calls c.', recommender);
	END;
	BEGIN
		-- as it will be run: by the owner, over one row, where neither an aggregate nor a set may stand
		SELECT q.t INTO found FROM recsys._query_as_owner(recommender, format(
			E'SELECT pg_typeof(x.v) FROM (SELECT) o LEFT JOIN (SELECT (\n%1$s\n) AS v FROM %2$I.catalog c WHERE ((\n%1$s\n) IS NULL) AND false) x ON true',
			expression, recommender)) q (t regtype);
	EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception OR feature_not_supported OR insufficient_privilege THEN
		RAISE EXCEPTION '% is no expression over the catalog: %', what, SQLERRM
			USING ERRCODE = '22023', DETAIL = format('The expression is: %s', expression),
			HINT = format('It is a number for one row of %I.catalog, which it calls c.', recommender);
	END;
	IF NOT recsys._is_number(found) THEN
		RAISE EXCEPTION '% has type %, must be a number', what, found
			USING ERRCODE = '22023', DETAIL = format('The expression is: %s', expression), HINT = 'Cast it, for example to float8.';
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_catalog_number(name, text, text) IS
'raises 22023 unless the text is a number by one expression over a row c of the recommender''s catalog, as its owner may evaluate it';

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
