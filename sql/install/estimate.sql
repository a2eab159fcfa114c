/* ---- what a training will take, before it begins ---- */

CREATE FUNCTION recsys._expected_counts(recommender name, exact boolean,
	OUT rows float8, OUT users float8, OUT items float8, OUT user_width float8, OUT item_width float8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	plan json;
BEGIN
	IF to_regclass(format('%I.event', recommender)) IS NULL THEN
		RAISE EXCEPTION 'source % of recommender "%" no longer exists', r.source_name, recommender
			USING ERRCODE = '42P01',
			HINT = format('SELECT recsys.alter_recommender(%L, source => ...) names another.', recommender);
	END IF;
	-- every row of the source, since rules drop few; as many groups as the planner expects
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM %s s', r.source) INTO plan;
	rows := (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8;
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT e.user_id FROM %I.event e GROUP BY 1', recommender) INTO plan;
	users := (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8;
	user_width := (plan -> 0 -> 'Plan' ->> 'Plan Width')::float8;
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT e.item_id FROM %I.event e GROUP BY 1', recommender) INTO plan;
	items := (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8;
	item_width := (plan -> 0 -> 'Plan' ->> 'Plan Width')::float8;
	-- distinct values in a sample of 30000 rows fall short of those in a large table
	IF rows > 30000 THEN
		users := least(users * 3, rows);
		items := least(items * 3, rows);
	END IF;
	IF exact THEN
		EXECUTE format('SELECT count(*), count(DISTINCT e.user_id), count(DISTINCT e.item_id) FROM %I.event e', recommender)
		INTO rows, users, items;
	END IF;
END $$;
COMMENT ON FUNCTION recsys._expected_counts(name, boolean) IS
'rows, users and items of a recommender''s source, by the planner''s statistics or counted, and the width of an id in bytes; run as the recommender''s owner';

CREATE FUNCTION recsys._train_estimate(recommender name, policy name, workers int4,
	rows float8, users float8, items float8, user_width float8, item_width float8)
	RETURNS TABLE (stage text, bytes int8, seconds float8)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 7 AS 'MODULE_PATHNAME', 'recsys_train_estimate';
COMMENT ON FUNCTION recsys._train_estimate(name, name, int4, float8, float8, float8, float8, float8) IS
'bytes and seconds of each stage for these counts, by the formula and by rates';

CREATE FUNCTION recsys.estimate(recommender name, policy name DEFAULT NULL, exact boolean DEFAULT false, workers int4 DEFAULT NULL)
	RETURNS TABLE (stage text, bytes int8, seconds float8, note text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	r recsys.recommender := recsys._recommender(estimate.recommender);
	c record;
	previous record;
	counted text;
BEGIN
	IF exact IS NULL THEN
		RAISE EXCEPTION 'exact must not be NULL' USING ERRCODE = '22004';
	END IF;
	IF workers < 0 THEN
		RAISE EXCEPTION 'workers is %, must not be negative', workers USING ERRCODE = '22023';
	END IF;
	PERFORM recsys._check_owner(estimate.recommender);
	SELECT * INTO c FROM recsys._query_as_owner(estimate.recommender, format(
		'SELECT e.* FROM recsys._expected_counts(%L, %L) e', estimate.recommender, exact))
		e (rows float8, users float8, items float8, user_width float8, item_width float8);
	counted := format(CASE WHEN exact THEN '%s rows, %s users and %s items, counted'
		ELSE 'about %s rows, %s users and %s items, by the planner''s statistics: ANALYZE the source, or exact => true, for better ones' END, c.rows, c.users, c.items);
	-- the last run of the same policy that came to its end
	SELECT t.run_id, s.rows_in INTO previous
	FROM recsys.training_run t JOIN recsys.training_stage s ON s.run_id = t.run_id AND s.stage = 'load'
		JOIN recsys.model m ON m.model_id = t.model_id
	WHERE t.recommender = estimate.recommender AND t.state = 'succeeded' AND s.rows_in > 0
	AND m.policy = coalesce(estimate.policy, r.live_policy)
	ORDER BY t.run_id DESC LIMIT 1;
	RETURN QUERY
	WITH stage AS (
		SELECT e.stage, e.bytes, coalesce(s.seconds * c.rows / previous.rows_in, e.seconds) AS seconds, s.run_id, e.place
		FROM recsys._train_estimate(estimate.recommender, policy, workers, c.rows, c.users, c.items, c.user_width, c.item_width)
			WITH ORDINALITY e (stage, bytes, seconds, place)
			LEFT JOIN recsys.training_stage s ON s.run_id = previous.run_id AND s.stage = e.stage
	)
	SELECT x.stage, x.bytes, x.seconds, x.note
	FROM (SELECT s.stage, s.bytes, s.seconds,
			CASE WHEN s.run_id IS NULL THEN 'seconds by the rates of a 2-core machine' ELSE format('seconds of run %s, scaled to these rows', s.run_id) END AS note,
			s.place
		FROM stage s
		UNION ALL
		SELECT 'retrain', max(s.bytes), sum(s.seconds), counted, 1000 FROM stage s) x
	ORDER BY x.place;
END $$;
COMMENT ON FUNCTION recsys.estimate(name, name, boolean, int4) IS
'bytes and seconds that retrain will take with a policy (NULL: the live one), stage by stage and in all: bytes are an upper bound for the counts of the note, which exact => true takes from the data instead of the planner''s statistics';
