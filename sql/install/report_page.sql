/* ---------------------------------------------------------------------------
 * The report's page: its style, its sections, and how they read.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._report_style() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT $css$
:root{color-scheme:light dark;--bg:#f4f6f9;--card:#fff;--ink:#18202b;--soft:#556070;--rule:#dde3ea;--track:#eef1f5;--focus:#2456c4;
--s0:#64707f;--s1:#2456c4;--s2:#b8440a;--s3:#15753a;--s4:#7e3bbd;--s5:#0d6c80;--s6:#b01e63;--good:#15753a;--goodbg:#e3f4e8;--bad:#a51d2d;--badbg:#fbe7e9;--flat:#4a5563;--flatbg:#e9edf2}
@media screen and (prefers-color-scheme:dark){:root{--bg:#0e131a;--card:#161d27;--ink:#e7ecf3;--soft:#a4b0bf;--rule:#2b3542;--track:#212a36;--focus:#8ab4ff;
--s0:#a4b0bf;--s1:#7fabff;--s2:#ff9f68;--s3:#62d18d;--s4:#c9a1ff;--s5:#5fcbe0;--s6:#ff8cba;--good:#7fe0a4;--goodbg:#143323;--bad:#ff9aa5;--badbg:#3d1a20;--flat:#c3ccd8;--flatbg:#27313e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
h1{font-size:2.1rem;line-height:1.15;letter-spacing:-.02em;margin:0 0 6px}
h2{font-size:1.3rem;line-height:1.25;letter-spacing:-.01em;margin:0 0 4px}
h3{font-size:1rem;margin:0 0 8px}
h4{font-size:.88rem;font-weight:500;color:var(--soft);margin:0}
p{margin:0 0 14px}
a{color:var(--focus)}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
.over{color:var(--soft);font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;margin:0 0 8px}
.lede,.note{color:var(--soft);max-width:70ch}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:18px 0 0;padding:14px 0 0;border-top:1px solid var(--rule);font-size:.92rem}
nav a{display:inline-block;padding:4px 0;text-decoration:none}
nav a:hover{text-decoration:underline}
section{background:var(--card);border:1px solid var(--rule);border-radius:14px;padding:24px;margin:24px 0}
.cards{display:grid;grid-template-columns:repeat(6,1fr);gap:12px;margin:24px 0 0;padding:0}
.cards div{background:var(--card);border:1px solid var(--rule);border-radius:14px;padding:14px 16px}
.cards dt{color:var(--soft);font-size:.82rem}
.cards dd{margin:2px 0 0;font-size:1.45rem;font-weight:650;line-height:1.2;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.cards .word{font-size:1.1rem;line-height:1.58}
.cards small{display:block;line-height:1.4;margin-top:2px;font-size:.8rem;font-weight:400;letter-spacing:0;color:var(--soft)}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,max(300px,calc(50% - 16px))),1fr));gap:24px 32px;align-items:start}
.grid2>*{min-width:0}
figure{margin:0 0 14px}
figcaption{font-weight:600;margin:0 0 6px}
figcaption span{display:block;color:var(--soft);font-weight:400;font-size:.88rem}
svg{display:block;width:100%;height:auto;max-width:560px;overflow:visible}
svg text{fill:var(--soft);font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
svg .name{fill:var(--ink);font-weight:600}
.m{text-anchor:middle}.e{text-anchor:end}.b{text-anchor:start}
.grid{stroke:var(--rule);stroke-width:1;fill:none}
.axis{stroke:var(--soft);stroke-width:1;fill:none}
.base{stroke:var(--s0);stroke-width:1.5;stroke-dasharray:3 4;fill:none}
.l{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}
.w{fill:none;stroke-width:3;stroke-linecap:round;opacity:.6}
.band{stroke:none;opacity:.14}
.d{stroke:var(--card);stroke-width:1.5}
.d.alarm{fill:var(--bad)}
.cross{fill:none;stroke:var(--bad);stroke-width:3;stroke-linecap:round}
.ghost,.track{fill:var(--track);stroke:none}
.track{stroke:var(--track);stroke-width:3}
.l.s0,.w.s0{stroke:var(--s0)}.l.s1,.w.s1{stroke:var(--s1)}.l.s2,.w.s2{stroke:var(--s2)}.l.s3,.w.s3{stroke:var(--s3)}.l.s4,.w.s4{stroke:var(--s4)}.l.s5,.w.s5{stroke:var(--s5)}.l.s6,.w.s6{stroke:var(--s6)}
.d.s0,.f.s0,.band.s0{fill:var(--s0)}.d.s1,.f.s1,.band.s1{fill:var(--s1)}.d.s2,.f.s2,.band.s2{fill:var(--s2)}.d.s3,.f.s3,.band.s3{fill:var(--s3)}.d.s4,.f.s4,.band.s4{fill:var(--s4)}.d.s5,.f.s5,.band.s5{fill:var(--s5)}.d.s6,.f.s6,.band.s6{fill:var(--s6)}
.l.s0{stroke-dasharray:2 5}.l.s2{stroke-dasharray:9 4}.l.s3{stroke-dasharray:9 4 2 4}.l.s4{stroke-dasharray:5 3}.l.s5{stroke-dasharray:14 4}.l.s6{stroke-dasharray:2 3}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;list-style:none;margin:0 0 14px;padding:0;font-size:.9rem}
.legend li{display:flex;align-items:center;gap:7px}
.legend svg{width:22px;flex:none}
.scroll{overflow-x:auto;margin:8px 0 0;border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:0 0 6px;font-size:.88rem}
th,td{text-align:left;vertical-align:top;padding:7px 10px 7px 0;border-top:1px solid var(--rule);overflow-wrap:normal}
thead th{border-top:0;color:var(--soft);font-weight:500;white-space:nowrap}
tbody th{font-weight:600}
td:last-child,th:last-child{padding-right:0}
tbody th{position:sticky;left:0;background:var(--card)}
tbody th span{display:block;width:max-content;max-width:28ch;overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap}
.n+th:not(.n),.n+td:not(.n){padding-left:14px}
.x{overflow-wrap:anywhere;min-width:22ch;display:inline-block}
td .pill{white-space:normal}
td:has(.pill){min-width:18ch;max-width:26ch}
td time,th time{white-space:nowrap}
details{margin-top:6px}
summary{cursor:pointer;color:var(--focus);font-size:.9rem;padding:4px 0}
.pill{display:inline-block;white-space:nowrap;max-width:100%;overflow:hidden;text-overflow:ellipsis;vertical-align:bottom;border-radius:12px;padding:1px 10px;font-size:.85rem;background:var(--flatbg);color:var(--flat)}
.pill.good{background:var(--goodbg);color:var(--good)}.pill.bad{background:var(--badbg);color:var(--bad)}
.person{border-top:1px solid var(--rule);padding-top:18px;margin-top:18px}
.items{list-style:none;margin:0 0 14px;padding:0}
.items li{padding:7px 0;border-top:1px solid var(--rule)}
.items li:first-child{border-top:0}
.items b{font-weight:600}
.items small{display:block;color:var(--soft);font-size:.85rem}
footer{color:var(--soft);font-size:.88rem;padding-bottom:40px}
@media (max-width:960px){svg{max-width:480px}svg text{font-size:17px}.cards{grid-template-columns:repeat(3,1fr)}}
@media (max-width:600px){tbody th span{max-width:34vw}th time{white-space:normal}header,main,footer{padding-left:12px;padding-right:12px}header{padding-top:24px}section{padding:18px 14px}h1{font-size:1.65rem}.cards{grid-template-columns:1fr 1fr;gap:8px}.cards div{padding:10px 12px}.cards dd{font-size:1.25rem}}
@media (pointer:coarse){nav a,summary{padding:10px 0}}
@media print{body{background:#fff;font-size:12px;print-color-adjust:exact;-webkit-print-color-adjust:exact}nav,details:not([open]){display:none}header,main,footer{max-width:none;padding:0}header{padding-top:0}section{border:0;border-top:1px solid var(--rule);border-radius:0;padding:16px 0;margin:0}.scroll{overflow:visible}h2,h3,caption,figcaption{break-after:avoid}figure,tr,li,.cards{break-inside:avoid}}
$css$;
END;
COMMENT ON FUNCTION recsys._report_style() IS 'the style sheet of report_html, light and dark';

CREATE FUNCTION recsys._report_rows(recommender name, query text) RETURNS SETOF jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- who has the owner's privileges runs the recommender's views as the owner, others as themselves
	IF recsys._may_write(recommender) THEN
		RETURN QUERY SELECT q.r FROM recsys._query_as_owner(recommender, format('SELECT to_jsonb(whole_row) FROM (%s) whole_row', query)) q (r jsonb);
	ELSE
		RETURN QUERY EXECUTE format('SELECT to_jsonb(whole_row) FROM (%s) whole_row', query);
	END IF;
END $$;
COMMENT ON FUNCTION recsys._report_rows(name, text) IS
'rows of a query over a recommender''s schema, as the owner for those with the owner''s privileges, else with the caller''s own';

CREATE FUNCTION recsys._report_policies(recommender name) RETURNS TABLE (policy text, series int4)
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- the same colour for a policy everywhere: the baseline 0, the live one 1, then by place
	SELECT p.policy, CASE WHEN p.policy = 'popularity' THEN 0 ELSE
		(row_number() OVER (PARTITION BY p.policy = 'popularity' ORDER BY p.live DESC, p.place, p.policy COLLATE "C"))::int4 END
	FROM (SELECT l.policy, l.place, l.policy = r.live_policy::text AS live
		FROM recsys.leaderboard l JOIN recsys.recommender r ON r.recommender = l.recommender
		WHERE l.recommender = $1) p
	ORDER BY 2 LIMIT 7;
END;
COMMENT ON FUNCTION recsys._report_policies(name) IS 'the policies that charts show, each with its colour: popularity 0, the live one 1, then by place, six at most';

CREATE FUNCTION recsys._report_legend(recommender name) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT recsys._html_legend(array_agg(p.policy ORDER BY p.series = 0, p.series), array_agg('s' || p.series ORDER BY p.series = 0, p.series))
		|| coalesce((SELECT pg_catalog.format('<p class="note">%s of the %s policies: the live one, popularity and the best others.</p>', (SELECT count(*) FROM recsys._report_policies($1)), count(*))
			FROM recsys.leaderboard l WHERE l.recommender = $1 HAVING count(*) > (SELECT count(*) FROM recsys._report_policies($1))), '')
	FROM recsys._report_policies($1) p;
END;
COMMENT ON FUNCTION recsys._report_legend(name) IS 'legend of the policies that charts show, and how many these are of all';

CREATE FUNCTION recsys._report_figure(caption text, told text, chart text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce('<figure><figcaption>' || recsys._html_escape(caption) || coalesce('<span>' || recsys._html_escape(told) || '</span>', '') || '</figcaption>' || chart || '</figure>', '');
END;
COMMENT ON FUNCTION recsys._report_figure(text, text, text) IS 'a chart with its caption; nothing where there is no chart';

CREATE FUNCTION recsys._report_details(summary text, body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce('<details><summary>' || recsys._html_escape(summary) || '</summary>' || body || '</details>', '');
END;
COMMENT ON FUNCTION recsys._report_details(text, text) IS 'what is shown on demand; nothing where the body is NULL';

CREATE FUNCTION recsys._report_pill(state text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce('<span class="pill' || CASE WHEN state LIKE 'beats popularity%' OR state IN ('succeeded', 'ship', 'ready') THEN ' good'
		WHEN state LIKE 'worse%' OR state LIKE 'invalid%' OR state IN ('failed', 'lost', 'cancelled', 'held_back', 'do not ship') THEN ' bad' ELSE '' END
		|| '">' || recsys._html_escape(pg_catalog.replace(state, '_', ' ')) || '</span>', '');
END;
COMMENT ON FUNCTION recsys._report_pill(text) IS 'a state or a verdict, coloured';
