# A headless Chromium for tests, driven through two pipes (its DevTools
# protocol), so that nothing but Debian's chromium is needed.
#
#	my $browser = Chromium->start($folder);		# dies with its log if it cannot run
#	$browser->open($url);
#	$browser->evaluate('document.title');		# any value JSON can hold
#	$browser->call('Emulation.setEmulatedMedia', { ... });
#	$browser->events('Network.requestWillBeSent');	# their parameters, since open

package Chromium;

use strict;
use warnings;

use Fcntl qw(F_DUPFD);
use IO::Handle;
use IO::Select;
use JSON::PP ();
use MIME::Base64 ();
use POSIX ();
use Time::HiRes qw(sleep time);

# how long anything may take, on a machine that has other things to do
my $patience = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 180;

my $json = JSON::PP->new->utf8->allow_nonref;

sub program
{
	my @found = grep { -x $_ } map { my $dir = $_; map { "$dir/$_" } qw(chromium chromium-browser google-chrome) } split /:/, $ENV{PATH};
	return $found[0];
}

# A browser that dies at birth gets two more lives, each with a folder of its
# own: under load it gives up when its own processes are late.
sub start
{
	my ($class, $folder) = @_;
	my $program = program() or die 'Chromium is not installed';
	my $why;

	for my $try (1 .. 3)
	{
		my $self = eval { $class->launch($program, "$folder/chromium$try") };
		return $self if $self;
		$why = $@;
	}
	die $why;
}

sub launch
{
	my ($class, $program, $folder) = @_;

	mkdir $folder or die "$folder: $!";
	pipe(my $theirs_in, my $to) or die "pipe: $!";
	pipe(my $from, my $theirs_out) or die "pipe: $!";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		# Chromium reads from descriptor 3 and writes to 4; by way of higher
		# ones, as each of the two may be where the other has to go
		my $in = fcntl($theirs_in, F_DUPFD, 64) // POSIX::_exit(1);
		my $out = fcntl($theirs_out, F_DUPFD, 64) // POSIX::_exit(1);
		POSIX::dup2($in, 3);
		POSIX::dup2($out, 4);
		POSIX::close($_) for 5 .. 80;
		CORE::open(STDIN, '<', '/dev/null');
		CORE::open(STDOUT, '>', "$folder/log");
		CORE::open(STDERR, '>&', \*STDOUT);
		# whoever runs the test may have no home that can be written to
		@ENV{qw(HOME XDG_CONFIG_HOME XDG_CACHE_HOME)} = ($folder) x 3;
		# the page is the test's own; sandboxes cannot be had in containers;
		# the watchdogs take a busy machine for a hanging one
		exec $program, '--headless', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu', '--disable-gpu-watchdog', '--disable-hang-monitor',
			'--no-first-run', '--disable-dev-shm-usage', '--disable-breakpad', '--disable-background-networking', '--disable-component-update',
			'--disable-sync', '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
			'--hide-scrollbars', "--user-data-dir=$folder/profile", 'about:blank'
			or POSIX::_exit(1);
	}
	close $theirs_in;
	close $theirs_out;
	$to->autoflush(1);
	my $self = bless { pid => $pid, owner => $$, to => $to, from => $from, buffer => '', number => 0, events => [], log => "$folder/log" }, $class;

	eval {
		# it answers before it can open a page
		my $until = time + $patience;
		my $target;
		until ($target = eval { $self->call('Target.createTarget', { url => 'about:blank' }) })
		{
			die $@ if $@ !~ /^Target.createTarget/ || time > $until;
			sleep 0.2;
		}
		$self->{session} = $self->call('Target.attachToTarget', { targetId => $target->{targetId}, flatten => JSON::PP::true })->{sessionId};
		$self->call("$_.enable") for qw(Page Runtime Network Log Accessibility);
		$self->call('Page.setLifecycleEventsEnabled', { enabled => JSON::PP::true });
		# that it loads and lays out a page
		$self->open('data:text/html,<title>started</title><p>text');
		$self->evaluate('document.title') eq 'started' or die 'Chromium shows no page';
		1;
	} or die $@ . $self->last_words;
	return $self;
}

# the end of what it wrote
sub last_words
{
	my ($self) = @_;
	CORE::open(my $log, '<', $self->{log}) or return '';
	my @lines = <$log>;
	return join '', splice @lines, @lines > 20 ? -20 : 0;
}

