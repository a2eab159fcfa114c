/* ---------------------------------------------------------------------------
 * The cleaning rules, and the views over the source and the catalog.  Each rule
 * is written once, as a predicate in _rules; the views and the quality report
 * are generated from it.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._expressions(recommender name,
	OUT source text, OUT user_id text, OUT item_id text, OUT event text, OUT event_weight text,
	OUT value text, OUT weight text, OUT interacted_at text, OUT positive text, OUT owned text,
	OUT disliked text, OUT returned text, OUT time_finite text, OUT value_finite text, OUT value_positive text,
	OUT event_known text, OUT minimum text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	s jsonb := r.settings;
	-- event types, without those that take back
	positives jsonb := (SELECT jsonb_object_agg(p.key, p.value) FROM jsonb_each(nullif(s -> 'positives', 'null')) p
		WHERE NOT p.value ? 'return');
	return_names text := (SELECT string_agg(quote_literal(p.key), ', ' ORDER BY p.key)
		FROM jsonb_each(nullif(s -> 'positives', 'null')) p WHERE p.value ? 'return');
	netted boolean := coalesce(s ->> 'returns', 'drop') = 'net';
	time_type regtype;
	value_type regtype;
	raw text;
	top float8;
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
		-- on the column itself: cheap, and the planner has statistics of it
		time_finite := format('(s.%1$I > ''-infinity'' AND s.%1$I < ''infinity'')', s ->> 'time_column');
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
		raw := format('s.%I', s ->> 'value_column');
		value := raw || '::float8';
		value_type := (SELECT coalesce(nullif(t.typbasetype, 0), t.oid) FROM pg_type t WHERE t.oid = value_type);
		-- without a cast for each row; a numeric must fit into float8
		value_finite := CASE
			WHEN value_type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN raw || ' IS NOT NULL'
			WHEN value_type = 'numeric'::regtype THEN format('(%1$s > -1e308 AND %1$s < 1e308)', raw)
			ELSE format('(%1$s > ''-Infinity'' AND %1$s < ''Infinity'')', raw) END;
		value_positive := format('(%s %s 0)', raw, CASE WHEN netted THEN '<>' ELSE '>' END);
		IF s ->> 'event_column' IS NOT NULL THEN
			value := format('coalesce(%s, 1)', value);	-- a view has no quantity
			value_finite := CASE WHEN value_finite LIKE '% IS NOT NULL' THEN 'true' ELSE value_finite || ' IS NOT FALSE' END;
			value_positive := value_positive || ' IS NOT FALSE';
		END IF;
	END IF;
	IF netted THEN
		returned := '(' || concat_ws(' OR ', CASE WHEN raw IS NOT NULL THEN format('(%s < 0) IS TRUE', raw) END,
			CASE WHEN return_names IS NOT NULL THEN format('%s IN (%s)', event, return_names) END) || ')';
		IF return_names IS NOT NULL THEN
			value := format('(CASE WHEN %1$s IN (%2$s) THEN - abs(%3$s) ELSE %3$s END)', event, return_names, value);
		END IF;
	END IF;

	minimum := CASE WHEN s ->> 'min_value' IS NULL THEN 'true' ELSE format('%s >= %L::float8', value, s ->> 'min_value') END;
	event_weight := '1::float8';
	owned := 'true';
	IF positives IS NOT NULL THEN
		event_weight := format('CASE %s %s END', event,
			(SELECT string_agg(format('WHEN %L THEN %L::float8', p.key, coalesce(p.value ->> 'weight', '1')), ' ' ORDER BY p.key)
			 FROM jsonb_each(positives) p));
		event_known := format('%s IN (%s)', event, concat_ws(', ', (SELECT string_agg(quote_literal(p.key), ', ' ORDER BY p.key)
			FROM jsonb_each(positives) p WHERE coalesce(p.value ->> 'weight', '1')::float8 > 0), return_names));
		IF jsonb_path_exists(positives, '$.*.min_value') THEN
			minimum := format('CASE %s %s ELSE %s END', event,
				(SELECT string_agg(format('WHEN %L THEN %s >= %L::float8', p.key, value, p.value ->> 'min_value'), ' ' ORDER BY p.key)
				 FROM jsonb_each(positives) p WHERE p.value ->> 'min_value' IS NOT NULL), minimum);
		END IF;
		top := (SELECT max(coalesce(p.value ->> 'weight', '1')::float8) FROM jsonb_each(positives) p);
		names := (SELECT string_agg(quote_literal(p.key), ', ' ORDER BY p.key) FROM jsonb_each(positives) p
			WHERE coalesce((p.value ->> 'owned')::boolean,
				NOT EXISTS (SELECT FROM jsonb_each(positives) o WHERE o.value -> 'owned' = 'true')
				AND coalesce(p.value ->> 'weight', '1')::float8 = top AND top > 0));
		owned := CASE WHEN names IS NULL THEN 'false' ELSE format('%s IN (%s)', event, names) END;
	END IF;
	positive := minimum;		-- of the rows that the rule "event" lets pass
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
	IF netted THEN
		positive := format('(%s AND NOT %s)', positive, returned);
		owned := format('(%s AND NOT %s)', owned, returned);
		disliked := format('(%s AND NOT %s)', disliked, returned);
		weight := format('CASE WHEN %s THEN 0 ELSE %s END', returned, weight);
	END IF;
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
		('null_time', has_time, true, s ->> 'time_column', x.time_finite, 'time is NULL or infinite'),
		('filter', s ->> 'filter' IS NOT NULL, true, s ->> 'filter', format(E'(\n%s\n)', s ->> 'filter'), 'not passed by the filter'),
		('event', has_events, true, (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(nullif(s -> 'positives', 'null')) k),
			x.event_known, 'not a positive: an event type without a positive weight'),
		('value_not_finite', has_value, true, s ->> 'value_column', x.value_finite, 'value is NULL, NaN or infinite'),
		('value_not_positive', has_value, r.feedback = 'implicit', s ->> 'value_column', x.value_positive,
			CASE WHEN x.returned IS NULL THEN 'value is zero or negative' ELSE 'value is zero; below zero it is a return' END),
		('below_minimum', r.feedback = 'implicit', true, coalesce(s ->> 'min_value', ''),
			CASE WHEN x.minimum = 'true' THEN 'true' ELSE '(' || concat_ws(' OR ', x.positive, x.owned, x.returned) || ')' END,
			'not a positive: below the minimum value, and not owned'),
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
	WHERE u.enabled AND u.predicate <> 'true' AND u.rule NOT IN ('excluded_user', 'excluded_item', 'bots');

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
