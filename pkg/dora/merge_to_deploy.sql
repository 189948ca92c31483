-- Changes by people, by the window in which they came to the default branch: how
-- long they took to be deployed, or have waited up to the last midnight that is
-- known of. Midnight, so that the figure does not depend on the hour of computing.
SELECT f.grain AS grain, w.window_start AS window_start, w.window_end AS window_end, f.service AS service, f.team AS team, f.unit AS unit,
    toInt64(dateDiff('millisecond', f.merged_at, if(f.shipped_at IS NULL, f.midnight, assumeNotNull(f.shipped_at)))) AS ms,
    (f.shipped_at IS NOT NULL)::Bool AS event,
    (f.midnight < w.window_end)::Bool AS cut
FROM
(
    SELECT arrayJoin(asked_grains) AS grain, m.service AS service, m.team AS team, m.unit AS unit, m.merged_at AS merged_at, m.shipped_at AS shipped_at,
        c.midnight AS midnight
    FROM payoff.merged_changes AS m
    INNER JOIN payoff.service_coverage AS c ON c.service = m.service AND c.tier = m.tier
    WHERE m.tier = 'production' AND m.actor_kind != 'bot' AND (m.shipped_at IS NULL AND m.merged_at < midnight OR m.shipped_at >= m.merged_at)
        AND m.merged_at >= asked_from AND m.merged_at < asked_to
        AND (empty(asked_services) OR has(asked_services, m.service))
        AND (empty(asked_teams) OR has(asked_teams, m.team))
        AND (empty(asked_units) OR has(asked_units, m.unit))
) AS f
ASOF JOIN windows AS w ON f.grain = w.grain AND f.merged_at >= w.window_start
WHERE f.merged_at < w.window_end
