-- rights: whose rights a recommender's SQL runs with, and who sees what
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE ROLE regress_recsys_a;
CREATE ROLE regress_recsys_b;
CREATE ROLE regress_recsys_app;
CREATE ROLE regress_recsys_stranger;
CREATE ROLE regress_recsys_batch IN ROLE regress_recsys_a;
SELECT current_database() AS db \gset
GRANT CREATE ON DATABASE :"db" TO regress_recsys_a, regress_recsys_b;

-- two tenants, each with a shop of their own
SET ROLE regress_recsys_a;
CREATE SCHEMA rights_a;
CREATE TABLE rights_a.sale (customer int, article int, at timestamptz);
INSERT INTO rights_a.sale SELECT u, i, '2024-01-01Z'::timestamptz + u * interval '1 hour' FROM generate_series(1, 20) u, generate_series(1, 6) i WHERE (u + i) % 3 > 0;
CREATE INDEX ON rights_a.sale (customer, at);
CREATE INDEX ON rights_a.sale (article, at);
CREATE TABLE rights_a.product AS SELECT i AS article, 'no. ' || i AS title FROM generate_series(1, 6) i;
SELECT recsys.create_recommender('shop_a', 'rights_a.sale', 'customer', 'article', 'at', catalog => 'rights_a.product');
SELECT recsys.alter_policy('shop_a', 'default', '{"factors": 4, "sweeps": 3}');
CALL recsys.retrain('shop_a', evaluate => false);
SET ROLE regress_recsys_b;
CREATE SCHEMA rights_b;
CREATE TABLE rights_b.sale AS SELECT u AS customer, i AS article FROM generate_series(1, 9) u, generate_series(1, 5) i WHERE (u + i) % 3 > 0;
SELECT recsys.create_recommender('shop_b', 'rights_b.sale', 'customer', 'article');
CALL recsys.retrain('shop_b', policy => 'popularity', evaluate => false);

-- neither sees the other's rows
SELECT recommender FROM recsys.recommender;
SELECT count(*) FILTER (WHERE recommender <> 'shop_b') AS others, count(*) > 0 AS mine FROM recsys.policy;
SELECT count(*) FILTER (WHERE recommender <> 'shop_b') AS others, count(*) > 0 AS mine FROM recsys.model;
SELECT count(*) FILTER (WHERE recommender <> 'shop_b') AS others, count(*) > 0 AS mine FROM recsys.training_run;
SELECT count(*) FILTER (WHERE run_id NOT IN (SELECT run_id FROM recsys.training_run)) AS others, count(*) > 0 AS mine FROM recsys.training_stage;
SELECT count(*) FROM recsys.model_gram;
SELECT count(*) FROM recsys.evaluation;
SELECT * FROM recsys.train('shop_a');
SELECT * FROM recsys.quality_report('shop_a');
CALL recsys.retrain('shop_a');
SELECT recsys.drop_recommender('shop_a', cascade => true);
-- nor changes them
UPDATE recsys.recommender SET live_policy = 'popularity' WHERE recommender = 'shop_a';
DELETE FROM recsys.recommender WHERE recommender = 'shop_a';
DELETE FROM recsys.training_stage WHERE run_id NOT IN (SELECT run_id FROM recsys.training_run);
INSERT INTO recsys.policy VALUES ('shop_a', 'mine', 1, 'popularity', '{}');
INSERT INTO recsys.recommender SELECT (jsonb_populate_record(r, '{"recommender": "shop_a"}')).* FROM recsys.recommender r;
INSERT INTO recsys.recommender SELECT (jsonb_populate_record(r, '{"recommender": "pg_catalog"}')).* FROM recsys.recommender r;
UPDATE recsys.recommender SET recommender = 'rights_a';
RESET ROLE;
SELECT recommender, live_policy FROM recsys.recommender WHERE recommender LIKE 'shop\__' ORDER BY 1;

