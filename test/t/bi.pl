# What the tools of analysts are promised: plain tables and views, comments,
# keys, types that every driver knows, no NaN; as a role that may only read.
# And the rights of the three roles that the README describes.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $here = dirname(abs_path(__FILE__));
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
# pgjdbc knows no unix sockets
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nlisten_addresses = '127.0.0.1'\nmaintenance_work_mem = '256MB'");
$node->append_conf('pg_hba.conf', "host all all 127.0.0.1/32 trust");
$node->start;

my $shop = 'shop one';
sub sql { return $node->safe_psql('postgres', $_[0]) }
# as a role: result code, output, errors
sub as_role
{
	my ($role, $query) = @_;
	return $node->psql('postgres', $query, extra_params => [ '-U', $role, '-F', '|' ]);
}

# --- three roles: who defines and trains, who serves, who only looks ---

sql(q{
	CREATE EXTENSION recsys;
	CREATE ROLE shop_admin LOGIN;
	CREATE ROLE shop_member LOGIN IN ROLE shop_admin;
	CREATE ROLE shop_app LOGIN;
	CREATE ROLE shop_reader LOGIN;
	GRANT CREATE ON DATABASE postgres TO shop_admin;
});
my ($rc, $out, $err) = as_role('shop_admin', qq{
	SELECT recsys.demo_shop('demo', users => 400, items => 150, interactions => 15000, seed => 5);
	SELECT recsys.create_recommender('$shop', source => 'demo.event', user_column => 'user_id', item_column => 'product_id', time_column => 'happened_at',
		value_column => 'quantity', event_column => 'event', positives => '{"purchase": {"weight": 1, "owned": true}, "view": {"weight": 0.1}}', catalog => 'demo.product');
	CALL recsys.retrain('$shop');
	SELECT recsys.create_experiment('$shop', 'first', '[{"variant": "control", "policy": "popularity", "weight": 1, "control": true}, {"variant": "funnel", "policy": "default", "weight": 1}]', traffic => 1, attribution => '1 second');
	SELECT recsys.start_experiment('$shop', 'first');
	GRANT USAGE ON SCHEMA "$shop", demo TO shop_app, shop_reader;
	GRANT SELECT ON ALL TABLES IN SCHEMA "$shop" TO shop_app, shop_reader;
	GRANT SELECT ON demo.event, demo.product TO shop_app, shop_reader;
	GRANT INSERT ON "$shop".request, "$shop".exposure TO shop_app;
});
is($rc, 0, 'admin: defines, trains, grants') or diag $err;

($rc, $out, $err) = as_role('shop_app', qq{SELECT count(*) FROM (SELECT ("$shop".serve(u)).* FROM generate_series(1, 60) u) s});
is("$rc $out", '0 600', 'app: serves and logs') or diag $err;
is((as_role('shop_app', qq{SELECT count(*) FROM "$shop".recommend(1)}))[1], 10, 'app: recommends');
# until the windows of attribution have closed
sql('SELECT pg_sleep(1.1)');
is((as_role('shop_admin', qq{SELECT count(*) > 0 FROM recsys.experiment_report('$shop', 'first')}))[1], 't', 'admin: reports on an experiment');
for my $query ("CALL recsys.retrain('$shop')", "SELECT recsys.alter_policy('$shop', 'default', '{}')", "SELECT recsys.stop_experiment('$shop', 'first')", "SELECT * FROM recsys.quality_report('$shop')",
	qq{DELETE FROM "$shop".popularity}, qq{INSERT INTO "$shop".excluded_user VALUES (1)}, qq{DELETE FROM "$shop".request}, qq{UPDATE "$shop".exposure SET score = 1},
	"SELECT recsys.promote('$shop', 'popularity', force => true, reason => 'mine')", "SELECT recsys.rollback('$shop')", "SELECT recsys.drop_policy('$shop', 'factors')",
	"SELECT * FROM recsys.drift_report('$shop')", "SELECT * FROM recsys.forget_user('$shop', '1')", "SELECT * FROM recsys.experiment_report('$shop', 'first')",
	"SELECT recsys.schedule('$shop')", "CALL recsys.retrain_due('$shop', '0 3 * * *')", "SELECT * FROM recsys.maintain('$shop')", "SELECT recsys.drop_recommender('$shop')")
{
	for my $role ('shop_app', 'shop_reader')
	{
		($rc, $out, $err) = as_role($role, $query);
		like($err, qr/permission denied|must be|privileges/, "$role may not: $query");
	}
}
# the registry shows them rows, and lets them change none
for my $role ('shop_app', 'shop_reader')
{
	is((as_role($role, q{WITH u AS (UPDATE recsys.recommender SET live_model_id = NULL RETURNING 1), d AS (DELETE FROM recsys.promotion RETURNING 1)
		SELECT (SELECT count(*) FROM u) + (SELECT count(*) FROM d), (SELECT count(*) > 0 FROM recsys.promotion)}))[1], '0|t', "$role: changes nothing in the registry");
}
# who is a member of the admin is one, and what it makes is the admin's
($rc, $out, $err) = as_role('shop_member', qq{
	CALL recsys.retrain('$shop', policy => 'popularity', evaluate => false);
	SELECT recsys.promote('$shop', 'popularity', force => true, reason => 'a trial') > 0, recsys.rollback('$shop') > 0;
	SELECT count(*) > 0 FROM recsys.drift_report('$shop');
	SELECT sum(rows) > 0 FROM recsys.forget_user('$shop', '60');
	SELECT recsys.alter_recommender('$shop', settings => '{"keep_models": 4}');
	SELECT count(*) FROM recsys.maintain('$shop');
	SELECT string_agg(DISTINCT relowner::regrole::text, ',') FROM pg_class WHERE relnamespace = '"$shop"'::regnamespace;
	SELECT by_role FROM recsys.promotion ORDER BY promotion_id DESC LIMIT 1});
