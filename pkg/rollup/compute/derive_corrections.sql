-- What people said of failures among the new rows of the log.
INSERT INTO payoff_private.corrections
(event_id, version, source, kind, occurred_at, service, deployment, incident, flags)
SELECT
    event_id, version, source, kind, occurred_at, service, JSONExtractString(data, 'subject', 'content', 'deployment'), incident, flags
FROM payoff_private.event_log
WHERE kind IN ('failure.confirmed', 'failure.dismissed') AND (/*new*/)
