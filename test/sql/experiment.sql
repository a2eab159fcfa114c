-- experiments: definition, life, assignment, arms in serve, lists of the app
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY default

CREATE TABLE ab_event (reader int8, book text, what text, at timestamptz, price float8);
CREATE INDEX ON ab_event (reader, at);
CREATE INDEX ON ab_event (book, at);
INSERT INTO ab_event
SELECT u, CASE u % 2 WHEN 0 THEN 'p' ELSE 's' END || n, 'buy', now() - interval '60 days' + u * interval '1 hour' + n * interval '1 minute', 5
FROM generate_series(1, 48) u, generate_series(1, 6) n WHERE n - 1 <> u / 2 % 6;
SELECT recsys.create_recommender('ab', 'ab_event', 'reader', 'book', 'at', 'price', 'what',
	positives => '{"buy": {"owned": true}, "view": {"weight": 0.1}}', settings => '{"rules": {"bots": false}}');
SELECT recsys.alter_policy('ab', 'default', '{"factors": 2, "lambda": 0.1, "sweeps": 5}');

-- buckets: known values, the same for every text of the same characters
SELECT recsys.bucket('shop', '42') = x'5ec43878d8435'::bit(52)::int8 / 4503599627370496.0::float8 AS example, recsys.bucket('shop', '42');
SELECT bool_and(recsys.bucket(s, u) = ('x' || left(encode(sha256(convert_to(s || ':' || u, 'UTF8')), 'hex'), 13))::bit(52)::int8 / 4503599627370496.0::float8) AS same
FROM unnest('{shop,"",Łódź}'::text[]) s, unnest('{1,"",session:ab,ćma,":"}'::text[]) u;
SELECT recsys.bucket(NULL, '1'), recsys.bucket('a', NULL);
-- they are uniform, and those of two salts independent
SELECT recsys.sample_ratio_p(array_agg(n ORDER BY b), array_agg(1::float8)) > 0.001 AS uniform FROM (
	SELECT floor(20 * recsys.bucket('shop', u::text)) AS b, count(*) AS n FROM generate_series(1, 20000) u GROUP BY b) x;
SELECT abs(corr(recsys.bucket('a', u::text), recsys.bucket('b', u::text))) < 0.03 AS independent FROM generate_series(1, 20000) u;

-- what cannot be an experiment
SELECT recsys.create_experiment('nonesuch', 'e', '[]');
SELECT recsys.create_experiment('ab', '', '[]'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', '[]'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', '[{"variant": "a", "policy": "popularity"}, {"variant": "b", "policy": "default"}]');
SELECT recsys.create_experiment('ab', 'e', '[{"variant": "a", "policy": "popularity", "control": true}, {"variant": "b", "policy": "default", "control": true}]');
SELECT recsys.create_experiment('ab', 'e', '[{"variant": "a", "policy": "popularity", "control": true}, {"variant": "a", "policy": "default"}]');
SELECT recsys.create_experiment('ab', 'e', '[{"variant": "a", "policy": "popularity", "control": true}, {"variant": "b", "policy": "better"}]'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', '[{"variant": "a", "policy": "popularity", "control": true}, {"variant": "b", "policy": "default", "weight": 0}]');
SELECT recsys.create_experiment('ab', 'e', '[{"variant": "a", "policy": "popularity", "control": 1}, {"variant": "b", "policy": "default"}]');
SELECT recsys.create_experiment('ab', 'e', '[{"variant": "a", "policy": "popularity", "colour": 1}, {"variant": "b", "policy": "default"}]');
\set arms '''[{"variant": "control", "policy": "popularity", "control": true}, {"variant": "treatment", "policy": "default"}]'''
SELECT recsys.create_experiment('ab', 'e', :arms, traffic => 1.1); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', :arms, alpha => 0);
SELECT recsys.create_experiment('ab', 'e', :arms, minimum_effect => 0);
SELECT recsys.create_experiment('ab', 'e', :arms, minimum_days => -1);
SELECT recsys.create_experiment('ab', 'e', :arms, attribution => '0');
SELECT recsys.create_experiment('ab', 'e', :arms, primary_metric => 'joy'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', :arms, primary_metric => 'coverage');
SELECT recsys.create_experiment('ab', 'e', :arms, guardrails => '{coverage}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"colour": 1}'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"retention": [[7, 1]]}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"retention": [[1, 7], [1, 7]]}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => jsonb_build_object('metrics', jsonb_build_object(repeat('m', 60), 'SELECT unit, 1 AS value FROM exposed')));
SELECT recsys.create_experiment('ab', 'e', '[{"variant": "app", "policy": "external", "control": true}, {"variant": "new", "policy": "default"}]', guardrails => '{latency}'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"winsorize": 0.2}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"pre_days": null}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"metrics": {"conversion": "SELECT 1"}}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"metrics": {"joy": 1}}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"metrics": {"joy": "SELECT unit FROM exposed"}}'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"metrics": {"joy": "SELEKT"}}'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"lower_is_better": ["joy"]}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"sessions": ["revenue"]}');
SELECT recsys.create_experiment('ab', 'e', :arms, settings => '{"margins": ["latency"]}');
SELECT recsys.create_experiment('ab', 'e', :arms, guardrails => '{latency}', settings => '{"margins": {"latency": 0}}');
SELECT recsys.create_experiment('ab', 'e', :arms, guardrails => '{latency}', settings => '{"margins": {"latency": null}}');
SELECT recsys.create_experiment('ab', 'e', :arms, guardrails => '{latency}', settings => '{"margins": {"novelty": 0.1}}');
SELECT count(*) AS experiments FROM recsys.experiment;

