package metric

// Nothing below a team is ever shown, and a team or a service that is as good as
// a person is shown only inside its unit: a team of fewer than 3 members at the
// window's end, and a service whose changes that were merged, or that reached
// production, in the window are of one committer. Where nobody declared an owner there is no unit to hide
// in, and the service is shown; where no members are declared at all, sizes are
// unknown and teams are shown.
//
// One person must not be found as what is left of the unit, either. So the services
// of a team of one are not shown with it, and where it is the only small team of its
// unit a second team, and a service of that one, are hidden, too: the first by name,
// as that depends on nothing that points are not computed again for. Two people are
// no person: what is left of a unit may be theirs, as otherwise a whole team would
// not see its own numbers because of another's size.
//
// It is done here, around the SQL of every metric, so that points and views obey
// alike. What must not be shown cannot be asked for either: a filter of the view
// that names it is as if it did not.

// SuppressedBy are the facts that decide what is shown: a change of them touches
// every metric.
var SuppressedBy = []string{"organisation", "shipped_changes", "merged_changes"}

// suppressions are relations over windows: what is not shown in which of them.
const suppressions = `    kin AS
    (
        SELECT grain, window_start, team, service, members = 1 OR nth_service = 1 AS service_hidden
        FROM
        (
            SELECT grain, window_start, team, service, members, small,
                uniqExactIf(team, small) OVER (PARTITION BY grain, window_start, unit) AS smalls,
                maxIf(members, small) OVER (PARTITION BY grain, window_start, unit) AS most,
                dense_rank() OVER (PARTITION BY grain, window_start, unit, small ORDER BY team) AS nth_team,
                row_number() OVER (PARTITION BY grain, window_start, unit, team ORDER BY service) AS nth_service
            FROM
            (
                SELECT w.grain AS grain, w.window_start AS window_start, o.unit AS unit, o.team AS team, o.service AS service, s.members AS members, s.members IN (1, 2) AS small
                FROM windows AS w
                CROSS JOIN
                (
                    SELECT service, team, unit, valid_from, valid_to FROM payoff_private.service_ownership FINAL
                    WHERE unit IN (SELECT unit FROM payoff_private.service_ownership FINAL WHERE team IN (SELECT team FROM payoff_private.team_sizes FINAL WHERE members = 1))
                ) AS o
                INNER JOIN (SELECT team, members, valid_from, valid_to FROM payoff_private.team_sizes FINAL) AS s ON o.team = s.team
                WHERE o.valid_from < w.window_end AND o.valid_to >= w.window_end AND s.valid_from < w.window_end AND s.valid_to >= w.window_end
            )
        )
        WHERE members = 1 OR NOT small AND smalls = 1 AND most = 1 AND nth_team = 1
    ),
    suppressed_services AS
    (
        SELECT DISTINCT f.grain AS grain, w.window_start AS window_start, f.service AS service
        FROM
        (
            SELECT arrayJoin(asked_grains) AS grain, service, step, at, person FROM payoff_private.committers FINAL
            WHERE at >= asked_from AND at < asked_to
        ) AS f
        ASOF JOIN windows AS w ON f.grain = w.grain AND f.at >= w.window_start
        WHERE f.at < w.window_end
        GROUP BY grain, window_start, service, f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT grain, window_start, service FROM kin WHERE service_hidden
    ),
    suppressed_teams AS
    (
        SELECT w.grain AS grain, w.window_start AS window_start, t.team AS team
        FROM windows AS w
        CROSS JOIN (SELECT team, valid_from, valid_to FROM payoff_private.team_sizes FINAL WHERE members < 3) AS t
        WHERE t.valid_from < w.window_end AND t.valid_to >= w.window_end
        UNION ALL
        SELECT DISTINCT grain, window_start, team FROM kin
    ),
`

// askedOf are the filters of a view, whose window is one, so that what it does not
// show are two lists. A filter keeps a name no fact has, so that one of which
// nothing is left is not taken for no filter.
const askedOf = `    (SELECT groupArray(toString(service)) FROM suppressed_services) AS hidden_services,
    (SELECT groupArray(toString(team)) FROM suppressed_teams) AS hidden_teams,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> NOT has(hidden_services, s), {services:Array(String)}), '\0')) AS asked_services,
    if(empty({teams:Array(String)}), [], arrayPushBack(arrayFilter(t -> NOT has(hidden_teams, t), {teams:Array(String)}), '\0')) AS asked_teams,
    {units:Array(String)} AS asked_units
`

// What is shown of the rows of a metric's SQL, by a view and over the calendar. The
// calendar has many windows: 128 bits of hash name a window and a service in a
// fifth of the time that looking up the three of them takes.
const (
	shownInView  = `WHERE NOT has(hidden_services, toString(p.service)) AND NOT has(hidden_teams, toString(p.team))`
	shownInBatch = `WHERE (p.service = '' OR ` + hiddenKey + `(toString(p.grain), toUnixTimestamp64Milli(p.window_start), toString(p.service)) NOT IN
        (SELECT ` + hiddenKey + `(toString(grain), toUnixTimestamp64Milli(window_start), toString(service)) FROM suppressed_services))
    AND (p.team = '' OR ` + hiddenKey + `(toString(p.grain), toUnixTimestamp64Milli(p.window_start), toString(p.team)) NOT IN
        (SELECT ` + hiddenKey + `(toString(grain), toUnixTimestamp64Milli(window_start), toString(team)) FROM suppressed_teams))`
	hiddenKey = "sipHash128"
)

// Suppressed is the query for what is not shown in windows of the calendar: grain, window_start, and a service or a team. A metric that Go
// folds leaves these out itself.
func Suppressed(o Over) string {
	return o.head(suppressions) + `SELECT grain, window_start, toString(service) AS service, '' AS team FROM suppressed_services
UNION ALL
SELECT grain, window_start, '' AS service, toString(team) AS team FROM suppressed_teams`
}
