package catalogue

import "testing"

func TestEveryDefinitionIsWhole(t *testing.T) {
	known := make(map[string]bool)
	for _, d := range All() {
		if err := d.Validate(); err != nil {
			t.Error(err)
		}
		if known[d.Name] {
			t.Errorf("%s is defined twice", d.Name)
		}
		known[d.Name] = true
	}
	for _, d := range All() {
		for _, g := range d.Guardrails {
			if !known[g] {
				t.Errorf("%s names the guardrail %s, which is not defined", d.Name, g)
			}
		}
	}
	if len(known) == 0 {
		t.Error("the catalogue is empty")
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	if _, err := Find("dora.change_lead_time"); err != nil {
		t.Error(err)
	}
	if _, err := Find("dora.lines_of_code"); err == nil {
		t.Error("an unknown metric was found")
	}
}
