-- Takes attempts of which another version tells of another service from all but the
-- service of the last version, which may be known already or arrive later.
INSERT INTO payoff_private.attempts (service, event_id, version, deleted)
SELECT arrayJoin(arrayFilter(s -> s != last.2, services)) AS service, event_id, last.1, 1
FROM
(
    SELECT event_id, max((version, toString(service))) AS last, groupUniqArray(toString(service)) AS services
    FROM payoff_private.event_log
    WHERE event_id IN (SELECT event_id FROM payoff_private.event_log WHERE kind IN (/*attempts*/) AND (/*new*/))
    GROUP BY event_id
    HAVING length(services) > 1
)
