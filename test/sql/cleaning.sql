-- cleaning: returns, rare users and items, what fades with time, ids of all
-- kinds; each checked against SQL that says the same in another way
SET client_min_messages = warning;
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE SCHEMA clean;

-- pairs of the latest model: users of each item, and the checksum of all weights
CREATE FUNCTION clean.latest(recommender name, OUT users int8, OUT items int8, OUT pairs int8, OUT checksum text) LANGUAGE sql AS $$
	SELECT m.users, m.items, m.interactions, m.data_checksum FROM recsys.model m WHERE m.recommender = $1 ORDER BY m.model_id DESC LIMIT 1
$$;

--
-- returns, by hand
--
CREATE TABLE clean.log (u int, i text, qty numeric, at timestamptz);
CREATE INDEX ON clean.log (u, at);
CREATE INDEX ON clean.log (i, at);
INSERT INTO clean.log VALUES
	(1, 'cup', 2, '2025-01-01'), (1, 'cup', -2, '2025-01-03'),			-- all of it back
	(1, 'pot', 3, '2025-01-01'), (1, 'pot', -1, '2025-01-02'),			-- 2 left
	(1, 'jug', 1, '2025-01-01'), (1, 'jug', 1, '2025-01-02'), (1, 'jug', -1, '2025-01-04'),	-- the first one left
	(1, 'bag', -1, '2025-01-01'), (1, 'bag', 1, '2025-01-02'),			-- nothing to take back
	(1, 'mat', -1, '2025-01-05'), (1, 'mat', 1, '2025-01-05'),			-- at one time: bought first
	(1, 'tin', 0, '2025-01-01'),
	(2, 'cup', 1, '2025-01-01'), (2, 'pot', 1, '2025-01-01'), (3, 'cup', 1, '2025-01-02'), (3, 'tin', 1, '2025-01-01');
-- dropped, as ever
SELECT recsys.create_recommender('clean_r', 'clean.log', 'u', 'i', 'at', 'qty', weight_rule => 'value', merge => 'sum');
SELECT count(*), min(value) FROM clean_r.interaction;
-- netted
SELECT recsys.alter_recommender('clean_r', settings => '{"returns": "net"}');
SELECT user_id, item_id, value, weight, positive, owned FROM clean_r.interaction WHERE value < 0 ORDER BY interacted_at, item_id;
SELECT rule, rows_in, rows_dropped, users_touched, items_touched, note FROM recsys.quality_report('clean_r')
WHERE rule IN ('value_not_positive', 'returns', 'repeats') OR rule LIKE 'kept: owned%';
SELECT recsys.train('clean_r', 'popularity') AS model \gset
SELECT item_id, users FROM clean_r.popularity WHERE model_id = :model ORDER BY item_id;
-- before anything was returned
SELECT recsys.train('clean_r', 'popularity', cutoff => '2025-01-02') AS model \gset
SELECT item_id, users FROM clean_r.popularity WHERE model_id = :model ORDER BY item_id;
-- what was taken back wholly is listed again, what is left is owned, at any instant
CALL recsys.retrain('clean_r', 'popularity', evaluate => false);
SELECT string_agg(item_id, ' ' ORDER BY item_id) AS now FROM clean_r.recommend(1, policy => 'popularity');
SELECT string_agg(item_id, ' ' ORDER BY item_id) AS the_day_before FROM clean_r.recommend(1, policy => 'popularity', as_of => '2025-01-02 12:00');
-- the same where the history is longer than what is read of it: the purchases
-- that were taken back lie before the 5 newest rows
SELECT recsys.alter_recommender('clean_r', settings => '{"history_limit": 1}');
INSERT INTO clean.log SELECT 1, 'sack', 1, timestamptz '2025-01-02 13:00' + n * interval '1 minute' FROM generate_series(1, 20) n;
INSERT INTO clean.log VALUES (1, 'pot', -1, '2025-01-06');
SELECT string_agg(item_id, ' ' ORDER BY item_id) AS one_left FROM clean_r.recommend(1, policy => 'popularity');
INSERT INTO clean.log VALUES (1, 'pot', -1, '2025-01-07');
SELECT string_agg(item_id, ' ' ORDER BY item_id) AS none_left FROM clean_r.recommend(1, policy => 'popularity');
SELECT string_agg(item_id, ' ' ORDER BY item_id) AS the_day_before FROM clean_r.recommend(1, policy => 'popularity', as_of => '2025-01-06 12:00');
SELECT recsys.alter_recommender('clean_r', settings => '{"history_limit": 200}');