-- drafts
SELECT recsys.create_experiment('ab', 'draft', :arms) > 0 AS created;
SELECT recsys.create_experiment('ab', 'draft', :arms); \echo :SQLSTATE
SELECT recsys.assign('ab', 'draft', '1') IS NULL AS nobody;
SELECT recsys.assign('ab', 'nonesuch', '1'); \echo :SQLSTATE
SELECT recsys.assign('nonesuch', 'draft', '1'); \echo :SQLSTATE
SELECT * FROM recsys.experiment_report('ab', 'draft'); \echo :SQLSTATE
SELECT recsys.stop_experiment('ab', 'draft'); \echo :SQLSTATE
SELECT recsys.decide_experiment('ab', 'draft'); \echo :SQLSTATE
SELECT recsys.alter_experiment('ab', 'draft', 0.05);
SELECT recsys.start_experiment('ab', 'draft'); \echo :SQLSTATE
SELECT recsys.drop_experiment('ab', 'draft');
SELECT recsys.drop_experiment('ab', 'draft'); \echo :SQLSTATE
CALL recsys.retrain('ab', evaluate => false);

-- power: 48 users who buy five books each, the first of which starts the clock
SELECT recsys.create_experiment('ab', 'one', :arms, traffic => 0.5, minimum_effect => 0.1, minimum_days => 2, attribution => '6 hours') > 0 AS created;
SELECT metric, round(baseline::numeric, 4) AS baseline, round(deviation::numeric, 4) AS deviation, minimum_effect, units_needed, units_per_day, days_needed, round(detectable_effect::numeric, 3) AS detectable, note LIKE 'users with an interaction of the 2 days before %' AS past FROM recsys.experiment_power('ab', 'one');
SELECT recsys.experiment_power('ab', 'one', 1.5);

-- and by hand, of a metric that varies and goes with the time before: three
-- arms, so half the alpha for each of two comparisons; the normal quantile of
-- .9 is 1.2815515655446004, and the half-width of the always-valid interval at
-- the planned number is, in standard errors,
-- sqrt((m + 1) / m * (ln(m + 1) - 2 ln(alpha))), where m = -2 ln(alpha) + ln(1 - 2 ln(alpha))
BEGIN;
INSERT INTO ab_event SELECT u, 'x' || n, 'buy', now() - interval '70 days' + n * interval '1 minute', 5
FROM generate_series(1, 48) u, generate_series(1, 3) n WHERE u / 2 % 6 IN (0, 1, 4);
SELECT recsys.create_experiment('ab', 'planned', '[{"variant": "control", "policy": "popularity", "control": true, "weight": 3},
	{"variant": "b", "policy": "default", "weight": 2}, {"variant": "c", "policy": "item_item", "weight": 1}]', primary_metric => 'items',
	traffic => 0.5, minimum_effect => 0.07, minimum_days => 2, attribution => '3 minutes 30 seconds') > 0 AS created;
