-- Reports about pull requests among the new rows of the log.
INSERT INTO payoff_private.change_facts
(repository, change, event_id, version, source, kind, occurred_at, actor_kind, actor, merge_commit, head_commit, commits, commit_count, created_at, ready_at, default_branch, hotfix, reverts, fixes, tickets, flags)
SELECT
    repository, subject, event_id, version, source, kind, occurred_at, actor_kind, actor, custom.mergeCommit, custom.headCommit, custom.commits, custom.commitCount,
    parseDateTime64BestEffortOrNull(custom.createdAt, 3, 'UTC'), parseDateTime64BestEffortOrNull(custom.readyAt, 3, 'UTC'),
    custom.defaultBranch, custom.hotfix, custom.reverts, custom.fixes, custom.tickets, flags
FROM
(
    SELECT *,
        JSONExtract(data, 'customData', 'Tuple(mergeCommit String, headCommit String, commits Array(String), commitCount Int64, createdAt String, readyAt String,
            defaultBranch Bool, hotfix Bool, reverts Array(String), fixes Array(String), tickets Array(String))') AS custom
    FROM payoff_private.event_log
    WHERE startsWith(kind, 'change.') AND (/*new*/)
)
