-- Incidents as linking sees them, each with the deployment it marks, or none.
CREATE TABLE IF NOT EXISTS payoff_private.incidents
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `incident` String COMMENT 'Provider''s id.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `tier` LowCardinality(String) COMMENT 'Tier of its environment; production when it names none.',
    `began_at` DateTime64(3, 'UTC') COMMENT 'When the disturbance began: as stated, else when it was detected.',
    `created_at` DateTime64(3, 'UTC') COMMENT 'When it was created, else detected.',
    `detected_at` DateTime64(3, 'UTC') COMMENT 'When it began to be known.',
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When a person took it.',
    `mitigated_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When users were served again, after the last reopening.',
    `resolved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was over, after the last reopening.',
    `reopened_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last reopened.',
    `impact` Nullable(Bool) COMMENT 'Whether users were affected; null when it is not said.',
    `severity` String COMMENT 'As the tool names it.',
    `cause` String COMMENT 'Stated cause.',
    `named_deployment` String COMMENT 'Deployment it names.',
    `named_commit` String COMMENT 'Commit it names.',
    `state` LowCardinality(String) COMMENT 'placed: it marks a deployment; unattributed: it marks none; false_alarm, no_impact, other_cause, dismissed: it is not put down to any; unknown_service.',
    `deployment_id` Nullable(UUID) COMMENT 'Deployment it marks as failed.',
    `rule` LowCardinality(String) COMMENT 'Rule that placed it: a, b, c, d.',
    `duration_ms` Nullable(Int64) COMMENT 'resolved_at minus created_at in milliseconds; null while it is open, and where it is negative.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, incident, source)
COMMENT 'Incidents, linked from their reports.'
