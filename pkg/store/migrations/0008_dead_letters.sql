-- Records that could not become rows: poison costs one row, and nothing is lost
-- silently. One row per position whichever loader parked it; a replay raises the
-- revision, so it is never undone by a loader that wakes up late.
CREATE TABLE IF NOT EXISTS payoff_private.dead_letters
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log; see payoff_private.log_epochs.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record.',
    `partition` Int32 COMMENT 'Kafka partition of the record.',
    `offset` Int64 COMMENT 'Kafka offset of the record.',
    `source` LowCardinality(String) COMMENT 'Who sent it, where that is known.',
    `endpoint` LowCardinality(String) COMMENT 'The endpoint of the source that took it, where that is known.',
    `reason` String COMMENT 'Why it is no event, in words its sender can act on.',
    `field` String COMMENT 'The field that is wrong; empty when it is not one field.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it reached Payoff; when it was published, if it does not say.',
    `parked_at` DateTime64(3, 'UTC') COMMENT 'When it was put here.',
    `replayed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last sent through the mapping again; null if never.',
    `revision` UInt32 COMMENT 'How often it was replayed; the greatest is current.',
    `sealed` Bool COMMENT 'Whether body is sealed to the delivery key.',
    `headers` Map(LowCardinality(String), String) COMMENT 'Headers of the record.',
    `key` String COMMENT 'Key of the record.',
    `body` String COMMENT 'The record as it was.' CODEC(ZSTD)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (`log_epoch`, `topic`, `partition`, `offset`)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Records that could not be loaded, with their bodies. Read it FINAL, or through payoff.dead_letters.'
