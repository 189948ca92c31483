package pages

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A memo keeps the last answer for as long as nothing is new in the store: for what
// takes a scan of all events or all points.
type memo[T any] struct {
	mu    sync.Mutex
	key   string
	value T
}

// remember gives the kept answer, or makes it. The key is what it depends on beside
// the store. Whoever asks while it is made waits for it.
func remember[T any](ctx context.Context, p *pages, m *memo[T], key string, answer func() (T, error)) (T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	version, err := p.storeVersion(ctx)
	if err != nil {
		return m.value, err
	}
	if key += version; m.key == key {
		return m.value, nil
	}
	value, err := answer()
	if err != nil {
		return value, err
	}
	m.key, m.value = key, value
	return value, nil
}

// storeVersion changes with every event that is loaded and every point that is
// computed: points are only ever added.
func (p *pages) storeVersion(ctx context.Context) (string, error) {
	var rows []struct {
		Spans  uint64    `ch:"spans"`
		Loaded time.Time `ch:"loaded"`
		Points uint64    `ch:"points"`
	}
	err := p.Store.Select(ctx, &rows, `SELECT count() AS spans, max(loaded_at) AS loaded, (SELECT count() FROM payoff.metric_point_log) AS points
		FROM payoff.ingest_ledger`)
	if err != nil {
		return "", fmt.Errorf("reading whether something is new: %w", err)
	}
	r := rows[0]
	return fmt.Sprint(" ", r.Spans, r.Loaded.UnixMilli(), " ", r.Points), nil
}
