-- evaluate: what recsys.evaluation says, against SQL
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- a fixture by hand: a, b, c, d, e are sold by this many users before June:
-- a 4, b 3, c 2, d 1; e and f come in June
CREATE TABLE evaluate_sale (customer int, article text, at timestamptz);
CREATE INDEX ON evaluate_sale (customer, at);
CREATE INDEX ON evaluate_sale (article, at);
INSERT INTO evaluate_sale
SELECT customer, article, '2024-05-01Z'::timestamptz + customer * interval '1 day'
FROM (VALUES (1, 'a'), (2, 'a'), (3, 'a'), (4, 'a'), (1, 'b'), (2, 'b'), (5, 'b'), (1, 'c'), (6, 'c'), (7, 'd')) v (customer, article);
INSERT INTO evaluate_sale
SELECT customer, article, '2024-06-01Z'::timestamptz + customer * interval '1 day'
FROM (VALUES
	(2, 'c'),				-- new: lists c, d; the hit is at the first place
	(3, 'd'), (3, 'e'),		-- new: lists b, c, d; d is third, and e is unknown in train
	(4, 'a'),				-- owned already: counts in "all" only, first
	(6, 'a'), (6, 'd'),		-- new: lists a, b, d: hits first and third
	(8, 'b'),				-- unknown user: lists a, b, c, d: second; counts in "everyone" only
	(9, 'f')				-- nothing known to find
	) v (customer, article);
SELECT recsys.create_recommender('hand', 'evaluate_sale', 'customer', 'article', 'at', settings => '{"rules": {"bots": false}}');
SELECT recsys.evaluate('hand', '{popularity}', cutoff => '2024-06-01Z', k => '{1,3}', per_user => true) AS run \gset
-- new, warm: customers 2, 3, 6.  precision@1 = (1 + 0 + 1) / 3, precision@3 = (1/3 + 1/3 + 2/3) / 3,
-- ndcg@3 = (1 + 1/2 + (1 + 1/2) / (1 + 1/log2(3))) / 3, map@3 = (1 + 1/3 + (1 + 2/3) / 2) / 3
SELECT protocol, population, metric, k, users, round(value::numeric, 4) AS value
FROM recsys.evaluation WHERE run_id = :run AND metric IN ('precision', 'recall', 'capped_recall', 'ndcg', 'map', 'mrr', 'hit_rate')
AND (protocol, population) = ('new', 'warm') ORDER BY k, metric;
SELECT round((1 + 0.5 + 1.5 / (1 + 1 / log(2, 3))) / 3, 4) AS ndcg_at_3, round((1 + 1 / 3.0 + 5 / 6.0) / 3, 4) AS map_at_3;
SELECT protocol, population, users, round(value::numeric, 4) AS ndcg_at_3
FROM recsys.evaluation WHERE run_id = :run AND metric = 'ndcg' AND k = 3 ORDER BY 1, 2;
-- cold_share: of 8 test pairs 2 are of items unknown in train
SELECT DISTINCT k, value FROM recsys.evaluation WHERE run_id = :run AND metric = 'cold_share';
-- lists of "new", "warm": c d; b c d; a b d.  At 3: all 4 items are shown, a
-- (the most popular tenth) holds 1 of 8 places
SELECT metric, round(value::numeric, 4) AS value, lower = value AND upper = value AS no_interval
FROM recsys.evaluation WHERE run_id = :run AND (protocol, population, k) = ('new', 'warm', 3)
AND metric IN ('coverage', 'novelty', 'popularity_share') ORDER BY 1;
SELECT round(sum(-log(2, users / 7.0)) / 8, 4) AS novelty
FROM (VALUES (2), (1), (3), (2), (1), (4), (3), (1)) list (users);
-- per user
SELECT protocol, user_id, round(max(value) FILTER (WHERE metric = 'ndcg')::numeric, 4) AS ndcg_at_3,
	round(max(value) FILTER (WHERE metric = 'recall')::numeric, 4) AS recall_at_3
FROM hand.user_evaluation WHERE run_id = :run AND k = 3 GROUP BY 1, 2 ORDER BY 1, 2;
-- the intervals: normal, over users
SELECT metric, k, abs(e.lower - (avg(u.value) - 1.959964 * stddev_samp(u.value) / sqrt(count(*)))) < 1e-5 AS lower,
	abs(e.upper - (avg(u.value) + 1.959964 * stddev_samp(u.value) / sqrt(count(*)))) < 1e-5 AS upper
