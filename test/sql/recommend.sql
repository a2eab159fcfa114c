-- recommend: lists for users, for items, and items like one
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY default

-- two circles of readers, of poetry and of science; each has read all books of
-- the circle but one, and some newcomers the first ones only.  gone is no longer
-- sold, lost is not in the catalog, n1 and n2 are there only
CREATE TABLE recommend_book (id text, title text, shelf text, price numeric, pages int, released_at date, available boolean);
INSERT INTO recommend_book VALUES
	('p1', 'Poem 1', 'poetry', 5, 10, '2024-01-01', true), ('p2', 'Poem 2', 'poetry', 6, 20, '2024-01-02', true),
	('p3', 'Poem 3', 'poetry', 7, 30, '2024-01-03', true), ('p4', 'Poem 4', 'poetry', 8, 40, '2024-01-04', true),
	('s1', 'Atom', 'science', 15, 110, '2024-01-05', true), ('s2', 'Bone', 'science', 16, 120, '2024-01-06', true),
	('s3', 'Cell', 'science', 17, 130, '2024-01-07', true), ('s4', 'Star "X"', NULL, 18, 140, '2024-01-08', true),
	('gone', 'Gone', 'poetry', 1, 1, '2023-01-01', false),
	('n1', 'New 1', 'poetry', 9, 50, '2024-02-01', true), ('n2', 'New 2', 'science', 19, 150, '2024-03-01', true);
CREATE TABLE recommend_event (reader int8, book text, event text, at timestamptz DEFAULT now());
CREATE INDEX ON recommend_event (reader, at);
CREATE INDEX ON recommend_event (book, at);
INSERT INTO recommend_event
SELECT u, b, 'loan', '2024-05-01Z'::timestamptz + u * interval '1 hour'
FROM generate_series(1, 40) u, unnest(CASE WHEN u % 2 = 0 THEN '{p1,p2,p3,p4,gone,lost}' ELSE '{s1,s2,s3,s4}' END::text[])
	WITH ORDINALITY b (b, n) WHERE n - 1 <> u / 2 % CASE WHEN u % 2 = 0 THEN 6 ELSE 4 END;
INSERT INTO recommend_event
SELECT u, b, 'loan', '2024-05-05Z'::timestamptz + u * interval '1 hour'
FROM generate_series(101, 106) u, unnest('{p1,p2,p3,p4,gone,lost}'::text[]) WITH ORDINALITY b (b, n) WHERE n <= u - 100;
INSERT INTO recommend_event
SELECT u, b, 'loan', '2024-05-05Z'::timestamptz + u * interval '1 hour'
FROM generate_series(111, 114) u, unnest('{s1,s2,s3,s4}'::text[]) WITH ORDINALITY b (b, n) WHERE n <= u - 110;
SELECT recsys.create_recommender('books', 'recommend_event', 'reader', 'book', 'at', event_column => 'event',
	positives => '{"loan": {"weight": 1, "owned": true}, "look": {"weight": 0.2}, "dislike": {"weight": -1}}',
	catalog => 'recommend_book', catalog_columns => '{"category": "shelf"}', settings => '{"rules": {"bots": false}}');

-- before there is a model
SELECT * FROM books.recommend(1);
SELECT * FROM books.recommend_for_items('{p1}');
SELECT * FROM books.similar_items('p1');
SELECT recsys.alter_policy('books', 'default', '{"factors": 2, "lambda": 0.1, "sweeps": 50}');
SELECT recsys.alter_policy('books', 'factors', '{"factors": 2, "lambda": 0.1, "sweeps": 50}');
CALL recsys.retrain('books', evaluate => false);

-- the book that is missing comes first
SELECT array_agg(item_id ORDER BY item_id) FROM books.interaction WHERE user_id = 4;
SELECT rank, item_id, round(score::numeric, 2) AS score, source, reason, because_item_id FROM books.recommend(4, 1);
SELECT count(*) AS readers, count(*) FILTER (WHERE item_id = missing) AS found
FROM generate_series(1, 40) u,
	LATERAL (SELECT id AS missing FROM recommend_book WHERE left(id, 1) = CASE WHEN u % 2 = 0 THEN 'p' ELSE 's' END
		AND id NOT IN (SELECT book FROM recommend_event WHERE reader = u)) m, books.recommend(u, 1);
