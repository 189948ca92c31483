-- DORA's quick check over the 26 complete weeks that end with or before the window.
-- A component that cannot be known is left out; of fewer than three there is no
-- score. A unit shows the median of its services'.
WITH
    weeks AS (SELECT 1 AS one, window_start, window_end FROM payoff.calendar WHERE grain = 'week'),
    trails AS
    (
        SELECT w.grain AS grain, w.window_start AS window_start, w.window_end AS window_end, k.since AS since, k.window_end AS until
        FROM (SELECT *, 1 AS one FROM windows WHERE window_end > (SELECT min(first_at) FROM payoff.service_coverage)
            AND (grain = 'range' OR window_start < (SELECT max(known_to) FROM payoff.service_coverage))) AS w
        ASOF JOIN
        (
            SELECT one, window_end, lagInFrame(window_start, 25, window_start) OVER (ORDER BY window_start ROWS BETWEEN 25 PRECEDING AND CURRENT ROW) AS since FROM weeks
        ) AS k ON w.one = k.one AND w.window_end >= k.window_end
    ),
    -- The 26 weeks of the first window begin less than 27 weeks before its end.
    asked_from - INTERVAL 28 WEEK AS reached_from,
    facts AS
    (
        SELECT service, shipped_at AS at, lead_ms AS lead, CAST(NULL, 'Nullable(Int64)') AS recovery, false AS deployed, false AS tried, false AS failed, false AS succeeded, false AS reworked
        FROM payoff_private.shipped_changes FINAL WHERE tier = 'production' AND NOT baseline AND actor_kind != 'bot' AND lead_ms IS NOT NULL
        UNION ALL
        SELECT service, ended_at, NULL, NULL, class != 'redeployment', true, false, true, notEmpty(rework) FROM payoff_private.deployments FINAL WHERE tier = 'production' AND succeeded
        UNION ALL
        SELECT service, ended_at, NULL, recovery_ms, false, NOT succeeded, true, false, false FROM payoff_private.failed_deployments FINAL WHERE tier = 'production'
    ),
    weekly AS
    (
        SELECT f.service AS service, k.window_end AS until, groupArray(f.lead) AS leads, groupArray(f.recovery) AS recoveries,
            countIf(f.deployed) AS deployed, countIf(f.tried) AS tried, countIf(f.failed) AS failed, countIf(f.succeeded) AS succeeded, countIf(f.reworked) AS reworked
        FROM (SELECT *, 1 AS one FROM facts WHERE at >= reached_from AND at < asked_to AND (empty(asked_services) OR has(asked_services, service))) AS f
        ASOF JOIN weeks AS k ON f.one = k.one AND f.at >= k.window_start
        GROUP BY service, until
    ),
    -- Every service has a row for every week, so that 26 rows are 26 weeks.
    sums AS
    (
        SELECT service, until,
            if(sum(length(leads)) OVER trail = 0, NULL, toNullable(quantileExactInclusiveArray(0.5)(leads) OVER trail)) AS lead,
            if(sum(length(recoveries)) OVER trail = 0, NULL, toNullable(quantileExactInclusiveArray(0.5)(recoveries) OVER trail)) AS recovery,
            sum(deployed) OVER trail AS deployed, sum(tried) OVER trail AS tried, sum(failed) OVER trail AS failed, sum(succeeded) OVER trail AS succeeded,
            sum(reworked) OVER trail AS reworked
        FROM
        (
            SELECT s.service AS service, k.window_end AS until, y.leads AS leads, y.recoveries AS recoveries, y.deployed AS deployed, y.tried AS tried,
                y.failed AS failed, y.succeeded AS succeeded, y.reworked AS reworked
            FROM (SELECT DISTINCT service FROM payoff.service_coverage WHERE empty(asked_services) OR has(asked_services, service)) AS s
            CROSS JOIN (SELECT window_end FROM weeks WHERE window_start >= reached_from AND window_end <= asked_to) AS k
            LEFT JOIN weekly AS y ON y.service = s.service AND y.until = k.window_end
        )
        WINDOW trail AS (PARTITION BY service ORDER BY until ROWS BETWEEN 25 PRECEDING AND CURRENT ROW)
    ),
    covered AS
    (
        SELECT t.grain AS grain, t.window_start AS window_start, t.window_end AS window_end, t.until AS until, c.service AS service, c.team AS team, c.unit AS unit,
            greatest(t.since, c.first_at) AS covered_from, least(t.until, c.covered_to) AS covered_until,
            dateDiff('day', covered_from, covered_until - INTERVAL 1 MILLISECOND, zone) + 1 AS days,
            dateDiff('day', t.since, covered_from, zone) > 0 OR covered_until < t.until AS cut
        FROM trails AS t CROSS JOIN payoff.owned_coverage AS c
        WHERE c.tier = 'production' AND c.first_at < t.until AND c.covered_to > t.since AND c.known_to >= t.until
            -- A service's score is told of who owns it at the end.
            AND c.owned_from < least(t.until, c.covered_to) AND c.owned_to >= least(t.until, c.covered_to)
            AND (empty(asked_services) OR has(asked_services, c.service))
            AND (empty(asked_teams) OR has(asked_teams, c.team))
            AND (empty(asked_units) OR has(asked_units, c.unit))
    ),
    -- Each step reads columns of the one before: an alias is written out wherever it is
    -- named, and one of an alias of an alias many times over.
    components AS
    (
        SELECT c.grain AS grain, c.window_start AS window_start, c.window_end AS window_end, c.service AS service, c.unit AS unit, c.cut AS cut,
            -- Limits in milliseconds: an hour, a day, 7, 30 and 182 days; each interval has its lower bound.
            if(f.lead IS NULL, NULL, toNullable(arrayCount(limit -> ifNull(f.lead, 0) < limit, [15724800000., 2592000000., 604800000., 86400000., 3600000.]) / 5 * 10)) AS lead_score,
            if(f.recovery IS NULL, NULL, toNullable(arrayCount(limit -> ifNull(f.recovery, 0) < limit, [15724800000., 2592000000., 604800000., 86400000., 3600000.]) / 5 * 10)) AS recovery_score,
            toNullable(arrayCount(limit -> f.deployed * 7 / c.days >= limit, [7 / 182, 7 / 30, 1., 5., 10.]) / 5 * 10) AS frequency_score,
            if(f.tried = 0, NULL, toNullable(10 - f.failed / f.tried * 10)) AS fail_score,
            if(f.succeeded = 0, NULL, toNullable(10 - f.reworked / f.succeeded * 10)) AS rework_score
        FROM covered AS c
        LEFT JOIN sums AS f ON f.service = c.service AND f.until = c.until
    ),
    known AS
    (
        SELECT *,
            arrayMap(x -> assumeNotNull(x), arrayFilter(x -> x IS NOT NULL, [lead_score, recovery_score, frequency_score])) AS throughput,
            arrayMap(x -> assumeNotNull(x), arrayFilter(x -> x IS NOT NULL, [fail_score, rework_score])) AS stability
        FROM components
    ),
    overall AS
    (
        SELECT *, toUInt64(length(throughput) + length(stability)) AS parts,
            if(parts < 3, NULL, toNullable(arrayAvg(arrayConcat(throughput, stability)))) AS score
        FROM known
    ),
    scored AS
    (
        SELECT (grain, window_start, window_end) AS time, service, unit, cut, parts, score,
            [
                ('', score), ('{"stat":"throughput"}', if(empty(throughput), NULL, toNullable(arrayAvg(throughput)))),
                ('{"stat":"stability"}', if(empty(stability), NULL, toNullable(arrayAvg(stability)))),
                ('{"stat":"lead_time"}', lead_score), ('{"stat":"recovery"}', recovery_score), ('{"stat":"frequency"}', frequency_score),
                ('{"stat":"fail_rate"}', fail_score), ('{"stat":"rework"}', rework_score)
            ] AS figures
        FROM overall
    ),
    -- Two keys: the engine looks through all that a key is made of, once for each.
    grouped AS
    (
        SELECT time, who.1 AS service, who.2 AS unit, notEmpty(service) AS of_service,
            if(of_service, any(parts), countIf(score IS NOT NULL)) AS n,
            if(of_service, min(cut), minIf(cut, score IS NOT NULL)) AS cut,
            if(of_service, any(figures), [('', toNullable(quantileExactInclusiveIf(0.5)(assumeNotNull(score), score IS NOT NULL)))]) AS figures
        FROM scored AS s
        ARRAY JOIN [(toString(s.service), ''), ('', toString(s.unit))] AS who
        GROUP BY time, who
        HAVING of_service OR notEmpty(unit) AND n > 0
    )
SELECT
    time.1 AS grain, time.2 AS window_start, time.3 AS window_end, service, '' AS team, unit, stat.1 AS dims, stat.2 AS value,
    if(of_service AND dims = '', toNullable(toFloat64(n)), NULL) AS numerator, if(of_service AND dims = '', toNullable(5.), NULL) AS denominator,
    toUInt64(n) AS n, CAST(NULL, 'Nullable(Float64)') AS ci_low, CAST(NULL, 'Nullable(Float64)') AS ci_high,
    multiIf(value IS NULL, 'no_data', cut, 'partial', 'ok') AS quality
FROM grouped
ARRAY JOIN figures AS stat
