-- Deployments that needed intervention, with the rule that says so and what ended it.
CREATE TABLE IF NOT EXISTS payoff_private.failed_deployments
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'production, staging, testing, development or unknown, by the configured rules.',
    `deployment_id` UUID COMMENT 'The deployment.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'End of the deployment: it counts in this window.',
    `succeeded` Bool COMMENT 'Whether the deployment itself succeeded.',
    `rule` LowCardinality(String) COMMENT 'Strongest rule: confirmed by a person; a: an incident names it; b: rolled back or reverted; c: a hotfix followed; d: an incident soon after.',
    `incidents` Array(String) COMMENT 'Incidents put down to it.',
    `remedies` Array(String) COMMENT 'Deployments that rolled it back, reverted or fixed it.',
    `failed_at` DateTime64(3, 'UTC') COMMENT 'The earlier of the deployment''s end and its first incident''s begin.',
    `restored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the last of its incidents was mitigated, else resolved; without incidents the end of the first remedy.',
    `recovery_ms` Nullable(Int64) COMMENT 'restored_at minus failed_at in milliseconds; null while it is open, and where it is not positive.',
    `open` Bool COMMENT 'Not restored yet.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, deployment_id)
COMMENT 'Failed deployments.'
