# The headline of Perl's Coro: a matrix multiplication by threads that share it, against interpreter threads,
# which share nothing unless it is copied at each access. Prints lines of NAME TAB VALUE (us, or times).
use strict; use warnings; use threads; use threads::shared; use Time::HiRes 'time';
my ($n, $workers) = (24, 4);
my @a = map { my $i = $_; map { $i + $_ } 0 .. $n - 1 } 0 .. $n - 1;
my @b = map { my $i = $_; map { $i - $_ } 0 .. $n - 1 } 0 .. $n - 1;
sub median { my @all = sort { $a <=> $b } @_; $all[@all / 2] }
# Every so many rows; others get their turn after each cell.
sub part {
   my ($first, $a, $b, $c, $cede) = @_;
   for (my $i = $first; $i < $n; $i += $workers) {
      for my $j (0 .. $n - 1) {
         my $sum = 0;
         $sum += $a->[$i * $n + $_] * $b->[$_ * $n + $j] for 0 .. $n - 1;
         $c->[$i * $n + $j] = $sum;
         Coro::cede () if $cede;
      }
   }
}
my @shared_a : shared = @a; my @shared_b : shared = @b; my @shared_c : shared; my $go : shared = 0;
my @threads = map {
   my $first = $_;
   threads->create (sub {
      { lock $go; cond_wait $go until $go }
      part ($first, \@shared_a, \@shared_b, \@shared_c, 0);
   })
} 0 .. $workers - 1;
my $t = time;
{ lock $go; $go = 1; cond_broadcast $go }
$_->join for @threads;
my $nothing = (time - $t) * 1e6;
# Loaded only now: it knows one interpreter only.
require Coro;
my (@all, @c);
for (1 .. 20) {
   $t = time;
   $_->join for map { my $first = $_; Coro::async (sub { part ($first, \@a, \@b, \@c, 1) }) } 0 .. $workers - 1;
   push @all, (time - $t) * 1e6;
}
"@c" eq "@shared_c" or die "they do not agree\n";
my $threads = median @all;
printf "matrix, threads\t%.1f\nmatrix, an element a message\t%.1f\nmatrix, share-nothing / threads\t%.1f\n",
   $threads, $nothing, $nothing / $threads;