SELECT bool_and(score >= lead OR lead IS NULL) AS descending, array_agg(rank ORDER BY rank) AS ranks
FROM (SELECT rank, score, lead(score) OVER (ORDER BY rank) FROM books.recommend(4, 100)) l;
-- as many as there are: never what is owned, gone from sale or not in the catalog
SELECT array_agg(item_id ORDER BY item_id) AS all, count(*) FROM books.recommend(4, 2147483647);
SELECT count(*) FROM generate_series(1, 40) u, books.recommend(u, 100) r
WHERE EXISTS (SELECT FROM recommend_event e WHERE e.reader = u AND e.book = r.item_id)
OR NOT EXISTS (SELECT FROM books.catalog c WHERE c.item_id = r.item_id AND c.available);
-- a reason names the item by its title, because_item_id by its id, and it is the user's
SELECT source, count(*) > 20 AS many, bool_and(reason = format('goes with "%s"', coalesce(title, because_item_id))) AS titled,
	bool_and(because_item_id IN (SELECT book FROM recommend_event WHERE reader = u)) AS had
FROM generate_series(1, 40) u CROSS JOIN LATERAL books.recommend(u) LEFT JOIN recommend_book b ON b.id = because_item_id
WHERE source = 'neighbor' OR because_item_id IS NOT NULL GROUP BY source;

-- unknown and NULL users get what is popular
SELECT rank, item_id, source, because_item_id FROM books.recommend(12345, 4) ORDER BY rank;
SELECT (SELECT array_agg(item_id ORDER BY rank) FROM books.recommend(12345, 8))
	= (SELECT array_agg(item_id ORDER BY p.rank) FROM books.popularity p JOIN recsys.recommender ON model_id = live_model_id
		WHERE item_id NOT IN ('gone', 'lost')) AS popular,
	(SELECT array_agg(r ORDER BY rank) FROM books.recommend(NULL, 50) r)
	= (SELECT array_agg(r ORDER BY rank) FROM books.recommend(12345, 50) r) AS null_is_unknown;
-- items without interactions fill up, the newest first
SELECT item_id, score, source, reason FROM books.recommend(NULL, 100) WHERE source = 'fresh' ORDER BY rank;

-- k and after
SELECT count(*) FROM books.recommend(4, 0);
SELECT * FROM books.recommend(4, -1);
SELECT * FROM books.recommend(4, NULL);
SELECT * FROM books.recommend(4, after => -1);
SELECT * FROM books.recommend(4, after => NULL);
SELECT count(*) FROM books.recommend(4, 10, after => 2147483647);
SELECT count(*) FROM books.recommend(4, 2147483647, after => 2147483647);
-- pages put together are one long list
SELECT count(*) AS rows, bool_and((paged.rank, paged.item_id, paged.score, paged.source) = (whole.rank, whole.item_id, whole.score, whole.source)) AS same
FROM (SELECT p.* FROM generate_series(0, 20, 3) a, books.recommend(4, 3, after => a) p) paged
FULL JOIN books.recommend(4, 100) whole USING (rank);

