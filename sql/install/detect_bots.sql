/* ---- bots ---- */

CREATE FUNCTION recsys._detect_bots(recommender name, before timestamptz)
	RETURNS TABLE (user_id text, rule text, measure float8, threshold float8)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recsys_detect_bots';
COMMENT ON FUNCTION recsys._detect_bots(name, timestamptz) IS
'users whose activity before an instant (NULL: all) is out of proportion, read as the recommender''s owner';

CREATE FUNCTION recsys.detect_bots(recommender name, before timestamptz DEFAULT NULL, apply boolean DEFAULT true)
	RETURNS TABLE (user_id text, rule text, measure float8, threshold float8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	r recsys.recommender := recsys._recommender(detect_bots.recommender);
	users text[];
	rules text[];
	measures float8[];
	thresholds float8[];
BEGIN
	PERFORM recsys._check_owner(detect_bots.recommender);
	SELECT array_agg(b.user_id), array_agg(b.rule), array_agg(b.measure), array_agg(b.threshold)
	INTO users, rules, measures, thresholds
	FROM recsys._detect_bots(detect_bots.recommender, detect_bots.before) b;
	IF apply THEN
		PERFORM recsys._execute_as_owner(detect_bots.recommender, format(
			'DELETE FROM %1$I.excluded_user x WHERE x.rule IN (''bot_rate'', ''bot_breadth'')
			 AND NOT x.user_id = ANY (%3$L::text[]::%2$s[])',
			detect_bots.recommender, format_type(r.user_type, -1), coalesce(users, '{}')));
		PERFORM recsys._execute_as_owner(detect_bots.recommender, format(
			'INSERT INTO %1$I.excluded_user AS x (user_id, reason, rule)
			 SELECT b.user_id::%2$s, format(''%%s: %%s, more than %%s'',
				CASE b.rule WHEN ''bot_rate'' THEN ''events in the busiest hour'' ELSE ''distinct items in the busiest day'' END,
				b.measure, round(b.threshold::numeric, 1)), b.rule
			 FROM unnest(%3$L::text[], %4$L::text[], %5$L::float8[], %6$L::float8[]) b (user_id, rule, measure, threshold)
			 ON CONFLICT (user_id) DO UPDATE SET reason = EXCLUDED.reason, rule = EXCLUDED.rule
			 WHERE x.rule IN (''bot_rate'', ''bot_breadth'') AND x.reason <> EXCLUDED.reason',
			detect_bots.recommender, format_type(r.user_type, -1), users, rules, measures, thresholds));
	END IF;
	RETURN QUERY SELECT b.* FROM unnest(users, rules, measures, thresholds) b (user_id, rule, measure, threshold);
END $$;
COMMENT ON FUNCTION recsys.detect_bots(name, timestamptz, boolean) IS
'users whose busiest hour (events) or busiest day (distinct items) exceeds exp(median + bot_z * 1.4826 * MAD) of the logarithms over all users; apply writes them into SHOP.excluded_user and takes out those no longer found';
