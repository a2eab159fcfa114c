# The images of models that sessions share: that one file serves all, that
# nothing but the right one is ever served, and what becomes of it when a
# session is cancelled or killed, a model deleted, a table closed.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('cache');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<END);
fsync = off
restart_after_crash = on
autovacuum = off
log_min_messages = log
END
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

# a session that stays
sub session
{
	my %s = (in => '', out => '');
	$s{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$s{in}, '>', \$s{out}, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$s{pid} = say_to(\%s, 'SELECT pg_backend_pid()');
	return \%s;
}

sub start_saying
{
	my ($s, $statement) = @_;
	$s->{out} = '';
	$s->{in} .= "$statement;\n\\echo <end>\n";
	$s->{run}->pump_nb;
}

sub answer
{
	my ($s) = @_;
	$s->{run}->pump until $s->{out} =~ /<end>\n/;
	(my $out = $s->{out}) =~ s/\n?<end>\n//;
	return $out;
}

sub say_to { start_saying(@_); return answer($_[0]); }

sub leave { my ($s) = @_; $s->{in} .= "\\q\n"; eval { $s->{run}->finish; }; }

sub folder_of { return $_[0]->data_dir . '/base/pgsql_tmp'; }

# names of files in the folder of temporary files
sub files_of
{
	my ($server) = @_;
	opendir(my $dir, folder_of($server)) or return ();
	return sort grep { !/^\.\.?$/ } readdir $dir;
}
sub files { return files_of($node); }
sub number_of { return scalar @_; }
sub path { return folder_of($node) . '/' . $_[0]; }

my $define = q{
	SELECT FROM recsys.create_recommender('cached', 'shop.event', 'user_id', 'product_id', 'happened_at', 'quantity', 'event',
		settings => '{"keep_models": 1}', positives => '{"purchase": {"owned": true}, "view": {"weight": 0.1}}', catalog => 'shop.product');
	SELECT FROM recsys.alter_policy('cached', 'default', '{"factors": 8, "sweeps": 2, "neighbors": 20}');};
sql(qq{
	CREATE EXTENSION recsys;
	CREATE ROLE app;
	CREATE ROLE narrow;
	SELECT FROM recsys.demo_shop('shop', users => 500, items => 300, interactions => 20000);
	SET client_min_messages = warning;
	$define
	GRANT USAGE ON SCHEMA cached, shop TO app, narrow;
	GRANT SELECT ON ALL TABLES IN SCHEMA cached, shop TO app, narrow;
});
my $seed = 0;
sub retrain { $seed++; sql("CALL recsys.retrain('cached', evaluate => false, seed => $seed)"); }
retrain();

my $lists = q{
	SELECT md5(string_agg(r::text, ',' ORDER BY u, rank)) FROM generate_series(1, 30) u, cached.recommend(u, 20, as_of => '2026-01-01 00:00Z') r};
my $maps = q{SELECT count(*) FROM string_to_table(pg_read_file('/proc/self/maps'), E'\n') m WHERE m LIKE '%pgsql\_tmp.recsys.%'};

# --- one file for all ---

is(number_of(files()), 1, 'a model has its file when it goes live');
unlink path((files())[0]);
my $one = session();
my $first = say_to($one, $lists);
like($first, qr/^[0-9a-f]{32}$/, 'a session serves');
my @files = files();
is(scalar(@files), 1, 'and leaves one file');
my $file = $files[0];
like($file, qr/^pgsql_tmp\.recsys\.\d+\.1\.[0-9a-f]{16}$/, 'of its name');
is((stat path($file))[2] & 07777, 0600, 'for the server alone');
my ($inode, $size) = (stat path($file))[1, 7];
my $two = session();
is(say_to($two, "SET ROLE app; $lists"), $first, 'another session, of another role, serves the same');
is((stat path($file))[1], $inode, 'from the same file');
is(say_to($_, "RESET ROLE; $maps"), 1, 'which it maps') for $one, $two;
sql(q{SET recsys.unknown = 1; SELECT count(*) FROM cached.recommend(1)});
is(join(' ', files()), $file, 'a third adds none');

# --- two at once ---

sub gone { return $node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $_[0])"); }

# has a session begin to make the image, and holds it half way
my $holder = session();
sub hold
{
	unlink path($_) for files();
	say_to($holder, 'BEGIN; LOCK TABLE cached.item_neighbor');
	my @made = map { session() } 1 .. $_[0];
	start_saying($_, $lists) for @made;
	for my $s (@made)
	{
		$s->{run}->pump_nb;
		$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $s->{pid} AND wait_event_type = 'Lock'")
		  or die 'not held';
	}
	return @made;
}

my @both = hold(2);
is(sql(q{SELECT string_agg(locktype, ' ' ORDER BY locktype) FROM pg_locks WHERE NOT granted}), 'advisory relation', 'two sessions: one makes the image, the other waits');
say_to($holder, 'COMMIT');
is(answer($_), $first, 'two sessions: both serve') for @both;
is(join(' ', files()), $file, 'two sessions: one file');
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'two sessions: no lock');
leave($_) for @both;

