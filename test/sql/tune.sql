-- tune: the search over settings, early stop, warm start
SET client_min_messages = warning;
\set SHOW_CONTEXT never

SELECT count(*) FROM recsys.demo_shop('tune_shop', users => 400, items => 150, interactions => 20000, dirt => 1);
\set positives '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.3}, "view": {"weight": 0.1}}'
SELECT recsys.create_recommender('search', 'tune_shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event', positives => :'positives');
SELECT recsys.alter_policy('search', 'default', '{"factors": 8, "sweeps": 8, "alpha0": 1, "lambda": 0.1}');
\set cutoff '\'2025-12-01 00:00Z\''
CREATE VIEW tune_trial AS SELECT run_id, trial_id, rung, method, parameters, sweeps, users, metric, k, value, state FROM recsys.trial;

CALL recsys.tune('search', trials => 12, ranges => '{"factors": [4, 16]}', cutoff => :cutoff, k => 5);
SELECT max(run_id) AS run FROM recsys.tuning \gset
-- half of the settings of a rung go on, with twice the sweeps
SELECT method, rung, sweeps, count(*), bool_and(state = 'succeeded' AND value > 0 AND users > 50) AS measured, count(DISTINCT value) > 1 AS different
FROM recsys.trial WHERE run_id = :run GROUP BY 1, 2, 3 ORDER BY min(trial_id), 2;
SELECT a.method, a.rung, bool_and(a.value >= b.value) AS the_better_half
FROM recsys.trial a JOIN recsys.trial n ON (n.run_id, n.trial_id, n.rung) = (a.run_id, a.trial_id, a.rung + 1)
	JOIN recsys.trial b ON (b.run_id, b.method, b.rung) = (a.run_id, a.method, a.rung)
	LEFT JOIN recsys.trial o ON (o.run_id, o.trial_id, o.rung) = (b.run_id, b.trial_id, b.rung + 1)
WHERE a.run_id = :run AND o.run_id IS NULL GROUP BY 1, 2 ORDER BY 1, 2;
-- the first ones are the policy's own settings, the others lie in the ranges
SELECT trial_id, method, parameters FROM recsys.trial WHERE run_id = :run AND trial_id IN (1, 8, 11) AND rung = 0 ORDER BY 1;
SELECT p.parameter, t.ranges -> p.parameter AS range, count(DISTINCT p.value) > 1 AS varies,
	bool_and(p.value BETWEEN (t.ranges -> p.parameter ->> 0)::float8 AND (t.ranges -> p.parameter ->> 1)::float8) AS within
FROM recsys.trial_parameter p JOIN recsys.tuning t USING (run_id)
WHERE p.parameter <> 'blend' AND run_id = :run AND trial_id NOT IN (1, 8, 11, 12) GROUP BY 1, 2 ORDER BY 1;
-- settings that hold for some similarities only
SELECT recsys._tune_part('item_item', '{"alpha": 1, "neighbors": 10}', '{"alpha": [0.5, 2], "beta": [0, 1], "factors": [4, 8]}', 1, 2) ?& '{alpha,beta}' AS alpha_and_beta;
-- the last blends are of the best of both parts
SELECT bool_and(f.parameters @> b.parameters) AS best_factors, bool_and(f.parameters @> n.parameters) AS best_neighbors
FROM recsys.trial f,
	(SELECT parameters FROM recsys.trial WHERE run_id = :run AND method = 'factors' ORDER BY rung DESC, value DESC, trial_id LIMIT 1) b,
	(SELECT parameters FROM recsys.trial WHERE run_id = :run AND method = 'item_item' ORDER BY rung DESC, value DESC, trial_id LIMIT 1) n
WHERE f.run_id = :run AND f.method = 'funnel' AND f.trial_id > 11;
-- the best one is a policy now, judged once, beside the one it began with and popularity
SELECT t.best_value = max(x.value) AS best, p.settings = o.settings || b.parameters AS stored, p.version = t.stored_version AS version
FROM recsys.tuning t JOIN recsys.trial x ON x.run_id = t.run_id AND x.method = 'funnel'
	JOIN recsys.trial b ON (b.run_id, b.trial_id, b.method) = (t.run_id, t.best_trial, 'funnel')
	JOIN recsys.policy p ON (p.recommender, p.policy) = ('search', 'tuned')
	JOIN recsys.policy o ON (o.recommender, o.policy, o.version) = (t.recommender, t.policy, t.policy_version)
