/* ---------------------------------------------------------------------------
 * Pictures: charts as SVG text, made by SQL from points given as jsonb.
 *
 * A chart is 480 units wide; the page scales it.  Colours, fonts and dashes
 * are classes (s0 the baseline, s1 to s6 the others), which the page's style
 * sheet gives meaning to in light and dark.  Every chart has a title and a
 * description for those who do not see it, and each point a title that
 * browsers show as a tooltip.  Texts are escaped here, by _html_escape; the
 * callers give plain ones.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._html_escape(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- & first; control characters are no characters of HTML
	SELECT pg_catalog.regexp_replace(
		pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
			value, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;'),
		E'[\\x01-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F]', '?', 'g');
END;
COMMENT ON FUNCTION recsys._html_escape(text) IS
'a text as it may stand anywhere in HTML or SVG, in content and in quoted attributes; control characters become ?';

CREATE FUNCTION recsys._html_short(value text, length int4) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- SQL knows no font: capitals and ideographs count for the room that they take
	SELECT CASE WHEN max(x.right_end) > $2 THEN string_agg(x.letter, '' ORDER BY x.n) FILTER (WHERE x.right_end <= $2 - 1) || '…' ELSE $1 END
	FROM (SELECT c.n, c.letter, sum(CASE WHEN c.letter ~ '[WMmw@%]' THEN 1.7 WHEN c.letter ~ '[A-Z]' THEN 1.3 WHEN pg_catalog.ascii(c.letter) >= 11904 THEN 2 ELSE 1 END) OVER (ORDER BY c.n) AS right_end
		FROM pg_catalog.string_to_table($1, NULL) WITH ORDINALITY c (letter, n)) x;
END;
COMMENT ON FUNCTION recsys._html_short(text, int4) IS 'a text of at most about so many characters of usual width; not escaped';

CREATE FUNCTION recsys._html_number(value float8, digits int4 DEFAULT 0, unit text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- <data value> has all digits; NULL, NaN and infinity are shown as a dash,
	-- what is not 0 never as 0
	SELECT CASE WHEN value > '-Infinity' AND value < 'Infinity' THEN
		pg_catalog.format('<data value="%s">%s%s</data>', value, CASE WHEN pg_catalog.abs(value) >= 1e15 THEN value::text
			WHEN value > 0 AND value < 0.5 * pg_catalog.power(10::float8, -digits) THEN '&lt; ' || trim_scale(pg_catalog.power(10::numeric, -digits))
			ELSE pg_catalog.replace(pg_catalog.to_char(value, 'FM999,999,999,999,990' || CASE WHEN digits > 0 THEN '.' || pg_catalog.repeat('0', digits) ELSE '' END), '-', '−') END, unit)
	ELSE '–' END;
END;
COMMENT ON FUNCTION recsys._html_number(float8, int4, text) IS 'a number for the page, rounded, with the exact one in its <data value>';

CREATE FUNCTION recsys._html_time(value timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN pg_catalog.isfinite(value) THEN pg_catalog.format('<time datetime="%s">%s</time>',
		pg_catalog.to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		pg_catalog.to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) ELSE '–' END;
END;
COMMENT ON FUNCTION recsys._html_time(timestamptz) IS 'an instant for the page, in UTC';

CREATE FUNCTION recsys._html_table(caption text, columns text[], cells text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.format('<div class="scroll" role="region" aria-label="%s" tabindex="0"><table><caption>%1$s</caption><thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>',
		recsys._html_escape(caption),
		(SELECT string_agg(pg_catalog.format('<th scope="col"%s>%s</th>', CASE WHEN c LIKE '#%' THEN ' class="n"' ELSE '' END,
			recsys._html_escape(pg_catalog.ltrim(c, '#'))), '' ORDER BY n) FROM unnest(columns) WITH ORDINALITY x (c, n)),
		(SELECT string_agg(row, '' ORDER BY i) FROM (
			SELECT i, '<tr>' || string_agg(CASE WHEN j = 1 THEN '<th scope="row"><span>' || cells[i][j] || '</span></th>'
				WHEN columns[j] LIKE '#%' THEN '<td class="n">' || cells[i][j] || '</td>'
				ELSE '<td>' || cells[i][j] || '</td>' END, '' ORDER BY j) || '</tr>' AS row
			FROM generate_series(1, array_length(cells, 1)) i, generate_series(1, cardinality(columns)) j GROUP BY i) r))
	WHERE cardinality(cells) > 0;
END;
COMMENT ON FUNCTION recsys._html_table(text, text[], text[]) IS
'a table of cells that are HTML already, the first of each row its header; columns that begin with # are numbers; NULL where there are no rows';

CREATE FUNCTION recsys._html_legend(names text[], classes text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '<ul class="legend">' || string_agg(pg_catalog.format('<li><svg width="22" height="10" aria-hidden="true" focusable="false"><path class="l %s" d="M1 5H21"/></svg>%s</li>',
		c, recsys._html_escape(recsys._html_short(n, 40))), '' ORDER BY i) || '</ul>'
	FROM unnest(names, classes) WITH ORDINALITY x (n, c, i) WHERE n IS NOT NULL;
END;
COMMENT ON FUNCTION recsys._html_legend(text[], text[]) IS 'what the lines of a chart stand for';

CREATE FUNCTION recsys._svg_step(low float8, high float8, count int4 DEFAULT 4) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT m * pg_catalog.power(10::numeric, pg_catalog.floor(pg_catalog.log(r)))
	FROM (SELECT greatest((high - low) / count, 1e-12)::numeric AS r) x, unnest('{1,2,5,10}'::numeric[]) m
	WHERE m * pg_catalog.power(10::numeric, pg_catalog.floor(pg_catalog.log(r))) >= r ORDER BY m LIMIT 1;
END;
COMMENT ON FUNCTION recsys._svg_step(float8, float8, int4) IS 'the round number at which to divide an axis from low to high into about as many parts';

CREATE FUNCTION recsys._svg_ticks(low float8, high float8, count int4 DEFAULT 4) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT array_agg((i * step)::float8 ORDER BY i) FROM (SELECT recsys._svg_step(low, high, count) AS step) s,
	generate_series(pg_catalog.ceil(low / step::float8 - 1e-9)::int8, pg_catalog.floor(high / step::float8 + 1e-9)::int8) i;
END;
COMMENT ON FUNCTION recsys._svg_ticks(float8, float8, int4) IS 'round numbers between low and high, about as many as asked for';

CREATE FUNCTION recsys._svg_label(value float8, unit text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.replace(CASE WHEN unit = '%' THEN trim_scale(pg_catalog.round(100 * value::numeric, 2)) || ' %'
		WHEN pg_catalog.abs(value) >= 1e6 THEN trim_scale(pg_catalog.round(value::numeric / 1000000, 2)) || 'M'
		WHEN pg_catalog.abs(value) >= 1e4 THEN trim_scale(pg_catalog.round(value::numeric / 1000, 2)) || 'k'
		ELSE trim_scale(pg_catalog.round(value::numeric, 6)) || unit END, '-', '−');
END;
COMMENT ON FUNCTION recsys._svg_label(float8, text) IS 'a number at a tick of an axis';

CREATE FUNCTION recsys._svg_frame(id text, height int4, title text, description text, content text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.format('<svg id="%1$s" viewBox="0 0 480 %2$s" role="img" aria-labelledby="%1$s-t %1$s-d" focusable="false"><title id="%1$s-t">%3$s</title><desc id="%1$s-d">%4$s</desc>%5$s</svg>',
		id, height, recsys._html_escape(title), recsys._html_escape(description), content);
END;
COMMENT ON FUNCTION recsys._svg_frame(text, int4, text, text, text) IS 'the <svg> around a chart, with its accessible name and description';

CREATE FUNCTION recsys._svg_lines(id text, title text, description text, points jsonb, options jsonb DEFAULT '{}') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	x0 float8;
	x1 float8;
	y0 float8;
	y1 float8;
	pad float8;
	step float8;
	unit text := coalesce(options ->> 'unit', '');
	content text;
BEGIN
	SELECT min(p.x), max(p.x), min(least(p.y, p.l)), max(greatest(p.y, p.u)) INTO x0, x1, y0, y1
	FROM jsonb_to_recordset(points) p (s int4, x float8, y float8, l float8, u float8);
	IF x0 IS NULL THEN
		RETURN NULL;
	END IF;
	y0 := least(y0, (options ->> 'from')::float8);
	y1 := greatest(y1, (options ->> 'to')::float8);
	pad := CASE WHEN y1 > y0 THEN 0 ELSE greatest(abs(y1) * 0.1, 1e-6) END;
	y0 := CASE WHEN y0 = (options ->> 'from')::float8 THEN y0 ELSE y0 - pad END;
	y1 := y1 + pad;
	-- the axis begins and ends at a tick, so that no mark is off the scale
	step := recsys._svg_step(y0, y1);
	y0 := floor(y0 / step + 1e-9) * step;
	y1 := ceil(y1 / step - 1e-9) * step;
	IF x0 = x1 THEN
		x0 := x0 - 1;
		x1 := x1 + 1;
	END IF;
	WITH p AS (
		SELECT q.s, q.t, q.c, round((58 + (q.x - x0) / (x1 - x0) * 404)::numeric, 1) AS x, round((212 - (q.y - y0) / (y1 - y0) * 196)::numeric, 1) AS y,
			round((212 - (q.l - y0) / (y1 - y0) * 196)::numeric, 1) AS l, round((212 - (q.u - y0) / (y1 - y0) * 196)::numeric, 1) AS u
		FROM jsonb_to_recordset(points) q (s int4, x float8, y float8, l float8, u float8, t text, c text)
	), series AS (
		SELECT p.s, string_agg(p.x || ' ' || p.y, 'L' ORDER BY p.x, p.y DESC) AS line,
			string_agg(p.x || ' ' || p.u, 'L' ORDER BY p.x) FILTER (WHERE p.l IS NOT NULL) || 'L'
				|| string_agg(p.x || ' ' || p.l, 'L' ORDER BY p.x DESC) FILTER (WHERE p.u IS NOT NULL) AS band,
			count(*) AS n, count(p.l) AS bands
		FROM p GROUP BY p.s
	)
	SELECT concat(
		(SELECT string_agg(format('<path class="grid" d="M58 %1$sH462"/><text class="t e" x="50" y="%2$s">%3$s</text>', y, y + 5, recsys._svg_label(t, unit)), '')
			FROM unnest(recsys._svg_ticks(y0, y1)) t, LATERAL (SELECT round((212 - (t - y0) / (y1 - y0) * 196)::numeric, 1)) v (y)),
		'<path class="axis" d="M58 212H462"/>',
		(SELECT string_agg(format('<text class="t %s" x="%s" y="233">%s</text>',
				-- long ones at the right end would leave the picture
				CASE WHEN v.x > 440 AND length(k.label) > 3 THEN 'e' ELSE 'm' END, CASE WHEN v.x > 440 AND length(k.label) > 3 THEN least(v.x + 16, 480) ELSE v.x END, recsys._html_escape(k.label)), '')
			FROM jsonb_to_recordset(CASE WHEN options ? 'ticks' THEN options -> 'ticks' ELSE
				(SELECT jsonb_agg(jsonb_build_object('x', t, 'label', recsys._svg_label(t, coalesce(options ->> 'x_unit', '')))) FROM unnest(recsys._svg_ticks(x0, x1, 5)) t) END) k (x float8, label text),
			LATERAL (SELECT round((58 + (k.x - x0) / (x1 - x0) * 404)::numeric, 1)) v (x)),
		'<text class="t m" x="260" y="254">' || recsys._html_escape(options ->> 'x_title') || '</text>',
		(SELECT format('<path class="base" d="M58 %sH462"/>', round((212 - (b - y0) / (y1 - y0) * 196)::numeric, 1)) FROM (SELECT (options ->> 'line')::float8) o (b) WHERE b BETWEEN y0 AND y1),
		(SELECT string_agg(format('<path class="band s%s" d="M%sZ"/>', s.s, s.band), '' ORDER BY s.s DESC) FROM series s WHERE s.bands > 1),
		(SELECT string_agg(format('<path class="l s%s" d="M%s"/>', s.s, s.line), '' ORDER BY s.s DESC) FROM series s WHERE s.n > 1),
		(SELECT string_agg(format('<path class="w s%s" d="M%s %sV%s"/>', p.s, p.x, p.l, p.u), '') FROM p WHERE p.l IS NOT NULL AND (SELECT bands FROM series WHERE series.s = p.s) = 1),
		(SELECT string_agg(format('<circle class="d %s" cx="%s" cy="%s" r="%s"><title>%s</title></circle>',
				coalesce(p.c, 's' || p.s), p.x, p.y, CASE WHEN p.c IS NULL THEN 3.5 ELSE 6 END, recsys._html_escape(p.t)), '' ORDER BY p.s DESC, p.x) FROM p WHERE p.t IS NOT NULL))
	INTO content;
	RETURN recsys._svg_frame(id, 260, title, description, content);
END $$;
COMMENT ON FUNCTION recsys._svg_lines(text, text, text, jsonb, jsonb) IS
'a line chart: points [{s: class, x, y, l and u: interval or NULL, t: tooltip or NULL: no dot, c: another class for a larger dot}]; options ticks [{x, label}], from and to (that the y axis must reach), line (a y to mark), unit and x_unit (%: shares), x_title';

CREATE FUNCTION recsys._svg_bars(id text, title text, description text, bars jsonb, options jsonb DEFAULT '{}') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	n int4 := jsonb_array_length(bars);
	high float8 := greatest((options ->> 'to')::float8, (SELECT max(greatest(b.y, b.u, b.z)) FROM jsonb_to_recordset(bars) b (y float8, u float8, z float8)), 1e-9);
	unit text := coalesce(options ->> 'unit', '');
	line float8 := (options ->> 'line')::float8;
	low float8;
	content text;
BEGIN
	IF coalesce(n, 0) = 0 THEN
		RETURN NULL;
	END IF;
	-- room for the label of the line above the rows
	low := CASE WHEN line IS NULL THEN 2 ELSE 24 END;
	WITH b AS (
		SELECT q.*, low + 44 * (i - 1) AS top, round((480 * q.y / high)::numeric, 1) AS w, round((480 * q.z / high)::numeric, 1) AS ghost,
			round((480 * q.l / high)::numeric, 1) AS wl, round((480 * q.u / high)::numeric, 1) AS wu
		FROM (SELECT row_number() OVER () AS i, r.* FROM jsonb_to_recordset(bars) r (s int4, name text, note text, y float8, z float8, l float8, u float8)) q
	)
	SELECT concat(
		CASE WHEN options ? 'axis' THEN (SELECT string_agg(format('<path class="grid" d="M%1$s %4$sV%2$s"/><text class="t %5$s" x="%1$s" y="%3$s">%6$s</text>',
				x, low + 44 * n + 4, low + 44 * n + 22, low, CASE WHEN x < 16 THEN 'b' WHEN x > 462 THEN 'e' ELSE 'm' END, recsys._svg_label(t, unit)), '')
			FROM unnest(recsys._svg_ticks(0, high)) t, LATERAL (SELECT round((480 * t / high)::numeric, 1)) v (x)) END,
		string_agg(concat(
			format('<text class="t name" x="0" y="%1$s">%2$s</text><text class="t e" x="480" y="%1$s">%3$s</text>', top + 16, recsys._html_escape(recsys._html_short(name, 26)), recsys._html_escape(note)),
			CASE WHEN l IS NOT NULL AND u IS NOT NULL THEN
				format('<path class="track" d="M0 %1$sH480"/><path class="w s%2$s" d="M%3$s %1$sH%4$s"/><circle class="d s%2$s" cx="%5$s" cy="%1$s" r="6"/>', top + 30, s, greatest(wl, 0), least(wu, 480), w)
			ELSE format('<rect class="ghost" x="0" y="%1$s" width="%2$s" height="12" rx="3"/><rect class="f s%3$s" x="0" y="%1$s" width="%4$s" height="12" rx="3"/>',
				top + 24, greatest(coalesce(ghost, 480), 0), s, greatest(w, 1.5)) END), '' ORDER BY i),
		CASE WHEN line IS NOT NULL THEN format('<path class="base" d="M%1$s %2$sV%3$s"/><text class="t %4$s" x="%1$s" y="15">%5$s</text>', round((480 * line / high)::numeric, 1), low - 2, low + 44 * n,
			CASE WHEN line / high > 0.75 THEN 'e' WHEN line / high < 0.25 THEN 'b' ELSE 'm' END, recsys._html_escape(options ->> 'line_name')) END)
	INTO content FROM b;
	RETURN recsys._svg_frame(id, (low + 44 * n + CASE WHEN options ? 'axis' THEN 28 ELSE 6 END)::int4, title, description, content);
END $$;
COMMENT ON FUNCTION recsys._svg_bars(text, text, text, jsonb, jsonb) IS
'rows with a bar, or with a dot and an interval where l and u are given: [{s: class, name, note, y, z: length of the pale bar behind it, l, u}]; options to (that the axis must reach), axis (true: ticks), line and line_name (a value to mark), unit';

CREATE FUNCTION recsys._svg_spans(id text, title text, description text, spans jsonb, marks jsonb, options jsonb DEFAULT '{}') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	x0 float8;
	x1 float8;
	n int4;
	content text;
BEGIN
	SELECT min(s.x), max(greatest(s.x, s.until)), count(DISTINCT s.name) INTO x0, x1, n
	FROM jsonb_to_recordset(spans || coalesce(marks, '[]')) s (name text, x float8, until float8);
	IF x0 IS NULL THEN
		RETURN NULL;
	END IF;
	x1 := CASE WHEN x1 > x0 THEN x1 ELSE x0 + 1 END;
	WITH s AS (
		SELECT q.*, 44 * (dense_rank() OVER (ORDER BY q.row, q.name COLLATE "C") - 1) + 2 AS top,
			round((480 * (q.x - x0) / (x1 - x0))::numeric, 1) AS a, round((480 * (q.until - x0) / (x1 - x0))::numeric, 1) AS b
		FROM jsonb_to_recordset(spans || coalesce(marks, '[]')) q (row int4, s int4, name text, x float8, until float8, t text)
	)
	SELECT concat(
		(SELECT string_agg(format('<text class="t name" x="0" y="%s">%s</text><path class="track" d="M0 %s H480"/>', l.top + 16, recsys._html_escape(recsys._html_short(l.name, 40)), l.top + 30), '' ORDER BY l.top)
			FROM (SELECT DISTINCT s.top, s.name FROM s) l),
		(SELECT string_agg(format('<rect class="f s%s" x="%s" y="%s" width="%s" height="12" rx="2"><title>%s</title></rect>', s.s, s.a, s.top + 24, greatest(s.b - s.a - 1.5, 1.5), recsys._html_escape(s.t)), '' ORDER BY s.x)
			FROM s WHERE s.until IS NOT NULL),
		-- a cross on a ground of its own, which is seen upon a span too
		(SELECT string_agg(format('<path class="cross" d="M%1$s %2$sl10 10m0 -10l-10 10"><title>%3$s</title></path>', least(greatest(s.a, 6), 474) - 5, s.top + 25, recsys._html_escape(s.t)), '' ORDER BY s.x)
			FROM s WHERE s.until IS NULL),
		format('<text class="t b" x="0" y="%1$s">%2$s</text><text class="t e" x="480" y="%1$s">%3$s</text>', 44 * n + 20, recsys._html_escape(options ->> 'since'), recsys._html_escape(options ->> 'until')))
	INTO content;
	RETURN recsys._svg_frame(id, 44 * n + 28, title, description, content);
END $$;
COMMENT ON FUNCTION recsys._svg_spans(text, text, text, jsonb, jsonb, jsonb) IS
'a row for each name with the spans of time in which it held, and crosses: spans [{row: order, s: class, name, x, until, t: tooltip}], marks the same without until; options since and until (labels of the two ends)';
