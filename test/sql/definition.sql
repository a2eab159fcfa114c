-- definition: create_recommender, alter_recommender, drop_recommender, policies
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE ROLE recsys_def_owner SUPERUSER;
CREATE ROLE recsys_def_user;
SET ROLE recsys_def_owner;
CREATE SCHEMA def;
CREATE TABLE def.event (user_id int8, item_id int4, at timestamptz, qty int, kind text);
CREATE INDEX ON def.event (user_id, at);
CREATE INDEX ON def.event (item_id, at);
INSERT INTO def.event VALUES (1, 10, '2024-01-01Z', 1, 'buy'), (2, 20, '2024-01-02Z', 2, 'view');
CREATE TABLE def.item (item_id int4 PRIMARY KEY, title text, price numeric, available boolean, colour text);
INSERT INTO def.item VALUES (10, 'ten', 1.5, true, 'red'), (20, 'twenty', NULL, NULL, 'blue'), (30, NULL, 3, false, NULL);

--
-- a recommender is a schema of that name
--
SELECT recsys.create_recommender('def_shop', source => 'def.event', user_column => 'user_id', item_column => 'item_id',
	time_column => 'at', value_column => 'qty', event_column => 'kind', catalog => 'def.item',
	positives => '{"buy": {"weight": 1}, "view": {"weight": 0.1}}');
SELECT relname, CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind, reloptions,
	obj_description(oid, 'pg_class') IS NOT NULL AS described
FROM pg_class WHERE relnamespace = 'def_shop'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
ORDER BY relkind = 'v', relname COLLATE "C";
-- every column has a comment, but for the catalog's own
SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'def_shop'::regnamespace AND relkind IN ('r', 'p', 'v') AND attnum > 0
AND col_description(attrelid, attnum) IS NULL;
SELECT oid::regprocedure AS function, provolatile = 's' AS stable, obj_description(oid, 'pg_proc') IS NOT NULL AS described
FROM pg_proc WHERE pronamespace = 'def_shop'::regnamespace ORDER BY proname COLLATE "C";
SELECT recommender, source, source_name, catalog, user_type, item_type, feedback, repeatable, live_policy, live_model_id
FROM recsys.recommender;
SELECT key, value FROM recsys.recommender, jsonb_each(settings) ORDER BY key COLLATE "C";
SELECT policy, version, method, settings FROM recsys.policy ORDER BY policy COLLATE "C";
-- the catalog view: known columns first, then the catalog's own; a NULL in available is no
SELECT * FROM def_shop.catalog ORDER BY item_id;

--
-- what the relation may be, and the ids
--
CREATE FUNCTION pg_temp.shape(shop text) RETURNS TABLE (users regtype, items regtype, rows int8, "user" text, item text, "table" text)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT user_type, item_type, (SELECT count(*) FROM %1$I.interaction),
		(SELECT min(user_id::text COLLATE "C") FROM %1$I.interaction), (SELECT min(item_id::text COLLATE "C") FROM %1$I.interaction),
		(SELECT string_agg(format_type(atttypid, atttypmod), '', '' ORDER BY attnum) FROM pg_attribute
			WHERE attrelid = %2$L::regclass AND attnum > 0 AND attname LIKE ''%%_id'')
		FROM recsys.recommender WHERE recommender = %1$L', shop, format('%I.item_neighbor', shop));
	PERFORM recsys.drop_recommender(shop);
END $$;

CREATE TABLE def.part (who uuid, what text, at timestamp) PARTITION BY RANGE (at);
CREATE TABLE def.part_2023 PARTITION OF def.part FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE def.part_2024 PARTITION OF def.part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX ON def.part (who, at);
CREATE INDEX ON def.part (what, at);
INSERT INTO def.part VALUES ('00000000-0000-0000-0000-00000000000a', 'x', '2023-05-05'), ('00000000-0000-0000-0000-00000000000b', 'y', '2024-05-05');
SELECT recsys.create_recommender('def_part', 'def.part', 'who', 'what', 'at');
SELECT * FROM pg_temp.shape('def_part');

CREATE VIEW def.v AS SELECT user_id::int2 AS u, 'item ' || item_id AS i FROM def.event;
SELECT recsys.create_recommender('def_view', 'def.v', 'u', 'i');
SELECT * FROM pg_temp.shape('def_view');

