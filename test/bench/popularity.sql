-- Popularity judged by plain SQL as evaluate judges it: trained before the
-- :cutoff, on the items bought at or after it that the user had not bought
-- before, among the items known in train; users with a history.  Table :into
-- gets the users, precision, recall and NDCG at 10.

SET work_mem = '1 GB';
SET client_min_messages = warning;
\timing on

CREATE TEMP TABLE before AS
SELECT user_id, item_id, bool_or(owned) AS owned FROM :shop.interaction
WHERE interacted_at < :'cutoff' AND positive GROUP BY 1, 2;
CREATE INDEX ON before (user_id, item_id);
ANALYZE before;

CREATE TEMP TABLE popular AS
SELECT item_id, row_number() OVER (ORDER BY count(*) DESC, item_id) AS place FROM before GROUP BY item_id;
CREATE INDEX ON popular (place);
CREATE INDEX ON popular (item_id);
ANALYZE popular;

CREATE TEMP TABLE relevant AS
SELECT DISTINCT i.user_id, i.item_id FROM :shop.interaction i JOIN popular USING (item_id)
WHERE i.interacted_at >= :'cutoff' AND i.positive AND i.owned
AND NOT EXISTS (SELECT FROM before b WHERE (b.user_id, b.item_id) = (i.user_id, i.item_id) AND b.owned)
AND EXISTS (SELECT FROM before b WHERE b.user_id = i.user_id);
CREATE INDEX ON relevant (user_id, item_id);
ANALYZE relevant;

CREATE UNLOGGED TABLE :into AS
WITH judged AS (
	SELECT u.user_id, u.n, count(r.item_id) AS hits, coalesce(sum(1 / log(2, l.rank + 1)) FILTER (WHERE r.item_id IS NOT NULL), 0) AS gain
	FROM (SELECT user_id, count(*) AS n FROM relevant GROUP BY user_id) u
	CROSS JOIN LATERAL (
		SELECT p.item_id, row_number() OVER (ORDER BY p.place) AS rank FROM popular p
		WHERE NOT EXISTS (SELECT FROM before b WHERE (b.user_id, b.item_id) = (u.user_id, p.item_id) AND b.owned)
		ORDER BY p.place LIMIT 10) l
	LEFT JOIN relevant r ON (r.user_id, r.item_id) = (u.user_id, l.item_id)
	GROUP BY u.user_id, u.n)
SELECT count(*) AS users, round(avg(hits / 10.0), 9) AS precision_at_k, round(avg(hits::numeric / n), 9) AS recall,
	round(avg(gain / (SELECT sum(1 / log(2, place + 1)) FROM generate_series(1, least(n, 10)) place)), 9) AS ndcg
FROM judged;
