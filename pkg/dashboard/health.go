package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// standing is said of panels whose query does not depend on the range.
const standing = "Independent of the chosen range."

// Health is the dashboard of the data itself: what has arrived, what was not
// understood, what is doubtful and what was corrected.
func Health() (Dashboard, error) {
	panel := func(key string, w, h uint32, b cog.Builder[sdk.Panel]) stack {
		return stack{{key: "health/" + key, w: w, h: h, panel: b}}
	}
	const half, high = columns / 2, 9
	return assemble(HealthUID, "Data health", "What has arrived, what was not understood, what is doubtful, what was corrected.",
		[]sdk.VariableModel{sourceVariable(), bucketVariable()}, nil,
		[]section{
			{rows: [][]stack{
				{panel("intro", columns, 3, prose("Can the numbers be trusted today?", "What this dashboard is for.",
					"A number is as good as what arrived for it. An event is heard, loaded, understood, computed; what stops on the way is here, with what to do about it. `payoff doctor` says the same in a terminal."))},
				{{freshness()}},
			}},
			{title: "What arrives", rows: [][]stack{{panel("sources", half, high, sources()), panel("loaded", half, high, loaded())}}},
			{title: "What is not understood, or doubtful", rows: [][]stack{{panel("parked", half, high, parked()), panel("findings", half, high, findings())}}},
			{title: "What is computed, and corrected", rows: [][]stack{
				{panel("coverage", half, high, coverage()), panel("computed", half, high, computed())},
				{panel("restated", columns, high, restated())},
			}},
		})
}

// freshness is the strip that stands on every dashboard: it says what all panels
// below can know of, and why they are empty if they are.
func freshness() tile {
	return tile{key: "freshness", w: columns, h: 3, panel: sentence(look{
		title:       "Data until",
		description: "When the latest fact happened, how many sources were heard of in the 7 days before the range's end, what could not be understood, and when numbers were last computed. From payoff.freshness, payoff.dead_letters and payoff.metric_point_log. Owner: platform team.",
		unit:        "string",
		empty:       "The store could not say how fresh it is.",
		query: newQuery(`WITH
    (SELECT count() FROM payoff.dead_letters WHERE replayed_at IS NULL) AS parked,
    (SELECT if(count() = 0, NULL, max(computed_at)) FROM payoff.metric_point_log) AS computed
SELECT if(count() = 0,
    'No event has arrived yet, so every panel is empty. Begin with: payoff import git DIR',
    concat('Data until ', formatDateTime(max(last_occurred_at), '%Y-%m-%d %H:%i'), ' UTC · ',
        toString(countIf(last_received_at >= $__toTime_ms - INTERVAL 7 DAY)), ' of ', toString(count()), ' sources heard in the last 7 days · ',
        if(parked = 0, 'nothing parked', concat(toString(parked), if(parked = 1, ' record', ' records'), ' parked')), ' · ',
        if(computed IS NULL, 'nothing computed yet: payoff rollup', concat('computed ', formatDateTime(assumeNotNull(computed), '%Y-%m-%d %H:%i'), ' UTC')))) AS status
FROM payoff.freshness`, Table),
	})}
}

// tableLook is the look of a table of several units.
func tableLook(title, description, empty, sql string) look {
	return look{title: title, description: description + " Owner: platform team.", unit: "none", empty: empty, query: newQuery(sql, Table)}
}

func sources() cog.Builder[sdk.Panel] {
	return grid(tableLook("Sources",
		"How far each source has been heard of, and for how long it has been silent at the range's end. From payoff.freshness.",
		"No event has arrived yet. Begin with: payoff import git DIR",
		`SELECT source, toFloat64(facts) AS facts, last_occurred_at, last_received_at, last_loaded_at,
    greatest(0, dateDiff('millisecond', last_received_at, $__toTime_ms)) AS silent
FROM payoff.freshness
ORDER BY source`)).
		OverrideByName("last_occurred_at", []property{named("last happened")}).
		OverrideByName("last_received_at", []property{named("last received")}).
		OverrideByName("last_loaded_at", []property{named("last loaded")}).
		OverrideByName("silent", []property{named("silent for"), inUnit("ms"), digits(1)})
}

// completed leaves out the current window, which is not complete.
const completed = "< toDateTime64(toStartOfInterval($__toTime_ms, INTERVAL 1 ${bucket}), 3, 'UTC')"

