-- schedule: when a cron schedule was last due, and what is done about it
SET client_min_messages = error;
\set SHOW_CONTEXT never
SET timezone = 'UTC';

-- Wednesday 2024-05-15, 10:20
SELECT s AS schedule, recsys._last_due(s, '2024-05-15 10:20:30Z') AS last
FROM (VALUES (1, '* * * * *'), (2, '30 3 * * *'), (3, '20 10 * * *'), (4, '21 10 * * *'), (5, '*/15 * * * *'), (6, '5,50 */4 * * *'),
	(7, '0 2 1 * *'), (8, '0 2 31 * *'), (9, '0 2 * * 0'), (10, '0 2 * * 7'), (11, '0 2 * * mon-fri'), (12, '0 2 * * SUN,thu'),
	(13, '0 2 1 * fri'), (14, '0 2 */2 * fri'), (15, '0 0 29 2 *'), (16, '0 0 1 jan *'), (17, '10-40/10 9-17/4 * 3-6 *'),
	(18, '@daily'), (19, '@weekly'), (20, '@monthly'), (21, '@Yearly'), (22, '@hourly'), (23, '  0   6 * *  * '), (24, '30 seconds')) v (n, s) ORDER BY n;
SELECT recsys._last_due('@reboot', now()) = pg_postmaster_start_time() AS start;
SELECT recsys._last_due('0 0 29 2 *', '2104-02-28 00:00Z') AS leap;
-- against a count of minutes
SELECT count(*) AS minutes, bool_and(recsys._last_due('7,37 1,13 * * 2,4', m) = (SELECT max(d) FROM generate_series(m - interval '8 days', m, '1 minute') d
	WHERE extract(minute FROM d) IN (7, 37) AND extract(hour FROM d) IN (1, 13) AND extract(dow FROM d) IN (2, 4))) AS same
FROM generate_series('2024-02-26Z'::timestamptz, '2024-03-04Z', '7 hours 11 minutes') m;
-- what cron.timezone says, from pg_cron 1.6 on
SET cron.timezone = 'Europe/Vienna';
SELECT recsys._last_due('30 3 * * *', '2024-05-15 10:20:30Z') AS last;
RESET cron.timezone;

