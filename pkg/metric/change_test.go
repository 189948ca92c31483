package metric

import "testing"

// TestTouches: a change is of exactly whom it names, or of everybody.
func TestTouches(t *testing.T) {
	mine := Change{Metrics: []string{"oncall.pages"}, Team: "search"}
	for _, c := range []struct {
		name, service, team, unit string
		mine, everybodys          bool
	}{
		{"oncall.pages", "", "search", "", true, true},
		{"oncall.pages", "", "payments", "", false, true},
		{"oncall.pages", "", "", "", false, true},
		{"oncall.pages", "search", "", "", false, true},
		{"dora.score", "", "search", "", false, true},
	} {
		if got := mine.Touches(c.name, c.service, c.team, c.unit); got != c.mine {
			t.Errorf("%+v: %t of the team's", c, got)
		}
		if got := (Change{}).Touches(c.name, c.service, c.team, c.unit); got != c.everybodys {
			t.Errorf("%+v: %t of everybody's", c, got)
		}
	}
}
