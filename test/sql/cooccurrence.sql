-- item neighbours: each similarity against its formula in SQL, capped
-- histories, and the aggregates that give the same neighbours by SQL
\set SHOW_CONTEXT never
SET client_min_messages = warning;

SELECT FROM recsys.demo_shop('cooc_shop', users => 150, items => 80, interactions => 4000, dirt => 0);
SELECT recsys.create_recommender('cooc', 'cooc_shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.5}, "view": {"weight": 0.1}}', settings => '{"rules": {"bots": false}}');
CREATE TABLE cooc_pair AS
SELECT user_id, item_id, max(weight) AS weight FROM cooc.interaction WHERE positive GROUP BY 1, 2;

-- ---- similarities ----
CREATE FUNCTION cooc_klogk(k float8) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN CASE WHEN k > 0 THEN k * ln(k) ELSE 0 END;
-- votes, m, n and N as in src/kernel/cooccurrence.h; alpha is of the walks
CREATE FUNCTION cooc_formula(similarity text, n float8, votes float8, mi float8, mj float8, every float8, beta float8, alpha float8) RETURNS float8
LANGUAGE sql IMMUTABLE RETURN CASE similarity
	WHEN 'cosine' THEN votes / sqrt(mi * mj)
	WHEN 'conditional' THEN votes / mi
	WHEN 'lift' THEN every * votes / (mi * mj)
	WHEN 'jaccard' THEN n / (mi + mj - n)
	WHEN 'llr' THEN CASE WHEN n * every > mi * mj THEN 2 * (
		(cooc_klogk(every) - cooc_klogk(mi) - cooc_klogk(every - mi)) + (cooc_klogk(every) - cooc_klogk(mj) - cooc_klogk(every - mj))
		- (cooc_klogk(every) - cooc_klogk(n) - cooc_klogk(mi - n) - cooc_klogk(mj - n) - cooc_klogk(every - mi - mj + n))) END
	WHEN 'p3alpha' THEN votes / mi ^ alpha
	WHEN 'rp3beta' THEN votes / mi ^ alpha / mj ^ beta
	END;
CREATE FUNCTION cooc_expected(similarity text, by_weight boolean, shrinkage float8, alpha float8, beta float8)
RETURNS TABLE (item_id int, neighbor_id int, users_both int8, similarity float8) LANGUAGE sql
BEGIN ATOMIC
	WITH n AS (SELECT user_id, count(*) AS n FROM cooc_pair GROUP BY 1),
		m AS (SELECT item_id, count(*) AS m FROM cooc_pair GROUP BY 1),
		c AS (
			SELECT a.item_id AS i, b.item_id AS j, count(*) AS common,
				sum(CASE WHEN by_weight THEN a.weight * b.weight ELSE 1 END
					* CASE WHEN $1 IN ('p3alpha', 'rp3beta') THEN n.n ^ -alpha ELSE 1 END) AS votes
			FROM cooc_pair a JOIN cooc_pair b ON a.user_id = b.user_id AND a.item_id <> b.item_id JOIN n ON n.user_id = a.user_id
			GROUP BY 1, 2)
	SELECT i, j, common, common / (common + shrinkage) * cooc_formula($1, common, votes, mi.m, mj.m, (SELECT count(*) FROM n), beta, alpha)
	FROM c JOIN m mi ON mi.item_id = i JOIN m mj ON mj.item_id = j;
END;
-- a policy and a model for each, with and without shrinkage, votes by weight
CREATE TABLE cooc_model AS
SELECT similarity || CASE WHEN shrinkage > 0 THEN '_shrunk' ELSE '' END || CASE WHEN by_weight THEN '_weighted' ELSE '' END AS policy,
	similarity, by_weight, shrinkage, 1.3::float8 AS alpha, 0.6::float8 AS beta, NULL::int8 AS model_id
FROM unnest('{cosine,conditional,lift,jaccard,llr,p3alpha,rp3beta}'::text[]) similarity, unnest('{0,4.5}'::float8[]) shrinkage,
	unnest('{false,true}'::boolean[]) by_weight
