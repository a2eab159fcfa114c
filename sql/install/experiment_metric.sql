/* ---------------------------------------------------------------------------
 * Metrics of experiments: one query over the log and the user's own tables
 * that gives, for each arm, the moments of each metric over its units.
 *
 * A unit counts once, in the arm of its first exposure (intention to treat):
 * x is its value, or numerator; y its covariate from before the exposure, or
 * denominator.  NULL: the metric cannot be taken of this unit.
 *
 * A unit counts when its window has closed, so that its value is final: values
 * that still grow would make an arm that only sells earlier look better, and
 * an interval that holds at all looks rests on values that stay.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._experiment_metrics(e recsys.experiment)
	RETURNS TABLE (metric text, role text, kind text, needs text, x text, y text, lower_is_better boolean, open_for interval)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH built_in (n, metric, kind, needs, x, y, lower_is_better) AS (
		VALUES
		(1, 'conversion', 'mean', 'act', 'CASE WHEN x.user_id IS NOT NULL THEN (coalesce(a.conversions, 0) > 0)::int::float8 END',
			'(coalesce(a.conversions_before, 0) > 0)::int::float8', false),
		(2, 'items', 'mean', 'act', 'CASE WHEN x.user_id IS NOT NULL THEN coalesce(a.conversions, 0)::float8 END',
			'coalesce(a.conversions_before, 0)::float8', false),
		(3, 'revenue', 'mean', 'act', 'CASE WHEN x.user_id IS NOT NULL THEN coalesce(a.revenue, 0) END',
			'coalesce(a.revenue_before, 0)', false),
		(4, 'click_through', 'ratio', 'shown', 'CASE WHEN x.user_id IS NOT NULL AND s.settled > 0 THEN s.clicks::float8 END', 's.settled::float8', false),
		(6, 'coverage', 'items', 'shown', 'NULL::float8', 'NULL::float8', false),
		(7, 'novelty', 'ratio', 'shown', 's.novelty', 's.known::float8', false),
		(8, 'latency', 'ratio', '', 'x.milliseconds', 'x.requests::float8', true),
		(9, 'fallback_share', 'ratio', 'shown', 's.fallback::float8', 's.exposures::float8', true)
	), every (n, metric, kind, needs, x, y, lower_is_better, seconds) AS (
		SELECT b.n, b.metric, b.kind, b.needs, b.x, CASE WHEN b.kind <> 'mean' OR (e.settings ->> 'cuped')::boolean THEN b.y END, b.lower_is_better,
			CASE WHEN b.needs = 'act' OR b.metric = 'click_through' THEN e.attribution_seconds END
		FROM built_in b
		UNION ALL
		SELECT 5, pg_catalog.format('retention_%s_%s', w.w ->> 0, w.w ->> 1), 'mean', 'act',
			pg_catalog.format('CASE WHEN x.user_id IS NOT NULL THEN coalesce(a.active_%s_%s, false)::int::float8 END', w.w ->> 0, w.w ->> 1),
			NULL, false, ((w.w ->> 1)::int + 1) * 86400
		FROM pg_catalog.jsonb_array_elements(e.settings -> 'retention') w (w)
		UNION ALL
		SELECT 10, m.m, 'mean', 'own',
			pg_catalog.format(CASE WHEN e.settings -> 'sessions' ? m.m THEN 'coalesce(own_%s.value, 0)'
				ELSE 'CASE WHEN x.user_id IS NOT NULL THEN coalesce(own_%s.value, 0) END' END, m.m),
			CASE WHEN (e.settings ->> 'cuped')::boolean THEN pg_catalog.format('coalesce(own_%s.before, 0)', m.m) END,
			e.settings -> 'lower_is_better' ? m.m, e.attribution_seconds
		FROM pg_catalog.jsonb_object_keys(e.settings -> 'metrics') m (m)
	)
	SELECT v.metric, CASE WHEN v.metric = e.primary_metric THEN 'primary' WHEN v.metric = ANY (e.guardrails) THEN 'guardrail' ELSE 'secondary' END,
		v.kind, v.needs, v.x, v.y, v.lower_is_better, v.seconds * interval '1 second'
	FROM every v ORDER BY v.n, v.metric COLLATE "C";
END;
COMMENT ON FUNCTION recsys._experiment_metrics(recsys.experiment) IS
'the metrics of an experiment with their SQL over one unit: x exposed, a act, s shown, own_NAME; open_for: so long after the exposure the value can change, NULL where it has no window';

/* ---- the pieces of the query ---- */

