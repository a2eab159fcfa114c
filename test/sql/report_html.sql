-- report_html: a page on a recommender
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- --- what pages are made of ---

SELECT recsys._html_escape(E'<a href="x">''&amp;''</a>\x01\x1b\x7f\t\n') AS escaped, recsys._html_escape(NULL) AS nothing;
SELECT recsys._html_short('abcdef', 4), recsys._html_short('abcd', 4);
SELECT v, recsys._html_number(v, 2, ' s') FROM unnest('{0,-1234567.895,0.125,1e300,NaN,Infinity,-Infinity,NULL}'::float8[]) v;
SELECT low, high, recsys._svg_ticks(low, high) FROM (VALUES (0::float8, 1::float8), (0, 0.17), (-0.05, 0.11), (13250, 14110), (0, 3e9), (5, 5), (0, 0), (-1, -0.2)) v (low, high);
SELECT recsys._svg_label(0.05), recsys._svg_label(0.123, '%'), recsys._svg_label(-25000), recsys._svg_label(3.5e6), recsys._svg_label(12, ' ms'), recsys._svg_label(-0.5), recsys._html_number(-0.25, 2), recsys._html_number(1e-9, 4), recsys._html_short('abcdef', 6), recsys._html_short('abcdefg', 6), recsys._html_short('WWWWWW', 6), recsys._html_short('', 6);
SELECT recsys._html_time('2024-05-06 07:08:09.5+02'), recsys._html_time(NULL);
SELECT recsys._html_table('a "b"', '{x,#y}', '{{1,2},{3,4}}'), recsys._html_table('none', '{x}', NULL) IS NULL AS none;
SELECT recsys._svg_lines('i', '<t>', '"d"', '[{"s": 1, "x": 0, "y": 0, "t": "<0>"}, {"s": 1, "x": 1, "y": 2}]', '{"from": 0, "x_title": "&"}');
SELECT recsys._svg_bars('i', 't', 'd', '[{"s": 0, "name": "a<b", "note": ">", "y": 1, "z": 2}, {"s": 1, "name": "c", "y": 1, "l": 0.5, "u": 1.5}]', '{"axis": true, "line": 1, "line_name": "<l>"}');
-- an interval that only some points have, a dot of another class, an axis around flat and negative values
SELECT recsys._svg_lines('i', 't', 'd', '[{"s": 1, "x": 0, "y": 0}, {"s": 1, "x": 1, "y": 2, "l": 1, "u": 3}, {"s": 1, "x": 2, "y": 2, "l": 1.5, "u": 2.5, "t": "c", "c": "alarm"}]');
SELECT array_agg(x.t) AS ticks FROM xmltable('//text[@x="50"]' PASSING xmlparse(DOCUMENT recsys._svg_lines('i', 't', 'd', '[{"s": 1, "x": 0, "y": -5}, {"s": 1, "x": 1, "y": -5}]')) COLUMNS t text PATH '.') x;
SELECT recsys._svg_spans('i', '<t>', 'd', '[{"row": 1, "s": 1, "name": "<a>", "x": 0, "until": 10, "t": "<m>"}, {"row": 2, "s": 2, "name": "b", "x": 10, "until": 40, "t": "n"}]', '[{"row": 1, "name": "<a>", "x": 5, "t": "<h>"}]', '{"since": "<then>", "until": "now"}');
SELECT recsys._svg_lines('i', 't', 'd', '[]') IS NULL AS lines, recsys._svg_spans('i', 't', 'd', NULL, NULL) IS NULL AS spans, recsys._svg_bars('i', 't', 'd', '[]') IS NULL AS bars, recsys._svg_bars('i', 't', 'd', NULL) IS NULL AS null_bars;

-- --- a shop where every text is out for blood ---

