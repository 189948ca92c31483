-- Starts of work on tickets among the new rows of the log.
INSERT INTO payoff_private.work_items
(event_id, version, source, kind, ticket, started_at)
SELECT event_id, version, source, kind, subject, assumeNotNull(started_at)
FROM payoff_private.event_log
WHERE startsWith(kind, 'ticket.') AND started_at IS NOT NULL AND NOT has(flags, 'impossible_time') AND (/*new*/)
