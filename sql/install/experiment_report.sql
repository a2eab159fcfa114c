/* ---------------------------------------------------------------------------
 * The report on an experiment and its verdict.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._compare_arms(kind text, adjusted boolean, c float8[], t float8[], alpha float8, planned int8, arms int4,
	OUT difference float8, OUT lower float8, OUT upper float8, OUT p_value float8)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	error float8;
BEGIN
	IF kind = 'ratio' THEN
		difference := t[2] / nullif(t[4], 0) - c[2] / nullif(c[4], 0);
		IF c[1] >= 2 AND t[1] >= 2 AND difference IS NOT NULL THEN
			error := (recsys.ratio_difference(c[1]::int8, c[2], c[3], c[4], c[5], c[6], t[1]::int8, t[2], t[3], t[4], t[5], t[6])).standard_error;
		END IF;
	ELSIF adjusted AND c[1] >= 2 AND t[1] >= 2 THEN
		SELECT x.difference, x.standard_error INTO difference, error
		FROM recsys.cuped(c[1]::int8, c[2], c[3], c[4], c[5], c[6], t[1]::int8, t[2], t[3], t[4], t[5], t[6]) x;
	ELSE
		difference := t[2] - c[2];
		error := sqrt(c[3] / c[1] + t[3] / t[1]);
	END IF;
	-- the interval rests on the central limit theorem, and not on rounding; arms without variance may differ, or be equal
	IF c[1] >= 100 AND t[1] >= 100 AND difference IS NOT NULL THEN
		IF greatest(error, abs(difference)) > 1e-9 * abs(CASE kind WHEN 'ratio' THEN c[2] / c[4] ELSE c[2] END) THEN
			SELECT s.lower, s.upper, least(1, s.p_value * arms) INTO lower, upper, p_value
			FROM recsys.sequential_interval(difference, error, (c[1] + t[1])::int8, alpha / arms, planned) s;
		ELSE
			lower := 0;
			upper := 0;
			p_value := 1;
		END IF;
	END IF;
END $$;
COMMENT ON FUNCTION recsys._compare_arms(text, boolean, float8[], float8[], float8, int8, int4) IS
'difference of an arm to the control from six moments each, with the always-valid interval and p-value, of so many arms that are compared; NULL below 100 units in either';

CREATE FUNCTION recsys._experiment_exposed(e recsys.experiment, shown_until timestamptz, as_of timestamptz) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- what a unit saw first decides; those with an override are no sample; arm has one bit, so that an item's arms are one number
	SELECT pg_catalog.format($q$SELECT row_number() OVER () AS n, f.unit, f.user_id, f.variant, f.requested_at AS exposed_at,
		least(f.requested_at + %1$L::interval, %2$L) AS until, %2$L::timestamptz AS seen_until, f.crossed, f.requests, f.milliseconds,
		1::int8 << array_position(%7$L::text[], f.variant) AS arm
	FROM (SELECT DISTINCT ON (q.unit COLLATE "C") q.unit, q.user_id, q.variant, q.requested_at,
			min(q.variant COLLATE "C") OVER w <> max(q.variant COLLATE "C") OVER w AS crossed,
			count(*) OVER w AS requests, sum(q.milliseconds) OVER w AS milliseconds
		FROM %3$I.request q
		WHERE q.experiment_id = %4$s AND q.requested_at >= %5$L AND q.requested_at < %6$L
		AND NOT EXISTS (SELECT FROM %3$I.experiment_override o WHERE o.experiment_id = %4$s AND o.unit = q.unit)
		WINDOW w AS (PARTITION BY q.unit COLLATE "C" ORDER BY q.requested_at, q.request_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
		ORDER BY q.unit COLLATE "C", q.requested_at, q.request_id) f$q$,
		e.attribution_seconds * interval '1 second', as_of, e.recommender, e.experiment_id, e.started_at - interval '1 hour', shown_until,
		ARRAY(SELECT v.variant FROM recsys.variant v WHERE v.experiment_id = e.experiment_id ORDER BY v.variant COLLATE "C"));
END;
COMMENT ON FUNCTION recsys._experiment_exposed(recsys.experiment, timestamptz, timestamptz) IS
'the part of the query that finds the units of an experiment, each with its first exposure';

CREATE FUNCTION recsys._experiment_ratio_p(id int8, counted jsonb, n int4) RETURNS float8
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- a look at each day's end, so that the smallest of them does not depend on when somebody looked
	WITH first AS (
		SELECT v.variant, (d.d ->> 0)::int4 AS day, (d.d ->> $3)::int8 AS units
		FROM recsys.variant v, pg_catalog.jsonb_array_elements($2 -> v.variant -> 'days') d (d) WHERE v.experiment_id = $1
	), so_far AS (
		SELECT d.day, v.variant, v.weight, pg_catalog.sum(coalesce(f.units, 0)) OVER (PARTITION BY v.variant ORDER BY d.day)::int8 AS units
		FROM (SELECT DISTINCT f.day FROM first f) d CROSS JOIN recsys.variant v
		LEFT JOIN first f ON (f.variant, f.day) = (v.variant, d.day) WHERE v.experiment_id = $1
	)
	SELECT coalesce(min(l.p), 1) FROM (SELECT recsys.sequential_sample_ratio_p(array_agg(s.units ORDER BY s.variant), array_agg(s.weight ORDER BY s.variant)) AS p
		FROM so_far s GROUP BY s.day) l;
END;
COMMENT ON FUNCTION recsys._experiment_ratio_p(int8, jsonb, int4) IS
'the smallest anytime-valid p-value so far of the ratio of the arms: of all units (n = 1), or those with an exposure (n = 2)';

CREATE FUNCTION recsys._experiment_facts(e recsys.experiment, counted jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	assigned float8 := recsys._experiment_ratio_p(e.experiment_id, counted, 1);
	exposed float8 := recsys._experiment_ratio_p(e.experiment_id, counted, 2);
	astray int8;
BEGIN
	SELECT q.n INTO astray FROM recsys._query_as_owner(e.recommender, format(
		'SELECT count(*) FROM %I.experiment_override o WHERE o.experiment_id = %s AND o.variant <> ALL (%L::text[])', e.recommender, e.experiment_id,
		(SELECT array_agg(v.variant) FROM recsys.variant v WHERE v.experiment_id = e.experiment_id))) q (n int8);
	RETURN (SELECT jsonb_build_object('crossed', coalesce(sum((f.value ->> 'crossed')::int8), 0), 'units', coalesce(sum((f.value ->> 'units')::int8), 0),
			'latest', max((f.value ->> 'latest')::timestamptz), 'astray', astray,
			-- two checks, of which one may be wrong
			'ratio_p', least(1, 2 * least(assigned, exposed)), 'ratio_of', CASE WHEN assigned <= exposed THEN 'units' ELSE 'units with an exposure' END,
			'unseen', (SELECT min(v.variant COLLATE "C") FROM recsys.variant v
				WHERE v.experiment_id = e.experiment_id AND (counted -> v.variant ->> 'units')::int8 >= 100
				AND NOT EXISTS (SELECT FROM jsonb_array_elements(counted -> v.variant -> 'days') d (d) WHERE (d.d ->> 2)::int8 > 0)))
		FROM jsonb_each(counted) f);
END $$;
COMMENT ON FUNCTION recsys._experiment_facts(recsys.experiment, jsonb) IS
'what is known of an experiment as a whole: units, those seen in two arms, time of the latest interaction, overrides that name no arm of it, the ratio of the arms and of what it is that of the smaller p, an arm of 100 units or more without an exposure';

CREATE FUNCTION recsys._experiment_results(e recsys.experiment, as_of timestamptz, OUT results recsys.experiment_result[], OUT facts jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET work_mem = '4MB' SET enable_nestloop = off SET enable_mergejoin = off SET jit = off
	SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
#variable_conflict use_variable
DECLARE
	shown_until timestamptz := least(as_of, e.stopped_at);
	arms int4 := (SELECT count(*)::int4 - 1 FROM recsys.variant v WHERE v.experiment_id = e.experiment_id);
	known int8 := (recsys._experiment_model(e.recommender)).items;
	metrics text[] := (SELECT array_agg(k.metric) FROM recsys._experiment_metrics(e) k);
	control record;
	arm record;
	m record;
	c float8[];
	t float8[];
	found jsonb := jsonb_build_object();
	result recsys.experiment_result;
BEGIN
	-- the log is large, and what is known of a new experiment's part of it is not: no plan that bets on few rows, or sorts them
	PERFORM set_config('work_mem', current_setting('maintenance_work_mem'), true);
	FOR arm IN SELECT t.* FROM recsys._query_as_owner(e.recommender,
			recsys._experiment_query(e, metrics, recsys._experiment_exposed(e, shown_until, as_of), e.started_at - interval '1 hour', shown_until, as_of))
			AS t (variant text, units int8, crossed int8, items int8, latest timestamptz, days jsonb, moments float8[]) LOOP
		found := found || jsonb_build_object(arm.variant, to_jsonb(arm));
	END LOOP;
	facts := recsys._experiment_facts(e, found);
	-- the control first
	FOR arm IN SELECT v.variant, v.control, coalesce((found -> v.variant ->> 'units')::int8, 0) AS units,
			coalesce((found -> v.variant ->> 'items')::float8, 0) AS items,
			ARRAY(SELECT x.value::float8 FROM jsonb_array_elements_text(found -> v.variant -> 'moments') x) AS moments
		FROM recsys.variant v WHERE v.experiment_id = e.experiment_id ORDER BY v.control DESC, v.variant COLLATE "C" LOOP
		IF arm.control THEN
			control := arm;
		END IF;
		FOR m IN SELECT k.*, row_number() OVER () AS n FROM recsys._experiment_metrics(e) k LOOP
			c := control.moments[m.n * 7 - 6 : m.n * 7];
			t := arm.moments[m.n * 7 - 6 : m.n * 7];
			IF 'NaN' = ANY (t) THEN
				RAISE EXCEPTION 'metric "%" of variant "%" has values that are not finite', m.metric, arm.variant USING ERRCODE = '22003',
					HINT = 'Neither NaN nor infinity has a mean; the query of the metric, or the filter of the recommender, can leave them out.';
			END IF;
			result := ROW(e.experiment_id, as_of, arm.variant, m.metric, e.recommender, m.role, coalesce(t[1], 0),
				CASE m.kind WHEN 'ratio' THEN t[2] / nullif(t[4], 0) WHEN 'items' THEN arm.items / nullif(known, 0) ELSE t[2] END,
				NULL, NULL, NULL, NULL, NULL, (facts ->> 'ratio_p')::float8, coalesce(t[7], 0));
			IF m.kind = 'items' THEN
				result.units := arm.units;
				result.difference := CASE WHEN NOT arm.control THEN (arm.items - control.items) / nullif(known, 0) END;
				result.lift := arm.items / nullif(control.items, 0) - 1;
			ELSIF NOT arm.control THEN
				SELECT x.difference, x.lower, x.upper, x.p_value INTO result.difference, result.lower, result.upper, result.p_value
				FROM recsys._compare_arms(m.kind, m.y IS NOT NULL, c, t, e.alpha, e.planned_units, arms) x;
				result.lift := result.difference / nullif(CASE m.kind WHEN 'ratio' THEN c[2] / nullif(c[4], 0) ELSE c[2] END, 0);
			END IF;
			IF arm.control THEN
				result.lift := NULL;
			END IF;
			results := results || result;
		END LOOP;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._experiment_results(recsys.experiment, timestamptz) IS
'rows of recsys.experiment_result as of an instant, and what is known of the experiment as a whole';

/* ---- the verdict ---- */

