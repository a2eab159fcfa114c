# Quality by thresholds: on the invented shop, against what was planted in it,
# and on Online Retail, where the data is there, against the figures of an
# independent implementation.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(abs_path(__FILE__)) . '/../..';
my $node = PostgreSQL::Test::Cluster->new('quality');
$node->init;
$node->append_conf('postgresql.conf',
	"timezone = 'UTC'\nfsync = off\nmaintenance_work_mem = '1GB'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION recsys');

sub query { return $node->safe_psql('postgres', $_[0]); }

# --- the invented shop: what taste there is, is found; none is made up ---

for my $taste (0, 1)
{
	query("SELECT recsys.demo_shop('demo', taste => $taste)");
	query(q{SELECT recsys.create_recommender('shop', source => 'demo.event',
		user_column => 'user_id', item_column => 'product_id', time_column => 'happened_at',
		event_column => 'event', value_column => 'quantity', catalog => 'demo.product',
		positives => '{"purchase": {"weight": 1, "owned": true}, "cart": {"weight": 0.5}, "view": {"weight": 0.1}}')});
	query("CALL recsys.retrain('shop')");
	my $winners = query(q{SELECT coalesce(string_agg(policy, ' ' ORDER BY policy), '')
		FROM recsys.leaderboard WHERE verdict = 'beats popularity'});
	is($winners, $taste ? 'default default.blend factors item_item' : '',
		"taste $taste: who beats popularity");
	next if !$taste;

	my ($recall, $precision) = split /\|/, query(q{
		SELECT count(*) FILTER (WHERE flagged AND kind = 'bot')::float8 / count(*) FILTER (WHERE kind = 'bot'),
			count(*) FILTER (WHERE flagged AND kind = 'bot')::float8 / count(*) FILTER (WHERE flagged)
		FROM (SELECT c.kind, x.user_id IS NOT NULL AS flagged
			FROM demo.customer c LEFT JOIN shop.excluded_user x USING (user_id)) f});
	cmp_ok($recall, '>=', 0.9, 'planted bots: recall');
	cmp_ok($precision, '>=', 0.95, 'planted bots: precision');

	# the oracle that ranks by the planted tastes is out of reach
	my $report = '';
	IPC::Run::run(
		[
			'psql', '-Xq', '-d', $node->connstr('postgres'), '-v', 'ON_ERROR_STOP=1',
			'-v', 'recommender=shop', '-f', "$top/test/demo/shop_after.sql"
		], '>&', \$report);
	my ($factors, $popularity, $oracle) =
	  $report =~ /factors ([\d.]+), popularity ([\d.]+), the oracle .*? ([\d.]+)\. /;
	ok(defined $oracle, 'the oracle speaks') or diag($report);
	note($report);
	cmp_ok($factors, '<', $oracle, 'factors stay below the oracle');
	cmp_ok($factors, '>', $popularity, 'and above popularity');
}
continue
{
	query("SELECT recsys.drop_recommender('shop')");
	query('SET client_min_messages = warning; DROP SCHEMA demo CASCADE');
}

# --- Online Retail ---

SKIP:
{
	my $file = ($ENV{DATA_DIR} // "$top/data") . '/online_retail/invoice_line.csv.gz';
	skip 'no online_retail data', 31 unless -r $file;

	my $said = '';
	IPC::Run::run(
		[ 'gzip', '-dc', $file ], '|',
		[
			'psql', '-Xq', '-d', $node->connstr('postgres'), '-v',
			'ON_ERROR_STOP=1', '-f', "$top/test/demo/online_retail.sql"
		], '>&', \$said)
	  or die $said;
	is( query('SELECT count(*) FROM retail.interaction'),
		396337, 'rows that pass the rules');

	# the reference reads whole histories and keeps every neighbour
	query(q{SELECT recsys.alter_recommender('retail', settings => '{"history_limit": 10000}')});
	query(q{SELECT recsys.create_policy('retail', 'cosine', 'item_item', '{"neighbors": 4000, "activity": 0}')});
	query(q{SELECT recsys.create_policy('retail', 'voted', 'item_item', '{"neighbors": 4000, "activity": 1}')});
	query(q{SELECT recsys.create_policy('retail', 'bpr', 'bpr')});
	query(q{SELECT recsys.evaluate('retail', policies => '{cosine,voted,bpr,default}', cutoff => '2011-11-11')});

	my $value = sub {
		my ($policy, $protocol, $metric, $k) = @_;
		return query("SELECT value FROM recsys.evaluation WHERE (policy, protocol, population, metric, k)"
			  . " = ('$policy', '$protocol', 'warm', '$metric', $k)");
	};
	is( query(q{SELECT string_agg(DISTINCT users::text, ' ') FROM recsys.evaluation WHERE protocol = 'new' AND population = 'warm'}),
		1223, 'users scored');

	my %reference = (
		'popularity new' => [ .0296, .0328, .0371, .0389 ],
		'popularity all' => [ .0699, .0789, .0619, .0863 ],
		'cosine new' => [ .0536, .0657, .0713, .0693 ],
		'cosine all' => [ .1559, .1720, .1279, .1695 ],
		'voted new' => [ .0629, .0763, .0876, .0836 ]);
	for my $row (sort keys %reference)
	{
		my ($policy, $protocol) = split / /, $row;
		my @want = @{ $reference{$row} };
		for my $figure ([ 'precision', 10 ], [ 'ndcg', 10 ], [ 'recall', 20 ])
		{
			my $want = shift @want;
			my $got = $value->($policy, $protocol, @$figure);
			cmp_ok(abs($got - $want), '<', 0.0005,
				"$row: $figure->[0]\@$figure->[1] $got is $want");
		}
	}
	is( query(q{SELECT c.value = e.users - w.users, i.value = (
				SELECT count(DISTINCT item_id) FROM retail.interaction n WHERE interacted_at >= '2011-11-11'
				AND NOT EXISTS (SELECT FROM retail.interaction o WHERE o.item_id = n.item_id AND o.interacted_at < '2011-11-11'))
			FROM recsys.evaluation c, recsys.evaluation i, recsys.evaluation e, recsys.evaluation w
			WHERE (c.policy, c.protocol, c.population, c.metric) = ('factors', 'all', 'everyone', 'cold_users')
			AND (i.policy, i.protocol, i.population, i.metric) = ('factors', 'all', 'everyone', 'cold_items')
			AND (e.policy, e.protocol, e.population, e.metric, e.k) = ('factors', 'all', 'everyone', 'ndcg', 10)
			AND (w.policy, w.protocol, w.population, w.metric, w.k) = ('factors', 'all', 'warm', 'ndcg', 10)}),
		't|t', 'cold users and items are counted');
	cmp_ok($value->('factors', 'new', 'ndcg', 10), '>=', 0.090, 'factors: NDCG@10');
	cmp_ok($value->('factors', 'new', 'precision', 10), '>=', 0.073, 'factors: P@10');
	cmp_ok($value->('default', 'new', 'ndcg', 10), '>=', 0.096, 'funnel with its ranker: NDCG@10');
	cmp_ok($value->('default', 'new', 'ndcg', 10), '>', 1.02 * $value->($_, 'new', 'ndcg', 10), "above $_")
	  for qw(default.blend factors item_item);
	cmp_ok($value->('bpr', 'new', 'ndcg', 10), '>=', 0.050, 'bpr: NDCG@10');
	is( query(q{SELECT count(*) FROM recsys.leaderboard WHERE recommender = 'retail'
			AND policy IN ('item_item', 'factors', 'default', 'cosine', 'voted', 'bpr') AND verdict = 'beats popularity'}),
		6, 'every personal method beats popularity');
	cmp_ok(
		query(q{SELECT count(*)::float8 / (SELECT count(DISTINCT customer_id) FROM invoice_line)
			FROM recsys.detect_bots('retail', apply => false)}),
		'<=', 0.002, 'customers taken for bots');

	# a search from settings far off, judged once on what it has not seen
	query(q{SELECT recsys.alter_policy('retail', 'default', '{"alpha0": 1, "lambda": 0.1}')});
	query(q{CALL recsys.tune('retail', cutoff => '2011-11-11')});
	my ($tuned, $before) = split /\|/, query(q{
		SELECT max(ndcg_at_10) FILTER (WHERE policy = 'tuned'), max(ndcg_at_10) FILTER (WHERE policy = 'default.blend')
		FROM recsys.leaderboard WHERE recommender = 'retail'});
	note("tuned: NDCG\@10 $tuned, before $before; ",
		query('SELECT best_value FROM recsys.tuning'), ' on the validation slice');
	cmp_ok($before, '<', 0.06, 'the settings it begins with');
	cmp_ok($tuned, '>=', 0.090, 'tune: NDCG@10 on the test slice');
	is( query(q{SELECT count(DISTINCT t.run_id) FROM recsys.tuning t JOIN recsys.evaluation e USING (run_id) WHERE e.policy = 'tuned'}),
		1, 'reported once');
	is( query(q{SELECT count(*) FROM recsys.training_run r JOIN recsys.tuning t USING (run_id) WHERE r.state = 'succeeded'}),
		1, 'by one run');
}

# --- goodbooks: ratings, and pairs of what was liked ---

SKIP:
{
	my $folder = ($ENV{DATA_DIR} // "$top/data") . '/goodbooks';
	skip 'no goodbooks data', 8
	  unless -r "$folder/rating.csv.gz" && -r "$folder/book.csv.gz";

	query('DROP TABLE IF EXISTS demo_about');
	my $said = '';
	IPC::Run::run(
		[
			'sh', '-c',
			'for f in rating book; do gzip -dc "$0/$f.csv.gz" | tr -d "\\r"; echo "\\."; done',
			$folder
		], '|',
		[
			'psql', '-Xq', '-d', $node->connstr('postgres'), '-v',
			'ON_ERROR_STOP=1', '-f', "$top/test/demo/goodbooks.sql"
		], '>&', \$said)
	  or die $said;
	query(q{SELECT recsys.create_policy('books', 'bpr', 'bpr')});
	my $run = query(q{SELECT recsys.evaluate('books', policies => '{factors,ratings,bpr}', random_split => true)});

	my ($users, $rmse, $upper) = split /\|/, query(
		"SELECT users, value, difference_upper FROM recsys.evaluation WHERE (run_id, policy, metric) = ($run, 'ratings', 'rmse')");
	is($users, 31452, 'users whose ratings are predicted');
	cmp_ok($rmse, '<=', 0.820, 'ratings: RMSE');
	cmp_ok($upper, '<', -0.010, 'below that of the biases, at the end of the paired interval');
	my $base = query("SELECT value FROM recsys.evaluation WHERE (run_id, policy, metric) = ($run, 'ratings.bias', 'rmse')");
	cmp_ok(abs($base - 0.8269), '<', 0.0005, 'RMSE of the biases');

	my %ndcg = map { split /\|/ } split /\n/, query(
		"SELECT policy, value FROM recsys.evaluation WHERE (run_id, protocol, population, metric, k) = ($run, 'new', 'warm', 'ndcg', 10)");
	my ($lower) = query(
		"SELECT difference_lower FROM recsys.evaluation WHERE (run_id, policy, protocol, population, metric, k) = ($run, 'factors', 'new', 'warm', 'ndcg', 10)");
	cmp_ok($ndcg{factors}, '>', $ndcg{popularity}, 'factors above popularity: NDCG@10');
	cmp_ok($lower, '>', 0, 'by the paired interval');
	cmp_ok($ndcg{bpr}, '>=', 0.090, 'bpr: NDCG@10');
	cmp_ok($ndcg{ratings}, '<', $ndcg{bpr}, 'lists by predicted ratings are others');
}

$node->stop;
done_testing();
