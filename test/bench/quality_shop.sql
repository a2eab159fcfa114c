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

-- the same shop, where what one has is listed again
SELECT recsys.create_recommender('again', source => 'demo.event', repeatable => true,
	user_column => 'user_id', item_column => 'product_id', time_column => 'happened_at',
	event_column => 'event', value_column => 'quantity', catalog => 'demo.product',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.5}, "view": {"weight": 0.1}}');
SELECT recsys.evaluate('again', cutoff => :'cutoff') AS run_again \gset
SELECT recsys.train('again', cutoff => :'cutoff');

-- --- who is judged, and by what: as in an evaluation by protocol new, or all ---

CREATE TABLE clean AS
SELECT user_id, item_id, owned, interacted_at, interacted_at < :'cutoff' AS before FROM shop.interaction WHERE positive OR owned;
CREATE TABLE known AS
SELECT item_id, count(DISTINCT user_id) AS users FROM clean WHERE before GROUP BY item_id;
CREATE TABLE judged AS
SELECT s.shop, c.user_id, array_agg(DISTINCT c.item_id) AS items
FROM clean c JOIN known USING (item_id) CROSS JOIN (VALUES ('shop'), ('again')) s (shop)
WHERE NOT c.before AND c.owned
	AND (s.shop = 'again' OR NOT EXISTS (SELECT FROM clean o WHERE o.user_id = c.user_id AND o.item_id = c.item_id AND o.before AND o.owned))
	AND EXISTS (SELECT FROM clean t WHERE t.user_id = c.user_id AND t.before)
GROUP BY s.shop, c.user_id;

-- --- lists, rule by rule ---

CREATE TABLE age AS
SELECT product_id AS item_id, extract(epoch FROM :'cutoff' - released_at) / 86400 AS days FROM demo.product;
CREATE TABLE recent AS
SELECT DISTINCT user_id, item_id FROM clean WHERE owned AND before AND interacted_at >= timestamptz :'cutoff' - interval '30 days';
SELECT item_id AS newest FROM known JOIN age USING (item_id) ORDER BY days, item_id LIMIT 1 \gset
SELECT jsonb_agg(item_id) AS popular FROM (SELECT item_id FROM known ORDER BY users DESC, item_id LIMIT 10) p \gset

-- counted: which items of a list the rule is about
CREATE TABLE rule (place int, base int, shop text, name text, rules jsonb, counted text);
INSERT INTO rule VALUES
	(1, 1, 'shop', 'none', '[]', NULL),
	(2, 1, 'shop', 'max_per_category, n 2', '[{"rule": "max_per_category", "n": 2}]', NULL),
	(3, 1, 'shop', 'diversity, lambda .3', '[{"rule": "diversity", "lambda": 0.3}]', NULL),
	(4, 1, 'shop', 'freshness, 30 days, amount .1', '[{"rule": "freshness", "half_life": "30 days", "amount": 0.1}]', 'a.days < 60'),
	(5, 1, 'shop', 'freshness, 30 days, amount .5', '[{"rule": "freshness", "half_life": "30 days", "amount": 0.5}]', 'a.days < 60'),
	(6, 1, 'shop', 'predicate, price >= 5', '[{"rule": "predicate", "sql": "c.price >= 5"}]', 'p.price >= 5'),
	(7, 1, 'shop', 'boost, 1.5 for price >= 5', '[{"rule": "boost", "sql": "CASE WHEN c.price >= 5 THEN 1.5 ELSE 1 END"}]', 'p.price >= 5'),
	(8, 1, 'shop', 'pin, the newest item first', format('[{"rule": "pin", "item": "%s", "position": 1}]', :'newest')::jsonb,
		format('l.rank = 1 AND l.item_id = %s', :'newest')),
	(9, 1, 'shop', 'ban, the 10 most popular', format('[{"rule": "ban", "items": %s}]', :'popular')::jsonb,
		format('l.item_id IN (SELECT jsonb_array_elements_text(%L)::int)', :'popular')),
	(10, 10, 'again', 'repeatable, none', '[]', NULL),
	(11, 10, 'again', 'repeatable, rebuy_after 30 days', '[{"rule": "rebuy_after", "interval": "30 days"}]',
		'EXISTS (SELECT FROM recent w WHERE (w.user_id, w.item_id) = (l.user_id, l.item_id))'),
	(12, 12, 'shop', 'served, none', '[]', NULL),
	(13, 12, 'shop', 'served, explore, share .1', '[{"rule": "explore", "share": 0.1}]', NULL);
