// Go: prints NAME TAB VALUE. Values in ns.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

func switches(n int) {
	rounds := 3000000 / n
	var wg sync.WaitGroup
	wg.Add(n)
	start := make(chan bool)
	for i := 0; i < n; i++ {
		go func() {
			<-start
			for k := 0; k < rounds; k++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	t0 := time.Now()
	close(start)
	wg.Wait()
	fmt.Printf("thread switch, %d threads\t%.1f\n", n, float64(time.Since(t0).Nanoseconds())/float64(n*rounds))
}

func main() {
	runtime.GOMAXPROCS(1)
	for _, n := range []int{2, 1000, 100000} {
		switches(n)
	}
	const N = 1000000
	a, b := make(chan int), make(chan int)
	go func() {
		for v := range a {
			b <- v
		}
	}()
	t0 := time.Now()
	for i := 0; i < N; i++ {
		a <- i
		<-b
	}
	fmt.Printf("channel ping-pong, a message\t%.1f\n", float64(time.Since(t0).Nanoseconds())/(2*N))
}
