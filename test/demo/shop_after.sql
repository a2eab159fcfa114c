-- What only an invented shop can tell: whether what was planted was found.
-- Reads the planted truth, demo.customer, customer_taste and product_taste.

\set ECHO none
\pset pager off
\pset footer off
\pset border 0
\qecho
\qecho 'WHAT WAS PLANTED, AND WHAT WAS FOUND'
\qecho
SELECT format('Bots: %s planted, %s accounts flagged, %s of them bots: recall %s, precision %s. %s of %s staff accounts are among the flagged.',
	count(*) FILTER (WHERE kind = 'bot'), count(*) FILTER (WHERE flagged), count(*) FILTER (WHERE flagged AND kind = 'bot'),
	coalesce(to_char(count(*) FILTER (WHERE flagged AND kind = 'bot') / nullif(count(*) FILTER (WHERE kind = 'bot'), 0)::float8, 'FM0.000'), '-'),
	coalesce(to_char(count(*) FILTER (WHERE flagged AND kind = 'bot') / nullif(count(*) FILTER (WHERE flagged), 0)::float8, 'FM0.000'), '-'),
	count(*) FILTER (WHERE flagged AND kind = 'staff'), count(*) FILTER (WHERE kind = 'staff')) AS bots
FROM (SELECT c.kind, x.user_id IS NOT NULL AS flagged
	FROM demo.customer c
	LEFT JOIN shop.excluded_user x ON x.user_id = c.user_id AND x.rule <> 'manual') f \gset
\qecho :bots

-- The oracle knows the tastes that the shop was made with and ranks the items
-- that were known before the cutoff by the probability of a pick, those that
-- the user had bought before left out: the same users, items and measure as
-- the evaluation's.
SELECT cutoff FROM recsys.leaderboard WHERE recommender = 'shop' LIMIT 1 \gset
CREATE TEMP TABLE clean AS
SELECT user_id, item_id, owned, interacted_at < :'cutoff' AS before FROM shop.interaction WHERE positive OR owned;
CREATE TEMP TABLE known AS
SELECT item_id FROM clean WHERE before GROUP BY item_id;
CREATE TEMP TABLE bought AS
SELECT user_id, array_agg(DISTINCT item_id) AS items FROM clean WHERE before AND owned GROUP BY user_id;
CREATE TEMP TABLE relevant AS
SELECT c.user_id, array_agg(DISTINCT c.item_id) AS items
FROM clean c JOIN known USING (item_id)
LEFT JOIN bought b USING (user_id)
WHERE NOT c.before AND c.owned AND NOT c.item_id = ANY (coalesce(b.items, '{}'))
AND EXISTS (SELECT FROM clean t WHERE t.user_id = c.user_id AND t.before)
GROUP BY c.user_id;
-- tastes move in a straight line: where they are halfway through the test
SELECT extract(epoch FROM :'cutoff'::timestamptz + (until - :'cutoff') / 2 - since) / extract(epoch FROM until - since) AS moment
FROM (SELECT min(interacted_at) AS since, max(interacted_at) AS until FROM shop.interaction) s \gset
CREATE TEMP TABLE oracle AS
SELECT r.user_id, recsys.ndcg_at_k(l.items, r.items, 10) AS ndcg
FROM relevant r
JOIN LATERAL (
	SELECT array_agg((1 - :moment) * s + :moment * e ORDER BY n)::float4[] AS taste
	FROM demo.customer_taste t, unnest(t.taste_at_start, t.taste) WITH ORDINALITY v (s, e, n)
	WHERE t.user_id = r.user_id) t ON t.taste IS NOT NULL
JOIN LATERAL (
	SELECT array_agg(product_id ORDER BY score DESC, product_id) AS items
	FROM (SELECT q.product_id, recsys.dot(t.taste, q.taste) + q.appeal AS score
		FROM demo.product_taste q
		JOIN known k ON k.item_id = q.product_id
		JOIN demo.product p ON p.product_id = q.product_id AND p.available
		LEFT JOIN bought b ON b.user_id = r.user_id
		WHERE NOT q.product_id = ANY (coalesce(b.items, '{}'))
		ORDER BY 2 DESC, 1 LIMIT 10) x) l ON true;
SELECT format('NDCG@10 over %s users: factors %s, popularity %s, the oracle that knows the planted tastes %s.',
		count(*), to_char(f.ndcg_at_10, 'FM0.0000'), to_char(p.ndcg_at_10, 'FM0.0000'), to_char(avg(o.ndcg), 'FM0.0000'))
	|| CASE WHEN avg(o.ndcg) > 1.1 * p.ndcg_at_10
		THEN format(' Factors go %s %% of the way from popularity to the oracle.',
			to_char(100 * (f.ndcg_at_10 - p.ndcg_at_10) / (avg(o.ndcg) - p.ndcg_at_10), 'FM990'))
		ELSE ' There is next to nothing personal to learn.' END
	|| CASE WHEN f.users <> count(*) THEN format(' The leaderboard is of %s users.', f.users) ELSE '' END AS oracle
FROM oracle o,
	(SELECT * FROM recsys.leaderboard WHERE recommender = 'shop' AND policy = 'factors') f,
	(SELECT * FROM recsys.leaderboard WHERE recommender = 'shop' AND policy = 'popularity') p
GROUP BY f.ndcg_at_10, f.users, p.ndcg_at_10 \gset
\qecho :oracle
\ir shop_experiment.sql