CREATE MATERIALIZED VIEW def.m AS SELECT user_id::numeric AS u, item_id::int8 AS i FROM def.event;
CREATE INDEX ON def.m (u);
CREATE INDEX ON def.m (i);
SELECT recsys.create_recommender('def_matview', 'def.m', 'u', 'i');
SELECT * FROM pg_temp.shape('def_matview');

-- a foreign table, where file_fdw is installed
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw') THEN
		CREATE EXTENSION file_fdw SCHEMA def;
		CREATE SERVER def_far FOREIGN DATA WRAPPER file_fdw;
		CREATE FOREIGN TABLE def.far (u int, i uuid) SERVER def_far
			OPTIONS (program 'echo 1,00000000-0000-0000-0000-00000000000a', format 'csv');
	ELSE
		CREATE TABLE def.far AS SELECT 1 AS u, '00000000-0000-0000-0000-00000000000a'::uuid AS i;
	END IF;
END $$;
SELECT recsys.create_recommender('def_far', 'def.far', 'u', 'i');
SELECT * FROM pg_temp.shape('def_far');

-- names that need quotes, ids with quotes, spaces and beyond ASCII
CREATE TABLE def."Kauf ""2024""" ("the user" text, "it""em" varchar(20), "Zeit" date);
CREATE INDEX ON def."Kauf ""2024""" ("the user", "Zeit");
CREATE INDEX ON def."Kauf ""2024""" ("it""em", "Zeit");
INSERT INTO def."Kauf ""2024""" VALUES ('O''Brien "x"', '🛒 \ %s', '2024-01-01'), ('', ' ', '2024-01-02'), ('Zoë', '{a,b}', '2024-01-03');
CREATE TABLE def."Was es gibt" ("it""em" varchar(20), "Ti'tel" text);
INSERT INTO def."Was es gibt" VALUES ('🛒 \ %s', 'It''s a "cart"');
SELECT recsys.create_recommender('We ird"Sh''op', 'def."Kauf ""2024"""', 'the user', 'it"em', 'Zeit',
	catalog => 'def."Was es gibt"', catalog_columns => '{"title": "Ti''tel"}', filter => '"the user" <> ''%s''',
	settings => '{"never_bots": ["O''Brien \"x\""]}');
SELECT user_id, item_id, interacted_at AT TIME ZONE 'UTC' FROM "We ird""Sh'op".interaction ORDER BY user_id COLLATE "C";
SELECT item_id, title FROM "We ird""Sh'op".catalog;
SELECT recsys.alter_recommender('We ird"Sh''op', time_zone => 'Europe/Paris');
SELECT rule, rows_dropped FROM recsys.quality_report('We ird"Sh''op') WHERE rows_dropped > 0;
SELECT count(*) FROM recsys.detect_bots('We ird"Sh''op');
SELECT * FROM pg_temp.shape('We ird"Sh''op');

-- a domain, char(n), an enum
CREATE DOMAIN def.sku AS text;
CREATE TYPE def.size AS ENUM ('S', 'M');
CREATE TABLE def.odd (a def.sku, b char(5), c def.size);
CREATE INDEX ON def.odd (a);
CREATE INDEX ON def.odd (b);
CREATE INDEX ON def.odd (c);
INSERT INTO def.odd VALUES ('sku 1', 'ab', 'M');
SELECT recsys.create_recommender('def_odd', 'def.odd', 'a', 'b');
SELECT * FROM pg_temp.shape('def_odd');
SELECT recsys.create_recommender('def_odd', 'def.odd', 'c', 'a');
SELECT * FROM pg_temp.shape('def_odd');

-- an empty table, and one with one row
CREATE TABLE def.void (u int, i int);
CREATE INDEX ON def.void (u);
CREATE INDEX ON def.void (i);
SELECT recsys.create_recommender('def_void', 'def.void', 'u', 'i');
SELECT * FROM pg_temp.shape('def_void');
INSERT INTO def.void VALUES (1, 1);
SELECT recsys.create_recommender('def_void', 'def.void', 'u', 'i');
SELECT * FROM pg_temp.shape('def_void');

