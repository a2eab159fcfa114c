-- the report on an experiment: metrics, intervals, verdicts, against plain SQL
SET client_min_messages = warning;
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\set VERBOSITY default

CREATE TABLE abr_event (reader int8, book int4, what text, at timestamptz, price float8);
CREATE INDEX ON abr_event (reader, at);
CREATE INDEX ON abr_event (book, at);
-- before: 1200 readers, some of whom buy each day
INSERT INTO abr_event SELECT u, (u * 7 + d * 3) % 50, 'buy', '2026-01-01Z'::timestamptz + d * interval '1 day' + u * interval '1 second', 1 + u % 5
FROM generate_series(1, 1200) u, generate_series(0, 24) d WHERE (u + d * d) % 11 < u % 4;
SELECT recsys.create_recommender('abr', 'abr_event', 'reader', 'book', 'at', 'price', 'what',
	positives => '{"buy": {"owned": true}, "view": {"weight": 0.1}}', settings => '{"rules": {"bots": false}}', repeatable => true);
SELECT recsys.alter_policy('abr', 'default', '{"factors": 2, "lambda": 0.1, "sweeps": 2}');
CALL recsys.retrain('abr', evaluate => false);
CALL recsys.retrain('abr', policy => 'popularity', evaluate => false);
SELECT recsys.promote('abr', 'popularity', force => true, reason => 'what the shop has') > 0 AS promoted;
SELECT recsys.create_experiment('abr', 'test', '[{"variant": "old", "policy": "popularity", "control": true}, {"variant": "new", "policy": "default"}]',
	traffic => 1, minimum_effect => 0.1, minimum_days => 7, guardrails => '{latency,spend}', attribution => '3 days', settings => '{
	"metrics": {"spend": "SELECT x.unit, sum(e.price) AS value FROM exposed x JOIN public.abr_event e ON e.reader = x.user_id AND e.at >= x.exposed_at AND e.at < x.until GROUP BY x.unit"},
	"retention": [[1, 2], [3, 5]], "cuped": false}') > 0 AS created;
SELECT recsys.start_experiment('abr', 'test') > 0 AS started;
-- as if it had run from the 26th on; the salt has the experiment's id, which is not always the same
UPDATE recsys.experiment SET started_at = '2026-01-26Z', planned_units = 1000, salt = 'abr/test/13' WHERE experiment = 'test';

-- each reader is shown four books on two days, of which some are bought
CREATE FUNCTION abr_show(reader int8, day int, arm text, experiment int8) RETURNS void LANGUAGE sql AS $$
	WITH r AS (
		INSERT INTO abr.request SELECT '2026-01-26Z'::timestamptz + day * interval '1 day' + reader * interval '1 minute', gen_random_uuid(), reader::text, reader, false, 'home', 4, NULL,
			CASE arm WHEN 'old' THEN 'popularity' ELSE 'default' END, 1, 1, 1, 'none', experiment, arm, '{}', '{}', '{}', 4, 2 + reader % 3, 0, 0 RETURNING *)
	INSERT INTO abr.exposure SELECT r.requested_at, r.request_id, r.unit, n, r.user_id, (reader + n + day) % 50, 1, 1, 1, 0,
		CASE WHEN n = 4 OR arm = 'old' THEN 'popularity' ELSE 'factor' END, 1, '{}' FROM r, generate_series(1, 4) n;
$$;
SELECT count(*) FROM (SELECT abr_show(u, d, recsys.assign('abr', 'test', u::text), (SELECT experiment_id FROM recsys.experiment WHERE experiment = 'test'))
	FROM generate_series(1, 1200) u, unnest('{0,1}'::int[]) d OFFSET 0) x;
INSERT INTO abr_event SELECT u, (u + 2) % 50, 'buy', '2026-01-26Z'::timestamptz + u * interval '1 minute' + interval '2 hours', 2 + u % 7
FROM generate_series(1, 1200) u WHERE (u * 13) % 17 < CASE recsys.assign('abr', 'test', u::text) WHEN 'new' THEN 7 ELSE 3 END;
INSERT INTO abr_event SELECT u, (u + 30) % 50, 'view', '2026-01-26Z'::timestamptz + u * interval '1 minute' + (u % 6 + 0.5) * interval '1 day', 1 FROM generate_series(1, 1200, 2) u;

