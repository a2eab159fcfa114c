-- metric: ranking metrics of one list, against numbers worked out by hand
\set SHOW_CONTEXT never

-- every metric at one k, rounded so that the last bits of log2 do not matter
CREATE FUNCTION pg_temp.metrics(ranked anyarray, relevant anyarray, k int,
	OUT prec numeric, OUT recall numeric, OUT capped numeric, OUT ndcg numeric,
	OUT ap numeric, OUT rr numeric, OUT hit numeric)
LANGUAGE sql AS $$
	SELECT round(recsys.precision_at_k(ranked, relevant, k)::numeric, 4),
		round(recsys.recall_at_k(ranked, relevant, k)::numeric, 4),
		round(recsys.capped_recall_at_k(ranked, relevant, k)::numeric, 4),
		round(recsys.ndcg_at_k(ranked, relevant, k)::numeric, 4),
		round(recsys.average_precision_at_k(ranked, relevant, k)::numeric, 4),
		round(recsys.reciprocal_rank(ranked, relevant, k)::numeric, 4),
		round(recsys.hit_at_k(ranked, relevant, k)::numeric, 4)
$$;

-- List 10 20 30 40 50, relevant 20 40 60: hits at places 2 and 4.
--   precision 2/5 = .4, recall 2/3, capped recall 2/min(5, 3) = 2/3
--   DCG  = 1/log2(3) + 1/log2(5) = .63093 + .43068 = 1.06161
--   best = 1/log2(2) + 1/log2(3) + 1/log2(4) = 1 + .63093 + .5 = 2.13093
--   NDCG = .49819
--   precision at the hits 1/2 and 2/4: AP = (.5 + .5) / min(5, 3) = .33333
--   first hit at place 2: RR = .5
SELECT * FROM pg_temp.metrics('{10,20,30,40,50}'::int[], '{20,40,60}'::int[], 5);

-- k = 1: the first place is no hit: all 0
-- k = 2: one hit at place 2; precision 1/2, recall 1/3, capped 1/2,
--   NDCG .63093 / (1 + .63093) = .38685, AP = .5 / 2 = .25
-- k = 3: precision 1/3, recall 1/3, capped 1/3, NDCG .63093 / 2.13093 = .29608, AP = .5 / 3
-- k = 10, twice the list: precision 2/10, the others as at 5
SELECT k, m.* FROM unnest('{1,2,3,10}'::int[]) k,
	LATERAL pg_temp.metrics('{10,20,30,40,50}'::int[], '{20,40,60}'::int[], k) m ORDER BY k;
SELECT (m).ndcg FROM (SELECT pg_temp.metrics('{10,20,30,40,50}'::int[], '{20,40,60}'::int[], 2147483647) m) x;

-- perfect: recall is limited by k = 2 of 3 relevant ones, the others are 1
SELECT * FROM pg_temp.metrics('{1,2,3}'::int[], '{3,2,1}'::int[], 2);
SELECT * FROM pg_temp.metrics('{1,2,3}'::int[], '{3,2,1}'::int[], 3);
-- hopeless: all 0, and so is an empty list
SELECT * FROM pg_temp.metrics('{1,2,3}'::int[], '{4,5}'::int[], 3);
SELECT * FROM pg_temp.metrics('{}'::int[], '{4,5}'::int[], 3);
-- nothing relevant: NULL, not 0
SELECT * FROM pg_temp.metrics('{1,2,3}'::int[], '{}'::int[], 3);
SELECT * FROM pg_temp.metrics('{}'::int[], '{}'::int[], 3);

-- relevant is a set: 2 counts once, recall 1/2
SELECT * FROM pg_temp.metrics('{2,7}'::int[], '{2,2,2,3}'::int[], 2);
-- subscripts of another base
SELECT recsys.precision_at_k('[0:1]={1,2}'::int[], '[7:7]={2}'::int[], 2) AS precision;

