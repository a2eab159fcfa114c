-- The distinct positive pairs of a recommender (table :pairs), and each user's
-- list of items (table list beside it), for counting by SQL.

\set QUIET 1
SET client_min_messages = warning;
-- at 4 MB the second stage of a parallel DISTINCT can spill for minutes
SET work_mem = '1 GB';
SELECT split_part(:'pairs', '.', 1) AS schema \gset
CREATE UNLOGGED TABLE :pairs AS
SELECT DISTINCT user_id, item_id FROM :shop.interaction WHERE positive;
ANALYZE :pairs;
CREATE UNLOGGED TABLE :schema.list AS
SELECT user_id, array_agg(item_id ORDER BY item_id) AS items FROM :pairs GROUP BY user_id;
ANALYZE :schema.list;
