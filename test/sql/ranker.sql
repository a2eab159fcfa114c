-- ranker: how a funnel's candidates are ranked: settings, facts of the catalog,
-- what is learned and stored, and that it is worth something where there is
-- something to learn
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- 300 people buy at random among 120 articles of six kinds, each mostly in two
-- kinds of their own; from November on they choose by what is on offer
CREATE SCHEMA ranker_shop;
CREATE TABLE ranker_shop.article AS
SELECT i AS article, 'article ' || i AS title, (ARRAY['ale', 'bread', 'cheese', 'dates', 'eggs', 'figs'])[1 + i % 6] AS category,
	(i % 17 + 1)::numeric AS price, timestamptz '2024-01-01Z' + i * interval '1 day' AS released_at, i % 5 = 0 AS on_offer, i AS margin
FROM generate_series(1, 120) i;
CREATE FUNCTION ranker_shop.draw(u int, n int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT ('x' || substr(md5(u || ' ' || n), 1, 8))::bit(32)::int8 / 4294967296.0 $$;
CREATE TABLE ranker_shop.sale AS
SELECT u AS customer, 1 + (6 * (ranker_shop.draw(u, 3 * n) * 20)::int
		+ (u + CASE WHEN ranker_shop.draw(u, 3 * n + 1) < 0.5 THEN 0 WHEN ranker_shop.draw(u, 3 * n + 1) < 0.8 THEN 3
			ELSE (ranker_shop.draw(u, 3 * n + 2) * 6)::int END)) % 120 AS article,
	timestamptz '2025-01-01Z' + (n * 303 + u) * interval '1 hour' * 7 / 9.0 / 5 AS at
FROM generate_series(1, 300) u, generate_series(0, 29) n;
CREATE TABLE ranker_shop.offered AS
SELECT u AS customer, 5 * (1 + (ranker_shop.draw(u, 1000 + n) * 23)::int) AS article,
	timestamptz '2025-11-01Z' + (n * 307 + u) * interval '22 minutes' AS at
FROM generate_series(1, 300) u, generate_series(0, 9) n;
INSERT INTO ranker_shop.sale TABLE ranker_shop.offered;
CREATE INDEX ON ranker_shop.sale (customer, at);
CREATE INDEX ON ranker_shop.sale (article, at);
SELECT recsys.create_recommender('rank_a', 'ranker_shop.sale', 'customer', 'article', 'at',
	catalog => 'ranker_shop.article', catalog_columns => '{"item": "article"}');

-- settings: what cannot be, in clear words
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"ranker": "trees"}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"ranker_lambda": -1}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"factor_candidates": 1.5}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"fresh_candidates": 100000}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"main_categories": null}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"recency_half_life": "long"}');
SELECT recsys.create_policy('rank_a', 'x', 'factors', '{"ranker": "linear"}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": ["c.margin"]}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"Margin": "c.margin"}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": 5}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"blend": "c.margin"}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', jsonb_build_object('features',
	(SELECT jsonb_object_agg('f' || i, 'c.margin') FROM generate_series(1, 33) i)));
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": "c.nonesuch"}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": "c.margin) FROM pg_class, (SELECT 1"}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": ""}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": "c.title"}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": "sum(c.margin)"}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": "generate_series(1, 2)"}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": "rank() OVER (ORDER BY c.margin)"}}');
SELECT recsys.create_policy('rank_a', 'x', 'funnel', '{"features": {"margin": "1 / 0"}}');
SELECT recsys.alter_policy('rank_a', 'default', '{"features": {"margin": "c.nonesuch"}}');
SELECT policy, version FROM recsys.policy WHERE recommender = 'rank_a' AND (policy = 'x' OR version > 1);
SELECT recsys.create_recommender('rank_b', 'ranker_shop.sale', 'customer', 'article', 'at');
SELECT recsys.create_policy('rank_b', 'x', 'funnel', '{"features": {"one": "1"}}');

