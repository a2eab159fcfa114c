-- interaction: the views over the source, which hold the cleaning rules
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/fixture/dirty.sql'
\set ECHO none
\i :fixture
\set ECHO all
SELECT dirty.make('ia');
SET timezone = 'UTC';
SET datestyle = 'ISO';

--
-- each rule, row by row
--
-- what is kept, and as what; repeats are merged by those who read
SELECT user_id, item_id, event, value, weight, CASE WHEN interacted_at < '2025-01-01' THEN interacted_at END AS interacted_at, positive, owned
FROM ia.interaction ORDER BY user_id, item_id;
-- rows whose fate is not the planned one: none
SELECT n, u, i, fate FROM dirty.event s
WHERE (fate IS NULL) <> EXISTS (SELECT FROM ia.interaction x WHERE x.user_id = s.u AND x.item_id = s.i)
ORDER BY n;
-- the view event has the excluded users and items still in
SELECT count(*) AS rows, array_agg(user_id ORDER BY user_id) FILTER (WHERE user_id >= 90) AS users,
	array_agg(item_id ORDER BY item_id) FILTER (WHERE item_id >= 'i90') AS items
FROM ia.event;
-- of those dropped as no positive, the dislikes are another view
SELECT * FROM ia.dislike;

-- rules off, one after the other: what comes back
CREATE FUNCTION pg_temp.without(VARIADIC rules text[]) RETURNS TABLE (user_id int, item_id text, value float8)
LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE kept AS SELECT i.user_id, i.item_id FROM ia.interaction i;
	PERFORM recsys.alter_recommender('ia', settings => jsonb_build_object('rules', (SELECT jsonb_object_agg(r, false) FROM unnest(rules) r)));
	RETURN QUERY SELECT i.user_id, i.item_id, i.value FROM ia.interaction i
		WHERE (i.user_id, i.item_id) NOT IN (SELECT k.user_id, k.item_id FROM kept k) ORDER BY 1, 2;
	PERFORM recsys.alter_recommender('ia', settings => jsonb_build_object('rules', (SELECT jsonb_object_agg(r, true) FROM unnest(rules) r)));
	DROP TABLE kept;
END $$;
SELECT * FROM pg_temp.without('filter');
SELECT * FROM pg_temp.without('future');
SELECT * FROM pg_temp.without('excluded_user');
SELECT * FROM pg_temp.without('bots');
SELECT * FROM pg_temp.without('excluded_user', 'bots');
SELECT * FROM pg_temp.without('excluded_item');
SELECT * FROM pg_temp.without('value_not_finite', 'value_not_positive');
-- a row that is no positive cannot come back
SELECT recsys.alter_recommender('ia', settings => '{"rules": {"event": false}}');
-- all at once
SELECT count(*) FROM pg_temp.without('filter', 'future', 'excluded_user', 'bots', 'excluded_item');

--
-- weights, positives and ownership
--
CREATE TABLE dirty.w (u int, i int, kind text, v float8);
INSERT INTO dirty.w VALUES (1, 1, 'buy', 1), (1, 2, 'buy', 3), (1, 3, 'cart', 3), (1, 4, 'view', NULL), (1, 5, 'wish', 1), (1, 6, 'hate', 1);
SELECT recsys.create_recommender('w', 'dirty.w', 'u', 'i', value_column => 'v', event_column => 'kind',
	positives => '{"buy": {"weight": 2}, "cart": {"weight": 0.5}, "view": {}, "hate": {"weight": -3}}');
CREATE VIEW dirty.seen AS
	SELECT s.i, s.kind, s.v, x.value, round(x.weight::numeric, 4) AS weight, x.positive, x.owned, d.item_id IS NOT NULL AS disliked
	FROM dirty.w s LEFT JOIN w.interaction x ON x.item_id = s.i LEFT JOIN w.dislike d ON d.item_id = s.i ORDER BY s.i;
