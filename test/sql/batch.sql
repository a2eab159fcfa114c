-- batch: recommend_all writes what recommend says
SET client_min_messages = warning;
\set SHOW_CONTEXT never

SELECT count(*) FROM recsys.demo_shop('batch', users => 150, items => 150, interactions => 8000, dirt => 2);
-- a shop with dislikes, things that are out of stock, new, unknown to the catalog, and excluded
INSERT INTO batch.event SELECT user_id, (user_id * 7 + n) % 150 + 1, 'dislike', 1, NULL, '2025-12-20 00:00Z'
FROM generate_series(1, 150) user_id, generate_series(1, 3) n;
UPDATE batch.product SET available = false WHERE product_id % 11 = 0;
DELETE FROM batch.product_taste WHERE product_id % 13 = 0;
DELETE FROM batch.product WHERE product_id % 13 = 0;
INSERT INTO batch.product SELECT 1000 + n, 'new thing ' || n, 'bath', 1, '2026-01-01Z'::timestamptz + n % 3 * interval '1 day', n <> 2
FROM generate_series(1, 6) n;
SELECT recsys.create_recommender('lists', 'batch.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
	catalog => 'batch.product',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.3}, "view": {"weight": 0.1}, "dislike": {"weight": -1}}');
SELECT recsys.recommend_all('lists');	-- there is no model yet
CALL recsys.retrain('lists', evaluate => false);
INSERT INTO lists.excluded_item (item_id) SELECT item_id FROM lists.popularity WHERE rank IN (3, 8);
INSERT INTO lists.excluded_user (user_id) VALUES (5);

-- every user's rows are those of recommend, to the last digit
CREATE FUNCTION batch.differences(k int, policy name) RETURNS TABLE (users int8, rows int8, only_in_batch int8, only_in_recommend int8)
LANGUAGE sql AS $$
	WITH b AS (SELECT user_id, rank, item_id, score, source, reason, because_item_id FROM lists.recommendation),
		u AS (SELECT DISTINCT user_id FROM lists.interaction),
		r AS (SELECT u.user_id, l.rank, l.item_id, l.score, l.source, l.reason, l.because_item_id
			FROM u, lists.recommend(u.user_id, k, policy => differences.policy) l)
	SELECT (SELECT count(DISTINCT user_id) FROM b), (SELECT count(*) FROM b),
		(SELECT count(*) FROM (SELECT * FROM b EXCEPT SELECT * FROM r) d),
		(SELECT count(*) FROM (SELECT * FROM r EXCEPT SELECT * FROM b) d)
$$;
SELECT recsys.recommend_all('lists') > 0 AS some;
SELECT users = (SELECT count(DISTINCT user_id) FROM lists.interaction) AS all_users, rows > 1000 AS many, only_in_batch, only_in_recommend
FROM batch.differences(10, NULL);
SELECT source, count(*) > 0 AS found, count(because_item_id) > 0 AS because FROM lists.recommendation GROUP BY source ORDER BY source;
SELECT DISTINCT model_id = r.live_model_id AS live, computed_at <= now() AS past FROM lists.recommendation, recsys.recommender r WHERE recommender = 'lists';
SELECT state, t.stage, s.rows_in = (SELECT count(DISTINCT user_id) FROM lists.interaction) AS users, s.rows_out = (SELECT count(*) FROM lists.recommendation) AS rows
FROM recsys.training_run t JOIN recsys.training_stage s USING (run_id) WHERE run_id = (SELECT max(run_id) FROM recsys.training_run);
-- by every method, long lists too; those that are too short are filled with what is new
SELECT p AS policy, k, only_in_batch, only_in_recommend, d.rows = n AS returned
FROM unnest('{popularity,item_item,factors,default}'::name[]) p CROSS JOIN unnest('{1,40,1000}'::int[]) k,
	LATERAL (SELECT recsys.recommend_all('lists', k, policy => p) AS n OFFSET 0) a,
	LATERAL (SELECT * FROM batch.differences(k, p) WHERE n IS NOT NULL) d;
SELECT source, count(*) > 0 AS found FROM lists.recommendation WHERE rank > 50 GROUP BY source ORDER BY source;
-- the same bytes for any number of processes
SET max_parallel_maintenance_workers = 4;
CREATE TABLE batch.checksum (workers int, rows int8, checksum text);
DO $$
DECLARE w int;
BEGIN
	FOREACH w IN ARRAY '{0,1,2,4}'::int[] LOOP
		INSERT INTO batch.checksum SELECT w, recsys.recommend_all('lists', 20, workers => w);
		UPDATE batch.checksum SET checksum = (SELECT md5(string_agg((to_jsonb(r) - 'computed_at')::text, ',' ORDER BY user_id, rank))
			FROM lists.recommendation r) WHERE workers = w;
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT checksum), min(rows) = max(rows) AS rows FROM batch.checksum;
RESET max_parallel_maintenance_workers;

