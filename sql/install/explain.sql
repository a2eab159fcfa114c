/* ---------------------------------------------------------------------------
 * Why an item stands where it does in a list, or why it does not.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._explain(recommender name, for_user "any", for_item "any", as_of timestamptz, policy name) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 40 AS 'MODULE_PATHNAME', 'recsys_explain';
COMMENT ON FUNCTION recsys._explain(name, "any", "any", timestamptz, name) IS
'door behind SHOP.explain: (step int, stage text, name text, value float8, note text)';

CREATE FUNCTION recsys._wrap_explain(recommender name, u text, i text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.explain(for_user %2$s, for_item %3$s, as_of timestamptz DEFAULT NULL, policy name DEFAULT NULL)
		RETURNS TABLE (step int, stage text, name text, value float8, note text)
		LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 40
		BEGIN ATOMIC
			SELECT t.step, t.stage, t.name, t.value, t.note
			FROM recsys._explain(%1$L, for_user, for_item, as_of, policy)
				AS t (step int, stage text, name text, value float8, note text);
		END$f$, recommender, u, i);
	EXECUTE format('COMMENT ON FUNCTION %I.explain(%s, %s, timestamptz, name) IS %L', recommender, u, i,
		'an item in a user''s list, stage by stage: history, candidate (position in each source), feature, rank (scores), rule (what each rule did: 0 keeps it off the list), verdict (its place, or why it has none)');
END $$;
COMMENT ON FUNCTION recsys._wrap_explain(name, text, text) IS
'(re)creates the function explain in a recommender''s schema; u and i are the types of its ids';
