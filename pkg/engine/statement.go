//go:build linux || darwin

package engine

import (
	"strings"
)

// An insertHead is the part of an INSERT before its data.
type insertHead struct {
	sql    string // "INSERT INTO t (a, b)", with no FORMAT
	format string // of the data
	data   int    // where the data begins
}

// parseInsert finds the head of an INSERT that carries data: one that comes to
// VALUES or FORMAT before any SELECT. s may be cut off somewhere in the data.
func parseInsert(s string) (insertHead, bool) {
	lx := lexer{s: s}
	if !lx.next().is("INSERT") {
		return insertHead{}, false
	}
	t := lx.next()
	for t.is("INTO") || t.is("TABLE") {
		t = lx.next()
	}
	// t is the table's name, which may be a keyword: it is not looked at.
	depth := 0
	for t = lx.next(); t.kind != endToken && t.kind != oddToken; t = lx.next() {
		switch {
		case t.mark("("):
			depth++
		case t.mark(")"):
			depth--
		case depth > 0:
		case t.is("VALUES"):
			return insertHead{sql: s[:t.begin], format: "Values", data: t.end}, true
		case t.is("FORMAT"):
			format := lx.next()
			if format.kind != wordToken {
				return insertHead{}, false
			}
			return insertHead{sql: s[:t.begin], format: format.text, data: dataBegin(s, format.end)}, true
		case t.is("SELECT"), t.is("WITH"), t.is("FROM"), t.is("WATCH"):
			return insertHead{}, false
		}
	}
	return insertHead{}, false
}

// dataBegin skips what separates the format's name from the data: blanks and one
// line break.
func dataBegin(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == ';') {
		i++
	}
	if i < len(s) && s[i] == '\n' {
		i++
	}
	return i
}

// outputFormat returns the name in the FORMAT clause of a statement, or "".
func outputFormat(list []token) string {
	depth := 0
	for i, t := range list {
		switch {
		case t.mark("("):
			depth++
		case t.mark(")"):
			depth--
		case depth > 0 || !t.is("FORMAT") || i+1 == len(list):
		default:
			name := list[i+1].name()
			if name == "" {
				continue
			}
			if i+2 == len(list) || list[i+2].mark(";") || list[i+2].is("SETTINGS") || list[i+2].is("INTO") {
				return name
			}
		}
	}
	return ""
}

// manyStatements reports whether anything follows a semicolon. The engine would
// run the statements before one that it cannot parse.
func manyStatements(list []token) bool {
	ended := false
	for _, t := range list {
		if t.mark(";") {
			ended = true
		} else if ended {
			return true
		}
	}
	return false
}

// A policy knows which of the engine's own names lead out of its data directory.
type policy struct {
	engines        map[string]bool // of tables and databases, in lower case
	tableFunctions map[string]bool // not open to readers, in lower case
}

// keepingEngines are the engines of tables and databases that keep their data in
// the engine's directory or nowhere. So do all that end in mergetree.
var keepingEngines = map[string]bool{
	"atomic": true, "memory": true, "null": true, "log": true, "tinylog": true, "stripelog": true,
	"join": true, "set": true, "buffer": true, "merge": true, "dictionary": true, "view": true,
	"materializedview": true, "windowview": true, "generaterandom": true, "alias": true, "overlay": true, "replicated": true,
}

// readerTableFunctions are the table functions open to readers, and those that
// are ordinary functions too.
var readerTableFunctions = map[string]bool{
	"numbers": true, "numbers_mt": true, "zeros": true, "zeros_mt": true, "generateseries": true,
	"generate_series": true, "values": true, "null": true, "view": true, "format": true,
}

// newPolicy asks the engine for its names.
func newPolicy(c *connection) (policy, error) {
	p := policy{engines: map[string]bool{}, tableFunctions: map[string]bool{}}
	engines, err := c.lines("SELECT lower(name) FROM system.table_engines UNION ALL SELECT lower(name) FROM system.database_engines")
	if err != nil {
		return p, err
	}
	for _, name := range engines {
		p.engines[name] = !keepingEngines[name] && !strings.HasSuffix(name, "mergetree")
	}
	functions, err := c.lines("SELECT lower(name) FROM system.table_functions")
	if err != nil {
		return p, err
	}
	for _, name := range functions {
		p.tableFunctions[name] = !readerTableFunctions[name]
	}
	return p, nil
}

// fileFunctions read files of the host, and no grant stops them.
var fileFunctions = map[string]bool{"file": true, "catboostevaluate": true}

// checkOutside refuses, to everybody, the statements that leave the engine by a
// way its grants do not close: they read or write files, run commands, open
// connections, or stop the process.
func (p policy) checkOutside(list []token) error {
	at := func(i int) token {
		if i >= 0 && i < len(list) {
			return list[i]
		}
		return token{}
	}
	// Backups go where backups.allowed_path says.
	backup := at(0).is("BACKUP") || at(0).is("RESTORE")
	defines := at(0).is("CREATE") || at(0).is("ATTACH") || at(0).is("REPLACE") || at(0).is("ALTER")
	for i, t := range list {
		name, next := strings.ToLower(t.name()), at(i+1)
		switch {
		case t.is("INTO") && next.is("OUTFILE"), t.is("FROM") && next.is("INFILE"):
			return notImplemented("%s %s is not allowed over HTTP", strings.ToUpper(t.text), strings.ToUpper(next.text))
		case t.is("SYSTEM") && (next.is("SHUTDOWN") || next.is("KILL")):
			return denied("SYSTEM %s: the engine is stopped by the program that runs it", strings.ToUpper(next.text))
		case !backup && fileFunctions[name] && !at(i-1).is("INTO") && !at(i-1).is("TABLE") && (next.mark("(") || at(i-1).is("APPLY") || at(i-2).is("APPLY")):
			return denied("The function %s reads files of the host", t.text)
		case name == "system" && next.mark(".") && strings.EqualFold(at(i+2).name(), "stack_trace"):
			return denied("The table system.stack_trace interrupts every thread of the process")
		case defines && t.is("ENGINE"):
			engine := next
			if next.mark("=") {
				engine = at(i + 2)
			}
			if p.engines[strings.ToLower(engine.name())] {
				return denied("The engine %s keeps its data outside the data directory", engine.text)
			}
		case defines && t.is("SOURCE") && next.mark("("):
			if source := at(i + 2); !source.is("CLICKHOUSE") && !source.is("NULL") {
				return denied("The source of a dictionary may be CLICKHOUSE or NULL, not %s", source.text)
			}
		}
	}
	return nil
}
