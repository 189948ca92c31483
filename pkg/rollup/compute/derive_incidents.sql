-- Reports about incidents among the new rows of the log, and the labels of their
-- pages: a page labelled a false alarm says so of its incident.
INSERT INTO payoff_private.incident_facts
(event_id, version, source, kind, incident, service, environment, occurred_at, started_at, created_at, impact, severity, cause, deployment, commit, label, flags)
SELECT
    event_id, version, source, kind, incident, service, environment, occurred_at, started_at,
    parseDateTime64BestEffortOrNull(if(body.createdAt != '', body.createdAt, custom.createdAt), 3, 'UTC'),
    ifNull(body.impact, custom.impact),
    if(body.severity != '', body.severity, custom.severity),
    if(body.cause != '', body.cause, custom.cause),
    if(body.deployment != '', body.deployment, custom.deployment),
    commit,
    if(body.label != '', body.label, custom.label),
    flags
FROM
(
    SELECT *,
        JSONExtract(data, 'subject', 'content', 'Tuple(createdAt String, impact Nullable(Bool), severity String, cause String, deployment String, label String)') AS body,
        JSONExtract(data, 'customData', 'Tuple(createdAt String, impact Nullable(Bool), severity String, cause String, deployment String, label String)') AS custom
    FROM payoff_private.event_log
    WHERE (startsWith(kind, 'incident.') OR kind = 'page.labelled' AND incident != '') AND (/*new*/)
)
SETTINGS short_circuit_function_evaluation = 'disable' -- or the body is read anew for every field
