package pages

import (
	"cmp"
	"slices"
	"strings"
)

// mostNearest is how many names are proposed for one that is not known.
const mostNearest = 5

// nearest lists the names most like the one asked for: those that contain it or
// are contained in it first, then by edit distance. Names that share less than
// half with it are not proposed.
func nearest(asked string, names []string) []string {
	asked = strings.ToLower(clip(asked))
	type candidate struct {
		name     string
		distance int
	}
	var cs []candidate
	for _, n := range names {
		l := strings.ToLower(n)
		d := distance(asked, l)
		if asked != "" && (strings.Contains(l, asked) || strings.Contains(asked, l)) {
			d = 0
		} else if 2*d > max(len(asked), len(l)) {
			continue
		}
		cs = append(cs, candidate{n, d})
	}
	slices.SortFunc(cs, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var out []string
	for _, c := range cs[:min(len(cs), mostNearest)] {
		out = append(out, c.name)
	}
	return out
}

// distance is the number of characters to insert, delete or replace to make b of
// a (Levenshtein 1966), by one row of the table at a time.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			replaced := diagonal
			if x[i] != y[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, diagonal+1, row[j]+1)
		}
	}
	return row[len(y)]
}
