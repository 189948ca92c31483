-- What people said about failed deployments: a correction is an event like others,
-- so it has a date, can be read and can be taken back.
CREATE TABLE IF NOT EXISTS payoff_private.corrections
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it was said.',
    `service` LowCardinality(String) COMMENT 'Service.',
    `deployment` String COMMENT 'Deployment it is about: any of its names.',
    `incident` String COMMENT 'Incident it is about.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY event_id
COMMENT 'Confirmed and dismissed failures, derived from event_log.'
