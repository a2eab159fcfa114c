/* ---------------------------------------------------------------------------
 * Sections of report_html on what was measured before serving: cleaning,
 * leaderboard, list lengths, retrains, learning, coverage.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._report_quality(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	bars jsonb;
	cells text[];
	odd text;
	dropped text;
	total int8;
	kept int8;
BEGIN
	IF NOT recsys._may_write(recommender) THEN
		RETURN '<p class="note">The rules read the whole source as its owner: members of the owner''s role see them here.</p>';
	END IF;
	WITH q AS (
		SELECT s.* FROM recsys.quality_report(recommender) s
	), used AS (
		SELECT q.* FROM q WHERE q.enabled ORDER BY q.step
	)
	SELECT (SELECT u.rows_in FROM used u ORDER BY u.step LIMIT 1), (SELECT u.rows_in - u.rows_dropped FROM used u ORDER BY u.step DESC LIMIT 1),
		(SELECT jsonb_agg(jsonb_build_object('s', 1, 'name', u.rule, 'y', u.rows_in - u.rows_dropped, 'z', u.rows_in,
				'note', '−' || to_char(u.rows_dropped, 'FM999,999,999,990') || ' (' || to_char(100 * u.share, 'FM990.0') || ' %)') ORDER BY u.step)
			FROM used u WHERE u.rows_dropped > 0),
		(SELECT array_agg(ARRAY[recsys._html_escape(u.rule), recsys._html_escape(coalesce(u.parameter, '')), recsys._html_number(u.rows_in), recsys._html_number(u.rows_dropped),
				recsys._html_number(u.share * 100, 2, ' %'), recsys._html_number(u.users_touched), recsys._html_number(u.items_touched),
				'<span class="x">' || recsys._html_escape(coalesce(u.note, '')) || '</span>'] ORDER BY u.step) FROM used u),
		(SELECT '<h3>Odd, but kept</h3><ul class="items">' || string_agg('<li><b>' || recsys._html_escape(substr(q.rule, 7)) || '</b><small>' || recsys._html_escape(q.note) || '</small></li>', '' ORDER BY q.step) || '</ul>'
			FROM q WHERE q.rule LIKE 'kept:%'),
		(SELECT '<h3>What the rules mean</h3><ul class="items">' || string_agg('<li><b>' || recsys._html_escape(u.rule) || '</b><small>' || recsys._html_escape(coalesce(u.note, '')) || '</small></li>', '' ORDER BY u.step) || '</ul>'
			FROM used u WHERE u.rows_dropped > 0)
	INTO total, kept, bars, cells, odd, dropped;
	RETURN concat(
		format('<p>Of %s rows of the source, %s are what training sees.</p>', recsys._html_number(total), recsys._html_number(kept)), '<div class="grid2"><div>',
		recsys._report_figure('What each rule leaves', 'A row is charged to the first rule that drops it; the pale part is what the rule took.',
			recsys._svg_bars('chart-quality', 'Rows left after each cleaning rule', format('%s rows come in, %s are left.', total, kept),
				jsonb_build_array(jsonb_build_object('s', 0, 'name', 'rows of the source', 'y', total, 'z', total, 'note', to_char(total, 'FM999,999,999,990'))) || coalesce(bars, '[]')
				|| jsonb_build_array(jsonb_build_object('s', 3, 'name', 'left', 'y', kept, 'z', total, 'note', to_char(kept, 'FM999,999,999,990')))
				)), '</div><div>',
		dropped, odd, '</div></div>',
		recsys._report_details('All rules', recsys._html_table('Cleaning rules, in order', ARRAY['rule', 'parameter', '#rows in', '#dropped', '#share', '#users', '#items', 'note'], cells)));
END $$;
COMMENT ON FUNCTION recsys._report_quality(name) IS 'section of report_html: what the cleaning rules drop';

CREATE FUNCTION recsys._report_leaderboard(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	bars jsonb;
	hits jsonb;
	cells text[];
	base float8;
	high float8;
	base_hits float8;
	high_hits float8;
	more int8;
	told text;
BEGIN
	-- charts of a dozen policies at most; the table has all
	SELECT max(l.ndcg_at_10) FILTER (WHERE l.policy = 'popularity'), max(l.ndcg_upper), max(h.value) FILTER (WHERE l.policy = 'popularity'), max(h.upper), count(*) FILTER (WHERE l.place > 12),
		jsonb_agg(jsonb_build_object('s', coalesce(p.series, 6), 'name', l.policy, 'y', l.ndcg_at_10, 'l', l.ndcg_lower, 'u', l.ndcg_upper,
			'note', to_char(l.ndcg_at_10, 'FM0.0000') || CASE WHEN l.policy <> 'popularity' THEN coalesce(replace(to_char(100 * (l.ndcg_at_10 / nullif(b.ndcg_at_10, 0) - 1), ' (FMSG999,990 %)'), '-', '−'), '') ELSE '' END)
			ORDER BY l.place, l.policy COLLATE "C") FILTER (WHERE l.place <= 12 OR p.series <= 1),
		jsonb_agg(jsonb_build_object('s', coalesce(p.series, 6), 'name', l.policy, 'y', h.value, 'l', h.lower, 'u', h.upper, 'note', to_char(100 * h.value, 'FM990.0') || ' %')
			ORDER BY l.place, l.policy COLLATE "C") FILTER (WHERE h.value IS NOT NULL AND (l.place <= 12 OR p.series <= 1)),
		array_agg(ARRAY[recsys._html_escape(l.policy), recsys._report_pill(l.verdict), recsys._html_number(l.ndcg_at_10, 4),
			recsys._html_number(l.ndcg_lower, 4) || ' to ' || recsys._html_number(l.ndcg_upper, 4),
			recsys._html_number(l.precision_at_10, 4), recsys._html_number(l.recall_at_20, 4), recsys._html_number(l.hit_rate_at_10, 4),
			recsys._html_number(l.coverage_at_10, 3), recsys._html_number(l.novelty_at_10, 2)] ORDER BY l.place, l.policy COLLATE "C"),
		CASE WHEN bool_or(l.split = 'random') THEN format('RANDOM SPLIT, of %s users: these figures are no evidence about the future.', to_char(max(l.users), 'FM999,999,990'))
			ELSE format('Trained on what was before %s, judged on what %s users did from then on; every item is a candidate.',
				to_char(max(l.cutoff) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), to_char(max(l.users), 'FM999,999,990')) END
	INTO base, high, base_hits, high_hits, more, bars, hits, cells, told
	FROM recsys.leaderboard l
	LEFT JOIN recsys.leaderboard b ON b.recommender = l.recommender AND b.policy = 'popularity'
	LEFT JOIN recsys._report_policies($1) p ON p.policy = l.policy
	LEFT JOIN recsys.evaluation_latest h ON (h.recommender, h.policy, h.metric, h.k, h.population) = (l.recommender, l.policy, 'hit_rate', 10, 'warm')
		AND h.protocol = (SELECT CASE WHEN r.repeatable THEN 'all' ELSE 'new' END FROM recsys.recommender r WHERE r.recommender = $1)
	WHERE l.recommender = $1 AND l.ndcg_at_10 IS NOT NULL;
	IF bars IS NULL THEN
		RETURN format('<p class="note">Nothing has been evaluated yet: CALL recsys.retrain(%s) does.</p>', recsys._html_escape(quote_literal(recommender)));
	END IF;
	RETURN concat('<p class="lede">', recsys._html_escape(told), '</p><div class="grid2">',
		recsys._report_figure('NDCG@10', CASE WHEN base IS NOT NULL THEN '95 % intervals; in brackets the lift over popularity.' ELSE '95 % intervals.' END,
			recsys._svg_bars('chart-leaderboard', 'NDCG@10 of each policy', 'Dots with 95 % intervals, best first; the table below has the numbers.', bars,
				jsonb_strip_nulls(jsonb_build_object('axis', true, 'line', base, 'line_name', 'popularity', 'to', 1.03 * high)))),
		recsys._report_figure('Users with a hit', '95 % intervals; who took at least one of ten items.',
			recsys._svg_bars('chart-hits', 'Hit rate@10 of each policy', 'Share of users with at least one hit in a list of 10.', hits,
				jsonb_strip_nulls(jsonb_build_object('axis', true, 'unit', '%', 'line', base_hits, 'line_name', 'popularity', 'to', least(1, 1.03 * high_hits))))), '</div>',
		CASE WHEN more > 0 THEN '<p class="note">The charts show the first twelve, the live one and popularity.</p>' END,
		recsys._html_table('Leaderboard', ARRAY['policy', 'verdict', '#NDCG@10', '#95 % interval', '#precision@10', '#recall@20', '#hit rate@10', '#coverage@10', '#novelty, bits'], cells));
END $$;
COMMENT ON FUNCTION recsys._report_leaderboard(name) IS 'section of report_html: policies with intervals against popularity';

CREATE FUNCTION recsys._report_lengths(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	charts text := '';
	cells text[];
	m record;
BEGIN
	FOR m IN
		WITH e AS (
			SELECT e.policy, p.series, e.metric, e.k, e.value, e.lower, e.upper, (dense_rank() OVER (ORDER BY e.k))::int4 AS x
			FROM recsys.evaluation e JOIN recsys.recommender r ON r.recommender = e.recommender
			JOIN recsys._report_policies($1) p ON p.policy = e.policy
			WHERE e.recommender = $1 AND e.population = 'warm' AND e.metric IN ('ndcg', 'recall', 'precision', 'hit_rate') AND e.k > 0
			AND e.protocol = CASE WHEN r.repeatable THEN 'all' ELSE 'new' END
			AND e.run_id = (SELECT max(l.run_id) FROM recsys.evaluation l WHERE l.recommender = $1 AND l.metric = 'ndcg' AND l.k = 10)
		)
		SELECT e.metric, CASE e.metric WHEN 'ndcg' THEN 'NDCG' WHEN 'hit_rate' THEN 'Hit rate' ELSE initcap(e.metric) END AS name,
			jsonb_agg(jsonb_build_object('s', e.series, 'x', e.x, 'y', e.value, 't', format('%s, k = %s: %s', e.policy, e.k, to_char(e.value, 'FM0.0000')))) AS points,
			(SELECT jsonb_agg(DISTINCT jsonb_build_object('x', d.x, 'label', d.k::text)) FROM e d) AS ticks,
			array_agg(ARRAY[recsys._html_escape(e.policy), recsys._html_escape(e.metric), recsys._html_number(e.k), recsys._html_number(e.value, 4), recsys._html_number(e.lower, 4), recsys._html_number(e.upper, 4)]
				ORDER BY e.series, e.k) AS cells
		FROM e GROUP BY e.metric ORDER BY array_position('{ndcg,recall,precision,hit_rate}', e.metric)
	LOOP
		charts := charts || recsys._report_figure(m.name || ' by length of the list', NULL,
			recsys._svg_lines('chart-k-' || replace(m.metric, '_', '-'), m.name || ' at each length of the list', 'One line for each policy over list lengths k; the numbers are in the table below the charts.',
				m.points, jsonb_build_object('ticks', m.ticks, 'from', 0, 'x_title', 'items listed')));
		cells := cells || m.cells;
	END LOOP;
	IF charts = '' THEN
		RETURN NULL;
	END IF;
	RETURN concat(recsys._report_legend(recommender), '<div class="grid2">', charts, '</div>',
		recsys._report_details('The numbers', recsys._html_table('Metrics by length of the list, 95 % intervals', ARRAY['policy', 'metric', '#k', '#value', '#lower', '#upper'], cells)));
END $$;
COMMENT ON FUNCTION recsys._report_lengths(name) IS 'section of report_html: metrics by k';

CREATE FUNCTION recsys._report_learning(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	retrains text;
	loss text;
	shown int8;
	runs int8;
	held boolean;
	model recsys.model;
	cells text[];
BEGIN
	WITH e AS (
		SELECT e.run_id, e.policy, p.series, e.value, e.lower, e.upper, e.evaluated_at, e.cutoff, t.state, (dense_rank() OVER (ORDER BY e.run_id DESC))::int4 AS age
		FROM recsys.evaluation e JOIN recsys.recommender r ON r.recommender = e.recommender
		JOIN recsys._report_policies($1) p ON p.policy = e.policy
		LEFT JOIN recsys.training_run t ON t.run_id = e.run_id
		WHERE e.recommender = $1 AND e.population = 'warm' AND e.metric = 'ndcg' AND e.k = 10
		AND e.protocol = CASE WHEN r.repeatable THEN 'all' ELSE 'new' END
	), x AS (
		SELECT e.*, -e.age AS x FROM e WHERE e.age <= 30
	)
	SELECT recsys._svg_lines('chart-retrains', 'NDCG@10 of each evaluation', format('%s evaluations, oldest on the left; each at its own cutoff.', max(x.age)),
			jsonb_agg(jsonb_build_object('s', x.series, 'x', x.x, 'y', x.value, 'l', CASE WHEN x.series <= 1 THEN x.lower END, 'u', CASE WHEN x.series <= 1 THEN x.upper END,
				't', format('run %s, %s: %s%s', x.run_id, x.policy, to_char(x.value, 'FM0.0000'), CASE WHEN x.series = 1 AND x.state = 'held_back' THEN ', held back' ELSE '' END),
				'c', CASE WHEN x.series = 1 AND x.state = 'held_back' THEN 'alarm' END)),
			jsonb_build_object('from', 0, 'x_title', 'run', 'ticks', (SELECT jsonb_agg(DISTINCT jsonb_build_object('x', t.x, 'label', '#' || t.run_id)) FROM x t
				WHERE (t.age - 1) % greatest(1, ceil((SELECT max(m.age) FROM x m) / 6.0)::int4) = 0))),
		array_agg(ARRAY[recsys._html_escape('#' || x.run_id), recsys._html_escape(x.policy), recsys._html_time(x.cutoff), recsys._html_number(x.value, 4), recsys._html_number(x.lower, 4), recsys._html_number(x.upper, 4),
			recsys._html_time(x.evaluated_at)] ORDER BY x.run_id DESC, x.series),
		count(DISTINCT x.run_id), (SELECT max(e.age) FROM e), bool_or(x.series = 1 AND x.state = 'held_back')
	INTO retrains, cells, shown, runs, held FROM x;
	SELECT m.* INTO model FROM recsys.model m JOIN recsys.recommender r ON r.live_model_id = m.model_id WHERE r.recommender = $1;
	SELECT recsys._svg_lines('chart-loss', 'Loss after each sweep', format('%s sweeps of model %s, from %s down to %s.', count(*), model.model_id,
				recsys._svg_label((model.parameters -> 'loss' ->> 0)::float8), recsys._svg_label((model.parameters -> 'loss' ->> -1)::float8)),
			jsonb_agg(jsonb_build_object('s', 1, 'x', l.n, 'y', l.v::float8, 't', format('sweep %s: %s', l.n, l.v)) ORDER BY l.n), '{"x_title": "sweep"}')
	INTO loss FROM jsonb_array_elements_text(CASE jsonb_typeof(model.parameters -> 'loss') WHEN 'array' THEN model.parameters -> 'loss' ELSE '[]' END) WITH ORDINALITY l (v, n);
	RETURN concat(CASE WHEN retrains IS NOT NULL THEN recsys._report_legend(recommender) END, '<div class="grid2">',
		coalesce(nullif(recsys._report_figure('NDCG@10 over the retrains', concat(CASE WHEN runs > shown THEN format('The last %s of %s. ', shown, runs) END,
				'Each at its own cutoff; 95 % intervals of the live policy and of popularity.', CASE WHEN held THEN ' A large dot was held back.' END), retrains), ''),
			'<p class="note">Nothing has been evaluated yet.</p>'),
		coalesce(nullif(recsys._report_figure('Learning curve of the live model', format('Loss after each sweep of %s; the axis does not begin at 0.', model.method), loss), ''),
			'<p class="note">The live model has no factors to learn, or there is none.</p>'), '</div>',
		recsys._report_details('The numbers', recsys._html_table('NDCG@10 by run, 95 % intervals', ARRAY['run', 'policy', 'cutoff', '#NDCG@10', '#lower', '#upper', 'evaluated'], cells)));
END $$;
COMMENT ON FUNCTION recsys._report_learning(name) IS 'section of report_html: the metric over retrains, and the loss over sweeps';

CREATE FUNCTION recsys._report_coverage(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	model int8 := (SELECT r.live_model_id FROM recsys.recommender r WHERE r.recommender = $1);
	covered jsonb;
	popular jsonb;
	novel jsonb;
	tail jsonb;
	shown jsonb;
	half float8;
BEGIN
	SELECT jsonb_agg(jsonb_build_object('s', p.series, 'name', l.policy, 'y', l.coverage_at_10, 'z', 1, 'note', to_char(100 * l.coverage_at_10, 'FM990.0') || ' %') ORDER BY l.place, l.policy COLLATE "C"),
		jsonb_agg(jsonb_build_object('s', p.series, 'name', l.policy, 'y', l.popularity_share_at_10, 'z', 1, 'note', to_char(100 * l.popularity_share_at_10, 'FM990.0') || ' %') ORDER BY l.place, l.policy COLLATE "C"),
		jsonb_agg(jsonb_build_object('s', p.series, 'name', l.policy, 'y', l.novelty_at_10, 'note', to_char(l.novelty_at_10, 'FM990.00') || ' bits') ORDER BY l.place, l.policy COLLATE "C") FILTER (WHERE l.novelty_at_10 IS NOT NULL)
	INTO covered, popular, novel
	FROM recsys.leaderboard l JOIN recsys._report_policies($1) p ON p.policy = l.policy
	WHERE l.recommender = $1 AND l.coverage_at_10 IS NOT NULL AND l.popularity_share_at_10 IS NOT NULL;
	IF model IS NOT NULL THEN
		SELECT jsonb_agg(r || '{"s": 1}'), min((r ->> 'x')::float8) FILTER (WHERE (r ->> 'y')::float8 >= 0.5) INTO tail, half
		FROM recsys._report_rows(recommender, format($q$SELECT 0::float8 AS x, 0::float8 AS y UNION ALL
			SELECT c.n::float8 / c.items, c.c::float8 / c.total FROM (
				SELECT row_number() OVER w AS n, count(*) OVER () AS items, sum(p.users) OVER w AS c, sum(p.users) OVER () AS total
				FROM %I.popularity p WHERE p.model_id = %L WINDOW w AS (ORDER BY p.rank)) c
			WHERE c.total > 0 AND (c.n = c.items OR c.n %% greatest(c.items / 100, 1) = 0)$q$, recommender, model)) r;
		SELECT jsonb_agg(r || '{"s": 2}') INTO shown
		FROM recsys._report_rows(recommender, format($q$SELECT 0::float8 AS x, 0::float8 AS y UNION ALL
			SELECT c.n::float8 / greatest(c.items, c.known), c.c::float8 / c.total FROM (
				SELECT row_number() OVER w AS n, count(*) OVER () AS items, (SELECT m.items FROM recsys.model m WHERE m.model_id = %2$L) AS known,
					sum(p.n) OVER w AS c, sum(p.n) OVER () AS total
				FROM (SELECT e.item_id, count(*) AS n FROM %1$I.exposure e
					WHERE e.requested_at > now() - interval '30 days' GROUP BY e.item_id) p WINDOW w AS (ORDER BY p.n DESC, p.item_id)) c
			WHERE c.n = c.items OR c.n %% greatest(c.items / 100, 1) = 0$q$, recommender, model)) r;
		shown := CASE WHEN jsonb_array_length(shown) > 1 THEN shown || '[{"s": 2, "x": 1, "y": 1}]' ELSE '[]' END;
	END IF;
	IF covered IS NULL AND tail IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN concat(CASE WHEN (SELECT count(*) FROM recsys.leaderboard l WHERE l.recommender = $1) > jsonb_array_length(covered) THEN recsys._report_legend(recommender) END, '<div class="grid2">',
		recsys._report_figure('Coverage@10', 'Share of the known items that are in anybody''s list of 10.',
			recsys._svg_bars('chart-coverage', 'Coverage of each policy', 'Share of the items known in train that occur in any list of 10.', covered, '{"to": 1}')),
		recsys._report_figure('Popularity share@10', 'Share of the places held by the most popular tenth of items.',
			recsys._svg_bars('chart-popularity-share', 'Popularity share of each policy', 'Share of list places that the most popular tenth of items hold.', popular, '{"to": 1}')),
		recsys._report_figure('Novelty@10', 'How rare the listed items are: one bit more for half as many users.',
			recsys._svg_bars('chart-novelty', 'Novelty of each policy', 'Mean of -log2 of the share of users who have a listed item.', novel)),
		CASE WHEN jsonb_array_length(tail) > 1 THEN '<div>' || recsys._report_figure('The long tail', format('Half of what users have falls on %s %% of the items.', to_char(100 * half, 'FM990.0')),
			recsys._svg_lines('chart-tail', 'Share of interactions by share of items', 'Items from the most popular on; a curve near the upper left corner means that few items have nearly everything.',
				tail || shown, '{"from": 0, "to": 1, "unit": "%", "x_unit": "%", "x_title": "share of the items, most popular first"}'))
			|| recsys._html_legend(ARRAY['what users have'] || CASE WHEN jsonb_array_length(shown) > 0 THEN ARRAY['what lists have shown in 30 days'] ELSE '{}' END, ARRAY['s1', 's2']) || '</div>' END,
		'</div>');
END $$;
COMMENT ON FUNCTION recsys._report_coverage(name) IS 'section of report_html: coverage, popularity share, and the long tail';
