-- The built-in data: an invented shop with planted tastes and planted dirt.
-- :shop, arguments of recsys.demo_shop, may change it.

\if :{?shop}
\else
\set shop ''
\endif
SELECT CASE WHEN :'shop' = '' THEN 'users => 2000, items => 1000, interactions => 100000, seed => 1' ELSE :'shop' END AS shop \gset
SELECT * FROM recsys.demo_shop('demo', :shop) \g /dev/null

SELECT recsys.create_recommender('shop', source => 'demo.event',
	user_column => 'user_id', item_column => 'product_id', time_column => 'happened_at',
	value_column => 'quantity', event_column => 'event',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.3}, "view": {"weight": 0.1}}',
	catalog => 'demo.product') \g /dev/null

CREATE TABLE demo_about AS
SELECT format('An invented shop: SELECT recsys.demo_shop(''demo'', %s)', :'shop') AS what,
	''::text AS retrain,
	'bought'::text AS does;
