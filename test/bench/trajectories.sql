-- The sequential test on real trajectories: 99 comparisons of 78 experiments
-- by four metrics, cumulative at each checkpoint (ASOS Digital Experiments
-- Dataset, CC BY 4.0).
--
--	psql -f test/bench/trajectories.sql
--
-- Takes the table checkpoint, leaves the table trajectory.  An experiment is
-- planned for the units that it had at its first tenth of time times ten: what
-- an estimate before the start would say.

SET max_parallel_workers_per_gather = 0;
SET jit = off;

CREATE TABLE trajectory AS
WITH look AS (
	SELECT c.*, mean_t - mean_c AS d, sqrt(variance_c / count_c + variance_t / count_t) AS error, (count_c + count_t)::int8 AS n,
		greatest(1, (10 * first_value(count_c + count_t) OVER (PARTITION BY experiment_id, variant_id, metric_id ORDER BY early, CASE WHEN early THEN -time_since_start ELSE time_since_start END))::int8) AS planned
	FROM (SELECT c.*, time_since_start > max(time_since_start) OVER (PARTITION BY experiment_id, variant_id, metric_id) / 10 AS early FROM checkpoint c) c
	WHERE count_c >= 100 AND count_t >= 100 AND variance_c > 0 AND variance_t > 0
)
SELECT experiment_id, variant_id, metric_id, time_since_start AS day, d, error, n, planned, s.lower, s.upper, s.p_value,
	abs(d) > 1.959964 * error AS single_look, s.p_value < 0.05 AS sequential
FROM look, recsys.sequential_interval(d, error, n, 0.05, planned) s;

CREATE TABLE trajectory_end AS
SELECT experiment_id, variant_id, metric_id, count(*) AS looks, bool_or(single_look) AS ever_single, bool_or(sequential) AS ever_sequential,
	(array_agg(single_look ORDER BY day DESC))[1] AS end_single, (array_agg(sequential ORDER BY day DESC))[1] AS end_sequential,
	sign((array_agg(d ORDER BY day) FILTER (WHERE sequential))[1]) AS called, sign((array_agg(d ORDER BY day DESC))[1]) AS ended,
	sign((array_agg(d ORDER BY day) FILTER (WHERE single_look))[1]) AS single_called,
	max(lower) <= min(upper) AS intervals_meet
FROM trajectory GROUP BY experiment_id, variant_id, metric_id;

SELECT 'metric ' || coalesce(metric_id::text, '1 to 4') AS metric, count(*) AS comparisons, sum(looks) AS looks,
	count(*) FILTER (WHERE ever_single) AS single_look_ever, count(*) FILTER (WHERE ever_single AND NOT end_single) AS and_taken_back,
	count(*) FILTER (WHERE ever_sequential) AS sequential_ever, count(*) FILTER (WHERE ever_sequential AND called <> ended) AS and_turned,
	count(*) FILTER (WHERE single_called <> ended) AS single_look_turned, count(*) FILTER (WHERE intervals_meet) AS all_intervals_meet
FROM trajectory_end GROUP BY ROLLUP (metric_id) ORDER BY 1;
