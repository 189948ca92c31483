package engine

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTokens(t *testing.T) {
	for sql, want := range map[string][]string{
		"SELECT a.b, 'it''s \\' x' -- c\n;":     {"SELECT", "a", ".", "b", ",", "it's ' x", ";"},
		"`a``b` \"c\\x64\" `\\x66ile`":          {"a`b", "cd", "file"},
		"1.5e3 0x1F a$b $x$ ' $x$ $":            {"1", ".", "5e3", "0x1F", "a$b", "$x$ ' $x$", "$"},
		"a/* 1 /* 2 */ 3 */b # c\n #!d\nd-1--e": {"a", "b", "d", "-", "1"},
		"{x:Identifier}":                        {"{", "x", ":", "Identifier", "}"},
		"\u201cx\u201d":                         {"\u201c", "x", "\u201d"},
		"'open":                                 {"'open"},
		"/* open":                               {"/* open"},
		"SELECT 'a' 'b'":                        {"SELECT", "a", "b"},
		"'\\n\\q'":                              {"\n\\q"},
	} {
		var got []string
		for _, tok := range tokens(sql) {
			got = append(got, tok.text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", sql, diff)
		}
	}
}

func TestParseInsert(t *testing.T) {
	for _, test := range []struct{ sql, head, format, data string }{
		{"INSERT INTO t VALUES (1)", "INSERT INTO t ", "Values", " (1)"},
		{"insert into t(a, `b)`) values(1)", "insert into t(a, `b)`) ", "Values", "(1)"},
		{"INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", "1,2\n"},
		{"INSERT INTO t FORMAT CSV 1,2", "INSERT INTO t ", "CSV", "1,2"},
		{"INSERT INTO t FORMAT CSV\r\n\n1", "INSERT INTO t ", "CSV", "\n1"},
		{"INSERT INTO TABLE db.t (* EXCEPT(a)) SETTINGS x = 'VALUES' FORMAT Native\n\x01\x02", "INSERT INTO TABLE db.t (* EXCEPT(a)) SETTINGS x = 'VALUES' ", "Native", "\x01\x02"},
		{"/* VALUES */ INSERT INTO t -- FORMAT\n VALUES ('", "/* VALUES */ INSERT INTO t -- FORMAT\n ", "Values", " ('"},
		{"INSERT INTO values VALUES (1)", "INSERT INTO values ", "Values", " (1)"},
		{"INSERT INTO FUNCTION null('a Int8') VALUES (1)", "INSERT INTO FUNCTION null('a Int8') ", "Values", " (1)"},
		{"INSERT INTO t SELECT 1 FORMAT CSV", "", "", ""},
		{"INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x", "", "", ""},
		{"INSERT INTO t FROM INFILE 'x' FORMAT CSV", "", "", ""},
		{"INSERT INTO t (a, b", "", "", ""},
		{"INSERT INTO t 'unclosed VALUES (1)", "", "", ""},
		{"SELECT 'INSERT INTO t VALUES (1)'", "", "", ""},
		{"", "", "", ""},
	} {
		head, ok := parseInsert(test.sql)
		if !ok {
			head.data = len(test.sql)
		}
		if got := test.sql[head.data:]; ok != (test.format != "") || head.sql != test.head || head.format != test.format || got != test.data {
			t.Errorf("%q: head %q, format %q, data %q", test.sql, head.sql, head.format, got)
		}
	}
}

func TestOutputFormat(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1 FORMAT JSON":                       "JSON",
		"SELECT 1 format `CSV` ;":                    "CSV",
		"SELECT 1 FORMAT CSV SETTINGS max_threads=1": "CSV",
		"SELECT 1 SETTINGS max_threads=1 FORMAT CSV": "CSV",
		"SELECT format FROM t":                       "",
		"SELECT 1 AS format":                         "",
		"SELECT 'FORMAT CSV'":                        "",
		"SELECT * FROM (SELECT 1 FORMAT CSV)":        "",
		"SELECT 1 /* FORMAT CSV */":                  "",
		"SELECT format('{}', 1) FORMAT TSV":          "TSV",
	} {
		if got := outputFormat(tokens(sql)); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

// The head of an INSERT is the same wherever its data is cut, and its data is
// never looked into: it may be anything.
func FuzzParseInsert(f *testing.F) {
	for _, s := range []string{"INSERT INTO t VALUES (1)", "INSERT INTO t (a) FORMAT CSV\n1", "INSERT INTO `a\\`b` VALUES", "insert /* x */ into t $a$ $a$ format x"} {
		f.Add(s, "\x00'`/*")
	}
	f.Fuzz(func(t *testing.T, s, data string) {
		head, ok := parseInsert(s)
		if !ok {
			return
		}
		if head.data > len(s) || !strings.HasPrefix(s, head.sql) || head.format == "" {
			t.Fatalf("%q: %+v", s, head)
		}
		again, ok := parseInsert(s[:head.data] + "\n" + data)
		if !ok || again.sql != head.sql || again.format != head.format {
			t.Errorf("%q with other data: %+v, not %+v", s, again, head)
		}
	})
}

// Tokens lie one behind the other, and what lies between them is blank or comment:
// put together with blanks they are cut in the same way again.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"SELECT a.b, 'c''d' -- e", "`a\\x41` \"b\"", "$a$ x $a$ $", "/* /* */ */ 1e5", "x'41' {p:Identifier}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var pieces []string
		end := 0
		list := tokens(s)
		for _, tok := range list {
			if tok.begin < end || tok.end <= tok.begin || tok.end > len(s) {
				t.Fatalf("%q: token %+v after %d", s, tok, end)
			}
			end = tok.end
			if tok.kind == oddToken || tok.mark("$") || tok.mark("#") {
				return // may join with what follows
			}
			pieces = append(pieces, s[tok.begin:tok.end])
		}
		again := tokens(strings.Join(pieces, "\n"))
		if len(again) != len(list) {
			t.Fatalf("%q: %d tokens, then %d", s, len(list), len(again))
		}
		for i := range list {
			if again[i].text != list[i].text || again[i].kind != list[i].kind {
				t.Errorf("%q: token %d is %+v, then %+v", s, i, list[i], again[i])
			}
		}
	})
}

