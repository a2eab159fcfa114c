/* ---------------------------------------------------------------------------
 * Experiments: their registry, the assignment of units to arms, and the
 * exposures of lists that the app makes by itself.
 * --------------------------------------------------------------------------- */

CREATE TABLE recsys.experiment (
	experiment_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	recommender name NOT NULL REFERENCES recsys.recommender ON DELETE CASCADE,
	experiment name NOT NULL,
	state text NOT NULL CHECK (state IN ('draft', 'running', 'stopped', 'decided')),
	salt text NOT NULL,
	traffic float8 NOT NULL CHECK (traffic > 0 AND traffic <= 1),
	traffic_from float8 CHECK (traffic_from >= 0 AND traffic_from + traffic <= 1 + 1e-9),
	primary_metric text NOT NULL,
	guardrails text[] NOT NULL,
	attribution_seconds float8 NOT NULL CHECK (attribution_seconds > 0),
	alpha float8 NOT NULL CHECK (alpha > 0 AND alpha < 1),
	minimum_effect float8 CHECK (minimum_effect > 0),
	minimum_days int4 NOT NULL CHECK (minimum_days >= 0),
	settings jsonb NOT NULL,
	planned_units int8 CHECK (planned_units > 0),
	created_at timestamptz NOT NULL DEFAULT now(),
	started_at timestamptz,
	stopped_at timestamptz,
	decided_at timestamptz,
	verdict text,
	reason text,
	UNIQUE (recommender, experiment),
	UNIQUE (experiment_id, recommender),
	CHECK (state = 'draft' OR (traffic_from IS NOT NULL AND started_at IS NOT NULL AND planned_units IS NOT NULL)),
	CHECK (state IN ('draft', 'running') OR stopped_at IS NOT NULL),
	CHECK (state <> 'decided' OR (decided_at IS NOT NULL AND verdict IS NOT NULL AND reason IS NOT NULL))
);
COMMENT ON TABLE recsys.experiment IS 'one row per A/B test between policies';
COMMENT ON COLUMN recsys.experiment.experiment_id IS 'identity';
COMMENT ON COLUMN recsys.experiment.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.experiment.experiment IS 'name of the experiment';
COMMENT ON COLUMN recsys.experiment.state IS 'draft, running, stopped (no unit is assigned any more) or decided (the verdict is final)';
COMMENT ON COLUMN recsys.experiment.salt IS 'what the bucket that picks a unit''s arm is salted with';
COMMENT ON COLUMN recsys.experiment.traffic IS 'share of units in the experiment; may only grow while it runs';
COMMENT ON COLUMN recsys.experiment.traffic_from IS 'units with a bucket, salted with the recommender''s name, from here up to traffic more are in it; NULL before the start';
COMMENT ON COLUMN recsys.experiment.primary_metric IS 'the metric that decides';
COMMENT ON COLUMN recsys.experiment.guardrails IS 'metrics that must not become worse';
COMMENT ON COLUMN recsys.experiment.attribution_seconds IS 'so long after the first exposure, in seconds, what a unit does counts; of click-through after each exposure';
COMMENT ON COLUMN recsys.experiment.alpha IS '1 less the confidence of the intervals, shared by the arms against the control';
COMMENT ON COLUMN recsys.experiment.minimum_effect IS 'smallest relative lift of the primary metric that matters; NULL where none was named';
COMMENT ON COLUMN recsys.experiment.minimum_days IS 'no win is called before so many days';
COMMENT ON COLUMN recsys.experiment.settings IS 'metrics of one''s own by name, and how metrics are analysed';
COMMENT ON COLUMN recsys.experiment.planned_units IS 'units at which the intervals are tightest, fixed at the start';
COMMENT ON COLUMN recsys.experiment.created_at IS 'when it was made';
COMMENT ON COLUMN recsys.experiment.started_at IS 'when it began to assign units';
COMMENT ON COLUMN recsys.experiment.stopped_at IS 'when it ceased to';
COMMENT ON COLUMN recsys.experiment.decided_at IS 'when its verdict became final';
COMMENT ON COLUMN recsys.experiment.verdict IS 'ship, do not ship, keep running, keep waiting (for the windows of a stopped one to close), or invalid: and why; of the latest report, final once decided';
COMMENT ON COLUMN recsys.experiment.reason IS 'why, in a sentence';

CREATE TABLE recsys.variant (
	experiment_id int8 NOT NULL,
	variant text NOT NULL CHECK (variant <> ''),
	recommender name NOT NULL,
	policy name NOT NULL,
	policy_version int4 NOT NULL,
	weight float8 NOT NULL CHECK (weight > 0 AND weight < 'Infinity'),
	control boolean NOT NULL,
	PRIMARY KEY (experiment_id, variant),
	FOREIGN KEY (experiment_id, recommender) REFERENCES recsys.experiment (experiment_id, recommender) ON DELETE CASCADE
);
CREATE UNIQUE INDEX ON recsys.variant (experiment_id) WHERE control;
COMMENT ON TABLE recsys.variant IS 'the arms of experiments; frozen at the start';
COMMENT ON COLUMN recsys.variant.experiment_id IS 'the experiment';
COMMENT ON COLUMN recsys.variant.variant IS 'name of the arm';
COMMENT ON COLUMN recsys.variant.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.variant.policy IS 'the policy that it shows; external: the app''s own list';
COMMENT ON COLUMN recsys.variant.policy_version IS 'version of the policy, which cannot be altered while the experiment runs; 0 of external';
COMMENT ON COLUMN recsys.variant.weight IS 'share of the experiment''s units, on any scale';
COMMENT ON COLUMN recsys.variant.control IS 'whether the others are compared with this one';

