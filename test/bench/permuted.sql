-- A/A tests by permuting customers: in each test customers arrive in a random
-- order and fall into two arms at random, and after each of them the
-- sequential test is looked at.
--
--	psql -v tests=2000 -v units=2000 -f test/bench/permuted.sql
--
-- Takes the table customer (id, conversion, revenue), leaves the table
-- permuted: for each metric, tests and those in which the test, and a test
-- that supposes a single look, ever saw a difference at alpha .05.

SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET work_mem = '256MB';
SELECT setseed(0.5) \g /dev/null
CREATE TABLE permuted (metric text, tests int8, sequential int8, repeated int8, at_the_end int8);

CREATE FUNCTION pg_temp.permute(metric text, tests int, units int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($q$
	INSERT INTO permuted
	WITH arrival AS MATERIALIZED (
		SELECT t, random() AS place, random() < 0.5 AS b, c.%1$I AS x FROM generate_series(1, %2$s) t, LATERAL (
			SELECT c.* FROM customer c WHERE random() < %3$s::float8 / (SELECT count(*) FROM customer) AND t > 0 OFFSET 0) c
	), sums AS (
		SELECT t, row_number() OVER w AS n, count(*) FILTER (WHERE b) OVER w AS nb, sum(x) FILTER (WHERE b) OVER w AS sb, sum(x * x) FILTER (WHERE b) OVER w AS qb,
			sum(x) FILTER (WHERE NOT b) OVER w AS sa, sum(x * x) FILTER (WHERE NOT b) OVER w AS qa
		FROM arrival WINDOW w AS (PARTITION BY t ORDER BY place ROWS UNBOUNDED PRECEDING)
	), look AS (
		SELECT t, n, sb / nb - sa / (n - nb) AS d, sqrt(greatest(0, (qb - sb * sb / nb) / (nb - 1) / nb + (qa - sa * sa / (n - nb)) / (n - nb - 1) / (n - nb))) AS error
		FROM sums WHERE nb >= 100 AND n - nb >= 100
	), test AS (
		SELECT t, bool_or(error > 0 AND (recsys.sequential_interval(d, error, n, 0.05, %3$s)).p_value < 0.05) AS sequential,
			bool_or(abs(d) > 1.959964 * error) AS repeated, (array_agg(abs(d) > 1.959964 * error ORDER BY n DESC))[1] AS at_the_end
		FROM look GROUP BY t
	)
	SELECT %1$L, count(*), count(*) FILTER (WHERE sequential), count(*) FILTER (WHERE repeated), count(*) FILTER (WHERE at_the_end) FROM test$q$, metric, tests, units);
END $$;
SELECT pg_temp.permute('conversion', :tests, :units) \g /dev/null
SELECT pg_temp.permute('revenue', :tests, :units) \g /dev/null
SELECT pg_temp.permute('capped_revenue', :tests, :units) \g /dev/null

SELECT metric, tests, round(sequential::numeric / tests, 4) AS sequential, round(repeated::numeric / tests, 4) AS single_look_repeated, round(at_the_end::numeric / tests, 4) AS single_look
FROM permuted ORDER BY metric;
