-- fresh: new items of the catalog, read at each call or kept for some seconds
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY default

SELECT * FROM recsys.demo_shop('fresh_demo', users => 1500, items => 120, interactions => 40000, until => '2025-01-01Z');
CREATE INDEX ON fresh_demo.product (product_id);
DROP INDEX fresh_demo.product_released_at_idx;
-- a long catalog, of what nobody has bought, and the newest ones
INSERT INTO fresh_demo.product SELECT 1000 + n, 'Old ' || n, 'old', 1, '2001-01-01Z', true FROM generate_series(1, 20000) n;
INSERT INTO fresh_demo.product SELECT 900 + n, 'New ' || n, 'new', 10, '2025-06-01Z'::timestamptz + n * interval '1 day', true FROM generate_series(1, 6) n;
ANALYZE fresh_demo.product;

-- the notice has the command to paste
SET client_min_messages = notice;
SELECT recsys.create_recommender('freshshop', 'fresh_demo.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
	'fresh_demo.product', positives => '{"purchase": {"weight": 1, "owned": true}, "view": {"weight": 0.1}}', settings => '{"rules": {"bots": false}}');
-- none where nothing is said of the catalog, nor without a time of release, nor without new items
SELECT recsys.create_recommender('freshshop_2', 'fresh_demo.event', 'user_id', 'product_id', 'happened_at',
	catalog => 'fresh_demo.product', catalog_columns => '{"released_at": null}');
SELECT recsys.drop_recommender('freshshop_2');
SELECT recsys.alter_recommender('freshshop', user_column => 'user_id');
SELECT recsys.alter_recommender('freshshop', time_zone => 'Asia/Tokyo');
BEGIN;
SELECT recsys.alter_policy('freshshop', 'default', '{"fresh_candidates": 0}');
SELECT recsys.alter_recommender('freshshop', time_zone => 'UTC');
ROLLBACK;
-- a date and a timestamp need an index on what the view makes of them; another index is of no use
BEGIN;
ALTER TABLE fresh_demo.product ADD "on" date DEFAULT '2024-01-01', ADD at timestamp DEFAULT '2024-01-01';
CREATE INDEX ON fresh_demo.product ("on");
CREATE INDEX ON fresh_demo.product (released_at) WHERE available;
CREATE INDEX ON fresh_demo.product (title, released_at);
SELECT recsys.alter_recommender('freshshop', catalog => 'fresh_demo.product');
SELECT recsys.alter_recommender('freshshop', catalog_columns => '{"released_at": "on"}');
SELECT recsys.alter_recommender('freshshop', catalog_columns => '{"released_at": "at"}');
CREATE INDEX ON fresh_demo.product (("on"::timestamp AT TIME ZONE 'Asia/Tokyo'));
SELECT recsys.alter_recommender('freshshop', catalog_columns => '{"released_at": "on"}');
CREATE INDEX ON fresh_demo.product (released_at DESC, product_id);
SELECT recsys.alter_recommender('freshshop', catalog_columns => '{"released_at": "released_at"}');
ROLLBACK;
SET client_min_messages = warning;

SELECT recsys.alter_policy('freshshop', 'default', '{"factors": 4, "sweeps": 5, "neighbor_candidates": 5, "factor_candidates": 5,
	"popularity_candidates": 5, "category_candidates": 5, "fresh_candidates": 3}');
CALL recsys.retrain('freshshop', evaluate => false);
SELECT count(*) > 0 AS ranked FROM recsys.ranker_weight WHERE recommender = 'freshshop';

-- new items among the candidates: the rest of the model's items comes after them
CREATE FUNCTION fresh_demo.new_items(as_of timestamptz DEFAULT NULL) RETURNS int[] LANGUAGE sql AS $$
	WITH l AS MATERIALIZED (SELECT * FROM freshshop.recommend(1, 80, as_of => $1))
	SELECT array_agg(l.item_id ORDER BY l.item_id DESC) FROM l
	WHERE l.source = 'fresh' AND l.rank < (SELECT max(o.rank) FROM l o WHERE o.source <> 'fresh') $$;
