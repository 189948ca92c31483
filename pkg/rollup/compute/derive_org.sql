-- Declarations of the organisation among the new rows of the log. Repeatable: an
-- entity's greatest version replaces the others.
INSERT INTO payoff_private.org_declared (source, subject, class, name, event_id, version, rows)
SELECT source, subject, splitByChar('/', subject)[1] AS class, substring(subject, length(class) + 2) AS name, event_id, version,
    JSONExtractRaw(data, 'subject', 'content', 'rows')
FROM payoff_private.event_log
WHERE kind = 'org.declared' AND (/*new*/)
