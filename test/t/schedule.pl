# schedule: jobs of pg_cron that really fire, as the right role, in the right
# database; what they leave behind when they fail, overlap, or were missed.
#
# Debian's pg_cron knows no schedule below a minute, so what is to fire now is
# scheduled for the start of the server (@reboot), and the server restarted.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $sharedir = `pg_config --sharedir`;
chomp $sharedir;

my $node = PostgreSQL::Test::Cluster->new('schedule');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'\n");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub failure
{
	my ($query, %how) = @_;
	my (undef, undef, $err) = ($how{node} // $node)->psql($how{database} // 'postgres',
		($how{role} ? "SET ROLE $how{role};" : '') . $query, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $err;
}

sql(q{
	CREATE EXTENSION recsys;
	CREATE ROLE keeper LOGIN;
	GRANT CREATE ON DATABASE postgres TO keeper;
	CREATE SCHEMA src AUTHORIZATION keeper;
	SET ROLE keeper;
	CREATE TABLE src.loan (reader int, book int, lent timestamptz);
	CREATE INDEX ON src.loan (reader, lent);
	CREATE INDEX ON src.loan (book, lent);
	INSERT INTO src.loan SELECT r, b, '2024-01-01Z'::timestamptz + (r * 10 + b) * interval '1 hour'
	FROM generate_series(1, 20) r, generate_series(1, 8) b WHERE (r * b) % 3 <> 1;
	SELECT recsys.create_recommender('shop', 'src.loan', 'reader', 'book', 'lent');
	SELECT recsys.alter_policy('shop', 'default', '{"factors": 4, "sweeps": 1}');
	RESET ROLE;
	CREATE DATABASE "the other";
});

# --- without it ---

my $available = sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
like(failure(q{SELECT recsys.schedule('shop')}),
	$available ? qr/55000: extension pg_cron has not been created in database "postgres"\n.*shared_preload_libraries = 'pg_cron'/s
	: qr/0A000: pg_cron is not installed\n.*HINT:.*CALL recsys\.retrain\('shop'\)/s,
	'without pg_cron: an error that says what to do');
is(sql(q{SELECT recsys.unschedule('shop')}), 'f', 'without pg_cron: nothing to unschedule');

SKIP:
{
	skip "pg_cron is not installed (Debian's package postgresql-NN-cron)", 1 unless $available;

	$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
max_worker_processes = 16
});
	$node->restart;
	like(failure(q{SELECT recsys.schedule('shop')}), qr/55000: extension pg_cron has not been created/, 'not created: an error');
	sql('CREATE EXTENSION pg_cron');

	# --- whose job, and where ---

	like(failure(q{SELECT recsys.schedule('shop')}, role => 'keeper'),
		qr/42501: permission denied to schedule by pg_cron\n.*GRANT USAGE ON SCHEMA cron TO keeper/s, 'the owner needs a grant');
	sql('GRANT USAGE ON SCHEMA cron TO keeper');
	my $jobs = q{SELECT jobname, schedule, command, database, username, active FROM cron.job ORDER BY jobname};
	my $both = "recsys shop|15 4 * * 1|CALL recsys.retrain('shop')|postgres|keeper|t\n"
	  . "recsys shop catch-up|\@reboot|CALL recsys.retrain_due('shop', '15 4 * * 1')|postgres|keeper|t";
	sql(q{SET ROLE keeper; SELECT recsys.schedule('shop', '15 4 * * 1')});
	is(sql($jobs), $both, 'the owner schedules');
	my $number = sql(q{SELECT recsys.schedule('shop', '15 4 * * 1')});
	is($number, sql(q{SELECT jobid FROM cron.job WHERE jobname = 'recsys shop'}), 'the number of the job');
	is(sql($jobs), $both, "a superuser's becomes the owner's, and replaces it");
	like(failure(q{SELECT recsys.schedule('shop', 'noon')}), qr/22023: cron schedule is "noon", must be five fields/, 'no schedule: an error');
	is(sql($jobs), $both, 'no schedule: the old one stays');

	# a recommender of another database has its jobs in this one
	$node->safe_psql('the other', q{
		CREATE EXTENSION recsys; CREATE TABLE loan (reader int, book int, lent timestamptz);
		SELECT recsys.create_recommender('it''s', 'loan', 'reader', 'book', 'lent')});
	my $elsewhere = failure(q{SELECT recsys.schedule('it''s', '1 2 * * *')}, database => 'the other');
	like($elsewhere, qr/55000: the jobs of pg_cron are in database "postgres", not in "the other"/, 'another database: an error');
	my ($pasted) = $elsewhere =~ /HINT:  There: (SELECT .*;)/;
	sql($pasted);
	is(sql(q{SELECT jobname, schedule, command, database FROM cron.job WHERE database <> 'postgres' ORDER BY jobname COLLATE "C"}),
		q{recsys "it's" catch-up in "the other"|@reboot|CALL recsys.retrain_due('it''s', '1 2 * * *')|the other} . "\n"
		  . q{recsys "it's" in "the other"|1 2 * * *|CALL recsys.retrain('it''s')|the other}, 'another database: its hint schedules there');
	sql(q{SELECT cron.unschedule(jobid) FROM cron.job WHERE database <> 'postgres'});

	# names that pg_cron 1.4 cuts, and that of another one's second job
	my $long = 'n' x 60;
	sql(qq{SET ROLE keeper;
		SELECT recsys.create_recommender(r, 'src.loan', 'reader', 'book', 'lent'), recsys.schedule(r) FROM unnest('{$long,shop catch-up}'::name[]) r});
	is(sql(q{SELECT count(*), count(DISTINCT command) FROM cron.job}), '6|6', 'each recommender has its two jobs');
	is(sql(qq{SET ROLE keeper; SELECT recsys.unschedule('$long'); SELECT recsys.unschedule('shop catch-up')}), "t\nt", 'unscheduled, one by one');
	is(sql($jobs), $both, 'those of others stay');
	# a schema that is gone leaves jobs, until its recommender is forgotten
	sql(qq{SET ROLE keeper; SELECT recsys.schedule('$long'); DROP SCHEMA "$long" CASCADE});
	sql(qq{SELECT recsys.drop_recommender('$long')});
	is(sql($jobs), $both, 'a schema dropped by hand: its jobs go with the recommender');
	sql(q{SET ROLE keeper; SELECT recsys.drop_recommender('shop catch-up')});

	# a role that only groups others
	sql(q{CREATE ROLE crew; GRANT USAGE ON SCHEMA cron TO crew; GRANT keeper TO crew});
	like(failure(q{SELECT recsys.schedule('shop')}, role => 'crew'), qr/55000: role "crew" cannot log in/, 'a role that cannot log in has no jobs');
	is(sql($jobs), $both, 'no login: the old ones stay');

	# --- it fires ---

	sub fired
	{
		my ($what, $name, $status, $times) = @_;
		$node->restart;
		ok($node->poll_query_until('postgres', "SELECT count(*) >= $times FROM cron.job_run_details d JOIN cron.job j USING (jobid)
				WHERE j.jobname = '$name' AND d.status = '$status'"), $what)
		  or diag(sql('SELECT * FROM cron.job_run_details'), sql('TABLE recsys.training_run'));
	}
	my $runs = q{SELECT string_agg(state, ' ' ORDER BY run_id) FROM recsys.training_run};

	sql(q{SELECT recsys.schedule('shop', '@reboot')});
	is(sql(q{SELECT string_agg(jobname, ' ') FROM cron.job}), 'recsys shop', '@reboot needs no catch-up');
	fired('pg_cron retrains', 'recsys shop', 'succeeded', 1);
	is(sql($runs), 'succeeded', 'one run');
	is(sql(q{SELECT by_role || ' ' || kind FROM recsys.promotion}), 'keeper retrain', 'as the owner, and its model is live');

	# --- missed while the server was down ---

	my $old = q{UPDATE recsys.training_run SET started_at = started_at - interval '2 years'};
	sql(q{SELECT recsys.schedule('shop', '0 3 1 1 *')});
	fired('not missed: the catch-up has nothing to do', 'recsys shop catch-up', 'succeeded', 1);
	is(sql($runs), 'succeeded', 'not missed: no run');
	sql($old);
	fired('missed: the catch-up retrains', 'recsys shop catch-up', 'succeeded', 2);
	like(sql($runs), qr/^succeeded (succeeded|held_back)$/, 'missed: one run for both');
	fired('not again', 'recsys shop catch-up', 'succeeded', 3);
	like(sql($runs), qr/^succeeded \S+$/, 'not again: no run');

	# --- a run that fails ---

	sql(q{SELECT recsys.schedule('shop', '@reboot'); ALTER TABLE src.loan RENAME TO away; DROP TABLE src.away CASCADE});
	fired('a failed run is a failed job', 'recsys shop', 'failed', 1);
	like(sql(q{SELECT return_message FROM cron.job_run_details WHERE status = 'failed'}), qr/ERROR: source src\.loan of recommender "shop" no longer exists\nHINT: .*/, 'with its message');
	is(sql(q{SELECT state || ' ' || (message LIKE '%no longer exists%') FROM recsys.training_run ORDER BY run_id DESC LIMIT 1}), 'failed true', 'its story is in training_run');
	sql(q{SET ROLE keeper;
		CREATE TABLE src.loan (reader int, book int, lent timestamptz);
		INSERT INTO src.loan SELECT r, b, '2024-01-01Z'::timestamptz + (r * 10 + b) * interval '1 hour'
		FROM generate_series(1, 20) r, generate_series(1, 8) b WHERE (r * b) % 3 <> 1;
		SELECT recsys.alter_recommender('shop', source => 'src.loan')});

	# --- two at once ---

	# the one that gets there waits until the other one has been refused
	sql(q{
		CREATE TABLE go (since timestamptz);
		CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_catalog AS $$
		BEGIN
			WHILE NOT EXISTS (SELECT FROM go) LOOP
				PERFORM pg_sleep(0.01);
			END LOOP;
			RETURN NULL;
		END $$;
		CREATE TRIGGER wait BEFORE INSERT ON shop.popularity FOR EACH STATEMENT EXECUTE FUNCTION wait();
		SET ROLE keeper;
		SELECT cron.schedule('another', '@reboot', 'CALL recsys.retrain(''shop'')')});
	my $wells = sql(q{SELECT count(*) FROM cron.job_run_details WHERE status = 'succeeded'});
	my $bads = sql(q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'});
	my $offset = -s $node->logfile;
	$node->restart;
	$node->wait_for_log(qr/a training of recommender "shop" is running already/, $offset);
	sql('INSERT INTO go VALUES (now())');
	ok($node->poll_query_until('postgres', "SELECT count(*) FILTER (WHERE status = 'succeeded') = $wells + 1
			AND count(*) FILTER (WHERE status = 'failed') = $bads + 1 FROM cron.job_run_details"), 'two at once: one runs');
	like(sql(q{SELECT return_message FROM cron.job_run_details WHERE status = 'failed' ORDER BY runid DESC LIMIT 1}),
		qr/a training of recommender "shop" is running already/, 'two at once: the other is refused');
	sql(q{DROP FUNCTION wait() CASCADE; SET ROLE keeper; SELECT cron.unschedule('another')});

	# --- on a standby ---

	$node->backup('copy');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	like(failure(q{SELECT recsys.schedule('shop')}, node => $standby), qr/25006: cannot schedule on a standby/, 'a standby schedules nothing');
	is($standby->safe_psql('postgres', q{SELECT count(*) FROM cron.job WHERE schedule = '@reboot'}), 1, 'a standby has the job');
	# the job is due at its start, and fires when it has become the primary
	my $before = sql('SELECT count(*) FROM recsys.training_run');
	$node->stop;
	$standby->promote;
	ok($standby->poll_query_until('postgres', "SELECT count(*) = $before + 1 FROM recsys.training_run WHERE state <> 'running'"), 'promoted, it retrains');
	my $log = slurp_file($standby->logfile);
	like($log, qr/received promote request.*cron job \d+ starting/s, 'promoted: the job starts afterwards');
	unlike($log, qr/cron job \d+ starting.*received promote request/s, 'on the standby it did not');
	$standby->stop;
	$node->start;
	# here the job fires as well: let it come to its end
	ok($node->poll_query_until('postgres', "SELECT count(*) = $before + 1 FROM recsys.training_run WHERE state <> 'running'"), 'the primary retrains at its start');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'object' AND mode = 'ShareUpdateExclusiveLock'
		AND classid = 'pg_namespace'::regclass}), 'and its lock is free');

	# --- no more ---

	is(sql(q{SET ROLE keeper; SELECT recsys.unschedule('shop')}), 't', 'unscheduled');
	is(sql('SELECT count(*) FROM cron.job'), 0, 'no job is left');
	is(sql(q{SELECT recsys.unschedule('shop')}), 'f', 'nothing to unschedule');
	sql(q{SELECT recsys.schedule('shop'); SELECT recsys.drop_recommender('shop')});
	is(sql('SELECT count(*) FROM cron.job'), 0, 'a dropped recommender leaves no job');
}

$node->stop;
done_testing();