-- by plain SQL
CREATE INDEX ON abr.exposure (user_id);
CREATE INDEX ON abr_event (reader, book, at);
ANALYZE abr.exposure, abr_event;
CREATE TABLE abr_unit AS
SELECT u.reader, recsys.assign('abr', 'test', u.reader::text) AS variant, '2026-01-26Z'::timestamptz + u.reader * interval '1 minute' AS at,
	(SELECT count(*) FROM abr_event e WHERE e.reader = u.reader AND e.what = 'buy' AND e.at >= '2026-01-26Z'::timestamptz + u.reader * interval '1 minute' AND e.at < '2026-01-29Z'::timestamptz + u.reader * interval '1 minute') AS bought,
	(SELECT coalesce(sum(e.price), 0) FROM abr_event e WHERE e.reader = u.reader AND e.what = 'buy' AND e.at >= '2026-01-26Z'::timestamptz + u.reader * interval '1 minute' AND e.at < '2026-01-29Z'::timestamptz + u.reader * interval '1 minute') AS spent,
	(SELECT coalesce(sum(e.price), 0) FROM abr_event e WHERE e.reader = u.reader AND e.at >= '2026-01-26Z'::timestamptz + u.reader * interval '1 minute' AND e.at < '2026-01-29Z'::timestamptz + u.reader * interval '1 minute') AS all_spent,
	(SELECT count(*) FROM abr_event e WHERE e.reader = u.reader AND e.what = 'buy' AND e.at < '2026-01-26Z'::timestamptz + u.reader * interval '1 minute' AND e.at >= '2026-01-26Z'::timestamptz - interval '28 days' + u.reader * interval '1 minute') AS bought_before,
	(SELECT count(*) FROM abr.exposure x WHERE x.user_id = u.reader) AS shown,
	(SELECT count(*) FROM abr.exposure x WHERE x.user_id = u.reader AND EXISTS (SELECT FROM abr_event e
		WHERE e.reader = x.user_id AND e.book = x.item_id AND e.at >= x.requested_at AND e.at < x.requested_at + interval '3 days')) AS clicked,
	EXISTS (SELECT FROM abr_event e WHERE e.reader = u.reader AND e.at >= '2026-01-27Z'::timestamptz + u.reader * interval '1 minute' AND e.at < '2026-01-29Z'::timestamptz + u.reader * interval '1 minute') AS back
FROM generate_series(1, 1200) u (reader);

CREATE TABLE abr_report AS SELECT r.*, row_number() OVER () AS n FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') r;
SELECT variant, metric, role, units, round(mean::numeric, 5) AS mean, round(difference::numeric, 5) AS difference, round(lift::numeric, 4) AS lift,
	round(lower::numeric, 5) AS lower, round(upper::numeric, 5) AS upper, trim(to_char(p_value, '9.99EEEE')) AS p_value FROM abr_report ORDER BY n;
SELECT DISTINCT round(sample_ratio_p::numeric, 4) AS sample_ratio_p, fresh_until AT TIME ZONE 'UTC' AS fresh_until, verdict, reason FROM abr_report;
SELECT r.variant, r.metric, r.units = count(*) AS units, abs(r.mean - CASE r.metric WHEN 'conversion' THEN avg((u.bought > 0)::int) WHEN 'items' THEN avg(u.bought) WHEN 'revenue' THEN avg(u.spent)
	WHEN 'spend' THEN avg(u.all_spent) WHEN 'click_through' THEN sum(u.clicked) / sum(u.shown) WHEN 'retention_1_2' THEN avg(u.back::int) WHEN 'latency' THEN avg(2 + u.reader % 3) END) < 1e-12 AS mean
