# AnyEvent::DNS against a name server on ADDRESS, port 53: a line "name<TAB>value" for each figure.
# Run by dns.ts, which is that server: perl dns.pl ADDRESS COUNT OUTSTANDING
use strict;
use warnings;
use AnyEvent;
use AnyEvent::DNS;
use AnyEvent::Socket ();

my ($address, $count, $outstanding) = @ARGV;
my $resolver = new AnyEvent::DNS
   server          => [AnyEvent::Socket::parse_address $address],
   max_outstanding => $outstanding;
my @names = map "host-$_.made-up.example.", 1 .. $count;

sub lookup {
   my ($name, $cb) = @_;
   $resolver->resolve ($name, "a", sub { @_ or die "$name not found"; $cb->() });
}

my $began = AE::time;
for my $name (@names) {
   my $cv = AE::cv;
   lookup $name, $cv;
   $cv->recv;
}
my $slow = AE::time - $began;

$began = AE::time;
my $all = AE::cv;
$all->begin;
for my $name (@names) {
   $all->begin;
   lookup $name, sub { $all->end };
}
$all->end;
$all->recv;
my $fast = AE::time - $began;

printf "DNS, one name after another\t%s\n", $slow / $count * 1e6;
printf "DNS, %d names at a time\t%s\n", $outstanding, $fast / $count * 1e6;
printf "DNS, speed-up of that\t%s\n", $slow / $fast;