CREATE ROLE regress_recsys_owner;
CREATE ROLE regress_recsys_reader;
CREATE ROLE regress_recsys_stranger;
SELECT current_database() AS db \gset
GRANT CREATE ON DATABASE :"db" TO regress_recsys_owner;
SET ROLE regress_recsys_owner;
CREATE SCHEMA report_source;
CREATE TABLE report_source.event (who text, what text, kind text, at timestamptz);
CREATE INDEX ON report_source.event (who, at);
CREATE INDEX ON report_source.event (what, at);
CREATE TABLE report_source.thing (item text PRIMARY KEY, title text, category text);
INSERT INTO report_source.thing SELECT '</li><script>alert(' || i || ')</script>', '<img src=x onerror=alert(' || i || ')>', '"><svg onload=alert(' || i % 3 || ')>' FROM generate_series(1, 29) i;
INSERT INTO report_source.event
SELECT '<b onclick=''x''>' || u, '</li><script>alert(' || 1 + (u % 3 * 10 + (u * 7 + n * n * 3) % 14) % 30 || ')</script>', '<i>buy</i>', '2024-01-01Z'::timestamptz + u * interval '1 hour' + n * interval '7 days'
FROM generate_series(1, 60) u, generate_series(1, 8) n;
INSERT INTO report_source.event VALUES (NULL, '</li><script>alert(1)</script>', '<i>buy</i>', '2024-01-01Z'), ('one', '</li><script>alert(1)</script>', '</small><u>stray</u>', '2024-01-01Z');
SELECT recsys.create_recommender('a<b>&"c', 'report_source.event', 'who', 'what', 'at', event_column => 'kind',
	positives => '{"<i>buy</i>": {"weight": 1, "owned": true}}', catalog => 'report_source.thing', catalog_columns => '{"item": "item"}', settings => '{"rules": {"bots": false}}');

-- the pages are XML; without a model most sections have nothing to show yet
CREATE FUNCTION report_source.page(recommender name, people int DEFAULT 2) RETURNS xml LANGUAGE sql AS
$$ SELECT xmlparse(DOCUMENT recsys.report_html(recommender, people)) $$;
SELECT unnest(xpath('//section/@id', p))::text AS section, regexp_replace(unnest(xpath('//section/p[@class="note"][last()]/text()', p))::text, '\s+', ' ') AS note
FROM report_source.page('a<b>&"c') p;

SELECT recsys.create_policy('a<b>&"c', '<script>alert(9)</script>', 'item_item', '{"neighbors": 5}');
SELECT recsys.alter_policy('a<b>&"c', 'default', '{"factors": 4, "sweeps": 3, "ranker": "none"}');
CALL recsys.retrain('a<b>&"c', cutoff => '2024-02-10Z');
SELECT recsys.evaluate('a<b>&"c', '{default,<script>alert(9)</script>}', '2024-02-20Z') > 0 AS evaluated;
SELECT count(*) FROM (SELECT ("a<b>&""c".serve('<b onclick=''x''>' || u, k => 3, placement => '<em>')).* FROM generate_series(1, 20) u) s;
SELECT recsys.create_experiment('a<b>&"c', '<x>', '[{"variant": "<c>", "policy": "popularity", "weight": 1, "control": true}, {"variant": "<d>", "policy": "default", "weight": 1}]') > 0 AS created;
INSERT INTO recsys.experiment_result SELECT e.experiment_id, '2024-03-01Z'::timestamptz + d * interval '1 day', v.variant, 'conversion', e.recommender, 'primary', 100 * d,
	0.1, CASE WHEN NOT v.control THEN 0.01 * d END, CASE WHEN NOT v.control THEN 0.1 * d END, CASE WHEN NOT v.control THEN -0.1 / d END, CASE WHEN NOT v.control THEN 0.2 / d END, CASE WHEN NOT v.control THEN 0.5 END, 0.9
FROM recsys.experiment e JOIN recsys.variant v USING (experiment_id), generate_series(1, 3) d WHERE e.recommender = 'a<b>&"c';
-- what went live, and what did not
INSERT INTO recsys.promotion (recommender, kind, to_policy, to_version, to_model_id, forced, reason, promoted_at)
SELECT recommender, 'promote', '<script>alert(9)</script>', 1, 123456789, true, '<q>sold out</q>', now() + interval '1 hour' FROM recsys.recommender WHERE recommender = 'a<b>&"c';
INSERT INTO recsys.training_run (recommender, state, stage, pid, backend_start, started_at, finished_at, model_id, message)
SELECT recommender, 'held_back', 'publish', 1, now(), now(), now() + interval '2 hours', live_model_id, '<q>too bad</q>' FROM recsys.recommender WHERE recommender = 'a<b>&"c';

