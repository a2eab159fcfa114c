-- questions: items near a vector, users like a user, users for an item, and what
-- a policy makes of given items, each against SQL over the model's tables
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- two circles of users, of even and of odd items; item 90 is excluded, 91 not
-- for sale, 92 to 95 are new: 92 in the even circle's category, 93 in one that
-- nobody knows, 94 in none, 95 not in the catalog; u99 has done nothing yet
CREATE TABLE question_item AS
SELECT i AS id, 'item ' || i AS title, CASE WHEN i <= 30 OR i IN (90, 91, 92) THEN CASE i % 2 WHEN 0 THEN 'even' ELSE 'odd' END WHEN i = 93 THEN 'unheard' END AS shelf,
	i * 1.5 AS price, timestamptz '2024-01-01Z' + i * interval '1 day' AS released_at, i <> 91 AS available
FROM (SELECT generate_series(1, 30) UNION SELECT generate_series(90, 94)) x (i);
CREATE TABLE question_event (who text, what int, event text, at timestamptz DEFAULT now());
CREATE INDEX ON question_event (who, at);
CREATE INDEX ON question_event (what, at);
INSERT INTO question_event
SELECT 'u' || to_char(u, 'FM00'), i, CASE WHEN (u * 7 + i) % 3 > 0 THEN 'buy' ELSE 'look' END, timestamptz '2024-03-01Z' + u * interval '1 hour' + i * interval '1 minute'
FROM generate_series(1, 40) u, (SELECT generate_series(1, 30) UNION SELECT generate_series(90, 91)) x (i)
WHERE (u + i) % 2 = 0 AND (u * 5 + i * 11) % 7 > 2 OR (u * 13 + i * 17) % 19 = 0;
SELECT recsys.create_recommender('ask', 'question_event', 'who', 'what', 'at', event_column => 'event',
	positives => '{"buy": {"weight": 1, "owned": true}, "look": {"weight": 0.3}, "dislike": {"weight": -1}}',
	catalog => 'question_item', catalog_columns => '{"item": "id", "category": "shelf"}', settings => '{"rules": {"bots": false}}');
-- before there is a model
SELECT * FROM ask.nearest('{1,2,3}');
SELECT * FROM ask.similar_users('u01');
SELECT * FROM ask.users_for_item(1);
SELECT * FROM ask.score('u01', '{1}');
SELECT * FROM ask.features('u01', '{1}');
SELECT recsys.alter_policy('ask', p, '{"factors": 3, "lambda": 0.05, "sweeps": 20, "solver": "exact"}') FROM unnest('{default,factors}'::name[]) p;
CALL recsys.retrain('ask', evaluate => false);
INSERT INTO ask.excluded_item (item_id, reason) VALUES (90, 'recalled');
CREATE VIEW question_model AS SELECT m.*, (m.parameters ->> 'alpha0')::float8 AS alpha0
	FROM recsys.model m JOIN recsys.recommender r ON r.live_model_id = m.model_id WHERE r.recommender = 'ask';
CREATE VIEW question_user AS SELECT f.* FROM ask.user_factor f JOIN question_model USING (model_id);
CREATE VIEW question_factor AS SELECT f.* FROM ask.item_factor f JOIN question_model USING (model_id);
SELECT users, items FROM question_model;

-- nearest: the greatest products, whatever may be listed
SELECT count(*) AS rows, bool_and(n.item_id = s.item_id AND abs(n.score - s.score) < 1e-6) AS same
FROM unnest('{u01,u02,u17}'::text[]) u JOIN question_user f ON f.user_id = u, LATERAL ask.nearest(f.factor, 12) n
JOIN LATERAL (SELECT item_id, recsys.dot(f.factor, i.factor) AS score, row_number() OVER (ORDER BY recsys.dot(f.factor, i.factor) DESC, item_id) AS rank
	FROM question_factor i WHERE item_id NOT IN (90, 91)) s USING (rank);
SELECT count(*) AS all, count(DISTINCT item_id), min(rank), max(rank) FROM ask.nearest('{1,-1,0.5}', 2147483647);
SELECT array_agg(item_id ORDER BY rank) = (SELECT array_agg(item_id ORDER BY recsys.dot('{1,-1,0.5}', factor) DESC, item_id)
	FROM question_factor WHERE item_id % 2 = 1 AND item_id BETWEEN 8 AND 20) AS filtered
