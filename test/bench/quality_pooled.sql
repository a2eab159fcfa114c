-- The funnel beside the best single method, by repetition and pooled.
-- Questions: "new" of Online Retail as a shop that does not list again what one
-- has, "all" as one that does (repeatable); "all, not repeatable" measures the
-- first shop's lists by the second's protocol, which is not what its ranker has
-- learned; goodbooks and MovieLens by random splits, MovieLens by time too.
-- Repetitions are cutoffs in time or the seeds of random splits.
-- The single method is chosen for each repetition: by its validation
-- ("validation"), by the very test ("test", which favours it), or by the test
-- among tuned and default settings ("test, any").  Intervals are of differences
-- by user; pooled ones take a user's repetitions as one cluster.

\set ON_ERROR_STOP 1
\set QUIET 1
\pset pager off
\pset footer off
\o /dev/null

CREATE TABLE quality_question (place int, question text, recommender text, again boolean, random boolean, protocol text);
INSERT INTO quality_question VALUES
	(1, 'new', 'retail', false, false, 'new'),
	(2, 'all', 'retail', true, false, 'all'),
	(3, 'all, not repeatable', 'retail', false, false, 'all'),
	(4, 'goodbooks', 'books', false, true, 'new'),
	(5, 'MovieLens', 'movies', false, true, 'new'),
	(6, 'MovieLens by time', 'movies', false, false, 'new');
ANALYZE quality_run;
ANALYZE quality_user_value;
CREATE TABLE quality_value AS
SELECT q.question, r.run_id, r.repetition, v.user_id, v.policy, v.value
FROM (SELECT DISTINCT recommender, again, random, repetition, run_id FROM quality_run) r
	JOIN quality_question q USING (recommender, again, random)
	JOIN quality_user_value v USING (run_id, protocol);
CREATE TABLE quality_mean AS
SELECT question, run_id, repetition, policy, count(*) AS users, avg(value) AS ndcg FROM quality_value GROUP BY 1, 2, 3, 4;
ANALYZE quality_value;
ANALYZE quality_mean;

-- must be the figures of the evaluations
SELECT count(*) = 0 AS equal FROM quality_question q JOIN quality_mean m USING (question)
	LEFT JOIN recsys.evaluation e ON (e.run_id, e.policy, e.protocol, e.population, e.metric, e.k)
		= (m.run_id, m.policy, q.protocol, CASE WHEN q.random THEN 'everyone' ELSE 'warm' END, 'ndcg', 10)
WHERE (m.users = e.users AND abs(m.ndcg - e.value) <= 1e-9) IS NOT TRUE \gset
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
SELECT DISTINCT ON (c.chosen, c.settings, m.question, m.run_id) c.chosen, c.settings, c.funnel, m.question, m.run_id, m.repetition, m.policy AS single
FROM choice c JOIN quality_mean m ON m.policy = ANY (c.singles)
	LEFT JOIN quality_run r ON (r.run_id, r.policy) = (m.run_id, m.policy)
ORDER BY c.chosen, c.settings, m.question, m.run_id, CASE WHEN c.chosen = 'validation' THEN r.validation ELSE m.ndcg END DESC;
ANALYZE quality_pair;

CREATE TABLE quality_difference AS
SELECT p.chosen, p.settings, p.question, p.repetition, f.user_id, f.value - s.value AS difference
FROM quality_pair p
	JOIN quality_value f ON (f.question, f.run_id, f.policy) = (p.question, p.run_id, p.funnel)
	JOIN quality_value s ON (s.question, s.run_id, s.policy, s.user_id) = (p.question, p.run_id, p.single, f.user_id);

CREATE TABLE quality_repeated AS
SELECT chosen, settings, question, repetition, avg(difference) AS difference, 1.96 * stddev(difference) / sqrt(count(*)) AS half_width
FROM quality_difference GROUP BY 1, 2, 3, 4;

CREATE TABLE quality_pooled AS
WITH pooled AS (
	SELECT chosen, settings, question, count(*) AS lists, avg(difference) AS difference FROM quality_difference GROUP BY 1, 2, 3
), by_user AS (
	SELECT chosen, settings, question, d.user_id, sum(d.difference - p.difference) AS residual
	FROM quality_difference d JOIN pooled p USING (chosen, settings, question) GROUP BY 1, 2, 3, 4
), error AS (
	SELECT chosen, settings, question, count(*) AS users, sqrt(sum(residual ^ 2) * count(*) / (count(*) - 1)) AS total FROM by_user GROUP BY 1, 2, 3
), ahead AS (
	SELECT chosen, settings, question, count(*) FILTER (WHERE difference > 0) AS ahead, count(*) AS repetitions FROM quality_repeated GROUP BY 1, 2, 3
)
SELECT p.*, e.users, p.difference - 1.96 * e.total / p.lists AS lower, p.difference + 1.96 * e.total / p.lists AS upper, a.ahead, a.repetitions
FROM pooled p JOIN error e USING (chosen, settings, question) JOIN ahead a USING (chosen, settings, question);

\o
\qecho
\qecho 'NDCG@10 after each cutoff, or on the test side of each random split (no evidence about the future); searches of' :trials 'trials each'
SELECT question, repetition, max(users) AS users,
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
		WHERE (p.question, p.repetition, p.settings) = (m.question, m.repetition, 'tuned') AND p.chosen IN ('validation', 'test')) AS "best by validation, by test"
FROM quality_mean m JOIN quality_question q USING (question) GROUP BY q.place, question, repetition ORDER BY q.place, repetition;
\qecho 'The funnel less the best single method by the test, by repetition: difference, 95 % interval'
SELECT question, repetition,
	max(to_char(difference, 'S0.0000') || '  ' || to_char(difference - half_width, 'S0.0000') || ' to ' || to_char(difference + half_width, 'S0.0000')) FILTER (WHERE settings = 'default') AS "default",
	max(to_char(difference, 'S0.0000') || '  ' || to_char(difference - half_width, 'S0.0000') || ' to ' || to_char(difference + half_width, 'S0.0000')) FILTER (WHERE settings = 'tuned') AS tuned
FROM quality_repeated JOIN quality_question q USING (question) WHERE chosen = 'test'
GROUP BY q.place, question, repetition ORDER BY q.place, repetition;
\qecho 'The same, all repetitions together, by user'
SELECT question, settings, chosen AS "single method chosen by", ahead || ' of ' || repetitions AS ahead, lists, users,
	to_char(difference, 'S0.0000') AS difference, to_char(lower, 'S0.0000') || ' to ' || to_char(upper, 'S0.0000') AS "95 % interval"
FROM quality_pooled JOIN quality_question q USING (question) ORDER BY q.place, settings, chosen DESC;
