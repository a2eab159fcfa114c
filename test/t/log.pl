# Upkeep of the logs beside sessions that write and read them, ids of many
# sessions, and a standby, which lists and logs nothing.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nmaintenance_work_mem = '256MB'");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

my $shop = slurp_file(dirname(abs_path(__FILE__)) . '/../fixture/small_shop.sql');
$node->safe_psql('postgres', $shop, extra_params => [ '-v', 'shop=kept' ]);

# --- partitions are made while a request is being logged, and by retrain ---

sql(q{
	INSERT INTO kept.request SELECT '2020-01-15', gen_random_uuid(), '1', 1, false, 'x', 1, NULL, 'default', 1, 1, 1, 'none', NULL, NULL, '{}', '{}', '{}', 1, 1, 0, 0;
	SELECT recsys.alter_recommender('kept', settings => '{"request_days": null}');
	SELECT recsys.maintain('kept');
});
my $last = sql(q{SELECT to_char(date_trunc('month', now()) + interval '3 months', '_YYYY_MM')});
sql("DROP TABLE kept.request$last");
my $open = $node->background_psql('postgres', timeout => $PostgreSQL::Test::Utils::timeout_default);
$open->query_safe('BEGIN');
$open->query_safe('SELECT count(*) FROM kept.serve(1)');
is(sql(q{SELECT action, partition FROM recsys.maintain('kept')}), "created|request$last", 'a partition is made beside an open request');
is(sql(q{SELECT count(*) FROM kept.serve(2, k => 3)}), 3, 'and others are served meanwhile');

# --- a month that is in use stays until it is free ---

$open->query_safe('SELECT count(*) FROM kept.request');
# alter_recommender would wait for the views
sql(q{UPDATE recsys.recommender SET settings = settings || '{"request_days": 30}'});
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT action, partition FROM recsys.maintain('kept')});
is($rc, 0, 'maintain does not fail where a month is in use');
like($err, qr/NOTICE:  partition kept\.request_2020_01 is past its 30 days but could not be dropped/, 'it says so');
$open->query_safe('COMMIT');
$open->quit;
sql("DROP TABLE kept.exposure$last");
sql(q{CALL recsys.retrain('kept', evaluate => false)});
is(sql(qq{SELECT (to_regclass('kept.request_2020_01') IS NULL) || ' ' || (to_regclass('kept.exposure$last') IS NOT NULL)}),
	'true true', 'retrain drops what is old and makes what is missing');

# --- ids of many sessions ---

my $script = $node->basedir . '/serve.sql';
append_to_file($script, "\\set u random(1, 60)\nSELECT * FROM kept.serve(:u, k => 3);\n");
$node->command_ok([ 'pgbench', '-n', '-M', 'prepared', '-c', 4, '-j', 2, '-t', 100, '-f', $script, $node->connstr('postgres') ], 'four sessions serve');
is(sql(q{SELECT count(*) = count(DISTINCT request_id) AND count(*) >= 400 FROM kept.request}), 't', 'each request has an id of its own');
is(sql(q{SELECT count(*) FROM kept.request q WHERE q.rows <> (SELECT count(*) FROM kept.exposure e WHERE (e.requested_at, e.request_id, e.unit) = (q.requested_at, q.request_id, q.unit))}),
	0, 'and all of its rows');
is(sql(q{SELECT count(*) FROM (SELECT request_id FROM kept.request ORDER BY random() LIMIT 50) q, recsys.replay('kept', q.request_id)}), 0, 'which replay');
is(sql(q{SELECT sum(differing) FROM recsys.skew_report('kept')}), 0, 'without skew');

# --- a standby ---

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $request = sql('SELECT request_id FROM kept.request ORDER BY requested_at DESC LIMIT 1');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM kept.recommend(1, 3)'), 3, 'standby: recommend');
is($standby->safe_psql('postgres', "SELECT count(*) FROM recsys.replay('kept', '$request')"), 0, 'standby: replay');
($rc, $out, $err) = $standby->psql('postgres', 'SELECT * FROM kept.serve(1, k => 3)');
like($err, qr/cannot log a request in a read-only transaction\nHINT:  On a standby or in a read-only transaction use kept\.recommend/, 'standby: serve says what to use');

$standby->stop;
$node->stop;
done_testing();
