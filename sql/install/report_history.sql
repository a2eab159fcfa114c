/* ---------------------------------------------------------------------------
 * Sections of report_html on what has changed: which model was live when and
 * why, and how data, models and lists have drifted.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._report_switches(recommender name)
	RETURNS TABLE (at timestamptz, held boolean, policy text, version int4, model_id int8, how text, reason text, by_role text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT p.promoted_at, false, p.to_policy::text, p.to_version, p.to_model_id,
		CASE WHEN p.forced THEN 'force' || coalesce(', experiment ' || e.experiment, '') WHEN p.experiment_id IS NOT NULL THEN 'experiment ' || e.experiment ELSE p.kind END,
		p.reason, p.by_role::text
	FROM recsys.promotion p LEFT JOIN recsys.experiment e ON (e.experiment_id, e.recommender) = (p.experiment_id, p.recommender)
	WHERE p.recommender = $1
	UNION ALL
	SELECT coalesce(t.finished_at, t.started_at), true, m.policy::text, m.policy_version, t.model_id, 'held_back', t.message, NULL
	FROM recsys.training_run t LEFT JOIN recsys.model m ON m.model_id = t.model_id
	WHERE t.recommender = $1 AND t.state = 'held_back'
	ORDER BY 1 DESC LIMIT 30;
END;
COMMENT ON FUNCTION recsys._report_switches(name) IS 'the latest promotions and the runs that were held back, newest first: how is retrain, rollback, alter, force, an experiment, or held_back';

CREATE FUNCTION recsys._report_history(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	chart text;
	cells text[];
BEGIN
	WITH w AS (
		SELECT s.*, coalesce(c.series, 6) AS series, s.policy = r.live_policy::text AS live,
			lead(s.at, 1, greatest(now(), s.at)) OVER (PARTITION BY s.held ORDER BY s.at) AS until, min(s.at) OVER () AS since
		FROM recsys._report_switches(recommender) s JOIN recsys.recommender r ON r.recommender = $1
		LEFT JOIN recsys._report_policies($1) c ON c.policy = s.policy
		WHERE s.policy IS NOT NULL
	), x AS (
		SELECT w.held, jsonb_build_object('row', CASE WHEN w.live THEN 1 ELSE 2 END, 's', w.series, 'name', w.policy, 'x', extract(epoch FROM w.at - w.since)::float8,
			'until', CASE WHEN NOT w.held THEN extract(epoch FROM w.until - w.since)::float8 END,
			't', format('model %s %s %s: %s', w.model_id, CASE WHEN w.held THEN 'held back' ELSE 'live from' END, to_char(w.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), w.reason)) AS mark, w.at
		FROM w
	)
	SELECT recsys._svg_spans('chart-history', 'Which policy was live when', 'One row for each policy, one bar for each model while it was live, a cross for a model held back; the table has the times and reasons.',
		jsonb_agg(x.mark ORDER BY x.at) FILTER (WHERE NOT x.held), jsonb_agg(x.mark ORDER BY x.at) FILTER (WHERE x.held),
		jsonb_build_object('since', to_char(min(x.at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), 'until', 'now'))
	INTO chart FROM x;
	SELECT array_agg(ARRAY[recsys._html_time(s.at), coalesce(recsys._html_escape(s.policy), '–'), recsys._html_number(s.version), recsys._html_number(s.model_id),
			CASE WHEN s.held OR s.how LIKE 'force%' THEN recsys._report_pill(s.how) ELSE recsys._html_escape(s.how) END,
			'<span class="x">' || recsys._html_escape(coalesce(s.reason, '')) || '</span>', coalesce(recsys._html_escape(s.by_role), '–')] ORDER BY s.at DESC)
	INTO cells FROM recsys._report_switches(recommender) s;
	RETURN coalesce(recsys._report_figure('Which policy was live when', 'One bar for each model; a cross is one that was held back.', chart), '')
		|| coalesce(recsys._html_table('What went live and what was held back, newest first', ARRAY['when', 'policy', '#version', '#model', 'how', 'why', 'by'], cells),
			format('<p class="note">Nothing has gone live yet: CALL recsys.retrain(%s).</p>', recsys._html_escape(quote_literal(recommender))));
END $$;
COMMENT ON FUNCTION recsys._report_history(name) IS 'section of report_html: what went live when, by what and why, and what was held back';

CREATE FUNCTION recsys._report_drift_charts(drift jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH d AS (
		SELECT x.*, coalesce(substring(x.note, '^model ([0-9]+)'), substring(x.note, '^run ([0-9]+)')) AS number FROM jsonb_to_recordset(drift)
			x (metric text, period_start timestamptz, value float8, threshold float8, alarm boolean, note text)
		WHERE x.value IS NOT NULL
	), p AS (
		-- lists of several models can be of one period: the newest model is the first
		SELECT d.*, CASE WHEN d.metric = 'click_through' THEN dense_rank() OVER (PARTITION BY d.metric ORDER BY d.number::int8 DESC) ELSE 1 END AS s,
			CASE WHEN d.metric = 'ndcg_lift' THEN dense_rank() OVER (PARTITION BY d.metric ORDER BY d.number::int8)::float8 ELSE EXTRACT(epoch FROM d.period_start)::float8 / 86400 END AS x,
			CASE WHEN d.metric = 'ndcg_lift' THEN '#' || d.number ELSE pg_catalog.to_char(d.period_start AT TIME ZONE 'UTC', 'MM-DD') END AS label
		FROM d
	), c AS (
		SELECT p.metric, jsonb_agg(jsonb_build_object('s', p.s, 'x', p.x, 'y', p.value, 'c', CASE WHEN p.alarm THEN 'alarm' END,
				't', pg_catalog.format('%s: %s%s', CASE WHEN p.s > 1 OR p.metric = 'click_through' THEN p.label || ', ' || p.note ELSE p.label END, pg_catalog.round(p.value::numeric, 4), CASE WHEN p.alarm THEN ', alarm' ELSE '' END)))
			|| coalesce(jsonb_agg(jsonb_build_object('s', 0, 'x', p.x, 'y', p.threshold)) FILTER (WHERE p.s = 1 AND p.threshold IS NOT NULL), '[]') AS points,
			array_agg(DISTINCT p.s) AS series,
			(SELECT jsonb_agg(DISTINCT jsonb_build_object('x', t.x, 'label', t.label)) FROM (SELECT q.*, dense_rank() OVER (ORDER BY q.x DESC) - 1 AS age FROM p q WHERE q.metric = p.metric) t
				WHERE t.age % greatest(1, pg_catalog.ceil((SELECT count(DISTINCT m.x) FROM p m WHERE m.metric = p.metric) / 4.0)::int4) = 0) AS ticks
		FROM p WHERE p.s <= 6 GROUP BY p.metric
	)
	SELECT string_agg(recsys._report_figure(n.caption, n.told, recsys._svg_lines('chart-drift-' || pg_catalog.replace(c.metric, '_', '-'), n.caption, n.told || '; a dashed line at the threshold, larger dots where it raised an alarm.',
		c.points, jsonb_strip_nulls(jsonb_build_object('from', CASE WHEN c.metric <> 'ndcg_lift' THEN 0 END, 'unit', n.unit, 'x_title', n.axis, 'ticks', c.ticks)))), '' ORDER BY n.place)
	FROM c JOIN (VALUES
		(1, 'interactions', 'Interactions', 'Of each week; alarm below the line', '', 'week from'),
		(2, 'popularity_shift', 'Shift of popularity', 'How far the items'' shares have moved; alarm above the line', '', 'week from'),
		(3, 'cold_users', 'New users', 'Share of interactions by users first seen in the week; alarm above the line', '%', 'week from'),
		(4, 'cold_items', 'New items', 'Share of interactions with items first seen in the week; alarm above the line', '%', 'week from'),
		(5, 'ndcg_lift', 'NDCG@10 over popularity', 'Of the live policy in each run; alarm below the line', '%', 'run'),
		(6, 'click_through', 'Click-through', 'Of the lists of each week, a line for each model; alarm below the line', '%', 'week from')
	) n (place, metric, caption, told, unit, axis) ON n.metric = c.metric;
END;
COMMENT ON FUNCTION recsys._report_drift_charts(jsonb) IS 'part of report_html: a chart of each metric of drift_report, given as rows, with its threshold';

CREATE FUNCTION recsys._report_drift(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	last timestamptz;
	drift jsonb;
	alarms text;
	cells text[];
BEGIN
	IF NOT recsys._may_write(recommender) THEN
		RETURN '<p class="note">Drift is told from the whole source, read as its owner: members of the owner''s role see it here.</p>';
	END IF;
	IF (SELECT r.live_model_id FROM recsys.recommender r WHERE r.recommender = $1) IS NULL THEN
		RETURN format('<p class="note">No model is published: CALL recsys.retrain(%s).</p>', recsys._html_escape(quote_literal(recommender)));
	END IF;
	-- data that ended long ago is looked at where it ended
	SELECT m.data_until + interval '1 second' INTO last FROM recsys.recommender r JOIN recsys.model m ON m.model_id = r.live_model_id
	WHERE r.recommender = $1 AND m.data_until < now() - interval '56 days';
	SELECT jsonb_agg(to_jsonb(d)), array_agg(ARRAY[recsys._html_escape(replace(d.metric, '_', ' ')), recsys._html_time(d.period_start), recsys._html_number(d.value, 4), recsys._html_number(d.reference, 4),
			recsys._html_number(d.threshold, 4), CASE WHEN d.alarm THEN '<span class="pill bad">alarm</span>' ELSE '' END, '<span class="x">' || recsys._html_escape(d.note) || '</span>'] ORDER BY d.n),
		'<ul class="items">' || string_agg(format('<li><b>%s</b> <span class="pill bad">alarm</span><small>From %s: %s, where the threshold is %s. %s</small></li>', recsys._html_escape(replace(d.metric, '_', ' ')),
			recsys._html_time(d.period_start), recsys._html_number(d.value, 4), recsys._html_number(d.threshold, 4), recsys._html_escape(upper(left(d.note, 1)) || substr(d.note, 2) || '.')), '' ORDER BY d.n) FILTER (WHERE d.alarm) || '</ul>'
	INTO drift, cells, alarms
	FROM recsys.drift_report(recommender, last) WITH ORDINALITY d (metric, period_start, value, reference, threshold, alarm, note, n)
	WHERE d.value IS NOT NULL;
	IF drift IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN concat(CASE WHEN last IS NOT NULL THEN format('<p class="lede">The data ends at %s: the weeks shown are the last before that.</p>', recsys._html_time(last)) END,
		coalesce(alarms, '<p><span class="pill good">no alarm</span></p>'), '<div class="grid2">', recsys._report_drift_charts(drift), '</div>',
		recsys._report_details('The numbers', recsys._html_table('What drift_report says', ARRAY['metric', 'from', '#value', '#usual', '#threshold', 'alarm', 'note'], cells)));
END $$;
COMMENT ON FUNCTION recsys._report_drift(name) IS 'section of report_html: how data, models and lists have changed, and the alarms of drift_report';
