/* ---------------------------------------------------------------------------
 * What keeps a definition of a recommender from working.
 * --------------------------------------------------------------------------- */

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
	IF r.catalog IS NULL AND nullif(s -> 'catalog_columns', 'null') IS NOT NULL THEN
		RAISE EXCEPTION 'catalog_columns needs a catalog' USING ERRCODE = '22023';
	END IF;
	IF s ->> 'value_column' IS NULL AND jsonb_path_exists(coalesce(s -> 'positives', '{}'), '$.*.min_value') THEN
		RAISE EXCEPTION 'min_value in positives needs a value_column' USING ERRCODE = '22023';
	END IF;
	IF s ->> 'event_column' IS NOT NULL AND nullif(s -> 'positives', 'null') IS NULL THEN
		RAISE NOTICE 'every event type counts as a positive'
			USING HINT = 'positives => ''{"purchase": {"weight": 1}, ...}'' names those that do, with their weights.';
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
			PERFORM recsys._check_keys(p.value, '{"weight": 1, "min_value": 1, "owned": 1, "return": 1}', format('positives of event "%s"', p.key));
			IF p.value ? 'return' AND p.value <> '{"return": true}' THEN
				RAISE EXCEPTION 'positives of event "%" are %: a return has no other key', p.key, p.value
					USING ERRCODE = '22023', HINT = 'A return is {"return": true}; other events leave the key out.';
			END IF;
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
		IF NOT EXISTS (SELECT FROM jsonb_each(s -> 'positives') e
			WHERE NOT e.value ? 'return' AND coalesce(e.value ->> 'weight', '1')::float8 > 0) THEN
			RAISE EXCEPTION 'positives has no event with a positive weight' USING ERRCODE = '22023';
		END IF;
	END IF;
	PERFORM recsys._check_settings((SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
		FROM jsonb_each(s) e WHERE recsys._default_settings() ? e.key));
	IF s ->> 'returns' = 'net' THEN
		IF r.feedback <> 'implicit' THEN
			RAISE EXCEPTION 'returns cannot be netted with explicit feedback' USING ERRCODE = '22023',
				HINT = 'A rating is no quantity: leave the setting "returns" at "drop".';
		ELSIF s ->> 'value_column' IS NULL AND NOT jsonb_path_exists(coalesce(s -> 'positives', '{}'), '$.*.return') THEN
			RAISE EXCEPTION 'setting "returns" is "net", but nothing is a return' USING ERRCODE = '22023',
				HINT = 'A return has a value below 0 in value_column, or an event type that positives calls {"return": true}.';
		ELSIF jsonb_path_exists(coalesce(s -> 'positives', '{}'), '$.*.min_value') THEN
			RAISE EXCEPTION 'min_value in positives cannot be combined with netted returns' USING ERRCODE = '22023',
				HINT = 'The argument min_value, for all event types, can.';
		END IF;
	ELSIF jsonb_path_exists(coalesce(s -> 'positives', '{}'), '$.*.return') THEN
		RAISE EXCEPTION 'positives has a return, but returns are dropped' USING ERRCODE = '22023',
			HINT = 'Pass settings => ''{"returns": "net"}''.';
	END IF;
	FOR p IN SELECT k AS key FROM unnest(ARRAY['popularity_half_life', 'weight_half_life']) k WHERE s ->> k IS NOT NULL LOOP
		IF s ->> 'time_column' IS NULL THEN
			RAISE EXCEPTION 'setting "%" needs a time_column', p.key USING ERRCODE = '22023';
		END IF;
	END LOOP;
	FOR p IN SELECT n AS id FROM jsonb_array_elements_text(s -> 'never_bots') n LOOP
		BEGIN
			-- not a domain's own type: its checks are somebody else's code
			EXECUTE format('SELECT %L::%s', p.id, recsys._base_type(r.user_type));
		EXCEPTION WHEN data_exception THEN
			RAISE EXCEPTION 'setting "never_bots" holds "%", which is no % as the user ids are', p.id, r.user_type
				USING ERRCODE = '22023';
		END;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._check_definition(recsys.recommender) IS
'raises a clear error for a definition that cannot work';
