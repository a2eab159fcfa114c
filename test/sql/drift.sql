-- drift: what is planted in the data raises its alarm, and nothing else does
SET client_min_messages = error;
\set SHOW_CONTEXT never
SET timezone = 'UTC';

-- sixteen weeks of the same: 600 acts a week, of 100 readers and 40 books, the
-- first ones read most; who reads what is drawn by a fixed hash
CREATE TABLE drift_loan (reader int, book int, lent timestamptz);
CREATE INDEX ON drift_loan (reader, lent);
CREATE INDEX ON drift_loan (book, lent);
CREATE FUNCTION drift_draw(n int, salt int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8extended(n, salt) & 1048575) / 1048576.0 $$;
CREATE FUNCTION drift_week(week int, acts int, readers int, books int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO drift_loan SELECT readers + 100 * drift_draw(week * 1000 + a, 1), books + 40 * drift_draw(week * 1000 + a, 2) ^ 2,
		'2024-01-01Z'::timestamptz + week * interval '7 days' + a * interval '7 days' / acts FROM generate_series(0, acts - 1) a $$;
SELECT drift_week(w, 600, 0, 0) FROM generate_series(0, 15) w \g /dev/null
SELECT recsys.create_recommender('drift', 'drift_loan', 'reader', 'book', 'lent', settings => '{"repeat_window": "0 seconds"}', merge => 'sum');
\set until '\'2024-04-22Z\''
SELECT metric, period_start::date AS start, round(value::numeric, 6) AS value, round(reference::numeric, 6) AS reference,
	round(threshold::numeric, 6) AS threshold, alarm
FROM recsys.drift_report('drift', :until, periods => 2) ORDER BY metric = 'interactions' DESC, 1, 2;

-- by hand: the distance of the item shares of the last week from the four before it
WITH share AS (SELECT item_id, count(*) FILTER (WHERE interacted_at >= '2024-04-15Z') / 600.0 AS now,
		count(*) FILTER (WHERE interacted_at < '2024-04-15Z') / 2400.0 AS before
	FROM drift.interaction WHERE interacted_at >= '2024-03-18Z' AND interacted_at < :until GROUP BY item_id)
SELECT round(sum(abs(now - before)) / 2, 9) = round(d.value::numeric, 9) AS shift
FROM share, recsys.drift_report('drift', :until, periods => 1) d WHERE d.metric = 'popularity_shift' GROUP BY d.value;

-- nothing but the alarms that are planted, each in the week after the sixteen
CREATE VIEW drift_alarm AS SELECT metric, period_start::date AS start FROM recsys.drift_report('drift', '2024-04-29Z') WHERE alarm;
TABLE drift_alarm;		-- nobody acts
SELECT metric FROM recsys.drift_report('drift', '2024-04-29Z', thresholds => '{"interactions": null}') WHERE alarm;		-- nor is it asked
BEGIN;
SELECT drift_week(16, 600, 0, 0);
TABLE drift_alarm;		-- as before
ROLLBACK;
BEGIN;
SELECT drift_week(16, 280, 0, 0);
TABLE drift_alarm;		-- half as many
ROLLBACK;
BEGIN;
SELECT drift_week(16, 600, 60, 0);
TABLE drift_alarm;		-- half of the readers are new
ROLLBACK;
BEGIN;
SELECT drift_week(16, 600, 0, 8);
TABLE drift_alarm;		-- they read other books, of those there were for the most part
ROLLBACK;
BEGIN;
SELECT drift_week(16, 600, 0, 1000);
TABLE drift_alarm;		-- new books only
-- thresholds are the caller's
SELECT DISTINCT metric FROM recsys.drift_report('drift', '2024-04-29Z', thresholds => '{"cold_items": 1, "popularity_shift": 1}') WHERE alarm;
ROLLBACK;
-- months, which are not of one length: each act is in one of them, up to the end
SELECT d.period_start::date AS start, d.value, count(i) AS counted
FROM (SELECT period_start, value, lead(period_start, 1, '2024-03-31Z') OVER (ORDER BY period_start) AS period_end
	FROM recsys.drift_report('drift', '2024-03-31Z', period => '1 month', periods => 3) WHERE metric = 'interactions') d
LEFT JOIN drift.interaction i ON i.interacted_at >= d.period_start AND i.interacted_at < d.period_end GROUP BY 1, 2 ORDER BY 1;
-- days and fewer of them
SELECT metric, count(*), count(*) FILTER (WHERE alarm) AS alarms FROM recsys.drift_report('drift', '2024-04-22Z', period => '1 day', periods => 20) GROUP BY metric ORDER BY metric;

-- offline: the lift of each run of the live policy against the three before it
SELECT recsys.alter_policy('drift', 'default', '{"factors": 4, "sweeps": 1, "neighbors": 5}');
CALL recsys.retrain('drift');
SELECT run_id AS run FROM recsys.training_run WHERE recommender = 'drift' \gset
SELECT recsys.evaluate('drift', cutoff => c) > 0 AS run FROM unnest('{2024-03-01Z,2024-03-11Z,2024-03-21Z}'::timestamptz[]) c;
-- as if they had come to this
UPDATE recsys.evaluation e SET value = 0.2, difference = 0.1 * f, difference_lower = 0.1 * f - 0.01, difference_upper = 0.1 * f + 0.01
FROM (VALUES (0, 1.0), (1, 1.1), (2, 0.9), (3, 0.5)) v (n, f) WHERE e.run_id = :run + v.n AND e.policy = 'default' AND metric = 'ndcg';
UPDATE recsys.evaluation e SET value = 0.1 WHERE e.recommender = 'drift' AND e.policy = 'popularity' AND metric = 'ndcg';
SELECT metric, round(value::numeric, 3) AS value, round(reference::numeric, 3) AS reference, round(threshold::numeric, 3) AS threshold, alarm,
	regexp_replace(note, 'run \d+', 'run') AS note
FROM recsys.drift_report('drift') WHERE metric = 'ndcg_lift' ORDER BY period_start;
-- a random split is another kind of exam, and a worse model is no alarm where none is asked for
BEGIN;
UPDATE recsys.evaluation e SET split = 'random' WHERE e.run_id = :run + 3;
SELECT round(value::numeric, 3) AS value, reference, alarm FROM recsys.drift_report('drift') WHERE metric = 'ndcg_lift' ORDER BY period_start DESC LIMIT 1;
UPDATE recsys.evaluation e SET difference_lower = -1 WHERE e.run_id = :run + 3;
SELECT (SELECT count(*) FROM recsys.drift_report('drift', thresholds => t) WHERE metric = 'ndcg_lift' AND alarm) AS alarms FROM unnest('{"{}","{\"ndcg_lift\": null}"}'::jsonb[]) t;
ROLLBACK;
SELECT metric, value < 1 AS young, threshold, alarm, regexp_replace(note, '\d+', 'N') AS note FROM recsys.drift_report('drift') WHERE metric = 'model_age_days';
UPDATE recsys.model SET trained_at = trained_at - interval '40 days' WHERE recommender = 'drift';
SELECT metric, alarm FROM recsys.drift_report('drift') WHERE metric = 'model_age_days';
-- a threshold that is null raises none
SELECT metric, alarm FROM recsys.drift_report('drift', thresholds => '{"model_age_days": null}') WHERE metric = 'model_age_days';

-- live: clicks on what was shown, by model and week
SELECT live_model_id AS model FROM recsys.recommender WHERE recommender = 'drift' \gset
SELECT FROM generate_series(1, 100) u, drift.serve(u, k => 5) \g /dev/null
-- shown for six weeks, the last one by another model; from the fifth exposure on every one was clicked, by the other one of every tenth
CREATE TEMP TABLE drift_shown AS SELECT e.*, row_number() OVER (ORDER BY user_id, position) AS n FROM drift.exposure e;
INSERT INTO drift.request SELECT (q.r).* FROM (SELECT jsonb_populate_record(r, jsonb_build_object('requested_at', r.requested_at - w * interval '7 days' - interval '1 day',
		'model_id', :model + (w = 0)::int)) AS r FROM drift.request r, generate_series(0, 5) w) q;
INSERT INTO drift.exposure SELECT (q.e).* FROM (SELECT jsonb_populate_record(e, jsonb_build_object('requested_at', e.requested_at - w * interval '7 days' - interval '1 day')) AS e
	FROM drift.exposure e, generate_series(0, 5) w) q;
INSERT INTO drift_loan SELECT user_id, item_id, requested_at - w * interval '7 days' - interval '1 day' + interval '1 hour'
FROM drift_shown, generate_series(0, 5) w WHERE n % CASE w WHEN 0 THEN 10 ELSE 5 END = 0;
SELECT round(value::numeric, 2) AS value, round(reference::numeric, 2) AS reference, round(threshold::numeric, 2) AS threshold, alarm,
	CASE (regexp_match(note, '^model (\d+), \d+ exposures;'))[1]::int8 WHEN :model THEN 'this' WHEN :model + 1 THEN 'next' END AS model
FROM recsys.drift_report('drift', (SELECT max(requested_at) FROM drift.request) - interval '12 hours', periods => 6, attribution => '2 hours') WHERE metric = 'click_through' ORDER BY period_start;
-- in months it is in those periods, too
SELECT bool_and(note LIKE 'model %') AS models, min(period_start) >= (SELECT max(requested_at) - interval '12 hours' - interval '3 months' FROM drift.request) AS since,
	max(period_start) < (SELECT max(requested_at) - interval '12 hours' FROM drift.request) AS until
FROM recsys.drift_report('drift', (SELECT max(requested_at) FROM drift.request) - interval '12 hours', period => '1 month', periods => 3) WHERE metric = 'click_through';
-- without attribution there is no click
SELECT DISTINCT value FROM recsys.drift_report('drift', (SELECT max(requested_at) FROM drift.request) - interval '12 hours', attribution => '0') WHERE metric = 'click_through';

-- what people take five days to click is no alarm in the week that has just gone by
BEGIN;
TRUNCATE drift.exposure, drift.request;
INSERT INTO drift.request SELECT (jsonb_populate_record(NULL::drift.request, jsonb_build_object('requested_at', '2024-05-06Z'::timestamptz + (w * 7 + u % 7) * interval '1 day',
		'request_id', gen_random_uuid(), 'unit', u, 'user_id', u, 'session', false, 'placement', 'p', 'k', 1, 'policy', 'default', 'policy_version', 1, 'model_id', :model,
		'feature_version', 1, 'ranker', 'none', 'history_item', '[]'::jsonb, 'history_weight', '[]'::jsonb, 'history_at', '[]'::jsonb, 'rows', 1, 'milliseconds', 1,
		'neighbor_scale', 0, 'factor_scale', 0))).* FROM generate_series(1, 140) u, generate_series(0, 7) w;
INSERT INTO drift.exposure SELECT (jsonb_populate_record(NULL::drift.exposure, jsonb_build_object('requested_at', r.requested_at, 'request_id', r.request_id, 'unit', r.unit,
		'position', 1, 'user_id', r.user_id, 'item_id', 5, 'score', 0, 'base_score', 0, 'boost', 1, 'freshness', 0, 'source', 'factor', 'propensity', 1, 'features', '[]'::jsonb))).* FROM drift.request r;
INSERT INTO drift_loan SELECT user_id, 5, requested_at + interval '5 days' FROM drift.request WHERE requested_at < '2024-06-26Z' AND user_id % 4 = 0;
SELECT period_start::date AS start, round(value::numeric, 3) AS value, round(reference::numeric, 3) AS reference, alarm FROM recsys.drift_report('drift', '2024-07-01Z', periods => 3) WHERE metric = 'click_through';
-- a report on an earlier instant is what it was then
SELECT period_start::date AS start, round(value::numeric, 3) AS value, round(reference::numeric, 3) AS reference, alarm FROM recsys.drift_report('drift', '2024-06-24Z', periods => 1) WHERE metric = 'click_through';
-- and if nobody clicked it is one
DELETE FROM drift_loan WHERE lent >= '2024-06-24Z';
SELECT period_start::date AS start, round(value::numeric, 3) AS value, alarm FROM recsys.drift_report('drift', '2024-07-01Z', periods => 1) WHERE metric = 'click_through';
-- the app's own list is no model's
UPDATE drift.request SET policy = 'external', model_id = 0;
SELECT count(*) FROM recsys.drift_report('drift', '2024-07-01Z') WHERE metric = 'click_through';
ROLLBACK;

-- numbers or NULL, never NaN; and for the owner only
SELECT count(*) AS rows, count(*) FILTER (WHERE 'NaN' IN (value, reference, threshold) OR alarm IS NULL) AS nan FROM recsys.drift_report('drift', periods => 200);
SELECT recsys.drift_report('drift', periods => 0);
SELECT recsys.drift_report('drift', period => '0');
SELECT recsys.drift_report('drift', attribution => '-1 day');
SELECT recsys.drift_report('drift', until => 'infinity');
SELECT recsys.drift_report('drift', thresholds => '{"cold": 1}');
SELECT recsys.drift_report('drift', thresholds => '{"cold_users": "high"}');
SELECT recsys.drift_report('nobody');
CREATE ROLE drift_reader;
GRANT USAGE ON SCHEMA drift TO drift_reader;
SET ROLE drift_reader;
SELECT recsys.drift_report('drift');
RESET ROLE;
DROP OWNED BY drift_reader;
DROP ROLE drift_reader;
-- without times there are models only
SELECT recsys.create_recommender('drift_t', 'drift_loan', 'reader', 'book');
SELECT count(*) FROM recsys.drift_report('drift_t');
CALL recsys.retrain('drift_t', policy => 'popularity', evaluate => false);
SELECT recsys.promote('drift_t', 'popularity', force => true, reason => 'simple') IS NOT NULL AS done;
SELECT metric, alarm FROM recsys.drift_report('drift_t');
-- popularity has no lift over itself, which is no alarm
CALL recsys.retrain('drift_t', random_split => true);
SELECT metric, alarm FROM recsys.drift_report('drift_t');

DROP VIEW drift_alarm;
SELECT recsys.drop_recommender(r) FROM unnest('{drift,drift_t}'::name[]) r;
DROP TABLE drift_loan;
DROP FUNCTION drift_draw, drift_week;