CREATE TABLE list (place int, user_id int8, rank int, item_id int);
SELECT format('SELECT recsys.alter_policy(%L, ''default'', %L)', shop, jsonb_build_object('rules', rules)),
	format('INSERT INTO list SELECT %s, j.user_id, r.rank, r.item_id
		FROM judged j, %I.recommend(j.user_id, k => 10, policy => ''default'', as_of => timestamptz %L - interval ''1 us'') r
		WHERE j.shop = %L', place, shop, :'cutoff', shop)
FROM rule WHERE place <= 11 ORDER BY place \gexec

SELECT recsys.alter_policy('shop', 'default', '{"rules": []}');
\set recommender shop
\set label 'the built-in shop'
\set sample 1
\ir quality_calibration.sql
\o /dev/null

DELETE FROM demo.event WHERE happened_at >= :'cutoff' OR happened_at IS NULL;
SELECT date_trunc('day', now()) - :'cutoff' AS shift \gset
UPDATE demo.event SET happened_at = happened_at + :'shift';
UPDATE demo.product SET released_at = released_at + :'shift';
CALL recsys.retrain('shop', evaluate => false);
SELECT format('SELECT recsys.alter_policy(''shop'', ''default'', %L)', jsonb_build_object('rules', rules)),
	format('INSERT INTO list SELECT %s, j.user_id, r.rank, r.item_id FROM judged j, shop.serve(j.user_id, k => 10) r WHERE j.shop = ''shop''', place)
FROM rule WHERE place > 11 ORDER BY place \gexec

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
	count(DISTINCT p.category) AS categories, avg(a.days) AS days, count(*) AS items
FROM rule r JOIN list l USING (place) JOIN judged j USING (shop, user_id) JOIN demo.product p ON p.product_id = l.item_id JOIN age a USING (item_id)
	JOIN alike s USING (place, user_id)
GROUP BY l.place, l.user_id, j.items, s.similarity;
CREATE TABLE counted (place int, base float8, ruled float8);
SELECT format('INSERT INTO counted SELECT %1$s, avg(n) FILTER (WHERE place = %2$s), avg(n) FILTER (WHERE place = %1$s)
	FROM (SELECT l.place, l.user_id, count(*) FILTER (WHERE %3$s) AS n
		FROM list l JOIN demo.product p ON p.product_id = l.item_id JOIN age a USING (item_id)
		WHERE l.place IN (%1$s, %2$s) GROUP BY l.place, l.user_id) c', place, base, counted)
FROM rule WHERE counted IS NOT NULL ORDER BY place \gexec
CREATE TABLE quality_rules AS
SELECT r.place, r.base, r.name, count(*) AS users, avg(t.ndcg) AS ndcg, avg(t.ndcg - n.ndcg) AS difference,
	1.96 * stddev(t.ndcg - n.ndcg) / sqrt(count(*)) AS half_width,
	avg(t.categories) AS categories, avg(t.similarity) AS similarity, avg(t.days) AS days, min(t.items) AS shortest,
	(SELECT count(DISTINCT l.item_id) FROM list l JOIN known USING (item_id) WHERE l.place = r.place) / (SELECT count(*) FROM known)::float8 AS coverage,
	(SELECT c.base FROM counted c WHERE c.place = r.place) AS counted_base, (SELECT c.ruled FROM counted c WHERE c.place = r.place) AS counted
FROM rule r JOIN told t USING (place) JOIN told n ON (n.user_id, n.place) = (t.user_id, r.base)
GROUP BY r.place, r.base, r.name;

CREATE TABLE quality_evaluation AS
SELECT run_id = :run_again AS again, max(value) FILTER (WHERE metric = 'ndcg') AS ndcg,
	max(value) FILTER (WHERE metric = 'coverage') AS coverage, max(users) AS users
FROM recsys.evaluation
WHERE (run_id, protocol) IN ((:run, 'new'), (:run_again, 'all')) AND (policy, population, k) = ('default', 'warm', 10)
GROUP BY run_id;

\o
\qecho
\qecho 'Lists of ten on the built-in shop, by rule; the difference is paired, to the same lists without a rule; of a list, how many of the items that the rule is about'
SELECT name AS rule, users, to_char(ndcg, 'FM0.0000') AS "NDCG@10",
	CASE WHEN place = base THEN '' ELSE to_char(difference, 'S0.0000') || ' (' || to_char(difference - half_width, 'S0.0000') || ' to ' || to_char(difference + half_width, 'S0.0000') || ')' END AS "difference",
	to_char(categories, 'FM0.00') AS categories, to_char(similarity, 'FM0.000') AS similarity, to_char(coverage, 'FM0.000') AS "coverage@10",
	to_char(days, 'FM990') AS "age, days", to_char(counted_base, 'FM90.00') || ' -> ' || to_char(counted, 'FM90.00') AS "of a list"
FROM quality_rules ORDER BY place;
