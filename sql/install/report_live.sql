/* ---------------------------------------------------------------------------
 * Sections of report_html on what was served: latency, experiments, runs,
 * and what some people would be shown.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._report_latency(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	since text := 'WHERE q.requested_at > now() - interval ''30 days''';
	spread text;
	days text;
	cells text[];
BEGIN
	SELECT recsys._svg_lines('chart-latency', 'Milliseconds of a list, by percentile', format('Half of the lists took less than %s ms, 99 of 100 less than %s ms.',
			round(max((r ->> 'y')::numeric) FILTER (WHERE (r ->> 'x')::float8 = 0.5), 1), round(max((r ->> 'y')::numeric) FILTER (WHERE (r ->> 'x')::float8 = 0.99), 1)),
			jsonb_agg(jsonb_build_object('s', 1, 'x', r -> 'x', 'y', r -> 'y', 't', format('%s %%: %s ms', trim_scale((r ->> 'x')::numeric * 100), round((r ->> 'y')::numeric, 2)))),
			'{"from": 0, "x_title": "share of the lists", "ticks": [{"x": 0.01, "label": "1 %"}, {"x": 0.25, "label": "25 %"}, {"x": 0.5, "label": "50 %"}, {"x": 0.75, "label": "75 %"}, {"x": 0.99, "label": "99 %"}]}')
	INTO spread
	FROM recsys._report_rows(recommender, format($q$SELECT p.x, p.y FROM (
			SELECT percentile_cont('{.01,.05,.1,.2,.3,.4,.5,.6,.7,.8,.9,.95,.99}'::float8[]) WITHIN GROUP (ORDER BY q.milliseconds) AS ys FROM %I.request q %s) s,
			unnest('{.01,.05,.1,.2,.3,.4,.5,.6,.7,.8,.9,.95,.99}'::float8[], s.ys) p (x, y) WHERE p.y IS NOT NULL$q$, recommender, since)) r;
	IF spread IS NULL THEN
		RETURN format('<p class="note">No list has been logged in the last 30 days: %s.serve logs what it shows.</p>', recsys._html_escape(quote_ident(recommender)));
	END IF;
	WITH d AS (
		SELECT (r ->> 'day')::date AS day, (r ->> 'n')::int8 AS n, (r ->> 'p50')::float8 AS p50, (r ->> 'p95')::float8 AS p95
		FROM recsys._report_rows(recommender, format($q$SELECT (q.requested_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n,
			percentile_cont(0.5) WITHIN GROUP (ORDER BY q.milliseconds) AS p50, percentile_cont(0.95) WITHIN GROUP (ORDER BY q.milliseconds) AS p95
			FROM %I.request q %s GROUP BY 1$q$, recommender, since)) r
	), x AS (
		SELECT d.*, d.day - min(d.day) OVER () AS x, dense_rank() OVER (ORDER BY d.day DESC) AS age, count(*) OVER () AS days FROM d
	)
	SELECT CASE WHEN count(*) > 1 THEN recsys._svg_lines('chart-latency-days', 'Milliseconds of a list, day by day', 'Median and 95th percentile of each day.',
		jsonb_agg(jsonb_build_object('s', 1, 'x', x.x, 'y', x.p50, 't', format('%s: median %s ms of %s lists', to_char(x.day, 'YYYY-MM-DD'), round(x.p50::numeric, 2), x.n)))
		|| jsonb_agg(jsonb_build_object('s', 2, 'x', x.x, 'y', x.p95, 't', format('%s: 95 %% below %s ms', to_char(x.day, 'YYYY-MM-DD'), round(x.p95::numeric, 2)))),
		jsonb_build_object('from', 0, 'x_title', 'day (UTC)', 'ticks', jsonb_agg(jsonb_build_object('x', x.x, 'label', to_char(x.day, 'MM-DD')))
			FILTER (WHERE (x.age - 1) % greatest(1, ceil(x.days / 5.0)::int4) = 0))) END
	INTO days FROM x;
	SELECT array_agg(ARRAY[recsys._html_escape(r ->> 'placement'), recsys._html_escape(r ->> 'policy'), recsys._html_number((r ->> 'n')::float8),
		recsys._html_number((r ->> 'short')::float8 * 100, 2, ' %'), recsys._html_number((r #>> '{p,0}')::float8, 2), recsys._html_number((r #>> '{p,1}')::float8, 2),
		recsys._html_number((r #>> '{p,2}')::float8, 2), recsys._html_number((r ->> 'most')::float8, 2)] ORDER BY (r ->> 'n')::int8 DESC, r ->> 'placement', r ->> 'policy')
	INTO cells
	FROM recsys._report_rows(recommender, format($q$SELECT q.placement, q.policy, count(*) AS n, avg((q.rows < q.k)::int4)::float8 AS short,
		percentile_cont('{.5,.95,.99}'::float8[]) WITHIN GROUP (ORDER BY q.milliseconds) AS p, max(q.milliseconds) AS most
		FROM %I.request q %s GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20$q$, recommender, since)) r;
	RETURN concat('<div class="grid2">',
		recsys._report_figure('How long a list takes', 'Milliseconds without logging, of the lists of 30 days, fastest first.', spread),
		CASE WHEN days IS NOT NULL THEN '<div>' || recsys._report_figure('Day by day', 'Milliseconds of a list.', days) || recsys._html_legend(ARRAY['median', '95 % are below'], ARRAY['s1', 's2']) || '</div>' END,
		'</div>', recsys._html_table('Lists of the last 30 days', ARRAY['placement', 'policy', '#lists', '#shorter than asked', '#median, ms', '#95 %, ms', '#99 %, ms', '#slowest, ms'], cells));
END $$;
COMMENT ON FUNCTION recsys._report_latency(name) IS 'section of report_html: how long the lists took that SHOP.serve has logged';

CREATE FUNCTION recsys._report_experiment(id int8) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	e recsys.experiment;
	cells text[];
	others text[];
	columns text[] := ARRAY['metric', 'role', 'arm', '#units', '#mean', '#difference', '#interval', '#lift', '#p'];
	reported timestamptz;
	ratio float8;
	chart text;
	arms text[];
	classes text[];
BEGIN
	SELECT x.* INTO e FROM recsys.experiment x WHERE x.experiment_id = id;
	SELECT array_agg(v.variant ORDER BY v.variant COLLATE "C"), array_agg('s' || v.n ORDER BY v.variant COLLATE "C") INTO arms, classes
	FROM (SELECT w.variant, least(6, row_number() OVER (ORDER BY w.variant COLLATE "C")) AS n FROM recsys.variant w WHERE w.experiment_id = id AND NOT w.control) v;
	WITH r AS (
		SELECT r.*, extract(epoch FROM r.computed_at - min(r.computed_at) OVER ())::float8 / 86400 AS x,
			dense_rank() OVER (ORDER BY r.computed_at DESC) AS age
		FROM recsys.experiment_result r
		WHERE r.experiment_id = id AND r.metric = e.primary_metric AND r.difference IS NOT NULL AND r.variant = ANY (arms)
	)
	SELECT recsys._svg_lines('chart-experiment-' || id, format('Difference in %s to the control, report by report', e.primary_metric),
			'Intervals hold however often one looks; the dashed line is no difference.',
			jsonb_agg(jsonb_build_object('s', substr(classes[array_position(arms, r.variant)], 2)::int4, 'x', r.x, 'y', r.difference, 'l', r.lower, 'u', r.upper,
				't', format('%s, %s: %s', to_char(r.computed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), r.variant, replace(round(r.difference::numeric, 6)::text, '-', '−')))),
			jsonb_build_object('line', 0, 'from', least(0, min(least(r.lower, r.difference))), 'to', greatest(0, max(greatest(r.upper, r.difference))), 'x_title', 'day of the report',
				'ticks', (SELECT jsonb_agg(DISTINCT jsonb_build_object('x', t.x, 'label', to_char(t.computed_at AT TIME ZONE 'UTC', 'MM-DD')))
					FROM r t WHERE (t.age - 1) % greatest(1, ceil((SELECT max(m.age) FROM r m) / 4.0)::int4) = 0)))
	INTO chart FROM r;
	SELECT array_agg(x.cells ORDER BY x.place, x.metric, NOT x.control, x.variant) FILTER (WHERE x.place < 3),
		array_agg(x.cells ORDER BY x.metric, NOT x.control, x.variant) FILTER (WHERE x.place = 3), max(x.computed_at), max(x.sample_ratio_p)
	INTO cells, others, reported, ratio
	FROM (SELECT r.*, coalesce(v.control, false) AS control, coalesce(array_position('{primary,guardrail}', r.role), 3) AS place,
			ARRAY[recsys._html_escape(r.metric), recsys._html_escape(r.role), recsys._html_escape(r.variant || CASE WHEN v.control AND r.variant <> 'control' THEN ' (control)' ELSE '' END),
			recsys._html_number(r.units), recsys._html_number(r.mean, 4), recsys._html_number(r.difference, 4),
			CASE WHEN r.lower IS NULL THEN '–' ELSE recsys._html_number(r.lower, 4) || ' to ' || recsys._html_number(r.upper, 4) END,
			recsys._html_number(r.lift * 100, 1, ' %'), recsys._html_number(r.p_value, 4)] AS cells
		FROM recsys.experiment_result_latest r LEFT JOIN recsys.variant v ON (v.experiment_id, v.variant) = (r.experiment_id, r.variant)
		WHERE r.experiment_id = id AND r.mean IS NOT NULL) x;
	RETURN concat(format('<div class="person"><h3>%s %s %s</h3><p>', recsys._html_escape(e.experiment), recsys._report_pill(e.state), recsys._report_pill(e.verdict)),
		coalesce(recsys._html_escape(upper(left(e.reason, 1)) || substr(e.reason, 2)) || '. ', ''), format('Primary metric %s, %s of the traffic', recsys._html_escape(e.primary_metric), recsys._html_number(e.traffic * 100, 1, ' %')),
		CASE WHEN e.started_at IS NOT NULL THEN ', since ' || recsys._html_time(e.started_at) END, CASE WHEN e.stopped_at IS NOT NULL THEN ', until ' || recsys._html_time(e.stopped_at) END, '.</p><div class="grid2">',
		CASE WHEN chart IS NOT NULL THEN '<div>' || recsys._report_figure('Difference to the control, report by report', e.primary_metric || ', with intervals that hold however often one looks', chart)
			|| recsys._html_legend(arms, classes) || '</div>' END,
		'<div><h4>Arms</h4><ul class="items">', (SELECT string_agg(format('<li><b>%s</b>%s<small>policy %s%s, weight %s</small></li>', recsys._html_escape(v.variant), CASE WHEN v.control THEN ' <span class="pill">control</span>' END,
			recsys._html_escape(v.policy), ', version ' || v.policy_version, recsys._html_number(v.weight, 2)), '' ORDER BY NOT v.control, v.variant COLLATE "C") FROM recsys.variant v WHERE v.experiment_id = id),
		CASE WHEN ratio IS NOT NULL THEN format('<li><b>Sample ratio</b><small>p = %s, at any look, that weights as these give units as these</small></li>', recsys._html_number(ratio, 4)) END,
		CASE WHEN reported IS NOT NULL THEN format('<li><b>Latest report</b><small>%s</small></li>', recsys._html_time(reported)) END, '</ul></div></div>',
		coalesce(recsys._html_table('Latest report on ' || e.experiment, columns, cells), '<p class="note">There is no number to show yet: recsys.experiment_report reports.</p>'),
		recsys._report_details('Secondary metrics', recsys._html_table('Secondary metrics of ' || e.experiment, columns, others)), '</div>');
END $$;
COMMENT ON FUNCTION recsys._report_experiment(int8) IS 'part of report_html: one experiment, its intervals over time and its latest numbers';

CREATE FUNCTION recsys._report_experiments(recommender name) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(string_agg(recsys._report_experiment(e.experiment_id), '' ORDER BY e.experiment_id DESC),
		'<p class="note">No experiment has been made: recsys.create_experiment makes one, and only its verdict, or force with a reason, makes another policy live.</p>')
	FROM (SELECT x.experiment_id FROM recsys.experiment x WHERE x.recommender = $1 ORDER BY x.experiment_id DESC LIMIT 5) e;
END;
COMMENT ON FUNCTION recsys._report_experiments(name) IS 'section of report_html: the latest experiments';

CREATE FUNCTION recsys._report_runs(recommender name) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(recsys._html_table('The latest runs', ARRAY['run', 'state', 'stage', 'started', '#seconds', 'message'],
		array_agg(ARRAY['#' || t.run_id, recsys._report_pill(t.state), recsys._html_escape(t.stage), recsys._html_time(t.started_at),
			recsys._html_number(extract(epoch FROM t.finished_at - t.started_at)::float8, 2), '<span class="x">' || recsys._html_escape(coalesce(t.message, '')) || '</span>'] ORDER BY t.run_id DESC)),
		'<p class="note">There was no run yet.</p>')
	FROM (SELECT r.* FROM recsys.training_run r WHERE r.recommender = $1 ORDER BY r.run_id DESC LIMIT 10) t;
END;
COMMENT ON FUNCTION recsys._report_runs(name) IS 'section of report_html: the latest runs';

CREATE FUNCTION recsys._report_list(recommender name, for_user text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	list text;
BEGIN
	SELECT string_agg(format('<li><b>%s</b>%s<small>%s</small></li>', recsys._html_escape(coalesce(r ->> 'title', r ->> 'item')),
		coalesce(' <span class="pill">' || recsys._html_escape(r ->> 'category') || '</span>', ''), recsys._html_escape(r ->> 'reason')), '' ORDER BY (r ->> 'rank')::int4)
	INTO list
	FROM recsys._report_rows(recommender, format($q$SELECT l.rank, l.item_id::text AS item, c.title, c.category, l.reason
		FROM %1$I.recommend(%2$L, k => 6) l LEFT JOIN %1$I.catalog c ON c.item_id = l.item_id$q$, recommender, for_user)) r;
	RETURN '<h4>Would be shown</h4>' || coalesce('<ol class="items">' || list || '</ol>', '<p class="note">Nothing.</p>');
END $$;
COMMENT ON FUNCTION recsys._report_list(name, text) IS 'part of report_html: what somebody would be shown, NULL: somebody unknown';

CREATE FUNCTION recsys._report_people(recommender name, people int4) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	choose text := 'SELECT t.u FROM (%s) t WHERE t.n BETWEEN 4 AND 200 ORDER BY md5(t.u), t.u LIMIT %s';
	chosen text[];
	person text;
	history text;
	html text := '';
BEGIN
	IF r.live_model_id IS NULL THEN
		RETURN format('<p class="note">No model is published: CALL recsys.retrain(%s).</p>', recsys._html_escape(quote_literal(recommender)));
	END IF;
	-- those whom the model knows; of methods without users those of the source
	SELECT array_agg(q ->> 'u' ORDER BY md5(q ->> 'u')) INTO chosen FROM recsys._report_rows(recommender, format(choose,
		format('SELECT f.user_id::text AS u, f.interactions AS n FROM %I.user_factor f WHERE f.model_id = %L', recommender, r.live_model_id), people)) q;
	IF chosen IS NULL THEN
		SELECT array_agg(q ->> 'u' ORDER BY md5(q ->> 'u')) INTO chosen FROM recsys._report_rows(recommender, format(choose,
			format('SELECT i.user_id::text AS u, count(DISTINCT i.item_id) AS n FROM %I.interaction i GROUP BY i.user_id', recommender), people)) q;
	END IF;
	FOREACH person IN ARRAY coalesce(chosen, '{}') LOOP
		SELECT string_agg(format('<li><b>%s</b>%s<small>%s%s</small></li>', recsys._html_escape(coalesce(q ->> 'title', q ->> 'item')),
			coalesce(' <span class="pill">' || recsys._html_escape(q ->> 'category') || '</span>', ''), recsys._html_escape(q ->> 'event'),
			coalesce(', ' || recsys._html_time((q ->> 'at')::timestamptz), '')), '' ORDER BY (q ->> 'at')::timestamptz DESC NULLS LAST, q ->> 'item')
		INTO history
		FROM recsys._report_rows(recommender, format($q$SELECT h.item_id::text AS item, h.event, h.interacted_at AS at, c.title, c.category
			FROM (SELECT n.* FROM (SELECT DISTINCT ON (i.item_id) i.item_id, i.event, i.interacted_at
				FROM (SELECT x.* FROM %1$I.interaction x WHERE x.user_id = %2$L::%3$s ORDER BY x.interacted_at DESC NULLS LAST LIMIT 200) i
				ORDER BY i.item_id, i.interacted_at DESC NULLS LAST) n ORDER BY n.interacted_at DESC NULLS LAST, n.item_id LIMIT 6) h
			LEFT JOIN %1$I.catalog c ON c.item_id = h.item_id$q$, recommender, person, format_type(r.user_type, -1))) q;
		html := html || format('<div class="person"><h3>User %s</h3><div class="grid2"><div><h4>Lately</h4><ol class="items">%s</ol></div><div>%s</div></div></div>',
			recsys._html_escape(person), history, recsys._report_list(recommender, person));
	END LOOP;
	RETURN html || '<div class="person"><h3>Somebody unknown</h3>' || recsys._report_list(recommender, NULL) || '</div>';
END $$;
COMMENT ON FUNCTION recsys._report_people(name, int4) IS 'section of report_html: what some users did lately, and what they would be shown';
