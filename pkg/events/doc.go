// Package events is Payoff's vocabulary: what can happen, what a fact is, when
// two reports tell of the same fact and which of them is the newer.
//
// It stands at the head of the flow and knows no other package of this module:
// collectors make Events, the log and Kafka carry them, the loader turns them
// into rows, and every metric is computed from those rows.
//
//	tool's payload ── collect ──▶ Event ── Encode ──▶ log, Kafka ── Decode ──▶ row
//
// An Event is a CloudEvents 1.0 envelope around a CDEvents body: the CDEvents
// 0.5.1 type where there is one, a `dev.cdeventsx.payoff-…` type where there is
// none. Kinds are in the past tense: something happened.
package events
