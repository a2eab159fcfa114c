-- Tells what a recommender is worth, for any data set: :recommender, and
-- :load_seconds, which loading took.  Reads demo_about.

\set ECHO none
\pset pager off
\pset footer off
\pset null ''
\pset border 1
\pset linestyle ascii

SELECT what, does, r.user_type, r.item_type,
	CASE WHEN r.user_type = 'uuid'::regtype THEN '00000000-0000-0000-0000-000000000000'
		WHEN r.user_type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN '-1'
		ELSE 'nobody we know' END AS unknown_user
FROM demo_about, recsys.recommender r WHERE r.recommender = :'recommender' \gset

\qecho
\qecho :what
\qecho

-- --- cleaning ---

\qecho 'WHAT WAS DROPPED, rule by rule'
\qecho
SELECT rule, coalesce(nullif(left(parameter, 34) || CASE WHEN length(parameter) > 34 THEN '...' ELSE '' END, ''), '-') AS parameter,
	lpad(to_char(rows_in, 'FM999,999,999,990'), 7) AS "rows in",
	lpad(to_char(rows_dropped, 'FM999,999,999,990'), 7) AS dropped,
	lpad(to_char(100 * share, 'FM990.00') || ' %', 7) AS share,
	lpad(to_char(users_touched, 'FM999,999,999,990'), 7) AS users,
	lpad(to_char(items_touched, 'FM999,999,999,990'), 7) AS items,
	note
FROM recsys.quality_report(:'recommender')
WHERE enabled
ORDER BY step;

-- --- leaderboard ---

\qecho 'WHICH METHOD IS BEST'
\qecho
\ir leaderboard.sql

-- --- three users ---

SELECT coalesce(u[1], '') AS user1, coalesce(u[2], '') AS user2, coalesce(u[3], '') AS user3,
	coalesce(cardinality(u) >= 1, false) AS has1, coalesce(cardinality(u) >= 2, false) AS has2, coalesce(cardinality(u) >= 3, false) AS has3
FROM (SELECT array_agg(user_id) AS u FROM (
	SELECT user_id::text FROM :"recommender".interaction WHERE owned
	GROUP BY user_id HAVING count(DISTINCT item_id) BETWEEN 5 AND 200
	ORDER BY md5(user_id::text) LIMIT 3) x) y \gset
\if :has1
\set user :user1
\ir user.sql
\endif
\if :has2
\set user :user2
\ir user.sql
\endif
\if :has3
\set user :user3
\ir user.sql
\endif

\qecho 'SOMEBODY UNKNOWN:' :unknown_user
\qecho
SELECT r.rank, r.item_id AS item, left(c.title, 44) AS title, lpad(to_char(r.score, 'FM99990.0000'), 8) AS score, r.source, r.reason
FROM :"recommender".recommend(:'unknown_user', k => 10) r LEFT JOIN :"recommender".catalog c USING (item_id)
ORDER BY r.rank;

-- --- time ---

-- of one call, for up to 200 users, in one session
CREATE TEMP TABLE call (milliseconds float8);
SELECT format($do$DO $$
DECLARE
	u record;
	began timestamptz;
BEGIN
	FOR u IN SELECT DISTINCT user_id FROM %1$I.interaction ORDER BY 1 LIMIT 200 LOOP
		began := clock_timestamp();
		PERFORM FROM %1$I.recommend(u.user_id, k => 10);
		INSERT INTO call VALUES (1000 * extract(epoch FROM clock_timestamp() - began));
	END LOOP;
END $$$do$, :'recommender') AS call_often \gset
:call_often;

\qecho 'HOW LONG IT TOOK'
\qecho
SELECT stage, lpad(to_char(seconds, 'FM99990.00'), 7) AS seconds, lpad(rows_in, 9) AS "rows in", lpad(rows_out, 9) AS "rows out", lpad(memory, 7) AS memory
FROM (
	SELECT 0 AS n, NULL::timestamptz AS started_at, 'load the data' AS stage, :load_seconds::float8 AS seconds, NULL AS rows_in, NULL AS rows_out, NULL AS memory
	UNION ALL
	SELECT 1, s.started_at, 'retrain: ' || s.stage, s.seconds, to_char(s.rows_in, 'FM999,999,999,990'), to_char(s.rows_out, 'FM999,999,999,990'),
		CASE WHEN s.bytes > 0 THEN pg_size_pretty(s.bytes) END
	FROM recsys.training_stage s
	WHERE s.run_id = (SELECT max(run_id) FROM recsys.training_run WHERE recommender = :'recommender')
	UNION ALL
	SELECT 2, NULL, 'retrain, all', extract(epoch FROM finished_at - started_at), NULL, NULL, NULL
	FROM recsys.training_run
	WHERE run_id = (SELECT max(run_id) FROM recsys.training_run WHERE recommender = :'recommender')
) s
ORDER BY n, started_at;
SELECT format('A call of %s.recommend: %s ms in the median, %s ms at most, of %s calls.', :'recommender',
	to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY milliseconds), 'FM9990.0'),
	to_char(max(milliseconds), 'FM9990.0'), count(*)) AS calls
FROM call \gset
\qecho :calls
