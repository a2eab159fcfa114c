# README.md shows what psql prints: its SQL blocks run in order, in one psql
# session on a new cluster, as somebody who pastes them would see them.
#
# A block fenced as ```sql must run without an error.  Where a block fenced as
# ```text follows with nothing but blank lines between, it must print that,
# trailing blanks and blank lines at the ends aside.  In the text
#	- a line "..." stands for any lines;
#	- after ```text within=0.01, numbers may differ by .01 (or by 1 % of
#	  what is shown, if that is more), and runs of blanks and dashes count as
#	  one.
# A block fenced as ```sql needs=EXTENSION is left out where the server does
# not have that extension; one fenced as ```sql skip is for the eyes only.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = dirname(abs_path(__FILE__)) . '/../../README.md';
plan skip_all => 'no README.md' unless -f $readme;

# the SQL blocks: first line, code, expected text (undef if none), tolerance,
# the extension that is needed (undef if none)
sub read_blocks
{
	my @lines = split /\n/, slurp_file($readme), -1;
	my (@blocks, $fence, $mark, $start, @body, $follows);

	for my $n (1 .. @lines)
	{
		my $line = $lines[ $n - 1 ];
		if (!defined $fence)
		{
			if ($line =~ /^(```+)\s*(.*?)\s*$/)
			{
				($mark, $fence, $start, @body) = ($1, $2, $n);
			}
			elsif ($line =~ /\S/)
			{
				$follows = 0;
			}
		}
		elsif ($line =~ /^\Q$mark\E\s*$/)
		{
			my $code = join("\n", @body);
			if ($fence =~ /^sql(?: needs=(\w+))?$/)
			{
				push @blocks, { line => $start, code => $code, needs => $1 };
				$follows = 1;
			}
			elsif ($fence =~ /^text(?: within=([\d.]+))?$/ && $follows)
			{
				$blocks[-1]{text} = $code;
				$blocks[-1]{within} = $1;
				$follows = 0;
			}
			else
			{
				$follows = 0;
			}
			undef $fence;
		}
		else
		{
			push @body, $line;
		}
	}
	die "$readme: line $start: block without an end\n" if defined $fence;
	return @blocks;
}

sub tidy
{
	my ($text, $loose) = @_;

	$text =~ s/[ \t]+$//mg;
	$text =~ s/\A\n+//;
	$text =~ s/\n+\z//;
	if ($loose)
	{
		$text =~ s/-{2,}/-/g;
		$text =~ s/[ \t]+/ /g;
		$text =~ s/^ //mg;
	}
	return $text;
}

# whether one line is as shown, numbers within the tolerance
sub same_line
{
	my ($got, $want, $within) = @_;
	return 1 if $got eq $want;
	return 0 unless defined $within;

	my $number = qr/(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)/;
	my @got = $got =~ /($number)/g;
	my @want = $want =~ /($number)/g;
	return 0 unless @got == @want;
	for my $i (0 .. $#want)
	{
		my $most = $within * (abs($want[$i]) > 1 ? abs($want[$i]) : 1);
		return 0 if abs($got[$i] - $want[$i]) > $most + 1e-12;
	}
	s/$number/#/g for $got, $want;
	return $got eq $want;
}

# whether the lines are as shown, "..." standing for any
sub same_lines
{
	my ($got, $want, $within) = @_;
	return @$got == 0 unless @$want;
	my ($first, @rest) = @$want;
	if ($first eq '...')
	{
		for my $skip (0 .. @$got)
		{
			return 1
			  if same_lines([ @$got[ $skip .. $#$got ] ], \@rest, $within);
		}
		return 0;
	}
	return @$got > 0
	  && same_line($got->[0], $first, $within)
	  && same_lines([ @$got[ 1 .. $#$got ] ], \@rest, $within);
}

my @blocks = read_blocks();
plan skip_all => 'no SQL in README.md' unless @blocks;

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off");
$node->start;
my %available = map { $_ => 1 }
  split /\n/, $node->safe_psql('postgres', 'SELECT name FROM pg_available_extensions');
if ($available{pg_cron})
{
	# jobs are stored; none could connect over TCP, should its time come now
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'");
	$node->restart;
}
my @run = grep { !defined $_->{needs} || $available{ $_->{needs} } } @blocks;

# \warn goes to standard error, where nothing waits in a buffer
my $mark = '==== block ';
my $script = join('',
	map { "\\warn '$mark$_->{line} '\n$_->{code}\n\n" } @run)
  . "\\warn '${mark}0 '\n";
my $output = '';
my $folder = PostgreSQL::Test::Utils::tempdir;
{
	local $ENV{PGDATABASE} = 'postgres';
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGTZ} = 'UTC';
	IPC::Run::run(
		[ 'psql', '-X' ], '<', \$script, '>&', \$output,
		# for files that blocks write
		init => sub { chdir $folder or die "$folder: $!" },
		IPC::Run::timeout(600));
}
$node->stop;

my ($lead, %printed) = split /^\Q$mark\E(\d+) *\n/m, $output;
for my $block (@blocks)
{
	my $name = "README.md, line $block->{line}";
	my $got = $printed{ $block->{line} };

	if (defined $block->{needs} && !$available{ $block->{needs} })
	{
	  SKIP:
		{
			skip "$name: the server has no extension $block->{needs}", 1;
		}
	}
	elsif (!defined $got)
	{
		fail("$name: not reached");
	}
	elsif (!defined $block->{text})
	{
		unlike($got, qr/^(psql:\S+ )?(ERROR|FATAL|PANIC):|^invalid command/m,
			"$name: no error");
	}
	else
	{
		my $loose = defined $block->{within};
		my ($g, $w) = map { tidy($_, $loose) } $got, $block->{text};
		ok( same_lines([ split /\n/, $g ], [ split /\n/, $w ],
				$block->{within}),
			"$name: prints what is shown")
		  or diag("printed:\n" . tidy($got) . "\nshown:\n$block->{text}");
	}
}

done_testing();