WITH last AS (
	SELECT max(at) - interval '3 minutes 30 seconds' AS until FROM ab_event
), first AS (
	SELECT e.reader, min(e.at) AS at FROM ab_event e, last l WHERE e.at >= l.until - interval '48 hours' AND e.at < l.until GROUP BY e.reader
), unit AS (
	SELECT f.reader, count(*) FILTER (WHERE e.at > f.at AND e.at <= f.at + interval '3 minutes 30 seconds')::float8 AS x,
		count(*) FILTER (WHERE e.at > f.at - interval '28 days' AND e.at <= f.at)::float8 AS y
	FROM first f JOIN ab_event e USING (reader) GROUP BY f.reader
), moment AS (
	SELECT count(*) AS n, avg(x) AS mean, var_samp(x) * (1 - corr(x, y) ^ 2) AS variance, var_samp(x) AS unadjusted FROM unit
), width AS (
	SELECT sqrt((m + 1) / m * (ln(m + 1) - 2 * ln(0.025))) AS z FROM (SELECT -2 * ln(0.025::float8) + ln(1 - 2 * ln(0.025::float8)) AS m) x
), needed AS (
	-- the variance of a difference of two means, with 3/6 and 1/6 of the units
	SELECT o.n, o.mean, o.variance, o.variance < 0.99 * o.unadjusted AS adjusted, (2 + 6) * o.variance * ((w.z + 1.2815515655446004) / o.mean) ^ 2 AS effort FROM moment o, width w
)
SELECT n.adjusted, p.baseline, abs(p.deviation - sqrt(n.variance)) < 1e-9 AS deviation, p.units_needed, p.units_needed - ceil(n.effort / 0.07 ^ 2) AS astray,
	p.units_per_day - 0.5 * n.n / 2 AS a_day_astray, abs(p.days_needed * 0.5 * n.n / 2 / ceil(n.effort / 0.07 ^ 2) - 1) < 1e-9 AS days,
	abs(p.detectable_effect / sqrt(n.effort / (0.5 * n.n)) - 1) < 1e-9 AS detectable
FROM needed n, recsys.experiment_power('ab', 'planned', 0.9) p;
ROLLBACK;

-- running: ranges do not overlap, traffic only grows, arms are frozen
SELECT recsys.start_experiment('ab', 'one') > 0 AS planned;
SELECT recsys.start_experiment('ab', 'one'); \echo :SQLSTATE
SELECT recsys.drop_experiment('ab', 'one'); \echo :SQLSTATE
SELECT recsys.create_experiment('ab', 'two', '[{"variant": "b", "policy": "item_item", "weight": 3}, {"variant": "a", "policy": "external", "weight": 1, "control": true}]', traffic => 0.3) > 0 AS created;
SELECT recsys.start_experiment('ab', 'two') > 0 AS planned;
SELECT recsys.create_experiment('ab', 'three', :arms, traffic => 0.3) > 0 AS created;
SELECT recsys.start_experiment('ab', 'three'); \echo :SQLSTATE
SELECT recsys.alter_experiment('ab', 'three', 0.2);
SELECT recsys.start_experiment('ab', 'three') > 0 AS planned;
SELECT experiment, state, traffic_from, traffic FROM recsys.experiment ORDER BY experiment_id;
SELECT recsys.alter_experiment('ab', 'two', 0.2); \echo :SQLSTATE
SELECT recsys.alter_experiment('ab', 'two', 0.31); \echo :SQLSTATE
SELECT recsys.alter_experiment('ab', 'three', 0.21); \echo :SQLSTATE
SELECT recsys.alter_policy('ab', 'default', '{"factors": 3}'); \echo :SQLSTATE
SELECT recsys.drop_policy('ab', 'default'); \echo :SQLSTATE