FROM ask.nearest('{1,-1,0.5}', 100, '{"category": "odd", "price": {"min": 12, "max": 30}}');
SELECT array_agg(item_id ORDER BY rank) AS ties FROM ask.nearest('{0,0,0}', 5);
SELECT count(*) FROM ask.nearest(NULL);
SELECT count(*) FROM ask.nearest('{1,2,3}', 0);
SELECT * FROM ask.nearest('{1,2,3}', NULL);
SELECT * FROM ask.nearest('{1,2,3}', -1);
SELECT * FROM ask.nearest('{1,2}');
SELECT * FROM ask.nearest('{}');
SELECT * FROM ask.nearest('{1,NULL,2}');
SELECT * FROM ask.nearest('{1,NaN,2}');
SELECT * FROM ask.nearest('{1,2,-Infinity}');
SELECT * FROM ask.nearest('{{1,2,3}}');
SELECT * FROM ask.nearest('{1,2,3}', filter => '{"colour": "red"}');

-- similar items by factors, all of them
SELECT count(*) AS rows, bool_and(n.item_id = s.item_id AND abs(n.similarity - s.similarity) < 1e-6 AND users_both IS NULL) AS same
FROM unnest('{1,2,29,90}'::int[]) x JOIN question_factor f ON f.item_id = x, LATERAL ask.similar_items(x, 100, 'factors') n
JOIN LATERAL (SELECT item_id, c AS similarity, row_number() OVER (ORDER BY c::float4 DESC, item_id) AS rank
	FROM (SELECT i.item_id, recsys.dot(f.factor, i.factor) / recsys.norm(f.factor) / recsys.norm(i.factor) AS c
		FROM question_factor i WHERE i.item_id NOT IN (90, 91, x) OFFSET 0) i) s USING (rank);

-- similar users: the vector of now, solved from the history, by cosine
CREATE FUNCTION question_vector(of text) RETURNS float4[] STABLE LANGUAGE sql AS
$$ SELECT recsys.als_solve(recsys.als_normal(f.factor, i.weight), (SELECT recsys.gram(factor) FROM question_factor), m.alpha0, 0.05)
	FROM (SELECT item_id, max(weight) AS weight FROM ask.interaction WHERE user_id = $1 AND positive GROUP BY 1) i JOIN question_factor f USING (item_id), question_model m GROUP BY m.alpha0 $$;
SELECT count(*) AS rows, bool_and(n.user_id = s.user_id AND abs(n.similarity - s.similarity) < 1e-5) AS same
FROM unnest('{u01,u02,u17}'::text[]) u, question_vector(u) x, LATERAL ask.similar_users(u, 12) n
JOIN LATERAL (SELECT user_id, recsys.dot(x, factor) / recsys.norm(x) / recsys.norm(factor) AS similarity,
	row_number() OVER (ORDER BY recsys.dot(x, factor) / recsys.norm(x) / recsys.norm(factor) DESC, user_id) AS rank
	FROM question_user WHERE user_id <> u) s USING (rank);
SELECT count(*) AS all, bool_or(user_id = 'u01') AS oneself FROM ask.similar_users('u01', 2147483647);
SELECT count(*) FILTER (WHERE right(user_id, 1)::int % 2 = 1) AS same_circle, count(*) FROM ask.similar_users('u01');
-- somebody new, a second ago; somebody excluded
BEGIN;
SELECT count(*) FROM ask.similar_users('u99');
INSERT INTO question_event VALUES ('u99', 2, 'look'), ('u99', 4, 'look');
SELECT count(*) FILTER (WHERE right(user_id, 1)::int % 2 = 0) AS same_circle, count(*) FROM ask.similar_users('u99');
SELECT user_id AS first FROM ask.similar_users('u99', 1) \gset
INSERT INTO ask.excluded_user (user_id, reason) VALUES (:'first', 'a test account');
SELECT count(*) AS rows, bool_or(user_id = :'first') AS excluded FROM ask.similar_users('u99', 100);
SELECT bool_or(user_id = :'first') AS excluded FROM ask.users_for_item(2, 100, false);
SELECT recsys.alter_recommender('ask', settings => '{"rules": {"excluded_user": false}}');
SELECT bool_or(user_id = :'first') AS counts FROM ask.similar_users('u99', 100);
ROLLBACK;
SELECT count(*) FROM ask.similar_users(NULL);
SELECT count(*) FROM ask.similar_users('nobody');
SELECT count(*) FROM ask.similar_users('u01', 0);
SELECT * FROM ask.similar_users('u01', NULL);
SELECT * FROM ask.similar_users('u01', -1);

