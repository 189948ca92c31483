-- Commits among the new rows of the log, by repository. Repeatable: a fact's
-- greatest version replaces the others. The body is read once, as a tuple.
INSERT INTO payoff_private.commits
(repository, commit, source, event_id, version, parents, parents_known, authored_at, committed_at, actor_kind, actor, paths, paths_cut, reverts, cherry_pick_of, fixes, tickets, boundary, flags)
SELECT
    repository, commit, source, event_id, version, body.parents,
    notEmpty(body.parents) OR source = 'git' OR JSONHas(data, 'subject', 'content', 'parents') AS parents_known,
    parseDateTime64BestEffortOrNull(body.authorTime, 3, 'UTC') AS authored_at,
    occurred_at AS committed_at, actor_kind, actor, body.paths, body.pathsCut, body.reverts, body.cherryPickOf, body.fixes, body.tickets, body.boundary, flags
FROM
(
    SELECT *,
        JSONExtract(data, 'subject', 'content', 'Tuple(parents Array(String), authorTime String, paths Array(String), pathsCut Bool, reverts Array(String),
            cherryPickOf String, fixes Array(String), tickets Array(String), boundary Bool)') AS body
    FROM payoff_private.event_log
    WHERE kind = 'commit.recorded' AND (/*new*/)
)
