-- Starts of work on tickets among the new rows of the log. A version that names none
-- is taken, too: it replaces one that did.
INSERT INTO payoff_private.work_items
(event_id, version, source, kind, ticket, started_at)
SELECT event_id, version, source, kind, subject, if(has(flags, 'impossible_time'), NULL, started_at)
FROM payoff_private.event_log
WHERE startsWith(kind, 'ticket.') AND (/*new*/)