-- what is on offer decides, and the ranker finds it out; a policy's own features
-- come in the order of their names
SELECT recsys.create_policy('rank_a', 'offers', 'funnel', '{"factors": 8, "features": {"on_offer": "c.on_offer::int", "margin": "nullif(c.margin, 7)"}}');
CALL recsys.retrain('rank_a', 'offers');
SELECT feature FROM recsys.ranker_weight WHERE recommender = 'rank_a' ORDER BY abs(weight) DESC LIMIT 1;
SELECT position, feature, scale > 0 AS varies, weight > 0 AS liked FROM recsys.ranker_weight WHERE recommender = 'rank_a' AND position > 22 ORDER BY position;
SELECT count(*) AS features, bool_and(weight = 0) FILTER (WHERE scale = 0) AS constant_ones_left_out FROM recsys.ranker_weight WHERE recommender = 'rank_a';
SELECT l.policy, l.method, l.ndcg_at_10 > 1.5 * b.ndcg_at_10 AS better
FROM recsys.leaderboard l JOIN recsys.leaderboard b USING (recommender)
WHERE recommender = 'rank_a' AND l.policy IN ('offers', 'offers.blend') AND b.policy = 'offers.blend' ORDER BY 1;
SELECT parameters -> 'ranker' ->> 'slice' AS slice, (parameters -> 'ranker' ->> 'lists')::int BETWEEN 100 AND 300 AS lists,
	(parameters -> 'ranker' ->> 'loss')::float8 < (parameters -> 'ranker' ->> 'prior_loss')::float8 AS learned,
	(parameters -> 'ranker' ->> 'slope')::float8 > 0 AS rising, (parameters -> 'ranker' ->> 'iterations')::int > 0 AS iterated,
	parameters -> 'ranker' ->> 'slice_from' AS slice_from, parameters -> 'ranker' ->> 'slice_until' AS slice_until, feature_version
FROM recsys.model WHERE recommender = 'rank_a';
SELECT string_agg(s.stage, ' ' ORDER BY s.started_at) AS stages FROM recsys.training_stage s JOIN recsys.training_run USING (run_id) WHERE recommender = 'rank_a';
-- facts, as the catalog has them: an unknown one is NULL, and 0 among the features
SELECT count(*), bool_and((t.category, t.price, t.released_at) IS NOT DISTINCT FROM (c.category, c.price::float8, c.released_at)) AS equal,
	bool_and(t.extra = ARRAY[CASE WHEN c.margin = 7 THEN 0 ELSE c.margin END, c.on_offer::int]::float4[]) AS own
FROM rank_a.item_attribute t JOIN ranker_shop.article c ON c.article = t.item_id;

-- the rest of the catalog follows the candidates: nothing is listed twice, none
-- is missing, and scores do not rise
SELECT recsys.create_policy('rank_a', 'few', 'funnel', '{"factors": 4, "neighbor_candidates": 3, "factor_candidates": 0, "popularity_candidates": 2,
	"category_candidates": 0, "history_candidates": 0, "fresh_candidates": 0}');
SELECT recsys.train('rank_a', 'few') IS NOT NULL AS trained;
SELECT (SELECT count(*) FROM recsys.ranker_weight w JOIN recsys.model m USING (model_id) WHERE m.policy = 'few') > 20 AS ranked,
	count(*) AS rows, count(DISTINCT item_id) AS items, bool_and(score <= before) AS falling
FROM (SELECT item_id, score, lag(score, 1, score) OVER (ORDER BY rank) AS before FROM rank_a.recommend(5, k => 1000, policy => 'few')) r;
SELECT (SELECT count(DISTINCT article) FROM ranker_shop.sale) - count(DISTINCT article) AS left_to_list FROM ranker_shop.sale WHERE customer = 5;
SELECT recsys.evaluate('rank_a', '{few}', k => '{5,100}') AS run \gset
SELECT policy, count(*) FILTER (WHERE value > 0) > 0 AS measured FROM recsys.evaluation WHERE run_id = :run AND method = 'funnel' GROUP BY policy ORDER BY 1;

-- what recommend says at one instant is what recommend_all writes
BEGIN;
SELECT recsys.recommend_all('rank_a', k => 20, policy => 'offers') AS rows;
WITH s AS MATERIALIZED (SELECT u.customer, r.* FROM (SELECT DISTINCT customer FROM ranker_shop.sale WHERE customer % 10 = 0) u,
		LATERAL rank_a.recommend(u.customer, k => 20, policy => 'offers') r),
	w AS MATERIALIZED (SELECT * FROM rank_a.recommendation WHERE user_id % 10 = 0)
