// Package behaviour judges weekly numbers by process-behaviour charts: which of
// them are news, and which are the process as it always was.
//
// It stands between points and those who tell of them, and is pure:
//
//	points by week, recorded changes ──Judge──▶ Page: a Verdict a series ──▶ review, start page
//	one series ──────────────────────Of──────▶ Verdict ─────────────────▶ page of a metric
//
// A number is news only when a rule of its chart is met and the false discovery
// rate over all charts of the page allows it. Partial weeks are never judged. A
// baseline is the first weeks of a process, and a new process begins only where
// somebody recorded a change of it.
package behaviour
