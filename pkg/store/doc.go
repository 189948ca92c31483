// Package store is Payoff's ClickHouse: connection, migrations, the writer of
// events, and the ledger that says how far each partition of the log is loaded.
//
//	log ── rollup/load ──▶ event_log ──▶ events ──▶ linking, metrics, readers
//	                           └─ ledger: how far, so that nothing counts twice
//
// It speaks ClickHouse's HTTP interface and no other, so the engine embedded in
// a laptop and a cluster are one client and one code path.
//
// Everything private to a person is in database payoff_private; database payoff
// is what analysts read, and its names are a contract. Both are made by the
// files in migrations, one repeatable statement each.
package store
