# Perl's Coro: prints NAME TAB VALUE. Values in ns.
use strict; use Coro; use Coro::Channel; use Coro::Semaphore; use Time::HiRes 'time';
sub out { printf "%s\t%.1f\n", @_ }
for my $n (2, 1000) {
   my $rounds = int (1_000_000 / $n); my $left = $n;
   my @t = map { async { cede for 1 .. $rounds; $left-- } } 1 .. $n;
   my $t0 = time; $_->join for @t;
   out "thread switch, $n threads", (time - $t0) * 1e9 / ($n * $rounds);
}
{ my $t0 = time; (async { 1 })->join for 1 .. 100_000; out "thread create + run + join", (time - $t0) * 1e4 }
{ my $s = new Coro::Semaphore; my $t0 = time; ($s->down, $s->up) for 1 .. 1_000_000; out "semaphore down + up", (time - $t0) * 1e3 }
