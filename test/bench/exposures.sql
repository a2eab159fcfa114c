-- A log of :exposures exposures, ten a request, five requests a unit, in one
-- experiment, and two million interactions: to see how long a report takes.

SET client_min_messages = warning;
CREATE SCHEMA big;
CREATE TABLE big.event (who int8, what int4, at timestamptz, much float8);
INSERT INTO big.event SELECT n % (:exposures / 50), ((n * 7919) % 20000)::int4, '2025-12-01Z'::timestamptz + n * interval '1 second', n % 9
FROM generate_series(1::int8, :exposures / 10) n;
CREATE INDEX ON big.event (who, at);
CREATE INDEX ON big.event (what, at);
SELECT recsys.create_recommender('loaded', 'big.event', 'who', 'what', 'at', 'much', settings => '{"rules": {"bots": false}}', repeatable => true) \g /dev/null
CALL recsys.retrain('loaded', policy => 'popularity', evaluate => false);
SELECT recsys.create_policy('loaded', 'other', 'popularity') \g /dev/null
CALL recsys.retrain('loaded', policy => 'other', evaluate => false);
SELECT recsys.create_experiment('loaded', 'large', '[{"variant": "control", "policy": "popularity", "control": true}, {"variant": "treatment", "policy": "other"}]',
	traffic => 1, minimum_effect => 0.02) \g /dev/null
SELECT recsys.start_experiment('loaded', 'large') \g /dev/null
UPDATE recsys.experiment SET started_at = '2026-02-01Z' WHERE experiment = 'large';
CREATE TEMP TABLE arm AS SELECT u, recsys.assign('loaded', 'large', u::text) AS variant FROM generate_series(0::int8, :exposures / 50 - 1) u;
INSERT INTO loaded.request
SELECT '2026-02-01Z'::timestamptz + (n * 5 + u % 5) * interval '1 day' + u * interval '100 milliseconds',
	(lpad(to_hex(u), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, u::text, u, false, 'home', 10, NULL, 'popularity', 1, 1, 1, 'none',
	e.experiment_id, a.variant, ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], '{1,1,1,1,1,1,1,1,1,1}', array_fill(now(), '{10}'), 10, 3 + u % 5, 0, 0
FROM arm a, generate_series(0, 4) n, recsys.experiment e WHERE e.experiment = 'large';
INSERT INTO loaded.exposure
SELECT r.requested_at, r.request_id, r.unit, p, r.user_id, ((r.user_id * 31 + p * 977 + extract(day FROM r.requested_at)::int) % 20000)::int, 1, 1, 1, 0,
	CASE WHEN p > 8 THEN 'popularity' ELSE 'neighbor' END, 1, array_fill(0.5::float4, '{24}') FROM loaded.request r, generate_series(1, 10) p;
INSERT INTO big.event SELECT e.user_id, e.item_id, e.requested_at + interval '1 hour', 2 FROM loaded.exposure e WHERE hashint8(e.user_id * 100 + e.position) % 25 = 0;
VACUUM ANALYZE loaded.request;
VACUUM ANALYZE loaded.exposure;
VACUUM ANALYZE big.event;
SELECT count(*) AS exposures, (SELECT count(*) FROM loaded.request) AS requests, (SELECT count(*) FROM big.event) AS interactions,
	pg_size_pretty((SELECT sum(pg_total_relation_size(i.inhrelid)) FROM pg_inherits i WHERE i.inhparent = 'loaded.exposure'::regclass)) AS size FROM loaded.exposure;
