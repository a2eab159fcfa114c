-- forget: everything about one user, and nothing about another; and what grows old
SET client_min_messages = error;
\set SHOW_CONTEXT never

CREATE TABLE forget_loan (reader text, book int, lent timestamptz);
CREATE INDEX ON forget_loan (reader, lent);
CREATE INDEX ON forget_loan (book, lent);
INSERT INTO forget_loan SELECT 'r' || r, b, '2024-01-01Z'::timestamptz + ((b * 7 + r * 3) % 8 * 24 + r) * interval '1 hour' FROM generate_series(1, 20) r, generate_series(1, 8) b WHERE (r + b) % 3 <> 1;
SELECT recsys.create_recommender('forget', 'forget_loan', 'reader', 'book', 'lent', settings => '{"never_bots": ["r3", "r4"]}');
SELECT recsys.alter_policy('forget', 'default', '{"factors": 4, "sweeps": 1}');
CALL recsys.retrain('forget');
SELECT recsys.evaluate('forget', cutoff => '2024-01-06Z', per_user => true) > 0 AS evaluated;
SELECT recsys.recommend_all('forget', k => 2) > 0 AS written;
SELECT count(*) FROM forget.serve('r3', k => 2);
SELECT count(*) FROM forget.serve('r4', k => 2);
SELECT count(*) FROM forget.serve(session_id => 'x', for_items => '{1}', k => 2);
INSERT INTO forget.experiment_override VALUES (1, 'r3', 'a'), (1, 'r5', 'a');
INSERT INTO forget.excluded_user VALUES ('r4', 'a reader''s cat', 'bot_rate');

-- where an id stands, in any column of any table of the schema, or in the registry
CREATE FUNCTION forget_traces(id text) RETURNS TABLE (relation text, rows int8) LANGUAGE plpgsql AS $$
BEGIN
	FOR relation IN SELECT c.oid::regclass FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
		AND c.relnamespace IN ('forget'::regnamespace, 'recsys'::regnamespace) ORDER BY c.oid::regclass::text COLLATE "C" LOOP
		EXECUTE format('SELECT count(*) FROM %s t WHERE t::text ~ %L', relation, '\m' || id || '\M') INTO rows;
		IF rows > 0 THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;
SELECT t.relation, t.rows > 0 AS some FROM forget_traces('r3') t;
CREATE TABLE forget_others AS SELECT * FROM forget_traces('r5');
SELECT table_name, rows > 0 AS some FROM recsys.forget_user('forget', 'r3');
SELECT * FROM forget_traces('r3');
SELECT user_id, reason, rule FROM forget.excluded_user ORDER BY user_id;
-- others are as they were
SELECT * FROM forget_traces('r5') EXCEPT TABLE forget_others;
SELECT count(*) FROM forget.request;
SELECT settings -> 'never_bots' AS never_bots FROM recsys.recommender WHERE recommender = 'forget';
-- there is nothing more to forget
SELECT sum(rows) FROM recsys.forget_user('forget', 'r3');
-- one that was excluded already
SELECT table_name, rows > 0 AS some FROM recsys.forget_user('forget', 'r4');
SELECT user_id, rule FROM forget.excluded_user ORDER BY user_id;
-- the next training does not take them in, nor does an evaluation of what was before
CALL recsys.retrain('forget', evaluate => false);
SELECT users FROM recsys.model WHERE model_id = (SELECT live_model_id FROM recsys.recommender WHERE recommender = 'forget');
SELECT recsys.evaluate('forget', cutoff => '2024-01-06Z', per_user => true) AS run \gset
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE user_id IN ('r3', 'r4')) AS forgotten FROM forget.user_evaluation WHERE run_id = :run;
SELECT count(*) AS listed, bool_and(source = 'popularity') AS popular FROM forget.recommend('r3', k => 3);
SELECT count(*) AS similar FROM forget.similar_users('r5', k => 100) WHERE user_id IN ('r3', 'r4');
-- when the source has let go of them, no id needs to be kept
DELETE FROM forget_loan WHERE reader IN ('r3', 'r4');
SELECT table_name, rows FROM recsys.forget_user('forget', 'r3', keep_out => false) WHERE rows > 0;
SELECT * FROM forget_traces('r3');
-- a session, whose unit is no id, or one of texts
SELECT table_name, rows FROM recsys.forget_user('forget', 'session:x', keep_out => false) WHERE rows > 0;
-- a user nobody knows, and calls that cannot be
SELECT sum(rows) FROM recsys.forget_user('forget', 'nobody', keep_out => false);
SELECT recsys.forget_user('forget', NULL);
SELECT recsys.forget_user('nobody', 'r1');
CREATE ROLE forget_reader;
GRANT USAGE ON SCHEMA forget TO forget_reader;
SET ROLE forget_reader;
SELECT recsys.forget_user('forget', 'r1');
RESET ROLE;
DROP OWNED BY forget_reader;
DROP ROLE forget_reader;

