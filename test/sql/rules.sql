-- rules: what a policy's rules do to its lists
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY default

-- an item's price is how many users have bought it, users 1 to that number, so
-- its popularity is a tenth of it; n1 is in the catalog only
CREATE TABLE rules_item (item_id text PRIMARY KEY, title text, category text, price int, released_at timestamptz, available boolean);
INSERT INTO rules_item VALUES
	('a1', 'A 1', 'a', 10, '2024-01-10Z', true), ('a2', 'A 2', 'a', 9, '2024-01-09Z', true), ('a3', 'A 3', 'a', 8, '2024-01-08Z', true),
	('b1', 'B 1', 'b', 7, '2024-01-07Z', true), ('a4', 'A 4', 'a', 6, '2024-01-06Z', true), ('b2', 'B 2', 'b', 5, '2024-01-05Z', true),
	('c1', 'C 1', NULL, 4, '2024-01-04Z', true), ('b3', 'B 3', 'b', 3, NULL, true), ('c2', 'C 2', NULL, 2, '2024-01-02Z', true),
	('b4', 'B 4', 'b', 1, '2024-05-31Z', true), ('n1', 'N 1', 'a', NULL, '2024-05-30Z', true);
CREATE TABLE rules_sale (buyer int, item text, at timestamptz);
CREATE INDEX ON rules_sale (buyer, at);
CREATE INDEX ON rules_sale (item, at);
INSERT INTO rules_sale SELECT u, item_id, '2024-04-01Z'::timestamptz + u * interval '1 day'
FROM rules_item, generate_series(1, price) u;
SELECT recsys.create_recommender('rules', 'rules_sale', 'buyer', 'item', 'at', catalog => 'rules_item',
	settings => '{"rules": {"bots": false}}');
SELECT recsys.alter_policy('rules', 'default', '{"factors": 2, "lambda": 0.1, "sweeps": 20}');
CALL recsys.retrain('rules', evaluate => false);

