package stat

import "math/rand/v2"

// pcgStream is the fixed second word of every generator's seed.
const pcgStream = 0x9e3779b97f4a7c15

// NewRand returns a permuted congruential generator (O'Neill 2014, PCG-DXSM)
// for a seed, which the caller stores with the result. It gives the same
// numbers on every platform and is not safe for concurrent use.
func NewRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, pcgStream)) }
