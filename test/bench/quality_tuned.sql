-- One repetition: searches of as many trials for the funnel and for each method
-- by itself, on the train side of a split of :recommender; then all of them, and
-- their defaults, judged once by its test side.  The split is that in time at
-- :cutoff, at the default cutoff where this is empty, or with :random the one
-- that :seed draws.

SET client_min_messages = warning;
CALL recsys.tune(:'recommender', 'default', store_as => 'tuned', trials => :trials,
	cutoff => nullif(:'cutoff', '')::timestamptz, random_split => :random, seed => :seed, memory => :'memory');
CALL recsys.tune(:'recommender', 'factors', store_as => 'tuned_factors', trials => :trials,
	cutoff => nullif(:'cutoff', '')::timestamptz, random_split => :random, seed => :seed, memory => :'memory');
CALL recsys.tune(:'recommender', 'item_item', store_as => 'tuned_item_item', trials => :trials,
	cutoff => nullif(:'cutoff', '')::timestamptz, random_split => :random, seed => :seed, memory => :'memory');
SELECT recsys.evaluate(:'recommender', policies => '{default,factors,item_item,tuned,tuned_factors,tuned_item_item}',
	cutoff => nullif(:'cutoff', '')::timestamptz, random_split => :random, seed => :seed,
	k => '{10}', per_user => true, memory => :'memory') AS run \gset
INSERT INTO quality_run
SELECT :run, :'recommender', :'again', :'random', :'repetition', t.store_as, t.best_value FROM recsys.tuning t ORDER BY t.run_id DESC LIMIT 3;

-- In time, users are those known before the cutoff: lists of others are popularity's.
INSERT INTO quality_user_value
SELECT e.run_id, e.protocol, e.user_id, e.policy, e.value
FROM :"recommender".user_evaluation e
WHERE (e.run_id, e.metric, e.k) = (:run, 'ndcg', 10)
	AND (:'random' OR e.user_id IN (SELECT i.user_id FROM :"recommender".interaction i
		WHERE i.interacted_at < (SELECT max(v.cutoff) FROM recsys.evaluation v WHERE v.run_id = :run)));
