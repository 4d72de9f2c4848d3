// A service to be profiled: two functions with known calls spin, one of which the compiler inlines into.
package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"sort"
)

var sink uint64

// mix is inlined into both spinners.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>29
}

//go:noinline
func spinLong() {
	x := sink
	for i := uint64(0); i < 3_000_000; i++ {
		x = mix(x + i)
	}
	sink = x
}

//go:noinline
func spinShort() {
	x := sink
	for i := uint64(0); i < 1_000_000; i++ {
		x = mix(x ^ i)
	}
	sink = x
}

type words struct{ of []string }

func (w *words) sorted() int {
	sort.Slice(w.of, func(i, j int) bool { return w.of[i] < w.of[j] })
	return len(w.of)
}

func largest[T int | uint64](of []T) (top T) {
	for _, value := range of {
		top = max(top, value)
	}
	return top
}

func work() {
	for {
		spinLong()
		spinShort()
		w := &words{}
		lengths := []int{}
		for i := 0; i < 20_000; i++ {
			w.of = append(w.of, fmt.Sprintf("%x", mix(uint64(i))))
			lengths = append(lengths, i)
		}
		sink += uint64(w.sorted() + largest(lengths))
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	go work()
	http.Serve(listener, nil)
}
