// Package acme makes up a believable organisation: 40 teams with 150 services,
// some 600 people who join, leave and move, and two years of what their tools
// would have told Payoff. It is the example behind `payoff demo`, behind the
// tests of pages and dashboards, and behind claims about bets, because here,
// unlike in life, the truth is known: Options.Without makes the same world
// without a capability.
//
// Generate is pure: the same options give the same events, byte for byte, and
// nothing looks at a clock. It stands before the door: what it emits are the
// CloudEvents that tools would post, with plain accounts of people, which the
// edge makes pseudonyms of.
//
//	build (people.go, services.go, bets.go)
//	   └─▶ streams, each in the order of time:
//	         one per group of repositories   changes, builds, deployments, their incidents (delivery.go)
//	         one per rotation                incidents of other causes, pages             (incidents.go)
//	         one per capability              offers, mandates, usage                      (usage.go)
//	         help desk, planning             tickets, work                                (tickets.go)
//	         platform team                   changes of processes                         (process.go)
//	         platform team                   changes of processes                         (process.go)
//
// What is remarkable about this organisation, and the number that shows it, is
// told in examples/README.md.
package acme
