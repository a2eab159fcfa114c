# A training in several processes: the same bytes for any number of them, and
# nothing left of them when it is cancelled, times out, is terminated or cannot
# have them.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('parallel');
$node->init;
$node->append_conf('postgresql.conf', <<END);
fsync = off
max_worker_processes = 8
max_parallel_workers = 8
max_parallel_maintenance_workers = 4
END
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
	CREATE EXTENSION recsys;
	SELECT FROM recsys.demo_shop('shop', users => 1000, items => 400, interactions => 60000);
	SELECT recsys.create_recommender('several', 'shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
		positives => '{"purchase": {"owned": true}, "view": {"weight": 0.1}}', catalog => 'shop.product',
		settings => '{"keep_models": 10}');
	SELECT recsys.alter_policy('several', 'default', '{"factors": 12, "sweeps": 3}');
	SELECT recsys.create_policy('several', 'exact', 'factors', '{"factors": 12, "sweeps": 3, "solver": "exact"}');
	SELECT recsys.create_policy('several', 'endless', 'factors', '{"factors": 128, "sweeps": 1000}');
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

# --- the same for any number of processes ---

my $tables = q{
	SELECT string_agg(t.part || ' ' || t.sum, ' ' ORDER BY t.part) FROM (
		SELECT 'popularity' AS part, md5(string_agg((to_jsonb(p) - 'model_id')::text, ',' ORDER BY item_id)) AS sum
		FROM several.popularity p WHERE model_id = %1$s
		UNION ALL SELECT 'neighbor', md5(string_agg((to_jsonb(n) - 'model_id')::text, ',' ORDER BY item_id, rank))
		FROM several.item_neighbor n WHERE model_id = %1$s
		UNION ALL SELECT 'item', md5(string_agg((to_jsonb(f) - 'model_id')::text, ',' ORDER BY item_id))
		FROM several.item_factor f WHERE model_id = %1$s
		UNION ALL SELECT 'user', md5(string_agg((to_jsonb(f) - 'model_id')::text, ',' ORDER BY user_id))
		FROM several.user_factor f WHERE model_id = %1$s
		UNION ALL SELECT 'gram', md5(gram::text) FROM recsys.model_gram WHERE model_id = %1$s
		UNION ALL SELECT 'loss', md5(parameters ->> 'loss') FROM recsys.model WHERE model_id = %1$s
		UNION ALL SELECT 'evaluation', md5(string_agg((to_jsonb(e) - 'run_id' - 'evaluated_at')::text, ','
			ORDER BY policy, protocol, population, metric, k))
		FROM recsys.evaluation e JOIN recsys.training_run USING (run_id) WHERE model_id = %1$s) t};

sub trained
{
	my ($policy, $workers) = @_;
	sql("CALL recsys.retrain('several', policy => '$policy', workers => $workers)");
	return sql(sprintf($tables, sql('SELECT max(model_id) FROM recsys.model')));
}

for my $policy ('default', 'exact')
{
	my $alone = trained($policy, 0);
	like($alone, qr/^evaluation [0-9a-f]{32} .*user [0-9a-f]{32}$/, "$policy: every table has rows");
	is(trained($policy, $_), $alone, "$policy: the same bytes with $_ workers") for 1, 2, 4;
}
is(sql(q{SELECT count(*) FROM recsys.model, LATERAL (
			SELECT lag(l::float8) OVER (ORDER BY n) * (1 + 1e-6) < l::float8 AS rises
			FROM jsonb_array_elements(parameters -> 'loss') WITH ORDINALITY x (l, n)) y WHERE rises}),
	0, 'the loss never rises');

# --- while it computes ---

# starts an endless training and waits until its workers are at work
sub at_work
{
	my %before = map { ($_ => 1) } glob '/dev/shm/PostgreSQL.*';
	my $session = begin(@_);
	$node->poll_query_until('postgres', q{
		SELECT count(*) = 2 FROM recsys.training_run t JOIN pg_stat_activity a ON a.leader_pid = t.pid
		WHERE t.state = 'running'}) or die "no workers: $session->{err}";
	# what the backend shares with them
	$session->{segments} = [ grep { !$before{$_} } split /\n/, sql(q{
		SELECT DISTINCT m[1] FROM recsys.training_run t, pg_read_file('/proc/' || t.pid || '/maps') f,
			regexp_matches(f, '(/dev/shm/PostgreSQL\.\d+)', 'g') m
		WHERE t.state = 'running' ORDER BY 1}) ];
	return $session;
}

# what a training must not leave
sub nothing_left
{
	my ($what, $session) = @_;
	is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}), 0, "$what: no worker");
	is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'object'}), 0, "$what: no lock");
	cmp_ok(scalar(@{ $session->{segments} }), '>', 5, "$what: there was shared memory");
	is(scalar(grep { -e } @{ $session->{segments} }), 0, "$what: no shared memory");
}

