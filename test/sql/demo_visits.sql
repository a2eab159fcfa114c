-- demo_visits: simulated users of a demo shop
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- by hand: looked at by 1 / place, then liked by w / (w + 1/e)
SELECT n, recsys.demo_click_chance(a, b, appeal, place) = expected AS exactly
	FROM (VALUES (1, '{0,0}'::float4[], '{1,0}'::float4[], -1::float8, 1, 0.5::float8),
		(2, '{3,4}', '{1,0}', -4, 1, 0.5), (3, '{3,4}', '{1,0}', -4, 4, 0.125),
		(4, '{0}', '{0}', 'infinity', 5, 0.2), (5, '{0}', '{0}', '-infinity', 1, 0))
	v (n, a, b, appeal, place, expected) ORDER BY n;
SELECT abs(recsys.demo_click_chance('{2,1}', '{0.6,0.8}', -3, 3)
		- exp(-1.0) / (exp(-1.0) + exp(-1.0)) / 3) < 1e-6 AS as_defined;

-- two shops of the same seed, each with its recommender
SELECT count(*) FROM recsys.demo_shop('visited', users => 200, items => 100, interactions => 8000);
SELECT count(*) FROM recsys.demo_shop('again', users => 200, items => 100, interactions => 8000);
SELECT recsys.create_recommender(r, source => s || '.event', user_column => 'user_id', item_column => 'product_id',
		time_column => 'happened_at', event_column => 'event', value_column => 'quantity', catalog => (s || '.product')::regclass,
		positives => '{"purchase": {"weight": 1, "owned": true}, "view": {"weight": 0.1}}')
	FROM (VALUES ('first', 'visited'), ('second', 'again')) v (r, s);
CALL recsys.retrain('first', evaluate => false);
CALL recsys.retrain('second', evaluate => false);
SELECT clock_timestamp() AS since \gset

-- persons take turns, bots and staff stay away
CALL recsys.demo_visits('visited', 'first', visits => 450, k => 5, seed => 3);
SELECT count(*) AS visits, count(DISTINCT q.user_id) AS persons, sum(q.rows) AS shown, min(q.placement) AS placement,
	bool_and(c.kind = 'person') AS only_persons FROM first.request q JOIN visited.customer c USING (user_id);
SELECT visits, count(*) AS persons, min(user_id), max(user_id)
	FROM (SELECT user_id, count(*) AS visits FROM first.request GROUP BY user_id) v GROUP BY visits ORDER BY visits;
SELECT count(*) > 20 AS many_instants FROM (SELECT FROM first.request GROUP BY requested_at) t;

-- they act on what they are shown, from a view on; visits have an instant each
CREATE TABLE act AS
SELECT e.user_id, e.product_id, e.happened_at, e.event, e.price, x.position, x.requested_at
FROM visited.event e
LEFT JOIN first.exposure x ON x.user_id = e.user_id AND x.item_id = e.product_id
	AND e.happened_at > x.requested_at AND e.happened_at < x.requested_at + interval '30 milliseconds'
WHERE e.happened_at BETWEEN :'since' AND now() + interval '1 second';
SELECT count(*) FILTER (WHERE position IS NULL) AS not_shown, count(*) - count(DISTINCT (user_id, product_id, happened_at)) AS twice,
	bool_and(price = (SELECT p.price FROM visited.product p WHERE p.product_id = a.product_id)) AS priced FROM act a;
SELECT string_agg(DISTINCT steps, ', ') AS steps
	FROM (SELECT string_agg(event, ' ' ORDER BY happened_at) AS steps FROM act GROUP BY user_id, product_id, requested_at) s;
-- as often as the planted chances say, at the first place, below it, in all
CREATE TABLE expected AS
SELECT x.position, recsys.demo_click_chance(c.taste, p.taste, p.appeal, x.position) AS chance,
	EXISTS (SELECT FROM act a WHERE (a.user_id, a.product_id, a.requested_at) = (x.user_id, x.item_id, x.requested_at)) AS clicked
FROM first.exposure x JOIN visited.customer_taste c USING (user_id) JOIN visited.product_taste p ON p.product_id = x.item_id;
SELECT position = 1 AS first, count(*), abs(sum(clicked::int) - sum(chance)) < 4 * sqrt(sum(chance * (1 - chance))) AS as_planted
	FROM expected GROUP BY 1 ORDER BY 2;
