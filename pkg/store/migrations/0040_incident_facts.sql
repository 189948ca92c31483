-- What sources said of incidents, by fact, so that linking reads the incidents of a
-- service without a scan of all events.
CREATE TABLE IF NOT EXISTS payoff_private.incident_facts
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `incident` String COMMENT 'Provider''s id of the incident.',
    `service` LowCardinality(String) COMMENT 'Service it disturbs.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it was so.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the disturbance began, where the source says so.',
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the incident was created, where the source says so.',
    `impact` Nullable(Bool) COMMENT 'Whether users were affected; null when it is not said.',
    `severity` String COMMENT 'As the tool names it.',
    `cause` String COMMENT 'Stated cause.',
    `deployment` String COMMENT 'Deployment it names.',
    `commit` String COMMENT 'Commit it names.',
    `label` String COMMENT 'impacting, false_alarm, not_cause.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (incident, source, event_id)
COMMENT 'Reports about incidents, derived from event_log.'
