# AnyEvent::DNS against the name server ADDRESS PORT: a line "name<TAB>value" for each figure.
# perl dns.pl ADDRESS PORT COUNT OUTSTANDING SWEEPS
use strict;
use warnings;
use AnyEvent;
use AnyEvent::Socket ();

my ($address, $port, $count, $outstanding, $sweeps) = @ARGV;

# AnyEvent::DNS knows port 53 only, which takes a privilege to bind: that one is translated.
BEGIN {
   no warnings 'redefine';
   my ($pack, $unpack) = (\&AnyEvent::Socket::pack_sockaddr, \&AnyEvent::Socket::unpack_sockaddr);
   *AnyEvent::Socket::pack_sockaddr = sub ($$) { $pack->($_[0] == 53 ? $port : $_[0], $_[1]) };
   *AnyEvent::Socket::unpack_sockaddr = sub ($) {
      my ($got, @rest) = $unpack->($_[0]);
      ($got == $port ? 53 : $got, @rest)
   };
}

use AnyEvent::DNS;

my $resolver = new AnyEvent::DNS
   server          => [AnyEvent::Socket::parse_address $address],
   max_outstanding => $outstanding;
my @names = map "host-$_.made-up.example.", 0 .. $count - 1;

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

my @fast;
for (1 .. $sweeps) {
   $began = AE::time;
   my $all = AE::cv;
   $all->begin;
   for my $name (@names) {
      $all->begin;
      lookup $name, sub { $all->end };
   }
   $all->end;
   $all->recv;
   push @fast, AE::time - $began;
}
my $fast = (sort { $a <=> $b } @fast)[@fast / 2];

printf "one after another\t%s\n", $slow / $count * 1e6;
printf "%d at a time\t%s\n", $outstanding, $fast / $count * 1e6;
printf "speed-up\t%s\n", $slow / $fast;
