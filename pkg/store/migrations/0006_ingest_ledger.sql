-- The truth of how far each partition is loaded: the loader goes on after the
-- greatest last_offset, whatever the consumer group says. A row is written once
-- all its records are stored, and ranges follow one another without a hole. An
-- epoch opens with one empty range per partition, where it starts. The projection
-- answers how far each partition is without reading years of entries.
CREATE TABLE IF NOT EXISTS payoff.ingest_ledger
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log; see payoff_private.log_epochs.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic.',
    `partition` Int32 COMMENT 'Kafka partition.',
    `first_offset` Int64 COMMENT 'First offset of the range.',
    `last_offset` Int64 COMMENT 'Last offset of the range, itself included; first_offset - 1 for an empty range.',
    `rows` UInt64 COMMENT 'Records of the range that are rows of event_log; 0 in a topic of sealed deliveries.',
    `parked` UInt64 COMMENT 'Records of the range that are in dead_letters.',
    `loader` LowCardinality(String) COMMENT 'Which loader wrote it.',
    `generation` Int32 COMMENT 'Generation of the consumer group in which it was loaded.',
    `loaded_at` DateTime64(3, 'UTC') COMMENT 'When it was written.',
    PROJECTION ends (SELECT `log_epoch`, `topic`, `partition`, max(`last_offset`) GROUP BY `log_epoch`, `topic`, `partition`)
)
ENGINE = MergeTree
ORDER BY (`log_epoch`, `topic`, `partition`, `last_offset`)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, lightweight_mutation_projection_mode = 'rebuild'
COMMENT 'Ranges of Kafka offsets that are loaded, with what became of them.'
