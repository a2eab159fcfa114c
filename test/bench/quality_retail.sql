-- The funnel beside the best single method, month by month and together.
-- Questions: "new" of a shop that does not list again what one has, "all" of
-- one that does (repeatable); "all, not repeatable" measures the first shop's
-- lists by the second's protocol, which is not what its ranker has learned.
-- Users are those known before the cutoff.
-- The single method is chosen for each month: by its validation ("validation"),
-- by the very test ("test", which favours it), or by the test among tuned and
-- default settings ("test, any").  Intervals of all months together are of
-- differences by user and month, with the months of a user as one cluster.

\set ON_ERROR_STOP 1
\set QUIET 1
\pset pager off
\pset footer off
\o /dev/null

CREATE TABLE quality_user AS
SELECT user_id, min(interacted_at) AS since FROM retail.interaction GROUP BY user_id;
ANALYZE quality_user;
ANALYZE quality_run;
ANALYZE retail.user_evaluation;
CREATE TABLE quality_value AS
SELECT q.question, r.cutoff, e.user_id, e.policy, e.value
FROM (SELECT DISTINCT again, cutoff, run_id FROM quality_run) r
	JOIN (VALUES ('new', false, 'new'), ('all', true, 'all'), ('all, not repeatable', false, 'all')) q (question, again, protocol) USING (again)
	JOIN retail.user_evaluation e ON e.run_id = r.run_id AND e.protocol = q.protocol
	JOIN quality_user u ON u.user_id = e.user_id AND u.since < r.cutoff AT TIME ZONE 'UTC'
WHERE e.metric = 'ndcg' AND e.k = 10;
CREATE TABLE quality_mean AS
SELECT question, cutoff, policy, count(*) AS users, avg(value) AS ndcg FROM quality_value GROUP BY question, cutoff, policy;
ANALYZE quality_value;
ANALYZE quality_mean;

-- must be the figures of the evaluations
SELECT count(*) = 0 AS equal FROM quality_run r JOIN recsys.evaluation e ON e.run_id = r.run_id
	JOIN quality_mean m ON m.cutoff = r.cutoff AND m.policy = e.policy
		AND m.question = CASE WHEN r.again THEN 'all' WHEN e.protocol = 'new' THEN 'new' ELSE 'all, not repeatable' END
WHERE (e.metric, e.k, e.population) = ('ndcg', 10, 'warm') AND (NOT r.again OR e.protocol = 'all')
	AND (m.users <> e.users OR abs(m.ndcg - e.value) > 1e-9) \gset
\if :equal
\else
\warn 'values by user do not make the figures of the evaluations'
SELECT 1 / 0;
\endif

CREATE TABLE quality_pair AS
WITH choice (chosen, settings, funnel, singles) AS (
	VALUES ('test', 'default', 'default', '{factors,item_item}'::text[]),
		('validation', 'tuned', 'tuned', '{tuned_factors,tuned_item_item}'),
		('test', 'tuned', 'tuned', '{tuned_factors,tuned_item_item}'),
		('test, any', 'tuned', 'tuned', '{tuned_factors,tuned_item_item,factors,item_item}'))
SELECT DISTINCT ON (c.chosen, c.settings, m.question, m.cutoff) c.chosen, c.settings, c.funnel, m.question, m.cutoff, m.policy AS single
FROM choice c JOIN quality_mean m ON m.policy = ANY (c.singles)
	LEFT JOIN quality_run r ON r.policy = m.policy AND r.cutoff = m.cutoff AND r.again = (m.question = 'all')
ORDER BY c.chosen, c.settings, m.question, m.cutoff, CASE WHEN c.chosen = 'validation' THEN r.validation ELSE m.ndcg END DESC;

ANALYZE quality_pair;

CREATE TABLE quality_difference AS
SELECT p.chosen, p.settings, p.question, p.cutoff, p.single, f.user_id, f.value - s.value AS difference
FROM quality_pair p
	JOIN quality_value f ON (f.question, f.cutoff, f.policy) = (p.question, p.cutoff, p.funnel)
	JOIN quality_value s ON (s.question, s.cutoff, s.policy, s.user_id) = (p.question, p.cutoff, p.single, f.user_id);

CREATE TABLE quality_pooled AS
WITH month AS (
	SELECT chosen, settings, question, cutoff, avg(difference) AS difference FROM quality_difference GROUP BY 1, 2, 3, 4
), pooled AS (
	SELECT chosen, settings, question, count(*) AS lists, avg(difference) AS difference FROM quality_difference GROUP BY 1, 2, 3
), by_user AS (
	SELECT chosen, settings, question, d.user_id, sum(d.difference - p.difference) AS residual
	FROM quality_difference d JOIN pooled p USING (chosen, settings, question) GROUP BY 1, 2, 3, 4
), error AS (
	SELECT chosen, settings, question, count(*) AS users, sqrt(sum(residual ^ 2) * count(*) / (count(*) - 1)) AS total FROM by_user GROUP BY 1, 2, 3
)
SELECT p.*, e.users, p.difference - 1.96 * e.total / p.lists AS lower, p.difference + 1.96 * e.total / p.lists AS upper,
	(SELECT count(*) FROM month m WHERE (m.chosen, m.settings, m.question) = (p.chosen, p.settings, p.question) AND m.difference > 0) AS ahead,
	(SELECT count(*) FROM month m WHERE (m.chosen, m.settings, m.question) = (p.chosen, p.settings, p.question)) AS months
FROM pooled p JOIN error e USING (chosen, settings, question);

\o
\qecho
\qecho 'Online Retail, NDCG@10 of the month after each cutoff; searches of' :trials 'trials each'
SELECT question, cutoff, max(users) AS users,
	to_char(max(ndcg) FILTER (WHERE policy = 'popularity'), 'FM0.0000') AS popularity,
	to_char(max(ndcg) FILTER (WHERE policy = 'item_item'), 'FM0.0000') AS item_item,
	to_char(max(ndcg) FILTER (WHERE policy = 'factors'), 'FM0.0000') AS factors,
	to_char(max(ndcg) FILTER (WHERE policy = 'default.blend'), 'FM0.0000') AS blend,
	to_char(max(ndcg) FILTER (WHERE policy = 'default'), 'FM0.0000') AS funnel,
	to_char(max(ndcg) FILTER (WHERE policy = 'tuned_item_item'), 'FM0.0000') AS "item_item, tuned",
	to_char(max(ndcg) FILTER (WHERE policy = 'tuned_factors'), 'FM0.0000') AS "factors, tuned",
	to_char(max(ndcg) FILTER (WHERE policy = 'tuned.blend'), 'FM0.0000') AS "blend, tuned",
	to_char(max(ndcg) FILTER (WHERE policy = 'tuned'), 'FM0.0000') AS "funnel, tuned",
	(SELECT string_agg(replace(p.single, 'tuned_', ''), ', ' ORDER BY p.chosen DESC) FROM quality_pair p
		WHERE (p.question, p.cutoff, p.settings) = (m.question, m.cutoff, 'tuned') AND p.chosen IN ('validation', 'test')) AS "best by validation, by test"
FROM quality_mean m GROUP BY question, cutoff ORDER BY question DESC, cutoff;
\qecho 'The funnel less the best single method, all months together, by user'
SELECT question, settings, chosen AS "single method chosen by", ahead || ' of ' || months AS ahead, lists, users,
	to_char(difference, 'S0.0000') AS difference, to_char(lower, 'S0.0000') || ' to ' || to_char(upper, 'S0.0000') AS "95 % interval"
FROM quality_pooled ORDER BY question DESC, settings, chosen DESC;
