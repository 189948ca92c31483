-- Median of a duration over facts: (service, team, unit, tier, at, ms), ms null
-- where there is none yet. A fact counts in the window that holds at. The two
-- marked places are filled by defs.go.
WITH
    (SELECT max(value) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    facts AS
    (
        SELECT f.grain AS grain, w.window_start AS window_start, w.window_end AS window_end, f.service AS service, f.team AS team, f.unit AS unit, f.ms AS ms,
            /*cut*/ AS cut
        FROM
        (
            SELECT arrayJoin(asked_grains) AS grain, s.service AS service, s.team AS team, s.unit AS unit, s.at AS at, s.ms AS ms, c.first_at AS first_at, c.covered_to AS covered_to,
                c.known_to AS known_to, c.failure_window_ms AS failure_window_ms
            FROM (/*facts*/) AS s
            LEFT JOIN payoff.service_coverage AS c ON c.service = s.service AND c.tier = s.tier
            WHERE s.tier = 'production'
                AND s.at >= asked_from AND s.at < asked_to
                AND (empty(asked_services) OR has(asked_services, s.service))
                AND (empty(asked_teams) OR has(asked_teams, s.team))
                AND (empty(asked_units) OR has(asked_units, s.unit))
        ) AS f
        ASOF JOIN windows AS w ON f.grain = w.grain AND f.at >= w.window_start
        WHERE f.at < w.window_end
    ),
    grouped AS
    (
        SELECT
            grain, window_start, any(window_end) AS window_end, service, team, unit,
            arraySort(groupArray(ms)) AS sorted, length(sorted) AS n, toUInt64(count() - n) AS missing, min(cut) AS cut,
            arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
            -- Ranks of the order statistics that enclose the median with 95 %
            -- (normal approximation of the binomial, Conover 1999 section 3.2).
            toInt64(floor(n / 2 - 1.959963984540054 * sqrt(n) / 2)) AS lo,
            toInt64(ceil(1 + n / 2 + 1.959963984540054 * sqrt(n) / 2)) AS hi
        FROM facts
        GROUP BY GROUPING SETS ((grain, window_start, service), (grain, window_start, team), (grain, window_start, unit), (grain, window_start))
        HAVING grouping(service) = 1 AND grouping(team) = 1 AND grouping(unit) = 1 OR service != '' OR team != '' OR unit != ''
    )
SELECT
    grain, window_start, window_end, service, team, unit, stat.1 AS dims,
    multiIf(dims = '{"stat":"/*missing*/"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
    CAST(NULL, 'Nullable(Float64)') AS numerator, CAST(NULL, 'Nullable(Float64)') AS denominator, if(dims = '{"stat":"/*missing*/"}', n + missing, n) AS n,
    if(dims = '' AND lo >= 1 AND hi <= n, toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
    if(dims = '' AND lo >= 1 AND hi <= n, toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
    multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
FROM grouped
ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"/*missing*/"}', 0.)] AS stat
