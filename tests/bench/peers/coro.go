// Go, one row of the threads' benchmark on one processor: coro ROW SECONDS prints lines of NAME TAB VALUE
// (ns, or bytes): the median of batches of about a millisecond.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const batch = 2000

func per(count int, from time.Time) float64 {
	return float64(time.Since(from).Nanoseconds()) / float64(count)
}

func measure(seconds float64, name string, run func() float64) {
	warm := time.Now().Add(100 * time.Millisecond)
	for time.Now().Before(warm) {
		run()
	}
	var values []float64
	end := time.Now().Add(time.Duration(seconds * 1e9))
	for len(values) < 5 || time.Now().Before(end) {
		values = append(values, run())
	}
	sort.Float64s(values)
	fmt.Printf("%s\t%.2f\n", name, values[len(values)/2])
}

// Goroutines that do nothing but give way, the measuring one among them. @returns what measures once
func switches(n int) func() float64 {
	count := 0
	// Those that run would run each time that this one is preempted.
	start := make(chan bool)
	for i := 1; i < n; i++ {
		go func() {
			<-start
			for {
				count++
				runtime.Gosched()
			}
		}()
	}
	runtime.Gosched()
	close(start)
	rounds := 20000 / n
	if rounds < 2 {
		rounds = 2
	}
	return func() float64 {
		// All of them are in the queue.
		runtime.Gosched()
		from := count
		t := time.Now()
		for k := 0; k < rounds; k++ {
			count++
			runtime.Gosched()
		}
		return per(count-from, t)
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	row := os.Args[1]
	seconds, _ := strconv.ParseFloat(os.Args[2], 64)
	if strings.HasPrefix(row, "switch-") {
		n, _ := strconv.Atoi(row[len("switch-"):])
		measure(seconds, fmt.Sprintf("thread switch, %d threads", n), switches(n))
		return
	}
	switch row {
	case "life":
		measure(seconds, "thread create + run + join", func() float64 {
			t := time.Now()
			for i := 0; i < batch; i++ {
				var wg sync.WaitGroup
				wg.Add(1)
				go wg.Done()
				wg.Wait()
			}
			return per(batch, t)
		})
	case "memory":
		const n = 100000
		var before, after runtime.MemStats
		stop := make(chan bool)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := 0; i < n; i++ {
			go func() { <-stop }()
		}
		runtime.Gosched()
		runtime.GC()
		runtime.ReadMemStats(&after)
		bytes := after.HeapInuse + after.StackInuse - before.HeapInuse - before.StackInuse
		fmt.Printf("memory of a parked thread\t%.1f\n", float64(bytes)/n)
	case "ping-pong":
		there, back := make(chan int), make(chan int)
		go func() {
			for v := range there {
				back <- v
			}
		}()
		measure(seconds, "channel ping-pong, a message", func() float64 {
			t := time.Now()
			for i := 0; i < batch; i++ {
				there <- i
				<-back
			}
			return per(2*batch, t)
		})
	case "buffer":
		channel := make(chan int, 100)
		go func() {
			for i := 0; ; i++ {
				channel <- i
			}
		}()
		measure(seconds, "channel with buffer of 100, a message", func() float64 {
			t := time.Now()
			for i := 0; i < 4*batch; i++ {
				<-channel
			}
			return per(4*batch, t)
		})
	case "semaphore":
		lock := make(chan bool, 1)
		measure(seconds, "semaphore down + up", func() float64 {
			t := time.Now()
			for i := 0; i < 4*batch; i++ {
				lock <- true
				<-lock
			}
			return per(4*batch, t)
		})
	default:
		fmt.Fprintln(os.Stderr, "no row", row)
		os.Exit(2)
	}
}
