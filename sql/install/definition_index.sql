/* ---------------------------------------------------------------------------
 * Indexes that serving needs on source and catalog and does not find.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._missing_indexes(recommender name) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	time_column name := r.settings ->> 'time_column';
	col name;
BEGIN
	IF (SELECT c.relkind FROM pg_class c WHERE c.oid = r.source) NOT IN ('r', 'p', 'm') THEN
		RETURN;
	END IF;
	FOREACH col IN ARRAY ARRAY[r.settings ->> 'user_column', r.settings ->> 'item_column'] LOOP
		IF NOT EXISTS (
			SELECT FROM pg_index i
			WHERE i.indrelid = r.source AND i.indisvalid AND i.indpred IS NULL
			AND i.indkey[0] = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = r.source AND a.attname = col)
			AND (time_column IS NULL
				OR i.indkey[1] = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = r.source AND a.attname = time_column))) THEN
			RETURN NEXT CASE WHEN time_column IS NULL THEN format('CREATE INDEX ON %s (%I);', r.source, col)
				ELSE format('CREATE INDEX ON %s (%I, %I);', r.source, col, time_column) END;
		END IF;
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._missing_indexes(name) IS
'CREATE INDEX commands for the indexes on the source that serving needs and that do not exist';

CREATE FUNCTION recsys._notice_indexes(recommender name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	missing text := (SELECT string_agg(i, E'\n' ORDER BY i) FROM recsys._missing_indexes(recommender) i);
BEGIN
	IF missing IS NOT NULL THEN
		RAISE NOTICE 'serving will read all of % for each list: it has no index for one user or one item',
			(recsys._recommender(recommender)).source USING HINT = missing;
	END IF;
END $$;
COMMENT ON FUNCTION recsys._notice_indexes(name) IS 'a NOTICE with the indexes that serving misses, if any';

CREATE FUNCTION recsys._missing_order(recommender name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET enable_sort = off SET enable_incremental_sort = on SET enable_indexscan = on AS $$
DECLARE
	r recsys.recommender := recsys._recommender(recommender);
	given jsonb := coalesce(nullif(r.settings -> 'catalog_columns', 'null'), '{}');
	col name := CASE WHEN given ? 'released_at' THEN given ->> 'released_at' ELSE 'released_at' END;
	type regtype := (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = r.catalog AND a.attname = col AND NOT a.attisdropped);
	plan json;
BEGIN
	IF type IS NULL OR (SELECT c.relkind FROM pg_class c WHERE c.oid = r.catalog) NOT IN ('r', 'p', 'm')
		OR NOT EXISTS (SELECT FROM recsys.policy p WHERE p.recommender = r.recommender AND p.retired_at IS NULL
			AND p.method = 'funnel' AND (p.settings ->> 'fresh_candidates')::int > 0) THEN
		RETURN NULL;
	END IF;
	-- who but the planner knows whether an index serves: it sorts only where it has to
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM %I.catalog c WHERE c.released_at <= now()
		ORDER BY c.released_at DESC, c.item_id LIMIT 10', recommender) INTO plan;
	IF plan::text !~ '"Node Type": "Sort"' THEN
		RETURN NULL;
	END IF;
	RETURN format('CREATE INDEX ON %s (%s);', r.catalog, CASE type WHEN 'timestamptz'::regtype THEN quote_ident(col)
		ELSE format('(%I::timestamp AT TIME ZONE %L)', col, r.settings ->> 'time_zone') END);
EXCEPTION WHEN insufficient_privilege THEN
	RETURN NULL;
END $$;
COMMENT ON FUNCTION recsys._missing_order(name) IS
'CREATE INDEX command for the index on the catalog by which lists find its newest items; NULL where there is one, and where nothing needs or can have it';

CREATE FUNCTION recsys._notice_order(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	missing text := recsys._missing_order(recommender);
BEGIN
	IF missing IS NOT NULL THEN
		RAISE NOTICE 'serving will sort all of % for its newest items: it has no index for their order',
			(recsys._recommender(recommender)).catalog USING HINT = missing;
	END IF;
END $$;
COMMENT ON FUNCTION recsys._notice_order(name) IS 'a NOTICE with the index on the catalog that serving misses, if any';
