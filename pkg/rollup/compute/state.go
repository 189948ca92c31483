package compute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// partition names one partition of one log.
type partition struct {
	epoch     uint32
	topic     string
	partition int32
}

// state is how far an earlier run came.
type state struct {
	generation  uint64
	definitions string
	next        map[partition]int64
}

func (c *Computer) readState(ctx context.Context) (state, error) {
	st := state{next: make(map[partition]int64)}
	rows, err := c.store.Query(ctx, `
		SELECT generation, definitions, p.1, p.2, p.3, p.4
		FROM (SELECT * FROM payoff_private.compute_state ORDER BY generation DESC, computed_at DESC LIMIT 1)
		ARRAY JOIN if(empty(positions), [(toUInt32(0), '', toInt32(0), toInt64(0))], positions) AS p`)
	if err != nil {
		return st, fmt.Errorf("reading how far computing came: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p partition
		var next int64
		if err := rows.Scan(&st.generation, &st.definitions, &p.epoch, &p.topic, &p.partition, &next); err != nil {
			return st, fmt.Errorf("reading how far computing came: %w", err)
		}
		st.next[p] = next
	}
	return st, rows.Err()
}

// since lists the new records of each partition.
func (s state) since(ends []position) []span {
	var out []span
	for _, e := range ends {
		if from := s.next[partition{e.epoch, e.topic, e.partition}]; from < e.next {
			out = append(out, span{e, from})
		}
	}
	return out
}

// ends reads from the ledger how far each partition is loaded, and how many rows
// that is: the generation of a run that sees them.
func (c *Computer) ends(ctx context.Context) ([]position, uint64, error) {
	rows, err := c.store.Query(ctx, `
		SELECT log_epoch, topic, partition, max(last_offset) + 1, sum(rows) FROM payoff.ingest_ledger
		GROUP BY log_epoch, topic, partition ORDER BY log_epoch, topic, partition`)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the ledger: %w", err)
	}
	defer rows.Close()
	var out []position
	var total uint64
	for rows.Next() {
		var p position
		var n uint64
		if err := rows.Scan(&p.epoch, &p.topic, &p.partition, &p.next, &n); err != nil {
			return nil, 0, fmt.Errorf("reading the ledger: %w", err)
		}
		out = append(out, p)
		total += n
	}
	return out, total, rows.Err()
}

func (c *Computer) saveState(ctx context.Context, ends []position, generation uint64, digest string) error {
	positions := make([][]any, len(ends))
	for i, e := range ends {
		positions[i] = []any{e.epoch, e.topic, e.partition, e.next}
	}
	err := c.store.Insert(ctx, "payoff_private.compute_state", []string{"generation", "definitions", "positions", "computed_at"}, 1, func(int) []any {
		return []any{generation, digest, positions, c.now()}
	})
	if err != nil {
		return fmt.Errorf("saving how far computing came: %w", err)
	}
	return nil
}

// saveDirty remembers what is to be computed anew, by table of facts.
func (c *Computer) saveDirty(ctx context.Context, d dirt, generation uint64) error {
	type row struct {
		fact string
		stretch
	}
	var all []row
	for _, fact := range slices.Sorted(maps.Keys(d.by)) {
		for _, s := range d.by[fact].list() {
			all = append(all, row{fact, s})
		}
	}
	err := c.store.Insert(ctx, "payoff_private.dirty_ranges", []string{"generation", "fact", "range_start", "range_end"}, len(all), func(i int) []any {
		return []any{generation, all[i].fact, all[i].from, all[i].to}
	})
	if err != nil {
		return fmt.Errorf("saving what is to be recomputed: %w", err)
	}
	services := slices.Sorted(maps.Keys(d.services))
	err = c.store.Insert(ctx, "payoff_private.dirty_services", []string{"generation", "service"}, len(services), func(i int) []any { return []any{generation, services[i]} })
	if err != nil {
		return fmt.Errorf("saving which services are to be recomputed: %w", err)
	}
	return nil
}

