//go:build linux || darwin

package engine

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// readerSettings are the settings a reader may choose; all others are ignored,
// as Grafana sends some with every query.
var readerSettings = map[string]bool{
	"max_execution_time": true, "max_result_rows": true, "result_overflow_mode": true,
	"max_rows_to_read": true, "max_bytes_to_read": true, "read_overflow_mode": true, "timeout_overflow_mode": true,
	"limit": true, "offset": true, "max_block_size": true, "max_threads": true, "session_timezone": true,
	"date_time_output_format": true, "output_format_json_quote_64bit_integers": true,
	"output_format_json_quote_denormals": true, "output_format_arrow_string_as_string": true,
	"output_format_csv_crlf_end_of_line": true, "output_format_pretty_max_rows": true, "extremes": true,
	"join_use_nulls": true, "max_query_size": true,
}

// readerSystemTables are the tables of database system that are open to readers.
var readerSystemTables = map[string]bool{
	"system.tables": true, "system.columns": true, "system.settings": true, "system.one": true, "system.functions": true,
}

// closedFunctions are ordinary functions closed to readers: they read files, ask
// the network or write to the log.
var closedFunctions = regexp.MustCompile(`(?i)^(file|catboostEvaluate|ai(classify|embed|extract|generate|translate)|logTrace|showCertificate|__.*|dictGet\w*|joinGet\w*)$`)

// checkReaderText judges a reader's statement by its tokens. It sees what
// checkReaderAST cannot: the engine leaves some expressions out of its dump.
// Neither is the boundary, which is the role of the session; they close what the
// role leaves open, above all most of database system.
func (p policy) checkReaderText(list []token) error {
	at := func(i int) token {
		if i >= 0 && i < len(list) {
			return list[i]
		}
		return token{}
	}
	for i, t := range list {
		if ambiguous(t, at(i-1)) {
			return refuse(proto.ErrSyntaxError, "SYNTAX_ERROR", "Readers may not write %.20q (at position %d): it can be read in two ways", t.text, t.begin+1)
		}
		if t.mark("{") && at(i+2).mark(":") && at(i+3).is("Identifier") {
			return denied("Parameters of type Identifier are not open to readers")
		}
		if t.is("SETTINGS") && at(i+1).name() != "" && at(i+2).mark("=") {
			return errReaderSettings
		}
		name := t.name()
		if name == "" {
			continue
		}
		// After a dot stands a column or a table, never a function or a database.
		qualified := at(i - 1).mark(".")
		lower := strings.ToLower(name)
		switch {
		case qualified:
		case lower == "system" && at(i+1).mark("."):
			if err := checkReaderName(name + "." + at(i+2).name()); err != nil {
				return err
			}
		case closedFunctions.MatchString(name):
			return denied("%s is not open to readers", name)
		case at(i+1).mark("(") && p.tableFunctions[lower]:
			return denied("The table function %s is not open to readers", name)
		default:
			if err := checkReaderName(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// ambiguous reports what the engine's lexer might cut in another way than ours,
// and so hide the rest of a statement from us: other characters than ASCII outside
// quotes, dollar signs that open no plain heredoc, and prefixed literals like
// x'41', in which a backslash escapes nothing.
func ambiguous(t, before token) bool {
	return t.kind == oddToken ||
		t.mark("$") || t.kind == wordToken && strings.Contains(t.text, "$") ||
		t.kind == stringToken && before.kind == wordToken && before.end == t.begin
}

// checkReaderName judges a name, qualified or not, by the database it starts with.
func checkReaderName(name string) error {
	lower := strings.ToLower(name)
	database, _, _ := strings.Cut(lower, ".")
	switch database {
	case privateDatabase:
		return denied("The database %s is not open to readers", privateDatabase)
	case "information_schema":
		return denied("The database %s is not open to readers", name)
	case "system":
		parts := strings.SplitN(name, ".", 3)
		if len(parts) >= 2 && !readerSystemTables[parts[0]+"."+parts[1]] {
			return denied("%s is not open to readers; of the system's tables they see %s", name, strings.Join(sortedKeys(readerSystemTables), ", "))
		}
	}
	return nil
}

// readerStatements are the kinds of statement open to readers, as the engine
// names the root of their syntax tree.
var readerStatements = []string{
	"SelectWithUnionQuery", "SelectIntersectExceptQuery", "Explain", "DescribeQuery",
	"ShowTables", "ShowColumns", "ShowFunctions", "ShowCreateTableQuery", "ShowCreateViewQuery",
	"ExistsTableQuery", "ExistsViewQuery",
}

var errReaderSettings = refuse(proto.ErrReadonly, "READONLY", "Cannot modify settings in readonly mode: readers choose settings in the URL alone")

var astLine = regexp.MustCompile(`^ *(\S+) ?(.*)$`)

// checkReaderAST judges a reader's statement by its syntax tree, as dumped by
// EXPLAIN AST with the session's own parser.
func (p policy) checkReaderAST(dump []string) error {
	for i, line := range dump {
		m := astLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		node, rest := m[1], astName(m[2])
		if i == 0 {
			if !slices.Contains(readerStatements, node) {
				return denied("Statements of this kind are not open to readers")
			}
			if node == "Explain" && strings.HasSuffix(rest, "TABLE OVERRIDE") {
				return denied("EXPLAIN TABLE OVERRIDE is not open to readers")
			}
		}
		if err := p.checkReaderNode(node, rest); err != nil {
			return err
		}
	}
	return nil
}

func (p policy) checkReaderNode(node, name string) error {
	switch node {
	case "TableIdentifier":
		database, _, qualified := strings.Cut(name, ".")
		if qualified && database != publicDatabase && database != "system" {
			return denied("The database %s is not open to readers", database)
		}
		return checkReaderName(name)
	case "Identifier":
		if closedFunctions.MatchString(name) {
			return denied("%s is not open to readers", name)
		}
		return checkReaderName(name)
	case "Function":
		database, _, qualified := strings.Cut(name, ".")
		if qualified && database != publicDatabase {
			return denied("The database %s is not open to readers", database)
		}
		if closedFunctions.MatchString(name) || p.tableFunctions[strings.ToLower(name)] {
			return denied("The function %s is not open to readers", name)
		}
	case "Set":
		// In a subquery the engine applies them without asking readonly.
		return errReaderSettings
	case "ColumnsApplyTransformer":
		// What it applies is not in the dump.
		return denied("APPLY is not open to readers")
	}
	return nil
}

// astName cuts the alias and the number of children off a line of the dump.
func astName(s string) string {
	for _, mark := range []string{" (alias ", " (children "} {
		if i := strings.Index(s, mark); i >= 0 {
			s = s[:i]
		}
	}
	return s
}

func sortedKeys(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