FROM abr_report r JOIN abr_unit u USING (variant) WHERE r.metric IN ('conversion', 'items', 'revenue', 'spend', 'click_through', 'retention_1_2', 'latency') GROUP BY r.variant, r.metric, r.mean, r.units, r.n ORDER BY r.n;
-- the difference, its error and its interval, by the building blocks
WITH m AS (
	SELECT count(*) FILTER (WHERE variant = 'old') AS na, avg(bought) FILTER (WHERE variant = 'old') AS ma, var_samp(bought) FILTER (WHERE variant = 'old') AS va,
		count(*) FILTER (WHERE variant = 'new') AS nb, avg(bought) FILTER (WHERE variant = 'new') AS mb, var_samp(bought) FILTER (WHERE variant = 'new') AS vb FROM abr_unit
), s AS (SELECT m.*, recsys.sequential_interval((mb - ma)::float8, sqrt(va / na + vb / nb)::float8, na + nb, 0.05, 1000) AS i FROM m)
SELECT abs(r.difference - (mb - ma)::float8) < 1e-12 AS difference, abs(r.lower - (i).lower) < 1e-12 AS lower, abs(r.upper - (i).upper) < 1e-12 AS upper, abs(r.p_value - (i).p_value) < 1e-12 AS p_value
FROM s, abr_report r WHERE r.metric = 'items' AND r.variant = 'new';
WITH m AS (SELECT variant, count(*) AS n, avg(clicked)::float8 AS x, var_samp(clicked)::float8 AS vx, avg(shown)::float8 AS y, var_samp(shown)::float8 AS vy, covar_samp(clicked, shown) AS c FROM abr_unit GROUP BY variant),
d AS (SELECT (recsys.ratio_difference(a.n, a.x, a.vx, a.y, a.vy, a.c, b.n, b.x, b.vx, b.y, b.vy, b.c)).*, a.n + b.n AS n FROM m a, m b WHERE a.variant = 'old' AND b.variant = 'new')
SELECT abs(r.difference - d.difference) < 1e-12 AS difference, abs(r.upper - (recsys.sequential_interval(d.difference, d.standard_error, d.n, 0.05, 1000)).upper) < 1e-12 AS upper
FROM d, abr_report r WHERE r.metric = 'click_through' AND r.variant = 'new';
-- stored, once for an instant
SELECT count(*) AS stored, count(*) FILTER (WHERE s.mean = r.mean AND s.role = r.role) AS same FROM recsys.experiment_result s JOIN abr_report r USING (variant, metric) WHERE s.computed_at = '2026-02-10Z';
SELECT count(*) FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
SELECT count(*) AS stored FROM recsys.experiment_result;

-- what came later is not known before; days count; immature units have no retention
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-01-30Z');
SELECT variant, metric, units FROM recsys.experiment_report('abr', 'test', '2026-01-29 10:00Z') WHERE metric LIKE 'retention%' ORDER BY 1, 2;
-- nor has who may still act within three days any other value: half of them count yet, by plain SQL
SELECT r.variant, r.metric, r.units + r.open_units = (SELECT count(*) FROM abr_unit u WHERE u.variant = r.variant) AS all, r.units = count(*) AS units,
	abs(r.mean - CASE r.metric WHEN 'conversion' THEN avg((u.bought > 0)::int) WHEN 'revenue' THEN avg(u.spent) WHEN 'spend' THEN avg(u.all_spent) END) < 1e-12 AS mean
FROM recsys.experiment_report('abr', 'test', '2026-01-29 10:00Z') r JOIN abr_unit u ON u.variant = r.variant AND u.at <= '2026-01-26 10:00Z'
WHERE r.metric IN ('conversion', 'revenue', 'spend') GROUP BY r.variant, r.metric, r.units, r.open_units, r.mean ORDER BY 1, 2;
SELECT metric, sum(units) AS units, sum(open_units) AS open_units FROM recsys.experiment_report('abr', 'test', '2026-01-29 10:00Z') GROUP BY metric ORDER BY metric;
SELECT r.variant, abs(r.mean - (SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM abr_event e WHERE e.reader = x.user_id AND e.book = x.item_id AND e.at >= x.requested_at AND e.at < x.requested_at + interval '3 days'))::float8 / count(*)
	FROM abr.exposure x JOIN abr_unit u ON u.reader = x.user_id WHERE u.variant = r.variant AND x.requested_at <= '2026-01-26 10:00Z')) < 1e-12 AS click_through
