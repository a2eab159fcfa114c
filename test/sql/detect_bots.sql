-- detect_bots: users out of all proportion
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE SCHEMA bots;
CREATE TABLE bots.event (u text, i int, at timestamptz);
CREATE INDEX ON bots.event (u, at);
CREATE INDEX ON bots.event (i, at);
-- 25 persons: three events in their busiest hour, with three items in their
-- busiest day.  All alike, so the spread of the logarithms is at its floor,
-- log(2)/3, and with bot_z 6.2 the thresholds are 3 * exp(6.2 * log(2)/3)
-- = 12.57: 12 is a person, 13 is a bot.
INSERT INTO bots.event
	SELECT 'person ' || p, 1 + (p + e) % 10, timestamptz '2024-01-01 10:00Z' + p % 7 * interval '1 day' + e * interval '10 minutes'
	FROM generate_series(1, 25) p, generate_series(0, 2) e;
INSERT INTO bots.event
	-- 13 events within 59.8 minutes
	SELECT 'fast', 1, timestamptz '2024-01-03 23:30Z' + n * interval '299 seconds' FROM generate_series(0, 12) n UNION ALL
	-- 13 events in an hour and its end, which is no part of it: 12
	SELECT 'just not fast', 1, timestamptz '2024-01-03 23:30Z' + n * interval '300 seconds' FROM generate_series(0, 12) n UNION ALL
	-- 13 items in a day, one an hour
	SELECT 'broad', 1 + n, timestamptz '2024-01-04 05:00Z' + n * interval '1 hour' FROM generate_series(0, 12) n UNION ALL
	-- 20 events in a day, with 12 items
	SELECT 'just not broad', 1 + n % 12, timestamptz '2024-01-04 00:00Z' + n * interval '1 hour' FROM generate_series(0, 19) n UNION ALL
	-- 14 items in two days, 12 before midnight (UTC) and 2 after it
	SELECT 'two days', 1 + n, timestamptz '2024-01-04 12:30Z' + n * interval '1 hour' FROM generate_series(0, 13) n UNION ALL
	-- both: reported by rate
	SELECT 'O''Brien "🤖"', 1 + n, timestamptz '2024-01-06 00:00Z' + n * interval '1 minute' FROM generate_series(0, 99) n;
SELECT recsys.create_recommender('bot', 'bots.event', 'u', 'i', 'at', settings => '{"bot_z": 6.2}');

-- to look first
SELECT user_id, rule, measure, round(threshold::numeric, 6) AS threshold FROM recsys.detect_bots('bot', apply => false) ORDER BY user_id COLLATE "C";
SELECT count(*) FROM bot.excluded_user;
-- then to leave them out, with the reason
SELECT user_id FROM recsys.detect_bots('bot') ORDER BY user_id COLLATE "C";
SELECT user_id, reason, rule, added_at <= now() AS added FROM bot.excluded_user ORDER BY user_id COLLATE "C";
SELECT count(*) FILTER (WHERE user_id !~ '^(person|just|two)') AS of_bots, count(*) AS of_all FROM bot.interaction;
SELECT rows_dropped, users_touched FROM recsys.quality_report('bot') WHERE rule = 'bots';
-- those left out are looked at again: they stay bots
SELECT user_id FROM recsys.detect_bots('bot') ORDER BY user_id COLLATE "C";
SELECT count(*) FROM bot.excluded_user;

-- one that is no bot any more is taken out, another's reason is renewed; what
-- stands there by hand is not touched, and such a user is not looked at
DELETE FROM bots.event WHERE u = 'broad' AND i > 5 OR u LIKE 'O''B%' AND i > 50;
UPDATE bot.excluded_user SET rule = 'manual', reason = 'a friend''s' WHERE user_id = 'fast';
INSERT INTO bot.excluded_user (user_id, reason, rule) VALUES ('person 1', 'staff', 'payroll');
SELECT user_id, rule, measure FROM recsys.detect_bots('bot') ORDER BY user_id COLLATE "C";
SELECT user_id, reason, rule FROM bot.excluded_user ORDER BY user_id COLLATE "C";
DELETE FROM bot.excluded_user;

-- those who are known to be none
SELECT recsys.alter_recommender('bot', settings => '{"never_bots": ["O''Brien \"🤖\"", "nobody"]}');
SELECT user_id FROM recsys.detect_bots('bot') ORDER BY user_id COLLATE "C";
-- a stricter threshold: 3 * exp(3 * log(2)/3) = 6; a looser one: 3 * exp(9 * log(2)/3) = 24
SELECT recsys.alter_recommender('bot', settings => '{"bot_z": 3}');
SELECT user_id, rule, measure, round(threshold::numeric, 6) AS threshold FROM recsys.detect_bots('bot') ORDER BY user_id COLLATE "C";
SELECT recsys.alter_recommender('bot', settings => '{"bot_z": 9, "never_bots": []}');
SELECT user_id, rule, measure, round(threshold::numeric, 6) AS threshold FROM recsys.detect_bots('bot') ORDER BY user_id COLLATE "C";
SELECT user_id, rule FROM bot.excluded_user;
SELECT recsys.alter_recommender('bot', settings => '{"bot_z": 6.2}');

