/* ---------------------------------------------------------------------------
 * Rules of a policy: what re-ranking does to its lists.  They stand in the
 * setting "rules", an array of objects; the order in which they are applied is
 * fixed, whatever their order in the array.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._rule_keys() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '{"rebuy_after": {"order": 1, "keys": {"interval": "30 days"}},
		"ban": {"order": 2, "keys": {"items": ["id"]}, "repeated": true},
		"predicate": {"order": 3, "keys": {"sql": "c.price > 0"}, "repeated": true, "catalog": true},
		"boost": {"order": 4, "keys": {"sql": "CASE WHEN c.category = ''tea'' THEN 1.5 ELSE 1 END"}, "repeated": true, "catalog": true},
		"freshness": {"order": 5, "keys": {"half_life": "14 days", "amount": 0.5}, "catalog": true},
		"pin": {"order": 6, "keys": {"item": "id", "position": 1}, "repeated": true},
		"explore": {"order": 7, "keys": {"share": 0.1}},
		"max_per_category": {"order": 8, "keys": {"n": 2}, "catalog": true},
		"diversity": {"order": 9, "keys": {"lambda": 0.3}}}'::pg_catalog.jsonb;
END;
COMMENT ON FUNCTION recsys._rule_keys() IS
'the rules there are: place in the order of application, keys with examples, whether there may be several, whether a catalog is needed';

CREATE FUNCTION recsys._check_catalog_sql(recommender name, expression text, what text, is_condition boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	BEGIN
		PERFORM recsys._check_condition(expression);
		-- where neither aggregates nor sets are allowed
		PERFORM FROM recsys._query_as_owner(recommender, format(
			CASE WHEN is_condition THEN E'SELECT 1 FROM %I.catalog c WHERE (\n%s\n) LIMIT 0'
				ELSE E'SELECT 1 FROM %I.catalog c WHERE pg_catalog.float8mul((\n%s\n), 1) IS NOT NULL LIMIT 0' END,
			recommender, expression)) AS t (x int4);
	EXCEPTION WHEN syntax_error THEN
		RAISE EXCEPTION '% is not one SQL expression: %', what, expression
			USING ERRCODE = '22023', HINT = 'It stands in brackets in a query over the catalog, which is called c.';
	WHEN OTHERS THEN
		RAISE EXCEPTION '% does not work: %', what, expression
			USING ERRCODE = '22023', DETAIL = 'It gives: ' || SQLERRM || '.',
			HINT = format('It is a %s over %I.catalog, called c, as the recommender''s owner; functions need their schema''s name.',
				CASE WHEN is_condition THEN 'condition' ELSE 'number' END, recommender);
	END;
END $$;
COMMENT ON FUNCTION recsys._check_catalog_sql(name, text, text, boolean) IS
'raises 22023 unless the text is one expression over SHOP.catalog c, a condition or a number, that works for the recommender''s owner';

CREATE FUNCTION recsys._check_item_id(r recsys.recommender, id jsonb, what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF jsonb_typeof(id) NOT IN ('string', 'number') THEN
		RAISE EXCEPTION '% is %, must be an item id', what, id
			USING ERRCODE = '22023', HINT = 'An id is a JSON string or number, for example "A 17" or 17.';
	END IF;
	-- not a domain's own type: its checks are somebody else's code
	EXECUTE format('SELECT %L::%s', id #>> '{}', recsys._base_type(r.item_type));
EXCEPTION WHEN data_exception THEN
	RAISE EXCEPTION '% is %, which is no % as the item ids are', what, id, r.item_type USING ERRCODE = '22023';
END $$;
COMMENT ON FUNCTION recsys._check_item_id(recsys.recommender, jsonb, text) IS
'raises 22023 unless a JSON value can be an id of the recommender''s items';

CREATE FUNCTION recsys._check_span(rule jsonb, key text, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF jsonb_typeof(rule -> key) = 'string' AND (rule ->> key)::interval BETWEEN interval '1 second' AND interval '1000 years' THEN
		RETURN;
	END IF;
	RAISE EXCEPTION '"%" of % is %, must be an interval from 1 second to 1000 years', key, what, rule -> key
		USING ERRCODE = '22023', HINT = 'With its unit, for example "30 days".';
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
	RAISE EXCEPTION '"%" of % is %, must be an interval from 1 second to 1000 years', key, what, rule -> key
		USING ERRCODE = '22023', HINT = 'With its unit, for example "30 days".';
END $$;
COMMENT ON FUNCTION recsys._check_span(jsonb, text, text) IS
'raises 22023 unless a rule''s key is an interval that lasts';

CREATE FUNCTION recsys._check_rule(r recsys.recommender, rule jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known jsonb := recsys._rule_keys();
	name text := rule ->> 'rule';
	what text := format('rule %s', name);
	k text;
	id jsonb;
BEGIN
	IF jsonb_typeof(rule) IS DISTINCT FROM 'object' OR jsonb_typeof(rule -> 'rule') IS DISTINCT FROM 'string' THEN
		RAISE EXCEPTION 'a rule is %, must be an object with the key "rule"', rule
			USING ERRCODE = '22023', HINT = 'For example {"rule": "max_per_category", "n": 2}.';
	ELSIF NOT known ? name THEN
		RAISE EXCEPTION 'unknown rule "%"', name
			USING ERRCODE = '22023', HINT = 'Rules are ' || (SELECT string_agg(e.key, ', ' ORDER BY (e.value ->> 'order')::int4) FROM jsonb_each(known) e) || '.';
	END IF;
	known := known -> name;
	PERFORM recsys._check_keys(rule - 'rule', known -> 'keys', what);
	SELECT e.key INTO k FROM jsonb_each(known -> 'keys') e WHERE coalesce(rule -> e.key, 'null') = 'null' ORDER BY e.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION '% has no "%"', what, k
			USING ERRCODE = '22023', HINT = format('For example %s.', jsonb_build_object('rule', name) || (known -> 'keys'));
	ELSIF known ? 'catalog' AND r.catalog IS NULL THEN
		RAISE EXCEPTION '% needs a catalog, and recommender "%" has none', what, r.recommender
			USING ERRCODE = '22023', HINT = format('SELECT recsys.alter_recommender(%L, catalog => ...) names one.', r.recommender);
	ELSIF name = 'rebuy_after' AND r.settings ->> 'time_column' IS NULL THEN
		RAISE EXCEPTION '% needs a time_column', what USING ERRCODE = '22023';
	END IF;
	IF rule ? 'sql' AND jsonb_typeof(rule -> 'sql') <> 'string' THEN
		RAISE EXCEPTION '"sql" of % is %, must be a string', what, rule -> 'sql' USING ERRCODE = '22023';
	ELSIF rule ? 'items' AND jsonb_typeof(rule -> 'items') <> 'array' THEN
		RAISE EXCEPTION '"items" of % is %, must be an array of item ids', what, rule -> 'items' USING ERRCODE = '22023';
	END IF;
	FOREACH k IN ARRAY ARRAY['interval', 'half_life'] LOOP
		IF rule ? k THEN
			PERFORM recsys._check_span(rule, k, what);
		END IF;
	END LOOP;
	FOR id IN SELECT jsonb_array_elements(coalesce(rule -> 'items', '[]')) UNION ALL SELECT rule -> 'item' WHERE rule ? 'item' LOOP
		PERFORM recsys._check_item_id(r, id, format('an item of %s', what));
	END LOOP;
	PERFORM recsys._check_number(rule, 'position', 1, 10000, true),
		recsys._check_number(rule, 'n', 1, 1000000, true),
		recsys._check_number(rule, 'amount', 0, 1000, false),
		recsys._check_number(rule, 'share', 0, 1, false),
		recsys._check_number(rule, 'lambda', 0, 1, false);
	IF rule ? 'sql' THEN
		PERFORM recsys._check_catalog_sql(r.recommender, rule ->> 'sql', what, name = 'predicate');
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_rule(recsys.recommender, jsonb) IS
'raises 22023 for a rule that is unknown or cannot work; SQL is tried as the recommender''s owner';

CREATE FUNCTION recsys._check_rules(recommender name, rules jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	twice text;
BEGIN
	IF jsonb_typeof(rules) IS DISTINCT FROM 'array' THEN
		RAISE EXCEPTION 'setting "rules" is %, must be an array of rules', rules
			USING ERRCODE = '22023', HINT = 'For example [{"rule": "diversity", "lambda": 0.3}].';
	END IF;
	PERFORM recsys._check_rule(r, x.rule) FROM jsonb_array_elements(rules) x (rule);
	SELECT x.rule ->> 'rule' INTO twice FROM jsonb_array_elements(rules) x (rule)
	WHERE NOT recsys._rule_keys() -> (x.rule ->> 'rule') ? 'repeated' GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'rule % is given twice', twice USING ERRCODE = '22023',
			HINT = 'Only ban, predicate, boost and pin may be given several times.';
	END IF;
	SELECT p.value INTO twice FROM jsonb_array_elements(rules) x (rule),
		LATERAL (VALUES ('position ' || (x.rule ->> 'position')::numeric::int4), (format('item "%s"', x.rule ->> 'item'))) p (value)
	WHERE x.rule ->> 'rule' = 'pin' GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'two pins have %', twice USING ERRCODE = '22023', HINT = 'A place has one item, and an item one place.';
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_rules(name, jsonb) IS
'raises 22023 unless the setting "rules" of a policy can hold for the recommender';

CREATE VIEW recsys.policy_rule WITH (security_invoker = true) AS
SELECT p.recommender, p.policy, p.version,
	row_number() OVER (PARTITION BY p.recommender, p.policy, p.version
		ORDER BY (k.known -> (x.rule ->> 'rule') ->> 'order')::int4, x.n)::int4 AS step,
	x.rule ->> 'rule' AS rule, x.rule - 'rule' AS parameters
FROM recsys.policy p
CROSS JOIN (SELECT recsys._rule_keys() AS known) k
CROSS JOIN LATERAL jsonb_array_elements(p.settings -> 'rules') WITH ORDINALITY x (rule, n);
GRANT SELECT ON recsys.policy_rule TO PUBLIC;
COMMENT ON VIEW recsys.policy_rule IS 'the re-ranking rules of each version of a policy; those of the version that is not retired hold';
COMMENT ON COLUMN recsys.policy_rule.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.policy_rule.policy IS 'the policy';
COMMENT ON COLUMN recsys.policy_rule.version IS 'its version';
COMMENT ON COLUMN recsys.policy_rule.step IS 'place in the order in which the rules are applied, from 1';
COMMENT ON COLUMN recsys.policy_rule.rule IS 'rebuy_after (owned items come back), ban (items), predicate (SQL over the catalog), boost (score times SQL over the catalog), freshness (score plus amount of the best, halved each half_life since release), pin (an item to a position), explore (share of places drawn by serve), max_per_category, or diversity (maximal marginal relevance)';
COMMENT ON COLUMN recsys.policy_rule.parameters IS 'its parameters';
