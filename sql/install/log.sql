/* ---------------------------------------------------------------------------
 * What was shown: SHOP.serve logs each request with the inputs of its list,
 * and each item with the features and the score that it was shown for;
 * replay and skew_report do the same work again and compare.
 *
 * Both tables are partitioned by month of requested_at, in UTC.  A DEFAULT
 * partition takes what has no month's partition, so that serve never fails.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._feature_names(recommender name, model_id int8) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_feature_names';
COMMENT ON FUNCTION recsys._feature_names(name, int8) IS
'names of the features that are logged of lists by a model, in their order: the built-in ones, then those that its policy adds';

CREATE FUNCTION recsys._build_log(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	t record;
	c record;
	u text := format_type(r.user_type, -1);
	i text := format_type(r.item_type, -1);
BEGIN
	FOR t IN SELECT * FROM (VALUES
		('request', format($c$requested_at timestamptz, request_id uuid, unit text, user_id %s, session boolean NOT NULL,
			placement text NOT NULL, k int4 NOT NULL, filter jsonb,
			policy name NOT NULL, policy_version int4 NOT NULL, model_id int8 NOT NULL, feature_version int4 NOT NULL, ranker text NOT NULL,
			experiment_id int8, variant text,
			history_item %s[] NOT NULL, history_weight float4[] NOT NULL, history_at timestamptz[] NOT NULL,
			rows int4 NOT NULL, milliseconds float8 NOT NULL,
			neighbor_scale float8 NOT NULL, factor_scale float8 NOT NULL, PRIMARY KEY (requested_at, request_id, unit)$c$, u, i),
			'one row per SHOP.serve: who asked for what, and what the list was made from',
			'{"requested_at": "the instant that ages are counted at: the start of the transaction",
			"request_id": "UUID of version 7; its first 48 bits are the milliseconds of requested_at",
			"unit": "what experiments assign: the user id as text, or session: and the id of the session",
			"user_id": "the user; NULL of a session",
			"session": "whether the list was made from for_items, not from the user''s own interactions",
			"placement": "where the list is shown, as the caller says",
			"k": "items asked for", "filter": "filter of the call",
			"policy": "policy that made the list", "policy_version": "its version, whose rules held",
			"model_id": "the model", "feature_version": "version of the list of features",
			"ranker": "what scored: linear (recsys.ranker_weight of the model) or none (the blend of its parts)",
			"experiment_id": "the experiment; NULL where none ran for this unit", "variant": "its arm for this unit",
			"history_item": "items of the history used, the newest history_limit after merging, ordered by id; the view request_history has a row for each",
			"history_weight": "their weights, or ratings, as the model was given them",
			"history_at": "their newest times", "rows": "items listed",
			"milliseconds": "time that the list took, without logging it",
			"neighbor_scale": "largest evidence of the neighbours over what could be shown, by which scores without a ranker are scaled; 0 of none",
			"factor_scale": "the same of the factors"}'::jsonb),
		('exposure', format($c$requested_at timestamptz, request_id uuid, unit text, position int4, user_id %s, item_id %s NOT NULL,
			score float8 NOT NULL CHECK (score > '-Infinity' AND score < 'Infinity'),
			base_score float8 NOT NULL CHECK (base_score > '-Infinity' AND base_score < 'Infinity'),
			boost float8 NOT NULL, freshness float8 NOT NULL,
			source text NOT NULL, propensity float8 NOT NULL CHECK (propensity > 0 AND propensity <= 1),
			features float4[] NOT NULL, PRIMARY KEY (requested_at, request_id, unit, position)$c$, u, i),
			'one row per item shown: its place, and the exact features and scores it was shown for',
			'{"requested_at": "as in request", "request_id": "the request", "unit": "as in request",
			"position": "place in the list, from 1", "user_id": "the user; NULL of a session", "item_id": "the item",
			"score": "final score, after the rules that change scores", "base_score": "score by the model, before the rules",
			"boost": "factor by the rules boost; 1 where there are none", "freshness": "what the rule freshness has added; 0 without it",
			"source": "neighbor, factor, popularity, category, history, fresh, pinned or explore",
			"propensity": "probability of this item at this place, given the rest of the list: below 1 only where the list explored",
			"features": "values of the features, in the order of the view exposure_feature"}')
		) v (name, columns, comment, column_comments) LOOP
		EXECUTE format('CREATE TABLE %I.%I (%s) PARTITION BY RANGE (requested_at)', recommender, t.name, t.columns);
		EXECUTE format('COMMENT ON TABLE %I.%I IS %L', recommender, t.name, t.comment);
		FOR c IN SELECT * FROM jsonb_each_text(t.column_comments) LOOP
			EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', recommender, t.name, c.key, c.value);
		END LOOP;
		-- like this, the comments come along
		EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.%3$I INCLUDING ALL)', recommender, t.name || '_default', t.name);
		EXECUTE format('ALTER TABLE %1$I.%3$I ATTACH PARTITION %1$I.%2$I DEFAULT', recommender, t.name || '_default', t.name);
		EXECUTE format('COMMENT ON TABLE %I.%I IS %L', recommender, t.name || '_default',
			'rows of months that recsys.maintain has not made a partition for');
	END LOOP;
	EXECUTE format($v$CREATE VIEW %1$I.exposure_feature WITH (security_invoker = true) AS
		SELECT e.requested_at, e.request_id, e.unit, e.position, e.user_id, e.item_id, n.feature, e.features[n.n]::float8 AS value
		FROM %1$I.exposure e
		JOIN %1$I.request r ON (r.requested_at, r.request_id, r.unit) = (e.requested_at, e.request_id, e.unit)
		JOIN (SELECT m.model_id, f.feature, f.n
			FROM recsys.model m, unnest(recsys._feature_names(%2$L, m.model_id)) WITH ORDINALITY f (feature, n)
			WHERE m.recommender = %2$L) n ON n.model_id = r.model_id
		WHERE n.n <= cardinality(e.features)$v$, recommender, recommender);
	EXECUTE format('COMMENT ON VIEW %I.exposure_feature IS %L', recommender, 'the features of exposures in long form, a row for each');
	FOR c IN SELECT * FROM jsonb_each_text('{"requested_at": "as in request", "request_id": "the request", "unit": "as in request",
		"position": "place in the list, from 1", "user_id": "the user; NULL of a session", "item_id": "the item",
		"feature": "name of the feature", "value": "its value when the list was made"}') LOOP
		EXECUTE format('COMMENT ON COLUMN %I.exposure_feature.%I IS %L', recommender, c.key, c.value);
	END LOOP;
	-- by subscripts: unnest would take apart ids of a composite type
	EXECUTE format($v$CREATE VIEW %1$I.request_history WITH (security_invoker = true) AS
		SELECT r.requested_at, r.request_id, r.unit, r.user_id, h.place, r.history_item[h.place] AS item_id,
			r.history_weight[h.place]::float8 AS weight, r.history_at[h.place] AS interacted_at
		FROM %1$I.request r, generate_subscripts(r.history_item, 1) h (place)$v$, recommender);
	EXECUTE format('COMMENT ON VIEW %I.request_history IS %L', recommender, 'the histories that requests were answered from in long form, a row for each item');
	FOR c IN SELECT * FROM jsonb_each_text('{"requested_at": "as in request", "request_id": "the request", "unit": "as in request",
		"user_id": "the user; NULL of a session", "place": "place in the arrays of request, from 1: by the id of the item",
		"item_id": "item of the history used", "weight": "its weight, or rating, as the model was given it",
		"interacted_at": "its newest time"}') LOOP
		EXECUTE format('COMMENT ON COLUMN %I.request_history.%I IS %L', recommender, c.key, c.value);
	END LOOP;
	PERFORM recsys._make_partitions(recommender, 'request');
	PERFORM recsys._make_partitions(recommender, 'exposure');
END $$;
COMMENT ON FUNCTION recsys._build_log(name) IS
'creates the tables of requests and exposures in a recommender''s own id types, with the partitions of the next months, and the views of their arrays in long form';

CREATE FUNCTION recsys._partitions(recommender name, parent name, OUT partition name, OUT until timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT c.relname, (pg_catalog.regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']*)''\)'))[1]::timestamptz
	FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
	JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
	WHERE p.relname = $2 AND p.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1);
END;
COMMENT ON FUNCTION recsys._partitions(name, name) IS
'the partitions of a table of a recommender, each with the end of its months, which the DEFAULT one does not have';

CREATE FUNCTION recsys._make_partitions(recommender name, parent name) RETURNS TABLE (action text, partition name, rows int8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	month timestamp;
	start timestamptz;
	stray int8;
BEGIN
	-- one at a time; who inserts does not wait for this
	PERFORM recsys._execute_as_owner(recommender, format('LOCK TABLE %I.%I IN SHARE UPDATE EXCLUSIVE MODE', recommender, parent));
	FOR month IN SELECT q.m FROM recsys._query_as_owner(recommender, format(
		$q$SELECT m FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
			date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 months', '1 month') m
		UNION SELECT date_trunc('month', d.requested_at AT TIME ZONE 'UTC') FROM %I.%I d ORDER BY 1$q$, recommender, parent || '_default')) q (m timestamp) LOOP
		start := month AT TIME ZONE 'UTC';
		CONTINUE WHEN EXISTS (SELECT FROM recsys._partitions(recommender, parent) p
			WHERE p.until = (month + interval '1 month') AT TIME ZONE 'UTC');
		partition := parent || to_char(month, '_YYYY_MM');
		IF to_regclass(format('%I.%I', recommender, partition)) IS NOT NULL THEN
			RAISE NOTICE 'a table %.% that is no partition stands where one belongs', recommender, partition
				USING HINT = format('Until it is moved or attached, requests of that month stay in %I.%I.', recommender, parent || '_default');
			CONTINUE;
		END IF;
		-- attached, not created in place: that would wait for every reader of the table, and they for it
		PERFORM recsys._execute_as_owner(recommender, format('CREATE TABLE %1$I.%2$I (LIKE %1$I.%3$I INCLUDING ALL)', recommender, partition, parent));
		PERFORM recsys._execute_as_owner(recommender, format('COMMENT ON TABLE %I.%I IS %L', recommender, partition,
			format('the months of %s up to %s', parent, to_char(month, 'YYYY-MM'))));
		PERFORM recsys._execute_as_owner(recommender, format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', recommender, parent || '_default'));
		stray := recsys._execute_as_owner(recommender, format($q$WITH moved AS (DELETE FROM %1$I.%2$I d
				WHERE d.requested_at >= %4$L AND d.requested_at < %5$L RETURNING d.*)
			INSERT INTO %1$I.%3$I SELECT m.* FROM moved m$q$, recommender, parent || '_default', partition,
			start, (month + interval '1 month') AT TIME ZONE 'UTC'));
		PERFORM recsys._execute_as_owner(recommender, format('ALTER TABLE %1$I.%2$I ATTACH PARTITION %1$I.%3$I FOR VALUES FROM (%4$L) TO (%5$L)',
			recommender, parent, partition, start, (month + interval '1 month') AT TIME ZONE 'UTC'));
		action := 'created';
		rows := stray;
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._make_partitions(name, name) IS
'makes the partitions of this month, of the next three, and of months with rows in the DEFAULT partition, which move there';

CREATE FUNCTION recsys._drop_partitions(recommender name, parent name, days float8) RETURNS TABLE (action text, partition name, rows int8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	oldest timestamptz := now() - days * interval '1 day';
	e record;
BEGIN
	-- an experiment that has not been decided is reported on from the log of all its days
	SELECT x.experiment, x.started_at - interval '1 hour' AS since INTO e FROM recsys.experiment x
	WHERE x.recommender = recommender AND x.state IN ('running', 'stopped') AND x.started_at - interval '1 hour' < oldest ORDER BY x.started_at LIMIT 1;
	IF EXISTS (SELECT FROM recsys._partitions(recommender, parent) p WHERE p.until > e.since AND p.until <= oldest) THEN
		RAISE NOTICE 'partitions of %.% past their % days are kept for experiment "%"', recommender, parent, days, e.experiment
			USING HINT = format('Once it is decided they go: SELECT recsys.stop_experiment(%1$L, %2$L); SELECT recsys.decide_experiment(%1$L, %2$L);', recommender, e.experiment);
	END IF;
	oldest := least(oldest, e.since);
	-- a partition that was moved to another schema is kept there by somebody
	FOR partition IN SELECT p.partition FROM recsys._partitions(recommender, parent) p WHERE p.until <= oldest
		AND EXISTS (SELECT FROM pg_class c WHERE c.relname = p.partition AND c.relispartition AND c.relnamespace = to_regnamespace(quote_ident(recommender)))
		ORDER BY p.until LOOP
		BEGIN
			rows := (SELECT q.n FROM recsys._query_as_owner(recommender, format('SELECT count(*) FROM %I.%I', recommender, partition)) q (n int8));
			PERFORM recsys._execute_as_owner(recommender, format('DROP TABLE %I.%I', recommender, partition));
			action := 'dropped';
			RETURN NEXT;
		EXCEPTION WHEN lock_not_available OR dependent_objects_still_exist THEN
			RAISE NOTICE 'partition %.% is past its % days but could not be dropped: %', recommender, partition, days, SQLERRM
				USING HINT = format('SELECT * FROM recsys.maintain(%L) tries again.', recommender);
		END;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._drop_partitions(name, name, float8) IS
'drops the partitions of months that ended so many days ago; with a NOTICE leaves what is in use, or needed by an experiment that is not decided';

CREATE FUNCTION recsys.maintain(recommender name) RETURNS TABLE (action text, partition name, rows int8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	parent name;
BEGIN
	PERFORM recsys._check_owner(recommender);
	FOREACH parent IN ARRAY ARRAY['request', 'exposure'] LOOP
		BEGIN
			RETURN QUERY SELECT m.* FROM recsys._make_partitions(recommender, parent) m;
		EXCEPTION WHEN lock_not_available THEN
			RAISE NOTICE 'no partitions of %.% were made: it is in use', recommender, parent
				USING HINT = format('Its rows go to the DEFAULT partition meanwhile; SELECT * FROM recsys.maintain(%L) tries again.', recommender);
		END;
		IF r.settings ->> (parent || '_days') IS NOT NULL THEN
			RETURN QUERY SELECT d.* FROM recsys._drop_partitions(recommender, parent, (r.settings ->> (parent || '_days'))::float8) d;
		END IF;
	END LOOP;
	rows := recsys._delete_old_runs(recommender, (r.settings ->> 'run_days')::float8);
	IF rows > 0 THEN
		action := 'deleted';
		partition := 'training_run';
		RETURN NEXT;
	END IF;
END $$;
COMMENT ON FUNCTION recsys.maintain(name) IS
'makes the partitions of SHOP.request and SHOP.exposure three months ahead, moves rows out of their DEFAULT partitions, drops months older than the settings request_days and exposure_days unless an experiment that is not decided needs them, and deletes runs with their evaluations older than run_days; returns what it did; retrain calls it';

CREATE FUNCTION recsys._serve(recommender name, for_user "any", session_id text, for_items "any", k int4, placement text, filter jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'recsys_serve';
COMMENT ON FUNCTION recsys._serve(name, "any", text, "any", int4, text, jsonb) IS
'door behind SHOP.serve: (request_id uuid, variant text, rank int, item_id I, score float8, source text, reason text, because_item_id I)';

CREATE FUNCTION recsys.replay(recommender name, request_id uuid, level text DEFAULT 'shown')
	RETURNS TABLE (item_id text, feature text, logged float8, replayed float8, difference float8, cause text)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'recsys_replay';
COMMENT ON FUNCTION recsys.replay(name, uuid, text) IS
'does a logged request again and gives a row for each difference, none where all is equal; level shown: features, scores and order of the items shown, from the logged history; level list: the whole list as of that instant, each difference with its cause (history changed, catalog changed, rule changed, code)';

CREATE FUNCTION recsys.skew_report(recommender name, since timestamptz DEFAULT '-infinity')
	RETURNS TABLE (feature text, exposures int8, differing int8, largest_difference float8, worst_request uuid, worst_item text)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 30 AS 'MODULE_PATHNAME', 'recsys_skew_report';
COMMENT ON FUNCTION recsys.skew_report(name, timestamptz) IS
'for each feature, how the values logged by SHOP.serve since then compare with those that the bulk reading which feeds the training of the ranker and the evaluation gives for the same user, item and instant: exposures compared, how many differ, the largest difference and where it is; of users'' lists, as long as their models are kept';

-- Unlike the other wrappers serve is PL/pgSQL: an SQL function is not inlined
-- where it is VOLATILE, and before PostgreSQL 18 parsed and planned at each call,
-- which takes as long as the rows that serve writes.
CREATE FUNCTION recsys._wrap_log(recommender name, u text, i text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	-- planned under the caller's search path
	item text := (SELECT format('%I.%I', n.nspname, t.typname) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
		WHERE t.oid = (recsys._recommender(recommender)).item_type);
BEGIN
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.serve(for_user %2$s DEFAULT NULL, session_id text DEFAULT NULL,
			for_items %3$s[] DEFAULT NULL, k int DEFAULT 10, placement text DEFAULT 'default', filter jsonb DEFAULT NULL)
		RETURNS TABLE (request_id uuid, variant text, rank int, item_id %3$s, score float8, source text, reason text, because_item_id %3$s)
		LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10 AS %5$L$f$, recommender, u, i, recommender, format($b$
		BEGIN
			RETURN QUERY SELECT t.request_id, t.variant, t.rank, t.item_id, t.score, t.source, t.reason, t.because_item_id
			FROM recsys._serve(%1$L, $1, $2, $3, $4, $5, $6)
				AS t (request_id pg_catalog.uuid, variant pg_catalog.text, rank pg_catalog.int4, item_id %2$s,
					score pg_catalog.float8, source pg_catalog.text, reason pg_catalog.text, because_item_id %2$s);
		END $b$, recommender, item));
	EXECUTE format('COMMENT ON FUNCTION %I.serve(%s, text, %s[], int, text, jsonb) IS %L', recommender, u, i,
		'the list of SHOP.recommend for a user, or for a session from its items, with the request and every item shown logged in the caller''s transaction; needs INSERT on SHOP.request and SHOP.exposure');
END $$;
COMMENT ON FUNCTION recsys._wrap_log(name, text, text) IS '(re)creates SHOP.serve';
