-- Which migrations this store has had. ClickHouse gives DDL no transaction: a row
-- is written after its statement succeeded, and every statement may be run again.
CREATE TABLE IF NOT EXISTS payoff.schema_migrations
(
    `number` UInt32 COMMENT 'Number of the migration; they are applied in this order.',
    `name` String COMMENT 'Its file name.',
    `checksum` String COMMENT 'SHA-256 of the file; an applied migration must not change.',
    `applied_at` DateTime64(3, 'UTC') COMMENT 'When it was recorded as applied.'
)
ENGINE = MergeTree
ORDER BY (number, applied_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Migrations applied to this store.'