CREATE TABLE report_source.p AS SELECT report_source.page('a<b>&"c') AS page;
DELETE FROM recsys.training_run WHERE recommender = 'a<b>&"c' AND state = 'held_back';
-- nothing of a text is markup: these elements and attributes, and no others
SELECT DISTINCT unnest(regexp_matches(page::text, '<([a-z0-9]+)', 'g')) AS element FROM report_source.p ORDER BY 1;
SELECT DISTINCT unnest(xpath('//@*[name() != "d" and name() != "class"]', page))::text ~ 'javascript|://' AS address FROM report_source.p;
SELECT count(*) AS handlers FROM report_source.p, unnest(xpath('//@*[starts-with(name(), "on") or name() = "src" or name() = "style"]', page));
SELECT count(*) AS links, bool_and(l::text LIKE '#%') AS inside FROM report_source.p, unnest(xpath('//@href', page)) l;
SELECT (xpath('//h1/text()', page))[1]::text AS h1, (xpath('/html/head/title/text()', page))[1]::text AS title FROM report_source.p;
SELECT page::text LIKE '%&lt;img src=x onerror=alert(%' AS title, page::text LIKE '%&lt;svg onload=alert(%' AS category, page::text LIKE '%&lt;script&gt;alert(9)&lt;/script&gt;%' AS policy,
	page::text LIKE '%&lt;u&gt;stray&lt;/u&gt;%' AS note, page::text LIKE '%&lt;em&gt;%' AS placement, page::text LIKE '%&lt;d&gt;%' AS arm FROM report_source.p;

-- structure
SELECT unnest(xpath('//h2/text()', page))::text AS heading FROM report_source.p;
SELECT count(*) = count(DISTINCT i::text) AS ids_are_unique FROM report_source.p, unnest(xpath('//@id', page)) i;
SELECT count(*) AS named_by_nobody FROM report_source.p, unnest(xpath('//@aria-labelledby', page)) l, regexp_split_to_table(l::text, ' ') id
WHERE NOT EXISTS (SELECT FROM unnest(xpath('//@id', page)) i WHERE i::text = id);
SELECT (xpath('count(//svg[not(@aria-hidden)])', page))[1]::text::int > 10 AS charts,
	(xpath('count(//svg[not(@aria-hidden)][not(@role="img") or string-length(title)=0 or string-length(desc)=0])', page))[1] AS nameless,
	(xpath('count(//table[not(caption) or thead/tr/th[not(@scope="col")] or tbody/tr/th[not(@scope="row")] or tbody/tr[count(th)!=1]])', page))[1] AS bare_tables,
	(xpath('count(//main)', page))[1] AS mains, (xpath('count(//h1)', page))[1] AS h1s FROM report_source.p;

-- the numbers are the tables', to the last digit
SELECT count(*) AS policies, bool_and((l.policy, l.verdict, l.ndcg_at_10, l.ndcg_lower, l.ndcg_upper, l.precision_at_10, l.recall_at_20, l.hit_rate_at_10, l.coverage_at_10, l.novelty_at_10)
	= (x.policy, x.verdict, x.ndcg, x.lower, x.upper, x.precision, x.recall, x.hits, x.coverage, x.novelty)) AS equal
FROM recsys.leaderboard l LEFT JOIN (SELECT x.* FROM report_source.p, xmltable('//table[caption="Leaderboard"]/tbody/tr' PASSING page COLUMNS policy text PATH 'th', verdict text PATH 'td[1]',
	ndcg float8 PATH 'td[2]/data/@value', lower float8 PATH 'td[3]/data[1]/@value', upper float8 PATH 'td[3]/data[2]/@value', precision float8 PATH 'td[4]/data/@value',
	recall float8 PATH 'td[5]/data/@value', hits float8 PATH 'td[6]/data/@value', coverage float8 PATH 'td[7]/data/@value', novelty float8 PATH 'td[8]/data/@value') x) x USING (policy)
