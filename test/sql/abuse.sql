-- Internal functions and registry rows in the hands of those who may reach
-- them: an error each time, never a crash, never another's harm.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA abuse;
CREATE TABLE abuse.sale (who int8, what int8, at timestamptz);
INSERT INTO abuse.sale SELECT u, i, '2026-01-01'::timestamptz + (u * 7 + i) * interval '1 hour'
FROM generate_series(1, 6) u, generate_series(1, 5) i WHERE (u + i) % 3 > 0;
CREATE INDEX ON abuse.sale (who, at);
CREATE INDEX ON abuse.sale (what, at);
SELECT recsys.create_recommender('mine', 'abuse.sale', 'who', 'what', 'at');
CALL recsys.retrain('mine', evaluate => false);

-- stages out of order, and without a run
SELECT recsys._train_stage(1, 'load');
SELECT recsys._train_open(1, 'nosuch', NULL, NULL, false, '{10}', false, 1, NULL, NULL, false);
SELECT recsys._train_stage(1, 'load');
SELECT recsys._train_open(1, 'mine', NULL, NULL, false, '{10}', false, 1, NULL, NULL, false);
SELECT recsys._train_stage(2, 'load');
SELECT recsys._train_open(1, 'mine', NULL, NULL, false, '{10}', false, 1, NULL, NULL, false);
SELECT recsys._train_stage(1, 'write');
SELECT recsys._train_open(1, 'mine', NULL, NULL, false, '{10}', false, 1, NULL, NULL, false);
SELECT recsys._train_stage(1, 'train');
SELECT recsys._train_open(1, 'mine', NULL, NULL, false, '{10}', false, 1, NULL, NULL, false);
SELECT recsys._train_stage(1, 'train_before');
SELECT recsys._train_open(1, 'mine', NULL, NULL, false, '{10}', false, 1, NULL, NULL, false);
SELECT recsys._train_stage(1, 'dance');
-- an error in a subtransaction takes the run along
DO $$
BEGIN
	BEGIN
		PERFORM recsys._train_open(1, 'mine', NULL, NULL, false, '{10}', false, 1, NULL, NULL, false);
		PERFORM recsys._train_stage(1, 'evaluate');
	EXCEPTION WHEN object_not_in_prerequisite_state THEN
		RAISE WARNING '%', SQLERRM;
	END;
	PERFORM recsys._train_stage(1, 'load');
END $$;
SELECT coalesce(sum(total_bytes), 0) AS left_behind FROM pg_backend_memory_contexts WHERE name = 'recsys run';

-- a registry that lies about the ids' types, in the hands of its owner
BEGIN;
UPDATE recsys.recommender SET item_type = 'text' WHERE recommender = 'mine';
SAVEPOINT s;
SELECT * FROM recsys._recommend('mine', 3::int8, 10, 0, NULL::text[], NULL::text[], NULL, NULL, NULL)
	AS t (rank int, item_id text, score float8, source text, reason text, because_item_id text);
ROLLBACK TO s;
SELECT recsys.train('mine');
ROLLBACK TO s;
SELECT * FROM recsys.detect_bots('mine');
ROLLBACK;
BEGIN;
UPDATE recsys.recommender SET user_type = 'text' WHERE recommender = 'mine';
SELECT recsys.train('mine');
ROLLBACK;
BEGIN;
UPDATE recsys.model_gram SET factors = 65536, gram = '{}';
ROLLBACK;
BEGIN;
UPDATE recsys.policy SET settings = settings || '{"factors": -5}' WHERE recommender = 'mine' AND policy = 'default';
SELECT recsys.train('mine');
ROLLBACK;
-- tables that are not as they were made
BEGIN;
ALTER TABLE mine.item_factor ALTER factor TYPE text USING factor::text;
SELECT * FROM mine.recommend(3);
ROLLBACK;

