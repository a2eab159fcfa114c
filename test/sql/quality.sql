-- quality: quality_report, against sums made by hand and by other SQL
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/fixture/dirty.sql'
\set ECHO none
\i :fixture
\set ECHO all
SELECT dirty.make('q');

-- every rule in its order, then what is odd but kept
SELECT step, rule, enabled, parameter, rows_in, rows_dropped AS dropped, users_touched AS users, items_touched AS items, round(share::numeric, 4) AS share
FROM recsys.quality_report('q') ORDER BY step;
-- (row 23 lies in the present, so the gap before it grows)
SELECT rule, regexp_replace(note, '\d{3,} days', 'N days') AS note FROM recsys.quality_report('q') ORDER BY step;

-- each row is charged to the rule that the fixture says, and to no other
SELECT rule, r.rows_dropped, f.rows, r.users_touched, f.users, r.items_touched, f.items
FROM (SELECT * FROM recsys.quality_report('q') WHERE rule NOT LIKE 'kept:%' AND rule <> 'repeats') r
	FULL JOIN (SELECT fate AS rule, count(*) AS rows, count(DISTINCT u) AS users, count(DISTINCT i) AS items
		FROM dirty.event WHERE fate IS NOT NULL GROUP BY fate) f USING (rule)
WHERE (r.rows_dropped, r.users_touched, r.items_touched) IS DISTINCT FROM (coalesce(f.rows, 0), coalesce(f.users, 0), coalesce(f.items, 0));
-- rows in, less those dropped, are the rows of the next rule; what is left is
-- what the view has, and after the merge the pairs of user and item
SELECT bool_and(rows_in - rows_dropped = next) AS adds_up FROM (
	SELECT rows_in, rows_dropped, lead(rows_in) OVER (ORDER BY step) AS next FROM recsys.quality_report('q')) r;
SELECT min(rows_in) FILTER (WHERE step = 1) = (SELECT count(*) FROM dirty.event) AS begins,
	min(rows_in) FILTER (WHERE rule = 'repeats') = (SELECT count(*) FROM q.interaction) AS cleaned,
	min(rows_in - rows_dropped) FILTER (WHERE rule = 'repeats')
		= (SELECT count(*) FROM (SELECT DISTINCT user_id, item_id FROM q.interaction) p) AS merged,
	sum(share) FILTER (WHERE rule NOT LIKE 'kept:%')
		BETWEEN .999999 * (1 - 6 / 33.0) AND 1.000001 * (1 - 6 / 33.0) AS shares
FROM recsys.quality_report('q');

-- rules switched off drop nothing; their rows go on to the next ones
SELECT recsys.alter_recommender('q', settings => '{"rules": {"filter": false, "value_not_finite": false, "value_not_positive": false,
	"future": false, "excluded_user": false, "excluded_item": false, "bots": false}}');
SELECT rule, enabled, rows_in, rows_dropped FROM recsys.quality_report('q') WHERE rule NOT LIKE 'kept:%' ORDER BY step;
SELECT count(*) AS rows FROM q.interaction;
SELECT recsys.alter_recommender('q', settings => '{"rules": {"filter": true, "value_not_finite": true, "value_not_positive": true, "future": true, "excluded_item": true, "bots": true}}');
SELECT rule, enabled, rows_in, rows_dropped FROM recsys.quality_report('q') WHERE rule ~ '^excluded|bots' ORDER BY step;
SELECT recsys.alter_recommender('q', settings => '{"rules": {"excluded_user": true}}');

-- rules that cannot apply: no event type, no value, no time, no filter
SELECT recsys.alter_recommender('q', unset => '{event_column,positives,min_value,value_column,time_column,filter,catalog}');
SELECT rule, enabled, parameter, rows_in, rows_dropped FROM recsys.quality_report('q') WHERE rule NOT LIKE 'kept:%' ORDER BY step;
SELECT recsys.drop_recommender('q');

-- parameters are shown as they are
SELECT recsys.create_recommender('q', 'dirty.event', 'u', 'i', 'at', 'qty', feedback => 'explicit', min_value => 4, merge => 'last',
	filter => E'kind <> ''100% "x"''\n', settings => '{"future_tolerance": "2 days", "bot_z": 4.5}');
