-- ratings: explicit feedback, from the table to the list
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- eight readers of two tastes and ten books; the last book has been rated badly only
CREATE TABLE rate (reader int, book text, stars float8, rated timestamptz);
CREATE INDEX ON rate (reader, rated);
CREATE INDEX ON rate (book, rated);
INSERT INTO rate
SELECT u, 'book ' || i, CASE WHEN i = 9 THEN 1 WHEN u % 2 = i % 2 THEN 5 - (u * i) % 2 ELSE 1 + (u + i) % 3 END,
	timestamptz '2024-01-01Z' + (u + 8 * i) * interval '1 hour'
FROM generate_series(1, 8) u, generate_series(0, 9) i
WHERE (u * 7 + i * 3) % 5 <> 0;
-- a rating is replaced by a newer one, and of two at one time by the higher one
INSERT INTO rate VALUES (1, 'book 0', 4, '2024-03-01Z'), (1, 'book 0', 3, '2024-03-01Z'), (1, 'book 0', 1, '2023-01-01Z');
SELECT recsys.create_recommender('rating_r', 'rate', 'reader', 'book', 'rated', 'stars', feedback => 'explicit', min_value => 4,
	settings => '{"relevant": "positive"}');
SELECT policy, method, settings FROM recsys.policy WHERE recommender = 'rating_r' AND method = 'explicit';
SELECT recsys.create_policy('rating_r', 'few', 'explicit', '{"factors": 3, "sweeps": 8, "lambda": 0.3}');
SELECT recsys.train('rating_r', 'few') AS model \gset

-- the model: every rating, once a pair
CREATE VIEW rating_pair AS
SELECT DISTINCT ON (reader, book) reader AS u, book AS i, stars AS r FROM rate ORDER BY reader, book, rated DESC, stars DESC;
SELECT m.method, m.users = (SELECT count(DISTINCT u) FROM rating_pair) AS users, m.items = (SELECT count(DISTINCT i) FROM rating_pair) AS items,
	m.interactions = (SELECT count(*) FROM rating_pair) AS interactions,
	abs((parameters ->> 'mu')::float8 - (SELECT avg(r) FROM rating_pair)) < 1e-9 AS mu,
	abs((parameters ->> 'scale')::float8 - (SELECT stddev_pop(r) FROM rating_pair)) < 1e-9 AS scale,
	parameters ->> 'lowest_rating' AS lowest, parameters ->> 'highest_rating' AS highest, parameters -> 'alpha0' AS alpha0,
	NOT EXISTS (SELECT FROM recsys.model_gram g WHERE g.model_id = m.model_id) AS no_gram
FROM recsys.model m WHERE model_id = :model;
SELECT count(*) AS items, count(*) FILTER (WHERE users = 0) AS liked_by_nobody FROM rating_r.popularity WHERE model_id = :model;

-- the loss never rises, and the last one is that of the stored factors
SELECT count(*) AS sweeps, bool_and(loss <= before * (1 + 1e-6)) AS falling
FROM (SELECT l::text::float8 AS loss, lag(l::text::float8, 1, 'Infinity') OVER (ORDER BY n) AS before
	FROM recsys.model m, jsonb_array_elements(m.parameters -> 'loss') WITH ORDINALITY x (l, n) WHERE m.model_id = :model) s;
CREATE FUNCTION rating_predict(model int8, reader int, item text) RETURNS float8 LANGUAGE sql
BEGIN ATOMIC
	SELECT (m.parameters ->> 'mu')::float8 + x.bias + y.bias + recsys.dot(x.factor, y.factor)
	FROM recsys.model m, rating_r.user_factor x, rating_r.item_factor y
	WHERE m.model_id = $1 AND (x.model_id, x.user_id) = ($1, $2) AND (y.model_id, y.item_id) = ($1, $3);
END;
WITH s AS (
	SELECT (parameters -> 'settings' ->> 'lambda')::float8 * (parameters ->> 'scale')::float8 AS lambda,
		(parameters -> 'settings' ->> 'nu')::float8 AS nu, (parameters -> 'settings' ->> 'bias_lambda')::float8 AS bias_lambda,
		(parameters -> 'loss' -> -1)::text::float8 AS loss
	FROM recsys.model WHERE model_id = :model
)
SELECT abs((SELECT sum((p.r - rating_predict(:model, p.u, p.i)) ^ 2) FROM rating_pair p)
	+ (SELECT sum(s.lambda * f.interactions ^ s.nu * recsys.dot(f.factor, f.factor) + s.bias_lambda * f.bias ^ 2)
		FROM (SELECT factor, bias, interactions FROM rating_r.user_factor WHERE model_id = :model
			UNION ALL SELECT factor, bias, interactions FROM rating_r.item_factor WHERE model_id = :model) f) - s.loss) < 1e-4 * s.loss AS equal