--
-- indexes that serving needs: the notice has the commands to paste
--
SET client_min_messages = notice;
CREATE TABLE def.bare (u int, "the item" int, at date);
SELECT recsys.create_recommender('def_bare', 'def.bare', 'u', 'the item', 'at');
SELECT recsys.drop_recommender('def_bare');
CREATE INDEX ON def.bare (u, at);
CREATE INDEX ON def.bare ("the item", at) WHERE at > '2024-01-01';	-- partial: of no use
SELECT recsys.create_recommender('def_bare', 'def.bare', 'u', 'the item', 'at');
SELECT recsys.drop_recommender('def_bare');
SELECT recsys.create_recommender('def_bare', 'def.bare', 'u', 'the item');
SELECT recsys.drop_recommender('def_bare');
CREATE INDEX ON def.bare ("the item", at DESC);
SELECT recsys.create_recommender('def_bare', 'def.bare', 'u', 'the item', 'at');
SELECT recsys.drop_recommender('def_bare');
SET client_min_messages = warning;

--
-- errors of create_recommender
--
-- relations and columns
SELECT recsys.create_recommender('def_x', 'def.event', 'customer', 'item_id'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'ITEM_ID'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', time_column => 'when'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', value_column => 'amount'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'type'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'ctid', 'item_id'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', NULL, 'user_id', 'item_id'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event_user_id_at_idx', 'user_id', 'at'); \echo :SQLSTATE
CREATE TEMP TABLE def_temp (u int, i int);
SELECT recsys.create_recommender('def_x', 'def_temp', 'u', 'i'); \echo :SQLSTATE
DROP TABLE def_temp;
-- types
CREATE TABLE def.wrong (u json, i point, n int, t time, x xid, m money);
SELECT recsys.create_recommender('def_x', 'def.wrong', 'u', 'n'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.wrong', 'n', 'i'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.wrong', 'n', 'x'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.wrong', 'n', 'n', time_column => 't'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.wrong', 'n', 'n', time_column => 'n'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', value_column => 'kind'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.wrong', 'n', 'n', value_column => 'm'); \echo :SQLSTATE
-- names
SELECT recsys.create_recommender('def', 'def.event', 'user_id', 'item_id'); \echo :SQLSTATE
SELECT recsys.create_recommender('recsys', 'def.event', 'user_id', 'item_id'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_shop', 'def.event', 'user_id', 'item_id'); \echo :SQLSTATE
SELECT recsys.create_recommender('', 'def.event', 'user_id', 'item_id'); \echo :SQLSTATE
SELECT recsys.create_recommender('pg_shop', 'def.event', 'user_id', 'item_id'); \echo :SQLSTATE
-- words
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', feedback => 'rating'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', feedback => 'explicit'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', weight_rule => 'sqrt'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', weight_rule => 'log'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', merge => 'min'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', time_zone => 'Mars/Olympus'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', min_value => 3); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', value_column => 'qty', min_value => 'NaN'); \echo :SQLSTATE
-- event types
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', positives => '{"buy": {}}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'kind', positives => '["buy"]'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'kind', positives => '{}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'kind', positives => '{"buy": 1}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'kind', positives => '{"buy": {"wight": 1}}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'kind', positives => '{"buy": {"weight": "1"}}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'kind', positives => '{"buy": {"weight": 0}}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'kind', positives => '{"hate": {"weight": -1}}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', event_column => 'kind', positives => '{"buy": {"owned": "yes"}}'); \echo :SQLSTATE
-- settings
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"bots": 6}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '[]'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"rules": {"null_user": false}}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"rules": {"future": "off"}}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"bot_z": 0}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"bot_z": null}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"history_limit": 1.5}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"future_tolerance": "soon"}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"repeat_window": "-1 second"}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"relevant": "all"}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"require_catalog": 1}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"never_bots": 7}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', settings => '{"never_bots": [7, "root"]}'); \echo :SQLSTATE
-- filter: one condition, which cannot break out of its place
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', filter => 'qty >'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', filter => 'true); DROP TABLE def.item; SELECT (true'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', filter => 'true) FROM def.item WHERE (true'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', filter => '-- nothing'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', filter => 'amount > 1'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', filter => 'qty'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', filter => 'sum(qty) > 1'); \echo :SQLSTATE
-- catalog
CREATE TABLE def.cat (sku int, item_id text, available int, price text);
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', catalog => 'def.cat'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', catalog => 'def.cat', catalog_columns => '{"item": "sku"}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', catalog => 'def.cat', catalog_columns => '{"item": "sku", "price": null}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', catalog => 'def.cat', catalog_columns => '{"item": "nr"}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', catalog => 'def.cat', catalog_columns => '{"name": "sku"}'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.void', 'u', 'i', catalog => 'def.v', catalog_columns => '{"title": "i"}'); \echo :SQLSTATE
-- null says that there is no such column, whatever the names
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', 'at', catalog => 'def.cat',
	catalog_columns => '{"item": "sku", "price": null, "available": null}');