FROM recsys.experiment_report('abr', 'test', '2026-01-29 10:00Z') r WHERE r.metric = 'click_through' ORDER BY 1;
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-01-29 10:00Z');
-- stopped, it waits for them
BEGIN;
UPDATE recsys.experiment SET state = 'stopped', stopped_at = '2026-01-28Z', minimum_days = 0 WHERE experiment = 'test';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-01-28 12:00Z');
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-01-29 10:00Z');
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-01-29 20:00Z');
ROLLBACK;
SELECT * FROM recsys.experiment_report('abr', 'test', '2025-01-29'); \echo :SQLSTATE
SELECT * FROM recsys.experiment_report('abr', 'test', 'infinity'); \echo :SQLSTATE
-- sequential: before any unit there is nothing to say
SELECT count(*) FILTER (WHERE lower IS NOT NULL) AS intervals, max(verdict) AS verdict FROM recsys.experiment_report('abr', 'test', '2026-01-26 00:30Z');

-- adjusted by the time before, the difference is CUPED's
UPDATE recsys.experiment SET settings = settings || '{"cuped": true}' WHERE experiment = 'test';
WITH m AS (SELECT variant, count(*) AS n, avg(bought)::float8 AS x, var_samp(bought)::float8 AS vx, avg(bought_before)::float8 AS y, var_samp(bought_before)::float8 AS vy, covar_samp(bought, bought_before) AS c FROM abr_unit GROUP BY variant),
d AS (SELECT (recsys.cuped(a.n, a.x, a.vx, a.y, a.vy, a.c, b.n, b.x, b.vx, b.y, b.vy, b.c)).*, a.n + b.n AS n FROM m a, m b WHERE a.variant = 'old' AND b.variant = 'new')
SELECT abs(r.difference - d.difference) < 1e-12 AS difference, abs(r.lower - (recsys.sequential_interval(d.difference, d.standard_error, d.n, 0.05, 1000)).lower) < 1e-12 AS lower
FROM d, recsys.experiment_report('abr', 'test', '2026-02-10Z') r WHERE r.metric = 'items' AND r.variant = 'new';
-- winsorised: values above the quantile of those above 0 are cut down to it
UPDATE recsys.experiment SET settings = settings || '{"winsorize": 0.8, "cuped": false}' WHERE experiment = 'test';
SELECT r.variant, abs(r.mean - (SELECT avg(least(u.spent, (SELECT percentile_cont(0.8) WITHIN GROUP (ORDER BY c.spent) FROM abr_unit c WHERE c.spent > 0))) FROM abr_unit u WHERE u.variant = r.variant)) < 1e-12 AS capped
FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') r WHERE r.metric = 'revenue' ORDER BY 1;
UPDATE recsys.experiment SET settings = settings || '{"winsorize": null}' WHERE experiment = 'test';

-- a unit without a value is not cut down to it
BEGIN;
UPDATE abr.request SET user_id = NULL WHERE user_id <= 40;
UPDATE recsys.experiment SET settings = settings || '{"winsorize": 0.8}' WHERE experiment = 'test';
SELECT metric, sum(units) AS units, bool_and(r.mean <= 7) AS small FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') r WHERE metric IN ('conversion', 'items', 'revenue') GROUP BY metric ORDER BY 1;
ROLLBACK;
-- what is said does not depend on how the session writes and reads times
BEGIN;
CREATE TEMP TABLE abr_plain AS SELECT * FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL extra_float_digits = -10;
SELECT count(*) AS rows, count(*) FILTER (WHERE p IS NOT DISTINCT FROM r) AS same FROM abr_plain p JOIN recsys.experiment_report('abr', 'test', '2026-02-10Z'::timestamptz) r USING (variant, metric);
ROLLBACK;
-- of sessions own metrics count nothing, unless they say that they do
BEGIN;
UPDATE abr.request SET user_id = NULL WHERE user_id <= 40;
SELECT sum(units) AS units FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') WHERE metric = 'spend';
UPDATE recsys.experiment SET settings = settings || '{"sessions": ["spend"], "metrics": {"spend": "SELECT x.unit, sum(e.price) AS value FROM exposed x JOIN public.abr_event e ON e.reader::text = x.unit AND e.at >= x.exposed_at AND e.at < x.until GROUP BY x.unit"}}' WHERE experiment = 'test';
SELECT r.variant, r.units = count(*) AS units, abs(r.mean - avg(u.all_spent)) < 1e-12 AS mean FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') r JOIN abr_unit u USING (variant)
WHERE r.metric = 'spend' GROUP BY r.variant, r.units, r.mean ORDER BY 1;
ROLLBACK;
-- values without a mean
BEGIN;
UPDATE recsys.experiment SET settings = settings || '{"metrics": {"spend": "SELECT unit, ''NaN'' AS value FROM exposed"}}' WHERE experiment = 'test';
SELECT * FROM recsys.experiment_report('abr', 'test', '2026-02-10Z'); \echo :SQLSTATE
ROLLBACK;
-- arms that do not vary differ for all that, and a guardrail sees it
BEGIN;
UPDATE abr.request SET milliseconds = CASE variant WHEN 'new' THEN 9 ELSE 3 END;
SELECT lower, upper, p_value, verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') WHERE (variant, metric) = ('new', 'latency');
ROLLBACK;

