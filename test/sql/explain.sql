-- explain: why an item stands where it does in a list, or why it does not
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY default

-- two circles of buyers, one of tea and one of coffee; new ones are in the catalog only
CREATE TABLE explain_item (item_id int PRIMARY KEY, title text, category text, price numeric, released_at timestamptz, available boolean);
INSERT INTO explain_item
SELECT i, CASE WHEN i <= 20 THEN 'Tea ' ELSE 'Coffee ' END || i, CASE WHEN i <= 20 THEN 'tea' ELSE 'coffee' END, i, '2024-01-01Z'::timestamptz + i * interval '1 day', i <> 5
FROM generate_series(1, 40) i;
INSERT INTO explain_item VALUES (41, 'New tea', 'tea', 7, '2024-05-20Z', true), (42, 'Tea to come', 'tea', 7, '2030-01-01Z', true);
CREATE TABLE explain_sale (buyer int, item_id int, event text, at timestamptz);
CREATE INDEX ON explain_sale (buyer, at);
CREATE INDEX ON explain_sale (item_id, at);
-- each has bought ten of the circle's twenty
INSERT INTO explain_sale SELECT u, i, 'buy', '2024-03-01Z'::timestamptz + (u * 37 + i * 11) % 60 * interval '1 day'
FROM generate_series(1, 200) u, generate_series(1, 40) i
WHERE (i <= 20) = (u % 2 = 1) AND hashint8(u * 100 + i) % 2 = 0;
INSERT INTO explain_sale VALUES (1, 39, 'dislike', '2024-05-01Z');
SELECT recsys.create_recommender('explained', 'explain_sale', 'buyer', 'item_id', 'at', event_column => 'event',
	positives => '{"buy": {"owned": true}, "dislike": {"weight": -1}}', catalog => 'explain_item', settings => '{"rules": {"bots": false}}');
SELECT recsys.alter_policy('explained', 'default', '{"factors": 4, "sweeps": 10, "features": {"round": "mod(c.price::numeric, 10)"}}');
CALL recsys.retrain('explained', evaluate => false, memory => '500 MB');
SELECT parameters -> 'ranker' ? 'slope' AS has_ranker FROM recsys.model;

-- the stages, and every feature of the model
SELECT array_agg(stage ORDER BY first) AS stages FROM (SELECT stage, min(step) AS first FROM explained.explain(1, 7, '2024-06-01Z') GROUP BY stage) s;
SELECT bool_and(step = n) AS steps, count(*) FILTER (WHERE stage = 'feature') - (SELECT count(*) FROM recsys.ranker_weight) AS features
FROM (SELECT *, row_number() OVER () AS n FROM explained.explain(1, 7, '2024-06-01Z')) e;
-- what it says is what the list has: place and score, of whatever is listed, for anybody
SELECT u, p, count(*) > 5 AS many, bool_and(e.place = r.rank) AS places, bool_and(abs(e.score - r.score) < 1e-12) AS scores
FROM (VALUES (1), (2), (NULL), (12345)) u (u) CROSS JOIN (VALUES ('default'), ('popularity')) p (p),
	LATERAL explained.recommend(u, 100, as_of => '2024-06-01Z', policy => p) r,
	LATERAL (SELECT max(value) FILTER (WHERE name = 'place') AS place, max(value) FILTER (WHERE name = 'score') AS score
		FROM explained.explain(u, r.item_id, '2024-06-01Z', p) WHERE stage = 'verdict') e
GROUP BY u, p ORDER BY u, p;
-- positions are those of the sources: by hand, of popularity
SELECT bool_and(e.value = p.rank) AS positions FROM explained.popularity p JOIN recsys.recommender ON live_model_id = model_id,
	LATERAL explained.explain(1, p.item_id, '2024-06-01Z') e WHERE e.stage = 'candidate' AND e.name = 'popularity';
-- the ranker's sum is the weighted sum of the standardised features
SELECT abs(max(value) FILTER (WHERE e.stage = 'rank' AND e.name = 'sum') - sum(CASE WHEN w.scale > 0 THEN w.weight * (e.value - w.mean) / w.scale ELSE 0 END)) < 1e-6 AS sum,
	bool_and(e.note = format('adds %s to the ranker''s sum', to_char(CASE WHEN w.scale > 0 THEN w.weight * (e.value - w.mean) / w.scale ELSE 0 END, 'FM9999990.0000')))
		FILTER (WHERE e.stage = 'feature' AND w.scale > 0 AND abs(w.weight * (e.value - w.mean) / w.scale) > 1e-3) AS parts
FROM explained.explain(1, 41, '2024-06-01Z') e LEFT JOIN recsys.ranker_weight w ON e.stage = 'feature' AND e.name = w.feature;