--
-- returns, at random: the matrix is that of a table which holds what stands.
-- With p the sum of an item's quantities so far, that is p less the least of 0
-- and the p so far; weights are whole numbers, so that sums are exact
--
TRUNCATE clean.log;
INSERT INTO clean.log
SELECT hashint4(n) & 31, 'item ' || (hashint4(n + 7000000) & 15), (ARRAY[1, 2, 3, -1, -2])[1 + (hashint4(n + 14000000) & 1048575) % 5],
	timestamptz '2025-01-01' + n * interval '1 minute'
FROM generate_series(1, 3000) n;
CREATE TABLE clean.stands (u int, i text, qty int8, at timestamptz);
CREATE FUNCTION clean.net(until timestamptz) RETURNS void LANGUAGE sql AS $$
	DELETE FROM clean.stands;
	INSERT INTO clean.stands
	SELECT DISTINCT ON (u, i) u, i, p - least(0, least_p), at
	FROM (SELECT s.*, min(p) OVER (PARTITION BY u, i ORDER BY at) AS least_p
		FROM (SELECT l.*, sum(qty) OVER (PARTITION BY u, i ORDER BY at) AS p FROM clean.log l WHERE at < until) s) s
	ORDER BY u, i, at DESC
$$;
SELECT recsys.create_recommender('clean_s', 'clean.stands', 'u', 'i', 'at', 'qty', weight_rule => 'value', merge => 'sum');
SELECT d, recsys.train('clean_r', 'popularity', cutoff => d) AS netted, clean.net(d), recsys.train('clean_s', 'popularity') AS stands
FROM unnest('{2025-01-01 03:00, 2025-01-01 12:00, 2025-01-02 06:00}'::timestamptz[]) d \g /dev/null
SELECT n.users, n.interactions > 50 AS many, n.interactions = s.interactions AS same_pairs, n.data_checksum = s.data_checksum AS same_weights
FROM (SELECT m.*, row_number() OVER (ORDER BY model_id) AS k FROM recsys.model m WHERE recommender = 'clean_r') n
	JOIN (SELECT m.*, row_number() OVER (ORDER BY model_id) AS k FROM recsys.model m WHERE recommender = 'clean_s') s
	ON n.k - (SELECT count(*) - 3 FROM recsys.model WHERE recommender = 'clean_r') = s.k
ORDER BY s.k;
-- the report's figures
SELECT clean.net('infinity');
SELECT q.note = format('they took back a quantity of %s; %s found nothing to take back', bought - standing, q.vain) AS right_sum
FROM (SELECT note, substring(note from '; (\d+)') AS vain FROM recsys.quality_report('clean_r') WHERE rule = 'returns') q,
	(SELECT sum(qty) AS bought FROM clean.log WHERE qty > 0) b,
	(SELECT sum(qty) AS standing FROM clean.stands) s;
-- rows in another order, and by index
CREATE TABLE clean.shuffled AS SELECT * FROM clean.log ORDER BY md5(log::text);
SELECT recsys.train('clean_r', 'popularity') \g /dev/null
SELECT checksum AS sorted FROM clean.latest('clean_r') \gset
SELECT recsys.alter_recommender('clean_r', source => 'clean.shuffled');
SELECT recsys.train('clean_r', 'popularity') \g /dev/null
SELECT checksum = :'sorted' AS same FROM clean.latest('clean_r');
SELECT recsys.alter_recommender('clean_r', source => 'clean.log');
-- serving sees what training sees: every list is of what does not stand
CALL recsys.retrain('clean_r', 'popularity', evaluate => false);
SELECT count(*) AS users, count(*) FILTER (WHERE listed IS DISTINCT FROM wanted) AS wrong
FROM (SELECT u, (SELECT string_agg(item_id, ',' ORDER BY item_id) FROM clean_r.recommend(u, k => 100, policy => 'popularity')) AS listed,
	(SELECT string_agg(item_id, ',' ORDER BY item_id) FROM clean_r.popularity p JOIN recsys.recommender r ON true
	 WHERE r.recommender = 'clean_r' AND p.model_id = (SELECT max(model_id) FROM clean_r.popularity)
	 AND NOT EXISTS (SELECT FROM clean.stands s WHERE s.u = x.u AND s.i = p.item_id AND s.qty > 0)) AS wanted
	FROM generate_series(0, 31) x (u)) l;