WHERE l.recommender = 'a<b>&"c';
SELECT (xpath('string(//dl/div[1]/dd/data/@value)', page))[1]::text::float8 = l.ndcg_at_10 AS ndcg,
	(xpath('string(//dl/div[2]/dd/data/@value)', page))[1]::text::float8 = l.ndcg_at_10 / b.ndcg_at_10 - 1 AS lift,
	(xpath('string(//dl/div[3]/dd/data/@value)', page))[1]::text = m.users::text AS users, (xpath('string(//dl/div[4]/dd/data/@value)', page))[1]::text = m.items::text AS items,
	(xpath('string(//dl/div[5]/dd/data/@value)', page))[1]::text = m.interactions::text AS interactions
FROM report_source.p, recsys.recommender r JOIN recsys.model m ON m.model_id = r.live_model_id
JOIN recsys.leaderboard l ON (l.recommender, l.policy) = (r.recommender, r.live_policy::text) JOIN recsys.leaderboard b ON (b.recommender, b.policy) = (r.recommender, 'popularity');
SELECT count(*) AS rules, bool_and((q.rows_in, q.rows_dropped, q.share * 100, q.users_touched, q.items_touched, coalesce(q.note, '')) = (x.rows_in, x.dropped, x.share, x.users, x.items, coalesce(x.note, ''))) AS equal
FROM recsys.quality_report('a<b>&"c') q LEFT JOIN (SELECT x.* FROM report_source.p, xmltable('//section[@id="quality"]//tbody/tr' PASSING page COLUMNS rule text PATH 'th', rows_in int8 PATH 'td[2]/data/@value',
	dropped int8 PATH 'td[3]/data/@value', share float8 PATH 'td[4]/data/@value', users int8 PATH 'td[5]/data/@value', items int8 PATH 'td[6]/data/@value', note text PATH 'td[7]') x) x USING (rule)
WHERE q.enabled;
SELECT count(*) AS metrics, bool_and((e.value, e.lower, e.upper) = (x.value, x.lower, x.upper)) AS equal
FROM recsys.evaluation_latest e LEFT JOIN (SELECT x.* FROM report_source.p, xmltable('//section[@id="lengths"]//tbody/tr' PASSING page COLUMNS policy text PATH 'th', metric text PATH 'td[1]', k int PATH 'td[2]/data/@value',
	value float8 PATH 'td[3]/data/@value', lower float8 PATH 'td[4]/data/@value', upper float8 PATH 'td[5]/data/@value') x) x USING (policy, metric, k)
WHERE e.recommender = 'a<b>&"c' AND e.protocol = 'new' AND e.population = 'warm' AND e.metric IN ('ndcg', 'recall', 'precision', 'hit_rate');
SELECT count(*) AS points, count(DISTINCT x.run) AS runs, bool_and(x.ndcg = e.value AND x.cutoff = to_char(e.cutoff AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) AS equal
FROM report_source.p, xmltable('//section[@id="learning"]//tbody/tr' PASSING page COLUMNS run text PATH 'th', policy text PATH 'td[1]', cutoff text PATH 'td[2]', ndcg float8 PATH 'td[3]/data/@value') x
LEFT JOIN recsys.evaluation e ON ('#' || e.run_id, e.policy, e.metric, e.k, e.protocol, e.population) = (x.run, x.policy, 'ndcg', 10, 'new', 'warm');
SELECT x.placement, x.policy, x.lists, x.median = (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY milliseconds) FROM "a<b>&""c".request) AS median, x.most = (SELECT max(milliseconds) FROM "a<b>&""c".request) AS most
FROM report_source.p, xmltable('//section[@id="latency"]//tbody/tr' PASSING page COLUMNS placement text PATH 'th', policy text PATH 'td[1]', lists int8 PATH 'td[2]/data/@value', median float8 PATH 'td[4]/data/@value', most float8 PATH 'td[7]/data/@value') x;
SELECT x.* FROM report_source.p, xmltable('//section[@id="experiments"]//tbody/tr' PASSING page COLUMNS metric text PATH 'th', role text PATH 'td[1]', arm text PATH 'td[2]', units int8 PATH 'td[3]/data/@value',
	mean float8 PATH 'td[4]/data/@value', difference float8 PATH 'td[5]/data/@value', lower float8 PATH 'td[6]/data[1]/@value', upper float8 PATH 'td[6]/data[2]/@value', lift float8 PATH 'td[7]/data/@value', p float8 PATH 'td[8]/data/@value') x;
