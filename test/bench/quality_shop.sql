-- What each rule does to lists, on the built-in shop: a model of what lies
-- before the cutoff, asked as of the cutoff for every user that an evaluation
-- scores there.  Without a rule NDCG@10 and coverage must be the evaluation's,
-- which does not ask what is still sold today: so everything is.
-- "explore" holds in serve alone, which knows no other time than now: for it the
-- shop is moved in time, by whole days, and what follows the cutoff deleted.
-- Similarity is that of the planted tastes, which no method knows.

\set ON_ERROR_STOP 1
\set QUIET 1
\pset pager off
\pset footer off
\o /dev/null
SET client_min_messages = warning;

SELECT recsys.demo_shop('demo');
UPDATE demo.product SET available = true;
SELECT recsys.create_recommender('shop', source => 'demo.event',
	user_column => 'user_id', item_column => 'product_id', time_column => 'happened_at',
	event_column => 'event', value_column => 'quantity', catalog => 'demo.product',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.5}, "view": {"weight": 0.1}}');
SELECT recsys.evaluate('shop') AS run \gset
SELECT cutoff FROM recsys.evaluation WHERE run_id = :run LIMIT 1 \gset
SELECT recsys.train('shop', cutoff => :'cutoff');

-- --- who is judged, and by what: as in an evaluation by protocol new ---

CREATE TABLE clean AS
SELECT user_id, item_id, owned, interacted_at < :'cutoff' AS before FROM shop.interaction WHERE positive OR owned;
CREATE TABLE known AS
SELECT item_id FROM clean WHERE before GROUP BY item_id;
CREATE TABLE judged AS
SELECT c.user_id, array_agg(DISTINCT c.item_id) AS items
FROM clean c JOIN known USING (item_id)
WHERE NOT c.before AND c.owned
	AND NOT EXISTS (SELECT FROM clean o WHERE o.user_id = c.user_id AND o.item_id = c.item_id AND o.before AND o.owned)
	AND EXISTS (SELECT FROM clean t WHERE t.user_id = c.user_id AND t.before)
GROUP BY c.user_id;

-- --- lists, rule by rule ---

CREATE TABLE rule (place int, name text, rules jsonb);
INSERT INTO rule VALUES
	(1, 'none', '[]'),
	(2, 'max_per_category, n 2', '[{"rule": "max_per_category", "n": 2}]'),
	(3, 'diversity, lambda .3', '[{"rule": "diversity", "lambda": 0.3}]'),
	(4, 'freshness, 30 days, amount .1', '[{"rule": "freshness", "half_life": "30 days", "amount": 0.1}]'),
	(5, 'freshness, 30 days, amount .5', '[{"rule": "freshness", "half_life": "30 days", "amount": 0.5}]'),
	(6, 'predicate, price >= 5', '[{"rule": "predicate", "sql": "c.price >= 5"}]'),
	(7, 'served, none', '[]'),
	(8, 'served, explore, share .1', '[{"rule": "explore", "share": 0.1}]');
CREATE TABLE list (place int, user_id int8, rank int, item_id int);
SELECT format('SELECT recsys.alter_policy(''shop'', ''default'', %L)', jsonb_build_object('rules', rules)),
	format('INSERT INTO list SELECT %s, j.user_id, r.rank, r.item_id
		FROM judged j, shop.recommend(j.user_id, k => 10, policy => ''default'', as_of => timestamptz %L - interval ''1 us'') r',
		place, :'cutoff')
FROM rule WHERE place <= 6 ORDER BY place \gexec

CREATE TABLE age AS
SELECT product_id AS item_id, extract(epoch FROM :'cutoff' - released_at) / 86400 AS days FROM demo.product;

DELETE FROM demo.event WHERE happened_at >= :'cutoff' OR happened_at IS NULL;
SELECT date_trunc('day', now()) - :'cutoff' AS shift \gset
UPDATE demo.event SET happened_at = happened_at + :'shift';
UPDATE demo.product SET released_at = released_at + :'shift';
SELECT recsys.alter_policy('shop', 'default', '{"rules": []}');
CALL recsys.retrain('shop', evaluate => false);
SELECT format('SELECT recsys.alter_policy(''shop'', ''default'', %L)', jsonb_build_object('rules', rules)),
	format('INSERT INTO list SELECT %s, j.user_id, r.rank, r.item_id FROM judged j, shop.serve(j.user_id, k => 10) r', place)
FROM rule WHERE place > 6 ORDER BY place \gexec

-- --- what they are like ---

CREATE UNIQUE INDEX ON list (place, user_id, rank);
ANALYZE list;
CREATE TABLE alike AS
SELECT l.place, l.user_id, avg(recsys.dot(x.taste, y.taste)) AS similarity
FROM list l JOIN list m ON (m.place, m.user_id) = (l.place, l.user_id) AND m.rank > l.rank
	JOIN demo.product_taste x ON x.product_id = l.item_id JOIN demo.product_taste y ON y.product_id = m.item_id
GROUP BY l.place, l.user_id;
CREATE TABLE told AS
SELECT l.place, l.user_id, recsys.ndcg_at_k(array_agg(l.item_id ORDER BY l.rank), j.items, 10) AS ndcg, s.similarity,
	count(DISTINCT p.category) AS categories, avg(a.days) AS days, count(*) FILTER (WHERE a.days < 60) AS new_items, count(*) AS items
FROM list l JOIN judged j USING (user_id) JOIN demo.product p ON p.product_id = l.item_id JOIN age a USING (item_id)
	JOIN alike s USING (place, user_id)
GROUP BY l.place, l.user_id, j.items, s.similarity;
CREATE TABLE quality_rules AS
SELECT r.place, r.name, count(*) AS users, avg(t.ndcg) AS ndcg, avg(t.ndcg - n.ndcg) AS difference,
	1.96 * stddev(t.ndcg - n.ndcg) / sqrt(count(*)) AS half_width,
	avg(t.categories) AS categories, avg(t.similarity) AS similarity, avg(t.days) AS days, avg(t.new_items) AS new_items, min(t.items) AS shortest,
	(SELECT count(DISTINCT l.item_id) FROM list l JOIN known USING (item_id) WHERE l.place = r.place) / (SELECT count(*) FROM known)::float8 AS coverage
FROM rule r JOIN told t USING (place) JOIN told n ON n.user_id = t.user_id AND n.place = CASE WHEN r.place <= 6 THEN 1 ELSE 7 END
GROUP BY r.place, r.name;

CREATE TABLE quality_evaluation AS
SELECT max(value) FILTER (WHERE metric = 'ndcg') AS ndcg, max(value) FILTER (WHERE metric = 'coverage') AS coverage, max(users) AS users
FROM recsys.evaluation WHERE (run_id, policy, protocol, population, k) = (:run, 'default', 'new', 'warm', 10);

\o
\qecho
\qecho 'Lists of ten on the built-in shop, by rule; the difference is paired, to the same lists without a rule'
SELECT name AS rule, users, to_char(ndcg, 'FM0.0000') AS "NDCG@10",
	CASE WHEN place IN (1, 7) THEN '' ELSE to_char(difference, 'S0.0000') || ' (' || to_char(difference - half_width, 'S0.0000') || ' to ' || to_char(difference + half_width, 'S0.0000') || ')' END AS "difference",
	to_char(categories, 'FM0.00') AS categories, to_char(similarity, 'FM0.000') AS similarity, to_char(coverage, 'FM0.000') AS "coverage@10",
	to_char(days, 'FM990') AS "age, days", to_char(new_items, 'FM0.00') AS "under 60 days"
FROM quality_rules ORDER BY place;
