-- Who is called tells of rotations, labels and services, never of persons.
CREATE OR REPLACE VIEW payoff.pages
(
    `page` String COMMENT 'Provider''s id.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `rotation` String COMMENT 'On-call rotation that was called.',
    `service` String COMMENT 'Service it is about; empty when none is named, and in a quarter in which it is shown only inside its unit.',
    `incident` String COMMENT 'Incident it belongs to; empty when none is named.',
    `key` String COMMENT 'De-duplication key: notifications of one key before it resolves are one page.',
    `urgency` String COMMENT 'As the tool names it.',
    `triggered_at` DateTime64(3, 'UTC') COMMENT 'When a person was first called.',
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When a person first answered.',
    `resolved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended, the last time; null while it goes on.',
    `label` String COMMENT 'What somebody said it was, the last time: impacting, false_alarm, not_cause; empty while nobody did.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT subject AS page, source, argMaxIf(c.rotation, occurred_at, c.rotation != '') AS rotation, argMaxIf(toString(e.service), occurred_at, e.service != '') AS service,
    argMaxIf(e.incident, occurred_at, e.incident != '') AS incident, argMaxIf(c.key, occurred_at, c.key != '') AS key,
    argMaxIf(c.urgency, occurred_at, c.urgency != '') AS urgency, minIf(occurred_at, kind = 'page.triggered') AS triggered_at,
    minOrNullIf(occurred_at, kind = 'page.acknowledged') AS acknowledged_at,
    if(maxIf(occurred_at, kind = 'page.resolved') < maxIf(occurred_at, kind = 'page.triggered'), NULL, maxOrNullIf(occurred_at, kind = 'page.resolved')) AS resolved_at,
    argMaxIf(c.label, occurred_at, c.label != '') AS label
FROM
(
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
        (f.service, toStartOfQuarter(f.occurred_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '') AS hidden
    SELECT kind, source, subject, occurred_at, if(hidden, '', f.service) AS service, incident,
        JSONExtract(data, 'subject', 'content', 'Tuple(rotation String, key String, urgency String, label String)') AS c
    FROM payoff_private.events AS f FINAL
    WHERE kind IN ('page.triggered', 'page.acknowledged', 'page.resolved', 'page.labelled') AND NOT has(flags, 'impossible_time')
) AS e
GROUP BY source, subject
HAVING countIf(kind = 'page.triggered') > 0
COMMENT 'Calls of a person, each with its rotation and what it turned out to be.'