CREATE FUNCTION recsys._experiment_guardrails(e recsys.experiment, results recsys.experiment_result[])
	RETURNS TABLE (variant text, metric text, margin float8, state text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- s: with more as better, the ends of the interval and so much less than the control as is borne
	SELECT s.variant, s.metric, (e.settings -> 'margins' ->> s.metric)::float8,
		CASE WHEN s.low IS NULL THEN 'unknown' WHEN s.high < -s.borne THEN 'worse' WHEN s.low < -s.borne AND e.settings -> 'margins' ? s.metric THEN 'unsure' ELSE 'holds' END
	FROM (SELECT r.variant, r.metric, CASE WHEN m.lower_is_better THEN -r.upper ELSE r.lower END AS low, CASE WHEN m.lower_is_better THEN -r.lower ELSE r.upper END AS high,
			coalesce((e.settings -> 'margins' ->> r.metric)::float8 * abs(c.mean), 0) AS borne
		FROM unnest(results) r JOIN recsys._experiment_metrics(e) m ON m.metric = r.metric
		JOIN recsys.variant v ON (v.experiment_id, v.control) = (e.experiment_id, true)
		JOIN unnest(results) c ON (c.variant, c.metric) = (v.variant, r.metric)
		WHERE r.role = 'guardrail' AND r.variant <> v.variant) s;
END;
COMMENT ON FUNCTION recsys._experiment_guardrails(recsys.experiment, recsys.experiment_result[]) IS
'how each guardrail of each arm stands: worse (surely, by more than its margin, 0 where it has none), unsure (it has one, and the interval reaches beyond it), unknown (there is no interval), or holds';

CREATE FUNCTION recsys._experiment_winner(e recsys.experiment, results recsys.experiment_result[]) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH guardrail AS MATERIALIZED (SELECT g.variant, g.state FROM recsys._experiment_guardrails(e, results) g WHERE g.state <> 'holds')
	SELECT p.variant FROM unnest(results) p
	JOIN recsys._experiment_metrics(e) pm ON pm.metric = p.metric
	WHERE p.role = 'primary' AND CASE WHEN pm.lower_is_better THEN -p.upper ELSE p.lower END > 0
	AND NOT EXISTS (SELECT FROM guardrail g WHERE (g.variant, g.state) = (p.variant, 'worse'))
	ORDER BY EXISTS (SELECT FROM guardrail g WHERE g.variant = p.variant),
		CASE WHEN pm.lower_is_better THEN -p.upper ELSE p.lower END DESC, p.variant COLLATE "C" LIMIT 1;
END;
COMMENT ON FUNCTION recsys._experiment_winner(recsys.experiment, recsys.experiment_result[]) IS
'the arm whose primary metric is surely better than the control''s, without a guardrail that is surely worse, best one whose guardrails all hold; NULL if there is none';

CREATE FUNCTION recsys._experiment_invalid(e recsys.experiment, facts jsonb, OUT verdict text, OUT reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	ratio float8 := (facts ->> 'ratio_p')::float8;
BEGIN
	IF facts ->> 'unseen' IS NOT NULL THEN
		verdict := 'invalid: no exposures';
		reason := format('%s has units and no exposure: ', facts ->> 'unseen') || CASE
			WHEN EXISTS (SELECT FROM recsys.variant v WHERE (v.experiment_id, v.variant, v.policy) = (e.experiment_id, facts ->> 'unseen', 'external'))
			THEN format('the app has to report the lists that it shows by %I.log_exposure', e.recommender)
			ELSE 'its lists are empty, or gone from the log' END;
	ELSIF ratio < 0.01 THEN
		verdict := 'invalid: sample ratio mismatch';
		reason := format('%s are not in the ratio of the weights (p = %s): something makes arms lose or gain them, and no difference can be trusted',
			facts ->> 'ratio_of', trim(to_char(ratio, '9.9EEEE')));
	ELSIF (facts ->> 'crossed')::int8 > 0.001 * (facts ->> 'units')::int8 THEN
		verdict := 'invalid: units in two arms';
		reason := format('%s of %s units have seen two arms, more than 0.1 %%', facts ->> 'crossed', facts ->> 'units');
	END IF;
END $$;
COMMENT ON FUNCTION recsys._experiment_invalid(recsys.experiment, jsonb) IS 'a verdict for what makes a test invalid, NULL if nothing does';

CREATE FUNCTION recsys._experiment_open(e recsys.experiment, results recsys.experiment_result[], as_of timestamptz, OUT units int8, OUT note text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
	o record;
BEGIN
	-- of the metrics that decide, the one that most units are missing of
	SELECT r.metric, sum(r.open_units) AS units, max(m.open_for) AS open_for INTO o
	FROM unnest(results) r JOIN recsys._experiment_metrics(e) m ON m.metric = r.metric
	WHERE r.role <> 'secondary' GROUP BY r.metric ORDER BY 2 DESC, 3 DESC, 1 LIMIT 1;
	units := o.units;
	note := '';
	IF units > 0 THEN
		note := format('; %s units are left out, since their window for %s is open', units, o.metric);
		IF e.stopped_at <= as_of THEN
			note := note || format(': the last closes by %s', to_char(e.stopped_at + o.open_for, 'YYYY-MM-DD HH24:MI"Z"'));
		END IF;
	END IF;
END $$;
COMMENT ON FUNCTION recsys._experiment_open(recsys.experiment, recsys.experiment_result[], timestamptz) IS
'units that the metrics which decide leave out yet, and a clause that says so';

CREATE FUNCTION recsys._guardrail_doubt(e recsys.experiment, results recsys.experiment_result[], winner text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT CASE g.state WHEN 'unknown' THEN pg_catalog.format('%s, a guardrail, has no interval', g.metric)
		ELSE pg_catalog.format('%s, a guardrail, may be worse by more than its margin of %s %%', g.metric, pg_catalog.trim_scale((g.margin * 100)::numeric)) END
	FROM recsys._experiment_guardrails(e, results) g WHERE g.variant = winner AND g.state <> 'holds' ORDER BY g.metric COLLATE "C" LIMIT 1;
END;
COMMENT ON FUNCTION recsys._guardrail_doubt(recsys.experiment, recsys.experiment_result[], text) IS
'why it cannot be said of an arm that its guardrails hold; NULL where they do';

CREATE FUNCTION recsys._experiment_decision(e recsys.experiment, results recsys.experiment_result[], facts jsonb, as_of timestamptz,
	OUT verdict text, OUT reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	days float8 := extract(epoch FROM least(as_of, e.stopped_at) - e.started_at) / 86400;
	units int8 := (SELECT sum(r.units) FROM unnest(results) r WHERE r.role = 'primary');
	running boolean := e.stopped_at IS NULL OR as_of < e.stopped_at;
	winner text := recsys._experiment_winner(e, results);
	doubt text := recsys._guardrail_doubt(e, results, winner);
	pending record;
	w recsys.experiment_result;
	g record;
	hopeless boolean;
	worse boolean;
	progress text;
BEGIN
	SELECT x.* INTO verdict, reason FROM recsys._experiment_invalid(e, facts) x;
	IF verdict IS NOT NULL THEN
		RETURN;
	END IF;
	SELECT r.* INTO w FROM unnest(results) r WHERE r.role = 'primary' AND r.variant = winner;
	SELECT o.* INTO pending FROM recsys._experiment_open(e, results, as_of) o;
	-- of every arm: surely worse, or surely without the effect that matters; one of which nothing is known yet is neither
	SELECT bool_and(coalesce(CASE WHEN m.lower_is_better THEN r.lower > 0 ELSE r.upper < 0 END, false)),
		bool_and(coalesce(CASE WHEN m.lower_is_better THEN -r.lower ELSE r.upper END < e.minimum_effect * abs(c.mean), false))
	INTO worse, hopeless
	FROM unnest(results) r JOIN recsys._experiment_metrics(e) m ON m.metric = r.metric
	JOIN recsys.variant v ON (v.experiment_id, v.control) = (e.experiment_id, true)
	JOIN unnest(results) c ON (c.variant, c.metric) = (v.variant, r.metric)
	WHERE r.role = 'primary' AND r.variant <> v.variant;
	SELECT x.metric, x.variant INTO g FROM recsys._experiment_guardrails(e, results) x WHERE x.state = 'worse' ORDER BY x.variant, x.metric LIMIT 1;
	progress := format('after %s of %s planned units and %s of at least %s days', units, e.planned_units, floor(days), e.minimum_days);
	verdict := 'do not ship';
	IF winner IS NOT NULL AND days >= e.minimum_days AND doubt IS NULL THEN
		verdict := 'ship';
		reason := format('%s is better in %s: %s, interval %s to %s, after %s units and %s days', winner, w.metric,
			recsys._signed(w.difference), recsys._signed(w.lower), recsys._signed(w.upper), units, floor(days));
	ELSIF winner IS NOT NULL AND days < e.minimum_days THEN
		verdict := CASE WHEN running THEN 'keep running' ELSE verdict END;
		reason := format(CASE WHEN running THEN '%s is ahead in %s, but %s of at least %s days have passed: weekdays differ'
			ELSE '%s was ahead in %s when it was stopped, but only %s of at least %s days had passed: weekdays differ' END, winner, w.metric, floor(days), e.minimum_days);
	ELSIF winner IS NOT NULL THEN
		verdict := CASE WHEN running THEN 'keep running' WHEN pending.units > 0 THEN 'keep waiting' ELSE verdict END;
		reason := format('%s is better in %s, but %s', winner, w.metric, doubt);
	ELSIF g.metric IS NOT NULL AND (NOT running AND pending.units = 0 OR (SELECT count(*) FROM recsys.variant v WHERE v.experiment_id = e.experiment_id) = 2) THEN
		reason := format('%s is worse in %s, a guardrail', g.variant, g.metric);
	ELSIF worse THEN
		reason := format('worse than the control in %s', e.primary_metric);
	ELSIF hopeless AND days >= e.minimum_days THEN
		reason := format('no effect of %s %% or more in %s', e.minimum_effect * 100, e.primary_metric);
	ELSIF running THEN
		verdict := 'keep running';
		reason := format('no sure difference in %s %s', e.primary_metric, progress);
	ELSE
		verdict := CASE WHEN pending.units > 0 THEN 'keep waiting' ELSE verdict END;
		reason := format('no sure win in %s when it was stopped, %s', e.primary_metric, progress);
	END IF;
	reason := reason || pending.note || CASE WHEN (facts ->> 'astray')::int8 > 0
		THEN format('; %s overrides name no arm of it and are passed over', facts ->> 'astray') ELSE '' END;
END $$;
COMMENT ON FUNCTION recsys._experiment_decision(recsys.experiment, recsys.experiment_result[], jsonb, timestamptz) IS
'one plain verdict and the reason for it';

CREATE FUNCTION recsys._signed(x float8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN x < 0 THEN '-' ELSE '+' END || trim_scale(round(abs(x)::numeric, least(15, greatest(0, 2 - floor(log(greatest(abs(x), 1e-12::float8)))))::int4));
END;
COMMENT ON FUNCTION recsys._signed(float8) IS 'a number with its sign and three digits that count, for sentences';

/* ---- the report ---- */

CREATE FUNCTION recsys._make_report(e recsys.experiment, as_of timestamptz,
	OUT results recsys.experiment_result[], OUT fresh_until timestamptz, OUT verdict text, OUT reason text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	-- of the start and the stop, which the present transaction may have set
	at timestamptz := coalesce(as_of, greatest(now(), e.started_at, e.stopped_at));
	facts jsonb;
BEGIN
	IF e.state = 'draft' THEN
		RAISE EXCEPTION 'experiment "%" is draft: there is nothing to report', e.experiment
			USING ERRCODE = '55000', HINT = format('SELECT recsys.start_experiment(%L, %L) starts it.', e.recommender, e.experiment);
	ELSIF as_of < e.started_at OR as_of > now() THEN
		RAISE EXCEPTION 'as_of is %, must lie between the start of the experiment at % and now', as_of, e.started_at USING ERRCODE = '22023';
	END IF;
	SELECT r.results, r.facts INTO results, facts FROM recsys._experiment_results(e, at) r;
	fresh_until := (facts ->> 'latest')::timestamptz;
	IF e.state = 'decided' THEN
		verdict := e.verdict;
		reason := e.reason;
	ELSE
		SELECT d.verdict, d.reason INTO verdict, reason FROM recsys._experiment_decision(e, results, facts, at) d;
	END IF;
	-- a standby can read the report, and stores none
	IF NOT current_setting('transaction_read_only')::boolean THEN
		INSERT INTO recsys.experiment_result AS old SELECT r.* FROM unnest(results) r
		ON CONFLICT ON CONSTRAINT experiment_result_pkey DO UPDATE
		SET role = excluded.role, units = excluded.units, mean = excluded.mean, difference = excluded.difference, lift = excluded.lift,
			lower = excluded.lower, upper = excluded.upper, p_value = excluded.p_value, sample_ratio_p = excluded.sample_ratio_p, open_units = excluded.open_units
		WHERE old.computed_at IS DISTINCT FROM e.decided_at;
	END IF;
END $$;
COMMENT ON FUNCTION recsys._make_report(recsys.experiment, timestamptz) IS
'makes the report on an experiment and stores its rows; the experiment''s own row is neither changed nor locked, so that a lock on the recommender may follow';

CREATE FUNCTION recsys.experiment_report(recommender name, experiment name, as_of timestamptz DEFAULT NULL)
	RETURNS TABLE (variant text, metric text, role text, units int8, open_units int8, mean float8, difference float8, lift float8,
		lower float8, upper float8, p_value float8, sample_ratio_p float8, fresh_until timestamptz, verdict text, reason text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment;
	made record;
BEGIN
	PERFORM recsys._check_owner(recommender);
	e := recsys._experiment(recommender, experiment);
	made := recsys._make_report(e, as_of);
	IF as_of IS NULL AND NOT current_setting('transaction_read_only')::boolean THEN
		-- unless somebody has decided it while the log was read
		UPDATE recsys.experiment x SET verdict = made.verdict, reason = made.reason WHERE x.experiment_id = e.experiment_id AND x.state <> 'decided';
	END IF;
	RETURN QUERY SELECT r.variant, r.metric, r.role, r.units, r.open_units, r.mean, r.difference, r.lift, r.lower, r.upper, r.p_value, r.sample_ratio_p,
		made.fresh_until, made.verdict, made.reason FROM unnest(made.results) r;
END $$;
COMMENT ON FUNCTION recsys.experiment_report(name, name, timestamptz) IS
'what an experiment says as of an instant (now): a row for each arm and metric, with the difference to the control and an interval that holds however often one looks, and one verdict with its reason: ship, do not ship, keep running, keep waiting (stopped, and windows are open), invalid: sample ratio mismatch, invalid: no exposures, invalid: units in two arms; a unit counts once its window has closed, and open_units have not; stored in recsys.experiment_result';

CREATE FUNCTION recsys._experiment_verdict(recommender name, experiment name)
	RETURNS TABLE (policy name, verdict text, reason text, experiment_id int8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	e recsys.experiment := recsys._experiment(recommender, experiment);
	results recsys.experiment_result[];
BEGIN
	experiment_id := e.experiment_id;
	IF e.state = 'decided' THEN
		verdict := e.verdict;
		reason := e.reason;
		-- of the report that the verdict is from
		SELECT array_agg(r) INTO results FROM recsys.experiment_result r WHERE (r.experiment_id, r.computed_at) = (experiment_id, e.decided_at);
	ELSE
		SELECT r.results, r.verdict, r.reason INTO results, verdict, reason FROM recsys._make_report(e, NULL) r;
	END IF;
	IF verdict = 'ship' THEN
		SELECT v.policy INTO policy FROM recsys.variant v
		WHERE v.experiment_id = experiment_id AND v.variant = recsys._experiment_winner(e, results);
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION recsys._experiment_verdict(name, name) IS
'an experiment''s verdict now, or the final one; the policy of the arm that has won where it is ship';