-- a guardrail with a margin has to be shown to be within it
BEGIN;
UPDATE recsys.experiment SET settings = settings || '{"margins": {"latency": 0.05}}' WHERE experiment = 'test';
SELECT DISTINCT r.verdict, (SELECT g.state FROM recsys._experiment_guardrails(e, (SELECT array_agg(x) FROM recsys.experiment_result x WHERE x.computed_at = '2026-02-10Z')) g WHERE g.metric = 'latency') AS latency
FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') r, recsys.experiment e WHERE e.experiment = 'test';
UPDATE recsys.experiment SET settings = settings || '{"margins": {"latency": 0.01}}' WHERE experiment = 'test';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
UPDATE recsys.experiment SET state = 'stopped', stopped_at = '2026-02-05Z' WHERE experiment = 'test';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
-- surely worse by less than the margin is borne
UPDATE abr.request SET milliseconds = milliseconds + 0.5 WHERE variant = 'new';
UPDATE recsys.experiment SET settings = settings || '{"margins": {"latency": 0.3}}' WHERE experiment = 'test';
SELECT lower > 0 AS worse, verdict FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') WHERE (variant, metric) = ('new', 'latency');
ROLLBACK;
-- one that is worse in one arm says nothing of another, while windows are open
BEGIN;
INSERT INTO recsys.variant SELECT experiment_id, 'rare', recommender, policy, policy_version, 0.000001, false FROM recsys.variant WHERE recommender = 'abr' AND control;
UPDATE abr.request SET milliseconds = milliseconds + 5 WHERE variant = 'new';
UPDATE recsys.experiment SET state = 'stopped', stopped_at = '2026-01-28Z' WHERE experiment = 'test';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-01-28 12:00Z');
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
ROLLBACK;
-- one of which nothing is known yet, or never will be, does not hold
BEGIN;
UPDATE recsys.experiment SET guardrails = '{retention_3_5}', minimum_days = 0 WHERE experiment = 'test';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-01-30Z');
UPDATE recsys.experiment SET state = 'stopped', stopped_at = '2026-01-29Z' WHERE experiment = 'test';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-01-30Z');
UPDATE recsys.experiment SET guardrails = '{novelty}' WHERE experiment = 'test';
UPDATE abr.popularity SET users = 0;
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
ROLLBACK;
-- one that is the same for everybody does
BEGIN;
UPDATE abr.exposure SET source = 'factor';
UPDATE recsys.experiment SET guardrails = '{fallback_share}' WHERE experiment = 'test';
SELECT mean, lower, upper, p_value, verdict FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') WHERE (variant, metric) = ('new', 'fallback_share');
ROLLBACK;

-- who has an override is no sample
SELECT experiment_id AS id FROM recsys.experiment WHERE experiment = 'test' \gset
INSERT INTO abr.experiment_override SELECT :id, u::text, 'new' FROM generate_series(1, 100) u;
SELECT sum(units) AS units FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') WHERE metric = 'conversion';
DELETE FROM abr.experiment_override;

