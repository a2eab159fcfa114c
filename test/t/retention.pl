# What retraining leaves on disk: with keep_models models kept and VACUUM
# between retrains, the tables take at most (keep_models + 2) models' room,
# indexes and all; a training cancelled while it writes leaves dead rows only.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $keep = 2;
my $node = PostgreSQL::Test::Cluster->new('retention');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

my $parts = q{relname IN ('popularity', 'item_neighbor', 'item_factor', 'user_factor')
	AND relnamespace = 'kept'::regnamespace};
my $size = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE $parts";
my $vacuum = 'VACUUM kept.popularity, kept.item_neighbor, kept.item_factor, kept.user_factor';
my $model = q{SELECT table_bytes FROM recsys.model ORDER BY model_id DESC LIMIT 1};

sql(qq{
	CREATE EXTENSION recsys;
	SELECT FROM recsys.demo_shop('shop', users => 1000, items => 500, interactions => 40000);
	SELECT recsys.create_recommender('kept', 'shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
		settings => '{"keep_models": $keep}', positives => '{"purchase": {"owned": true}, "view": {"weight": 0.1}}');
	SELECT recsys.alter_policy('kept', 'default', '{"factors": 16, "sweeps": 1}');
	CALL recsys.retrain('kept', evaluate => false);
});
my $one = sql($size);
my $counted = sql($model);
cmp_ok(abs($one / $counted - 1), '<', 0.15, "table_bytes is what a model takes: $counted of $one");

my $most = 0;
for my $run (1 .. 20)
{
	sql("INSERT INTO shop.event SELECT user_id, product_id, 'view', 1, 1, happened_at FROM shop.event LIMIT 200");
	sql("CALL recsys.retrain('kept', evaluate => false, seed => $run)");
	my $now = sql($size);
	$most = $now if $now > $most;
	sql($vacuum);
}
cmp_ok($most, '<=', ($keep + 2) * $one, 'twenty retrains: the tables keep their size');
is(sql(q{SELECT (SELECT count(*) FROM recsys.model WHERE status = 'ready') || ' ' || (SELECT count(DISTINCT model_id) FROM kept.popularity)}),
	"$keep $keep", 'twenty retrains: as many models as are to be kept');
cmp_ok(abs(sql($model) / $counted - 1), '<', 0.1, 'twenty retrains: table_bytes does not depend on free space');

# the log is this session's own
my $busy = IPC::Run::start(
	[ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', 'CREATE TABLE noise AS SELECT n FROM generate_series(1, 3000000) n' ],
	'2>', \my $noise);
sql(q{CALL recsys.retrain('kept', evaluate => false)});
$busy->finish;
my ($wal, $bytes) = split /\|/, sql('SELECT wal_bytes, table_bytes FROM recsys.model ORDER BY model_id DESC LIMIT 1');
cmp_ok($wal, '>', $bytes / 2, 'wal_bytes: what this training wrote');
cmp_ok($wal, '<', $bytes * 4, 'wal_bytes: and not what others did');

# --- cancelled while it writes ---

sql($vacuum);
sql(q{
	CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
	CREATE TRIGGER wait BEFORE INSERT ON kept.user_factor FOR EACH STATEMENT EXECUTE FUNCTION public.wait();
});
my $rows = q{SELECT count(*) || ' ' || sum(model_id) FROM kept.item_neighbor};
my $stored = sql($rows);
my $err;
my $session = IPC::Run::start(
	[ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', "CALL recsys.retrain('kept', evaluate => false)" ],
	'2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
$node->poll_query_until('postgres', q{
	SELECT count(*) = 1 FROM recsys.training_run t JOIN pg_stat_activity a USING (pid)
	WHERE t.state = 'running' AND t.stage = 'write' AND a.wait_event = 'PgSleep'}) or die 'not held';
sql(q{SELECT pg_cancel_backend(pid) FROM recsys.training_run WHERE state = 'running'});
$session->finish;
like($err, qr/canceling statement due to user request/, 'cancelled at the last table');
is(sql($rows), $stored, 'cancelled: no row is left');
is(sql(q{SELECT count(*) FROM recsys.model WHERE status = 'building'}), 0, 'cancelled: no model either');
sql('DROP TRIGGER wait ON kept.user_factor');
sql($vacuum);
sql(q{CALL recsys.retrain('kept', evaluate => false)});
sql($vacuum);
cmp_ok(sql($size), '<=', ($keep + 2) * $one, 'cancelled: its room is used again');

$node->stop;
done_testing();