CREATE FUNCTION pg_temp.failure(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT pg_temp.failure(format('SELECT recsys._last_due(%L, now())', s)) AS refused
FROM unnest('{"",daily,"* * * *","* * * * * *","60 * * * *","* 24 * * *","* * 0 * *","* * * 13 *","* * * * 8","5-1 * * * *","*/0 * * * *","5/2 * * * *","a * * * *","1,, * * * *","-1 * * * *","0 0 31 2 *","* * * * *; DROP"}'::text[]) s;
SELECT recsys._last_due('every day', now());

-- one retrain for all the instants that have gone by
CREATE TABLE sched_loan (reader int, book int, lent timestamptz);
CREATE INDEX ON sched_loan (reader, lent);
CREATE INDEX ON sched_loan (book, lent);
INSERT INTO sched_loan SELECT r, b, '2024-01-01Z'::timestamptz + (r * 10 + b) * interval '1 hour' FROM generate_series(1, 20) r, generate_series(1, 8) b WHERE (r * b) % 3 <> 1;
SELECT recsys.create_recommender('sched', 'sched_loan', 'reader', 'book', 'lent');
SELECT recsys.alter_policy('sched', 'default', '{"factors": 4, "sweeps": 1}');
PREPARE runs AS SELECT count(*) AS runs, count(*) FILTER (WHERE state IN ('succeeded', 'held_back')) AS well FROM recsys.training_run WHERE recommender = 'sched';
CALL recsys.retrain_due('sched', 'every day');
CALL recsys.retrain_due('sched', '0 3 1 1 *');
EXECUTE runs;
-- not due again
CALL recsys.retrain_due('sched', '0 3 1 1 *');
CALL recsys.retrain_due('sched', '0 3 1 * *');
EXECUTE runs;
-- another month, as far as the run knows
UPDATE recsys.training_run SET started_at = started_at - interval '2 years' WHERE recommender = 'sched';
CALL recsys.retrain_due('sched', '0 3 1 1 *');
CALL recsys.retrain_due('sched', '0 3 1 1 *');
EXECUTE runs;
-- runs of other kinds, and those that did not come to their end, do not count
UPDATE recsys.training_run SET started_at = started_at - interval '2 years' WHERE recommender = 'sched';
SELECT recsys.evaluate('sched') > 0 AS evaluated, recsys.train('sched') > 0 AS trained;
SELECT recsys._is_due('sched', '0 3 1 1 *');
CREATE FUNCTION sched_stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
CREATE TRIGGER stop BEFORE INSERT ON sched.popularity EXECUTE FUNCTION sched_stop();
CALL recsys.retrain_due('sched', '0 3 1 1 *');
SELECT state, message FROM recsys.training_run WHERE recommender = 'sched' ORDER BY run_id DESC LIMIT 1;
SELECT recsys._is_due('sched', '0 3 1 1 *');
DROP TRIGGER stop ON sched.popularity;
CALL recsys.retrain_due('sched', '0 3 1 1 *');
SELECT recsys._is_due('sched', '0 3 1 1 *');
-- a retrain of another policy, or one that was not to be published, is not what was due
UPDATE recsys.training_run SET started_at = started_at - interval '2 years' WHERE recommender = 'sched';
CALL recsys.retrain('sched', policy => 'popularity', evaluate => false);
SELECT recsys._is_due('sched', '0 3 1 1 *');
CALL recsys.retrain('sched', evaluate => false, publish => false);
SELECT recsys._is_due('sched', '0 3 1 1 *');
CALL recsys.retrain('sched', evaluate => false);
SELECT recsys._is_due('sched', '0 3 1 1 *');

-- what a running experiment tests is retrained too, and served to its arm from then on; but not what
-- has no model of its own, nor what is tested by no experiment that runs
SELECT recsys.promote('sched', 'popularity', force => true, reason => 'the control') > 0 AS live;
SELECT recsys.create_policy('sched', 'part', 'popularity'), recsys.create_policy('sched', 'idle', 'item_item'), recsys.train('sched', 'idle') > 0 AS trained;
SELECT recsys.create_experiment('sched', 'lists', '[{"variant": "old", "policy": "popularity", "control": true}, {"variant": "new", "policy": "default"},
	{"variant": "again", "policy": "default"}, {"variant": "part", "policy": "part"}, {"variant": "app", "policy": "external"}]') > 0 AS drafted,
	recsys.create_experiment('sched', 'draft', '[{"variant": "old", "policy": "popularity", "control": true}, {"variant": "idle", "policy": "idle"}]') > 0 AS another;
SELECT * FROM recsys._routine_policies('sched');
SELECT recsys.start_experiment('sched', 'lists') > 0 AS started;
SELECT * FROM recsys._routine_policies('sched') p ORDER BY p;
INSERT INTO sched.experiment_override SELECT experiment_id, v.unit, v.variant
FROM recsys.experiment, (VALUES ('1', 'old'), ('2', 'new'), ('3', 'again'), ('4', 'part')) v (unit, variant) WHERE recommender = 'sched' AND experiment = 'lists';
PREPARE trained AS SELECT t.state, m.policy, m.model_id = r.live_model_id AS live, t.message
	FROM recsys.training_run t JOIN recsys.recommender r ON r.recommender = t.recommender LEFT JOIN recsys.model m ON m.model_id = t.model_id
	WHERE r.recommender = 'sched' AND t.run_id > $1 ORDER BY t.run_id;
PREPARE locks AS SELECT count(*) AS locks FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'object' AND classid = 'pg_namespace'::regclass AND mode = 'ShareUpdateExclusiveLock';
UPDATE recsys.training_run SET started_at = started_at - interval '2 years' WHERE recommender = 'sched';
SELECT max(run_id) AS run FROM recsys.training_run \gset
CALL recsys.retrain_due('sched', '0 3 1 1 *');
EXECUTE trained(:run);
EXECUTE locks;
SELECT recsys._is_due('sched', '0 3 1 1 *');
SELECT count(*) AS listed FROM generate_series(1, 4) u, sched.serve(u, k => 1);
SELECT q.unit, q.variant, q.policy, q.model_id = (SELECT max(m.model_id) FROM recsys.model m JOIN recsys.training_run t ON t.model_id = m.model_id
	WHERE t.run_id > :run AND m.policy = CASE q.policy WHEN 'part' THEN 'popularity' ELSE q.policy END) AS fresh
FROM sched.request q ORDER BY q.unit;
-- fresh is one as little as the other
UPDATE recsys.training_run SET started_at = started_at - interval '2 years' WHERE recommender = 'sched';
CALL recsys.retrain('sched', policy => 'popularity', evaluate => false);
SELECT recsys._is_due('sched', '0 3 1 1 *');
CALL recsys.retrain('sched', policy => 'default', evaluate => false);
SELECT recsys._is_due('sched', '0 3 1 1 *');
-- an arm that fails is an error, and keeps nothing else from being retrained
UPDATE recsys.training_run SET started_at = started_at - interval '2 years' WHERE recommender = 'sched';
SELECT max(run_id) AS run FROM recsys.training_run \gset
CREATE TRIGGER stop BEFORE INSERT ON sched.item_factor EXECUTE FUNCTION sched_stop();
CALL recsys.retrain('sched', evaluate => false);
EXECUTE trained(:run);
EXECUTE locks;
SELECT recsys._is_due('sched', '0 3 1 1 *');
DROP TRIGGER stop ON sched.item_factor;
-- one that is not to be published is of the live policy alone, and so are all when the experiment is over
SELECT max(run_id) AS run FROM recsys.training_run \gset
CALL recsys.retrain('sched', evaluate => false, publish => false);
SELECT recsys.stop_experiment('sched', 'lists') IS NOT NULL AS stopped;
CALL recsys.retrain('sched', evaluate => false);
EXECUTE trained(:run);
SELECT recsys._is_due('sched', '0 3 1 1 *');

-- no two jobs have one name, however names are made and cut
SELECT recsys._job_names('shop') AS shop, recsys._job_names('shop catch-up') AS catch_up;
SELECT count(DISTINCT left(j, 63)) AS names, max(octet_length(j)) <= 63 AS whole
FROM unnest(ARRAY[repeat('n', 60), repeat('n', 59) || 'o', repeat('"', 40), repeat('ä', 31)]::name[]) r, unnest(recsys._job_names(r)) j;

-- a schema called cron is not pg_cron: nothing in it is run
CREATE ROLE sched_trap;
SELECT format('GRANT CREATE ON DATABASE %I TO sched_trap', current_database()) \gexec
SET ROLE sched_trap;
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid int8, jobname text, database text);
INSERT INTO cron.job VALUES (1, 'recsys sched', current_database());
CREATE FUNCTION cron.unschedule(int8) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'sprung by %', current_user; END $$;
RESET ROLE;
SELECT recsys.unschedule('sched');
DROP OWNED BY sched_trap CASCADE;
DROP ROLE sched_trap;