# --- cancelled, terminated, killed ---

my ($victim) = hold(1);
sql("SELECT pg_cancel_backend($victim->{pid})");
like(answer($victim), qr/canceling statement/, 'cancelled while it makes the image');
is(number_of(files()), 0, 'cancelled: nothing is left');
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'cancelled: no lock');
say_to($holder, 'COMMIT');
is(say_to($victim, $lists), $first, 'cancelled: the session serves when asked again');
leave($victim);

($victim) = hold(1);
sql("SELECT pg_terminate_backend($victim->{pid})");
gone($victim->{pid});
is(number_of(files()), 0, 'terminated: nothing is left');
say_to($holder, 'COMMIT');
is(sql($lists), $first, 'terminated: others serve');

# a file of a crash, with its name and half of its bytes, is swept
($victim) = hold(1);
open(my $half, '>', path($file)) or die;
print $half 'half';
close $half;
kill 'KILL', $victim->{pid};
$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'not up again';
is(number_of(files()), 0, 'killed: the server sweeps');
is(sql($lists), $first, 'killed: others serve');
($one, $two, $holder) = map { session() } 1 .. 3;
say_to($_, $lists) for $one, $two;

# --- files that are not the image ---

my $right = PostgreSQL::Test::Utils::slurp_file(path($file));
sub plant
{
	my ($what, $bytes) = @_;
	unlink path($file);
	open(my $f, '>:raw', path($file)) or die;
	print $f $bytes;
	close $f;
	chmod 0600, path($file);
	my $log = -s $node->logfile;
	is(sql($lists), $first, "$what: is not served");
	ok(PostgreSQL::Test::Utils::slurp_file(path($file)) eq $right, "$what: the right one is in its place");
	like(PostgreSQL::Test::Utils::slurp_file($node->logfile, $log), qr/LOG:  .*is not the image of model 1/, "$what: the log says so");
}
plant('an empty file', '');
plant('half an image', substr($right, 0, length($right) / 2));
plant('an image and a byte', $right . 'x');
plant('bytes of all kinds', join('', map { chr(($_ * 7919) % 256) } 1 .. length($right)));
plant('an image of another build', substr($right, 0, 8) . 'x' . substr($right, 9));
my $changed = $right;
substr($changed, 200, 1) ^= "\x01";
plant('a bit of the header', $changed);
$changed = $right;
substr($changed, -100000, 1) ^= "\x01";
plant('a bit of the content', $changed);
is(say_to($one, $lists), $first, 'a session that mapped the right one is not disturbed');

# --- rights ---

my $app = session();
is(say_to($app, "SET ROLE app; $lists"), $first, 'an app with its grants serves');
for my $table (qw(popularity item_factor item_neighbor item_attribute))
{
	next unless sql("SELECT to_regclass('cached.$table') IS NOT NULL") eq 't';
	sql("REVOKE SELECT ON cached.$table FROM app");
	like(say_to($app, $lists), qr/permission denied for table cached\.$table/, "without SELECT on $table it does not, though the image is mapped");
	sql("GRANT SELECT ON cached.$table TO app");
}
is(say_to($app, $lists), $first, 'granted again, it serves');

