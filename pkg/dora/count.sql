-- Facts (service, team, unit, tier, at) per covered day, times /*scale*/. A service
-- is covered from its first known deployment to its retirement or the source's
-- horizon; a roll-up is facts over the covered days of its services, and a team's
-- over the days it owned them. A day is whose its first covered instant is. The day
-- of the horizon counts, but a window that the horizon cuts is partial; one that a
-- change of owner cuts is not.
WITH
    covered AS
    (
        SELECT
            w.number AS number, w.window_end AS window_end, c.service AS service, c.team AS team, c.unit AS unit,
            least(w.window_end, c.covered_to) AS known_until,
            greatest(w.window_start, c.owned_from) AS owned_from, least(w.window_end, c.owned_to) - INTERVAL 1 MILLISECOND AS owned_last,
            if(owned_from = greatest(w.window_start, c.first_at), dateDiff('day', owned_from, owned_last, zone) + 1,
                dateDiff('day', owned_from - INTERVAL 1 MILLISECOND, owned_last, zone)) AS days,
            toDate32(c.first_at, zone) > w.day OR known_until < w.window_end/*young*/ AS cut
        FROM (SELECT DISTINCT number, day, window_start, window_end FROM spread) AS w
        CROSS JOIN payoff.owned_coverage AS c
        WHERE c.tier = 'production' AND c.owned_from < w.window_end AND c.owned_to > w.window_start
            AND (empty(asked_services) OR has(asked_services, c.service))
            AND (empty(asked_teams) OR has(asked_teams, c.team))
            AND (empty(asked_units) OR has(asked_units, c.unit))
    ),
    pieced AS
    (
        SELECT s.service AS service, s.team AS team, s.unit AS unit, p.piece AS piece, toDate32(s.at, zone) AS day, count() AS n
        FROM
        (
            SELECT 1 AS one, service, team, unit, at FROM (/*facts*/)
            WHERE tier = 'production'
                AND at >= asked_from AND at < asked_to
                AND (empty(asked_services) OR has(asked_services, service))
                AND (empty(asked_teams) OR has(asked_teams, team))
                AND (empty(asked_units) OR has(asked_units, unit))
        ) AS s
        ASOF JOIN pieces AS p ON s.one = p.one AND s.at >= p.piece
        GROUP BY service, team, unit, piece, day
    ),
    known AS
    (
        SELECT f.service AS service, f.team AS team, f.unit AS unit, f.piece AS piece, f.day AS day, f.n AS n, c.first_at AS first_at, c.covered_to AS covered_to
        FROM pieced AS f
        INNER JOIN (SELECT * FROM payoff.service_coverage WHERE tier = 'production') AS c ON c.service = f.service
    ),
    grouped AS
    (
        SELECT
            number, any(window_end) AS window_end, service, team, unit,
            sum(facts) AS n, sum(days) AS d, uniqExactIf(day, facts > 0) AS on_days, minIf(cut, facts = 0) AS cut
        FROM
        (
            SELECT number, window_end, service, team, unit, days, cut, 0 AS facts, toDate32(0) AS day FROM covered
            UNION ALL
            SELECT w.number, w.window_end, f.service, f.team, f.unit, 0 AS days, false AS cut, f.n AS facts, f.day AS day
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            WHERE f.first_at < w.window_end AND f.covered_to > w.window_start
        )
        GROUP BY GROUPING SETS ((number, service), (number, team), (number, unit), (number))
        HAVING sum(days) > 0 AND (grouping(service) = 1 AND grouping(team) = 1 AND grouping(unit) = 1 OR service != '' OR team != '' OR unit != '')
    )
SELECT
    asked_grains[bitAnd(number, 7)] AS grain, fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start, window_end, service, team, unit, stat AS dims,
    if(dims = '', toNullable(n * /*scale*/ / d), toNullable(toFloat64(on_days))) AS value,
    if(dims = '', toNullable(toFloat64(n)), NULL) AS numerator,
    if(dims = '', toNullable(toFloat64(d)), NULL) AS denominator,
    n,
    -- Byar's approximation of the exact Poisson interval (Breslow and Day 1987).
    if(dims = '', toNullable(if(n = 0, 0., n * pow(1 - 1 / (9 * n) - 1.959963984540054 / (3 * sqrt(n)), 3)) * /*scale*/ / d), NULL) AS ci_low,
    if(dims = '', toNullable((n + 1) * pow(1 - 1 / (9 * (n + 1)) + 1.959963984540054 / (3 * sqrt(n + 1)), 3) * /*scale*/ / d), NULL) AS ci_high,
    if(cut, 'partial', 'ok') AS quality
FROM grouped
ARRAY JOIN [''/*stats*/] AS stat