FROM s;

-- a user's row is where the gradient is 0: of the bias, and of each factor
SELECT bool_and(abs(bias_slope) < 1e-4 AND abs(factor_slope) < 1e-4) AS flat, count(*) AS slopes
FROM (
	SELECT p.u, k,
		sum(p.r - rating_predict(:model, p.u, p.i)) - min((m.parameters -> 'settings' ->> 'bias_lambda')::float8 * x.bias) AS bias_slope,
		sum((p.r - rating_predict(:model, p.u, p.i)) * y.factor[k])
			- min((m.parameters -> 'settings' ->> 'lambda')::float8 * (m.parameters ->> 'scale')::float8
				* x.interactions ^ (m.parameters -> 'settings' ->> 'nu')::float8 * x.factor[k]) AS factor_slope
	FROM rating_pair p JOIN recsys.model m ON m.model_id = :model
		JOIN rating_r.user_factor x ON (x.model_id, x.user_id) = (:model, p.u)
		JOIN rating_r.item_factor y ON (y.model_id, y.item_id) = (:model, p.i), generate_series(1, 3) k
	GROUP BY p.u, k) g;

-- serving solves the same row: the score is the predicted rating, and orders the list
SELECT count(*) AS rows, bool_and(abs(r.score - rating_predict(:model, u, r.item_id)) < 1e-4) AS predicted,
	bool_and(r.source = 'factor') AS by_factors,
	bool_and(r.reason = format('would be rated about %s', round(r.score::numeric, 1))) AS told
FROM generate_series(1, 8) u, rating_r.recommend(u, k => 10, policy => 'few') r;
SELECT count(*) FILTER (WHERE rank > 1 AND score > before) AS out_of_order
FROM (SELECT *, lag(score) OVER (ORDER BY rank) AS before FROM rating_r.recommend(3, k => 10, policy => 'few')) r;
-- rated items leave the lists
SELECT count(*) AS listed_again FROM generate_series(1, 8) u, rating_r.recommend(u, k => 10, policy => 'few') r
WHERE EXISTS (SELECT FROM rate WHERE (reader, book) = (u, r.item_id));
-- a bad rating is heard too, and a new one at once
SELECT avg(score) AS liked FROM rating_r.recommend(2, k => 10, policy => 'few') \gset
BEGIN;
UPDATE rate SET stars = 1 WHERE reader = 2;
SELECT avg(score) < :liked - 0.5 AS harsher, bool_and(source = 'factor') AS by_factors FROM rating_r.recommend(2, k => 10, policy => 'few');
ROLLBACK;
-- as of before the first rating, and for an unknown user, the list is popularity
SELECT DISTINCT source FROM rating_r.recommend(99, k => 10, policy => 'few') ORDER BY source;
SELECT DISTINCT source FROM rating_r.recommend(2, k => 10, policy => 'few', as_of => '2020-01-01Z');
SELECT DISTINCT source FROM rating_r.recommend(NULL, k => 3, policy => 'few');
-- a session's items count as the user's best
SELECT bool_and(score BETWEEN 1 AND 6) AS ratings, bool_and(source = 'factor') AS by_factors, count(*)
FROM rating_r.recommend_for_items(ARRAY['book 1', 'book 3'], k => 10, policy => 'few');
SELECT recsys.alter_recommender('rating_r', repeatable => true);
SELECT count(*) FROM rating_r.recommend(1, k => 100, policy => 'few');
SELECT recsys.alter_recommender('rating_r', repeatable => false);

