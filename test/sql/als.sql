-- gram, als_normal and als_solve: one row by hand, whole sweeps against the
-- engine, and states that do not depend on order or on workers.
\set SHOW_CONTEXT never
SET client_min_messages = warning;

-- by hand: v = (1,0), (1,1), weights 1 and 2:
-- sum w v v' = (3 2; 2 2), sum w v = (3 2), so x = (1 0) without regularisation
CREATE TABLE als_row (v float4[], w float8);
INSERT INTO als_row VALUES ('{1,0}', 1), ('{1,1}', 2);
SELECT ARRAY(SELECT round(x::numeric, 6) FROM unnest(recsys.als_solve(recsys.als_normal(v, w), recsys.gram(v), 0, 0)) x) AS x FROM als_row;
-- gram = (2 1; 1 1), alpha0 = 1: (5 3; 3 3) x = (3 2), so x = (1/2 1/6)
SELECT recsys.als_solve(recsys.als_normal(v, w), recsys.gram(v), 1, 0) AS x FROM als_row;
-- ridge = lambda (n + alpha0 N)^nu = 1/2 (2 + 0)^1 = 1: (4 2; 2 3) x = (3 2), so x = (5/8 1/4)
SELECT recsys.als_solve(recsys.als_normal(v, w), recsys.gram(v), 0, 0.5) AS x FROM als_row;
-- and with nu = 0, 1/2: (3.5 2; 2 2.5) x = (3 2), so x = (14/19 4/19)
SELECT recsys.als_solve(recsys.als_normal(v, w), recsys.gram(v), 0, 0.5, 0) = '{0.73684210526,0.21052631579}'::float4[] AS equal FROM als_row;

-- rows with a NULL are left out; no rows give NULL
SELECT recsys.als_normal(v, w) = (SELECT recsys.als_normal(v, w) FROM als_row) AS equal
FROM (SELECT * FROM als_row UNION ALL VALUES (NULL::float4[], 1), ('{5,5}', NULL)) x;
SELECT recsys.gram(v) IS NULL AS gram, recsys.als_normal(v, w) IS NULL AS normal FROM als_row WHERE false;
SELECT recsys.als_solve(NULL, recsys.gram(v), 0, 0) FROM als_row;

-- what they refuse
SELECT recsys.gram(v) FROM (VALUES ('{1,2}'::float4[]), ('{1,2,3}')) x (v); \echo :SQLSTATE
SELECT recsys.gram('{}'::float4[]); \echo :SQLSTATE
SELECT recsys.gram('{1,NaN}'::float4[]); \echo :SQLSTATE
SELECT recsys.gram('{1,NULL}'::float4[]); \echo :SQLSTATE
SELECT recsys.gram('{{1,2}}'::float4[]); \echo :SQLSTATE
SELECT recsys.als_normal('{1}', -1); \echo :SQLSTATE
SELECT recsys.als_normal('{1}', 'infinity'); \echo :SQLSTATE
SELECT recsys.als_solve(recsys.als_normal('{1,0}', 1), recsys.gram('{1,0}'::float4[]), 0, 0); \echo :SQLSTATE
SELECT recsys.als_solve(recsys.als_normal('{1,0}', 1), recsys.gram('{1}'::float4[]), 1, 1); \echo :SQLSTATE
SELECT recsys.als_solve(recsys.gram('{1}'::float4[]), recsys.gram('{1}'::float4[]), 1, 1); \echo :SQLSTATE
SELECT recsys.als_solve(recsys.als_normal('{1}', 1), recsys.als_normal('{1}', 1), 1, 1); \echo :SQLSTATE
SELECT recsys.als_solve('\x', '\x01', 1, 1); \echo :SQLSTATE
SELECT recsys.als_solve(recsys.als_normal('{1}', 1), recsys.gram('{1}'::float4[]), -1, 1); \echo :SQLSTATE
SELECT recsys.als_solve(recsys.als_normal('{1}', 1), recsys.gram('{1}'::float4[]), 1, 'NaN'); \echo :SQLSTATE

-- the same bytes for any order and for any number of workers
CREATE TABLE als_many AS
SELECT n, ARRAY[sin(n), cos(n * n), 1e3 * sin(n * 7), 1e-3 * cos(n)]::float4[] AS v, (n % 13) / 7.0::float8 AS w
FROM generate_series(1, 20000) n;
ANALYZE als_many;
SELECT recsys.gram(v ORDER BY n) = recsys.gram(v ORDER BY md5(n::text)) AS gram,
	recsys.als_normal(v, w ORDER BY n) = recsys.als_normal(v, w ORDER BY md5(n::text)) AS normal