-- users for an item: by its factors
SELECT count(*) AS rows, bool_and(n.user_id = s.user_id AND abs(n.score - s.score) < 1e-6 AND source = 'factor') AS same
FROM unnest('{1,2,30,90}'::int[]) x JOIN question_factor f ON f.item_id = x, LATERAL ask.users_for_item(x, 100, false) n
JOIN LATERAL (SELECT user_id, row_number() OVER (ORDER BY recsys.dot(u.factor, f.factor) DESC, user_id) AS rank, recsys.dot(u.factor, f.factor) AS score FROM question_user u) s USING (rank);
-- those who have it are left out; a look is not to have it
SELECT bool_and(found = expected) AS same, sum(cardinality(found)) AS rows FROM generate_series(1, 30) x,
	LATERAL (SELECT array_agg(user_id ORDER BY rank) AS found FROM ask.users_for_item(x, 100)) a,
	LATERAL (SELECT array_agg(user_id ORDER BY rank) AS expected FROM ask.users_for_item(x, 100, false)
		WHERE user_id NOT IN (SELECT who FROM question_event WHERE what = x AND event = 'buy')) b;
BEGIN;
SELECT user_id AS first FROM ask.users_for_item(2, 1) \gset
INSERT INTO question_event VALUES (:'first', 2, 'dislike');
SELECT count(*) AS disliking FROM ask.users_for_item(2, 100) WHERE user_id = :'first';
SELECT count(*) AS disliking FROM ask.users_for_item(2, 100, false) WHERE user_id = :'first';
ROLLBACK;
BEGIN;
-- bought and given back: no longer had
ALTER TABLE question_event ADD count int NOT NULL DEFAULT 1;
SELECT recsys.alter_recommender('ask', value_column => 'count', settings => '{"returns": "net"}');
SELECT who AS owner FROM question_event WHERE what = 2 AND event = 'buy' ORDER BY who LIMIT 1 \gset
SELECT count(*) FROM ask.users_for_item(2, 100) WHERE user_id = :'owner';
INSERT INTO question_event VALUES (:'owner', 2, 'buy', now(), -1);
SELECT count(*) FROM ask.users_for_item(2, 100) WHERE user_id = :'owner';
ROLLBACK;
-- a new item that somebody has had already: solved from its users
BEGIN;
INSERT INTO question_event VALUES ('u02', 95, 'buy'), ('u04', 95, 'look'), ('u04', 95, 'buy'), ('u06', 95, 'look'), ('u99', 95, 'buy');
SELECT count(*) AS rows, bool_and(n.user_id = s.user_id AND abs(n.score - s.score) < 1e-5 AND source = 'fold_in') AS same, bool_or(n.user_id IN ('u02', 'u04')) AS owners
FROM question_model m, LATERAL (SELECT recsys.als_solve(recsys.als_normal(f.factor, w.weight), (SELECT recsys.gram(factor) FROM question_user), m.alpha0, 0.05) AS y
	FROM (VALUES ('u02', 1), ('u04', 1), ('u06', 0.3)) w (user_id, weight) JOIN question_user f USING (user_id)) v, LATERAL ask.users_for_item(95, 100) n
JOIN LATERAL (SELECT user_id, recsys.dot(factor, y) AS score, row_number() OVER (ORDER BY recsys.dot(factor, y) DESC, user_id) AS rank
	FROM question_user WHERE user_id NOT IN ('u02', 'u04')) s USING (rank);
ROLLBACK;
-- one that nobody has had: by the mean of its category
SELECT count(*) AS rows, bool_and(n.user_id = s.user_id AND abs(n.score - s.score) < 1e-5 AND source = 'category') AS same
FROM ask.users_for_item(92, 100) n
JOIN (SELECT user_id, avg(recsys.dot(u.factor, i.factor)) AS score, row_number() OVER (ORDER BY avg(recsys.dot(u.factor, i.factor)) DESC, user_id) AS rank
	FROM question_user u, question_factor i JOIN question_item q ON q.id = i.item_id AND q.shelf = 'even' GROUP BY 1) s USING (rank);
-- of which nothing is known
SELECT x, count(n.user_id) FROM unnest('{93,94,95,1234,NULL}'::int[]) x LEFT JOIN ask.users_for_item(x, 5) n ON true GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM ask.users_for_item(1, 0);
SELECT * FROM ask.users_for_item(1, NULL);
SELECT * FROM ask.users_for_item(1, -1);
SELECT * FROM ask.users_for_item(1, 5, NULL);