WHERE NOT (by_weight AND similarity IN ('jaccard', 'llr'));
SELECT sum(recsys.create_policy('cooc', policy, 'item_item', jsonb_build_object('similarity', similarity, 'shrinkage', shrinkage)
	|| CASE WHEN by_weight THEN '{"votes": "weight"}' ELSE '{}' END::jsonb
	|| CASE WHEN similarity ~ 'p3' THEN jsonb_build_object('alpha', alpha) ELSE '{}' END
	|| CASE WHEN similarity = 'rp3beta' THEN jsonb_build_object('beta', beta) ELSE '{}' END)) AS versions FROM cooc_model;
UPDATE cooc_model SET model_id = recsys.train('cooc', policy);
SELECT policy, count(*) > 2000 AS many, count(*) FILTER (WHERE n.users_both IS DISTINCT FROM e.users_both
		OR abs(n.similarity - e.similarity) > 1e-6 * e.similarity + 1e-9) AS wrong,
	round(max(n.similarity)::numeric, 3) AS largest
FROM cooc_model c CROSS JOIN LATERAL cooc_expected(similarity, by_weight, shrinkage, alpha, beta) e
	FULL JOIN (SELECT * FROM cooc.item_neighbor WHERE model_id IN (SELECT model_id FROM cooc_model)) n USING (model_id, item_id, neighbor_id)
WHERE e.similarity > 1e-8 OR n.similarity IS NOT NULL
GROUP BY policy ORDER BY policy;
-- best first, ties by item
SELECT count(*) AS out_of_order FROM (
	SELECT rank, row_number() OVER (PARTITION BY model_id, item_id ORDER BY similarity DESC, neighbor_id) AS place FROM cooc.item_neighbor) x
WHERE rank <> place;

-- the default is the general form
SELECT recsys.create_policy('cooc', 'exponents', 'item_item', '{"activity": 0}');
SELECT recsys.train('cooc', 'exponents') AS general \gset
SELECT count(*) AS differ FROM (SELECT * FROM cooc.item_neighbor WHERE model_id = :general) g
	FULL JOIN (SELECT * FROM cooc.item_neighbor WHERE model_id = (SELECT model_id FROM cooc_model WHERE policy = 'cosine')) c USING (item_id, neighbor_id)
WHERE (g.users_both, g.similarity) IS DISTINCT FROM (c.users_both, c.similarity);
-- also where its settings are older than the similarities
UPDATE recsys.policy SET settings = settings - '{similarity,votes,history_cap}'::text[] WHERE recommender = 'cooc' AND policy = 'exponents';
SELECT recsys.train('cooc', 'exponents') AS older \gset
SELECT count(*) AS differ FROM (SELECT * FROM cooc.item_neighbor WHERE model_id = :general) g
	FULL JOIN (SELECT * FROM cooc.item_neighbor WHERE model_id = :older) o USING (item_id, neighbor_id)
WHERE (g.users_both, g.similarity) IS DISTINCT FROM (o.users_both, o.similarity);

