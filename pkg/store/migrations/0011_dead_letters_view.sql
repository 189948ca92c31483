-- Everyone may see what is parked and why; its body stays in payoff_private.
CREATE OR REPLACE VIEW payoff.dead_letters
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log the record was read from.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record.',
    `partition` Int32 COMMENT 'Kafka partition of the record.',
    `offset` Int64 COMMENT 'Kafka offset of the record.',
    `source` LowCardinality(String) COMMENT 'Who sent it, where that is known.',
    `endpoint` LowCardinality(String) COMMENT 'The endpoint of the source that took it, where that is known.',
    `reason` String COMMENT 'Why it is no event, in words its sender can act on.',
    `field` String COMMENT 'The field that is wrong; empty when it is not one field.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it reached Payoff; when it was published, if it does not say.',
    `parked_at` DateTime64(3, 'UTC') COMMENT 'When it was put here.',
    `replayed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last sent through the mapping again; null if never.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    `log_epoch`, `topic`, `partition`, `offset`, `source`, `endpoint`, `reason`, `field`, `received_at`, `parked_at`, `replayed_at`
FROM payoff_private.dead_letters FINAL
COMMENT 'Records that could not be loaded and why; payoff dead shows and replays them.'