FROM recsys.evaluation e JOIN hand.user_evaluation u USING (run_id, policy, protocol, metric, k)
WHERE run_id = :run AND (protocol, population) = ('new', 'everyone') AND metric IN ('ndcg', 'precision')
GROUP BY metric, k, e.lower, e.upper ORDER BY 1, 2;

-- a shop with tastes
SELECT count(*) FROM recsys.demo_shop('evaluate_shop', users => 600, items => 150, interactions => 40000, dirt => 0);
\set positives '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.3}, "view": {"weight": 0.1}}'
SELECT recsys.create_recommender('taste', 'evaluate_shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event', positives => :'positives');
\set cutoff '\'2025-12-01 00:00Z\''
SELECT recsys.evaluate('taste', '{popularity,item_item,factors,default}', cutoff => :cutoff, per_user => true) AS run \gset
SELECT policy, method, split, verdict FROM recsys.leaderboard WHERE recommender = 'taste' ORDER BY policy;
SELECT policy, users > 100 AS users, ndcg_at_10 > ndcg_lower AND ndcg_at_10 < ndcg_upper AS within,
	place = rank() OVER (ORDER BY ndcg_at_10 DESC) AS placed
FROM recsys.leaderboard WHERE recommender = 'taste' ORDER BY policy;

-- the lists that serving makes from the same model as of the cutoff are those
-- that were evaluated: the metrics computed from them in SQL are the same
CALL recsys.retrain('taste', 'default', evaluate => false);
SELECT recsys.train('taste', 'default', cutoff => :cutoff) AS full_model, recsys.train('taste', 'item_item', cutoff => :cutoff) AS item_model,
	recsys.train('taste', 'factors', cutoff => :cutoff) AS factor_model, recsys.train('taste', 'popularity', cutoff => :cutoff) AS popular_model \gset
UPDATE recsys.recommender SET live_model_id = :full_model WHERE recommender = 'taste';	-- the live policy's lists are by the live model
CREATE TABLE evaluate_shop.list AS
WITH relevant AS (	-- bought in the test period, not before, of items known in train
	SELECT user_id, array_agg(DISTINCT item_id) AS items FROM taste.interaction i
	WHERE owned AND interacted_at >= :cutoff
	AND item_id IN (SELECT item_id FROM taste.popularity WHERE model_id = :full_model)
	AND NOT EXISTS (SELECT FROM taste.interaction b WHERE b.user_id = i.user_id AND b.item_id = i.item_id AND b.owned AND b.interacted_at < :cutoff)
	GROUP BY user_id)
SELECT p AS policy, user_id, r.items AS relevant, l.items AS list,
	EXISTS (SELECT FROM taste.interaction i WHERE i.user_id = r.user_id AND interacted_at < :cutoff) AS warm
FROM relevant r CROSS JOIN unnest('{popularity,item_item,factors,default}'::name[]) p,
	LATERAL (SELECT coalesce(array_agg(item_id ORDER BY rank), '{}') AS items
		FROM taste.recommend(user_id, 50, policy => p, as_of => :cutoff::timestamptz - interval '1 microsecond')) l;
CREATE TABLE evaluate_shop.value AS
SELECT policy, user_id, warm, metric, k, value
FROM evaluate_shop.list CROSS JOIN unnest('{5,10,20,50}'::int[]) k,
	LATERAL (VALUES ('precision', recsys.precision_at_k(list, relevant, k)), ('recall', recsys.recall_at_k(list, relevant, k)),
		('capped_recall', recsys.capped_recall_at_k(list, relevant, k)), ('ndcg', recsys.ndcg_at_k(list, relevant, k)),
		('map', recsys.average_precision_at_k(list, relevant, k)), ('mrr', recsys.reciprocal_rank(list, relevant, k)),
		('hit_rate', recsys.hit_at_k(list, relevant, k))) v (metric, value);
