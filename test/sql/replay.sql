-- replay and skew_report: what was shown comes out again, and what does not is named
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY default

-- a shop of 400 customers and 40 articles in five groups, with views and purchases
CREATE TABLE replay_article AS SELECT n AS article, 'no. ' || n AS title, 'group ' || n % 5 AS category, n * 1.5 AS price,
	'2024-01-01Z'::timestamptz + n * interval '3 days' AS released_at, true AS available FROM generate_series(1, 42) n;
CREATE TABLE replay_event (customer text, article int, what text, amount float8, at timestamptz DEFAULT now());
CREATE INDEX ON replay_event (customer, at);
CREATE INDEX ON replay_event (article, at);
INSERT INTO replay_event
SELECT 'c' || u, 1 + (CASE WHEN n % 4 = 0 THEN u * 7 + n * 5 ELSE u % 5 + (u / 5 + n * 3) * 5 END) % 40, CASE n % 3 WHEN 0 THEN 'view' ELSE 'buy' END, 1 + (u + n) % 4,
	'2024-06-01Z'::timestamptz + (u * 7919 + n * 104729) % 2003 * interval '1 hour' + u * interval '0.123457 s'
FROM generate_series(1, 400) u, generate_series(1, 3 + u % 9) n;
SELECT recsys.create_recommender('replay', 'replay_event', 'customer', 'article', 'at', value_column => 'amount', event_column => 'what',
	weight_rule => 'log', merge => 'sum', catalog => 'replay_article', positives => '{"buy": {"weight": 1, "owned": true}, "view": {"weight": 0.3}}',
	settings => '{"rules": {"bots": false}, "history_limit": 6, "keep_models": 2, "weight_half_life": "90 days", "repeat_window": "1 minute"}');
SELECT recsys.alter_policy('replay', 'default', '{"factors": 8, "sweeps": 10, "neighbors": 20, "features": {"dear": "CASE WHEN c.price > 20 THEN 1 ELSE 0 END", "cost_share": "c.price / 60"}}');
CALL recsys.retrain('replay', evaluate => false);

-- each request's rows by cause, for the requests of a placement
CREATE FUNCTION replay_causes(place text, level text, OUT requests int8, OUT cause text, OUT rows int8) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT count(DISTINCT q.request_id), d.cause, count(d.cause)
	FROM replay.request q LEFT JOIN LATERAL recsys.replay('replay', q.request_id, level) d ON true
	WHERE q.placement = place GROUP BY d.cause ORDER BY d.cause $$;
CREATE FUNCTION replay_serve(place text, k int DEFAULT 8) RETURNS int8 LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(0, 63) u, replay.serve('c' || u, k => k, placement => place) $$;

-- nothing differs: of users known and unknown, of sessions, of long lists with items that the model does not know
SELECT replay_serve('plain');
SELECT count(*) FROM generate_series(1, 20) n, replay.serve(session_id => 's' || n, for_items => ARRAY[n, n + 7, 41], k => 5, placement => 'plain');
SELECT count(*) FROM generate_series(1, 9) u, replay.serve('c' || u, for_items => ARRAY[u], k => 5, placement => 'plain');
SELECT count(*) FROM generate_series(1, 9) u, replay.serve('c' || u, k => 100, placement => 'plain');
SELECT count(*) FROM generate_series(1, 9) u, replay.serve('c' || u, k => 4, placement => 'plain', filter => '{"category": ["group 1", "group 2"]}');
SELECT DISTINCT ranker, cardinality(features) FROM replay.request JOIN replay.exposure USING (requested_at, request_id, unit);
SELECT * FROM replay_causes('plain', 'shown');
SELECT * FROM replay_causes('plain', 'list');
SELECT feature, exposures, differing, largest_difference, worst_request, worst_item FROM recsys.skew_report('replay') ORDER BY feature COLLATE "C";
-- and with rules: boosts, freshness, pins, categories, diversity, exploration
SELECT recsys.alter_policy('replay', 'default', '{"rules": [{"rule": "boost", "sql": "1 + c.price / 100"}, {"rule": "boost", "sql": "CASE WHEN c.category = ''group 3'' THEN 1.3 ELSE 1 END"},
	{"rule": "freshness", "half_life": "30 days", "amount": 0.3}, {"rule": "pin", "item": 42, "position": 3}, {"rule": "max_per_category", "n": 2},
	{"rule": "diversity", "lambda": 0.3}, {"rule": "explore", "share": 0.2}, {"rule": "ban", "items": [7]}]}');
