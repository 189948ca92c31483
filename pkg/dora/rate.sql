-- Share of facts that are hits: (service, team, unit, tier, at, hit, also), with
-- Wilson's interval; `also` is a second hit, for the figure beside. A fact counts in
-- the window that holds at. The marked places are filled by defs.go.
WITH
    (SELECT max(value) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    1.959963984540054 AS z,
    facts AS
    (
        SELECT f.grain AS grain, w.window_start AS window_start, w.window_end AS window_end, f.service AS service, f.team AS team, f.unit AS unit,
            f.hit AS hit, f.also AS also, /*cut*/ AS cut
        FROM
        (
            SELECT arrayJoin(asked_grains) AS grain, s.service AS service, s.team AS team, s.unit AS unit, s.at AS at, s.hit AS hit, s.also AS also, c.first_at AS first_at,
                c.covered_to AS covered_to, c.known_to AS known_to, c.failure_window_ms AS failure_window_ms
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
        SELECT grain, window_start, any(window_end) AS window_end, service, team, unit, count() AS n, countIf(hit) AS hits, countIf(also) AS alsos, min(cut) AS cut
        FROM facts
        GROUP BY GROUPING SETS ((grain, window_start, service), (grain, window_start, team), (grain, window_start, unit), (grain, window_start))
        HAVING grouping(service) = 1 AND grouping(team) = 1 AND grouping(unit) = 1 OR service != '' OR team != '' OR unit != ''
    )
SELECT
    grain, window_start, window_end, service, team, unit, stat.1 AS dims,
    toNullable(stat.2 / n) AS value, toNullable(toFloat64(stat.2)) AS numerator, toNullable(toFloat64(n)) AS denominator, n,
    -- Wilson 1927; exactly 0 and 1 at the ends, where rounding would leave a trace.
    toNullable(if(stat.2 = 0, 0., ((stat.2 / n + z * z / (2 * n)) - z * sqrt(stat.2 / n * (1 - stat.2 / n) / n + z * z / (4. * n * n))) / (1 + z * z / n))) AS ci_low,
    toNullable(if(stat.2 = n, 1., ((stat.2 / n + z * z / (2 * n)) + z * sqrt(stat.2 / n * (1 - stat.2 / n) / n + z * z / (4. * n * n))) / (1 + z * z / n))) AS ci_high,
    multiIf(cut, 'partial', n < 10, 'low_n', 'ok') AS quality
FROM grouped
ARRAY JOIN [('', hits)/*stats*/] AS stat
