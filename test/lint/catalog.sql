-- What the catalog must say about the extension's objects and about those of a
-- recommender.  Prints "rule NAME" for each rule and "found NAME: OBJECT" for
-- each object that breaks it.

\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION recsys;

CREATE SCHEMA lint_source;
-- types of ids that no other column has
CREATE DOMAIN lint_source.u AS int8;
CREATE DOMAIN lint_source.i AS text;
CREATE TABLE lint_source.event (who lint_source.u, what lint_source.i, at timestamptz, much float8);
CREATE INDEX ON lint_source.event (who, at);
CREATE INDEX ON lint_source.event (what, at);
CREATE TABLE lint_source.thing (what lint_source.i PRIMARY KEY, title text, category text, available boolean);
SELECT recsys.create_recommender('lint_shop', source => 'lint_source.event',
	user_column => 'who', item_column => 'what', time_column => 'at',
	value_column => 'much', catalog => 'lint_source.thing') \g /dev/null

-- everything the extension or the recommender owns
CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid FROM pg_depend d
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE e.extname = 'recsys' AND d.deptype = 'e'
	UNION ALL
	SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relnamespace = 'lint_shop'::regnamespace
	UNION ALL
	SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = 'lint_shop'::regnamespace
	UNION ALL
	SELECT 'pg_namespace'::regclass, 'lint_shop'::regnamespace;
CREATE TEMP VIEW f AS
	SELECT p.*, p.oid::regprocedure::text AS name, l.lanname,
		p.pronamespace = 'lint_shop'::regnamespace AS in_shop,
		EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%') AS has_path
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid;
CREATE TEMP VIEW r AS
	SELECT c.*, c.oid::regclass::text AS name
	FROM pg_class c
	JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition;
CREATE TEMP VIEW col AS
	SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, r.name, r.relkind,
		r.name || '.' || a.attname AS column_name
	FROM r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped;
CREATE TEMP TABLE rule (n int GENERATED ALWAYS AS IDENTITY, rule text PRIMARY KEY, query text);

INSERT INTO rule (rule, query) VALUES
('functions have a search_path, an SQL-standard body or are C',
 $$SELECT name FROM f WHERE lanname NOT IN ('c', 'internal') AND prosqlbody IS NULL AND NOT has_path
	AND NOT (prokind = 'p' AND name ~ '^recsys\.(_retrain|retrain|retrain_due|tune|demo_visits)\(') AND NOT (in_shop AND proname = 'serve')$$),
('functions in SQL have an SQL-standard body',
 $$SELECT name FROM f WHERE lanname = 'sql' AND prosqlbody IS NULL AND NOT has_path$$),
('no procedure that commits has a SET clause',
 $$SELECT name FROM f WHERE prokind = 'p' AND proconfig IS NOT NULL AND prosrc ~* '\m(COMMIT|ROLLBACK)\M'$$),
('functions of a recommender can be inlined: SQL, not STRICT, no SET clause, not VOLATILE; but for serve and log_exposure',
 $$SELECT name FROM f WHERE in_shop AND (proisstrict OR proconfig IS NOT NULL OR CASE proname WHEN 'serve'
	THEN provolatile <> 'v' OR lanname <> 'plpgsql' ELSE prosqlbody IS NULL OR provolatile <> CASE proname WHEN 'log_exposure' THEN 'v' ELSE 's' END END)$$),
('no SECURITY DEFINER', $$SELECT name FROM f WHERE prosecdef$$),
('no volatile function is PARALLEL SAFE',
 $$SELECT name FROM f WHERE provolatile = 'v' AND proparallel = 's' AND prokind <> 'a'$$),
('immutable functions and aggregates are PARALLEL SAFE',
 $$SELECT name FROM f WHERE (provolatile = 'i' OR prokind = 'a') AND proparallel <> 's'$$),
('set-returning functions are no aggregates'' transition, and estimate their rows',
 $$SELECT name FROM f WHERE proretset AND prorows <= 0$$),
('no overloaded functions',
 $$SELECT n::text || '.' || p FROM (SELECT pronamespace::regnamespace AS n, proname AS p FROM f GROUP BY 1, 2 HAVING count(*) > 1) x$$),
('no IN parameter bears the name of an OUT parameter',
 $$SELECT name FROM f, LATERAL (SELECT 1 FROM unnest(proargnames, proargmodes) a (n, m)
	GROUP BY a.n HAVING count(DISTINCT a.m) > 1 AND a.n <> '') d$$),