-- ids of other types: as their type prints them
CREATE TABLE forget_visit (visitor int8, page int, at timestamptz);
CREATE INDEX ON forget_visit (visitor, at);
CREATE INDEX ON forget_visit (page, at);
INSERT INTO forget_visit SELECT r, b, '2024-01-01Z'::timestamptz + (r * 10 + b) * interval '1 hour' FROM generate_series(1, 20) r, generate_series(1, 8) b WHERE (r * b) % 3 <> 1;
SELECT recsys.create_recommender('forget_n', 'forget_visit', 'visitor', 'page', 'at');
CALL recsys.retrain('forget_n', policy => 'popularity', evaluate => false);
SELECT recsys.promote('forget_n', 'popularity', force => true, reason => 'simple') IS NOT NULL AS done;
SELECT count(*) FROM forget_n.serve(7, k => 2);
SELECT table_name, rows FROM recsys.forget_user('forget_n', ' 007 ') WHERE rows > 0;
SELECT user_id, rule FROM forget_n.excluded_user;
SELECT recsys.forget_user('forget_n', 'seven');
SELECT count(*) FROM forget_n.serve(session_id => 'y', for_items => '{1}', k => 2);
SELECT count(*) FROM forget_n.serve(session_id => 'z', for_items => '{1}', k => 2);
INSERT INTO forget_n.experiment_override VALUES (1, 'session:y', 'a');
SELECT * FROM recsys.forget_user('forget_n', 'session:y');
SELECT unit FROM forget_n.request;
-- however an id is written that is never a bot's
SELECT recsys.alter_recommender('forget_n', settings => '{"never_bots": ["008", 9]}');
SELECT table_name, rows FROM recsys.forget_user('forget_n', '8') WHERE rows > 0;
SELECT settings -> 'never_bots' AS never_bots FROM recsys.recommender WHERE recommender = 'forget_n';
SELECT recsys.forget_user('forget_n', '7; DROP TABLE forget_visit');

-- old runs go, with all that hangs on them; not those of models that are kept, nor what verdicts are made from
SELECT recsys.alter_recommender('forget', settings => '{"run_days": 30, "keep_models": 1}');
SELECT recsys.alter_recommender('forget', settings => '{"run_days": 0}');
SELECT recsys.alter_recommender('forget', settings => '{"run_days": "soon"}');
SELECT count(*) FROM recsys.maintain('forget') WHERE action = 'deleted';
UPDATE recsys.training_run SET started_at = started_at - interval '40 days' WHERE recommender = 'forget';
CALL recsys.retrain('forget', policy => 'factors', evaluate => false);
SELECT t.state, t.started_at < now() - interval '30 days' AS old, m.status, m.model_id = r.live_model_id AS live,
	EXISTS (SELECT FROM recsys.evaluation e WHERE e.run_id = t.run_id) AS evaluated, EXISTS (SELECT FROM recsys.training_stage s WHERE s.run_id = t.run_id) AS stages
FROM recsys.training_run t JOIN recsys.recommender r USING (recommender) LEFT JOIN recsys.model m USING (model_id)
WHERE t.recommender = 'forget' ORDER BY t.run_id;
SELECT count(*) AS of_no_run FROM forget.user_evaluation u WHERE NOT EXISTS (SELECT FROM recsys.training_run t WHERE t.run_id = u.run_id);
SELECT count(*) > 0 AS leaderboard FROM recsys.leaderboard WHERE recommender = 'forget';
UPDATE recsys.training_run SET started_at = started_at - interval '40 days' WHERE recommender = 'forget';
SELECT recsys.evaluate('forget', cutoff => '2024-01-06Z') > 0 AS evaluated;
SELECT action, partition, rows FROM recsys.maintain('forget') WHERE action = 'deleted';
SELECT recsys.alter_recommender('forget', settings => '{"run_days": null}');
UPDATE recsys.training_run SET started_at = started_at - interval '4000 days' WHERE recommender = 'forget';
SELECT count(*) FROM recsys.maintain('forget') WHERE action = 'deleted';

SELECT recsys.drop_recommender(r) FROM unnest('{forget,forget_n}'::name[]) r;
DROP TABLE forget_loan, forget_visit, forget_others;
DROP FUNCTION forget_traces;