SELECT recsys.assign('ab', '', '1'); \echo :SQLSTATE

-- assignment is the formula, whoever computes it
SELECT bool_and(recsys.assign('ab', 'two', u::text) IS NOT DISTINCT FROM CASE
	WHEN recsys.bucket('ab', u::text) >= 0.5 AND recsys.bucket('ab', u::text) < 0.5 + 0.3
	THEN CASE WHEN recsys.bucket(e.salt, u::text) < 0.25 THEN 'a' ELSE 'b' END END) AS formula
FROM generate_series(1, 5000) u, recsys.experiment e WHERE e.experiment = 'two';
SELECT bool_and(num_nonnulls(recsys.assign('ab', 'one', u::text), recsys.assign('ab', 'two', u::text), recsys.assign('ab', 'three', u::text)) = 1) AS in_one FROM generate_series(1, 2000) u;
-- a unit that is in stays in its arm when traffic grows
CREATE TABLE ab_before AS SELECT u::text AS unit, recsys.assign('ab', 'two', u::text) AS variant FROM generate_series(1, 3000) u;
SELECT (recsys.stop_experiment('ab', 'three') <= clock_timestamp()) AS stopped;
SELECT recsys.alter_experiment('ab', 'two', 0.45);
SELECT count(*) FILTER (WHERE b.variant IS NOT NULL AND a IS DISTINCT FROM b.variant) AS moved, count(*) FILTER (WHERE b.variant IS NULL AND a IS NOT NULL) > 300 AS grew
FROM ab_before b, recsys.assign('ab', 'two', b.unit) a;
SELECT count(recsys.assign('ab', 'three', u::text)) AS of_stopped FROM generate_series(1, 100) u;
SELECT recsys.start_experiment('ab', 'three'); \echo :SQLSTATE
SELECT recsys.alter_experiment('ab', 'three', 0.9); \echo :SQLSTATE