SELECT x.policy, x.version, x.how, x.why FROM report_source.p, xmltable('//section[@id="history"]//tbody/tr' PASSING page COLUMNS n FOR ORDINALITY, policy text PATH 'td[1]', version int PATH 'td[2]/data/@value', model int8 PATH 'td[3]/data/@value', how text PATH 'td[4]', why text PATH 'td[5]') x ORDER BY x.n;
SELECT count(*) AS promotions, bool_and((p.to_policy::text, p.to_version, p.to_model_id, p.reason, p.by_role::text) = (x.policy, x.version, x.model, x.why, x.by)) AS equal
FROM recsys.promotion p LEFT JOIN (SELECT x.* FROM report_source.p, xmltable('//section[@id="history"]//tbody/tr' PASSING page COLUMNS policy text PATH 'td[1]', version int PATH 'td[2]/data/@value', model int8 PATH 'td[3]/data/@value', why text PATH 'td[5]', by text PATH 'td[6]') x) x ON x.model = p.to_model_id AND x.by <> '–'
WHERE p.recommender = 'a<b>&"c';
-- data that ended long ago: drift up to there
SELECT count(*) AS rows, count(*) FILTER (WHERE d.alarm) > 0 AS some_alarm, bool_and((d.value, d.threshold, d.alarm, d.note) IS NOT DISTINCT FROM (x.value, x.threshold, x.alarm = 'alarm', x.note)) AS equal,
	count(*) FILTER (WHERE d.alarm) = (SELECT (xpath('count(//section[@id="drift"]/ul/li)', page))[1]::text::int FROM report_source.p) AS alarms
