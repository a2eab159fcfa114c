/* ---------------------------------------------------------------------------
 * The registry: everything that holds no user or item ids.
 *
 * Every role may use these tables as far as row-level security lets it: rows
 * of a recommender are seen by those with USAGE on its schema and written by
 * those who have the privileges of the schema's owner.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._may_read(recommender name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace n
	               WHERE n.nspname = $1
	               AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'));
END;
COMMENT ON FUNCTION recsys._may_read(name) IS
'whether the current role may see a recommender: it has USAGE on the schema of that name';

CREATE FUNCTION recsys._may_write(recommender name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace n
	               WHERE n.nspname = $1
	               AND pg_catalog.pg_has_role(n.nspowner, 'USAGE'));
END;
COMMENT ON FUNCTION recsys._may_write(name) IS
'whether the current role has the privileges of the owner of the schema of that name';

CREATE TABLE recsys.recommender (
	recommender name PRIMARY KEY,
	source regclass,
	source_name text NOT NULL,
	catalog regclass,
	catalog_name text,
	user_type regtype NOT NULL,
	item_type regtype NOT NULL,
	feedback text NOT NULL CHECK (feedback IN ('implicit', 'explicit')),
	repeatable boolean NOT NULL,
	settings jsonb NOT NULL,
	live_policy name NOT NULL,
	live_model_id int8,
	created_at timestamptz NOT NULL DEFAULT now(),
	changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE recsys.recommender IS 'one row per recommender: a named configuration over one source relation, owning the schema of the same name';
COMMENT ON COLUMN recsys.recommender.recommender IS 'name of the recommender and of its schema';
COMMENT ON COLUMN recsys.recommender.source IS 'the relation that holds the interactions';
COMMENT ON COLUMN recsys.recommender.source_name IS 'its name, kept for dumps and for messages after it has been dropped';
COMMENT ON COLUMN recsys.recommender.catalog IS 'the relation that describes the items, if any';
COMMENT ON COLUMN recsys.recommender.catalog_name IS 'its name';
COMMENT ON COLUMN recsys.recommender.user_type IS 'type of the user ids';
COMMENT ON COLUMN recsys.recommender.item_type IS 'type of the item ids';
COMMENT ON COLUMN recsys.recommender.feedback IS 'implicit (acts) or explicit (ratings)';
COMMENT ON COLUMN recsys.recommender.repeatable IS 'whether an owned item may be recommended again';
COMMENT ON COLUMN recsys.recommender.settings IS 'columns, rules and their parameters';
COMMENT ON COLUMN recsys.recommender.live_policy IS 'the policy that recommend uses';
COMMENT ON COLUMN recsys.recommender.live_model_id IS 'the model that recommend uses; NULL before the first one is published';
COMMENT ON COLUMN recsys.recommender.created_at IS 'when the recommender was created';
COMMENT ON COLUMN recsys.recommender.changed_at IS 'when its definition last changed';

CREATE TABLE recsys.policy (
	recommender name NOT NULL REFERENCES recsys.recommender ON DELETE CASCADE,
	policy name NOT NULL,
	version int4 NOT NULL,
	method text NOT NULL CHECK (method IN ('popularity', 'item_item', 'factors', 'funnel', 'explicit', 'bpr')),
	settings jsonb NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	retired_at timestamptz,
	PRIMARY KEY (recommender, policy, version)
);
COMMENT ON TABLE recsys.policy IS 'how a recommender makes a list: a method and its settings; a change makes a new version';
COMMENT ON COLUMN recsys.policy.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.policy.policy IS 'name of the policy';
COMMENT ON COLUMN recsys.policy.version IS 'counts from 1; the version that is not retired is current';
COMMENT ON COLUMN recsys.policy.method IS 'popularity, item_item, factors (of implicit feedback, by ALS), funnel (candidates from neighbours, factors, popularity and categories, ranked by a learned combination of features, or by a blend), explicit (biases and factors of ratings, by ALS) or bpr (factors by Bayesian personalised ranking)';
COMMENT ON COLUMN recsys.policy.settings IS 'every setting of the method, defaults filled in';
COMMENT ON COLUMN recsys.policy.created_at IS 'when this version was made';
COMMENT ON COLUMN recsys.policy.retired_at IS 'when it was replaced or dropped';

CREATE TABLE recsys.model (
	model_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	recommender name NOT NULL REFERENCES recsys.recommender ON DELETE CASCADE,
	policy name NOT NULL,
	policy_version int4 NOT NULL,
	method text NOT NULL,
	status text NOT NULL CHECK (status IN ('building', 'ready', 'deleted')),
	parameters jsonb NOT NULL,
	seed int8 NOT NULL,
	feature_version int4 NOT NULL,
	data_from timestamptz,
	data_until timestamptz,
	users int8 NOT NULL,
	items int8 NOT NULL,
	interactions int8 NOT NULL,
	data_checksum text NOT NULL,
	train_seconds float8 NOT NULL,
	peak_bytes int8 NOT NULL,
	table_bytes int8 NOT NULL,
	wal_bytes int8 NOT NULL,
	library_version text NOT NULL,
	trained_at timestamptz NOT NULL DEFAULT now(),
	nonce int8 NOT NULL DEFAULT hashtextextended(gen_random_uuid()::text, 0),
	UNIQUE (model_id, recommender),
	FOREIGN KEY (recommender, policy, policy_version) REFERENCES recsys.policy ON DELETE CASCADE
);
CREATE INDEX ON recsys.model (recommender, policy, model_id);
COMMENT ON TABLE recsys.model IS 'one trained, immutable bundle of parts: popularity, item neighbours, factors, ranker';
COMMENT ON COLUMN recsys.model.model_id IS 'identity; keys the rows of the parts in the recommender''s schema';
COMMENT ON COLUMN recsys.model.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.model.policy IS 'the policy it was trained for';
COMMENT ON COLUMN recsys.model.policy_version IS 'and its version';
COMMENT ON COLUMN recsys.model.method IS 'the method of that version';
COMMENT ON COLUMN recsys.model.status IS 'building, ready, or deleted (its parts are gone, its story is kept)';
COMMENT ON COLUMN recsys.model.parameters IS 'every hyper-parameter used, and the loss after each sweep; of bpr the mean -ln sigma of each round; of explicit also mu and scale, mean and standard deviation of the ratings, and their range; of funnel also ranker: slope and intercept of its calibration, the lists it learned from, its loss and that of the blend, and the slice of time that they are from';
COMMENT ON COLUMN recsys.model.seed IS 'seed of the random start';
COMMENT ON COLUMN recsys.model.feature_version IS 'version of the list of features it was trained with';
COMMENT ON COLUMN recsys.model.data_from IS 'time of the earliest interaction used';
COMMENT ON COLUMN recsys.model.data_until IS 'time of the latest interaction used';
COMMENT ON COLUMN recsys.model.users IS 'users trained on';
COMMENT ON COLUMN recsys.model.items IS 'items trained on';
COMMENT ON COLUMN recsys.model.interactions IS 'distinct (user, item) pairs trained on, after merging: positive ones, or for method explicit all ratings';
COMMENT ON COLUMN recsys.model.data_checksum IS 'checksum of those pairs and their weights or ratings';
COMMENT ON COLUMN recsys.model.train_seconds IS 'seconds spent in training the parts';
COMMENT ON COLUMN recsys.model.peak_bytes IS 'most memory held by the training, in bytes';
COMMENT ON COLUMN recsys.model.table_bytes IS 'size of the model''s rows and their index entries, in bytes (free space and what earlier models left behind are not counted)';
COMMENT ON COLUMN recsys.model.wal_bytes IS 'write-ahead log that this training wrote while storing the parts, in bytes (not what other sessions wrote meanwhile)';
COMMENT ON COLUMN recsys.model.library_version IS 'version of the library that trained it';
COMMENT ON COLUMN recsys.model.trained_at IS 'when its rows were written';
COMMENT ON COLUMN recsys.model.nonce IS 'a random number: names the file in which sessions share the model, so that no other model''s is taken for it';

CREATE TABLE recsys.model_gram (
	model_id int8 PRIMARY KEY,
	recommender name NOT NULL,
	factors int4 NOT NULL CHECK (factors BETWEEN 1 AND 1024),
	gram float4[] NOT NULL CHECK (cardinality(gram) = factors * factors),
	FOREIGN KEY (model_id, recommender) REFERENCES recsys.model (model_id, recommender) ON DELETE CASCADE
);
COMMENT ON TABLE recsys.model_gram IS 'the Gram matrix of a model''s item factors, which the fold-in of a user needs; method explicit needs none';
COMMENT ON COLUMN recsys.model_gram.model_id IS 'the model';
COMMENT ON COLUMN recsys.model_gram.recommender IS 'its recommender';
COMMENT ON COLUMN recsys.model_gram.factors IS 'number of factors';
COMMENT ON COLUMN recsys.model_gram.gram IS 'sum over items of factor times factor transposed, factors x factors, row by row';

CREATE TABLE recsys.ranker_weight (
	model_id int8,
	recommender name NOT NULL,
	position int4 CHECK (position BETWEEN 1 AND 1000),
	feature text NOT NULL,
	mean float8 NOT NULL CHECK (mean > '-Infinity' AND mean < 'Infinity'),
	scale float8 NOT NULL CHECK (scale >= 0 AND scale < 'Infinity'),
	weight float8 NOT NULL CHECK (weight > '-Infinity' AND weight < 'Infinity'),
	PRIMARY KEY (model_id, position),
	UNIQUE (model_id, feature),
	FOREIGN KEY (model_id, recommender) REFERENCES recsys.model (model_id, recommender) ON DELETE CASCADE
);
COMMENT ON TABLE recsys.ranker_weight IS 'the ranker of a model of method funnel: the score of a candidate rises with the sum of weight * (feature - mean) / scale';
COMMENT ON COLUMN recsys.ranker_weight.model_id IS 'the model';
COMMENT ON COLUMN recsys.ranker_weight.recommender IS 'its recommender';
COMMENT ON COLUMN recsys.ranker_weight.position IS 'place of the feature in the list of features, from 1; a policy''s own come last, ordered by name in bytes';
COMMENT ON COLUMN recsys.ranker_weight.feature IS 'name of the feature';
COMMENT ON COLUMN recsys.ranker_weight.mean IS 'mean over the candidates that the ranker learned from';
COMMENT ON COLUMN recsys.ranker_weight.scale IS 'standard deviation over them; 0 where the feature does not vary, and is left out';
COMMENT ON COLUMN recsys.ranker_weight.weight IS 'weight of the standardised feature: comparable between features; parameters -> ''ranker'' of the model has slope and intercept of the calibration';

CREATE TABLE recsys.training_run (
	run_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	recommender name NOT NULL REFERENCES recsys.recommender ON DELETE CASCADE,
	state text NOT NULL CHECK (state IN ('running', 'succeeded', 'held_back', 'failed', 'cancelled', 'lost')),
	stage text NOT NULL,
	pid int4 NOT NULL,
	backend_start timestamptz NOT NULL,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at timestamptz,
	sqlstate text,
	message text,
	detail text,
	hint text,
	model_id int8
);
CREATE INDEX ON recsys.training_run (recommender, run_id);
COMMENT ON TABLE recsys.training_run IS 'one row per retrain, train, evaluate, tune or recommend_all, committed as it goes';
COMMENT ON COLUMN recsys.training_run.run_id IS 'identity';
COMMENT ON COLUMN recsys.training_run.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.training_run.state IS 'running, succeeded, held_back (its model is ready but not served), failed, cancelled or lost (the server or session went away)';
COMMENT ON COLUMN recsys.training_run.stage IS 'the stage that runs, or the last one that ran';
COMMENT ON COLUMN recsys.training_run.pid IS 'process that runs it';
COMMENT ON COLUMN recsys.training_run.backend_start IS 'start of that process';
COMMENT ON COLUMN recsys.training_run.started_at IS 'start of the run';
COMMENT ON COLUMN recsys.training_run.finished_at IS 'end of the run';
COMMENT ON COLUMN recsys.training_run.sqlstate IS 'error code of a failed run';
COMMENT ON COLUMN recsys.training_run.message IS 'its error message; of a run held back, why';
COMMENT ON COLUMN recsys.training_run.detail IS 'its error detail';
COMMENT ON COLUMN recsys.training_run.hint IS 'its error hint; of a run held back, how to publish its model';
COMMENT ON COLUMN recsys.training_run.model_id IS 'the model that the run made, or that recommend_all has used';

CREATE TABLE recsys.training_stage (
	run_id int8 NOT NULL REFERENCES recsys.training_run ON DELETE CASCADE,
	stage text NOT NULL,
	started_at timestamptz NOT NULL,
	seconds float8 NOT NULL,
	rows_in int8 NOT NULL,
	rows_out int8 NOT NULL,
	bytes int8 NOT NULL,
	PRIMARY KEY (run_id, stage)
);
COMMENT ON TABLE recsys.training_stage IS 'one row per finished stage of a run';
COMMENT ON COLUMN recsys.training_stage.run_id IS 'the run';
COMMENT ON COLUMN recsys.training_stage.stage IS 'load, split, train, evaluate, ranker, bots, train_all, train_before, write, publish or maintain; of tune also validation and trial; of recommend_all recommend, and within it rank';
COMMENT ON COLUMN recsys.training_stage.started_at IS 'start of the stage';
COMMENT ON COLUMN recsys.training_stage.seconds IS 'its duration';
COMMENT ON COLUMN recsys.training_stage.rows_in IS 'rows it worked on';
COMMENT ON COLUMN recsys.training_stage.rows_out IS 'rows it made';
COMMENT ON COLUMN recsys.training_stage.bytes IS 'memory held by the run at its end, in bytes';

CREATE TABLE recsys.evaluation (
	run_id int8 NOT NULL REFERENCES recsys.training_run ON DELETE CASCADE,
	recommender name NOT NULL,
	policy text NOT NULL,
	method text NOT NULL,
	split text NOT NULL CHECK (split IN ('time', 'random')),
	protocol text NOT NULL CHECK (protocol IN ('new', 'all')),
	population text NOT NULL CHECK (population IN ('warm', 'everyone')),
	cutoff timestamptz,
	metric text NOT NULL,
	k int4 NOT NULL,
	users int8 NOT NULL,
	value float8 NOT NULL,
	lower float8 NOT NULL,
	upper float8 NOT NULL,
	difference float8,
	difference_lower float8,
	difference_upper float8,
	p_value float8,
	evaluated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (run_id, policy, protocol, population, metric, k)
);
CREATE INDEX ON recsys.evaluation (recommender, run_id);
COMMENT ON TABLE recsys.evaluation IS 'quality of each policy on the held-out future, one row per metric and list length';
COMMENT ON COLUMN recsys.evaluation.run_id IS 'the run';
COMMENT ON COLUMN recsys.evaluation.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.evaluation.policy IS 'the policy, or policy.part for a part whose settings no policy of its own has';
COMMENT ON COLUMN recsys.evaluation.method IS 'its method';
COMMENT ON COLUMN recsys.evaluation.split IS 'time, or random: a random split is no evidence about the future';
COMMENT ON COLUMN recsys.evaluation.protocol IS 'new: owned items are neither listed nor counted; all: nothing is filtered, repeats count';
COMMENT ON COLUMN recsys.evaluation.population IS 'warm: users with an interaction before the cutoff; everyone: also unknown users';
COMMENT ON COLUMN recsys.evaluation.cutoff IS 'the instant that separates train from test';
COMMENT ON COLUMN recsys.evaluation.metric IS 'precision, recall, capped_recall (over min(k, relevant)), ndcg, map, mrr, hit_rate (means over users); coverage, novelty (bits), popularity_share; cold_share (share of test pairs whose item is unknown in train), cold_items (how many such items), cold_users (users scored who are unknown in train), k = 0; of method explicit, per test rating of a user and an item with ratings in train: rmse (root mean square error), mae (mean absolute error), k = 0, protocol all, once more for the model without factors as policy.bias';
COMMENT ON COLUMN recsys.evaluation.k IS 'length of the list; 0 where there is none';
COMMENT ON COLUMN recsys.evaluation.users IS 'users scored';
COMMENT ON COLUMN recsys.evaluation.value IS 'the metric';
COMMENT ON COLUMN recsys.evaluation.lower IS 'lower end of its 95 % interval over users (of rmse and mae by the delta method, a user''s ratings taken together); equal to value where users do not vary';
COMMENT ON COLUMN recsys.evaluation.upper IS 'upper end';
COMMENT ON COLUMN recsys.evaluation.difference IS 'paired difference to popularity; of rmse and mae to the model without factors, mu + b_u + b_i: below 0 is better';
COMMENT ON COLUMN recsys.evaluation.difference_lower IS 'lower end of its 95 % interval';
COMMENT ON COLUMN recsys.evaluation.difference_upper IS 'upper end';
COMMENT ON COLUMN recsys.evaluation.p_value IS 'two-sided p-value of that difference being 0';
COMMENT ON COLUMN recsys.evaluation.evaluated_at IS 'when it was measured';

CREATE TABLE recsys.tuning (
	run_id int8 PRIMARY KEY REFERENCES recsys.training_run ON DELETE CASCADE,
	recommender name NOT NULL,
	policy name NOT NULL,
	policy_version int4 NOT NULL,
	store_as name NOT NULL,
	trials int4 NOT NULL,
	metric text NOT NULL,
	k int4 NOT NULL,
	seed int8 NOT NULL,
	split text NOT NULL CHECK (split IN ('time', 'random')),
	cutoff timestamptz,
	validation_cutoff timestamptz,
	users int8,
	data_checksum text,
	ranges jsonb NOT NULL,
	best_trial int4,
	best_value float8,
	stored_version int4
);
CREATE INDEX ON recsys.tuning (recommender, run_id);
COMMENT ON TABLE recsys.tuning IS 'one row per tune: what was searched and what was found';
COMMENT ON COLUMN recsys.tuning.run_id IS 'the run';
COMMENT ON COLUMN recsys.tuning.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.tuning.policy IS 'the policy that the search started from';
COMMENT ON COLUMN recsys.tuning.policy_version IS 'and its version';
COMMENT ON COLUMN recsys.tuning.store_as IS 'the policy that the best settings are stored as';
COMMENT ON COLUMN recsys.tuning.trials IS 'settings to try at most';
COMMENT ON COLUMN recsys.tuning.metric IS 'the metric that is made large, on the validation slice';
COMMENT ON COLUMN recsys.tuning.k IS 'length of the list it is measured on';
COMMENT ON COLUMN recsys.tuning.seed IS 'seed of the settings tried and of the random start of the factors';
COMMENT ON COLUMN recsys.tuning.split IS 'time, or random: a random split is no evidence about the future';
COMMENT ON COLUMN recsys.tuning.cutoff IS 'nothing at or after it is read by the search';
COMMENT ON COLUMN recsys.tuning.validation_cutoff IS 'trials train on what lies before it and are measured on what lies between it and the cutoff';
COMMENT ON COLUMN recsys.tuning.users IS 'users with an interaction in the validation slice';
COMMENT ON COLUMN recsys.tuning.data_checksum IS 'checksum of what trials train on; a search is only resumed on the same';
COMMENT ON COLUMN recsys.tuning.ranges IS 'the lowest and the highest value of each setting searched';
COMMENT ON COLUMN recsys.tuning.best_trial IS 'the trial whose settings were stored';
COMMENT ON COLUMN recsys.tuning.best_value IS 'its metric on the validation slice; recsys.evaluation has that of the test slice';
COMMENT ON COLUMN recsys.tuning.stored_version IS 'version of the policy stored';

CREATE TABLE recsys.trial (
	run_id int8 NOT NULL REFERENCES recsys.tuning ON DELETE CASCADE,
	trial_id int4 NOT NULL,
	rung int4 NOT NULL,
	recommender name NOT NULL,
	policy name NOT NULL,
	method text NOT NULL,
	parameters jsonb NOT NULL,
	sweeps int4,
	users int8 NOT NULL,
	metric text NOT NULL,
	k int4 NOT NULL,
	value float8,
	seconds float8 NOT NULL,
	state text NOT NULL CHECK (state IN ('succeeded', 'failed')),
	tried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (run_id, trial_id, rung)
);
COMMENT ON TABLE recsys.trial IS 'one row per trial of a tune and rung that it reached: half of the trials of a rung go on to the next, with twice the sweeps and users';
COMMENT ON COLUMN recsys.trial.run_id IS 'the run';
COMMENT ON COLUMN recsys.trial.trial_id IS 'counts from 1; the first of each method has the policy''s own settings';
COMMENT ON COLUMN recsys.trial.rung IS 'counts from 0';
COMMENT ON COLUMN recsys.trial.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.trial.policy IS 'the policy that the search started from';
COMMENT ON COLUMN recsys.trial.method IS 'what was measured: factors or item_item, where a part of the policy was tried by itself, or the policy''s method';
COMMENT ON COLUMN recsys.trial.parameters IS 'the settings tried; the others are the policy''s';
COMMENT ON COLUMN recsys.trial.sweeps IS 'sweeps of the factors';
COMMENT ON COLUMN recsys.trial.users IS 'users scored';
COMMENT ON COLUMN recsys.trial.metric IS 'the metric';
COMMENT ON COLUMN recsys.trial.k IS 'length of the list';
COMMENT ON COLUMN recsys.trial.value IS 'the metric on the validation slice, by the headline protocol, users known before it; NULL where there was none to score or the trial failed';
COMMENT ON COLUMN recsys.trial.seconds IS 'its duration';
COMMENT ON COLUMN recsys.trial.state IS 'succeeded, or failed: the settings have no solution';
COMMENT ON COLUMN recsys.trial.tried_at IS 'when it was measured';

-- row-level security, the same two policies everywhere
DO $$
DECLARE
	t name;
	p text;
BEGIN
	FOREACH t IN ARRAY ARRAY['recommender', 'policy', 'model', 'model_gram', 'ranker_weight', 'training_run', 'training_stage', 'evaluation', 'tuning', 'trial'] LOOP
		p := CASE t WHEN 'training_stage'
			THEN '(SELECT r.recommender FROM recsys.training_run r WHERE r.run_id = training_stage.run_id)'
			ELSE 'recommender' END;
		EXECUTE format('ALTER TABLE recsys.%I ENABLE ROW LEVEL SECURITY', t);
		EXECUTE format('CREATE POLICY read ON recsys.%I FOR SELECT USING (recsys._may_read(%s))', t, p);
		EXECUTE format('CREATE POLICY write ON recsys.%I USING (recsys._may_write(%s))', t, p);
		EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.%I TO PUBLIC', t);
		EXECUTE format('SELECT pg_catalog.pg_extension_config_dump(%L, %L)', 'recsys.' || t, '');
	END LOOP;
	PERFORM pg_catalog.pg_extension_config_dump('recsys.model_model_id_seq', '');
	PERFORM pg_catalog.pg_extension_config_dump('recsys.training_run_run_id_seq', '');
END $$;

CREATE FUNCTION recsys._verdict(method text, users int8, lower float8, upper float8, split text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN $1 = 'popularity' THEN 'baseline'
		WHEN $2 < 2 THEN 'too few users to tell'
		WHEN $3 > 0 THEN 'beats popularity'
		WHEN $4 < 0 THEN 'worse than popularity: check the split before the model'
		ELSE 'no clear win: check the split before the model'
	END || CASE WHEN $5 = 'random' AND $1 <> 'popularity'
		THEN ' (random split: no evidence about the future)' ELSE '' END;
END;
COMMENT ON FUNCTION recsys._verdict(text, int8, float8, float8, text) IS
'what an evaluation of a method says in words, by the 95 % interval of its paired NDCG@10 difference to popularity';

CREATE VIEW recsys.leaderboard WITH (security_invoker = true) AS
WITH latest AS (
	SELECT e.recommender, max(e.run_id) AS run_id
	FROM recsys.evaluation e WHERE e.metric = 'ndcg' AND e.k = 10 GROUP BY e.recommender
), headline AS (
	SELECT e.*
	FROM recsys.evaluation e
	JOIN latest l ON (e.recommender, e.run_id) = (l.recommender, l.run_id)
	JOIN recsys.recommender r ON r.recommender = e.recommender
	WHERE e.population = 'warm' AND e.metric NOT IN ('rmse', 'mae')
	AND e.protocol = CASE WHEN r.repeatable THEN 'all' ELSE 'new' END
), wide AS (
	SELECT h.recommender, h.policy, h.method, h.split, h.cutoff,
		max(h.evaluated_at) AS evaluated_at,
		max(h.users) AS users,
		max(h.value) FILTER (WHERE h.metric = 'ndcg' AND h.k = 10) AS ndcg_at_10,
		max(h.lower) FILTER (WHERE h.metric = 'ndcg' AND h.k = 10) AS ndcg_lower,
		max(h.upper) FILTER (WHERE h.metric = 'ndcg' AND h.k = 10) AS ndcg_upper,
		max(h.value) FILTER (WHERE h.metric = 'precision' AND h.k = 10) AS precision_at_10,
		max(h.value) FILTER (WHERE h.metric = 'recall' AND h.k = 20) AS recall_at_20,
		max(h.value) FILTER (WHERE h.metric = 'hit_rate' AND h.k = 10) AS hit_rate_at_10,
		max(h.value) FILTER (WHERE h.metric = 'coverage' AND h.k = 10) AS coverage_at_10,
		max(h.value) FILTER (WHERE h.metric = 'novelty' AND h.k = 10) AS novelty_at_10,
		max(h.value) FILTER (WHERE h.metric = 'popularity_share' AND h.k = 10) AS popularity_share_at_10,
		max(h.difference_lower) FILTER (WHERE h.metric = 'ndcg' AND h.k = 10) AS difference_lower,
		max(h.difference_upper) FILTER (WHERE h.metric = 'ndcg' AND h.k = 10) AS difference_upper
	FROM headline h
	GROUP BY h.recommender, h.policy, h.method, h.split, h.cutoff
)
SELECT w.recommender,
	rank() OVER (PARTITION BY w.recommender ORDER BY w.ndcg_at_10 DESC NULLS LAST)::int4 AS place,
	w.policy, w.method, w.split, w.cutoff, w.users,
	w.ndcg_at_10, w.ndcg_lower, w.ndcg_upper, w.precision_at_10, w.recall_at_20,
	w.hit_rate_at_10, w.coverage_at_10, w.novelty_at_10, w.popularity_share_at_10,
	recsys._verdict(w.method, w.users, w.difference_lower, w.difference_upper, w.split) AS verdict,
	w.evaluated_at
FROM wide w;
GRANT SELECT ON recsys.leaderboard TO PUBLIC;
COMMENT ON VIEW recsys.leaderboard IS 'the latest evaluation of each recommender by its headline protocol (new, or all where items are repeatable), warm users';
COMMENT ON COLUMN recsys.leaderboard.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.leaderboard.place IS 'place by NDCG@10';
COMMENT ON COLUMN recsys.leaderboard.policy IS 'the policy';
COMMENT ON COLUMN recsys.leaderboard.method IS 'its method';
COMMENT ON COLUMN recsys.leaderboard.split IS 'time or random';
COMMENT ON COLUMN recsys.leaderboard.cutoff IS 'the instant that separates train from test';
COMMENT ON COLUMN recsys.leaderboard.users IS 'users scored';
COMMENT ON COLUMN recsys.leaderboard.ndcg_at_10 IS 'mean NDCG@10, IDCG over min(10, relevant)';
COMMENT ON COLUMN recsys.leaderboard.ndcg_lower IS 'lower end of its 95 % interval';
COMMENT ON COLUMN recsys.leaderboard.ndcg_upper IS 'upper end';
COMMENT ON COLUMN recsys.leaderboard.precision_at_10 IS 'mean precision of the first 10';
COMMENT ON COLUMN recsys.leaderboard.recall_at_20 IS 'mean recall of the first 20, over all relevant items';
COMMENT ON COLUMN recsys.leaderboard.hit_rate_at_10 IS 'share of users with at least one hit in the first 10';
COMMENT ON COLUMN recsys.leaderboard.coverage_at_10 IS 'share of the items known in train that occur in any list of 10';
COMMENT ON COLUMN recsys.leaderboard.novelty_at_10 IS 'mean of -log2(users of the item / all users), bits';
COMMENT ON COLUMN recsys.leaderboard.popularity_share_at_10 IS 'share of list places held by the most popular tenth of items';
COMMENT ON COLUMN recsys.leaderboard.verdict IS 'by the 95 % interval of the paired NDCG@10 difference to popularity';
COMMENT ON COLUMN recsys.leaderboard.evaluated_at IS 'when it was measured';

CREATE VIEW recsys.trial_parameter WITH (security_invoker = true) AS
SELECT t.run_id, t.trial_id, t.rung, t.recommender, t.policy, t.method, p.key AS parameter,
	CASE jsonb_typeof(p.value) WHEN 'number' THEN (p.value #>> '{}')::float8 END AS value,
	t.metric, t.k, t.value AS metric_value
FROM recsys.trial t, LATERAL jsonb_each(t.parameters) p;
GRANT SELECT ON recsys.trial_parameter TO PUBLIC;
COMMENT ON VIEW recsys.trial_parameter IS 'the settings of trials in long form, each beside what the trial reached';
COMMENT ON COLUMN recsys.trial_parameter.run_id IS 'the run';
COMMENT ON COLUMN recsys.trial_parameter.trial_id IS 'the trial';
COMMENT ON COLUMN recsys.trial_parameter.rung IS 'the rung';
COMMENT ON COLUMN recsys.trial_parameter.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.trial_parameter.policy IS 'the policy that the search started from';
COMMENT ON COLUMN recsys.trial_parameter.method IS 'what was measured';
COMMENT ON COLUMN recsys.trial_parameter.parameter IS 'name of the setting';
COMMENT ON COLUMN recsys.trial_parameter.value IS 'the value tried';
COMMENT ON COLUMN recsys.trial_parameter.metric IS 'the metric';
COMMENT ON COLUMN recsys.trial_parameter.k IS 'length of the list';
COMMENT ON COLUMN recsys.trial_parameter.metric_value IS 'what the trial reached on the validation slice';