# the next message
sub receive
{
	my ($self) = @_;
	my $select = IO::Select->new($self->{from});
	my $until = time + $patience;

	while (1)
	{
		my $end = index $self->{buffer}, "\0";
		if ($end >= 0)
		{
			my $message = substr $self->{buffer}, 0, $end;
			substr($self->{buffer}, 0, $end + 1) = '';
			return $json->decode($message);
		}
		die "Chromium has not answered for $patience s\n" if time > $until;
		# a signal may end either call early
		$select->can_read(1) or next;
		my $read = sysread $self->{from}, $self->{buffer}, 1 << 20, length $self->{buffer};
		die "Chromium has ended\n" if defined $read ? $read == 0 : !$!{EINTR};
	}
}

sub send
{
	my ($self, $method, $params) = @_;
	my %message = (id => ++$self->{number}, method => $method, params => $params // {});
	# it may end before it has read
	local $SIG{PIPE} = 'IGNORE';

	$message{sessionId} = $self->{session} if $self->{session};
	print { $self->{to} } $json->encode(\%message), "\0" or die "Chromium has ended: $!\n";
	return $message{id};
}

# one command and its result; what happens meanwhile is kept as events
sub call
{
	my ($self, $method, $params) = @_;
	my $id = $self->send($method, $params);

	while (1)
	{
		my $answer = $self->receive;
		if (($answer->{id} // 0) == $id)
		{
			die "$method: $answer->{error}{message}\n" if $answer->{error};
			return $answer->{result};
		}
		$self->keep($answer);
	}
}

sub keep
{
	my ($self, $event) = @_;
	my $method = $event->{method} // return;

	die "a page of Chromium's has crashed\n" if $method =~ /^(Inspector|Target)\.targetCrashed$/;
	push @{ $self->{events} }, $event;
	# a dialog holds up everything until it is answered
	$self->send('Page.handleJavaScriptDialog', { accept => JSON::PP::true }) if $method eq 'Page.javascriptDialogOpening';
}

sub events
{
	my ($self, $method) = @_;
	return map { $_->{params} } grep { $_->{method} eq $method } @{ $self->{events} };
}

# load a page, and wait until all of it has been
sub open
{
	my ($self, $url) = @_;
	$self->{events} = [];
	my $answer = $self->call('Page.navigate', { url => $url });
	my $loader = $answer->{loaderId};
	die "$url: " . ($answer->{errorText} || 'no page of its own') . "\n" if $answer->{errorText} || !$loader;
	# not any load event: one of the page before may come late
	my $until = time + $patience;
	until (grep { $_->{name} eq 'load' && $_->{loaderId} eq $loader } $self->events('Page.lifecycleEvent'))
	{
		die "$url has not loaded in $patience s\n" if time > $until;
		$self->keep($self->receive);
	}
	# whatever it would start by itself has started then
	$self->evaluate('new Promise(done => setTimeout(done, 200))');
}

# A page may come from another process than the one before it, and its context
# is announced when it can be used: until then the command fails at once.
sub evaluate
{
	my ($self, $expression) = @_;
	my $until = time + $patience;
	my $result;
	until ($result = eval { $self->call('Runtime.evaluate', { expression => $expression, returnByValue => JSON::PP::true, awaitPromise => JSON::PP::true }) })
	{
		die $@ if $@ !~ /Cannot find default execution context/ || time > $until;
		sleep 0.1;
	}
	die "$expression: " . ($result->{exceptionDetails}{exception}{description} // $result->{exceptionDetails}{text}) if $result->{exceptionDetails};
	return $result->{result}{value};
}

sub window
{
	my ($self, $width, $scheme) = @_;
	$self->call('Emulation.setDeviceMetricsOverride', { width => 0 + $width, height => 800, deviceScaleFactor => 1, mobile => JSON::PP::false });
	$self->call('Emulation.setEmulatedMedia', { features => [ { name => 'prefers-color-scheme', value => $scheme } ] });
}

sub screenshot
{
	my ($self, $file, $height) = @_;
	my $width = $self->evaluate('innerWidth');
	$height //= $self->evaluate('document.documentElement.scrollHeight');
	my $shot = $self->call('Page.captureScreenshot', { captureBeyondViewport => JSON::PP::true, clip => { x => 0, y => 0, width => $width, height => $height, scale => 1 } });
	CORE::open(my $out, '>:raw', $file) or die "$file: $!";
	print $out MIME::Base64::decode_base64($shot->{data});
	close $out or die "$file: $!";
}

sub stop
{
	my ($self) = @_;
	# a fork of the test's is not its owner
	return unless $self->{pid} && $self->{owner} == $$;
	eval { delete $self->{session}; $self->call('Browser.close') };
	for (1 .. 50)
	{
		return delete $self->{pid} if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
		sleep 0.1;
	}
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
}

sub DESTROY
{
	local ($?, $@);
	$_[0]->stop;
}

1;
