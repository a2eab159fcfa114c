-- train: what the stored parts and the model's row say
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- five customers, four books, and what comes after the end of May
CREATE TABLE train_loan (reader int, book text, copies float8, lent timestamptz);
CREATE INDEX ON train_loan (reader, lent);
CREATE INDEX ON train_loan (book, lent);
INSERT INTO train_loan VALUES
	(1, 'Emma', 1, '2024-05-01Z'), (1, 'Dune', 2, '2024-05-02Z'), (1, 'Ulysses', 1, '2024-05-03Z'),
	(2, 'Emma', 1, '2024-05-04Z'), (2, 'Dune', 1, '2024-05-05Z'),
	(3, 'Emma', 3, '2024-05-06Z'), (3, 'Ulysses', 1, '2024-05-07Z'),
	(4, 'Dune', 1, '2024-05-08Z'),
	(5, 'Faust', 1, '2024-05-09Z'),
	-- the same loan twice, and a second, smaller one
	(2, 'Emma', 1, '2024-05-04Z'), (3, 'Emma', 1, '2024-05-10Z'),
	-- what an evaluation at the end of May must not see
	(4, 'Ulysses', 5, '2024-06-01Z'), (6, 'Faust', 1, '2024-06-02Z'), (1, 'Iliad', 1, '2024-06-03Z');
SELECT recsys.create_recommender('library', 'train_loan', 'reader', 'book', 'lent', 'copies', weight_rule => 'value');

-- a model before June
SELECT recsys.train('library', 'popularity', cutoff => '2024-06-01Z') AS model \gset
SELECT book, users, round(score::numeric, 4) AS score, rank
FROM (SELECT item_id AS book, users, score, rank FROM library.popularity WHERE model_id = :model) p ORDER BY rank;

-- neighbours: the cosine, and users weighted by their activity; by hand
-- cosine(Emma, Dune) = 2 / sqrt(3 * 3); weighted (1/3 + 1/2) / sqrt(3 * 3)
SELECT recsys.create_policy('library', 'cosine', 'item_item', '{"activity": 0}');
SELECT recsys.train('library', 'cosine', cutoff => '2024-06-01Z') AS cosine,
	recsys.train('library', 'item_item', cutoff => '2024-06-01Z') AS weighted \gset
SELECT item_id, neighbor_id, n.rank, n.users_both, round(n.similarity::numeric, 4) AS cosine,
	w.rank AS weighted_rank, round(w.similarity::numeric, 4) AS weighted
FROM library.item_neighbor n JOIN library.item_neighbor w USING (item_id, neighbor_id)
WHERE n.model_id = :cosine AND w.model_id = :weighted
ORDER BY item_id COLLATE "C", n.rank;

-- the same by SQL, for every kernel: no row differs
CREATE VIEW train_pair AS SELECT DISTINCT reader AS u, book AS i FROM train_loan WHERE lent < '2024-06-01Z';
CREATE FUNCTION train_neighbors(activity float8, source float8, target float8, shrinkage float8)
RETURNS TABLE (item_id text, neighbor_id text, users_both int8, similarity float8) LANGUAGE sql
BEGIN ATOMIC
	WITH n AS (SELECT u, count(*) AS n FROM train_pair GROUP BY u),
		m AS (SELECT i, count(*) AS m FROM train_pair GROUP BY i)
	SELECT a.i, b.i, count(*),
		sum(n.n ^ -activity) / (ma.m ^ source * mb.m ^ target) * count(*) / (count(*) + shrinkage)
	FROM train_pair a JOIN train_pair b ON a.u = b.u AND a.i <> b.i JOIN n ON n.u = a.u
		JOIN m ma ON ma.i = a.i JOIN m mb ON mb.i = b.i
	GROUP BY a.i, b.i, ma.m, mb.m;
END;
SELECT recsys.create_policy('library', 'lift', 'item_item',
	'{"activity": 0.5, "source_exponent": 1, "target_exponent": 0.3, "shrinkage": 2}');
SELECT recsys.train('library', 'lift', cutoff => '2024-06-01Z') AS lift \gset
SELECT policy, count(*) AS pairs, count(*) FILTER (WHERE stored.users_both = computed.users_both
	AND abs(stored.similarity - computed.similarity) < 1e-6) AS equal
FROM (VALUES ('cosine', :cosine, 0, 0.5, 0.5, 0), ('item_item', :weighted, 1, 0.5, 0.5, 0),
		('lift', :lift, 0.5, 1, 0.3, 2)) v (policy, model_id, activity, source, target, shrinkage)
	CROSS JOIN LATERAL train_neighbors(activity, source, target, shrinkage) computed
	FULL JOIN library.item_neighbor stored USING (model_id, item_id, neighbor_id)
