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
WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    (f.service, toStartOfQuarter(f.occurred_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '') AS hidden
SELECT event_id, source, kind, if(hidden, '', f.attempt) AS attempt, if(hidden, '', f.service) AS service, environment,
    if(hidden, '', f.repository) AS repository, if(hidden, '', f.commit) AS commit, if(hidden, '', f.artifact_version) AS artifact_version,
    if(hidden, '', f.ref) AS ref, if(hidden, '', f.run_id) AS run_id, outcome, started_at, occurred_at, time_quality,
    if(hidden, [], f.aliases) AS aliases, fixes, hotfix, flags
FROM payoff_private.attempts AS f FINAL
COMMENT 'Tries to put one version of one service into one environment, as reported.'
