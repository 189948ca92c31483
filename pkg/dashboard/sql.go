package dashboard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// shows says which points a query shows, so that Check can compare them with what
// points.Read answers. It is not part of the JSON.
type shows struct {
	kind    string // latest, series or subjects; "" for none
	metric  string
	figures []string // "" is the main one
}

// The choice of the reader, in SQL. A variable on "All" (or with nothing to
// choose from) restricts nothing; with all three so, the whole is shown.
const (
	noUnit    = "($__conditionalAll(1 = 0, $unit))"
	noTeam    = "($__conditionalAll(1 = 0, $team))"
	noService = "($__conditionalAll(1 = 0, $service))"

	nothing = noService + " AND " + noTeam + " AND " + noUnit

	// subjects are those that are chosen, as service, team and unit, whether they have
	// points or not. On "All" the list would be long, and the macro leaves 1=1 of it.
	subjects = `arrayConcat(
        if(` + nothing + `, [('', '', '')], []),
        if(` + noService + `, [], arrayMap(s -> (toString(s), '', ''), [$__conditionalAll(${service:singlequote}, $service)])),
        if(` + noTeam + `, [], arrayMap(t -> ('', toString(t), ''), [$__conditionalAll(${team:singlequote}, $team)])),
        if(` + noUnit + `, [], arrayMap(u -> ('', '', toString(u)), [$__conditionalAll(${unit:singlequote}, $unit)])))`

	// whole holds for points of the whole, ofChosen for those and for what is chosen.
	whole    = "service = '' AND team = '' AND unit = ''"
	ofChosen = `(service = '' OR NOT ($__conditionalAll(service NOT IN (${service:singlequote}), $service)))
        AND (team = '' OR NOT ($__conditionalAll(team NOT IN (${team:singlequote}), $team)))
        AND (unit = '' OR NOT ($__conditionalAll(unit NOT IN (${unit:singlequote}), $unit)))`

	// chosen holds for points of what is chosen: of the whole, if that is nothing.
	chosen = ofChosen + `
        AND (` + nothing + ` OR NOT (` + whole + `))`

	// subject names a point as people do.
	subject = `multiIf(service != '', service, team != '', concat('team ', team), unit != '', concat('unit ', unit), 'all')`
)

// grain is the chosen kind of window.
const grain = "${bucket:singlequote}"

// pointsOf is the condition for the points of a metric by the chosen grain.
func pointsOf(d metric.Def) string {
	return fmt.Sprintf("metric = '%s' AND version = %d AND grain = %s", d.Name, d.Version, grain)
}

// covered holds for the windows that are covered for the whole, which is when they
// are for somebody.
const covered = whole + " AND dims = '' AND quality IN ('" + metric.OK + "', '" + metric.LowN + "')"

// last is the latest of them in the range. One subject's points are read quickly.
func last(d metric.Def) string {
	return `(
        SELECT maxOrNull(window_start) FROM payoff.metric_points
        WHERE ` + pointsOf(d) + ` AND ` + covered + ` AND $__timeFilter_ms(window_start)
    )`
}

// label is the calendar's name of the window last.
const label = `(SELECT anyOrNull(label) FROM payoff.calendar WHERE grain = ` + grain + ` AND window_start = last)`

// dims are the stored names of figures.
func dims(figures []string) []string {
	var out []string
	for _, f := range figures {
		if f != "" {
			f = `{"stat":"` + f + `"}`
		}
		out = append(out, f)
	}
	return out
}

// titlesOf are the figures as people read them, within a line; none for the main one.
func titlesOf(d metric.Def, figures []string) []string {
	var out []string
	for _, s := range d.Stats {
		if slices.Contains(figures, s.Name) {
			out = append(out, strings.ToLower(s.Title[:1])+s.Title[1:])
		}
	}
	return out
}

