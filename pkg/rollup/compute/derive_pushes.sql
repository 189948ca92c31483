-- Pushes to branches among the new rows of the log.
INSERT INTO payoff_private.pushes
(repository, event_id, version, source, kind, occurred_at, ref, default_branch, before, commit, commits, forced, flags)
SELECT
    repository, event_id, version, source, kind, occurred_at, ref, body.defaultBranch, body.before, commit, body.commits, body.forced, flags
FROM
(
    SELECT *, JSONExtract(data, 'subject', 'content', 'Tuple(defaultBranch Bool, before String, commits Array(String), forced Bool)') AS body
    FROM payoff_private.event_log
    WHERE kind = 'branch.pushed' AND (/*new*/)
)
