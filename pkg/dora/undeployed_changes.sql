-- Changes by people that are on the default branch and not deployed when the window
-- ends, or, in the last one, at the last midnight that is known of. From the first
-- merge on that is known of a service, nothing waiting is 0.
WITH
    numbered AS (SELECT *, toInt64(row_number() OVER (PARTITION BY grain ORDER BY window_start)) AS number FROM windows),
    waits AS
    (
        SELECT arrayJoin(asked_grains) AS grain, m.service AS service, m.team AS team, m.unit AS unit, m.merged_at AS merged_at,
            if(m.shipped_at IS NULL, toDateTime64('2200-01-01', 3, 'UTC'), assumeNotNull(m.shipped_at)) AS left_at,
            c.midnight AS midnight,
            greatest(m.merged_at, asked_from) AS from_at, least(left_at, midnight, asked_to) AS to_at
        FROM payoff.merged_changes AS m
        INNER JOIN payoff.service_coverage AS c ON c.service = m.service AND c.tier = m.tier
        WHERE m.tier = 'production' AND m.actor_kind != 'bot' AND from_at < to_at
            AND (empty(asked_services) OR has(asked_services, m.service))
            AND (empty(asked_teams) OR has(asked_teams, m.team))
            AND (empty(asked_units) OR has(asked_units, m.unit))
    ),
    spread AS
    (
        SELECT a.grain AS grain, a.service AS service, a.team AS team, a.unit AS unit, a.merged_at AS merged_at, a.left_at AS left_at, a.midnight AS midnight,
            arrayJoin(range(a.first_number, b.number + 1)) AS number
        FROM
        (
            SELECT waits.*, n.number AS first_number FROM waits ASOF JOIN numbered AS n ON waits.grain = n.grain AND waits.from_at >= n.window_start
        ) AS a
        ASOF JOIN numbered AS b ON a.grain = b.grain AND a.to_at >= b.window_start
    ),
    begun AS
    (
        SELECT service, min(merged_at) AS merged_at FROM payoff.merged_changes WHERE tier = 'production' AND actor_kind != 'bot' GROUP BY service
    ),
    known AS
    (
        SELECT o.service AS service, o.team AS team, o.unit AS unit, o.owned_from AS owned_from, o.owned_to AS owned_to, c.midnight AS midnight, b.merged_at AS merged_at
        FROM payoff.owned_coverage AS o
        INNER JOIN payoff.service_coverage AS c ON c.service = o.service AND c.tier = o.tier
        INNER JOIN begun AS b ON b.service = o.service
        WHERE o.tier = 'production'
            AND (empty(asked_services) OR has(asked_services, o.service))
            AND (empty(asked_teams) OR has(asked_teams, o.team))
            AND (empty(asked_units) OR has(asked_units, o.unit))
    ),
    facts AS
    (
        SELECT (s.grain, n.window_start, n.window_end) AS time, s.service AS service, s.team AS team, s.unit AS unit, true AS waits,
            least(n.window_end, s.midnight) AS as_of, dateDiff('millisecond', s.merged_at, as_of) AS ms, s.midnight < n.window_end AS cut
        FROM spread AS s
        INNER JOIN numbered AS n ON n.grain = s.grain AND n.number = s.number
        WHERE n.window_start < s.midnight AND s.merged_at < as_of AND s.left_at >= as_of
        UNION ALL
        SELECT (w.grain, w.window_start, w.window_end), k.service, k.team, k.unit, false,
            least(w.window_end, k.midnight) AS as_of, 0, k.midnight < w.window_end
        FROM windows AS w CROSS JOIN known AS k
        WHERE w.window_start < k.midnight AND k.merged_at < as_of AND k.owned_from < as_of AND k.owned_to >= as_of
    ),
    grouped AS
    (
        SELECT time, service, team, unit, countIf(waits) AS n, quantilesExactInclusiveIf(0.5, 0.9)(ms, waits) AS q, max(ms) AS oldest,
            max(cut) AS cut
        FROM facts
        GROUP BY GROUPING SETS ((time, service), (time, team), (time, unit), (time))
        HAVING grouping(service) = 1 AND grouping(team) = 1 AND grouping(unit) = 1 OR service != '' OR team != '' OR unit != ''
    )
SELECT
    time.1 AS grain, time.2 AS window_start, time.3 AS window_end, service, team, unit, stat.1 AS dims, toNullable(stat.2) AS value,
    CAST(NULL, 'Nullable(Float64)') AS numerator, CAST(NULL, 'Nullable(Float64)') AS denominator, n,
    CAST(NULL, 'Nullable(Float64)') AS ci_low, CAST(NULL, 'Nullable(Float64)') AS ci_high, if(cut, 'partial', 'ok') AS quality
FROM grouped
ARRAY JOIN if(n = 0, [('', 0.)], [('', toFloat64(n)), ('{"stat":"age_p50"}', q[1]), ('{"stat":"age_p90"}', q[2]), ('{"stat":"oldest"}', toFloat64(oldest))]) AS stat