is("$rc $out", "0 t|t\nt\nt\n$shop\n0\nshop_admin\nshop_member", 'a member of the admin: retrains, promotes, reports, forgets, alters') or diag $err;
is((as_role('shop_app', qq{SELECT count(*) FROM "$shop".recommend(1)}))[1], 10, 'app: recommends as before');
($rc, $out, $err) = as_role('shop_reader', qq{SELECT * FROM "$shop".serve(1)});
like($err, qr/permission denied/, 'reader: does not serve');
is((as_role('shop_reader', qq{SELECT count(*) FROM "$shop".recommend(1)}))[1], 10, 'reader: may look at lists');
for my $table (split /\n/, sql(q{SELECT format('%I.%I', n.nspname, r.relname) FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
	WHERE n.nspname IN ('recsys', 'shop one') AND r.relkind IN ('r', 'p', 'v') AND NOT r.relispartition ORDER BY 1}))
{
	($rc, $out, $err) = as_role('shop_reader', "SELECT count(*) FROM $table");
	is($rc, 0, "reader: $table") or diag $err;
}
($rc, $out, $err) = as_role('shop_reader', "SELECT length(recsys.report_html('$shop')) > 10000");
is($out, 't', 'reader: report_html') or diag $err;

# NULL, never NaN or infinity
my $measures = sql(q{SELECT string_agg(format('SELECT %L AS measure, count(*) AS bad FROM %I.%I t WHERE t.%I IN (''NaN'', ''Infinity'', ''-Infinity'')', n.nspname || '.' || r.relname || '.' || a.attname, n.nspname, r.relname, a.attname), ' UNION ALL ')
	FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace JOIN pg_attribute a ON a.attrelid = r.oid
	WHERE n.nspname IN ('recsys', 'shop one') AND r.relkind IN ('r', 'p', 'v') AND NOT r.relispartition AND a.attnum > 0 AND a.atttypid = 'float8'::regtype});
is(sql("SELECT count(*) > 50, string_agg(measure, ' ') FILTER (WHERE bad > 0) FROM ($measures) m"), 't|', 'measures hold neither NaN nor infinity');

# --- the dashboard: every query, as Grafana would send it ---