my $top = sql(q{SELECT item_id FROM cached.popularity ORDER BY rank LIMIT 1});
my $sees = "SELECT count(*) FROM generate_series(1, 30) u, cached.recommend(u, 300) r WHERE $top IN (r.item_id, r.because_item_id)";
my $narrow = session();
cmp_ok(say_to($narrow, "SET ROLE narrow; $sees"), '>', 0, 'a role sees the most popular item');
sql(qq{
	CREATE POLICY all_rows ON cached.popularity USING (current_user <> 'narrow' OR item_id <> $top);
	CREATE POLICY all_rows ON cached.item_neighbor USING (current_user <> 'narrow' OR $top NOT IN (item_id, neighbor_id));
	ALTER TABLE cached.popularity ENABLE ROW LEVEL SECURITY;
	ALTER TABLE cached.item_neighbor ENABLE ROW LEVEL SECURITY;
});
my $hidden = "SELECT count(*) FROM generate_series(1, 30) u, cached.recommend(u, 300) r WHERE r.source <> 'fresh' AND $top IN (r.item_id, r.because_item_id)";
is(say_to($narrow, $hidden), 0, 'closed to it by row-level security, the item is in no list of the model');
is(say_to($one, $lists), $first, 'others see all rows');
is(say_to($narrow, $hidden), 0, 'and it still does not');
sql(q{ALTER TABLE cached.popularity DISABLE ROW LEVEL SECURITY; ALTER TABLE cached.item_neighbor DISABLE ROW LEVEL SECURITY});
is(say_to($narrow, $lists), $first, 'without row-level security it sees what all see');

# --- models that come and go ---

