# What recsys.progress shows of a training to other sessions, to whom, and when
# it is gone; the line that a run leaves in the server's log.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('progress');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
	CREATE EXTENSION recsys;
	SELECT FROM recsys.demo_shop('shop', users => 500, items => 300, interactions => 20000);
	SELECT recsys.create_recommender('watched', 'shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
		positives => '{"purchase": {"owned": true}, "view": {"weight": 0.1}}', catalog => 'shop.product');
	SELECT recsys.alter_policy('watched', 'default', '{"factors": 8, "sweeps": 2}');
	SELECT recsys.create_policy('watched', 'endless', 'factors', '{"factors": 128, "sweeps": 1000, "solver": "exact"}');
	CREATE ROLE app LOGIN;
	CREATE ROLE stranger LOGIN;
	GRANT USAGE ON SCHEMA watched TO app;

	CREATE TABLE hold (stage text);
	CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		WHILE EXISTS (SELECT FROM public.hold h WHERE h.stage = NEW.stage) LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN NEW;
	END $$;
	CREATE TRIGGER hold BEFORE INSERT ON recsys.training_stage FOR EACH ROW EXECUTE FUNCTION hold();
});

# a statement in a session of its own
sub begin
{
	my %session = (out => '', err => '');
	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), map { ('-c', $_) } @_ ],
		'>', \$session{out}, '2>', \$session{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return \%session;
}

sub end_of { my ($session) = @_; $session->{run}->finish; return $session->{err}; }

# waits until progress is so
sub see
{
	my ($what, $condition) = @_;
	ok( $node->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM recsys.progress WHERE recommender = 'watched' AND $condition"), $what)
	  or diag(sql('SELECT * FROM recsys.progress'));
}

my $cancel = q{SELECT pg_cancel_backend(pid) FROM recsys.progress};
my $rows = q{SELECT count(*) FROM recsys.progress};

is(sql($rows), 0, 'nothing runs');

# --- a retrain, held at the end of its stages ---

for my $stage (qw(load train evaluate train_all write publish))
{
	sql("INSERT INTO hold VALUES ('$stage')");
	my $session = begin(q{CALL recsys.retrain('watched')});
	see("held at $stage", "stage = '$stage' AND pid IN (SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep')");
	is( sql(q{SELECT p.run_id = t.run_id AND p.pid = t.pid AND p.stage = t.stage AND p.seconds >= 0
			FROM recsys.progress p, recsys.training_run t WHERE t.state = 'running'}),
		't', "$stage: of the run");
	is(sql(q{SELECT sweep, sweeps, rows_done = rows_total FROM recsys.progress}), '2|2|t', "$stage: sweeps")
	  if $stage =~ /^train/;
	if ($stage eq 'train')
	{
		is( $node->safe_psql('postgres', 'SELECT recommender, stage FROM recsys.progress', extra_params => [ '-U', 'app' ]),
			'watched|train', 'seen by who may use the schema');
		is( $node->safe_psql('postgres', $rows, extra_params => [ '-U', 'stranger' ]), 0, 'not by others');
		is( $node->safe_psql('postgres', 'SELECT count(*) FROM recsys._progress()', extra_params => [ '-U', 'stranger' ]),
			0, 'nor by a way around the view');
		is($node->safe_psql('template1', 'SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()'),
			1, 'nor is there anything in another database');
	}
	sql('DELETE FROM hold');
	is(end_of($session), '', "$stage: goes on to its end");
	is(sql($rows), 0, "$stage: the row goes with the run");
}
like(slurp_file($node->logfile),
	qr/LOG:  retrain of "watched": policy default, model \d+ live, \d+ events, \d+ pairs, [\d.]+ s, (beats popularity|no clear win.*)\n/,
	'one line in the log of the server');
unlike(slurp_file($node->logfile), qr/LOG:  retrain.*\n.*(CONTEXT|STATEMENT)/, 'and no more than that');

# --- at work ---

my $session = begin(q{CALL recsys.retrain('watched', policy => 'endless', evaluate => false)});
see('sweeps are counted', 'sweep > 3');
is( sql(q{SELECT sweeps, rows_total > 300, rows_done <= rows_total, share BETWEEN 0.001 AND 1, seconds > 0, seconds_left > 0
		FROM recsys.progress}), '1000|t|t|t|t|t', 'sweeps, rows, share and time left');
my $sweep = sql('SELECT sweep FROM recsys.progress');
see('and go on', "sweep > $sweep");
sql($cancel);
like(end_of($session), qr/canceling statement/, 'cancelled');
is(sql($rows), 0, 'a cancel takes the row away');

# rows of the source, one at a time
sql(q{CREATE FUNCTION shop.slow(boolean) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(0.001) IS NOT NULL';
	CREATE VIEW shop.slow AS SELECT e.* FROM shop.event e WHERE shop.slow(true);
	SELECT recsys.alter_recommender('watched', source => 'shop.slow')});
$session = begin(q{CALL recsys.retrain('watched', evaluate => false)});
see('events are counted', q{stage = 'load' AND rows_done > 500 AND rows_total IS NULL AND share IS NULL});
sql(q{SELECT pg_terminate_backend(pid, 10000) FROM recsys.progress});
like(end_of($session), qr/terminating connection/, 'terminated');
is(sql($rows), 0, 'so does a termination');
sql(q{SELECT recsys.alter_recommender('watched', source => 'shop.event')});

# a function, whose run nobody else sees before it commits
$session = begin(q{SELECT recsys.train('watched', 'endless')});
see('a run in an open transaction is seen', q{stage = 'train_all' AND sweep > 1});
is(sql(q{SELECT count(*) FROM recsys.training_run r JOIN recsys.progress p USING (run_id)}), 0, 'though its row is not');
sql($cancel);
end_of($session);

# a command of the server's takes the place, and gives it back
sql(q{INSERT INTO hold VALUES ('maintain')});
$session = begin(q{CALL recsys.retrain('watched', evaluate => false)});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM recsys.training_run t JOIN pg_stat_activity a USING (pid)
	WHERE t.state = 'running' AND t.stage = 'maintain' AND a.wait_event = 'PgSleep'}) or die 'not held';