my $dashboard = decode_json(slurp_file("$here/../../doc/grafana.json"));
sub expand
{
	my ($query) = @_;
	my $name = $shop;

	$query =~ s/\$\{recommender:sqlstring\}/'$name'/g;
	$query =~ s/\$\{recommender:doublequote\}/"$name"/g;
	$query =~ s/\$__timeFilter\(([^()]*)\)/$1 BETWEEN now() - interval '30 days' AND now() + interval '1 day'/g;
	$query =~ s/\$__timeGroupAlias\(([^(),]*),[^()]*\)/floor(extract(epoch FROM $1) \/ 300) * 300 AS "time"/g;
	return $query;
}
my ($variable) = grep { $_->{type} eq 'query' } @{ $dashboard->{templating}{list} };
is((as_role('shop_reader', $variable->{query}))[1], $shop, 'Grafana: the list of recommenders');
my $queries = 0;
for my $panel (@{ $dashboard->{panels} })
{
	for my $target (@{ $panel->{targets} // [] })
	{
		my $query = expand($target->{rawSql});
		my $name = "Grafana: $panel->{title}";

		$queries++;
		unlike($query, qr/\$/, "$name: nothing is left to expand");
		($rc, $out, $err) = as_role('shop_reader', $query);
		is($rc, 0, "$name: runs") or diag $err;
		isnt($out, '', "$name: has rows");
		my %type = map { split /\|/ } split /\n/, (as_role('shop_reader', "$query \\gdesc"))[1];
		is(join(',', grep { $type{$_} !~ /^(text|name|integer|bigint|double precision|boolean|numeric|timestamp with time zone)$/ } sort keys %type), '', "$name: types that Grafana takes");
		next unless $target->{format} eq 'time_series';
		like($type{time} // '', qr/^(timestamp with time zone|numeric)$/, "$name: a column time");
		cmp_ok(scalar(grep { $type{$_} eq 'double precision' } keys %type), '>=', 1, "$name: a measure");
	}
}
cmp_ok($queries, '>=', 15, 'as many queries as there should be');
my %id;
$id{ $_->{id} }++ for @{ $dashboard->{panels} };
is(scalar(grep { $_ > 1 } values %id), 0, 'panels have ids of their own');

# --- what tools ask the catalog ---

# SQLAlchemy (Superset): names, then columns with types and comments, then keys
is((as_role('shop_reader', q{SELECT count(*) FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
	WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_class.relpersistence != 't'
	AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) IS NOT NULL AND pg_catalog.pg_namespace.nspname = 'recsys' AND pg_catalog.pg_class.relname IN ('evaluation', 'leaderboard', 'evaluation_latest')}))[1], 3, 'SQLAlchemy: tables and views');
is((as_role('shop_reader', q{SELECT count(*), count(pgd.description), count(*) FILTER (WHERE pg_catalog.format_type(a.atttypid, a.atttypmod) = 'double precision')
	FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_description pgd ON (pgd.objoid = a.attrelid AND pgd.objsubid = a.attnum AND pgd.classoid = 'pg_class'::regclass)
	WHERE a.attrelid = 'recsys.leaderboard'::regclass AND a.attnum > 0 AND NOT a.attisdropped}))[1], '18|18|9', 'SQLAlchemy: columns');
is((as_role('shop_reader', q{SELECT string_agg(a.attname, ',' ORDER BY k.ord) FROM (SELECT con.conrelid, unnest(con.conkey) AS attnum, generate_subscripts(con.conkey, 1) AS ord
	FROM pg_catalog.pg_constraint con WHERE con.contype = 'p' AND con.conrelid = 'recsys.evaluation'::regclass) k
	JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.attnum}))[1], 'run_id,policy,protocol,population,metric,k', 'SQLAlchemy: primary key');
# Power BI, Tableau, Grafana's query builder: information_schema
is((as_role('shop_reader', q{SELECT table_schema, table_type, count(*) FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', 'pg_catalog')
	AND table_name IN ('evaluation', 'leaderboard', 'experiment_result_latest', 'recommendation', 'request', 'interaction') GROUP BY 1, 2 ORDER BY 1, 2}))[1],
	"recsys|BASE TABLE|1\nrecsys|VIEW|2\nshop one|BASE TABLE|2\nshop one|VIEW|1", 'information_schema: tables');
is((as_role('shop_reader', q{SELECT string_agg(DISTINCT data_type, ',' ORDER BY data_type) FROM information_schema.columns
	WHERE table_schema = 'recsys' AND table_name IN ('leaderboard', 'evaluation_latest', 'training_run_latest', 'experiment_result_latest')}))[1],
	'bigint,double precision,integer,name,text,timestamp with time zone', 'information_schema: types');
# Metabase: foreign keys
is((as_role('shop_reader', q{SELECT count(*) FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
	WHERE c.contype = 'f' AND t.relnamespace = 'recsys'::regnamespace AND c.confrelid = 'recsys.recommender'::regclass}))[1] >= 3 ? 1 : 0, 1, 'Metabase: foreign keys');

# --- drivers ---

my ($odbc) = glob '/usr/lib/*/odbc/psqlodbcw.so';
SKIP:
{
	skip 'unixodbc and odbc-postgresql are not installed', 5 unless defined $odbc && grep { -x "$_/isql" } split /:/, $ENV{PATH};
	my $connection = "Driver=$odbc;Servername=" . $node->host . ";Port=" . $node->port . ";Database=postgres;UID=shop_reader";
	my $ask = sub {
		my ($stdout, $stderr) = ('', '');
		IPC::Run::run([ 'isql', '-k', $connection, '-b', '-v', '-d|' ], '<', \"$_[0]\n", '>', \$stdout, '2>', \$stderr);
		return $stdout . $stderr;
	};
	my $answer = $ask->('help');
	like($answer, qr/\|recsys\|leaderboard\|VIEW\|/, 'psqlODBC: a view');
	like($answer, qr/\|recsys\|evaluation\|TABLE\|/, 'psqlODBC: a table');
	# 6 and 11 are SQL_FLOAT and SQL_TYPE_TIMESTAMP of ODBC 2
	$answer = $ask->("SET search_path = recsys\nhelp leaderboard");
	like($answer, qr/\|leaderboard\|ndcg_at_10\|6\|float8\|/, 'psqlODBC: a measure is a double');
	like($answer, qr/\|leaderboard\|evaluated_at\|11\|timestamptz\|/, 'psqlODBC: an instant is a timestamp');
	my $rows = sql(q{SELECT policy || '|' || users FROM recsys.leaderboard ORDER BY place, policy});
	$answer = $ask->('SELECT policy, users FROM recsys.leaderboard ORDER BY place, policy');
	is(scalar(grep { index($answer, $_) < 0 } split /\n/, $rows), 0, 'psqlODBC: rows') or diag $answer;
}

SKIP:
{
	my $jar = '/usr/share/java/postgresql.jar';
	skip 'pgjdbc or a Java compiler is not installed', 8 unless -e $jar && grep { -x "$_/javac" } split /:/, $ENV{PATH};
	my ($stdout, $stderr) = ('', '');
	IPC::Run::run([ 'java', '-cp', $jar, "$here/../bi/Metadata.java", 'jdbc:postgresql://127.0.0.1:' . $node->port . '/postgres', 'shop_reader', 'recsys', $shop ],
		'>', \$stdout, '2>', \$stderr) or diag $stderr;
	my @facts = split /\n/, $stdout;
	ok((grep { $_ eq 'table|recsys|leaderboard|VIEW|commented' } @facts), 'pgjdbc: a view with its comment');
	ok((grep { /^table\|shop one\|request\|(PARTITIONED )?TABLE\|commented$/ } @facts), 'pgjdbc: a partitioned table');
	is(join("\n", grep { /no comment$/ } @facts), '', 'pgjdbc: everything is commented');
	ok((grep { $_ eq 'column|recsys|leaderboard|ndcg_at_10|float8|DOUBLE|commented' } @facts), 'pgjdbc: a measure is a double');
	ok((grep { /^column\|recsys\|leaderboard\|evaluated_at\|timestamptz\|TIMESTAMP/ } @facts), 'pgjdbc: an instant is a timestamp');
	is(scalar(grep { /^key\|recsys\|evaluation\|/ } @facts), 6, 'pgjdbc: a primary key');
	ok((grep { $_ eq 'reference|recsys|evaluation|run_id|training_run|run_id' } @facts), 'pgjdbc: a foreign key');
	is(join("\n", map { (split /\|/)[1] . '|' . (split /\|/)[3] } grep { /^row\|.*\|time$/ } @facts), sql(q{SELECT policy || '|' || users FROM recsys.leaderboard ORDER BY place, policy}), 'pgjdbc: rows');
}

$node->stop;
done_testing();
