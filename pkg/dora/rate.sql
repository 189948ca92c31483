-- Share of facts that are hits: (service, team, unit, tier, at, hit, also), with
-- Wilson's interval; `also` is a second hit, for the figure beside. A fact counts in
-- the window that holds at. The marked places are filled by defs.go.
WITH
    1.959963984540054 AS z,
    pieced AS
    (
        SELECT s.service AS service, s.team AS team, s.unit AS unit, p.piece AS piece, count() AS n, countIf(s.hit) AS hits, countIf(s.also) AS alsos
        FROM
        (
            SELECT 1 AS one, service, team, unit, at, hit, also FROM (/*facts*/)
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
        SELECT f.service AS service, f.team AS team, f.unit AS unit, f.piece AS piece, f.n AS n, f.hits AS hits, f.alsos AS alsos,
            toDate32(c.first_at, zone) AS first_day, c.covered_to AS covered_to, c.known_to AS known_to, c.failure_window_ms AS failure_window_ms
        FROM pieced AS f
        LEFT JOIN (SELECT * FROM payoff.service_coverage WHERE tier = 'production') AS c ON c.service = f.service
    ),
    grouped AS
    (
        SELECT w.number AS number, any(w.window_end) AS window_end, f.service AS service, f.team AS team, f.unit AS unit,
            sum(f.n) AS n, sum(f.hits) AS hits, sum(f.alsos) AS alsos, min(/*cut*/) AS cut
        FROM known AS f
        INNER JOIN spread AS w ON w.piece = f.piece
        GROUP BY GROUPING SETS ((number, service), (number, team), (number, unit), (number))
        HAVING grouping(service) = 1 AND grouping(team) = 1 AND grouping(unit) = 1 OR service != '' OR team != '' OR unit != ''
    )
SELECT
    asked_grains[bitAnd(number, 7)] AS grain, fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start, window_end, service, team, unit, stat.1 AS dims,
    toNullable(stat.2 / n) AS value, toNullable(toFloat64(stat.2)) AS numerator, toNullable(toFloat64(n)) AS denominator, n,
    -- Wilson 1927; exactly 0 and 1 at the ends, where rounding would leave a trace.
    toNullable(if(stat.2 = 0, 0., ((stat.2 / n + z * z / (2 * n)) - z * sqrt(stat.2 / n * (1 - stat.2 / n) / n + z * z / (4. * n * n))) / (1 + z * z / n))) AS ci_low,
    toNullable(if(stat.2 = n, 1., ((stat.2 / n + z * z / (2 * n)) + z * sqrt(stat.2 / n * (1 - stat.2 / n) / n + z * z / (4. * n * n))) / (1 + z * z / n))) AS ci_high,
    multiIf(cut, 'partial', n < 10, 'low_n', 'ok') AS quality
FROM grouped
ARRAY JOIN [('', hits)/*stats*/] AS stat
