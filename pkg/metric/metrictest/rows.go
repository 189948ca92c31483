package metrictest

import (
	"fmt"
	"slices"
	"strings"
)

// rows compares rows of a table or view, in any order.
func (r *runner) rows(s step) error {
	if len(s.args) != 2 {
		return fmt.Errorf("rows TABLE COLUMN,…")
	}
	var cells []string
	for _, c := range strings.Split(s.args[1], ",") {
		cells = append(cells, "ifNull(toString("+c+"), 'null')")
	}
	rows, err := r.store.Query(r.t.Context(), "SELECT ["+strings.Join(cells, ", ")+"] FROM payoff."+s.args[0])
	if err != nil {
		return err
	}
	defer rows.Close()
	var got, want []string
	for rows.Next() {
		var cells []string
		if err := rows.Scan(&cells); err != nil {
			return err
		}
		for i, c := range cells {
			if c == "" {
				cells[i] = "-"
			}
		}
		got = append(got, strings.Join(cells, " "))
	}
	for _, l := range s.lines {
		if l.fields[0] != "none" {
			want = append(want, strings.Join(l.fields, " "))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s has\n    %s\n  want\n    %s", s.args[0], strings.Join(got, "\n    "), strings.Join(want, "\n    "))
	}
	return rows.Err()
}
