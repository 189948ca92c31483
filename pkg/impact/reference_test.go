package impact

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
)

// readCSV returns the records of a file in testdata as maps by column.
func readCSV(t testing.TB, name string) []map[string]string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, rec := range all[1:] {
		m := map[string]string{}
		for i, h := range all[0] {
			m[h] = rec[i]
		}
		out = append(out, m)
	}
	return out
}

func num(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mpdtaRows(t testing.TB, covariate bool) []Row {
	var rows []Row
	for i, r := range readCSV(t, "mpdta.csv") {
		first := int64(num(t, r["first.treat"]))
		row := Row{Line: i + 2, Unit: r["countyreal"], Time: int64(num(t, r["year"])), First: first, Never: first == 0, Outcome: num(t, r["lemp"])}
		if covariate {
			row.Covariates = []float64{num(t, r["lpop"])}
		}
		rows = append(rows, row)
	}
	return rows
}

func mpdta(t testing.TB, covariate bool) *Panel {
	t.Helper()
	var o PanelOptions
	if covariate {
		o.Covariates = []string{"lpop"}
	}
	p, err := NewPanel(mpdtaRows(t, covariate), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// near fails unless got and want agree to tol, absolutely.
func near(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.15g, want %.15g (off by %.2g)", what, got, want, got-want)
	}
}

var scenarios = map[string]struct {
	options   CSOptions
	covariate bool
}{
	"mpdta_nev_dr":      {CSOptions{Control: NeverTreated}, false},
	"mpdta_nyt_dr":      {CSOptions{Control: NotYet}, false},
	"mpdta_nev_reg_cov": {CSOptions{Control: NeverTreated, Adjust: Regression}, true},
	"mpdta_nev_ipw":     {CSOptions{Control: NeverTreated, Adjust: Weighting}, false},
}

// notKept are scenarios whose data are not in testdata.
var notKept = []string{"sim_nev_dr"}

func scenario(t *testing.T, name string) (*GroupTimes, bool) {
	t.Helper()
	if slices.Contains(notKept, name) {
		return nil, false
	}
	s, ok := scenarios[name]
	if !ok {
		t.Fatalf("no scenario %q", name)
	}
	gt, err := CallawaySantAnna(mpdta(t, s.covariate), s.options)
	if err != nil {
		t.Fatal(err)
	}
	return gt, true
}

func TestCallawaySantAnnaReference(t *testing.T) {
	rows := 0
	for _, r := range readCSV(t, "cs_ref_attgt.csv") {
		gt, ok := scenario(t, r["scenario"])
		if !ok {
			continue
		}
		rows++
		i := slices.IndexFunc(gt.Cells, func(c GroupTime) bool {
			return gt.Panel.Label(c.Group) == r["group"] && gt.Panel.Label(c.Time) == r["t"]
		})
		if i < 0 {
			t.Errorf("%s: no ATT(%s, %s)", r["scenario"], r["group"], r["t"])
			continue
		}
		what := fmt.Sprintf("%s ATT(%s, %s)", r["scenario"], r["group"], r["t"])
		near(t, what, gt.Cells[i].ATT, num(t, r["att"]), 1e-9)
		near(t, what+" se", gt.Cells[i].SE, num(t, r["se"]), 1e-9)
	}
	if want := 48; rows != want {
		t.Errorf("compared %d rows, want %d", rows, want)
	}
}

func TestAggregateReference(t *testing.T) {
	rows := 0
	for _, r := range readCSV(t, "cs_ref_aggte.csv") {
		gt, ok := scenario(t, r["scenario"])
		if !ok {
			continue
		}
		rows++
		overall, parts := gt.Aggregate(Aggregate(r["type"]))
		what := r["scenario"] + " " + r["type"]
		near(t, what, overall.ATT, num(t, r["overall_att"]), 1e-9)
		near(t, what+" se", overall.SE, num(t, r["overall_se"]), 1e-9)
		if r["egt"] == "NA" {
			continue
		}
		i := slices.IndexFunc(parts, func(p Point) bool {
			key := strconv.Itoa(p.Key)
			if r["type"] != "dynamic" {
				key = gt.Panel.Label(p.Key)
			}
			return key == r["egt"]
		})
		if i < 0 {
			t.Errorf("%s: nothing at %s", what, r["egt"])
			continue
		}
		near(t, what+" at "+r["egt"], parts[i].ATT, num(t, r["att_egt"]), 1e-9)
		near(t, what+" se at "+r["egt"], parts[i].SE, num(t, r["se_egt"]), 1e-9)
	}
	if want := 60; rows != want {
		t.Errorf("compared %d rows, want %d", rows, want)
	}
}

func TestPretestReference(t *testing.T) {
	for _, r := range readCSV(t, "cs_ref_pretest.csv") {
		gt, ok := scenario(t, r["scenario"])
		if !ok {
			continue
		}
		w, err := gt.Pretest()
		if err != nil {
			t.Fatal(err)
		}
		near(t, r["scenario"]+" W", w.W, num(t, r["W"]), 1e-9)
		near(t, r["scenario"]+" p", w.P, num(t, r["Wpval"]), 5.1e-6)
		if w.DF != 5 {
			t.Errorf("%s: %d degrees of freedom, want 5", r["scenario"], w.DF)
		}
	}
}

// expected holds the causal groups of the reference values.
type expected struct {
	MPDTA struct {
		PretestW  float64 `json:"pretest_W"`
		PretestDF int     `json:"pretest_df"`
		PretestP  float64 `json:"pretest_p"`
		TWFE      struct {
			B  float64 `json:"b"`
			SE float64 `json:"se_fixest_cluster_unit"`
		} `json:"twfe"`
		Imputation struct {
			ATT      float64            `json:"att"`
			Horizon  map[string]float64 `json:"h"`
			NTreated int                `json:"n_treated"`
		} `json:"imputation"`
		Weights struct {
			Pos    int     `json:"pos"`
			SumPos float64 `json:"sum_pos"`
			Neg    int     `json:"neg"`
			SumNeg float64 `json:"sum_neg"`
		} `json:"twfe_weights"`
	} `json:"callaway_santanna_mpdta"`
	Mini struct {
		Y           [][]float64
		Treated     []int      `json:"treated"`
		First       int64      `json:"first_treated_week"`
		DID         float64    `json:"did"`
		CR0         float64    `json:"se_cr0"`
		CR1         float64    `json:"se_cr1_fixest"`
		T           float64    `json:"t"`
		P           float64    `json:"p_t9"`
		PooledT     float64    `json:"pooled_t"`
		WelchT      float64    `json:"welch_t"`
		WelchDF     float64    `json:"welch_df"`
		WelchP      float64    `json:"welch_p"`
		RIB         [2]float64 `json:"ri_abs_b"`
		RIT         [2]float64 `json:"ri_abs_t"`
		WCRGE       [2]float64 `json:"wcr_rademacher_ge"`
		WCRGT       [2]float64 `json:"wcr_rademacher_gt"`
		PooledP     float64    `json:"pooled_p"`
		ChangesT    []float64  `json:"changes_treated"`
		ChangesC    []float64  `json:"changes_control"`
		Description string     `json:"status"`
	} `json:"mini_panel"`
	Villages struct {
		Y        []float64
		Z        []int
		ATE      float64    `json:"ate"`
		TwoSided [2]float64 `json:"two_sided"`
		Upper    [2]float64 `json:"upper"`
	} `json:"ri_7_villages"`
}

func readExpected(t testing.TB) expected {
	t.Helper()
	b, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var e expected
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return e
}
