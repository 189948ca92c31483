-- Attempts by fact, derived from event_log, so that linking reads deployments of
-- a service without a scan of all events. A fact that another version told of another
-- service is taken from that one: there its last version stands as deleted.
CREATE TABLE IF NOT EXISTS payoff_private.attempts
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'service.deployed, service.upgraded, service.rolledback, service.removed, deployment.failed or deployment.started.',
    `attempt` String COMMENT 'Provider''s id of the attempt; its transitions share it.',
    `service` LowCardinality(String) COMMENT 'Service.',
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
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.',
    `deleted` UInt8 COMMENT '1: the fact''s last version tells of another service.'
)
ENGINE = ReplacingMergeTree(version, deleted)
ORDER BY (service, event_id)
COMMENT 'Attempts to deploy by fact, derived from event_log.'
