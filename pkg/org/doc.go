// Package org is the organisation with its dates: units, teams, their members,
// services and who owns them, capabilities and who could use them, rotations and
// working hours. Every row of it holds from a day to another, so that each fact
// is told of the team that owned its service at the time.
//
// It stands at both ends of the flow. What people keep in files becomes events,
// one for each entity, which travel as all others do, so that a store can be
// rebuilt from the log; and what the log tells is resolved into the periods that
// facts are attributed by:
//
//	YAML, CSV, CODEOWNERS, catalog-info.yaml ── Read ──▶ Organisation ── Drafts ──▶ org.declared ──▶ log
//	log ──▶ entities ── Resolve ──▶ ownerships, sizes of teams, aliases ──▶ views of the store
//
// One import is the whole organisation: what its files no longer name is taken
// back. The package reads through an fs.FS and does not look at the clock.
package org
