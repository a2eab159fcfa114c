# Experiments judged: by simulated ones whose truth is known, by A/A tests that
# are looked at after every customer, by real trajectories; and assignment that
# is the same in other languages and on a standby.

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
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
# the plan by hand: .1 buy, 3 of 10 of those who have bought before, a fifth,
# and 1 of 20 of the others, so that the variance is .09, and .08 once it is
# adjusted; the interval's half-width at the planned number is 3.0352 standard
# errors, and .8416 the normal quantile of .8
cmp_ok(abs(query('SELECT units_needed FROM plan') / (4 * 0.08 * ((3.0352 + 0.8416) / (0.5 * 0.1))**2) - 1), '<', 0.1, 'experiment_power plans as the formula does');
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

# --- A/A tests on real customers, looked at after each; on invented ones where there are none ---

{
	my $file = "$data/online_retail/invoice_line.csv.gz";
	my $real = -r $file;

	if ($real)
	{
		query('CREATE TABLE line (invoice text, stock_code text, description text, quantity float8, at timestamptz, price float8, customer_id int, country text)');
		load($file, 'line');
	}
	else
	{
		query(q{
			SELECT recsys.demo_shop('shop', until => '2011-12-10');
			CREATE VIEW line AS SELECT user_id AS customer_id, quantity, happened_at AS at, price FROM shop.event WHERE event = 'purchase'});
	}
	query(q{
		CREATE TABLE customer AS SELECT customer_id AS id, coalesce(bool_or(at >= '2011-11-11'), false)::int::float8 AS conversion,
			coalesce(sum(quantity * price) FILTER (WHERE at >= '2011-11-11'), 0)::float8 AS revenue
		FROM line WHERE customer_id IS NOT NULL AND quantity > 0 GROUP BY customer_id ORDER BY customer_id;
		ALTER TABLE customer ADD capped_revenue float8;
		UPDATE customer SET capped_revenue = least(revenue, (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY revenue) FROM customer WHERE revenue > 0))});
	cmp_ok(query('SELECT count(*) FROM customer'), $real ? '==' : '>=', $real ? 4339 : 1500, $real ? 'customers' : 'invented customers');
	script('permuted', tests => $real ? 2000 : 300, units => 1000);
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

# --- assignment is the same in Perl and in Python, before traffic grows and after ---

# the first 52 bits of SHA-256, over 2^52
sub bucket
{
	my ($salt, $unit) = @_;
	return hex(substr(sha256_hex("$salt:$unit"), 0, 13)) / 2**52;
}

# the arm of a unit, undef if it is in none; of an experiment's row and its arms
sub arm
{
	my ($e, $weight, $unit) = @_;
	my $place = bucket('simulation', $unit);
	return undef if $place < $e->{from} || $place >= $e->{from} + $e->{traffic};
	my $all = 0;
	$all += $_ for values %$weight;
	my $target = bucket($e->{salt}, $unit) * $all;
	my $sum = 0;
	for my $name (sort keys %$weight)
	{
		$sum += $weight->{$name};
		return $name if $target < $sum;
	}
	return;
}

my %weight = (b => 3, Z => 1.5, control => 2.25);
my @units = (1 .. 4900, map { "session:$_" } 1 .. 100);
query(q{
	SELECT recsys.create_experiment('simulation', 'below', '[{"variant": "control", "policy": "popularity", "control": true}, {"variant": "treatment", "policy": "first"}]', traffic => 0.15);
	SELECT recsys.start_experiment('simulation', 'below');
	SELECT recsys.create_experiment('simulation', 'weighed', '[{"variant": "b", "policy": "first", "weight": 3}, {"variant": "control", "policy": "popularity", "control": true, "weight": 2.25},
		{"variant": "Z", "policy": "second", "weight": 1.5}]', traffic => 0.35);
	SELECT recsys.start_experiment('simulation', 'weighed')});
my $listed = join ',', @units;
my (%was, %e);
for my $grown (0, 1)
{
	query(q{SELECT recsys.alter_experiment('simulation', 'weighed', 0.6)}) if $grown;
	@e{qw(salt from traffic)} = split /\|/, query(q{SELECT salt, traffic_from, traffic FROM recsys.experiment WHERE experiment = 'weighed'});
	my %got = map { split /\|/, $_, 2 } split /\n/, query(
		qq{SELECT u, coalesce(recsys.assign('simulation', 'weighed', u), '-') FROM unnest('{$listed}'::text[]) u});
	my %want = map { $_ => arm(\%e, \%weight, $_) // '-' } @units;
	is_deeply(\%got, \%want, 'Perl finds the arms of 5,000 units' . ($grown ? ', traffic having grown' : ''));
	my %units;
	$units{$_}++ for values %want;
	is(scalar(grep { ($units{$_} // 0) > 200 } '-', keys %weight), 4, 'which are in all arms, and in none');
	is(scalar(grep { $was{$_} ne '-' && $was{$_} ne $want{$_} } keys %was), 0, 'and stay in theirs') if $grown;
	%was = %want;
}
cmp_ok($e{from}, '==', 0.15, 'beside another experiment');

# the README's lines of Python, with this experiment's numbers
SKIP:
{
	my $code = slurp_file("$top/README.md") =~ /^```python\n(.*?)^```$/ms ? $1 : '';
	isnt($code, '', 'README has lines of Python');
	skip 'no python3', 2 unless grep { -x "$_/python3" } split /:/, $ENV{PATH};
	my $definition = "recommender, salt, traffic_from, traffic = 'simulation', '$e{salt}', $e{from}, $e{traffic}\nweights = {"
	  . join(', ', map { "'$_': $weight{$_}" } sort keys %weight) . "}\n";
	is($code =~ s/^(?:recommender|weights|print).*\n//mg, 3, 'with an example');
	my $said;
	IPC::Run::run([ 'python3', '-' ], '<', \"$definition${code}for unit in '$listed'.split(','):\n    print(arm(unit) or '-')\n", '>&', \$said);
	my @python = split /\n/, $said;
	is_deeply(\@python, [ map { $was{$_} } @units ], 'which find the same arms');
}
query(q{SELECT recsys.stop_experiment('simulation', e) FROM unnest('{below,weighed}'::name[]) e});

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
