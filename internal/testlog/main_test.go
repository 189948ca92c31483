package main

import (
	"strings"
	"testing"
)

// TestSingle: what may be run again is one test that failed by what it checks.
func TestSingle(t *testing.T) {
	const (
		ok     = `{"Action":"run","Package":"a","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"a","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"a"}` + "\n"
		begun  = `{"Action":"run","Package":"b","Test":"TestB"}` + "\n"
		sub    = `{"Action":"run","Package":"b","Test":"TestB/x"}` + "\n" + `{"Action":"fail","Package":"b","Test":"TestB/x"}` + "\n"
		failed = `{"Action":"fail","Package":"b","Test":"TestB"}` + "\n"
		whole  = `{"Action":"output","Package":"b","Output":"FAIL\n"}` + "\n" + `{"Action":"fail","Package":"b"}` + "\n"
		race   = `{"Action":"output","Package":"b","Test":"TestB","Output":"WARNING: DATA RACE\n"}` + "\n"
		panics = `{"Action":"output","Package":"b","Output":"panic: test timed out after 1m0s\n"}` + "\n"
		other  = `{"Action":"run","Package":"b","Test":"TestBee"}` + "\n" + `{"Action":"fail","Package":"b","Test":"TestBee"}` + "\n"
		second = `{"Action":"fail","Package":"bb"}` + "\n"
	)
	for _, tc := range []struct{ name, log, want string }{
		{"a test", ok + begun + failed + whole, "b TestB"},
		{"a part of a test", ok + begun + sub + failed + whole, "b TestB"},
		{"nothing", ok, ""},
		{"a race", ok + begun + race + failed + whole, ""},
		{"a timeout", ok + begun + panics + whole, ""},
		{"a panic", ok + begun + failed + panics + whole, ""},
		{"a test that never ended", ok + begun + other + whole, ""},
		{"two tests", ok + begun + failed + other + whole, ""},
		{"another package", ok + begun + failed + whole + second, ""},
		{"a package without a test", ok + whole, ""},
		{"what does not build", ok + begun + failed + whole + `{"Action":"build-fail","ImportPath":"c"}` + "\n", ""},
	} {
		r, err := read(strings.NewReader(tc.log))
		if err != nil {
			t.Fatal(err)
		}
		if got, only := r.single(); got != tc.want || only != (tc.want != "") {
			t.Errorf("%s: %q %v, want %q", tc.name, got, only, tc.want)
		}
	}
}