-- one: the weight of the type, 1 where none is given; the heaviest type is owned
TABLE dirty.seen;
-- value: weight times value; log: weight times 1 + ln(1 + value):
-- 2 (1 + ln 2) = 3.3863, 2 (1 + ln 4) = 4.7726, .5 (1 + ln 4) = 1.1931, 1 + ln 2 = 1.6931
SELECT recsys.alter_recommender('w', weight_rule => 'value');
TABLE dirty.seen;
SELECT recsys.alter_recommender('w', weight_rule => 'log');
TABLE dirty.seen;
SELECT recsys.alter_recommender('w', weight_rule => 'one');
-- owned as said: view only; nothing said but that view is not; two heaviest; none
SELECT recsys.alter_recommender('w', positives => '{"buy": {"weight": 2}, "view": {"owned": true}}');
SELECT array_agg(kind ORDER BY i) FROM dirty.seen WHERE owned;
SELECT recsys.alter_recommender('w', positives => '{"buy": {"weight": 2}, "view": {"owned": false}}');
SELECT array_agg(kind ORDER BY i) FROM dirty.seen WHERE owned;
SELECT recsys.alter_recommender('w', positives => '{"buy": {"weight": 2}, "cart": {"weight": 2}, "view": {}}');
SELECT array_agg(kind ORDER BY i) FROM dirty.seen WHERE owned;
SELECT recsys.alter_recommender('w', positives => '{"buy": {"owned": false}, "view": {"weight": 0.1}}');
SELECT count(*) AS rows, count(*) FILTER (WHERE owned) AS owned FROM w.interaction;
-- a minimum for all, and one of a type's own: buy from 2, cart from 4, view from 1
SELECT recsys.alter_recommender('w', min_value => 2,
	positives => '{"buy": {"weight": 2}, "cart": {"weight": 0.5, "min_value": 4}, "view": {"weight": 0.1, "min_value": 1}}');
TABLE dirty.seen;
-- dislikes by value too: at most 1; a view without a value is none
SELECT recsys.alter_recommender('w', positives => '{"buy": {"weight": 2}, "hate": {"weight": -1}}', settings => '{"dislike_max_value": 1}',
	unset => '{min_value}');
