package store

import (
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

// TestClusterSteps parses every statement of a cluster's migrations with the real
// engine's parser. It cannot run them: that takes a cluster with a Keeper.
func TestClusterSteps(t *testing.T) {
	steps, err := ClusterSteps("main")
	if err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Conn(t, enginetest.Start(t))
	distributed := 0
	for _, s := range steps {
		var formatted string
		if err := conn.QueryRow(t.Context(), "SELECT formatQuery({sql:String})", Param("sql", s.SQL)).Scan(&formatted); err != nil {
			t.Errorf("%s: %v\n%s", s.Name, err, s.SQL)
		}
		if !strings.Contains(s.SQL, "ON CLUSTER 'main'") {
			t.Errorf("%s does not name the cluster", s.Name)
		}
		if strings.Contains(s.SQL, "ENGINE = Distributed") {
			distributed++
		} else if strings.Contains(s.SQL, "ENGINE = ") && !strings.Contains(s.SQL, "ENGINE = Replicated") {
			t.Errorf("%s is not replicated:\n%s", s.Name, s.SQL)
		}
	}
	if distributed != len(sharded) {
		t.Errorf("%d tables are spread over the shards, want %d", distributed, len(sharded))
	}
}
