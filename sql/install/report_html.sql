/* ---------------------------------------------------------------------------
 * report_html: what a recommender is worth, as one page without scripts that
 * asks nothing of any network.  It is well-formed XML too, so that SQL can look
 * into it by xpath().
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._report_section(recommender name, section text, people int4 DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	body text;
BEGIN
	IF people IS NULL THEN
		EXECUTE format('SELECT recsys.%I($1)', '_report_' || section) INTO body USING recommender;
	ELSE
		body := recsys._report_people(recommender, people);
	END IF;
	RETURN coalesce(body, '<p class="note">Nothing to show yet.</p>');
EXCEPTION WHEN insufficient_privilege OR undefined_object OR undefined_table OR undefined_column OR undefined_function OR object_not_in_prerequisite_state THEN
	-- one section that cannot be had is no reason to withhold the others
	RETURN '<p class="note">Not to be had: ' || recsys._html_escape(SQLERRM) || '.</p>';
END $$;
COMMENT ON FUNCTION recsys._report_section(name, text, int4) IS 'one section of report_html, or why it cannot be had';

CREATE FUNCTION recsys._report_head(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	m recsys.model;
	live record;
	base float8;
	last record;
BEGIN
	SELECT x.* INTO m FROM recsys.model x WHERE x.model_id = r.live_model_id;
	SELECT l.* INTO live FROM recsys.leaderboard l WHERE l.recommender = recommender AND l.policy = r.live_policy::text;
	SELECT l.ndcg_at_10 INTO base FROM recsys.leaderboard l WHERE l.recommender = recommender AND l.policy = 'popularity';
	SELECT t.* INTO last FROM recsys.training_run_latest t WHERE t.recommender = recommender;
	RETURN concat('<p class="over">Recommender</p><h1>', recsys._html_escape(recommender), '</h1><p class="lede">',
		format('Policy <b>%s</b> over %s', recsys._html_escape(r.live_policy), recsys._html_escape(r.source_name)),
		CASE WHEN m.data_until IS NOT NULL THEN format(', trained on what happened from %s to %s', recsys._html_time(m.data_from), recsys._html_time(m.data_until)) END,
		'. ', recsys._report_pill(live.verdict), '</p><dl class="cards">',
		format('<div><dt>Live NDCG@10</dt><dd>%s<small>%s</small></dd></div>',
			recsys._html_number(live.ndcg_at_10, 4), CASE WHEN live.ndcg_at_10 IS NULL THEN 'not evaluated' ELSE recsys._html_number(live.ndcg_lower, 4) || ' to ' || recsys._html_number(live.ndcg_upper, 4) END),
		format('<div><dt>Against popularity</dt><dd>%s<small>popularity %s</small></dd></div>',
			CASE WHEN base > 0 AND live.ndcg_at_10 IS NOT NULL THEN format('<data value="%s">%s %%</data>', live.ndcg_at_10 / base - 1, replace(to_char(100 * (live.ndcg_at_10 / base - 1), 'FMSG999,990'), '-', '−')) ELSE '–' END, recsys._html_number(base, 4)),
		format('<div><dt>Users</dt><dd>%s<small>trained on</small></dd></div>', recsys._html_number(m.users)),
		format('<div><dt>Items</dt><dd>%s<small>that can be listed</small></dd></div>', recsys._html_number(m.items)),
		format('<div><dt>Interactions</dt><dd>%s<small>user–item pairs</small></dd></div>', recsys._html_number(m.interactions)),
		format('<div><dt>Last run</dt><dd class="word">%s<small>%s</small></dd></div>', coalesce(recsys._html_escape(replace(last.state, '_', ' ')), '–'),
			CASE WHEN last.state IS NULL THEN 'there was none' ELSE recsys._html_number(last.seconds, 1) || ' s, ' || recsys._html_time(last.started_at) END),
		'</dl>');
END $$;
COMMENT ON FUNCTION recsys._report_head(name) IS 'head of report_html: what is live, and the figures that matter most';

CREATE FUNCTION recsys.report_html(recommender name, people int4 DEFAULT 3) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	sections text;
	links text;
BEGIN
	PERFORM recsys._recommender(recommender);
	IF people IS NULL OR people < 0 OR people > 100 THEN
		RAISE EXCEPTION 'people is %, must be from 0 to 100', coalesce(people::text, 'NULL') USING ERRCODE = '22023',
			HINT = 'It is the number of users whose history and list are shown; 0 shows nobody''s.';
	END IF;
	SELECT string_agg(format('<section id="%1$s" aria-labelledby="h-%1$s"><h2 id="h-%1$s">%2$s</h2><p class="note">%3$s</p>%4$s</section>',
			s.name, s.heading, s.told, recsys._report_section(recommender, s.name, s.people)), E'\n' ORDER BY s.n),
		string_agg(format('<li><a href="#%s">%s</a></li>', s.name, s.short), '' ORDER BY s.n)
	INTO sections, links
	FROM (VALUES
		(1, 'leaderboard', 'Which method is best', 'Leaderboard', 'Measured on the future: what users did after the models had been trained.', NULL::int4),
		(2, 'quality', 'What the data is worth', 'Data', 'From the rows of the source to the interactions that count.', NULL),
		(3, 'lengths', 'Short lists and long ones', 'List length', 'The same policies, by how many items are listed.', NULL),
		(4, 'learning', 'Over time', 'Over time', 'Whether retraining keeps it good, and whether training has converged.', NULL),
		(5, 'coverage', 'How much of the catalog it uses', 'Catalog', 'A list of the same few items for everybody can score well and still sell little.', NULL),
		(6, 'latency', 'How fast it answers', 'Speed', 'As the log of served lists has it.', NULL),
		(7, 'experiments', 'Experiments', 'Experiments', 'What users did when they were shown one policy or another.', NULL),
		(8, 'history', 'What went live', 'Live', 'Every switch of the model that is served, and the models that were not let through.', NULL),
		(9, 'drift', 'Whether it still holds', 'Drift', 'What has changed in data, models and lists, against what was usual before.', NULL),
		(10, 'runs', 'Runs', 'Runs', 'Training and evaluation, newest first.', NULL),
		(11, 'people', 'What people would see', 'People', 'Some users: what they did lately, and the list that they would get now.', people)
	) s (n, name, heading, short, told, people)
	WHERE s.name <> 'people' OR people > 0;
	RETURN concat('<!DOCTYPE html>', E'\n', '<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>',
		'<meta http-equiv="Content-Security-Policy" content="default-src ''none''; style-src ''unsafe-inline''"/>',
		'<meta name="generator" content="recsys"/><title>', recsys._html_escape(recommender), ': recommender report</title><style>', recsys._report_style(), '</style></head><body>',
		E'\n<header>', recsys._report_head(recommender), '<nav aria-label="Sections"><ul>', links, E'</ul></nav></header>\n<main>', sections, E'</main>\n',
		'<footer><p>Made ', recsys._html_time(now()), format(' UTC by SELECT recsys.report_html(%s). All times are in UTC.', recsys._html_escape(quote_literal(recommender))), E'</p></footer></body></html>\n');
END $$;
COMMENT ON FUNCTION recsys.report_html(name, int4) IS
'a page on a recommender, to be stored in a file: cleaning, leaderboard, metrics over list lengths and retrains, coverage, speed, experiments, what went live, drift, runs, and the history and list of some people (0: of nobody); one HTML text with its pictures, no script and nothing to fetch; shows what the caller may read';