-- and so where the newest rows alone do not tell
SELECT recsys.alter_recommender('clean_r', settings => '{"history_limit": 2}');
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM clean_r.recommend(u, k => 100, policy => 'popularity') l
	JOIN clean.stands s ON s.u = x.u AND s.i = l.item_id AND s.qty > 0)) AS owned_listed
FROM generate_series(0, 31) x (u);
-- the whole loop
CALL recsys.retrain('clean_r');
SELECT count(*) > 0 AS evaluated, bool_and(value BETWEEN 0 AND 1e9) AS sane FROM recsys.evaluation WHERE recommender = 'clean_r';

-- by event type: the value of a return is a quantity whatever its sign
CREATE TABLE clean.act (u int, i int, kind text, qty int, at timestamptz);
INSERT INTO clean.act VALUES (1, 1, 'buy', 2, '2025-01-01'), (1, 1, 'refund', 2, '2025-01-02'), (1, 2, 'buy', 2, '2025-01-01'),
	(1, 2, 'refund', -1, '2025-01-02'), (1, 3, 'buy', 1, '2025-01-01'), (1, 3, 'refund', NULL, '2025-01-02'),
	(1, 4, 'view', NULL, '2025-01-01'), (1, 4, 'buy', 1, '2025-01-02'), (1, 4, 'refund', 1, '2025-01-03'), (1, 5, 'buy', -1, '2025-01-01'), (2, 5, 'buy', 1, '2025-01-01');
SELECT recsys.create_recommender('clean_e', 'clean.act', 'u', 'i', 'at', 'qty', 'kind', settings => '{"returns": "net"}',
	positives => '{"buy": {"weight": 1}, "view": {"weight": 0.1}, "refund": {"return": true}}');
SELECT item_id, event, value, weight, positive, owned FROM clean_e.interaction ORDER BY user_id, item_id, interacted_at;
SELECT recsys.train('clean_e', 'popularity') AS model \gset
SELECT item_id, users FROM clean_e.popularity WHERE model_id = :model ORDER BY item_id;
SELECT recsys.drop_recommender(r) FROM unnest('{clean_e,clean_s}'::name[]) r;

-- what cannot be
SELECT recsys.alter_recommender('clean_r', settings => '{"returns": "keep"}');
SELECT recsys.alter_recommender('clean_r', unset => '{value_column}', weight_rule => 'one');
SELECT recsys.alter_recommender('clean_r', feedback => 'explicit', min_value => 1);
SELECT recsys.create_recommender('clean_x', 'clean.act', 'u', 'i', 'at', 'qty', 'kind', positives => '{"buy": {}, "refund": {"return": true}}');
SELECT recsys.create_recommender('clean_x', 'clean.act', 'u', 'i', 'at', 'qty', 'kind', settings => '{"returns": "net"}',
	positives => '{"buy": {}, "refund": {"return": true, "weight": 2}}');
SELECT recsys.create_recommender('clean_x', 'clean.act', 'u', 'i', 'at', 'qty', 'kind', settings => '{"returns": "net"}',
	positives => '{"buy": {"min_value": 2}, "refund": {"return": true}}');
SELECT recsys.create_recommender('clean_x', 'clean.act', 'u', 'i', 'at', 'qty', 'kind', settings => '{"returns": "net"}',
	positives => '{"refund": {"return": true}}');

