-- Commits among the new rows of the log, by repository. Repeatable: a fact's
-- greatest version replaces the others.
INSERT INTO payoff_private.commits
(repository, commit, source, event_id, version, parents, parents_known, authored_at, committed_at, actor_kind, actor, paths, paths_cut, reverts, cherry_pick_of, fixes, tickets, boundary, flags)
SELECT
    repository, commit, source, event_id, version,
    JSONExtract(body, 'parents', 'Array(String)') AS parents,
    JSONHas(body, 'parents') OR source = 'git' AS parents_known,
    parseDateTime64BestEffortOrNull(JSONExtractString(body, 'authorTime'), 3, 'UTC') AS authored_at,
    occurred_at AS committed_at,
    actor_kind, actor,
    JSONExtract(body, 'paths', 'Array(String)'),
    JSONExtractBool(body, 'pathsCut'),
    JSONExtract(body, 'reverts', 'Array(String)'),
    JSONExtractString(body, 'cherryPickOf'),
    JSONExtract(body, 'fixes', 'Array(String)'),
    JSONExtract(body, 'tickets', 'Array(String)'),
    JSONExtractBool(body, 'boundary'),
    flags
FROM
(
    SELECT *, JSONExtractRaw(data, 'subject', 'content') AS body
    FROM payoff_private.event_log
    WHERE kind = 'commit.recorded' AND (/*new*/)
)
