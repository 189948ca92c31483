-- Reports about pull requests among the new rows of the log.
INSERT INTO payoff_private.change_facts
(repository, change, event_id, version, source, kind, occurred_at, actor_kind, actor, merge_commit, head_commit, commits, commit_count, created_at, ready_at, default_branch, hotfix, reverts, fixes, tickets, flags)
SELECT
    repository, subject, event_id, version, source, kind, occurred_at, actor_kind, actor,
    JSONExtractString(custom, 'mergeCommit'), JSONExtractString(custom, 'headCommit'), JSONExtract(custom, 'commits', 'Array(String)'), JSONExtractInt(custom, 'commitCount'),
    parseDateTime64BestEffortOrNull(JSONExtractString(custom, 'createdAt'), 3, 'UTC'),
    parseDateTime64BestEffortOrNull(JSONExtractString(custom, 'readyAt'), 3, 'UTC'),
    JSONExtractBool(custom, 'defaultBranch'), JSONExtractBool(custom, 'hotfix'),
    JSONExtract(custom, 'reverts', 'Array(String)'), JSONExtract(custom, 'fixes', 'Array(String)'), JSONExtract(custom, 'tickets', 'Array(String)'), flags
FROM
(
    SELECT *, JSONExtractRaw(data, 'customData') AS custom
    FROM payoff_private.event_log
    WHERE startsWith(kind, 'change.') AND (/*new*/)
)
