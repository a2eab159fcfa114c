-- Simulated experiments with a planted truth, each through the log, the source
-- and experiment_report, looked at day by day: how often the better arm is
-- called, how often an arm is called wrongly, how often an interval misses the
-- truth, and what promote lets pass without force.
--
--	psql -v experiments=500 -v units=2000 -f test/bench/experiments.sql
--
-- Leaves the tables design: a row for each kind of experiment, plan: what
-- experiment_power says of one, and simulated: a row for each experiment.

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
SELECT recsys.create_policy('simulation', p, 'popularity') FROM (VALUES ('first'), ('second')) v (p) \g /dev/null
CALL recsys.retrain('simulation', policy => 'first', evaluate => false);
CALL recsys.retrain('simulation', policy => 'second', evaluate => false);
TRUNCATE sim.event;

-- weight has the control first, lift those after it; where windows are open,
-- units act throughout the week that counts, and otherwise within an hour; lost
-- is the share of the first arm's units that never reach the log; size is a
-- multiple of units, and where it is null, what experiment_power says
CREATE TABLE design (design int PRIMARY KEY, effect text, weight float8[], lift float8[], open boolean, lost float8, size float8, share float8);
INSERT INTO design VALUES
	(1, 'none', '{1,1}', '{0}', false, 0, 1, 0.15),
	(2, 'none', '{1,1,1}', '{0,0}', false, 0, 1.5, 0.1),
	(3, 'none', '{9,1}', '{0}', false, 0, 2.5, 0.1),
	(4, 'none', '{1,1}', '{0}', true, 0, 1, 0.1),
	(5, 'lift', '{1,1}', '{0.5}', false, 0, NULL, 0.15),
	(6, 'lift', '{9,1}', '{0.5}', false, 0, 2.5, 0.05),
	(7, 'lift', '{1,1}', '{0.5}', true, 0, 1, 0.1),
	(8, 'lift and loss', '{1,1,1}', '{0.5,-0.4}', false, 0, 1.5, 0.05),
	(9, 'loss', '{1,1}', '{-0.4}', false, 0, 1, 0.05),
	(10, 'loss', '{1,1,1}', '{-0.4,-0.4}', true, 0, 1.5, 0.05),
	(11, 'arm loses units', '{1,1}', '{0}', false, 0.25, 1, 0.04),
	(12, 'arm loses units', '{1,1,1}', '{0,0}', false, 0.25, 1.5, 0.03),
	(13, 'arm loses units', '{9,1}', '{0}', true, 0.25, 2.5, 0.03);

-- what a unit does: one that has bought before is likelier to buy again
CREATE FUNCTION sim.chance(before boolean, lift float8) RETURNS float8
RETURN 0.1 * (1 + lift) * CASE WHEN before THEN 3 ELSE 0.5 END;

-- the past by which an experiment is planned: a log of twelve days without one
CREATE TABLE sim.past AS SELECT -u AS u, '2025-12-31Z'::timestamptz - random() * interval '12 days' AS at, random() < 0.2 AS before FROM generate_series(1, 40000::int8) u;
INSERT INTO simulation.request SELECT p.at, gen_random_uuid(), p.u::text, p.u, false, 'home', 10, NULL, 'popularity', 1, 1, 1, 'none', NULL, NULL, '{}', '{}', '{}', 10, 1, 0, 0 FROM sim.past p;
INSERT INTO sim.event SELECT p.u, 1, p.at - random() * interval '7 days' FROM sim.past p WHERE p.before;
INSERT INTO sim.event SELECT p.u, 2, p.at + random() * interval '1 hour' FROM sim.past p WHERE random() < sim.chance(p.before, 0);
SELECT recsys.create_experiment('simulation', 'planned', '[{"variant": "control", "policy": "popularity", "control": true}, {"variant": "first", "policy": "first"}]',
	minimum_effect => 0.5, attribution => '1 day', minimum_days => 7, settings => '{"retention": []}') \g /dev/null
