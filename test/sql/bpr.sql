-- bpr: factors by Bayesian personalised ranking, from the table to the list
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- forty listeners of two tastes, 170 songs: enough of both for two parts
CREATE TABLE play (listener int, song int, played timestamptz);
CREATE INDEX ON play (listener, played);
CREATE INDEX ON play (song, played);
INSERT INTO play
SELECT u, i, timestamptz '2024-01-01Z' + (u * 37 + i * 101) % 5000 * interval '1 minute'
FROM generate_series(1, 40) u, generate_series(1, 170) i
WHERE (u * i * 7 + u * 3 + i * 5) % 31 < CASE WHEN u % 2 = i % 2 THEN 12 ELSE 1 END;
SELECT recsys.create_recommender('bpr_r', 'play', 'listener', 'song', 'played');
SELECT recsys._default_policy_settings('bpr');
SELECT recsys.create_policy('bpr_r', 'pairs', 'bpr', '{"factors": 4, "rounds": 30, "rate": 0.1, "alpha0": 0.2, "lambda": 0.05}');
SELECT recsys.train('bpr_r', 'pairs') AS model \gset
SELECT method, users, items, interactions = (SELECT count(*) FROM play) AS interactions, parameters -> 'alpha0' AS alpha0,
	jsonb_array_length(parameters -> 'loss') AS rounds,
	(parameters -> 'loss' -> 0)::text::float8 > (parameters -> 'loss' -> -1)::text::float8 + 0.1 AS learns
FROM recsys.model WHERE model_id = :model;

-- items: centred, of mean square length 1
SELECT bool_and(abs(centre) < 1e-5) AS centred, min(length) AS length, min(bias) AS bias
FROM (SELECT avg(factor[k]) AS centre, round(avg(recsys.dot(factor, factor))::numeric, 4) AS length, round(abs(avg(bias))::numeric, 4) AS bias
	FROM bpr_r.item_factor, generate_series(1, 4) k WHERE model_id = :model GROUP BY k) c;
-- users: the rows of ALS against the items, by the building blocks of SQL
CREATE VIEW bpr_solved AS
SELECT g.model_id, p.listener AS user_id, recsys.als_solve(recsys.als_normal(i.factor, 1 ORDER BY p.song), g.gram, 0.2, 0.05) AS factor
FROM (SELECT DISTINCT listener, song FROM play) p
	JOIN (SELECT model_id, recsys.gram(factor ORDER BY item_id) AS gram FROM bpr_r.item_factor GROUP BY model_id) g ON true
	JOIN bpr_r.item_factor i ON (i.model_id, i.item_id) = (g.model_id, p.song)
GROUP BY g.model_id, p.listener, g.gram;
SELECT count(*) AS numbers, max(abs(s.factor[k] - u.factor[k])) < 1e-4 AS equal
FROM bpr_solved s JOIN bpr_r.user_factor u USING (model_id, user_id), generate_series(1, 4) k WHERE model_id = :model;
SELECT count(*) FROM bpr_r.user_factor WHERE model_id = :model AND bias IS NOT NULL;
SELECT g.factors, max(abs(g.gram[4 * (a - 1) + b] - d.sum)) < 1e-3 AS gram
FROM recsys.model_gram g, (SELECT a, b, sum(factor[a] * factor[b]) AS sum
	FROM bpr_r.item_factor, generate_series(1, 4) a, generate_series(1, 4) b WHERE model_id = :model GROUP BY a, b) d
WHERE g.model_id = :model GROUP BY g.factors;