SELECT replay_serve('rules');
SELECT source = 'pinned' AS pinned, count(*) > 20 AS many, bool_or(boost <> 1) AS boosted, bool_or(freshness > 0) AS fresh, bool_or(score <> base_score) AS changed
FROM replay.exposure e JOIN replay.request q USING (requested_at, request_id, unit) WHERE placement = 'rules' GROUP BY 1 ORDER BY 1;
SELECT * FROM replay_causes('rules', 'shown');
SELECT * FROM replay_causes('rules', 'list');
SELECT recsys.alter_policy('replay', 'default', '{"rules": []}');

-- what happens later: interactions, a retrain, a catalog and rules that change
BEGIN;
SELECT count(*) FROM replay.serve('c5', k => 8, placement => 'before');
COMMIT;
INSERT INTO replay_event SELECT 'c' || u, 1 + (u * 11 + n) % 40, 'buy', 1 FROM generate_series(1, 60) u, generate_series(1, 3) n;
SELECT sum(rows) FROM replay_causes('plain', 'shown');
SELECT * FROM replay_causes('plain', 'list');
CALL recsys.retrain('replay', evaluate => false);
SELECT sum(rows) FROM replay_causes('plain', 'shown');
SELECT * FROM replay_causes('plain', 'list');
SELECT count(*), sum(differing) AS differing, sum(largest_difference) AS largest FROM recsys.skew_report('replay');