FROM als_many;
CREATE TABLE als_serial AS SELECT recsys.gram(v) AS g, recsys.als_normal(v, w) AS s FROM als_many;
ALTER TABLE als_many SET (parallel_workers = 3);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
EXPLAIN (COSTS OFF) SELECT recsys.gram(v), recsys.als_normal(v, w) FROM als_many;
SELECT recsys.gram(v) = (SELECT g FROM als_serial) AS gram, recsys.als_normal(v, w) = (SELECT s FROM als_serial) AS normal FROM als_many;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- three sweeps by SQL from where the engine stood after its first one end where
-- the engine stands after its fourth
SELECT FROM recsys.demo_shop('als_shop', users => 150, items => 80, interactions => 4000, dirt => 0);
SELECT recsys.create_recommender('als', 'als_shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.5}, "view": {"weight": 0.1}}', settings => '{"rules": {"bots": false}}');
\set settings '{"factors": 8, "solver": "exact", "alpha0": 0.3}'
SELECT recsys.create_policy('als', 'one', 'factors', :'settings'::jsonb || '{"sweeps": 1}'),
	recsys.create_policy('als', 'four', 'factors', :'settings'::jsonb || '{"sweeps": 4}');
SELECT recsys.train('als', 'one') AS one \gset
SELECT recsys.train('als', 'four') AS four \gset
SELECT settings ->> 'alpha0' AS alpha0, settings ->> 'lambda' AS lambda FROM recsys.policy WHERE recommender = 'als' AND policy = 'four' \gset
CREATE TABLE als_pair AS
SELECT user_id, item_id, max(weight) AS weight FROM als.interaction WHERE positive GROUP BY 1, 2;
CREATE TABLE als_user AS SELECT user_id, factor FROM als.user_factor WHERE model_id = :one;
CREATE TABLE als_item (item_id int, factor float4[]);
-- each half: the Gram matrix of the other side once, then GROUP BY
CREATE PROCEDURE als_sweeps(sweeps int, alpha0 float8, lambda float8) LANGUAGE plpgsql AS $$
BEGIN
	FOR sweep IN 1 .. sweeps LOOP
		TRUNCATE als_item;
		INSERT INTO als_item
		SELECT p.item_id, recsys.als_solve(recsys.als_normal(u.factor, p.weight), (SELECT recsys.gram(factor) FROM als_user), alpha0, lambda)
		FROM als_pair p JOIN als_user u USING (user_id) GROUP BY p.item_id;
		TRUNCATE als_user;
		INSERT INTO als_user
		SELECT p.user_id, recsys.als_solve(recsys.als_normal(i.factor, p.weight), (SELECT recsys.gram(factor) FROM als_item), alpha0, lambda)
		FROM als_pair p JOIN als_item i USING (item_id) GROUP BY p.user_id;
	END LOOP;
END $$;
CALL als_sweeps(3, :alpha0, :lambda);
SELECT count(*) = (SELECT count(*) FROM als_item) AS all_items, max(d) < 1e-4 AS equal
FROM als_item s JOIN als.item_factor e ON e.model_id = :four AND e.item_id = s.item_id,
	LATERAL (SELECT max(abs(a - b)) AS d FROM unnest(s.factor, e.factor) x (a, b)) x;
SELECT count(*) = (SELECT count(*) FROM als_user) AS all_users, max(d) < 1e-4 AS equal
FROM als_user s JOIN als.user_factor e ON e.model_id = :four AND e.user_id = s.user_id,
	LATERAL (SELECT max(abs(a - b)) AS d FROM unnest(s.factor, e.factor) x (a, b)) x;
-- and the objective is the engine's: observed pairs, all pairs, regularisation
SELECT abs(o.observed + :alpha0 * a.every + r.ridge - e.loss) / e.loss < 1e-5 AS equal
FROM (SELECT sum(p.weight * (1 - recsys.dot(u.factor, i.factor)) ^ 2) AS observed
		FROM als_pair p JOIN als_user u USING (user_id) JOIN als_item i USING (item_id)) o,
	(SELECT sum(recsys.dot(u.factor, i.factor) ^ 2) AS every FROM als_user u, als_item i) a,
	(SELECT sum(:lambda * (n + :alpha0 * others) * recsys.norm(factor) ^ 2) AS ridge FROM (
		SELECT u.factor, (SELECT count(*) FROM als_pair p WHERE p.user_id = u.user_id) AS n, (SELECT count(*) FROM als_item) AS others FROM als_user u
		UNION ALL
		SELECT i.factor, (SELECT count(*) FROM als_pair p WHERE p.item_id = i.item_id), (SELECT count(*) FROM als_user) FROM als_item i) x) r,
	(SELECT (parameters -> 'loss' ->> 3)::float8 AS loss FROM recsys.model WHERE model_id = :four) e;

