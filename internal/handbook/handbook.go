// Package handbook writes what an analyst needs to know from what is defined
// already: the catalogue of metrics, and the comments of tables and columns. Its
// output is checked in under schemas/ and a test keeps it fresh.
//
//	catalogue + a migrated store ──▶ schemas/handbook.md, schemas/clickhouse.sql
package handbook

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// A table is a table or view as the store describes it.
type table struct {
	Database string `ch:"database"`
	Name     string `ch:"name"`
	Engine   string `ch:"engine"`
	Comment  string `ch:"comment"`
	Create   string `ch:"create"`
	columns  []column
}

type column struct {
	Database string `ch:"database"`
	Table    string `ch:"table"`
	Name     string `ch:"name"`
	Type     string `ch:"type"`
	Comment  string `ch:"comment"`
}

// read describes the tables of the databases of a migrated store.
func read(ctx context.Context, s *store.Store) ([]table, error) {
	var tables []table
	err := s.Select(ctx, &tables, `
		SELECT database, name, engine, comment, formatQuery(create_table_query) AS create
		FROM system.tables WHERE database IN ('payoff', 'payoff_private') ORDER BY database, name`)
	if err != nil {
		return nil, fmt.Errorf("reading the tables: %w", err)
	}
	var columns []column
	err = s.Select(ctx, &columns, `
		SELECT database, table, name, type, comment FROM system.columns WHERE database IN ('payoff', 'payoff_private') ORDER BY database, table, position`)
	if err != nil {
		return nil, fmt.Errorf("reading the columns: %w", err)
	}
	for i := range tables {
		for _, c := range columns {
			if c.Database == tables[i].Database && c.Table == tables[i].Name {
				tables[i].columns = append(tables[i].columns, c)
			}
		}
	}
	return tables, nil
}

// Schema is the whole schema as one SQL text.
func Schema(ctx context.Context, s *store.Store) (string, error) {
	tables, err := read(ctx, s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("-- The schema after all migrations, with the views of all metrics. Generated: make generate.\n")
	for _, t := range tables {
		fmt.Fprintf(&b, "\n%s;\n", strings.TrimSpace(t.Create))
	}
	return b.String(), nil
}

// Handbook says what every number means, and where it comes from.
func Handbook(ctx context.Context, s *store.Store, defs []metric.Def) (string, error) {
	tables, err := read(ctx, s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(intro)
	metrics(&b, defs)
	analystTables(&b, tables, defs)
	b.WriteString("\n## Event types\n\n| kind | what happened |\n|---|---|\n")
	for _, d := range events.Definitions() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", d.Kind, d.Summary)
	}
	return b.String(), nil
}

const intro = `# Handbook

What every number means, and where it comes from. Generated from the catalogue of metrics and the comments of the tables
(` + "`make generate`" + `).

A number comes with **n**, an interval (95 %) where there is one, and a **quality**: ` + "`ok`; `low_n`: from fewer than 10 facts; `partial`: the\nwindow is not wholly covered, so it is never compared; `no_data`: there is nothing to compute from, and the value is null, not 0" + `.
Windows are half-open and calendar ones in the organisation's time zone. Durations are in milliseconds. Quantiles are of type 7.

Lineage: events → facts (deployments, shipped_changes, …) → a metric's view → metric_point_log → metric_points.

## Metrics
`

func metrics(b *strings.Builder, defs []metric.Def) {
	for _, d := range defs {
		fmt.Fprintf(b, "\n### %s\n\n*%s* %s\n\n%s\n\n", d.Name, d.Title+".", d.Question, d.Help)
		fmt.Fprintf(b, "| | |\n|---|---|\n| class, better | %s, %s |\n| unit | %s |\n| windows | %s |\n| levels | %s |\n", d.Class, d.Direction, d.Unit, grains(d.Grains), levels(d.Dimensions))
		if len(d.Guardrails) > 0 {
			fmt.Fprintf(b, "| never without | %s |\n", strings.Join(d.Guardrails, ", "))
		}
		for _, s := range d.Stats {
			fmt.Fprintf(b, "| beside it, dims `{\"stat\":\"%s\"}` | %s. %s |\n", s.Name, s.Title, s.Help)
		}
		fmt.Fprintf(b, "| computed from | %s |\n| version, owner | %d, %s |\n| audience | %s |\n", strings.Join(d.Facts, ", "), d.Version, d.Owner, d.Audience)
		if d.SQL != "" {
			fmt.Fprintf(b, "| any range | `SELECT * FROM %s(from='2026-01-01', to='2026-04-01', services=[], teams=[], units=[])` |\n", d.View())
		}
	}
}

func grains(list []metric.Grain) string {
	var out []string
	for _, g := range list {
		out = append(out, string(g))
	}
	return strings.Join(out, ", ")
}

func levels(list []string) string {
	var out []string
	for _, l := range list {
		if l == "" {
			l = "the whole"
		}
		out = append(out, l)
	}
	return strings.Join(out, ", ")
}

// analystTables lists the tables readers may open, each with the metrics that are
// computed from it.
func analystTables(b *strings.Builder, tables []table, defs []metric.Def) {
	b.WriteString("\n## Tables and views\n\nDatabase `payoff`, for the user `reader`.\n")
	sort.SliceStable(tables, func(i, j int) bool { return tables[i].Name < tables[j].Name })
	for _, t := range tables {
		if t.Database != "payoff" || strings.HasPrefix(t.Name, "metric_") && len(t.columns) == 0 {
			continue // metrics' views are under Metrics
		}
		fmt.Fprintf(b, "\n### %s\n\n%s\n\n", t.Name, t.Comment)
		var used []string
		for _, d := range defs {
			for _, f := range d.Facts {
				if f == t.Name {
					used = append(used, d.Name)
				}
			}
		}
		if used != nil {
			fmt.Fprintf(b, "Metrics: %s.\n\n", strings.Join(used, ", "))
		}
		b.WriteString("| column | type | meaning |\n|---|---|---|\n")
		for _, c := range t.columns {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", c.Name, strings.ReplaceAll(c.Type, "|", `\|`), c.Comment)
		}
	}
}
