-- promotion: what goes live by itself, what is held back, and the ways there and back
SET client_min_messages = error;
\set SHOW_CONTEXT never

SELECT FROM recsys.demo_shop('promo_shop', users => 1200, items => 200, interactions => 50000, dirt => 0, until => '2026-01-01Z');
SELECT recsys.create_recommender('promo', 'promo_shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.5}, "view": {"weight": 0.1}}',
	settings => '{"keep_models": 2}');
SELECT recsys.alter_policy('promo', 'default', '{"factors": 16, "sweeps": 5, "neighbors": 20}'),
	recsys.alter_policy('promo', 'factors', '{"factors": 16, "sweeps": 5}');

-- so that the numbers are the same whatever ran before
ALTER TABLE recsys.model ALTER model_id RESTART WITH 10001;
ALTER TABLE recsys.promotion ALTER promotion_id RESTART WITH 10001;
\set m 10000
\set p 10000
CREATE FUNCTION pg_temp.shown(text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace($1, '[0-9]+\.[0-9]', 'N', 'g') $$;
CREATE FUNCTION pg_temp.failure(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
PREPARE history AS
	SELECT promotion_id - :p AS id, kind, from_policy, from_version AS fv, from_model_id - :m AS fm, to_policy, to_version AS tv, to_model_id - :m AS tm,
		experiment_id AS exp, forced, reason, by_role = current_user AS me, promoted_at <= clock_timestamp() AS past, before_id - :p AS before
	FROM recsys.promotion WHERE recommender = 'promo' ORDER BY promotion_id;
PREPARE live AS
	SELECT live_policy, live_model_id - :m AS model FROM recsys.recommender WHERE recommender = 'promo';
PREPARE runs AS
	SELECT state, stage, model_id - :m AS model, pg_temp.shown(message) AS message,
		(SELECT s.rows_out FROM recsys.training_stage s WHERE s.run_id = t.run_id AND s.stage = 'publish') AS published
	FROM recsys.training_run t WHERE recommender = 'promo' ORDER BY run_id;

-- nothing to go back to, or forward
SELECT recsys.rollback('promo');
SELECT recsys.promote('promo', 'default', force => true, reason => 'none yet');
SELECT recsys.promote('promo', 'nobody', force => true, reason => 'none such');
SELECT recsys.promote('promo', 'external', force => true, reason => 'none such');
SELECT recsys.promote('nobody', 'default');

-- the first one, and a routine
UPDATE recsys.recommender SET live_policy = 'factors' WHERE recommender = 'promo';
CALL recsys.retrain('promo');
CALL recsys.retrain('promo', seed => 2);
EXECUTE history;

-- one that beats popularity, but by much less than those before it; and two that do not beat it
SELECT recsys.alter_policy('promo', 'factors', '{"factors": 2, "sweeps": 4}');
CALL recsys.retrain('promo', seed => 3);
SELECT recsys.alter_policy('promo', 'factors', '{"factors": 1, "sweeps": 1}');
CALL recsys.retrain('promo', seed => 4);
CALL recsys.retrain('promo', policy => 'factors', seed => 5);
EXECUTE live;
EXECUTE runs;
SELECT l.users > 100 AS users, round(l.lift_upper::numeric, 1) AS at_most, l.verdict,
	round((l.ndcg / e.value - 1)::numeric, 9) = round(l.lift::numeric, 9) AS lift
FROM recsys._lifts('promo', 'factors') l
JOIN recsys.evaluation e ON (e.run_id, e.policy, e.protocol, e.population, e.metric, e.k) = (l.run_id, 'popularity', 'new', 'warm', 'ndcg', 10)
ORDER BY l.run_id;
-- the hint is what publishes it
SELECT DISTINCT hint FROM recsys.training_run WHERE recommender = 'promo' AND state = 'held_back';
-- lists are still by the model before, and so kept are it and the one to go back to
SELECT status, array_agg(model_id - :m ORDER BY model_id) AS models FROM recsys.model WHERE recommender = 'promo' GROUP BY status ORDER BY status;

-- asked for by name the live policy is the live model too, not its newest one
SELECT count(*) AS listed, bool_and(n.item_id = l.item_id AND n.score = l.score) AS same
FROM promo.recommend(1, k => 20) l JOIN promo.recommend(1, k => 20, policy => 'factors') n USING (rank);

-- by name: no other way than by force, and that needs a reason
SELECT recsys.promote('promo', 'factors');
SELECT recsys.promote('promo', 'factors', force => true);
SELECT recsys.promote('promo', 'factors', force => true, reason => ' ');
SELECT recsys.promote('promo', NULL);
SELECT recsys.promote('promo', 'factors', force => true, reason => 'a lesser one, knowingly') - :p AS id;
EXECUTE live;
SELECT recsys.promote('promo', 'factors', force => true, reason => 'again');
-- what goes live becomes part of what later ones are measured by, not the others
SELECT recsys.alter_policy('promo', 'factors', '{"factors": 16, "sweeps": 5}');
CALL recsys.retrain('promo', seed => 6);
SELECT (SELECT run_id FROM recsys.training_run WHERE model_id = :m + 6) AS run \gset
SELECT holds, round(n.usual::numeric, 9) = round(avg(l.lift)::numeric, 9) AS mean_of_three
FROM recsys.model m, recsys._judge(:run, m) j,
	(SELECT avg(lift) AS usual FROM recsys._lifts('promo', 'factors') WHERE model_id - :m IN (1, 2, 5)) n,
	(SELECT lift FROM recsys._lifts('promo', 'factors') l WHERE EXISTS (SELECT FROM recsys.promotion p WHERE p.to_model_id = l.model_id) AND l.run_id < :run ORDER BY l.run_id DESC LIMIT 3) l
WHERE m.model_id = :m + 6 GROUP BY holds, n.usual;
EXECUTE live;

-- without an evaluation, asked for by name, it goes live
CALL recsys.retrain('promo', seed => 7, evaluate => false);
-- and unpublished it does not
CALL recsys.retrain('promo', seed => 8, evaluate => false, publish => false);
EXECUTE live;

-- another policy: trained and ready, and nothing but promote makes it live
CALL recsys.retrain('promo', policy => 'default', evaluate => false);
EXECUTE live;
SELECT recsys.alter_recommender('promo', settings => '{"keep_models": 5}');
EXECUTE live;
SELECT recsys.rollback('promo', :m + 9);
SELECT recsys.promote('promo', 'default', force => true, reason => '  the owner''s wish ') - :p AS id;
EXECUTE live;
SELECT count(*) AS listed FROM promo.recommend(1, k => 3);
-- routine trains it from now on
CALL recsys.retrain('promo', evaluate => false);
EXECUTE live;

-- back, and back again, and not to and fro
SELECT recsys.rollback('promo', reason => 'too many teapots') - :p AS id;
EXECUTE live;
SELECT recsys.rollback('promo') - :p AS id;
EXECUTE live;
SELECT recsys.rollback('promo') - :p AS id;
EXECUTE live;
SELECT count(*) AS listed FROM promo.recommend(1, k => 3);
SELECT recsys.rollback('promo') - :p AS id;
EXECUTE live;
EXECUTE history;
-- as far as models are kept
SELECT recsys.rollback('promo');
SELECT recsys.rollback('promo', :m + 5);
SELECT recsys.rollback('promo', :m + 1);
SELECT recsys.rollback('promo', :m + 8);
SELECT recsys.rollback('promo', 999999999);
SELECT recsys.rollback('promo', (SELECT live_model_id FROM recsys.recommender WHERE recommender = 'promo'));
-- to any that has been live and is kept, from which there is a way back too
SELECT recsys.rollback('promo', :m + 10) - :p AS id;
EXECUTE live;
SELECT recsys.rollback('promo') - :p AS id;
EXECUTE live;
-- a model is on the way twice: what lies above is gone
CALL recsys.retrain('promo', evaluate => false, seed => 11);
CALL recsys.retrain('promo', evaluate => false, seed => 12);
SELECT recsys.rollback('promo', (SELECT max(from_model_id) FROM recsys.promotion WHERE kind = 'retrain' AND recommender = 'promo')) - :p AS id;
EXECUTE live;
SELECT p.before_id = b.promotion_id AS below, b.to_model_id < p.to_model_id AS older
FROM recsys.promotion p JOIN recsys.promotion b ON b.promotion_id = p.before_id
WHERE p.promotion_id = (SELECT max(promotion_id) FROM recsys.promotion WHERE recommender = 'promo');

-- all of it or nothing
BEGIN;
SELECT recsys.rollback('promo') IS NOT NULL AS done;
ROLLBACK;
EXECUTE live;
-- a dropped policy is no way back
SELECT recsys.create_policy('promo', 'passing', 'popularity');
CALL recsys.retrain('promo', policy => 'passing', evaluate => false);
SELECT recsys.promote('promo', 'passing', force => true, reason => 'for a day') IS NOT NULL AS done;
SELECT recsys.promote('promo', 'default', force => true, reason => 'the day is over') IS NOT NULL AS done;
SELECT recsys.drop_policy('promo', 'passing');
SELECT recsys.rollback('promo', (SELECT max(model_id) FROM recsys.model WHERE recommender = 'promo' AND policy = 'passing'));
SELECT recsys.rollback('promo') IS NOT NULL AS done;
EXECUTE live;

-- nor is the model of another method that had its name
SELECT recsys.create_policy('promo', 'passing', 'item_item');
SELECT recsys.promote('promo', 'passing', force => true, reason => 'for a day');
SELECT count(*) FROM promo.recommend(1, policy => 'passing');

-- the live policy's settings are part of what is served: altered in one transaction with their record, and a rollback's to restore
BEGIN;
SELECT live_model_id AS model FROM recsys.recommender WHERE recommender = 'promo' \gset
SELECT version AS v FROM recsys.policy WHERE recommender = 'promo' AND policy = 'factors' AND retired_at IS NULL \gset
SELECT max(promotion_id) AS last FROM recsys.promotion \gset
SELECT item_id AS a FROM promo.recommend(1, k => 1) \gset
PREPARE served AS
	SELECT r.live_policy, r.live_model_id = :model AS same, p.version - :v AS version, jsonb_array_length(p.settings -> 'rules') AS rules,
		EXISTS (SELECT FROM promo.recommend(1, k => 1) WHERE item_id = :a) AS a_first, w.to_version = p.version AS recorded
	FROM recsys.recommender r JOIN recsys.policy p ON (p.recommender, p.policy) = (r.recommender, r.live_policy) AND p.retired_at IS NULL,
		(SELECT to_version FROM recsys.promotion WHERE recommender = 'promo' ORDER BY promotion_id DESC LIMIT 1) w
	WHERE r.recommender = 'promo';
EXECUTE served;
SELECT recsys.alter_policy('promo', 'factors', jsonb_build_object('rules', jsonb_build_array(jsonb_build_object('rule', 'ban', 'items', jsonb_build_array(:a))))) - :v AS version;
EXECUTE served;
SELECT recsys.alter_policy('promo', 'factors', jsonb_build_object('sweeps', 6, 'rules', jsonb_build_array(jsonb_build_object('rule', 'ban', 'items', jsonb_build_array(:a)), '{"rule": "explore", "share": 0.1}'::jsonb))) - :v AS version;
EXECUTE served;
-- not of a policy that is not live
SELECT recsys.alter_policy('promo', 'default', '{"sweeps": 4}') > 0 AS altered;
SELECT recsys.promote('promo', 'default', force => true, reason => 'for an hour') > 0 AS done;
SELECT recsys.rollback('promo') > 0 AS done;
EXECUTE served;
SELECT recsys.rollback('promo') > 0 AS done;
EXECUTE served;
SELECT recsys.rollback('promo', reason => 'all as it was') > 0 AS done;
EXECUTE served;
-- what has changed nothing is no step
SELECT recsys.alter_policy('promo', 'factors', '{}') - :v AS version;
SELECT recsys.rollback('promo') > 0 AS done;
SELECT live_model_id <> :model AS another FROM recsys.recommender WHERE recommender = 'promo';
-- a model comes back with the settings that it was last served with
SELECT recsys.alter_policy('promo', (SELECT live_policy FROM recsys.recommender WHERE recommender = 'promo'), '{"sweeps": 7}') > 0 AS altered;
SELECT recsys.rollback('promo', :model) > 0 AS done;
EXECUTE served;
SELECT kind, from_policy, from_version - CASE from_policy WHEN 'factors' THEN :v ELSE 0 END AS fv, from_model_id = :model AS fm,
	to_policy, to_version - CASE to_policy WHEN 'factors' THEN :v ELSE 0 END AS tv, to_model_id = :model AS tm, forced, reason
FROM recsys.promotion WHERE recommender = 'promo' AND promotion_id > :last ORDER BY promotion_id;
-- arms are frozen for a rollback as well
SELECT recsys.alter_policy('promo', 'factors', '{"sweeps": 8}') > 0 AS altered;
SELECT recsys.create_experiment('promo', 'frozen', '[{"variant": "old", "policy": "factors", "control": true}, {"variant": "new", "policy": "popularity"}]') > 0 AS created;
SELECT recsys.start_experiment('promo', 'frozen') > 0 AS started;
SELECT pg_temp.failure($$SELECT recsys.rollback('promo')$$) AS message;
ROLLBACK;
DEALLOCATE served;

-- who prunes the history shortens the way back, and nothing else
BEGIN;
SELECT count(*) AS promotions FROM recsys.promotion WHERE recommender = 'promo' \gset
DELETE FROM recsys.promotion WHERE promotion_id = :p + 1;
SELECT count(*) = :promotions - 1 AS others FROM recsys.promotion WHERE recommender = 'promo';
ROLLBACK;

-- a random split is another kind of exam than one by time
BEGIN;
UPDATE recsys.evaluation SET split = 'random' WHERE run_id < :run AND recommender = 'promo';
UPDATE recsys.evaluation SET difference_upper = difference / 2 WHERE run_id = :run AND policy = 'factors';
SELECT j.holds FROM recsys.model m, recsys._judge(:run, m) j WHERE m.model_id = :m + 6;
UPDATE recsys.evaluation SET split = 'time' WHERE run_id < :run AND recommender = 'promo';
SELECT j.holds FROM recsys.model m, recsys._judge(:run, m) j WHERE m.model_id = :m + 6;
ROLLBACK;

-- by an experiment: its verdict is ship, for this policy as it is
SELECT recsys.create_experiment('promo', e, '[{"variant": "old", "policy": "default", "control": true}, {"variant": "new", "policy": "factors"}]', traffic => 0.1) > 0 AS created FROM unnest('{won,running}'::name[]) e;
SELECT recsys.start_experiment('promo', e) > 0 AS planned, recsys.stop_experiment('promo', e) IS NOT NULL AS stopped FROM unnest('{won,running}'::name[]) e;
BEGIN;
CREATE OR REPLACE FUNCTION recsys._experiment_verdict(recommender name, experiment name)
	RETURNS TABLE (policy name, verdict text, reason text, experiment_id int8) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT CASE WHEN experiment = 'won' THEN 'factors'::name END, CASE WHEN experiment = 'won' THEN 'ship' ELSE 'keep running' END,
		CASE WHEN experiment = 'won' THEN 'conversion is up by 3.1 %' ELSE '5 of 14 days' END, (SELECT e.experiment_id FROM recsys.experiment e WHERE e.experiment = $2);
END $$;
SAVEPOINT s;
SELECT recsys.promote('promo', 'factors', 'running');
ROLLBACK TO s;
SELECT recsys.promote('promo', 'default', 'won');
ROLLBACK TO s;
-- what an experiment has won is not what retrain holds back of it later
SELECT recsys.promote('promo', 'factors', 'won');
ROLLBACK TO s;
SELECT recsys.promote('promo', 'default', force => true, reason => 'the one before') IS NOT NULL AS done;
SELECT recsys.promote('promo', 'factors', 'won') IS NOT NULL AS done;
EXECUTE live;
SELECT p.kind, p.to_policy, e.experiment, p.forced, p.reason, e.state, e.verdict, e.reason AS decided FROM recsys.promotion p JOIN recsys.experiment e USING (experiment_id)
WHERE p.recommender = 'promo' ORDER BY p.promotion_id DESC LIMIT 1;
ROLLBACK TO s;
-- against its verdict, by force
SELECT recsys.promote('promo', 'factors', 'running', force => true, reason => 'cannot wait') IS NOT NULL AS done;
SELECT p.kind, p.to_policy, e.experiment, p.forced, p.reason, e.state, e.verdict, e.reason AS decided FROM recsys.promotion p JOIN recsys.experiment e USING (experiment_id)
WHERE p.recommender = 'promo' ORDER BY p.promotion_id DESC LIMIT 1;
ROLLBACK TO s;
-- altered after the test
SELECT recsys.alter_policy('promo', 'factors', '{"sweeps": 1}') > 0 AS altered;
SELECT pg_temp.failure($$SELECT recsys.promote('promo', 'factors', 'won')$$) AS message;
ROLLBACK;
EXECUTE live;

-- the history is the owner's: others neither see nor write it
CREATE ROLE promo_reader;
SET ROLE promo_reader;
SELECT count(*) FROM recsys.promotion;
SELECT recsys.promote('promo', 'factors', force => true, reason => 'mine');
RESET ROLE;
GRANT USAGE ON SCHEMA promo TO promo_reader;
SET ROLE promo_reader;
SELECT count(*) > 0 AS seen FROM recsys.promotion;
SELECT recsys.rollback('promo');
SELECT recsys.promote('promo', 'factors', force => true, reason => 'mine');
INSERT INTO recsys.promotion (recommender, kind, to_policy, to_version, to_model_id, forced, reason) VALUES ('promo', 'promote', 'factors', 1, 1, true, 'mine');
DELETE FROM recsys.promotion;
RESET ROLE;
SELECT count(*) > 0 AS kept FROM recsys.promotion WHERE recommender = 'promo';
DROP OWNED BY promo_reader;
DROP ROLE promo_reader;

SELECT recsys.drop_recommender('promo');
SELECT count(*) FROM recsys.promotion WHERE recommender = 'promo';
DROP SCHEMA promo_shop CASCADE;