SELECT policy, population, count(*) AS measures, count(*) FILTER (WHERE e.users = v.users AND abs(e.value - v.value) < 1e-6) AS equal
FROM recsys.evaluation e
LEFT JOIN (SELECT policy::text, 'everyone' AS population, metric, k, count(*) AS users, avg(value) AS value FROM evaluate_shop.value GROUP BY 1, 3, 4
	UNION ALL
	SELECT policy::text, 'warm', metric, k, count(*), avg(value) FROM evaluate_shop.value WHERE warm GROUP BY 1, 3, 4) v
	USING (policy, population, metric, k)
WHERE run_id = :run AND policy <> 'default.blend' AND protocol = 'new' AND metric NOT IN ('coverage', 'novelty', 'popularity_share', 'cold_share', 'cold_items', 'cold_users')
GROUP BY policy, population ORDER BY policy, population;
-- user by user, in single precision
SELECT u.policy, bool_and(abs(u.value - v.value) < 1e-6) AS equal
FROM taste.user_evaluation u JOIN evaluate_shop.value v ON v.policy::text = u.policy AND v.user_id = u.user_id AND v.metric = u.metric AND v.k = u.k
WHERE run_id = :run AND protocol = 'new' GROUP BY u.policy ORDER BY u.policy;
-- coverage, novelty, popularity share of the lists
WITH place AS (SELECT l.policy::text, i.item_id, i.n FROM evaluate_shop.list l, unnest(list) WITH ORDINALITY i (item_id, n) WHERE warm),
	item AS (SELECT item_id, users, rank <= ceil(count(*) OVER () / 10.0) AS popular FROM taste.popularity WHERE model_id = :full_model),
	total AS (SELECT (SELECT count(*) FROM item) AS items, m.users FROM recsys.model m WHERE model_id = :full_model),
	computed AS (SELECT policy, k, count(DISTINCT item_id)::float8 / t.items AS coverage, avg(-log(2, item.users / t.users::numeric)) AS novelty,
			avg(popular::int) AS popularity_share
		FROM place JOIN item USING (item_id) CROSS JOIN total t CROSS JOIN unnest('{5,10,20,50}'::int[]) k
		WHERE n <= k GROUP BY policy, k, t.items, t.users)
SELECT c.policy, count(*) AS measures, count(*) FILTER (WHERE abs(e.value - v.value) < 1e-6) AS equal
FROM computed c, LATERAL (VALUES ('coverage', coverage), ('novelty', novelty), ('popularity_share', popularity_share)) v (metric, value)
	JOIN recsys.evaluation e USING (metric)
WHERE run_id = :run AND (e.policy, e.k) = (c.policy, c.k) AND (protocol, population) = ('new', 'warm')
GROUP BY c.policy ORDER BY c.policy;
-- differences are paired with popularity, and have the p-value of their interval
SELECT e.policy, abs(e.difference - avg(u.value - p.value)) < 1e-5 AS difference,
	abs(e.difference_lower - (avg(u.value - p.value) - 1.959964 * stddev_samp(u.value - p.value) / sqrt(count(*)))) < 1e-4 AS lower,
	abs(e.difference_upper - (avg(u.value - p.value) + 1.959964 * stddev_samp(u.value - p.value) / sqrt(count(*)))) < 1e-4 AS upper,
	(e.p_value < 0.05) = (e.difference_lower > 0 OR e.difference_upper < 0) AS p_value
FROM recsys.evaluation e JOIN taste.user_evaluation u USING (run_id, policy, protocol, metric, k)
	JOIN taste.user_evaluation p USING (run_id, protocol, metric, k, user_id)
WHERE run_id = :run AND (protocol, population, metric, k) = ('new', 'everyone', 'ndcg', 10) AND p.policy = 'popularity' AND e.policy <> 'popularity'
GROUP BY e.policy, e.difference, e.difference_lower, e.difference_upper, e.p_value ORDER BY 1;
SELECT DISTINCT difference IS NULL AS alone FROM recsys.evaluation WHERE run_id = :run AND policy = 'popularity';

-- the same shop without tastes: nothing beats popularity
SELECT count(*) FROM recsys.demo_shop('evaluate_plain', users => 600, items => 150, interactions => 40000, dirt => 0, taste => 0);
SELECT recsys.create_recommender('plain', 'evaluate_plain.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event', positives => :'positives');
CALL recsys.retrain('plain');
SELECT policy, verdict LIKE '%beats popularity%' AS beats, verdict LIKE '%check the split before the model' AS doubted
FROM recsys.leaderboard WHERE recommender = 'plain' ORDER BY policy;