func loaded() cog.Builder[sdk.Panel] {
	return lines(look{
		title:       "Records loaded by ${bucket}",
		description: "Records read from the log that became events, and those that could not be understood; by UTC calendar, the current window left out. From payoff.ingest_ledger. Owner: platform team.",
		unit:        "none",
		empty:       "Nothing was loaded in a complete window of this range.",
		query: newQuery(`SELECT `+bucket("loaded_at")+` AS time, toFloat64(sum(rows)) AS events, toFloat64(sum(parked)) AS parked
FROM payoff.ingest_ledger
WHERE $__timeFilter_ms(loaded_at) AND loaded_at `+completed+`
GROUP BY time
ORDER BY time WITH FILL STEP INTERVAL 1 ${bucket}`, Series),
	})
}

func parked() cog.Builder[sdk.Panel] {
	return grid(tableLook("Parked, by reason",
		"Records that were accepted and could not be understood, parked in this range and not replayed since. `payoff dead list` shows them, `payoff dead replay` sends them again. From payoff.dead_letters.",
		"Nothing is parked in this range: every record was understood.",
		`SELECT source, reason, field, toFloat64(count()) AS n, min(received_at) AS first, max(received_at) AS last
FROM payoff.dead_letters
WHERE replayed_at IS NULL AND $__timeFilter_ms(parked_at)
GROUP BY source, reason, field
ORDER BY n DESC, source, reason, field
LIMIT 100`))
}

func findings() cog.Builder[sdk.Panel] {
	return grid(tableLook("Findings, by kind",
		"What is kept and cannot be counted, or is counted with doubt, and what to do about it. "+standing+" From payoff.findings.",
		"Nothing is doubtful: every fact that was understood is counted.",
		`SELECT kind, toFloat64(count()) AS n, what, any(todo) AS todo, arrayStringConcat(arraySort(groupUniqArray(3)(subject)), ', ') AS examples
FROM payoff.findings
GROUP BY kind, what
ORDER BY n DESC, kind, what
LIMIT 100`)).
		OverrideByName("todo", []property{named("what to do")})
}

func coverage() cog.Builder[sdk.Panel] {
	return grid(tableLook("Coverage of services",
		"From when to when the production deployments of each service are known: outside of it, nothing is not 0 but unknown. From payoff.service_coverage.",
		"No service is known yet: a service appears with its first deployment to production.",
		`SELECT unit, team, service, first_at, covered_to, greatest(0, dateDiff('millisecond', covered_to, $__toTime_ms)) AS behind
FROM payoff.service_coverage
WHERE tier = 'production'
ORDER BY unit, team, service
LIMIT 1000`)).
		OverrideByName("first_at", []property{named("known from")}).OverrideByName("covered_to", []property{named("known to")}).
		OverrideByName("behind", []property{inUnit("ms"), digits(1)})
}

func computed() cog.Builder[sdk.Panel] {
	return grid(tableLook("Metrics, last computed",
		"When each metric last got a point that differs from what was published, and how many it has had. From payoff.metric_point_log.",
		"Nothing is computed yet: payoff rollup computes what has arrived.",
		`SELECT metric, max(computed_at) AS computed, greatest(0, dateDiff('millisecond', max(computed_at), $__toTime_ms)) AS age, toFloat64(count()) AS points
FROM payoff.metric_point_log
GROUP BY metric
ORDER BY metric`)).
		OverrideByName("age", []property{inUnit("ms"), digits(1)})
}

func restated() cog.Builder[sdk.Panel] {
	return lines(look{
		title:       "Corrections of published weeks, by ${bucket}",
		description: "How many weekly numbers of the whole were corrected by facts that came late, by the window in which the correction was made; UTC calendar, the current window left out. Every correction is in payoff.restatements: what was said before and what is said now. Owner: platform team.",
		unit:        "none",
		empty:       "No published week of the whole was corrected in a complete window of this range.",
		query: newQuery(`SELECT `+bucket("computed_at")+` AS time, metric, toFloat64(count()) AS corrections
FROM payoff.restatements
WHERE grain = 'week' AND dims = '' AND service = '' AND team = '' AND unit = '' AND $__timeFilter_ms(computed_at) AND computed_at `+completed+`
GROUP BY time, metric
ORDER BY time, metric`, Series),
	}).OverrideByName("corrections", []property{named("${__field.labels.metric}")})
}

// bucket is the start of the chosen UTC window that a column of time lies in.
func bucket(column string) string {
	return "toDateTime64(toStartOfInterval(" + column + ", INTERVAL 1 ${bucket}), 3, 'UTC')"
}
