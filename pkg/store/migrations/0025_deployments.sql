-- Deployments are linked from attempts by code that needs order; each run writes
-- only what changed. The generation is the number of log rows a run had seen, so
-- a run that saw less can never replace what one that saw more has written.
CREATE TABLE IF NOT EXISTS payoff_private.deployments
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'production, staging, testing, development or unknown, by the configured rules.',
    `deployment_id` UUID COMMENT 'Identity: that of its first attempt.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `source` LowCardinality(String) COMMENT 'Who reported its first attempt.',
    `repository` LowCardinality(String) COMMENT 'Repository of its first part.',
    `environments` Array(String) COMMENT 'Environments it went to.',
    `commit` String COMMENT 'Commit of its first part.',
    `artifact_version` String COMMENT 'Version as the team names it.',
    `started_at` DateTime64(3, 'UTC') COMMENT 'First start of its attempts.',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'Last end of its attempts.',
    `succeeded` Bool COMMENT 'The latest attempt of each part succeeded.',
    `class` LowCardinality(String) COMMENT 'baseline, release, redeployment, rollback, re_release, or unsuccessful.',
    `marks` Nullable(UUID) COMMENT 'Rollback: the deployment it marks as failed.',
    `attempts` UInt32 COMMENT 'Attempts that make it.',
    `changes` UInt32 COMMENT 'Changes it shipped, baseline not counted.',
    `names` Array(String) COMMENT 'All it may be called by: identities of its attempts and runs, versions, commits.',
    `hotfix` Bool COMMENT 'Marked as a hotfix, by itself or by a pull request it shipped.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it says it repairs.',
    `takes_back` Array(String) COMMENT 'Deployments of whose changes it ships a revert, shipped less than the remedy window before.',
    `rework` Array(LowCardinality(String)) COMMENT 'Why it is rework: rollback, revert, hotfix, names_repaired; empty if it is not.',
    `link_quality` LowCardinality(String) COMMENT 'commit, push_order, or unknown_commit: its commit is not in the known history.',
    `time_quality` LowCardinality(String) COMMENT 'commit: its time is that of the commit.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, deployment_id)
COMMENT 'Deployments, linked from attempts.'