is(sql($rows), 0, 'after ANALYZE, and without another report, the row is absent');
sql('DELETE FROM hold');
end_of($session);

# --- a search ---

$session = begin(q{CALL recsys.tune('watched', trials => 1000, ranges => '{"factors": [32, 64]}')});
see('trials are counted', q{stage = 'trial' AND share > 0 AND share < 1 AND seconds_left > 0});
$node->poll_query_until('postgres', 'SELECT count(*) > 5 FROM recsys.trial') or die 'no trials';
sql($cancel);
like(end_of($session), qr/canceling statement/, 'the search is cancelled');
is(sql($rows), 0, 'and gone');
is(sql(q{SELECT state, stage FROM recsys.training_run ORDER BY run_id DESC LIMIT 1}), 'cancelled|trial', 'the run says so');
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND mode = 'ShareUpdateExclusiveLock'}), 0, 'no lock is left');
my $trials = sql(q{SELECT count(*) FROM recsys.trial});
like(end_of(begin(q{CALL recsys.tune('watched', minutes => 0.0001, resume => true)})), qr/^$/, 'resumed, with no time left');
cmp_ok(sql(q{SELECT count(*) FROM recsys.trial}), '<', $trials + 10, 'what was tried counts');
is(sql(q{SELECT state, count(*) OVER () FROM recsys.training_run JOIN recsys.tuning USING (run_id)}), 'succeeded|1', 'one run');
like(slurp_file($node->logfile), qr/LOG:  tune of "watched": policy default stored as tuned version 1, \d+ trials, /, 'a line in the log');

$node->stop;
done_testing();
