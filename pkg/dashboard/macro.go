package dashboard

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A View is what Grafana fills into a query: the range, the width of a point and
// what the reader has chosen.
type View struct {
	From, To time.Time
	Interval time.Duration
	Bucket   string
	Services []string // nil: All
	Teams    []string
	Units    []string
	// Options are what All stands for in each of the three.
	Options struct{ Services, Teams, Units []string }
}

// Expand writes out a query as Grafana and the ClickHouse data source do: first
// what the browser replaces ($__conditionalAll, variables), then the macros of
// the data source's backend, version 4.20.0. What it does not know is an error;
// so are the macros that stand for a whole statement, which are not used here.
func (v View) Expand(sql string) (string, error) {
	sql, err := v.conditions(sql)
	if err != nil {
		return "", err
	}
	if sql, err = v.variables(sql); err != nil {
		return "", err
	}
	return v.macros(blankComments(sql))
}

// chosen returns the values of a variable, and whether it is on All.
func (v View) chosen(name string) (values []string, all bool, err error) {
	pick := func(values, options []string) ([]string, bool, error) {
		if len(values) > 0 {
			return values, false, nil
		}
		return options, true, nil
	}
	switch name {
	case "bucket":
		return []string{v.Bucket}, false, nil
	case "service":
		return pick(v.Services, v.Options.Services)
	case "team":
		return pick(v.Teams, v.Options.Teams)
	case "unit":
		return pick(v.Units, v.Options.Units)
	}
	return nil, false, fmt.Errorf("there is no variable %q", name)
}

const conditional = "$__conditionalAll"

var variableName = regexp.MustCompile(`^\s*\$\{?(\w+)\}?\s*$`)

// conditions replaces $__conditionalAll(condition, $variable).
func (v View) conditions(sql string) (string, error) {
	for {
		at := strings.LastIndex(sql, conditional)
		if at < 0 {
			return sql, nil
		}
		args, end, err := arguments(sql, at+len(conditional))
		if err != nil {
			return "", err
		}
		if len(args) != 2 {
			return "", fmt.Errorf("%s takes a condition and a variable, not %d arguments", conditional, len(args))
		}
		m := variableName.FindStringSubmatch(args[1])
		if m == nil {
			return "", fmt.Errorf("%s: %q is not a variable", conditional, args[1])
		}
		_, all, err := v.chosen(m[1])
		if err != nil {
			return "", err
		}
		with := args[0]
		if all {
			with = "1=1"
		}
		sql = sql[:at] + with + sql[end:]
	}
}

var variableUse = regexp.MustCompile(`\$\{(\w+)(?::(\w+))?\}`)

// variables replaces ${name} and ${name:singlequote}.
func (v View) variables(sql string) (string, error) {
	var wrong error
	out := variableUse.ReplaceAllStringFunc(sql, func(s string) string {
		m := variableUse.FindStringSubmatch(s)
		values, _, err := v.chosen(m[1])
		wrong = errors.Join(wrong, err)
		switch m[2] {
		case "singlequote":
			quoted := make([]string, len(values))
			for i, value := range values {
				quoted[i] = "'" + strings.ReplaceAll(value, "'", `\'`) + "'"
			}
			return strings.Join(quoted, ",")
		case "":
			if len(values) != 1 {
				wrong = errors.Join(wrong, fmt.Errorf("${%s} has several values: say how they are to be written", m[1]))
				return s
			}
			return values[0]
		default:
			wrong = errors.Join(wrong, fmt.Errorf("the form %q of a variable is not known here", m[2]))
			return s
		}
	})
	return out, wrong
}

var macroName = regexp.MustCompile(`\$__\w+`)

// macros replaces what the backend of the data source knows.
func (v View) macros(sql string) (string, error) {
	var b strings.Builder
	for {
		at := macroName.FindStringIndex(sql)
		if at == nil {
			b.WriteString(sql)
			return b.String(), nil
		}
		name, end := sql[at[0]+len("$__"):at[1]], at[1]
		var args []string
		if strings.HasPrefix(sql[end:], "(") {
			var err error
			if args, end, err = arguments(sql, end); err != nil {
				return "", err
			}
			for i := range args {
				if args[i], err = v.macros(strings.TrimSpace(args[i])); err != nil {
					return "", err
				}
			}
		}
		with, err := v.macro(name, args)
		if err != nil {
			return "", err
		}
		b.WriteString(sql[:at[0]] + with)
		sql = sql[end:]
	}
}

