-- When work on a ticket began, for the stage from there to production.
CREATE TABLE IF NOT EXISTS payoff_private.work_items
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `ticket` String COMMENT 'Work item, as commits name it.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When work on it began; null where the fact does not say.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (ticket, source, event_id)
COMMENT 'Starts of work on tickets, derived from event_log.'
