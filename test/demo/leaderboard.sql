-- The latest leaderboard of :recommender, whose users :does.

SELECT CASE WHEN count(*) = 0 THEN 'No user could be scored: nobody has interactions on both sides of the cutoff.'
	WHEN bool_or(split = 'random') THEN format('RANDOM SPLIT, of %s users: these figures are no evidence about the future.',
		to_char(max(users), 'FM999,999,990'))
	ELSE format('Trained on what was before %s, judged on what %s users %s after it%s.',
		to_char(max(cutoff) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), to_char(max(users), 'FM999,999,990'), :'does',
		CASE WHEN bool_or(r.repeatable) THEN '' ELSE ' and not before' END) END AS split_told
FROM recsys.leaderboard JOIN recsys.recommender r USING (recommender) WHERE recommender = :'recommender' \gset
\qecho :split_told
SELECT coalesce((SELECT format('Of the test, %s users were unknown before (they would get what is popular), and %s items (%s %% of the pairs), which no method could know.',
	to_char(max(e.value) FILTER (WHERE e.metric = 'cold_users'), 'FM999,999,990'),
	to_char(max(e.value) FILTER (WHERE e.metric = 'cold_items'), 'FM999,999,990'),
	to_char(100 * max(e.value) FILTER (WHERE e.metric = 'cold_share'), 'FM990.0'))
	FROM recsys.evaluation e
	WHERE e.recommender = :'recommender' AND e.population = 'everyone' AND e.policy = 'popularity' AND e.k = 0
	AND e.protocol = 'new' AND e.run_id = (SELECT max(l.run_id) FROM recsys.evaluation l WHERE l.recommender = :'recommender')
	HAVING count(*) > 0), '') AS cold_told \gset
\qecho :cold_told
\qecho
SELECT place, policy, method,
	to_char(ndcg_at_10, 'FM0.0000') || '  ' || to_char(ndcg_lower, 'FM0.0000') || ' to ' || to_char(ndcg_upper, 'FM0.0000') AS "NDCG@10, 95 % interval",
	to_char(precision_at_10, 'FM0.0000') AS "P@10",
	to_char(recall_at_20, 'FM0.0000') AS "R@20",
	to_char(hit_rate_at_10, 'FM0.000') AS "hit rate",
	to_char(coverage_at_10, 'FM0.000') AS coverage,
	lpad(to_char(novelty_at_10, 'FM90.0'), 7) AS novelty,
	verdict
FROM recsys.leaderboard WHERE recommender = :'recommender'
ORDER BY place, policy;
