-- demo_shop: an invented shop
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- tables, with about as many events as asked for
SELECT relation, CASE WHEN relation::text = 'shop_a.event'
		THEN round(rows, -4) ELSE rows END AS rows
	FROM recsys.demo_shop('shop_a', users => 300, items => 400,
						  interactions => 20000, dirt => 4);
SELECT table_name, column_name, data_type, is_nullable
	FROM information_schema.columns WHERE table_schema = 'shop_a'
	ORDER BY 1, ordinal_position;
SELECT tablename, replace(indexdef, 'CREATE ', '') AS index
	FROM pg_indexes WHERE schemaname = 'shop_a' ORDER BY 1, 2;
SELECT pg_get_userbyid(nspowner) = current_user AS owned,
	obj_description(oid, 'pg_namespace') IS NOT NULL AS described
	FROM pg_namespace WHERE nspname = 'shop_a';
-- everything has a comment
SELECT c.relname, a.attname
	FROM pg_class c LEFT JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0
	WHERE relnamespace = 'shop_a'::regnamespace AND relkind = 'r'
		AND (obj_description(c.oid, 'pg_class') IS NULL
			 OR col_description(c.oid, attnum) IS NULL);

-- products
SELECT product_id, title, category, price > 0 AS priced
	FROM shop_a.product ORDER BY 1 LIMIT 4;
SELECT count(*) = count(DISTINCT title) AS titles_differ,
	count(DISTINCT category) AS categories,
	avg((released_at > '2025-07-05')::int) BETWEEN .1 AND .2 AS some_new,
	max(released_at) < '2026-01-01' AS all_released,
	count(*) FILTER (WHERE NOT available) BETWEEN 2 AND 20 AS some_gone
	FROM shop_a.product;
-- a large catalog has titles enough
SELECT count(*), count(DISTINCT title) AS titles, max(length(title)) < 60 AS short
	FROM recsys._demo_products(1, 100000, 1, 1, 1, 7, '2026-01-01', 0, 0);

-- accounts, and the planted truth
SELECT kind, count(*), count(segment) AS segments, count(taste) AS tastes
	FROM shop_a.customer LEFT JOIN shop_a.customer_taste USING (user_id)
	GROUP BY 1 ORDER BY 1;
SELECT min(array_length(taste, 1)) AS low, max(array_length(taste, 1)) AS high,
	round(min(size)::numeric, 3) AS shortest, round(max(size)::numeric, 3) AS longest
	FROM shop_a.product_taste,
		LATERAL (SELECT sqrt(sum(x ^ 2)) AS size FROM unnest(taste) x) s;
SELECT round(sum(exp(appeal))::numeric, 1) AS popularity FROM shop_a.product_taste;
SELECT min(size) > 2.7 AND max(size) < 5.3 AS about_four,
	count(*) FILTER (WHERE taste = taste_at_start) AS unmoved
	FROM shop_a.customer_taste,
		LATERAL (SELECT sqrt(sum(x ^ 2)) AS size FROM unnest(taste) x) s;

-- events: a funnel within the time, of products on sale
SELECT event, count(*) > 1000 AS many, min(quantity) < 0 AS returned
	FROM shop_a.event GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM shop_a.event JOIN shop_a.product USING (product_id)
	WHERE happened_at < released_at;
SELECT min(happened_at) >= '2025-07-05 00:00+00' AS begins,
	max(happened_at) < '2026-01-01 00:00+00' AS ends
	FROM shop_a.event WHERE happened_at < '2030-01-01';
-- long tails: the top tenth of products, the median and the busiest person
SELECT sum(n) FILTER (WHERE place <= 40) > 3 * .1 * sum(n) AS products
	FROM (SELECT count(*) AS n, row_number() OVER (ORDER BY count(*) DESC) AS place
			FROM shop_a.event JOIN shop_a.customer USING (user_id)
			WHERE kind = 'person' GROUP BY product_id) p;
