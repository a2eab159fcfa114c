-- top_k: the k best items of a group; nearest: those of the greatest products
\set SHOW_CONTEXT never

CREATE TABLE top_k_score (grp text, item int, score float8);
INSERT INTO top_k_score VALUES
	('plain', 1, .5), ('plain', 2, .9), ('plain', 3, -.2), ('plain', 4, .7), ('plain', 5, 0),
	('ties', 30, 1), ('ties', 10, 1), ('ties', 20, 1), ('ties', 40, 2),
	('dirt', 1, NULL), ('dirt', NULL, 9), ('dirt', 2, 'NaN'), ('dirt', 3, .1), ('dirt', 4, '-Infinity'), ('dirt', 5, 'Infinity'),
	('void', 1, NULL), ('void', NULL, 1);

-- best first; a NULL item, a NULL or a NaN score is no row; ties by item;
-- fewer than k: all there are
SELECT grp, recsys.top_k(item, score, 3) AS three, recsys.top_k(item, score, 100) AS hundred,
	recsys.top_k(item, score, 1) AS one, recsys.top_k(item, score, 0) AS none
FROM top_k_score GROUP BY grp ORDER BY grp COLLATE "C";
-- no row at all
SELECT recsys.top_k(item, score, 3) IS NULL AS "null" FROM top_k_score WHERE false;
SELECT recsys.top_k(item, score, 3) FROM top_k_score \gdesc

-- the order of arrival does not matter
SELECT count(DISTINCT t) AS answers FROM (
	SELECT recsys.top_k(item, score, 3 ORDER BY (item * 7919 * r) % 101) AS t
	FROM top_k_score, generate_series(1, 20) r WHERE grp = 'ties' GROUP BY r) x;
-- 0 and -0 are the same score
SELECT recsys.top_k(i, s, 2) FROM (VALUES (2, '0'::float8), (1, '-0'), (3, '-0')) v (i, s);

-- ties go by the bytes in which the type is sent: a negative number, sent in
-- two's complement, comes after the positive ones; text in byte order, a
-- prefix first
SELECT recsys.top_k(i, 1, 4) FROM unnest('{-1,0,1,256}'::int[]) i;
SELECT recsys.top_k(t, 1, 10) FROM unnest('{b,B,ab,a,"",ä,"two words","it''s",🛒}'::text[]) t;
SELECT recsys.top_k(u, 1, 2) FROM unnest('{00000000-0000-0000-0000-00000000000b,00000000-0000-0000-0000-00000000000A}'::uuid[]) u;
-- the same item may come twice: it is not our business
SELECT recsys.top_k(i, s, 3) FROM (VALUES (1, 1), (1, 2), (2, 1.5)) v (i, s);
-- other types: bigint, numeric, timestamptz, a domain
CREATE DOMAIN top_k_sku AS text;
SELECT recsys.top_k(i::int8, i, 2) AS int8, recsys.top_k(i::numeric / 4, i, 2) AS numeric,
	recsys.top_k('2024-01-01Z'::timestamptz AT TIME ZONE 'UTC' + i * interval '1 day', i, 2)::date[] AS days,
	recsys.top_k(('sku ' || i)::top_k_sku, i, 2) AS domain
FROM generate_series(1, 9) i;
DROP DOMAIN top_k_sku;

-- as a window function the state is finished again and again
SELECT item, recsys.top_k(item, score, 2) OVER (ORDER BY item)
FROM top_k_score WHERE grp = 'plain' ORDER BY item;
-- with FILTER, and over thousands of items against a sort
SELECT recsys.top_k(i, i, 2) FILTER (WHERE i < 100) FROM generate_series(1, 1000) i;
SELECT recsys.top_k(i, (i * 7919) % 10007, 500)
		= (SELECT array_agg(i ORDER BY s DESC, i) FROM (SELECT i, (i * 7919) % 10007 AS s
			FROM generate_series(1, 20000) i ORDER BY s DESC, i LIMIT 500) x) AS as_sorted
FROM generate_series(1, 20000) i;

-- parallel: workers' states are serialized, sent and combined
CREATE TABLE top_k_large AS
	SELECT i AS item, 'item ' || i AS name, (i % 11)::float8 AS score FROM generate_series(1, 20000) i;
ALTER TABLE top_k_large SET (parallel_workers = 2);
ANALYZE top_k_large;
CREATE TABLE top_k_serial AS
	SELECT recsys.top_k(item, score, 50) AS items, recsys.top_k(name, score, 50) AS names,
		recsys.top_k(item, score, 0) AS none, recsys.top_k(item, NULL, 5) AS no_score
	FROM top_k_large;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT recsys.top_k(item, score, 50) FROM top_k_large;
SET parallel_leader_participation = off;
CREATE TABLE top_k_workers AS
	SELECT recsys.top_k(item, score, 50) AS items, recsys.top_k(name, score, 50) AS names,
		recsys.top_k(item, score, 0) AS none, recsys.top_k(item, NULL, 5) AS no_score
	FROM top_k_large;
RESET parallel_leader_participation;
CREATE TABLE top_k_both AS
	SELECT recsys.top_k(item, score, 50) AS items, recsys.top_k(name, score, 50) AS names,
		recsys.top_k(item, score, 0) AS none, recsys.top_k(item, NULL, 5) AS no_score
	FROM top_k_large;
