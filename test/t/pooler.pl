# Lists through a pooler in transaction mode, whose clients share server
# sessions and leave nothing behind in them, and calls by argument names as
# REST layers make them.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($pgbouncer) = grep { -x } map {"$_/pgbouncer"} split(/:/, $ENV{PATH}), '/usr/sbin';
plan skip_all => 'pgbouncer is not installed' unless $pgbouncer;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nmaintenance_work_mem = '256MB'");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

my $shop = slurp_file(dirname(abs_path(__FILE__)) . '/../fixture/small_shop.sql');
$node->safe_psql('postgres', $shop, extra_params => [ '-v', 'shop=pooled' ]);

# --- by argument names, any subset of them ---

is(sql(q{SELECT count(*) FROM pooled.recommend(k => 4, for_user => 7)}), 4, 'arguments by name, in any order');
is(sql(q{SELECT json_agg(row_to_json(r)) IS NOT NULL FROM pooled.serve(for_user => 7, k => 2, placement => 'home') r}),
	't', 'rows as JSON');
is(sql(q{SELECT string_agg(DISTINCT provolatile::text, '') FROM pg_proc
		WHERE pronamespace = 'pooled'::regnamespace AND proname LIKE 'recommend%'}), 's', 'lists can be had by GET');
is(sql(q{SELECT count(*) FROM (SELECT FROM pg_proc WHERE pronamespace = 'pooled'::regnamespace GROUP BY proname HAVING count(*) > 1) d}),
	0, 'no name stands for two functions');

# --- two server sessions for many clients ---

my $dir = $node->basedir;
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $user = sql('SELECT current_user');
append_to_file("$dir/users.txt", qq{"$user" ""\n});
append_to_file("$dir/pgbouncer.ini", <<"INI");
[databases]
postgres = host=@{[$node->host]} port=@{[$node->port]} dbname=postgres
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $dir
auth_type = trust
auth_file = $dir/users.txt
pool_mode = transaction
default_pool_size = 2
max_client_conn = 50
logfile = $dir/pgbouncer.log
pidfile = $dir/pgbouncer.pid
INI
system_or_bail($pgbouncer, '-q', '-d', "$dir/pgbouncer.ini");
END
{
	my $status = $?;
	if ($dir && -e "$dir/pgbouncer.pid")
	{
		kill 'INT', slurp_file("$dir/pgbouncer.pid") =~ /(\d+)/;
	}
	$? = $status;
}

my $direct = q{SELECT md5(string_agg(r::text, ',' ORDER BY u, rank)) FROM generate_series(1, 50) u, pooled.recommend(u, 5, as_of => '2100-01-01') r};
my $pooled = "host=$dir port=$port dbname=postgres user=$user";
is($node->safe_psql('postgres', $direct, connstr => $pooled), sql($direct), 'the pooler changes no list');

append_to_file("$dir/list.sql", "\\set u random(1, 50)\nSELECT count(*) FROM pooled.recommend(:u, 5);\n");
append_to_file("$dir/serve.sql", "\\set u random(1, 50)\nBEGIN;\nSELECT count(*) FROM pooled.serve(:u, k => 3);\nEND;\n");
command_ok([ 'pgbench', '-n', '-c', 10, '-t', 40, '-M', 'simple', '-h', $dir, '-p', $port, '-U', $user,
		'-f', "$dir/list.sql", '-f', "$dir/serve.sql", 'postgres' ], 'ten clients share two sessions');
is(sql(q{SELECT count(*) FROM (SELECT FROM pooled.request r LEFT JOIN pooled.exposure e USING (request_id)
		WHERE r.placement = 'default' GROUP BY r.request_id, r.rows HAVING count(e.*) <> r.rows) w}),
	0, 'each request has its own exposures');
is($node->safe_psql('postgres', q{SHOW search_path}, connstr => $pooled), '"$user", public', 'no setting is left in a session');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_prepared_statements}, connstr => $pooled), 0, 'and no named statement');
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'and no lock');

done_testing();