-- a list of the policy popularity as text, at an instant after all
CREATE FUNCTION rules_list(for_user int DEFAULT NULL, k int DEFAULT 100, after int DEFAULT 0, policy name DEFAULT 'popularity',
	filter jsonb DEFAULT NULL, only_items text[] DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE BEGIN ATOMIC
	SELECT string_agg(item_id, ' ' ORDER BY rank) FROM rules.recommend(for_user, k, after, policy => policy, filter => filter,
		only_items => only_items, as_of => '2024-06-01Z');
END;
CREATE FUNCTION rules_set(rules jsonb, policy name DEFAULT 'popularity') RETURNS int4
LANGUAGE sql BEGIN ATOMIC
	SELECT recsys.alter_policy('rules', policy, jsonb_build_object('rules', rules));
END;
SELECT rules_list() AS without_rules;

-- each rule; a new version holds at once, without a retrain
SELECT rules_set('[{"rule": "ban", "items": ["a1", "b1", "nonesuch"]}, {"rule": "ban", "items": ["c1"]}]') > 1 AS next_version;
SELECT rules_list() AS ban;
SELECT rules_set('[{"rule": "predicate", "sql": "c.price > 3"}, {"rule": "predicate", "sql": "price < 9 -- not all"}]') > 1 AS set;
SELECT rules_list() AS predicate;
SELECT rules_set('[{"rule": "boost", "sql": "CASE WHEN c.category = ''b'' THEN 2 WHEN c.item_id = ''a1'' THEN 0 END"}, {"rule": "boost", "sql": "0.5"}]') > 1 AS set;
SELECT item_id, round(score::numeric, 6) AS score, source FROM rules.recommend(NULL, 100, policy => 'popularity') ORDER BY rank;
-- b4 was released a day before, n1 two days, the others long ago
SELECT rules_set('[{"rule": "freshness", "half_life": "1 day", "amount": 1}]') > 1 AS set;
SELECT item_id, round(score::numeric, 6) AS score, source FROM rules.recommend(NULL, 100, policy => 'popularity', as_of => '2024-06-01Z') ORDER BY rank;
SELECT rules_set('[{"rule": "pin", "item": "b4", "position": 2}, {"rule": "pin", "item": "n1", "position": 1}, {"rule": "pin", "item": "nonesuch", "position": 3}, {"rule": "pin", "item": "a1", "position": 5}, {"rule": "pin", "item": "c1", "position": 50}]') > 1 AS set;
SELECT rules_list() AS pin, rules_list(k => 2) AS first, rules_list(k => 3, after => 3) AS later;
SELECT item_id, source, reason, round(score::numeric, 6) AS score FROM rules.recommend(NULL, 3, policy => 'popularity') ORDER BY rank;
-- a pin is as eligible as other items have to be
SELECT rules_list(filter => '{"category": "b"}') AS filtered, rules_list(only_items => '{b4,c2,n1}') AS only, rules_list(1) AS owned;
-- at most so many of a category, as long as there are others
SELECT rules_set('[{"rule": "max_per_category", "n": 1}]') > 1 AS set;
SELECT rules_list() AS max_1, rules_list(k => 3) AS first, rules_list(k => 5, after => 3) AS next, rules_list(filter => '{"category": "a"}') AS of_one;
SELECT rules_set('[{"rule": "max_per_category", "n": 2}]') > 1 AS set;
SELECT rules_list() AS max_2;
-- so far the live model has been asked, whose part popularity is; from now on
-- a model of popularity alone, without factors
SELECT rules_set('[]') > 1 AS set;
CALL recsys.retrain('rules', 'popularity', evaluate => false, publish => false);
-- alike is the same category, where there are no factors: a1, and then those
-- with another category by their scores: b1 has (1/2) (6/9), a2 (1/2) (8/9) - 1/2
SELECT rules_set('[{"rule": "diversity", "lambda": 0.5}]') > 1 AS set;
SELECT rules_list() AS diversity;
SELECT rules_set('[{"rule": "diversity", "lambda": 0}]') > 1 AS set;
SELECT rules_list() AS no_diversity;
-- recommend does not explore
SELECT rules_set('[{"rule": "explore", "share": 1}]') > 1 AS set;
SELECT rules_list() AS explore;

-- owned items come back after a while: user 10 bought a1 on April 11, user 8
-- a1, a2 and a3 on April 9
SELECT rules_list(10) AS forever;
SELECT rules_set('[{"rule": "rebuy_after", "interval": "52 days"}]') > 1 AS set;
SELECT rules_list(10) AS hidden, rules_list(8) AS back;
BEGIN;
INSERT INTO rules_sale VALUES (8, 'a2', '2024-05-30Z');
SELECT rules_list(8) AS bought_again;
-- also where only some of the events are read
SELECT recsys.alter_recommender('rules', settings => '{"history_limit": 1}');
INSERT INTO rules_sale SELECT 8, 'c2', '2024-05-31Z' FROM generate_series(1, 20);
SELECT rules_list(8) AS truncated;
SELECT rules_set('[]') > 1 AS set;
SELECT rules_list(8) AS truncated_forever;
ROLLBACK;
-- and where items are repeatable they are hidden for that while
BEGIN;
SELECT rules_set('[]') > 1 AS set;
SELECT recsys.alter_recommender('rules', repeatable => true);
SELECT rules_list(10, 1) AS at_once;
SELECT rules_set('[{"rule": "rebuy_after", "interval": "52 days"}]') > 1 AS set;
SELECT rules_list(10, 1) AS later, rules_list(8, 1) AS back;
ROLLBACK;

-- all together, in the order of the view; the array's order is no matter
SELECT rules_set('[{"rule": "diversity", "lambda": 0.2}, {"rule": "max_per_category", "n": 3}, {"rule": "pin", "item": "c2", "position": 3},
	{"rule": "freshness", "amount": 0.5, "half_life": "2 days"}, {"rule": "boost", "sql": "1.5 - price / 20.0"},
	{"rule": "predicate", "sql": "c.price IS DISTINCT FROM 5"}, {"rule": "ban", "items": ["a3"]}, {"rule": "rebuy_after", "interval": "30 days"}]') > 1 AS set;
SELECT policy, step, rule, parameters FROM recsys.policy_rule p WHERE recommender = 'rules' AND version = (SELECT max(version) FROM recsys.policy q
	WHERE (q.recommender, q.policy) = (p.recommender, p.policy) AND retired_at IS NULL) ORDER BY policy, step;
SELECT rules_list() AS all_rules;
SELECT rules_list() AS before \gset
SELECT rules_set((SELECT jsonb_agg(parameters || jsonb_build_object('rule', rule) ORDER BY step) FROM recsys.policy_rule
	WHERE recommender = 'rules' AND policy = 'popularity' AND version = (SELECT max(version) FROM recsys.policy WHERE policy = 'popularity'))) > 1 AS set;
SELECT rules_list() = :'before' AS same;
-- rules hold for fallbacks, and whoever is asked for
SELECT rules_set((SELECT settings -> 'rules' FROM recsys.policy WHERE policy = 'popularity' AND retired_at IS NULL), 'default') > 1 AS set;
SELECT rules_list(policy => NULL) AS nobody, rules_list(12345, policy => NULL) = rules_list(policy => NULL) AS unknown;
SELECT count(*) AS listed, bool_or(item_id IN ('a3', 'b2')) AS never, max(item_id) FILTER (WHERE rank = 3) AS pinned
FROM rules.recommend(9, 100, as_of => '2024-06-01Z');
SELECT count(*) AS listed, bool_or(item_id IN ('a3', 'b2', 'a1')) AS never, max(item_id) FILTER (WHERE rank = 3) AS pinned
FROM rules.recommend_for_items('{a1}', 100);
-- pages put together are one list, for whoever and whatever the rules
SELECT u, bool_and(one = whole) AS same FROM (VALUES (NULL::int), (10), (7), (3), (12345)) u (u),
	LATERAL (SELECT rules_list(u, policy => 'default') AS whole) w,
	LATERAL (SELECT string_agg(rules_list(u, size, page * size, 'default'), ' ' ORDER BY page) AS one
		FROM generate_series(1, 4) size, generate_series(0, 11) page GROUP BY size) p GROUP BY u ORDER BY u;
-- never fewer than are eligible
SELECT count(*) FROM rules.recommend(NULL, 7);

-- conditions that few items meet are looked for in the catalog: as if all were asked for
CREATE TABLE rules_big (item_id int PRIMARY KEY, category text, price int, shelf int, released_at timestamptz);
INSERT INTO rules_big SELECT i, 'category ' || i % 7, i % 1000, i % 1000, '2024-01-01Z'::timestamptz + i * interval '1 hour' FROM generate_series(1, 3000) i;
CREATE INDEX ON rules_big (shelf);
CREATE TABLE rules_visit (who int, item int, at timestamptz);
CREATE INDEX ON rules_visit (who, at);
CREATE INDEX ON rules_visit (item, at);
INSERT INTO rules_visit SELECT u, 1 + (u * 37 + j * j * 11) % 2900, '2024-05-01Z'::timestamptz + j * interval '1 minute'
FROM generate_series(1, 400) u, generate_series(1, 25) j;
SELECT recsys.create_recommender('rules_few', 'rules_visit', 'who', 'item', 'at', catalog => 'rules_big', settings => '{"rules": {"bots": false}}');
SELECT recsys.alter_policy('rules_few', 'default', '{"factors": 4, "sweeps": 5}');
CALL recsys.retrain('rules_few', evaluate => false, memory => '500 MB');
-- (a ranker orders a few items by its scores, and all that are no candidates by the blend)
SELECT u, p, c, bool_and(few = whole) AS same, max(array_length(few, 1)) AS listed
FROM (VALUES (NULL::int), (5), (77)) u (u), (VALUES ('default'), ('popularity'), ('item_item')) p (p),
	(VALUES ('{"price": 17}'::jsonb, 'price = 17'), ('{"price": {"max": 4}}', 'price <= 4'), ('{"price": {"min": 500, "max": 900}}', 'price <= 900')) f (f, c),
	LATERAL (SELECT array_agg(item_id ORDER BY CASE WHEN p = 'default' THEN item_id ELSE rank END) AS few FROM rules_few.recommend(u, 3000, filter => f, policy => p)) x,
	LATERAL (SELECT array_agg(item_id ORDER BY CASE WHEN p = 'default' THEN item_id ELSE rank END) AS whole FROM rules_few.recommend(u, 3000, policy => p) r JOIN rules_big USING (item_id)
		WHERE price BETWEEN coalesce((f #>> '{price,min}')::int, 0) AND coalesce((f #>> '{price,max}')::int, 17) AND (jsonb_typeof(f -> 'price') = 'object' OR price = 17)) y
GROUP BY u, p, f, c ORDER BY f, u, p;
SELECT bool_and(one = few) AS pages FROM (VALUES (NULL::int), (5)) u (u),
	LATERAL (SELECT array_agg(item_id ORDER BY rank) AS few FROM rules_few.recommend(u, 100, filter => '{"price": {"max": 4}}')) x,
	LATERAL (SELECT array_agg(r.item_id ORDER BY r.rank) AS one FROM generate_series(0, 99, 2) a, rules_few.recommend(u, 2, a, filter => '{"price": {"max": 4}}') r) y;
-- by the catalog's own index, where few meet the condition
BEGIN;
SELECT count(*) FROM rules_few.recommend(5, 3, filter => '{"shelf": {"max": 900}}');
SELECT pg_stat_get_xact_numscans('rules_big_shelf_idx'::regclass) > 0 AS by_index;
SELECT count(*) FROM rules_few.recommend(5, 3, filter => '{"shelf": 17}');
SELECT pg_stat_get_xact_numscans('rules_big_shelf_idx'::regclass) > 0 AS by_index;
COMMIT;
-- a predicate alone, and with rules that need windows
SELECT recsys.alter_policy('rules_few', 'default', '{"rules": [{"rule": "predicate", "sql": "c.price = 17"}, {"rule": "diversity", "lambda": 0.3}, {"rule": "boost", "sql": "1 + price"}]}');
SELECT count(*) AS listed, count(DISTINCT item_id) AS items FROM rules_few.recommend(5, 100);
SELECT bool_and(one = few) AS pages FROM (VALUES (NULL::int), (5)) u (u),
	LATERAL (SELECT array_agg(item_id ORDER BY rank) AS few FROM rules_few.recommend(u, 100)) x,
	LATERAL (SELECT array_agg(r.item_id ORDER BY r.rank) AS one FROM generate_series(0, 99) a, rules_few.recommend(u, 1, a) r) y;
-- windows and the whole catalog: pages to the end
SELECT recsys.alter_policy('rules_few', 'default', '{"rules": [{"rule": "max_per_category", "n": 300}, {"rule": "freshness", "half_life": "30 days", "amount": 0.2}, {"rule": "diversity", "lambda": 0.1}]}');
SELECT bool_and(one = few) AS pages, min(array_length(few, 1)) AS listed FROM (VALUES (NULL::int), (5)) u (u),
	LATERAL (SELECT array_agg(item_id ORDER BY rank) AS few FROM rules_few.recommend(u, 5000, as_of => '2024-06-01Z')) x,
	LATERAL (SELECT array_agg(r.item_id ORDER BY r.rank) AS one FROM generate_series(0, 4999, 700) a, rules_few.recommend(u, 700, a, as_of => '2024-06-01Z') r) y;

-- ---- what cannot be a rule ----
SELECT rules_set('{"rule": "ban"}'); \echo :SQLSTATE
SELECT rules_set('null'); \echo :SQLSTATE
SELECT rules_set('["ban"]'); \echo :SQLSTATE
SELECT rules_set('[{"items": ["a1"]}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "sort"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": 1}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "ban", "items": ["a1"], "item": "a1"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "ban"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "ban", "items": null}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "ban", "items": "a1"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "ban", "items": [["a1"]]}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "pin", "item": null, "position": 1}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "pin", "item": "a1", "position": 0}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "pin", "item": "a1", "position": 1.5}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "pin", "item": "a1", "position": 1}, {"rule": "pin", "item": "a2", "position": 1}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "pin", "item": "a1", "position": 1}, {"rule": "pin", "item": "a1", "position": 2}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "max_per_category", "n": 0}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "max_per_category", "n": "many"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "max_per_category", "n": 1}, {"rule": "max_per_category", "n": 2}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "diversity", "lambda": 1.1}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "explore", "share": -0.1}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "freshness", "amount": 1, "half_life": "0 days"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "freshness", "amount": 1, "half_life": 14}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "freshness", "amount": -1, "half_life": "1 day"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "rebuy_after", "interval": "soon"}]'); \echo :SQLSTATE
SELECT recsys.alter_policy('rules_few', 'popularity', '{"rules": [{"rule": "ban", "items": [1, "2", "three"]}]}'); \echo :SQLSTATE
SELECT recsys.create_policy('rules_few', 'pinned', 'popularity', '{"rules": [{"rule": "pin", "item": 99999999999, "position": 1}]}'); \echo :SQLSTATE
-- SQL that is no expression, or none that works
SELECT rules_set('[{"rule": "predicate", "sql": 1}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": ""}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "true); DROP TABLE rules_item; SELECT (true"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "true) OR (true"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "true /*"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "true, false"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "c.price"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "c.colour = ''red''"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "t.n > 1"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "$1 IS NULL"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "count(*) > 1"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "boost", "sql": "generate_series(1, 3)"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "boost", "sql": "c.category"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "boost", "sql": "rules_score(1)"}]'); \echo :SQLSTATE
-- without a catalog, without times
SELECT recsys.create_recommender('rules_bare', 'rules_visit', 'who', 'item');
SELECT recsys.alter_policy('rules_bare', 'popularity', jsonb_build_object('rules', jsonb_build_array(r))) AS no_catalog
FROM (VALUES ('{"rule": "boost", "sql": "2"}'::jsonb)) r (r); \echo :SQLSTATE
SELECT recsys.alter_policy('rules_bare', 'popularity', '{"rules": [{"rule": "max_per_category", "n": 2}]}'); \echo :SQLSTATE
SELECT recsys.alter_policy('rules_bare', 'popularity', '{"rules": [{"rule": "rebuy_after", "interval": "1 day"}]}'); \echo :SQLSTATE
SELECT recsys.alter_policy('rules_bare', 'popularity', '{"rules": [{"rule": "ban", "items": [38]}, {"rule": "pin", "item": 112, "position": 1}, {"rule": "diversity", "lambda": 0.5}]}') AS version;
CALL recsys.retrain('rules_bare', 'popularity', evaluate => false, publish => false);
SELECT count(*) = 100 AS listed, bool_or(item_id = 38) AS banned, min(rank) FILTER (WHERE item_id = 112) AS pinned FROM rules_bare.recommend(NULL, 100, policy => 'popularity');
-- nothing of this was stored
SELECT jsonb_array_length(settings -> 'rules') FROM recsys.policy WHERE recommender = 'rules' AND policy = 'popularity' AND retired_at IS NULL;
SELECT count(*) FROM rules_item;

-- ---- whose rights ----
-- SQL of rules is tried as the owner, and runs as the caller
CREATE ROLE regress_rules_owner;
CREATE ROLE regress_rules_app;
CREATE TABLE rules_secret AS SELECT 'a1'::text AS item_id;
CREATE FUNCTION rules_secret_function(text) RETURNS boolean LANGUAGE sql STABLE BEGIN ATOMIC SELECT $1 = 'a2'; END;
REVOKE EXECUTE ON FUNCTION rules_secret_function(text) FROM PUBLIC;
SELECT rules_set('[]') > 1 AS set;
ALTER SCHEMA rules OWNER TO regress_rules_owner;
DO $$
DECLARE
	o record;
BEGIN
	FOR o IN SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, oid::regclass AS name FROM pg_class
		WHERE relnamespace = 'rules'::regnamespace AND relkind IN ('r', 'v') LOOP
		EXECUTE format('ALTER %s %s OWNER TO regress_rules_owner', o.kind, o.name);
	END LOOP;
END $$;
GRANT SELECT ON rules_item, rules_sale TO regress_rules_owner, regress_rules_app;
GRANT USAGE ON SCHEMA rules TO regress_rules_app;
GRANT SELECT ON ALL TABLES IN SCHEMA rules TO regress_rules_app;
-- a superuser gets no further than the owner would
SELECT rules_set('[{"rule": "predicate", "sql": "c.item_id NOT IN (SELECT s.item_id FROM public.rules_secret s)"}]'); \echo :SQLSTATE
SELECT rules_set('[{"rule": "predicate", "sql": "public.rules_secret_function(c.item_id)"}]'); \echo :SQLSTATE
GRANT SELECT ON rules_secret TO regress_rules_owner;
GRANT EXECUTE ON FUNCTION rules_secret_function TO regress_rules_owner;
SET ROLE regress_rules_owner;
SELECT recsys.alter_policy('rules', 'popularity', '{"rules": [{"rule": "predicate", "sql": "c.item_id NOT IN (SELECT s.item_id FROM public.rules_secret s)"},
	{"rule": "boost", "sql": "CASE WHEN public.rules_secret_function(c.item_id) THEN 0 ELSE 1 END"}]}') > 1 AS set;
SELECT array_agg(item_id ORDER BY rank) AS owner FROM rules.recommend(NULL, 3, policy => 'popularity');
RESET ROLE;
SET ROLE regress_rules_app;
SELECT recsys.alter_policy('rules', 'popularity', '{"rules": []}'); \echo :SQLSTATE
SELECT item_id FROM rules.recommend(NULL, 3, policy => 'popularity'); \echo :SQLSTATE
RESET ROLE;
GRANT SELECT ON rules_secret TO regress_rules_app;
SET ROLE regress_rules_app;
SELECT item_id FROM rules.recommend(NULL, 3, policy => 'popularity'); \echo :SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION rules_secret_function TO regress_rules_app;
SET ROLE regress_rules_app;
SELECT array_agg(item_id ORDER BY rank) AS app FROM rules.recommend(NULL, 3, policy => 'popularity');
SELECT count(*) > 0 AS seen FROM recsys.policy_rule WHERE recommender = 'rules';
SELECT count(*) AS of_others FROM recsys.policy_rule WHERE recommender = 'rules_few';
RESET ROLE;
-- names in rules mean what they mean without anybody's search path
CREATE SCHEMA rules_trap;
CREATE FUNCTION rules_trap.float8mul(float8, float8) RETURNS float8 LANGUAGE sql BEGIN ATOMIC SELECT 0::float8; END;
CREATE FUNCTION rules_trap.upper(text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 'TRAPPED'::text; END;
SELECT rules_set('[{"rule": "boost", "sql": "CASE upper(c.category) WHEN ''B'' THEN 9 WHEN ''TRAPPED'' THEN 99 ELSE 1 END"}]') > 1 AS set;
SET search_path = rules_trap, public, pg_catalog;
SELECT public.rules_list(k => 3) AS trap;
RESET search_path;
-- SQL that fails for a row says so
BEGIN;
SELECT rules_set('[{"rule": "predicate", "sql": "c.price / (c.price - 7) > -100"}]') > 1 AS set;
SELECT rules_list(); \echo :SQLSTATE
ROLLBACK;

DROP FUNCTION rules_list, rules_set;
SELECT recsys.drop_recommender(r) FROM unnest('{rules,rules_few,rules_bare}'::name[]) r;
DROP SCHEMA rules_trap CASCADE;
DROP TABLE rules_item, rules_sale, rules_big, rules_visit, rules_secret;
DROP FUNCTION rules_secret_function;
DROP ROLE regress_rules_owner, regress_rules_app;
