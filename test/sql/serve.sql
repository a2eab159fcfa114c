-- serve: lists that are logged, the tables they are logged in, their upkeep
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY default

-- two circles of readers; each has read all books of the circle but one
CREATE TABLE serve_book (id text, title text, shelf text, price numeric, released_at date, available boolean);
INSERT INTO serve_book SELECT c || n, initcap(c) || ' ' || n, CASE c WHEN 'p' THEN 'poetry' ELSE 'science' END, n * 3, date '2024-01-01' + n, true
FROM unnest('{p,s}'::text[]) c, generate_series(1, 6) n;
INSERT INTO serve_book VALUES ('n1', 'New 1', 'poetry', 9, '2024-04-01', true), ('n2', 'New 2', 'science', 19, '2024-05-01', true);
CREATE TABLE serve_event (reader int8, book text, at timestamptz DEFAULT now());
CREATE INDEX ON serve_event (reader, at);
CREATE INDEX ON serve_event (book, at);
INSERT INTO serve_event
SELECT u, CASE u % 2 WHEN 0 THEN 'p' ELSE 's' END || n, '2024-05-01Z'::timestamptz + u * interval '1 hour' + n * interval '1 minute'
FROM generate_series(1, 48) u, generate_series(1, 6) n WHERE n - 1 <> u / 2 % 6;
SELECT recsys.create_recommender('library', 'serve_event', 'reader', 'book', 'at',
	catalog => 'serve_book', catalog_columns => '{"category": "shelf"}', settings => '{"rules": {"bots": false}}');

