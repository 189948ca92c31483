package store

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"time"
)

//go:embed migrations/*.sql
var embedded embed.FS

// recordedFrom is the migration that makes the table in which migrations are
// recorded. Those before it are recorded right after it.
const recordedFrom = 3

// A Step is one migration: a file with one statement that may be run again.
type Step struct {
	Number   uint32
	Name     string // file name
	SQL      string
	Checksum string // SHA-256 of the file, hexadecimal
}

var stepName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// Steps returns all migrations this program has, in order.
func Steps() ([]Step, error) {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	return steps(sub)
}

func steps(dir fs.FS) ([]Step, error) {
	names, err := fs.Glob(dir, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var out []Step
	for _, name := range names {
		m := stepName.FindStringSubmatch(name)
		if m == nil {
			return nil, fmt.Errorf("migration %s is not named NNNN_what_it_makes.sql", name)
		}
		number, err := strconv.ParseUint(m[1], 10, 32)
		if err != nil {
			return nil, err
		}
		if len(out) > 0 && out[len(out)-1].Number == uint32(number) {
			return nil, fmt.Errorf("migrations %s and %s have one number", out[len(out)-1].Name, name)
		}
		b, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		out = append(out, Step{uint32(number), name, string(b), hex.EncodeToString(sum[:])})
	}
	return out, nil
}

// Migrate brings the store to this program's schema and returns the steps it
// took. With plan it returns those it would take and changes nothing. It may be
// run again and by several processes at once, as every statement may be. It
// returns ErrTooNew for a store that has had migrations this program does not
// know, and an error for an applied migration whose file has changed since.
func (s *Store) Migrate(ctx context.Context, now func() time.Time, plan bool) ([]Step, error) {
	todo, err := s.Pending(ctx)
	if err != nil || plan {
		return todo, err
	}
	return s.apply(ctx, todo, now)
}

// Pending returns the migrations that Migrate would apply, or its error.
func (s *Store) Pending(ctx context.Context) ([]Step, error) {
	all, err := Steps()
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	return s.pending(ctx, all)
}

// CheckSchema returns ErrTooNew if the store was migrated by a newer program,
// and ErrUnavailable while it lacks migrations of this one: whoever leads is
// about to apply them. ErrNoTables comes with it where none is applied.
func (s *Store) CheckSchema(ctx context.Context) error {
	all, err := Steps()
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	todo, err := s.pending(ctx, all)
	if err == nil && len(todo) == len(all) {
		return fmt.Errorf("%w: %w: none of the %d migrations is applied", ErrUnavailable, ErrNoTables, len(all))
	}
	if err == nil && len(todo) > 0 {
		err = fmt.Errorf("%w: %d migrations are still to be applied, the first %s", ErrUnavailable, len(todo), todo[0].Name)
	}
	return err
}

func (s *Store) pending(ctx context.Context, all []Step) ([]Step, error) {
	applied, err := s.applied(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading which migrations %s has had: %w", s.name, err)
	}
	return pending(all, applied)
}

func (s *Store) apply(ctx context.Context, todo []Step, now func() time.Time) ([]Step, error) {
	done := todo
	var failed error
	for i, step := range todo {
		if err := s.Exec(ctx, step.SQL); err != nil {
			done, failed = todo[:i], fmt.Errorf("applying migration %s: %w", step.Name, err)
			break
		}
	}
	// Recorded together, in a tenth of the time: whoever dies before applies them again.
	if len(done) == 0 || done[len(done)-1].Number < recordedFrom {
		return nil, failed // there is no table to record them in yet
	}
	if err := s.recordSteps(ctx, done, now()); err != nil {
		return nil, errors.Join(failed, err)
	}
	return done, failed
}

// pending returns the steps of all that are not applied.
func pending(all []Step, applied map[uint32]Step) ([]Step, error) {
	known := make(map[uint32]bool, len(all))
	var todo []Step
	for _, step := range all {
		known[step.Number] = true
		was, ok := applied[step.Number]
		if !ok {
			todo = append(todo, step)
			continue
		}
		if was.Checksum != step.Checksum {
			return nil, fmt.Errorf("migration %s was applied as %s with another content (checksum %.12s, now %.12s); an applied migration is never edited: restore the file and add a new one",
				step.Name, was.Name, was.Checksum, step.Checksum)
		}
	}
	for number, was := range applied {
		if !known[number] {
			return nil, fmt.Errorf("%w: it has had migration %s, which this version of Payoff does not know; run the version that wrote it, or a later one", ErrTooNew, was.Name)
		}
	}
	return todo, nil
}

// applied reads what is recorded; nothing if there is no record yet.
func (s *Store) applied(ctx context.Context) (map[uint32]Step, error) {
	var tables []struct {
		Name string `ch:"name"`
	}
	if err := s.Select(ctx, &tables, "SELECT name FROM system.tables WHERE database = 'payoff' AND name = 'schema_migrations'"); err != nil {
		return nil, err
	}
	if len(tables) == 0 {
		return nil, nil
	}
	var rows []struct {
		Number   uint32 `ch:"number"`
		Name     string `ch:"name"`
		Checksum string `ch:"checksum"`
	}
	// The first record of a number stands: a checksum must not be papered over.
	err := s.Select(ctx, &rows, `
		SELECT number, argMin(name, applied_at) AS name, argMin(checksum, applied_at) AS checksum
		FROM payoff.schema_migrations GROUP BY number`)
	out := make(map[uint32]Step, len(rows))
	for _, r := range rows {
		out[r.Number] = Step{Number: r.Number, Name: r.Name, Checksum: r.Checksum}
	}
	return out, err
}

func (s *Store) recordSteps(ctx context.Context, done []Step, at time.Time) error {
	err := s.Insert(ctx, "payoff.schema_migrations", []string{"number", "name", "checksum", "applied_at"}, len(done), func(i int) []any {
		return []any{done[i].Number, done[i].Name, done[i].Checksum, at.UTC()}
	})
	if err != nil {
		return fmt.Errorf("recording migrations %s to %s: %w", done[0].Name, done[len(done)-1].Name, err)
	}
	return nil
}

// formatTime writes t as the value of a DateTime64(3, 'UTC') parameter.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }
