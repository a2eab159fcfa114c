-- Simulated experiments with a planted lift, each through the log, the source
-- and experiment_report, looked at again and again: how often a win is called,
-- how often wrongly, and how often the interval misses the truth.
--
--	psql -v experiments=500 -v units=2000 -f test/bench/experiments.sql
--
-- Leaves the table simulated: a row for each experiment.

SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.25) \g /dev/null

CREATE SCHEMA sim;
CREATE TABLE sim.event (who int8, what int4, at timestamptz);
CREATE INDEX ON sim.event (who, at);
CREATE INDEX ON sim.event (what, at);
INSERT INTO sim.event SELECT -n, n % 20, '2025-12-01Z'::timestamptz + n * interval '1 minute' FROM generate_series(1, 2000) n;
SELECT recsys.create_recommender('simulation', 'sim.event', 'who', 'what', 'at', settings => '{"rules": {"bots": false}}') \g /dev/null
CALL recsys.retrain('simulation', policy => 'popularity', evaluate => false);
SELECT recsys.create_policy('simulation', 'other', 'popularity') \g /dev/null
CALL recsys.retrain('simulation', policy => 'other', evaluate => false);
TRUNCATE sim.event;

CREATE TABLE simulated (number int PRIMARY KEY, effect text, lift float8, lost float8, truth float8, looks int,
	won int, better int, worse int, missed int, missed_last int, error float8, verdict text, policy name);

-- one experiment: units come over 14 days, tomorrow's are like today's; a unit
-- that has bought before is likelier to buy again
CREATE PROCEDURE sim.run(number int, effect text, lift float8, units int, lost float8 DEFAULT 0) LANGUAGE plpgsql AS $$
DECLARE
	name name := 'e' || number;
	started timestamptz := '2026-01-01Z';
	id int8;
	control float8 := 0.1;
	s simulated := ROW(number, effect, lift, lost, control * lift, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL);
	r record;
BEGIN
	id := recsys.create_experiment('simulation', name, '[{"variant": "control", "policy": "popularity", "control": true}, {"variant": "treatment", "policy": "other"}]',
		traffic => 1, minimum_effect => 0.5, attribution => '1 day', minimum_days => 7, settings => '{"retention": []}');
	PERFORM recsys.start_experiment('simulation', name);
	UPDATE recsys.experiment e SET started_at = started, planned_units = run.units WHERE e.experiment_id = id;
	CREATE TEMP TABLE unit ON COMMIT DROP AS
	SELECT u.u, recsys.assign('simulation', name, u.u::text) AS variant, started + random() * interval '14 days' AS at, random() < 0.2 AS before
	FROM generate_series(number * 100000::int8, number * 100000::int8 + units - 1) u (u);
	INSERT INTO simulation.request SELECT u.at, gen_random_uuid(), u.u::text, u.u, false, 'home', 10, NULL, 'popularity', 1, 1, 1, 'none', id, u.variant, '{}', '{}', '{}', 10, 1, 0, 0
	FROM unit u WHERE NOT (u.variant = 'treatment' AND random() < lost);
	INSERT INTO simulation.exposure SELECT q.requested_at, q.request_id, q.unit, 1, q.user_id, 1, 1, 1, 1, 0, 'popularity', 1, '{}' FROM simulation.request q;
	INSERT INTO sim.event SELECT u.u, 1, u.at - random() * interval '7 days' FROM unit u WHERE u.before;
	INSERT INTO sim.event SELECT u.u, 2, u.at + random() * interval '1 hour' FROM unit u
	WHERE random() < control * CASE u.variant WHEN 'treatment' THEN 1 + lift ELSE 1 END * CASE WHEN u.before THEN 3 ELSE 0.5 END;
	FOR day IN 1 .. 15 LOOP
		SELECT x.* INTO r FROM recsys.experiment_report('simulation', name, started + day * interval '1 day') x
		WHERE x.metric = 'conversion' AND x.variant = 'treatment';
		s.looks := day;
		IF r.verdict = 'ship' THEN s.won := coalesce(s.won, day); END IF;
		IF r.lower > 0 THEN s.better := coalesce(s.better, day); END IF;
		IF r.upper < 0 THEN s.worse := coalesce(s.worse, day); END IF;
		s.missed_last := (s.truth NOT BETWEEN r.lower AND r.upper)::int;
		IF s.missed_last = 1 THEN s.missed := coalesce(s.missed, day); END IF;
	END LOOP;
	s.error := r.difference - s.truth;
	PERFORM recsys.stop_experiment('simulation', name);
	PERFORM recsys.decide_experiment('simulation', name);
	SELECT v.verdict, v.policy INTO s.verdict, s.policy FROM recsys._experiment_verdict('simulation', name) v;
	INSERT INTO simulated SELECT s.*;
	TRUNCATE simulation.request, simulation.exposure, sim.event;
END $$;

-- a row for each to run; each in its own transaction
SELECT format('CALL sim.run(%s, %L, %s, %s, %s)', row_number() OVER (), p.effect, p.lift, :units, p.lost)
FROM (VALUES ('none', 0.0, 0.4, 0.0), ('planted lift', 0.5, 0.35, 0.0), ('planted loss', -0.4, 0.15, 0.0), ('none, arm loses units', 0.0, 0.1, 0.25)) p (effect, lift, share, lost),
	generate_series(1, greatest(2, (:experiments * p.share)::int)) g
\gexec

SELECT effect, lift, count(*) AS experiments, round(avg((better IS NOT NULL)::int), 3) AS called_better, round(avg((worse IS NOT NULL)::int), 3) AS called_worse,
	round(avg((won IS NOT NULL)::int), 3) AS shipped, round(1 - avg((missed IS NOT NULL)::int), 3) AS covered_at_all_looks, round(1 - avg(missed_last), 3) AS covered_at_the_last,
	round(avg(coalesce(better, worse)), 1) AS days_to_call, round(avg(error)::numeric, 5) AS bias, mode() WITHIN GROUP (ORDER BY verdict) AS usual_verdict
FROM simulated GROUP BY effect, lift ORDER BY min(number);
