/* ---- what the cleaning rules do ---- */

CREATE FUNCTION recsys.quality_report(recommender name)
	RETURNS TABLE (step int, rule text, enabled boolean, parameter text, rows_in int8, rows_dropped int8,
		users_touched int8, items_touched int8, share float8, note text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	r recsys.recommender := recsys._recommender(quality_report.recommender);
	x record;
	judge text;
	u record;
	total int8;
	remaining int8;
	hits jsonb;
	facts record;
BEGIN
	PERFORM recsys._check_owner(quality_report.recommender);
	SELECT * INTO x FROM recsys._expressions(quality_report.recommender);
	SELECT 'CASE ' || string_agg(format('WHEN NOT coalesce((%s), false) THEN %s', l.predicate, l.step), E'\n' ORDER BY l.step)
		|| ' ELSE 0 END' INTO judge
	FROM recsys._rules(quality_report.recommender) l WHERE l.enabled;

	-- one scan: each row is charged to the first rule that drops it
	SELECT coalesce(jsonb_object_agg(j.step, jsonb_build_array(j.n, j.users, j.items)), '{}'), coalesce(sum(j.n), 0)
	INTO hits, total
	FROM recsys._query_as_owner(quality_report.recommender, format(
		'SELECT d.step, count(*), count(DISTINCT d.u), count(DISTINCT d.i)
		 FROM (SELECT %s AS step, %s AS u, %s AS i FROM %s s) d GROUP BY d.step',
		judge, x.user_id, x.item_id, x.source)) j (step int, n int8, users int8, items int8);

	remaining := total;
	FOR u IN SELECT l.* FROM recsys._rules(quality_report.recommender) l ORDER BY l.step LOOP
		step := u.step;
		rule := u.rule;
		enabled := u.enabled;
		parameter := nullif(u.parameter, '');
		rows_in := remaining;
		rows_dropped := coalesce((hits -> step::text ->> 0)::int8, 0);
		users_touched := coalesce((hits -> step::text ->> 1)::int8, 0);
		items_touched := coalesce((hits -> step::text ->> 2)::int8, 0);
		share := rows_dropped::float8 / nullif(total, 0);
		note := u.note;
		-- a type that is spelled otherwise in the data than in positives shows here
		IF rule = 'event' AND rows_dropped > 0 THEN
			SELECT note || ': ' || string_agg(format('%s (%s)', coalesce(e.event, 'NULL'), e.n), ', ' ORDER BY e.n DESC, e.event) INTO note
			FROM recsys._query_as_owner(quality_report.recommender, format(
				'SELECT %s, count(*) FROM %s s WHERE NOT coalesce((%s), false) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5',
				x.event, x.source, u.predicate)) e (event text, n int8);
		END IF;
		remaining := remaining - rows_dropped;
		RETURN NEXT;
	END LOOP;

	-- what stands is, with p the sum of the quantities so far, p less the least of 0 and the p so far
	IF x.returned IS NOT NULL THEN
		SELECT * INTO facts FROM recsys._query_as_owner(quality_report.recommender, format(
			$q$WITH log AS (
				SELECT DISTINCT i.user_id, i.item_id, i.interacted_at, i.value, i.value < 0 AS back
				FROM %1$I.interaction i WHERE i.owned OR i.value < 0
			), summed AS (
				SELECT l.*, sum(l.value) OVER w AS p FROM log l
				WINDOW w AS (PARTITION BY l.user_id, l.item_id ORDER BY l.interacted_at, l.back, l.value ROWS UNBOUNDED PRECEDING)
			), standing AS (
				SELECT s.*, s.p - least(0, min(s.p) OVER w) AS stands FROM summed s
				WINDOW w AS (PARTITION BY s.user_id, s.item_id ORDER BY s.interacted_at, s.back, s.value ROWS UNBOUNDED PRECEDING)
			), taken AS (
				SELECT s.*, lag(s.stands, 1, 0::float8) OVER w - s.stands AS quantity FROM standing s
				WINDOW w AS (PARTITION BY s.user_id, s.item_id ORDER BY s.interacted_at, s.back, s.value)
			)
			SELECT (SELECT count(*) FROM %1$I.interaction i WHERE i.value < 0), count(DISTINCT t.user_id), count(DISTINCT t.item_id),
				coalesce(sum(t.quantity), 0), count(*) FILTER (WHERE t.quantity = 0)
			FROM taken t WHERE t.back$q$, quality_report.recommender))
			f (n int8, users int8, items int8, quantity float8, vain int8);
		step := step + 1;
		rule := 'returns';
		enabled := true;
		parameter := r.settings ->> 'returns';
		rows_in := remaining;
		rows_dropped := facts.n;
		users_touched := facts.users;
		items_touched := facts.items;
		share := rows_dropped::float8 / nullif(total, 0);
		note := format('they took back a quantity of %s; %s found nothing to take back', facts.quantity, facts.vain);
		remaining := remaining - facts.n;
		RETURN NEXT;
	END IF;

	SELECT * INTO facts FROM recsys._query_as_owner(quality_report.recommender, format(
		$q$WITH pair AS (
			SELECT i.user_id, i.item_id, count(*) AS n FROM %1$I.interaction i WHERE %2$s GROUP BY i.user_id, i.item_id
		), per_user AS (
			SELECT p.user_id, sum(p.n)::int8 AS n FROM pair p GROUP BY p.user_id
		)
		SELECT (SELECT coalesce(sum(p.n - 1), 0)::int8 FROM pair p),
			(SELECT count(DISTINCT p.user_id) FROM pair p WHERE p.n > 1),
			(SELECT count(DISTINCT p.item_id) FROM pair p WHERE p.n > 1),
			(SELECT max(p.n) FROM per_user p),
			(SELECT p.user_id::text FROM per_user p ORDER BY p.n DESC, p.user_id LIMIT 1),
			(SELECT count(DISTINCT p.item_id) FROM pair p
			 WHERE NOT EXISTS (SELECT FROM %1$I.catalog c WHERE c.item_id = p.item_id)),
			(SELECT count(*) FROM %1$I.interaction i WHERE NOT i.positive AND %2$s)$q$, quality_report.recommender,
		CASE WHEN x.returned IS NULL THEN 'true' ELSE 'i.value >= 0' END))
		f (repeats int8, repeat_users int8, repeat_items int8, most int8, top_user text, absent int8, owned_only int8);
	step := step + 1;
	rule := 'repeats';
	enabled := true;
	parameter := r.settings ->> 'merge';
	rows_in := remaining;
	rows_dropped := facts.repeats;
	users_touched := facts.repeat_users;
	items_touched := facts.repeat_items;
	share := rows_dropped::float8 / nullif(total, 0);
	note := 'later interactions of a user with the same item are merged into one';
	RETURN NEXT;

	-- what is odd but kept
	rows_in := remaining - facts.repeats;
	rows_dropped := 0;
	users_touched := 0;
	items_touched := 0;
	share := 0;
	enabled := NULL;
	parameter := NULL;
	IF facts.owned_only > 0 THEN
		step := step + 1;
		rule := 'kept: owned only';
		note := format('%s interactions are below the minimum: not trained on, but the items leave the user''s lists', facts.owned_only);
		RETURN NEXT;
	END IF;
	IF remaining > 0 AND facts.most > 0.05 * remaining THEN
		step := step + 1;
		rule := 'kept: one user';
		note := format('user %s has %s %% of the interactions', facts.top_user, round(100.0 * facts.most / remaining, 1));
		RETURN NEXT;
	END IF;
	IF r.catalog IS NOT NULL AND facts.absent > 0 THEN
		step := step + 1;
		rule := 'kept: not in catalog';
		note := format('%s items with interactions are absent from the catalog: trained on%s', facts.absent,
			CASE WHEN (r.settings ->> 'require_catalog')::boolean THEN ', but never listed' ELSE '' END);
		RETURN NEXT;
	END IF;
	IF r.settings ->> 'time_column' IS NOT NULL AND remaining > 0 THEN
		SELECT g.days, g.first_gap INTO u FROM recsys._query_as_owner(quality_report.recommender, format(
			$q$SELECT max(d.gap), min(d.day) FILTER (WHERE d.gap = d.longest)
			FROM (SELECT g.*, max(g.gap) OVER () AS longest FROM (
				SELECT d.day, lead(d.day) OVER (ORDER BY d.day) - d.day - 1 AS gap
				FROM (SELECT DISTINCT (i.interacted_at AT TIME ZONE %L)::date AS day FROM %I.interaction i) d) g) d$q$,
			r.settings ->> 'time_zone', quality_report.recommender)) g (days int, first_gap date);
		IF u.days > 3 THEN
			step := step + 1;
			rule := 'kept: gap in time';
			note := format('the longest gap is of %s days without an interaction, after %s', u.days, to_char(u.first_gap, 'YYYY-MM-DD'));
			RETURN NEXT;
		END IF;
	END IF;
	FOR note IN SELECT i FROM recsys._missing_indexes(quality_report.recommender) i ORDER BY i LOOP
		step := step + 1;
		rule := 'kept: no index';
		note := 'serving reads the whole source for each list; ' || note;
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys.quality_report(name) IS
'every cleaning rule in order: rows that reach it and rows it drops (a row is charged to the first rule that drops it), users and items among those, share of all rows; then what is odd but kept; reads the whole source';
