package metric

import "strings"

// Nothing below a team is ever shown, and a team or a service that is as good as a
// person is shown only inside its unit. Whose a fact is says payoff_private.shown_owners,
// by the fact's own time: it names no team of fewer than 3 members, nor one whose
// numbers would leave a person's as what is left of the unit, and it says which
// services are hidden with those (pkg/org decides it). A metric therefore never holds
// such a team's name, in no window and under no filter, and no longer window can give
// a hidden one away.
//
// What is left to do here, around the SQL of every metric so that points and views obey
// alike, are services: one that is hidden for a part of a window is not shown in it,
// nor one whose changes that were merged, or that reached production, in the window are
// of one committer. Where nobody declared an owner there is no unit to hide in, and the
// service is shown. What must not be shown cannot be asked for either: a filter of the
// view that names it is as if it did not.

// SuppressedBy are the facts that decide what is shown: a change of them touches
// every metric.
var SuppressedBy = []string{"organisation", "shipped_changes", "merged_changes"}

// suppressions is the relation of what is not shown in which of the windows, looked for
// among what a condition on services leaves.
func suppressions(of string) string {
	return strings.ReplaceAll(suppressedServices, "/* of */", of)
}

const suppressedServices = `    suppressed_services AS
    (
        SELECT DISTINCT f.grain AS grain, w.window_start AS window_start, f.service AS service
        FROM
        (
            SELECT arrayJoin(asked_grains) AS grain, service, step, at, person FROM payoff_private.committers FINAL
            WHERE at >= asked_from AND at < asked_to/* of */
        ) AS f
        ASOF JOIN windows AS w ON f.grain = w.grain AND f.at >= w.window_start
        WHERE f.at < w.window_end
        GROUP BY grain, window_start, service, f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT w.grain AS grain, w.window_start AS window_start, o.service AS service
        FROM windows AS w CROSS JOIN (SELECT service, valid_from, valid_to FROM payoff_private.shown_owners FINAL WHERE hidden/* of */) AS o
        WHERE o.valid_from < w.window_end AND o.valid_to > w.window_start
    ),
`

// askedOf are the filters of a view, whose window is one, so that what it does not
// show is a list. A filter keeps a name no fact has, so that one of which nothing is
// left is not taken for no filter.
const askedOf = `    (SELECT groupArray(toString(service)) FROM suppressed_services) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> NOT has(hidden_services, s), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
`

// What is shown of the rows of a metric's SQL, by a view and over the calendar. The
// calendar has many windows: 128 bits of hash name a window and a service in a
// fifth of the time that looking up the three of them takes.
const (
	shownInView  = `WHERE NOT has(hidden_services, toString(p.service))`
	shownInBatch = `WHERE p.service = '' OR ` + hiddenKey + `(toString(p.grain), toUnixTimestamp64Milli(p.window_start), toString(p.service)) NOT IN
        (SELECT ` + hiddenKey + `(toString(grain), toUnixTimestamp64Milli(window_start), toString(service)) FROM payoff_private.suppressed WHERE run = {run:UInt64})`
	hiddenKey = "sipHash128"
)

// Suppressed is the query for what is not shown in windows of the calendar, of the
// services that are named or of all: grain, window_start and service.
func Suppressed(o Over) string {
	of := ""
	if len(o.Services) > 0 {
		of = " AND service IN " + Literals(o.Services)
	}
	return o.head(suppressions(of)) + `SELECT DISTINCT grain, window_start, toString(service) AS service FROM suppressed_services`
}