INSERT INTO def.cat VALUES (1, 'x', 0, 'dear');
SELECT * FROM def_x.catalog;
SELECT recsys.alter_recommender('def_x', catalog_columns => '{"item": "sku", "title": null, "price": null, "available": null}');
SELECT title FROM def_x.catalog;
SELECT recsys.drop_recommender('def_x');
-- privileges: to make a schema, and to read the source and the catalog
SET ROLE recsys_def_user;
SELECT recsys.create_recommender('def_x', 'public.def_none', 'user_id', 'item_id'); \echo :SQLSTATE
SET ROLE recsys_def_owner;
GRANT USAGE ON SCHEMA def TO recsys_def_user;
SET ROLE recsys_def_user;
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id'); \echo :SQLSTATE
SET ROLE recsys_def_owner;
GRANT SELECT ON def.event TO recsys_def_user;
SET ROLE recsys_def_user;
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id', catalog => 'def.item'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_x', 'def.event', 'user_id', 'item_id'); \echo :SQLSTATE
SET ROLE recsys_def_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO recsys_def_user', current_database()); END $$;
SET ROLE recsys_def_user;
SELECT recsys.create_recommender('def_own', 'def.event', 'user_id', 'item_id', 'at');
-- it sees its own recommender only, and may not touch another
SELECT recommender FROM recsys.recommender;
SELECT recsys.alter_recommender('def_shop', repeatable => true); \echo :SQLSTATE
SELECT recsys.drop_recommender('def_shop'); \echo :SQLSTATE
SET ROLE recsys_def_owner;
GRANT USAGE ON SCHEMA def_shop TO recsys_def_user;
SET ROLE recsys_def_user;
SELECT recommender FROM recsys.recommender ORDER BY 1;
SELECT recsys.alter_recommender('def_shop', repeatable => true); \echo :SQLSTATE
SELECT recsys.drop_recommender('def_shop'); \echo :SQLSTATE
SELECT recsys.create_policy('def_shop', 'mine', 'popularity'); \echo :SQLSTATE
SELECT count(*) FROM recsys.quality_report('def_shop'); \echo :SQLSTATE
SELECT count(*) FROM recsys.detect_bots('def_shop'); \echo :SQLSTATE
SET ROLE recsys_def_owner;
-- what failed has left nothing behind
SELECT nspname FROM pg_namespace WHERE nspname ~ '^(def|pg_shop)' ORDER BY 1;
SELECT to_regclass('def.item') IS NOT NULL AS kept;

--
-- alter_recommender
--
-- a model is there; changing the definition keeps it
\o /dev/null
SELECT recsys.train('def_shop', 'popularity');
\o
SELECT recsys.alter_recommender('def_shop', repeatable => true, merge => 'sum', settings => '{"bot_z": 8}');
SELECT r.repeatable, r.settings -> 'merge' AS merge, r.settings -> 'bot_z' AS bot_z, r.settings -> 'weight_rule' AS weight_rule,
	r.changed_at >= r.created_at AS changed, (SELECT count(*) FROM recsys.model m WHERE m.recommender = r.recommender) AS models,
	(SELECT count(*) FROM def_shop.popularity) AS popularity