-- a guardrail that is worse, and a verdict while it runs
SELECT policy, verdict FROM recsys._experiment_verdict('abr', 'test');
SELECT count(*) AS rows FROM recsys.experiment_report('abr', 'test');
SELECT verdict, reason LIKE 'new is better in conversion: +0.231, interval +0.154 to +0.309, after 1200 units and % days' AS reason FROM recsys.experiment WHERE experiment = 'test';
UPDATE abr.request SET milliseconds = milliseconds + 5 WHERE variant = 'new';
SELECT policy, verdict, reason FROM recsys._experiment_verdict('abr', 'test');
UPDATE abr.request SET milliseconds = milliseconds - 5 WHERE variant = 'new';
-- units in two arms: up to one in a thousand is borne
BEGIN;
UPDATE abr.request SET variant = CASE variant WHEN 'new' THEN 'old' ELSE 'new' END WHERE user_id = 7 AND requested_at >= '2026-01-27Z';
SELECT DISTINCT verdict FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
UPDATE abr.request SET variant = CASE variant WHEN 'new' THEN 'old' ELSE 'new' END WHERE user_id = 8 AND requested_at >= '2026-01-27Z';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
ROLLBACK;
-- an arm that loses units
BEGIN;
DELETE FROM abr.request WHERE variant = 'new' AND user_id % 5 = 0;
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
SELECT DISTINCT r.sample_ratio_p = 2 * recsys.sequential_sample_ratio_p(ARRAY[q.new, q.old], '{1,1}') AS twice FROM recsys.experiment_report('abr', 'test', '2026-02-10Z') r,
	(SELECT count(DISTINCT unit) FILTER (WHERE variant = 'new') AS new, count(DISTINCT unit) FILTER (WHERE variant = 'old') AS old FROM abr.request) q;
ROLLBACK;
-- or lost them in its first days only
BEGIN;
UPDATE abr.request SET requested_at = requested_at + interval '5 days' WHERE variant = 'old';
UPDATE abr.exposure x SET requested_at = requested_at + interval '5 days' FROM abr_unit u WHERE u.reader = x.user_id AND u.variant = 'old';
SELECT DISTINCT verdict FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
ROLLBACK;
-- or whose units are not shown anything, all or some of them
BEGIN;
DELETE FROM abr.exposure x USING abr_unit u WHERE u.reader = x.user_id AND u.variant = 'new' AND u.reader % 5 = 0;
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
DELETE FROM abr.exposure x USING abr_unit u WHERE u.reader = x.user_id AND u.variant = 'new';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
UPDATE recsys.variant SET policy = 'external', policy_version = 0 WHERE experiment_id = :id AND variant = 'new';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
ROLLBACK;
-- the other way round the new one is worse
BEGIN;
UPDATE recsys.variant SET control = NOT control WHERE experiment_id = :id AND control;
UPDATE recsys.variant SET control = true WHERE experiment_id = :id AND variant = 'new';
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
ROLLBACK;
-- nor is it all of them while nothing is known of another arm
BEGIN;
UPDATE recsys.variant SET control = NOT control WHERE experiment_id = :id AND control;
UPDATE recsys.variant SET control = true WHERE experiment_id = :id AND variant = 'new';
INSERT INTO recsys.variant SELECT experiment_id, 'rare', recommender, policy, policy_version, 0.000001, false FROM recsys.variant WHERE experiment_id = :id AND control;
SELECT DISTINCT verdict, reason LIKE 'no sure difference in conversion after %' AS reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
ROLLBACK;
-- a win is none when it was stopped too early
BEGIN;
UPDATE recsys.experiment SET minimum_days = 60, state = 'stopped', stopped_at = '2026-02-10Z' WHERE experiment_id = :id;
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-11Z');
ROLLBACK;
-- no effect as large as the one that matters
BEGIN;
UPDATE recsys.experiment SET primary_metric = 'retention_1_2', minimum_effect = 5 WHERE experiment_id = :id;
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
UPDATE recsys.experiment SET minimum_effect = 0.001 WHERE experiment_id = :id;
SELECT DISTINCT verdict, reason FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');
ROLLBACK;

-- the log itself says what power there is
SELECT recsys.create_experiment('abr', 'next', '[{"variant": "old", "policy": "popularity", "control": true}, {"variant": "new", "policy": "external"}]', primary_metric => 'click_through',
	traffic => 0.5, minimum_effect => 0.05, minimum_days => 7, attribution => '3 days') > 0 AS created;
