# Experiments judged: by simulated ones whose truth is known, by A/A tests that
# are looked at after every customer, by real trajectories; and assignment that
# is the same on a standby.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(abs_path(__FILE__)) . '/../..';
my $data = $ENV{DATA_DIR} // "$top/data";
my $node = PostgreSQL::Test::Cluster->new('experiments');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nmaintenance_work_mem = '256MB'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION recsys');

sub query { return $node->safe_psql('postgres', $_[0]); }

# run a script of test/bench with variables; its output
sub script
{
	my ($name, %variable) = @_;
	my $said = '';
	IPC::Run::run(
		[
			'psql', '-Xq', '-d', $node->connstr('postgres'), '-v', 'ON_ERROR_STOP=1',
			(map { ('-v', "$_=$variable{$_}") } sort keys %variable),
			'-f', "$top/test/bench/$name.sql"
		], '>&', \$said) or die $said;
	note($said);
	return;
}

# a compressed file of comma-separated values into a table
sub load
{
	my ($file, $table) = @_;
	my $said = '';
	IPC::Run::run([ 'gzip', '-dc', $file ], '|',
		[ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', "COPY $table FROM STDIN (FORMAT csv, HEADER)" ], '>&', \$said)
	  or die $said;
	return;
}

# --- simulated experiments, through the log, the source and the report ---

script('experiments', experiments => 24, units => 2000);
my %share = map { split /\|/, $_, 2 } split /\n/, query(q{
	SELECT effect || ': ' || what, value FROM (
		SELECT effect, sum(better * experiments) / sum(experiments) AS better, sum(worse * experiments) / sum(experiments) AS worse,
			sum(wrong * experiments) / sum(experiments) AS wrong, sum(shipped * experiments) / sum(experiments) AS shipped,
			sum((1 - held) * experiments) FILTER (WHERE NOT open) AS missed, min(mismatch) AS mismatch,
			sum(promoted_first)::float8 / sum(experiments) AS promoted, max(abs(bias)) FILTER (WHERE experiments >= 4) AS bias
		FROM simulated_design GROUP BY effect) s,
	LATERAL (VALUES ('better', better), ('worse', worse), ('wrong', wrong), ('shipped', shipped), ('missed', missed), ('mismatch', mismatch),
		('promoted', promoted), ('bias', bias)) v (what, value)});
cmp_ok($share{'lift: shipped'}, '>=', 0.6, 'a planted lift of half is found by most of the experiments planned for it');
cmp_ok($share{'lift: promoted'}, '>=', 0.6, 'and the policy that has won may go live');
cmp_ok($share{'lift: bias'}, '<', 0.02, 'the estimate is near the truth');
cmp_ok($share{'none: wrong'}, '<=', 0.2, 'without an effect hardly an arm is called, in two arms or three, of equal weights or not');
cmp_ok($share{'none: missed'} + $share{'lift: missed'} + $share{'lift and loss: missed'} + $share{'loss: missed'},
	'<=', 3, 'intervals hold the truth, at every look');
cmp_ok($share{'lift and loss: promoted'}, '>', 0, 'beside a worse arm a better one wins');
cmp_ok($share{'loss: worse'}, '>', 0, 'a planted loss is called');
is($share{'loss: shipped'}, 0, 'and not shipped at any look');
is(query('SELECT sum(promoted_worse) FROM simulated_design'), 0, 'promote lets no worse policy pass without force, not even beside a winner');
is(query(q{SELECT count(*) FROM simulated s JOIN design d ON d.design = s.design WHERE d.effect = 'loss' AND s.promoted <> '{}'}), 0, 'nor any where all are worse');
is($share{'arm loses units: mismatch'}, 1, 'an arm that loses units is found out, whatever the weights');
is($share{'arm loses units: promoted'}, 0, 'and nothing is promoted by such an experiment');

# --- A/A tests on real customers, looked at after each ---

SKIP:
{
	my $file = "$data/online_retail/invoice_line.csv.gz";
	skip 'no online_retail data', 5 unless -r $file;

	query('CREATE TABLE line (invoice text, stock_code text, description text, quantity float8, at timestamptz, price float8, customer_id int, country text)');
	load($file, 'line');
	query(q{
		CREATE TABLE customer AS SELECT customer_id AS id, coalesce(bool_or(at >= '2011-11-11'), false)::int::float8 AS conversion,
			coalesce(sum(quantity * price) FILTER (WHERE at >= '2011-11-11'), 0)::float8 AS revenue
		FROM line WHERE customer_id IS NOT NULL AND quantity > 0 GROUP BY customer_id ORDER BY customer_id;
		ALTER TABLE customer ADD capped_revenue float8;
		UPDATE customer SET capped_revenue = least(revenue, (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY revenue) FROM customer WHERE revenue > 0))});
	is(query('SELECT count(*) FROM customer'), 4339, 'customers');
	script('permuted', tests => 2000, units => 1000);
	for my $row (split /\n/, query('SELECT metric, tests, sequential::float8 / tests, repeated::float8 / tests FROM permuted ORDER BY metric'))
	{
		my ($metric, $tests, $sequential, $repeated) = split /\|/, $row;
		cmp_ok($sequential, '<=', 0.05 + 2 * sqrt(0.05 * 0.95 / $tests), "$metric: false alarms of $tests A/A tests looked at after each customer");
		cmp_ok($repeated, '>', 0.1, "$metric: a test for a single look would have raised more") if $metric eq 'conversion';
	}
}

# --- real trajectories ---

SKIP:
{
	my $file = "$data/asos_experiments/checkpoint.csv.gz";
	skip 'no asos_experiments data', 4 unless -r $file;

	query('CREATE TABLE checkpoint (experiment_id text, variant_id int, metric_id int, time_since_start float8, count_c float8, count_t float8, mean_c float8, mean_t float8, variance_c float8, variance_t float8)');
	load($file, 'checkpoint');
	is(query('SELECT count(*) FROM checkpoint'), 24153, 'checkpoints');
	script('trajectories');
	my ($comparisons, $single, $sequential, $single_turned, $turned, $meet) = split /\|/, query(q{
		SELECT count(*), count(*) FILTER (WHERE ever_single), count(*) FILTER (WHERE ever_sequential), count(*) FILTER (WHERE single_called <> ended),
			count(*) FILTER (WHERE called <> ended), avg(intervals_meet::int) FROM trajectory_end});
	cmp_ok($sequential, '<', $single / 2, 'looked at throughout, the sequential test calls less than half of the differences that a test for a single look would');
	cmp_ok($turned, '<', $single_turned / 2, 'and less than half as many that turn out to be the other way round');
	cmp_ok($meet, '>=', 0.94, 'all intervals of a comparison have a value in common');
}

# --- a standby assigns as the primary does, and reads reports ---

query(q{
	SELECT recsys.create_experiment('simulation', 'again', '[{"variant": "control", "policy": "popularity", "control": true}, {"variant": "treatment", "policy": "first", "weight": 2}]', traffic => 0.4);
	SELECT recsys.start_experiment('simulation', 'again');
	INSERT INTO simulation.experiment_override SELECT experiment_id, 'tester', 'treatment' FROM recsys.experiment WHERE experiment = 'again'});
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('experiments_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $assigned = q{SELECT md5(string_agg(coalesce(recsys.assign('simulation', 'again', u::text), '-'), ',' ORDER BY u)), recsys.assign('simulation', 'again', 'tester') FROM generate_series(1, 5000) u};
is($standby->safe_psql('postgres', $assigned), query($assigned), 'the standby assigns as the primary does');
is($standby->safe_psql('postgres', q{SELECT DISTINCT verdict FROM recsys.experiment_report('simulation', 'again')}), 'keep running', 'and reads a report');
$standby->stop;

done_testing();
