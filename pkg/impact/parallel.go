package impact

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls f for 0..n-1 on all processors. f writes only what belongs to
// its index, so the result does not depend on the number of processors.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// stream returns the random numbers of one draw: every draw has its own, so
// draws may be made in any order.
func stream(seed uint64, draw int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(draw)+1))
}