--
-- rare users and items: what is left has enough of each other
--
CREATE TABLE clean.pair (u int, i int, at timestamptz);
INSERT INTO clean.pair SELECT u, i, timestamptz '2025-01-01' + (hashint4(u * 1000 + i) & 1023) * interval '1 hour'
FROM generate_series(1, 60) u, generate_series(1, 60) i WHERE (hashint4(u * 1000 + i) & 1048575) % (u + i) < 9;
SELECT recsys.create_recommender('clean_k', 'clean.pair', 'u', 'i', 'at', settings => '{"min_user_interactions": 5, "min_item_interactions": 4}');
CREATE TABLE clean.core AS TABLE clean.pair;
DO $$
DECLARE n int8; gone int8;
BEGIN
	LOOP
		DELETE FROM clean.core c WHERE (SELECT count(*) FROM clean.core x WHERE x.u = c.u) < 5;
		GET DIAGNOSTICS n = ROW_COUNT;
		DELETE FROM clean.core c WHERE (SELECT count(*) FROM clean.core x WHERE x.i = c.i) < 4;
		GET DIAGNOSTICS gone = ROW_COUNT;
		EXIT WHEN n + gone = 0;
	END LOOP;
END $$;
SELECT recsys.train('clean_k') AS model \gset
SELECT c.users < 60 AND c.users > 10 AS some, c.users = m.users AS users, c.items = m.items AS items, c.pairs = m.pairs AS pairs
FROM (SELECT count(DISTINCT u) AS users, count(DISTINCT i) AS items, count(*) AS pairs FROM clean.core) c, clean.latest('clean_k') m;
SELECT count(*) AS different FROM (SELECT i, count(*) AS n FROM clean.core GROUP BY i) c
	FULL JOIN (SELECT * FROM clean_k.popularity WHERE model_id = :model) p ON p.item_id = c.i WHERE c.n IS DISTINCT FROM p.users;
SELECT count(*) AS different FROM (SELECT u, count(*) AS n FROM clean.core GROUP BY u) c
	FULL JOIN (SELECT * FROM clean_k.user_factor WHERE model_id = :model) p ON p.user_id = c.u WHERE c.n IS DISTINCT FROM p.interactions;
-- the model is that of the core alone, and who is not in it gets a list
SELECT checksum AS core FROM clean.latest('clean_k') \gset
SELECT recsys.alter_recommender('clean_k', source => 'clean.core', settings => '{"min_user_interactions": 1, "min_item_interactions": 1}');
SELECT recsys.train('clean_k') \g /dev/null
SELECT checksum = :'core' AS same FROM clean.latest('clean_k');
SELECT recsys.alter_recommender('clean_k', source => 'clean.pair', settings => '{"min_user_interactions": 5, "min_item_interactions": 4}');
CALL recsys.retrain('clean_k');
SELECT count(*) AS listed FROM clean_k.recommend((SELECT min(u) FROM clean.pair WHERE u NOT IN (SELECT u FROM clean.core)), k => 3);
-- nothing is that frequent
SELECT recsys.alter_recommender('clean_k', settings => '{"min_user_interactions": 1000}');
SELECT recsys.train('clean_k');
SELECT recsys.alter_recommender('clean_k', settings => '{"min_user_interactions": 0}');
SELECT recsys.alter_recommender('clean_k', settings => '{"min_user_interactions": 1, "min_item_interactions": 1}');

--
-- popularity fades: 0.5^(age / half-life) for each user, from the newest event
-- or the cutoff; the count of users stays
--
SELECT recsys.alter_recommender('clean_k', settings => '{"popularity_half_life": "36 hours"}');
CREATE FUNCTION clean.fading(model int8, until timestamptz, as_of timestamptz, OUT items int8, OUT wrong_users int8, OUT wrong_scores int8, OUT wrong_ranks int8)
LANGUAGE sql AS $$
	WITH wanted AS (
		SELECT i, count(*) AS users, sum(0.5 ^ (extract(epoch FROM as_of - at) / (36 * 3600))) AS recency
		FROM clean.pair WHERE at < until GROUP BY i
	), ranked AS (
		SELECT w.*, recency / max(recency) OVER () AS score, row_number() OVER (ORDER BY round(recency::numeric, 12) DESC, i) AS rank FROM wanted w
	)
	SELECT count(*), count(*) FILTER (WHERE p.users IS DISTINCT FROM r.users),
		count(*) FILTER (WHERE NOT coalesce(abs(p.score - r.score) < 1e-6, false)), count(*) FILTER (WHERE p.rank IS DISTINCT FROM r.rank)
	FROM ranked r FULL JOIN (SELECT * FROM clean_k.popularity WHERE model_id = model) p ON p.item_id = r.i