-- what is shown by default: midnight below 90 % of the time, K = 5, 10, 20, 50
SELECT DISTINCT cutoff = date_trunc('day', cutoff, 'UTC') AS midnight FROM recsys.evaluation WHERE recommender = 'plain';
SELECT (SELECT avg((interacted_at < cutoff)::int) FROM plain.interaction) BETWEEN 0.87 AND 0.9 AS nine_tenths FROM recsys.leaderboard WHERE recommender = 'plain' LIMIT 1;
SELECT array_agg(DISTINCT k ORDER BY k) AS k, array_agg(DISTINCT protocol ORDER BY protocol) AS protocols,
	array_agg(DISTINCT population ORDER BY population) AS populations, count(*) FILTER (WHERE value IS NULL OR value = 'NaN') AS undefined
FROM recsys.evaluation WHERE recommender = 'plain';

-- a blend with settings of its own shows its parts under its own name
SELECT recsys.create_policy('hand', 'mine', 'funnel', '{"factors": 2, "activity": 0.5}');
SELECT recsys.evaluate('hand', '{mine}', cutoff => '2024-06-01Z') AS run \gset
SELECT DISTINCT policy, method FROM recsys.evaluation WHERE run_id = :run ORDER BY 1;

-- without a time column a random split must be asked for, and is flagged
SELECT recsys.create_recommender('timeless', 'evaluate_shop.event', 'user_id', 'product_id', value_column => 'quantity', event_column => 'event', positives => :'positives');
SELECT recsys.evaluate('timeless');
CALL recsys.retrain('timeless');
SELECT state, stage, sqlstate, message FROM recsys.training_run WHERE recommender = 'timeless';
SELECT recsys.evaluate('timeless', cutoff => '2024-06-01Z');
CALL recsys.retrain('timeless', random_split => true);
SELECT policy, split, cutoff, verdict LIKE '%(random split: no evidence about the future)' AS flagged
FROM recsys.leaderboard WHERE recommender = 'timeless' ORDER BY policy;
SELECT DISTINCT split FROM recsys.evaluation WHERE recommender = 'timeless';
-- asked for where there is a time column, it is flagged too
SELECT recsys.evaluate('hand', random_split => true) AS run \gset
SELECT DISTINCT split, cutoff FROM recsys.evaluation WHERE run_id = :run;
SELECT bool_and(verdict LIKE '%(random split: no evidence about the future)' OR policy = 'popularity') AS flagged FROM recsys.leaderboard WHERE recommender = 'hand';
SELECT recsys.evaluate('hand', random_split => true, cutoff => '2024-06-01Z');

-- where items may be bought again, the headline is the protocol "all"
SELECT recsys.alter_recommender('hand', repeatable => true);
SELECT recsys.evaluate('hand', '{popularity}', cutoff => '2024-06-01Z') AS run \gset
SELECT l.users, l.ndcg_at_10 = e.value AS all_protocol FROM recsys.leaderboard l JOIN recsys.evaluation e USING (recommender, policy)
WHERE recommender = 'hand' AND run_id = :run AND (protocol, population, metric, k) = ('all', 'warm', 'ndcg', 10);

-- what it refuses, and what cannot be measured
SELECT recsys.evaluate('hand', k => '{}');
SELECT recsys.evaluate('hand', k => '{0}');
SELECT recsys.evaluate('hand', k => '{NULL}');
SELECT recsys.evaluate('hand', '{nonesuch}');
SET client_min_messages = notice;
SELECT recsys.evaluate('hand', cutoff => '2025-01-01Z') AS run \gset
SELECT recsys.evaluate('hand', cutoff => '2023-01-01Z') AS run \gset
SET client_min_messages = warning;
SELECT count(*) FROM recsys.evaluation WHERE run_id = :run;

SELECT recsys.drop_recommender(r) FROM unnest('{hand,taste,plain,timeless}'::name[]) r;
DROP TABLE evaluate_sale;
DROP SCHEMA evaluate_shop CASCADE;
DROP SCHEMA evaluate_plain CASCADE;