CREATE VIEW fresh_demo.kept AS SELECT count(*) AS lists FROM pg_backend_memory_contexts WHERE name = 'recsys kept newest items';

-- costly to read: the list is kept, but what may be listed is asked at each call; within a transaction time stands still
\c -
BEGIN;
SELECT fresh_demo.new_items();
SELECT lists FROM fresh_demo.kept;
INSERT INTO fresh_demo.product VALUES (999, 'Newest', 'new', 10, '2025-07-01Z', true);
SELECT fresh_demo.new_items();
-- not as of another instant
SELECT fresh_demo.new_items(now() - interval '1 microsecond');
UPDATE fresh_demo.product SET available = false WHERE product_id = 906;
SELECT fresh_demo.new_items();
SELECT count(*) FROM freshshop.recommend(1, 100) WHERE item_id = 906;
DELETE FROM fresh_demo.product WHERE product_id = 905;
SELECT fresh_demo.new_items();
INSERT INTO freshshop.excluded_item (item_id) VALUES (904);
SELECT fresh_demo.new_items();
ROLLBACK;

-- nothing is kept of what may roll back
\c -
BEGIN;
INSERT INTO fresh_demo.product VALUES (999, 'Newest', 'new', 10, '2025-07-01Z', true);
SELECT fresh_demo.new_items();
ROLLBACK;
SELECT lists FROM fresh_demo.kept;
SELECT fresh_demo.new_items();

-- a changed definition is another list
BEGIN;
SELECT fresh_demo.new_items();
SELECT recsys.alter_recommender('freshshop', catalog_columns => '{"available": null}');
INSERT INTO fresh_demo.product VALUES (999, 'Newest', 'new', 10, '2025-07-01Z', true);
SELECT fresh_demo.new_items();
ROLLBACK;
-- and where items need not stand in the catalog, they must be read from it
BEGIN;
SELECT fresh_demo.new_items();
SELECT recsys.alter_recommender('freshshop', settings => '{"require_catalog": false}');
INSERT INTO fresh_demo.product VALUES (999, 'Newest', 'new', 10, '2025-07-01Z', true);
SELECT fresh_demo.new_items();
ROLLBACK;

-- each role has its own; none under row-level security
CREATE ROLE recsys_fresh_app;
GRANT USAGE ON SCHEMA fresh_demo, freshshop TO recsys_fresh_app;
GRANT SELECT ON ALL TABLES IN SCHEMA fresh_demo, freshshop TO recsys_fresh_app;
\c -
BEGIN;
SELECT fresh_demo.new_items();
SET LOCAL ROLE recsys_fresh_app;
SELECT fresh_demo.new_items();
RESET ROLE;
SELECT lists FROM fresh_demo.kept;
ROLLBACK;
ALTER TABLE fresh_demo.product ENABLE ROW LEVEL SECURITY;
CREATE POLICY fresh_app ON fresh_demo.product TO recsys_fresh_app USING (product_id <> 906);
BEGIN;
SET LOCAL ROLE recsys_fresh_app;
SELECT fresh_demo.new_items();
RESET ROLE;
INSERT INTO fresh_demo.product VALUES (999, 'Newest', 'new', 10, '2025-07-01Z', true);
SET LOCAL ROLE recsys_fresh_app;
SELECT fresh_demo.new_items();
ROLLBACK;
ALTER TABLE fresh_demo.product DISABLE ROW LEVEL SECURITY;

-- cheap to read: what is new is seen at once
CREATE INDEX ON fresh_demo.product (released_at);
\c -
BEGIN;
SELECT fresh_demo.new_items();
INSERT INTO fresh_demo.product VALUES (999, 'Newest', 'new', 10, '2025-07-01Z', true);
SELECT fresh_demo.new_items();
SELECT lists FROM fresh_demo.kept;
ROLLBACK;

SET client_min_messages = warning;
SELECT recsys.drop_recommender('freshshop');
DROP SCHEMA fresh_demo CASCADE;
DROP ROLE recsys_fresh_app;