-- those who like it more, too
SELECT corr(clicked::int, chance * position) > 0.1 AS liked FROM expected;
SELECT abs(avg((event = 'cart')::int) - 0.35 / 1.56) < 0.06 AS carts, abs(avg((event = 'purchase')::int) - 0.21 / 1.56) < 0.05 AS purchases FROM act;

-- the same seed, the same clicks; another, others
CALL recsys.demo_visits('again', 'second', visits => 450, k => 5, seed => 3);
CREATE FUNCTION pg_temp.acts(shop text, since timestamptz, OUT acts bigint, OUT digest text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(*), md5(string_agg(format(''%%s %%s %%s'', user_id, product_id, event), '','' ORDER BY user_id, happened_at))
		FROM %I.event WHERE happened_at BETWEEN %L AND now() + interval ''1 second''', shop, since) INTO acts, digest;
END $$;
SELECT a.acts > 100 AS many, a = b AS same FROM pg_temp.acts('visited', :'since') a, pg_temp.acts('again', :'since') b;
SELECT clock_timestamp() AS since \gset
CALL recsys.demo_visits('visited', 'first', k => 5, seed => 4);
CALL recsys.demo_visits('again', 'second', k => 5, seed => 5);
SELECT a <> b AS other FROM pg_temp.acts('visited', :'since') a, pg_temp.acts('again', :'since') b;
-- each person once, unless said otherwise
SELECT count(*) - 450 AS visits FROM first.request;
CALL recsys.demo_visits('visited', 'first', visits => 0);
SELECT count(*) - 450 AS visits FROM first.request;

-- a shop of one person, who comes again and again
SELECT count(*) FROM recsys.demo_shop('alone', users => 1, items => 20, interactions => 50, dirt => 0);
SELECT recsys.create_recommender('third', source => 'alone.event', user_column => 'user_id', item_column => 'product_id', time_column => 'happened_at');
CALL recsys.retrain('third', policy => 'popularity', evaluate => false);
SELECT recsys.promote('third', 'popularity', force => true, reason => 'a test') > 0 AS live;
CALL recsys.demo_visits('alone', 'third', visits => 3);
SELECT count(*) AS visits, count(DISTINCT requested_at) AS instants FROM third.request;

-- who serves and writes events may
CREATE ROLE demo_visitor;
GRANT USAGE ON SCHEMA first, visited TO demo_visitor;
GRANT SELECT ON ALL TABLES IN SCHEMA first, visited TO demo_visitor;
GRANT INSERT ON first.request, first.exposure TO demo_visitor;
SET ROLE demo_visitor;
CALL recsys.demo_visits('visited', 'first', visits => 1);
RESET ROLE;
GRANT INSERT ON visited.event TO demo_visitor;
SET ROLE demo_visitor;
CALL recsys.demo_visits('visited', 'first', visits => 1);
RESET ROLE;

-- errors
CALL recsys.demo_visits('nowhere', 'first');
CALL recsys.demo_visits('first', 'first');
CALL recsys.demo_visits('visited', 'fourth');
CALL recsys.demo_visits('visited', NULL);
CALL recsys.demo_visits(NULL, 'first');
CALL recsys.demo_visits('visited', 'first', k => NULL);
CALL recsys.demo_visits('visited', 'first', seed => NULL);
CALL recsys.demo_visits('visited', 'first', visits => -1);
CALL recsys.demo_visits('visited', 'first', k => -1);
CREATE TABLE word AS SELECT 'u' || n % 9 AS u, 'i' || n % 7 AS i, '2025-01-01Z'::timestamptz + n * interval '1 hour' AS at FROM generate_series(1, 50) n;
SELECT recsys.create_recommender('words', source => 'word', user_column => 'u', item_column => 'i', time_column => 'at');
CALL recsys.demo_visits('visited', 'words');
BEGIN;
CALL recsys.demo_visits('visited', 'first', visits => 1);
ROLLBACK;

SELECT recsys.drop_recommender(r) FROM unnest('{first,second,third,words}'::name[]) r;
DROP TABLE act, expected, word;
DROP SCHEMA visited, again, alone CASCADE;
DROP ROLE demo_visitor;
