-- DORA's quick check over the 26 complete weeks that end with or before the window.
-- A component that cannot be known is left out; of fewer than three there is no
-- score. A unit shows the median of its services'.
WITH
    (SELECT max(value) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    weeks AS
    (
        SELECT 1 AS one, window_start, window_end, lagInFrame(window_start, 25, window_start) OVER (ORDER BY window_start ROWS BETWEEN 25 PRECEDING AND CURRENT ROW) AS since
        FROM payoff.calendar WHERE grain = 'week'
    ),
    trails AS
    (
        SELECT w.grain AS grain, w.window_start AS window_start, w.window_end AS window_end, k.since AS since, k.window_end AS until
        FROM (SELECT *, 1 AS one FROM windows WHERE window_end > (SELECT min(first_at) FROM payoff.service_coverage)
            AND (grain = 'range' OR window_start < (SELECT max(known_to) FROM payoff.service_coverage))) AS w
        ASOF JOIN weeks AS k ON w.one = k.one AND w.window_end >= k.window_end
    ),
    steps AS
    (
        SELECT t.grain AS grain, t.window_start AS window_start, t.since AS since, t.until AS until, k.window_start AS week
        FROM trails AS t CROSS JOIN weeks AS k
        WHERE k.window_start >= t.since AND k.window_start < t.until
    ),
    facts AS
    (
        SELECT service, shipped_at AS at, lead_ms AS lead, CAST(NULL, 'Nullable(Int64)') AS recovery, false AS deployed, false AS tried, false AS failed, false AS succeeded, false AS reworked
        FROM payoff.shipped_changes WHERE tier = 'production' AND NOT baseline AND actor_kind != 'bot' AND lead_ms IS NOT NULL
        UNION ALL
        SELECT service, ended_at, NULL, NULL, class != 'redeployment', true, false, true, notEmpty(rework) FROM payoff.deployments WHERE tier = 'production' AND succeeded
        UNION ALL
        SELECT service, ended_at, NULL, recovery_ms, false, NOT succeeded, true, false, false FROM payoff.failed_deployments WHERE tier = 'production'
    ),
    weekly AS
    (
        SELECT f.service AS service, k.window_start AS week, groupArray(f.lead) AS leads, groupArray(f.recovery) AS recoveries,
            countIf(f.deployed) AS deployed, countIf(f.tried) AS tried, countIf(f.failed) AS failed, countIf(f.succeeded) AS succeeded, countIf(f.reworked) AS reworked
        FROM (SELECT *, 1 AS one FROM facts WHERE at >= (SELECT min(since) FROM trails) AND at < (SELECT max(until) FROM trails)
            AND (empty((SELECT services FROM asked)) OR has((SELECT services FROM asked), service))) AS f
        ASOF JOIN weeks AS k ON f.one = k.one AND f.at >= k.window_start
        GROUP BY service, week
    ),
    sums AS
    (
        SELECT s.grain AS grain, s.window_start AS window_start, y.service AS service,
            if(sum(length(y.leads)) = 0, NULL, toNullable(quantileExactInclusiveArray(0.5)(y.leads))) AS lead,
            if(sum(length(y.recoveries)) = 0, NULL, toNullable(quantileExactInclusiveArray(0.5)(y.recoveries))) AS recovery,
            sum(y.deployed) AS deployed, sum(y.tried) AS tried, sum(y.failed) AS failed, sum(y.succeeded) AS succeeded, sum(y.reworked) AS reworked
        FROM steps AS s INNER JOIN weekly AS y ON y.week = s.week
        GROUP BY grain, window_start, service
    ),
    covered AS
    (
        SELECT t.grain AS grain, t.window_start AS window_start, t.window_end AS window_end, c.service AS service, c.team AS team, c.unit AS unit,
            greatest(t.since, c.first_at) AS covered_from, least(t.until, c.covered_to) AS covered_until,
            dateDiff('day', covered_from, covered_until - INTERVAL 1 MILLISECOND, zone) + 1 AS days,
            dateDiff('day', t.since, covered_from, zone) > 0 OR covered_until < t.until AS cut
        FROM trails AS t CROSS JOIN payoff.owned_coverage AS c
        WHERE c.tier = 'production' AND c.first_at < t.until AND c.covered_to > t.since AND c.known_to >= t.until
            -- A service's score is told of who owns it at the end.
            AND c.owned_from < least(t.until, c.covered_to) AND c.owned_to >= least(t.until, c.covered_to)
            AND (empty((SELECT services FROM asked)) OR has((SELECT services FROM asked), c.service))
            AND (empty((SELECT teams FROM asked)) OR has((SELECT teams FROM asked), c.team))
            AND (empty((SELECT units FROM asked)) OR has((SELECT units FROM asked), c.unit))
    ),
    scored AS
    (
        SELECT c.grain AS grain, c.window_start AS window_start, c.window_end AS window_end, c.service AS service, c.team AS team, c.unit AS unit, c.cut AS cut,
            -- Limits in milliseconds: an hour, a day, 7, 30 and 182 days; each interval has its lower bound.
            arrayCount(limit -> ifNull(f.lead, 0) < limit, [15724800000., 2592000000., 604800000., 86400000., 3600000.]) + 1 AS lead_category,
            arrayCount(limit -> ifNull(f.recovery, 0) < limit, [15724800000., 2592000000., 604800000., 86400000., 3600000.]) + 1 AS recovery_category,
            f.deployed * 7 / c.days AS frequency,
            arrayCount(limit -> frequency >= limit, [7 / 182, 7 / 30, 1., 5., 10.]) + 1 AS frequency_category,
            if(f.lead IS NULL, NULL, toNullable((lead_category - 1) / 5 * 10)) AS lead_score,
            if(f.recovery IS NULL, NULL, toNullable((recovery_category - 1) / 5 * 10)) AS recovery_score,
            toNullable((frequency_category - 1) / 5 * 10) AS frequency_score,
            if(f.tried = 0, NULL, toNullable(10 - f.failed / f.tried * 10)) AS fail_score,
            if(f.succeeded = 0, NULL, toNullable(10 - f.reworked / f.succeeded * 10)) AS rework_score,
            arrayMap(x -> assumeNotNull(x), arrayFilter(x -> x IS NOT NULL, [lead_score, recovery_score, frequency_score])) AS throughput,
            arrayMap(x -> assumeNotNull(x), arrayFilter(x -> x IS NOT NULL, [fail_score, rework_score])) AS stability,
            arrayConcat(throughput, stability) AS components,
            if(length(components) < 3, NULL, toNullable(arrayAvg(components))) AS score
        FROM covered AS c
        LEFT JOIN sums AS f ON f.grain = c.grain AND f.window_start = c.window_start AND f.service = c.service
    )
SELECT
    grain, window_start, window_end, service, '' AS team, '' AS unit, stat.1 AS dims, stat.2 AS value,
    if(dims = '', toNullable(toFloat64(length(components))), NULL) AS numerator, if(dims = '', toNullable(5.), NULL) AS denominator,
    toUInt64(length(components)) AS n, CAST(NULL, 'Nullable(Float64)') AS ci_low, CAST(NULL, 'Nullable(Float64)') AS ci_high,
    multiIf(value IS NULL, 'no_data', cut, 'partial', 'ok') AS quality
FROM scored
ARRAY JOIN
[
    ('', score), ('{"stat":"throughput"}', if(empty(throughput), NULL, toNullable(arrayAvg(throughput)))),
    ('{"stat":"stability"}', if(empty(stability), NULL, toNullable(arrayAvg(stability)))),
    ('{"stat":"lead_time"}', lead_score), ('{"stat":"recovery"}', recovery_score), ('{"stat":"frequency"}', frequency_score),
    ('{"stat":"fail_rate"}', fail_score), ('{"stat":"rework"}', rework_score)
] AS stat
UNION ALL
SELECT
    grain, window_start, any(window_end) AS window_end, '' AS service, '' AS team, unit, '' AS dims, toNullable(quantileExactInclusive(0.5)(assumeNotNull(score))) AS value,
    CAST(NULL, 'Nullable(Float64)') AS numerator, CAST(NULL, 'Nullable(Float64)') AS denominator, count() AS n,
    CAST(NULL, 'Nullable(Float64)') AS ci_low, CAST(NULL, 'Nullable(Float64)') AS ci_high, if(min(cut), 'partial', 'ok') AS quality
FROM scored WHERE unit != '' AND score IS NOT NULL
GROUP BY grain, window_start, unit