-- the same bytes whatever the order of the rows
CREATE TABLE rate_again (LIKE rate);
INSERT INTO rate_again SELECT * FROM rate ORDER BY md5(reader || book), rated DESC, stars;
SELECT recsys.alter_recommender('rating_r', source => 'rate_again');
SELECT recsys.train('rating_r', 'few') AS again \gset
SELECT a.data_checksum = b.data_checksum AS data, a.parameters -> 'loss' = b.parameters -> 'loss' AS loss,
	NOT EXISTS (SELECT item_id, factor, bias, interactions FROM rating_r.item_factor WHERE model_id = :model
		EXCEPT SELECT item_id, factor, bias, interactions FROM rating_r.item_factor WHERE model_id = :again) AS items,
	NOT EXISTS (SELECT user_id, factor, bias, interactions FROM rating_r.user_factor WHERE model_id = :model
		EXCEPT SELECT user_id, factor, bias, interactions FROM rating_r.user_factor WHERE model_id = :again) AS users
FROM recsys.model a, recsys.model b WHERE (a.model_id, b.model_id) = (:model, :again);
SELECT recsys.alter_recommender('rating_r', source => 'rate');
DROP TABLE rate_again;

-- and whatever the number of processes
CALL recsys.retrain('rating_r', policy => 'few', cutoff => '2024-01-03 12:00Z', workers => 0);
CALL recsys.retrain('rating_r', policy => 'few', cutoff => '2024-01-03 12:00Z', workers => 1);
CALL recsys.retrain('rating_r', policy => 'few', cutoff => '2024-01-03 12:00Z', workers => 2);
SELECT count(DISTINCT (f.factors, m.parameters -> 'loss')) AS different
FROM recsys.model m, LATERAL (SELECT array_agg((item_id, factor, bias) ORDER BY item_id) AS factors
	FROM rating_r.item_factor i WHERE i.model_id = m.model_id) f
WHERE m.recommender = 'rating_r' AND m.model_id > :again;
SELECT count(DISTINCT run_id) AS runs, count(DISTINCT (policy, protocol, population, metric, k, value, lower, upper)) * 3 = count(*) AS equal
FROM recsys.evaluation WHERE recommender = 'rating_r';

-- the evaluation: errors by SQL, the model as it was before the cutoff
SELECT recsys.train('rating_r', 'few', cutoff => '2024-01-03 12:00Z') AS before \gset
SELECT max(run_id) AS run FROM recsys.evaluation WHERE recommender = 'rating_r' \gset
SELECT policy, method, protocol, population, metric, k, users, difference IS NULL AS baseline, lower < value AND value < upper AS within
FROM recsys.evaluation WHERE run_id = :run AND metric IN ('rmse', 'mae') ORDER BY policy, metric;
CREATE VIEW rating_test AS
SELECT DISTINCT ON (reader, book) reader AS u, book AS i, stars AS r FROM rate WHERE rated >= '2024-01-03 12:00Z'
AND reader IN (SELECT reader FROM rate WHERE rated < '2024-01-03 12:00Z') AND book IN (SELECT book FROM rate WHERE rated < '2024-01-03 12:00Z')
ORDER BY reader, book, rated DESC, stars DESC;
WITH e AS (
	SELECT t.u, least(greatest(rating_predict(:before, t.u, t.i), (m.parameters ->> 'lowest_rating')::float8), (m.parameters ->> 'highest_rating')::float8) - t.r AS miss
	FROM rating_test t, recsys.model m WHERE m.model_id = :before
), s AS (
	SELECT sqrt(avg(miss ^ 2)) AS rmse, avg(abs(miss)) AS mae, count(DISTINCT u) AS users, count(*) AS n FROM e
), u AS (	-- users are what varies; the root by its slope
	SELECT sum((x.square - s.rmse ^ 2 * x.ratings) ^ 2) AS squares
	FROM (SELECT sum(e.miss ^ 2) AS square, count(*) AS ratings FROM e GROUP BY e.u) x, s
)
SELECT abs(s.rmse - r.value) < 1e-4 AS rmse, abs(s.mae - a.value) < 1e-4 AS mae, s.users = r.users AS users,
	abs(r.upper - r.value - 1.959964 * sqrt(s.users / (s.users - 1.0) * (SELECT squares FROM u)) / s.n / (2 * s.rmse)) < 1e-3 AS interval