CREATE TABLE recsys.experiment_result (
	experiment_id int8 NOT NULL,
	computed_at timestamptz NOT NULL,
	variant text NOT NULL,
	metric text NOT NULL,
	recommender name NOT NULL,
	role text NOT NULL CHECK (role IN ('primary', 'guardrail', 'secondary')),
	units int8 NOT NULL,
	mean float8,
	difference float8,
	lift float8,
	lower float8,
	upper float8,
	p_value float8,
	sample_ratio_p float8,
	open_units int8 NOT NULL DEFAULT 0,
	PRIMARY KEY (experiment_id, computed_at, variant, metric),
	FOREIGN KEY (experiment_id, recommender) REFERENCES recsys.experiment (experiment_id, recommender) ON DELETE CASCADE
);
CREATE INDEX ON recsys.experiment_result (recommender, experiment_id);
COMMENT ON TABLE recsys.experiment_result IS 'what reports on experiments said, one row per report, arm and metric';
COMMENT ON COLUMN recsys.experiment_result.experiment_id IS 'the experiment';
COMMENT ON COLUMN recsys.experiment_result.computed_at IS 'the instant that the report speaks of';
COMMENT ON COLUMN recsys.experiment_result.variant IS 'the arm';
COMMENT ON COLUMN recsys.experiment_result.metric IS 'the metric';
COMMENT ON COLUMN recsys.experiment_result.recommender IS 'the recommender';
COMMENT ON COLUMN recsys.experiment_result.role IS 'primary (decides), guardrail (must not become worse) or secondary';
COMMENT ON COLUMN recsys.experiment_result.units IS 'units of the arm that the metric could be taken of, their window closed';
COMMENT ON COLUMN recsys.experiment_result.mean IS 'mean over the units, or ratio of two means';
COMMENT ON COLUMN recsys.experiment_result.difference IS 'to the control, adjusted for the time before the experiment where that is done; NULL of the control';
COMMENT ON COLUMN recsys.experiment_result.lift IS 'the difference over the control''s mean';
COMMENT ON COLUMN recsys.experiment_result.lower IS 'lower end of the difference''s interval, which holds however often one looks; NULL while there are too few units';
COMMENT ON COLUMN recsys.experiment_result.upper IS 'upper end';
COMMENT ON COLUMN recsys.experiment_result.p_value IS 'p-value of no difference, of the same kind';
COMMENT ON COLUMN recsys.experiment_result.sample_ratio_p IS 'probability that units fall into the arms so far from the weights by chance, at any look: of those assigned and of those with an exposure; below 0.01, as it is of one sound experiment in a hundred at most, the test is called invalid';
COMMENT ON COLUMN recsys.experiment_result.open_units IS 'units that the metric leaves out yet, since their window is open; of click-through units with such an exposure';

-- promotions come before experiments; only drafts are dropped, and no promotion names one
ALTER TABLE recsys.promotion ADD FOREIGN KEY (experiment_id, recommender) REFERENCES recsys.experiment (experiment_id, recommender);

DO $$
DECLARE
	t name;
BEGIN
	FOREACH t IN ARRAY ARRAY['experiment', 'variant', 'experiment_result'] LOOP
		EXECUTE format('ALTER TABLE recsys.%I ENABLE ROW LEVEL SECURITY', t);
		EXECUTE format('CREATE POLICY read ON recsys.%I FOR SELECT USING (recsys._may_read(recommender))', t);
		EXECUTE format('CREATE POLICY write ON recsys.%I USING (recsys._may_write(recommender))', t);
		EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.%I TO PUBLIC', t);
		EXECUTE format('SELECT pg_catalog.pg_extension_config_dump(%L, %L)', 'recsys.' || t, '');
	END LOOP;
	PERFORM pg_catalog.pg_extension_config_dump('recsys.experiment_experiment_id_seq', '');
END $$;

/* ---- assignment ---- */

