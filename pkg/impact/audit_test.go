package impact

import (
	"errors"
	"math/rand/v2"
	"testing"
)

func TestSelfAudit(t *testing.T) {
	history := World{Units: 24, Periods: 30, Treated: 0, Cohorts: 1, Rho: 0.6, Trend: 2}.Simulate(rand.New(rand.NewPCG(13, 13)))
	dates := make([]int, len(history.Units))
	for i := range dates {
		dates[i] = Never
		if i < 8 {
			dates[i] = 14 + i%2*6
		}
	}
	a, err := SelfAudit(history, dates, 400, 59, 1)
	if err != nil {
		t.Fatal(err)
	}
	// 400 rollouts over one history: 5 % give or take three standard errors.
	if a.WithP != 400 || a.Rate() < 0.017 || a.Rate() > 0.083 {
		t.Errorf("%+v, rate %v", a, a.Rate())
	}
	if _, err := SelfAudit(history, dates[1:], 10, 59, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("a date less: %v, want ErrInvalid", err)
	}
	for i := range dates {
		dates[i] = 14
	}
	if _, err := SelfAudit(history, dates, 10, 59, 1); !errors.Is(err, ErrNotIdentified) {
		t.Errorf("everybody at once: %v, want ErrNotIdentified", err)
	}
}
