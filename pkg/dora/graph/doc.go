// Package graph answers, from the commit graph of one repository, what each
// deployment of a service shipped and whether it went forward or back.
//
// It stands between the facts and delivery's metrics, and does no I/O:
//
//	commit.recorded ──▶ Builder ──▶ Graph ─┐
//	successful deployments, in order ──────┴─▶ Walker ──▶ Step: ships, class, marks
//
// A Graph is built once for a repository and shared; a Walker is the state of
// one (service, tier, repository). Commits are dense numbers, so the caller can
// keep what it knows of them, such as author times, in slices beside the graph.
package graph
