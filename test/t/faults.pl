# What a training leaves behind when it is cancelled, terminated or killed: the
# model that was served, a run that says what became of it, and nothing else.
#
# A run is held at the end of a stage by a trigger on recsys.training_stage, so
# that there is no race between seeing the stage and cancelling it.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('faults');
$node->init;
$node->append_conf('postgresql.conf', <<END);
fsync = off
restart_after_crash = on
END
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
	CREATE EXTENSION recsys;
	SELECT FROM recsys.demo_shop('shop', users => 500, items => 300, interactions => 20000);
	SELECT recsys.create_recommender('faulty', 'shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
		positives => '{"purchase": {"owned": true}, "view": {"weight": 0.1}}', catalog => 'shop.product');
	SELECT recsys.alter_policy('faulty', 'default', '{"factors": 8, "sweeps": 2}');
	CALL recsys.retrain('faulty');

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

# statements in a session of its own
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

# the latest run, column by column
sub run_says
{
	return sql("SELECT concat_ws(' ', $_[0]) FROM recsys.training_run ORDER BY run_id DESC LIMIT 1");
}

# starts a retrain and waits until it is held at the end of a stage
sub hold_at
{
	my ($stage, $how) = @_;
	sql("INSERT INTO hold VALUES ('$stage')");
	my $session = begin($how // "CALL recsys.retrain('faulty')");
	$node->poll_query_until('postgres', qq{
		SELECT count(*) = 1 FROM recsys.training_run t JOIN pg_stat_activity a USING (pid)
		WHERE t.state = 'running' AND t.stage = '$stage' AND a.wait_event = 'PgSleep'})
	  or die "not held at $stage: $session->{err}";
	return $session;
}

my $served = q{
	SELECT md5(string_agg(r::text, ',' ORDER BY u, rank)) FROM generate_series(1, 20) u, faulty.recommend(u, 20, as_of => '2026-01-01 00:00Z') r};
my $live = q{SELECT live_model_id FROM recsys.recommender};
my $locks = q{
	SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND mode = 'ShareUpdateExclusiveLock'
	AND classid = 'pg_namespace'::regclass};
my $building = q{SELECT count(*) FROM recsys.model WHERE status = 'building'};
# parts of models that are not ready
my $orphans = q{
	SELECT count(*) FROM faulty.popularity p WHERE NOT EXISTS
		(SELECT FROM recsys.model m WHERE m.model_id = p.model_id AND m.status = 'ready')};

# --- cancelled at each stage ---

my @stages = qw(load split train evaluate ranker bots train_all write publish maintain);
for my $i (0 .. $#stages)
{
	my $stage = $stages[$i];
	my ($model, $list) = (sql($live), sql($served));
	my $session = hold_at($stage);

	is( sql(q{SELECT string_agg(s.stage, ' ' ORDER BY s.started_at) FROM recsys.training_stage s
			JOIN recsys.training_run t USING (run_id) WHERE t.state = 'running'}),
		join(' ', @stages[ 0 .. $i - 1 ]),
		"$stage: what is done is seen from another session");
	is(sql($locks), 1, "$stage: the run holds its lock");
	is(sql($served), $list, "$stage: the old model is served")
	  if $stage ne 'maintain';
	sql(q{SELECT pg_cancel_backend(pid) FROM recsys.training_run WHERE state = 'running'});
	like(end_of($session), qr/^ERROR:  canceling statement due to user request$/m,
		"$stage: cancelled");
	is(run_says('state, stage, sqlstate, finished_at > started_at'),
		"cancelled $stage 57014 t", "$stage: the run says so");
	is(sql($locks), 0, "$stage: no lock is left");
	is(sql($building) + sql($orphans), 0, "$stage: no half of a model is left");
	if ($stage eq 'maintain')
	{
		isnt(sql($live), $model, "$stage: what was published stays published");
	}
	else
	{
		is(sql($live), $model, "$stage: the old model is live");
		is(sql($served), $list, "$stage: the old model is served");
	}
	sql('DELETE FROM hold');
}
sql(q{CALL recsys.retrain('faulty')});
is(run_says('state'), 'succeeded', 'the next retrain works');

sql(q{INSERT INTO hold VALUES ('train')});
like(end_of(begin(q{SET statement_timeout = '1s'}, q{CALL recsys.retrain('faulty')})),
	qr/^ERROR:  canceling statement due to statement timeout$/m, 'statement_timeout');
is(run_says('state, stage, sqlstate'), 'cancelled train 57014', 'statement_timeout: the run says so');
sql('DELETE FROM hold');

# --- cancelled while it computes ---

sql(q{SELECT recsys.create_policy('faulty', 'endless', 'factors', '{"factors": 128, "sweeps": 1000}')});
for my $way (
	[ 'load', q{CREATE VIEW shop.slow AS SELECT e.* FROM shop.event e, generate_series(1, 5000) WHERE random() < 0;
		SELECT recsys.alter_recommender('faulty', source => 'shop.slow')}, q{CALL recsys.retrain('faulty')} ],
	[ 'train', q{SELECT recsys.alter_recommender('faulty', source => 'shop.event')},
		q{CALL recsys.retrain('faulty', policy => 'endless')} ],
	[ 'train_all', q{SELECT 1}, q{CALL recsys.retrain('faulty', policy => 'endless', evaluate => false)} ])
{
	my ($stage, $before, $call) = @$way;
	sql($before);
	my $session = begin($call);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM recsys.training_run WHERE state = 'running' AND stage = '$stage'")
	  or die "$stage did not come";
	sleep 1;
	my $cancelled = sql(q{SELECT clock_timestamp() FROM (SELECT pg_cancel_backend(pid) FROM recsys.training_run WHERE state = 'running' OFFSET 0) c});
	like(end_of($session), qr/canceling statement due to user request/, "$stage: cancelled at work");
	is(run_says("state, stage, finished_at - '$cancelled' < interval '2 s'"), "cancelled $stage t",
		"$stage: within two seconds");
}
like(end_of(begin(q{SET statement_timeout = '2s'}, q{CALL recsys.retrain('faulty', policy => 'endless', evaluate => false)})),
	qr/^ERROR:  canceling statement due to statement timeout$/m, 'statement_timeout at work');
is(run_says('state, stage, sqlstate'), 'cancelled train_all 57014', 'statement_timeout at work: the run says so');
is(sql($locks), 0, 'no lock is left');

# --- the session or the server goes away ---

my ($model, $list) = (sql($live), sql($served));
my $session = hold_at('write');
sql(q{SELECT pg_terminate_backend(pid, 10000) FROM recsys.training_run WHERE state = 'running'});
like(end_of($session), qr/terminating connection due to administrator command/, 'terminated');
is(run_says('state, stage'), 'running write', 'terminated: nobody was left to say so');
is(sql($locks), 0, 'terminated: no lock is left');
is(sql($building) + sql($orphans), 0, 'terminated: no half of a model is left');
is(sql($served), $list, 'terminated: the old model is served');
sql('DELETE FROM hold');
sql(q{SELECT recsys.train('faulty', 'popularity')});
is(sql(q{SELECT string_agg(state || ' ' || stage || ': ' || coalesce(message, ''), E'\n' ORDER BY run_id)
		FROM (SELECT * FROM recsys.training_run ORDER BY run_id DESC LIMIT 2) t}),
	"lost write: the server or the session went away\nsucceeded write: ",
	'terminated: the next run says so');

$session = hold_at('publish');
my $pid = run_says('pid');
kill 'KILL', $pid;
$session->{run}->finish;
$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
is(sql($live), $model, 'killed: the old model is live');
is(sql($served), $list, 'killed: the old model is served');
sql('DELETE FROM hold');
sql(q{CALL recsys.retrain('faulty')});
is(sql(q{SELECT string_agg(state, ' ' ORDER BY run_id) FROM (SELECT * FROM recsys.training_run ORDER BY run_id DESC LIMIT 2) t}),
	'lost succeeded', 'killed: the next run says so');
isnt(sql($live), $model, 'killed: the next run publishes');

# --- the postmaster goes away ---

$session = hold_at('train_all');
$list = sql($served);
$node->stop('immediate');
$session->{run}->finish;
$node->start;
is(sql($served), $list, 'stopped at once: the old model is served');
sql('DELETE FROM hold');
sql(q{SELECT recsys.evaluate('faulty')});
is(sql(q{SELECT string_agg(state, ' ' ORDER BY run_id) FROM (SELECT * FROM recsys.training_run ORDER BY run_id DESC LIMIT 2) t}),
	'lost succeeded', 'stopped at once: the next run says so');

# --- two at once, one of them held ---

$session = hold_at('split');
my ($ret, $out, $err) = $node->psql('postgres', q{CALL recsys.retrain('faulty')}, extra_params => ['-v', 'VERBOSITY=verbose']);
like($err, qr/ERROR:  55006: a training of recommender "faulty" is running already\nHINT:  .+/, 'two at once: the second is refused');
is(sql(q{SELECT count(*) FROM recsys.training_run WHERE state = 'running'}), 1, 'two at once: the first goes on');
sql('DELETE FROM hold');
is(end_of($session), '', 'two at once: the first succeeds');
is(run_says('state'), 'succeeded', 'two at once: and says so');

# --- one session, again and again ---

# (statements of functions have their last, generic plan from the sixth time on)
sub again { return join("\n", map { q{CALL recsys.retrain('faulty');} . ($_ % 5 ? '' : q{SELECT FROM recsys.evaluate('faulty'); SELECT FROM recsys.detect_bots('faulty'); SELECT * FROM recsys.train('faulty', 'nonesuch');}) } 1 .. $_[0]) }
my ($warm, $again) = (again(8), again(18));
my $memory = q{SELECT sum(total_bytes) FROM pg_backend_memory_contexts;};
(undef, $out, $err) = $node->psql('postgres', qq{
\\o /dev/null
$warm
\\o
$memory
\\o /dev/null
$again
\\o
$memory
SELECT coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name LIKE 'recsys%' AND name NOT LIKE 'recsys kept%';
SELECT count(*) FROM pg_ls_dir('/proc/' || pg_backend_pid() || '/task');
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'object';
}, on_error_stop => 0);
my ($early, $late, $held, $threads, $kept) = split /\n/, $out;
cmp_ok($late, '<', $early * 1.1 + 200000, 'twenty retrains in a session: its memory does not grow');
is($held, 0, 'twenty retrains in a session: nothing of the training is kept');
is($threads, 1, 'twenty retrains in a session: one thread');
is($kept, 0, 'twenty retrains in a session: no lock');

$node->stop;
done_testing();