-- only, except
SELECT array_agg(item_id ORDER BY rank) FROM books.recommend(4, only_items => '{s1,p2,n2,gone,lost,nonesuch,NULL,p1}');
SELECT array_agg(item_id ORDER BY rank) FROM books.recommend(4, only_items => '{}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(4, 100, except_items => '{s1,s1,NULL,n1,nonesuch}');

-- filter: a value, a list, a range, null; nothing from outside the catalog
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100, filter => '{"category": "poetry"}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100, filter => '{"category": ["poetry", "science"], "price": {"min": 7, "max": 16}}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100, filter => '{"price": {"min": 18}}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100, filter => '{"category": null}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100, filter => '{"pages": 110}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100, filter => '{"released_at": {"min": "2024-01-07"}}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100, filter => '{"price": []}');
SELECT count(*) FROM books.recommend(NULL, 100, filter => '{}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend_for_items('{p1}', 100, filter => '{"category": "poetry"}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.similar_items('p1', 100, filter => '{"category": "poetry"}');
-- what is no filter
SELECT * FROM books.recommend(4, filter => '{"colour": "red"}');
SELECT * FROM books.recommend(4, filter => '{"": 1}');
SELECT * FROM books.recommend(4, filter => '[1]');
SELECT * FROM books.recommend(4, filter => '"poetry"');
SELECT * FROM books.recommend(4, filter => '{"price": {"least": 1}}');
SELECT * FROM books.recommend(4, filter => '{"price": {"min": [1]}}');
SELECT * FROM books.recommend(4, filter => '{"price": [[1]]}');
SELECT * FROM books.recommend(4, filter => '{"price": {"min": {"max": 1}}}');
SELECT * FROM books.recommend(4, filter => '{"price": "cheap"}');
-- what would be SQL stays text
SELECT count(*) FROM books.recommend(4, 100, filter => '{"category": "poetry'' OR true --"}');
SELECT count(*) FROM books.recommend(4, 100, filter => '{"category": ["x'') OR (''1''=''1", "$1", "\\"]}');
SELECT * FROM books.recommend(4, filter => '{"price = 1 OR true --": 1}');
SELECT * FROM books.recommend(4, filter => '{"title\" = '''' OR true; DROP TABLE recommend_book; --": "x"}');
SELECT count(*) FROM recommend_book;

-- excluded a second ago, taken off sale a second ago: off every list at once
BEGIN;
SELECT (SELECT item_id FROM books.recommend(4, 1)) AS first \gset
INSERT INTO books.excluded_item (item_id, reason) VALUES (:'first', 'recalled');
UPDATE recommend_book SET available = false WHERE id = 's1';
SELECT count(*) AS excluded_listed FROM (SELECT item_id FROM books.recommend(4, 100) UNION ALL SELECT item_id FROM books.recommend_for_items('{p3,s2}', 100)
	UNION ALL SELECT item_id FROM books.similar_items('p3', 100) UNION ALL SELECT item_id FROM books.similar_items('p3', 100, 'factors')) l WHERE item_id IN (:'first', 's1');
ROLLBACK;
-- a dislike hides, a look does not, a loan does
BEGIN;
SELECT item_id AS before FROM books.recommend(4, 1);
INSERT INTO recommend_event VALUES (4, :'first', 'dislike');
SELECT count(*) AS disliked FROM books.recommend(4, 100) WHERE item_id = :'first';
INSERT INTO recommend_event VALUES (4, 's2', 'look'), (4, 's3', 'loan');
SELECT item_id, count(r.item_id) AS listed FROM unnest('{s2,s3}'::text[]) item_id LEFT JOIN books.recommend(4, 100) r USING (item_id) GROUP BY 1 ORDER BY 1;
ROLLBACK;
-- unless items are repeatable: what is owned stays, what is disliked does not
BEGIN;
SELECT recsys.alter_recommender('books', repeatable => true);
INSERT INTO recommend_event VALUES (4, 'p2', 'dislike');
SELECT item_id, count(r.item_id) AS listed FROM unnest('{p1,p2}'::text[]) item_id LEFT JOIN books.recommend(4, 100) r USING (item_id) GROUP BY 1 ORDER BY 1;
SELECT count(*) AS session FROM books.recommend_for_items('{p1}', 100) WHERE item_id = 'p1';
ROLLBACK;
-- what the catalog does not know is listed when the catalog is not required, but for a filter
BEGIN;
SELECT recsys.alter_recommender('books', settings => '{"require_catalog": false}');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100) WHERE item_id IN ('lost', 'gone');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend(NULL, 100, filter => '{"price": {"max": 1000}}') WHERE item_id IN ('lost', 'gone');
ROLLBACK;
-- an availability that is not known
BEGIN;
UPDATE recommend_book SET available = NULL WHERE id = 'p1';
SELECT count(*) FROM books.recommend(NULL, 100) WHERE item_id = 'p1';
ROLLBACK;
-- items that come into the catalog are listed at once
BEGIN;
INSERT INTO recommend_book VALUES ('n3', 'New 3', 'poetry', 1, 1, '2024-04-01', true), ('n3', 'New 3 again', 'poetry', 1, 1, '2024-04-02', true);
SELECT item_id FROM books.recommend(NULL, 100) WHERE source = 'fresh' ORDER BY rank;
ROLLBACK;

-- a click made a second ago counts, for a known and for a new user
BEGIN;
SELECT item_id, source FROM books.recommend(777, 1);
INSERT INTO recommend_event VALUES (777, 's1', 'look');
SELECT item_id, source, because_item_id FROM books.recommend(777, 3) ORDER BY item_id;
INSERT INTO recommend_event VALUES (777, 'p1', 'loan', now() + interval '1 minute');
SELECT DISTINCT because_item_id FROM books.recommend(777, 6) ORDER BY 1;
-- as of an earlier instant it does not
SELECT DISTINCT source FROM books.recommend(777, 3, as_of => '2024-05-01Z');
-- the vector of a user solved at serving is the one that was trained: the
-- scores of policy factors are the products of the stored factors
SELECT recsys.train('books', 'factors') AS model \gset
SELECT count(*) > 100 AS many, max(abs(r.score - (p / most + 1e-3 * pop.score))) < 1e-3 AS same
FROM (SELECT user_id, item_id, p, max(p) FILTER (WHERE NOT EXISTS (SELECT FROM books.interaction o WHERE o.user_id = d.user_id AND o.item_id = d.item_id AND o.owned))
		OVER (PARTITION BY user_id) AS most
	FROM (SELECT u.user_id, i.item_id, recsys.dot(u.factor, i.factor) AS p FROM books.user_factor u JOIN books.item_factor i USING (model_id) WHERE model_id = :model) d) f
JOIN books.popularity pop USING (item_id), books.recommend(user_id, 100, policy => 'factors') r
WHERE r.item_id = f.item_id AND pop.model_id = :model AND user_id <> 777;
ROLLBACK;

-- policies: the live one is the default one; popularity and the blend's parts
-- are served from its model; one without a model says so
SELECT count(*) AS differ FROM books.recommend(4, 100) a FULL JOIN books.recommend(4, 100, policy => 'default') b USING (rank) WHERE a IS DISTINCT FROM b;
SELECT DISTINCT source FROM books.recommend(4, 100, policy => 'popularity') ORDER BY 1;
SELECT DISTINCT source FROM books.recommend(4, 4, policy => 'item_item') ORDER BY 1;
SELECT item_id, source, reason FROM books.recommend(4, 1, policy => 'factors');
SELECT recsys.create_policy('books', 'mine', 'funnel', '{"blend": 0.9}');
SELECT * FROM books.recommend(4, policy => 'mine');
SELECT * FROM books.recommend(4, policy => 'nonesuch');
SELECT recsys.drop_policy('books', 'mine');
SELECT * FROM books.recommend(4, policy => 'mine');

-- for items: a session of somebody unknown, the latest last
SELECT item_id, source, because_item_id FROM books.recommend_for_items('{s1}', 3) ORDER BY item_id;
SELECT count(*) FROM books.recommend_for_items('{s1,p1}', 100) WHERE item_id IN ('s1', 'p1');
SELECT array_agg(item_id ORDER BY item_id) FROM books.recommend_for_items('{s1}', 100, except_items => '{s2}');
SELECT (SELECT array_agg(item_id ORDER BY rank) FROM books.recommend_for_items(v, 100)) = (SELECT array_agg(item_id ORDER BY rank) FROM books.recommend(NULL, 100)) AS popular
FROM (VALUES (NULL::text[]), ('{}'), ('{NULL}'), ('{nonesuch}')) v (v);
SELECT count(*) FROM books.recommend_for_items('{s1}', 0);
SELECT * FROM books.recommend_for_items('{s1}', -1);
SELECT * FROM books.recommend_for_items('{s1}', NULL);
SELECT item_id FROM books.recommend_for_items('{s1}', 1, policy => 'popularity');

-- similar items
SELECT s.rank, s.item_id, s.users_both, round(s.similarity::numeric, 4) AS similarity FROM books.similar_items('p1') s ORDER BY 1;
SELECT bool_and((s.rank, s.similarity, s.users_both) = (n.rank, n.similarity, n.users_both)) AS stored
FROM books.similar_items('s1') s JOIN books.item_neighbor n ON n.neighbor_id = s.item_id AND n.item_id = 's1' JOIN recsys.recommender ON live_model_id = model_id;
SELECT f.item_id, users_both, abs(similarity - recsys.dot(a.factor, b.factor) / recsys.norm(a.factor) / recsys.norm(b.factor)) < 1e-5 AS cosine
FROM books.similar_items('p1', 3, 'factors') f JOIN books.item_factor b USING (item_id) JOIN books.item_factor a USING (model_id)
JOIN recsys.recommender ON live_model_id = model_id WHERE a.item_id = 'p1' ORDER BY item_id;
SELECT count(*) FROM books.similar_items('nonesuch');
SELECT count(*) FROM books.similar_items('nonesuch', method => 'factors');
SELECT count(*) FROM books.similar_items(NULL);
SELECT count(*) FROM books.similar_items('p1', 0);
SELECT * FROM books.similar_items('p1', -1);
SELECT * FROM books.similar_items('p1', NULL);
SELECT * FROM books.similar_items('p1', method => 'telepathy');

-- the wrapper is inlined
EXPLAIN (COSTS OFF) SELECT item_id FROM books.recommend(4, 3);
EXPLAIN (COSTS OFF) SELECT * FROM books.recommend_for_items('{s1}', 3);
EXPLAIN (COSTS OFF) SELECT * FROM books.similar_items('s1', 3);
-- the door wants the recommender's types, and says itself what it returns
SELECT * FROM recsys._recommend('books', 4, 3, 0, NULL::text[], NULL::text[], NULL, NULL, NULL)
	AS t (rank int, item_id text, score float8, source text, reason text, because_item_id text);
SELECT * FROM recsys._recommend('books', 4::int8, 3, 0, '{1}'::int[], NULL::text[], NULL, NULL, NULL)
	AS t (rank int, item_id text, score float8, source text, reason text, because_item_id text);
SELECT * FROM recsys._recommend('books', 4::int8, 3, 0, NULL::text[], NULL::text[], NULL, NULL, NULL)
	AS t (rank int, item_id int8, score float8, source text, reason text, because_item_id text);
SELECT * FROM recsys._recommend('books', 4::int8, 3, 0, NULL::text[], NULL::text[], NULL, NULL, NULL) AS t (rank int, item_id text);
SELECT * FROM recsys._recommend_for_items('books', '{s1}'::text[], 3, NULL::text[], NULL, NULL)
	AS t (rank int8, item_id text, score float8, source text, reason text, because_item_id text);
SELECT * FROM recsys._similar_items('books', 's1'::text, 3, NULL, NULL) AS t (rank int, item_id text, similarity text, users_both int);
SELECT * FROM recsys._recommend('nowhere', 4::int8, 3, 0, NULL::text[], NULL::text[], NULL, NULL, NULL)
	AS t (rank int, item_id text, score float8, source text, reason text, because_item_id text);
SELECT * FROM recsys._recommend(NULL, 4::int8, 3, 0, NULL::text[], NULL::text[], NULL, NULL, NULL)
	AS t (rank int, item_id text, score float8, source text, reason text, because_item_id text);

-- many users in one query, prepared statements, cursors, subqueries that stop early
SELECT count(*), count(DISTINCT u.reader) FROM (SELECT DISTINCT reader FROM recommend_event) u, LATERAL books.recommend(u.reader, 2);
PREPARE list (int8, int) AS SELECT array_agg(item_id ORDER BY rank) FROM books.recommend($1, $2);
EXECUTE list(4, 1); EXECUTE list(4, 1); EXECUTE list(4, 1); EXECUTE list(4, 1); EXECUTE list(4, 1); EXECUTE list(4, 1); EXECUTE list(NULL, 2);
-- a prepared statement follows a new model
INSERT INTO recommend_event SELECT u, 'n2', 'loan' FROM generate_series(201, 240) u;
CALL recsys.retrain('books', evaluate => false, seed => 2);
EXECUTE list(4, 1); EXECUTE list(NULL, 2);
DEALLOCATE list;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT item_id FROM books.recommend(NULL, 5);
FETCH 2 FROM c; FETCH BACKWARD 1 FROM c; FETCH 1 FROM c;
COMMIT;
SELECT u, (SELECT item_id FROM books.recommend(u, 5) LIMIT 1) IS NOT NULL AS listed FROM generate_series(1, 3) u;

-- ids of other types, with quotes, spaces and unicode
CREATE TYPE recommend_colour AS ENUM ('red', 'green', 'blue');
CREATE TABLE recommend_id (u text, i uuid, c recommend_colour, d date);
INSERT INTO recommend_id SELECT 'user "' || u || E'\' é ', ('00000000-0000-0000-0000-00000000000' || i)::uuid,
	(enum_range(NULL::recommend_colour))[1 + (u + i) % 3], date '2024-01-01' + u
FROM generate_series(1, 12) u, generate_series(1, 5) i WHERE (u + i * i) % 3 > 0;
SELECT recsys.create_recommender('by_uuid', 'recommend_id', 'u', 'i', 'd'), recsys.create_recommender('by_colour', 'recommend_id', 'i', 'c', 'd');
SELECT recsys.train(r, 'default') IS NOT NULL FROM unnest('{by_uuid,by_colour}'::name[]) r;
CALL recsys.retrain('by_uuid', evaluate => false);
CALL recsys.retrain('by_colour', evaluate => false);
SELECT item_id, pg_typeof(item_id), source FROM by_uuid.recommend(E'user "2\' é ', 1, policy => 'item_item');
SELECT pg_typeof(item_id), count(*) FROM by_uuid.recommend('nobody') GROUP BY 1;
SELECT count(*) FROM by_uuid.recommend(4);
SELECT item_id, pg_typeof(item_id) FROM by_colour.recommend(NULL, 10, except_items => '{green}') ORDER BY 1;
SELECT item_id FROM by_colour.similar_items('red') ORDER BY 1;

SELECT recsys.drop_recommender(r) FROM unnest('{books,by_uuid,by_colour}'::name[]) r;
DROP TABLE recommend_book, recommend_event, recommend_id;
DROP TYPE recommend_colour;
