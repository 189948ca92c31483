//go:build linux || darwin

package engine

import (
	"fmt"
	"testing"
)

// TestVerdictsAreOfTheSameStatement: statements that differ in whole numbers alone,
// as those of a dashboard do from one refresh to the next, are judged once; any other
// difference is another statement.
func TestVerdictsAreOfTheSameStatement(t *testing.T) {
	const sql = "SELECT a, 'x1' FROM t1 WHERE at >= fromUnixTimestamp64Milli(1779062400000) AND b = 1.5 /* 7 */ LIMIT 20"
	shaped := func(sql string) shape { return shapeOf(sql, tokens(sql)) }
	if other := "SELECT a, 'x1' FROM t1 WHERE at >= fromUnixTimestamp64Milli(5) AND b = 10.25 /* 7 */ LIMIT 1"; shaped(sql) != shaped(other) {
		t.Errorf("judged anew:\n%s", other)
	}
	seen := map[[32]byte]string{}
	for _, other := range []string{
		sql,
		"SELECT a, 'x2' FROM t1 WHERE at >= fromUnixTimestamp64Milli(1779062400000) AND b = 1.5 /* 7 */ LIMIT 20",
		"SELECT a, 'x1' FROM t2 WHERE at >= fromUnixTimestamp64Milli(1779062400000) AND b = 1.5 /* 7 */ LIMIT 20",
		"SELECT a, 'x1' FROM t1 WHERE at >= fromUnixTimestamp64Micro(1779062400000) AND b = 1.5 /* 7 */ LIMIT 20",
		"SELECT a, 'x1' FROM t1 WHERE at >= fromUnixTimestamp64Milli(1779062400000) AND b = 15 /* 7 */ LIMIT 20",
		"SELECT a, 'x1' FROM t1 WHERE at >= fromUnixTimestamp64Milli(0x41) AND b = 1.5 /* 7 */ LIMIT 20",
		"SELECT a, 'x1' FROM t1 WHERE at >= fromUnixTimestamp64Milli(1e3) AND b = 1.5 /* 7 */ LIMIT 20",
		"SELECT a, 'x1' FROM t1 WHERE at >= fromUnixTimestamp64Milli(1779062400000) AND b = 1.5 /* 8 */ LIMIT 20",
		"SELECT a, 'x1' FROM t1 WHERE at >= fromUnixTimestamp64Milli(1779062400000) AND b = 1.5 /* 7 */  LIMIT 20",
	} {
		if s := shaped(other); seen[[32]byte(s)] != "" {
			t.Errorf("taken for the same:\n%s\n%s", seen[[32]byte(s)], other)
		} else {
			seen[[32]byte(s)] = other
		}
	}
}

// TestVerdictsAreBounded: a reader who never asks the same twice fills no memory.
func TestVerdictsAreBounded(t *testing.T) {
	var v verdicts
	for i := range 3 * mostVerdicts {
		sql := fmt.Sprintf("SELECT 'x%d'", i)
		s := shapeOf(sql, tokens(sql))
		v.allow(s, analysis{Statements: 1})
		if _, ok := v.of(s); !ok {
			t.Fatalf("%s was allowed and is forgotten at once", sql)
		}
		if n := len(v.allowed); n > mostVerdicts {
			t.Fatalf("%d verdicts are kept", n)
		}
	}
}
