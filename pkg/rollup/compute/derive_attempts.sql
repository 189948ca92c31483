-- Reports of attempts among the new rows of the log. CDEvents leaves commit and
-- version to customData; our own types have them in the content.
INSERT INTO payoff_private.attempts
(event_id, version, source, kind, attempt, service, environment, repository, commit, artifact_version, ref, run_id, outcome, started_at, occurred_at, time_quality, aliases, fixes, hotfix, flags)
SELECT
    event_id, version, source, kind,
    if(JSONHas(body, 'attempt'), JSONExtractString(body, 'attempt'), JSONExtractString(custom, 'attempt')),
    service, environment, repository, commit,
    if(JSONHas(body, 'version'), JSONExtractString(body, 'version'), JSONExtractString(custom, 'version')),
    ref,
    if(JSONHas(body, 'runId'), JSONExtractString(body, 'runId'), JSONExtractString(custom, 'runId')),
    multiIf(kind IN ('service.deployed', 'service.upgraded', 'service.rolledback'), 'succeeded',
            kind = 'deployment.failed', if(outcome IN ('failed', 'cancelled', 'unknown'), outcome, 'failed'), ''),
    started_at, occurred_at,
    if(JSONHas(body, 'timeQuality'), JSONExtractString(body, 'timeQuality'), JSONExtractString(custom, 'timeQuality')),
    if(JSONHas(body, 'aliases'), JSONExtract(body, 'aliases', 'Array(String)'), JSONExtract(custom, 'aliases', 'Array(String)')),
    if(JSONHas(body, 'fixes'), JSONExtract(body, 'fixes', 'Array(String)'), JSONExtract(custom, 'fixes', 'Array(String)')),
    JSONExtractBool(body, 'hotfix') OR JSONExtractBool(custom, 'hotfix'),
    flags
FROM
(
    SELECT *, JSONExtractRaw(data, 'subject', 'content') AS body, JSONExtractRaw(data, 'customData') AS custom
    FROM payoff_private.event_log
    WHERE kind IN ('service.deployed', 'service.upgraded', 'service.rolledback', 'service.removed', 'deployment.failed', 'deployment.started') AND (/*new*/)
)