SELECT array_agg(item_id ORDER BY item_id) AS dislikes FROM w.dislike;
-- event types that need quotes, and SQL in them
INSERT INTO dirty.w VALUES (2, 7, 'it''s "bought" \', 1), (2, 8, '', 1), (2, 9, '🛒', 1), (2, 10, '%s $1', 1);
SELECT recsys.alter_recommender('w', positives => '{"it''s \"bought\" \\": {}, "": {}, "🛒": {}, "%s $1": {"weight": 0.5}, "''; DROP TABLE dirty.w; --": {}}',
	settings => '{"dislike_max_value": null}');
SELECT item_id, event, weight, owned FROM w.interaction ORDER BY item_id;

-- without event types everything is owned; a minimum says what is positive
SELECT recsys.alter_recommender('w', unset => '{positives,event_column}', min_value => 2);
SELECT item_id, event, value, weight, positive, owned FROM w.interaction ORDER BY item_id;
DROP VIEW dirty.seen;
SELECT recsys.drop_recommender('w');

--
-- explicit feedback: every rating is kept, those from 4 on are positive
--
CREATE TABLE dirty.rating (u int, i int, stars float4);
INSERT INTO dirty.rating VALUES (1, 1, 5), (1, 2, 4), (1, 3, 3.5), (1, 4, 1), (1, 5, 0), (1, 6, -1), (1, 7, NULL), (1, 8, 'NaN'), (1, 9, 'infinity');
SELECT recsys.create_recommender('rating', 'dirty.rating', 'u', 'i', value_column => 'stars', feedback => 'explicit', min_value => 4,
	settings => '{"dislike_max_value": 1}');
SELECT item_id, value, weight, interacted_at, positive, owned FROM rating.interaction ORDER BY item_id;
SELECT array_agg(item_id ORDER BY item_id) AS dislikes FROM rating.dislike;
-- zero and less is no rating, if one says so
SELECT recsys.alter_recommender('rating', settings => '{"rules": {"value_not_positive": true}}');
SELECT array_agg(item_id ORDER BY item_id) AS items FROM rating.interaction;
SELECT recsys.drop_recommender('rating');

--
-- times without a zone are read in the recommender's
--
CREATE TABLE dirty.clock (u int, i int, day date, local timestamp, at timestamptz);
INSERT INTO dirty.clock VALUES
	(1, 1, '2024-01-15', '2024-01-15 12:00', '2024-01-15 12:00Z'),			-- winter: UTC - 5
	(1, 2, '2024-07-15', '2024-07-15 12:00', '2024-07-15 12:00Z'),			-- summer: UTC - 4
	(1, 3, '2024-03-10', '2024-03-10 02:30', '2024-03-10 02:30Z'),			-- an hour that was skipped
	(1, 4, 'infinity', '-infinity', NULL),
	(1, 5, NULL, NULL, 'infinity'),
	(1, 6, '0044-03-15 BC', '4713-01-01 00:00 BC', '4713-01-02 00:00Z BC');
SELECT recsys.create_recommender('day', 'dirty.clock', 'u', 'i', 'day', time_zone => 'America/New_York');
SELECT recsys.create_recommender('local', 'dirty.clock', 'u', 'i', 'local', time_zone => 'America/New_York');
SELECT recsys.create_recommender('zoned', 'dirty.clock', 'u', 'i', 'at', time_zone => 'America/New_York');
SELECT item_id, d.interacted_at AS day, l.interacted_at AS local, z.interacted_at AS zoned
FROM day.interaction d FULL JOIN local.interaction l USING (item_id) FULL JOIN zoned.interaction z USING (item_id) ORDER BY item_id;
-- whatever the session's zone is
SET timezone = 'Asia/Tokyo';
SELECT interacted_at AT TIME ZONE 'UTC' AS utc FROM day.interaction WHERE item_id = 1;
SELECT interacted_at AT TIME ZONE 'UTC' AS utc FROM local.interaction WHERE item_id = 1;
SET timezone = 'UTC';
SELECT recsys.drop_recommender(r) FROM unnest('{day,local,zoned}'::name[]) r;

--
-- nothing there
--
CREATE TABLE dirty.void (u uuid, i text, at timestamptz, v numeric);
SELECT recsys.create_recommender('void', 'dirty.void', 'u', 'i', 'at', 'v');
SELECT count(*) FROM void.interaction;
INSERT INTO dirty.void VALUES (NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL);
SELECT count(*) FROM void.interaction;
INSERT INTO dirty.void VALUES ('00000000-0000-0000-0000-000000000001', '', '2024-01-01', 1e-300);
SELECT * FROM void.interaction;
SELECT recsys.drop_recommender('void');

--
-- the plan: one user's rows by the index, all rows without a sort
--
CREATE TABLE dirty.large (u int8, i int4, kind text, v int, at timestamptz);
INSERT INTO dirty.large SELECT n % 1000, n % 997, 'buy', 1, timestamptz '2024-01-01Z' + n * interval '1 minute' FROM generate_series(1, 50000) n;
CREATE INDEX large_user ON dirty.large (u, at);
CREATE INDEX large_item ON dirty.large (i, at);
ANALYZE dirty.large;
SELECT recsys.create_recommender('plan', 'dirty.large', 'u', 'i', 'at', 'v', 'kind', filter => 'v < 1000 -- a comment',
	positives => '{"buy": {"weight": 1}, "view": {"weight": 0.1}}');
CREATE FUNCTION pg_temp.nodes(query text, OUT sources text, OUT sorts text) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	WITH RECURSIVE node (n) AS (
		SELECT plan -> 0 -> 'Plan'
		UNION ALL
		SELECT p FROM node, json_array_elements(n -> 'Plans') p
	)
	SELECT string_agg(DISTINCT CASE WHEN n ->> 'Node Type' = 'Seq Scan' AND n ->> 'Relation Name' = 'large' THEN 'all of it'
			WHEN n ->> 'Index Name' LIKE 'large%' THEN n ->> 'Index Name' END, ', '),
		string_agg(n ->> 'Node Type', ', ') FILTER (WHERE n ->> 'Node Type' ~ 'Sort|Aggregate|Window|Unique|Group|SetOp')
	INTO sources, sorts FROM node;
END $$;
SET max_parallel_workers_per_gather = 0;
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.interaction WHERE user_id = 5');
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.interaction WHERE user_id = ANY (''{5,6}''::int8[])');
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.interaction WHERE item_id = 5');
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.dislike WHERE user_id = 5');
SELECT * FROM pg_temp.nodes('SELECT u.id, x.* FROM (VALUES (5::int8), (6)) u (id) JOIN plan.interaction x ON x.user_id = u.id');
PREPARE one_user (int8) AS SELECT * FROM plan.interaction WHERE user_id = $1;
SET plan_cache_mode = force_generic_plan;
SELECT * FROM pg_temp.nodes('EXECUTE one_user (5)');
RESET plan_cache_mode;
DEALLOCATE one_user;
-- the index gives the newest first
SET enable_bitmapscan = off;
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.interaction WHERE user_id = 5 ORDER BY interacted_at DESC LIMIT 5');
RESET enable_bitmapscan;
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.interaction');
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.event');
-- many exclusions change nothing
INSERT INTO plan.excluded_user SELECT n, 'test', 'manual' FROM generate_series(100000, 120000) n;
INSERT INTO plan.excluded_item SELECT n, 'test', 'manual' FROM generate_series(100000, 120000) n;
ANALYZE plan.excluded_user, plan.excluded_item;
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.interaction WHERE user_id = 5');
SELECT * FROM pg_temp.nodes('SELECT * FROM plan.interaction');
SELECT count(*) FROM plan.interaction;
RESET max_parallel_workers_per_gather;
SELECT recsys.drop_recommender('plan');

SELECT recsys.drop_recommender('ia');
DROP SCHEMA dirty CASCADE;