SELECT max(n) > 4 * percentile_cont(.5) WITHIN GROUP (ORDER BY n) AS persons
	FROM (SELECT count(*) AS n FROM shop_a.event JOIN shop_a.customer USING (user_id)
			WHERE kind = 'person' GROUP BY user_id) u;
-- a person buys a durable product once, and some consumable ones again
SELECT category IN ('stationery', 'bath', 'tea and coffee', 'sweets') AS consumable,
	max(n) > 1 AS bought_again
	FROM (SELECT user_id, product_id, count(DISTINCT happened_at) AS n
			FROM shop_a.event JOIN shop_a.customer USING (user_id)
			WHERE kind = 'person' AND event = 'purchase' AND quantity > 0
				AND happened_at < '2030-01-01' GROUP BY 1, 2) b
		JOIN shop_a.product USING (product_id) GROUP BY 1 ORDER BY 1;
-- persons favour their segment's category; without taste they do not
SELECT avg((segment = category)::int) > .25 AS favoured
	FROM shop_a.event JOIN shop_a.product USING (product_id)
		JOIN shop_a.customer USING (user_id) WHERE kind = 'person';
SELECT abs(avg((segment = category)::int) - 1 / 12.0) < .02 AS not_favoured,
	(SELECT max(x) FROM recsys._demo_customers(300, 400, 20000, 1, 0, 180, '2026-01-01', 0, 0),
		unnest(vector_end) x) AS no_taste
	FROM recsys._demo_events(300, 400, 20000, 1, 0, 180, '2026-01-01', 0, 0)
		JOIN recsys._demo_products(300, 400, 20000, 1, 0, 180, '2026-01-01', 0, 0)
			USING (product_id)
		JOIN recsys._demo_customers(300, 400, 20000, 1, 0, 180, '2026-01-01', 0, 0)
			USING (user_id);

-- dirt: all kinds at 4 times their shares
SELECT avg((user_id IS NULL)::int) BETWEEN .03 AND .05 AS no_user,
	avg((product_id IS NULL)::int) BETWEEN .001 AND .008 AS no_product,
	avg((happened_at IS NULL)::int) BETWEEN .0002 AND .005 AS no_time,
	avg((happened_at > '2060-01-01')::int) BETWEEN .0001 AND .003 AS future,
	avg((quantity < 0)::int) FILTER (WHERE event = 'purchase') BETWEEN .03 AND .09 AS returned,
	count(*) - count(DISTINCT e) BETWEEN 200 AND 600 AS repeated
	FROM shop_a.event e;
-- bots only view, much and broadly; staff buy the same few products
SELECT kind, count(DISTINCT user_id) AS accounts, count(*) > 300 * count(DISTINCT user_id) AS busy,
	count(DISTINCT event) AS events, count(DISTINCT product_id) > 300 AS broad
	FROM shop_a.event JOIN shop_a.customer USING (user_id)
	WHERE kind <> 'person' GROUP BY 1 ORDER BY 1;
-- in the busiest hour
SELECT kind, CASE kind WHEN 'bot' THEN min(n) >= 300 ELSE max(n) < 100 END AS apart
	FROM (SELECT kind, user_id, max(n) AS n
			FROM (SELECT user_id, count(*) AS n FROM shop_a.event
					WHERE happened_at < '2030-01-01'
					GROUP BY user_id, date_trunc('hour', happened_at)) h
				JOIN shop_a.customer USING (user_id) GROUP BY 1, 2) u
	GROUP BY 1 ORDER BY 1;

-- returns follow their purchase
SELECT count(*) AS without_purchase FROM shop_a.event r
	WHERE quantity < 0 AND NOT EXISTS (SELECT FROM shop_a.event p
		WHERE p.product_id IS NOT DISTINCT FROM r.product_id
			AND p.event = 'purchase' AND p.quantity = -r.quantity
			AND coalesce(p.user_id, r.user_id) = r.user_id
			AND (p.happened_at IS NULL OR p.happened_at > '2060-01-01'
				 OR r.happened_at - p.happened_at BETWEEN '1 day' AND '14 days'))
	AND NOT EXISTS (SELECT FROM shop_a.event p
		WHERE p.product_id IS NULL AND p.event = 'purchase'
			AND p.user_id = r.user_id);