-- scores: those of the list, for what it leaves out too
SELECT p, count(*) AS rows, bool_and(abs(s.score - r.score) < 1e-12 AND s.source = r.source AND s.reason = r.reason) AS same
FROM unnest('{default,popularity,item_item,factors}'::name[]) p, unnest('{u01,u02,u17,nobody}'::text[]) u,
	LATERAL ask.recommend(u, 100, policy => p) r JOIN LATERAL ask.score(u, ARRAY(SELECT generate_series(0, 100)), p) s USING (item_id)
WHERE r.source <> 'fresh' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS rows, count(DISTINCT item_id) AS items, bool_and(rank = place) AS in_order, bool_and(score > '-Infinity' AND score < 'Infinity') AS finite,
	count(*) FILTER (WHERE item_id IN (SELECT what FROM question_event WHERE who = 'u01' AND event = 'buy')) > 0 AS owned, count(*) FILTER (WHERE item_id IN (90, 91)) AS not_listed
FROM (SELECT *, row_number() OVER (ORDER BY score DESC, item_id) AS place FROM ask.score('u01', ARRAY(SELECT generate_series(1, 30)) || '{90,91}')) s;
SELECT item_id, source, reason FROM ask.score('u01', '{1234,92,NULL,92,95}') ORDER BY item_id;
SELECT count(*) AS null_user FROM ask.score(NULL, '{1,2}') WHERE source = 'popularity';
SELECT count(*) FROM ask.score('u01', '{}');
SELECT count(*) FROM ask.score('u01', NULL);
SELECT * FROM ask.score('u01', '{1}', 'nonesuch');
-- the rules of a policy do not change them
BEGIN;
SELECT recsys.alter_policy('ask', 'default', '{"rules": [{"rule": "ban", "items": ["1"]}, {"rule": "boost", "sql": "100"}]}');
SELECT item_id, score < 2 AS not_boosted FROM ask.score('u01', '{1,3}') ORDER BY item_id;
ROLLBACK;

-- features: every one of every item, in the order of the call
SELECT array_agg(DISTINCT item_id) AS items, count(*) / 3 AS features, count(DISTINCT feature) AS names, bool_and(value > '-Infinity' AND value < 'Infinity') AS finite, bool_and(description > '') AS described
FROM ask.features('u01', '{3,1234,2,NULL,3}');
SELECT array_agg(item_id ORDER BY n) FROM (SELECT item_id, min(n) AS n FROM ask.features('u01', '{3,1234,2,NULL,3}') WITH ORDINALITY f (item_id, feature, value, description, n) GROUP BY 1) x;
SELECT feature FROM ask.features('u01', '{3}');
SELECT count(*) AS rows, bool_and(abs(value - CASE feature
	WHEN 'factor_score' THEN recsys.dot(question_vector(u), i.factor)
	WHEN 'popularity' THEN p.score
	WHEN 'popularity_log' THEN ln(1 + 1000 * p.score)
	WHEN 'history_length' THEN ln(1 + (SELECT count(DISTINCT item_id) FROM ask.interaction WHERE user_id = u AND positive))
	WHEN 'seen_weight' THEN coalesce((SELECT max(weight) FROM ask.interaction h WHERE h.user_id = u AND h.item_id = i.item_id AND positive), 0)
	WHEN 'neighbor_votes' THEN ln(1 + (SELECT count(DISTINCT h.item_id) FROM ask.interaction h JOIN ask.item_neighbor n ON n.item_id = h.item_id AND n.neighbor_id = i.item_id AND n.model_id = p.model_id WHERE h.user_id = u AND positive))
	END) < 1e-5) AS same
FROM unnest('{u01,u02}'::text[]) u, question_factor i JOIN ask.popularity p USING (model_id, item_id), LATERAL ask.features(u, ARRAY[i.item_id]) f
WHERE feature IN ('factor_score', 'popularity', 'popularity_log', 'history_length', 'seen_weight', 'neighbor_votes');
-- as of an earlier instant; of somebody unknown; what only the catalog knows
SELECT feature, value FROM ask.features('u01', '{3}', as_of => '2024-02-01Z') WHERE feature IN ('history_length', 'seen_weight');
SELECT count(*) FILTER (WHERE value <> 0) AS known FROM ask.features(NULL, '{3}') WHERE feature NOT LIKE 'popularity%' AND feature NOT IN ('item_age', 'price');
SELECT feature, round(value::numeric, 4) AS value FROM ask.features('u01', '{92}', as_of => '2024-04-11Z') WHERE feature IN ('price', 'item_age');
SELECT count(*) FROM ask.features('u01', '{}');
SELECT count(*) FROM ask.features('u01', NULL);
SELECT * FROM ask.features('u01', '{1}', policy => 'nonesuch');
-- of a policy without factors or neighbours too
SELECT count(*) = (SELECT count(*) FROM ask.features('u01', '{1}')) AS all FROM ask.features('u01', '{1}', policy => 'popularity');