-- each cause, planted
BEGIN;
UPDATE replay_article SET price = price * 2, released_at = released_at - interval '1 year', category = 'other';
SELECT sum(rows) FROM replay_causes('plain', 'shown');
SELECT sum(rows) FROM replay_causes('rules', 'shown');
SELECT cause, rows > 20 AS many FROM replay_causes('rules', 'list') WHERE cause IS NOT NULL;
ROLLBACK;
BEGIN;
UPDATE replay_article SET available = false WHERE article % 4 = 0;
SELECT sum(rows) FROM replay_causes('plain', 'shown');
SELECT cause, rows > 20 AS many FROM replay_causes('plain', 'list') WHERE cause IS NOT NULL;
ROLLBACK;
BEGIN;
INSERT INTO replay.excluded_item SELECT DISTINCT e.item_id FROM replay.exposure e WHERE e.position = 1;
SELECT cause, rows > 20 AS many FROM replay_causes('plain', 'list') WHERE cause IS NOT NULL;
ROLLBACK;
BEGIN;
SELECT recsys.alter_policy('replay', 'default', '{"rules": [{"rule": "pin", "item": 13, "position": 1}]}');
SELECT sum(rows) FROM replay_causes('plain', 'shown');
SELECT cause, rows > 60 AS many FROM replay_causes('plain', 'list') WHERE cause IS NOT NULL;
ROLLBACK;
BEGIN;
-- came late, with an earlier time
INSERT INTO replay_event SELECT 'c' || u, 1 + (u * 13) % 40, 'buy', 3, '2024-06-20Z' FROM generate_series(0, 63) u;
SELECT sum(rows) FROM replay_causes('plain', 'shown');
SELECT cause, rows > 60 AS many FROM replay_causes('plain', 'list') WHERE cause IS NOT NULL;
SELECT feature, differing > 100 AS many, worst_item IS NOT NULL AS named FROM recsys.skew_report('replay')
WHERE differing > 0 AND feature IN ('history_length', 'neighbor_share', 'popularity', 'price') ORDER BY feature;
ROLLBACK;
BEGIN;
-- is gone again
DELETE FROM replay_event WHERE customer = 'c5';
SELECT item_id, feature, cause, logged > 0 AS logged, replayed > 0 AS replayed FROM replay.request q, recsys.replay('replay', q.request_id, 'list') WHERE placement = 'before' AND cause <> 'history changed';
SELECT count(*) > 0 AS differs FROM replay.request q, recsys.replay('replay', q.request_id, 'list') WHERE placement = 'before' AND cause = 'history changed';
ROLLBACK;
-- what was logged is not what the code makes of it: a value, a score, the order
BEGIN;
UPDATE replay.exposure e SET features[12] = 0.25, base_score = base_score * 2 WHERE (requested_at, request_id) IN (SELECT requested_at, request_id FROM replay.request WHERE placement = 'before') AND position = 2;
SELECT feature, logged = 0.25 AS planted, cause FROM replay.request q, recsys.replay('replay', q.request_id) WHERE placement = 'before';
SELECT DISTINCT cause FROM replay.request q, recsys.replay('replay', q.request_id, 'list') WHERE placement = 'before' AND feature = 'base_score';
ROLLBACK;
BEGIN;
UPDATE replay.exposure e SET position = -position WHERE position IN (1, 2);
UPDATE replay.exposure e SET position = 3 + position WHERE position IN (-1, -2);
SELECT feature, logged, replayed, difference, cause FROM replay.request q, recsys.replay('replay', q.request_id) WHERE placement = 'before' ORDER BY logged;
ROLLBACK;
-- places that no list has, and lists that none was logged of
BEGIN;
UPDATE replay.exposure e SET position = 100000000 WHERE (requested_at, request_id) IN (SELECT requested_at, request_id FROM replay.request WHERE placement = 'before') AND position = 2;
SELECT feature, logged, replayed, cause FROM replay.request q, recsys.replay('replay', q.request_id, 'list') WHERE placement = 'before' ORDER BY logged, replayed;
DELETE FROM replay.exposure e WHERE position < 100000000;
SELECT count(*) > 0 AS differs FROM replay.request q, recsys.replay('replay', q.request_id, 'list') WHERE placement = 'before';
UPDATE replay.request SET k = -k;
SELECT count(*) FROM replay.request q, recsys.replay('replay', q.request_id, 'list') WHERE placement = 'before';
ROLLBACK;
-- a history that is not the one that was used
BEGIN;
UPDATE replay.request q SET history_weight[1] = 9 WHERE placement = 'before';
SELECT feature, cause FROM replay.request q, recsys.replay('replay', q.request_id) WHERE placement = 'before' AND feature IN ('neighbor_share', 'popularity', 'base_score') ORDER BY 1, 2 LIMIT 1;
ROLLBACK;

-- skew in what serving reads: views weigh as much as purchases
BEGIN;
ALTER VIEW replay.interaction RENAME TO interaction_right;
CREATE VIEW replay.interaction AS SELECT user_id, item_id, event, value, weight * CASE event WHEN 'view' THEN 2 ELSE 1 END AS weight, interacted_at, positive, owned
FROM replay.interaction_right;
SELECT now() AS since, replay_serve('faulty') \gset
SELECT array_agg(feature ORDER BY feature COLLATE "C") AS skewed, count(DISTINCT worst_request) > 1 AS requests,
	bool_and(worst_item = ANY (SELECT item_id::text FROM replay.exposure e WHERE e.request_id = worst_request)) AS items