// dirty lists, by table of facts, the stretches found since the generation of the
// last whole run: this run's and those of runs that died.
func (c *Computer) dirty(ctx context.Context, after uint64) (map[string][]stretch, error) {
	rows, err := c.store.Query(ctx, `
		SELECT DISTINCT fact, range_start, range_end FROM payoff_private.dirty_ranges
		WHERE generation > {after:UInt64} ORDER BY fact, range_start, range_end`, store.Param("after", after))
	if err != nil {
		return nil, fmt.Errorf("reading what is to be recomputed: %w", err)
	}
	defer rows.Close()
	out := make(map[string][]stretch)
	for rows.Next() {
		var fact string
		var s stretch
		if err := rows.Scan(&fact, &s.from, &s.to); err != nil {
			return nil, fmt.Errorf("reading what is to be recomputed: %w", err)
		}
		out[fact] = append(out[fact], s)
	}
	return out, rows.Err()
}

// kin are the services that changed and whoever was ever in a unit with them, and those
// units. A point of any other service is what it was.
type kin struct{ services, units []string }

// fewServices is up to how many services are looked at alone: they are named in the
// statements.
const fewServices = 64

// kin are those of the services found since the generation of the last whole run. None
// are named where they are many or do not say it all: where everything is computed, or
// the organisation changed.
func (c *Computer) kin(ctx context.Context, after uint64, dirty map[string][]stretch) (k kin, err error) {
	if len(dirty) == 0 || len(dirty[organisationFact]) > 0 {
		return k, nil
	}
	err = c.store.Conn().QueryRow(ctx, `
		WITH
			touched AS (SELECT DISTINCT service FROM payoff_private.dirty_services WHERE generation > {after:UInt64}),
			theirs AS (SELECT DISTINCT unit FROM payoff_private.shown_owners FINAL WHERE unit != '' AND service IN touched),
			related AS (SELECT DISTINCT service FROM (SELECT service FROM touched UNION ALL SELECT service FROM payoff_private.shown_owners FINAL WHERE unit IN theirs))
		SELECT (SELECT groupArray(toString(service)) FROM (SELECT service FROM related ORDER BY service)), (SELECT groupArray(toString(unit)) FROM (SELECT unit FROM theirs ORDER BY unit))`,
		store.Param("after", after)).Scan(&k.services, &k.units)
	if err != nil {
		return kin{}, fmt.Errorf("reading which services are to be recomputed: %w", err)
	}
	if len(k.services) > fewServices {
		return kin{}, nil
	}
	return k, nil
}

// Years of the calendar that windows are made for.
const firstYear, lastYear = 1990, 2060

// prepare writes what queries need besides facts: the calendar of the
// organisation's time zone and, if it is new, the catalogue with a view for each metric.
func (c *Computer) prepare(ctx context.Context, catalogue bool) error {
	if err := c.prepareCalendar(ctx); err != nil || !catalogue {
		return err
	}
	for _, d := range c.metrics {
		if d.Fold != nil {
			continue // Go has the last word: there is no view that could say the same
		}
		if err := c.store.Exec(ctx, d.CreateView()); err != nil {
			return fmt.Errorf("creating the view of %s: %w", d.Name, err)
		}
	}
	now := c.now()
	err := c.store.Insert(ctx, "payoff.metrics",
		[]string{"metric", "version", "title", "question", "help", "class", "direction", "unit", "guardrails", "owner", "written_at"}, len(c.metrics), func(i int) []any {
			return append(catalogued(c.metrics[i]), now)
		})
	if err != nil {
		return fmt.Errorf("writing the catalogue: %w", err)
	}
	return nil
}

// catalogued is what the catalogue says of a metric.
func catalogued(d metric.Def) []any {
	return []any{d.Name, uint16(d.Version), d.Title, d.Question, d.Help, string(d.Class), string(d.Direction), string(d.Unit), d.Guardrails, d.Owner}
}

func at(year int) time.Time { return time.Date(year, 1, 1, 12, 0, 0, 0, time.UTC) }
