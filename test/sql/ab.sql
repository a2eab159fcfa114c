-- Statistics of A/B tests.
SET search_path = recsys, public;
SET extra_float_digits = -6;

-- Kohavi, Tang, Xu (2020), chapter 21: 821,588 and 815,482 of 50/50
SELECT round(sample_ratio_p('{821588,815482}', '{1,1}')::numeric, 7) AS srm,
	sample_ratio_p('{90,60,50}', '{2,1,1}') AS three, exp(-1.5::float8) AS by_hand,
	sample_ratio_p('{0,0}', '{.5,.5}') AS nobody, sample_ratio_p(NULL, '{1,1}') IS NULL AS unknown;
-- Lindon and Malek (2022), by hand: what the units so far foretell of each next one, over what should be
WITH unit AS (
	SELECT n, (n % 6 = 0)::int AS arm FROM generate_series(1, 90) n
), foretold AS (
	SELECT (10 * 0.5 + count(*) OVER (PARTITION BY arm ORDER BY n) - 1) / (10 + n - 1) AS p FROM unit
)
SELECT round((1 / exp(sum(ln(p / 0.5))))::numeric, 15) = round(sequential_sample_ratio_p('{75,15}', '{1,1}', 10)::numeric, 15) AS by_hand,
	sequential_sample_ratio_p('{75,15}', '{1,1}', 10) AS p, sequential_sample_ratio_p('{0,0,0}', '{1,2,3}') AS nobody, sequential_sample_ratio_p('{50,51}', '{.5,.5}') AS even,
	sequential_sample_ratio_p('{821588,815482}', '{1,1}') AS later FROM foretold;
-- looked at after every unit of 400 experiments with arms one to two, at most a twentieth is ever below .05; the other check is in far more
WITH unit AS (
	SELECT e, n, count(*) FILTER (WHERE bucket('srm', e || '/' || n) < 1 / 3.0::float8) OVER (PARTITION BY e ORDER BY n) AS a FROM generate_series(1, 400) e, generate_series(1, 400) n
), looked AS (
	SELECT e, min(sequential_sample_ratio_p(ARRAY[a, n - a], '{1,2}')) AS p, min(sample_ratio_p(ARRAY[a, n - a], '{1,2}')) AS single FROM unit GROUP BY e
)
SELECT count(*) FILTER (WHERE p < 0.05) <= 20 AS valid, count(*) FILTER (WHERE single < 0.05) > 100 AS inflated FROM looked;

-- Newcombe (1998), table II: .0524 to .3339
SELECT round(difference::numeric, 4) AS difference, round(lower::numeric, 4) AS lower, round(upper::numeric, 4) AS upper,
	round(p_value::numeric, 6) AS p FROM two_proportions(48, 80, 56, 70);
-- Student's sleep data: t 1.8608, df 17.776, p .07939, -.2054832 to 3.3654832
SELECT round(difference::numeric, 2) AS difference, round(t::numeric, 4) AS t, round(df::numeric, 3) AS df, round(p_value::numeric, 5) AS p,
	round(lower::numeric, 7) AS lower, round(upper::numeric, 7) AS upper
FROM (SELECT avg(x) FILTER (WHERE g = 1) AS ma, var_samp(x) FILTER (WHERE g = 1) AS va, avg(x) FILTER (WHERE g = 2) AS mb, var_samp(x) FILTER (WHERE g = 2) AS vb
	FROM (SELECT 1 AS g, unnest('{.7,-1.6,-.2,-1.2,-.1,3.4,3.7,.8,0,2}'::float8[]) AS x
		UNION ALL SELECT 2, unnest('{1.9,.8,1.1,.1,-.1,4.4,5.5,1.6,4.6,3.4}'::float8[])) s) m, welch(ma, va, 10, mb, vb, 10);
SELECT * FROM welch(1, 0, 5, 1, 0, 5);