FROM recsys.skew_report('replay', :'since') WHERE differing > 0;
SELECT sum(rows) FROM replay_causes('faulty', 'shown');
ROLLBACK;
-- skew in what training reads: an hour of another time zone
BEGIN;
SELECT now() AS since, replay_serve('faulty') \gset
ALTER VIEW replay.event RENAME TO event_right;
CREATE VIEW replay.event AS SELECT user_id, item_id, event, value, weight, interacted_at - interval '1 hour' AS interacted_at, positive, owned
FROM replay.event_right;
SELECT array_agg(feature ORDER BY feature COLLATE "C") AS skewed, bool_and(exposures > 300) AS many FROM recsys.skew_report('replay', :'since') WHERE differing > 0;
ROLLBACK;

-- a history is made from the newest events, five for each item of the limit, and what ties with the last of them
BEGIN;
SELECT recsys.alter_recommender('replay', settings => '{"history_limit": 3}');
INSERT INTO replay_event SELECT 'c121', CASE WHEN n > 10 THEN 1 + n % 2 ELSE 2 + n END, 'buy', 3, now() - (41 - n) * interval '1 second' FROM generate_series(1, 40) n;
INSERT INTO replay_event SELECT 'c122', n, 'buy', 3, now() - interval '1 day' FROM generate_series(1, 40) n;
SELECT now() AS since, count(*) FROM unnest('{c121,c122}'::text[]) c, replay.serve(c, k => 5) \gset
SELECT user_id, cardinality(history_item) AS items FROM replay.request WHERE requested_at = now() ORDER BY user_id;
SELECT max(exposures) > 0 AS compared, sum(differing) AS differing FROM recsys.skew_report('replay', :'since');
ROLLBACK;

-- errors
SELECT * FROM recsys.replay('replay', NULL); \echo :SQLSTATE
SELECT * FROM recsys.replay('replay', '018f0000-0000-7000-8000-000000000000'); \echo :SQLSTATE
SELECT * FROM recsys.replay('replay', '018f0000-0000-7000-8000-000000000000', 'all'); \echo :SQLSTATE
SELECT * FROM recsys.replay('nonesuch', '018f0000-0000-7000-8000-000000000000'); \echo :SQLSTATE
SELECT * FROM recsys.skew_report('replay', NULL); \echo :SQLSTATE
SELECT * FROM recsys.skew_report('replay', 'infinity');
-- models go, one after the other
CALL recsys.retrain('replay', evaluate => false);
DO $$
DECLARE
	hint text;
BEGIN
	PERFORM FROM replay.request q, recsys.replay('replay', q.request_id) WHERE placement = 'before';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RAISE WARNING '%: %', SQLSTATE, regexp_replace(SQLERRM, '\d+', 'N') USING HINT = hint;
END $$;
SELECT * FROM recsys.skew_report('replay');
-- features keep their names
SELECT count(*) > 100 AS many, count(DISTINCT feature) = cardinality(recsys._feature_names('replay', max(model_id))) AS all FROM replay.exposure_feature JOIN replay.request USING (requested_at, request_id, unit);

