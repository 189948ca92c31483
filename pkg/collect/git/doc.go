// Package git reads a repository into drafts of events: its commits, where its
// default branch stands, and the deployments that its version tags, or the steps of
// a branch, stand for.
//
// It is the source of `payoff import git`, and needs no server and no account:
//
//	for-each-ref ── tags ──▶ releases ───────────────┐
//	rev-list | diff-tree ── commits, oldest last ────┴─▶ []events.Draft ─▶ emit
//
// Pull does the same with a repository elsewhere: it keeps a bare clone, fetches
// into it, and reads what is new since it was last read to the end.
//
// The git command does the reading. It is run without a shell, with plumbing
// commands only, and with all that could make it start another program, open a
// connection or rewrite history switched off. Of a commit's message only the
// marks of package message are kept.
package git