-- what the documentation grants to an app is what it needs
GRANT USAGE ON SCHEMA shop_a, rights_a TO regress_recsys_app;
GRANT SELECT ON ALL TABLES IN SCHEMA shop_a TO regress_recsys_app;
GRANT SELECT ON rights_a.sale, rights_a.product TO regress_recsys_app;
SET ROLE regress_recsys_app;
SELECT count(*) FROM shop_a.recommend(1, 3);
SELECT count(*) FROM shop_a.recommend_for_items('{1}', 3);
SELECT count(*) FROM shop_a.similar_items(1, 3);
SELECT count(*) > 0 AS sees FROM recsys.model WHERE recommender = 'shop_a';
-- and no more than that
CALL recsys.retrain('shop_a');
SELECT recsys.train('shop_a');
SELECT recsys.evaluate('shop_a');
SELECT * FROM recsys.quality_report('shop_a');
SELECT * FROM recsys.detect_bots('shop_a');
SELECT * FROM recsys._detect_bots('shop_a', NULL);
SELECT * FROM recsys._query_as_owner('shop_a', 'SELECT 1') q (n int);
SELECT recsys._train_open(1, 'shop_a', NULL, NULL, false, '{10}', false, 1, NULL, NULL, false);
SELECT recsys._train_stage(1, 'load');
SELECT recsys.alter_recommender('shop_a', filter => 'false');
SELECT recsys.create_policy('shop_a', 'mine', 'popularity');
SELECT recsys.alter_policy('shop_a', 'default', '{"sweeps": 1}');
SELECT recsys.drop_policy('shop_a', 'default');
SELECT recsys.refresh_functions('shop_a');
SELECT recsys.drop_recommender('shop_a');
UPDATE recsys.recommender SET live_model_id = NULL;
UPDATE recsys.model SET status = 'deleted';
INSERT INTO recsys.training_run (recommender, state, stage, pid, backend_start) VALUES ('shop_a', 'running', 'load', 1, now());
SELECT live_model_id IS NOT NULL AS unchanged FROM recsys.recommender WHERE recommender = 'shop_a';
INSERT INTO shop_a.popularity VALUES (1, 1, 1, 1, 1);
-- a new definition keeps what was granted
RESET ROLE;
SET ROLE regress_recsys_a;
SELECT recsys.alter_recommender('shop_a', settings => '{"history_limit": 100}');
SET ROLE regress_recsys_app;
SELECT count(*) FROM shop_a.recommend(1, 3);
RESET ROLE;

-- who may not read the source is not served from it, though the model is in memory
SELECT count(*) FROM shop_a.recommend(1, 3);
REVOKE SELECT ON rights_a.sale FROM regress_recsys_app;
SET ROLE regress_recsys_app;
SELECT * FROM shop_a.recommend(1, 3);
SELECT count(*) FROM shop_a.recommend_for_items('{1}', 3);
RESET ROLE;
GRANT SELECT ON rights_a.sale TO regress_recsys_app;
REVOKE SELECT ON shop_a.item_factor FROM regress_recsys_app;
SET ROLE regress_recsys_app;
SELECT * FROM shop_a.recommend(1, 3);
RESET ROLE;
GRANT SELECT ON shop_a.item_factor TO regress_recsys_app;
REVOKE SELECT ON shop_a.popularity FROM regress_recsys_app;
SET ROLE regress_recsys_app;
SELECT * FROM shop_a.recommend(1, 3);
SELECT * FROM shop_a.similar_items(1, 3);
RESET ROLE;
GRANT SELECT ON shop_a.popularity TO regress_recsys_app;
REVOKE SELECT ON shop_a.item_neighbor FROM regress_recsys_app;
SET ROLE regress_recsys_app;
SELECT * FROM shop_a.recommend(1, 3);
SELECT * FROM shop_a.similar_items(1, 3);
RESET ROLE;
GRANT SELECT ON shop_a.item_neighbor TO regress_recsys_app;
-- a stranger does not even see the recommender
SET ROLE regress_recsys_stranger;
SELECT * FROM shop_a.recommend(1, 3);
SELECT * FROM recsys._recommend('shop_a', 1, 3, 0, NULL::int[], NULL::int[], NULL, NULL, NULL)
	AS t (rank int, item_id int, score float8, source text, reason text, because_item_id int);
SELECT count(*) FROM recsys.leaderboard;
RESET ROLE;

-- row-level security on the source holds in serving: the app sees only what
-- customers below 10 did
ALTER TABLE rights_a.sale ENABLE ROW LEVEL SECURITY;
CREATE POLICY below ON rights_a.sale FOR SELECT TO regress_recsys_app USING (customer < 10);
SET ROLE regress_recsys_app;
SELECT u, count(*) FILTER (WHERE source = 'neighbor') > 0 AS known FROM unnest('{1,11}'::int[]) u, shop_a.recommend(u, 6) GROUP BY 1 ORDER BY 1;
RESET ROLE;
SELECT u, count(*) FILTER (WHERE source = 'neighbor') > 0 AS known FROM unnest('{1,11}'::int[]) u, shop_a.recommend(u, 6) GROUP BY 1 ORDER BY 1;
DROP POLICY below ON rights_a.sale;
ALTER TABLE rights_a.sale DISABLE ROW LEVEL SECURITY;
-- and so it does on the model's tables: what was read for others is not used
SELECT count(*) AS listed FROM shop_a.recommend(NULL, 100);
ALTER TABLE shop_a.popularity ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop_a.item_factor ENABLE ROW LEVEL SECURITY;
CREATE POLICY below ON shop_a.popularity FOR SELECT TO regress_recsys_app USING (item_id < 4);
CREATE POLICY below ON shop_a.item_factor FOR SELECT TO regress_recsys_app USING (item_id > 1);
SET ROLE regress_recsys_app;
SELECT array_agg(item_id ORDER BY item_id) AS listed FROM shop_a.recommend(NULL, 100) WHERE source <> 'fresh';
SELECT array_agg(item_id ORDER BY item_id) AS listed FROM shop_a.recommend(1, 100) WHERE source <> 'fresh';
SELECT array_agg(item_id ORDER BY item_id) AS listed FROM shop_a.similar_items(2, 100, 'factors');
RESET ROLE;
SELECT count(*) AS listed FROM shop_a.recommend(NULL, 100);
ALTER TABLE shop_a.popularity DISABLE ROW LEVEL SECURITY;
ALTER TABLE shop_a.item_factor DISABLE ROW LEVEL SECURITY;

-- a member of the owner may train, and it runs as the owner
SET ROLE regress_recsys_batch;
SELECT recsys.train('shop_a', 'popularity') > 0 AS trained;
SET client_min_messages = error;	-- nobody can be scored, so it is held back
CALL recsys.retrain('shop_a');
SET client_min_messages = warning;
SELECT count(*) > 0 AS reported FROM recsys.quality_report('shop_a');
RESET ROLE;

-- a superuser's nightly job runs the tenants' SQL with the tenants' rights.
-- Whatever they plant says who runs it, and tries to make a role.
SET ROLE regress_recsys_a;
CREATE TABLE rights_a.seen (place text, who name);
CREATE FUNCTION rights_a.trap(place text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'CREATE ROLE regress_recsys_evil SUPERUSER';
	RETURN true;
END $$;
SELECT recsys.alter_recommender('shop_a', filter => 'rights_a.trap(''filter'')');
RESET ROLE;
-- the words of the refusal vary with the server's version
\set VERBOSITY sqlstate
CALL recsys.retrain('shop_a');
SELECT recsys.train('shop_a');
SELECT recsys.evaluate('shop_a');
SELECT * FROM recsys.quality_report('shop_a');
SELECT * FROM recsys.detect_bots('shop_a');
\set VERBOSITY default
SELECT state, stage, sqlstate FROM recsys.training_run WHERE recommender = 'shop_a' ORDER BY run_id DESC LIMIT 1;
-- as triggers and defaults of the tables that training writes and deletes
SET ROLE regress_recsys_a;
SELECT recsys.alter_recommender('shop_a', unset => '{filter}', settings => '{"keep_models": 1, "bot_z": 0.1}');
CREATE FUNCTION rights_a.trap_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO rights_a.seen VALUES (TG_TABLE_NAME || ' ' || TG_OP, current_user);
	RETURN coalesce(NEW, OLD);
END $$;
CREATE FUNCTION rights_a.trap_default() RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO rights_a.seen VALUES ('default', current_user);
	RETURN now();
END $$;
CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON shop_a.popularity FOR EACH ROW EXECUTE FUNCTION rights_a.trap_trigger();
CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON shop_a.excluded_user FOR EACH ROW EXECUTE FUNCTION rights_a.trap_trigger();
ALTER TABLE shop_a.excluded_user ALTER added_at SET DEFAULT rights_a.trap_default();
INSERT INTO rights_a.sale SELECT 21, i % 6 + 1, '2024-01-02Z'::timestamptz + i * interval '1 second' FROM generate_series(1, 500) i;
INSERT INTO shop_a.excluded_user VALUES (1, 'seen by mistake', 'bot_rate');
TRUNCATE rights_a.seen;
RESET ROLE;
CALL recsys.retrain('shop_a', evaluate => false);
CALL recsys.retrain('shop_a', evaluate => false);
SELECT place, who, count(*) > 0 AS ran FROM rights_a.seen GROUP BY 1, 2 ORDER BY 1, 2;
-- as a filter that is more than an expression, put into the registry by hand
SET ROLE regress_recsys_a;
UPDATE recsys.recommender SET settings = settings || '{"filter": "true); CREATE ROLE regress_recsys_evil SUPERUSER; SELECT 1 FROM rights_a.sale s WHERE (true"}' WHERE recommender = 'shop_a';
RESET ROLE;
SELECT recsys.alter_recommender('shop_a', repeatable => true);
SELECT count(*) AS evil FROM pg_roles WHERE rolname = 'regress_recsys_evil';
-- what a superuser changes stays the tenant's
UPDATE recsys.recommender SET settings = settings - 'filter' WHERE recommender = 'shop_a';
SELECT recsys.alter_recommender('shop_a', repeatable => true);
SELECT relowner::regrole AS owner, count(*) FROM pg_class WHERE relnamespace = 'shop_a'::regnamespace GROUP BY 1;
SELECT proowner::regrole AS owner, count(*) FROM pg_proc WHERE pronamespace = 'shop_a'::regnamespace GROUP BY 1;

SELECT recsys.drop_recommender(r) FROM unnest('{shop_a,shop_b}'::name[]) r;
DROP SCHEMA rights_a, rights_b CASCADE;
REVOKE CREATE ON DATABASE :"db" FROM regress_recsys_a, regress_recsys_b;
DROP ROLE regress_recsys_a, regress_recsys_b, regress_recsys_app, regress_recsys_stranger, regress_recsys_batch;
