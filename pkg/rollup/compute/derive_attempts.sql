-- Reports of attempts among the new rows of the log. CDEvents leaves commit and
-- version to customData; our own types have them in the content.
INSERT INTO payoff_private.attempts
(event_id, version, source, kind, attempt, service, environment, repository, commit, artifact_version, ref, run_id, outcome, started_at, occurred_at, time_quality, aliases, fixes, hotfix, flags)
SELECT
    event_id, version, source, kind,
    if(body.attempt != '', body.attempt, custom.attempt),
    service, environment, repository, commit,
    if(body.version != '', body.version, custom.version),
    ref,
    if(body.runId != '', body.runId, custom.runId),
    multiIf(kind IN ('service.deployed', 'service.upgraded', 'service.rolledback'), 'succeeded',
            kind = 'deployment.failed', if(outcome IN ('failed', 'cancelled', 'unknown'), outcome, 'failed'), ''),
    started_at, occurred_at,
    if(body.timeQuality != '', body.timeQuality, custom.timeQuality),
    if(notEmpty(body.aliases), body.aliases, custom.aliases),
    if(notEmpty(body.fixes), body.fixes, custom.fixes),
    body.hotfix OR custom.hotfix,
    flags
FROM
(
    SELECT *,
        JSONExtract(data, 'subject', 'content', 'Tuple(attempt String, version String, runId String, timeQuality String, aliases Array(String), fixes Array(String), hotfix Bool)') AS body,
        JSONExtract(data, 'customData', 'Tuple(attempt String, version String, runId String, timeQuality String, aliases Array(String), fixes Array(String), hotfix Bool)') AS custom
    FROM payoff_private.event_log
    WHERE kind IN (/*attempts*/) AND (/*new*/)
)
SETTINGS short_circuit_function_evaluation = 'disable' -- or the body is read anew for every field
