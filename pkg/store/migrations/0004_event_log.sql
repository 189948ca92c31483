-- What was read from Kafka, one row per record: the ground every derived table is
-- healed from. The key is the record's position and nothing else, so two reports
-- of one fact are two rows; rows with one position are one record that two
-- loaders wrote, of which FINAL keeps one. Loading never goes back in time, so
-- partitions by load month are closed for good; fsync makes an acknowledged
-- insert survive a power cut, since the group's commit follows it.
CREATE TABLE IF NOT EXISTS payoff_private.event_log
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log the row was read from; raised when the log is replaced.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic the row was read from.',
    `partition` Int32 COMMENT 'Kafka partition.',
    `offset` Int64 COMMENT 'Kafka offset; (log_epoch, topic, partition, offset) is the row''s position.' CODEC(Delta, ZSTD),
    `loaded_at` DateTime64(3, 'UTC') COMMENT 'When the row was loaded.' CODEC(Delta, ZSTD),
    `event_id` UUID COMMENT 'Identity of the fact: the same for a webhook, its redelivery and the API''s answer.' CODEC(NONE),
    `version` UInt256 COMMENT 'Version of the fact: mapping, provider''s sequence, hash of the data. The greatest is current.' CODEC(ZSTD),
    `source` LowCardinality(String) COMMENT 'Who reported the fact.',
    `kind` LowCardinality(String) COMMENT 'What happened, e.g. service.deployed.',
    `type` LowCardinality(String) COMMENT 'CloudEvents type, with the version the sender wrote.',
    `subject` String COMMENT 'The entity it happened to: a service, a commit, an incident.' CODEC(ZSTD),
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it happened.',
    `recorded_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the provider last touched its record, if it says so.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it reached Payoff.' CODEC(Delta, ZSTD),
    `actor_kind` LowCardinality(String) COMMENT 'human, bot, or empty when unknown.',
    `actor` String COMMENT 'Pseudonym of a person, or name of a bot.' CODEC(ZSTD),
    `service` LowCardinality(String) COMMENT 'Service it is about.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Commit hash.' CODEC(ZSTD),
    `ref` String COMMENT 'Branch or tag.' CODEC(ZSTD),
    `outcome` LowCardinality(String) COMMENT 'How it ended.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began, where the body says so.',
    `incident` String COMMENT 'Incident it belongs to.' CODEC(ZSTD),
    `team` LowCardinality(String) COMMENT 'Team the event itself names.',
    `unit` String COMMENT 'Unit that used or was offered a capability: a team, a service or a person''s pseudonym.' CODEC(ZSTD),
    `capability` LowCardinality(String) COMMENT 'Capability it is about.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about the fact, e.g. impossible_time.',
    `data` String COMMENT 'The canonical CDEvents body, JSON.' CODEC(ZSTD),
    -- Every run of computing asks which other versions of the new facts there are.
    INDEX event_ids event_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(loaded_at)
ORDER BY (`log_epoch`, `topic`, `partition`, `offset`)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row per Kafka record, by its position. Read it FINAL, or through payoff.event_log.'
