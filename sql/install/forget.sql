/* ---------------------------------------------------------------------------
 * A person who wants to be forgotten.
 *
 * Rows that name the user are deleted, those of the logs too: a list without
 * its user would still tell who it was by the history beside it.  Experiments
 * lose the unit in whichever arm it was, which favours none; results that have
 * been stored are sums, and stay.  What a model has learned from all users
 * together (popularity, neighbours, item factors) stays until the next one.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._user_text(recommender name, user_id text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	canonical text;
BEGIN
	-- as the owner: the input function of a domain is somebody else's code
	SELECT q.id INTO canonical FROM recsys._query_as_owner(recommender,
		format('SELECT (%L::%s)::text', user_id, format_type(r.user_type, -1))) q (id text);
	RETURN canonical;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
	RAISE EXCEPTION 'user id "%" is no %, as the user ids are', user_id, r.user_type USING ERRCODE = '22023';
END $$;
COMMENT ON FUNCTION recsys._user_text(name, text) IS
'a user id as its type prints it, which is what unit is in the logs; raises 22023 for what is none';

CREATE FUNCTION recsys._user_tables(recommender name) RETURNS TABLE (relation name, condition text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- %1$L is the id as text, %2$s its type
	SELECT v.name, v.condition
	FROM (VALUES (1, 'user_factor'::name, 'user_id = %1$L::%2$s'), (2, 'recommendation', 'user_id = %1$L::%2$s'),
		(3, 'user_evaluation', 'user_id = %1$L::%2$s'),
		(4, 'exposure', '(user_id = %1$L::%2$s OR unit = %1$L)'), (5, 'request', '(user_id = %1$L::%2$s OR unit = %1$L)'),
		(6, 'experiment_override', 'unit = %1$L')) v (n, name, condition)
	JOIN pg_catalog.pg_class c ON c.relname = v.name
	WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1)
	ORDER BY v.n;
END;
COMMENT ON FUNCTION recsys._user_tables(name) IS
'the tables of a recommender with rows about single users, and the condition for those of one';

CREATE FUNCTION recsys.forget_user(recommender name, user_id text, keep_out boolean DEFAULT true) RETURNS TABLE (table_name text, rows int8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender;
	id text;
	t record;
BEGIN
	IF recommender IS NULL OR user_id IS NULL OR keep_out IS NULL THEN
		RAISE EXCEPTION 'recommender, user_id and keep_out must not be NULL' USING ERRCODE = '22004';
	END IF;
	PERFORM recsys._check_owner(recommender);
	-- a training that has read the user already would write what is deleted here
	PERFORM recsys._lock_run(recommender, false);
	r := recsys._recommender(recommender);
	id := recsys._user_text(recommender, user_id);
	FOR t IN SELECT * FROM recsys._user_tables(recommender) LOOP
		table_name := format('%I.%I', recommender, t.relation);
		rows := recsys._execute_as_owner(recommender, format('DELETE FROM %s WHERE ', table_name)
			|| format(t.condition, id, format_type(r.user_type, -1)));
		RETURN NEXT;
	END LOOP;
	table_name := 'recsys.recommender';	-- setting never_bots
	UPDATE recsys.recommender d SET settings = jsonb_set(d.settings, '{never_bots}',
		(SELECT coalesce(jsonb_agg(e), '[]') FROM jsonb_array_elements(d.settings -> 'never_bots') e WHERE e #>> '{}' <> id))
	WHERE d.recommender = recommender AND EXISTS (SELECT FROM jsonb_array_elements_text(d.settings -> 'never_bots') e WHERE e = id);
	GET DIAGNOSTICS rows = ROW_COUNT;
	RETURN NEXT;
	table_name := format('%I.excluded_user', recommender);
	IF keep_out THEN
		PERFORM recsys._execute_as_owner(recommender, format(
			'INSERT INTO %1$s (user_id, reason, rule) VALUES (%2$L, ''asked to be forgotten'', ''forgotten'')
			 ON CONFLICT (user_id) DO UPDATE SET reason = EXCLUDED.reason, rule = EXCLUDED.rule', table_name, id));
		rows := 0;
	ELSE
		rows := recsys._execute_as_owner(recommender, format('DELETE FROM %s WHERE user_id = %L', table_name, id));
	END IF;
	RETURN NEXT;
	-- images of models hold vectors of users
	PERFORM recsys._forget_images(recommender, NULL);
END $$;
COMMENT ON FUNCTION recsys.forget_user(name, text, boolean) IS
'deletes what the recommender''s tables hold about one user, and says how many rows of each; keeps the id in SHOP.excluded_user, so that nothing is learned from the user again, unless keep_out is false, for a user whom the source no longer has; the source itself is not touched';
