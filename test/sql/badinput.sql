-- badinput: sources that give nothing to learn from, or break; each says so,
-- and leaves what was there
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE SCHEMA bad;
CREATE TABLE bad.sale (customer int8, article text, value float8, at timestamptz);
CREATE INDEX ON bad.sale (customer, at);
CREATE INDEX ON bad.sale (article, at);
SELECT recsys.create_recommender('frail', 'bad.sale', 'customer', 'article', 'at', 'value', weight_rule => 'value');
-- what a run came to
CREATE VIEW bad.last_run AS SELECT state, stage, sqlstate, message, hint FROM recsys.training_run WHERE recommender = 'frail' ORDER BY run_id DESC LIMIT 1;
-- a model with its lists, to see that it stays
CREATE VIEW bad.served AS
SELECT (SELECT live_model_id FROM recsys.recommender WHERE recommender = 'frail') AS model,
	(SELECT md5(string_agg(f::text, ' ' ORDER BY f::text)) FROM frail.item_factor f WHERE model_id = (SELECT live_model_id FROM recsys.recommender WHERE recommender = 'frail')) AS factors,
	(SELECT array_agg(item_id ORDER BY item_id) FROM frail.recommend(NULL, 100)) AS list;

-- so that messages name the same models whatever ran before
ALTER TABLE recsys.model ALTER model_id RESTART WITH 20001;
-- an empty source
SET client_min_messages = notice;
CALL recsys.retrain('frail');
SELECT * FROM bad.last_run;
SELECT * FROM frail.recommend(1);
SELECT sum(rows_in) AS rows FROM recsys.quality_report('frail');
SELECT count(*) FROM recsys.detect_bots('frail');
SELECT recsys.evaluate('frail') > 0 AS ran;
-- all NULL
INSERT INTO bad.sale SELECT NULL, NULL, NULL, NULL FROM generate_series(1, 10);
CALL recsys.retrain('frail');
-- NaN, infinities, zero, negative, infinite times
INSERT INTO bad.sale VALUES (1, 'a', 'NaN', '2024-01-01Z'), (1, 'b', 'Infinity', '2024-01-01Z'), (2, 'a', '-Infinity', '2024-01-01Z'),
	(2, 'b', 0, '2024-01-01Z'), (2, 'c', -3, '2024-01-01Z'), (3, 'a', 1, 'infinity'), (3, 'a', 1, '-infinity');
CALL recsys.retrain('frail');
SELECT rule, rows_dropped FROM recsys.quality_report('frail') WHERE rows_dropped > 0 ORDER BY step;

-- one row
INSERT INTO bad.sale VALUES (1, 'a', 1, '2024-01-01Z');
CALL recsys.retrain('frail');
SELECT state, stage, sqlstate FROM bad.last_run;
SELECT rank, item_id, source FROM frail.recommend(2);
SELECT count(*) FROM frail.recommend(1);
SELECT count(*) FROM frail.similar_items('a');
SELECT users, items, interactions FROM recsys.model WHERE model_id = (SELECT model FROM bad.served);
SELECT policy, verdict FROM recsys.leaderboard WHERE recommender = 'frail';
-- one user
INSERT INTO bad.sale SELECT 1, 'i' || i, 1, '2024-01-01Z'::timestamptz + i * interval '1 day' FROM generate_series(1, 20) i;
CALL recsys.retrain('frail');
SELECT recsys.promote('frail', 'default', force => true, reason => 'too little to judge by') IS NOT NULL AS published;
SELECT count(*) FROM frail.recommend(1);
SELECT count(*) FROM frail.recommend(2, 100);
SELECT policy, users, verdict FROM recsys.leaderboard WHERE recommender = 'frail' ORDER BY policy;
-- one item
BEGIN;
DELETE FROM bad.sale;
INSERT INTO bad.sale SELECT u, 'only', 1, '2024-01-01Z'::timestamptz + u * interval '1 day' FROM generate_series(1, 20) u;
COMMIT;
CALL recsys.retrain('frail');
SELECT recsys.promote('frail', 'default', force => true, reason => 'too little to judge by') IS NOT NULL AS published;
SELECT item_id FROM frail.recommend(99);
SELECT count(*) FROM frail.recommend(1);
SELECT item_id FROM frail.recommend_for_items('{only}');
-- ten thousand events of one user
INSERT INTO bad.sale SELECT 7, 'i' || i % 500, 1, '2024-02-01Z'::timestamptz + i * interval '10 minutes' FROM generate_series(1, 10000) i;
SELECT recsys.alter_recommender('frail', settings => '{"never_bots": [7]}');
CALL recsys.retrain('frail');
SELECT recsys.promote('frail', 'default', force => true, reason => 'too little to judge by') IS NOT NULL AS published;
SELECT count(*) FROM frail.recommend(7, 1000);
SELECT count(*) FROM frail.recommend(1, 1000);
SELECT rule, note FROM recsys.quality_report('frail') WHERE rule IN ('repeats', 'kept: one user');
SET client_min_messages = warning;

-- from here on there is something to lose
DELETE FROM bad.sale;
INSERT INTO bad.sale SELECT u, 'i' || i, 1, '2024-01-01Z'::timestamptz + (u * 10 + i) * interval '1 hour'
FROM generate_series(1, 30) u, generate_series(1, 10) i WHERE (u + i) % 3 > 0;
CALL recsys.retrain('frail', evaluate => false);
CREATE TABLE bad.before AS TABLE bad.served;

