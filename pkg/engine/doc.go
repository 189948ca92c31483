// Package engine is the ClickHouse that comes with Payoff: the real engine, as
// the library libchdb, behind ClickHouse's own HTTP interface. It stands where a
// ClickHouse server would stand, and to everything else it is one: the store
// talks to it with clickhouse-go, people with curl, dashboards with Grafana's
// data source. Only this package knows that it is embedded.
//
//	store, sql, Grafana, curl ──HTTP──▶ facade ──▶ libchdb ──▶ DIR/data
//	                                    └───── child process ─────┘
//	                                    watched and restarted by Engine
//
// # Process
//
// [Start] re-executes the running binary as a child that loads the library and
// serves. A fault in the engine's C++ then ends the child and nothing else: the
// parent holds the listeners, so clients wait in the backlog for the moment a
// restart takes. A program that calls Start must call [RunIfChild] first thing
// in main.
//
// # Access
//
// The engine knows one user; access is kept in two places. The facade checks
// password, Host, Origin and the statement. Behind it stands the engine's own
// access control: the user has the roles owner and reader, and a reader's
// request runs in a session that has set the role reader, which may select from
// database payoff and nothing else, under readonly=1. Views are created with SQL
// SECURITY DEFINER, so a view in payoff shows a reader what it computes from
// payoff_private, and only that.
//
// # Three traps
//
// Whoever changes this package should know three things about the engine, each
// found by losing data or a process:
//
//   - An insert_deduplication_token on a plain MergeTree table loses
//     acknowledged rows after kill -9: the deduplication log is written before
//     the part is renamed, and the retry is then swallowed as a duplicate. The
//     store keeps positions in the rows instead, and no deduplication is on.
//   - The engine's handler of signal 34 runs on whatever stack it interrupts,
//     and corrupts those of goroutines; fixSignalStack moves it. Its other signal
//     handlers must be off before the first connection, or a recoverable fault in
//     Go hangs the process.
//   - Left to itself the engine reads any file of the host, and takes a
//     config.xml from the working directory. It is always given a configuration
//     of ours, whose roles have no sources, and statements that would go around
//     the grants are refused: see checkOutside.
package engine
