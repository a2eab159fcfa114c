/* ---------------------------------------------------------------------------
 * Serving.  The functions in a recommender's schema are thin, typed wrappers
 * that the planner inlines; the doors below take ids of any type and say
 * themselves what they return.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._recommend(recommender name, for_user "any", k int4, after int4, only_items "any", except_items "any",
	filter jsonb, policy name, as_of timestamptz) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'recsys_recommend';
COMMENT ON FUNCTION recsys._recommend(name, "any", int4, int4, "any", "any", jsonb, name, timestamptz) IS
'door behind SHOP.recommend: (rank int, item_id I, score float8, source text, reason text, because_item_id I)';

CREATE FUNCTION recsys._recommend_for_items(recommender name, for_items "any", k int4, except_items "any",
	filter jsonb, policy name) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'recsys_recommend_for_items';
COMMENT ON FUNCTION recsys._recommend_for_items(name, "any", int4, "any", jsonb, name) IS
'door behind SHOP.recommend_for_items: (rank int, item_id I, score float8, source text, reason text, because_item_id I)';

CREATE FUNCTION recsys._share_model(recommender name, model_id int8) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_share_model';
COMMENT ON FUNCTION recsys._share_model(name, int8) IS
'makes the file in which sessions share a model, so that the first calls for lists do not wait for it';

CREATE FUNCTION recsys._forget_images(recommender name, models int8[]) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_forget_images';
COMMENT ON FUNCTION recsys._forget_images(name, int8[]) IS
'when the transaction commits, removes the files in which sessions share these models of a recommender, NULL: all; a file that is needed yet is made anew';

CREATE FUNCTION recsys.refresh_functions(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	u text := format_type(r.user_type, -1);
	i text := format_type(r.item_type, -1);
BEGIN
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._wrap_log(recommender, u, i);
	PERFORM recsys._wrap_experiment(recommender, i);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.recommend(for_user %2$s, k int DEFAULT 10, after int DEFAULT 0,
			only_items %3$s[] DEFAULT NULL, except_items %3$s[] DEFAULT NULL, filter jsonb DEFAULT NULL,
			policy name DEFAULT NULL, as_of timestamptz DEFAULT NULL)
		RETURNS TABLE (rank int, item_id %3$s, score float8, source text, reason text, because_item_id %3$s)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
		BEGIN ATOMIC
			SELECT t.rank, t.item_id, t.score, t.source, t.reason, t.because_item_id
			FROM recsys._recommend(%4$L, for_user, k, after, only_items, except_items, filter, policy, as_of)
				AS t (rank int, item_id %3$s, score float8, source text, reason text, because_item_id %3$s);
		END$f$, recommender, u, i, recommender);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.recommend_for_items(for_items %2$s[], k int DEFAULT 10,
			except_items %2$s[] DEFAULT NULL, filter jsonb DEFAULT NULL, policy name DEFAULT NULL)
		RETURNS TABLE (rank int, item_id %2$s, score float8, source text, reason text, because_item_id %2$s)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
		BEGIN ATOMIC
			SELECT t.rank, t.item_id, t.score, t.source, t.reason, t.because_item_id
			FROM recsys._recommend_for_items(%3$L, for_items, k, except_items, filter, policy)
				AS t (rank int, item_id %2$s, score float8, source text, reason text, because_item_id %2$s);
		END$f$, recommender, i, recommender);
	EXECUTE format('COMMENT ON FUNCTION %I.recommend(%s, int, int, %s[], %3$s[], jsonb, name, timestamptz) IS %4$L', recommender, u, i,
		'the k best items for a user after the first "after" ones: by the live policy, without what the user owns or dislikes, what is excluded or unavailable; popular items for an unknown user');
	EXECUTE format('COMMENT ON FUNCTION %I.recommend_for_items(%s[], int, %2$s[], jsonb, name) IS %3$L', recommender, i,
		'the k best items for somebody who has shown interest in these items, the latest last');
	PERFORM recsys._wrap_questions(recommender, u, i);
	PERFORM recsys._wrap_explain(recommender, u, i);
END $$;
COMMENT ON FUNCTION recsys.refresh_functions(name) IS
'(re)creates the functions in a recommender''s schema, as its owner after an upgrade of the extension';