WHERE t.run_id = :run GROUP BY t.run_id, p.settings, o.settings, b.parameters, p.version;
SELECT string_agg(DISTINCT policy, ' ') FILTER (WHERE policy !~ '\.') AS judged, count(DISTINCT evaluated_at) AS times, min(cutoff) = :cutoff AS at_the_cutoff
FROM recsys.evaluation WHERE run_id = :run;
SELECT t.ndcg_at_10 > d.ndcg_at_10 AS better, t.verdict
FROM recsys.leaderboard t, recsys.leaderboard d
WHERE (t.recommender, t.policy, d.recommender, d.policy) = ('search', 'tuned', 'search', 'default');
SELECT state, stage, model_id FROM recsys.training_run WHERE run_id = :run;
SELECT stage, rows_in, rows_out FROM recsys.training_stage WHERE run_id = :run AND stage = 'trial';
-- the slice lies before the cutoff and is as large as a default test slice, rounded up to days
SELECT validation_cutoff < cutoff AS before,
	(SELECT count(*) FROM search.interaction WHERE interacted_at >= validation_cutoff AND interacted_at < cutoff)
	>= (SELECT count(*) FROM search.interaction WHERE interacted_at < cutoff) / 9 AS a_ninth, split
FROM recsys.tuning WHERE run_id = :run;

-- any number of processes finds the same
CALL recsys.tune('search', trials => 12, ranges => '{"factors": [4, 16]}', cutoff => :cutoff, k => 5, store_as => 'again', workers => 2);
SELECT max(run_id) AS second FROM recsys.tuning \gset
SELECT count(*) AS rows, count(b) AS same
FROM (SELECT to_jsonb(t) - 'run_id' FROM tune_trial t WHERE run_id = :run) a (a)
	LEFT JOIN (SELECT to_jsonb(t) - 'run_id' FROM tune_trial t WHERE run_id = :second) b (b) ON a = b;
-- another seed tries other settings
CALL recsys.tune('search', 'factors', trials => 5, ranges => '{"factors": [4, 8]}', cutoff => :cutoff, seed => 2, store_as => 'other');
SELECT count(*) FROM recsys.trial_parameter a JOIN recsys.trial_parameter b USING (parameter, value)
WHERE a.run_id = :run AND b.run_id = (SELECT max(run_id) FROM recsys.tuning) AND a.trial_id BETWEEN 2 AND 6 AND b.trial_id > 1 AND parameter = 'alpha0';

-- a search that failed goes on where it was, and finds the same
CREATE FUNCTION tune_shop.stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped at trial %', NEW.trial_id; END $$;
CREATE TRIGGER stop BEFORE INSERT ON recsys.trial FOR EACH ROW WHEN (NEW.trial_id = 9) EXECUTE FUNCTION tune_shop.stop();
CALL recsys.tune('search', trials => 12, ranges => '{"factors": [4, 16]}', cutoff => :cutoff, k => 5, store_as => 'resumed');
SELECT max(run_id) AS third FROM recsys.tuning \gset
SELECT state, stage, message FROM recsys.training_run WHERE run_id = :third;
SELECT count(*) AS done, max(tried_at) AS tried FROM recsys.trial WHERE run_id = :third \gset
SELECT :done AS done;
SELECT count(*) FROM recsys.policy WHERE policy = 'resumed';
DROP TRIGGER stop ON recsys.trial;
-- not by other arguments
SET client_min_messages = notice;
CALL recsys.tune('search', 'item_item', trials => 1, cutoff => :cutoff, store_as => 'none', resume => true);
SET client_min_messages = warning;
CALL recsys.tune('search', k => 5, store_as => 'resumed', resume => true);
SELECT max(run_id) FILTER (WHERE store_as = 'resumed') = :third AS same_run, count(*) FILTER (WHERE store_as = 'resumed') AS runs FROM recsys.tuning;
SELECT count(*) FILTER (WHERE tried_at <= :'tried') = :done AS kept, max(state) FROM recsys.trial WHERE run_id = :third;
SELECT count(*) AS rows, count(b) AS same
FROM (SELECT to_jsonb(t) - 'run_id' FROM tune_trial t WHERE run_id = :run) a (a)
	LEFT JOIN (SELECT to_jsonb(t) - 'run_id' FROM tune_trial t WHERE run_id = :third) b (b) ON a = b;
SELECT state, message FROM recsys.training_run WHERE run_id = :third;
-- what is finished is not resumed
SET client_min_messages = notice;
CALL recsys.tune('search', 'item_item', trials => 1, cutoff => :cutoff, store_as => 'none', resume => true);
SET client_min_messages = warning;
-- settings without a solution are written down, and the search goes on without them
SELECT recsys.create_policy('search', 'direct', 'factors', '{"solver": "exact"}');
CALL recsys.tune('search', 'direct', trials => 3, ranges => '{"factors": [60, 60], "alpha0": [0, 0], "lambda": [0, 0]}', cutoff => :cutoff, store_as => 'singular');
SELECT trial_id, rung, value IS NOT NULL AS measured, state FROM recsys.trial WHERE run_id = (SELECT max(run_id) FROM recsys.tuning) ORDER BY 1, 2;