WHERE v.policy IS NOT NULL OR stored.model_id IN (:cosine, :weighted, :lift)
GROUP BY policy ORDER BY policy;
-- neighbors is the most that one item has
SELECT recsys.create_policy('library', 'one_each', 'item_item', '{"neighbors": 1}');
SELECT recsys.train('library', 'one_each', cutoff => '2024-06-01Z') AS model \gset
SELECT item_id, neighbor_id, rank FROM library.item_neighbor WHERE model_id = :model ORDER BY item_id COLLATE "C";

-- factors: what was solved solves the equations, in SQL
SELECT recsys.create_policy('library', 'two', 'factors', '{"factors": 2, "alpha0": 0.2, "lambda": 0.05, "nu": 0.8, "sweeps": 300}');
SELECT recsys.train('library', 'two', cutoff => '2024-06-01Z') AS model \gset
CREATE VIEW train_weight AS SELECT reader AS u, book AS i, max(copies) AS w
	FROM train_loan WHERE lent < '2024-06-01Z' GROUP BY reader, book;
-- gradient of  sum w (1 - xy)^2 + alpha0 sum (xy)^2 + lambda (n + alpha0 m)^nu |x|^2
-- at the stored factors: zero for the users, who were solved last, and for the
-- items when all has converged
WITH x AS (SELECT user_id AS u, factor[1] AS x1, factor[2] AS x2 FROM library.user_factor WHERE model_id = :model),
	y AS (SELECT item_id AS i, factor[1] AS y1, factor[2] AS y2 FROM library.item_factor WHERE model_id = :model),
	cell AS (SELECT u, i, x1, x2, y1, y2, x1 * y1 + x2 * y2 AS xy, coalesce(w, 0) AS w
		FROM x CROSS JOIN y LEFT JOIN train_weight USING (u, i)),
	by_user AS (SELECT u, sum(w * (xy - 1) * y1 + 0.2 * xy * y1) + 0.05 * (count(nullif(w, 0)) + 0.2 * count(*)) ^ 0.8 * x1 AS g1,
			sum(w * (xy - 1) * y2 + 0.2 * xy * y2) + 0.05 * (count(nullif(w, 0)) + 0.2 * count(*)) ^ 0.8 * x2 AS g2
		FROM cell GROUP BY u, x1, x2),
	by_item AS (SELECT i, sum(w * (xy - 1) * x1 + 0.2 * xy * x1) + 0.05 * (count(nullif(w, 0)) + 0.2 * count(*)) ^ 0.8 * y1 AS g1,
			sum(w * (xy - 1) * x2 + 0.2 * xy * x2) + 0.05 * (count(nullif(w, 0)) + 0.2 * count(*)) ^ 0.8 * y2 AS g2
		FROM cell GROUP BY i, y1, y2),
	loss AS (SELECT (SELECT sum(w * (1 - xy) ^ 2 + 0.2 * xy ^ 2) FROM cell)
		+ (SELECT sum(0.05 * (n + 0.2 * 4) ^ 0.8 * (x1 ^ 2 + x2 ^ 2)) FROM x JOIN (SELECT u, count(*) AS n FROM train_weight GROUP BY u) n USING (u))
		+ (SELECT sum(0.05 * (n + 0.2 * 5) ^ 0.8 * (y1 ^ 2 + y2 ^ 2)) FROM y JOIN (SELECT i, count(*) AS n FROM train_weight GROUP BY i) n USING (i))
		AS loss)
SELECT (SELECT count(*) FROM x) AS users, (SELECT count(*) FROM y) AS items,
	(SELECT max(abs(g1) + abs(g2)) < 1e-5 FROM by_user) AS users_solved,
	(SELECT max(abs(g1) + abs(g2)) < 1e-3 FROM by_item) AS items_solved,
	abs(loss - (parameters -> 'loss' ->> -1)::float8) < 1e-4 AS same_loss
FROM loss, recsys.model WHERE model_id = :model;
-- the loss falls from sweep to sweep
SELECT count(*) AS sweeps, max(loss - before) < 1e-5 AS never_rises, min(loss) < 0.9 * max(loss) AS falls
FROM (SELECT l::float8 AS loss, lag(l::float8) OVER (ORDER BY n) AS before
	FROM recsys.model, jsonb_array_elements_text(parameters -> 'loss') WITH ORDINALITY l (l, n) WHERE model_id = :model) s;
-- the stored Gram matrix is that of the stored items
SELECT factors, max(abs(g - s)) < 1e-5 AS same
FROM recsys.model_gram, unnest(gram) WITH ORDINALITY g (g, n),
	LATERAL (SELECT sum(factor[1 + (n - 1) / 2] * factor[1 + (n - 1) % 2]) AS s FROM library.item_factor WHERE model_id = :model) s
