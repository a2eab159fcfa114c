-- reproduce: the same seed gives the same rows in every table; a training at a
-- cutoff is the same whether or not the source has rows after it
SET client_min_messages = warning;
\set SHOW_CONTEXT never

SELECT count(*) FROM recsys.demo_shop('reproduce', users => 500, items => 200, interactions => 30000, dirt => 3);
SELECT recsys.create_recommender('again', 'reproduce.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
	catalog => 'reproduce.product',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.3}, "view": {"weight": 0.1}}',
	settings => '{"keep_models": 100}');

-- md5 of a query's rows
CREATE FUNCTION reproduce.checksum(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE 'SELECT md5(string_agg(t::text, '','' ORDER BY t::text)) FROM (' || query || ') t' INTO result;
	RETURN result;
END $$;
-- of what a model holds, table by table
CREATE FUNCTION reproduce.model(id int8) RETURNS TABLE (part text, rows int8, checksum text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH part IN ARRAY ARRAY['popularity', 'item_neighbor', 'item_factor', 'user_factor', 'item_attribute'] LOOP
		EXECUTE format('SELECT count(*) FROM again.%I WHERE model_id = $1', part) INTO rows USING id;
		checksum := reproduce.checksum(format('SELECT to_jsonb(t) - ''model_id'' FROM again.%I t WHERE model_id = %s', part, id));
		RETURN NEXT;
	END LOOP;
	part := 'recsys.model';
	SELECT 1, md5(concat_ws('|', parameters - 'sweep_seconds', seed, data_from, data_until, users, items, interactions, data_checksum))
	INTO rows, checksum FROM recsys.model WHERE model_id = id;
	RETURN NEXT;
	part := 'recsys.model_gram';
	SELECT 1, md5(gram::text) INTO rows, checksum FROM recsys.model_gram WHERE model_id = id;
	RETURN NEXT;
	part := 'recsys.ranker_weight';
	SELECT count(*), md5(string_agg(concat_ws('|', feature, mean, scale, weight), ',' ORDER BY position)) INTO rows, checksum
	FROM recsys.ranker_weight WHERE model_id = id;
	RETURN NEXT;
END $$;
-- and of what the latest run measured
CREATE FUNCTION reproduce.evaluation() RETURNS text LANGUAGE sql AS $$
	SELECT reproduce.checksum('SELECT to_jsonb(e) - ''run_id'' - ''evaluated_at'' FROM recsys.evaluation e
		WHERE run_id = (SELECT max(run_id) FROM recsys.evaluation WHERE recommender = ''again'')')
$$;

-- the whole loop twice, and with another seed
CALL recsys.retrain('again');
SELECT live_model_id AS first, reproduce.evaluation() AS first_evaluation FROM recsys.recommender WHERE recommender = 'again' \gset
CALL recsys.retrain('again');
SELECT live_model_id AS second, reproduce.evaluation() AS second_evaluation FROM recsys.recommender WHERE recommender = 'again' \gset
CALL recsys.retrain('again', seed => 2);
SELECT live_model_id AS other, reproduce.evaluation() AS other_evaluation FROM recsys.recommender WHERE recommender = 'again' \gset
SELECT a.part, a.rows > 0 AS filled, a.checksum = b.checksum AS same, a.checksum = c.checksum AS same_with_another_seed
FROM reproduce.model(:first) a JOIN reproduce.model(:second) b USING (part) JOIN reproduce.model(:other) c USING (part);
SELECT :'first_evaluation' = :'second_evaluation' AS same, :'first_evaluation' = :'other_evaluation' AS same_with_another_seed;
-- nor does the number of processes that evaluate
SET max_parallel_maintenance_workers = 4;
CREATE TABLE reproduce.by_workers (workers int, evaluation text);
CALL recsys.retrain('again', workers => 0);
INSERT INTO reproduce.by_workers VALUES (0, reproduce.evaluation());
CALL recsys.retrain('again', workers => 1);
INSERT INTO reproduce.by_workers VALUES (1, reproduce.evaluation());
CALL recsys.retrain('again', workers => 2);
INSERT INTO reproduce.by_workers VALUES (2, reproduce.evaluation());
CALL recsys.retrain('again', workers => 4);
INSERT INTO reproduce.by_workers VALUES (4, reproduce.evaluation());
RESET max_parallel_maintenance_workers;
SELECT workers, evaluation = :'first_evaluation' AS same FROM reproduce.by_workers ORDER BY workers;
-- seeds from end to end of int8, different ones all
SELECT count(DISTINCT checksum) AS different
FROM unnest(ARRAY[0, -1, -9223372036854775808, 9223372036854775807]) seed,
	LATERAL (SELECT recsys.train('again', 'factors', seed => seed) AS id) m,
	LATERAL (SELECT checksum FROM reproduce.model(id) WHERE part = 'item_factor') c;
-- the order of the rows in the source does not matter; a ranker learned without
-- an evaluation is another than one learned on its test slice
SELECT recsys.train('again') AS trained \gset
SELECT a.part, a.checksum = b.checksum AS same
FROM reproduce.model(:first) a JOIN reproduce.model(:trained) b USING (part);
CREATE TABLE reproduce.shuffled AS SELECT * FROM reproduce.event ORDER BY md5(event::text);
CREATE INDEX ON reproduce.shuffled (user_id, happened_at);
CREATE INDEX ON reproduce.shuffled (product_id, happened_at);
SELECT recsys.alter_recommender('again', source => 'reproduce.shuffled');
SELECT recsys.train('again') AS shuffled \gset
SELECT a.part, a.checksum = b.checksum AS same
FROM reproduce.model(:trained) a JOIN reproduce.model(:shuffled) b USING (part);
-- nor do the session's settings
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET TimeZone = 'Pacific/Apia'; SET DateStyle = 'SQL, DMY'; SET extra_float_digits = -10; SET search_path = reproduce;
SELECT recsys.train('again') AS settings \gset
RESET ALL;
SET client_min_messages = warning;
SELECT a.part, a.checksum = b.checksum AS same
FROM reproduce.model(:trained) a JOIN reproduce.model(:settings) b USING (part);
SELECT recsys.alter_recommender('again', source => 'reproduce.event');

-- the deletion proof: train at a cutoff, delete what lies at or after it, train
-- again.  Bots that show themselves after the cutoff only must not be known
-- before it, so the rule stays on.
\set cutoff '\'2025-11-15 00:00Z\''
SELECT recsys.train('again', cutoff => :cutoff) AS before \gset
DELETE FROM reproduce.event WHERE happened_at >= :cutoff;
SELECT recsys.train('again', cutoff => :cutoff) AS deleted, recsys.train('again') AS nothing_after \gset
SELECT a.part, a.rows > 0 AS filled, a.checksum = b.checksum AS same, a.checksum = c.checksum AS same_without_cutoff,
	a.checksum = d.checksum AS same_as_all
FROM reproduce.model(:before) a JOIN reproduce.model(:deleted) b USING (part) JOIN reproduce.model(:nothing_after) c USING (part)
	JOIN reproduce.model(:trained) d USING (part);
SELECT count(DISTINCT data_checksum) AS checksums, max(data_until) < :cutoff AS nothing_later
FROM recsys.model WHERE model_id IN (:before, :deleted, :nothing_after);

SELECT recsys.drop_recommender('again');
DROP SCHEMA reproduce CASCADE;