CREATE FUNCTION recsys.bucket(salt text, unit text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_bucket';
COMMENT ON FUNCTION recsys.bucket(text, text) IS
'a number in [0, 1) that any program can compute: the first 52 bits of sha256(salt || '':'' || unit), in UTF-8, over 2^52; bucket(''shop'', ''42'') is 0.37018158865272466: sha256(''shop:42'') begins with the hexadecimal digits 5ec43878d8435, and 0x5ec43878d8435 / 2^52 is that';

CREATE FUNCTION recsys.assign(recommender name, experiment name, unit text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'recsys_assign';
COMMENT ON FUNCTION recsys.assign(name, name, text) IS
'the arm of a unit (a user id as text, or session: and the id of a session) in a running experiment, NULL where it is in none: in it when bucket(recommender, unit) lies in [traffic_from, traffic_from + traffic); the arm is the first, by name in bytes, at which the sum of weights exceeds bucket(salt, unit) times all weights; SHOP.experiment_override beats both; nothing is read from the log';

CREATE FUNCTION recsys._build_experiment(recommender name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	c record;
BEGIN
	EXECUTE format('CREATE TABLE %I.experiment_override (experiment_id int8, unit text, variant text NOT NULL, PRIMARY KEY (experiment_id, unit))', recommender);
	EXECUTE format('CREATE INDEX ON %I.experiment_override (unit)', recommender);
	EXECUTE format('COMMENT ON TABLE %I.experiment_override IS %L', recommender,
		'arms given by hand, to try them out; they beat the hash and the traffic, and reports leave these units out; rows may be written by hand; one that names an arm that there is not is passed over, and reports say so');
	FOR c IN SELECT * FROM jsonb_each_text('{"experiment_id": "the experiment", "unit": "the user id as text, or session: and the id of the session", "variant": "the arm"}') LOOP
		EXECUTE format('COMMENT ON COLUMN %I.experiment_override.%I IS %L', recommender, c.key, c.value);
	END LOOP;
END $$;
COMMENT ON FUNCTION recsys._build_experiment(name) IS 'creates the table of overrides of a recommender';

/* ---- lists that the app makes ---- */

CREATE FUNCTION recsys._log_exposure(recommender name, request_id uuid, items anyarray) RETURNS int4
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	at timestamptz;
	requested timestamptz;
	policy name;
	rows int4;
BEGIN
	IF request_id IS NULL OR items IS NULL OR array_position(items, NULL) IS NOT NULL THEN
		RAISE EXCEPTION 'request_id and items must not be NULL' USING ERRCODE = '22004';
	ELSIF array_ndims(items) > 1 THEN
		RAISE EXCEPTION 'items has % dimensions, must have one', array_ndims(items) USING ERRCODE = '22023';
	END IF;
	-- the first 48 bits are the milliseconds of the request
	at := to_timestamp(('x' || left(replace(request_id::text, '-', ''), 12))::bit(48)::int8 / 1000.0);
	EXECUTE format('SELECT q.requested_at, q.policy FROM %I.request q WHERE q.requested_at >= $1 AND q.requested_at < $2 AND q.request_id = $3', recommender)
	INTO requested, policy USING at - interval '1 millisecond', at + interval '2 milliseconds', request_id;
	IF requested IS NULL THEN
		RAISE EXCEPTION 'request % of recommender "%" is not logged', request_id, recommender
			USING ERRCODE = '42704', HINT = format('%I.serve returns the request_id; its transaction must have been committed.', recommender);
	ELSIF policy <> 'external' THEN
		RAISE EXCEPTION 'request % has shown a list of policy "%", which is logged already', request_id, policy
			USING ERRCODE = '55000', HINT = 'Only the list of an arm whose policy is external is reported by the app.';
	END IF;
	EXECUTE format('INSERT INTO %1$I.exposure (requested_at, request_id, unit, position, user_id, item_id, score, base_score, boost, freshness, source, propensity, features)
		SELECT q.requested_at, q.request_id, q.unit, e.n, q.user_id, e.item, 0, 0, 1, 0, ''external'', 1, ''{}''
		FROM %1$I.request q, unnest($3) WITH ORDINALITY e (item, n) WHERE q.requested_at = $1 AND q.request_id = $2', recommender)
	USING requested, request_id, items;
	GET DIAGNOSTICS rows = ROW_COUNT;
	RETURN rows;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'what request % has shown is logged already', request_id USING ERRCODE = '23505';
END $$;
COMMENT ON FUNCTION recsys._log_exposure(name, uuid, anyarray) IS
'door behind SHOP.log_exposure; runs as the caller, who needs SELECT on SHOP.request and INSERT on SHOP.exposure';

CREATE FUNCTION recsys._wrap_experiment(recommender name, i text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	EXECUTE format($f$CREATE OR REPLACE FUNCTION %1$I.log_exposure(request_id uuid, items %2$s[]) RETURNS int
		LANGUAGE sql VOLATILE PARALLEL UNSAFE
		BEGIN ATOMIC
			SELECT recsys._log_exposure(%3$L, request_id, items);
		END$f$, recommender, i, recommender);
	EXECUTE format('COMMENT ON FUNCTION %I.log_exposure(uuid, %s[]) IS %L', recommender, i,
		'logs the list that the app has shown for a request of an external arm, first place first; returns the number of items');
END $$;
COMMENT ON FUNCTION recsys._wrap_experiment(name, text) IS '(re)creates SHOP.log_exposure';
