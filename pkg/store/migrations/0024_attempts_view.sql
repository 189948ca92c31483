-- The current version of each attempt, for analysts.
CREATE OR REPLACE VIEW payoff.attempts
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'service.deployed, service.upgraded, service.rolledback, service.removed, deployment.failed or deployment.started.',
    `attempt` String COMMENT 'Provider''s id of the attempt; its transitions share it.',
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Commit that was deployed.',
    `artifact_version` String COMMENT 'Version as the team names it.',
    `ref` String COMMENT 'Branch or tag that was deployed.',
    `run_id` String COMMENT 'Pipeline run that did it.',
    `outcome` LowCardinality(String) COMMENT 'succeeded, failed, cancelled, unknown; empty while it runs.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began, where the source says so.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When the event happened: the end of an attempt that ended.',
    `time_quality` LowCardinality(String) COMMENT 'commit: the time is that of the commit.',
    `aliases` Array(String) COMMENT 'Further names of the version.',
    `fixes` Array(String) COMMENT 'Deployments or incidents it repairs.',
    `hotfix` Bool COMMENT 'Marked as a hotfix.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT event_id, source, kind, attempt, f.named AS service, environment, repository, commit, artifact_version, ref, run_id, outcome,
    started_at, occurred_at, time_quality, aliases, fixes, hotfix, flags
FROM
(
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT *, service AS named FROM payoff_private.attempts FINAL
    WHERE (service, toStartOfQuarter(occurred_at, zone)) NOT IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
    UNION ALL
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT * REPLACE ('' AS attempt, '' AS repository, '' AS commit, '' AS artifact_version, '' AS ref, '' AS run_id, [] AS aliases), '' AS named FROM payoff_private.attempts FINAL
    WHERE (service, toStartOfQuarter(occurred_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
        AND service IN (SELECT service FROM payoff_private.hidden FINAL WHERE repository = '')
) AS f
COMMENT 'Tries to put one version of one service into one environment, as reported.'