-- ---- settings: what holds for a similarity is kept, what does not is refused ----
SELECT policy, settings FROM recsys.policy WHERE recommender = 'cooc' AND policy IN ('cosine', 'llr', 'p3alpha', 'rp3beta_weighted', 'item_item') ORDER BY policy;
SELECT recsys.create_policy('cooc', 'x', 'item_item', '{"similarity": "pearson"}'); \echo :SQLSTATE
SELECT recsys.create_policy('cooc', 'x', 'item_item', '{"similarity": "cosine", "activity": 0}'); \echo :SQLSTATE
SELECT recsys.create_policy('cooc', 'x', 'funnel', '{"similarity": "p3alpha", "beta": 0.5}'); \echo :SQLSTATE
SELECT recsys.create_policy('cooc', 'x', 'item_item', '{"alpha": 0.5}'); \echo :SQLSTATE
SELECT recsys.create_policy('cooc', 'x', 'item_item', '{"similarity": "llr", "votes": "weight"}'); \echo :SQLSTATE
SELECT recsys.create_policy('cooc', 'x', 'item_item', '{"votes": "two"}'); \echo :SQLSTATE
SELECT recsys.create_policy('cooc', 'x', 'item_item', '{"history_cap": 0}'); \echo :SQLSTATE
SELECT recsys.create_policy('cooc', 'x', 'item_item', '{"similarity": "rp3beta", "beta": 11}'); \echo :SQLSTATE
SELECT recsys.create_policy('cooc', 'x', 'factors', '{"similarity": "cosine"}'); \echo :SQLSTATE
-- another similarity starts with its own settings and keeps what it shares
SELECT recsys.create_policy('cooc', 'altered', 'item_item', '{"activity": 0.5, "shrinkage": 2}');
SELECT recsys.alter_policy('cooc', 'altered', '{"similarity": "rp3beta", "alpha": 0.9}');
SELECT recsys.alter_policy('cooc', 'altered', '{"similarity": "p3alpha"}');
SELECT recsys.alter_policy('cooc', 'altered', '{"activity": 1}'); \echo :SQLSTATE
SELECT recsys.alter_policy('cooc', 'altered', '{"similarity": "pearson"}'); \echo :SQLSTATE
SELECT version, settings FROM recsys.policy WHERE recommender = 'cooc' AND policy = 'altered' ORDER BY version;

-- ---- capped histories ----
SELECT recsys.create_policy('cooc', 'capped', 'item_item', '{"history_cap": 10}');
SELECT recsys.train('cooc', 'capped') AS capped, recsys.train('cooc', 'capped') AS again \gset
-- each user of n items has min(n, cap) (min(n, cap) - 1) ordered pairs; the model row says how many were cut
SELECT parameters -> 'history_cap' AS history_cap, (parameters ->> 'users_cut')::int8 = cut AS users_cut, cut > 50 AS many,
	(SELECT sum(users_both) FROM cooc.item_neighbor WHERE model_id = :capped) = pairs AS pairs
FROM recsys.model, (SELECT count(*) FILTER (WHERE n > 10) AS cut, sum(least(n, 10) * (least(n, 10) - 1)) AS pairs
	FROM (SELECT count(*) AS n FROM cooc_pair GROUP BY user_id) u) x
WHERE model_id = :capped;
SELECT count(*) AS differ FROM (SELECT * FROM cooc.item_neighbor WHERE model_id = :capped) a
	FULL JOIN (SELECT * FROM cooc.item_neighbor WHERE model_id = :again) b USING (item_id, neighbor_id)
WHERE (a.users_both, a.similarity) IS DISTINCT FROM (b.users_both, b.similarity);
SELECT parameters -> 'users_cut' AS users_cut FROM recsys.model WHERE model_id = :general;

-- ---- the same neighbours by SQL ----
CREATE TABLE cooc_list AS SELECT user_id, array_agg(item_id) AS items FROM cooc_pair GROUP BY 1;
-- items and counts of item_neighbor, ties at the end aside
CREATE TABLE cooc_top AS
SELECT p.item_id, recsys.cooccurrence_top(l.items, p.item_id, 80) AS items, recsys.cooccurrence_counts(l.items, p.item_id, 80) AS counts,
	recsys.cooccurrence_top(l.items, p.item_id, 5) AS five
FROM cooc_pair p JOIN cooc_list l USING (user_id) GROUP BY p.item_id;
SELECT count(*) > 2000 AS many, count(*) FILTER (WHERE n.users_both IS DISTINCT FROM t.users_both) AS wrong
FROM (SELECT item_id, neighbor_id, users_both FROM cooc_top, unnest(items, counts) x (neighbor_id, users_both)) t
	FULL JOIN (SELECT * FROM cooc.item_neighbor WHERE model_id = :general) n USING (item_id, neighbor_id);
SELECT count(*) > 50 AS many, count(*) FILTER (WHERE five <> (
		SELECT array_agg(j ORDER BY users_both DESC, j) FROM (
			SELECT j, users_both FROM unnest(items, counts) x (j, users_both) ORDER BY users_both DESC, j LIMIT 5) y)) AS wrong