SELECT metric, round(baseline::numeric, 4) AS baseline, units_needed, round(units_per_day::numeric, 2) AS units_per_day, round(days_needed::numeric, 1) AS days_needed,
	round(detectable_effect::numeric, 3) AS detectable, note FROM recsys.experiment_power('abr', 'next');
-- of a retention too the past is one whose windows have closed
SELECT recsys.create_experiment('abr', 'return', '[{"variant": "old", "policy": "popularity", "control": true}, {"variant": "new", "policy": "default"}]', primary_metric => 'retention_9_9',
	settings => '{"retention": [[9, 9]]}') > 0 AS created;
WITH e AS (SELECT max(at) - interval '10 days' AS until FROM abr_event),
u AS (SELECT v.reader, min(v.at) + interval '1 microsecond' AS at FROM abr_event v, e WHERE v.at >= e.until - interval '14 days' AND v.at < e.until GROUP BY v.reader)
SELECT round(p.baseline::numeric, 4) AS planned_for, abs(p.baseline - avg(EXISTS (SELECT FROM abr_event v WHERE v.reader = u.reader AND v.at >= u.at + interval '9 days' AND v.at < u.at + interval '10 days')::int)) < 1e-12 AS baseline, count(*) AS units
FROM u, recsys.experiment_power('abr', 'return') p GROUP BY p.baseline;

-- a standby, or a read-only transaction, reads the report and stores none
SELECT count(*) AS stored FROM recsys.experiment_result \gset
BEGIN READ ONLY;
SELECT DISTINCT verdict FROM recsys.experiment_report('abr', 'test');
ROLLBACK;
SELECT count(*) - :stored AS more FROM recsys.experiment_result;

-- promote ends the experiment that it cites, in its transaction
BEGIN;
SELECT recsys.promote('abr', 'default', 'test') > 0 AS promoted;
SELECT p.to_policy, p.forced, p.reason = e.reason AS reason, e.state, e.verdict, e.stopped_at = e.decided_at AS stopped,
	(SELECT count(*) FROM recsys.experiment_result r WHERE (r.experiment_id, r.computed_at) = (e.experiment_id, e.decided_at)) AS results
FROM recsys.promotion p JOIN recsys.experiment e USING (experiment_id) WHERE e.experiment_id = :id;
SELECT policy, verdict FROM recsys._experiment_verdict('abr', 'test');
SELECT count(recsys.assign('abr', 'test', u::text)) AS assigned FROM generate_series(1, 100) u;
ROLLBACK;
BEGIN;
UPDATE abr.request SET milliseconds = milliseconds + 5 WHERE variant = 'new';
SELECT recsys.promote('abr', 'default', 'test', force => true, reason => 'latency is another team''s') > 0 AS promoted;
SELECT p.forced, p.reason, e.state, e.verdict, e.reason AS decided FROM recsys.promotion p JOIN recsys.experiment e USING (experiment_id) WHERE e.experiment_id = :id;
ROLLBACK;

-- the log is kept for an experiment that is not decided
SELECT recsys.alter_recommender('abr', settings => '{"request_days": 1, "exposure_days": 1}');
SET client_min_messages = notice;
SELECT action, partition, rows FROM recsys.maintain('abr') WHERE partition LIKE '%2026_01' ORDER BY 2;
SET client_min_messages = warning;
SELECT DISTINCT verdict FROM recsys.experiment_report('abr', 'test', '2026-02-10Z');

-- stopped and decided: the verdict stays, whatever comes
SELECT recsys.stop_experiment('abr', 'test') IS NOT NULL AS stopped;
SELECT recsys.decide_experiment('abr', 'test');
DELETE FROM abr_event;
SELECT DISTINCT r.verdict FROM recsys.experiment e, recsys.experiment_report('abr', 'test', e.decided_at) r WHERE e.experiment_id = :id;
SELECT policy, verdict, experiment_id = :id AS id FROM recsys._experiment_verdict('abr', 'test');
SELECT DISTINCT verdict FROM recsys.experiment_report('abr', 'test');
SELECT state, verdict FROM recsys.experiment WHERE experiment = 'test';
SELECT action, partition, rows FROM recsys.maintain('abr') WHERE partition LIKE '%2026_01' ORDER BY 2;
SELECT recsys.drop_recommender('abr');
SELECT count(*) AS results FROM recsys.experiment_result;
