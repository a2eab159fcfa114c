/* ---------------------------------------------------------------------------
 * Cadence: retraining by pg_cron.
 *
 * The job's command is one CALL, since a procedure that commits must be the
 * only statement.  pg_cron forgets what was due while the server was down, so
 * a second job, at the start of the server, retrains if an instant of the
 * schedule has gone by without it.  That needs to know when the last one was,
 * hence the reading of cron's five fields.
 * --------------------------------------------------------------------------- */

CREATE FUNCTION recsys._cron_setting(name text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') THEN nullif(pg_catalog.current_setting($1, true), '') END;
END;
COMMENT ON FUNCTION recsys._cron_setting(text) IS
'a setting of pg_cron; NULL where it is not loaded or the caller may not see its settings, which are for superusers and pg_read_all_settings';

CREATE FUNCTION recsys._cron_field(field text, low int4, high int4, names text[] DEFAULT '{}') RETURNS int4[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	part text;
	m text[];
	first int4;
	last int4;
	step int4;
	numbers int4[] := '{}'::int4[];
BEGIN
	FOREACH part IN ARRAY string_to_array(lower(field), ',') LOOP
		FOR i IN 1 .. cardinality(names) LOOP
			part := replace(part, names[i], (low + i - 1)::text);
		END LOOP;
		m := regexp_match(part, '^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$');
		first := CASE WHEN m[1] IS NOT NULL THEN low ELSE m[2]::int4 END;
		last := CASE WHEN m[1] IS NOT NULL THEN high ELSE coalesce(m[3], m[2])::int4 END;
		step := coalesce(m[4], '1')::int4;
		IF m IS NULL OR first < low OR last > high OR first > last OR step < 1 OR (m[4] IS NOT NULL AND m[1] IS NULL AND m[3] IS NULL) THEN
			RETURN NULL;
		END IF;
		numbers := numbers || ARRAY(SELECT n FROM generate_series(first, last, step) n);
	END LOOP;
	RETURN nullif(ARRAY(SELECT DISTINCT n FROM unnest(numbers) n ORDER BY n), '{}');
END $$;
COMMENT ON FUNCTION recsys._cron_field(text, int4, int4, text[]) IS
'the numbers that one field of a cron schedule stands for, ascending; NULL where it is none';

CREATE FUNCTION recsys._last_due(schedule text, now timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	f text[];
	minutes int4[];
	hours int4[];
	days int4[];
	months int4[];
	weekdays int4[];
	any_day boolean;
	is_day boolean;
	is_weekday boolean;
	-- pg_cron's schedules are in UTC; from 1.6 on it has a setting for it
	zone text := coalesce(recsys._cron_setting('cron.timezone'), 'UTC');
	at timestamp := date_trunc('minute', now AT TIME ZONE zone);
	day date := at::date;
	found timestamp;
BEGIN
	IF schedule ~* '^\s*@reboot\s*$' THEN
		RETURN pg_postmaster_start_time();
	ELSIF schedule ~* '^\s*[1-9]\d?\s+seconds?\s*$' THEN
		RETURN now - trim(schedule)::interval;
	END IF;
	f := regexp_split_to_array(trim(coalesce('{"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
		"@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}'::jsonb ->> lower(trim(schedule)), schedule)), '\s+');
	minutes := recsys._cron_field(f[1], 0, 59);
	hours := recsys._cron_field(f[2], 0, 23);
	days := recsys._cron_field(f[3], 1, 31);
	months := recsys._cron_field(f[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
	weekdays := recsys._cron_field(f[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
	IF cardinality(f) <> 5 OR minutes IS NULL OR hours IS NULL OR days IS NULL OR months IS NULL OR weekdays IS NULL THEN
		RAISE EXCEPTION 'cron schedule is "%", must be five fields', schedule USING ERRCODE = '22023',
			HINT = 'Minute, hour, day of the month, month, day of the week, for example "30 3 * * *" for half past three each night, in UTC.';
	END IF;
	-- either day will do where both are given, as in cron
	any_day := f[3] NOT LIKE '*%' AND f[5] NOT LIKE '*%';
	-- 29 February may be eight years away
	FOR i IN 0 .. 8 * 366 + 1 LOOP
		is_day := extract(day FROM day)::int4 = ANY (days);
		is_weekday := weekdays && ARRAY[extract(dow FROM day), extract(isodow FROM day)]::int4[];
		IF any_day THEN
			is_day := is_day OR is_weekday;
		ELSE
			is_day := is_day AND is_weekday;
		END IF;
		IF is_day AND extract(month FROM day)::int4 = ANY (months) THEN
			SELECT max(day + h * interval '1 hour' + m * interval '1 minute') INTO found
			FROM unnest(hours) h, unnest(minutes) m WHERE day + h * interval '1 hour' + m * interval '1 minute' <= at;
			IF found IS NOT NULL THEN
				RETURN found AT TIME ZONE zone;
			END IF;
		END IF;
		day := day - 1;
	END LOOP;
	RAISE EXCEPTION 'cron schedule "%" is never due', schedule USING ERRCODE = '22023';
END $$;
COMMENT ON FUNCTION recsys._last_due(text, timestamptz) IS
'the last instant up to now at which a cron schedule was due, in UTC or what cron.timezone says; raises 22023 for what is none';

CREATE FUNCTION recsys._is_due(recommender name, schedule text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	last_due timestamptz;
BEGIN
	IF recommender IS NULL OR schedule IS NULL THEN
		RAISE EXCEPTION 'recommender and schedule must not be NULL' USING ERRCODE = '22004';
	END IF;
	PERFORM recsys._check_owner(recommender);
	last_due := recsys._last_due(schedule, now());
	-- retrain alone has the stages publish and maintain, which is the last one
	RETURN EXISTS (SELECT FROM recsys._routine_policies(recommender) p (policy)
		WHERE NOT EXISTS (SELECT FROM recsys.training_run t
			JOIN recsys.model m ON m.model_id = t.model_id
			WHERE (t.recommender, m.policy) = (recommender, p.policy) AND t.started_at >= last_due
			AND (SELECT count(*) FROM recsys.training_stage s WHERE s.run_id = t.run_id AND s.stage IN ('publish', 'maintain')) = 2));
END $$;
COMMENT ON FUNCTION recsys._is_due(name, text) IS
'whether a schedule''s last instant has gone by without a retrain of the live policy, or of one with models that a running experiment tests, that was begun since and came to its end';

CREATE PROCEDURE recsys.retrain_due(recommender name, schedule text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	CALL recsys._check_nonatomic('retrain_due');
	IF recsys._is_due(recommender, schedule) THEN
		CALL recsys.retrain(recommender);
	END IF;
END $$;
COMMENT ON PROCEDURE recsys.retrain_due(name, text) IS
'retrains if the last instant of a cron schedule has gone by without a retrain of the live policy, and of what running experiments test, that came to its end: once after a downtime, however long it was';

/* ---- jobs of pg_cron, whose tables and functions may not be there ---- */

CREATE FUNCTION recsys._job_names(recommender name) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- quoted, or "shop catch-up" would have the name of the second job of shop; they
	-- are of type name up to pg_cron 1.4, which cuts a long one, hence its hash
	SELECT ARRAY[pg_catalog.format('recsys %s', q.name), pg_catalog.format('recsys %s catch-up', q.name)]
	FROM (SELECT CASE WHEN pg_catalog.octet_length(s.name) > 40 THEN pg_catalog.md5(s.name) ELSE s.name END AS name
		FROM (SELECT CASE WHEN $1 ~ '^[a-z_][a-z0-9_]*$' THEN $1::pg_catalog.text ELSE '"' || pg_catalog.replace($1, '"', '""') || '"' END) s (name)) q;
END;
COMMENT ON FUNCTION recsys._job_names(name) IS 'names of the two jobs of a recommender in pg_cron';

CREATE FUNCTION recsys._jobs(recommender name, cron text, OUT name text, OUT schedule text, OUT command text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT n.names[1], $2, pg_catalog.format('CALL recsys.retrain(%L)', $1) FROM (SELECT recsys._job_names($1) AS names) n
	UNION ALL
	SELECT n.names[2], '@reboot', pg_catalog.format('CALL recsys.retrain_due(%L, %L)', $1, $2) FROM (SELECT recsys._job_names($1) AS names) n
	WHERE $2 !~* '^\s*(@reboot|\d+\s+seconds?)\s*$';
END;
COMMENT ON FUNCTION recsys._jobs(name, text) IS
'the jobs of a recommender that is retrained at the instants of a cron schedule: the one that does, and the catch-up, for schedules of minutes and more';

CREATE FUNCTION recsys._has_cron() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- the extension, not a schema of that name: its functions would be somebody else's code
	SELECT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_cron');
END;
COMMENT ON FUNCTION recsys._has_cron() IS 'whether pg_cron is in this database, which can only be that of its jobs';

CREATE FUNCTION recsys._check_cron(recommender name, schedule text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	home name := recsys._cron_setting('cron.database_name');
	package text := format('postgresql-%s-cron', current_setting('server_version_num')::int4 / 10000);
BEGIN
	IF pg_is_in_recovery() THEN
		RAISE EXCEPTION 'cannot schedule on a standby' USING ERRCODE = '25006', HINT = 'Do it on the primary; a standby serves.';
	ELSIF recsys._has_cron() THEN
		IF NOT has_schema_privilege('cron', 'USAGE') THEN
			RAISE EXCEPTION 'permission denied to schedule by pg_cron' USING ERRCODE = '42501',
				HINT = format('As a superuser: GRANT USAGE ON SCHEMA cron TO %I;', current_user);
		END IF;
	ELSIF NOT EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'pg_cron') THEN
		RAISE EXCEPTION 'pg_cron is not installed' USING ERRCODE = '0A000',
			HINT = format('Install it (Debian: %s), or let any scheduler of yours run: psql -c "CALL recsys.retrain(%L)"', package, recommender);
	ELSIF home <> current_database() THEN
		RAISE EXCEPTION 'the jobs of pg_cron are in database "%", not in "%"', home, current_database() USING ERRCODE = '55000',
			HINT = 'There: ' || (SELECT string_agg(format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
				format('%s in %I', j.name, current_database()), j.schedule, j.command, current_database(), recsys._job_role(recommender)), ' ' ORDER BY j.name)
				FROM recsys._jobs(recommender, schedule) j);
	ELSE
		RAISE EXCEPTION 'extension pg_cron has not been created in database "%"', current_database() USING ERRCODE = '55000',
			HINT = format('In postgresql.conf: shared_preload_libraries = ''pg_cron'' and cron.database_name = %L; restart; then, as a superuser: CREATE EXTENSION pg_cron.%s',
				current_database(), CASE WHEN NOT pg_has_role('pg_read_all_settings', 'USAGE')
					THEN ' If its jobs are in another database already, which a superuser can see, schedule there.' END);
	END IF;
END $$;
COMMENT ON FUNCTION recsys._check_cron(name, text) IS
'raises an error that says what is missing where the caller cannot schedule by pg_cron in this database';

CREATE FUNCTION recsys._job_role(recommender name) RETURNS name
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- a superuser gives the job to the owner, if that can log in; training runs the owner's SQL as the owner in any case
	SELECT CASE WHEN c.rolsuper AND o.rolcanlogin THEN o.rolname ELSE c.rolname END
	FROM pg_catalog.pg_namespace n
	JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
	JOIN pg_catalog.pg_roles c ON c.rolname = current_user
	WHERE n.nspname = $1;
END;
COMMENT ON FUNCTION recsys._job_role(name) IS
'the role that a recommender''s jobs are to run as: its owner, where a superuser schedules and the owner can log in; else the caller';

CREATE FUNCTION recsys._drop_jobs(recommender name) RETURNS int4
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	jobs int8[];
BEGIN
	IF NOT recsys._has_cron() THEN
		RETURN 0;
	ELSIF NOT has_schema_privilege('cron', 'USAGE') THEN
		RETURN 0;
	END IF;
	-- those that row-level security shows: one's own, or for a superuser all
	EXECUTE 'SELECT array_agg(j.jobid) FROM cron.job j WHERE j.jobname = ANY ($1) AND j.database = current_database()'
		INTO jobs USING recsys._job_names(recommender);
	EXECUTE 'SELECT cron.unschedule(j) FROM unnest($1) j' USING jobs;
	RETURN coalesce(cardinality(jobs), 0);
END $$;
COMMENT ON FUNCTION recsys._drop_jobs(name) IS
'removes the jobs of a recommender that the caller may remove; returns how many';

CREATE FUNCTION recsys.schedule(recommender name, cron text DEFAULT '30 3 * * *') RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	job_role name;
	job record;
	id int8;
	main int8;
BEGIN
	IF recommender IS NULL OR cron IS NULL THEN
		RAISE EXCEPTION 'recommender and cron must not be NULL' USING ERRCODE = '22004';
	END IF;
	PERFORM recsys._check_owner(recommender);
	PERFORM recsys._last_due(cron, now());
	PERFORM recsys._check_cron(recommender, cron);
	job_role := recsys._job_role(recommender);
	IF NOT (SELECT c.rolcanlogin FROM pg_roles c WHERE c.rolname = job_role) THEN
		RAISE EXCEPTION 'role "%" cannot log in, as a job of pg_cron does', job_role USING ERRCODE = '55000',
			HINT = 'Schedule as a member of it that can, or as a superuser.';
	END IF;
	PERFORM recsys._drop_jobs(recommender);
	FOR job IN SELECT j.* FROM recsys._jobs(recommender, cron) j ORDER BY j.name LOOP
		IF job_role = current_user THEN
			EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO id USING job.name, job.schedule, job.command;
		ELSE
			EXECUTE 'SELECT cron.schedule_in_database($1, $2, $3, $4, $5)' INTO id
				USING job.name, job.schedule, job.command, current_database()::text, job_role::text;
		END IF;
		main := coalesce(main, id);
	END LOOP;
	RETURN main;
END $$;
COMMENT ON FUNCTION recsys.schedule(name, text) IS
'has pg_cron call recsys.retrain at the instants of a cron schedule (in UTC), as the recommender''s owner or the caller, and once after a downtime in which one went by; replaces what was scheduled before; returns the jobid';

CREATE FUNCTION recsys.unschedule(recommender name) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM recsys._check_owner(unschedule.recommender);
	RETURN recsys._drop_jobs(unschedule.recommender) > 0;
END $$;
COMMENT ON FUNCTION recsys.unschedule(name) IS
'removes the jobs that schedule has made; returns whether there were any';