FROM cooc_top;
DROP TABLE cooc_top;

-- by hand: 1 with 2 three times, with 3 and 4 once; ties by bytes, -1 after 4
CREATE TABLE cooc_hand (items int[]);
INSERT INTO cooc_hand VALUES ('{1,2,3}'), ('{2,1}'), ('{4,2,1,-1}'), ('{1}'), ('{}');
SELECT k, recsys.cooccurrence_top(items, 1, k) AS items, recsys.cooccurrence_counts(items, 1, k) AS counts
FROM cooc_hand, unnest('{1,2,10}'::int[]) k GROUP BY k ORDER BY k;
-- a list need not hold self, whom a cap may have cut
SELECT recsys.cooccurrence_top(items, 7, 2) AS items, recsys.cooccurrence_counts(items, 7, 2) AS counts FROM cooc_hand;
-- other types, among them one whose bytes its own send function makes
SELECT recsys.cooccurrence_top(items::int8[], 1::int8, 9) AS int8, recsys.cooccurrence_top(items::text[], '1'::text, 9) AS text,
	recsys.cooccurrence_top(items::numeric[], 1::numeric, 9) AS numeric, recsys.cooccurrence_top(items::varchar[], '1'::varchar, 9) AS varchar,
	recsys.cooccurrence_counts(items::numeric[], 1::numeric, 9) AS counts
FROM cooc_hand;
SELECT recsys.cooccurrence_top(ARRAY[md5('a')::uuid, md5('b')::uuid], md5('a')::uuid, 2) = ARRAY[md5('b')::uuid] AS uuid,
	recsys.cooccurrence_top(ARRAY['ä', 'b', '', 'more than eight bytes', 'more than eight bytez'], 'b', 9) AS text;
SELECT recsys.cooccurrence_top(items, 1, 2) FROM cooc_hand \gdesc
-- rows with a NULL are left out; no lists, no result
SELECT recsys.cooccurrence_top(items, self, 9) AS items, recsys.cooccurrence_counts(items, self, 9) AS counts
FROM (SELECT items, 1 AS self FROM cooc_hand UNION ALL VALUES (NULL::int[], 1), ('{5,6}', NULL)) x;
SELECT recsys.cooccurrence_top(NULL::int[], 1, 9) AS items, recsys.cooccurrence_counts(NULL::int[], 1, 9) AS counts;
SELECT recsys.cooccurrence_top(items, 1, 9) IS NULL AS items, recsys.cooccurrence_counts(items, 1, 9) IS NULL AS counts FROM cooc_hand WHERE false;
-- as a window function the state is finished again and again
SELECT items, recsys.cooccurrence_top(items, 1, 9) OVER (ORDER BY items) FROM cooc_hand ORDER BY items;
-- what they refuse
SELECT recsys.cooccurrence_top('{1,2,1}'::int[], 5, 3); \echo :SQLSTATE
SELECT recsys.cooccurrence_top('{1,NULL}'::int[], 1, 3); \echo :SQLSTATE
SELECT recsys.cooccurrence_top('{{1,2}}'::int[], 1, 3); \echo :SQLSTATE
SELECT recsys.cooccurrence_top(items, 1, 0) FROM cooc_hand; \echo :SQLSTATE
SELECT recsys.cooccurrence_top(items, 1, NULL) FROM cooc_hand; \echo :SQLSTATE
SELECT recsys.cooccurrence_top(items, 1, 1 + cardinality(items)) FROM cooc_hand; \echo :SQLSTATE
SELECT recsys.cooccurrence_top(items, cardinality(items), 3) FROM cooc_hand; \echo :SQLSTATE
SELECT recsys.cooccurrence_top(ARRAY['=r/postgres'::aclitem], '=r/postgres'::aclitem, 1); \echo :SQLSTATE

