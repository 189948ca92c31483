package acme

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
)

// A dice is a source of chance of its own for one purpose, so that changing one
// part of the organisation leaves the others as they were: that is what makes a
// world without a capability comparable to the world with it.
type dice struct{ *rand.Rand }

func newDice(seed uint64, purpose ...string) dice {
	h := sha256.New()
	binary.Write(h, binary.BigEndian, seed)
	for _, p := range purpose {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	sum := h.Sum(nil)
	return dice{rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])))}
}

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between is uniform in [lo, hi).
func (d dice) between(lo, hi float64) float64 { return lo + d.Float64()*(hi-lo) }

// logNormal has the given median; sigma is the standard deviation of its logarithm.
func (d dice) logNormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*d.NormFloat64())
}

// poisson counts events of a rate (Knuth; rates here are small).
func (d dice) poisson(rate float64) int {
	limit, n := math.Exp(-rate), 0
	for p := d.Float64(); p > limit; p *= d.Float64() {
		n++
	}
	return n
}

// pick chooses one of list, which must not be empty.
func pick[T any](d dice, list []T) T { return list[d.IntN(len(list))] }

// weighted chooses an index with probability in proportion to its weight.
func (d dice) weighted(weights ...float64) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	x := d.Float64() * total
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// hash is a commit's.
func (d dice) hash() string {
	var b [20]byte
	binary.BigEndian.PutUint64(b[0:], d.Uint64())
	binary.BigEndian.PutUint64(b[8:], d.Uint64())
	binary.BigEndian.PutUint32(b[16:], d.Uint32())
	return hex.EncodeToString(b[:])
}
