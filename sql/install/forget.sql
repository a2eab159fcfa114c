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

CREATE FUNCTION recsys._user_tables(recommender name) RETURNS TABLE (relation name, by_user text, by_unit text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- %1$L is the id as text, %2$s its type
	SELECT v.name, CASE WHEN v.by_user THEN 'user_id = %1$L::%2$s' END, CASE WHEN v.by_unit THEN 'unit = %1$L' END
	FROM (VALUES (1, 'user_factor'::name, true, false), (2, 'recommendation', true, false), (3, 'user_evaluation', true, false),
		(4, 'exposure', true, true), (5, 'request', true, true), (6, 'experiment_override', false, true)) v (n, name, by_user, by_unit)
	JOIN pg_catalog.pg_class c ON c.relname = v.name
	WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1)
	ORDER BY v.n;
END;
COMMENT ON FUNCTION recsys._user_tables(name) IS
'the tables of a recommender with rows about single users, and the conditions for those of one, by the user''s id and as a unit; NULL where the table does not have that';

CREATE FUNCTION recsys.forget_user(recommender name, user_id text, keep_out boolean DEFAULT true) RETURNS TABLE (table_name text, rows int8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r recsys.recommender;
	session boolean;
	id text;
	t record;
	condition text;
	bots jsonb;
BEGIN
	IF recommender IS NULL OR user_id IS NULL OR keep_out IS NULL THEN
		RAISE EXCEPTION 'recommender, user_id and keep_out must not be NULL' USING ERRCODE = '22004';
	END IF;
	PERFORM recsys._check_owner(recommender);
	-- a training that has read the user already would write what is deleted here
	PERFORM recsys._lock_run(recommender, false);
	r := recsys._recommender(recommender);
	-- a unit of the logs that is nobody's id; where ids are texts it may be one as well
	session := user_id LIKE 'session:%' AND (SELECT y.typcategory FROM pg_type y WHERE y.oid = r.user_type) <> 'S';
	id := CASE WHEN session THEN user_id ELSE recsys._user_text(recommender, user_id) END;
	FOR t IN SELECT * FROM recsys._user_tables(recommender) LOOP
		condition := concat_ws(' OR ', CASE WHEN NOT session THEN t.by_user END, t.by_unit);
		CONTINUE WHEN condition = '';
		table_name := format('%I.%I', recommender, t.relation);
		rows := recsys._execute_as_owner(recommender, format('DELETE FROM %s WHERE ', table_name)
			|| format(condition, id, format_type(r.user_type, -1)));
		IF t.relation = 'user_factor' AND rows > 0 THEN
			-- images of models hold vectors of users: with another nonce sessions let go of those that they have open
			UPDATE recsys.model m SET nonce = DEFAULT WHERE (m.recommender, m.status) = (recommender, 'ready');
			PERFORM recsys._forget_images(recommender, NULL);
		END IF;
		RETURN NEXT;
	END LOOP;
	IF session THEN
		RETURN;
	END IF;
	table_name := 'recsys.recommender';	-- setting never_bots
	SELECT q.e INTO bots FROM recsys._query_as_owner(recommender, format(
		'SELECT coalesce(jsonb_agg(b.e ORDER BY b.n), ''[]'') FROM jsonb_array_elements(%1$L) WITH ORDINALITY b (e, n) WHERE (b.e #>> ''{}'')::%2$s <> %3$L::%2$s',
		r.settings -> 'never_bots', recsys._base_type(r.user_type), id)) q (e jsonb);
	UPDATE recsys.recommender d SET settings = jsonb_set(d.settings, '{never_bots}', bots)
	WHERE d.recommender = recommender AND d.settings -> 'never_bots' <> bots;
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
END $$;
COMMENT ON FUNCTION recsys.forget_user(name, text, boolean) IS
'deletes what the recommender''s tables hold about one user, or, of an id like session:..., what is logged of a session, and says how many rows of each; keeps the id in SHOP.excluded_user, so that nothing is learned from the user again, unless keep_out is false, for a user whom the source no longer has; the source itself is not touched';
