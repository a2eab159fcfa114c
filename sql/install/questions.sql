/* ---------------------------------------------------------------------------
 * The other questions of an app: items like an item, users like a user, users for an item, given
 * items in order, their features, items near a vector.  Doors as in serve.sql.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._similar_items(recommender name, for_item "any", k int4, method text, filter jsonb) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'recsys_similar_items';
COMMENT ON FUNCTION recsys._similar_items(name, "any", int4, text, jsonb) IS
'door behind SHOP.similar_items: (rank int, item_id I, similarity float8, users_both int)';

CREATE FUNCTION recsys._nearest_items(recommender name, vector float4[], k int4, filter jsonb) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'recsys_nearest_items';
COMMENT ON FUNCTION recsys._nearest_items(name, float4[], int4, jsonb) IS
'door behind SHOP.nearest: (rank int, item_id I, score float8)';

CREATE FUNCTION recsys._similar_users(recommender name, for_user "any", k int4) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'recsys_similar_users';
COMMENT ON FUNCTION recsys._similar_users(name, "any", int4) IS
'door behind SHOP.similar_users: (rank int, user_id U, similarity float8)';

CREATE FUNCTION recsys._users_for_item(recommender name, for_item "any", k int4, exclude_owners boolean) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'recsys_users_for_item';
COMMENT ON FUNCTION recsys._users_for_item(name, "any", int4, boolean) IS
'door behind SHOP.users_for_item: (rank int, user_id U, score float8, source text)';

CREATE FUNCTION recsys._score(recommender name, for_user "any", items "any", policy name) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'recsys_score';
COMMENT ON FUNCTION recsys._score(name, "any", "any", name) IS
'door behind SHOP.score: (rank int, item_id I, score float8, source text, reason text)';

CREATE FUNCTION recsys._features(recommender name, for_user "any", items "any", as_of timestamptz, policy name) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 250 AS 'MODULE_PATHNAME', 'recsys_features';
COMMENT ON FUNCTION recsys._features(name, "any", "any", timestamptz, name) IS
'door behind SHOP.features: (item_id I, feature text, value float8, description text)';

CREATE FUNCTION recsys._wrap_questions(recommender name, u text, i text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.similar_items(for_item %2$s, k int DEFAULT 10,
			method text DEFAULT 'item_item', filter jsonb DEFAULT NULL)
		RETURNS TABLE (rank int, item_id %2$s, similarity float8, users_both int)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
		BEGIN ATOMIC
			SELECT t.rank, t.item_id, t.similarity, t.users_both
			FROM recsys._similar_items(%3$L, for_item, k, method, filter)
				AS t (rank int, item_id %2$s, similarity float8, users_both int);
		END$f$, recommender, i, recommender);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.nearest(vector float4[], k int DEFAULT 10, filter jsonb DEFAULT NULL)
		RETURNS TABLE (rank int, item_id %2$s, score float8)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
		BEGIN ATOMIC
			SELECT t.rank, t.item_id, t.score
			FROM recsys._nearest_items(%3$L, vector, k, filter) AS t (rank int, item_id %2$s, score float8);
		END$f$, recommender, i, recommender);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.similar_users(for_user %2$s, k int DEFAULT 10)
		RETURNS TABLE (rank int, user_id %2$s, similarity float8)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
		BEGIN ATOMIC
			SELECT t.rank, t.user_id, t.similarity
			FROM recsys._similar_users(%3$L, for_user, k) AS t (rank int, user_id %2$s, similarity float8);
		END$f$, recommender, u, recommender);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.users_for_item(for_item %2$s, k int DEFAULT 10, exclude_owners boolean DEFAULT true)
		RETURNS TABLE (rank int, user_id %3$s, score float8, source text)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
		BEGIN ATOMIC
			SELECT t.rank, t.user_id, t.score, t.source
			FROM recsys._users_for_item(%4$L, for_item, k, exclude_owners)
				AS t (rank int, user_id %3$s, score float8, source text);
		END$f$, recommender, i, u, recommender);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.score(for_user %2$s, items %3$s[], policy name DEFAULT NULL)
		RETURNS TABLE (rank int, item_id %3$s, score float8, source text, reason text)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
		BEGIN ATOMIC
			SELECT t.rank, t.item_id, t.score, t.source, t.reason
			FROM recsys._score(%4$L, for_user, items, policy)
				AS t (rank int, item_id %3$s, score float8, source text, reason text);
		END$f$, recommender, u, i, recommender);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.features(for_user %2$s, items %3$s[], as_of timestamptz DEFAULT NULL, policy name DEFAULT NULL)
		RETURNS TABLE (item_id %3$s, feature text, value float8, description text)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 250
		BEGIN ATOMIC
			SELECT t.item_id, t.feature, t.value, t.description
			FROM recsys._features(%4$L, for_user, items, as_of, policy)
				AS t (item_id %3$s, feature text, value float8, description text);
		END$f$, recommender, u, i, recommender);
	EXECUTE format('COMMENT ON FUNCTION %I.similar_items(%s, int, text, jsonb) IS %L', recommender, i,
		'items like this one: by co-occurrence among users (item_item) or by the cosine of their factors (factors)');
	EXECUTE format('COMMENT ON FUNCTION %I.nearest(float4[], int, jsonb) IS %L', recommender,
		'the k items whose factors have the greatest inner product with a vector of as many numbers, exactly');
	EXECUTE format('COMMENT ON FUNCTION %I.similar_users(%s, int) IS %L', recommender, u,
		'users whose trained factors have the greatest cosine with those solved from this user''s history of now; none for a user without one');
	EXECUTE format('COMMENT ON FUNCTION %I.users_for_item(%s, int, boolean) IS %L', recommender, i,
		'the trained users with the greatest score for an item, without those who own it (unless exclude_owners is false) or dislike it; source: factor = by the item''s factors, fold_in = by factors solved from its users of now, category = by the mean factors of its category');
	EXECUTE format('COMMENT ON FUNCTION %I.score(%s, %s[], name) IS %L', recommender, u, i,
		'these items in the order of their scores for a user, as recommend has them, whether they may be listed or not');
	EXECUTE format('COMMENT ON FUNCTION %I.features(%s, %s[], timestamptz, name) IS %L', recommender, u, i,
		'what the ranker is told of these items for a user at an instant');
END $$;
COMMENT ON FUNCTION recsys._wrap_questions(name, text, text) IS
'makes similar_items, nearest, similar_users, users_for_item, score and features of a recommender with users of type u and items of type i';