CREATE TABLE plan AS SELECT * FROM recsys.experiment_power('simulation', 'planned', 0.8);
UPDATE design SET size = (SELECT units_needed FROM plan) / :units::float8 WHERE size IS NULL;
SELECT recsys.drop_experiment('simulation', 'planned') \g /dev/null
TRUNCATE simulation.request, sim.event;

-- days are those of the first look that saw it: first better or worse, any arm
-- better or worse that is not, any interval without the truth
CREATE TABLE simulated (number int PRIMARY KEY, design int, looks int, won int, better int, worse int, wrong int, missed int,
	missed_last boolean, error float8, verdict text, policy name, promoted name[]);

-- one experiment: units come over 14 days, tomorrow's are like today's
CREATE PROCEDURE sim.run(number int, design int, units int) LANGUAGE plpgsql AS $$
DECLARE
	name name := 'e' || number;
	started timestamptz := '2026-01-01Z';
	id int8;
	control float8 := 0.1;
	d design := (SELECT x FROM design x WHERE x.design = run.design);
	arms int := cardinality(d.weight);
	s simulated := ROW(number, design, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}');
	r record;
BEGIN
	id := recsys.create_experiment('simulation', name, (SELECT jsonb_agg(jsonb_build_object('variant', v.variant,
			'policy', v.policy, 'weight', v.weight, 'control', v.variant = 'control'))
			FROM unnest(ARRAY['control', 'first', 'second'], ARRAY['popularity', 'first', 'second'], d.weight) v (variant, policy, weight) WHERE v.weight IS NOT NULL),
		traffic => 1, minimum_effect => 0.5, attribution => CASE WHEN d.open THEN interval '7 days' ELSE '1 day' END, minimum_days => 7, settings => '{"retention": []}');
	PERFORM recsys.start_experiment('simulation', name);
	UPDATE recsys.experiment e SET started_at = started, planned_units = units * d.size WHERE e.experiment_id = id;
	CREATE TEMP TABLE unit ON COMMIT DROP AS
	SELECT u.u, v.variant, coalesce(d.lift[array_position('{first,second}', v.variant)], 0) AS lift,
		started + random() * interval '14 days' AS at, random() < 0.2 AS before
	FROM generate_series(number * 100000::int8, number * 100000::int8 + (units * d.size)::int8 - 1) u (u), recsys.assign('simulation', name, u.u::text) v (variant);
	INSERT INTO simulation.request SELECT u.at, gen_random_uuid(), u.u::text, u.u, false, 'home', 10, NULL, 'popularity', 1, 1, 1, 'none', id, u.variant, '{}', '{}', '{}', 10, 1, 0, 0
	FROM unit u WHERE NOT (u.variant = 'first' AND random() < d.lost);
	INSERT INTO simulation.exposure SELECT q.requested_at, q.request_id, q.unit, 1, q.user_id, 1, 1, 1, 1, 0, 'popularity', 1, '{}' FROM simulation.request q;
	INSERT INTO sim.event SELECT u.u, 1, u.at - random() * interval '7 days' FROM unit u WHERE u.before;
	INSERT INTO sim.event SELECT u.u, 2, u.at + random() * CASE WHEN d.open THEN interval '7 days' ELSE '1 hour' END FROM unit u
	WHERE random() < sim.chance(u.before, u.lift);
	-- until all windows are closed
	FOR day IN 1 .. CASE WHEN d.open THEN 21 ELSE 15 END LOOP
		SELECT max(x.verdict) AS verdict, bool_or(x.variant = 'first' AND x.lower > 0) AS better, bool_or(x.variant = 'first' AND x.upper < 0) AS worse,
			bool_or(x.lower > 0 AND t.lift <= 0 OR x.upper < 0 AND t.lift >= 0) AS wrong,
			bool_or(control * t.lift NOT BETWEEN x.lower AND x.upper) AS missed,
			max(x.difference - control * t.lift) FILTER (WHERE x.variant = 'first') AS error
		INTO r FROM recsys.experiment_report('simulation', name, started + day * interval '1 day') x
		JOIN unnest(ARRAY['first', 'second'], d.lift) t (variant, lift) ON t.variant = x.variant WHERE x.metric = 'conversion';
		s.looks := day;
		IF r.verdict = 'ship' THEN s.won := coalesce(s.won, day); END IF;
		IF r.better THEN s.better := coalesce(s.better, day); END IF;
		IF r.worse THEN s.worse := coalesce(s.worse, day); END IF;
		IF r.wrong THEN s.wrong := coalesce(s.wrong, day); END IF;
		IF r.missed THEN s.missed := coalesce(s.missed, day); END IF;
		s.missed_last := r.missed;
		s.error := r.error;
	END LOOP;
	PERFORM recsys.stop_experiment('simulation', name);
	PERFORM recsys.decide_experiment('simulation', name);
	SELECT v.verdict, v.policy INTO s.verdict, s.policy FROM recsys._experiment_verdict('simulation', name) v;
	FOR r IN SELECT v.policy FROM recsys.variant v WHERE v.experiment_id = id AND NOT v.control ORDER BY v.policy LOOP
		-- what is let pass is taken back
		BEGIN
			PERFORM recsys.promote('simulation', r.policy, experiment => name);
			s.promoted := s.promoted || r.policy;
			RAISE EXCEPTION USING ERRCODE = 'P0999';
		EXCEPTION WHEN object_not_in_prerequisite_state OR SQLSTATE 'P0999' THEN
			NULL;
		END;
	END LOOP;
	INSERT INTO simulated SELECT s.*;
	TRUNCATE simulation.request, simulation.exposure, sim.event;