FROM recsys.recommender r WHERE recommender = 'def_shop';
SELECT event, weight FROM def_shop.interaction ORDER BY user_id;
SELECT recsys.alter_recommender('def_shop', positives => '{"buy": {"weight": 2}}', filter => 'qty < 100');
SELECT event, weight FROM def_shop.interaction ORDER BY user_id;
-- NULL keeps, unset takes away
SELECT recsys.alter_recommender('def_shop', positives => NULL);
SELECT event, weight FROM def_shop.interaction ORDER BY user_id;
SELECT recsys.alter_recommender('def_shop', unset => '{positives,event_column,filter}');
SELECT event, weight FROM def_shop.interaction ORDER BY user_id;
SELECT recsys.alter_recommender('def_shop', unset => '{catalog}');
SELECT count(*) FROM def_shop.catalog;
SELECT recsys.alter_recommender('def_shop', catalog => 'def.item');
SELECT count(*) FROM def_shop.catalog;
-- another source with the same ids
CREATE TABLE def.event_2 (item_id int4, user_id int8, at date, qty float4);
INSERT INTO def.event_2 VALUES (77, 7, '2024-01-01', 1);
SELECT recsys.alter_recommender('def_shop', source => 'def.event_2');
SELECT user_id, item_id FROM def_shop.interaction;
SELECT recsys.alter_recommender('def_shop', source => 'def.event');
-- the app's privileges and the owner stay, also when a superuser alters
GRANT SELECT ON def_shop.catalog, def_shop.interaction TO recsys_def_user;
SELECT recsys.alter_recommender('def_shop', min_value => 2);
SELECT has_table_privilege('recsys_def_user', 'def_shop.catalog', 'SELECT') AS catalog,
	has_table_privilege('recsys_def_user', 'def_shop.interaction', 'SELECT') AS interaction,
	has_table_privilege('recsys_def_user', 'def_shop.catalog', 'UPDATE') AS too_much;
