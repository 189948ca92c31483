-- Reports about incidents among the new rows of the log, and the labels of their
-- pages: a page labelled a false alarm says so of its incident.
INSERT INTO payoff_private.incident_facts
(event_id, version, source, kind, incident, service, environment, occurred_at, started_at, created_at, impact, severity, cause, deployment, commit, label, flags)
SELECT
    event_id, version, source, kind, incident, service, environment, occurred_at, started_at,
    parseDateTime64BestEffortOrNull(if(JSONHas(body, 'createdAt'), JSONExtractString(body, 'createdAt'), JSONExtractString(custom, 'createdAt')), 3, 'UTC'),
    multiIf(JSONHas(body, 'impact'), toNullable(JSONExtractBool(body, 'impact')), JSONHas(custom, 'impact'), toNullable(JSONExtractBool(custom, 'impact')), NULL),
    if(JSONHas(body, 'severity'), JSONExtractString(body, 'severity'), JSONExtractString(custom, 'severity')),
    if(JSONHas(body, 'cause'), JSONExtractString(body, 'cause'), JSONExtractString(custom, 'cause')),
    if(JSONHas(body, 'deployment'), JSONExtractString(body, 'deployment'), JSONExtractString(custom, 'deployment')),
    commit,
    if(JSONHas(body, 'label'), JSONExtractString(body, 'label'), JSONExtractString(custom, 'label')),
    flags
FROM
(
    SELECT *, JSONExtractRaw(data, 'subject', 'content') AS body, JSONExtractRaw(data, 'customData') AS custom
    FROM payoff_private.event_log
    WHERE (startsWith(kind, 'incident.') OR kind = 'page.labelled' AND incident != '') AND (/*new*/)
)