$$;
SELECT recsys.train('clean_k', 'popularity') AS model \gset
SELECT * FROM clean.fading(:model, 'infinity', (SELECT max(at) FROM clean.pair));
SELECT recsys.train('clean_k', 'popularity', cutoff => '2025-01-20') AS model \gset
SELECT * FROM clean.fading(:model, '2025-01-20', '2025-01-20');

--
-- weights fade: the model is that of a table with the faded weights
--
SELECT recsys.alter_recommender('clean_k', settings => '{"popularity_half_life": null, "weight_half_life": "10 days"}');
SELECT recsys.train('clean_k', 'factors') AS faded \gset
CREATE TABLE clean.faded AS
	SELECT u, i, at, 0.5 ^ (extract(epoch FROM (SELECT max(at) FROM clean.pair) - at) / (10 * 86400))::float8 AS w FROM clean.pair;
SELECT recsys.create_recommender('clean_f', 'clean.faded', 'u', 'i', 'at', 'w', weight_rule => 'value');
SELECT recsys.train('clean_f', 'factors') AS wanted \gset
SELECT count(*) AS items, max(d) < 1e-5 AS same
FROM (SELECT recsys.norm((SELECT array_agg(x - y ORDER BY n) FROM unnest(a.factor, b.factor) WITH ORDINALITY t (x, y, n))::float4[]) AS d
	FROM clean_k.item_factor a JOIN clean_f.item_factor b USING (item_id) WHERE a.model_id = :faded AND b.model_id = :wanted) f;
-- serving does so at its instant: at that of the newest event, it is the same history
CALL recsys.retrain('clean_k', 'factors');
SELECT recsys.alter_recommender('clean_f', settings => '{"rules": {"bots": true}}');
CALL recsys.retrain('clean_f', 'factors', evaluate => false);
SELECT max(at) AS newest FROM clean.pair \gset
SELECT count(*) AS rows, max(abs(a.score - b.score)) < 1e-4 AS same
FROM generate_series(1, 10) u, LATERAL (SELECT * FROM clean_k.recommend(u, k => 5, policy => 'factors', as_of => :'newest')) a
	LEFT JOIN LATERAL (SELECT * FROM clean_f.recommend(u, k => 5, policy => 'factors', as_of => :'newest')) b ON b.item_id = a.item_id;
SELECT recsys.alter_recommender('clean_k', settings => '{"weight_half_life": "0 days"}');
SELECT recsys.alter_recommender('clean_k', settings => '{"popularity_half_life": "soon"}');
SELECT recsys.alter_recommender('clean_k', unset => '{time_column}');
-- a recommender from before there were these settings
UPDATE recsys.recommender SET settings = settings - '{returns,min_user_interactions,min_item_interactions,popularity_half_life,weight_half_life}'::text[]
WHERE recommender = 'clean_k';
SELECT recsys.train('clean_k', 'popularity') IS NOT NULL AS trained, recsys.alter_recommender('clean_k', merge => 'last');
SELECT recsys.drop_recommender('clean_f');
SELECT recsys.drop_recommender('clean_r');

--
-- ids: with the same order, the same factors whatever their type
--
CREATE TABLE clean.ids AS SELECT u::int8 * 10000000000 AS big, u AS n, i, at,
	E'it''s "' || lpad(u::text, 3, '0') || E'\\ %s $1 ' || repeat('long', u) AS t,
	lpad(u::text, 32, '0')::uuid AS id, u::numeric(10, 2) AS num FROM clean.pair;