-- a budget of time: one trial of each rung at least
CALL recsys.tune('search', trials => 40, minutes => 1e-9, ranges => '{"factors": [4, 8]}', cutoff => :cutoff, store_as => 'quick');
SELECT method, rung, count(*) FROM recsys.trial WHERE run_id = (SELECT max(run_id) FROM recsys.tuning) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT version FROM recsys.policy WHERE policy = 'quick';
-- again: a new version
CALL recsys.tune('search', trials => 4, minutes => 1e-9, ranges => '{"factors": [4, 8]}', cutoff => :cutoff, store_as => 'quick', metric => 'recall');
SELECT version, retired_at IS NULL AS current FROM recsys.policy WHERE policy = 'quick' ORDER BY 1;

-- nothing at or after the cutoff is read: without it the trials are the same
DELETE FROM tune_shop.event WHERE happened_at >= :cutoff;
CALL recsys.tune('search', trials => 12, ranges => '{"factors": [4, 16]}', cutoff => :cutoff, k => 5, store_as => 'deleted');
SELECT max(run_id) AS deleted FROM recsys.tuning \gset
SELECT count(*) AS rows, count(b) AS same
FROM (SELECT to_jsonb(t) - 'run_id' FROM tune_trial t WHERE run_id = :run) a (a)
	LEFT JOIN (SELECT to_jsonb(t) - 'run_id' FROM tune_trial t WHERE run_id = :deleted) b (b) ON a = b;
SELECT count(DISTINCT (best_trial, best_value, data_checksum, validation_cutoff, users, ranges)) AS results, count(*) AS runs
FROM recsys.tuning WHERE run_id IN (:run, :second, :third, :deleted);
SELECT a.settings = b.settings AS same_winner FROM recsys.policy a, recsys.policy b WHERE (a.policy, b.policy) = ('tuned', 'deleted');
SELECT count(*) FROM recsys.evaluation WHERE run_id = :deleted;

-- what it refuses
CALL recsys.tune('search', 'popularity');
CALL recsys.tune('search', 'nonesuch');
CALL recsys.tune('search', trials => 3);
CALL recsys.tune('search', trials => NULL);
CALL recsys.tune('search', minutes => 0);
CALL recsys.tune('search', metric => 'sharpe');
CALL recsys.tune('search', k => 0);
CALL recsys.tune('search', store_as => 'default');
CALL recsys.tune('search', store_as => 'item_item');
CALL recsys.tune('search', ranges => '{"sweeps": [1, 2]}');
CALL recsys.tune('search', ranges => '{"alpha0": 3}');
CALL recsys.tune('search', ranges => '{"alpha0": [2, 1]}');
CALL recsys.tune('search', ranges => '{"factors": [1, 2000]}');
CALL recsys.tune('search', cutoff => '2000-01-01Z');
BEGIN;
CALL recsys.tune('search');
ROLLBACK;
SELECT recsys._tune_split(1);
SELECT recsys._tune_trial(1, 'factors', '{}', 1, 1, 'ndcg', 10, 0, 1);
SELECT recsys._train_policies(1, '{default}');

-- rights: its owner's alone; what is found is seen by who may use the schema
CREATE ROLE regress_recsys_tuner;
SET ROLE regress_recsys_tuner;
CALL recsys.tune('search');
SELECT count(*) FROM recsys.tuning;
SELECT count(*) FROM recsys.trial;
SELECT count(*) FROM recsys.trial_parameter;
RESET ROLE;
GRANT USAGE ON SCHEMA search TO regress_recsys_tuner;
SET ROLE regress_recsys_tuner;
CALL recsys.tune('search');
SELECT count(*) > 0 AS seen FROM recsys.trial_parameter;
DELETE FROM recsys.trial;
SELECT count(*) > 0 AS still FROM recsys.trial;
RESET ROLE;
REVOKE USAGE ON SCHEMA search FROM regress_recsys_tuner;
DROP ROLE regress_recsys_tuner;

-- without a time column a random split is asked for by name, and flagged
CREATE TABLE tune_pair AS SELECT DISTINCT user_id, product_id FROM tune_shop.event;
SELECT recsys.create_recommender('timeless', 'tune_pair', 'user_id', 'product_id');
CALL recsys.tune('timeless', 'factors', trials => 3, ranges => '{"factors": [4, 8]}');
CALL recsys.tune('timeless', 'factors', trials => 3, ranges => '{"factors": [4, 8]}', random_split => true);
SELECT split, cutoff, validation_cutoff, users > 100 AS users, best_value > 0 AS found FROM recsys.tuning WHERE recommender = 'timeless' ORDER BY run_id;
SELECT policy, substring(verdict FROM '\(.*') AS flag FROM recsys.leaderboard WHERE recommender = 'timeless' AND policy = 'tuned';

