-- The loop through serve, over and over: simulated users of a demo shop are
-- shown lists by a running experiment and click by their planted tastes.
-- What is better is known: by the chances that are planted, of everybody's
-- lists of either policy.  In every second experiment the control is the
-- better one, so that there is something to refuse; half of them ask everybody,
-- and half an eighth of the people, who may be too few.
--
--	psql -v repeats=20 -v users=2000 -f test/bench/visits.sql
--
-- Leaves the tables truth: a row for each policy and
-- number of visits, and visited: a row for each
-- experiment, and the view visited_policy of them.

SET client_min_messages = warning;
SELECT count(*) FROM recsys.demo_shop('visits_shop', users => :users, items => 500, interactions => 40 * :users, until => current_date) \g /dev/null
SELECT recsys.create_recommender('visits', source => 'visits_shop.event', user_column => 'user_id', item_column => 'product_id',
	time_column => 'happened_at', event_column => 'event', value_column => 'quantity', catalog => 'visits_shop.product',
	positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.5}, "view": {"weight": 0.1}}') \g /dev/null
CALL recsys.retrain('visits', policy => 'default', evaluate => false);
CALL recsys.retrain('visits', policy => 'popularity', evaluate => false);

CREATE TABLE truth AS
WITH person AS MATERIALIZED (SELECT c.user_id, c.taste, row_number() OVER (ORDER BY c.user_id) AS n FROM visits_shop.customer_taste c)
SELECT v.visits, p.policy, avg(recsys.demo_click_chance(c.taste, i.taste, i.appeal, r.rank)) AS click_through
FROM unnest(ARRAY[:users, :users / 8]) v (visits) JOIN person c ON c.n <= v.visits, unnest('{popularity,default}'::name[]) p (policy), visits.recommend(c.user_id, policy => p.policy) r
JOIN visits_shop.product_taste i ON i.product_id = r.item_id GROUP BY v.visits, p.policy;

CREATE TABLE visited (number int PRIMARY KEY, visits int, control name, treatment name, true_difference float8, expected float8, difference float8,
	lower float8, upper float8, verdict text, promoted boolean);

-- one experiment, from the draft to promote; what it leaves is taken away, so
-- that the next one meets the same people
CREATE PROCEDURE visit(number int, visits int) LANGUAGE plpgsql AS $$
DECLARE
	name name := 'e' || number;
	control name := CASE WHEN number % 2 = 1 THEN 'popularity' ELSE 'default' END;
	treatment name := CASE WHEN number % 2 = 1 THEN 'default' ELSE 'popularity' END;
	began timestamptz := clock_timestamp();
	s visited := ROW(number, visits, control, treatment, NULL, NULL, NULL, NULL, NULL, NULL, false);
BEGIN
	PERFORM recsys.promote('visits', control, force => true, reason => 'what is shown at first')
	WHERE control <> (SELECT r.live_policy FROM recsys.recommender r WHERE r.recommender = 'visits');
	PERFORM recsys.create_experiment('visits', name, jsonb_build_array(jsonb_build_object('variant', 'control', 'policy', control, 'control', true),
			jsonb_build_object('variant', 'treatment', 'policy', treatment)),
		traffic => 1, primary_metric => 'click_through', attribution => '1 second', minimum_days => 0, settings => '{"retention": []}');
	PERFORM recsys.start_experiment('visits', name);
	CALL recsys.demo_visits('visits_shop', 'visits', visits => visits, seed => number);
	-- the last list's window closes
	PERFORM pg_sleep(1);
	COMMIT;
	PERFORM recsys.stop_experiment('visits', name);
	PERFORM recsys.decide_experiment('visits', name);
	SELECT max(x.difference), max(x.lower), max(x.upper), max(x.verdict) INTO s.difference, s.lower, s.upper, s.verdict
	FROM recsys.experiment_report('visits', name) x WHERE x.metric = 'click_through';
	s.true_difference := (SELECT t.click_through FROM truth t WHERE (t.visits, t.policy) = (visit.visits, treatment)) - (SELECT t.click_through FROM truth t WHERE (t.visits, t.policy) = (visit.visits, control));
	-- of the very lists that were shown
	SELECT avg(x.chance) FILTER (WHERE x.variant = 'treatment') - avg(x.chance) FILTER (WHERE x.variant = 'control') INTO s.expected
	FROM (SELECT q.variant, recsys.demo_click_chance(c.taste, i.taste, i.appeal, e.position) AS chance
		FROM visits.request q JOIN visits.exposure e USING (requested_at, request_id)
		JOIN visits_shop.customer_taste c ON c.user_id = q.user_id JOIN visits_shop.product_taste i ON i.product_id = e.item_id) x;
	BEGIN
		PERFORM recsys.promote('visits', treatment, experiment => name);
		s.promoted := (SELECT r.live_policy = treatment FROM recsys.recommender r WHERE r.recommender = 'visits');
	EXCEPTION WHEN object_not_in_prerequisite_state THEN
		NULL;
	END;
	INSERT INTO visited SELECT s.*;
	DELETE FROM visits_shop.event e WHERE e.happened_at >= began AND e.happened_at <= clock_timestamp();
	TRUNCATE visits.request, visits.exposure;
END $$;

SELECT format('CALL visit(%s, %s)', n, CASE WHEN n % 4 IN (1, 2) THEN :users ELSE :users / 8 END) FROM generate_series(1, :repeats) n
\gexec

CREATE VIEW visited_policy AS
SELECT v.visits, v.treatment, v.true_difference > 0 AS better, count(*) AS experiments, avg((v.verdict = 'ship')::int) AS shipped,
	count(*) FILTER (WHERE v.promoted) AS promoted, v.true_difference, avg(v.expected) AS expected, avg(v.difference) AS difference, stddev_samp(v.difference) / sqrt(count(*)) AS error,
	avg((v.true_difference BETWEEN v.lower AND v.upper)::int) AS held
FROM visited v GROUP BY v.visits, v.treatment, v.true_difference;

SELECT visits, treatment, better, experiments, round(shipped, 3) AS shipped, promoted, round(true_difference::numeric, 5) AS true_difference,
	round(expected::numeric, 5) AS of_lists_shown, round(difference::numeric, 5) AS reported, round(error::numeric, 5) AS its_error, round(held, 3) AS covered
FROM visited_policy ORDER BY visits DESC, treatment;
