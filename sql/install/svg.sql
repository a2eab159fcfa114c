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
	SELECT CASE WHEN pg_catalog.length($1) > $2 THEN pg_catalog."left"($1, $2 - 1) || '…' ELSE $1 END;
END;
COMMENT ON FUNCTION recsys._html_short(text, int4) IS 'a text of at most so many characters; not escaped';

CREATE FUNCTION recsys._html_number(value float8, digits int4 DEFAULT 0, unit text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- <data value> has all digits; NULL, NaN and infinity are shown as a dash
	SELECT CASE WHEN value > '-Infinity' AND value < 'Infinity' THEN
		pg_catalog.format('<data value="%s">%s%s</data>', value, CASE WHEN pg_catalog.abs(value) >= 1e15 THEN value::text ELSE pg_catalog.to_char(value, 'FM999,999,999,999,990' || CASE WHEN digits > 0 THEN '.' || pg_catalog.repeat('0', digits) ELSE '' END) END, unit)
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
			SELECT i, '<tr>' || string_agg(CASE WHEN j = 1 THEN '<th scope="row">' || cells[i][j] || '</th>'
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

CREATE FUNCTION recsys._svg_ticks(low float8, high float8, count int4 DEFAULT 4) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT array_agg((i * step)::float8 ORDER BY i) FROM (
		SELECT m * pg_catalog.power(10::numeric, pg_catalog.floor(pg_catalog.log(r))) AS step
		FROM (SELECT greatest((high - low) / count, 1e-12)::numeric AS r) x, unnest('{1,2,5,10}'::numeric[]) m
		WHERE m * pg_catalog.power(10::numeric, pg_catalog.floor(pg_catalog.log(r))) >= r ORDER BY m LIMIT 1) s,
	generate_series(pg_catalog.ceil(low / step::float8 - 1e-9)::int8, pg_catalog.floor(high / step::float8 + 1e-9)::int8) i;
END;
COMMENT ON FUNCTION recsys._svg_ticks(float8, float8, int4) IS 'round numbers between low and high, about as many as asked for';

CREATE FUNCTION recsys._svg_label(value float8, unit text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN unit = '%' THEN trim_scale(pg_catalog.round(100 * value::numeric, 2)) || ' %'
		WHEN pg_catalog.abs(value) >= 1e6 THEN trim_scale(pg_catalog.round(value::numeric / 1000000, 2)) || 'M'
		WHEN pg_catalog.abs(value) >= 1e4 THEN trim_scale(pg_catalog.round(value::numeric / 1000, 2)) || 'k'
		ELSE trim_scale(pg_catalog.round(value::numeric, 6)) || unit END;
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
	pad := CASE WHEN y1 > y0 THEN (y1 - y0) * 0.06 ELSE greatest(abs(y1) * 0.1, 1e-6) END;
	y0 := CASE WHEN y0 = (options ->> 'from')::float8 THEN y0 ELSE y0 - pad END;
	y1 := y1 + pad;
	IF x0 = x1 THEN
		x0 := x0 - 1;
		x1 := x1 + 1;
	END IF;
	WITH p AS (
		SELECT q.s, q.t, round((70 + (q.x - x0) / (x1 - x0) * 392)::numeric, 1) AS x, round((212 - (q.y - y0) / (y1 - y0) * 196)::numeric, 1) AS y,
			round((212 - (q.l - y0) / (y1 - y0) * 196)::numeric, 1) AS l, round((212 - (q.u - y0) / (y1 - y0) * 196)::numeric, 1) AS u
		FROM jsonb_to_recordset(points) q (s int4, x float8, y float8, l float8, u float8, t text)
	), series AS (
		SELECT p.s, string_agg(p.x || ' ' || p.y, 'L' ORDER BY p.x, p.y DESC) AS line,
			string_agg(p.x || ' ' || p.u, 'L' ORDER BY p.x) || 'L' || string_agg(p.x || ' ' || p.l, 'L' ORDER BY p.x DESC) AS band,
			count(*) AS n, count(p.l) AS bands
		FROM p GROUP BY p.s
	)
	SELECT concat(
		(SELECT string_agg(format('<path class="grid" d="M70 %1$sH462"/><text class="t e" x="62" y="%2$s">%3$s</text>', y, y + 5, recsys._svg_label(t, unit)), '')
			FROM unnest(recsys._svg_ticks(y0, y1)) t, LATERAL (SELECT round((212 - (t - y0) / (y1 - y0) * 196)::numeric, 1)) v (y)),
		'<path class="axis" d="M70 212H462"/>',
		(SELECT string_agg(format('<text class="t %s" x="%s" y="233">%s</text>',
				CASE WHEN v.x > 430 THEN 'e' WHEN v.x < 80 THEN 'b' ELSE 'm' END, CASE WHEN v.x > 430 THEN v.x + 12 WHEN v.x < 80 THEN v.x - 4 ELSE v.x END, recsys._html_escape(k.label)), '')
			FROM jsonb_to_recordset(CASE WHEN options ? 'ticks' THEN options -> 'ticks' ELSE
				(SELECT jsonb_agg(jsonb_build_object('x', t, 'label', recsys._svg_label(t, coalesce(options ->> 'x_unit', '')))) FROM unnest(recsys._svg_ticks(x0, x1, 5)) t) END) k (x float8, label text),
			LATERAL (SELECT round((70 + (k.x - x0) / (x1 - x0) * 392)::numeric, 1)) v (x)),
		'<text class="t m" x="266" y="254">' || recsys._html_escape(options ->> 'x_title') || '</text>',
		(SELECT format('<path class="base" d="M70 %sH462"/>', round((212 - (b - y0) / (y1 - y0) * 196)::numeric, 1)) FROM (SELECT (options ->> 'line')::float8) o (b) WHERE b BETWEEN y0 AND y1),
		(SELECT string_agg(format('<path class="band s%s" d="M%sZ"/>', s.s, s.band), '' ORDER BY s.s DESC) FROM series s WHERE s.bands = s.n AND s.n > 1),
		(SELECT string_agg(format('<path class="l s%s" d="M%s"/>', s.s, s.line), '' ORDER BY s.s DESC) FROM series s WHERE s.n > 1),
		(SELECT string_agg(format('<path class="w s%s" d="M%s %sV%s"/>', p.s, p.x, p.l, p.u), '') FROM p WHERE p.l IS NOT NULL AND (SELECT n FROM series WHERE series.s = p.s) = 1),
		(SELECT string_agg(format('<circle class="d s%s" cx="%s" cy="%s" r="3.5"><title>%s</title></circle>', p.s, p.x, p.y, recsys._html_escape(p.t)), '' ORDER BY p.s DESC, p.x) FROM p WHERE p.t IS NOT NULL))
	INTO content;
	RETURN recsys._svg_frame(id, 260, title, description, content);
END $$;
COMMENT ON FUNCTION recsys._svg_lines(text, text, text, jsonb, jsonb) IS
'a line chart: points [{s: class, x, y, l and u: interval or NULL, t: tooltip or NULL: no dot}]; options ticks [{x, label}], from and to (that the y axis must reach), line (a y to mark), unit and x_unit (%: shares), x_title';

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
		SELECT q.*, low + 44 * (i - 1) AS top, round((450 * q.y / high)::numeric, 1) AS w, round((450 * q.z / high)::numeric, 1) AS ghost,
			round((450 * q.l / high)::numeric, 1) AS wl, round((450 * q.u / high)::numeric, 1) AS wu
		FROM (SELECT row_number() OVER () AS i, r.* FROM jsonb_to_recordset(bars) r (s int4, name text, note text, y float8, z float8, l float8, u float8)) q
	)
	SELECT concat(
		CASE WHEN options ? 'axis' THEN (SELECT string_agg(format('<path class="grid" d="M%1$s %4$sV%2$s"/><text class="t %5$s" x="%1$s" y="%3$s">%6$s</text>',
				x, low + 44 * n + 4, low + 44 * n + 22, low, CASE WHEN x < 20 THEN 'b' WHEN x > 450 THEN 'e' ELSE 'm' END, recsys._svg_label(t, unit)), '')
			FROM unnest(recsys._svg_ticks(0, high)) t, LATERAL (SELECT round((10 + 450 * t / high)::numeric, 1)) v (x)) END,
		string_agg(concat(
			format('<text class="t name" x="10" y="%1$s">%2$s</text><text class="t e" x="460" y="%1$s">%3$s</text>', top + 16, recsys._html_escape(recsys._html_short(name, 26)), recsys._html_escape(note)),
			CASE WHEN l IS NOT NULL AND u IS NOT NULL THEN
				format('<path class="track" d="M10 %1$sH460"/><path class="w s%2$s" d="M%3$s %1$sH%4$s"/><circle class="d s%2$s" cx="%5$s" cy="%1$s" r="6"/>', top + 30, s, 10 + wl, 10 + wu, 10 + w)
			ELSE format('<rect class="ghost" x="10" y="%1$s" width="%2$s" height="12" rx="3"/><rect class="f s%3$s" x="10" y="%1$s" width="%4$s" height="12" rx="3"/>',
				top + 24, greatest(coalesce(ghost, 450), 0), s, greatest(w, 1.5)) END), '' ORDER BY i),
		CASE WHEN line IS NOT NULL THEN format('<path class="base" d="M%1$s %2$sV%3$s"/><text class="t %4$s" x="%1$s" y="15">%5$s</text>', round((10 + 450 * line / high)::numeric, 1), low - 2, low + 44 * n,
			CASE WHEN line / high > 0.75 THEN 'e' WHEN line / high < 0.25 THEN 'b' ELSE 'm' END, recsys._html_escape(options ->> 'line_name')) END)
	INTO content FROM b;
	RETURN recsys._svg_frame(id, (low + 44 * n + CASE WHEN options ? 'axis' THEN 28 ELSE 6 END)::int4, title, description, content);
END $$;
COMMENT ON FUNCTION recsys._svg_bars(text, text, text, jsonb, jsonb) IS
'rows with a bar, or with a dot and an interval where l and u are given: [{s: class, name, note, y, z: length of the pale bar behind it, l, u}]; options to (that the axis must reach), axis (true: ticks), line and line_name (a value to mark), unit';