-- early stop: the best number of sweeps on the validation slice, for all that follows
SELECT recsys.create_policy('search', 'stop', 'factors', '{"factors": 8, "sweeps": 40, "early_stop": 2}');
CALL recsys.retrain('search', 'stop', cutoff => '2025-11-15Z');
SELECT parameters ->> 'stopped_at' AS stopped_at FROM recsys.model WHERE policy = 'stop' \gset
SELECT (parameters ->> 'stopped_at')::int BETWEEN 2 AND 38 AS stopped, jsonb_array_length(parameters -> 'loss') = (parameters ->> 'stopped_at')::int AS sweeps,
	parameters -> 'settings' -> 'sweeps' AS asked
FROM recsys.model WHERE policy = 'stop';
-- measured as the policy of that many sweeps is
SELECT recsys.create_policy('search', 'stopped', 'factors', jsonb_build_object('factors', 8, 'sweeps', :stopped_at));
SELECT recsys.evaluate('search', '{stop,stopped}', cutoff => '2025-11-15Z') AS run \gset
SELECT count(*) AS metrics, bool_and(a.value = b.value) AS same
FROM recsys.evaluation a JOIN recsys.evaluation b USING (run_id, protocol, population, metric, k)
WHERE run_id = :run AND (a.policy, b.policy) = ('stop', 'stopped');
-- without a slice to validate on all sweeps are made; without an evaluation nothing is chosen
SET client_min_messages = notice;
SELECT recsys.evaluate('search', '{stop}', cutoff => (SELECT min(interacted_at) + interval '1 us' FROM search.interaction)) > 0 AS evaluated;
CALL recsys.retrain('search', 'stop', evaluate => false);
SET client_min_messages = warning;
SELECT parameters ->> 'stopped_at' AS stopped_at, jsonb_array_length(parameters -> 'loss') AS sweeps FROM recsys.model WHERE policy = 'stop' ORDER BY model_id DESC LIMIT 1;

-- warm start: from the live model, so that fewer sweeps reach the same loss
SELECT recsys.alter_policy('search', 'default', '{"factors": 8, "sweeps": 12, "alpha0": 0.1, "lambda": 0.01}');
CALL recsys.retrain('search', evaluate => false);
SELECT live_model_id AS cold FROM recsys.recommender WHERE recommender = 'search' \gset
SELECT recsys.alter_policy('search', 'default', '{"sweeps": 3, "warm_start": true}');
CALL recsys.retrain('search');
SELECT w.parameters -> 'warm_start_model' = to_jsonb(:cold) AS from_the_live, c.parameters ? 'warm_start_model' AS cold_says,
	(w.parameters -> 'loss' ->> -1)::float8 <= (c.parameters -> 'loss' ->> -1)::float8 AS same_loss,
	(c.parameters -> 'loss' ->> 2)::float8 > (w.parameters -> 'loss' ->> 2)::float8 AS not_so_cold
FROM recsys.model w JOIN recsys.recommender r ON w.model_id = r.live_model_id, recsys.model c
WHERE r.recommender = 'search' AND c.model_id = :cold;
-- another number of factors starts anew
SELECT recsys.alter_policy('search', 'default', '{"factors": 9}');
CALL recsys.retrain('search', evaluate => false);
SELECT parameters ? 'warm_start_model' AS warm FROM recsys.model m JOIN recsys.recommender r ON m.model_id = r.live_model_id WHERE r.recommender = 'search';
-- what is measured never starts from a model that has seen what it is measured on
SELECT recsys.evaluate('search', '{default}', cutoff => '2025-11-15Z') AS warm \gset
SELECT recsys.alter_policy('search', 'default', '{"warm_start": false}');
SELECT recsys.evaluate('search', '{default}', cutoff => '2025-11-15Z') AS cold \gset
SELECT bool_and(a.value = b.value) AS same FROM recsys.evaluation a JOIN recsys.evaluation b USING (policy, protocol, population, metric, k)
WHERE a.run_id = :warm AND b.run_id = :cold AND policy = 'default';
SELECT recsys.create_policy('search', 'bad', 'factors', '{"warm_start": 1}');
SELECT recsys.create_policy('search', 'bad', 'factors', '{"early_stop": -1}');

-- nothing runs, so there is no progress to see
SELECT count(*) FROM recsys.progress;

SELECT recsys.drop_recommender('search');
SELECT recsys.drop_recommender('timeless');
SELECT count(*) FROM recsys.trial;
DROP VIEW tune_trial;
DROP TABLE tune_pair;
DROP SCHEMA tune_shop CASCADE;
