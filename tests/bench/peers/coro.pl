# Perl's Coro, one row of the benchmark: coro.pl ROW SECONDS prints lines of NAME TAB VALUE (ns, or bytes):
# the median of batches of about a millisecond.
use strict; use warnings; use Coro; use Coro::Channel; use Coro::Semaphore; use Time::HiRes 'time';
my ($row, $seconds) = @ARGV;
my $batch = 2000;
$| = 1;
sub out { printf "%s\t%.2f\n", @_ }
sub median { my @all = sort { $a <=> $b } @_; $all[@all / 2] }
sub measure(&) {
   my ($run) = @_; my %values;
   my $warm = time + 0.1; $run->() while time < $warm;
   my $end = time + $seconds;
   for (my $i = 0; $i < 5 || time < $end; $i++) {
      my %got = $run->(); push @{ $values{$_} }, $got{$_} for keys %got;
   }
   out $_, median @{ $values{$_} } for keys %values;
}
sub per { my ($count, $from) = @_; (time - $from) * 1e9 / $count }
sub rss { open my $f, "<", "/proc/self/statm" or die "no statm\n"; (split / /, <$f>)[1] * 4096 }

if ($row =~ /^switch-(\d+)$/) {
   my $n = $1; my $rounds = int (20_000 / $n) || 1; $rounds = 2 if $rounds < 2;
   async { cede while 1 } for 2 .. $n;
   cede;
   measure { my $t = time; cede for 1 .. $rounds; ("thread switch, $n threads", per $rounds * $n, $t) };
} elsif ($row eq "life") {
   measure {
      my $t = time; (async { 1 })->join for 1 .. $batch;
      ("thread create + run + join", per $batch, $t)
   };
} elsif ($row eq "pool") {
   measure {
      my $t = time; for (1 .. $batch) { async { 1 }; cede }
      my $fresh = per $batch, $t;
      $t = time; for (1 .. $batch) { async_pool { 1 }; cede }
      my $pooled = per $batch, $t;
      ("async + run", $fresh, "async_pool + run", $pooled, "async / async_pool", $fresh / $pooled)
   };
} elsif ($row eq "memory") {
   my $n = 20_000; my @threads; my $before = rss;
   push @threads, async { schedule } for 1 .. $n;
   cede;
   out "memory of a parked thread", (rss () - $before) / $n;
} elsif ($row eq "ping-pong") {
   my ($there, $back) = (new Coro::Channel, new Coro::Channel);
   async { while () { $there->get; $back->put (1) } };
   measure {
      my $t = time; for (1 .. $batch) { $there->put (1); $back->get }
      ("channel ping-pong, a message", per 2 * $batch, $t)
   };
} elsif ($row eq "buffer") {
   my $channel = new Coro::Channel 100;
   async { $channel->put (1) while 1 };
   measure {
      my $t = time; $channel->get for 1 .. 4 * $batch;
      ("channel with buffer of 100, a message", per 4 * $batch, $t)
   };
} elsif ($row eq "semaphore") {
   my $lock = new Coro::Semaphore;
   measure {
      my $t = time; for (1 .. 4 * $batch) { $lock->down; $lock->up }
      ("semaphore down + up", per 4 * $batch, $t)
   };
} elsif ($row eq "winders") {
   my $entered = 0;
   my $two = sub {
      my ($body) = @_; my $t = time;
      $_->join for map { async { $body->() } } 1, 2;
      per 10 * $batch, $t
   };
   measure {
      my $without = $two->(sub { cede for 1 .. 5 * $batch });
      my $with = $two->(sub {
         Coro::on_enter { $entered = 1 }; Coro::on_leave { $entered = 0 };
         cede for 1 .. 5 * $batch;
      });
      ("switch with on_enter and on_leave", $with, "switch with them / without", $with / $without)
   };
} else {
   die "no row $row\n";
}
# Threads that never end, without a deadlock to complain of.
require POSIX; POSIX::_exit (0);