-- chosen users: their rows are replaced, the others' stay; one without
-- interactions gets what recommend gives to somebody unknown
SELECT recsys.recommend_all('lists', 3) > 0 AS some;
SELECT recsys.recommend_all('lists', 5, $$SELECT user_id::int FROM batch.customer WHERE user_id <= 20 UNION ALL SELECT 1 UNION ALL SELECT NULL UNION ALL SELECT 99999;$$) AS rows;
SELECT user_id <= 20 OR user_id = 99999 AS chosen, min(length), max(length)
FROM (SELECT user_id, count(*) AS length FROM lists.recommendation GROUP BY 1) l GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (
	SELECT rank, item_id, score, source, reason, because_item_id FROM lists.recommendation WHERE user_id = 99999
	EXCEPT SELECT * FROM lists.recommend(99999, 5)) d;
SELECT recsys.recommend_all('lists', for_users => 'SELECT user_id FROM batch.customer WHERE false') AS rows;
-- in one transaction with the caller: an error leaves the old lists
BEGIN;
SELECT recsys.recommend_all('lists', 1) > 0 AS some;
ROLLBACK;
SELECT max(rank) FROM lists.recommendation;

-- histories longer than are read, and items that may be bought again
SELECT recsys.alter_recommender('lists', settings => '{"history_limit": 2}');
SELECT recsys.recommend_all('lists', 12) > 0 AS some;
SELECT only_in_batch, only_in_recommend FROM batch.differences(12, NULL);
SELECT recsys.alter_recommender('lists', repeatable => true, settings => '{"history_limit": 1000, "require_catalog": false}');
SELECT recsys.recommend_all('lists', 12) > 0 AS some;
SELECT only_in_batch, only_in_recommend FROM batch.differences(12, NULL);

-- ids of other types, no catalog and no time
CREATE TABLE batch.visit AS SELECT 'u' || user_id AS who, 'p' || product_id AS what FROM batch.event WHERE event = 'view';
CREATE INDEX ON batch.visit (who);
CREATE INDEX ON batch.visit (what);
SELECT recsys.create_recommender('names', 'batch.visit', 'who', 'what');
CALL recsys.retrain('names', evaluate => false);
SELECT recsys.recommend_all('names', 15) > 0 AS some;
WITH b AS (SELECT user_id, rank, item_id, score, source, reason, because_item_id FROM names.recommendation),
	r AS (SELECT u.user_id, l.* FROM (SELECT DISTINCT user_id FROM names.interaction) u, names.recommend(u.user_id, 15) l)
SELECT (SELECT count(*) FROM (SELECT * FROM b EXCEPT SELECT * FROM r) d) AS only_in_batch,
	(SELECT count(*) FROM (SELECT * FROM r EXCEPT SELECT * FROM b) d) AS only_in_recommend;

-- returns netted and weights that fade, from all events and where the newest
-- alone do not tell what is left; ages are those of the transaction, as recommend's
CREATE TABLE batch.sale AS
SELECT hashint4(n) & 31 AS who, (hashint4(n + 7000000) & 31) AS what, (ARRAY[1, 2, 3, -1, -2])[1 + (hashint4(n + 14000000) & 1048575) % 5] AS quantity,
	now() - n * interval '1 hour' AS sold_at
FROM generate_series(1, 2000) n;
CREATE INDEX ON batch.sale (who, sold_at);
CREATE INDEX ON batch.sale (what, sold_at);
SELECT recsys.create_recommender('sold', 'batch.sale', 'who', 'what', 'sold_at', 'quantity', weight_rule => 'value', merge => 'sum',
	settings => '{"returns": "net", "weight_half_life": "20 days"}');
CALL recsys.retrain('sold', evaluate => false);
CREATE FUNCTION batch.sold_differences(OUT users int8, OUT only_in_batch int8, OUT only_in_recommend int8) LANGUAGE sql AS $$
	WITH b AS (SELECT user_id, rank, item_id, score, source, reason, because_item_id FROM sold.recommendation),
		r AS (SELECT u.user_id, l.* FROM (SELECT DISTINCT user_id FROM sold.interaction) u, sold.recommend(u.user_id, 40) l)
	SELECT (SELECT count(DISTINCT user_id) FROM b),
		(SELECT count(*) FROM (SELECT * FROM b EXCEPT SELECT * FROM r) d),
		(SELECT count(*) FROM (SELECT * FROM r EXCEPT SELECT * FROM b) d)
