package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/payoff-metrics/payoff/pkg/config"
)

// TestDeployFiles holds what is shipped for operators against the programs: the
// configurations parse, and the programs named are built.
func TestDeployFiles(t *testing.T) {
	if _, err := config.Load("../../deploy/payoff.example.yaml", nil); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"../../deploy/compose.yaml", "../../deploy/kubernetes/payoff.yaml"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := yaml.NewDecoder(bytes.NewReader(b))
		for {
			var doc map[string]any
			if err := d.Decode(&doc); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if data, ok := doc["data"].(map[string]any); ok {
				text, _ := data["payoff.yaml"].(string)
				if c, err := config.Parse([]byte(text)); err != nil || c.Validate() != nil {
					t.Errorf("%s: the configuration in it: %v %v", name, err, c.Validate())
				}
			}
		}
		programs(t, name, string(b))
	}
	units, err := filepath.Glob("../../deploy/systemd/*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("no units: %v", err)
	}
	for _, name := range units {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		programs(t, name, string(b))
	}
}

// programs checks that every program in /usr/local/bin is one of ours.
func programs(t *testing.T, name, text string) {
	t.Helper()
	for _, part := range strings.Split(text, "/usr/local/bin/")[1:] {
		program := strings.FieldsFunc(part, func(r rune) bool { return !(r >= 'a' && r <= 'z') })[0]
		if _, err := os.Stat(filepath.Join("..", program, "main.go")); err != nil {
			t.Errorf("%s names the program %s, which is not built here", name, program)
		}
	}
}