-- the score: product and bias, by the largest of what may be listed, and a millionth of popularity
WITH wanted AS (
	SELECT u.user_id, i.item_id, recsys.dot(u.factor, i.factor) + i.bias AS product, p.score AS popularity
	FROM bpr_solved u JOIN bpr_r.item_factor i USING (model_id) JOIN bpr_r.popularity p USING (model_id, item_id)
	WHERE model_id = :model AND NOT EXISTS (SELECT FROM play WHERE (listener, song) = (u.user_id, i.item_id))
), scored AS (
	SELECT *, (1 - 1e-6) * product / max(product) OVER (PARTITION BY user_id) + 1e-6 * popularity AS score FROM wanted
)
SELECT count(*) AS rows, max(abs(r.score - s.score)) < 1e-4 AS equal, bool_and(r.source IN ('factor', 'popularity')) AS source
FROM generate_series(1, 40) u CROSS JOIN LATERAL bpr_r.recommend(u, k => 10, policy => 'pairs') r LEFT JOIN scored s ON (s.user_id, s.item_id) = (u, r.item_id);
-- most of what is listed is of the listener's taste
SELECT round(avg((u % 2 = r.item_id % 2)::int), 1) AS own_taste
FROM generate_series(1, 40) u, bpr_r.recommend(u, k => 10, policy => 'pairs') r;
SELECT DISTINCT source FROM bpr_r.recommend(99, policy => 'pairs');
SELECT count(*), bool_and(source = 'factor') AS by_factors FROM bpr_r.recommend_for_items(ARRAY[1, 3, 5], policy => 'pairs');

-- the same bytes whatever the order of the rows and the number of processes
CREATE TABLE play_again (LIKE play);
INSERT INTO play_again SELECT * FROM play ORDER BY md5(listener || ' ' || song);
SELECT recsys.alter_recommender('bpr_r', source => 'play_again');
SELECT recsys.train('bpr_r', 'pairs') AS again \gset
SELECT recsys.alter_recommender('bpr_r', source => 'play');
CALL recsys.retrain('bpr_r', policy => 'pairs', workers => 0);
CALL recsys.retrain('bpr_r', policy => 'pairs', workers => 1);
CALL recsys.retrain('bpr_r', policy => 'pairs', workers => 2);
SELECT recsys.train('bpr_r', 'pairs', seed => 2) AS other \gset
SELECT count(DISTINCT (f.factors, m.parameters -> 'loss', g.gram)) FILTER (WHERE m.model_id < :other) AS different,
	count(DISTINCT f.factors) AS seeds
FROM recsys.model m JOIN recsys.model_gram g USING (model_id), LATERAL (SELECT array_agg((item_id, factor, bias) ORDER BY item_id) AS factors
	FROM bpr_r.item_factor i WHERE i.model_id = m.model_id) f
WHERE m.recommender = 'bpr_r';
SELECT count(DISTINCT run_id) AS runs, count(DISTINCT (policy, protocol, population, metric, k, value, lower, upper)) * 3 = count(*) AS equal
FROM recsys.evaluation WHERE recommender = 'bpr_r';

-- no item bias; negatives by popularity
SELECT recsys.create_policy('bpr_r', 'plain', 'bpr', '{"factors": 4, "item_bias": false}'),
	recsys.create_policy('bpr_r', 'popular', 'bpr', '{"factors": 4, "exponent": 0.75}');
SELECT recsys.train('bpr_r', 'plain') AS plain, recsys.train('bpr_r', 'popular') AS popular \gset
SELECT count(*), count(bias) AS biases FROM bpr_r.item_factor WHERE model_id = :plain;
SELECT count(*), bool_and(score > 0) AS positive FROM bpr_r.recommend(1, policy => 'plain');
SELECT (SELECT max(abs(bias)) FROM bpr_r.item_factor WHERE model_id = :popular) > 0 AS biased,
	(SELECT parameters -> 'loss' FROM recsys.model WHERE model_id = :popular) <> (SELECT parameters -> 'loss' FROM recsys.model WHERE model_id = :plain) AS others;
SELECT recsys.evaluate('bpr_r', policies => '{pairs,plain,popular,factors}', cutoff => '2024-01-04Z') > 0 AS run;
SELECT policy, method FROM recsys.leaderboard WHERE recommender = 'bpr_r' ORDER BY policy;

