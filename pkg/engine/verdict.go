//go:build linux || darwin

package engine

import (
	"crypto/sha256"
	"strings"
	"sync"
)

// verdicts remembers what the engine's parser said of statements: which of readers'
// were allowed, and what all others are. Dashboards, pages and runs of computing ask the
// same ones all the time, and parsing one twice takes as long as many a query. What is
// refused is judged anew.
type verdicts struct {
	mu      sync.Mutex
	allowed map[shape]analysis
}

// mostVerdicts is how many are kept; then all are forgotten.
const mostVerdicts = 4096

// A shape is a statement but for its whole numbers, by its hash. What is judged by
// the syntax tree is kinds of nodes and names, and a number is neither.
type shape [sha256.Size]byte

func shapeOf(sql string, list []token) shape {
	var b strings.Builder
	at := 0
	for _, t := range list {
		if t.kind == numberToken && strings.Trim(t.text, "0123456789") == "" {
			b.WriteString(sql[at:t.begin] + "0")
			at = t.end
		}
	}
	b.WriteString(sql[at:])
	return sha256.Sum256([]byte(b.String()))
}

// of returns what a statement of that shape was found to be.
func (v *verdicts) of(s shape) (analysis, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	what, ok := v.allowed[s]
	return what, ok
}

func (v *verdicts) allow(s shape, what analysis) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.allowed == nil || len(v.allowed) >= mostVerdicts {
		v.allowed = make(map[shape]analysis)
	}
	v.allowed[s] = what
}