-- why not: owned, disliked, not available, excluded, not in the catalog, to come
SELECT item_id AS owned FROM explain_sale WHERE buyer = 1 AND event = 'buy' AND item_id <> 5 ORDER BY item_id LIMIT 1 \gset
SELECT note FROM explained.explain(1, :owned, '2024-06-01Z') WHERE name = 'place';
SELECT note FROM explained.explain(1, :owned, '2024-02-01Z') WHERE name IN ('items', 'owned') ORDER BY step;
SELECT note FROM explained.explain(1, 39, '2024-06-01Z') WHERE name = 'place';
SELECT note FROM explained.explain(2, 5, '2024-06-01Z') WHERE name = 'place';
SELECT note FROM explained.explain(2, 12345, '2024-06-01Z') WHERE name = 'place';
BEGIN;
INSERT INTO explained.excluded_item (item_id, reason) VALUES (39, 'recalled');
SELECT note FROM explained.explain(3, 39, '2024-06-01Z') WHERE name IN ('excluded_item', 'place') ORDER BY step;
ROLLBACK;
SELECT stage, name, value, note FROM explained.explain(1, 41, '2024-06-01Z') WHERE stage NOT IN ('feature', 'rank', 'history') AND name NOT IN ('place', 'score') ORDER BY step;
SELECT name, value, note FROM explained.explain(1, 42, '2024-06-01Z') WHERE stage = 'candidate';
-- an item of the history
SELECT stage, name, note FROM explained.explain(1, :owned, '2024-06-01Z') WHERE name IN ('weight', 'history');

-- each rule says what it did
SELECT recsys.alter_policy('explained', 'default', '{"rules": [{"rule": "rebuy_after", "interval": "1 hour"}, {"rule": "ban", "items": [2]},
	{"rule": "predicate", "sql": "c.price <> 3"}, {"rule": "boost", "sql": "CASE WHEN c.category = ''tea'' THEN 1.5 END"},
	{"rule": "freshness", "half_life": "10 days", "amount": 0.5}, {"rule": "pin", "item": 33, "position": 2},
	{"rule": "explore", "share": 0.2}, {"rule": "max_per_category", "n": 4}, {"rule": "diversity", "lambda": 0.4}]}');
SELECT array_agg(name ORDER BY step) FROM explained.explain(1, 7, '2024-06-01Z') WHERE stage = 'rule';
SELECT i, name, value, note FROM unnest('{2,3,33}'::int[]) i, explained.explain(1, i, '2024-06-01Z') e
WHERE stage = 'rule' AND (value = 0 AND name NOT IN ('diversity', 'freshness') OR name IN ('pin', 'boost')) OR name = 'place' ORDER BY i, step;
SELECT u, count(*) AS listed, bool_and(e.place = r.rank) AS places, bool_and(abs(e.score - r.score) < 1e-12) AS scores,
	bool_and(abs(e.score - e.raw * coalesce(e.boost, 1) - e.fresh) < 1e-9) AS made_of
FROM (VALUES (1), (2), (NULL)) u (u), LATERAL explained.recommend(u, 100, as_of => '2024-06-01Z') r,
	LATERAL (SELECT max(value) FILTER (WHERE name = 'place') AS place, max(value) FILTER (WHERE stage = 'verdict' AND name = 'score') AS score,
		max(value) FILTER (WHERE stage = 'rank' AND name = 'score') AS raw, max(value) FILTER (WHERE name = 'boost') AS boost,
		max(value) FILTER (WHERE name = 'freshness') AS fresh
		FROM explained.explain(u, r.item_id, '2024-06-01Z')) e
GROUP BY u ORDER BY u;
-- the catalog is not asked about what may not be listed, and neither rule says otherwise
BEGIN;
INSERT INTO explained.excluded_item (item_id, reason) VALUES (39, 'recalled');
SELECT i, name, value, note FROM unnest('{5,39}'::int[]) i, explained.explain(2, i, '2024-06-01Z') e
WHERE name IN ('max_per_category', 'freshness') ORDER BY i, step;
ROLLBACK;
-- of two rows of the catalog one that meets the condition is enough
BEGIN;
ALTER TABLE explain_item DROP CONSTRAINT explain_item_pkey;
INSERT INTO explain_item VALUES (3, 'Tea 3', 'tea', 30, '2024-01-04Z', true);
SELECT e.value AS met, count(r.rank) AS listed FROM explained.explain(2, 3, '2024-06-01Z') e
LEFT JOIN explained.recommend(2, 100, as_of => '2024-06-01Z') r ON r.item_id = 3 WHERE e.name = 'predicate' GROUP BY e.value;
ROLLBACK;
-- four of a category, then what was passed over
SELECT rank <= 8 AS first, e.note ~ 'passed over until nothing else was left' AS passed_over, count(*), max(category) FILTER (WHERE rank = 2) AS pinned
FROM explained.recommend(1, 100, as_of => '2024-06-01Z') r JOIN explain_item USING (item_id), LATERAL explained.explain(1, r.item_id, '2024-06-01Z') e
WHERE e.name = 'max_per_category' GROUP BY 1, 2 ORDER BY 1 DESC, 2;
-- without diversity nothing is taken off; with it what is like a place before it
SELECT bool_and(e.value BETWEEN 0 AND 0.4) AS within, bool_or(e.value > 0.1) AS some, max(e.value) FILTER (WHERE rank = 1) AS first
FROM explained.recommend(1, 8, as_of => '2024-06-01Z') r, LATERAL explained.explain(1, r.item_id, '2024-06-01Z') e WHERE e.name = 'diversity';

-- what cannot be explained
SELECT * FROM explained.explain(1, NULL); \echo :SQLSTATE
SELECT * FROM explained.explain(1, 7, policy => 'nonesuch'); \echo :SQLSTATE
SELECT * FROM recsys._explain('explained', 1::int8, 7, NULL, NULL) t (step int, stage text, name text, value float8, note text); \echo :SQLSTATE
SELECT * FROM recsys._explain('explained', 1, '7'::text, NULL, NULL) t (step int, stage text, name text, value float8, note text); \echo :SQLSTATE
SELECT recsys.drop_recommender('explained');
DROP TABLE explain_item, explain_sale;