-- partitions: this month and the next three, and one for the rest
CREATE VIEW serve_partition AS
SELECT p.relname AS parent, c.relname AS partition, pg_get_expr(c.relpartbound, c.oid) AS bound,
	(substr(c.relname, length(p.relname) + 2))::text AS suffix
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relnamespace = 'library'::regnamespace AND p.relkind = 'p';
SELECT parent, count(*) AS partitions, count(*) FILTER (WHERE bound = 'DEFAULT') AS defaults,
	array_agg(suffix ORDER BY suffix) FILTER (WHERE bound <> 'DEFAULT')
	= (SELECT array_agg(to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month', 'YYYY_MM') ORDER BY n) FROM generate_series(0, 3) n) AS months
FROM serve_partition GROUP BY parent ORDER BY parent;
SELECT count(*) FROM recsys.maintain('library');

-- rows outside of them go to DEFAULT, until there is a partition for their month
CREATE FUNCTION serve_log(at timestamptz, n int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO library.request SELECT at, gen_random_uuid(), i::text, i, false, 'home', 10, NULL, 'default', 1, 0, 1, 'none', NULL, NULL, '{}', '{}', '{}', 1, 1, 0, 0
	FROM generate_series(1, n) i;
	INSERT INTO library.exposure SELECT at, r.request_id, r.unit, 1, r.user_id, 'p1', 1, 1, 1, 0, 'popularity', 1, '{1}'
	FROM library.request r WHERE r.requested_at = at;
$$;
SELECT serve_log(date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '40 days', 3);
SELECT serve_log(date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', 2);
SELECT serve_log(date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 month' - interval '1 microsecond', 1);
SELECT serve_log('2020-02-29 23:59:59Z', 4);
SELECT count(*) AS default_rows FROM library.request_default;
SET timezone = 'America/New_York';
SET datestyle = 'SQL, DMY';
SELECT action, regexp_replace(partition, '_20(2[1-9]|[3-9]\d).*', '_last') AS partition, rows FROM recsys.maintain('library') ORDER BY partition, action;
SELECT count(*) FROM recsys.maintain('library');
RESET datestyle;
RESET timezone;
SELECT count(*) AS default_rows FROM library.request_default;
SELECT count(*) AS requests, (SELECT count(*) FROM library.exposure) AS exposures FROM library.request;

-- retention: a month goes when all of it is older than the days
SELECT recsys.alter_recommender('library', settings => '{"request_days": 1, "exposure_days": null}');
SELECT action, regexp_replace(partition, '_20(2[1-9]|[3-9]\d).*', '_last') AS partition, rows FROM recsys.maintain('library') ORDER BY partition, action;
SELECT count(*) AS requests, (SELECT count(*) FROM library.exposure) AS exposures FROM library.request;
SELECT serve_log('2020-02-29 23:59:59Z', 1);
SELECT action, partition, rows FROM recsys.maintain('library') ORDER BY partition, action;
SELECT recsys.alter_recommender('library', settings => '{"request_days": 0}');
SELECT recsys.alter_recommender('library', settings => '{"exposure_days": "a year"}');
SELECT recsys.alter_recommender('library', settings => '{"request_days": 400, "exposure_days": 400}');
SELECT count(*) > 0 AS dropped FROM recsys.maintain('library') WHERE action = 'dropped' AND partition LIKE 'exposure%';
-- what hangs on a month stays, with a notice
SELECT serve_log('2020-02-29 23:59:59Z', 1);
SELECT recsys.alter_recommender('library', settings => '{"request_days": null}');
SELECT count(*) FROM recsys.maintain('library') WHERE action = 'created';
CREATE VIEW serve_keep AS SELECT FROM library.request_2020_02;
SELECT recsys.alter_recommender('library', settings => '{"request_days": 400}');
SET client_min_messages = notice;
SELECT * FROM recsys.maintain('library');
SET client_min_messages = warning;
DROP VIEW serve_keep;
SELECT * FROM recsys.maintain('library');
-- a month that was detached and left there does not end the upkeep
CREATE TABLE library.request_2020_03 (LIKE library.request);
SELECT serve_log('2020-03-01', 1);
SET client_min_messages = notice;
SELECT action, partition FROM recsys.maintain('library') WHERE partition LIKE 'request%';
SET client_min_messages = warning;
DROP TABLE library.request_2020_03;
SELECT recsys.maintain('nonesuch');
TRUNCATE library.request, library.exposure;

-- no list without a model, and nothing logged
SELECT * FROM library.serve(2);
SELECT count(*) FROM library.request;
SELECT recsys.alter_policy('library', 'default', '{"factors": 2, "lambda": 0.1, "sweeps": 20}');
CALL recsys.retrain('library', evaluate => false);

-- the list is the one of recommend, and the log says all of it
BEGIN;
CREATE TEMP TABLE served AS SELECT * FROM library.serve(2, k => 4, placement => 'home');
SELECT (SELECT array_agg((s.rank, s.item_id, s.score, s.source, s.reason, s.because_item_id) ORDER BY s.rank) FROM served s)
	= (SELECT array_agg((r.rank, r.item_id, r.score, r.source, r.reason, r.because_item_id) ORDER BY r.rank) FROM library.recommend(2, 4) r) AS same,
	count(DISTINCT request_id) AS requests, count(variant) AS variants FROM served;
SELECT r.request_id = (SELECT DISTINCT s.request_id FROM served s) AS id, r.requested_at = now() AS instant, r.unit, r.user_id, r.session, r.placement, r.k, r.filter,
	r.policy, r.policy_version, r.model_id = (SELECT live_model_id FROM recsys.recommender WHERE recommender = 'library') AS live,
	r.feature_version, r.ranker, r.experiment_id, r.variant, r.rows, r.milliseconds > 0 AS timed
FROM library.request r;
SELECT r.history_item = (SELECT array_agg(e.book ORDER BY e.book) FROM serve_event e WHERE e.reader = 2) AS items,
	r.history_at = (SELECT array_agg(e.at ORDER BY e.book) FROM serve_event e WHERE e.reader = 2) AS times, r.history_weight FROM library.request r;
SELECT place, item_id, weight, interacted_at = (SELECT e.at FROM serve_event e WHERE (e.reader, e.book) = (user_id, item_id)) AS same_time,
	(requested_at, request_id, unit) = (SELECT r.requested_at, r.request_id, r.unit FROM library.request r) AS same_request
FROM library.request_history ORDER BY place;
SELECT array_agg((e.position, e.item_id, e.score, e.source) ORDER BY e.position)
	= (SELECT array_agg((s.rank, s.item_id, s.score, s.source) ORDER BY s.rank) FROM served s) AS same,
	bool_and(e.score = e.base_score AND e.boost = 1 AND e.freshness = 0 AND e.propensity = 1) AS plain,
	bool_and(e.user_id = 2 AND e.unit = '2' AND e.requested_at = now()) AS unit,
	bool_and(cardinality(e.features) = cardinality(recsys._feature_names('library', r.model_id))) AS features
FROM library.exposure e JOIN library.request r USING (requested_at, request_id, unit);
SELECT feature, count(*) AS rows, round(min(value)::numeric, 3) AS min, round(max(value)::numeric, 3) AS max
FROM library.exposure_feature WHERE feature IN ('history_length', 'popularity', 'price', 'seen_weight') GROUP BY feature ORDER BY feature;
-- UUIDs of version 7, of the transaction's instant, different ones
SELECT s.request_id <> (SELECT DISTINCT request_id FROM served) AS different, substr(s.request_id::text, 15, 1) AS version,
	get_byte(uuid_send(s.request_id), 8) >> 6 AS variant,
	to_timestamp(('x' || translate(left(s.request_id::text, 13), '-', ''))::bit(48)::int8 / 1000.0) = date_trunc('milliseconds', now()) AS instant
FROM library.serve(2, k => 1) s;
COMMIT;
SELECT count(*) AS requests, count(DISTINCT request_id) AS ids FROM library.request;
SELECT bool_and(later.request_id > r.request_id) AS ordered FROM library.serve(4, k => 1) later, library.request r WHERE r.requested_at < now() - interval '1 millisecond';

-- rolled back, nothing is left
BEGIN;
SELECT count(*) FROM library.serve(6);
SELECT count(*) > 0 AS inside FROM library.request WHERE user_id = 6;
ROLLBACK;
SELECT count(*) FROM library.request WHERE user_id = 6;

-- sessions, with items and without; a user whose list is made from items
SELECT count(*) AS rows FROM library.serve(session_id => 'abc', k => 3);
SELECT array_agg(item_id ORDER BY rank) = (SELECT array_agg(item_id ORDER BY rank) FROM library.recommend_for_items('{p1,p2}', 3)) AS same
FROM library.serve(session_id => 'abc', for_items => '{p1,p2}', k => 3);
SELECT count(*) FILTER (WHERE item_id IN (SELECT book FROM serve_event WHERE reader = 3)) AS owned, count(*) AS rows,
	bool_or(item_id LIKE 'p%') AS by_items FROM library.serve(3, for_items => '{p1}', k => 20);
SELECT unit, user_id, session, k, rows, history_item, history_weight, (SELECT bool_and(t = requested_at) FROM unnest(history_at) t) AS now
FROM library.request WHERE unit LIKE 'session:%' OR session ORDER BY requested_at;
-- unknown users, no rows, a filter
SELECT array_agg(item_id ORDER BY rank) = (SELECT array_agg(item_id ORDER BY rank) FROM library.recommend(NULL, 5)) AS popular FROM library.serve(999, k => 5);
SELECT count(*) FROM library.serve(999, k => 0);
SELECT array_agg(item_id ORDER BY item_id) FROM library.serve(2, filter => '{"category": "science", "price": {"min": 12}}');
SELECT k, rows, filter, history_item FROM library.request WHERE k = 0 OR filter IS NOT NULL ORDER BY k;
-- many users in one statement
SELECT count(*) AS rows, count(DISTINCT request_id) AS requests FROM generate_series(10, 15) u, library.serve(u, k => 2);

-- errors, and nothing logged by them
SELECT count(*) AS before FROM library.request \gset
SELECT * FROM library.serve(); \echo :SQLSTATE
SELECT * FROM library.serve(2, 'abc'); \echo :SQLSTATE
SELECT * FROM library.serve(session_id => repeat('x', 1017)); \echo :SQLSTATE
SELECT * FROM library.serve(2, k => -1); \echo :SQLSTATE
SELECT * FROM library.serve(2, k => NULL); \echo :SQLSTATE
SELECT * FROM library.serve(2, placement => NULL); \echo :SQLSTATE
SELECT * FROM library.serve(2, filter => '{"colour": "red"}'); \echo :SQLSTATE
SELECT * FROM recsys._serve('library', 2, NULL, '{}'::text[], 1, 'x', NULL) AS t (request_id uuid, variant text, rank int, item_id text, score float8, source text, reason text, because_item_id text); \echo :SQLSTATE
SELECT * FROM recsys._serve('library', 2::int8, NULL, NULL::text[], 1, 'x', NULL) AS t (request_id uuid, variant text, rank int, item_id int8, score float8, source text, reason text, because_item_id text);
SELECT count(*) - :before AS logged FROM library.request;

-- a read-only transaction has recommend
BEGIN READ ONLY;
SELECT count(*) FROM library.recommend(2, 3);
SELECT * FROM library.serve(2, k => 3); \echo :SQLSTATE
ROLLBACK;

-- rights: an app needs INSERT on two tables, and no more than recommend does
CREATE ROLE regress_recsys_serve;
GRANT USAGE ON SCHEMA library TO regress_recsys_serve;
GRANT SELECT ON ALL TABLES IN SCHEMA library TO regress_recsys_serve;
GRANT SELECT ON serve_event, serve_book TO regress_recsys_serve;
REVOKE ALL ON library.request, library.exposure FROM regress_recsys_serve;
SET ROLE regress_recsys_serve;
SELECT count(*) FROM library.recommend(2, 3);
SELECT * FROM library.serve(2, k => 3); \echo :SQLSTATE
RESET ROLE;
GRANT INSERT ON library.request TO regress_recsys_serve;
SET ROLE regress_recsys_serve;
SELECT * FROM library.serve(2, k => 3); \echo :SQLSTATE
RESET ROLE;
GRANT INSERT ON library.exposure TO regress_recsys_serve;
SET ROLE regress_recsys_serve;
SELECT count(*) FROM library.serve(2, k => 3, placement => 'app');
SELECT * FROM library.request; \echo :SQLSTATE
SELECT * FROM recsys.maintain('library'); \echo :SQLSTATE
RESET ROLE;
SELECT r.placement, r.rows, count(*) FROM library.request r JOIN library.exposure e USING (requested_at, request_id, unit) WHERE placement = 'app' GROUP BY 1, 2;
DROP OWNED BY regress_recsys_serve;
DROP ROLE regress_recsys_serve;

-- exploration: the share of places, with the probability of each, drawn anew for each request
SELECT recsys.alter_policy('library', 'default', '{"rules": [{"rule": "explore", "share": 0.5}, {"rule": "pin", "item": "n2", "position": 2}]}');
BEGIN;
CREATE TEMP TABLE explored AS SELECT u, s.* FROM generate_series(1, 40) u, library.serve(u, k => 5, placement => 'explored') s;
SELECT bool_or(source = 'explore') AS explores, count(*) FILTER (WHERE source = 'pinned' AND rank = 2) AS pinned, count(*) FROM explored;
SELECT bool_and(e.propensity > 0 AND e.propensity <= 1) AS valid, bool_and((e.source = 'pinned') = (e.propensity = 1)) AS pinned_for_sure,
	bool_and(e.propensity < 0.5) FILTER (WHERE e.source = 'explore') AS drawn, bool_and(e.propensity > 0.5) FILTER (WHERE e.source NOT IN ('explore', 'pinned')) AS ranked
FROM library.exposure e JOIN library.request r USING (requested_at, request_id, unit) WHERE r.placement = 'explored';
SELECT count(*) AS still FROM generate_series(1, 40) u, library.recommend(u, 5) r WHERE r.source = 'explore';
COMMIT;
SELECT recsys.alter_policy('library', 'default', '{"rules": []}');

-- the partitions are the recommender's own
DROP VIEW serve_partition;
SELECT recsys.drop_recommender('library');
