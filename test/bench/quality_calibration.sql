-- Is the funnel's score the probability that it is fitted to be?  Of the model
-- trained before :cutoff of :recommender, on what followed, which neither it nor
-- its ranker has seen: candidates of one in :sample of the users known before,
-- by tenths of the score, mean score against the share that the user went on to
-- own and had not before.  :label names the data.
-- A ranker learns from lists that have something relevant in them, as those of
-- users do who came back and found it among the candidates (returned).  Whether
-- a user comes back it does not learn.  Exposures are the first ten of a list.

\o /dev/null
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS quality_calibration (label text, population text, tenth int, candidates int8, relevant int8, score float8, share float8);

CREATE TEMP TABLE pair AS
SELECT user_id, item_id, bool_or(interacted_at < :'cutoff') AS before,
	bool_or(owned AND interacted_at >= :'cutoff') AND NOT bool_or(owned AND interacted_at < :'cutoff') AS relevant
FROM :"recommender".interaction WHERE positive OR owned GROUP BY user_id, item_id;
CREATE TEMP TABLE listed AS
SELECT u.user_id, r.rank, r.item_id, r.score
FROM (SELECT DISTINCT user_id FROM pair WHERE before AND hashtext(user_id::text) % :sample = 0) u,
	:"recommender".recommend(u.user_id, k => 500, policy => 'default', as_of => timestamptz :'cutoff' - interval '1 us') r;
-- what follows the candidates in a list has no position in any of their sources
CREATE TEMP TABLE candidate AS
SELECT DISTINCT l.user_id, f.item_id
FROM (SELECT user_id, array_agg(item_id) AS items FROM listed GROUP BY user_id) l,
	:"recommender".features(l.user_id, l.items, as_of => timestamptz :'cutoff' - interval '1 us', policy => 'default') f
WHERE f.feature LIKE '%\_position' AND f.value > 0;
ANALYZE pair, listed, candidate;
CREATE TEMP TABLE calibration AS
SELECT l.user_id, l.rank, l.score, p.item_id IS NOT NULL AS relevant, bool_or(p.item_id IS NOT NULL) OVER (PARTITION BY l.user_id) AS returned
FROM listed l JOIN candidate c USING (user_id, item_id) LEFT JOIN pair p ON p.relevant AND (p.user_id, p.item_id) = (l.user_id, l.item_id);

INSERT INTO quality_calibration
SELECT :'label', population, tenth, count(*), count(*) FILTER (WHERE relevant), avg(score), avg(relevant::int)
FROM (SELECT p.population, c.score, c.relevant, ntile(10) OVER (PARTITION BY p.population ORDER BY c.score, c.user_id, c.rank) AS tenth
	FROM calibration c JOIN (VALUES ('returned', true, false), ('returned, exposures', true, true),
		('all users', false, false), ('all users, exposures', false, true)) p (population, only_returned, exposed)
		ON (c.returned OR NOT p.only_returned) AND (c.rank <= 10 OR NOT p.exposed)) t
GROUP BY population, tenth;
DROP TABLE pair, listed, candidate, calibration;

\o
\qecho
\qecho 'Calibration held out, ' :label ': score : share that the user went on to own, by tenths of the score, in thousandths'
SELECT population, sum(candidates) AS candidates, sum(relevant) AS relevant,
	to_char(sum(candidates * score) / sum(candidates), 'FM0.0000') AS score, to_char(sum(relevant) / sum(candidates), 'FM0.0000') AS share,
	to_char(sum(candidates * abs(score - share)) / sum(candidates), 'FM0.0000') AS "expected error",
	string_agg(to_char(1000 * score, 'FM990.0') || ' : ' || to_char(1000 * share, 'FM990.0'), ', ' ORDER BY tenth) AS tenths
FROM quality_calibration WHERE label = :'label' GROUP BY population ORDER BY population DESC;
