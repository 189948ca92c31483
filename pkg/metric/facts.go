package metric

import (
	"fmt"
	"strings"
)

// Straight has SQL read facts straight from their tables, where it names the views of
// them. A view in a statement is analysed with all its columns, which takes longer than
// computing from the few facts of a late event. The two have the same rows, of which
// the views leave out the names of what is hidden.
func Straight(sql string) string { return tables.Replace(sql) }

var tables = strings.NewReplacer(
	"payoff.deployments", facts("deployments", "ended_at"),
	"payoff.failed_deployments", facts("failed_deployments", "ended_at"),
	"payoff.incidents", facts("incidents", "began_at"),
	"payoff.shipped_changes", facts("shipped_changes", "shipped_at"),
	"payoff.shipped_pull_requests", facts("shipped_pull_requests", "shipped_at"),
	"payoff.waiting_changes", facts("waiting_changes", "merged_at"),
	"payoff.merged_changes", mergedChanges,
	"payoff.owned_coverage", ownedCoverage,
	"payoff.service_coverage", "(SELECT service, tier, first_at, covered_to, known_to, midnight, failure_window_ms FROM payoff_private.service_coverage FINAL)",
)

// facts is the query for the rows of a table with the team and unit that are shown as
// the service's owner at a time of theirs.
func facts(table, at string) string {
	return fmt.Sprintf(`(SELECT f.*, o.team AS team, o.unit AS unit FROM payoff_private.%s AS f FINAL
    ASOF LEFT JOIN (SELECT service, valid_from, team, unit FROM payoff_private.shown_owners FINAL) AS o ON o.service = f.service AND o.valid_from <= f.%s
    SETTINGS join_use_nulls = 0)`, table, at)
}

// mergedChanges is what the view of that name makes of shipped and of waiting changes.
var mergedChanges = `(
    SELECT service, team, unit, tier, repository, commit, actor_kind, assumeNotNull(merged_at) AS merged_at, toNullable(shipped_at) AS shipped_at
    FROM ` + facts("shipped_changes", "shipped_at") + ` AS s WHERE s.merged_at IS NOT NULL AND NOT baseline
    UNION ALL
    SELECT service, team, unit, tier, repository, commit, actor_kind, merged_at, CAST(NULL, 'Nullable(DateTime64(3, ''UTC''))') AS shipped_at
    FROM ` + facts("waiting_changes", "merged_at") + `)`

// ownedCoverage is what the view of that name makes of coverages and owners.
const ownedCoverage = `(
    SELECT c.service AS service, o.team AS team, o.unit AS unit, c.tier AS tier, c.first_at AS first_at, c.covered_to AS covered_to,
        c.known_to AS known_to, c.failure_window_ms AS failure_window_ms,
        if(o.declared, greatest(c.first_at, o.valid_from), c.first_at) AS owned_from, if(o.declared, least(c.covered_to, o.valid_to), c.covered_to) AS owned_to
    FROM payoff_private.service_coverage AS c FINAL
    LEFT JOIN (SELECT service, team, unit, valid_from, valid_to, true AS declared FROM payoff_private.shown_owners FINAL) AS o ON o.service = c.service
    WHERE owned_from < owned_to
    SETTINGS join_use_nulls = 0)`
