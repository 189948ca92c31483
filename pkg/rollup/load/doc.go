// Package load brings the log into ClickHouse, each record exactly once.
//
//	fetch ─▶ gather: decode, batch by size or time ─▶ write
//
//	write:  event_log ─▶ dead_letters      each batch
//	settle: events ─▶ ledger ─▶ commit     once no other batch is waiting
//
// Exactly once is a property of what is read, made of three things. Every row
// carries its position (log epoch, topic, partition, offset). The ledger says up
// to where a partition is loaded, and is written only after all that it speaks
// of; the group's commit comes last and decides nothing. And whoever gets a
// partition looks which positions from the ledger's end on are there already,
// for the one before it may have died between any two of the steps, and writes
// only the others. Two owners at once (one was stopped and woke up) can write a
// position twice; both rows are the same record, and reading keeps one.
//
// A record that is no event costs one row: it is parked with its reason, and so
// is the one row of a batch that ClickHouse refuses. What ClickHouse cannot take
// for any other reason is tried again for ever, and nothing is fetched meanwhile.
package load
