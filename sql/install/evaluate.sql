CREATE FUNCTION recsys.evaluate(recommender name, policies name[] DEFAULT NULL, cutoff timestamptz DEFAULT NULL,
	k int4[] DEFAULT '{5,10,20,50}', per_user boolean DEFAULT false, seed int8 DEFAULT 1, memory text DEFAULT NULL,
	random_split boolean DEFAULT false) RETURNS int8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	run int8 := recsys._open_run(evaluate.recommender, false);
BEGIN
	PERFORM recsys._train_open(run, evaluate.recommender, evaluate.policies, evaluate.cutoff, evaluate.random_split, evaluate.k,
		evaluate.per_user, evaluate.seed, NULL, evaluate.memory, false);
	PERFORM recsys._run_stages(run, ARRAY['load', 'split', 'train', 'evaluate']);
	RETURN run;
END $$;
COMMENT ON FUNCTION recsys.evaluate(name, name[], timestamptz, int4[], boolean, int8, text, boolean) IS
'trains policies (NULL: the live one) on what lies before the cutoff, in memory, and measures them with popularity and their own parts on what follows; publishes nothing; returns run_id';