-- four buckets of users: an item's lists lie in all four, whose states are combined
CREATE TABLE cooc_parted (user_id int8, item_id int, items int[]) PARTITION BY HASH (user_id);
SELECT format('CREATE TABLE cooc_parted_%s PARTITION OF cooc_parted FOR VALUES WITH (MODULUS 4, REMAINDER %1$s)', b) FROM generate_series(0, 3) b \gexec
INSERT INTO cooc_parted SELECT user_id, item_id, items FROM cooc_pair JOIN cooc_list USING (user_id);
ANALYZE cooc_parted;
SET enable_partitionwise_aggregate = on;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT item_id, recsys.cooccurrence_top(items, item_id, 20) FROM cooc_parted GROUP BY item_id;
SELECT count(*) > 50 AS many, bool_and(a.items = b.items) AS items, bool_and(a.counts = b.counts) AS counts
FROM (SELECT item_id, recsys.cooccurrence_top(items, item_id, 20) AS items, recsys.cooccurrence_counts(items, item_id, 20) AS counts
		FROM cooc_parted GROUP BY item_id) a
	JOIN (SELECT item_id, recsys.cooccurrence_top(items, item_id, 20) AS items, recsys.cooccurrence_counts(items, item_id, 20) AS counts
		FROM cooc_pair JOIN cooc_list USING (user_id) GROUP BY item_id) b USING (item_id);
RESET enable_partitionwise_aggregate;
RESET enable_sort;

-- parallel: workers' states are serialized, sent and combined
CREATE TABLE cooc_large AS
SELECT n % 7 AS self, ARRAY(SELECT DISTINCT (n * i * i) % 97 FROM generate_series(1, 12) i ORDER BY 1) AS items,
	ARRAY(SELECT DISTINCT 'item number ' || (n * i * i) % 97 FROM generate_series(1, 12) i ORDER BY 1) AS names
FROM generate_series(1, 6000) n;
ALTER TABLE cooc_large SET (parallel_workers = 2);
ANALYZE cooc_large;
CREATE VIEW cooc_answer AS
SELECT self, recsys.cooccurrence_top(items, self, 20) AS items, recsys.cooccurrence_counts(items, self, 20) AS counts,
	recsys.cooccurrence_top(names, 'item number ' || self, 30) AS names, recsys.cooccurrence_top(NULL::int[], self, 1) AS none
FROM cooc_large GROUP BY self;
CREATE TABLE cooc_serial AS SELECT * FROM cooc_answer;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT self, recsys.cooccurrence_top(items, self, 20) FROM cooc_large GROUP BY self;
SET parallel_leader_participation = off;
CREATE TABLE cooc_workers AS SELECT * FROM cooc_answer;
RESET parallel_leader_participation;
CREATE TABLE cooc_both AS SELECT * FROM cooc_answer;
SELECT count(*) AS groups, bool_and(s = w) AS workers, bool_and(s = b) AS workers_and_leader, bool_and(s.counts[1] > 100 AND s.none = '{}') AS filled
FROM cooc_serial s JOIN cooc_workers w USING (self) JOIN cooc_both b USING (self);
-- no rows for one worker, or for any; another self or k in each worker is refused as in one
SELECT recsys.cooccurrence_top(items, self, 2) IS NOT NULL AS found FROM cooc_large WHERE items = (SELECT max(items) FROM cooc_large) AND self = 1;
SELECT recsys.cooccurrence_top(items, self, 2) FROM cooc_large WHERE self < 0;
\set VERBOSITY sqlstate
SELECT recsys.cooccurrence_top(items, self, 2) FROM cooc_large;
SELECT recsys.cooccurrence_top(items, 1, 1 + self) FROM cooc_large;
\set VERBOSITY default
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET enable_sort;

SELECT recsys.drop_recommender('cooc');
DROP SCHEMA cooc_shop CASCADE;
DROP VIEW cooc_answer;
DROP FUNCTION cooc_expected, cooc_formula, cooc_klogk;
DROP TABLE cooc_pair, cooc_model, cooc_list, cooc_hand, cooc_parted, cooc_large, cooc_serial, cooc_workers, cooc_both;