-- without dirt there is none, and no bots unless asked for
SELECT count(*) FROM recsys.demo_shop('shop_b', users => 300, items => 400,
									  interactions => 20000, dirt => 0);
SELECT count(*) = count(user_id) AND count(*) = count(product_id)
		AND count(*) = count(happened_at) AS no_nulls,
	count(*) = count(DISTINCT e) AS no_duplicates, min(quantity),
	max(happened_at) < '2026-01-01 00:00+00' AS no_future
	FROM shop_b.event e;
SELECT kind, count(*) FROM shop_b.customer GROUP BY 1;
SELECT count(*) FROM recsys.demo_shop('shop_c', users => 20, items => 50,
	interactions => 2000, dirt => 0, bots => 3);
SELECT kind, count(*), min(user_id), max(user_id) FROM shop_c.customer
	GROUP BY 1 ORDER BY 3;

-- the same seed gives the same rows, another one others
SELECT count(*) FROM recsys.demo_shop('shop "d"', users => 300, items => 400,
									  interactions => 20000, dirt => 4);
CREATE FUNCTION pg_temp.checksum(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE 'SELECT md5(string_agg(t::text, '','' ORDER BY t::text)) FROM (' || query || ') t'
		INTO result;
	RETURN result;
END $$;
SELECT name, pg_temp.checksum('TABLE shop_a.' || name)
		= pg_temp.checksum('TABLE "shop ""d""".' || name) AS same
	FROM unnest('{event,product,customer,customer_taste,product_taste}'::text[]) name;
SELECT pg_temp.checksum('TABLE shop_b.event') = pg_temp.checksum(
		$$SELECT * FROM recsys._demo_events(300, 400, 20000, 1, 1, 180, '2026-01-01 00:00+00', 0, 0)$$) AS same,
	pg_temp.checksum('TABLE shop_b.event') = pg_temp.checksum(
		$$SELECT * FROM recsys._demo_events(300, 400, 20000, 2, 1, 180, '2026-01-01 00:00+00', 0, 0)$$) AS other_seed;

-- the least and the strongest shop
SELECT count(*) FROM recsys.demo_shop('shop_e', users => 1, items => 2,
	interactions => 1, days => 7);
SELECT count(*) > 100 AS rows FROM recsys._demo_events(1, 2, 1000, -1, 5, 7, '2026-01-01', 20, 2);
SELECT count(*) > 10000 AS rows FROM recsys._demo_events(1, 1000, 20000, 1, 5, 30, '2025-03-03 17:12+00', 0, 0);

-- errors
SELECT recsys.demo_shop('shop_a');
SELECT recsys.demo_shop('shop_x', users => 0);
SELECT recsys.demo_shop('shop_x', users => 10000001);
SELECT recsys.demo_shop('shop_x', items => 1);
SELECT recsys.demo_shop('shop_x', interactions => 0);
SELECT recsys.demo_shop('shop_x', days => 6);
SELECT recsys.demo_shop('shop_x', bots => -1);
SELECT recsys.demo_shop('shop_x', taste => -1);
SELECT recsys.demo_shop('shop_x', taste => 'NaN');
SELECT recsys.demo_shop('shop_x', taste => 'infinity');
SELECT recsys.demo_shop('shop_x', dirt => 21);
SELECT recsys.demo_shop('shop_x', dirt => 'NaN');
SELECT recsys.demo_shop('shop_x', until => 'infinity');
SELECT recsys.demo_shop('shop_x', until => '294270-01-01');
SELECT recsys.demo_shop('shop_x', seed => NULL);
SELECT recsys.demo_shop(NULL);
SELECT count(*) FROM pg_namespace WHERE nspname = 'shop_x';

DROP SCHEMA shop_a, shop_b, shop_c, "shop ""d""", shop_e CASCADE;