FROM recsys.recommender r JOIN recsys.model m ON m.model_id = r.live_model_id, recsys.drift_report('a<b>&"c', m.data_until + interval '1 second') d
LEFT JOIN (SELECT x.* FROM report_source.p, xmltable('//section[@id="drift"]//tbody/tr' PASSING page COLUMNS metric text PATH 'th', since text PATH 'td[1]/time/@datetime', value float8 PATH 'td[2]/data/@value', threshold float8 PATH 'td[4]/data/@value', alarm text PATH 'td[5]', note text PATH 'td[6]') x) x
	ON x.metric = replace(d.metric, '_', ' ') AND x.since = to_char(d.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
WHERE r.recommender = 'a<b>&"c' AND d.value IS NOT NULL;
-- a dot for each report, policy and sweep
SELECT x.id, x.dots, x.lines FROM report_source.p, xmltable('//svg[@id]' PASSING page COLUMNS id text PATH '@id', dots int PATH 'count(circle)', lines int PATH 'count(path[contains(@class, "l s")])') x
WHERE x.id NOT LIKE 'chart-experiment%' ORDER BY x.id;
SELECT x.dots, x.lines, x.bands FROM report_source.p, xmltable('//svg[starts-with(@id, "chart-experiment")]' PASSING page COLUMNS dots int PATH 'count(circle)', lines int PATH 'count(path[contains(@class, "l s")])', bands int PATH 'count(path[contains(@class, "band")])') x;
-- people: those chosen, their items, the list that recommend gives
SELECT x.* FROM report_source.p, xmltable('//section[@id="people"]//h3' PASSING page COLUMNS person text PATH '.') x;
SELECT bool_and(x.title IN (SELECT c.title FROM report_source.event e JOIN report_source.thing c ON c.item = e.what WHERE 'User ' || e.who = x.person) OR x.title IN (SELECT e.what FROM report_source.event e)) AS theirs, count(*) AS items
FROM report_source.p, xmltable('//section[@id="people"]//div[h4="Lately"]/ol/li' PASSING page COLUMNS person text PATH '../../../../h3', title text PATH 'b') x;
SELECT array_agg(x.title ORDER BY x.n) = (SELECT array_agg(coalesce(c.title, r.item_id) ORDER BY r.rank) FROM "a<b>&""c".recommend(NULL, 6) r LEFT JOIN "a<b>&""c".catalog c USING (item_id)) AS list
FROM report_source.p, xmltable('//section[@id="people"]/div[h3="Somebody unknown"]/ol/li' PASSING page COLUMNS n FOR ORDINALITY, title text PATH 'b') x;
SELECT (xpath('count(//section[@id="people"])', p))[1] AS sections, (xpath('count(//nav//a[@href="#people"])', p))[1] AS links, p::text LIKE '%<b onclick%' OR p::text LIKE '%&lt;b onclick%' AS anybody FROM report_source.page('a<b>&"c', 0) p;
SELECT recsys.report_html('a<b>&"c', -1);
SELECT recsys.report_html('a<b>&"c', NULL);
SELECT recsys.report_html('nonesuch');
SELECT recsys.report_html(NULL);

-- --- whose rights ---

-- the views of a recommender run as its owner even where a superuser asks
ALTER TABLE report_source.thing RENAME TO real_thing;
CREATE VIEW report_source.thing AS SELECT item, current_user::text AS title, category FROM report_source.real_thing;
SELECT recsys.alter_recommender('a<b>&"c', catalog => 'report_source.thing');
RESET ROLE;
SELECT DISTINCT x.title FROM report_source.page('a<b>&"c') p, xmltable('//section[@id="people"]//b' PASSING p COLUMNS title text PATH '.') x WHERE x.title NOT LIKE '%script%';

-- a reader of the tables has all but what only the owner may run
GRANT USAGE ON SCHEMA "a<b>&""c", report_source TO regress_recsys_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA "a<b>&""c" TO regress_recsys_reader;
SET ROLE regress_recsys_reader;
SELECT x.id, x.note FROM report_source.page('a<b>&"c') p, xmltable('//section' PASSING p COLUMNS id text PATH '@id', note text PATH 'p[@class="note"][2]') x;
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA report_source TO regress_recsys_reader;
SET ROLE regress_recsys_reader;
SELECT x.id, x.note FROM report_source.page('a<b>&"c') p, xmltable('//section' PASSING p COLUMNS id text PATH '@id', note text PATH 'p[@class="note"][2]') x WHERE x.note IS NOT NULL;
SELECT DISTINCT x.title FROM report_source.page('a<b>&"c') p, xmltable('//section[@id="people"]//b' PASSING p COLUMNS title text PATH '.') x WHERE x.title NOT LIKE '%script%';
-- the latest rows
SELECT count(*) > 0 AS rows, count(DISTINCT run_id) AS runs, min(run_id) = (SELECT max(run_id) FROM recsys.evaluation WHERE recommender = 'a<b>&"c') AS latest FROM recsys.evaluation_latest WHERE recommender = 'a<b>&"c';
SELECT state, stage, seconds > 0 AS timed, run_id = (SELECT max(run_id) FROM recsys.training_run WHERE recommender = 'a<b>&"c') AS latest FROM recsys.training_run_latest WHERE recommender = 'a<b>&"c';
SELECT experiment, state, variant, metric, units, computed_at = '2024-03-04Z' AS latest FROM recsys.experiment_result_latest WHERE recommender = 'a<b>&"c' ORDER BY variant;
RESET ROLE;
SET ROLE regress_recsys_stranger;
SELECT recsys.report_html('a<b>&"c');
SELECT (SELECT count(*) FROM recsys.evaluation_latest) + (SELECT count(*) FROM recsys.training_run_latest) + (SELECT count(*) FROM recsys.experiment_result_latest) AS rows;
RESET ROLE;

SELECT recsys.drop_recommender('a<b>&"c');
DROP SCHEMA report_source CASCADE;
REVOKE CREATE ON DATABASE :"db" FROM regress_recsys_owner;
DROP ROLE regress_recsys_owner, regress_recsys_reader, regress_recsys_stranger;