SELECT rule, enabled, parameter, rows_dropped FROM recsys.quality_report('q') WHERE rule NOT LIKE 'kept:%' ORDER BY step;
SELECT recsys.drop_recommender('q');

-- nothing there, nothing but NULLs, one row
CREATE TABLE dirty.void (u int, i text, at date, v float4);
CREATE INDEX ON dirty.void (u, at);
CREATE INDEX ON dirty.void (i, at);
SELECT recsys.create_recommender('q', 'dirty.void', 'u', 'i', 'at', 'v', catalog => 'dirty.item');
SELECT count(*) AS rules, sum(rows_in) AS rows_in, sum(rows_dropped) AS dropped, sum(users_touched) AS users,
	count(share) AS shares, count(note) AS notes FROM recsys.quality_report('q');
SELECT rule FROM recsys.quality_report('q') WHERE rule LIKE 'kept:%';
INSERT INTO dirty.void SELECT FROM generate_series(1, 3);
SELECT rule, rows_in, rows_dropped, users_touched, items_touched, share FROM recsys.quality_report('q') ORDER BY step LIMIT 2;
DELETE FROM dirty.void;
INSERT INTO dirty.void VALUES (1, 'i01', '2024-01-01', 1);
SELECT rule, rows_in, rows_dropped, note FROM recsys.quality_report('q') WHERE step IN (1, 12) OR rule LIKE 'kept:%' ORDER BY step;
SELECT recsys.drop_recommender('q');

--
-- what is odd but kept
--
CREATE TABLE dirty.odd (u text, i int, at timestamp, v int);
CREATE TABLE dirty.shelf (i int, available boolean);
INSERT INTO dirty.shelf SELECT n, true FROM generate_series(1, 10) n;
CREATE INDEX ON dirty.odd (u, at);
CREATE INDEX ON dirty.odd (i, at);
-- a day each from 1 to 30 January, 40 users, items 1 to 10: nothing odd
INSERT INTO dirty.odd SELECT 'user ' || n % 40, 1 + n % 10, timestamp '2024-01-01' + n % 30 * interval '1 day', 5 FROM generate_series(0, 119) n;
SELECT recsys.create_recommender('odd', 'dirty.odd', 'u', 'i', 'at', 'v', catalog => 'dirty.shelf', min_value => 2);
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
-- no rows for 4 days from 31 January on: 3 days are no gap, 4 are
INSERT INTO dirty.odd VALUES ('user 1', 2, '2024-02-03 23:59', 5);
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
DELETE FROM dirty.odd WHERE at > '2024-02-01';
INSERT INTO dirty.odd VALUES ('user 1', 2, '2024-02-04 00:00', 5);
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
-- a time without zone lies on its own day, whatever zone it is read in
SELECT recsys.alter_recommender('odd', time_zone => 'America/New_York');
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
SELECT recsys.alter_recommender('odd', time_zone => 'UTC');
DELETE FROM dirty.odd WHERE at > '2024-02-01';
-- items that the catalog does not have: trained on, listed only where one says so
INSERT INTO dirty.odd VALUES ('user 1', 11, '2024-01-05', 5), ('user 2', 12, '2024-01-06', 5), ('user 3', 12, '2024-01-06', 5);
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
SELECT recsys.alter_recommender('odd', settings => '{"require_catalog": false}');
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
DELETE FROM dirty.odd WHERE i > 10;
-- below the minimum, but owned
UPDATE dirty.odd SET v = 1 WHERE u IN ('user 7', 'user 8');
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
UPDATE dirty.odd SET v = 5;
-- one user with more than a twentieth: 10 of 130
INSERT INTO dirty.odd SELECT 'O''Brien', n, '2024-01-07', 5 FROM generate_series(1, 10) n;
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
DELETE FROM dirty.odd WHERE u LIKE 'O%';
-- no index
DROP INDEX dirty.odd_u_at_idx;
SELECT rule, note FROM recsys.quality_report('odd') WHERE rule LIKE 'kept:%' ORDER BY step;
SELECT recsys.drop_recommender('odd');

SELECT * FROM recsys.quality_report('none'); \echo :SQLSTATE
SELECT * FROM recsys.quality_report(NULL); \echo :SQLSTATE
DROP SCHEMA dirty CASCADE;
