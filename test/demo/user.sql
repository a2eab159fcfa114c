-- :user of :recommender, the latest items, and ten recommendations.

SELECT format('%s: %s rows in %s.interaction, with %s items; the latest:', :'user',
	count(*), :'recommender', count(DISTINCT item_id)) AS user_told
FROM :"recommender".interaction WHERE user_id = :'user' \gset
\qecho 'USER' :user_told
\qecho
SELECT coalesce(to_char(i.interacted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), '-') AS "when", i.item_id AS item,
	left(c.title, 60) AS title, CASE WHEN i.event <> 'interaction' THEN i.event || ', ' ELSE '' END || i.value AS value
FROM (SELECT DISTINCT ON (item_id) * FROM :"recommender".interaction
	WHERE user_id = :'user' AND owned
	ORDER BY item_id, interacted_at DESC NULLS LAST) i
LEFT JOIN :"recommender".catalog c USING (item_id)
ORDER BY i.interacted_at DESC NULLS LAST, i.item_id LIMIT 5;
\qecho 'Recommended:'
\qecho
SELECT r.rank, r.item_id AS item, left(c.title, 44) AS title, lpad(to_char(r.score, 'FM99990.0000'), 8) AS score, r.source, r.reason
FROM :"recommender".recommend(:'user', k => 10) r LEFT JOIN :"recommender".catalog c USING (item_id)
ORDER BY r.rank;