FROM s, recsys.evaluation r, recsys.evaluation a
WHERE (r.run_id, r.policy, r.metric) = (:run, 'few', 'rmse') AND (a.run_id, a.policy, a.metric) = (:run, 'few', 'mae');
-- the difference is to the baseline, whose own rows have none
SELECT abs(f.difference - (f.value - b.value)) < 1e-9 AS difference, f.difference_lower < f.difference AND f.difference < f.difference_upper AS within
FROM recsys.evaluation f JOIN recsys.evaluation b ON b.run_id = f.run_id AND b.metric = f.metric
WHERE f.run_id = :run AND f.policy = 'few' AND b.policy = 'few.bias';
SELECT policy FROM recsys.leaderboard WHERE recommender = 'rating_r' ORDER BY policy;
-- the lists that it measures are those that serving would have made
SELECT abs(avg(recsys.ndcg_at_k((SELECT array_agg(r.item_id ORDER BY r.rank)
		FROM rating_r.recommend(u, k => 5, policy => 'few', as_of => '2024-01-03 11:59Z') r), liked, 5)) - min(e.value)) < 1e-6 AS ndcg,
	count(*) = min(e.users) AS users
FROM (SELECT t.u, array_agg(t.i) AS liked FROM rating_test t
		WHERE t.r >= 4 AND NOT EXISTS (SELECT FROM rate b WHERE (b.reader, b.book) = (t.u, t.i) AND b.rated < '2024-01-03 12:00Z') GROUP BY t.u) x,
	recsys.evaluation e
WHERE (e.run_id, e.policy, e.protocol, e.population, e.metric, e.k) = (:run, 'few', 'new', 'warm', 'ndcg', 5);
-- ratings and other policies side by side
SELECT recsys.evaluate('rating_r', policies => '{factors,ratings}', cutoff => '2024-01-03 12:00Z') AS run \gset
SELECT policy, method FROM recsys.leaderboard WHERE recommender = 'rating_r' ORDER BY policy;

-- similar items, once it is live
CALL recsys.retrain('rating_r', policy => 'few', evaluate => false);
UPDATE recsys.recommender SET live_policy = 'few' WHERE recommender = 'rating_r';
CALL recsys.retrain('rating_r', evaluate => false);
SELECT count(*), bool_and(similarity BETWEEN -1.0001 AND 1.0001) AS cosine FROM rating_r.similar_items('book 1', method => 'factors');
SELECT * FROM rating_r.similar_items('book 1'); \echo :SQLSTATE
UPDATE recsys.recommender SET live_policy = 'default' WHERE recommender = 'rating_r';
SELECT stage, bytes > 0 AS bytes, seconds >= 0 AS seconds FROM recsys.estimate('rating_r', 'few');

-- hostile data and settings
CREATE TABLE rate_odd (reader int, book int, stars float8);
CREATE INDEX ON rate_odd (reader);
CREATE INDEX ON rate_odd (book);
SELECT recsys.create_recommender('rating_odd', 'rate_odd', 'reader', 'book', value_column => 'stars', feedback => 'explicit', min_value => 4);
SELECT recsys.train('rating_odd', 'ratings'); \echo :SQLSTATE
INSERT INTO rate_odd VALUES (1, 1, 3);	-- one rating, no positive
SELECT recsys.train('rating_odd', 'ratings') IS NOT NULL AS trained;
SELECT recsys.train('rating_odd', 'factors'); \echo :SQLSTATE
SELECT book, round(score::numeric, 3) AS score FROM (SELECT item_id AS book, score FROM rating_odd.recommend(2, policy => 'ratings')) r;
INSERT INTO rate_odd SELECT u, i, 3 FROM generate_series(1, 4) u, generate_series(2, 5) i;	-- all equal
SELECT recsys.train('rating_odd', 'ratings') AS model \gset
SELECT parameters ->> 'mu' AS mu, parameters ->> 'scale' AS scale FROM recsys.model WHERE model_id = :model;
SELECT item_id, round(score::numeric, 3) AS score FROM rating_odd.recommend(2, policy => 'ratings');
DELETE FROM rate_odd WHERE reader <> 1;	-- one user
SELECT recsys.train('rating_odd', 'ratings') IS NOT NULL AS trained;
DELETE FROM rate_odd;
INSERT INTO rate_odd SELECT u, 7, u FROM generate_series(1, 9) u;	-- one item
SELECT recsys.train('rating_odd', 'ratings') IS NOT NULL AS trained;
INSERT INTO rate_odd VALUES (1, 8, 'NaN'), (2, 8, 'Infinity'), (3, 8, NULL);	-- dropped by a rule
SELECT recsys.train('rating_odd', 'ratings') AS model \gset
SELECT interactions FROM recsys.model WHERE model_id = :model;
SELECT recsys.alter_recommender('rating_odd', settings => '{"rules": {"value_not_finite": false}}');
SELECT recsys.train('rating_odd', 'ratings'); \echo :SQLSTATE
SELECT count(*) FROM rating_odd.recommend(1, policy => 'ratings');
SELECT recsys.alter_recommender('rating_odd', settings => '{"rules": {"value_not_finite": true}}');
INSERT INTO rate_odd VALUES (1, 8, 1e300);
SELECT recsys.train('rating_odd', 'ratings'); \echo :SQLSTATE
UPDATE rate_odd SET stars = 1e38 WHERE stars = 1e300;
SELECT recsys.train('rating_odd', 'ratings'); \echo :SQLSTATE
DELETE FROM rate_odd WHERE book = 8;
INSERT INTO rate_odd SELECT u, i, -1e6 * (u * i % 7) FROM generate_series(1, 9) u, generate_series(10, 20) i	-- large and negative
WHERE (u, i) <> (3, 20);
SELECT recsys.create_policy('rating_odd', 'bare', 'explicit', '{"lambda": 0, "bias_lambda": 0, "factors": 64, "sweeps": 3}'),
	recsys.create_policy('rating_odd', 'stiff', 'explicit', '{"lambda": 1e6, "bias_lambda": 1e6, "nu": 2, "factors": 1, "sweeps": 1, "initial_sd": 1000}');
