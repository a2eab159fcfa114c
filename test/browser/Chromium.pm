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

use IO::Handle;
use IO::Select;
use JSON::PP ();
use MIME::Base64 ();
use POSIX ();

my $json = JSON::PP->new->utf8->allow_nonref;

sub program
{
	my @found = grep { -x $_ } map { my $dir = $_; map { "$dir/$_" } qw(chromium chromium-browser google-chrome) } split /:/, $ENV{PATH};
	return $found[0];
}

sub start
{
	my ($class, $folder) = @_;
	my $program = program() or die 'Chromium is not installed';

	pipe(my $theirs_in, my $to) or die "pipe: $!";
	pipe(my $from, my $theirs_out) or die "pipe: $!";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		# Chromium reads from descriptor 3 and writes to 4
		my $in = POSIX::dup2(POSIX::dup(fileno $theirs_in), 13);
		my $out = POSIX::dup2(POSIX::dup(fileno $theirs_out), 14);
		POSIX::dup2($in, 3);
		POSIX::dup2($out, 4);
		POSIX::close($_) for 5 .. 60;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$folder/chromium.log";
		open STDERR, '>&', \*STDOUT;
		# the page is the test's own; sandboxes cannot be had in containers
		exec $program, '--headless', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage',
			'--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars', "--user-data-dir=$folder/profile", 'about:blank'
			or POSIX::_exit(1);
	}
	close $theirs_in;
	close $theirs_out;
	$to->autoflush(1);
	my $self = bless { pid => $pid, to => $to, from => $from, buffer => '', number => 0, events => [], log => "$folder/chromium.log" }, $class;

	eval {
		# it may end before it has read
		local $SIG{PIPE} = 'IGNORE';
		my $target = $self->call('Target.createTarget', { url => 'about:blank' });
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

# the next message, within a minute
sub receive
{
	my ($self) = @_;
	my $select = IO::Select->new($self->{from});

	while (1)
	{
		my $end = index $self->{buffer}, "\0";
		if ($end >= 0)
		{
			my $message = substr $self->{buffer}, 0, $end;
			substr($self->{buffer}, 0, $end + 1) = '';
			return $json->decode($message);
		}
		$select->can_read(60) or die 'Chromium does not answer';
		sysread($self->{from}, $self->{buffer}, 1 << 20, length $self->{buffer}) or die 'Chromium has ended';
	}
}

# one command and its result; what happens meanwhile is kept as events
sub call
{
	my ($self, $method, $params) = @_;
	my $id = ++$self->{number};
	my %message = (id => $id, method => $method, params => $params // {});

	$message{sessionId} = $self->{session} if $self->{session};
	print { $self->{to} } $json->encode(\%message), "\0";
	while (1)
	{
		my $answer = $self->receive;
		if (($answer->{id} // 0) == $id)
		{
			die "$method: $answer->{error}{message}" if $answer->{error};
			return $answer->{result};
		}
		$self->keep($answer);
	}
}

sub keep
{
	my ($self, $event) = @_;
	push @{ $self->{events} }, $event if $event->{method};
	# a dialog holds up everything until it is answered
	if (($event->{method} // '') eq 'Page.javascriptDialogOpening')
	{
		my %message = (id => ++$self->{number}, method => 'Page.handleJavaScriptDialog', params => { accept => JSON::PP::true }, sessionId => $self->{session});
		print { $self->{to} } $json->encode(\%message), "\0";
	}
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
	my $loader = $self->call('Page.navigate', { url => $url })->{loaderId};
	$self->keep($self->receive) until grep { $_->{name} eq 'load' && $_->{loaderId} eq $loader } $self->events('Page.lifecycleEvent');
	# whatever it would start by itself has started then
	$self->evaluate('new Promise(done => setTimeout(done, 200))');
}

sub evaluate
{
	my ($self, $expression) = @_;
	my $result = $self->call('Runtime.evaluate', { expression => $expression, returnByValue => JSON::PP::true, awaitPromise => JSON::PP::true });
	die "$expression: " . ($result->{exceptionDetails}{exception}{description} // $result->{exceptionDetails}{text}) if $result->{exceptionDetails};
	return $result->{result}{value};
}

sub window
{
	my ($self, $width, $scheme) = @_;
	$self->call('Emulation.setDeviceMetricsOverride', { width => $width, height => 800, deviceScaleFactor => 1, mobile => JSON::PP::false });
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
	return unless $self->{pid};
	local $SIG{PIPE} = 'IGNORE';
	eval { delete $self->{session}; $self->call('Browser.close') };
	for (1 .. 50)
	{
		return delete $self->{pid} if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
		select undef, undef, undef, 0.1;
	}
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
}

sub DESTROY
{
	local $?;
	$_[0]->stop;
}

1;
