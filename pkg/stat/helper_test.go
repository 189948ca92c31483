package stat

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
)

// expected decodes one group of testdata/expected.json, the reference values
// of published software and tables that the project was given.
func expected(t testing.TB, group string, into any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(raw, &groups); err != nil {
		t.Fatal(err)
	}
	if groups[group] == nil {
		t.Fatalf("no group %q in testdata/expected.json", group)
	}
	if err := json.Unmarshal(groups[group], into); err != nil {
		t.Fatalf("group %q: %v", group, err)
	}
}

// readCSV reads numeric columns by their header; lines with # are comments.
func readCSV(t testing.TB, path string) (names []string, columns map[string][]float64) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns = map[string][]float64{}
	for _, row := range rows[1:] {
		for j, cell := range row {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			columns[rows[0][j]] = append(columns[rows[0][j]], v)
		}
	}
	return rows[0], columns
}

// near fails unless got is want within an absolute tolerance; NaN is near NaN.
func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) && math.IsNaN(want) || got == want {
		return
	}
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.12g, want %.12g (off by %.2g)", what, got, want, got-want)
	}
}

// closeTo fails unless got is want to a relative tolerance.
func closeTo(t testing.TB, what string, got, want, relative float64) {
	t.Helper()
	near(t, what, got, want, relative*math.Abs(want))
}

func nearInterval(t testing.TB, what string, got Interval, want [2]float64, tolerance float64) {
	t.Helper()
	near(t, what+" low", got.Low, want[0], tolerance)
	near(t, what+" high", got.High, want[1], tolerance)
}

// isNaN fails unless v is NaN.
func isNaN(t testing.TB, what string, v ...float64) {
	t.Helper()
	for i, x := range v {
		if !math.IsNaN(x) {
			t.Errorf("%s [%d] = %v, want NaN", what, i, x)
		}
	}
}