('every function has a comment',
 $$SELECT name FROM f WHERE obj_description(oid, 'pg_proc') IS NULL$$),
('every schema has a comment',
 $$SELECT n.nspname FROM pg_namespace n JOIN member m ON m.classid = 'pg_namespace'::regclass AND m.objid = n.oid
	WHERE obj_description(n.oid, 'pg_namespace') IS NULL$$),
('every table and view has a comment',
 $$SELECT name FROM r WHERE obj_description(oid, 'pg_class') IS NULL$$),
('every column has a comment',
 $$SELECT column_name FROM col WHERE col_description(attrelid, attnum) IS NULL$$),
('every type and domain has a comment',
 $$SELECT t.oid::regtype::text FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
	WHERE (t.typrelid = 0 AND t.typcategory <> 'A' OR (SELECT relkind FROM pg_class WHERE oid = t.typrelid) = 'c')
	AND obj_description(t.oid, 'pg_type') IS NULL$$),
('every operator and cast has a comment',
 $$SELECT o.oid::regoperator::text FROM pg_operator o JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
	WHERE obj_description(o.oid, 'pg_operator') IS NULL$$),
('views are security_invoker',
 $$SELECT name FROM r WHERE relkind = 'v' AND NOT coalesce(reloptions && '{security_invoker=true,security_invoker=on}', false)$$),
('no materialized view, which BI tools do not see',
 $$SELECT name FROM r WHERE relkind = 'm'$$),
('tables have a primary key',
 $$SELECT name FROM r WHERE relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = r.oid AND i.indisprimary)$$),
('registry tables have row-level security',
 $$SELECT name FROM r WHERE relkind = 'r' AND relnamespace = 'recsys'::regnamespace AND NOT relrowsecurity$$),
('registry tables are dumped',
 $$SELECT name FROM r WHERE relkind = 'r' AND relnamespace = 'recsys'::regnamespace
	AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'recsys' AND r.oid = ANY (extconfig))$$),
('sequences of registry tables are dumped',
 $$SELECT c.oid::regclass::text FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
		AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
	JOIN r ON r.oid = d.refobjid
	WHERE c.relkind = 'S' AND c.relnamespace = 'recsys'::regnamespace
	AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'recsys' AND c.oid = ANY (extconfig))$$),
('tables of a recommender have no foreign keys, triggers and sequences',
 $$SELECT r.name FROM r WHERE relnamespace = 'lint_shop'::regnamespace AND (relhastriggers
	OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attidentity <> ''))$$),
('columns have the types that BI tools take',
 $$SELECT column_name || ' ' || format_type(atttypid, atttypmod) FROM col
	WHERE atttypid NOT IN ('text'::regtype, 'int4'::regtype, 'int8'::regtype, 'float8'::regtype, 'bool'::regtype, 'timestamptz'::regtype,
		'name'::regtype, 'uuid'::regtype, 'jsonb'::regtype, 'regclass'::regtype, 'regtype'::regtype,
		'float4[]'::regtype, 'text[]'::regtype, 'timestamptz[]'::regtype,
		'lint_source.u'::regtype, 'lint_source.i'::regtype, 'lint_source.i[]'::regtype)
	AND NOT (attname = 'bias' AND atttypid = 'float4'::regtype)$$),
('public tables, views and functions can be used by PUBLIC',
 $$SELECT name FROM r WHERE relnamespace = 'recsys'::regnamespace AND NOT has_table_privilege('pg_monitor', oid, 'SELECT')
	UNION ALL
	SELECT name FROM f WHERE NOT in_shop AND NOT has_function_privilege('pg_monitor', oid, 'EXECUTE')$$);

DO $$
DECLARE
	x record;
	found text;
BEGIN
	CREATE TEMP TABLE answer (n int, line text);
	FOR x IN SELECT * FROM rule ORDER BY n LOOP
		INSERT INTO answer VALUES (x.n, 'rule ' || x.rule);
		FOR found IN EXECUTE x.query LOOP
			INSERT INTO answer VALUES (x.n, format('found %s: %s', x.rule, found));
		END LOOP;
	END LOOP;
END $$;
SELECT line FROM answer ORDER BY n, line LIKE 'found%', line;

SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'plpgsql_check') AS has_check \gset
\if :has_check
CREATE EXTENSION plpgsql_check;
SELECT 'rule plpgsql_check finds nothing';
SELECT format('found plpgsql_check finds nothing: %s, line %s: %s %s', f.name, c.lineno, c.level, c.message)
FROM f, LATERAL plpgsql_check_function_tb(f.oid, fatal_errors => false, security_warnings => true,
	other_warnings => true, extra_warnings => false, performance_warnings => false) c
WHERE f.lanname = 'plpgsql' AND f.prorettype <> 'trigger'::regtype
-- the rows that a caller hands over have no columns that it could know
AND f.oid <> ALL (SELECT p.oid FROM pg_proc p WHERE 'record'::regtype = ANY (p.proargtypes))
-- these make SQL from pieces that are quoted already
AND NOT (c.level = 'security' AND f.proname IN ('_build_catalog', '_build_tables', '_build_views', '_build_log', '_make_partitions',
	'_drop_partitions', '_wrap_log', '_wrap_experiment', '_wrap_explain', '_wrap_questions', '_report_rows', '_drop_jobs', 'schedule', 'forget_user',
	'_drift_data', '_drift_clicks',
	'refresh_functions', 'drop_recommender', 'demo_shop'))
-- pg_cron's schema need not be there
AND NOT (c.message ~ '^(schema "cron"|relation "cron\.job") does not exist')
ORDER BY f.name, c.lineno;
\else
SELECT 'skip plpgsql_check finds nothing';
\endif

-- What the README must name, as "public NAME" lines, and doc/tables.md, as
-- "doc LINE" lines; U and I stand for the recommender's own id types.
SELECT DISTINCT 'public ' || CASE WHEN f.in_shop THEN 'SHOP.' ELSE 'recsys.' END || f.proname
FROM f WHERE f.proname NOT LIKE '\_%'
UNION ALL
SELECT 'public ' || CASE WHEN r.relnamespace = 'lint_shop'::regnamespace THEN 'SHOP.' ELSE 'recsys.' END || r.relname
FROM r ORDER BY 1;
SELECT 'doc ' || x.line FROM (
	SELECT 0 AS part, '' AS name, 0 AS n, '# Tables and views' AS line
	UNION ALL SELECT 0, '', 1, ''
	UNION ALL SELECT 0, '', 2, 'Made by `make lint` from the comments in the database; `recsys` holds what has no ids, `SHOP` stands for the schema of a recommender, U and I for its types of user and item ids. Columns marked ? can be NULL.'
	UNION ALL
	SELECT part, relname, g.n, g.line FROM (
		SELECT r.*, CASE WHEN r.relnamespace = 'lint_shop'::regnamespace THEN 2 ELSE 1 END AS part,
			(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n)
			 FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (attnum, n), pg_attribute a
			 WHERE i.indrelid = r.oid AND i.indisprimary AND a.attrelid = r.oid AND a.attnum = k.attnum) AS key
		FROM r) r,
	LATERAL (
		SELECT -3 AS n, '' AS line
		UNION ALL SELECT -2, format('## %s.%s%s', CASE r.part WHEN 2 THEN 'SHOP' ELSE 'recsys' END, r.relname,
			coalesce(' (' || r.key || ')', CASE WHEN r.relkind = 'v' THEN ' (view)' END, ''))
		UNION ALL SELECT -1, ''
		UNION ALL SELECT 0, replace(coalesce(obj_description(r.oid, 'pg_class'), ''), 'lint_source.event', 'the source')
		UNION ALL SELECT 0, ''
		UNION ALL SELECT 1, '| column | type | holds |'
		UNION ALL SELECT 2, '| --- | --- | --- |'
		UNION ALL
		SELECT 2 + a.attnum, format('| %s | %s%s | %s |', a.attname,
			CASE a.atttypid WHEN 'lint_source.u'::regtype THEN 'U' WHEN 'lint_source.i'::regtype THEN 'I'
				WHEN 'lint_source.i[]'::regtype THEN 'I[]' ELSE format_type(a.atttypid, a.atttypmod) END,
			CASE WHEN a.attnotnull OR r.relkind = 'v' THEN '' ELSE ' ?' END,
			col_description(r.oid, a.attnum))
		FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
	) g
) x ORDER BY x.part, x.name, x.n, x.line DESC;