-- wrappers are inlined; doors say what they return, and want the ids' own types
EXPLAIN (COSTS OFF) SELECT * FROM ask.similar_users('u01', 3);
EXPLAIN (COSTS OFF) SELECT * FROM ask.users_for_item(1, 3);
EXPLAIN (COSTS OFF) SELECT * FROM ask.score('u01', '{1}');
EXPLAIN (COSTS OFF) SELECT * FROM ask.features('u01', '{1}');
EXPLAIN (COSTS OFF) SELECT * FROM ask.nearest('{1,2,3}');
SELECT * FROM recsys._similar_users('ask', 1, 3) AS t (rank int, user_id text, similarity float8);
SELECT * FROM recsys._similar_users('ask', 'u01'::text, 3) AS t (rank int, user_id int8, similarity float8);
SELECT * FROM recsys._users_for_item('ask', 1::int8, 3, true) AS t (rank int, user_id text, score float8, source text);
SELECT * FROM recsys._users_for_item('ask', 1, 3, true) AS t (rank int, user_id int8, score float8, source text);
SELECT * FROM recsys._score('ask', 'u01'::text, '{1}'::int8[], NULL) AS t (rank int, item_id int, score float8, source text, reason text);
SELECT * FROM recsys._score('ask', 'u01'::text, '{1}'::int[], NULL) AS t (rank int, item_id text, score float8, source text, reason text);
SELECT * FROM recsys._features('ask', 'u01'::text, 1, NULL, NULL) AS t (item_id int, feature text, value float8, description text);
SELECT * FROM recsys._features('ask', 'u01'::text, '{1}'::int[], NULL, NULL) AS t (item_id int, feature text, value text, description text);
SELECT * FROM recsys._nearest_items('ask', '{1,2,3}', 3, NULL) AS t (rank int, item_id text, score float8);
SELECT * FROM recsys._nearest_items(NULL, '{1,2,3}', 3, NULL) AS t (rank int, item_id int, score float8);
SELECT * FROM recsys._similar_users(NULL, 'u01'::text, 3) AS t (rank int, user_id text, similarity float8);
SELECT * FROM recsys._score(NULL, 'u01'::text, '{1}'::int[], NULL) AS t (rank int, item_id int, score float8, source text, reason text);

-- whose rights: users are seen by who may see their factors
CREATE ROLE regress_recsys_asker;
GRANT USAGE ON SCHEMA ask TO regress_recsys_asker;
GRANT SELECT ON ALL TABLES IN SCHEMA ask TO regress_recsys_asker;
GRANT SELECT ON question_event, question_item TO regress_recsys_asker;
REVOKE SELECT ON ask.user_factor FROM regress_recsys_asker;
SET ROLE regress_recsys_asker;
SELECT count(*) FROM ask.similar_items(1, 3, 'factors');
SELECT count(*) FROM ask.score('u01', '{1,2}');
SELECT count(*) FROM ask.similar_users('u01', 3);
SELECT count(*) FROM ask.users_for_item(1, 3);
RESET ROLE;
GRANT SELECT ON ask.user_factor TO regress_recsys_asker;
SET ROLE regress_recsys_asker;
SELECT count(*) FROM ask.similar_users('u01', 3);
RESET ROLE;
ALTER TABLE ask.user_factor ENABLE ROW LEVEL SECURITY;
CREATE POLICY first_ten ON ask.user_factor TO regress_recsys_asker USING (user_id <= 'u10');
SET ROLE regress_recsys_asker;
SELECT count(*), max(user_id) FROM ask.similar_users('u01', 100);
SELECT count(*), max(user_id) FROM ask.users_for_item(1, 100, false);
RESET ROLE;
ALTER TABLE ask.user_factor DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON question_event FROM regress_recsys_asker;
SET ROLE regress_recsys_asker;
SELECT count(*) FROM ask.users_for_item(1, 3);
SELECT count(*) FROM ask.users_for_item(1, 3, false);
SELECT count(*) FROM ask.nearest('{1,2,3}', 3);
RESET ROLE;
SELECT count(*) AS all_again FROM ask.similar_users('u01', 100);

