-- Median of a duration over facts: (service, team, unit, tier, at, ms), ms null
-- where there is none yet. A fact counts in the window that holds at. The two
-- marked places are filled by defs.go.
WITH
    pieced AS
    (
        SELECT s.service AS service, s.team AS team, s.unit AS unit, p.piece AS piece, groupArray(s.ms) AS durations, count() AS facts
        FROM
        (
            SELECT 1 AS one, service, team, unit, at, ms FROM (/*facts*/)
            WHERE tier = 'production'
                AND at >= asked_from AND at < asked_to
                AND (empty(asked_services) OR has(asked_services, service))
                AND (empty(asked_teams) OR has(asked_teams, team))
                AND (empty(asked_units) OR has(asked_units, unit))
        ) AS s
        ASOF JOIN pieces AS p ON s.one = p.one AND s.at >= p.piece
        GROUP BY service, team, unit, piece
    ),
    known AS
    (
        SELECT f.service AS service, f.team AS team, f.unit AS unit, f.piece AS piece, f.durations AS durations, f.facts AS facts,
            toDate32(c.first_at, zone) AS first_day, c.covered_to AS covered_to, c.known_to AS known_to, c.failure_window_ms AS failure_window_ms
        FROM pieced AS f
        LEFT JOIN (SELECT * FROM payoff.service_coverage WHERE tier = 'production') AS c ON c.service = f.service
    ),
    grouped AS
    (
        SELECT
            w.number AS number, any(w.window_end) AS window_end, f.service AS service, f.team AS team, f.unit AS unit,
            arraySort(groupArrayArray(f.durations)) AS sorted, length(sorted) AS n, toUInt64(sum(f.facts) - n) AS missing, min(/*cut*/) AS cut,
            arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
            -- Ranks of the order statistics that enclose the median with 95 %
            -- (normal approximation of the binomial, Conover 1999 section 3.2).
            toInt64(floor(n / 2 - 1.959963984540054 * sqrt(n) / 2)) AS lo,
            toInt64(ceil(1 + n / 2 + 1.959963984540054 * sqrt(n) / 2)) AS hi
        FROM known AS f
        INNER JOIN spread AS w ON w.piece = f.piece
        GROUP BY GROUPING SETS ((number, service), (number, team), (number, unit), (number))
        HAVING grouping(service) = 1 AND grouping(team) = 1 AND grouping(unit) = 1 OR service != '' OR team != '' OR unit != ''
    )
SELECT
    asked_grains[bitAnd(number, 7)] AS grain, fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start, window_end, service, team, unit, stat.1 AS dims,
    multiIf(dims = '{"stat":"/*missing*/"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
    CAST(NULL, 'Nullable(Float64)') AS numerator, CAST(NULL, 'Nullable(Float64)') AS denominator, if(dims = '{"stat":"/*missing*/"}', n + missing, n) AS n,
    if(dims = '' AND lo >= 1 AND hi <= n, toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
    if(dims = '' AND lo >= 1 AND hi <= n, toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
    multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
FROM grouped
ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"/*missing*/"}', 0.)] AS stat