// arity lists the macros of the data source and how many arguments each takes.
var arity = map[string]int{
	"timeFilter": 1, "timeFilter_ms": 1, "dateFilter": 1, "dateTimeFilter": 2, "dt": 2, "timeFrom": 1, "timeTo": 1,
	"fromTime": 0, "toTime": 0, "fromTime_ms": 0, "toTime_ms": 0, "timeInterval": 1, "timeInterval_ms": 1, "timeGroup": 2, "interval_s": 0, "interval_ms": 0,
}

func (v View) macro(name string, args []string) (string, error) {
	want, known := arity[name]
	if !known {
		return "", fmt.Errorf("$__%s is not a macro that is used here", name)
	}
	if len(args) != want {
		return "", fmt.Errorf("$__%s takes %d arguments, not %d", name, want, len(args))
	}
	second := func(t time.Time) string { return fmt.Sprintf("toDateTime(%d)", t.Unix()) }
	milli := func(t time.Time) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d)", t.UnixMilli()) }
	date := func(t time.Time) string { return "toDate('" + t.UTC().Format(time.DateOnly) + "')" }
	between := func(column string, at func(time.Time) string) string {
		return fmt.Sprintf("%s >= %s AND %s <= %s", column, at(v.From), column, at(v.To))
	}
	interval := func(d time.Duration) string { return strconv.FormatInt(max(1, int64(d/time.Second)), 10) }
	switch name {
	case "timeFilter":
		return between(args[0], second), nil
	case "timeFilter_ms":
		return between(args[0], milli), nil
	case "dateFilter":
		return between(args[0], date), nil
	case "dateTimeFilter", "dt":
		return "(" + between(args[0], date) + ") AND (" + between(args[1], second) + ")", nil
	case "timeFrom":
		return args[0] + " >= " + second(v.From), nil
	case "timeTo":
		return args[0] + " <= " + second(v.To), nil
	case "fromTime":
		return second(v.From), nil
	case "toTime":
		return second(v.To), nil
	case "fromTime_ms":
		return milli(v.From), nil
	case "toTime_ms":
		return milli(v.To), nil
	case "timeInterval":
		return "toStartOfInterval(toDateTime(" + args[0] + "), INTERVAL " + interval(v.Interval) + " second)", nil
	case "timeInterval_ms":
		return fmt.Sprintf("toStartOfInterval(toDateTime64(%s, 3), INTERVAL %d millisecond)", args[0], max(1, v.Interval.Milliseconds())), nil
	case "timeGroup":
		d, err := time.ParseDuration(args[1])
		if err != nil {
			return "", fmt.Errorf("$__timeGroup: %w", err)
		}
		return "toStartOfInterval(toDateTime(" + args[0] + "), INTERVAL " + interval(d) + " second)", nil
	case "interval_s":
		return interval(v.Interval), nil
	case "interval_ms":
		return strconv.FormatInt(v.Interval.Milliseconds(), 10), nil
	}
	return "", fmt.Errorf("$__%s has no expansion", name)
}

// arguments reads what stands in the parentheses that open at sql[at], and where
// they end.
func arguments(sql string, at int) (args []string, end int, err error) {
	if !strings.HasPrefix(sql[at:], "(") {
		return nil, at, errors.New("a macro without its arguments")
	}
	depth, from := 0, at+1
	for i := at; i < len(sql); i++ {
		switch c := sql[i]; {
		case c == '\'':
			i = quoteEnd(sql, i)
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			if depth--; depth == 0 {
				if arg := sql[from:i]; len(args) > 0 || strings.TrimSpace(arg) != "" {
					args = append(args, arg)
				}
				return args, i + 1, nil
			}
		case c == ',' && depth == 1:
			args, from = append(args, sql[from:i]), i+1
		}
	}
	return nil, at, errors.New("the parentheses of a macro do not close")
}

// quoteEnd is where the quoted text that begins at sql[i] ends.
func quoteEnd(sql string, i int) int {
	for j := i + 1; j < len(sql); j++ {
		switch sql[j] {
		case '\\':
			j++
		case '\'':
			return j
		}
	}
	return len(sql)
}

// blankComments puts blanks in place of comments, as the data source does before
// it looks for macros.
func blankComments(sql string) string {
	b := []byte(sql)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			b[i] = ' '
		}
	}
	for i := 0; i < len(sql); i++ {
		end := -1
		switch {
		case sql[i] == '\'':
			i = quoteEnd(sql, i)
			continue
		case strings.HasPrefix(sql[i:], "--"):
			end = strings.IndexByte(sql[i:], '\n')
		case strings.HasPrefix(sql[i:], "/*"):
			if end = strings.Index(sql[i:], "*/"); end >= 0 {
				end += 2
			}
		default:
			continue
		}
		if end < 0 {
			end = len(sql) - i
		}
		blank(i, i+end)
		i += end - 1
	}
	return string(b)
}