// What a setting or a database is called must not become a statement.
func FuzzSetup(f *testing.F) {
	f.Add("max_threads", "1'; DROP TABLE x; --", "a`b", "reader")
	f.Add("readonly", "\\'", "\\", "payoff")
	f.Fuzz(func(t *testing.T, name, value, database, user string) {
		if !settingName.MatchString(name) {
			return
		}
		q := request{user: user, database: database, settings: []param{{name, value}}, format: "TSV"}
		for _, sql := range q.setup() {
			for _, tok := range tokens(sql) {
				if tok.kind == stringToken && tok.text != value && !strings.Contains("0123456789", tok.text[:1]) {
					t.Errorf("%q: a value became %q", sql, tok.text)
				}
				if tok.kind == quotedToken && tok.text != database && user != ReaderUser {
					t.Errorf("%q: the database became %q", sql, tok.text)
				}
				if tok.mark(";") {
					t.Errorf("%q: more than one statement", sql)
				}
			}
		}
		if list := q.setup(); user == ReaderUser && (list[0] != "SET ROLE reader" || !strings.HasSuffix(list[len(list)-1], ", readonly='1'")) {
			t.Errorf("a reader's session is set up by %q", list)
		}
	})
}

func TestAllowedHosts(t *testing.T) {
	a := access{hosts: map[string]bool{"metrics.example": true}}
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8123": true, "127.0.0.1:1": true, "127.8.9.1": true, "[::1]:8123": true, "::1": true,
		"metrics.example:80": true, "Metrics.Example": true,
		"": false, "evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "192.0.2.1": false, "0.0.0.0": false,
		"metrics.example.evil": false, "localhost@evil.example": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if got := a.checkOrigin(r) == nil; got != want {
			t.Errorf("host %q: allowed is %v, want %v", host, got, want)
		}
	}
}