-- a source that trains, looks for bots, or closes the run that reads it
CREATE FUNCTION abuse.meddle(how text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF how = 'close' THEN
		PERFORM recsys._train_close();
	ELSIF how = 'bots' THEN
		PERFORM recsys.detect_bots('mine', apply => false);
	ELSIF how = 'train' THEN
		PERFORM recsys.train('mine');
	ELSIF how = 'catch' THEN
		-- an inner error that is caught leaves the run alone
		BEGIN
			RAISE EXCEPTION 'caught';
		EXCEPTION WHEN raise_exception THEN
			RETURN true;
		END;
	END IF;
	RETURN true;
END $$;
CREATE TABLE abuse.how (how text);
INSERT INTO abuse.how VALUES ('none');
CREATE VIEW abuse.meddling AS SELECT s.* FROM abuse.sale s, abuse.how h WHERE abuse.meddle(h.how);
SELECT recsys.create_recommender('meddling', 'abuse.meddling', 'who', 'what', 'at');
UPDATE abuse.how SET how = 'close';
SELECT recsys.train('meddling');
UPDATE abuse.how SET how = 'bots';
SELECT recsys.train('meddling');
UPDATE abuse.how SET how = 'train';
SELECT recsys.train('meddling');
UPDATE abuse.how SET how = 'catch';
SELECT recsys.train('meddling') > 0 AS trained;

-- a catalog that recommends by other models, more than are kept, while one is in use
CREATE TABLE abuse.thing (what int8 PRIMARY KEY, title text);
INSERT INTO abuse.thing SELECT i, 'thing ' || i FROM generate_series(1, 5) i;
SELECT count(recsys.create_policy('mine', 'p' || i, 'popularity')) FROM generate_series(1, 6) i;
SELECT count(recsys.train('mine', 'p' || i)) FROM generate_series(1, 6) i;
CREATE FUNCTION abuse.busy() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	i int;
BEGIN
	FOR i IN 1 .. 6 LOOP
		PERFORM recsys._recommend_for_items('mine', ARRAY[1]::int8[], 0, NULL::int8[], NULL, ('p' || i)::name);
	END LOOP;
	RETURN true;
END $$;
CREATE VIEW abuse.catalog AS SELECT t.*, abuse.busy() AS available FROM abuse.thing t;
SELECT recsys.alter_recommender('mine', catalog => 'abuse.catalog', catalog_columns => '{"item": "what"}');
SELECT count(*) AS listed FROM mine.recommend(3);

-- the lock that lets one training run is for the owner's members
CREATE ROLE regress_recsys_nobody;
SET ROLE regress_recsys_nobody;
SELECT recsys._lock_run('mine', true);
RESET ROLE;

-- names that need quotes
SELECT recsys.create_recommender('o''Shop "x"', 'abuse.sale', 'who', 'what', 'at');
CALL recsys.retrain('o''Shop "x"', evaluate => false);
SELECT count(*) AS listed FROM "o'Shop ""x""".recommend(3);

-- a trigger on the recommender's tables runs as its owner, whoever retrains
CREATE ROLE regress_recsys_owner;
CREATE TABLE abuse.seen (who name);
GRANT USAGE ON SCHEMA abuse TO regress_recsys_owner;
GRANT SELECT ON abuse.sale TO regress_recsys_owner;
GRANT SELECT, INSERT ON abuse.seen TO regress_recsys_owner;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_recsys_owner', current_database()) \gexec
SET ROLE regress_recsys_owner;
SELECT recsys.create_recommender('owned', 'abuse.sale', 'who', 'what', 'at', settings => '{"keep_models": 1}');
CREATE FUNCTION owned.trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO abuse.seen VALUES (current_user);
	RETURN NULL;
END $$;
CREATE TRIGGER trap AFTER INSERT OR DELETE ON owned.excluded_user FOR EACH STATEMENT EXECUTE FUNCTION owned.trap();
CREATE TRIGGER trap AFTER INSERT OR DELETE ON owned.popularity FOR EACH STATEMENT EXECUTE FUNCTION owned.trap();
RESET ROLE;
CALL recsys.retrain('owned', evaluate => false);
CALL recsys.retrain('owned', evaluate => false);
SELECT recsys.alter_recommender('owned', repeatable => true);
SELECT who, count(*) FROM abuse.seen GROUP BY who;
SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'owned'::regnamespace;

-- so does the SQL of its rules, whoever replays a request
CREATE FUNCTION abuse.told() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO abuse.seen VALUES (current_user);
	RETURN true;
END $$;
GRANT SELECT ON abuse.thing TO regress_recsys_owner;
SET ROLE regress_recsys_owner;
SELECT recsys.alter_recommender('owned', catalog => 'abuse.thing', catalog_columns => '{"item": "what"}');
SELECT recsys.alter_policy('owned', 'default', '{"rules": [{"rule": "predicate", "sql": "abuse.told()"}]}');
CALL recsys.retrain('owned', evaluate => false);
SELECT count(*) AS served FROM owned.serve(3, k => 1);
RESET ROLE;
DELETE FROM abuse.seen;
SELECT count(*) AS differences FROM owned.request q, recsys.replay('owned', q.request_id, 'list');
SELECT DISTINCT who FROM abuse.seen;

-- and what stands where the log's partitions should
DELETE FROM abuse.seen;
SET ROLE regress_recsys_owner;
ALTER TABLE owned.request DETACH PARTITION owned.request_default;
DROP TABLE owned.request_default;
CREATE VIEW owned.request_default AS SELECT now() AS requested_at WHERE abuse.told();
CREATE TABLE owned.exposure_old (LIKE owned.exposure INCLUDING ALL);
ALTER TABLE owned.exposure ATTACH PARTITION owned.exposure_old FOR VALUES FROM ('2001-01-01Z') TO ('2001-02-01Z');
SET client_min_messages = error;
CREATE SCHEMA owned_old;
ALTER TABLE owned.exposure_old SET SCHEMA owned_old;
CREATE VIEW owned.exposure_old AS SELECT abuse.told();
RESET ROLE;
SELECT count(*) AS dropped FROM recsys.maintain('owned') WHERE action = 'dropped';
SELECT DISTINCT who FROM abuse.seen;
DROP SCHEMA owned_old CASCADE;
SET client_min_messages = warning;

-- a domain's checks are somebody else's code, those of domains of domains too
CREATE FUNCTION abuse.checked(int8) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''checked''; RETURN true; END';
CREATE DOMAIN abuse.number AS int8;
CREATE DOMAIN abuse.code AS abuse.number;
CREATE TABLE abuse.coded (who int8, what abuse.code, at timestamptz);
SELECT recsys.create_recommender('coded', 'abuse.coded', 'who', 'what', 'at');
ALTER DOMAIN abuse.number ADD CHECK (abuse.checked(VALUE)) NOT VALID;
SELECT recsys.alter_policy('coded', 'popularity', '{"rules": [{"rule": "ban", "items": [1]}]}');
SELECT recsys._base_type('abuse.code'::regtype), recsys._base_type('int4'::regtype);
SELECT recsys.drop_recommender('coded');

-- a policy that asks the live model for parts that it does not have
BEGIN;
UPDATE recsys.model SET method = 'popularity', nonce = nonce + 1 WHERE recommender = 'mine';
UPDATE recsys.policy SET settings = '{}' WHERE recommender = 'mine' AND policy = 'item_item';
SELECT count(*) AS listed FROM mine.recommend(3, policy => 'item_item');
ROLLBACK;

-- an estimate of nothing, and of what no machine holds
SELECT * FROM recsys._train_estimate(NULL, NULL, NULL, 1, 1, 1, 1, 1);
SELECT * FROM recsys._train_estimate('mine', NULL, NULL, NULL, 1, 1, 1, 1);
SELECT * FROM recsys._train_estimate('mine', NULL, NULL, 1, 1e19, 1, 1, 1);
SELECT * FROM recsys._train_estimate('mine', NULL, NULL, 1, 1, 'NaN', 1, 1);

SELECT recsys.drop_recommender(r, cascade => true) FROM unnest('{mine,meddling,"o''Shop \"x\"",owned}'::name[]) r;
SELECT format('REVOKE CREATE ON DATABASE %I FROM regress_recsys_owner', current_database()) \gexec
DROP SCHEMA abuse CASCADE;
DROP ROLE regress_recsys_nobody, regress_recsys_owner;
