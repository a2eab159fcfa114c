-- Anybody's CSV of user, item[, value][, time], on standard input.
-- :columns is its delimiter and the number of its columns, :title its name.
--
-- The first line is a header if it names a user and an item column, or if a
-- column that holds numbers or times in every other line does not in it.
-- Columns are known by name, else by place: user, item, value, time; a third
-- and last column is the time if it looks like one.  Times are anything that
-- PostgreSQL reads, or seconds or milliseconds since 1970.

SELECT split_part(:'columns', ' ', 1) AS delimiter, split_part(:'columns', ' ', 2)::int AS n \gset
SELECT :n >= 2 AS enough \gset
\if :enough
\else
DO $$ BEGIN RAISE EXCEPTION 'the file needs at least two columns, user and item'; END $$;
\endif
CREATE TABLE raw (line int8 GENERATED ALWAYS AS IDENTITY);
SELECT format('ALTER TABLE raw %s', string_agg(format('ADD c%s text', c), ', '))
FROM generate_series(1, :n) c \gexec
SELECT string_agg('c' || c, ', ') AS list,
	CASE :'delimiter' WHEN 'tab' THEN 'E''\t''' WHEN 'semicolon' THEN ''';''' ELSE ''',''' END AS delimiter
FROM generate_series(1, :n) c \gset
\set copy '\\copy raw (' :list ') from pstdin (format csv, delimiter ' :delimiter ')'
:copy

-- one row per column: its name in the first line, and what its values are
CREATE FUNCTION pg_temp.look() RETURNS TABLE (place int, name text, numbers bool, times bool, epochs bool, milliseconds bool, odd bool)
LANGUAGE plpgsql AS $$
DECLARE
	number constant text := '^\s*[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?\s*$';
	stamp constant text := '^\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}';
BEGIN
	FOR place IN SELECT a.attnum - 1 FROM pg_attribute a WHERE a.attrelid = 'raw'::regclass AND a.attnum > 1 ORDER BY 1 LOOP
		EXECUTE format($q$
			SELECT lower(trim(max(c%1$s) FILTER (WHERE line = 1))),
				coalesce(bool_and(c%1$s ~ %2$L) FILTER (WHERE line > 1 AND c%1$s <> ''), false),
				coalesce(bool_and(c%1$s ~ %3$L) FILTER (WHERE line > 1 AND c%1$s <> ''), false),
				coalesce(bool_and(CASE WHEN c%1$s ~ %2$L THEN c%1$s::float8 BETWEEN 1e8 AND 1e13 ELSE false END) FILTER (WHERE line > 1 AND c%1$s <> ''), false),
				coalesce(bool_and(CASE WHEN c%1$s ~ %2$L THEN c%1$s::float8 > 1e11 ELSE false END) FILTER (WHERE line > 1 AND c%1$s <> ''), false),
				coalesce(bool_or(c%1$s !~ %2$L AND c%1$s !~ %3$L) FILTER (WHERE line = 1), false)
			FROM raw WHERE line <= 10000$q$, place, number, stamp)
		INTO name, numbers, times, epochs, milliseconds, odd;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE TABLE raw_column AS
SELECT l.*, CASE
	WHEN name ~ '^(user|customer|client|visitor|member|reader|person|account)(_?id|_?no|_?key)?$|^u(ser)?_?id$' THEN 'user'
	WHEN name ~ '^(item|product|article|movie|film|book|track|song|sku|stock_?code|isbn|asin)(_?id|_?no|_?key)?$' THEN 'item'
	WHEN name ~ '^(value|rating|score|stars|quantity|qty|amount|count|plays|weight)$' THEN 'value'
	WHEN name ~ '^(time|timestamp|date|datetime|when|ts|at)$|(_at|_time|_date|_?timestamp)$' THEN 'time'
	END AS known
FROM pg_temp.look() l;

SELECT count(DISTINCT known) FILTER (WHERE known IN ('user', 'item')) = 2 AS by_name,
	count(DISTINCT known) FILTER (WHERE known IN ('user', 'item')) = 2
		OR bool_or((numbers OR times) AND odd) AS header
FROM raw_column \gset
SELECT CASE WHEN :'by_name' THEN (SELECT 'c' || min(place) FROM raw_column WHERE known = 'user') ELSE 'c1' END AS user_column,
	CASE WHEN :'by_name' THEN (SELECT 'c' || min(place) FROM raw_column WHERE known = 'item') ELSE 'c2' END AS item_column,
	coalesce(CASE WHEN :'by_name' THEN (SELECT 'c' || min(place) FROM raw_column WHERE known = 'value' AND numbers)
		ELSE (SELECT 'c3' FROM raw_column WHERE place = 3 AND numbers AND NOT (epochs AND :n = 3)) END, '') AS value_column,
	coalesce(CASE WHEN :'by_name' THEN (SELECT 'c' || min(place) FROM raw_column WHERE known = 'time')
		ELSE (SELECT 'c' || place FROM raw_column
			WHERE place = 4 OR place = 3 AND (times OR epochs AND :n = 3) ORDER BY place DESC LIMIT 1) END, '') AS time_column \gset
SELECT :'value_column' <> '' AS has_value, :'time_column' <> '' AS has_time,
	CASE WHEN :'value_column' = '' THEN '1::float8' ELSE format('nullif(trim(%s), '''')::float8', :'value_column') END AS value_expression,
	coalesce((SELECT CASE WHEN epochs THEN format('to_timestamp(nullif(trim(%s), '''')::float8%s)', :'time_column', CASE WHEN milliseconds THEN ' / 1000' ELSE '' END)
			ELSE format('nullif(trim(%s), '''')::timestamptz', :'time_column') END
		FROM raw_column WHERE 'c' || place = :'time_column'), 'NULL::timestamptz') AS time_expression \gset

CREATE TABLE event AS
SELECT nullif(trim(:user_column), '') AS user_id, nullif(trim(:item_column), '') AS item_id,
	:value_expression AS value, :time_expression AS happened_at
FROM raw WHERE line > CASE WHEN :'header' THEN 1 ELSE 0 END;
CREATE INDEX ON event (user_id, happened_at);
CREATE INDEX ON event (item_id, happened_at);
DROP TABLE raw;
VACUUM ANALYZE event;

SELECT format($q$SELECT recsys.create_recommender('mine', source => 'event', user_column => 'user_id', item_column => 'item_id'%s%s)$q$,
	CASE WHEN :'has_time' THEN ', time_column => ''happened_at''' ELSE '' END,
	CASE WHEN :'has_value' THEN ', value_column => ''value''' ELSE '' END) AS create_call \gset
:create_call \g /dev/null

CREATE FUNCTION pg_temp.called(text, header bool) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT CASE WHEN header THEN format('"%s"', name) ELSE 'column ' || place END
		FROM raw_column WHERE 'c' || place = $1), 'none')
$$;
CREATE TABLE demo_about AS
SELECT format('%s: %s rows; %s; user = %s, item = %s, value = %s, time = %s', :'title',
		to_char((SELECT count(*) FROM event), 'FM999,999,999,999'),
		CASE WHEN :'header' THEN 'a header' ELSE 'no header' END,
		pg_temp.called(:'user_column', :'header'), pg_temp.called(:'item_column', :'header'),
		pg_temp.called(:'value_column', :'header'), pg_temp.called(:'time_column', :'header'))
	|| CASE WHEN :'has_time' THEN '' ELSE E'\nNo times, so the split is random.' END AS what,
	CASE WHEN :'has_time' THEN '' ELSE ', random_split => true' END::text AS retrain,
	'chose'::text AS does;