SELECT count(*) AS rows, count(*) FILTER (WHERE differs) AS differing FROM (SELECT (w.item_id, w.score, w.source, w.reason, w.because_item_id) IS DISTINCT FROM (s.item_id, s.score, s.source, s.reason, s.because_item_id) AS differs
	FROM s FULL JOIN w ON (w.user_id, w.rank) = (s.customer, s.rank)) d;
COMMIT;
SELECT recsys.recommend_all('rank_a', k => 5, policy => 'offers', for_users => 'SELECT 1 UNION SELECT 999') AS rows;
SELECT user_id, count(*) FROM rank_a.recommendation WHERE user_id IN (1, 2, 999) GROUP BY 1 ORDER BY 1;

-- without a ranker: neither weights nor the stage; nor where there is too little
-- to learn from, which the model says
SELECT recsys.alter_policy('rank_a', 'default', '{"ranker": "none"}');
CALL recsys.retrain('rank_a', 'default', evaluate => false);
SELECT count(*) AS weights FROM recsys.ranker_weight w JOIN recsys.model m USING (model_id) WHERE m.policy = 'default';
SELECT parameters ? 'ranker' AS ranker FROM recsys.model WHERE policy = 'default';
SELECT string_agg(stage, ' ' ORDER BY started_at) AS stages FROM recsys.training_stage WHERE run_id = (SELECT max(run_id) FROM recsys.training_run);
SELECT recsys.evaluate('rank_a', '{default}') AS run \gset
SELECT DISTINCT policy FROM recsys.evaluation WHERE run_id = :run ORDER BY 1;
SELECT recsys.alter_recommender('rank_b', filter => 'customer < 50');
CALL recsys.retrain('rank_b');
SELECT parameters -> 'ranker' ->> 'note' AS note, (SELECT count(*) FROM recsys.ranker_weight w WHERE w.model_id = m.model_id) AS weights,
	(SELECT count(*) FROM rank_b.item_attribute) AS attributes FROM recsys.model m WHERE recommender = 'rank_b';

-- pairs at random, where there is no time
SELECT recsys.create_recommender('rank_c', 'ranker_shop.sale', 'customer', 'article', catalog => 'ranker_shop.article', catalog_columns => '{"item": "article"}');
SELECT recsys.train('rank_c') IS NOT NULL AS trained;
CALL recsys.retrain('rank_c', random_split => true);
SELECT parameters -> 'ranker' ->> 'slice' AS slice, parameters -> 'ranker' ->> 'slice_from' AS slice_from, parameters -> 'ranker' ? 'slope' AS learned
FROM recsys.model WHERE recommender = 'rank_c' ORDER BY model_id;

-- an item twice in the catalog: the smallest of each fact, whatever the order
INSERT INTO ranker_shop.article VALUES (3, 'again', 'ale', 99, NULL, true, -1), (4, 'again', NULL, 'NaN', '-infinity', true, 200);
SELECT recsys.train('rank_a', 'offers') AS model \gset
SELECT item_id, category, price, released_at AT TIME ZONE 'UTC' AS released, extra FROM rank_a.item_attribute WHERE model_id = :model AND item_id IN (3, 4) ORDER BY 1;
-- a feature that fails for some row fails the training
SELECT recsys.alter_policy('rank_a', 'offers', '{"features": {"odd": "1 / (c.margin - 200)"}}');
SELECT recsys.train('rank_a', 'offers'); \echo :SQLSTATE
-- trials are ranked by the blend: there is nothing to search of the ranker
CALL recsys.tune('rank_a', 'offers', ranges => '{"ranker_lambda": [0, 1]}');

-- old models take their facts and weights along
SELECT recsys.alter_recommender('rank_c', settings => '{"keep_models": 1}');
CALL recsys.retrain('rank_c', random_split => true);
SELECT count(DISTINCT a.model_id) AS with_facts, (SELECT count(DISTINCT model_id) FROM recsys.ranker_weight WHERE recommender = 'rank_c') AS with_weights
FROM rank_c.item_attribute a;

SELECT recsys.drop_recommender(r) FROM unnest('{rank_a,rank_b,rank_c}'::name[]) r;
DROP SCHEMA ranker_shop CASCADE;