// latest asks for figures, of one unit, of the last complete window, of each that is chosen: a
// row with the value and a line that says whose, when, from how many and within
// which interval. What has no point has a row that says so. The points of the range
// are read once and looked up: reading them is quick, and each further query, join
// or view within the query takes longer than that to be planned.
func latest(d metric.Def, unit metric.Unit, figures ...string) Query {
	list := "'" + strings.Join(dims(figures), "', '") + "'"
	named := "" // the figure, where it is not the main one
	if titles := titlesOf(d, figures); titles != nil {
		named = "', ', transform(figure, [" + list + "], ['" + strings.Join(titles, "', '") + "'], figure), "
	}
	sql := `WITH
    (
        SELECT CAST(groupArray((toUnixTimestamp(window_start), label)), 'Map(UInt32, String)')
        FROM payoff.calendar WHERE grain = ` + grain + ` AND $__timeFilter_ms(window_start)
    ) AS periods,
    toDateTime64(0, 3, 'UTC') AS never
SELECT
    concat(
        multiIf(of.1 != '', of.1, of.2 != '', concat('team ', of.2), of.3 != '', concat('unit ', of.3), 'all'), ` + named + `
        ' · ', if(last = never, concat('no complete ', ` + grain + `, ' in this range'), periods[toUnixTimestamp(last)]),
        multiIf(last = never, '', quality = '', ' · nothing to count', concat(' · n ', toString(point.2))),
        if(point.3 IS NULL OR point.4 IS NULL, '', concat(' · 95 % ', arrayStringConcat(arrayMap(x -> ` + words("x", unit) + `, [assumeNotNull(point.3), assumeNotNull(point.4)]), ' – '))),
        transform(quality, ['` + metric.LowN + `', '` + metric.Partial + `'], [' · from few', ' · not wholly covered'], '')
    ) AS label,
    point.1 AS value
FROM
(
    SELECT arrayJoin(` + subjects + `) AS of, arrayJoin([` + list + `]) AS figure, last, points[indexOf(keys, (of.1, of.2, of.3, figure, last))] AS point, point.5 AS quality
    FROM
    (
        SELECT maxIf(window_start, ` + covered + `) AS last,
            groupArray((toString(service), toString(team), toString(unit), toString(dims), window_start)) AS keys,
            groupArray((value, n, ci_low, ci_high, toString(quality))) AS points
        FROM payoff.metric_points
        WHERE ` + pointsOf(d) + ` AND $__timeFilter_ms(window_start) AND dims IN ('', ` + list + `)
        AND ` + ofChosen + `
    )
)
ORDER BY of, figure
LIMIT 20`
	q := newQuery(sql, Table)
	q.shows = shows{"latest", d.Name, figures}
	return q
}

// trend asks for the windows of the range, of each that is chosen. A window that
// is not wholly covered is a column of its own, so that no line leads to it.
func trend(d metric.Def) Query {
	whole := func(column string) string {
		return "if(quality = '" + metric.Partial + "', NULL, " + column + ")"
	}
	q := newQuery(`SELECT
    window_start AS time, `+subject+` AS subject,
    `+whole("p.value")+` AS value, if(quality = '`+metric.Partial+`', p.value, NULL) AS partial,
    `+whole("ci_low")+` AS low, `+whole("ci_high")+` AS high, toFloat64(p.n) AS n
FROM payoff.metric_points AS p
WHERE `+pointsOf(d)+` AND dims = '' AND $__timeFilter_ms(window_start)
    AND `+chosen+`
ORDER BY time, subject`, Series)
	q.shows = shows{"series", d.Name, []string{""}}
	return q
}

// everyone asks for the last complete window of every service, team and unit, or
// of those chosen. They stand by name, never by value.
func everyone(d metric.Def) Query {
	q := newQuery(`WITH
    `+last(d)+` AS last,
    `+label+` AS period
SELECT
    unit, team, service, ifNull(period, toString(last)) AS window, value, toFloat64(p.n) AS n, ci_low AS low, ci_high AS high,
    multiIf(quality = '`+metric.LowN+`', 'from few', quality = '`+metric.Partial+`', 'not wholly covered', quality = '`+metric.NoData+`', 'nothing to count', '') AS note
FROM payoff.metric_points AS p
WHERE `+pointsOf(d)+` AND dims = '' AND window_start = last
    AND NOT (`+whole+`) AND (`+nothing+` OR `+ofChosen+`)
ORDER BY unit, team, service
LIMIT 1000`, Table)
	q.shows = shows{"subjects", d.Name, []string{""}}
	return q
}

// words writes a value as people read it, within a sentence.
func words(x string, u metric.Unit) string {
	scaled := func(by, digits int, suffix string) string {
		return fmt.Sprintf("concat(toString(round(%s / %d, %d)), '%s')", x, by, digits, suffix)
	}
	switch u {
	case metric.Milliseconds:
		return fmt.Sprintf("multiIf(abs(%s) >= 86400000, %s, abs(%s) >= 3600000, %s, abs(%s) >= 60000, %s, %s)",
			x, scaled(86_400_000, 1, " d"), x, scaled(3_600_000, 1, " h"), x, scaled(60_000, 1, " min"), scaled(1000, 1, " s"))
	case metric.Ratio:
		return fmt.Sprintf("concat(toString(round(%s * 100, 1)), ' %%')", x)
	default:
		return fmt.Sprintf("toString(round(%s, 2))", x)
	}
}

// unitOf is Grafana's unit and digits for a metric's.
func unitOf(u metric.Unit) (string, float64) {
	switch u {
	case metric.Milliseconds:
		return "ms", 1
	case metric.Ratio:
		return "percentunit", 1
	case metric.Count:
		return "none", 0
	case metric.Score:
		return "none", 1
	default:
		// per_day, per_week: a rate, with what it is per.
		if _, per, ok := strings.Cut(string(u), "per_"); ok {
			return "suffix:/" + per, 2
		}
		return "none", 2
	}
}