-- four buckets of items as ordinary tables, with the factors of the users that
-- each touches: one repartitioning, then the same text on each
CREATE TABLE als_one AS
SELECT p.item_id, recsys.als_normal(u.factor, p.weight) AS state,
	recsys.als_solve(recsys.als_normal(u.factor, p.weight), (SELECT recsys.gram(factor) FROM als_user), :alpha0, :lambda) AS factor
FROM als_pair p JOIN als_user u USING (user_id) GROUP BY p.item_id;
CREATE TABLE als_gram AS SELECT recsys.gram(factor) AS gram FROM als_user;
CREATE TABLE als_four (LIKE als_one);
DO $$
BEGIN
	FOR b IN 0 .. 3 LOOP
		EXECUTE format('CREATE TABLE als_pair_%s AS SELECT * FROM als_pair WHERE item_id %% 4 = %1$s', b);
		EXECUTE format('CREATE TABLE als_user_%s AS SELECT * FROM als_user u WHERE EXISTS (SELECT FROM als_pair_%1$s p WHERE p.user_id = u.user_id)', b);
		EXECUTE format('INSERT INTO als_four SELECT p.item_id, recsys.als_normal(u.factor, p.weight), NULL
			FROM als_pair_%s p JOIN als_user_%1$s u USING (user_id) GROUP BY p.item_id', b);
	END LOOP;
END $$;
UPDATE als_four SET factor = recsys.als_solve(state, gram, :alpha0, :lambda) FROM als_gram;
SELECT count(*) = (SELECT count(DISTINCT item_id) FROM als_pair) AS all_items, bool_and(o.state = f.state) AS states, bool_and(o.factor::text = f.factor::text) AS factors,
	(SELECT count(*) FROM als_user) < (SELECT count(*) FROM (TABLE als_user_0 UNION ALL TABLE als_user_1 UNION ALL TABLE als_user_2 UNION ALL TABLE als_user_3) c) AS copied
FROM als_one o JOIN als_four f USING (item_id);
-- and buckets of users: an item's rows lie in all four, whose states are combined
CREATE TABLE als_parted (user_id int8, item_id int, weight float8, factor float4[]) PARTITION BY HASH (user_id);
SELECT format('CREATE TABLE als_parted_%s PARTITION OF als_parted FOR VALUES WITH (MODULUS 4, REMAINDER %1$s)', b) FROM generate_series(0, 3) b \gexec
INSERT INTO als_parted SELECT user_id, item_id, weight, factor FROM als_pair JOIN als_user USING (user_id);
ANALYZE als_parted;
SET enable_partitionwise_aggregate = on;
EXPLAIN (COSTS OFF) SELECT item_id, recsys.als_normal(factor, weight) FROM als_parted GROUP BY item_id;
SELECT count(*) = (SELECT count(*) FROM als_one) AS all_items, bool_and(o.state = f.state) AS states
FROM als_one o JOIN (SELECT item_id, recsys.als_normal(factor, weight) AS state FROM als_parted GROUP BY item_id) f USING (item_id);
RESET enable_partitionwise_aggregate;
-- a state survives being written down
SELECT bool_and(state::text::bytea = state) AS state,
	bool_and(recsys.als_solve(decode(encode(state, 'base64'), 'base64'), gram, :alpha0, :lambda)::text = factor::text) AS factor
FROM als_one, als_gram;
-- folding in is the same solve
SELECT recsys.als_solve(recsys.als_normal(i.factor, 1), (SELECT recsys.gram(factor) FROM als_item), :alpha0, :lambda) IS NOT NULL AS folded_in
FROM als_item i WHERE item_id IN (1, 2, 3);

SELECT recsys.drop_recommender('als');
DROP SCHEMA als_shop CASCADE;
DROP PROCEDURE als_sweeps;
DROP TABLE als_row, als_many, als_serial, als_pair, als_user, als_item, als_one, als_gram, als_four, als_parted,
	als_pair_0, als_pair_1, als_pair_2, als_pair_3, als_user_0, als_user_1, als_user_2, als_user_3;
