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

	services = "CAST([${service:singlequote}], 'Array(String)')"
	teams    = "CAST([${team:singlequote}], 'Array(String)')"
	units    = "CAST([${unit:singlequote}], 'Array(String)')"

	// chosen holds for points of what is chosen.
	chosen = `(
        service = '' AND team = '' AND unit = '' AND ` + noService + ` AND ` + noTeam + ` AND ` + noUnit + `
        OR service != '' AND NOT ` + noService + ` AND has(` + services + `, service)
        OR team != '' AND NOT ` + noTeam + ` AND has(` + teams + `, team)
        OR unit != '' AND NOT ` + noUnit + ` AND has(` + units + `, unit)
    )`

	// subjects is a row for each that is chosen, whether it has points or not.
	subjects = `SELECT subject.1 AS service, subject.2 AS team, subject.3 AS unit
        FROM (SELECT arrayJoin(arrayConcat(
            if(` + noService + ` AND ` + noTeam + ` AND ` + noUnit + `, [('', '', '')], []),
            if(` + noService + `, [], arrayMap(s -> (s, '', ''), ` + services + `)),
            if(` + noTeam + `, [], arrayMap(t -> ('', t, ''), ` + teams + `)),
            if(` + noUnit + `, [], arrayMap(u -> ('', '', u), ` + units + `)))) AS subject)`

	// subject names a point as people do.
	subject = `multiIf(service != '', service, team != '', concat('team ', team), unit != '', concat('unit ', unit), 'all')`
)

// grain is the chosen kind of window.
const grain = "${bucket:singlequote}"

// pointsOf is the condition for the points of a metric by the chosen grain.
func pointsOf(d metric.Def) string {
	return fmt.Sprintf("metric = '%s' AND version = %d AND grain = %s", d.Name, d.Version, grain)
}

// last is the latest window in the range that is covered for the whole, which is
// when it is for somebody. One subject's points are read quickly.
func last(d metric.Def) string {
	return `(
        SELECT maxOrNull(window_start) FROM payoff.metric_points
        WHERE ` + pointsOf(d) + ` AND service = '' AND team = '' AND unit = '' AND dims = '' AND quality IN ('` + metric.OK + `', '` + metric.LowN + `') AND $__timeFilter_ms(window_start)
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
// which interval. What has no point has a row that says so.
func latest(d metric.Def, unit metric.Unit, figures ...string) Query {
	list := "'" + strings.Join(dims(figures), "', '") + "'"
	named := "''" // the figure, where it is not the main one
	if titles := titlesOf(d, figures); titles != nil {
		named = "concat(', ', transform(dims, [" + list + "], ['" + strings.Join(titles, "', '") + "'], dims))"
	}
	sql := `WITH
    ` + last(d) + ` AS last,
    ` + label + ` AS period
SELECT
    concat(
        ` + subject + `, ` + named + `,
        ' · ', if(last IS NULL, concat('no complete ', ` + grain + ` , ' in this range'), ifNull(period, toString(last))),
        multiIf(last IS NULL, '', quality = '', ' · nothing to count', concat(' · n ', toString(n))),
        if(ci_low IS NULL OR ci_high IS NULL, '', concat(' · 95 % ', ` + words("ci_low", unit) + `, ' – ', ` + words("ci_high", unit) + `)),
        multiIf(quality = '` + metric.LowN + `', ' · from few', quality = '` + metric.Partial + `', ' · not wholly covered', '')
    ) AS label,
    value
FROM
(
    SELECT service, team, unit, arrayJoin([` + list + `]) AS dims
    FROM (` + subjects + `)
) AS wanted
LEFT JOIN
(
    SELECT service::String AS service, team::String AS team, unit::String AS unit, dims::String AS dims, value, n, ci_low, ci_high, quality::String AS quality
    FROM payoff.metric_points
    WHERE ` + pointsOf(d) + ` AND window_start = last AND dims IN (` + list + `)
        AND ` + chosen + `
) AS points USING (service, team, unit, dims)
ORDER BY service, team, unit, dims
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
    AND (service != '' OR team != '' OR unit != '')
    AND (`+noService+` AND `+noTeam+` AND `+noUnit+` OR `+chosen+`)
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
