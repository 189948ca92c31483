-- Offsets mean nothing without the log they number. When a log or a store is
-- replaced, loading goes on under a new epoch and old positions keep their meaning.
CREATE TABLE IF NOT EXISTS payoff_private.log_epochs
(
    `log_epoch` UInt32 COMMENT 'Number of the epoch, from 1; the greatest is current.',
    `log_id` String COMMENT 'Identity of the Kafka log, as the log itself states it.',
    `started_at` DateTime64(3, 'UTC') COMMENT 'When the epoch was opened.'
)
ENGINE = MergeTree
ORDER BY (log_epoch, started_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which Kafka log each epoch of positions belongs to.'
