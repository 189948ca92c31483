package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Options say where ClickHouse is and who we are to it.
type Options struct {
	// Address is host:port of ClickHouse's HTTP interface. With DialContext
	// it only names the store in messages.
	Address string

	// DialContext, when set, replaces dialing Address: the way to an embedded
	// engine that listens on a socket of its own.
	DialContext func(ctx context.Context, address string) (net.Conn, error)

	User, Password string

	// TLS, when set, is the configuration for an https address.
	TLS *tls.Config

	// Connections is how many statements may run at once; 8 when zero.
	Connections int

	// Timeout is how long one statement may take; 10 minutes when zero.
	Timeout time.Duration
}

func (o Options) validate() error {
	if o.Address == "" && o.DialContext == nil {
		return errors.New("opening the store: neither an address nor a dialer is given")
	}
	return nil
}

// client is how clickhouse-go is to be used.
func (o Options) client() *clickhouse.Options {
	c := &clickhouse.Options{
		Protocol:     clickhouse.HTTP,
		Addr:         []string{o.Address},
		TLS:          o.TLS,
		Auth:         clickhouse.Auth{Username: o.User, Password: o.Password},
		MaxOpenConns: o.Connections,
		MaxIdleConns: o.Connections,
		ReadTimeout:  o.Timeout,
		DialTimeout:  5 * time.Second,
		DialContext:  o.DialContext,
	}
	if o.Address == "" {
		c.Addr = []string{"embedded:0"}
	}
	return c
}

// A Store is a connection to ClickHouse. Its methods may be called by many
// goroutines at once. Their errors wrap ErrUnavailable, ErrRejected, ErrTooNew
// or the context's.
type Store struct {
	conn driver.Conn
	name string
	pins clickhouse.Settings // of every write, see pinned
}

// Open connects and asks the server what it knows. It returns ErrUnavailable if
// the server cannot be reached or refuses us.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Connections == 0 {
		o.Connections = 8
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Minute
	}
	s := &Store{name: o.Address}
	if s.name == "" {
		s.name = "the embedded engine"
	}
	var err error
	if s.conn, err = clickhouse.Open(o.client()); err != nil {
		return nil, fmt.Errorf("opening the store at %s: %w", s.name, err)
	}
	if err := s.pin(ctx); err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("opening the store at %s: %w", s.name, err)
	}
	return s, nil
}

// Close releases the connections.
func (s *Store) Close() error { return s.conn.Close() }

// Conn is the client beneath, for statements this package has no words for.
// Its errors are ClickHouse's own; give them to Classify.
func (s *Store) Conn() driver.Conn { return s.conn }

// Classify gives an error of Conn its meaning: it wraps ErrRejected for faults
// of the data, the context's error when ctx has ended, else ErrUnavailable.
func Classify(ctx context.Context, err error) error { return classify(ctx, err) }

// pinned are the settings every write depends on. Their defaults moved three
// times in two years. Insert deduplication is off: on a table without replicas
// its log is written before the part it speaks of, so after a kill the retry of
// a lost block is swallowed; positions in the rows do that work instead. Merging
// equal keys within an insert is left to merges and FINAL, as it took two thirds
// of an insert's time.
var pinned = clickhouse.Settings{
	"async_insert":                                       0,
	"insert_deduplicate":                                 0,
	"deduplicate_insert":                                 "disable",
	"deduplicate_insert_select":                          "disable",
	"distributed_foreground_insert":                      1,
	"optimize_on_insert":                                 0,
	"deduplicate_blocks_in_dependent_materialized_views": 0,
}

// pin keeps those of the pinned settings that the server's version has.
func (s *Store) pin(ctx context.Context) error {
	rows, err := s.Query(ctx, "SELECT name FROM system.settings WHERE name IN {names:Array(String)}",
		clickhouse.Named("names", keys(pinned)))
	if err != nil {
		return fmt.Errorf("asking which settings the server has: %w", err)
	}
	defer rows.Close()
	// Without this a server answers 200 first and tells of a failure later, in
	// a body that the client's Exec does not read.
	s.pins = clickhouse.Settings{"wait_end_of_query": 1}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return classify(ctx, err)
		}
		s.pins[name] = pinned[name]
	}
	return classify(ctx, rows.Err())
}

func keys(m clickhouse.Settings) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	return names
}

// writing is ctx with the pinned settings.
func (s *Store) writing(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(s.pins))
}

// Exec runs one statement that returns nothing, INSERT … SELECT included.
// Arguments are clickhouse.Named values for {name:Type} placeholders.
func (s *Store) Exec(ctx context.Context, sql string, args ...any) error {
	return classify(ctx, s.conn.Exec(s.writing(ctx), sql, args...))
}

// Query runs one statement that returns rows, to be closed by the caller.
// Errors met while reading them are the client's own; give them to Classify.
func (s *Store) Query(ctx context.Context, sql string, args ...any) (driver.Rows, error) {
	rows, err := s.conn.Query(ctx, sql, args...)
	return rows, classify(ctx, err)
}

// Select runs one statement and scans its rows into dest, a pointer to a slice
// of structs whose fields carry `ch:"column"` tags.
func (s *Store) Select(ctx context.Context, dest any, sql string, args ...any) error {
	return classify(ctx, s.conn.Select(ctx, dest, sql, args...))
}

// QueryFormat runs one statement and returns its result as the bytes of a
// ClickHouse format, such as ArrowStream or Parquet. The caller closes it.
func (s *Store) QueryFormat(ctx context.Context, format, sql string, args ...any) (io.ReadCloser, error) {
	r, err := s.conn.QueryFormat(ctx, format, sql, args...)
	return r, classify(ctx, err)
}

// Insert writes rows into columns of table: each(i) gives the values of row i
// in the order of columns. All or nothing, as far as one table partition goes.
func (s *Store) Insert(ctx context.Context, table string, columns []string, n int, each func(i int) []any) error {
	if n == 0 {
		return nil
	}
	err := s.insert(ctx, table, columns, n, each)
	if err != nil {
		return fmt.Errorf("inserting %d rows into %s: %w", n, table, classify(ctx, err))
	}
	return nil
}

func (s *Store) insert(ctx context.Context, table string, columns []string, n int, each func(i int) []any) error {
	batch, err := s.conn.PrepareBatch(s.writing(ctx), insertInto(table, columns))
	if err != nil {
		return err
	}
	defer batch.Abort() // of no effect once it is sent
	for i := range n {
		if err := batch.Append(each(i)...); err != nil {
			return err
		}
	}
	return batch.Send()
}

func insertInto(table string, columns []string) string {
	return "INSERT INTO " + table + " (`" + strings.Join(columns, "`, `") + "`)"
}