-- a new model is asked from now on, but for one that was rolled back
SELECT (SELECT array_agg(round(score::numeric, 5) ORDER BY rank) FROM ask.users_for_item(1, 5)) AS before \gset
INSERT INTO question_event SELECT 'u' || to_char(u, 'FM00'), 1, 'buy' FROM generate_series(50, 80) u;
INSERT INTO question_event SELECT 'u' || to_char(u, 'FM00'), 3, 'buy' FROM generate_series(50, 80) u;
SELECT (SELECT array_agg(round(score::numeric, 5) ORDER BY rank) FROM ask.users_for_item(1, 5)) = :'before' AS same;
BEGIN;
SELECT recsys.train('ask', 'default') AS model \gset
UPDATE recsys.recommender SET live_model_id = :model WHERE recommender = 'ask';
SELECT count(*) FILTER (WHERE user_id > 'u49') AS new_users FROM ask.similar_users('u50', 100);
ROLLBACK;
SELECT count(*) FILTER (WHERE user_id > 'u49') AS new_users FROM ask.similar_users('u50', 100);
SELECT (SELECT array_agg(round(score::numeric, 5) ORDER BY rank) FROM ask.users_for_item(1, 5)) = :'before' AS same;
CALL recsys.retrain('ask', evaluate => false);
SELECT count(*) FILTER (WHERE user_id > 'u49') AS new_users FROM ask.similar_users('u50', 100);
SELECT count(*) FILTER (WHERE user_id > 'u49') AS new_owners FROM ask.users_for_item(1, 100);
SELECT count(*) FILTER (WHERE user_id > 'u49') AS new_users FROM ask.users_for_item(1, 100, false);

-- live models that have no factors
SELECT recsys.train('ask', 'popularity') AS model \gset
UPDATE recsys.recommender SET live_policy = 'popularity', live_model_id = :model WHERE recommender = 'ask';
SELECT * FROM ask.similar_users('u01');
SELECT * FROM ask.users_for_item(1);
SELECT * FROM ask.nearest('{1,2,3}');
SELECT * FROM ask.similar_items(1, method => 'factors');
SELECT * FROM ask.similar_items(1);
SELECT source, count(*) FROM ask.score('u01', '{1,2,92}') GROUP BY 1 ORDER BY 1;
SELECT feature FROM ask.features('u01', '{1}') WHERE feature LIKE '%factor%' AND value <> 0;
DROP VIEW question_user, question_factor, question_model;
SELECT recsys.drop_recommender('ask');

-- models of ratings: scores are ratings, of users as of items
CREATE TABLE question_rating AS SELECT u AS who, i AS what, 1 + (u % 2 * i + u * 3 + i) % 5 AS stars, timestamptz '2024-03-01Z' + u * interval '1 hour' + i * interval '1 minute' AS at
FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 7 + i * 3) % 4 > 0;
CREATE INDEX ON question_rating (who, at);
SELECT recsys.create_recommender('rated', 'question_rating', 'who', 'what', 'at', value_column => 'stars', feedback => 'explicit', min_value => 4, settings => '{"rules": {"bots": false}}');
SELECT recsys.alter_policy('rated', 'ratings', '{"factors": 3, "lambda": 0.5}');
SELECT recsys.train('rated', 'ratings') AS model \gset
UPDATE recsys.recommender SET live_policy = 'ratings', live_model_id = :model WHERE recommender = 'rated';
SELECT count(*) AS rows, max(abs(n.score - s.score)) < 0.02 AS same FROM generate_series(1, 20) i, LATERAL rated.users_for_item(i, 100, false) n, LATERAL rated.score(n.user_id, ARRAY[i]) s;
SELECT count(*) AS rows, bool_and(s.score = r.score AND s.reason = r.reason) AS same FROM generate_series(1, 30) u, LATERAL rated.recommend(u, 100) r JOIN LATERAL rated.score(u, ARRAY(SELECT generate_series(1, 20))) s USING (item_id);
SELECT count(*) AS rows, bool_and(score BETWEEN 0 AND 6 AND source = 'factor') AS ratings FROM generate_series(1, 30) u, LATERAL rated.score(u, ARRAY(SELECT generate_series(1, 20)));
SELECT count(*) AS others FROM rated.similar_users(1, 100);
SELECT recsys.drop_recommender('rated');
DROP FUNCTION question_vector;
DROP TABLE question_item, question_event, question_rating;
DROP OWNED BY regress_recsys_asker;
DROP ROLE regress_recsys_asker;
