//go:build linux || darwin

package engine_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

// TestNothingStaysOfAStatement: sessions are used again, and no statement finds in one
// what another brought into it.
func TestNothingStaysOfAStatement(t *testing.T) {
	e := enginetest.Start(t)
	owner := enginetest.Conn(t, e)
	for _, sql := range readerFixture {
		mustExec(t, owner, sql)
	}
	threads := "SELECT getSetting('max_threads') = 7"
	for _, user := range []string{engine.OwnerUser, engine.ReaderUser} {
		for _, test := range []struct {
			name   string
			before string
			params url.Values
			after  string
			want   string // of after; "" means that it fails
		}{
			{"settings of the request", threads, url.Values{"max_threads": {"7"}}, threads, "0\n"},
			{"settings of the statement", threads + " SETTINGS max_threads = 7", nil, threads, "0\n"},
			{"parameters", "SELECT {x:String}", url.Values{"param_x": {"secret"}}, "SELECT {x:String}", ""},
			{"a format", "SELECT 1 AS x FORMAT JSON", nil, "SELECT 1 AS x", "1\n"},
			{"a default format", "SELECT 1 AS x", url.Values{"default_format": {"JSON"}}, "SELECT 1 AS x", "1\n"},
			{"SET", "SET max_threads = 7", nil, threads, "0\n"},
			{"USE", "USE system", nil, "SELECT currentDatabase() = 'system'", "0\n"},
			{"SET ROLE", "SET ROLE ALL", nil, "SELECT count() FROM payoff_private.people", map[string]string{engine.OwnerUser: "2\n"}[user]},
			{"temporary tables", "CREATE TEMPORARY TABLE hidden AS SELECT 1", nil, "SELECT * FROM hidden", ""},
			{"temporary views", "CREATE TEMPORARY VIEW hidden AS SELECT 1", nil, "SELECT * FROM hidden", ""},
			{"an alias", "WITH 5 AS five SELECT five", nil, "SELECT five", ""},
			{"an error", "SELECT throwIf(1)", nil, "SELECT 1", "1\n"},
			{"a transaction", "BEGIN TRANSACTION", nil, "SELECT 1", "1\n"},
			{"a window that is named", "SELECT sum(number) OVER w FROM numbers(2) WINDOW w AS (ORDER BY number)", nil, "SELECT sum(number) OVER w FROM numbers(2)", ""},
		} {
			for range 3 { // the second and third find what the first left
				call{path: "/", user: basic(user), body: test.before, params: test.params}.do(t, e)
				resp, body := call{path: "/", user: basic(user), body: test.after}.do(t, e)
				if failed := resp.StatusCode != 200; failed != (test.want == "") || !failed && body != test.want {
					t.Errorf("%s: after %s, which %s asked, %s answers %d %q", test.name, test.before, user, test.after, resp.StatusCode, body)
				}
			}
		}
	}
	if resp, body := (call{path: "/", user: engine.ReaderUser, body: "SELECT name FROM payoff_private.people"}).do(t, e); resp.StatusCode == 200 {
		t.Errorf("after the owner a reader reads %q", body)
	}
}

// basic is what a call names a user by.
func basic(user string) string {
	if user == engine.OwnerUser {
		return ""
	}
	return user
}

// TestEachHasItsOwnSettings: many ask at once with different settings, as two users.
func TestEachHasItsOwnSettings(t *testing.T) {
	e := enginetest.Start(t)
	mustExec(t, enginetest.Conn(t, e), "CREATE DATABASE payoff")
	var all sync.WaitGroup
	for i := range 16 {
		user := ""
		if i%2 == 0 {
			user = engine.ReaderUser
		}
		all.Go(func() {
			for k := range 20 {
				want := fmt.Sprint(1 + (i+k)%12)
				resp, body := call{path: "/", user: user, params: query("SELECT getSetting('max_threads'), {x:UInt8}, getSetting('readonly')", "max_threads", want, "param_x", want)}.do(t, e)
				if fields := strings.Fields(body); resp.StatusCode != 200 || len(fields) != 3 || fields[0] != want || fields[1] != want || (fields[2] == "1") != (user == engine.ReaderUser) {
					t.Errorf("asked with %s as %q: %d %q", want, user, resp.StatusCode, body)
				}
			}
		})
	}
	all.Wait()
}

// TestAskedAgainAStatementIsAnsweredAgain: what a statement is, is found once; it is run
// each time, with its own numbers, and refused each time.
func TestAskedAgainAStatementIsAnsweredAgain(t *testing.T) {
	e := enginetest.Start(t)
	ask := func(sql string) (int, string) {
		resp, body := call{path: "/", body: sql}.do(t, e)
		return resp.StatusCode, body
	}
	ask("CREATE TABLE default.numbers (n UInt64) ENGINE = MergeTree ORDER BY n")
	for i := 1; i <= 3; i++ {
		if code, body := ask(fmt.Sprintf("INSERT INTO default.numbers SELECT %d", i)); code != 200 {
			t.Errorf("writing %d: %d %s", i, code, body)
		}
		want := fmt.Sprintln(i*(i+1)/2 + i)
		if code, body := ask(fmt.Sprintf("SELECT sum(n) + %d FROM default.numbers", i)); code != 200 || body != want {
			t.Errorf("after %d: %d %q, not %q", i, code, body, want)
		}
		if code, body := ask(fmt.Sprintf("SELECT %d; SELECT 2", i)); code == 200 || !strings.Contains(body, "Multi-statements") {
			t.Errorf("two statements: %d %q", code, body)
		}
		if code, body := ask(fmt.Sprintf("SELECT %d FROM FROM FROM", i)); code == 200 || !strings.Contains(body, "failed at position 20 ") {
			t.Errorf("what does not parse: %d %q", code, body)
		}
	}
}