-- overrides beat the hash and the traffic; a statement sees those of its snapshot
SELECT min(unit::int) AS free FROM ab_before WHERE recsys.bucket('ab', unit) >= 0.95 \gset
SELECT min(unit::int) AS inside FROM ab_before WHERE variant = 'b' \gset
SELECT experiment_id AS two FROM recsys.experiment WHERE experiment = 'two' \gset
INSERT INTO ab.experiment_override VALUES (:two, :'free', 'b'), (:two, :'inside', 'a');
SELECT recsys.assign('ab', 'two', :'free') AS free, recsys.assign('ab', 'two', :'inside') AS inside, recsys.assign('ab', 'one', :'free') IS NULL AS other;
CREATE FUNCTION ab_follow(unit text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen text := '';
	v text;
BEGIN
	FOREACH v IN ARRAY '{a,b,a}'::text[] LOOP
		UPDATE ab.experiment_override o SET variant = v WHERE o.unit = ab_follow.unit;
		seen := seen || recsys.assign('ab', 'two', unit);
	END LOOP;
	RETURN seen;
END $$;
SELECT ab_follow(:'free');
-- one that names no arm is passed over, by serve too, and the report says so
UPDATE ab.experiment_override SET variant = 'c';
SELECT recsys.assign('ab', 'two', :'free') IS NULL AS hashed, recsys.assign('ab', 'two', :'inside') AS inside;
BEGIN;
SELECT count(variant) AS variants FROM ab.serve(:free, k => 1);
SELECT variant FROM ab.serve(:inside, k => 1);
SELECT DISTINCT verdict, reason LIKE '%; 2 overrides name no arm of it and are passed over' AS said FROM recsys.experiment_report('ab', 'two');
ROLLBACK;
UPDATE ab.experiment_override SET variant = 'a' WHERE unit = :'inside';
UPDATE ab.experiment_override SET variant = 'b' WHERE unit = :'free';
-- very many of them
BEGIN;
INSERT INTO ab.experiment_override SELECT :two, 'x' || u, CASE WHEN u = 11000 THEN 'c' ELSE 'a' END FROM generate_series(1, 11000) u;
SELECT count(*) FILTER (WHERE recsys.assign('ab', 'two', 'x' || u) = 'a') AS overridden, recsys.assign('ab', 'two', :'free') AS still FROM generate_series(1, 11000, 100) u;
SELECT count(*) AS astray FROM generate_series(11000, 11000) u WHERE recsys.assign('ab', 'two', 'x' || u) IS DISTINCT FROM
	(SELECT CASE WHEN recsys.bucket('ab', 'x' || u) BETWEEN e.traffic_from AND e.traffic_from + e.traffic THEN CASE WHEN recsys.bucket(e.salt, 'x' || u) < 0.25 THEN 'a' ELSE 'b' END END
		FROM recsys.experiment e WHERE e.experiment = 'two');
ROLLBACK;

-- serve shows the arm's list
SELECT min(u) FILTER (WHERE recsys.assign('ab', 'one', u::text) = 'treatment') AS treated, min(u) FILTER (WHERE recsys.assign('ab', 'one', u::text) = 'control') AS controlled,
	min(u) FILTER (WHERE recsys.assign('ab', 'two', u::text) = 'b') AS item_item, min(u) FILTER (WHERE recsys.assign('ab', 'two', u::text) = 'a') AS external
FROM generate_series(1, 48) u WHERE u <> :inside \gset
SELECT bool_and((s.item_id, s.score, s.variant) = (r.item_id, r.score, 'treatment')) AS same FROM ab.serve(:treated, k => 3) s JOIN ab.recommend(:treated, 3, policy => 'default') r USING (rank);
SELECT bool_and((s.item_id, s.score, s.variant) = (r.item_id, r.score, 'control')) AS same FROM ab.serve(:controlled, k => 3) s JOIN ab.recommend(:controlled, 3, policy => 'popularity') r USING (rank);
SELECT bool_and((s.item_id, s.score, s.variant) = (r.item_id, r.score, 'b')) AS same FROM ab.serve(:item_item, k => 3) s JOIN ab.recommend(:item_item, 3, policy => 'item_item') r USING (rank);
SELECT variant, rank, item_id, score, source, reason FROM ab.serve(:inside, k => 3);
SELECT request_id AS request FROM ab.serve(:external, k => 3) \gset
SELECT policy, variant, experiment_id = :two AS two, rows, k, model_id, policy_version, count(*) FROM ab.request WHERE policy = 'external' GROUP BY 1, 2, 3, 4, 5, 6, 7;
SELECT policy, variant, count(*) FROM ab.request WHERE policy <> 'external' GROUP BY 1, 2 ORDER BY 1;
-- sessions are units too
SELECT bool_and(s.variant = recsys.assign('ab', 'one', 'session:' || u)) AS same FROM generate_series(1, 40) u, ab.serve(session_id => u::text, k => 1) s WHERE recsys.assign('ab', 'one', 'session:' || u) IS NOT NULL;

-- what the app has shown
SELECT ab.log_exposure(:'request', '{p3,p1,s2}');
SELECT position, item_id, unit = :'external' AS unit, user_id = :external AS "user", source, score, propensity, cardinality(features) AS features FROM ab.exposure WHERE request_id = :'request' ORDER BY position;
\set VERBOSITY sqlstate
SELECT ab.log_exposure(:'request', '{p3}');
\set VERBOSITY default
SELECT ab.log_exposure(NULL, '{p3}'); \echo :SQLSTATE
SELECT ab.log_exposure(:'request', '{p3,NULL}'); \echo :SQLSTATE
SELECT ab.log_exposure('00000000-0000-7000-8000-000000000000', '{p3}'); \echo :SQLSTATE
SELECT request_id AS listed FROM ab.request WHERE variant = 'control' AND user_id IS NOT NULL \gset
\set VERBOSITY sqlstate
SELECT ab.log_exposure(:'listed', '{p3}');
SELECT * FROM recsys.replay('ab', :'request');
\set VERBOSITY default
SELECT count(*) AS features FROM ab.exposure_feature WHERE request_id = :'request';

-- rights: an app reads the registry's rows of its recommender, and writes none
CREATE ROLE regress_recsys_ab;
GRANT USAGE ON SCHEMA ab TO regress_recsys_ab;
GRANT SELECT ON ALL TABLES IN SCHEMA ab TO regress_recsys_ab;
GRANT SELECT ON ab_event TO regress_recsys_ab;
GRANT INSERT ON ab.request, ab.exposure TO regress_recsys_ab;
SET ROLE regress_recsys_ab;
SELECT recsys.assign('ab', 'two', :'inside') AS assigned;
SELECT variant FROM ab.serve(:treated, k => 1);
SELECT recsys.create_experiment('ab', 'mine', :arms); \echo :SQLSTATE
SELECT recsys.stop_experiment('ab', 'one'); \echo :SQLSTATE
SELECT * FROM recsys.experiment_report('ab', 'one'); \echo :SQLSTATE
UPDATE recsys.experiment SET traffic = 1;
DELETE FROM recsys.variant;
INSERT INTO recsys.experiment_result (experiment_id, computed_at, variant, metric, recommender, role, units) VALUES (:two, now(), 'a', 'x', 'ab', 'primary', 1); \echo :SQLSTATE
RESET ROLE;
REVOKE USAGE ON SCHEMA ab FROM regress_recsys_ab;
SET ROLE regress_recsys_ab;
SELECT count(*) FROM recsys.experiment;
SELECT recsys.assign('ab', 'two', '1'); \echo :SQLSTATE
RESET ROLE;
DROP OWNED BY regress_recsys_ab;
DROP ROLE regress_recsys_ab;

-- stopped: the live policy again; decided: final
SELECT recsys.stop_experiment('ab', 'two') IS NOT NULL AS stopped;
SELECT recsys.stop_experiment('ab', 'two'); \echo :SQLSTATE
SELECT count(*) AS rows, count(item_id) AS items, count(variant) AS variants FROM ab.serve(:external, k => 1) s;
-- not while windows are open that could change it
SELECT DISTINCT verdict, regexp_replace(reason, ' \d+ of .*planned units| by .*$', ' ..', 'g') AS reason, sum(open_units) OVER () > 0 AS open FROM recsys.experiment_report('ab', 'two') WHERE metric = 'conversion';
\set VERBOSITY sqlstate
SELECT recsys.decide_experiment('ab', 'two');
\set VERBOSITY default
UPDATE recsys.experiment SET attribution_seconds = 0.001 WHERE experiment = 'two';
SELECT recsys.decide_experiment('ab', 'two');
SELECT state, verdict, reason, decided_at IS NOT NULL AS decided FROM recsys.experiment WHERE experiment = 'two';
SELECT recsys.decide_experiment('ab', 'two'); \echo :SQLSTATE
SELECT policy, verdict FROM recsys._experiment_verdict('ab', 'two');
-- a promotion names an experiment that there is, which stays as long as it does; the recommender takes both along
\set VERBOSITY sqlstate
INSERT INTO recsys.promotion (recommender, kind, to_policy, to_version, to_model_id, experiment_id, forced, reason) VALUES ('ab', 'promote', 'default', 1, 1, 0, false, 'won');
INSERT INTO recsys.promotion (recommender, kind, to_policy, to_version, to_model_id, experiment_id, forced, reason) VALUES ('ab', 'promote', 'default', 1, 1, :two, false, 'won');
DELETE FROM recsys.experiment WHERE experiment_id = :two;
\set VERBOSITY default
SELECT recsys.create_experiment('ab', 'never begun', :arms) IS NOT NULL AS drafted;
SELECT recsys.drop_experiment('ab', 'never begun');
SELECT recsys.drop_recommender('ab');
SELECT (SELECT count(*) FROM recsys.experiment) AS left_over, (SELECT count(*) FROM recsys.promotion WHERE recommender = 'ab') AS promotions;