my $endless = q{CALL recsys.retrain('several', policy => 'endless', workers => 2, evaluate => false)};
my $run = q{SELECT state || ' ' || stage FROM recsys.training_run ORDER BY run_id DESC LIMIT 1};
my $pid = q{SELECT pid FROM recsys.training_run WHERE state = 'running'};

my $session = at_work($endless);
sql("SELECT pg_cancel_backend(($pid))");
like(end_of($session), qr/canceling statement due to user request/, 'cancelled');
is(sql($run), 'cancelled train_all', 'cancelled: the run says so');
nothing_left('cancelled', $session);

$session = at_work(q{SET statement_timeout = '3s'}, $endless);
like(end_of($session), qr/canceling statement due to statement timeout/, 'timed out');
nothing_left('timed out', $session);

$session = at_work($endless);
sql("SELECT pg_terminate_backend(($pid), 10000)");
like(end_of($session), qr/terminating connection/, 'terminated');
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'});
nothing_left('terminated', $session);

# a worker goes away: the training fails, and says so
$session = at_work($endless);
sql(q{SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a WHERE a.backend_type = 'parallel worker' LIMIT 1});
like(end_of($session), qr/terminating/, 'worker terminated');
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'});
nothing_left('worker terminated', $session);

# --- again and again ---

my $again = "CALL recsys.retrain('several', workers => 2);\n" x 50;
my $held = q{SELECT sum(total_bytes) FROM pg_backend_memory_contexts;
	SELECT count(DISTINCT m[1]) FROM pg_read_file('/proc/self/maps') f, regexp_matches(f, '(/dev/shm/PostgreSQL\.\d+)', 'g') m;};
sql(q{SELECT recsys.alter_policy('several', 'default', '{"sweeps": 1}')});
my (undef, $out, $err) = $node->psql('postgres', "CALL recsys.retrain('several', workers => 2);\n$held\n$again\n$held");
my ($early, $early_segments, $late, $late_segments) = split /\n/, $out;
is($err, '', 'fifty retrains in a session');
cmp_ok($late, '<', $early * 1.1 + 200000, 'fifty retrains in a session: its memory does not grow');
is($late_segments, $early_segments, 'fifty retrains in a session: nor its shared memory');

# --- memory of the server's own reserve has been used before ---

$again = trained('exact', 0);
$node->append_conf('postgresql.conf', "min_dynamic_shared_memory = '64MB'\n");
$node->restart;
is(trained('exact', 2), $again, "the server's reserve: the same bytes, run $_") for 1, 2;
$node->append_conf('postgresql.conf', "min_dynamic_shared_memory = 0\n");

# --- where they cannot be had ---

$again = trained('default', 0);
$node->append_conf('postgresql.conf', "max_worker_processes = 0\n");
$node->restart;
(undef, $out, $err) = $node->psql('postgres', q{CALL recsys.retrain('several', workers => 2)});
is(sql(sprintf($tables, sql('SELECT max(model_id) FROM recsys.model'))), $again, 'no worker processes: the same bytes');
like($err, qr/NOTICE:  training in one process/, 'no worker processes: said once');

SKIP:
{
	# a container's small /dev/shm, in name spaces of its own
	my @alone = ('unshare', '--user', '--mount', '--map-root-user', 'sh', '-c',
		'mount -t tmpfs -o size=10m tmpfs /dev/shm && exec unshare --user --map-user=' . $< . ' --map-group=' . ($( + 0) . ' "$@"', 'sh');
	skip 'no user name spaces', 3 if !IPC::Run::run([ @alone, 'true' ], '>&', '/dev/null');
	$node->append_conf('postgresql.conf', "max_worker_processes = 8\n");
	$node->stop;
	my $pg_ctl = $node->config_data('--bindir') . '/pg_ctl';
	my $started;
	IPC::Run::run([ @alone, $pg_ctl, '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start' ], '>', \$started, '2>&1')
	  or skip "no server with a small /dev/shm: $started", 3;
	(my $ret, $out, $err) = $node->psql('postgres', q{CALL recsys.retrain('several', workers => 2)});
	is($ret, 0, 'small /dev/shm: the training ends');
	like($err, qr/NOTICE:  training in one process: there are no \d+ MB of shared memory to be had$/m, 'small /dev/shm: and says why it is slow');
	is(sql(sprintf($tables, sql('SELECT max(model_id) FROM recsys.model'))), $again, 'small /dev/shm: the same bytes');
	IPC::Run::run([ $pg_ctl, '-w', '-m', 'fast', '-D', $node->data_dir, 'stop' ], '>', \$started, '2>&1');
	$node->_update_pid(0);
	done_testing();
	exit;
}

$node->stop;
done_testing();