WHERE model_id = :model GROUP BY factors;
SELECT user_id, interactions FROM library.user_factor WHERE model_id = :model ORDER BY 1;
SELECT item_id, interactions FROM library.item_factor WHERE model_id = :model ORDER BY item_id COLLATE "C";

-- the model's row tells the whole story
\x
SELECT recommender, policy, policy_version, method, status, parameters -> 'settings' AS settings,
	jsonb_array_length(parameters -> 'loss') AS losses, round((parameters ->> 'initial_sd')::numeric, 4) AS initial_sd, seed,
	data_from AT TIME ZONE 'UTC' AS data_from, data_until AT TIME ZONE 'UTC' AS data_until,
	users, items, interactions, length(data_checksum) AS checksum, train_seconds > 0 AS seconds, peak_bytes > 0 AS peak,
	table_bytes >= 0 AS bytes, wal_bytes > 0 AS wal, library_version LIKE '0.%' AS version, trained_at <= now() AS trained
FROM recsys.model WHERE model_id = :model;
SELECT state, stage, pid = pg_backend_pid() AS mine, finished_at >= started_at AS finished, sqlstate, model_id = :model AS made
FROM recsys.training_run WHERE recommender = 'library' ORDER BY run_id DESC LIMIT 1;
\x
SELECT stage, rows_in, rows_out, bytes > 0 AS bytes, seconds >= 0 AS seconds
FROM recsys.training_stage WHERE run_id = (SELECT max(run_id) FROM recsys.training_run WHERE recommender = 'library')
ORDER BY started_at;

-- nothing was published; retrain publishes the live policy, and no other
SELECT live_policy, live_model_id FROM recsys.recommender WHERE recommender = 'library';
CALL recsys.retrain('library', policy => 'two', evaluate => false);
SELECT live_policy, live_model_id FROM recsys.recommender WHERE recommender = 'library';
SELECT recsys.alter_policy('library', 'default', '{"factors": 2}') AS version;
CALL recsys.retrain('library', evaluate => false, publish => false);
SELECT live_model_id FROM recsys.recommender WHERE recommender = 'library';
CALL recsys.retrain('library', evaluate => false);
SELECT m.policy, m.policy_version, m.method, m.users, m.items, m.interactions, t.state, t.stage
FROM recsys.recommender r JOIN recsys.model m ON m.model_id = r.live_model_id
	JOIN recsys.training_run t ON t.model_id = m.model_id WHERE r.recommender = 'library';
SELECT s.stage, s.rows_out FROM recsys.training_stage s JOIN recsys.training_run t USING (run_id)
WHERE model_id = (SELECT live_model_id FROM recsys.recommender WHERE recommender = 'library') ORDER BY s.started_at;
-- with everything seen, and repeats merged by their largest weight
SELECT item_id, users FROM library.popularity JOIN recsys.recommender ON model_id = live_model_id ORDER BY rank;

-- of one policy the newest three models stay, and the live one; a deleted one keeps its story
CALL recsys.retrain('library', policy => 'popularity', evaluate => false);
CALL recsys.retrain('library', policy => 'popularity', evaluate => false);
CALL recsys.retrain('library', policy => 'popularity', evaluate => false);
SELECT policy, status, count(*), count(p.model_id) AS with_rows
FROM recsys.model m LEFT JOIN (SELECT DISTINCT model_id FROM library.popularity) p USING (model_id)
WHERE recommender = 'library' AND policy IN ('popularity', 'default') GROUP BY 1, 2 ORDER BY 1, 2;
-- the tables are analyzed, but for the factors' elements
SELECT tablename, attname FROM pg_stats
WHERE schemaname = 'library' AND tablename IN ('item_factor', 'user_factor') AND attname IN ('factor', 'interactions') ORDER BY 1, 2;

-- what it refuses
SELECT recsys.train('library', 'nonesuch');
SELECT recsys.train('nowhere');
SELECT recsys.train('library', cutoff => 'infinity');
SELECT recsys.train('library', cutoff => '2024-01-01Z');
SELECT recsys.train('library', seed => NULL);
SELECT recsys.train('library', memory => 'plenty');
CALL recsys.retrain('library', workers => -1);
SELECT recsys.create_policy('library', 'bad', 'factors', '{"factor": 2}');
SELECT recsys.create_policy('library', 'bad', 'als');
SELECT recsys.create_policy('library', 'bad', 'factors', '{"sweeps": 0}');
-- a failed train leaves no row behind
SELECT count(*) FROM recsys.training_run WHERE recommender = 'library' AND state <> 'succeeded';

SELECT recsys.drop_recommender('library');
SELECT count(*) FROM recsys.model WHERE recommender = 'library';
DROP FUNCTION train_neighbors;
DROP TABLE train_loan CASCADE;
