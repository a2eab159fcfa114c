# report_html in a browser: nothing is fetched, no text becomes markup, it fits
# a phone, can be read in light and dark, and shows what the tables hold.
#
# Environment: RS_PICTURES, a folder for screenshots to look at.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use lib dirname(abs_path(__FILE__)) . '/../browser';
use Chromium;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# where no browser can run, there is nothing to test
my $folder = PostgreSQL::Test::Utils::tempdir;
my $browser = eval { Chromium->start($folder) };
unless ($browser)
{
	note($@);
	plan skip_all => 'Chromium does not run here: ' . ($@ =~ s/\n.*//sr);
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nmaintenance_work_mem = '256MB'");
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

# --- a shop with some history, and texts that would be markup ---

my $hostile = '<img src=x onerror=alert(1)>';
my $policy = '"><svg onload=alert(2)></svg>';
sql(qq{
	CREATE EXTENSION recsys;
	SELECT recsys.demo_shop('demo', users => 600, items => 200, interactions => 20000, seed => 3);
	UPDATE demo.product SET title = '$hostile', category = '</li><script>alert(3)</script>' WHERE product_id % 2 = 0;
	SELECT recsys.create_recommender('shop', source => 'demo.event', user_column => 'user_id', item_column => 'product_id', time_column => 'happened_at',
		value_column => 'quantity', event_column => 'event', positives => '{"purchase": {"weight": 1, "owned": true}, "view": {"weight": 0.1}}', catalog => 'demo.product');
	SELECT recsys.create_policy('shop', '$policy', 'item_item');
	SELECT recsys.create_policy('shop', 'a policy whose name goes on and on and never stops', 'item_item', '{"neighbors": 20}');
});
for my $cutoff ('2025-11-01', '2025-11-20', '2025-12-10')
{
	sql("SELECT recsys.evaluate('shop', '{default}', '$cutoff')");
}
sql(q{CALL recsys.retrain('shop', evaluate => false)});
sql(qq{SELECT recsys.evaluate('shop', ARRAY['default', '$policy', 'a policy whose name goes on and on and never stops']::name[])});
sql(qq{SELECT count(*) FROM (SELECT (shop.serve(u, placement => '$hostile')).* FROM generate_series(1, 300) u) s});
sql(q{INSERT INTO shop.request SELECT (jsonb_populate_record(NULL::shop.request, to_jsonb(r) || jsonb_build_object('requested_at', r.requested_at - d * interval '1 day', 'milliseconds', r.milliseconds * (1 + d / 10.0)))).*
	FROM shop.request r, generate_series(1, 12) d});
sql(qq{
	SELECT recsys.create_experiment('shop', '$hostile', '[{"variant": "control", "policy": "popularity", "weight": 1, "control": true}, {"variant": "<script>alert(4)</script>", "policy": "default", "weight": 1}]', traffic => 1);
	INSERT INTO recsys.experiment_result SELECT e.experiment_id, now() - (10 - d) * interval '1 day', v.variant, m, e.recommender, CASE m WHEN 'conversion' THEN 'primary' ELSE 'secondary' END, 100 * d,
		0.1, CASE WHEN NOT v.control THEN 0.01 END, CASE WHEN NOT v.control THEN 0.1 END, CASE WHEN NOT v.control THEN 0.01 - 0.1 / d END, CASE WHEN NOT v.control THEN 0.01 + 0.1 / d END, CASE WHEN NOT v.control THEN 0.5 END, 0.9
	FROM recsys.experiment e JOIN recsys.variant v USING (experiment_id), generate_series(1, 10) d, unnest('{conversion,revenue}'::text[]) m;
});
# what went live and what did not
sql(qq{
	CALL recsys.retrain('shop', policy => '$policy', evaluate => false);
	SELECT recsys.promote('shop', '$policy', force => true, reason => '$hostile');
	SELECT recsys.rollback('shop');
	INSERT INTO recsys.training_run (recommender, state, stage, pid, backend_start, started_at, finished_at, model_id, message)
	SELECT 'shop', 'held_back', 'publish', 1, now(), now(), now(), live_model_id, '$hostile' FROM recsys.recommender WHERE recommender = 'shop'});
# the data goes on to a week ago and then there is a fourth of it
sql(q{UPDATE demo.event SET happened_at = happened_at + (now() - interval '7 days' - '2026-01-01Z')});
sql(q{INSERT INTO demo.event SELECT user_id, product_id, event, quantity, price, happened_at + interval '7 days' FROM demo.event WHERE happened_at > now() - interval '14 days' AND user_id % 4 = 0});
sql(q{CALL recsys.retrain('shop', evaluate => false)});
sub write_page
{
	my ($name, $text) = @_;
	open(my $out, '>', "$folder/$name.html") or die "$name: $!";
	print $out $text;
	close $out;
	return "file://$folder/$name.html";
}
my $page = sql(q{SELECT recsys.report_html('shop')});
my $url = write_page('report', $page);
# scripts must not run although they may, not because the page forbids them
my $open = $page;
is($open =~ s/<meta http-equiv="Content-Security-Policy"[^>]*>//, 1, 'the page forbids scripts and requests');
my $open_url = write_page('open', $open);

# --- the means of the test: that they see what they are for ---

my $checks = slurp_file(dirname(abs_path(__FILE__)) . '/../browser/page.js');
$browser->window(360, 'light');
$browser->open(write_page('bad', qq{<!DOCTYPE html><html><body><p style="color:#999;width:500px">pale and wide</p>$hostile<h3>late</h3><a href="#x">x</a></body></html>}));
is(scalar($browser->events('Page.javascriptDialogOpening')), 1, 'a dialog would be seen');
cmp_ok(scalar($browser->events('Network.requestWillBeSent')), '>', 1, 'a request would be seen');
my $found = join "\n", @{ $browser->evaluate($checks) };
for my $fault ('the page is 5\d\d wide', 'sticks out: p', 'contrast 2\.85: p', 'heading skips a level: h3', '0 of main', '0 of html\[lang\]', 'leads nowhere: a')
{
	like($found, qr/$fault/, "a bad page would be seen: $fault");
}

# --- the report ---

$browser->open($open_url);
is(scalar($browser->events('Page.javascriptDialogOpening')), 0, 'no dialog, though the page lets scripts run');
is(scalar($browser->events('Network.requestWillBeSent')), 1, 'nothing fetched, though the page lets it');
for my $scheme ('light', 'dark')
{
	for my $width (360, 768, 1200)
	{
		$browser->window($width, $scheme);
		$browser->open($url);
		is(scalar($browser->events('Page.javascriptDialogOpening')), 0, "$width $scheme: no dialog");
		is(scalar($browser->events('Network.requestWillBeSent')), 1, "$width $scheme: nothing is fetched but the page");
		is(scalar($browser->events('Log.entryAdded')), 0, "$width $scheme: nothing to complain of");
		$browser->screenshot("$ENV{RS_PICTURES}/report_${width}_$scheme.png") if $ENV{RS_PICTURES};
		is(join("\n", @{ $browser->evaluate($checks) }), '', "$width $scheme: layout, contrast and structure");
	}
}

# what assistive technology is told
my @nodes = @{ $browser->call('Accessibility.getFullAXTree')->{nodes} };
my @images = grep { ($_->{role}{value} // '') =~ /^(image|img)$/ && !$_->{ignored} } @nodes;
cmp_ok(scalar(@images), '>=', 15, 'charts are images');
is(scalar(grep { !length($_->{name}{value} // '') || !length($_->{description}{value} // '') } @images), 0, 'each has a name and a description');
is(scalar(grep { ($_->{role}{value} // '') eq 'main' } @nodes), 1, 'one main landmark');
is(scalar(grep { ($_->{role}{value} // '') eq 'navigation' && length($_->{name}{value} // '') } @nodes), 1, 'and a named navigation');

# --- as shown, the tables' numbers ---

my $shown = $browser->evaluate(q{[...document.querySelectorAll('#leaderboard tbody tr')].map(r => [...r.children].map(c => c.innerText.trim()).join('|')).join('\n')});
is($shown, sql(q{SELECT concat_ws('|', policy, verdict, to_char(ndcg_at_10, 'FM0.0000'), to_char(ndcg_lower, 'FM0.0000') || ' to ' || to_char(ndcg_upper, 'FM0.0000'),
	to_char(precision_at_10, 'FM0.0000'), to_char(recall_at_20, 'FM0.0000'), to_char(hit_rate_at_10, 'FM0.0000'), to_char(coverage_at_10, 'FM0.000'), to_char(novelty_at_10, 'FM0.00'))
	FROM recsys.leaderboard WHERE recommender = 'shop' ORDER BY place, policy COLLATE "C"}), 'the leaderboard');
# in the chart, the places of the dots are to scale
my ($dots, $ticks) = @{ $browser->evaluate(q{[[...document.querySelectorAll('#chart-leaderboard circle')].map(c => +c.getAttribute('cx')),
	[...document.querySelectorAll('#chart-leaderboard .grid + text')].map(t => [+t.getAttribute('x'), parseFloat(t.textContent)])]}) };
my @ndcg = split /\n/, sql(q{SELECT ndcg_at_10 FROM recsys.leaderboard WHERE recommender = 'shop' ORDER BY place, policy COLLATE "C"});
my $scale = ($ticks->[-1][0] - $ticks->[0][0]) / ($ticks->[-1][1] - $ticks->[0][1]);
is(scalar(@$dots), scalar(@ndcg), 'a dot for each policy');
is(scalar(grep { abs($ticks->[0][0] + ($ndcg[$_] - $ticks->[0][1]) * $scale - $dots->[$_]) > 0.2 } 0 .. $#ndcg), 0, 'each at its value');
# an alarm for each that drift_report raises, in words and as a larger dot
my $alarms = sql(q{SELECT string_agg(replace(metric, '_', ' '), '|' ORDER BY ordinality) FROM recsys.drift_report('shop') WITH ORDINALITY WHERE alarm});
like($alarms, qr/^interactions/, 'there is an alarm');
is($browser->evaluate(q{[...document.querySelectorAll('#drift > ul b')].map(e => e.innerText).join('|')}), $alarms, 'alarms of drift_report');
is($browser->evaluate(q{document.querySelectorAll('#drift .d.alarm').length}), scalar(grep { $_ ne 'model age days' } split /\|/, $alarms), 'larger dots');
my ($weeks, $places) = @{ $browser->evaluate(q{[[...document.querySelectorAll('#chart-drift-interactions .d')].map(c => +c.getAttribute('cy')),
	[...document.querySelectorAll('#chart-drift-interactions .grid + text')].map(t => [+t.getAttribute('y') - 5, parseFloat(t.textContent) * (/k/.test(t.textContent) ? 1000 : 1)])]}) };
my @counts = split /\n/, sql(q{SELECT value FROM recsys.drift_report('shop') WHERE metric = 'interactions' ORDER BY period_start});
my $unit = ($places->[-1][0] - $places->[0][0]) / ($places->[-1][1] - $places->[0][1]);
is(scalar(@$weeks), scalar(@counts), 'a dot for each week');
is(scalar(grep { abs($places->[0][0] + ($counts[$_] - $places->[0][1]) * $unit - $weeks->[$_]) > 0.2 } 0 .. $#counts), 0, 'each at its count');
# what went live
is($browser->evaluate(q{[...document.querySelectorAll('#history tbody tr')].map(r => [...r.children].slice(1, 6).map(c => c.innerText.trim()).join('|')).join('\n')}),
	sql(q{SELECT concat_ws('|', to_policy, to_version, to_model_id, CASE WHEN forced THEN 'force' ELSE kind END, reason) FROM (
		SELECT to_policy, to_version, to_model_id, forced, kind, reason, promoted_at FROM recsys.promotion
		UNION ALL SELECT m.policy, m.policy_version, m.model_id, false, 'held back', t.message, t.finished_at FROM recsys.training_run t JOIN recsys.model m USING (model_id) WHERE t.state = 'held_back') x
		ORDER BY promoted_at DESC}), 'what went live and what was held back');
is($browser->evaluate(q{document.querySelectorAll('#chart-history rect').length + ' ' + document.querySelectorAll('#chart-history .cross').length}), sql(q{SELECT count(*) || ' 1' FROM recsys.promotion}), 'a bar for each, and a cross');
# the intervals of the experiment: a band through all reports
is($browser->evaluate(q{document.querySelectorAll('#experiments .band').length}), 1, 'a band of intervals');
is($browser->evaluate(q{document.querySelector('#people h3').innerText}) =~ /^User \d+$/ ? 1 : 0, 1, 'people by their ids');
like($browser->evaluate(q{document.querySelector('#people').innerText}), qr/\Q$hostile\E/, 'a hostile title is shown as it is');
like($browser->evaluate(q{document.querySelector('#leaderboard').innerText}), qr/\Q$policy\E/, 'and so is a hostile policy');

$browser->stop;
$node->stop;
done_testing();
