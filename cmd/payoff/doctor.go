package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/export"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

func (e *env) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "What is wrong with the data, and what to do about it", Args: cobra.NoArgs,
		Long: `Say how fresh each source is, what was parked, and what is kept but counted with
doubt or not at all, each with what to do about it. Exit code 1 if there is
something to do.`,
		Example: "  payoff doctor",
		RunE:    func(c *cobra.Command, _ []string) error { return e.doctor(c.Context()) },
	}
}

// A source is how far one source was heard of.
type source struct {
	Name       string    `ch:"source" json:"source"`
	Facts      uint64    `ch:"facts" json:"facts"`
	OccurredAt time.Time `ch:"last_occurred_at" json:"last_occurred_at"`
	ReceivedAt time.Time `ch:"last_received_at" json:"last_received_at"`
}

// A finding is one thing that is wrong, in how many places.
type finding struct {
	Kind     string   `ch:"kind" json:"kind"`
	Count    uint64   `ch:"n" json:"count"`
	What     string   `ch:"what" json:"what"`
	Todo     string   `ch:"todo" json:"todo"`
	Examples []string `ch:"examples" json:"examples"`
}

// diagnosis is what doctor answers.
type diagnosis struct {
	Sources  []source  `json:"sources"`
	Parked   uint64    `json:"parked"`
	Findings []finding `json:"findings"`
}

func diagnose(ctx context.Context, r *store.Store) (diagnosis, error) {
	var d diagnosis
	if err := r.Select(ctx, &d.Sources, "SELECT toString(source) AS source, facts, last_occurred_at, last_received_at FROM payoff.freshness ORDER BY source"); err != nil {
		return d, fmt.Errorf("reading how fresh the sources are: %w", err)
	}
	var parked []struct {
		N uint64 `ch:"n"`
	}
	if err := r.Select(ctx, &parked, "SELECT count() AS n FROM payoff.dead_letters WHERE replayed_at IS NULL"); err != nil {
		return d, fmt.Errorf("counting what is parked: %w", err)
	}
	d.Parked = parked[0].N
	if err := r.Select(ctx, &d.Findings, `
		SELECT toString(kind) AS kind, count() AS n, what, any(todo) AS todo, arraySort(groupUniqArray(3)(subject)) AS examples
		FROM payoff.findings GROUP BY kind, what ORDER BY n DESC, kind, what`); err != nil {
		return d, fmt.Errorf("reading the findings: %w", err)
	}
	return d, nil
}

func (e *env) doctor(ctx context.Context) (err error) {
	s, err := e.attach(ctx)
	if err != nil {
		return err
	}
	defer finish(s, &err)
	if _, err := s.Compute(ctx); err != nil {
		return err
	}
	r, err := s.Reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	d, err := diagnose(ctx, r)
	if err != nil {
		return err
	}
	if e.json {
		err = printJSON(e.out, d)
	} else {
		err = e.tell(d)
	}
	if err == nil && (len(d.Findings) > 0 || d.Parked > 0) {
		return no{errors.New("there is something to do")}
	}
	return err
}

func (e *env) tell(d diagnosis) error {
	if len(d.Sources) == 0 {
		_, err := fmt.Fprintln(e.out, "No event has arrived yet. Begin with `payoff import git DIR`, or with the curl line that `payoff up` prints.")
		return err
	}
	t := newTable(e.out, "source", ">facts", "last happened", "last received")
	for _, s := range d.Sources {
		t.row(s.Name, fmt.Sprint(s.Facts), s.OccurredAt.Format(time.RFC3339), s.ReceivedAt.Format(time.RFC3339))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if d.Parked > 0 {
		fmt.Fprintf(e.out, "\n%s accepted and could not be understood.\n  → payoff dead list\n", metric.Counted(d.Parked, "record was", "records were"))
	}
	for _, f := range d.Findings {
		fmt.Fprintf(e.out, "\n%d × %s\n  such as %s\n  → %s\n", f.Count, f.What, strings.Join(f.Examples, ", "), f.Todo)
	}
	if d.Parked == 0 && len(d.Findings) == 0 {
		fmt.Fprintln(e.out, "\nAll is well.")
	}
	return nil
}

func (e *env) exportCmd() *cobra.Command {
	var format, out, where string
	c := &cobra.Command{
		Use: "export TABLE…", Short: "Tables as Parquet, Arrow or CSV files, with a manifest",
		Long: `Write tables or views of database payoff into files, with a manifest.json that
says what each holds: rows, columns with their meaning, SHA-256. In Parquet and
Arrow the meaning of every column is in the file's own schema, too.`,
		Example: `  payoff export metric_points deployments --format parquet --out export/
  payoff export metric_points --format csv --where "metric = 'dora.change_lead_time'"`,
		RunE: func(c *cobra.Command, tables []string) error {
			if len(tables) == 0 {
				return errors.New("export takes at least one TABLE; `payoff sql 'SHOW TABLES'` lists them")
			}
			if !slices.Contains([]string{export.Parquet, export.Arrow, export.CSV}, format) {
				return fmt.Errorf("--format %q is not parquet, arrow or csv", format)
			}
			return e.export(c.Context(), tables, format, out, where)
		},
	}
	c.Flags().StringVar(&format, "format", export.Parquet, "parquet, arrow or csv")
	c.Flags().StringVar(&out, "out", ".", "`directory` of the files")
	c.Flags().StringVar(&where, "where", "", "only rows that satisfy this `condition`")
	return c
}

func (e *env) export(ctx context.Context, tables []string, format, out, where string) (err error) {
	s, err := e.attach(ctx)
	if err != nil {
		return err
	}
	defer finish(s, &err)
	r, err := s.Reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	m := export.Manifest{Made: e.now().UTC()}
	bar := e.progress("exporting")
	defer bar.done()
	for i, table := range tables {
		f, err := export.Table(ctx, r, out, table, format, where)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
		bar.set(i+1, len(tables))
	}
	bar.done()
	if err := m.Write(out); err != nil {
		return err
	}
	if e.json {
		return printJSON(e.out, m)
	}
	t := newTable(e.out, "file", ">rows", ">bytes")
	for _, f := range m.Files {
		t.row(f.File, fmt.Sprint(f.Rows), fmt.Sprint(f.Bytes))
	}
	return t.flush()
}