-- huge weights: those that no float holds, and those that cannot be solved with
INSERT INTO bad.sale VALUES (1, 'i1', 1e300, '2024-03-01Z');
CALL recsys.retrain('frail', evaluate => false);
SELECT * FROM bad.last_run;
UPDATE bad.sale SET value = 1e38 WHERE value > 1;
CALL recsys.retrain('frail', evaluate => false);
SELECT * FROM bad.last_run;
DELETE FROM bad.sale WHERE value > 1;
TABLE bad.before EXCEPT TABLE bad.served;
-- a sum of weights that leaves what a float holds
SELECT recsys.alter_recommender('frail', merge => 'sum');
INSERT INTO bad.sale SELECT 1, 'i1', 3e38, '2024-03-01Z'::timestamptz + i * interval '1 day' FROM generate_series(1, 2) i;
CALL recsys.retrain('frail', evaluate => false);
SELECT * FROM bad.last_run;
SELECT count(*) > 0 AS served, bool_and(score > '-Infinity' AND score < 'Infinity') AS finite FROM frail.recommend(1, 5);
DELETE FROM bad.sale WHERE value > 1;
SELECT recsys.alter_recommender('frail', merge => 'max');
TABLE bad.before EXCEPT TABLE bad.served;

-- too little memory: how much to ask for, in the call to paste
\set VERBOSITY terse
CALL recsys.retrain('frail', memory => '1 MB');
\set VERBOSITY default
SELECT state, stage, sqlstate, regexp_replace(message, '\d+', 'N', 'g') AS message, regexp_replace(hint, '\d+', 'N', 'g') AS hint FROM bad.last_run;
SELECT (regexp_match(hint, 'memory => ''(\d+ MB)'''))[1] AS memory FROM bad.last_run \gset
CALL recsys.retrain('frail', memory => :'memory', evaluate => false, publish => false);
SELECT state FROM bad.last_run;
TABLE bad.before EXCEPT TABLE bad.served;

-- inside a transaction block or a function
BEGIN;
CALL recsys.retrain('frail');
ROLLBACK;
DO $$ BEGIN CALL recsys.retrain('frail', evaluate => false, publish => false); END $$;
SELECT state FROM bad.last_run;
CREATE FUNCTION bad.wrap() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL recsys.retrain('frail'); END $$;
SELECT bad.wrap();
DO $$ BEGIN CALL recsys.retrain('frail'); EXCEPTION WHEN invalid_transaction_termination THEN NULL; END $$;

-- a column renamed: the views follow it, the definition does not
ALTER TABLE bad.sale RENAME customer TO client;
SELECT recsys.train('frail', 'popularity') > 0 AS trained;
CALL recsys.retrain('frail', evaluate => false, publish => false);
SELECT count(*) FROM frail.recommend(1, 3);
SELECT * FROM recsys.quality_report('frail');
SELECT recsys.alter_recommender('frail', repeatable => true);
SELECT recsys.alter_recommender('frail', user_column => 'client');
SELECT count(*) > 0 AS reported FROM recsys.quality_report('frail');
TABLE bad.before EXCEPT TABLE bad.served;
-- a column dropped
ALTER TABLE bad.sale DROP COLUMN value;
ALTER TABLE bad.sale RENAME client TO customer;
SELECT recsys.alter_recommender('frail', user_column => 'customer');

-- a filter that fails
SELECT recsys.alter_recommender('frail', filter => '1 / (s.value - 1) > 0');
CALL recsys.retrain('frail', evaluate => false);
SELECT * FROM bad.last_run;
SELECT recsys.alter_recommender('frail', unset => '{filter}');
TABLE bad.before EXCEPT TABLE bad.served;

-- the source dropped with all that depends on it
ALTER TABLE bad.sale RENAME TO gone;
SELECT count(*) FROM frail.recommend(1, 3);
DROP TABLE bad.gone CASCADE;
SELECT * FROM frail.recommend(1, 3);
SELECT * FROM frail.recommend(NULL, 1);
SELECT rank, item_id <> 'i1' AS another FROM frail.recommend_for_items('{i1}', 1);
CALL recsys.retrain('frail');
SELECT * FROM bad.last_run;
SELECT recsys.train('frail');
SELECT recsys.evaluate('frail');
SELECT * FROM recsys.quality_report('frail');
SELECT * FROM recsys.detect_bots('frail');
SELECT recsys.alter_recommender('frail', repeatable => true);
-- another source, and all is well; the model has outlived it
CREATE TABLE bad.sale2 (customer int8, article text, value float8, at timestamptz);
CREATE INDEX ON bad.sale2 (customer, at);
CREATE INDEX ON bad.sale2 (article, at);
INSERT INTO bad.sale2 SELECT 1, 'i' || i, 1, '2024-01-01Z' FROM generate_series(1, 5) i;
SELECT recsys.alter_recommender('frail', source => 'bad.sale2');
TABLE bad.before EXCEPT TABLE bad.served;
SELECT count(*) FROM frail.recommend(1, 100);
CALL recsys.retrain('frail', evaluate => false);
SELECT state FROM bad.last_run;

-- the catalog dropped
CREATE TABLE bad.product AS SELECT 'i' || i AS item_id FROM generate_series(1, 5) i;
SELECT recsys.alter_recommender('frail', catalog => 'bad.product');
SELECT count(*) FROM frail.recommend(NULL);
DROP TABLE bad.product CASCADE;
SELECT * FROM frail.recommend(NULL);
SELECT * FROM frail.similar_items('i1');
CALL recsys.retrain('frail', evaluate => false);
SELECT recsys.alter_recommender('frail', unset => '{catalog}');
SELECT count(*) FROM frail.recommend(NULL);

-- the schema dropped by hand
DROP SCHEMA frail CASCADE;
CALL recsys.retrain('frail');
SELECT recsys.drop_recommender('frail');
SELECT count(*) FROM recsys.recommender WHERE recommender = 'frail';
DROP SCHEMA bad CASCADE;
