# AnyEvent on the loop that PERL_ANYEVENT_MODEL names: perl loop.pl ROW SECONDS
# prints lines "name<TAB>ns"; batches and medians as in loop_child.ts.
use strict;
use warnings;
use AnyEvent;
use Time::HiRes ();

my ($row, $seconds) = @ARGV;
use constant BATCH => 10_000;
use constant FAR => 3600;

sub median { my @s = sort { $a <=> $b } @_; $s[int (@s / 2)] }
sub per { (Time::HiRes::time - $_[1]) * 1e9 / $_[0] }

sub measure {
   my ($batch) = @_;
   my %values;
   my $warm = Time::HiRes::time + $seconds / 3;
   $batch->() while Time::HiRes::time < $warm;
   my $end = Time::HiRes::time + $seconds;
   for (my $count = 0; $count < 5 || Time::HiRes::time < $end; $count++) {
      my %got = $batch->();
      push @{ $values{$_} }, $got{$_} for keys %got;
   }
   printf "%s\t%s\n", $_, median @{ $values{$_} } for sort keys %values;
}

my $nothing = sub { };
my @delays;
{ my $x = 1; for (1 .. 65536) { $x = ($x * 1664525 + 1013904223) % 4294967296; push @delays, 1000 + $x / 4294967.296 } }

sub among {
   my ($count) = @_;
   my @w = map AE::timer ($delays[$_ & 65535], 0, $nothing), 0 .. $count - 1;
   my $at = 0;
   sub {
      my $t0 = Time::HiRes::time;
      for my $i (1 .. BATCH) {
         my $index = $at++ * 7919 % $count;
         undef $w[$index];
         $w[$index] = AE::timer $delays[$at & 65535], 0, $nothing;
      }
      ("timer replaced" => per BATCH, $t0)
   }
}

sub ratio {
   my ($methods, $functions) = @_;
   sub {
      my $t0 = Time::HiRes::time;
      $methods->();
      my $slower = per BATCH, $t0;
      $t0 = Time::HiRes::time;
      $functions->();
      ("method API / function API" => $slower / per BATCH, $t0)
   }
}

my %rows = (
   "condvar" => sub {
      sub {
         my $sum = 0;
         my $t0 = Time::HiRes::time;
         for my $i (1 .. BATCH) { my $cv = AE::cv; $cv->send (1); $sum += $cv->recv }
         die unless $sum == BATCH;
         ("condvar send + recv" => per BATCH, $t0)
      }
   },
   "timer-create" => sub {
      my @w = (undef) x BATCH;
      sub {
         my $t0 = Time::HiRes::time;
         for my $i (0 .. BATCH - 1) { $w[$i] = AE::timer FAR, 0, $nothing }
         my $create = per BATCH, $t0;
         $t0 = Time::HiRes::time;
         for my $i (0 .. BATCH - 1) { undef $w[$i] }
         ("timer create" => $create, "timer cancel" => per BATCH, $t0)
      }
   },
   "timer-fire" => sub {
      my @w = (undef) x BATCH;
      sub {
         my $cv = AE::cv;
         my $left = BATCH;
         my $fired = sub { $cv->send unless --$left };
         my $t0 = Time::HiRes::time;
         for my $i (0 .. BATCH - 1) { $w[$i] = AE::timer 0, 0, $fired }
         $cv->recv;
         ("timer create + fire" => per BATCH, $t0)
      }
   },
   "timer-chain" => sub {
      sub {
         my $cv = AE::cv;
         my $left = BATCH;
         my ($w, $fired);
         $fired = sub { --$left ? ($w = AE::timer 0, 0, $fired) : $cv->send };
         my $t0 = Time::HiRes::time;
         $fired->();
         $cv->recv;
         undef $fired;
         ("timer create + fire" => per BATCH, $t0)
      }
   },
   "timer-among-10" => sub { among 10 },
   "timer-among-10000" => sub { among 10_000 },
   "timer-among-1000000" => sub { among 1_000_000 },
   "io" => sub {
      pipe my $r, my $w or die;
      sub {
         my $cv = AE::cv;
         my $left = BATCH;
         my $t0 = Time::HiRes::time;
         my $io = AE::io $r, 0, sub {
            sysread $r, my $buf, 1;
            if (--$left) { syswrite $w, "x" } else { $cv->send }
         };
         syswrite $w, "x";
         $cv->recv;
         ("io event on a pipe" => per BATCH, $t0)
      }
   },
   "ratio-timer" => sub {
      ratio
         sub { for (1 .. BATCH) { my $w = AnyEvent->timer (after => FAR, cb => $nothing) } },
         sub { for (1 .. BATCH) { my $w = AE::timer FAR, 0, $nothing } };
   },
   "ratio-io" => sub {
      pipe my $r, my $w or die;
      ratio
         sub { my $keep = $w; for (1 .. BATCH) { my $io = AnyEvent->io (fh => $r, poll => "r", cb => $nothing) } },
         sub { for (1 .. BATCH) { my $io = AE::io $r, 0, $nothing } };
   },
   "ratio-condvar" => sub {
      ratio
         sub { for (1 .. BATCH) { my $cv = AnyEvent->condvar; $cv->send (1); $cv->recv } },
         sub { for (1 .. BATCH) { my $cv = AE::cv; $cv->send (1); $cv->recv } };
   },
);

AnyEvent::detect;
die "$AnyEvent::MODEL instead of AnyEvent::Impl::$ENV{PERL_ANYEVENT_MODEL}\n"
   unless $AnyEvent::MODEL eq "AnyEvent::Impl::$ENV{PERL_ANYEVENT_MODEL}";
measure $rows{$row}->();