-- the reciprocal rank may be of the whole list
SELECT recsys.reciprocal_rank('{1,2,3,4}'::int[], '{4}') AS whole,
	recsys.reciprocal_rank('{1,2,3,4}'::int[], '{4}', NULL) AS whole_too,
	recsys.reciprocal_rank('{1,2,3,4}'::int[], '{4}', 3) AS of_three,
	recsys.reciprocal_rank('{}'::int[], '{4}') AS of_none,
	recsys.reciprocal_rank('{1,2}'::int[], '{}') AS no_relevant;

-- ids of other types: text with quotes, spaces and beyond ASCII, uuid, bigint,
-- numeric (1.0 equals 1.00), a domain, an enum
SELECT recsys.precision_at_k(ARRAY['it''s', 'two words', '"', 'ünïcode', '🛒', ''], ARRAY['🛒', 'two words', '', 'Ünïcode'], 6) AS half;
SELECT recsys.recall_at_k(ARRAY['00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b']::uuid[],
	ARRAY['00000000-0000-0000-0000-00000000000B', '00000000-0000-0000-0000-00000000000C']::uuid[], 2) AS half;
SELECT recsys.hit_at_k(ARRAY[9223372036854775807, -1], ARRAY[-1::int8], 2) AS one;
SELECT recsys.hit_at_k(ARRAY[1.00, 2], ARRAY[1.0], 1) AS one;
CREATE DOMAIN metric_sku AS text;
CREATE TYPE metric_kind AS ENUM ('a', 'b');
SELECT recsys.hit_at_k(ARRAY['x', 'y']::metric_sku[], ARRAY['y']::metric_sku[], 2) AS one,
	recsys.hit_at_k(ARRAY['a', 'b']::metric_kind[], ARRAY['b']::metric_kind[], 1) AS zero;
DROP TYPE metric_kind;
DROP DOMAIN metric_sku;

-- 2000 different ids: the tables of ids grow; precision 1000/2000
SELECT recsys.precision_at_k(array_agg(i), array_agg(i) FILTER (WHERE i % 2 = 0), 2000) AS half,
	recsys.precision_at_k(array_agg(i::text), array_agg(i::text) FILTER (WHERE i % 2 = 0), 2000) AS half_of_text
FROM generate_series(1, 2000) i;

-- NULL arguments give NULL
SELECT recsys.precision_at_k(NULL::int[], '{1}', 1) IS NULL AS ranked, recsys.recall_at_k('{1}'::int[], NULL, 1) IS NULL AS relevant,
	recsys.ndcg_at_k('{1}'::int[], '{1}', NULL) IS NULL AS k, recsys.reciprocal_rank(NULL::int[], '{1}') IS NULL AS rr_ranked,
	recsys.reciprocal_rank('{1}'::int[], NULL) IS NULL AS rr_relevant;

-- errors
SELECT recsys.precision_at_k('{1,2,1}'::int[], '{1}', 2); \echo :SQLSTATE
SELECT recsys.ndcg_at_k('{1,1}'::int[], '{}', 2); \echo :SQLSTATE
SELECT recsys.recall_at_k('{1}'::int[], '{1}', 0); \echo :SQLSTATE
SELECT recsys.hit_at_k('{1}'::int[], '{1}', -1); \echo :SQLSTATE
SELECT recsys.reciprocal_rank('{1}'::int[], '{1}', 0); \echo :SQLSTATE
SELECT recsys.average_precision_at_k('{1,NULL}'::int[], '{1}', 1); \echo :SQLSTATE
SELECT recsys.average_precision_at_k('{1}'::int[], '{NULL}', 1); \echo :SQLSTATE
SELECT recsys.precision_at_k('{{1,2},{3,4}}'::int[], '{1}', 1); \echo :SQLSTATE
SELECT recsys.precision_at_k('{1}'::int[], '{{1,2},{3,4}}', 1); \echo :SQLSTATE
SELECT recsys.precision_at_k(ARRAY['{}']::json[], ARRAY['{}']::json[], 1); \echo :SQLSTATE
-- both must be of one type (the server's own words differ by version)
\set VERBOSITY sqlstate
SELECT recsys.precision_at_k('{1}'::int[], '{1}'::text[], 1);
