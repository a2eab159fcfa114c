-- How well ratings of :recommender are predicted, by its latest evaluation, and
-- what a model of ratings lists for :user.

\qecho 'HOW WELL RATINGS ARE PREDICTED'
\qecho
SELECT format('Per rating of the test, of %s users. The model without factors is mu + b_u + b_i;', to_char(max(users), 'FM999,999,990')) AS users_told
FROM recsys.evaluation WHERE recommender = :'recommender' AND metric = 'rmse'
AND run_id = (SELECT max(run_id) FROM recsys.evaluation WHERE recommender = :'recommender') \gset
\qecho :users_told
\qecho 'the difference to it is paired, and below 0 is better.'
\qecho
SELECT policy, CASE WHEN difference IS NULL THEN 'biases' ELSE 'biases and factors' END AS model, metric,
	to_char(value, 'FM90.0000') || '  ' || to_char(lower, 'FM90.0000') || ' to ' || to_char(upper, 'FM90.0000') AS "error, 95 % interval",
	coalesce(to_char(difference, 'S90.0000') || '  ' || to_char(difference_lower, 'S90.0000') || ' to ' || to_char(difference_upper, 'S90.0000'), '') AS "difference, 95 % interval"
FROM recsys.evaluation
WHERE recommender = :'recommender' AND metric IN ('rmse', 'mae')
AND run_id = (SELECT max(run_id) FROM recsys.evaluation WHERE recommender = :'recommender')
ORDER BY metric DESC, value DESC;

CALL recsys.retrain(:'recommender', policy => 'ratings', evaluate => false, memory => '1 GB');
SELECT user_id AS user FROM :"recommender".interaction
GROUP BY user_id HAVING count(DISTINCT item_id) BETWEEN 5 AND 200
ORDER BY md5(user_id::text) LIMIT 1 \gset
\qecho 'What user' :user 'would rate highest, by that model:'
\qecho
SELECT r.rank, r.item_id AS item, left(c.title, 44) AS title, to_char(r.score, 'FM90.00') AS rating, p.users AS "liked by"
FROM :"recommender".recommend(:'user', k => 10, policy => 'ratings') r
	LEFT JOIN :"recommender".catalog c USING (item_id)
	LEFT JOIN :"recommender".popularity p ON p.item_id = r.item_id
		AND p.model_id = (SELECT max(model_id) FROM recsys.model WHERE recommender = :'recommender' AND policy = 'ratings')
ORDER BY r.rank;