-- every method, and sources of other kinds: a request of each replays, and no feature differs
CREATE FUNCTION replay_all(shop name, OUT policy name, OUT ranker text, OUT requests int8, OUT exposures int8, OUT shown int8, OUT list int8, OUT skew int8, OUT compared int8) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(s.request_id) FROM (SELECT DISTINCT user_id FROM %1$I.interaction ORDER BY 1 LIMIT 50) u, %1$I.serve(u.user_id, k => 7) s', shop);
	EXECUTE format('SELECT count(*) FROM %1$I.serve(session_id => ''x'', for_items => (SELECT (array_agg(DISTINCT item_id))[:2] FROM %1$I.interaction), k => 7)', shop);
	EXECUTE format('SELECT min(q.policy::text), min(q.ranker), count(*), sum(q.rows), sum((SELECT count(*) FROM recsys.replay(%2$L, q.request_id))),
		sum((SELECT count(*) FROM recsys.replay(%2$L, q.request_id, ''list''))) FROM %1$I.request q WHERE requested_at = now()', shop, shop)
	INTO policy, ranker, requests, exposures, shown, list;
	SELECT sum(s.differing), max(s.exposures) INTO skew, compared FROM recsys.skew_report(shop, now()) s;
END $$;
CREATE FUNCTION replay_live(shop name, policy name) RETURNS void LANGUAGE sql AS $$
	UPDATE recsys.recommender SET live_policy = policy, live_model_id = NULL WHERE recommender = shop $$;
SELECT recsys.create_policy('replay', 'ranks', 'bpr', '{"factors": 4, "rounds": 3}');
SELECT recsys.create_policy('replay', 'blended', 'funnel', '{"factors": 4, "sweeps": 3, "ranker": "none"}');
SELECT replay_live('replay', 'popularity');
CALL recsys.retrain('replay', evaluate => false);
SELECT * FROM replay_all('replay');
SELECT replay_live('replay', 'item_item');
CALL recsys.retrain('replay', evaluate => false);
SELECT * FROM replay_all('replay');
SELECT replay_live('replay', 'factors');
CALL recsys.retrain('replay', evaluate => false);
SELECT * FROM replay_all('replay');
SELECT replay_live('replay', 'ranks');
CALL recsys.retrain('replay', evaluate => false);
SELECT * FROM replay_all('replay');
SELECT replay_live('replay', 'blended');
CALL recsys.retrain('replay', evaluate => false);
SELECT * FROM replay_all('replay');
-- without a time and a catalog, ids of uuid
CREATE TABLE replay_bare AS SELECT md5(customer)::uuid AS who, md5(article::text)::uuid AS what FROM replay_event WHERE substr(customer, 2)::int < 50;
SELECT recsys.create_recommender('replay_bare', 'replay_bare', 'who', 'what');
SELECT recsys.alter_policy('replay_bare', 'default', '{"factors": 4, "sweeps": 3}');
CALL recsys.retrain('replay_bare', evaluate => false);
SELECT * FROM replay_all('replay_bare');
-- ratings
CREATE TABLE replay_rating AS SELECT customer, article, amount, at FROM replay_event WHERE substr(customer, 2)::int < 50;
SELECT recsys.create_recommender('replay_rating', 'replay_rating', 'customer', 'article', 'at', value_column => 'amount', min_value => 3, feedback => 'explicit', catalog => 'replay_article');
SELECT replay_live('replay_rating', 'ratings');
CALL recsys.retrain('replay_rating', evaluate => false);
SELECT * FROM replay_all('replay_rating');
-- returns netted, repeated purchases, a short history of many events
CREATE TABLE replay_net AS SELECT substr(customer, 2)::int8 AS customer, article, CASE WHEN what = 'view' THEN -1 ELSE amount END AS amount, at FROM replay_event WHERE substr(customer, 2)::int < 50;
SELECT recsys.create_recommender('replay_net', 'replay_net', 'customer', 'article', 'at', value_column => 'amount', weight_rule => 'value', merge => 'sum', repeatable => true,
	settings => '{"returns": "net", "history_limit": 2, "rules": {"bots": false}}');
CALL recsys.retrain('replay_net', evaluate => false);
SELECT * FROM replay_all('replay_net');
-- a bot has no history, neither here nor there
BEGIN;
INSERT INTO replay_rating.excluded_user VALUES ('c9', 'too fast', 'bot_rate');
SELECT count(*) FROM replay_rating.serve('c9', k => 5);
SELECT requests, exposures, shown, list, skew FROM replay_all('replay_rating');
SELECT history_item FROM replay_rating.request WHERE user_id = 'c9' AND requested_at = now();
ROLLBACK;
SELECT recsys.drop_recommender('replay'), recsys.drop_recommender('replay_bare'), recsys.drop_recommender('replay_rating'), recsys.drop_recommender('replay_net');
