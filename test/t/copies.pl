# Copies of a database: a hot standby serves, and a dump restores, what the
# original served.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION recsys;
	SELECT FROM recsys.demo_shop('demo', users => 300, items => 200, interactions => 10000);
	SELECT recsys.create_recommender('shop', 'demo.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
		positives => '{"purchase": {"owned": true}, "view": {"weight": 0.1}}', catalog => 'demo.product');
	SELECT recsys.create_policy('shop', 'mine', 'item_item', '{"activity": 0.5}');
	INSERT INTO shop.excluded_user VALUES (1, 'asked for it');
	CALL recsys.retrain('shop');
});

my $lists = q{SELECT md5(string_agg(r::text, ',' ORDER BY u, rank)) FROM generate_series(1, 50) u, shop.recommend(u, 20) r};
my $tables = join ' UNION ALL ', map {
	"SELECT '$_', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM $_ t"
} qw(recsys.recommender recsys.policy recsys.model recsys.model_gram recsys.training_run recsys.training_stage
  recsys.evaluation shop.popularity shop.item_neighbor shop.item_factor shop.user_factor shop.excluded_user);
my $list = $primary->safe_psql('postgres', $lists);
my $content = $primary->safe_psql('postgres', $tables);

# --- a hot standby ---

$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'the standby is one');
is($standby->safe_psql('postgres', $lists), $list, 'it serves the same lists');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM shop.similar_items(1, 5)'), 5, 'and similar items');
my ($ret, $out, $err) = $standby->psql('postgres', q{CALL recsys.retrain('shop')});
like($err, qr/ERROR:.*(read-only|recovery)/, 'it does not train');
$primary->safe_psql('postgres', q{CALL recsys.retrain('shop', seed => 7)});
my $newer = $primary->safe_psql('postgres', $lists);
isnt($newer, $list, 'a new model makes other lists');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', $lists), $newer, 'and the standby serves it');
$standby->stop;

# --- dump and restore ---

$content = $primary->safe_psql('postgres', $tables);
my $dump = "$PostgreSQL::Test::Utils::tmp_check/copies.sql";
$primary->command_ok([ 'pg_dump', '-p', $primary->port, '-h', $primary->host, '-f', $dump, 'postgres' ], 'dump');
$primary->safe_psql('postgres', 'CREATE DATABASE restored');
$primary->command_ok(
	[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-p', $primary->port, '-h', $primary->host, '-d', 'restored', '-f', $dump ],
	'restore');
is($primary->safe_psql('restored', $tables), $content, 'every row is there');
is($primary->safe_psql('restored', $lists), $newer, 'the same lists');
is($primary->safe_psql('restored', q{CALL recsys.retrain('shop', seed => 7); SELECT max(model_id) FROM recsys.model}), 3,
	'it trains on, and numbers on');
is($primary->safe_psql('restored', $lists), $newer, 'the same seed, the same lists');

$primary->stop;
done_testing();