SELECT s = w AS workers, s = b AS workers_and_leader FROM top_k_serial s, top_k_workers w, top_k_both b;
-- 10, 21, 32, ... have the score 10
SELECT items[1:5], names[1:3], none, no_score FROM top_k_serial;
-- no rows for one worker, or for any
SELECT recsys.top_k(item, score, 3) FROM top_k_large WHERE item = 7;
SELECT recsys.top_k(item, score, 3) FROM top_k_large WHERE item < 0;
-- another k in each worker is refused as in one
\set VERBOSITY sqlstate
SELECT recsys.top_k(item, score, item % 2) FROM top_k_large;
\set VERBOSITY default
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- errors
SELECT recsys.top_k(item, score, -1) FROM top_k_score; \echo :SQLSTATE
SELECT recsys.top_k(item, score, NULL) FROM top_k_score; \echo :SQLSTATE
SELECT recsys.top_k(item, score, item) FROM top_k_score WHERE grp = 'plain'; \echo :SQLSTATE
SELECT recsys.top_k(a, 1, 1) FROM (VALUES ('=r/postgres'::aclitem)) v (a); \echo :SQLSTATE

DROP TABLE top_k_score, top_k_large, top_k_serial, top_k_workers, top_k_both;

-- nearest: best first by the product with the query, ties by item; a row with
-- a NULL, or with a product that is not a number, is no row
CREATE TABLE top_k_vector (item text, vector float4[]);
INSERT INTO top_k_vector VALUES ('a', '{1,0}'), ('b', '{0,1}'), ('c', '{2,2}'), ('d', '{-1,5}'), ('e', '{5,-1}'),
	('none', NULL), (NULL, '{9,9}'), ('nan', '{NaN,1}'), ('inf', '{Infinity,0}');
SELECT recsys.nearest(item, vector, '{1,1}', 3) AS three, recsys.nearest(item, vector, '{1,1}', 100) AS all,
	recsys.nearest(item, vector, '{-1,0}', 2) AS left, recsys.nearest(item, vector, '{0,0}', 3) AS zero,
	recsys.nearest(item, vector, '{1,1}', 0) AS none, recsys.nearest(item, vector, NULL, 2) AS no_query
FROM top_k_vector;
SELECT recsys.nearest(item, vector, '{1,1}', 3) IS NULL AS "null" FROM top_k_vector WHERE false;
SELECT recsys.nearest(1, vector, '{1,1}', 1) FROM top_k_vector \gdesc
-- vectors without elements are all alike
SELECT recsys.nearest(i, '{}', '{}', 2) FROM generate_series(1, 3) i;
-- a window, and a query of each row's own: the nearest to the vector itself
SELECT item, recsys.nearest(item, vector, '{1,2}', 2) OVER (ORDER BY item)
FROM top_k_vector WHERE item < 'f' ORDER BY item;
SELECT recsys.nearest(item, vector, vector, 3) FROM top_k_vector WHERE item < 'f';

-- the same as top_k over dot, in one process and in several
CREATE TABLE top_k_row AS
	SELECT i AS item, ARRAY[sin(i), cos(i * 1.7), sin(i * .3), i % 5]::float4[] AS vector FROM generate_series(1, 20000) i;
ALTER TABLE top_k_row SET (parallel_workers = 2);
ANALYZE top_k_row;
CREATE TABLE top_k_nearest AS
	SELECT recsys.nearest(item, vector, '{1,-2,.5,0}', 500) AS items, recsys.nearest(item, vector, '{0,0,0,1}', 50) AS ties
	FROM top_k_row;
SELECT items = (SELECT recsys.top_k(item, recsys.dot(vector, '{1,-2,.5,0}'), 500) FROM top_k_row) AS as_top_k,
	items[1:10] = (SELECT array_agg(item ORDER BY s DESC, item) FROM (SELECT item, recsys.dot(vector, '{1,-2,.5,0}') AS s
		FROM top_k_row ORDER BY s DESC, item LIMIT 10) x) AS as_sorted, ties[1:4]
FROM top_k_nearest;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT recsys.nearest(item, vector, '{1,-2,.5,0}', 500) FROM top_k_row;
SELECT n.items = p.items AND n.ties = p.ties AS parallel
FROM top_k_nearest n, (SELECT recsys.nearest(item, vector, '{1,-2,.5,0}', 500) AS items,
	recsys.nearest(item, vector, '{0,0,0,1}', 50) AS ties FROM top_k_row) p;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- errors
SELECT recsys.nearest(item, vector, '{1,2,3}', 3) FROM top_k_vector; \echo :SQLSTATE
SELECT recsys.nearest(item, vector, '{}', 3) FROM top_k_vector; \echo :SQLSTATE
SELECT recsys.nearest(item, '{{1,2}}', '{1,2}', 3) FROM top_k_vector; \echo :SQLSTATE
SELECT recsys.nearest(item, vector, '{1,NULL}', 3) FROM top_k_vector; \echo :SQLSTATE
SELECT recsys.nearest(item, vector, '{1,2}', -1) FROM top_k_vector; \echo :SQLSTATE
SELECT recsys.nearest(item, vector, '{1,2}', NULL) FROM top_k_vector; \echo :SQLSTATE
SELECT recsys.nearest(item, vector, '{1,2}', length(item)) FROM top_k_vector; \echo :SQLSTATE

DROP TABLE top_k_vector, top_k_row, top_k_nearest;
