# Serving from a hot standby, and from what pg_dump has carried to another
# database.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION recsys;
	CREATE ROLE analyst;
	SELECT FROM recsys.demo_shop('shop', users => 500, items => 300, interactions => 20000);
	CREATE TYPE public.colour AS ENUM ('red', 'green', 'blue');
	CREATE TABLE public.choice AS SELECT format('user "%s" é', u) AS visitor, (enum_range(NULL::public.colour))[1 + (u + i) % 3] AS colour,
		date '2024-01-01' + u AS day FROM generate_series(1, 20) u, generate_series(0, 1) i;
	SELECT recsys.create_recommender('products', 'shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
		positives => '{"purchase": {"owned": true}, "view": {"weight": 0.1}}', catalog => 'shop.product');
	SELECT recsys.create_recommender('my "colours"', 'public.choice', 'visitor', 'colour', 'day', filter => 'colour <> ''blue'' OR day < ''2025-01-01''');
	SELECT recsys.alter_policy('products', 'default', '{"factors": 8, "sweeps": 2}');
	SELECT recsys.create_policy('products', 'mine', 'item_item', '{"activity": 0.5}');
	INSERT INTO products.excluded_item (item_id, reason) VALUES (7, 'recalled');
	INSERT INTO products.excluded_user (user_id, reason) VALUES (2, 'asked for it');
	GRANT USAGE ON SCHEMA products, shop TO analyst;
	GRANT SELECT ON ALL TABLES IN SCHEMA products, shop TO analyst;
});
$node->safe_psql('postgres', q{CALL recsys.retrain('products')});
$node->safe_psql('postgres', q{CALL recsys.retrain('products', policy => 'mine', evaluate => false)});
$node->safe_psql('postgres', q{CALL recsys.retrain('my "colours"', evaluate => false)});

my $lists = q{
	SELECT md5(string_agg(r::text, ',' ORDER BY u, rank)) FROM generate_series(1, 20) u, products.recommend(u, 20, as_of => '2026-01-01 00:00Z') r
	UNION ALL SELECT md5(string_agg(r::text, ',' ORDER BY u, rank)) FROM generate_series(1, 20) u, products.recommend(u, 20, policy => 'mine', as_of => '2026-01-01 00:00Z') r
	UNION ALL SELECT md5(string_agg(r::text, ',' ORDER BY i, rank)) FROM generate_series(1, 20) i, products.similar_items(i, 20) r
	UNION ALL SELECT md5(string_agg(concat_ws(' ', rank, item_id, source), ',' ORDER BY i, rank)) FROM generate_series(1, 20) i, products.recommend_for_items(ARRAY[i], 20) r
	UNION ALL SELECT md5(string_agg(r::text, ',' ORDER BY u, rank)) FROM generate_series(1, 20) u, "my ""colours""".recommend(format('user "%s" é', u)) r};
my $first = $node->safe_psql('postgres', $lists);
is(scalar(grep { /^[0-9a-f]{32}$/ } split /\n/, $first), 5, 'the primary serves');

# --- a hot standby ---

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'the standby is one');
is($standby->safe_psql('postgres', $lists), $first, 'the standby serves the same lists');
is($standby->safe_psql('postgres', "SET ROLE analyst; SELECT count(*) FROM products.recommend(1, 5)"),
	5, 'the standby serves an app with its grants');
my ($ret, $out, $err) = $standby->psql('postgres', q{CALL recsys.retrain('products')}, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/ERROR:  25006: cannot train or drop recommender "products" on a standby\nHINT:  .+/, 'the standby does not train');
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE mode = 'ShareUpdateExclusiveLock'"), 0, 'and holds no lock');
like($standby->safe_psql('postgres', "SELECT string_agg(policy, ' ' ORDER BY policy) FROM recsys.leaderboard WHERE recommender = 'products'"),
	qr/popularity/, 'the standby shows the leaderboard');

# a click and a model made on the primary count on the standby
$node->safe_psql('postgres', "INSERT INTO shop.event VALUES (1, 1, 'purchase', 1, 1, '2025-12-31')");
$node->safe_psql('postgres', q{CALL recsys.retrain('products', seed => 2)});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $second = $node->safe_psql('postgres', $lists);
isnt($second, $first, 'a new model makes other lists');
is($standby->safe_psql('postgres', $lists), $second, 'the standby serves the new model');
$standby->stop;

# --- dump and restore ---

my $rows = q{
	SELECT format('SELECT %L, count(*), md5(string_agg(t::text, '','' ORDER BY t::text)) FROM %I.%I t', c.oid::regclass, n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
	WHERE nspname IN ('recsys', 'products', 'my "colours"') AND relkind IN ('r', 'v') ORDER BY c.oid::regclass::text};
sub rows_of
{
	my ($database) = @_;
	return join "\n", map { $node->safe_psql($database, $_) } split /\n/, $node->safe_psql($database, $rows);
}
my $dump = $PostgreSQL::Test::Utils::tmp_check . '/dump.sql';
$node->command_checks_all([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 0, [qr{^$}], [qr{^$}], 'pg_dump, without a warning');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-o', '/dev/null', '-d', $node->connstr('other') ], 'restore');
is(rows_of('other'), rows_of('postgres'), 'restored: every table and view has its rows');
is($node->safe_psql('other', $lists), $second, 'restored: the same lists are served');
is($node->safe_psql('other', 'SET ROLE analyst; SELECT count(*) FROM products.recommend(1, 5)'), 5, 'restored: the grants too');
$node->safe_psql('other', q{CALL recsys.retrain('products', seed => 2)});
is($node->safe_psql('other', q{
		SELECT count(DISTINCT md5(f)) FROM (SELECT string_agg(concat(item_id, factor), ',' ORDER BY item_id) AS f
		FROM products.item_factor JOIN recsys.model USING (model_id) WHERE policy = 'default' AND seed = 2 GROUP BY model_id) m}), 1,
	'restored: a training gives the same rows');
is($node->safe_psql('other', q{SELECT count(*) FROM recsys.model WHERE model_id > (SELECT max(model_id) - 1 FROM recsys.model)}), 1,
	'restored: numbers go on where they were');
$node->safe_psql('other', q{
	SELECT recsys.alter_recommender('products', settings => '{"history_limit": 100}');
	SELECT recsys.drop_recommender(r) FROM recsys.recommender, LATERAL (SELECT recommender AS r) x;
	DROP EXTENSION recsys;});
is($node->safe_psql('other', "SELECT count(*) FROM pg_namespace WHERE nspname IN ('recsys', 'products', 'my \"colours\"')"), 0, 'restored: all can be dropped');

$node->stop;
done_testing();