CREATE FUNCTION recsys._metric_own(m text, query text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.format('own_%1$s AS (SELECT q.unit, sum(q.value) AS value, coalesce(sum(q.before), 0) AS before
		FROM (SELECT r.c1::text, r.c2::float8, r.c3::float8 FROM (SELECT NULL::text, NULL::float8, NULL::float8 WHERE false
			UNION ALL SELECT r.unit::text, r.value::float8, (to_jsonb(r) ->> ''before'')::float8 FROM (%2$s
			) r) r (c1, c2, c3)) q (unit, value, before) GROUP BY q.unit)', m, query);
END;
COMMENT ON FUNCTION recsys._metric_own(text, text) IS
'the part of the query that takes an own metric: columns unit, value and, if there is one, before, summed by unit';

CREATE FUNCTION recsys._check_metric_query(recommender name, m text, query text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
BEGIN
	PERFORM FROM recsys._query_as_owner(recommender, format(
		'WITH exposed (n, unit, user_id, exposed_at, until) AS (SELECT 1::int8, ''''::text, NULL::%s, now(), now() WHERE false), %s SELECT count(*) FROM %I',
		format_type(r.user_type, -1), recsys._metric_own(m, query), 'own_' || m)) AS t (n int8);
EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception OR feature_not_supported THEN
	RAISE EXCEPTION 'metric "%": %', m, SQLERRM USING ERRCODE = SQLSTATE,
		DETAIL = format('The query is: %s', query),
		HINT = 'It gives unit and value (and before, for the time before the exposure); the table exposed (unit, user_id, exposed_at, until) stands for the units that were exposed.';
END $$;
COMMENT ON FUNCTION recsys._check_metric_query(name, text, text) IS
'runs an own metric''s query over no units, as the owner, so that what is wrong with it shows';

CREATE FUNCTION recsys._experiment_model(recommender name) RETURNS recsys.model
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT m FROM recsys.recommender r JOIN recsys.model m ON m.recommender = r.recommender
	WHERE r.recommender = $1 AND m.status = 'ready' ORDER BY m.model_id = r.live_model_id DESC NULLS LAST, m.model_id DESC LIMIT 1;
END;
COMMENT ON FUNCTION recsys._experiment_model(name) IS
'the model by whose users and items lists are measured: the live one, else the newest';

CREATE FUNCTION recsys._experiment_act(e recsys.experiment, retention jsonb, since timestamptz, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(e.recommender);
	bought text := CASE WHEN coalesce(r.settings ->> 'relevant', 'owned') = 'owned' THEN 'i.positive AND i.owned' ELSE 'i.positive' END;
	windows text;
	days int;
BEGIN
	SELECT string_agg(format(', bool_or(i.interacted_at >= x.exposed_at + interval ''%1$s days'' AND i.interacted_at < x.exposed_at + interval ''%2$s days'') AS active_%1$s_%3$s',
			w ->> 0, (w ->> 1)::int + 1, w ->> 1), ''), max((w ->> 1)::int + 1)
	INTO windows, days FROM jsonb_array_elements(retention) w;
	RETURN format($q$act AS (
	SELECT x.n,
		count(*) FILTER (WHERE i.bought AND i.interacted_at >= x.exposed_at AND i.interacted_at < x.until) AS conversions,
		sum(i.value) FILTER (WHERE i.bought AND i.interacted_at >= x.exposed_at AND i.interacted_at < x.until) AS revenue,
		count(*) FILTER (WHERE i.bought AND i.interacted_at < x.exposed_at) AS conversions_before,
		sum(i.value) FILTER (WHERE i.bought AND i.interacted_at < x.exposed_at) AS revenue_before,
		max(i.interacted_at) AS latest%1$s
	FROM exposed x
	JOIN (SELECT i.user_id, i.interacted_at, i.value::float8 AS value, (%2$s AND i.value >= 0) AS bought
		FROM %3$I.interaction i
		WHERE i.interacted_at >= %4$L AND i.interacted_at < %5$L) i
	ON i.user_id = x.user_id AND i.interacted_at >= x.exposed_at - %6$L::interval
	AND i.interacted_at < greatest(x.until, x.exposed_at + %7$L::interval)
	GROUP BY x.n)$q$, coalesce(windows, ''), bought, r.recommender,
		since - (e.settings ->> 'pre_days')::float8 * interval '1 day', as_of,
		(e.settings ->> 'pre_days')::float8 * interval '1 day', coalesce(days, 0) * interval '1 day');
END $$;
COMMENT ON FUNCTION recsys._experiment_act(recsys.experiment, jsonb, timestamptz, timestamptz) IS
'the part of the query that counts what each unit did, before its first exposure and after';

CREATE FUNCTION recsys._experiment_shown(e recsys.experiment, since timestamptz, shown_until timestamptz, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	m recsys.model := recsys._experiment_model(e.recommender);
BEGIN
	-- the first interaction at or after an exposure says whether it was clicked, so one row of clicked at most meets it;
	-- what is known of either side's units is hidden from the planner, which would hash the whole log for the sake of it
	RETURN format($q$clicked AS (
	SELECT i.user_id, i.item_id, i.interacted_at AS at,
		lag(i.interacted_at, 1, '-infinity') OVER (PARTITION BY i.user_id, i.item_id ORDER BY i.interacted_at) AS before
	FROM exposed x JOIN %1$I.interaction i ON i.user_id = x.user_id AND i.interacted_at >= x.exposed_at
	WHERE i.positive AND i.interacted_at >= %2$L AND i.interacted_at < %4$L),
shown AS MATERIALIZED (
	SELECT x.n, bit_or(x.arm) AS arms, count(*) AS exposures,
		count(*) FILTER (WHERE e.requested_at + %5$L::interval <= %4$L) AS settled,
		count(c.at) FILTER (WHERE e.requested_at + %5$L::interval <= %4$L) AS clicks,
		count(*) FILTER (WHERE e.source = 'popularity') AS fallback,
		sum(p.bits) AS novelty, count(p.bits) AS known
	FROM exposed x JOIN %1$I.exposure e ON coalesce(e.unit, '') = coalesce(x.unit, '') AND e.requested_at >= x.exposed_at
	LEFT JOIN clicked c ON c.user_id = e.user_id AND c.item_id = e.item_id
		AND c.before < e.requested_at AND c.at >= e.requested_at AND c.at < e.requested_at + %5$L::interval
	LEFT JOIN (SELECT p.item_id, -ln(p.users / %6$L::float8) / ln(2::float8) AS bits FROM %1$I.popularity p
		WHERE p.model_id = %7$L::int8 AND p.users > 0 OFFSET 0) p ON p.item_id = e.item_id
	WHERE e.requested_at >= %2$L AND e.requested_at < %3$L
	GROUP BY GROUPING SETS ((x.n), (e.item_id)))$q$,
		e.recommender, since, shown_until, as_of, e.attribution_seconds * interval '1 second', coalesce(m.users, 1), coalesce(m.model_id, 0));
END $$;
COMMENT ON FUNCTION recsys._experiment_shown(recsys.experiment, timestamptz, timestamptz, timestamptz) IS
'the part of the query that counts what each unit was shown, and the items that each arm has shown';

CREATE FUNCTION recsys._experiment_query(e recsys.experiment, metrics text[], exposed text, since timestamptz, shown_until timestamptz, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	parts text[] := ARRAY['exposed AS MATERIALIZED (' || exposed || ')'];
	joins text := '';
	columns text := '';
	moments text := '';
	caps text := '';
	m record;
	retention jsonb;
BEGIN
	SELECT coalesce(jsonb_agg(w), '[]') INTO retention FROM jsonb_array_elements(e.settings -> 'retention') w
	WHERE format('retention_%s_%s', w ->> 0, w ->> 1) = ANY (metrics);
	FOR m IN SELECT k.needs FROM recsys._experiment_metrics(e) k WHERE k.metric = ANY (metrics) GROUP BY k.needs ORDER BY k.needs LOOP
		IF m.needs = 'act' THEN
			parts := parts || recsys._experiment_act(e, retention, since, as_of);
			joins := joins || ' LEFT JOIN act a ON a.n = x.n';
			columns := columns || ', a.latest';
		ELSIF m.needs = 'shown' THEN
			parts := parts || recsys._experiment_shown(e, since, shown_until, as_of);
			joins := joins || ' LEFT JOIN shown s ON s.n = x.n';
		END IF;
	END LOOP;
	FOR m IN SELECT k.*, row_number() OVER () AS n FROM recsys._experiment_metrics(e) k WHERE k.metric = ANY (metrics) LOOP
		IF m.needs = 'own' THEN
			parts := parts || recsys._metric_own(m.metric, e.settings -> 'metrics' ->> m.metric);
			joins := joins || format(' LEFT JOIN own_%1$s ON own_%1$s.unit = x.unit', m.metric);
		END IF;
		columns := columns || format(CASE WHEN m.open_for IS NULL THEN ', %1$s AS x%3$s, %2$s AS y%3$s, false AS o%3$s'
			WHEN m.kind = 'ratio' THEN ', %1$s AS x%3$s, %2$s AS y%3$s, x.user_id IS NOT NULL AND s.settled < s.exposures AS o%3$s'
			ELSE ', CASE WHEN x.exposed_at + %4$L::interval <= x.seen_until THEN %1$s END AS x%3$s, %2$s AS y%3$s, x.exposed_at + %4$L::interval > x.seen_until AND (%1$s) IS NOT NULL AS o%3$s' END,
			m.x, coalesce(m.y, 'NULL::float8'), m.n, m.open_for);
		IF e.settings ->> 'winsorize' IS NOT NULL AND (m.metric IN ('items', 'revenue') OR m.needs = 'own') THEN
			caps := caps || format(', (SELECT percentile_cont(%2$L::float8) WITHIN GROUP (ORDER BY w.x%1$s) FROM wide w WHERE w.x%1$s > 0) AS cap%1$s',
				m.n, e.settings ->> 'winsorize');
			-- least() would make the cap of a NULL
			m.x := format('CASE WHEN w.x%1$s > c.cap%1$s THEN c.cap%1$s ELSE w.x%1$s END', m.n);
		ELSE
			m.x := format('w.x%s', m.n);
		END IF;
		moments := moments || format(', count(%1$s), avg(%1$s), var_samp(%1$s), avg(w.y%2$s) FILTER (WHERE w.x%2$s IS NOT NULL), var_samp(w.y%2$s) FILTER (WHERE w.x%2$s IS NOT NULL), covar_samp(%1$s, w.y%2$s), count(*) FILTER (WHERE w.o%2$s)',
			m.x, m.n);
	END LOOP;
	RETURN format($q$WITH %s,
wide AS MATERIALIZED (SELECT x.variant, x.arm, x.crossed, floor(extract(epoch FROM x.exposed_at - %L::timestamptz) / 86400)::int4 AS day, %s AS shown%s FROM exposed x%s),
daily AS (SELECT w.variant, w.day, count(*) AS units, count(*) FILTER (WHERE w.shown) AS shown FROM wide w GROUP BY w.variant, w.day)
SELECT w.variant, count(*), count(*) FILTER (WHERE w.crossed), %s, %s,
	(SELECT jsonb_agg(jsonb_build_array(d.day, d.units, d.shown)) FROM daily d WHERE d.variant = w.variant),
	ARRAY[%s]::float8[]
FROM wide w%s
GROUP BY w.variant$q$, array_to_string(parts, E',\n'), since, CASE WHEN strpos(joins, ' shown ') > 0 THEN 's.n IS NOT NULL' ELSE 'false' END, columns, joins,
		CASE WHEN strpos(joins, ' shown ') > 0 THEN '(SELECT count(*) FROM shown s WHERE s.n IS NULL AND s.arms & max(w.arm) <> 0)' ELSE '0::int8' END,
		CASE WHEN strpos(joins, ' act ') > 0 THEN 'max(w.latest)' ELSE 'NULL::timestamptz' END,
		substr(moments, 3),
		CASE WHEN caps <> '' THEN format(' CROSS JOIN (SELECT %s) c', substr(caps, 3)) ELSE '' END);
END $$;
COMMENT ON FUNCTION recsys._experiment_query(recsys.experiment, text[], text, timestamptz, timestamptz, timestamptz) IS
'the query that gives, for each arm: units, units seen in two arms, items shown, time of the latest interaction, [day, units, units with an exposure] by days of the first exposure, and of each metric n, mean, variance, mean and variance of the other, covariance, and units with an open window';

/* ---- power, from the past ---- */

CREATE FUNCTION recsys._normal_quantile(p float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	-- the half-width, in standard errors, of an interval of two means of very many units
	SELECT (CASE WHEN p < 0.5 THEN -1 ELSE 1 END) * (recsys.welch(0, 1e9, 2000000000, 0, 1e9, 2000000000, 2 * least(p, 1 - p))).upper;
END;
COMMENT ON FUNCTION recsys._normal_quantile(float8) IS 'the p-quantile of the standard normal distribution, 0 < p < 1, p not 0.5';

CREATE FUNCTION recsys._past_exposed(e recsys.experiment, since timestamptz, until timestamptz, seen_until timestamptz, logged boolean) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF logged THEN
		RETURN format($q$SELECT row_number() OVER () AS n, f.unit, f.user_id, 'past'::text AS variant, f.requested_at AS exposed_at,
				f.requested_at + %1$L::interval AS until, %5$L::timestamptz AS seen_until, false AS crossed, f.requests, f.milliseconds, 1::int8 AS arm
			FROM (SELECT DISTINCT ON (q.unit) q.unit, q.user_id, q.requested_at,
					count(*) OVER w AS requests, sum(q.milliseconds) OVER w AS milliseconds
				FROM %4$I.request q WHERE q.requested_at >= %2$L AND q.requested_at < %3$L
				WINDOW w AS (PARTITION BY q.unit) ORDER BY q.unit, q.requested_at) f$q$,
			e.attribution_seconds * interval '1 second', since, until, e.recommender, seen_until);
	END IF;
	-- whom a list could have been shown: those who did something, just after it
	RETURN format($q$SELECT row_number() OVER () AS n, f.user_id::text AS unit, f.user_id, 'past'::text AS variant, f.at AS exposed_at,
			f.at + %1$L::interval AS until, %5$L::timestamptz AS seen_until, false AS crossed, 1::int8 AS requests, 0::float8 AS milliseconds, 1::int8 AS arm
		FROM (SELECT i.user_id, min(i.interacted_at) + interval '1 microsecond' AS at FROM %4$I.interaction i
			WHERE i.interacted_at >= %2$L AND i.interacted_at < %3$L GROUP BY i.user_id) f$q$,
		e.attribution_seconds * interval '1 second', since, until, e.recommender, seen_until);
END $$;
COMMENT ON FUNCTION recsys._past_exposed(recsys.experiment, timestamptz, timestamptz, timestamptz, boolean) IS
'units of the past as if they had been in an experiment: of the log of requests, or the users with an interaction';

CREATE FUNCTION recsys.experiment_power(recommender name, experiment name, power float8 DEFAULT 0.8)
	RETURNS TABLE (metric text, baseline float8, deviation float8, minimum_effect float8, units_needed int8,
		units_per_day float8, days_needed float8, detectable_effect float8, note text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET work_mem = '4MB' SET enable_nestloop = off SET enable_mergejoin = off SET jit = off
	SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment;
	logged boolean;
	since timestamptz;
	until timestamptz;
	seen_until timestamptz;
	days int;
	found record;
	m float8[];
	effort float8;
BEGIN
	PERFORM recsys._check_owner(recommender);
	IF power IS NULL OR NOT (power > 0.5 AND power < 1) THEN
		RAISE EXCEPTION 'power is %, must be between 0.5 and 1', power USING ERRCODE = '22023';
	END IF;
	e := recsys._experiment(recommender, experiment);
	metric := e.primary_metric;
	minimum_effect := e.minimum_effect;
	days := greatest(e.minimum_days, 1);
	-- the log is large, and what is known of a new experiment's part of it is not: no plan that bets on few rows
	PERFORM set_config('work_mem', current_setting('maintenance_work_mem'), true);
	SELECT t.until INTO seen_until FROM recsys._query_as_owner(recommender, format(
		'SELECT max(i.interacted_at) FROM %I.interaction i WHERE i.interacted_at <= now()', recommender)) AS t (until timestamptz);
	seen_until := coalesce(seen_until, now());
	-- the last of them must have their windows behind them, that of a retention too
	until := seen_until - greatest(e.attribution_seconds * interval '1 second', (SELECT k.open_for FROM recsys._experiment_metrics(e) k WHERE k.metric = e.primary_metric));
	since := until - days * interval '1 day';
	SELECT t.n >= 100 INTO logged FROM recsys._query_as_owner(recommender, format(
		'SELECT count(*) FROM (SELECT FROM %I.request q WHERE q.requested_at >= %L AND q.requested_at < %L GROUP BY q.unit LIMIT 100) x',
		recommender, since, until)) AS t (n int8);
	SELECT t.units, t.moments INTO found FROM recsys._query_as_owner(recommender,
		recsys._experiment_query(e, ARRAY[metric], recsys._past_exposed(e, since, until, seen_until, logged), since, until, seen_until))
		AS t (variant text, units int8, crossed int8, items int8, latest timestamptz, days jsonb, moments float8[]);
	m := found.moments;
	units_per_day := coalesce(found.units, 0) * e.traffic / days;
	note := format('%s of the %s days before %s', CASE WHEN logged THEN 'requests' ELSE 'users with an interaction' END, days, to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"'));
	SELECT CASE WHEN k.kind = 'ratio' THEN m[2] / nullif(m[5 - 1], 0) ELSE m[2] END,
		sqrt(CASE WHEN k.kind = 'ratio' THEN (m[3] - 2 * m[2] / nullif(m[4], 0) * m[6] + (m[2] / nullif(m[4], 0)) ^ 2 * m[5]) / nullif(m[4], 0) ^ 2
			WHEN m[5] > 0 THEN m[3] - m[6] ^ 2 / m[5] ELSE m[3] END)
	INTO baseline, deviation FROM recsys._experiment_metrics(e) k WHERE k.metric = e.primary_metric;

	-- of the control and the smallest other arm
	SELECT (sum(v.weight) / max(v.weight) FILTER (WHERE v.control) + sum(v.weight) / min(v.weight) FILTER (WHERE NOT v.control))
		* ((recsys.sequential_interval(0, 1, 10000, e.alpha / (count(*) - 1), 10000)).upper + recsys._normal_quantile(power)) ^ 2
	INTO effort FROM recsys.variant v WHERE v.experiment_id = e.experiment_id;
	IF baseline > 0 AND deviation > 0 THEN
		units_needed := ceil(effort * (deviation / (baseline * minimum_effect)) ^ 2);
		detectable_effect := sqrt(effort / nullif(units_per_day * days, 0)) * deviation / baseline;
		days_needed := units_needed / nullif(units_per_day, 0);
	ELSE
		note := note || '; the metric does not vary there';
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION recsys.experiment_power(name, name, float8) IS
'what an experiment needs, from past data of its primary metric: units for this power at minimum_effect by the always-valid interval at its tightest, days for them at its share of traffic, and the smallest lift that minimum_days would show; baseline and deviation are a unit''s, adjusted by the time before where the report does that';