is(say_to($two, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM recsys.model'), 1, 'a reader begins');
say_to($one, "BEGIN; SELECT recsys._forget_images('cached', NULL); ROLLBACK");
is(join(' ', files()), $file, 'a deletion that rolls back leaves the file');
retrain();
my $second = say_to($one, $lists);
isnt($second, $first, 'a new model makes other lists');
is(say_to($two, $lists), $first, 'the reader has the old ones');
say_to($two, 'COMMIT');
is(say_to($two, $lists), $second, 'and after its end the new ones');
is(scalar(grep { /\.1\.[0-9a-f]+$/ } files()), 0, 'of the deleted model there is no file');
is(number_of(files()), 1, 'but of the new one');
is(say_to($one, $maps), 1, 'a session lets go of what is deleted');
is(say_to($app, $lists), $second, 'every session has the new lists');

# not before it commits does a model concern others
my $training = q{BEGIN; SELECT FROM recsys.train('cached', 'item_item'); SELECT count(*) > 0 FROM cached.recommend(1, policy => 'item_item')};
is(say_to($one, "$training; ROLLBACK"), 't', 'a model is served in the transaction that makes it');
is(number_of(files()), 1, 'and has no file when that rolls back');
is(say_to($one, "$training; COMMIT"), 't', 'again');
is(number_of(files()), 1, 'nor before it commits');
say_to($one, q{SELECT count(*) FROM cached.recommend(1, policy => 'item_item')});
is(number_of(files()), 2, 'but after');

# a recommender, and the extension, made anew: the same id is another model
sub renew
{
	my ($what, $how) = @_;
	sql("SET client_min_messages = warning; $how");
	is(number_of(files()), 0, "$what: no file is left");
	sql("SET client_min_messages = warning; $define");
	sql(q{UPDATE shop.event SET product_id = 1 + product_id % 300});
	retrain();
	my $answer = say_to($one, $lists);
	isnt($answer, $second, "$what: other lists");
	is(sql($lists), $answer, "$what: the same in every session");
	$second = $answer;
}
renew('a new recommender', q{SELECT FROM recsys.drop_recommender('cached')});
renew('a new extension', q{SELECT FROM recsys.drop_recommender('cached'); DROP EXTENSION recsys; CREATE EXTENSION recsys});
is(sql('SELECT string_agg(model_id::text, $$ $$) FROM recsys.model'), 1, 'a new extension: with the same id');
($file) = files();

# --- where it cannot be shared ---

sub alone
{
	my ($what) = @_;
	my $log = -s $node->logfile;
	my $s = session();
	is(say_to($s, $lists), $second, "$what: the session serves");
	is(say_to($s, $maps), 0, "$what: from memory of its own");
	is(say_to($s, "BEGIN; $lists; COMMIT"), $second, "$what: and again");
	like(PostgreSQL::Test::Utils::slurp_file($node->logfile, $log), qr/LOG:  could not share model 1 between sessions/, "$what: the log says so");
	leave($s);
}
unlink path($file);
sql($_) for q{ALTER SYSTEM SET temp_file_limit = '64kB'}, 'SELECT pg_reload_conf()';
$node->poll_query_until('postgres', q{SELECT current_setting('temp_file_limit') = '64kB'});
alone('more than temp_file_limit');
is(number_of(files()), 0, 'more than temp_file_limit: no file');
sql($_) for 'ALTER SYSTEM RESET temp_file_limit', 'SELECT pg_reload_conf()';
$node->poll_query_until('postgres', q{SELECT current_setting('temp_file_limit') = '-1'});
chmod 0500, folder_of($node);
alone('a folder that cannot be written');
chmod 0700, folder_of($node);
SKIP:
{
	skip 'prlimit(1) is not there', 3 if system('prlimit --version >/dev/null 2>&1') != 0;
	my $s = session();
	system("prlimit --pid $s->{pid} --fsize=65536") == 0 or die;
	is(say_to($s, $lists), $second, 'a full disk: the session serves');
	is(say_to($s, $maps), 0, 'a full disk: from memory of its own');
	is(number_of(files()), 0, 'a full disk: no file');
	leave($s);
}
is(sql($lists), $second, 'with room again, all is as before');
is(number_of(files()), 1, 'and there is one file');
rmdir folder_of($node) if unlink path((files())[0]);
is(sql($lists), $second, 'the folder of temporary files is made where there is none');
is(number_of(files()), 1, 'with the file');

# --- statements that a session keeps ---

my @filters = map {
	my $n = $_;
	join(', ', map { my $form = (int($n / 6**$_->[0])) % 6; $form == 0 ? () : '"' . $_->[1] . '": '
		. ('', 'null', '"x"', '["x", "y"]', '{"min": "x"}', '{"max": "x"}')[$form] } [ 0, 'category' ], [ 1, 'title' ], [ 2, 'category ' ])
} 1 .. 35;
my $kept = q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource'};
sql('CREATE ROLE r' . $_ . ' IN ROLE app') for 1 .. 12;
my $asks = join ";\n", map { my $role = $_; ("SET ROLE r$role", map { "SELECT count(*) FROM cached.recommend(1, filter => '{$_}')" } @filters) } 1 .. 12;
say_to($one, $asks);
cmp_ok(say_to($one, "RESET ROLE; $kept"), '<=', 300, 'statements of many kinds and roles: not all are kept');
is(say_to($one, $lists), $second, 'and the session serves');

# --- a standby ---

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('cache_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(number_of(files_of($standby)), 0, 'a backup has no images');
is($standby->safe_psql('postgres', $lists), $second, 'a standby serves');
is(join(' ', files_of($standby)), join(' ', files()), 'from a file of its own');
retrain();
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $third = sql($lists);
isnt($third, $second, 'a new model on the primary');
is($standby->safe_psql('postgres', $lists), $third, 'is served by the standby');
is(join(' ', files_of($standby)), join(' ', files()), 'which removes the file of the old one');
$standby->stop;

leave($_) for $one, $two, $app, $narrow, $holder;
$node->restart;
is(number_of(files()), 0, 'a restart sweeps');
is(sql($lists), $third, 'and all is served anew');
$node->stop;
done_testing();
