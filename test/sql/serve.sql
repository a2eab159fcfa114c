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
	INSERT INTO library.request SELECT at, gen_random_uuid(), i::text, i, false, 'home', 10, NULL, 'default', 1, 0, 1, 'none', NULL, NULL, '{}', '{}', '{}', 1, 1
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
SELECT recsys.maintain('nonesuch');
TRUNCATE library.request, library.exposure;
