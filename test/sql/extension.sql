-- extension: what CREATE and DROP EXTENSION do, and what the catalog says
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- a schema of that name is left to whom it belongs
DROP EXTENSION recsys;
SELECT to_regnamespace('recsys') IS NULL AS gone;
CREATE SCHEMA recsys;
CREATE EXTENSION recsys;
DROP SCHEMA recsys;
-- nor does the extension belong to a schema that may be dropped
CREATE EXTENSION recsys SCHEMA public;
SET search_path = '';
CREATE EXTENSION recsys;
CREATE EXTENSION recsys;
RESET search_path;
SELECT extrelocatable, extnamespace::regnamespace, nspname, nspowner::regrole::text = current_user AS owned
FROM pg_extension, pg_namespace WHERE extname = 'recsys' AND nspname = 'recsys';
ALTER EXTENSION recsys SET SCHEMA public;

-- all members live in the schema recsys
SELECT pg_describe_object(classid, objid, 0)
FROM pg_depend LEFT JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid
	LEFT JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'recsys')
AND coalesce(relnamespace, pronamespace) <> 'recsys'::regnamespace;

-- members without a comment: none
SELECT pg_describe_object(classid, objid, 0)
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'recsys')
AND obj_description(objid, classid::regclass::name) IS NULL
AND NOT EXISTS (SELECT FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid
	AND (t.typrelid <> 0 OR t.typcategory = 'A'))
AND NOT EXISTS (SELECT FROM pg_class c WHERE classid = 'pg_class'::regclass AND c.oid = objid AND c.relkind = 'S')
ORDER BY 1;
SELECT attrelid::regclass, attname
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'recsys'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0
AND col_description(attrelid, attnum) IS NULL
ORDER BY 1, 2;

-- what one calls; an underscore begins what one does not
SELECT proname AS name,
	CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
	CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
	CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
	proisstrict AS strict
FROM pg_proc WHERE pronamespace = 'recsys'::regnamespace AND proname !~ '^_'
ORDER BY proname COLLATE "C";
SELECT relname FROM pg_class WHERE relnamespace = 'recsys'::regnamespace AND relkind IN ('r', 'v')
ORDER BY relname COLLATE "C";

-- while a recommender exists, the extension stays: the recommender's functions use ours
CREATE SCHEMA extension_test;
CREATE TABLE extension_test.event (who int, what int);
SELECT recsys.create_recommender('extension_shop', 'extension_test.event', 'who', 'what');
\set VERBOSITY terse
DROP EXTENSION recsys;
\set VERBOSITY default
SELECT recommender FROM recsys.recommender;
SELECT recsys.drop_recommender('extension_shop');
DROP SCHEMA extension_test CASCADE;

-- then it goes whole, and comes again
DROP EXTENSION recsys;
SELECT count(*) FROM pg_proc WHERE probin LIKE '%recsys%';
CREATE EXTENSION recsys;
