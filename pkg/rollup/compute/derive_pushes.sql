-- Pushes to branches among the new rows of the log.
INSERT INTO payoff_private.pushes
(repository, event_id, version, source, kind, occurred_at, ref, default_branch, before, commit, commits, forced, flags)
SELECT
    repository, event_id, version, source, kind, occurred_at, ref, JSONExtractBool(body, 'defaultBranch'), JSONExtractString(body, 'before'), commit,
    JSONExtract(body, 'commits', 'Array(String)'), JSONExtractBool(body, 'forced'), flags
FROM
(
    SELECT *, JSONExtractRaw(data, 'subject', 'content') AS body
    FROM payoff_private.event_log
    WHERE kind = 'branch.pushed' AND (/*new*/)
)
