package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/payoff-metrics/payoff/pkg/store"
)

// formats are the words of --format and ClickHouse's for them.
var formats = map[string]string{"table": pretty, "json": "JSON", "csv": "CSVWithNames", "parquet": "Parquet", "arrow": "ArrowStream"}

const (
	pretty = "PrettyCompactMonoBlock"
	plain  = "PrettyCompactNoEscapesMonoBlock" // pretty without colours
)

// A sqlQuery is how a statement is to be run and shown.
type sqlQuery struct {
	format string   // of ClickHouse
	params []string // name=value
	timing bool
}

func (e *env) sqlCmd() *cobra.Command {
	var q sqlQuery
	var format, file string
	c := &cobra.Command{
		Use:   "sql [QUERY|-]",
		Short: "Ask the store in SQL, as an analyst may",
		Long: `Run one reading statement as the user 'reader', in database payoff: the one
given, that of --file, or that of standard input with -. Without any, on a
terminal, begin a conversation: statements end with ;, \d lists the tables,
\d NAME the columns of one, \? says more.`,
		Example: `  payoff sql 'SELECT service, count() FROM deployments GROUP BY service'
  payoff sql                                          a conversation, with history
  payoff sql --param service=checkout "SELECT * FROM deployments WHERE service = {service:String}"
  payoff sql --format csv "SELECT * FROM metric_points WHERE metric = 'dora.change_lead_time'" > points.csv
  payoff sql "SELECT * FROM metric_dora_change_lead_time(from='2026-01-01', to='2026-04-01', services=[], teams=[], units=[])"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if e.json {
				format = "json"
			}
			var ok bool
			if q.format, ok = formats[format]; !ok {
				return fmt.Errorf("--format %q is not table, json, csv, parquet or arrow", format)
			}
			if q.format == pretty && !terminal(e.out) {
				q.format = plain
			}
			text, err := e.statement(args, file)
			if err != nil {
				return err
			}
			return e.sql(c.Context(), q, text)
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "table", "table, json, csv, parquet or arrow")
	f.StringVar(&file, "file", "", "read the statement from this `file`")
	f.StringArrayVar(&q.params, "param", nil, "value of a placeholder {name:Type}, as `name=value` (may be repeated)")
	f.BoolVar(&q.timing, "time", false, "say how long it took")
	return c
}

// statement is the text to run; "" begins a conversation.
func (e *env) statement(args []string, file string) (string, error) {
	switch {
	case len(args) == 1 && file != "":
		return "", errors.New("a statement and --file are given; give one of them")
	case file != "":
		b, err := os.ReadFile(file)
		return string(b), err
	case len(args) == 1 && args[0] != "-":
		return args[0], nil
	case len(args) == 0 && terminalIn(e.in) && terminal(e.out):
		return "", nil
	}
	b, err := io.ReadAll(e.in)
	if err == nil && strings.TrimSpace(string(b)) == "" {
		err = errors.New("no statement is given; see 'payoff sql --help'")
	}
	return string(b), err
}

func terminalIn(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (e *env) sql(ctx context.Context, q sqlQuery, text string) (err error) {
	if terminal(e.out) && (q.format == "Parquet" || q.format == "ArrowStream") {
		return fmt.Errorf("%s is not for a terminal: send it to a file with > FILE", strings.ToLower(q.format))
	}
	s, err := e.attach(ctx)
	if err != nil {
		return err
	}
	defer finish(s, &err)
	r, err := s.Reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if text == "" {
		return e.converse(ctx, r, q)
	}
	return e.ask(ctx, r, q, text, e.out)
}

// ask runs one statement and writes its answer.
func (e *env) ask(ctx context.Context, r *store.Store, q sqlQuery, text string, out io.Writer) error {
	var args []any
	for _, p := range q.params {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return fmt.Errorf("--param %q is not name=value", p)
		}
		args = append(args, store.Param(name, value))
	}
	began := e.now()
	body, err := r.QueryFormat(ctx, q.format, strings.TrimRight(strings.TrimSpace(text), "; \n"), args...)
	if said := store.Answer(err); said != "" {
		// The statement's fault, not the store's. A parser's list of all it would
		// have taken helps nobody.
		said, _, _ = strings.Cut(said, " Expected one of:")
		return errors.New(said)
	}
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(out, body); err != nil {
		return err
	}
	if q.timing {
		fmt.Fprintf(e.err, "%s\n", e.now().Sub(began).Round(100*time.Microsecond))
	}
	return nil
}

const sqlHelp = `  statements end with ;
  \d         tables and views        \d NAME   columns of one, with their meaning
  \m         metrics                 \timing   say how long each statement takes
  \q         leave                   \?        this
`

// converse reads statements from a terminal until it is left.
func (e *env) converse(ctx context.Context, r *store.Store, q sqlQuery) error {
	in, _ := e.in.(*os.File)
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("preparing the terminal: %w", err)
	}
	defer term.Restore(int(in.Fd()), state)
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, e.out}, "payoff> ")
	t.History = newHistory(filepath.Join(e.data, "sql_history"))
	fmt.Fprintln(t, `Reading database payoff. \? for help, \q to leave.`)
	var statement strings.Builder
	for ctx.Err() == nil {
		line, err := t.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if trimmed := strings.TrimSpace(line); statement.Len() == 0 && strings.HasPrefix(trimmed, `\`) {
			if trimmed == `\q` {
				return nil
			}
			e.command(ctx, r, &q, trimmed, t)
			continue
		}
		statement.WriteString(line + "\n")
		if !strings.HasSuffix(strings.TrimSpace(line), ";") {
			t.SetPrompt("     -> ")
			continue
		}
		if err := e.ask(ctx, r, q, statement.String(), t); err != nil {
			fmt.Fprintln(t, err)
		}
		statement.Reset()
		t.SetPrompt("payoff> ")
	}
	return ctx.Err()
}

// command runs a backslash command.
func (e *env) command(ctx context.Context, r *store.Store, q *sqlQuery, line string, t io.Writer) {
	name, arg, _ := strings.Cut(line, " ")
	text := ""
	switch name {
	case `\d`:
		text = "SELECT name, comment FROM system.tables WHERE database = 'payoff' AND name NOT LIKE 'metric\\_%\\_%' ORDER BY name"
		if arg != "" {
			text = "SELECT name, type, comment FROM system.columns WHERE database = 'payoff' AND table = {table:String} ORDER BY position"
		}
	case `\m`:
		text = "SELECT metric, unit, question FROM metrics FINAL ORDER BY metric"
	case `\timing`:
		q.timing = !q.timing
		fmt.Fprintf(t, "timing is %t\n", q.timing)
		return
	default:
		fmt.Fprint(t, sqlHelp)
		return
	}
	shown := *q
	shown.params = []string{"table=" + strings.TrimSpace(arg)}
	if err := e.ask(ctx, r, shown, text, t); err != nil {
		fmt.Fprintln(t, err)
	}
}

// A history is the lines of earlier conversations, the newest first, kept in a
// file that is for its owner alone.
type history struct {
	lines []string
	file  string
}

const historyLines = 1000

func newHistory(file string) *history {
	h := &history{file: file}
	f, err := os.Open(file)
	if err != nil {
		return h // there was no conversation yet
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		h.lines = append([]string{s.Text()}, h.lines...)
	}
	h.lines = h.lines[:min(len(h.lines), historyLines)]
	return h
}

// Add implements term.History.
func (h *history) Add(entry string) {
	if strings.TrimSpace(entry) == "" || len(h.lines) > 0 && h.lines[0] == entry {
		return
	}
	h.lines = append([]string{entry}, h.lines...)
	f, err := os.OpenFile(h.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // a conversation is worth having without its history
	}
	defer f.Close()
	fmt.Fprintln(f, entry)
}

// Len implements term.History.
func (h *history) Len() int { return len(h.lines) }

// At implements term.History: 0 is the newest.
func (h *history) At(i int) string { return h.lines[i] }
