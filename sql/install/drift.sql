/* ---------------------------------------------------------------------------
 * Drift: whether what a model was trained for still holds.
 *
 * Each measure of a period is set against the mean of the four before it (of
 * an offline metric, of the runs before it), and raises an alarm beyond a
 * threshold.  Two periods differ by chance too, so the thresholds of shares
 * have a margin of two standard errors, and that of the popularity shift has
 * the distance to be expected of two samples of the same distribution:
 * E |p - q| of a share is sqrt(2 / pi) of its standard deviation, and the sum
 * over K shares is largest where they are equal.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._drift_thresholds() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '{"interactions": 0.5, "popularity_shift": 0.2, "cold_users": 0.15, "cold_items": 0.1, "ndcg_lift": 0.9,
		"click_through": 0.8, "model_age_days": 30}'::pg_catalog.jsonb;
END;
COMMENT ON FUNCTION recsys._drift_thresholds() IS
'thresholds of drift_report and their defaults: interactions, ndcg_lift and click_through are the share of the reference that is too little; popularity_shift, cold_users and cold_items how much more than the reference is too much';

CREATE FUNCTION recsys._drift_data(recommender name, until timestamptz, period interval, periods int4)
	RETURNS TABLE (n int4, interactions int8, new_users float8, new_items float8, shift float8, noise float8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	RETURN QUERY SELECT q.* FROM recsys._query_as_owner(recommender, format($q$
		WITH bound AS (SELECT b.n, %2$L::timestamptz - (%4$s - b.n) * %3$L::interval AS lower, %2$L::timestamptz - (%4$s - b.n - 1) * %3$L::interval AS upper
			FROM generate_series(0, %4$s - 1) b (n)),
		usr AS (SELECT i.user_id, min(i.interacted_at) AS since FROM %1$I.interaction i GROUP BY i.user_id),
		thing AS (SELECT i.item_id, min(i.interacted_at) AS since FROM %1$I.interaction i GROUP BY i.item_id),
		placed AS (SELECT b.n, b.lower, i.item_id, u.since AS user_since, t.since AS item_since
			FROM bound b JOIN %1$I.interaction i ON i.interacted_at >= b.lower AND i.interacted_at < b.upper
			JOIN usr u ON u.user_id = i.user_id JOIN thing t ON t.item_id = i.item_id),
		total AS (SELECT p.n, count(*) AS events, avg((p.user_since >= p.lower)::int4)::float8 AS new_users, avg((p.item_since >= p.lower)::int4)::float8 AS new_items
			FROM placed p GROUP BY p.n),
		item AS (SELECT p.n, p.item_id, count(*)::float8 / max(t.events) AS share FROM placed p JOIN total t ON t.n = p.n GROUP BY p.n, p.item_id),
		-- the hundred most popular of the four periods before, and the rest as one
		usual AS (SELECT b.n, i.item_id, sum(i.share) / count(DISTINCT t.n) AS share, row_number() OVER (PARTITION BY b.n ORDER BY sum(i.share) DESC, i.item_id) AS place
			FROM bound b JOIN total t ON t.n BETWEEN b.n - 4 AND b.n - 1 JOIN item i ON i.n = t.n GROUP BY b.n, i.item_id),
		size AS (SELECT b.n, count(*) AS periods, sum(t.events) AS events FROM bound b JOIN total t ON t.n BETWEEN b.n - 4 AND b.n - 1 GROUP BY b.n),
		pair AS (SELECT u.n, u.share / s.periods AS was, coalesce(i.share, 0) AS is FROM
				(SELECT u.n, u.item_id, sum(i.share) AS share FROM usual u JOIN item i ON i.item_id = u.item_id AND i.n BETWEEN u.n - 4 AND u.n - 1
				WHERE u.place <= 100 GROUP BY u.n, u.item_id) u
			JOIN size s ON s.n = u.n LEFT JOIN item i ON (i.n, i.item_id) = (u.n, u.item_id)),
		moved AS (SELECT p.n, (sum(abs(p.is - p.was)) + abs(sum(p.is) - sum(p.was))) / 2 AS shift, count(*) + 1 AS cells FROM pair p GROUP BY p.n)
		SELECT b.n, coalesce(t.events, 0), t.new_users, t.new_items, CASE WHEN t.events > 0 THEN m.shift END,
			sqrt(m.cells / (2 * pi()) * (1.0 / t.events + 1.0 / s.events))
		FROM bound b LEFT JOIN total t ON t.n = b.n LEFT JOIN moved m ON m.n = b.n LEFT JOIN size s ON s.n = b.n ORDER BY b.n$q$,
		recommender, until, period, periods)) q (n int4, interactions int8, new_users float8, new_items float8, shift float8, noise float8);
END $$;
COMMENT ON FUNCTION recsys._drift_data(name, timestamptz, interval, int4) IS
'of each of so many periods up to an instant: interactions, the shares of them by users and with items that were new in it, the distance of its item shares from those of the four before (half the sum of differences over the hundred most popular, and the rest as one), and the distance that chance would make';

CREATE FUNCTION recsys._drift_clicks(recommender name, until timestamptz, period interval, periods int4, attribution interval)
	RETURNS TABLE (n int4, model_id int8, exposures int8, clicks int8[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	RETURN QUERY SELECT q.* FROM recsys._query_as_owner(recommender, format($q$
		WITH shown AS (
			SELECT width_bucket(e.requested_at, ARRAY(SELECT %2$L::timestamptz - (%4$s - b.n) * %3$L::interval FROM generate_series(0, %4$s - 1) b (n) ORDER BY b.n)) - 1 AS n,
				r.model_id, (SELECT min(i.interacted_at) FROM %1$I.interaction i WHERE i.user_id = e.user_id AND i.item_id = e.item_id
					AND i.interacted_at >= e.requested_at AND i.interacted_at < e.requested_at + %5$L::interval) AS clicked_at
			FROM %1$I.exposure e JOIN %1$I.request r ON (r.requested_at, r.request_id, r.unit) = (e.requested_at, e.request_id, e.unit)
			WHERE e.user_id IS NOT NULL AND r.policy <> 'external'
			AND e.requested_at >= %2$L::timestamptz - %4$s * %3$L::interval AND e.requested_at < %2$L::timestamptz)
		SELECT s.n, s.model_id, count(*), ARRAY[%6$s] FROM shown s GROUP BY 1, 2 ORDER BY 1, 2$q$,
		recommender, until, period, periods, attribution,
		(SELECT string_agg(format('count(*) FILTER (WHERE s.clicked_at < %L::timestamptz - %s * %L::interval)', until, d, period), ', ' ORDER BY d)
			FROM generate_series(0, 4) d))) q (n int4, model_id int8, exposures int8, clicks int8[]);
END $$;
COMMENT ON FUNCTION recsys._drift_clicks(name, timestamptz, interval, int4, interval) IS
'exposures of users in lists of models, by period and model, and how many were followed by an interaction of the user with the item: as it was at the end, and one, two, three and four periods before it';

CREATE FUNCTION recsys._drift_runs(recommender name, since timestamptz, until timestamptz, t jsonb)
	RETURNS TABLE (metric text, period timestamptz, value float8, reference float8, threshold float8, alarm boolean, note text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT 'ndcg_lift', l.evaluated_at, l.lift, l.usual, l.usual * (t ->> 'ndcg_lift')::float8,
		coalesce(t ->> 'ndcg_lift' IS NOT NULL AND (l.verdict NOT LIKE 'beats popularity%' OR l.lift_upper < l.usual * (t ->> 'ndcg_lift')::float8), false),
		pg_catalog.format('run %s, cutoff %s, %s', l.run_id, coalesce(pg_catalog.to_char(l.cutoff AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 'none'), l.verdict)
	FROM (SELECT v.*, avg(v.lift) OVER (PARTITION BY v.split ORDER BY v.run_id ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) AS usual
		FROM recsys.recommender r, recsys._lifts($1, r.live_policy) v WHERE r.recommender = $1) l
	WHERE l.evaluated_at >= since AND l.evaluated_at < until AND l.verdict <> 'baseline'
	UNION ALL
	SELECT 'model_age_days', m.trained_at, EXTRACT(epoch FROM until - m.trained_at)::float8 / 86400, NULL, (t ->> 'model_age_days')::float8,
		coalesce(EXTRACT(epoch FROM until - m.trained_at) / 86400 > (t ->> 'model_age_days')::float8, false), pg_catalog.format('model %s, live', m.model_id)
	FROM recsys.recommender r JOIN recsys.model m ON m.model_id = r.live_model_id WHERE r.recommender = $1 AND m.trained_at <= until;
END;
COMMENT ON FUNCTION recsys._drift_runs(name, timestamptz, timestamptz, jsonb) IS
'the rows of drift_report that need no reading of the source: evaluations of the live policy, unless it is popularity, and the age of the live model';

CREATE FUNCTION recsys.drift_report(recommender name, until timestamptz DEFAULT NULL, period interval DEFAULT '7 days', periods int4 DEFAULT 8,
	thresholds jsonb DEFAULT '{}', attribution interval DEFAULT '7 days')
	RETURNS TABLE (metric text, period_start timestamptz, value float8, reference float8, threshold float8, alarm boolean, note text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	t jsonb := recsys._drift_thresholds() || coalesce(thresholds, '{}');
	last timestamptz := coalesce(until, now());
	-- four periods more, to have something to compare the first one with
	all_periods int4 := periods + 4;
BEGIN
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._check_keys(coalesce(thresholds, '{}'), recsys._drift_thresholds(), 'thresholds');
	PERFORM recsys._check_number(t, k, 0, 1e6, false) FROM jsonb_object_keys(t) k;
	IF periods IS NULL OR periods NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION 'periods is %, must be from 1 to 1000', periods USING ERRCODE = '22023';
	ELSIF period IS NULL OR period NOT BETWEEN interval '1 minute' AND interval '1000 days' THEN
		RAISE EXCEPTION 'period is %, must be from 1 minute to 1000 days', period USING ERRCODE = '22023';
	ELSIF NOT isfinite(last) THEN
		RAISE EXCEPTION 'until is %, must be finite', last USING ERRCODE = '22023';
	ELSIF attribution IS NULL OR attribution NOT BETWEEN interval '0' AND interval '1000 days' THEN
		RAISE EXCEPTION 'attribution is %, must be from 0 to 1000 days', attribution USING ERRCODE = '22023';
	END IF;
	IF r.settings ->> 'time_column' IS NOT NULL THEN
		RETURN QUERY
		WITH d AS (SELECT x.*, last - (all_periods - x.n) * period AS start, avg(x.interactions) OVER w AS usual, avg(x.new_users) OVER w AS usual_users,
				avg(x.new_items) OVER w AS usual_items, x.interactions AS m
			FROM recsys._drift_data(recommender, last, period, all_periods) x
			WINDOW w AS (ORDER BY x.n ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING)),
		v (place, metric, n, start, value, reference, threshold, alarm, note) AS (
			SELECT 1, 'interactions', d.n, d.start, d.interactions::float8, d.usual::float8, d.usual * (t ->> 'interactions')::float8,
				t ->> 'interactions' IS NOT NULL AND (d.interactions < d.usual * (t ->> 'interactions')::float8 OR d.interactions = 0 AND d.n = all_periods - 1), 'alarm below the threshold, and where there are none at all at last' FROM d
			UNION ALL
			SELECT 2, 'popularity_shift', d.n, d.start, d.shift, d.noise, d.noise + (t ->> 'popularity_shift')::float8,
				d.shift > d.noise + (t ->> 'popularity_shift')::float8, 'alarm above the threshold; the reference is what chance would make' FROM d
			UNION ALL
			SELECT 3, 'cold_users', d.n, d.start, d.new_users, d.usual_users,
				d.usual_users + (t ->> 'cold_users')::float8 + 2 * sqrt(d.usual_users * (1 - d.usual_users) / nullif(d.m, 0)),
				d.new_users > d.usual_users + (t ->> 'cold_users')::float8 + 2 * sqrt(d.usual_users * (1 - d.usual_users) / nullif(d.m, 0)),
				'share of interactions by users first seen in the period; alarm above the threshold' FROM d
			UNION ALL
			SELECT 4, 'cold_items', d.n, d.start, d.new_items, d.usual_items,
				d.usual_items + (t ->> 'cold_items')::float8 + 2 * sqrt(d.usual_items * (1 - d.usual_items) / nullif(d.m, 0)),
				d.new_items > d.usual_items + (t ->> 'cold_items')::float8 + 2 * sqrt(d.usual_items * (1 - d.usual_items) / nullif(d.m, 0)),
				'share of interactions with items first seen in the period; alarm above the threshold' FROM d)
		SELECT v.metric, v.start, v.value, v.reference, v.threshold, coalesce(v.alarm, false), v.note FROM v WHERE v.n >= 4 ORDER BY v.place, v.n;
	END IF;
	RETURN QUERY SELECT x.* FROM recsys._drift_runs(recommender, last - periods * period, last, t) x ORDER BY x.metric DESC, x.period;
	IF r.settings ->> 'time_column' IS NOT NULL THEN
		RETURN QUERY
		WITH x AS MATERIALIZED (SELECT y.* FROM recsys._drift_clicks(recommender, last, period, all_periods, attribution) y),
		-- what was shown lately may be clicked yet, so those before are taken as they stood so long after them
		c AS (SELECT x.n, x.model_id, x.exposures, x.clicks[1] AS clicks,
			(SELECT sum(b.clicks[1 + x.n - b.n])::float8 / sum(b.exposures) FROM x b WHERE b.n BETWEEN x.n - 4 AND x.n - 1) AS usual FROM x)
		SELECT 'click_through', last - (all_periods - c.n) * period, c.clicks::float8 / c.exposures, c.usual, c.usual * (t ->> 'click_through')::float8,
			coalesce(c.clicks::float8 / c.exposures + 2 * sqrt(c.usual * (1 - c.usual) / c.exposures) < c.usual * (t ->> 'click_through')::float8, false),
			format('model %s, %s exposures; alarm where it is below the threshold by two standard errors', c.model_id, c.exposures)
		FROM c WHERE c.n >= 4 ORDER BY c.n, c.model_id;
	END IF;
END $$;
COMMENT ON FUNCTION recsys.drift_report(name, timestamptz, interval, int4, jsonb, interval) IS
'how data, models and lists have changed over the periods up to an instant (now): interactions, popularity_shift, cold_users and cold_items by period, each against the four before; ndcg_lift of each evaluation of the live policy, against the three before; model_age_days; click_through of logged lists by period and model';
