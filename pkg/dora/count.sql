-- Facts (service, team, unit, tier, at) per covered day, times /*scale*/. A service
-- is covered from its first known deployment to its retirement or the source's
-- horizon; a roll-up is facts over the covered days of its services, and a team's
-- over the days it owned them. A day is whose its first covered instant is. The day
-- of the horizon counts, but a window that the horizon cuts is partial; one that a
-- change of owner cuts is not.
WITH
    (SELECT max(value) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    covered AS
    (
        SELECT
            w.grain AS grain, w.window_start AS window_start, w.window_end AS window_end,
            c.service AS service, c.team AS team, c.unit AS unit,
            greatest(w.window_start, c.first_at) AS known_from, least(w.window_end, c.covered_to) AS known_until,
            greatest(w.window_start, c.owned_from) AS owned_from, least(w.window_end, c.owned_to) - INTERVAL 1 MILLISECOND AS owned_last,
            if(owned_from = known_from, dateDiff('day', owned_from, owned_last, zone) + 1, dateDiff('day', owned_from - INTERVAL 1 MILLISECOND, owned_last, zone)) AS days,
            dateDiff('day', w.window_start, known_from, zone) > 0 OR known_until < w.window_end/*young*/ AS cut
        FROM windows AS w
        CROSS JOIN payoff.owned_coverage AS c
        WHERE c.tier = 'production' AND c.owned_from < w.window_end AND c.owned_to > w.window_start
            AND (empty(asked_services) OR has(asked_services, c.service))
            AND (empty(asked_teams) OR has(asked_teams, c.team))
            AND (empty(asked_units) OR has(asked_units, c.unit))
    ),
    counted AS
    (
        SELECT f.grain AS grain, w.window_start AS window_start, w.window_end AS window_end, f.service AS service, f.team AS team, f.unit AS unit, f.day AS day
        FROM
        (
            SELECT arrayJoin(asked_grains) AS grain, s.service AS service, s.team AS team, s.unit AS unit, s.at AS at, toDate(s.at, zone) AS day, c.first_at AS first_at, c.covered_to AS covered_to
            FROM (/*facts*/) AS s
            INNER JOIN payoff.service_coverage AS c ON c.service = s.service AND c.tier = s.tier
            WHERE s.tier = 'production' AND s.at >= asked_from AND s.at < asked_to
                AND (empty(asked_services) OR has(asked_services, s.service))
                AND (empty(asked_teams) OR has(asked_teams, s.team))
                AND (empty(asked_units) OR has(asked_units, s.unit))
        ) AS f
        ASOF JOIN windows AS w ON f.grain = w.grain AND f.at >= w.window_start
        WHERE f.at < w.window_end AND f.first_at < w.window_end AND f.covered_to > w.window_start
    ),
    grouped AS
    (
        SELECT
            grain, window_start, any(window_end) AS window_end, service, team, unit,
            toUInt64(countIf(fact)) AS n, sum(days) AS d, uniqExactIf(day, fact) AS on_days, minIf(cut, NOT fact) AS cut
        FROM
        (
            SELECT grain, window_start, window_end, service, team, unit, days, cut, false AS fact, toDate(0) AS day FROM covered
            UNION ALL
            SELECT grain, window_start, window_end, service, team, unit, 0 AS days, false AS cut, true AS fact, day FROM counted
        )
        GROUP BY GROUPING SETS ((grain, window_start, service), (grain, window_start, team), (grain, window_start, unit), (grain, window_start))
        HAVING sum(days) > 0 AND (grouping(service) = 1 AND grouping(team) = 1 AND grouping(unit) = 1 OR service != '' OR team != '' OR unit != '')
    )
SELECT
    grain, window_start, window_end, service, team, unit, stat AS dims,
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