SELECT recsys.alter_recommender('def_own', repeatable => true);
SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'def_own'::regnamespace;
SET ROLE recsys_def_user;
SELECT recsys.alter_recommender('def_own', repeatable => false);
SET ROLE recsys_def_owner;
-- errors
SELECT recsys.alter_recommender('def_none'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', user_column => 'item_id'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', source => 'def.part', user_column => 'who', item_column => 'what'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', source => 'def.part'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', unset => '{user_column}'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', unset => '{value_column}'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', feedback => 'stars'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', settings => '{"colour": 1}'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', positives => '{"buy": {}}'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_shop', filter => 'nope'); \echo :SQLSTATE
-- a column renamed, and a source dropped, after creation
ALTER TABLE def.event_2 RENAME user_id TO customer_id;
SELECT recsys.create_recommender('def_gone', 'def.event_2', 'customer_id', 'item_id');
ALTER TABLE def.event_2 RENAME customer_id TO client_id;
SELECT count(*) FROM def_gone.interaction;	-- a view follows
SELECT recsys.alter_recommender('def_gone', repeatable => true); \echo :SQLSTATE
SELECT count(*) FROM recsys.quality_report('def_gone'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_gone', user_column => 'client_id');
DROP TABLE def.event_2 CASCADE;
SELECT recsys.alter_recommender('def_gone', repeatable => true); \echo :SQLSTATE
SELECT count(*) FROM recsys.quality_report('def_gone'); \echo :SQLSTATE
SELECT count(*) FROM recsys.detect_bots('def_gone'); \echo :SQLSTATE
SELECT recsys.alter_recommender('def_gone', source => 'def.event', user_column => 'user_id');
SELECT count(*) FROM def_gone.interaction;

--
-- drop_recommender
--
CREATE TABLE def_gone.mine (x int);
CREATE VIEW def_gone.also_mine AS SELECT 1 AS x;
CREATE FUNCTION def_gone.recommend_more() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE def_gone.pair AS (a int, b int);
CREATE TYPE def_gone.mood AS ENUM ('good');
SELECT recsys.drop_recommender('def_gone'); \echo :SQLSTATE
SELECT count(*) FROM def_gone.interaction;
SELECT recsys.drop_recommender('def_gone', cascade => true);
SELECT to_regnamespace('def_gone') IS NULL AS gone, count(*) AS rows FROM recsys.recommender WHERE recommender = 'def_gone';
SELECT recsys.drop_recommender('def_gone'); \echo :SQLSTATE
-- policies, models and runs go with it
SELECT recsys.drop_recommender('def_shop');
SELECT (SELECT count(*) FROM recsys.policy WHERE recommender = 'def_shop') AS policies,
	(SELECT count(*) FROM recsys.model WHERE recommender = 'def_shop') AS models,
	(SELECT count(*) FROM recsys.training_run WHERE recommender = 'def_shop') AS runs,
	(SELECT count(*) FROM def.event) AS source_rows;

-- a schema dropped by hand: the row says so, and goes or is replaced
SELECT recsys.create_recommender('def_hand', 'def.event', 'user_id', 'item_id', 'at', repeatable => true);
DROP SCHEMA def_hand CASCADE;
SELECT recsys.alter_recommender('def_hand', repeatable => false); \echo :SQLSTATE
SELECT count(*) FROM recsys.quality_report('def_hand'); \echo :SQLSTATE
SELECT recsys.create_recommender('def_hand', 'def.event', 'user_id', 'item_id', 'at');
SELECT repeatable FROM recsys.recommender WHERE recommender = 'def_hand';
DROP SCHEMA def_hand CASCADE;
SELECT recsys.drop_recommender('def_hand');
SELECT count(*) FROM recsys.recommender WHERE recommender = 'def_hand';

--
-- policies
--
SELECT recsys.create_recommender('def_policy', 'def.event', 'user_id', 'item_id', 'at');
SELECT recsys.create_policy('def_policy', 'wide', 'factors', '{"factors": 96}');
SELECT recsys.alter_policy('def_policy', 'wide', '{"lambda": 0.5, "sweeps": 3}');
SELECT recsys.alter_policy('def_policy', 'wide', '{"initial_sd": 0.1}');
SELECT version, method, settings, retired_at IS NULL AS current FROM recsys.policy
WHERE (recommender, policy) = ('def_policy', 'wide') ORDER BY version;
SELECT recsys.drop_policy('def_policy', 'wide');
-- a dropped name may come again; the versions go on
SELECT recsys.create_policy('def_policy', 'wide', 'item_item');
SELECT version, method, retired_at IS NULL AS current FROM recsys.policy
WHERE (recommender, policy) = ('def_policy', 'wide') ORDER BY version;
SELECT recsys.alter_policy('def_policy', 'default', '{"blend": 1}');
-- errors
SELECT recsys.create_policy('def_none', 'x', 'popularity'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'wide', 'popularity'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'external', 'popularity'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', '', 'popularity'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', NULL, 'popularity'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'bert'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', NULL); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'item_item', '{"factors": 10}'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'popularity', '{"factors": 10}'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'factors', '{"factors": 0}'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'factors', '{"factors": 1.5}'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'factors', '{"lambda": "small"}'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'factors', '{"lambda": null}'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'funnel', '{"blend": 2}'); \echo :SQLSTATE
SELECT recsys.create_policy('def_policy', 'x', 'funnel', '[1]'); \echo :SQLSTATE
SELECT recsys.alter_policy('def_policy', 'x', '{}'); \echo :SQLSTATE
SELECT recsys.alter_policy('def_policy', 'wide', '{"blend": 1}'); \echo :SQLSTATE
SELECT recsys.drop_policy('def_policy', 'x'); \echo :SQLSTATE
SELECT recsys.drop_policy('def_policy', 'popularity'); \echo :SQLSTATE
SELECT recsys.drop_policy('def_policy', 'default'); \echo :SQLSTATE
-- none of them has changed anything
SELECT policy, max(version) AS version, count(*) FILTER (WHERE retired_at IS NULL) AS current FROM recsys.policy
WHERE recommender = 'def_policy' GROUP BY policy ORDER BY policy COLLATE "C";

SELECT recsys.drop_recommender('def_policy');
SELECT recsys.drop_recommender('def_own');
SELECT count(*) FROM recsys.recommender;
DROP FUNCTION pg_temp.shape;
DROP SCHEMA def CASCADE;
DROP EXTENSION IF EXISTS file_fdw CASCADE;
DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM recsys_def_user', current_database()); END $$;
RESET ROLE;
DROP ROLE recsys_def_user, recsys_def_owner;