SELECT recsys.train('rating_odd', 'ratings') IS NOT NULL AS ratings, recsys.train('rating_odd', 'stiff') IS NOT NULL AS stiff;
SELECT bool_and(score > '-Infinity' AND score < 'Infinity') AS finite, count(*) FROM rating_odd.recommend(3, k => 100, policy => 'stiff');
SELECT recsys.train('rating_odd', 'bare'); \echo :SQLSTATE

-- lists for all are those of serving
SELECT recsys.train('rating_r', 'ratings') IS NOT NULL AS trained;
SELECT recsys.recommend_all('rating_r', k => 7, policy => 'ratings') > 0 AS written;
SELECT count(*) FILTER (WHERE source = 'factor') > 0 AS rated, count(*) FILTER (WHERE different) AS different
FROM (SELECT l.source, r IS NULL OR (r.score, r.source, r.reason) IS DISTINCT FROM (l.score, l.source, l.reason) AS different
	FROM rating_r.recommendation l LEFT JOIN LATERAL rating_r.recommend(l.user_id, 7, policy => 'ratings') r ON (r.rank, r.item_id) = (l.rank, l.item_id)) d;

-- only where feedback is explicit
SELECT recsys.create_policy('rating_r', 'bad', 'explicit', '{"alpha0": 1}'); \echo :SQLSTATE
SELECT recsys.create_policy('rating_r', 'bad', 'explicit', '{"nu": 3}'); \echo :SQLSTATE
SELECT recsys.create_policy('rating_r', 'bad', 'explicit', '{"bias_lambda": -1}'); \echo :SQLSTATE
SELECT recsys.create_policy('rating_r', 'bad', 'explicit', '{"lambda": null}'); \echo :SQLSTATE
CALL recsys.tune('rating_r', 'ratings', trials => 2); \echo :SQLSTATE
SELECT recsys.drop_policy('rating_r', 'ratings'); \echo :SQLSTATE
SELECT recsys.create_recommender('rating_i', 'rate', 'reader', 'book', 'rated');
SELECT recsys.create_policy('rating_i', 'ratings', 'explicit'); \echo :SQLSTATE
SELECT recsys.alter_recommender('rating_i', feedback => 'explicit', value_column => 'stars', min_value => 4);
SELECT policy FROM recsys.policy WHERE recommender = 'rating_i' ORDER BY policy;
SELECT recsys.alter_recommender('rating_i', feedback => 'implicit');
SELECT recsys.train('rating_i', 'ratings'); \echo :SQLSTATE

DROP FUNCTION rating_predict;
DROP VIEW rating_test, rating_pair;
SELECT recsys.drop_recommender('rating_r'), recsys.drop_recommender('rating_odd'), recsys.drop_recommender('rating_i');
DROP TABLE rate, rate_odd;
