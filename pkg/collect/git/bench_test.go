package git

import (
	"context"
	"fmt"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// benchmark reads a repository end to end, each draft made the event that would
// be published.
func benchmark(b *testing.B, dir string) {
	b.Helper()
	b.ReportAllocs()
	commits := 0
	for b.Loop() {
		sum, err := Read(context.Background(), Options{Dir: dir}, func(drafts []events.Draft) error {
			for _, d := range drafts {
				if _, err := events.New(d); err != nil {
					return err
				}
			}
			return nil
		}, nil)
		if err != nil {
			b.Fatal(err)
		}
		commits += sum.Commits
	}
	b.ReportMetric(float64(commits)/b.Elapsed().Seconds(), "commits/s")
}

// Benchmark100000 is a history of 100 000 commits, 3 000 files, a merge every
// tenth and a release every hundredth.
func Benchmark100000(b *testing.B) {
	var s stream
	last := 0
	for i := range 100_000 {
		c := commitSpec{at: t0 + int64(i)*600, author: fmt.Sprintf("P%d <p%d@example.test>", i%97, i%97), message: fmt.Sprintf("SHOP-%d: change\n\nWhy it is so.\n", i)}
		for j := range 3 {
			c.files = append(c.files, fmt.Sprintf("service-%d/package-%d/file-%d.go", i%10, (i/7+j)%30, i%11))
		}
		if last > 0 {
			c.from = []int{last}
		}
		if i%10 == 9 {
			c.from, c.files = []int{last - 2, last}, nil
		}
		last = s.commit(c)
		if i%100 == 99 {
			s.lightTag(fmt.Sprintf("v%d.%d.0", i/1000, i/100%10), last)
		}
	}
	benchmark(b, s.repo(b))
}

func BenchmarkRealHistory(b *testing.B) { benchmark(b, realHistory(b, "prometheus")) }