$$;
BEGIN;
SELECT recsys.recommend_all('sold', 40) > 300 AS many;
SELECT * FROM batch.sold_differences();
COMMIT;
SELECT recsys.alter_recommender('sold', settings => '{"history_limit": 2}');
BEGIN;
SELECT recsys.recommend_all('sold', 40) > 300 AS many;
SELECT * FROM batch.sold_differences();
COMMIT;
-- nothing is listed that stands, whatever was taken back before or after
SELECT count(*) FROM (SELECT who, what FROM
		(SELECT s.*, sum(quantity) OVER w AS p FROM batch.sale s WINDOW w AS (PARTITION BY who, what ORDER BY sold_at)) s
		GROUP BY who, what HAVING (array_agg(p ORDER BY sold_at DESC))[1] > least(0, min(p))) stands
	JOIN sold.recommendation r ON r.user_id = stands.who AND r.item_id = stands.what;

-- ids that are equal though not the same are one user, and one item
CREATE COLLATION batch.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE batch.folk (who text COLLATE batch.ci, what text COLLATE batch.ci, at timestamptz);
INSERT INTO batch.folk VALUES ('Ann', 'Cup', '2025-01-01'), ('ANN', 'pot', '2025-01-02'), ('ann', 'CUP', '2025-01-03'),
	('Bob', 'cup', '2025-01-01'), ('bob', 'jug', '2025-01-04'), ('Cid', 'Jug', '2025-01-02'), ('cid', 'POT', '2025-01-02'), ('cid', 'mat', '2025-01-03');
CREATE INDEX ON batch.folk (who, at);
CREATE INDEX ON batch.folk (what, at);
SELECT recsys.create_recommender('folk', 'batch.folk', 'who', 'what', 'at');
CALL recsys.retrain('folk', evaluate => false);
SELECT recsys.recommend_all('folk') AS rows;
SELECT lower(user_id), count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM folk.recommend(user_id) l
	WHERE (l.rank, l.item_id, l.score, l.source, l.reason) = (r.rank, r.item_id, r.score, r.source, r.reason))) AS different
FROM folk.recommendation r GROUP BY 1 ORDER BY 1;
SELECT recsys.recommend_all('folk', 1, 'VALUES (''bOB''), (''cid''), (''BOB'')') AS rows;
SELECT lower(user_id), count(*) FROM folk.recommendation GROUP BY 1 ORDER BY 1;

-- what it refuses
SELECT recsys.recommend_all('nonesuch');
SELECT recsys.recommend_all('lists', 0);
SELECT recsys.recommend_all('lists', NULL);
SELECT recsys.recommend_all('lists', 10001);
SELECT recsys.recommend_all('lists', policy => 'nonesuch');
SELECT recsys.recommend_all('lists', workers => -1);
SELECT recsys.recommend_all('lists', memory => 'much');
SELECT recsys.recommend_all('lists', memory => '1 MB');
SELECT recsys.recommend_all('lists', for_users => 'SELECT user_id, kind FROM batch.customer');
SELECT recsys.recommend_all('lists', for_users => 'DELETE FROM batch.customer RETURNING user_id');
SELECT recsys.recommend_all('lists', for_users => 'SELECT 1; SELECT 2');
SELECT recsys.recommend_all('lists', for_users => 'SELECT 1) q (user_id)) SELECT 1 --');
SELECT recsys.recommend_all('lists', for_users => 'SELECT ''x''::text');
SELECT recsys.recommend_all('lists', for_users => '');

-- the query runs as the owner, and only who may act as the owner may call
CREATE ROLE regress_batch_owner;
CREATE ROLE regress_batch_app;
GRANT CREATE ON DATABASE :DBNAME TO regress_batch_owner;
GRANT USAGE ON SCHEMA batch TO regress_batch_owner;
GRANT SELECT ON batch.event TO regress_batch_owner;
SET ROLE regress_batch_owner;
SELECT recsys.create_recommender('owned', 'batch.event', 'user_id', 'product_id', 'happened_at');
CALL recsys.retrain('owned', evaluate => false, policy => 'popularity');
RESET ROLE;
SELECT recsys.recommend_all('owned', policy => 'popularity') > 0 AS some;
SELECT recsys.recommend_all('owned', policy => 'popularity', for_users => 'SELECT user_id FROM batch.customer');
GRANT USAGE ON SCHEMA owned TO regress_batch_app;
SET ROLE regress_batch_app;
SELECT recsys.recommend_all('owned', policy => 'popularity');
RESET ROLE;

SELECT recsys.drop_recommender(r) FROM unnest('{lists,names,sold,folk,owned}'::name[]) r;
DROP SCHEMA batch CASCADE;
REVOKE CREATE ON DATABASE :DBNAME FROM regress_batch_owner;
DROP ROLE regress_batch_owner, regress_batch_app;