-- causal: what happens at or after the instant does not count, the same as if
-- it were not there
SELECT user_id, rule, measure FROM recsys.detect_bots('bot', before => '2024-01-05Z', apply => false) ORDER BY user_id COLLATE "C";
SELECT user_id, rule, measure FROM recsys.detect_bots('bot', before => timestamptz '2024-01-03 23:30Z' + 12 * interval '299 seconds', apply => false) ORDER BY user_id COLLATE "C";
CREATE TABLE bots.instant AS SELECT * FROM generate_series(timestamptz '2023-12-31Z', '2024-01-10Z', '7 hours') t;
CREATE TABLE bots.found AS SELECT t, b.user_id, b.rule, b.measure, b.threshold
	FROM bots.instant, LATERAL recsys.detect_bots('bot', before => t, apply => false) b;
CREATE TABLE bots.past AS SELECT * FROM bots.found LIMIT 0;
DO $$
DECLARE
	instant timestamptz;
BEGIN
	FOR instant IN SELECT t FROM bots.instant ORDER BY t DESC LOOP
		DELETE FROM bots.event WHERE at >= instant;
		INSERT INTO bots.past SELECT instant, b.* FROM recsys.detect_bots('bot', apply => false) b;
	END LOOP;
END $$;
SELECT count(*) > 10 AS some, count(DISTINCT user_id) AS users FROM bots.past;
(TABLE bots.found EXCEPT TABLE bots.past) UNION ALL (TABLE bots.past EXCEPT TABLE bots.found);

-- fewer than 20 users have no proportion; nothing there
TRUNCATE bots.event;
SELECT count(*) FROM recsys.detect_bots('bot');
INSERT INTO bots.event SELECT 'u', n, timestamptz '2024-01-01Z' FROM generate_series(1, 1000) n;
SELECT count(*) FROM recsys.detect_bots('bot');
INSERT INTO bots.event SELECT 'person ' || n, n, timestamptz '2024-01-01Z' FROM generate_series(1, 18) n;
SELECT count(*) FROM recsys.detect_bots('bot');
INSERT INTO bots.event VALUES ('person 19', 1, '2024-01-01Z');
SELECT user_id, rule, measure, round(threshold::numeric, 6) AS threshold FROM recsys.detect_bots('bot') ORDER BY user_id COLLATE "C";
SELECT recsys.drop_recommender('bot');

-- without a time an hour holds everything; ids of another type
CREATE VIEW bots.timeless AS SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid AS u, i
	FROM generate_series(1, 30) n, generate_series(1, CASE n WHEN 7 THEN 50 ELSE 2 END) i;
SELECT recsys.create_recommender('bot', 'bots.timeless', 'u', 'i');
SELECT user_id, rule, measure, round(threshold::numeric, 6) AS threshold FROM recsys.detect_bots('bot') ORDER BY user_id COLLATE "C";
SELECT user_id FROM bot.excluded_user;
SELECT recsys.drop_recommender('bot');

SELECT recsys.detect_bots('none'); \echo :SQLSTATE
SELECT recsys.detect_bots(NULL); \echo :SQLSTATE

-- the invented shop tells who is a bot: 9 of 10 must be found, and no more than
-- 1 of 20 found may be a person
CREATE FUNCTION pg_temp.found(seed int, bots int) RETURNS TABLE (recall boolean, "precision" boolean) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM recsys.demo_shop('bot_demo', users => 400, items => 300, interactions => 40000, seed => found.seed, bots => found.bots);
	PERFORM recsys.create_recommender('bot', 'bot_demo.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
		positives => '{"purchase": {"weight": 1}, "cart": {"weight": 0.5}, "view": {"weight": 0.1}}');
	RETURN QUERY SELECT count(b.user_id) FILTER (WHERE c.kind = 'bot') >= .9 * count(*) FILTER (WHERE c.kind = 'bot'),
			count(b.user_id) FILTER (WHERE c.kind = 'bot') >= .95 * count(b.user_id) AND count(b.user_id) > 0
		FROM bot_demo.customer c LEFT JOIN recsys.detect_bots('bot') b ON b.user_id = c.user_id::text;
	PERFORM recsys.drop_recommender('bot');
	DROP SCHEMA bot_demo CASCADE;
END $$;
SELECT n AS shop, f.* FROM (VALUES (1, 1, NULL), (2, 2, 10), (3, 3, 20), (4, 4, 3)) v (n, seed, bots), LATERAL pg_temp.found(seed, bots) f ORDER BY n;

DROP SCHEMA bots CASCADE;
