-- One month of Online Retail: searches of as many trials for the funnel and for
-- each method by itself, on what lies before the cutoff; then all of them, and
-- their defaults, judged by the month that follows.

SET client_min_messages = warning;
SELECT recsys.alter_recommender('retail', repeatable => :'again', filter => format(
	$$invoice !~ '^C' AND unit_price > 0 AND stock_code ~ '^[0-9]{5}' AND invoiced_at < %L$$, timestamptz :'cutoff' + interval '1 month'));
CALL recsys.tune('retail', 'default', store_as => 'tuned', trials => :trials, cutoff => :'cutoff', memory => :'memory');
CALL recsys.tune('retail', 'factors', store_as => 'tuned_factors', trials => :trials, cutoff => :'cutoff', memory => :'memory');
CALL recsys.tune('retail', 'item_item', store_as => 'tuned_item_item', trials => :trials, cutoff => :'cutoff', memory => :'memory');
SELECT recsys.evaluate('retail', policies => '{default,factors,item_item,tuned,tuned_factors,tuned_item_item}', cutoff => :'cutoff',
	k => '{10}', per_user => true, memory => :'memory') AS run \gset
INSERT INTO quality_run
SELECT :'again', :'cutoff', :run, t.store_as, t.best_value FROM recsys.tuning t ORDER BY t.run_id DESC LIMIT 3;
