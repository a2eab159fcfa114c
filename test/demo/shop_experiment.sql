-- The end of the story: simulated users, who click by their planted tastes,
-- are shown the best-sellers or the shop's own lists, and decide.
-- Leaves the experiment for the page.

CALL recsys.retrain('shop', policy => 'popularity', evaluate => false);
SELECT recsys.promote('shop', 'popularity', force => true, reason => 'what the shop has always shown') \g /dev/null
SELECT recsys.create_experiment('shop', 'personal', '[{"variant": "best-sellers", "policy": "popularity", "control": true}, {"variant": "personal", "policy": "default"}]',
	traffic => 1, primary_metric => 'click_through', guardrails => '{conversion}', attribution => '1 second', minimum_days => 0) \g /dev/null
SELECT recsys.start_experiment('shop', 'personal') \g /dev/null
SELECT least(2000, count(*)) AS visits FROM demo.customer_taste \gset
CALL recsys.demo_visits('demo', 'shop', visits => :visits);
SELECT pg_sleep(1) \g /dev/null
SELECT recsys.stop_experiment('shop', 'personal') \g /dev/null

\qecho
\qecho 'WHAT PEOPLE SAY: an experiment on simulated users, best-sellers against personal lists'
\qecho
SELECT variant, metric, lpad(to_char(units, 'FM999,999,990'), 6) AS units, to_char(mean, 'FM0.0000') AS mean, to_char(difference, 'FMSG0.0000') AS difference,
	to_char(lower, 'FMSG0.0000') AS lower, to_char(upper, 'FMSG0.0000') AS upper
FROM recsys.experiment_report('shop', 'personal') WHERE metric IN ('click_through', 'conversion') ORDER BY metric, variant;
SELECT recsys.decide_experiment('shop', 'personal') = 'ship' AS ship \gset
SELECT format('Verdict: %s. %s.', verdict, reason) AS verdict FROM recsys.experiment WHERE (recommender, experiment) = ('shop', 'personal') \gset
\qecho :verdict
-- what was to be expected of the lists that were shown
SELECT format('By the planted tastes the click_through to expect of these lists is %s.', string_agg(format('%s (%s)', to_char(chance, 'FM0.0000'), variant), ', ' ORDER BY variant)) AS truth
FROM (SELECT q.variant, avg(recsys.demo_click_chance(c.taste, i.taste, i.appeal, e.position)) AS chance
	FROM shop.request q JOIN shop.exposure e USING (requested_at, request_id)
	JOIN demo.customer_taste c ON c.user_id = q.user_id JOIN demo.product_taste i ON i.product_id = e.item_id
	WHERE q.variant IS NOT NULL GROUP BY q.variant) x \gset
\qecho :truth
\if :ship
SELECT recsys.promote('shop', 'default', experiment => 'personal') \g /dev/null
\qecho 'So the personal lists are live, by that verdict.'
\else
\qecho 'So the best-sellers stay.'
\endif