-- similar items, once it is live
UPDATE recsys.recommender SET live_policy = 'pairs' WHERE recommender = 'bpr_r';
CALL recsys.retrain('bpr_r', evaluate => false);
SELECT count(*), round(avg((item_id % 2)::int), 1) AS odd FROM bpr_r.similar_items(1, method => 'factors');
UPDATE recsys.recommender SET live_policy = 'default', live_model_id = NULL WHERE recommender = 'bpr_r';
SELECT stage, bytes > 0 AS bytes, seconds >= 0 AS seconds FROM recsys.estimate('bpr_r', 'pairs');

-- settings are searched
CALL recsys.tune('bpr_r', 'pairs', store_as => 'best', trials => 3, cutoff => '2024-01-04Z');
SELECT trial_id, rung, method, sweeps, value IS NOT NULL AS measured,
	(SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(parameters) k) AS parameters
FROM recsys.trial WHERE recommender = 'bpr_r' ORDER BY trial_id, rung;
SELECT method, settings ->> 'rounds' AS rounds FROM recsys.policy WHERE (recommender, policy) = ('bpr_r', 'best');

-- hostile settings and data: an answer or a clear error
SELECT recsys.create_policy('bpr_r', 'wild', 'bpr', '{"factors": 2, "rate": 1, "ridge": 0, "rounds": 1000, "initial_sd": 1000}'),
	recsys.create_policy('bpr_r', 'dead', 'bpr', '{"factors": 1, "rate": 1, "ridge": 1, "rounds": 1}'),
	recsys.create_policy('bpr_r', 'still', 'bpr', '{"factors": 1024, "rate": 1e-9, "rounds": 1, "exponent": 2}');
DO $$
BEGIN
	PERFORM recsys.train('bpr_r', 'wild');
EXCEPTION WHEN numeric_value_out_of_range THEN
END $$;
SELECT recsys.train('bpr_r', 'dead') IS NOT NULL AS dead, recsys.train('bpr_r', 'still', memory => '512MB') IS NOT NULL AS still;
SELECT count(*), bool_and(score > '-Infinity' AND score < 'Infinity') AS finite FROM bpr_r.recommend(1, policy => 'dead');
SELECT recsys.create_policy('bpr_r', 'bare', 'bpr', '{"factors": 4, "alpha0": 0, "lambda": 0}');
DELETE FROM play;
INSERT INTO play VALUES (1, 1, now()), (1, 2, now());	-- one user, who has everything there is
SELECT recsys.train('bpr_r', 'pairs') AS model \gset
SELECT parameters -> 'loss' -> -1 AS no_triple FROM recsys.model WHERE model_id = :model;
SELECT recsys.train('bpr_r', 'bare'); \echo :SQLSTATE
DELETE FROM play;
INSERT INTO play VALUES (1, 1, now()), (2, 1, now());	-- one item
SELECT recsys.train('bpr_r', 'pairs') IS NOT NULL AS trained;
SELECT item_id, score, source FROM bpr_r.recommend(3, policy => 'pairs');
DELETE FROM play;
SELECT recsys.train('bpr_r', 'pairs'); \echo :SQLSTATE

SELECT recsys.create_policy('bpr_r', 'bad', 'bpr', '{"sweeps": 5}'); \echo :SQLSTATE
SELECT recsys.create_policy('bpr_r', 'bad', 'bpr', '{"rate": 1.5}'); \echo :SQLSTATE
SELECT recsys.create_policy('bpr_r', 'bad', 'bpr', '{"rate": 0}'); \echo :SQLSTATE
SELECT recsys.create_policy('bpr_r', 'bad', 'bpr', '{"ridge": 2}'); \echo :SQLSTATE
SELECT recsys.create_policy('bpr_r', 'bad', 'bpr', '{"exponent": -1}'); \echo :SQLSTATE
SELECT recsys.create_policy('bpr_r', 'bad', 'bpr', '{"rounds": 0.5}'); \echo :SQLSTATE
SELECT recsys.create_policy('bpr_r', 'bad', 'bpr', '{"item_bias": 1}'); \echo :SQLSTATE
SELECT recsys.create_policy('bpr_r', 'bad', 'als'); \echo :SQLSTATE

DROP VIEW bpr_solved;
SELECT recsys.drop_recommender('bpr_r');
DROP TABLE play, play_again;