END $$;

-- a row for each to run, the kinds in turn; each in its own transaction
SELECT format('CALL sim.run(%s, %s, %s)', row_number() OVER (ORDER BY g, d.design), d.design, :units)
FROM design d, generate_series(1, greatest(2, (:experiments * d.share)::int)) g ORDER BY g, d.design
\gexec

CREATE VIEW simulated_design AS
SELECT d.design, d.effect, d.weight, d.lift, d.open, count(*) AS experiments, avg((s.better IS NOT NULL)::int) AS better, avg((s.worse IS NOT NULL)::int) AS worse,
	avg((s.wrong IS NOT NULL)::int) AS wrong, avg((s.won IS NOT NULL)::int) AS shipped, avg((s.missed IS NULL)::int) AS held, avg((NOT s.missed_last)::int) AS held_at_last,
	avg(coalesce(s.better, s.worse)) AS days, avg(s.error) AS bias, avg((s.verdict LIKE 'invalid: sample ratio%')::int) AS mismatch,
	count(*) FILTER (WHERE s.promoted @> ARRAY['first'::name]) AS promoted_first,
	count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(s.promoted) p WHERE d.lift[array_position('{first,second}', p::text)] < 0)) AS promoted_worse
FROM simulated s JOIN design d ON d.design = s.design GROUP BY d.design;

SELECT effect, array_to_string(weight, ':') AS weights, array_to_string(lift, ', ') AS lift, CASE WHEN open THEN 'open' ELSE 'closed' END AS windows, experiments,
	round(better, 3) AS first_called_better, round(worse, 3) AS first_called_worse, round(wrong, 3) AS any_called_wrongly, round(shipped, 3) AS shipped,
	round(held, 3) AS covered_at_all_looks, round(held_at_last, 3) AS covered_at_the_last, round(days, 1) AS days_to_call, round(bias::numeric, 5) AS bias,
	round(mismatch, 3) AS mismatch_found, promoted_first, promoted_worse
FROM simulated_design ORDER BY design;