-- a ratio's error is that of its linearised values; CUPED is a regression with a common slope
CREATE TEMP TABLE unit AS
SELECT i, i % 2 AS arm, (i * 7919 % 101) / 10.0::float8 AS y, (i * 104729 % 97) / 20.0 + (i * 7919 % 101) / 25.0 + 1::float8 AS x FROM generate_series(1, 400) i;
CREATE TEMP TABLE arm AS
SELECT arm, count(*) AS n, avg(y) AS y, var_samp(y) AS vy, avg(x) AS x, var_samp(x) AS vx, covar_samp(y, x) AS c FROM unit GROUP BY arm;
SELECT round(abs(r.difference - (b.y / b.x - a.y / a.x))::numeric, 12) AS difference,
	round(abs(r.standard_error - (SELECT sqrt(sum(v)) FROM (SELECT var_samp((u.y - m.y / m.x * u.x) / m.x) / count(*) AS v FROM unit u JOIN arm m USING (arm) GROUP BY arm) s))::numeric, 12) AS error
FROM arm a, arm b, ratio_difference(a.n, a.y, a.vy, a.x, a.vx, a.c, b.n, b.y, b.vy, b.x, b.vx, b.c) r WHERE (a.arm, b.arm) = (0, 1);
WITH slope AS (
	SELECT regr_slope(u.y - m.y, u.x - m.x) AS theta FROM unit u JOIN arm m USING (arm)
), adjusted AS (
	SELECT arm, count(*) AS n, avg(y - theta * x) AS m, var_samp(y - theta * x) AS v FROM unit, slope GROUP BY arm
)
SELECT round(abs(c.theta - s.theta)::numeric, 12) AS theta, round(abs(c.difference - w.difference)::numeric, 12) AS difference,
	round(abs(c.p_value - w.p_value)::numeric, 12) AS p,
	round(abs(c.variance_reduction - (1 - (p.v / p.n + q.v / q.n) / (a.vy / a.n + b.vy / b.n)))::numeric, 12) AS reduction, c.variance_reduction > .1 AS reduced
FROM arm a, arm b, slope s, adjusted p, adjusted q, welch(p.m, p.v, p.n, q.m, q.v, q.n) w,
	cuped(a.n, a.y, a.vy, a.x, a.vx, a.c, b.n, b.y, b.vy, b.x, b.vx, b.c) c
WHERE (a.arm, b.arm, p.arm, q.arm) = (0, 1, 0, 1);

-- always valid: wider than the fixed interval, by the formula of its comment
SELECT lower > -3.2 AND lower < -1.96 AS wider, p_value, round(abs(upper - sqrt((v + 1) / v * (ln(v + 1) - 2 * ln(.05))))::numeric, 12) AS formula
FROM sequential_interval(0, 1, 10000), (SELECT ln(1 - 2 * ln(.05)) - 2 * ln(.05) AS v) f;
SELECT bool_and((p_value < .1) = (lower > 0)) AS agree, count(*) FILTER (WHERE lower > 0) AS outside
FROM generate_series(1, 60) i, sequential_interval(i / 10.0, 1, 500, .1, 1000);

-- errors
SELECT sample_ratio_p('{1,2}', '{1}');
SELECT sample_ratio_p('{1}', '{1}');
SELECT sample_ratio_p('{1,-2}', '{1,1}');
SELECT sample_ratio_p('{1,2}', '{1,0}');
SELECT sample_ratio_p('{1,NULL}', '{1,1}');
SELECT sequential_sample_ratio_p('{1,2}', '{1}');
SELECT sequential_sample_ratio_p('{1,2}', '{1,1}', 0);
SELECT sequential_sample_ratio_p('{5000,5000}', '{1,1}', 1e300);
-- a prior that is hardly wider than the ratio cannot be told from it
SELECT abs(sequential_sample_ratio_p('{5100,4900}', '{1,1}', 1e9) - 1) < 1e-4 AS same;
SELECT sequential_sample_ratio_p('{1,2}', '{1,1}', 'NaN');
SELECT * FROM two_proportions(5, 4, 1, 4);
SELECT * FROM two_proportions(1, 0, 1, 4);
SELECT * FROM two_proportions(1, 4, 1, 4, 1);
SELECT * FROM welch('NaN', 1, 5, 1, 1, 5);
SELECT * FROM welch(1, -1, 5, 1, 1, 5);
SELECT * FROM welch(1, 1, 1, 1, 1, 5);
SELECT * FROM ratio_difference(5, 1, 1, 0, 1, 0, 5, 1, 1, 1, 1, 0);
SELECT * FROM cuped(5, 1, 1, 0, 1, 2, 5, 1, 1, 1, 1, 0);
SELECT * FROM sequential_interval(1, 1, 0);