CREATE FUNCTION clean.factors(col name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	model int8;
	result text;
BEGIN
	PERFORM recsys.create_recommender('clean_i', 'clean.ids', col, 'i', 'at');
	model := recsys.train('clean_i', 'factors');
	EXECUTE 'SELECT md5(string_agg(factor::text, '','' ORDER BY user_id)) FROM clean_i.user_factor WHERE model_id = $1' INTO result USING model;
	PERFORM recsys.drop_recommender('clean_i');
	RETURN result;
END $$;
SELECT count(DISTINCT f) AS different, count(*) AS kinds
FROM (SELECT c, clean.factors(c) AS f FROM unnest('{n,big,t,id,num}'::name[]) c) x;
-- equal ids that are not the same are one; which one is kept does not depend on the order
CREATE COLLATION clean.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE clean.folk (u text COLLATE clean.ci, i numeric);
INSERT INTO clean.folk VALUES ('Ann', 1.0), ('ANN', 2), ('ann', 1.00), ('Bob', 1), ('bob', 2.000), ('Cid', 3);
SELECT recsys.create_recommender('clean_c', 'clean.folk', 'u', 'i');
SELECT recsys.train('clean_c', 'factors') AS model \gset
SELECT user_id, interactions FROM clean_c.user_factor WHERE model_id = :model ORDER BY user_id;
SELECT item_id, users FROM clean_c.popularity WHERE model_id = :model ORDER BY item_id;
SELECT checksum AS forwards FROM clean.latest('clean_c') \gset
CREATE TABLE clean.folk_back AS SELECT * FROM clean.folk ORDER BY u COLLATE "C" DESC, i DESC;
SELECT recsys.alter_recommender('clean_c', source => 'clean.folk_back');
SELECT recsys.train('clean_c', 'factors') AS back \gset
SELECT a.user_id, a.user_id COLLATE "C" = b.user_id COLLATE "C" AS same_id, a.factor = b.factor AS same_factor
FROM clean_c.user_factor a JOIN clean_c.user_factor b ON lower(a.user_id) = lower(b.user_id)
WHERE a.model_id = :model AND b.model_id = :back ORDER BY a.user_id;
SELECT checksum = :'forwards' AS same FROM clean.latest('clean_c');
CALL recsys.retrain('clean_c', 'factors', evaluate => false);
SELECT item_id FROM clean_c.recommend('aNN', policy => 'factors');
INSERT INTO clean_c.excluded_user VALUES ('BOB');
SELECT recsys.train('clean_c', 'factors') AS model \gset
SELECT user_id FROM clean_c.user_factor WHERE model_id = :model ORDER BY user_id;
SELECT recsys.drop_recommender('clean_c');

--
-- estimate: an upper bound on what is taken, and what the error advises suffices
--
SELECT count(*) FROM recsys.demo_shop('clean_shop', users => 500, items => 300, interactions => 20000);
SELECT recsys.create_recommender('clean_d', 'clean_shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.3}, "view": {"weight": 0.1}}');
ANALYZE clean_shop.event;
SELECT stage, bytes > 0 AS bytes, seconds > 0 AS seconds, regexp_replace(note, '\d+', 'N', 'g') AS note FROM recsys.estimate('clean_d', workers => 0);
SELECT recsys.estimate('clean_d', exact => NULL);
SELECT recsys.estimate('clean_d', workers => -1);
SELECT recsys.estimate('clean_d', 'nobody');
SELECT bytes AS estimated FROM recsys.estimate('clean_d', workers => 0) WHERE stage = 'retrain' \gset
SELECT bytes AS counted FROM recsys.estimate('clean_d', exact => true, workers => 0) WHERE stage = 'retrain' \gset
DO $$
DECLARE
	hint text;
BEGIN
	PERFORM recsys.evaluate('clean_d', memory => '1 MB');
EXCEPTION WHEN out_of_memory THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	CREATE TABLE clean.advice AS SELECT substring(hint from '''(.*)''') AS memory;
END $$;
SELECT memory FROM clean.advice \gset
CALL recsys.retrain('clean_d', workers => 0, memory => :'memory');
-- against what was measured: never less, and not three times as much
SELECT m.peak_bytes <= :counted AS enough, m.peak_bytes <= :estimated AS enough_expected, :counted < 3 * m.peak_bytes AS near, :estimated < 3 * m.peak_bytes AS near_expected
FROM recsys.model m JOIN recsys.recommender r ON r.live_model_id = m.model_id WHERE r.recommender = 'clean_d';
SELECT stage, regexp_replace(note, '\d+', 'N', 'g') AS note, seconds < 100 AS sane FROM recsys.estimate('clean_d', workers => 0);
-- at most 32 bytes an interaction at any stage, besides ids, factors and neighbours
SELECT stage, bytes <= 32.0 * rows + 64 * (1 << 20) AS frugal
FROM recsys._train_estimate('clean_d', 'popularity', 0, 1e8, 1, 1, 8, 8), (VALUES (1e8)) v (rows);
SELECT recsys.drop_recommender(r) FROM unnest('{clean_d,clean_k}'::name[]) r;
DROP SCHEMA clean, clean_shop CASCADE;