-- calls that cannot be
CALL recsys.retrain_due('sched', NULL);
CALL recsys.retrain_due('nobody', '0 3 * * *');
BEGIN;
CALL recsys.retrain_due('sched', '0 3 * * *');
ROLLBACK;
SELECT recsys.schedule('sched', 'at night');
SELECT recsys.schedule('sched', NULL);
SELECT recsys.schedule('nobody');
SELECT recsys.unschedule('nobody');
SELECT recsys.unschedule('sched');
CREATE ROLE sched_reader;
GRANT USAGE ON SCHEMA sched TO sched_reader;
SET ROLE sched_reader;
SELECT recsys.schedule('sched');
SELECT recsys.unschedule('sched');
CALL recsys.retrain_due('sched', '0 3 * * *');
RESET ROLE;
DROP OWNED BY sched_reader;
DROP ROLE sched_reader;
-- whose job it is: a superuser's becomes the owner's, if that can log in
CREATE ROLE sched_owner;
ALTER SCHEMA sched OWNER TO sched_owner;
SELECT recsys._job_role('sched') = current_user AS caller;
ALTER ROLE sched_owner LOGIN;
SELECT recsys._job_role('sched');
ALTER SCHEMA sched OWNER TO CURRENT_USER;
DROP ROLE sched_owner;
SELECT recsys.drop_recommender('sched');
DROP TABLE sched_loan;
DROP FUNCTION sched_stop();
